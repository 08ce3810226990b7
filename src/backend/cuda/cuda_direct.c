/* cuda_direct.c - tactics that take any shape (kernel/direct.cu): a convolution with one output a thread, the last of its list;
 * convolutions in groups; integer matrix products.
 */
#include "backend/cuda/cuda_direct.h"

#include "backend/cuda/cuda_conv_weights.h"

#include <stdio.h>

fl_direct_args fl_cuda_direct_args_of(const fl_step *step)
{
    const fl_op_desc *d = step->desc;
    const fl_conv_params *p = &d->p.conv;
    const fl_cuda_image x = fl_cuda_image_of(d->in[0], p->format), y = fl_cuda_image_of(d->out[0], p->format);
    const fl_simt_weights w = fl_simt_weights_of(step);
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;
    const bool transpose = d->op == FL_OP_CONV2D_TRANSPOSE, nchw = p->format == FL_NCHW;
    const int64_t group_in = transpose ? f[3] : f[2], group_out = transpose ? f[2] : f[3] / p->groups;
    const int64_t inner = nchw ? y.w : y.c, middle = nchw ? y.h : y.w, outer = nchw ? y.c : y.h;

    return (fl_direct_args){
        .x = step->in[0], .filter = w.b, .y = step->out[0],
        .tail = {w.bias, fl_cuda_data(step, FL_SLOT_RESIDUAL), p->act, p->alpha},
        .threads = (uint32_t)fl_tensor_elements_at(d->out[0], 1), .h = (uint32_t)x.h, .w = (uint32_t)x.w,
        .out_w = (uint32_t)y.w, .x_n = (uint32_t)x.stride_n, .x_h = (uint32_t)x.stride_h, .x_w = (uint32_t)x.stride_w,
        .x_c = (uint32_t)x.stride_c, .group_in = (uint32_t)group_in, .group_out = (uint32_t)group_out,
        .f_tap = (uint32_t)(transpose ? w.matrix.tap : group_in * w.matrix.row), .f_in = (uint32_t)w.matrix.row,
        .f_out = (uint32_t)w.matrix.column, .kernel = {(int32_t)f[0], (int32_t)f[1]}, .stride = {p->stride[0], p->stride[1]},
        .dilation = {p->dilation[0], p->dilation[1]}, .pad = {p->pad[0], p->pad[2]}, .nchw = nchw, .filter_half = w.b_half,
        .bias_half = w.bias_half, .y_channels = (uint32_t)y.c, .by_inner = fl_cuda_divisor(inner > 0 ? inner : 1),
        .by_middle = fl_cuda_divisor(middle > 0 ? middle : 1), .by_outer = fl_cuda_divisor(outer > 0 ? outer : 1),
        .by_group = fl_cuda_divisor(group_out)};
}

