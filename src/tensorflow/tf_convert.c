/* tf_convert.c - the walk over a frozen GraphDef that gives the UFF graph.
 *
 * The walk is NVIDIA's, because it decides the order of the nodes in the file: a stack starts with the outputs; the
 * node on top is taken off and converted by the rule of its op, which adds one UFF node (or two, or none) and pushes
 * the inputs that it did not absorb, in order, so that the last input is visited next. An Identity in front of an input
 * is skipped, one of them: a chain of two leaves one, and an Identity that is itself an output stays. MarkOutput nodes
 * come last.
 *
 * Control inputs are dropped everywhere. NVIDIA's converter turns them into ordinary inputs wherever a rule happens to
 * pass all inputs on; they order side effects, which inference does not have, and as data they would only be wrong.
 *
 * Before the walk, one depth-first pass over the same edges finds what the outputs need and computes, inputs first,
 * what rules ask about: static shapes, how often a node is read, whether anybody reads an output past the first. Both
 * passes keep their stacks in memory of their own, so a chain of a million nodes, or a loop, does no harm.
 *
 * Where the caller names no outputs, they are the nodes that nobody reads, Assert (and what only it reads) left out.
 */
#include "tf_convert_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- walking */

const char *fl_tfc_op(const fl_tfc *c, const fl_tf_node *n)
{
    return fl_tfc_info_of(c, n)->override ? "" : n->op;
}

bool fl_tfc_is(const fl_tfc *c, const fl_tf_node *n, const char *op)
{
    return strcmp(fl_tfc_op(c, n), op) == 0;
}

size_t fl_tfc_data_inputs(const fl_tf_node *n)
{
    size_t count = 0;

    while (count < n->n_input && n->input[count][0] != '^')
        count++;
    return count;
}

static bool find_input(const fl_tfc *c, const fl_tf_node *n, size_t i, fl_tfc_source *out)
{
    if (i >= fl_tfc_data_inputs(n))
        return false;
    out->node = fl_tf_graph_input(c->tf, n->input[i], &out->port);
    return out->node != NULL;
}

floe_status fl_tfc_source_of(const fl_tfc *c, const fl_tf_node *n, size_t i, fl_tfc_source *out, floe_error *err)
{
    const fl_tf_node *reader = n;

    if (!find_input(c, n, i, out))
        goto missing;
    if (fl_tfc_is(c, out->node, "Identity") && fl_tfc_data_inputs(out->node) > 0) {
        reader = out->node;
        i = 0;
        if (!find_input(c, reader, 0, out))
            goto missing;
    }
    return FLOE_OK;
missing:
    return fl_fail(err, FLOE_ERR_FORMAT, "%s: node '%.200s': its input '%.200s' is not in the graph", c->tf->path,
                   reader->name, i < reader->n_input ? reader->input[i] : "");
}

bool fl_tfc_peek(const fl_tfc *c, const fl_tf_node *n, size_t i, fl_tfc_source *out)
{
    enum { CHAIN_MAX = 64 }; /* also ends circles of Identity */
    bool found = find_input(c, n, i, out);

    for (int k = 0; found && k < CHAIN_MAX && fl_tfc_is(c, out->node, "Identity"); k++)
        found = find_input(c, out->node, 0, out);
    return found;
}

const char *fl_tfc_id(const fl_tfc *c, const fl_tf_node *n)
{
    const fl_tf_input_override *override = fl_tfc_info_of(c, n)->override;
    return override && override->new_name && override->new_name[0] ? override->new_name : n->name;
}

void fl_tfc_log(const fl_tfc *c, const char *format, ...)
{
    char line[512];
    va_list args;

    if (c->options->quiet || !fl_log_wants(c->tf->env, FLOE_SEVERITY_INFO))
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fl_log(c->tf->env, FLOE_SEVERITY_INFO, "%s", line);
}

/* ---- emitting */

