/* network.c - making and editing the IR. See network.h for the model.
 *
 * Arrays of pointers grow inside the arena, which keeps ownership trivial. Names go through one table so that every
 * layer and every input has a name of its own; a clash gets the lowest free "_<n>".
 */
#include "network/network.h"

#include <string.h>

/* A copy of `name` that nobody else has; NULL when out of memory. */
static const char *unique_name(fl_network *net, const char *name)
{
    if (!name || !*name)
        name = "unnamed";
    if (fl_names_find(&net->names, name) == FL_NAMES_NONE)
        return fl_arena_strdup(&net->arena, name);
    for (unsigned n = 1;; n++) {
        const char *candidate = fl_arena_printf(&net->arena, "%s_%u", name, n);
        if (!candidate || fl_names_find(&net->names, candidate) == FL_NAMES_NONE)
            return candidate;
    }
}

floe_status fl_net_create(fl_network **out, const floe_env *env, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_network *net = fl_calloc(env, 1, sizeof *net);
    FL_NEED(net, sizeof *net, "a network", err);
    net->env = env;
    fl_arena_init(&net->arena, env);
    fl_names_init(&net->names, &net->arena);
    *out = net;
done:
    return st;
}

void fl_net_free(fl_network *net)
{
    if (!net)
        return;
    const floe_env *env = net->env;
    fl_arena_free(&net->arena);
    fl_free(env, net);
}

/* ---- building */

static floe_status new_tensor(fl_network *net, fl_tensor **out, const char *name, const fl_tensor_desc *desc,
                              floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *t = fl_arena_alloc(&net->arena, sizeof *t);
    FL_NEED(t, sizeof *t, "a tensor", err);
    t->name = name;
    if (desc)
        t->desc = *desc;
    *out = t;
done:
    return st;
}

floe_status fl_net_add_input(fl_network *net, fl_tensor **out, const char *name, const fl_tensor_desc *desc,
                             floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *t = NULL;
    int64_t elements;
    if (!name || !*name)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "an input needs a name");
    if (fl_names_find(&net->names, name) != FL_NAMES_NONE)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "input '%s': the name is taken in this network", name);
    if (desc->rank < 0 || desc->rank > FL_MAX_RANK || !fl_dtype_bytes(desc->dtype))
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "input '%s': rank %d (0 to %d are possible) or type %d is not valid", name,
                desc->rank, FL_MAX_RANK, (int)desc->dtype);
    if ((st = fl_tensor_elements(desc, &elements, err)) != FLOE_OK) {
        fl_error_prefix(err, "input '%s'", name);
        goto done;
    }
    const char *copy = fl_arena_strdup(&net->arena, name);
    FL_NEED(copy, strlen(name), "a name", err);
    FL_TRY(new_tensor(net, &t, copy, desc, err));
    t->desc.constant = false;
    t->is_input = true;
    FL_TRY(fl_names_add(&net->names, copy, 0, err));
    fl_tensor **inputs = fl_arena_grow(&net->arena, net->inputs, net->n_inputs, &net->cap_inputs, sizeof *inputs);
    FL_NEED(inputs, sizeof *inputs, "the inputs", err);
    net->inputs = inputs;
    net->inputs[net->n_inputs++] = t;
    *out = t;
done:
    return st;
}

floe_status fl_net_add_constant(fl_network *net, fl_tensor **out, const char *name, const fl_tensor_desc *desc,
                                const void *data, bool copy, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor *t = NULL;
    int64_t elements;
    FL_TRY(fl_tensor_elements(desc, &elements, err));
    if (elements < 0)
        FL_FAIL(err, FLOE_ERR_SHAPE, "constant '%s': the shape of a constant cannot depend on the batch", name);
    const size_t bytes = fl_tensor_bytes_at(desc, 1);
    const char *own = fl_arena_strdup(&net->arena, name ? name : "constant");
    FL_NEED(own, 1, "a name", err);
    FL_TRY(new_tensor(net, &t, own, desc, err));
    t->desc.constant = true;
    /* An empty constant still needs a non-NULL pointer: data is what tells a constant. */
    t->data = copy || !data ? fl_arena_memdup(&net->arena, data ? data : "", bytes) : data;
    FL_NEED(t->data, bytes, "a constant", err);
    *out = t;
done:
    return st;
}

