/* op_loops.c - the strided iterator and copy; see op_loops.h for its use.
 *
 * An odometer: the last axis is the row, handed to the caller as a whole, the axes before it count. Before the first
 * row, axes of size 1 are dropped and an axis is merged into the next one when every operand steps through both as
 * through one (stride[outer] == stride[inner] * dim[inner]). A dense copy becomes one row this way, an NHWC tensor
 * plus a channel vector becomes rows of C elements.
 */
#include "op/op_loops.h"

#include <string.h>

void fl_dense_strides(int rank, const int64_t *dim, int64_t *stride)
{
    int64_t elements = 1;

    for (int i = rank - 1; i >= 0; i--) {
        stride[i] = elements;
        elements *= dim[i];
    }
}

void fl_loop_init(fl_loop *loop, int rank, const int64_t *dim)
{
    memset(loop, 0, sizeof *loop);
    loop->rank = rank;
    for (int i = 0; i < rank; i++) {
        loop->dim[i] = dim[i];
        loop->empty |= dim[i] == 0;
    }
}

void fl_loop_operand(fl_loop *loop, const int64_t *stride)
{
    for (int i = 0; i < loop->rank; i++)
        loop->stride[loop->operands][i] = stride[i];
    loop->operands++;
}

void fl_loop_broadcast(fl_loop *loop, const fl_tensor_desc *t)
{
    int64_t dense[FL_MAX_RANK], stride[FL_MAX_RANK] = {0};
    const int skip = loop->rank - t->rank;

    fl_dense_strides(t->rank, t->dim, dense);
    for (int i = 0; i < t->rank; i++)
        stride[i + skip] = t->dim[i] == 1 ? 0 : dense[i];
    fl_loop_operand(loop, stride);
}

static bool can_merge(const fl_loop *loop, int outer, int inner)
{
    for (int k = 0; k < loop->operands; k++)
        if (loop->stride[k][outer] != loop->stride[k][inner] * loop->dim[inner])
            return false;
    return true;
}

static void move_axis(fl_loop *loop, int to, int from)
{
    loop->dim[to] = loop->dim[from];
    for (int k = 0; k < loop->operands; k++)
        loop->stride[k][to] = loop->stride[k][from];
}

static void merge_axes(fl_loop *loop)
{
    int kept = 0;

    for (int i = 0; i < loop->rank; i++) {
        if (loop->dim[i] == 1)
            continue;
        if (kept > 0 && can_merge(loop, kept - 1, i)) {
            const int64_t merged = loop->dim[kept - 1] * loop->dim[i];
            move_axis(loop, kept - 1, i);
            loop->dim[kept - 1] = merged;
        } else {
            move_axis(loop, kept++, i);
        }
    }
    if (kept == 0) { /* a scalar, or nothing but ones */
        loop->dim[0] = 1;
        for (int k = 0; k < loop->operands; k++)
            loop->stride[k][0] = 1;
        kept = 1;
    }
    loop->rank = kept;
}

void fl_loop_start(fl_loop *loop)
{
    if (!loop->empty)
        merge_axes(loop); /* a second time it finds nothing to merge */
    loop->before_first = true;
    memset(loop->index, 0, sizeof loop->index);
    memset(loop->at, 0, sizeof loop->at);
    if (loop->empty)
        return;
    loop->row = loop->dim[loop->rank - 1];
    for (int k = 0; k < loop->operands; k++)
        loop->step[k] = loop->stride[k][loop->rank - 1];
}

bool fl_loop_next(fl_loop *loop)
{
    if (loop->before_first) {
        loop->before_first = false;
        return !loop->empty;
    }
    for (int i = loop->rank - 2; i >= 0 && !loop->empty; i--) {
        if (++loop->index[i] < loop->dim[i]) {
            for (int k = 0; k < loop->operands; k++)
                loop->at[k] += loop->stride[k][i];
            return true;
        }
        for (int k = 0; k < loop->operands; k++)
            loop->at[k] -= loop->stride[k][i] * (loop->dim[i] - 1);
        loop->index[i] = 0;
    }
    return false;
}

/* memcpy of a constant size is one load and one store, whatever type the elements really have. */
#define COPY_ROW(bytes)                                                                         \
    static void copy_row_##bytes(int64_t n, uint8_t *dst, int64_t ds, const uint8_t *src, int64_t ss) \
    {                                                                                           \
        for (int64_t i = 0; i < n; i++)                                                         \
            memcpy(dst + i * ds * (bytes), src + i * ss * (bytes), bytes);                      \
    }
COPY_ROW(1)
COPY_ROW(2)
COPY_ROW(4)
COPY_ROW(8)

typedef void (*copy_row_fn)(int64_t n, uint8_t *dst, int64_t ds, const uint8_t *src, int64_t ss);
static const copy_row_fn copy_rows[9] = {[1] = copy_row_1, [2] = copy_row_2, [4] = copy_row_4, [8] = copy_row_8};

void fl_copy_strided(size_t element_bytes, int rank, const int64_t *dim, void *dst, const int64_t *dst_stride,
                     const void *src, const int64_t *src_stride)
{
    const int64_t bytes = (int64_t)element_bytes;
    const copy_row_fn copy_row = copy_rows[element_bytes];
    fl_loop loop;

    fl_loop_init(&loop, rank, dim);
    fl_loop_operand(&loop, dst_stride);
    fl_loop_operand(&loop, src_stride);
    for (fl_loop_start(&loop); fl_loop_next(&loop);) {
        uint8_t *to = (uint8_t *)dst + loop.at[0] * bytes;
        const uint8_t *from = (const uint8_t *)src + loop.at[1] * bytes;
        if (loop.step[0] == 1 && loop.step[1] == 1)
            memcpy(to, from, (size_t)(loop.row * bytes));
        else
            copy_row(loop.row, to, loop.step[0], from, loop.step[1]);
    }
}

void fl_fill(void *dst, int64_t n, const void *value, size_t element_bytes)
{
    for (int64_t i = 0; i < n; i++)
        memcpy((uint8_t *)dst + (size_t)i * element_bytes, value, element_bytes);
}
