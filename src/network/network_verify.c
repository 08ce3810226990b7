/* network_verify.c - checks that a network keeps its promises, and prints it.
 *
 * Run after every optimizer pass in debug builds: a pass that breaks an invariant is named at once instead of showing up
 * as wrong numbers later.
 */
#include "network/network.h"

#include <string.h>

static bool same_desc(const fl_tensor_desc *a, const fl_tensor_desc *b)
{
    return a->dtype == b->dtype && a->layout == b->layout && fl_tensor_same_shape(a, b);
}

static floe_status verify_linkage(const fl_network *net, const fl_layer *layer, size_t place, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (int k = 0; k < layer->desc.n_in; k++) {
        const fl_tensor *t = layer->in[k];
        if (layer->desc.in[k] != (t ? &t->desc : NULL))
            FL_FAIL(err, FLOE_ERR_FORMAT, "layer '%s': descriptor of input %d is not its tensor's", layer->name, k);
        if (!t)
            continue;
        if (t->desc.constant != (t->data != NULL))
            FL_FAIL(err, FLOE_ERR_FORMAT, "layer '%s': input %d is half a constant", layer->name, k);
        if (t->producer && (t->producer->removed || (size_t)t->producer->index >= place))
            FL_FAIL(err, FLOE_ERR_FORMAT, "layer '%s' stands before '%s', which it reads", layer->name,
                    t->producer->name);
        if (!t->producer && !t->data && !t->is_input)
            FL_FAIL(err, FLOE_ERR_FORMAT, "layer '%s': input %d ('%s') comes from nowhere", layer->name, k, t->name);
    }
    for (int k = 0; k < layer->desc.n_out; k++)
        if (layer->out[k]->producer != layer || layer->desc.out[k] != &layer->out[k]->desc)
            FL_FAIL(err, FLOE_ERR_FORMAT, "layer '%s': output %d is not its own", layer->name, k);
    (void)net;
done:
    return st;
}

/* Infers into copies and compares with what is stored. */
static floe_status verify_shapes(const fl_layer *layer, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor_desc copy[FL_MAX_OUTPUTS];
    fl_tensor_desc *out[FL_MAX_OUTPUTS];
    fl_op_desc again = layer->desc;
    memset(copy, 0, sizeof copy);
    for (int k = 0; k < layer->desc.n_out && k < FL_MAX_OUTPUTS; k++)
        out[k] = &copy[k];
    again.out = out;
    if ((st = fl_op_infer(&again, err)) != FLOE_OK) {
        fl_error_prefix(err, "layer '%s' (%s)", layer->name, fl_op_def_of(layer->desc.op)->name);
        goto done;
    }
    for (int k = 0; k < layer->desc.n_out; k++) {
        char stored[FL_TENSOR_TEXT], inferred[FL_TENSOR_TEXT];
        if (!same_desc(&copy[k], &layer->out[k]->desc))
            FL_FAIL(err, FLOE_ERR_SHAPE, "layer '%s': output %d is stored as %s but infers to %s", layer->name, k,
                    fl_tensor_text(&layer->out[k]->desc, stored, sizeof stored),
                    fl_tensor_text(&copy[k], inferred, sizeof inferred));
    }
done:
    return st;
}

floe_status fl_net_verify(const fl_network *net, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_arena arena;
    fl_names seen;
    fl_arena_init(&arena, net->env);
    fl_names_init(&seen, &arena);
    if (!net->n_outputs)
        FL_FAIL(err, FLOE_ERR_FORMAT, "the network has no output");
    for (size_t i = 0; i < net->n_inputs; i++)
        FL_TRY(fl_names_add(&seen, net->inputs[i]->name, 0, err));
    for (size_t i = 0; i < net->n_layers; i++) {
        const fl_layer *layer = net->layers[i];
        if (layer->removed || (size_t)layer->index != i)
            FL_FAIL(err, FLOE_ERR_FORMAT, "layer '%s' is not where it says", layer->name);
        FL_TRY(fl_names_add(&seen, layer->name, 0, err));
        FL_TRY(verify_linkage(net, layer, i, err));
        FL_TRY(verify_shapes(layer, err));
    }
    for (size_t i = 0; i < net->n_outputs; i++) {
        const fl_tensor *t = net->outputs[i].tensor;
        if (t->producer && t->producer->removed)
            FL_FAIL(err, FLOE_ERR_FORMAT, "output '%s' comes from a removed layer", net->outputs[i].name);
        if (t->desc.layout != FL_LAYOUT_PLAIN)
            FL_FAIL(err, FLOE_ERR_FORMAT, "output '%s' has a blocked layout; bindings are plain", net->outputs[i].name);
    }
done:
    fl_arena_free(&arena);
    return st;
}

void fl_net_print(fl_buf *out, const fl_network *net)
{
    char text[FL_TENSOR_TEXT];
    for (size_t i = 0; i < net->n_inputs; i++)
        fl_put_format(out, "input %s %s\n", net->inputs[i]->name,
                      fl_tensor_text(&net->inputs[i]->desc, text, sizeof text));
    for (size_t i = 0; i < net->n_layers; i++) {
        const fl_layer *layer = net->layers[i];
        fl_put_format(out, "%s(", layer->name);
        for (int k = 0; k < layer->desc.n_in; k++)
            fl_put_format(out, "%s%s", k ? ", " : "", layer->in[k] ? layer->in[k]->name : "-");
        fl_put_text(out, ") = ");
        fl_op_desc_text(out, &layer->desc, 0);
        fl_put_text(out, "\n");
    }
    for (size_t i = 0; i < net->n_outputs; i++)
        fl_put_format(out, "output %s = %s %s\n", net->outputs[i].name, net->outputs[i].tensor->name,
                      fl_tensor_text(&net->outputs[i].tensor->desc, text, sizeof text));
}
