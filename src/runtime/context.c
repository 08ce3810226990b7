/* context.c - a context walks the steps of its engine, and nothing else happens.
 *
 *     plan tensors   t0        t1        t2          resolved once per context; dims rewritten when the batch changes
 *     fl_step        in[] -------^  out[] --^        pointers into arena, weights or bindings
 *     patches        the slots that point into bindings: the caller may come with other buffers each time
 *
 * All tables are made by fl_context_create and live in one host arena; the device holds the activations (the plan's
 * arena) and the workspace. A run writes the dims if the batch is another one, writes the patches, and lets the
 * backend go. It allocates, opens and formats nothing (a failing run formats its sentence, on the stack).
 *
 * Where device memory is not host memory, each binding has a device buffer, the steps point there for good, and a run
 * copies inputs in and outputs out.
 *
 * What only the batch decides is checked when the batch changes: a slice may cut the batch axis at constant places, and
 * a small batch may not have them.
 */
#include "runtime/runtime_internal.h"

#include <string.h>

typedef struct patch {
    const void **in;  /* the slot: one of the two */
    void       **out;
    uint32_t     binding;
} patch;

struct fl_context {
    const fl_engine *engine;
    fl_arena         tables; /* host memory of everything below but device memory */
    fl_stream       *stream;
    fl_program      *program;
    fl_tensor_desc  *descs;  /* by plan tensor, at the current batch */
    fl_op_desc      *ops;    /* by step */
    fl_step         *steps;
    patch           *patches;
    size_t           n_patches;
    void           **staging; /* by binding: device buffers, where device memory is not host memory */
    uint8_t         *arena;
    void            *workspace;
    size_t           bytes; /* of device memory */
    int64_t          batch; /* that descs and program are made for; 0: none */
};

/* ---- tables */

static bool uses_staging(const fl_context *c) { return !c->engine->backend->host_memory; }

/* Where a tensor is; NULL for one in a caller's buffer, which a patch will fill in. */
static void *address_of(const fl_context *c, const fl_plan_tensor *t)
{
    if (t->place == FL_PLACE_ARENA)
        return c->arena + t->offset;
    return uses_staging(c) ? c->staging[t->offset] : NULL;
}

static void point_input(fl_context *c, const void **slot, const fl_plan_tensor *t)
{
    if (t->place == FL_PLACE_WEIGHTS)
        *slot = (const uint8_t *)c->engine->weights + t->offset;
    else
        *slot = address_of(c, t);
    if (t->place == FL_PLACE_BINDING && !uses_staging(c))
        c->patches[c->n_patches++] = (patch){slot, NULL, (uint32_t)t->offset};
}

static void point_output(fl_context *c, void **slot, const fl_plan_tensor *t)
{
    *slot = address_of(c, t);
    if (t->place == FL_PLACE_BINDING && !uses_staging(c))
        c->patches[c->n_patches++] = (patch){NULL, slot, (uint32_t)t->offset};
}

static floe_status resolve_step(fl_context *c, uint32_t index, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = c->engine->e;
    const fl_plan_step *s = &e->steps[index];
    const size_t slots = (size_t)s->n_in + s->n_out;
    fl_tensor_desc **descs = fl_arena_calloc(&c->tables, slots, sizeof *descs);
    const void **in = fl_arena_calloc(&c->tables, s->n_in, sizeof *in);
    void **out = fl_arena_calloc(&c->tables, s->n_out, sizeof *out);

    FL_NEED(descs && in && out, slots * sizeof *descs, "a step", err);
    for (uint32_t k = 0; k < s->n_in; k++) {
        if (s->in[k] == FL_PLAN_NONE)
            continue;
        descs[k] = &c->descs[s->in[k]];
        if (!(k < 32 && (s->taken >> k & 1)))
            point_input(c, &in[k], &e->tensors[s->in[k]]);
    }
    for (uint32_t k = 0; k < s->n_out; k++) {
        descs[s->n_in + k] = &c->descs[s->out[k]];
        point_output(c, &out[k], &e->tensors[s->out[k]]);
    }
    c->ops[index] = (fl_op_desc){.op = s->op, .p = s->p, .n_in = (int)s->n_in, .n_out = (int)s->n_out, .in = descs,
                                 .out = descs + s->n_in};
    c->steps[index] = (fl_step){.desc = &c->ops[index], .tactic = c->engine->tactics[index], .in = in, .out = out,
                                .workspace = c->workspace};
    if (s->packed_bytes)
        c->steps[index].packed = (const uint8_t *)c->engine->weights + s->packed_offset;
done:
    return st;
}

