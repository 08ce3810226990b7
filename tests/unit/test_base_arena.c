/* test_base_arena.c - arenas: alignment, clearing, no overlap over many blocks, large requests, overflow, failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

typedef struct ledger {
    size_t left; /* allocations that still succeed */
    size_t taken, live, bytes;
} ledger;

static void *ledger_alloc(void *user, size_t bytes, size_t align)
{
    ledger *l = user;
    void *ptr = NULL;

    if (l->left == 0 || posix_memalign(&ptr, align, bytes) != 0)
        return NULL;
    l->left--;
    l->taken++;
    l->live++;
    l->bytes += bytes;
    memset(ptr, 0xa5, bytes); /* what is not cleared shows */
    return ptr;
}

static void ledger_free(void *user, void *ptr)
{
    ((ledger *)user)->live--;
    free(ptr);
}

static bool is_zero(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static void allocations_are_aligned_cleared_and_do_not_overlap(void **state)
{
    enum { COUNT = 4000 };
    static struct {
        unsigned char *at;
        size_t size;
    } pieces[COUNT];
    ledger l = {.left = SIZE_MAX};
    const floe_env env = {.alloc = ledger_alloc, .free = ledger_free, .alloc_user = &l};
    fl_arena arena;
    uint32_t random = 1;
    (void)state;

    fl_arena_init(&arena, &env);
    for (size_t i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        const bool large = random >> 24 == 0;
        const size_t size = (random >> 8 & 0xffff) % (large ? 60000 : 200);
        const bool data = random & 0x80;
        pieces[i].size = size;
        pieces[i].at = data ? fl_arena_alloc_data(&arena, size) : fl_arena_alloc(&arena, size);
        assert_non_null(pieces[i].at);
        assert_int_equal((uintptr_t)pieces[i].at % (data ? FL_ALIGN : 16), 0);
        if (!data)
            assert_true(is_zero(pieces[i].at, size));
        memset(pieces[i].at, (int)(i % 251 + 1), size);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < pieces[i].size; j++)
            if (pieces[i].at[j] != i % 251 + 1)
                fail_msg("piece %zu was overwritten at byte %zu", i, j);
    assert_in_range(l.taken, 5, COUNT / 10);
    fl_arena_free(&arena);
    assert_int_equal(l.live, 0);
}

static void small_allocations_share_a_block_and_large_ones_do_not_waste_it(void **state)
{
    ledger l = {.left = SIZE_MAX};
    const floe_env env = {.alloc = ledger_alloc, .free = ledger_free, .alloc_user = &l};
    fl_arena arena;
    (void)state;

    fl_arena_init(&arena, &env);
    assert_int_equal(l.taken, 0); /* an unused arena owns nothing */
    for (int i = 0; i < 1000; i++)
        assert_non_null(fl_arena_alloc(&arena, 32));
    assert_int_equal(l.taken, 1);
    assert_non_null(fl_arena_alloc(&arena, 10 * 1000 * 1000));
    assert_int_equal(l.taken, 2);
    assert_in_range(l.bytes, 10 * 1000 * 1000, 10 * 1000 * 1000 + 70000);
    for (int i = 0; i < 1000; i++) /* the first block has half its space left, and it is used */
        assert_non_null(fl_arena_alloc(&arena, 32));
    assert_int_equal(l.taken, 2);
    fl_arena_free(&arena);
    assert_int_equal(l.live, 0);
}

/* Sizes around a quarter block and a whole one, with and without a header: each is written to its last byte. */
static void sizes_around_the_block_have_room(void **state)
{
    static const size_t centres[] = {16 * 1024, 64 * 1024 - 64, 64 * 1024};
    ledger l = {.left = SIZE_MAX};
    const floe_env env = {.alloc = ledger_alloc, .free = ledger_free, .alloc_user = &l};
    (void)state;

    for (size_t c = 0; c < 3; c++)
        for (size_t size = centres[c] - 65; size <= centres[c] + 65; size++) {
            fl_arena arena;
            size_t taken = l.taken;
            fl_arena_init(&arena, &env);
            unsigned char *first = fl_arena_alloc(&arena, 8), *piece = fl_arena_alloc(&arena, size);
            unsigned char *after = fl_arena_alloc(&arena, 8);
            memset(first, 1, 8);
            memset(piece, 2, size);
            memset(after, 3, 8);
            assert_true(first[7] == 1 && piece[0] == 2 && piece[size - 1] == 2 && after[0] == 3);
            assert_ptr_equal(after, size > 16 * 1024 ? first + 16 : piece + fl_round_up(size, 16));
            assert_in_range(l.taken - taken, 1, 2);
            fl_arena_free(&arena);
            assert_int_equal(l.live, 0);
        }
}

static void an_arena_may_be_used_again_after_free(void **state)
{
    fl_arena arena;
    (void)state;

    fl_arena_init(&arena, NULL);
    fl_arena_free(&arena);
    for (int round = 0; round < 3; round++) {
        assert_non_null(fl_arena_alloc(&arena, 100000)); /* large first: it has no block to hide behind */
        assert_non_null(fl_arena_alloc(&arena, 1));
        fl_arena_free(&arena);
        assert_null(arena.last);
        fl_arena_free(&arena);
    }
}

static void zero_bytes_give_distinct_valid_pointers(void **state)
{
    fl_arena arena;
    (void)state;

    fl_arena_init(&arena, NULL);
    void *a = fl_arena_alloc(&arena, 0), *b = fl_arena_alloc(&arena, 0), *c = fl_arena_alloc_data(&arena, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_ptr_not_equal(a, b);
    assert_ptr_not_equal(b, c);
    assert_non_null(fl_arena_calloc(&arena, 0, 100));
    assert_non_null(fl_arena_memdup(&arena, NULL, 0));
    fl_arena_free(&arena);
}

static void overflowing_sizes_give_null_and_leave_the_arena_usable(void **state)
{
    fl_arena arena;
    (void)state;

    fl_arena_init(&arena, NULL);
    for (int round = 0; round < 2; round++) { /* without and with a block */
        assert_null(fl_arena_alloc(&arena, SIZE_MAX));
        assert_null(fl_arena_alloc(&arena, SIZE_MAX - 63));
        assert_null(fl_arena_alloc(&arena, PTRDIFF_MAX));
        assert_null(fl_arena_alloc_data(&arena, SIZE_MAX));
        assert_null(fl_arena_calloc(&arena, SIZE_MAX / 4, 5));
        assert_null(fl_arena_calloc(&arena, (size_t)1 << 32, (size_t)1 << 32));
        assert_null(fl_arena_strndup(&arena, "x", SIZE_MAX));
        assert_non_null(fl_arena_alloc(&arena, 8));
    }
    fl_arena_free(&arena);
}

static void a_failing_allocator_gives_null_from_every_call(void **state)
{
    ledger l = {.left = 0};
    const floe_env env = {.alloc = ledger_alloc, .free = ledger_free, .alloc_user = &l};
    fl_arena arena;
    (void)state;

    fl_arena_init(&arena, &env);
    assert_null(fl_arena_alloc(&arena, 1));
    assert_null(fl_arena_alloc_data(&arena, 1));
    assert_null(fl_arena_alloc(&arena, 100000));
    assert_null(fl_arena_calloc(&arena, 2, 2));
    assert_null(fl_arena_strdup(&arena, "x"));
    assert_null(fl_arena_strndup(&arena, "x", 1));
    assert_null(fl_arena_printf(&arena, "%d", 1));
    assert_null(fl_arena_memdup(&arena, "x", 1));
    l.left = 1; /* memory comes back: so do allocations */
    assert_non_null(fl_arena_alloc(&arena, 1));
    fl_arena_free(&arena);
    assert_int_equal(l.live, 0);
}

static void text_copies_are_equal_and_ended(void **state)
{
    fl_arena arena;
    char big[70000];
    (void)state;

    fl_arena_init(&arena, NULL);
    assert_string_equal(fl_arena_strdup(&arena, "conv1/weights"), "conv1/weights");
    assert_string_equal(fl_arena_strdup(&arena, ""), "");
    assert_string_equal(fl_arena_strndup(&arena, "conv1/weights", 5), "conv1");
    assert_string_equal(fl_arena_strndup(&arena, "conv1", 0), "");
    assert_string_equal(fl_arena_printf(&arena, "%s/%d", "bn", 7), "bn/7");
    assert_string_equal(fl_arena_printf(&arena, "%s", ""), "");

    const char *inner = fl_arena_strndup(&arena, "ab\0cd", 5); /* readable to its full length, cut at the NUL */
    assert_memory_equal(inner, "ab\0\0\0", 6);

    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_string_equal(fl_arena_printf(&arena, "%s", big), big);
    assert_string_equal(fl_arena_strdup(&arena, big), big);

    const float weights[3] = {1, 2, 3};
    const float *copy = fl_arena_memdup(&arena, weights, sizeof weights);
    assert_int_equal((uintptr_t)copy % FL_ALIGN, 0);
    assert_memory_equal(copy, weights, sizeof weights);
    fl_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_cleared_and_do_not_overlap),
        cmocka_unit_test(small_allocations_share_a_block_and_large_ones_do_not_waste_it),
        cmocka_unit_test(sizes_around_the_block_have_room),
        cmocka_unit_test(an_arena_may_be_used_again_after_free),
        cmocka_unit_test(zero_bytes_give_distinct_valid_pointers),
        cmocka_unit_test(overflowing_sizes_give_null_and_leave_the_arena_usable),
        cmocka_unit_test(a_failing_allocator_gives_null_from_every_call),
        cmocka_unit_test(text_copies_are_equal_and_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
