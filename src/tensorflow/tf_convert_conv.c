/* tf_convert_conv.c - the rules of operations with windows: convolutions, their transposes, pools.
 *
 * Core UFF says strides, dilation and padding as [height, width] and the layout as an order; TensorFlow says all of
 * them as four numbers in the order of data_format. What does not fit becomes a custom operation with TensorFlow's
 * attributes:
 *
 *   convolutions  padding that is not the same at both ends (core UFF has one number for both); strides or dilations
 * over batch or channels; kernels thinner than the data, that is groups: a core Conv would need number_groups for them,
 * which already tells depthwise convolutions; a depthwise kernel of unknown shape transposes    dilation and explicit
 * padding, for which NVIDIA's rule has no fields pools         explicit padding: core UFF has one for both functions
 * and does not say what the maximum pads with
 *
 * A Pad in front of a convolution with VALID padding is absorbed when it pads rows and columns alike at both ends and
 * nothing else. Never in front of a pool: there the maximum would see zeros that core UFF's padding does not have, and
 * the average would count them, where core UFF divides by the cells inside only.
 */
#include "tf_convert_internal.h"

#include <string.h>

/* Height and width of a list of four in the order of data_format; false when there are not four, or batch or channels
 * are not 1. */
static bool spatial_pair(const int64_t *list, size_t count, bool nchw, int64_t out[2])
{
    const int h = nchw ? 2 : 1, channel = nchw ? 1 : 3;

    if (count != 4 || list[0] != 1 || list[channel] != 1)
        return false;
    out[0] = list[h];
    out[1] = list[h + 1];
    return true;
}

/* ---- convolution */

/* The amounts of padding EXPLICIT: pairs in the order of data_format, nothing for batch and channels. */
static bool read_explicit(const int64_t *pads, size_t count, fl_tfc_conv *conv)
{
    const size_t at = conv->nchw ? 4 : 2;

    if (count != 8)
        return false;
    for (size_t i = 0; i < 8; i++)
        if (pads[i] < 0 || (pads[i] != 0 && (i < at || i >= at + 4)))
            return false;
    memcpy(conv->pad, pads + at, sizeof conv->pad);
    return true;
}

floe_status fl_tfc_conv_read(fl_tfc *c, const fl_tf_node *n, fl_tfc_conv *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t *strides, *dilations, *pads;
    size_t n_strides, n_dilations, n_pads;

    *out = (fl_tfc_conv){.dilation = {1, 1}, .depthwise = strcmp(n->op, "DepthwiseConv2dNative") == 0};
    FL_TRY(fl_tf_attr_ints(c->tf, n, "strides", &strides, &n_strides, err));
    FL_TRY(fl_tf_attr_ints(c->tf, n, "dilations", &dilations, &n_dilations, err));
    FL_TRY(fl_tf_attr_ints(c->tf, n, "explicit_paddings", &pads, &n_pads, err));
    const char *padding = fl_tf_attr_string(c->tf, n, "padding");
    out->has_dilation = n_dilations > 0;
    out->same = padding && strcmp(padding, "SAME") == 0;
    out->has_pad = padding && strcmp(padding, "EXPLICIT") == 0;
    if (!fl_tfc_read_format(c, n, &out->nchw))
        out->why_not = "data_format";
    else if (!padding || (!out->same && !out->has_pad && strcmp(padding, "VALID") != 0))
        out->why_not = "padding";
    else if (!spatial_pair(strides, n_strides, out->nchw, out->stride))
        out->why_not = "strides over batch or channels";
    else if (out->has_dilation && !spatial_pair(dilations, n_dilations, out->nchw, out->dilation))
        out->why_not = "dilations over batch or channels";
    else if (out->has_pad && !read_explicit(pads, n_pads, out))
        out->why_not = "padding of batch or channels";
done:
    return st;
}

void fl_tfc_conv_check_kernel(const fl_tfc *c, fl_tfc_conv *conv, fl_tfc_source data, fl_tfc_source kernel)
{
    const fl_tfc_shape *x = fl_tfc_shape_of(c, data), *k = fl_tfc_shape_of(c, kernel);
    const int64_t channels = x->rank == 4 ? x->dim[conv->nchw ? 1 : 3] : -1, depth = k->rank == 4 ? k->dim[2] : -1;

    if (conv->why_not)
        return;
    if (conv->depthwise && depth < 0)
        conv->why_not = "the kernel's shape is not known";
    else if (!conv->depthwise && channels >= 0 && depth >= 0 && channels != depth)
        conv->why_not = "groups";
}

bool fl_tfc_conv_is_symmetric(const fl_tfc_conv *conv)
{
    return conv->pad[0] == conv->pad[1] && conv->pad[2] == conv->pad[3];
}

floe_status fl_tfc_conv_fields(fl_tfc *c, fl_uff_node *u, const fl_tfc_conv *conv, fl_tfc_source kernel,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    const int64_t pads[2] = {conv->pad[0], conv->pad[2]};

    FL_TRY(fl_tfc_set_orders(c, u, fl_tfc_data_order(conv->nchw), "+CK", err));
    FL_TRY(fl_tfc_set_ints(c, u, "strides", conv->stride, 2, err));
    if (conv->has_dilation)
        FL_TRY(fl_tfc_set_ints(c, u, "dilation", conv->dilation, 2, err));
    if (conv->same)
        FL_TRY(fl_tfc_set_text(c, u, "implicit_padding", "same", err));
    if (conv->has_pad)
        FL_TRY(fl_tfc_set_ints(c, u, "padding", pads, 2, err));
    if (conv->depthwise)
        FL_TRY(fl_tfc_set_int(c, u, "number_groups", fl_tfc_shape_of(c, kernel)->dim[2], err));
done:
    return st;
}

