/* op_identity.c - a copy, in any type and layout. Optimised networks have none left, except where an input of the
 * network is its output. */
#include "op/op_check.h"

#include <string.h>

static const fl_field fields[] = {FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *x = d->in[0];
    fl_layout layout;

    FL_TRY(fl_check_layouts(d, FL_SLOT(0), true, &layout, err));
    *d->out[0] = fl_tensor_make(x->dtype, x->rank, x->dim);
    d->out[0]->layout = layout;
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const size_t bytes = fl_tensor_bytes_at(d->in[0], 1);

    (void)err;
    if (bytes)
        memmove(out[0], in[0], bytes);
    return FLOE_OK;
}

const fl_op_def fl_op_identity = {"identity", 1, 1, 1, fields, infer, fl_flops_none, ref, true};
