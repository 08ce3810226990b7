/* opt_fold_scale.c - per-channel factors and terms go into the weights of the convolution or product behind them, such as
 * the x / 127.5 - 1 that many networks begin with.
 *
 *   linear(x * s, w)       ->  linear(x, w * s)             s along the input channels
 *   linear(x + t, w)       ->  linear(x, w) + linear(t, w)  where all windows lie inside x: the zeros outside are not t
 *   linear(x * s + t, w)   ->  linear(x + t / s, w * s)     where some do not: what is left is one addition
 *
 * Transposes may stand between; what is folded must have no other reader.
 */
#include "optimizer/optimizer_util.h"

#include <math.h>

/* A layer that scales or shifts, with its data slot and the axis of its data that becomes the input channels. */
typedef struct step {
    fl_layer     *layer;
    int           slot, axis;
    fl_opt_affine affine;
} step;

/* The step that makes x, whose channels are `axis`; step->layer is NULL when there is none. */
static step step_before(const fl_tensor *x, int axis)
{
    step s = {fl_opt_sole_producer(x), 0, axis, {0}};
    for (; s.layer && s.layer->desc.op == FL_OP_TRANSPOSE; s.layer = fl_opt_sole_producer(s.layer->in[0]))
        s.axis = s.layer->desc.p.transpose.perm[s.axis];
    for (; s.layer && s.slot < 2; s.slot++)
        if (fl_opt_affine_of(s.layer, s.slot, s.axis, &s.affine))
            return s;
    s.layer = NULL;
    return s;
}

/* Axis of the input channels, or -1 where weights or bias are not known. */
static int open_axis(const fl_layer *layer)
{
    const fl_tensor *w = fl_opt_is_linear(layer) ? layer->in[FL_SLOT_WEIGHTS] : NULL;
    const fl_tensor *b = w ? fl_opt_slot(layer, FL_SLOT_BIAS) : NULL;
    if (!w || !w->data || w->desc.dtype != FL_F32 || (b && !b->data))
        return -1;
    if (layer->desc.op == FL_OP_MATMUL)
        return layer->desc.p.matmul.transpose_a ? -1 : 1;
    return layer->desc.p.conv.format == FL_NHWC ? 3 : 1;
}

/* Whether every output sees all taps. */
static bool sees_no_border(const fl_layer *layer)
{
    const int32_t *pad = layer->desc.p.conv.pad;
    if (layer->desc.op == FL_OP_MATMUL)
        return true;
    return layer->desc.op != FL_OP_CONV2D_TRANSPOSE && !pad[0] && !pad[1] && !pad[2] && !pad[3];
}

/* The channels that the weight at [row, column] of the weights' last two dimensions connects. */
static void ends_of(const fl_layer *layer, int64_t row, int64_t column, int64_t *in, int64_t *out)
{
    const int64_t *dim = layer->desc.in[FL_SLOT_WEIGHTS]->dim;
    *in = row;
    *out = column;
    switch (layer->desc.op) {
    case FL_OP_CONV2D:
        *in += column / (dim[3] / layer->desc.p.conv.groups) * dim[2];
        break;
    case FL_OP_DEPTHWISE_CONV2D:
        *out += row * dim[3];
        break;
    case FL_OP_CONV2D_TRANSPOSE:
        *in = column;
        *out = row;
        break;
    default:
        if (layer->desc.p.matmul.transpose_b) {
            *in = column;
            *out = row;
        }
    }
}

/* w * s, or, with `sum`, sum[output channel] += w * t. Either may be NULL. */
static void walk_weights(const fl_layer *layer, const fl_opt_affine *a, float *scaled, double *sum)
{
    const fl_tensor *w = layer->in[FL_SLOT_WEIGHTS];
    const int rank = w->desc.rank;
    const int64_t rows = w->desc.dim[rank - 2], columns = w->desc.dim[rank - 1], count = fl_tensor_elements_at(&w->desc, 1);
    for (int64_t i = 0; i < count; i++) {
        const float value = ((const float *)w->data)[i];
        int64_t in, out;
        ends_of(layer, i / columns % rows, i % columns, &in, &out);
        if (scaled)
            scaled[i] = value * fl_opt_factor(a, in);
        else
            sum[out] += (double)value * (double)fl_opt_term(a, in);
    }
}

