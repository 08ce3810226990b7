/* convert_scalar.c - see convert_tmpl.h: plain C as the compiler's baseline has it. */
#define V_ISA scalar

#include <stddef.h>
#include <stdint.h>

static void block_to_i32(const float *x, int32_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] >= -2147483648.0f && x[i] < 2147483648.0f ? (int32_t)x[i] : INT32_MIN;
}

#include "backend/cpu/kernel/convert_tmpl.h"
