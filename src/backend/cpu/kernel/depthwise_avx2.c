/* depthwise_avx2.c - see depthwise_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx2.h"
#include "backend/cpu/kernel/depthwise_tmpl.h"

ANY_KERNEL(AVX2, avx2)
PATCH_KERNEL(3, 1, avx2)
PATCH_KERNEL(3, 2, avx2)
PATCH_KERNEL(5, 1, avx2)
PATCH_KERNEL(5, 2, avx2)
#endif
typedef int depthwise_avx2_is_not_empty;
