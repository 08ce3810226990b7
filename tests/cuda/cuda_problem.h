/* cuda_problem.h - problems of one operator, solved by its reference on the CPU and by each of its CUDA tactics, in
 * f32, f16 and bf16, and compared.
 *
 *     problem p;
 *     problem_begin(&p, FL_OP_UNARY, 1);
 *     p.c.d.p.unary.func = FL_UNARY_RELU;
 *     problem_input(&p, 0, FL_F32, rank, dim);      random values; floats(&p, 0) to set others
 *     problem_check(&p, FL_F16);                    solves, checks and frees
 *
 * The references know f32; for f16 and bf16 they get the inputs as f32, and a result may differ from the reference's,
 * rounded, by one unit in the last place of the half type: both round, the kernel from float and the reference from
 * double.
 *
 * FLOE_TEST_SEED repeats a run; FLOE_TEST_PROBLEMS sets the number of random problems an operator.
 */
#ifndef TESTS_CUDA_PROBLEM_H
#define TESTS_CUDA_PROBLEM_H

#include "../op/op_case.h"
#include "base/half.h"
#include "cuda_step.h"

static cuda_rig rig;
static uint64_t seed, state;
static size_t   times[FL_OP_COUNT][4]; /* runs of each tactic */

static inline uint32_t next_random(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}
static inline int64_t pick(int64_t low, int64_t high)
{
    return low + (int64_t)(next_random() % (uint64_t)(high - low + 1));
}
static inline bool chance(int percent) { return pick(0, 99) < percent; }
static inline float random_value(void) { return (float)(int32_t)(next_random() << 1) / 2147483648.0f; }
static inline int problems(void) { return getenv("FLOE_TEST_PROBLEMS") ? atoi(getenv("FLOE_TEST_PROBLEMS")) : 60; }

/* ---- half precision */

static const fl_dtype storages[] = {FL_F32, FL_F16, FL_BF16};

static inline float widen(fl_dtype t, uint16_t bits)
{
    return t == FL_F16 ? fl_half_to_float(bits) : fl_bfloat_to_float(bits);
}
static inline uint16_t narrow(fl_dtype t, float x)
{
    return t == FL_F16 ? fl_half_from_float(x) : fl_bfloat_from_float(x);
}

/* Halves in the order of their values, next to each other one apart. */
static inline int32_t rank_of(uint16_t bits) { return bits & 0x8000 ? -(int32_t)(bits & 0x7fff) : (int32_t)bits; }

/* ---- one problem: descriptors and inputs as the reference wants them */

typedef struct problem {
    op_case  c;
    uint8_t *data[OP_CASE_INPUTS], *want[FL_MAX_OUTPUTS];
    double   absolute, relative; /* tolerance of floats */
    uint32_t kept;               /* slots that stay f32 when the problem is solved in a half type */
    bool     exact;              /* the same bits */
} problem;

static inline float *floats(const problem *p, int slot) { return (float *)(void *)p->data[slot]; }
static inline size_t count(const problem *p, int slot) { return (size_t)fl_tensor_elements_at(&p->c.in[slot], 1); }

static inline void fill(const fl_tensor_desc *t, uint8_t *p)
{
    const size_t n = fl_tensor_bytes_at(t, 1);

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)next_random();
    for (size_t i = 0; t->dtype == FL_BOOL && i < n; i++)
        p[i] &= 1;
    for (size_t i = 0; t->dtype == FL_F32 && i < n / 4; i++)
        ((float *)(void *)p)[i] = random_value();
    for (size_t i = 0; t->dtype == FL_F64 && i < n / 8; i++)
        ((double *)(void *)p)[i] = 8 * (double)random_value();
}

static inline void problem_begin(problem *p, fl_op_kind op, int n_in)
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

static inline void problem_input(problem *p, int slot, fl_dtype dtype, int rank, const int64_t *dim)
{
    p->c.in[slot] = fl_tensor_make(dtype, rank, dim);
    p->c.in_at[slot] = &p->c.in[slot];
    p->data[slot] = malloc(fl_tensor_bytes_at(&p->c.in[slot], 1) + 16);
    assert_non_null(p->data[slot]);
    fill(&p->c.in[slot], p->data[slot]);
}

static inline void problem_solve(problem *p)
{
    const void *ins[OP_CASE_INPUTS];
    void *outs[FL_MAX_OUTPUTS] = {NULL};

    cuda_need(fl_op_infer(&p->c.d, &p->c.err), &p->c.err);
    for (int i = 0; i < p->c.d.n_out; i++)
        outs[i] = p->want[i] = malloc(fl_tensor_bytes_at(&p->c.out[i], 1) + 16);
    for (int i = 0; i < OP_CASE_INPUTS; i++)
        ins[i] = p->data[i];
    cuda_need(fl_op_def_of(p->c.d.op)->ref(&p->c.d, ins, outs, &p->c.err), &p->c.err);
}

