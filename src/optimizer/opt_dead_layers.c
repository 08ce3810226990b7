/* opt_dead_layers.c - drops what no output needs. Walks backwards, so one pass suffices: a layer's consumers stand behind
 * it and have been decided already. */
#include "optimizer/optimizer_util.h"

floe_status fl_opt_dead_layers(fl_opt_context *ctx, floe_error *err)
{
    fl_network *net = ctx->net;
    (void)err;
    for (size_t i = net->n_layers; i-- > 0;) {
        fl_layer *layer = net->layers[i];
        int uses = 0;
        for (int k = 0; k < layer->desc.n_out; k++)
            uses += layer->out[k]->uses;
        if (uses)
            continue;
        for (int k = 0; k < layer->desc.n_in; k++)
            if (layer->in[k])
                layer->in[k]->uses--;
        fl_layer_remove(layer);
        ctx->changes++;
    }
    return FLOE_OK;
}
