/* tf_function.c - FunctionDef: signatures and bodies, and the ports that names inside a body stand for.
 *
 * A SavedModel's library also holds what training and gradients needed, often most of it, so a function is parsed only
 * when it is called. Its body is a list of nodes like a graph's, but tensors are named "node:output:index" after the
 * output arguments of the node's op; which those are is known from the function that the op is, from the table in
 * tf_op_outputs.c, or from the list of ops in the file, in this order.
 */
#include "tf_function.h"
#include "proto/wire.h"
#include "tf_op_outputs.h"

#include <string.h>

enum { FUNCTION_SIGNATURE = 1, FUNCTION_NODE = 3, FUNCTION_RET = 4, FUNCTION_CONTROL_RET = 6 };
enum { OP_NAME = 1, OP_INPUT = 2, OP_OUTPUT = 3, OP_ATTR = 4 };

#define LIST_MAX ((int64_t)1 << 20)

/* ---- the library */

floe_status fl_tf_library_open(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(f->graph->library.data, f->graph->library.size);
    fl_tf_library *lib = fl_arena_alloc(&f->arena, sizeof *lib);
    fl_pb_field field;
    size_t n = 0;

    FL_NEED(lib, sizeof *lib, "a function library", err);
    fl_names_init(&lib->by_name, &f->arena);
    while (fl_pb_next(&r, &field))
        n += field.number == 1 && field.wire == FL_PB_BYTES;
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: the function library is damaged", f->graph->path);
    lib->function = fl_arena_calloc(&f->arena, n, sizeof *lib->function);
    FL_NEED(lib->function, n * sizeof *lib->function, "functions", err);
    r = fl_reader_make(f->graph->library.data, f->graph->library.size);
    while (fl_pb_next(&r, &field)) {
        if (field.number != 1 || field.wire != FL_PB_BYTES)
            continue;
        fl_tf_function *fn = &lib->function[lib->n_function];
        fn->encoded = (fl_bytes){field.bytes, field.size};
        fn->signature = fl_tf_field(fn->encoded, FUNCTION_SIGNATURE);
        fn->name = fl_tf_field_string(&f->arena, fn->signature, OP_NAME);
        FL_NEED(fn->name, 0, "a name", err);
        FL_TRY(fl_names_set(&lib->by_name, fn->name, (uint32_t)lib->n_function++, err));
        fl_pb_field inner;
        for (fl_reader body = fl_reader_make(field.bytes, field.size); fl_pb_next(&body, &inner);)
            lib->nodes += inner.number == FUNCTION_NODE;
    }
    f->library = lib;
done:
    return st;
}

fl_tf_function *fl_tf_function_find(const fl_tf_freezer *f, const char *name)
{
    const uint32_t i = fl_names_find(&f->library->by_name, name);
    return i == FL_NAMES_NONE ? NULL : &f->library->function[i];
}

/* ---- one function */

static size_t count_fields(fl_bytes message, uint32_t number)
{
    fl_reader r = fl_reader_make(message.data, message.size);
    fl_pb_field f;
    size_t n = 0;

    while (fl_pb_next(&r, &f))
        n += f.number == number && f.wire == FL_PB_BYTES;
    return n;
}

static floe_status parse_args(fl_tf_freezer *f, fl_bytes signature, uint32_t number, fl_tf_arg **out, size_t *count,
                              floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(signature.data, signature.size);
    fl_pb_field field;
    size_t n = count_fields(signature, number);

    fl_tf_arg *arg = fl_arena_calloc(&f->arena, n, sizeof *arg);
    FL_NEED(arg, n * sizeof *arg, "arguments", err);
    *out = arg;
    *count = n;
    while (fl_pb_next(&r, &field)) {
        if (field.number != number || field.wire != FL_PB_BYTES)
            continue;
        const fl_bytes def = {field.bytes, field.size};
        arg->name = fl_tf_field_string(&f->arena, def, 1);
        arg->number_attr = fl_tf_field_string(&f->arena, def, 5);
        arg->type_list_attr = fl_tf_field_string(&f->arena, def, 6);
        FL_NEED(arg->name && arg->number_attr && arg->type_list_attr ? arg : NULL, 0, "an argument", err);
        arg++;
    }
done:
    return st;
}

