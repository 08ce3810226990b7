/* cuda_gemm_pack.c - weights, bias and a transposed a as the kernels of cuda_gemm.h want them: made by pack() where
 * they are constant, by a kernel (gemm_pack.cu) in each run where they are not. Both follow the same map from (n, place
 * in k) to the tensor, which is fl_gemm_problem's.
 */
#include "backend/cuda/cuda_gemm.h"

#include "base/half.h"

#include <string.h>

#define COLUMNS 16 /* outputs packed together: a cache line of a filter whose innermost dimension they are */

static bool is_constant(const fl_op_desc *d, int slot)
{
    const fl_tensor_desc *t = fl_cuda_in(d, slot);
    return t && t->constant;
}

static size_t weights_bytes(const fl_gemm_problem *p)
{
    return fl_round_up((size_t)p->n * (size_t)p->k * fl_dtype_bytes(p->dtype), FL_GEMM_ALIGN);
}

/* Kernels read biases 8 at a time. */
static size_t bias_bytes(const fl_gemm_problem *p)
{
    return fl_round_up((size_t)p->n, 8) * sizeof(float);
}

/* ---- on the host */

/* Constants beside half precision may be half precision themselves. */
static float value_at(fl_dtype dtype, const void *values, int64_t i)
{
    if (dtype == FL_F32)
        return ((const float *)values)[i];
    const uint16_t bits = ((const uint16_t *)values)[i];
    return dtype == FL_F16 ? fl_half_to_float(bits) : fl_bfloat_to_float(bits);
}

/* To nearest, ties away from zero, as cvt.rna.tf32.f32 does. */
static float round_tf32(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7f800000u) != 0x7f800000u)
        bits = (bits + 0x1000u) & ~0x1fffu;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

static void put_value(fl_dtype dtype, void *to, int64_t at, float x)
{
    if (dtype == FL_F32)
        ((float *)to)[at] = round_tf32(x);
    else
        ((uint16_t *)to)[at] = dtype == FL_F16 ? fl_half_from_float(x) : fl_bfloat_from_float(x);
}

/* `count` rows of packed weights from row n on. */
static void pack_rows(const fl_gemm_problem *p, fl_dtype from_type, const void *from, void *to, int64_t n,
                      int64_t count)
{
    const int64_t row = p->dense ? p->k_row : p->taps[1] * p->c, pixel = p->dense ? p->k_pixel : p->c;

    for (int64_t r = 0; r < p->taps[0]; r++)
        for (int64_t s = 0; s < p->taps[1]; s++)
            for (int64_t c = 0; c < p->c; c++) {
                const int64_t at = r * row + s * pixel + c, source = ((r * p->taps[1] + s) * p->c + c) * p->k_step;
                for (int64_t i = 0; i < count; i++)
                    put_value(p->dtype, to, (n + i) * p->k + at,
                              value_at(from_type, from, source + (n + i) * p->row_step));
            }
}

static void pack_weights(const fl_gemm_problem *p, fl_dtype from_type, const void *from, fl_buf *out)
{
    const size_t bytes = weights_bytes(p);
    void *to = fl_buf_extend(out, bytes);

    if (!to)
        return;
    memset(to, 0, bytes);
    for (int64_t n = 0; n < p->n; n += COLUMNS)
        pack_rows(p, from_type, from, to, n, p->n - n < COLUMNS ? p->n - n : COLUMNS);
}

static void pack_bias(const fl_gemm_problem *p, fl_dtype from_type, const void *from, fl_buf *out)
{
    const size_t bytes = bias_bytes(p);
    float *to = fl_buf_extend(out, bytes);

    if (!to)
        return;
    memset(to, 0, bytes);
    for (int64_t n = 0; n < p->n; n++)
        to[n] = value_at(from_type, from, n);
}

floe_status fl_cuda_gemm_pack(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err)
{
    const fl_gemm_problem p = fl_gemm_problem_of(d, 1);

    if (is_constant(d, FL_SLOT_WEIGHTS))
        pack_weights(&p, d->in[FL_SLOT_WEIGHTS]->dtype, consts[FL_SLOT_WEIGHTS], out);
    if (is_constant(d, FL_SLOT_BIAS))
        pack_bias(&p, d->in[FL_SLOT_BIAS]->dtype, consts[FL_SLOT_BIAS], out);
    return out->failed ? fl_fail_memory(err, fl_cuda_gemm_packed_bytes(d), "packed weights") : FLOE_OK;
}

size_t fl_cuda_gemm_packed_bytes(const fl_op_desc *d)
{
    const fl_gemm_problem p = fl_gemm_problem_of(d, 1);

    return (is_constant(d, FL_SLOT_WEIGHTS) ? weights_bytes(&p) : 0) +
           (is_constant(d, FL_SLOT_BIAS) ? bias_bytes(&p) : 0);
}

/* ---- on the device */

/* A transposed b of half precision is in packed form already, where its rows are whole chunks. */
static bool is_packed_already(const fl_op_desc *d, const fl_gemm_problem *p)
{
    return p->row_step == p->k && p->k_step == 1 && !p->dense && d->in[FL_SLOT_WEIGHTS]->dtype == p->dtype &&
           p->dtype != FL_F32;
}

typedef struct made { /* bytes of the workspace's parts */
    size_t weights, bias, a;
} made;