/* A Pad in front that the convolution can do itself: its pads go to conv, its input to *x. */
static bool absorb_pad(fl_tfc *c, fl_tfc_conv *conv, fl_tfc_source *x)
{
    const int h = conv->nchw ? 2 : 1;
    fl_tfc_source from, amounts;
    fl_tfc_ints pads;

    if (conv->same || conv->has_pad || x->port != 0 || !fl_tfc_is(c, x->node, "Pad") || fl_tfc_data_inputs(x->node) < 2)
        return false;
    if (fl_tfc_source_of(c, x->node, 0, &from, NULL) != FLOE_OK ||
        fl_tfc_source_of(c, x->node, 1, &amounts, NULL) != FLOE_OK)
        return false;
    if (!fl_tfc_is(c, amounts.node, "Const") || !fl_tfc_constants(c, amounts, &pads) || pads.rank != 2 ||
        pads.dim[0] != 4 || pads.dim[1] != 2)
        return false;
    for (int i = 0; i < 4; i++)
        if (pads.v[2 * i] != pads.v[2 * i + 1] || pads.v[2 * i] < 0 || (i != h && i != h + 1 && pads.v[2 * i] != 0))
            return false;
    conv->has_pad = true;
    memcpy(conv->pad, pads.v + (ptrdiff_t)2 * h, sizeof conv->pad);
    *x = from;
    return true;
}

FL_TFC_RULE(fl_tfc_rule_conv)
{
    floe_status st = FLOE_OK;
    fl_tfc_source own[2] = {in[0], in[1]};
    fl_tfc_conv conv;
    fl_uff_node *u;

    FL_TRY(fl_tfc_conv_read(c, n, &conv, err));
    fl_tfc_conv_check_kernel(c, &conv, in[0], in[1]);
    if (!conv.why_not && !fl_tfc_conv_is_symmetric(&conv))
        conv.why_not = "asymmetric padding";
    if (conv.why_not) {
        st = fl_tfc_custom(c, n, in, n_in, conv.why_not, err);
        goto done;
    }
    absorb_pad(c, &conv, &own[0]);
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, own, 2, err));
    FL_TRY(fl_tfc_conv_fields(c, u, &conv, own[1], err));
done:
    return st;
}

/* The gradient of a convolution with respect to its input; UFF's inputs are data, kernel, shape of the result. */
FL_TFC_RULE(fl_tfc_rule_conv_transpose)
{
    floe_status st = FLOE_OK;
    const fl_tfc_source own[3] = {in[2], in[1], in[0]}; /* TensorFlow: shape of the result, kernel, data */
    const fl_tfc_shape *x = fl_tfc_shape_of(c, in[2]), *kernel = fl_tfc_shape_of(c, in[1]);
    fl_tfc_conv conv;
    fl_tfc_ints sizes;
    fl_uff_node *u;

    FL_TRY(fl_tfc_conv_read(c, n, &conv, err));
    const char *why = conv.why_not;
    const int64_t channels = x->rank == 4 ? x->dim[conv.nchw ? 1 : 3] : -1;
    if (!why && conv.has_pad)
        why = "explicit padding";
    else if (!why && (conv.dilation[0] != 1 || conv.dilation[1] != 1))
        why = "dilation";
    else if (!why && kernel->rank == 4 && kernel->dim[3] >= 0 && channels >= 0 && channels != kernel->dim[3])
        why = "groups";
    else if (!why && fl_tfc_eval(c, in[0], NULL, &sizes) && sizes.count != 4)
        why = "the shape of the result has no batch and channels";
    if (why) {
        st = fl_tfc_custom(c, n, in, n_in, why, err);
        goto done;
    }
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, own, 3, err));
    FL_TRY(fl_tfc_set_orders(c, u, fl_tfc_data_order(conv.nchw), "+KC", err));
    FL_TRY(fl_tfc_set_ints(c, u, "strides", conv.stride, 2, err));
    if (conv.same)
        FL_TRY(fl_tfc_set_text(c, u, "implicit_padding", "same", err));
done:
    return st;
}

FL_TFC_RULE(fl_tfc_rule_pool)
{
    floe_status st = FLOE_OK;
    int64_t *kernel, *strides, kernel_hw[2], strides_hw[2];
    size_t n_kernel, n_strides;
    const char *why = NULL;
    bool nchw;
    fl_uff_node *u;

    FL_TRY(fl_tf_attr_ints(c->tf, n, "ksize", &kernel, &n_kernel, err));
    FL_TRY(fl_tf_attr_ints(c->tf, n, "strides", &strides, &n_strides, err));
    const char *padding = fl_tf_attr_string(c->tf, n, "padding");
    const bool same = padding && strcmp(padding, "SAME") == 0;
    if (!fl_tfc_read_format(c, n, &nchw))
        why = "data_format";
    else if (!padding || (!same && strcmp(padding, "VALID") != 0))
        why = "explicit padding";
    else if (!spatial_pair(kernel, n_kernel, nchw, kernel_hw) || !spatial_pair(strides, n_strides, nchw, strides_hw))
        why = "a window over batch or channels";
    if (why) {
        st = fl_tfc_custom(c, n, in, n_in, why, err);
        goto done;
    }
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 1, err));
    FL_TRY(fl_tfc_set_orders(c, u, fl_tfc_data_order(nchw), NULL, err));
    FL_TRY(fl_tfc_set_text(c, u, "func", op->func, err));
    FL_TRY(fl_tfc_set_ints(c, u, "kernel", kernel_hw, 2, err));
    FL_TRY(fl_tfc_set_ints(c, u, "strides", strides_hw, 2, err));
    if (same)
        FL_TRY(fl_tfc_set_text(c, u, "implicit_padding", "same", err));
done:
    return st;
}
