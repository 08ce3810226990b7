/* op_reduce.c - sum, product, maximum, minimum and mean over any set of axes.
 *
 * Two loops: one over the kept axes, which are the elements of y in order, and for each of them one over the reduced
 * axes. Floats are summed in double. Integers are summed in 64 bits and wrap to their type; their mean is the 64-bit
 * sum divided with truncation, 0 over nothing. Over nothing a float mean is NaN, a sum 0, a product 1, a maximum the
 * lowest value of the type (-inf) and a minimum the highest. Maximum and minimum keep NaN. On booleans maximum is
 * "any", minimum is "all".
 */
#include "op/op_check.h"
#include "op/op_loops.h"

#include <math.h>

static const fl_field fields[] = {
    FL_FIELD(fl_reduce_params, I32, func), FL_FIELD(fl_reduce_params, I32, axes),
    FL_FIELD(fl_reduce_params, I32, keep_dims), FL_FIELD_END};

/* Folds what the view sees from `base` on into *y. */
typedef void (*fold_fn)(int func, const fl_view *view, const void *base, void *y);

/* v: the next element, acc: the result so far. */
#define EACH(type, statement)                                                           \
    for (int64_t r = fl_view_rows(view); r > 0; r--, fl_view_next(view, &place)) {      \
        for (int64_t i = 0; i < fl_view_row(view); i++) {                               \
            const type v = x[place.at[0] + i * fl_view_step(view, 0)];                  \
            statement;                                                                  \
        }                                                                               \
    }

#define FLOAT_FOLD(id, type)                                                            \
    static void fold_##id(int func, const fl_view *view, const void *base, void *y)     \
    {                                                                                   \
        const type *x = base;                                                           \
        fl_place place = {{0}, {0}};                                                    \
        int64_t count = 0;                                                              \
        double acc;                                                                     \
        switch (func) {                                                                 \
        case FL_REDUCE_PROD:                                                            \
            acc = 1;                                                                    \
            EACH(type, acc *= (double)v)                                                \
            break;                                                                      \
        case FL_REDUCE_MAX:                                                             \
            acc = -INFINITY;                                                            \
            EACH(type, acc = (double)v > acc || isnan(v) ? (double)v : acc)             \
            break;                                                                      \
        case FL_REDUCE_MIN:                                                             \
            acc = INFINITY;                                                             \
            EACH(type, acc = (double)v < acc || isnan(v) ? (double)v : acc)             \
            break;                                                                      \
        default:                                                                        \
            acc = 0;                                                                    \
            EACH(type, (acc += (double)v, count++))                                     \
            acc = func == FL_REDUCE_MEAN ? acc / (double)count : acc;                   \
            break;                                                                      \
        }                                                                               \
        *(type *)y = (type)acc;                                                         \
    }
FLOAT_FOLD(f32, float)
FLOAT_FOLD(f64, double)

#define WHOLE_FOLD(id, type, lowest, highest)                                           \
    static void fold_##id(int func, const fl_view *view, const void *base, void *y)     \
    {                                                                                   \
        const type *x = base;                                                           \
        type extreme;                                                                   \
        fl_place place = {{0}, {0}};                                                    \
        int64_t count = 0;                                                              \
        uint64_t acc;                                                                   \
        switch (func) {                                                                 \
        case FL_REDUCE_PROD:                                                            \
            acc = 1;                                                                    \
            EACH(type, acc *= (uint64_t)v)                                              \
            break;                                                                      \
        case FL_REDUCE_MAX:                                                             \
            extreme = lowest;                                                           \
            EACH(type, extreme = v > extreme ? v : extreme)                             \
            acc = (uint64_t)extreme;                                                    \
            break;                                                                      \
        case FL_REDUCE_MIN:                                                             \
            extreme = highest;                                                          \
            EACH(type, extreme = v < extreme ? v : extreme)                             \
            acc = (uint64_t)extreme;                                                    \
            break;                                                                      \
        default:                                                                        \
            acc = 0;                                                                    \
            EACH(type, (acc += (uint64_t)v, count++))                                   \
            if (func == FL_REDUCE_MEAN)                                                 \
                acc = count ? (uint64_t)((int64_t)acc / count) : 0;                     \
            break;                                                                      \
        }                                                                               \
        *(type *)y = (type)acc;                                                         \
    }
