/* reduce_scalar.c - the plain truth of reduce.h: one element after the other. */
#include "backend/cpu/kernel/reduce.h"

#include <math.h>

/* v: the next element, acc: the result so far. */
#define REDUCE(name, start, expression)                                                                 \
    static double name##_row(const float *x, size_t n)                                                  \
    {                                                                                                   \
        double acc = start;                                                                             \
        for (size_t i = 0; i < n; i++) {                                                                \
            const double v = (double)x[i];                                                              \
            acc = expression;                                                                           \
        }                                                                                               \
        return acc;                                                                                     \
    }                                                                                                   \
    static void name##_columns(const float *x, size_t m, size_t step, float *to, size_t n)              \
    {                                                                                                   \
        for (size_t j = 0; j < n; j++) {                                                                \
            double acc = (double)to[j];                                                                 \
            for (size_t i = 0; i < m; i++) {                                                            \
                const double v = (double)x[i * step + j];                                               \
                acc = expression;                                                                       \
            }                                                                                           \
            to[j] = (float)acc;                                                                         \
        }                                                                                               \
    }
REDUCE(sum, 0, acc + v)
REDUCE(max, -(double)INFINITY, v > acc || isnan(v) ? v : acc)
REDUCE(min, (double)INFINITY, v < acc || isnan(v) ? v : acc)

const fl_reduce_kernels fl_f32_reduce__scalar = {
    .row = {[FL_REDUCE_SUM] = sum_row, [FL_REDUCE_MAX] = max_row, [FL_REDUCE_MIN] = min_row},
    .columns = {[FL_REDUCE_SUM] = sum_columns, [FL_REDUCE_MAX] = max_columns, [FL_REDUCE_MIN] = min_columns},
};
