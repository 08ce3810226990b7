/* uff_import_custom.c - custom operations "_X": TensorFlow's op X with its attributes as fields and its own meaning.
 *
 * The converter writes them where core UFF has no word or where its word would lose something (explicit asymmetric
 * padding, batch norm in training mode, a bias along axis 1 of an unknown rank). Old converters also wrote some plain
 * element-wise ops so.
 */
#include "uff/uff_importer.h"

#include <limits.h>
#include <string.h>

#define ANY INT_MAX

static fl_format attr_format(const fl_uff_importer *m, const fl_uff_node *node)
{
    const char *f = fl_uff_string(m->graph, node, "data_format");
    return f && !strncmp(f, "NC", 2) ? FL_NCHW : FL_NHWC;
}

/* Four numbers in data_format order to height and width; N and C entries must be 1. */
static floe_status attr_hw(const fl_uff_importer *m, const fl_uff_node *node, const char *key, fl_format format,
                           int32_t out[2], floe_error *err)
{
    size_t n;
    const int64_t *v = fl_uff_int_list(m, node, key, &n);
    const int h = format == FL_NHWC ? 1 : 2, c = format == FL_NHWC ? 3 : 1;
    out[0] = out[1] = 1;
    if (n == 0)
        return FLOE_OK;
    if (n != 4)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s has %zu numbers instead of 4", key, n);
    if (v[0] != 1 || v[c] != 1)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "%s [%lld,%lld,%lld,%lld]: windows over batch or channels", key,
                       (long long)v[0], (long long)v[1], (long long)v[2], (long long)v[3]);
    for (int i = 0; i < 2; i++) {
        if (v[h + i] < 1 || v[h + i] > INT32_MAX)
            return fl_fail(err, FLOE_ERR_FORMAT, "%s holds %lld", key, (long long)v[h + i]);
        out[i] = (int32_t)v[h + i];
    }
    return FLOE_OK;
}

static floe_status attr_window(const fl_uff_importer *m, const fl_uff_node *node, fl_uff_window *w, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *padding = fl_uff_string(m->graph, node, "padding");
    size_t n;
    memset(w, 0, sizeof *w);
    w->format = attr_format(m, node);
    FL_TRY(attr_hw(m, node, "strides", w->format, w->stride, err));
    FL_TRY(attr_hw(m, node, "dilations", w->format, w->dilation, err));
    if (padding && !strcmp(padding, "SAME")) {
        w->padding = FL_UFF_SAME;
    } else if (padding && !strcmp(padding, "VALID")) {
        w->padding = FL_UFF_VALID;
    } else if (padding && !strcmp(padding, "EXPLICIT")) {
        const int64_t *v = fl_uff_int_list(m, node, "explicit_paddings", &n);
        const int at = w->format == FL_NHWC ? 2 : 4;
        if (n != 8)
            FL_FAIL(err, FLOE_ERR_FORMAT, "explicit_paddings has %zu numbers instead of 8", n);
        for (int i = 0; i < 8; i++)
            if (v[i] < 0 || v[i] > INT32_MAX || (v[i] && (i < at || i >= at + 4)))
                FL_FAIL(err, FLOE_ERR_FORMAT, "explicit_paddings pad batch or channels, or by a negative number");
        w->padding = FL_UFF_EXPLICIT;
        for (int i = 0; i < 4; i++)
            w->pad[i] = (int32_t)v[at + i];
    } else {
        FL_FAIL(err, FLOE_ERR_FORMAT, "padding '%s'; SAME, VALID and EXPLICIT are known", padding ? padding : "");
    }
done:
    return st;
}

static floe_status any_convolution(fl_uff_importer *m, const fl_uff_node *node, bool depthwise, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x, *filter;
    fl_uff_window w;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &filter, err));
    FL_TRY(attr_window(m, node, &w, err));
    FL_TRY(fl_uff_convolution(m, node, x, filter, &w, depthwise, &out->tensor[0], err));
done:
    return st;
}

static floe_status rule_conv2d(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return any_convolution(m, node, false, out, err);
}

static floe_status rule_depthwise(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return any_convolution(m, node, true, out, err);
}

