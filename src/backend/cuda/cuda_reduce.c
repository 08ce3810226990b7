/* cuda_reduce.c - tactics of reduce (kernel/reduce.cu), and the shape of its launches.
 *
 *     tree   f32, f16 and bf16 by float sums, maxima and minima: in columns where x's innermost axis is kept, in rows
 *            where it is reduced
 *     wide   every other type, and products: in double or 64-bit whole numbers
 *
 * How a fold is cut follows from its shape alone, not from the GPU: the same bits everywhere. BLOCKS is what fills a
 * large one. Lanes are taken from the outputs and given to the places of each until there are so many blocks; where
 * that is not enough, the places are cut into chunks, a block each.
 */
#include "backend/cuda/cuda_reduce.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define BLOCKS     264
#define FEW_BLOCKS 132 /* below it there are chunks */
#define MANY_ROWS  32  /* rows of lanes of a block of columns, at most, where outputs are wide */
#define NO_CHUNKS  128 /* places; folds of up to so many are never cut */

static int64_t count_of(const fl_view *v) { return fl_view_rows(v) * fl_view_row(v); }

static uint32_t log2_of(int64_t n) /* rounded up */
{
    uint32_t log = 0;

    while ((int64_t)1 << log < n)
        log++;
    return log;
}

static void put_view(fl_reduce_view *out, const fl_view *v)
{
    assert(v->rank <= FL_REDUCE_AXES);
    out->rank = v->rank;
    for (int k = 0; k < v->rank; k++) {
        out->stride[k] = (int32_t)v->stride[0][v->rank - 1 - k];
        out->dim[k] = fl_cuda_divisor(v->dim[v->rank - 1 - k]);
    }
}

/* Makes the innermost axis, of stride 1, count vectors; false where that cannot be. */
static bool to_vectors(fl_view *inner, fl_view *other, int64_t vector)
{
    int64_t all = inner->dim[inner->rank - 1];

    for (int k = 0; k + 1 < inner->rank; k++)
        all |= inner->stride[0][k];
    for (int k = 0; k < other->rank; k++)
        all |= other->dim[k] > 1 ? other->stride[0][k] : 0;
    if (all % vector != 0)
        return false;
    inner->dim[inner->rank - 1] /= vector;
    inner->stride[0][inner->rank - 1] = vector;
    return true;
}

static void cut_chunks(fl_reduce_args *args, int64_t tiles, int64_t least)
{
    const int64_t folded = args->folded;
    int64_t chunks = 1;

    if (tiles < FEW_BLOCKS && folded >= 4 * least) {
        chunks = (BLOCKS + tiles - 1) / tiles;
        chunks = chunks < folded / least ? chunks : folded / least;
    }
    args->chunk = (uint32_t)((folded + chunks - 1) / chunks);
    args->chunks = fl_cuda_divisor((folded + args->chunk - 1) / args->chunk);
}

/* Blocks of the launch. A tile is 1 << log_group outputs. */
static int64_t cut_columns(fl_reduce_args *args, int64_t floats_a_vector)
{
    const int64_t outputs = args->outputs, most = args->folded < MANY_ROWS ? args->folded : MANY_ROWS;
    int64_t lanes = FL_REDUCE_THREADS;

    while (lanes > 1 && (lanes / 2 >= outputs || (FL_REDUCE_THREADS / lanes * 2 <= most &&
                                                  fl_cuda_blocks(outputs, lanes) < BLOCKS)))
        lanes /= 2;
    const int64_t tiles = fl_cuda_blocks(outputs, lanes);
    args->log_group = log2_of(lanes);
    cut_chunks(args, tiles, FL_REDUCE_THREADS / lanes * 8);
    assert(args->chunks.d == 1 || tiles * args->chunks.d * lanes * floats_a_vector <= FL_REDUCE_PARTIALS);
    (void)floats_a_vector;
    return tiles * args->chunks.d;
}

/* A tile is what a block does: FL_REDUCE_THREADS >> log_group outputs. */
static int64_t cut_rows(fl_reduce_args *args)
{
    const int64_t outputs = args->outputs, folded = args->folded;
    int64_t group = 1;

    while (group < 32 && group < folded && (group * 4 < folded || outputs * group < BLOCKS * FL_REDUCE_THREADS))
        group *= 2;
    if (group == 32 && folded >= FL_REDUCE_THREADS && (outputs * 32 < BLOCKS * FL_REDUCE_THREADS || folded > 4096))
        group = FL_REDUCE_THREADS;
    const int64_t tiles = fl_cuda_blocks(outputs, FL_REDUCE_THREADS / group);
    args->log_group = log2_of(group);
    args->chunk = args->folded;
    args->chunks = fl_cuda_divisor(1);
    if (group == FL_REDUCE_THREADS)
        cut_chunks(args, tiles, FL_REDUCE_THREADS * 4);
    return tiles * args->chunks.d;
}

