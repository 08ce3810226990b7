/* test_cpu_gemm.c - every tile of gemm.def against the sum written as plain C: one chain of fused multiply-adds in the
 * order of taps and depth, starting with the bias. The vector kernels must give exactly that, bit for bit, for every
 * count of rows and columns; the scalar one, which does not fuse, within the rounding of each product.
 */
#include "kernel_case.h"

#include "backend/cpu/kernel/gemm.h"

static const fl_gemm_kernel *const kernels[] = {
#define FL_GEMM(dtype, mr, nr, ISA, isa) &fl_##dtype##_gemm_##mr##x##nr##__##isa,
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
};
#define KERNELS (sizeof kernels / sizeof kernels[0])

#define MOST_TAPS  6
#define MOST_DEPTH 40

typedef struct gemm_case {
    fl_gemm_tile tile;
    size_t       rows, places;
    const float *a[MOST_TAPS * FL_GEMM_MAX_ROWS];
    uint32_t     tap[MOST_TAPS];
    float       *a_data, *b, *bias, *residual, *c;
    size_t       c_floats;
} gemm_case;

static void make_case(gemm_case *g, const fl_gemm_kernel *kernel, size_t rows, bool extreme)
{
    fl_gemm_tile *t = &g->tile;
    const size_t wide = (size_t)kernel->columns;
    float (*value)(void) = extreme ? extreme_value : random_value;

    memset(g, 0, sizeof *g);
    g->rows = rows;
    g->places = MOST_TAPS;
    t->taps = pick(0, MOST_TAPS);
    t->depth = pick(1, MOST_DEPTH);
    t->columns = pick(0, 1) ? wide : pick(1, wide);
    t->stride = t->columns + pick(0, 5);
    g->a_data = make_buffer((MOST_TAPS * rows + 1) * t->depth);
    for (size_t i = 0; i < (MOST_TAPS * rows + 1) * t->depth; i++)
        g->a_data[i] = value();
    for (size_t q = 0; q < t->taps; q++) {
        g->tap[q] = (uint32_t)pick(0, g->places - 1);
        for (size_t i = 0; i < rows; i++) /* rows may overlap and come in any order */
            g->a[q * rows + i] = g->a_data + pick(0, MOST_TAPS * rows * t->depth);
    }
    assert_int_equal(posix_memalign((void **)&g->b, 64, g->places * t->depth * wide * sizeof(float)), 0);
    assert_int_equal(posix_memalign((void **)&g->bias, 64, wide * sizeof(float)), 0);
    for (size_t i = 0; i < g->places * t->depth * wide; i++)
        g->b[i] = value();
    for (size_t i = 0; i < wide; i++)
        g->bias[i] = value();
    g->c_floats = (rows - 1) * t->stride + t->columns;
    g->c = make_buffer(g->c_floats);
    g->residual = make_buffer(g->c_floats);
    for (size_t i = 0; i < g->c_floats; i++)
        g->residual[i] = value();
    t->a = g->a;
    t->tap = g->tap;
    t->b = g->b;
    t->bias = g->bias;
    t->residual = pick(0, 1) ? g->residual : NULL;
    t->c = g->c;
    t->low = pick(0, 1) ? 0.0f : -INFINITY;
    t->high = pick(0, 1) ? 6.0f : INFINITY;
    t->ahead = g->b;
    t->ahead_step = pick(0, 16);
}

static void free_case(gemm_case *g)
{
    free(g->b);
    free(g->bias);
    free_buffer(g->a_data);
    free_buffer(g->c);
    free_buffer(g->residual);
}

static float expected(const gemm_case *g, size_t i, size_t j, size_t wide, bool fused, float *magnitude)
{
    const fl_gemm_tile *t = &g->tile;
    float sum = g->bias[j];

    *magnitude = fabsf(sum);
    for (size_t q = 0; q < t->taps; q++) {
        for (size_t k = 0; k < t->depth; k++) {
            const float a = g->a[q * g->rows + i][k], b = g->b[(g->tap[q] * t->depth + k) * wide + j];
            *magnitude += fabsf(a * b);
            sum = fused ? fmaf(a, b, sum) : sum + a * b;
        }
    }
    if (t->residual)
        sum += t->residual[i * t->stride + j];
    sum = sum < t->low ? t->low : sum;
    return sum > t->high ? t->high : sum;
}

static void check_case(const gemm_case *g, const fl_gemm_kernel *kernel)
{
    const fl_gemm_tile *t = &g->tile;
    const bool fused = kernel->isa != FL_CPU_SCALAR;

    for (size_t i = 0; i < g->rows; i++) {
        for (size_t j = 0; j < t->columns; j++) {
            float magnitude;
            const float want = expected(g, i, j, (size_t)kernel->columns, fused, &magnitude);
            const float got = t->c[i * t->stride + j];
            if (!same_value(got, want) && (fused || !(fabsf(got - want) <= 1e-5f * magnitude))) {
                print_error("seed %llu, %s, %zu rows: row %zu column %zu is %.9g, wanted %.9g\n",
                            (unsigned long long)kernel_seed, kernel->name, g->rows, i, j, (double)got, (double)want);
                fail();
            }
        }
        for (size_t j = t->columns; j < t->stride && i + 1 < g->rows; j++)
            assert_true(t->c[i * t->stride + j] == PATTERN);
    }
    check_frame(t->c, g->c_floats);
}

static void check_kernels(bool extreme)
{
    size_t checked = 0;

    for (size_t n = 0; n < KERNELS; n++) {
        const fl_gemm_kernel *kernel = kernels[n];
        if (!runs_here(kernel->isa))
            continue;
        for (size_t rows = 1; rows <= (size_t)kernel->rows; rows++) {
            for (int i = 0; i < 30; i++) {
                gemm_case g;
                make_case(&g, kernel, rows, extreme);
                kernel->by_rows[rows](&g.tile);
                check_case(&g, kernel);
                free_case(&g);
                checked++;
            }
        }
    }
    assert_true(checked >= 120); /* the scalar kernel runs everywhere */
}

static void every_tile_is_the_chain_of_fused_multiply_adds(void **unused)
{
    (void)unused;
    check_kernels(false);
}

static void infinities_nans_and_denormals_come_through(void **unused)
{
    (void)unused;
    check_kernels(true);
}

static void the_residual_may_be_the_result(void **unused)
{
    (void)unused;
    for (size_t n = 0; n < KERNELS; n++) {
        const fl_gemm_kernel *kernel = kernels[n];
        gemm_case g;
        if (!runs_here(kernel->isa))
            continue;
        make_case(&g, kernel, (size_t)kernel->rows, false);
        g.tile.residual = g.residual;
        kernel->by_rows[kernel->rows](&g.tile);
        float *kept = g.tile.c;
        g.tile.c = g.residual;
        kernel->by_rows[kernel->rows](&g.tile);
        for (size_t i = 0; i < g.rows; i++)
            assert_memory_equal(kept + i * g.tile.stride, g.residual + i * g.tile.stride,
                                g.tile.columns * sizeof(float));
        free_case(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_is_the_chain_of_fused_multiply_adds),
        cmocka_unit_test(infinities_nans_and_denormals_come_through),
        cmocka_unit_test(the_residual_may_be_the_result),
    };
    return cmocka_run_group_tests(tests, kernel_setup, NULL);
}
