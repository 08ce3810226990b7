/* tf_restore.c - which checkpoint key belongs to which variable: the graph says so itself.
 *
 * A saved graph contains the operations that restore it:
 *
 *     save/restore_all  <-^-  save/Assign(w, RestoreV2:k)        TensorFlow 1
 *     StatefulPartitionedCall -> function of AssignVariableOp(w, Identity(RestoreV2:k))         TensorFlow 2
 *
 *     RestoreV2(prefix, tensor_names, shape_and_slices): output k is the tensor called tensor_names[k], or the slice
 *     shape_and_slices[k] of it
 *
 * Reading them is exact where names are not: savers that rename, restore moving averages into the plain variables, or
 * put a partitioned variable together. Older graphs have one Restore or RestoreSlice for each variable.
 */
#include "tf_freezer.h"

#include <string.h>

#define TRACE_MAX 100 /* steps from an assignment back to what it assigns */

typedef struct restoring {
    fl_tf_freezer *f;
    size_t         cached; /* the Const node whose strings are in cache, or SIZE_MAX */
    fl_tf_tensor   cache;
    size_t         cached_slices;
    fl_tf_tensor   slices;
} restoring;

static const fl_tf_node *producer(const fl_tf_freezer *f, const char *input, int *port)
{
    return fl_tf_graph_input(f->graph, fl_tf_alias_resolve(f, input), port);
}

static bool is_one_of(const char *op, const char *const *ops)
{
    for (; *ops; ops++)
        if (strcmp(op, *ops) == 0)
            return true;
    return false;
}

/* Back through nodes that only pass a tensor on. *reshaped is set when its shape may change on the way. */
static const fl_tf_node *trace(const fl_tf_freezer *f, const char *input, int *port, bool *reshaped)
{
    static const char *const passing[] = {"Identity", "Cast", "Reshape", NULL};
    const fl_tf_node *n = producer(f, input, port);

    for (int steps = 0; n && n->n_input > 0 && is_one_of(n->op, passing) && steps < TRACE_MAX; steps++) {
        *reshaped = *reshaped || strcmp(n->op, "Reshape") == 0;
        n = producer(f, n->input[0], port);
    }
    return n;
}

/* String i of the constant that feeds an input; *known is false when that is no constant. */
static floe_status string_at(restoring *r, const char *input, int i, size_t *cached, fl_tf_tensor *cache,
                             fl_bytes *out, bool *known, floe_error *err)
{
    floe_status st = FLOE_OK;
    int port;
    bool reshaped = false;
    const fl_tf_node *n = trace(r->f, input, &port, &reshaped);

    *known = false;
    if (!n || strcmp(n->op, "Const") != 0)
        goto done;
    const size_t index = (size_t)(n - r->f->graph->node);
    if (*cached != index) {
        FL_TRY(fl_tf_const_value(r->f->graph, n, cache, err));
        *cached = index;
    }
    *known = cache->dtype == FL_TF_STRING && i >= 0 && i < cache->count;
    if (*known)
        *out = cache->strings[i];
done:
    return st;
}

/* Inputs of the three restore operations that hold names and slices; SIZE_MAX: it has none. */
static const struct {
    const char *op;
    size_t      names, slices;
} restores[] = {{"RestoreV2", 1, 2}, {"RestoreSlice", 1, 2}, {"Restore", 1, SIZE_MAX}};

static floe_status key_of_restore(restoring *r, const fl_tf_node *n, int port, fl_tf_key *key, bool *known,
                                  floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_bytes name = {NULL, 0}, slice = {NULL, 0};
    fl_arena *arena = &r->f->arena;

    *known = false;
    for (size_t i = 0; n && i < sizeof restores / sizeof restores[0]; i++) {
        if (strcmp(n->op, restores[i].op) != 0 || n->n_input <= restores[i].names)
            continue;
        FL_TRY(string_at(r, n->input[restores[i].names], port, &r->cached, &r->cache, &name, known, err));
        if (restores[i].slices < n->n_input && *known)
            FL_TRY(string_at(r, n->input[restores[i].slices], port, &r->cached_slices, &r->slices, &slice, known,
                             err));
    }
    if (!*known || name.size == 0 || memchr(name.data, 0, name.size)) {
        *known = false;
        goto done;
    }
    key->key = fl_arena_strndup(arena, (const char *)name.data, name.size);
    FL_NEED(key->key, name.size, "a name", err);
    st = fl_tf_region_parse(arena, slice, &key->region, &key->full_dim, err);
    if (st != FLOE_OK)
        fl_error_prefix(err, "%s: node '%s'", r->f->graph->path, n->name);
done:
    return st;
}

/* Assign(variable, value) and AssignVariableOp(handle, value). */
static floe_status read_assignment(restoring *r, size_t node, floe_error *err)
{
    static const char *const assigns[] = {"Assign", "AssignVariableOp", NULL};
    floe_status st = FLOE_OK;
    const fl_tf_node *n = &r->f->graph->node[node];
    fl_tf_key key = {0};
    bool ignored = false, known;
    int port;

    if (!is_one_of(n->op, assigns) || n->n_input < 2)
        goto done;
    const fl_tf_node *variable = trace(r->f, n->input[0], &port, &ignored);
    if (!variable || !fl_tf_is_variable(variable->op))
        goto done;
    key.variable = variable->name;
    const fl_tf_node *value = trace(r->f, n->input[1], &port, &key.reshaped);
    FL_TRY(key_of_restore(r, value, port, &key, &known, err));
    if (known)
        FL_TRY(fl_tf_key_add(r->f, key, err));
done:
    return st;
}

floe_status fl_tf_restore_read(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    restoring r = {.f = f, .cached = SIZE_MAX, .cached_slices = SIZE_MAX};
    const char *restore = f->model.restore_op;

    if (!*restore)
        goto done;
    if (!fl_tf_graph_input(f->graph, restore, NULL)) {
        fl_log(f->env, FLOE_SEVERITY_WARNING, "%s: the saver names '%s', which is not in the graph", f->graph->path,
               restore);
        goto done;
    }
    FL_TRY(fl_tf_inline_from(f, restore, err)); /* and marks what the restore operation reaches */
    for (size_t i = 0; i < f->graph->n_node; i++)
        if (f->info[i].visited)
            FL_TRY(read_assignment(&r, i, err));
done:
    return st;
}
