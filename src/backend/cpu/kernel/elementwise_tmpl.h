/* elementwise_tmpl.h - the kernels of elementwise.h in the words of vec_, vbits_<isa>.h, vmath.h and vmath_log.h.
 *
 * Every kernel is a loop of whole vectors and one partial vector at the end, through the same expression. Broadcast
 * sides and the clamp are loop invariants: each combination is a loop of its own, made by inlining one body with
 * constants.
 */
#include "backend/cpu/kernel/activation_tmpl.h"
#include "backend/cpu/kernel/elementwise.h"
#include "backend/cpu/kernel/vmath_log.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct clamp_vectors {
    vf low, high;
} clamp_vectors;

INLINE clamp_vectors clamp_of(const fl_clamp *clamp)
{
    return clamp ? (clamp_vectors){v_set1(clamp->low), v_set1(clamp->high)} : (clamp_vectors){v_zero(), v_zero()};
}

INLINE vf clamped(vf x, clamp_vectors c, bool clamps)
{
    return clamps ? v_min(c.high, v_max(c.low, x)) : x;
}

/* ---- one argument, beside the activations */

UNARY(neg, v_xor(x, v_set1(-0.0f)))
UNARY(abs, v_abs(x))
UNARY(sqrt, v_sqrt(x))
UNARY(rsqrt, v_div(v_set1(1.0f), v_sqrt(x)))
UNARY(square, v_mul(x, x))
UNARY(exp, vm_exp(x))
UNARY(log, vm_log(x))
UNARY(floor, v_floor(x))
UNARY(ceil, v_ceil(x))
UNARY(reciprocal, v_div(v_set1(1.0f), x))

/* ---- two arguments */

INLINE vf op_add(vf x, vf y) { return v_add(x, y); }
INLINE vf op_sub(vf x, vf y) { return v_sub(x, y); }
INLINE vf op_mul(vf x, vf y) { return v_mul(x, y); }
INLINE vf op_div(vf x, vf y) { return v_div(x, y); }
INLINE vf op_min(vf x, vf y) { return v_if_nan(y, y, v_min(y, x)); } /* v_min gives x where they are equal or x is NaN */
INLINE vf op_max(vf x, vf y) { return v_if_nan(y, y, v_max(y, x)); }
INLINE vf op_pow(vf x, vf y) { return vm_pow(x, y); }
INLINE vf op_floor_div(vf x, vf y) { return v_floor(v_div(x, y)); }
INLINE vf op_squared_difference(vf x, vf y)
{
    const vf d = v_sub(x, y);
    return v_mul(d, d);
}

#define BINARY(name)                                                                                                  \
    INLINE void loop_##name(const float *a, size_t as, const float *b, size_t bs, float *y, size_t n,                 \
                            const fl_clamp *clamp, bool clamps)                                                       \
    {                                                                                                                 \
        const clamp_vectors c = clamp_of(clamp);                                                                      \
        const vf a0 = v_set1(n ? *a : 0), b0 = v_set1(n ? *b : 0);                                                    \
        size_t i = 0;                                                                                                 \
        for (; i + VN <= n; i += VN)                                                                                  \
            v_store(y + i, clamped(op_##name(as ? v_load(a + i) : a0, bs ? v_load(b + i) : b0), c, clamps));          \
        if (i < n)                                                                                                    \
            v_store_part(y + i,                                                                                       \
                         clamped(op_##name(as ? v_load_part(a + i, n - i) : a0, bs ? v_load_part(b + i, n - i) : b0), \
                                 c, clamps),                                                                          \
                         n - i);                                                                                      \
    }                                                                                                                 \
    static void binary_##name(const float *a, size_t as, const float *b, size_t bs, float *y, size_t n,               \
                              const fl_clamp *clamp)                                                                  \
    {                                                                                                                 \
        if (as && bs && clamp)                                                                                        \
            loop_##name(a, 1, b, 1, y, n, clamp, true);                                                               \
        else if (as && bs)                                                                                            \
            loop_##name(a, 1, b, 1, y, n, clamp, false);                                                              \
        else if (as)                                                                                                  \
            loop_##name(a, 1, b, 0, y, n, clamp, clamp != NULL);                                                      \
        else                                                                                                          \
            loop_##name(a, 0, b, bs, y, n, clamp, clamp != NULL);                                                     \
    }

BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)
BINARY(min)
BINARY(max)
BINARY(pow)
BINARY(squared_difference)
BINARY(floor_div)

#define COMPARE(name)                                                                                                 \
    static void compare_##name(const float *a, size_t as, const float *b, size_t bs, uint8_t *y, size_t n)            \
    {                                                                                                                 \
        const vf a0 = v_set1(n ? *a : 0), b0 = v_set1(n ? *b : 0);                                                    \
        size_t i = 0;                                                                                                 \
        for (; i + VN <= n; i += VN)                                                                                  \
            v_bytes_##name(y + i, as ? v_load(a + i) : a0, bs ? v_load(b + i) : b0, VN);                              \
        if (i < n)                                                                                                    \
            v_bytes_##name(y + i, as ? v_load_part(a + i, n - i) : a0, bs ? v_load_part(b + i, n - i) : b0, n - i);   \
    }

COMPARE(equal)
COMPARE(not_equal)
COMPARE(less)
COMPARE(less_equal)
COMPARE(greater)
COMPARE(greater_equal)

/* ---- normalisation */

INLINE void normalize_loop(const float *x, const float *mean, const float *scale, const float *offset, size_t step,
                           float *y, size_t n, const fl_clamp *clamp, bool clamps)
{
    const clamp_vectors c = clamp_of(clamp);
    const vf m0 = v_set1(n ? *mean : 0), s0 = v_set1(n ? *scale : 0), t0 = v_set1(n ? *offset : 0);
    size_t i = 0;

    for (; i + VN <= n; i += VN) {
        const vf m = step ? v_load(mean + i) : m0, s = step ? v_load(scale + i) : s0;
        const vf t = step ? v_load(offset + i) : t0;
        v_store(y + i, clamped(v_fma(v_sub(v_load(x + i), m), s, t), c, clamps));
    }
    if (i < n) {
        const size_t rest = n - i;
        const vf m = step ? v_load_part(mean + i, rest) : m0, s = step ? v_load_part(scale + i, rest) : s0;
        const vf t = step ? v_load_part(offset + i, rest) : t0;
        v_store_part(y + i, clamped(v_fma(v_sub(v_load_part(x + i, rest), m), s, t), c, clamps), rest);
    }
}

static void normalize(const float *x, const float *mean, const float *scale, const float *offset, size_t step, float *y,
                      size_t n, const fl_clamp *clamp)
{
    if (step && clamp)
        normalize_loop(x, mean, scale, offset, 1, y, n, clamp, true);
    else if (step)
        normalize_loop(x, mean, scale, offset, 1, y, n, clamp, false);
    else
        normalize_loop(x, mean, scale, offset, 0, y, n, clamp, clamp != NULL);
}

/* ---- the table */

#define TABLE_OF(isa) fl_f32_elementwise__##isa
#define TABLE(isa) TABLE_OF(isa)

const fl_elementwise TABLE(V_ISA) = {FL_ELEMENTWISE_FIELDS};
