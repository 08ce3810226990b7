/* test_cuda_reduce.c - the CUDA tactics of reduce, softmax and pool2d against the references: every type and function,
 * every kind of cut (columns, rows, chunks, parts of a warp, blocks), borders of vectors, NaN and infinities, nothing
 * at all.
 *
 * Tolerances: sums are trees in float, off by a few roundings of the largest result; 1e-6 of it, or of the summands
 * where they cancel. Maxima and minima are exact.
 */
#include "cuda_case.h"

#include <float.h>

static const fl_dtype storage[] = {FL_F32, FL_F16, FL_BF16};
static const fl_dtype reducible[] = {FL_F32, FL_F16, FL_BF16, FL_F64, FL_I8, FL_U8,
                                     FL_I16, FL_U16, FL_I32, FL_U32, FL_I64};
#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { TREE = 1, WIDE = 2 }; /* tactics of reduce by their places, bits of check() */
enum { GLOBAL = 1, VECTORS = 2, ELEMENTS = 4 };

/* ---- reduce */

static bool is_exact(fl_dtype dtype, int func)
{
    return !fl_dtype_is_float(dtype) || func == FL_REDUCE_MAX || func == FL_REDUCE_MIN;
}

/* Elements near 1 in magnitude, so that products of many stay in range. */
static void make_factors(cuda_case *c)
{
    for (size_t i = 0; i < count_of(c->in); i++)
        put_float(c->in[0].dtype, c->data[0], i, (chance(50) ? 1.0f : -1.0f) * (1 + random_value() / 32));
}

static unsigned reduce(fl_dtype dtype, int func, int rank, const int64_t *dim, int32_t axes)
{
    cuda_case c;

    begin(&c, FL_OP_REDUCE);
    add_input(&c, dtype, rank, dim);
    if (func == FL_REDUCE_PROD && is_storage(dtype))
        make_factors(&c);
    c.d.p.reduce = (fl_reduce_params){.func = func, .axes = axes, .keep_dims = chance(50)};
    assert_true(solve(&c));
    const double summands = (double)count_of(c.in) / (double)(count_of(c.out) ? count_of(c.out) : 1);
    const double sum = 1e-6 * (1 + sqrt(summands) / 8), product = 1e-6;
    return check(&c, is_exact(dtype, func) ? 0 : dtype == FL_F64 ? 1e-12 : func == FL_REDUCE_PROD ? product : sum);
}

static void reduce_folds_any_set_of_axes_of_any_type(void **unused)
{
    (void)unused;
    for (size_t t = 0; t < COUNT(reducible); t++) {
        for (int round = 0; round < 40; round++) {
            const int rank = (int)pick(0, 5), func = round % FL_REDUCE_COUNT;
            int64_t dim[FL_MAX_RANK];
            for (int i = 0; i < rank; i++)
                dim[i] = chance(25) ? 8 * pick(1, 3) : pick(1, 7);
            const unsigned ran = reduce(reducible[t], func, rank, dim, (int32_t)pick(0, (1 << rank) - 1));
            assert_int_equal(ran, is_storage(reducible[t]) && func != FL_REDUCE_PROD ? TREE | WIDE : WIDE);
        }
    }
    reduce(FL_BOOL, FL_REDUCE_MAX, 2, (const int64_t[]){5, 70}, 2);
    reduce(FL_BOOL, FL_REDUCE_MIN, 2, (const int64_t[]){70, 5}, 1);
}

static void reduce_walks_axes_that_alternate(void **unused)
{
    const int64_t dim[] = {2, 3, 2, 3, 2, 3, 2, 8};

    (void)unused;
    for (size_t t = 0; t < COUNT(storage); t++) {
        reduce(storage[t], FL_REDUCE_SUM, 8, dim, 0x55);
        reduce(storage[t], FL_REDUCE_MEAN, 8, dim, 0xaa);
        reduce(storage[t], FL_REDUCE_MAX, 8, dim, 0x2d);
    }
    reduce(FL_I32, FL_REDUCE_SUM, 8, dim, 0x55);
}