static floe_status parse_body(fl_tf_freezer *f, fl_tf_function *fn, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(fn->encoded.data, fn->encoded.size);
    fl_pb_field field;
    const size_t n = count_fields(fn->encoded, FUNCTION_NODE);

    fn->node = fl_arena_calloc(&f->arena, n, sizeof *fn->node);
    FL_NEED(fn->node, n * sizeof *fn->node, "a function", err);
    while (fl_pb_next(&r, &field)) {
        if (field.number != FUNCTION_NODE || field.wire != FL_PB_BYTES)
            continue;
        fl_tf_node *node = &fn->node[fn->n_node];
        FL_TRY(fl_tf_node_read(f->graph, node, (fl_bytes){field.bytes, field.size}, err));
        st = fl_names_add(&fn->by_name, node->name, (uint32_t)(fn->n_in + fn->n_node), err);
        if (st == FLOE_ERR_ARGUMENT)
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: function '%s': '%s' is there twice", f->graph->path, fn->name,
                    node->name);
        if (st != FLOE_OK)
            goto done;
        fn->n_node++;
    }
done:
    return st;
}

/* ret: output argument -> tensor; control_ret: name -> node. */
static floe_status parse_returns(fl_tf_freezer *f, fl_tf_function *fn, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(fn->encoded.data, fn->encoded.size);
    fl_names out_by_name;
    fl_bytes key, value;
    fl_pb_field field;

    fl_names_init(&out_by_name, &f->arena);
    for (size_t i = 0; i < fn->n_out; i++)
        FL_TRY(fl_names_set(&out_by_name, fn->out[i].name, (uint32_t)i, err));
    fn->ret = fl_arena_calloc(&f->arena, fn->n_out, sizeof *fn->ret);
    fn->control_ret = fl_arena_calloc(&f->arena, count_fields(fn->encoded, FUNCTION_CONTROL_RET),
                                      sizeof *fn->control_ret);
    FL_NEED(fn->ret && fn->control_ret ? fn->ret : NULL, fn->n_out * sizeof *fn->ret, "a function", err);
    while (fl_pb_next(&r, &field)) {
        if ((field.number != FUNCTION_RET && field.number != FUNCTION_CONTROL_RET) || field.wire != FL_PB_BYTES ||
            !fl_tf_map_entry(field.bytes, field.size, &key, &value) || memchr(value.data, 0, value.size))
            continue;
        const char *tensor = fl_arena_strndup(&f->arena, (const char *)value.data, value.size);
        FL_NEED(tensor, value.size, "a name", err);
        const uint32_t i = fl_names_find_n(&out_by_name, (const char *)key.data, key.size);
        if (field.number == FUNCTION_CONTROL_RET)
            fn->control_ret[fn->n_control_ret++] = tensor;
        else if (i != FL_NAMES_NONE)
            fn->ret[i] = tensor;
    }
    for (size_t i = 0; i < fn->n_out; i++)
        if (!fn->ret[i])
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: function '%s': nothing is returned as '%s'", f->graph->path, fn->name,
                    fn->out[i].name);
done:
    return st;
}

floe_status fl_tf_function_parse(fl_tf_freezer *f, fl_tf_function *function, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (function->parsed)
        goto done;
    fl_names_init(&function->by_name, &f->arena);
    FL_TRY(parse_args(f, function->signature, OP_INPUT, &function->in, &function->n_in, err));
    FL_TRY(parse_args(f, function->signature, OP_OUTPUT, &function->out, &function->n_out, err));
    for (size_t i = 0; i < function->n_in; i++)
        FL_TRY(fl_names_set(&function->by_name, function->in[i].name, (uint32_t)i, err));
    FL_TRY(parse_body(f, function, err));
    FL_TRY(parse_returns(f, function, err));
    function->parsed = true;
done:
    return st;
}

/* ---- attributes of a call */

/* The value under a name in a map of attributes (field `number` of the message). */
static bool find_in_map(fl_bytes message, uint32_t number, const char *name, fl_bytes *value)
{
    fl_reader r = fl_reader_make(message.data, message.size);
    bool found = false;
    fl_bytes key, v;
    fl_pb_field f;

    while (fl_pb_next(&r, &f))
        if (f.number == number && f.wire == FL_PB_BYTES && fl_tf_map_entry(f.bytes, f.size, &key, &v) &&
            key.size == strlen(name) && memcmp(key.data, name, key.size) == 0) {
            *value = v;
            found = true;
        }
    return found;
}

/* OpDef.attr[name].default_value. */
static bool find_default(fl_bytes signature, const char *name, fl_bytes *value)
{
    fl_reader r = fl_reader_make(signature.data, signature.size);
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        if (f.number != OP_ATTR || f.wire != FL_PB_BYTES)
            continue;
        const fl_bytes def = {f.bytes, f.size}, key = fl_tf_field(def, 1);
        if (key.size == strlen(name) && memcmp(key.data, name, key.size) == 0) {
            *value = fl_tf_field(def, 3);
            return value->size > 0;
        }
    }
    return false;
}

bool fl_tf_call_attr(const fl_tf_call_attrs *attrs, const char *name, fl_bytes *value)
{
    const bool found = attrs->list.size > 0 ? find_in_map(attrs->list, 2, name, value)
                       : attrs->node        ? fl_tf_attr_find(attrs->node, name, value)
                                            : false;
    return found || find_default(attrs->signature, name, value);
}

