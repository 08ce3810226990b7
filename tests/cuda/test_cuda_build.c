/* test_cuda_build.c - building for a GPU that is not here: by the cost model, without a driver, without memory, and without a
 * look at the timing cache. No GPU and no emulated one is needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "floe.h"
#include "plan/plan.h"

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

/* No driver, so whoever asks for one fails. */
static int no_driver(void **state)
{
    (void)state;
    return setenv("FLOE_CUDA_DRIVER", "/nowhere/libcuda.so.1", 1);
}

/* [N,56,56,64]: depthwise 3x3 with relu6, maximum of 2x2, softmax. */
static floe_network *small_network(void)
{
    static float filter[3 * 3 * 64], bias[64];
    const floe_dims dims = {4, {-1, 56, 56, 64}};
    const floe_convolution depthwise = {.kernel = {3, 3}, .padding = FLOE_PADDING_SAME, .format = FLOE_NHWC,
                                        .filter = {filter, 3 * 3 * 64}, .bias = {bias, 64}};
    const floe_pooling pool = {.kernel = {2, 2}, .format = FLOE_NHWC};
    floe_network *n = NULL;
    floe_error err;

    for (int i = 0; i < 3 * 3 * 64; i++)
        filter[i] = (float)(i % 7) - 3;
    assert_ok(floe_network_create(&n, NULL, &err), &err);
    floe_tensor *x = floe_network_add_input(n, "x", FLOE_FLOAT32, &dims);
    x = floe_network_add_depthwise_convolution(n, x, &depthwise);
    x = floe_network_add_unary(n, x, "relu6", 0);
    x = floe_network_add_pooling(n, x, &pool);
    x = floe_network_add_softmax(n, x, -1);
    floe_network_mark_output(n, x, "y");
    assert_ok(floe_network_check(n, &err), &err);
    return n;
}

static floe_status build(floe_blob **plan, const floe_builder *builder, floe_error *err)
{
    floe_network *n = small_network();
    const floe_status st = floe_builder_build(plan, builder, n, err);

    floe_network_free(n);
    return st;
}

/* Of all tactics that may run the step the plan's is the cheapest. */
static void assert_cheapest(const fl_plan_engine *e, const fl_plan_step *s, fl_device *device, uint64_t workspace)
{
    fl_tensor_desc *in[8], *out[FL_MAX_OUTPUTS];
    fl_op_desc d;
    fl_device_info info;
    const char *why;

    fl_plan_step_desc(e, s, in, out, &d);
    fl_cuda_backend.describe(device, &info);
    const fl_tactic *chosen = fl_tactic_find(&fl_cuda_backend, device, s->op, s->tactic);
    assert_non_null(chosen);
    assert_non_null(chosen->cost);
    const fl_tactic_list list = fl_cuda_backend.tactics(device, s->op);
    int others = 0;
    for (size_t i = 0; i < list.count; i++) {
        const fl_tactic *t = list.items[i];
        if (t == chosen || !t->cost || !t->supports(&d, &info, &why) || t->workspace_bytes(&d, &info, e->max_batch) > workspace)
            continue;
        assert_true(chosen->cost(&d, &info, e->max_batch) <= t->cost(&d, &info, e->max_batch));
        others++;
    }
    if (s->op == FL_OP_DEPTHWISE_CONV2D)
        assert_true(others > 0); /* there was a choice */
}

