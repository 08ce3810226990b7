/* bench_cuda_ops.c - times the CUDA backend's tactics on layers of real networks (see bench_problem.h for their text).
 *
 *     bench_cuda_ops [--device=cuda] [--dtype=f16] [--tf32] [--batch=1,128] [--tactic=TEXT] [--most=N] [--all]
 *                    [--no-check] FILE...                                          ("-": standard input)
 *
 * Each tactic is timed as the builder does it: weights cold, inputs in the L2 as far as they fit. --most: only the N
 * that the cost model likes best. Per layer: the best tactic, microseconds, TFLOP/s, GB/s of inputs, weights and
 * outputs; then which one the cost model would have taken and what it takes; --all has a line for each tactic. The best
 * one's result is compared with that of another method on CUDA cores. Totals count a layer as often as its network has
 * it.
 */
#include "bench_problem.h"

#include "base/half.h"

#include <math.h>

enum { MOST_TACTICS = 256, BLOCK_BYTES = 4 << 20, CHECKED = 1 << 20 };

typedef struct options {
    const char *device, *tactic;
    fl_dtype dtype;
    int64_t batch[16];
    int n_batch, most;
    bool tf32, all, check;
} options;

typedef struct gpu {
    const fl_backend *backend;
    fl_device *device;
    fl_stream *stream;
    fl_device_info info;
} gpu;

static void need(floe_status st, const char *what, const floe_error *err)
{
    if (st != FLOE_OK)
        bench_fail(what, err->message);
}

/* ---- memory */

static float next_value(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state / 2147483648.0f;
}

static void *make_floats(const fl_tensor_desc *t, float scale)
{
    const size_t n = (size_t)fl_tensor_elements_at(t, 1);
    float *p = fl_alloc(NULL, n * sizeof *p);
    uint32_t state = 1;

    if (!p)
        bench_fail("weights", "out of memory");
    for (size_t i = 0; i < n; i++)
        p[i] = scale * next_value(&state);
    return p;
}

/* Random values on the device: one block over and over. Zeros would keep the GPU cool. */
static void *make_tensor(gpu *g, const fl_tensor_desc *t)
{
    const size_t bytes = fl_tensor_bytes_at(t, 1);
    uint8_t *block = fl_alloc(NULL, BLOCK_BYTES);
    floe_error err = {0};
    uint32_t state = 7;
    void *memory = NULL;

    if (!block)
        bench_fail("a tensor", "out of memory");
    for (size_t i = 0; i < BLOCK_BYTES / fl_dtype_bytes(t->dtype); i++) {
        const float v = next_value(&state);
        if (t->dtype == FL_F32)
            ((float *)(void *)block)[i] = v;
        else
            ((uint16_t *)(void *)block)[i] = t->dtype == FL_F16 ? fl_half_from_float(v) : fl_bfloat_from_float(v);
    }
    need(g->backend->alloc(g->device, &memory, bytes, &err), "a tensor", &err);
    for (size_t at = 0; at < bytes; at += BLOCK_BYTES)
        need(g->backend->upload(g->stream, (uint8_t *)memory + at, block,
                                bytes - at < BLOCK_BYTES ? bytes - at : BLOCK_BYTES, &err),
             "a tensor", &err);
    need(g->backend->wait(g->stream, &err), "a tensor", &err);
    fl_free(NULL, block);
    return memory;
}

/* ---- a layer on the device */

typedef struct layer {
    bench_problem p;
    float *weights[4]; /* constants, on the host */
    const void *in[4];
    void *out[1];
    floe_status (*pack)(const fl_op_desc *, const void *const *, fl_buf *, floe_error *); /* whose `packed` is */
    const void *packed;
} layer;

