/* elementwise_scalar.c - the plain truth of elementwise.h: one C expression a function, the C library's mathematics.
 *
 * Where the obvious formula would lose digits or overflow on the way, the one that does not is used: sigmoid and
 * softplus take e^-|x|, elu and selu expm1.
 */
#include "backend/cpu/kernel/elementwise.h"

#include <math.h>

static float clamped(float x, const fl_clamp *clamp)
{
    if (!clamp)
        return x;
    x = x < clamp->low ? clamp->low : x;
    return x > clamp->high ? clamp->high : x;
}

/* ---- one argument */

#define UNARY(linkage, name, expression)                                   \
    linkage void name(const float *from, float *to, size_t n, float alpha) \
    {                                                                      \
        (void)alpha;                                                       \
        for (size_t i = 0; i < n; i++) {                                   \
            const float x = from[i];                                       \
            to[i] = expression;                                            \
        }                                                                  \
    }
#define EXTERNAL

UNARY(static, unary_none, x)
UNARY(static, unary_relu, x < 0 ? 0 : x)
UNARY(static, unary_relu6, x < 0 ? 0 : x > 6 ? 6 : x)
UNARY(static, unary_leaky_relu, x > 0 ? x : alpha * x)
UNARY(static, unary_elu, x < 0 ? expm1f(x) : x)
UNARY(static, unary_selu, x < 0 ? 1.75809934f * expm1f(x) : 1.05070098f * x)
UNARY(static, unary_sigmoid, (x < 0 ? expf(x) : 1) / (1 + expf(-fabsf(x))))
UNARY(static, unary_tanh, tanhf(x))
UNARY(static, unary_softplus, (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x))))
UNARY(static, unary_softsign, x / (1 + fabsf(x)))
UNARY(static, unary_silu, x < 0 ? x * expf(x / 2) * expf(x / 2) / (1 + expf(x)) : x / (1 + expf(-x)))
UNARY(static, unary_neg, -x)
UNARY(static, unary_abs, fabsf(x))
UNARY(static, unary_sqrt, sqrtf(x))
UNARY(static, unary_rsqrt, 1 / sqrtf(x))
UNARY(static, unary_square, x * x)
UNARY(static, unary_exp, expf(x))
UNARY(static, unary_log, logf(x))
UNARY(static, unary_floor, floorf(x))
UNARY(static, unary_ceil, ceilf(x))
UNARY(static, unary_reciprocal, 1 / x)
#define SCALAR_UNARY(kind, name) UNARY(EXTERNAL, fl_f32_##name##__scalar, name##f(x))
FL_SCALAR_UNARY_LIST(SCALAR_UNARY)

/* ---- two arguments */

#define BINARY(linkage, name, expression)                                                                             \
    linkage void name(const float *a, size_t a_step, const float *b, size_t b_step, float *to, size_t n,              \
                      const fl_clamp *clamp)                                                                          \
    {                                                                                                                 \
        for (size_t i = 0; i < n; i++) {                                                                              \
            const float x = a[i * a_step], y = b[i * b_step];                                                         \
            to[i] = clamped(expression, clamp);                                                                       \
        }                                                                                                             \
    }
#define COMPARE(name, operation)                                                                                      \
    static void name(const float *a, size_t a_step, const float *b, size_t b_step, uint8_t *to, size_t n)             \
    {                                                                                                                 \
        for (size_t i = 0; i < n; i++)                                                                                \
            to[i] = a[i * a_step] operation b[i * b_step];                                                            \
    }

static float modulo(float x, float y)
{
    const float r = fmodf(x, y);

    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

BINARY(static, binary_add, x + y)
BINARY(static, binary_sub, x - y)
BINARY(static, binary_mul, x * y)
BINARY(static, binary_div, x / y)
BINARY(static, binary_min, y < x || isnan(y) ? y : x)
BINARY(static, binary_max, y > x || isnan(y) ? y : x)
BINARY(static, binary_pow, powf(x, y))
BINARY(static, binary_squared_difference, (x - y) * (x - y))
BINARY(static, binary_floor_div, floorf(x / y))
BINARY(EXTERNAL, fl_f32_floor_mod__scalar, modulo(x, y))
COMPARE(compare_equal, ==)
COMPARE(compare_not_equal, !=)
COMPARE(compare_less, <)
COMPARE(compare_less_equal, <=)
COMPARE(compare_greater, >)
COMPARE(compare_greater_equal, >=)

static void normalize(const float *x, const float *mean, const float *scale, const float *offset, size_t step, float *y,
                      size_t n, const fl_clamp *clamp)
{
    for (size_t i = 0; i < n; i++)
        y[i] = clamped((x[i] - mean[i * step]) * scale[i * step] + offset[i * step], clamp);
}

const fl_elementwise fl_f32_elementwise__scalar = {FL_ELEMENTWISE_FIELDS};
