/* opt_fold_constants.c - computes at build time what depends on constants only, with the operators' references.
 *
 * The shape of a tensor whose dims are all static is a constant too. What would make the engine much larger (a broadcast
 * of a scalar to a picture) stays a layer.
 */
#include "optimizer/optimizer_util.h"

#include <string.h>

#define LARGEST_GROWTH ((size_t)1 << 20) /* bytes a folded result may have beyond its inputs */

static bool is_static(const fl_tensor_desc *d)
{
    for (int i = 0; i < d->rank; i++)
        if (d->dim[i] < 0)
            return false;
    return true;
}

static bool foldable(const fl_layer *layer)
{
    size_t in_bytes = 0, out_bytes = 0;
    if (layer->desc.op == FL_OP_RANDOM_UNIFORM || layer->desc.op == FL_OP_REORDER || !fl_op_ref_takes(&layer->desc))
        return false;
    for (int k = 0; k < layer->desc.n_in; k++) {
        if (!layer->in[k])
            continue;
        if (!layer->in[k]->data && !(layer->desc.op == FL_OP_SHAPE && is_static(&layer->in[k]->desc)))
            return false;
        in_bytes += fl_tensor_bytes_at(&layer->in[k]->desc, 1);
    }
    for (int k = 0; k < layer->desc.n_out; k++) {
        if (!is_static(&layer->out[k]->desc))
            return false;
        out_bytes += fl_tensor_bytes_at(&layer->out[k]->desc, 1);
    }
    return out_bytes <= in_bytes + LARGEST_GROWTH;
}

static floe_status fold(fl_opt_context *ctx, fl_layer *layer, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_network *net = ctx->net;
    const void **in = fl_arena_calloc(&net->arena, (size_t)layer->desc.n_in, sizeof *in);
    void *out[FL_MAX_OUTPUTS] = {NULL};
    FL_NEED(in, sizeof *in, "folding", err);
    for (int k = 0; k < layer->desc.n_in; k++)
        in[k] = layer->in[k] ? layer->in[k]->data : NULL;
    for (int k = 0; k < layer->desc.n_out; k++) {
        const size_t bytes = fl_tensor_bytes_at(&layer->out[k]->desc, 1);
        out[k] = fl_arena_alloc_data(&net->arena, bytes);
        FL_NEED(out[k], bytes, "a folded constant", err);
    }
    if ((st = fl_op_def_of(layer->desc.op)->ref(&layer->desc, in, out, err)) != FLOE_OK) {
        fl_error_prefix(err, "layer '%s'", layer->name);
        goto done;
    }
    for (int k = 0; k < layer->desc.n_out; k++) {
        fl_tensor *c;
        fl_tensor_desc desc = layer->out[k]->desc;
        FL_TRY(fl_net_add_constant(net, &c, layer->out[k]->name, &desc, out[k], false, err));
        fl_net_replace_uses(net, layer->out[k], c, layer);
    }
    fl_layer_remove(layer);
    ctx->changes++;
done:
    return st;
}

floe_status fl_opt_fold_constants(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < ctx->net->n_layers; i++)
        if (foldable(ctx->net->layers[i]))
            FL_TRY(fold(ctx, ctx->net->layers[i], err));
done:
    return st;
}
