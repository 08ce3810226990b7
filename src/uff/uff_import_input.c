/* uff_import_input.c - Input and Const nodes: where the caller's shapes meet the graph's.
 *
 * TensorRT's users give shapes without the batch, as C,H,W even where the graph is NHWC; TensorFlow's placeholders have
 * the batch in front, often unknown, sometimes fixed at 1. The rules: a registered shape fits when it equals the graph's
 * where that is known, either in the graph's order or, for rank 3, as C,H,W for H,W,C; the batch is dynamic when the graph
 * leaves it open or when more than one item is asked of a graph that fixes it at 1.
 */
#include "uff/uff_importer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

fl_dtype fl_uff_to_dtype(int64_t uff_dtype)
{
    switch (uff_dtype) {
    case FL_UFF_INT8:
        return FL_I8;
    case FL_UFF_INT16:
        return FL_I16;
    case FL_UFF_INT32:
        return FL_I32;
    case FL_UFF_INT64:
        return FL_I64;
    case FL_UFF_FLOAT16:
        return FL_F16;
    case FL_UFF_FLOAT32:
        return FL_F32;
    default:
        return FL_DTYPE_NONE;
    }
}

/* TensorFlow's DataType numbers; reference types are 100 above. */
fl_dtype fl_uff_tf_to_dtype(int tf_dtype)
{
    static const fl_dtype map[] = {[1] = FL_F32, [2] = FL_F64, [3] = FL_I32,   [4] = FL_U8,   [5] = FL_I16,
                                   [6] = FL_I8,  [9] = FL_I64, [10] = FL_BOOL, [14] = FL_BF16, [17] = FL_U16,
                                   [19] = FL_F16, [22] = FL_U32, [23] = FL_U64};
    if (tf_dtype > 100)
        tf_dtype -= 100;
    return tf_dtype > 0 && (size_t)tf_dtype < sizeof map / sizeof *map ? map[tf_dtype] : FL_DTYPE_NONE;
}

static fl_dtype node_dtype(const fl_uff_importer *m, const fl_uff_node *node)
{
    const fl_dtype known = fl_uff_tf_to_dtype(node->tf_dtype);
    if (known != FL_DTYPE_NONE)
        return known;
    const fl_uff_data *d = fl_uff_field_of(m->graph, node, "dtype");
    return d && d->kind == FL_UFF_DTYPE ? fl_uff_to_dtype(d->u.i) : FL_F32;
}

const fl_uff_input *fl_uff_registered(const fl_uff_importer *m, const char *name)
{
    for (size_t i = 0; i < m->options->n_inputs; i++)
        if (!strcmp(m->options->inputs[i].name, name))
            return &m->options->inputs[i];
    return NULL;
}

/* ---- training flags that were left in: they get their inference value */

static const struct flag {
    const char *name;
    float       value;
} flags[] = {{"keras_learning_phase", 0}, {"is_training", 0}, {"istraining", 0},   {"training", 0},     {"train_flag", 0},
             {"phase_train", 0},          {"phase", 0},       {"is_train", 0},     {"keep_prob", 1},
             {"dropout_keep_prob", 1},    {"keep_probability", 1}, {"dropout_rate", 0}, {"drop_rate", 0}};

static const struct flag *training_flag(const char *id)
{
    const char *last = strrchr(id, '/');
    last = last ? last + 1 : id;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (!strcasecmp(last, flags[i].name))
            return &flags[i];
    return NULL;
}

static floe_status flag_constant(fl_uff_importer *m, const fl_uff_node *node, const struct flag *flag, fl_dtype dtype,
                                 fl_uff_value *out, floe_error *err)
{
    const fl_tensor_desc desc = fl_tensor_make(dtype, 0, NULL);
    const int32_t whole = (int32_t)flag->value;
    const uint8_t yes = flag->value != 0;
    const void *data = dtype == FL_F32 ? (const void *)&flag->value : dtype == FL_BOOL ? (const void *)&yes : &whole;
    fl_log(m->graph->env, FLOE_SEVERITY_INFO, "Input '%s' is a training flag: fixed at %g", node->id, (double)flag->value);
    return fl_net_add_constant(m->net, &out->tensor[0], node->id, &desc, data, true, err);
}

/* ---- shapes */

