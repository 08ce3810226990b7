/* context_run.c - a run of a context: it writes the dims if the batch is another one, lets the inputs in, lets the backend go,
 * and brings the outputs out. It allocates, opens and formats nothing (a failing run formats its sentence, on the stack).
 *
 *     memory is the host's   the caller's buffers are patched into the steps, the work is done when enqueue returns
 *     it is not              enqueue:  caller -> pinned memory -> device, steps, device -> pinned memory, all but the first
 *                                      copy behind enqueue's back
 *                            wait:     pinned memory -> caller
 *
 * Inputs go in pieces, so that one is copied into pinned memory while the piece before it is on its way to the device.
 *
 * Marks 0 to 3 of the stream lie before the inputs, before and behind the steps, and behind the outputs.
 *
 * What only the batch decides is checked when the batch changes: a slice may cut the batch axis at constant places, and
 * a small batch may not have them.
 */
#include "runtime/runtime_internal.h"

#include <string.h>

#define PIECE ((size_t)1 << 20)

/* ---- the batch */

static floe_status check_cut(const fl_plan_step *s, const fl_tensor_desc *x, int axis, int64_t batch, floe_error *err)
{
    const fl_slice_params *p = &s->p.slice;
    const int64_t places = fl_dim_at(x->dim[axis], batch);
    const int64_t last = p->begin[axis] + (p->size[axis] - 1) * p->stride[axis]; /* verified not to overflow */
    const int64_t far = p->begin[axis] > last ? p->begin[axis] : last;

    if (p->size[axis] > 0 && far >= places)
        return fl_fail(err, FLOE_ERR_SHAPE, "step '%s' cuts places %lld to %lld out of axis %d, which has %lld at "
                       "batch %lld; a larger batch is needed", s->name, (long long)p->begin[axis], (long long)last,
                       axis, (long long)places, (long long)batch);
    return FLOE_OK;
}

/* Constant cuts of axes that depend on the batch; all others were checked with the plan. */
static floe_status check_slices(const fl_plan_engine *e, int64_t batch, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (uint32_t i = 0; i < e->n_steps; i++) {
        const fl_plan_step *s = &e->steps[i];
        if (s->op != FL_OP_SLICE)
            continue;
        const fl_tensor_desc *x = &e->tensors[s->in[0]].desc;
        for (int axis = 0; axis < x->rank; axis++)
            if (fl_dim_is_dynamic(x->dim[axis]) && s->p.slice.size[axis] >= 0)
                FL_TRY(check_cut(s, x, axis, batch, err));
    }
done:
    return st;
}

floe_status fl_context_write_batch(fl_context *c, int64_t batch, floe_error *err)
{
    const fl_plan_engine *e = c->engine->e;

    c->batch = 0; /* until all of it is done */
    for (uint32_t i = 0; i < e->n_tensors; i++)
        c->descs[i] = fl_tensor_at(&e->tensors[i].desc, batch);
    return c->engine->backend->prepare(&c->program, c->stream, c->steps, e->n_steps, batch, err);
}

static floe_status set_batch(fl_context *c, int64_t batch, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = c->engine->e;

    if (batch < 1 || batch > e->max_batch)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "batch %lld; the engine was built for 1 to %lld", (long long)batch,
                (long long)e->max_batch);
    if (batch == c->batch)
        goto done;
    FL_TRY(check_slices(e, batch, err));
    FL_TRY(fl_context_write_batch(c, batch, err));
    c->batch = batch;
done:
    return st;
}

/* ---- buffers */

static floe_status check_buffers(const fl_context *c, void *const *bindings, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = c->engine->e;

    for (uint32_t i = 0; i < e->n_bindings; i++) {
        const fl_plan_binding *b = &e->bindings[i];
        const size_t element = fl_dtype_bytes(e->tensors[b->tensor].desc.dtype);
        const bool needed = !fl_context_uses_staging(c) && fl_context_binding_bytes(c, i, c->batch) > 0;
        if (!bindings || (!bindings[i] && needed))
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "binding %u '%s' has no buffer", (unsigned)i, b->name);
        if ((uintptr_t)bindings[i] % element != 0)
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "the buffer of binding %u '%s' is not aligned to its elements of %zu bytes",
                    (unsigned)i, b->name, element);
    }
done:
    return st;
}

static void apply_patches(fl_context *c, void *const *bindings)
{
    for (size_t i = 0; i < c->n_patches; i++) {
        const fl_patch *p = &c->patches[i];
        void *buffer = bindings[p->binding] ? bindings[p->binding] : c->arena; /* an empty one has an address too */
        if (p->in)
            *p->in = buffer;
        else
            *p->out = buffer;
    }
}

