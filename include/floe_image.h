/* floe_image.h - from a picture file to the input of a network: decode, resize, normalise.
 *
 * The arithmetic is TensorFlow's, so that a network sees here what it saw in training: a picture decodes to the bytes
 * of tf.io.decode_image, a resize gives the floats of tf.image.resize. PNG, JPEG, WebP, BMP, PPM and PGM are read,
 * told apart by their first bytes, never by the file's name. The library knows nothing of engines and networks; its
 * only types are a picture, some options and float arrays. It keeps no state: any call may run in any thread.
 *
 * A photo into the input of a 224 x 224 network, complete:
 *
 *     #include "floe_image.h"
 *     #include <stdio.h>
 *
 *     int main(int argc, char **argv)
 *     {
 *         static float       tensor[224 * 224 * 3];
 *         floe_image_options options = {.channels = 3};
 *         floe_image         photo = {0};
 *         floe_preprocess    prep;
 *         floe_error         err;
 *
 *         floe_status st = floe_preprocess_find(&prep, "imagenet", &err);
 *         if (st == FLOE_OK)
 *             st = floe_image_load(&photo, NULL, argc > 1 ? argv[1] : "photo.jpg", &options, &err);
 *         if (st == FLOE_OK)
 *             st = floe_image_to_tensor(tensor, 224 * 224 * 3, &photo, &prep, 224, 224, 3, FLOE_IMAGE_NHWC, &err);
 *         if (st != FLOE_OK)
 *             fprintf(stderr, "error: %s\n", err.message);
 *         else
 *             printf("%d x %d pixels, first value %g\n", photo.width, photo.height, tensor[0]);
 *         floe_image_free(&photo);
 *         return st != FLOE_OK;
 *     }
 */
#ifndef FLOE_IMAGE_H
#define FLOE_IMAGE_H

#include "floe_base.h" /* also floe_resize_method and floe_preprocess, which engines carry */

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------------- a picture */

#define FLOE_IMAGE_MAX_SIDE  65500                /* pixels, each side, of any picture or resize target */
#define FLOE_IMAGE_MAX_BYTES ((size_t)1 << 28)    /* of decoded pixels, unless the options say otherwise */

/* 8-bit pixels, rows from the top, channels interleaved, no padding: pixel (y, x) begins at
 * data + ((size_t)y * width + x) * channels. To use pixels of your own (a camera's frame), fill in the first four
 * fields and leave the rest zero: nothing is copied, and floe_image_free leaves them alone. */
typedef struct floe_image {
    int      width;
    int      height;
    int      channels; /* 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA */
    uint8_t *data;
    int      owned; /* 1: floe_image_free gives data back to env */
    floe_env env;   /* where data came from; temporary memory of later calls comes from here too */
} floe_image;

/* All zero, or a NULL pointer, is the default: what tf.io.decode_image does. */
typedef struct floe_image_options {
    /* 0 as stored, 1 grey, 3 RGB, 4 RGBA. Ask for what the network needs rather than converting later: the decoders
     * know shorter and better ways (the grey of a JPEG is its luma plane). */
    int channels;
    /* 0 decodes JPEG with the fast integer DCT as TensorFlow does; 1 uses the accurate one, like most other programs.
     * They differ by up to 4 levels. */
    int accurate_dct;
    /* 0 gives the palette indices of an 8-bit BMP as one grey channel; 1 looks the colours up (3 channels). */
    int bmp_palette;
    /* Pictures that would need more bytes of pixels are refused (FLOE_ERR_LIMIT) on reading their header, before
     * memory is taken for them. 0 means FLOE_IMAGE_MAX_BYTES. */
    size_t max_bytes;
    /* What sentences and log lines call the picture; NULL means "picture", or the path in floe_image_load. */
    const char *name;
} floe_image_options;

