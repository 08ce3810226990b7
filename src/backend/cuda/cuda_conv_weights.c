/* cuda_conv_weights.c - see cuda_conv_weights.h. */
#include "backend/cuda/cuda_conv_weights.h"

static size_t constant_bytes(const fl_op_desc *d, int slot)
{
    const fl_tensor_desc *t = fl_cuda_in(d, slot);

    return t && t->constant ? (size_t)fl_tensor_elements_at(t, 1) * sizeof(float) : 0;
}

/* Constants beside half precision may be stored so themselves. */
static void put_constant(fl_buf *out, const fl_tensor_desc *t, const void *values)
{
    const size_t n = (size_t)fl_tensor_elements_at(t, 1);

    fl_put_zeros_to(out, FL_ALIGN);
    if (t->dtype == FL_F32)
        fl_put_bytes(out, values, n * sizeof(float));
    else
        fl_cuda_put_widened(out, t->dtype, values, n);
}

floe_status fl_cuda_conv_pack(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err)
{
    for (int slot = 1; slot <= 2; slot++)
        if (constant_bytes(d, slot))
            put_constant(out, d->in[slot], consts[slot]);
    return out->failed ? fl_fail_memory(err, fl_cuda_conv_packed_bytes(d), "packed weights") : FLOE_OK;
}

size_t fl_cuda_conv_packed_bytes(const fl_op_desc *d)
{
    const size_t filter = constant_bytes(d, 1), bias = constant_bytes(d, 2);

    return bias ? fl_round_up(filter, FL_ALIGN) + bias : filter;
}

fl_cuda_conv_weights fl_cuda_conv_weights_of(const fl_step *step)
{
    const fl_op_desc *d = step->desc;
    const uint8_t *packed = step->packed;
    const size_t filter = constant_bytes(d, 1), bias = constant_bytes(d, 2);
    fl_cuda_conv_weights w = {.filter = packed};

    if (!filter) {
        w.filter = step->in[1];
        w.filter_half = d->in[1]->dtype != FL_F32;
    }
    if (bias) {
        w.bias = (const float *)(const void *)(packed + fl_round_up(filter, FL_ALIGN));
    } else if (fl_cuda_in(d, 2)) {
        w.bias = step->in[2];
        w.bias_half = d->in[2]->dtype != FL_F32;
    }
    return w;
}

fl_cuda_image fl_cuda_image_of(const fl_tensor_desc *t, int32_t format)
{
    fl_cuda_image i;

    if (format == FL_NHWC) {
        i = (fl_cuda_image){(int32_t)t->dim[0], (int32_t)t->dim[1], (int32_t)t->dim[2], (int32_t)t->dim[3], 0, 0, 0, 1};
        i.stride_w = i.c;
        i.stride_h = i.w * i.c;
    } else {
        i = (fl_cuda_image){(int32_t)t->dim[0], (int32_t)t->dim[2], (int32_t)t->dim[3], (int32_t)t->dim[1], 0, 0, 1, 0};
        i.stride_h = i.w;
        i.stride_c = i.h * i.w;
    }
    i.stride_n = i.h * i.w * i.c;
    return i;
}
