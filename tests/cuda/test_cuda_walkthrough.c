/* test_cuda_walkthrough.c - the README's walkthrough on a GPU: the same class as the CPU's for every sample picture,
 * probabilities within 1e-5 of it in FP32, 1e-3 in TF32 and FP16 (11 bits of mantissa), and 8e-3, eight times that, in
 * BF16 (8 bits).
 */
#include "golden.h"

#include "cuda_test.h"
#include "floe_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE    224
#define CLASSES 2

static floe_blob *frozen;
static char       pictures[32][300];
static int        n_pictures;

static void ok(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK)
        fail_msg("%s", err->message);
}

static int freeze_sample(void **state)
{
    char path[1024];
    floe_error err;
    const char *outputs[] = {"softmax_tensor"};
    const floe_freeze_options options = {.outputs = outputs, .n_outputs = 1};
    (void)state;
    ok(floe_freeze(&frozen, NULL, golden_path(path, sizeof path, "sample/checkpoint"), &options, &err), &err);
    DIR *folder = opendir(golden_path(path, sizeof path, "images"));
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder)) && n_pictures < (cuda_emulated() ? 1 : 32);)
        if (e->d_name[0] != '.')
            snprintf(pictures[n_pictures++], sizeof pictures[0], "images/%s", e->d_name);
    closedir(folder);
    return 0;
}

static int forget_sample(void **state)
{
    (void)state;
    floe_blob_free(frozen);
    return 0;
}

static floe_engine *build(const char *device, floe_precision precision)
{
    const floe_dims dims = {3, {3, SIZE, SIZE}};
    const floe_builder builder = {.max_batch_size = 1, .max_workspace_size = 1 << 24, .device = device,
                                  .precision = precision, .no_timing = true};
    floe_uff_parser *parser = NULL;
    floe_network *network = NULL;
    floe_blob *plan = NULL;
    floe_engine *engine = NULL;
    floe_error err;
    ok(floe_uff_parser_create(&parser, NULL, &err), &err);
    ok(floe_network_create(&network, NULL, &err), &err);
    ok(floe_uff_parser_register_input(parser, "images_placeholder", &dims, FLOE_ORDER_GRAPH, &err), &err);
    ok(floe_uff_parser_register_output(parser, "softmax_tensor", &err), &err);
    ok(floe_uff_parser_parse_buffer(parser, floe_blob_data(frozen), floe_blob_size(frozen), network, &err), &err);
    ok(floe_builder_build(&plan, &builder, network, &err), &err);
    ok(floe_engine_deserialize(&engine, NULL, floe_blob_data(plan), floe_blob_size(plan), device, &err), &err);
    floe_blob_free(plan);
    floe_network_free(network);
    floe_uff_parser_free(parser);
    return engine;
}

static void classify(const floe_engine *engine, float answers[][CLASSES])
{
    floe_context *context = NULL;
    floe_error err;
    float *input = malloc(3 * SIZE * SIZE * sizeof *input);
    assert_non_null(input);
    ok(floe_context_create(&context, engine, 0, &err), &err);
    for (int i = 0; i < n_pictures; i++) {
        char path[1024];
        floe_image image = {0};
        void *bindings[] = {input, answers[i]};
        ok(floe_image_load(&image, NULL, golden_path(path, sizeof path, pictures[i]), &(floe_image_options){.channels = 3}, &err), &err);
        ok(floe_image_to_tensor(input, 3 * SIZE * SIZE, &image, NULL, SIZE, SIZE, 3, FLOE_IMAGE_NCHW, &err), &err);
        floe_image_free(&image);
        ok(floe_context_execute(context, 1, bindings, &err), &err);
    }
    floe_context_free(context);
    free(input);
}

static void as_on_the_cpu(floe_precision precision, double tolerance)
{
    float cpu[32][CLASSES], gpu[32][CLASSES];
    floe_engine *on_cpu = build("cpu", FLOE_PRECISION_FP32), *on_gpu = build("cuda", precision);
    double worst = 0;
    assert_true(n_pictures > 0);
    classify(on_cpu, cpu);
    classify(on_gpu, gpu);
    for (int i = 0; i < n_pictures; i++) {
        assert_int_equal(cpu[i][0] > cpu[i][1], gpu[i][0] > gpu[i][1]);
        for (int k = 0; k < CLASSES; k++)
            worst = fmax(worst, fabs((double)cpu[i][k] - (double)gpu[i][k]));
    }
    print_message("%d pictures, largest difference %.2g\n", n_pictures, worst);
    assert_true(worst <= tolerance);
    floe_engine_free(on_cpu);
    floe_engine_free(on_gpu);
}

static void fp32(void **state) { (void)state; as_on_the_cpu(FLOE_PRECISION_FP32, 1e-5); }
static void tf32(void **state) { (void)state; as_on_the_cpu(FLOE_PRECISION_TF32, 1e-3); }
static void fp16(void **state) { (void)state; as_on_the_cpu(FLOE_PRECISION_FP16, 1e-3); }
static void bf16(void **state) { (void)state; as_on_the_cpu(FLOE_PRECISION_BF16, 8e-3); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp32),
        cmocka_unit_test(tf32),
        cmocka_unit_test(fp16),
        cmocka_unit_test(bf16),
    };
    cuda_test_begin();
    return cmocka_run_group_tests_name("cuda_walkthrough", tests, freeze_sample, forget_sample);
}
