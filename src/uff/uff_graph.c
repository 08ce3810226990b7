/* uff_graph.c - the UFF graph in memory: built node by node, found by id, its fields read with defaults.
 *
 * Nodes, descriptors and referenced data are arrays in the graph's arena that double when full (the old array stays
 * behind in the arena: at most as much again). Two name tables lead from ids and keys to indices. A node's fields are
 * an unsorted array searched in order: real nodes have one to six, and the reader bounds hostile ones.
 *
 * A reference field names an entry of referenced_data, which may in principle be a reference again; fl_uff_field_of
 * follows a bounded number of them, so that a circle reads as "absent".
 *
 * Strings: NVIDIA's converter, run by Python 3, writes string attributes as Python prints bytes: b'SAME'. Whoever asks
 * with fl_uff_string wants SAME, whoever writes the file back wants what was there. So every string of that form is
 * followed in memory by its stripped copy:   b ' S A M E ' \0 S A M E \0
 */
#include "uff_internal.h"

#include <string.h>

#define REFERENCE_HOPS_MAX 16

/* ---- life */

floe_status fl_uff_create(fl_uff_graph **out, const floe_env *env, floe_error *err)
{
    floe_status st = FLOE_OK;

    fl_uff_graph *g = fl_calloc(env, 1, sizeof *g);
    FL_NEED(g, sizeof *g, "a UFF graph", err);
    g->env = env;
    fl_arena_init(&g->arena, env);
    g->path = "UFF graph";
    g->version = 1;
    g->core_version = 1;
    g->id = "main";
    fl_names_init(&g->by_id, &g->arena);
    fl_names_init(&g->by_key, &g->arena);
    *out = g;
done:
    return st;
}

void fl_uff_free(fl_uff_graph *graph)
{
    if (!graph)
        return;
    const floe_env *env = graph->env;
    fl_arena_free(&graph->arena);
    fl_file_unmap(&graph->file);
    fl_free(env, graph);
}

/* ---- texts in the arena */

static bool is_python_bytes(const char *text, size_t size)
{
    return size >= 3 && text[0] == 'b' && (text[1] == '\'' || text[1] == '"') && text[size - 1] == text[1];
}

char *fl_uff_copy_text(fl_arena *arena, const void *bytes, size_t size)
{
    const bool twice = size >= 3 && is_python_bytes(bytes, size);
    size_t total;

    if (!fl_mul_size(size, twice ? 2 : 1, &total) || !fl_add_size(total, 2, &total))
        return NULL;
    char *copy = fl_arena_alloc(arena, total); /* cleared: the NULs are there */
    if (!copy)
        return NULL;
    if (size > 0)
        memcpy(copy, bytes, size);
    if (twice)
        memcpy(copy + size + 1, (const char *)bytes + 2, size - 3);
    return copy;
}

/* ---- building */

fl_uff_node *fl_uff_new_node(fl_uff_graph *g, floe_error *err)
{
    fl_uff_node *grown = fl_arena_grow(&g->arena, g->node, g->n_node, &g->cap_node, sizeof *g->node);
    if (!grown || g->n_node >= FL_NAMES_NONE) {
        fl_fail_memory(err, g->cap_node * sizeof *g->node, "UFF nodes");
        return NULL;
    }
    g->node = grown;
    g->node[g->n_node] = (fl_uff_node){0};
    return &g->node[g->n_node++];
}

floe_status fl_uff_add_node(fl_uff_graph *g, fl_uff_node **out, const char *id, const char *operation, floe_error *err)
{
    floe_status st = FLOE_OK;

    const char *id_copy = fl_arena_strdup(&g->arena, id);
    const char *operation_copy = fl_arena_strdup(&g->arena, operation);
    FL_NEED(id_copy && operation_copy ? id_copy : NULL, strlen(id) + 1, "a UFF node", err);
    FL_TRY(fl_names_add(&g->by_id, id_copy, (uint32_t)g->n_node, err));
    fl_uff_node *n = fl_uff_new_node(g, err);
    if (!n) {
        st = FLOE_ERR_MEMORY;
        goto done;
    }
    n->id = id_copy;
    n->operation = operation_copy;
    *out = n;
done:
    return st;
}

