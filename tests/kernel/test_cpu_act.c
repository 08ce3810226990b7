/* test_cpu_act.c - activation kernels of act.def against the operators' own functions, which compute in double and
 * round once: at most 2 units in the last place apart, over all lengths, the whole range of floats and the special
 * values.
 */
#include "kernel_case.h"

#include "backend/cpu/kernel/act.h"

typedef struct row {
    const char *name;
    fl_cpu_isa  isa;
    fl_act_fn   fn;
} row;

static const row rows[] = {
#define FL_ACT(dtype, ISA, suffix) {#suffix, FL_CPU_##ISA, fl_##dtype##_act__##suffix},
#include "backend/cpu/kernel/act.def"
#undef FL_ACT
};
#define ROWS (sizeof rows / sizeof rows[0])

#define MOST_ULP 2

/* Distance in units of the last place; equal values are 0 apart, also 0 and -0. */
static int64_t ulps(float a, float b)
{
    int32_t i, j;

    if (same_value(a, b))
        return 0;
    if (isnan(a) || isnan(b))
        return INT64_MAX;
    memcpy(&i, &a, sizeof i);
    memcpy(&j, &b, sizeof j);
    const int64_t x = i < 0 ? -(int64_t)(i & 0x7fffffff) : i, y = j < 0 ? -(int64_t)(j & 0x7fffffff) : j;
    return x > y ? x - y : y - x;
}

static void check_row(const row *r, int act, const float *x, size_t n)
{
    float *y = make_buffer(n);

    r->fn(act, 0.3f, n, x, y);
    for (size_t i = 0; i < n; i++) {
        const float want = fl_unary_f32(act, 0.3f, x[i]);
        if (ulps(y[i], want) > (act == FL_UNARY_SILU ? 4 : MOST_ULP)) { /* silu rounds more often */
            print_error("seed %llu, %s %s(%.9g) is %.9g, wanted %.9g\n", (unsigned long long)kernel_seed, r->name,
                        fl_unary_name(act), (double)x[i], (double)y[i], (double)want);
            fail();
        }
    }
    check_frame(y, n);
    free_buffer(y);
}

/* fn(row, act) for every kernel of this machine and every activation. */
static void for_all(void (*fn)(const row *, int))
{
    for (size_t i = 0; i < ROWS; i++)
        for (int act = FL_UNARY_NONE; runs_here(rows[i].isa) && act < FL_UNARY_COUNT; act++)
            if (fl_unary_is_activation(act))
                fn(&rows[i], act);
}

static void check_lengths(const row *r, int act)
{
    for (size_t n = 0; n < 70; n++) {
        float *x = make_buffer(n);
        for (size_t i = 0; i < n; i++)
            x[i] = extreme_value() * 8;
        check_row(r, act, x, n);
        free_buffer(x);
    }
}

static void all_lengths(void **unused)
{
    (void)unused;
    for_all(check_lengths);
}

/* Every exponent, both signs, some fractions: 2^-149 to 2^127. */
static void check_range(const row *r, int act)
{
    enum { EACH = 64, N = 256 * 2 * EACH };
    float *x = make_buffer(N);

    for (uint32_t i = 0; i < N; i++) {
        const uint32_t bits = (i % 512) << 23 | (next_random() & 0x7fffff);
        memcpy(&x[i], &bits, sizeof bits);
    }
    check_row(r, act, x, N);
    free_buffer(x);
}

static void the_whole_range_of_floats(void **unused)
{
    (void)unused;
    for_all(check_range);
}

/* Where the functions bend, overflow, underflow and change their formula. */
static void check_bends(const row *r, int act)
{
    enum { N = 20000 };
    float *x = make_buffer(N);

    for (size_t i = 0; i < N; i++)
        x[i] = -110.0f + 220.0f * (float)i / N;
    check_row(r, act, x, N);
    for (size_t i = 0; i < N; i++)
        x[i] = -1.0f + 2.0f * (float)i / N;
    check_row(r, act, x, N);
    free_buffer(x);
}

static void dense_between_minus_110_and_110(void **unused)
{
    (void)unused;
    for_all(check_bends);
}

static void check_in_place(const row *r, int act)
{
    float x[37], y[37];

    for (size_t i = 0; i < 37; i++)
        x[i] = random_value() * 4;
    r->fn(act, 0.3f, 37, x, y);
    r->fn(act, 0.3f, 37, x, x);
    assert_memory_equal(x, y, sizeof x);
}

static void source_and_target_may_be_the_same(void **unused)
{
    (void)unused;
    for_all(check_in_place);
}

static void the_best_kernel_of_a_level_runs_there(void **unused)
{
    (void)unused;
    assert_true(fl_act_kernel(FL_CPU_SCALAR) == fl_f32_act__scalar);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(fl_act_kernel(rows[i].isa) == rows[i].fn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_lengths),
        cmocka_unit_test(the_whole_range_of_floats),
        cmocka_unit_test(dense_between_minus_110_and_110),
        cmocka_unit_test(source_and_target_may_be_the_same),
        cmocka_unit_test(the_best_kernel_of_a_level_runs_there),
    };
    return cmocka_run_group_tests(tests, kernel_setup, NULL);
}
