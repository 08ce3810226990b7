/* uff_read.c - a UFF file becomes a graph.
 *
 * The file is one MetaGraph message; each function below reads one message of the schema (docs/uff.md) field by field.
 * Maps become arrays of fields; of a key that occurs twice the last counts, as protobuf has it. Unknown members are
 * skipped; a known member of the wrong wire type is damage, which also tells a file of another kind early.
 *
 * What the rest of floe may rely on afterwards: exactly one graph; every node has an id of its own and an operation;
 * every input names a node; strings have no NUL inside where they are names; a node has at most FIELDS_MAX fields (so
 * that searching them in order is cheap), and port arrays fit their inputs. Field values are what the file said: whether
 * they make sense is for whoever uses them.
 *
 * Blobs point into the file; strings, lists and orders are copied to the arena. Nesting is of fixed depth (MetaGraph,
 * Graph, Node, entry, Data, list, DimensionOrders, entry, list), so nothing recurses.
 */
#include "proto/wire.h"
#include "uff_internal.h"

#include <limits.h>
#include <string.h>

#define FIELDS_MAX 4096

typedef struct reader {
    fl_uff_graph *g;
    const char   *node; /* being read, for messages; NULL outside of nodes */
    floe_error   *err;
} reader;

/* ---- failing */

static floe_status damaged(const reader *r, const char *what)
{
    if (r->node)
        return fl_fail(r->err, FLOE_ERR_FORMAT, "%s: node '%.200s': damaged %s", r->g->path, r->node, what);
    return fl_fail(r->err, FLOE_ERR_FORMAT, "%s: damaged %s: this is no UFF file, or not a whole one", r->g->path, what);
}

static floe_status out_of_memory(const reader *r, size_t bytes)
{
    return fl_fail_memory(r->err, bytes, r->g->path);
}

/* ---- scalars */

static bool is(const fl_pb_field *f, fl_pb_wire wire)
{
    return f->wire == wire;
}

static fl_reader open_message(const fl_pb_field *f)
{
    return fl_reader_make(f->bytes, f->size);
}

/* A name: text without a NUL in it. */
static floe_status read_name(const reader *r, const fl_pb_field *f, const char *what, const char **out)
{
    if (!is(f, FL_PB_BYTES) || (f->size > 0 && memchr(f->bytes, 0, f->size)))
        return damaged(r, what);
    *out = fl_uff_copy_text(&r->g->arena, f->bytes, f->size);
    return *out ? FLOE_OK : out_of_memory(r, f->size);
}

/* ---- lists: messages with one repeated member, number 1 */

/* Counts the scalars of a list message; false on damage. */
static bool count_scalars(const fl_pb_field *list, fl_pb_wire wire, size_t *count)
{
    fl_reader in = open_message(list);
    fl_pb_field f;

    for (*count = 0; fl_pb_next(&in, &f);) {
        if (f.number != 1)
            continue;
        if (!is(&f, wire) && !is(&f, FL_PB_BYTES))
            return false;
        if (is(&f, FL_PB_BYTES) && wire == FL_PB_FIXED64 && f.size % 8 != 0)
            return false;
        *count += fl_pb_scalar_count(&f, wire);
    }
    return !in.failed;
}

/* The scalars as raw 64-bit values, packed or not. */
static floe_status read_scalars(const reader *r, const fl_pb_field *list, fl_pb_wire wire, uint64_t **out, size_t *count)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(list);
    fl_pb_field f;
    size_t at = 0;

    if (!is(list, FL_PB_BYTES) || !count_scalars(list, wire, count))
        return damaged(r, "list");
    uint64_t *values = fl_arena_calloc(&r->g->arena, *count, sizeof *values);
    FL_NEED(values, *count * sizeof *values, r->g->path, r->err);
    while (fl_pb_next(&in, &f)) {
        const size_t here = f.number == 1 ? fl_pb_scalar_count(&f, wire) : 0;
        if (here > 0 && !fl_pb_scalars(&f, wire, values + at))
            return damaged(r, "list");
        at += here;
    }
    *out = values;
done:
    return st;
}

static floe_status read_bools(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    floe_status st = FLOE_OK;
    uint64_t *values;

    FL_TRY(read_scalars(r, f, FL_PB_VARINT, &values, &out->count));
    out->u.b_list = fl_arena_calloc(&r->g->arena, out->count, sizeof *out->u.b_list);
    FL_NEED(out->u.b_list, out->count, r->g->path, r->err);
    for (size_t i = 0; i < out->count; i++)
        out->u.b_list[i] = values[i] != 0;
done:
    return st;
}

