/* vbits_avx512.h - comparisons, the bits of a float, doubles, 16 floats at a time; see vbits_avx2.h for the vocabulary. */
#ifndef FL_VBITS_AVX512_H
#define FL_VBITS_AVX512_H

#include "vec_avx512.h"

#include <string.h>

typedef __m512i vi;
typedef __m512d vd;

static inline vi v_bits(vf a) { return _mm512_castps_si512(a); }
static inline vf v_from_bits(vi a) { return _mm512_castsi512_ps(a); }
static inline vf v_to_float(vi a) { return _mm512_cvtepi32_ps(a); }
static inline vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
static inline vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
static inline vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
static inline vi vi_shift_right(vi a, unsigned bits) { return _mm512_srai_epi32(a, bits); } /* keeps the sign */

static inline vf v_xor(vf a, vf b) { return _mm512_xor_ps(a, b); }
static inline vf v_load_part_or(const float *p, size_t n, vf fill) { return _mm512_mask_loadu_ps(fill, v_mask(n), p); }
static inline vf v_if_le(vf a, vf b, vf yes, vf no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LE_OQ), no, yes);
}
static inline vf v_if_eq(vf a, vf b, vf yes, vf no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), no, yes);
}
static inline vf v_even(vf a, vf b)
{
    const __m512i places = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(a, places, b);
}

#define V_BYTES(name, predicate)                                                                      \
    static inline void v_bytes_##name(uint8_t *y, vf a, vf b, size_t n)                               \
    {                                                                                                 \
        const __m128i bytes = _mm_maskz_set1_epi8(_mm512_cmp_ps_mask(a, b, predicate), 1);            \
        _mm_mask_storeu_epi8(y, v_mask(n), bytes);                                                    \
    }
V_BYTES(equal, _CMP_EQ_OQ)
V_BYTES(not_equal, _CMP_NEQ_UQ)
V_BYTES(less, _CMP_LT_OQ)
V_BYTES(less_equal, _CMP_LE_OQ)
V_BYTES(greater, _CMP_GT_OQ)
V_BYTES(greater_equal, _CMP_GE_OQ)
#undef V_BYTES

/* ---- across a vector: always in the same order, halves first */

#define V_ACROSS(name, op)                                                                            \
    static inline float v_across_##name(vf a)                                                         \
    {                                                                                                 \
        const __m256 h = _mm256_##op##_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));   \
        __m128 x = _mm_##op##_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));             \
        x = _mm_##op##_ps(x, _mm_movehl_ps(x, x));                                                    \
        return _mm_cvtss_f32(_mm_##op##_ss(x, _mm_movehdup_ps(x)));                                   \
    }
V_ACROSS(add, add)
V_ACROSS(max, max)
V_ACROSS(min, min)
#undef V_ACROSS

/* ---- doubles */

static inline vd v_low(vf a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
static inline vd v_high(vf a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }
static inline vf v_narrow(vd low, vd high)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
}
static inline vd vd_set1(double x) { return _mm512_set1_pd(x); }
static inline vd vd_add(vd a, vd b) { return _mm512_add_pd(a, b); }
static inline vd vd_sub(vd a, vd b) { return _mm512_sub_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm512_mul_pd(a, b); }
static inline vd vd_div(vd a, vd b) { return _mm512_div_pd(a, b); }
static inline vd vd_fma(vd a, vd b, vd c) { return _mm512_fmadd_pd(a, b, c); }
static inline vd vd_min(vd a, vd b) { return _mm512_min_pd(a, b); } /* b where a or b is NaN */
static inline vd vd_max(vd a, vd b) { return _mm512_max_pd(a, b); }
static inline vd vd_round(vd a) { return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vd vd_if_lt(vd a, vd b, vd yes, vd no)
{
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), no, yes);
}
static inline vd vd_if_eq(vd a, vd b, vd yes, vd no)
{
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ), no, yes);
}
static inline vd vd_exponent(vd a, vd *m)
{
    *m = _mm512_getmant_pd(a, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src);
    return _mm512_getexp_pd(a);
}
static inline vd vd_pow2(vd n) { return _mm512_scalef_pd(_mm512_set1_pd(1.0), n); }

#endif
