/* test_base_env.c - allocation and logging through floe_env: alignment, overflow, callers' callbacks, one-line logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"

/* An allocator that counts what is out, and fails when `left` runs down to 0. */
typedef struct ledger {
    size_t left, taken, returned, last_bytes, last_align;
} ledger;

static void *ledger_alloc(void *user, size_t bytes, size_t align)
{
    ledger *l = user;
    void *ptr = NULL;

    l->last_bytes = bytes;
    l->last_align = align;
    if (l->left == 0 || posix_memalign(&ptr, align, bytes) != 0)
        return NULL;
    l->left--;
    l->taken++;
    memset(ptr, 0xa5, bytes);
    return ptr;
}

static void ledger_free(void *user, void *ptr)
{
    ((ledger *)user)->returned += ptr != NULL;
    free(ptr);
}

static floe_env ledger_env(ledger *l)
{
    return (floe_env){.alloc = ledger_alloc, .free = ledger_free, .alloc_user = l};
}

static void default_allocations_are_aligned_and_writable(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 63, 64, 65, 4095, 1000003};
    const floe_env zero = {0};
    const floe_env *const envs[] = {NULL, &zero};
    (void)state;

    for (size_t e = 0; e < 2; e++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            unsigned char *p = fl_alloc(envs[e], sizes[i]);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % FL_ALIGN, 0);
            memset(p, 1, sizes[i]);
            fl_free(envs[e], p);
        }
    fl_free(NULL, NULL);
    fl_free(&zero, NULL);
}

static void impossible_sizes_give_null_without_asking_the_allocator(void **state)
{
    ledger l = {.left = 10};
    const floe_env env = ledger_env(&l);
    (void)state;

    assert_null(fl_alloc(NULL, SIZE_MAX));
    assert_null(fl_alloc(NULL, (size_t)PTRDIFF_MAX + 1));
    assert_null(fl_alloc(&env, (size_t)PTRDIFF_MAX + 1));
    assert_null(fl_calloc(&env, SIZE_MAX / 2, 3));
    assert_null(fl_calloc(&env, (size_t)1 << 33, (size_t)1 << 33));
    assert_int_equal(l.taken, 0);
    assert_int_equal(l.last_bytes, 0);
}

static void a_callers_allocator_gets_every_call_with_the_alignment(void **state)
{
    ledger l = {.left = 10};
    const floe_env env = ledger_env(&l);
    (void)state;

    void *a = fl_alloc(&env, 100);
    assert_int_equal(l.last_bytes, 100);
    assert_int_equal(l.last_align, FL_ALIGN);
    unsigned char *b = fl_calloc(&env, 10, 20);
    assert_int_equal(l.last_bytes, 200);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(b[i], 0);
    void *c = fl_alloc(&env, 0);
    assert_non_null(c);
    assert_int_equal(l.taken, 3);
    fl_free(&env, a);
    fl_free(&env, b);
    fl_free(&env, c);
    fl_free(&env, NULL);
    assert_int_equal(l.returned, 3);
}

static void a_failing_allocator_gives_null(void **state)
{
    ledger l = {.left = 1};
    const floe_env env = ledger_env(&l);
    (void)state;

    void *a = fl_alloc(&env, 1);
    assert_non_null(a);
    assert_null(fl_alloc(&env, 1));
    assert_null(fl_calloc(&env, 1, 1));
    fl_free(&env, a);
}

static void *region_alloc(void *user, size_t bytes, size_t align)
{
    (void)bytes;
    (void)align;
    return user;
}

static void an_allocator_without_free_takes_nothing_back(void **state)
{
    static _Alignas(FL_ALIGN) unsigned char region[256];
    const floe_env env = {.alloc = region_alloc, .alloc_user = region};
    (void)state;

    void *p = fl_alloc(&env, 128);
    assert_ptr_equal(p, region);
    fl_free(&env, p); /* handing a static array to the C library's free would crash here */
}

