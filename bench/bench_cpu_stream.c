/* bench_cpu_stream.c - times the CPU tactics that stream through memory, beside a plain copy of as many bytes: one line of
 * text a problem, the shapes in the order of the inputs:
 *
 *     unary relu 1,56,56,256                        softmax 3072,384 axis=1
 *     binary add 1,56,56,64 64 act=relu             reduce mean 1,7,7,2048 axes=1,2
 *     batch_norm 1,56,56,256 axis=3                 transpose 1,224,224,64 perm=0,3,1,2
 *     pool2d max 1,112,112,64 k=3 s=2               concat 1,35,35,64 1,35,35,96 axis=3
 *     pad 1,56,56,64 by=0,1,1,0                     broadcast 1,1,1,64 to=1,56,56,64
 *     select 1,56,56,64 1,56,56,64 1,56,56,64       cast 1,224,224,3 from=u8 to=f32
 *
 * Pools have SAME pads and NHWC ("nchw" for the other); pads are given by axis, the same on both sides. Printed: the
 * tactic, microseconds, GB/s of inputs and outputs, and the ratio of the copy's time to the tactic's; 1 is as fast as a
 * copy of the same size, which reads half of the bytes and writes half.
 *
 *     bench_cpu_stream [--threads=N] [--isa=avx2] [--rounds=N] FILE...     ("-": standard input)
 */
#include "backend/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_INPUTS 8

typedef struct problem {
    fl_op_desc      d;
    fl_tensor_desc  in[MOST_INPUTS], out[FL_MAX_OUTPUTS];
    fl_tensor_desc *in_at[MOST_INPUTS], *out_at[FL_MAX_OUTPUTS];
    void           *data[MOST_INPUTS], *y[FL_MAX_OUTPUTS];
} problem;

static void fail(const char *line, const char *what)
{
    fprintf(stderr, "bench_cpu_stream: '%s': %s\n", line, what);
    exit(1);
}

static void *room_for(size_t bytes)
{
    void *p = fl_alloc(NULL, bytes);

    if (!p)
        fail("", "out of memory");
    return p;
}

/* ---- a problem from its line */

static int read_numbers(const char *text, int64_t *to)
{
    int n = 0;

    for (char *end; *text && n < FL_MAX_RANK; text = *end ? end + 1 : end)
        to[n++] = strtoll(text, &end, 10);
    return n;
}

static void add_input(problem *p, fl_dtype dtype, int rank, const int64_t *dim)
{
    const int slot = p->d.n_in++;

    if (slot >= MOST_INPUTS)
        fail("", "too many inputs");
    p->in[slot] = fl_tensor_make(dtype, rank, dim);
    p->in_at[slot] = &p->in[slot];
}

/* The word behind the operator of those that have several functions. */
static void read_function(problem *p, const char *name, const char *line)
{
    int func = -1;

    if (p->d.op == FL_OP_UNARY)
        p->d.p.unary.func = func = fl_unary_from_name(name);
    else if (p->d.op == FL_OP_BINARY)
        p->d.p.binary.func = func = fl_binary_from_name(name);
    else if (p->d.op == FL_OP_REDUCE)
        p->d.p.reduce.func = func = fl_reduce_from_name(name);
    else
        p->d.p.pool.func = func = !strcmp(name, "max") ? FL_POOL_MAX : FL_POOL_AVG;
    if (func < 0)
        fail(line, "unknown function");
}

