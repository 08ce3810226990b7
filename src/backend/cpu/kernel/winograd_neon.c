/* winograd_neon.c - see winograd_tmpl.h. */
#include <stddef.h>
#if defined(__aarch64__)
#include "backend/cpu/kernel/vec_neon.h"
#include "backend/cpu/kernel/winograd_tmpl.h"

WINOGRAD_KERNEL(4, NEON, neon)
WINOGRAD_KERNEL(2, NEON, neon)
#endif
typedef int winograd_neon_is_not_empty;
