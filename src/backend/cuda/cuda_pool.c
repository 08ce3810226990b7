/* cuda_pool.c - tactics of pool2d (kernel/pool.cu):
 *
 *     global     one window that holds the whole picture: a fold over pixels, which is reduce's (cuda_reduce.h)
 *     vectors    NHWC whose channels are whole vectors of 16 bytes
 *     elements   everything else; NCHW is N * C pictures of one channel
 */
#include "backend/cuda/cuda.h"
#include "backend/cuda/cuda_reduce.h"
#include "backend/cuda/kernel/pool_args.h"

#include <float.h>
#include <stdio.h>

#define ENOUGH (1 << 17) /* threads that keep a large GPU busy */

/* Where a maximum starts: at the lowest finite value. */
static float lowest_of(fl_dtype dtype)
{
    return dtype == FL_F16 ? -65504.0f : dtype == FL_BF16 ? -0x1.fep127f : -FLT_MAX;
}

static bool is_nhwc(const fl_op_desc *d) { return d->p.pool.format == FL_NHWC; }
static int64_t height_of(const fl_tensor_desc *t, bool nhwc) { return t->dim[nhwc ? 1 : 2]; }
static int64_t width_of(const fl_tensor_desc *t, bool nhwc) { return t->dim[nhwc ? 2 : 3]; }
static int64_t channels_of(const fl_tensor_desc *t, bool nhwc) { return t->dim[nhwc ? 3 : 1]; }

static bool supports_elements(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (!fl_cuda_all_plain(d))
        return fl_cuda_refuse(why_not, "blocked layouts");
    if (!fl_cuda_is_storage(d->in[0]->dtype))
        return fl_cuda_refuse(why_not, "another type than f32, f16 and bf16");
    return fl_cuda_is_small(d, 1) || fl_cuda_refuse(why_not, "2^31 elements or more");
}

static bool supports_vectors(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_tensor_desc *x = d->in[0];

    if (!supports_elements(d, device, why_not))
        return false;
    return (is_nhwc(d) && x->dim[3] % (16 / (int64_t)fl_dtype_bytes(x->dtype)) == 0) ||
           fl_cuda_refuse(why_not, "NCHW, or channels that are not whole vectors of 16 bytes");
}

static bool supports_global(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_pool_params *p = &d->p.pool;
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    const bool nhwc = is_nhwc(d);

    if (!supports_elements(d, device, why_not))
        return false;
    return (height_of(y, nhwc) == 1 && width_of(y, nhwc) == 1 && height_of(x, nhwc) > 0 && width_of(x, nhwc) > 0 &&
            p->kernel[0] - p->pad[0] >= height_of(x, nhwc) && p->kernel[1] - p->pad[2] >= width_of(x, nhwc)) ||
           fl_cuda_refuse(why_not, "more than one window, or one that does not hold the whole picture");
}

static floe_status check(const fl_op_desc *d, floe_error *err)
{
    if (fl_cuda_is_small(d, 1))
        return FLOE_OK;
    return fl_fail(err, FLOE_ERR_LIMIT, "a pool of 2^31 elements or more; build for a smaller batch");
}

