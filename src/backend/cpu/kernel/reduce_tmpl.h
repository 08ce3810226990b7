/* reduce_tmpl.h - the kernels of reduce.h in the words of vec_ and vbits_<isa>.h.
 *
 * Row: four accumulators; a sum is closed every ROW_BLOCK elements and goes on in double.
 *
 * Columns: a block of columns goes down all rows in registers; a sum is closed every COLUMN_BLOCK rows and goes on
 * compensated (Kahan). Where rows are a page or more apart each load would be in another page, so there a few rows at a
 * time are folded into acc from left to right.
 *
 * Extremes: v_max gives its second argument where one of them is NaN, so a NaN would come and go; NaNs are collected on
 * the side.
 */
#include "backend/cpu/kernel/reduce.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))

enum { ROW_BLOCK = 4096, COLUMN_BLOCK = 128, FAR = 1024, FAR_ROWS = 16, WIDE = 4 };

typedef enum fold_kind { SUM, MAX, MIN } fold_kind;

INLINE vf start(fold_kind kind) { return v_set1(kind == SUM ? 0.0f : kind == MAX ? -INFINITY : INFINITY); }
INLINE vf fold(fold_kind kind, vf acc, vf x)
{
    return kind == SUM ? v_add(acc, x) : kind == MAX ? v_max(x, acc) : v_min(x, acc);
}
INLINE double across(fold_kind kind, vf a)
{
    return (double)(kind == SUM ? v_across_add(a) : kind == MAX ? v_across_max(a) : v_across_min(a));
}

/* ---- rows */

/* At most ROW_BLOCK elements for sums, any number for extremes. *nan: NaN in some place where x has one. */
INLINE vf fold_block(fold_kind kind, const float *x, size_t n, vf *nan)
{
    vf acc[4] = {start(kind), start(kind), start(kind), start(kind)};
    size_t i = 0;

    for (; i + 4 * VN <= n; i += 4 * VN) {
        for (size_t k = 0; k < 4; k++) {
            const vf v = v_load(x + i + k * VN);
            acc[k] = fold(kind, acc[k], v);
            if (kind != SUM)
                *nan = v_if_nan(v, v, *nan);
        }
    }
    for (; i < n; i += VN) {
        const vf v = n - i >= VN ? v_load(x + i) : v_load_part_or(x + i, n - i, start(kind));
        acc[0] = fold(kind, acc[0], v);
        *nan = v_if_nan(v, v, *nan);
    }
    return fold(kind, fold(kind, acc[0], acc[1]), fold(kind, acc[2], acc[3]));
}

static double sum_row(const float *x, size_t n)
{
    double sum = 0;
    vf nan = v_zero(); /* a sum needs none: it is NaN itself */

    for (size_t i = 0; i < n; i += ROW_BLOCK)
        sum += across(SUM, fold_block(SUM, x + i, n - i < ROW_BLOCK ? n - i : ROW_BLOCK, &nan));
    return sum;
}

INLINE double extreme_row(fold_kind kind, const float *x, size_t n)
{
    vf nan = v_zero();
    const double extreme = across(kind, fold_block(kind, x, n, &nan));
    const float any = v_across_add(nan);

    return isnan(any) ? (double)NAN : extreme;
}
static double max_row(const float *x, size_t n)
{
    return extreme_row(MAX, x, n);
}
static double min_row(const float *x, size_t n)
{
    return extreme_row(MIN, x, n);
}

/* ---- columns: a block is `count` vectors, or (count 1) the first `part` columns of one */

INLINE vf load(const float *x, size_t part)
{
    return part ? v_load_part(x, part) : v_load(x);
}

INLINE void fold_columns(fold_kind kind, size_t count, size_t part, const float *x, size_t m, size_t step, float *to)
{
    vf acc[WIDE], sum[WIDE], nan[WIDE], lost[WIDE];

    for (size_t k = 0; k < count; k++) {
        acc[k] = load(to + k * VN, part);
        lost[k] = v_zero();
        nan[k] = v_if_nan(acc[k], acc[k], v_zero());
    }
    for (size_t i = 0; i < m; i += COLUMN_BLOCK) {
        const size_t rows = m - i < COLUMN_BLOCK ? m - i : COLUMN_BLOCK;
        for (size_t k = 0; k < count; k++)
            sum[k] = kind == SUM ? v_zero() : acc[k];
        for (size_t r = 0; r < rows; r++) {
            for (size_t k = 0; k < count; k++) {
                const vf v = load(x + (i + r) * step + k * VN, part);
                sum[k] = fold(kind, sum[k], v);
                if (kind != SUM)
                    nan[k] = v_if_nan(v, v, nan[k]);
            }
        }
        for (size_t k = 0; k < count; k++) {
            const vf term = v_sub(sum[k], lost[k]), next = v_add(acc[k], term);
            lost[k] = v_sub(v_sub(next, acc[k]), term);
            lost[k] = v_if_nan(lost[k], v_zero(), lost[k]); /* beside an infinite sum */
            acc[k] = kind == SUM ? next : sum[k];
        }
    }
    for (size_t k = 0; k < count; k++) {
        const vf value = kind == SUM ? acc[k] : v_if_nan(nan[k], nan[k], acc[k]);
        if (part)
            v_store_part(to, value, part);
        else
            v_store(to + k * VN, value);
    }
}

INLINE void fold_all_columns(fold_kind kind, const float *x, size_t m, size_t step, float *acc, size_t n)
{
    size_t j = 0;

    for (; j + WIDE * VN <= n; j += WIDE * VN)
        fold_columns(kind, WIDE, 0, x + j, m, step, acc + j);
    for (; j + VN <= n; j += VN)
        fold_columns(kind, 1, 0, x + j, m, step, acc + j);
    if (j < n)
        fold_columns(kind, 1, n - j, x + j, m, step, acc + j);
}

#define COLUMNS(name, kind)                                                                         \
    static void name##_columns(const float *x, size_t m, size_t step, float *acc, size_t n)         \
    {                                                                                               \
        const size_t rows = step > FAR && n > WIDE * VN ? FAR_ROWS : m;                             \
        for (size_t i = 0; i < m; i += rows)                                                        \
            fold_all_columns(kind, x + i * step, m - i < rows ? m - i : rows, step, acc, n);        \
    }
COLUMNS(sum, SUM)
COLUMNS(max, MAX)
COLUMNS(min, MIN)

#define TABLE_OF(isa) fl_f32_reduce__##isa
#define TABLE(isa) TABLE_OF(isa)
const fl_reduce_kernels TABLE(V_ISA) = {
    .row = {[FL_REDUCE_SUM] = sum_row, [FL_REDUCE_MAX] = max_row, [FL_REDUCE_MIN] = min_row},
    .columns = {[FL_REDUCE_SUM] = sum_columns, [FL_REDUCE_MAX] = max_columns, [FL_REDUCE_MIN] = min_columns},
};
