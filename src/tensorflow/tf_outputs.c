/* tf_outputs.c - which outputs are wanted, and that they keep their names.
 *
 * The caller names outputs by node or tensor; a SavedModel's signature names them by key. While the graph is rewritten,
 * an output is a tensor that may move (out of an inlined call, past a folded Merge); its name does not. At the end
 * every output whose tensor has come to another node gets an Identity of the right name: at the place of the node that
 * had it, where that was in the graph, so the order of nodes is kept.
 *
 * Outputs of calls have no node of their own in the inlined graph. They are called after their key in the signature,
 * and so are the placeholders that TensorFlow 2 makes for a signature's inputs ("serving_default_image" -> "image").
 */
#include "tf_freezer.h"

#include <stdio.h>
#include <string.h>

/* ---- which */

/* The caller's, in the caller's order. */
static floe_status outputs_of_options(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < f->options->n_outputs; i++) {
        const char *tensor = fl_arena_strdup(&f->graph->arena, f->options->outputs[i]); /* may become an input */
        FL_NEED(tensor, 0, "a name", err);
        int port;
        const fl_tf_node *n = *tensor == '^' ? NULL : fl_tf_graph_input(f->graph, tensor, &port);
        if (!n) {
            st = fl_tf_graph_missing(f->graph, tensor, "wanted as an output", err);
            goto done;
        }
        const bool later = port > 0 && fl_tf_is_call(f, n);
        const char *name = later ? fl_arena_printf(&f->arena, "%s_%d", n->name, port) : n->name;
        FL_NEED(name, 0, "a name", err);
        f->output[f->n_output++] = (fl_tf_output){tensor, name, fl_tf_call_dtype(f, n, port)};
    }
done:
    return st;
}

static floe_status outputs_of_signature(fl_tf_freezer *f, floe_error *err)
{
    const fl_tf_signature *s = &f->model.signature;

    for (size_t i = 0; i < s->n_output; i++) {
        int port;
        const fl_tf_node *n = fl_tf_graph_input(f->graph, s->output[i].tensor, &port);
        if (!n)
            return fl_fail(err, FLOE_ERR_FORMAT, "%s: signature '%s': output '%s' is '%s', which is not in the graph",
                           f->graph->path, s->key, s->output[i].key, s->output[i].tensor);
        const bool by_key = fl_tf_is_call(f, n) && *s->output[i].key;
        f->output[f->n_output++] =
            (fl_tf_output){s->output[i].tensor, by_key ? s->output[i].key : n->name, fl_tf_call_dtype(f, n, port)};
    }
    return FLOE_OK;
}

floe_status fl_tf_choose_outputs(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n = f->options->n_outputs + f->model.signature.n_output;

    f->output = fl_arena_calloc(&f->arena, n, sizeof *f->output);
    FL_NEED(f->output, n * sizeof *f->output, "outputs", err);
    if (f->options->n_outputs > 0)
        FL_TRY(outputs_of_options(f, err));
    else if (f->model.signature.key)
        FL_TRY(outputs_of_signature(f, err));
    if (f->n_output == 0)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "%s: no outputs: %s", f->graph->path,
                f->saved_model ? "the SavedModel has no signature, so name the output nodes"
                               : "name the output nodes of the graph");
done:
    return st;
}

/* ---- their names */

/* An Identity of that name in front of everything that will read it: at its old place, or at the end. */
static floe_status make_output(fl_tf_freezer *f, fl_tf_output *output, floe_error *err)
{
    floe_status st = FLOE_OK;
    size_t index = fl_tf_node_index(f, output->name, NULL);
    fl_tf_node *n;

    if (index != SIZE_MAX && f->graph->node[index].removed) {
        f->graph->node[index].removed = false;
    } else {
        const char *name = fl_tf_free_name(f, output->name);
        FL_NEED(name, 0, "a name", err);
        FL_TRY(fl_tf_graph_add(f->graph, &n, name, "Identity", err));
        FL_TRY(fl_tf_info_grow(f, err));
        index = f->graph->n_node - 1;
    }
    f->info[index].alias = NULL;
    FL_TRY(fl_tf_make_identity(f, index, output->tensor, output->dtype, err));
    f->graph->node[index].device = "";
    output->tensor = f->graph->node[index].name;
done:
    return st;
}

/* ---- inputs by their keys */

static void repoint(fl_tf_freezer *f, const fl_tf_node *from, const char *to)
{
    for (size_t i = 0; i < f->graph->n_node; i++) {
        fl_tf_node *n = &f->graph->node[i];
        for (size_t k = 0; !n->removed && k < n->n_input; k++)
            if (n->input[k][0] != '^' && fl_tf_graph_input(f->graph, n->input[k], NULL) == from)
                n->input[k] = to;
    }
    for (size_t i = 0; i < f->n_output; i++)
        if (fl_tf_graph_input(f->graph, f->output[i].tensor, NULL) == from)
            f->output[i].tensor = to;
}

static floe_status rename_input(fl_tf_freezer *f, const fl_tf_signature_arg *input, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_node *old = fl_tf_graph_input(f->graph, input->tensor, NULL);
    fl_tf_node *n;

    if (!old || strcmp(old->op, "Placeholder") != 0 || !*input->key || fl_tf_graph_find(f->graph, input->key))
        goto done;
    const char *made = fl_arena_printf(&f->arena, "%s_%s", f->model.signature.key, input->key);
    FL_NEED(made, 0, "a name", err);
    if (strcmp(old->name, made) != 0)
        goto done;
    const size_t index = (size_t)(old - f->graph->node);
    FL_TRY(fl_tf_graph_add(f->graph, &n, input->key, "Placeholder", err)); /* owns the name; swapped into place below */
    FL_TRY(fl_tf_info_grow(f, err));
    repoint(f, &f->graph->node[index], f->graph->node[f->graph->n_node - 1].name);
    f->graph->n_node--;
    f->graph->node[index].name = f->graph->node[f->graph->n_node].name;
    FL_TRY(fl_names_set(&f->graph->by_name, f->graph->node[index].name, (uint32_t)index, err));
done:
    return st;
}

floe_status fl_tf_name_outputs(fl_tf_freezer *f, floe_error *err)
{
    enum { RENAMED_MAX = 256 }; /* each looks at all inputs of the graph */
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < f->n_output; i++) {
        const fl_tf_node *n = fl_tf_graph_input(f->graph, f->output[i].tensor, NULL);
        if (!n || strcmp(n->name, f->output[i].name) != 0)
            FL_TRY(make_output(f, &f->output[i], err));
    }
    for (size_t i = 0; i < f->model.signature.n_input && i < RENAMED_MAX; i++)
        FL_TRY(rename_input(f, &f->model.signature.input[i], err));
    FL_TRY(fl_tf_freezer_prune(f, err));
done:
    return st;
}
