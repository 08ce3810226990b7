/* tf_inputs.c - what feeds a training graph, set to what inference wants.
 *
 * Three kinds of nodes:
 *
 *     flags       placeholders by which a graph is told to train: is_training, keras_learning_phase, keep_prob. They
 *                 become the constant that means inference, and a line says so. They are known by the last component
 *                 of their name and by being one number; names that mean the opposite (is_eval) are not in the list.
 *     defaults    PlaceholderWithDefault: a constant number by default stays that number, anything else is an input.
 *     pipelines   IteratorGetNext and queues: the first node behind a data set. What they give are the model's inputs.
 */
#include "proto/wire.h"
#include "tf_freezer.h"

#include <string.h>

/* ---- flags */

typedef enum flag_types { FLAG_INTEGERS, FLAG_FLOATS } flag_types;

static const struct {
    const char *name;
    flag_types  types;
    int         value;
} flags[] = {
    {"keras_learning_phase", FLAG_INTEGERS, 0},
    {"learning_phase", FLAG_INTEGERS, 0},
    {"is_training", FLAG_INTEGERS, 0},
    {"training", FLAG_INTEGERS, 0},
    {"train_flag", FLAG_INTEGERS, 0},
    {"phase_train", FLAG_INTEGERS, 0},
    {"phase", FLAG_INTEGERS, 0},
    {"is_train", FLAG_INTEGERS, 0},
    {"keep_prob", FLAG_FLOATS, 1},
    {"dropout_keep_prob", FLAG_FLOATS, 1},
    {"keep_probability", FLAG_FLOATS, 1},
    {"dropout_rate", FLAG_FLOATS, 0},
    {"drop_rate", FLAG_FLOATS, 0},
    {"rate", FLAG_FLOATS, 0}, /* only where a dropout reads it */
};

static bool is_placeholder(const fl_tf_node *n)
{
    return strcmp(n->op, "Placeholder") == 0 || strcmp(n->op, "PlaceholderV2") == 0 ||
           strcmp(n->op, "PlaceholderWithDefault") == 0;
}

/* The last component of a name without "_1" and the like; its length in *n. */
static const char *last_component(const char *name, size_t *n)
{
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    size_t length = strlen(last), digits = length;

    while (digits > 0 && last[digits - 1] >= '0' && last[digits - 1] <= '9')
        digits--;
    if (digits < length && digits > 1 && last[digits - 1] == '_')
        length = digits - 1;
    *n = length;
    return last;
}

static bool fits_type(flag_types types, int dtype)
{
    static const int integers[] = {FL_TF_BOOL, FL_TF_INT32, FL_TF_INT64, FL_TF_UINT8, FL_TF_INVALID};
    static const int floats[] = {FL_TF_FLOAT, FL_TF_DOUBLE, FL_TF_INVALID};

    for (const int *t = types == FLAG_INTEGERS ? integers : floats; *t != FL_TF_INVALID; t++)
        if (*t == dtype)
            return true;
    return false;
}

/* One number, or of a shape that is not known. */
static bool may_be_scalar(fl_tf_freezer *f, const fl_tf_node *n)
{
    fl_tf_shape shape;

    if (fl_tf_attr_shape(f->graph, n, "shape", &shape, NULL) != FLOE_OK)
        return false;
    return shape.unknown_rank || shape.rank == 0 || (shape.rank == 1 && shape.dim[0] == 1);
}

static bool read_by_dropout(const fl_tf_freezer *f, const fl_tf_node *flag)
{
    for (size_t i = 0; i < f->graph->n_node; i++) {
        const fl_tf_node *n = &f->graph->node[i];
        for (size_t k = 0; !n->removed && k < n->n_input; k++)
            if (fl_tf_graph_input(f->graph, n->input[k], NULL) == flag && strstr(n->name, "dropout"))
                return true;
    }
    return false;
}

static bool is_requested(const fl_tf_freezer *f, const fl_tf_node *n)
{
    for (size_t i = 0; i < f->model.signature.n_input; i++)
        if (fl_tf_graph_input(f->graph, f->model.signature.input[i].tensor, NULL) == n)
            return true;
    return false;
}

/* Index in flags, or -1. */
static int find_flag(fl_tf_freezer *f, const fl_tf_node *n)
{
    size_t length;
    const char *last = last_component(n->name, &length);
    const int dtype = fl_tf_attr_type(n, "dtype", FL_TF_INVALID);

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strlen(flags[i].name) != length || memcmp(flags[i].name, last, length) != 0)
            continue;
        const bool fits = fits_type(flags[i].types, dtype) && may_be_scalar(f, n) && !is_requested(f, n);
        return fits && (strcmp(flags[i].name, "rate") != 0 || read_by_dropout(f, n)) ? (int)i : -1;
    }
    return -1;
}

