/* opt_precision.c - stores activations in half precision (f16 or bf16).
 *
 * Bindings stay f32 (unless asked otherwise): a cast stands behind each f32 input and before each output. Weights that a
 * tactic packs stay f32 too, and packing rounds them; so engines of different precision can share them. Every other
 * f32 constant is rounded here. What computes sums does so in f32 whatever the storage.
 */
#include "base/half.h"
#include "optimizer/optimizer_util.h"

#include <stdio.h>

/* Weight slots of an operator that may hold f32 beside half precision, as a mask. */
static uint32_t weight_slots(const fl_layer *layer)
{
    switch (layer->desc.op) {
    case FL_OP_CONV2D:
    case FL_OP_DEPTHWISE_CONV2D:
    case FL_OP_CONV2D_TRANSPOSE:
    case FL_OP_MATMUL:
        return 1u << 1 | 1u << 2; /* filter or b, bias */
    case FL_OP_BATCH_NORM:
        return 0x1eu; /* scale, offset, mean, variance */
    default:
        return 0;
    }
}

static floe_status add_cast(fl_opt_context *ctx, fl_tensor *x, fl_dtype to, fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_op_params p = {.dtype = {.dtype = to}};
    fl_layer *cast;
    char name[160];
    snprintf(name, sizeof name, "%.120s/%s", x->name ? x->name : "tensor", fl_dtype_name(to));
    FL_TRY(fl_net_add_layer(ctx->net, &cast, name, FL_OP_CAST, &p, &x, 1, err));
    *out = cast->out[0];
    ctx->changes++;
done:
    return st;
}

static floe_status round_constant(fl_opt_context *ctx, const fl_tensor *c, fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor_desc desc = c->desc;
    const int64_t n = fl_tensor_elements_at(&desc, 1);
    const float *from = c->data;
    desc.dtype = ctx->storage;
    const size_t bytes = fl_tensor_bytes_at(&desc, 1);
    uint16_t *to = fl_arena_alloc_data(&ctx->net->arena, bytes);
    FL_NEED(to, bytes, "a rounded constant", err);
    for (int64_t i = 0; i < n; i++)
        to[i] = ctx->storage == FL_F16 ? fl_half_from_float(from[i]) : fl_bfloat_from_float(from[i]);
    FL_TRY(fl_net_add_constant(ctx->net, out, c->name, &desc, to, false, err));
done:
    return st;
}

/* f32 constants in slots that must follow the activations. */
static floe_status round_constants(fl_opt_context *ctx, fl_layer *layer, floe_error *err)
{
    floe_status st = FLOE_OK;
    const uint32_t weights = weight_slots(layer);
    for (int k = 0; k < layer->desc.n_in; k++) {
        fl_tensor *c = layer->in[k], *rounded;
        if (!c || !c->data || c->desc.dtype != FL_F32 || (k < 32 && (weights >> k & 1)))
            continue;
        FL_TRY(round_constant(ctx, c, &rounded, err));
        FL_TRY(fl_layer_set_input(ctx->net, layer, k, rounded, err));
    }
done:
    return st;
}

/* Results that stay f32 whatever goes in (statistics of a batch norm) are rounded for those who read them. */
static floe_status round_results(fl_opt_context *ctx, fl_layer *layer, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (int k = 0; k < layer->desc.n_out; k++) {
        fl_tensor *y = layer->out[k], *rounded;
        if (y->desc.dtype != FL_F32 || y->uses == 0 || fl_net_is_output(ctx->net, y))
            continue;
        FL_TRY(add_cast(ctx, y, ctx->storage, &rounded, err));
        fl_net_replace_uses(ctx->net, y, rounded, rounded->producer);
    }
done:
    return st;
}

static floe_status round_inputs(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < ctx->net->n_inputs; i++) {
        fl_tensor *x = ctx->net->inputs[i], *rounded;
        if (x->desc.dtype != FL_F32)
            continue;
        if (ctx->half_bindings) {
            x->desc.dtype = ctx->storage;
            continue;
        }
        FL_TRY(add_cast(ctx, x, ctx->storage, &rounded, err));
        fl_net_replace_uses(ctx->net, x, rounded, rounded->producer);
    }
done:
    return st;
}

/* Outputs that were f32 are so again. An output that is an input or constant itself was never touched. */
static floe_status widen_outputs(fl_opt_context *ctx, const bool *was_wide, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < ctx->net->n_outputs && !ctx->half_bindings; i++) {
        fl_net_output *output = &ctx->net->outputs[i];
        fl_tensor *wide;
        if (!was_wide[i] || output->tensor->desc.dtype != ctx->storage)
            continue;
        FL_TRY(add_cast(ctx, output->tensor, FL_F32, &wide, err));
        output->tensor = wide;
    }
done:
    return st;
}

floe_status fl_opt_precision(fl_opt_context *ctx, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_network *net = ctx->net;
    if (ctx->storage == FL_DTYPE_NONE || ctx->storage == FL_F32)
        goto done;
    const size_t n = net->n_layers; /* what is added behind them is right already */
    bool *was_wide = fl_arena_calloc(&net->arena, net->n_outputs + 1, sizeof *was_wide);
    FL_NEED(was_wide, net->n_outputs, "the outputs", err);
    for (size_t i = 0; i < net->n_outputs; i++)
        was_wide[i] = net->outputs[i].tensor->desc.dtype == FL_F32;
    FL_TRY(round_inputs(ctx, err));
    for (size_t i = 0; i < n; i++) {
        fl_layer *layer = net->layers[i];
        if (layer->removed)
            continue;
        if (layer->desc.op == FL_OP_CAST && layer->desc.p.dtype.dtype == FL_F32)
            layer->desc.p.dtype.dtype = ctx->storage;
        FL_TRY(round_constants(ctx, layer, err));
        FL_TRY(fl_layer_infer(layer, err));
        FL_TRY(round_results(ctx, layer, err));
    }
    FL_TRY(widen_outputs(ctx, was_wide, err));
done:
    return st;
}