size_t fl_cuda_fold_workspace(int64_t folded) { return folded > NO_CHUNKS ? FL_REDUCE_PARTIALS * sizeof(float) : 0; }

floe_status fl_cuda_fold_floats(fl_stream *stream, const fl_cuda_fold *f, floe_error *err)
{
    const int64_t vector = 16 / (int64_t)fl_dtype_bytes(f->dtype);
    fl_view kept = f->kept, reduced = f->reduced;
    char kernel[64];

    fl_view_merge(&kept);
    fl_view_merge(&reduced);
    const int64_t outputs = count_of(&kept), folded = count_of(&reduced);
    const bool rows = folded > 1 && fl_view_step(&reduced, 0) == 1;
    const bool vectors = rows ? to_vectors(&reduced, &kept, vector) : to_vectors(&kept, &reduced, vector);
    const int64_t each = vectors ? vector : 1;
    const float sign = f->fold == FL_FOLD_MIN ? -1.0f : 1.0f;
    fl_reduce_args args = {.x = f->x, .y = f->y, .partial = f->workspace, .counters = stream->counters,
                           .outputs = (uint32_t)(rows ? outputs : outputs / each),
                           .folded = (uint32_t)(rows ? folded / each : folded), .vector = vectors,
                           .keep_nan = f->keep_nan, .start = sign * f->start, .sign = sign, .divisor = f->divisor};
    const int64_t blocks = rows ? cut_rows(&args) : cut_columns(&args, each);
    assert(args.chunks.d == 1 || fl_cuda_fold_workspace(folded) > 0);
    put_view(&args.kept, &kept);
    put_view(&args.reduced, &reduced);
    const fl_cuda_grid grid = {(uint32_t)blocks, 1, 1, FL_REDUCE_THREADS,
                               (uint32_t)(FL_REDUCE_THREADS * (rows ? 1 : each) * (int64_t)sizeof(float))};
    snprintf(kernel, sizeof kernel, "reduce_%s_%s_%s", f->fold == FL_FOLD_SUM ? "sum" : "max",
             rows ? "rows" : "columns", fl_dtype_name(f->dtype));
    return FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err);
}

/* ---- the operator */

/* Axes of x of one kind. */
static fl_view view_of(const fl_tensor_desc *x, int32_t axes)
{
    int64_t dense[FL_MAX_RANK], dim[FL_MAX_RANK], stride[FL_MAX_RANK];
    int rank = 0;
    fl_view v;

    fl_dense_strides(x->rank, x->dim, dense);
    for (int i = 0; i < x->rank; i++) {
        if (axes >> i & 1) {
            dim[rank] = x->dim[i];
            stride[rank++] = dense[i];
        }
    }
    fl_view_init(&v, rank, dim);
    fl_view_operand(&v, stride);
    return v;
}

/* Places folded into one element of y. */
static int64_t folded_at(const fl_op_desc *d, int64_t batch)
{
    int64_t n = 1;

    for (int i = 0; i < d->in[0]->rank; i++)
        n *= d->p.reduce.axes >> i & 1 ? fl_dim_at(d->in[0]->dim[i], batch) : 1;
    return n;
}

/* How the kernel calls a type, and the lowest and highest whole number of it. */
static const struct kind {
    fl_dtype dtype;
    int32_t  type;
    int64_t  lowest, highest;
} kinds[] = {
    {FL_F32, FL_ANY_F32, 0, 0},
    {FL_F16, FL_ANY_F16, 0, 0},
    {FL_BF16, FL_ANY_BF16, 0, 0},
    {FL_F64, FL_ANY_F64, 0, 0},
    {FL_I8, FL_ANY_I8, INT8_MIN, INT8_MAX},
    {FL_U8, FL_ANY_U8, 0, UINT8_MAX},
    {FL_BOOL, FL_ANY_U8, 0, 1},
    {FL_I16, FL_ANY_I16, INT16_MIN, INT16_MAX},
    {FL_U16, FL_ANY_U16, 0, UINT16_MAX},
    {FL_I32, FL_ANY_I32, INT32_MIN, INT32_MAX},
    {FL_U32, FL_ANY_U32, 0, UINT32_MAX},
    {FL_I64, FL_ANY_I64, INT64_MIN, INT64_MAX},
};

static const struct kind *kind_of(fl_dtype dtype)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].dtype == dtype)
            return &kinds[i];
    return NULL;
}

static const int32_t fold_of[FL_REDUCE_COUNT] = {
    [FL_REDUCE_SUM] = FL_FOLD_SUM, [FL_REDUCE_PROD] = FL_FOLD_PROD, [FL_REDUCE_MAX] = FL_FOLD_MAX,
    [FL_REDUCE_MIN] = FL_FOLD_MIN, [FL_REDUCE_MEAN] = FL_FOLD_SUM};

