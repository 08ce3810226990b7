/* test_cpu_reduce.c - the kernels of reduce.h and softmax.h against the scalar ones, which fold in double: all short
 * lengths, some long ones, NaN and infinities, rows with a step, frames around results.
 *
 * A sum of n numbers of magnitude 1 in partial sums of at most 128 is off by a few hundred roundings of numbers below
 * sqrt(n); relative to the sum of magnitudes 1e-6 is ample. Extremes are exact.
 */
#include "kernel_ulp.h"

#include "backend/cpu/kernel/reduce.h"
#include "backend/cpu/kernel/softmax.h"

typedef struct row {
    const char               *name;
    fl_cpu_isa                isa;
    const fl_reduce_kernels  *reduce;
    const fl_softmax_kernels *softmax;
} row;

static const row rows[] = {
#define FL_SIMD(ISA, suffix) {#suffix, FL_CPU_##ISA, &fl_f32_reduce__##suffix, &fl_f32_softmax__##suffix},
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
};
#define ROWS (sizeof rows / sizeof rows[0])

static const int funcs[] = {FL_REDUCE_SUM, FL_REDUCE_MAX, FL_REDUCE_MIN};

static void for_all(void (*fn)(const row *))
{
    for (size_t i = 0; i < ROWS; i++)
        if (runs_here(rows[i].isa))
            fn(&rows[i]);
}

static void require(bool good, const row *r, const char *what, size_t m, size_t n, double got, double want)
{
    if (!good) {
        print_error("seed %llu, %s %s, %zu x %zu: got %.12g, want %.12g\n", (unsigned long long)kernel_seed, r->name, what,
                    m, n, got, want);
        fail();
    }
}

static size_t some_length(size_t i)
{
    return i < 200 ? i : pick(200, 20000);
}

/* ---- reduce */

static void check_rows(const row *r)
{
    for (size_t k = 0; k < 230; k++) {
        const size_t n = some_length(k);
        float *x = make_buffer(n);
        for (size_t f = 0; f < 3; f++) {
            for (size_t i = 0; i < n; i++)
                x[i] = funcs[f] == FL_REDUCE_SUM || pick(0, 200) ? random_value() : extreme_value();
            const double got = r->reduce->row[funcs[f]](x, n), want = fl_f32_reduce__scalar.row[funcs[f]](x, n);
            const bool same = got == want || (isnan(got) && isnan(want));
            require(funcs[f] == FL_REDUCE_SUM ? fabs(got - want) <= 1e-6 * (double)n : same, r, fl_reduce_name(funcs[f]), 1,
                    n, got, want);
        }
        free_buffer(x);
    }
}

static void rows_fold_as_scalar_does(void **unused)
{
    (void)unused;
    for_all(check_rows);
}

static void check_columns_case(const row *r, int func, size_t m, size_t n, size_t step)
{
    const size_t size = m ? (m - 1) * step + n : 0;
    float *x = make_buffer(size), *acc = make_buffer(n), *want = make_buffer(n);

    for (size_t i = 0; i < size; i++)
        x[i] = func == FL_REDUCE_SUM || pick(0, 200) ? random_value() : extreme_value();
    for (size_t i = 0; i < n; i++)
        acc[i] = want[i] = func == FL_REDUCE_SUM || pick(0, 9) ? random_value() : NAN;
    r->reduce->columns[func](x, m, step, acc, n);
    fl_f32_reduce__scalar.columns[func](x, m, step, want, n);
    for (size_t i = 0; i < n; i++)
        require(func == FL_REDUCE_SUM ? fabsf(acc[i] - want[i]) <= 1e-6f * (float)(m + 1) : same_value(acc[i], want[i]), r,
                fl_reduce_name(func), m, n, (double)acc[i], (double)want[i]);
    check_frame(acc, n);
    free_buffer(x);
    free_buffer(acc);
    free_buffer(want);
}

static void check_columns(const row *r)
{
    for (size_t f = 0; f < 3; f++) {
        for (size_t n = 0; n < 150; n++)
            check_columns_case(r, funcs[f], pick(0, 9), n, n + pick(0, 5));
        for (int round = 0; round < 20; round++) /* past a block of rows, and rows far apart */
            check_columns_case(r, funcs[f], pick(100, 600), pick(1, 100), pick(100, 130));
        for (int round = 0; round < 10; round++)
            check_columns_case(r, funcs[f], pick(10, 60), pick(60, 400), pick(1000, 1100));
    }
}

static void columns_fold_as_scalar_does(void **unused)
{
    (void)unused;
    for_all(check_columns);
}

static void check_accuracy(const row *r)
{
    enum { N = 1 << 20 };
    float *x = make_buffer(N), acc = 0;

    for (size_t i = 0; i < N; i++)
        x[i] = 0.1f;
    const double want = (double)0.1f * N; /* a plain float sum would be off by 0.1 % */
    const double got = r->reduce->row[FL_REDUCE_SUM](x, N);
    require(fabs(got - want) <= 1e-6 * want, r, "a long row", 1, N, got, want);
    r->reduce->columns[FL_REDUCE_SUM](x, N, 1, &acc, 1);
    require(fabs((double)acc - want) <= 1e-6 * want, r, "a long column", N, 1, (double)acc, want);
    free_buffer(x);
}

static void check_infinite_sums(const row *r)
{
    enum { M = 700 };
    float x[M], acc;

    for (int kind = 0; kind < 3; kind++) {
        const float want = kind == 0 ? INFINITY : kind == 1 ? -INFINITY : NAN;
        for (size_t i = 0; i < M; i++)
            x[i] = 1;
        x[pick(0, M / 2 - 1)] = kind == 1 ? -INFINITY : INFINITY;
        if (kind == 2)
            x[pick(M / 2, M - 1)] = -INFINITY;
        acc = 0;
        r->reduce->columns[FL_REDUCE_SUM](x, M, 1, &acc, 1);
        assert_true(same_value(acc, want));
        assert_true(same_value((float)r->reduce->row[FL_REDUCE_SUM](x, M), want));
    }
}