static void read_option(problem *p, const char *word, const char *line)
{
    const char *value = strchr(word, '=') ? strchr(word, '=') + 1 : "";
    fl_op_params *q = &p->d.p;
    int64_t v[FL_MAX_RANK] = {0};
    const int n = read_numbers(value, v);

    if (!strncmp(word, "act=", 4) && p->d.op == FL_OP_BINARY)
        q->binary.act = fl_unary_from_name(value);
    else if (!strncmp(word, "act=", 4))
        q->batch_norm.act = fl_unary_from_name(value);
    else if (!strncmp(word, "axis=", 5) && p->d.op == FL_OP_BATCH_NORM)
        q->batch_norm.axis = (int32_t)v[0];
    else if (!strncmp(word, "axis=", 5))
        q->axis.axis = (int32_t)v[0];
    else if (!strncmp(word, "axes=", 5))
        for (int i = 0; i < n; i++)
            q->reduce.axes |= 1 << v[i];
    else if (!strncmp(word, "perm=", 5))
        for (int i = 0; i < n; i++)
            q->transpose.perm[i] = (int32_t)v[i];
    else if (!strncmp(word, "by=", 3))
        for (int i = 0; i < n; i++)
            q->pad.before[i] = q->pad.after[i] = v[i];
    else if (!strncmp(word, "from=", 5))
        p->in[0].dtype = fl_dtype_from_name(value);
    else if (!strncmp(word, "to=", 3) && p->d.op == FL_OP_CAST)
        q->dtype.dtype = (int32_t)fl_dtype_from_name(value);
    else if (!strncmp(word, "to=", 3)) {
        q->dims.rank = n;
        memcpy(q->dims.dim, v, sizeof v);
    } else if (!strncmp(word, "k=", 2))
        q->pool.kernel[0] = q->pool.kernel[1] = (int32_t)v[0];
    else if (!strncmp(word, "s=", 2))
        q->pool.stride[0] = q->pool.stride[1] = (int32_t)v[0];
    else if (!strcmp(word, "nchw"))
        q->pool.format = FL_NCHW;
    else
        fail(line, word);
}

/* What the line does not say. */
static void complete(problem *p)
{
    if (p->d.op == FL_OP_BATCH_NORM) {
        const int64_t c = p->in[0].dim[p->d.p.batch_norm.axis];
        p->d.p.batch_norm.epsilon = 1e-3f;
        for (int i = 0; i < 4; i++)
            add_input(p, FL_F32, 1, &c);
    } else if (p->d.op == FL_OP_POOL2D) {
        fl_pool_params *q = &p->d.p.pool;
        for (int i = 0; i < 2; i++)
            fl_same_padding(p->in[0].dim[q->format == FL_NCHW ? 2 + i : 1 + i], q->kernel[i], q->stride[i], 1,
                            &q->pad[2 * i], &q->pad[2 * i + 1]);
    } else if (p->d.op == FL_OP_SELECT) {
        p->in[0].dtype = FL_BOOL;
    }
}

static void fill(void *data, const fl_tensor_desc *t)
{
    const size_t bytes = fl_tensor_bytes_at(t, 1);
    uint32_t state = 1;

    memset(data, t->dtype == FL_F32 ? 0 : 1, bytes);
    for (size_t i = 0; t->dtype == FL_F32 && i < bytes / 4; i++) {
        state = state * 1664525u + 1013904223u;
        ((float *)data)[i] = (float)(state >> 8) / 16777216.0f + 0.01f;
    }
}

static void parse(problem *p, const char *line)
{
    char words[256];
    floe_error err = {0};

    memset(p, 0, sizeof *p);
    snprintf(words, sizeof words, "%s", line);
    char *save = NULL, *word = strtok_r(words, " \t", &save);
    const int op = fl_op_from_name(word);
    if (op < 0)
        fail(line, "unknown operator");
    p->d = (fl_op_desc){.op = (fl_op_kind)op, .in = p->in_at, .out = p->out_at};
    p->d.n_out = fl_op_def_of(p->d.op)->n_out;
    if (op == FL_OP_UNARY || op == FL_OP_BINARY || op == FL_OP_REDUCE || op == FL_OP_POOL2D) {
        word = strtok_r(NULL, " \t", &save);
        read_function(p, word ? word : "", line);
    }
    while ((word = strtok_r(NULL, " \t", &save)) != NULL) {
        int64_t dim[FL_MAX_RANK];
        if (word[0] >= '0' && word[0] <= '9') {
            const int rank = read_numbers(word, dim);
            add_input(p, FL_F32, rank, dim);
        } else {
            read_option(p, word, line);
        }
    }
    complete(p);
    for (int i = 0; i < FL_MAX_OUTPUTS; i++)
        p->out_at[i] = &p->out[i];
    if (fl_op_infer(&p->d, &err) != FLOE_OK)
        fail(line, err.message);
    for (int i = 0; i < p->d.n_in; i++) {
        p->data[i] = room_for(fl_tensor_bytes_at(&p->in[i], 1));
        fill(p->data[i], &p->in[i]);
    }
    for (int i = 0; i < p->d.n_out; i++) {
        p->y[i] = room_for(fl_tensor_bytes_at(&p->out[i], 1));
        memset(p->y[i], 0, fl_tensor_bytes_at(&p->out[i], 1));
    }
}

static void discard(problem *p)
{
    for (int i = 0; i < p->d.n_in; i++)
        fl_free(NULL, p->data[i]);
    for (int i = 0; i < p->d.n_out; i++)
        fl_free(NULL, p->y[i]);
}