static floe_status scale_weights(fl_network *net, fl_layer *layer, const fl_opt_affine *a, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor *w = layer->in[FL_SLOT_WEIGHTS];
    fl_tensor *scaled;
    float *values;
    FL_TRY(fl_opt_new_floats(net, w->name, w->desc.rank, w->desc.dim, &scaled, &values, err));
    walk_weights(layer, a, values, NULL);
    FL_TRY(fl_layer_set_input(net, layer, FL_SLOT_WEIGHTS, scaled, err));
done:
    return st;
}

static floe_status add_to_bias(fl_network *net, fl_layer *layer, const fl_opt_affine *a, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor *old = fl_opt_slot(layer, FL_SLOT_BIAS);
    const int64_t channels = layer->desc.out[0]->dim[fl_opt_channel_axis(layer)];
    double *sum = fl_arena_calloc(&net->arena, (size_t)channels, sizeof *sum);
    fl_tensor *bias;
    float *values;
    FL_NEED(sum, (size_t)channels * sizeof *sum, "a bias", err);
    FL_TRY(fl_opt_new_floats(net, "bias", 1, &channels, &bias, &values, err));
    walk_weights(layer, a, NULL, sum);
    for (int64_t k = 0; k < channels; k++)
        values[k] = (float)(sum[k] + (old ? (double)((const float *)old->data)[k] : 0.0));
    FL_TRY(fl_layer_set_input(net, layer, FL_SLOT_BIAS, bias, err));
done:
    return st;
}

/* x * s + t becomes (x + t / s) * s: `add` adds t / s; the caller takes the factor out. Does nothing (*done) where a
 * quotient is no number. */
static floe_status divide_term(fl_network *net, const step *add, const step *mul, bool *done, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *x = add->layer->desc.in[add->slot];
    const bool varies = add->affine.t_step || mul->affine.s_step;
    int64_t dim[FL_MAX_RANK];
    fl_tensor *quotient;
    float *values;
    *done = false;
    for (int i = 0; i < x->rank; i++)
        dim[i] = varies && i == add->axis ? x->dim[i] : 1;
    FL_TRY(fl_opt_new_floats(net, "shift", varies ? x->rank : 0, dim, &quotient, &values, err));
    for (int64_t k = 0; k < (varies ? x->dim[add->axis] : 1); k++) {
        values[k] = fl_opt_term(&add->affine, k) / fl_opt_factor(&mul->affine, k);
        if (!isfinite(values[k]))
            goto done;
    }
    add->layer->desc.p.binary.func = FL_BINARY_ADD;
    FL_TRY(fl_layer_set_input(net, add->layer, 1 - add->slot, quotient, err));
    FL_TRY(fl_layer_infer(add->layer, err));
    *done = true;
done:
    return st;
}

/* One step before `layer`; *more: there was one. */
static floe_status fold_one(fl_opt_context *ctx, fl_layer *layer, int axis, bool *more, floe_error *err)
{
    floe_status st = FLOE_OK;
    step near = step_before(layer->in[FL_SLOT_X], axis);
    *more = near.layer != NULL;
    if (near.layer && near.affine.t && !sees_no_border(layer)) {
        const step add = near;
        near = step_before(add.layer->in[add.slot], add.axis);
        *more = near.layer && near.affine.s;
        if (*more)
            FL_TRY(divide_term(ctx->net, &add, &near, more, err));
    }
    if (!*more)
        goto done;
    if (near.affine.s)
        FL_TRY(scale_weights(ctx->net, layer, &near.affine, err));
    else
        FL_TRY(add_to_bias(ctx->net, layer, &near.affine, err));
    fl_opt_bypass(ctx, near.layer, near.layer->in[near.slot]);
done:
    return st;
}

floe_status fl_opt_fold_scale(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < ctx->net->n_layers; i++) {
        fl_layer *layer = ctx->net->layers[i];
        const int axis = open_axis(layer);
        for (bool more = axis >= 0; more;)
            FL_TRY(fold_one(ctx, layer, axis, &more, err));
    }
done:
    return st;
}
