/* softmax_args.h - arguments of the kernels in softmax.cu. */
#ifndef FL_CUDA_SOFTMAX_ARGS_H
#define FL_CUDA_SOFTMAX_ARGS_H

#include "args.h"

#define FL_SOFTMAX_EACH    8    /* values that a thread keeps in registers */
#define FL_SOFTMAX_THREADS 1024 /* of a block, at most */
#define FL_SOFTMAX_COLUMNS 256  /* threads of a block of softmax_columns_* */

/* x is [outer, n, inner]. A slice is what runs along n; there are outer * inner of them. */
typedef struct fl_softmax_args {
    const void *x;
    void       *y;
    fl_u32      slices, n;
    fl_divisor  inner;     /* columns */
    fl_u32      log_group; /* rows: threads of a slice, a part of a warp or the block; columns: slices of a block */
} fl_softmax_args;

#endif
