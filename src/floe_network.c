/* floe_network.c - networks by hand, layer by layer.
 *
 * Failures stick: the first one is kept in the network, later calls return NULL, and floe_network_check tells it. So a
 * user writes a network straight down and asks once.
 */
#include "floe_internal.h"

#include <limits.h>
#include <string.h>

floe_status floe_network_create(floe_network **out, const floe_env *env, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_network *n = fl_calloc(env, 1, sizeof *n);
    FL_NEED(n, sizeof *n, "a network", err);
    n->env = fl_env_copy(env);
    *out = n;
done:
    return st;
}

void floe_network_free(floe_network *n)
{
    if (!n)
        return;
    const floe_env env = n->env;
    fl_net_free(n->net);
    fl_uff_free(n->uff);
    fl_tf_graph_free(n->tf);
    fl_free(&env, n);
}

/* ---- the sticky failure */

static bool failed(const floe_network *n) { return n->first.status != FLOE_OK; }

static fl_tensor *in(floe_tensor *x) { return (fl_tensor *)x; }

/* Ready for another layer: no failure so far, inputs present. */
static bool ready(floe_network *n, floe_tensor *const *x, int count)
{
    if (failed(n))
        return false;
    for (int i = 0; i < count; i++)
        if (!x[i]) {
            fl_fail(&n->first, FLOE_ERR_ARGUMENT, "a layer was given no input tensor");
            return false;
        }
    if (n->uff) {
        fl_fail(&n->first, FLOE_ERR_ARGUMENT, "layers cannot be added to a parsed network");
        return false;
    }
    return n->net || fl_net_create(&n->net, &n->env, &n->first) == FLOE_OK;
}

static floe_tensor *layer(floe_network *n, const char *name, fl_op_kind op, const fl_op_params *p, fl_tensor *const *x, int count)
{
    fl_layer *made;
    if (fl_net_add_layer(n->net, &made, name, op, p, x, count, &n->first) != FLOE_OK)
        return NULL;
    return (floe_tensor *)made->out[0];
}

/* A constant of this shape; fails when the count of values does not fit. */
static fl_tensor *weights(floe_network *n, const char *what, fl_dtype dtype, int rank, const int64_t *dim, floe_weights w)
{
    fl_tensor *t;
    int64_t elements;
    char text[FL_TENSOR_TEXT];
    const fl_tensor_desc desc = fl_tensor_make(dtype, rank, dim);
    if (fl_tensor_elements(&desc, &elements, &n->first) != FLOE_OK)
        return NULL;
    if (elements < 0 || !w.values || w.count != (size_t)elements) {
        fl_fail(&n->first, FLOE_ERR_SHAPE, "%s: %s wants %lld values, %zu were given", what,
                fl_tensor_text(&desc, text, sizeof text), (long long)elements, w.values ? w.count : 0);
        return NULL;
    }
    return fl_net_add_constant(n->net, &t, what, &desc, w.values, false, &n->first) == FLOE_OK ? t : NULL;
}

floe_status floe_network_check(const floe_network *n, floe_error *err)
{
    if (failed(n)) {
        if (err)
            *err = n->first;
        return n->first.status;
    }
    if (!n->net || !n->net->n_outputs)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "Network must have at least one output");
    return FLOE_OK;
}

floe_status floe_network_print(floe_blob **out, const floe_network *n, floe_error *err)
{
    fl_buf text = fl_buf_make(&n->env);
    if (n->net)
        fl_net_print(&text, n->net);
    return fl_blob_make(out, &n->env, &text, err);
}

floe_dims floe_tensor_dims(const floe_tensor *x)
{
    return x ? fl_public_dims(&((const fl_tensor *)x)->desc) : (floe_dims){.rank = -1};
}

const char *floe_tensor_name(const floe_tensor *x) { return x ? ((const fl_tensor *)x)->name : NULL; }

