/* op_binary.c - element-wise functions of two arguments with numpy broadcasting, and a fused activation.
 *
 * A function and a type pick a row function: it walks n elements of a and b with a step each (0 where one side is
 * repeated). Comparisons write bytes 0 and 1. Rows that can fail (integer division, integer power) return what was
 * wrong; all others return NULL.
 *
 * Floats follow TensorFlow: min and max are NaN if either side is and give the first of two equal zeros, floor_div is
 * the floor of the rounded quotient, floor_mod has the divisor's sign. Integers are widened to 64 bits and wrap;
 * division by zero and negative exponents are errors, the lowest number divided by -1 is itself. On booleans min is
 * "and", max is "or".
 */
#include "op/op_check.h"
#include "op/op_loops.h"

#include <math.h>

static const fl_field fields[] = {
    FL_FIELD(fl_binary_params, I32, func), FL_FIELD(fl_binary_params, I32, act),
    FL_FIELD(fl_binary_params, F32, alpha), FL_FIELD_END};

typedef const char *(*row_fn)(int64_t n, const void *a, int64_t a_step, const void *b, int64_t b_step, void *y);

/* x, y: the two elements; `fault` true gives up with `text`. */
#define ROW_OR_FAULT(name, type, result, expression, fault, text)                                             \
    static const char *name(int64_t n, const void *pa, int64_t sa, const void *pb, int64_t sb, void *py)      \
    {                                                                                                         \
        const type *a = pa, *b = pb;                                                                          \
        result *out = py;                                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                                     \
            const type x = a[i * sa], y = b[i * sb];                                                          \
            if (fault)                                                                                        \
                return text;                                                                                  \
            out[i] = (result)(expression);                                                                    \
        }                                                                                                     \
        return NULL;                                                                                          \
    }
#define ROW(name, type, result, expression) ROW_OR_FAULT(name, type, result, expression, 0, NULL)

