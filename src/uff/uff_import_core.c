/* uff_import_core.c - the rules of UFF's core operations.
 *
 * Layouts: an operation with `inputs_orders` says how its data lies ("N+C" is NHWC, "NC+" NCHW) and how its weights lie; the
 * kernel is brought to HWIO by a transpose that constant folding removes when, as TensorFlow's converter writes it, it
 * lies so already. Everywhere else tensors stay in the framework's order, batch at axis 0.
 */
#include "uff/uff_importer.h"

#include <limits.h>
#include <string.h>

#define ANY INT_MAX

/* ---- orders */

/* Places of the canonical axes (N or K, C, first spatial, second spatial) in the data of order entry `entry`; false when
 * there is no such entry or it makes no sense for this rank. */
static bool order_places(const fl_uff_importer *m, const fl_uff_node *node, size_t entry, int rank, int place[4])
{
    const fl_uff_data *d = fl_uff_field_of(m->graph, node, "inputs_orders");
    if (!d || d->kind != FL_UFF_ORDERS_LIST || entry >= d->count || rank > 4)
        return false;
    const fl_uff_orders *o = &d->u.orders[entry];
    int at = 0, seen = 0;
    for (int i = 0; i < 4; i++)
        place[i] = -1;
    for (size_t i = 0; i < o->count; i++) {
        int64_t v = o->order[i];
        const bool up = i + 1 < o->count && o->order[i + 1] == FL_UFF_INCREMENT;
        const bool down = v == FL_UFF_DECREMENT && i + 1 < o->count;
        if (down)
            v = o->order[i + 1];
        if (v < 0 || v > 3)
            return false;
        const int last = up || down ? rank - 1 : (int)v;
        for (int k = 0; k <= last - (int)v; k++) {
            const int axis = down ? last - k : (int)v + k;
            if (axis > 3 || at >= rank || place[axis] >= 0)
                return false;
            place[axis] = at++;
            seen++;
        }
        i += up || down;
    }
    return seen == rank;
}

/* The format of the data input; NHWC, TensorFlow's default, where the orders are silent. */
static fl_format data_format(const fl_uff_importer *m, const fl_uff_node *node, int rank)
{
    int place[4];
    return order_places(m, node, 0, rank, place) && rank > 2 && place[1] == 1 ? FL_NCHW : FL_NHWC;
}

/* The axis of the channels. */
static int channel_axis(const fl_uff_importer *m, const fl_uff_node *node, int rank)
{
    int place[4];
    if (order_places(m, node, 0, rank, place) && place[1] >= 0)
        return place[1];
    return rank - 1;
}

/* The kernel with its axes in the order H, W, `third`, `fourth` (canonical axis numbers: K 0, C 1). */
static floe_status kernel_as(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *kernel, int third, int fourth,
                             fl_tensor **out, floe_error *err)
{
    int place[4];
    *out = kernel;
    if (kernel->desc.rank != 4 || !order_places(m, node, 1, 4, place))
        return FLOE_OK;
    const fl_op_params p = {.transpose = {.perm = {place[2], place[3], place[third], place[fourth]}}};
    for (int i = 0; i < 4; i++)
        if (p.transpose.perm[i] != i)
            return fl_uff_layer(m, node, FL_OP_TRANSPOSE, &p, &kernel, 1, out, err);
    return FLOE_OK;
}

/* ---- windows */

static floe_status read_window(const fl_uff_importer *m, const fl_uff_node *node, int rank, fl_uff_window *w, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *implicit = fl_uff_string(m->graph, node, "implicit_padding");
    int32_t pad[2];
    memset(w, 0, sizeof *w);
    w->format = data_format(m, node, rank);
    FL_TRY(fl_uff_int_pair((fl_uff_importer *)m, node, "strides", 1, w->stride, err));
    FL_TRY(fl_uff_int_pair((fl_uff_importer *)m, node, "dilation", 1, w->dilation, err));
    FL_TRY(fl_uff_int_pair((fl_uff_importer *)m, node, "padding", 0, pad, err));
    w->padding = FL_UFF_EXPLICIT;
    if (implicit && strcmp(implicit, "same"))
        FL_FAIL(err, FLOE_ERR_FORMAT, "implicit_padding '%s'; UFF knows only 'same'", implicit);
    if (implicit)
        w->padding = FL_UFF_SAME;
    for (int i = 0; i < 2; i++)
        w->pad[2 * i] = w->pad[2 * i + 1] = pad[i];
done:
    return st;
}

