/* uff_import.h - a UFF graph becomes a network.
 *
 * Core operations are read as NVIDIA's parser reads them (tensors stay in the framework's order, orders are resolved only
 * inside Conv, ConvTranspose, Pool, FullyConnected, BatchNorm, LRN, Softmax); custom operations "_X" are TensorFlow
 * ops with their attributes as fields and TensorFlow's meaning. Shape arithmetic (Shape, StridedSlice, Stack, ...) is
 * followed symbolically with the batch as an unknown. All operations that floe does not know are reported at once.
 */
#ifndef FL_UFF_IMPORT_H
#define FL_UFF_IMPORT_H

#include "network/network.h"
#include "uff/uff.h"

typedef enum fl_uff_input_order { FL_UFF_ORDER_GRAPH, FL_UFF_ORDER_NCHW, FL_UFF_ORDER_NHWC, FL_UFF_ORDER_NC } fl_uff_input_order;

/* What the caller says of one input. dims exclude the batch when `batched`, else they are the whole shape. */
typedef struct fl_uff_input {
    const char        *name;
    int                rank;
    int64_t            dim[FL_MAX_RANK];
    bool               batched; /* dims exclude the batch, which becomes dimension 0 and dynamic */
    fl_uff_input_order order;   /* how the caller's buffer lies; GRAPH: as the graph has it */
} fl_uff_input;

typedef struct fl_uff_import_options {
    const fl_uff_input *inputs;
    size_t              n_inputs;
    const char *const  *outputs; /* in addition to MarkOutput nodes; with `only`, instead of them */
    size_t              n_outputs;
    bool                only;
    int64_t             max_batch; /* > 1: a batch fixed at 1 in the graph is made dynamic */
} fl_uff_import_options;

/* Weight bytes of the graph are borrowed by the network: the graph must outlive it. */
floe_status fl_uff_import(fl_network **out, const fl_uff_graph *graph, const fl_uff_import_options *options, floe_error *err);

/* UFF's, or TensorFlow's, number of a type to ours; FL_DTYPE_NONE when we have none. */
fl_dtype fl_uff_to_dtype(int64_t uff_dtype);
fl_dtype fl_uff_tf_to_dtype(int tf_dtype);

#endif
