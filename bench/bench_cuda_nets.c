/* bench_cuda_nets.c - whole networks on a GPU: latency of one run inside a CUDA graph, inputs on the device.
 *
 * Usage: bench_cuda_nets [--device=cuda] [--precision=fp16] [--batch=1,128] [--cache=FILE] [--layers=N] GRAPH.pb...
 *
 * The graphs come from make_splat_nets.py: shapes without weights. Random ones are drawn here (normal, He's scale, so
 * that activations keep a sane range: values decide power, and power speed). Prints one line per network and batch: the
 * median and best time between two events around a run, pictures per second, device memory; and with --layers the N
 * slowest steps and what each tactic sums to.
 */
#include "floe_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct settings {
    const char *device, *precision, *cache;
    int64_t     batch[16];
    int         n_batch, layers, runs;
} settings;

/* ---- random weights */

static uint64_t state = 20261124;

static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 9007199254740992.0;
}

/* The sum of four uniforms is near enough to a normal number. */
static float normal(double scale)
{
    return (float)((uniform() + uniform() + uniform() + uniform() - 2) * sqrt(3.0) * scale);
}

static void draw_weights(fl_network *net)
{
    for (size_t i = 0; i < net->n_layers; i++) {
        const fl_layer *layer = net->layers[i];
        const fl_op_kind op = layer->desc.op;
        if ((op != FL_OP_CONV2D && op != FL_OP_DEPTHWISE_CONV2D && op != FL_OP_MATMUL) || !layer->in[1]->data)
            continue;
        fl_tensor *w = layer->in[1];
        const int64_t n = fl_tensor_elements_at(&w->desc, 1), *d = w->desc.dim;
        const double fan_in = (double)(op == FL_OP_MATMUL ? d[0] : op == FL_OP_CONV2D ? d[0] * d[1] * d[2] : d[0] * d[1]);
        float *values = fl_arena_alloc_data(&net->arena, (size_t)n * sizeof *values);
        if (!values)
            abort();
        for (int64_t k = 0; k < n; k++)
            values[k] = normal(sqrt((op == FL_OP_MATMUL ? 1 : 1.7) / fan_in));
        w->data = values;
    }
}

/* ---- one network at one batch */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static floe_status build(floe_blob **plan, const settings *s, const char *path, int64_t batch, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_uff_parser *parser = NULL;
    floe_network *network = NULL;
    floe_builder b = {.max_batch_size = batch, .max_workspace_size = (uint64_t)1 << 28, .device = s->device,
                      .timing_cache = s->cache, .half_bindings = true};
    if (!strcmp(s->precision, "fp16"))
        b.precision = FLOE_PRECISION_FP16;
    else if (!strcmp(s->precision, "bf16"))
        b.precision = FLOE_PRECISION_BF16;
    else if (!strcmp(s->precision, "tf32"))
        b.precision = FLOE_PRECISION_TF32;
    FL_TRY(floe_uff_parser_create(&parser, NULL, err));
    FL_TRY(floe_network_create(&network, NULL, err));
    FL_TRY(floe_uff_parser_parse(parser, path, network, err));
    draw_weights(network->net);
    FL_TRY(floe_builder_build(plan, &b, network, err));
done:
    floe_network_free(network);
    floe_uff_parser_free(parser);
    return st;
}

typedef struct named {
    const char *name, *op;
    double      us;
    int         count;
} named;

static int slower_first(const void *a, const void *b)
{
    return -by_value(&((const named *)a)->us, &((const named *)b)->us);
}

static floe_status print_layers(const settings *s, floe_context *context, const floe_engine *engine, int64_t batch,
                                void *const *bindings, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int n = floe_engine_step_count(engine);
    uint64_t *ns = calloc((size_t)n, sizeof *ns);
    named *steps = calloc((size_t)n, sizeof *steps), *tactics = calloc((size_t)n, sizeof *tactics);
    int n_tactics = 0;
    double total = 0;
    FL_TRY(floe_context_profile(context, batch, bindings, ns, err));
    for (int i = 0; i < n; i++) {
        const char *tactic = floe_engine_step_tactic(engine, i);
        int k = 0;
        steps[i] = (named){floe_engine_step_name(engine, i), tactic, (double)ns[i] / 1e3, 1};
        total += steps[i].us;
        while (k < n_tactics && strcmp(tactics[k].name, tactic))
            k++;
        n_tactics += k == n_tactics;
        tactics[k].name = tactic;
        tactics[k].us += steps[i].us;
        tactics[k].count++;
    }
    qsort(steps, (size_t)n, sizeof *steps, slower_first);
    qsort(tactics, (size_t)n_tactics, sizeof *tactics, slower_first);
    printf("    %d steps, %.1f us in sum\n", n, total);
    for (int i = 0; i < n && i < s->layers; i++)
        printf("    %8.1f us  %-44s %.80s\n", steps[i].us, steps[i].op, steps[i].name);
    for (int i = 0; i < n_tactics; i++)
        printf("    %8.1f us  %4d x %s\n", tactics[i].us, tactics[i].count, tactics[i].name);
done:
    free(ns);
    free(steps);
    free(tactics);
    return st;
}

