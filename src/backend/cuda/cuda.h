/* cuda.h - what the files of the CUDA backend share: the device, the stream, launching, and small helps for tactics.
 *
 * The driver is opened with dlopen and its entry points are taken one by one (cuda_driver.h), so one binary serves
 * machines with and without a GPU. Kernels are fatbins inside this library (kernel/<family>.cu, one blob each) and are
 * found by name. A tactic's run() only launches: it is called while a CUDA graph is being captured, and the graph is what
 * a context runs. So run() may not allocate, wait, or copy from host memory.
 *
 * Activations are plain NHWC (a format of NCHW on a convolution or pool is taken by slower tactics or not at all; the
 * optimizer's layout pass leaves none). Storage is f32, f16 or bf16; weights of a layer that packs them are f32 in the
 * network whatever the storage type, and pack() converts.
 */
#ifndef FL_CUDA_H
#define FL_CUDA_H

#include "backend/backend.h"
#include "backend/cuda/cuda_driver.h"
#include "backend/cuda/kernel/args.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct fl_cuda_kernel_slot fl_cuda_kernel_slot;

/* An optional library (cuda_sources.c). */
typedef struct fl_cuda_source {
    bool        tried;
    floe_status status;
    floe_error  error;
    void       *library;
} fl_cuda_source;

struct fl_device {
    floe_env              env;
    fl_device_info        info;    /* info.isa: compute capability, 90 for 9.0 */
    const fl_cuda_driver *driver;  /* NULL: opened for a target without a GPU, to build by the cost model */
    int                   ordinal;
    CUdevice              handle;
    CUcontext             context; /* the primary one */
    CUlibrary            *modules; /* one per fatbin */
    fl_cuda_kernel_slot  *kernels; /* found so far, by name */
    size_t                n_kernels, kernel_capacity;
    pthread_mutex_t       lock;    /* of kernels */
    fl_cuda_source        cudnn, cublaslt;
    pthread_mutex_t       source_lock; /* of the two */
    atomic_bool           dead;    /* the context met an error that only a new process survives */
};

#define FL_CUDA_COUNTERS 16384

struct fl_stream {
    fl_device *device;
    CUstream   stream;
    uint32_t  *counters; /* device: FL_CUDA_COUNTERS zeros; a kernel that counts in them leaves zeros behind */
    CUevent    marks[FL_MARKS];
    void      *flush;    /* device: what time() overwrites to empty the L2; NULL until then */
    bool       loading;  /* launches only make sure that their kernel is loaded (see cuda_program.c) */
};

/* As fl_cuda_check; also remembers in the device an error after which nothing works any more. */
floe_status fl_cuda_result(fl_device *device, CUresult result, const char *what, floe_error *err);
/* FL_CUDA(device, "copying weights", cuMemcpyHtoDAsync(dst, src, n, stream), err): FL_TRY around a driver call. */
#define FL_CUDA(device, what, call, err) FL_TRY(fl_cuda_result((device), (device)->driver->call, (what), (err)))

/* ---- launching */

typedef struct fl_cuda_grid {
    uint32_t x, y, z;   /* blocks */
    uint32_t threads;   /* of a block */
    uint32_t shared;    /* bytes of dynamic shared memory */
} fl_cuda_grid;

/* Puts the kernel into the stream, or into the graph being captured. args: the kernel's one struct. From sm_90 on with
 * programmatic serialization (see device.cuh). */
floe_status fl_cuda_launch(fl_stream *stream, const char *kernel, const fl_cuda_grid *grid, const void *args, size_t bytes,
                           floe_error *err);
/* An empty grid launches nothing and is fine. */
#define FL_CUDA_LAUNCH(stream, kernel, grid, args, err) \
    fl_cuda_launch((stream), (kernel), (grid), (args), sizeof *(args), (err))

/* Blocks for n elements at `each` per block, capped at 2^31 - 1. */
static inline uint32_t fl_cuda_blocks(int64_t n, int64_t each) { return (uint32_t)((n + each - 1) / each); }
/* 1 <= d < 2^31. */
fl_divisor fl_cuda_divisor(int64_t d);

/* ---- for supports() and run() of tactics */

/* Records why not and gives false. */
static inline bool fl_cuda_refuse(const char **why_not, const char *text)
{
    *why_not = text;
    return false;
}
static inline const fl_tensor_desc *fl_cuda_in(const fl_op_desc *d, int slot)
{
    return slot < d->n_in ? d->in[slot] : NULL;
}
/* The data of an input that may be absent. */
static inline const void *fl_cuda_data(const fl_step *step, int slot)
{
    return fl_cuda_in(step->desc, slot) ? step->in[slot] : NULL;
}
/* Every input and output present is plain. */
bool fl_cuda_all_plain(const fl_op_desc *d);
/* f32, f16, bf16: the types that kernels with float arithmetic are made for. */
static inline bool fl_cuda_is_storage(fl_dtype t) { return t == FL_F32 || t == FL_F16 || t == FL_BF16; }
/* Tensors of 2^31 elements and more at the maximum batch are refused: kernels index with 32 bits. */
bool fl_cuda_is_small(const fl_op_desc *d, int64_t batch);
/* A workspace_bytes() of nothing. */
size_t fl_cuda_no_workspace(const fl_op_desc *d, const fl_device_info *device, int64_t batch);
/* Appends n floats as dtype (f32, f16, bf16; rounded to nearest even). */
void fl_cuda_put_floats(fl_buf *out, fl_dtype dtype, const float *values, size_t n);
/* Appends n values of half precision as f32. */
void fl_cuda_put_widened(fl_buf *out, fl_dtype dtype, const uint16_t *values, size_t n);

/* ---- tactics: each family of operators gives its list, best guess first (cuda_tactics.c) */

extern const fl_tactic_list fl_cuda_conv2d, fl_cuda_depthwise_conv2d, fl_cuda_conv2d_transpose, fl_cuda_matmul,
    fl_cuda_pool2d, fl_cuda_unary, fl_cuda_binary, fl_cuda_batch_norm, fl_cuda_softmax, fl_cuda_reduce, fl_cuda_concat,
    fl_cuda_copy_reshape, fl_cuda_copy_identity, fl_cuda_transpose, fl_cuda_pad, fl_cuda_slice, fl_cuda_broadcast,
    fl_cuda_shape, fl_cuda_cast, fl_cuda_select, fl_cuda_reorder;

/* Nanoseconds that the cost model gives a step on this kind of device: the larger of its arithmetic and its memory traffic at
 * what the hardware does, and a launch. scale: how many times longer the tactic's kernels take, 1 the best (cuda_cost.c).
 * Arithmetic in f32 is reckoned on the CUDA cores, in f16 and bf16 on the tensor cores where a product has them. */
uint64_t fl_cuda_cost(const fl_op_desc *d, const fl_device_info *device, int64_t batch, double arithmetic_scale,
                      double memory_scale);

#endif
