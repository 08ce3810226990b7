/* cpu_reduce.c - tactics of reduce over f32: sum, mean, max and min over any set of axes.
 *
 * The axes of x fall into kept and reduced ones; neighbours of a kind are joined. What matters is the kind of the last:
 *
 *     reduced   every element of y is a fold of contiguous rows                    "rows"
 *     kept      every row of y is a fold of contiguous rows of x, place by place   "columns"
 *
 * [64, 1000] over axis 1 is 64 rows; the spatial mean of NHWC is N times H*W rows of C folded into one. Further reduced
 * axes are walked one row, or one block of rows, at a time.
 *
 * For the threads y is cut into items: elements (rows), or pieces of rows (columns). Where y is small and x is large
 * each item is cut once more along the reduced axis, into chunks whose partial results lie in scratch and are folded in
 * order in the end. All cuts follow from the shapes alone, never from the number of threads: the bits are the same.
 *
 * Rows of few channels (a mean over the pixels of an RGB image) would leave a vector mostly empty. Several of them are
 * taken as one wide row, and the wide row's parts are folded afterwards.
 */
#include "backend/cpu/cpu_vector.h"
#include "backend/cpu/kernel/reduce.h"

#include <math.h>
#include <string.h>

#define FEW_ITEMS     16   /* below it there are chunks */
#define PIECE         256  /* columns of an item, where items are few */
#define CHUNK_ROWS    512  /* least rows of a chunk (columns) */
#define CHUNK_ROW     16384 /* least elements of a chunk (rows) */
#define WIDE_ROW      256  /* elements; room for one is at the start of each thread's scratch */
#define NARROW        64   /* columns; below it rows are joined to wide ones */

typedef struct job {
    const fl_reduce_kernels *kernels;
    const fl_stream         *stream;
    int                      func; /* SUM for a mean */
    double                   divisor;
    const float             *x;
    float                   *y;
    fl_view                  kept, reduced; /* operand 0: x. kept, in rows mode, has a last axis of one element */
    int64_t                  pieces, piece; /* columns: pieces of a row of y */
    int64_t                  items, chunks, chunk; /* chunk: elements or rows of the reduced axis */
    float                   *partial; /* [chunks][outputs]; NULL: one chunk */
    int64_t                  outputs;
} job;

static float start_of(int func) { return func == FL_REDUCE_SUM ? 0.0f : func == FL_REDUCE_MAX ? -INFINITY : INFINITY; }

static double fold(int func, double acc, double v)
{
    if (func == FL_REDUCE_SUM)
        return acc + v;
    if (isnan(acc) || isnan(v))
        return (double)NAN;
    return (func == FL_REDUCE_MAX ? v > acc : v < acc) ? v : acc;
}

/* ---- rows */

static double fold_rows(const job *j, const float *x, int64_t begin, int64_t end)
{
    const fl_view *r = &j->reduced;
    const fl_reduce_row_fn row = j->kernels->row[j->func];
    const int64_t rows = fl_view_rows(r);

    if (rows == 1)
        return row(x + begin, (size_t)(end - begin));
    double acc = (double)start_of(j->func);
    fl_place place;
    fl_view_seek(r, 0, &place);
    for (int64_t i = 0; i < rows; i++, fl_view_next(r, &place))
        acc = fold(j->func, acc, row(x + place.at[0], (size_t)fl_view_row(r)));
    return acc;
}

static void do_rows(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;
    const int64_t n = fl_view_row(&j->reduced);

    fl_place place;

    (void)worker;
    fl_view_seek(&j->kept, begin / j->chunks, &place);
    for (int64_t i = begin; i < end; i++) {
        const int64_t item = i / j->chunks, chunk = i % j->chunks, from = chunk * j->chunk;
        const double value = fold_rows(j, j->x + place.at[0], from, n - from < j->chunk ? n : from + j->chunk);
        if (j->partial)
            j->partial[chunk * j->outputs + item] = (float)value;
        else
            j->y[item] = (float)(value / j->divisor);
        if (chunk + 1 == j->chunks)
            fl_view_next(&j->kept, &place);
    }
}

/* ---- columns */

/* acc[n] folded with m rows of x, `step` apart. */
static void fold_columns(const job *j, const float *x, int64_t m, int64_t step, float *acc, int64_t n, float *room)
{
    const fl_reduce_columns_fn columns = j->kernels->columns[j->func];

    if (n < NARROW && step == n && m * n >= 2 * WIDE_ROW) {
        const int64_t times = WIDE_ROW / n, wide = times * n, whole = m / times;
        for (int64_t i = 0; i < wide; i++)
            room[i] = start_of(j->func);
        columns(x, (size_t)whole, (size_t)wide, room, (size_t)wide);
        columns(room, (size_t)times, (size_t)n, acc, (size_t)n);
        x += whole * wide;
        m -= whole * times;
    }
    columns(x, (size_t)m, (size_t)step, acc, (size_t)n);
}

static void divide(float *y, int64_t n, double divisor)
{
    for (int64_t i = 0; divisor != 1 && i < n; i++)
        y[i] = (float)((double)y[i] / divisor);
}

static void do_columns(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;
    const fl_view *r = &j->reduced;
    const int64_t rows = fl_view_rows(r), m = fl_view_row(r), step = fl_view_step(r, 0);
    const int64_t width = fl_view_row(&j->kept);

    for (int64_t i = begin; i < end; i++) {
        const int64_t item = i / j->chunks, chunk = i % j->chunks, from = chunk * j->chunk;
        const int64_t row = item / j->pieces, column = item % j->pieces * j->piece;
        const int64_t n = width - column < j->piece ? width - column : j->piece;
        float *acc = (j->partial ? j->partial + chunk * j->outputs : j->y) + row * width + column;
        fl_place at, place;
        for (int64_t k = 0; k < n; k++)
            acc[k] = start_of(j->func);
        fl_view_seek(&j->kept, row, &at);
        fl_view_seek(r, 0, &place);
        for (int64_t k = 0; k < rows; k++, fl_view_next(r, &place))
            fold_columns(j, j->x + at.at[0] + column + place.at[0] + from * step, m - from < j->chunk ? m - from : j->chunk,
                         step, acc, n, fl_cpu_scratch(j->stream, worker));
        if (!j->partial)
            divide(acc, n, j->divisor);
    }
}

