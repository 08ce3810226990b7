/* image_bmp.c - uncompressed BMP of 8, 24 and 32 bits.
 *
 *     0  'B' 'M'   10  u32 offset of the pixels
 *     14 u32 size of this second header: 40 (the usual one), or a longer one that begins the same
 *     18 i32 width   22 i32 height: negative means the top row comes first, else the bottom row does
 *     26 u16 planes  28 u16 bits per pixel   30 u32 compression: 0 none, 3 colour masks follow
 *     46 u32 colours in the palette, 0 for all 256
 *     then: three or four masks if compression is 3 and the header is the short one; the palette, B G R 0 each
 *
 * Rows are padded to four bytes; pixels are B G R or B G R A. As in TensorFlow, the fourth byte of a 32-bit pixel is
 * alpha whatever the header says of it, and 8-bit pixels are given as grey, palette or not, unless the options ask for
 * the colours. Colour masks are accepted where they say the same order as without masks. TensorFlow refuses bytes
 * after the last row; many programs write two, so we do not.
 */
#include "image.h"

#include "base/bytes.h"

#include <string.h>

#define HEADER_BYTES 14

typedef struct header {
    uint32_t pixels_at, info_bytes, compression, colours;
    int32_t width;
    int64_t height; /* positive */
    bool top_down;
    int bytes_per_pixel;
    size_t row_bytes;
    size_t palette_at;
    size_t palette_count;
} header;

static floe_status fail_truncated(const fl_img_source *src, const char *where, floe_error *err)
{
    return fl_fail(err, FLOE_ERR_FORMAT, "truncated BMP: the file ends after %zu bytes, inside %s", src->size, where);
}

/* With compression 3 the masks of red, green and blue come next. */
static floe_status check_compression(const header *h, fl_reader *r, const fl_img_source *src, floe_error *err)
{
    if (h->compression == 0)
        return FLOE_OK;
    if (h->compression != 3 || h->bytes_per_pixel != 4)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "a BMP with compression %u; uncompressed pixels are read",
                       h->compression);
    const uint32_t red = fl_read_u32(r), green = fl_read_u32(r), blue = fl_read_u32(r);
    if (r->failed)
        return fail_truncated(src, "its colour masks", err);
    if (red != 0x00ff0000 || green != 0x0000ff00 || blue != 0x000000ff)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED,
                       "a BMP with the colour masks %08x %08x %08x; 00ff0000 0000ff00 000000ff are read", red, green,
                       blue);
    return FLOE_OK;
}

static floe_status read_header(header *h, const fl_img_source *src, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(src->data, src->size);
    fl_read_bytes(&r, 10);
    h->pixels_at = fl_read_u32(&r);
    h->info_bytes = fl_read_u32(&r);
    if (!r.failed && h->info_bytes < 40)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "a BMP with the header of OS/2 (%u bytes); 40 bytes and more are read",
                h->info_bytes);
    h->width = (int32_t)fl_read_u32(&r);
    const int32_t height = (int32_t)fl_read_u32(&r);
    fl_read_u16(&r);
    const int bits = fl_read_u16(&r);
    h->compression = fl_read_u32(&r);
    fl_read_bytes(&r, 12);
    h->colours = fl_read_u32(&r);
    fl_read_u32(&r);
    if (r.failed)
        FL_TRY(fail_truncated(src, "its header", err));

    h->top_down = height < 0;
    h->height = height < 0 ? -(int64_t)height : height;
    h->bytes_per_pixel = bits / 8;
    if (bits != 8 && bits != 24 && bits != 32)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "a BMP of %d bits per pixel; 8, 24 and 32 are read", bits);
    FL_TRY(check_compression(h, &r, src, err));
done:
    return st;
}

/* The palette is what stands between the header and the pixels, at most 256 colours of four bytes. */
static floe_status find_palette(header *h, const fl_img_source *src, floe_error *err)
{
    h->palette_at = HEADER_BYTES + (size_t)h->info_bytes;
    h->palette_count = h->colours && h->colours < 256 ? h->colours : 256;
    if (h->palette_at > src->size || h->palette_count * 4 > src->size - h->palette_at)
        return fail_truncated(src, "its palette", err);
    return FLOE_OK;
}

static floe_status check_pixels(header *h, const fl_img_source *src, floe_error *err)
{
    h->row_bytes = fl_round_up((size_t)h->width * (size_t)h->bytes_per_pixel, 4); /* width is within the limit */
    if (h->pixels_at < HEADER_BYTES + 40)
        return fl_fail(err, FLOE_ERR_FORMAT, "damaged BMP: the pixels begin at byte %u, inside the header",
                       h->pixels_at);
    if (h->pixels_at > src->size || (size_t)h->height * h->row_bytes > src->size - h->pixels_at)
        return fail_truncated(src, "the pixels", err);
    return FLOE_OK;
}

/* B G R [A] -> R G B [A] */
static void swap_row(uint8_t *dst, const uint8_t *src, int width, int bytes_per_pixel)
{
    for (int x = 0; x < width; x++, dst += bytes_per_pixel, src += bytes_per_pixel) {
        dst[0] = src[2];
        dst[1] = src[1];
        dst[2] = src[0];
        if (bytes_per_pixel == 4)
            dst[3] = src[3];
    }
}

/* An index beyond the palette is black, as most programs show it. */
static void colour_row(uint8_t *dst, const uint8_t *src, int width, const uint8_t *palette, size_t count)
{
    static const uint8_t black[4] = {0, 0, 0, 0};
    for (int x = 0; x < width; x++, dst += 3)
        swap_row(dst, src[x] < count ? palette + (size_t)src[x] * 4 : black, 1, 3);
}

floe_status fl_img_bmp_decode(floe_image *out, const fl_img_source *src, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_image image = {0};
    header h = {0};

    FL_TRY(read_header(&h, src, err));
    const bool coloured = h.bytes_per_pixel == 1 && src->bmp_palette;
    const int channels = coloured ? 3 : h.bytes_per_pixel;
    FL_TRY(fl_img_check_size(src, h.width, h.height, channels, err));
    FL_TRY(check_pixels(&h, src, err));
    if (coloured)
        FL_TRY(find_palette(&h, src, err));
    FL_TRY(fl_img_new(&image, src, h.width, h.height, channels, err));

    for (int y = 0; y < image.height; y++) {
        const int stored = h.top_down ? y : image.height - 1 - y;
        const uint8_t *from = src->data + h.pixels_at + (size_t)stored * h.row_bytes;
        uint8_t *to = fl_img_row(&image, y);
        if (coloured)
            colour_row(to, from, image.width, src->data + h.palette_at, h.palette_count);
        else if (h.bytes_per_pixel == 1)
            memcpy(to, from, (size_t)image.width);
        else
            swap_row(to, from, image.width, h.bytes_per_pixel);
    }
    *out = image;
    image = (floe_image){0};
done:
    floe_image_free(&image);
    return st;
}