floe_status fl_tfc_add(fl_tfc *c, fl_uff_node **out, const fl_tf_node *n, const char *operation, floe_error *err)
{
    const floe_status st = fl_uff_add_node(c->uff, out, fl_tfc_id(c, n), operation, err);

    if (st == FLOE_ERR_ARGUMENT)
        return fl_fail(err, st, "%s: two nodes would be called '%.200s' in the UFF graph", c->tf->path,
                       fl_tfc_id(c, n));
    if (st == FLOE_OK)
        fl_tfc_info_of(c, n)->converted = true;
    return st;
}

static bool is_taken(const fl_tfc *c, const char *id)
{
    return fl_tf_graph_find(c->tf, id) || fl_uff_find(c->uff, id);
}

/* base, or base_0, base_1, ... */
static floe_status free_id(fl_tfc *c, const char *base, const char **out, floe_error *err)
{
    const char *id = base;

    for (unsigned i = 0; id && is_taken(c, id); i++)
        id = fl_arena_printf(&c->scratch, "%s_%u", base, i);
    *out = id;
    return id ? FLOE_OK : fl_fail_memory(err, strlen(base), "a node id");
}

floe_status fl_tfc_add_helper(fl_tfc *c, fl_uff_node **out, const fl_tf_node *n, const char *suffix,
                              const char *operation, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *id;

    const char *base = fl_arena_printf(&c->scratch, "%s/%s", n->name, suffix);
    FL_NEED(base, strlen(n->name), "a node id", err);
    FL_TRY(free_id(c, base, &id, err));
    FL_TRY(fl_uff_add_node(c->uff, out, id, operation, err));
done:
    return st;
}

static floe_status push(fl_tfc *c, const fl_tf_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;

    uint32_t *stack = fl_arena_grow(&c->scratch, c->stack, c->n_stack, &c->cap_stack, sizeof *stack);
    FL_NEED(stack, sizeof *stack, "the conversion", err);
    c->stack = stack;
    c->stack[c->n_stack++] = fl_tfc_index(c, n);
done:
    return st;
}

floe_status fl_tfc_read(fl_tfc *c, fl_uff_node *u, fl_tfc_source source, floe_error *err)
{
    const floe_status st = fl_uff_add_input(c->uff, u, fl_tfc_id(c, source.node), source.port, err);
    return st == FLOE_OK ? push(c, source.node, err) : st;
}

floe_status fl_tfc_set_int(fl_tfc *c, fl_uff_node *u, const char *key, int64_t value, floe_error *err)
{
    return fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_I, .u.i = value}, err);
}

floe_status fl_tfc_set_double(fl_tfc *c, fl_uff_node *u, const char *key, double value, floe_error *err)
{
    return fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_D, .u.d = value}, err);
}

floe_status fl_tfc_set_bool(fl_tfc *c, fl_uff_node *u, const char *key, bool value, floe_error *err)
{
    return fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_B, .u.b = value}, err);
}

floe_status fl_tfc_set_text(fl_tfc *c, fl_uff_node *u, const char *key, const char *value, floe_error *err)
{
    return fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_S, .u.s = value}, err);
}

floe_status fl_tfc_set_ints(fl_tfc *c, fl_uff_node *u, const char *key, const int64_t *value, size_t count,
                            floe_error *err)
{
    int64_t *copy = fl_arena_calloc(&c->uff->arena, count, sizeof *copy);

    if (!copy)
        return fl_fail_memory(err, count * sizeof *copy, "a list");
    if (count > 0)
        memcpy(copy, value, count * sizeof *copy);
    return fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_I_LIST, .count = count, .u.i_list = copy},
                            err);
}

floe_status fl_tfc_set_dtype(fl_tfc *c, fl_uff_node *u, const char *key, int tf_dtype, floe_error *err)
{
    return fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_DTYPE, .u.i = fl_uff_dtype_of_tf(tf_dtype)},
                            err);
}

/* The list behind an order string: for each axis of the data its place in the canonical order (NC+, KC+). */
static size_t order_list(const char *order, int64_t list[5])
{
    size_t count = 0;

    for (; *order; order++) {
        if (*order == '+') {
            list[count++] = 2;
            list[count++] = FL_UFF_INCREMENT;
        } else {
            /* In weights K takes the place that N has in data. */
            list[count++] = *order == 'C';
        }
    }
    return count;
}

