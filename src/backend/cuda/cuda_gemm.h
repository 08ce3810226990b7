/* cuda_gemm.h - convolution and matrix product on tensor cores: the problem, its memory, and the tiles that solve it.
 *
 * Everything is y[m, n] = act(A[m, k] B[n, k]^T + bias + residual) with k as kernel/gemm_args.h has it: A are the
 * pixels that outputs see, B packed weights. A product is a convolution with one tap. All tactics of a type here share
 * one packed form, which follows from the descriptor alone:
 *
 *     packed    [weights, if constant][bias as f32, if constant]
 *     workspace [weights, if not][bias, if not f32][a, if transposed][partial sums]       made in each run
 *
 * each part at a multiple of FL_GEMM_ALIGN. The parts of the workspace are written by gemm_pack.cu first.
 *
 * A method is a kernel and how it is launched: one fl_gemm_tile. Several splits of k make as many tactics of it.
 */
#ifndef FL_CUDA_GEMM_H
#define FL_CUDA_GEMM_H

#include "backend/cuda/cuda.h"
#include "backend/cuda/kernel/gemm_args.h"

#define FL_GEMM_ALIGN    256
#define FL_GEMM_MAX_TAPS 15 /* down and across: a bit each, see gemm.cuh */

typedef struct fl_gemm_problem {
    fl_dtype dtype;
    int64_t m, n, k;         /* k of packed rows, with padding */
    int64_t images, h, w, c; /* of x; c as the weights have it */
    int64_t p, q;            /* output pixels down and across */
    int64_t taps[2], stride[2], dilation[2], pad[2];
    bool dense;               /* a pixel of x is no multiple of 16 bytes */
    bool transposed;          /* a is [k, m]: a copy of it is made */
    int64_t k_pixel, k_row;   /* see gemm_args.h */
    int64_t row_step, k_step; /* elements of the weights' tensor: to the next n, to the next place in k */
    int32_t act;
    float alpha;
} fl_gemm_problem;

/* Of conv2d or matmul; dims that depend on the batch are taken at `batch`. For descriptors that fl_gemm_takes. */
fl_gemm_problem fl_gemm_problem_of(const fl_op_desc *d, int64_t batch);
/* What all tactics here need: types and device, plain NHWC, one group, few taps. */
bool fl_gemm_takes(const fl_op_desc *d, const fl_device_info *device, const char **why_not);

/* ---- packing (cuda_gemm_pack.c) */

#define FL_GEMM_PACKS (1u << FL_SLOT_WEIGHTS | 1u << FL_SLOT_BIAS)
floe_status fl_cuda_gemm_pack(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err);
size_t fl_cuda_gemm_packed_bytes(const fl_op_desc *d);
/* Bytes of the workspace before the partial sums. */
size_t fl_gemm_made_bytes(const fl_op_desc *d, int64_t batch);
/* Launches what makes the parts of the workspace, and sets x, b and bias. */
floe_status fl_gemm_prepare(fl_gemm_args *args, const fl_gemm_problem *p, const fl_step *step, fl_stream *stream,
                            floe_error *err);

/* ---- methods (cuda_gemm.c) */

typedef enum fl_gemm_method { FL_GEMM_MMA, FL_GEMM_NEAR, FL_GEMM_GATHER, FL_GEMM_PATCH, FL_GEMM_ROWS } fl_gemm_method;

typedef struct fl_gemm_tile {
    fl_gemm_method method;
    const char *kernel;
    fl_dtype dtype;
    int floor;           /* compute capability that it needs */
    int bm, bn, bk;      /* bk: elements of k in a stage */
    int threads, blocks; /* blocks that fit on a multiprocessor */
    uint32_t shared;     /* bytes; PATCH: follows from the problem */
} fl_gemm_tile;

bool fl_cuda_gemm_supports(const fl_gemm_tile *t, int splits, const fl_op_desc *d, const fl_device_info *device,
                           const char **why_not);
size_t fl_cuda_gemm_workspace(const fl_gemm_tile *t, int splits, const fl_op_desc *d, int64_t batch);
floe_status fl_cuda_gemm_run(const fl_gemm_tile *t, int splits, const fl_step *step, fl_stream *stream,
                             floe_error *err);
uint64_t fl_cuda_gemm_cost(const fl_gemm_tile *t, int splits, const fl_op_desc *d, const fl_device_info *device,
                           int64_t batch);

/* ---- rows of tactics (cuda_gemm.def)
 *
 * FL_GEMM_ROW defines the static tactic <op>_<id>, named "cuda.<op>.<text>", from a tile and a number of splits. */
#define FL_GEMM_ROW(op_, OP, id, text, splits, ...)                                                                    \
    static const fl_gemm_tile op_##_##id##_tile = {__VA_ARGS__};                                                       \
    static bool op_##_##id##_supports(const fl_op_desc *d, const fl_device_info *device, const char **why_not)         \
    {                                                                                                                  \
        return fl_cuda_gemm_supports(&op_##_##id##_tile, splits, d, device, why_not);                                  \
    }                                                                                                                  \
    static size_t op_##_##id##_workspace(const fl_op_desc *d, const fl_device_info *device, int64_t batch)             \
    {                                                                                                                  \
        (void)device;                                                                                                  \
        return fl_cuda_gemm_workspace(&op_##_##id##_tile, splits, d, batch);                                           \
    }                                                                                                                  \
    static floe_status op_##_##id##_run(const fl_step *step, fl_stream *stream, floe_error *err)                       \
    {                                                                                                                  \
        return fl_cuda_gemm_run(&op_##_##id##_tile, splits, step, stream, err);                                        \
    }                                                                                                                  \
    static uint64_t op_##_##id##_cost(const fl_op_desc *d, const fl_device_info *device, int64_t batch)                \
    {                                                                                                                  \
        return fl_cuda_gemm_cost(&op_##_##id##_tile, splits, d, device, batch);                                        \
    }                                                                                                                  \
    static const fl_tactic op_##_##id = {.name = "cuda." #op_ "." text,                                                \
                                         .op = FL_OP_##OP,                                                             \
                                         .supports = op_##_##id##_supports,                                            \
                                         .workspace_bytes = op_##_##id##_workspace,                                    \
                                         .packs = FL_GEMM_PACKS,                                                       \
                                         .in_place = 1u << FL_SLOT_RESIDUAL,                                           \
                                         .pack = fl_cuda_gemm_pack,                                                    \
                                         .run = op_##_##id##_run,                                                      \
                                         .packed_bytes = fl_cuda_gemm_packed_bytes,                                    \
                                         .cost = op_##_##id##_cost};

#endif
