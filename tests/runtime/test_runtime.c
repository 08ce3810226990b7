/* test_runtime.c - engines and contexts on hand-made plans: right results at every batch and in any order, the same bits
 * in every context, sentences for what does not fit. Links with the run half alone.
 *
 * What is right is found by walking the plan's steps with the operators' references over buffers of their own, so a
 * wrong offset, slot, batch or patch shows, and a step over its buffer's end shows under AddressSanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime_fixture.h"

/* ---- expected results */

static void assert_same(const buffers *a, const buffers *b)
{
    for (size_t i = 0; i < a->n; i++) {
        assert_int_equal(a->bytes[i], b->bytes[i]);
        assert_memory_equal(a->at[i], b->at[i], a->bytes[i]);
    }
}

/* Each place a buffer of its own: tensors share one exactly if they share place and offset. */
static void *place_of(const fl_plan *plan, const fl_plan_engine *e, void **made, uint32_t index, int64_t batch,
                      const buffers *bindings)
{
    const fl_plan_tensor *t = &e->tensors[index];

    if (t->place == FL_PLACE_WEIGHTS)
        return (void *)(uintptr_t)(plan->weights + t->offset);
    if (t->place == FL_PLACE_BINDING)
        return bindings->at[t->offset];
    for (uint32_t i = 0; i < e->n_tensors; i++)
        if (e->tensors[i].place == FL_PLACE_ARENA && e->tensors[i].offset == t->offset && made[i])
            return made[i];
    made[index] = malloc(fl_tensor_bytes_at(&t->desc, batch) + 1);
    return made[index];
}

static void expect(const fl_plan *plan, const fl_plan_engine *e, int64_t batch, const buffers *bindings)
{
    void *made[PLAN_MAKER_TENSORS] = {NULL};
    fl_tensor_desc descs[PLAN_MAKER_TENSORS];

    for (uint32_t i = 0; i < e->n_tensors; i++)
        descs[i] = fl_tensor_at(&e->tensors[i].desc, batch);
    for (uint32_t k = 0; k < e->n_steps; k++) {
        const fl_plan_step *s = &e->steps[k];
        fl_tensor_desc *in_desc[16] = {NULL}, *out_desc[FL_MAX_OUTPUTS];
        const void *in[16] = {NULL};
        void *out[FL_MAX_OUTPUTS];
        for (uint32_t i = 0; i < s->n_in; i++)
            if (s->in[i] != FL_PLAN_NONE) {
                in_desc[i] = &descs[s->in[i]];
                in[i] = place_of(plan, e, made, s->in[i], batch, bindings);
            }
        for (uint32_t i = 0; i < s->n_out; i++) {
            out_desc[i] = &descs[s->out[i]];
            out[i] = place_of(plan, e, made, s->out[i], batch, bindings);
        }
        const fl_op_desc desc = {s->op, s->p, (int)s->n_in, (int)s->n_out, in_desc, out_desc};
        assert_int_equal(fl_op_def_of(s->op)->ref(&desc, in, out, NULL), FLOE_OK);
    }
    for (uint32_t i = 0; i < e->n_tensors; i++)
        free(made[i]);
}

static void run(fl_context *context, int64_t batch, const buffers *b)
{
    floe_error err = {0};

    if (fl_context_run(context, batch, b->at, &err) != FLOE_OK)
        fail_msg("%s", err.message);
}

static void assert_runs_right(const fl_engine *engine, fl_context *context, int64_t batch, uint32_t seed)
{
    const fl_plan_engine *e = fl_engine_plan_engine(engine);
    buffers got = buffers_of(e, batch, seed), wanted = buffers_of(e, batch, seed);

    run(context, batch, &got);
    expect(fl_engine_plan(engine), e, batch, &wanted);
    assert_same(&got, &wanted);
    free_buffers(&got);
    free_buffers(&wanted);
}

/* ---- results */

