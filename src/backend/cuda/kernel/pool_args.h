/* pool_args.h - arguments of the kernels in pool.cu. */
#ifndef FL_CUDA_POOL_ARGS_H
#define FL_CUDA_POOL_ARGS_H

#include "args.h"

#define FL_POOL_THREADS 256 /* of a block, at most */
#define FL_POOL_ROWS    2   /* windows of a thread, at most, one below the other */

/* x is [pictures, height, width, pixel]. NHWC: pixel = C. NCHW: pictures = N * C, pixel = 1. */
typedef struct fl_pool_args {
    const void *x;
    void       *y;
    fl_u32      threads; /* pictures * groups * out_width * units */
    fl_i32      rows;    /* rows of windows that make a group */
    fl_i32      height, width, out_height, pixel;
    fl_i32      kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
    float       lowest; /* where a maximum starts */
    fl_divisor  units, out_width, groups; /* units: vectors of a pixel */
} fl_pool_args;

#endif
