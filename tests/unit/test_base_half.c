/* test_base_half.c - all 65536 patterns of both kinds, values by ldexp, and rounding at and beside every midpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/half.h"

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

typedef struct kind {
    float (*widen)(uint16_t);
    uint16_t (*narrow)(float);
    int mantissa_bits, bias;
    uint32_t infinity, quiet;
} kind;

static const kind half = {fl_half_to_float, fl_half_from_float, 10, 15, 0x7c00, 0x200};
static const kind bfloat = {fl_bfloat_to_float, fl_bfloat_from_float, 7, 127, 0x7f80, 0x40};

/* The value of a finite pattern, from the definition. */
static double value_of(const kind *k, uint32_t pattern)
{
    const int exponent = (int)((pattern & 0x7fff) >> k->mantissa_bits);
    const int mantissa = (int)(pattern & ((1u << k->mantissa_bits) - 1));
    const double magnitude = exponent ? ldexp(mantissa + (1 << k->mantissa_bits), exponent - k->bias - k->mantissa_bits)
                                      : ldexp(mantissa, 1 - k->bias - k->mantissa_bits);
    return pattern & 0x8000 ? -magnitude : magnitude;
}

static void check_all_patterns(const kind *k)
{
    for (uint32_t pattern = 0; pattern < 0x10000; pattern++) {
        const float f = k->widen((uint16_t)pattern);
        const uint32_t magnitude = pattern & 0x7fff;
        const uint16_t back = k->narrow(f);

        assert_int_equal(bits_of(f) >> 31, pattern >> 15);
        if (magnitude > k->infinity) {
            assert_true(isnan(f));
            assert_int_equal(back, pattern | k->quiet); /* the payload comes back, quiet */
            continue;
        }
        if (magnitude == k->infinity)
            assert_true(isinf(f));
        else
            assert_true((double)f == value_of(k, pattern));
        assert_int_equal(back, pattern);
    }
}

/* Between each two neighbours: the midpoint goes to the even one, what lies beside it to the nearer one. */
static void check_all_midpoints(const kind *k)
{
    for (uint32_t low = 0; low < k->infinity; low++) {
        const double next =
            low + 1 < k->infinity ? value_of(k, low + 1) : ldexp(1, (int)(k->infinity >> k->mantissa_bits) - k->bias);
        const double exact = (value_of(k, low) + next) / 2;
        const float middle = (float)exact;
        const uint32_t even = low & 1 ? low + 1 : low;

        assert_true((double)middle == exact);
        for (uint32_t sign = 0; sign < 2; sign++) {
            const float s = sign ? -1.0f : 1.0f;
            const uint32_t top = sign << 15;
            assert_int_equal(k->narrow(s * middle), top | even);
            assert_int_equal(k->narrow(s * nextafterf(middle, 0)), top | low);
            assert_int_equal(k->narrow(s * nextafterf(middle, INFINITY)), top | (low + 1));
        }
    }
}

static void half_patterns_survive_the_round_trip(void **state)
{
    (void)state;
    check_all_patterns(&half);
}

static void bfloat_patterns_survive_the_round_trip(void **state)
{
    (void)state;
    check_all_patterns(&bfloat);
}

static void half_rounds_to_nearest_even(void **state)
{
    (void)state;
    check_all_midpoints(&half);
}

static void bfloat_rounds_to_nearest_even(void **state)
{
    (void)state;
    check_all_midpoints(&bfloat);
}

static void known_values(void **state)
{
    (void)state;
    assert_int_equal(fl_half_from_float(1.0f), 0x3c00);
    assert_int_equal(fl_half_from_float(-2.0f), 0xc000);
    assert_int_equal(fl_half_from_float(65504.0f), 0x7bff);
    assert_int_equal(fl_half_from_float(65519.996f), 0x7bff);
    assert_int_equal(fl_half_from_float(65520.0f), 0x7c00);
    assert_int_equal(fl_half_from_float(3.4e38f), 0x7c00);
    assert_int_equal(fl_half_from_float(INFINITY), 0x7c00);
    assert_int_equal(fl_half_from_float(-INFINITY), 0xfc00);
    assert_int_equal(fl_half_from_float(5.9604645e-8f), 0x0001);
    assert_int_equal(fl_half_from_float(1e-30f), 0x0000);
    assert_int_equal(fl_half_from_float(-0.0f), 0x8000);
    assert_int_equal(fl_half_from_float(float_of(1)), 0); /* a subnormal float */
    assert_int_equal(fl_bfloat_from_float(1.0f), 0x3f80);
    assert_int_equal(fl_bfloat_from_float(3.4028235e38f), 0x7f80);
    assert_int_equal(fl_bfloat_from_float(-0.0f), 0x8000);
}

static void nan_never_becomes_infinity(void **state)
{
    static const uint32_t patterns[] = {0x7f800001, 0x7fc00000, 0x7fffffff, 0x7f801fff, 0x7f80ffff, 0xff800001};
    (void)state;

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        assert_true(isnan(fl_half_to_float(fl_half_from_float(float_of(patterns[i])))));
        assert_true(isnan(fl_bfloat_to_float(fl_bfloat_from_float(float_of(patterns[i])))));
        assert_int_equal(fl_half_from_float(float_of(patterns[i])) >> 15, patterns[i] >> 31);
        assert_int_equal(fl_bfloat_from_float(float_of(patterns[i])) >> 15, patterns[i] >> 31);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_patterns_survive_the_round_trip),
        cmocka_unit_test(bfloat_patterns_survive_the_round_trip),
        cmocka_unit_test(half_rounds_to_nearest_even),
        cmocka_unit_test(bfloat_rounds_to_nearest_even),
        cmocka_unit_test(known_values),
        cmocka_unit_test(nan_never_becomes_infinity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
