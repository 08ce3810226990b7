/* builder_emit.c - storage and tables of the plan.
 *
 * Storage is shared by groups of tensors: a reshape or identity that is elided joins its output to its input's group; a
 * step that may work in place joins its output to an input that dies there. Each group then has one place: a binding, the
 * weights, or an interval of the arena. Groups are a union-find forest over tensor ids.
 */
#include "builder/builder_internal.h"

#include <stdio.h>
#include <string.h>

#define NO_BINDING UINT32_MAX

typedef struct group {
    uint32_t parent;
    uint32_t binding; /* NO_BINDING, or index */
    bool     constant, is_input;
    uint32_t first, last; /* steps */
} group;

typedef struct emit {
    fl_build_state *b;
    fl_plan        *plan;
    fl_plan_engine *engine;
    group          *groups;
} emit;

static uint32_t root(emit *e, uint32_t id)
{
    while (e->groups[id].parent != id)
        id = e->groups[id].parent = e->groups[e->groups[id].parent].parent;
    return id;
}

static void join(emit *e, uint32_t into, uint32_t from)
{
    group *a = &e->groups[into], *b = &e->groups[from];
    b->parent = into;
    a->first = b->first < a->first ? b->first : a->first;
    a->last = b->last > a->last ? b->last : a->last;
    if (a->binding == NO_BINDING)
        a->binding = b->binding;
}

/* ---- who shares bytes with whom */

static size_t bytes_of(const emit *e, uint32_t id) { return fl_tensor_bytes_at(&e->b->tensors[id]->desc, e->b->batch); }

/* A copy step is not needed when nobody demands two places for the one value. */
static bool try_elide(emit *e, fl_build_step *step)
{
    const fl_layer *layer = step->layer;
    if (!fl_build_is_copy(layer) || layer->desc.in[0]->layout != layer->desc.out[0]->layout)
        return false;
    if (layer->desc.op == FL_OP_RESHAPE && layer->desc.in[0]->layout != FL_LAYOUT_PLAIN)
        return false;
    const uint32_t in = root(e, layer->in[0]->id), out = root(e, layer->out[0]->id);
    if (e->groups[out].binding != NO_BINDING &&
        (e->groups[in].binding != NO_BINDING || e->groups[in].constant || e->groups[in].is_input))
        return false;
    join(e, in, out);
    step->tactic = NULL;
    return true;
}

/* Concat has any number of slots; the mask knows 32. */
static bool may_overwrite(const fl_tactic *tactic, int slot)
{
    return slot < 32 && (tactic->in_place >> slot & 1);
}

static void try_in_place(emit *e, const fl_build_step *step, uint32_t index)
{
    const fl_layer *layer = step->layer;
    const uint32_t out = root(e, layer->out[0]->id);
    if (e->groups[out].binding != NO_BINDING)
        return;
    for (int k = 0; k < layer->desc.n_in; k++) {
        if (!may_overwrite(step->tactic, k) || !layer->in[k])
            continue;
        const uint32_t in = root(e, layer->in[k]->id);
        const group *g = &e->groups[in];
        if (g->constant || g->is_input || g->binding != NO_BINDING || g->last != index ||
            bytes_of(e, layer->in[k]->id) != bytes_of(e, layer->out[0]->id))
            continue;
        /* Another slot that reads the same bytes: in another shape, or the same tensor where the tactic only allows this
         * slot to be overwritten (conv(x) + x reads pixels of x long after the first of y is written). */
        bool shared = false;
        for (int o = 0; o < layer->desc.n_in; o++)
            shared = shared || (o != k && layer->in[o] && root(e, layer->in[o]->id) == in &&
                                (layer->in[o] != layer->in[k] || !may_overwrite(step->tactic, o)));
        if (shared)
            continue;
        join(e, in, out);
        return;
    }
}

static void mark_lives(emit *e)
{
    fl_build_state *b = e->b;
    for (uint32_t i = 0; i < b->n_tensors; i++) {
        const fl_tensor *t = b->tensors[i];
        e->groups[i] = (group){.parent = i, .binding = NO_BINDING, .constant = t->data != NULL, .is_input = t->is_input,
                               .first = UINT32_MAX};
    }
    for (uint32_t s = 0; s < b->n_steps; s++) {
        const fl_layer *layer = b->steps[s].layer;
        for (int k = 0; k < layer->desc.n_in; k++)
            if (layer->in[k]) {
                group *g = &e->groups[layer->in[k]->id];
                g->last = s;
                g->first = s < g->first ? s : g->first;
            }
        for (int k = 0; k < layer->desc.n_out; k++) {
            group *g = &e->groups[layer->out[k]->id];
            g->first = s;
            g->last = s > g->last ? s : g->last;
        }
    }
    for (uint32_t i = 0; i < b->net->n_inputs; i++)
        e->groups[b->net->inputs[i]->id].binding = i;
    for (uint32_t i = 0; i < b->net->n_outputs; i++)
        e->groups[b->net->outputs[i].tensor->id].binding = (uint32_t)b->net->n_inputs + i;
}

