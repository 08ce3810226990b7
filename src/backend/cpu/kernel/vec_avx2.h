/* vec_avx2.h - vectors of 8 floats, and the vocabulary of all vec_<isa>.h: vf, a vector of VN floats, and v_* on it.
 *
 * Kernel templates (*_tmpl.h) and vmath.h are written in these words and compiled once for each instruction set, by the
 * *_<isa>.c that includes a vec_<isa>.h first. Every operation is IEEE single precision; fma rounds once. Pointers need
 * no alignment beyond the element's. *_part touch the first n < VN elements only (n = 0 none at all).
 *
 *     v_min, v_max      give b where a or b is NaN: v_min(bound, x) hands a NaN in x on
 *     v_round           to nearest, ties to even
 *     v_scale2(a, n)    a * 2^n for integral n, |n| <= 252; denormal results are rounded once
 *     v_if_lt           yes where a < b, no elsewhere (NaN: no)
 *     v_if_nan          yes where a is NaN
 *     v_spread          lane i is p[(first + i) / every], of the n that may be read; first < every
 */
#ifndef FL_VEC_AVX2_H
#define FL_VEC_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m256 vf;
#define VN 8
#define V_ISA avx2

static inline vf v_zero(void) { return _mm256_setzero_ps(); }
static inline vf v_set1(float x) { return _mm256_set1_ps(x); }
static inline vf v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vf x) { _mm256_storeu_ps(p, x); }

static inline __m256i v_mask(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vf v_load_part(const float *p, size_t n) { return _mm256_maskload_ps(p, v_mask(n)); }
static inline void v_store_part(float *p, vf x, size_t n) { _mm256_maskstore_ps(p, v_mask(n), x); }

static inline vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf v_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
static inline vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
static inline vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf v_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline vf v_copysign(vf a, vf sign)
{
    return _mm256_or_ps(v_abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
}
static inline vf v_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf v_floor(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
static inline vf v_ceil(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }

/* In two steps, because 2^n itself may be out of range while a * 2^n is not. The first step is exact. */
static inline vf v_scale2(vf a, vf n)
{
    const __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1), bias = _mm256_set1_epi32(127);
    const __m256i one = _mm256_add_epi32(half, bias), two = _mm256_add_epi32(_mm256_sub_epi32(i, half), bias);
    const vf a1 = _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(one, 23)));
    return _mm256_mul_ps(a1, _mm256_castsi256_ps(_mm256_slli_epi32(two, 23)));
}
static inline vf v_if_lt(vf a, vf b, vf yes, vf no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
static inline vf v_if_nan(vf a, vf yes, vf no) { return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, a, _CMP_UNORD_Q)); }

static inline vf v_spread(const float *p, size_t n, size_t first, size_t every)
{
    int32_t at[8];
    for (size_t i = 0; i < 8; i++)
        at[i] = (int32_t)((first + i) / every);
    const __m256i lanes = _mm256_loadu_si256((const __m256i *)(const void *)at);
    return _mm256_permutevar8x32_ps(v_load_part(p, n < 8 ? n : 8), lanes);
}

/* Keeps the compiler from reading b again as a memory operand of every fma: loads are as scarce as fmas. */
#define V_KEEP(b) __asm__("" : "+x"(b))

#endif