static floe_status rule_conv(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x, *kernel;
    fl_uff_window w;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &kernel, err));
    FL_TRY(read_window(m, node, x->desc.rank, &w, err));
    FL_TRY(kernel_as(m, node, kernel, 1, 0, &kernel, err));
    /* A depthwise kernel keeps TensorFlow's shape [h,w,c,multiplier] and names as many groups as it has channels. */
    const int64_t groups = fl_uff_int(m->graph, node, "number_groups", 0);
    const bool depthwise = groups > 0 && kernel->desc.rank == 4 && kernel->desc.dim[2] == groups && x->desc.rank == 4 &&
                           x->desc.dim[w.format == FL_NHWC ? 3 : 1] == groups;
    FL_TRY(fl_uff_convolution(m, node, x, kernel, &w, depthwise, &out->tensor[0], err));
done:
    return st;
}

static floe_status rule_conv_transpose(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x, *kernel;
    fl_uff_window w;
    const fl_uff_value *shape;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &kernel, err));
    FL_TRY(fl_uff_elements_of(m, node, 2, "the output shape", &shape, err));
    FL_TRY(read_window(m, node, x->desc.rank, &w, err));
    FL_TRY(kernel_as(m, node, kernel, 0, 1, &kernel, err));
    if (shape->count != 4)
        FL_FAIL(err, FLOE_ERR_FORMAT, "the output shape has %lld entries instead of 4", (long long)shape->count);
    const int h = w.format == FL_NHWC ? 1 : 2;
    if (shape->element[h].n || shape->element[h + 1].n)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "the height or width of the result depends on the batch");
    const int64_t target[2] = {(int64_t)shape->element[h].c, (int64_t)shape->element[h + 1].c};
    FL_TRY(fl_uff_transposed(m, node, x, kernel, &w, target, &out->tensor[0], err));
done:
    return st;
}

static floe_status rule_pool(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *func = fl_uff_string(m->graph, node, "func");
    fl_tensor *x;
    fl_uff_window w;
    int32_t kernel[2];
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(read_window(m, node, x->desc.rank, &w, err));
    FL_TRY(fl_uff_int_pair(m, node, "kernel", 1, kernel, err));
    if (!func || (strcmp(func, "max") && strcmp(func, "avg")))
        FL_FAIL(err, FLOE_ERR_FORMAT, "pooling function '%s'; max and avg are known", func ? func : "");
    FL_TRY(fl_uff_pooling(m, node, x, *func == 'm' ? FL_POOL_MAX : FL_POOL_AVG, kernel, &w, &out->tensor[0], err));
done:
    return st;
}

static floe_status rule_fully_connected(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *in[2];
    fl_op_params p = {0};
    int place[4];
    FL_TRY(fl_uff_tensor_of(m, node, 0, &in[0], err));
    FL_TRY(fl_uff_tensor_of(m, node, 1, &in[1], err));
    /* Canonical NC: the contracted axis C is 1; CN stores it first. Canonical KC: CK stores the contracted axis first. */
    p.matmul.transpose_a = order_places(m, node, 0, 2, place) && place[1] == 0;
    p.matmul.transpose_b = order_places(m, node, 1, 2, place) && place[1] == 1;
    FL_TRY(fl_uff_layer(m, node, FL_OP_MATMUL, &p, in, 2, &out->tensor[0], err));
done:
    return st;
}

static floe_status rule_batch_norm(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *in[5];
    fl_op_params p = {.batch_norm = {.factor = 1}};
    for (size_t i = 0; i < 5; i++)
        FL_TRY(fl_uff_tensor_of(m, node, i, &in[i], err));
    p.batch_norm.epsilon = (float)fl_uff_double(m->graph, node, "epsilon", 1e-4);
    p.batch_norm.axis = channel_axis(m, node, in[0]->desc.rank);
    FL_TRY(fl_uff_layer(m, node, FL_OP_BATCH_NORM, &p, in, 5, &out->tensor[0], err));
done:
    return st;
}

