/* cuda_gemm.c - problems and methods of cuda_gemm.h: what a descriptor asks for, which tiles suit it, how they are
 * launched and what they should take.
 *
 * Splits of k serve grids that leave multiprocessors idle. A tactic with splits does without them where tiles times
 * splits would be more than MOST_CUT_BLOCKS; so the workspace stays small at any batch, and what is needed at a batch
 * is enough for all smaller ones.
 */
#include "backend/cuda/cuda_gemm.h"

#define MOST_CUT_BLOCKS 1024
#define PATCH_P         8 /* output pixels of a tile of the patch kernel, down and across (gemm_patch.cuh) */
#define PATCH_Q         16
#define PATCH_LINE      8 /* floats beside a warp's columns, see gemm.cuh */
#define BAND            8 /* tiles down that are walked together */

static int64_t up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}
static int64_t parts(int64_t n, int64_t each)
{
    return (n + each - 1) / each;
}

/* ---- problems */

static void set_depth(fl_gemm_problem *p)
{
    const int64_t chunk = 16 / (int64_t)fl_dtype_bytes(p->dtype);

    p->dense = p->c % chunk != 0 && !p->transposed;
    p->k_pixel = p->c;
    if (p->dense && p->dtype != FL_F32 && p->c * p->stride[1] % 2 != 0)
        p->k_pixel++; /* words of two halves have even places whichever pixel they belong to */
    p->k_row = p->taps[1] * p->k_pixel;
    if (p->dense && p->dtype != FL_F32)
        p->k_row = up(p->k_row, 2);
    p->k = up(p->taps[0] * p->k_row, chunk);
}

static fl_gemm_problem product_of(const fl_op_desc *d, int64_t batch)
{
    const fl_matmul_params *o = &d->p.matmul;
    const int64_t *a = d->in[FL_SLOT_X]->dim, *b = d->in[FL_SLOT_WEIGHTS]->dim;
    const int64_t m = fl_dim_at(a[o->transpose_a ? 1 : 0], batch), k = fl_dim_at(a[o->transpose_a ? 0 : 1], batch);
    const int64_t n = fl_dim_at(b[o->transpose_b ? 0 : 1], batch);

    return (fl_gemm_problem){.m = m,
                             .n = n,
                             .images = 1,
                             .h = 1,
                             .w = m,
                             .c = k,
                             .p = 1,
                             .q = m,
                             .taps = {1, 1},
                             .stride = {1, 1},
                             .dilation = {1, 1},
                             .transposed = o->transpose_a,
                             .row_step = o->transpose_b ? k : 1,
                             .k_step = o->transpose_b ? 1 : n,
                             .act = o->act,
                             .alpha = o->alpha};
}

static fl_gemm_problem convolution_of(const fl_op_desc *d, int64_t batch)
{
    const fl_conv_params *o = &d->p.conv;
    const int64_t *x = d->in[FL_SLOT_X]->dim, *f = d->in[FL_SLOT_WEIGHTS]->dim, *y = d->out[0]->dim;
    const int64_t images = fl_dim_at(x[0], batch);

    return (fl_gemm_problem){.m = images * y[1] * y[2],
                             .n = f[3],
                             .images = images,
                             .h = x[1],
                             .w = x[2],
                             .c = f[2],
                             .p = y[1],
                             .q = y[2],
                             .taps = {f[0], f[1]},
                             .stride = {o->stride[0], o->stride[1]},
                             .dilation = {o->dilation[0], o->dilation[1]},
                             .pad = {o->pad[0], o->pad[2]},
                             .row_step = 1,
                             .k_step = f[3],
                             .act = o->act,
                             .alpha = o->alpha};
}

fl_gemm_problem fl_gemm_problem_of(const fl_op_desc *d, int64_t batch)
{
    fl_gemm_problem p = d->op == FL_OP_MATMUL ? product_of(d, batch) : convolution_of(d, batch);

    p.dtype = d->in[FL_SLOT_X]->dtype;
    set_depth(&p);
    return p;
}

