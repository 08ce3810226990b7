/* cuda_depthwise.c - tactics of depthwise convolution (kernel/depthwise.cu): strips of 4 or 1 outputs by a vector of channels
 * a thread for 3x3 and 5x5 of stride 1 and 2 in NHWC; a vector of channels a thread for other windows; and one output a thread
 * for everything else. */
#include "backend/cuda/cuda_conv_weights.h"
#include "backend/cuda/kernel/depthwise_args.h"

#include <stdio.h>

static bool supports_any(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (!fl_cuda_all_plain(d))
        return fl_cuda_refuse(why_not, "blocked layouts");
    if (!fl_cuda_is_storage(d->in[0]->dtype))
        return fl_cuda_refuse(why_not, "another type than f32, f16 and bf16");
    return true;
}

static bool supports_vectors(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_tensor_desc *x = d->in[0], *filter = d->in[1], *bias = fl_cuda_in(d, 2);

    if (!supports_any(d, device, why_not))
        return false;
    if (d->p.conv.format != FL_NHWC || x->dim[3] % (16 / (int64_t)fl_dtype_bytes(x->dtype)) != 0)
        return fl_cuda_refuse(why_not, "channels that are not whole vectors of 16 bytes");
    if (filter->dim[3] != 1)
        return fl_cuda_refuse(why_not, "a channel multiplier");
    if ((!filter->constant && filter->dtype != FL_F32) || (bias && !bias->constant && bias->dtype != FL_F32))
        return fl_cuda_refuse(why_not, "weights in half precision that are not constant");
    return true;
}

static bool supports_strips(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_conv_params *p = &d->p.conv;
    const fl_tensor_desc *filter = d->in[1];

    if (!supports_vectors(d, device, why_not))
        return false;
    if (filter->dim[0] != filter->dim[1] || (filter->dim[0] != 3 && filter->dim[0] != 5) || p->stride[0] != p->stride[1] ||
        p->stride[0] > 2 || p->dilation[0] != 1 || p->dilation[1] != 1)
        return fl_cuda_refuse(why_not, "another window than 3x3 or 5x5 with stride 1 or 2");
    return true;
}

/* What a thread makes: a strip of 4 or 1 outputs, one of any window, by a vector of channels; or one output. */
typedef enum shape { STRIP4, STRIP1, VECTOR, ELEMENT } shape;

static void name_kernel(char *kernel, size_t size, shape is, const fl_depthwise_args *args, fl_dtype dtype)
{
    if (is == STRIP4 || is == STRIP1)
        snprintf(kernel, size, "depthwise_k%ds%d_strip%d_%s", args->kernel[0], args->stride[0], is == STRIP4 ? 4 : 1,
                 fl_dtype_name(dtype));
    else
        snprintf(kernel, size, "depthwise_%s_%s", is == VECTOR ? "vector" : "any", fl_dtype_name(dtype));
}

static floe_status launch(const fl_step *step, fl_stream *stream, shape is, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_conv_params *p = &d->p.conv;
    const fl_cuda_image x = fl_cuda_image_of(d->in[0], p->format), y = fl_cuda_image_of(d->out[0], p->format);
    const fl_cuda_conv_weights weights = fl_cuda_conv_weights_of(step);
    const fl_dtype dtype = d->in[0]->dtype;
    const int64_t vectors = is == ELEMENT ? y.c : x.c / (16 / (int64_t)fl_dtype_bytes(dtype));
    const int64_t columns = is == STRIP4 ? (y.w + 3) / 4 : y.w;
    const int64_t threads = vectors * columns * y.h * y.n;
    char kernel[64];

    if (threads == 0)
        return FLOE_OK;
    if (!fl_cuda_is_small(d, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a depthwise convolution of 2^31 elements or more; build for a smaller batch");
    const fl_depthwise_args args = {
        .x = step->in[0], .filter = weights.filter, .y = step->out[0],
        .tail = {weights.bias, fl_cuda_data(step, 3), p->act, p->alpha},
        .threads = (uint32_t)threads, .h = x.h, .w = x.w, .channels = x.c, .out_h = y.h, .out_w = y.w, .out_channels = y.c,
        .kernel = {(int32_t)d->in[1]->dim[0], (int32_t)d->in[1]->dim[1]}, .stride = {p->stride[0], p->stride[1]},
        .dilation = {p->dilation[0], p->dilation[1]}, .pad = {p->pad[0], p->pad[2]},
        .multiplier = (int32_t)d->in[1]->dim[3], .filter_half = weights.filter_half, .bias_half = weights.bias_half,
        .x_n = x.stride_n, .x_h = x.stride_h, .x_w = x.stride_w, .x_c = x.stride_c,
        .y_n = y.stride_n, .y_h = y.stride_h, .y_w = y.stride_w, .y_c = y.stride_c,
        .by_vectors = fl_cuda_divisor(vectors), .by_columns = fl_cuda_divisor(columns), .by_rows = fl_cuda_divisor(y.h)};
    const fl_cuda_grid grid = {fl_cuda_blocks(threads, 128), 1, 1, 128, 0};
    name_kernel(kernel, sizeof kernel, is, &args, dtype);
    return FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err);
}

static floe_status run_strip4(const fl_step *step, fl_stream *stream, floe_error *err)
{
    return launch(step, stream, STRIP4, err);
}
static floe_status run_strip1(const fl_step *step, fl_stream *stream, floe_error *err)
{
    return launch(step, stream, STRIP1, err);
}
static floe_status run_vector(const fl_step *step, fl_stream *stream, floe_error *err)
{
    return launch(step, stream, VECTOR, err);
}
static floe_status run_any(const fl_step *step, fl_stream *stream, floe_error *err) { return launch(step, stream, ELEMENT, err); }

/* A strip of 4 reads less and has a fourth of the threads: better as soon as there are enough of them. */
static uint64_t cost_strip4(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    const double threads = (double)fl_tensor_bytes_at(d->out[0], batch) / 16 / 4;
    const double filled = threads / (512.0 * (device->units ? device->units : 1));

    return fl_cuda_cost(d, device, batch, 1, filled < 1 ? 1 + 2 * (1 - filled) : 1);
}
static uint64_t cost_strip1(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1, 1.5);
}
static uint64_t cost_vector(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 3, 2);
}
static uint64_t cost_any(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 8, 8);
}

#define TACTIC(method, who)                                                                                            \
    {.name = "cuda.depthwise_conv2d.any." #method, .op = FL_OP_DEPTHWISE_CONV2D, .supports = supports_##who,           \
     .workspace_bytes = fl_cuda_no_workspace, .packs = FL_CUDA_CONV_PACKS, .in_place = 1u << FL_SLOT_RESIDUAL,         \
     .pack = fl_cuda_conv_pack, .run = run_##method, .packed_bytes = fl_cuda_conv_packed_bytes, .cost = cost_##method}
static const fl_tactic strip4 = TACTIC(strip4, strips), strip1 = TACTIC(strip1, strips), vector = TACTIC(vector, vectors),
                       any = TACTIC(any, any);
static const fl_tactic *const tactics[] = {&strip4, &strip1, &vector, &any};
const fl_tactic_list fl_cuda_depthwise_conv2d = {tactics, sizeof tactics / sizeof *tactics};
