/* op_slice.c - a strided cut: y[.. j ..] = x[.. begin + j * stride ..] on each axis, elements of any type.
 *
 * Slice, StridedSlice and Split all come down to this; masks, negative places and -1 sizes are resolved before. An
 * axis that depends on the batch is taken whole, or cut at constant places. Whether those exist is known only with the
 * batch, so that check is repeated at run time; a batch too small for it is a shape error there.
 */
#include "op/op_check.h"
#include "op/op_loops.h"

static const fl_field fields[] = {
    FL_FIELD(fl_slice_params, I64, begin), FL_FIELD(fl_slice_params, I64, stride), FL_FIELD(fl_slice_params, I64, size),
    FL_FIELD_END};

/* Whether all places begin + j * stride, j < size, lie in [0, dim); dim < 0: in [0, inf). */
static bool places_exist(int64_t begin, int64_t stride, int64_t size, int64_t dim)
{
    int64_t reach, last;

    if (size == 0)
        return true;
    if (stride == 0 || begin < 0 || (dim >= 0 && begin >= dim))
        return false;
    if (__builtin_mul_overflow(size - 1, stride, &reach) || __builtin_add_overflow(begin, reach, &last))
        return false;
    return last >= 0 && (dim < 0 || last < dim);
}

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_slice_params *p = &d->p.slice;
    const fl_tensor_desc *x = d->in[0];
    char text[FL_TENSOR_TEXT], size_text[FL_TENSOR_TEXT];

    FL_TRY(fl_check_plain(d, err));
    for (int i = 0; i < x->rank; i++) {
        const bool whole = p->begin[i] == 0 && p->stride[i] == 1 && p->size[i] == x->dim[i];
        if (!whole && (p->size[i] < 0 || !places_exist(p->begin[i], p->stride[i], p->size[i], x->dim[i])))
            FL_FAIL(err, FLOE_ERR_SHAPE, "axis %d of x %s: begin %lld, stride %lld, size %s lies outside; %s", i,
                    fl_dims_text(x->dim, x->rank, text, sizeof text), (long long)p->begin[i], (long long)p->stride[i],
                    fl_dims_text(&p->size[i], 1, size_text, sizeof size_text),
                    x->dim[i] < 0 ? "an axis that depends on the batch is taken whole or cut at constant places"
                                  : "all places must exist, and stride must not be 0");
    }
    *d->out[0] = fl_tensor_make(x->dtype, x->rank, p->size);
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_slice_params *p = &d->p.slice;
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    const size_t bytes = fl_dtype_bytes(x->dtype);
    int64_t x_stride[FL_MAX_RANK], y_stride[FL_MAX_RANK], first = 0;

    for (int i = 0; i < x->rank; i++)
        if (!places_exist(p->begin[i], p->stride[i], y->dim[i], x->dim[i]))
            return fl_fail(err, FLOE_ERR_SHAPE, "axis %d is cut at %lld, stride %lld, size %lld; at this batch it has "
                           "only %lld", i, (long long)p->begin[i], (long long)p->stride[i], (long long)y->dim[i],
                           (long long)x->dim[i]);
    if (fl_tensor_elements_at(y, 1) == 0)
        return FLOE_OK;
    fl_dense_strides(x->rank, x->dim, x_stride);
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int i = 0; i < x->rank; i++) {
        first += p->begin[i] * x_stride[i];
        x_stride[i] *= y->dim[i] > 1 ? p->stride[i] : 1; /* the stride of a single place may be anything */
    }
    fl_copy_strided(bytes, y->rank, y->dim, out[0], y_stride, (const uint8_t *)in[0] + first * (int64_t)bytes,
                    x_stride);
    return FLOE_OK;
}

const fl_op_def fl_op_slice = {"slice", 1, 1, 1, fields, infer, fl_flops_none, ref, true};
