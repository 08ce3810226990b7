/* plan_verify.c - is this plan one that can be run without further checks?
 *
 * Plans come from files, and files are hostile. The tables are gone through once, each row against those before it:
 *
 *     engine    backend and target are words, limits are sane
 *     tensors   type, layout, rank and dims pass the operators' own gate, at the maximum batch too; a place that exists
 *     bindings  inputs first, names that tell them apart, each one the owner of its place
 *     steps     indices, ranges, parameters and shapes through the operator's inference; what is read was written
 *               before; what is written may be written, and overlaps an input of the same step completely or not at all
 *     sums      arena and workspace are what tensors and steps add up to; every output was written
 *
 * Who wrote what is kept by bytes, not by tensor: an elided reshape gives the bytes that one step wrote to the next
 * under another index and shape. Tensors of one place, offset and size (at one and at the largest batch: sizes are
 * linear in it, so then at all) form a "storage"; a step may read a storage that an earlier step wrote. That two
 * tensors share bytes over time is the builder's business; whether a value was overwritten too early is not checked,
 * it harms nobody but the answer.
 *
 * The walk also finds out whether items of a batch are kept apart (op/op_items.c), which is a property of storages too:
 * reshapes have no step.
 *
 * Cost is linear in the plan but for one sort; memory is a few bytes a tensor.
 */
#include "plan/plan_format.h"

#include "base/names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beyond any machine, and far enough from the end of int64 that sums of a few need no checks. */
#define MAX_BYTES ((uint64_t)1 << 44)
#define MAX_BATCH INT32_MAX

typedef struct extent {
    fl_plan_place place;
    uint64_t      offset; /* binding index for FL_PLACE_BINDING */
    uint64_t      one, most; /* bytes at batch 1 and at the largest batch */
    uint32_t      tensor;
} extent;

typedef struct verifier {
    const fl_plan        *plan;
    const fl_plan_engine *e;
    fl_arena              scratch;
    extent               *extents;  /* by tensor */
    uint32_t             *storage;  /* by tensor: number of its storage */
    bool                 *written;  /* by storage */
    int64_t              *outer;    /* by storage, of what it holds now: see fl_op_keeps_items */
    const char           *mixes;    /* the first name where items of a batch meet */
    bool                 *produced; /* by tensor */
    fl_tensor_desc      **in;       /* room for the widest step */
    int64_t              *in_outer; /* likewise */
} verifier;

/* ---- engine and tensors */

static bool is_word(const char *text, size_t capacity)
{
    const size_t length = strnlen(text, capacity);

    for (size_t i = 0; i < length; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return false;
    return length > 0 && length < capacity;
}

static floe_status check_engine(const fl_plan_engine *e, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (!is_word(e->backend, sizeof e->backend) || !is_word(e->target, sizeof e->target))
        FL_FAIL(err, FLOE_ERR_FORMAT, "backend or target is not a word of printable characters");
    if (e->max_batch < 1 || e->max_batch > MAX_BATCH)
        FL_FAIL(err, FLOE_ERR_FORMAT, "maximum batch %lld; 1 to %lld are possible", (long long)e->max_batch,
                (long long)MAX_BATCH);
    if (e->arena_bytes > MAX_BYTES || e->workspace_bytes > MAX_BYTES)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%llu bytes of arena and %llu of workspace; more than 2^44 cannot be meant",
                (unsigned long long)e->arena_bytes, (unsigned long long)e->workspace_bytes);
done:
    return st;
}

/* Type, layout and dims of one tensor, as they are and at the largest batch. */
static floe_status check_desc(const fl_tensor_desc *t, int64_t max_batch, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t elements;

    if (fl_dtype_bytes(t->dtype) == 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "element type %d is unknown", (int)t->dtype);
    if ((unsigned)t->layout >= FL_LAYOUT_COUNT || (t->layout != FL_LAYOUT_PLAIN && t->rank != 4))
        FL_FAIL(err, FLOE_ERR_FORMAT, "layout %d with rank %d is unknown", (int)t->layout, t->rank);
    for (int i = 1; t->layout != FL_LAYOUT_PLAIN && i < 4; i++)
        if (fl_dim_is_dynamic(t->dim[i])) /* its blocks would not grow in step with the batch */
            FL_FAIL(err, FLOE_ERR_FORMAT, "blocked, but dimension %d depends on the batch", i);
    FL_TRY(fl_tensor_elements(t, &elements, err));
    const fl_tensor_desc most = fl_tensor_at(t, max_batch);
    FL_TRY(fl_tensor_elements(&most, &elements, err));
    if (fl_tensor_bytes_at(t, max_batch) > MAX_BYTES)
        FL_FAIL(err, FLOE_ERR_FORMAT, "more than 2^44 bytes at batch %lld", (long long)max_batch);
done:
    return st;
}

