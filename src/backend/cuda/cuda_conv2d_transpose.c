/* cuda_conv2d_transpose.c - transposed convolution: by phases as matrix products on CUDA cores (kernel/simt.cuh), and one output
 * a thread (kernel/direct.cu) for everything else.
 */
#include "backend/cuda/cuda_direct.h"
#include "backend/cuda/kernel/simt_args.h"

#include <stdio.h>

/* simt_phases_v4_* */
enum { TILE_M = 64, TILE_N = 64, THREADS = 128, STAGES = 3 };

/* ---- by phases */

static bool supports_phases(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_conv_params *p = &d->p.conv;

    (void)device;
    if (!fl_simt_supports(d, why_not))
        return false;
    if (p->format != FL_NHWC || d->in[FL_SLOT_WEIGHTS]->dim[3] % 4 != 0)
        return fl_cuda_refuse(why_not, "NCHW, or channels of x that are no multiple of 4");
    if ((int64_t)p->stride[0] * p->stride[1] > 65535)
        return fl_cuda_refuse(why_not, "more than 65535 phases");
    return true;
}

/* Rows of the first phase, which has most. */
static int64_t rows_of_phase(const fl_op_desc *d, int64_t batch)
{
    const fl_conv_params *p = &d->p.conv;
    const int64_t *y = d->out[0]->dim;

    return fl_dim_at(y[0], batch) * ((y[1] + p->stride[0] - 1) / p->stride[0]) * ((y[2] + p->stride[1] - 1) / p->stride[1]);
}

static floe_status run_phases(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_conv_params *p = &d->p.conv;
    const int64_t *x = d->in[0]->dim, *y = d->out[0]->dim, *f = d->in[FL_SLOT_WEIGHTS]->dim;
    const int64_t tiles_m = (rows_of_phase(d, 1) + TILE_M - 1) / TILE_M, tiles_n = (y[3] + TILE_N - 1) / TILE_N;
    const fl_simt_weights w = fl_simt_weights_of(step);
    char kernel[64];

    if (!fl_cuda_is_small(d, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a transposed convolution of 2^31 elements or more; build for a smaller batch");
    const fl_simt_args args = {
        .x = step->in[0], .b = w.b, .y = step->out[0],
        .tail = {w.bias, fl_cuda_data(step, FL_SLOT_RESIDUAL), p->act, p->alpha},
        .m = (uint32_t)y[0], .n = (uint32_t)y[3], .k = (uint32_t)f[3], .steps = INT32_MAX,
        .h = (uint32_t)x[1], .w = (uint32_t)x[2], .x_n = (uint32_t)(x[1] * x[2] * x[3]), .x_h = (uint32_t)(x[2] * x[3]),
        .x_w = (uint32_t)x[3], .x_c = 1, .y_n = (uint32_t)(y[1] * y[2] * y[3]), .y_h = (uint32_t)(y[2] * y[3]),
        .y_w = (uint32_t)y[3], .y_c = 1, .b_tap = (uint32_t)w.matrix.tap, .b_row = (uint32_t)w.matrix.row,
        .b_column = (uint32_t)w.matrix.column, .out_h = (uint32_t)y[1], .out_w = (uint32_t)y[2],
        .kernel = {(uint32_t)f[0], (uint32_t)f[1]}, .stride = {(uint32_t)p->stride[0], (uint32_t)p->stride[1]},
        .dilation = {(uint32_t)p->dilation[0], (uint32_t)p->dilation[1]}, .pad = {(uint32_t)p->pad[0], (uint32_t)p->pad[2]},
        .b_vector = w.matrix.column == 1 && w.matrix.row % 4 == 0, .b_half = w.b_half, .bias_half = w.bias_half,
        .y_vector = y[3] % 4 == 0, .by_tiles_n = fl_cuda_divisor(tiles_n), .by_channels = fl_cuda_divisor(f[3])};
    const fl_cuda_grid grid = {(uint32_t)(tiles_m * tiles_n), 1, (uint32_t)(p->stride[0] * p->stride[1]), THREADS,
                               (STAGES * (TILE_M + TILE_N) * FL_SIMT_K + TILE_M * 4) * sizeof(float)};
    snprintf(kernel, sizeof kernel, "simt_phases_v4_%s", fl_dtype_name(d->in[0]->dtype));
    return FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err);
}

static uint64_t cost_phases(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    const int64_t m = rows_of_phase(d, batch), n = d->out[0]->dim[3];
    const int64_t tiles = (m + TILE_M - 1) / TILE_M * ((n + TILE_N - 1) / TILE_N);
    const double padded = m * n > 0 ? (double)(tiles * TILE_M * TILE_N) / ((double)m * (double)n) : 1;
    const double blocks = (double)tiles * d->p.conv.stride[0] * d->p.conv.stride[1], units = device->units > 0 ? device->units : 1;
    const double idle = blocks < 2 * units && blocks > 0 ? 2 * units / blocks : 1;

    return fl_cuda_cost(d, device, batch, padded * idle / 0.6 * fl_simt_slower(d), 1.2);
}

/* ---- of any shape */

static bool supports_direct(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return fl_simt_supports(d, why_not);
}

static floe_status run_direct(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_direct_args args = fl_cuda_direct_args_of(step);

    return fl_cuda_direct_launch(step, stream, "transpose", &args, err);
}

static uint64_t cost_direct(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 16 * fl_simt_slower(d), 4);
}

#define TACTIC(method)                                                                                                      \
    {.name = "cuda.conv2d_transpose.any." #method, .op = FL_OP_CONV2D_TRANSPOSE, .supports = supports_##method,              \
     .workspace_bytes = fl_cuda_no_workspace, .packs = FL_SIMT_PACKS, .in_place = 1u << FL_SLOT_RESIDUAL,                    \
     .pack = fl_simt_pack, .run = run_##method, .packed_bytes = fl_simt_packed_bytes, .cost = cost_##method}
static const fl_tactic phases = TACTIC(phases), direct = TACTIC(direct);
static const fl_tactic *const tactics[] = {&phases, &direct};
const fl_tactic_list fl_cuda_conv2d_transpose = {tactics, sizeof tactics / sizeof *tactics};