/* Every file seen has axis 0, which cannot mean the batch: it stands for the channels of the order. */
static floe_status rule_softmax(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    int axis = 0;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    const int64_t said = fl_uff_int(m->graph, node, "axis", 0);
    FL_TRY(fl_uff_axis(node, said ? said : channel_axis(m, node, x->desc.rank), x->desc.rank, &axis, err));
    const fl_op_params p = {.axis = {.axis = axis}};
    FL_TRY(fl_uff_layer(m, node, FL_OP_SOFTMAX, &p, &x, 1, &out->tensor[0], err));
done:
    return st;
}

/* ---- element-wise */

static floe_status named_func(const fl_uff_importer *m, const fl_uff_node *node, int (*from_name)(const char *), int *out,
                              floe_error *err)
{
    const char *func = fl_uff_string(m->graph, node, "func");
    *out = func ? from_name(func) : -1;
    if (*out < 0)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "%s function '%s' is not known", node->operation, func ? func : "");
    return FLOE_OK;
}

static floe_status rule_binary(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    int func;
    const floe_status st = named_func(m, node, fl_binary_from_name, &func, err);
    return st == FLOE_OK ? fl_uff_binary(m, node, func, out, err) : st;
}

static floe_status rule_unary(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    int func;
    const floe_status st = named_func(m, node, fl_unary_from_name, &func, err);
    return st == FLOE_OK ? fl_uff_unary(m, node, func, 0, out, err) : st;
}

static floe_status rule_leaky_relu(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return fl_uff_unary(m, node, FL_UNARY_LEAKY_RELU, (float)fl_uff_double(m->graph, node, "alpha", 0.2), out, err);
}

static floe_status rule_reduce(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    int func;
    size_t n;
    const int64_t *axes = fl_uff_int_list(m, node, "axes", &n);
    const floe_status st = named_func(m, node, fl_reduce_from_name, &func, err);
    if (st != FLOE_OK)
        return st;
    return fl_uff_reduction(m, node, func, axes, n, fl_uff_bool(m->graph, node, "keepdims", false), out, err);
}

/* ---- shape */

/* The -1 of a target whose other dimensions have `known` elements. Where one of those is 0, TensorFlow leaves the zeros of
 * both sides out of the count: [1,2,0] as [2,0,-1] is [2,0,1]. */
static bool fill_wildcard(const fl_tensor_desc *x, int64_t elements, int64_t known, int64_t *dim, int count, int wildcard)
{
    if (known == 0 && elements != 0)
        return false;
    if (known == 0) {
        elements = known = 1;
        for (int i = 0; i < x->rank; i++)
            if (x->dim[i] && !fl_dim_mul(elements, x->dim[i], &elements))
                return false;
        for (int i = 0; i < count; i++)
            if (i != wildcard && dim[i] && !fl_dim_mul(known, dim[i], &known))
                return false;
    }
    return fl_dim_div(elements, known, &dim[wildcard]);
}

/* Symbolic target elements to dims: one -1 is filled from what is left. A leading 1 in front of a dynamic batch stands for
 * it: graphs frozen for one item write it. */
static floe_status reshape_target(const fl_uff_value *target, const fl_tensor_desc *x, int64_t *dim, floe_error *err)
{
    int wildcard = -1;
    int64_t known = 1, elements;
    floe_status st = FLOE_OK;
    char text[FL_TENSOR_TEXT];
    FL_TRY(fl_tensor_elements(x, &elements, err));
    for (int64_t i = 0; i < target->count; i++) {
        const fl_linear v = target->element[i];
        if (v.n == 0 && v.c == -1) {
            if (wildcard >= 0)
                FL_FAIL(err, FLOE_ERR_FORMAT, "the target shape has -1 more than once");
            wildcard = (int)i;
            continue;
        }
        if (!fl_linear_to_dim(v, &dim[i]) || (v.n == 0 && v.c < 0))
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "target dimension %lld is %lld times the batch plus %lld", (long long)i,
                    (long long)v.n, (long long)v.c);
        if (!fl_dim_mul(known, dim[i], &known))
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "the target shape is quadratic in the batch");
    }
    if (wildcard < 0 && elements < 0 && known == -elements && target->count && dim[0] == 1)
        dim[0] = -1;
    else if (wildcard > 0 && elements < 0 && known > 0 && dim[0] == 1 && fl_dim_div(elements, -known, &dim[wildcard]))
        dim[0] = -1;
    else if (wildcard >= 0 && !fill_wildcard(x, elements, known, dim, (int)target->count, wildcard))
        FL_FAIL(err, FLOE_ERR_SHAPE, "%s cannot be cut into pieces of %lld elements", fl_tensor_text(x, text, sizeof text),
                (long long)known);