static floe_status run_windows(const fl_step *step, fl_stream *stream, bool vectors, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_pool_params *p = &d->p.pool;
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    const bool nhwc = is_nhwc(d);
    const int64_t pixel = nhwc ? x->dim[3] : 1, vector = vectors ? 16 / (int64_t)fl_dtype_bytes(x->dtype) : 1;
    const int64_t units = pixel / vector, pictures = nhwc ? x->dim[0] : x->dim[0] * x->dim[1];
    const int64_t out_height = height_of(y, nhwc), out_width = width_of(y, nhwc);
    const int64_t lane = pictures * out_width * units; /* threads of one row of windows in all pictures */
    char kernel[64];

    if (fl_tensor_elements_at(y, 1) == 0)
        return FLOE_OK;
    floe_status st = check(d, err);
    if (st != FLOE_OK)
        return st;
    /* Rows of windows that share input rows go together where that leaves threads enough. */
    const bool together = p->kernel[0] > p->stride[0] && lane * out_height / FL_POOL_ROWS >= ENOUGH;
    const int64_t rows = together ? FL_POOL_ROWS : 1, groups = (out_height + rows - 1) / rows, threads = lane * groups;
    const fl_pool_args args = {
        .x = step->in[0], .y = step->out[0], .threads = (uint32_t)threads, .rows = (int32_t)rows,
        .height = (int32_t)height_of(x, nhwc), .width = (int32_t)width_of(x, nhwc), .out_height = (int32_t)out_height,
        .pixel = (int32_t)pixel, .kernel_h = p->kernel[0], .kernel_w = p->kernel[1], .stride_h = p->stride[0],
        .stride_w = p->stride[1], .pad_top = p->pad[0], .pad_left = p->pad[2], .lowest = lowest_of(x->dtype),
        .units = fl_cuda_divisor(units), .out_width = fl_cuda_divisor(out_width), .groups = fl_cuda_divisor(groups)};
    const uint32_t block = threads >= ENOUGH ? FL_POOL_THREADS : 64;
    const fl_cuda_grid grid = {fl_cuda_blocks(threads, block), 1, 1, block, 0};
    snprintf(kernel, sizeof kernel, "pool_%s_%s_%s", p->func == FL_POOL_MAX ? "max" : "avg",
             vectors ? "vectors" : "elements", fl_dtype_name(x->dtype));
    return FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err);
}

static floe_status run_vectors(const fl_step *step, fl_stream *stream, floe_error *err)
{
    return run_windows(step, stream, true, err);
}
static floe_status run_elements(const fl_step *step, fl_stream *stream, floe_error *err)
{
    return run_windows(step, stream, false, err);
}

static floe_status run_global(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_tensor_desc *x = d->in[0];
    const bool nhwc = is_nhwc(d), max = d->p.pool.func == FL_POOL_MAX;
    const int64_t channels = channels_of(x, nhwc), pixels = height_of(x, nhwc) * width_of(x, nhwc);
    const int64_t kept[] = {x->dim[0], channels}, strides[] = {channels * pixels, nhwc ? 1 : pixels};
    const int64_t stride = nhwc ? channels : 1;
    fl_cuda_fold fold = {.dtype = x->dtype, .fold = max ? FL_FOLD_MAX : FL_FOLD_SUM, .x = step->in[0],
                         .y = step->out[0], .start = max ? lowest_of(x->dtype) : 0.0f,
                         .divisor = max ? 1.0f : (float)pixels, .workspace = step->workspace};

    if (fl_tensor_elements_at(d->out[0], 1) == 0)
        return FLOE_OK;
    floe_status st = check(d, err);
    if (st != FLOE_OK)
        return st;
    fl_view_init(&fold.kept, 2, kept);
    fl_view_operand(&fold.kept, strides);
    fl_view_init(&fold.reduced, 1, &pixels);
    fl_view_operand(&fold.reduced, &stride);
    return fl_cuda_fold_floats(stream, &fold, err);
}

static size_t global_workspace(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    const bool nhwc = is_nhwc(d);

    (void)device;
    (void)batch;
    return fl_cuda_fold_workspace(height_of(d->in[0], nhwc) * width_of(d->in[0], nhwc));
}

static uint64_t cost_global(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1, 1);
}
static uint64_t cost_vectors(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1, 1.2);
}
static uint64_t cost_elements(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 4, 4);
}

#define TACTIC(method, workspace)                                                            \
    {.name = "cuda.pool2d.any." #method, .op = FL_OP_POOL2D, .supports = supports_##method,  \
     .workspace_bytes = workspace, .run = run_##method, .cost = cost_##method}
static const fl_tactic global = TACTIC(global, global_workspace), vectors = TACTIC(vectors, fl_cuda_no_workspace),
                       elements = TACTIC(elements, fl_cuda_no_workspace);
static const fl_tactic *const tactics[] = {&global, &vectors, &elements};
const fl_tactic_list fl_cuda_pool2d = {tactics, sizeof tactics / sizeof *tactics};
