/* cuda_util.c - small helps for tactics; see cuda.h. */
#include "backend/cuda/cuda.h"

#include "base/half.h"

bool fl_cuda_all_plain(const fl_op_desc *d)
{
    for (int i = 0; i < d->n_in; i++)
        if (d->in[i] && d->in[i]->layout != FL_LAYOUT_PLAIN)
            return false;
    for (int i = 0; i < d->n_out; i++)
        if (d->out[i]->layout != FL_LAYOUT_PLAIN)
            return false;
    return true;
}

static bool is_small(const fl_tensor_desc *t, int64_t batch)
{
    return !t || fl_tensor_elements_at(t, batch) < (int64_t)1 << 31;
}

bool fl_cuda_is_small(const fl_op_desc *d, int64_t batch)
{
    for (int i = 0; i < d->n_in; i++)
        if (!is_small(d->in[i], batch))
            return false;
    for (int i = 0; i < d->n_out; i++)
        if (!is_small(d->out[i], batch))
            return false;
    return true;
}

size_t fl_cuda_no_workspace(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    (void)d;
    (void)device;
    (void)batch;
    return 0;
}

void fl_cuda_put_floats(fl_buf *out, fl_dtype dtype, const float *values, size_t n)
{
    if (dtype == FL_F32) {
        fl_put_bytes(out, values, n * sizeof *values);
        return;
    }
    uint16_t *halves = fl_buf_extend(out, n * sizeof *halves);
    for (size_t i = 0; halves && i < n; i++)
        halves[i] = dtype == FL_F16 ? fl_half_from_float(values[i]) : fl_bfloat_from_float(values[i]);
}

void fl_cuda_put_widened(fl_buf *out, fl_dtype dtype, const uint16_t *values, size_t n)
{
    float *floats = fl_buf_extend(out, n * sizeof *floats);
    for (size_t i = 0; floats && i < n; i++)
        floats[i] = dtype == FL_F16 ? fl_half_to_float(values[i]) : fl_bfloat_to_float(values[i]);
}
