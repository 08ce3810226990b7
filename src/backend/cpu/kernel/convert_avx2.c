/* convert_avx2.c - see convert_tmpl.h. The conversion instruction gives INT32_MIN for what does not fit. */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/vec_avx2.h"

static void block_to_i32(const float *x, int32_t *y, size_t n)
{
    size_t i = 0;

    for (; i + VN <= n; i += VN)
        _mm256_storeu_si256((void *)(y + i), _mm256_cvttps_epi32(v_load(x + i)));
    if (i < n)
        _mm256_maskstore_epi32(y + i, v_mask(n - i), _mm256_cvttps_epi32(v_load_part(x + i, n - i)));
}

#include "backend/cpu/kernel/convert_tmpl.h"
#endif
typedef int convert_avx2_is_not_empty;