static void engines_are_built_for_gpus_that_are_not_here(void **state)
{
    static const char *const targets[] = {"sm_75", "sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "sm_100", "sm_110", "sm_120"};
    (void)state;

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        for (int64_t batch = 1; batch <= 64; batch *= 64) {
            const floe_builder builder = {.device = "cuda", .target = targets[i], .max_batch_size = batch};
            const fl_device_options options = {.target = targets[i], .sources = 1u << FL_SOURCE_OWN};
            floe_blob *blob = NULL, *again = NULL;
            fl_plan *plan = NULL;
            fl_device *device = NULL;
            floe_error err;
            assert_ok(build(&blob, &builder, &err), &err);
            assert_ok(build(&again, &builder, &err), &err);
            assert_int_equal(floe_blob_size(blob), floe_blob_size(again));
            assert_memory_equal(floe_blob_data(blob), floe_blob_data(again), floe_blob_size(blob));
            assert_ok(fl_plan_parse(&plan, NULL, floe_blob_data(blob), floe_blob_size(blob), "memory", &err), &err);
            assert_int_equal(plan->n_engines, 1);
            const fl_plan_engine *e = &plan->engines[0];
            assert_string_equal(e->backend, "cuda");
            assert_string_equal(e->target, targets[i]);
            assert_true(e->n_steps >= 3);
            assert_ok(fl_cuda_backend.open(&device, NULL, "cuda", &options, &err), &err);
            for (uint32_t k = 0; k < e->n_steps; k++)
                assert_cheapest(e, &e->steps[k], device, 1 << 20);
            fl_cuda_backend.close(device);
            fl_plan_free(plan);
            floe_blob_free(blob);
            floe_blob_free(again);
        }
}

static void a_target_leaves_the_timing_cache_as_it_is(void **state)
{
    static const char text[] = "# floe timing cache 1\ndevice\tcpu x86-64-avx2 Some CPU threads=2\nrelu f32[1]\tcpu.unary.any.ref\t5\n";
    const char *folder = getenv("TMPDIR");
    char path[300], read[sizeof text + 1];
    floe_blob *blob = NULL;
    floe_error err;
    (void)state;

    snprintf(path, sizeof path, "%s/floe-test-cache-XXXXXX", folder ? folder : "/tmp");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    const floe_builder builder = {.device = "cuda", .target = "sm_90", .timing_cache = path};
    assert_ok(build(&blob, &builder, &err), &err);
    floe_blob_free(blob);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(read, 1, sizeof read, f), sizeof text - 1);
    fclose(f);
    assert_memory_equal(read, text, sizeof text - 1);
    unlink(path);
}

static void what_cannot_be_built_is_told(void **state)
{
    const struct {
        floe_builder builder;
        floe_status  status;
        const char  *words;
    } rows[] = {
        {{.device = "cuda"}, FLOE_ERR_DEVICE, "no NVIDIA driver on this machine"},
        {{.device = "cuda", .target = "sm_61"}, FLOE_ERR_ARGUMENT, "target 'sm_61': engines can be built for sm_75, sm_80"},
        {{.device = "cuda", .isa = "avx2"}, FLOE_ERR_ARGUMENT, "is for the CPU"},
        {{.device = "cpu", .target = "sm_90"}, FLOE_ERR_ARGUMENT, "target 'sm_90' is for device cuda"},
        {{.target = "sm_90"}, FLOE_ERR_ARGUMENT, "target 'sm_90' is for device cuda"},
        {{.device = "opencl"}, FLOE_ERR_ARGUMENT, "it has cpu, cuda"},
        {{.device = "cuda", .target = "sm_90", .sources = FLOE_SOURCE_CUDNN}, FLOE_ERR_UNSUPPORTED, "have no tactic on sm_90"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        floe_blob *blob = NULL;
        floe_error err = {0};
        assert_int_equal(build(&blob, &rows[i].builder, &err), rows[i].status);
        assert_null(blob);
        assert_said(&err, rows[i].words);
    }
}

static void an_engine_without_its_gpu_is_refused_at_load(void **state)
{
    const floe_builder builder = {.device = "cuda", .target = "sm_90"};
    floe_blob *blob = NULL;
    floe_engine *engine = NULL;
    floe_error err;
    (void)state;

    assert_ok(build(&blob, &builder, &err), &err);
    assert_int_equal(floe_engine_deserialize(&engine, NULL, floe_blob_data(blob), floe_blob_size(blob), NULL, &err), FLOE_ERR_DEVICE);
    assert_said(&err, "no NVIDIA driver on this machine");
    assert_int_equal(floe_engine_deserialize(&engine, NULL, floe_blob_data(blob), floe_blob_size(blob), "cpu", &err), FLOE_ERR_TARGET);
    assert_said(&err, "no engine for cpu");
    assert_null(engine);
    floe_blob_free(blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engines_are_built_for_gpus_that_are_not_here),
        cmocka_unit_test(a_target_leaves_the_timing_cache_as_it_is),
        cmocka_unit_test(what_cannot_be_built_is_told),
        cmocka_unit_test(an_engine_without_its_gpu_is_refused_at_load),
    };
    return cmocka_run_group_tests(tests, no_driver, NULL);
}
