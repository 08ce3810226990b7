/* uff_import_util.c - what the importer's rules share: fetching inputs and fields, adding layers, window geometry. */
#include "uff/uff_importer.h"

#include <string.h>

/* ---- inputs of a node */

fl_uff_value *fl_uff_value_of(fl_uff_importer *m, const fl_uff_node *node, size_t input)
{
    return &m->value[fl_names_find(&m->graph->by_id, node->input[input])];
}

floe_status fl_uff_tensor_of(fl_uff_importer *m, const fl_uff_node *node, size_t input, fl_tensor **out, floe_error *err)
{
    const int port = node->port ? node->port[input] : 0;
    fl_tensor *t = port >= 0 && port < FL_UFF_PORTS ? fl_uff_value_of(m, node, input)->tensor[port] : NULL;
    if (!t)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "input %zu reads output %d of '%s', which has none to give", input, port,
                       node->input[input]);
    *out = t;
    return FLOE_OK;
}

floe_status fl_uff_elements_of(fl_uff_importer *m, const fl_uff_node *node, size_t input, const char *what,
                               const fl_uff_value **out, floe_error *err)
{
    const fl_uff_value *v = fl_uff_value_of(m, node, input);
    if (!v->symbolic || (node->port && node->port[input] != 0))
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "%s ('%s') must be known when the engine is built; it is computed from data",
                       what, node->input[input]);
    *out = v;
    return FLOE_OK;
}

floe_status fl_uff_integers_of(fl_uff_importer *m, const fl_uff_node *node, size_t input, const char *what,
                               int64_t *out, int max, int *count, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_value *v;
    FL_TRY(fl_uff_elements_of(m, node, input, what, &v, err));
    if (v->count > max)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s ('%s') has %lld elements; at most %d make sense", what, node->input[input],
                (long long)v->count, max);
    for (int64_t i = 0; i < v->count; i++) {
        if (v->element[i].n)
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s ('%s') depends on the batch size", what, node->input[input]);
        out[i] = (int64_t)v->element[i].c;
    }
    *count = (int)v->count;
done:
    return st;
}

/* ---- results */

floe_status fl_uff_cast(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, fl_dtype to, fl_tensor **out,
                        floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_op_params p = {.dtype = {.dtype = to}};
    fl_layer *cast;
    const char *name = fl_arena_printf(&m->net->arena, "%s/cast", node->id);
    FL_NEED(name, 1, "a name", err);
    FL_TRY(fl_net_add_layer(m->net, &cast, name, FL_OP_CAST, &p, &x, 1, err));
    *out = cast->out[0];
done:
    return st;
}

bool fl_uff_is_half(fl_dtype dtype) { return dtype == FL_F16 || dtype == FL_BF16; }

/* Operators that calculate, which floe does in float32; the others move elements of any type. */
static bool calculates(fl_op_kind op)
{
    switch (op) {
    case FL_OP_CONV2D:
    case FL_OP_DEPTHWISE_CONV2D:
    case FL_OP_CONV2D_TRANSPOSE:
    case FL_OP_MATMUL:
    case FL_OP_POOL2D:
    case FL_OP_UNARY:
    case FL_OP_BINARY:
    case FL_OP_BATCH_NORM:
    case FL_OP_SOFTMAX:
    case FL_OP_REDUCE:
        return true;
    default:
        return false;
    }
}

/* Half precision: the layer's inputs widened to float32. *back: the type that its result gets, FL_DTYPE_NONE for as it is.
 * TensorFlow wants one type everywhere (only a batch norm's statistics are float32 beside half data), but graphs whose
 * weights were rewritten as half while their data stayed float32 are about; those calculate in float32. */
