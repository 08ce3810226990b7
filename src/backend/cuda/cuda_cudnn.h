/* cuda_cudnn.h - NVIDIA's cuDNN 9 as an optional source of convolution tactics, opened with dlopen when a tactic of it is
 * asked for. One fl_cudnn belongs to one device.
 */
#ifndef FL_CUDA_CUDNN_H
#define FL_CUDA_CUDNN_H

#include "backend/cuda/cuda.h"

typedef struct fl_cudnn fl_cudnn;

/* Plans that want more scratch than this are passed over, so a tactic's workspace does not depend on the batch. */
#define FL_CUDNN_WORKSPACE ((size_t)1 << 20)

/* One convolution as cuDNN's precompiled pattern y = relu?(conv(x, filter) + residual? + bias), NHWC, filter KRSC, all of
 * one type. Dims are resolved. */
typedef struct fl_cudnn_problem {
    fl_dtype dtype;
    int64_t  n, h, w, c, k, p, q, r, s, pad_top, pad_bottom, pad_left, pad_right, stride_h, stride_w, dilation_h, dilation_w;
    bool     residual, relu;
} fl_cudnn_problem;

/* Opens the library (libcudnn.so.9, or what FLOE_CUDNN names); the sentence says what is missing. */
floe_status fl_cudnn_open(fl_cudnn **out, fl_device *device, floe_error *err);
void        fl_cudnn_close(fl_cudnn *cudnn);
/* Runs the index-th plan that cuDNN's heuristics offer (of those that need no more than the workspace; the last where there
 * are fewer). The plan is made at the first call for a problem, which is not during a capture: see fl_cudnn_prepare. */
floe_status fl_cudnn_run(fl_cudnn *cudnn, CUstream stream, const fl_cudnn_problem *problem, int index, const void *x,
                         const void *filter, const void *bias, const void *residual, void *y, void *workspace,
                         floe_error *err);
/* Makes the plans of a problem, if they are not made yet; *count: how many there are. */
floe_status fl_cudnn_prepare(fl_cudnn *cudnn, const fl_cudnn_problem *problem, int *count, floe_error *err);

#endif
