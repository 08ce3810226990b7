/* cuda_move.c - tactics of the operators that only move elements of any type: transpose, slice, pad, concat and reorder
 * (kernel/move.cu).
 *
 * Nothing in a kernel knows about elements: it moves units of 1 to 16 bytes, as wide as the shape allows. Where all
 * counts and strides of a move, in bytes, are or'ed together, the lowest bit set is the widest unit that divides them
 * all. Axes that lie in one piece on both sides are joined before, so the innermost run is as long as it can be.
 */
#include "backend/cuda/cuda.h"
#include "backend/cuda/kernel/move_args.h"
#include "op/op_loops.h"

#include <stdio.h>

#define MANY_UNITS (1 << 17) /* threads that keep a large GPU busy: more units than that, and each moves some */
#define SMALL_SIDE 8         /* a tile with less on a side would be mostly empty */

static bool supports(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (!fl_cuda_all_plain(d))
        return fl_cuda_refuse(why_not, "blocked layouts");
    return fl_cuda_is_small(d, 1) || fl_cuda_refuse(why_not, "2^31 elements or more");
}

static floe_status check(const fl_op_desc *d, floe_error *err)
{
    if (fl_cuda_is_small(d, 1))
        return FLOE_OK;
    return fl_fail(err, FLOE_ERR_LIMIT, "a %s of 2^31 elements or more; build for a smaller batch",
                   fl_op_def_of(d->op)->name);
}

static int64_t bytes_of(const fl_op_desc *d) { return (int64_t)fl_dtype_bytes(d->in[0]->dtype); }

static int64_t widest_unit(int64_t all)
{
    const int64_t lowest = all & -all;

    return lowest == 0 || lowest > 16 ? 16 : lowest;
}

static int32_t units_each(int64_t units)
{
    const int64_t each = units / MANY_UNITS;

    return each < 1 ? 1 : each > FL_MOVE_EACH ? FL_MOVE_EACH : (int32_t)each;
}

/* "move_<what>_b<unit>" over n units. */
#define LAUNCH(stream, what, unit, args, err) \
    launch((stream), (what), (unit), (args)->n, (args)->each, (args), sizeof *(args), (err))
static floe_status launch(fl_stream *stream, const char *what, int64_t unit, int64_t n, int32_t each, const void *args,
                          size_t bytes, floe_error *err)
{
    const fl_cuda_grid grid = {fl_cuda_blocks(n, (int64_t)FL_MOVE_THREADS * each), 1, 1, FL_MOVE_THREADS, 0};
    char kernel[64];

    snprintf(kernel, sizeof kernel, "move_%s_b%d", what, (int)unit);
    return fl_cuda_launch(stream, kernel, &grid, args, bytes, err);
}

/* y, dense over the view, from x by the view's operand 1 (operand 0 is y). The view is merged and not empty. */
static floe_status copy_strided(fl_stream *stream, const fl_view *v, int64_t bytes, const void *x, void *y,
                                floe_error *err)
{
    const int last = v->rank - 1;
    const bool runs = v->stride[1][last] == 1;
    int64_t all = runs ? v->dim[last] * bytes | (int64_t)(uintptr_t)x : bytes, n = 1;
    fl_move_strided_args args = {.x = x, .y = y, .rank = v->rank};

    for (int i = 0; i < last; i++)
        all |= v->stride[1][i] * bytes;
    const int64_t unit = runs ? widest_unit(all) : bytes;
    for (int k = 0; k < v->rank; k++) { /* innermost first */
        const int64_t dim = k == 0 ? v->dim[last] * bytes / unit : v->dim[last - k];
        const int64_t step = v->stride[1][last - k];
        args.dim[k] = fl_cuda_divisor(dim);
        args.stride[k] = (int32_t)(k == 0 && runs ? 1 : step * bytes / unit);
        n *= dim;
    }
    args.n = (uint32_t)n;
    args.each = units_each(n);
    return LAUNCH(stream, "strided", unit, &args, err);
}

/* ---- transpose */

static uint32_t log2_of(int64_t n) /* rounded up */
{
    uint32_t log = 0;

    while ((int64_t)1 << log < n)
        log++;
    return log;
}