static floe_status set_flag(fl_tf_freezer *f, fl_tf_node *n, int value, floe_error *err)
{
    const int dtype = fl_tf_attr_type(n, "dtype", FL_TF_INVALID);
    const float as_float = (float)value;
    const double as_double = value;
    const int64_t as_integer = value; /* little-endian: its first bytes are the smaller types' values */
    int64_t one = 1;
    fl_tf_tensor t = {.dtype = dtype, .count = 1, .bytes = fl_tf_dtype_bytes(dtype), .dim = &one};
    fl_tf_shape shape;

    const floe_status st = fl_tf_attr_shape(f->graph, n, "shape", &shape, err);
    if (st != FLOE_OK)
        return st;
    t.rank = shape.rank; /* 0, or [1] */
    t.data = dtype == FL_TF_FLOAT    ? (const void *)&as_float
             : dtype == FL_TF_DOUBLE ? (const void *)&as_double
                                     : (const void *)&as_integer;
    fl_log(f->env, FLOE_SEVERITY_INFO, "%s: '%s' is set to %d for inference", f->graph->path, n->name, value);
    return fl_tf_make_const(f->graph, n, &t, err);
}

floe_status fl_tf_default_flags(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < f->graph->n_node; i++) {
        fl_tf_node *n = &f->graph->node[i];
        const int flag = n->removed || !is_placeholder(n) ? -1 : find_flag(f, n);
        if (flag >= 0)
            FL_TRY(set_flag(f, n, flags[flag].value, err));
    }
done:
    return st;
}

/* ---- placeholders with a default, pipelines */

/* Element `index` of a list attribute's field (6: types, 7: shapes). */
static bool list_element(const fl_tf_node *n, const char *attr, uint32_t field, size_t index, fl_pb_field *out)
{
    fl_bytes value;

    if (!fl_tf_attr_find(n, attr, &value))
        return false;
    const fl_bytes list = fl_tf_field(value, FL_TF_ATTR_LIST);
    fl_reader r = fl_reader_make(list.data, list.size);
    while (fl_pb_next(&r, out)) {
        if (out->number != field)
            continue;
        if (field == 7 ? out->wire == FL_PB_BYTES : out->wire == FL_PB_VARINT) {
            if (index-- == 0)
                return true;
            continue;
        }
        if (field == 7 || out->wire != FL_PB_BYTES)
            continue;
        for (fl_reader packed = fl_reader_make(out->bytes, out->size); fl_reader_left(&packed) > 0;) {
            out->value = fl_read_varint(&packed);
            if (index-- == 0)
                return !packed.failed;
        }
    }
    return false;
}

/* shape: an encoded TensorShapeProto, or NULL for an unknown one. */
static floe_status make_placeholder(fl_tf_freezer *f, size_t node, int dtype, const fl_pb_field *shape,
                                    floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &f->graph->node[node];
    fl_buf b = fl_buf_make(f->env);

    if (shape)
        fl_pb_put_bytes(&b, FL_TF_ATTR_SHAPE, shape->bytes, shape->size);
    else
        fl_pb_put_bytes(&b, FL_TF_ATTR_SHAPE, "\x18\x01", 2); /* unknown_rank: true */
    FL_NEED(b.failed ? NULL : b.data, b.size, "a shape", err);
    n->op = "Placeholder";
    n->n_input = 0;
    n->n_attr = 0;
    FL_TRY(fl_tf_attr_set_type(f->graph, n, "dtype", dtype, err));
    FL_TRY(fl_tf_attr_set(f->graph, n, "shape", (fl_bytes){b.data, b.size}, err));
done:
    fl_buf_free(&b);
    return st;
}

static floe_status settle_default(fl_tf_freezer *f, size_t node, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_node *n = &f->graph->node[node];
    const int dtype = fl_tf_attr_type(n, "dtype", FL_TF_FLOAT);
    double number;
    fl_bytes attr;

    if (n->n_input < 1)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s': a default without a value", f->graph->path, n->name);
    if (!is_requested(f, n) && fl_tf_scalar_value(f, n->input[0], &number)) {
        FL_TRY(fl_tf_make_identity(f, node, n->input[0], dtype, err));
        goto done;
    }
    fl_pb_field shape = {0};
    if (fl_tf_attr_find(n, "shape", &attr)) {
        const fl_bytes encoded = fl_tf_field(attr, FL_TF_ATTR_SHAPE);
        shape.bytes = encoded.data;
        shape.size = encoded.size;
    }
    FL_TRY(make_placeholder(f, node, dtype, shape.bytes ? &shape : NULL, err));
done:
    return st;
}

