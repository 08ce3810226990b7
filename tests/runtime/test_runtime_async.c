/* test_runtime_async.c - runs in two halves, the context's own device buffers, the times of a run, and what is told when a
 * backend fails at any of its slots. On the fake backend, lazy where it matters, and on the CPU.
 */
#include "fake_backend.h"

typedef struct fixture {
    fl_backend  backend;
    ledger      books_of_memory;
    floe_env    env;
    fl_engine  *engine;
    fl_context *context;
    float       x[12], y[8];
    void       *bindings[2];
} fixture;

static void open_fixture(fixture *f, fl_plan *(*make)(void))
{
    floe_error err = {0};

    books = (struct books){0};
    n_queue = 0;
    *f = (fixture){.backend = fake_backend(), .bindings = {NULL, NULL}};
    f->env = ledger_env(&f->books_of_memory, 1000000);
    if (fl_engine_create_on(&f->engine, &f->env, make(), &f->backend, "fake", &err) != FLOE_OK ||
        fl_context_create(&f->context, f->engine, 1, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    memcpy(f->x, x4, sizeof x4);
    for (int i = 0; i < 8; i++)
        f->y[i] = 7;
    f->bindings[0] = f->x;
    f->bindings[1] = f->y;
}

static void close_fixture(fixture *f)
{
    fl_context_free(f->context);
    fl_engine_free(f->engine);
    assert_int_equal(books.pinned, 0);
    assert_int_equal(atomic_load(&f->books_of_memory.live), 0);
}

static void assert_ok(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK)
        fail_msg("%s", err->message);
}

static void assert_said(const floe_error *err, const char *words)
{
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
}

static void assert_product(const float *y, int64_t batch)
{
    for (int64_t i = 0; i < 8; i++)
        assert_true(y[i] == (i < 2 * batch ? y4[i] : 7));
}

/* ---- two halves */

static void outputs_are_there_after_wait_and_not_before(void **state)
{
    fixture f;
    floe_error err = {0};
    (void)state;

    open_fixture(&f, product_plan);
    books.lazy = true;
    for (int64_t batch = 1; batch <= 4; batch++) {
        for (int i = 0; i < 8; i++)
            f.y[i] = 7;
        books.waits = 0;
        assert_ok(fl_context_enqueue(f.context, batch, f.bindings, &err), &err);
        assert_int_equal(books.waits, 0);
        assert_product(f.y, 0);
        assert_ok(fl_context_wait(f.context, &err), &err);
        assert_product(f.y, batch);
    }
    close_fixture(&f);
}

static void the_array_of_bindings_is_only_needed_during_enqueue(void **state)
{
    fixture f;
    floe_error err = {0};
    (void)state;

    open_fixture(&f, product_plan);
    books.lazy = true;
    assert_ok(fl_context_enqueue(f.context, 4, f.bindings, &err), &err);
    f.bindings[0] = f.bindings[1] = NULL;
    assert_ok(fl_context_wait(f.context, &err), &err);
    assert_product(f.y, 4);
    close_fixture(&f);
}

static void a_second_run_is_refused_until_the_first_is_waited_for(void **state)
{
    fixture f;
    floe_error err = {0};
    uint64_t times[2], ns[3];
    (void)state;

    open_fixture(&f, product_plan);
    books.lazy = true;
    assert_ok(fl_context_enqueue(f.context, 3, f.bindings, &err), &err);
    assert_int_equal(fl_context_enqueue(f.context, 2, f.bindings, &err), FLOE_ERR_ARGUMENT);
    assert_said(&err, "enqueue: a run is enqueued in this context: wait for it first");
    assert_int_equal(fl_context_run(f.context, 2, f.bindings, &err), FLOE_ERR_ARGUMENT);
    assert_said(&err, "execute: a run is enqueued");
    assert_int_equal(fl_context_profile(f.context, 2, f.bindings, times, &err), FLOE_ERR_ARGUMENT);
    assert_said(&err, "profile: a run is enqueued");
    assert_int_equal(fl_context_times(f.context, ns, &err), FLOE_ERR_ARGUMENT);
    assert_said(&err, "times: a run is enqueued");
    assert_ok(fl_context_wait(f.context, &err), &err); /* the first one is none the worse */
    assert_product(f.y, 3);
    assert_ok(fl_context_run(f.context, 4, f.bindings, &err), &err);
    assert_product(f.y, 4);
    close_fixture(&f);
}

static void waiting_for_nothing_is_fine(void **state)
{
    fixture f;
    floe_error err = {0};
    (void)state;

    open_fixture(&f, product_plan);
    assert_ok(fl_context_wait(f.context, &err), &err);
    assert_ok(fl_context_run(f.context, 4, f.bindings, &err), &err);
    assert_ok(fl_context_wait(f.context, &err), &err);
    assert_product(f.y, 4);
    close_fixture(&f);
}

static void a_context_may_be_freed_while_it_is_at_work(void **state)
{
    fixture f;
    floe_error err = {0};
    (void)state;

    open_fixture(&f, product_plan);
    books.lazy = true;
    assert_ok(fl_context_enqueue(f.context, 4, f.bindings, &err), &err);
    books.waits = 0;
    close_fixture(&f);
    assert_int_equal(books.waits, 1);
    assert_product(f.y, 0); /* nobody waited, so nobody gets outputs */
}

static void a_run_that_failed_behind_the_scenes_is_told_by_wait(void **state)
{
    fixture f;
    floe_error err = {0};
    (void)state;

    open_fixture(&f, product_plan);
    books.lazy = true;
    books.fail_run = 2;
    assert_ok(fl_context_enqueue(f.context, 4, f.bindings, &err), &err);
    assert_int_equal(fl_context_wait(f.context, &err), FLOE_ERR_DEVICE);
    assert_string_equal(err.message, "the device caught fire");
    assert_product(f.y, 0);
    assert_ok(fl_context_run(f.context, 4, f.bindings, &err), &err);
    assert_product(f.y, 4);
    close_fixture(&f);
}

/* ---- the context's own buffers */

static void a_binding_without_a_buffer_is_used_on_the_device(void **state)
{
    fixture f;
    floe_error err = {0};
    (void)state;

    open_fixture(&f, product_plan);
    float *x = fl_context_device_buffer(f.context, 0), *y = fl_context_device_buffer(f.context, 1);
    assert_non_null(x); /* the fake's device memory can be looked at */
    assert_non_null(y);
    assert_null(fl_context_device_buffer(f.context, 2));
    memcpy(x, x4, sizeof x4);
    f.bindings[0] = NULL;
    assert_ok(fl_context_run(f.context, 4, f.bindings, &err), &err);
    assert_product(f.y, 4);
    assert_int_equal(books.uploads, 0);
    assert_int_equal(books.downloads, 1);
    memset(y, 0, sizeof y4);
    f.bindings[1] = NULL;
    assert_ok(fl_context_run(f.context, 4, f.bindings, &err), &err);
    assert_int_equal(books.uploads, 0);
    assert_int_equal(books.downloads, 1);
    assert_memory_equal(y, y4, sizeof y4);
    assert_int_equal(fl_context_run(f.context, 4, NULL, &err), FLOE_ERR_ARGUMENT);
    assert_said(&err, "binding 0 'x' has no buffer");
    close_fixture(&f);
}

/* relu of [N,300000], batch 1 to 3: 1.2 MB an item. */
static fl_plan *wide_plan(void)
{
    plan_maker m = plan_maker_begin(NULL, "fake", "fake-1", 3);
    const uint32_t x = plan_maker_input(&m, "x", FL_F32, DIMS(-1, 300000));
    const fl_op_params relu = {.unary = {.func = FL_UNARY_RELU}};

    plan_maker_output(&m, "y", plan_maker_step(&m, "relu", FL_OP_UNARY, &relu, SLOTS(x)));
    return plan_maker_end(&m);
}

static void large_inputs_travel_in_pieces(void **state)
{
    fixture f;
    floe_error err = {0};
    const size_t n = 3 * 300000;
    float *x = malloc(n * sizeof *x), *y = calloc(n, sizeof *y);
    (void)state;

    open_fixture(&f, wide_plan);
    books.lazy = true;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(int64_t)(i * 7919 % 100003) - 50000;
    f.bindings[0] = x;
    f.bindings[1] = y;
    assert_ok(fl_context_run(f.context, 3, f.bindings, &err), &err);
    assert_int_equal(books.uploads, 4); /* 3.6 MB by pieces of 1 MiB */
    assert_int_equal(books.uploaded, n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        assert_true(y[i] == (x[i] > 0 ? x[i] : 0));
    free(x);
    free(y);
    close_fixture(&f);
}

/* ---- times */

static void the_times_of_the_last_run_can_be_asked_for(void **state)
{
    fixture f;
    floe_error err = {0};
    uint64_t ns[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX}, times[2];
    (void)state;

    open_fixture(&f, product_plan);
    assert_int_equal(fl_context_times(f.context, ns, &err), FLOE_ERR_ARGUMENT);
    assert_said(&err, "was not a run that succeeded");
    assert_ok(fl_context_run(f.context, 4, f.bindings, &err), &err);
    assert_int_equal(books.marks, 4);
    assert_ok(fl_context_times(f.context, ns, &err), &err);
    for (int i = 0; i < 3; i++)
        assert_true(ns[i] < 10000000000u);
    assert_true(ns[1] > 0);
    assert_ok(fl_context_profile(f.context, 4, f.bindings, times, &err), &err); /* its marks say nothing */
    assert_int_equal(fl_context_times(f.context, ns, &err), FLOE_ERR_ARGUMENT);
    assert_ok(fl_context_run(f.context, 2, f.bindings, &err), &err);
    assert_int_equal(fl_context_run(f.context, 5, f.bindings, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(fl_context_times(f.context, ns, &err), FLOE_ERR_ARGUMENT);
    close_fixture(&f);
}

/* ---- failures at each slot */

static void every_slot_may_fail_and_the_next_run_is_right(void **state)
{
    const struct {
        const char *said;
        int        *countdown;
        int         first, last;
        bool        changes_batch;
    } rows[] = {
        {"the cable is loose", &books.fail_upload, 1, 1, false},
        {"the way back is blocked", &books.fail_download, 1, 1, false},
        {"the device caught fire", &books.fail_run, 1, 2, false},
        {"the pencil is broken", &books.fail_mark, 1, 4, false},
        {"the device never came back", &books.fail_wait, 1, 1, false},
        {"the device is not in the mood", &books.fail_prepare, 1, 1, true},
    };
    fixture f;
    (void)state;

    open_fixture(&f, product_plan);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int k = rows[i].first; k <= rows[i].last; k++)
            for (int lazy = 0; lazy < 2; lazy++) {
                floe_error err = {0};
                uint64_t ns[3];
                books = (struct books){.lazy = lazy, .pinned = books.pinned};
                assert_ok(fl_context_run(f.context, 3, f.bindings, &err), &err);
                *rows[i].countdown = k;
                books.waits = 0;
                const int64_t batch = rows[i].changes_batch ? 4 : 3;
                assert_int_equal(fl_context_run(f.context, batch, f.bindings, &err), FLOE_ERR_DEVICE);
                assert_string_equal(err.message, rows[i].said);
                assert_true(books.waits > 0 || rows[i].changes_batch); /* nothing is at work on the buffers */
                assert_int_equal(*rows[i].countdown, 0);
                assert_int_equal(fl_context_times(f.context, ns, &err), FLOE_ERR_ARGUMENT);
                for (int j = 0; j < 8; j++)
                    f.y[j] = 7;
                assert_ok(fl_context_run(f.context, 3, f.bindings, &err), &err);
                assert_product(f.y, 3);
            }
    close_fixture(&f);
}

static void a_stopped_clock_is_told(void **state)
{
    fixture f;
    floe_error err = {0};
    uint64_t ns[3];
    (void)state;

    open_fixture(&f, product_plan);
    assert_ok(fl_context_run(f.context, 4, f.bindings, &err), &err);
    for (int k = 1; k <= 3; k++) {
        books.fail_elapsed = k;
        assert_int_equal(fl_context_times(f.context, ns, &err), FLOE_ERR_DEVICE);
        assert_string_equal(err.message, "the clock has stopped");
    }
    assert_ok(fl_context_times(f.context, ns, &err), &err);
    close_fixture(&f);
}

static void every_allocation_of_a_context_may_fail(void **state)
{
    fixture f;
    (void)state;

    open_fixture(&f, product_plan);
    const int pinned = books.pinned;
    const long live = atomic_load(&f.books_of_memory.live);
    assert_int_equal(pinned, 2);
    for (int host = 0; host < 2; host++)
        for (int k = 1;; k++) {
            fl_context *other = NULL;
            floe_error err = {0};
            *(host ? &books.fail_alloc_host : &books.fail_alloc) = k;
            const floe_status st = fl_context_create(&other, f.engine, 1, &err);
            books.fail_alloc = books.fail_alloc_host = 0;
            if (st == FLOE_OK) {
                assert_int_equal(k, host ? 3 : 5); /* arena, workspace, two bindings; two bindings */
                fl_context_free(other);
                break;
            }
            assert_null(other);
            assert_int_equal(st, FLOE_ERR_MEMORY);
            assert_said(&err, host ? "out of pins" : "out of device memory");
            assert_said(&err, "a context with 64 bytes of activations");
            assert_int_equal(books.pinned, pinned);
            assert_int_equal(atomic_load(&f.books_of_memory.live), live);
        }
    close_fixture(&f);
}

/* ---- the CPU */

static void on_the_cpu_all_is_done_when_enqueue_returns(void **state)
{
    fixture f = {0};
    floe_error err = {0};
    uint64_t ns[3];
    fl_plan *plan = plan_maker_tiny(NULL, "x86-64"); /* relu of [N,8] */
    fl_device *device = NULL;
    fl_device_info info;
    const float x[8] = {-1, 2, -3, 4, -5, 6, -7, 8};
    float y[8] = {0};
    void *bindings[] = {(void *)(uintptr_t)x, y};
    (void)state;

    assert_ok(fl_cpu_backend.open(&device, NULL, "cpu", NULL, &err), &err);
    fl_cpu_backend.describe(device, &info);
    fl_cpu_backend.close(device);
    strcpy(plan->engines[0].target, info.target);
    assert_ok(fl_engine_create(&f.engine, NULL, plan, "cpu", &err), &err);
    assert_ok(fl_context_create(&f.context, f.engine, 1, &err), &err);
    assert_ok(fl_context_enqueue(f.context, 1, bindings, &err), &err);
    for (int i = 0; i < 8; i++)
        assert_true(y[i] == (x[i] > 0 ? x[i] : 0));
    assert_int_equal(fl_context_enqueue(f.context, 1, bindings, &err), FLOE_ERR_ARGUMENT);
    assert_said(&err, "a run is enqueued in this context");
    assert_ok(fl_context_wait(f.context, &err), &err);
    assert_ok(fl_context_times(f.context, ns, &err), &err);
    assert_null(fl_context_device_buffer(f.context, 0));
    bindings[1] = NULL;
    assert_int_equal(fl_context_enqueue(f.context, 1, bindings, &err), FLOE_ERR_ARGUMENT);
    assert_said(&err, "binding 1 'y' has no buffer");
    fl_context_free(f.context);
    fl_engine_free(f.engine);
}

/* ---- which engine */

static floe_status accepts_all(const fl_device *device, const char *target, floe_error *err)
{
    (void)device;
    (void)target;
    (void)err;
    return FLOE_OK;
}

static void describe_as_second(const fl_device *device, fl_device_info *out)
{
    fl_cpu_backend.describe(device, out);
    strcpy(out->target, "fake-2");
}

static void the_engine_of_the_devices_own_target_goes_first(void **state)
{
    static const char *const targets[] = {"fake-1", "fake-2", "fake-3"};
    fl_backend backend = fake_backend();
    (void)state;

    backend.accepts = accepts_all;
    for (int other = 0; other < 3; other += 2) {
        plan_maker m = plan_maker_begin(NULL, "fake", targets[other], 4);
        const fl_op_params relu = {.unary = {.func = FL_UNARY_RELU}};
        uint32_t x = plan_maker_input(&m, "x", FL_F32, DIMS(-1, 3));
        plan_maker_output(&m, "y", plan_maker_step(&m, "relu", FL_OP_UNARY, &relu, SLOTS(x)));
        plan_maker_engine(&m, "fake", "fake-2", 2);
        x = plan_maker_input(&m, "x", FL_F32, DIMS(-1, 3));
        plan_maker_output(&m, "y", plan_maker_step(&m, "relu", FL_OP_UNARY, &relu, SLOTS(x)));
        fl_plan *plan = plan_maker_end(&m);
        backend.describe = other ? describe_as_second : fl_cpu_backend.describe;
        fl_engine *engine = engine_on(&backend, plan);
        assert_string_equal(fl_engine_plan_engine(engine)->target, other ? "fake-2" : "fake-1");
        fl_engine_free(engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_there_after_wait_and_not_before),
        cmocka_unit_test(the_array_of_bindings_is_only_needed_during_enqueue),
        cmocka_unit_test(a_second_run_is_refused_until_the_first_is_waited_for),
        cmocka_unit_test(waiting_for_nothing_is_fine),
        cmocka_unit_test(a_context_may_be_freed_while_it_is_at_work),
        cmocka_unit_test(a_run_that_failed_behind_the_scenes_is_told_by_wait),
        cmocka_unit_test(a_binding_without_a_buffer_is_used_on_the_device),
        cmocka_unit_test(large_inputs_travel_in_pieces),
        cmocka_unit_test(the_times_of_the_last_run_can_be_asked_for),
        cmocka_unit_test(every_slot_may_fail_and_the_next_run_is_right),
        cmocka_unit_test(a_stopped_clock_is_told),
        cmocka_unit_test(every_allocation_of_a_context_may_fail),
        cmocka_unit_test(on_the_cpu_all_is_done_when_enqueue_returns),
        cmocka_unit_test(the_engine_of_the_devices_own_target_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