/* Inputs in TensorFlow's order: sizes, filter, data. */
static floe_status rule_conv2d_backprop_input(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x, *filter;
    fl_uff_window w;
    const fl_uff_value *sizes;
    FL_TRY(fl_uff_elements_of(m, node, 0, "input_sizes", &sizes, err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &filter, err));
    FL_TRY(fl_uff_tensor_of(m, node, 2, &x, err));
    FL_TRY(attr_window(m, node, &w, err));
    if (sizes->count != 4 && sizes->count != 2)
        FL_FAIL(err, FLOE_ERR_FORMAT, "input_sizes has %lld entries; 4 or 2 are wanted", (long long)sizes->count);
    const int h = sizes->count == 2 ? 0 : w.format == FL_NHWC ? 1 : 2;
    if (sizes->element[h].n || sizes->element[h + 1].n)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "the height or width of the result depends on the batch");
    const int64_t target[2] = {(int64_t)sizes->element[h].c, (int64_t)sizes->element[h + 1].c};
    FL_TRY(fl_uff_transposed(m, node, x, filter, &w, target, &out->tensor[0], err));
done:
    return st;
}

/* A window over channels (TensorFlow allows it for MaxPool when it tiles them): split the axis and reduce the new one. */
static floe_status channel_pool(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, fl_format format, int64_t k,
                                fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int c = format == FL_NHWC ? 3 : 1;
    int64_t dim[5];
    if (x->desc.rank != 4 || k < 1 || x->desc.dim[c] < 0 || x->desc.dim[c] % k)
        FL_FAIL(err, FLOE_ERR_SHAPE, "a channel window of %lld does not divide the channels", (long long)k);
    for (int i = 0; i < 5; i++)
        dim[i] = i == c ? x->desc.dim[c] / k : i == c + 1 ? k : x->desc.dim[i - (i > c)];
    const fl_op_params p = {.reduce = {.func = FL_REDUCE_MAX, .axes = 1 << (c + 1)}};
    FL_TRY(fl_uff_reshape(m, node, x, 5, dim, &x, err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_REDUCE, &p, &x, 1, out, err));
done:
    return st;
}

static floe_status any_pool(fl_uff_importer *m, const fl_uff_node *node, fl_pool_func func, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    fl_uff_window w;
    int32_t kernel[2];
    size_t n;
    const int64_t *ksize = fl_uff_int_list(m, node, "ksize", &n);
    const fl_format format = attr_format(m, node);
    const int c = format == FL_NHWC ? 3 : 1;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    if (func == FL_POOL_MAX && n == 4 && ksize[c] > 1) {
        size_t ns;
        const int64_t *strides = fl_uff_int_list(m, node, "strides", &ns), total = ksize[0] * ksize[1] * ksize[2] * ksize[3];
        if (total != ksize[c] || ns != 4 || strides[c] != ksize[c])
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "a window over channels and space at once");
        FL_TRY(channel_pool(m, node, x, format, ksize[c], &out->tensor[0], err));
        goto done;
    }
    FL_TRY(attr_window(m, node, &w, err));
    FL_TRY(attr_hw(m, node, "ksize", w.format, kernel, err));
    FL_TRY(fl_uff_pooling(m, node, x, func, kernel, &w, &out->tensor[0], err));
done:
    return st;
}

static floe_status rule_max_pool(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return any_pool(m, node, FL_POOL_MAX, out, err);
}

static floe_status rule_avg_pool(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return any_pool(m, node, FL_POOL_AVG, out, err);
}

static floe_status rule_matmul(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *in[2];
    const fl_op_params p = {.matmul = {.transpose_a = fl_uff_bool(m->graph, node, "transpose_a", false),
                                       .transpose_b = fl_uff_bool(m->graph, node, "transpose_b", false)}};
    FL_TRY(fl_uff_tensor_of(m, node, 0, &in[0], err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &in[1], err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_MATMUL, &p, in, 2, &out->tensor[0], err));
done:
    return st;
}

