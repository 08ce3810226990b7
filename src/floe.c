/* floe.c - the public entry points: check arguments, call the stages in order, nothing else.
 *
 * floe_network.c has the hand-made networks, floe_inspect.c what is in a file, floe_lite.c the Lite engine.
 */
#include "floe_internal.h"

#include "builder/builder.h"
#include "optimizer/optimizer.h"
#include "tensorflow/tf_convert.h"
#include "tensorflow/tf_freeze.h"

#include <stdlib.h>
#include <string.h>

const char *floe_version(void) { return FLOE_VERSION; }

size_t      floe_dtype_bytes(floe_dtype dtype) { return fl_dtype_bytes((fl_dtype)dtype); }
const char *floe_dtype_name(floe_dtype dtype) { return fl_dtype_name((fl_dtype)dtype); }

_Static_assert((int)FLOE_FLOAT32 == (int)FL_F32 && (int)FLOE_BOOL == (int)FL_BOOL && FLOE_MAX_RANK == FL_MAX_RANK &&
                   (int)FLOE_NCHW == (int)FL_NCHW && (int)FLOE_ORDER_NC == (int)FL_UFF_ORDER_NC,
               "public and internal numbers are the same");

int64_t floe_dims_count(const floe_dims *dims, int64_t batch)
{
    int64_t n = 1;
    for (int i = 0; i < dims->rank && i < FLOE_MAX_RANK; i++)
        n *= fl_dim_at(dims->d[i], batch);
    return n;
}

floe_env fl_env_copy(const floe_env *env) { return env ? *env : (floe_env){0}; }

floe_dims fl_public_dims(const fl_tensor_desc *desc)
{
    floe_dims dims = {.rank = desc->rank};
    memcpy(dims.d, desc->dim, sizeof dims.d);
    return dims;
}

/* ---- blobs */

floe_status fl_blob_make(floe_blob **out, const floe_env *env, fl_buf *buf, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_blob *blob = NULL;
    if (buf->failed)
        FL_FAIL(err, FLOE_ERR_MEMORY, "out of memory after %zu bytes of output", buf->size);
    blob = fl_calloc(env, 1, sizeof *blob);
    FL_NEED(blob, sizeof *blob, "the output", err);
    blob->env = fl_env_copy(env);
    blob->buf = *buf;
    blob->buf.env = &blob->env;
    *buf = fl_buf_make(env);
    *out = blob;
done:
    if (st != FLOE_OK)
        fl_buf_free(buf);
    return st;
}

const void *floe_blob_data(const floe_blob *blob) { return blob ? blob->buf.data : NULL; }
size_t      floe_blob_size(const floe_blob *blob) { return blob ? blob->buf.size : 0; }

floe_status floe_blob_save(const floe_blob *blob, const char *path, floe_error *err)
{
    if (!blob || !path)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "floe_blob_save: a blob and a path are needed");
    return fl_file_write(path, blob->buf.data, blob->buf.size, err);
}

void floe_blob_free(floe_blob *blob)
{
    if (!blob)
        return;
    const floe_env env = blob->env;
    fl_buf_free(&blob->buf);
    fl_free(&env, blob);
}

/* ---- 1. freeze */

floe_status floe_freeze(floe_blob **out, const floe_env *env, const char *checkpoint, const floe_freeze_options *options,
                        floe_error *err)
{
    static const floe_freeze_options defaults;
    floe_status st = FLOE_OK;
    fl_tf_graph *graph = NULL;
    fl_buf bytes = fl_buf_make(env);
    const floe_freeze_options *o = options ? options : &defaults;
    if (!out || !checkpoint)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "floe_freeze: an output and a checkpoint are needed");
    const fl_tf_freeze_options inner = {.folder = checkpoint,
                                        .prefix = o->prefix,
                                        .graph_file = o->graph,
                                        .outputs = o->outputs,
                                        .n_outputs = o->n_outputs,
                                        .prefer_ema = o->prefer_ema,
                                        .signature = o->signature,
                                        .tags = o->tags};
    FL_TRY(fl_tf_freeze(&graph, env, &inner, err));
    FL_TRY(fl_tf_graph_write(&bytes, graph, err));
    FL_TRY(fl_blob_make(out, env, &bytes, err));
done:
    fl_buf_free(&bytes);
    fl_tf_graph_free(graph);
    return st;
}