/* Whether the registered dims fit the graph's (-1: open) in this order. */
static bool fits(const int64_t *given, const int64_t *graph, const int *order, int rank)
{
    for (int i = 0; i < rank; i++)
        if (graph[i] >= 0 && graph[i] != given[order[i]])
            return false;
    return true;
}

static floe_status refuse(const fl_uff_input *given, const int64_t *graph, int rank, floe_error *err)
{
    char a[FL_TENSOR_TEXT] = "", b[FL_TENSOR_TEXT] = "";
    fl_dims_text(given->dim, given->rank, a, sizeof a);
    size_t at = 0;
    for (int i = given->batched ? 1 : 0; i < rank && at < sizeof b - 24; i++)
        at += (size_t)(graph[i] < 0 ? snprintf(b + at, sizeof b - at, "%s?", at ? "," : "")
                                    : snprintf(b + at, sizeof b - at, "%s%lld", at ? "," : "", (long long)graph[i]));
    return fl_fail(err, FLOE_ERR_SHAPE, "input shape %s does not fit the graph's [%s]%s%s", a, b,
                   given->batched ? " (without its batch)" : "",
                   given->batched && rank == 4 ? "; give it in the graph's order, or as C,H,W" : "");
}

/* The network input's dims from the registration and the graph's shape (rank -1: unknown). `permuted`: the caller's
 * buffer is C,H,W where the graph is H,W,C. */
static floe_status join_shapes(const fl_uff_importer *m, const fl_uff_input *given, const int64_t *graph, int rank,
                               fl_tensor_desc *desc, bool *permuted, floe_error *err)
{
    static const int same[] = {0, 1, 2, 3, 4, 5, 6, 7}, from_chw[] = {1, 2, 0};
    const int skip = given->batched ? 1 : 0;
    *permuted = false;
    if (given->rank + skip > FL_MAX_RANK)
        return fl_fail(err, FLOE_ERR_LIMIT, "an input of rank %d; at most %d is possible", given->rank + skip, FL_MAX_RANK);
    for (int i = 0; i < given->rank; i++)
        if (given->dim[i] < 0)
            return refuse(given, graph, rank, err);
    /* Files written without NVIDIA's TensorFlow converter may leave the batch out of the graph's shape too. */
    const int graph_skip = m->graph->n_descriptor == 0 && rank == given->rank ? 0 : skip;
    if (rank >= 0 && given->rank + graph_skip != rank)
        return refuse(given, graph, rank, err);
    const int *order = same;
    if (rank >= 0 && !fits(given->dim, graph + graph_skip, same, given->rank)) {
        if (given->rank != 3 || skip != 1 || given->order == FL_UFF_ORDER_NHWC ||
            !fits(given->dim, graph + graph_skip, from_chw, 3))
            return refuse(given, graph, rank, err);
        order = from_chw;
        *permuted = given->order == FL_UFF_ORDER_NCHW;
    }
    desc->rank = given->rank + skip;
    if (skip)
        desc->dim[0] = -1;
    for (int i = 0; i < given->rank; i++)
        desc->dim[skip + i] = given->dim[order[i]];
    return FLOE_OK;
}

static floe_status graph_shape(const fl_uff_importer *m, const fl_uff_node *node, const int64_t *graph, int rank,
                               fl_tensor_desc *desc, floe_error *err)
{
    if (rank < 0)
        return fl_fail(err, FLOE_ERR_SHAPE, "the graph does not say this input's shape; give its dimensions");
    desc->rank = rank;
    for (int i = 0; i < rank; i++) {
        desc->dim[i] = graph[i];
        if (graph[i] < 0 && i > 0)
            return fl_fail(err, FLOE_ERR_SHAPE, "the graph leaves dimension %d of this input open; give its dimensions", i);
    }
    if (rank > 1 && graph[0] == 1 && m->options->max_batch > 1)
        desc->dim[0] = -1;
    (void)node;
    return FLOE_OK;
}

/* A fixed batch of 1 in the graph stays fixed unless more is asked for. */
static void settle_batch(const fl_uff_importer *m, const int64_t *graph, int rank, fl_tensor_desc *desc)
{
    if (rank > 0 && graph[0] >= 1 && desc->rank > 0 && desc->dim[0] == -1 && m->options->max_batch <= graph[0])
        desc->dim[0] = graph[0];
}

