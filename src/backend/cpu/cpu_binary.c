/* cpu_binary.c - tactics of binary over f32: any ranks, any broadcast, fused activation.
 *
 * y is walked in memory order. a and b become views of it, with neighbouring axes joined, so that what is left are rows
 * along which each side either advances or stands still:
 *
 *     same shape            one row                        a and b advance
 *     a scalar              one row                        b stands still
 *     NHWC with [C]         N*H*W rows of C                both advance, b starts again every row
 *     NCHW with [C,1,1]     N*C rows of H*W                b stands still, another value every row
 *
 * A row is one call of a kernel, which rows of a few elements (3 channels) do not pay for. There a chunk of many rows is
 * taken at once and a side that is not simply contiguous is first laid out in scratch: a repeated vector once for
 * all chunks, anything else for each. Then one call does the chunk.
 *
 * Activations but relu and relu6, which are clamps within the kernel, are a second sweep over the chunk in the cache.
 */
#include "backend/cpu/cpu_vector.h"
#include "backend/cpu/kernel/elementwise.h"

#include <math.h>
#include <string.h>

typedef struct job {
    fl_view          v; /* operands: a, b; y is dense */
    const float     *side[2];
    void            *y;
    const fl_stream *stream;
    fl_binary_fn     fn;      /* NULL: a comparison */
    fl_compare_fn    compare;
    fl_unary_fn      act;     /* NULL: none, or part of the clamp */
    float            alpha;
    const fl_clamp  *clamp;
} job;

/* ---- the problem as a view */

/* A blocked image as [N][C/b][H][W][b]. */
static void init_view(fl_view *v, const fl_tensor_desc *y)
{
    const int64_t b = fl_cpu_block(y);

    if (b == 1) {
        fl_view_init(v, y->rank, y->dim);
        return;
    }
    const int64_t dim[5] = {y->dim[0], (y->dim[3] + b - 1) / b, y->dim[1], y->dim[2], b};
    fl_view_init(v, 5, dim);
}

static void add_operand(fl_view *v, const fl_tensor_desc *t, const fl_tensor_desc *y)
{
    const int64_t b = fl_cpu_block(y);

    if (b == 1) {
        fl_view_broadcast(v, t);
    } else if (t->layout != FL_LAYOUT_PLAIN) {
        int64_t stride[5];
        fl_dense_strides(5, v->dim, stride);
        fl_view_operand(v, stride);
    } else { /* one value, or one a channel */
        const bool one = fl_tensor_elements_at(t, 1) == 1;
        const int64_t stride[5] = {0, one ? 0 : b, 0, 0, one ? 0 : 1};
        fl_view_operand(v, stride);
    }
}

/* ---- a run of elements of y whose sides advance by a step each */

static void run_piece(const job *j, const float *a, int64_t a_step, const float *b, int64_t b_step, int64_t at, int64_t n)
{
    if (!j->fn) {
        j->compare(a, (size_t)a_step, b, (size_t)b_step, (uint8_t *)j->y + at, (size_t)n);
        return;
    }
    float *y = (float *)j->y + at;
    if (!j->act) {
        j->fn(a, (size_t)a_step, b, (size_t)b_step, y, (size_t)n, j->clamp);
        return;
    }
    for (int64_t done = 0; done < n; done += FL_CPU_CHUNK) {
        const size_t count = (size_t)(n - done < FL_CPU_CHUNK ? n - done : FL_CPU_CHUNK);
        j->fn(a + done * a_step, (size_t)a_step, b + done * b_step, (size_t)b_step, y + done, count, j->clamp);
        j->act(y + done, y + done, count, j->alpha);
    }
}

/* ---- long rows: elements [begin, end) of y, which may begin and end within rows */

static void long_rows(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;
    const fl_view *v = &j->v;
    const int64_t row = fl_view_row(v), a_step = fl_view_step(v, 0), b_step = fl_view_step(v, 1);
    fl_place place;

    (void)worker;
    fl_view_seek(v, begin / row, &place);
    for (int64_t at = begin, skip = begin % row; at < end; fl_view_next(v, &place), skip = 0) {
        const int64_t n = end - at < row - skip ? end - at : row - skip;
        run_piece(j, j->side[0] + place.at[0] + skip * a_step, a_step, j->side[1] + place.at[1] + skip * b_step, b_step,
                  at, n);
        at += n;
    }
}

/* ---- short rows: rows [begin, end), many at a time */

/* How a side is had for a chunk. */
typedef enum side_kind {
    DENSE,   /* lies in memory as y does */
    STILL,   /* one value for all of y */
    PATTERN, /* every row the same: laid out once */
    LOOSE    /* anything else: laid out for each chunk */
} side_kind;

static side_kind kind_of(const fl_view *v, int k)
{
    int64_t dense[FL_MAX_RANK];
    bool is_dense = true, rows_alike = true;

    fl_dense_strides(v->rank, v->dim, dense);
    for (int i = 0; i < v->rank; i++) {
        is_dense = is_dense && v->stride[k][i] == dense[i];
        rows_alike = rows_alike && (i + 1 == v->rank || v->stride[k][i] == 0);
    }
    if (is_dense)
        return DENSE;
    return !rows_alike ? LOOSE : fl_view_step(v, k) == 0 ? STILL : PATTERN;
}