/* ---- 2. convert */

/* "3" is the third node of the list, "-1" the last; a name otherwise. */
static floe_status output_name(const fl_tf_graph *graph, const char *given, const char **out, floe_error *err)
{
    char *end;
    const long long index = strtoll(given, &end, 10);
    const long long n = (long long)graph->n_node;
    *out = given;
    if (end == given || *end || fl_tf_graph_find(graph, given))
        return FLOE_OK;
    if (index == 0 || index > n || index < -n)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "Invalid node index: %s (the graph has nodes 1 to %lld)", given, n);
    *out = graph->node[index > 0 ? index - 1 : n + index].name;
    return FLOE_OK;
}

/* "name,new_name,dtype,dim1,dim2,..." */
static floe_status input_override(fl_arena *arena, const char *text, fl_tf_input_override *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    char *copy = fl_arena_strdup(arena, text), *field[3], *at = copy;
    FL_NEED(copy, strlen(text), "an input description", err);
    for (int i = 0; i < 3; i++) {
        field[i] = at;
        at = at ? strchr(at, ',') : NULL;
        if (at)
            *at++ = 0;
    }
    if (!field[2])
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "input '%s' is not of the form name,new_name,dtype,dim1,dim2,...", text);
    *out = (fl_tf_input_override){.name = field[0], .new_name = field[1], .dtype = fl_tf_dtype_from_name(field[2])};
    if (out->dtype == FL_TF_INVALID)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "input '%s': type '%s' is not known; float32 is an example", text, field[2]);
    while (at && *at) {
        char *end;
        const long long d = strtoll(at, &end, 10);
        if (end == at || (*end && *end != ',') || out->rank == (int)(sizeof out->dim / sizeof *out->dim))
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "input '%s': '%s' is no dimension", text, at);
        out->dim[out->rank++] = d;
        at = *end ? end + 1 : end;
    }
done:
    return st;
}

floe_status fl_convert_graph(fl_uff_graph **out, fl_tf_graph *graph, const floe_convert_options *options, fl_arena *arena,
                             floe_error *err)
{
    floe_status st = FLOE_OK;
    const char **outputs = fl_arena_calloc(arena, options->n_outputs + 1, sizeof *outputs);
    fl_tf_input_override *inputs = fl_arena_calloc(arena, options->n_inputs + 1, sizeof *inputs);
    FL_NEED(outputs && inputs, options->n_outputs, "the options", err);
    for (size_t i = 0; i < options->n_outputs; i++)
        FL_TRY(output_name(graph, options->outputs[i], &outputs[i], err));
    for (size_t i = 0; i < options->n_inputs; i++)
        FL_TRY(input_override(arena, options->inputs[i], &inputs[i], err));
    const fl_tf_convert_options inner = {outputs, options->n_outputs, inputs, options->n_inputs, options->quiet, options->debug};
    FL_TRY(fl_tf_to_uff(out, graph, &inner, err));
done:
    return st;
}

floe_status floe_convert(floe_blob **uff, floe_blob **text, const floe_env *env, const char *pb,
                         const floe_convert_options *options, floe_error *err)
{
    static const floe_convert_options defaults;
    floe_status st = FLOE_OK;
    fl_tf_graph *graph = NULL;
    fl_uff_graph *converted = NULL;
    floe_blob *binary = NULL;
    fl_arena arena;
    fl_buf bytes = fl_buf_make(env), readable = fl_buf_make(env);
    fl_arena_init(&arena, env);
    if (!uff || !pb)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "floe_convert: an output and a file are needed");
    FL_TRY(fl_tf_graph_load(&graph, env, pb, err));
    FL_TRY(fl_convert_graph(&converted, graph, options ? options : &defaults, &arena, err));
    FL_TRY(fl_uff_write(&bytes, converted, err));
    FL_TRY(fl_blob_make(&binary, env, &bytes, err));
    if (text) {
        FL_TRY(fl_uff_write_text(&readable, converted, err));
        FL_TRY(fl_blob_make(text, env, &readable, err));
    }
    *uff = binary;
    binary = NULL;
done:
    floe_blob_free(binary);
    fl_buf_free(&bytes);
    fl_buf_free(&readable);
    fl_uff_free(converted);
    fl_tf_graph_free(graph);
    fl_arena_free(&arena);
    return st;
}

