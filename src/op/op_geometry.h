/* op_geometry.h - windows sliding over images: what the three convolutions and pooling share.
 *
 * Along one axis, with input size I, kernel K, dilation D, stride S and pads before and after:
 *
 *     effective kernel  Ke = (K - 1) * D + 1
 *     windows           O  = (I + before + after - Ke + S) / S
 *     window i, tap k reads input i * S + k * D - before, and nothing where that lies outside
 *
 * Private to src/op.
 */
#ifndef FL_OP_GEOMETRY_H
#define FL_OP_GEOMETRY_H

#include "op/op_check.h"

/* Places of the axes in dims, by fl_format. */
typedef struct fl_axes {
    int n, h, w, c;
} fl_axes;
fl_axes fl_axes_of(int32_t format);
const char *fl_format_text(int32_t format); /* "NHWC" */

/* A plain rank-4 tensor with all dims resolved: counts, and element strides to reach (n, h, w, c). */
typedef struct fl_image {
    int64_t n, h, w, c;
    int64_t sn, sh, sw, sc;
} fl_image;
fl_image fl_image_of(const fl_tensor_desc *t, int32_t format);
static inline int64_t fl_image_at(const fl_image *m, int64_t n, int64_t h, int64_t w, int64_t c)
{
    return n * m->sn + h * m->sh + w * m->sw + c * m->sc;
}

/* One axis of a sliding window. */
typedef struct fl_window {
    int64_t kernel, stride, dilation, before, after;
} fl_window;

/* O for input size `in`, both static. Refuses a window that fits nowhere. `name` of the axis: "height". */
floe_status fl_window_count(int64_t *out, const fl_window *w, const char *name, int64_t in, floe_error *err);
/* The taps [*begin, *end) of the window at `at` that read inside an input of size `in`. */
void fl_window_taps(const fl_window *w, int64_t at, int64_t in, int64_t *begin, int64_t *end);
/* The input place of a tap. */
static inline int64_t fl_window_place(const fl_window *w, int64_t at, int64_t tap)
{
    return at * w->stride + tap * w->dilation - w->before;
}

/* y of rank 4 in this format. */
void fl_image_make(fl_tensor_desc *y, fl_dtype dtype, int32_t format, fl_layout layout, int64_t n, int64_t h, int64_t w,
                   int64_t c);
/* Height, width and channels must be counts; the batch may be anything. */
floe_status fl_check_image(const char *slot, const fl_tensor_desc *x, int32_t format, floe_error *err);

/* ---- convolutions */
extern const fl_field fl_conv_fields[];

/* Parameters in range, x and filter of rank 4 and f32, layouts of x and residual; *layout is that of y. */
floe_status fl_check_conv(const fl_op_desc *d, fl_layout *layout, floe_error *err);
/* Windows of axis 0 (height) or 1 (width) as the parameters say. */
fl_window fl_conv_window(const fl_op_desc *d, int axis);
fl_tail   fl_conv_tail(const fl_op_desc *d, const void *const *in);

#endif
