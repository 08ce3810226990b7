/* cpu_depthwise.c - depthwise_conv2d: cpu.depthwise_conv2d.f32.patch_<k>x<k>s<stride>.<isa>, ...any.<isa>
 *
 * Channels are innermost in memory and in the kernels: a vector of channels does not care where the pixel lies, so
 * borders, strides and dilation are a matter of pointers (a pixel outside is a pointer to zeros, or a tap less).
 *
 * A task is a stripe of output rows times a range of channels. The range is short enough for its weights to stay in the
 * L1 cache while the stripe is walked, and long enough for the memory system to see streams. Tiles of the patch kernels
 * (2 x 4 pixels) are cut from the top left, as even as can be; the channels beyond the last full vector go through the
 * ANY kernel pixel by pixel.
 *
 * Packed: [channels / lanes][taps][lanes] weights, [channels] bias, both padded with zeros to full vectors.
 */
#include "backend/cpu/cpu_conv.h"
#include "backend/cpu/kernel/act.h"
#include "backend/cpu/kernel/depthwise.h"

#include <math.h>
#include <string.h>

#define RANGE         256 /* channels of a task; a multiple of all lanes */
#define MOST_TAPS     4096
#define MOST_PATCH    (7 * 11) /* 5x5s2: 2 rows and 4 columns */
#define ZEROS         (RANGE * sizeof(float))

/* ---- weights, constant or not; see cpu_gemm.h for the rule */

typedef struct parts {
    size_t w, bias; /* bytes */
    bool   w_known, bias_known;
} parts;

static parts parts_of(const fl_depthwise_any *k, const fl_op_desc *d)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;
    const size_t channels = fl_round_up((size_t)(f[2] * f[3]), (size_t)k->lanes);

    return (parts){fl_round_up(channels * (size_t)(f[0] * f[1]) * sizeof(float), FL_ALIGN),
                   fl_round_up(channels * sizeof(float), FL_ALIGN), fl_cpu_is_known(d, FL_SLOT_WEIGHTS),
                   fl_cpu_is_known(d, FL_SLOT_BIAS)};
}

static size_t packed(const fl_depthwise_any *k, const fl_op_desc *d)
{
    const parts p = parts_of(k, d);

    return (p.w_known ? p.w : 0) + (p.bias_known ? p.bias : 0);
}

static size_t workspace(const fl_depthwise_any *k, const fl_op_desc *d)
{
    const parts p = parts_of(k, d);

    return (p.w_known ? 0 : p.w) + (p.bias_known ? 0 : p.bias);
}

static void pack_filter(const fl_depthwise_any *k, const fl_op_desc *d, const float *filter, float *to, size_t bytes)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;
    const int64_t channels = f[2] * f[3], taps = f[0] * f[1], lanes = k->lanes;

    memset(to, 0, bytes);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t t = 0; t < taps; t++)
            to[(c / lanes * taps + t) * lanes + c % lanes] = filter[t * channels + c];
}

static void pack_bias(const fl_op_desc *d, const float *bias, float *to, size_t bytes)
{
    memset(to, 0, bytes);
    if (bias)
        memcpy(to, bias, (size_t)d->in[FL_SLOT_BIAS]->dim[0] * sizeof *to);
}

static floe_status pack(const fl_depthwise_any *k, const fl_op_desc *d, const void *const *consts, fl_buf *out,
                        floe_error *err)
{
    const parts p = parts_of(k, d);
    const size_t bytes = packed(k, d);
    uint8_t *to = fl_buf_extend(out, bytes);

    if (!to)
        return fl_fail_memory(err, bytes, "packed weights");
    if (p.w_known)
        pack_filter(k, d, consts[FL_SLOT_WEIGHTS], (float *)(void *)to, p.w);
    if (p.bias_known)
        pack_bias(d, fl_cpu_in(d, FL_SLOT_BIAS) ? consts[FL_SLOT_BIAS] : NULL,
                  (float *)(void *)(to + (p.w_known ? p.w : 0)), p.bias);
    return FLOE_OK;
}

/* ---- a job */

