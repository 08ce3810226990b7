/* cuda_elementwise.c - tactics of unary and binary, and the walks that broadcasting operators share
 * (kernel/elementwise.cu).
 *
 * y is walked in memory order. Its axes are merged as far as both sides allow (op/op_loops.h), and each side gets a
 * mode:
 *
 *     same shape            one row                        both dense
 *     a scalar              one row                        a dense, b one
 *     NHWC with [C]         N*H*W rows of C                a dense, b a row (C a multiple of the vector) or gathered
 *     NCHW with [C,1,1]     N*C rows of H*W                a dense, b still (H*W a multiple of the vector) or gathered
 *
 * A gathered side costs a division an element, which hides behind the memory traffic of the other side and y.
 */
#include "backend/cuda/cuda_elementwise.h"

#include <stdio.h>

/* The kernels' numbers of types are ours. */
#define SAME(type) _Static_assert((int)FL_ELEMENT_##type == (int)FL_##type, "fl_element and fl_dtype")
SAME(F32); SAME(F16); SAME(BF16); SAME(F64); SAME(I8); SAME(U8); SAME(I16);
SAME(U16); SAME(I32); SAME(U32); SAME(I64); SAME(U64); SAME(BOOL);
_Static_assert(FL_WALK_AXES == FL_MAX_RANK, "a walk has room for all axes");

/* ---- shared */

static fl_side_mode mode_of(const fl_view *v, int side, int64_t w)
{
    const int64_t *stride = v->stride[side];
    int64_t dense[FL_MAX_RANK];
    bool is_dense = true, is_one = true;

    fl_dense_strides(v->rank, v->dim, dense);
    for (int i = 0; i < v->rank; i++) {
        is_dense = is_dense && stride[i] == dense[i];
        is_one = is_one && stride[i] == 0;
    }
    if (is_dense)
        return FL_SIDE_DENSE;
    if (is_one)
        return FL_SIDE_ONE;
    if (fl_view_row(v) % w != 0)
        return FL_SIDE_GATHER;
    return stride[v->rank - 1] == 0 ? FL_SIDE_STILL : FL_SIDE_ROW;
}

fl_walk fl_cuda_walk(const fl_view *v, int64_t w)
{
    fl_walk walk = {.n = (uint32_t)(fl_view_rows(v) * fl_view_row(v)), .rank = v->rank};

    for (int i = 0; i < v->rank; i++)
        walk.dim[i] = fl_cuda_divisor(v->dim[i]);
    for (int k = 0; k < v->operands && k < FL_WALK_SIDES; k++) {
        walk.mode[k] = mode_of(v, k, w);
        for (int i = 0; i < v->rank; i++)
            walk.stride[k][i] = (uint32_t)v->stride[k][i];
    }
    return walk;
}

fl_walk fl_cuda_walk_of(const fl_op_desc *d, int sides, int64_t w)
{
    fl_view v;

    fl_view_init(&v, d->out[0]->rank, d->out[0]->dim);
    for (int k = 0; k < sides; k++)
        fl_view_broadcast(&v, d->in[k]);
    fl_view_merge(&v);
    return fl_cuda_walk(&v, w);
}

fl_cuda_grid fl_cuda_spread(const fl_stream *stream, int64_t n, int64_t each)
{
    uint32_t threads = FL_ELEMENTWISE_THREADS;

    while (threads > 64 && (n - 1) / (each * threads) + 1 < 2 * (int64_t)stream->device->info.units)
        threads /= 2;
    return (fl_cuda_grid){fl_cuda_blocks(n, each * threads), 1, 1, threads, 0};
}

floe_status fl_cuda_check_small(const fl_step *step, floe_error *err)
{
    if (!fl_cuda_is_small(step->desc, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a tensor of 2^31 elements or more, which the GPU's kernels cannot index; "
                       "build for a smaller batch");
    return FLOE_OK;
}

bool fl_cuda_walks(const fl_op_desc *d, const char **why_not)
{
    if (!fl_cuda_all_plain(d))
        return fl_cuda_refuse(why_not, "blocked layouts");
    return fl_cuda_is_small(d, 1) || fl_cuda_refuse(why_not, "2^31 elements or more");
}

static bool is_whole(fl_dtype t) { return t == FL_I64 || t == FL_BOOL || (t >= FL_I8 && t <= FL_U32); }

/* ---- unary */

static bool supports_unary(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_dtype type = d->in[0]->dtype;

    (void)device;
    if (!fl_cuda_walks(d, why_not))
        return false;
    if (d->out[0]->dtype != type)
        return fl_cuda_refuse(why_not, "another type of y than of x");
    return fl_dtype_is_float(type) || is_whole(type) || fl_cuda_refuse(why_not, "u64");
}

static bool supports_unary_vector(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    if (!supports_unary(d, device, why_not))
        return false;
    if (!fl_cuda_is_storage(d->in[0]->dtype))
        return fl_cuda_refuse(why_not, "another type than f32, f16 and bf16");
    return FL_UNARY_HAS_VECTOR(d->p.unary.func) || fl_cuda_refuse(why_not, "no vector kernel for this function");
}

static floe_status launch_unary(const fl_step *step, fl_stream *stream, const char *kernel, int64_t each,
                                floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const int64_t n = fl_tensor_elements_at(d->in[0], 1);
    const fl_unary_args args = {step->in[0], step->out[0], (uint32_t)n, d->p.unary.func, d->p.unary.alpha,
                                (int32_t)d->in[0]->dtype};
    floe_status st = FLOE_OK;

    FL_TRY(fl_cuda_check_small(step, err));
    if (n == 0)
        return FLOE_OK;
    const fl_cuda_grid grid = fl_cuda_spread(stream, n, each);
    FL_TRY(FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err));
done:
    return st;
}