floe_status fl_tfc_set_orders(fl_tfc *c, fl_uff_node *u, const char *first, const char *second, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *const strings[2] = {first, second};
    const size_t count = second ? 2 : 1;
    char key[32];

    snprintf(key, sizeof key, second ? "orders_%s_%s" : "orders_%s", first, second);
    if (fl_names_find(&c->uff->by_key, key) == FL_NAMES_NONE) {
        fl_uff_orders *orders = fl_arena_calloc(&c->uff->arena, count, sizeof *orders);
        FL_NEED(orders, count * sizeof *orders, "orders", err);
        for (size_t i = 0; i < count; i++) {
            int64_t list[5];
            orders[i].count = order_list(strings[i], list);
            orders[i].order = fl_arena_memdup(&c->uff->arena, list, orders[i].count * sizeof *list);
            FL_NEED(orders[i].order, sizeof list, "orders", err);
        }
        FL_TRY(fl_uff_set_data(c->uff, key,
                               (fl_uff_data){.kind = FL_UFF_ORDERS_LIST, .count = count, .u.orders = orders}, err));
    }
    st = fl_uff_set_field(c->uff, u, "inputs_orders", (fl_uff_data){.kind = FL_UFF_REF, .u.s = key}, err);
done:
    return st;
}

/* ---- which nodes are asked for */

static floe_status not_found(const fl_tfc *c, const char *name, floe_error *err)
{
    const char **names = fl_calloc(c->tf->env, c->tf->n_node + 1, sizeof *names);
    size_t count = 0;

    for (size_t i = 0; names && i < c->tf->n_node; i++)
        if (!c->tf->node[i].removed)
            names[count++] = c->tf->node[i].name;
    const char *near = names ? fl_nearest_name(name, names, count) : NULL;
    fl_free(c->tf->env, names);
    if (near)
        return fl_fail(err, FLOE_ERR_NOT_FOUND, "%s: '%.200s' was not found in the graph; did you mean '%.200s'? "
                       "The -l option lists its nodes.", c->tf->path, name, near);
    return fl_fail(err, FLOE_ERR_NOT_FOUND, "%s: '%.200s' was not found in the graph. The -l option lists its nodes.",
                   c->tf->path, name);
}

/* "3" is the third node of the list that -l prints, "-1" the last one. */
static fl_tf_node *node_by_number(const fl_tfc *c, const char *text)
{
    char *end;
    const long number = strtol(text, &end, 10);
    const long count = (long)c->tf->n_node;

    if (end == text || *end || number == 0 || number > count || number < -count)
        return NULL;
    return &c->tf->node[number > 0 ? number - 1 : count + number];
}

static floe_status named_output(const fl_tfc *c, const char *name, fl_tfc_source *out, floe_error *err)
{
    *out = (fl_tfc_source){fl_tf_graph_find(c->tf, name), 0};
    if (!out->node && name[0] != '^')
        out->node = fl_tf_graph_input(c->tf, name, &out->port);
    if (!out->node) {
        out->port = 0;
        out->node = node_by_number(c, name);
    }
    return out->node ? FLOE_OK : not_found(c, name, err);
}

static bool is_one_of(const char *op, const char *const *ops)
{
    for (; *ops; ops++)
        if (strcmp(op, *ops) == 0)
            return true;
    return false;
}

/* Reads by others, data and control, counted for each node. */
static void count_readers(const fl_tfc *c, uint32_t *readers)
{
    for (size_t i = 0; i < c->tf->n_node; i++) {
        const fl_tf_node *n = &c->tf->node[i];
        for (size_t k = 0; !n->removed && k < n->n_input; k++) {
            const fl_tf_node *from = fl_tf_graph_input(c->tf, n->input[k], NULL);
            if (from)
                readers[fl_tfc_index(c, from)]++;
        }
    }
}

/* Takes a node that nobody needs out of the counts, and with it whatever only it read. `queue` has room for all nodes.
 */
