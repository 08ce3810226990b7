/* skinny_args.h - arguments of the product of few rows with a constant matrix (skinny.cu). */
#ifndef FL_CUDA_SKINNY_ARGS_H
#define FL_CUDA_SKINNY_ARGS_H

#include "args.h"

#define FL_SKINNY_THREADS 256
#define FL_SKINNY_CHUNK   256 /* rows of b for which a block keeps a in shared memory */

typedef struct fl_skinny_args {
    const float *a, *b; /* a [m,k], b [k,pitch]; pitch: n, as a multiple of 4 */
    float       *y;     /* [m,n] */
    fl_tail_args tail;
    float       *partials; /* [row group][column block][split][row of the group][column] */
    fl_u32      *counters; /* one per column block and row group, zero before and after */
    fl_u32       m, n, k, pitch;
    fl_u32       splits, depth; /* k is cut into `splits` ranges (grid.y) of `depth` rows of b */
} fl_skinny_args;

#endif
