/* depthwise_avx512.c - see depthwise_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx512.h"
#include "backend/cpu/kernel/depthwise_tmpl.h"

ANY_KERNEL(AVX512, avx512)
PATCH_KERNEL(3, 1, avx512)
PATCH_KERNEL(3, 2, avx512)
PATCH_KERNEL(5, 1, avx512)
PATCH_KERNEL(5, 2, avx512)
#endif
typedef int depthwise_avx512_is_not_empty;
