/* opt_fold_pad.c - a zero pad over height and width in front of a convolution becomes the convolution's own padding.
 *
 * Not in front of pools: a padded zero takes part in a maximum and counts in an average, a pool's own padding does neither.
 */
#include "optimizer/optimizer_util.h"

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

floe_status fl_opt_fold_pad(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < ctx->net->n_layers; i++) {
        fl_layer *conv = ctx->net->layers[i];
        if (conv->desc.op != FL_OP_CONV2D && conv->desc.op != FL_OP_DEPTHWISE_CONV2D)
            continue;
        fl_layer *pad = conv->in[0]->producer;
        fl_conv_params *p = &conv->desc.p.conv;
        int64_t pads[4];
        bool fits = pad && pad->desc.op == FL_OP_PAD && spatial_pads(pad, p->format, pads);
        for (int k = 0; fits && k < 4; k++)
            fits = pads[k] <= INT32_MAX - p->pad[k];
        if (!fits)
            continue;
        for (int k = 0; k < 4; k++)
            p->pad[k] += (int32_t)pads[k];
        FL_TRY(fl_layer_set_input(ctx->net, conv, 0, pad->in[0], err));
        FL_TRY(fl_layer_infer(conv, err));
        ctx->changes++;
    }
done:
    return st;
}
