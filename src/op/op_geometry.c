/* op_geometry.c - geometry of sliding windows; see op_geometry.h for the formulas.
 *
 * The count of windows is TensorFlow's: where the window does not fit into input and pads, the graph is refused, even
 * where the formula would give 0. One exception is TensorFlow's too: an empty input with SAME pads has no windows.
 */
#include "op/op_geometry.h"

static const fl_axes axes_of_format[] = {[FL_NHWC] = {0, 1, 2, 3}, [FL_NCHW] = {0, 2, 3, 1}};

fl_axes fl_axes_of(int32_t format)
{
    return axes_of_format[format == FL_NCHW ? FL_NCHW : FL_NHWC];
}

const char *fl_format_text(int32_t format)
{
    return format == FL_NCHW ? "NCHW" : "NHWC";
}

fl_image fl_image_of(const fl_tensor_desc *t, int32_t format)
{
    const fl_axes axes = fl_axes_of(format);
    int64_t stride[4] = {1, 1, 1, 1};

    for (int i = 2; i >= 0; i--)
        stride[i] = stride[i + 1] * t->dim[i + 1];
    return (fl_image){t->dim[axes.n], t->dim[axes.h], t->dim[axes.w], t->dim[axes.c],
                      stride[axes.n], stride[axes.h], stride[axes.w], stride[axes.c]};
}

void fl_same_padding(int64_t in, int64_t k, int64_t s, int64_t d, int32_t *before, int32_t *after)
{
    int64_t reach, covered, total = 0;

    *before = *after = 0;
    if (s <= 0 || in < 0 || k <= 0 || d <= 0)
        return;
    const int64_t windows = in / s + (in % s != 0);
    if (__builtin_mul_overflow(k - 1, d, &reach) || __builtin_mul_overflow(windows - 1, s, &covered) ||
        __builtin_add_overflow(covered, reach, &total) || __builtin_add_overflow(total, 1 - in, &total) ||
        total > INT32_MAX)
        total = INT32_MAX; /* a window of 2^31: the convolution itself will be refused */
    if (total <= 0)
        return;
    *before = (int32_t)(total / 2);
    *after = (int32_t)(total - total / 2);
}

floe_status fl_window_count(int64_t *out, const fl_window *w, const char *name, int64_t in, floe_error *err)
{
    int64_t effective;

    if (__builtin_mul_overflow(w->kernel - 1, w->dilation, &effective) ||
        __builtin_add_overflow(effective, 1, &effective))
        return fl_fail(err, FLOE_ERR_SHAPE, "%s: a kernel of %lld with dilation %lld is too large", name,
                       (long long)w->kernel, (long long)w->dilation);
    const int64_t padded = in + w->before + w->after;
    const bool empty = in == 0 && padded - effective + w->stride >= 0 && padded < effective;
    if (padded < effective && !empty)
        return fl_fail(err, FLOE_ERR_SHAPE, "%s: a window of %lld (kernel %lld, dilation %lld) does not fit into %lld "
                       "(size %lld, pads %lld and %lld)", name, (long long)effective, (long long)w->kernel,
                       (long long)w->dilation, (long long)padded, (long long)in, (long long)w->before,
                       (long long)w->after);
    *out = empty ? 0 : (padded - effective) / w->stride + 1;
    return FLOE_OK;
}

void fl_window_taps(const fl_window *w, int64_t at, int64_t in, int64_t *begin, int64_t *end)
{
    const int64_t first = fl_window_place(w, at, 0); /* place of tap 0, may be negative */

    *begin = first < 0 ? (-first + w->dilation - 1) / w->dilation : 0;
    *end = first < in ? (in - 1 - first) / w->dilation + 1 : 0;
    if (*end > w->kernel)
        *end = w->kernel;
    if (*begin > *end)
        *begin = *end;
}

void fl_image_make(fl_tensor_desc *y, fl_dtype dtype, int32_t format, fl_layout layout, int64_t n, int64_t h, int64_t w,
                   int64_t c)
{
    const fl_axes axes = fl_axes_of(format);
    int64_t dim[4];

    dim[axes.n] = n;
    dim[axes.h] = h;
    dim[axes.w] = w;
    dim[axes.c] = c;
    *y = fl_tensor_make(dtype, 4, dim);
    y->layout = layout;
}

