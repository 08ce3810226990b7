/* act.h - kernels: y[i] = act(x[i]) for the activations of fl_unary_func, rows of any length, x == y allowed.
 *
 * fl_f32_act__<isa>(act, alpha, n, x, y); act.def lists them. Behind convolutions and matrix products they run on each
 * tile while it is in the L1 cache; relu and relu6, which are clamps, are part of those kernels instead.
 */
#ifndef FL_KERNEL_ACT_H
#define FL_KERNEL_ACT_H

#include "backend/cpu/cpu_isa.h"
#include "op/op.h"

#include <math.h>

/* What a result is held to. NaN stays. */
typedef struct fl_clamp {
    float low, high;
} fl_clamp;

/* Whether an activation is a clamp: relu is 0 to infinity, relu6 0 to 6, none everything. *clamp is everything too where
 * it is not. */
static inline bool fl_act_clamp(int act, fl_clamp *clamp)
{
    const bool rectifies = act == FL_UNARY_RELU || act == FL_UNARY_RELU6;

    *clamp = (fl_clamp){rectifies ? 0.0f : -INFINITY, act == FL_UNARY_RELU6 ? 6.0f : INFINITY};
    return rectifies || act == FL_UNARY_NONE;
}

typedef void (*fl_act_fn)(int act, float alpha, size_t n, const float *x, float *y);

#define FL_ACT(dtype, ISA, isa) void fl_##dtype##_act__##isa(int act, float alpha, size_t n, const float *x, float *y);
#include "backend/cpu/kernel/act.def"
#undef FL_ACT

/* The best that runs at this level; cpu_kernels.c. */
fl_act_fn fl_act_kernel(fl_cpu_isa isa);

#endif
