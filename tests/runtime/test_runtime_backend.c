/* test_runtime_backend.c - what the runtime asks of a backend and of its tactics, seen from a backend made for the test. */
#include "fake_backend.h"

/* ---- tests */

static void bindings_travel_where_memory_is_not_the_hosts(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    (void)state;

    books = (struct books){0};
    fl_engine *engine = engine_on(&backend, product_plan());
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    assert_int_equal(books.uploads + books.downloads, 0);
    assert_right(context, 3);
    assert_int_equal(books.uploads, 1);
    assert_int_equal(books.uploaded, 3 * 3 * 4);
    assert_int_equal(books.downloads, 1);
    assert_int_equal(books.downloaded, 3 * 2 * 4);
    assert_true(books.waits > 0);
    /* arena of one tensor [4,2], and both bindings at batch 4 */
    assert_int_equal(fl_context_bytes(context), 64 + 4 * 3 * 4 + 4 * 2 * 4);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void weights_are_imported_once_for_all_contexts(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *a = NULL, *b = NULL;
    (void)state;

    books = (struct books){0};
    fl_engine *engine = engine_on(&backend, product_plan());
    assert_int_equal(fl_context_create(&a, engine, 1, NULL), FLOE_OK);
    assert_int_equal(fl_context_create(&b, engine, 1, NULL), FLOE_OK);
    assert_right(a, 4);
    assert_right(b, 2);
    fl_context_free(a);
    fl_context_free(b);
    assert_int_equal(books.imports, 1);
    assert_int_equal(books.releases, 0);
    fl_engine_free(engine);
    assert_int_equal(books.releases, 1);
}

static void steps_are_prepared_when_the_batch_changes_and_only_then(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    (void)state;

    books = (struct books){0};
    fl_engine *engine = engine_on(&backend, product_plan());
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    assert_int_equal(books.prepares, 1);
    assert_right(context, 2);
    const int first = books.prepares;
    assert_right(context, 2);
    assert_right(context, 2);
    assert_int_equal(books.prepares, first);
    assert_right(context, 3);
    assert_int_equal(books.prepares, first + 1);
    assert_right(context, 2);
    assert_int_equal(books.prepares, first + 2);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void a_failure_on_the_way_is_told_and_does_not_stick(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    float y[8];
    void *const bindings[] = {(void *)(uintptr_t)x4, y};
    floe_error err = {0};
    (void)state;

    books = (struct books){0};
    fl_engine *engine = engine_on(&backend, product_plan());
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    books.fail_upload = 1;
    assert_int_equal(fl_context_run(context, 2, bindings, &err), FLOE_ERR_DEVICE);
    assert_string_equal(err.message, "the cable is loose");
    books.fail_run = 2;
    books.waits = books.downloads = 0;
    assert_int_equal(fl_context_run(context, 2, bindings, &err), FLOE_ERR_DEVICE);
    assert_string_equal(err.message, "the device caught fire");
    assert_true(books.waits > 0); /* nothing is at work any more */
    assert_int_equal(books.downloads, 0);
    assert_right(context, 2);
    assert_right(context, 4);
    books.fail_prepare = 1; /* the dims are those of batch 1 by then; batch 4 must get its own back */
    assert_int_equal(fl_context_run(context, 1, bindings, &err), FLOE_ERR_DEVICE);
    assert_string_equal(err.message, "the device is not in the mood");
    float ones[12];
    for (int i = 0; i < 12; i++)
        ones[i] = 1;
    void *const others[] = {ones, y};
    assert_int_equal(fl_context_run(context, 4, others, NULL), FLOE_OK);
    for (int i = 0; i < 8; i++)
        assert_true(y[i] == (i % 2 ? 12 : 9));
    fl_context_free(context);
    fl_engine_free(engine);
}

static void packed_weights_reach_the_tactic_that_packed_them(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    (void)state;

    fl_engine *engine = engine_on(&backend, packed_plan());
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    for (int64_t batch = 4; batch >= 1; batch--)
        assert_right(context, batch);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void workspace_is_what_the_tactic_of_this_build_wants(void **state)
{
    const fl_backend backend = fake_backend();
    fl_plan *plan = packed_plan();
    fl_context *context = NULL;
    (void)state;

    plan->engines[0].steps[0].workspace_bytes = plan->engines[0].workspace_bytes = 0; /* another build's needed none */
    fl_engine *engine = engine_on(&backend, plan);
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    assert_int_equal(fl_context_bytes(context), 64 + 4 * 3 * 4 + 4 * 2 * 4 + 4 * 3 * sizeof(double));
    assert_right(context, 4);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void packed_weights_of_another_size_are_refused(void **state)
{
    const fl_backend backend = fake_backend();
    fl_plan *plan = packed_plan();
    (void)state;

    plan->engines[0].steps[0].packed_bytes -= 8;
    assert_refused_on(&backend, plan, FLOE_ERR_VERSION, "step 0 'product': 40 bytes of packed weights; this build's tactic "
                                                        "'fake.matmul.f32.packed' has 48");
    plan = packed_plan();
    plan->engines[0].steps[0].packed_bytes = 0;
    assert_refused_on(&backend, plan, FLOE_ERR_VERSION, "0 bytes of packed weights");
    plan = packed_plan();
    plan->engines[0].steps[0].tactic = refs[FL_OP_MATMUL].name; /* it packs nothing, but w is gone */
    assert_refused_on(&backend, plan, FLOE_ERR_FORMAT, "inputs 0x2 are packed; tactic 'fake.matmul.any.ref' packs 0x0");
    plan = packed_plan();
    plan->engines[0].steps[0].taken = 0; /* it would find no data where it expects its own */
    assert_refused_on(&backend, plan, FLOE_ERR_FORMAT, "inputs 0x0 are packed");
    plan = packed_plan();
    plan->engines[0].steps[0].tactic = silent.name;
    assert_refused_on(&backend, plan, FLOE_ERR_VERSION, "does not tell the size");
}

/* Puts the relu's result where its input is. */
static fl_plan *in_place_plan(const char *tactic)
{
    fl_plan *plan = product_plan();
    fl_plan_engine *e = &plan->engines[0];
    fl_plan_tensor *product = &e->tensors[e->steps[0].out[0]], *y = &e->tensors[e->steps[1].out[0]];

    product->place = y->place;
    product->offset = y->offset;
    e->arena_bytes = 0;
    e->steps[1].tactic = tactic;
    return plan;
}

static void working_in_place_is_for_tactics_that_can(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    (void)state;

    fl_engine *engine = engine_on(&backend, in_place_plan(in_place.name));
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    assert_right(context, 4);
    fl_context_free(context);
    fl_engine_free(engine);
    assert_refused_on(&backend, in_place_plan(refs[FL_OP_UNARY].name), FLOE_ERR_FORMAT,
                      "step 1 'relu': output 0 lies where input 0 does; tactic 'fake.unary.any.ref' cannot work in place");
}

static void the_refusal_of_a_target_is_the_backends_own(void **state)
{
    const fl_backend backend = fake_backend();
    fl_plan *plan = product_plan();
    (void)state;

    strcpy(plan->engines[0].target, "fake-2");
    assert_refused_on(&backend, plan, FLOE_ERR_TARGET, "built for fake-2, this is fake-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bindings_travel_where_memory_is_not_the_hosts),
        cmocka_unit_test(weights_are_imported_once_for_all_contexts),
        cmocka_unit_test(steps_are_prepared_when_the_batch_changes_and_only_then),
        cmocka_unit_test(a_failure_on_the_way_is_told_and_does_not_stick),
        cmocka_unit_test(packed_weights_reach_the_tactic_that_packed_them),
        cmocka_unit_test(workspace_is_what_the_tactic_of_this_build_wants),
        cmocka_unit_test(packed_weights_of_another_size_are_refused),
        cmocka_unit_test(working_in_place_is_for_tactics_that_can),
        cmocka_unit_test(the_refusal_of_a_target_is_the_backends_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
