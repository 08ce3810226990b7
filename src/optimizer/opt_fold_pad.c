/* opt_fold_pad.c - a zero pad over height and width in front of a convolution or a maximum becomes its own padding.
 *
 * A pool's own padding never takes part, but a padded zero does: in front of a maximum that makes no difference where
 * nothing is below zero, which is known behind a relu and its like. (A window of zeros and NaN alone would tell: pools
 * pass over NaN.) Averages count padded zeros, so they keep their pads.
 */
#include "optimizer/optimizer_util.h"

#define DEPTH 16 /* of layers that hand on what is known of their input */

/* The pads of height and width; false when others are padded or with something else than zero. */
static bool spatial_pads(const fl_layer *pad, int format, int64_t out[4])
{
    const fl_pad_params *p = &pad->desc.p.pad;
    const int h = format == FL_NHWC ? 1 : 2;
    if (p->value != 0 || pad->desc.in[0]->rank != 4)
        return false;
    for (int i = 0; i < 4; i++)
        if ((i < h || i > h + 1) && (p->before[i] || p->after[i]))
            return false;
    for (int i = 0; i < 2; i++) {
        out[2 * i] = p->before[h + i];
        out[2 * i + 1] = p->after[h + i];
    }
    return true;
}

static bool gives_no_negative(int unary)
{
    switch (unary) {
    case FL_UNARY_RELU:
    case FL_UNARY_RELU6:
    case FL_UNARY_SIGMOID:
    case FL_UNARY_SOFTPLUS:
    case FL_UNARY_ABS:
    case FL_UNARY_SQRT:
    case FL_UNARY_SQUARE:
    case FL_UNARY_EXP:
        return true;
    default:
        return false;
    }
}

static bool never_negative(const fl_tensor *t, int depth)
{
    fl_layer *layer = t->producer;
    float *alpha;
    if (!layer || depth == 0 || t->desc.dtype != FL_F32)
        return false;
    const int32_t *act = fl_opt_act(layer, &alpha);
    if (act && t == layer->out[0] && gives_no_negative(*act))
        return true;
    switch (layer->desc.op) {
    case FL_OP_UNARY:
        return gives_no_negative(layer->desc.p.unary.func);
    case FL_OP_SOFTMAX:
        return true;
    case FL_OP_POOL2D:
    case FL_OP_IDENTITY:
    case FL_OP_RESHAPE:
    case FL_OP_TRANSPOSE:
        return never_negative(layer->in[0], depth - 1);
    case FL_OP_CONCAT:
        for (int i = 0; i < layer->desc.n_in; i++)
            if (!never_negative(layer->in[i], depth - 1))
                return false;
        return true;
    default:
        return false;
    }
}

/* The padding that a layer has itself, when it treats zeros in it and zeros of its input alike; NULL else. */
static int32_t *own_padding(fl_layer *layer, const fl_tensor *x, int *format)
{
    switch (layer->desc.op) {
    case FL_OP_CONV2D:
    case FL_OP_DEPTHWISE_CONV2D:
        *format = layer->desc.p.conv.format;
        return layer->desc.p.conv.pad;
    case FL_OP_POOL2D:
        *format = layer->desc.p.pool.format;
        return layer->desc.p.pool.func == FL_POOL_MAX && never_negative(x, DEPTH) ? layer->desc.p.pool.pad : NULL;
    default:
        return NULL;
    }
}

/* A convolution's padding has no limit; a pool's is smaller than its window, so that every window sees a pixel. */
static bool padding_fits(const fl_layer *layer, const int32_t *own, const int64_t more[4])
{
    for (int k = 0; k < 4; k++)
        if (more[k] > INT32_MAX - own[k] ||
            (layer->desc.op == FL_OP_POOL2D && own[k] + more[k] >= layer->desc.p.pool.kernel[k / 2]))
            return false;
    return layer->desc.op != FL_OP_POOL2D || fl_tensor_elements_at(layer->desc.in[0], 1) > 0;
}

floe_status fl_opt_fold_pad(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < ctx->net->n_layers; i++) {
        fl_layer *layer = ctx->net->layers[i];
        fl_layer *pad = layer->desc.n_in > 0 ? layer->in[0]->producer : NULL;
        int64_t more[4];
        int format;
        int32_t *own = pad && pad->desc.op == FL_OP_PAD ? own_padding(layer, pad->in[0], &format) : NULL;
        if (!own || !spatial_pads(pad, format, more) || !padding_fits(layer, own, more))
            continue;
        for (int k = 0; k < 4; k++)
            own[k] += (int32_t)more[k];
        FL_TRY(fl_layer_set_input(ctx->net, layer, 0, pad->in[0], err));
        FL_TRY(fl_layer_infer(layer, err));
        ctx->changes++;
    }
done:
    return st;
}