static floe_status read_doubles(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    uint64_t *values;
    const floe_status st = read_scalars(r, f, FL_PB_FIXED64, &values, &out->count);

    if (st != FLOE_OK)
        return st;
    out->u.d_list = fl_arena_calloc(&r->g->arena, out->count, sizeof *out->u.d_list);
    if (!out->u.d_list)
        return out_of_memory(r, out->count * sizeof *out->u.d_list);
    for (size_t i = 0; i < out->count; i++)
        out->u.d_list[i] = fl_pb_double(values[i]);
    return FLOE_OK;
}

static floe_status read_ints(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    uint64_t *values = NULL;
    const floe_status st = read_scalars(r, f, FL_PB_VARINT, &values, &out->count);
    out->u.i_list = (int64_t *)values;
    return st;
}

/* Counts the sub-messages or strings of a list message. */
static bool count_items(const fl_pb_field *list, size_t *count)
{
    fl_reader in = open_message(list);
    fl_pb_field f;

    for (*count = 0; fl_pb_next(&in, &f);) {
        if (f.number == 1 && !is(&f, FL_PB_BYTES))
            return false;
        *count += f.number == 1;
    }
    return !in.failed;
}

static floe_status read_strings(const reader *r, const fl_pb_field *list, fl_uff_data *out)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(list);
    fl_pb_field f;
    size_t at = 0;

    if (!is(list, FL_PB_BYTES) || !count_items(list, &out->count))
        return damaged(r, "list of strings");
    out->u.s_list = fl_arena_calloc(&r->g->arena, out->count, sizeof *out->u.s_list);
    FL_NEED(out->u.s_list, out->count * sizeof *out->u.s_list, r->g->path, r->err);
    while (fl_pb_next(&in, &f))
        if (f.number == 1)
            FL_TRY(read_name(r, &f, "string", &out->u.s_list[at++]));
done:
    return st;
}

/* ---- orders: map int32 -> list of int64, of which only the key -1 occurs */

static floe_status read_orders_entry(const reader *r, const fl_pb_field *entry, fl_uff_orders *out)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(entry);
    fl_pb_field f, list = {0};
    int32_t key = 0;

    if (!is(entry, FL_PB_BYTES))
        return damaged(r, "dimension orders");
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1 && is(&f, FL_PB_VARINT))
            key = (int32_t)f.value;
        else if (f.number == 2 && is(&f, FL_PB_BYTES))
            list = f;
        else if (f.number <= 2)
            return damaged(r, "dimension orders");
    }
    if (in.failed)
        return damaged(r, "dimension orders");
    if (key != -1)
        FL_FAIL(r->err, FLOE_ERR_UNSUPPORTED, "%s: dimension orders of key %d: only -1 has a meaning", r->g->path, (int)key);
    list.wire = FL_PB_BYTES; /* also where the value is missing: then it is empty */
    uint64_t *values;
    FL_TRY(read_scalars(r, &list, FL_PB_VARINT, &values, &out->count));
    out->order = (int64_t *)values;
done:
    return st;
}

static floe_status read_orders(const reader *r, const fl_pb_field *orders, fl_uff_orders *out)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(orders);
    fl_pb_field f;

    if (!is(orders, FL_PB_BYTES))
        return damaged(r, "dimension orders");
    while (fl_pb_next(&in, &f))
        if (f.number == 1)
            FL_TRY(read_orders_entry(r, &f, out));
    if (in.failed)
        return damaged(r, "dimension orders");
done:
    return st;
}

static floe_status read_orders_list(const reader *r, const fl_pb_field *list, fl_uff_data *out)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(list);
    fl_pb_field f;
    size_t at = 0;

    if (!is(list, FL_PB_BYTES) || !count_items(list, &out->count))
        return damaged(r, "dimension orders");
    out->u.orders = fl_arena_calloc(&r->g->arena, out->count, sizeof *out->u.orders);
    FL_NEED(out->u.orders, out->count * sizeof *out->u.orders, r->g->path, r->err);
    while (fl_pb_next(&in, &f))
        if (f.number == 1)
            FL_TRY(read_orders(r, &f, &out->u.orders[at++]));
done:
    return st;
}

static floe_status read_one_orders(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    out->count = 1;
    out->u.orders = fl_arena_calloc(&r->g->arena, 1, sizeof *out->u.orders);
    return out->u.orders ? read_orders(r, f, out->u.orders) : out_of_memory(r, sizeof *out->u.orders);
}

/* ---- Data: a oneof */

static floe_status read_text(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    out->count = f->size;
    out->u.s = fl_uff_copy_text(&r->g->arena, f->bytes, f->size);
    return out->u.s ? FLOE_OK : out_of_memory(r, f->size);
}

