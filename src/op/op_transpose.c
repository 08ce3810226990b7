/* op_transpose.c - reorders the axes: y.dim[i] = x.dim[perm[i]], elements of any type. */
#include "op/op_check.h"
#include "op/op_loops.h"

static const fl_field fields[] = {FL_FIELD(fl_transpose_params, I32, perm), FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int32_t *const perm = d->p.transpose.perm;
    const fl_tensor_desc *x = d->in[0];
    char text[FL_TENSOR_TEXT];
    int64_t dim[FL_MAX_RANK];
    unsigned seen = 0;

    FL_TRY(fl_check_plain(d, err));
    for (int i = 0; i < x->rank; i++) {
        if (perm[i] < 0 || perm[i] >= x->rank || (seen & (1u << perm[i])))
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "perm[%d] is %d; perm must name each axis of x %s once, 0 to %d", i,
                    (int)perm[i], fl_dims_text(x->dim, x->rank, text, sizeof text), x->rank - 1);
        seen |= 1u << perm[i];
        dim[i] = x->dim[perm[i]];
    }
    *d->out[0] = fl_tensor_make(x->dtype, x->rank, dim);
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    int64_t x_stride[FL_MAX_RANK], y_stride[FL_MAX_RANK], from[FL_MAX_RANK];

    (void)err;
    fl_dense_strides(x->rank, x->dim, x_stride);
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int i = 0; i < y->rank; i++)
        from[i] = x_stride[d->p.transpose.perm[i]];
    fl_copy_strided(fl_dtype_bytes(x->dtype), y->rank, y->dim, out[0], y_stride, in[0], from);
    return FLOE_OK;
}

const fl_op_def fl_op_transpose = {"transpose", 1, 1, 1, fields, infer, fl_flops_none, ref, true};
