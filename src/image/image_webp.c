/* image_webp.c - WebP through libwebp.
 *
 * The simplest of the decoders: libwebp reports errors by return codes and writes straight into our pixels. Its
 * working memory comes from the C library; a lossless file may take another four bytes per pixel there. A picture with
 * alpha has four channels, not premultiplied, one without has three. Animations are refused: they are several
 * pictures, and which one is meant is not ours to guess.
 */
#include "image.h"

#include <webp/decode.h>

static const struct {
    VP8StatusCode code;
    floe_status status;
    const char *text;
} failures[] = {
    {VP8_STATUS_OUT_OF_MEMORY, FLOE_ERR_MEMORY, "out of memory, decoding a WebP"},
    {VP8_STATUS_BITSTREAM_ERROR, FLOE_ERR_FORMAT, "damaged WebP: an error in the bit stream"},
    {VP8_STATUS_UNSUPPORTED_FEATURE, FLOE_ERR_UNSUPPORTED, "a WebP with a feature that libwebp does not know"},
    {VP8_STATUS_SUSPENDED, FLOE_ERR_FORMAT, "truncated WebP: the file ends inside the picture"},
    {VP8_STATUS_NOT_ENOUGH_DATA, FLOE_ERR_FORMAT, "truncated WebP: the file ends inside the picture"},
};

static floe_status fail(VP8StatusCode code, floe_error *err)
{
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        if (failures[i].code == code)
            return fl_fail(err, failures[i].status, "%s", failures[i].text);
    return fl_fail(err, FLOE_ERR_FORMAT, "damaged WebP: libwebp gives code %d", (int)code);
}

floe_status fl_img_webp_decode(floe_image *out, const fl_img_source *src, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_image image = {0};
    WebPDecoderConfig config;

    if (!WebPInitDecoderConfig(&config))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "this libwebp is older than the one floe was compiled with");
    VP8StatusCode code = WebPGetFeatures(src->data, src->size, &config.input);
    if (code != VP8_STATUS_OK)
        FL_TRY(fail(code, err));
    if (config.input.has_animation)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "an animated WebP; single pictures are read");
    const int channels = config.input.has_alpha ? 4 : 3;
    FL_TRY(fl_img_new(&image, src, config.input.width, config.input.height, channels, err));

    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = image.data;
    config.output.u.RGBA.stride = image.width * channels;
    config.output.u.RGBA.size = (size_t)image.width * (size_t)channels * (size_t)image.height;
    code = WebPDecode(src->data, src->size, &config);
    WebPFreeDecBuffer(&config.output); /* external memory stays */
    if (code != VP8_STATUS_OK)
        FL_TRY(fail(code, err));
    *out = image;
    image = (floe_image){0};
done:
    floe_image_free(&image);
    return st;
}