/* The bias lies along the last axis, or along axis 1 for NCHW at any rank. */
static floe_status rule_bias_add(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *in[2];
    const fl_op_params p = {.binary = {.func = FL_BINARY_ADD}};
    FL_TRY(fl_uff_tensor_of(m, node, 0, &in[0], err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &in[1], err));
    const int rank = in[0]->desc.rank;
    if (in[1]->desc.rank != 1 || rank < 2)
        FL_FAIL(err, FLOE_ERR_SHAPE, "a bias of rank %d for a tensor of rank %d", in[1]->desc.rank, rank);
    const int axis = attr_format(m, node) == FL_NCHW ? 1 : rank - 1;
    if (in[1]->desc.dim[0] != in[0]->desc.dim[axis])
        FL_FAIL(err, FLOE_ERR_SHAPE, "a bias of %lld values for %lld channels", (long long)in[1]->desc.dim[0],
                (long long)in[0]->desc.dim[axis]);
    int64_t dim[FL_MAX_RANK];
    const int tail = rank - axis;
    for (int i = 0; i < tail; i++)
        dim[i] = i ? 1 : in[1]->desc.dim[0];
    FL_TRY(fl_uff_reshape(m, node, in[1], tail, dim, &in[1], err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_BINARY, &p, in, 2, &out->tensor[0], err));
done:
    return st;
}

static floe_status rule_fused_batch_norm(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *in[5];
    fl_layer *layer;
    fl_op_params p = {.batch_norm = {.epsilon = (float)fl_uff_double(m->graph, node, "epsilon", 1e-4),
                                     .training = fl_uff_bool(m->graph, node, "is_training", true),
                                     .factor = (float)fl_uff_double(m->graph, node, "exponential_avg_factor", 1)}};
    for (size_t i = 0; i < 5; i++)
        FL_TRY(fl_uff_tensor_of(m, node, i, &in[i], err));
    const fl_dtype back = in[0]->desc.dtype; /* half: x and y only, as in TensorFlow */
    if (fl_uff_is_half(back))
        FL_TRY(fl_uff_cast(m, node, in[0], FL_F32, &in[0], err));
    if (p.batch_norm.training && p.batch_norm.factor == 1)
        in[3] = in[4] = NULL; /* what came before is not looked at */
    p.batch_norm.axis = attr_format(m, node) == FL_NCHW ? 1 : in[0]->desc.rank - 1;
    FL_TRY(fl_net_add_layer(m->net, &layer, node->id, FL_OP_BATCH_NORM, &p, in, 5, err));
    memcpy(out->tensor, layer->out, (size_t)layer->desc.n_out * sizeof *layer->out);
    if (fl_uff_is_half(back))
        FL_TRY(fl_uff_cast(m, node, out->tensor[0], back, &out->tensor[0], err));
done:
    return st;
}

/* ---- element-wise: the op's name is the function's */

static const struct named_func {
    const char *operation;
    int         func;
} unary_ops[] = {
    {"_Relu", FL_UNARY_RELU}, {"_Relu6", FL_UNARY_RELU6}, {"_Elu", FL_UNARY_ELU}, {"_Selu", FL_UNARY_SELU},
    {"_Sigmoid", FL_UNARY_SIGMOID}, {"_Tanh", FL_UNARY_TANH}, {"_Softplus", FL_UNARY_SOFTPLUS},
    {"_Softsign", FL_UNARY_SOFTSIGN}, {"_Neg", FL_UNARY_NEG}, {"_Abs", FL_UNARY_ABS}, {"_Sqrt", FL_UNARY_SQRT},
    {"_Rsqrt", FL_UNARY_RSQRT}, {"_Square", FL_UNARY_SQUARE}, {"_Exp", FL_UNARY_EXP}, {"_Log", FL_UNARY_LOG},
    {"_Floor", FL_UNARY_FLOOR}, {"_Ceil", FL_UNARY_CEIL}, {"_Reciprocal", FL_UNARY_RECIPROCAL},
    {"_Inv", FL_UNARY_RECIPROCAL}, {"_Sin", FL_UNARY_SIN}, {"_Cos", FL_UNARY_COS}, {"_Tan", FL_UNARY_TAN},
}, binary_ops[] = {
    {"_Add", FL_BINARY_ADD}, {"_AddV2", FL_BINARY_ADD}, {"_Sub", FL_BINARY_SUB}, {"_Mul", FL_BINARY_MUL},
    {"_Div", FL_BINARY_DIV}, {"_RealDiv", FL_BINARY_DIV}, {"_TruncateDiv", FL_BINARY_DIV}, {"_Minimum", FL_BINARY_MIN},
    {"_Maximum", FL_BINARY_MAX}, {"_Pow", FL_BINARY_POW}, {"_SquaredDifference", FL_BINARY_SQUARED_DIFFERENCE},
    {"_FloorDiv", FL_BINARY_FLOOR_DIV}, {"_FloorMod", FL_BINARY_FLOOR_MOD}, {"_Equal", FL_BINARY_EQUAL},
    {"_NotEqual", FL_BINARY_NOT_EQUAL}, {"_Less", FL_BINARY_LESS}, {"_LessEqual", FL_BINARY_LESS_EQUAL},
    {"_Greater", FL_BINARY_GREATER}, {"_GreaterEqual", FL_BINARY_GREATER_EQUAL},
}, reduce_ops[] = {
    {"_Sum", FL_REDUCE_SUM}, {"_Prod", FL_REDUCE_PROD}, {"_Max", FL_REDUCE_MAX}, {"_Min", FL_REDUCE_MIN},
    {"_Mean", FL_REDUCE_MEAN},
};

