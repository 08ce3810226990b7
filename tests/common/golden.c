/* golden.c - see golden.h. */
#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *golden_path(char *buffer, size_t size, const char *rest)
{
    const char *root = getenv("FLOE_SOURCE_DIR");
    snprintf(buffer, size, "%s/%s", root ? root : ".", rest);
    return buffer;
}

const char *golden_shared_models(void)
{
    static char path[1024];
    struct stat s;
    const char *given = getenv("FLOE_SHARED_MODELS");
    if (given)
        snprintf(path, sizeof path, "%s", given);
    else
        golden_path(path, sizeof path, "../shared/models");
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
        return path;
    printf("SKIPPED: no models of others at %s (FLOE_SHARED_MODELS names the folder)\n", path);
    return NULL;
}

static const struct kind {
    floe_dtype dtype;
    char       kind;
    int        bytes;
} kinds[] = {{FLOE_FLOAT32, 'f', 4}, {FLOE_FLOAT16, 'f', 2}, {FLOE_FLOAT64, 'f', 8}, {FLOE_INT8, 'i', 1},
             {FLOE_UINT8, 'u', 1},   {FLOE_INT16, 'i', 2},   {FLOE_UINT16, 'u', 2},  {FLOE_INT32, 'i', 4},
             {FLOE_UINT32, 'u', 4},  {FLOE_INT64, 'i', 8},   {FLOE_UINT64, 'u', 8},  {FLOE_BOOL, 'b', 1}};

static bool same_type(floe_dtype dtype, const npy_array *a)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].dtype == dtype)
            return kinds[i].kind == a->kind && kinds[i].bytes == a->item_bytes;
    return false;
}

bool golden_equal(const void *found, floe_dtype dtype, const floe_dims *dims, int64_t batch, const npy_array *expected,
                  double tolerance, char *why, size_t why_size)
{
    double scale = 0.1, worst = 0;
    size_t worst_at = 0;
    npy_array f = *expected;
    f.data = (void *)found;
    if (!same_type(dtype, expected)) {
        snprintf(why, why_size, "type %s, expected %c%d", floe_dtype_name(dtype), expected->kind, expected->item_bytes);
        return false;
    }
    bool shape = dims->rank == expected->rank;
    for (int i = 0; shape && i < dims->rank; i++)
        shape = (dims->d[i] < 0 ? -dims->d[i] * batch : dims->d[i]) == expected->dim[i];
    if (!shape) {
        int at = snprintf(why, why_size, "shape [");
        for (int i = 0; i < dims->rank; i++)
            at += snprintf(why + at, why_size - (size_t)at, "%s%lld", i ? "," : "", (long long)dims->d[i]);
        at += snprintf(why + at, why_size - (size_t)at, "], expected [");
        for (int i = 0; i < expected->rank; i++)
            at += snprintf(why + at, why_size - (size_t)at, "%s%lld", i ? "," : "", (long long)expected->dim[i]);
        snprintf(why + at, why_size - (size_t)at, "]");
        return false;
    }
    if (expected->kind != 'f')
        tolerance = 0;
    for (size_t i = 0; i < expected->count; i++) {
        const double e = npy_value(expected, i);
        if (isfinite(e) && fabs(e) > scale)
            scale = fabs(e);
    }
    for (size_t i = 0; i < expected->count; i++) {
        const double e = npy_value(expected, i), v = npy_value(&f, i);
        if ((isnan(e) && isnan(v)) || e == v)
            continue;
        const double d = isfinite(e) && isfinite(v) ? fabs(e - v) / scale : INFINITY;
        if (d > worst) {
            worst = d;
            worst_at = i;
        }
    }
    if (worst <= tolerance)
        return true;
    snprintf(why, why_size, "element %zu is %.9g, expected %.9g: off by %.3g of the largest value", worst_at,
             npy_value(&f, worst_at), npy_value(expected, worst_at), worst);
    return false;
}

static bool load_op_array(npy_array *a, const char *op, const char *kase, const char *what, int index)
{
    char rest[256], path[1024];
    snprintf(rest, sizeof rest, "tests/golden/op/%s/%s.%s%d.npy", op, kase, what, index);
    return npy_load(a, golden_path(path, sizeof path, rest), NULL, 0);
}

bool golden_load_op(golden_case *c, const char *op, int k, char *graph, size_t graph_size, char kase[16])
{
    char rest[256];
    memset(c, 0, sizeof *c);
    snprintf(kase, 16, "c%02d", k);
    snprintf(rest, sizeof rest, "tests/golden/op/%s.pb", op);
    c->graph = golden_path(graph, graph_size, rest);
    c->tolerance = 1e-5;
    for (int i = 0; i < GOLDEN_MAX && load_op_array(&c->in[i], op, kase, "in", i); i++)
        snprintf(c->in_name[c->n_in++], sizeof c->in_name[0], "%s/in%d", kase, i);
    for (int i = 0; i < GOLDEN_MAX && load_op_array(&c->out[i], op, kase, "out", i); i++)
        snprintf(c->out_name[c->n_out++], sizeof c->out_name[0], "%s/out%d", kase, i);
    return c->n_out > 0;
}

void golden_free(golden_case *c)
{
    for (int i = 0; i < c->n_in; i++)
        npy_free(&c->in[i]);
    for (int i = 0; i < c->n_out; i++)
        npy_free(&c->out[i]);
    c->n_in = c->n_out = 0;
}

