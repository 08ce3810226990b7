/* tf_graphdef.c - GraphDef: read into a list of nodes, found by name, pruned, written again.
 *
 * Two passes over the message: the first counts the nodes, so that they become one array; the second reads each of
 * them, again counting before allocating. Names and inputs are copied into the arena as C strings (and must not
 * contain NUL); attribute values stay where they are in the file.
 *
 * Invariants after reading: names are unique, data inputs precede control inputs, attributes are sorted by name and
 * unique. Inputs need not resolve: a graph may be read that nothing can run, and what follows an input says so then.
 */
#include "proto/wire.h"
#include "tf_source.h"

#include <stdlib.h>
#include <string.h>

enum { GRAPH_NODE = 1, GRAPH_LIBRARY = 2, GRAPH_VERSIONS = 4 };
enum { NODE_NAME = 1, NODE_OP = 2, NODE_INPUT = 3, NODE_DEVICE = 4, NODE_ATTR = 5 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2 };


/* ---- reading one node */

static floe_status damaged(const fl_tf_graph *g, const char *what, floe_error *err)
{
    return fl_fail(err, FLOE_ERR_FORMAT, "%s: damaged: %s", g->path, what);
}

/* A string field as a C string. */
static floe_status take_string(fl_tf_graph *g, const char **out, const fl_pb_field *f, const char *what,
                               floe_error *err)
{
    if (f->wire != FL_PB_BYTES || memchr(f->bytes, 0, f->size))
        return damaged(g, what, err);
    *out = fl_arena_strndup(&g->arena, (const char *)f->bytes, f->size);
    return *out ? FLOE_OK : fl_fail_memory(err, f->size, what);
}

static floe_status take_attr(fl_tf_graph *g, fl_tf_attr *attr, const fl_pb_field *entry, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(entry->bytes, entry->size);
    fl_pb_field f;

    attr->name = "";
    attr->value = (fl_bytes){entry->bytes, 0};
    while (fl_pb_next(&r, &f)) {
        if (f.number == ENTRY_KEY)
            FL_TRY(take_string(g, &attr->name, &f, "an attribute's name", err));
        else if (f.number == ENTRY_VALUE && f.wire == FL_PB_BYTES)
            attr->value = (fl_bytes){f.bytes, f.size};
    }
    if (r.failed)
        st = damaged(g, "an attribute", err);
done:
    return st;
}

/* By name; equal names stay in the order of the file, where later means higher. */
static int compare_attrs(const void *a, const void *b)
{
    const fl_tf_attr *left = a, *right = b;
    const int order = strcmp(left->name, right->name);

    if (order != 0)
        return order;
    return left->value.data < right->value.data ? -1 : left->value.data > right->value.data;
}

/* Sorts, and keeps the last of several values for one name, as a map does. */
static void sort_attrs(fl_tf_node *n)
{
    size_t kept = 0;

    if (n->n_attr > 1)
        qsort(n->attr, n->n_attr, sizeof *n->attr, compare_attrs);
    for (size_t i = 0; i < n->n_attr; i++) {
        if (kept > 0 && strcmp(n->attr[kept - 1].name, n->attr[i].name) == 0)
            kept--;
        n->attr[kept++] = n->attr[i];
    }
    n->n_attr = kept;
}

static floe_status count_node(fl_tf_graph *g, fl_tf_node *n, fl_reader r, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_pb_field f;

    n->device = n->name = n->op = "";
    while (fl_pb_next(&r, &f)) {
        if (f.number == NODE_NAME)
            FL_TRY(take_string(g, &n->name, &f, "a node's name", err));
        n->n_input += f.number == NODE_INPUT;
        n->n_attr += f.number == NODE_ATTR && f.wire == FL_PB_BYTES;
    }
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: node '%s', behind %zu others", g->path, n->name, g->n_node);
    if (!*n->name)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: a node without a name, behind %zu others", g->path, g->n_node);
    n->input = fl_arena_calloc(&g->arena, n->n_input, sizeof *n->input);
    n->attr = fl_arena_calloc(&g->arena, n->n_attr, sizeof *n->attr);
    FL_NEED(n->input && n->attr ? n : NULL, n->n_input * sizeof *n->input + n->n_attr * sizeof *n->attr, "a node",
            err);
done:
    return st;
}

