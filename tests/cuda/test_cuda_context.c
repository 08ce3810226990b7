/* test_cuda_context.c - engines and contexts on a GPU through the public API: timed builds, batches, runs in two halves, the
 * context's own device buffers, profiles that leave the outputs right, times. What steps compute is compared with the CPU.
 */
#include "cuda_test.h"

#include "floe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

enum { MOST = 4, SIDE = 6, CHANNELS = 8, IN = SIDE * SIDE * CHANNELS, OUT = CHANNELS };

static void ok(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK)
        fail_msg("%s", err->message);
}

static void assert_said(const floe_error *err, const char *words)
{
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
}

/* [N,6,6,8]: depthwise 3x3, sigmoid (which works in place), mean over the picture, softmax. */
static floe_network *network(void)
{
    static float filter[9 * CHANNELS], bias[CHANNELS];
    const floe_dims dims = {4, {-1, SIDE, SIDE, CHANNELS}};
    const floe_convolution depthwise = {.kernel = {3, 3}, .padding = FLOE_PADDING_SAME, .format = FLOE_NHWC,
                                        .filter = {filter, 9 * CHANNELS}, .bias = {bias, CHANNELS}};
    const int axes[] = {1, 2};
    floe_network *n = NULL;
    floe_error err;

    for (int i = 0; i < 9 * CHANNELS; i++)
        filter[i] = (float)(i * 37 % 19 - 9) / 8;
    for (int i = 0; i < CHANNELS; i++)
        bias[i] = (float)i / 4 - 1;
    ok(floe_network_create(&n, NULL, &err), &err);
    floe_tensor *x = floe_network_add_input(n, "x", FLOE_FLOAT32, &dims);
    x = floe_network_add_depthwise_convolution(n, x, &depthwise);
    x = floe_network_add_unary(n, x, "sigmoid", 0);
    x = floe_network_add_unary(n, x, "square", 0);
    x = floe_network_add_reduce(n, x, "mean", axes, 2, false);
    x = floe_network_add_softmax(n, x, -1);
    floe_network_mark_output(n, x, "y");
    ok(floe_network_check(n, &err), &err);
    return n;
}

static floe_engine *engine(const char *device, bool timed)
{
    const floe_builder builder = {.device = device, .max_batch_size = MOST, .no_timing = !timed, .threads = 1};
    floe_network *n = network();
    floe_blob *plan = NULL;
    floe_engine *e = NULL;
    floe_error err;

    ok(floe_builder_build(&plan, &builder, n, &err), &err);
    ok(floe_engine_deserialize(&e, NULL, floe_blob_data(plan), floe_blob_size(plan), device, &err), &err);
    floe_blob_free(plan);
    floe_network_free(n);
    return e;
}

static float input[MOST * IN], expected[MOST * OUT];
static floe_engine *gpu;

static int begin(void **state)
{
    floe_context *context = NULL;
    void *bindings[] = {input, expected};
    floe_error err;
    (void)state;

    for (int i = 0; i < MOST * IN; i++)
        input[i] = sinf((float)i) * 2;
    floe_engine *cpu = engine("cpu", false);
    ok(floe_context_create(&context, cpu, 1, &err), &err);
    ok(floe_context_execute(context, MOST, bindings, &err), &err);
    floe_context_free(context);
    floe_engine_free(cpu);
    gpu = engine("cuda", false);
    return 0;
}

static int end(void **state)
{
    (void)state;
    floe_engine_free(gpu);
    return 0;
}

static floe_context *context_of(const floe_engine *e)
{
    floe_context *context = NULL;
    floe_error err;

    ok(floe_context_create(&context, e, 0, &err), &err);
    return context;
}

static void assert_outputs(const float *y, int64_t batch)
{
    for (int i = 0; i < MOST * OUT; i++)
        if (i < batch * OUT)
            assert_true(fabsf(y[i] - expected[i]) <= 1e-5f);
        else
            assert_true(y[i] == 7);
}

static void clear(float *y)
{
    for (int i = 0; i < MOST * OUT; i++)
        y[i] = 7;
}

static void every_batch_gives_the_cpus_answers_again_and_again(void **state)
{
    floe_context *context = context_of(gpu);
    floe_error err;
    float y[MOST * OUT];
    (void)state;

    for (int round = 0; round < 2; round++)
        for (int64_t batch = 1; batch <= MOST; batch++) {
            void *bindings[] = {input, y};
            clear(y);
            ok(floe_context_execute(context, batch, bindings, &err), &err);
            assert_outputs(y, batch);
        }
    floe_context_free(context);
}

