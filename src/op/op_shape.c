/* op_shape.c - the shape of a tensor as a vector of i32 or i64. The values of x are not read. */
#include "op/op_check.h"

static const fl_field fields[] = {FL_FIELD(fl_dtype_params, I32, dtype), FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    const int32_t dtype = d->p.dtype.dtype;
    const int64_t rank = d->in[0]->rank;

    if (dtype != FL_I32 && dtype != FL_I64)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "a shape of type %s (number %d); i32 and i64 are possible",
                       fl_dtype_name((fl_dtype)dtype), (int)dtype);
    *d->out[0] = fl_tensor_make((fl_dtype)dtype, 1, &rank);
    return FLOE_OK;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_tensor_desc *x = d->in[0];
    int32_t *const narrow = out[0];
    int64_t *const wide = out[0];

    (void)in;
    for (int i = 0; i < x->rank; i++) {
        if (d->out[0]->dtype == FL_I64)
            wide[i] = x->dim[i];
        else if (x->dim[i] <= INT32_MAX)
            narrow[i] = (int32_t)x->dim[i];
        else
            return fl_fail(err, FLOE_ERR_SHAPE, "dimension %d is %lld, too large for i32; i64 would hold it", i,
                           (long long)x->dim[i]);
    }
    return FLOE_OK;
}

const fl_op_def fl_op_shape = {"shape", 1, 1, 1, fields, infer, fl_flops_none, ref, true};
