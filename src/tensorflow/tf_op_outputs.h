/* tf_op_outputs.h - the output arguments of TensorFlow's operations, by which function bodies name tensors. */
#ifndef FL_TF_OP_OUTPUTS_H
#define FL_TF_OP_OUTPUTS_H

/* The op's output arguments, separated by spaces: "name" is one tensor, "name*attr" as many as the int attribute says,
 * "name[attr" as many as the type list has. NULL for ops with one output argument, and for unknown ones. */
const char *fl_tf_op_outputs(const char *op);

#endif
