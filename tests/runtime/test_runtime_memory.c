/* test_runtime_memory.c - the runtime's promises about memory: every allocation may fail, and a run makes none.
 *
 * Two books are kept: the env's own allocator, and the C library's, which this program replaces by one that counts. The
 * latter is left alone under sanitizers, which have replaced it themselves.
 */
#include "runtime_fixture.h"

#include <stdatomic.h>

#include "ledger.h"

/* ---- the C library's allocations */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define COUNTS_MALLOC 0
#endif
#endif
#ifndef COUNTS_MALLOC
#ifdef __GLIBC__
#define COUNTS_MALLOC 1
#else
#define COUNTS_MALLOC 0
#endif
#endif

static atomic_long mallocs; /* of any kind, by anyone in the process */

#if COUNTS_MALLOC
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);
extern void  __libc_free(void *ptr);

void *malloc(size_t bytes)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_calloc(count, size);
}
void *realloc(void *ptr, size_t bytes)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_realloc(ptr, bytes);
}
void *aligned_alloc(size_t align, size_t bytes)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_memalign(align, bytes);
}
void *memalign(size_t align, size_t bytes);
void *memalign(size_t align, size_t bytes)
{
    return aligned_alloc(align, bytes);
}
int posix_memalign(void **out, size_t align, size_t bytes)
{
    *out = aligned_alloc(align, bytes);
    return *out ? 0 : 12;
}
void free(void *ptr)
{
    __libc_free(ptr);
}
#endif

/* ---- the tests */

/* Load, engine, context, a run, and all of it freed again. */
static floe_status whole_life(const floe_env *env, const fl_buf *bytes, const buffers *b, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_plan *plan = NULL;
    fl_engine *engine = NULL;
    fl_context *context = NULL;

    FL_TRY(fl_plan_parse(&plan, env, bytes->data, bytes->size, "memory", err));
    FL_TRY(fl_engine_create(&engine, env, plan, NULL, err));
    FL_TRY(fl_context_create(&context, engine, 2, err));
    FL_TRY(fl_context_run(context, 2, b->at, err));
done:
    fl_context_free(context);
    fl_engine_free(engine);
    return st;
}

static void every_allocation_may_fail_on_the_way_to_a_result(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_net(NULL, this_machine()));
    fl_plan *plan = NULL;
    assert_int_equal(fl_plan_parse(&plan, NULL, bytes.data, bytes.size, "memory", NULL), FLOE_OK);
    buffers b = buffers_of(&plan->engines[0], 2, 1);
    floe_status st = FLOE_ERR_MEMORY;
    long k;
    (void)state;

    for (k = 0; st != FLOE_OK; k++) {
        ledger l;
        const floe_env env = ledger_env(&l, k);
        floe_error err = {0};
        st = whole_life(&env, &bytes, &b, &err);
        if (st != FLOE_OK) {
            assert_int_equal(st, FLOE_ERR_MEMORY);
            assert_non_null(strstr(err.message, "out of memory"));
        }
        assert_int_equal(atomic_load(&l.live), 0);
    }
    assert_true(k > 10);
    free_buffers(&b);
    fl_plan_free(plan);
    fl_buf_free(&bytes);
}

static void a_run_allocates_nothing(void **state)
{
    ledger l;
    const floe_env env = ledger_env(&l, 100000);
    fl_engine *engine = NULL;
    fl_context *context = NULL;
    (void)state;

    assert_int_equal(fl_engine_create(&engine, &env, plan_maker_all(&env, this_machine()), NULL, NULL), FLOE_OK);
    assert_int_equal(fl_context_create(&context, engine, 2, NULL), FLOE_OK);
    buffers b = buffers_of(fl_engine_plan_engine(engine), 3, 1);
    uint64_t times[PLAN_MAKER_STEPS];
    const long taken = atomic_load(&l.taken), before = atomic_load(&mallocs);
    floe_status st = FLOE_OK;
    for (int64_t i = 0; i < 30; i++) { /* the first run and changes of batch included, and failures */
        st = st ? st : fl_context_run(context, 1 + i / 2 % 3, b.at, NULL);
        st = st ? st : fl_context_profile(context, 1 + i % 3, b.at, times, NULL);
        floe_error err;
        st = st ? st : fl_context_run(context, 99, b.at, &err) == FLOE_ERR_ARGUMENT ? FLOE_OK : FLOE_ERR_DEVICE;
    }
    const long after = atomic_load(&mallocs);
    assert_int_equal(st, FLOE_OK);
    assert_int_equal(after, before);
    assert_int_equal(atomic_load(&l.taken), taken);
    if (COUNTS_MALLOC)
        assert_true(before > 0);
    free_buffers(&b);
    fl_context_free(context);
    fl_engine_free(engine);
    assert_int_equal(atomic_load(&l.live), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail_on_the_way_to_a_result),
        cmocka_unit_test(a_run_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
