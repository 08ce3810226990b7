/* cuda_case.h - one operator that has one output, with any number of random inputs of any type: every tactic of the
 * CUDA backend against the operator's reference.
 *
 *     cuda_case c;
 *     begin(&c, FL_OP_SOFTMAX);
 *     add_input(&c, FL_F16, 2, (const int64_t[]){3, 1001});
 *     c.d.p.axis.axis = 1;
 *     solve(&c);              infers, runs the reference (half precision as f32); false where parameters do not fit
 *     check(&c, 1e-5);        runs every tactic that supports it, twice, and in place where it may; then frees
 *
 * Half precision may be off by a rounding more than the tolerance; 0: the same values. FLOE_TEST_SEED repeats a run.
 */
#ifndef TESTS_CUDA_CASE_H
#define TESTS_CUDA_CASE_H

#include "cuda_step.h"

#include "base/half.h"

#include <math.h>

typedef struct cuda_case {
    fl_op_desc      d;
    fl_tensor_desc  in[CUDA_SLOTS], out[1];
    fl_tensor_desc *in_at[CUDA_SLOTS], *out_at[1];
    void           *data[CUDA_SLOTS];
    void           *want; /* half precision: as f32 */
} cuda_case;

static cuda_rig rig;
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
static inline bool  chance(int percent) { return pick(0, 99) < percent; }
static inline float random_value(void) { return (float)(int32_t)(next_random() << 1) / 2147483648.0f; }

static inline int open_rig(void **unused)
{
    const char *text = getenv("FLOE_TEST_SEED");

    (void)unused;
    seed = text ? strtoull(text, NULL, 10) : 20261124;
    state = seed;
    cuda_rig_open(&rig);
    return 0;
}
static inline int close_rig(void **unused)
{
    (void)unused;
    cuda_rig_close(&rig);
    return 0;
}

/* ---- values */

static inline size_t count_of(const fl_tensor_desc *t) { return (size_t)fl_tensor_elements_at(t, 1); }
static inline size_t bytes_of(const fl_tensor_desc *t) { return fl_tensor_bytes_at(t, 1); }
static inline bool   is_storage(fl_dtype t) { return t == FL_F32 || t == FL_F16 || t == FL_BF16; }

static inline void put_float(fl_dtype dtype, void *data, size_t i, float v)
{
    if (dtype == FL_F32)
        ((float *)data)[i] = v;
    else
        ((uint16_t *)data)[i] = dtype == FL_F16 ? fl_half_from_float(v) : fl_bfloat_from_float(v);
}
static inline float get_float(fl_dtype dtype, const void *data, size_t i)
{
    if (dtype == FL_F32)
        return ((const float *)data)[i];
    const uint16_t bits = ((const uint16_t *)data)[i];
    return dtype == FL_F16 ? fl_half_to_float(bits) : fl_bfloat_to_float(bits);
}
static inline double get_number(fl_dtype dtype, const void *data, size_t i)
{
    return dtype == FL_F64 ? ((const double *)data)[i] : (double)get_float(dtype, data, i);
}

static inline void fill(const fl_tensor_desc *t, void *data)
{
    const size_t bytes = bytes_of(t);

    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)data)[i] = t->dtype == FL_BOOL ? next_random() & 1 : (uint8_t)next_random();
    for (size_t i = 0; is_storage(t->dtype) && i < bytes / fl_dtype_bytes(t->dtype); i++)
        put_float(t->dtype, data, i, random_value());
    for (size_t i = 0; t->dtype == FL_F64 && i < bytes / 8; i++)
        ((double *)data)[i] = 1000 * (double)random_value();
}

/* ---- cases */

static inline void begin(cuda_case *c, fl_op_kind op)
{
    memset(c, 0, sizeof *c);
    c->d = (fl_op_desc){.op = op, .n_out = 1, .in = c->in_at, .out = c->out_at};
    c->out_at[0] = c->out;
}

static inline void add_input(cuda_case *c, fl_dtype dtype, int rank, const int64_t *dim)
{
    const int slot = c->d.n_in++;

    assert_true(slot < CUDA_SLOTS);
    c->in[slot] = fl_tensor_make(dtype, rank, dim);
    c->in_at[slot] = &c->in[slot];
    c->data[slot] = malloc(bytes_of(&c->in[slot]) + 1);
    assert_non_null(c->data[slot]);
    fill(&c->in[slot], c->data[slot]);
}

static inline void end(cuda_case *c)
{
    for (int i = 0; i < c->d.n_in; i++)
        free(c->data[i]);
    free(c->want);
}

