/* bench_cpu_ops.c - times the CPU backend's tactics on layers of real networks, one line of text a layer:
 *
 *     conv2d n1 h56 w56 c64 k64 r3 s1 act=relu x3       x3: the network has three of them (for the total)
 *     conv2d n1 h147 w147 c32 k64 r3 s1 valid           r3x1: another height than width; d2: dilation; g4: groups
 *     depthwise_conv2d n1 h112 w112 c32 r3 s2
 *     conv2d_transpose n1 h64 w64 c32 k16 r4 s2         h, w: of the output
 *     matmul m1 k2048 n1001
 *
 * Padding is SAME unless "valid"; bias is always there; "residual" adds one. Each tactic is timed as the builder does it
 * (weights cold, input hot, the least of several). Printed: the best tactic, microseconds, GFLOP/s and the fraction of
 * the peak, which is measured with a loop of fused multiply-adds on one thread, times the threads.
 *
 *     bench_cpu_ops [--threads=N] [--isa=avx2] [--tactic=TEXT] [--all] [--rounds=N] FILE...     ("-": standard input)
 */
#include "backend/backend.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct options {
    const char *isa, *tactic;
    int         threads, rounds;
    bool        all;
} options;

/* ---- the peak */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define CHAINS 12
#define STEPS  200000

#if defined(__x86_64__)
#define PEAK(name, target_text, type, set, fma, lanes)                                               \
    __attribute__((target(target_text))) static double name(volatile float *sink)                    \
    {                                                                                                \
        /* sink is volatile: the compiler cannot know that the chains are the same */                \
        type a = set(*sink), b = set(0.999f), s0 = set(*sink), s1 = set(*sink), s2 = set(*sink);     \
        type s3 = set(*sink), s4 = set(*sink), s5 = set(*sink), s6 = set(*sink), s7 = set(*sink);    \
        type s8 = set(*sink), s9 = set(*sink), s10 = set(*sink), s11 = set(*sink);                   \
        float out[lanes];                                                                            \
        for (int k = 0; k < STEPS; k++) {                                                            \
            s0 = fma(s0, b, a), s1 = fma(s1, b, a), s2 = fma(s2, b, a), s3 = fma(s3, b, a);          \
            s4 = fma(s4, b, a), s5 = fma(s5, b, a), s6 = fma(s6, b, a), s7 = fma(s7, b, a);          \
            s8 = fma(s8, b, a), s9 = fma(s9, b, a), s10 = fma(s10, b, a), s11 = fma(s11, b, a);      \
        }                                                                                            \
        s0 = fma(fma(s0, s1, s2), fma(s3, s4, s5), fma(fma(s6, s7, s8), s9, fma(s10, s11, s0)));     \
        memcpy(out, &s0, sizeof out);                                                                \
        *sink += out[0];                                                                             \
        return 2.0 * lanes * CHAINS * STEPS;                                                         \
    }
PEAK(peak_avx512, "avx512f,fma", __m512, _mm512_set1_ps, _mm512_fmadd_ps, 16)
PEAK(peak_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, 8)
#endif

static double peak_scalar(volatile float *sink)
{
    float sum[CHAINS * 4];

    for (int i = 0; i < CHAINS * 4; i++)
        sum[i] = *sink;
    for (int k = 0; k < STEPS; k++)
        for (int i = 0; i < CHAINS * 4; i++)
            sum[i] = sum[i] * 0.999f + 0.5f;
    for (int i = 0; i < CHAINS * 4; i++)
        *sink += sum[i];
    return 2.0 * CHAINS * 4 * STEPS;
}

/* GFLOP/s of one thread, the best of several. */
static double measure_peak(const char *target)
{
    double (*loop)(volatile float *) = peak_scalar;
    volatile float sink = 0.5f;
    double best = 0;

#if defined(__x86_64__)
    loop = strstr(target, "avx512") ? peak_avx512 : strstr(target, "avx2") ? peak_avx2 : peak_scalar;
#endif
    (void)target;
    for (int i = 0; i < 20; i++) {
        const double start = now(), work = loop(&sink), rate = work / (now() - start) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
}

/* ---- a problem from its line */

typedef struct problem {
    fl_op_desc      d;
    fl_tensor_desc  in[4], out[1];
    fl_tensor_desc *in_at[4], *out_at[1];
    float          *data[4], *y;
    int             count;
} problem;

static void fail(const char *line, const char *what)
{
    fprintf(stderr, "bench_cpu_ops: '%s': %s\n", line, what);
    exit(1);
}

static void add(problem *p, int slot, bool constant, int rank, const int64_t *dim)
{
    p->in[slot] = fl_tensor_make(FL_F32, rank, dim);
    p->in[slot].constant = constant;
    p->in_at[slot] = &p->in[slot];
}

static void *fill(const fl_tensor_desc *t)
{
    const size_t n = (size_t)fl_tensor_elements_at(t, 1);
    float *p = fl_alloc(NULL, n * sizeof *p);
    uint32_t state = 1;

    if (!p)
        fail("", "out of memory");
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (float)(int32_t)state / 2147483648.0f;
    }
    return p;
}

