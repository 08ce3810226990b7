/* act_avx512.c - see act_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx512.h"
#include "backend/cpu/kernel/act_tmpl.h"
#endif
typedef int act_avx512_is_not_empty;
