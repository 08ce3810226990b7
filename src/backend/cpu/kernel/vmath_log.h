/* vmath_log.h - log and pow on vectors, in the words of a vbits_<isa>.h included before; vmath.h's second half.
 *
 * Bounds, against the true value rounded to single (tests/kernel/test_vmath.c measures them):
 *
 *     log      1 ulp. x = m 2^n with m in [sqrt 1/2, sqrt 2); log m = f - s (f - R), s = f / (2 + f), f = m - 1.
 *              Denormals are scaled up first.
 *     pow      1 ulp. 2^(y log2 |x|) in double: the logarithm's error is multiplied by up to 150, so single precision
 *              is no place for it. Signs, zeros and infinities as C99's pow has them.
 */
#ifndef FL_VMATH_LOG_H
#define FL_VMATH_LOG_H

#include <float.h>
#include <math.h>

#define VM_SQRT_HALF_BITS 0x3f3504f3

static inline vf vm_log(vf x)
{
    const vf least = v_set1(FLT_MIN), zero = v_zero();
    const vf scaled = v_if_lt(x, least, v_mul(x, v_set1(0x1p25f)), x);
    const vf bias = v_if_lt(x, least, v_set1(25.0f), zero);
    const vi shifted = vi_sub(v_bits(scaled), vi_set1(VM_SQRT_HALF_BITS));
    const vf n = v_sub(v_to_float(vi_shift_right(shifted, 23)), bias);
    const vf m = v_from_bits(vi_add(vi_and(shifted, vi_set1(0x007fffff)), vi_set1(VM_SQRT_HALF_BITS)));
    const vf f = v_sub(m, v_set1(1.0f)), s = v_div(f, v_add(v_set1(2.0f), f)), z = v_mul(s, s);
    vf q = v_set1(0.298709393f);
    q = v_fma(q, z, v_set1(0.399775743f));
    q = v_fma(q, z, v_set1(0.666667759f));
    /* f - s (f - R) with the halves of f^2 taken apart: the larger terms are added last. */
    const vf half = v_mul(v_mul(v_set1(0.5f), f), f);
    const vf low = v_fma(n, v_set1(0x1.7f7d1cp-20f), v_mul(s, v_fma(q, z, half)));
    const vf rest = v_sub(v_sub(half, low), f);
    vf y = v_fma(n, v_set1(0x1.62e400p-1f), v_sub(zero, rest));
    y = v_if_lt(x, zero, v_set1(NAN), y);
    y = v_if_eq(x, zero, v_set1(-INFINITY), y);
    return v_if_lt(x, v_set1(INFINITY), y, x); /* +inf and NaN are their own logarithms */
}

/* log2(a) for a >= 0, exact to about 40 bits */
static inline vd vm_log2_double(vd a)
{
    vd m, e = vd_exponent(a, &m);
    const vd large = vd_set1(1.4142135623730951), one = vd_set1(1.0);
    e = vd_if_lt(m, large, e, vd_add(e, one));
    m = vd_if_lt(m, large, m, vd_mul(m, vd_set1(0.5)));
    const vd s = vd_div(vd_sub(m, one), vd_add(m, one)), z = vd_mul(s, s);
    vd q = vd_set1(1.0 / 15); /* the series of atanh; |s| < 0.172 */
    q = vd_fma(q, z, vd_set1(1.0 / 13));
    q = vd_fma(q, z, vd_set1(1.0 / 11));
    q = vd_fma(q, z, vd_set1(1.0 / 9));
    q = vd_fma(q, z, vd_set1(1.0 / 7));
    q = vd_fma(q, z, vd_set1(1.0 / 5));
    q = vd_fma(q, z, vd_set1(1.0 / 3));
    q = vd_fma(q, z, one);
    e = vd_fma(vd_mul(s, vd_set1(2.8853900817779268)), q, e); /* 2 / ln 2 */
    e = vd_if_eq(a, vd_set1(0.0), vd_set1(-(double)INFINITY), e);
    return vd_if_lt(a, vd_set1((double)INFINITY), e, a);
}

/* 2^t, to about 32 bits; 0 and infinite where a single would be */
static inline vd vm_exp2_double(vd t)
{
    const vd c = vd_min(vd_set1(200.0), vd_max(vd_set1(-200.0), t)), n = vd_round(c);
    const vd f = vd_mul(vd_sub(c, n), vd_set1(0.6931471805599453));
    vd q = vd_set1(1.0 / 40320);
    q = vd_fma(q, f, vd_set1(1.0 / 5040));
    q = vd_fma(q, f, vd_set1(1.0 / 720));
    q = vd_fma(q, f, vd_set1(1.0 / 120));
    q = vd_fma(q, f, vd_set1(1.0 / 24));
    q = vd_fma(q, f, vd_set1(1.0 / 6));
    q = vd_fma(q, f, vd_set1(0.5));
    q = vd_fma(q, f, vd_set1(1.0));
    q = vd_fma(q, f, vd_set1(1.0));
    return vd_mul(q, vd_pow2(n));
}

static inline vf vm_pow(vf x, vf y)
{
    const vf one = v_set1(1.0f), zero = v_zero(), a = v_abs(x), half = v_mul(y, v_set1(0.5f));
    const vd low = vm_exp2_double(vd_mul(v_low(y), vm_log2_double(v_low(a))));
    const vd high = vm_exp2_double(vd_mul(v_high(y), vm_log2_double(v_high(a))));
    vf p = v_if_eq(a, one, v_if_nan(y, y, one), v_narrow(low, high)); /* (-1)^+-inf is 1 */
    /* A negative base needs an integral exponent, but for -0 and -inf; an odd one keeps the sign. */
    const vf whole = v_if_eq(v_floor(y), y, one, zero), even = v_if_eq(v_floor(half), half, one, zero);
    const vf odd = v_sub(whole, even);
    const vf special = v_if_eq(a, zero, one, v_if_eq(a, v_set1(INFINITY), one, whole));
    p = v_if_lt(x, zero, v_if_eq(special, zero, v_if_nan(y, y, v_set1(NAN)), p), p);
    p = v_if_lt(v_copysign(one, x), zero, v_if_eq(odd, one, v_sub(v_set1(-0.0f), p), p), p);
    p = v_if_eq(y, zero, one, p);
    return v_if_eq(x, one, one, p);
}

#endif