/* ---- 3a. the parser */

struct floe_uff_parser {
    floe_env      env;
    fl_arena      arena;
    fl_uff_input *inputs;
    size_t        n_inputs, cap_inputs;
    const char  **outputs;
    size_t        n_outputs, cap_outputs;
    int64_t       max_batch;
};

floe_status floe_uff_parser_create(floe_uff_parser **out, const floe_env *env, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_uff_parser *p = fl_calloc(env, 1, sizeof *p);
    FL_NEED(p, sizeof *p, "a parser", err);
    p->env = fl_env_copy(env);
    fl_arena_init(&p->arena, &p->env);
    *out = p;
done:
    return st;
}

void floe_uff_parser_free(floe_uff_parser *parser)
{
    if (!parser)
        return;
    const floe_env env = parser->env;
    fl_arena_free(&parser->arena);
    fl_free(&env, parser);
}

static floe_status register_input(floe_uff_parser *p, const char *name, const floe_dims *dims, floe_input_order order,
                                  bool batched, floe_error *err)
{
    floe_status st = FLOE_OK;
    if (!p || !name || !dims || dims->rank < 0 || dims->rank + batched > FLOE_MAX_RANK || order > FLOE_ORDER_NC)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "register_input: a name and at most %d dimensions are needed", FLOE_MAX_RANK - batched);
    for (size_t i = 0; i < p->n_inputs; i++)
        if (!strcmp(p->inputs[i].name, name))
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "register_input: '%s' is registered already", name);
    void *inputs = fl_arena_grow(&p->arena, p->inputs, p->n_inputs, &p->cap_inputs, sizeof *p->inputs);
    FL_NEED(inputs, 1, "an input", err);
    p->inputs = inputs;
    fl_uff_input *in = &p->inputs[p->n_inputs];
    *in = (fl_uff_input){.name = fl_arena_strdup(&p->arena, name), .rank = dims->rank, .batched = batched,
                         .order = (fl_uff_input_order)order};
    FL_NEED(in->name, 1, "an input", err);
    memcpy(in->dim, dims->d, sizeof in->dim);
    p->n_inputs++;
done:
    return st;
}

floe_status floe_uff_parser_register_input(floe_uff_parser *parser, const char *name, const floe_dims *dims,
                                           floe_input_order order, floe_error *err)
{
    return register_input(parser, name, dims, order, true, err);
}

floe_status floe_uff_parser_register_input_shape(floe_uff_parser *parser, const char *name, const floe_dims *dims,
                                                 floe_error *err)
{
    return register_input(parser, name, dims, FLOE_ORDER_GRAPH, false, err);
}

floe_status floe_uff_parser_register_output(floe_uff_parser *p, const char *name, floe_error *err)
{
    floe_status st = FLOE_OK;
    if (!p || !name)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "register_output: a name is needed");
    void *outputs = fl_arena_grow(&p->arena, p->outputs, p->n_outputs, &p->cap_outputs, sizeof *p->outputs);
    FL_NEED(outputs, 1, "an output", err);
    p->outputs = outputs;
    p->outputs[p->n_outputs] = fl_arena_strdup(&p->arena, name);
    FL_NEED(p->outputs[p->n_outputs], 1, "an output", err);
    p->n_outputs++;
done:
    return st;
}

void floe_uff_parser_set_max_batch_size(floe_uff_parser *parser, int64_t max_batch_size) { parser->max_batch = max_batch_size; }

/* The graph goes into the network, which keeps it alive for its weights. */
static floe_status import(floe_uff_parser *p, floe_network *network, fl_tf_graph *tf, fl_uff_graph *uff, bool only, floe_error *err)
{
    const fl_uff_import_options options = {p->inputs, p->n_inputs, p->outputs, p->n_outputs, only, p->max_batch};
    const floe_status st = fl_uff_import(&network->net, uff, &options, err);
    if (st == FLOE_OK) {
        network->tf = tf;
        network->uff = uff;
    }
    return st;
}

