/* tactic_case.h - random problems of an operator, run by every tactic of the CPU backend against the reference.
 *
 *     static bool random_unary(problem *p)                      false: the random parameters do not fit each other
 *     {
 *         begin(p, FL_OP_UNARY, 1);
 *         p->c.d.p.unary.func = ...;
 *         add_input(p, 0, FL_F32, rank, dim);                   filled with random values
 *         p->relative = 1e-6;
 *         return finish(p);                                     infers, and computes what is wanted
 *     }
 *     ... check_op(FL_OP_UNARY, random_unary, 5);               5 % of the problems at least for every tactic
 *
 * Every tactic that supports a problem runs with 1, 2 and 3 threads, which must give the same bits, and in place of every
 * input that it says it may overwrite. What was neither input nor output must stay as it was. Buffers are aligned to
 * their element only; workspace is full of NaN.
 *
 * PROBLEMS, which the includer defines, is the number of problems an operator. FLOE_TEST_SEED repeats a run;
 * FLOE_TEST_PROBLEMS sets another number.
 */
#ifndef TESTS_TACTIC_CASE_H
#define TESTS_TACTIC_CASE_H

#include "op_case.h"

#include "backend/backend.h"

#define MOST_TACTICS 128
#define FRAME        256 /* bytes before and after a buffer */

static uint64_t seed, state;

static inline uint32_t next_random(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static inline int64_t pick(int64_t low, int64_t high)
{
    return low + (int64_t)(next_random() % (uint64_t)(high - low + 1));
}

static inline bool chance(int percent)
{
    return pick(0, 99) < percent;
}

static inline float random_value(void)
{
    return (float)(int32_t)(next_random() << 1) / 2147483648.0f;
}

/* ---- one problem */

typedef struct problem {
    op_case  c;
    uint8_t *data[OP_CASE_INPUTS], *want[FL_MAX_OUTPUTS];
    double   absolute, relative; /* tolerance: absolute + relative * |want|; both 0: same values */
} problem;

static inline size_t bytes_of(const fl_tensor_desc *t)
{
    return fl_tensor_bytes_at(t, 1);
}

/* Aligned to 8 bytes plus one element: to the element and no more. */
static inline uint8_t *make_buffer(const fl_tensor_desc *t)
{
    const size_t n = bytes_of(t), element = fl_dtype_bytes(t->dtype);
    uint8_t *p = malloc(n + 2 * FRAME + 8);

    assert_non_null(p);
    memset(p, 0x5a, n + 2 * FRAME + 8);
    return p + FRAME + element % 8;
}

static inline void free_buffer(uint8_t *p, const fl_tensor_desc *t)
{
    if (p)
        free(p - FRAME - fl_dtype_bytes(t->dtype) % 8);
}

static inline void check_frame(const uint8_t *p, size_t n)
{
    for (size_t i = 1; i <= FRAME; i++)
        assert_true(p[-(ptrdiff_t)i] == 0x5a && p[n + i - 1] == 0x5a);
}

static inline void fill(const fl_tensor_desc *t, uint8_t *p)
{
    const size_t n = bytes_of(t);

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)next_random();
    for (size_t i = 0; t->dtype == FL_BOOL && i < n; i++)
        p[i] &= 1;
    for (size_t i = 0; t->dtype == FL_F32 && i + 4 <= n; i += 4) {
        const float v = random_value();
        memcpy(p + i, &v, 4);
    }
    for (size_t i = 0; t->dtype == FL_F64 && i + 8 <= n; i += 8) {
        const double v = 1000 * (double)random_value();
        memcpy(p + i, &v, 8);
    }
}

static inline void begin(problem *p, fl_op_kind op, int n_in)
{
    memset(p, 0, sizeof *p);
    p->c.d.op = op;
    p->c.d.in = p->c.in_at;
    p->c.d.out = p->c.out_at;
    p->c.d.n_in = n_in;
    p->c.d.n_out = fl_op_def_of(op)->n_out;
    for (int i = 0; i < FL_MAX_OUTPUTS; i++)
        p->c.out_at[i] = &p->c.out[i];
}

static inline void add_input(problem *p, int slot, fl_dtype dtype, int rank, const int64_t *dim)
{
    p->c.in[slot] = fl_tensor_make(dtype, rank, dim);
    p->c.in_at[slot] = &p->c.in[slot];
    p->data[slot] = make_buffer(&p->c.in[slot]);
    fill(&p->c.in[slot], p->data[slot]);
}

