/* cuda_softmax.c - tactics of softmax along any axis (kernel/softmax.cu): x is [outer, n, inner], in rows where inner
 * is 1, else in columns. A thread gets up to FL_SOFTMAX_EACH values, which it keeps; less where slices are few.
 */
#include "backend/cuda/cuda.h"
#include "backend/cuda/kernel/softmax_args.h"

#include <stdio.h>

#define FEW_BLOCKS   132 /* of a large GPU, one a multiprocessor */
#define ROWS_THREADS 128 /* of a block that has a warp or less for each slice */

static bool supports(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (!fl_cuda_all_plain(d))
        return fl_cuda_refuse(why_not, "blocked layouts");
    if (!fl_cuda_is_storage(d->in[0]->dtype))
        return fl_cuda_refuse(why_not, "another type than f32, f16 and bf16");
    return fl_cuda_is_small(d, 1) || fl_cuda_refuse(why_not, "2^31 elements or more");
}

static uint32_t log2_of(int64_t n)
{
    uint32_t log = 0;

    while ((int64_t)1 << log < n)
        log++;
    return log;
}

/* Threads of a slice: a power of two, up to a warp or from four warps up to a block. */
static int64_t group_of(int64_t slices, int64_t n)
{
    int64_t group = 1;

    if (n <= 32 * FL_SOFTMAX_EACH) {
        while (group < 32 && group < n && (group * FL_SOFTMAX_EACH < n || slices * group < FEW_BLOCKS * ROWS_THREADS))
            group *= 2;
        return group;
    }
    group = ROWS_THREADS;
    while (group < FL_SOFTMAX_THREADS && (group * FL_SOFTMAX_EACH < n || (slices < FEW_BLOCKS && group * 4 <= n)))
        group *= 2;
    return group;
}

/* Neighbouring slices of a block. */
static int64_t lanes_of(int64_t slices, int64_t n)
{
    int64_t lanes = FL_SOFTMAX_COLUMNS;

    while (lanes > 8 && FL_SOFTMAX_COLUMNS / lanes < n &&
           (FL_SOFTMAX_COLUMNS / lanes * FL_SOFTMAX_EACH < n || fl_cuda_blocks(slices, lanes) < FEW_BLOCKS))
        lanes /= 2;
    return lanes;
}

static floe_status run(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_tensor_desc *x = d->in[0];
    const int axis = d->p.axis.axis;
    int64_t inner = 1;
    char kernel[64];

    if (fl_tensor_elements_at(x, 1) == 0)
        return FLOE_OK;
    if (!fl_cuda_is_small(d, 1))
        return fl_fail(err, FLOE_ERR_LIMIT, "a softmax of 2^31 elements or more; build for a smaller batch");
    for (int i = axis + 1; i < x->rank; i++)
        inner *= x->dim[i];
    const int64_t n = x->dim[axis], slices = fl_tensor_elements_at(x, 1) / n;
    const bool rows = inner == 1;
    const int64_t group = rows ? group_of(slices, n) : lanes_of(slices, n);
    const uint32_t threads = !rows ? FL_SOFTMAX_COLUMNS : group > 32 ? (uint32_t)group : ROWS_THREADS;
    const fl_softmax_args args = {.x = step->in[0], .y = step->out[0], .slices = (uint32_t)slices, .n = (uint32_t)n,
                                  .inner = fl_cuda_divisor(inner), .log_group = log2_of(group)};
    const fl_cuda_grid grid = {fl_cuda_blocks(slices, rows ? threads / group : group), 1, 1, threads,
                               2 * (rows ? 32 : FL_SOFTMAX_COLUMNS) * sizeof(float)};
    snprintf(kernel, sizeof kernel, "softmax_%s_%s", rows ? "rows" : "columns", fl_dtype_name(x->dtype));
    return FL_CUDA_LAUNCH(stream, kernel, &grid, &args, err);
}

static uint64_t cost(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 8, 1.2);
}

static const fl_tactic lanes = {.name = "cuda.softmax.any.lanes", .op = FL_OP_SOFTMAX, .supports = supports,
                                .workspace_bytes = fl_cuda_no_workspace, .in_place = 1, .run = run, .cost = cost};
static const fl_tactic *const tactics[] = {&lanes};
const fl_tactic_list fl_cuda_softmax = {tactics, sizeof tactics / sizeof *tactics};
