/* cuda_direct.h - arguments of the direct kernels (kernel/direct.cu), for convolutions either way. */
#ifndef FL_CUDA_DIRECT_H
#define FL_CUDA_DIRECT_H

#include "backend/cuda/cuda_simt.h"
#include "backend/cuda/kernel/direct_args.h"

/* One output a thread. */
fl_direct_args fl_cuda_direct_args_of(const fl_step *step);
/* Launches direct_<what>_<type of x>; an empty y is fine. */
floe_status fl_cuda_direct_launch(const fl_step *step, fl_stream *stream, const char *what, const fl_direct_args *args,
                                  floe_error *err);

#endif