/* Fresh output tensors named after the layer ("conv", "conv:1", ...). */
static floe_status make_outputs(fl_network *net, fl_layer *layer, int n_out, floe_error *err)
{
    floe_status st = FLOE_OK;
    layer->out = fl_arena_calloc(&net->arena, (size_t)n_out, sizeof *layer->out);
    layer->desc.out = fl_arena_calloc(&net->arena, (size_t)n_out, sizeof *layer->desc.out);
    FL_NEED(layer->out && layer->desc.out, sizeof *layer->out, "a layer", err);
    layer->desc.n_out = n_out;
    for (int i = 0; i < n_out; i++) {
        const char *name = i ? fl_arena_printf(&net->arena, "%s:%d", layer->name, i) : layer->name;
        FL_NEED(name, 1, "a name", err);
        FL_TRY(new_tensor(net, &layer->out[i], name, NULL, err));
        layer->out[i]->producer = layer;
        layer->desc.out[i] = &layer->out[i]->desc;
    }
done:
    return st;
}

floe_status fl_net_add_layer(fl_network *net, fl_layer **out, const char *name, fl_op_kind op, const fl_op_params *p,
                             fl_tensor *const *in, int n_in, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_layer *layer = fl_arena_alloc(&net->arena, sizeof *layer);
    FL_NEED(layer, sizeof *layer, "a layer", err);
    layer->name = unique_name(net, name);
    FL_NEED(layer->name, 1, "a name", err);
    layer->desc.op = op;
    if (p)
        layer->desc.p = *p;
    layer->desc.n_in = n_in;
    layer->in = fl_arena_calloc(&net->arena, (size_t)n_in, sizeof *layer->in);
    layer->desc.in = fl_arena_calloc(&net->arena, (size_t)n_in, sizeof *layer->desc.in);
    FL_NEED(layer->in && layer->desc.in, sizeof *layer->in, "a layer", err);
    for (int i = 0; i < n_in; i++) {
        layer->in[i] = in[i];
        layer->desc.in[i] = in[i] ? &in[i]->desc : NULL;
    }
    FL_TRY(make_outputs(net, layer, fl_op_def_of(op)->n_out, err));
    FL_TRY(fl_layer_infer(layer, err));
    FL_TRY(fl_names_add(&net->names, layer->name, 0, err));
    fl_layer **layers = fl_arena_grow(&net->arena, net->layers, net->n_layers, &net->cap_layers, sizeof *layers);
    FL_NEED(layers, sizeof *layers, "the layers", err);
    net->layers = layers;
    layer->index = (int)net->n_layers;
    net->layers[net->n_layers++] = layer;
    if (out)
        *out = layer;
done:
    return st;
}

floe_status fl_net_mark_output(fl_network *net, const char *name, fl_tensor *tensor, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < net->n_outputs; i++)
        if (!strcmp(net->outputs[i].name, name))
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "output '%s' is marked twice", name);
    const char *copy = fl_arena_strdup(&net->arena, name);
    FL_NEED(copy, strlen(name), "a name", err);
    fl_net_output *outputs =
        fl_arena_grow(&net->arena, net->outputs, net->n_outputs, &net->cap_outputs, sizeof *outputs);
    FL_NEED(outputs, sizeof *outputs, "the outputs", err);
    net->outputs = outputs;
    net->outputs[net->n_outputs++] = (fl_net_output){copy, tensor};
done:
    return st;
}

/* ---- editing */

floe_status fl_layer_infer(fl_layer *layer, floe_error *err)
{
    const floe_status st = fl_op_infer(&layer->desc, err);
    if (st != FLOE_OK)
        fl_error_prefix(err, "layer '%s' (%s)", layer->name, fl_op_def_of(layer->desc.op)->name);
    return st;
}

void fl_net_replace_uses(fl_network *net, fl_tensor *from, fl_tensor *to, const fl_layer *except)
{
    for (size_t i = 0; i < net->n_layers; i++) {
        fl_layer *layer = net->layers[i];
        if (layer->removed || layer == except)
            continue;
        for (int k = 0; k < layer->desc.n_in; k++)
            if (layer->in[k] == from) {
                layer->in[k] = to;
                layer->desc.in[k] = &to->desc;
            }
    }
    for (size_t i = 0; i < net->n_outputs; i++)
        if (net->outputs[i].tensor == from)
            net->outputs[i].tensor = to;
}

floe_status fl_layer_set_input(fl_network *net, fl_layer *layer, int slot, fl_tensor *tensor, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_op_def *def = fl_op_def_of(layer->desc.op);
    if (slot >= def->max_in)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "layer '%s' (%s): no input slot %d", layer->name, def->name, slot);
    if (slot >= layer->desc.n_in) {
        const size_t n = (size_t)slot + 1, had = (size_t)layer->desc.n_in;
        fl_tensor **in = fl_arena_calloc(&net->arena, n, sizeof *in);
        fl_tensor_desc **desc_in = fl_arena_calloc(&net->arena, n, sizeof *desc_in);
        FL_NEED(in && desc_in, n * sizeof *in, "a layer's inputs", err);
        memcpy(in, layer->in, had * sizeof *in);
        memcpy(desc_in, layer->desc.in, had * sizeof *desc_in);
        layer->in = in;
        layer->desc.in = desc_in;
        layer->desc.n_in = (int)n;
    }
    layer->in[slot] = tensor;
    layer->desc.in[slot] = tensor ? &tensor->desc : NULL;