/* The reference on f32 in place of half precision. */
static inline void solve_wide(cuda_case *c)
{
    fl_tensor_desc in = c->in[0], out = c->out[0], *in_at = &in, *out_at = &out;
    fl_op_desc d = c->d;
    const size_t n = count_of(&in);
    float *wide = malloc((n + 1) * sizeof *wide);
    floe_error err = {0};

    assert_true(wide && d.n_in == 1);
    in.dtype = out.dtype = FL_F32;
    d.in = &in_at;
    d.out = &out_at;
    for (size_t i = 0; i < n; i++)
        wide[i] = get_float(c->in[0].dtype, c->data[0], i);
    c->want = malloc((count_of(&out) + 1) * sizeof(float));
    const void *const from = wide;
    cuda_need(fl_op_def_of(d.op)->ref(&d, &from, &c->want, &err), &err);
    free(wide);
}

static inline bool solve(cuda_case *c)
{
    floe_error err = {0};

    if (fl_op_infer(&c->d, &err) != FLOE_OK) {
        end(c);
        return false;
    }
    if (!fl_op_ref_takes(&c->d)) {
        solve_wide(c);
        return true;
    }
    c->want = malloc(bytes_of(c->out) + 1);
    cuda_need(fl_op_def_of(c->d.op)->ref(&c->d, (const void *const *)c->data, &c->want, &err), &err);
    return true;
}

static inline void fail_case(const cuda_case *c, const fl_tactic *tactic, size_t at, double got, double want)
{
    fl_buf text = fl_buf_make(NULL);

    fl_op_desc_text(&text, &c->d, 1);
    print_error("seed %llu, %s: %.*s\n", (unsigned long long)seed, tactic->name, (int)text.size,
                (const char *)text.data);
    fl_buf_free(&text);
    fail_msg("element %zu: got %.9g, want %.9g", at, got, want);
}

/* Infinities and NaN where they are wanted, all else within the tolerance of the largest, and a rounding of half
 * precision, whose smallest steps are those below its normal numbers. */
static inline void compare(const cuda_case *c, const fl_tactic *tactic, const void *got, double tolerance)
{
    const fl_dtype dtype = c->out->dtype, want_dtype = fl_op_ref_takes(&c->d) ? dtype : FL_F32;
    const size_t n = count_of(c->out), bytes = fl_dtype_bytes(dtype);
    const double rounding = dtype == FL_F16 ? 0x1p-10 : dtype == FL_BF16 ? 0x1p-7 : 0;
    const double step = dtype == FL_F16 ? 0x1p-24 : 0;
    double largest = 0;

    if (!fl_dtype_is_float(dtype) || (tolerance == 0 && want_dtype == dtype)) {
        for (size_t i = 0; i < bytes_of(c->out) / bytes; i++)
            if (memcmp((const uint8_t *)got + i * bytes, (const uint8_t *)c->want + i * bytes, bytes) != 0)
                fail_case(c, tactic, i, ((const uint8_t *)got)[i * bytes], ((const uint8_t *)c->want)[i * bytes]);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const double want = get_number(want_dtype, c->want, i);
        largest = isfinite(want) && fabs(want) > largest ? fabs(want) : largest;
    }
    for (size_t i = 0; i < n; i++) {
        const double want = get_number(want_dtype, c->want, i), is = get_number(dtype, got, i);
        const double off = tolerance == 0 ? 0 : tolerance * largest + rounding * fabs(want) + step;
        if (isnan(want) ? !isnan(is) : isinf(want) ? is != want : !(fabs(is - want) <= off))
            fail_case(c, tactic, i, is, want);
    }
}

static inline void run_tactic(const cuda_case *c, const fl_tactic *tactic, double tolerance)
{
    const size_t bytes = bytes_of(c->out);
    void *first = malloc(bytes + 1), *again = malloc(bytes + 1);

    cuda_step_run(&rig, tactic, &c->d, (const void *const *)c->data, &first, -1);
    compare(c, tactic, first, tolerance);
    cuda_step_run(&rig, tactic, &c->d, (const void *const *)c->data, &again, -1);
    if (memcmp(first, again, bytes) != 0)
        fail_msg("%s: other bits the second time", tactic->name);
    if ((tactic->in_place & 1) && bytes == bytes_of(c->in)) {
        cuda_step_run(&rig, tactic, &c->d, (const void *const *)c->data, &again, 0);
        if (memcmp(first, again, bytes) != 0)
            fail_msg("%s: other bits in place", tactic->name);
    }
    free(first);
    free(again);
}

/* Bit i: tactic i of the list ran. */
static inline unsigned check(cuda_case *c, double tolerance)
{
    const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, c->d.op);
    unsigned ran = 0;

    for (size_t i = 0; i < list.count; i++) {
        const char *why_not = NULL;
        if (list.items[i]->supports(&c->d, &rig.info, &why_not)) {
            run_tactic(c, list.items[i], tolerance);
            ran |= 1u << i;
        } else if (!why_not) {
            fail_msg("%s: refuses without a reason", list.items[i]->name);
        }
    }
    if (ran == 0)
        fail_msg("%s: no tactic ran", fl_op_def_of(c->d.op)->name);
    end(c);
    return ran;
}

#endif