static floe_status upload(fl_context *c, const fl_staging *to, const void *from, size_t bytes, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (size_t at = 0; at < bytes; at += PIECE) {
        const size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        uint8_t *host = (uint8_t *)to->host + at, *device = (uint8_t *)to->device + at;
        memcpy(host, (const uint8_t *)from + at, n);
        FL_TRY(c->engine->backend->upload(c->stream, device, host, n, err));
    }
done:
    return st;
}

static floe_status upload_inputs(fl_context *c, void *const *bindings, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = c->engine->e;

    for (uint32_t i = 0; i < e->n_bindings; i++)
        if (e->bindings[i].is_input && bindings[i])
            FL_TRY(upload(c, &c->staging[i], bindings[i], fl_context_binding_bytes(c, i, c->batch), err));
done:
    return st;
}

static floe_status download_outputs(fl_context *c, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (uint32_t i = 0; i < c->engine->e->n_bindings; i++) {
        const size_t bytes = fl_context_binding_bytes(c, i, c->batch);
        if (c->outputs[i] && bytes)
            FL_TRY(c->engine->backend->download(c->stream, c->staging[i].host, c->staging[i].device, bytes, err));
    }
done:
    return st;
}

static void hand_outputs_over(const fl_context *c)
{
    for (uint32_t i = 0; i < c->engine->e->n_bindings; i++) {
        const size_t bytes = fl_context_binding_bytes(c, i, c->batch);
        if (c->outputs[i] && bytes)
            memcpy(c->outputs[i], c->staging[i].host, bytes);
    }
}

/* ---- running */

static floe_status let_inputs_in(fl_context *c, void *const *bindings, floe_error *err)
{
    const fl_plan_engine *e = c->engine->e;

    for (uint32_t i = 0; i < e->n_bindings; i++)
        c->outputs[i] = e->bindings[i].is_input ? NULL : bindings[i];
    if (fl_context_uses_staging(c))
        return upload_inputs(c, bindings, err);
    apply_patches(c, bindings);
    return FLOE_OK;
}

/* times NULL: just run. */
static floe_status submit(fl_context *c, void *const *bindings, uint64_t *times, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_backend *backend = c->engine->backend;

    FL_TRY(backend->mark(c->stream, 0, err));
    FL_TRY(let_inputs_in(c, bindings, err));
    FL_TRY(backend->mark(c->stream, 1, err));
    FL_TRY(times ? backend->profile(c->program, times, err) : backend->run(c->program, err));
    FL_TRY(backend->mark(c->stream, 2, err));
    if (fl_context_uses_staging(c))
        FL_TRY(download_outputs(c, err));
    FL_TRY(backend->mark(c->stream, 3, err));
done:
    return st;
}

static floe_status refuse_busy(const fl_context *c, const char *what, floe_error *err)
{
    if (!c->busy)
        return FLOE_OK;
    return fl_fail(err, FLOE_ERR_ARGUMENT, "%s: a run is enqueued in this context: wait for it first, or use another context",
                   what);
}

static floe_status start(fl_context *c, const char *what, int64_t batch, void *const *bindings, uint64_t *times,
                         floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(refuse_busy(c, what, err));
    c->timed = false;
    FL_TRY(set_batch(c, batch, err));
    FL_TRY(check_buffers(c, bindings, err));
    st = submit(c, bindings, times, err);
    if (st != FLOE_OK) { /* nothing may be at work on the buffers any more; the first sentence stays */
        (void)c->engine->backend->wait(c->stream, NULL);
        goto done;
    }
    c->busy = true;
    c->timed = !times;
done:
    return st;
}

floe_status fl_context_enqueue(fl_context *context, int64_t batch, void *const *bindings, floe_error *err)
{
    return start(context, "enqueue", batch, bindings, NULL, err);
}

floe_status fl_context_wait(fl_context *context, floe_error *err)
{
    if (!context->busy)
        return FLOE_OK;
    context->busy = false;
    const floe_status st = context->engine->backend->wait(context->stream, err);
    if (st != FLOE_OK)
        context->timed = false;
    else if (fl_context_uses_staging(context))
        hand_outputs_over(context);
    return st;
}

floe_status fl_context_run(fl_context *context, int64_t batch, void *const *bindings, floe_error *err)
{
    const floe_status st = start(context, "execute", batch, bindings, NULL, err);
    return st == FLOE_OK ? fl_context_wait(context, err) : st;
}

floe_status fl_context_profile(fl_context *context, int64_t batch, void *const *bindings, uint64_t *times,
                               floe_error *err)
{
    const floe_status st = start(context, "profile", batch, bindings, times, err);
    return st == FLOE_OK ? fl_context_wait(context, err) : st;
}

floe_status fl_context_times(const fl_context *context, uint64_t ns[3], floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(refuse_busy(context, "times", err));
    if (!context->timed)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "times: this context's last call was not a run that succeeded");
    for (int i = 0; i < 3; i++)
        FL_TRY(context->engine->backend->elapsed(context->stream, i, i + 1, &ns[i], err));
done:
    return st;
}
