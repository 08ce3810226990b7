/* kernel_ulp.h - the distance of two floats in units of the last place. */
#ifndef TESTS_KERNEL_ULP_H
#define TESTS_KERNEL_ULP_H

#include "kernel_case.h"

/* Equal values are 0 apart, also 0 and -0, and NaN and NaN; NaN and anything else are as far apart as can be. */
static inline int64_t ulp_distance(float a, float b)
{
    int32_t i, j;

    if (same_value(a, b))
        return 0;
    if (isnan(a) || isnan(b))
        return INT64_MAX;
    memcpy(&i, &a, sizeof i);
    memcpy(&j, &b, sizeof j);
    const int64_t x = i < 0 ? -(int64_t)(i & 0x7fffffff) : i, y = j < 0 ? -(int64_t)(j & 0x7fffffff) : j;
    return x > y ? x - y : y - x;
}

#endif