/* A frozen graph is converted on the way; registered outputs stand instead of what nothing consumes. */
static floe_status import_tensorflow(floe_uff_parser *p, floe_network *network, fl_tf_graph *tf, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_graph *uff = NULL;
    fl_arena arena;
    const char **plain = NULL;
    fl_arena_init(&arena, &network->env);
    /* The converter knows nodes; a port ("split:1") matters to the import only. */
    plain = fl_arena_calloc(&arena, p->n_outputs + 1, sizeof *plain);
    FL_NEED(plain, 1, "the outputs", err);
    for (size_t i = 0; i < p->n_outputs; i++) {
        const char *colon = strrchr(p->outputs[i], ':');
        plain[i] = colon ? fl_arena_strndup(&arena, p->outputs[i], (size_t)(colon - p->outputs[i])) : p->outputs[i];
        FL_NEED(plain[i], 1, "the outputs", err);
    }
    const fl_tf_convert_options options = {.outputs = plain, .n_outputs = p->n_outputs, .quiet = true};
    FL_TRY(fl_tf_to_uff(&uff, tf, &options, err));
    FL_TRY(import(p, network, tf, uff, p->n_outputs > 0, err));
    uff = NULL;
done:
    fl_uff_free(uff);
    fl_arena_free(&arena);
    return st;
}

/* A UFF file starts with its version and the core version, both 1; a GraphDef with field 1 as a message. */
bool fl_looks_like_uff(const uint8_t *data, size_t size)
{
    return size >= 4 && data[0] == 0x08 && data[2] == 0x10 && data[1] < 0x80 && data[3] < 0x80;
}

bool fl_looks_like_plan(const uint8_t *data, size_t size)
{
    return size >= strlen(FL_PLAN_MAGIC) && !memcmp(data, FL_PLAN_MAGIC, strlen(FL_PLAN_MAGIC));
}

static floe_status check_empty(const floe_uff_parser *p, const floe_network *network, floe_error *err)
{
    if (!p || !network)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "parse: a parser and a network are needed");
    if (network->net || network->uff)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "parse: the network has layers already");
    return FLOE_OK;
}

floe_status floe_uff_parser_parse(floe_uff_parser *p, const char *path, floe_network *network, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_graph *uff = NULL;
    fl_tf_graph *tf = NULL;
    fl_file file = {0};
    FL_TRY(check_empty(p, network, err));
    FL_TRY(fl_file_map(&file, path, err));
    const bool is_uff = fl_looks_like_uff(file.data, file.size);
    fl_file_unmap(&file);
    if (is_uff) {
        FL_TRY(fl_uff_load(&uff, &network->env, path, err));
        FL_TRY(import(p, network, NULL, uff, false, err));
        uff = NULL;
    } else {
        FL_TRY(fl_tf_graph_load(&tf, &network->env, path, err));
        FL_TRY(import_tensorflow(p, network, tf, err));
        tf = NULL;
    }
done:
    fl_uff_free(uff);
    fl_tf_graph_free(tf);
    return st;
}

floe_status floe_uff_parser_parse_buffer(floe_uff_parser *p, const void *data, size_t size, floe_network *network, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_graph *uff = NULL;
    fl_tf_graph *tf = NULL;
    FL_TRY(check_empty(p, network, err));
    if (fl_looks_like_uff(data, size)) {
        FL_TRY(fl_uff_parse(&uff, &network->env, data, size, "buffer", err));
        FL_TRY(import(p, network, NULL, uff, false, err));
        uff = NULL;
    } else {
        FL_TRY(fl_tf_graph_parse(&tf, &network->env, data, size, "buffer", err));
        FL_TRY(import_tensorflow(p, network, tf, err));
        tf = NULL;
    }
done:
    fl_uff_free(uff);
    fl_tf_graph_free(tf);
    return st;
}

/* ---- 4. build */

const char *floe_pass_name(size_t i)
{
    size_t n;
    const fl_opt_pass *passes = fl_opt_passes(&n);
    return i < n ? passes[i].name : NULL;
}

const char *floe_pass_help(size_t i)
{
    size_t n;
    const fl_opt_pass *passes = fl_opt_passes(&n);
    return i < n ? passes[i].help : NULL;
}

static fl_plan_preprocess plan_preprocess(const floe_input_preprocess *p)
{
    const floe_preprocess *r = &p->recipe;
    fl_plan_preprocess out = {.present = p->present, .channels = r->bgr ? FL_CHANNELS_BGR : FL_CHANNELS_RGB,
                              .resize = (int32_t)r->resize, .format = (int32_t)p->format};
    memcpy(out.mean, r->mean, sizeof out.mean);
    memcpy(out.scale, r->scale, sizeof out.scale);
    return out;
}

