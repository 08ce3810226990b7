/* cpu_batch_norm.c - tactics of batch_norm at inference: y = act((x - mean) * s + offset), s = scale / sqrt(variance + e).
 *
 * s is made in double and packed with its neighbours when all four vectors are constants, else made in the workspace
 * in each run. x - mean is kept as it is, though x * s + (offset - mean * s) would save an operation: with a large mean
 * and a small variance that form loses digits, and there is time for it while memory is waited for.
 *
 *     packed, workspace:   s[C] offset[C] mean[C] variance[C]
 *
 * x is [outer, C, inner]. With the channels last (inner = 1) a row is all channels; few channels are repeated in scratch
 * until a row is long enough to be worth a kernel call. Otherwise a row is the inner part of one channel.
 */
#include "backend/cpu/cpu_vector.h"
#include "backend/cpu/kernel/elementwise.h"

#include <math.h>
#include <string.h>

enum { SCALE = 1, OFFSET = 2, MEAN = 3, VARIANCE = 4, VECTORS = 4 };
#define VECTOR_SLOTS (1u << SCALE | 1u << OFFSET | 1u << MEAN | 1u << VARIANCE)

typedef struct job {
    fl_normalize_fn  fn;
    fl_unary_fn      act; /* NULL: none, or part of the clamp */
    const fl_clamp  *clamp;
    float            alpha;
    const float     *x, *s, *offset, *mean;
    float           *y;
    int64_t          channels, inner;
    const fl_stream *stream;
} job;

static int64_t channels_of(const fl_op_desc *d) { return d->in[0]->dim[d->p.batch_norm.axis]; }

/* All four vectors constant: 1, none: 0, some: -1. */
static int constants(const fl_op_desc *d)
{
    int count = 0;

    for (int slot = SCALE; slot <= VARIANCE; slot++)
        count += fl_cpu_in(d, slot) && d->in[slot]->constant;
    return count == VECTORS ? 1 : count == 0 ? 0 : -1;
}

static bool supports(const fl_op_desc *desc, const char **why_not)
{
    if (desc->p.batch_norm.training)
        return fl_cpu_refuse(why_not, "training");
    if (!fl_cpu_all_plain(desc))
        return fl_cpu_refuse(why_not, "blocked layouts");
    if (constants(desc) < 0)
        return fl_cpu_refuse(why_not, "some of scale, offset, mean and variance are constants and some are not");
    return true;
}

static size_t vectors_bytes(const fl_op_desc *desc)
{
    return VECTORS * sizeof(float) * (size_t)channels_of(desc);
}

static size_t packed_bytes(const fl_op_desc *desc)
{
    return constants(desc) == 1 ? vectors_bytes(desc) : 0;
}

static size_t workspace_bytes(const fl_op_desc *desc, const fl_device_info *device, int64_t batch)
{
    (void)device;
    (void)batch;
    return constants(desc) == 1 ? 0 : vectors_bytes(desc);
}

static void prepare(const fl_op_desc *d, const void *const *in, float *to)
{
    const int64_t n = channels_of(d);
    const float *scale = in[SCALE], *variance = in[VARIANCE];

    for (int64_t c = 0; c < n; c++)
        to[c] = (float)((double)scale[c] / sqrt((double)variance[c] + (double)d->p.batch_norm.epsilon));
    for (int slot = OFFSET; slot <= VARIANCE && n > 0; slot++)
        memcpy(to + (slot - 1) * n, in[slot], (size_t)n * sizeof(float));
}

static floe_status pack(const fl_op_desc *desc, const void *const *consts, fl_buf *out, floe_error *err)
{
    const size_t bytes = packed_bytes(desc);

    if (bytes == 0)
        return FLOE_OK;
    float *to = fl_buf_extend(out, bytes);
    if (!to)
        return fl_fail_memory(err, bytes, "a packed batch norm");
    prepare(desc, consts, to);
    return FLOE_OK;
}

/* ---- run */

