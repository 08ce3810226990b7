/* uff_import.c - the walk over a UFF graph that turns it into a network.
 *
 * Two passes over the nodes that the outputs need. The first finds them (nodes are not in topological order in the file)
 * and collects every operation floe does not know, so that one message names them all; the second calls each node's rule
 * once its inputs are there. Both keep their own stacks: a hostile chain of a million nodes must not overflow ours.
 */
#include "uff/uff_importer.h"

#include <stdlib.h>
#include <string.h>

static const fl_uff_rule *rule_of(const fl_uff_node *node)
{
    const fl_uff_rule *tables[] = {fl_uff_core_rules, fl_uff_custom_rules};
    for (size_t t = 0; t < 2; t++)
        for (const fl_uff_rule *r = tables[t]; r->operation; r++)
            if (!strcmp(r->operation, node->operation))
                return r;
    return NULL;
}

/* ---- which nodes are wanted */

typedef struct node_stack {
    uint32_t *item;
    size_t    count;
} node_stack;

/* Inputs of a registered PlaceholderWithDefault are not looked at: the caller feeds it. */
static bool descends(const fl_uff_importer *m, const fl_uff_node *node)
{
    return !fl_uff_registered(m, node->id);
}

static floe_status input_index(const fl_uff_importer *m, const fl_uff_node *node, size_t i, uint32_t *out, floe_error *err)
{
    *out = fl_names_find(&m->graph->by_id, node->input[i]);
    if (*out == FL_NAMES_NONE)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s: node '%s' reads '%s', which is not in the graph", m->graph->path,
                       node->id, node->input[i]);
    return FLOE_OK;
}

static floe_status mark_wanted(fl_uff_importer *m, uint32_t root, node_stack *stack, floe_error *err)
{
    floe_status st = FLOE_OK;
    if (m->wanted[root])
        return FLOE_OK;
    m->wanted[root] = true;
    stack->item[stack->count++] = root;
    while (stack->count) {
        const fl_uff_node *node = &m->graph->node[stack->item[--stack->count]];
        for (size_t i = 0; descends(m, node) && i < node->n_input; i++) {
            uint32_t next;
            FL_TRY(input_index(m, node, i, &next, err));
            if (!m->wanted[next]) {
                m->wanted[next] = true;
                stack->item[stack->count++] = next;
            }
        }
    }
done:
    return st;
}

/* "_Split (3), LRN (1)": every unknown operation with its count, once. */
static floe_status check_operations(fl_uff_importer *m, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_graph *g = m->graph;
    fl_buf text = fl_buf_make(g->env);
    fl_arena arena;
    fl_names seen;
    uint32_t *counts = NULL;
    const char **ops = NULL;
    uint32_t n = 0;
    fl_arena_init(&arena, g->env);
    fl_names_init(&seen, &arena);
    counts = fl_arena_calloc(&arena, g->n_node + 1, sizeof *counts);
    ops = fl_arena_calloc(&arena, g->n_node + 1, sizeof *ops);
    FL_NEED(counts && ops, g->n_node * sizeof *ops, "checking operations", err);
    for (size_t i = 0; i < g->n_node; i++) {
        const fl_uff_node *node = &g->node[i];
        if (!m->wanted[i] || rule_of(node))
            continue;
        uint32_t at = fl_names_find(&seen, node->operation);
        if (at == FL_NAMES_NONE) {
            at = n++;
            ops[at] = node->operation;
            FL_TRY(fl_names_add(&seen, node->operation, at, err));
        }
        counts[at]++;
    }
    for (uint32_t i = 0; i < n; i++)
        fl_put_format(&text, "%s%s (%u)", i ? ", " : "", ops[i] + (ops[i][0] == '_'), counts[i]);
    fl_put_u8(&text, 0);
    if (n)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: operations that floe does not run yet: %.900s", g->path,
                text.failed ? "?" : (const char *)text.data);
done:
    fl_buf_free(&text);
    fl_arena_free(&arena);
    return st;
}

/* ---- the nodes in order */

