/* cmd_bench.c - floe bench: how fast an engine is on this machine.
 *
 * Runs of one batch follow each other in one context for --duration seconds, each timed alone; percentiles are nearest
 * rank over all of them. A tenth of the time, before, is warm-up and not counted. Then the same runs step by step give
 * the table of layers: timing each step costs a little, so its sum is above the median.
 */
#include "cli_build.h"
#include "cli_output.h"

#include "base/bytes.h"
#include "base/thread_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP_SHARE 10 /* one part in so many */
#define PROFILE_RUNS  50 /* at most, and at most half of --duration */
#define MAX_SAMPLES   ((size_t)1 << 24)

typedef struct flags {
    fl_cli_build_flags build;
    int64_t batch;
    double duration;
    bool json;
} flags;

#define AT(member) offsetof(flags, member)

static const fl_cli_option rows[] = {
    {"batch", "b", FL_CLI_INT, AT(batch), .value = "B", .help = "items of one run (default 1)", .min = 1,
     .max = 1 << 20},
    {"duration", "", FL_CLI_REAL, AT(duration), .value = "S", .help = "seconds to measure (default 3)", .min = 0,
     .max = 86400},
    {"json", "", FL_CLI_FLAG, AT(json),
     .help = "one object with latency_ms {min, median, p90, p95, p99} and throughput"},
};

typedef struct result {
    double min, median, p90, p95, p99, mean; /* ms */
    double throughput;                       /* items a second */
    double build_s;                          /* opening, or building in memory */
    uint64_t runs;
    uint64_t *layer_ns; /* one step's mean, per step */
    uint64_t all_ns;    /* their sum */
    uint64_t profiled;
} result;

/* ---- inputs */

/* Floats of 0 to 1, whole numbers of 0: good for any network, also as indices. The same in every run. */
static void fill_input(void *data, const floe_binding *b, int64_t count)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    memset(data, 0, (size_t)count * floe_dtype_bytes(b->dtype));
    for (int64_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double v = (double)(state >> 40) / (double)(1 << 24);
        if (b->dtype == FLOE_FLOAT32)
            ((float *)data)[i] = (float)v;
        else if (b->dtype == FLOE_FLOAT64)
            ((double *)data)[i] = v;
        else if (b->dtype == FLOE_FLOAT16)
            ((uint16_t *)data)[i] = 0x3800; /* 0.5 */
        else if (b->dtype == FLOE_BFLOAT16)
            ((uint16_t *)data)[i] = 0x3f00;
    }
}

static void free_bindings(void **data, int count)
{
    for (int i = 0; data && i < count; i++)
        fl_free(NULL, data[i]);
}

static floe_status make_bindings(fl_cli *cli, const floe_engine *e, int64_t batch, void ***out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int count = floe_engine_binding_count(e);
    void **data = fl_arena_calloc(&cli->arena, (size_t)count + 1, sizeof *data);
    FL_NEED(data, (size_t)count, "the inputs", err);
    for (int i = 0; i < count; i++) {
        const floe_binding *b = floe_engine_binding(e, i);
        const int64_t items = floe_dims_count(&b->dims, batch);
        data[i] = fl_alloc(NULL, (size_t)items * floe_dtype_bytes(b->dtype));
        if (!data[i]) {
            free_bindings(data, i);
            return fl_fail_memory(err, (size_t)items * floe_dtype_bytes(b->dtype), b->name);
        }
        if (b->is_input)
            fill_input(data[i], b, items);
    }
    *out = data;
done:
    return st;
}

/* ---- measuring */

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_ms(const uint64_t *sorted, size_t count, double share)
{
    size_t rank = (size_t)(share * (double)count + 0.999999);
    if (rank < 1)
        rank = 1;
    return (double)sorted[(rank < count ? rank : count) - 1] / 1e6;
}

static void summarize(result *r, uint64_t *ns, size_t count, uint64_t elapsed_ns, int64_t batch)
{
    double sum = 0;
    qsort(ns, count, sizeof *ns, by_size);
    for (size_t i = 0; i < count; i++)
        sum += (double)ns[i];
    r->runs = count;
    r->min = (double)ns[0] / 1e6;
    r->median = percentile_ms(ns, count, 0.50);
    r->p90 = percentile_ms(ns, count, 0.90);
    r->p95 = percentile_ms(ns, count, 0.95);
    r->p99 = percentile_ms(ns, count, 0.99);
    r->mean = sum / (double)count / 1e6;
    r->throughput = (double)batch * (double)count * 1e9 / (double)elapsed_ns;
}

static floe_status warm_up(floe_context *context, int64_t batch, void **data, double seconds, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int64_t end = fl_cli_now_ns() + (int64_t)(seconds * 1e9 / WARM_UP_SHARE);
    do
        FL_TRY(floe_context_execute(context, batch, data, err));
    while (fl_cli_now_ns() < end);
done:
    return st;
}

