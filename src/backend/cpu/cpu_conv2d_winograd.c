/* cpu_conv2d_winograd.c - 3x3 convolutions of stride 1 with fewer multiplications:
 * cpu.conv2d.f32.winograd<m>_<rows>x<columns>.<isa>
 *
 * A task takes a block of T tiles of m x m outputs (kernel/winograd.h) through all three stages, so that V and M never
 * leave its cache:
 *
 *     V[tile][place][C]             transformed inputs of the block's tiles
 *     for each sliver of columns:
 *         M[place][tile][columns]   = for each of the (m+2)^2 places a product (T x C) * (C x columns)
 *         y                         = transformed M, bias, residual, activation
 *
 * U, the transformed filter, is packed like any filter with (m+2)^2 taps: [sliver][place][C][columns], read from front
 * to back once a block, the next place being asked for while the present one is used. Rows of V are a vector longer
 * than needed, so that they do not collide in the L1 cache.
 *
 * m = 4 multiplies 4 times less than a direct convolution but U is 4 times the filter; with m = 2 it is 2.25 and 1.78.
 * Which pays is a matter of timing. Below 16 channels on either side nothing does.
 */
#include "backend/cpu/cpu_conv.h"
#include "backend/cpu/cpu_gemm.h"
#include "backend/cpu/kernel/winograd.h"

#include <math.h>
#include <string.h>

#define PLACES_MOST (FL_WINOGRAD_MOST * FL_WINOGRAD_MOST)
#define LEAST       16 /* channels on either side */
#define SKEW        16 /* floats */

typedef struct variant {
    const fl_winograd_kernel *transform;
    const fl_gemm_kernel     *gemm;
} variant;

static int64_t places_of(const variant *v)
{
    return (v->transform->m + 2) * (v->transform->m + 2);
}

/* Of the transformed filter. */
static fl_gemm_shape shape_of(const variant *v, const fl_op_desc *d)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;

    return (fl_gemm_shape){v->gemm, 1, places_of(v), f[2], f[3], 0, f[2] * f[3], f[3], 1};
}

/* ---- scratch of a task: [zeros: C] [V] [M] */

static int64_t v_row(int64_t channels)
{
    return (channels + SKEW - 1) / SKEW * SKEW + SKEW;
}

static size_t scratch_floats(const variant *v, int64_t channels, int64_t tiles)
{
    const int64_t places = places_of(v);

    return (size_t)(v_row(channels) + tiles * places * v_row(channels) + places * (tiles * v->gemm->columns + SKEW));
}

/* ---- build time */

static bool winograd_supports(const variant *v, const fl_op_desc *d, const char **why_not)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;
    const fl_conv_params *p = &d->p.conv;

    if (!fl_conv_is_plain_f32(d, why_not))
        return false;
    if (f[0] != 3 || f[1] != 3)
        return fl_cpu_refuse(why_not, "the filter is not 3x3");
    if (p->stride[0] != 1 || p->stride[1] != 1 || p->dilation[0] != 1 || p->dilation[1] != 1)
        return fl_cpu_refuse(why_not, "stride or dilation");
    if (p->groups != 1)
        return fl_cpu_refuse(why_not, "groups");
    if (f[2] < LEAST || f[3] < LEAST)
        return fl_cpu_refuse(why_not, "less than 16 channels");
    if (!d->in[FL_SLOT_WEIGHTS]->constant)
        return fl_cpu_refuse(why_not, "the filter is not constant");
    if (f[2] > (int64_t)(FL_CPU_SCRATCH / sizeof(float)) ||
        scratch_floats(v, f[2], 1) * sizeof(float) > FL_CPU_SCRATCH)
        return fl_cpu_refuse(why_not, "too many channels for the scratch");
    return true;
}

/* The filter [9][C][K] to U [places][C][K]. */
static void transform_filter(const variant *v, const float *filter, int64_t pairs, float *u)
{
    double g[9], to[PLACES_MOST];

    for (int64_t i = 0; i < pairs; i++) {
        for (int t = 0; t < 9; t++)
            g[t] = (double)filter[t * pairs + i];
        fl_winograd_filter(v->transform->m, g, to);
        for (int64_t t = 0; t < places_of(v); t++)
            u[t * pairs + i] = (float)to[t];
    }
}

