/* cpu_move.c - tactics of the operators that only move elements of any type: transpose, slice, broadcast, reorder, reshape
 * and identity. Each states where element i of every axis of y comes from, as strides into x, and leaves the rest to
 * cpu_copy.c.
 */
#include "backend/cpu/cpu_copy.h"

#include <string.h>

static int64_t bytes_of(const fl_step *step) { return (int64_t)fl_dtype_bytes(step->desc->in[0]->dtype); }

static bool supports_plain(const fl_op_desc *desc, const char **why_not)
{
    return fl_cpu_all_plain(desc) || fl_cpu_refuse(why_not, "blocked layouts");
}

/* The same for all levels: these copy rows, which memcpy does best. */
static bool plain_on_any(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return supports_plain(desc, why_not);
}

/* ---- transpose */

static floe_status run_transpose(const fl_transpose_kernels *kernels, const fl_step *step, fl_stream *stream,
                                 floe_error *err)
{
    const fl_tensor_desc *x = step->desc->in[0], *y = step->desc->out[0];
    int64_t x_stride[FL_MAX_RANK], y_stride[FL_MAX_RANK], from[FL_MAX_RANK];

    (void)err;
    fl_dense_strides(x->rank, x->dim, x_stride);
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int i = 0; i < y->rank; i++)
        from[i] = x_stride[step->desc->p.transpose.perm[i]];
    fl_cpu_copy(stream, kernels, bytes_of(step), y->rank, y->dim, step->out[0], y_stride, step->in[0], from);
    return FLOE_OK;
}

#define FL_TRANSPOSE(ISA, isa)                                                                                        \
    FL_CPU_SIMD_TACTIC(TRANSPOSE, transpose, "cpu.transpose.any.tile", ISA, isa, supports_plain, run_transpose,       \
                       fl_any_transpose, FL_CPU_NO_WORKSPACE)
#include "backend/cpu/kernel/transpose.def"
#undef FL_TRANSPOSE

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
    const fl_slice_params *p = &step->desc->p.slice;
    const fl_tensor_desc *x = step->desc->in[0], *y = step->desc->out[0];
    int64_t x_stride[FL_MAX_RANK], y_stride[FL_MAX_RANK], first = 0;

    fl_dense_strides(x->rank, x->dim, x_stride);
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int i = 0; i < x->rank; i++)
        if (!places_exist(p->begin[i], p->stride[i], y->dim[i], x->dim[i]))
            return fl_fail(err, FLOE_ERR_SHAPE, "axis %d is cut at %lld, stride %lld, size %lld; at this batch it has "
                           "only %lld", i, (long long)p->begin[i], (long long)p->stride[i], (long long)y->dim[i],
                           (long long)x->dim[i]);
    if (fl_tensor_elements_at(y, 1) == 0)
        return FLOE_OK;
    for (int i = 0; i < x->rank; i++) {
        first += p->begin[i] * x_stride[i];
        x_stride[i] *= y->dim[i] > 1 ? p->stride[i] : 1; /* the stride of a single place may be anything */
    }
    fl_cpu_copy(stream, &fl_any_transpose__scalar, bytes_of(step), y->rank, y->dim, step->out[0], y_stride,
                (const uint8_t *)step->in[0] + first * bytes_of(step), x_stride);
    return FLOE_OK;
}

const fl_tactic fl_cpu_slice_copy = {.name = "cpu.slice.any.copy", .op = FL_OP_SLICE, .supports = plain_on_any,
                                     .run = run_slice, FL_CPU_NO_WORKSPACE};

/* ---- broadcast */

static floe_status run_broadcast(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_tensor_desc *x = step->desc->in[0], *y = step->desc->out[0];
    int64_t x_stride[FL_MAX_RANK], y_stride[FL_MAX_RANK], from[FL_MAX_RANK] = {0};
    const int skip = y->rank - x->rank;

    (void)err;
    fl_dense_strides(x->rank, x->dim, x_stride);
    fl_dense_strides(y->rank, y->dim, y_stride);
    for (int i = 0; i < x->rank; i++)
        from[i + skip] = x->dim[i] == 1 ? 0 : x_stride[i];
    fl_cpu_copy(stream, &fl_any_transpose__scalar, bytes_of(step), y->rank, y->dim, step->out[0], y_stride, step->in[0],
                from);
    return FLOE_OK;
}

