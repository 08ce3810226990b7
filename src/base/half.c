/* half.c - float16 and bfloat16 by integer arithmetic on the bit patterns: the same result on every machine, whatever
 * its rounding mode and whether or not it flushes subnormals.
 *
 *     float     s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm   bias 127
 *     float16   s eeeee    mmmmmmmmmm                bias 15
 *     bfloat16  s eeeeeeee mmmmmmm                   bias 127: the upper half of a float
 *
 * Narrowing rounds to nearest, ties to even, by adding just under half a unit plus the bit that will be last. A carry
 * out of the mantissa goes into the exponent, which is the right answer each time: the largest subnormal becomes the
 * smallest normal, the largest finite number becomes infinity. A NaN stays one and becomes quiet, with the upper bits
 * of its payload, as the conversion instructions of x86 and ARM do it.
 */
#include "half.h"

#include <string.h>

#define FLOAT_INF    0x7f800000u
#define HALF_INF     0x7c00u
#define HALF_QUIET   0x0200u
#define BFLOAT_QUIET 0x0040u

static uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

float fl_half_to_float(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = h >> 10 & 0x1f;
    uint32_t mantissa = (uint32_t)(h & 0x3ff) << 13;

    if (exponent == 0x1f)
        return float_of(sign | FLOAT_INF | mantissa);
    if (exponent == 0 && mantissa == 0)
        return float_of(sign);
    if (exponent == 0) { /* subnormal: every one is a normal float; shift up until the leading 1 is implicit */
        for (exponent = 1; !(mantissa & 0x800000); mantissa <<= 1)
            exponent--; /* wraps below 0, and 127 - 15 brings it back */
        mantissa &= 0x7fffff;
    }
    return float_of(sign | (exponent + (127 - 15)) << 23 | mantissa);
}

/* value >> shift, rounded to nearest even. */
static uint32_t shift_rounded(uint32_t value, unsigned shift)
{
    const uint32_t odd = value >> shift & 1;
    return (value + (1u << (shift - 1)) - 1 + odd) >> shift;
}

uint16_t fl_half_from_float(float f)
{
    const uint32_t bits = bits_of(f), magnitude = bits & 0x7fffffff;
    const uint32_t sign = bits >> 16 & 0x8000;

    if (magnitude > FLOAT_INF)
        return (uint16_t)(sign | HALF_INF | HALF_QUIET | (magnitude >> 13 & 0x3ff));
    if (magnitude >= (uint32_t)(127 + 16) << 23) /* 65536 and above */
        return (uint16_t)(sign | HALF_INF);
    if (magnitude >= (uint32_t)(127 - 14) << 23) /* a normal half, or rounded up to infinity */
        return (uint16_t)(sign | shift_rounded(magnitude - ((uint32_t)(127 - 15) << 23), 13));

    /* Subnormal: units of 2^-24. Below 2^-25 it is nearest to 0; the tie 2^-25 itself goes to the even 0, too. */
    const unsigned shift = 126 - (magnitude >> 23);
    if (shift > 24)
        return (uint16_t)sign;
    return (uint16_t)(sign | shift_rounded((magnitude & 0x7fffff) | 0x800000, shift));
}

float fl_bfloat_to_float(uint16_t b)
{
    return float_of((uint32_t)b << 16);
}

uint16_t fl_bfloat_from_float(float f)
{
    const uint32_t bits = bits_of(f);

    if ((bits & 0x7fffffff) > FLOAT_INF)
        return (uint16_t)(bits >> 16 | BFLOAT_QUIET);
    return (uint16_t)shift_rounded(bits, 16);
}
