/* cuda_matmul.c - tactics of matmul: on tensor cores (cuda_gemm.def), then on CUDA cores (cuda_simt.h). Names are those
 * of conv2d; a product is a convolution with one tap over an image of one row. rows_8 and rows_16 are for small
 * batches.
 */
#include "backend/cuda/cuda_gemm.h"
#include "backend/cuda/cuda_simt.h"

#define FL_GEMM_TACTIC(id, text, splits, ...) FL_GEMM_ROW(matmul, MATMUL, id, text, splits, __VA_ARGS__)
#include "backend/cuda/cuda_gemm.def"
#undef FL_GEMM_TACTIC

static const fl_tactic *const tactics[] = {
#define FL_GEMM_TACTIC(id, ...) &matmul_##id,
#include "backend/cuda/cuda_gemm.def"
#undef FL_GEMM_TACTIC
    FL_CUDA_MATMUL_SIMT_ROWS};
const fl_tactic_list fl_cuda_matmul = {tactics, sizeof tactics / sizeof *tactics};