static void retire(const fl_tfc *c, size_t root, uint32_t *readers, uint32_t *queue)
{
    size_t count = 0;

    if (c->info[root].asserted)
        return;
    c->info[root].asserted = true;
    queue[count++] = (uint32_t)root;
    while (count > 0) {
        const fl_tf_node *n = &c->tf->node[queue[--count]];
        for (size_t k = 0; k < n->n_input; k++) {
            const fl_tf_node *from = fl_tf_graph_input(c->tf, n->input[k], NULL);
            if (!from)
                continue;
            const uint32_t at = fl_tfc_index(c, from);
            if (--readers[at] == 0 && !c->info[at].asserted) {
                c->info[at].asserted = true;
                queue[count++] = at;
            }
        }
    }
}

/* Nodes that are there for their effect. NoOp only groups others: what it holds back by control inputs is an output all
 * the same, so its reads do not count. */
static floe_status find_unread(fl_tfc *c, uint32_t **out, floe_error *err)
{
    static const char *const effects[] = {"SaveV2", "MergeV2Checkpoints", NULL};
    floe_status st = FLOE_OK;

    uint32_t *readers = fl_arena_calloc(&c->scratch, c->tf->n_node, sizeof *readers);
    uint32_t *queue = fl_arena_calloc(&c->scratch, c->tf->n_node, sizeof *queue);
    FL_NEED(readers && queue ? readers : NULL, c->tf->n_node * sizeof *readers, "finding outputs", err);
    count_readers(c, readers);
    for (size_t i = 0; i < c->tf->n_node; i++) {
        const char *op = c->tf->node[i].op;
        if (c->tf->node[i].removed || c->info[i].asserted)
            continue;
        if (strcmp(op, "NoOp") == 0) {
            for (size_t k = 0; k < c->tf->node[i].n_input; k++) {
                const fl_tf_node *from = fl_tf_graph_input(c->tf, c->tf->node[i].input[k], NULL);
                if (from)
                    readers[fl_tfc_index(c, from)]--;
            }
            c->info[i].asserted = true;
        } else if (strcmp(op, "Assert") == 0 || is_one_of(op, effects)) {
            retire(c, i, readers, queue);
        }
    }
    *out = readers;
done:
    return st;
}

/* Constants and placeholders that nobody reads are left-overs, unless there is nothing else. */
static floe_status deduce_outputs(fl_tfc *c, fl_tfc_source *out, size_t *count, floe_error *err)
{
    static const char *const left_overs[] = {"Const", "Placeholder", NULL};
    floe_status st = FLOE_OK;
    uint32_t *readers = NULL;

    FL_TRY(find_unread(c, &readers, err));
    *count = 0;
    for (int pass = 0; pass < 2 && *count == 0; pass++) {
        for (size_t i = 0; i < c->tf->n_node; i++) {
            fl_tf_node *n = &c->tf->node[i];
            if (!n->removed && !c->info[i].asserted && readers[i] == 0 && (pass > 0 || !is_one_of(n->op, left_overs)))
                out[(*count)++] = (fl_tfc_source){n, 0};
        }
    }
    fl_tfc_log(c, "=== Automatically deduced input nodes ===");
    for (size_t i = 0; i < c->tf->n_node; i++)
        if (!c->tf->node[i].removed && strcmp(c->tf->node[i].op, "Placeholder") == 0)
            fl_tfc_log(c, "%s", c->tf->node[i].name);
    fl_tfc_log(c, "=========================================");
    fl_tfc_log(c, "=== Automatically deduced output nodes ===");
    for (size_t i = 0; i < *count; i++)
        fl_tfc_log(c, "%s", out[i].node->name);
    fl_tfc_log(c, "==========================================");
    if (*count == 0)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "%s: no node that could be an output; name one", c->tf->path);
done:
    return st;
}

static floe_status find_outputs(fl_tfc *c, fl_tfc_source **out, size_t *count, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_convert_options *o = c->options;

    const size_t room = o->n_outputs > 0 ? o->n_outputs : c->tf->n_node;
    *out = fl_arena_calloc(&c->scratch, room, sizeof **out);
    FL_NEED(*out, room * sizeof **out, "outputs", err);
    if (o->n_outputs == 0) {
        st = deduce_outputs(c, *out, count, err);
        goto done;
    }
    for (*count = 0; *count < o->n_outputs; ++*count) {
        FL_TRY(named_output(c, o->outputs[*count], &(*out)[*count], err));
        fl_tfc_log(c, "Using output node %s", o->outputs[*count]);
    }
done:
    return st;
}

