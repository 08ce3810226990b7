/* tf_convert_ops.c - one rule for each TensorFlow operation that core UFF has a word for (windows: tf_convert_conv.c).
 *
 * The table at the end is the specification: op, rule, least number of inputs, UFF operation, its `func`. Rules keep
 * NVIDIA's form to the byte wherever it says what TensorFlow means. Where it would not, the node becomes a custom
 * operation with all its attributes (fl_tfc_custom) and the reason goes to the log:
 *
 *   BiasAdd             a computed bias; NCHW where the rank is not known to be 4 (the bias must lie along axis 1, and
 *                       [C,1,1] does that for rank 4 only)
 *   FusedBatchNorm*     training mode, which is also what a stripped is_training means; outputs past the first in use
 *   StridedSlice        ellipsis and new axes;   Squeeze  of all axes, where that might take the batch
 *   axes, permutations  that are computed from data;   reductions over no axes (UFF readers take that for all)
 *
 * and these differ in the core form itself:
 *
 *   LRN       NVIDIA writes the order NC+, but TensorFlow's LRN is NHWC: N+C.
 *   Pow       NVIDIA writes a Unary that its own checker refuses: Binary.
 *   Concat    (the old one, axis first) NVIDIA makes custom; it is a core Concat.
 *   Reshape   is a Flatten when its name says so, as with NVIDIA, and it also is one.
 */
#include "tf_convert_internal.h"

#include <string.h>

#define RULE(name) static FL_TFC_RULE(name)

/* ---- what rules share */

bool fl_tfc_read_format(fl_tfc *c, const fl_tf_node *n, bool *nchw)
{
    const char *format = fl_tf_attr_string(c->tf, n, "data_format");

    *nchw = format && strcmp(format, "NCHW") == 0;
    return !format || *nchw || strcmp(format, "NHWC") == 0;
}

const char *fl_tfc_data_order(bool nchw)
{
    return nchw ? "NC+" : "N+C";
}

floe_status fl_tfc_add_reading(fl_tfc *c, fl_uff_node **out, const fl_tf_node *n, const char *operation,
                               const fl_tfc_source *in, size_t n_in, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(fl_tfc_add(c, out, n, operation, err));
    for (size_t i = 0; i < n_in; i++)
        FL_TRY(fl_tfc_read(c, *out, in[i], err));
done:
    return st;
}

/* ---- sources and plain operations */

RULE(rule_input)
{
    (void)op, (void)in, (void)n_in;
    return fl_tfc_input(c, n, err);
}

RULE(rule_const)
{
    (void)op, (void)in, (void)n_in;
    return fl_tfc_const(c, n, err);
}

/* min_in inputs, and a field func where the table has one. */
RULE(rule_plain)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    (void)n_in;
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, op->min_in, err));
    if (op->func)
        FL_TRY(fl_tfc_set_text(c, u, "func", op->func, err));
done:
    return st;
}

RULE(rule_shape)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    (void)n_in;
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 1, err));
    if (fl_tf_attr_type(n, "out_type", FL_TF_INT32) == FL_TF_INT64)
        u->tf_dtype = FL_TF_INT64;
done:
    return st;
}

RULE(rule_leaky_relu)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    (void)n_in;
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 1, err));
    FL_TRY(fl_tfc_set_double(c, u, "alpha", (double)fl_tf_attr_float(n, "alpha", 0.2f), err));
done:
    return st;
}

/* TensorFlow's softmax runs over the last axis. Core UFF: the C axis of the order, which is the last one of N+C; axis
 * is 0 in every file that NVIDIA's converter wrote and has no meaning. */
floe_status fl_tfc_softmax_node(fl_tfc *c, const fl_tf_node *n, fl_tfc_source x, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    FL_TRY(fl_tfc_add_reading(c, &u, n, "Softmax", &x, 1, err));
    FL_TRY(fl_tfc_set_int(c, u, "axis", 0, err));
    FL_TRY(fl_tfc_set_orders(c, u, "N+C", NULL, err));
done:
    return st;
}

RULE(rule_softmax)
{
    (void)op, (void)n_in;
    return fl_tfc_softmax_node(c, n, in[0], err);
}

/* ---- bias */