done:
    return st;
}

static floe_status rule_reshape(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    const fl_uff_value *target;
    int64_t dim[FL_MAX_RANK];
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_elements_of(m, node, 1, "the target shape", &target, err));
    if (target->count > FL_MAX_RANK)
        FL_FAIL(err, FLOE_ERR_LIMIT, "a target of rank %lld; at most %d is possible", (long long)target->count, FL_MAX_RANK);
    FL_TRY(reshape_target(target, &x->desc, dim, err));
    FL_TRY(fl_uff_reshape(m, node, x, (int)target->count, dim, &out->tensor[0], err));
    fl_uff_symbolic_copy(m, out, fl_uff_value_of(m, node, 0), (int)target->count, dim);
done:
    return st;
}

static floe_status rule_flatten(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    int64_t dim[2] = {x->desc.rank ? x->desc.dim[0] : 1, 1};
    for (int i = 1; i < x->desc.rank; i++)
        if (!fl_dim_mul(dim[1], x->desc.dim[i], &dim[1]))
            FL_FAIL(err, FLOE_ERR_SHAPE, "the flattened size is too large");
    FL_TRY(fl_uff_reshape(m, node, x, 2, dim, &out->tensor[0], err));
done:
    return st;
}

static floe_status rule_transpose(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    fl_op_params p = {0};
    size_t n;
    const int64_t *perm = fl_uff_int_list(m, node, "permutation", &n);
    int64_t own[FL_MAX_RANK];
    int count;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    if (node->n_input == 2) { /* TensorFlow's own form */
        FL_TRY(fl_uff_integers_of(m, node, 1, "the permutation", own, FL_MAX_RANK, &count, err));
        perm = own;
        n = (size_t)count;
    }
    if (n != (size_t)x->desc.rank)
        FL_FAIL(err, FLOE_ERR_SHAPE, "a permutation of %zu axes for a tensor of rank %d", n, x->desc.rank);
    for (size_t i = 0; i < n; i++) {
        int axis = 0;
        FL_TRY(fl_uff_axis(node, perm[i], x->desc.rank, &axis, err));
        p.transpose.perm[i] = axis;
    }
    FL_TRY(fl_uff_layer(m, node, FL_OP_TRANSPOSE, &p, &x, 1, &out->tensor[0], err));
done:
    return st;
}

/* Fetches all inputs; the array lives in the network's arena. */
static floe_status all_tensors(fl_uff_importer *m, const fl_uff_node *node, size_t n, fl_tensor ***out, fl_uff_value ***values,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor **in = fl_arena_calloc(&m->net->arena, n, sizeof *in);
    fl_uff_value **v = fl_arena_calloc(&m->net->arena, n, sizeof *v);
    FL_NEED(in && v, n * sizeof *in, "inputs", err);
    for (size_t i = 0; i < n; i++) {
        FL_TRY(fl_uff_tensor_of(m, node, i, &in[i], err));
        v[i] = fl_uff_value_of(m, node, i);
    }
    *out = in;
    *values = v;
done:
    return st;
}

/* Of the first n inputs. */
static floe_status concat(fl_uff_importer *m, const fl_uff_node *node, size_t n, int64_t said, fl_uff_value *out,
                          floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor **in;
    fl_uff_value **values;
    int axis = 0;
    FL_TRY(all_tensors(m, node, n, &in, &values, err));
    FL_TRY(fl_uff_axis(node, said, in[0]->desc.rank, &axis, err));
    const fl_op_params p = {.axis = {.axis = axis}};
    FL_TRY(fl_uff_layer(m, node, FL_OP_CONCAT, &p, in, (int)n, &out->tensor[0], err));
    fl_uff_symbolic_join(m, out, values, n, false);
done:
    return st;
}