static floe_status fill_node(fl_tf_graph *g, fl_tf_node *n, fl_reader r, floe_error *err)
{
    floe_status st = FLOE_OK;
    size_t inputs = 0, attrs = 0;
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        if (f.number == NODE_OP)
            FL_TRY(take_string(g, &n->op, &f, "a node's op", err));
        else if (f.number == NODE_DEVICE)
            FL_TRY(take_string(g, &n->device, &f, "a node's device", err));
        else if (f.number == NODE_INPUT)
            FL_TRY(take_string(g, &n->input[inputs++], &f, "a node's input", err));
        else if (f.number == NODE_ATTR && f.wire == FL_PB_BYTES)
            FL_TRY(take_attr(g, &n->attr[attrs++], &f, err));
    }
    if (!*n->op)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s' has no op", g->path, n->name);
    for (size_t i = 0; i < n->n_input; i++)
        if (!*n->input[i] || (i > 0 && n->input[i][0] != '^' && n->input[i - 1][0] == '^'))
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s': input %zu ('%s') %s", g->path, n->name, i, n->input[i],
                    *n->input[i] ? "stands behind a control input" : "is empty");
    sort_attrs(n);
done:
    return st;
}

static floe_status add_to_names(fl_tf_graph *g, const char *name, size_t index, floe_error *err)
{
    if (index >= FL_NAMES_NONE)
        return fl_fail(err, FLOE_ERR_LIMIT, "%s: too many nodes", g->path);
    const floe_status st = fl_names_add(&g->by_name, name, (uint32_t)index, err);
    if (st == FLOE_ERR_ARGUMENT)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s: two nodes are called '%s'", g->path, name);
    return st;
}

floe_status fl_tf_node_read(fl_tf_graph *graph, fl_tf_node *out, fl_bytes encoded, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_reader r = fl_reader_make(encoded.data, encoded.size);

    *out = (fl_tf_node){0};
    FL_TRY(count_node(graph, out, r, err));
    FL_TRY(fill_node(graph, out, r, err));
done:
    return st;
}

static floe_status read_node(fl_tf_graph *g, const fl_pb_field *field, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &g->node[g->n_node];

    FL_TRY(fl_tf_node_read(g, n, (fl_bytes){field->bytes, field->size}, err));
    FL_TRY(add_to_names(g, n->name, g->n_node, err));
    g->n_node++;
done:
    return st;
}

/* ---- reading the graph */

/* A sub-message that occurs twice is merged, and merging encoded messages is putting one behind the other. */
static floe_status merge(fl_tf_graph *g, fl_bytes *into, const fl_pb_field *f, floe_error *err)
{
    if (into->size == 0) {
        *into = (fl_bytes){f->bytes, f->size};
        return FLOE_OK;
    }
    uint8_t *both = fl_arena_alloc_data(&g->arena, into->size + f->size);
    if (!both)
        return fl_fail_memory(err, into->size + f->size, "a merged message");
    memcpy(both, into->data, into->size);
    memcpy(both + into->size, f->bytes, f->size);
    *into = (fl_bytes){both, into->size + f->size};
    return FLOE_OK;
}

static floe_status count_nodes(fl_tf_graph *g, fl_bytes graph_def, floe_error *err)
{
    enum { MERGES_MAX = 16 }; /* each merge copies all before it */
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(graph_def.data, graph_def.size);
    fl_pb_field f;
    size_t merges = 0;

    while (fl_pb_next(&r, &f)) {
        if (f.wire != FL_PB_BYTES)
            continue;
        if (f.number == GRAPH_NODE)
            g->cap_node++;
        else if (f.number == GRAPH_LIBRARY || f.number == GRAPH_VERSIONS)
            merges++;
        if (merges > MERGES_MAX)
            FL_FAIL(err, FLOE_ERR_LIMIT, "%s: the library or the versions occur too often", g->path);
        if (f.number == GRAPH_LIBRARY)
            FL_TRY(merge(g, &g->library, &f, err));
        else if (f.number == GRAPH_VERSIONS)
            FL_TRY(merge(g, &g->versions, &f, err));
    }
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged or cut behind node %zu", g->path, g->cap_node);
done:
    return st;
}

