/* tf_rewire.c - moving readers from one tensor to another, and cutting off what nobody reads.
 *
 * A step that makes a tensor superfluous (an inlined call, a folded Merge) does not look for its readers. It leaves an
 * alias at the producer; whoever follows an input afterwards, follows the alias. Pruning writes the followed inputs
 * back, so aliases need not be kept in mind beyond that.
 */
#include "tf_freezer.h"

#include <stdio.h>
#include <string.h>

#define FIRST_INFO 64

floe_status fl_tf_info_grow(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    size_t capacity = f->cap_info ? f->cap_info : FIRST_INFO;

    if (f->graph->n_node <= f->cap_info)
        goto done;
    while (capacity < f->graph->n_node)
        capacity *= 2;
    fl_tf_info *info = fl_arena_calloc(&f->arena, capacity, sizeof *info);
    FL_NEED(info, capacity * sizeof *info, "notes about nodes", err);
    if (f->cap_info > 0)
        memcpy(info, f->info, f->cap_info * sizeof *info);
    f->info = info;
    f->cap_info = capacity;
done:
    return st;
}

floe_status fl_tf_alias_set(fl_tf_freezer *f, size_t node, int port, const char *to, floe_error *err)
{
    fl_tf_alias *alias = fl_arena_alloc(&f->arena, sizeof *alias);

    if (!alias)
        return fl_fail_memory(err, sizeof *alias, "an alias");
    *alias = (fl_tf_alias){f->info[node].alias, port, to};
    f->info[node].alias = alias;
    return FLOE_OK;
}

size_t fl_tf_node_index(const fl_tf_freezer *f, const char *input, int *port)
{
    int own_port;
    const bool control = *input == '^';
    const size_t length = fl_tf_input_split(input + control, &own_port);
    const uint32_t i = fl_names_find_n(&f->graph->by_name, input + control, length);

    if (port)
        *port = control ? -1 : own_port;
    return i == FL_NAMES_NONE ? SIZE_MAX : i;
}

static fl_tf_alias *find_alias(const fl_tf_freezer *f, const char *input)
{
    int port;
    const size_t i = *input == '^' ? SIZE_MAX : fl_tf_node_index(f, input, &port);
    fl_tf_alias *alias = i == SIZE_MAX || i >= f->cap_info ? NULL : f->info[i].alias;

    while (alias && alias->port != port)
        alias = alias->next;
    return alias;
}

/* A circle of aliases cannot arise from a graph without one, but graphs come from files: the number of steps is
 * bounded, and whoever gets the input then finds a node that reads itself. What was walked is shortened for the next
 * one, or a chain of n folded nodes would cost n^2. */
const char *fl_tf_alias_resolve(const fl_tf_freezer *f, const char *input)
{
    const char *last = input;
    const fl_tf_alias *alias;
    fl_tf_alias *passed;
    size_t steps = 0;

    while (steps++ <= f->graph->n_node && (alias = find_alias(f, last)))
        last = alias->to;
    for (const char *at = input; at != last && (passed = find_alias(f, at)); passed->to = last)
        at = passed->to;
    return last;
}

const char *fl_tf_tensor_name(fl_tf_freezer *f, const char *node, int port)
{
    return port == 0 ? node : fl_arena_printf(&f->graph->arena, "%s:%d", node, port);
}

const char *fl_tf_free_name(fl_tf_freezer *f, const char *name)
{
    const char *free_name = name;

    for (int i = 1; free_name && fl_tf_graph_find(f->graph, free_name); i++)
        free_name = fl_arena_printf(&f->graph->arena, "%s_%d", name, i);
    return free_name;
}

floe_status fl_tf_make_identity(fl_tf_freezer *f, size_t node, const char *input, int dtype, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_node *n = &f->graph->node[node];
    const char **inputs = fl_arena_calloc(&f->graph->arena, 1, sizeof *inputs);

    FL_NEED(inputs, sizeof *inputs, "an input", err);
    inputs[0] = input;
    if (dtype == FL_TF_INVALID)
        dtype = fl_tf_attr_type(n, "T", FL_TF_INVALID);
    n->op = "Identity";
    n->input = inputs;
    n->n_input = 1;
    n->n_attr = 0;
    n->attr = NULL;
    if (dtype != FL_TF_INVALID)
        FL_TRY(fl_tf_attr_set_type(f->graph, n, "T", dtype, err));
done:
    return st;
}

/* ---- edges */

floe_status fl_tf_edges_build(fl_tf_edges *out, const fl_tf_graph *graph, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_edges e = {NULL, NULL};
    size_t edges = 0;

    for (size_t i = 0; i < graph->n_node; i++)
        edges += graph->node[i].removed ? 0 : graph->node[i].n_input;
    if (edges > UINT32_MAX / 2)
        FL_FAIL(err, FLOE_ERR_LIMIT, "%s: %zu edges", graph->path, edges);
    e.first = fl_calloc(graph->env, graph->n_node + 2, sizeof *e.first);
    e.reader = fl_calloc(graph->env, edges + 1, sizeof *e.reader);
    FL_NEED(e.first && e.reader ? e.first : NULL, (graph->n_node + edges) * sizeof *e.reader, "edges", err);
    for (int pass = 0; pass < 2; pass++) { /* count, then fill; first[i + 1] is where node i's next entry goes */
        for (size_t i = 0; i < graph->n_node; i++)
            for (size_t k = 0; !graph->node[i].removed && k < graph->node[i].n_input; k++) {
                const fl_tf_node *from = fl_tf_graph_input(graph, graph->node[i].input[k], NULL);
                if (!from)
                    FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s': input '%s' names no node", graph->path,
                            graph->node[i].name, graph->node[i].input[k]);
                if (pass == 0)
                    e.first[from - graph->node + 2]++;
                else
                    e.reader[e.first[from - graph->node + 1]++] = (uint32_t)i;
            }
        for (size_t i = 0; pass == 0 && i < graph->n_node; i++)
            e.first[i + 2] += e.first[i + 1];
    }
    *out = e;
    e = (fl_tf_edges){NULL, NULL};
done:
    fl_tf_edges_free(&e, graph);
    return st;
}

void fl_tf_edges_free(fl_tf_edges *edges, const fl_tf_graph *graph)
{
    fl_free(graph->env, edges->first);
    fl_free(graph->env, edges->reader);
    *edges = (fl_tf_edges){NULL, NULL};
}

/* ---- pruning */

/* Data inputs with their aliases followed; control inputs of nodes that are gone are gone too. */
static void follow_inputs(fl_tf_freezer *f, fl_tf_node *n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n->n_input; i++) {
        const char *input = n->input[i];
        if (*input == '^' && fl_tf_node_index(f, input, NULL) != SIZE_MAX && !fl_tf_graph_input(f->graph, input, NULL))
            continue;
        n->input[kept++] = fl_tf_alias_resolve(f, input);
    }
    n->n_input = kept;
}

floe_status fl_tf_freezer_prune(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char **roots = fl_alloc(f->env, (f->n_output + 1) * sizeof *roots);

    FL_NEED(roots, f->n_output * sizeof *roots, "outputs", err);
    for (size_t i = 0; i < f->graph->n_node; i++)
        if (!f->graph->node[i].removed)
            follow_inputs(f, &f->graph->node[i]);
    for (size_t i = 0; i < f->n_output; i++)
        roots[i] = f->output[i].tensor = fl_tf_alias_resolve(f, f->output[i].tensor);
    FL_TRY(fl_tf_graph_prune(f->graph, roots, f->n_output, err));
done:
    fl_free(f->env, roots);
    return st;
}
