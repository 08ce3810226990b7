/* gemm_tf32.cu - matrix products and convolutions in TF32, of tensors of f32: the instances. */
#include "gemm.cuh"
#include "gemm_patch.cuh"

#define FL_GEMM_TF32
#define FL_GEMM_TILE(...)        FL_GEMM_INSTANCE(tf32, float, WHOLE, gemm, 800, __VA_ARGS__)
#define FL_GEMM_NEAR_TILE(...)   FL_GEMM_INSTANCE(tf32, float, NEAR, gemm_near, 800, __VA_ARGS__)
#define FL_GEMM_GATHER_TILE(...) FL_GEMM_INSTANCE(tf32, float, GATHER, gemm_gather, 800, __VA_ARGS__)
#include "gemm_tile.def"

FL_GEMM_PATCH_INSTANCE(tf32, float, 800, 32)
FL_GEMM_PATCH_INSTANCE(tf32, float, 800, 64)
