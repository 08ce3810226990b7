/* cpu_gemm.h - one driver for everything that is a matrix product with packed columns: matmul, conv2d of any stride,
 * dilation and padding, and each phase of conv2d_transpose.
 *
 * A job is a grid of output pixels (images x rows x columns of pixels), each of which sees taps of an input image
 * through row pointers (indirection, never im2col). A plain product is a grid of one row without padding.
 *
 *     y[n, i, j, o] = act(bias[o] + residual[n, i, j, o] + sum over taps (u, v) and c of
 *                         x[n, i * h.step + h.first + u * h.tap_step, j * w.step + w.first + v * w.tap_step, c]
 *                         * b[tap (u, v)][c][o])               and nothing where that lies outside x
 *
 * The packed form of b is cut into slivers of as many columns as the kernel's tile has:
 *
 *     [group][sliver][tap][depth][kernel columns], then  [group][slivers * kernel columns]  of bias, zeros as padding
 */
#ifndef FL_CPU_GEMM_H
#define FL_CPU_GEMM_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/kernel/act.h"
#include "backend/cpu/kernel/gemm.h"

typedef struct fl_gemm_axis {
    int64_t count;    /* output pixels */
    int64_t size;     /* input pixels */
    int64_t step;     /* input pixels from one output pixel to the next */
    int64_t first;    /* where output pixel 0 meets tap 0 */
    int64_t taps;
    int64_t tap_step; /* input pixels from one tap to the next; may be negative */
    int64_t place, place_step; /* tap t is number place + t * place_step of the filter's axis */
} fl_gemm_axis;

/* A plain axis: `count` pixels one after the other, one tap. */
static inline fl_gemm_axis fl_gemm_axis_plain(int64_t count) { return (fl_gemm_axis){count, count, 1, 0, 1, 1, 0, 1}; }

/* What packing needs to know: the product, and where the filter's elements lie. */
typedef struct fl_gemm_shape {
    const fl_gemm_kernel *kernel;
    int64_t groups, taps, depth, columns;                     /* of one group */
    int64_t group_step, tap_step, depth_step, column_step;    /* floats from one to the next in the filter */
} fl_gemm_shape;

int64_t fl_gemm_slivers(const fl_gemm_shape *shape); /* of a group */
int64_t fl_gemm_sliver_floats(const fl_gemm_shape *shape);
size_t fl_gemm_b_floats(const fl_gemm_shape *shape);    /* a multiple of FL_ALIGN bytes; so is the next */
size_t fl_gemm_bias_floats(const fl_gemm_shape *shape);

typedef struct fl_gemm_job {
    fl_gemm_shape shape;
    fl_gemm_axis  h, w;
    int64_t       images;
    int64_t       filter_width; /* taps in a row of the filter: tap (u, v) is number u * filter_width + v */
    const float  *x;
    int64_t       x_image, x_row, x_pixel; /* floats from one to the next */
    const float  *b, *bias;                /* packed */
    const float  *residual;                /* as y, or NULL */
    float        *y;
    int64_t       y_image, y_row, y_pixel; /* group g starts g * columns further */
    int           act;
    float         alpha;
} fl_gemm_job;

/* Whether scratch of that size can hold one tile of such a job; fl_gemm_run has FL_CPU_SCRATCH. */
bool fl_gemm_fits(const fl_gemm_shape *shape, size_t scratch_bytes);
void fl_gemm_run(const fl_gemm_job *job, fl_stream *stream);
/* From within a task, in a part of the worker's scratch. */
void fl_gemm_run_alone(const fl_gemm_job *job, const fl_stream *stream, void *scratch, size_t scratch_bytes);

/* ---- filter and bias that may be constant or not
 *
 * Constant ones are packed at build time; others are packed into the workspace in each run. Both memories hold
 * [b if it belongs there][bias if it belongs there]; an absent bias counts as constant. */
size_t fl_gemm_packed_bytes(fl_gemm_shape shape, const fl_op_desc *desc);
size_t fl_gemm_workspace_bytes(fl_gemm_shape shape, const fl_op_desc *desc);
floe_status fl_gemm_pack(fl_gemm_shape shape, const fl_op_desc *desc, const void *const *consts, fl_buf *out,
                         floe_error *err);
