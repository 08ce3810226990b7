/* cuda_skinny.c - f32 products of few rows with constant weights (kernel/skinny.cu): dense layers at small batch, and 1x1
 * convolutions of 1x1 pictures.
 *
 * k is cut into as many ranges as give two blocks to each multiprocessor, of MIN_DEPTH rows of weights or more. The cut
 * follows from the weights alone, so that a smaller batch never needs a larger workspace.
 */
#include "backend/cuda/cuda_simt.h"
#include "backend/cuda/kernel/skinny_args.h"

#include <stdio.h>

#define COLUMNS    128 /* of a block */
#define MIN_DEPTH  64
#define MAX_SPLITS 16
#define MAX_ROWS   16  /* at batch 1 */

static int rows_of_block(int64_t m) { return m == 1 ? 1 : m <= 4 ? 4 : 8; }
static int64_t row_groups(int64_t m) { return (m + rows_of_block(m) - 1) / rows_of_block(m); }
static int64_t column_blocks(int64_t n) { return (n + COLUMNS - 1) / COLUMNS; }

static int64_t depth_of(const fl_simt_size *s, const fl_device_info *device)
{
    const int64_t wanted = 2 * (device->units > 0 ? device->units : 1) / (s->n > 0 ? column_blocks(s->n) : 1);
    const int64_t splits = wanted < 1 ? 1 : wanted > MAX_SPLITS ? MAX_SPLITS : wanted;
    const int64_t depth = ((s->k + splits - 1) / splits + 7) / 8 * 8;

    return depth < MIN_DEPTH ? MIN_DEPTH : depth;
}

static int64_t splits_of(const fl_simt_size *s, const fl_device_info *device)
{
    const int64_t depth = depth_of(s, device), splits = (s->k + depth - 1) / depth;

    return splits < 1 || row_groups(s->m) * column_blocks(s->n) > FL_CUDA_COUNTERS ? 1 : splits;
}

static bool is_matrix(const fl_op_desc *d)
{
    const fl_conv_params *p = &d->p.conv;
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;

    if (d->op == FL_OP_MATMUL)
        return !d->p.matmul.transpose_a;
    return p->format == FL_NHWC && p->groups == 1 && f[0] == 1 && f[1] == 1 && p->stride[0] == 1 && p->stride[1] == 1 &&
           !p->pad[0] && !p->pad[1] && !p->pad[2] && !p->pad[3];
}

static bool supports(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (!fl_simt_supports(d, why_not))
        return false;
    if (d->in[0]->dtype != FL_F32)
        return fl_cuda_refuse(why_not, "another type than f32");
    if (!d->in[FL_SLOT_WEIGHTS]->constant)
        return fl_cuda_refuse(why_not, "weights that are not constant");
    if (!is_matrix(d))
        return fl_cuda_refuse(why_not, "a transposed operand, or a convolution that is no plain product");
    if (fl_simt_size_of(d, 1).m > MAX_ROWS)
        return fl_cuda_refuse(why_not, "more than 16 rows at batch 1");
    return true;
}

static size_t workspace_bytes(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    const fl_simt_size s = fl_simt_size_of(d, batch), one = {1, s.n, s.k, 1};
    const int64_t splits = splits_of(&one, device);

    return splits > 1 ? (size_t)(row_groups(s.m) * rows_of_block(s.m) * column_blocks(s.n) * COLUMNS * splits) * sizeof(float) : 0;
}

static floe_status run(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_device_info *device = &stream->device->info;
    const fl_simt_size s = fl_simt_size_of(d, 1);
    const fl_simt_weights w = fl_simt_weights_of(step);
    const bool is_matmul = d->op == FL_OP_MATMUL;
    char kernel[32];

    if (s.m == 0 || s.n == 0)
        return FLOE_OK;
    if (!fl_cuda_is_small(d, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a product of 2^31 elements or more; build for a smaller batch");
    const int64_t splits = splits_of(&s, device), depth = splits > 1 ? depth_of(&s, device) : s.k;
    const fl_skinny_args args = {
        .a = step->in[0], .b = w.b, .y = step->out[0],
        .tail = {w.bias, fl_cuda_data(step, FL_SLOT_RESIDUAL), is_matmul ? d->p.matmul.act : d->p.conv.act,
                 is_matmul ? d->p.matmul.alpha : d->p.conv.alpha},
        .partials = step->workspace, .counters = stream->counters, .m = (uint32_t)s.m, .n = (uint32_t)s.n, .k = (uint32_t)s.k,
        .pitch = (uint32_t)w.matrix.row, .splits = (uint32_t)splits, .depth = (uint32_t)depth};
    const fl_cuda_grid grid = {(uint32_t)column_blocks(s.n), (uint32_t)splits, (uint32_t)row_groups(s.m), FL_SKINNY_THREADS, 0};
    snprintf(kernel, sizeof kernel, "skinny_%d_f32", rows_of_block(s.m));
    return FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err);
}

/* Each group of rows reads the weights anew, from the L2 if they fit. */
static uint64_t cost(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    const fl_simt_size s = fl_simt_size_of(d, batch), one = {1, s.n, s.k, 1};
    const double blocks = (double)(column_blocks(s.n) * splits_of(&one, device) * row_groups(s.m));
    const double units = device->units > 0 ? device->units : 1, idle = blocks < units ? units / (blocks < 1 ? 1 : blocks) : 1;

    return fl_cuda_cost(d, device, batch, 3 * idle, 1.2 * (double)row_groups(s.m) * (idle > 8 ? idle / 8 : 1));
}

#define TACTIC(name_, op_)                                                                                                   \
    {.name = name_, .op = op_, .supports = supports, .workspace_bytes = workspace_bytes, .packs = FL_SIMT_PACKS,             \
     .in_place = 1u << FL_SLOT_RESIDUAL, .pack = fl_simt_pack, .run = run, .packed_bytes = fl_simt_packed_bytes, .cost = cost}
const fl_tactic fl_cuda_conv2d_skinny = TACTIC("cuda.conv2d.f32.skinny", FL_OP_CONV2D);
const fl_tactic fl_cuda_matmul_skinny = TACTIC("cuda.matmul.f32.skinny", FL_OP_MATMUL);