floe_status fl_uff_input_node(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_input *given = fl_uff_registered(m, node->id);
    const fl_dtype dtype = node_dtype(m, node);
    fl_tensor_desc desc = fl_tensor_make(dtype, 0, NULL);
    size_t n = 0;
    const int64_t *graph = fl_uff_int_list(m, node, "shape", &n);
    bool permuted = false;
    fl_tensor *input = NULL;
    /* An empty shape: the rank is unknown, or TensorRT 3's converter wrote the file. */
    const int rank = n == 0 ? -1 : (int)n;
    if (dtype == FL_DTYPE_NONE)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "an input of %s: floe calculates with numbers and bools",
                node->tf_dtype == FL_UFF_TF_STRING ? "strings" : "another type");
    if (n > FL_MAX_RANK)
        FL_FAIL(err, FLOE_ERR_LIMIT, "an input of rank %zu; at most %d is possible", n, FL_MAX_RANK);
    if (!given && n == 0 && training_flag(node->id)) {
        FL_TRY(flag_constant(m, node, training_flag(node->id), dtype, out, err));
        fl_uff_symbolic_constant(m, out, out->tensor[0]);
        goto done;
    }
    if (given) {
        FL_TRY(join_shapes(m, given, graph, rank, &desc, &permuted, err));
        if (given->batched)
            settle_batch(m, graph, rank == desc.rank ? rank : 0, &desc);
    } else {
        FL_TRY(graph_shape(m, node, graph, rank, &desc, err));
    }
    if (!permuted) {
        FL_TRY(fl_net_add_input(m->net, &out->tensor[0], node->id, &desc, err));
        goto done;
    }
    /* The binding is N,C,H,W; the graph reads N,H,W,C. */
    fl_tensor_desc outside = desc;
    const fl_op_params to_nhwc = {.transpose = {.perm = {0, 2, 3, 1}}};
    outside.dim[1] = desc.dim[3];
    outside.dim[2] = desc.dim[1];
    outside.dim[3] = desc.dim[2];
    FL_TRY(fl_net_add_input(m->net, &input, node->id, &outside, err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_TRANSPOSE, &to_nhwc, &input, 1, &out->tensor[0], err));
done:
    return st;
}

/* ---- constants */

floe_status fl_uff_const_node(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_data *values = fl_uff_field_of(m->graph, node, "values");
    size_t rank = 0;
    const int64_t *dim = fl_uff_int_list(m, node, "shape", &rank);
    fl_dtype dtype = node_dtype(m, node);
    int64_t elements;
    if (rank > FL_MAX_RANK)
        FL_FAIL(err, FLOE_ERR_LIMIT, "a constant of rank %zu; at most %d is possible", rank, FL_MAX_RANK);
    for (size_t i = 0; i < rank; i++)
        if (dim[i] < 0)
            FL_FAIL(err, FLOE_ERR_FORMAT, "a constant with dimension %lld", (long long)dim[i]);
    const size_t bytes = values && values->kind == FL_UFF_BLOB ? values->count : 0;
    fl_tensor_desc desc = fl_tensor_make(FL_U8, (int)rank, dim);
    FL_TRY(fl_tensor_elements(&desc, &elements, err));
    /* UFF has one number for every type that has none of its own: the size of an element tells bool from double. */
    if (dtype == FL_DTYPE_NONE && elements)
        dtype = bytes == (size_t)elements ? FL_BOOL : bytes / 8 == (size_t)elements ? FL_F64 : FL_DTYPE_NONE;
    if (dtype == FL_DTYPE_NONE && elements)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "a constant of %lld elements in %zu bytes: this type is not supported",
                (long long)elements, bytes);
    desc.dtype = dtype == FL_DTYPE_NONE ? FL_U8 : dtype;
    if (fl_tensor_bytes_at(&desc, 1) != bytes) {
        char text[FL_TENSOR_TEXT];
        FL_FAIL(err, FLOE_ERR_FORMAT, "a constant %s needs %zu bytes, found %zu", fl_tensor_text(&desc, text, sizeof text),
                fl_tensor_bytes_at(&desc, 1), bytes);
    }
    const uint8_t *data = bytes ? values->u.blob : NULL;
    const bool aligned = (uintptr_t)data % fl_dtype_bytes(desc.dtype) == 0;
    FL_TRY(fl_net_add_constant(m->net, &out->tensor[0], node->id, &desc, data, !aligned, err));
    fl_uff_symbolic_constant(m, out, out->tensor[0]);
done:
    return st;
}