static floe_status winograd_pack(const variant *v, const fl_op_desc *d, const void *const *consts, fl_buf *out,
                                 floe_error *err)
{
    floe_status st = FLOE_OK;
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;
    const size_t bytes = (size_t)(places_of(v) * f[2] * f[3]) * sizeof(float);
    float *u = fl_alloc(out->env, bytes);

    FL_NEED(u, bytes, "a transformed filter", err);
    transform_filter(v, consts[FL_SLOT_WEIGHTS], f[2] * f[3], u);
    const void *const with_u[] = {NULL, u, consts[FL_SLOT_BIAS]};
    FL_TRY(fl_gemm_pack(shape_of(v, d), d, with_u, out, err));
done:
    fl_free(out->env, u);
    return st;
}

/* ---- run time */

typedef struct job {
    const variant *v;
    fl_conv        conv;
    fl_gemm_job    weights; /* b and bias */
    const float   *x, *residual;
    float         *y;
    fl_act_fn      act; /* behind the transform, or NULL */
    fl_clamp       clamp;
    int64_t        across, down, tiles; /* tiles of an image's row and column; in all */
    int64_t        block;               /* tiles a block */
    int64_t        slivers, part, parts;
    fl_stream     *stream;
} job;

typedef struct tile_at {
    int64_t image, row, column; /* of its first output */
} tile_at;

static tile_at find_tile(const job *j, int64_t tile)
{
    const int64_t m = j->v->transform->m;

    return (tile_at){tile / j->across / j->down, tile / j->across % j->down * m, tile % j->across * m};
}

static void transform_input(const job *j, int64_t tile, const float *zeros, float *v)
{
    const fl_conv *c = &j->conv;
    const tile_at at = find_tile(j, tile);
    const int64_t n = j->v->transform->m + 2, top = at.row - c->h.before, left = at.column - c->w.before;
    const float *image = j->x + at.image * c->h.in * c->w.in * c->cin;
    const float *x[PLACES_MOST];

    for (int64_t r = 0; r < n; r++) {
        for (int64_t s = 0; s < n; s++) {
            const int64_t row = top + r, column = left + s;
            const bool inside = row >= 0 && row < c->h.in && column >= 0 && column < c->w.in;
            x[r * n + s] = inside ? image + (row * c->w.in + column) * c->cin : zeros;
        }
    }
    j->v->transform->input(x, (size_t)c->cin, v, (size_t)v_row(c->cin));
}

/* All places of one sliver: M[place][tile][columns]. */
static void multiply(const job *j, int64_t tiles, int64_t sliver, const float *v, float *m, int64_t m_stride)
{
    const fl_gemm_kernel *k = j->v->gemm;
    const int64_t channels = j->conv.cin, row = v_row(channels), places = places_of(j->v);
    const int64_t cuts = (tiles + k->rows - 1) / k->rows, floats = channels * k->columns;
    const float *b = j->weights.b + sliver * places * floats;
    const float *rows[FL_GEMM_MAX_ROWS];
    const uint32_t tap = 0;
    static const float no_bias[64] __attribute__((aligned(FL_ALIGN)));
    fl_gemm_tile t = {.a = rows, .tap = &tap, .taps = 1, .depth = (size_t)channels, .bias = no_bias,
                      .stride = (size_t)k->columns, .columns = (size_t)k->columns, .low = -INFINITY, .high = INFINITY,
                      .ahead_step = (size_t)((k->columns + cuts - 1) / cuts)};

    for (int64_t place = 0; place < places; place++) {
        t.b = b + place * floats;
        for (int64_t cut = 0; cut < cuts; cut++) {
            const int64_t begin = tiles * cut / cuts, end = tiles * (cut + 1) / cuts;
            for (int64_t i = begin; i < end; i++)
                rows[i - begin] = v + (i * places + place) * row;
            t.c = m + place * m_stride + begin * k->columns;
            t.ahead = t.b + floats + cut * channels * (int64_t)t.ahead_step;
            k->by_rows[end - begin](&t);
        }
    }
}

