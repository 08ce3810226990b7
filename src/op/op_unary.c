/* op_unary.c - element-wise functions of one argument.
 *
 * Floats share one table of double functions: f32 is computed in double and rounded once, which is exact to the last
 * bit nearly always and lets f64 use the same table. Integers know only what needs no rounding (none, relu, relu6,
 * neg, abs, square) and wrap around like TensorFlow's.
 *
 * NaN: none of the comparisons below lets a NaN fall into a constant branch; relu(NaN) is NaN.
 */
#include "op/op_check.h"

#include <math.h>

static const fl_field fields[] = {
    FL_FIELD(fl_unary_params, I32, func), FL_FIELD(fl_unary_params, F32, alpha), FL_FIELD_END};

/* ---- floats */

#define SELU_SCALE       1.0507009873554804935
#define SELU_SCALE_ALPHA 1.7580993408473768600

/* Above this, x and log(1 + e^x) are the same double up to one part in 10^17; below, e^x is finite. */
#define SOFTPLUS_LINEAR 40.0

#define REAL(name, expression)                           \
    static double real_##name(double x, double alpha)    \
    {                                                    \
        (void)alpha;                                     \
        return expression;                               \
    }
REAL(none, x)
REAL(relu, x < 0 ? 0 : x)
REAL(relu6, x < 0 ? 0 : x > 6 ? 6 : x)
REAL(leaky_relu, x > 0 ? x : alpha * x)
REAL(elu, x < 0 ? expm1(x) : x)
REAL(selu, x < 0 ? SELU_SCALE_ALPHA * expm1(x) : SELU_SCALE * x)
REAL(sigmoid, 1 / (1 + exp(-x)))
REAL(tanh, tanh(x))
REAL(softplus, x > SOFTPLUS_LINEAR ? x : log1p(exp(x)))
REAL(softsign, x / (1 + fabs(x)))
REAL(neg, -x)
REAL(abs, fabs(x))
REAL(sqrt, sqrt(x))
REAL(rsqrt, 1 / sqrt(x))
REAL(square, x * x)
REAL(exp, exp(x))
REAL(log, log(x))
REAL(floor, floor(x))
REAL(ceil, ceil(x))
REAL(reciprocal, 1 / x)
REAL(sin, sin(x))
REAL(cos, cos(x))
REAL(tan, tan(x))
REAL(sinh, sinh(x))
REAL(cosh, cosh(x))
REAL(asin, asin(x))
REAL(acos, acos(x))
REAL(atan, atan(x))
REAL(asinh, asinh(x))
REAL(acosh, acosh(x))
REAL(atanh, atanh(x))
REAL(silu, x * real_sigmoid(x, alpha))

typedef double (*real_fn)(double x, double alpha);

static const real_fn real_fns[FL_UNARY_COUNT] = {
    [FL_UNARY_NONE] = real_none, [FL_UNARY_RELU] = real_relu, [FL_UNARY_RELU6] = real_relu6,
    [FL_UNARY_LEAKY_RELU] = real_leaky_relu, [FL_UNARY_ELU] = real_elu, [FL_UNARY_SELU] = real_selu,
    [FL_UNARY_SIGMOID] = real_sigmoid, [FL_UNARY_TANH] = real_tanh, [FL_UNARY_SOFTPLUS] = real_softplus,
    [FL_UNARY_SOFTSIGN] = real_softsign, [FL_UNARY_NEG] = real_neg, [FL_UNARY_ABS] = real_abs,
    [FL_UNARY_SQRT] = real_sqrt, [FL_UNARY_RSQRT] = real_rsqrt, [FL_UNARY_SQUARE] = real_square,
    [FL_UNARY_EXP] = real_exp, [FL_UNARY_LOG] = real_log, [FL_UNARY_FLOOR] = real_floor,
    [FL_UNARY_CEIL] = real_ceil, [FL_UNARY_RECIPROCAL] = real_reciprocal, [FL_UNARY_SIN] = real_sin,
    [FL_UNARY_COS] = real_cos, [FL_UNARY_TAN] = real_tan, [FL_UNARY_SINH] = real_sinh,
    [FL_UNARY_COSH] = real_cosh, [FL_UNARY_ASIN] = real_asin, [FL_UNARY_ACOS] = real_acos,
    [FL_UNARY_ATAN] = real_atan, [FL_UNARY_ASINH] = real_asinh, [FL_UNARY_ACOSH] = real_acosh,
    [FL_UNARY_ATANH] = real_atanh, [FL_UNARY_SILU] = real_silu,
};

