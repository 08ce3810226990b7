/* tf_branches.c - branches that inference never takes are cut off.
 *
 * TensorFlow 1 writes "if" as data flow: Switch sends a value to one of two outputs, the other is dead; a node with a
 * dead input is dead; Merge passes on the input that is alive. With the predicates known (flags are set for inference
 * before), we run that on paper:
 *
 *     alive tensors are propagated from the sources. A Switch with a known predicate makes one output alive, with an
 *     unknown one both. A Merge is alive as soon as one input is, any other node when all its inputs are, control
 *     inputs among them: a constant inside a branch is held only by a control edge from its Switch.
 *
 * Starting from "nothing is alive" makes loops come out right: a loop in a dead branch never gets an input, and its
 * back edge cannot keep it alive. Afterwards readers of a decided Switch read its input, readers of a Merge with one
 * live input read that, and dead nodes are removed.
 */
#include "tf_freezer.h"
#include "proto/wire.h"

#include <string.h>

enum { NO_CHOICE = -1 };

typedef struct folding {
    fl_tf_freezer *f;
    fl_tf_edges    edges;
    uint32_t      *waits; /* inputs that are not alive yet */
    uint8_t       *alive;
    int8_t        *choice; /* of a Switch: the live port, or NO_CHOICE */
    uint32_t      *stack;
    size_t         depth;
} folding;

static bool is_switch(const fl_tf_node *n)
{
    return strcmp(n->op, "Switch") == 0 || strcmp(n->op, "RefSwitch") == 0;
}

static bool is_merge(const fl_tf_node *n)
{
    return strcmp(n->op, "Merge") == 0 || strcmp(n->op, "RefMerge") == 0;
}

static floe_status allocate(folding *w, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n = w->f->graph->n_node;

    w->waits = fl_calloc(w->f->env, n + 1, sizeof *w->waits);
    w->alive = fl_calloc(w->f->env, n + 1, sizeof *w->alive);
    w->choice = fl_calloc(w->f->env, n + 1, sizeof *w->choice);
    w->stack = fl_calloc(w->f->env, n + 1, sizeof *w->stack);
    FL_NEED(w->waits && w->alive && w->choice && w->stack ? w->waits : NULL, n * 10, "a graph to be folded", err);
done:
    return st;
}

static void release(folding *w)
{
    void *const parts[] = {w->waits, w->alive, w->choice, w->stack};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        fl_free(w->f->env, parts[i]);
    fl_tf_edges_free(&w->edges, w->f->graph);
}

/* ---- life */

static void find_choices(folding *w)
{
    const fl_tf_graph *g = w->f->graph;
    double value;

    for (size_t i = 0; i < g->n_node; i++) {
        const fl_tf_node *n = &g->node[i];
        w->choice[i] = NO_CHOICE;
        w->waits[i] = (uint32_t)n->n_input;
        if (!n->removed && is_switch(n) && n->n_input >= 2 && fl_tf_scalar_value(w->f, n->input[1], &value))
            w->choice[i] = value != 0;
    }
}

static void make_alive(folding *w, size_t node)
{
    if (!w->alive[node]) {
        w->alive[node] = 1;
        w->stack[w->depth++] = (uint32_t)node;
    }
}

/* True when the tensor at that port is alive, its node being so. */
static bool port_alive(const folding *w, size_t node, int port)
{
    return w->choice[node] == NO_CHOICE || port < 0 || port == w->choice[node];
}

/* Tells the readers of a node that has come alive. An edge stands in the list as often as the reader reads the node,
 * so each visit of a reader accounts for one of its inputs from there: all of them, at the first visit. */
static void tell_readers(folding *w, size_t node)
{
    const fl_tf_graph *g = w->f->graph;

    for (uint32_t e = w->edges.first[node]; e < w->edges.first[node + 1]; e++) {
        const size_t reader = w->edges.reader[e];
        if (e > w->edges.first[node] && w->edges.reader[e - 1] == reader)
            continue; /* edges of one reader lie together */
        for (size_t k = 0; k < g->node[reader].n_input; k++) {
            int port;
            const fl_tf_node *from = fl_tf_graph_input(g, g->node[reader].input[k], &port);
            if ((size_t)(from - g->node) != node || !port_alive(w, node, port))
                continue;
            w->waits[reader]--;
            if (w->waits[reader] == 0 || (is_merge(&g->node[reader]) && port >= 0))
                make_alive(w, reader);
        }
    }
}

static void spread_life(folding *w)
{
    const fl_tf_graph *g = w->f->graph;

    for (size_t i = 0; i < g->n_node; i++)
        if (!g->node[i].removed && g->node[i].n_input == 0)
            make_alive(w, i);
    while (w->depth > 0)
        tell_readers(w, w->stack[--w->depth]);
}

/* ---- folding */

static bool input_alive(const folding *w, const char *input)
{
    int port;
    const fl_tf_node *from = fl_tf_graph_input(w->f->graph, input, &port);
    const size_t i = (size_t)(from - w->f->graph->node);

    return from && w->alive[i] && port_alive(w, i, port);
}