#define FUNC_OF(table, node) func_of(table, sizeof(table) / sizeof *(table), node)
static int func_of(const struct named_func *table, size_t n, const fl_uff_node *node)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(table[i].operation, node->operation))
            return table[i].func;
    return -1;
}

static floe_status rule_unary(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return fl_uff_unary(m, node, FUNC_OF(unary_ops, node), 0, out, err);
}

static floe_status rule_leaky_relu(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return fl_uff_unary(m, node, FL_UNARY_LEAKY_RELU, (float)fl_uff_double(m->graph, node, "alpha", 0.2), out, err);
}

static floe_status rule_binary(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return fl_uff_binary(m, node, FUNC_OF(binary_ops, node), out, err);
}

static floe_status rule_reduce(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t axes[FL_MAX_RANK];
    int n;
    FL_TRY(fl_uff_integers_of(m, node, 1, "the axes", axes, FL_MAX_RANK, &n, err));
    FL_TRY(fl_uff_reduction(m, node, FUNC_OF(reduce_ops, node), axes, (size_t)n,
                            fl_uff_bool(m->graph, node, "keep_dims", false), out, err));
done:
    return st;
}

/* x0 + x1 + ... in order; all of one shape. */
static floe_status rule_add_n(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_op_params p = {.binary = {.func = FL_BINARY_ADD}};
    fl_tensor *in[2];
    if (node->n_input == 1) {
        st = fl_uff_pass(m, node, out, err);
        goto done;
    }
    FL_TRY(fl_uff_tensor_of(m, node, 0, &in[0], err));
    for (size_t i = 1; i < node->n_input; i++) {
        FL_TRY(fl_uff_tensor_of(m, node, i, &in[1], err));
        if (!fl_tensor_same_shape(&in[0]->desc, &in[1]->desc))
            FL_FAIL(err, FLOE_ERR_SHAPE, "adds tensors of different shapes");
        FL_TRY(fl_uff_layer(m, node, FL_OP_BINARY, &p, in, 2, &in[0], err));
    }
    out->tensor[0] = in[0];
done:
    return st;
}

static floe_status rule_cast(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    const fl_uff_data *d = fl_uff_field_of(m->graph, node, "DstT");
    fl_dtype to = fl_uff_tf_to_dtype(node->tf_dtype);
    if (to == FL_DTYPE_NONE && d && d->kind == FL_UFF_DTYPE)
        to = fl_uff_to_dtype(d->u.i);
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    if (to == FL_DTYPE_NONE)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "casts to a type that UFF cannot name; build from the .pb instead");
    const fl_op_params p = {.dtype = {.dtype = to, .truncate = fl_uff_bool(m->graph, node, "Truncate", false)}};
    FL_TRY(fl_uff_layer(m, node, FL_OP_CAST, &p, &x, 1, &out->tensor[0], err));
    fl_uff_symbolic_cast(m, out, fl_uff_value_of(m, node, 0), &x->desc, to);
