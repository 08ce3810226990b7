/* test_base_bytes.c - the sticky reader and writer: little-endian layout, limits of varints, failure that stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void numbers_are_little_endian_both_ways(void **state)
{
    static const uint8_t expected[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x84, 0x0f,
                                       0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x88};
    fl_buf buf = fl_buf_make(NULL);
    (void)state;

    fl_put_u8(&buf, 0x01);
    fl_put_u16(&buf, 0x0203);
    fl_put_u32(&buf, 0x84050607);
    fl_put_u64(&buf, 0x88090a0b0c0d0e0f);
    assert_int_equal(buf.size, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);

    fl_reader r = fl_reader_make(buf.data, buf.size);
    assert_int_equal(fl_read_u8(&r), 0x01);
    assert_int_equal(fl_read_u16(&r), 0x0203);
    assert_int_equal(fl_read_u32(&r), 0x84050607);
    assert_true(fl_read_u64(&r) == 0x88090a0b0c0d0e0f);
    assert_int_equal(fl_reader_left(&r), 0);
    assert_false(r.failed);
    fl_buf_free(&buf);
}

static void a_read_past_the_end_fails_for_good(void **state)
{
    static const uint8_t data[7] = {1, 2, 3, 4, 5, 6, 7};
    (void)state;

    fl_reader r = fl_reader_make(data, sizeof data);
    assert_int_equal(fl_read_u32(&r), 0x04030201);
    assert_int_equal(fl_read_u32(&r), 0); /* three bytes are left: not a part of them is read */
    assert_true(r.failed);
    assert_int_equal(fl_reader_left(&r), 0); /* loops over what is left end */
    assert_int_equal(fl_read_u8(&r), 0);     /* one byte would have been there */
    assert_int_equal(fl_read_varint(&r), 0);
    assert_null(fl_read_bytes(&r, 0));

    r = fl_reader_make(data, sizeof data);
    assert_null(fl_read_bytes(&r, SIZE_MAX));
    assert_true(r.failed);
}

static void bytes_are_borrowed_from_the_data(void **state)
{
    static const uint8_t data[5] = {1, 2, 3, 4, 5};
    fl_reader r = fl_reader_make(data, sizeof data);
    (void)state;

    assert_ptr_equal(fl_read_bytes(&r, 2), data);
    assert_ptr_equal(fl_read_bytes(&r, 0), data + 2);
    assert_ptr_equal(fl_read_bytes(&r, 3), data + 2);
    assert_non_null(fl_read_bytes(&r, 0)); /* at the end nothing may still be read */
    assert_false(r.failed);
    assert_null(fl_read_bytes(&r, 1));
    assert_true(r.failed);
}

static void an_empty_reader_over_null_is_no_failure_until_read(void **state)
{
    fl_reader r = fl_reader_make(NULL, 0);
    (void)state;

    assert_int_equal(fl_reader_left(&r), 0);
    assert_non_null(fl_read_bytes(&r, 0));
    assert_false(r.failed);
    assert_int_equal(fl_read_u8(&r), 0);
    assert_true(r.failed);
}

static void varints_survive_the_round_trip_at_their_limits(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit <= 64; bit++)
        for (int near = -1; near <= 1; near++) {
            const uint64_t v = (bit < 64 ? (uint64_t)1 << bit : 0) + (uint64_t)(int64_t)near;
            fl_buf buf = fl_buf_make(NULL);
            size_t length = 1;
            for (uint64_t rest = v; rest >= 128; rest /= 128)
                length++;
            fl_put_varint(&buf, v);
            assert_int_equal(buf.size, length);
            fl_reader r = fl_reader_make(buf.data, buf.size);
            assert_true(fl_read_varint(&r) == v);
            assert_false(r.failed);
            assert_int_equal(fl_reader_left(&r), 0);
            for (size_t cut = 0; cut < length; cut++) { /* each shorter piece is an unfinished number */
                r = fl_reader_make(buf.data, cut);
                assert_int_equal(fl_read_varint(&r), 0);
                assert_true(r.failed);
            }
            fl_buf_free(&buf);
        }
}

