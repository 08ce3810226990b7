/* gemm_f16.cu - matrix products and convolutions in f16: the instances. */
#include "gemm.cuh"
#include "gemm_patch.cuh"
#include "gemm_rows.cuh"

#define FL_GEMM_HALF
#define FL_GEMM_TILE(...)        FL_GEMM_INSTANCE(f16, f16, WHOLE, gemm, 750, __VA_ARGS__)
#define FL_GEMM_NEAR_TILE(...)   FL_GEMM_INSTANCE(f16, f16, NEAR, gemm_near, 750, __VA_ARGS__)
#define FL_GEMM_GATHER_TILE(...) FL_GEMM_INSTANCE(f16, f16, GATHER, gemm_gather, 750, __VA_ARGS__)
#include "gemm_tile.def"

FL_GEMM_PATCH_INSTANCE(f16, f16, 750, 32)
FL_GEMM_PATCH_INSTANCE(f16, f16, 750, 64)

FL_GEMM_ROWS_INSTANCE(f16, f16, 750, 1, 8)
FL_GEMM_ROWS_INSTANCE(f16, f16, 750, 2, 16)
