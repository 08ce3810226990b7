/* cuda_simt.c - convolutions and matrix products on CUDA cores as tiles (kernel/simt.cuh): cuda.conv2d.f32.simt_128x128 and
 * the like.
 *
 * f32 with f32 sums has no other way on a GPU, so these are what f32 networks run on. simt_64x64 takes half precision as well,
 * and all shapes: NCHW, groups, odd channels, transposed and computed operands. The larger tiles want whole vectors of
 * channels.
 *
 * "split" tactics cut k where the tiles of y are fewer than the multiprocessors can take: into as many ranges as give two
 * blocks to each, but not below MIN_STEPS tiles' depths, nor above MAX_SPLITS. Ranges are f32 pictures of y in the workspace.
 */
#include "backend/cuda/cuda_simt.h"
#include "backend/cuda/kernel/simt_args.h"

#include <stdio.h>

#define MIN_STEPS       3
#define MAX_SPLITS      32
#define BLOCKS_PER_UNIT 2

/* ---- tiles */

typedef struct tile {
    int    m, n, threads, stages; /* as the kernels have it */
    bool   vectors_only, f32_only;
    double efficiency;            /* of the arithmetic rate, where the grid is large */
} tile;

static const tile t128x128 = {128, 128, 256, 2, true, true, 0.80};
static const tile t128x64 = {128, 64, 128, 2, true, true, 0.75};
static const tile t128x32 = {128, 32, 128, 3, false, true, 0.60};
static const tile t64x64 = {64, 64, 128, 3, false, false, 0.60};

static uint32_t shared_bytes(const tile *t)
{
    return (uint32_t)(t->stages * (t->m + t->n) * FL_SIMT_K) * sizeof(float) + (uint32_t)t->m * 16;
}

/* Blocks of y; 0 where the problem is empty. */
static int64_t tiles_of(const tile *t, const fl_simt_size *s)
{
    return (s->m + t->m - 1) / t->m * ((s->n + t->n - 1) / t->n) * s->groups;
}

/* Most ranges that k may be cut into. */
static int64_t most_splits(const fl_simt_size *s)
{
    const int64_t most = (s->k + FL_SIMT_K - 1) / FL_SIMT_K / MIN_STEPS;
    return most < 1 ? 1 : most > MAX_SPLITS ? MAX_SPLITS : most;
}

static int64_t target_blocks(const fl_device_info *device) { return BLOCKS_PER_UNIT * (device->units > 0 ? device->units : 1); }

typedef struct cut {
    int64_t splits, steps; /* ranges, and tiles' depths in each but the last */
} cut;

static cut cut_of(const tile *t, const fl_simt_size *s, const fl_device_info *device)
{
    const int64_t tiles = tiles_of(t, s), depths = (s->k + FL_SIMT_K - 1) / FL_SIMT_K, most = most_splits(s);
    int64_t wanted = tiles > 0 ? target_blocks(device) / tiles : 1;

    wanted = wanted < 1 ? 1 : wanted > most ? most : wanted;
    const int64_t steps = (depths + wanted - 1) / wanted;
    return (cut){steps > 0 ? (depths + steps - 1) / steps : 1, steps};
}

/* ---- what a problem looks like to the kernels */

static bool is_transposed_a(const fl_op_desc *d) { return d->op == FL_OP_MATMUL && d->p.matmul.transpose_a; }
static bool is_nchw(const fl_op_desc *d) { return d->op == FL_OP_CONV2D && d->p.conv.format == FL_NCHW; }

/* x is read in vectors of 4 channels. */
static bool reads_vectors(const fl_op_desc *d, int64_t batch)
{
    const int64_t channels = d->op == FL_OP_MATMUL ? fl_dim_at(d->in[0]->dim[1], batch) : d->in[FL_SLOT_WEIGHTS]->dim[2];

    return !is_transposed_a(d) && !is_nchw(d) && channels % 4 == 0;
}

