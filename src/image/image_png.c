/* image_png.c - PNG through libpng.
 *
 * Which of libpng's transformations are asked for, and in which combination, decides the pixels in the corner cases
 * (16-bit colour to grey is mixed at 16 bits; a gAMA chunk makes grey linear; transparency given as one colour becomes
 * alpha only if four channels are wanted). They are set here so that every picture gives the bytes of
 * tf.io.decode_image; tests/image holds one of each.
 *
 * libpng reports errors by a callback that must not return: ours keeps the text and longjmps. Everything that must
 * survive the jump lives in `job`, never in a local variable of a function that is jumped out of.
 */
#include "image.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* Chunks that say nothing about pixels, of which a file may hold any number. libpng would inflate and keep up to 8 MB
 * of each, beyond every limit on the picture's size, so they are passed over. (iCCP may stand once and matters: it can
 * state the gamma that grey is mixed in.) */
static const uint8_t unread_chunks[] = "tEXt\0zTXt\0iTXt\0sPLT\0eXIf";

#define UNREAD_CHUNKS ((int)(sizeof unread_chunks / 5))

/* Deflate spends at least two bits on a match of 258 bytes, so it never expands more than this. */
#define DEFLATE_MAX_RATIO 1032

typedef struct job {
    const fl_img_source *src;
    size_t at; /* bytes of the source consumed */
    png_struct *png;
    png_info *info;
    floe_image image;
    floe_status status; /* of the failure; FLOE_ERR_FORMAT unless something knew better */
    char text[256];
    jmp_buf escape;
} job;

/* ---- callbacks */

static void on_error(png_struct *png, const char *text) __attribute__((noreturn));

static void on_error(png_struct *png, const char *text)
{
    job *j = png_get_error_ptr(png);
    if (j->text[0] == 0)
        snprintf(j->text, sizeof j->text, "damaged PNG: %s", text);
    longjmp(j->escape, 1);
}

static void on_warning(png_struct *png, const char *text)
{
    const job *j = png_get_error_ptr(png);
    fl_log(j->src->env, FLOE_SEVERITY_VERBOSE, "%s: PNG: %s", j->src->name, text);
}

static void *on_alloc(png_struct *png, size_t bytes)
{
    job *j = png_get_mem_ptr(png);
    void *p = fl_alloc(j->src->env, bytes);
    if (!p) {
        j->status = FLOE_ERR_MEMORY;
        snprintf(j->text, sizeof j->text, "out of memory: %zu bytes for decoding a PNG", bytes);
    }
    return p;
}

static void on_free(png_struct *png, void *p)
{
    const job *j = png_get_mem_ptr(png);
    fl_free(j->src->env, p);
}

static void on_read(png_struct *png, uint8_t *out, size_t n)
{
    job *j = png_get_io_ptr(png);
    if (n > j->src->size - j->at) {
        snprintf(j->text, sizeof j->text, "truncated PNG: the file ends after %zu bytes, inside the picture",
                 j->src->size);
        png_error(png, "truncated");
    }
    memcpy(out, j->src->data + j->at, n);
    j->at += n;
}

/* ---- the picture */

static void fail(job *j, floe_status status, const char *text)
{
    j->status = status;
    snprintf(j->text, sizeof j->text, "%s", text);
    longjmp(j->escape, 1);
}

static int natural_channels(job *j, int colour_type, bool has_trns)
{
    if (colour_type == PNG_COLOR_TYPE_PALETTE)
        return has_trns ? 4 : 3;
    return png_get_channels(j->png, j->info); /* a transparent colour does not count as alpha */
}