/* At least one run, however short the duration. */
static floe_status measure(fl_cli *cli, const flags *f, floe_context *context, void **data, result *r, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf samples = fl_buf_make(NULL);
    FL_TRY(warm_up(context, f->batch, data, f->duration, err));
    const int64_t start = fl_cli_now_ns();
    int64_t before = start, now;
    do {
        FL_TRY(floe_context_execute(context, f->batch, data, err));
        now = fl_cli_now_ns();
        fl_put_u64(&samples, (uint64_t)(now - before)); /* one reading of the clock a run */
        before = now;
        if (now - start < (int64_t)3600 * 1000000000)
            fl_cli_progress(cli, "measuring: %.1f of %.1f s", (double)(now - start) / 1e9, f->duration);
    } while ((double)(now - start) < f->duration * 1e9 && samples.size / 8 < MAX_SAMPLES && !samples.failed);
    if (samples.failed)
        FL_FAIL(err, FLOE_ERR_MEMORY, "out of memory for %zu measurements", samples.size / 8);
    summarize(r, (uint64_t *)(void *)samples.data, samples.size / 8, (uint64_t)(now - start), f->batch);
done:
    fl_cli_progress_end(cli);
    fl_buf_free(&samples);
    return st;
}

static floe_status profile(fl_cli *cli, const flags *f, const floe_engine *e, floe_context *context, void **data,
                           result *r, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t steps = (size_t)floe_engine_step_count(e);
    uint64_t *ns = fl_arena_calloc(&cli->arena, steps + 1, sizeof *ns);
    r->layer_ns = fl_arena_calloc(&cli->arena, steps + 1, sizeof *r->layer_ns);
    FL_NEED(ns && r->layer_ns, steps, "the layers", err);
    const int64_t start = fl_cli_now_ns();
    do {
        FL_TRY(floe_context_profile(context, f->batch, data, ns, err));
        for (size_t i = 0; i < steps; i++)
            r->layer_ns[i] += ns[i];
        r->profiled++;
    } while (r->profiled < PROFILE_RUNS && (double)(fl_cli_now_ns() - start) < f->duration * 5e8);
    for (size_t i = 0; i < steps; i++) {
        r->layer_ns[i] /= r->profiled;
        r->all_ns += r->layer_ns[i];
    }
done:
    return st;
}

/* ---- telling */

static double gflops(const floe_engine *e, int step, int64_t batch, uint64_t ns)
{
    return ns ? floe_engine_step_flops(e, step, batch) / (double)ns : 0;
}

static double share(const result *r, int step)
{
    return r->all_ns ? 100.0 * (double)r->layer_ns[step] / (double)r->all_ns : 0;
}

static void print_result(const char *path, const flags *f, const floe_engine *e, const floe_context *context,
                         const result *r)
{
    printf("%s: batch %lld, %llu runs, opened in %.2f s, %.1f MiB for activations\n", path, (long long)f->batch,
           (unsigned long long)r->runs, r->build_s, (double)floe_context_bytes(context) / 1048576);
    printf("latency ms: min %.3f, median %.3f, mean %.3f, p90 %.3f, p95 %.3f, p99 %.3f\n", r->min, r->median, r->mean,
           r->p90, r->p95, r->p99);
    printf("throughput: %.1f items/s\n\n", r->throughput);
    printf("%10s %6s %9s  %-44s %s\n", "us", "%", "GFLOP/s", "tactic", "layer");
    for (int i = 0; i < floe_engine_step_count(e); i++) {
        printf("%10.1f %6.1f %9.1f  %-44s ", (double)r->layer_ns[i] / 1e3, share(r, i),
               gflops(e, i, f->batch, r->layer_ns[i]), floe_engine_step_tactic(e, i));
        fl_cli_print_text(floe_engine_step_name(e, i));
        putchar('\n');
    }
    printf("%10.1f %6.1f %9s  the sum of %d layers, mean of %llu runs\n", (double)r->all_ns / 1e3, 100.0, "",
           floe_engine_step_count(e), (unsigned long long)r->profiled);
}

