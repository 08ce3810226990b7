/* elementwise.h - kernels that make n floats of n floats: one table of functions for each instruction set.
 *
 * y may be the very memory of an input, but may not overlap it otherwise. Pointers are aligned to their element. A
 * value depends on its own inputs only, never on where in a row it lies, so a row may be cut anywhere.
 */
#ifndef FL_KERNEL_ELEMENTWISE_H
#define FL_KERNEL_ELEMENTWISE_H

#include "op/op.h"

/* What a result is held to: relu is 0 to infinity, relu6 0 to 6. NaN stays. */
typedef struct fl_clamp {
    float low, high;
} fl_clamp;

/* y[i] = f(x[i]); alpha for leaky_relu */
typedef void (*fl_unary_fn)(const float *x, float *y, size_t n, float alpha);
/* y[i] = clamp(a[i * a_step] op b[i * b_step]), steps 0 or 1; clamp NULL: as it is */
typedef void (*fl_binary_fn)(const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t n,
                             const fl_clamp *clamp);
/* y[i] = a[i * a_step] op b[i * b_step] as bytes 0 and 1 */
typedef void (*fl_compare_fn)(const float *a, size_t a_step, const float *b, size_t b_step, uint8_t *y, size_t n);
/* y[i] = clamp((x[i] - mean) * scale + offset) with the three at i * step, step 0 or 1 */
typedef void (*fl_normalize_fn)(const float *x, const float *mean, const float *scale, const float *offset, size_t step,
                                float *y, size_t n, const fl_clamp *clamp);

typedef struct fl_elementwise {
    fl_unary_fn     unary[FL_UNARY_COUNT];    /* all */
    fl_binary_fn    binary[FL_BINARY_COUNT];  /* all but comparisons */
    fl_compare_fn   compare[FL_BINARY_COUNT]; /* comparisons only */
    fl_normalize_fn normalize;
} fl_elementwise;

#define FL_SIMD(ISA, isa) extern const fl_elementwise fl_f32_elementwise__##isa;
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD

/* Functions of which there is a scalar kernel only: too rare, or too exact, for a vector one. Every table has them. */
#define FL_SCALAR_UNARY_LIST(X)                                                                                     \
    X(SIN, sin) X(COS, cos) X(TAN, tan) X(SINH, sinh) X(COSH, cosh) X(ASIN, asin) X(ACOS, acos) X(ATAN, atan)        \
    X(ASINH, asinh) X(ACOSH, acosh) X(ATANH, atanh)
#define FL_SCALAR_UNARY_DECLARE(kind, name) void fl_f32_##name##__scalar(const float *x, float *y, size_t n, float alpha);
FL_SCALAR_UNARY_LIST(FL_SCALAR_UNARY_DECLARE)
#undef FL_SCALAR_UNARY_DECLARE
void fl_f32_floor_mod__scalar(const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t n,
                              const fl_clamp *clamp);

#endif
