/* test_base_names.c - the name table against what it must hold, doubles, prefixes, failure; and the nearest name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/names.h"

static void an_empty_table_finds_nothing(void **state)
{
    fl_arena arena;
    fl_names names;
    (void)state;

    fl_arena_init(&arena, NULL);
    fl_names_init(&names, &arena);
    assert_int_equal(fl_names_find(&names, "x"), FL_NAMES_NONE);
    assert_int_equal(fl_names_find(&names, ""), FL_NAMES_NONE);
    assert_int_equal(fl_names_find_n(&names, "", 0), FL_NAMES_NONE);
    assert_null(arena.last); /* and owns nothing */
}

static void many_names_are_all_found_and_no_others(void **state)
{
    enum { COUNT = 20000 };
    fl_arena arena;
    fl_names names;
    floe_error err;
    char name[64];
    (void)state;

    fl_arena_init(&arena, NULL);
    fl_names_init(&names, &arena);
    for (uint32_t i = 0; i < COUNT; i++) {
        const char *key = fl_arena_printf(&arena, "block_%u/conv/weights:%u", i % 37, i);
        assert_int_equal(fl_names_add(&names, key, i * 3, &err), FLOE_OK);
        assert_int_equal(names.count, i + 1);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        const int length = snprintf(name, sizeof name, "block_%u/conv/weights:%u", i % 37, i);
        assert_int_equal(fl_names_find(&names, name), i * 3);
        snprintf(name + length, sizeof name - (size_t)length, "tail"); /* found by length, not by NUL */
        assert_int_equal(fl_names_find_n(&names, name, (size_t)length), i * 3);
        assert_int_equal(fl_names_find(&names, name), FL_NAMES_NONE);
        snprintf(name, sizeof name, "block_%u/conv/weights:%u", (i + 1) % 37, i);
        assert_int_equal(fl_names_find(&names, name), FL_NAMES_NONE);
    }
    fl_arena_free(&arena);
}

static void names_of_all_lengths_differ_from_their_prefixes(void **state)
{
    static char keys[65][66];
    fl_arena arena;
    fl_names names;
    (void)state;

    fl_arena_init(&arena, NULL);
    fl_names_init(&names, &arena);
    for (uint32_t n = 0; n <= 64; n++) { /* the hash takes 8 bytes a step: all tails, and the empty name */
        memset(keys[n], 'a', n);
        assert_int_equal(fl_names_add(&names, keys[n], n, NULL), FLOE_OK);
    }
    for (uint32_t n = 0; n <= 64; n++)
        assert_int_equal(fl_names_find_n(&names, keys[64], n), n);
    fl_arena_free(&arena);
}