/* What networks have, and what is cut into chunks: few outputs of many places. */
static void reduce_cuts_large_folds_into_chunks(void **unused)
{
    static const struct {
        int     rank;
        int64_t dim[4];
        int32_t axes;
    } shapes[] = {
        {4, {1, 7, 7, 2048}, 6},   {4, {3, 7, 7, 1280}, 6}, {4, {2, 5, 5, 70}, 6},    {4, {1, 60, 60, 64}, 6},
        {4, {1, 50, 100, 3}, 6},   {4, {1, 2048, 7, 7}, 12}, {4, {2, 30, 100, 101}, 12}, {1, {100000}, 1},
        {2, {3, 20011}, 2},        {2, {20011, 5}, 1},      {2, {4000, 48}, 1},       {2, {2, 40000}, 3},
        {3, {40, 3, 2500}, 5},     {2, {1000, 40}, 2},      {2, {600, 300}, 2},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (size_t t = 0; t < COUNT(storage); t++)
            for (int func = 0; func < FL_REDUCE_COUNT; func++)
                if (t == 0 ? func != FL_REDUCE_PROD : func == (t == 1 ? FL_REDUCE_MEAN : FL_REDUCE_MIN))
                    reduce(storage[t], func, shapes[i].rank, shapes[i].dim, shapes[i].axes);
    reduce(FL_I32, FL_REDUCE_SUM, 1, (const int64_t[]){30000}, 1);
    reduce(FL_I64, FL_REDUCE_MEAN, 2, (const int64_t[]){3, 3000}, 2);
    reduce(FL_F32, FL_REDUCE_PROD, 2, (const int64_t[]){3, 3000}, 2);
}

static void reduce_over_nothing_gives_what_the_reference_gives(void **unused)
{
    (void)unused;
    for (size_t t = 0; t < COUNT(reducible); t++)
        for (int func = 0; func < FL_REDUCE_COUNT; func++) {
            reduce(reducible[t], func, 4, (const int64_t[]){2, 0, 3, 0}, 10);
            reduce(reducible[t], func, 2, (const int64_t[]){0, 3}, 2); /* no outputs */
        }
}

static void reduce_keeps_nan_and_infinities(void **unused)
{
    static const int32_t axes[] = {1, 2};

    (void)unused;
    for (size_t t = 0; t < COUNT(storage); t++)
        for (int func = 0; func < FL_REDUCE_COUNT; func++)
            for (size_t i = 0; i < COUNT(axes); i++) {
                cuda_case c;
                begin(&c, FL_OP_REDUCE);
                add_input(&c, storage[t], 2, (const int64_t[]){64, 64});
                make_factors(&c);
                for (int k = 0; k < 40; k++)
                    put_float(storage[t], c.data[0], (size_t)pick(0, 64 * 64 - 1),
                              k % 3 == 0 ? NAN : k % 3 == 1 ? INFINITY : -INFINITY);
                c.d.p.reduce = (fl_reduce_params){.func = func, .axes = axes[i]};
                assert_true(solve(&c));
                check(&c, 1e-5);
            }
}

/* ---- softmax */

static void softmax(fl_dtype dtype, int64_t outer, int64_t n, int64_t inner, float scale)
{
    cuda_case c;

    begin(&c, FL_OP_SOFTMAX);
    add_input(&c, dtype, 3, (const int64_t[]){outer, n, inner});
    for (size_t i = 0; i < count_of(c.in); i++)
        put_float(dtype, c.data[0], i, scale * random_value());
    c.d.p.axis.axis = 1;
    assert_true(solve(&c));
    check(&c, 1e-6);
}

static void softmax_is_right_for_every_length(void **unused)
{
    static const int64_t lengths[] = {1,   2,   3,    7,    8,    9,    16,   31,   32,   33,   100, 255,
                                      256, 257, 1000, 1001, 1024, 1025, 2048, 2049, 4097, 8192, 8193, 10007};

    (void)unused;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (size_t t = 0; t < COUNT(storage); t++) {
            softmax(storage[t], 1, lengths[i], 1, 10);
            softmax(storage[t], lengths[i] < 300 ? 150 : 3, lengths[i], 1, 3);
            softmax(storage[t], 1, lengths[i], 3, 10);
            softmax(storage[t], 2, lengths[i], lengths[i] < 300 ? 70 : 2, 3);
        }
    }
    softmax(FL_F32, 17000, 3, 1, 1); /* so many that a thread takes several values */
    softmax(FL_F32, 140, 1001, 1, 1);
    softmax(FL_F32, 1, 20, 40000, 1);
    softmax(FL_F32, 0, 3, 4, 1);
}