/* Output `port` of a pipeline as a placeholder: the node itself for the first, new ones for the others. */
static floe_status settle_port(fl_tf_freezer *f, const fl_tf_node *pipeline, size_t node, int port, floe_error *err)
{
    floe_status st = FLOE_OK;
    const bool iterator = strncmp(pipeline->op, "Iterator", 8) == 0;
    fl_pb_field type, shape;
    fl_tf_node *n;

    if (!list_element(pipeline, iterator ? "output_types" : "component_types", 6, (size_t)port, &type))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s' (%s) does not say the type of output %d", f->graph->path,
                pipeline->name, pipeline->op, port);
    const bool has_shape = iterator && list_element(pipeline, "output_shapes", 7, (size_t)port, &shape);
    const char *name = pipeline->name;
    if (port > 0) {
        const char *wanted = fl_arena_printf(&f->arena, "%s_%d", pipeline->name, port);
        name = wanted ? fl_tf_free_name(f, wanted) : NULL;
        FL_NEED(name, 0, "a name", err);
        FL_TRY(fl_tf_graph_add(f->graph, &n, name, "Placeholder", err));
        FL_TRY(fl_tf_info_grow(f, err));
        FL_TRY(fl_tf_alias_set(f, node, port, n->name, err));
        node = f->graph->n_node - 1;
    }
    fl_log(f->env, FLOE_SEVERITY_INFO, "%s: what %s gives becomes the input '%s'", f->graph->path, pipeline->op, name);
    FL_TRY(make_placeholder(f, node, (int)type.value, has_shape ? &shape : NULL, err));
done:
    return st;
}

static floe_status settle_pipeline(fl_tf_freezer *f, size_t node, floe_error *err)
{
    enum { PORTS_MAX = 64 };
    floe_status st = FLOE_OK;
    const fl_tf_node pipeline = f->graph->node[node];
    uint64_t read = 0;

    for (size_t i = 0; i < f->graph->n_node; i++)
        for (size_t k = 0; !f->graph->node[i].removed && k < f->graph->node[i].n_input; k++) {
            int port;
            const char *input = f->graph->node[i].input[k];
            if (fl_tf_node_index(f, input, &port) == node && port >= 0 && port < PORTS_MAX)
                read |= (uint64_t)1 << port;
        }
    for (size_t i = 0; i < f->n_output; i++) {
        int port;
        if (fl_tf_node_index(f, f->output[i].tensor, &port) == node && port >= 0 && port < PORTS_MAX)
            read |= (uint64_t)1 << port;
    }
    for (int port = PORTS_MAX - 1; port >= 0; port--) /* the node itself last: the others copy from it */
        if (read >> port & 1)
            FL_TRY(settle_port(f, &pipeline, node, port, err));
    if (!(read & 1)) { /* only later outputs are read, or only its control */
        f->graph->node[node].op = "NoOp";
        f->graph->node[node].n_input = 0;
        f->graph->node[node].n_attr = 0;
    }
done:
    return st;
}

static bool is_pipeline(const char *op)
{
    static const char *const ops[] = {"IteratorGetNext",  "IteratorGetNextSync", "QueueDequeue",
                                      "QueueDequeueV2",   "QueueDequeueMany",    "QueueDequeueManyV2",
                                      "QueueDequeueUpTo", "QueueDequeueUpToV2"};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(op, ops[i]) == 0)
            return true;
    return false;
}

/* A serving model of TensorFlow 1 often begins with parsing tf.Example strings, and its signature takes the tensor
 * behind that: whoever calls the model feeds there, so there is the input. */
floe_status fl_tf_cut_at_signature(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < f->model.signature.n_input; i++) {
        const fl_tf_signature_arg *input = &f->model.signature.input[i];
        fl_pb_field shape = {0}, field;
        uint64_t dtype = FL_TF_INVALID;
        int port;
        const fl_tf_node *n = fl_tf_graph_input(f->graph, input->tensor, &port);
        if (!n || port != 0 || strcmp(n->op, "Placeholder") == 0)
            continue;
        fl_reader r = fl_reader_make(input->info.data, input->info.size);
        while (fl_pb_next(&r, &field)) {
            if (field.number == 2 && field.wire == FL_PB_VARINT)
                dtype = field.value;
            else if (field.number == 3 && field.wire == FL_PB_BYTES)
                shape = field;
        }
        if (dtype == FL_TF_INVALID || dtype > INT32_MAX)
            continue;
        fl_log(f->env, FLOE_SEVERITY_INFO, "%s: '%s' (%s) is the signature's input '%s'", f->graph->path, n->name,
               n->op, input->key);
        FL_TRY(make_placeholder(f, (size_t)(n - f->graph->node), (int)dtype, shape.bytes ? &shape : NULL, err));
    }
done:
    return st;
}

floe_status fl_tf_settle_inputs(fl_tf_freezer *f, floe_error *err)
{
    enum { PIPELINES_MAX = 1000 }; /* each looks at all inputs of the graph */
    floe_status st = FLOE_OK;
    size_t pipelines = 0;

    for (size_t i = 0; i < f->graph->n_node; i++) {
        const fl_tf_node *n = &f->graph->node[i];
        if (n->removed)
            continue;
        if (strcmp(n->op, "PlaceholderWithDefault") == 0)
            FL_TRY(settle_default(f, i, err));
        else if (is_pipeline(n->op) && pipelines++ < PIPELINES_MAX)
            FL_TRY(settle_pipeline(f, i, err));
    }
done:
    return st;
}
