/* cuda_tactics.c - which list of tactics an operator has. An operator without a row cannot run on the GPU: the builder says
 * so and names the layers.
 */
#include "backend/cuda/cuda_core.h"

static const fl_tactic_list *const lists[FL_OP_COUNT] = {
    [FL_OP_CONV2D] = &fl_cuda_conv2d,
    [FL_OP_MATMUL] = &fl_cuda_matmul,
    [FL_OP_DEPTHWISE_CONV2D] = &fl_cuda_depthwise_conv2d,
    [FL_OP_CONV2D_TRANSPOSE] = &fl_cuda_conv2d_transpose,
    [FL_OP_POOL2D] = &fl_cuda_pool2d,
    [FL_OP_UNARY] = &fl_cuda_unary,
    [FL_OP_BINARY] = &fl_cuda_binary,
    [FL_OP_BATCH_NORM] = &fl_cuda_batch_norm,
    [FL_OP_SOFTMAX] = &fl_cuda_softmax,
    [FL_OP_REDUCE] = &fl_cuda_reduce,
    [FL_OP_CONCAT] = &fl_cuda_concat,
    [FL_OP_RESHAPE] = &fl_cuda_copy_reshape,
    [FL_OP_TRANSPOSE] = &fl_cuda_transpose,
    [FL_OP_PAD] = &fl_cuda_pad,
    [FL_OP_SLICE] = &fl_cuda_slice,
    [FL_OP_BROADCAST] = &fl_cuda_broadcast,
    [FL_OP_SHAPE] = &fl_cuda_shape,
    [FL_OP_CAST] = &fl_cuda_cast,
    [FL_OP_SELECT] = &fl_cuda_select,
    [FL_OP_IDENTITY] = &fl_cuda_copy_identity,
    [FL_OP_REORDER] = &fl_cuda_reorder,
};

fl_tactic_list fl_cuda_tactics(const fl_device *device, fl_op_kind op)
{
    (void)device;
    return (unsigned)op < FL_OP_COUNT && lists[op] ? *lists[op] : (fl_tactic_list){NULL, 0};
}
