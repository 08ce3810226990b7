/* tf_dtype.h - the row behind each TensorFlow dtype; shared by the files that read and write tensors. */
#ifndef FL_TF_DTYPE_H
#define FL_TF_DTYPE_H

#include "proto/wire.h"
#include "tensorflow/graphdef.h"

#define FL_TF_REF 100 /* a reference type is its base type + 100 */

typedef struct fl_tf_dtype_row {
    const char *name, *ref_name, *python_name;
    size_t      bytes;       /* of one element; 0: strings, resources, variants */
    uint32_t    field;       /* of TensorProto that holds typed values */
    fl_pb_wire  wire;        /* of those values */
    size_t      per_element; /* values that make one element */
} fl_tf_dtype_row;

/* NULL for DT_INVALID, references and unknown numbers. */
const fl_tf_dtype_row *fl_tf_dtype_find(int dtype);
/* The type without its reference bit. */
int fl_tf_dtype_base(int dtype);

#endif