static void softmax_of_nan_and_infinity_is_nan(void **unused)
{
    static const int64_t inner[] = {1, 5};
    static const int64_t lengths[] = {5, 300, 9000};

    (void)unused;
    for (size_t t = 0; t < COUNT(storage); t++)
        for (size_t i = 0; i < COUNT(inner); i++)
            for (size_t k = 0; k < COUNT(lengths); k++) {
                cuda_case c;
                begin(&c, FL_OP_SOFTMAX);
                add_input(&c, storage[t], 3, (const int64_t[]){6, lengths[k], inner[i]});
                const size_t slice = (size_t)(lengths[k] * inner[i]);
                for (size_t j = 0; j < slice; j++)
                    put_float(storage[t], c.data[0], slice + j, -INFINITY); /* all of one, and one of others */
                put_float(storage[t], c.data[0], 0, NAN);
                put_float(storage[t], c.data[0], 2 * slice, INFINITY);
                put_float(storage[t], c.data[0], 3 * slice, -INFINITY);
                put_float(storage[t], c.data[0], 4 * slice, 1000.0f);
                c.d.p.axis.axis = 1;
                assert_true(solve(&c));
                check(&c, 1e-6);
            }
}

/* ---- pool2d */

static unsigned pool(fl_dtype dtype, const fl_pool_params *params, int64_t n, int64_t h, int64_t w, int64_t channels)
{
    cuda_case c;

    begin(&c, FL_OP_POOL2D);
    if (params->format == FL_NHWC)
        add_input(&c, dtype, 4, (const int64_t[]){n, h, w, channels});
    else
        add_input(&c, dtype, 4, (const int64_t[]){n, channels, h, w});
    c.d.p.pool = *params;
    return solve(&c) ? check(&c, params->func == FL_POOL_MAX ? 0 : 1e-6) : 0;
}

static void pool_takes_any_window(void **unused)
{
    static const int64_t channels[] = {1, 3, 4, 8, 12, 16, 24};
    unsigned ran = 0;

    (void)unused;
    for (int round = 0; round < 300; round++) {
        fl_pool_params p = {.func = round % 2, .format = chance(70) ? FL_NHWC : FL_NCHW};
        for (int i = 0; i < 2; i++) {
            p.kernel[i] = (int32_t)pick(1, chance(20) ? 9 : 4);
            p.stride[i] = (int32_t)pick(1, 4);
            p.pad[2 * i] = (int32_t)pick(0, p.kernel[i] - 1);
            p.pad[2 * i + 1] = (int32_t)pick(0, p.kernel[i] - 1);
        }
        const int64_t c = channels[pick(0, COUNT(channels) - 1)];
        ran |= pool(storage[round % 3], &p, pick(1, 3), pick(1, 14), pick(1, 14), c);
    }
    assert_int_equal(ran, GLOBAL | VECTORS | ELEMENTS);
}

