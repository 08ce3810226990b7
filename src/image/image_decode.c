/* image_decode.c - tells picture formats apart, calls the decoder, and brings the result to the channels wanted.
 *
 * The first bytes decide. A table holds one pattern per format; formats that are known but not read stand in the same
 * table without a decoder, so that their sentence can name them. Every decoder reports failures without the picture's
 * name; it is put in front here, once.
 *
 * The size limit is the guard against small files that claim to be huge: each decoder learns width and height from the
 * header and passes them through fl_img_new (or fl_img_check_size) before it takes memory that depends on them.
 */
#include "image.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

/* '?' in a pattern matches any byte. */
typedef struct format {
    const char *name;
    const char *pattern;
    size_t length;
    fl_img_decoder *decode; /* NULL: known, not read */
} format;

#define PATTERN(text) text, sizeof(text) - 1

static const format formats[] = {
    {"PNG", PATTERN("\x89PNG\r\n\x1a\n"), fl_img_png_decode},
    {"JPEG", PATTERN("\xff\xd8\xff"), fl_img_jpeg_decode},
    {"WebP", PATTERN("RIFF????WEBP"), fl_img_webp_decode},
    {"BMP", PATTERN("BM"), fl_img_bmp_decode},
    {"PGM", PATTERN("P2"), fl_img_pnm_decode},
    {"PPM", PATTERN("P3"), fl_img_pnm_decode},
    {"PGM", PATTERN("P5"), fl_img_pnm_decode},
    {"PPM", PATTERN("P6"), fl_img_pnm_decode},
    {"PBM", PATTERN("P1"), NULL},
    {"PBM", PATTERN("P4"), NULL},
    {"PAM", PATTERN("P7"), NULL},
    {"GIF", PATTERN("GIF8"), NULL},
    {"TIFF", PATTERN("II*\0"), NULL},
    {"TIFF", PATTERN("MM\0*"), NULL},
    {"AVIF", PATTERN("????ftypavif"), NULL},
    {"HEIF", PATTERN("????ftyphei"), NULL},
    {"JPEG XL", PATTERN("\xff\x0a"), NULL},
    {"JPEG XL", PATTERN("\0\0\0\x0cJXL "), NULL},
    {"JPEG 2000", PATTERN("\0\0\0\x0cjP  "), NULL},
};

#define READABLE "PNG, JPEG, WebP, BMP, PPM and PGM are read"

static bool matches(const format *f, const uint8_t *data, size_t size)
{
    if (size < f->length)
        return false;
    for (size_t i = 0; i < f->length; i++)
        if (f->pattern[i] != '?' && (uint8_t)f->pattern[i] != data[i])
            return false;
    return true;
}

static const format *sniff(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (matches(&formats[i], data, size))
            return &formats[i];
    return NULL;
}

static floe_status fail_unknown(const uint8_t *data, size_t size, floe_error *err)
{
    char hex[8 * 3 + 1] = "";
    size_t n = 0;
    for (size_t i = 0; i < size && i < 8; i++)
        n += (size_t)snprintf(hex + n, sizeof hex - n, " %02x", data[i]);
    if (size == 0)
        return fl_fail(err, FLOE_ERR_FORMAT, "it is empty; " READABLE);
    return fl_fail(err, FLOE_ERR_FORMAT, "no picture format known here: it begins with%s; " READABLE, hex);
}

/* ---- pixels */

floe_status fl_img_check_size(const fl_img_source *src, int64_t width, int64_t height, int channels, floe_error *err)
{
    if (width < 1 || height < 1)
        return fl_fail(err, FLOE_ERR_FORMAT, "a picture of %lld x %lld pixels", (long long)width, (long long)height);
    if (width > FLOE_IMAGE_MAX_SIDE || height > FLOE_IMAGE_MAX_SIDE)
        return fl_fail(err, FLOE_ERR_LIMIT, "%lld x %lld pixels: the limit is %d on each side", (long long)width,
                       (long long)height, FLOE_IMAGE_MAX_SIDE);
    const int most = channels > src->channels ? channels : src->channels;
    const int64_t bytes = width * height * most; /* below 2^35 */
    if ((uint64_t)bytes > src->max_bytes)
        return fl_fail(err, FLOE_ERR_LIMIT,
                       "%lld x %lld pixels with %d channels take %lld bytes; the limit is %zu (max_bytes)",
                       (long long)width, (long long)height, most, (long long)bytes, src->max_bytes);
    return FLOE_OK;
}

floe_status fl_img_new(floe_image *out, const fl_img_source *src, int64_t width, int64_t height, int channels,
                       floe_error *err)
{
    const floe_status st = fl_img_check_size(src, width, height, channels, err);
    if (st != FLOE_OK)
        return st;
    const size_t bytes = (size_t)(width * height * channels);
    floe_image image = {.width = (int)width, .height = (int)height, .channels = channels, .owned = 1};
    if (src->env)
        image.env = *src->env;
    image.data = fl_alloc(src->env, bytes);
    if (!image.data)
        return fl_fail_memory(err, bytes, "the pixels");
    *out = image;
    return FLOE_OK;
}