static void set_matrix(fl_simt_args *a, const fl_op_desc *d, const fl_simt_size *s)
{
    a->h = a->out_h = 1;
    a->w = a->out_w = (uint32_t)s->m;
    a->x_w = d->p.matmul.transpose_a ? 1 : (uint32_t)s->k;
    a->x_c = d->p.matmul.transpose_a ? (uint32_t)s->m : 1;
    a->y_w = (uint32_t)s->n;
    a->y_c = 1;
    a->kernel[0] = a->kernel[1] = a->stride[0] = a->stride[1] = a->dilation[0] = a->dilation[1] = 1;
    a->by_channels = fl_cuda_divisor(s->k > 0 ? s->k : 1);
}

static void set_pictures(fl_simt_args *a, const fl_op_desc *d)
{
    const fl_conv_params *p = &d->p.conv;
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;
    const bool nchw = p->format == FL_NCHW;
    const int64_t *x = d->in[0]->dim, *y = d->out[0]->dim, cin = x[nchw ? 1 : 3], cout = f[3];

    a->h = (uint32_t)x[nchw ? 2 : 1];
    a->w = (uint32_t)x[nchw ? 3 : 2];
    a->out_h = (uint32_t)y[nchw ? 2 : 1];
    a->out_w = (uint32_t)y[nchw ? 3 : 2];
    a->x_c = nchw ? a->h * a->w : 1;
    a->x_w = nchw ? 1 : (uint32_t)cin;
    a->x_h = a->w * a->x_w;
    a->x_n = a->h * a->w * (uint32_t)cin;
    a->x_group = (uint32_t)f[2] * a->x_c;
    a->y_c = nchw ? a->out_h * a->out_w : 1;
    a->y_w = nchw ? 1 : (uint32_t)cout;
    a->y_h = a->out_w * a->y_w;
    a->y_n = a->out_h * a->out_w * (uint32_t)cout;
    a->y_group = a->n * a->y_c;
    for (int i = 0; i < 2; i++) {
        a->kernel[i] = (uint32_t)f[i];
        a->stride[i] = (uint32_t)p->stride[i];
        a->dilation[i] = (uint32_t)p->dilation[i];
        a->pad[i] = (uint32_t)p->pad[2 * i];
    }
    a->by_channels = fl_cuda_divisor(f[2]);
}

static fl_simt_args args_of(const fl_step *step, const fl_simt_size *s)
{
    const fl_op_desc *d = step->desc;
    const fl_simt_weights w = fl_simt_weights_of(step);
    const bool is_matmul = d->op == FL_OP_MATMUL;
    fl_simt_args a = {
        .x = step->in[0], .b = w.b, .y = step->out[0],
        .tail = {w.bias, fl_cuda_data(step, FL_SLOT_RESIDUAL), is_matmul ? d->p.matmul.act : d->p.conv.act,
                 is_matmul ? d->p.matmul.alpha : d->p.conv.alpha},
        .m = (uint32_t)s->m, .n = (uint32_t)s->n, .k = (uint32_t)s->k,
        .b_row = (uint32_t)w.matrix.row, .b_column = (uint32_t)w.matrix.column,
        .b_group = (uint32_t)(s->n * w.matrix.column), .b_half = w.b_half, .bias_half = w.bias_half};

    if (is_matmul)
        set_matrix(&a, d, s);
    else
        set_pictures(&a, d);
    a.x_by_rows = a.x_c != 1;
    a.b_vector = a.b_column == 1 && a.b_row % 4 == 0 && (s->groups == 1 || a.n % 4 == 0);
    a.y_vector = a.y_c == 1 && a.y_w % 4 == 0 && a.n % 4 == 0;
    a.by_kernel_w = fl_cuda_divisor(a.kernel[1]);
    a.by_out_w = fl_cuda_divisor(a.out_w);
    a.by_out_h = fl_cuda_divisor(a.out_h);
    return a;
}

/* ---- running */

