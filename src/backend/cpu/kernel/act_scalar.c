/* act_scalar.c - activations on rows, the readable truth: double precision, rounded once. */
#include "backend/cpu/kernel/act.h"

void fl_f32_act__scalar(int act, float alpha, size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fl_unary_f32(act, alpha, x[i]);
}