static floe_status read_graph(fl_tf_graph *g, fl_bytes graph_def, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_pb_field f;

    FL_TRY(count_nodes(g, graph_def, err));
    g->node = fl_arena_calloc(&g->arena, g->cap_node, sizeof *g->node);
    FL_NEED(g->node, g->cap_node * sizeof *g->node, "nodes", err);
    fl_reader r = fl_reader_make(graph_def.data, graph_def.size);
    while (fl_pb_next(&r, &f))
        if (f.number == GRAPH_NODE && f.wire == FL_PB_BYTES)
            FL_TRY(read_node(g, &f, err));
    r = fl_reader_make(g->versions.data, g->versions.size);
    while (fl_pb_next(&r, &f))
        if (f.number == 1 && f.wire == FL_PB_VARINT)
            g->producer = (int32_t)f.value;
    if (r.failed)
        st = damaged(g, "the versions", err);
done:
    return st;
}

/* The GraphDef inside a MetaGraphDef. */
static floe_status inner_graph(fl_tf_graph *g, fl_bytes meta, fl_bytes *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(meta.data, meta.size);
    fl_pb_field f;

    *out = (fl_bytes){NULL, 0};
    while (fl_pb_next(&r, &f))
        if (f.number == 2 && f.wire == FL_PB_BYTES)
            *out = (fl_bytes){f.bytes, f.size};
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: the MetaGraphDef is damaged or cut", g->path);
    if (out->size == 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: a MetaGraphDef without a graph", g->path);
done:
    return st;
}

floe_status fl_tf_graph_create(fl_tf_graph **out, const floe_env *env, floe_error *err)
{
    fl_tf_graph *g = fl_calloc(env, 1, sizeof *g);

    if (!g)
        return fl_fail_memory(err, sizeof *g, "a graph");
    g->env = env;
    fl_arena_init(&g->arena, env);
    fl_names_init(&g->by_name, &g->arena);
    g->text = fl_buf_make(env);
    g->path = "graph";
    *out = g;
    return FLOE_OK;
}

void fl_tf_graph_free(fl_tf_graph *graph)
{
    if (!graph)
        return;
    fl_arena_free(&graph->arena);
    fl_file_unmap(&graph->file);
    fl_buf_free(&graph->text);
    fl_free(graph->env, graph);
}

/* The graph takes the source over, also on failure. */
static floe_status read_source(fl_tf_graph **out, const floe_env *env, fl_tf_source *source, fl_tf_kind kind,
                               const char *name, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_graph *g = NULL;
    fl_bytes graph_def = source->bytes;

    FL_TRY(fl_tf_graph_create(&g, env, err));
    g->file = source->file;
    g->text = source->text;
    *source = (fl_tf_source){0};
    g->path = fl_arena_strdup(&g->arena, name);
    FL_NEED(g->path, strlen(name), "a path", err);
    if (kind == FL_TF_KIND_META_GRAPH)
        FL_TRY(inner_graph(g, graph_def, &graph_def, err));
    FL_TRY(read_graph(g, graph_def, err));
    *out = g;
    g = NULL;
done:
    fl_tf_graph_free(g);
    fl_tf_source_close(source);
    return st;
}

floe_status fl_tf_graph_parse(fl_tf_graph **out, const floe_env *env, const void *data, size_t size, const char *name,
                              floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_source source = {0};
    fl_tf_kind kind = FL_TF_KIND_UNKNOWN;

    FL_TRY(fl_tf_source_parse(&source, env, data, size, name, &kind, err));
    FL_TRY(read_source(out, env, &source, kind, name, err));
done:
    return st;
}

floe_status fl_tf_graph_load(fl_tf_graph **out, const floe_env *env, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_source source = {0};
    fl_tf_kind kind = FL_TF_KIND_UNKNOWN;

    FL_TRY(fl_file_map(&source.file, path, err));
    FL_TRY(fl_tf_source_parse(&source, env, source.file.data, source.file.size, path, &kind, err));
    FL_TRY(read_source(out, env, &source, kind, path, err));
done:
    fl_tf_source_close(&source);
    return st;
}

floe_status fl_tf_graph_read(fl_tf_graph **out, const floe_env *env, fl_bytes graph_def, const char *name,
                             floe_error *err)
{
    fl_tf_source source = {.bytes = graph_def, .text = fl_buf_make(env)};
    return read_source(out, env, &source, FL_TF_KIND_GRAPH, name, err);
}

/* ---- writing */

static void write_node(fl_buf *out, const fl_tf_node *n)
{
    const size_t node = fl_pb_begin(out, GRAPH_NODE);

    fl_pb_put_string(out, NODE_NAME, n->name);
    fl_pb_put_string(out, NODE_OP, n->op);
    for (size_t i = 0; i < n->n_input; i++)
        fl_pb_put_string(out, NODE_INPUT, n->input[i]);
    if (*n->device)
        fl_pb_put_string(out, NODE_DEVICE, n->device);
    for (size_t i = 0; i < n->n_attr; i++) {
        const size_t entry = fl_pb_begin(out, NODE_ATTR);
        fl_pb_put_string(out, ENTRY_KEY, n->attr[i].name);
        fl_pb_put_bytes(out, ENTRY_VALUE, n->attr[i].value.data, n->attr[i].value.size);
        fl_pb_end(out, entry);
    }
    fl_pb_end(out, node);
}

floe_status fl_tf_graph_write(fl_buf *out, const fl_tf_graph *graph, floe_error *err)
{
    const size_t start = out->size;

    for (size_t i = 0; i < graph->n_node && !out->failed && out->size - start <= INT32_MAX; i++)
        if (!graph->node[i].removed)
            write_node(out, &graph->node[i]);
    if (graph->library.size > 0)
        fl_pb_put_bytes(out, GRAPH_LIBRARY, graph->library.data, graph->library.size);
    if (graph->versions.size > 0)
        fl_pb_put_bytes(out, GRAPH_VERSIONS, graph->versions.data, graph->versions.size);
    if (out->failed)
        return fl_fail_memory(err, out->size, "a graph to be written");
    if (out->size - start > INT32_MAX)
        return fl_fail(err, FLOE_ERR_LIMIT, "%s: the graph would be larger than 2 GiB, and no protobuf reader takes it",
                       graph->path);
    return FLOE_OK;
}

/* ---- building and finding */

floe_status fl_tf_graph_add(fl_tf_graph *graph, fl_tf_node **out, const char *name, const char *op, floe_error *err)
{
    floe_status st = FLOE_OK;

    fl_tf_node *nodes = fl_arena_grow(&graph->arena, graph->node, graph->n_node, &graph->cap_node, sizeof *nodes);
    FL_NEED(nodes, sizeof *nodes, "nodes", err);
    graph->node = nodes;
    const char *own_name = fl_arena_strdup(&graph->arena, name);
    const char *own_op = fl_arena_strdup(&graph->arena, op);
    FL_NEED(own_name && own_op ? own_name : NULL, strlen(name) + strlen(op), "a node", err);
    if (fl_tf_graph_find(graph, name))
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "%s: there is a node '%s' already", graph->path, name);
    FL_TRY(fl_names_set(&graph->by_name, own_name, (uint32_t)graph->n_node, err)); /* over a removed one, perhaps */
    fl_tf_node *n = &graph->node[graph->n_node++];
    *n = (fl_tf_node){.name = own_name, .op = own_op, .device = ""};
    *out = n;
done:
    return st;
}