static inline float *floats(const problem *p, int slot)
{
    return (float *)(void *)p->data[slot];
}

static inline size_t count(const problem *p, int slot)
{
    return bytes_of(&p->c.in[slot]) / fl_dtype_bytes(p->c.in[slot].dtype);
}

/* False where the random parameters do not fit each other. */
static inline bool finish(problem *p)
{
    const void *ins[OP_CASE_INPUTS];
    void *outs[FL_MAX_OUTPUTS] = {NULL};

    if (fl_op_infer(&p->c.d, &p->c.err) != FLOE_OK)
        return false;
    for (int i = 0; i < p->c.d.n_out; i++)
        outs[i] = p->want[i] = make_buffer(&p->c.out[i]);
    for (int i = 0; i < OP_CASE_INPUTS; i++)
        ins[i] = p->data[i];
    return fl_op_def_of(p->c.d.op)->ref(&p->c.d, ins, outs, &p->c.err) == FLOE_OK;
}

static inline void end(problem *p)
{
    for (int i = 0; i < p->c.d.n_in; i++)
        if (p->c.in_at[i])
            free_buffer(p->data[i], &p->c.in[i]);
    for (int i = 0; i < p->c.d.n_out; i++)
        if (p->want[i])
            free_buffer(p->want[i], &p->c.out[i]);
}

static inline void fail_problem(const problem *p, const fl_tactic *tactic, const char *what)
{
    fl_buf text = fl_buf_make(NULL);

    fl_op_desc_text(&text, &p->c.d, 1);
    print_error("seed %llu, %s: %.*s\n", (unsigned long long)seed, tactic->name, (int)text.size, (const char *)text.data);
    fl_buf_free(&text);
    fail_msg("%s", what);
}

/* ---- running a tactic */

static fl_device *device;
static fl_device_info info;
static fl_stream *streams[3]; /* of 1, 2, 3 threads */

static inline int open_device(void **unused)
{
    (void)unused;
    if (fl_cpu_backend.open(&device, NULL, "cpu", NULL, NULL) != FLOE_OK)
        return -1;
    fl_cpu_backend.describe(device, &info);
    for (int i = 0; i < 3; i++)
        if (fl_cpu_backend.stream_open(&streams[i], device, i + 1, NULL) != FLOE_OK)
            return -1;
    const char *text = getenv("FLOE_TEST_SEED");
    seed = text ? strtoull(text, NULL, 10) : 20261124;
    print_message("seed %llu\n", (unsigned long long)seed);
    return 0;
}

static inline int close_device(void **unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++)
        fl_cpu_backend.stream_close(streams[i]);
    fl_cpu_backend.close(device);
    return 0;
}

static inline bool is_taken(const problem *p, const fl_tactic *tactic, int slot)
{
    return p->c.in_at[slot] && (tactic->packs >> slot & 1) && p->c.in[slot].constant;
}

/* over: the slot whose memory y is, or -1 */
static inline void run(const problem *p, const fl_tactic *tactic, fl_stream *stream, const fl_buf *packed, uint8_t *const *y,
                int over)
{
    const void *in[OP_CASE_INPUTS];
    void *out[FL_MAX_OUTPUTS] = {y[0], y[1], y[2]};
    fl_op_desc d = p->c.d;
    floe_error err = {0};
    const size_t bytes = tactic->workspace_bytes(&d, &info, 1);
    void *workspace = fl_alloc(NULL, bytes ? bytes : 1);

    memset(workspace, 0xff, bytes); /* not a number */
    for (int i = 0; i < OP_CASE_INPUTS; i++)
        in[i] = i == over ? y[0] : is_taken(p, tactic, i) ? NULL : p->data[i];
    const fl_step step = {&d, tactic, in, out, packed->data, workspace};
    const floe_status st = tactic->run(&step, stream, &err);
    if (st != FLOE_OK)
        print_error("%s\n", err.message);
    assert_int_equal(st, FLOE_OK);
    fl_free(NULL, workspace);
}

static inline bool is_near(const problem *p, float got, float want)
{
    if (got == want || (isnan(got) && isnan(want)))
        return true;
    return fabs((double)got - (double)want) <= p->absolute + p->relative * fabs((double)want);
}

