/* op_loops.h - views with strides: one way to walk for all that moves, broadcasts or reduces.
 *
 *     fl_view v;
 *     fl_place place = {{0}, {0}};                    the first row
 *     fl_view_init(&v, y->rank, y->dim);
 *     fl_view_broadcast(&v, a);                       operand 0, repeated where its dims are 1
 *     fl_view_broadcast(&v, b);                       operand 1
 *     fl_view_merge(&v);
 *     for (int64_t rows = fl_view_rows(&v); rows > 0; rows--, fl_view_next(&v, &place))
 *         row(fl_view_row(&v), a + place.at[0], fl_view_step(&v, 0), b + place.at[1], fl_view_step(&v, 1), ...);
 *
 * All counts and strides are in elements. Dims must be resolved. Axes that every operand walks as one are merged, so a
 * row is as long as the strides allow. Without elements there is no row; a scalar is one row of one element.
 */
#ifndef FL_OP_LOOPS_H
#define FL_OP_LOOPS_H

#include "op/tensor.h"

#define FL_VIEW_OPERANDS 4

/* Axes outermost first. The last axis is the row; the others count rows. */
typedef struct fl_view {
    int     rank, operands; /* rank >= 1 once merged */
    bool    empty;
    int64_t dim[FL_MAX_RANK];
    int64_t stride[FL_VIEW_OPERANDS][FL_MAX_RANK];
} fl_view;

/* A place among the rows of a view: offsets of the row of each operand. All zero: the first row. */
typedef struct fl_place {
    int64_t at[FL_VIEW_OPERANDS];
    int64_t index[FL_MAX_RANK];
} fl_place;

/* Strides of a dense row-major tensor. */
void fl_dense_strides(int rank, const int64_t *dim, int64_t *stride);

void fl_view_init(fl_view *v, int rank, const int64_t *dim);
/* Adds an operand by its strides, one an axis of the view. */
void fl_view_operand(fl_view *v, const int64_t *stride);
/* Adds a dense operand whose shape broadcasts to the view's. */
void fl_view_broadcast(fl_view *v, const fl_tensor_desc *t);
/* Drops axes of size 1 and joins neighbours that every operand walks as one. A view of one element has rank 1. */
void fl_view_merge(fl_view *v);

static inline int64_t fl_view_row(const fl_view *v) { return v->dim[v->rank - 1]; } /* elements of a row */
static inline int64_t fl_view_step(const fl_view *v, int operand) { return v->stride[operand][v->rank - 1]; }
int64_t fl_view_rows(const fl_view *v);
void fl_view_seek(const fl_view *v, int64_t row, fl_place *place);
void fl_view_next(const fl_view *v, fl_place *place); /* after the last row comes the first */

/* dst[i * dst_step] = src[i * src_step] for i < n, by the bytes of an element: 1, 2, 4 or 8. */
typedef void (*fl_copy_row_fn)(int64_t n, uint8_t *dst, int64_t dst_step, const uint8_t *src, int64_t src_step);
extern const fl_copy_row_fn fl_copy_row[9];

/* dst[...] = src[...] over dims, elements of 1, 2, 4 or 8 bytes. Strides may be 0 (src) and negative. */
void fl_copy_strided(size_t element_bytes, int rank, const int64_t *dim, void *dst, const int64_t *dst_stride,
                     const void *src, const int64_t *src_stride);
/* n times the element at `value`. */
void fl_fill(void *dst, int64_t n, const void *value, size_t element_bytes);

#endif
