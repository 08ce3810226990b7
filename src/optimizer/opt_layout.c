/* opt_layout.c - convolutions and pools work on NHWC: where the graph has NCHW, transposes are put around them. The
 * pass behind this one moves the transposes together until they cancel, so that a whole NCHW network keeps one at its
 * input.
 */
#include "optimizer/optimizer_util.h"

#include <string.h>

static int32_t *format_of(fl_layer *layer)
{
    switch (layer->desc.op) {
    case FL_OP_CONV2D:
    case FL_OP_DEPTHWISE_CONV2D:
    case FL_OP_CONV2D_TRANSPOSE:
        return &layer->desc.p.conv.format;
    case FL_OP_POOL2D:
        return &layer->desc.p.pool.format;
    default:
        return NULL;
    }
}

/* x transposed; branches that read the same x share one. The pass's own layers begin at `first`. */
static floe_status transposed(fl_network *net, size_t first, fl_tensor *x, const fl_op_params *perm, fl_layer **out,
                              floe_error *err)
{
    for (size_t i = first; i < net->n_layers; i++)
        if (net->layers[i]->in[0] == x &&
            !memcmp(net->layers[i]->desc.p.transpose.perm, perm->transpose.perm, sizeof perm->transpose.perm)) {
            *out = net->layers[i];
            return FLOE_OK;
        }
    return fl_net_add_layer(net, out, x->name, FL_OP_TRANSPOSE, perm, &x, 1, err);
}

floe_status fl_opt_layout(fl_opt_context *ctx, floe_error *err)
{
    static const fl_op_params to_nhwc = {.transpose = {.perm = {0, 2, 3, 1}}},
                              to_nchw = {.transpose = {.perm = {0, 3, 1, 2}}};
    floe_status st = FLOE_OK;
    fl_network *net = ctx->net;
    const size_t n = net->n_layers;
    for (size_t i = 0; i < n; i++) {
        fl_layer *layer = net->layers[i], *t;
        int32_t *format = format_of(layer);
        if (!format || *format != FL_NCHW)
            continue;
        FL_TRY(transposed(net, n, layer->in[0], &to_nhwc, &t, err));
        FL_TRY(fl_layer_set_input(net, layer, 0, t->out[0], err));
        if (fl_opt_slot(layer, FL_SLOT_RESIDUAL)) {
            FL_TRY(transposed(net, n, layer->in[FL_SLOT_RESIDUAL], &to_nhwc, &t, err));
            FL_TRY(fl_layer_set_input(net, layer, FL_SLOT_RESIDUAL, t->out[0], err));
        }
        *format = FL_NHWC;
        FL_TRY(fl_layer_infer(layer, err));
        FL_TRY(transposed(net, n, layer->out[0], &to_nchw, &t, err));
        fl_net_replace_uses(net, layer->out[0], t->out[0], t);
        ctx->changes++;
    }
done:
    return st;
}
