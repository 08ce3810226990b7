/* op_conv2d.c - convolution (cross-correlation) with groups, bias, residual and activation.
 *
 *     y[n,i,j,o] = act(sum over u,v,c of x[n, i*Sh + u*Dh - top, j*Sw + v*Dw - left, c] * filter[u,v,c,o] + bias[o]
 *                      + residual[n,i,j,o])
 *
 * The filter is HWIO in either format. With g groups, output channels [k*cout/g, (k+1)*cout/g) see input channels
 * [k*cin/g, (k+1)*cin/g), and the filter's third dimension is cin/g.
 *
 * The reference goes over the filter in its own order: for each pixel of y it keeps a strip of output channels in
 * double accumulators, so the innermost loop walks along the filter's last dimension.
 */
#include "op/op_geometry.h"

enum { STRIP = 16 };

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
    const int64_t cin = x->dim[axes.c], cout = filter->dim[3];
    fl_dims_text(filter->dim, 4, f_text, sizeof f_text);
    if (cin % p->groups != 0 || cin / p->groups != filter->dim[2])
        FL_FAIL(err, FLOE_ERR_SHAPE, "filter %s with groups %d wants %lld input channels, x %s (%s) has %lld", f_text,
                p->groups, (long long)filter->dim[2] * p->groups, fl_dims_text(x->dim, 4, x_text, sizeof x_text),
                fl_format_text(p->format), (long long)cin);
    if (cout % p->groups != 0)
        FL_FAIL(err, FLOE_ERR_SHAPE, "filter %s: %lld output channels cannot be cut into %d groups", f_text,
                (long long)cout, p->groups);
    const fl_window rows = fl_conv_window(d, 0), columns = fl_conv_window(d, 1);
    FL_TRY(fl_window_count(&out[0], &rows, "height", x->dim[axes.h], err));
    FL_TRY(fl_window_count(&out[1], &columns, "width", x->dim[axes.w], err));
    fl_image_make(d->out[0], x->dtype, p->format, layout, x->dim[axes.n], out[0], out[1], cout);
    FL_TRY(fl_check_tail(d, cout, err));
done:
    return st;
}

static double flops(const fl_op_desc *d, int64_t batch)
{
    const fl_tensor_desc *filter = d->in[1];
    const double taps = (double)filter->dim[0] * (double)filter->dim[1] * (double)filter->dim[2];

    return 2 * taps * fl_flops_per_output(d, batch) + fl_flops_of_tail(d, d->p.conv.act, batch);
}

/* One pixel of y: which inputs it sees. */
typedef struct pixel {
    int64_t n, i, j;
    int64_t u_begin, u_end, v_begin, v_end;
} pixel;

/* Adds up `count` output channels from `o` of one pixel. Their input channels start at `c_begin`. */
static void sum_strip(const fl_op_desc *d, const fl_image *x_image, const pixel *px, const float *x,
                      const float *filter, int64_t c_begin, int64_t o, int64_t count, double *sum)
{
    const fl_tensor_desc *f = d->in[1];
    const fl_window rows = fl_conv_window(d, 0), columns = fl_conv_window(d, 1);

    for (int64_t k = 0; k < count; k++)
        sum[k] = 0;
    for (int64_t u = px->u_begin; u < px->u_end; u++) {
        for (int64_t v = px->v_begin; v < px->v_end; v++) {
            const float *xp = x + fl_image_at(x_image, px->n, fl_window_place(&rows, px->i, u),
                                              fl_window_place(&columns, px->j, v), c_begin);
            const float *fp = filter + (u * f->dim[1] + v) * f->dim[2] * f->dim[3] + o;
            for (int64_t c = 0; c < f->dim[2]; c++)
                for (int64_t k = 0; k < count; k++)
                    sum[k] += (double)xp[c * x_image->sc] * (double)fp[c * f->dim[3] + k];
        }
    }
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_conv_params *p = &d->p.conv;
    const fl_image x = fl_image_of(d->in[0], p->format), y = fl_image_of(d->out[0], p->format);
    const fl_window rows = fl_conv_window(d, 0), columns = fl_conv_window(d, 1);
    const fl_tail tail = fl_conv_tail(d, in);
    const int64_t group_in = x.c / p->groups, group_out = y.c / p->groups;
    float *const result = out[0];
    double sum[STRIP];
    pixel px;

    (void)err;
    for (px.n = 0; px.n < y.n; px.n++) {
        for (px.i = 0; px.i < y.h; px.i++) {
            fl_window_taps(&rows, px.i, x.h, &px.u_begin, &px.u_end);
            for (px.j = 0; px.j < y.w; px.j++) {
                fl_window_taps(&columns, px.j, x.w, &px.v_begin, &px.v_end);
                for (int64_t o = 0, count; o < y.c; o += count) {
                    const int64_t group = o / group_out, left = (group + 1) * group_out - o;
                    count = left < STRIP ? left : STRIP;
                    sum_strip(d, &x, &px, in[0], in[1], group * group_in, o, count, sum);
                    for (int64_t k = 0; k < count; k++) {
                        const int64_t at = fl_image_at(&y, px.n, px.i, px.j, o + k);
                        result[at] = fl_tail_apply(&tail, sum[k], o + k, at);
                    }
                }
            }
        }
    }
    return FLOE_OK;
}

const fl_op_def fl_op_conv2d = {"conv2d", 2, 4, 1, fl_conv_fields, infer, flops, ref, false};
