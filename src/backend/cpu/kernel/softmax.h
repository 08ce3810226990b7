/* softmax.h - kernels: e^(x - max) over its sum, along a row or down columns.
 *
 * y may be x itself. A row that holds a NaN, or whose maximum is infinite, becomes all NaN.
 */
#ifndef FL_KERNEL_SOFTMAX_H
#define FL_KERNEL_SOFTMAX_H

#include <stddef.h>

typedef struct fl_softmax_kernels {
    /* each of `rows` rows of n elements, one after the other */
    void (*rows)(const float *x, float *y, size_t rows, size_t n);
    /* each of `width` columns of n elements, `step` floats apart */
    void (*columns)(const float *x, float *y, size_t n, size_t step, size_t width);
} fl_softmax_kernels;

#define FL_SIMD(ISA, isa) extern const fl_softmax_kernels fl_f32_softmax__##isa;
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD

#endif
