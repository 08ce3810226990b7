/* tf_objects.c - object graphs: from what a signature captures, or from a variable's full name, to a checkpoint key.
 *
 * Checkpoints of TensorFlow 2 hold, as a string, a TrackableObjectGraph: objects, their children by local name, and
 * for each value its key and its graph-style full name. A SavedModel holds a SavedObjectGraph of nearly the same
 * objects, under other numbers, and says which of them each function captures.
 *
 *     call in the graph, input n - m + i  ->  bound_inputs[i]  ->  saved object  ~  trackable object  ->  key
 *
 * "~" is found by walking both graphs from their roots along equal names (route D); it is the only way for models of
 * Keras 3 whose restore operation leaves out the variables that the signature reads. Full names (route C) serve graphs
 * without any of that; they need not be unique, and a name that is there twice must not be taken.
 */
#include "proto/wire.h"
#include "tf_freezer.h"

#include <string.h>

#define OBJECT_GRAPH_KEY "_CHECKPOINTABLE_OBJECT_GRAPH"
#define NOT_MATCHED      UINT32_MAX

/* Objects of either graph: the encoded node, and what it is matched with. */
typedef struct object_list {
    fl_bytes *object;
    size_t    count;
} object_list;

struct fl_tf_objects {
    fl_names     captured; /* variable node -> index in key */
    const char **key;
    size_t       n_key;
    fl_names     by_name; /* full name -> index in named */
    struct named_key {
        const char *key;
        bool        twice;
    } * named;
    size_t n_named;
};

/* Field numbers that the two graphs share: nodes, and a node's children { node_id, local_name }. */
enum { GRAPH_NODES = 1, OBJECT_CHILDREN = 1, CHILD_ID = 1, CHILD_NAME = 2 };
enum { TRACKABLE_ATTRIBUTES = 2, ATTRIBUTE_NAME = 1, ATTRIBUTE_FULL_NAME = 2, ATTRIBUTE_KEY = 3 };
enum { SAVED_FUNCTIONS = 2, SAVED_VARIABLE = 7, FUNCTION_BOUND = 2 };

static floe_status list_objects(fl_tf_freezer *f, fl_bytes graph, object_list *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(graph.data, graph.size);
    fl_pb_field field;
    size_t n = 0;

    while (fl_pb_next(&r, &field))
        n += field.number == GRAPH_NODES && field.wire == FL_PB_BYTES;
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: its object graph is damaged", f->graph->path);
    out->object = fl_arena_calloc(&f->arena, n, sizeof *out->object);
    FL_NEED(out->object, n * sizeof *out->object, "objects", err);
    out->count = 0;
    r = fl_reader_make(graph.data, graph.size);
    while (fl_pb_next(&r, &field))
        if (field.number == GRAPH_NODES && field.wire == FL_PB_BYTES)
            out->object[out->count++] = (fl_bytes){field.bytes, field.size};
done:
    return st;
}

static bool read_child(const fl_pb_field *f, uint64_t *id, fl_bytes *name)
{
    fl_reader r = fl_reader_make(f->bytes, f->size);
    fl_pb_field inner;

    *id = 0;
    *name = (fl_bytes){f->bytes, 0};
    while (fl_pb_next(&r, &inner)) {
        if (inner.number == CHILD_ID && inner.wire == FL_PB_VARINT)
            *id = inner.value;
        else if (inner.number == CHILD_NAME && inner.wire == FL_PB_BYTES)
            *name = (fl_bytes){inner.bytes, inner.size};
    }
    return !r.failed;
}

/* The child of that name; NOT_MATCHED when there is none. */
static uint32_t find_child(const object_list *list, uint32_t object, fl_bytes name)
{
    fl_reader r = fl_reader_make(list->object[object].data, list->object[object].size);
    fl_bytes child_name;
    fl_pb_field f;
    uint64_t id;

    while (fl_pb_next(&r, &f))
        if (f.number == OBJECT_CHILDREN && f.wire == FL_PB_BYTES && read_child(&f, &id, &child_name) &&
            id < list->count && child_name.size == name.size && memcmp(child_name.data, name.data, name.size) == 0)
            return (uint32_t)id;
    return NOT_MATCHED;
}