done:
    return st;
}

void fl_layer_remove(fl_layer *layer)
{
    layer->removed = true;
}

/* Depth-first over producers without recursion: networks of many thousand layers must not overflow a stack. A layer
 * is 0 (unseen), 1 (its inputs are being placed) or 2 (placed). */
floe_status fl_net_sort(fl_network *net, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n = net->n_layers;
    uint8_t *state = fl_calloc(net->env, n + 1, 1);
    fl_layer **stack = fl_calloc(net->env, n + 1, sizeof *stack);
    fl_layer **sorted = fl_calloc(net->env, n + 1, sizeof *sorted);
    FL_NEED(state && stack && sorted, n * sizeof *stack, "sorting the layers", err);
    size_t placed = 0;
    for (size_t i = 0; i < n; i++)
        net->layers[i]->index = (int)i;
    for (size_t i = 0; i < n; i++) {
        size_t depth = 0;
        if (net->layers[i]->removed || state[i])
            continue;
        stack[depth++] = net->layers[i];
        while (depth) {
            fl_layer *layer = stack[depth - 1];
            uint8_t *mine = &state[layer->index];
            if (*mine == 2) {
                depth--;
                continue;
            }
            bool ready = true;
            *mine = 1;
            for (int k = 0; k < layer->desc.n_in; k++) {
                fl_layer *before = layer->in[k] ? layer->in[k]->producer : NULL;
                if (!before || state[before->index] == 2)
                    continue;
                if (before->removed || state[before->index] == 1)
                    FL_FAIL(err, FLOE_ERR_FORMAT, "layer '%s' reads '%s', which %s", layer->name, before->name,
                            before->removed ? "was removed" : "depends on it: the network has a cycle");
                stack[depth++] = before;
                ready = false;
                break;
            }
            if (ready) {
                *mine = 2;
                sorted[placed++] = layer;
                depth--;
            }
        }
    }
    if (placed) /* a network may have no layers, and then no array either */
        memcpy(net->layers, sorted, placed * sizeof *sorted);
    net->n_layers = placed;
    for (size_t i = 0; i < placed; i++)
        net->layers[i]->index = (int)i;
done:
    fl_free(net->env, state);
    fl_free(net->env, stack);
    fl_free(net->env, sorted);
    return st;
}

void fl_net_count_uses(fl_network *net)
{
    for (size_t i = 0; i < net->n_inputs; i++)
        net->inputs[i]->uses = 0;
    for (size_t i = 0; i < net->n_layers; i++) {
        for (int k = 0; k < net->layers[i]->desc.n_in; k++)
            if (net->layers[i]->in[k])
                net->layers[i]->in[k]->uses = 0;
        for (int k = 0; k < net->layers[i]->desc.n_out; k++)
            net->layers[i]->out[k]->uses = 0;
    }
    for (size_t i = 0; i < net->n_outputs; i++)
        net->outputs[i].tensor->uses = 0;
    for (size_t i = 0; i < net->n_layers; i++)
        for (int k = 0; !net->layers[i]->removed && k < net->layers[i]->desc.n_in; k++)
            if (net->layers[i]->in[k])
                net->layers[i]->in[k]->uses++;
    for (size_t i = 0; i < net->n_outputs; i++)
        net->outputs[i].tensor->uses++;
}

bool fl_net_is_output(const fl_network *net, const fl_tensor *tensor)
{
    for (size_t i = 0; i < net->n_outputs; i++)
        if (net->outputs[i].tensor == tensor)
            return true;
    return false;
}

fl_layer *fl_net_only_consumer(const fl_network *net, const fl_tensor *tensor, int *slot)
{
    fl_layer *found = NULL;
    if (fl_net_is_output(net, tensor))
        return NULL;
    for (size_t i = 0; i < net->n_layers; i++) {
        fl_layer *layer = net->layers[i];
        for (int k = 0; !layer->removed && k < layer->desc.n_in; k++) {
            if (layer->in[k] != tensor)
                continue;
            if (found)
                return NULL;
            found = layer;
            if (slot)
                *slot = k;
        }
    }
    return found;
}