static made made_of(const fl_op_desc *d, const fl_gemm_problem *p)
{
    const fl_tensor_desc *bias = fl_cuda_in(d, FL_SLOT_BIAS);
    made m = {0};

    if (!is_constant(d, FL_SLOT_WEIGHTS) && !is_packed_already(d, p))
        m.weights = weights_bytes(p);
    if (bias && !bias->constant && bias->dtype != FL_F32)
        m.bias = fl_round_up(bias_bytes(p), FL_GEMM_ALIGN);
    if (p->transposed)
        m.a = fl_round_up((size_t)p->m * (size_t)p->k * fl_dtype_bytes(p->dtype), FL_GEMM_ALIGN);
    return m;
}

size_t fl_gemm_made_bytes(const fl_op_desc *d, int64_t batch)
{
    const fl_gemm_problem p = fl_gemm_problem_of(d, batch);
    const made m = made_of(d, &p);

    return m.weights + m.bias + m.a;
}

static int32_t type_of(fl_dtype t)
{
    return t == FL_F32 ? FL_GEMM_F32 : t == FL_F16 ? FL_GEMM_F16 : FL_GEMM_BF16;
}

static floe_status launch_pack(fl_stream *stream, const fl_gemm_pack_args *args, floe_error *err)
{
    const int64_t blocks = (int64_t)fl_cuda_blocks(args->rows, 32) * fl_cuda_blocks(args->k, 32);
    const fl_cuda_grid grid = {(uint32_t)blocks, 1, 1, 256, 0};

    if (blocks >= (int64_t)1 << 31)
        return fl_fail(err, FLOE_ERR_LIMIT, "an operand of %lld rows is too large to be packed on the GPU",
                       (long long)args->rows);
    return FL_CUDA_LAUNCH(stream, "gemm_pack", &grid, args, err);
}

/* rows x length, one place in k after the other k_step elements apart. */
static floe_status make_plain(fl_stream *stream, const void *from, fl_dtype from_type, void *to, fl_dtype to_type,
                              int64_t rows, int64_t length, int64_t k, int64_t row_step, int64_t k_step,
                              floe_error *err)
{
    const fl_gemm_pack_args args = {.from = from,
                                    .to = to,
                                    .rows = (int32_t)rows,
                                    .k = (int32_t)k,
                                    .row_step = (int32_t)row_step,
                                    .k_step = (int32_t)k_step,
                                    .taps_h = 1,
                                    .taps_w = 1,
                                    .c = (int32_t)length,
                                    .k_row = (int32_t)k,
                                    .k_pixel = (int32_t)k,
                                    .by_k_row = fl_cuda_divisor(k),
                                    .by_k_pixel = fl_cuda_divisor(k),
                                    .from_type = type_of(from_type),
                                    .to_type = type_of(to_type)};

    return launch_pack(stream, &args, err);
}

static floe_status make_weights(const fl_gemm_problem *p, const fl_step *step, void *to, fl_stream *stream,
                                floe_error *err)
{
    const int64_t row = p->dense ? p->k_row : p->taps[1] * p->c, pixel = p->dense ? p->k_pixel : p->c;
    const fl_gemm_pack_args args = {.from = step->in[FL_SLOT_WEIGHTS],
                                    .to = to,
                                    .rows = (int32_t)p->n,
                                    .k = (int32_t)p->k,
                                    .row_step = (int32_t)p->row_step,
                                    .k_step = (int32_t)p->k_step,
                                    .taps_h = (int32_t)p->taps[0],
                                    .taps_w = (int32_t)p->taps[1],
                                    .c = (int32_t)p->c,
                                    .k_row = (int32_t)row,
                                    .k_pixel = (int32_t)pixel,
                                    .by_k_row = fl_cuda_divisor(row),
                                    .by_k_pixel = fl_cuda_divisor(pixel),
                                    .from_type = type_of(step->desc->in[FL_SLOT_WEIGHTS]->dtype),
                                    .to_type = type_of(p->dtype),
                                    .round_tf32 = p->dtype == FL_F32};

    return launch_pack(stream, &args, err);
}

floe_status fl_gemm_prepare(fl_gemm_args *args, const fl_gemm_problem *p, const fl_step *step, fl_stream *stream,
                            floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_op_desc *d = step->desc;
    const fl_tensor_desc *bias = fl_cuda_in(d, FL_SLOT_BIAS);
    const uint8_t *packed = step->packed;
    const made m = made_of(d, p);
    uint8_t *const weights = step->workspace, *const wide_bias = weights + m.weights, *const a = wide_bias + m.bias;

    args->x = step->in[FL_SLOT_X];
    if (is_constant(d, FL_SLOT_WEIGHTS)) {
        args->b = packed;
        packed += weights_bytes(p);
    } else {
        args->b = m.weights ? weights : step->in[FL_SLOT_WEIGHTS];
        if (m.weights)
            FL_TRY(make_weights(p, step, weights, stream, err));
    }
    if (bias)
        args->tail.bias = (const float *)(const void *)(bias->constant ? packed
                                                        : m.bias       ? wide_bias
                                                                       : (const uint8_t *)step->in[FL_SLOT_BIAS]);
    if (m.bias)
        FL_TRY(make_plain(stream, step->in[FL_SLOT_BIAS], bias->dtype, wide_bias, FL_F32, 1, p->n, p->n, p->n, 1, err));
    if (m.a) {
        FL_TRY(make_plain(stream, args->x, p->dtype, a, p->dtype, p->m, p->c, p->k, 1, p->m, err));
        args->x = a;
    }
done:
    return st;
}