static floe_status rule_concat(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return concat(m, node, node->n_input, fl_uff_int(m->graph, node, "axis", 0), out, err);
}

/* TensorFlow's own form: the axis is the last input. */
static floe_status rule_concat_v2(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t said;
    int one;
    const size_t n = node->n_input - 1;
    FL_TRY(fl_uff_integers_of(m, node, n, "the axis", &said, 1, &one, err));
    FL_TRY(concat(m, node, n, said, out, err));
done:
    return st;
}

/* A new axis in each part, then one concat. */
static floe_status rule_stack(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor **in;
    fl_uff_value **values;
    int axis = 0;
    FL_TRY(all_tensors(m, node, node->n_input, &in, &values, err));
    const int rank = in[0]->desc.rank;
    FL_TRY(fl_uff_axis(node, fl_uff_int(m->graph, node, "axis", 0), rank + 1, &axis, err));
    for (size_t i = 0; i < node->n_input; i++) {
        int64_t dim[FL_MAX_RANK + 1];
        if (!fl_tensor_same_shape(&in[i]->desc, &in[0]->desc) && in[i]->desc.rank != rank)
            FL_FAIL(err, FLOE_ERR_SHAPE, "stacks tensors of ranks %d and %d", rank, in[i]->desc.rank);
        for (int k = 0; k <= rank; k++)
            dim[k] = k == axis ? 1 : in[i]->desc.dim[k - (k > axis)];
        FL_TRY(fl_uff_reshape(m, node, in[i], rank + 1, dim, &in[i], err));
    }
    const fl_op_params p = {.axis = {.axis = axis}};
    FL_TRY(fl_uff_layer(m, node, FL_OP_CONCAT, &p, in, (int)node->n_input, &out->tensor[0], err));
    if (rank == 0)
        fl_uff_symbolic_join(m, out, values, node->n_input, true);
done:
    return st;
}

static floe_status rule_squeeze(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    size_t n;
    const int64_t *axes = fl_uff_int_list(m, node, "axes", &n);
    int64_t dim[FL_MAX_RANK];
    unsigned drop = 0;
    int rank = 0;
    if (!axes)
        axes = fl_uff_int_list(m, node, "squeeze_dims", &n);
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    for (size_t i = 0; i < n; i++) {
        int axis = 0;
        FL_TRY(fl_uff_axis(node, axes[i], x->desc.rank, &axis, err));
        if (x->desc.dim[axis] != 1)
            FL_FAIL(err, FLOE_ERR_SHAPE, "squeezes axis %d, whose size is not 1", axis);
        drop |= 1u << axis;
    }
    for (int i = 0; n == 0 && i < x->desc.rank; i++)
        if (x->desc.dim[i] == 1)
            drop |= 1u << i;
    for (int i = 0; i < x->desc.rank; i++)
        if (!(drop & (1u << i)))
            dim[rank++] = x->desc.dim[i];
    FL_TRY(fl_uff_reshape(m, node, x, rank, dim, &out->tensor[0], err));
    fl_uff_symbolic_copy(m, out, fl_uff_value_of(m, node, 0), rank, dim);
done:
    return st;
}

static floe_status rule_expand_dims(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    int64_t dim[FL_MAX_RANK + 1], said = fl_uff_int(m->graph, node, "axis", 0);
    int axis, count;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    if (node->n_input == 2)
        FL_TRY(fl_uff_integers_of(m, node, 1, "the axis", &said, 1, &count, err));
    FL_TRY(fl_uff_axis(node, said, x->desc.rank + 1, &axis, err));
    for (int k = 0; k <= x->desc.rank; k++)
        dim[k] = k == axis ? 1 : x->desc.dim[k - (k > axis)];
    FL_TRY(fl_uff_reshape(m, node, x, x->desc.rank + 1, dim, &out->tensor[0], err));
    fl_uff_symbolic_copy(m, out, fl_uff_value_of(m, node, 0), x->desc.rank + 1, dim);
done:
    return st;
}

