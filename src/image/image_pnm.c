/* image_pnm.c - PGM and PPM, in text (P2, P3) and binary (P5, P6).
 *
 *     P6 <blank> width <blank> height <blank> maxval <one blank> samples
 *
 * Blanks are spaces, tabs and line ends; a '#' in the header, or among the numbers of a text file, begins a comment up
 * to the end of the line. Binary samples are one byte, or two with the high one first if maxval is above 255. A sample
 * s becomes round(s * 255 / maxval), halves up, as netpbm does it. More than one picture may follow; the first is
 * taken.
 */
#include "image.h"

#include <string.h>

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_blanks(cursor *c)
{
    while (c->at < c->end) {
        if (*c->at == '#')
            while (c->at < c->end && *c->at != '\n' && *c->at != '\r')
                c->at++;
        else if (is_blank(*c->at))
            c->at++;
        else
            break;
    }
}

/* A decimal number of at most 9 digits; -1 if there is none. */
static int64_t take_number(cursor *c)
{
    skip_blanks(c);
    int64_t value = 0;
    int digits = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, digits++) {
        if (digits == 9)
            return -1;
        value = value * 10 + (*c->at - '0');
    }
    return digits ? value : -1;
}

static floe_status read_text(floe_image *image, cursor *c, uint32_t maxval, floe_error *err)
{
    const size_t count = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    for (size_t i = 0; i < count; i++) {
        const int64_t v = take_number(c);
        if (v < 0 && c->at == c->end)
            return fl_fail(err, FLOE_ERR_FORMAT, "truncated: %zu of %zu samples", i, count);
        if (v < 0 || v > maxval)
            return fl_fail(err, FLOE_ERR_FORMAT, "damaged: sample %zu is no number from 0 to %u", i, maxval);
        image->data[i] = (uint8_t)(((uint32_t)v * 255u + maxval / 2) / maxval);
    }
    return FLOE_OK;
}

static floe_status read_binary(floe_image *image, const uint8_t *from, uint32_t maxval, floe_error *err)
{
    const size_t count = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    if (maxval == 255) {
        memcpy(image->data, from, count);
        return FLOE_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t v = maxval > 255 ? (uint32_t)from[2 * i] << 8 | from[2 * i + 1] : from[i];
        if (v > maxval)
            return fl_fail(err, FLOE_ERR_FORMAT, "damaged: sample %zu is %u, above the maximum of %u", i, v, maxval);
        image->data[i] = (uint8_t)((v * 255u + maxval / 2) / maxval);
    }
    return FLOE_OK;
}

/* Samples need at least this many bytes; checked before memory is taken for them. */
static size_t least_bytes(bool text, size_t samples, uint32_t maxval)
{
    return text ? samples * 2 - 1 : samples * (maxval > 255 ? 2 : 1);
}

floe_status fl_img_pnm_decode(floe_image *out, const fl_img_source *src, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_image image = {0};
    cursor c = {src->data + 2, src->data + src->size};
    const uint8_t kind = src->data[1];
    const bool text = kind == '2' || kind == '3';
    const int channels = kind == '3' || kind == '6' ? 3 : 1;

    const int64_t width = take_number(&c), height = take_number(&c), maxval = take_number(&c);
    if (width < 0 || height < 0 || maxval < 1 || maxval > 65535)
        FL_FAIL(err, FLOE_ERR_FORMAT, "damaged P%c header: width, height and a maximum of 1 to 65535 must follow",
                kind);
    FL_TRY(fl_img_check_size(src, width, height, channels, err));
    if (c.at < c.end && is_blank(*c.at))
        c.at++;
    else
        FL_FAIL(err, FLOE_ERR_FORMAT, "damaged P%c header: a blank must follow the maximum", kind);
    const size_t need = least_bytes(text, (size_t)(width * height * channels), (uint32_t)maxval);
    if ((size_t)(c.end - c.at) < need)
        FL_FAIL(err, FLOE_ERR_FORMAT, "truncated: %zu bytes of samples, at least %zu are needed",
                (size_t)(c.end - c.at), need);

    FL_TRY(fl_img_new(&image, src, width, height, channels, err));
    FL_TRY(text ? read_text(&image, &c, (uint32_t)maxval, err) : read_binary(&image, c.at, (uint32_t)maxval, err));
    *out = image;
    image = (floe_image){0};
done:
    floe_image_free(&image);
    return st;
}