static void a_relu_is_a_relu(void **state)
{
    fl_engine *engine = engine_of(plan_maker_tiny(NULL, this_machine()));
    fl_context *context = context_of(engine, 1);
    float x[8] = {-1, 2, -3, 4, 0, -0.5f, 7, 8}, y[8] = {0};
    const float wanted[8] = {0, 2, 0, 4, 0, 0, 7, 8};
    void *const bindings[] = {x, y};
    (void)state;

    assert_int_equal(fl_context_run(context, 1, bindings, NULL), FLOE_OK);
    assert_memory_equal(y, wanted, sizeof y);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void every_plan_gives_what_its_references_give_at_any_batch(void **state)
{
    fl_plan *(*const makers[])(const floe_env *, const char *) = {plan_maker_tiny, plan_maker_net, plan_maker_all};
    static const int64_t order[] = {3, 1, 2, 3, 3, 1}; /* up and down, and twice the same */
    (void)state;

    for (size_t m = 0; m < sizeof makers / sizeof makers[0]; m++) {
        fl_engine *engine = engine_of(makers[m](NULL, this_machine()));
        fl_context *context = context_of(engine, 2);
        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
            assert_runs_right(engine, context, order[i], (uint32_t)(10 * m + i));
        fl_context_free(context);
        fl_engine_free(engine);
    }
}

/* Sums of a few dozen products between -1 and 1 in any order: far below 1e-4 apart. */
static void assert_near(const fl_plan_engine *e, const buffers *got, const buffers *wanted)
{
    for (size_t i = 0; i < got->n; i++) {
        assert_int_equal(e->tensors[e->bindings[i].tensor].desc.dtype, FL_F32);
        for (size_t k = 0; k < got->bytes[i] / 4; k++) {
            const float a = ((const float *)got->at[i])[k], b = ((const float *)wanted->at[i])[k];
            if (!(a - b < 1e-4f && b - a < 1e-4f))
                fail_msg("binding %zu, element %zu: %g instead of %g", i, k, (double)a, (double)b);
        }
    }
}

/* Every tactic of the CPU, through the bytes of a PLAN: packed weights, workspaces, other batches than it was packed at. */
static void every_rank_of_tactics_runs_from_its_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * 8; i++) {
        fl_plan *made = i % 2 ? plan_maker_all(NULL, "-") : plan_maker_net(NULL, "-"), *plan = NULL;
        plan_maker_retarget(made, NULL, i / 2);
        fl_buf bytes = plan_maker_bytes(made);
        assert_int_equal(fl_plan_parse(&plan, NULL, bytes.data, bytes.size, "memory", NULL), FLOE_OK);
        fl_engine *engine = engine_of(plan);
        fl_context *context = context_of(engine, 2);
        const fl_plan_engine *e = fl_engine_plan_engine(engine);
        for (int64_t batch = 3; batch >= 1; batch--) {
            buffers got = buffers_of(e, batch, 3), wanted = buffers_of(e, batch, 3);
            run(context, batch, &got);
            expect(plan, e, batch, &wanted);
            assert_near(e, &got, &wanted);
            free_buffers(&got);
            free_buffers(&wanted);
        }
        fl_context_free(context);
        fl_engine_free(engine);
        fl_buf_free(&bytes);
    }
}

static void a_plan_from_its_bytes_runs_as_the_one_in_memory(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_net(NULL, this_machine()));
    fl_plan *plan = NULL;
    (void)state;

    assert_int_equal(fl_plan_parse(&plan, NULL, bytes.data, bytes.size, "memory", NULL), FLOE_OK);
    fl_engine *engine = engine_of(plan);
    fl_context *context = context_of(engine, 1);
    assert_runs_right(engine, context, 4, 1);
    fl_context_free(context);
    fl_engine_free(engine);
    fl_buf_free(&bytes);
}

static void buffers_may_be_others_at_each_run(void **state)
{
    fl_engine *engine = engine_of(plan_maker_net(NULL, this_machine()));
    fl_context *context = context_of(engine, 1);
    const fl_plan_engine *e = fl_engine_plan_engine(engine);
    buffers a = buffers_of(e, 2, 1), b = buffers_of(e, 2, 2), before, again;
    (void)state;

    run(context, 2, &a);
    before = buffers_of(e, 2, 1);
    for (size_t i = 0; i < a.n; i++)
        memcpy(before.at[i], a.at[i], a.bytes[i]);
    run(context, 2, &b);
    assert_same(&a, &before); /* nobody wrote to the buffers of the run before */
    again = buffers_of(e, 2, 1);
    run(context, 2, &again);
    assert_same(&a, &again);
    free_buffers(&a);
    free_buffers(&b);
    free_buffers(&before);
    free_buffers(&again);
    fl_context_free(context);
    fl_engine_free(engine);
}

typedef struct thread_job {
    const fl_engine *engine;
    const buffers   *wanted; /* by batch - 1 */
    atomic_int      *wrong;
} thread_job;

static void *run_often(void *arg)
{
    const thread_job *job = arg;
    const fl_plan_engine *e = fl_engine_plan_engine(job->engine);
    fl_context *context = NULL;

    if (fl_context_create(&context, job->engine, 2, NULL) != FLOE_OK) {
        atomic_fetch_add(job->wrong, 1);
        return NULL;
    }
    for (int i = 0; i < 12; i++) {
        const int64_t batch = 1 + i % 4;
        buffers b = buffers_of(e, batch, 7);
        if (fl_context_run(context, batch, b.at, NULL) != FLOE_OK)
            atomic_fetch_add(job->wrong, 1);
        for (size_t k = 0; k < b.n; k++)
            if (memcmp(b.at[k], job->wanted[batch - 1].at[k], b.bytes[k]) != 0)
                atomic_fetch_add(job->wrong, 1);
        free_buffers(&b);
    }
    fl_context_free(context);
    return NULL;
}

