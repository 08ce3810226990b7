/* tf_cleanup.c - what a session needed and a frozen graph does not.
 *
 * Control edges order side effects, and held branches alive; with the branches decided and the variables constant they
 * mean nothing, so they go, and with them every assignment, saver, summary, assertion and optimizer that only they
 * led to. Before that happens it is checked that none of them mattered: a variable that is assigned first and read
 * afterwards (a counter, the state of a recurrent net) has a value that no constant can stand for.
 *
 * Loops are the exception: a constant inside a loop belongs to its frame by a control edge only, so where there are
 * loops, control edges from their nodes stay.
 */
#include "proto/wire.h"
#include "tf_freezer.h"

#include <string.h>

#define WORK_MAX ((size_t)1 << 28) /* edges followed from assignments */

typedef struct rename_row {
    const char *op, *becomes;
} rename_row;

static const char *find_rename(const rename_row *rows, size_t n, const char *op)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].op, op) == 0)
            return rows[i].becomes;
    return NULL;
}

/* ---- assigned, then read */

typedef struct state_walk {
    const fl_tf_freezer *f;
    fl_tf_edges          edges;
    uint8_t             *needed; /* by the outputs, through data inputs */
    uint32_t            *seen;   /* the last assignment from which the node was reached, counted from 1 */
    uint32_t            *stack;
    size_t               work;
} state_walk;

static bool assigns(const char *op)
{
    return strncmp(op, "Assign", 6) == 0 || strncmp(op, "Scatter", 7) == 0 || strncmp(op, "ResourceScatter", 15) == 0;
}

/* The variable at the first input, through nodes that pass it on. */
static const fl_tf_node *variable_of(const fl_tf_freezer *f, const fl_tf_node *n)
{
    for (int steps = 0; n && n->n_input > 0 && steps < 100; steps++) {
        n = fl_tf_graph_input(f->graph, n->input[0], NULL);
        if (n && fl_tf_is_variable(n->op))
            return n;
        if (n && strcmp(n->op, "Identity") != 0 && strncmp(n->op, "Ref", 3) != 0)
            return NULL;
    }
    return NULL;
}

static void find_needed(state_walk *w)
{
    const fl_tf_graph *g = w->f->graph;
    size_t depth = 0;

    for (size_t i = 0; i < w->f->n_output; i++) {
        const fl_tf_node *n = fl_tf_graph_input(g, w->f->output[i].tensor, NULL);
        if (n && !w->needed[n - g->node]) {
            w->needed[n - g->node] = 1;
            w->stack[depth++] = (uint32_t)(n - g->node);
        }
    }
    while (depth > 0) {
        const fl_tf_node *n = &g->node[w->stack[--depth]];
        for (size_t k = 0; k < n->n_input && n->input[k][0] != '^'; k++) {
            const fl_tf_node *from = fl_tf_graph_input(g, n->input[k], NULL);
            if (from && !w->needed[from - g->node]) {
                w->needed[from - g->node] = 1;
                w->stack[depth++] = (uint32_t)(from - g->node);
            }
        }
    }
}

/* Follows everything that comes after the assignment. */
static floe_status check_one(state_walk *w, size_t assignment, uint32_t number, const fl_tf_node *variable,
                             floe_error *err)
{
    const fl_tf_graph *g = w->f->graph;
    size_t depth = 0;

    w->stack[depth++] = (uint32_t)assignment;
    w->seen[assignment] = number;
    while (depth > 0) {
        const size_t at = w->stack[--depth];
        for (uint32_t e = w->edges.first[at]; e < w->edges.first[at + 1]; e++) {
            const size_t reader = w->edges.reader[e];
            const fl_tf_node *n = &g->node[reader];
            if (w->work++ > WORK_MAX)
                return fl_fail(err, FLOE_ERR_LIMIT, "%s: too many assignments to follow", g->path);
            if (w->seen[reader] == number)
                continue;
            if (w->needed[reader] && !assigns(n->op) && n->n_input > 0 &&
                fl_tf_graph_input(g, n->input[0], NULL) == variable)
                return fl_fail(err, FLOE_ERR_UNSUPPORTED,
                               "%s: variable '%s' is assigned by '%s' and read by '%s' afterwards: the model keeps "
                               "state from run to run and cannot be frozen",
                               g->path, variable->name, g->node[assignment].name, n->name);
            w->seen[reader] = number;
            w->stack[depth++] = (uint32_t)reader;
        }
    }
    return FLOE_OK;
}

