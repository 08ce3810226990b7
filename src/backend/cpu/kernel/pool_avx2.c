/* pool_avx2.c - see pool_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vbits_avx2.h"

#include "backend/cpu/kernel/pool_tmpl.h"
#endif
typedef int pool_avx2_is_not_empty;
