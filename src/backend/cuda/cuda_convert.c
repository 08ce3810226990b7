/* cuda_convert.c - tactics of cast, select, broadcast, shape, and of the reshapes and identities that are copies after
 * all (kernel/convert.cu). A copy is a kernel, not a copy of the driver's: so it keeps its place in programmatic
 * launch order.
 */
#include "backend/cuda/cuda_elementwise.h"

#include <stdio.h>

/* ---- cast */

#define BIT(type) (1u << FL_##type)
static const uint32_t storage = BIT(F32) | BIT(F16) | BIT(BF16), reals = BIT(F32) | BIT(F16) | BIT(BF16) | BIT(F64),
                      shorts = BIT(I8) | BIT(U8) | BIT(I16) | BIT(U16) | BIT(BOOL);

static bool among(uint32_t types, fl_dtype t) { return types >> t & 1; }

/* Low bits of a double's mantissa that truncation clears, as fl_convert() does. */
static int truncated_bits(const fl_op_desc *d)
{
    const fl_dtype from = d->in[0]->dtype, to = d->out[0]->dtype;

    if (!d->p.dtype.truncate || !among(reals, from))
        return 0;
    return to == FL_F16 && from != FL_F16 ? 52 - 10 : to == FL_BF16 && from == FL_F32 ? 52 - 7
           : to == FL_F32 && from == FL_F64 ? 52 - 23 : 0;
}

static bool supports_cast(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return fl_cuda_walks(d, why_not);
}

/* What goes by way of float: types that it holds exactly, into all that can be made from it. */
static bool supports_cast_vector(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_dtype from = d->in[0]->dtype, to = d->out[0]->dtype;
    const bool by_float = (among(storage | shorts, from) && among(storage | shorts | BIT(I32), to)) ||
                          (among(BIT(I32) | BIT(U32), from) && among(storage, to));

    if (!supports_cast(d, device, why_not))
        return false;
    return (by_float && truncated_bits(d) == 0) || fl_cuda_refuse(why_not, "no vector kernel for this pair of types");
}

static floe_status launch_cast(const fl_step *step, fl_stream *stream, const char *kernel, int64_t each,
                               floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const int64_t n = fl_tensor_elements_at(d->in[0], 1);
    const fl_cast_args args = {step->in[0], step->out[0], (uint32_t)n, (int32_t)d->in[0]->dtype,
                               (int32_t)d->out[0]->dtype, truncated_bits(d)};
    floe_status st = FLOE_OK;

    FL_TRY(fl_cuda_check_small(step, err));
    if (n == 0)
        return FLOE_OK;
    const fl_cuda_grid grid = fl_cuda_spread(stream, n, each);
    FL_TRY(FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err));
done:
    return st;
}

static floe_status run_cast_vector(const fl_step *step, fl_stream *stream, floe_error *err)
{
    return launch_cast(step, stream, "cast_vector", FL_EACH_THREAD, err);
}
static floe_status run_cast_each(const fl_step *step, fl_stream *stream, floe_error *err)
{
    return launch_cast(step, stream, "cast_each", 1, err);
}

/* ---- select and broadcast, by the bytes of an element */

static bool supports_move(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return fl_cuda_walks(d, why_not);
}

static floe_status run_select_vector(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const int64_t n = fl_tensor_elements_at(d->out[0], 1), bytes = (int64_t)fl_dtype_bytes(d->out[0]->dtype);
    floe_status st = FLOE_OK;
    char kernel[32];

    FL_TRY(fl_cuda_check_small(step, err));
    if (n == 0)
        return FLOE_OK;
    const fl_select_args args = {step->in[0], step->in[1], step->in[2], step->out[0],
                                 fl_cuda_walk_of(d, 3, FL_MOVED_WIDTH(bytes))};
    const fl_cuda_grid grid = fl_cuda_spread(stream, n, FL_MOVED_WIDTH(bytes) * FL_MOVED_VECTORS);
    snprintf(kernel, sizeof kernel, "select_b%d", (int)bytes);
    FL_TRY(FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err));
done:
    return st;
}

static floe_status run_broadcast_vector(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const int64_t n = fl_tensor_elements_at(d->out[0], 1), bytes = (int64_t)fl_dtype_bytes(d->out[0]->dtype);
    floe_status st = FLOE_OK;
    char kernel[32];

    FL_TRY(fl_cuda_check_small(step, err));
    if (n == 0)
        return FLOE_OK;
    const fl_broadcast_args args = {step->in[0], step->out[0], fl_cuda_walk_of(d, 1, FL_MOVED_WIDTH(bytes))};
    const fl_cuda_grid grid = fl_cuda_spread(stream, n, FL_MOVED_WIDTH(bytes) * FL_MOVED_VECTORS);
    snprintf(kernel, sizeof kernel, "broadcast_b%d", (int)bytes);
    FL_TRY(FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err));