/* The sides of a tile: even, or longer along b where a is short, and the other way round. */
static void shape_tile(fl_move_tile_args *args, int64_t bytes)
{
    const uint32_t all = log2_of(FL_MOVE_TILE_UNITS(bytes)), a = log2_of(args->a), b = log2_of(args->b);

    args->log_a = all / 2;
    if (a < all / 2)
        args->log_a = a;
    else if (b < all / 2)
        args->log_a = all - b;
    args->log_b = all - args->log_a;
    args->tiles_a = fl_cuda_divisor(fl_cuda_blocks(args->a, (int64_t)1 << args->log_a));
    args->tiles_b = fl_cuda_divisor(fl_cuda_blocks(args->b, (int64_t)1 << args->log_b));
}

/* Axis `a` of the view, whose stride in x is 1, changes places with the last one. */
static floe_status copy_tiles(fl_stream *stream, const fl_view *v, int a, int64_t bytes, const void *x, void *y,
                              floe_error *err)
{
    const int b = v->rank - 1;
    const int64_t pack = bytes < 4 ? 4 / bytes : 1;
    fl_move_tile_args args = {.x = x, .y = y, .a = (uint32_t)v->dim[a], .b = (uint32_t)v->dim[b],
                              .x_step = (int32_t)v->stride[1][b], .y_step = (int32_t)v->stride[0][a]};
    int64_t all = v->dim[a] | v->dim[b] | v->stride[1][b] | v->stride[0][a], pictures = 1;
    char kernel[64];

    for (int i = b - 1; i >= 0; i--) {
        if (i == a)
            continue;
        args.x_stride[args.rank] = (int32_t)v->stride[1][i];
        args.y_stride[args.rank] = (int32_t)v->stride[0][i];
        args.dim[args.rank++] = fl_cuda_divisor(v->dim[i]);
        all |= v->stride[0][i] | v->stride[1][i];
        pictures *= v->dim[i];
    }
    shape_tile(&args, bytes);
    if (pack > 1 && all % pack == 0)
        snprintf(kernel, sizeof kernel, "move_tile_b%dx%d", (int)bytes, (int)pack);
    else
        snprintf(kernel, sizeof kernel, "move_tile_b%d", (int)bytes);
    const uint32_t lines = 1u << args.log_b, line = FL_MOVE_TILE_LINE(args.log_a, (uint32_t)bytes);
    const fl_cuda_grid grid = {(uint32_t)(args.tiles_a.d * args.tiles_b.d * pictures), 1, 1, FL_MOVE_THREADS,
                               lines * line * (uint32_t)bytes};
    return FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err);
}

static floe_status run_transpose(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    int64_t x_stride[FL_MAX_RANK], y_stride[FL_MAX_RANK], from[FL_MAX_RANK];
    fl_view v;

    if (fl_tensor_elements_at(y, 1) == 0)
        return FLOE_OK;
    floe_status st = check(d, err);
    if (st != FLOE_OK)
        return st;
    fl_dense_strides(x->rank, x->dim, x_stride);
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int i = 0; i < y->rank; i++)
        from[i] = x_stride[d->p.transpose.perm[i]];
    fl_view_init(&v, y->rank, y->dim);
    fl_view_operand(&v, y_stride);
    fl_view_operand(&v, from);
    fl_view_merge(&v);
    int a = 0;
    while (v.stride[1][a] != 1) /* one axis of x is contiguous */
        a++;
    if (a < v.rank - 1 && v.dim[a] >= SMALL_SIDE && v.dim[v.rank - 1] >= SMALL_SIDE)
        return copy_tiles(stream, &v, a, bytes_of(d), step->in[0], step->out[0], err);
    return copy_strided(stream, &v, bytes_of(d), step->in[0], step->out[0], err);
}

/* ---- slice */

/* Whether begin + k * stride, k < size, all lie in [0, dim). An axis that depends on the batch may be cut at constant
 * places; whether those exist is known only here. */
static bool places_exist(int64_t begin, int64_t stride, int64_t size, int64_t dim)
{
    int64_t last;

    if (size == 0)
        return true;
    if (__builtin_mul_overflow(size - 1, stride, &last) || __builtin_add_overflow(last, begin, &last))
        return false;
    return begin >= 0 && begin < dim && last >= 0 && last < dim;
}