static inline void check_output(const problem *p, const fl_tactic *tactic, int k, const uint8_t *y)
{
    const fl_tensor_desc *t = &p->c.out[k];
    const size_t n = bytes_of(t);

    check_frame(y, n);
    if (t->dtype != FL_F32) {
        if (memcmp(y, p->want[k], n) != 0)
            fail_problem(p, tactic, "differs from the reference");
        return;
    }
    for (size_t i = 0; i < n / 4; i++) {
        const float got = ((const float *)(const void *)y)[i], want = ((const float *)(const void *)p->want[k])[i];
        if (!is_near(p, got, want)) {
            print_error("output %d, element %zu of %zu: got %.9g, want %.9g\n", k, i, n / 4, (double)got, (double)want);
            fail_problem(p, tactic, "differs from the reference");
        }
    }
}

static inline void check_in_place(const problem *p, const fl_tactic *tactic, const fl_buf *packed, uint8_t *const *expected,
                           int slot)
{
    uint8_t *y[FL_MAX_OUTPUTS] = {NULL};
    const size_t n = bytes_of(&p->c.out[0]);

    y[0] = make_buffer(&p->c.out[0]);
    memcpy(y[0], p->data[slot], n);
    run(p, tactic, streams[1], packed, y, slot);
    if (memcmp(y[0], expected[0], n) != 0)
        fail_problem(p, tactic, "gives other bits in place");
    check_frame(y[0], n);
    free_buffer(y[0], &p->c.out[0]);
}

static inline void check_tactic(const problem *p, const fl_tactic *tactic)
{
    fl_buf packed = fl_buf_make(NULL);
    floe_error err = {0};
    uint8_t *y[3][FL_MAX_OUTPUTS] = {{NULL}};

    if (tactic->pack) {
        const void *consts[OP_CASE_INPUTS] = {NULL};
        for (int i = 0; i < p->c.d.n_in; i++)
            consts[i] = is_taken(p, tactic, i) ? p->data[i] : NULL;
        assert_int_equal(tactic->pack(&p->c.d, consts, &packed, &err), FLOE_OK);
        assert_int_equal(packed.size, tactic->packed_bytes(&p->c.d));
    }
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < p->c.d.n_out; k++)
            y[i][k] = make_buffer(&p->c.out[k]);
        run(p, tactic, streams[i], &packed, y[i], -1);
        for (int k = 0; k < p->c.d.n_out; k++)
            if (memcmp(y[0][k], y[i][k], bytes_of(&p->c.out[k])) != 0)
                fail_problem(p, tactic, "another number of threads gives other bits");
    }
    for (int k = 0; k < p->c.d.n_out; k++)
        check_output(p, tactic, k, y[0][k]);
    for (int slot = 0; slot < p->c.d.n_in; slot++)
        if (p->c.in_at[slot] && (tactic->in_place >> slot & 1) && bytes_of(&p->c.in[slot]) == bytes_of(&p->c.out[0]))
            check_in_place(p, tactic, &packed, y[0], slot);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < p->c.d.n_out; k++)
            free_buffer(y[i][k], &p->c.out[k]);
    fl_buf_free(&packed);
}

/* Runs every tactic that supports the problem; times[i]: how often tactic i did. */
static inline void check_all(const problem *p, size_t *times)
{
    const fl_tactic_list list = fl_cpu_backend.tactics(device, p->c.d.op);

    assert_true(list.count <= MOST_TACTICS);
    for (size_t i = 0; i < list.count; i++) {
        const char *why = NULL;
        if (!list.items[i]->supports(&p->c.d, &info, &why)) {
            assert_non_null(why);
            continue;
        }
        check_tactic(p, list.items[i]);
        times[i]++;
    }
}

static inline int problems(void)
{
    const char *text = getenv("FLOE_TEST_PROBLEMS");

    return text ? atoi(text) : PROBLEMS;
}

/* Every tactic of the operator that this machine can run must have met its share of the problems, in percent. */
static inline void check_op(fl_op_kind op, bool (*random_problem)(problem *), int at_least)
{
    const fl_tactic_list list = fl_cpu_backend.tactics(device, op);
    size_t times[MOST_TACTICS] = {0};
    problem p;

    state = seed + (uint64_t)op;
    for (int i = 0; i < problems();) {
        if (random_problem(&p)) {
            check_all(&p, times);
            i++;
        }
        end(&p);
    }
    for (size_t i = 0; i < list.count; i++) {
        const bool other = (strstr(list.items[i]->name, ".avx512") && !strstr(info.target, "avx512")) ||
                           (strstr(list.items[i]->name, ".avx2") && !strstr(info.target, "avx"));
        if (!other && (int)times[i] * 100 < at_least * problems())
            fail_msg("%s ran on %zu of %d problems only", list.items[i]->name, times[i], problems());
    }
}

#endif
