/* elementwise.h - kernels that make n floats of n floats: one table of functions for each instruction set.
 *
 * y may be the very memory of an input, but may not overlap it otherwise. Pointers are aligned to their element. A
 * value depends on its own inputs only, never on where in a row it lies, so a row may be cut anywhere.
 */
#ifndef FL_KERNEL_ELEMENTWISE_H
#define FL_KERNEL_ELEMENTWISE_H

#include "backend/cpu/kernel/act.h"

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


/* The table's fields from functions called unary_<name>, binary_<name>, compare_<name> and normalize. */
#define FL_ELEMENTWISE_SCALAR_ROW(kind, name) [FL_UNARY_##kind] = fl_f32_##name##__scalar,
#define FL_ELEMENTWISE_FIELDS                                                                                         \
    .unary = {[FL_UNARY_NONE] = unary_none, [FL_UNARY_RELU] = unary_relu, [FL_UNARY_RELU6] = unary_relu6,             \
              [FL_UNARY_LEAKY_RELU] = unary_leaky_relu, [FL_UNARY_ELU] = unary_elu, [FL_UNARY_SELU] = unary_selu,     \
              [FL_UNARY_SIGMOID] = unary_sigmoid, [FL_UNARY_TANH] = unary_tanh, [FL_UNARY_SOFTPLUS] = unary_softplus, \
              [FL_UNARY_SOFTSIGN] = unary_softsign, [FL_UNARY_NEG] = unary_neg, [FL_UNARY_ABS] = unary_abs,           \
              [FL_UNARY_SQRT] = unary_sqrt, [FL_UNARY_RSQRT] = unary_rsqrt, [FL_UNARY_SQUARE] = unary_square,         \
              [FL_UNARY_EXP] = unary_exp, [FL_UNARY_LOG] = unary_log, [FL_UNARY_FLOOR] = unary_floor,                 \
              [FL_UNARY_CEIL] = unary_ceil, [FL_UNARY_RECIPROCAL] = unary_reciprocal, [FL_UNARY_SILU] = unary_silu,   \
              FL_SCALAR_UNARY_LIST(FL_ELEMENTWISE_SCALAR_ROW)},                                                       \
    .binary = {[FL_BINARY_ADD] = binary_add, [FL_BINARY_SUB] = binary_sub, [FL_BINARY_MUL] = binary_mul,              \
               [FL_BINARY_DIV] = binary_div, [FL_BINARY_MIN] = binary_min, [FL_BINARY_MAX] = binary_max,              \
               [FL_BINARY_POW] = binary_pow, [FL_BINARY_SQUARED_DIFFERENCE] = binary_squared_difference,              \
               [FL_BINARY_FLOOR_DIV] = binary_floor_div, [FL_BINARY_FLOOR_MOD] = fl_f32_floor_mod__scalar},           \
    .compare = {[FL_BINARY_EQUAL] = compare_equal, [FL_BINARY_NOT_EQUAL] = compare_not_equal,                         \
                [FL_BINARY_LESS] = compare_less, [FL_BINARY_LESS_EQUAL] = compare_less_equal,                         \
                [FL_BINARY_GREATER] = compare_greater, [FL_BINARY_GREATER_EQUAL] = compare_greater_equal},            \
    .normalize = normalize

#endif