/* ---- the problem */

/* Axes of x of one kind as a view. */
static void view_of(fl_view *v, const fl_tensor_desc *x, int32_t axes)
{
    int64_t dense[FL_MAX_RANK], dim[FL_MAX_RANK], stride[FL_MAX_RANK];
    int rank = 0;

    fl_dense_strides(x->rank, x->dim, dense);
    for (int i = 0; i < x->rank; i++) {
        if (axes >> i & 1) {
            dim[rank] = x->dim[i];
            stride[rank++] = dense[i];
        }
    }
    fl_view_init(v, rank, dim);
    fl_view_operand(v, stride);
    fl_view_merge(v);
}

/* Cuts each item along the reduced axis where the items are few and that axis is long. */
static void cut_chunks(job *j, int64_t least)
{
    const int64_t n = fl_view_row(&j->reduced);
    int64_t chunks = 1;

    if (j->items < FEW_ITEMS && j->reduced.rank == 1 && n >= 2 * least) {
        chunks = FEW_ITEMS / j->items;
        chunks = chunks < n / least ? chunks : n / least;
    }
    j->chunk = (n + chunks - 1) / chunks;
    j->chunk = (j->chunk + 255) / 256 * 256; /* whole blocks of the kernels */
    j->chunks = (n + j->chunk - 1) / j->chunk;
    if (j->chunks > 1)
        j->partial = (float *)fl_cpu_scratch(j->stream, 0) + WIDE_ROW;
}

/* Partial results in order into y. */
static void join_chunks(const job *j)
{
    for (int64_t i = 0; j->partial && i < j->outputs; i++) {
        double acc = (double)j->partial[i];
        for (int64_t k = 1; k < j->chunks; k++)
            acc = fold(j->func, acc, (double)j->partial[k * j->outputs + i]);
        j->y[i] = (float)(acc / j->divisor);
    }
}

static void run_rows(job *j)
{
    fl_view *k = &j->kept;
    const int64_t folded = fl_view_rows(&j->reduced) * fl_view_row(&j->reduced);

    if (k->rank == FL_MAX_RANK) /* cannot be: x has at least one reduced axis */
        return;
    k->dim[k->rank] = 1; /* every element of y is a row of the view */
    k->stride[0][k->rank++] = 1;
    j->items = j->outputs;
    cut_chunks(j, CHUNK_ROW);
    fl_cpu_for(j->stream, j->items * j->chunks, 1, fl_cpu_grain(folded / j->chunks * 4), do_rows, j);
}

static void run_columns(job *j)
{
    const int64_t rows = fl_view_rows(&j->kept), width = fl_view_row(&j->kept);
    const int64_t folded = fl_view_rows(&j->reduced) * fl_view_row(&j->reduced);

    j->piece = rows < FEW_ITEMS && width > PIECE ? PIECE : width;
    j->pieces = (width + j->piece - 1) / j->piece;
    j->items = rows * j->pieces;
    cut_chunks(j, CHUNK_ROWS);
    fl_cpu_for(j->stream, j->items * j->chunks, 1, fl_cpu_grain(j->piece * folded / j->chunks * 4), do_columns, j);
}

static bool supports(const fl_op_desc *desc, const char **why_not)
{
    if (!fl_cpu_all_of(desc, FL_F32))
        return fl_cpu_refuse(why_not, "f32 only");
    return desc->p.reduce.func != FL_REDUCE_PROD ||
           fl_cpu_refuse(why_not, "products overflow in single precision where the reference, in double, does not");
}

static floe_status run(const fl_reduce_kernels *kernels, const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_reduce_params *p = &d->p.reduce;
    const fl_tensor_desc *x = d->in[0];
    const int64_t elements = fl_tensor_elements_at(x, 1);
    job j = {.kernels = kernels, .stream = stream, .x = step->in[0], .y = step->out[0], .divisor = 1,
             .func = p->func == FL_REDUCE_MEAN ? FL_REDUCE_SUM : p->func,
             .outputs = fl_tensor_elements_at(d->out[0], 1)};

    (void)err;
    if (j.outputs == 0)
        return FLOE_OK;
    if (p->func == FL_REDUCE_MEAN)
        j.divisor = (double)(elements / j.outputs);
    if (elements == 0) {
        for (int64_t i = 0; i < j.outputs; i++)
            j.y[i] = p->func == FL_REDUCE_MEAN ? NAN : start_of(j.func);
        return FLOE_OK;
    }
    view_of(&j.kept, x, ~p->axes);
    view_of(&j.reduced, x, p->axes);
    const bool nothing = fl_view_rows(&j.reduced) * fl_view_row(&j.reduced) == 1;
    if (!nothing && j.reduced.stride[0][j.reduced.rank - 1] == 1)
        run_rows(&j);
    else
        run_columns(&j);
    join_chunks(&j);
    return FLOE_OK;
}

#define FL_SIMD(ISA, isa)                                                                                             \
    FL_CPU_SIMD_TACTIC(REDUCE, reduce, "cpu.reduce.f32.vector", ISA, isa, supports, run, fl_f32_reduce,               \
                       FL_CPU_NO_WORKSPACE)
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