/* Of what comes from a file the sentence begins with its path. */
static floe_status name_source(floe_status st, const floe_network *network, floe_error *err)
{
    if (st != FLOE_OK && network->uff)
        fl_error_prefix(err, "%s", network->uff->path);
    return st;
}

static floe_status build_plan(fl_plan **out, const floe_builder *b, floe_network *network, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_timing_cache *cache = NULL;
    static const fl_dtype storage[] = {[FLOE_PRECISION_FP16] = FL_F16, [FLOE_PRECISION_BF16] = FL_BF16};
    if ((unsigned)b->precision > FLOE_PRECISION_BF16)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "floe_builder_build: precision %d is unknown", (int)b->precision);
    const fl_opt_options optimize = {.level = b->opt_level < 0 ? 0 : 1, .skip = b->skip_passes, .n_skip = b->n_skip_passes,
                                     .dump_after = b->dump_after, .n_dump = b->n_dump_after, .dump = b->dump,
                                     .dump_user = b->dump_user, .storage = storage[b->precision],
                                     .half_bindings = b->half_bindings};
    FL_TRY(name_source(fl_opt_run_all(network->net, &optimize, err), network, err));
    if (b->timing_cache) {
        FL_TRY(fl_timing_cache_create(&cache, &network->env, err));
        FL_TRY(fl_timing_cache_load(cache, b->timing_cache, err));
    }
    const fl_build_options build = {.max_batch = b->max_batch_size, .workspace_bytes = b->max_workspace_size,
                                    .threads = b->threads, .isa = b->isa, .device = b->device, .target = b->target,
                                    .tf32 = b->precision == FLOE_PRECISION_TF32, .sources = b->sources,
                                    .no_timing = b->no_timing, .only_tactics = b->only_tactics, .n_only = b->n_only_tactics, .cache = cache,
                                    .preprocess = plan_preprocess(&b->preprocess), .progress = b->progress,
                                    .progress_user = b->progress_user};
    FL_TRY(name_source(fl_build(out, &network->env, network->net, &build, err), network, err));
    if (cache && (st = fl_timing_cache_save(cache, b->timing_cache, err)) != FLOE_OK) {
        fl_plan_free(*out);
        *out = NULL;
    }
done:
    fl_timing_cache_free(cache);
    return st;
}

floe_status floe_builder_build(floe_blob **plan, const floe_builder *builder, floe_network *network, floe_error *err)
{
    static const floe_builder defaults;
    floe_status st = FLOE_OK;
    fl_plan *built = NULL;
    fl_buf bytes = {0};
    const floe_builder *b = builder ? builder : &defaults;
    if (!plan || !network)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "build: an output and a network are needed");
    bytes.env = &network->env;
    if (b->max_batch_size < 0)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "build: a maximum batch size of %lld", (long long)b->max_batch_size);
    FL_TRY(floe_network_check(network, err));
    FL_TRY(build_plan(&built, b, network, err));
    FL_TRY(name_source(fl_plan_write(&bytes, built, err), network, err));
    FL_TRY(fl_blob_make(plan, &network->env, &bytes, err));
done:
    fl_buf_free(&bytes);
    fl_plan_free(built);
    return st;
}

/* ---- 5. engines and contexts */

/* The engine's own copy of env outlives the caller's; everything below it borrows that copy. */
static floe_status new_engine(floe_engine **out, const floe_env *env, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_engine *e = fl_calloc(env, 1, sizeof *e);
    FL_NEED(e, sizeof *e, "an engine", err);
    e->env = fl_env_copy(env);
    *out = e;
done:
    return st;
}

static floe_status describe_bindings(floe_engine *e, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *pe = fl_engine_plan_engine(e->engine);
    const fl_plan_preprocess *pp = &fl_engine_plan(e->engine)->preprocess;
    e->bindings = fl_calloc(&e->env, pe->n_bindings, sizeof *e->bindings);
    FL_NEED(e->bindings, pe->n_bindings * sizeof *e->bindings, "an engine", err);
    e->n_bindings = (int)pe->n_bindings;
    for (uint32_t i = 0; i < pe->n_bindings; i++) {
        const fl_tensor_desc *desc = &pe->tensors[pe->bindings[i].tensor].desc;
        e->bindings[i] = (floe_binding){pe->bindings[i].name, (floe_dtype)desc->dtype, fl_public_dims(desc),
                                        pe->bindings[i].is_input};
    }
    e->preprocess = (floe_input_preprocess){.present = pp->present, .format = (floe_format)pp->format};
    e->preprocess.recipe.bgr = pp->channels == FL_CHANNELS_BGR;
    e->preprocess.recipe.resize = (floe_resize_method)pp->resize;
    memcpy(e->preprocess.recipe.mean, pp->mean, sizeof pp->mean);
    memcpy(e->preprocess.recipe.scale, pp->scale, sizeof pp->scale);
done:
    return st;
}