floe_tensor *floe_network_input(const floe_network *n, int index)
{
    const fl_network *net = n ? n->net : NULL;
    return net && index >= 0 && (size_t)index < net->n_inputs ? (floe_tensor *)net->inputs[index] : NULL;
}

/* ---- sources and sinks */

floe_tensor *floe_network_add_input(floe_network *n, const char *name, floe_dtype dtype, const floe_dims *dims)
{
    fl_tensor *t;
    if (!ready(n, NULL, 0))
        return NULL;
    const fl_tensor_desc desc = fl_tensor_make((fl_dtype)dtype, dims->rank, dims->d);
    return fl_net_add_input(n->net, &t, name, &desc, &n->first) == FLOE_OK ? (floe_tensor *)t : NULL;
}

floe_tensor *floe_network_add_constant(floe_network *n, floe_dtype dtype, const floe_dims *dims, floe_weights values)
{
    if (!ready(n, NULL, 0))
        return NULL;
    return (floe_tensor *)weights(n, "constant", (fl_dtype)dtype, dims->rank, dims->d, values);
}

void floe_network_mark_output(floe_network *n, floe_tensor *x, const char *name)
{
    if (ready(n, &x, 1))
        (void)fl_net_mark_output(n->net, name, in(x), &n->first);
}

/* ---- convolutions and pools */

static int at_least_1(int v) { return v > 0 ? v : 1; }

/* Height and width of x; false (and the failure noted) when x is not a picture. */
static bool spatial(floe_network *n, const char *what, const fl_tensor *x, floe_format format, int64_t hw[2], int64_t *channels)
{
    char text[FL_TENSOR_TEXT];
    const int h = format == FLOE_NHWC ? 1 : 2;
    if (x->desc.rank == 4 && x->desc.dim[h] >= 0 && x->desc.dim[h + 1] >= 0) {
        hw[0] = x->desc.dim[h];
        hw[1] = x->desc.dim[h + 1];
        *channels = x->desc.dim[format == FLOE_NHWC ? 3 : 1];
        return true;
    }
    fl_fail(&n->first, FLOE_ERR_SHAPE, "%s wants an input of rank 4 with known height and width, found %s", what,
            fl_tensor_text(&x->desc, text, sizeof text));
    return false;
}

static void resolve_pad(floe_padding padding, const int *given, const int64_t hw[2], const int *kernel, const int32_t *stride,
                        const int32_t *dilation, int32_t pad[4])
{
    for (int i = 0; i < 4; i++)
        pad[i] = padding == FLOE_PADDING_EXPLICIT ? given[i] : 0;
    for (int i = 0; padding == FLOE_PADDING_SAME && i < 2; i++)
        fl_same_padding(hw[i], kernel[i], stride[i], dilation[i], &pad[2 * i], &pad[2 * i + 1]);
}

static void fill_conv(const floe_convolution *c, fl_conv_params *p)
{
    for (int i = 0; i < 2; i++) {
        p->stride[i] = at_least_1(c->stride[i]);
        p->dilation[i] = at_least_1(c->dilation[i]);
    }
    p->groups = at_least_1(c->groups);
    p->format = (int32_t)c->format;
}

typedef enum conv_kind { CONV, DEPTHWISE, TRANSPOSED } conv_kind;

