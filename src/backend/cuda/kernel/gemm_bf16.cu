/* gemm_bf16.cu - matrix products and convolutions in bf16: the instances. */
#include "gemm.cuh"
#include "gemm_patch.cuh"
#include "gemm_rows.cuh"

#define FL_GEMM_HALF
#define FL_GEMM_TILE(...)        FL_GEMM_INSTANCE(bf16, bf16, WHOLE, gemm, 800, __VA_ARGS__)
#define FL_GEMM_NEAR_TILE(...)   FL_GEMM_INSTANCE(bf16, bf16, NEAR, gemm_near, 800, __VA_ARGS__)
#define FL_GEMM_GATHER_TILE(...) FL_GEMM_INSTANCE(bf16, bf16, GATHER, gemm_gather, 800, __VA_ARGS__)
#include "gemm_tile.def"

FL_GEMM_PATCH_INSTANCE(bf16, bf16, 800, 32)
FL_GEMM_PATCH_INSTANCE(bf16, bf16, 800, 64)

FL_GEMM_ROWS_INSTANCE(bf16, bf16, 800, 1, 8)
FL_GEMM_ROWS_INSTANCE(bf16, bf16, 800, 2, 16)
