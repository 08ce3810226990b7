/* op_random_uniform.c - random numbers in [0, 1): the heart of dropout in a graph that was frozen while training.
 *
 * The operator exists so that the optimizer can recognise dropout and remove it. It cannot be run: a network that still
 * has one gives another answer each time, which is not inference. */
#include "op/op_check.h"

static const fl_field fields[] = {
    FL_FIELD(fl_dims_params, I32, rank), FL_FIELD(fl_dims_params, I64, dim), FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    return fl_check_dims(d->out[0], &d->p.dims, FL_F32, err);
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    (void)d;
    (void)in;
    (void)out;
    return fl_fail(err, FLOE_ERR_UNSUPPORTED, "random_uniform cannot be run: randomness is not inference; a dropout "
                   "around it is removed by the optimizer, anything else must be taken out of the graph");
}

const fl_op_def fl_op_random_uniform = {"random_uniform", 0, 0, 1, fields, infer, fl_flops_none, ref, false};
