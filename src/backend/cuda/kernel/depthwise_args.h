/* depthwise_args.h - arguments of the depthwise kernels. Places of x and y are counted in elements. */
#ifndef FL_CUDA_DEPTHWISE_ARGS_H
#define FL_CUDA_DEPTHWISE_ARGS_H

#include "args.h"

typedef struct fl_depthwise_args {
    const void  *x, *filter; /* filter [kh,kw,c*m] */
    void        *y;
    fl_tail_args tail;
    fl_u32       threads;    /* that have work */
    fl_i32       h, w, channels;         /* of x */
    fl_i32       out_h, out_w, out_channels;
    fl_i32       kernel[2], stride[2], dilation[2], pad[2]; /* pad: top, left */
    fl_i32       multiplier;
    fl_i32       filter_half, bias_half; /* stored as x, not as f32 */
    fl_i32       x_n, x_h, x_w, x_c, y_n, y_h, y_w, y_c; /* strides */
    fl_divisor   by_vectors, by_columns, by_rows; /* thread -> channel vector, strip of columns, row, picture */
} fl_depthwise_args;

#endif