done:
    return st;
}

/* ---- shapes and values */

static floe_status dims_of(const fl_uff_value *v, fl_op_params *p, floe_error *err)
{
    if (v->count > FL_MAX_RANK)
        return fl_fail(err, FLOE_ERR_LIMIT, "a result of rank %lld; at most %d is possible", (long long)v->count, FL_MAX_RANK);
    p->dims.rank = (int32_t)v->count;
    for (int64_t i = 0; i < v->count; i++)
        if (!fl_linear_to_dim(v->element[i], &p->dims.dim[i]) || (v->element[i].n == 0 && v->element[i].c < 0))
            return fl_fail(err, FLOE_ERR_UNSUPPORTED, "dimension %lld of the result is %lld times the batch plus %lld",
                           (long long)i, (long long)v->element[i].n, (long long)v->element[i].c);
    return FLOE_OK;
}

static floe_status rule_fill(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_value *shape;
    fl_tensor *value;
    fl_op_params p = {0};
    FL_TRY(fl_uff_elements_of(m, node, 0, "the shape", &shape, err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &value, err));
    if (value->desc.rank)
        FL_FAIL(err, FLOE_ERR_SHAPE, "fills with a tensor of rank %d; a scalar is wanted", value->desc.rank);
    FL_TRY(dims_of(shape, &p, err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_BROADCAST, &p, &value, 1, &out->tensor[0], err));
    const fl_uff_value *scalar = fl_uff_value_of(m, node, 1);
    if (scalar->symbolic && fl_uff_make_symbolic(m, out, p.dims.rank, p.dims.dim))
        for (int64_t i = 0; i < out->count; i++)
            out->element[i] = scalar->element[0];
done:
    return st;
}

static floe_status rule_broadcast_to(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_value *shape;
    fl_tensor *x;
    fl_op_params p = {0};
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_elements_of(m, node, 1, "the shape", &shape, err));
    FL_TRY(dims_of(shape, &p, err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_BROADCAST, &p, &x, 1, &out->tensor[0], err));
done:
    return st;
}

static floe_status rule_random_uniform(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_value *shape;
    fl_op_params p = {0};
    FL_TRY(fl_uff_elements_of(m, node, 0, "the shape", &shape, err));
    FL_TRY(dims_of(shape, &p, err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_RANDOM_UNIFORM, &p, NULL, 0, &out->tensor[0], err));
done:
    return st;
}

/* Where stateless random numbers get their key, counter and algorithm from: never looked at, since dropout goes away. */
static floe_status rule_random_state(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    static const int64_t zeros[2];
    static const int64_t two = 2;
    floe_status st = FLOE_OK;
    const fl_tensor_desc desc = fl_tensor_make(FL_U64, 1, &two);
    for (int port = 0; port < 2; port++)
        FL_TRY(fl_net_add_constant(m->net, &out->tensor[port], node->id, &desc, zeros, false, err));
done:
    return st;
}

/* Split, SplitV, Unpack: output k is a slice. `size` of each part along the axis. */
static floe_status split_parts(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, int axis, const int64_t *sizes, int n,
                               bool drop_axis, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_op_params p = {0};
    int64_t at = 0;
    if (n > FL_UFF_PORTS)
        FL_FAIL(err, FLOE_ERR_LIMIT, "%d outputs; at most %d are possible", n, FL_UFF_PORTS);
    for (int i = 0; i < x->desc.rank; i++) {
        p.slice.stride[i] = 1;
        p.slice.size[i] = x->desc.dim[i];
    }
    for (int k = 0; k < n; k++) {
        p.slice.begin[axis] = at;
        p.slice.size[axis] = sizes[k];
        at += sizes[k];
        FL_TRY(fl_uff_layer(m, node, FL_OP_SLICE, &p, &x, 1, &out->tensor[k], err));
        if (drop_axis) {
            int64_t dim[FL_MAX_RANK];
            int rank = 0;
            for (int i = 0; i < x->desc.rank; i++)
                if (i != axis)
                    dim[rank++] = x->desc.dim[i];
            FL_TRY(fl_uff_reshape(m, node, out->tensor[k], rank, dim, &out->tensor[k], err));
        }
    }
done:
    return st;
}