fl_tf_node *fl_tf_graph_find(const fl_tf_graph *graph, const char *name)
{
    const uint32_t i = fl_names_find(&graph->by_name, name);
    return i == FL_NAMES_NONE || graph->node[i].removed ? NULL : &graph->node[i];
}

size_t fl_tf_input_split(const char *input, int *port)
{
    const char *colon = strrchr(input, ':');
    int value = 0;

    *port = 0;
    if (!colon || !colon[1] || colon == input)
        return strlen(input);
    for (const char *c = colon + 1; *c; c++) {
        if (*c < '0' || *c > '9' || value > INT32_MAX / 10 - 1)
            return strlen(input);
        value = value * 10 + (*c - '0');
    }
    *port = value;
    return (size_t)(colon - input);
}

fl_tf_node *fl_tf_graph_input(const fl_tf_graph *graph, const char *input, int *port)
{
    int own_port;
    const bool control = *input == '^';
    const char *name = input + control;
    const size_t length = fl_tf_input_split(name, &own_port);

    if (port)
        *port = control ? -1 : own_port;
    const uint32_t i = fl_names_find_n(&graph->by_name, name, length);
    return i == FL_NAMES_NONE || graph->node[i].removed ? NULL : &graph->node[i];
}

floe_status fl_tf_graph_missing(const fl_tf_graph *graph, const char *name, const char *what, floe_error *err)
{
    floe_status st = FLOE_OK;
    int port;
    const size_t length = fl_tf_input_split(name, &port);
    const char **names = fl_calloc(graph->env, graph->n_node, sizeof *names);
    char *bare = fl_alloc(graph->env, length + 1);
    size_t n = 0;

    FL_NEED(names && bare ? names : NULL, graph->n_node * sizeof *names, "names", err);
    memcpy(bare, name, length);
    bare[length] = 0;
    for (size_t i = 0; i < graph->n_node; i++)
        if (!graph->node[i].removed)
            names[n++] = graph->node[i].name;
    const char *near = fl_nearest_name(bare, names, n);
    st = fl_fail(err, FLOE_ERR_NOT_FOUND, "%s: there is no node '%s'%s%s%s%s%s%s", graph->path, bare,
                 *what ? ", " : "", what, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "",
                 near ? "?" : "");
done:
    fl_free(graph->env, bare);
    fl_free(graph->env, names);
    return st;
}