/* Packs what is not constant and sets the job's b and bias. */
void fl_gemm_weights(fl_gemm_job *job, const fl_step *step, fl_stream *stream);

#define FL_GEMM_TAKEN (1u << FL_SLOT_WEIGHTS | 1u << FL_SLOT_BIAS)

/* ---- the tactics of a family: one an fl_gemm_kernel
 *
 * FL_GEMM_TACTIC defines fl_cpu_<op>_<method>_<mr>x<nr>_<isa> from three functions of the file:
 *
 *     <method>_supports(kernel, desc, why_not)
 *     <method>_shape(kernel, desc, batch)        dims may depend on the batch before run
 *     <method>_run(kernel, step, stream)
 *
 * more: bytes of workspace beside the filter's, in terms of d and batch. */
#define FL_GEMM_TACTIC(op_name, OP, method, dtype, mr, nr, ISA, suffix, more)                                         \
    static bool method##_supports_##mr##x##nr##_##suffix(const fl_op_desc *d, const fl_device_info *device,           \
                                                         const char **why_not)                                        \
    {                                                                                                                 \
        if (device->isa < FL_CPU_##ISA)                                                                               \
            return fl_cpu_refuse(why_not, "needs instruction set " #suffix);                                          \
        return method##_supports(&fl_##dtype##_gemm_##mr##x##nr##__##suffix, d, why_not);                             \
    }                                                                                                                 \
    static size_t method##_workspace_##mr##x##nr##_##suffix(const fl_op_desc *d, const fl_device_info *device,        \
                                                            int64_t batch)                                            \
    {                                                                                                                 \
        (void)device;                                                                                                 \
        return fl_gemm_workspace_bytes(method##_shape(&fl_##dtype##_gemm_##mr##x##nr##__##suffix, d, batch), d) +     \
               (more);                                                                                                \
    }                                                                                                                 \
    static size_t method##_packed_##mr##x##nr##_##suffix(const fl_op_desc *d)                                         \
    {                                                                                                                 \
        return fl_gemm_packed_bytes(method##_shape(&fl_##dtype##_gemm_##mr##x##nr##__##suffix, d, 1), d);             \
    }                                                                                                                 \
    static floe_status method##_pack_##mr##x##nr##_##suffix(const fl_op_desc *d, const void *const *consts,           \
                                                            fl_buf *out, floe_error *err)                             \
    {                                                                                                                 \
        return fl_gemm_pack(method##_shape(&fl_##dtype##_gemm_##mr##x##nr##__##suffix, d, 1), d, consts, out, err);   \
    }                                                                                                                 \
    static floe_status method##_run_##mr##x##nr##_##suffix(const fl_step *step, fl_stream *stream, floe_error *err)   \
    {                                                                                                                 \
        (void)err;                                                                                                    \
        method##_run(&fl_##dtype##_gemm_##mr##x##nr##__##suffix, step, stream);                                       \
        return FLOE_OK;                                                                                               \
    }                                                                                                                 \
    const fl_tactic fl_cpu_##op_name##_##method##_##mr##x##nr##_##suffix = {                                          \
        .name = "cpu." #op_name "." #dtype "." #method "_" #mr "x" #nr "." #suffix,                                   \
        .op = FL_OP_##OP,                                                                                             \
        .level = FL_CPU_##ISA,                                                                                        \
        .supports = method##_supports_##mr##x##nr##_##suffix,                                                         \
        .workspace_bytes = method##_workspace_##mr##x##nr##_##suffix,                                                 \
        .packs = FL_GEMM_TAKEN,                                                                                       \
        .in_place = 1u << FL_SLOT_RESIDUAL,                                                                           \
        .pack = method##_pack_##mr##x##nr##_##suffix,                                                                 \
        .packed_bytes = method##_packed_##mr##x##nr##_##suffix,                                                       \
        .run = method##_run_##mr##x##nr##_##suffix};

#endif
