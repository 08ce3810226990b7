/* cuda_reduce.h - folding floats over axes, for the operators that do: reduce, and pools of the whole picture. */
#ifndef FL_CUDA_REDUCE_H
#define FL_CUDA_REDUCE_H

#include "backend/cuda/cuda.h"
#include "backend/cuda/kernel/reduce_args.h"
#include "op/op_loops.h"

typedef struct fl_cuda_fold {
    fl_dtype    dtype; /* f32, f16, bf16 */
    int         fold;  /* FL_FOLD_SUM, FL_FOLD_MAX, FL_FOLD_MIN */
    bool        keep_nan; /* a maximum or minimum that meets NaN is NaN; else it does not see it */
    float       start, divisor;
    const void *x;
    void       *y;
    fl_view     kept, reduced; /* of x's axes; operand 0 is x. Neither is empty */
    void       *workspace;     /* fl_cuda_fold_workspace() bytes */
} fl_cuda_fold;

/* y, dense over the kept axes, = the fold over the reduced ones / divisor. x and y have less than 2^31 elements. */
floe_status fl_cuda_fold_floats(fl_stream *stream, const fl_cuda_fold *fold, floe_error *err);
/* Enough for folds over `folded` places, and over fewer. */
size_t fl_cuda_fold_workspace(int64_t folded);

#endif
