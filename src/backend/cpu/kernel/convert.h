/* convert.h - kernels between element types, and choices between elements: plain C that the compiler vectorises for each
 * instruction set, with intrinsics where C leaves a conversion undefined.
 *
 * The pairs are those that images, indices and masks need. Their rules are those of the reference of cast: reals to
 * integers go toward zero, what does not fit gives the lowest int32; to 8 bits go the low bits of the int32.
 */
#ifndef FL_KERNEL_CONVERT_H
#define FL_KERNEL_CONVERT_H

#include "op/op.h"

/* y[i] = x[i]; x and y may be the same memory where both types have the same size */
typedef void (*fl_convert_fn)(const void *x, void *y, size_t n);
/* y[i] = c[i * c_step] ? a[i * a_step] : b[i * b_step], steps 0 or 1 */
typedef void (*fl_select_fn)(const uint8_t *c, size_t c_step, const void *a, size_t a_step, const void *b, size_t b_step,
                             void *y, size_t n);

typedef struct fl_convert_kernels {
    fl_convert_fn convert[FL_DTYPE_COUNT][FL_DTYPE_COUNT]; /* [from][to]; NULL: none */
    fl_select_fn  select[9];                               /* by bytes: [1], [2], [4], [8] */
} fl_convert_kernels;

#define FL_SIMD(ISA, isa) extern const fl_convert_kernels fl_any_convert__##isa;
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD

#endif
