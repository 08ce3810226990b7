/* op_check.h - what the definitions of operators share: the field table macro, checks with their sentences, and the
 * tail (bias, residual, activation) that is fused behind the operators that sum.
 *
 * Parameters and descriptors may come from a damaged PLAN, so infer trusts no enum, flag or rank before it went
 * through one of these. Private to src/op.
 */
#ifndef FL_OP_CHECK_H
#define FL_OP_CHECK_H

#include "op/op.h"

#include <stddef.h>

#define FL_OP(kind, name) extern const fl_op_def fl_op_##name;
#include "op/op.def"
#undef FL_OP

/* One row of a field table: FL_FIELD(fl_conv_params, I32, stride). The count follows from the member's size. */
#define FL_FIELD_BYTES_I32 4
#define FL_FIELD_BYTES_I64 8
#define FL_FIELD_BYTES_F32 4
#define FL_FIELD(params, type, member)                                   \
    {#member, FL_FIELD_##type, (uint16_t)offsetof(params, member),       \
     (uint16_t)(sizeof(((params *)0)->member) / FL_FIELD_BYTES_##type)}
#define FL_FIELD_END {NULL, FL_FIELD_I32, 0, 0}

#define FL_SLOT(i) (1u << (i))

static inline const fl_tensor_desc *fl_op_in(const fl_op_desc *d, int slot)
{
    return slot < d->n_in ? d->in[slot] : NULL;
}
/* The data of an input that may be absent. */
static inline const void *fl_op_data(const fl_op_desc *d, const void *const *in, int slot)
{
    return fl_op_in(d, slot) ? in[slot] : NULL;
}

/* 0 <= value < count. */
floe_status fl_check_enum(const char *what, int64_t value, int count, floe_error *err);
/* 0 or 1. */
floe_status fl_check_flag(const char *what, int32_t value, floe_error *err);
/* A fused activation: NONE and the activations, after float results only. */
floe_status fl_check_act(int32_t act, fl_dtype dtype, floe_error *err);
floe_status fl_check_dtype(const char *slot, const fl_tensor_desc *t, fl_dtype wanted, floe_error *err);
/* f32, f16 or bf16: what activations are stored in. */
floe_status fl_check_storage(const char *slot, const fl_tensor_desc *t, floe_error *err);
/* A weight beside activations stored as `storage`: of the same type, or f32 beside half precision (a tactic converts when
 * it packs). */
floe_status fl_check_weight(const char *slot, const fl_tensor_desc *t, fl_dtype storage, floe_error *err);
floe_status fl_check_rank(const char *slot, const fl_tensor_desc *t, int rank, floe_error *err);
/* 0 <= axis < rank of t. */
floe_status fl_check_axis(const char *slot, const fl_tensor_desc *t, int32_t axis, floe_error *err);
/* Rank 1 with exactly n elements. */
floe_status fl_check_vector(const char *slot, const fl_tensor_desc *t, int64_t n, floe_error *err);

/* The rule of layouts. Inputs named in `image_slots` may be blocked, all in the same way; every other input must be
 * plain, and a blocked one needs its channels last (`channels_last`). *layout is what the output follows. Operators
 * that only know plain tensors pass no image slots and may pass a NULL layout. */
floe_status fl_check_layouts(const fl_op_desc *d, uint32_t image_slots, bool channels_last, fl_layout *layout,
                             floe_error *err);
static inline floe_status fl_check_plain(const fl_op_desc *d, floe_error *err)
{
    return fl_check_layouts(d, 0, false, NULL, err);
}

/* A target shape of fl_dims_params as a descriptor, checked. */
floe_status fl_check_dims(fl_tensor_desc *out, const fl_dims_params *p, fl_dtype dtype, floe_error *err);

/* The tail of y = act(sum + bias + residual) of a convolution or matmul with `channels` of y, which is inferred. */
floe_status fl_check_tail(const fl_op_desc *d, int64_t channels, floe_error *err);

typedef struct fl_tail {
    const float *bias, *residual; /* NULL: absent */
    int          act;
    float        alpha;
} fl_tail;

/* One element of y: `channel` picks the bias, `at` the residual. Sums are double: the reference is the oracle of the
 * kernels, so it rounds once. */
static inline float fl_tail_apply(const fl_tail *tail, double sum, int64_t channel, int64_t at)
{
    if (tail->bias)
        sum += (double)tail->bias[channel];
    if (tail->residual)
        sum += (double)tail->residual[at];
    return tail->act == FL_UNARY_NONE ? (float)sum : fl_unary_f32(tail->act, tail->alpha, (float)sum);
}

/* flops of operators that do `each` operations per output element, of those that move data, and per input element. */
double fl_flops_none(const fl_op_desc *d, int64_t batch);
double fl_flops_per_output(const fl_op_desc *d, int64_t batch);
double fl_flops_per_input(const fl_op_desc *d, int64_t batch);
/* Tail operations per output element: one for each of bias, residual and activation. */
double fl_flops_of_tail(const fl_op_desc *d, int act, int64_t batch);

#endif
