/* walkthrough.c - every stage as a call: checkpoint, frozen graph, UFF, network, PLAN, engine, answer.
 *
 *     ./walkthrough sample/checkpoint softmax_tensor images_placeholder 3 224 224 images/Car.png
 */
#include <floe.h>
#include <floe_image.h>

#include <stdio.h>
#include <stdlib.h>

static void logger(void *user, floe_severity severity, const char *line)
{
    (void)user;
    if (severity <= FLOE_SEVERITY_INFO)
        fprintf(stderr, "[floe] %s\n", line);
}

/* The picture as the engine's input: three channels, resized, planes one after the other. */
static floe_status read_picture(const char *path, const floe_dims *dims, float *out, floe_error *err)
{
    floe_image image = {0};
    const size_t count = (size_t)floe_dims_count(dims, 1);
    floe_status st = floe_image_load(&image, NULL, path, &(floe_image_options){.channels = 3}, err);
    if (st == FLOE_OK)
        st = floe_image_to_tensor(out, count, &image, NULL, (int)dims->d[2], (int)dims->d[3], 3, FLOE_IMAGE_NCHW, err);
    floe_image_free(&image);
    return st;
}

int main(int argc, char **argv)
{
    const floe_env env = {.log = logger, .log_severity = FLOE_SEVERITY_INFO};
    floe_error err = {0};
    floe_blob *frozen = NULL, *plan = NULL;
    floe_uff_parser *parser = NULL;
    floe_network *network = NULL;
    floe_engine *engine = NULL;
    floe_context *context = NULL;
    float *input = NULL, *output = NULL;
    int failed = 1;
    if (argc != 8) {
        fprintf(stderr, "usage: %s CHECKPOINT OUTPUT INPUT C H W PICTURE\n", argv[0]);
        return 2;
    }
    const char *outputs[] = {argv[2]};
    const floe_dims dims = {3, {atoi(argv[4]), atoi(argv[5]), atoi(argv[6])}};

    /* 1. freeze */
    if (floe_freeze(&frozen, &env, argv[1], &(floe_freeze_options){.outputs = outputs, .n_outputs = 1}, &err) != FLOE_OK)
        goto done;
    /* 2, 3. through UFF into a network */
    if (floe_uff_parser_create(&parser, &env, &err) != FLOE_OK || floe_network_create(&network, &env, &err) != FLOE_OK ||
        floe_uff_parser_register_input(parser, argv[3], &dims, FLOE_ORDER_GRAPH, &err) != FLOE_OK ||
        floe_uff_parser_register_output(parser, argv[2], &err) != FLOE_OK ||
        floe_uff_parser_parse_buffer(parser, floe_blob_data(frozen), floe_blob_size(frozen), network, &err) != FLOE_OK)
        goto done;
    /* 4. build */
    if (floe_builder_build(&plan, &(floe_builder){.max_batch_size = 1, .max_workspace_size = 1 << 20}, network, &err) != FLOE_OK)
        goto done;
    /* 5. an engine from the PLAN's bytes, as floe_engine_load makes it from a file */
    if (floe_engine_deserialize(&engine, &env, floe_blob_data(plan), floe_blob_size(plan), NULL, &err) != FLOE_OK ||
        floe_context_create(&context, engine, 0, &err) != FLOE_OK)
        goto done;
    const floe_binding *in = floe_engine_binding(engine, 0), *out = floe_engine_binding(engine, 1);
    input = malloc((size_t)floe_dims_count(&in->dims, 1) * sizeof *input);
    output = malloc((size_t)floe_dims_count(&out->dims, 1) * sizeof *output);
    if (!input || !output || read_picture(argv[7], &in->dims, input, &err) != FLOE_OK)
        goto done;
    void *bindings[] = {input, output};
    if (floe_context_execute(context, 1, bindings, &err) != FLOE_OK)
        goto done;
    for (int64_t i = 0; i < floe_dims_count(&out->dims, 1); i++)
        printf("class %lld: %.6f\n", (long long)i, output[i]);
    failed = 0;
done:
    if (failed)
        fprintf(stderr, "walkthrough: %s\n", err.message);
    free(input);
    free(output);
    floe_context_free(context);
    floe_engine_free(engine);
    floe_blob_free(plan);
    floe_network_free(network);
    floe_uff_parser_free(parser);
    floe_blob_free(frozen);
    return failed;
}