typedef struct job {
    fl_conv                   conv;
    const fl_depthwise_any   *any;
    const fl_depthwise_patch *patch; /* or NULL */
    fl_act_fn                 act;   /* behind the kernel, or NULL */
    fl_clamp                  clamp;
    const float              *x, *w, *bias, *residual;
    float                    *y;
    int64_t                   multiplier, places;
    int64_t                   rows, stripes; /* output rows of a stripe; stripes of an image */
    int64_t                   ranges;
    fl_stream                *stream;
} job;

static void find_weights(job *j, const fl_step *step)
{
    const fl_op_desc *d = step->desc;
    const parts p = parts_of(j->any, d);
    const uint8_t *known = step->packed;
    uint8_t *made = step->workspace;

    j->w = (const float *)(const void *)known;
    j->bias = (const float *)(const void *)(known + (p.w_known ? p.w : 0));
    if (!p.w_known) {
        pack_filter(j->any, d, step->in[FL_SLOT_WEIGHTS], (float *)(void *)made, p.w);
        j->w = (const float *)(const void *)made;
    }
    if (!p.bias_known) {
        float *to = (float *)(void *)(made + (p.w_known ? 0 : p.w));
        pack_bias(d, step->in[FL_SLOT_BIAS], to, p.bias);
        j->bias = to;
    }
}

/* One task's share. */
typedef struct range {
    const job *job;
    int64_t    image, channel, channels; /* of y; channel is a multiple of RANGE */
    const float *zeros;
    const float **pointers; /* room for MOST_TAPS and MOST_PATCH */
    uint32_t  *taps;
} range;

static float *y_at(const range *r, int64_t i, int64_t j)
{
    const fl_conv *c = &r->job->conv;

    return r->job->y + ((r->image * c->h.out + i) * c->w.out + j) * c->cout + r->channel;
}

static fl_depthwise_tile tile_at(const range *r, int64_t i, int64_t j, int64_t skip, int64_t channels)
{
    const job *q = r->job;
    const int64_t first = r->channel + skip;
    float *y = y_at(r, i, j) + skip;

    return (fl_depthwise_tile){
        .x = r->pointers,
        .tap = r->taps,
        .places = (size_t)q->places,
        .w = q->w + first * q->places,
        .bias = q->bias + first,
        .residual = q->residual ? q->residual + (y - q->y) : NULL,
        .y = y,
        .y_row = (size_t)(q->conv.w.out * q->conv.cout),
        .y_pixel = (size_t)q->conv.cout,
        .channels = (size_t)channels,
        .multiplier = (size_t)q->multiplier,
        .low = q->clamp.low,
        .high = q->clamp.high,
    };
}

static const float *x_at(const range *r, int64_t row, int64_t column)
{
    const fl_conv *c = &r->job->conv;

    if (row < 0 || row >= c->h.in || column < 0 || column >= c->w.in)
        return NULL;
    return r->job->x + ((r->image * c->h.in + row) * c->w.in + column) * c->cin + r->channel / r->job->multiplier;
}

/* One pixel, channels [skip, skip + channels) of the range; skip is a multiple of lanes and 0 with a multiplier. */
static void run_pixel(const range *r, int64_t i, int64_t j, int64_t skip, int64_t channels)
{
    const fl_conv *c = &r->job->conv;
    fl_depthwise_tile t = tile_at(r, i, j, skip, channels);

    for (int64_t u = 0; u < c->h.kernel; u++) {
        for (int64_t v = 0; v < c->w.kernel; v++) {
            const float *x = x_at(r, i * c->h.stride - c->h.before + u * c->h.dilation,
                                  j * c->w.stride - c->w.before + v * c->w.dilation);
            if (!x)
                continue;
            r->pointers[t.taps] = x + skip;
            r->taps[t.taps++] = (uint32_t)(u * c->w.kernel + v);
        }
    }
    r->job->any->fn(&t);
}

static void run_patch(const range *r, int64_t i, int64_t j, int64_t rows, int64_t columns, int64_t channels)
{
    const fl_conv *c = &r->job->conv;
    const fl_depthwise_patch *k = r->job->patch;
    const fl_depthwise_tile t = tile_at(r, i, j, 0, channels);
    const int64_t top = i * c->h.stride - c->h.before, left = j * c->w.stride - c->w.before;
    const int64_t height = (rows - 1) * k->stride + k->size, width = (columns - 1) * k->stride + k->size;

    for (int64_t u = 0; u < height; u++) {
        for (int64_t v = 0; v < width; v++) {
            const float *x = x_at(r, top + u, left + v);
            r->pointers[u * width + v] = x ? x : r->zeros;
        }
    }
    k->fn[rows][columns](&t);
}