floe_status fl_tf_check_assignments(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n = f->graph->n_node;
    state_walk w = {.f = f};
    uint32_t number = 0;

    w.needed = fl_calloc(f->env, n + 1, sizeof *w.needed);
    w.seen = fl_calloc(f->env, n + 1, sizeof *w.seen);
    w.stack = fl_calloc(f->env, n + 1, sizeof *w.stack);
    FL_NEED(w.needed && w.seen && w.stack ? w.seen : NULL, n * 9, "a walk", err);
    FL_TRY(fl_tf_edges_build(&w.edges, f->graph, err));
    find_needed(&w);
    for (size_t i = 0; i < n; i++) {
        const fl_tf_node *node = &f->graph->node[i];
        const fl_tf_node *variable = node->removed || !assigns(node->op) ? NULL : variable_of(f, node);
        if (variable)
            FL_TRY(check_one(&w, i, ++number, variable, err));
    }
done:
    fl_tf_edges_free(&w.edges, f->graph);
    fl_free(f->env, w.needed);
    fl_free(f->env, w.seen);
    fl_free(f->env, w.stack);
    return st;
}

/* ---- control edges */

static bool holds_frame(const fl_tf_node *n)
{
    static const char *const ops[] = {"Identity", "Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond"};

    for (size_t i = 0; n && i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(n->op, ops[i]) == 0)
            return true;
    return false;
}

static void drop_controls(const fl_tf_graph *g, fl_tf_node *n, bool has_loops)
{
    size_t kept = 0;

    for (size_t i = 0; i < n->n_input; i++)
        if (n->input[i][0] != '^' || (has_loops && holds_frame(fl_tf_graph_input(g, n->input[i], NULL))))
            n->input[kept++] = n->input[i];
    n->n_input = kept;
}

/* ---- operations */

/* What survives as a producer of data means the value that would have been stored. */
static const rename_row assignments[] = {{"Assign", "Identity"}, {"AssignAdd", "Add"}, {"AssignSub", "Sub"}};

static const rename_row references[] = {
    {"RefSwitch", "Switch"}, {"RefMerge", "Merge"}, {"RefEnter", "Enter"}, {"RefExit", "Exit"},
    {"RefIdentity", "Identity"}, {"RefNextIteration", "NextIteration"}, {"RefSelect", "Select"},
};

/* Pass their first input on, and look at it or speak about it. */
static const rename_row watchers[] = {{"CheckNumerics", ""}, {"CheckNumericsV2", ""}, {"Print", ""},
                                      {"DebugIdentity", ""}, {"DebugIdentityV2", ""}, {"DebugIdentityV3", ""}};

#define FIND(rows, op) find_rename(rows, sizeof(rows) / sizeof((rows)[0]), op)

static floe_status convert_assignment(fl_tf_freezer *f, size_t node, const char *op, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &f->graph->node[node];
    const int dtype = fl_tf_attr_type(n, "T", FL_TF_FLOAT);

    if (n->n_input < 2)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s' (%s) has %zu inputs", f->graph->path, n->name, n->op, n->n_input);
    if (strcmp(op, "Identity") == 0) {
        FL_TRY(fl_tf_make_identity(f, node, n->input[1], dtype, err));
        goto done;
    }
    n->op = op;
    n->n_attr = 0;
    n->attr = NULL;
    FL_TRY(fl_tf_attr_set_type(f->graph, n, "T", dtype, err));
done:
    return st;
}

/* Reference types in attributes become their base types. */
static floe_status strip_references(fl_tf_freezer *f, fl_tf_node *n, floe_error *err)
{
    enum { REF = 100 };
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < n->n_attr; i++) {
        const int dtype = fl_tf_attr_type(n, n->attr[i].name, FL_TF_INVALID);
        if (dtype > REF)
            FL_TRY(fl_tf_attr_set_type(f->graph, n, n->attr[i].name, dtype - REF, err));
    }
