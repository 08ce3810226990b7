/* op_reorder.c - the same NHWC tensor in another memory layout, elements of any type.
 *
 * C8 and C16 store [N][ceil(C/b)][H][W][b]. In blocks of b = 1 the plain layout is seen the same way with other
 * strides, so one copy serves all pairs: channel c of pixel (n, h, w) lies at
 *
 *     n * image + (c / b) * block + (h * W + w) * pixel + c % b
 *
 * with (image, block, pixel) = (C*H*W, b, C) for plain and (ceil(C/b)*b*H*W, H*W*b, b) for blocked. The channels past
 * C in the last block of a result are zero.
 */
#include "op/op_check.h"

#include <string.h>

static const fl_field fields[] = {FL_FIELD(fl_layout_params, I32, layout), FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *x = d->in[0];
    char text[FL_TENSOR_TEXT];

    FL_TRY(fl_check_enum("layout", d->p.layout.layout, FL_LAYOUT_COUNT, err));
    FL_TRY(fl_check_rank("x", x, 4, err));
    for (int i = 1; i < 4; i++)
        if (x->dim[i] < 0)
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "x %s: height, width and channels must not depend on the batch",
                    fl_dims_text(x->dim, x->rank, text, sizeof text));
    *d->out[0] = fl_tensor_make(x->dtype, 4, x->dim);
    d->out[0]->layout = (fl_layout)d->p.layout.layout;
done:
    return st;
}

typedef struct places {
    int64_t b, image, block, pixel;
} places;

static places places_of(const fl_tensor_desc *t)
{
    const int64_t pixels = t->dim[1] * t->dim[2], c = t->dim[3];

    if (t->layout == FL_LAYOUT_PLAIN)
        return (places){1, pixels * c, 1, c};
    const int64_t b = t->layout == FL_LAYOUT_C8 ? 8 : 16;
    return (places){b, (c + b - 1) / b * b * pixels, pixels * b, b};
}

static int64_t place_at(const places *p, int64_t n, int64_t pixel, int64_t c)
{
    return n * p->image + c / p->b * p->block + pixel * p->pixel + c % p->b;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    const places from = places_of(x), to = places_of(y);
    const int64_t pixels = x->dim[1] * x->dim[2], bytes = (int64_t)fl_dtype_bytes(x->dtype);
    const size_t y_bytes = fl_tensor_bytes_at(y, 1);

    (void)err;
    if (y_bytes)
        memset(out[0], 0, y_bytes);
    for (int64_t n = 0; n < x->dim[0]; n++)
        for (int64_t pixel = 0; pixel < pixels; pixel++)
            for (int64_t c = 0; c < x->dim[3]; c++)
                memcpy((uint8_t *)out[0] + place_at(&to, n, pixel, c) * bytes,
                       (const uint8_t *)in[0] + place_at(&from, n, pixel, c) * bytes, (size_t)bytes);
    return FLOE_OK;
}

const fl_op_def fl_op_reorder = {"reorder", 1, 1, 1, fields, infer, fl_flops_none, ref, true};
