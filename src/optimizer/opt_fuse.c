/* opt_fuse.c - what follows a layer is done inside it: the addition of another branch, then the activation.
 *
 * The order is that of a fused layer, act(linear + bias + residual), so residuals are fused first. The layer must have no
 * other reader; for the residual that also means that the other branch cannot depend on it.
 */
#include "optimizer/optimizer_util.h"

static bool takes_residual(const fl_layer *layer, const fl_layer *add, int slot)
{
    float *alpha;
    return layer && fl_opt_is_linear(layer) && *fl_opt_act((fl_layer *)layer, &alpha) == FL_UNARY_NONE &&
           !fl_opt_slot(layer, FL_SLOT_RESIDUAL) && !add->in[1 - slot]->data && add->in[0] != add->in[1] &&
           add->desc.out[0]->dtype == FL_F32 && fl_tensor_same_shape(add->desc.in[0], add->desc.in[1]);
}

floe_status fl_opt_fuse_residual(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < ctx->net->n_layers; i++) {
        fl_layer *add = ctx->net->layers[i], *best = NULL;
        int best_slot = 0;
        if (add->desc.op != FL_OP_BINARY || add->desc.p.binary.func != FL_BINARY_ADD || add->desc.p.binary.act)
            continue;
        /* Of two possible layers the later one: the other branch is there by then. */
        for (int slot = 0; slot < 2; slot++) {
            fl_layer *layer = fl_opt_sole_producer(add->in[slot]);
            if (takes_residual(layer, add, slot) && (!best || layer->index > best->index)) {
                best = layer;
                best_slot = slot;
            }
        }
        if (!best)
            continue;
        FL_TRY(fl_layer_set_input(ctx->net, best, FL_SLOT_RESIDUAL, add->in[1 - best_slot], err));
        add->in[1 - best_slot]->uses++;
        fl_opt_bypass(ctx, add, best->out[0]);
    }
done:
    return st;
}

floe_status fl_opt_fuse_activation(fl_opt_context *ctx, floe_error *err)
{
    (void)err;
    for (size_t i = 0; i < ctx->net->n_layers; i++) {
        fl_layer *unary = ctx->net->layers[i];
        float *alpha;
        if (unary->desc.op != FL_OP_UNARY || !fl_unary_is_activation(unary->desc.p.unary.func) ||
            unary->desc.out[0]->dtype != FL_F32)
            continue;
        fl_layer *layer = fl_opt_sole_producer(unary->in[0]);
        int32_t *act = layer ? fl_opt_act(layer, &alpha) : NULL;
        if (!act || *act != FL_UNARY_NONE)
            continue;
        *act = unary->desc.p.unary.func;
        *alpha = unary->desc.p.unary.alpha;
        fl_opt_bypass(ctx, unary, layer->out[0]);
    }
    return FLOE_OK;
}
