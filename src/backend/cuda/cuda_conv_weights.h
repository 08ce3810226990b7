/* cuda_conv_weights.h - weights of depthwise convolutions, which are read as the graph has them: constant ones are packed as
 * they are (f32), others come as tensors. And pictures of either format. */
#ifndef FL_CUDA_CONV_WEIGHTS_H
#define FL_CUDA_CONV_WEIGHTS_H

#include "backend/cuda/cuda.h"

#define FL_CUDA_CONV_PACKS (1u << 1 | 1u << 2) /* filter, bias */

/* For the tactic table: a constant filter, then a constant bias, each as f32 at a multiple of FL_ALIGN. */
floe_status fl_cuda_conv_pack(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err);
size_t      fl_cuda_conv_packed_bytes(const fl_op_desc *d);

/* Where a step's filter and bias are. half: a tensor stored as x is, not as f32. */
typedef struct fl_cuda_conv_weights {
    const void  *filter;
    const float *bias; /* NULL: none */
    bool         filter_half, bias_half;
} fl_cuda_conv_weights;
fl_cuda_conv_weights fl_cuda_conv_weights_of(const fl_step *step);

/* Strides in elements of x and y and their sizes, for either format. */
typedef struct fl_cuda_image {
    int32_t n, h, w, c, stride_n, stride_h, stride_w, stride_c;
} fl_cuda_image;
fl_cuda_image fl_cuda_image_of(const fl_tensor_desc *t, int32_t format);

#endif
