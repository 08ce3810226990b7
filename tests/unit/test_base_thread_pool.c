/* test_base_thread_pool.c - every task exactly once and finished before the step ends, whatever the number of threads,
 * tasks and their lengths; sleep and wake-up; creation that fails half-way. Made to be run under ThreadSanitizer too.
 *
 * The source file is included with pthread_create replaced, so that the creation of thread k can fail, and so that the
 * tests can wait until all workers sleep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int creations_left = -1; /* below 0: no limit */
static int limited_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
#define pthread_create limited_create
#include "base/thread_pool.c"
#undef pthread_create

static int limited_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
    if (creations_left == 0)
        return EAGAIN;
    if (creations_left > 0)
        creations_left--;
    return pthread_create(thread, attr, start, arg);
}

static fl_pool *make_pool(size_t threads)
{
    fl_pool *pool = NULL;
    floe_error err;
    if (fl_pool_create(&pool, NULL, threads, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return pool;
}

static void work_for(int64_t ns)
{
    const int64_t end = now_ns() + ns;
    while (now_ns() < end)
        relax();
}

/* ---- every task exactly once */

enum { MAX_TASKS = 1000 };

/* Plain ints: two runs of one task, or a task still running after the step, are data races for ThreadSanitizer,
 * and wrong counts for everyone else. */
typedef struct tally {
    size_t threads;
    int runs[MAX_TASKS];
    bool worker_out_of_range;
    int uneven;
} tally;

static void count(void *arg, size_t task, size_t worker)
{
    tally *t = arg;
    if (worker >= t->threads)
        t->worker_out_of_range = true;
    if (t->uneven && task % 97 == 3)
        work_for(20000);
    else if (t->uneven && task % 7 == 0)
        work_for((int64_t)(task % 5) * 300);
    t->runs[task]++;
}

static void check_step(fl_pool *pool, tally *t, size_t tasks)
{
    memset(t->runs, 0, sizeof t->runs);
    fl_pool_run(pool, count, t, tasks);
    for (size_t i = 0; i < MAX_TASKS; i++)
        if (t->runs[i] != (i < tasks))
            fail_msg("%zu threads, %zu tasks: task %zu ran %d times", t->threads, tasks, i, t->runs[i]);
    assert_false(t->worker_out_of_range);
}

static void every_task_runs_exactly_once(void **state)
{
    static tally t;
    (void)state;

    for (size_t threads = 1; threads <= 8; threads++) {
        fl_pool *pool = make_pool(threads);
        assert_int_equal(fl_pool_threads(pool), threads);
        t.threads = threads;
        for (size_t tasks = 0; tasks <= MAX_TASKS; tasks += tasks < 70 ? 1 : 31)
            check_step(pool, &t, tasks);
        fl_pool_free(pool);
    }
}

static void uneven_tasks_run_exactly_once(void **state)
{
    static tally t = {.uneven = 1};
    (void)state;

    for (size_t threads = 1; threads <= 8; threads++) {
        fl_pool *pool = make_pool(threads);
        t.threads = threads;
        for (size_t tasks = 1; tasks <= MAX_TASKS; tasks = tasks * 3 + 1)
            check_step(pool, &t, tasks);
        fl_pool_free(pool);
    }
}

static void without_a_pool_the_caller_runs_all_in_order(void **state)
{
    static tally t = {.threads = 1};
    (void)state;

    assert_int_equal(fl_pool_threads(NULL), 1);
    check_step(NULL, &t, 0);
    check_step(NULL, &t, 1000);
}

/* ---- many steps that depend on each other */

typedef struct chain {
    uint32_t from[64], to[64];
} chain;

/* Reads three results of the step before, written by whichever worker: stale ones give a wrong end. */
static void mix(void *arg, size_t task, size_t worker)
{
    chain *c = arg;
    (void)worker;
    c->to[task] = c->from[task] * 2654435761u + c->from[(task + 1) % 64] + (c->from[(task + 17) % 64] >> 3);
}

static uint32_t run_chain(fl_pool *pool, int steps)
{
    chain c = {{0}, {0}};
    for (uint32_t i = 0; i < 64; i++)
        c.from[i] = i + 1;
    for (int step = 0; step < steps; step++) {
        fl_pool_run(pool, mix, &c, 64);
        memcpy(c.from, c.to, sizeof c.from);
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 64; i++)
        sum = sum * 31 + c.from[i];
    return sum;
}

static void twenty_thousand_tiny_steps_follow_each_other(void **state)
{
    const uint32_t expected = run_chain(NULL, 20000);
    (void)state;

    for (size_t threads = 2; threads <= 5; threads++) {
        fl_pool *pool = make_pool(threads);
        assert_int_equal(run_chain(pool, 20000), expected);
        fl_pool_free(pool);
    }
}

/* ---- who works */

typedef struct meeting {
    _Atomic size_t present;
    size_t wanted;
    bool failed;
} meeting;

/* Ends only when `wanted` tasks run at the same time. */
static void meet(void *arg, size_t task, size_t worker)
{
    meeting *m = arg;
    const int64_t give_up = now_ns() + (int64_t)20 * 1000000000;
    (void)task;
    (void)worker;
    atomic_fetch_add(&m->present, 1);
    while (atomic_load(&m->present) < m->wanted && now_ns() < give_up)
        sched_yield();
    if (atomic_load(&m->present) < m->wanted)
        m->failed = true;
}

static void wait_until_all_sleep(fl_pool *pool)
{
    while (atomic_load(&pool->sleepers) < pool->threads - 1)
        sched_yield();
}

static void sleeping_workers_are_woken_for_as_many_tasks_as_there_are(void **state)
{
    (void)state;
    for (size_t threads = 2; threads <= 6; threads++) {
        fl_pool *pool = make_pool(threads);
        for (size_t tasks = 2; tasks <= threads; tasks++)
            for (int round = 0; round < 5; round++) {
                meeting m = {.wanted = tasks};
                if (round % 2 == 0)
                    wait_until_all_sleep(pool);
                fl_pool_run(pool, meet, &m, tasks);
                assert_false(m.failed);
            }
        fl_pool_free(pool);
    }
}

/* Pauses around the length of the spin catch workers while they go to sleep. A lost wake-up would not hang an ordinary
 * step, the caller would run it alone; this one cannot end without every worker. */
static void steps_after_pauses_of_all_lengths_lose_no_wake_up(void **state)
{
    uint32_t random = 7;
    (void)state;

    for (size_t threads = 2; threads <= 3; threads++) {
        fl_pool *pool = make_pool(threads);
        for (int i = 0; i < 1500; i++) {
            meeting m = {.wanted = threads};
            random = random * 1664525 + 1013904223;
            work_for(random >> 15);
            fl_pool_run(pool, meet, &m, threads);
            assert_false(m.failed);
        }
        fl_pool_free(pool);
    }
}

typedef struct slow_start {
    _Atomic size_t done;
    size_t tasks;
    bool failed;
} slow_start;

/* Task 0 waits for all others: they must be stolen from the share that it blocks. */
static void wait_for_the_others(void *arg, size_t task, size_t worker)
{
    slow_start *s = arg;
    const int64_t give_up = now_ns() + (int64_t)20 * 1000000000;
    (void)worker;
    if (task == 0) {
        while (atomic_load(&s->done) < s->tasks - 1 && now_ns() < give_up)
            sched_yield();
        s->failed = atomic_load(&s->done) < s->tasks - 1;
    }
    atomic_fetch_add(&s->done, 1);
}

static void a_blocked_share_is_stolen(void **state)
{
    (void)state;
    for (size_t threads = 2; threads <= 4; threads++) {
        fl_pool *pool = make_pool(threads);
        for (int round = 0; round < 50; round++) {
            slow_start s = {.tasks = 40};
            fl_pool_run(pool, wait_for_the_others, &s, s.tasks);
            assert_false(s.failed);
        }
        fl_pool_free(pool);
    }
}

static void stall_workers(void *arg, size_t task, size_t worker)
{
    _Atomic int *finished = arg;
    (void)task;
    if (worker != 0)
        usleep(3000);
    atomic_fetch_add(finished, 1);
}

static void the_caller_sleeps_until_long_tasks_of_others_end(void **state)
{
    fl_pool *pool = make_pool(3);
    (void)state;
    for (int round = 0; round < 20; round++) {
        _Atomic int finished = 0;
        fl_pool_run(pool, stall_workers, (void *)&finished, 3);
        assert_int_equal(finished, 3);
    }
    fl_pool_free(pool);
}

/* ---- life */

static void pools_come_and_go(void **state)
{
    static tally t;
    (void)state;

    fl_pool_free(NULL);
    for (size_t i = 0; i < 300; i++) {
        t.threads = i % 6 + 1;
        fl_pool *pool = make_pool(t.threads);
        if (i % 3)
            check_step(pool, &t, i % 50);
        fl_pool_free(pool); /* with workers not started yet, at work's end, spinning */
    }
    for (int i = 0; i < 10; i++) {
        fl_pool *pool = make_pool(4);
        wait_until_all_sleep(pool);
        fl_pool_free(pool);
    }
}

static void *run_own_pool(void *arg)
{
    *(uint32_t *)arg = 0;
    fl_pool *pool = NULL;
    if (fl_pool_create(&pool, NULL, 3, NULL) == FLOE_OK)
        *(uint32_t *)arg = run_chain(pool, 500);
    fl_pool_free(pool);
    return NULL;
}

static void pools_do_not_disturb_each_other(void **state)
{
    const uint32_t expected = run_chain(NULL, 500);
    pthread_t threads[3];
    uint32_t results[3];
    (void)state;

    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_own_pool, &results[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(results[i], expected);
    }
}

typedef struct ledger {
    size_t left, taken, live;
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
    return ptr;
}

static void ledger_free(void *user, void *ptr)
{
    ((ledger *)user)->live -= ptr != NULL;
    free(ptr);
}

static void running_allocates_nothing_and_free_returns_all(void **state)
{
    static tally t = {.threads = 4};
    ledger l = {.left = 100};
    fl_pool *pool = NULL;
    (void)state;
    {
        const floe_env env = {.alloc = ledger_alloc, .free = ledger_free, .alloc_user = &l};
        assert_int_equal(fl_pool_create(&pool, &env, 4, NULL), FLOE_OK); /* keeps a copy of env */
    }
    const size_t taken = l.taken;
    for (size_t i = 0; i < 100; i++)
        check_step(pool, &t, i);
    assert_int_equal(l.taken, taken);
    fl_pool_free(pool);
    assert_int_equal(l.live, 0);
}

static void creation_that_fails_cleans_up(void **state)
{
    ledger l = {.left = 0};
    const floe_env env = {.alloc = ledger_alloc, .free = ledger_free, .alloc_user = &l};
    fl_pool *pool = NULL;
    floe_error err = {0};
    (void)state;

    assert_int_equal(fl_pool_create(&pool, &env, 4, &err), FLOE_ERR_MEMORY);
    assert_null(pool);
    l.left = 100;
    for (int allowed = 0; allowed < 7; allowed++) { /* 8 threads: the caller and 7 */
        creations_left = allowed;
        const floe_status st = fl_pool_create(&pool, &env, 8, &err);
        creations_left = -1;
        assert_int_equal(st, FLOE_ERR_LIMIT);
        assert_null(pool);
        assert_int_equal(l.live, 0);
    }
    assert_non_null(strstr(err.message, "thread 8 of 8"));
    assert_int_equal(fl_pool_create(&pool, &env, 1000000, &err), FLOE_ERR_LIMIT);
    assert_non_null(strstr(err.message, "1000000"));
    assert_null(pool);
}

static void zero_threads_means_all_processors(void **state)
{
    fl_pool *pool = make_pool(0);
    (void)state;

    assert_true(fl_processor_count() >= 1);
    assert_int_equal(fl_pool_threads(pool), fl_processor_count());
    fl_pool_free(pool);

    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    const size_t limited = fl_processor_count();
    sched_setaffinity(0, sizeof before, &before);
    assert_int_equal(limited, 1);
}

static void the_step_number_may_wrap(void **state)
{
    static tally t = {.threads = 3};
    fl_pool *pool = make_pool(3);
    (void)state;

    wait_until_all_sleep(pool);
    atomic_store(&pool->gate, (uint64_t)(UINT32_MAX - 50) << 32);
    for (int i = 0; i < 100; i++)
        check_step(pool, &t, 30);
    fl_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_exactly_once),
        cmocka_unit_test(uneven_tasks_run_exactly_once),
        cmocka_unit_test(without_a_pool_the_caller_runs_all_in_order),
        cmocka_unit_test(twenty_thousand_tiny_steps_follow_each_other),
        cmocka_unit_test(steps_after_pauses_of_all_lengths_lose_no_wake_up),
        cmocka_unit_test(sleeping_workers_are_woken_for_as_many_tasks_as_there_are),
        cmocka_unit_test(a_blocked_share_is_stolen),
        cmocka_unit_test(the_caller_sleeps_until_long_tasks_of_others_end),
        cmocka_unit_test(pools_come_and_go),
        cmocka_unit_test(pools_do_not_disturb_each_other),
        cmocka_unit_test(running_allocates_nothing_and_free_returns_all),
        cmocka_unit_test(creation_that_fails_cleans_up),
        cmocka_unit_test(zero_threads_means_all_processors),
        cmocka_unit_test(the_step_number_may_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
