/* opt_transposes.c - moves transposes down the network until they meet and cancel.
 *
 * A layer all of whose data inputs are transposed alike is run on what lies before the transposes and transposed once
 * behind:     f(T(a), T(b))  ->  T(f'(a, b))      f' is f with its axes renamed
 * Two transposes in a row are one, and one that only moves axes of size 1 is a reshape. Rounds repeat until nothing moves;
 * every move brings a transpose closer to the outputs, so they end. A whole NCHW network between the transposes that the
 * layout pass made is left with one at its input, and one at its output if that has four dimensions.
 *
 * y = T(x) has y.dim[i] = x.dim[perm[i]]: axis i of y is axis perm[i] of x.
 */
#include "optimizer/optimizer_util.h"

#include <string.h>

typedef struct sink {
    fl_network    *net;
    fl_layer      *layer;
    const int32_t *perm; /* of the transposes above the layer */
    int            rank;
    fl_op_params   p;    /* the layer's, axes renamed */
    int32_t        out_perm[FL_MAX_RANK];
    int            out_rank;
} sink;

static const fl_layer *transpose_above(const fl_tensor *t)
{
    return t && t->producer && t->producer->desc.op == FL_OP_TRANSPOSE ? t->producer : NULL;
}

/* ---- two in a row, and those that move nothing but ones */

static bool compose(fl_opt_context *ctx, fl_layer *layer, floe_error *err, floe_status *st)
{
    const fl_layer *above = transpose_above(layer->in[0]);
    fl_op_params p = {0};
    fl_layer *both;
    if (!above)
        return false;
    for (int i = 0; i < layer->desc.in[0]->rank; i++)
        p.transpose.perm[i] = above->desc.p.transpose.perm[layer->desc.p.transpose.perm[i]];
    fl_tensor *x = above->in[0];
    bool nothing = true;
    for (int i = 0; i < x->desc.rank; i++)
        nothing = nothing && p.transpose.perm[i] == i;
    if (nothing) {
        fl_opt_bypass(ctx, layer, x);
        return true;
    }
    *st = fl_net_add_layer(ctx->net, &both, layer->name, FL_OP_TRANSPOSE, &p, &x, 1, err);
    if (*st == FLOE_OK)
        fl_opt_bypass(ctx, layer, both->out[0]);
    return true;
}

/* The axes that are not 1 keep their order. */
static bool is_reshape(const fl_layer *layer)
{
    int last = -1;
    for (int i = 0; i < layer->desc.in[0]->rank; i++) {
        const int axis = layer->desc.p.transpose.perm[i];
        if (layer->desc.in[0]->dim[axis] == 1)
            continue;
        if (axis < last)
            return false;
        last = axis;
    }
    return true;
}

static floe_status as_reshape(fl_opt_context *ctx, fl_layer *layer, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_op_params p = {.dims = {.rank = layer->desc.out[0]->rank}};
    fl_layer *reshape;
    memcpy(p.dims.dim, layer->desc.out[0]->dim, (size_t)p.dims.rank * sizeof *p.dims.dim);
    FL_TRY(fl_net_add_layer(ctx->net, &reshape, layer->name, FL_OP_RESHAPE, &p, layer->in, 1, err));
    fl_opt_bypass(ctx, layer, reshape->out[0]);
done:
    return st;
}

/* ---- axes renamed, per operator. Each returns false when the layer cannot be moved. */

static void same_out(sink *s)
{
    s->out_rank = s->rank;
    memcpy(s->out_perm, s->perm, sizeof s->out_perm);
}

static bool rename_nothing(sink *s)
{
    same_out(s);
    return s->layer->desc.out[0]->rank == s->rank;
}

static bool rename_axis(sink *s)
{
    same_out(s);
    s->p.axis.axis = s->perm[s->p.axis.axis];
    return true;
}

static bool rename_norm(sink *s)
{
    same_out(s);
    s->p.batch_norm.axis = s->perm[s->p.batch_norm.axis];
    return s->layer->out[1]->uses == 0 && s->layer->out[2]->uses == 0;
}

