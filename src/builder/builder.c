/* builder.c - the build from network to plan, in four strokes.
 *
 *   1. steps:   layers in order; a binding whose tensor is a constant, an input or bound already gets a copy step
 *   2. choose:  per step the fastest tactic that the device supports and the workspace allows (builder_choose.c)
 *   3. storage: which tensors share bytes, where they lie in the arena (builder_emit.c, builder_memory.c)
 *   4. emit:    weights packed by the chosen tactics, tables filled (builder_emit.c)
 */
#include "builder/builder_internal.h"

#include <stdio.h>
#include <string.h>

bool fl_build_is_copy(const fl_layer *layer)
{
    return layer->desc.op == FL_OP_IDENTITY || layer->desc.op == FL_OP_RESHAPE;
}

/* ---- tensors and steps */

static void number(fl_build_state *b, fl_tensor *t)
{
    if (b->tensors[t->id] == t)
        return;
    t->id = b->n_tensors;
    b->tensors[b->n_tensors++] = t;
}

/* Upper bound of tensors, to size the table once. */
static size_t count_tensors(const fl_network *net)
{
    size_t n = net->n_inputs + 2 * net->n_outputs + 1;
    for (size_t i = 0; i < net->n_layers; i++)
        n += (size_t)net->layers[i]->desc.n_in + (size_t)net->layers[i]->desc.n_out;
    return n;
}

/* A network output must be the sole owner of its binding: constants, inputs and tensors that are an output already go
 * through an identity layer. */
static floe_status own_outputs(fl_network *net, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (size_t i = 0; i < net->n_outputs; i++) {
        fl_tensor *t = net->outputs[i].tensor;
        bool taken = !t->producer;
        for (size_t k = 0; k < i && !taken; k++)
            taken = net->outputs[k].tensor == t;
        if (!taken)
            continue;
        fl_layer *copy;
        FL_TRY(fl_net_add_layer(net, &copy, net->outputs[i].name, FL_OP_IDENTITY, NULL, &t, 1, err));
        net->outputs[i].tensor = copy->out[0];
    }
    FL_TRY(fl_net_sort(net, err));
done:
    return st;
}

static floe_status list_steps(fl_build_state *b, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_network *net = b->net;
    FL_TRY(own_outputs(net, err));
    b->tensors = fl_arena_calloc(&b->arena, count_tensors(net) + 1, sizeof *b->tensors);
    b->steps = fl_arena_calloc(&b->arena, net->n_layers + 1, sizeof *b->steps);
    FL_NEED(b->tensors && b->steps, net->n_layers * sizeof *b->steps, "the steps", err);
    for (size_t i = 0; i < net->n_inputs; i++)
        net->inputs[i]->id = 0;
    for (size_t i = 0; i < net->n_layers; i++) {
        fl_layer *layer = net->layers[i];
        for (int k = 0; k < layer->desc.n_in; k++)
            if (layer->in[k])
                layer->in[k]->id = 0;
        for (int k = 0; k < layer->desc.n_out; k++)
            layer->out[k]->id = 0;
    }
    for (size_t i = 0; i < net->n_inputs; i++)
        number(b, net->inputs[i]);
    for (size_t i = 0; i < net->n_layers; i++) {
        fl_layer *layer = net->layers[i];
        for (int k = 0; k < layer->desc.n_in; k++)
            if (layer->in[k])
                number(b, layer->in[k]);
        for (int k = 0; k < layer->desc.n_out; k++)
            number(b, layer->out[k]);
        b->steps[b->n_steps++].layer = layer;
    }
done:
    return st;
}

/* ---- the whole */

static floe_status open_device(fl_build_state *b, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *spec = b->options->device ? b->options->device : "cpu";
    const fl_device_options options = {.threads = b->options->threads, .isa = b->options->isa, .target = b->options->target,
                                       .tf32 = b->options->tf32, .sources = b->options->sources};
    char name[16];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(spec, ":"), spec);
    b->backend = fl_backend_find(name);
    if (!b->backend)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "device '%s': this build of floe has no such backend; it has %s", spec,
                fl_backend_names());
    FL_TRY(b->backend->open(&b->device, b->env, spec, &options, err));
    b->backend->describe(b->device, &b->info);
    if (!b->options->target)
        FL_TRY(b->backend->stream_open(&b->stream, b->device, b->info.threads, err));
done:
    return st;
}

static void report_workspace(const fl_build_state *b)
{
    int log2 = 0;
    while (((uint64_t)1 << log2) < b->gain_workspace)
        log2++;
    if (b->gain_ns > 0)
        fl_log(b->env, FLOE_SEVERITY_INFO,
               "A larger workspace would make the engine about %.3f ms (%.0f %%) faster: --max_workspace_size=%d",
               b->gain_ns / 1e6, b->total_ns > 0 ? 100 * b->gain_ns / b->total_ns : 0, log2);
}

floe_status fl_build(fl_plan **out, const floe_env *env, fl_network *net, const fl_build_options *options, floe_error *err)
{
    static const fl_build_options defaults;
    floe_status st = FLOE_OK;
    fl_plan *plan = NULL;
    fl_timing_cache *own_cache = NULL;
    fl_build_state b = {.env = env, .net = net, .options = options ? options : &defaults};
    char device[192];
    fl_arena_init(&b.arena, env);
    b.batch = b.options->max_batch > 0 ? b.options->max_batch : 1;
    b.workspace_limit = b.options->workspace_bytes ? b.options->workspace_bytes : (uint64_t)1 << 20;
    b.cache = b.options->cache;
    if (!b.cache) {
        FL_TRY(fl_timing_cache_create(&own_cache, env, err));
        b.cache = own_cache;
    }
    FL_TRY(open_device(&b, err));
    if (!b.options->target) { /* nothing is timed for another machine, and this one's cache stays as it is */
        snprintf(device, sizeof device, "%s %s %s threads=%d", b.backend->name, b.info.target, b.info.name, b.info.threads);
        FL_TRY(fl_timing_cache_set_device(b.cache, device, err));
    }
    FL_TRY(list_steps(&b, err));
    FL_TRY(fl_build_choose(&b, err));
    FL_TRY(fl_plan_create(&plan, env, err));
    FL_TRY(fl_build_emit(&b, plan, err));
    report_workspace(&b);
    *out = plan;
    plan = NULL;
done:
    fl_plan_free(plan);
    if (b.stream)
        b.backend->stream_close(b.stream);
    if (b.device)
        b.backend->close(b.device);
    fl_timing_cache_free(own_cache);
    fl_arena_free(&b.arena);
    return st;
}
