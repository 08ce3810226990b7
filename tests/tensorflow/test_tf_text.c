/* test_tf_text.c - protobuf's wire and text formats: what protobuf itself would read and write. */
#include "tf_fixture.h"

#include "proto/text.h"
#include "proto/wire.h"

/* ---- wire */

static void fields_of_every_wire_type_are_read(void **state)
{
    /* 1: varint 300, 2: bytes "ab", 3: fixed32, 4: fixed64, 5: a group with a field inside, 6: -1 in ten bytes */
    static const uint8_t data[] = {0x08, 0xac, 0x02, 0x12, 2, 'a', 'b', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0,
                                   0x2b, 0x08, 1, 0x2c, 0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    fl_reader r = fl_reader_make(data, sizeof data);
    fl_pb_field f;

    assert_true(fl_pb_next(&r, &f) && f.number == 1 && f.wire == FL_PB_VARINT && f.value == 300);
    assert_true(fl_pb_next(&r, &f) && f.number == 2 && f.size == 2 && memcmp(f.bytes, "ab", 2) == 0);
    assert_true(fl_pb_next(&r, &f) && f.number == 3 && f.wire == FL_PB_FIXED32 && f.value == 1);
    assert_true(fl_pb_next(&r, &f) && f.number == 4 && f.wire == FL_PB_FIXED64 && f.value == 2);
    assert_true(fl_pb_next(&r, &f) && f.number == 6 && (int64_t)f.value == -1); /* the group is skipped */
    assert_false(fl_pb_next(&r, &f));
    assert_false(r.failed);
    for (size_t cut = 1; cut < sizeof data; cut++) { /* a cut file ends with a failure, or behind a whole field */
        uint8_t *copy = exact_copy(data, cut);
        r = fl_reader_make(copy, cut);
        while (fl_pb_next(&r, &f))
            ;
        const bool whole = cut == 3 || cut == 7 || cut == 12 || cut == 21 || cut == 25;
        assert_int_equal(r.failed, !whole);
        free(copy);
    }
    (void)state;
}

static void malformed_tags_and_groups_fail(void **state)
{
    static const struct {
        const char *data;
        size_t      size;
    } bad[] = {{"\x00\x01", 2},          /* field 0 */
               {"\x0e\x01", 2},          /* wire type 6 */
               {"\x2c", 1},              /* a group's end without its beginning */
               {"\x2b\x34", 2},          /* a group that another one ends */
               {"\x12\xff\xff\xff\xff\x0f", 6}, /* longer than the data */
               {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11}}; /* more than 64 bits */
    fl_pb_field f;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fl_reader r = fl_reader_make(bad[i].data, bad[i].size);
        while (fl_pb_next(&r, &f))
            ;
        if (!r.failed)
            fail_msg("case %zu was read", i);
    }
    uint8_t deep[1000];
    memset(deep, 0x2b, sizeof deep); /* groups in groups in groups */
    fl_reader r = fl_reader_make(deep, sizeof deep);
    assert_false(fl_pb_next(&r, &f));
    assert_true(r.failed);
    (void)state;
}

static void repeated_scalars_come_packed_or_not(void **state)
{
    static const uint8_t data[] = {0x0a, 3, 1,    0xac, 2, 0x08, 7, 0x15, 0, 0, 0x80,
                                   0x3f, 0x12, 8, 0, 0, 0, 0x40, 0, 0, 0, 0};
    fl_reader r = fl_reader_make(data, sizeof data);
    fl_pb_field f;
    uint64_t v[8];
    size_t n = 0;

    while (fl_pb_next(&r, &f)) {
        const fl_pb_wire element = f.number == 1 ? FL_PB_VARINT : FL_PB_FIXED32;
        assert_true(fl_pb_scalars(&f, element, v + n));
        n += fl_pb_scalar_count(&f, element);
    }
    assert_int_equal(n, 6);
    assert_true(v[0] == 1 && v[1] == 300 && v[2] == 7);
    assert_true(fl_pb_float(v[3]) == 1.0f && fl_pb_float(v[4]) == 2.0f && fl_pb_float(v[5]) == 0.0f);
    static const uint8_t cut[] = {0x12, 3, 0, 0, 0}; /* a fixed32 of three bytes */
    r = fl_reader_make(cut, sizeof cut);
    assert_true(fl_pb_next(&r, &f));
    assert_false(fl_pb_scalars(&f, FL_PB_FIXED32, v));
    (void)state;
}

