/* tf_values.h - the value of a variable; between tf_values.c, which finds it, and tf_variables.c, which puts it in. */
#ifndef FL_TF_VALUES_H
#define FL_TF_VALUES_H

#include "tensorflow/tf_freezer.h"

/* The value of variable node n, in the arena or the mapped checkpoint. FLOE_ERR_NOT_FOUND (with a sentence about this
 * variable) when it has none. */
floe_status fl_tf_variable_value(fl_tf_freezer *f, const fl_tf_node *n, fl_arena *arena, fl_tf_tensor *out,
                                 floe_error *err);

#endif
