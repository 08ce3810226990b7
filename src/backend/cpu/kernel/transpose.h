/* transpose.h - kernels: a matrix of elements of 1, 2, 4 or 8 bytes to its transpose.
 *
 *     y[j * y_step + i] = x[i * x_step + j]   for i < rows, j < columns; steps in elements
 *
 * Meant for blocks that fit into the L1 cache; x and y may not overlap.
 */
#ifndef FL_KERNEL_TRANSPOSE_H
#define FL_KERNEL_TRANSPOSE_H

#include <stddef.h>

typedef void (*fl_transpose_fn)(const void *x, size_t x_step, void *y, size_t y_step, size_t rows, size_t columns);

typedef struct fl_transpose_kernels {
    fl_transpose_fn by_bytes[9]; /* [1], [2], [4], [8] */
} fl_transpose_kernels;

#define FL_TRANSPOSE(ISA, isa) extern const fl_transpose_kernels fl_any_transpose__##isa;
#include "backend/cpu/kernel/transpose.def"
#undef FL_TRANSPOSE

#endif