/* One tap that meets each pixel: rows of A are rows of x. */
static bool is_plain(const fl_gemm_problem *p)
{
    return p->taps[0] * p->taps[1] == 1 && p->stride[0] * p->stride[1] == 1 && p->p == p->h && p->q == p->w &&
           p->pad[0] == 0 && p->pad[1] == 0;
}

/* Elements of x with its padding: kernels reckon with places up to that in 32 bits. */
static bool is_small(const fl_gemm_problem *p, const fl_op_desc *d)
{
    if (d->op == FL_OP_MATMUL)
        return !p->transposed || (double)p->m * (double)p->k < 0x1p31;
    const int32_t *pad = d->p.conv.pad;
    const double h = (double)p->h + pad[0] + pad[1], w = (double)p->w + pad[2] + pad[3];

    return (double)p->images * h * w * (double)p->c < 0x1p31;
}

static bool takes_product(const fl_op_desc *d, const char **why_not)
{
    const fl_tensor_desc *a = d->in[FL_SLOT_X];

    if (fl_dim_is_dynamic(a->dim[d->p.matmul.transpose_a ? 0 : 1]))
        return fl_cuda_refuse(why_not, "a sum whose length depends on the batch");
    if (d->in[FL_SLOT_WEIGHTS]->constant &&
        fl_dim_is_dynamic(d->in[FL_SLOT_WEIGHTS]->dim[d->p.matmul.transpose_b ? 0 : 1]))
        return fl_cuda_refuse(why_not, "constant columns that depend on the batch");
    return true;
}

static bool takes_convolution(const fl_op_desc *d, const char **why_not)
{
    const fl_tensor_desc *f = d->in[FL_SLOT_WEIGHTS];

    if (d->p.conv.format != FL_NHWC)
        return fl_cuda_refuse(why_not, "format NCHW");
    if (d->p.conv.groups != 1)
        return fl_cuda_refuse(why_not, "groups");
    if (f->dim[0] > FL_GEMM_MAX_TAPS || f->dim[1] > FL_GEMM_MAX_TAPS)
        return fl_cuda_refuse(why_not, "a filter of more than 15 rows or columns");
    for (int i = 0; i < 4; i++)
        if (fl_dim_is_dynamic(f->dim[i]))
            return fl_cuda_refuse(why_not, "a filter whose shape depends on the batch");
    return true;
}

bool fl_gemm_takes(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_dtype dtype = d->in[FL_SLOT_X]->dtype;

    if (!fl_cuda_is_storage(dtype))
        return fl_cuda_refuse(why_not, "another type than f32, f16 and bf16");
    if (dtype == FL_F32 && !device->tf32)
        return fl_cuda_refuse(why_not, "f32, where TF32 is not allowed");
    if (device->isa < (dtype == FL_F16 ? 75 : 80))
        return fl_cuda_refuse(why_not, "tensor cores for that type are on GPUs from sm_80 on");
    if (!fl_cuda_all_plain(d))
        return fl_cuda_refuse(why_not, "blocked layouts");
    if (!(d->op == FL_OP_MATMUL ? takes_product(d, why_not) : takes_convolution(d, why_not)))
        return false;
    const fl_gemm_problem p = fl_gemm_problem_of(d, 1);
    if (p.k < 1)
        return fl_cuda_refuse(why_not, "a sum over nothing");
    if (p.k >= (int64_t)1 << 30 || p.n >= ((int64_t)1 << 31) / p.k || !is_small(&p, d))
        return fl_cuda_refuse(why_not, "an operand of 2^31 elements or more, with its padding");
    return true;
}

/* ---- grids */