static inline void problem_end(problem *p)
{
    for (int i = 0; i < p->c.d.n_in; i++)
        free(p->data[i]);
    for (int i = 0; i < p->c.d.n_out; i++)
        free(p->want[i]);
}

/* ---- comparing */

static inline void fail_problem(const problem *p, const fl_tactic *tactic, fl_dtype storage, const char *what, size_t i,
                                double got, double want)
{
    fl_buf text = fl_buf_make(NULL);

    fl_op_desc_text(&text, &p->c.d, 0);
    fl_put_u8(&text, 0);
    fail_msg("seed %llu: %s in %s, %s, %s: element %zu is %.9g, want %.9g", (unsigned long long)seed, tactic->name,
             fl_dtype_name(storage), (const char *)text.data, what, i, got, want);
}

static inline bool is_near(const problem *p, double got, double want)
{
    if (isnan(want) || isinf(want))
        return isnan(want) ? isnan(got) : got == want;
    return fabs(got - want) <= p->absolute + p->relative * fabs(want);
}

static inline void compare(const problem *p, const fl_tactic *tactic, const fl_tensor_desc *t, const uint8_t *got,
                    const uint8_t *want, const char *what)
{
    const size_t n = (size_t)fl_tensor_elements_at(t, 1), bytes = fl_dtype_bytes(t->dtype);

    for (size_t i = 0; i < n; i++) {
        if (p->exact) {
            if (memcmp(got + i * bytes, want + i * bytes, bytes) != 0)
                fail_problem(p, tactic, t->dtype, what, i, got[i * bytes], want[i * bytes]);
        } else if (t->dtype == FL_F32) {
            const float g = ((const float *)(const void *)got)[i], w = ((const float *)(const void *)want)[i];
            if (!is_near(p, (double)g, (double)w))
                fail_problem(p, tactic, t->dtype, what, i, (double)g, (double)w);
        } else if (t->dtype == FL_F64) {
            const double g = ((const double *)(const void *)got)[i], w = ((const double *)(const void *)want)[i];
            if (!is_near(p, g, w))
                fail_problem(p, tactic, t->dtype, what, i, g, w);
        } else if (t->dtype == FL_F16 || t->dtype == FL_BF16) { /* want is f32 */
            const uint16_t g = ((const uint16_t *)(const void *)got)[i];
            const float w = ((const float *)(const void *)want)[i], rounded = widen(t->dtype, narrow(t->dtype, w));
            const bool close = isnan(w) ? isnan(widen(t->dtype, g))
                                        : abs(rank_of(g) - rank_of(narrow(t->dtype, w))) <= 1;
            if (!close && !is_near(p, (double)widen(t->dtype, g), (double)rounded))
                fail_problem(p, tactic, t->dtype, what, i, (double)widen(t->dtype, g), (double)w);
        } else if (memcmp(got + i * bytes, want + i * bytes, bytes) != 0) {
            fail_problem(p, tactic, t->dtype, what, i, got[i * bytes], want[i * bytes]);
        }
    }
}

/* ---- one problem on the GPU */

/* The problem with its f32 tensors stored in a half type, but for those in `kept`. */
typedef struct stored {
    fl_op_desc      d;
    fl_tensor_desc  in[OP_CASE_INPUTS], out[FL_MAX_OUTPUTS];
    fl_tensor_desc *in_at[OP_CASE_INPUTS], *out_at[FL_MAX_OUTPUTS];
    uint8_t        *data[OP_CASE_INPUTS];
} stored;

static inline void store(stored *s, const problem *p, fl_dtype storage)
{
    memset(s, 0, sizeof *s);
    s->d = p->c.d;
    s->d.in = s->in_at;
    s->d.out = s->out_at;
    for (int k = 0; k < p->c.d.n_in; k++) {
        const size_t bytes = fl_tensor_bytes_at(&p->c.in[k], 1);
        if (!p->c.in_at[k])
            continue;
        s->in[k] = p->c.in[k];
        s->in_at[k] = &s->in[k];
        s->data[k] = malloc(bytes + 16);
        memcpy(s->data[k], p->data[k], bytes);
        if (s->in[k].dtype != FL_F32 || storage == FL_F32 || (p->kept >> k & 1))
            continue;
        s->in[k].dtype = storage;
        for (size_t i = 0; i < count(p, k); i++)
            ((uint16_t *)(void *)s->data[k])[i] = narrow(storage, floats(p, k)[i]);
    }
    for (int k = 0; k < p->c.d.n_out; k++)
        s->out_at[k] = &s->out[k];
    assert_int_equal(fl_op_infer(&s->d, NULL), FLOE_OK);
}