static void sub_messages_get_minimal_lengths(void **state)
{
    fl_buf b = fl_buf_make(NULL);
    static const char filler[200] = "x";

    const size_t outer = fl_pb_begin(&b, 1);
    fl_pb_end(&b, fl_pb_begin(&b, 2)); /* empty */
    const size_t inner = fl_pb_begin(&b, 3);
    fl_pb_put_bytes(&b, 1, filler, sizeof filler);
    fl_pb_end(&b, inner);
    fl_pb_end(&b, outer);
    /* 0a len(2) | 12 00 | 1a len(2) | 0a len(2) 200 bytes */
    assert_int_equal(b.size, 3 + 2 + 3 + 3 + sizeof filler);
    assert_memory_equal(b.data, "\x0a\xd0\x01\x12\x00\x1a\xcb\x01\x0a\xc8\x01x", 12);
    fl_buf_free(&b);
    (void)state;
}

/* ---- text */

static const fl_pbtext_enum colours[] = {{"RED", 0}, {"GREEN", 7}, {NULL, 0}};
static const fl_pbtext_message thing;
static const fl_pbtext_field thing_fields[] = {
    {"i32", 1, FL_PBTEXT_INT32, NULL, NULL},      {"i64", 2, FL_PBTEXT_INT64, NULL, NULL},
    {"s64", 3, FL_PBTEXT_SINT64, NULL, NULL},     {"u32", 4, FL_PBTEXT_UINT32, NULL, NULL},
    {"u64", 5, FL_PBTEXT_UINT64, NULL, NULL},     {"b", 6, FL_PBTEXT_BOOL, NULL, NULL},
    {"e", 7, FL_PBTEXT_ENUM, NULL, colours},      {"f", 8, FL_PBTEXT_FLOAT, NULL, NULL},
    {"d", 9, FL_PBTEXT_DOUBLE, NULL, NULL},       {"x32", 10, FL_PBTEXT_FIXED32, NULL, NULL},
    {"s", 11, FL_PBTEXT_STRING, NULL, NULL},      {"m", 12, FL_PBTEXT_MESSAGE, &thing, NULL},
    {"x64", 13, FL_PBTEXT_FIXED64, NULL, NULL},
};
static const fl_pbtext_message thing = {"Thing", thing_fields, sizeof thing_fields / sizeof thing_fields[0]};

static void text_is(const char *text, const char *wire, size_t size)
{
    fl_buf out = fl_buf_make(NULL);
    floe_error err = {0};

    if (fl_pbtext_transcode(&out, &thing, text, strlen(text), "t", &err) != FLOE_OK)
        fail_msg("'%s': %s", text, err.message);
    if (out.size != size || (size > 0 && memcmp(out.data, wire, size) != 0))
        fail_msg("'%s' gave %zu bytes, expected %zu", text, out.size, size);
    fl_buf_free(&out);
}

static void text_fails(const char *text, const char *part)
{
    fl_buf out = fl_buf_make(NULL);
    floe_error err = {0};

    assert_int_equal(fl_pbtext_transcode(&out, &thing, text, strlen(text), "t", &err), FLOE_ERR_FORMAT);
    if (!strstr(err.message, part))
        fail_msg("'%s': expected '%s' in: %s", text, part, err.message);
    fl_buf_free(&out);
}

#define IS(text, wire) text_is(text, wire, sizeof(wire) - 1)

