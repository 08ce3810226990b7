/* winograd_avx2.c - see winograd_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx2.h"
#include "backend/cpu/kernel/winograd_tmpl.h"

WINOGRAD_KERNEL(4, AVX2, avx2)
WINOGRAD_KERNEL(2, AVX2, avx2)
#endif
typedef int winograd_avx2_is_not_empty;
