/* op_depthwise_conv2d.c - convolution of each channel by itself.
 *
 *     y[n,i,j, c*M + m] = act(sum over u,v of x[n, i*Sh + u*Dh - top, j*Sw + v*Dw - left, c] * filter[u,v,c,m]
 *                             + bias[c*M + m] + residual[n,i,j, c*M + m])
 *
 * The filter is [kh,kw,c,m] in either format; read as a matrix its last two dimensions are the output channels.
 */
#include "op/op_geometry.h"

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_conv_params *p = &d->p.conv;
    const fl_tensor_desc *x = d->in[0], *filter = d->in[1];
    char f_text[FL_TENSOR_TEXT], x_text[FL_TENSOR_TEXT];
    fl_layout layout;
    int64_t out[2];

    FL_TRY(fl_check_conv(d, &layout, err));
    const fl_axes axes = fl_axes_of(p->format);
    if (x->dim[axes.c] != filter->dim[2])
        FL_FAIL(err, FLOE_ERR_SHAPE, "filter %s wants %lld input channels, x %s (%s) has %lld",
                fl_dims_text(filter->dim, 4, f_text, sizeof f_text), (long long)filter->dim[2],
                fl_dims_text(x->dim, 4, x_text, sizeof x_text), fl_format_text(p->format),
                (long long)x->dim[axes.c]);
    const fl_window rows = fl_conv_window(d, 0), columns = fl_conv_window(d, 1);
    FL_TRY(fl_window_count(&out[0], &rows, "height", x->dim[axes.h], err));
    FL_TRY(fl_window_count(&out[1], &columns, "width", x->dim[axes.w], err));
    const int64_t cout = filter->dim[2] * filter->dim[3]; /* at most the elements of the filter */
    fl_image_make(d->out[0], x->dtype, p->format, layout, x->dim[axes.n], out[0], out[1], cout);
    FL_TRY(fl_check_tail(d, cout, err));
done:
    return st;
}

static double flops(const fl_op_desc *d, int64_t batch)
{
    const double taps = (double)d->in[1]->dim[0] * (double)d->in[1]->dim[1];

    return 2 * taps * fl_flops_per_output(d, batch) + fl_flops_of_tail(d, d->p.conv.act, batch);
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const int32_t format = d->p.conv.format;
    const fl_image x = fl_image_of(d->in[0], format), y = fl_image_of(d->out[0], format);
    const fl_window rows = fl_conv_window(d, 0), columns = fl_conv_window(d, 1);
    const fl_tail tail = fl_conv_tail(d, in);
    const int64_t multiplier = d->in[1]->dim[3];
    const float *const pixels = in[0], *const filter = in[1];
    float *const result = out[0];

    (void)err;
    for (int64_t n = 0; n < y.n; n++) {
        for (int64_t i = 0; i < y.h; i++) {
            int64_t u_begin, u_end;
            fl_window_taps(&rows, i, x.h, &u_begin, &u_end);
            for (int64_t j = 0; j < y.w; j++) {
                int64_t v_begin, v_end;
                fl_window_taps(&columns, j, x.w, &v_begin, &v_end);
                for (int64_t o = 0; o < y.c; o++) {
                    double sum = 0;
                    for (int64_t u = u_begin; u < u_end; u++)
                        for (int64_t v = v_begin; v < v_end; v++)
                            sum += (double)pixels[fl_image_at(&x, n, fl_window_place(&rows, i, u),
                                                              fl_window_place(&columns, j, v), o / multiplier)] *
                                   (double)filter[(u * columns.kernel + v) * y.c + o];
                    const int64_t at = fl_image_at(&y, n, i, j, o);
                    result[at] = fl_tail_apply(&tail, sum, o, at);
                }
            }
        }
    }
    return FLOE_OK;
}

const fl_op_def fl_op_depthwise_conv2d = {"depthwise_conv2d", 2, 4, 1, fl_conv_fields, infer, flops, ref, false};