done:
    return st;
}

static floe_status clean_node(fl_tf_freezer *f, size_t node, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &f->graph->node[node];
    const char *reference = FIND(references, n->op), *assignment = FIND(assignments, n->op);

    if (reference)
        n->op = reference;
    if (assignment) {
        FL_TRY(convert_assignment(f, node, assignment, err));
    } else if (FIND(watchers, n->op) && n->n_input > 0) {
        FL_TRY(fl_tf_alias_set(f, node, 0, n->input[0], err));
        FL_TRY(fl_tf_make_identity(f, node, n->input[0], FL_TF_INVALID, err));
    }
    FL_TRY(strip_references(f, n, err));
    fl_tf_attr_remove(n, "_class"); /* colocation with nodes that may be gone, */
    n->device = "";                 /* and places on the machine that trained */
done:
    return st;
}

floe_status fl_tf_cleanup(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_graph *g = f->graph;
    bool has_loops = false;

    for (size_t i = 0; i < g->n_node; i++)
        has_loops = has_loops || (!g->node[i].removed && (strcmp(g->node[i].op, "Enter") == 0 ||
                                                          strcmp(g->node[i].op, "RefEnter") == 0));
    for (size_t i = 0; i < g->n_node; i++)
        if (!g->node[i].removed)
            drop_controls(g, &g->node[i], has_loops);
    FL_TRY(fl_tf_freezer_prune(f, err));
    for (size_t i = 0; i < g->n_node; i++)
        if (!g->node[i].removed)
            FL_TRY(clean_node(f, i, err));
    FL_TRY(fl_tf_freezer_prune(f, err));
done:
    return st;
}

/* ---- the last look */

/* Operations that a frozen graph must not hold, because only a session or a function library could run them. */
static const char *left_over(const fl_tf_freezer *f, const fl_tf_node *n)
{
    static const char *const session[] = {"ReadVariableOp",  "ResourceGather", "ResourceGatherNd", "AssignVariableOp",
                                          "AssignAddVariableOp", "AssignSubVariableOp", "RestoreV2", "SaveV2",
                                          "SymbolicGradient", "RemoteCall"};

    if (fl_tf_is_call(f, n))
        return n->op;
    for (size_t i = 0; i < sizeof session / sizeof session[0]; i++)
        if (strcmp(n->op, session[i]) == 0)
            return n->op;
    return NULL;
}

floe_status fl_tf_check_frozen(fl_tf_freezer *f, floe_error *err)
{
    enum { NAMED_MAX = 8 };
    floe_status st = FLOE_OK;
    fl_buf names = fl_buf_make(f->env);
    size_t count = 0;

    for (size_t i = 0; i < f->graph->n_node; i++) {
        const fl_tf_node *n = &f->graph->node[i];
        if (n->removed)
            continue;
        for (size_t k = 0; k < n->n_input; k++) {
            const fl_tf_node *from = fl_tf_graph_input(f->graph, n->input[k], NULL);
            if (n->input[k][0] != '^' && (!from || strcmp(from->op, "NoOp") == 0))
                FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s': input '%s' names no tensor", f->graph->path, n->name,
                        n->input[k]);
        }
        fl_tf_shape shape;
        if (strncmp(n->op, "Placeholder", 11) == 0) /* what is written must be readable */
            FL_TRY(fl_tf_attr_shape(f->graph, n, "shape", &shape, err));
        const char *op = left_over(f, n);
        if (op && count++ < NAMED_MAX)
            fl_put_format(&names, "%s%s (%s)", count > 1 ? ", " : " ", n->name, op);
    }
    if (count > NAMED_MAX)
        fl_put_format(&names, " and %zu more", count - NAMED_MAX);
    fl_put_u8(&names, 0);
    if (count > 0)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: %zu node%s cannot be frozen (functional loops, and conditions that are "
                "decided at run time, are not supported):%s", f->graph->path, count, count == 1 ? "" : "s",
                names.failed ? "" : (const char *)names.data);
done:
    fl_buf_free(&names);
    return st;
}