static floe_status widen(fl_uff_importer *m, const fl_uff_node *node, fl_op_kind op, fl_tensor *const **in, int n_in,
                         fl_dtype *back, floe_error *err)
{
    floe_status st = FLOE_OK;
    bool single = false;
    *back = FL_DTYPE_NONE;
    for (int i = 0; i < n_in; i++) {
        if ((*in)[i] && fl_uff_is_half((*in)[i]->desc.dtype))
            *back = (*in)[i]->desc.dtype;
        if ((*in)[i] && (*in)[i]->desc.dtype == FL_F32 && (i == 0 || op != FL_OP_BATCH_NORM))
            single = true;
    }
    if (*back == FL_DTYPE_NONE || (!single && !calculates(op))) {
        *back = FL_DTYPE_NONE;
        goto done;
    }
    if (single)
        *back = FL_DTYPE_NONE;
    fl_tensor **wide = fl_arena_calloc(&m->net->arena, (size_t)n_in, sizeof *wide);
    FL_NEED(wide, (size_t)n_in * sizeof *wide, "inputs", err);
    for (int i = 0; i < n_in; i++) {
        wide[i] = (*in)[i];
        if (wide[i] && fl_uff_is_half(wide[i]->desc.dtype))
            FL_TRY(fl_uff_cast(m, node, wide[i], FL_F32, &wide[i], err));
    }
    *in = wide;
done:
    return st;
}

floe_status fl_uff_layer(fl_uff_importer *m, const fl_uff_node *node, fl_op_kind op, const fl_op_params *p,
                         fl_tensor *const *in, int n_in, fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_layer *layer = NULL;
    fl_dtype back;
    FL_TRY(widen(m, node, op, &in, n_in, &back, err));
    FL_TRY(fl_net_add_layer(m->net, &layer, node->id, op, p, in, n_in, err));
    *out = layer->out[0];
    if (back != FL_DTYPE_NONE && (*out)->desc.dtype == FL_F32)
        FL_TRY(fl_uff_cast(m, node, *out, back, out, err));
done:
    return st;
}

floe_status fl_uff_reshape(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, int rank, const int64_t *dim,
                           fl_tensor **out, floe_error *err)
{
    fl_op_params p = {.dims = {.rank = rank}};
    if (rank > FL_MAX_RANK)
        return fl_fail(err, FLOE_ERR_LIMIT, "a result of rank %d; at most %d is possible", rank, FL_MAX_RANK);
    if (rank == x->desc.rank && (rank == 0 || !memcmp(dim, x->desc.dim, (size_t)rank * sizeof *dim))) {
        *out = x;
        return FLOE_OK;
    }
    if (rank)
        memcpy(p.dims.dim, dim, (size_t)rank * sizeof *dim);
    return fl_uff_layer(m, node, FL_OP_RESHAPE, &p, &x, 1, out, err);
}

/* ---- fields */

const int64_t *fl_uff_int_list(const fl_uff_importer *m, const fl_uff_node *node, const char *key, size_t *count)
{
    const fl_uff_data *d = fl_uff_field_of(m->graph, node, key);
    *count = 0;
    if (!d || d->kind != FL_UFF_I_LIST)
        return NULL;
    *count = d->count;
    return d->u.i_list;
}

floe_status fl_uff_int_pair(fl_uff_importer *m, const fl_uff_node *node, const char *key, int32_t absent,
                            int32_t out[2], floe_error *err)
{
    size_t n;
    const int64_t *list = fl_uff_int_list(m, node, key, &n);
    if (n == 0) {
        out[0] = out[1] = absent;
        return FLOE_OK;
    }
    if (n != 2)
        return fl_fail(err, FLOE_ERR_FORMAT, "field '%s' has %zu numbers; height and width are wanted", key, n);
    for (int i = 0; i < 2; i++) {
        if (list[i] < 0 || list[i] > INT32_MAX)
            return fl_fail(err, FLOE_ERR_FORMAT, "field '%s' holds %lld", key, (long long)list[i]);
        out[i] = (int32_t)list[i];
    }
    return FLOE_OK;
}

