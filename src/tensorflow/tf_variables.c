/* tf_variables.c - variables become constants, and what reads a variable becomes what reads a constant.
 *
 *     Variable, VariableV2, VarHandleOp    Const of the same name
 *     ReadVariableOp(h)                    Identity
 *     ResourceGather(h, indices)           GatherV2(h, indices, axis), axis a new constant "<name>/axis"
 *     ResourceGatherNd(h, indices)         GatherNd
 *     VariableShape(h)                     Const
 *     Identity, Switch, Enter ... of a handle: the same, with the variable's type for T
 *
 * Names are kept, so whoever knew the graph knows the frozen one. Only what is left of the graph is looked at: what the
 * outputs do not need is never read from the checkpoint.
 */
#include "proto/wire.h"
#include "tf_values.h"

#include <string.h>

#define TRACE_MAX   1000
#define MISSING_MAX 4 /* variables named in one sentence */

bool fl_tf_is_variable(const char *op)
{
    static const char *const ops[] = {"VarHandleOp", "VariableV2", "Variable", "AutoReloadVariable"};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(op, ops[i]) == 0)
            return true;
    return false;
}

/* ---- handles */

/* Operations that pass a handle on by their first input. */
static bool passes_handle(const char *op)
{
    static const char *const ops[] = {"Identity", "Switch", "Enter", "Exit", "Merge", "NextIteration", "RefSwitch",
                                      "RefEnter", "RefIdentity"};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(op, ops[i]) == 0)
            return true;
    return false;
}

/* The variable behind a handle; NULL when it is not one of the graph. */
static const fl_tf_node *trace_handle(const fl_tf_freezer *f, const char *input)
{
    const fl_tf_node *n = fl_tf_graph_input(f->graph, input, NULL);

    for (int steps = 0; n && passes_handle(n->op) && n->n_input > 0 && steps < TRACE_MAX; steps++)
        n = fl_tf_graph_input(f->graph, n->input[0], NULL);
    return n && fl_tf_is_variable(n->op) ? n : NULL;
}

/* ---- reads */

/* Drops every attribute but those, and sets some of them. */
typedef struct new_type {
    const char *attr;
    int         dtype;
} new_type;

static floe_status retype(fl_tf_freezer *f, size_t node, const char *op, const new_type *types, size_t n_types,
                          floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &f->graph->node[node];

    n->op = op;
    n->n_attr = 0;
    n->attr = NULL;
    for (size_t i = 0; i < n_types; i++)
        FL_TRY(fl_tf_attr_set_type(f->graph, n, types[i].attr, types[i].dtype, err));
done:
    return st;
}

/* A constant scalar of an index type, as one more input. */
static floe_status add_axis(fl_tf_freezer *f, size_t node, int dtype, int64_t axis, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_tensor value = {.dtype = dtype, .count = 1, .data = &axis, .bytes = fl_tf_dtype_bytes(dtype)};
    const char *wanted = fl_arena_printf(&f->arena, "%s/axis", f->graph->node[node].name);
    const char *name = wanted ? fl_tf_free_name(f, wanted) : NULL;
    fl_tf_node *constant;

    FL_NEED(name, 0, "a name", err);
    FL_TRY(fl_tf_graph_add(f->graph, &constant, name, "Const", err));
    FL_TRY(fl_tf_info_grow(f, err));
    FL_TRY(fl_tf_make_const(f->graph, constant, &value, err));
    const char **inputs = fl_arena_calloc(&f->graph->arena, 3, sizeof *inputs);
    FL_NEED(inputs, 3 * sizeof *inputs, "inputs", err);
    fl_tf_node *n = &f->graph->node[node];
    inputs[0] = n->input[0];
    inputs[1] = n->input[1];
    inputs[2] = constant->name;
    n->input = inputs;
    n->n_input = 3;
done:
    return st;
}

static floe_status convert_gather(fl_tf_freezer *f, size_t node, int dtype, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_node *n = &f->graph->node[node];
    const int index = fl_tf_attr_type(n, "Tindices", FL_TF_INT32);
    const int64_t batch_dims = fl_tf_attr_int(n, "batch_dims", 0);
    const new_type types[] = {{"Tparams", dtype}, {"Tindices", index}, {"Taxis", index}};
    fl_buf b = fl_buf_make(f->env);

    if (n->n_input < 2 || (index != FL_TF_INT32 && index != FL_TF_INT64) || batch_dims < 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s' (%s) is malformed", f->graph->path, n->name, n->op);
    FL_TRY(retype(f, node, "GatherV2", types, 3, err));
    if (batch_dims > 0) {
        fl_pb_put_varint(&b, FL_TF_ATTR_I, (uint64_t)batch_dims);
        FL_NEED(b.failed ? NULL : b.data, b.size, "an attribute", err);
        FL_TRY(fl_tf_attr_set(f->graph, &f->graph->node[node], "batch_dims", (fl_bytes){b.data, b.size}, err));
    }
    FL_TRY(add_axis(f, node, index, batch_dims, err));
done:
    fl_buf_free(&b);
    return st;
}

/* The shape as a constant: of the variable's declaration, which the value will be checked against. */
static floe_status convert_shape(fl_tf_freezer *f, size_t node, const fl_tf_node *variable, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &f->graph->node[node];
    const int dtype = fl_tf_attr_type(n, "out_type", FL_TF_INT32);
    fl_tf_shape shape;
    int64_t rank;

    FL_TRY(fl_tf_attr_shape(f->graph, variable, "shape", &shape, err));
    bool known = !shape.unknown_rank && (dtype == FL_TF_INT32 || dtype == FL_TF_INT64);
    for (int i = 0; i < shape.rank; i++)
        known = known && shape.dim[i] >= 0 && (dtype == FL_TF_INT64 || shape.dim[i] <= INT32_MAX);
    if (!known)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: node '%s' wants the shape of variable '%s', which is not declared",
                f->graph->path, n->name, variable->name);
    int32_t *narrow = fl_arena_calloc(&f->arena, (size_t)shape.rank, sizeof *narrow);
    FL_NEED(narrow, (size_t)shape.rank * sizeof *narrow, "a shape", err);
    for (int i = 0; i < shape.rank; i++)
        narrow[i] = (int32_t)shape.dim[i];
    rank = shape.rank;
    const fl_tf_tensor value = {.dtype = dtype, .rank = 1, .dim = &rank, .count = rank,
                                .data = dtype == FL_TF_INT32 ? (const void *)narrow : (const void *)shape.dim,
                                .bytes = (size_t)rank * fl_tf_dtype_bytes(dtype)};
    FL_TRY(fl_tf_make_const(f->graph, n, &value, err));
done:
    return st;
}

