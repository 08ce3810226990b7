/* cuda_simt_weights.c - sizes and weights of the products on CUDA cores; see cuda_simt.h. */
#include "backend/cuda/cuda_simt.h"

#include "base/half.h"

#define VECTOR 4 /* of columns */

/* ---- sizes */

fl_simt_size fl_simt_size_of(const fl_op_desc *d, int64_t batch)
{
    if (d->op == FL_OP_MATMUL)
        return (fl_simt_size){fl_dim_at(d->out[0]->dim[0], batch), fl_dim_at(d->out[0]->dim[1], batch),
                              fl_dim_at(d->in[0]->dim[d->p.matmul.transpose_a ? 0 : 1], batch), 1};
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;
    return (fl_simt_size){fl_tensor_elements_at(d->out[0], batch) / f[3], f[3] / d->p.conv.groups, f[0] * f[1] * f[2],
                          d->p.conv.groups};
}

fl_simt_matrix fl_simt_matrix_of(const fl_op_desc *d)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;

    if (d->op == FL_OP_CONV2D) /* [kh,kw,cin/groups,cout] */
        return (fl_simt_matrix){1, f[0] * f[1] * f[2], f[3], 0, f[3], 1};
    if (d->op == FL_OP_CONV2D_TRANSPOSE) /* [kh,kw,cout,cin] */
        return (fl_simt_matrix){f[0] * f[1], f[3], f[2], f[2] * f[3], 1, f[3]};
    if (d->p.matmul.transpose_b)
        return (fl_simt_matrix){1, f[1], f[0], 0, 1, f[1]};
    return (fl_simt_matrix){1, f[0], f[1], 0, f[1], 1};
}

fl_simt_matrix fl_simt_packed_matrix_of(const fl_op_desc *d)
{
    fl_simt_matrix m = fl_simt_matrix_of(d);
    const int64_t pitch = (m.columns + VECTOR - 1) / VECTOR * VECTOR;

    m.tap = m.rows * pitch;
    m.row = pitch;
    m.column = 1;
    return m;
}

/* ---- packing */

static bool is_constant(const fl_op_desc *d, int slot)
{
    const fl_tensor_desc *t = fl_cuda_in(d, slot);
    return t && t->constant;
}

/* Constants beside half precision may be half precision themselves. */
static float value_at(fl_dtype dtype, const void *values, int64_t i)
{
    if (dtype == FL_F32)
        return ((const float *)values)[i];
    const uint16_t bits = ((const uint16_t *)values)[i];
    return dtype == FL_F16 ? fl_half_to_float(bits) : fl_bfloat_to_float(bits);
}

static size_t matrix_bytes(const fl_op_desc *d)
{
    const fl_simt_matrix m = fl_simt_packed_matrix_of(d);
    return is_constant(d, FL_SLOT_WEIGHTS) ? (size_t)(m.taps * m.tap) * sizeof(float) : 0;
}

static size_t bias_bytes(const fl_op_desc *d)
{
    return is_constant(d, FL_SLOT_BIAS) ? (size_t)fl_tensor_elements_at(d->in[FL_SLOT_BIAS], 1) * sizeof(float) : 0;
}

size_t fl_simt_packed_bytes(const fl_op_desc *d)
{
    const size_t bias = bias_bytes(d);

    return bias ? fl_round_up(matrix_bytes(d), FL_ALIGN) + bias : matrix_bytes(d);
}

static void put_matrix(const fl_op_desc *d, const void *values, fl_buf *out)
{
    const fl_simt_matrix from = fl_simt_matrix_of(d), to = fl_simt_packed_matrix_of(d);
    const fl_dtype dtype = d->in[FL_SLOT_WEIGHTS]->dtype;
    float *row = fl_buf_extend(out, matrix_bytes(d));

    for (int64_t t = 0; row && t < from.taps; t++)
        for (int64_t r = 0; r < from.rows; r++, row += to.row) {
            for (int64_t n = 0; n < from.columns; n++)
                row[n] = value_at(dtype, values, t * from.tap + r * from.row + n * from.column);
            for (int64_t n = from.columns; n < to.row; n++)
                row[n] = 0;
        }
}

floe_status fl_simt_pack(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err)
{
    if (is_constant(d, FL_SLOT_WEIGHTS))
        put_matrix(d, consts[FL_SLOT_WEIGHTS], out);
    if (is_constant(d, FL_SLOT_BIAS)) {
        fl_put_zeros_to(out, FL_ALIGN);
        float *bias = fl_buf_extend(out, bias_bytes(d));
        for (int64_t i = 0; bias && i < d->in[FL_SLOT_BIAS]->dim[0]; i++)
            bias[i] = value_at(d->in[FL_SLOT_BIAS]->dtype, consts[FL_SLOT_BIAS], i);
    }
    return out->failed ? fl_fail_memory(err, fl_simt_packed_bytes(d), "packed weights") : FLOE_OK;
}

fl_simt_weights fl_simt_weights_of(const fl_step *step)
{
    const fl_op_desc *d = step->desc;
    const uint8_t *packed = step->packed;
    const size_t matrix = matrix_bytes(d);
    const fl_tensor_desc *bias = fl_cuda_in(d, FL_SLOT_BIAS);
    fl_simt_weights w = {.b = packed};

    if (is_constant(d, FL_SLOT_WEIGHTS)) {
        w.matrix = fl_simt_packed_matrix_of(d);
    } else {
        w.matrix = fl_simt_matrix_of(d);
        w.b = step->in[FL_SLOT_WEIGHTS];
        w.b_half = d->in[FL_SLOT_WEIGHTS]->dtype != FL_F32;
    }
    if (bias && bias->constant) {
        w.bias = (const float *)(const void *)(packed + fl_round_up(matrix, FL_ALIGN));
    } else if (bias) {
        w.bias = step->in[FL_SLOT_BIAS];
        w.bias_half = bias->dtype != FL_F32;
    }
    return w;
}

bool fl_simt_supports(const fl_op_desc *d, const char **why_not)
{
    if (!fl_cuda_all_plain(d))
        return fl_cuda_refuse(why_not, "blocked layouts");
    if (!fl_cuda_is_storage(d->in[0]->dtype))
        return fl_cuda_refuse(why_not, "another type than f32, f16 and bf16");
    return true;
}

double fl_simt_slower(const fl_op_desc *d) { return d->in[0]->dtype == FL_F32 ? 1 : 12; }
