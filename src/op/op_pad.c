/* op_pad.c - puts a constant around a tensor of any type. The value is a float, converted to the element type as cast
 * converts it. An axis that depends on the batch cannot be padded: N + 1 is no dimension. */
#include "op/op_check.h"
#include "op/op_convert.h"
#include "op/op_loops.h"

static const fl_field fields[] = {
    FL_FIELD(fl_pad_params, I64, before), FL_FIELD(fl_pad_params, I64, after), FL_FIELD(fl_pad_params, F32, value),
    FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_pad_params *p = &d->p.pad;
    const fl_tensor_desc *x = d->in[0];
    char text[FL_TENSOR_TEXT];
    int64_t dim[FL_MAX_RANK];

    FL_TRY(fl_check_plain(d, err));
    for (int i = 0; i < x->rank; i++) {
        const bool none = p->before[i] == 0 && p->after[i] == 0;
        if (p->before[i] < 0 || p->after[i] < 0 || __builtin_add_overflow(p->before[i], p->after[i], &dim[i]) ||
            __builtin_add_overflow(dim[i], none ? 0 : x->dim[i], &dim[i]))
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "axis %d is padded by %lld and %lld; pads are 0 or more", i,
                    (long long)p->before[i], (long long)p->after[i]);
        if (x->dim[i] < 0 && !none)
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "axis %d of x %s depends on the batch and is padded by %lld and %lld; "
                    "only 0 and 0 are possible there", i, fl_dims_text(x->dim, x->rank, text, sizeof text),
                    (long long)p->before[i], (long long)p->after[i]);
        if (none)
            dim[i] = x->dim[i];
    }
    *d->out[0] = fl_tensor_make(x->dtype, x->rank, dim);
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    const size_t bytes = fl_dtype_bytes(x->dtype);
    int64_t x_stride[FL_MAX_RANK], y_stride[FL_MAX_RANK], first = 0;
    uint64_t value = 0; /* room for any element */

    (void)err;
    fl_convert(&value, x->dtype, &d->p.pad.value, FL_F32, 1, false);
    fl_fill(out[0], fl_tensor_elements_at(y, 1), &value, bytes);
    fl_dense_strides(x->rank, x->dim, x_stride);
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int i = 0; i < x->rank; i++)
        first += d->p.pad.before[i] * y_stride[i];
    if (fl_tensor_elements_at(x, 1) > 0)
        fl_copy_strided(bytes, x->rank, x->dim, (uint8_t *)out[0] + first * (int64_t)bytes, y_stride, in[0], x_stride);
    return FLOE_OK;
}

const fl_op_def fl_op_pad = {"pad", 1, 1, 1, fields, infer, fl_flops_none, ref, true};
