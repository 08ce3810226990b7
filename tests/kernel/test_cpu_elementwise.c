/* test_cpu_elementwise.c - the kernels of elementwise.h against the scalar ones and against plain arithmetic: all lengths,
 * broadcast sides, clamps, special values, buffers that are aligned to a float only, frames around them. That a value does
 * not depend on its place in the row is what lets the tactics cut rows anywhere; it is tested for every function.
 */
#include "kernel_ulp.h"

#include "backend/cpu/kernel/elementwise.h"

#define SCALAR (&fl_f32_elementwise__scalar)
#define ALPHA  0.25f
#define LONG   100 /* elements: several vectors and a part */

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

static void for_all(void (*fn)(const row *))
{
    for (size_t i = 0; i < ROWS; i++)
        if (runs_here(rows[i].isa))
            fn(&rows[i]);
}

static void require(bool good, const row *r, const char *what, size_t n, size_t i, float got, float want)
{
    if (!good) {
        print_error("seed %llu, %s %s, length %zu, element %zu: got %.9g, want %.9g\n", (unsigned long long)kernel_seed,
                    r->name, what, n, i, (double)got, (double)want);
        fail();
    }
}

static float *random_buffer(size_t n, float (*value)(void))
{
    float *p = make_buffer(n);

    for (size_t i = 0; i < n; i++)
        p[i] = value();
    return p;
}

/* ---- every table is complete */

static void check_complete(const row *r)
{
    for (int f = 0; f < FL_UNARY_COUNT; f++)
        assert_non_null(r->kernels->unary[f]);
    for (int f = 0; f < FL_BINARY_COUNT; f++) {
        assert_true((r->kernels->binary[f] != NULL) == !fl_binary_is_comparison(f));
        assert_true((r->kernels->compare[f] != NULL) == fl_binary_is_comparison(f));
    }
    assert_non_null(r->kernels->normalize);
}

static void every_table_has_every_function(void **unused)
{
    (void)unused;
    for_all(check_complete);
}

/* ---- one argument */

static void check_unary(const row *r)
{
    for (int f = 0; f < FL_UNARY_COUNT; f++) {
        for (size_t n = 0; n < 70; n++) {
            float *x = random_buffer(n, extreme_value), *y = make_buffer(n), *want = make_buffer(n);
            r->kernels->unary[f](x, y, n, ALPHA);
            SCALAR->unary[f](x, want, n, ALPHA);
            for (size_t i = 0; i < n; i++)
                require(ulp_distance(y[i], want[i]) <= 4, r, fl_unary_name(f), n, i, y[i], want[i]);
            check_frame(y, n);
            r->kernels->unary[f](x, x, n, ALPHA); /* in place */
            assert_memory_equal(x, y, n * sizeof *x);
            free_buffer(x);
            free_buffer(y);
            free_buffer(want);
        }
    }
}

static void unary_kernels_equal_scalar_at_all_lengths_and_in_place(void **unused)
{
    (void)unused;
    for_all(check_unary);
}

static void check_unary_places(const row *r)
{
    float x[LONG], whole[LONG], part[LONG];

    for (size_t i = 0; i < LONG; i++)
        x[i] = random_value() * 8;
    for (int f = 0; f < FL_UNARY_COUNT; f++) {
        r->kernels->unary[f](x, whole, LONG, ALPHA);
        for (size_t cut = 1; cut < LONG; cut++) {
            r->kernels->unary[f](x, part, cut, ALPHA);
            r->kernels->unary[f](x + cut, part + cut, LONG - cut, ALPHA);
            assert_memory_equal(whole, part, sizeof part);
        }
    }
}

static void a_unary_row_may_be_cut_anywhere(void **unused)
{
    (void)unused;
    for_all(check_unary_places);
}

/* ---- two arguments */

static const fl_clamp clamps[] = {{0, INFINITY}, {0, 6}, {-0.5f, 0.5f}};

/* Scalar kernels keep two roundings where vector ones may fuse; only pow and normalize differ at all. */
static int64_t binary_bound(int f) { return f == FL_BINARY_POW ? 4 : 0; }

static void check_binary_case(const row *r, int f, size_t n, size_t a_step, size_t b_step, const fl_clamp *clamp)
{
    float *a = random_buffer(a_step ? n : 1, extreme_value), *b = random_buffer(b_step ? n : 1, extreme_value);
    float *y = make_buffer(n), *want = make_buffer(n);

    r->kernels->binary[f](a, a_step, b, b_step, y, n, clamp);
    SCALAR->binary[f](a, a_step, b, b_step, want, n, clamp);
    for (size_t i = 0; i < n; i++)
        require(ulp_distance(y[i], want[i]) <= binary_bound(f), r, fl_binary_name(f), n, i, y[i], want[i]);
    check_frame(y, n);
    if (a_step) {
        r->kernels->binary[f](a, 1, b, b_step, a, n, clamp);
        assert_memory_equal(a, y, n * sizeof *a);
    } else if (b_step) {
        r->kernels->binary[f](a, 0, b, 1, b, n, clamp);
        assert_memory_equal(b, y, n * sizeof *b);
    }
    free_buffer(a);
    free_buffer(b);
    free_buffer(y);
    free_buffer(want);
}