/* Rows [i, i + rows) of y, at most as many as a patch has. */
static void run_band(const range *r, int64_t i, int64_t rows)
{
    const job *q = r->job;
    const int64_t width = q->conv.w.out, lanes = q->any->lanes;
    const int64_t full = q->patch ? r->channels / lanes * lanes : 0;
    const int64_t tiles = (width + FL_DEPTHWISE_COLUMNS - 1) / FL_DEPTHWISE_COLUMNS;

    for (int64_t t = 0; full && t < tiles; t++) {
        const int64_t begin = width * t / tiles, end = width * (t + 1) / tiles;
        run_patch(r, i, begin, rows, end - begin, full);
    }
    for (int64_t row = i; row < i + rows; row++) {
        for (int64_t j = 0; j < width; j++) {
            if (full < r->channels)
                run_pixel(r, row, j, full, r->channels - full);
            if (q->act)
                q->act(q->conv.act, q->conv.alpha, (size_t)r->channels, y_at(r, row, j), y_at(r, row, j));
        }
    }
}

/* Ranges vary fastest: neighbours in memory. */
static void run_task(void *arg, size_t task, size_t worker)
{
    const job *j = arg;
    const fl_conv *c = &j->conv;
    const int64_t number = (int64_t)task, band = j->patch ? FL_DEPTHWISE_ROWS : 1;
    const int64_t stripe = number / j->ranges % j->stripes;
    uint8_t *scratch = fl_cpu_scratch(j->stream, worker);
    range r = {
        .job = j,
        .image = number / j->ranges / j->stripes,
        .channel = number % j->ranges * RANGE * j->multiplier,
        .zeros = (const float *)(const void *)scratch,
        .pointers = (const float **)(void *)(scratch + ZEROS),
        .taps = (uint32_t *)(void *)(scratch + ZEROS + (MOST_TAPS + MOST_PATCH) * sizeof(float *)),
    };

    memset(scratch, 0, ZEROS);
    r.channels = c->cout - r.channel < RANGE * j->multiplier ? c->cout - r.channel : RANGE * j->multiplier;
    const int64_t first = stripe * j->rows, last = first + j->rows < c->h.out ? first + j->rows : c->h.out;
    for (int64_t i = first; i < last; i += band)
        run_band(&r, i, last - i < band ? last - i : band);
}

/* Stripes of an even count of rows, so that patches are cut alike whatever the count of threads. */
static void cut_stripes(job *j)
{
    const fl_conv *c = &j->conv;
    const int64_t input = c->images * c->h.in * c->w.in * c->cin, threads = (int64_t)j->stream->threads;
    const int64_t tasks = threads == 1 || input < 16384 ? 1 : 4 * threads;

    j->ranges = (c->cin + RANGE - 1) / RANGE;
    const int64_t wanted = (tasks + j->ranges * c->images - 1) / (j->ranges * c->images);
    j->rows = (c->h.out + wanted - 1) / wanted;
    j->rows += j->rows % 2;
    j->stripes = (c->h.out + j->rows - 1) / j->rows;
}

static void run(const fl_depthwise_any *any, const fl_depthwise_patch *patch, const fl_step *step, fl_stream *stream)
{
    const int64_t *f = step->desc->in[FL_SLOT_WEIGHTS]->dim;
    job j = {
        .conv = fl_conv_of(step->desc),
        .any = any,
        .patch = patch,
        .x = step->in[FL_SLOT_X],
        .residual = fl_cpu_data(step, FL_SLOT_RESIDUAL),
        .y = step->out[0],
        .multiplier = f[3],
        .places = f[0] * f[1],
        .stream = stream,
    };
    const fl_conv *c = &j.conv;

    if (c->images < 1 || c->h.out < 1 || c->w.out < 1)
        return;
    find_weights(&j, step);
    if (!fl_act_clamp(c->act, &j.clamp))
        j.act = fl_act_kernel(any->isa);
    cut_stripes(&j);
    fl_pool_run(stream->pool, run_task, &j, (size_t)(c->images * j.stripes * j.ranges));
}

