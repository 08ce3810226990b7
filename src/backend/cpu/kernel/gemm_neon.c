/* gemm_neon.c - see gemm_tmpl.h. 32 registers: 24 accumulators. */
#include <stddef.h>
#if defined(__aarch64__)
#include "backend/cpu/kernel/vec_neon.h"
#include "backend/cpu/kernel/gemm_tmpl.h"

GEMM_TILE(1, 3) GEMM_TILE(2, 3) GEMM_TILE(3, 3) GEMM_TILE(4, 3) GEMM_TILE(5, 3) GEMM_TILE(6, 3) GEMM_TILE(7, 3)
GEMM_TILE(8, 3)
GEMM_KERNEL(8, 12, 3, NEON, neon)

GEMM_TILE(1, 4) GEMM_TILE(2, 4) GEMM_TILE(3, 4) GEMM_TILE(4, 4) GEMM_TILE(5, 4) GEMM_TILE(6, 4)
GEMM_KERNEL(6, 16, 4, NEON, neon)
#endif
typedef int gemm_neon_is_not_empty;