static floe_status make_tables(fl_context *c, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = c->engine->e;
    size_t slots = 0;

    for (uint32_t i = 0; i < e->n_steps; i++)
        slots += (size_t)e->steps[i].n_in + e->steps[i].n_out;
    c->descs = fl_arena_calloc(&c->tables, e->n_tensors, sizeof *c->descs);
    c->ops = fl_arena_calloc(&c->tables, e->n_steps, sizeof *c->ops);
    c->steps = fl_arena_calloc(&c->tables, e->n_steps, sizeof *c->steps);
    c->patches = fl_arena_calloc(&c->tables, slots, sizeof *c->patches);
    FL_NEED(c->descs && c->ops && c->steps && c->patches, slots * sizeof *c->patches, "the tables of a context", err);
    for (uint32_t i = 0; i < e->n_steps; i++)
        FL_TRY(resolve_step(c, i, err));
done:
    return st;
}

/* ---- device memory */

static size_t binding_bytes(const fl_context *c, uint32_t index, int64_t batch)
{
    const fl_plan_engine *e = c->engine->e;
    return fl_tensor_bytes_at(&e->tensors[e->bindings[index].tensor].desc, batch);
}

static floe_status device_alloc(fl_context *c, void **out, size_t bytes, floe_error *err)
{
    const fl_engine *engine = c->engine;
    const floe_status st = engine->backend->alloc(engine->device, out, bytes ? bytes : FL_ALIGN, err);

    if (st == FLOE_OK)
        c->bytes += bytes;
    return st;
}

static floe_status alloc_memory(fl_context *c, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = c->engine->e;
    void *arena = NULL;

    FL_TRY(device_alloc(c, &arena, e->arena_bytes, err));
    c->arena = arena;
    FL_TRY(device_alloc(c, &c->workspace, c->engine->workspace_bytes, err));
    if (!uses_staging(c))
        goto done;
    c->staging = fl_arena_calloc(&c->tables, e->n_bindings, sizeof *c->staging);
    FL_NEED(c->staging, e->n_bindings * sizeof *c->staging, "device buffers", err);
    for (uint32_t i = 0; i < e->n_bindings; i++)
        FL_TRY(device_alloc(c, &c->staging[i], binding_bytes(c, i, e->max_batch), err));
done:
    if (st != FLOE_OK)
        fl_error_prefix(err, "a context with %llu bytes of activations and %zu of workspace",
                        (unsigned long long)e->arena_bytes, c->engine->workspace_bytes);
    return st;
}

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

/* Writes the dims and has the backend prepare for them. */
static floe_status write_batch(fl_context *c, int64_t batch, floe_error *err)
{
    const fl_plan_engine *e = c->engine->e;

    c->batch = 0; /* until all of it is done */
    for (uint32_t i = 0; i < e->n_tensors; i++)
        c->descs[i] = fl_tensor_at(&e->tensors[i].desc, batch);
    return c->engine->backend->prepare(&c->program, c->stream, c->steps, e->n_steps, err);
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
    FL_TRY(write_batch(c, batch, err));
    c->batch = batch;
done:
    return st;
}

/* ---- running */