#define COMPARISONS(id, type)                      \
    ROW(equal_##id, type, uint8_t, x == y)         \
    ROW(not_equal_##id, type, uint8_t, x != y)     \
    ROW(less_##id, type, uint8_t, x < y)           \
    ROW(less_equal_##id, type, uint8_t, x <= y)    \
    ROW(greater_##id, type, uint8_t, x > y)        \
    ROW(greater_equal_##id, type, uint8_t, x >= y)

#define ROWS_OF(id)                                                                                       \
    {                                                                                                     \
        [FL_BINARY_ADD] = add_##id, [FL_BINARY_SUB] = sub_##id, [FL_BINARY_MUL] = mul_##id,               \
        [FL_BINARY_DIV] = div_##id, [FL_BINARY_MIN] = min_##id, [FL_BINARY_MAX] = max_##id,               \
        [FL_BINARY_POW] = pow_##id, [FL_BINARY_SQUARED_DIFFERENCE] = squared_difference_##id,             \
        [FL_BINARY_FLOOR_DIV] = floor_div_##id, [FL_BINARY_FLOOR_MOD] = floor_mod_##id,                   \
        [FL_BINARY_EQUAL] = equal_##id, [FL_BINARY_NOT_EQUAL] = not_equal_##id,                           \
        [FL_BINARY_LESS] = less_##id, [FL_BINARY_LESS_EQUAL] = less_equal_##id,                           \
        [FL_BINARY_GREATER] = greater_##id, [FL_BINARY_GREATER_EQUAL] = greater_equal_##id,               \
    }

/* ---- floats */

#define FLOAT_MOD(id, type, fmod_fn)                                     \
    static type mod_signed_##id(type x, type y)                          \
    {                                                                    \
        const type r = fmod_fn(x, y);                                    \
        return r != 0 && (r < 0) != (y < 0) ? r + y : r;                 \
    }

#define FLOAT_ROWS(id, type, pow_fn, floor_fn, fmod_fn)                                  \
    FLOAT_MOD(id, type, fmod_fn)                                                         \
    ROW(add_##id, type, type, x + y)                                                     \
    ROW(sub_##id, type, type, x - y)                                                     \
    ROW(mul_##id, type, type, x * y)                                                     \
    ROW(div_##id, type, type, x / y)                                                     \
    ROW(min_##id, type, type, y < x || isnan(y) ? y : x)                                 \
    ROW(max_##id, type, type, y > x || isnan(y) ? y : x)                                 \
    ROW(pow_##id, type, type, pow_fn(x, y))                                              \
    ROW(squared_difference_##id, type, type, (x - y) * (x - y))                          \
    ROW(floor_div_##id, type, type, floor_fn(x / y))                                     \
    ROW(floor_mod_##id, type, type, mod_signed_##id(x, y))                               \
    COMPARISONS(id, type)

FLOAT_ROWS(f32, float, powf, floorf, fmodf)
FLOAT_ROWS(f64, double, pow, floor, fmod)

/* ---- integers. Callers have excluded y == 0. */

static int64_t wrap(uint64_t bits)
{
    return (int64_t)bits;
}

static int64_t divide(int64_t x, int64_t y)
{
    return y == -1 ? wrap(0 - (uint64_t)x) : x / y; /* the lowest int64 by -1 would trap */
}

static int64_t remainder_of(int64_t x, int64_t y)
{
    return y == -1 ? 0 : x % y;
}

static int64_t floor_divide(int64_t x, int64_t y)
{
    return divide(x, y) - (remainder_of(x, y) != 0 && (x < 0) != (y < 0));
}

static int64_t floor_modulo(int64_t x, int64_t y)
{
    const int64_t r = remainder_of(x, y);

    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static bool is_negative(int64_t x)
{
    return x < 0;
}

static int64_t power(int64_t x, int64_t exponent)
{
    uint64_t result = 1, square = (uint64_t)x;

    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result *= square;
        square *= square;
    }
    return wrap(result);
}

#define BY_ZERO  "integer division by zero"
#define NEGATIVE "an integer to a negative integer power"

#define WHOLE_ROWS(id, type)                                                                              \
    ROW(add_##id, type, type, (uint64_t)x + (uint64_t)y)                                                  \
    ROW(sub_##id, type, type, (uint64_t)x - (uint64_t)y)                                                  \
    ROW(mul_##id, type, type, (uint64_t)x * (uint64_t)y)                                                  \
    ROW(min_##id, type, type, y < x ? y : x)                                                              \
    ROW(max_##id, type, type, y > x ? y : x)                                                              \
    ROW(squared_difference_##id, type, type, ((uint64_t)x - (uint64_t)y) * ((uint64_t)x - (uint64_t)y))   \
    ROW_OR_FAULT(div_##id, type, type, divide(x, y), y == 0, BY_ZERO)                                     \
    ROW_OR_FAULT(floor_div_##id, type, type, floor_divide(x, y), y == 0, BY_ZERO)                         \
    ROW_OR_FAULT(floor_mod_##id, type, type, floor_modulo(x, y), y == 0, BY_ZERO)                         \
    ROW_OR_FAULT(pow_##id, type, type, power(x, y), is_negative(y), NEGATIVE)                              \
    COMPARISONS(id, type)

WHOLE_ROWS(i8, int8_t)
WHOLE_ROWS(u8, uint8_t)
WHOLE_ROWS(i16, int16_t)
WHOLE_ROWS(u16, uint16_t)
WHOLE_ROWS(i32, int32_t)
WHOLE_ROWS(u32, uint32_t)
WHOLE_ROWS(i64, int64_t)

static const row_fn rows[FL_DTYPE_COUNT][FL_BINARY_COUNT] = {
    [FL_F32] = ROWS_OF(f32), [FL_F64] = ROWS_OF(f64), [FL_I8] = ROWS_OF(i8),   [FL_U8] = ROWS_OF(u8),
    [FL_I16] = ROWS_OF(i16), [FL_U16] = ROWS_OF(u16), [FL_I32] = ROWS_OF(i32), [FL_U32] = ROWS_OF(u32),
    [FL_I64] = ROWS_OF(i64),
    [FL_BOOL] = {[FL_BINARY_MIN] = min_u8, [FL_BINARY_MAX] = max_u8, [FL_BINARY_EQUAL] = equal_u8,
                 [FL_BINARY_NOT_EQUAL] = not_equal_u8}};

/* ---- the operator */

/* Repeated along whole channels or over everything: fits beside a blocked image in any layout of its own. */
static bool is_small(const fl_tensor_desc *t)
{
    int64_t elements = 1;

    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] != 1)
            elements = 0;
    return t->layout == FL_LAYOUT_PLAIN && (t->rank <= 1 || elements == 1);
}

static floe_status infer_layout(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tensor_desc *y = d->out[0];
    char text[FL_TENSOR_TEXT], y_text[FL_TENSOR_TEXT];
    const uint32_t images = (is_small(d->in[0]) ? 0 : FL_SLOT(0)) | (is_small(d->in[1]) ? 0 : FL_SLOT(1));

    FL_TRY(fl_check_layouts(d, images, true, &y->layout, err));
    for (int i = 0; i < 2; i++)
        if (d->in[i]->layout != FL_LAYOUT_PLAIN && !fl_tensor_same_shape(d->in[i], y))
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s is blocked and would be repeated to %s; a blocked input must have "
                    "the shape of the result", fl_tensor_text(d->in[i], text, sizeof text),
                    fl_dims_text(y->dim, y->rank, y_text, sizeof y_text));
done:
    return st;
}

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_binary_params *p = &d->p.binary;
    const fl_tensor_desc *a = d->in[0], *b = d->in[1];
    fl_tensor_desc y = {.dtype = a->dtype};

    FL_TRY(fl_check_enum("func", p->func, FL_BINARY_COUNT, err));
    if (a->dtype != b->dtype)
        FL_FAIL(err, FLOE_ERR_SHAPE, "%s of %s and %s; both sides must have the same type", fl_binary_name(p->func),
                fl_dtype_name(a->dtype), fl_dtype_name(b->dtype));
    if (!rows[fl_dtype_arithmetic(a->dtype)][p->func])
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s of %s; floats and integers up to i64 are supported, and bool for min, "
                "max, equal and not_equal", fl_binary_name(p->func), fl_dtype_name(a->dtype));
    if (fl_binary_is_comparison(p->func))
        y.dtype = FL_BOOL;
    FL_TRY(fl_check_act(p->act, y.dtype, err));
    FL_TRY(fl_tensor_broadcast(&y, a, b, err));
    *d->out[0] = y;
    FL_TRY(infer_layout(d, err));
done:
    return st;
}

static double flops(const fl_op_desc *d, int64_t batch)
{
    return (d->p.binary.act == FL_UNARY_NONE ? 1 : 2) * fl_flops_per_output(d, batch);
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_binary_params *p = &d->p.binary;
    const fl_tensor_desc *a = d->in[0], *b = d->in[1], *y = d->out[0];
    const int64_t in_bytes = (int64_t)fl_dtype_bytes(a->dtype), out_bytes = (int64_t)fl_dtype_bytes(y->dtype);
    const row_fn row = rows[a->dtype][p->func];
    uint8_t *to = out[0];
    fl_place place = {{0}, {0}};
    fl_view v;

    fl_view_init(&v, y->rank, y->dim);
    fl_view_broadcast(&v, a);
    fl_view_broadcast(&v, b);
    fl_view_merge(&v);
    for (int64_t n = fl_view_rows(&v); n > 0; n--, fl_view_next(&v, &place), to += fl_view_row(&v) * out_bytes) {
        const char *fault =
            row(fl_view_row(&v), (const uint8_t *)in[0] + place.at[0] * in_bytes, fl_view_step(&v, 0),
                (const uint8_t *)in[1] + place.at[1] * in_bytes, fl_view_step(&v, 1), to);
        if (fault)
            return fl_fail(err, FLOE_ERR_ARGUMENT, "%s: %s", fl_binary_name(p->func), fault);
    }
    if (p->act != FL_UNARY_NONE) {
        float *values = out[0];
        const int64_t n = fl_tensor_elements_at(y, 1);
        for (int64_t i = 0; i < n; i++)
            values[i] = fl_unary_f32(p->act, p->alpha, values[i]);
    }
    return FLOE_OK;
}

const fl_op_def fl_op_binary = {"binary", 2, 2, 1, fields, infer, flops, ref, false};