floe_status fl_check_image(const char *slot, const fl_tensor_desc *x, int32_t format, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_axes axes = fl_axes_of(format);
    char text[FL_TENSOR_TEXT];

    FL_TRY(fl_check_rank(slot, x, 4, err));
    if (x->dim[axes.h] < 0 || x->dim[axes.w] < 0 || x->dim[axes.c] < 0)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s %s (%s): height, width and channels must not depend on the batch", slot,
                fl_dims_text(x->dim, 4, text, sizeof text), fl_format_text(format));
done:
    return st;
}

/* ---- convolutions */

const fl_field fl_conv_fields[] = {
    FL_FIELD(fl_conv_params, I32, stride), FL_FIELD(fl_conv_params, I32, dilation), FL_FIELD(fl_conv_params, I32, pad),
    FL_FIELD(fl_conv_params, I32, groups), FL_FIELD(fl_conv_params, I32, format),
    FL_FIELD(fl_conv_params, I64, output), FL_FIELD(fl_conv_params, I32, act), FL_FIELD(fl_conv_params, F32, alpha),
    FL_FIELD_END};

static floe_status check_conv_params(const fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_conv_params *p = &d->p.conv;

    for (int i = 0; i < 2; i++)
        if (p->stride[i] < 1 || p->dilation[i] < 1)
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "stride %d,%d and dilation %d,%d: all must be 1 or more", p->stride[0],
                    p->stride[1], p->dilation[0], p->dilation[1]);
    for (int i = 0; i < 4; i++)
        if (p->pad[i] < 0)
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "pad %d,%d,%d,%d: none may be negative", p->pad[0], p->pad[1], p->pad[2],
                    p->pad[3]);
    FL_TRY(fl_check_enum("format", p->format, 2, err));
    FL_TRY(fl_check_act(p->act, FL_F32, err));
    if (p->groups < 1 || (d->op != FL_OP_CONV2D && p->groups != 1))
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "groups is %d; %s", p->groups,
                d->op == FL_OP_CONV2D ? "it is 1 or more" : "only conv2d has groups other than 1");
    if (d->op != FL_OP_CONV2D_TRANSPOSE && (p->output[0] != 0 || p->output[1] != 0))
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "an output size %lld,%lld is given; it follows from the input, only "
                "conv2d_transpose has one", (long long)p->output[0], (long long)p->output[1]);
done:
    return st;
}

floe_status fl_check_conv(const fl_op_desc *d, fl_layout *layout, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *x = d->in[0], *filter = d->in[1];
    const int32_t format = d->p.conv.format;
    char text[FL_TENSOR_TEXT];

    FL_TRY(check_conv_params(d, err));
    FL_TRY(fl_check_storage("x", x, err));
    FL_TRY(fl_check_weight("filter", filter, x->dtype, err));
    FL_TRY(fl_check_image("x", x, format, err));
    FL_TRY(fl_check_rank("filter", filter, 4, err));
    for (int i = 0; i < 4; i++)
        if (filter->dim[i] < 1)
            FL_FAIL(err, FLOE_ERR_SHAPE, "filter %s: all its sizes must be known and 1 or more",
                    fl_dims_text(filter->dim, 4, text, sizeof text));
    const uint32_t images = d->op == FL_OP_CONV2D_TRANSPOSE ? 0 : FL_SLOT(0) | FL_SLOT(FL_SLOT_RESIDUAL);
    FL_TRY(fl_check_layouts(d, images, format == FL_NHWC, layout, err));
done:
    return st;
}

fl_window fl_conv_window(const fl_op_desc *d, int axis)
{
    const fl_conv_params *p = &d->p.conv;

    return (fl_window){d->in[1]->dim[axis], p->stride[axis], p->dilation[axis], p->pad[2 * axis],
                       p->pad[2 * axis + 1]};
}

fl_tail fl_conv_tail(const fl_op_desc *d, const void *const *in)
{
    return (fl_tail){fl_op_data(d, in, FL_SLOT_BIAS), fl_op_data(d, in, FL_SLOT_RESIDUAL), d->p.conv.act,
                     d->p.conv.alpha};
}