static void a_double_is_refused_by_add_and_taken_by_set(void **state)
{
    char same[] = "conv1";
    fl_arena arena;
    fl_names names;
    floe_error err;
    (void)state;

    fl_arena_init(&arena, NULL);
    fl_names_init(&names, &arena);
    assert_int_equal(fl_names_add(&names, "conv1", 1, &err), FLOE_OK);
    assert_int_equal(fl_names_add(&names, same, 2, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(err.status, FLOE_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "'conv1'"));
    assert_int_equal(fl_names_find(&names, "conv1"), 1);
    assert_int_equal(fl_names_set(&names, same, 3, &err), FLOE_OK);
    assert_int_equal(fl_names_find(&names, "conv1"), 3);
    assert_int_equal(names.count, 1);
    assert_int_equal(fl_names_set(&names, "conv2", 4, &err), FLOE_OK);
    assert_int_equal(fl_names_find(&names, "conv2"), 4);
    assert_int_equal(names.count, 2);
    fl_arena_free(&arena);
}

static void *no_memory(void *user, size_t bytes, size_t align)
{
    (void)user;
    (void)bytes;
    (void)align;
    return NULL;
}

static void out_of_memory_is_reported_and_loses_nothing(void **state)
{
    static char keys[1000][8];
    floe_env env = {0};
    fl_arena arena;
    fl_names names;
    floe_error err = {0};
    uint32_t added = 0;
    (void)state;

    fl_arena_init(&arena, &env);
    fl_names_init(&names, &arena);
    for (; added < 10; added++) {
        snprintf(keys[added], sizeof keys[added], "k%u", added);
        assert_int_equal(fl_names_add(&names, keys[added], added, &err), FLOE_OK);
    }
    env.alloc = no_memory; /* the arena has the rest of its block, then nothing */
    floe_status st = FLOE_OK;
    for (; st == FLOE_OK && added < 1000; added++) {
        snprintf(keys[added], sizeof keys[added], "k%u", added);
        st = fl_names_add(&names, keys[added], added, &err);
    }
    assert_int_equal(st, FLOE_ERR_MEMORY);
    assert_int_equal(err.status, FLOE_ERR_MEMORY);
    assert_int_equal(names.count, added - 1);
    for (uint32_t i = 0; i + 1 < added; i++)
        assert_int_equal(fl_names_find(&names, keys[i]), i);
    assert_int_equal(fl_names_find(&names, keys[added - 1]), FL_NAMES_NONE);
    env.alloc = NULL;
    fl_arena_free(&arena);
}

static void nearest_name_finds_typing_errors(void **state)
{
    static const char *const commands[] = {"build", "infer", "bench", NULL, "info", "convert", "serve"};
    static const struct {
        const char *typed, *meant;
    } rows[] = {
        {"biuld", "build"},    {"benhc", "bench"},      {"ifno", "info"},   {"infr", "infer"},
        {"convrt", "convert"}, {"convertt", "convert"}, {"serve", "serve"}, {"served", "serve"},
        {"bilud", NULL},       {"xyz", NULL},           {"", NULL},         {"completely-else", NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *found = fl_nearest_name(rows[i].typed, commands, sizeof commands / sizeof commands[0]);
        if (!rows[i].meant)
            assert_null(found);
        else if (!found)
            fail_msg("nothing is near '%s'", rows[i].typed);
        else
            assert_string_equal(found, rows[i].meant);
    }
    assert_null(fl_nearest_name("build", NULL, 0));
}

static void nearest_name_takes_the_nearest_and_the_limit_is_a_third(void **state)
{
    static const char *const names[] = {"abcdefxxx", "abcdefghX", "abcdefghi"};
    static const char *const far[] = {"abcdeXXXX"};
    (void)state;

    assert_ptr_equal(fl_nearest_name("abcdefghi", names, 3), names[2]);
    assert_ptr_equal(fl_nearest_name("abcdefghi", names, 2), names[1]);
    assert_ptr_equal(fl_nearest_name("abcdefghi", names, 1), names[0]); /* 3 of 9 */
    assert_null(fl_nearest_name("abcdefghi", far, 1));                  /* 4 of 9 */
}

static void nearest_name_compares_long_names_by_their_beginnings(void **state)
{
    static char text[5000], near[5000], far[5000];
    const char *const names[] = {far, near};
    (void)state;

    memset(text, 'a', sizeof text - 1);
    memset(near, 'a', sizeof near - 1);
    memset(far, 'b', sizeof far - 1);
    near[10] = 'x';
    assert_ptr_equal(fl_nearest_name(text, names, 2), near);
    assert_null(fl_nearest_name(text, names, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_finds_nothing),
        cmocka_unit_test(many_names_are_all_found_and_no_others),
        cmocka_unit_test(names_of_all_lengths_differ_from_their_prefixes),
        cmocka_unit_test(a_double_is_refused_by_add_and_taken_by_set),
        cmocka_unit_test(out_of_memory_is_reported_and_loses_nothing),
        cmocka_unit_test(nearest_name_finds_typing_errors),
        cmocka_unit_test(nearest_name_takes_the_nearest_and_the_limit_is_a_third),
        cmocka_unit_test(nearest_name_compares_long_names_by_their_beginnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