static floe_status run_slice(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_slice_params *p = &d->p.slice;
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    int64_t x_stride[FL_MAX_RANK], y_stride[FL_MAX_RANK], first = 0;
    fl_view v;

    for (int i = 0; i < x->rank; i++)
        if (!places_exist(p->begin[i], p->stride[i], y->dim[i], x->dim[i]))
            return fl_fail(err, FLOE_ERR_SHAPE, "axis %d is cut at %lld, stride %lld, size %lld; at this batch it has "
                           "only %lld", i, (long long)p->begin[i], (long long)p->stride[i], (long long)y->dim[i],
                           (long long)x->dim[i]);
    if (fl_tensor_elements_at(y, 1) == 0)
        return FLOE_OK;
    floe_status st = check(d, err);
    if (st != FLOE_OK)
        return st;
    fl_dense_strides(x->rank, x->dim, x_stride);
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int i = 0; i < x->rank; i++) {
        first += p->begin[i] * x_stride[i];
        x_stride[i] *= y->dim[i] > 1 ? p->stride[i] : 1; /* the stride of a single place may be anything */
    }
    fl_view_init(&v, y->rank, y->dim);
    fl_view_operand(&v, y_stride);
    fl_view_operand(&v, x_stride);
    fl_view_merge(&v);
    return copy_strided(stream, &v, bytes_of(d), (const uint8_t *)step->in[0] + first * bytes_of(d), step->out[0], err);
}

/* ---- pad */

/* The value as an element: what the reference puts around nothing. */
static void value_of(const fl_op_desc *d, uint8_t element[8])
{
    fl_tensor_desc x = {.dtype = d->in[0]->dtype, .rank = 1}, y = {.dtype = x.dtype, .rank = 1, .dim = {1}};
    fl_tensor_desc *in = &x, *out = &y;
    const fl_op_desc one = {.op = FL_OP_PAD, .p.pad = {.before = {1}, .value = d->p.pad.value}, .n_in = 1, .n_out = 1,
                            .in = &in, .out = &out};
    const void *const nothing = element;
    void *const to = element;

    fl_op_def_of(FL_OP_PAD)->ref(&one, &nothing, &to, NULL);
}

/* Axes of y with their pads, outermost first; one without pads is joined to the one before it. */
typedef struct padded {
    int     rank;
    int64_t dim[FL_MAX_RANK], before[FL_MAX_RANK], x_dim[FL_MAX_RANK], x_stride[FL_MAX_RANK];
} padded;

static void join_axes(padded *j, const fl_op_desc *d)
{
    const fl_pad_params *p = &d->p.pad;
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];

    *j = (padded){.rank = 0};
    for (int i = 0; i < x->rank; i++) {
        if (j->rank > 0 && p->before[i] == 0 && p->after[i] == 0) {
            j->dim[j->rank - 1] *= y->dim[i];
            j->before[j->rank - 1] *= y->dim[i];
            j->x_dim[j->rank - 1] *= x->dim[i];
        } else {
            j->dim[j->rank] = y->dim[i];
            j->before[j->rank] = p->before[i];
            j->x_dim[j->rank++] = x->dim[i];
        }
    }
    if (j->rank == 0) { /* a scalar */
        j->dim[0] = j->x_dim[0] = 1;
        j->rank = 1;
    }
    fl_dense_strides(j->rank, j->x_dim, j->x_stride);
}

static floe_status run_pad(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const int64_t bytes = bytes_of(d), elements = fl_tensor_elements_at(d->out[0], 1);
    fl_move_pad_args args = {.x = step->in[0], .y = step->out[0]};
    uint8_t element[8] = {0};
    padded j;

    if (elements == 0)
        return FLOE_OK;
    floe_status st = check(d, err);
    if (st != FLOE_OK)
        return st;
    join_axes(&j, d);
    value_of(d, element);
    for (int64_t i = 0; i < 16; i++)
        ((uint8_t *)args.value)[i] = element[i % bytes];
    const int last = j.rank - 1;
    const int64_t unit = widest_unit((j.dim[last] | j.before[last] | j.x_dim[last]) * bytes);
    args.rank = j.rank;
    for (int k = 0; k < j.rank; k++) { /* innermost first */
        const int64_t scale = k == 0 ? bytes : 1, per = k == 0 ? unit : 1;
        args.dim[k] = fl_cuda_divisor(j.dim[last - k] * scale / per);
        args.before[k] = (int32_t)(j.before[last - k] * scale / per);
        args.x_dim[k] = (uint32_t)(j.x_dim[last - k] * scale / per);
        args.stride[k] = (int32_t)(k == 0 ? 1 : j.x_stride[last - k] * bytes / unit);
    }
    args.n = (uint32_t)(elements * bytes / unit);
    args.each = units_each(args.n);
    return LAUNCH(stream, "pad", unit, &args, err);
}

/* ---- concat */