static void contexts_in_many_threads_give_the_same_bits(void **state)
{
    enum { THREADS = 4 };
    fl_engine *engine = engine_of(plan_maker_net(NULL, this_machine()));
    fl_context *context = context_of(engine, 1);
    pthread_t threads[THREADS];
    buffers wanted[4];
    atomic_int wrong;
    (void)state;

    atomic_init(&wrong, 0);
    for (int64_t batch = 1; batch <= 4; batch++) {
        wanted[batch - 1] = buffers_of(fl_engine_plan_engine(engine), batch, 7);
        run(context, batch, &wanted[batch - 1]);
    }
    thread_job job = {engine, wanted, &wrong};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, &job), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    for (int i = 0; i < 4; i++)
        free_buffers(&wanted[i]);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void a_profile_times_every_step_and_gives_the_same_results(void **state)
{
    fl_engine *engine = engine_of(plan_maker_net(NULL, this_machine()));
    fl_context *context = context_of(engine, 1);
    const fl_plan_engine *e = fl_engine_plan_engine(engine);
    buffers a = buffers_of(e, 3, 5), b = buffers_of(e, 3, 5);
    uint64_t times[PLAN_MAKER_STEPS], sum = 0;
    (void)state;

    memset(times, 0xff, sizeof times);
    run(context, 3, &a);
    assert_int_equal(fl_context_profile(context, 3, b.at, times, NULL), FLOE_OK);
    assert_same(&a, &b);
    for (uint32_t i = 0; i < e->n_steps; i++) {
        assert_true(times[i] < 60000000000u);
        sum += times[i];
    }
    assert_true(sum > 0);
    assert_true(times[e->n_steps] == UINT64_MAX);
    assert_int_equal(fl_context_bytes(context), e->arena_bytes);
    free_buffers(&a);
    free_buffers(&b);
    fl_context_free(context);
    fl_engine_free(engine);
}

/* ---- arguments */

static void assert_run_refused(fl_context *context, int64_t batch, void *const *bindings, floe_status status,
                               const char *words)
{
    floe_error err = {0};

    assert_int_equal(fl_context_run(context, batch, bindings, &err), status);
    assert_int_equal(err.status, status);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void wrong_batches_and_buffers_are_refused(void **state)
{
    fl_engine *engine = engine_of(plan_maker_tiny(NULL, this_machine()));
    fl_context *context = context_of(engine, 1);
    float x[5 * 8 + 1] = {0}, y[5 * 8 + 1];
    void *const good[] = {x, y}, *const none[] = {x, NULL};
    void *const odd[] = {(uint8_t *)x + 1, y};
    (void)state;

    assert_run_refused(context, 0, good, FLOE_ERR_ARGUMENT, "batch 0; the engine was built for 1 to 4");
    assert_run_refused(context, -1, good, FLOE_ERR_ARGUMENT, "batch -1");
    assert_run_refused(context, 5, good, FLOE_ERR_ARGUMENT, "batch 5; the engine was built for 1 to 4");
    assert_run_refused(context, INT64_MAX, good, FLOE_ERR_ARGUMENT, "1 to 4");
    assert_run_refused(context, 2, none, FLOE_ERR_ARGUMENT, "binding 1 'y' has no buffer");
    assert_run_refused(context, 2, NULL, FLOE_ERR_ARGUMENT, "binding 0 'x' has no buffer");
    assert_run_refused(context, 2, odd, FLOE_ERR_ARGUMENT, "binding 0 'x' is not aligned to its elements of 4 bytes");
    assert_int_equal(fl_context_run(context, 4, good, NULL), FLOE_OK); /* and no harm done */
    fl_context_free(context);
    fl_engine_free(engine);
}

static void a_batch_too_small_for_a_cut_is_refused(void **state)
{
    fl_engine *engine = engine_of(plan_maker_cut(NULL, this_machine()));
    fl_context *context = context_of(engine, 1);
    const float x[6][2] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}, {10, 11}}, wanted[2][2] = {{2, 3}, {6, 7}};
    float y[2][2] = {{0}};
    void *const bindings[] = {(void *)(uintptr_t)x, y};
    (void)state;

    assert_run_refused(context, 3, bindings, FLOE_ERR_SHAPE,
                       "step 'cut' cuts places 1 to 3 out of axis 0, which has 3 at batch 3; a larger batch is needed");
    for (int64_t batch = 4; batch <= 6; batch++) {
        memset(y, 0, sizeof y);
        assert_int_equal(fl_context_run(context, batch, bindings, NULL), FLOE_OK);
        assert_memory_equal(y, wanted, sizeof y);
    }
    assert_run_refused(context, 1, bindings, FLOE_ERR_SHAPE, "at batch 1");
    assert_int_equal(fl_context_run(context, 5, bindings, NULL), FLOE_OK);
    fl_context_free(context);
    fl_engine_free(engine);
}

