/* pool_avx512.c - see pool_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vbits_avx512.h"

#include "backend/cpu/kernel/pool_tmpl.h"
#endif
typedef int pool_avx512_is_not_empty;
