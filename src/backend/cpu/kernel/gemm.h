/* gemm.h - kernels: a tile of a matrix product whose rows come through pointers.
 *
 *     c[i][j] = clamp(bias[j] + sum over taps t, k < depth of a[t][i][k] * b[tap[t]][k][j] + residual[i][j])
 *
 *               columns, packed                       A plain product has one tap. A convolution has one for each place
 *            +-------------------+                    of the filter that any row of the tile can see; the row pointers
 *     tap 0  |                   | depth              of a tap say which input pixel each output pixel meets there, a
 *            +-------------------+                    row of zeros where it is outside. Taps that no row sees are not
 *     tap 1  |                   |                    listed at all.
 *            +-------------------+
 *
 * fl_f32_gemm_<rows>x<columns>__<isa> is a table of functions, one for each count of rows up to <rows>, so that tiles
 * can be cut evenly (13 + 13 + 12) instead of full ones and a stub. The sum over (t, k) is one chain of fused
 * multiply-adds in this order, starting with the bias, for every tile shape: results do not depend on the tiling.
 */
#ifndef FL_KERNEL_GEMM_H
#define FL_KERNEL_GEMM_H

#include "backend/cpu/cpu_isa.h"

#include <stddef.h>
#include <stdint.h>

typedef struct fl_gemm_tile {
    const float *const *a;    /* [taps][rows]: depth floats each */
    const uint32_t *tap;      /* [taps]: their places in b */
    size_t          taps, depth;
    const float    *b;        /* [places][depth][columns], aligned */
    const float    *bias;     /* [columns], aligned */
    const float    *residual; /* as c, or NULL */
    float          *c;
    size_t          stride;   /* floats between rows of c, and of residual */
    size_t          columns;  /* of c, 1 to the kernel's; those beyond are not stored */
    float           low, high;
    const float    *ahead;      /* asked for while computing, ahead_step floats further with each k: the next columns */
    size_t          ahead_step;
} fl_gemm_tile;

typedef void (*fl_gemm_fn)(const fl_gemm_tile *tile);

#define FL_GEMM_MAX_ROWS 14

typedef struct fl_gemm_kernel {
    const char *name;
    fl_cpu_isa  isa;
    int         rows, columns;
    fl_gemm_fn  by_rows[FL_GEMM_MAX_ROWS + 1]; /* [1..rows] */
} fl_gemm_kernel;

#define FL_GEMM(dtype, mr, nr, ISA, isa) \
    extern const fl_gemm_kernel fl_##dtype##_gemm_##mr##x##nr##__##isa;
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM

#endif