static void share(emit *e)
{
    mark_lives(e);
    for (uint32_t s = 0; s < e->b->n_steps; s++)
        try_elide(e, &e->b->steps[s]);
    for (uint32_t s = 0; s < e->b->n_steps; s++)
        if (e->b->steps[s].tactic)
            try_in_place(e, &e->b->steps[s], s);
}

/* ---- weights */

static floe_status put_weights(emit *e, const void *data, size_t bytes, uint64_t *offset, floe_error *err)
{
    fl_buf *w = &e->plan->storage;
    fl_put_zeros_to(w, FL_ALIGN);
    *offset = w->size;
    fl_put_bytes(w, data, bytes);
    return w->failed ? fl_fail_memory(err, bytes, "the weights") : FLOE_OK;
}

/* Slots that pack() takes: constant ones in the tactic's mask. */
static uint32_t taken_by(const fl_build_step *step)
{
    uint32_t taken = 0;
    for (int k = 0; step->tactic->pack && k < step->layer->desc.n_in && k < 32; k++)
        if ((step->tactic->packs >> k & 1) && step->layer->in[k] && step->layer->in[k]->data)
            taken |= 1u << k;
    return taken;
}

static floe_status pack_step(emit *e, const fl_build_step *step, fl_plan_step *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const void *consts[32] = {NULL};
    fl_buf packed = fl_buf_make(e->b->env);
    out->taken = taken_by(step);
    for (int k = 0; k < step->layer->desc.n_in && k < 32; k++)
        consts[k] = (out->taken >> k & 1) ? step->layer->in[k]->data : NULL;
    if (step->tactic->pack) {
        FL_TRY(step->tactic->pack(&step->layer->desc, consts, &packed, err));
        FL_NEED(!packed.failed, packed.size, "packed weights", err);
    }
    out->packed_bytes = packed.size;
    if (packed.size)
        FL_TRY(put_weights(e, packed.data, packed.size, &out->packed_offset, err));
done:
    fl_buf_free(&packed);
    return st;
}

/* ---- tables */

static floe_status emit_step(emit *e, const fl_build_step *step, fl_plan_step *out, bool *needed, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_arena *arena = &e->plan->arena;
    const fl_layer *layer = step->layer;
    out->name = fl_arena_strdup(arena, layer->name);
    out->tactic = fl_arena_strdup(arena, step->tactic->name);
    out->op = layer->desc.op;
    out->p = layer->desc.p;
    out->n_in = (uint32_t)layer->desc.n_in;
    out->n_out = (uint32_t)layer->desc.n_out;
    out->in = fl_arena_calloc(arena, out->n_in, sizeof *out->in);
    out->out = fl_arena_calloc(arena, out->n_out, sizeof *out->out);
    out->workspace_bytes = step->workspace;
    FL_NEED(out->name && out->tactic && out->in && out->out, out->n_in, "a step", err);
    FL_TRY(pack_step(e, step, out, err));
    for (uint32_t k = 0; k < out->n_in; k++) {
        out->in[k] = layer->in[k] ? layer->in[k]->id : FL_PLAN_NONE;
        if (layer->in[k] && !(k < 32 && (out->taken >> k & 1)))
            needed[layer->in[k]->id] = true;
    }
    for (uint32_t k = 0; k < out->n_out; k++)
        out->out[k] = layer->out[k]->id;
    if (out->workspace_bytes > e->engine->workspace_bytes)
        e->engine->workspace_bytes = out->workspace_bytes;
done:
    return st;
}

static floe_status emit_steps(emit *e, bool *needed, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_plan_engine *engine = e->engine;
    engine->steps = fl_arena_calloc(&e->plan->arena, e->b->n_steps + 1, sizeof *engine->steps);
    FL_NEED(engine->steps, e->b->n_steps * sizeof *engine->steps, "the steps", err);
    for (size_t s = 0; s < e->b->n_steps; s++)
        if (e->b->steps[s].tactic)
            FL_TRY(emit_step(e, &e->b->steps[s], &engine->steps[engine->n_steps++], needed, err));
done:
    return st;
}

