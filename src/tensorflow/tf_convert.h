/* tf_convert.h - a frozen GraphDef becomes a UFF graph, node for node as NVIDIA's converter writes it. */
#ifndef FL_TF_CONVERT_H
#define FL_TF_CONVERT_H

#include "tensorflow/graphdef.h"
#include "uff/uff.h"

typedef struct fl_tf_input_override { /* convert-to-uff -I name,new_name,dtype,dim1,dim2,... */
    const char *name, *new_name; /* new_name "" or NULL keeps the name */
    int         dtype;           /* TensorFlow's number */
    int         rank;
    int64_t     dim[16];
} fl_tf_input_override;

typedef struct fl_tf_convert_options {
    const char *const          *outputs; /* node names; none: the nodes that nothing consumes */
    size_t                      n_outputs;
    const fl_tf_input_override *inputs;
    size_t                      n_inputs;
    bool                        quiet; /* no progress lines at INFO */
    bool                        debug; /* trace lines at VERBOSE */
} fl_tf_convert_options;

/* Constants' bytes are borrowed: the TensorFlow graph must outlive the UFF graph. Nodes that core UFF cannot express
 * exactly become custom operations "_Op" with TensorFlow's attributes. */
floe_status fl_tf_to_uff(fl_uff_graph **out, fl_tf_graph *graph, const fl_tf_convert_options *options, floe_error *err);

#endif