static floe_tensor *convolution(floe_network *n, floe_tensor *x, const floe_convolution *c, conv_kind kind)
{
    static const fl_op_kind ops[] = {FL_OP_CONV2D, FL_OP_DEPTHWISE_CONV2D, FL_OP_CONV2D_TRANSPOSE};
    fl_op_params p = {0};
    int64_t hw[2], channels;
    if (!ready(n, &x, 1) || !spatial(n, "a convolution", in(x), c->format, hw, &channels))
        return NULL;
    fill_conv(c, &p.conv);
    const int outputs = at_least_1(c->outputs);
    int64_t dim[4] = {c->kernel[0], c->kernel[1], kind == TRANSPOSED ? outputs : channels,
                      kind == TRANSPOSED ? channels : outputs};
    if (kind == CONV)
        dim[2] = channels / p.conv.groups;
    if (kind == TRANSPOSED) {
        for (int i = 0; i < 2; i++) {
            const int64_t extra = c->kernel[i] > p.conv.stride[i] ? c->kernel[i] - p.conv.stride[i] : 0;
            p.conv.output[i] = c->output[i] ? c->output[i]
                                            : hw[i] * p.conv.stride[i] + (c->padding == FLOE_PADDING_SAME ? 0 : extra);
            hw[i] = p.conv.output[i];
        }
    }
    resolve_pad(c->padding, c->pad, hw, c->kernel, p.conv.stride, p.conv.dilation, p.conv.pad);
    fl_tensor *slots[3] = {in(x), weights(n, "filter", FL_F32, 4, dim, c->filter), NULL};
    const int64_t bias = kind == DEPTHWISE ? channels * outputs : outputs;
    if (!slots[1] || (c->bias.values && !(slots[2] = weights(n, "bias", FL_F32, 1, &bias, c->bias))))
        return NULL;
    return layer(n, "convolution", ops[kind], &p, slots, slots[2] ? 3 : 2);
}

floe_tensor *floe_network_add_convolution(floe_network *n, floe_tensor *x, const floe_convolution *c)
{
    return convolution(n, x, c, CONV);
}

floe_tensor *floe_network_add_depthwise_convolution(floe_network *n, floe_tensor *x, const floe_convolution *c)
{
    return convolution(n, x, c, DEPTHWISE);
}

floe_tensor *floe_network_add_transposed_convolution(floe_network *n, floe_tensor *x, const floe_convolution *c)
{
    return convolution(n, x, c, TRANSPOSED);
}

floe_tensor *floe_network_add_pooling(floe_network *n, floe_tensor *x, const floe_pooling *g)
{
    static const int32_t no_dilation[2] = {1, 1};
    fl_op_params p = {.pool = {.func = g->average ? FL_POOL_AVG : FL_POOL_MAX, .format = (int32_t)g->format}};
    int64_t hw[2], channels;
    if (!ready(n, &x, 1) || !spatial(n, "pooling", in(x), g->format, hw, &channels))
        return NULL;
    for (int i = 0; i < 2; i++) {
        p.pool.kernel[i] = g->kernel[i];
        p.pool.stride[i] = g->stride[i] ? g->stride[i] : g->kernel[i];
    }
    resolve_pad(g->padding, g->pad, hw, g->kernel, p.pool.stride, no_dilation, p.pool.pad);
    fl_tensor *slot = in(x);
    return layer(n, "pooling", FL_OP_POOL2D, &p, &slot, 1);
}

/* ---- matrix products */

/* [N, everything else] */
static fl_tensor *flattened(floe_network *n, fl_tensor *x)
{
    fl_op_params p = {.dims = {.rank = 2}};
    int64_t rest = 1;
    if (x->desc.rank == 2)
        return x;
    for (int i = 1; i < x->desc.rank; i++)
        if (!fl_dim_mul(rest, x->desc.dim[i], &rest)) {
            fl_fail(&n->first, FLOE_ERR_SHAPE, "a tensor too large to flatten");
            return NULL;
        }
    p.dims.dim[0] = x->desc.rank ? x->desc.dim[0] : 1;
    p.dims.dim[1] = rest;
    return in(layer(n, "flatten", FL_OP_RESHAPE, &p, &x, 1));
}

floe_tensor *floe_network_add_fully_connected(floe_network *n, floe_tensor *x, int outputs, floe_weights w, floe_weights bias)
{
    const fl_op_params p = {0};
    if (!ready(n, &x, 1))
        return NULL;
    fl_tensor *slots[3] = {flattened(n, in(x)), NULL, NULL};
    if (!slots[0])
        return NULL;
    const int64_t dim[2] = {slots[0]->desc.dim[1], outputs};
    slots[1] = weights(n, "weights", FL_F32, 2, dim, w);
    if (!slots[1] || (bias.values && !(slots[2] = weights(n, "bias", FL_F32, 1, &dim[1], bias))))
        return NULL;
    return layer(n, "fully_connected", FL_OP_MATMUL, &p, slots, slots[2] ? 3 : 2);
}