static int64_t tiles_m(const fl_gemm_tile *t, const fl_gemm_problem *p)
{
    if (t->method == FL_GEMM_PATCH)
        return p->images * parts(p->p, PATCH_P) * parts(p->q, PATCH_Q);
    return parts(p->m, t->bm);
}
static int64_t tiles_of(const fl_gemm_tile *t, const fl_gemm_problem *p)
{
    return tiles_m(t, p) * parts(p->n, t->bn);
}
static int64_t stages_of(const fl_gemm_tile *t, const fl_gemm_problem *p)
{
    return t->bk ? parts(p->k, t->bk) : 1;
}

/* What a split into so many parts comes to at this size: that many, or 1. */
static int64_t splits_at(const fl_gemm_tile *t, const fl_gemm_problem *p, int splits)
{
    return tiles_of(t, p) * splits <= MOST_CUT_BLOCKS ? splits : 1;
}

/* The most partial sums that this or a smaller batch makes. */
static size_t partial_bytes(const fl_gemm_tile *t, const fl_gemm_problem *p, int splits)
{
    const int64_t most = MOST_CUT_BLOCKS / splits, tiles = tiles_of(t, p) < most ? tiles_of(t, p) : most;

    return splits > 1 ? (size_t)(tiles * splits) * (size_t)(t->bm * t->bn) * sizeof(float) : 0;
}

size_t fl_cuda_gemm_workspace(const fl_gemm_tile *t, int splits, const fl_op_desc *d, int64_t batch)
{
    const fl_gemm_problem p = fl_gemm_problem_of(d, batch);

    return fl_gemm_made_bytes(d, batch) + partial_bytes(t, &p, splits);
}

/* ---- the patch kernel's share */

typedef struct patch {
    int64_t h, w, pitch;
    uint32_t shared;
} patch;

static patch patch_of(const fl_gemm_tile *t, const fl_gemm_problem *p)
{
    const int64_t bytes = (int64_t)fl_dtype_bytes(p->dtype), steps = parts(p->k * bytes, 32);
    patch a = {(PATCH_P - 1) * p->stride[0] + (p->taps[0] - 1) * p->dilation[0] + 1,
               (PATCH_Q - 1) * p->stride[1] + p->taps[1], 0, 0};

    a.pitch = up(a.w * p->k_pixel, 2);
    const int64_t room = t->threads / 32 * 16 * (t->bn + PATCH_LINE) * (int64_t)sizeof(float);
    const int64_t shared = t->bn * (steps * 32 + 16) + steps * 64 + room + a.h * a.pitch * bytes;
    a.shared = shared < 1 << 20 ? (uint32_t)shared : 1u << 20; /* more than any GPU has */
    return a;
}

static void set_patch(fl_gemm_args *a, const fl_gemm_tile *t, const fl_gemm_problem *p)
{
    const patch s = patch_of(t, p);

    a->p = (int32_t)p->p;
    a->q = (int32_t)p->q;
    a->tiles_p = (int32_t)parts(p->p, PATCH_P);
    a->tiles_q = (int32_t)parts(p->q, PATCH_Q);
    a->patch_h = (int32_t)s.h;
    a->patch_w = (int32_t)s.w;
    a->pitch = (int32_t)s.pitch;
    a->pixel = (int32_t)p->k_pixel;
    a->images = (int32_t)p->images;
    a->by_tiles_q = fl_cuda_divisor(a->tiles_q);
    a->by_tiles = fl_cuda_divisor((int64_t)a->tiles_p * a->tiles_q);
    a->by_patch_row = fl_cuda_divisor(s.w * p->c);
    a->by_c = fl_cuda_divisor(p->c);
}

/* ---- which tiles suit a problem. What is refused here is not timed, so the rules only leave out what cannot win. */

static bool has_dynamic_rows(const fl_op_desc *d)
{
    return fl_dim_is_dynamic(d->out[0]->dim[0]);
}