static void layer_open(layer *l, gpu *g, const char *line, fl_dtype dtype, int64_t batch)
{
    memset(l, 0, sizeof *l);
    bench_parse(&l->p, line, dtype, batch);
    const fl_tensor_desc *f = &l->p.in[1];
    const double terms = (double)fl_tensor_elements_at(f, 1) / (double)l->p.out[0].dim[l->p.out[0].rank - 1];
    for (int i = 0; i < 4; i++) {
        const fl_tensor_desc *t = l->p.in_at[i];
        if (t && t->constant)
            l->weights[i] = make_floats(t, i == 1 ? (float)(2 / sqrt(terms < 1 ? 1 : terms)) : 1);
        else if (t)
            l->in[i] = make_tensor(g, t);
    }
    l->out[0] = make_tensor(g, &l->p.out[0]);
}

static void layer_close(layer *l, gpu *g)
{
    for (int i = 0; i < 4; i++) {
        fl_free(NULL, l->weights[i]);
        if (l->in[i])
            g->backend->free(g->device, (void *)(uintptr_t)l->in[i]);
    }
    g->backend->free(g->device, l->out[0]);
    if (l->packed)
        g->backend->release_weights(g->device, l->packed);
}

/* Tactics that share a packed form are asked for it once. Constants that a tactic does not pack are not there for it.
 */
static bool layer_pack(layer *l, gpu *g, const fl_tactic *t)
{
    fl_buf buf = fl_buf_make(NULL);
    const void *consts[4];
    floe_error err = {0};

    for (int i = 0; i < 4; i++) {
        consts[i] = t->packs >> i & 1 ? l->weights[i] : NULL;
        if (l->weights[i] && !consts[i])
            return false;
    }
    if (t->pack == l->pack)
        return true;
    if (l->packed)
        g->backend->release_weights(g->device, l->packed);
    l->packed = NULL;
    l->pack = t->pack;
    if (t->pack)
        need(t->pack(&l->p.d, consts, &buf, &err), t->name, &err);
    if (buf.size)
        need(g->backend->import_weights(g->device, &l->packed, buf.data, buf.size, &err), t->name, &err);
    fl_buf_free(&buf);
    return true;
}

/* time: nanoseconds to *ns; else it runs once. */
static void layer_run(layer *l, gpu *g, const fl_tactic *t, uint64_t *ns)
{
    const size_t bytes = t->workspace_bytes(&l->p.d, &g->info, 1);
    floe_error err = {0};
    void *workspace = NULL;

    if (bytes)
        need(g->backend->alloc(g->device, &workspace, bytes, &err), t->name, &err);
    const fl_step step = {&l->p.d, t, l->in, l->out, l->packed, workspace};
    if (ns) {
        need(g->backend->time(g->stream, &step, ns, &err), t->name, &err);
    } else {
        fl_program *program = NULL;
        need(g->backend->prepare(&program, g->stream, &step, 1, 1, &err), t->name, &err);
        need(g->backend->run(program, &err), t->name, &err);
        need(g->backend->wait(g->stream, &err), t->name, &err);
        g->backend->program_free(program);
    }
    if (workspace)
        g->backend->free(g->device, workspace);
}

/* ---- the check */

static float *result_of(layer *l, gpu *g, const fl_tactic *t, size_t at, size_t n)
{
    const fl_dtype dtype = l->p.out[0].dtype;
    const size_t each = fl_dtype_bytes(dtype);
    uint8_t *raw = fl_alloc(NULL, n * each);
    float *values = fl_alloc(NULL, n * sizeof *values);
    floe_error err = {0};

    if (!raw || !values)
        bench_fail(t->name, "out of memory");
    layer_run(l, g, t, NULL);
    need(g->backend->download(g->stream, raw, (uint8_t *)l->out[0] + at * each, n * each, &err), t->name, &err);
    need(g->backend->wait(g->stream, &err), t->name, &err);
    for (size_t i = 0; i < n; i++) {
        const uint16_t bits = dtype == FL_F32 ? 0 : ((uint16_t *)(void *)raw)[i];
        values[i] = dtype == FL_F32   ? ((float *)(void *)raw)[i]
                    : dtype == FL_F16 ? fl_half_to_float(bits)
                                      : fl_bfloat_to_float(bits);
    }
    fl_free(NULL, raw);
    return values;
}

/* The largest difference of the last elements from another method's, as a part of the largest element; negative where
 * there is no other method. Both round once from float sums. */