/* Decodes `size` bytes into *out, which the caller gives to floe_image_free. env may be NULL.
 *
 *   PNG   every depth, colour type and interlacing. A palette becomes RGB, or RGBA if it has transparency; 16-bit
 *         samples keep their high byte; alpha is dropped without blending and added as 255 (but, as in TensorFlow, as
 *         2^depth - 1 to samples of fewer than 8 bits); grey asked of colour is (9797 R + 19234 G + 3737 B) / 32768,
 *         in linear light if the file states its gamma.
 *   JPEG  baseline and progressive, any subsampling. CMYK becomes RGB. The orientation in EXIF data is not applied.
 *   WebP  lossy and lossless, not animated.
 *   BMP   8, 24 and 32 bits, uncompressed, bottom-up or top-down. With 8 bits TensorFlow gives the raw palette indices
 *         as grey, and so do we, for the same picture must give the same numbers; in the common case, a palette that
 *         is a grey ramp, that is also right. For a picture in colours set options.bmp_palette.
 *   PPM, PGM  text and binary (P2 P3 P5 P6), samples up to 65535 scaled to 0..255 and rounded. TensorFlow does not
 *         read these.
 *
 * Where tf.io.decode_image refuses a number of channels (4 from JPEG, 1 from BMP, any conversion of WebP) the rules
 * given for PNG apply.
 *
 * A truncated file is an error, and so is whatever the format's own checksums catch. Damage inside a JPEG that its
 * decoder can bridge is decoded, as in TensorFlow, with a warning in env's log. The sentence of an error begins with
 * the picture's name. FLOE_ERR_FORMAT: damaged, or no picture; FLOE_ERR_UNSUPPORTED: valid but not read here;
 * FLOE_ERR_LIMIT: too large; FLOE_ERR_MEMORY, FLOE_ERR_ARGUMENT.
 *
 * Pixels and libpng's memory come from env; libjpeg and libwebp take their working memory from the C library. */
FLOE_API floe_status floe_image_decode(floe_image *out, const floe_env *env, const void *bytes, size_t size,
                                       const floe_image_options *options, floe_error *err);

/* The same from a file; FLOE_ERR_IO if it cannot be read. */
FLOE_API floe_status floe_image_load(floe_image *out, const floe_env *env, const char *path,
                                     const floe_image_options *options, floe_error *err);

/* A copy with 1, 3 or 4 channels, by the rules given for PNG. */
FLOE_API floe_status floe_image_convert(floe_image *out, const floe_image *image, int channels, floe_error *err);

/* Frees the pixels if they are owned, and clears the struct. Accepts NULL and a cleared struct. */
FLOE_API void floe_image_free(floe_image *image);

/* ------------------------------------------------------------------------------------------------------- resize */

/* The name of method `index` counted from 0, for help texts; NULL past the last. */
FLOE_API const char *floe_resize_name(int index);
/* The method of that name; FLOE_ERR_NOT_FOUND lists the names there are. */
FLOE_API floe_status floe_resize_find(floe_resize_method *out, const char *name, floe_error *err);

/* Writes height x width x image->channels floats in HWC order, on the pixels' scale of 0 to 255 (bicubic and
 * lanczos3 may go a little beyond). out_count is the room in `out`, in floats; too little is FLOE_ERR_SHAPE. */
FLOE_API floe_status floe_image_resize(float *out, size_t out_count, const floe_image *image,
                                       floe_resize_method method, int height, int width, floe_error *err);

/* ---------------------------------------------------------------------------------------------------- normalise */

typedef enum floe_image_layout {
    FLOE_IMAGE_NHWC, /* channels interleaved, TensorFlow's order */
    FLOE_IMAGE_NCHW  /* one plane after the other */
} floe_image_layout;

/* The preset of that name, with bilinear resizing; FLOE_ERR_NOT_FOUND lists the names there are.
 *
 *   none      0 to 255 as they are
 *   0..1      x / 255
 *   -1..1     x / 127.5 - 1: Inception, MobileNet; mode 'tf' of Keras
 *   caffe     BGR, x - (103.939, 116.779, 123.68): VGG, ResNet; mode 'caffe' of Keras
 *   imagenet  (x / 255 - (.485, .456, .406)) / (.229, .224, .225): mode 'torch' of Keras */
FLOE_API floe_status floe_preprocess_find(floe_preprocess *out, const char *name, floe_error *err);
/* The name of preset `index` counted from 0, for help texts; NULL past the last. */
FLOE_API const char *floe_preprocess_name(int index);

/* Writes the tensor of height x width x channels pixels given as floats in HWC order, 1 to 4 channels. `out` may be
 * `pixels` itself if the layout is NHWC; otherwise the two must not overlap. */
FLOE_API floe_status floe_image_normalize(float *out, size_t out_count, const float *pixels, int height, int width,
                                          int channels, const floe_preprocess *preprocess, floe_image_layout layout,
                                          floe_error *err);

/* All in one: converts to `channels` (1, 3 or 4; 0 keeps them), resizes, normalises, row by row. */
FLOE_API floe_status floe_image_to_tensor(float *out, size_t out_count, const floe_image *image,
                                          const floe_preprocess *preprocess, int height, int width, int channels,
                                          floe_image_layout layout, floe_error *err);

#ifdef __cplusplus
}
#endif
#endif