/* The Const stands in front of its Binary, under its own name; NCHW gives it the shape [C,1,1]. */
static floe_status add_bias_const(fl_tfc *c, const fl_tf_node *bias, bool nchw, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (fl_tfc_info_of(c, bias)->converted)
        goto done;
    FL_TRY(fl_tfc_const(c, bias, err));
    if (nchw) {
        const int64_t shape[3] = {fl_tfc_info_of(c, bias)->shape.dim[0], 1, 1};
        FL_TRY(fl_tfc_set_ints(c, &c->uff->node[c->uff->n_node - 1], "shape", shape, 3, err));
    }
done:
    return st;
}

RULE(rule_bias_add)
{
    floe_status st = FLOE_OK;
    const fl_tf_node *bias = in[1].node;
    const fl_tfc_info *info = fl_tfc_info_of(c, bias);
    const char *why = NULL;
    bool nchw;
    fl_uff_node *u;

    if (!fl_tfc_read_format(c, n, &nchw))
        why = "data_format";
    else if (!fl_tfc_is(c, bias, "Const") || info->shape.rank != 1)
        why = "the bias is no constant vector";
    else if (nchw && fl_tfc_shape_of(c, in[0])->rank != 4)
        why = "NCHW, and the rank is not known to be 4";
    else if (nchw && info->uses != info->nchw_bias_uses)
        why = "NCHW, and others read the bias too";
    else if (!nchw && info->nchw_bias_uses > 0)
        why = "the bias is read as NCHW too";
    if (why) {
        st = fl_tfc_custom(c, n, in, n_in, why, err);
        goto done;
    }
    FL_TRY(add_bias_const(c, bias, nchw, err));
    FL_TRY(fl_tfc_add(c, &u, n, op->uff, err));
    FL_TRY(fl_tfc_set_text(c, u, "func", op->func, err));
    FL_TRY(fl_tfc_read(c, u, in[0], err));
    FL_TRY(fl_uff_add_input(c->uff, u, fl_tfc_id(c, bias), 0, err));
done:
    return st;
}

/* ---- matrix product and normalisation */

RULE(rule_matmul)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    (void)n_in;
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 2, err));
    FL_TRY(fl_tfc_set_orders(c, u, fl_tf_attr_bool(n, "transpose_a", false) ? "CN" : "NC",
                             fl_tf_attr_bool(n, "transpose_b", false) ? "KC" : "CK", err));
done:
    return st;
}

RULE(rule_batch_norm)
{
    floe_status st = FLOE_OK;
    const char *why = NULL;
    bool nchw;
    fl_uff_node *u;

    if (!fl_tfc_read_format(c, n, &nchw))
        why = "data_format";
    else if (fl_tf_attr_bool(n, "is_training", true))
        why = "training mode";
    else if (fl_tfc_info_of(c, n)->other_outputs)
        why = "its statistics are read";
    if (why) {
        st = fl_tfc_custom(c, n, in, n_in, why, err);
        goto done;
    }
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 5, err));
    FL_TRY(fl_tfc_set_orders(c, u, fl_tfc_data_order(nchw), NULL, err));
    FL_TRY(fl_tfc_set_double(c, u, "epsilon", (double)fl_tf_attr_float(n, "epsilon", 0.0001f), err));
done:
    return st;
}

RULE(rule_lrn)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    (void)n_in;
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 1, err));
    FL_TRY(fl_tfc_set_orders(c, u, "N+C", NULL, err));
    FL_TRY(fl_tfc_set_int(c, u, "window_size", fl_tf_attr_int(n, "depth_radius", 5), err));
    FL_TRY(fl_tfc_set_double(c, u, "alpha", (double)fl_tf_attr_float(n, "alpha", 1.0f), err));
    FL_TRY(fl_tfc_set_double(c, u, "beta", (double)fl_tf_attr_float(n, "beta", 0.5f), err));
    FL_TRY(fl_tfc_set_double(c, u, "k", (double)fl_tf_attr_float(n, "bias", 1.0f), err));
done:
    return st;
}

/* ---- shape operators */

/* The last but one component of the name, split at '/', has "flatten" in it. */
static bool is_called_flatten(const char *name)
{
    const char *last = strrchr(name, '/');

    if (!last)
        return false;
    const char *first = last;
    while (first > name && first[-1] != '/')
        first--;
    for (const char *at = first; at + 7 <= last; at++) {
        size_t same = 0;
        while (same < 7 && (at[same] | 0x20) == "flatten"[same])
            same++;
        if (same == 7)
            return true;
    }
    return false;
}