static double difference(layer *l, gpu *g, const fl_tactic *best)
{
    const fl_tactic_list list = g->backend->tactics(g->device, l->p.d.op);
    const size_t all = (size_t)fl_tensor_elements_at(&l->p.out[0], 1), n = all < CHECKED ? all : CHECKED;
    const fl_tactic *other = NULL;
    double largest = 0, worst = 0;
    const char *why;

    for (size_t i = 0; i < list.count; i++)
        if (strstr(list.items[i]->name, ".any.") && list.items[i] != best &&
            list.items[i]->supports(&l->p.d, &g->info, &why))
            other = list.items[i];
    if (!other || !layer_pack(l, g, best))
        return -1;
    float *is = result_of(l, g, best, all - n, n);
    if (!layer_pack(l, g, other))
        return -1;
    float *want = result_of(l, g, other, all - n, n);
    for (size_t i = 0; i < n; i++) {
        const double off = fabs((double)is[i] - (double)want[i]);
        largest = fabs((double)want[i]) > largest ? fabs((double)want[i]) : largest;
        worst = off > worst || isnan(off) ? off : worst;
    }
    fl_free(NULL, is);
    fl_free(NULL, want);
    return worst / (largest > 0 ? largest : 1);
}

static double tolerance_of(const options *o)
{
    return o->dtype == FL_BF16 ? 1e-2 : o->dtype == FL_F16 ? 1.5e-3 : o->tf32 ? 3e-3 : 1e-5;
}

/* ---- one line */

typedef struct candidate {
    const fl_tactic *tactic;
    uint64_t cost, ns;
} candidate;

static int by_cost(const void *a, const void *b)
{
    const uint64_t x = ((const candidate *)a)->cost, y = ((const candidate *)b)->cost;
    return x < y ? -1 : x > y;
}

static size_t candidates_of(const bench_problem *p, gpu *g, const options *o, candidate *out)
{
    const fl_tactic_list list = g->backend->tactics(g->device, p->d.op);
    size_t n = 0;

    for (size_t i = 0; i < list.count && n < MOST_TACTICS; i++) {
        const fl_tactic *t = list.items[i];
        const char *why;
        if ((!o->tactic || strstr(t->name, o->tactic)) && t->supports(&p->d, &g->info, &why))
            out[n++] = (candidate){t, t->cost ? t->cost(&p->d, &g->info, 1) : i, 0};
    }
    qsort(out, n, sizeof *out, by_cost);
    return o->most > 0 && n > (size_t)o->most ? (size_t)o->most : n;
}

typedef struct total {
    double us, flops, bytes, model_us;
} total;

static double bytes_of(const bench_problem *p)
{
    double bytes = (double)fl_tensor_bytes_at(&p->out[0], 1);

    for (int i = 0; i < 4; i++)
        if (p->in_at[i])
            bytes += (double)fl_tensor_elements_at(p->in_at[i], 1) * (double)fl_dtype_bytes(p->out[0].dtype);
    return bytes;
}

static void print_result(const char *line, int64_t batch, const char *tactic, double us, double flops, double bytes)
{
    printf("%-52s b%-4lld %-42s %9.2f us %7.1f TFLOP/s %6.0f GB/s", line, (long long)batch, tactic, us,
           flops / us / 1e6, bytes / us / 1e3);
}

