/* op_pool2d.c - maximum or average over sliding windows, no dilation.
 *
 * Pads never take part: the maximum starts from the lowest finite float (as TensorFlow's kernel does, which therefore
 * gives -3.4e38 for a window of -inf or NaN), the average divides by the count of cells inside the input. Each pad is
 * smaller than the window, so that no window of a non-empty input is without a cell.
 */
#include "op/op_geometry.h"

#include <float.h>

static const fl_field fields[] = {
    FL_FIELD(fl_pool_params, I32, func), FL_FIELD(fl_pool_params, I32, kernel),
    FL_FIELD(fl_pool_params, I32, stride), FL_FIELD(fl_pool_params, I32, pad),
    FL_FIELD(fl_pool_params, I32, format), FL_FIELD_END};

static fl_window window_of(const fl_pool_params *p, int axis)
{
    return (fl_window){p->kernel[axis], p->stride[axis], 1, p->pad[2 * axis], p->pad[2 * axis + 1]};
}

static floe_status check_params(const fl_pool_params *p, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(fl_check_enum("func", p->func, FL_POOL_AVG + 1, err));
    FL_TRY(fl_check_enum("format", p->format, 2, err));
    for (int i = 0; i < 2; i++)
        if (p->kernel[i] < 1 || p->stride[i] < 1)
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "kernel %d,%d and stride %d,%d: all must be 1 or more", p->kernel[0],
                    p->kernel[1], p->stride[0], p->stride[1]);
    for (int i = 0; i < 4; i++)
        if (p->pad[i] < 0 || p->pad[i] >= p->kernel[i / 2])
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "pad %d,%d,%d,%d with kernel %d,%d: a pad is 0 or more and less than the "
                    "kernel", p->pad[0], p->pad[1], p->pad[2], p->pad[3], p->kernel[0], p->kernel[1]);
done:
    return st;
}

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_pool_params *p = &d->p.pool;
    const fl_tensor_desc *x = d->in[0];
    fl_layout layout;
    int64_t out[2];

    FL_TRY(check_params(p, err));
    FL_TRY(fl_check_storage("x", x, err));
    FL_TRY(fl_check_image("x", x, p->format, err));
    FL_TRY(fl_check_layouts(d, FL_SLOT(0), p->format == FL_NHWC, &layout, err));
    const fl_axes axes = fl_axes_of(p->format);
    const fl_window rows = window_of(p, 0), columns = window_of(p, 1);
    FL_TRY(fl_window_count(&out[0], &rows, "height", x->dim[axes.h], err));
    FL_TRY(fl_window_count(&out[1], &columns, "width", x->dim[axes.w], err));
    fl_image_make(d->out[0], x->dtype, p->format, layout, x->dim[axes.n], out[0], out[1], x->dim[axes.c]);
done:
    return st;
}

static double flops(const fl_op_desc *d, int64_t batch)
{
    return (double)d->p.pool.kernel[0] * (double)d->p.pool.kernel[1] * fl_flops_per_output(d, batch);
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_pool_params *p = &d->p.pool;
    const fl_image x = fl_image_of(d->in[0], p->format), y = fl_image_of(d->out[0], p->format);
    const fl_window rows = window_of(p, 0), columns = window_of(p, 1);
    const float *const pixels = in[0];
    float *const result = out[0];

    (void)err;
    for (int64_t n = 0; n < y.n; n++) {
        for (int64_t i = 0; i < y.h; i++) {
            int64_t u_begin, u_end;
            fl_window_taps(&rows, i, x.h, &u_begin, &u_end);
            for (int64_t j = 0; j < y.w; j++) {
                int64_t v_begin, v_end;
                fl_window_taps(&columns, j, x.w, &v_begin, &v_end);
                const double cells = (double)((u_end - u_begin) * (v_end - v_begin));
                for (int64_t c = 0; c < y.c; c++) {
                    float highest = -FLT_MAX;
                    double sum = 0;
                    for (int64_t u = u_begin; u < u_end; u++) {
                        for (int64_t v = v_begin; v < v_end; v++) {
                            const float value = pixels[fl_image_at(&x, n, fl_window_place(&rows, i, u),
                                                                   fl_window_place(&columns, j, v), c)];
                            highest = value > highest ? value : highest;
                            sum += (double)value;
                        }
                    }
                    result[fl_image_at(&y, n, i, j, c)] = p->func == FL_POOL_MAX ? highest : (float)(sum / cells);
                }
            }
        }
    }
    return FLOE_OK;
}

const fl_op_def fl_op_pool2d = {"pool2d", 1, 1, 1, fields, infer, flops, ref, false};