static void scalars_of_every_kind_are_read(void **state)
{
    IS("", "");
    IS("i32: -1", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    IS("i32: - 1 # minus may stand apart", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    IS("i32: 0x7fffffff", "\x08\xff\xff\xff\xff\x07");
    IS("i64: 017", "\x10\x0f");
    IS("s64: -2 s64: 2", "\x18\x03\x18\x04");
    IS("u64: 18446744073709551615", "\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    IS("b: true b: f b: 1, b: False", "\x30\x01\x30\x00\x30\x01\x30\x00");
    IS("e: GREEN e: 3", "\x38\x07\x38\x03");
    IS("f: 1.5 f: -inf", "\x45\x00\x00\xc0\x3f\x45\x00\x00\x80\xff");
    IS("f: 3f f: .5 f: 5. f: 1E2", "\x45\x00\x00\x40\x40\x45\x00\x00\x00\x3f\x45\x00\x00\xa0\x40\x45\x00\x00\xc8\x42");
    IS("f: 3.4028236e38 f: 1e39", "\x45\x00\x00\x80\x7f\x45\x00\x00\x80\x7f"); /* rounds to infinity, is infinity */
    IS("f: 3.40282351e38", "\x45\xff\xff\x7f\x7f");
    IS("d: 0.1", "\x49\x9a\x99\x99\x99\x99\x99\xb9\x3f");
    IS("x32: 4294967295 x64: 1", "\x55\xff\xff\xff\xff\x69\x01\x00\x00\x00\x00\x00\x00\x00");
    IS("i64: [1, 2 , 3] i64: []", "\x10\x01\x10\x02\x10\x03");
    (void)state;
}

static void strings_and_messages_are_read(void **state)
{
    IS("s: 'a' \"b\"\n'c'", "\x5a\x03" "abc");
    IS("s: '\\n\\t\\\\\\'\\\"\\0017\\x41g\\377'", "\x5a\x0a\n\t\\'\"\x01" "7Ag\xff");
    IS("s: '\\u00e9\\U0001F600'", "\x5a\x06\xc3\xa9\xf0\x9f\x98\x80");
    IS("m { i64: 1 }; m: < m { } >", "\x62\x02\x10\x01\x62\x02\x62\x00");
    IS("m [{ i64: 1 }, <i64: 2>]", "\x62\x02\x10\x01\x62\x02\x10\x02");
    (void)state;
}

static void errors_name_line_and_column(void **state)
{
    text_fails("i64: 1\n  what: 2", "line 2, column 3: unknown field 'what' of Thing");
    text_fails("i32: 2147483648", "does not fit");
    text_fails("u32: -1", "does not fit");
    text_fails("i64: 99999999999999999999", "64 bits");
    text_fails("i64: 1.5", "expected an integer");
    text_fails("i64: 089", "expected an integer");
    text_fails("f: 0x10", "expected a number");
    text_fails("f: 1e", "expected a number");
    text_fails("b: maybe", "true or false");
    text_fails("e: BLUE", "enum");
    text_fails("s: 'open", "does not end");
    text_fails("s: 'a\nb'", "does not end");
    text_fails("s: '\\q'", "escape");
    text_fails("s: '\\400'", "escape");
    text_fails("m { i64: 1", "ends inside");
    text_fails("m { i64: 1 >", "field name");
    text_fails("i64 1", "expected ':'");
    text_fails("m: 1", "expected '{'");
    text_fails("i64: [1 2]", "',' or ']'");
    text_fails("}", "field name");
    char deep[2000] = "";
    for (int i = 0; i < 300; i++)
        strcat(deep, "m { ");
    text_fails(deep, "too deep");
    (void)state;
}

static void escapes_are_protobufs(void **state)
{
    static const uint8_t all[] = {0, '\n', '\r', '\t', '"', '\'', '\\', 'a', 0x7f, 0xc3, 0xa9, '1'};
    static const char expected[] = "\\000\\n\\r\\t\\\"\\'\\\\a\\177\\303\\2511";
    fl_buf b = fl_buf_make(NULL);

    fl_pbtext_put_escaped(&b, all, sizeof all);
    assert_int_equal(b.size, sizeof expected - 1);
    assert_memory_equal(b.data, expected, b.size);
    fl_buf_free(&b);
    (void)state;
}

static void text_is_told_from_binary_by_its_first_word(void **state)
{
    char word[8];

    assert_true(fl_pbtext_first_word("# hi\n  node {", 13, word, sizeof word));
    assert_string_equal(word, "node");
    assert_true(fl_pbtext_first_word("a_very_long_name: 1", 19, word, sizeof word));
    assert_string_equal(word, "a_very_");
    assert_false(fl_pbtext_first_word("node", 4, NULL, 0));
    assert_false(fl_pbtext_first_word("\x0a\x05\x0a\x03", 4, NULL, 0));
    assert_false(fl_pbtext_first_word("1a: 2", 5, NULL, 0));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_every_wire_type_are_read),
        cmocka_unit_test(malformed_tags_and_groups_fail),
        cmocka_unit_test(repeated_scalars_come_packed_or_not),
        cmocka_unit_test(sub_messages_get_minimal_lengths),
        cmocka_unit_test(scalars_of_every_kind_are_read),
        cmocka_unit_test(strings_and_messages_are_read),
        cmocka_unit_test(errors_name_line_and_column),
        cmocka_unit_test(escapes_are_protobufs),
        cmocka_unit_test(text_is_told_from_binary_by_its_first_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