WHOLE_FOLD(i8, int8_t, INT8_MIN, INT8_MAX)
WHOLE_FOLD(u8, uint8_t, 0, UINT8_MAX)
WHOLE_FOLD(i16, int16_t, INT16_MIN, INT16_MAX)
WHOLE_FOLD(u16, uint16_t, 0, UINT16_MAX)
WHOLE_FOLD(i32, int32_t, INT32_MIN, INT32_MAX)
WHOLE_FOLD(u32, uint32_t, 0, UINT32_MAX)
WHOLE_FOLD(i64, int64_t, INT64_MIN, INT64_MAX)
WHOLE_FOLD(bool, uint8_t, 0, 1)

static const fold_fn folds[FL_DTYPE_COUNT] = {
    [FL_F32] = fold_f32, [FL_F64] = fold_f64, [FL_I8] = fold_i8,   [FL_U8] = fold_u8,   [FL_I16] = fold_i16,
    [FL_U16] = fold_u16, [FL_I32] = fold_i32, [FL_U32] = fold_u32, [FL_I64] = fold_i64, [FL_BOOL] = fold_bool};

static bool is_reduced(const fl_reduce_params *p, int axis)
{
    return (p->axes >> axis) & 1;
}

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_reduce_params *p = &d->p.reduce;
    const fl_tensor_desc *x = d->in[0];
    char text[FL_TENSOR_TEXT];
    int64_t dim[FL_MAX_RANK];
    int rank = 0;

    FL_TRY(fl_check_enum("func", p->func, FL_REDUCE_COUNT, err));
    FL_TRY(fl_check_flag("keep_dims", p->keep_dims, err));
    if (p->axes < 0 || p->axes >> x->rank != 0)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "the set of axes 0x%x has axes that x %s does not have", (unsigned)p->axes,
                fl_dims_text(x->dim, x->rank, text, sizeof text));
    if (!folds[fl_dtype_arithmetic(x->dtype)] || (x->dtype == FL_BOOL && p->func != FL_REDUCE_MAX && p->func != FL_REDUCE_MIN))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s of %s; floats and integers up to i64 are supported, and bool for max "
                "and min", fl_reduce_name(p->func), fl_dtype_name(x->dtype));
    FL_TRY(fl_check_plain(d, err));
    for (int i = 0; i < x->rank; i++) {
        if (!is_reduced(p, i))
            dim[rank++] = x->dim[i];
        else if (p->keep_dims)
            dim[rank++] = 1;
    }
    *d->out[0] = fl_tensor_make(x->dtype, rank, dim);
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_tensor_desc *x = d->in[0];
    const int64_t bytes = (int64_t)fl_dtype_bytes(x->dtype);
    const bool empty = fl_tensor_elements_at(x, 1) == 0; /* then y may still have elements, but x has no places */
    int64_t stride[FL_MAX_RANK], dim[2][FL_MAX_RANK] = {{0}}, step[2][FL_MAX_RANK] = {{0}}; /* [kept, reduced] */
    int rank[2] = {0, 0};
    uint8_t *y = out[0];
    fl_place place = {{0}, {0}};
    fl_view kept, reduced;

    (void)err;
    fl_dense_strides(x->rank, x->dim, stride);
    for (int i = 0; i < x->rank; i++) {
        const int side = is_reduced(&d->p.reduce, i);
        dim[side][rank[side]] = x->dim[i];
        step[side][rank[side]++] = stride[i];
    }
    fl_view_init(&kept, rank[0], dim[0]);
    fl_view_operand(&kept, step[0]);
    fl_view_merge(&kept);
    fl_view_init(&reduced, rank[1], dim[1]);
    fl_view_operand(&reduced, step[1]);
    fl_view_merge(&reduced);
    for (int64_t rows = fl_view_rows(&kept); rows > 0; rows--, fl_view_next(&kept, &place)) {
        for (int64_t i = 0; i < fl_view_row(&kept); i++, y += bytes) {
            const int64_t at = place.at[0] + i * fl_view_step(&kept, 0);
            const uint8_t *base = empty ? in[0] : (const uint8_t *)in[0] + at * bytes;
            folds[x->dtype](d->p.reduce.func, &reduced, base, y);
        }
    }
    return FLOE_OK;
}

const fl_op_def fl_op_reduce = {"reduce", 1, 1, 1, fields, infer, fl_flops_per_input, ref, false};