/* match[saved object] = trackable object, by walking both from their roots. */
static floe_status match_objects(fl_tf_freezer *f, const object_list *saved, const object_list *trackable,
                                 uint32_t **out, floe_error *err)
{
    enum { WORK_MAX = 1 << 28 }; /* bytes of children looked at: names of one object are compared in pairs */
    floe_status st = FLOE_OK;
    uint32_t *match = fl_arena_calloc(&f->arena, saved->count, sizeof *match);
    uint32_t *queue = fl_arena_calloc(&f->arena, saved->count, sizeof *queue);
    size_t head = 0, tail = 0, work = 0;

    FL_NEED(match && queue ? match : NULL, saved->count * 2 * sizeof *match, "objects", err);
    for (size_t i = 0; i < saved->count; i++)
        match[i] = NOT_MATCHED;
    if (saved->count > 0 && trackable->count > 0) {
        match[0] = 0;
        queue[tail++] = 0;
    }
    while (head < tail) {
        const uint32_t at = queue[head++];
        fl_reader r = fl_reader_make(saved->object[at].data, saved->object[at].size);
        fl_pb_field field;
        while (fl_pb_next(&r, &field)) {
            uint64_t id;
            fl_bytes name;
            if (field.number != OBJECT_CHILDREN || field.wire != FL_PB_BYTES || !read_child(&field, &id, &name) ||
                id >= saved->count || match[id] != NOT_MATCHED)
                continue;
            work += trackable->object[match[at]].size;
            if (work > WORK_MAX)
                FL_FAIL(err, FLOE_ERR_LIMIT, "%s: its object graph is too large", f->graph->path);
            match[id] = find_child(trackable, match[at], name);
            if (match[id] != NOT_MATCHED)
                queue[tail++] = (uint32_t)id;
        }
    }
    *out = match;
done:
    return st;
}

/* The key of an object's value: the attribute VARIABLE_VALUE, else the first. */
static fl_bytes key_of_object(fl_bytes object, fl_bytes *full_name)
{
    fl_reader r = fl_reader_make(object.data, object.size);
    fl_bytes key = {NULL, 0};
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        if (f.number != TRACKABLE_ATTRIBUTES || f.wire != FL_PB_BYTES)
            continue;
        const fl_bytes attribute = {f.bytes, f.size}, name = fl_tf_field(attribute, ATTRIBUTE_NAME);
        const bool value = name.size == 14 && memcmp(name.data, "VARIABLE_VALUE", 14) == 0;
        if (key.data && !value)
            continue;
        key = fl_tf_field(attribute, ATTRIBUTE_KEY);
        *full_name = fl_tf_field(attribute, ATTRIBUTE_FULL_NAME);
        if (value)
            break;
    }
    return key;
}

static floe_status add_named(fl_tf_freezer *f, fl_bytes full_name, fl_bytes key, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_objects *o = f->objects;

    if (full_name.size == 0 || key.size == 0 || memchr(full_name.data, 0, full_name.size) ||
        memchr(key.data, 0, key.size))
        goto done;
    const uint32_t known = fl_names_find_n(&o->by_name, (const char *)full_name.data, full_name.size);
    if (known != FL_NAMES_NONE) {
        o->named[known].twice = true;
        goto done;
    }
    const char *name = fl_arena_strndup(&f->arena, (const char *)full_name.data, full_name.size);
    o->named[o->n_named].key = fl_arena_strndup(&f->arena, (const char *)key.data, key.size);
    FL_NEED(name && o->named[o->n_named].key ? name : NULL, full_name.size + key.size, "a name", err);
    FL_TRY(fl_names_add(&o->by_name, name, (uint32_t)o->n_named++, err));
done:
    return st;
}

static floe_status index_names(fl_tf_freezer *f, const object_list *trackable, floe_error *err)
{
    floe_status st = FLOE_OK;

    f->objects->named = fl_arena_calloc(&f->arena, trackable->count, sizeof *f->objects->named);
    FL_NEED(f->objects->named, trackable->count * sizeof *f->objects->named, "names", err);
    for (size_t i = 0; i < trackable->count; i++) {
        fl_bytes full_name = {NULL, 0};
        const fl_bytes key = key_of_object(trackable->object[i], &full_name);
        FL_TRY(add_named(f, full_name, key, err));
    }
done:
    return st;
}

/* ---- what functions capture */

typedef struct capturing {
    fl_tf_freezer     *f;
    const object_list *saved, *trackable;
    const uint32_t    *match;
} capturing;

/* The variable at an input of a call is the object of that number. */
static floe_status capture(const capturing *c, const char *input, uint64_t object, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_objects *o = c->f->objects;
    const fl_tf_node *n = fl_tf_graph_input(c->f->graph, input, NULL);
    fl_bytes full_name;

    if (!n || !fl_tf_is_variable(n->op) || object >= c->saved->count || c->match[object] == NOT_MATCHED ||
        fl_tf_field(c->saved->object[object], SAVED_VARIABLE).data == NULL ||
        fl_names_find(&o->captured, n->name) != FL_NAMES_NONE)
        goto done;
    const fl_bytes key = key_of_object(c->trackable->object[c->match[object]], &full_name);
    if (key.size == 0 || memchr(key.data, 0, key.size))
        goto done;
    o->key[o->n_key] = fl_arena_strndup(&c->f->arena, (const char *)key.data, key.size);
    FL_NEED(o->key[o->n_key], key.size, "a name", err);
    FL_TRY(fl_names_add(&o->captured, n->name, (uint32_t)o->n_key++, err));
done:
    return st;
}