static float start_of(int32_t fold)
{
    return fold == FL_FOLD_SUM ? 0.0f : fold == FL_FOLD_PROD ? 1.0f : fold == FL_FOLD_MAX ? -INFINITY : INFINITY;
}

static int64_t whole_start_of(int32_t fold, const struct kind *kind)
{
    return fold == FL_FOLD_SUM ? 0 : fold == FL_FOLD_PROD ? 1 : fold == FL_FOLD_MAX ? kind->lowest : kind->highest;
}

static bool supports_wide(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (!fl_cuda_all_plain(d))
        return fl_cuda_refuse(why_not, "blocked layouts");
    if (!kind_of(d->in[0]->dtype))
        return fl_cuda_refuse(why_not, "a type without arithmetic");
    return fl_cuda_is_small(d, 1) || fl_cuda_refuse(why_not, "2^31 elements or more");
}

static bool supports_tree(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    if (!supports_wide(d, device, why_not))
        return false;
    if (!fl_cuda_is_storage(d->in[0]->dtype))
        return fl_cuda_refuse(why_not, "another type than f32, f16 and bf16");
    return d->p.reduce.func != FL_REDUCE_PROD ||
           fl_cuda_refuse(why_not, "products overflow in single precision where the reference, in double, does not");
}

static floe_status run_wide(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_tensor_desc *x = d->in[0];
    const struct kind *kind = kind_of(x->dtype);
    const int32_t fold = fold_of[d->p.reduce.func];
    const int64_t outputs = fl_tensor_elements_at(d->out[0], 1), folded = folded_at(d, 1);
    int64_t group = 1;

    if (outputs == 0)
        return FLOE_OK;
    if (!fl_cuda_is_small(d, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a reduction of 2^31 elements or more; build for a smaller batch");
    while (group < 32 && group < folded)
        group *= 2;
    if (folded >= 4 * FL_REDUCE_THREADS)
        group = FL_REDUCE_THREADS;
    fl_reduce_any_args args = {
        .x = step->in[0], .y = step->out[0], .f_start = (double)start_of(fold),
        .i_start = whole_start_of(fold, kind), .outputs = (uint32_t)outputs, .folded = (uint32_t)folded,
        .log_group = log2_of(group), .type = kind->type, .fold = fold, .mean = d->p.reduce.func == FL_REDUCE_MEAN};
    if (folded > 0) {
        fl_view kept = view_of(x, ~d->p.reduce.axes), reduced = view_of(x, d->p.reduce.axes);
        fl_view_merge(&kept);
        fl_view_merge(&reduced);
        put_view(&args.kept, &kept);
        put_view(&args.reduced, &reduced);
    }
    const fl_cuda_grid grid = {fl_cuda_blocks(outputs, FL_REDUCE_THREADS / group), 1, 1, FL_REDUCE_THREADS,
                               FL_REDUCE_THREADS / 32 * 16};
    return FL_CUDA_LAUNCH(stream, "reduce_any", &grid, &args, err);
}

static floe_status run_tree(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_tensor_desc *x = d->in[0];
    const int32_t fold = fold_of[d->p.reduce.func];
    const int64_t folded = folded_at(d, 1);
    const fl_cuda_fold f = {.dtype = x->dtype, .fold = fold, .keep_nan = true, .start = start_of(fold),
                            .divisor = d->p.reduce.func == FL_REDUCE_MEAN ? (float)folded : 1.0f, .x = step->in[0],
                            .y = step->out[0], .kept = view_of(x, ~d->p.reduce.axes),
                            .reduced = view_of(x, d->p.reduce.axes), .workspace = step->workspace};

    if (fl_tensor_elements_at(d->out[0], 1) == 0)
        return FLOE_OK;
    if (folded == 0) /* nothing has no lanes */
        return run_wide(step, stream, err);
    if (!fl_cuda_is_small(d, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a reduction of 2^31 elements or more; build for a smaller batch");
    return fl_cuda_fold_floats(stream, &f, err);
}

static size_t workspace_tree(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    (void)device;
    return fl_cuda_fold_workspace(folded_at(d, batch));
}

static uint64_t cost_tree(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1, 1.1);
}
static uint64_t cost_wide(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 32, 4);
}

static const fl_tactic tree = {.name = "cuda.reduce.any.tree", .op = FL_OP_REDUCE, .supports = supports_tree,
                               .workspace_bytes = workspace_tree, .run = run_tree, .cost = cost_tree};
static const fl_tactic wide = {.name = "cuda.reduce.any.wide", .op = FL_OP_REDUCE, .supports = supports_wide,
                               .workspace_bytes = fl_cuda_no_workspace, .run = run_wide, .cost = cost_wide};
static const fl_tactic *const tactics[] = {&tree, &wide};
const fl_tactic_list fl_cuda_reduce = {tactics, sizeof tactics / sizeof *tactics};
