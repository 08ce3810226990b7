/* classify.c - the Lite engine: a PLAN and a picture, memory handled inside.
 *
 *     ./classify model/model.PLAN images/Car.png
 */
#include <floe.h>
#include <floe_image.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    floe_error err = {0};
    floe_lite *lite = NULL;
    floe_image image = {0};
    float *tensor = NULL;
    const void *outputs[8];
    int failed = 1;
    if (argc != 3) {
        fprintf(stderr, "usage: %s PLAN PICTURE\n", argv[0]);
        return 2;
    }
    if (floe_lite_open(&lite, NULL, argv[1], NULL, &err) != FLOE_OK)
        goto done;
    /* The engine says what it wants: the shape of its input, and how pictures are to be prepared. */
    const floe_engine *engine = floe_lite_engine(lite);
    const floe_binding *in = floe_engine_binding(engine, 0), *out = floe_engine_binding(engine, 1);
    const floe_input_preprocess *how = floe_engine_preprocess(engine);
    const int nchw = how->format == FLOE_NCHW || in->dims.d[1] <= 4;
    const int height = (int)in->dims.d[nchw ? 2 : 1], width = (int)in->dims.d[nchw ? 3 : 2];
    const int channels = (int)in->dims.d[nchw ? 1 : 3];
    const size_t count = (size_t)floe_dims_count(&in->dims, 1);
    tensor = malloc(count * sizeof *tensor);
    if (!tensor || floe_image_load(&image, NULL, argv[2], &(floe_image_options){.channels = channels}, &err) != FLOE_OK ||
        floe_image_to_tensor(tensor, count, &image, &how->recipe, height, width, channels,
                             nchw ? FLOE_IMAGE_NCHW : FLOE_IMAGE_NHWC, &err) != FLOE_OK ||
        floe_lite_infer(lite, 1, (const void *[]){tensor}, outputs, &err) != FLOE_OK)
        goto done;
    const float *p = outputs[0];
    int64_t best = 0, n = floe_dims_count(&out->dims, 1);
    for (int64_t i = 1; i < n; i++)
        best = p[i] > p[best] ? i : best;
    printf("class %lld, probability %.4f\n", (long long)best, p[best]);
    failed = 0;
done:
    if (failed)
        fprintf(stderr, "classify: %s\n", err.message);
    free(tensor);
    floe_image_free(&image);
    floe_lite_free(lite);
    return failed;
}