done:
    return st;
}

/* ---- reshape and identity: the same bytes */

static bool supports_reshape(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return fl_cuda_all_plain(d) || fl_cuda_refuse(why_not, "blocked layouts");
}

static bool supports_identity(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return d->in[0]->layout == d->out[0]->layout || fl_cuda_refuse(why_not, "another layout of y than of x");
}

static floe_status run_copy(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const size_t bytes = fl_tensor_bytes_at(step->desc->in[0], 1);
    const fl_copy_args args = {step->in[0], step->out[0], (int64_t)bytes};

    if (bytes == 0 || step->in[0] == step->out[0])
        return FLOE_OK;
    const fl_cuda_grid grid = fl_cuda_spread(stream, (int64_t)bytes, 32);
    return FL_CUDA_LAUNCH(stream, "copy_bytes", &grid, &args, err);
}

/* ---- shape */

static bool supports_shape(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)d;
    (void)device;
    (void)why_not;
    return true;
}

static floe_status run_shape(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_tensor_desc *x = step->desc->in[0];
    const fl_cuda_grid grid = {x->rank > 0, 1, 1, 32, 0};
    fl_shape_args args = {.y = step->out[0], .rank = x->rank, .type = (int32_t)step->desc->out[0]->dtype};

    for (int i = 0; i < x->rank; i++) {
        args.dim[i] = x->dim[i];
        if (args.type == FL_ELEMENT_I32 && x->dim[i] > INT32_MAX)
            return fl_fail(err, FLOE_ERR_SHAPE, "dimension %d is %lld, too large for i32; i64 would hold it", i,
                           (long long)x->dim[i]);
    }
    return FL_CUDA_LAUNCH(stream, "shape_dims", &grid, &args, err);
}

/* ---- tactics */

static uint64_t cost_vector(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1, 1.1);
}
static uint64_t cost_each(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 30, 2);
}

#define TACTIC(kind, full_name, supports_fn, run_fn, cost_fn, slots)                                            \
    {.name = full_name, .op = FL_OP_##kind, .supports = supports_fn, .workspace_bytes = fl_cuda_no_workspace,   \
     .in_place = (slots), .run = run_fn, .cost = cost_fn}

static const fl_tactic cast_vector = TACTIC(CAST, "cuda.cast.any.vector", supports_cast_vector, run_cast_vector,
                                            cost_vector, 1);
static const fl_tactic cast_each = TACTIC(CAST, "cuda.cast.any.each", supports_cast, run_cast_each, cost_each, 1);
static const fl_tactic select_vector = TACTIC(SELECT, "cuda.select.any.vector", supports_move, run_select_vector,
                                              cost_vector, 1u << 1 | 1u << 2);
static const fl_tactic broadcast_vector = TACTIC(BROADCAST, "cuda.broadcast.any.vector", supports_move,
                                                 run_broadcast_vector, cost_vector, 0);
static const fl_tactic reshape_copy = TACTIC(RESHAPE, "cuda.reshape.any.copy", supports_reshape, run_copy,
                                             cost_vector, 1);
static const fl_tactic identity_copy = TACTIC(IDENTITY, "cuda.identity.any.copy", supports_identity, run_copy,
                                              cost_vector, 1);
static const fl_tactic shape_dims = TACTIC(SHAPE, "cuda.shape.any.dims", supports_shape, run_shape, cost_vector, 0);

static const fl_tactic *const cast[] = {&cast_vector, &cast_each};
static const fl_tactic *const select[] = {&select_vector};
static const fl_tactic *const broadcast[] = {&broadcast_vector};
static const fl_tactic *const reshape[] = {&reshape_copy};
static const fl_tactic *const identity[] = {&identity_copy};
static const fl_tactic *const shape[] = {&shape_dims};
#define LIST(items) {items, sizeof items / sizeof *items}
const fl_tactic_list fl_cuda_cast = LIST(cast);
const fl_tactic_list fl_cuda_select = LIST(select);
const fl_tactic_list fl_cuda_broadcast = LIST(broadcast);
const fl_tactic_list fl_cuda_copy_reshape = LIST(reshape);
const fl_tactic_list fl_cuda_copy_identity = LIST(identity);
const fl_tactic_list fl_cuda_shape = LIST(shape);