/* ---- engines that do not fit */

static void assert_engine_refused(fl_plan *plan, const char *device, floe_status status, const char *words)
{
    fl_engine *engine = NULL;
    floe_error err = {0};

    assert_int_equal(fl_engine_create(&engine, NULL, plan, device, &err), status);
    assert_null(engine);
    assert_int_equal(err.status, status);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void a_plan_for_another_machine_is_refused(void **state)
{
    (void)state;
    assert_engine_refused(plan_maker_tiny(NULL, "sm_90"), NULL, FLOE_ERR_TARGET, "sm_90");
    assert_engine_refused(plan_maker_tiny(NULL, "sm_90"), "cpu", FLOE_ERR_TARGET, "sm_90");
    assert_engine_refused(plan_maker_tiny(NULL, this_machine()), "abacus", FLOE_ERR_ARGUMENT, "device 'abacus'");
    fl_plan *plan = plan_maker_tiny(NULL, this_machine());
    strcpy(plan->engines[0].backend, "abacus");
    assert_engine_refused(plan, NULL, FLOE_ERR_TARGET, "built for abacus");
    plan = plan_maker_tiny(NULL, this_machine());
    strcpy(plan->engines[0].backend, "abacus");
    assert_engine_refused(plan, "cpu", FLOE_ERR_TARGET, "the plan holds no engine for cpu; its first is for abacus");
}

static void of_several_engines_the_one_that_fits_is_run(void **state)
{
    fl_plan *plan = plan_maker_all(NULL, "no-such-machine-either");
    (void)state;

    strcpy(plan->engines[1].target, this_machine());
    plan->engines[1].n_steps = 0; /* its tactics are made up; which engine is chosen is all that is asked */
    fl_engine *engine = engine_of(plan);
    assert_ptr_equal(fl_engine_plan_engine(engine), &fl_engine_plan(engine)->engines[1]);
    fl_engine_free(engine);
}

static void a_tactic_that_is_not_in_this_build_is_named(void **state)
{
    fl_plan *plan = plan_maker_net(NULL, this_machine());
    (void)state;

    plan->engines[0].steps[3].tactic = "cpu.matmul.f32.abacus";
    assert_engine_refused(plan, NULL, FLOE_ERR_VERSION, "step 3 'fc': tactic 'cpu.matmul.f32.abacus' for matmul is not in "
                                                        "this build of floe");
    plan = plan_maker_net(NULL, this_machine());
    plan->engines[0].steps[3].tactic = "cpu.conv2d.any.ref"; /* in this build, for another operator */
    assert_engine_refused(plan, NULL, FLOE_ERR_VERSION, "is not in this build");
}

static void a_tactic_is_asked_again_whether_it_supports_the_step(void **state)
{
    fl_plan *plan = plan_maker_tiny(NULL, this_machine());
    fl_plan_engine *e = &plan->engines[0];
    (void)state;

    /* Blocked tensors, which the reference does not know. */
    for (int i = 0; i < 2; i++)
        e->tensors[i].desc = (fl_tensor_desc){FL_F32, FL_LAYOUT_C8, false, 4, {-1, 1, 1, 8}};
    assert_engine_refused(plan, NULL, FLOE_ERR_TARGET, "tactic 'cpu.unary.any.ref' cannot run this step on");
}

static void nothing_is_freed_when_there_is_nothing(void **state)
{
    (void)state;
    fl_context_free(NULL);
    fl_engine_free(NULL);
    fl_plan_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relu_is_a_relu),
        cmocka_unit_test(every_plan_gives_what_its_references_give_at_any_batch),
        cmocka_unit_test(every_rank_of_tactics_runs_from_its_bytes),
        cmocka_unit_test(a_plan_from_its_bytes_runs_as_the_one_in_memory),
        cmocka_unit_test(buffers_may_be_others_at_each_run),
        cmocka_unit_test(contexts_in_many_threads_give_the_same_bits),
        cmocka_unit_test(a_profile_times_every_step_and_gives_the_same_results),
        cmocka_unit_test(wrong_batches_and_buffers_are_refused),
        cmocka_unit_test(a_batch_too_small_for_a_cut_is_refused),
        cmocka_unit_test(a_plan_for_another_machine_is_refused),
        cmocka_unit_test(of_several_engines_the_one_that_fits_is_run),
        cmocka_unit_test(a_tactic_that_is_not_in_this_build_is_named),
        cmocka_unit_test(a_tactic_is_asked_again_whether_it_supports_the_step),
        cmocka_unit_test(nothing_is_freed_when_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