static floe_status equal_parts(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, int64_t said, int64_t n, bool drop_axis,
                               fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t sizes[FL_UFF_PORTS];
    int axis = 0;
    FL_TRY(fl_uff_axis(node, said, x->desc.rank, &axis, err));
    const int64_t d = x->desc.dim[axis];
    if (n < 1 || n > FL_UFF_PORTS || d < 0 || d % n || (drop_axis && d != n))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "splits an axis of %lld into %lld parts; at most %d equal ones are possible",
                (long long)d, (long long)n, FL_UFF_PORTS);
    for (int64_t i = 0; i < n; i++)
        sizes[i] = d / n;
    FL_TRY(split_parts(m, node, x, axis, sizes, (int)n, drop_axis, out, err));
done:
    return st;
}

static floe_status rule_split(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    int64_t axis;
    int n;
    FL_TRY(fl_uff_integers_of(m, node, 0, "the axis", &axis, 1, &n, err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &x, err));
    FL_TRY(equal_parts(m, node, x, axis, fl_uff_int(m->graph, node, "num_split", 0), false, out, err));
done:
    return st;
}

static floe_status rule_unpack(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(equal_parts(m, node, x, fl_uff_int(m->graph, node, "axis", 0), fl_uff_int(m->graph, node, "num", 0), true, out, err));
done:
    return st;
}

static floe_status rule_split_v(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    int64_t sizes[FL_UFF_PORTS], said, sum = 0;
    int n, one, axis = 0, open = -1;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_integers_of(m, node, 1, "the sizes", sizes, FL_UFF_PORTS, &n, err));
    FL_TRY(fl_uff_integers_of(m, node, 2, "the axis", &said, 1, &one, err));
    FL_TRY(fl_uff_axis(node, said, x->desc.rank, &axis, err));
    for (int i = 0; i < n; i++) {
        if (sizes[i] == -1 && open < 0)
            open = i;
        else
            sum += sizes[i];
    }
    if (open >= 0)
        sizes[open] = x->desc.dim[axis] - sum;
    FL_TRY(split_parts(m, node, x, axis, sizes, n, false, out, err));
done:
    return st;
}

static floe_status rule_select(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *in[3];
    for (size_t i = 0; i < 3; i++)
        FL_TRY(fl_uff_tensor_of(m, node, i, &in[i], err));
    /* Select (v1) with a vector of conditions picks whole rows. */
    if (!strcmp(node->operation, "_Select") && in[0]->desc.rank == 1 && in[1]->desc.rank > 1) {
        int64_t dim[FL_MAX_RANK];
        for (int i = 0; i < in[1]->desc.rank; i++)
            dim[i] = i ? 1 : in[0]->desc.dim[0];
        FL_TRY(fl_uff_reshape(m, node, in[0], in[1]->desc.rank, dim, &in[0], err));
    }
    FL_TRY(fl_uff_layer(m, node, FL_OP_SELECT, NULL, in, 3, &out->tensor[0], err));
done:
    return st;
}

/* Rank, Size: the value is known or a multiple of the batch, so no layer is needed but a constant. */
static floe_status scalar_constant(fl_uff_importer *m, const fl_uff_node *node, int64_t value, fl_uff_value *out, floe_error *err)
{
    const fl_dtype dtype = fl_uff_tf_to_dtype(node->tf_dtype) == FL_I64 ? FL_I64 : FL_I32;
    const fl_tensor_desc desc = fl_tensor_make(dtype, 0, NULL);
    const int32_t narrow = (int32_t)value;
    const floe_status st = fl_net_add_constant(m->net, &out->tensor[0], node->id, &desc,
                                               dtype == FL_I64 ? (const void *)&value : &narrow, true, err);
    if (st == FLOE_OK && fl_uff_make_symbolic(m, out, 0, NULL))
        out->element[0].c = (double)value;
    return st;
}

static floe_status rule_rank(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    fl_tensor *x;
    const floe_status st = fl_uff_tensor_of(m, node, 0, &x, err);
    return st == FLOE_OK ? scalar_constant(m, node, x->desc.rank, out, err) : st;
}

