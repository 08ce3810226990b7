/* winograd_avx512.c - see winograd_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx512.h"
#include "backend/cpu/kernel/winograd_tmpl.h"

WINOGRAD_KERNEL(4, AVX512, avx512)
WINOGRAD_KERNEL(2, AVX512, avx512)
#endif
typedef int winograd_avx512_is_not_empty;