/* Arena intervals of the groups that are neither bindings nor constants. */
static floe_status place_arena(emit *e, uint64_t *offsets, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_build_state *b = e->b;
    fl_interval *items = fl_arena_calloc(&b->arena, b->n_tensors + 1, sizeof *items);
    uint32_t *owner = fl_arena_calloc(&b->arena, b->n_tensors + 1, sizeof *owner);
    size_t n = 0;
    FL_NEED(items && owner, b->n_tensors * sizeof *items, "the memory plan", err);
    for (uint32_t i = 0; i < b->n_tensors; i++) {
        const group *g = &e->groups[i];
        if (g->parent != i || g->constant || g->binding != NO_BINDING)
            continue;
        owner[n] = i;
        items[n++] = (fl_interval){.first = g->first, .last = g->last, .bytes = bytes_of(e, i)};
    }
    FL_TRY(fl_plan_memory(b->env, items, n, &e->engine->arena_bytes, err));
    for (size_t i = 0; i < n; i++)
        offsets[owner[i]] = items[i].offset;
done:
    return st;
}

static floe_status emit_tensors(emit *e, const bool *needed, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_build_state *b = e->b;
    fl_plan_engine *engine = e->engine;
    uint64_t *offsets = fl_arena_calloc(&b->arena, b->n_tensors + 1, sizeof *offsets);
    engine->tensors = fl_arena_calloc(&e->plan->arena, b->n_tensors + 1, sizeof *engine->tensors);
    FL_NEED(offsets && engine->tensors, b->n_tensors * sizeof *engine->tensors, "the tensors", err);
    engine->n_tensors = b->n_tensors;
    FL_TRY(place_arena(e, offsets, err));
    /* A group of constants holds its bytes once, if any step still reads them. */
    for (uint32_t i = 0; i < b->n_tensors; i++) {
        bool read = false;
        if (!e->groups[i].constant || e->groups[i].parent != i)
            continue;
        for (uint32_t k = 0; k < b->n_tensors && !read; k++)
            read = needed[k] && root(e, k) == i;
        if (read)
            FL_TRY(put_weights(e, b->tensors[i]->data, bytes_of(e, i), &offsets[i], err));
    }
    for (uint32_t i = 0; i < b->n_tensors; i++) {
        const fl_tensor *t = b->tensors[i];
        const uint32_t r = root(e, i);
        const group *g = &e->groups[r];
        fl_plan_tensor *out = &engine->tensors[i];
        out->name = fl_arena_strdup(&e->plan->arena, t->name);
        FL_NEED(out->name, 1, "a name", err);
        out->desc = t->desc;
        out->place = g->binding != NO_BINDING ? FL_PLACE_BINDING : g->constant ? FL_PLACE_WEIGHTS : FL_PLACE_ARENA;
        out->offset = g->binding != NO_BINDING ? g->binding : offsets[r];
        for (int k = 0; k < t->desc.rank; k++)
            engine->batched = engine->batched || t->desc.dim[k] < 0;
    }
done:
    return st;
}

static floe_status emit_bindings(emit *e, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_network *net = e->b->net;
    fl_plan_engine *engine = e->engine;
    const size_t n = net->n_inputs + net->n_outputs;
    engine->bindings = fl_arena_calloc(&e->plan->arena, n, sizeof *engine->bindings);
    FL_NEED(engine->bindings, n * sizeof *engine->bindings, "the bindings", err);
    for (size_t i = 0; i < n; i++) {
        const bool input = i < net->n_inputs;
        const char *name = input ? net->inputs[i]->name : net->outputs[i - net->n_inputs].name;
        const fl_tensor *t = input ? net->inputs[i] : net->outputs[i - net->n_inputs].tensor;
        engine->bindings[i] = (fl_plan_binding){fl_arena_strdup(&e->plan->arena, name), t->id, input};
        FL_NEED(engine->bindings[i].name, 1, "a name", err);
    }
    engine->n_bindings = (uint32_t)n;
done:
    return st;
}

floe_status fl_build_emit(fl_build_state *b, fl_plan *plan, floe_error *err)
{
    floe_status st = FLOE_OK;
    emit e = {.b = b, .plan = plan};
    bool *needed = fl_arena_calloc(&b->arena, b->n_tensors + 1, sizeof *needed);
    e.groups = fl_arena_calloc(&b->arena, b->n_tensors + 1, sizeof *e.groups);
    plan->engines = fl_arena_calloc(&plan->arena, 1, sizeof *plan->engines);
    plan->producer = fl_arena_printf(&plan->arena, "floe %s", FLOE_VERSION);
    plan->n_engines = 1;
    plan->preprocess = b->options->preprocess;
    e.engine = &plan->engines[0];
    snprintf(e.engine->target, sizeof e.engine->target, "%s", b->info.target);
    snprintf(e.engine->backend, sizeof e.engine->backend, "%s", b->backend->name);
    e.engine->max_batch = b->batch;
    share(&e);
    FL_TRY(emit_steps(&e, needed, err));
    FL_TRY(emit_tensors(&e, needed, err));
    FL_TRY(emit_bindings(&e, err));
    plan->weights = plan->storage.data;
    plan->weights_bytes = plan->storage.size;
done:
    return st;
}