typedef struct numbers {
    int64_t n, h, w, c, k, r[2], s, d, g, m;
    bool    valid, residual;
    int     act;
} numbers;

static void read_word(numbers *v, problem *p, const char *word, const char *line)
{
    const int64_t value = strtoll(word + 1, NULL, 10);
    const char *x;

    if (!strcmp(word, "valid")) {
        v->valid = true;
    } else if (!strcmp(word, "residual")) {
        v->residual = true;
    } else if (!strncmp(word, "act=", 4)) {
        v->act = fl_unary_from_name(word + 4);
        if (v->act < 0)
            fail(line, "unknown activation");
    } else {
        switch (word[0]) {
        case 'n': v->n = value; break;
        case 'h': v->h = value; break;
        case 'w': v->w = value; break;
        case 'c': v->c = value; break;
        case 'k': v->k = value; break;
        case 'm': v->m = value; break;
        case 's': v->s = value; break;
        case 'd': v->d = value; break;
        case 'g': v->g = value; break;
        case 'x': p->count = (int)value; break;
        case 'r':
            x = strchr(word, 'x');
            v->r[0] = value;
            v->r[1] = x ? strtoll(x + 1, NULL, 10) : value;
            break;
        default: fail(line, word);
        }
    }
}

static void make_conv(problem *p, const numbers *v)
{
    const bool transposed = p->d.op == FL_OP_CONV2D_TRANSPOSE, depthwise = p->d.op == FL_OP_DEPTHWISE_CONV2D;
    fl_conv_params *c = &p->d.p.conv;
    int64_t size[2] = {v->h, v->w}, x[4] = {v->n, v->h, v->w, v->c};

    c->groups = (int32_t)v->g;
    c->act = v->act;
    for (int i = 0; i < 2; i++) {
        c->stride[i] = (int32_t)v->s;
        c->dilation[i] = (int32_t)v->d;
        if (!v->valid)
            fl_same_padding(size[i], v->r[i], v->s, v->d, &c->pad[2 * i], &c->pad[2 * i + 1]);
        if (transposed) {
            c->output[i] = size[i];
            x[1 + i] = (size[i] + c->pad[2 * i] + c->pad[2 * i + 1] - (v->r[i] - 1) * v->d - 1) / v->s + 1;
        }
    }
    const int64_t filter[4] = {v->r[0], v->r[1], transposed ? v->k : v->c / v->g,
                               depthwise ? 1 : transposed ? v->c : v->k};
    const int64_t bias[1] = {depthwise ? v->c : v->k};
    add(p, 0, false, 4, x);
    add(p, 1, true, 4, filter);
    add(p, 2, true, 1, bias);
}

static void make_matmul(problem *p, const numbers *v)
{
    const int64_t a[2] = {v->m, v->k}, b[2] = {v->k, v->n}, bias[1] = {v->n};

    p->d.p.matmul.act = v->act;
    add(p, 0, false, 2, a);
    add(p, 1, true, 2, b);
    add(p, 2, true, 1, bias);
}

static void parse(problem *p, const char *line)
{
    char words[256];
    numbers v = {.n = 1, .r = {1, 1}, .s = 1, .d = 1, .g = 1, .m = 1};
    floe_error err = {0};

    memset(p, 0, sizeof *p);
    p->count = 1;
    snprintf(words, sizeof words, "%s", line);
    char *save = NULL, *word = strtok_r(words, " \t", &save);
    const int op = fl_op_from_name(word);
    if (op < 0)
        fail(line, "unknown operator");
    p->d = (fl_op_desc){.op = (fl_op_kind)op, .n_in = 4, .n_out = 1, .in = p->in_at, .out = p->out_at};
    p->out_at[0] = &p->out[0];
    while ((word = strtok_r(NULL, " \t", &save)) != NULL)
        read_word(&v, p, word, line);
    if (op == FL_OP_MATMUL)
        make_matmul(p, &v);
    else
        make_conv(p, &v);
    if (fl_op_infer(&p->d, &err) != FLOE_OK)
        fail(line, err.message);
    if (v.residual)
        add(p, 3, false, p->out[0].rank, p->out[0].dim);
    for (int i = 0; i < 4; i++)
        p->data[i] = p->in_at[i] ? fill(p->in_at[i]) : NULL;
    p->y = fill(&p->out[0]);
}

static void discard(problem *p)
{
    for (int i = 0; i < 4; i++)
        fl_free(NULL, p->data[i]);
    fl_free(NULL, p->y);
}

/* ---- timing */

