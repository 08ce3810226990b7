/* depthwise_neon.c - see depthwise_tmpl.h. */
#include <stddef.h>
#if defined(__aarch64__)
#include "backend/cpu/kernel/vec_neon.h"
#include "backend/cpu/kernel/depthwise_tmpl.h"

ANY_KERNEL(NEON, neon)
PATCH_KERNEL(3, 1, neon)
PATCH_KERNEL(3, 2, neon)
PATCH_KERNEL(5, 1, neon)
PATCH_KERNEL(5, 2, neon)
#endif
typedef int depthwise_neon_is_not_empty;
