/* vmath.h - exp, tanh and their kin on vectors, in the words of a vec_<isa>.h included before.
 *
 * All are within 2 ulp, softplus within 3 (measured by tests/kernel/test_cpu_act.c), hand NaN on, and give the limits at +-infinity. Where
 * a formula would cancel (expm1 and tanh near 0, log1p of little) another one is used there, so the error is relative
 * everywhere and not only against 1. Coefficients are minimax fits, made by weighted least squares.
 *
 *     exp, expm1   x = n ln 2 + r, |r| <= ln 2 / 2; e^r = 1 + r + r^2 Q(r); times 2^n
 *     log1p        2 atanh(s) with s = z / (2 + z), for 0 <= z <= 1
 */
#ifndef FL_VMATH_H
#define FL_VMATH_H

/* e^r - 1 of the reduced argument, and n */
static inline vf vm_reduce(vf x, vf *n)
{
    *n = v_round(v_mul(x, v_set1(1.44269504f)));
    /* ln 2 in two parts; the first has 15 bits, so the product is exact */
    vf r = v_fnma(*n, v_set1(0x1.62e400p-1f), x);
    r = v_fnma(*n, v_set1(0x1.7f7d1cp-20f), r);
    vf q = v_set1(0.00138825164f);
    q = v_fma(q, r, v_set1(0.00836654713f));
    q = v_fma(q, r, v_set1(0.0416672007f));
    q = v_fma(q, r, v_set1(0.166665434f));
    q = v_fma(q, r, v_set1(0.499999981f));
    return v_fma(v_mul(r, r), q, r);
}

static inline vf vm_exp(vf x)
{
    vf n;
    /* Beyond these e^x is 0 or infinite anyway, and n would leave the range of v_scale2. */
    const vf c = v_min(v_set1(89.0f), v_max(v_set1(-104.0f), x));
    const vf e = vm_reduce(c, &n);
    return v_scale2(v_add(e, v_set1(1.0f)), n);
}

/* x <= 0 */
static inline vf vm_expm1_negative(vf x)
{
    vf n;
    const vf e = vm_reduce(v_max(v_set1(-104.0f), x), &n);
    const vf p = v_scale2(v_set1(1.0f), n); /* e^x - 1 = 2^n (e^r - 1) + (2^n - 1) */
    return v_fma(p, e, v_sub(p, v_set1(1.0f)));
}

/* 0 <= z <= 1 */
static inline vf vm_log1p_small(vf z)
{
    const vf s = v_div(z, v_add(z, v_set1(2.0f))), t = v_mul(s, s);
    vf q = v_set1(0.242895575f);
    q = v_fma(q, t, v_set1(0.214307409f));
    q = v_fma(q, t, v_set1(0.286165967f));
    q = v_fma(q, t, v_set1(0.399988884f));
    q = v_fma(q, t, v_set1(0.666666755f));
    return v_fma(v_mul(s, t), q, v_add(s, s));
}

static inline vf vm_sigmoid(vf x)
{
    const vf one = v_set1(1.0f), z = vm_exp(v_sub(v_zero(), v_abs(x))); /* never overflows */
    return v_div(v_if_lt(x, v_zero(), z, one), v_add(one, z));
}

/* e^x in two halves: where it alone would be too small to keep its digits, x e^x is not yet. */
static inline vf vm_silu(vf x)
{
    const vf h = vm_exp(v_mul(v_set1(-0.5f), v_abs(x)));
    return v_div(v_if_lt(x, v_zero(), v_mul(v_mul(x, h), h), x), v_add(v_set1(1.0f), v_mul(h, h)));
}

static inline vf vm_tanh(vf x)
{
    const vf a = v_abs(x), t = v_mul(x, x), one = v_set1(1.0f);
    vf q = v_set1(-0.0056483162f);
    q = v_fma(q, t, v_set1(0.0205898262f));
    q = v_fma(q, t, v_set1(-0.0537251265f));
    q = v_fma(q, t, v_set1(0.133312744f));
    q = v_fma(q, t, v_set1(-0.333332761f));
    const vf small = v_fma(v_mul(q, t), x, x);
    const vf e = vm_exp(v_add(a, a));
    const vf large = v_sub(one, v_div(v_set1(2.0f), v_add(e, one)));
    return v_if_lt(a, v_set1(0.625f), small, v_copysign(large, x));
}

/* log(1 + e^x) */
static inline vf vm_softplus(vf x)
{
    const vf z = vm_exp(v_sub(v_zero(), v_abs(x)));
    return v_add(v_max(v_zero(), x), vm_log1p_small(z));
}

static inline vf vm_relu(vf x) { return v_max(v_zero(), x); }
static inline vf vm_relu6(vf x) { return v_min(v_set1(6.0f), v_max(v_zero(), x)); }
static inline vf vm_leaky_relu(vf x, vf alpha) { return v_if_lt(v_zero(), x, x, v_mul(x, alpha)); }
static inline vf vm_elu(vf x) { return v_if_lt(x, v_zero(), vm_expm1_negative(v_min(v_zero(), x)), x); }
static inline vf vm_selu(vf x)
{
    return v_if_lt(x, v_zero(), v_mul(v_set1(1.75809934f), vm_expm1_negative(v_min(v_zero(), x))),
                   v_mul(v_set1(1.05070098f), x));
}
static inline vf vm_softsign(vf x) { return v_div(x, v_add(v_set1(1.0f), v_abs(x))); }

#endif