/* ---- pruning */

typedef struct prune_walk {
    uint8_t  *kept;  /* by node index */
    uint32_t *stack; /* each node is pushed once, so n_node entries are enough */
    size_t    depth;
} prune_walk;

static void keep_node(prune_walk *w, const fl_tf_graph *g, const fl_tf_node *n)
{
    const size_t i = (size_t)(n - g->node);

    if (!w->kept[i]) {
        w->kept[i] = 1;
        w->stack[w->depth++] = (uint32_t)i;
    }
}

floe_status fl_tf_graph_prune(fl_tf_graph *graph, const char *const *outputs, size_t n_outputs, floe_error *err)
{
    floe_status st = FLOE_OK;
    prune_walk w = {fl_calloc(graph->env, graph->n_node, 1), fl_calloc(graph->env, graph->n_node, sizeof *w.stack), 0};

    FL_NEED(w.kept && w.stack ? w.kept : NULL, graph->n_node * 5, "a mark for each node", err);
    for (size_t i = 0; i < n_outputs; i++) {
        const fl_tf_node *n = fl_tf_graph_input(graph, outputs[i], NULL);
        if (!n) {
            st = fl_tf_graph_missing(graph, outputs[i], "wanted as an output", err);
            goto done;
        }
        keep_node(&w, graph, n);
    }
    while (w.depth > 0) {
        const fl_tf_node *n = &graph->node[w.stack[--w.depth]];
        for (size_t i = 0; i < n->n_input; i++) {
            const fl_tf_node *producer = fl_tf_graph_input(graph, n->input[i], NULL);
            if (!producer)
                FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s': input '%s' names no node", graph->path, n->name,
                        n->input[i]);
            keep_node(&w, graph, producer);
        }
    }
    for (size_t i = 0; i < graph->n_node; i++)
        graph->node[i].removed = graph->node[i].removed || !w.kept[i];
done:
    fl_free(graph->env, w.kept);
    fl_free(graph->env, w.stack);
    return st;
}
