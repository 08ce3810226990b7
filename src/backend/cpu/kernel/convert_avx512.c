/* convert_avx512.c - see convert_tmpl.h. The conversion instruction gives INT32_MIN for what does not fit. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx512.h"

static void block_to_i32(const float *x, int32_t *y, size_t n)
{
    size_t i = 0;

    for (; i + VN <= n; i += VN)
        _mm512_storeu_si512(y + i, _mm512_cvttps_epi32(v_load(x + i)));
    if (i < n)
        _mm512_mask_storeu_epi32(y + i, v_mask(n - i), _mm512_cvttps_epi32(v_load_part(x + i, n - i)));
}

#include "backend/cpu/kernel/convert_tmpl.h"
#endif
typedef int convert_avx512_is_not_empty;
