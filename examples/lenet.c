/* lenet.c - a network defined by hand, layer by layer, built and run: what TensorFlow users of the first TensorRT had to
 * do. The weights are made up here; a real program copies them out of its own training.
 *
 *     cc lenet.c $(pkg-config --cflags --libs floe) -o lenet && ./lenet
 */
#include <floe.h>

#include <stdio.h>
#include <stdlib.h>

/* count small numbers, the same on every run */
static floe_weights made_up(size_t count)
{
    static unsigned seed = 1;
    float *w = malloc(count * sizeof *w);
    for (size_t i = 0; w && i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        w[i] = ((float)(seed >> 8) / 16777216.0f - 0.5f) * 0.2f;
    }
    return (floe_weights){w, count};
}

int main(void)
{
    const floe_dims picture = {4, {-1, 28, 28, 1}};
    floe_weights w[8] = {made_up(5 * 5 * 20),      made_up(20), made_up(5 * 5 * 20 * 50), made_up(50),
                         made_up(4 * 4 * 50 * 500), made_up(500), made_up(500 * 10),        made_up(10)};
    floe_error err;
    floe_network *n = NULL;
    floe_blob *plan = NULL;
    floe_engine *engine = NULL;
    floe_context *context = NULL;
    int failed = 1;

    if (floe_network_create(&n, NULL, &err) != FLOE_OK)
        goto done;
    floe_tensor *x = floe_network_add_input(n, "image", FLOE_FLOAT32, &picture);
    x = floe_network_add_convolution(n, x, &(floe_convolution){.outputs = 20, .kernel = {5, 5}, .filter = w[0], .bias = w[1]});
    x = floe_network_add_pooling(n, x, &(floe_pooling){.kernel = {2, 2}});
    x = floe_network_add_convolution(n, x, &(floe_convolution){.outputs = 50, .kernel = {5, 5}, .filter = w[2], .bias = w[3]});
    x = floe_network_add_pooling(n, x, &(floe_pooling){.kernel = {2, 2}});
    x = floe_network_add_fully_connected(n, x, 500, w[4], w[5]);
    x = floe_network_add_unary(n, x, "relu", 0);
    x = floe_network_add_fully_connected(n, x, 10, w[6], w[7]);
    x = floe_network_add_softmax(n, x, 1);
    floe_network_mark_output(n, x, "prob");

    const floe_builder builder = {.max_batch_size = 4, .max_workspace_size = 1 << 20};
    if (floe_builder_build(&plan, &builder, n, &err) != FLOE_OK ||
        floe_engine_deserialize(&engine, NULL, floe_blob_data(plan), floe_blob_size(plan), NULL, &err) != FLOE_OK ||
        floe_context_create(&context, engine, 1, &err) != FLOE_OK)
        goto done;

    static float image[2 * 28 * 28], prob[2 * 10];
    for (int i = 0; i < 2 * 28 * 28; i++)
        image[i] = (float)(i % 28) / 28;
    void *bindings[2];
    bindings[floe_engine_find_binding(engine, "image")] = image;
    bindings[floe_engine_find_binding(engine, "prob")] = prob;
    if (floe_context_execute(context, 2, bindings, &err) != FLOE_OK)
        goto done;
    float sum = 0;
    for (int i = 0; i < 10; i++) {
        printf("%d: %.4f\n", i, prob[i]);
        sum += prob[i];
    }
    failed = !(sum > 0.999f && sum < 1.001f);
done:
    if (failed)
        fprintf(stderr, "lenet: %s\n", err.message);
    floe_context_free(context);
    floe_engine_free(engine);
    floe_blob_free(plan);
    floe_network_free(n);
    for (int i = 0; i < 8; i++)
        free((void *)w[i].values);
    return failed;
}