static floe_status check_place(const verifier *v, const fl_plan_tensor *t, uint64_t most, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = v->e;
    const unsigned long long offset = t->offset;

    if ((unsigned)t->place > FL_PLACE_WEIGHTS)
        FL_FAIL(err, FLOE_ERR_FORMAT, "place %d is unknown", (int)t->place);
    if (t->desc.constant && t->place != FL_PLACE_WEIGHTS)
        FL_FAIL(err, FLOE_ERR_FORMAT, "a constant, but not among the weights");
    if (t->place == FL_PLACE_BINDING) {
        if (t->offset >= e->n_bindings)
            FL_FAIL(err, FLOE_ERR_FORMAT, "binding %llu; the engine has %u", offset, (unsigned)e->n_bindings);
        goto done;
    }
    if (t->offset % FL_ALIGN != 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "offset %llu is not a multiple of %d", offset, FL_ALIGN);
    if (t->place == FL_PLACE_ARENA && (t->offset > e->arena_bytes || most > e->arena_bytes - t->offset))
        FL_FAIL(err, FLOE_ERR_FORMAT, "bytes %llu to %llu of an arena of %llu", offset, offset + most,
                (unsigned long long)e->arena_bytes);
    /* A constant that pack() took has an offset without bytes: its extent is checked where a step reads it. */
    if (t->place == FL_PLACE_WEIGHTS && t->offset > v->plan->weights_bytes)
        FL_FAIL(err, FLOE_ERR_FORMAT, "offset %llu in weights of %llu bytes", offset,
                (unsigned long long)v->plan->weights_bytes);
done:
    return st;
}

static floe_status check_tensors(verifier *v, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = v->e;
    bool batched = false;

    for (uint32_t i = 0; i < e->n_tensors; i++) {
        const fl_plan_tensor *t = &e->tensors[i];
        st = check_desc(&t->desc, e->max_batch, err);
        if (st == FLOE_OK) {
            v->extents[i] = (extent){t->place, t->offset, fl_tensor_bytes_at(&t->desc, 1),
                                     fl_tensor_bytes_at(&t->desc, e->max_batch), i};
            st = check_place(v, t, v->extents[i].most, err);
        }
        if (st != FLOE_OK) {
            fl_error_prefix(err, "tensor %u '%s'", (unsigned)i, t->name);
            goto done;
        }
        for (int k = 0; k < t->desc.rank; k++)
            batched = batched || fl_dim_is_dynamic(t->desc.dim[k]);
    }
    if (batched != e->batched)
        FL_FAIL(err, FLOE_ERR_FORMAT, "it says that %s dimension depends on the batch, its tensors say otherwise",
                e->batched ? "a" : "no");
done:
    return st;
}

/* ---- storages */

