/* act_avx2.c - see act_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx2.h"
#include "backend/cpu/kernel/act_tmpl.h"
#endif
typedef int act_avx2_is_not_empty;
