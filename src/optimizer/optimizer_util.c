/* optimizer_util.c - what the passes share. */
#include "optimizer/optimizer_util.h"

bool fl_opt_is_linear(const fl_layer *layer)
{
    switch (layer->desc.op) {
    case FL_OP_CONV2D:
    case FL_OP_DEPTHWISE_CONV2D:
    case FL_OP_CONV2D_TRANSPOSE:
    case FL_OP_MATMUL:
        return true;
    default:
        return false;
    }
}

int fl_opt_channel_axis(const fl_layer *layer)
{
    return layer->desc.op == FL_OP_MATMUL ? 1 : layer->desc.p.conv.format == FL_NHWC ? 3 : 1;
}

int32_t *fl_opt_act(fl_layer *layer, float **alpha)
{
    switch (layer->desc.op) {
    case FL_OP_CONV2D:
    case FL_OP_DEPTHWISE_CONV2D:
    case FL_OP_CONV2D_TRANSPOSE:
        *alpha = &layer->desc.p.conv.alpha;
        return &layer->desc.p.conv.act;
    case FL_OP_MATMUL:
        *alpha = &layer->desc.p.matmul.alpha;
        return &layer->desc.p.matmul.act;
    case FL_OP_BINARY:
        *alpha = &layer->desc.p.binary.alpha;
        return fl_binary_is_comparison(layer->desc.p.binary.func) ? NULL : &layer->desc.p.binary.act;
    case FL_OP_BATCH_NORM:
        *alpha = &layer->desc.p.batch_norm.alpha;
        return &layer->desc.p.batch_norm.act;
    default:
        return NULL;
    }
}

fl_tensor *fl_opt_slot(const fl_layer *layer, int slot) { return slot < layer->desc.n_in ? layer->in[slot] : NULL; }

fl_layer *fl_opt_sole_producer(const fl_tensor *t)
{
    return t && t->producer && !t->producer->removed && t->uses == 1 && t->producer->out[0] == t ? t->producer : NULL;
}

floe_status fl_opt_new_floats(fl_network *net, const char *name, int rank, const int64_t *dim, fl_tensor **out, float **values,
                              floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc desc = fl_tensor_make(FL_F32, rank, dim);
    const size_t bytes = fl_tensor_bytes_at(&desc, 1);
    float *data = fl_arena_alloc_data(&net->arena, bytes);
    FL_NEED(data, bytes, "weights", err);
    FL_TRY(fl_net_add_constant(net, out, name, &desc, data, false, err));
    *values = data;
done:
    return st;
}

bool fl_opt_per_channel(const fl_tensor *c, const fl_tensor_desc *x, int axis, const float **values, int *step)
{
    if (!c || !c->data || c->desc.dtype != FL_F32 || c->desc.rank > x->rank)
        return false;
    const int shift = x->rank - c->desc.rank;
    *step = 0;
    for (int i = 0; i < c->desc.rank; i++) {
        if (c->desc.dim[i] == 1)
            continue;
        if (i + shift != axis || c->desc.dim[i] != x->dim[axis])
            return false;
        *step = 1;
    }
    *values = c->data;
    return true;
}

bool fl_opt_scalar(const fl_tensor *c, float *value)
{
    if (!c || !c->data || c->desc.dtype != FL_F32 || fl_tensor_elements_at(&c->desc, 1) != 1)
        return false;
    *value = *(const float *)c->data;
    return true;
}

bool fl_opt_affine_of(const fl_layer *layer, int slot, int axis, fl_opt_affine *a)
{
    const fl_binary_params *p = &layer->desc.p.binary;
    const float *values;
    int step;
    *a = (fl_opt_affine){0};
    if (layer->desc.op != FL_OP_BINARY || p->act != FL_UNARY_NONE || layer->desc.out[0]->dtype != FL_F32 ||
        !fl_tensor_same_shape(layer->desc.in[slot], layer->desc.out[0]) ||
        !fl_opt_per_channel(layer->in[1 - slot], layer->desc.in[slot], axis, &values, &step))
        return false;
    switch (p->func) {
    case FL_BINARY_ADD:
    case FL_BINARY_SUB:
        a->t = values;
        a->t_step = step;
        a->negate = p->func == FL_BINARY_SUB;
        return p->func == FL_BINARY_ADD || slot == 0;
    case FL_BINARY_MUL:
    case FL_BINARY_DIV:
        a->s = values;
        a->s_step = step;
        a->invert = p->func == FL_BINARY_DIV;
        return p->func == FL_BINARY_MUL || slot == 0;
    default:
        return false;
    }
}

void fl_opt_bypass(fl_opt_context *ctx, fl_layer *layer, fl_tensor *x)
{
    for (int k = 0; k < layer->desc.n_in; k++)
        if (layer->in[k])
            layer->in[k]->uses--;
    x->uses += layer->out[0]->uses;
    fl_net_replace_uses(ctx->net, layer->out[0], x, layer);
    fl_layer_remove(layer);
    ctx->changes++;
}