static int compare_u64(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

static int by_bytes(const void *pa, const void *pb)
{
    const extent *a = pa, *b = pb;
    const int order[] = {compare_u64(a->place, b->place), compare_u64(a->offset, b->offset),
                         compare_u64(a->one, b->one), compare_u64(a->most, b->most)};

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (order[i])
            return order[i];
    return 0;
}

static floe_status number_storages(verifier *v, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n = v->e->n_tensors;
    uint32_t number = 0;
    extent *sorted = fl_arena_calloc(&v->scratch, n + 1, sizeof *sorted);

    FL_NEED(sorted, n * sizeof *sorted, "verifying a plan", err);
    memcpy(sorted, v->extents, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_bytes);
    for (size_t i = 0; i < n; i++) {
        number += i > 0 && by_bytes(&sorted[i - 1], &sorted[i]) != 0;
        v->storage[sorted[i].tensor] = number;
    }
done:
    return st;
}

/* ---- bindings */

/* Items of a batch must be ranges of the caller's buffer, one behind the other, to be run in pieces. */
static void check_ranges(verifier *v, const fl_plan_binding *b)
{
    const fl_tensor_desc *t = &v->e->tensors[b->tensor].desc;
    bool ranges = v->outer[v->storage[b->tensor]] <= 1;

    for (int i = 1; i < t->rank; i++)
        ranges = ranges && !fl_dim_is_dynamic(t->dim[i]);
    if (!ranges && !v->mixes)
        v->mixes = b->name;
}

static floe_status check_binding(verifier *v, uint32_t index, fl_names *names, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = v->e;
    const fl_plan_binding *b = &e->bindings[index];

    if (!b->name[0])
        FL_FAIL(err, FLOE_ERR_FORMAT, "it has no name");
    if (fl_names_find(names, b->name) != FL_NAMES_NONE)
        FL_FAIL(err, FLOE_ERR_FORMAT, "another %s has this name too", b->is_input ? "input" : "output");
    FL_TRY(fl_names_add(names, b->name, index, err));
    if (b->is_input && index > 0 && !e->bindings[index - 1].is_input)
        FL_FAIL(err, FLOE_ERR_FORMAT, "an input behind an output");
    if (b->tensor >= e->n_tensors)
        FL_FAIL(err, FLOE_ERR_FORMAT, "tensor %u; the engine has %u", (unsigned)b->tensor, (unsigned)e->n_tensors);
    const fl_plan_tensor *t = &e->tensors[b->tensor];
    if (t->place != FL_PLACE_BINDING || t->offset != index)
        FL_FAIL(err, FLOE_ERR_FORMAT, "its tensor '%s' lies elsewhere", t->name);
    if (t->desc.layout != FL_LAYOUT_PLAIN)
        FL_FAIL(err, FLOE_ERR_FORMAT, "its tensor is blocked; callers' buffers are dense");
    v->written[v->storage[b->tensor]] = b->is_input;
    v->outer[v->storage[b->tensor]] = t->desc.rank > 0 && fl_dim_is_dynamic(t->desc.dim[0]);
    if (b->is_input)
        check_ranges(v, b);
done:
    return st;
}

static floe_status check_bindings(verifier *v, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = v->e;
    fl_names inputs, outputs;

    fl_names_init(&inputs, &v->scratch);
    fl_names_init(&outputs, &v->scratch);
    for (uint32_t i = 0; i < e->n_bindings; i++) {
        st = check_binding(v, i, e->bindings[i].is_input ? &inputs : &outputs, err);
        if (st != FLOE_OK) {
            fl_error_prefix(err, "binding %u '%s'", (unsigned)i, e->bindings[i].name);
            goto done;
        }
    }
    /* Every tensor in a binding is its whole buffer, perhaps in another shape. */
    for (uint32_t i = 0; i < e->n_tensors; i++) {
        const fl_plan_tensor *t = &e->tensors[i];
        if (t->place == FL_PLACE_BINDING && v->storage[i] != v->storage[e->bindings[t->offset].tensor])
            FL_FAIL(err, FLOE_ERR_FORMAT, "tensor %u '%s' is not as large as binding %llu, where it lies", (unsigned)i,
                    t->name, (unsigned long long)t->offset);
    }
done:
    return st;
}

/* ---- steps */

static floe_status check_indices(const verifier *v, const fl_plan_step *s, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_op_def *def = fl_op_def_of(s->op);

    if (!def)
        FL_FAIL(err, FLOE_ERR_FORMAT, "operator number %d is unknown", (int)s->op);
    if (s->n_in > INT32_MAX || s->n_out != (uint32_t)def->n_out)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%u inputs and %u outputs; %s gives %d", (unsigned)s->n_in, (unsigned)s->n_out,
                def->name, def->n_out);
    for (uint32_t i = 0; i < s->n_in; i++)
        if (s->in[i] != FL_PLAN_NONE && s->in[i] >= v->e->n_tensors)
            FL_FAIL(err, FLOE_ERR_FORMAT, "input %u is tensor %u; the engine has %u", (unsigned)i, (unsigned)s->in[i],
                    (unsigned)v->e->n_tensors);
    for (uint32_t i = 0; i < s->n_out; i++)
        if (s->out[i] >= v->e->n_tensors)
            FL_FAIL(err, FLOE_ERR_FORMAT, "output %u is tensor %u; the engine has %u", (unsigned)i, (unsigned)s->out[i],
                    (unsigned)v->e->n_tensors);
done:
    return st;
}

