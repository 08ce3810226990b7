/* thread_pool.c - fork and join in a fraction of a microsecond, safe on machines that take a core away.
 *
 * Three parties: the caller (worker 0), the workers (1 ... threads-1), and between them one 64-bit word, the gate:
 *
 *     63                             32 31     30      29   28             0
 *     [ number of the step             | OPEN | WAITED | STOP | workers inside ]
 *
 *     caller: fill in step, shares      gate = next number | OPEN             (fork)
 *             run own share, then steal
 *             nothing left to claim     gate &= ~OPEN
 *             until nobody is inside    wait                                  (join)
 *     worker: until a new number is OPEN wait
 *             enter                     compare-and-swap gate -> gate + 1
 *             run own share, then steal
 *             leave                     gate -= 1
 *
 * Why a worker has to enter: the caller waits only for workers that are inside, so one that still sleeps, or whose
 * core belongs to another process just now, delays nobody; the others steal its share, it finds the gate closed (or
 * the next step open) when it comes. A barrier that counts every worker costs a scheduler's time slice in that case.
 *
 * Claiming: each share is a counter `next` and a fixed `end`, on a cache line of its own. Whoever adds 1 to `next` and
 * got a value below `end` owns that task; it does not matter whose share it is. Shares are never refilled within a
 * step, so one walk over all of them finds everything there is to do. All tasks were claimed when the caller closes
 * the gate, and whoever claimed one is inside until it is done: nobody inside means all done.
 *
 * Invariants: `step` and the shares' `end` are written only by the caller, only while the gate is closed and empty.
 * Memory order: publishing the gate releases them, entering acquires them; leaving releases the tasks' results, and
 * the caller acquires them when it reads "nobody inside" (all changes in between are read-modify-writes, so every
 * leaver is synchronised with).
 *
 * Sleep: waiting is a bounded spin (futex wakes cost 25 to 60 us where we measured, a network has 60 steps), then
 * a condition variable. No wake-up is lost: a worker first counts itself in `sleepers`, then looks at the gate; the
 * caller first writes the gate, then looks at `sleepers`; all four sequentially consistent, so one of them sees the
 * other. The caller, waiting in the join, marks WAITED in the gate itself, and the last one to leave sees it there.
 * With more threads than processors spinning would only keep the running thread from its processor: none then.
 */
#include "thread_pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 1024
#define SPIN_NS     50000
#define YIELDS      20 /* in the join, between spinning and sleeping */

#define GATE_OPEN   ((uint64_t)1 << 31)
#define GATE_WAITED ((uint64_t)1 << 30)
#define GATE_STOP   ((uint64_t)1 << 29)
#define GATE_INSIDE (GATE_STOP - 1)

typedef struct share {
    _Alignas(FL_ALIGN) _Atomic size_t next; /* may run past end, by one for each worker at most */
    size_t end;
    fl_pool *pool;
    size_t worker;
    pthread_t thread; /* not for worker 0 */
} share;

struct fl_pool {
    _Alignas(FL_ALIGN) _Atomic uint64_t gate;
    /* What the current step is: read once by each worker, on a line that the gate's traffic does not disturb. */
    _Alignas(FL_ALIGN) fl_task fn;
    void *arg;
    size_t threads;
    bool spins;
    floe_env env;
    _Alignas(FL_ALIGN) pthread_mutex_t mutex;
    pthread_cond_t opened, emptied;
    _Atomic size_t sleepers; /* changed with the mutex held */
    share shares[];
};

/* ---- waiting */

#if defined(__x86_64__) || defined(__i386__)
static void relax(void)
{
    __builtin_ia32_pause();
}
#elif defined(__aarch64__)
static void relax(void)
{
    __asm__ volatile("yield");
}
#else
static void relax(void) {}
#endif

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint32_t gate_step(uint64_t gate)
{
    return (uint32_t)(gate >> 32);
}

/* Is there something new for a worker that was in step `seen` last? */
static bool calls_worker(uint64_t gate, uint32_t seen)
{
    return (gate & GATE_STOP) || ((gate & GATE_OPEN) && gate_step(gate) != seen);
}