/* ---- tactics */

static bool any_supports(const fl_depthwise_any *k, const fl_op_desc *d, const fl_device_info *device,
                         const char **why_not)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;

    if (device->isa < (int)k->isa)
        return fl_cpu_refuse(why_not, "needs a higher instruction set");
    if (!fl_conv_is_plain_f32(d, why_not))
        return false;
    if (f[0] > MOST_TAPS || f[1] > MOST_TAPS || f[0] * f[1] > MOST_TAPS)
        return fl_cpu_refuse(why_not, "more than 4096 taps");
    return true;
}

static bool patch_supports(const fl_depthwise_patch *k, const fl_op_desc *d, const fl_device_info *device,
                           const char **why_not)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;
    const fl_conv_params *p = &d->p.conv;

    if (!any_supports(k->any, d, device, why_not))
        return false;
    if (f[0] != k->size || f[1] != k->size || p->stride[0] != k->stride || p->stride[1] != k->stride)
        return fl_cpu_refuse(why_not, "another filter size or stride");
    if (p->dilation[0] != 1 || p->dilation[1] != 1)
        return fl_cpu_refuse(why_not, "dilation");
    if (f[3] != 1)
        return fl_cpu_refuse(why_not, "a multiplier");
    return true;
}

/* What the two families have in common: everything but the kernel and supports(). */
#define TACTIC(id, text, ISA, supports_expression, any, patch)                                                        \
    static bool supports_##id(const fl_op_desc *d, const fl_device_info *device, const char **why_not)                \
    {                                                                                                                 \
        return supports_expression;                                                                                   \
    }                                                                                                                 \
    static size_t workspace_##id(const fl_op_desc *d, const fl_device_info *device, int64_t batch)                    \
    {                                                                                                                 \
        (void)device;                                                                                                 \
        (void)batch;                                                                                                  \
        return workspace(any, d);                                                                                     \
    }                                                                                                                 \
    static size_t packed_##id(const fl_op_desc *d)                                                                    \
    {                                                                                                                 \
        return packed(any, d);                                                                                        \
    }                                                                                                                 \
    static floe_status pack_##id(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err)        \
    {                                                                                                                 \
        return pack(any, d, consts, out, err);                                                                        \
    }                                                                                                                 \
    static floe_status run_##id(const fl_step *step, fl_stream *stream, floe_error *err)                              \
    {                                                                                                                 \
        (void)err;                                                                                                    \
        run(any, patch, step, stream);                                                                                \
        return FLOE_OK;                                                                                               \
    }                                                                                                                 \
    const fl_tactic fl_cpu_depthwise_##id = {                                                                         \
        .name = "cpu.depthwise_conv2d." text,                                                                         \
        .op = FL_OP_DEPTHWISE_CONV2D,                                                                                 \
        .level = FL_CPU_##ISA,                                                                                        \
        .supports = supports_##id,                                                                                    \
        .workspace_bytes = workspace_##id,                                                                            \
        .packs = 1u << FL_SLOT_WEIGHTS | 1u << FL_SLOT_BIAS,                                                          \
        .in_place = 1u << FL_SLOT_RESIDUAL,                                                                           \
        .pack = pack_##id,                                                                                            \
        .packed_bytes = packed_##id,                                                                                  \
        .run = run_##id};

#define FL_DEPTHWISE_PATCH(dtype, size, stride, ISA, isa)                                                             \
    TACTIC(patch_##size##s##stride##_##isa, #dtype ".patch_" #size "x" #size "s" #stride "." #isa, ISA,               \
           patch_supports(&fl_##dtype##_depthwise_##size##x##size##s##stride##__##isa, d, device, why_not),           \
           &fl_##dtype##_depthwise__##isa, &fl_##dtype##_depthwise_##size##x##size##s##stride##__##isa)
#define FL_DEPTHWISE_ANY(dtype, ISA, isa)                                                                             \
    TACTIC(any_##isa, #dtype ".any." #isa, ISA, any_supports(&fl_##dtype##_depthwise__##isa, d, device, why_not),     \
           &fl_##dtype##_depthwise__##isa, NULL)
#include "backend/cpu/kernel/depthwise.def"
#undef FL_DEPTHWISE_PATCH
#undef FL_DEPTHWISE_ANY
