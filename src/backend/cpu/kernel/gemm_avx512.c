/* gemm_avx512.c - see gemm_tmpl.h. 32 registers: up to 28 accumulators. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx512.h"
#include "backend/cpu/kernel/gemm_tmpl.h"

GEMM_TILE(1, 1) GEMM_TILE(2, 1) GEMM_TILE(3, 1) GEMM_TILE(4, 1) GEMM_TILE(5, 1) GEMM_TILE(6, 1) GEMM_TILE(7, 1)
GEMM_TILE(8, 1) GEMM_TILE(9, 1) GEMM_TILE(10, 1) GEMM_TILE(11, 1) GEMM_TILE(12, 1) GEMM_TILE(13, 1) GEMM_TILE(14, 1)
GEMM_KERNEL(14, 16, 1, AVX512, avx512)

GEMM_TILE(1, 2) GEMM_TILE(2, 2) GEMM_TILE(3, 2) GEMM_TILE(4, 2) GEMM_TILE(5, 2) GEMM_TILE(6, 2) GEMM_TILE(7, 2)
GEMM_TILE(8, 2) GEMM_TILE(9, 2) GEMM_TILE(10, 2) GEMM_TILE(11, 2) GEMM_TILE(12, 2) GEMM_TILE(13, 2) GEMM_TILE(14, 2)
GEMM_KERNEL(8, 32, 2, AVX512, avx512)
GEMM_KERNEL(14, 32, 2, AVX512, avx512)

GEMM_TILE(1, 3) GEMM_TILE(2, 3) GEMM_TILE(3, 3) GEMM_TILE(4, 3) GEMM_TILE(5, 3) GEMM_TILE(6, 3) GEMM_TILE(7, 3)
GEMM_TILE(8, 3)
GEMM_KERNEL(8, 48, 3, AVX512, avx512)

GEMM_TILE(1, 4) GEMM_TILE(2, 4) GEMM_TILE(3, 4) GEMM_TILE(4, 4) GEMM_TILE(5, 4) GEMM_TILE(6, 4)
GEMM_KERNEL(6, 64, 4, AVX512, avx512)
#endif
typedef int gemm_avx512_is_not_empty;
