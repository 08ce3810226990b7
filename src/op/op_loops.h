/* op_loops.h - loops over tensors with strides: one iterator and one copy for all references that move or broadcast.
 *
 *     fl_loop loop;
 *     fl_loop_init(&loop, y->rank, y->dim);
 *     fl_loop_broadcast(&loop, a);                    operand 0, repeated where its dims are 1
 *     fl_loop_broadcast(&loop, b);                    operand 1
 *     for (fl_loop_start(&loop); fl_loop_next(&loop);)
 *         row(loop.row, a + loop.at[0], loop.step[0], b + loop.at[1], loop.step[1], ...);
 *
 * All counts and strides are in elements. Dims must be resolved. Axes that every operand walks as one are merged, so a
 * row is as long as the strides allow. Without elements there is no row; a scalar is one row of one element.
 */
#ifndef FL_OP_LOOPS_H
#define FL_OP_LOOPS_H

#include "op/tensor.h"

#define FL_LOOP_OPERANDS 4

typedef struct fl_loop {
    int64_t row;                    /* elements of a row */
    int64_t step[FL_LOOP_OPERANDS]; /* between the elements of a row */
    int64_t at[FL_LOOP_OPERANDS];   /* offset of the current row */
    /* private */
    int     rank, operands;
    bool    before_first, empty;
    int64_t dim[FL_MAX_RANK], index[FL_MAX_RANK];
    int64_t stride[FL_LOOP_OPERANDS][FL_MAX_RANK];
} fl_loop;

/* Strides of a dense row-major tensor. */
void fl_dense_strides(int rank, const int64_t *dim, int64_t *stride);

void fl_loop_init(fl_loop *loop, int rank, const int64_t *dim);
/* Adds an operand by its strides, one an axis of the loop. */
void fl_loop_operand(fl_loop *loop, const int64_t *stride);
/* Adds a dense operand whose shape broadcasts to the loop's. */
void fl_loop_broadcast(fl_loop *loop, const fl_tensor_desc *t);
/* Puts the loop before its first row; may be called again to run it again. */
void fl_loop_start(fl_loop *loop);
bool fl_loop_next(fl_loop *loop);

/* dst[...] = src[...] over dims, elements of 1, 2, 4 or 8 bytes. Strides may be 0 (src) and negative. */
void fl_copy_strided(size_t element_bytes, int rank, const int64_t *dim, void *dst, const int64_t *dst_stride,
                     const void *src, const int64_t *src_stride);
/* n times the element at `value`. */
void fl_fill(void *dst, int64_t n, const void *value, size_t element_bytes);

#endif