static floe_status import_node(fl_uff_importer *m, uint32_t index, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_node *node = &m->graph->node[index];
    const fl_uff_rule *rule = rule_of(node);
    fl_uff_value *value = &m->value[index];
    if (fl_uff_registered(m, node->id)) {
        st = fl_uff_input_node(m, node, value, err);
    } else if (node->n_input < (size_t)rule->min_input || node->n_input > (size_t)rule->max_input) {
        st = fl_fail(err, FLOE_ERR_FORMAT, "operation %s takes %d to %d inputs, found %zu", node->operation,
                     rule->min_input, rule->max_input, node->n_input);
    } else {
        st = rule->handler(m, node, value, err);
    }
    if (st != FLOE_OK)
        fl_error_prefix(err, "%s: node '%s'", m->graph->path, node->id);
    return st;
}

/* Depth-first with a stack of nodes whose inputs are being made; state 1: on the stack, 2: made. */
static floe_status import_from(fl_uff_importer *m, uint32_t root, node_stack *stack, uint8_t *state, floe_error *err)
{
    floe_status st = FLOE_OK;
    if (state[root] == 2)
        return FLOE_OK;
    stack->item[stack->count++] = root;
    while (stack->count) {
        const uint32_t index = stack->item[stack->count - 1];
        const fl_uff_node *node = &m->graph->node[index];
        bool ready = true;
        state[index] = 1;
        for (size_t i = 0; ready && descends(m, node) && i < node->n_input; i++) {
            uint32_t next;
            FL_TRY(input_index(m, node, i, &next, err));
            if (state[next] == 2)
                continue;
            if (state[next] == 1)
                FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: node '%s' depends on itself through '%s': loops are not supported",
                        m->graph->path, node->id, node->input[i]);
            stack->item[stack->count++] = next;
            ready = false;
        }
        if (!ready)
            continue;
        FL_TRY(import_node(m, index, err));
        state[index] = 2;
        stack->count--;
    }
done:
    return st;
}

/* ---- outputs */

typedef struct wanted_output {
    const char *name; /* binding name */
    uint32_t    node;
    int         port;
} wanted_output;

typedef struct output_list {
    wanted_output *item;
    size_t         count;
} output_list;

static void add_output(output_list *list, const char *name, uint32_t node, int port)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->item[i].node == node && list->item[i].port == port)
            return;
    list->item[list->count++] = (wanted_output){name, node, port};
}

/* "node" or "node:port", as TensorFlow names tensors. */
static floe_status named_output(const fl_uff_importer *m, const char *name, output_list *list, floe_error *err)
{
    const fl_uff_graph *g = m->graph;
    const char *colon = strrchr(name, ':');
    uint32_t node = fl_names_find(&g->by_id, name);
    long port = 0;
    if (node == FL_NAMES_NONE && colon) {
        char *end;
        port = strtol(colon + 1, &end, 10);
        if (end != colon + 1 && !*end && port >= 0 && port < FL_UFF_PORTS)
            node = fl_names_find_n(&g->by_id, name, (size_t)(colon - name));
    }
    if (node == FL_NAMES_NONE) {
        const char **ids = fl_calloc(g->env, g->n_node + 1, sizeof *ids);
        for (size_t i = 0; ids && i < g->n_node; i++)
            ids[i] = g->node[i].id;
        const char *near = ids ? fl_nearest_name(name, ids, g->n_node) : NULL;
        fl_free(g->env, ids);
        return fl_fail(err, FLOE_ERR_NOT_FOUND, "%s: no node '%s' to be an output%s%s%s", g->path, name,
                       near ? "; the nearest is '" : "", near ? near : "", near ? "'" : "");
    }
    add_output(list, name, node, (int)port);
    return FLOE_OK;
}

static floe_status collect_outputs(fl_uff_importer *m, output_list *list, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_graph *g = m->graph;
    for (size_t i = 0; !m->options->only && i < g->n_node; i++) {
        const fl_uff_node *mark = &g->node[i];
        for (size_t k = 0; !strcmp(mark->operation, "MarkOutput") && k < mark->n_input; k++) {
            uint32_t node;
            FL_TRY(input_index(m, mark, k, &node, err));
            add_output(list, g->node[node].id, node, mark->port ? mark->port[k] : 0);
        }
    }
    for (size_t i = 0; i < m->options->n_outputs; i++)
        FL_TRY(named_output(m, m->options->outputs[i], list, err));
    if (!list->count)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "%s: no output is marked and none was asked for; name one", g->path);
done:
    return st;
}