static floe_status grow_inputs(fl_uff_graph *g, fl_uff_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t capacity = n->cap_input ? n->cap_input * 2 : 4;

    const char **input = fl_arena_calloc(&g->arena, capacity, sizeof *input);
    int *port = fl_arena_calloc(&g->arena, capacity, sizeof *port);
    FL_NEED(input && port ? input : NULL, capacity * sizeof *input, "inputs", err);
    for (size_t i = 0; i < n->n_input; i++) {
        input[i] = n->input[i];
        port[i] = fl_uff_port(n, i);
    }
    n->input = input;
    n->port = port;
    n->cap_input = capacity;
done:
    return st;
}

floe_status fl_uff_add_input(fl_uff_graph *g, fl_uff_node *n, const char *id, int port, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (n->n_input == n->cap_input)
        FL_TRY(grow_inputs(g, n, err));
    const char *copy = fl_arena_strdup(&g->arena, id);
    FL_NEED(copy, strlen(id) + 1, "an input", err);
    n->input[n->n_input] = copy;
    n->port[n->n_input++] = port;
done:
    return st;
}

floe_status fl_uff_put_field(fl_arena *arena, fl_uff_field **field, size_t *count, size_t *capacity, const char *key,
                             const fl_uff_data *value, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*field)[i].key, key) == 0) {
            (*field)[i].value = *value;
            return FLOE_OK;
        }
    }
    fl_uff_field *grown = fl_arena_grow(arena, *field, *count, capacity, sizeof **field);
    FL_NEED(grown, *capacity * sizeof **field, "fields", err);
    *field = grown;
    grown[(*count)++] = (fl_uff_field){key, *value};
done:
    return st;
}

floe_status fl_uff_put_data(fl_uff_graph *g, const char *key, const fl_uff_data *value, floe_error *err)
{
    floe_status st = FLOE_OK;
    const uint32_t at = fl_names_find(&g->by_key, key);

    if (at != FL_NAMES_NONE) {
        g->data[at].value = *value;
        goto done;
    }
    fl_uff_field *grown = fl_arena_grow(&g->arena, g->data, g->n_data, &g->cap_data, sizeof *g->data);
    FL_NEED(grown, g->cap_data * sizeof *g->data, "referenced data", err);
    g->data = grown;
    FL_TRY(fl_names_add(&g->by_key, key, (uint32_t)g->n_data, err));
    g->data[g->n_data++] = (fl_uff_field){key, *value};
done:
    return st;
}

/* Copies the key and, where the value is a text, the text. */
static floe_status own(fl_uff_graph *g, const char **key, fl_uff_data *value, floe_error *err)
{
    floe_status st = FLOE_OK;

    *key = fl_arena_strdup(&g->arena, *key);
    FL_NEED(*key, 1, "a key", err);
    if (value->kind != FL_UFF_S && value->kind != FL_UFF_REF)
        goto done;
    value->count = strlen(value->u.s);
    value->u.s = fl_uff_copy_text(&g->arena, value->u.s, value->count);
    FL_NEED(value->u.s, value->count, "a text", err);
done:
    return st;
}

floe_status fl_uff_set_field(fl_uff_graph *g, fl_uff_node *n, const char *key, fl_uff_data value, floe_error *err)
{
    floe_status st = own(g, &key, &value, err);
    return st != FLOE_OK ? st : fl_uff_put_field(&g->arena, &n->field, &n->n_field, &n->cap_field, key, &value, err);
}

floe_status fl_uff_set_extra(fl_uff_graph *g, fl_uff_node *n, const char *key, fl_uff_data value, floe_error *err)
{
    floe_status st = own(g, &key, &value, err);
    return st != FLOE_OK ? st : fl_uff_put_field(&g->arena, &n->extra, &n->n_extra, &n->cap_extra, key, &value, err);
}

floe_status fl_uff_set_data(fl_uff_graph *g, const char *key, fl_uff_data value, floe_error *err)
{
    floe_status st = own(g, &key, &value, err);
    return st != FLOE_OK ? st : fl_uff_put_data(g, key, &value, err);
}

floe_status fl_uff_add_descriptor(fl_uff_graph *g, const char *id, int64_t version, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < g->n_descriptor; i++)
        if (strcmp(g->descriptor[i].id, id) == 0)
            goto done;
    fl_uff_descriptor *grown =
        fl_arena_grow(&g->arena, g->descriptor, g->n_descriptor, &g->cap_descriptor, sizeof *g->descriptor);
    const char *copy = fl_arena_strdup(&g->arena, id);
    FL_NEED(grown && copy ? grown : NULL, sizeof *grown, "a descriptor", err);
    g->descriptor = grown;
    g->descriptor[g->n_descriptor++] = (fl_uff_descriptor){copy, version};