static void normalize(const job *j, const float *mean, const float *s, const float *offset, size_t step, int64_t at,
                      int64_t n)
{
    if (!j->act) {
        j->fn(j->x + at, mean, s, offset, step, j->y + at, (size_t)n, j->clamp);
        return;
    }
    for (int64_t done = 0; done < n; done += FL_CPU_CHUNK) {
        const size_t count = (size_t)(n - done < FL_CPU_CHUNK ? n - done : FL_CPU_CHUNK);
        const int64_t skip = step ? done : 0;
        j->fn(j->x + at + done, mean + skip, s + skip, offset + skip, step, j->y + at + done, count, j->clamp);
        j->act(j->y + at + done, j->y + at + done, count, j->alpha);
    }
}

/* Rows of one channel; begin and end are elements. */
static void channels_inside(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;

    (void)worker;
    for (int64_t at = begin, n; at < end; at += n) {
        const int64_t c = at / j->inner % j->channels, left = j->inner - at % j->inner;
        n = end - at < left ? end - at : left;
        normalize(j, j->mean + c, j->s + c, j->offset + c, 0, at, n);
    }
}

/* Rows of all channels; begin and end are rows. */
static void channels_last(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;
    const int64_t c = j->channels;
    const float *mean = j->mean, *s = j->s, *offset = j->offset;
    int64_t most = 1; /* rows a call */

    if (c < FL_CPU_SHORT_ROW) {
        float *room = fl_cpu_scratch(j->stream, worker);
        most = FL_CPU_GATHERED / c;
        for (int64_t r = 0; r < most; r++)
            for (int64_t i = 0; i < c; i++) {
                room[r * c + i] = mean[i];
                room[FL_CPU_GATHERED + r * c + i] = s[i];
                room[2 * FL_CPU_GATHERED + r * c + i] = offset[i];
            }
        mean = room;
        s = room + FL_CPU_GATHERED;
        offset = room + 2 * FL_CPU_GATHERED;
    }
    for (int64_t r = begin; r < end; r += most)
        normalize(j, mean, s, offset, 1, r * c, (end - r < most ? end - r : most) * c);
}

/* Outputs 1 and 2: the statistics as they came; NaN where x has no elements. */
static void copy_statistics(const fl_step *step, const float *vectors, bool empty)
{
    const int64_t n = channels_of(step->desc);

    for (int i = 1; i <= 2; i++) {
        float *to = step->desc->n_out > i ? step->out[i] : NULL;
        for (int64_t c = 0; to && c < n; c++)
            to[c] = empty ? NAN : vectors[(i + 1) * n + c];
    }
}

static floe_status run(const fl_elementwise *kernels, const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_batch_norm_params *p = &d->p.batch_norm;
    fl_clamp clamp;
    const bool clamps = fl_act_clamp(p->act, &clamp);
    const int64_t n = channels_of(d), elements = fl_tensor_elements_at(d->in[0], 1);
    const float *vectors = step->packed;

    (void)err;
    if (!vectors && n > 0) {
        prepare(d, step->in, step->workspace);
        vectors = step->workspace;
    }
    copy_statistics(step, vectors, elements == 0);
    if (elements == 0)
        return FLOE_OK;
    job j = {.fn = kernels->normalize, .clamp = clamps && p->act ? &clamp : NULL, .alpha = p->alpha, .x = step->in[0],
             .s = vectors, .offset = vectors + n, .mean = vectors + 2 * n, .y = step->out[0], .channels = n,
             .inner = 1, .stream = stream};
    j.act = clamps ? NULL : kernels->unary[p->act];
    for (int i = p->axis + 1; i < d->in[0]->rank; i++)
        j.inner *= d->in[0]->dim[i];
    if (j.inner == 1)
        fl_cpu_for(stream, elements / n, 1, (fl_cpu_grain(4) + n - 1) / n, channels_last, &j);
    else
        fl_cpu_for(stream, elements, 16, fl_cpu_grain(4), channels_inside, &j);
    return FLOE_OK;
}

#define FL_SIMD(ISA, isa)                                                                                             \
    FL_CPU_SIMD_TACTIC(BATCH_NORM, batch_norm, "cpu.batch_norm.f32.vector", ISA, isa, supports, run,                  \
                       fl_f32_elementwise, .workspace_bytes = workspace_bytes, .packs = VECTOR_SLOTS, .in_place = 1,  \
                       .pack = pack, .packed_bytes = packed_bytes)
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
