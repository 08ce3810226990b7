/* gemm_tmpl.h - the tile of gemm.h in the words of vec_<isa>.h.
 *
 * `compute` is written for R rows and V vectors of columns, both constants wherever it is inlined, so that all loops
 * over them unroll and every accumulator is a register: R * V of them, V for b and one for a. A load of b serves R fmas
 * and a broadcast of a serves V: with two fmas and two or three loads a cycle that is what keeps the fma units busy.
 *
 * GEMM_KERNEL(rows, columns, ISA, isa) defines the table for one row of gemm.def. GEMM_TILE(r, v) has to be there for
 * each r up to rows.
 */
#include "backend/cpu/kernel/gemm.h"

#define GEMM_MAX_VECTORS 4

/* The few-row tiles run at the speed of b's stream: they ask for it ahead. */
#define GEMM_AHEAD 8

static inline __attribute__((always_inline)) void gemm_accumulate(const fl_gemm_tile *t, vf (*acc)[GEMM_MAX_VECTORS],
                                                                  const int R, const int V)
{
    const float *const *rows = t->a;
    const size_t depth = t->depth, ahead_step = t->ahead_step;
    const float *ahead = t->ahead;

    for (size_t q = 0; q < t->taps; q++, rows += R) {
        const float *b = t->b + t->tap[q] * depth * (size_t)(V * VN);
        const float *a[FL_GEMM_MAX_ROWS];
#pragma GCC unroll 14
        for (int i = 0; i < R; i++)
            a[i] = rows[i];
        for (size_t k = 0; k < depth; k++, b += V * VN, ahead += ahead_step) {
            if (R > 3)
                __builtin_prefetch(ahead, 0, 2);
            vf bv[GEMM_MAX_VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) {
                bv[j] = v_load(b + VN * j);
                V_KEEP(bv[j]);
                if (R <= 3)
                    __builtin_prefetch(b + GEMM_AHEAD * V * VN + VN * j);
            }
#pragma GCC unroll 14
            for (int i = 0; i < R; i++) {
                const vf av = v_set1(a[i][k]);
#pragma GCC unroll 4
                for (int j = 0; j < V; j++)
                    acc[i][j] = v_fma(av, bv[j], acc[i][j]);
            }
        }
    }
}

static inline __attribute__((always_inline)) void gemm_store(const fl_gemm_tile *t, vf (*acc)[GEMM_MAX_VECTORS],
                                                             const int R, const int V)
{
    const vf low = v_set1(t->low), high = v_set1(t->high);
    const size_t stride = t->stride;

    if (t->columns == (size_t)(V * VN)) {
#pragma GCC unroll 14
        for (int i = 0; i < R; i++) {
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) {
                vf x = acc[i][j];
                if (t->residual)
                    x = v_add(x, v_load(t->residual + (size_t)i * stride + VN * j));
                v_store(t->c + (size_t)i * stride + VN * j, v_min(high, v_max(low, x)));
            }
        }
        return;
    }
    /* Few columns: through memory, so that this does not have to be unrolled for each count. */
    float tile[FL_GEMM_MAX_ROWS][GEMM_MAX_VECTORS * VN];
#pragma GCC unroll 14
    for (int i = 0; i < R; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < V; j++)
            v_store(&tile[i][VN * j], acc[i][j]);
    }
#pragma GCC unroll 1
    for (int i = 0; i < R; i++) {
#pragma GCC unroll 1
        for (size_t j = 0; j < t->columns; j += VN) {
            const size_t n = t->columns - j < VN ? t->columns - j : VN;
            vf x = v_load(&tile[i][j]);
            if (t->residual)
                x = v_add(x, v_load_part(t->residual + (size_t)i * stride + j, n));
            v_store_part(t->c + (size_t)i * stride + j, v_min(high, v_max(low, x)), n);
        }
    }
}

static inline __attribute__((always_inline)) void gemm_compute(const fl_gemm_tile *t, const int R, const int V)
{
    vf acc[FL_GEMM_MAX_ROWS][GEMM_MAX_VECTORS];

#pragma GCC unroll 4
    for (int j = 0; j < V; j++) {
        const vf bias = v_load(t->bias + VN * j);
#pragma GCC unroll 14
        for (int i = 0; i < R; i++)
            acc[i][j] = bias;
    }
    gemm_accumulate(t, acc, R, V);
    gemm_store(t, acc, R, V);
}

#define GEMM_TILE(r, v)                                                   \
    static void gemm_##r##_##v(const fl_gemm_tile *t)                     \
    {                                                                     \
        gemm_compute(t, r, v);                                            \
    }

#define GEMM_TABLE_4(v) NULL, gemm_1_##v, gemm_2_##v, gemm_3_##v, gemm_4_##v
#define GEMM_TABLE_6(v) GEMM_TABLE_4(v), gemm_5_##v, gemm_6_##v
#define GEMM_TABLE_8(v) GEMM_TABLE_6(v), gemm_7_##v, gemm_8_##v
#define GEMM_TABLE_14(v) \
    GEMM_TABLE_8(v), gemm_9_##v, gemm_10_##v, gemm_11_##v, gemm_12_##v, gemm_13_##v, gemm_14_##v

#define GEMM_KERNEL(r, c, v, LEVEL, suffix)                                             \
    const fl_gemm_kernel fl_f32_gemm_##r##x##c##__##suffix = {                          \
        .name = #r "x" #c, .isa = FL_CPU_##LEVEL, .rows = r, .columns = c, .by_rows = {GEMM_TABLE_##r(v)}};