static floe_status read_reference(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    out->count = f->size;
    return read_name(r, f, "reference", &out->u.s);
}

static floe_status read_double(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    (void)r;
    out->u.d = fl_pb_double(f->value);
    return FLOE_OK;
}

static floe_status read_bool(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    (void)r;
    out->u.b = f->value != 0;
    return FLOE_OK;
}

static floe_status read_int(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    (void)r;
    out->u.i = (int64_t)f->value;
    return FLOE_OK;
}

static floe_status read_blob(const reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    (void)r;
    out->count = f->size;
    out->u.blob = f->bytes;
    return FLOE_OK;
}

typedef struct member {
    fl_uff_kind kind; /* the field number */
    fl_pb_wire  wire;
    floe_status (*read)(const reader *r, const fl_pb_field *f, fl_uff_data *out);
} member;

static const member members[] = {
    {FL_UFF_S, FL_PB_BYTES, read_text},
    {FL_UFF_S_LIST, FL_PB_BYTES, read_strings},
    {FL_UFF_D, FL_PB_FIXED64, read_double},
    {FL_UFF_D_LIST, FL_PB_BYTES, read_doubles},
    {FL_UFF_B, FL_PB_VARINT, read_bool},
    {FL_UFF_B_LIST, FL_PB_BYTES, read_bools},
    {FL_UFF_I, FL_PB_VARINT, read_int},
    {FL_UFF_I_LIST, FL_PB_BYTES, read_ints},
    {FL_UFF_BLOB, FL_PB_BYTES, read_blob},
    {FL_UFF_REF, FL_PB_BYTES, read_reference},
    {FL_UFF_DTYPE, FL_PB_VARINT, read_int},
    {FL_UFF_DTYPE_LIST, FL_PB_BYTES, read_ints},
    {FL_UFF_ORDERS, FL_PB_BYTES, read_one_orders},
    {FL_UFF_ORDERS_LIST, FL_PB_BYTES, read_orders_list},
};

static const member *find_member(uint32_t number)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if ((uint32_t)members[i].kind == number)
            return &members[i];
    return NULL;
}

static floe_status read_data(const reader *r, const fl_pb_field *data, fl_uff_data *out)
{
    fl_reader in = open_message(data);
    fl_pb_field f, last = {0};
    const member *m = NULL;

    *out = (fl_uff_data){0};
    while (fl_pb_next(&in, &f)) {
        const member *known = find_member(f.number);
        if (known) { /* the last member of a oneof counts */
            m = known;
            last = f;
        }
    }
    if (in.failed || (m && last.wire != m->wire))
        return damaged(r, "value");
    if (!m)
        return FLOE_OK;
    out->kind = m->kind;
    return m->read(r, &last, out);
}

/* An entry of a map<string, Data>. */
static floe_status read_entry(const reader *r, const fl_pb_field *entry, const char **key, fl_uff_data *value)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(entry);
    fl_pb_field f;

    *key = "";
    *value = (fl_uff_data){0};
    if (!is(entry, FL_PB_BYTES))
        return damaged(r, "map");
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1)
            FL_TRY(read_name(r, &f, "key", key));
        else if (f.number == 2 && is(&f, FL_PB_BYTES))
            FL_TRY(read_data(r, &f, value));
        else if (f.number == 2)
            return damaged(r, "map");
    }
    if (in.failed)
        return damaged(r, "map");
done:
    return st;
}

/* ---- nodes */

/* The id first: messages about the rest want to name the node. */
static floe_status read_id(reader *r, const fl_pb_field *node, fl_uff_node *n, size_t *n_input)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(node);
    fl_pb_field f;

    n->id = "";
    n->operation = "";
    *n_input = 0;
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1)
            FL_TRY(read_name(r, &f, "node id", &n->id));
        *n_input += f.number == 2;
    }
    if (in.failed)
        return damaged(r, "node");
    if (n->id[0] == '\0')
        FL_FAIL(r->err, FLOE_ERR_FORMAT, "%s: node %zu has no id", r->g->path, r->g->n_node - 1);
    r->node = n->id;
done:
    return st;
}

static floe_status read_ports(const reader *r, fl_uff_node *n, const fl_uff_data *value)
{
    if (value->kind != FL_UFF_I_LIST || value->count != n->n_input)
        return damaged(r, FL_UFF_EXTRA_PORTS);
    n->port = fl_arena_calloc(&r->g->arena, n->n_input, sizeof *n->port);
    if (!n->port)
        return out_of_memory(r, n->n_input * sizeof *n->port);
    for (size_t i = 0; i < n->n_input; i++) {
        if (value->u.i_list[i] < 0 || value->u.i_list[i] > UINT16_MAX)
            return damaged(r, FL_UFF_EXTRA_PORTS);
        n->port[i] = (int)value->u.i_list[i];
    }
    return FLOE_OK;
}