static floe_status measure(const settings *s, const char *path, int64_t batch, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_blob *plan = NULL;
    floe_engine *engine = NULL;
    floe_context *context = NULL;
    void *host[8] = {NULL}, *none[8] = {NULL};
    double ms[2000], h2d, d2h;
    int n = 0, bad = 0;
    const double start = now();
    FL_TRY(build(&plan, s, path, batch, err));
    const double built = now();
    FL_TRY(floe_engine_deserialize(&engine, NULL, floe_blob_data(plan), floe_blob_size(plan), s->device, err));
    FL_TRY(floe_context_create(&context, engine, 0, err));
    for (int i = 0; i < floe_engine_binding_count(engine) && i < 8; i++) {
        const floe_binding *b = floe_engine_binding(engine, i);
        const int64_t count = floe_dims_count(&b->dims, batch);
        host[i] = calloc((size_t)count, floe_dtype_bytes(b->dtype));
        for (int64_t k = 0; b->is_input && k < count; k++)
            if (b->dtype == FLOE_FLOAT32)
                ((float *)host[i])[k] = normal(1);
            else
                ((uint16_t *)host[i])[k] = b->dtype == FLOE_FLOAT16 ? (uint16_t)(0x3000 + (uniform() < 0.5) * 0x8000 + (int)(uniform() * 3072))
                                                                    : (uint16_t)(0x3e00 + (uniform() < 0.5) * 0x8000 + (int)(uniform() * 384));
    }
    FL_TRY(floe_context_execute(context, batch, host, err)); /* the inputs stay on the device */
    for (const double until = now() + 0.3; now() < until;)
        FL_TRY(floe_context_execute(context, batch, none, err));
    for (const double until = now() + 1.0; n < 2000 && (now() < until || n < 20);) {
        FL_TRY(floe_context_execute(context, batch, none, err));
        FL_TRY(floe_context_times(context, &h2d, &ms[n++], &d2h, err));
    }
    FL_TRY(floe_context_execute(context, batch, host, err));
    const int last = floe_engine_binding_count(engine) - 1;
    const floe_binding *out = floe_engine_binding(engine, last);
    for (int64_t k = 0; k < floe_dims_count(&out->dims, batch); k++)
        bad += out->dtype == FLOE_FLOAT32 ? !isfinite(((float *)host[last])[k])
               : out->dtype == FLOE_FLOAT16 ? (((uint16_t *)host[last])[k] & 0x7c00) == 0x7c00
                                            : (((uint16_t *)host[last])[k] & 0x7f80) == 0x7f80;
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    printf("%-40s %s b%-4lld median %8.4f ms  best %8.4f  %9.0f /s  context %5.0f MB  built in %.0f s%s\n", strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
           s->precision, (long long)batch, ms[n / 2], ms[0], 1e3 * (double)batch / ms[n / 2], (double)floe_context_bytes(context) / 1e6, built - start,
           bad ? "  NOT FINITE" : "");
    fflush(stdout);
    if (s->layers)
        FL_TRY(print_layers(s, context, engine, batch, none, err));
done:
    for (int i = 0; i < 8; i++)
        free(host[i]);
    floe_context_free(context);
    floe_engine_free(engine);
    floe_blob_free(plan);
    return st;
}

int main(int argc, char **argv)
{
    settings s = {.device = "cuda", .precision = "fp16", .batch = {1, 128}, .n_batch = 2};
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        const char *v = strchr(argv[i], '=');
        floe_error err;
        if (!strncmp(argv[i], "--device=", 9))
            s.device = v + 1;
        else if (!strncmp(argv[i], "--precision=", 12))
            s.precision = v + 1;
        else if (!strncmp(argv[i], "--cache=", 8))
            s.cache = v + 1;
        else if (!strncmp(argv[i], "--layers=", 9))
            s.layers = atoi(v + 1);
        else if (!strncmp(argv[i], "--batch=", 8)) {
            s.n_batch = 0;
            for (char *p = argv[i] + 8; *p && s.n_batch < 16; p += *p == ',')
                s.batch[s.n_batch++] = strtoll(p, &p, 10);
        } else {
            for (int k = 0; k < s.n_batch; k++)
                if (measure(&s, argv[i], s.batch[k], &err) != FLOE_OK) {
                    fprintf(stderr, "%s, batch %lld: %s\n", argv[i], (long long)s.batch[k], err.message);
                    failed = 1;
                }
        }
    }
    return failed;
}