static floe_status add_ranges(const fl_step *step, fl_stream *stream, const fl_simt_args *a, const fl_simt_size *s,
                              int64_t splits, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_simt_sum_args args = {
        .partials = a->partials, .y = a->y, .tail = a->tail, .n = (uint32_t)fl_tensor_elements_at(d->out[0], 1),
        .splits = (uint32_t)splits, .part = a->part, .bias_half = a->bias_half, .by_inner = fl_cuda_divisor(a->y_c),
        .by_channels = fl_cuda_divisor(s->n * s->groups)};
    const fl_cuda_grid grid = {fl_cuda_blocks(args.n, 4 * 128), 1, 1, 128, 0};
    char kernel[32];

    snprintf(kernel, sizeof kernel, "simt_sum_%s", fl_dtype_name(d->in[0]->dtype));
    return FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err);
}

static floe_status launch(const fl_step *step, fl_stream *stream, const tile *t, bool split, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_op_desc *d = step->desc;
    const fl_simt_size s = fl_simt_size_of(d, 1);
    const cut c = split ? cut_of(t, &s, &stream->device->info) : (cut){1, (s.k + FL_SIMT_K - 1) / FL_SIMT_K};
    char kernel[64];

    if (s.m == 0 || s.n == 0)
        return FLOE_OK;
    if (!fl_cuda_is_small(d, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a product of 2^31 elements or more; build for a smaller batch");
    fl_simt_args args = args_of(step, &s);
    args.by_tiles_n = fl_cuda_divisor((s.n + t->n - 1) / t->n);
    args.steps = (uint32_t)c.steps;
    args.part = (uint32_t)(fl_tensor_elements_at(d->out[0], 1) + 3) / 4 * 4;
    args.partials = c.splits > 1 ? step->workspace : NULL;
    snprintf(kernel, sizeof kernel, "simt_%dx%d_v%d_%s", t->m, t->n, reads_vectors(d, 1) ? 4 : 1, fl_dtype_name(d->in[0]->dtype));
    const fl_cuda_grid grid = {(uint32_t)(tiles_of(t, &s) / s.groups), (uint32_t)c.splits, (uint32_t)s.groups,
                               (uint32_t)t->threads, shared_bytes(t)};
    FL_TRY(FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err));
    if (c.splits > 1)
        FL_TRY(add_ranges(step, stream, &args, &s, c.splits, err));
done:
    return st;
}

/* ---- tactics */

static bool supports(const fl_op_desc *d, const fl_device_info *device, const tile *t, bool split, const char **why_not)
{
    const fl_simt_size s = fl_simt_size_of(d, 1);

    if (!fl_simt_supports(d, why_not))
        return false;
    if (t->f32_only && d->in[0]->dtype != FL_F32)
        return fl_cuda_refuse(why_not, "another type than f32");
    if (d->op == FL_OP_MATMUL && t->vectors_only && fl_dim_is_dynamic(d->in[0]->dim[1]))
        return fl_cuda_refuse(why_not, "a sum whose length depends on the batch");
    if (t->vectors_only && !reads_vectors(d, 1))
        return fl_cuda_refuse(why_not, "channels that are no multiple of 4, NCHW, or a transposed operand");
    if (s.groups > 65535)
        return fl_cuda_refuse(why_not, "more than 65535 groups");
    if (split && cut_of(t, &s, device).splits < 2)
        return fl_cuda_refuse(why_not, "enough tiles without cutting the sum, or a sum too short to be cut");
    return true;
}

/* However many ranges smaller batches are cut into, no more than this: ranges times tiles stay below the target. */
static size_t workspace(const fl_op_desc *d, const fl_device_info *device, int64_t batch, const tile *t)
{
    const fl_simt_size s = fl_simt_size_of(d, batch);
    const size_t by_target = (size_t)target_blocks(device) * (size_t)(t->m * t->n);
    const size_t part = fl_round_up((size_t)fl_tensor_elements_at(d->out[0], batch), 4);
    const size_t by_splits = (size_t)most_splits(&s) * part;

    return (by_target < by_splits ? by_target : by_splits) * sizeof(float);
}

/* The multiprocessor that has most to do, with blocks that reach their rate from 8 warps on. */
static uint64_t cost(const fl_op_desc *d, const fl_device_info *device, int64_t batch, const tile *t, bool split)
{
    const fl_simt_size s = fl_simt_size_of(d, batch);
    const cut c = split ? cut_of(t, &s, device) : (cut){1, 1};
    const double units = device->units > 0 ? device->units : 1, warps = t->threads / 32.0;
    const double blocks = (double)(tiles_of(t, &s) * c.splits), real = (double)s.m * (double)s.n * (double)s.groups;
    double each = (double)(int64_t)((blocks + units - 1) / units);

    if (real <= 0)
        return fl_cuda_cost(d, device, batch, 1, 1);
    each = each < 8 / warps ? 8 / warps : each;
    const double scale = each * units * t->m * t->n / ((double)c.splits * real) / t->efficiency;
    const uint64_t product = fl_cuda_cost(d, device, batch, scale * fl_simt_slower(d) * (reads_vectors(d, batch) ? 1 : 1.5), 1.2);
    return c.splits > 1 ? product + 1000 + (uint64_t)((double)c.splits * real * 8 / 4e3) : product;
}

#define TILE_FUNCTIONS(id, tile, split)                                                                                       \
    static bool supports_##id(const fl_op_desc *d, const fl_device_info *device, const char **why_not)                        \
    {                                                                                                                         \
        return supports(d, device, &tile, split, why_not);                                                                    \
    }                                                                                                                         \
    static floe_status run_##id(const fl_step *step, fl_stream *stream, floe_error *err)                                      \
    {                                                                                                                         \
        return launch(step, stream, &tile, split, err);                                                                       \
    }                                                                                                                         \
    static size_t workspace_##id(const fl_op_desc *d, const fl_device_info *device, int64_t batch)                            \
    {                                                                                                                         \
        return (split) ? workspace(d, device, batch, &tile) : 0;                                                              \
    }                                                                                                                         \
    static uint64_t cost_##id(const fl_op_desc *d, const fl_device_info *device, int64_t batch)                               \
    {                                                                                                                         \
        return cost(d, device, batch, &tile, split);                                                                          \
    }
#define TACTIC(id, name_, op_)                                                                                                \
    {.name = name_, .op = op_, .supports = supports_##id, .workspace_bytes = workspace_##id, .packs = FL_SIMT_PACKS,          \
     .in_place = 1u << FL_SLOT_RESIDUAL, .pack = fl_simt_pack, .run = run_##id, .packed_bytes = fl_simt_packed_bytes,         \
     .cost = cost_##id}
#define TILE(id, types, method, tile, split)                                                                                  \
    TILE_FUNCTIONS(id, tile, split)                                                                                           \
    const fl_tactic fl_cuda_conv2d_simt_##id = TACTIC(id, "cuda.conv2d." types "." method, FL_OP_CONV2D);                     \
    const fl_tactic fl_cuda_matmul_simt_##id = TACTIC(id, "cuda.matmul." types "." method, FL_OP_MATMUL);

TILE(large, "f32", "simt_128x128", t128x128, false)
TILE(tall, "f32", "simt_128x64", t128x64, false)
TILE(narrow, "f32", "simt_128x32", t128x32, false)
TILE(small, "any", "simt_64x64", t64x64, false)
TILE(small_split, "any", "simt_64x64_split", t64x64, true)
TILE(narrow_split, "f32", "simt_128x32_split", t128x32, true)

const fl_tactic *const fl_cuda_conv2d_simt_tactics[] = {FL_CUDA_CONV2D_SIMT_ROWS};
const size_t fl_cuda_conv2d_simt_count = sizeof fl_cuda_conv2d_simt_tactics / sizeof *fl_cuda_conv2d_simt_tactics;
const fl_tactic *const fl_cuda_matmul_simt_tactics[] = {FL_CUDA_MATMUL_SIMT_ROWS};
const size_t fl_cuda_matmul_simt_count = sizeof fl_cuda_matmul_simt_tactics / sizeof *fl_cuda_matmul_simt_tactics;
