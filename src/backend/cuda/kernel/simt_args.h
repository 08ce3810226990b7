/* simt_args.h - arguments of the matrix product on CUDA cores (simt.cuh). Everything is counted in elements. Numbers that may
 * be negative are kept modulo 2^32: sums of them come out right where they end inside a tensor of less than 2^31 elements.
 *
 * y[m, n] = act(sum over k of x[m, k] * b[k, n] + bias[n] + residual[m, n]), once for each group.
 *
 * Rows m are output pixels (picture, row, column); k runs over taps and channels, channels fastest. A matrix is a picture
 * of one row, its columns the pixels.
 */
#ifndef FL_CUDA_SIMT_ARGS_H
#define FL_CUDA_SIMT_ARGS_H

#include "args.h"

#define FL_SIMT_K 16 /* depth of a tile */

typedef struct fl_simt_args {
    const void  *x, *b;
    void        *y;
    fl_tail_args tail;
    float       *partials; /* k is cut: the sums of range i, places as in y, from i * part on; else NULL */

    fl_u32 m, n, k;        /* of one group; phases: pictures, n, channels of x */
    fl_u32 steps, part;    /* tiles' depths in a range of k (grid.y ranges) */

    fl_u32 h, w;           /* of x */
    fl_u32 x_n, x_h, x_w, x_c, x_group;
    fl_u32 y_n, y_h, y_w, y_c, y_group;
    fl_u32 b_tap, b_row, b_column, b_group; /* b of tap t, channel c, column n: t * b_tap + c * b_row + n * b_column */
    fl_u32 out_h, out_w;                    /* of y */
    fl_u32 kernel[2], stride[2], dilation[2], pad[2]; /* pad: top, left */

    fl_i32 x_by_rows; /* neighbours in x are rows m, not channels: threads read in that order */
    fl_i32 b_vector;  /* rows of b are whole vectors of 4 */
    fl_i32 b_half, bias_half; /* stored as x is, not as f32 */
    fl_i32 y_vector;  /* y in vectors of 4 columns */

    fl_divisor by_tiles_n, by_channels, by_kernel_w, by_out_w, by_out_h;
} fl_simt_args;

/* y[i] = act(sum over the ranges + bias + residual). */
typedef struct fl_simt_sum_args {
    const float *partials;
    void        *y;
    fl_tail_args tail;
    fl_u32       n, splits, part; /* part: a multiple of 4 */
    fl_i32       bias_half;
    fl_divisor   by_inner, by_channels; /* channel of y[i]: i / inner % channels */
} fl_simt_sum_args;

#endif