RULE(rule_reshape)
{
    floe_status st = FLOE_OK;
    bool done_already;
    fl_uff_node *u;

    (void)n_in;
    FL_TRY(fl_tfc_softmax(c, n, in, &done_already, err));
    if (done_already)
        goto done;
    const bool flatten = is_called_flatten(n->name) && fl_tfc_is_flatten(c, in);
    if (flatten && c->options->debug)
        fl_log(c->tf->env, FLOE_SEVERITY_VERBOSE, "DEBUG: convert reshape to flatten node");
    FL_TRY(fl_tfc_add_reading(c, &u, n, flatten ? "Flatten" : op->uff, in, flatten ? 1 : 2, err));
done:
    return st;
}

/* One field `axis`, an attribute here as there. */
RULE(rule_pack)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, n_in, err));
    FL_TRY(fl_tfc_set_int(c, u, "axis", fl_tf_attr_int(n, "axis", 0), err));
done:
    return st;
}

static bool one_constant(fl_tfc *c, fl_tfc_source source, int64_t *out)
{
    fl_tfc_ints v;

    if (!fl_tfc_constants(c, source, &v) || v.count != 1)
        return false;
    *out = v.v[0];
    return true;
}

/* The axis is the last input (ConcatV2, ExpandDims, ArgMax, ArgMin) or, with func "first", the first one (Concat);
 * nodes made by graphsurgeon have ConcatV2's as an attribute. */
RULE(rule_axis)
{
    floe_status st = FLOE_OK;
    const bool first = op->func != NULL;
    size_t n_data = n_in - 1;
    fl_bytes attr;
    int64_t axis;
    fl_uff_node *u;

    if (strcmp(n->op, "ConcatV2") == 0 && fl_tf_attr_find(n, "axis", &attr) &&
        fl_tf_attr_kind_of(attr) == FL_TF_ATTR_I) {
        axis = fl_tf_attr_int(n, "axis", 0);
        n_data = n_in;
    } else if (!one_constant(c, in[first ? 0 : n_in - 1], &axis)) {
        st = fl_tfc_custom(c, n, in, n_in, "the axis is computed", err);
        goto done;
    }
    if (n_data == 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%.200s' (%s): an axis and nothing else", c->tf->path, n->name, n->op);
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in + first, n_data, err));
    FL_TRY(fl_tfc_set_int(c, u, "axis", axis, err));
    if (strncmp(n->op, "Arg", 3) == 0 && fl_tf_attr_type(n, "output_type", FL_TF_INT64) == FL_TF_INT64)
        u->tf_dtype = FL_TF_INT64;
done:
    return st;
}

RULE(rule_transpose)
{
    floe_status st = FLOE_OK;
    fl_tfc_ints perm;
    fl_uff_node *u;

    if (!fl_tfc_constants(c, in[1], &perm) || perm.rank != 1) {
        st = fl_tfc_custom(c, n, in, n_in, "the permutation is computed", err);
        goto done;
    }
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 1, err));
    FL_TRY(fl_tfc_set_ints(c, u, "permutation", perm.v, (size_t)perm.count, err));
done:
    return st;
}

RULE(rule_reduce)
{
    floe_status st = FLOE_OK;
    fl_tfc_ints axes;
    const char *why = NULL;
    fl_uff_node *u;

    if (!fl_tfc_constants(c, in[1], &axes) || axes.rank > 1)
        why = "the axes are computed";
    else if (axes.count == 0)
        why = "no axes, which reduces nothing";
    if (why) {
        st = fl_tfc_custom(c, n, in, n_in, why, err);
        goto done;
    }
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 1, err));
    FL_TRY(fl_tfc_set_text(c, u, "func", op->func, err));
    FL_TRY(fl_tfc_set_ints(c, u, "axes", axes.v, (size_t)axes.count, err));
    FL_TRY(fl_tfc_set_bool(c, u, "keepdims", fl_tf_attr_bool(n, "keep_dims", false), err));
done:
    return st;
}