float fl_unary_f32(int func, float alpha, float x)
{
    return (float)real_fns[func]((double)x, (double)alpha);
}

static void row_f32(int func, float alpha, int64_t n, const void *from, void *to)
{
    const float *x = from;
    float *y = to;

    for (int64_t i = 0; i < n; i++)
        y[i] = fl_unary_f32(func, alpha, x[i]);
}

static void row_f64(int func, float alpha, int64_t n, const void *from, void *to)
{
    const double *x = from;
    double *y = to;

    for (int64_t i = 0; i < n; i++)
        y[i] = real_fns[func](x[i], (double)alpha);
}

/* ---- integers: computed in 64 bits without sign, so that what does not fit wraps */

static uint64_t whole(int func, int64_t x)
{
    const uint64_t bits = (uint64_t)x;

    switch (func) {
    case FL_UNARY_RELU:
        return x < 0 ? 0 : bits;
    case FL_UNARY_RELU6:
        return x < 0 ? 0 : x > 6 ? 6 : bits;
    case FL_UNARY_NEG:
        return 0 - bits;
    case FL_UNARY_ABS:
        return x < 0 ? 0 - bits : bits;
    case FL_UNARY_SQUARE:
        return bits * bits;
    default:
        return bits;
    }
}

#define FUNC_BIT(f) (1ull << FL_UNARY_##f)
static const uint64_t whole_funcs =
    FUNC_BIT(NONE) | FUNC_BIT(RELU) | FUNC_BIT(RELU6) | FUNC_BIT(NEG) | FUNC_BIT(ABS) | FUNC_BIT(SQUARE);

#define WHOLE_ROW(name, type)                                                               \
    static void row_##name(int func, float alpha, int64_t n, const void *from, void *to)    \
    {                                                                                       \
        const type *x = from;                                                               \
        type *y = to;                                                                       \
        (void)alpha;                                                                        \
        for (int64_t i = 0; i < n; i++)                                                     \
            y[i] = (type)whole(func, x[i]);                                                 \
    }
WHOLE_ROW(i8, int8_t)
WHOLE_ROW(u8, uint8_t)
WHOLE_ROW(i16, int16_t)
WHOLE_ROW(u16, uint16_t)
WHOLE_ROW(i32, int32_t)
WHOLE_ROW(u32, uint32_t)
WHOLE_ROW(i64, int64_t)

typedef void (*row_fn)(int func, float alpha, int64_t n, const void *from, void *to);

static const row_fn rows[FL_DTYPE_COUNT] = {
    [FL_F32] = row_f32, [FL_F64] = row_f64, [FL_I8] = row_i8,   [FL_U8] = row_u8,  [FL_I16] = row_i16,
    [FL_U16] = row_u16, [FL_I32] = row_i32, [FL_U32] = row_u32, [FL_I64] = row_i64};

/* ---- the operator */

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *x = d->in[0];
    const int32_t func = d->p.unary.func;
    fl_layout layout;

    FL_TRY(fl_check_enum("func", func, FL_UNARY_COUNT, err));
    if (!rows[fl_dtype_arithmetic(x->dtype)] || (!fl_dtype_is_float(x->dtype) && !(whole_funcs & (1ull << func))))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s of %s; floats have all functions, integers none, relu, relu6, neg, "
                "abs and square", fl_unary_name(func), fl_dtype_name(x->dtype));
    FL_TRY(fl_check_layouts(d, FL_SLOT(0), true, &layout, err));
    *d->out[0] = fl_tensor_make(x->dtype, x->rank, x->dim);
    d->out[0]->layout = layout;
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    (void)err;
    rows[d->in[0]->dtype](d->p.unary.func, d->p.unary.alpha, fl_tensor_elements_at(d->in[0], 1), in[0], out[0]);
    return FLOE_OK;
}

const fl_op_def fl_op_unary = {"unary", 1, 1, 1, fields, infer, fl_flops_per_output, ref, false};