static bool rename_pad(sink *s)
{
    const fl_pad_params old = s->p.pad;
    same_out(s);
    for (int i = 0; i < s->rank; i++) {
        s->p.pad.before[s->perm[i]] = old.before[i];
        s->p.pad.after[s->perm[i]] = old.after[i];
    }
    return true;
}

static bool rename_slice(sink *s)
{
    const fl_slice_params old = s->p.slice;
    same_out(s);
    for (int i = 0; i < s->rank; i++) {
        s->p.slice.begin[s->perm[i]] = old.begin[i];
        s->p.slice.stride[s->perm[i]] = old.stride[i];
        s->p.slice.size[s->perm[i]] = old.size[i];
    }
    return true;
}

/* Without keep_dims the axes that stay are renumbered on both sides. */
static bool rename_reduce(sink *s)
{
    const int32_t old = s->p.reduce.axes;
    int place[FL_MAX_RANK], kept = 0;
    s->p.reduce.axes = 0;
    for (int i = 0; i < s->rank; i++)
        if (old >> i & 1)
            s->p.reduce.axes |= 1 << s->perm[i];
    same_out(s);
    if (s->p.reduce.keep_dims)
        return true;
    for (int i = 0; i < s->rank; i++)
        place[i] = s->p.reduce.axes >> i & 1 ? -1 : kept++;
    s->out_rank = 0;
    memset(s->out_perm, 0, sizeof s->out_perm);
    for (int i = 0; i < s->rank; i++)
        if (!(old >> i & 1))
            s->out_perm[s->out_rank++] = place[s->perm[i]];
    return true;
}

static const struct mover {
    fl_op_kind op;
    bool (*rename)(sink *);
    int data_slots; /* slots that hold data of the output's rank; the rest are per-channel vectors */
} movers[] = {
    {FL_OP_UNARY, rename_nothing, 1},   {FL_OP_IDENTITY, rename_nothing, 1}, {FL_OP_CAST, rename_nothing, 1},
    {FL_OP_BINARY, rename_nothing, 2},  {FL_OP_SELECT, rename_nothing, 3},   {FL_OP_CONCAT, rename_axis, 1 << 20},
    {FL_OP_SOFTMAX, rename_axis, 1},    {FL_OP_BATCH_NORM, rename_norm, 1},  {FL_OP_PAD, rename_pad, 1},
    {FL_OP_SLICE, rename_slice, 1},     {FL_OP_REDUCE, rename_reduce, 1},
};

static const struct mover *mover_of(const fl_layer *layer)
{
    for (size_t i = 0; i < sizeof movers / sizeof *movers; i++)
        if (movers[i].op == layer->desc.op)
            return &movers[i];
    return NULL;
}

/* ---- inputs before the transposes */

/* A constant of lower rank, or of ones, seen before the transpose: its dims, filled up with ones, lie where perm says.
 * Only layouts that need no data to move, or small constants, which the reference transposes. */
static floe_status constant_before(const sink *s, fl_tensor *c, fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_network *net = s->net;
    fl_tensor_desc full = c->desc, moved = c->desc;
    int32_t inverse[FL_MAX_RANK] = {0};
    const int shift = s->rank - c->desc.rank;
    if (fl_tensor_elements_at(&c->desc, 1) == 1) {
        *out = c;
        goto done;
    }
    full.rank = moved.rank = s->rank;
    for (int i = 0; i < s->rank; i++) {
        full.dim[i] = i < shift ? 1 : c->desc.dim[i - shift];
        moved.dim[s->perm[i]] = full.dim[i];
        inverse[s->perm[i]] = i;
    }
    const size_t bytes = fl_tensor_bytes_at(&moved, 1);
    void *data = fl_arena_alloc_data(&net->arena, bytes);
    FL_NEED(data, bytes, "a transposed constant", err);
    fl_op_desc transpose = {.op = FL_OP_TRANSPOSE, .n_in = 1, .n_out = 1};
    fl_tensor_desc *in[1] = {&full}, *result[1] = {&moved};
    const void *from[1] = {c->data};
    void *to[1] = {data};
    memcpy(transpose.p.transpose.perm, inverse, sizeof inverse);
    transpose.in = in;
    transpose.out = result;
    FL_TRY(fl_op_def_of(FL_OP_TRANSPOSE)->ref(&transpose, from, to, err));
    FL_TRY(fl_net_add_constant(net, out, c->name, &moved, data, false, err));
done:
    return st;
}