static floe_status rule_shape(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    const fl_dtype dtype = fl_uff_tf_to_dtype(node->tf_dtype);
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    const fl_op_params p = {.dtype = {.dtype = dtype == FL_I64 ? FL_I64 : FL_I32}};
    FL_TRY(fl_uff_layer(m, node, FL_OP_SHAPE, &p, &x, 1, &out->tensor[0], err));
    fl_uff_symbolic_shape(m, out, &x->desc);
done:
    return st;
}

static floe_status rule_pad(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *x;
    fl_op_params p = {0};
    int64_t pads[2 * FL_MAX_RANK];
    int count;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_integers_of(m, node, 1, "paddings", pads, 2 * FL_MAX_RANK, &count, err));
    if (count != 2 * x->desc.rank)
        FL_FAIL(err, FLOE_ERR_SHAPE, "%d paddings for a tensor of rank %d", count, x->desc.rank);
    for (int i = 0; i < x->desc.rank; i++) {
        p.pad.before[i] = pads[2 * i];
        p.pad.after[i] = pads[2 * i + 1];
    }
    if (node->n_input == 3) { /* PadV2 */
        fl_tensor *value;
        FL_TRY(fl_uff_tensor_of(m, node, 2, &value, err));
        const fl_dtype t = value->desc.dtype;
        if (!value->data || value->desc.rank || (t != FL_F32 && t != FL_I32 && t != FL_I64))
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "the padding value must be a constant number of type f32, i32 or i64");
        p.pad.value = t == FL_F32   ? *(const float *)value->data
                      : t == FL_I32 ? (float)*(const int32_t *)value->data
                                    : (float)*(const int64_t *)value->data;
    }
    FL_TRY(fl_uff_layer(m, node, FL_OP_PAD, &p, &x, 1, &out->tensor[0], err));
done:
    return st;
}

/* Only reached when a network output is asked for by the name of a MarkOutput node. */
static floe_status rule_mark_output(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    return fl_uff_pass(m, node, out, err);
}

const fl_uff_rule fl_uff_core_rules[] = {
    {"Input", fl_uff_input_node, 0, 0},
    {"Const", fl_uff_const_node, 0, 0},
    {"Identity", fl_uff_pass, 1, ANY},
    {"MarkOutput", rule_mark_output, 1, ANY},
    {"Conv", rule_conv, 2, 2},
    {"ConvTranspose", rule_conv_transpose, 3, 3},
    {"Pool", rule_pool, 1, 1},
    {"FullyConnected", rule_fully_connected, 2, 2},
    {"BatchNorm", rule_batch_norm, 5, 5},
    {"Softmax", rule_softmax, 1, 1},
    {"Binary", rule_binary, 2, 2},
    {"Unary", rule_unary, 1, 1},
    {"Activation", rule_unary, 1, 1},
    {"LeakyRelu", rule_leaky_relu, 1, 1},
    {"Reduce", rule_reduce, 1, 1},
    {"Reshape", rule_reshape, 2, 2},
    {"_Reshape", rule_reshape, 2, 2},
    {"Flatten", rule_flatten, 1, 1},
    {"Transpose", rule_transpose, 1, 1},
    {"_Transpose", rule_transpose, 2, 2},
    {"Concat", rule_concat, 1, ANY},
    {"_ConcatV2", rule_concat_v2, 2, ANY},
    {"Stack", rule_stack, 1, ANY},
    {"_Pack", rule_stack, 1, ANY},
    {"Squeeze", rule_squeeze, 1, 1},
    {"_Squeeze", rule_squeeze, 1, 1},
    {"ExpandDims", rule_expand_dims, 1, 1},
    {"_ExpandDims", rule_expand_dims, 2, 2},
    {"Shape", rule_shape, 1, 1},
    {"_Shape", rule_shape, 1, 1},
    {"StridedSlice", fl_uff_strided_slice, 4, 4},
    {"_StridedSlice", fl_uff_strided_slice, 4, 4},
    {"Pad", rule_pad, 2, 2},
    {"_Pad", rule_pad, 2, 2},
    {"_PadV2", rule_pad, 3, 3},
    {NULL, NULL, 0, 0},
};