static void contexts_of_one_engine_are_at_work_together(void **state)
{
    floe_context *contexts[3];
    float y[3][MOST * OUT];
    floe_error err;
    (void)state;

    for (int i = 0; i < 3; i++) {
        void *bindings[] = {input, y[i]};
        clear(y[i]);
        contexts[i] = context_of(gpu);
        ok(floe_context_enqueue(contexts[i], i + 2, bindings, &err), &err);
        assert_int_equal(floe_context_enqueue(contexts[i], 1, bindings, &err), FLOE_ERR_ARGUMENT);
        assert_said(&err, "enqueue: a run is enqueued in this context");
    }
    for (int i = 2; i >= 0; i--) {
        ok(floe_context_wait(contexts[i], &err), &err);
        assert_outputs(y[i], i + 2);
    }
    for (int i = 0; i < 3; i++)
        floe_context_free(contexts[i]);
}

static void what_lies_in_the_device_buffers_is_used_where_no_buffer_is_given(void **state)
{
    floe_context *context = context_of(gpu);
    float y[MOST * OUT], other[MOST * IN] = {0};
    void *both[] = {input, y}, *neither[] = {NULL, NULL}, *only_out[] = {NULL, y}, *only_in[] = {other, NULL};
    floe_error err;
    (void)state;

    assert_non_null(floe_context_device_buffer(context, 0));
    assert_non_null(floe_context_device_buffer(context, 1));
    assert_null(floe_context_device_buffer(context, 2));
    assert_null(floe_context_device_buffer(context, -1));
    ok(floe_context_execute(context, MOST, both, &err), &err);
    ok(floe_context_execute(context, MOST, neither, &err), &err);
    clear(y);
    ok(floe_context_execute(context, MOST, only_out, &err), &err);
    assert_outputs(y, MOST);
    ok(floe_context_execute(context, MOST, only_in, &err), &err);
    ok(floe_context_execute(context, MOST, only_out, &err), &err);
    assert_true(fabsf(y[0] - expected[0]) > 1e-4f); /* of zeros now */
    floe_context_free(context);
}

static void a_profile_times_each_step_and_leaves_the_outputs_right(void **state)
{
    floe_context *context = context_of(gpu);
    uint64_t ns[16] = {0};
    float y[MOST * OUT];
    void *bindings[] = {input, y};
    floe_error err;
    const int steps = floe_engine_step_count(gpu);
    (void)state;

    assert_in_range(steps, 3, 16);
    for (int64_t batch = 1; batch <= MOST; batch += MOST - 1) {
        clear(y);
        ok(floe_context_profile(context, batch, bindings, ns, &err), &err);
        assert_outputs(y, batch);
        for (int i = 0; i < steps; i++)
            assert_in_range(ns[i], 1, 60000000000);
    }
    floe_context_free(context);
}

static void the_times_of_a_run_are_told(void **state)
{
    floe_context *context = context_of(gpu);
    double up = -1, run = -1, down = -1;
    float y[MOST * OUT];
    void *bindings[] = {input, y};
    floe_error err;
    (void)state;

    assert_int_equal(floe_context_times(context, &up, &run, &down, &err), FLOE_ERR_ARGUMENT);
    ok(floe_context_execute(context, MOST, bindings, &err), &err);
    ok(floe_context_times(context, &up, &run, &down, &err), &err);
    assert_true(up >= 0 && run > 0 && down >= 0 && up + run + down < 60000);
    ok(floe_context_times(context, NULL, NULL, NULL, &err), &err);
    floe_context_free(context);
}

static void an_engine_whose_tactics_were_timed_is_right_too(void **state)
{
    floe_engine *timed = engine("cuda:0", true);
    floe_context *context = context_of(timed);
    float y[MOST * OUT];
    void *bindings[] = {input, y};
    floe_error err;
    (void)state;

    clear(y);
    ok(floe_context_execute(context, MOST, bindings, &err), &err);
    assert_outputs(y, MOST);
    floe_context_free(context);
    floe_engine_free(timed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_batch_gives_the_cpus_answers_again_and_again),
        cmocka_unit_test(contexts_of_one_engine_are_at_work_together),
        cmocka_unit_test(what_lies_in_the_device_buffers_is_used_where_no_buffer_is_given),
        cmocka_unit_test(a_profile_times_each_step_and_leaves_the_outputs_right),
        cmocka_unit_test(the_times_of_a_run_are_told),
        cmocka_unit_test(an_engine_whose_tactics_were_timed_is_right_too),
    };
    cuda_test_begin();
    return cmocka_run_group_tests_name("cuda_context", tests, begin, end);
}