static void infinite_sums_are_infinite(void **unused)
{
    (void)unused;
    for_all(check_infinite_sums);
}

static void long_sums_keep_their_digits(void **unused)
{
    (void)unused;
    for_all(check_accuracy);
}

/* ---- softmax: against double, since that is what it is */

static void softmax_in_double(const float *x, double *y, size_t n, size_t step)
{
    double highest = -(double)INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++)
        highest = fmax(highest, (double)x[i * step]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i * step] - highest);
    for (size_t i = 0; i < n; i++)
        y[i] = exp((double)x[i * step] - highest) / sum;
}

/* The exponential is good to 1 ulp, x - max is rounded to half an ulp of up to 40 (which the exponential turns into as
 * much relative error), the scaling adds two roundings and the sum of short sums of 128 half the square root of that. What
 * would be denormal or nearly may be 0. */
#define SOFTMAX_BOUND(range) ((3 + 6) * 6e-8 + 6e-8 * (range))

static void check_softmax_values(const row *r, const float *x, const float *y, size_t n, size_t step, double range)
{
    double *want = malloc((n ? n : 1) * sizeof *want);

    assert_non_null(want);
    softmax_in_double(x, want, n, step);
    for (size_t i = 0; i < n; i++)
        require(fabs((double)y[i * step] - want[i]) <= SOFTMAX_BOUND(range) * want[i] + 1.7e-38, r, "softmax", n, step,
                (double)y[i * step], want[i]);
    free(want);
}

static void check_softmax(const row *r)
{
    for (size_t k = 1; k < 230; k++) {
        const size_t n = some_length(k), count = n < 200 ? pick(1, 20) : 1;
        const float range = (float)(1 << pick(0, 6));
        float *x = make_buffer(count * n), *y = make_buffer(count * n);
        for (size_t i = 0; i < count * n; i++)
            x[i] = random_value() * range;
        r->softmax->rows(x, y, count, n);
        for (size_t i = 0; i < count; i++)
            check_softmax_values(r, x + i * n, y + i * n, n, 1, 2 * (double)range);
        check_frame(y, count * n);
        for (size_t cut = 1; cut < count; cut++) { /* a row is the same in any company, and in place */
            float *z = make_buffer(count * n);
            memcpy(z, x, count * n * sizeof *z);
            r->softmax->rows(z, z, cut, n);
            r->softmax->rows(z + cut * n, z + cut * n, count - cut, n);
            assert_memory_equal(z, y, count * n * sizeof *z);
            free_buffer(z);
        }
        free_buffer(x);
        free_buffer(y);
    }
}

static void softmax_of_rows_is_that_of_double_in_place_too(void **unused)
{
    (void)unused;
    for_all(check_softmax);
}

static void check_softmax_columns(const row *r)
{
    for (size_t width = 1; width < 70; width++) {
        const size_t n = pick(1, 40), step = width + pick(0, 20), size = (n - 1) * step + width;
        float *x = make_buffer(size), *y = make_buffer(size);
        for (size_t i = 0; i < size; i++)
            x[i] = random_value() * 10;
        r->softmax->columns(x, y, n, step, width);
        for (size_t j = 0; j < width; j++)
            check_softmax_values(r, x + j, y + j, n, step, 20);
        for (size_t i = 0; i < size; i++)
            assert_true(i % step < width || y[i] == PATTERN);
        check_frame(y, size);
        free_buffer(x);
        free_buffer(y);
    }
    enum { LONG = 100000 }; /* a plain float sum would be off by 1e-4 */
    float *x = make_buffer(LONG), *y = make_buffer(LONG);
    for (size_t i = 0; i < LONG; i++)
        x[i] = random_value();
    r->softmax->columns(x, y, LONG, 1, 1);
    check_softmax_values(r, x, y, LONG, 1, 2);
    free_buffer(x);
    free_buffer(y);
}

static void softmax_of_columns_is_that_of_double(void **unused)
{
    (void)unused;
    for_all(check_softmax_columns);
}

static void check_softmax_nan(const row *r)
{
    for (size_t n = 1; n < 40; n++) {
        float x[40], y[40];
        for (int kind = 0; kind < 3; kind++) {
            for (size_t i = 0; i < n; i++)
                x[i] = kind == 2 ? -INFINITY : random_value();
            if (kind < 2)
                x[pick(0, n - 1)] = kind == 0 ? NAN : INFINITY;
            r->softmax->rows(x, y, 1, n);
            for (size_t i = 0; i < n; i++)
                assert_true(isnan(y[i]));
            r->softmax->columns(x, y, n, 1, 1);
            for (size_t i = 0; i < n; i++)
                assert_true(isnan(y[i]));
        }
    }
}

static void a_slice_with_nan_or_an_infinite_maximum_becomes_nan(void **unused)
{
    (void)unused;
    for_all(check_softmax_nan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_fold_as_scalar_does),
        cmocka_unit_test(columns_fold_as_scalar_does),
        cmocka_unit_test(long_sums_keep_their_digits),
        cmocka_unit_test(infinite_sums_are_infinite),
        cmocka_unit_test(softmax_of_rows_is_that_of_double_in_place_too),
        cmocka_unit_test(softmax_of_columns_is_that_of_double),
        cmocka_unit_test(a_slice_with_nan_or_an_infinite_maximum_becomes_nan),
    };
    return cmocka_run_group_tests(tests, kernel_setup, NULL);
}