static floe_status rule_size(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    int64_t elements;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_tensor_elements(&x->desc, &elements, err));
    if (elements >= 0) {
        st = scalar_constant(m, node, elements, out, err);
    } else { /* the product of the shape, at run time */
        const fl_op_params shape = {.dtype = {.dtype = FL_I32}};
        const fl_op_params prod = {.reduce = {.func = FL_REDUCE_PROD, .axes = 1}};
        FL_TRY(fl_uff_layer(m, node, FL_OP_SHAPE, &shape, &x, 1, &x, err));
        FL_TRY(fl_uff_layer(m, node, FL_OP_REDUCE, &prod, &x, 1, &out->tensor[0], err));
        if (fl_uff_make_symbolic(m, out, 0, NULL))
            out->element[0].n = (double)-elements;
    }
done:
    return st;
}

static floe_status rule_range(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t v[3], values[FL_LINEAR_MAX], count = 0;
    int n;
    fl_tensor *start;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &start, err));
    for (size_t i = 0; i < 3; i++)
        FL_TRY(fl_uff_integers_of(m, node, i, "a bound of the range", &v[i], 1, &n, err));
    if (v[2] == 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "a range with step 0");
    for (int64_t at = v[0]; v[2] > 0 ? at < v[1] : at > v[1]; at += v[2]) {
        if (count == FL_LINEAR_MAX)
            FL_FAIL(err, FLOE_ERR_LIMIT, "a range of more than %d numbers", FL_LINEAR_MAX);
        values[count++] = at;
    }
    const fl_tensor_desc desc = fl_tensor_make(start->desc.dtype, 1, &count);
    int32_t narrow[FL_LINEAR_MAX];
    for (int64_t i = 0; i < count; i++)
        narrow[i] = (int32_t)values[i];
    FL_TRY(fl_net_add_constant(m->net, &out->tensor[0], node->id, &desc,
                               desc.dtype == FL_I64 ? (const void *)values : narrow, true, err));
    fl_uff_symbolic_constant(m, out, out->tensor[0]);
done:
    return st;
}

/* ZerosLike, OnesLike: a scalar stretched to x's shape. */
static floe_status rule_like(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x, *scalar;
    fl_op_params p = {0};
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    const bool one = node->operation[1] == 'O';
    const float f = one;
    const int64_t i = one; /* little-endian: its first bytes are the narrower integers */
    const fl_tensor_desc desc = fl_tensor_make(x->desc.dtype, 0, NULL);
    if (x->desc.dtype == FL_F16 || x->desc.dtype == FL_BF16 || x->desc.dtype == FL_F64)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "of type %s", fl_dtype_name(x->desc.dtype));
    FL_TRY(fl_net_add_constant(m->net, &scalar, node->id, &desc, x->desc.dtype == FL_F32 ? (const void *)&f : &i, true, err));
    p.dims.rank = x->desc.rank;
    memcpy(p.dims.dim, x->desc.dim, sizeof p.dims.dim);
    FL_TRY(fl_uff_layer(m, node, FL_OP_BROADCAST, &p, &scalar, 1, &out->tensor[0], err));
done:
    return st;
}

/* IdentityN and other many-output pass-throughs: output k is input k. */
static floe_status rule_identity_n(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < node->n_input && i < FL_UFF_PORTS; i++)
        FL_TRY(fl_uff_tensor_of(m, node, i, &out->tensor[i], err));
done:
    return st;
}

/* The converter leaves a constant in this form when its values have no bytes: strings. */
static floe_status rule_const(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    (void)m;
    (void)out;
    return fl_fail(err, FLOE_ERR_UNSUPPORTED, "a constant of %s: floe calculates with numbers and bools; name outputs that "
                   "do not need it", node->tf_dtype == FL_UFF_TF_STRING ? "strings" : "unknown type");
}