typedef struct heard {
    int lines;
    floe_severity severity;
    char line[4096];
} heard;

static void hear(void *user, floe_severity severity, const char *line)
{
    heard *h = user;
    h->lines++;
    h->severity = severity;
    snprintf(h->line, sizeof h->line, "%s", line);
}

static void log_passes_what_is_severe_enough(void **state)
{
    heard h = {0};
    const floe_env env = {.log = hear, .log_user = &h, .log_severity = FLOE_SEVERITY_WARNING};
    (void)state;

    fl_log(&env, FLOE_SEVERITY_WARNING, "%d layers, %s", 7, "fused");
    assert_int_equal(h.lines, 1);
    assert_int_equal(h.severity, FLOE_SEVERITY_WARNING);
    assert_string_equal(h.line, "7 layers, fused");
    fl_log(&env, FLOE_SEVERITY_INFO, "quiet");
    assert_int_equal(h.lines, 1);
    fl_log(&env, FLOE_SEVERITY_ERROR, "loud");
    assert_int_equal(h.lines, 2);
    assert_true(fl_log_wants(&env, FLOE_SEVERITY_ERROR));
    assert_true(fl_log_wants(&env, FLOE_SEVERITY_WARNING));
    assert_false(fl_log_wants(&env, FLOE_SEVERITY_INFO));
}

static void log_without_callback_is_silent(void **state)
{
    const floe_env env = {.log_severity = FLOE_SEVERITY_VERBOSE};
    (void)state;

    assert_false(fl_log_wants(NULL, FLOE_SEVERITY_ERROR));
    assert_false(fl_log_wants(&env, FLOE_SEVERITY_ERROR));
    fl_log(NULL, FLOE_SEVERITY_ERROR, "nobody hears %d", 1);
    fl_log(&env, FLOE_SEVERITY_ERROR, "nobody hears %d", 1);
}

static void log_lines_are_one_line_and_cut_with_dots(void **state)
{
    heard h = {0};
    const floe_env env = {.log = hear, .log_user = &h, .log_severity = FLOE_SEVERITY_VERBOSE};
    char name[3000];
    (void)state;

    fl_log(&env, FLOE_SEVERITY_INFO, "node 'a\nfloe: error: b\x1b[31m'");
    assert_null(strpbrk(h.line, "\n\x1b"));
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    fl_log(&env, FLOE_SEVERITY_INFO, "%s", name);
    const size_t length = strlen(h.line);
    assert_in_range(length, 100, sizeof name - 2);
    assert_string_equal(h.line + length - 3, "...");
    assert_int_equal(h.line[length - 4], 'x');
}

static void size_arithmetic_reports_overflow(void **state)
{
    size_t out;
    (void)state;

    assert_true(fl_mul_size(3, 5, &out));
    assert_int_equal(out, 15);
    assert_false(fl_mul_size(SIZE_MAX, 2, &out));
    assert_true(fl_add_size(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_false(fl_add_size(SIZE_MAX, 1, &out));
    assert_int_equal(fl_round_up(0, 64), 0);
    assert_int_equal(fl_round_up(1, 64), 64);
    assert_int_equal(fl_round_up(64, 64), 64);
    assert_int_equal(fl_round_up(65, 64), 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_allocations_are_aligned_and_writable),
        cmocka_unit_test(impossible_sizes_give_null_without_asking_the_allocator),
        cmocka_unit_test(a_callers_allocator_gets_every_call_with_the_alignment),
        cmocka_unit_test(a_failing_allocator_gives_null),
        cmocka_unit_test(an_allocator_without_free_takes_nothing_back),
        cmocka_unit_test(log_passes_what_is_severe_enough),
        cmocka_unit_test(log_without_callback_is_silent),
        cmocka_unit_test(log_lines_are_one_line_and_cut_with_dots),
        cmocka_unit_test(size_arithmetic_reports_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
