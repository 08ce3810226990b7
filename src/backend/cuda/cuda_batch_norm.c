/* cuda_batch_norm.c - tactics of batch_norm (kernel/batch_norm.cu): y = act((x - mean) * factor + offset) with
 * factor = scale / sqrt(variance + epsilon).
 *
 *     packed     all four vectors are constants: factor is made in double and packed   one kernel
 *     tensors    some are not: factor goes to the workspace first                      two
 *     training   mean and variance of x, by partial sums in the workspace              three
 *
 *     packed:     factor | offset | mean | variance     each FL_CHANNEL_STRIDE floats; the last for output 2 only
 *     workspace:  factor | offset | mean, padded to 256 bytes, then sums[chunks][2][channels] (double)
 *
 * x is [outer, channels, inner]. How it is cut into chunks depends on its shape alone, so results do not depend on the
 * GPU.
 */
#include "backend/cuda/cuda_elementwise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SCALE = 1, OFFSET = 2, MEAN = 3, VARIANCE = 4, VECTORS = 4 };
#define VECTOR_SLOTS (1u << SCALE | 1u << OFFSET | 1u << MEAN | 1u << VARIANCE)
#define MOST_CHUNKS  256
#define MOST_LANES   32
#define LEAST_SUMMED 16 /* elements a thread */

/* Dims resolved. */
typedef struct parts {
    int64_t outer, channels, inner;
} parts;

static parts parts_of(const fl_tensor_desc *x, int axis)
{
    parts p = {1, x->dim[axis], 1};

    for (int i = 0; i < axis; i++)
        p.outer *= x->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        p.inner *= x->dim[i];
    return p;
}

static size_t stride_of(const fl_op_desc *d) { return ((size_t)d->in[0]->dim[d->p.batch_norm.axis] + 3) / 4 * 4; }

/* ---- supports */

static bool supports_any(const fl_op_desc *d, const char **why_not)
{
    if (!fl_cuda_walks(d, why_not))
        return false;
    if (d->in[0]->dim[d->p.batch_norm.axis] >= INT32_MAX)
        return fl_cuda_refuse(why_not, "2^31 channels or more");
    for (int i = 0; i < d->n_in + d->n_out; i++) {
        const fl_tensor_desc *t = i < d->n_in ? d->in[i] : d->out[i - d->n_in];
        if (t && !fl_cuda_is_storage(t->dtype))
            return fl_cuda_refuse(why_not, "another type than f32, f16 and bf16");
    }
    return d->out[0]->dtype == d->in[0]->dtype || fl_cuda_refuse(why_not, "another type of y than of x");
}

static bool supports_packed(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (!supports_any(d, why_not))
        return false;
    if (d->p.batch_norm.training)
        return fl_cuda_refuse(why_not, "training");
    for (int slot = SCALE; slot <= VARIANCE; slot++) {
        const fl_tensor_desc *t = fl_cuda_in(d, slot);
        if (!t || !t->constant || t->dtype != FL_F32)
            return fl_cuda_refuse(why_not, "scale, offset, mean and variance are not all constants of f32");
    }
    return true;
}

static bool supports_tensors(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return supports_any(d, why_not) && (!d->p.batch_norm.training || fl_cuda_refuse(why_not, "training"));
}

static bool supports_training(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return supports_any(d, why_not) && (d->p.batch_norm.training || fl_cuda_refuse(why_not, "inference"));
}

/* ---- pack */

static size_t packed_bytes(const fl_op_desc *d) { return VECTORS * stride_of(d) * sizeof(float); }

static floe_status pack(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err)
{
    const size_t n = (size_t)d->in[0]->dim[d->p.batch_norm.axis], stride = stride_of(d), bytes = packed_bytes(d);
    const float *scale = consts[SCALE], *variance = consts[VARIANCE];

    if (bytes == 0)
        return FLOE_OK;
    float *to = fl_buf_extend(out, bytes);
    if (!to)
        return fl_fail_memory(err, bytes, "a packed batch norm");
    memset(to, 0, bytes);
    for (size_t c = 0; c < n; c++)
        to[c] = (float)((double)scale[c] / sqrt((double)variance[c] + (double)d->p.batch_norm.epsilon));
    for (size_t slot = OFFSET; slot <= VARIANCE; slot++)
        memcpy(to + (slot - 1) * stride, consts[slot], n * sizeof(float));
    return FLOE_OK;
}

/* ---- workspace */