/* ---- timing */

/* Microseconds of the problem with a tactic, the least of several rounds. */
static double time_tactic(const problem *p, const fl_tactic *t, fl_device *device, fl_stream *stream, int rounds)
{
    fl_device_info info;
    floe_error err = {0};
    void *workspace = NULL;
    uint64_t best = UINT64_MAX, ns;

    fl_cpu_backend.describe(device, &info);
    const size_t bytes = t->workspace_bytes(&p->d, &info, 1);
    if (bytes)
        workspace = room_for(bytes);
    const fl_step step = {&p->d, t, (const void *const *)p->data, p->y, NULL, workspace};
    for (int i = 0; i < rounds; i++) {
        if (fl_cpu_backend.time(stream, &step, &ns, &err) != FLOE_OK)
            fail(t->name, err.message);
        best = ns < best ? ns : best;
    }
    fl_free(NULL, workspace);
    return (double)best / 1e3;
}

static const fl_tactic *first_tactic(const problem *p, fl_device *device)
{
    const fl_tactic_list list = fl_cpu_backend.tactics(device, p->d.op);
    fl_device_info info;
    const char *why;

    fl_cpu_backend.describe(device, &info);
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i]->supports(&p->d, &info, &why))
            return list.items[i];
    return NULL;
}

/* A copy that reads and writes `bytes` in all. */
static double time_copy(size_t bytes, fl_device *device, fl_stream *stream, int rounds)
{
    char line[64];
    problem p;

    snprintf(line, sizeof line, "identity %zu", bytes / 8 ? bytes / 8 : 1);
    parse(&p, line);
    const double us = time_tactic(&p, first_tactic(&p, device), device, stream, rounds);
    discard(&p);
    return us;
}

static void bench(const char *line, fl_device *device, fl_stream *stream, int rounds)
{
    problem p;
    size_t bytes = 0;

    parse(&p, line);
    for (int i = 0; i < p.d.n_in; i++)
        bytes += fl_tensor_bytes_at(&p.in[i], 1);
    bytes += fl_tensor_bytes_at(&p.out[0], 1);
    const fl_tactic *t = first_tactic(&p, device);
    if (!t)
        fail(line, "no tactic");
    double us = 1e30, copy = 1e30;
    for (int i = 0; i < rounds; i++) { /* in turns, so that a slow moment of the machine meets both */
        const double a = time_tactic(&p, t, device, stream, 1), b = time_copy(bytes, device, stream, 1);
        us = a < us ? a : us;
        copy = b < copy ? b : copy;
    }
    printf("%s,%s,%.1f,%.1f,%.2f\n", line, t->name, us, (double)bytes / us / 1e3, copy / us);
    fflush(stdout);
    discard(&p);
}

static void bench_file(const char *path, fl_device *device, fl_stream *stream, int rounds)
{
    FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
    char line[256];

    if (!file)
        fail(path, "cannot be opened");
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] && line[0] != '#')
            bench(line, device, stream, rounds);
    }
    if (file != stdin)
        fclose(file);
}

int main(int argc, char **argv)
{
    fl_device_options options = {.threads = 1};
    fl_device *device = NULL;
    fl_stream *stream = NULL;
    fl_device_info info;
    floe_error err = {0};
    int first = 1, rounds = 3;

    for (; first < argc && !strncmp(argv[first], "--", 2); first++) {
        if (!strncmp(argv[first], "--threads=", 10))
            options.threads = atoi(argv[first] + 10);
        else if (!strncmp(argv[first], "--rounds=", 9))
            rounds = atoi(argv[first] + 9);
        else if (!strncmp(argv[first], "--isa=", 6))
            options.isa = argv[first] + 6;
        else
            fail(argv[first], "unknown option");
    }
    if (fl_cpu_backend.open(&device, NULL, "cpu", &options, &err) != FLOE_OK ||
        fl_cpu_backend.stream_open(&stream, device, options.threads, &err) != FLOE_OK)
        fail("cpu", err.message);
    fl_cpu_backend.describe(device, &info);
    printf("# %s, %s, %d threads\nproblem,tactic,us,gb_s,of_copy\n", info.name, info.target, options.threads);
    for (; first < argc; first++)
        bench_file(argv[first], device, stream, rounds);
    fl_cpu_backend.stream_close(stream);
    fl_cpu_backend.close(device);
    return 0;
}
