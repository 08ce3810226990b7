/* softmax_scalar.c - the plain truth of softmax.h. */
#include "backend/cpu/kernel/softmax.h"

#include <math.h>

static void slice(const float *x, float *y, size_t n, size_t step)
{
    float highest = -INFINITY;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        highest = x[i * step] > highest ? x[i * step] : highest;
    for (size_t i = 0; i < n; i++) {
        y[i * step] = expf(x[i * step] - highest);
        sum += (double)y[i * step];
    }
    for (size_t i = 0; i < n; i++)
        y[i * step] = (float)((double)y[i * step] / sum);
}

static void rows(const float *x, float *y, size_t count, size_t n)
{
    for (size_t i = 0; i < count; i++)
        slice(x + i * n, y + i * n, n, 1);
}

static void columns(const float *x, float *y, size_t n, size_t step, size_t width)
{
    for (size_t j = 0; j < width; j++)
        slice(x + j, y + j, n, step);
}

const fl_softmax_kernels fl_f32_softmax__scalar = {rows, columns};
