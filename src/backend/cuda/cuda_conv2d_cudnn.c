/* cuda_conv2d_cudnn.c - cuDNN's plans for a convolution as tactics: the first few that its heuristics offer, each a candidate
 * like ours. They are there when the library is, and taken only where --tactic-sources names cudnn.
 *
 * Packed: the filter as KRSC in the type of x, then the bias in that type, zeros where there is none.
 */
#include "backend/cuda/cuda_core.h"
#include "backend/cuda/cuda_cudnn.h"
#include "backend/cuda/cuda_sources.h"

#include <string.h>

static bool supports(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_conv_params *p = &d->p.conv;
    const fl_tensor_desc *x = d->in[0], *bias = fl_cuda_in(d, 2);
    const int64_t whole = 16 / (int64_t)fl_dtype_bytes(x->dtype);

    if (!(device->sources >> FL_SOURCE_CUDNN & 1))
        return fl_cuda_refuse(why_not, "cudnn is not among the tactic sources");
    if (!fl_cuda_all_plain(d) || p->format != FL_NHWC || p->groups != 1)
        return fl_cuda_refuse(why_not, "blocked layouts, NCHW or groups");
    if (x->dtype != FL_F16 && !(x->dtype == FL_BF16 && device->isa >= 80) &&
        !(x->dtype == FL_F32 && device->tf32 && device->isa >= 80))
        return fl_cuda_refuse(why_not, "another type than f16, bf16 and tf32");
    if (!d->in[1]->constant || d->in[1]->dtype != FL_F32 || (bias && (!bias->constant || bias->dtype != FL_F32)))
        return fl_cuda_refuse(why_not, "weights that are not constants in f32");
    if (p->act != FL_UNARY_NONE && p->act != FL_UNARY_RELU)
        return fl_cuda_refuse(why_not, "another activation than relu");
    if (x->dim[3] % whole != 0 || d->out[0]->dim[3] % whole != 0)
        return fl_cuda_refuse(why_not, "channels that are not whole vectors of 16 bytes");
    return fl_cuda_source_there(device, FL_SOURCE_CUDNN, why_not);
}

static size_t workspace_bytes(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    (void)d;
    (void)device;
    (void)batch;
    return FL_CUDNN_WORKSPACE;
}

/* ---- weights */

static size_t filter_bytes(const fl_op_desc *d)
{
    return fl_round_up((size_t)fl_tensor_elements_at(d->in[1], 1) * fl_dtype_bytes(d->in[0]->dtype), FL_ALIGN);
}

static size_t packed_bytes(const fl_op_desc *d)
{
    return filter_bytes(d) + (size_t)d->in[1]->dim[3] * fl_dtype_bytes(d->in[0]->dtype);
}

/* HWIO to OHWI, one output channel after the other. */
static floe_status pack(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err)
{
    const fl_dtype dtype = d->in[0]->dtype;
    const int64_t k = d->in[1]->dim[3], taps = fl_tensor_elements_at(d->in[1], 1) / k;
    const float *filter = consts[1], *bias = fl_cuda_in(d, 2) ? consts[2] : NULL, zero = 0;

    for (int64_t o = 0; o < k; o++)
        for (int64_t i = 0; i < taps; i++)
            fl_cuda_put_floats(out, dtype, &filter[i * k + o], 1);
    fl_put_zeros_to(out, FL_ALIGN);
    for (int64_t o = 0; o < k; o++)
        fl_cuda_put_floats(out, dtype, bias ? &bias[o] : &zero, 1);
    return out->failed ? fl_fail_memory(err, packed_bytes(d), "packed weights") : FLOE_OK;
}

/* ---- running */

static fl_cudnn_problem problem_of(const fl_op_desc *d)
{
    const fl_conv_params *p = &d->p.conv;
    const int64_t *x = d->in[0]->dim, *f = d->in[1]->dim, *y = d->out[0]->dim;
    fl_cudnn_problem problem;

    memset(&problem, 0, sizeof problem); /* compared by bytes */
    problem.dtype = d->in[0]->dtype;
    problem.n = x[0], problem.h = x[1], problem.w = x[2], problem.c = x[3];
    problem.k = f[3], problem.p = y[1], problem.q = y[2], problem.r = f[0], problem.s = f[1];
    problem.pad_top = p->pad[0], problem.pad_bottom = p->pad[1], problem.pad_left = p->pad[2], problem.pad_right = p->pad[3];
    problem.stride_h = p->stride[0], problem.stride_w = p->stride[1];
    problem.dilation_h = p->dilation[0], problem.dilation_w = p->dilation[1];
    problem.residual = fl_cuda_in(d, 3) != NULL;
    problem.relu = p->act == FL_UNARY_RELU;
    return problem;
}

static floe_status run_plan(const fl_step *step, fl_stream *stream, int index, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_cudnn_problem problem = problem_of(step->desc);
    fl_cudnn *cudnn;
    int count;

    if (fl_tensor_elements_at(step->desc->out[0], 1) == 0)
        goto done;
    FL_TRY(fl_cuda_open_cudnn(&cudnn, stream->device, err));
    if (stream->loading)
        FL_TRY(fl_cudnn_prepare(cudnn, &problem, &count, err));
    else
        FL_TRY(fl_cudnn_run(cudnn, stream->stream, &problem, index, step->in[0], step->packed,
                            (const uint8_t *)step->packed + filter_bytes(step->desc), fl_cuda_data(step, 3), step->out[0],
                            step->workspace, err));
done:
    return st;
}

static uint64_t cost(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1.5, 1.5); /* without the GPU, ours */
}

#define PLAN(i)                                                                                                              \
    static floe_status run_##i(const fl_step *step, fl_stream *stream, floe_error *err) { return run_plan(step, stream, i, err); } \
    static const fl_tactic plan_##i = {.name = "cuda.conv2d.any.cudnn_" #i, .op = FL_OP_CONV2D, .supports = supports,             \
                                       .workspace_bytes = workspace_bytes, .packs = 1u << 1 | 1u << 2, .pack = pack,             \
                                       .run = run_##i, .packed_bytes = packed_bytes, .cost = cost};
PLAN(0)
PLAN(1)
PLAN(2)
PLAN(3)
PLAN(4)
PLAN(5)

const fl_tactic *const fl_cuda_conv2d_cudnn[FL_CUDA_CUDNN_PLANS] = {&plan_0, &plan_1, &plan_2, &plan_3, &plan_4, &plan_5};