static bool is_taken(const fl_plan_step *s, uint32_t slot) { return slot < 32 && (s->taken >> slot & 1); }

static floe_status check_packed(const verifier *v, const fl_plan_step *s, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t backend = strlen(v->e->backend);
    const uint64_t weights = v->plan->weights_bytes;

    if (strncmp(s->tactic, v->e->backend, backend) != 0 || s->tactic[backend] != '.')
        FL_FAIL(err, FLOE_ERR_FORMAT, "tactic '%s' is not one of backend %s", s->tactic, v->e->backend);
    for (uint32_t i = 0; i < 32; i++)
        if (is_taken(s, i) && (i >= s->n_in || s->in[i] == FL_PLAN_NONE || !v->e->tensors[s->in[i]].desc.constant))
            FL_FAIL(err, FLOE_ERR_FORMAT, "input %u is said to be packed, but is no constant", (unsigned)i);
    if (s->packed_offset % FL_ALIGN != 0 || s->packed_offset > weights ||
        s->packed_bytes > weights - s->packed_offset || (s->packed_bytes == 0 && s->packed_offset != 0))
        FL_FAIL(err, FLOE_ERR_FORMAT, "packed weights at %llu, %llu bytes: outside of the %llu there are, or not "
                "aligned", (unsigned long long)s->packed_offset, (unsigned long long)s->packed_bytes,
                (unsigned long long)weights);
    if (s->workspace_bytes > v->e->workspace_bytes)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%llu bytes of workspace; the engine has %llu",
                (unsigned long long)s->workspace_bytes, (unsigned long long)v->e->workspace_bytes);
done:
    return st;
}

static bool same_desc(const fl_tensor_desc *a, const fl_tensor_desc *b)
{
    return a->dtype == b->dtype && a->layout == b->layout && a->constant == b->constant && fl_tensor_same_shape(a, b);
}

static floe_status check_shapes(const verifier *v, const fl_plan_step *s, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor_desc made[FL_MAX_OUTPUTS];
    fl_tensor_desc *stored[FL_MAX_OUTPUTS], *out[FL_MAX_OUTPUTS];
    char has[FL_TENSOR_TEXT], wants[FL_TENSOR_TEXT];
    fl_op_desc desc;

    memset(made, 0, sizeof made);
    fl_plan_step_desc(v->e, s, v->in, stored, &desc);
    for (int i = 0; i < FL_MAX_OUTPUTS; i++)
        out[i] = &made[i];
    desc.out = out;
    FL_TRY(fl_op_infer(&desc, err));
    for (uint32_t i = 0; i < s->n_out; i++)
        if (!same_desc(&made[i], stored[i]))
            FL_FAIL(err, FLOE_ERR_FORMAT, "output %u is stored as %s%s, but %s gives %s", (unsigned)i,
                    fl_tensor_text(stored[i], has, sizeof has), stored[i]->constant ? " (constant)" : "",
                    fl_op_def_of(s->op)->name, fl_tensor_text(&made[i], wants, sizeof wants));
done:
    return st;
}

static floe_status check_reads(const verifier *v, const fl_plan_step *s, floe_error *err)
{
    for (uint32_t i = 0; i < s->n_in; i++) {
        const uint32_t t = s->in[i];
        if (t == FL_PLAN_NONE || is_taken(s, i))
            continue;
        const extent *x = &v->extents[t];
        if (x->place == FL_PLACE_WEIGHTS && x->most > v->plan->weights_bytes - x->offset)
            return fl_fail(err, FLOE_ERR_FORMAT, "input %u: bytes %llu to %llu of weights of %llu", (unsigned)i,
                           (unsigned long long)x->offset, (unsigned long long)(x->offset + x->most),
                           (unsigned long long)v->plan->weights_bytes);
        if (x->place != FL_PLACE_WEIGHTS && !v->written[v->storage[t]])
            return fl_fail(err, FLOE_ERR_FORMAT, "input %u, '%s', was not written by any step before", (unsigned)i,
                           v->e->tensors[t].name);
    }
    return FLOE_OK;
}

