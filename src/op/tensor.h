/* tensor.h - what is known of a tensor without its values: type, shape, layout.
 *
 * A dimension d >= 0 is a count. A dimension d < 0 stands for -d times the batch: a placeholder [?,224,224,3] has
 * dims {-1, 224, 224, 3}, and reshaped to [?*224*224, 3] it has {-50176, 3}. One number stays one number, equality
 * stays ==, element counts stay linear in the batch, and one engine serves every batch up to its maximum: only
 * fl_dim_at() is left to do at run time. What would be quadratic in the batch is refused when the network is made.
 *
 * dims are always logical, in the order of the graph (NHWC or NCHW as the op's format says). `layout` tells how
 * the elements lie in memory:
 *
 *   FL_LAYOUT_PLAIN   row-major in the order of dims
 *   FL_LAYOUT_C8/C16  rank 4, logical NHWC, stored [N][ceil(C/b)][H][W][b] with b = 8 or 16 channels a block and
 *                     zeros in the channels past C
 */
#ifndef FL_OP_TENSOR_H
#define FL_OP_TENSOR_H

#include "base/error.h"
#include "op/dtype.h"

#define FL_MAX_RANK 8

typedef enum fl_layout { FL_LAYOUT_PLAIN, FL_LAYOUT_C8, FL_LAYOUT_C16, FL_LAYOUT_COUNT } fl_layout;

typedef struct fl_tensor_desc {
    fl_dtype  dtype;
    fl_layout layout;
    bool      constant; /* the values are known at build time: weights can be packed */
    int       rank;
    int64_t   dim[FL_MAX_RANK];
} fl_tensor_desc;

/* The count a dimension stands for at this batch size. */
static inline int64_t fl_dim_at(int64_t dim, int64_t batch) { return dim < 0 ? -dim * batch : dim; }
static inline bool    fl_dim_is_dynamic(int64_t dim) { return dim < 0; }

/* a * b of two dimensions into *out; false if the product is quadratic in the batch or overflows int64. */
bool fl_dim_mul(int64_t a, int64_t b, int64_t *out);
/* a / b where b divides a exactly for every batch; false otherwise. */
bool fl_dim_div(int64_t a, int64_t b, int64_t *out);

/* Elements as a dimension (negative: per batch). FLOE_ERR_SHAPE if quadratic in the batch or above 2^48. */
floe_status fl_tensor_elements(const fl_tensor_desc *t, int64_t *out, floe_error *err);
/* For verified tensors: elements and stored bytes (block padding included) at this batch. */
int64_t fl_tensor_elements_at(const fl_tensor_desc *t, int64_t batch);
size_t  fl_tensor_bytes_at(const fl_tensor_desc *t, int64_t batch);
bool    fl_tensor_same_shape(const fl_tensor_desc *a, const fl_tensor_desc *b);
/* A plain-layout desc. */
fl_tensor_desc fl_tensor_make(fl_dtype dtype, int rank, const int64_t *dim);
/* Replaces dynamic dims by their counts at this batch. */
fl_tensor_desc fl_tensor_at(const fl_tensor_desc *t, int64_t batch);

/* "f32[N,224,224,3]", dynamic dims as N, 7N. Writes at most size bytes, always terminated; returns text. */
#define FL_TENSOR_TEXT 160
const char *fl_tensor_text(const fl_tensor_desc *t, char *text, size_t size);
/* "[N,224,224,3]" */
const char *fl_dims_text(const int64_t *dim, int rank, char *text, size_t size);

/* Numpy broadcast of two shapes into out (rank, dim); FLOE_ERR_SHAPE naming both where they do not fit. */
floe_status fl_tensor_broadcast(fl_tensor_desc *out, const fl_tensor_desc *a, const fl_tensor_desc *b, floe_error *err);

#endif
