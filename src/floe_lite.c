/* floe_lite.c - the Lite engine: open a PLAN, infer, memory handled inside.
 *
 * It owns an engine, one context and one buffer per output binding. A .pb or .uff is built in memory first, through the
 * same PLAN bytes as a file would hold, so what runs is what ships. Batches above the engine's maximum are run in pieces
 * straight from and into the right places of the buffers, where the items of a batch do not meet.
 */
#include "floe_internal.h"

#include <string.h>

struct floe_lite {
    floe_env       env;
    floe_engine   *engine;
    floe_context  *context;
    int            n_bindings;
    void         **bindings; /* of the current piece */
    void         **outputs;  /* per binding; NULL for inputs */
    int64_t        capacity; /* items the output buffers hold */
};

/* PLAN files start with their magic; anything else is built. */
static floe_status is_plan(const char *path, bool *yes, floe_error *err)
{
    fl_file file = {0};
    const floe_status st = fl_file_map(&file, path, err);
    *yes = st == FLOE_OK && fl_looks_like_plan(file.data, file.size);
    fl_file_unmap(&file);
    return st;
}

/* Parses with the inputs registered in one of two ways: the dims as they are, with the batch in front of them; or
 * whole shapes, whose first dimension is the batch (skip_batch) or a dimension like the others. */
static floe_status parse(floe_lite *lite, floe_network *network, const char *path, const floe_lite_options *o,
                         bool skip_batch, int64_t max_batch, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_uff_parser *parser = NULL;
    FL_TRY(floe_uff_parser_create(&parser, &lite->env, err));
    for (size_t i = 0; i < o->n_inputs; i++) {
        floe_dims dims = o->input_dims[i];
        if (o->whole_shapes && !skip_batch) {
            FL_TRY(floe_uff_parser_register_input_shape(parser, o->input_names[i], &dims, err));
            continue;
        }
        if (skip_batch)
            memmove(dims.d, dims.d + 1, (size_t)--dims.rank * sizeof *dims.d);
        FL_TRY(floe_uff_parser_register_input(parser, o->input_names[i], &dims, FLOE_ORDER_GRAPH, err));
    }
    for (size_t i = 0; i < o->n_outputs; i++)
        FL_TRY(floe_uff_parser_register_output(parser, o->outputs[i], err));
    floe_uff_parser_set_max_batch_size(parser, max_batch);
    FL_TRY(floe_uff_parser_parse(parser, path, network, err));
done:
    floe_uff_parser_free(parser);
    return st;
}

/* The first dimension of all the whole shapes when it is one and the same above 1, else 0. */
static int64_t common_batch(const floe_lite_options *o)
{
    int64_t n = 0;
    for (size_t i = 0; i < o->n_inputs; i++) {
        if (o->input_dims[i].rank < 1 || o->input_dims[i].d[0] < 2 || (n && o->input_dims[i].d[0] != n))
            return 0;
        n = o->input_dims[i].d[0];
    }
    return o->whole_shapes ? n : 0;
}

static floe_status build(floe_lite *lite, const char *path, const floe_lite_options *o, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_network *network = NULL;
    floe_blob *plan = NULL;
    floe_builder builder = o->builder ? *o->builder : (floe_builder){0};
    floe_error other;
    FL_TRY(floe_network_create(&network, &lite->env, err));
    if (o->whole_shapes)
        builder.max_batch_size = 1;
    st = parse(lite, network, path, o, false, builder.max_batch_size, err);
    if (st == FLOE_ERR_SHAPE && common_batch(o)) {
        /* A graph that fixes its batch at 1 refuses the shapes; it may still run them as a batch. The first sentence
         * stands if not. */
        floe_network_free(network);
        network = NULL;
        FL_TRY(floe_network_create(&network, &lite->env, err));
        builder.max_batch_size = common_batch(o);
        if (parse(lite, network, path, o, true, builder.max_batch_size, &other) != FLOE_OK)
            st = FLOE_ERR_SHAPE;
    }
    FL_TRY(st);
    FL_TRY(floe_builder_build(&plan, &builder, network, err));
    floe_network_free(network); /* before the engine copies the weights */
    network = NULL;
    FL_TRY(floe_engine_deserialize(&lite->engine, &lite->env, floe_blob_data(plan), floe_blob_size(plan), o->device, err));
done:
    floe_blob_free(plan);
    floe_network_free(network);
    return st;
}

static size_t item_bytes(const floe_binding *b, int64_t batch)
{
    return (size_t)floe_dims_count(&b->dims, batch) * floe_dtype_bytes(b->dtype);
}