/* Do the bytes of a and b meet, other than by being the same ones? */
static bool is_torn(const verifier *v, uint32_t a, uint32_t b)
{
    const extent *x = &v->extents[a], *y = &v->extents[b];

    if (x->place != y->place || v->storage[a] == v->storage[b])
        return false;
    if (x->place == FL_PLACE_BINDING) /* another storage in one binding was refused before */
        return false;
    return x->most > 0 && y->most > 0 && x->offset < y->offset + y->most && y->offset < x->offset + x->most;
}

static floe_status check_write(verifier *v, const fl_plan_step *s, uint32_t slot, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = v->e;
    const uint32_t t = s->out[slot];
    const extent *x = &v->extents[t];

    if (x->place == FL_PLACE_WEIGHTS)
        FL_FAIL(err, FLOE_ERR_FORMAT, "output %u, '%s', lies among the weights", (unsigned)slot, e->tensors[t].name);
    if (x->place == FL_PLACE_BINDING && e->bindings[x->offset].is_input)
        FL_FAIL(err, FLOE_ERR_FORMAT, "output %u, '%s', lies in input binding '%s'", (unsigned)slot, e->tensors[t].name,
                e->bindings[x->offset].name);
    if (v->produced[t])
        FL_FAIL(err, FLOE_ERR_FORMAT, "output %u, '%s', was written by an earlier step", (unsigned)slot,
                e->tensors[t].name);
    for (uint32_t i = 0; i < s->n_in; i++)
        if (s->in[i] != FL_PLAN_NONE && !is_taken(s, i) && is_torn(v, t, s->in[i]))
            FL_FAIL(err, FLOE_ERR_FORMAT, "output %u overlaps input %u in part", (unsigned)slot, (unsigned)i);
    for (uint32_t i = 0; i < slot; i++)
        if (v->storage[s->out[i]] == v->storage[t] || is_torn(v, t, s->out[i]))
            FL_FAIL(err, FLOE_ERR_FORMAT, "outputs %u and %u overlap", (unsigned)i, (unsigned)slot);
    v->produced[t] = true;
done:
    return st;
}

/* Follows the items of a batch through a step whose shapes are right. */
static void follow_items(verifier *v, const fl_plan_step *s)
{
    fl_tensor_desc *out[FL_MAX_OUTPUTS];
    fl_op_desc d;
    int64_t outer = 0;

    fl_plan_step_desc(v->e, s, v->in, out, &d);
    for (uint32_t i = 0; i < s->n_in; i++)
        v->in_outer[i] = s->in[i] == FL_PLAN_NONE ? 0 : v->outer[v->storage[s->in[i]]];
    if (!v->mixes && !fl_op_keeps_items(&d, v->in_outer, &outer))
        v->mixes = s->name;
    for (uint32_t i = 0; i < s->n_out; i++)
        v->outer[v->storage[s->out[i]]] = i == 0 ? outer : 0;
}

static floe_status check_step(verifier *v, const fl_plan_step *s, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(check_indices(v, s, err));
    FL_TRY(check_packed(v, s, err));
    FL_TRY(check_shapes(v, s, err));
    FL_TRY(check_reads(v, s, err));
    for (uint32_t i = 0; i < s->n_out; i++)
        FL_TRY(check_write(v, s, i, err));
    for (uint32_t i = 0; i < s->n_out; i++)
        v->written[v->storage[s->out[i]]] = true;
    follow_items(v, s);
done:
    return st;
}

static floe_status check_steps(verifier *v, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = v->e;

    for (uint32_t i = 0; i < e->n_steps; i++) {
        st = check_step(v, &e->steps[i], err);
        if (st != FLOE_OK) {
            fl_error_prefix(err, "step %u '%s'", (unsigned)i, e->steps[i].name);
            goto done;
        }
    }
done:
    return st;
}

/* ---- sums */

