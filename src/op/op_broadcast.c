/* op_broadcast.c - repeats a tensor of any type up to a given shape, by numpy's rule. */
#include "op/op_check.h"
#include "op/op_loops.h"

static const fl_field fields[] = {
    FL_FIELD(fl_dims_params, I32, rank), FL_FIELD(fl_dims_params, I64, dim), FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *x = d->in[0];
    char x_text[FL_TENSOR_TEXT], y_text[FL_TENSOR_TEXT];
    fl_tensor_desc y, both;

    FL_TRY(fl_check_plain(d, err));
    FL_TRY(fl_check_dims(&y, &d->p.dims, x->dtype, err));
    FL_TRY(fl_tensor_broadcast(&both, x, &y, err));
    if (!fl_tensor_same_shape(&both, &y))
        FL_FAIL(err, FLOE_ERR_SHAPE, "x %s cannot be repeated to %s: a dimension of x is 1 or that of the result",
                fl_dims_text(x->dim, x->rank, x_text, sizeof x_text),
                fl_dims_text(y.dim, y.rank, y_text, sizeof y_text));
    *d->out[0] = y;
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    int64_t x_stride[FL_MAX_RANK], y_stride[FL_MAX_RANK], from[FL_MAX_RANK] = {0};
    const int skip = y->rank - x->rank;

    (void)err;
    fl_dense_strides(x->rank, x->dim, x_stride);
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int i = 0; i < x->rank; i++)
        from[i + skip] = x->dim[i] == 1 ? 0 : x_stride[i];
    fl_copy_strided(fl_dtype_bytes(x->dtype), y->rank, y->dim, out[0], y_stride, in[0], from);
    return FLOE_OK;
}

const fl_op_def fl_op_broadcast = {"broadcast", 1, 1, 1, fields, infer, fl_flops_none, ref, true};