static void bench(const char *line, int64_t batch, gpu *g, const options *o, total *sum)
{
    static candidate c[MOST_TACTICS];
    layer l;

    layer_open(&l, g, line, o->dtype, batch);
    const double flops = fl_op_def_of(l.p.d.op)->flops(&l.p.d, 1), bytes = bytes_of(&l.p);
    const size_t n = candidates_of(&l.p, g, o, c);
    const candidate *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!layer_pack(&l, g, c[i].tactic))
            continue;
        layer_run(&l, g, c[i].tactic, &c[i].ns);
        best = !best || c[i].ns < best->ns ? &c[i] : best;
        if (o->all) {
            print_result(line, batch, c[i].tactic->name, (double)c[i].ns / 1e3, flops, bytes);
            printf("  model %.2f us\n", (double)c[i].cost / 1e3);
        }
    }
    if (best) {
        const double us = (double)best->ns / 1e3, model_us = (double)c[0].ns / 1e3;
        const double off = o->check ? difference(&l, g, best->tactic) : -1;
        print_result(line, batch, best->tactic->name, us, flops, bytes);
        printf("  | model: %s %.2f us", c[0].tactic == best->tactic ? "same" : c[0].tactic->name, model_us);
        printf(off < 0 ? "\n" : off <= tolerance_of(o) ? "  ok %.1e\n" : "  WRONG %.1e\n", off);
        sum->us += l.p.count * us;
        sum->flops += l.p.count * flops;
        sum->bytes += l.p.count * bytes;
        sum->model_us += l.p.count * model_us;
    } else {
        printf("%-52s b%-4lld no tactic\n", line, (long long)batch);
    }
    fflush(stdout);
    layer_close(&l, g);
}

static void bench_file(const char *path, int64_t batch, gpu *g, const options *o)
{
    FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
    char line[256];
    total sum = {0};

    if (!file)
        bench_fail(path, "cannot be opened");
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] && line[0] != '#')
            bench(line, batch, g, o, &sum);
    }
    if (file != stdin)
        fclose(file);
    if (sum.us <= 0)
        return;
    print_result(path, batch, "total", sum.us, sum.flops, sum.bytes);
    printf("  | model: %.2f us\n\n", sum.model_us);
}

/* ---- options */

static void read_batches(options *o, const char *text)
{
    char *end;

    for (o->n_batch = 0; *text && o->n_batch < 16; text = *end == ',' ? end + 1 : end) {
        o->batch[o->n_batch] = strtoll(text, &end, 10);
        if (end == text || o->batch[o->n_batch++] < 1)
            bench_fail(text, "batches are numbers with commas between");
    }
}

static void read_option(options *o, const char *a)
{
    if (!strncmp(a, "device=", 7)) {
        o->device = a + 7;
    } else if (!strncmp(a, "dtype=", 6)) {
        o->dtype = fl_dtype_from_name(a + 6);
        if (o->dtype != FL_F16 && o->dtype != FL_BF16 && o->dtype != FL_F32)
            bench_fail(a, "f16, bf16 or f32 is wanted");
    } else if (!strncmp(a, "batch=", 6)) {
        read_batches(o, a + 6);
    } else if (!strncmp(a, "tactic=", 7)) {
        o->tactic = a + 7;
    } else if (!strncmp(a, "most=", 5)) {
        o->most = atoi(a + 5);
    } else if (!strcmp(a, "tf32")) {
        o->tf32 = true;
    } else if (!strcmp(a, "all")) {
        o->all = true;
    } else if (!strcmp(a, "no-check")) {
        o->check = false;
    } else {
        bench_fail(a, "unknown option");
    }
}

int main(int argc, char **argv)
{
    options o = {.device = "cuda", .dtype = FL_F16, .batch = {1, 128}, .n_batch = 2, .check = true};
    gpu g = {.backend = fl_backend_find("cuda")};
    floe_error err = {0};
    int first = 1;

    for (; first < argc && !strncmp(argv[first], "--", 2); first++)
        read_option(&o, argv[first] + 2);
    if (!g.backend)
        bench_fail("cuda", "this build has no CUDA backend");
    const fl_device_options wanted = {.tf32 = o.tf32};
    need(g.backend->open(&g.device, NULL, o.device, &wanted, &err), o.device, &err);
    need(g.backend->stream_open(&g.stream, g.device, 1, &err), o.device, &err);
    g.backend->describe(g.device, &g.info);
    printf("# %s, %s, %d multiprocessors, %s%s\n", g.info.name, g.info.target, g.info.units, fl_dtype_name(o.dtype),
           o.tf32 ? ", TF32" : "");
    for (; first < argc; first++)
        for (int b = 0; b < o.n_batch; b++)
            bench_file(argv[first], o.batch[b], &g, &o);
    g.backend->stream_close(g.stream);
    g.backend->close(g.device);
    return 0;
}