static floe_status check_sums(verifier *v, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = v->e;
    uint64_t arena = 0, workspace = 0;

    for (uint32_t i = 0; i < e->n_tensors; i++) {
        const extent *x = &v->extents[i];
        const uint64_t end = x->offset + fl_round_up(x->most ? x->most : 1, FL_ALIGN);
        if (x->place == FL_PLACE_ARENA && end > arena)
            arena = end;
    }
    for (uint32_t i = 0; i < e->n_steps; i++)
        if (e->steps[i].workspace_bytes > workspace)
            workspace = e->steps[i].workspace_bytes;
    if (e->arena_bytes > arena || e->workspace_bytes != workspace)
        FL_FAIL(err, FLOE_ERR_FORMAT, "an arena of %llu and workspace of %llu bytes; its tensors need %llu, its steps "
                "%llu", (unsigned long long)e->arena_bytes, (unsigned long long)e->workspace_bytes,
                (unsigned long long)arena, (unsigned long long)workspace);
    for (uint32_t i = 0; i < e->n_bindings; i++)
        if (!v->written[v->storage[e->bindings[i].tensor]])
            FL_FAIL(err, FLOE_ERR_FORMAT, "output '%s' is not written by any step", e->bindings[i].name);
    for (uint32_t i = 0; i < e->n_bindings; i++)
        check_ranges(v, &e->bindings[i]);
done:
    return st;
}

/* ---- the whole */

static floe_status make_room(verifier *v, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = v->e;
    const size_t n = (size_t)e->n_tensors + 1;
    size_t most = 0;

    for (uint32_t i = 0; i < e->n_steps; i++)
        most = e->steps[i].n_in > most ? e->steps[i].n_in : most;
    v->extents = fl_arena_calloc(&v->scratch, n, sizeof *v->extents);
    v->storage = fl_arena_calloc(&v->scratch, n, sizeof *v->storage);
    v->written = fl_arena_calloc(&v->scratch, n, sizeof *v->written);
    v->produced = fl_arena_calloc(&v->scratch, n, sizeof *v->produced);
    v->outer = fl_arena_calloc(&v->scratch, n, sizeof *v->outer);
    v->in = fl_arena_calloc(&v->scratch, most + 1, sizeof *v->in);
    v->in_outer = fl_arena_calloc(&v->scratch, most + 1, sizeof *v->in_outer);
    FL_NEED(v->extents && v->storage && v->written && v->produced && v->outer && v->in && v->in_outer,
            n * sizeof *v->extents, "verifying a plan", err);
done:
    return st;
}

static floe_status verify_engine(const fl_plan *plan, uint32_t index, floe_error *err)
{
    floe_status st = FLOE_OK;
    verifier v = {.plan = plan, .e = &plan->engines[index]};

    fl_arena_init(&v.scratch, plan->env);
    FL_TRY(check_engine(v.e, err));
    FL_TRY(make_room(&v, err));
    FL_TRY(check_tensors(&v, err));
    FL_TRY(number_storages(&v, err));
    FL_TRY(check_bindings(&v, err));
    FL_TRY(check_steps(&v, err));
    FL_TRY(check_sums(&v, err));
    plan->engines[index].mixes = v.mixes;
done:
    fl_arena_free(&v.scratch);
    if (st != FLOE_OK)
        fl_error_prefix(err, "engine %u", (unsigned)index);
    return st;
}

static floe_status check_preprocess(const fl_plan_preprocess *p, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (!p->present)
        goto done;
    if (p->channels < FL_CHANNELS_RGB || p->channels > FL_CHANNELS_BGR || p->resize < 0 ||
        p->resize >= FL_RESIZE_COUNT || p->format < FL_NHWC || p->format > FL_NCHW)
        FL_FAIL(err, FLOE_ERR_FORMAT, "preprocessing: channels %d, resize %d or format %d is unknown", (int)p->channels,
                (int)p->resize, (int)p->format);
    for (int i = 0; i < 4; i++)
        if (!isfinite(p->mean[i]) || !isfinite(p->scale[i]))
            FL_FAIL(err, FLOE_ERR_FORMAT, "preprocessing: mean or scale of channel %d is not a finite number", i);
done:
    return st;
}

floe_status fl_plan_verify(const fl_plan *plan, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(check_preprocess(&plan->preprocess, err));
    for (uint32_t i = 0; i < plan->n_engines; i++)
        FL_TRY(verify_engine(plan, i, err));
    if (plan->n_engines == 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "it holds no engine");
done:
    /* Inference speaks of shapes and arguments; here all of that means one thing. */
    if (st != FLOE_OK && st != FLOE_ERR_MEMORY) {
        st = FLOE_ERR_FORMAT;
        if (err)
            err->status = st;
    }
    return st;
}