static uint64_t time_tactic(const problem *p, const fl_tactic *t, fl_device *device, fl_stream *stream, int rounds)
{
    fl_buf packed = fl_buf_make(NULL);
    floe_error err = {0};
    fl_device_info info;
    const void *in[4], *consts[4];
    void *out[1] = {p->y}, *workspace = NULL;
    uint64_t best = UINT64_MAX, ns;

    fl_cpu_backend.describe(device, &info);
    for (int i = 0; i < 4; i++) {
        const bool taken = p->in_at[i] && (t->packs >> i & 1) && p->in[i].constant;
        consts[i] = taken ? p->data[i] : NULL;
        in[i] = taken ? NULL : p->data[i];
    }
    if (t->pack && t->pack(&p->d, consts, &packed, &err) != FLOE_OK)
        fail(t->name, err.message);
    const size_t bytes = t->workspace_bytes(&p->d, &info, 1);
    if (bytes && fl_cpu_backend.alloc(device, &workspace, bytes, &err) != FLOE_OK)
        fail(t->name, err.message);
    const fl_step step = {&p->d, t, in, out, packed.data, workspace};
    for (int i = 0; i < rounds; i++) {
        if (fl_cpu_backend.time(stream, &step, &ns, &err) != FLOE_OK)
            fail(t->name, err.message);
        best = ns < best ? ns : best;
    }
    if (workspace)
        fl_cpu_backend.free(device, workspace);
    fl_buf_free(&packed);
    return best;
}

typedef struct total {
    double us, flops;
} total;

static void print_line(const char *line, const char *tactic, double us, double flops, double peak)
{
    const double rate = flops / us / 1e3;

    printf("%s,%s,%.1f,%.1f,%.3f\n", line, tactic, us, rate, rate / peak);
    fflush(stdout);
}

static void bench(const char *line, const options *o, fl_device *device, fl_stream *stream, double peak, total *sum)
{
    problem p;
    fl_device_info info;
    const fl_tactic *best = NULL;
    uint64_t best_ns = UINT64_MAX;

    parse(&p, line);
    fl_cpu_backend.describe(device, &info);
    const double flops = fl_op_def_of(p.d.op)->flops(&p.d, 1);
    const fl_tactic_list list = fl_cpu_backend.tactics(device, p.d.op);
    for (size_t i = 0; i < list.count; i++) {
        const fl_tactic *t = list.items[i];
        const char *why;
        const bool reference = strstr(t->name, ".ref") != NULL;
        if ((o->tactic && !strstr(t->name, o->tactic)) || (!o->tactic && reference) || !t->supports(&p.d, &info, &why))
            continue;
        const uint64_t ns = time_tactic(&p, t, device, stream, o->rounds);
        if (o->all)
            print_line(line, t->name, (double)ns / 1e3, flops, peak);
        if (ns < best_ns) {
            best_ns = ns;
            best = t;
        }
    }
    if (best && !o->all)
        print_line(line, best->name, (double)best_ns / 1e3, flops, peak);
    if (best) {
        sum->us += p.count * (double)best_ns / 1e3;
        sum->flops += p.count * flops;
    }
    discard(&p);
}

static void bench_file(const char *path, const options *o, fl_device *device, fl_stream *stream, double peak)
{
    FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
    char line[256];
    total sum = {0, 0};

    if (!file)
        fail(path, "cannot be opened");
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] && line[0] != '#')
            bench(line, o, device, stream, peak, &sum);
    }
    if (file != stdin)
        fclose(file);
    print_line(path, "total", sum.us, sum.flops, peak);
}

int main(int argc, char **argv)
{
    options o = {.threads = 1, .rounds = 1};
    fl_device *device = NULL;
    fl_stream *stream = NULL;
    fl_device_info info;
    floe_error err = {0};
    int first = 1;

    for (; first < argc && !strncmp(argv[first], "--", 2); first++) {
        const char *a = argv[first] + 2;
        if (!strncmp(a, "threads=", 8))
            o.threads = atoi(a + 8);
        else if (!strncmp(a, "rounds=", 7))
            o.rounds = atoi(a + 7);
        else if (!strncmp(a, "isa=", 4))
            o.isa = a + 4;
        else if (!strncmp(a, "tactic=", 7))
            o.tactic = a + 7;
        else if (!strcmp(a, "all"))
            o.all = true;
        else
            fail(argv[first], "unknown option");
    }
    const fl_device_options wanted = {.threads = o.threads, .isa = o.isa};
    if (fl_cpu_backend.open(&device, NULL, "cpu", &wanted, &err) != FLOE_OK ||
        fl_cpu_backend.stream_open(&stream, device, o.threads, &err) != FLOE_OK)
        fail("cpu", err.message);
    fl_cpu_backend.describe(device, &info);
    const double peak = measure_peak(info.target) * o.threads;
    printf("# %s, %s, %d threads, peak %.1f GFLOP/s\nproblem,tactic,us,gflops,of_peak\n", info.name, info.target,
           o.threads, peak);
    for (; first < argc; first++)
        bench_file(argv[first], &o, device, stream, peak);
    fl_cpu_backend.stream_close(stream);
    fl_cpu_backend.close(device);
    return 0;
}