floe_status fl_img_check(const floe_image *image, floe_error *err)
{
    if (!image || !image->data)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "the picture has no pixels");
    if (image->width < 1 || image->width > FLOE_IMAGE_MAX_SIDE || image->height < 1 ||
        image->height > FLOE_IMAGE_MAX_SIDE || image->channels < 1 || image->channels > 4)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "a picture of %d x %d pixels with %d channels: 1 to %d, and 1 to 4",
                       image->width, image->height, image->channels, FLOE_IMAGE_MAX_SIDE);
    return FLOE_OK;
}

/* ---- channels */

/* libpng's default weights for red 0.299 and green 0.587, which TensorFlow asks for; their sum is 1 << 15. */
static uint8_t grey_of(const uint8_t *rgb)
{
    return (uint8_t)((9797u * rgb[0] + 19234u * rgb[1] + 3737u * rgb[2]) >> 15);
}

static void convert_pixel(uint8_t *dst, int dst_channels, const uint8_t *src, int src_channels)
{
    const bool colour = src_channels >= 3;
    const uint8_t alpha = src_channels % 2 == 0 ? src[src_channels - 1] : 255;
    if (dst_channels == 1) {
        dst[0] = colour ? grey_of(src) : src[0];
        return;
    }
    dst[0] = src[0];
    dst[1] = src[colour ? 1 : 0];
    dst[2] = src[colour ? 2 : 0];
    if (dst_channels == 4)
        dst[3] = alpha;
}

floe_status floe_image_convert(floe_image *out, const floe_image *image, int channels, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_image made = {0};
    FL_TRY(fl_img_check(image, err));
    if (channels != 1 && channels != 3 && channels != 4)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "%d channels asked for; 1, 3 and 4 are possible", channels);

    const fl_img_source src = {.env = &image->env, .max_bytes = SIZE_MAX};
    FL_TRY(fl_img_new(&made, &src, image->width, image->height, channels, err));
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    const uint8_t *from = image->data;
    uint8_t *to = made.data;
    for (size_t i = 0; i < pixels; i++, from += image->channels, to += channels)
        convert_pixel(to, channels, from, image->channels);
    *out = made;
done:
    return st;
}

/* ---- public */

static floe_status decode_known(floe_image *out, const fl_img_source *src, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_image image = {0};
    const format *f = sniff(src->data, src->size);
    if (!f)
        return fail_unknown(src->data, src->size, err);
    if (!f->decode)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "a %s picture; " READABLE, f->name);

    FL_TRY(f->decode(&image, src, err));
    if (src->channels != 0 && src->channels != image.channels) {
        FL_TRY(floe_image_convert(out, &image, src->channels, err));
    } else {
        *out = image;
        image = (floe_image){0};
    }
done:
    floe_image_free(&image);
    return st;
}

floe_status floe_image_decode(floe_image *out, const floe_env *env, const void *bytes, size_t size,
                              const floe_image_options *options, floe_error *err)
{
    const floe_image_options defaults = {0};
    const floe_image_options o = options ? *options : defaults;
    const fl_img_source src = {
        .data = bytes,
        .size = size,
        .name = o.name ? o.name : "picture",
        .env = env,
        .channels = o.channels,
        .accurate_dct = o.accurate_dct != 0,
        .bmp_palette = o.bmp_palette != 0,
        .max_bytes = o.max_bytes ? o.max_bytes : FLOE_IMAGE_MAX_BYTES,
    };
    floe_status st;
    if (!out || (!bytes && size > 0))
        st = fl_fail(err, FLOE_ERR_ARGUMENT, "no bytes to decode, or no place for the picture");
    else if (o.channels != 0 && o.channels != 1 && o.channels != 3 && o.channels != 4)
        st = fl_fail(err, FLOE_ERR_ARGUMENT, "%d channels asked for; 0 (as stored), 1, 3 and 4 are possible",
                     o.channels);
    else
        st = decode_known(out, &src, err);
    if (st != FLOE_OK)
        fl_error_prefix(err, "%s", src.name);
    return st;
}

floe_status floe_image_load(floe_image *out, const floe_env *env, const char *path, const floe_image_options *options,
                            floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_file file = {0};
    floe_image_options named = options ? *options : (floe_image_options){0};
    if (!path)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "no path given");
    if (!named.name)
        named.name = path;
    FL_TRY(fl_file_map(&file, path, err));
    FL_TRY(floe_image_decode(out, env, file.data, file.size, &named, err));
done:
    fl_file_unmap(&file);
    return st;
}

void floe_image_free(floe_image *image)
{
    if (!image)
        return;
    if (image->owned) {
        const floe_env env = image->env;
        fl_free(&env, image->data);
    }
    memset(image, 0, sizeof *image);
}
