/* gemm_scalar.c - the tile of gemm.h in plain C: what the other files must equal, and the kernel of machines without
 * one of their own. The columns are a constant and the accumulators local, so compilers vectorise the inner loop for
 * whatever the architecture always has.
 */
#include "backend/cpu/kernel/gemm.h"

#define ROWS    4
#define COLUMNS 16

static inline __attribute__((always_inline)) void accumulate(const fl_gemm_tile *t, float (*sum)[COLUMNS], size_t rows)
{
    for (size_t q = 0; q < t->taps; q++) {
        const float *const *a = t->a + q * rows;
        const float *b = t->b + t->tap[q] * t->depth * COLUMNS;
        for (size_t k = 0; k < t->depth; k++, b += COLUMNS) {
            for (size_t i = 0; i < rows; i++) {
                const float x = a[i][k];
                for (size_t j = 0; j < COLUMNS; j++)
                    sum[i][j] += x * b[j];
            }
        }
    }
}

static void store(const fl_gemm_tile *t, float (*sum)[COLUMNS], size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < t->columns; j++) {
            const size_t at = i * t->stride + j;
            float x = sum[i][j];
            if (t->residual)
                x += t->residual[at];
            x = x < t->low ? t->low : x; /* NaN stays */
            t->c[at] = x > t->high ? t->high : x;
        }
    }
}

/* rows is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void compute(const fl_gemm_tile *t, size_t rows)
{
    float sum[ROWS][COLUMNS];

    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            sum[i][j] = t->bias[j];
    accumulate(t, sum, rows);
    store(t, sum, rows);
}

static void rows_1(const fl_gemm_tile *t) { compute(t, 1); }
static void rows_2(const fl_gemm_tile *t) { compute(t, 2); }
static void rows_3(const fl_gemm_tile *t) { compute(t, 3); }
static void rows_4(const fl_gemm_tile *t) { compute(t, 4); }

const fl_gemm_kernel fl_f32_gemm_4x16__scalar = {
    .name = "4x16", .isa = FL_CPU_SCALAR, .rows = ROWS, .columns = COLUMNS,
    .by_rows = {NULL, rows_1, rows_2, rows_3, rows_4}};