static floe_status check_buffers(const fl_context *c, void *const *bindings, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = c->engine->e;

    for (uint32_t i = 0; i < e->n_bindings; i++) {
        const fl_plan_binding *b = &e->bindings[i];
        const size_t element = fl_dtype_bytes(e->tensors[b->tensor].desc.dtype);
        if (!bindings || (!bindings[i] && binding_bytes(c, i, c->batch) > 0))
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
        const patch *p = &c->patches[i];
        void *buffer = bindings[p->binding] ? bindings[p->binding] : c->arena; /* an empty one has an address too */
        if (p->in)
            *p->in = buffer;
        else
            *p->out = buffer;
    }
}

static floe_status copy_bindings(fl_context *c, void *const *bindings, bool inputs, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_backend *backend = c->engine->backend;
    const fl_plan_engine *e = c->engine->e;

    for (uint32_t i = 0; i < e->n_bindings; i++) {
        const size_t bytes = binding_bytes(c, i, c->batch);
        if (e->bindings[i].is_input != inputs || bytes == 0)
            continue;
        if (inputs)
            FL_TRY(backend->upload(c->stream, c->staging[i], bindings[i], bytes, err));
        else
            FL_TRY(backend->download(c->stream, bindings[i], c->staging[i], bytes, err));
    }
done:
    return st;
}

/* times NULL: just run. */
static floe_status execute(fl_context *c, int64_t batch, void *const *bindings, uint64_t *times, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_backend *backend = c->engine->backend;
    bool started = false;

    FL_TRY(set_batch(c, batch, err));
    FL_TRY(check_buffers(c, bindings, err));
    if (uses_staging(c))
        FL_TRY(copy_bindings(c, bindings, true, err));
    else
        apply_patches(c, bindings);
    started = true;
    FL_TRY(times ? backend->profile(c->program, times, err) : backend->run(c->program, err));
    if (uses_staging(c)) {
        FL_TRY(backend->wait(c->stream, err));
        FL_TRY(copy_bindings(c, bindings, false, err));
    }
done:
    /* Also after a failure nothing may still be at work on the caller's buffers; the first sentence stays. */
    if (started) {
        const floe_status waited = backend->wait(c->stream, st == FLOE_OK ? err : NULL);
        st = st == FLOE_OK ? waited : st;
    }
    return st;
}

floe_status fl_context_run(fl_context *context, int64_t batch, void *const *bindings, floe_error *err)
{
    return execute(context, batch, bindings, NULL, err);
}

floe_status fl_context_profile(fl_context *context, int64_t batch, void *const *bindings, uint64_t *times,
                               floe_error *err)
{
    return execute(context, batch, bindings, times, err);
}

size_t fl_context_bytes(const fl_context *context) { return context->bytes; }

/* ---- life */

void fl_context_free(fl_context *context)
{
    if (!context)
        return;
    const fl_engine *engine = context->engine;
    const fl_backend *backend = engine->backend;

    if (context->program)
        backend->program_free(context->program);
    if (context->stream)
        backend->stream_close(context->stream);
    for (uint32_t i = 0; context->staging && i < engine->e->n_bindings; i++)
        if (context->staging[i])
            backend->free(engine->device, context->staging[i]);
    if (context->workspace)
        backend->free(engine->device, context->workspace);
    if (context->arena)
        backend->free(engine->device, context->arena);
    fl_arena_free(&context->tables);
    fl_free(engine->env, context);
}

floe_status fl_context_create(fl_context **out, const fl_engine *engine, int threads, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_context *c = fl_calloc(engine->env, 1, sizeof *c);

    FL_NEED(c, sizeof *c, "a context", err);
    c->engine = engine;
    fl_arena_init(&c->tables, engine->env);
    FL_TRY(engine->backend->stream_open(&c->stream, engine->device, threads, err));
    FL_TRY(alloc_memory(c, err));
    FL_TRY(make_tables(c, err));
    FL_TRY(write_batch(c, engine->e->max_batch, err)); /* whatever preparing allocates, it does now */
    *out = c;
    c = NULL;
done:
    fl_context_free(c);
    return st;
}
