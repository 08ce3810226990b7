/* gemm_avx2.c - see gemm_tmpl.h. 16 registers: 12 accumulators. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx2.h"
#include "backend/cpu/kernel/gemm_tmpl.h"

GEMM_TILE(1, 2) GEMM_TILE(2, 2) GEMM_TILE(3, 2) GEMM_TILE(4, 2) GEMM_TILE(5, 2) GEMM_TILE(6, 2)
GEMM_KERNEL(6, 16, 2, AVX2, avx2)

GEMM_TILE(1, 3) GEMM_TILE(2, 3) GEMM_TILE(3, 3) GEMM_TILE(4, 3)
GEMM_KERNEL(4, 24, 3, AVX2, avx2)
#endif
typedef int gemm_avx2_is_not_empty;