floe_tensor *floe_network_add_matrix_multiply(floe_network *n, floe_tensor *a, bool transpose_a, floe_tensor *b, bool transpose_b)
{
    floe_tensor *x[2] = {a, b};
    const fl_op_params p = {.matmul = {.transpose_a = transpose_a, .transpose_b = transpose_b}};
    if (!ready(n, x, 2))
        return NULL;
    fl_tensor *slots[2] = {in(a), in(b)};
    return layer(n, "matrix_multiply", FL_OP_MATMUL, &p, slots, 2);
}

/* ---- element-wise */

floe_tensor *floe_network_add_unary(floe_network *n, floe_tensor *x, const char *function, float alpha)
{
    fl_op_params p = {.unary = {.func = function ? fl_unary_from_name(function) : -1, .alpha = alpha}};
    if (!ready(n, &x, 1))
        return NULL;
    if (p.unary.func < 0) {
        fl_fail(&n->first, FLOE_ERR_ARGUMENT, "unary function '%s' is not known", function ? function : "");
        return NULL;
    }
    fl_tensor *slot = in(x);
    return layer(n, function, FL_OP_UNARY, &p, &slot, 1);
}

floe_tensor *floe_network_add_elementwise(floe_network *n, floe_tensor *a, floe_tensor *b, const char *function)
{
    floe_tensor *x[2] = {a, b};
    const fl_op_params p = {.binary = {.func = function ? fl_binary_from_name(function) : -1}};
    if (!ready(n, x, 2))
        return NULL;
    if (p.binary.func < 0) {
        fl_fail(&n->first, FLOE_ERR_ARGUMENT, "element-wise function '%s' is not known", function ? function : "");
        return NULL;
    }
    fl_tensor *slots[2] = {in(a), in(b)};
    return layer(n, function, FL_OP_BINARY, &p, slots, 2);
}

static bool axis_of(floe_network *n, const fl_tensor *x, int axis, int32_t *out)
{
    if (axis < -x->desc.rank || axis >= x->desc.rank) {
        fl_fail(&n->first, FLOE_ERR_SHAPE, "axis %d of a tensor of rank %d", axis, x->desc.rank);
        return false;
    }
    *out = axis < 0 ? axis + x->desc.rank : axis;
    return true;
}

floe_tensor *floe_network_add_batch_norm(floe_network *n, floe_tensor *x, floe_weights scale, floe_weights offset,
                                         floe_weights mean, floe_weights variance, float epsilon, int axis)
{
    const floe_weights four[4] = {scale, offset, mean, variance};
    fl_op_params p = {.batch_norm = {.epsilon = epsilon, .factor = 1}};
    if (!ready(n, &x, 1) || !axis_of(n, in(x), axis, &p.batch_norm.axis))
        return NULL;
    const int64_t channels = in(x)->desc.dim[p.batch_norm.axis];
    fl_tensor *slots[5] = {in(x)};
    for (int i = 0; i < 4; i++)
        if (!(slots[i + 1] = weights(n, "batch norm weights", FL_F32, 1, &channels, four[i])))
            return NULL;
    return layer(n, "batch_norm", FL_OP_BATCH_NORM, &p, slots, 5);
}

floe_tensor *floe_network_add_softmax(floe_network *n, floe_tensor *x, int axis)
{
    fl_op_params p = {0};
    if (!ready(n, &x, 1) || !axis_of(n, in(x), axis, &p.axis.axis))
        return NULL;
    fl_tensor *slot = in(x);
    return layer(n, "softmax", FL_OP_SOFTMAX, &p, &slot, 1);
}