static bool suits_patch(const fl_gemm_tile *t, const fl_gemm_problem *p, const fl_device_info *device,
                        const char **why_not)
{
    if (!p->dense)
        return fl_cuda_refuse(why_not, "channels that are whole chunks of 16 bytes");
    if (p->c > 8 || p->dilation[1] != 1 || p->taps[0] * p->taps[1] == 1)
        return fl_cuda_refuse(why_not, "more than 8 channels, columns that are dilated, or one tap");
    if (p->p < PATCH_P / 2 || p->q < PATCH_Q / 2)
        return fl_cuda_refuse(why_not, "outputs smaller than half a tile");
    if (patch_of(t, p).shared > device->shared_bytes)
        return fl_cuda_refuse(why_not, "a patch too large for shared memory");
    return true;
}

static bool suits_rows(const fl_gemm_tile *t, const fl_gemm_problem *p, bool dynamic, const char **why_not)
{
    if (p->dense || !is_plain(p))
        return fl_cuda_refuse(why_not, "not a product with rows of whole 16 bytes");
    if (p->m > (dynamic ? t->bm : 2 * t->bm))
        return fl_cuda_refuse(why_not, "too many rows");
    if (t->bm > 8 && !dynamic && p->m <= t->bm / 2)
        return fl_cuda_refuse(why_not, "fewer rows than half a tile");
    return true;
}

static bool suits_tile(const fl_gemm_tile *t, const fl_gemm_problem *p, bool dynamic, const fl_device_info *device,
                       const char **why_not)
{
    if (p->dense != (t->method == FL_GEMM_GATHER))
        return fl_cuda_refuse(why_not, p->dense ? "channels that are not whole chunks of 16 bytes"
                                                : "channels that are whole chunks of 16 bytes");
    if (t->method == FL_GEMM_NEAR && (p->taps[0] * p->taps[1] == 1 || p->c % t->bk != 0))
        return fl_cuda_refuse(why_not, "one tap, or channels that are not whole stages");
    if (t->shared > device->shared_bytes)
        return fl_cuda_refuse(why_not, "not enough shared memory");
    if (device->isa < 80 && t->bm * t->bn > 128 * 128)
        return fl_cuda_refuse(why_not, "a tile for GPUs from sm_80 on");
    if ((t->bn > 32 && p->n <= t->bn / 2) || (t->bm > 64 && !dynamic && p->m <= t->bm / 2))
        return fl_cuda_refuse(why_not, "a tile twice as large as the problem");
    if (t->bm * t->bn <= 64 * 64 && p->n > t->bn &&
        tiles_of(t, p) > 64 * (int64_t)(device->units > 0 ? device->units : 1))
        return fl_cuda_refuse(why_not, "a small tile for a large problem");
    return true;
}

static bool suits_splits(const fl_gemm_tile *t, int splits, const fl_gemm_problem *p, const fl_device_info *device,
                         const char **why_not)
{
    const int64_t units = device->units > 0 ? device->units : 1, least = t->method == FL_GEMM_ROWS ? 8 : 2;

    if (stages_of(t, p) < least * splits)
        return fl_cuda_refuse(why_not, "a sum too short to be cut so often");
    if (splits_at(t, p, splits) == 1 || tiles_of(t, p) >= 2 * units)
        return fl_cuda_refuse(why_not, "enough tiles without cutting the sum");
    return true;
}

bool fl_cuda_gemm_supports(const fl_gemm_tile *t, int splits, const fl_op_desc *d, const fl_device_info *device,
                           const char **why_not)
{
    if (d->in[FL_SLOT_X]->dtype != t->dtype)
        return fl_cuda_refuse(why_not, "another type");
    if (!fl_gemm_takes(d, device, why_not))
        return false;
    const fl_gemm_problem p = fl_gemm_problem_of(d, 1);
    const bool dynamic = has_dynamic_rows(d);
    const bool suits = t->method == FL_GEMM_PATCH  ? suits_patch(t, &p, device, why_not)
                       : t->method == FL_GEMM_ROWS ? suits_rows(t, &p, dynamic, why_not)
                                                   : suits_tile(t, &p, dynamic, device, why_not);
    return suits && (splits == 1 || suits_splits(t, splits, &p, device, why_not));
}

/* ---- running */