/* Rows `from` and following of side k, `rows` of them, one after the other; by runs along the axis before the last. */
static void lay_out(const job *j, int k, const fl_place *from, int64_t rows, float *to)
{
    const fl_view *v = &j->v;
    const int axis = v->rank - 2;
    const int64_t row = fl_view_row(v), stride = v->stride[k][axis];
    const bool still = fl_view_step(v, k) == 0;
    fl_place place = *from;

    while (rows > 0) {
        const int64_t left = v->dim[axis] - place.index[axis], run = left < rows ? left : rows;
        const float *x = j->side[k] + place.at[k];
        for (int64_t r = 0; r < run; r++, x += stride)
            for (int64_t i = 0; i < row; i++)
                *to++ = still ? *x : x[i];
        rows -= run;
        place.index[axis] += run - 1; /* the last row of the run */
        place.at[k] += (run - 1) * stride;
        fl_view_next(v, &place);
    }
}

static void short_rows(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;
    const fl_view *v = &j->v;
    const int64_t row = fl_view_row(v), most = FL_CPU_GATHERED / row;
    const side_kind kind[2] = {kind_of(v, 0), kind_of(v, 1)};
    float *const scratch = fl_cpu_scratch(j->stream, worker), *const room[2] = {scratch, scratch + FL_CPU_GATHERED};
    fl_place place;

    fl_view_seek(v, begin, &place);
    for (int k = 0; k < 2; k++)
        if (kind[k] == PATTERN)
            lay_out(j, k, &place, most < end - begin ? most : end - begin, room[k]);
    for (int64_t r = begin, rows; r < end; r += rows) {
        const float *side[2];
        rows = end - r < most ? end - r : most;
        for (int k = 0; k < 2; k++) {
            if (kind[k] == LOOSE)
                lay_out(j, k, &place, rows, room[k]);
            side[k] = kind[k] == DENSE ? j->side[k] + r * row : kind[k] == STILL ? j->side[k] : room[k];
        }
        run_piece(j, side[0], kind[0] != STILL, side[1], kind[1] != STILL, r * row, rows * row);
        if (kind[0] == LOOSE || kind[1] == LOOSE)
            fl_view_seek(v, r + rows, &place);
    }
}

/* ---- tactics */

static bool supports_any(const fl_op_desc *desc, const char **why_not)
{
    const fl_binary_params *p = &desc->p.binary;
    const fl_tensor_desc *y = desc->out[0];

    if (desc->in[0]->dtype != FL_F32)
        return fl_cpu_refuse(why_not, "f32 only");
    if (!fl_cpu_has_padding(y))
        return true;
    /* What happens to two zeros; sides that are not blocked put other numbers there. */
    const bool stays_zero = (p->func == FL_BINARY_ADD || p->func == FL_BINARY_SUB || p->func == FL_BINARY_MUL ||
                             p->func == FL_BINARY_MIN || p->func == FL_BINARY_MAX ||
                             p->func == FL_BINARY_SQUARED_DIFFERENCE) &&
                            desc->in[0]->layout == desc->in[1]->layout && fl_unary_f32(p->act, p->alpha, 0.0f) == 0.0f;
    return stays_zero || fl_cpu_refuse(why_not, "the padding of a blocked tensor would not stay zero");
}

static bool supports(const fl_op_desc *desc, const char **why_not)
{
    if (fl_binary_is_comparison(desc->p.binary.func))
        return fl_cpu_refuse(why_not, "a comparison");
    return supports_any(desc, why_not);
}

static bool compare_supports(const fl_op_desc *desc, const char **why_not)
{
    if (!fl_binary_is_comparison(desc->p.binary.func))
        return fl_cpu_refuse(why_not, "comparisons only");
    return supports_any(desc, why_not);
}

static floe_status run(const fl_elementwise *kernels, const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_binary_params *p = &d->p.binary;
    fl_clamp clamp;
    const bool clamps = fl_act_clamp(p->act, &clamp);
    job j = {.side = {step->in[0], step->in[1]}, .y = step->out[0], .stream = stream, .fn = kernels->binary[p->func],
             .compare = kernels->compare[p->func], .alpha = p->alpha, .clamp = clamps && p->act ? &clamp : NULL};

    (void)err;
    j.act = clamps ? NULL : kernels->unary[p->act];
    init_view(&j.v, d->out[0]);
    add_operand(&j.v, d->in[0], d->out[0]);
    add_operand(&j.v, d->in[1], d->out[0]);
    fl_view_merge(&j.v);
    if (j.v.empty)
        return FLOE_OK;
    const int64_t row = fl_view_row(&j.v), rows = fl_view_rows(&j.v);
    const int64_t grain = j.act || p->func == FL_BINARY_POW || p->func == FL_BINARY_FLOOR_MOD ? 2048 : fl_cpu_grain(4);
    if (rows > 1 && row < FL_CPU_SHORT_ROW)
        fl_cpu_for(stream, rows, 1, (grain + row - 1) / row, short_rows, &j);
    else
        fl_cpu_for(stream, rows * row, 16, grain, long_rows, &j);
    return FLOE_OK;
}

#define FL_SIMD(ISA, isa)                                                                                             \
    FL_CPU_SIMD_TACTIC(BINARY, binary, "cpu.binary.f32.vector", ISA, isa, supports, run, fl_f32_elementwise,          \
                       FL_CPU_NO_WORKSPACE, .in_place = 3)                                                            \
    FL_CPU_SIMD_TACTIC(BINARY, compare, "cpu.binary.f32.compare", ISA, isa, compare_supports, run, fl_f32_elementwise, \
                       FL_CPU_NO_WORKSPACE, .in_place = 0)
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
