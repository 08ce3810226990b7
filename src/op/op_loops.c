/* op_loops.c - views with strides and the plain copy over them; see op_loops.h for their use.
 *
 * An odometer: the last axis is the row, handed to the caller as a whole, the axes before it count. Merging drops axes
 * of size 1 and joins an axis to the next one when every operand steps through both as through one
 * (stride[outer] == stride[inner] * dim[inner]). A dense copy becomes one row this way, an NHWC tensor plus a channel
 * vector becomes rows of C elements.
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

void fl_view_init(fl_view *v, int rank, const int64_t *dim)
{
    memset(v, 0, sizeof *v);
    v->rank = rank;
    for (int i = 0; i < rank; i++) {
        v->dim[i] = dim[i];
        v->empty |= dim[i] == 0;
    }
}

void fl_view_operand(fl_view *v, const int64_t *stride)
{
    for (int i = 0; i < v->rank; i++)
        v->stride[v->operands][i] = stride[i];
    v->operands++;
}

void fl_view_broadcast(fl_view *v, const fl_tensor_desc *t)
{
    int64_t dense[FL_MAX_RANK], stride[FL_MAX_RANK] = {0};
    const int skip = v->rank - t->rank;

    fl_dense_strides(t->rank, t->dim, dense);
    for (int i = 0; i < t->rank; i++)
        stride[i + skip] = t->dim[i] == 1 ? 0 : dense[i];
    fl_view_operand(v, stride);
}

static bool joins(const fl_view *v, int outer, int inner)
{
    for (int k = 0; k < v->operands; k++)
        if (v->stride[k][outer] != v->stride[k][inner] * v->dim[inner])
            return false;
    return true;
}

static void move_axis(fl_view *v, int to, int from)
{
    v->dim[to] = v->dim[from];
    for (int k = 0; k < v->operands; k++)
        v->stride[k][to] = v->stride[k][from];
}

void fl_view_merge(fl_view *v)
{
    int kept = 0;

    if (v->empty)
        return;
    for (int i = 0; i < v->rank; i++) {
        if (v->dim[i] == 1)
            continue;
        if (kept > 0 && joins(v, kept - 1, i)) {
            const int64_t joined = v->dim[kept - 1] * v->dim[i];
            move_axis(v, kept - 1, i);
            v->dim[kept - 1] = joined;
        } else {
            move_axis(v, kept++, i);
        }
    }
    if (kept == 0) { /* a scalar, or nothing but ones */
        v->dim[0] = 1;
        for (int k = 0; k < v->operands; k++)
            v->stride[k][0] = 1;
        kept = 1;
    }
    v->rank = kept;
}

int64_t fl_view_rows(const fl_view *v)
{
    int64_t rows = v->empty ? 0 : 1;

    for (int i = 0; i + 1 < v->rank && rows; i++)
        rows *= v->dim[i];
    return rows;
}

void fl_view_seek(const fl_view *v, int64_t row, fl_place *place)
{
    memset(place, 0, sizeof *place);
    for (int i = v->rank - 2; i >= 0; i--) {
        place->index[i] = row % v->dim[i];
        row /= v->dim[i];
        for (int k = 0; k < v->operands; k++)
            place->at[k] += place->index[i] * v->stride[k][i];
    }
}

void fl_view_next(const fl_view *v, fl_place *place)
{
    for (int i = v->rank - 2; i >= 0; i--) {
        if (++place->index[i] < v->dim[i]) {
            for (int k = 0; k < v->operands; k++)
                place->at[k] += v->stride[k][i];
            return;
        }
        for (int k = 0; k < v->operands; k++)
            place->at[k] -= v->stride[k][i] * (v->dim[i] - 1);
        place->index[i] = 0;
    }
}

/* memcpy of a constant size is one load and one store, whatever type the elements really have. */
#define COPY_ROW(bytes)                                                                                     \
    static void copy_row_##bytes(int64_t n, uint8_t *dst, int64_t ds, const uint8_t *src, int64_t ss)       \
    {                                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                                     \
            memcpy(dst + i * ds * (bytes), src + i * ss * (bytes), bytes);                                  \
    }
COPY_ROW(1)
COPY_ROW(2)
COPY_ROW(4)
COPY_ROW(8)

const fl_copy_row_fn fl_copy_row[9] = {[1] = copy_row_1, [2] = copy_row_2, [4] = copy_row_4, [8] = copy_row_8};

void fl_copy_strided(size_t element_bytes, int rank, const int64_t *dim, void *dst, const int64_t *dst_stride,
                     const void *src, const int64_t *src_stride)
{
    const int64_t bytes = (int64_t)element_bytes;
    fl_place place = {{0}, {0}};
    fl_view v;

    fl_view_init(&v, rank, dim);
    fl_view_operand(&v, dst_stride);
    fl_view_operand(&v, src_stride);
    fl_view_merge(&v);
    for (int64_t rows = fl_view_rows(&v); rows > 0; rows--, fl_view_next(&v, &place)) {
        uint8_t *to = (uint8_t *)dst + place.at[0] * bytes;
        const uint8_t *from = (const uint8_t *)src + place.at[1] * bytes;
        const int64_t n = fl_view_row(&v), to_step = fl_view_step(&v, 0), from_step = fl_view_step(&v, 1);
        if (to_step == 1 && from_step == 1)
            memcpy(to, from, (size_t)(n * bytes));
        else
            fl_copy_row[element_bytes](n, to, to_step, from, from_step);
    }
}

void fl_fill(void *dst, int64_t n, const void *value, size_t element_bytes)
{
    for (int64_t i = 0; i < n; i++)
        memcpy((uint8_t *)dst + (size_t)i * element_bytes, value, element_bytes);
}
