/* opt_fold_batchnorm.c - per-channel factors and terms go into the weights of the convolution or product before them.
 *
 *   linear(x, w) + b, then * s + t   ->   linear(x, w * s) + (b * s + t)
 *
 * A factor or term comes from a batch norm at inference (s = scale / sqrt(variance + epsilon), t = offset - mean * s) or
 * from a multiplication, division, addition or subtraction with a constant that varies along the channels only: a bias, or
 * a batch norm written out by the frameworks. One walk in order folds whole chains (bias, then norm, then another term).
 * The linear layer must have no other reader and nothing behind its sum yet.
 */
#include "optimizer/optimizer_util.h"

#include <math.h>
#include <string.h>

/* The linear layer whose sum x is and which may still be changed. */
static fl_layer *open_linear(const fl_tensor *x)
{
    float *alpha;
    fl_layer *layer = fl_opt_sole_producer(x);
    if (!layer || !fl_opt_is_linear(layer) || x->desc.dtype != FL_F32)
        return NULL;
    const fl_tensor *w = layer->in[FL_SLOT_WEIGHTS], *b = fl_opt_slot(layer, FL_SLOT_BIAS);
    if (!w->data || w->desc.dtype != FL_F32 || (b && !b->data) || fl_opt_slot(layer, FL_SLOT_RESIDUAL) ||
        *fl_opt_act(layer, &alpha) != FL_UNARY_NONE)
        return NULL;
    return layer;
}

/* How the weights meet the output channels: index = (outer * channels + k) * inner + i. */
static void channel_grid(const fl_layer *layer, int64_t *channels, int64_t *inner)
{
    const fl_tensor_desc *w = layer->desc.in[FL_SLOT_WEIGHTS];
    *inner = 1;
    switch (layer->desc.op) {
    case FL_OP_DEPTHWISE_CONV2D:
        *channels = w->dim[2] * w->dim[3];
        break;
    case FL_OP_CONV2D_TRANSPOSE:
        *channels = w->dim[2];
        *inner = w->dim[3];
        break;
    case FL_OP_MATMUL:
        *channels = w->dim[layer->desc.p.matmul.transpose_b ? 0 : 1];
        *inner = layer->desc.p.matmul.transpose_b ? w->dim[1] : 1;
        break;
    default:
        *channels = w->dim[3];
    }
}

static floe_status scale_weights(fl_network *net, fl_layer *layer, const fl_opt_affine *a, int64_t channels, int64_t inner, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor *w = layer->in[FL_SLOT_WEIGHTS];
    const float *from = w->data;
    fl_tensor *scaled;
    float *to;
    FL_TRY(fl_opt_new_floats(net, w->name, w->desc.rank, w->desc.dim, &scaled, &to, err));
    const int64_t outer = channels && inner ? fl_tensor_elements_at(&w->desc, 1) / (channels * inner) : 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < channels; k++) {
            const float s = fl_opt_factor(a, k);
            for (int64_t i = 0; i < inner; i++, from++)
                *to++ = *from * s;
        }
    FL_TRY(fl_layer_set_input(net, layer, FL_SLOT_WEIGHTS, scaled, err));
done:
    return st;
}

static floe_status fold(fl_network *net, fl_layer *layer, const fl_opt_affine *a, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t channels, inner;
    fl_tensor *bias;
    float *values;
    const fl_tensor *old = fl_opt_slot(layer, FL_SLOT_BIAS);
    channel_grid(layer, &channels, &inner);
    if (a->s)
        FL_TRY(scale_weights(net, layer, a, channels, inner, err));
    if (!a->t && !old)
        goto done;
    FL_TRY(fl_opt_new_floats(net, "bias", 1, &channels, &bias, &values, err));
    for (int64_t k = 0; k < channels; k++)
        values[k] = (old ? ((const float *)old->data)[k] : 0.0f) * fl_opt_factor(a, k) + fl_opt_term(a, k);
    FL_TRY(fl_layer_set_input(net, layer, FL_SLOT_BIAS, bias, err));
done:
    return st;
}

/* ---- what may be folded */

static bool constant_floats(const fl_layer *layer, int slot, int64_t count)
{
    const fl_tensor *t = fl_opt_slot(layer, slot);
    return t && t->data && t->desc.dtype == FL_F32 && fl_tensor_elements_at(&t->desc, 1) == count;
}

/* A batch norm at inference as an affine map; s and t live in the arena. */
static floe_status affine_of_norm(fl_network *net, const fl_layer *norm, fl_opt_affine *a, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int64_t channels = norm->desc.in[1]->dim[0];
    float *s = fl_arena_calloc(&net->arena, (size_t)channels * 2, sizeof *s), *t = s + channels;
    const float *scale = norm->in[1]->data, *offset = norm->in[2]->data, *mean = norm->in[3]->data, *variance = norm->in[4]->data;
    FL_NEED(s, (size_t)channels, "a batch norm", err);
    for (int64_t k = 0; k < channels; k++) {
        s[k] = scale[k] / sqrtf(variance[k] + norm->desc.p.batch_norm.epsilon);
        t[k] = offset[k] - mean[k] * s[k];
    }
    *a = (fl_opt_affine){.s = s, .t = t, .s_step = 1, .t_step = 1};
done:
    return st;
}

static bool norm_is_foldable(const fl_layer *norm)
{
    const fl_batch_norm_params *p = &norm->desc.p.batch_norm;
    if (norm->desc.op != FL_OP_BATCH_NORM || p->training || p->act != FL_UNARY_NONE || norm->out[1]->uses || norm->out[2]->uses)
        return false;
    const int64_t channels = norm->desc.in[0]->dim[p->axis];
    for (int slot = 1; slot <= 4; slot++)
        if (!constant_floats(norm, slot, channels))
            return false;
    return true;
}

static floe_status try_layer(fl_opt_context *ctx, fl_layer *layer, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_opt_affine a;
    if (norm_is_foldable(layer)) {
        fl_layer *linear = open_linear(layer->in[0]);
        if (!linear || layer->desc.p.batch_norm.axis != fl_opt_channel_axis(linear))
            goto done;
        FL_TRY(affine_of_norm(ctx->net, layer, &a, err));
        FL_TRY(fold(ctx->net, linear, &a, err));
        fl_opt_bypass(ctx, layer, linear->out[0]);
        goto done;
    }
    for (int slot = 0; layer->desc.op == FL_OP_BINARY && slot < 2; slot++) {
        fl_layer *linear = open_linear(layer->in[slot]);
        if (!linear || !fl_opt_affine_of(layer, slot, fl_opt_channel_axis(linear), &a))
            continue;
        FL_TRY(fold(ctx->net, linear, &a, err));
        fl_opt_bypass(ctx, layer, linear->out[0]);
        break;
    }
done:
    return st;
}

floe_status fl_opt_fold_batchnorm(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < ctx->net->n_layers; i++)
        FL_TRY(try_layer(ctx, ctx->net->layers[i], err));
done:
    return st;
}