static void set_problem(fl_gemm_args *a, const fl_gemm_problem *p)
{
    const int64_t c = p->transposed ? p->k : p->c; /* the copy's rows have k elements */

    a->m = (int32_t)p->m;
    a->n = (int32_t)p->n;
    a->k = (int32_t)p->k;
    a->h = (int32_t)p->h;
    a->w = (int32_t)p->w;
    a->c = (int32_t)c;
    a->taps_h = (int32_t)p->taps[0];
    a->taps_w = (int32_t)p->taps[1];
    a->stride_h = (int32_t)p->stride[0];
    a->stride_w = (int32_t)p->stride[1];
    a->dilation_h = (int32_t)p->dilation[0];
    a->dilation_w = (int32_t)p->dilation[1];
    a->pad_h = (int32_t)p->pad[0];
    a->pad_w = (int32_t)p->pad[1];
    a->row_step = (int32_t)(p->dilation[0] * p->w * c);
    a->column_step = (int32_t)(p->dilation[1] * c);
    a->k_row = (int32_t)p->k_row;
    a->k_pixel = (int32_t)p->k_pixel;
    a->by_image = fl_cuda_divisor(p->p * p->q);
    a->by_row = fl_cuda_divisor(p->q);
    a->by_tap_row = fl_cuda_divisor(p->dense ? p->k_row : p->taps[1]);
    a->by_pixel = fl_cuda_divisor(p->dense ? p->k_pixel : c);
    a->tail.act = p->act;
    a->tail.alpha = p->alpha;
}

static void set_tiles(fl_gemm_args *a, const fl_gemm_tile *t, const fl_gemm_problem *p, int splits)
{
    a->tiles_m = (int32_t)parts(p->m, t->bm);
    a->tiles_n = (int32_t)parts(p->n, t->bn);
    a->tiles_k = (int32_t)stages_of(t, p);
    a->splits = (int32_t)splits_at(t, p, splits);
    a->band = BAND;
    if (!p->dense) {
        const int32_t taps = t->bk / a->c;
        a->step_c = t->bk % a->c;
        a->step_s = taps % a->taps_w;
        a->step_r = taps / a->taps_w;
        a->step_over = t->bk - (int32_t)(p->taps[0] * p->taps[1] - 1) * a->c;
    }
}

static fl_cuda_grid grid_of(const fl_gemm_tile *t, const fl_gemm_problem *p, const fl_gemm_args *a,
                            const fl_device_info *device)
{
    const int64_t tiles = tiles_of(t, p);

    if (t->method != FL_GEMM_PATCH)
        return (fl_cuda_grid){(uint32_t)(tiles * a->splits), 1, 1, (uint32_t)t->threads, t->shared};
    /* Blocks stay for several tiles: each brings all its weights first. */
    const int64_t resident = (int64_t)t->blocks * (device->units > 0 ? device->units : 1), rows = tiles_m(t, p);
    return (fl_cuda_grid){(uint32_t)(rows < resident ? rows : resident), (uint32_t)a->tiles_n, 1, (uint32_t)t->threads,
                          patch_of(t, p).shared};
}

floe_status fl_cuda_gemm_run(const fl_gemm_tile *t, int splits, const fl_step *step, fl_stream *stream, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_op_desc *d = step->desc;
    const fl_gemm_problem p = fl_gemm_problem_of(d, 1);
    fl_gemm_args args = {.y = step->out[0], .counters = stream->counters};

    if (p.m == 0 || p.n == 0)
        goto done;
    if (!fl_cuda_is_small(d, 1) || !is_small(&p, d))
        FL_FAIL(err, FLOE_ERR_LIMIT,
                "a product of tensors of 2^31 elements or more, with padding; build for a smaller batch");
    set_problem(&args, &p);
    set_tiles(&args, t, &p, splits);
    if (t->method == FL_GEMM_PATCH)
        set_patch(&args, t, &p);
    args.tail.residual = fl_cuda_data(step, FL_SLOT_RESIDUAL);
    args.partial = (float *)(void *)((uint8_t *)step->workspace + fl_gemm_made_bytes(d, 1));
    FL_TRY(fl_gemm_prepare(&args, &p, step, stream, err));
    const fl_cuda_grid grid = grid_of(t, &p, &args, &stream->device->info);
    FL_TRY(FL_CUDA_LAUNCH(stream, t->kernel, &grid, &args, err));
done:
    return st;
}