static void pool_of_the_whole_picture_is_a_fold(void **unused)
{
    (void)unused;
    for (size_t t = 0; t < COUNT(storage); t++)
        for (int func = FL_POOL_MAX; func <= FL_POOL_AVG; func++) {
            fl_pool_params p = {.func = func, .kernel = {7, 7}, .stride = {1, 1}};
            assert_int_equal(pool(storage[t], &p, 2, 7, 7, 512), GLOBAL | VECTORS | ELEMENTS);
            assert_int_equal(pool(storage[t], &p, 2, 7, 7, 101), GLOBAL | ELEMENTS);
            p.format = FL_NCHW;
            assert_int_equal(pool(storage[t], &p, 2, 7, 7, 100), GLOBAL | ELEMENTS);
            p = (fl_pool_params){.func = func, .kernel = {80, 81}, .stride = {5, 7}, .pad = {3, 2, 1, 1}};
            assert_int_equal(pool(storage[t], &p, 1, 77, 79, 3), GLOBAL | ELEMENTS); /* in chunks */
        }
}

/* Enough of them that a thread takes two rows of windows. */
static void pool_takes_rows_of_windows_together(void **unused)
{
    (void)unused;
    for (int func = FL_POOL_MAX; func <= FL_POOL_AVG; func++) {
        const fl_pool_params by1 = {.func = func, .kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}};
        const fl_pool_params by2 = {.func = func, .kernel = {3, 3}, .stride = {2, 2}, .pad = {0, 1, 0, 1},
                                    .format = FL_NCHW};
        const fl_pool_params by3 = {.func = func, .kernel = {5, 2}, .stride = {3, 1}};
        pool(FL_F16, &by1, 1, 371, 355, 16);
        pool(FL_F32, &by2, 3, 601, 593, 1);
        pool(FL_BF16, &by3, 1, 1501, 261, 16);
    }
}

/* A maximum does not see NaN, and nothing is below the lowest finite value, of half precision its own. */
static void pool_sees_nan_and_infinities_as_the_reference_does(void **unused)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, -FLT_MAX, FLT_MAX};
    static const float lowest[] = {-FLT_MAX, -65504.0f, -0x1.fep127f};

    (void)unused;
    for (int round = 0; round < 90; round++) {
        const fl_dtype dtype = storage[round % 3];
        const int32_t kernel = round % 4 == 0 ? 6 : 2, func = round / 3 % 2;
        cuda_case c;
        begin(&c, FL_OP_POOL2D);
        add_input(&c, dtype, 4, (const int64_t[]){1, 6, 6, 16});
        for (size_t i = 0; i < count_of(c.in); i++)
            if (chance(80))
                put_float(dtype, c.data[0], i, odd[pick(0, dtype == FL_F32 && func == FL_POOL_MAX ? 4 : 2)]);
        c.d.p.pool = (fl_pool_params){.func = func, .kernel = {kernel, kernel}, .stride = {2, 2}};
        assert_true(solve(&c));
        for (size_t i = 0; i < count_of(c.out); i++)
            if (((float *)c.want)[i] == -FLT_MAX)
                ((float *)c.want)[i] = lowest[round % 3];
        check(&c, func == FL_POOL_MAX ? 0 : 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reduce_folds_any_set_of_axes_of_any_type),
        cmocka_unit_test(reduce_walks_axes_that_alternate),
        cmocka_unit_test(reduce_cuts_large_folds_into_chunks),
        cmocka_unit_test(reduce_over_nothing_gives_what_the_reference_gives),
        cmocka_unit_test(reduce_keeps_nan_and_infinities),
        cmocka_unit_test(softmax_is_right_for_every_length),
        cmocka_unit_test(softmax_of_nan_and_infinity_is_nan),
        cmocka_unit_test(pool_takes_any_window),
        cmocka_unit_test(pool_of_the_whole_picture_is_a_fold),
        cmocka_unit_test(pool_takes_rows_of_windows_together),
        cmocka_unit_test(pool_sees_nan_and_infinities_as_the_reference_does),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
