/* softmax_avx2.c - see softmax_tmpl.h. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vbits_avx2.h"
#include "backend/cpu/kernel/vmath.h"

#include "backend/cpu/kernel/softmax_tmpl.h"
#endif
typedef int softmax_avx2_is_not_empty;