floe_status fl_uff_axis(const fl_uff_node *node, int64_t axis, int rank, int *out, floe_error *err)
{
    (void)node;
    if (axis < -rank || axis >= rank)
        return fl_fail(err, FLOE_ERR_SHAPE, "axis %lld of a tensor of rank %d", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return FLOE_OK;
}

/* ---- windows: convolutions and pools */

static void spatial(const fl_uff_window *w, const fl_tensor *x, int64_t hw[2])
{
    hw[0] = x->desc.dim[w->format == FL_NHWC ? 1 : 2];
    hw[1] = x->desc.dim[w->format == FL_NHWC ? 2 : 3];
}

static floe_status check_window(const fl_uff_window *w, const fl_tensor *x, floe_error *err)
{
    char text[FL_TENSOR_TEXT];
    int64_t hw[2];
    if (x->desc.rank != 4)
        return fl_fail(err, FLOE_ERR_SHAPE, "needs an input of rank 4, found %s", fl_tensor_text(&x->desc, text, sizeof text));
    spatial(w, x, hw);
    if (hw[0] < 0 || hw[1] < 0)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "height or width of %s depends on the batch",
                       fl_tensor_text(&x->desc, text, sizeof text));
    if (w->stride[0] < 1 || w->stride[1] < 1 || w->dilation[0] < 1 || w->dilation[1] < 1)
        return fl_fail(err, FLOE_ERR_FORMAT, "strides %d,%d and dilations %d,%d must be positive", w->stride[0],
                       w->stride[1], w->dilation[0], w->dilation[1]);
    return FLOE_OK;
}

/* Explicit pads from SAME (for input sizes hw) or VALID. */
static void resolve_pad(const fl_uff_window *w, const int64_t hw[2], const int64_t kernel[2], int32_t pad[4])
{
    memset(pad, 0, 4 * sizeof *pad);
    if (w->padding == FL_UFF_EXPLICIT)
        memcpy(pad, w->pad, 4 * sizeof *pad);
    for (int i = 0; w->padding == FL_UFF_SAME && i < 2; i++)
        fl_same_padding(hw[i], kernel[i], w->stride[i], w->dilation[i], &pad[2 * i], &pad[2 * i + 1]);
}

static void fill_conv(fl_conv_params *p, const fl_uff_window *w)
{
    memcpy(p->stride, w->stride, sizeof p->stride);
    memcpy(p->dilation, w->dilation, sizeof p->dilation);
    p->groups = 1;
    p->format = w->format;
}

floe_status fl_uff_convolution(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, fl_tensor *filter,
                               const fl_uff_window *w, bool depthwise, fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_op_params p = {0};
    fl_tensor *in[2] = {x, filter};
    char text[FL_TENSOR_TEXT];
    int64_t hw[2];
    FL_TRY(check_window(w, x, err));
    if (filter->desc.rank != 4)
        FL_FAIL(err, FLOE_ERR_SHAPE, "needs a filter of rank 4, found %s", fl_tensor_text(&filter->desc, text, sizeof text));
    spatial(w, x, hw);
    fill_conv(&p.conv, w);
    resolve_pad(w, hw, filter->desc.dim, p.conv.pad);
    /* TensorFlow has no attribute for groups: the filter's depth tells. */
    const int64_t channels = x->desc.dim[w->format == FL_NHWC ? 3 : 1], depth = filter->desc.dim[2];
    if (!depthwise && depth > 0 && channels > 0 && channels % depth == 0 && channels / depth <= INT32_MAX)
        p.conv.groups = (int32_t)(channels / depth);
    FL_TRY(fl_uff_layer(m, node, depthwise ? FL_OP_DEPTHWISE_CONV2D : FL_OP_CONV2D, &p, in, 2, out, err));
done:
    return st;
}

