/* direct_args.h - arguments of the kernels that make one output, or a few, a thread (direct.cu). Places are counted in
 * elements. */
#ifndef FL_CUDA_DIRECT_ARGS_H
#define FL_CUDA_DIRECT_ARGS_H

#include "args.h"

#define FL_DIRECT_THREADS 128
#define FL_DIRECT_PIXELS  4 /* of a thread of the grouped kernel */

/* A window over pictures: convolutions either way. Output i of y is (picture, row, column, channel) in the order of the
 * format. */
typedef struct fl_direct_args {
    const void  *x, *filter;
    void        *y;
    fl_tail_args tail;
    fl_u32       threads;               /* that have work */
    fl_u32       h, w, out_w;
    fl_u32       x_n, x_h, x_w, x_c;    /* strides of x */
    fl_u32       group_in, group_out;   /* channels of a group */
    fl_u32       f_tap, f_in, f_out;    /* strides of the filter: taps, input channels, output channels */
    fl_i32       kernel[2], stride[2], dilation[2], pad[2]; /* pad: top, left */
    fl_i32       nchw, filter_half, bias_half; /* half: stored as x, not as f32 */
    fl_u32       y_channels;            /* grouped: of y */
    fl_divisor   by_inner, by_middle, by_outer; /* NHWC: channels, columns, rows; NCHW: columns, rows, channels */
    fl_divisor   by_group;              /* output channels of a group */
} fl_direct_args;

/* y[i,j] = sum over l of a[i * a_row + l * a_step] * b[j * b_column + l * b_step], wrapping. */
typedef struct fl_direct_product_args {
    const void *a, *b;
    void       *y;
    fl_u32      m, n, k, a_row, a_step, b_column, b_step;
    fl_divisor  by_n;
} fl_direct_product_args;

#endif