/* Makes the reference's inputs such that a half type holds them exactly. */
static inline void round_inputs(problem *p, fl_dtype storage)
{
    for (int k = 0; k < p->c.d.n_in && storage != FL_F32; k++)
        for (size_t i = 0; p->c.in_at[k] && p->c.in[k].dtype == FL_F32 && !(p->kept >> k & 1) && i < count(p, k); i++)
            floats(p, k)[i] = widen(storage, narrow(storage, floats(p, k)[i]));
}

static inline void run_one(const problem *p, stored *s, const fl_tactic *tactic, int in_place, bool all_outputs)
{
    uint8_t *got[FL_MAX_OUTPUTS] = {NULL};
    const void *ins[OP_CASE_INPUTS];
    void *outs[FL_MAX_OUTPUTS];

    for (int k = 0; k < OP_CASE_INPUTS; k++)
        ins[k] = s->data[k];
    for (int k = 0; k < s->d.n_out; k++)
        outs[k] = got[k] = k == 0 || all_outputs ? malloc(fl_tensor_bytes_at(&s->out[k], 1) + 16) : NULL;
    cuda_step_run(&rig, tactic, &s->d, ins, outs, in_place);
    for (int k = 0; k < s->d.n_out; k++)
        if (got[k])
            compare(p, tactic, &s->out[k], got[k], p->want[k], in_place < 0 ? "apart" : "in place");
    for (int k = 0; k < s->d.n_out; k++)
        free(got[k]);
}

/* Every tactic that takes it, apart and in place of every input it may overwrite. The reference has been run. */
static inline void problem_compare(const problem *p, fl_dtype storage)
{
    const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, p->c.d.op);
    stored s;

    store(&s, p, storage);
    for (size_t i = 0; i < list.count; i++) {
        const fl_tactic *tactic = list.items[i];
        const char *why = "";
        if (!tactic->supports(&s.d, &rig.info, &why))
            continue;
        times[p->c.d.op][i]++;
        run_one(p, &s, tactic, -1, true);
        if (p->c.d.n_out > 1)
            run_one(p, &s, tactic, -1, false);
        for (int k = 0; k < s.d.n_in; k++)
            if ((tactic->in_place >> k & 1) && fl_tensor_bytes_at(&s.in[k], 1) == fl_tensor_bytes_at(&s.out[0], 1))
                run_one(p, &s, tactic, k, true);
    }
    for (int k = 0; k < OP_CASE_INPUTS; k++)
        free(s.data[k]);
}

static inline void problem_check(problem *p, fl_dtype storage)
{
    round_inputs(p, storage);
    problem_solve(p);
    problem_compare(p, storage);
    problem_end(p);
}

static inline void every_tactic_ran(fl_op_kind op)
{
    const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, op);

    assert_true(list.count > 0);
    for (size_t i = 0; i < list.count; i++)
        if (times[op][i] == 0)
            fail_msg("%s never ran", list.items[i]->name);
}

/* ---- shapes and values */

/* About 2000 elements at most; often rows around the width of a vector. */
static inline int random_shape(int64_t *dim, int least_rank, int most_rank)
{
    const int rank = (int)pick(least_rank, most_rank);
    int64_t room = 2000;

    for (int i = rank - 1; i >= 0; i--) {
        const int64_t most = room < 2 ? 1 : room < 9 ? room : 9;
        dim[i] = chance(15) ? 1 : chance(1) ? 0 : i == rank - 1 && chance(50) ? 8 * pick(1, 9) : pick(1, most);
        room /= dim[i] ? dim[i] : 1;
    }
    return rank;
}

/* A shape that broadcasts to y's. */
static inline int smaller_shape(int64_t *dim, int rank, const int64_t *y)
{
    const int kind = (int)pick(0, 5), skip = kind == 0 ? rank : kind == 1 ? (int)pick(0, rank) : 0;

    for (int i = skip; i < rank; i++)
        dim[i - skip] = kind >= 3 && chance(40) ? 1 : y[i];
    return rank - skip;
}

static inline void add_extremes(problem *p, int slot)
{
    static const float values[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 60000.0f, -60000.0f, 1e-6f, 6.0f, 1.0f};

    for (size_t i = 0; i < count(p, slot); i++)
        if (chance(10))
            floats(p, slot)[i] = values[pick(0, 9)];
}

static inline int32_t random_act(void)
{
    return chance(10) ? FL_UNARY_SILU : (int32_t)pick(FL_UNARY_NONE, FL_UNARY_SOFTSIGN);
}
static inline fl_dtype any_type(void) { return (fl_dtype)pick(FL_F32, FL_DTYPE_COUNT - 1); }

static inline int open_rig(void **unused)
{
    (void)unused;
    seed = getenv("FLOE_TEST_SEED") ? strtoull(getenv("FLOE_TEST_SEED"), NULL, 10) : 20251;
    cuda_rig_open(&rig);
    return 0;
}

static inline int close_rig(void **unused)
{
    (void)unused;
    cuda_rig_close(&rig);
    return 0;
}

#endif