const fl_uff_rule fl_uff_custom_rules[] = {
    {"_Conv2D", rule_conv2d, 2, 2},
    {"_DepthwiseConv2dNative", rule_depthwise, 2, 2},
    {"_Conv2DBackpropInput", rule_conv2d_backprop_input, 3, 3},
    {"_MaxPool", rule_max_pool, 1, 1},
    {"_AvgPool", rule_avg_pool, 1, 1},
    {"_MatMul", rule_matmul, 2, 2},
    {"_BiasAdd", rule_bias_add, 2, 2},
    {"_BiasAddV1", rule_bias_add, 2, 2},
    {"_FusedBatchNorm", rule_fused_batch_norm, 5, 5},
    {"_FusedBatchNormV2", rule_fused_batch_norm, 5, 5},
    {"_FusedBatchNormV3", rule_fused_batch_norm, 5, 5},
    {"_LeakyRelu", rule_leaky_relu, 1, 1},
    {"_AddN", rule_add_n, 1, ANY},
    {"_Cast", rule_cast, 1, 1},
    {"_Fill", rule_fill, 2, 2},
    {"_BroadcastTo", rule_broadcast_to, 2, 2},
    {"_RandomUniform", rule_random_uniform, 1, 1},
    {"_StatelessRandomUniformV2", rule_random_uniform, 4, 4},
    {"_StatelessRandomUniform", rule_random_uniform, 2, 2},
    {"_StatelessRandomGetKeyCounter", rule_random_state, 1, 1},
    {"_StatelessRandomGetAlg", rule_random_state, 0, 0},
    {"_SpaceToBatchND", fl_uff_space_to_batch, 3, 3},
    {"_BatchToSpaceND", fl_uff_batch_to_space, 3, 3},
    {"_Split", rule_split, 2, 2},
    {"_SplitV", rule_split_v, 3, 3},
    {"_Unpack", rule_unpack, 1, 1},
    {"_DepthToSpace", fl_uff_depth_to_space, 1, 1},
    {"_SpaceToDepth", fl_uff_space_to_depth, 1, 1},
    {"_Select", rule_select, 3, 3},
    {"_SelectV2", rule_select, 3, 3},
    {"_Const", rule_const, 0, 0},
    {"_Rank", rule_rank, 1, 1},
    {"_Size", rule_size, 1, 1},
    {"_Range", rule_range, 3, 3},
    {"_ZerosLike", rule_like, 1, 1},
    {"_OnesLike", rule_like, 1, 1},
    {"_PlaceholderWithDefault", fl_uff_pass, 1, 1},
    {"_StopGradient", fl_uff_pass, 1, 1},
    {"_PreventGradient", fl_uff_pass, 1, 1},
    {"_CheckNumerics", fl_uff_pass, 1, 1},
    {"_Snapshot", fl_uff_pass, 1, 1},
    {"_EnsureShape", fl_uff_pass, 1, 1},
    {"_IdentityN", rule_identity_n, 1, FL_UFF_PORTS},
#define UNARY(name) {"_" name, rule_unary, 1, 1}
    UNARY("Relu"), UNARY("Relu6"), UNARY("Elu"), UNARY("Selu"), UNARY("Sigmoid"), UNARY("Tanh"), UNARY("Softplus"),
    UNARY("Softsign"), UNARY("Neg"), UNARY("Abs"), UNARY("Sqrt"), UNARY("Rsqrt"), UNARY("Square"), UNARY("Exp"),
    UNARY("Log"), UNARY("Floor"), UNARY("Ceil"), UNARY("Reciprocal"), UNARY("Inv"), UNARY("Sin"), UNARY("Cos"),
    UNARY("Tan"),
#define BINARY(name) {"_" name, rule_binary, 2, 2}
    BINARY("Add"), BINARY("AddV2"), BINARY("Sub"), BINARY("Mul"), BINARY("Div"), BINARY("RealDiv"),
    BINARY("TruncateDiv"), BINARY("Minimum"), BINARY("Maximum"), BINARY("Pow"), BINARY("SquaredDifference"),
    BINARY("FloorDiv"), BINARY("FloorMod"), BINARY("Equal"), BINARY("NotEqual"), BINARY("Less"), BINARY("LessEqual"),
    BINARY("Greater"), BINARY("GreaterEqual"),
#define REDUCE(name) {"_" name, rule_reduce, 2, 2}
    REDUCE("Sum"), REDUCE("Prod"), REDUCE("Max"), REDUCE("Min"), REDUCE("Mean"),
    {NULL, NULL, 0, 0},
};
