/* cuda_sources.h - the optional sources of tactics: libraries that are opened when a tactic of theirs is looked at. */
#ifndef FL_CUDA_SOURCES_H
#define FL_CUDA_SOURCES_H

#include "backend/cuda/cuda.h"

struct fl_cudnn;
struct fl_cublaslt;

/* Opened once per device; a failure is remembered, and told again. */
floe_status fl_cuda_open_cudnn(struct fl_cudnn **out, fl_device *device, floe_error *err);
floe_status fl_cuda_open_cublaslt(struct fl_cublaslt **out, fl_device *device, floe_error *err);
void        fl_cuda_close_sources(fl_device *device);

/* For supports(): whether the source's library can be opened. On a device without a GPU, whether it was asked for. */
bool fl_cuda_source_there(const fl_device_info *device, fl_tactic_source source, const char **why_not);

#define FL_CUDA_CUDNN_PLANS 6
extern const fl_tactic *const fl_cuda_conv2d_cudnn[FL_CUDA_CUDNN_PLANS];
#define FL_CUDA_CUBLASLT_PLANS 4
extern const fl_tactic *const fl_cuda_matmul_cublaslt[FL_CUDA_CUBLASLT_PLANS];
extern const fl_tactic *const fl_cuda_conv2d_cublaslt[FL_CUDA_CUBLASLT_PLANS];

#endif
