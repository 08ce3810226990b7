/* image_tensor.c - from rows of pixels to the input tensor of a network.
 *
 * A preset is a row of a table. Normalising takes one row of floats at a time, so that a picture goes straight from
 * the resizer into the tensor through a single row of scratch:
 *
 *     pixels (bytes) -> resizer -> row of floats -> place_row -> tensor, interleaved or in planes
 *
 * For each channel of the tensor it is decided once which channel of the pixels feeds it, what is subtracted and
 * multiplied, and where in memory it begins (the struct `lane`); the loop over pixels then knows nothing of layouts,
 * orders and presets.
 */
#include "image.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    floe_preprocess preprocess;
} presets[] = {
    {"none", {FLOE_RESIZE_BILINEAR, 0, {0}, {0}}},
    {"0..1", {FLOE_RESIZE_BILINEAR, 0, {0}, {1 / 255.0f, 1 / 255.0f, 1 / 255.0f, 1 / 255.0f}}},
    {"-1..1",
     {FLOE_RESIZE_BILINEAR, 0, {127.5f, 127.5f, 127.5f, 127.5f}, {1 / 127.5f, 1 / 127.5f, 1 / 127.5f, 1 / 127.5f}}},
    {"caffe", {FLOE_RESIZE_BILINEAR, 1, {103.939f, 116.779f, 123.68f, 0}, {1, 1, 1, 1}}},
    {"imagenet",
     {FLOE_RESIZE_BILINEAR,
      0,
      {(float)(0.485 * 255), (float)(0.456 * 255), (float)(0.406 * 255), 0},
      {(float)(1 / (0.229 * 255)), (float)(1 / (0.224 * 255)), (float)(1 / (0.225 * 255)), 1 / 255.0f}}},
};

#define PRESET_COUNT ((int)(sizeof presets / sizeof presets[0]))

const char *floe_preprocess_name(int index)
{
    return index >= 0 && index < PRESET_COUNT ? presets[index].name : NULL;
}

floe_status floe_preprocess_find(floe_preprocess *out, const char *name, floe_error *err)
{
    char known[256] = "";
    size_t n = 0;
    for (int i = 0; i < PRESET_COUNT; i++) {
        if (name && strcmp(presets[i].name, name) == 0) {
            *out = presets[i].preprocess;
            return FLOE_OK;
        }
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", presets[i].name);
    }
    return fl_fail(err, FLOE_ERR_NOT_FOUND, "preprocessing '%s': there are %s", name ? name : "", known);
}

/* One channel of the tensor. */
typedef struct lane {
    int from; /* the channel of the pixels it takes */
    float mean, scale;
    size_t begin; /* its first element in the tensor */
} lane;

typedef struct writer {
    float *out;
    int width, channels;
    size_t pixel_step; /* elements from one pixel to the next in the same lane */
    lane lane[4];
} writer;

static writer make_writer(float *out, int height, int width, int channels, const floe_preprocess *p,
                          floe_image_layout layout)
{
    static const floe_preprocess none = {0};
    const bool planes = layout == FLOE_IMAGE_NCHW;
    writer w = {.out = out, .width = width, .channels = channels, .pixel_step = planes ? 1 : (size_t)channels};
    if (!p)
        p = &none;
    for (int c = 0; c < channels; c++) {
        const bool swapped = p->bgr && channels >= 3 && c < 3;
        w.lane[c] = (lane){
            .from = swapped ? 2 - c : c,
            .mean = p->mean[c],
            .scale = p->scale[c] == 0 ? 1.0f : p->scale[c],
            .begin = planes ? (size_t)c * (size_t)height * (size_t)width : (size_t)c,
        };
    }
    return w;
}

/* Row y of the tensor from a row of pixels, which may be that very row if the channels stay together: a pixel is read
 * as a whole before it is written. */
static void place_row(const writer *w, int y, const float *row)
{
    size_t at = (size_t)y * (size_t)w->width * w->pixel_step;
    for (int x = 0; x < w->width; x++, at += w->pixel_step, row += w->channels) {
        float pixel[4];
        for (int c = 0; c < w->channels; c++)
            pixel[c] = row[c];
        for (int c = 0; c < w->channels; c++) {
            const lane *l = &w->lane[c];
            w->out[l->begin + at] = (pixel[l->from] - l->mean) * l->scale;
        }
    }
}

static floe_status check_layout(floe_image_layout layout, floe_error *err)
{
    if (layout != FLOE_IMAGE_NHWC && layout != FLOE_IMAGE_NCHW)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "layout %d: FLOE_IMAGE_NHWC and FLOE_IMAGE_NCHW are known", (int)layout);
    return FLOE_OK;
}

floe_status floe_image_normalize(float *out, size_t out_count, const float *pixels, int height, int width, int channels,
                                 const floe_preprocess *preprocess, floe_image_layout layout, floe_error *err)
{
    floe_status st = FLOE_OK;
    if (!out || !pixels || height < 1 || width < 1 || height > FLOE_IMAGE_MAX_SIDE || width > FLOE_IMAGE_MAX_SIDE ||
        channels < 1 || channels > 4)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "normalising %d x %d pixels with %d channels: 1 to %d, and 1 to 4", width,
                height, channels, FLOE_IMAGE_MAX_SIDE);
    FL_TRY(check_layout(layout, err));
    FL_TRY(fl_img_check_room(out_count, height, width, channels, err));
    if (out == pixels && layout == FLOE_IMAGE_NCHW && channels > 1)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "planes cannot be written over the pixels they are made from");
    const writer w = make_writer(out, height, width, channels, preprocess, layout);
    for (int y = 0; y < height; y++)
        place_row(&w, y, pixels + (size_t)y * (size_t)width * (size_t)channels);
done:
    return st;
}

floe_status floe_image_to_tensor(float *out, size_t out_count, const floe_image *image,
                                 const floe_preprocess *preprocess, int height, int width, int channels,
                                 floe_image_layout layout, floe_error *err)
{
    floe_status st = FLOE_OK;
    const floe_resize_method method = preprocess ? preprocess->resize : FLOE_RESIZE_BILINEAR;
    floe_image converted = {0};
    fl_img_resizer resizer = {0};
    float *row = NULL;

    FL_TRY(fl_img_check(image, err));
    FL_TRY(check_layout(layout, err));
    if (channels != 0 && channels != image->channels) {
        FL_TRY(floe_image_convert(&converted, image, channels, err));
        image = &converted;
    }
    FL_TRY(fl_img_resizer_open(&resizer, image, method, height, width, err));
    FL_TRY(fl_img_check_room(out ? out_count : 0, height, width, image->channels, err));
    const size_t row_bytes = (size_t)width * (size_t)image->channels * sizeof *row;
    row = fl_alloc(&image->env, row_bytes);
    FL_NEED(row, row_bytes, "a row of pixels", err);

    const writer w = make_writer(out, height, width, image->channels, preprocess, layout);
    for (int y = 0; y < height; y++) {
        fl_img_resizer_row(&resizer, y, row);
        place_row(&w, y, row);
    }
done:
    if (row)
        fl_free(&image->env, row);
    fl_img_resizer_close(&resizer);
    floe_image_free(&converted);
    return st;
}
