/* op_items.c - are the items of a batch kept apart? A batch may be run in pieces only where item i of every output depends
 * on item i of the inputs and on what all items share.
 *
 * A tensor has one dim -k at most that depends on the batch n; where items are apart, memory is [outer][n][rest]: `outer`
 * equal blocks, in each of them one range an item, in order. That is what is followed from layer to layer, since a
 * reshape keeps it, whatever axes it makes of it: [4n, 5] out of [n, 4, 5] has outer 1, out of [4, n, 5] outer 4 (as
 * space-to-batch has it in its middle), and both may go through a convolution and back. An axis -k of a tensor with b
 * elements in front of it (the product of those dims) has outer / b such blocks within itself.
 *
 * For all other operators it is enough to know which axis of the output an axis of an input becomes, if any.
 */
#include "op/op.h"

static int batch_axis(const fl_tensor_desc *t)
{
    for (int i = 0; i < t->rank; i++)
        if (fl_dim_is_dynamic(t->dim[i]))
            return i;
    return -1;
}

/* Product of the dims before an axis. */
static int64_t before(const fl_tensor_desc *t, int axis)
{
    int64_t n = 1;

    for (int i = 0; i < axis; i++)
        n *= t->dim[i];
    return n;
}

/* Blocks within the batch axis; 0 where its elements and the items do not fit each other. */
static int64_t blocks_of(const fl_tensor_desc *t, int axis, int64_t outer)
{
    const int64_t b = before(t, axis);
    const int64_t blocks = b > 0 && outer % b == 0 ? outer / b : 0;

    return blocks > 0 && -t->dim[axis] % blocks == 0 ? blocks : 0;
}

static int reduced_to(const fl_reduce_params *p, int axis)
{
    int kept = axis;

    if (p->axes >> axis & 1)
        return -1;
    for (int i = 0; i < axis && !p->keep_dims; i++)
        kept -= p->axes >> i & 1;
    return kept;
}

static int transposed_to(const fl_transpose_params *p, int axis)
{
    int to = 0;

    while (p->perm[to] != axis)
        to++;
    return to;
}

static int multiplied_to(const fl_matmul_params *p, int slot, int axis)
{
    if (slot == FL_SLOT_X)
        return axis == (p->transpose_a ? 1 : 0) ? 0 : -1;
    if (slot == FL_SLOT_WEIGHTS)
        return axis == (p->transpose_b ? 0 : 1) ? 1 : -1;
    return slot == FL_SLOT_BIAS ? 1 : axis;
}

/* Axis of y that an axis of the input in `slot` becomes; -1 where its elements meet one another, or who knows. */
static int axis_of_y(const fl_op_desc *d, int slot, int axis)
{
    const fl_op_params *p = &d->p;

    switch (d->op) {
    case FL_OP_UNARY:
    case FL_OP_CAST:
    case FL_OP_IDENTITY:
    case FL_OP_REORDER:
    case FL_OP_PAD:   /* which does not pad the batch, */
    case FL_OP_SLICE: /* and takes it whole, or so much of it that y does not depend on it */
        return axis;
    case FL_OP_BINARY:
    case FL_OP_SELECT:
    case FL_OP_BROADCAST:
        return axis + d->out[0]->rank - d->in[slot]->rank;
    case FL_OP_CONV2D:
    case FL_OP_DEPTHWISE_CONV2D:
    case FL_OP_CONV2D_TRANSPOSE:
        return axis == 0 && (slot == FL_SLOT_X || slot == FL_SLOT_RESIDUAL) ? 0 : -1;
    case FL_OP_POOL2D:
        return axis == 0 ? 0 : -1;
    case FL_OP_MATMUL:
        return multiplied_to(&p->matmul, slot, axis);
    case FL_OP_BATCH_NORM:
        return slot == 0 && !p->batch_norm.training && axis != p->batch_norm.axis ? axis : -1;
    case FL_OP_SOFTMAX:
    case FL_OP_CONCAT:
        return axis != p->axis.axis ? axis : -1;
    case FL_OP_REDUCE:
        return reduced_to(&p->reduce, axis);
    case FL_OP_TRANSPOSE:
        return transposed_to(&p->transpose, axis);
    default:
        return -1;
    }
}

bool fl_op_keeps_items(const fl_op_desc *d, const int64_t *outer, int64_t *outer_of_y)
{
    const int y_axis = batch_axis(d->out[0]);
    int64_t blocks = 0; /* of all inputs that depend on the batch */

    if (d->op == FL_OP_RESHAPE) { /* whether its axes fit the items is for who reads it */
        *outer_of_y = outer[0];
        return true;
    }
    for (int i = 0; i < d->n_in; i++) {
        const int axis = d->in[i] ? batch_axis(d->in[i]) : -1;
        if (axis < 0)
            continue;
        const int64_t found = blocks_of(d->in[i], axis, outer[i]);
        const int to = axis_of_y(d, i, axis);
        if (found == 0 || to < 0 || to != y_axis || (blocks && found != blocks))
            return false;
        blocks = found;
    }
    if (y_axis >= 0 && !blocks && d->op == FL_OP_BROADCAST)
        blocks = 1; /* the same for each item */
    *outer_of_y = y_axis < 0 ? 0 : blocks * before(d->out[0], y_axis);
    return y_axis < 0 || blocks > 0;
}
