/* opt_activations.c - activations that a graph writes out become one layer, which can be fused:
 *
 *   max(x, 0)              -> relu(x)
 *   min(relu(x), 6)        -> relu6(x)     and max(min(x, 6), 0)
 *   max(x * a, x), 0<=a<=1 -> leaky_relu(x, a)
 *   x * sigmoid(x)         -> silu(x)
 *
 * NaN passes through relu, relu6 and through TensorFlow's minimum and maximum alike.
 */
#include "optimizer/optimizer_util.h"

/* x of a binary layer func(x, c) or func(c, x) with a constant scalar c. */
static fl_tensor *with_scalar(const fl_layer *layer, int func, float *c)
{
    if (!layer || layer->removed || layer->desc.op != FL_OP_BINARY || layer->desc.p.binary.func != func ||
        layer->desc.p.binary.act != FL_UNARY_NONE)
        return NULL;
    for (int slot = 0; slot < 2; slot++)
        if (fl_opt_scalar(layer->in[slot], c) && layer->in[1 - slot]->desc.dtype == FL_F32 &&
            fl_tensor_same_shape(&layer->in[1 - slot]->desc, &layer->out[0]->desc))
            return layer->in[1 - slot];
    return NULL;
}

static floe_status replace(fl_opt_context *ctx, fl_layer *layer, fl_tensor *x, int func, float alpha, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_layer *act;
    const fl_op_params p = {.unary = {.func = func, .alpha = alpha}};
    FL_TRY(fl_net_add_layer(ctx->net, &act, layer->name, FL_OP_UNARY, &p, &x, 1, err));
    fl_opt_bypass(ctx, layer, act->out[0]);
done:
    return st;
}

/* max(x * a, x) */
static fl_tensor *leaky(const fl_layer *layer, float *alpha)
{
    if (layer->desc.op != FL_OP_BINARY || layer->desc.p.binary.func != FL_BINARY_MAX || layer->desc.p.binary.act)
        return NULL;
    for (int slot = 0; slot < 2; slot++) {
        fl_tensor *x = with_scalar(layer->in[slot]->producer, FL_BINARY_MUL, alpha);
        if (x && x == layer->in[1 - slot] && *alpha >= 0 && *alpha <= 1)
            return x;
    }
    return NULL;
}

/* x * sigmoid(x) */
static fl_tensor *silu(const fl_layer *layer)
{
    if (layer->removed || layer->desc.op != FL_OP_BINARY || layer->desc.p.binary.func != FL_BINARY_MUL ||
        layer->desc.p.binary.act)
        return NULL;
    for (int slot = 0; slot < 2; slot++) {
        const fl_layer *gate = layer->in[slot]->producer;
        fl_tensor *x = layer->in[1 - slot];
        if (gate && gate->desc.op == FL_OP_UNARY && gate->desc.p.unary.func == FL_UNARY_SIGMOID && gate->in[0] == x &&
            x->desc.dtype == FL_F32)
            return x;
    }
    return NULL;
}

floe_status fl_opt_activations(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n = ctx->net->n_layers; /* new ones are appended behind */
    for (size_t i = 0; i < n; i++) {
        fl_layer *layer = ctx->net->layers[i];
        float low, high, alpha;
        fl_tensor *x = with_scalar(layer, FL_BINARY_MAX, &low);
        if (x && low == 0) {
            fl_tensor *inner = with_scalar(x->producer, FL_BINARY_MIN, &high);
            if (inner && high == 6)
                FL_TRY(replace(ctx, layer, inner, FL_UNARY_RELU6, 0, err));
            else
                FL_TRY(replace(ctx, layer, x, FL_UNARY_RELU, 0, err));
            continue;
        }
        x = with_scalar(layer, FL_BINARY_MIN, &high);
        if (x && high == 6 && x->producer && x->producer->desc.op == FL_OP_UNARY &&
            x->producer->desc.p.unary.func == FL_UNARY_RELU) {
            FL_TRY(replace(ctx, layer, x->producer->in[0], FL_UNARY_RELU6, 0, err));
            continue;
        }
        if ((x = leaky(layer, &alpha)) != NULL)
            FL_TRY(replace(ctx, layer, x, FL_UNARY_LEAKY_RELU, alpha, err));
        else if ((x = silu(layer)) != NULL)
            FL_TRY(replace(ctx, layer, x, FL_UNARY_SILU, 0, err));
    }
done:
    return st;
}
