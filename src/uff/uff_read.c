/* uff_read.c - a UFF file becomes a graph.
 *
 * The file is one MetaGraph message; each function below reads one message of the schema (docs/uff.md) field by field.
 * Maps become arrays of fields; of a key that occurs twice the last counts, as protobuf has it. Unknown members are
 * skipped; a known member of the wrong wire type is damage, which also tells a file of another kind early.
 *
 * What the rest of floe may rely on afterwards: exactly one graph; every node has an id of its own and an operation;
 * every input names a node; strings have no NUL inside where they are names; a node has at most FIELDS_MAX fields (so
 * that searching them in order is cheap), and port arrays fit their inputs. Field values are what the file said:
 * whether they make sense is for whoever uses them.
 *
 * Blobs point into the file; strings, lists and orders are copied to the arena. Nesting is of fixed depth (MetaGraph,
 * Graph, Node, entry, Data, list, DimensionOrders, entry, list), so nothing recurses.
 */
#include "uff_internal.h"

#include <limits.h>
#include <string.h>

#define FIELDS_MAX 4096

/* An entry of a map<string, Data>. */
static floe_status read_entry(const fl_uff_reader *r, const fl_pb_field *entry, const char **key, fl_uff_data *value)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(entry);
    fl_pb_field f;

    *key = "";
    *value = (fl_uff_data){0};
    if (entry->wire != FL_PB_BYTES)
        return fl_uff_damaged(r, "map");
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1)
            FL_TRY(fl_uff_read_name(r, &f, "key", key));
        else if (f.number == 2 && f.wire == FL_PB_BYTES)
            FL_TRY(fl_uff_read_data(r, &f, value));
        else if (f.number == 2)
            return fl_uff_damaged(r, "map");
    }
    if (in.failed)
        return fl_uff_damaged(r, "map");
done:
    return st;
}

/* ---- nodes */

/* The id first: messages about the rest want to name the node. */
static floe_status read_id(fl_uff_reader *r, const fl_pb_field *node, fl_uff_node *n, size_t *n_input)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(node);
    fl_pb_field f;

    n->id = "";
    n->operation = "";
    *n_input = 0;
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1)
            FL_TRY(fl_uff_read_name(r, &f, "node id", &n->id));
        *n_input += f.number == 2;
    }
    if (in.failed)
        return fl_uff_damaged(r, "node");
    if (n->id[0] == '\0')
        FL_FAIL(r->err, FLOE_ERR_FORMAT, "%s: node %zu has no id", r->g->path, r->g->n_node - 1);
    r->node = n->id;
done:
    return st;
}

static floe_status read_ports(const fl_uff_reader *r, fl_uff_node *n, const fl_uff_data *value)
{
    if (value->kind != FL_UFF_I_LIST || value->count != n->n_input)
        return fl_uff_damaged(r, FL_UFF_EXTRA_PORTS);
    n->port = fl_arena_calloc(&r->g->arena, n->n_input, sizeof *n->port);
    if (!n->port)
        return fl_uff_no_memory(r, n->n_input * sizeof *n->port);
    for (size_t i = 0; i < n->n_input; i++) {
        if (value->u.i_list[i] < 0 || value->u.i_list[i] > UINT16_MAX)
            return fl_uff_damaged(r, FL_UFF_EXTRA_PORTS);
        n->port[i] = (int)value->u.i_list[i];
    }
    return FLOE_OK;
}

static floe_status read_extra(const fl_uff_reader *r, fl_uff_node *n, const char *key, const fl_uff_data *value)
{
    if (strcmp(key, FL_UFF_EXTRA_PORTS) == 0)
        return read_ports(r, n, value);
    if (strcmp(key, FL_UFF_EXTRA_DTYPE) == 0) {
        if (value->kind != FL_UFF_I || value->u.i < 0 || value->u.i > INT_MAX)
            return fl_uff_damaged(r, FL_UFF_EXTRA_DTYPE);
        n->tf_dtype = (int)value->u.i;
        return FLOE_OK;
    }
    return fl_uff_put_field(&r->g->arena, &n->extra, &n->n_extra, &n->cap_extra, key, value, r->err);
}