/* What was decided stays as an Identity, for those that only wait for it. */
static floe_status fold_switch(folding *w, size_t node, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *data = w->f->graph->node[node].input[0];

    FL_TRY(fl_tf_alias_set(w->f, node, w->choice[node], data, err));
    FL_TRY(fl_tf_make_identity(w->f, node, data, FL_TF_INVALID, err));
done:
    return st;
}

/* The index of the live input as a constant, for those who ask a Merge which one it was. */
static floe_status make_index(folding *w, size_t node, int32_t index, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_freezer *f = w->f;
    const fl_tf_tensor value = {.dtype = FL_TF_INT32, .count = 1, .data = &index, .bytes = sizeof index};
    const char *wanted = fl_arena_printf(&f->arena, "%s/value_index", f->graph->node[node].name);
    const char *name = wanted ? fl_tf_free_name(f, wanted) : NULL;
    fl_tf_node *n;

    FL_NEED(name, 0, "a name", err);
    FL_TRY(fl_tf_graph_add(f->graph, &n, name, "Const", err));
    FL_TRY(fl_tf_info_grow(f, err));
    FL_TRY(fl_tf_make_const(f->graph, n, &value, err));
    FL_TRY(fl_tf_alias_set(f, node, 1, n->name, err));
done:
    return st;
}

static floe_status set_input_count(folding *w, size_t node, size_t count, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf b = fl_buf_make(w->f->env);

    fl_pb_put_varint(&b, FL_TF_ATTR_I, count);
    FL_NEED(b.failed ? NULL : b.data, b.size, "an attribute", err);
    FL_TRY(fl_tf_attr_set(w->f->graph, &w->f->graph->node[node], "N", (fl_bytes){b.data, b.size}, err));
done:
    fl_buf_free(&b);
    return st;
}

/* One live input: its readers read that. Several: only the dead ones are taken off. */
static floe_status fold_merge(folding *w, size_t node, bool *changed, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &w->f->graph->node[node];
    size_t data = 0, live = 0, index = 0, kept = 0;

    for (; data < n->n_input && n->input[data][0] != '^'; data++)
        if (input_alive(w, n->input[data])) {
            index = data;
            live++;
        }
    if (live == data && live > 1)
        goto done;
    *changed = true;
    if (live == 1) {
        const char *data_input = n->input[index];
        FL_TRY(fl_tf_alias_set(w->f, node, 0, data_input, err));
        FL_TRY(make_index(w, node, (int32_t)index, err));
        FL_TRY(fl_tf_make_identity(w->f, node, data_input, FL_TF_INVALID, err));
        goto done;
    }
    for (size_t i = 0; i < n->n_input; i++)
        if (i >= data || input_alive(w, n->input[i]))
            n->input[kept++] = n->input[i];
    n->n_input = kept;
    FL_TRY(set_input_count(w, node, live, err));
done:
    return st;
}

/* Nothing at inference computes an output that is dead. */
static floe_status check_outputs(const folding *w, floe_error *err)
{
    const fl_tf_freezer *f = w->f;

    for (size_t i = 0; i < f->n_output; i++)
        if (!input_alive(w, f->output[i].tensor))
            return fl_fail(err, FLOE_ERR_UNSUPPORTED,
                           "%s: output '%s' is in a branch that inference does not take (or depends on itself)",
                           f->graph->path, f->output[i].name);
    return FLOE_OK;
}

static floe_status fold_all(folding *w, bool *changed, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n = w->f->graph->n_node; /* the constants added on the way need no folding */

    for (size_t i = 0; i < n; i++) {
        fl_tf_node *node = &w->f->graph->node[i];
        if (node->removed)
            continue;
        if (!w->alive[i]) {
            *changed = true;
        } else if (w->choice[i] != NO_CHOICE) {
            *changed = true;
            FL_TRY(fold_switch(w, i, err));
        } else if (is_merge(node)) {
            FL_TRY(fold_merge(w, i, changed, err));
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!w->alive[i])
            w->f->graph->node[i].removed = true;
done:
    return st;
}

floe_status fl_tf_fold_branches(fl_tf_freezer *f, bool *changed, floe_error *err)
{
    floe_status st = FLOE_OK;
    folding w = {.f = f};
    bool any = false;

    for (size_t i = 0; i < f->graph->n_node && !any; i++)
        any = !f->graph->node[i].removed && (is_switch(&f->graph->node[i]) || is_merge(&f->graph->node[i]));
    if (!any)
        goto done;
    FL_TRY(allocate(&w, err));
    FL_TRY(fl_tf_edges_build(&w.edges, f->graph, err));
    find_choices(&w);
    spread_life(&w);
    FL_TRY(check_outputs(&w, err));
    FL_TRY(fold_all(&w, changed, err));
done:
    release(&w);
    return st;
}
