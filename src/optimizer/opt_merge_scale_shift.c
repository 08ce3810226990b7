/* opt_merge_scale_shift.c - x * s + t with per-channel constants and no weights before them becomes one batch norm layer
 * (mean 0, variance 1, epsilon 0), which reads and writes the tensor once and can carry an activation. Pre-activation
 * networks have one in front of every convolution.
 */
#include "optimizer/optimizer_util.h"

/* The constant and the data slot of func(x, c); -1 when it is not of that form. */
static int data_slot(const fl_layer *layer, int func)
{
    if (!layer || layer->desc.op != FL_OP_BINARY || layer->desc.p.binary.func != func || layer->desc.p.binary.act ||
        layer->desc.out[0]->dtype != FL_F32)
        return -1;
    for (int slot = 0; slot < 2; slot++)
        if (layer->in[1 - slot]->data && !layer->in[slot]->data &&
            fl_tensor_same_shape(layer->desc.in[slot], layer->desc.out[0]))
            return slot;
    return -1;
}

static floe_status spread(fl_network *net, const float *from, int step, int64_t channels, fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    float *to;
    FL_TRY(fl_opt_new_floats(net, "scale", 1, &channels, out, &to, err));
    for (int64_t k = 0; k < channels; k++)
        to[k] = from[k * step];
done:
    return st;
}

static floe_status merge(fl_opt_context *ctx, fl_layer *add, int add_slot, fl_layer *mul, int mul_slot, int axis, floe_error *err)
{
    static const float zero = 0, one = 1;
    floe_status st = FLOE_OK;
    const float *s, *t;
    int s_step, t_step;
    fl_tensor *in[5] = {mul->in[mul_slot]};
    fl_layer *norm;
    const fl_tensor_desc *x = &in[0]->desc;
    const fl_op_params p = {.batch_norm = {.axis = axis, .factor = 1}};
    if (!fl_opt_per_channel(mul->in[1 - mul_slot], x, axis, &s, &s_step) ||
        !fl_opt_per_channel(add->in[1 - add_slot], x, axis, &t, &t_step) || (!s_step && !t_step))
        goto done;
    FL_TRY(spread(ctx->net, s, s_step, x->dim[axis], &in[1], err));
    FL_TRY(spread(ctx->net, t, t_step, x->dim[axis], &in[2], err));
    FL_TRY(spread(ctx->net, &zero, 0, x->dim[axis], &in[3], err));
    FL_TRY(spread(ctx->net, &one, 0, x->dim[axis], &in[4], err));
    FL_TRY(fl_net_add_layer(ctx->net, &norm, add->name, FL_OP_BATCH_NORM, &p, in, 5, err));
    in[0]->uses++;
    fl_opt_bypass(ctx, add, norm->out[0]);
    fl_opt_bypass(ctx, mul, in[0]); /* nobody read it but the addition */
done:
    return st;
}

floe_status fl_opt_merge_scale_shift(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n = ctx->net->n_layers;
    for (size_t i = 0; i < n; i++) {
        fl_layer *add = ctx->net->layers[i];
        const int add_slot = add->removed ? -1 : data_slot(add, FL_BINARY_ADD);
        fl_layer *mul = add_slot < 0 ? NULL : fl_opt_sole_producer(add->in[add_slot]);
        const int mul_slot = data_slot(mul, FL_BINARY_MUL), rank = add->desc.out[0]->rank;
        if (mul_slot < 0 || rank < 2)
            continue;
        FL_TRY(merge(ctx, add, add_slot, mul, mul_slot, rank - 1, err));
        if (!add->removed && rank > 2)
            FL_TRY(merge(ctx, add, add_slot, mul, mul_slot, 1, err));
    }
done:
    return st;
}