static size_t vectors_bytes(const fl_op_desc *d) { return (3 * stride_of(d) * sizeof(float) + 255) / 256 * 256; }

static size_t tensors_workspace(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    (void)device;
    (void)batch;
    return vectors_bytes(d);
}

/* Threads side by side along the channels, a power of two: channels that lie next to each other are read together. */
static int64_t lanes_of(const parts *p)
{
    int64_t lanes = 1;

    while (p->inner == 1 && lanes < p->channels && lanes < MOST_LANES)
        lanes *= 2;
    return lanes;
}

/* Places that one block sums. */
static int64_t piece_of(const parts *p)
{
    const int64_t least = FL_ELEMENTWISE_THREADS / lanes_of(p) * LEAST_SUMMED;
    const int64_t share = (p->outer * p->inner + MOST_CHUNKS - 1) / MOST_CHUNKS;

    return share > least ? share : least;
}

static int64_t chunks_of(const parts *p) { return (p->outer * p->inner + piece_of(p) - 1) / piece_of(p); }

/* At most: neither the chunks nor the lanes only grow with the batch. */
static size_t training_workspace(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    const int64_t channels = d->in[0]->dim[d->p.batch_norm.axis];
    const int64_t least = FL_ELEMENTWISE_THREADS / MOST_LANES * LEAST_SUMMED;
    const int64_t places = channels ? fl_tensor_elements_at(d->in[0], batch) / channels : 0;
    const int64_t chunks = places < MOST_CHUNKS * least ? (places + least - 1) / least : MOST_CHUNKS;

    (void)device;
    return vectors_bytes(d) + (size_t)chunks * 2 * (size_t)channels * sizeof(double);
}

/* ---- run */

/* Slots and outputs may be absent. */
static fl_channel_vector vector_of(const fl_tensor_desc *t, const void *data)
{
    return (fl_channel_vector){(void *)(uintptr_t)data, t ? (int32_t)t->dtype : 0, 0};
}
static fl_channel_vector input_of(const fl_step *step, int slot)
{
    return vector_of(fl_cuda_in(step->desc, slot), fl_cuda_data(step, slot));
}
static fl_channel_vector output_of(const fl_step *step, int i)
{
    return step->desc->n_out > i ? vector_of(step->desc->out[i], step->out[i]) : (fl_channel_vector){NULL, 0, 0};
}

static floe_status apply(const fl_step *step, fl_stream *stream, const float *vectors, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_batch_norm_params *p = &d->p.batch_norm;
    const fl_dtype dtype = d->in[0]->dtype;
    const parts x = parts_of(d->in[0], p->axis);
    const int64_t dim[3] = {x.outer, x.channels, x.inner}, along_channels[3] = {0, 1, 0};
    const size_t stride = stride_of(d);
    char kernel[32];
    fl_view v;

    fl_view_init(&v, 3, dim);
    fl_view_operand(&v, along_channels);
    fl_view_merge(&v);
    if (v.empty)
        return FLOE_OK;
    const fl_batch_norm_args args = {.x = step->in[0], .y = step->out[0], .factor = vectors, .offset = vectors + stride,
                                     .mean = vectors + 2 * stride, .act = p->act, .alpha = p->alpha,
                                     .walk = fl_cuda_walk(&v, 16 / (int64_t)fl_dtype_bytes(dtype))};
    const fl_cuda_grid grid = fl_cuda_spread(stream, args.walk.n, FL_EACH_THREAD);
    snprintf(kernel, sizeof kernel, "batch_norm_apply_%s", fl_dtype_name(dtype));
    return FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err);
}

/* Vectors and statistics; the caller has filled in where they come from. */
static floe_status finish(const fl_step *step, fl_stream *stream, fl_batch_norm_finish_args *args, floe_error *err)
{
    const fl_batch_norm_params *p = &step->desc->p.batch_norm;
    const parts x = parts_of(step->desc->in[0], p->axis);
    const fl_cuda_grid grid = {fl_cuda_blocks(x.channels, 64), 1, 1, 64, 0};

    args->count = x.outer * x.inner;
    args->channels = (int32_t)x.channels;
    args->epsilon = p->epsilon;
    args->blend = p->factor;
    args->mean_out = output_of(step, 1);
    args->variance_out = output_of(step, 2);
    if (!args->vectors && !args->mean_out.data && !args->variance_out.data)
        return FLOE_OK;
    return FL_CUDA_LAUNCH(stream, "batch_norm_finish", &grid, args, err);
}