static floe_status find_overrides(fl_tfc *c, floe_error *err)
{
    for (size_t i = 0; i < c->options->n_inputs; i++) {
        const fl_tf_input_override *override = &c->options->inputs[i];
        const fl_tf_node *n = fl_tf_graph_find(c->tf, override->name);
        if (!n)
            return not_found(c, override->name, err);
        if (override->rank < 0 || override->rank > FL_TFC_RANK_MAX)
            return fl_fail(err, FLOE_ERR_LIMIT, "input '%s': rank %d; at most %d is possible", override->name,
                           override->rank, FL_TFC_RANK_MAX);
        fl_tfc_info_of(c, n)->override = override;
        fl_tfc_log(c, "Using input node %s", override->name);
    }
    return FLOE_OK;
}

/* ---- the first pass: what is needed, inputs first */

/* The last look at a node, when all it reads has been looked at (but for loops). */
static floe_status survey(fl_tfc *c, const fl_tf_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;
    const bool open = !fl_tfc_info_of(c, n)->override;
    fl_tfc_source in;

    for (size_t i = 0; open && i < fl_tfc_data_inputs(n); i++) {
        FL_TRY(fl_tfc_source_of(c, n, i, &in, err));
        fl_tfc_info *from = fl_tfc_info_of(c, in.node);
        from->uses++;
        from->other_outputs |= in.port > 0;
        if (i == 1 && strcmp(n->op, "BiasAdd") == 0) {
            const char *format = fl_tf_attr_string(c->tf, n, "data_format");
            fl_tfc_source value;
            FL_TRY(fl_tfc_source_of(c, n, 0, &value, err));
            from->nchw_bias_uses += format && strcmp(format, "NCHW") == 0 && fl_tfc_shape_of(c, value)->rank == 4;
        }
    }
    fl_tfc_infer(c, n);
done:
    return st;
}

typedef struct frame {
    uint32_t node;
    uint32_t next; /* input to look at */
} frame;

static floe_status survey_from(fl_tfc *c, const fl_tf_node *root, frame *stack, floe_error *err)
{
    floe_status st = FLOE_OK;
    size_t depth = 0;

    if (fl_tfc_info_of(c, root)->seen)
        goto done;
    fl_tfc_info_of(c, root)->seen = true;
    stack[depth++] = (frame){fl_tfc_index(c, root), 0};
    while (depth > 0) {
        frame *top = &stack[depth - 1];
        const fl_tf_node *n = &c->tf->node[top->node];
        if (c->info[top->node].override || top->next >= fl_tfc_data_inputs(n)) {
            FL_TRY(survey(c, n, err));
            depth--;
            continue;
        }
        fl_tfc_source in;
        FL_TRY(fl_tfc_source_of(c, n, top->next++, &in, err));
        fl_tfc_info *info = fl_tfc_info_of(c, in.node);
        if (!info->seen) { /* so each node is on the stack once, and the stack has room for all */
            info->seen = true;
            stack[depth++] = (frame){fl_tfc_index(c, in.node), 0};
        }
    }
done:
    return st;
}

static floe_status survey_all(fl_tfc *c, const fl_tfc_source *outputs, size_t n_outputs, floe_error *err)
{
    floe_status st = FLOE_OK;

    frame *stack = fl_arena_calloc(&c->scratch, c->tf->n_node, sizeof *stack);
    FL_NEED(stack, c->tf->n_node * sizeof *stack, "the conversion", err);
    for (size_t i = 0; i < c->tf->n_node; i++)
        c->info[i].shape.rank = -1;
    for (size_t i = 0; i < n_outputs; i++) {
        FL_TRY(survey_from(c, outputs[i].node, stack, err));
        fl_tfc_info_of(c, outputs[i].node)->uses++;
        fl_tfc_info_of(c, outputs[i].node)->other_outputs |= outputs[i].port > 0;
    }
done:
    return st;
}