/* ---- what it should take */

#define PATCH_RATE   0.25   /* of the rate that fl_cuda_cost goes by */
#define BLOCK_NS     1000.0 /* filling the stages, and the end */
#define STAGE_NS     70.0   /* the least that a stage takes, its block being alone */
#define COMBINE_NS   900.0  /* splits: writing, counting, reading */
#define COMBINE_RATE 90.0   /* bytes per nanosecond that one multiprocessor reads from the L2 */

/* Part of the tensor cores' rate that a multiprocessor full of such blocks reaches: wide tiles read less for each
 * multiplication. */
static double tile_rate(const fl_gemm_tile *t, const fl_device_info *device)
{
    const double reads = (double)(t->bm + t->bn) / ((double)t->bm * t->bn); /* 0.0117 for 256x128, 0.047 for 64x32 */
    const double rate = 0.0085 / (0.0085 + reads) * (t->method == FL_GEMM_GATHER ? 0.7 : 1.4);

    return device->isa >= 90 && device->isa < 100 ? rate : 1.4 * rate; /* mma.sync has 63 % of Hopper's rate */
}

/* fl_cuda_cost takes the rate of CUDA cores for f32. */
static double type_rate(const fl_gemm_tile *t, const fl_device_info *device)
{
    const bool large = device->isa == 80 || device->isa == 90 || device->isa == 100;
    return t->dtype != FL_F32 ? 1 : large ? 7 : 2;
}

uint64_t fl_cuda_gemm_cost(const fl_gemm_tile *t, int splits, const fl_op_desc *d, const fl_device_info *device,
                           int64_t batch)
{
    const fl_gemm_problem p = fl_gemm_problem_of(d, batch);
    const int64_t units = device->units > 0 ? device->units : 1, cut = splits_at(t, &p, splits);
    const double blocks = (double)(tiles_of(t, &p) * cut), real = (double)p.m * (double)p.n;

    if (real <= 0 || t->method == FL_GEMM_PATCH)
        return (uint64_t)(BLOCK_NS * 1.5) + fl_cuda_cost(d, device, batch, 1 / PATCH_RATE / type_rate(t, device), 1.15);
    const double memory = BLOCK_NS + (double)fl_cuda_cost(d, device, batch, 0, 1.1);
    if (t->method == FL_GEMM_ROWS) /* as fast as memory, if there are blocks enough */
        return (uint64_t)(memory * (blocks < 2 * (double)units ? 2 * (double)units / blocks : 1) * 0.5 + memory * 0.5 +
                          (cut > 1 ? COMBINE_NS : 0) + (double)parts(p.m, t->bm) * 500);
    const double busiest = (double)parts((int64_t)blocks, units), stages = (double)stages_of(t, &p) / (double)cut;
    const double at_once = busiest < t->blocks ? busiest : t->blocks, warps = at_once * t->threads / 32;
    const double alone = warps < 8 ? 0.4 + 0.6 * warps / 8 : 1;
    const double scale =
        busiest * (double)units * t->bm * t->bn / ((double)cut * real) / (tile_rate(t, device) * alone);
    const double product = BLOCK_NS + (double)fl_cuda_cost(d, device, batch, scale / type_rate(t, device), 1.1);
    const double turns = busiest / at_once * stages * STAGE_NS + memory;
    const double combine = cut > 1 ? COMBINE_NS + (double)cut * t->bm * t->bn * 4 / COMBINE_RATE : 0;

    return (uint64_t)((product > turns ? product : turns) + combine);
}
