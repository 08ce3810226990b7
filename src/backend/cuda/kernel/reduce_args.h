/* reduce_args.h - arguments of the kernels in reduce.cu.
 *
 * The axes of x are joined to kept and reduced ones, each kind listed innermost first with its strides in x, in
 * elements. Where the innermost axis of x goes in vectors (of 16 bytes), its dim counts vectors, and its stride is one.
 */
#ifndef FL_CUDA_REDUCE_ARGS_H
#define FL_CUDA_REDUCE_ARGS_H

#include "args.h"

#define FL_REDUCE_THREADS  256
#define FL_REDUCE_AXES     4     /* of a kind; 8 axes can alternate no more often */
#define FL_REDUCE_PARTIALS 32768 /* floats of workspace where a fold is cut into chunks */

/* What is done with two values. MAX and MIN keep NaN. */
enum { FL_FOLD_SUM, FL_FOLD_MAX, FL_FOLD_MIN, FL_FOLD_PROD };

typedef struct fl_reduce_view {
    fl_i32     rank; /* 0: one place, at 0 */
    fl_i32     stride[FL_REDUCE_AXES];
    fl_divisor dim[FL_REDUCE_AXES];
} fl_reduce_view;

/* reduce_sum_*, reduce_max_*: y = sign * (the fold of sign * x) / divisor, in float. A tile of outputs is the work of
 * one block, or of `chunks` of them, the last of which folds what the others left in `partial`: [tiles][chunks][floats
 * of a tile]. */
typedef struct fl_reduce_args {
    const void    *x;
    void          *y;
    float         *partial;
    fl_u32        *counters; /* one a tile, zero before and after */
    fl_u32         outputs;  /* in vectors (columns) or elements (rows) */
    fl_u32         folded;   /* places folded into an output, in vectors (rows) or elements (columns) */
    fl_u32         chunk;    /* places of a chunk; the last may have less */
    fl_divisor     chunks;
    fl_u32         log_group; /* columns: outputs of a tile; rows: threads of an output */
    fl_i32         vector;    /* whether innermost places are vectors */
    fl_i32         keep_nan;
    float          start; /* of the fold, so times sign */
    float          sign, divisor;
    fl_reduce_view kept, reduced;
} fl_reduce_args;

/* reduce_any: whole numbers in 64 bits, floats in double; any type, any fold, any count, also 0. */
enum {
    FL_ANY_F32, FL_ANY_F16, FL_ANY_BF16, FL_ANY_F64, /* floats up to here */
    FL_ANY_I8, FL_ANY_U8, FL_ANY_I16, FL_ANY_U16, FL_ANY_I32, FL_ANY_U32, FL_ANY_I64
};

typedef struct fl_reduce_any_args {
    const void    *x;
    void          *y;
    double         f_start;
    fl_i64         i_start;
    fl_u32         outputs, folded;
    fl_u32         log_group; /* threads of an output, at most a warp; or 8: a block */
    fl_i32         type, fold, mean;
    fl_reduce_view kept, reduced;
} fl_reduce_any_args;

#endif
