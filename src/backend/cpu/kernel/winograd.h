/* winograd.h - kernels: the transforms of F(m x m, 3 x 3), which makes m x m outputs of a 3x3 convolution of stride 1
 * from (m+2) x (m+2) inputs with (m+2)^2 multiplications a channel instead of 9 m^2.
 *
 *     V = B' d B    of an input tile d, m+2 places a side       (input)
 *     M = V * U     place by place, summed over channels: (m+2)^2 matrix products; U = G g G' of the filter g
 *     y = A' M A    m places a side                             (output)
 *
 * B, G, A come from interpolating a product of polynomials at m+1 points and infinity. Which points decides the
 * rounding error: for m = 4 we take 0, +-3/4, +-3/2. Against the usual 0, +-1, +-2 that halves the error, and the
 * constants are still short binary fractions. For m = 2 the points are 0, +-1. With N(p) = product of (p - other points):
 *
 *     row p of A' columns: p^i;   G: (1, p, p^2) / N(p);   B': coefficients of the product of (x - other points)
 *     infinity:            last;     (0, 0, 1);                 of all (x - points)
 */
#ifndef FL_KERNEL_WINOGRAD_H
#define FL_KERNEL_WINOGRAD_H

#include "backend/cpu/cpu_isa.h"

#include <stddef.h>

#define FL_WINOGRAD_MOST 6 /* places a side of an input tile, at most */

/* x: (m+2)^2 pointers, row by row, to `channels` floats each. Place i of V goes to v + i * stride. */
typedef void (*fl_winograd_input_fn)(const float *const *x, size_t channels, float *v, size_t stride);

typedef struct fl_winograd_result {
    const float        *m;        /* place i of M at m + i * stride */
    size_t              stride;
    const float        *bias;     /* [columns], readable up to a multiple of 16 floats; so is m */
    const float *const *residual; /* m^2 pointers as y, or NULL */
    float *const       *y;        /* m^2 pointers, row by row; NULL: outside, not stored */
    size_t              columns;
    float               low, high;
} fl_winograd_result;
typedef void (*fl_winograd_output_fn)(const fl_winograd_result *r);

typedef struct fl_winograd_kernel {
    fl_cpu_isa            isa;
    int                   m;
    fl_winograd_input_fn  input;
    fl_winograd_output_fn output;
} fl_winograd_kernel;

#define FL_WINOGRAD_KERNEL(dtype, m, ISA, isa) extern const fl_winograd_kernel fl_##dtype##_winograd##m##__##isa;
#include "backend/cpu/kernel/winograd.def"
#undef FL_WINOGRAD_KERNEL

/* U = G g G' of one 3x3 filter, in double, (m+2)^2 values. cpu_winograd.c packs them. */
void fl_winograd_filter(int m, const double *g, double *u);

#endif
