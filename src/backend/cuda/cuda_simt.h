/* cuda_simt.h - what the products on CUDA cores share: the size of a problem, b as a matrix, packing, rows for the lists of
 * conv2d and matmul.
 *
 * A convolution or matrix product is y[m, n] = sum over k of x[m, k] * b[k, n]. Constant weights are packed as f32 [k][pitch],
 * pitch being n as a multiple of 4, with zeros past n; then a constant bias at the next multiple of FL_ALIGN. Others are read
 * where they are, whatever their strides.
 */
#ifndef FL_CUDA_SIMT_H
#define FL_CUDA_SIMT_H

#include "backend/cuda/cuda.h"

/* The tiles of cuda_simt.c. */
extern const fl_tactic fl_cuda_conv2d_simt_large, fl_cuda_conv2d_simt_tall, fl_cuda_conv2d_simt_narrow,
    fl_cuda_conv2d_simt_small, fl_cuda_conv2d_simt_small_split, fl_cuda_conv2d_simt_narrow_split,
    fl_cuda_matmul_simt_large, fl_cuda_matmul_simt_tall, fl_cuda_matmul_simt_narrow, fl_cuda_matmul_simt_small,
    fl_cuda_matmul_simt_small_split, fl_cuda_matmul_simt_narrow_split;

/* Rows for the lists of cuda_conv2d.c and cuda_matmul.c, in order. */
#define FL_CUDA_CONV2D_SIMT_ROWS                                                                                      \
    &fl_cuda_conv2d_simt_large, &fl_cuda_conv2d_simt_tall, &fl_cuda_conv2d_simt_narrow,                               \
        &fl_cuda_conv2d_simt_small_split, &fl_cuda_conv2d_simt_narrow_split, &fl_cuda_conv2d_simt_small,              \
        &fl_cuda_conv2d_skinny, &fl_cuda_conv2d_grouped, &fl_cuda_conv2d_direct
#define FL_CUDA_MATMUL_SIMT_ROWS                                                                                      \
    &fl_cuda_matmul_simt_large, &fl_cuda_matmul_simt_tall, &fl_cuda_matmul_skinny, &fl_cuda_matmul_simt_narrow,       \
        &fl_cuda_matmul_simt_small_split, &fl_cuda_matmul_simt_narrow_split, &fl_cuda_matmul_simt_small,              \
        &fl_cuda_matmul_integer_direct
extern const fl_tactic *const fl_cuda_conv2d_simt_tactics[];
extern const size_t           fl_cuda_conv2d_simt_count;
extern const fl_tactic *const fl_cuda_matmul_simt_tactics[];
extern const size_t           fl_cuda_matmul_simt_count;
/* Members of these rows with files of their own. */
extern const fl_tactic fl_cuda_conv2d_skinny, fl_cuda_matmul_skinny;                                 /* cuda_skinny.c */
extern const fl_tactic fl_cuda_conv2d_grouped, fl_cuda_conv2d_direct, fl_cuda_matmul_integer_direct; /* cuda_direct.c */

/* ---- sizes; of one group */

typedef struct fl_simt_size {
    int64_t m, n, k, groups;
} fl_simt_size;
fl_simt_size fl_simt_size_of(const fl_op_desc *d, int64_t batch); /* conv2d, matmul */

/* ---- weights */

/* b of conv2d, matmul and conv2d_transpose: element (tap t, row r, column n) at t * tap + r * row + n * column. */
typedef struct fl_simt_matrix {
    int64_t taps, rows, columns; /* k = taps * rows; where a row is as far from the next everywhere, taps is 1 */
    int64_t tap, row, column;
} fl_simt_matrix;
fl_simt_matrix fl_simt_matrix_of(const fl_op_desc *d);
/* The same as fl_simt_pack leaves it. */
fl_simt_matrix fl_simt_packed_matrix_of(const fl_op_desc *d);

#define FL_SIMT_PACKS (1u << FL_SLOT_WEIGHTS | 1u << FL_SLOT_BIAS)
floe_status fl_simt_pack(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err);
size_t      fl_simt_packed_bytes(const fl_op_desc *d);

typedef struct fl_simt_weights {
    const void    *b;
    fl_simt_matrix matrix;
    const float   *bias;               /* NULL: none */
    bool           b_half, bias_half;  /* tensors stored as x is, not as f32 */
} fl_simt_weights;
fl_simt_weights fl_simt_weights_of(const fl_step *step);

/* Plain tensors of f32, f16 and bf16: what all of them want. */
bool fl_simt_supports(const fl_op_desc *d, const char **why_not);

/* ---- costs */

/* fl_cuda_cost counts products of half precision at the rate of tensor cores; these have the rate of f32. */
double fl_simt_slower(const fl_op_desc *d);

#endif
