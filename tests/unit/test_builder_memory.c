/* test_builder_memory.c - the memory planner on random lives: no two tensors alive together share bytes, and the arena
 * is not much larger than the most bytes alive at once. */
#include "builder/builder.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static uint64_t rounded(uint64_t bytes) { return fl_round_up(bytes ? bytes : 1, FL_ALIGN); }

static void check(const fl_interval *items, size_t n, uint64_t arena)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(items[i].offset % FL_ALIGN, 0);
        assert_true(items[i].offset + rounded(items[i].bytes) <= arena);
        for (size_t k = 0; k < i; k++) {
            const bool together = items[i].first <= items[k].last && items[k].first <= items[i].last;
            const bool apart = items[i].offset + items[i].bytes <= items[k].offset ||
                               items[k].offset + items[k].bytes <= items[i].offset;
            assert_true(!together || apart);
        }
    }
}

static uint64_t most_alive(const fl_interval *items, size_t n, uint32_t steps)
{
    uint64_t most = 0;
    for (uint32_t s = 0; s < steps; s++) {
        uint64_t now = 0;
        for (size_t i = 0; i < n; i++)
            now += items[i].first <= s && s <= items[i].last ? rounded(items[i].bytes) : 0;
        most = now > most ? now : most;
    }
    return most;
}

static void random_lives_do_not_collide(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 300; round++) {
        fl_interval items[80];
        const size_t n = (size_t)(rand() % 80);
        uint64_t arena = 0;
        for (size_t i = 0; i < n; i++) {
            items[i].first = (uint32_t)(rand() % 60);
            items[i].last = items[i].first + (uint32_t)(rand() % 8);
            items[i].bytes = rand() % 10 ? (uint64_t)(rand() % 100000) : 0;
        }
        assert_int_equal(fl_plan_memory(NULL, items, n, &arena, NULL), FLOE_OK);
        check(items, n, arena);
        assert_true(arena <= most_alive(items, n, 80) * 3 / 2 + 64);
    }
}

/* A chain of layers: two buffers suffice whatever its length. */
static void a_chain_needs_two_buffers(void **state)
{
    fl_interval items[50];
    uint64_t arena;
    (void)state;
    for (uint32_t i = 0; i < 50; i++)
        items[i] = (fl_interval){.first = i, .last = i + 1, .bytes = 6400};
    assert_int_equal(fl_plan_memory(NULL, items, 50, &arena, NULL), FLOE_OK);
    assert_int_equal(arena, 2 * 6400);
}

static void the_same_lives_give_the_same_plan(void **state)
{
    fl_interval a[40], b[40];
    uint64_t x, y;
    (void)state;
    srand(3);
    for (size_t i = 0; i < 40; i++)
        a[i] = b[i] = (fl_interval){.first = (uint32_t)i / 3, .last = (uint32_t)i / 3 + (uint32_t)(rand() % 5), .bytes = 640};
    assert_int_equal(fl_plan_memory(NULL, a, 40, &x, NULL), FLOE_OK);
    assert_int_equal(fl_plan_memory(NULL, b, 40, &y, NULL), FLOE_OK);
    assert_int_equal(x, y);
    assert_memory_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives_do_not_collide),
        cmocka_unit_test(a_chain_needs_two_buffers),
        cmocka_unit_test(the_same_lives_give_the_same_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