const fl_tactic fl_cpu_broadcast_copy = {.name = "cpu.broadcast.any.copy", .op = FL_OP_BROADCAST,
                                         .supports = plain_on_any, .run = run_broadcast, FL_CPU_NO_WORKSPACE};

/* ---- reorder: plain to and from channel blocks */

static bool supports_reorder(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)
{
    const fl_layout from = desc->in[0]->layout, to = desc->out[0]->layout;

    (void)device;
    return from == to || from == FL_LAYOUT_PLAIN || to == FL_LAYOUT_PLAIN ||
           fl_cpu_refuse(why_not, "neither side is plain");
}

/* A view of one tensor as [N][blocks][H*W][width] from channel `c` on: strides in elements, and the offset. */
typedef struct blocks {
    int64_t stride[4], first;
} blocks;

static blocks blocks_at(const fl_tensor_desc *t, int64_t b, int64_t c)
{
    const int64_t pixels = t->dim[1] * t->dim[2], channels = t->dim[3], count = (channels + b - 1) / b;

    if (t->layout == FL_LAYOUT_PLAIN)
        return (blocks){{pixels * channels, b, channels, 1}, c};
    return (blocks){{count * pixels * b, pixels * b, b, 1}, c / b * pixels * b + c % b};
}

static floe_status run_reorder(const fl_step *step, fl_stream *stream, floe_error *err)
{
    static const uint64_t zero = 0;
    const fl_tensor_desc *x = step->desc->in[0], *y = step->desc->out[0];
    const int64_t bytes = bytes_of(step), c = x->dim[3];
    const int64_t b = x->layout == FL_LAYOUT_PLAIN ? fl_cpu_block(y) : fl_cpu_block(x), whole = c / b * b;

    (void)err;
    if (x->layout == y->layout) {
        fl_cpu_copy_flat(stream, step->out[0], step->in[0], (int64_t)fl_tensor_bytes_at(x, 1));
        return FLOE_OK;
    }
    /* Whole blocks, what is in the last one, and the zeros behind that. */
    const struct {
        int64_t channel, count, width;
    } parts[] = {{0, c / b, b}, {whole, 1, c - whole}, {c, 1, whole + b - c}};
    const int n_parts = c == whole ? 1 : y->layout == FL_LAYOUT_PLAIN ? 2 : 3;
    for (int i = 0; i < n_parts; i++) {
        const blocks from = blocks_at(x, b, parts[i].channel), to = blocks_at(y, b, parts[i].channel);
        const int64_t dim[4] = {x->dim[0], parts[i].count, x->dim[1] * x->dim[2], parts[i].width}, still[4] = {0};
        fl_cpu_copy(stream, &fl_any_transpose__scalar, bytes, 4, dim, (uint8_t *)step->out[0] + to.first * bytes,
                    to.stride, i == 2 ? (const void *)&zero : (const uint8_t *)step->in[0] + from.first * bytes,
                    i == 2 ? still : from.stride);
    }
    return FLOE_OK;
}

const fl_tactic fl_cpu_reorder_blocks = {.name = "cpu.reorder.any.blocks", .op = FL_OP_REORDER,
                                         .supports = supports_reorder, .run = run_reorder, FL_CPU_NO_WORKSPACE};

/* ---- reshape and identity: the same bytes */

static bool supports_all(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)
{
    (void)desc;
    (void)device;
    (void)why_not;
    return true;
}

static floe_status run_flat(const fl_step *step, fl_stream *stream, floe_error *err)
{
    (void)err;
    fl_cpu_copy_flat(stream, step->out[0], step->in[0], (int64_t)fl_tensor_bytes_at(step->desc->in[0], 1));
    return FLOE_OK;
}

const fl_tactic fl_cpu_reshape_copy = {.name = "cpu.reshape.any.copy", .op = FL_OP_RESHAPE, .supports = plain_on_any,
                                       .run = run_flat, FL_CPU_NO_WORKSPACE, .in_place = 1};
const fl_tactic fl_cpu_identity_copy = {.name = "cpu.identity.any.copy", .op = FL_OP_IDENTITY, .supports = supports_all,
                                        .run = run_flat, FL_CPU_NO_WORKSPACE, .in_place = 1};
