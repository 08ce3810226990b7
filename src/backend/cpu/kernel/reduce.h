/* reduce.h - kernels: folding floats along a row into one, or down columns into a row.
 *
 * sum, max and min; a mean is a sum, divided by the caller. Products have no kernel. Maximum and minimum keep NaN. Sums
 * are made of short partial sums, so their error grows with the square root of the count at most. The result depends on
 * the values and counts only.
 */
#ifndef FL_KERNEL_REDUCE_H
#define FL_KERNEL_REDUCE_H

#include "op/op.h"

/* The fold of n contiguous elements; over nothing 0, -inf, inf. */
typedef double (*fl_reduce_row_fn)(const float *x, size_t n);
/* acc[j] = fold of acc[j] and x[i * step + j] for i < m, for j < n */
typedef void (*fl_reduce_columns_fn)(const float *x, size_t m, size_t step, float *acc, size_t n);

typedef struct fl_reduce_kernels {
    fl_reduce_row_fn     row[FL_REDUCE_COUNT];     /* SUM, MAX, MIN */
    fl_reduce_columns_fn columns[FL_REDUCE_COUNT]; /* SUM, MAX, MIN */
} fl_reduce_kernels;

#define FL_SIMD(ISA, isa) extern const fl_reduce_kernels fl_f32_reduce__##isa;
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD

#endif