static floe_status read_extra(const reader *r, fl_uff_node *n, const char *key, const fl_uff_data *value)
{
    if (strcmp(key, FL_UFF_EXTRA_PORTS) == 0)
        return read_ports(r, n, value);
    if (strcmp(key, FL_UFF_EXTRA_DTYPE) == 0) {
        if (value->kind != FL_UFF_I || value->u.i < 0 || value->u.i > INT_MAX)
            return damaged(r, FL_UFF_EXTRA_DTYPE);
        n->tf_dtype = (int)value->u.i;
        return FLOE_OK;
    }
    return fl_uff_put_field(&r->g->arena, &n->extra, &n->n_extra, &n->cap_extra, key, value, r->err);
}

static floe_status read_node_map(const reader *r, const fl_pb_field *f, fl_uff_node *n)
{
    enum { FIELDS = 4 };
    floe_status st = FLOE_OK;
    const char *key;
    fl_uff_data value;

    if (n->n_field + n->n_extra >= FIELDS_MAX)
        FL_FAIL(r->err, FLOE_ERR_LIMIT, "%s: node '%.200s' has more than %d fields", r->g->path, n->id, FIELDS_MAX);
    FL_TRY(read_entry(r, f, &key, &value));
    if (f->number == FIELDS)
        st = fl_uff_put_field(&r->g->arena, &n->field, &n->n_field, &n->cap_field, key, &value, r->err);
    else
        st = read_extra(r, n, key, &value);
done:
    return st;
}

/* Node: 1 id, 2 inputs, 3 operation, 4 fields, 100 extra_fields (which need the inputs to be counted, and are last). */
static floe_status read_node(reader *r, const fl_pb_field *node)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(node);
    fl_pb_field f;
    size_t at = 0;

    if (!is(node, FL_PB_BYTES))
        return damaged(r, "graph");
    fl_uff_node *n = fl_uff_new_node(r->g, r->err);
    if (!n)
        return FLOE_ERR_MEMORY;
    FL_TRY(read_id(r, node, n, &n->n_input));
    n->cap_input = n->n_input;
    n->input = fl_arena_calloc(&r->g->arena, n->n_input, sizeof *n->input);
    FL_NEED(n->input, n->n_input * sizeof *n->input, r->g->path, r->err);
    while (fl_pb_next(&in, &f)) {
        if (f.number == 2)
            FL_TRY(read_name(r, &f, "input", &n->input[at++]));
        else if (f.number == 3)
            FL_TRY(read_name(r, &f, "operation", &n->operation));
        else if (f.number == 4 || f.number == 100)
            FL_TRY(read_node_map(r, &f, n));
    }
    if (n->operation[0] == '\0')
        FL_FAIL(r->err, FLOE_ERR_FORMAT, "%s: node '%.200s' has no operation", r->g->path, n->id);
    st = fl_names_add(&r->g->by_id, n->id, (uint32_t)(r->g->n_node - 1), r->err);
    if (st == FLOE_ERR_ARGUMENT)
        FL_FAIL(r->err, FLOE_ERR_FORMAT, "%s: two nodes have the id '%.200s'", r->g->path, n->id);
done:
    r->node = NULL;
    return st;
}

static floe_status check_inputs(const reader *r)
{
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < r->g->n_node; i++) {
        const fl_uff_node *n = &r->g->node[i];
        for (size_t k = 0; k < n->n_input; k++)
            if (!fl_uff_find(r->g, n->input[k]))
                FL_FAIL(r->err, FLOE_ERR_FORMAT, "%s: node '%.200s': its input '%.200s' is not in the graph", r->g->path,
                        n->id, n->input[k]);
    }
done:
    return st;
}

/* ---- the file */

/* Graph: 1 id, 2 nodes. */
static floe_status read_graph(reader *r, const fl_pb_field *graph)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(graph);
    fl_pb_field f;

    if (!is(graph, FL_PB_BYTES))
        return damaged(r, "graph");
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1)
            FL_TRY(read_name(r, &f, "graph id", &r->g->id));
        else if (f.number == 2)
            FL_TRY(read_node(r, &f));
    }
    if (in.failed)
        return damaged(r, "graph");
    st = check_inputs(r);
done:
    return st;
}

