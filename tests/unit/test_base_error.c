/* test_base_error.c - statuses have texts; sentences are stored, prefixed, cut and made fit to be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"

static void every_status_has_its_own_text(void **state)
{
#define STATUS(name, text) {name, text},
    static const struct {
        floe_status status;
        const char *text;
    } rows[] = {FLOE_STATUS_LIST(STATUS)};
#undef STATUS
    (void)state;

    assert_int_equal(FLOE_OK, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(floe_status_text(rows[i].status), rows[i].text);
    assert_non_null(floe_status_text((floe_status)1000));
    assert_non_null(floe_status_text((floe_status)-1));
    assert_string_not_equal(floe_status_text((floe_status)-1), "");
}

static void fail_stores_status_and_sentence(void **state)
{
    floe_error err = {0};
    (void)state;

    assert_int_equal(fl_fail(&err, FLOE_ERR_SHAPE, "%s: found %d, expected %d", "layer 'a'", 3, 4), FLOE_ERR_SHAPE);
    assert_int_equal(err.status, FLOE_ERR_SHAPE);
    assert_string_equal(err.message, "layer 'a': found 3, expected 4");
    assert_int_equal(fl_fail_memory(&err, 123, "weights"), FLOE_ERR_MEMORY);
    assert_non_null(strstr(err.message, "123"));
    assert_non_null(strstr(err.message, "weights"));
}

static void null_error_is_allowed_everywhere(void **state)
{
    (void)state;
    assert_int_equal(fl_fail(NULL, FLOE_ERR_IO, "%s", "x"), FLOE_ERR_IO);
    assert_int_equal(fl_fail_memory(NULL, 1, "x"), FLOE_ERR_MEMORY);
    fl_error_prefix(NULL, "%s", "x");
}

static void the_old_sentence_may_be_an_argument(void **state)
{
    floe_error err;
    (void)state;

    fl_fail(&err, FLOE_ERR_IO, "inner");
    fl_fail(&err, FLOE_ERR_FORMAT, "outer: %s!", err.message);
    assert_string_equal(err.message, "outer: inner!");
    fl_error_prefix(&err, "<%s>", err.message);
    assert_string_equal(err.message, "<outer: inner!>: outer: inner!");
    assert_int_equal(err.status, FLOE_ERR_FORMAT);
}

static void prefix_goes_in_front_and_keeps_the_status(void **state)
{
    floe_error err;
    (void)state;

    fl_fail(&err, FLOE_ERR_UNSUPPORTED, "ksize [1,3,3,2]");
    fl_error_prefix(&err, "node '%s'", "pool1");
    fl_error_prefix(&err, "model.pb");
    assert_string_equal(err.message, "model.pb: node 'pool1': ksize [1,3,3,2]");
    assert_int_equal(err.status, FLOE_ERR_UNSUPPORTED);
}

static void long_sentences_are_cut_with_dots(void **state)
{
    floe_error err;
    char name[3000];
    const size_t last = sizeof err.message - 1;
    (void)state;

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    fl_fail(&err, FLOE_ERR_FORMAT, "%s", name);
    assert_int_equal(strlen(err.message), last);
    assert_string_equal(err.message + last - 4, "n...");

    fl_fail(&err, FLOE_ERR_FORMAT, "%.*s", (int)last, name); /* just fits: no dots */
    assert_string_equal(err.message + last - 4, "nnnn");
    fl_error_prefix(&err, "p");
    assert_int_equal(strlen(err.message), last);
    assert_memory_equal(err.message, "p: nnn", 6);
    assert_string_equal(err.message + last - 4, "n...");
    fl_error_prefix(&err, "%s", name); /* a prefix that fills all of it */
    assert_string_equal(err.message + last - 4, "n...");
}

static void a_cut_never_splits_a_character(void **state)
{
    floe_error err;
    char name[3000];
    (void)state;

    for (size_t shift = 0; shift < 4; shift++) { /* four bytes a character, cut at each of its bytes */
        memset(name, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof name; i += 4)
            memcpy(name + i, "\xf0\x9f\x9a\x80", 5);
        fl_fail(&err, FLOE_ERR_FORMAT, "%s", name);
        const size_t length = strlen(err.message);
        assert_string_equal(err.message + length - 3, "...");
        assert_int_equal((length - 3 - shift) % 4, 0);
        assert_memory_equal(err.message + length - 7, "\xf0\x9f\x9a\x80", 4);
    }
}

static void control_bytes_are_not_passed_on(void **state)
{
    floe_error err;
    (void)state;

    fl_fail(&err, FLOE_ERR_FORMAT, "node '%s': 2 lines\n\tand a tab", "a\x1b[31m\r\x7f\x01");
    assert_string_equal(err.message, "node 'a?[31m?\?\?': 2 lines?\?and a tab");
}

static floe_status goes_through_the_macros(int which, bool *cleaned, floe_error *err)
{
    floe_status st = FLOE_OK;
    void *const nothing = NULL;

    FL_TRY(which == 1 ? fl_fail(err, FLOE_ERR_IO, "try") : FLOE_OK);
    if (which == 2)
        FL_FAIL(err, FLOE_ERR_LIMIT, "found %d", which);
    FL_NEED(which == 3 ? nothing : err, 42, "a thing", err);
done:
    *cleaned = true;
    return st;
}

static void macros_leave_through_done_with_the_status(void **state)
{
    static const floe_status expected[] = {FLOE_OK, FLOE_ERR_IO, FLOE_ERR_LIMIT, FLOE_ERR_MEMORY};
    (void)state;

    for (int which = 0; which < 4; which++) {
        floe_error err = {0};
        bool cleaned = false;
        assert_int_equal(goes_through_the_macros(which, &cleaned, &err), expected[which]);
        assert_int_equal(err.status, expected[which]);
        assert_true(cleaned);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_own_text),
        cmocka_unit_test(fail_stores_status_and_sentence),
        cmocka_unit_test(null_error_is_allowed_everywhere),
        cmocka_unit_test(the_old_sentence_may_be_an_argument),
        cmocka_unit_test(prefix_goes_in_front_and_keeps_the_status),
        cmocka_unit_test(long_sentences_are_cut_with_dots),
        cmocka_unit_test(a_cut_never_splits_a_character),
        cmocka_unit_test(control_bytes_are_not_passed_on),
        cmocka_unit_test(macros_leave_through_done_with_the_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