static void free_outputs(floe_lite *lite)
{
    for (int i = 0; lite->outputs && i < lite->n_bindings; i++) {
        fl_free(&lite->env, lite->outputs[i]);
        lite->outputs[i] = NULL;
    }
    lite->capacity = 0;
}

static floe_status reserve_outputs(floe_lite *lite, int64_t batch, floe_error *err)
{
    floe_status st = FLOE_OK;
    if (batch <= lite->capacity)
        return FLOE_OK;
    free_outputs(lite);
    for (int i = 0; i < lite->n_bindings; i++) {
        const floe_binding *b = floe_engine_binding(lite->engine, i);
        if (b->is_input)
            continue;
        lite->outputs[i] = fl_alloc(&lite->env, item_bytes(b, batch));
        FL_NEED(lite->outputs[i], item_bytes(b, batch), "an output", err);
    }
    lite->capacity = batch;
done:
    return st;
}

floe_status floe_lite_open(floe_lite **out, const floe_env *env, const char *path, const floe_lite_options *options, floe_error *err)
{
    static const floe_lite_options defaults;
    floe_status st = FLOE_OK;
    floe_lite *lite = NULL;
    bool plan;
    const floe_lite_options *o = options ? options : &defaults;
    if (!out || !path)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "floe_lite_open: an output and a path are needed");
    lite = fl_calloc(env, 1, sizeof *lite);
    FL_NEED(lite, sizeof *lite, "a lite engine", err);
    lite->env = fl_env_copy(env);
    FL_TRY(is_plan(path, &plan, err));
    if (plan)
        FL_TRY(floe_engine_load(&lite->engine, &lite->env, path, o->device, err));
    else
        FL_TRY(build(lite, path, o, err));
    FL_TRY(floe_context_create(&lite->context, lite->engine, o->threads, err));
    lite->n_bindings = floe_engine_binding_count(lite->engine);
    lite->bindings = fl_calloc(&lite->env, (size_t)lite->n_bindings, sizeof *lite->bindings);
    lite->outputs = fl_calloc(&lite->env, (size_t)lite->n_bindings, sizeof *lite->outputs);
    FL_NEED(lite->bindings && lite->outputs, 1, "the bindings", err);
    FL_TRY(reserve_outputs(lite, floe_engine_max_batch_size(lite->engine), err));
    *out = lite;
    lite = NULL;
done:
    floe_lite_free(lite);
    return st;
}

void floe_lite_free(floe_lite *lite)
{
    if (!lite)
        return;
    const floe_env env = lite->env;
    free_outputs(lite);
    fl_free(&env, lite->bindings);
    fl_free(&env, lite->outputs);
    floe_context_free(lite->context);
    floe_engine_free(lite->engine);
    fl_free(&env, lite);
}

const floe_engine *floe_lite_engine(const floe_lite *lite) { return lite->engine; }
floe_context      *floe_lite_context(floe_lite *lite) { return lite->context; }

floe_status floe_lite_infer(floe_lite *lite, int64_t batch, const void *const *inputs, const void **outputs, floe_error *err)
{
    floe_status st = FLOE_OK;
    if (!lite || !inputs || !outputs || batch < 1)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "floe_lite_infer: an engine, inputs, outputs and a batch of at least 1 are needed");
    const int64_t most = floe_engine_max_batch_size(lite->engine);
    if (batch > most && floe_engine_mixes_items(lite->engine))
        FL_FAIL(err, FLOE_ERR_LIMIT,
                "'%s' mixes the items of a batch: %lld cannot be run in pieces of %lld, the engine's maximum; build it for %lld",
                floe_engine_mixes_items(lite->engine), (long long)batch, (long long)most, (long long)batch);
    FL_TRY(reserve_outputs(lite, batch, err));
    for (int64_t done_items = 0; done_items < batch; done_items += most) {
        const int64_t piece = batch - done_items < most ? batch - done_items : most;
        for (int i = 0, in = 0; i < lite->n_bindings; i++) {
            const floe_binding *b = floe_engine_binding(lite->engine, i);
            const char *base = b->is_input ? inputs[in++] : lite->outputs[i];
            /* What does not depend on the batch lies at the same place for every piece. */
            const bool moves = b->dims.rank > 0 && b->dims.d[0] < 0;
            lite->bindings[i] = (char *)base + (moves ? item_bytes(b, done_items) : 0);
        }
        FL_TRY(floe_context_execute(lite->context, piece, lite->bindings, err));
    }
    for (int i = 0, k = 0; i < lite->n_bindings; i++)
        if (lite->outputs[i])
            outputs[k++] = lite->outputs[i];
done:
    return st;
}
