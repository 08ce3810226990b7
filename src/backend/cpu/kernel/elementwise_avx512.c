/* elementwise_avx512.c - see elementwise_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vbits_avx512.h"
#include "backend/cpu/kernel/elementwise_tmpl.h"
#endif
typedef int elementwise_avx512_is_not_empty;
