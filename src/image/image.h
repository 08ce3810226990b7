/* image.h - what the files of the picture library share. Users see include/floe_image.h.
 *
 * image_decode.c tells the formats apart and calls one of the decoders below; image_resize.c makes rows of floats out
 * of rows of bytes, with image_filter.c for the methods that have a filter; image_tensor.c turns those into a tensor.
 */
#ifndef FL_IMAGE_H
#define FL_IMAGE_H

#include "base/env.h"
#include "floe_image.h"

/* ---- decoding */

/* A picture file in memory with its options, defaults filled in. */
typedef struct fl_img_source {
    const uint8_t *data;
    size_t size;
    const char *name; /* for log lines; sentences get it in front on their way out */
    const floe_env *env;
    int channels; /* 0, 1, 3 or 4 */
    bool accurate_dct;
    bool bmp_palette;
    size_t max_bytes;
} fl_img_source;

/* A decoder fills *out, whose pixels must come from fl_img_new, and leaves nothing allocated when it fails. It may
 * answer src->channels itself, or give the channels it has: the caller converts. */
typedef floe_status fl_img_decoder(floe_image *out, const fl_img_source *src, floe_error *err);

fl_img_decoder fl_img_png_decode;
fl_img_decoder fl_img_jpeg_decode;
fl_img_decoder fl_img_webp_decode;
fl_img_decoder fl_img_bmp_decode;
fl_img_decoder fl_img_pnm_decode;

/* Checks the size against the limits, with as many channels as there are or as are wanted, whichever is more. */
floe_status fl_img_check_size(const fl_img_source *src, int64_t width, int64_t height, int channels, floe_error *err);

/* Does that and takes memory for the pixels (not cleared) from src->env. */
floe_status fl_img_new(floe_image *out, const fl_img_source *src, int64_t width, int64_t height, int channels,
                       floe_error *err);

/* Whether a picture given by a user can be worked on. */
floe_status fl_img_check(const floe_image *image, floe_error *err);

static inline uint8_t *fl_img_row(const floe_image *image, int y)
{
    return image->data + (size_t)y * (size_t)image->width * (size_t)image->channels;
}

/* ---- resizing, row by row */

/* Where one output coordinate takes its value from, along one axis. What the fields mean is the method's affair. */
typedef struct fl_img_tap {
    int at[4];
    float weight[4];
} fl_img_tap;

typedef struct fl_img_resizer {
    const floe_env *env;
    const uint8_t *data; /* the first pixel of the region that is resized */
    size_t stride;
    int in_width, in_height, channels, width;
    float area_scale;
    fl_img_tap *x, *y; /* one for each column and row of the output; x also owns y */
    float *weights;    /* of a method with a filter: the weights of its taps; also owns summed */
    float *summed;     /* and room for one row of the input, as floats */
    void (*row)(const struct fl_img_resizer *, const fl_img_tap *, float *);
} fl_img_resizer;

/* Prepares for an output of height x width; borrows the image. Free with fl_img_resizer_close. */
floe_status fl_img_resizer_open(fl_img_resizer *out, const floe_image *image, floe_resize_method method, int height,
                                int width, floe_error *err);
/* Writes row y of the output: width * channels floats. */
void fl_img_resizer_row(const fl_img_resizer *resizer, int y, float *out);
void fl_img_resizer_close(fl_img_resizer *resizer); /* accepts a cleared struct */

static inline int fl_img_clamp(int i, int count)
{
    return i < 0 ? 0 : i >= count ? count - 1 : i;
}

/* ---- resizing with a filter */

typedef struct fl_img_filter {
    float radius;                    /* in pixels of the input, or of the output where that has fewer */
    float (*weight)(float distance); /* of 0 or more; 0 beyond the radius */
} fl_img_filter;

extern const fl_img_filter fl_img_lanczos3;

/* Fills the taps and weights of a resizer that is complete otherwise. */
floe_status fl_img_filter_open(fl_img_resizer *resizer, const fl_img_filter *filter, int height, floe_error *err);
void fl_img_filter_row(const fl_img_resizer *resizer, const fl_img_tap *ty, float *out);

/* FLOE_ERR_SHAPE unless height x width x channels floats fit into out_count. */
floe_status fl_img_check_room(size_t out_count, int height, int width, int channels, floe_error *err);

#endif