static void check_binary(const row *r)
{
    for (int f = 0; f < FL_BINARY_COUNT; f++)
        for (size_t n = 0; r->kernels->binary[f] && n < 70; n++)
            for (size_t steps = 0; steps < 4; steps++) {
                check_binary_case(r, f, n, steps & 1, steps >> 1, NULL);
                check_binary_case(r, f, n, steps & 1, steps >> 1, &clamps[pick(0, 2)]);
            }
}

static void binary_kernels_equal_scalar_with_any_side_still(void **unused)
{
    (void)unused;
    for_all(check_binary);
}

static void check_binary_places(const row *r)
{
    float a[LONG], b[LONG], whole[LONG], part[LONG];

    for (size_t i = 0; i < LONG; i++) {
        a[i] = random_value() * 8;
        b[i] = random_value() * 8;
    }
    for (int f = 0; f < FL_BINARY_COUNT; f++) {
        if (!r->kernels->binary[f])
            continue;
        r->kernels->binary[f](a, 1, b, 1, whole, LONG, NULL);
        for (size_t cut = 1; cut < LONG; cut += 7) {
            r->kernels->binary[f](a, 1, b, 1, part, cut, NULL);
            r->kernels->binary[f](a + cut, 1, b + cut, 1, part + cut, LONG - cut, NULL);
            assert_memory_equal(whole, part, sizeof part);
        }
    }
}

static void a_binary_row_may_be_cut_anywhere(void **unused)
{
    (void)unused;
    for_all(check_binary_places);
}

static void check_min_max_nan(const row *r)
{
    const float a[4] = {NAN, 1, NAN, 2}, b[4] = {1, NAN, NAN, 1};
    float y[4];

    for (int f = FL_BINARY_MIN; f <= FL_BINARY_MAX; f++) {
        r->kernels->binary[f](a, 1, b, 1, y, 4, NULL);
        assert_true(isnan(y[0]) && isnan(y[1]) && isnan(y[2]));
        assert_true(y[3] == (f == FL_BINARY_MIN ? 1 : 2));
    }
}

static void minimum_and_maximum_keep_nan_from_either_side(void **unused)
{
    (void)unused;
    for_all(check_min_max_nan);
}

/* ---- comparisons */

static float few_values(void)
{
    static const float values[] = {0.0f, -0.0f, 1.0f, 2.0f, NAN, INFINITY, -INFINITY};

    return values[pick(0, 6)];
}

static void check_compare(const row *r)
{
    for (int f = FL_BINARY_EQUAL; f < FL_BINARY_COUNT; f++) {
        for (size_t n = 0; n < 70; n++) {
            const size_t a_step = pick(0, 1), b_step = a_step ? pick(0, 1) : 1;
            float *a = random_buffer(n ? n : 1, few_values), *b = random_buffer(n ? n : 1, few_values);
            uint8_t y[128], want[128];
            memset(y, 0xee, sizeof y);
            memset(want, 0xee, sizeof want);
            r->kernels->compare[f](a, a_step, b, b_step, y + 5, n);
            SCALAR->compare[f](a, a_step, b, b_step, want + 5, n);
            assert_memory_equal(y, want, sizeof y); /* what lies around it included */
            free_buffer(a);
            free_buffer(b);
        }
    }
}

static void comparisons_give_bytes_0_and_1(void **unused)
{
    (void)unused;
    for_all(check_compare);
}

/* ---- normalize */

static void check_normalize(const row *r)
{
    for (size_t n = 0; n < 70; n++) {
        for (size_t step = 0; step < 2; step++) {
            const size_t m = step ? n : 1;
            const fl_clamp *clamp = pick(0, 1) ? &clamps[pick(0, 1)] : NULL;
            float *x = random_buffer(n, random_value), *mean = random_buffer(m, random_value);
            float *scale = random_buffer(m, random_value), *offset = random_buffer(m, random_value);
            float *y = make_buffer(n);
            r->kernels->normalize(x, mean, scale, offset, step, y, n, clamp);
            for (size_t i = 0; i < n; i++) {
                double want = ((double)x[i] - (double)mean[i * step]) * (double)scale[i * step] + (double)offset[i * step];
                if (clamp)
                    want = fmin(fmax(want, (double)clamp->low), (double)clamp->high);
                /* three roundings of numbers below 2, 2 and 3 */
                require(fabs((double)y[i] - want) <= 4e-7, r, "normalize", n, i, y[i], (float)want);
            }
            check_frame(y, n);
            r->kernels->normalize(x, mean, scale, offset, step, x, n, clamp);
            assert_memory_equal(x, y, n * sizeof *x);
            free_buffer(x);
            free_buffer(mean);
            free_buffer(scale);
            free_buffer(offset);
            free_buffer(y);
        }
    }
}

static void normalize_subtracts_scales_and_adds(void **unused)
{
    (void)unused;
    for_all(check_normalize);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_has_every_function),
        cmocka_unit_test(unary_kernels_equal_scalar_at_all_lengths_and_in_place),
        cmocka_unit_test(a_unary_row_may_be_cut_anywhere),
        cmocka_unit_test(binary_kernels_equal_scalar_with_any_side_still),
        cmocka_unit_test(a_binary_row_may_be_cut_anywhere),
        cmocka_unit_test(minimum_and_maximum_keep_nan_from_either_side),
        cmocka_unit_test(comparisons_give_bytes_0_and_1),
        cmocka_unit_test(normalize_subtracts_scales_and_adds),
    };
    return cmocka_run_group_tests(tests, kernel_setup, NULL);
}