/* Descriptor: 1 id, 2 version. */
static floe_status read_descriptor(const reader *r, const fl_pb_field *descriptor)
{
    floe_status st = FLOE_OK;
    fl_reader in = open_message(descriptor);
    fl_pb_field f;
    const char *id = "";
    int64_t version = 0;

    if (!is(descriptor, FL_PB_BYTES))
        return damaged(r, "descriptor");
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1)
            FL_TRY(read_name(r, &f, "descriptor", &id));
        else if (f.number == 2)
            version = (int64_t)f.value;
    }
    if (in.failed)
        return damaged(r, "descriptor");
    if (r->g->n_descriptor >= FIELDS_MAX)
        FL_FAIL(r->err, FLOE_ERR_LIMIT, "%s: more than %d descriptors", r->g->path, FIELDS_MAX);
    st = fl_uff_add_descriptor(r->g, id, version, r->err);
done:
    return st;
}

static floe_status read_referenced(const reader *r, const fl_pb_field *f)
{
    const char *key;
    fl_uff_data value;
    const floe_status st = read_entry(r, f, &key, &value);
    return st != FLOE_OK ? st : fl_uff_put_data(r->g, key, &value, r->err);
}

/* A sentence for the files that people mix up with UFF. */
static const char *other_kind(const uint8_t *data, size_t size)
{
    if (size == 0)
        return "it is empty";
    if (data[0] == 0x0a)
        return "it starts like a TensorFlow graph: convert it first";
    if (size >= 8 && memcmp(data, "\x08\x01\x12", 3) == 0)
        return "it starts like a TensorFlow SavedModel: freeze and convert it first";
    return "it is damaged or of another kind";
}

/* MetaGraph: 1 version, 2 descriptor_core_version, 3 descriptors, 4 graphs, 5 referenced_data. */
static floe_status read_meta_graph(reader *r, fl_reader *in, size_t *n_graphs)
{
    floe_status st = FLOE_OK;
    fl_pb_field f;

    while (fl_pb_next(in, &f)) {
        if (f.number <= 2 && !is(&f, FL_PB_VARINT))
            return damaged(r, "header");
        if (f.number == 1)
            r->g->version = (int64_t)f.value;
        else if (f.number == 2)
            r->g->core_version = (int64_t)f.value;
        else if (f.number == 3)
            FL_TRY(read_descriptor(r, &f));
        else if (f.number == 4 && ++*n_graphs == 1)
            FL_TRY(read_graph(r, &f));
        else if (f.number == 5)
            FL_TRY(read_referenced(r, &f));
    }
    if (in->failed)
        return damaged(r, "file");
done:
    return st;
}

static floe_status parse(fl_uff_graph *g, const uint8_t *data, size_t size, floe_error *err)
{
    floe_status st = FLOE_OK;
    reader r = {g, NULL, err};
    fl_reader in = fl_reader_make(data, size);
    size_t n_graphs = 0;

    if (size == 0 || data[0] == 0x0a || (size >= 3 && memcmp(data, "\x08\x01\x12", 3) == 0))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: no UFF file: %s", g->path, other_kind(data, size));
    FL_TRY(read_meta_graph(&r, &in, &n_graphs));
    if (n_graphs != 1)
        FL_FAIL(err, n_graphs ? FLOE_ERR_UNSUPPORTED : FLOE_ERR_FORMAT, "%s: %zu graphs in the file, expected 1: %s", g->path,
                n_graphs, n_graphs ? "no converter writes more" : other_kind(data, size));
    if (g->version != 1 || g->core_version != 1)
        fl_log(g->env, FLOE_SEVERITY_WARNING, "%s: UFF version %lld, core %lld; read as version 1", g->path,
               (long long)g->version, (long long)g->core_version);
done:
    return st;
}

floe_status fl_uff_parse(fl_uff_graph **out, const floe_env *env, const void *data, size_t size, const char *name,
                         floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_graph *g = NULL;

    FL_TRY(fl_uff_create(&g, env, err));
    g->path = fl_arena_strdup(&g->arena, name);
    FL_NEED(g->path, strlen(name) + 1, "a path", err);
    FL_TRY(parse(g, data, size, err));
    *out = g;
    g = NULL;
done:
    fl_uff_free(g);
    return st;
}

floe_status fl_uff_load(fl_uff_graph **out, const floe_env *env, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_graph *g = NULL;

    FL_TRY(fl_uff_create(&g, env, err));
    g->path = fl_arena_strdup(&g->arena, path);
    FL_NEED(g->path, strlen(path) + 1, "a path", err);
    FL_TRY(fl_file_map(&g->file, path, err));
    FL_TRY(parse(g, g->file.data, g->file.size, err));
    *out = g;
    g = NULL;
done:
    fl_uff_free(g);
    return st;
}