/* Asks for 8-bit samples of `channels` channels. */
static void set_transformations(job *j, int colour_type, int depth, bool has_trns, int channels)
{
    const bool has_alpha = colour_type & PNG_COLOR_MASK_ALPHA;
    const bool is_colour = colour_type & PNG_COLOR_MASK_COLOR;

    if (channels % 2 == 1)
        png_set_strip_alpha(j->png);
    else if (!has_alpha && has_trns)
        png_set_tRNS_to_alpha(j->png);
    else if (!has_alpha) /* of less than 8 bits: "opaque" is not 255 but, as in TensorFlow, that depth's largest */
        png_set_add_alpha(j->png, (1u << depth) - 1, PNG_FILLER_AFTER);

    if (depth == 16)
        png_set_strip_16(j->png);
    png_set_packing(j->png);
    if (colour_type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(j->png);
    if (!is_colour && depth < 8)
        png_set_expand_gray_1_2_4_to_8(j->png);
    if (is_colour && channels < 3)
        png_set_rgb_to_gray(j->png, PNG_ERROR_ACTION_NONE, 0.299, 0.587);
    if (!is_colour && channels >= 3)
        png_set_gray_to_rgb(j->png);
}

/* A small file with a large header cannot be whole; saying so now saves taking the memory. */
static void check_plausible(job *j, uint32_t width, uint32_t height, int depth)
{
    const uint64_t bits = (uint64_t)width * height * (uint64_t)depth * png_get_channels(j->png, j->info);
    if (bits / 8 / DEFLATE_MAX_RATIO > j->src->size) {
        j->status = FLOE_ERR_FORMAT;
        snprintf(j->text, sizeof j->text, "damaged PNG: %zu bytes cannot hold %u x %u pixels", j->src->size, width,
                 height);
        longjmp(j->escape, 1);
    }
}

static floe_status read_header(job *j, floe_error *err)
{
    uint32_t width, height;
    int depth, colour_type;
    png_set_read_fn(j->png, j, on_read);
    png_set_user_limits(j->png, 0x7fffffff, 0x7fffffff); /* ours are checked below, with a better sentence */
    png_set_keep_unknown_chunks(j->png, PNG_HANDLE_CHUNK_NEVER, unread_chunks, UNREAD_CHUNKS);
    png_read_info(j->png, j->info);
    png_get_IHDR(j->png, j->info, &width, &height, &depth, &colour_type, NULL, NULL, NULL);

    const bool has_trns = png_get_valid(j->png, j->info, PNG_INFO_tRNS) != 0;
    const int natural = natural_channels(j, colour_type, has_trns);
    const int channels = j->src->channels ? j->src->channels : natural;
    const floe_status st = fl_img_check_size(j->src, width, height, channels, err);
    if (st != FLOE_OK)
        return st;
    check_plausible(j, width, height, depth);
    set_transformations(j, colour_type, depth, has_trns, channels);
    return fl_img_new(&j->image, j->src, width, height, channels, err);
}

static floe_status read_picture(job *j, floe_error *err)
{
    j->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, j, on_error, on_warning, j, on_alloc, on_free);
    j->info = j->png ? png_create_info_struct(j->png) : NULL;
    if (!j->info)
        fail(j, FLOE_ERR_MEMORY, "out of memory, starting libpng");

    const floe_status st = read_header(j, err);
    if (st != FLOE_OK)
        return st;
    const int passes = png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
    if (png_get_rowbytes(j->png, j->info) != (size_t)j->image.width * (size_t)j->image.channels)
        fail(j, FLOE_ERR_UNSUPPORTED, "PNG: libpng does not give the channels asked for");
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < j->image.height; y++)
            png_read_row(j->png, fl_img_row(&j->image, y), NULL);
    png_read_end(j->png, NULL);
    if (j->status == FLOE_ERR_MEMORY) /* libpng went on without a chunk, perhaps the one that states the gamma */
        longjmp(j->escape, 1);
    return FLOE_OK;
}

/* Only the pointer is local here, and it does not change: what a longjmp finds is well defined. */
static floe_status read_guarded(job *j, floe_error *err)
{
    if (setjmp(j->escape) != 0)
        return fl_fail(err, j->status, "%s", j->text);
    return read_picture(j, err);
}

floe_status fl_img_png_decode(floe_image *out, const fl_img_source *src, floe_error *err)
{
    job j = {.src = src, .status = FLOE_ERR_FORMAT};
    const floe_status st = read_guarded(&j, err);
    png_destroy_read_struct(&j.png, &j.info, NULL);
    if (st == FLOE_OK)
        *out = j.image;
    else
        floe_image_free(&j.image);
    return st;
}