static json_t *json_layers(const flags *f, const floe_engine *e, const result *r)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (int i = 0; ok && i < floe_engine_step_count(e); i++) {
        json_t *one = json_object();
        ok = one && fl_cli_json_put(one, "name", fl_cli_json_text(floe_engine_step_name(e, i))) &&
             fl_cli_json_put(one, "tactic", fl_cli_json_text(floe_engine_step_tactic(e, i))) &&
             fl_cli_json_put(one, "us", json_real((double)r->layer_ns[i] / 1e3)) &&
             fl_cli_json_put(one, "percent", json_real(share(r, i))) &&
             fl_cli_json_put(one, "gflops", json_real(gflops(e, i, f->batch, r->layer_ns[i]))) &&
             json_array_append(list, one) == 0;
        json_decref(one);
    }
    if (!ok) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static floe_status print_json(const char *path, const flags *f, const floe_engine *e, const floe_context *context,
                              const result *r, floe_error *err)
{
    json_t *out = json_object(), *latency = json_object();
    bool ok =
        out && latency && fl_cli_json_put(latency, "min", json_real(r->min)) &&
        fl_cli_json_put(latency, "median", json_real(r->median)) &&
        fl_cli_json_put(latency, "p90", json_real(r->p90)) && fl_cli_json_put(latency, "p95", json_real(r->p95)) &&
        fl_cli_json_put(latency, "p99", json_real(r->p99)) && fl_cli_json_put(latency, "mean", json_real(r->mean));
    if (!ok) {
        json_decref(latency);
        latency = NULL;
    }
    ok = out && fl_cli_json_put(out, "file", fl_cli_json_text(path)) &&
         fl_cli_json_put(out, "batch", json_integer(f->batch)) &&
         fl_cli_json_put(out, "threads",
                         json_integer(f->build.threads ? f->build.threads : (json_int_t)fl_processor_count())) &&
         fl_cli_json_put(out, "runs", json_integer((json_int_t)r->runs)) &&
         fl_cli_json_put(out, "latency_ms", latency) && fl_cli_json_put(out, "throughput", json_real(r->throughput)) &&
         fl_cli_json_put(out, "open_s", json_real(r->build_s)) &&
         fl_cli_json_put(out, "context_bytes", json_integer((json_int_t)floe_context_bytes(context))) &&
         fl_cli_json_put(out, "layers", json_layers(f, e, r));
    if (!ok) {
        json_decref(out);
        out = NULL;
    }
    return fl_cli_json_print(out, 9, err);
}

/* ---- the command */

static floe_status bench(fl_cli *cli, flags *f, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_lite *lite = NULL;
    fl_cli_shapes shapes;
    void **data = NULL;
    result r = {0};
    int bindings = 0;
    if (!f->build.max_batch)
        f->build.max_batch = f->batch;
    const int64_t start = fl_cli_now_ns();
    FL_TRY(fl_cli_shapes_of(cli, &f->build, path, &shapes, err));
    FL_TRY(fl_cli_open(cli, &lite, path, &f->build, &shapes, false, err));
    const floe_engine *e = floe_lite_engine(lite);
    floe_context *context = floe_lite_context(lite);
    r.build_s = (double)(fl_cli_now_ns() - start) / 1e9;
    if (f->batch > floe_engine_max_batch_size(e))
        FL_FAIL(err, FLOE_ERR_ARGUMENT,
                "%s: --batch=%lld is above the engine's maximum of %lld; build it with --max_batch_size=%lld", path,
                (long long)f->batch, (long long)floe_engine_max_batch_size(e), (long long)f->batch);
    FL_TRY(make_bindings(cli, e, f->batch, &data, err));
    bindings = floe_engine_binding_count(e);
    FL_TRY(measure(cli, f, context, data, &r, err));
    FL_TRY(profile(cli, f, e, context, data, &r, err));
    if (f->json)
        FL_TRY(print_json(path, f, e, context, &r, err));
    else
        print_result(path, f, e, context, &r);
done:
    free_bindings(data, bindings);
    floe_lite_free(lite);
    return st;
}

int fl_cmd_bench(fl_cli *cli, int argc, char **argv)
{
    flags f = {.build = FL_CLI_BUILD_DEFAULTS, .batch = 1, .duration = 3};
    fl_cli_words files = {0};
    const fl_cli_group groups[] = {
        {NULL, FL_CLI_ROWS(rows), &f},
        {"which outputs; shapes, for a .pb or .uff", fl_cli_graph_rows, fl_cli_graph_row_count, &f.build},
        {"how a .pb or .uff is built in memory", fl_cli_build_rows, fl_cli_build_row_count, &f.build}};
    const fl_cli_syntax syntax = {.usage = "floe bench FILE [--batch=B] [--threads=T] [--duration=S] [flags]",
                                  .about = "Measures an engine: latency percentiles, throughput, and the time of each "
                                           "layer. FILE is a PLAN; a .pb or .uff is "
                                           "built in memory first. Inputs are random.",
                                  .example = "    floe bench model/model.PLAN --batch=1 --threads=4 --duration=5",
                                  FL_CLI_GROUPS(groups),
                                  .positional = &files,
                                  .max_positional = 1};
    floe_status st = FLOE_OK;
    floe_error err = {0};
    FL_TRY(fl_cli_build_parse(cli, &syntax, argc, argv, &f.build, &err));
    if (!cli->answered)
        st = files.count ? bench(cli, &f, files.item[0], &err)
                         : fl_cli_misuse(cli, &err, "a file is needed: floe bench FILE");
done:
    return fl_cli_exit(cli, st, &err);
}