/* ---- the second pass: conversion */

static floe_status convert_node(fl_tfc *c, const fl_tf_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n_in = fl_tfc_data_inputs(n);
    fl_tfc_source few[16], *in = few;

    if (fl_tfc_info_of(c, n)->override) {
        st = fl_tfc_input(c, n, err);
        goto done;
    }
    if (n_in > sizeof few / sizeof few[0]) {
        in = fl_arena_calloc(&c->scratch, n_in, sizeof *in);
        FL_NEED(in, n_in * sizeof *in, "inputs", err);
    }
    for (size_t i = 0; i < n_in; i++)
        FL_TRY(fl_tfc_source_of(c, n, i, &in[i], err));
    const fl_tfc_row *op = fl_tfc_find_op(n->op);
    if (op && n_in < op->min_in)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%.200s' (%s): %zu inputs, expected %zu", c->tf->path, n->name, n->op,
                n_in, op->min_in);
    if (c->options->debug)
        fl_log(c->tf->env, FLOE_SEVERITY_VERBOSE, "DEBUG: converting %s (%s), %zu inputs", n->name, n->op, n_in);
    st = op ? op->rule(c, op, n, in, n_in, err) : fl_tfc_custom(c, n, in, n_in, NULL, err);
done:
    return st;
}

static floe_status mark_outputs(fl_tfc *c, const fl_tfc_source *outputs, size_t count, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < count; i++) {
        fl_uff_node *u;
        const char *id;
        const char *base = fl_arena_printf(&c->scratch, "MarkOutput_%zu", i);
        FL_NEED(base, 16, "a node id", err);
        FL_TRY(free_id(c, base, &id, err));
        FL_TRY(fl_uff_add_node(c->uff, &u, id, "MarkOutput", err));
        FL_TRY(fl_uff_add_input(c->uff, u, fl_tfc_id(c, outputs[i].node), outputs[i].port, err));
    }
done:
    return st;
}

static floe_status convert_all(fl_tfc *c, const fl_tfc_source *outputs, size_t count, floe_error *err)
{
    floe_status st = FLOE_OK;

    fl_tfc_log(c, "Converting to UFF graph");
    for (size_t i = 0; i < count; i++)
        FL_TRY(push(c, outputs[i].node, err));
    while (c->n_stack > 0) {
        const uint32_t at = c->stack[--c->n_stack];
        if (!c->info[at].converted)
            FL_TRY(convert_node(c, &c->tf->node[at], err));
    }
    FL_TRY(mark_outputs(c, outputs, count, err));
    fl_tfc_log(c, "No. nodes: %zu", c->uff->n_node);
done:
    return st;
}

floe_status fl_tf_to_uff(fl_uff_graph **out, fl_tf_graph *graph, const fl_tf_convert_options *options, floe_error *err)
{
    static const fl_tf_convert_options no_options;
    floe_status st = FLOE_OK;
    fl_tfc c = {.tf = graph, .options = options ? options : &no_options};
    fl_tfc_source *outputs;
    size_t count = 0;

    fl_arena_init(&c.scratch, graph->env);
    FL_TRY(fl_uff_create(&c.uff, graph->env, err));
    c.uff->path = fl_arena_strdup(&c.uff->arena, graph->path ? graph->path : "graph");
    c.info = fl_arena_calloc(&c.scratch, graph->n_node, sizeof *c.info);
    FL_NEED(c.info && c.uff->path ? c.info : NULL, graph->n_node * sizeof *c.info, "the conversion", err);
    FL_TRY(fl_uff_add_descriptor(c.uff, "tensorflow_extension", 1, err));
    FL_TRY(find_overrides(&c, err));
    FL_TRY(find_outputs(&c, &outputs, &count, err));
    FL_TRY(survey_all(&c, outputs, count, err));
    FL_TRY(convert_all(&c, outputs, count, err));
    *out = c.uff;
    c.uff = NULL;
done:
    fl_uff_free(c.uff);
    fl_arena_free(&c.scratch);
    return st;
}
