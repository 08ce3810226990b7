/* optimizer_util.h - what the passes share. */
#ifndef FL_OPTIMIZER_UTIL_H
#define FL_OPTIMIZER_UTIL_H

#include "optimizer/optimizer.h"

/* The passes, one file each. */
floe_status fl_opt_dropout(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_fold_constants(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_identities(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_activations(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_fold_pad(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_layout(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_transposes(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_fold_batchnorm(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_fold_scale(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_merge_scale_shift(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_fuse_residual(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_fuse_activation(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_precision(fl_opt_context *ctx, floe_error *err);
floe_status fl_opt_dead_layers(fl_opt_context *ctx, floe_error *err);

/* conv2d, depthwise_conv2d, conv2d_transpose, matmul: y = act(linear(x, weights) + bias + residual) */
bool       fl_opt_is_linear(const fl_layer *layer);
/* The channel axis of the output. */
int        fl_opt_channel_axis(const fl_layer *layer);
/* act and alpha of an operator that can carry an activation, else NULL. */
int32_t   *fl_opt_act(fl_layer *layer, float **alpha);
fl_tensor *fl_opt_slot(const fl_layer *layer, int slot); /* NULL when absent or past n_in */

/* The producer of a tensor when the tensor has no other use; NULL else. */
fl_layer *fl_opt_sole_producer(const fl_tensor *t);

/* A new float constant with room for its values, to be filled through *values. */
floe_status fl_opt_new_floats(fl_network *net, const char *name, int rank, const int64_t *dim, fl_tensor **out, float **values,
                              floe_error *err);
/* Whether the constant f32 `c`, broadcast against x, varies along `axis` only; then value k for channel k is
 * values[k * step] (step 0: one value for all). */
bool fl_opt_per_channel(const fl_tensor *c, const fl_tensor_desc *x, int axis, const float **values, int *step);
/* y = x * s + t along one axis; NULL: 1 or 0. Value k at [k * step]. */
typedef struct fl_opt_affine {
    const float *s, *t;
    int          s_step, t_step;
    bool         invert, negate; /* divide by s; subtract t */
} fl_opt_affine;
static inline float fl_opt_factor(const fl_opt_affine *a, int64_t k)
{
    const float s = a->s ? a->s[k * a->s_step] : 1.0f;
    return a->invert ? 1.0f / s : s;
}
static inline float fl_opt_term(const fl_opt_affine *a, int64_t k)
{
    const float t = a->t ? a->t[k * a->t_step] : 0.0f;
    return a->negate ? -t : t;
}
/* Whether a layer multiplies, divides, adds to or subtracts from the data in `slot` a constant along `axis`. */
bool fl_opt_affine_of(const fl_layer *layer, int slot, int axis, fl_opt_affine *a);
/* A constant scalar-like f32 (one element of any rank). */
bool fl_opt_scalar(const fl_tensor *c, float *value);

/* x takes the place of layer's first output; the layer is removed. Use counts stay right. */
void fl_opt_bypass(fl_opt_context *ctx, fl_layer *layer, fl_tensor *x);

#endif