floe_status fl_uff_transposed(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, fl_tensor *filter,
                              const fl_uff_window *w, const int64_t target[2], fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_op_params p = {0};
    fl_tensor *in[2] = {x, filter};
    char text[FL_TENSOR_TEXT];
    FL_TRY(check_window(w, x, err));
    if (filter->desc.rank != 4)
        FL_FAIL(err, FLOE_ERR_SHAPE, "needs a filter of rank 4, found %s", fl_tensor_text(&filter->desc, text, sizeof text));
    if (target[0] < 0 || target[1] < 0)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "the height or width of the result depends on the batch");
    fill_conv(&p.conv, w);
    resolve_pad(w, target, filter->desc.dim, p.conv.pad); /* of the forward convolution, from the result's size */
    p.conv.output[0] = target[0];
    p.conv.output[1] = target[1];
    FL_TRY(fl_uff_layer(m, node, FL_OP_CONV2D_TRANSPOSE, &p, in, 2, out, err));
done:
    return st;
}

floe_status fl_uff_pooling(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, fl_pool_func func,
                           const int32_t kernel[2], const fl_uff_window *w, fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_op_params p = {.pool = {.func = func, .format = w->format}};
    const int64_t k[2] = {kernel[0], kernel[1]};
    int64_t hw[2];
    FL_TRY(check_window(w, x, err));
    if (k[0] < 1 || k[1] < 1)
        FL_FAIL(err, FLOE_ERR_FORMAT, "a pooling window of %lldx%lld", (long long)k[0], (long long)k[1]);
    spatial(w, x, hw);
    memcpy(p.pool.kernel, kernel, sizeof p.pool.kernel);
    memcpy(p.pool.stride, w->stride, sizeof p.pool.stride);
    resolve_pad(w, hw, k, p.pool.pad);
    FL_TRY(fl_uff_layer(m, node, FL_OP_POOL2D, &p, &x, 1, out, err));
done:
    return st;
}

/* ---- element-wise and reductions, whose small integer forms are shape arithmetic */

floe_status fl_uff_binary(fl_uff_importer *m, const fl_uff_node *node, int func, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *in[2];
    const fl_op_params p = {.binary = {.func = func}};
    FL_TRY(fl_uff_tensor_of(m, node, 0, &in[0], err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &in[1], err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_BINARY, &p, in, 2, &out->tensor[0], err));
    fl_uff_symbolic_binary(m, out, func, fl_uff_value_of(m, node, 0), fl_uff_value_of(m, node, 1),
                           fl_dtype_is_float(in[0]->desc.dtype));
done:
    return st;
}

floe_status fl_uff_unary(fl_uff_importer *m, const fl_uff_node *node, int func, float alpha, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    const fl_op_params p = {.unary = {.func = func, .alpha = alpha}};
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_UNARY, &p, &x, 1, &out->tensor[0], err));
    fl_uff_symbolic_unary(m, out, func, fl_uff_value_of(m, node, 0));
done:
    return st;
}

floe_status fl_uff_reduction(fl_uff_importer *m, const fl_uff_node *node, int func, const int64_t *axes, size_t n_axes,
                             bool keep_dims, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    fl_op_params p = {.reduce = {.func = func, .keep_dims = keep_dims}};
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    for (size_t i = 0; i < n_axes; i++) {
        int axis = 0;
        FL_TRY(fl_uff_axis(node, axes[i], x->desc.rank, &axis, err));
        if (p.reduce.axes & (1 << axis))
            FL_FAIL(err, FLOE_ERR_SHAPE, "axis %d is reduced twice", axis);
        p.reduce.axes |= 1 << axis;
    }
    FL_TRY(fl_uff_layer(m, node, FL_OP_REDUCE, &p, &x, 1, &out->tensor[0], err));
    if (n_axes == 1 && !keep_dims && !fl_dtype_is_float(x->desc.dtype))
        fl_uff_symbolic_reduce(m, out, func, fl_uff_value_of(m, node, 0));
done:
    return st;
}

floe_status fl_uff_pass(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_IDENTITY, NULL, &x, 1, &out->tensor[0], err));
    fl_uff_symbolic_copy(m, out, fl_uff_value_of(m, node, 0), x->desc.rank, x->desc.dim);
done:
    return st;
}