static void varints_that_do_not_fit_fail(void **state)
{
    static const uint8_t known[] = {0xac, 0x02}, padded[] = {0x80, 0x80, 0x00};
    static const uint8_t eleven[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0x00};
    static const uint8_t bit64[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    static const uint8_t most[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    (void)state;

    fl_reader r = fl_reader_make(known, sizeof known);
    assert_int_equal(fl_read_varint(&r), 300);
    r = fl_reader_make(padded, sizeof padded); /* longer than needed, but a number */
    assert_int_equal(fl_read_varint(&r), 0);
    assert_false(r.failed);
    r = fl_reader_make(most, sizeof most);
    assert_true(fl_read_varint(&r) == UINT64_MAX);
    r = fl_reader_make(bit64, sizeof bit64);
    assert_int_equal(fl_read_varint(&r), 0);
    assert_true(r.failed);
    r = fl_reader_make(eleven, sizeof eleven);
    assert_int_equal(fl_read_varint(&r), 0);
    assert_true(r.failed);
}

static void a_buffer_grows_and_keeps_its_content(void **state)
{
    fl_buf buf = fl_buf_make(NULL);
    (void)state;

    for (uint32_t i = 0; i < 100000; i++)
        fl_put_u32(&buf, i * 2654435761u);
    assert_false(buf.failed);
    assert_int_equal(buf.size, 400000);
    assert_true(buf.capacity >= buf.size);
    fl_reader r = fl_reader_make(buf.data, buf.size);
    for (uint32_t i = 0; i < 100000; i++)
        assert_true(fl_read_u32(&r) == i * 2654435761u);
    fl_buf_free(&buf);
    assert_null(buf.data);
    fl_put_u8(&buf, 1); /* usable again */
    assert_int_equal(buf.size, 1);
    fl_buf_free(&buf);
}

static void text_format_and_padding(void **state)
{
    fl_buf buf = fl_buf_make(NULL);
    (void)state;

    fl_put_zeros_to(&buf, 64);
    assert_int_equal(buf.size, 0);
    fl_put_text(&buf, "");
    fl_put_text(&buf, "abc");
    fl_put_format(&buf, "%d,%s", 17, "x");
    assert_int_equal(buf.size, 7);
    assert_memory_equal(buf.data, "abc17,x", 7);
    fl_put_zeros_to(&buf, 8);
    assert_int_equal(buf.size, 8);
    assert_int_equal(buf.data[7], 0);
    fl_put_zeros_to(&buf, 8);
    fl_put_zeros_to(&buf, 1);
    assert_int_equal(buf.size, 8);
    fl_put_u8(&buf, 1);
    fl_put_zeros_to(&buf, 4096);
    assert_int_equal(buf.size, 4096);
    for (size_t i = 9; i < 4096; i++)
        assert_int_equal(buf.data[i], 0);
    fl_put_bytes(&buf, NULL, 0);
    assert_int_equal(buf.size, 4096);
    for (int i = 0; i < 300; i++) /* formats across every growth: the NUL of vsnprintf has room and is not kept */
        fl_put_format(&buf, "%03d", i);
    assert_int_equal(buf.size, 4096 + 900);
    assert_memory_equal(buf.data + 4096 + 897, "299", 3);
    fl_buf_free(&buf);
}

typedef struct ledger {
    size_t left, live;
} ledger;

static void *ledger_alloc(void *user, size_t bytes, size_t align)
{
    ledger *l = user;
    void *ptr = NULL;

    if (l->left == 0 || posix_memalign(&ptr, align, bytes) != 0)
        return NULL;
    l->left--;
    l->live++;
    return ptr;
}

static void ledger_free(void *user, void *ptr)
{
    ((ledger *)user)->live--;
    free(ptr);
}

static void a_failed_write_stays_failed_and_keeps_what_was_there(void **state)
{
    (void)state;
    for (size_t allowed = 0; allowed < 4; allowed++) {
        ledger l = {.left = allowed};
        const floe_env env = {.alloc = ledger_alloc, .free = ledger_free, .alloc_user = &l};
        fl_buf buf = fl_buf_make(&env);
        uint32_t written = 0;

        for (; !buf.failed && written < 100000; written++)
            fl_put_u32(&buf, written);
        assert_true(buf.failed);
        const size_t size = buf.size;
        l.left = 100; /* memory is back, but the gap would never be noticed: nothing is written any more */
        fl_put_u8(&buf, 1);
        fl_put_text(&buf, "text");
        fl_put_format(&buf, "%d", 1);
        fl_put_varint(&buf, 1);
        fl_put_zeros_to(&buf, 64);
        assert_null(fl_buf_extend(&buf, 0));
        assert_int_equal(buf.size, size);
        assert_int_equal(size, (written - 1) * 4);
        for (uint32_t i = 0; i + 1 < written; i++)
            assert_int_equal(buf.data[4 * i], i & 255);
        fl_buf_free(&buf);
        assert_int_equal(l.live, 0);
    }
}

static void impossible_lengths_fail_instead_of_wrapping(void **state)
{
    (void)state;
    static const size_t lengths[] = {SIZE_MAX, SIZE_MAX - 1, (size_t)PTRDIFF_MAX + 1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        fl_buf buf = fl_buf_make(NULL);
        fl_put_u16(&buf, 1);
        assert_null(fl_buf_extend(&buf, lengths[i]));
        assert_true(buf.failed);
        assert_int_equal(buf.size, 2);
        fl_buf_free(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian_both_ways),
        cmocka_unit_test(a_read_past_the_end_fails_for_good),
        cmocka_unit_test(bytes_are_borrowed_from_the_data),
        cmocka_unit_test(an_empty_reader_over_null_is_no_failure_until_read),
        cmocka_unit_test(varints_survive_the_round_trip_at_their_limits),
        cmocka_unit_test(varints_that_do_not_fit_fail),
        cmocka_unit_test(a_buffer_grows_and_keeps_its_content),
        cmocka_unit_test(text_format_and_padding),
        cmocka_unit_test(a_failed_write_stays_failed_and_keeps_what_was_there),
        cmocka_unit_test(impossible_lengths_fail_instead_of_wrapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