static floe_status run_packed(const fl_step *step, fl_stream *stream, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t stride = stride_of(step->desc);
    const float *packed = step->packed;

    FL_TRY(fl_cuda_check_small(step, err));
    if (!packed) /* no channels */
        return FLOE_OK;
    fl_batch_norm_finish_args args = {.mean = {(void *)(uintptr_t)(packed + 2 * stride), FL_ELEMENT_F32, 0},
                                      .variance = {(void *)(uintptr_t)(packed + 3 * stride), FL_ELEMENT_F32, 0}};
    FL_TRY(finish(step, stream, &args, err));
    FL_TRY(apply(step, stream, packed, err));
done:
    return st;
}

static floe_status run_tensors(const fl_step *step, fl_stream *stream, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(fl_cuda_check_small(step, err));
    fl_batch_norm_finish_args args = {.scale = input_of(step, SCALE), .offset = input_of(step, OFFSET),
                                      .mean = input_of(step, MEAN), .variance = input_of(step, VARIANCE),
                                      .vectors = step->workspace};
    FL_TRY(finish(step, stream, &args, err));
    FL_TRY(apply(step, stream, step->workspace, err));
done:
    return st;
}

static floe_status sum(const fl_step *step, fl_stream *stream, double *sums, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const parts p = parts_of(d->in[0], d->p.batch_norm.axis);
    const int64_t lanes = lanes_of(&p);
    const fl_batch_norm_sums_args args = {.x = step->in[0], .sums = sums, .inner = fl_cuda_divisor(p.inner),
                                          .places = (uint32_t)(p.outer * p.inner), .piece = (uint32_t)piece_of(&p),
                                          .channels = (int32_t)p.channels, .lanes = (int32_t)lanes,
                                          .type = (int32_t)d->in[0]->dtype};
    const fl_cuda_grid grid = {fl_cuda_blocks(p.channels, lanes), (uint32_t)chunks_of(&p), 1,
                               FL_ELEMENTWISE_THREADS, 0};

    return FL_CUDA_LAUNCH(stream, "batch_norm_sums", &grid, &args, err);
}

static floe_status run_training(const fl_step *step, fl_stream *stream, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_op_desc *d = step->desc;
    const parts p = parts_of(d->in[0], d->p.batch_norm.axis);
    double *sums = (double *)((uint8_t *)step->workspace + vectors_bytes(d));
    fl_batch_norm_finish_args args = {.scale = input_of(step, SCALE), .offset = input_of(step, OFFSET),
                                      .mean = input_of(step, MEAN), .variance = input_of(step, VARIANCE)};

    FL_TRY(fl_cuda_check_small(step, err));
    if (fl_tensor_elements_at(d->in[0], 1) > 0) {
        args.sums = sums;
        args.chunks = (int32_t)chunks_of(&p);
        args.vectors = step->workspace;
        FL_TRY(sum(step, stream, sums, err));
    }
    FL_TRY(finish(step, stream, &args, err));
    FL_TRY(apply(step, stream, step->workspace, err));
done:
    return st;
}

/* ---- tactics */

static uint64_t cost_packed(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1, 1.1);
}
static uint64_t cost_tensors(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1, 1.1) + 2000;
}
static uint64_t cost_training(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 4, 2) + 4000;
}

static const fl_tactic packed = {
    .name = "cuda.batch_norm.any.packed", .op = FL_OP_BATCH_NORM, .supports = supports_packed,
    .workspace_bytes = fl_cuda_no_workspace, .packs = VECTOR_SLOTS, .in_place = 1, .pack = pack, .run = run_packed,
    .packed_bytes = packed_bytes, .cost = cost_packed};
static const fl_tactic tensors = {
    .name = "cuda.batch_norm.any.tensors", .op = FL_OP_BATCH_NORM, .supports = supports_tensors,
    .workspace_bytes = tensors_workspace, .in_place = 1, .run = run_tensors, .cost = cost_tensors};
static const fl_tactic training = {
    .name = "cuda.batch_norm.any.training", .op = FL_OP_BATCH_NORM, .supports = supports_training,
    .workspace_bytes = training_workspace, .in_place = 1, .run = run_training, .cost = cost_training};

static const fl_tactic *const tactics[] = {&packed, &tensors, &training};
const fl_tactic_list fl_cuda_batch_norm = {tactics, sizeof tactics / sizeof *tactics};