static bool is_empty(uint64_t gate, uint32_t unused)
{
    (void)unused;
    return (gate & GATE_INSIDE) == 0;
}

/* Looks at the gate for SPIN_NS; the value looked at last goes to *gate. How long a pause takes differs 10-fold
 * between processors, so the clock decides. */
static bool spin(fl_pool *pool, bool (*ready)(uint64_t, uint32_t), uint32_t seen, uint64_t *gate)
{
    int64_t deadline = 0;

    for (;;) {
        for (int i = 0; i < 64; i++) {
            *gate = atomic_load_explicit(&pool->gate, memory_order_acquire);
            if (ready(*gate, seen))
                return true;
            if (!pool->spins)
                return false;
            relax();
        }
        const int64_t now = now_ns();
        if (deadline == 0)
            deadline = now + SPIN_NS;
        else if (now >= deadline)
            return false;
    }
}

static uint64_t wait_for_step(fl_pool *pool, uint32_t seen)
{
    uint64_t gate;

    if (spin(pool, calls_worker, seen, &gate))
        return gate;
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (gate = atomic_load(&pool->gate), !calls_worker(gate, seen))
        pthread_cond_wait(&pool->opened, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
    return gate;
}

static void wait_until_empty(fl_pool *pool)
{
    uint64_t gate;

    if (spin(pool, is_empty, 0, &gate))
        return;
    for (int i = 0; i < YIELDS; i++) {
        sched_yield();
        if (is_empty(atomic_load_explicit(&pool->gate, memory_order_acquire), 0))
            return;
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_or(&pool->gate, GATE_WAITED);
    while (!is_empty(atomic_load(&pool->gate), 0))
        pthread_cond_wait(&pool->emptied, &pool->mutex);
    atomic_fetch_and(&pool->gate, ~GATE_WAITED);
    pthread_mutex_unlock(&pool->mutex);
}

/* Wakes as many sleepers as there are tasks for. */
static void wake(fl_pool *pool, size_t wanted)
{
    const size_t sleepers = atomic_load(&pool->sleepers);

    if (sleepers == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    if (wanted >= sleepers)
        pthread_cond_broadcast(&pool->opened);
    else
        while (wanted-- > 0)
            pthread_cond_signal(&pool->opened);
    pthread_mutex_unlock(&pool->mutex);
}

/* ---- a step */

static void run_share(share *from, fl_task fn, void *arg, size_t worker)
{
    /* Looking before adding keeps an exhausted share's line shared among the thieves, and `next` from running away. */
    while (atomic_load_explicit(&from->next, memory_order_relaxed) < from->end) {
        const size_t task = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed);
        if (task >= from->end)
            return;
        fn(arg, task, worker);
    }
}

/* The own share first, then the others', the neighbour's before the far one's. */
static void run_all_shares(fl_pool *pool, size_t worker)
{
    for (size_t i = 0; i < pool->threads; i++) {
        const size_t victim = worker + i;
        run_share(&pool->shares[victim < pool->threads ? victim : victim - pool->threads], pool->fn, pool->arg, worker);
    }
}

static void *worker_main(void *arg)
{
    const share *self = arg;
    fl_pool *pool = self->pool;
    uint32_t seen = 0;

    for (;;) {
        uint64_t gate = wait_for_step(pool, seen);
        if (gate & GATE_STOP)
            return NULL;
        if (!atomic_compare_exchange_strong(&pool->gate, &gate, gate + 1))
            continue; /* someone came or went; look again */
        seen = gate_step(gate);
        run_all_shares(pool, self->worker);
        gate = atomic_fetch_sub(&pool->gate, 1);
        if ((gate & GATE_INSIDE) == 1 && (gate & GATE_WAITED)) {
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_signal(&pool->emptied);
            pthread_mutex_unlock(&pool->mutex);
        }
    }
}

/* Contiguous shares, as equal as can be; the first ones get the rest. */
static void cut_shares(fl_pool *pool, size_t tasks)
{
    const size_t each = tasks / pool->threads, rest = tasks % pool->threads;
    size_t begin = 0;

    for (size_t i = 0; i < pool->threads; i++) {
        const size_t end = begin + each + (i < rest);
        atomic_store_explicit(&pool->shares[i].next, begin, memory_order_relaxed);
        pool->shares[i].end = end;
        begin = end;
    }
}

void fl_pool_run(fl_pool *pool, fl_task fn, void *arg, size_t tasks)
{
    if (tasks <= 1 || fl_pool_threads(pool) == 1) {
        for (size_t task = 0; task < tasks; task++)
            fn(arg, task, 0);
        return;
    }

    const uint64_t before = atomic_load_explicit(&pool->gate, memory_order_relaxed);
    assert(!(before & (GATE_OPEN | GATE_INSIDE))); /* one step at a time, and none from within a task */
    pool->fn = fn;
    pool->arg = arg;
    cut_shares(pool, tasks);
    atomic_store(&pool->gate, (uint64_t)(gate_step(before) + 1) << 32 | GATE_OPEN);
    wake(pool, tasks - 1);

    run_all_shares(pool, 0);
    atomic_fetch_and(&pool->gate, ~GATE_OPEN);
    wait_until_empty(pool);
}

/* ---- life */

size_t fl_processor_count(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (size_t)CPU_COUNT(&set);
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than cpu_set_t has bits */
    return online > 0 ? (size_t)online : 1;
}

size_t fl_pool_threads(const fl_pool *pool)
{
    return pool ? pool->threads : 1;
}

/* Ends the workers 1 ... started-1 and waits for them. */
static void stop_workers(fl_pool *pool, size_t started)
{
    atomic_fetch_or(&pool->gate, GATE_STOP);
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->opened);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 1; i < started; i++)
        pthread_join(pool->shares[i].thread, NULL);
}

