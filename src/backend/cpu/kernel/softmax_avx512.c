/* softmax_avx512.c - see softmax_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vbits_avx512.h"
#include "backend/cpu/kernel/vmath.h"

#include "backend/cpu/kernel/softmax_tmpl.h"
#endif
typedef int softmax_avx512_is_not_empty;
