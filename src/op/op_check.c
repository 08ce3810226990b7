/* op_check.c - shared checks of operator inputs and parameters; see op_check.h. */
#include "op/op_check.h"

floe_status fl_check_enum(const char *what, int64_t value, int count, floe_error *err)
{
    if (value < 0 || value >= count)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "%s is %lld; 0 to %d are known", what, (long long)value, count - 1);
    return FLOE_OK;
}

floe_status fl_check_flag(const char *what, int32_t value, floe_error *err)
{
    if (value != 0 && value != 1)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "%s is %d; it is 0 or 1", what, (int)value);
    return FLOE_OK;
}

floe_status fl_check_act(int32_t act, fl_dtype dtype, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(fl_check_enum("act", act, FL_UNARY_COUNT, err));
    if (!fl_unary_is_activation(act))
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "act is %s, which is not an activation; none, relu and the like to softsign "
                "can be fused", fl_unary_name(act));
    if (act != FL_UNARY_NONE && fl_dtype_arithmetic(dtype) != FL_F32)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "a fused %s after a result of %s; it is supported for f32, f16 and bf16",
                fl_unary_name(act), fl_dtype_name(dtype));
done:
    return st;
}

floe_status fl_check_dtype(const char *slot, const fl_tensor_desc *t, fl_dtype wanted, floe_error *err)
{
    if (t->dtype != wanted)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "%s has type %s; %s is supported", slot, fl_dtype_name(t->dtype),
                       fl_dtype_name(wanted));
    return FLOE_OK;
}

floe_status fl_check_storage(const char *slot, const fl_tensor_desc *t, floe_error *err)
{
    if (fl_dtype_arithmetic(t->dtype) != FL_F32)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "%s has type %s; f32, f16 and bf16 are supported", slot,
                       fl_dtype_name(t->dtype));
    return FLOE_OK;
}

floe_status fl_check_weight(const char *slot, const fl_tensor_desc *t, fl_dtype storage, floe_error *err)
{
    if (t->dtype == FL_F32 && fl_dtype_is_half(storage))
        return FLOE_OK;
    return fl_check_dtype(slot, t, storage, err);
}

floe_status fl_check_rank(const char *slot, const fl_tensor_desc *t, int rank, floe_error *err)
{
    char text[FL_TENSOR_TEXT];

    if (t->rank != rank)
        return fl_fail(err, FLOE_ERR_SHAPE, "%s %s has rank %d; rank %d is needed", slot,
                       fl_dims_text(t->dim, t->rank, text, sizeof text), t->rank, rank);
    return FLOE_OK;
}

floe_status fl_check_axis(const char *slot, const fl_tensor_desc *t, int32_t axis, floe_error *err)
{
    char text[FL_TENSOR_TEXT];

    if (t->rank == 0)
        return fl_fail(err, FLOE_ERR_SHAPE, "axis is %d; %s is a scalar and has no axes", (int)axis, slot);
    if (axis < 0 || axis >= t->rank)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "axis is %d; %s %s has axes 0 to %d", (int)axis, slot,
                       fl_dims_text(t->dim, t->rank, text, sizeof text), t->rank - 1);
    return FLOE_OK;
}

floe_status fl_check_vector(const char *slot, const fl_tensor_desc *t, int64_t n, floe_error *err)
{
    char text[FL_TENSOR_TEXT], wanted[FL_TENSOR_TEXT];

    if (t->rank != 1 || t->dim[0] != n)
        return fl_fail(err, FLOE_ERR_SHAPE, "%s has shape %s; %s would fit", slot,
                       fl_dims_text(t->dim, t->rank, text, sizeof text), fl_dims_text(&n, 1, wanted, sizeof wanted));
    return FLOE_OK;
}

floe_status fl_check_layouts(const fl_op_desc *d, uint32_t image_slots, bool channels_last, fl_layout *layout,
                             floe_error *err)
{
    char text[FL_TENSOR_TEXT];
    fl_layout common = FL_LAYOUT_PLAIN;
    bool any = false;

    for (int i = 0; i < d->n_in; i++) {
        const fl_tensor_desc *t = d->in[i];
        if (!t)
            continue;
        const bool is_image = i < 32 && (image_slots & FL_SLOT(i));
        const bool is_blocked = t->layout != FL_LAYOUT_PLAIN;
        const char *wrong = NULL;
        if (!is_image && is_blocked)
            wrong = "is blocked; a plain layout is needed there";
        else if (is_image && any && t->layout != common)
            wrong = "has another layout than the inputs before it; they must be the same";
        else if (is_image && is_blocked && !channels_last)
            wrong = "is blocked; that needs the channels in the last axis (NHWC)";
        if (wrong)
            return fl_fail(err, FLOE_ERR_UNSUPPORTED, "input %d, %s, %s", i, fl_tensor_text(t, text, sizeof text),
                           wrong);
        if (is_image) {
            common = t->layout;
            any = true;
        }
    }
    if (layout)
        *layout = common;
    return FLOE_OK;
}

floe_status fl_check_dims(fl_tensor_desc *out, const fl_dims_params *p, fl_dtype dtype, floe_error *err)
{
    int64_t elements;

    if (p->rank < 0 || p->rank > FL_MAX_RANK)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "a shape of rank %d; ranks 0 to %d are possible", (int)p->rank,
                       FL_MAX_RANK);
    *out = fl_tensor_make(dtype, p->rank, p->dim);
    return fl_tensor_elements(out, &elements, err);
}

floe_status fl_check_tail(const fl_op_desc *d, int64_t channels, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *y = d->out[0];
    const fl_tensor_desc *bias = fl_op_in(d, FL_SLOT_BIAS), *residual = fl_op_in(d, FL_SLOT_RESIDUAL);
    char r_text[FL_TENSOR_TEXT], y_text[FL_TENSOR_TEXT];

    if (bias) {
        FL_TRY(fl_check_weight("bias", bias, y->dtype, err));
        FL_TRY(fl_check_vector("bias", bias, channels, err));
    }
    if (residual) {
        FL_TRY(fl_check_dtype("residual", residual, y->dtype, err));
        if (!fl_tensor_same_shape(residual, y))
            FL_FAIL(err, FLOE_ERR_SHAPE, "residual has shape %s; the result, to which it is added, has %s",
                    fl_dims_text(residual->dim, residual->rank, r_text, sizeof r_text),
                    fl_dims_text(y->dim, y->rank, y_text, sizeof y_text));
    }
done:
    return st;
}

/* ---- costs */

double fl_flops_none(const fl_op_desc *d, int64_t batch)
{
    (void)d;
    (void)batch;
    return 0;
}

double fl_flops_per_output(const fl_op_desc *d, int64_t batch)
{
    return (double)fl_tensor_elements_at(d->out[0], batch);
}

double fl_flops_per_input(const fl_op_desc *d, int64_t batch)
{
    return (double)fl_tensor_elements_at(d->in[0], batch);
}

double fl_flops_of_tail(const fl_op_desc *d, int act, int64_t batch)
{
    const bool bias = fl_op_in(d, FL_SLOT_BIAS) != NULL, residual = fl_op_in(d, FL_SLOT_RESIDUAL) != NULL;
    const int each = bias + residual + (act != FL_UNARY_NONE);

    return each * fl_flops_per_output(d, batch);
}