static void destroy(fl_pool *pool)
{
    const floe_env env = pool->env;

    pthread_cond_destroy(&pool->emptied);
    pthread_cond_destroy(&pool->opened);
    pthread_mutex_destroy(&pool->mutex);
    fl_free(&env, pool);
}

void fl_pool_free(fl_pool *pool)
{
    if (!pool)
        return;
    stop_workers(pool, pool->threads);
    destroy(pool);
}

/* Starts the workers with all signals blocked but those of crashes: a program's handlers run in its own threads. */
static floe_status start_workers(fl_pool *pool, floe_error *err)
{
    sigset_t all, before;
    int error = 0;
    size_t started = 1;

    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; started < pool->threads; started++) {
        error = pthread_create(&pool->shares[started].thread, NULL, worker_main, &pool->shares[started]);
        if (error)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error)
        return FLOE_OK;
    stop_workers(pool, started);
    return fl_fail(err, FLOE_ERR_LIMIT, "cannot start thread %zu of %zu: %s; fewer threads may work", started + 1,
                   pool->threads, strerror(error));
}

floe_status fl_pool_create(fl_pool **out, const floe_env *env, size_t threads, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_pool *pool = NULL;
    const size_t processors = fl_processor_count();

    if (threads == 0)
        threads = processors < MAX_THREADS ? processors : MAX_THREADS;
    if (threads > MAX_THREADS)
        FL_FAIL(err, FLOE_ERR_LIMIT, "%zu threads were asked for, a pool has at most %d", threads, MAX_THREADS);

    const size_t bytes = sizeof *pool + threads * sizeof pool->shares[0];
    pool = fl_calloc(env, 1, bytes);
    FL_NEED(pool, bytes, "a thread pool", err);
    pool->threads = threads;
    pool->spins = threads <= processors;
    if (env)
        pool->env = *env;
    pthread_mutex_init(&pool->mutex, NULL); /* with default attributes these three cannot fail on Linux */
    pthread_cond_init(&pool->opened, NULL);
    pthread_cond_init(&pool->emptied, NULL);
    for (size_t i = 0; i < threads; i++) {
        pool->shares[i].pool = pool;
        pool->shares[i].worker = i;
    }
    FL_TRY(start_workers(pool, err));
    *out = pool;
    pool = NULL;
done:
    if (pool)
        destroy(pool);
    return st;
}
