/* context.c - a context is made: memory, and all tables that a run needs (context_run.c).
 *
 *     plan tensors   t0        t1        t2          resolved once per context; dims rewritten when the batch changes
 *     fl_step        in[] -------^  out[] --^        pointers into arena, weights or bindings
 *     patches        the slots that point into bindings: the caller may come with other buffers each time
 *
 * All tables live in one host arena; the device holds the activations (the plan's arena) and the workspace.
 *
 * Where device memory is not host memory, each binding has a buffer on the device, where the steps point for good, and a
 * buffer in pinned host memory, through which the caller's values travel.
 */
#include "runtime/runtime_internal.h"

#include <string.h>

/* ---- tables */

/* Where a tensor is; NULL for one in a caller's buffer, which a patch will fill in. */
static void *address_of(const fl_context *c, const fl_plan_tensor *t)
{
    if (t->place == FL_PLACE_ARENA)
        return c->arena + t->offset;
    return fl_context_uses_staging(c) ? c->staging[t->offset].device : NULL;
}

static void point_input(fl_context *c, const void **slot, const fl_plan_tensor *t)
{
    if (t->place == FL_PLACE_WEIGHTS)
        *slot = (const uint8_t *)c->engine->weights + t->offset;
    else
        *slot = address_of(c, t);
    if (t->place == FL_PLACE_BINDING && !fl_context_uses_staging(c))
        c->patches[c->n_patches++] = (fl_patch){slot, NULL, (uint32_t)t->offset};
}

static void point_output(fl_context *c, void **slot, const fl_plan_tensor *t)
{
    *slot = address_of(c, t);
    if (t->place == FL_PLACE_BINDING && !fl_context_uses_staging(c))
        c->patches[c->n_patches++] = (fl_patch){NULL, slot, (uint32_t)t->offset};
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
    c->outputs = fl_arena_calloc(&c->tables, e->n_bindings, sizeof *c->outputs);
    FL_NEED(c->descs && c->ops && c->steps && c->patches && c->outputs, slots * sizeof *c->patches, "the tables of a context", err);
    for (uint32_t i = 0; i < e->n_steps; i++)
        FL_TRY(resolve_step(c, i, err));
done:
    return st;
}

/* ---- device memory */

static floe_status device_alloc(fl_context *c, void **out, size_t bytes, floe_error *err)
{
    const fl_engine *engine = c->engine;
    const floe_status st = engine->backend->alloc(engine->device, out, bytes ? bytes : FL_ALIGN, err);

    if (st == FLOE_OK)
        c->bytes += bytes;
    return st;
}

static floe_status alloc_staging(fl_context *c, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_engine *engine = c->engine;
    const uint32_t n = engine->e->n_bindings;

    c->staging = fl_arena_calloc(&c->tables, n, sizeof *c->staging);
    FL_NEED(c->staging, n * sizeof *c->staging, "buffers of bindings", err);
    for (uint32_t i = 0; i < n; i++) {
        const size_t bytes = fl_context_binding_bytes(c, i, engine->e->max_batch);
        FL_TRY(device_alloc(c, &c->staging[i].device, bytes, err));
        FL_TRY(engine->backend->alloc_host(engine->device, &c->staging[i].host, bytes ? bytes : FL_ALIGN, err));
    }
done:
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
    if (fl_context_uses_staging(c))
        FL_TRY(alloc_staging(c, err));
done:
    if (st != FLOE_OK)
        fl_error_prefix(err, "a context with %llu bytes of activations and %zu of workspace",
                        (unsigned long long)e->arena_bytes, c->engine->workspace_bytes);
    return st;
}

size_t fl_context_bytes(const fl_context *context) { return context->bytes; }

void *fl_context_device_buffer(const fl_context *context, uint32_t binding)
{
    return context->staging && binding < context->engine->e->n_bindings ? context->staging[binding].device : NULL;
}

/* ---- life */

static void free_staging(fl_context *c)
{
    const fl_engine *engine = c->engine;

    for (uint32_t i = 0; c->staging && i < engine->e->n_bindings; i++) {
        if (c->staging[i].device)
            engine->backend->free(engine->device, c->staging[i].device);
        if (c->staging[i].host)
            engine->backend->free_host(engine->device, c->staging[i].host);
    }
}

void fl_context_free(fl_context *context)
{
    if (!context)
        return;
    const fl_engine *engine = context->engine;
    const fl_backend *backend = engine->backend;

    if (context->busy)
        (void)backend->wait(context->stream, NULL);
    if (context->program)
        backend->program_free(context->program);
    if (context->stream)
        backend->stream_close(context->stream);
    free_staging(context);
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
    FL_TRY(fl_context_write_batch(c, engine->e->max_batch, err)); /* whatever preparing allocates, it does now */
    *out = c;
    c = NULL;
done:
    fl_context_free(c);
    return st;
}
