/* op_softmax.c - softmax along any one axis: e^(x - max) over its sum, in double, rounded once.
 *
 * A slice whose maximum is infinite, or that holds a NaN, has no softmax: all of it becomes NaN.
 */
#include "op/op_check.h"

#include <math.h>

static const fl_field fields[] = {FL_FIELD(fl_axis_params, I32, axis), FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *x = d->in[0];

    FL_TRY(fl_check_storage("x", x, err));
    FL_TRY(fl_check_axis("x", x, d->p.axis.axis, err));
    FL_TRY(fl_check_plain(d, err));
    *d->out[0] = fl_tensor_make(x->dtype, x->rank, x->dim);
done:
    return st;
}

static double flops(const fl_op_desc *d, int64_t batch)
{
    return 4 * fl_flops_per_output(d, batch); /* max, exp, sum, divide */
}

static void softmax_slice(const float *x, float *y, int64_t n, int64_t step)
{
    double highest = -INFINITY, sum = 0;

    for (int64_t i = 0; i < n; i++)
        highest = (double)x[i * step] > highest ? (double)x[i * step] : highest;
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)x[i * step] - highest);
    for (int64_t i = 0; i < n; i++)
        y[i * step] = (float)(exp((double)x[i * step] - highest) / sum);
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_tensor_desc *x = d->in[0];
    const int axis = d->p.axis.axis;
    const int64_t n = x->dim[axis];
    int64_t outer = 1, inner = 1;

    (void)err;
    if (fl_tensor_elements_at(x, 1) == 0)
        return FLOE_OK;
    for (int i = 0; i < axis; i++)
        outer *= x->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        inner *= x->dim[i];
    for (int64_t i = 0; i < outer; i++)
        for (int64_t j = 0; j < inner; j++)
            softmax_slice((const float *)in[0] + i * n * inner + j, (float *)out[0] + i * n * inner + j, n, inner);
    return FLOE_OK;
}

const fl_op_def fl_op_softmax = {"softmax", 1, 1, 1, fields, infer, flops, ref, false};