/* The common permutation of the layer's transposed inputs; NULL when there is none or an input stands in the way. */
static const fl_layer *common_transpose(const fl_layer *layer, int data_slots)
{
    const fl_layer *found = NULL;
    for (int k = 0; k < layer->desc.n_in && k < data_slots; k++) {
        const fl_tensor *t = layer->in[k];
        if (!t || (t->data && layer->desc.op != FL_OP_CONCAT && t->desc.rank <= layer->desc.out[0]->rank))
            continue;
        const fl_layer *above = transpose_above(t);
        if (!above)
            return NULL;
        if (found && (found->desc.in[0]->rank != above->desc.in[0]->rank ||
                      memcmp(found->desc.p.transpose.perm, above->desc.p.transpose.perm, sizeof found->desc.p.transpose.perm)))
            return NULL;
        found = above;
    }
    return found;
}

static floe_status move(fl_opt_context *ctx, fl_layer *layer, bool *moved, floe_error *err)
{
    floe_status st = FLOE_OK;
    const struct mover *mover = mover_of(layer);
    const fl_layer *above = mover ? common_transpose(layer, mover->data_slots) : NULL;
    fl_layer *before, *behind;
    *moved = false;
    if (!above)
        goto done;
    sink s = {.net = ctx->net, .layer = layer, .perm = above->desc.p.transpose.perm, .rank = above->desc.in[0]->rank, .p = layer->desc.p};
    if (!mover->rename(&s))
        goto done;
    fl_tensor **in = fl_arena_calloc(&ctx->net->arena, (size_t)layer->desc.n_in, sizeof *in);
    FL_NEED(in, sizeof *in, "moving a transpose", err);
    for (int k = 0; k < layer->desc.n_in; k++) {
        fl_tensor *t = layer->in[k];
        const bool is_data = t && k < mover->data_slots;
        in[k] = is_data && transpose_above(t) ? t->producer->in[0] : t;
        if (is_data && t->data)
            FL_TRY(constant_before(&s, t, &in[k], err));
    }
    FL_TRY(fl_net_add_layer(ctx->net, &before, layer->name, layer->desc.op, &s.p, in, layer->desc.n_in, err));
    fl_op_params back = {0};
    memcpy(back.transpose.perm, s.out_perm, sizeof back.transpose.perm);
    FL_TRY(fl_net_add_layer(ctx->net, &behind, layer->name, FL_OP_TRANSPOSE, &back, before->out, 1, err));
    fl_opt_bypass(ctx, layer, behind->out[0]);
    *moved = true;
done:
    return st;
}

static floe_status one_round(fl_opt_context *ctx, bool *any, floe_error *err)
{
    floe_status st = FLOE_OK;
    *any = false;
    for (size_t i = 0; i < ctx->net->n_layers; i++) { /* appended ones are looked at in the same round */
        fl_layer *layer = ctx->net->layers[i];
        bool moved = false;
        if (layer->removed)
            continue;
        if (layer->desc.op != FL_OP_TRANSPOSE) {
            FL_TRY(move(ctx, layer, &moved, err));
        } else if (compose(ctx, layer, err, &st)) {
            if (st != FLOE_OK)
                goto done;
            moved = true;
        } else if (is_reshape(layer)) {
            FL_TRY(as_reshape(ctx, layer, err));
            moved = true;
        }
        *any = *any || moved;
    }
done:
    return st;
}

floe_status fl_opt_transposes(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    bool any = true;
    while (any) {
        FL_TRY(one_round(ctx, &any, err));
        FL_TRY(fl_net_sort(ctx->net, err));
        fl_net_count_uses(ctx->net);
        FL_TRY(fl_opt_dead_layers(ctx, err)); /* transposes that everybody moved past */
        FL_TRY(fl_opt_identities(ctx, err));  /* reshapes that they became */
        FL_TRY(fl_net_sort(ctx->net, err));
        fl_net_count_uses(ctx->net);
    }
done:
    return st;
}