floe_tensor *floe_network_add_reduce(floe_network *n, floe_tensor *x, const char *function, const int *axes, int n_axes, bool keep_dims)
{
    fl_op_params p = {.reduce = {.func = function ? fl_reduce_from_name(function) : -1, .keep_dims = keep_dims}};
    if (!ready(n, &x, 1))
        return NULL;
    if (p.reduce.func < 0) {
        fl_fail(&n->first, FLOE_ERR_ARGUMENT, "reduction '%s' is not known", function ? function : "");
        return NULL;
    }
    for (int i = 0; i < n_axes; i++) {
        int32_t axis;
        if (!axis_of(n, in(x), axes[i], &axis))
            return NULL;
        p.reduce.axes |= 1 << axis;
    }
    fl_tensor *slot = in(x);
    return layer(n, function, FL_OP_REDUCE, &p, &slot, 1);
}

/* ---- shape */

floe_tensor *floe_network_add_concatenation(floe_network *n, floe_tensor *const *x, int count, int axis)
{
    fl_op_params p = {0};
    if (!ready(n, x, count) || count < 1 || !axis_of(n, in(x[0]), axis, &p.axis.axis))
        return NULL;
    return layer(n, "concatenation", FL_OP_CONCAT, &p, (fl_tensor *const *)x, count);
}

floe_tensor *floe_network_add_reshape(floe_network *n, floe_tensor *x, const floe_dims *dims)
{
    fl_op_params p = {.dims = {.rank = dims->rank}};
    if (!ready(n, &x, 1))
        return NULL;
    memcpy(p.dims.dim, dims->d, sizeof p.dims.dim);
    for (int i = dims->rank < 0 ? 0 : dims->rank; i < FL_MAX_RANK; i++)
        p.dims.dim[i] = 0;
    fl_tensor *slot = in(x);
    return layer(n, "reshape", FL_OP_RESHAPE, &p, &slot, 1);
}

floe_tensor *floe_network_add_transpose(floe_network *n, floe_tensor *x, const int *perm)
{
    fl_op_params p = {0};
    if (!ready(n, &x, 1))
        return NULL;
    for (int i = 0; i < in(x)->desc.rank; i++)
        p.transpose.perm[i] = perm[i];
    fl_tensor *slot = in(x);
    return layer(n, "transpose", FL_OP_TRANSPOSE, &p, &slot, 1);
}

floe_tensor *floe_network_add_padding(floe_network *n, floe_tensor *x, const int64_t *before, const int64_t *after, float value)
{
    fl_op_params p = {.pad = {.value = value}};
    if (!ready(n, &x, 1))
        return NULL;
    for (int i = 0; i < in(x)->desc.rank; i++) {
        p.pad.before[i] = before[i];
        p.pad.after[i] = after[i];
    }
    fl_tensor *slot = in(x);
    return layer(n, "padding", FL_OP_PAD, &p, &slot, 1);
}

floe_tensor *floe_network_add_slice(floe_network *n, floe_tensor *x, const int64_t *begin, const int64_t *size, const int64_t *stride)
{
    fl_op_params p = {0};
    if (!ready(n, &x, 1))
        return NULL;
    for (int i = 0; i < in(x)->desc.rank; i++) {
        p.slice.begin[i] = begin[i];
        p.slice.size[i] = size[i];
        p.slice.stride[i] = stride ? stride[i] : 1;
    }
    fl_tensor *slot = in(x);
    return layer(n, "slice", FL_OP_SLICE, &p, &slot, 1);
}

floe_tensor *floe_network_add_cast(floe_network *n, floe_tensor *x, floe_dtype dtype)
{
    const fl_op_params p = {.dtype = {.dtype = (int32_t)dtype}};
    if (!ready(n, &x, 1))
        return NULL;
    fl_tensor *slot = in(x);
    return layer(n, "cast", FL_OP_CAST, &p, &slot, 1);
}
