/* act_neon.c - see act_tmpl.h. */
#include <stddef.h>
#if defined(__aarch64__)
#include "backend/cpu/kernel/vec_neon.h"
#include "backend/cpu/kernel/act_tmpl.h"
#endif
typedef int act_neon_is_not_empty;