/* From a plan, which is taken over in any case. */
static floe_status finish_engine(floe_engine *e, fl_plan *plan, const char *device, floe_error *err)
{
    const floe_status st = fl_engine_create(&e->engine, &e->env, plan, device, err);
    return st == FLOE_OK ? describe_bindings(e, err) : st;
}

floe_status floe_engine_load(floe_engine **out, const floe_env *env, const char *path, const char *device, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_engine *e = NULL;
    fl_plan *plan = NULL;
    if (!out || !path)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "floe_engine_load: an output and a path are needed");
    FL_TRY(new_engine(&e, env, err));
    FL_TRY(fl_plan_load(&plan, &e->env, path, err));
    if ((st = finish_engine(e, plan, device, err)) != FLOE_OK) {
        fl_error_prefix(err, "%s", path); /* below, a plan has no name */
        goto done;
    }
    *out = e;
    e = NULL;
done:
    floe_engine_free(e);
    return st;
}

/* The plan points into the caller's bytes, which are only borrowed for the call. */
static floe_status own_weights(fl_plan *plan, floe_error *err)
{
    if (!plan->weights_bytes || plan->weights == plan->storage.data)
        return FLOE_OK;
    plan->storage = fl_buf_make(plan->env);
    fl_put_bytes(&plan->storage, plan->weights, plan->weights_bytes);
    if (plan->storage.failed)
        return fl_fail_memory(err, plan->weights_bytes, "the weights");
    plan->weights = plan->storage.data;
    return FLOE_OK;
}

floe_status floe_engine_deserialize(floe_engine **out, const floe_env *env, const void *data, size_t size, const char *device,
                                    floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_engine *e = NULL;
    fl_plan *plan = NULL;
    if (!out || !data)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "floe_engine_deserialize: an output and data are needed");
    FL_TRY(new_engine(&e, env, err));
    FL_TRY(fl_plan_parse(&plan, &e->env, data, size, "buffer", err));
    if ((st = own_weights(plan, err)) != FLOE_OK) {
        fl_plan_free(plan);
        goto done;
    }
    FL_TRY(finish_engine(e, plan, device, err));
    *out = e;
    e = NULL;
done:
    floe_engine_free(e);
    return st;
}

floe_status floe_engine_serialize(floe_blob **out, const floe_engine *engine, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf bytes = fl_buf_make(&engine->env);
    FL_TRY(fl_plan_write(&bytes, fl_engine_plan(engine->engine), err));
    FL_TRY(fl_blob_make(out, &engine->env, &bytes, err));
done:
    fl_buf_free(&bytes);
    return st;
}

void floe_engine_free(floe_engine *engine)
{
    if (!engine)
        return;
    const floe_env env = engine->env;
    fl_engine_free(engine->engine);
    fl_free(&env, engine->bindings);
    fl_free(&env, engine);
}

int                 floe_engine_binding_count(const floe_engine *e) { return e->n_bindings; }
const floe_binding *floe_engine_binding(const floe_engine *e, int i) { return i >= 0 && i < e->n_bindings ? &e->bindings[i] : NULL; }
int64_t             floe_engine_max_batch_size(const floe_engine *e) { return fl_engine_plan_engine(e->engine)->max_batch; }
const char         *floe_engine_mixes_items(const floe_engine *e) { return fl_engine_plan_engine(e->engine)->mixes; }
const floe_input_preprocess *floe_engine_preprocess(const floe_engine *e) { return &e->preprocess; }
int                 floe_engine_step_count(const floe_engine *e) { return (int)fl_engine_plan_engine(e->engine)->n_steps; }