/* bound_inputs of a concrete function, as object numbers. */
static floe_status bound_inputs(fl_tf_freezer *f, fl_bytes function, uint64_t **out, size_t *count, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(function.data, function.size);
    fl_pb_field field;
    size_t n = 0;

    while (fl_pb_next(&r, &field))
        if (field.number == FUNCTION_BOUND)
            n += fl_pb_scalar_count(&field, FL_PB_VARINT);
    uint64_t *ids = fl_arena_calloc(&f->arena, n, sizeof *ids);
    FL_NEED(ids, n * sizeof *ids, "captures", err);
    *out = ids;
    *count = n;
    r = fl_reader_make(function.data, function.size);
    while (fl_pb_next(&r, &field)) {
        if (field.number != FUNCTION_BOUND)
            continue;
        if (!fl_pb_scalars(&field, FL_PB_VARINT, ids))
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: its object graph is damaged", f->graph->path);
        ids += fl_pb_scalar_count(&field, FL_PB_VARINT);
    }
done:
    return st;
}

static floe_status capture_call(const capturing *c, const fl_tf_node *call, fl_bytes function, floe_error *err)
{
    floe_status st = FLOE_OK;
    uint64_t *ids;
    size_t count, inputs = 0;

    FL_TRY(bound_inputs(c->f, function, &ids, &count, err));
    while (inputs < call->n_input && call->input[inputs][0] != '^')
        inputs++;
    for (size_t i = 0; count <= inputs && i < count; i++)
        FL_TRY(capture(c, call->input[inputs - count + i], ids[i], err));
done:
    return st;
}

static floe_status capture_calls(const capturing *c, fl_bytes object_graph, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_freezer *f = c->f;
    fl_names functions;
    fl_pb_field field;
    fl_reader r = fl_reader_make(object_graph.data, object_graph.size);
    size_t n = 0, inputs = 0;

    for (size_t i = 0; i < f->graph->n_node; i++)
        inputs += f->graph->node[i].n_input;
    f->objects->key = fl_arena_calloc(&f->arena, inputs, sizeof *f->objects->key);
    FL_NEED(f->objects->key, inputs * sizeof *f->objects->key, "captures", err);
    fl_names_init(&functions, &f->arena);
    while (fl_pb_next(&r, &field))
        n += field.number == SAVED_FUNCTIONS && field.wire == FL_PB_BYTES;
    fl_bytes *function = fl_arena_calloc(&f->arena, n, sizeof *function);
    FL_NEED(function, n * sizeof *function, "functions", err);
    n = 0;
    r = fl_reader_make(object_graph.data, object_graph.size);
    while (fl_pb_next(&r, &field)) {
        fl_bytes key;
        if (field.number != SAVED_FUNCTIONS || field.wire != FL_PB_BYTES ||
            !fl_tf_map_entry(field.bytes, field.size, &key, &function[n]) || memchr(key.data, 0, key.size))
            continue;
        const char *name = fl_arena_strndup(&f->arena, (const char *)key.data, key.size);
        FL_NEED(name, key.size, "a name", err);
        FL_TRY(fl_names_set(&functions, name, (uint32_t)n++, err));
    }
    for (size_t i = 0; i < f->graph->n_node; i++) {
        const fl_tf_node *call = &f->graph->node[i];
        const uint32_t called = fl_names_find(&functions, fl_tf_function_attr(f, call, "f"));
        if (called != FL_NAMES_NONE)
            FL_TRY(capture_call(c, call, function[called], err));
    }
done:
    return st;
}

/* ---- public */

floe_status fl_tf_objects_read(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    object_list saved, trackable;
    uint32_t *match;
    fl_tf_tensor t;
    const fl_tf_var *var = f->bundle ? fl_tf_bundle_find(f->bundle, OBJECT_GRAPH_KEY) : NULL;

    f->objects = fl_arena_alloc(&f->arena, sizeof *f->objects);
    FL_NEED(f->objects, sizeof *f->objects, "object graphs", err);
    fl_names_init(&f->objects->captured, &f->arena);
    fl_names_init(&f->objects->by_name, &f->arena);
    if (!var)
        goto done;
    FL_TRY(fl_tf_bundle_read(f->bundle, var, NULL, &f->arena, &t, err));
    if (t.dtype != FL_TF_STRING || t.count != 1)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: its object graph is no string", f->bundle->prefix);
    FL_TRY(list_objects(f, t.strings[0], &trackable, err));
    FL_TRY(index_names(f, &trackable, err));
    if (f->model.object_graph.size == 0)
        goto done;
    FL_TRY(list_objects(f, f->model.object_graph, &saved, err));
    FL_TRY(match_objects(f, &saved, &trackable, &match, err));
    const capturing c = {f, &saved, &trackable, match};
    FL_TRY(capture_calls(&c, f->model.object_graph, err));
done:
    return st;
}

const char *fl_tf_objects_captured(const fl_tf_freezer *f, const char *variable)
{
    const uint32_t i = fl_names_find(&f->objects->captured, variable);
    return i == FL_NAMES_NONE ? NULL : f->objects->key[i];
}

const char *fl_tf_objects_by_name(const fl_tf_freezer *f, const char *name, bool *twice)
{
    const uint32_t i = fl_names_find(&f->objects->by_name, name);

    *twice = i != FL_NAMES_NONE && f->objects->named[i].twice;
    return i == FL_NAMES_NONE || *twice ? NULL : f->objects->named[i].key;
}