floe_status fl_cuda_direct_launch(const fl_step *step, fl_stream *stream, const char *what, const fl_direct_args *args,
                                  floe_error *err)
{
    const fl_cuda_grid grid = {fl_cuda_blocks(args->threads, FL_DIRECT_THREADS), 1, 1, FL_DIRECT_THREADS, 0};
    char kernel[64];

    if (!fl_cuda_is_small(step->desc, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a convolution of 2^31 elements or more; build for a smaller batch");
    snprintf(kernel, sizeof kernel, "direct_%s_%s", what, fl_dtype_name(step->desc->in[0]->dtype));
    return FL_CUDA_LAUNCH(stream, kernel, &grid, args, err);
}

/* ---- convolutions of any shape */

static bool supports_direct(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return fl_simt_supports(d, why_not);
}

static floe_status run_direct(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_direct_args args = fl_cuda_direct_args_of(step);

    return fl_cuda_direct_launch(step, stream, "conv", &args, err);
}

static uint64_t cost_direct(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 12 * fl_simt_slower(d), 4);
}

const fl_tactic fl_cuda_conv2d_direct = {
    .name = "cuda.conv2d.any.direct", .op = FL_OP_CONV2D, .supports = supports_direct, .workspace_bytes = fl_cuda_no_workspace,
    .packs = FL_SIMT_PACKS, .in_place = 1u << FL_SLOT_RESIDUAL, .pack = fl_simt_pack, .run = run_direct,
    .packed_bytes = fl_simt_packed_bytes, .cost = cost_direct};

/* ---- in groups */

static bool supports_grouped(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;
    const fl_tensor_desc *bias = fl_cuda_in(d, FL_SLOT_BIAS);

    (void)device;
    if (!fl_simt_supports(d, why_not))
        return false;
    if (d->p.conv.groups == 1 || d->p.conv.format != FL_NHWC)
        return fl_cuda_refuse(why_not, "one group, or NCHW");
    if (f[2] % 4 != 0 || f[3] / d->p.conv.groups % 4 != 0)
        return fl_cuda_refuse(why_not, "channels of a group that are no multiple of 4");
    if ((!d->in[FL_SLOT_WEIGHTS]->constant && d->in[FL_SLOT_WEIGHTS]->dtype != FL_F32) ||
        (bias && !bias->constant && bias->dtype != FL_F32))
        return fl_cuda_refuse(why_not, "weights in half precision that are not constant");
    return true;
}

static floe_status run_grouped(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const int64_t *y = step->desc->out[0]->dim, strips = (y[2] + FL_DIRECT_PIXELS - 1) / FL_DIRECT_PIXELS;
    fl_direct_args args = fl_cuda_direct_args_of(step);

    args.threads = (uint32_t)(y[0] * y[1] * strips * (y[3] / 4));
    args.by_inner = fl_cuda_divisor(y[3] / 4);
    args.by_middle = fl_cuda_divisor(strips > 0 ? strips : 1);
    return fl_cuda_direct_launch(step, stream, "grouped", &args, err);
}

static uint64_t cost_grouped(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 3 * fl_simt_slower(d), 1.5);
}

const fl_tactic fl_cuda_conv2d_grouped = {
    .name = "cuda.conv2d.any.grouped", .op = FL_OP_CONV2D, .supports = supports_grouped,
    .workspace_bytes = fl_cuda_no_workspace, .packs = FL_SIMT_PACKS, .in_place = 1u << FL_SLOT_RESIDUAL, .pack = fl_simt_pack,
    .run = run_grouped, .packed_bytes = fl_simt_packed_bytes, .cost = cost_grouped};

/* ---- integers */

static bool supports_integer(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (d->in[0]->dtype != FL_I32 && d->in[0]->dtype != FL_I64)
        return fl_cuda_refuse(why_not, "another type than i32 and i64");
    return true;
}

static floe_status run_integer(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_simt_size s = fl_simt_size_of(d, 1);
    const fl_simt_matrix b = fl_simt_matrix_of(d);
    const bool transpose = d->p.matmul.transpose_a;

    if (s.m == 0 || s.n == 0)
        return FLOE_OK;
    if (!fl_cuda_is_small(d, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a product of 2^31 elements or more; build for a smaller batch");
    const fl_direct_product_args args = {
        .a = step->in[0], .b = step->in[FL_SLOT_WEIGHTS], .y = step->out[0], .m = (uint32_t)s.m, .n = (uint32_t)s.n,
        .k = (uint32_t)s.k, .a_row = (uint32_t)(transpose ? 1 : s.k), .a_step = (uint32_t)(transpose ? s.m : 1),
        .b_column = (uint32_t)b.column, .b_step = (uint32_t)b.row, .by_n = fl_cuda_divisor(s.n)};
    const fl_cuda_grid grid = {fl_cuda_blocks(s.m * s.n, FL_DIRECT_THREADS), 1, 1, FL_DIRECT_THREADS, 0};
    return FL_CUDA_LAUNCH(stream, d->in[0]->dtype == FL_I32 ? "direct_product_i32" : "direct_product_i64", &grid, &args, err);
}

static uint64_t cost_integer(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 12, 4);
}

const fl_tactic fl_cuda_matmul_integer_direct = {
    .name = "cuda.matmul.int.direct", .op = FL_OP_MATMUL, .supports = supports_integer, .workspace_bytes = fl_cuda_no_workspace,
    .run = run_integer, .cost = cost_integer};
