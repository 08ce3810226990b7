/* op_conv2d_transpose.c - transposed convolution, TensorFlow's Conv2DBackpropInput.
 *
 * The operator runs a forward convolution backwards: the forward one would read our y and give our x, so stride,
 * dilation and pad are the forward one's, the filter is its HWIO [kh,kw,cout,cin] (our output channels third), and the
 * spatial size of y is a parameter, since several sizes have the same count of windows. The forward count of windows
 * over y must be the size of x.
 *
 * As a scatter:  y[n, i*Sh + u*Dh - top, j*Sw + v*Dw - left, o] += x[n,i,j,c] * filter[u,v,o,c]
 *
 * The reference gathers instead: pixel (h, w) of y takes from x[i, j] through tap (u, v) wherever
 * i*Sh = h + top - u*Dh and j*Sw = w + left - v*Dw have a solution inside x. Each y is written once.
 */
#include "op/op_geometry.h"

static const char *const axis_names[2] = {"height", "width"};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_conv_params *p = &d->p.conv;
    const fl_tensor_desc *x = d->in[0], *filter = d->in[1];
    char f_text[FL_TENSOR_TEXT], x_text[FL_TENSOR_TEXT];
    fl_layout layout;

    FL_TRY(fl_check_conv(d, &layout, err));
    const fl_axes axes = fl_axes_of(p->format);
    const int64_t size[2] = {x->dim[axes.h], x->dim[axes.w]};
    if (x->dim[axes.c] != filter->dim[3])
        FL_FAIL(err, FLOE_ERR_SHAPE, "filter %s wants %lld input channels (its last dimension), x %s (%s) has %lld",
                fl_dims_text(filter->dim, 4, f_text, sizeof f_text), (long long)filter->dim[3],
                fl_dims_text(x->dim, 4, x_text, sizeof x_text), fl_format_text(p->format),
                (long long)x->dim[axes.c]);
    for (int i = 0; i < 2; i++) {
        const fl_window window = fl_conv_window(d, i);
        int64_t windows;
        if (p->output[i] < 0 || p->output[i] > INT32_MAX)
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "the output %s is %lld; 0 to %d is possible", axis_names[i],
                    (long long)p->output[i], INT32_MAX);
        FL_TRY(fl_window_count(&windows, &window, axis_names[i], p->output[i], err));
        if (windows != size[i])
            FL_FAIL(err, FLOE_ERR_SHAPE, "%s: a convolution of the output size %lld (kernel %lld, stride %lld, "
                    "dilation %lld, pads %lld and %lld) gives %lld, x %s (%s) has %lld", axis_names[i],
                    (long long)p->output[i], (long long)window.kernel, (long long)window.stride,
                    (long long)window.dilation, (long long)window.before, (long long)window.after,
                    (long long)windows, fl_dims_text(x->dim, 4, x_text, sizeof x_text), fl_format_text(p->format),
                    (long long)size[i]);
    }
    fl_image_make(d->out[0], x->dtype, p->format, layout, x->dim[axes.n], p->output[0], p->output[1], filter->dim[2]);
    FL_TRY(fl_check_tail(d, filter->dim[2], err));
done:
    return st;
}

static double flops(const fl_op_desc *d, int64_t batch)
{
    const fl_tensor_desc *filter = d->in[1];
    const double taps = (double)filter->dim[0] * (double)filter->dim[1] * (double)filter->dim[2];

    return 2 * taps * fl_flops_per_input(d, batch) + fl_flops_of_tail(d, d->p.conv.act, batch);
}

/* The place in x whose tap reaches `at` of y; false if there is none. */
static bool find_source(const fl_window *w, int64_t at, int64_t tap, int64_t size, int64_t *source)
{
    const int64_t place = at + w->before - tap * w->dilation;

    *source = place / w->stride;
    return place >= 0 && place % w->stride == 0 && *source < size;
}

static double sum_taps(const fl_op_desc *d, const fl_image *xi, const float *x, const float *filter, int64_t n,
                       int64_t h, int64_t w, int64_t o)
{
    const fl_window rows = fl_conv_window(d, 0), columns = fl_conv_window(d, 1);
    const int64_t cout = d->in[1]->dim[2], cin = d->in[1]->dim[3];
    double sum = 0;
    int64_t i, j;

    for (int64_t u = 0; u < rows.kernel; u++) {
        if (!find_source(&rows, h, u, xi->h, &i))
            continue;
        for (int64_t v = 0; v < columns.kernel; v++) {
            if (!find_source(&columns, w, v, xi->w, &j))
                continue;
            const float *xp = x + fl_image_at(xi, n, i, j, 0);
            const float *fp = filter + ((u * columns.kernel + v) * cout + o) * cin;
            for (int64_t c = 0; c < cin; c++)
                sum += (double)xp[c * xi->sc] * (double)fp[c];
        }
    }
    return sum;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const int32_t format = d->p.conv.format;
    const fl_image x = fl_image_of(d->in[0], format), y = fl_image_of(d->out[0], format);
    const fl_tail tail = fl_conv_tail(d, in);
    float *const result = out[0];

    (void)err;
    for (int64_t n = 0; n < y.n; n++) {
        for (int64_t h = 0; h < y.h; h++) {
            for (int64_t w = 0; w < y.w; w++) {
                for (int64_t o = 0; o < y.c; o++) {
                    const int64_t at = fl_image_at(&y, n, h, w, o);
                    result[at] = fl_tail_apply(&tail, sum_taps(d, &x, in[0], in[1], n, h, w, o), o, at);
                }
            }
        }
    }
    return FLOE_OK;
}

const fl_op_def fl_op_conv2d_transpose = {"conv2d_transpose", 2, 4, 1, fl_conv_fields, infer, flops, ref, false};
