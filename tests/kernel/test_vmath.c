/* test_vmath.c - the error of the vector mathematics against double precision, function by function, over the whole range
 * of floats: every 4099th bit pattern, both signs, denormals, infinities and NaN among them. FLOE_TEST_STEP sets another
 * step; 1 takes every one of the 2^32, which are hours.
 *
 * The bounds below are promises: in units of the last place of the true value rounded to single. What was measured is
 * printed.
 */
#include "kernel_ulp.h"

#include "backend/cpu/kernel/elementwise.h"

typedef struct row {
    const char           *name;
    fl_cpu_isa            isa;
    const fl_elementwise *kernels;
} row;

static const row rows[] = {
#define FL_SIMD(ISA, suffix) {#suffix, FL_CPU_##ISA, &fl_f32_elementwise__##suffix},
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
};
#define ROWS (sizeof rows / sizeof rows[0])

/* 0: exact. The library's single precision functions (scalar row, and the rare ones of all rows) are good to 2. */
static const int bounds[FL_UNARY_COUNT] = {
    [FL_UNARY_LEAKY_RELU] = 0, [FL_UNARY_ELU] = 2, [FL_UNARY_SELU] = 3, [FL_UNARY_SIGMOID] = 2, [FL_UNARY_TANH] = 2,
    [FL_UNARY_SOFTPLUS] = 3, [FL_UNARY_SOFTSIGN] = 1, [FL_UNARY_RSQRT] = 1, [FL_UNARY_EXP] = 1, [FL_UNARY_LOG] = 1,
    [FL_UNARY_SIN] = 1, [FL_UNARY_COS] = 1, [FL_UNARY_TAN] = 1, [FL_UNARY_SINH] = 2, [FL_UNARY_COSH] = 2,
    [FL_UNARY_ASIN] = 1, [FL_UNARY_ACOS] = 1, [FL_UNARY_ATAN] = 1, [FL_UNARY_ASINH] = 2, [FL_UNARY_ACOSH] = 2,
    [FL_UNARY_ATANH] = 2, [FL_UNARY_SILU] = 4};
#define POW_BOUND 1

enum { BATCH = 4096 };

static uint32_t step(void)
{
    const char *text = getenv("FLOE_TEST_STEP");
    const unsigned long given = text ? strtoul(text, NULL, 10) : 0;

    return given ? (uint32_t)given : 4099; /* a prime: all fractions come along */
}

static void fill_bits(float *x, uint64_t first, uint32_t by)
{
    for (size_t i = 0; i < BATCH; i++) {
        const uint64_t wide = first + i * by;
        const uint32_t bits = (uint32_t)(wide < UINT32_MAX ? wide : UINT32_MAX);
        memcpy(&x[i], &bits, sizeof bits);
    }
}

static void check_unary(const row *r, int func)
{
    static float x[BATCH], y[BATCH];
    const uint32_t by = step();
    int64_t worst = 0;
    float at = 0;

    for (uint64_t first = 0; first <= UINT32_MAX; first += (uint64_t)BATCH * by) {
        fill_bits(x, first, by);
        r->kernels->unary[func](x, y, BATCH, 0.25f);
        for (size_t i = 0; i < BATCH; i++) {
            const int64_t error = ulp_distance(y[i], fl_unary_f32(func, 0.25f, x[i]));
            if (error > worst) {
                worst = error;
                at = x[i];
            }
        }
    }
    print_message("  %-7s %-12s %lld ulp at %.9g\n", r->name, fl_unary_name(func), (long long)worst, (double)at);
    if (worst > bounds[func]) {
        print_error("%s %s(%.9g) is off by %lld ulp, %d are promised\n", r->name, fl_unary_name(func), (double)at,
                    (long long)worst, bounds[func]);
        fail();
    }
}

static void every_function_keeps_its_bound(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ROWS; i++)
        for (int func = 0; runs_here(rows[i].isa) && func < FL_UNARY_COUNT; func++)
            check_unary(&rows[i], func);
}

/* ---- pow */

static void check_pow(const row *r, const float *x, const float *y, size_t n, int64_t *worst)
{
    static float p[BATCH];

    r->kernels->binary[FL_BINARY_POW](x, 1, y, 1, p, n, NULL);
    for (size_t i = 0; i < n; i++) {
        const int64_t error = ulp_distance(p[i], (float)pow((double)x[i], (double)y[i]));
        *worst = error > *worst ? error : *worst;
        if (error > POW_BOUND) {
            print_error("%s pow(%.9g, %.9g) is %.9g, off by %lld ulp\n", r->name, (double)x[i], (double)y[i],
                        (double)p[i], (long long)error);
            fail();
        }
    }
}

static void powers_of_special_values_are_those_of_c99(void **unused)
{
    static const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -0.5f, 2.0f, -2.0f, 3.0f, -3.0f, 1.5f, -1.5f,
                                   INFINITY, -INFINITY, NAN, 1e-40f, -1e-40f, 3e38f, -3e38f, 16777216.0f, 16777215.0f,
                                   -16777215.0f, 1.0000001f, 0.99999994f, 127.0f, 128.0f, -149.0f, -150.0f, 0.1f};
    enum { COUNT = sizeof values / sizeof values[0] };
    float x[COUNT * COUNT], y[COUNT * COUNT];
    int64_t worst = 0;

    (void)unused;
    for (size_t i = 0; i < COUNT * COUNT; i++) {
        x[i] = values[i / COUNT];
        y[i] = values[i % COUNT];
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (!runs_here(rows[i].isa))
            continue;
        check_pow(&rows[i], x, y, COUNT * COUNT, &worst);
        for (size_t k = 0; k < COUNT * COUNT; k++) { /* signs of zeros and infinities, too */
            float p;
            rows[i].kernels->binary[FL_BINARY_POW](&x[k], 1, &y[k], 1, &p, 1, NULL);
            const float want = (float)pow((double)x[k], (double)y[k]);
            assert_true(isnan(want) || signbit(p) == signbit(want));
        }
    }
}

static void random_powers_keep_the_bound(void **unused)
{
    static float x[BATCH], y[BATCH];
    int64_t worst = 0;

    (void)unused;
    for (size_t i = 0; i < ROWS; i++) {
        for (int round = 0; runs_here(rows[i].isa) && round < 200; round++) {
            for (size_t k = 0; k < BATCH; k++) {
                const uint32_t bits = next_random() % 0x7f800001u; /* any float from 0 to infinity */
                memcpy(&x[k], &bits, sizeof bits);
                y[k] = random_value() * (float)(1 << pick(0, 8));
                if (round % 2) { /* results all over the range: y near 1 / log x */
                    x[k] = 1 + random_value() * 0.9f;
                    y[k] = random_value() * 200;
                }
                if (!pick(0, 3)) {
                    x[k] = -x[k];
                    y[k] = roundf(y[k]);
                }
            }
            check_pow(&rows[i], x, y, BATCH, &worst);
        }
    }
    print_message("  pow %lld ulp\n", (long long)worst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_keeps_its_bound),
        cmocka_unit_test(powers_of_special_values_are_those_of_c99),
        cmocka_unit_test(random_powers_keep_the_bound),
    };
    return cmocka_run_group_tests(tests, kernel_setup, NULL);
}
