/* cuda_cublaslt.h - NVIDIA's cuBLASLt as an optional source of matrix products, opened with dlopen when a tactic of it is
 * asked for. One fl_cublaslt belongs to one device.
 */
#ifndef FL_CUDA_CUBLASLT_H
#define FL_CUDA_CUBLASLT_H

#include "backend/cuda/cuda.h"

typedef struct fl_cublaslt fl_cublaslt;

#define FL_CUBLASLT_WORKSPACE ((size_t)1 << 20)

/* y [m, n] = relu?(a [m, k] w [n, k]^T + residual [m, n]? + bias [n]), all row-major and of one type. */
typedef struct fl_cublaslt_problem {
    fl_dtype dtype;
    int64_t  m, n, k;
    bool     residual, relu;
} fl_cublaslt_problem;

/* Opens the library (libcublasLt.so.13 or .12, or what FLOE_CUBLASLT names). */
floe_status fl_cublaslt_open(fl_cublaslt **out, fl_device *device, floe_error *err);
void        fl_cublaslt_close(fl_cublaslt *lt);
/* Asks the heuristics for algorithms, unless that was done for this problem; *count: how many there are. */
floe_status fl_cublaslt_prepare(fl_cublaslt *lt, const fl_cublaslt_problem *problem, int *count, floe_error *err);
/* Runs the index-th (the last where there are fewer). */
floe_status fl_cublaslt_run(fl_cublaslt *lt, CUstream stream, const fl_cublaslt_problem *problem, int index, const void *a,
                            const void *w, const void *bias, const void *residual, void *y, void *workspace,
                            floe_error *err);

#endif