int floe_engine_find_binding(const floe_engine *e, const char *name)
{
    for (int i = 0; i < e->n_bindings; i++)
        if (!strcmp(e->bindings[i].name, name))
            return i;
    return -1;
}

static const fl_plan_step *step_at(const floe_engine *e, int step)
{
    const fl_plan_engine *pe = fl_engine_plan_engine(e->engine);
    return step >= 0 && (uint32_t)step < pe->n_steps ? &pe->steps[step] : NULL;
}

const char *floe_engine_step_name(const floe_engine *e, int step)
{
    const fl_plan_step *s = step_at(e, step);
    return s ? s->name : NULL;
}

const char *floe_engine_step_tactic(const floe_engine *e, int step)
{
    const fl_plan_step *s = step_at(e, step);
    return s ? s->tactic : NULL;
}

double floe_engine_step_flops(const floe_engine *e, int step, int64_t batch)
{
    const fl_plan_step *s = step_at(e, step);
    fl_tensor_desc *in[64], *out[FL_MAX_OUTPUTS];
    fl_op_desc desc;
    if (!s || s->n_in > 64 || s->n_out > FL_MAX_OUTPUTS || !fl_op_def_of(s->op)->flops)
        return 0;
    fl_plan_step_desc(fl_engine_plan_engine(e->engine), s, in, out, &desc);
    return fl_op_def_of(s->op)->flops(&desc, batch);
}

floe_status floe_context_create(floe_context **out, const floe_engine *engine, int threads, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_context *c = NULL;
    if (!out || !engine)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "floe_context_create: an output and an engine are needed");
    c = fl_calloc(&engine->env, 1, sizeof *c);
    FL_NEED(c, sizeof *c, "a context", err);
    c->engine = engine;
    FL_TRY(fl_context_create(&c->context, engine->engine, threads, err));
    *out = c;
    c = NULL;
done:
    if (engine)
        fl_free(&engine->env, c);
    return st;
}

void floe_context_free(floe_context *context)
{
    if (!context)
        return;
    fl_context_free(context->context);
    fl_free(&context->engine->env, context);
}

static floe_status check_bindings(const floe_context *context, const char *what, void *const *bindings, floe_error *err)
{
    if (!context || !bindings)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "%s: a context and bindings are needed", what);
    for (int i = 0; i < context->engine->n_bindings; i++)
        if (!bindings[i] && !fl_context_device_buffer(context->context, (uint32_t)i))
            return fl_fail(err, FLOE_ERR_ARGUMENT, "%s: binding %d ('%s') is NULL", what, i, context->engine->bindings[i].name);
    return FLOE_OK;
}

floe_status floe_context_execute(floe_context *context, int64_t batch, void *const *bindings, floe_error *err)
{
    const floe_status st = check_bindings(context, "execute", bindings, err);
    return st == FLOE_OK ? fl_context_run(context->context, batch, bindings, err) : st;
}

floe_status floe_context_enqueue(floe_context *context, int64_t batch, void *const *bindings, floe_error *err)
{
    const floe_status st = check_bindings(context, "enqueue", bindings, err);
    return st == FLOE_OK ? fl_context_enqueue(context->context, batch, bindings, err) : st;
}

floe_status floe_context_wait(floe_context *context, floe_error *err)
{
    if (!context)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "wait: a context is needed");
    return fl_context_wait(context->context, err);
}

floe_status floe_context_profile(floe_context *context, int64_t batch, void *const *bindings, uint64_t *ns, floe_error *err)
{
    const floe_status st = check_bindings(context, "profile", bindings, err);
    return st == FLOE_OK ? fl_context_profile(context->context, batch, bindings, ns, err) : st;
}

size_t floe_context_bytes(const floe_context *context) { return fl_context_bytes(context->context); }

void *floe_context_device_buffer(const floe_context *context, int binding)
{
    return context && binding >= 0 ? fl_context_device_buffer(context->context, (uint32_t)binding) : NULL;
}

floe_status floe_context_times(const floe_context *context, double *upload_ms, double *compute_ms, double *download_ms,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    double *const out[3] = {upload_ms, compute_ms, download_ms};
    uint64_t ns[3];
    if (!context)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "times: a context is needed");
    FL_TRY(fl_context_times(context->context, ns, err));
    for (int i = 0; i < 3; i++)
        if (out[i])
            *out[i] = (double)ns[i] / 1e6;
done:
    return st;
}
