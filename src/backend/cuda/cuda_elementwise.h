/* cuda_elementwise.h - what the host code of the operators that work element by element shares: walks and grids. */
#ifndef FL_CUDA_ELEMENTWISE_H
#define FL_CUDA_ELEMENTWISE_H

#include "backend/cuda/cuda.h"
#include "backend/cuda/kernel/elementwise_args.h"
#include "op/op_loops.h"

/* The walk of a merged view that is not empty, for threads that make `w` neighbouring elements at a time. */
fl_walk fl_cuda_walk(const fl_view *v, int64_t w);
/* The same for y and the first `sides` inputs, which broadcast to it; y has elements. */
fl_walk fl_cuda_walk_of(const fl_op_desc *d, int sides, int64_t w);

/* Blocks for n elements, `each` a thread: of full size when they fill the GPU, else smaller and more. */
fl_cuda_grid fl_cuda_spread(const fl_stream *stream, int64_t n, int64_t each);

/* FLOE_ERR_LIMIT where a tensor of the step has 2^31 elements or more at this batch. */
floe_status fl_cuda_check_small(const fl_step *step, floe_error *err);
/* Whether that is so at any batch, or a tensor is not plain: then *why_not says so, and the result is false. */
bool fl_cuda_walks(const fl_op_desc *d, const char **why_not);

#endif