/* No axes: TensorFlow drops every axis of size 1, UFF every one but the batch. The same where the batch is not 1. */
RULE(rule_squeeze)
{
    floe_status st = FLOE_OK;
    const fl_tfc_shape *x = fl_tfc_shape_of(c, in[0]);
    int64_t *axes;
    size_t count;
    fl_uff_node *u;

    FL_TRY(fl_tf_attr_ints(c->tf, n, "squeeze_dims", &axes, &count, err));
    if (count == 0 && (x->rank < 1 || x->dim[0] == 1)) {
        st = fl_tfc_custom(c, n, in, n_in, "all axes, perhaps the batch", err);
        goto done;
    }
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 1, err));
    FL_TRY(fl_tfc_set_ints(c, u, "axes", axes, count, err));
done:
    return st;
}

RULE(rule_strided_slice)
{
    static const char *const masks[] = {"begin_mask", "end_mask", "shrink_axis_mask"};
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    if (fl_tf_attr_int(n, "ellipsis_mask", 0) != 0 || fl_tf_attr_int(n, "new_axis_mask", 0) != 0) {
        st = fl_tfc_custom(c, n, in, n_in, "ellipsis or new axes", err);
        goto done;
    }
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 4, err));
    for (size_t i = 0; i < 3; i++)
        FL_TRY(fl_tfc_set_int(c, u, masks[i], fl_tf_attr_int(n, masks[i], 0), err));
done:
    return st;
}

RULE(rule_gather)
{
    floe_status st = FLOE_OK;
    const bool v2 = strcmp(n->op, "GatherV2") == 0;
    int64_t axis = 0;
    fl_uff_node *u;

    if (v2 && (!one_constant(c, in[2], &axis) || fl_tf_attr_int(n, "batch_dims", 0) != 0)) {
        st = fl_tfc_custom(c, n, in, n_in, "batch dimensions, or a computed axis", err);
        goto done;
    }
    FL_TRY(fl_tfc_add_reading(c, &u, n, op->uff, in, 2, err));
    FL_TRY(fl_tfc_set_dtype(c, u, "indices_dtype", fl_tf_attr_type(n, "Tindices", FL_TF_INT32), err));
    FL_TRY(fl_tfc_set_dtype(c, u, "params_dtype", fl_tf_attr_type(n, "Tparams", FL_TF_FLOAT), err));
    if (v2)
        FL_TRY(fl_tfc_set_int(c, u, "axis", axis, err));
    else
        FL_TRY(fl_tfc_set_bool(c, u, "validate_indices", fl_tf_attr_bool(n, "validate_indices", true), err));
done:
    return st;
}

/* The end of a dilated convolution, or an operation that core UFF does not have. */
RULE(rule_batch_to_space)
{
    floe_status st = FLOE_OK;
    bool done_already;

    (void)op;
    FL_TRY(fl_tfc_dilated(c, n, in, n_in, &done_already, err));
    if (!done_already)
        st = fl_tfc_custom(c, n, in, n_in, NULL, err);
done:
    return st;
}

/* ---- the table, sorted by op */

