/* test_base_crc32c.c - published vectors, and tables, instruction and the one-bit-a-step definition against each
 * other. The source file is included, so that both ways are tested also where the processor would pick one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc32c.c"

/* The definition: bits reversed, register starting and ending inverted. */
static uint32_t crc_by_bits(uint32_t crc, const uint8_t *p, size_t size)
{
    for (crc = ~crc; size > 0; p++, size--) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void published_vectors(void **state)
{
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    (void)state;

    for (size_t i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(fl_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(fl_crc32c(0, zeros, 32), 0x8a9136aa); /* these four: RFC 3720, B.4 */
    assert_int_equal(fl_crc32c(0, ones, 32), 0x62a8ab43);
    assert_int_equal(fl_crc32c(0, up, 32), 0x46dd794e);
    assert_int_equal(fl_crc32c(0, down, 32), 0x113fdb5c);
    assert_int_equal(fl_crc32c(0, "", 0), 0);
    assert_int_equal(fl_crc32c(0, NULL, 0), 0);
    assert_int_equal(fl_crc32c(0x12345678, NULL, 0), 0x12345678);
}

static void fill(uint8_t *data, size_t n)
{
    uint32_t random = 12345;
    for (size_t i = 0; i < n; i++) {
        random = random * 1664525 + 1013904223;
        data[i] = (uint8_t)(random >> 24);
    }
}

static void every_length_and_alignment_agrees_with_the_definition(void **state)
{
    uint8_t data[8 + 130];
    (void)state;

    fill(data, sizeof data);
    for (size_t start = 0; start < 8; start++)
        for (size_t n = 0; n <= 130; n++) {
            const uint32_t crc = (uint32_t)(n * 2654435761u), expected = crc_by_bits(crc, data + start, n);
            assert_int_equal(~crc_by_table(~crc, data + start, n), expected);
            if (has_instruction())
                assert_int_equal(~crc_by_instruction(~crc, data + start, n), expected);
            assert_int_equal(fl_crc32c(crc, data + start, n), expected);
        }
}

static void pieces_give_the_same_as_the_whole(void **state)
{
    static uint8_t data[10007];
    (void)state;

    fill(data, sizeof data);
    const uint32_t whole = crc_by_bits(0, data, sizeof data);
    for (size_t piece = 1; piece < 3000; piece = piece * 2 + 1) {
        uint32_t crc = 0;
        for (size_t at = 0; at < sizeof data; at += piece)
            crc = fl_crc32c(crc, data + at, sizeof data - at < piece ? sizeof data - at : piece);
        assert_int_equal(crc, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(every_length_and_alignment_agrees_with_the_definition),
        cmocka_unit_test(pieces_give_the_same_as_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