static floe_status read_node_map(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_node *n)
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
static floe_status read_node(fl_uff_reader *r, const fl_pb_field *node)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(node);
    fl_pb_field f;
    size_t at = 0;

    if (node->wire != FL_PB_BYTES)
        return fl_uff_damaged(r, "graph");
    fl_uff_node *n = fl_uff_new_node(r->g, r->err);
    if (!n)
        return FLOE_ERR_MEMORY;
    FL_TRY(read_id(r, node, n, &n->n_input));
    n->cap_input = n->n_input;
    n->input = fl_arena_calloc(&r->g->arena, n->n_input, sizeof *n->input);
    FL_NEED(n->input, n->n_input * sizeof *n->input, r->g->path, r->err);
    while (fl_pb_next(&in, &f)) {
        if (f.number == 2)
            FL_TRY(fl_uff_read_name(r, &f, "input", &n->input[at++]));
        else if (f.number == 3)
            FL_TRY(fl_uff_read_name(r, &f, "operation", &n->operation));
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

static floe_status check_inputs(const fl_uff_reader *r)
{
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < r->g->n_node; i++) {
        const fl_uff_node *n = &r->g->node[i];
        for (size_t k = 0; k < n->n_input; k++)
            if (!fl_uff_find(r->g, n->input[k]))
                FL_FAIL(r->err, FLOE_ERR_FORMAT, "%s: node '%.200s': its input '%.200s' is not in the graph",
                        r->g->path, n->id, n->input[k]);
    }
done:
    return st;
}

/* ---- the file */

/* Graph: 1 id, 2 nodes. */
static floe_status read_graph(fl_uff_reader *r, const fl_pb_field *graph)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(graph);
    fl_pb_field f;

    if (graph->wire != FL_PB_BYTES)
        return fl_uff_damaged(r, "graph");
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1)
            FL_TRY(fl_uff_read_name(r, &f, "graph id", &r->g->id));
        else if (f.number == 2)
            FL_TRY(read_node(r, &f));
    }
    if (in.failed)
        return fl_uff_damaged(r, "graph");
    st = check_inputs(r);
done:
    return st;
}

/* Descriptor: 1 id, 2 version. */
static floe_status read_descriptor(const fl_uff_reader *r, const fl_pb_field *descriptor)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(descriptor);
    fl_pb_field f;
    const char *id = "";
    int64_t version = 0;

    if (descriptor->wire != FL_PB_BYTES)
        return fl_uff_damaged(r, "descriptor");
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1)
            FL_TRY(fl_uff_read_name(r, &f, "descriptor", &id));
        else if (f.number == 2)
            version = (int64_t)f.value;
    }
    if (in.failed)
        return fl_uff_damaged(r, "descriptor");
    if (r->g->n_descriptor >= FIELDS_MAX)
        FL_FAIL(r->err, FLOE_ERR_LIMIT, "%s: more than %d descriptors", r->g->path, FIELDS_MAX);
    st = fl_uff_add_descriptor(r->g, id, version, r->err);
done:
    return st;
}

static floe_status read_referenced(const fl_uff_reader *r, const fl_pb_field *f)
{
    const char *key;
    fl_uff_data value;
    const floe_status st = read_entry(r, f, &key, &value);
    return st != FLOE_OK ? st : fl_uff_put_data(r->g, key, &value, r->err);
}

/* The files that people mix up with UFF, by their first bytes; NULL when this is none of them. */
static const char *other_kind(const uint8_t *data, size_t size)
{
    static const uint8_t saved_model[] = {0x08, 0x01, 0x12};

    if (size == 0)
        return "it is empty";
    if (data[0] == 0x0a)
        return "it starts like a TensorFlow graph: convert it first";
    if (size >= sizeof saved_model && memcmp(data, saved_model, sizeof saved_model) == 0)
        return "it starts like a TensorFlow SavedModel: freeze and convert it first";
    return NULL;
}

/* MetaGraph: 1 version, 2 descriptor_core_version, 3 descriptors, 4 graphs, 5 referenced_data. */
static floe_status read_meta_graph(fl_uff_reader *r, fl_reader *in, size_t *n_graphs)
{
    floe_status st = FLOE_OK;
    fl_pb_field f;

    while (fl_pb_next(in, &f)) {
        if (f.number <= 2 && f.wire != FL_PB_VARINT)
            return fl_uff_damaged(r, "header");
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
        return fl_uff_damaged(r, "file");
done:
    return st;
}

static floe_status parse(fl_uff_graph *g, const uint8_t *data, size_t size, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_reader r = {g, NULL, err};
    fl_reader in = fl_reader_make(data, size);
    size_t n_graphs = 0;

    g->version = g->core_version = 0; /* what an absent member means */
    if (other_kind(data, size))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: no UFF file: %s", g->path, other_kind(data, size));
    FL_TRY(read_meta_graph(&r, &in, &n_graphs));
    if (n_graphs != 1)
        FL_FAIL(err, n_graphs ? FLOE_ERR_UNSUPPORTED : FLOE_ERR_FORMAT, "%s: %zu graphs in the file, expected 1: %s",
                g->path, n_graphs, n_graphs ? "no converter writes more" : "it is damaged or of another kind");
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