static int64_t int_of(fl_bytes attr)
{
    fl_reader r = fl_reader_make(attr.data, attr.size);
    int64_t v = -1;
    fl_pb_field f;

    while (fl_pb_next(&r, &f))
        if (f.number == FL_TF_ATTR_I && f.wire == FL_PB_VARINT)
            v = (int64_t)f.value;
    return v;
}

static int64_t types_of(fl_bytes attr)
{
    const fl_bytes list = fl_tf_field(attr, FL_TF_ATTR_LIST);
    fl_reader r = fl_reader_make(list.data, list.size);
    int64_t n = 0;
    fl_pb_field f;

    while (fl_pb_next(&r, &f))
        if (f.number == 6)
            n += (int64_t)fl_pb_scalar_count(&f, FL_PB_VARINT);
    return fl_tf_attr_kind_of(attr) == FL_TF_ATTR_LIST ? n : -1;
}

static int64_t list_size(bool by_types, const char *attr, const fl_tf_call_attrs *attrs)
{
    fl_bytes value;

    if (!fl_tf_call_attr(attrs, attr, &value))
        return -1;
    const int64_t n = by_types ? types_of(value) : int_of(value);
    return n < 0 || n > LIST_MAX ? -1 : n;
}

int64_t fl_tf_arg_size(const fl_tf_arg *arg, const fl_tf_call_attrs *attrs)
{
    if (*arg->number_attr)
        return list_size(false, arg->number_attr, attrs);
    if (*arg->type_list_attr)
        return list_size(true, arg->type_list_attr, attrs);
    return 1;
}

/* ---- output arguments */

/* Walks over arguments until the wanted one. */
typedef struct port_search {
    const char      *name;
    size_t           name_size;
    fl_tf_call_attrs attrs;
    int64_t          port, count;
    bool             found, failed;
} port_search;

static void try_argument(port_search *s, const char *name, size_t size, int64_t count)
{
    if (s->found || s->failed)
        return;
    if (count < 0) {
        s->failed = true;
    } else if (size == s->name_size && memcmp(name, s->name, size) == 0) {
        s->count = count;
        s->found = true;
    } else {
        s->port += count;
    }
}

/* A row of tf_op_outputs.c: "a b*N c[T". */
static void search_row(port_search *s, fl_arena *arena, const char *row)
{
    while (*row) {
        const size_t n = strcspn(row, " "), name = strcspn(row, " *[");
        int64_t count = 1;
        if (name < n) {
            const char *attr = fl_arena_strndup(arena, row + name + 1, n - name - 1);
            count = attr ? list_size(row[name] == '[', attr, &s->attrs) : -1;
        }
        try_argument(s, row, name, count);
        row += n + (row[n] == ' ');
    }
}

static floe_status search_signature(port_search *s, fl_tf_freezer *f, fl_bytes signature, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_arg *out;
    size_t n;

    FL_TRY(parse_args(f, signature, OP_OUTPUT, &out, &n, err));
    for (size_t i = 0; i < n; i++)
        try_argument(s, out[i].name, strlen(out[i].name), fl_tf_arg_size(&out[i], &s->attrs));
done:
    return st;
}

/* The OpDef of that name in the file's own list; empty when it is not there. */
static fl_bytes find_op_def(fl_bytes list, const char *op)
{
    fl_reader r = fl_reader_make(list.data, list.size);
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        const fl_bytes def = {f.bytes, f.size}, name = fl_tf_field(def, OP_NAME);
        if (f.number == 1 && f.wire == FL_PB_BYTES && name.size == strlen(op) && memcmp(name.data, op, name.size) == 0)
            return def;
    }
    return (fl_bytes){NULL, 0};
}

floe_status fl_tf_output_port(fl_tf_freezer *f, const fl_tf_node *n, const char *name, size_t name_size, int64_t *port,
                              int64_t *count, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_function *fn = fl_tf_function_find(f, n->op);
    const char *row = fl_tf_op_outputs(n->op);
    const fl_bytes def = find_op_def(f->model.op_list, n->op);
    port_search s = {name, name_size, {n, {NULL, 0}, {NULL, 0}}, 0, -1, false, false};

    if (fn)
        FL_TRY(search_signature(&s, f, fn->signature, err));
    else if (row)
        search_row(&s, &f->arena, row);
    else if (def.size > 0)
        FL_TRY(search_signature(&s, f, def, err));
    else
        s.found = true; /* a single output argument, whatever it is called */
    if (!s.found)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s' (%s) has no output '%.*s'", f->graph->path, n->name, n->op,
                (int)(name_size < 100 ? name_size : 100), name);
    *port = s.port;
    *count = s.count;
done:
    return st;
}
