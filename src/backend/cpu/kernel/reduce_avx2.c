/* reduce_avx2.c - see reduce_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vbits_avx2.h"

#include "backend/cpu/kernel/reduce_tmpl.h"
#endif
typedef int reduce_avx2_is_not_empty;
