/* fuzz_image.c - bytes from outside as a picture: decode, and what decodes, through every later step.
 *
 * The bytes are the whole input, so that any picture file is a seed (fuzz/corpus/image, tests/image/golden). A checksum
 * of them picks channels, options, resize method and layout: the same bytes always take the same path. Pixels are
 * limited to a megabyte, which keeps runs fast and still passes the limit from both sides.
 */
#include "floe_image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t checksum(const uint8_t *data, size_t size)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ data[i]) * 16777619u;
    return sum;
}

static void use(const floe_image *image, uint32_t choice)
{
    static const int channels[] = {0, 1, 3, 4};
    const int height = 1 + (int)(choice >> 8 & 15), width = 1 + (int)(choice >> 12 & 15);
    const int wanted = channels[choice >> 16 & 3];
    floe_preprocess p;
    float tensor[16 * 16 * 4];

    if (floe_preprocess_find(&p, floe_preprocess_name((int)(choice >> 18 & 7) % 5), NULL) != FLOE_OK)
        abort();
    p.resize = (floe_resize_method)((choice >> 21 & 15) % 8);
    const size_t need = (size_t)(height * width * (wanted ? wanted : image->channels));
    if (floe_image_to_tensor(tensor, need, image, &p, height, width, wanted, (floe_image_layout)(choice >> 25 & 1),
                             NULL) != FLOE_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int channels[] = {0, 1, 3, 4};
    const uint32_t choice = checksum(data, size);
    const floe_image_options options = {
        .channels = channels[choice & 3],
        .accurate_dct = (int)(choice >> 2 & 1),
        .bmp_palette = (int)(choice >> 3 & 1),
        .max_bytes = (size_t)1 << 20,
    };
    floe_error err = {0};
    floe_image image = {0};

    if (floe_image_decode(&image, NULL, data, size, &options, &err) == FLOE_OK) {
        if ((size_t)image.width * (size_t)image.height * (size_t)image.channels > options.max_bytes)
            abort();
        use(&image, choice);
    } else if (image.data || err.message[0] == 0) {
        abort();
    }
    floe_image_free(&image);
    return 0;
}