static void transform_output(const job *j, int64_t tile, int64_t sliver, const float *m, int64_t m_stride)
{
    const fl_conv *c = &j->conv;
    const tile_at at = find_tile(j, tile);
    const int64_t side = j->v->transform->m, wide = j->v->gemm->columns, column = sliver * wide;
    const float *residual[PLACES_MOST];
    float *y[PLACES_MOST];
    fl_winograd_result r = {.m = m, .stride = (size_t)m_stride, .bias = j->weights.bias + column,
                            .residual = j->residual ? residual : NULL, .y = y,
                            .columns = (size_t)(c->cout - column < wide ? c->cout - column : wide),
                            .low = j->clamp.low, .high = j->clamp.high};

    for (int64_t i = 0; i < side * side; i++) {
        const int64_t h = at.row + i / side, w = at.column + i % side;
        const int64_t place = ((at.image * c->h.out + h) * c->w.out + w) * c->cout + column;
        const bool inside = h < c->h.out && w < c->w.out;
        y[i] = inside ? j->y + place : NULL;
        residual[i] = inside && j->residual ? j->residual + place : NULL;
    }
    j->v->transform->output(&r);
    for (int64_t i = 0; j->act && i < side * side; i++)
        if (y[i])
            j->act(c->act, c->alpha, r.columns, y[i], y[i]);
}

/* Parts of a block are neighbours: they share the input. */
static void run_task(void *arg, size_t task, size_t worker)
{
    const job *j = arg;
    const int64_t first = (int64_t)task / j->parts * j->block, part = (int64_t)task % j->parts * j->part;
    const int64_t tiles = j->tiles - first < j->block ? j->tiles - first : j->block;
    const int64_t end = part + j->part < j->slivers ? part + j->part : j->slivers;
    const int64_t row = v_row(j->conv.cin), places = places_of(j->v);
    const int64_t m_stride = tiles * j->v->gemm->columns + SKEW;
    float *zeros = fl_cpu_scratch(j->stream, worker), *v = zeros + row, *m = v + tiles * places * row;

    memset(zeros, 0, (size_t)row * sizeof *zeros);
    for (int64_t i = 0; i < tiles; i++)
        transform_input(j, first + i, zeros, v + i * places * row);
    for (int64_t sliver = part; sliver < end; sliver++) {
        multiply(j, tiles, sliver, v, m, m_stride);
        for (int64_t i = 0; i < tiles; i++)
            transform_output(j, first + i, sliver, m + i * j->v->gemm->columns, m_stride);
    }
}

/* Blocks as large as half the L2 cache allows; for several threads smaller ones down to two tiles of the product, and
 * then parts of the columns, for which the input is transformed again. */
static void cut(job *j, size_t threads, size_t cache)
{
    const int64_t rows = j->v->gemm->rows, channels = j->conv.cin;
    const size_t room = cache / 2 > FL_CPU_SCRATCH ? FL_CPU_SCRATCH : cache / 2;
    const size_t each = (scratch_floats(j->v, channels, 2) - scratch_floats(j->v, channels, 1)) * sizeof(float);
    const size_t fixed = scratch_floats(j->v, channels, 0) * sizeof(float);
    int64_t most = room > fixed ? (int64_t)((room - fixed) / each) : 1;

    most = most < rows ? rows : most;
    while (most > 1 && fixed + (size_t)most * each > FL_CPU_SCRATCH)
        most--;
    if (threads > 1) {
        const int64_t fair = (j->tiles + 2 * (int64_t)threads - 1) / (2 * (int64_t)threads);
        const int64_t least = 2 * rows < most ? 2 * rows : most;
        most = fair < least ? least : fair < most ? fair : most;
    }
    const int64_t blocks = (j->tiles + most - 1) / most;
    j->block = (j->tiles + blocks - 1) / blocks;
    j->parts = ((int64_t)threads + blocks - 1) / blocks;
    j->parts = j->parts > j->slivers ? j->slivers : j->parts;
    j->part = (j->slivers + j->parts - 1) / j->parts;
    j->parts = (j->slivers + j->part - 1) / j->part;
}

