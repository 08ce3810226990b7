/* vbits_avx2.h - what elementwise kernels need beside vec_avx2.h: comparisons, the bits of a float, and doubles.
 *
 * The vocabulary of all vbits_<isa>.h, in the manner of vec_<isa>.h:
 *
 *     vi                 a vector of VN int32; v_bits and v_from_bits look at the same bits as the other type
 *     v_xor              of the bits of two floats
 *     v_load_part_or     v_load_part with `fill` in the places that are not loaded
 *     v_if_le, v_if_eq   yes where a <= b, a == b, no elsewhere (NaN: no)
 *     v_even             places 0, 2, 4, ... of a, then those of b
 *     v_bytes_<cmp>      y[i] = a[i] <cmp> b[i] as a byte 0 or 1, for the first n <= VN places
 *     vd                 a vector of VN/2 doubles; v_low and v_high widen the halves of a vf, v_narrow rounds both back
 *     vd_exponent        floor(log2(a)) of normal a > 0, *m = a / 2^that, in [1, 2)
 *     vd_pow2            2^n for integral n, |n| <= 1022
 */
#ifndef FL_VBITS_AVX2_H
#define FL_VBITS_AVX2_H

#include "vec_avx2.h"

#include <string.h>

typedef __m256i vi;
typedef __m256d vd;

static inline vi v_bits(vf a) { return _mm256_castps_si256(a); }
static inline vf v_from_bits(vi a) { return _mm256_castsi256_ps(a); }
static inline vf v_to_float(vi a) { return _mm256_cvtepi32_ps(a); }
static inline vi vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
static inline vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
static inline vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
static inline vi vi_shift_right(vi a, int bits) { return _mm256_srai_epi32(a, bits); } /* keeps the sign */

static inline vf v_xor(vf a, vf b) { return _mm256_xor_ps(a, b); }
static inline vf v_load_part_or(const float *p, size_t n, vf fill)
{
    return _mm256_blendv_ps(fill, v_load_part(p, n), _mm256_castsi256_ps(v_mask(n)));
}
static inline vf v_if_le(vf a, vf b, vf yes, vf no) { return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LE_OQ)); }
static inline vf v_if_eq(vf a, vf b, vf yes, vf no) { return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_EQ_OQ)); }
static inline vf v_even(vf a, vf b)
{
    const __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xd8));
}

#define V_BYTES(name, predicate)                                                                          \
    static inline void v_bytes_##name(uint8_t *y, vf a, vf b, size_t n)                                   \
    {                                                                                                     \
        const __m256i yes = _mm256_castps_si256(_mm256_cmp_ps(a, b, predicate));                          \
        const __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(yes), _mm256_extracti128_si256(yes, 1)); \
        const __m128i bytes = _mm_and_si128(_mm_packs_epi16(half, half), _mm_set1_epi8(1));               \
        const int64_t all = _mm_cvtsi128_si64(bytes);                                                     \
        memcpy(y, &all, n);                                                                               \
    }
V_BYTES(equal, _CMP_EQ_OQ)
V_BYTES(not_equal, _CMP_NEQ_UQ)
V_BYTES(less, _CMP_LT_OQ)
V_BYTES(less_equal, _CMP_LE_OQ)
V_BYTES(greater, _CMP_GT_OQ)
V_BYTES(greater_equal, _CMP_GE_OQ)
#undef V_BYTES

/* ---- across a vector: always in the same order, halves first */

#define V_ACROSS(name, op)                                                          \
    static inline float v_across_##name(vf a)                                       \
    {                                                                               \
        __m128 x = _mm_##op##_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)); \
        x = _mm_##op##_ps(x, _mm_movehl_ps(x, x));                                  \
        return _mm_cvtss_f32(_mm_##op##_ss(x, _mm_movehdup_ps(x)));                 \
    }
V_ACROSS(add, add)
V_ACROSS(max, max)
V_ACROSS(min, min)
#undef V_ACROSS

/* ---- doubles */

static inline vd v_low(vf a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
static inline vd v_high(vf a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }
static inline vf v_narrow(vd low, vd high)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1);
}
static inline vd vd_set1(double x) { return _mm256_set1_pd(x); }
static inline vd vd_add(vd a, vd b) { return _mm256_add_pd(a, b); }
static inline vd vd_sub(vd a, vd b) { return _mm256_sub_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm256_mul_pd(a, b); }
static inline vd vd_div(vd a, vd b) { return _mm256_div_pd(a, b); }
static inline vd vd_fma(vd a, vd b, vd c) { return _mm256_fmadd_pd(a, b, c); }
static inline vd vd_min(vd a, vd b) { return _mm256_min_pd(a, b); } /* b where a or b is NaN */
static inline vd vd_max(vd a, vd b) { return _mm256_max_pd(a, b); }
static inline vd vd_round(vd a) { return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vd vd_if_lt(vd a, vd b, vd yes, vd no) { return _mm256_blendv_pd(no, yes, _mm256_cmp_pd(a, b, _CMP_LT_OQ)); }
static inline vd vd_if_eq(vd a, vd b, vd yes, vd no) { return _mm256_blendv_pd(no, yes, _mm256_cmp_pd(a, b, _CMP_EQ_OQ)); }

/* There is no conversion of int64: as the low bits of 2^52, the biased exponent reads as 2^52 plus itself. */
static inline vd vd_exponent(vd a, vd *m)
{
    const __m256i bits = _mm256_castpd_si256(a), magic = _mm256_set1_epi64x(0x4330000000000000);
    const __m256i fraction = _mm256_and_si256(bits, _mm256_set1_epi64x(0x000fffffffffffff));
    *m = _mm256_castsi256_pd(_mm256_or_si256(fraction, _mm256_set1_epi64x(0x3ff0000000000000)));
    const __m256d read = _mm256_castsi256_pd(_mm256_or_si256(_mm256_srli_epi64(bits, 52), magic));
    return _mm256_sub_pd(read, _mm256_set1_pd(4503599627370496.0 + 1023.0));
}
/* n + 1023 + 2^52 has n + 1023 in its low bits, where the shift picks it up. */
static inline vd vd_pow2(vd n)
{
    const __m256d read = _mm256_add_pd(n, _mm256_set1_pd(4503599627370496.0 + 1023.0));
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(read), 52));
}

#endif
