/* op_cast.c - another element type; op_convert.c has the rules. */
#include "op/op_check.h"
#include "op/op_convert.h"

static const fl_field fields[] = {
    FL_FIELD(fl_dtype_params, I32, dtype), FL_FIELD(fl_dtype_params, I32, truncate), FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_dtype_params *p = &d->p.dtype;

    if (p->dtype <= FL_DTYPE_NONE || p->dtype >= FL_DTYPE_COUNT)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "a cast to element type number %d; 1 to %d are known", (int)p->dtype,
                FL_DTYPE_COUNT - 1);
    FL_TRY(fl_check_flag("truncate", p->truncate, err));
    FL_TRY(fl_check_plain(d, err));
    *d->out[0] = fl_tensor_make((fl_dtype)p->dtype, d->in[0]->rank, d->in[0]->dim);
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    (void)err;
    fl_convert(out[0], d->out[0]->dtype, in[0], d->in[0]->dtype, fl_tensor_elements_at(d->in[0], 1),
               d->p.dtype.truncate != 0);
    return FLOE_OK;
}

const fl_op_def fl_op_cast = {"cast", 1, 1, 1, fields, infer, fl_flops_none, ref, true};
