/* opt_identities.c - removes layers that give back their input: identities, casts to the same type, reshapes to the same
 * shape, transposes that move nothing, empty pads, whole slices, concats of one, times 1, plus 0. A reshape of a reshape
 * reads the first one's input.
 */
#include "optimizer/optimizer_util.h"

#include <string.h>

static bool same(const fl_layer *layer)
{
    const fl_tensor_desc *x = layer->desc.in[0], *y = layer->desc.out[0];
    return x->dtype == y->dtype && x->layout == y->layout && fl_tensor_same_shape(x, y);
}

static bool is_neutral(const fl_layer *layer, int slot)
{
    float v;
    const int func = layer->desc.p.binary.func;
    if (layer->desc.p.binary.act != FL_UNARY_NONE || !fl_opt_scalar(layer->in[slot], &v))
        return false;
    if (slot == 0 && func != FL_BINARY_MUL && func != FL_BINARY_ADD)
        return false;
    return func == FL_BINARY_MUL || func == FL_BINARY_DIV ? v == 1.0f
           : func == FL_BINARY_ADD || func == FL_BINARY_SUB ? v == 0.0f
                                                             : false;
}

/* The input that the layer gives back, or NULL. */
static fl_tensor *gives_back(const fl_layer *layer)
{
    const fl_op_params *p = &layer->desc.p;
    switch (layer->desc.op) {
    case FL_OP_IDENTITY:
        return layer->in[0];
    case FL_OP_CAST:
    case FL_OP_RESHAPE:
    case FL_OP_REORDER:
    case FL_OP_PAD: /* only grows: the same shape means no padding */
    case FL_OP_BROADCAST:
        return same(layer) ? layer->in[0] : NULL;
    case FL_OP_CONCAT:
        return layer->desc.n_in == 1 ? layer->in[0] : NULL;
    case FL_OP_TRANSPOSE:
        for (int i = 0; i < layer->desc.in[0]->rank; i++)
            if (p->transpose.perm[i] != i)
                return NULL;
        return layer->in[0];
    case FL_OP_SLICE:
        for (int i = 0; i < layer->desc.in[0]->rank; i++)
            if (p->slice.stride[i] < 0 && layer->desc.in[0]->dim[i] != 1)
                return NULL;
        return same(layer) ? layer->in[0] : NULL;
    case FL_OP_REDUCE: /* over nothing; a prod or sum over axes of one keeps the shape only with keep_dims */
        return p->reduce.axes == 0 ? layer->in[0] : NULL;
    case FL_OP_UNARY:
        return p->unary.func == FL_UNARY_NONE ? layer->in[0] : NULL;
    case FL_OP_BINARY:
        for (int slot = 0; slot < 2; slot++)
            if (is_neutral(layer, slot) && fl_tensor_same_shape(layer->desc.in[1 - slot], layer->desc.out[0]))
                return layer->in[1 - slot];
        return NULL;
    default:
        return NULL;
    }
}

floe_status fl_opt_identities(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < ctx->net->n_layers; i++) {
        fl_layer *layer = ctx->net->layers[i];
        if (layer->removed)
            continue;
        fl_layer *before = layer->desc.op == FL_OP_RESHAPE ? layer->in[0]->producer : NULL;
        if (before && before->desc.op == FL_OP_RESHAPE) {
            FL_TRY(fl_layer_set_input(ctx->net, layer, 0, before->in[0], err));
            ctx->changes++;
        }
        fl_tensor *x = gives_back(layer);
        if (x)
            fl_opt_bypass(ctx, layer, x);
    }
done:
    return st;
}
