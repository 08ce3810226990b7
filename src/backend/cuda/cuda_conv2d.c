/* cuda_conv2d.c - tactics of conv2d: on tensor cores (cuda_gemm.def), then on CUDA cores (cuda_simt.h).
 *
 *     cuda.conv2d.f16.mma_128x128x32      tiles of 128 pixels by 128 channels, k in stages of 32
 *     cuda.conv2d.f16.mma_64x64x64_k4     the same with k cut into 4 parts
 *     cuda.conv2d.f16.near_256x64x32      taps before channels, x through the L1
 *     cuda.conv2d.f16.gather_128x64x32    channels that are no multiple of 8 (f32: 4)
 *     cuda.conv2d.f16.patch_8x16x64       few channels: the first layer
 *     cuda.conv2d.f16.rows_8              1x1 on up to 8 pixels, k across warps
 */
#include "backend/cuda/cuda_gemm.h"
#include "backend/cuda/cuda_simt.h"

#define FL_GEMM_TACTIC(id, text, splits, ...) FL_GEMM_ROW(conv2d, CONV2D, id, text, splits, __VA_ARGS__)
#include "backend/cuda/cuda_gemm.def"
#undef FL_GEMM_TACTIC

static const fl_tactic *const tactics[] = {
#define FL_GEMM_TACTIC(id, ...) &conv2d_##id,
#include "backend/cuda/cuda_gemm.def"
#undef FL_GEMM_TACTIC
    FL_CUDA_CONV2D_SIMT_ROWS
};
const fl_tactic_list fl_cuda_conv2d = {tactics, sizeof tactics / sizeof *tactics};