static floe_status run_unary_vector(const fl_step *step, fl_stream *stream, floe_error *err)
{
    char kernel[32];

    snprintf(kernel, sizeof kernel, "unary_vector_%s", fl_dtype_name(step->desc->in[0]->dtype));
    return launch_unary(step, stream, kernel, FL_EACH_THREAD, err);
}

static const char *family_of(fl_dtype t) { return fl_cuda_is_storage(t) ? "float" : t == FL_F64 ? "f64" : "whole"; }

static floe_status run_unary_each(const fl_step *step, fl_stream *stream, floe_error *err)
{
    char kernel[32];

    snprintf(kernel, sizeof kernel, "unary_each_%s", family_of(step->desc->in[0]->dtype));
    return launch_unary(step, stream, kernel, 1, err);
}

/* ---- binary */

static bool supports_types(const fl_op_desc *d, const char **why_not)
{
    const fl_dtype type = d->in[0]->dtype;

    if (!fl_cuda_walks(d, why_not))
        return false;
    if (d->in[1]->dtype != type || d->out[0]->dtype != (fl_binary_is_comparison(d->p.binary.func) ? FL_BOOL : type))
        return fl_cuda_refuse(why_not, "sides of different types");
    if (d->p.binary.act != FL_UNARY_NONE && !fl_cuda_is_storage(d->out[0]->dtype))
        return fl_cuda_refuse(why_not, "an activation of another type than f32, f16 and bf16");
    return fl_dtype_is_float(type) || is_whole(type) || fl_cuda_refuse(why_not, "u64");
}

static bool supports_binary(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (fl_binary_is_comparison(d->p.binary.func))
        return fl_cuda_refuse(why_not, "a comparison");
    return supports_types(d, why_not);
}

static bool supports_binary_vector(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    if (!supports_binary(d, device, why_not))
        return false;
    if (!fl_cuda_is_storage(d->in[0]->dtype))
        return fl_cuda_refuse(why_not, "another type than f32, f16 and bf16");
    return FL_BINARY_HAS_VECTOR(d->p.binary.func) || fl_cuda_refuse(why_not, "no vector kernel for this function");
}

/* A tactic of its own, because it may not work in place: a side that is repeated can have as many bytes as y. */
static bool supports_binary_compare(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (!fl_binary_is_comparison(d->p.binary.func))
        return fl_cuda_refuse(why_not, "comparisons only");
    return supports_types(d, why_not);
}

static floe_status launch_binary(const fl_step *step, fl_stream *stream, const char *kernel, int64_t each,
                                 floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_binary_params *p = &d->p.binary;
    const int64_t n = fl_tensor_elements_at(d->out[0], 1);
    floe_status st = FLOE_OK;

    FL_TRY(fl_cuda_check_small(step, err));
    if (n == 0)
        return FLOE_OK;
    const fl_binary_args args = {.a = step->in[0], .b = step->in[1], .y = step->out[0],
                                 .walk = fl_cuda_walk_of(d, 2, 16 / (int64_t)fl_dtype_bytes(d->in[0]->dtype)),
                                 .func = p->func, .act = p->act, .alpha = p->alpha, .type = (int32_t)d->in[0]->dtype};
    const fl_cuda_grid grid = fl_cuda_spread(stream, n, each);
    FL_TRY(FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err));
done:
    return st;
}

static floe_status run_binary_vector(const fl_step *step, fl_stream *stream, floe_error *err)
{
    char kernel[32];

    snprintf(kernel, sizeof kernel, "binary_vector_%s", fl_dtype_name(step->desc->in[0]->dtype));
    return launch_binary(step, stream, kernel, FL_EACH_THREAD, err);
}

static floe_status run_binary_each(const fl_step *step, fl_stream *stream, floe_error *err)
{
    char kernel[32];

    snprintf(kernel, sizeof kernel, "binary_each_%s", family_of(step->desc->in[0]->dtype));
    return launch_binary(step, stream, kernel, 1, err);
}

static floe_status run_binary_compare(const fl_step *step, fl_stream *stream, floe_error *err)
{
    return fl_cuda_is_storage(step->desc->in[0]->dtype) ? run_binary_vector(step, stream, err)
                                                        : run_binary_each(step, stream, err);
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

static uint64_t cost_compare(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_is_storage(d->in[0]->dtype) ? cost_vector(d, device, batch) : cost_each(d, device, batch);
}

/* Each thread reads what it overwrites before it does, and no other thread reads that. */
#define TACTIC(kind, op_name, method, supports_fn, slots)                                     \
    {.name = "cuda." #op_name ".any." #method, .op = FL_OP_##kind, .supports = supports_fn,   \
     .workspace_bytes = fl_cuda_no_workspace, .in_place = (slots),                            \
     .run = run_##op_name##_##method, .cost = cost_##method}

static const fl_tactic unary_vector = TACTIC(UNARY, unary, vector, supports_unary_vector, 1);
static const fl_tactic unary_each = TACTIC(UNARY, unary, each, supports_unary, 1);
static const fl_tactic binary_vector = TACTIC(BINARY, binary, vector, supports_binary_vector, 3);
static const fl_tactic binary_each = TACTIC(BINARY, binary, each, supports_binary, 3);
static const fl_tactic binary_compare = TACTIC(BINARY, binary, compare, supports_binary_compare, 0);

static const fl_tactic *const unary[] = {&unary_vector, &unary_each};
static const fl_tactic *const binary[] = {&binary_vector, &binary_each, &binary_compare};
const fl_tactic_list fl_cuda_unary = {unary, sizeof unary / sizeof *unary};
const fl_tactic_list fl_cuda_binary = {binary, sizeof binary / sizeof *binary};