/* Registered inputs that the graph does not have are a user's mistake worth telling. */
static floe_status check_registered(const fl_uff_importer *m, floe_error *err)
{
    for (size_t i = 0; i < m->options->n_inputs; i++) {
        const char *name = m->options->inputs[i].name;
        if (fl_uff_find(m->graph, name))
            continue;
        const char *inputs[32];
        size_t n = 0;
        for (size_t k = 0; k < m->graph->n_node && n < 32; k++)
            if (!strcmp(m->graph->node[k].operation, "Input"))
                inputs[n++] = m->graph->node[k].id;
        const char *near = n == 1 ? inputs[0] : fl_nearest_name(name, inputs, n);
        return fl_fail(err, FLOE_ERR_NOT_FOUND, "%s: no input '%s'%s%s%s", m->graph->path, name,
                       near ? (n == 1 ? "; the graph's only input is '" : "; the nearest is '") : "", near ? near : "",
                       near ? "'" : "");
    }
    return FLOE_OK;
}

/* Inputs come first: their order is the order of the bindings. It is the caller's where he registered them; then the
 * graph's, which TensorFlow's converter lists from the outputs backwards. */
static floe_status import_inputs(fl_uff_importer *m, node_stack *stack, uint8_t *state, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_graph *g = m->graph;
    const bool backwards = g->n_descriptor > 0;
    for (size_t i = 0; i < m->options->n_inputs; i++) {
        const uint32_t at = fl_names_find(&g->by_id, m->options->inputs[i].name);
        if (m->wanted[at])
            FL_TRY(import_from(m, at, stack, state, err));
    }
    for (size_t i = 0; i < g->n_node; i++) {
        const size_t at = backwards ? g->n_node - 1 - i : i;
        if (m->wanted[at] && !strcmp(g->node[at].operation, "Input"))
            FL_TRY(import_from(m, (uint32_t)at, stack, state, err));
    }
done:
    return st;
}

floe_status fl_uff_import(fl_network **out, const fl_uff_graph *graph, const fl_uff_import_options *options, floe_error *err)
{
    static const fl_uff_import_options no_options;
    floe_status st = FLOE_OK;
    fl_uff_importer m = {NULL, graph, options ? options : &no_options, NULL, NULL};
    fl_arena scratch;
    output_list outputs = {0};
    node_stack stack = {0};
    fl_arena_init(&scratch, graph->env);
    FL_TRY(fl_net_create(&m.net, graph->env, err));

    size_t marks = 0;
    for (size_t i = 0; i < graph->n_node; i++)
        marks += graph->node[i].n_input;
    uint8_t *state = fl_arena_calloc(&scratch, graph->n_node + 1, 1);
    m.value = fl_arena_calloc(&scratch, graph->n_node + 1, sizeof *m.value);
    m.wanted = fl_arena_calloc(&scratch, graph->n_node + 1, sizeof *m.wanted);
    stack.item = fl_arena_calloc(&scratch, graph->n_node + 1, sizeof *stack.item);
    outputs.item = fl_arena_calloc(&scratch, marks + m.options->n_outputs + 1, sizeof *outputs.item);
    FL_NEED(state && m.value && m.wanted && stack.item && outputs.item, graph->n_node, "importing", err);

    FL_TRY(check_registered(&m, err));
    FL_TRY(collect_outputs(&m, &outputs, err));
    for (size_t i = 0; i < outputs.count; i++)
        FL_TRY(mark_wanted(&m, outputs.item[i].node, &stack, err));
    FL_TRY(check_operations(&m, err));
    FL_TRY(import_inputs(&m, &stack, state, err));
    for (size_t i = 0; i < outputs.count; i++) {
        const wanted_output *o = &outputs.item[i];
        FL_TRY(import_from(&m, o->node, &stack, state, err));
        fl_tensor *t = m.value[o->node].tensor[o->port];
        if (!t)
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: node '%s' has no output %d to give", graph->path,
                    graph->node[o->node].id, o->port);
        FL_TRY(fl_net_mark_output(m.net, o->name, t, err));
    }
    FL_TRY(fl_net_sort(m.net, err));
    *out = m.net;
    m.net = NULL;
done:
    fl_net_free(m.net);
    fl_arena_free(&scratch);
    return st;
}
