/* op_concat.c - joins any number of tensors along one axis, elements of any type.
 *
 * Along the joined axis all inputs are counts, or all are multiples of the batch: N + 2N = 3N, but N + 5 is no
 * dimension. An input with 0 there adds nothing and joins either kind.
 */
#include "op/op_check.h"
#include "op/op_loops.h"

#include <limits.h>

static const fl_field fields[] = {FL_FIELD(fl_axis_params, I32, axis), FL_FIELD_END};

static floe_status check_input(const fl_op_desc *d, int slot, floe_error *err)
{
    const fl_tensor_desc *first = d->in[0], *t = d->in[slot];
    char text[FL_TENSOR_TEXT], first_text[FL_TENSOR_TEXT];

    if (!t)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "concat misses input %d; none is optional", slot);
    bool fits = t->dtype == first->dtype && t->rank == first->rank;
    for (int i = 0; fits && i < t->rank; i++)
        fits = i == d->p.axis.axis || t->dim[i] == first->dim[i];
    if (!fits)
        return fl_fail(err, FLOE_ERR_SHAPE, "input %d, %s, cannot be joined to %s along axis %d; type and all other "
                       "axes must be equal", slot, fl_tensor_text(t, text, sizeof text),
                       fl_tensor_text(first, first_text, sizeof first_text), (int)d->p.axis.axis);
    return FLOE_OK;
}

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int32_t axis = d->p.axis.axis;
    char text[FL_TENSOR_TEXT], total_text[FL_TENSOR_TEXT];
    int64_t total = 0;

    FL_TRY(fl_check_axis("input 0", d->in[0], axis, err));
    FL_TRY(fl_check_plain(d, err));
    for (int slot = 0; slot < d->n_in; slot++) {
        FL_TRY(check_input(d, slot, err));
        const int64_t dim = d->in[slot]->dim[axis];
        if ((total > 0 && dim < 0) || (total < 0 && dim > 0) || __builtin_add_overflow(total, dim, &total))
            FL_FAIL(err, FLOE_ERR_SHAPE, "input %d, %s, cannot be joined to %s along axis %d: the sum is neither a "
                    "count nor a multiple of the batch N", slot, fl_tensor_text(d->in[slot], text, sizeof text),
                    fl_dims_text(&total, 1, total_text, sizeof total_text), (int)axis);
    }
    *d->out[0] = fl_tensor_make(d->in[0]->dtype, d->in[0]->rank, d->in[0]->dim);
    d->out[0]->dim[axis] = total;
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_tensor_desc *y = d->out[0];
    const int axis = d->p.axis.axis;
    const size_t bytes = fl_dtype_bytes(y->dtype);
    int64_t y_stride[FL_MAX_RANK], x_stride[FL_MAX_RANK], done = 0;

    (void)err;
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int slot = 0; slot < d->n_in; slot++) {
        const fl_tensor_desc *x = d->in[slot];
        if (fl_tensor_elements_at(x, 1) == 0)
            continue;
        fl_dense_strides(x->rank, x->dim, x_stride);
        fl_copy_strided(bytes, x->rank, x->dim, (uint8_t *)out[0] + done * y_stride[axis] * (int64_t)bytes, y_stride,
                        in[slot], x_stride);
        done += x->dim[axis];
    }
    return FLOE_OK;
}

const fl_op_def fl_op_concat = {"concat", 1, INT_MAX, 1, fields, infer, fl_flops_none, ref, true};