static void winograd_run(const variant *v, const fl_step *step, fl_stream *stream)
{
    job j = {.v = v, .conv = fl_conv_of(step->desc), .x = step->in[FL_SLOT_X], .stream = stream,
             .residual = fl_cpu_data(step, FL_SLOT_RESIDUAL), .y = step->out[0]};
    const fl_conv *c = &j.conv;
    const int64_t m = v->transform->m;

    if (c->images < 1 || c->h.out < 1 || c->w.out < 1)
        return;
    j.weights.shape = shape_of(v, step->desc);
    fl_gemm_weights(&j.weights, step, stream);
    if (!fl_act_clamp(c->act, &j.clamp))
        j.act = fl_act_kernel(v->gemm->isa);
    j.down = (c->h.out + m - 1) / m;
    j.across = (c->w.out + m - 1) / m;
    j.tiles = c->images * j.down * j.across;
    j.slivers = fl_gemm_slivers(&j.weights.shape);
    cut(&j, stream->threads, stream->device->info.l2_bytes);
    fl_pool_run(stream->pool, run_task, &j, (size_t)((j.tiles + j.block - 1) / j.block * j.parts));
}

/* ---- tactics */

#define FL_WINOGRAD(dtype, m, mr, nr, ISA, isa_)                                                                      \
    static const variant variant##m##_##mr##x##nr##_##isa_ = {&fl_##dtype##_winograd##m##__##isa_,                    \
                                                              &fl_##dtype##_gemm_##mr##x##nr##__##isa_};              \
    static bool supports##m##_##mr##x##nr##_##isa_(const fl_op_desc *d, const fl_device_info *device,                 \
                                                   const char **why_not)                                              \
    {                                                                                                                 \
        if (device->isa < FL_CPU_##ISA)                                                                               \
            return fl_cpu_refuse(why_not, "needs instruction set " #isa_);                                            \
        return winograd_supports(&variant##m##_##mr##x##nr##_##isa_, d, why_not);                                     \
    }                                                                                                                 \
    static size_t workspace##m##_##mr##x##nr##_##isa_(const fl_op_desc *d, const fl_device_info *device,              \
                                                      int64_t batch)                                                  \
    {                                                                                                                 \
        (void)device;                                                                                                 \
        (void)batch;                                                                                                  \
        return fl_gemm_workspace_bytes(shape_of(&variant##m##_##mr##x##nr##_##isa_, d), d);                           \
    }                                                                                                                 \
    static size_t packed##m##_##mr##x##nr##_##isa_(const fl_op_desc *d)                                               \
    {                                                                                                                 \
        return fl_gemm_packed_bytes(shape_of(&variant##m##_##mr##x##nr##_##isa_, d), d);                              \
    }                                                                                                                 \
    static floe_status pack##m##_##mr##x##nr##_##isa_(const fl_op_desc *d, const void *const *consts, fl_buf *out,    \
                                                      floe_error *err)                                                \
    {                                                                                                                 \
        return winograd_pack(&variant##m##_##mr##x##nr##_##isa_, d, consts, out, err);                                \
    }                                                                                                                 \
    static floe_status run##m##_##mr##x##nr##_##isa_(const fl_step *step, fl_stream *stream, floe_error *err)         \
    {                                                                                                                 \
        (void)err;                                                                                                    \
        winograd_run(&variant##m##_##mr##x##nr##_##isa_, step, stream);                                               \
        return FLOE_OK;                                                                                               \
    }                                                                                                                 \
    const fl_tactic fl_cpu_conv2d_winograd##m##_##mr##x##nr##_##isa_ = {                                              \
        .name = "cpu.conv2d." #dtype ".winograd" #m "_" #mr "x" #nr "." #isa_,                                        \
        .op = FL_OP_CONV2D,                                                                                           \
        .level = FL_CPU_##ISA,                                                                                        \
        .supports = supports##m##_##mr##x##nr##_##isa_,                                                               \
        .workspace_bytes = workspace##m##_##mr##x##nr##_##isa_,                                                       \
        .packs = FL_GEMM_TAKEN,                                                                                       \
        .in_place = 1u << FL_SLOT_RESIDUAL,                                                                           \
        .pack = pack##m##_##mr##x##nr##_##isa_,                                                                       \
        .packed_bytes = packed##m##_##mr##x##nr##_##isa_,                                                             \
        .run = run##m##_##mr##x##nr##_##isa_};
#include "backend/cpu/kernel/winograd.def"
#undef FL_WINOGRAD