static floe_status run_concat(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_tensor_desc *y = d->out[0];
    const int axis = d->p.axis.axis;
    int64_t outer = 1, inner = bytes_of(d), all = 0;

    if (fl_tensor_elements_at(y, 1) == 0)
        return FLOE_OK;
    floe_status st = check(d, err);
    for (int i = 0; i < axis; i++)
        outer *= y->dim[i];
    for (int i = axis + 1; i < y->rank; i++)
        inner *= y->dim[i];
    for (int k = 0; k < d->n_in; k++)
        all |= d->in[k]->dim[axis] * inner;
    const int64_t unit = widest_unit(all);
    int64_t column = 0;
    for (int k = 0; k < d->n_in && st == FLOE_OK;) {
        fl_move_concat_args args = {.y = step->out[0], .y_row = (uint32_t)(y->dim[axis] * inner / unit)};
        args.from[0] = (uint32_t)column;
        for (; k < d->n_in && args.n_in < FL_MOVE_INPUTS; k++) {
            const int64_t run = d->in[k]->dim[axis] * inner / unit;
            if (run == 0)
                continue;
            args.x[args.n_in++] = step->in[k];
            args.from[args.n_in] = (uint32_t)(column += run);
        }
        const int64_t columns = args.from[args.n_in] - args.from[0];
        if (columns == 0)
            break;
        args.columns = fl_cuda_divisor(columns);
        args.n = (uint32_t)(outer * columns);
        args.each = units_each(args.n);
        st = LAUNCH(stream, "concat", unit, &args, err);
    }
    return st;
}

/* ---- reorder: plain to and from channel blocks, and one kind of blocks into the other */

static bool supports_reorder(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return fl_cuda_is_small(d, 1) || fl_cuda_refuse(why_not, "2^31 elements or more");
}

/* Channels of a block; plain is one block of all. */
static int64_t block_of(const fl_tensor_desc *t)
{
    return t->layout == FL_LAYOUT_C8 ? 8 : t->layout == FL_LAYOUT_C16 ? 16 : t->dim[3];
}

static floe_status run_reorder(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_tensor_desc *x = d->in[0], *y = d->out[0];
    const int64_t bytes = bytes_of(d), pixels = x->dim[1] * x->dim[2], c = x->dim[3];
    const int64_t total = (int64_t)fl_tensor_bytes_at(y, 1), x_total = (int64_t)fl_tensor_bytes_at(x, 1);

    if (total == 0)
        return FLOE_OK;
    floe_status st = check(d, err);
    if (st == FLOE_OK && (total > x_total ? total : x_total) / bytes > INT32_MAX)
        st = fl_fail(err, FLOE_ERR_LIMIT, "channel blocks of 2^31 elements or more; build for a smaller batch");
    if (st != FLOE_OK)
        return st;
    const int64_t unit = widest_unit((c | block_of(x) | block_of(y)) * bytes), scale = unit / bytes;
    const int64_t x_b = block_of(x) / scale, y_b = block_of(y) / scale, x_blocks = (c + block_of(x) - 1) / block_of(x);
    const fl_move_reorder_args args = {
        .x = step->in[0], .y = step->out[0], .n = (uint32_t)(total / unit), .each = units_each(total / unit),
        .pixels = (uint32_t)pixels, .channels = (uint32_t)(c / scale), .x_picture = (uint32_t)(x_blocks * pixels * x_b),
        .y_picture = fl_cuda_divisor(total / unit / y->dim[0]), .y_block = fl_cuda_divisor(pixels * y_b),
        .y_b = fl_cuda_divisor(y_b), .x_b = fl_cuda_divisor(x_b)};
    return LAUNCH(stream, "reorder", unit, &args, err);
}

/* ---- tactics */

static uint64_t cost_whole(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1, 1.1);
}
static uint64_t cost_turned(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1, 1.5);
}

#define LIST(kind, op_name, method, can, cost_fn)                                                                      \
    static const fl_tactic op_name##_tactic = {                                                                       \
        .name = "cuda." #op_name ".any." #method, .op = FL_OP_##kind, .supports = can,                                \
        .workspace_bytes = fl_cuda_no_workspace, .run = run_##op_name, .cost = cost_fn};                               \
    static const fl_tactic *const op_name##_tactics[] = {&op_name##_tactic};                                          \
    const fl_tactic_list fl_cuda_##op_name = {op_name##_tactics, 1};
LIST(TRANSPOSE, transpose, tile, supports, cost_turned)
LIST(SLICE, slice, copy, supports, cost_whole)
LIST(PAD, pad, copy, supports, cost_whole)
LIST(CONCAT, concat, copy, supports, cost_whole)
LIST(REORDER, reorder, blocks, supports_reorder, cost_turned)
