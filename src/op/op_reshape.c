/* op_reshape.c - the same elements in the same order under another shape.
 *
 * The target has no wildcards: the importer has put the count, or the multiple of the batch, in their place. Counts
 * are compared as dimensions, so [N,7,7,64] may become [49N,64] and never [100,64]: sizes must agree at every batch.
 */
#include "op/op_check.h"

#include <string.h>

static const fl_field fields[] = {
    FL_FIELD(fl_dims_params, I32, rank), FL_FIELD(fl_dims_params, I64, dim), FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *x = d->in[0];
    char x_text[FL_TENSOR_TEXT], y_text[FL_TENSOR_TEXT], xn_text[FL_TENSOR_TEXT], yn_text[FL_TENSOR_TEXT];
    int64_t x_elements, y_elements;
    fl_tensor_desc y;

    FL_TRY(fl_check_plain(d, err));
    FL_TRY(fl_check_dims(&y, &d->p.dims, x->dtype, err));
    FL_TRY(fl_tensor_elements(x, &x_elements, err));
    FL_TRY(fl_tensor_elements(&y, &y_elements, err));
    if (x_elements != y_elements)
        FL_FAIL(err, FLOE_ERR_SHAPE, "x %s cannot become %s: %s elements against %s",
                fl_dims_text(x->dim, x->rank, x_text, sizeof x_text),
                fl_dims_text(y.dim, y.rank, y_text, sizeof y_text),
                fl_dims_text(&x_elements, 1, xn_text, sizeof xn_text),
                fl_dims_text(&y_elements, 1, yn_text, sizeof yn_text));
    *d->out[0] = y;
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    (void)err;
    const size_t bytes = fl_tensor_bytes_at(d->in[0], 1);
    if (bytes)
        memmove(out[0], in[0], bytes);
    return FLOE_OK;
}

const fl_op_def fl_op_reshape = {"reshape", 1, 1, 1, fields, infer, fl_flops_none, ref, true};