static floe_status parse(const golden_case *c, const floe_builder *builder, floe_network *network, floe_error *err)
{
    floe_uff_parser *parser = NULL;
    floe_status st = floe_uff_parser_create(&parser, NULL, err);
    for (int i = 0; st == FLOE_OK && i < c->n_in; i++) {
        const int skip = c->batched && c->in[i].rank > 0;
        floe_dims dims = {.rank = c->in[i].rank - skip};
        for (int k = 0; k < dims.rank; k++)
            dims.d[k] = c->in[i].dim[k + skip];
        st = skip ? floe_uff_parser_register_input(parser, c->in_name[i], &dims, FLOE_ORDER_GRAPH, err)
                  : floe_uff_parser_register_input_shape(parser, c->in_name[i], &dims, err);
    }
    for (int i = 0; st == FLOE_OK && i < c->n_out; i++)
        st = floe_uff_parser_register_output(parser, c->out_name[i], err);
    if (st == FLOE_OK) {
        floe_uff_parser_set_max_batch_size(parser, builder ? builder->max_batch_size : 1);
        st = floe_uff_parser_parse(parser, c->graph, network, err);
    }
    floe_uff_parser_free(parser);
    return st;
}

static floe_status build(const golden_case *c, const floe_builder *builder, floe_engine **engine, floe_error *err)
{
    floe_network *network = NULL;
    floe_blob *plan = NULL;
    floe_status st = floe_network_create(&network, NULL, err);
    if (st == FLOE_OK)
        st = parse(c, builder, network, err);
    if (st == FLOE_OK)
        st = floe_builder_build(&plan, builder, network, err);
    if (st == FLOE_OK)
        st = floe_engine_deserialize(engine, NULL, floe_blob_data(plan), floe_blob_size(plan), NULL, err);
    floe_blob_free(plan);
    floe_network_free(network);
    return st;
}

static int64_t batch_of(const golden_case *c)
{
    return c->batched && c->n_in && c->in[0].rank ? c->in[0].dim[0] : 1;
}

static int compare(const golden_case *c, const floe_engine *engine, void **bindings, char *why, size_t why_size)
{
    for (int i = 0; i < c->n_out; i++) {
        const int at = floe_engine_find_binding(engine, c->out_name[i]);
        const floe_binding *b = at < 0 ? NULL : floe_engine_binding(engine, at);
        char text[400];
        if (!b) {
            snprintf(why, why_size, "no output '%s'", c->out_name[i]);
            return 1;
        }
        if (!golden_equal(bindings[at], b->dtype, &b->dims, batch_of(c), &c->out[i], c->tolerance, text, sizeof text)) {
            snprintf(why, why_size, "%s: %s", c->out_name[i], text);
            return 1;
        }
    }
    return 0;
}

static void list_tactics(const floe_engine *engine, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < floe_engine_step_count(engine) && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s ", floe_engine_step_tactic(engine, i));
}

/* The buffers of one run: the case's inputs, and own ones for the rest. */
typedef struct run {
    floe_engine  *engine;
    floe_context *context;
    void         *bindings[4 * GOLDEN_MAX], *own[4 * GOLDEN_MAX];
} run;

static void run_free(run *r)
{
    for (int i = 0; i < 4 * GOLDEN_MAX; i++)
        free(r->own[i]);
    floe_context_free(r->context);
    floe_engine_free(r->engine);
}

static floe_status execute(run *r, const golden_case *c, const floe_builder *builder, int threads, char *tactics,
                           size_t tactics_size, floe_error *err)
{
    floe_status st = build(c, builder, &r->engine, err);
    if (st == FLOE_OK)
        st = floe_context_create(&r->context, r->engine, threads, err);
    if (st != FLOE_OK)
        return st;
    for (int i = 0; i < floe_engine_binding_count(r->engine); i++) {
        const floe_binding *b = floe_engine_binding(r->engine, i);
        for (int k = 0; b->is_input && k < c->n_in; k++)
            if (!strcmp(c->in_name[k], b->name))
                r->bindings[i] = c->in[k].data;
        if (!r->bindings[i])
            r->bindings[i] = r->own[i] = calloc((size_t)floe_dims_count(&b->dims, batch_of(c)) + 1, floe_dtype_bytes(b->dtype));
    }
    if (tactics)
        list_tactics(r->engine, tactics, tactics_size);
    return floe_context_execute(r->context, batch_of(c), r->bindings, err);
}

int golden_run(const golden_case *c, const floe_builder *builder, int threads, floe_status *status, char *why, size_t why_size,
               char *tactics, size_t tactics_size)
{
    floe_error err = {0};
    run r = {0};
    int result = 2;
    *status = execute(&r, c, builder, threads, tactics, tactics_size, &err);
    if (*status == FLOE_OK)
        result = compare(c, r.engine, r.bindings, why, why_size);
    else
        snprintf(why, why_size, "%s", err.message);
    run_free(&r);
    return result;
}

floe_status golden_answer(golden_case *c, const floe_builder *builder, int threads, floe_error *err)
{
    run r = {0};
    const floe_status st = execute(&r, c, builder, threads, NULL, 0, err);
    for (int i = 0; st == FLOE_OK && i < c->n_out; i++) {
        const int at = floe_engine_find_binding(r.engine, c->out_name[i]);
        if (at >= 0)
            memcpy(c->out[i].data, r.bindings[at], c->out[i].count * (size_t)c->out[i].item_bytes);
    }
    run_free(&r);
    return st;
}