static const fl_tfc_row ops[] = {
    {"Abs", rule_plain, 1, "Unary", "abs"},
    {"Acos", rule_plain, 1, "Unary", "acos"},
    {"Acosh", rule_plain, 1, "Unary", "acosh"},
    {"Add", rule_plain, 2, "Binary", "add"},
    {"AddV2", rule_plain, 2, "Binary", "add"},
    {"ArgMax", rule_axis, 2, "ArgMax", NULL},
    {"ArgMin", rule_axis, 2, "ArgMin", NULL},
    {"Asin", rule_plain, 1, "Unary", "asin"},
    {"Asinh", rule_plain, 1, "Unary", "asinh"},
    {"Atan", rule_plain, 1, "Unary", "atan"},
    {"Atanh", rule_plain, 1, "Unary", "atanh"},
    {"AvgPool", fl_tfc_rule_pool, 1, "Pool", "avg"},
    {"BatchToSpaceND", rule_batch_to_space, 3, NULL, NULL},
    {"BiasAdd", rule_bias_add, 2, "Binary", "add"},
    {"Ceil", rule_plain, 1, "Unary", "ceil"},
    {"Concat", rule_axis, 2, "Concat", "first"},
    {"ConcatV2", rule_axis, 1, "Concat", NULL},
    {"Const", rule_const, 0, "Const", NULL},
    {"Conv2D", fl_tfc_rule_conv, 2, "Conv", NULL},
    {"Conv2DBackpropInput", fl_tfc_rule_conv_transpose, 3, "ConvTranspose", NULL},
    {"Cos", rule_plain, 1, "Unary", "cos"},
    {"Cosh", rule_plain, 1, "Unary", "cosh"},
    {"DepthwiseConv2dNative", fl_tfc_rule_conv, 2, "Conv", NULL},
    {"Div", rule_plain, 2, "Binary", "div"},
    {"Elu", rule_plain, 1, "Activation", "elu"},
    {"Exp", rule_plain, 1, "Unary", "exp"},
    {"ExpandDims", rule_axis, 2, "ExpandDims", NULL},
    {"Floor", rule_plain, 1, "Unary", "floor"},
    {"FusedBatchNorm", rule_batch_norm, 5, "BatchNorm", NULL},
    {"FusedBatchNormV2", rule_batch_norm, 5, "BatchNorm", NULL},
    {"FusedBatchNormV3", rule_batch_norm, 5, "BatchNorm", NULL},
    {"Gather", rule_gather, 2, "Gather", NULL},
    {"GatherV2", rule_gather, 3, "GatherV2", NULL},
    {"Identity", rule_plain, 1, "Identity", NULL},
    {"LRN", rule_lrn, 1, "LRN", NULL},
    {"LeakyRelu", rule_leaky_relu, 1, "LeakyRelu", NULL},
    {"Log", rule_plain, 1, "Unary", "log"},
    {"MatMul", rule_matmul, 2, "FullyConnected", NULL},
    {"Max", rule_reduce, 2, "Reduce", "max"},
    {"MaxPool", fl_tfc_rule_pool, 1, "Pool", "max"},
    {"Maximum", rule_plain, 2, "Binary", "max"},
    {"Mean", rule_reduce, 2, "Reduce", "mean"},
    {"Min", rule_reduce, 2, "Reduce", "min"},
    {"Minimum", rule_plain, 2, "Binary", "min"},
    {"Mul", rule_plain, 2, "Binary", "mul"},
    {"Neg", rule_plain, 1, "Unary", "neg"},
    {"Pack", rule_pack, 1, "Stack", NULL},
    {"Pad", rule_plain, 2, "Pad", NULL},
    {"Placeholder", rule_input, 0, "Input", NULL},
    {"PlaceholderV2", rule_input, 0, "Input", NULL},
    {"Pow", rule_plain, 2, "Binary", "pow"},
    {"Prod", rule_reduce, 2, "Reduce", "prod"},
    {"RealDiv", rule_plain, 2, "Binary", "div"},
    {"Relu", rule_plain, 1, "Activation", "relu"},
    {"Relu6", rule_plain, 1, "Activation", "relu6"},
    {"Reshape", rule_reshape, 2, "Reshape", NULL},
    {"Rsqrt", rule_plain, 1, "Unary", "rsqrt"},
    {"Selu", rule_plain, 1, "Activation", "selu"},
    {"Shape", rule_shape, 1, "Shape", NULL},
    {"Sigmoid", rule_plain, 1, "Activation", "sigmoid"},
    {"Sin", rule_plain, 1, "Unary", "sin"},
    {"Sinh", rule_plain, 1, "Unary", "sinh"},
    {"Softmax", rule_softmax, 1, "Softmax", NULL},
    {"Softplus", rule_plain, 1, "Activation", "softplus"},
    {"Softsign", rule_plain, 1, "Activation", "softsign"},
    {"Sqrt", rule_plain, 1, "Unary", "sqrt"},
    {"Square", rule_plain, 1, "Unary", "square"},
    {"Squeeze", rule_squeeze, 1, "Squeeze", NULL},
    {"StridedSlice", rule_strided_slice, 4, "StridedSlice", NULL},
    {"Sub", rule_plain, 2, "Binary", "sub"},
    {"Sum", rule_reduce, 2, "Reduce", "sum"},
    {"Tan", rule_plain, 1, "Unary", "tan"},
    {"Tanh", rule_plain, 1, "Activation", "tanh"},
    {"Transpose", rule_transpose, 2, "Transpose", NULL},
};

const fl_tfc_row *fl_tfc_find_op(const char *op)
{
    size_t low = 0, high = sizeof ops / sizeof ops[0];

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(op, ops[middle].op);
        if (order == 0)
            return &ops[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