done:
    return st;
}

/* ---- reading */

const fl_uff_node *fl_uff_find(const fl_uff_graph *g, const char *id)
{
    const uint32_t at = fl_names_find(&g->by_id, id);
    return at == FL_NAMES_NONE ? NULL : &g->node[at];
}

static const fl_uff_data *find_field(const fl_uff_field *field, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(field[i].key, key) == 0)
            return &field[i].value;
    return NULL;
}

const fl_uff_data *fl_uff_field_of(const fl_uff_graph *g, const fl_uff_node *n, const char *key)
{
    const fl_uff_data *value = find_field(n->field, n->n_field, key);

    for (int hops = 0; value && value->kind == FL_UFF_REF && hops < REFERENCE_HOPS_MAX; hops++) {
        const uint32_t at = fl_names_find(&g->by_key, value->u.s);
        value = at == FL_NAMES_NONE ? NULL : &g->data[at].value;
    }
    return value && value->kind != FL_UFF_EMPTY && value->kind != FL_UFF_REF ? value : NULL;
}

const fl_uff_data *fl_uff_extra(const fl_uff_node *n, const char *key)
{
    return find_field(n->extra, n->n_extra, key);
}

int64_t fl_uff_int(const fl_uff_graph *g, const fl_uff_node *n, const char *key, int64_t absent)
{
    const fl_uff_data *value = fl_uff_field_of(g, n, key);

    if (!value)
        return absent;
    if (value->kind == FL_UFF_B)
        return value->u.b;
    return value->kind == FL_UFF_I || value->kind == FL_UFF_DTYPE ? value->u.i : absent;
}

double fl_uff_double(const fl_uff_graph *g, const fl_uff_node *n, const char *key, double absent)
{
    const fl_uff_data *value = fl_uff_field_of(g, n, key);

    if (!value)
        return absent;
    if (value->kind == FL_UFF_I)
        return (double)value->u.i;
    return value->kind == FL_UFF_D ? value->u.d : absent;
}

bool fl_uff_bool(const fl_uff_graph *g, const fl_uff_node *n, const char *key, bool absent)
{
    const fl_uff_data *value = fl_uff_field_of(g, n, key);

    if (!value)
        return absent;
    if (value->kind == FL_UFF_I)
        return value->u.i != 0;
    return value->kind == FL_UFF_B ? value->u.b : absent;
}

const char *fl_uff_string(const fl_uff_graph *g, const fl_uff_node *n, const char *key)
{
    const fl_uff_data *value = fl_uff_field_of(g, n, key);

    if (!value || value->kind != FL_UFF_S)
        return NULL;
    return is_python_bytes(value->u.s, value->count) ? value->u.s + value->count + 1 : value->u.s;
}

/* ---- types. TensorFlow's numbers are written out: this folder does not include the TensorFlow one. */

static const struct {
    int          tf;
    fl_uff_dtype uff;
} types[] = {
    {1, FL_UFF_FLOAT32}, {3, FL_UFF_INT32}, {5, FL_UFF_INT16},
    {6, FL_UFF_INT8},    {9, FL_UFF_INT64}, {19, FL_UFF_FLOAT16},
};

fl_uff_dtype fl_uff_dtype_of_tf(int tf_dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].tf == tf_dtype)
            return types[i].uff;
    return FL_UFF_OTHER;
}

int fl_uff_dtype_to_tf(int64_t uff_dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if ((int64_t)types[i].uff == uff_dtype)
            return types[i].tf;
    return 0;
}

int fl_uff_tf_type(const fl_uff_graph *g, const fl_uff_node *n, const char *key, int absent)
{
    const fl_uff_data *extra = fl_uff_extra(n, key), *value = fl_uff_field_of(g, n, key);

    if (strcmp(key, "dtype") == 0 && n->tf_dtype != 0)
        return n->tf_dtype;
    if (extra && extra->kind == FL_UFF_I && extra->u.i > 0 && extra->u.i < INT32_MAX)
        return (int)extra->u.i;
    const int tf = value && value->kind == FL_UFF_DTYPE ? fl_uff_dtype_to_tf(value->u.i) : 0;
    return tf != 0 ? tf : absent;
}