static floe_status convert_read(fl_tf_freezer *f, size_t node, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &f->graph->node[node];
    const bool read = strcmp(n->op, "ReadVariableOp") == 0, gather = strcmp(n->op, "ResourceGather") == 0;
    const bool gather_nd = strcmp(n->op, "ResourceGatherNd") == 0, shape = strcmp(n->op, "VariableShape") == 0;

    if (!read && !gather && !gather_nd && !shape)
        goto done;
    const fl_tf_node *variable = n->n_input > 0 ? trace_handle(f, n->input[0]) : NULL;
    if (!variable)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: node '%s' (%s) reads '%s', which leads to no variable of the graph",
                f->graph->path, n->name, n->op, n->n_input > 0 ? n->input[0] : "");
    const int declared = fl_tf_attr_type(variable, "dtype", FL_TF_INVALID);
    const int dtype = fl_tf_attr_type(n, "dtype", declared);
    if (dtype != declared && !shape)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s' reads %s, but variable '%s' is %s", f->graph->path, n->name,
                fl_tf_dtype_name(dtype), variable->name, fl_tf_dtype_name(declared));
    if (read) {
        FL_TRY(retype(f, node, "Identity", &(new_type){"T", dtype}, 1, err));
    } else if (gather) {
        FL_TRY(convert_gather(f, node, dtype, err));
    } else if (gather_nd) {
        const new_type types[] = {{"Tparams", dtype}, {"Tindices", fl_tf_attr_type(n, "Tindices", FL_TF_INT32)}};
        FL_TRY(retype(f, node, "GatherNd", types, 2, err));
    } else {
        FL_TRY(convert_shape(f, node, variable, err));
    }
done:
    return st;
}

/* Identity, Switch and others between a handle and its reader. */
static floe_status convert_passing(fl_tf_freezer *f, size_t node, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &f->graph->node[node];

    if (!passes_handle(n->op) || n->n_input == 0 || fl_tf_attr_type(n, "T", 0) != FL_TF_RESOURCE)
        goto done;
    const fl_tf_node *variable = trace_handle(f, n->input[0]);
    if (!variable)
        goto done; /* a handle of something else: a table, say */
    FL_TRY(fl_tf_attr_set_type(f->graph, n, "T", fl_tf_attr_type(variable, "dtype", FL_TF_FLOAT), err));
    fl_tf_attr_remove(n, "_output_shapes");
done:
    return st;
}

/* ---- values */

typedef struct missing_list {
    fl_buf sentence;
    size_t count;
} missing_list;

static void note_missing(missing_list *list, const floe_error *one)
{
    if (list->count++ < MISSING_MAX)
        fl_put_format(&list->sentence, "%s%s", list->sentence.size ? "; " : "", one->message);
}

static floe_status convert_variable(fl_tf_freezer *f, size_t node, missing_list *missing, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &f->graph->node[node];
    fl_arena values; /* what is put together for one variable is let go before the next */
    fl_tf_tensor t;
    floe_error why = {0};

    fl_arena_init(&values, f->env);
    st = fl_tf_variable_value(f, n, &values, &t, &why);
    if (st == FLOE_ERR_NOT_FOUND) { /* all of them are reported at once */
        note_missing(missing, &why);
        st = FLOE_OK;
    } else if (st != FLOE_OK) {
        if (err)
            *err = why;
    } else {
        st = fl_tf_make_const(f->graph, n, &t, err);
    }
    fl_arena_free(&values);
    return st;
}

floe_status fl_tf_replace_variables(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    missing_list missing = {fl_buf_make(f->env), 0};
    const size_t n = f->graph->n_node; /* constants added on the way need nothing */

    for (size_t i = 0; i < n; i++)
        if (!f->graph->node[i].removed) {
            FL_TRY(convert_passing(f, i, err));
            FL_TRY(convert_read(f, i, err));
        }
    for (size_t i = 0; i < n; i++)
        if (!f->graph->node[i].removed && fl_tf_is_variable(f->graph->node[i].op))
            FL_TRY(convert_variable(f, i, &missing, err));
    if (missing.count > MISSING_MAX)
        fl_put_format(&missing.sentence, "; and %zu more", missing.count - MISSING_MAX);
    fl_put_u8(&missing.sentence, 0);
    if (missing.count > 0)
        FL_FAIL(err, FLOE_ERR_NOT_FOUND, "%s",
                missing.sentence.failed ? "variables have no value" : (const char *)missing.sentence.data);
done:
    fl_buf_free(&missing.sentence);
    return st;
}
