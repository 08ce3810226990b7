/* image_jpeg.c - JPEG through libjpeg-turbo.
 *
 * The settings are TensorFlow's: the fast integer DCT unless the options say otherwise, smooth upsampling of chroma,
 * grey as the luma plane, CMYK multiplied down to RGB (files with an Adobe marker hold inverted inks). The bytes come
 * from memory through a source that has no more to give: where libjpeg's own would invent an end marker and carry on
 * with grey, reading past the end is an error.
 *
 * libjpeg reports errors by a callback that must not return: ours keeps the text and longjmps. Everything that must
 * survive the jump lives in `job`. libjpeg prints nothing: its output callback is empty here. Its working memory comes
 * from the C library: a few rows for a baseline file, but two bytes per sample of the whole picture for a progressive
 * one, which is why the limit counts the components of the file too.
 */
#include "image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* Each scan of a progressive file goes over the whole picture, and may cost three bytes. Encoders write about ten. */
#define MAX_SCANS 256

typedef struct job {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const fl_img_source *src;
    floe_image image;
    uint8_t *inks; /* one row of CMYK */
    floe_status status;
    char text[JMSG_LENGTH_MAX + 64];
    char warning[JMSG_LENGTH_MAX]; /* the first one */
    jmp_buf escape;
} job;

static job *job_of(void *info)
{
    return ((struct jpeg_common_struct *)info)->client_data;
}

static void fail(job *j, floe_status status, const char *text) __attribute__((noreturn));

static void fail(job *j, floe_status status, const char *text)
{
    j->status = status;
    snprintf(j->text, sizeof j->text, "%s", text);
    longjmp(j->escape, 1);
}

/* ---- callbacks */

static void on_error(j_common_ptr info) __attribute__((noreturn));

static void on_error(j_common_ptr info)
{
    char text[JMSG_LENGTH_MAX];
    char sentence[JMSG_LENGTH_MAX + 64];
    info->err->format_message(info, text);
    snprintf(sentence, sizeof sentence, "damaged JPEG: %s", text);
    fail(job_of(info), info->err->msg_code == JERR_OUT_OF_MEMORY ? FLOE_ERR_MEMORY : FLOE_ERR_FORMAT, sentence);
}

/* Level -1 is a warning, of damage that can be bridged; others are chatter. */
static void on_message(j_common_ptr info, int level)
{
    job *j = job_of(info);
    if (level >= 0)
        return;
    if (info->err->num_warnings++ == 0)
        info->err->format_message(info, j->warning);
}

static void on_output(j_common_ptr info)
{
    (void)info;
}

static void fail_scans(job *j) __attribute__((noreturn));

static void fail_scans(job *j)
{
    char text[64];
    snprintf(text, sizeof text, "a progressive JPEG of more than %d scans", MAX_SCANS);
    fail(j, FLOE_ERR_LIMIT, text);
}

static void on_progress(j_common_ptr info)
{
    job *j = job_of(info);
    if (j->info.input_scan_number > MAX_SCANS)
        fail_scans(j);
}

static void source_start(j_decompress_ptr info)
{
    (void)info;
}

static boolean source_fill(j_decompress_ptr info)
{
    job *j = job_of(info);
    char text[128];
    snprintf(text, sizeof text, "truncated JPEG: the file ends after %zu bytes, inside the picture", j->src->size);
    fail(j, FLOE_ERR_FORMAT, text);
}

static void source_skip(j_decompress_ptr info, long n)
{
    if (n <= 0)
        return;
    if ((size_t)n > info->src->bytes_in_buffer)
        source_fill(info);
    info->src->next_input_byte += n;
    info->src->bytes_in_buffer -= (size_t)n;
}

static void source_end(j_decompress_ptr info)
{
    (void)info;
}

/* ---- the picture */

static void start(job *j)
{
    j->info.err = jpeg_std_error(&j->errors);
    j->info.client_data = j;
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->errors.output_message = on_output;
    jpeg_create_decompress(&j->info); /* keeps err and client_data */

    j->source = (struct jpeg_source_mgr){
        .next_input_byte = j->src->data,
        .bytes_in_buffer = j->src->size,
        .init_source = source_start,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_end,
    };
    j->info.src = &j->source;
    j->progress.progress_monitor = on_progress;
    j->info.progress = &j->progress;
}

/* What libjpeg shall give out; returns the channels of the picture. Inks cannot become grey inside libjpeg, so they
 * become RGB here and grey later. */
static int choose_colours(job *j)
{
    const J_COLOR_SPACE stored = j->info.jpeg_color_space;
    if (stored == JCS_CMYK || stored == JCS_YCCK) {
        j->info.out_color_space = JCS_CMYK;
        return 3;
    }
    if (j->info.num_components == 2)
        fail(j, FLOE_ERR_UNSUPPORTED, "a JPEG of two components; grey, colour and CMYK are read");
    const bool grey = j->src->channels ? j->src->channels == 1 : j->info.num_components == 1;
    j->info.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    return grey ? 1 : 3;
}

static void rgb_from_inks(uint8_t *rgb, const uint8_t *inks, int width, bool inverted)
{
    for (int x = 0; x < width; x++, rgb += 3, inks += 4)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(inverted ? inks[3] * inks[c] / 255 : (255 - inks[3]) * (255 - inks[c]) / 255);
}

static void read_rows(job *j)
{
    while (j->info.output_scanline < j->info.output_height) {
        uint8_t *row = fl_img_row(&j->image, (int)j->info.output_scanline);
        uint8_t *target = j->inks ? j->inks : row;
        if (jpeg_read_scanlines(&j->info, &target, 1) != 1)
            source_fill(&j->info);
        if (j->inks)
            rgb_from_inks(row, j->inks, j->image.width, j->info.saw_Adobe_marker);
    }
}

static floe_status read_picture(job *j, floe_error *err)
{
    floe_status st = FLOE_OK;
    start(j);
    jpeg_read_header(&j->info, TRUE);
    const int channels = choose_colours(j);
    j->info.dct_method = j->src->accurate_dct ? JDCT_ISLOW : JDCT_IFAST;
    j->info.do_fancy_upsampling = TRUE;
    jpeg_calc_output_dimensions(&j->info);

    /* Working memory follows the components of the file, pixels the channels wanted: both must pass. */
    FL_TRY(fl_img_check_size(j->src, j->info.output_width, j->info.output_height, j->info.num_components, err));
    FL_TRY(fl_img_new(&j->image, j->src, j->info.output_width, j->info.output_height, channels, err));
    if (j->info.out_color_space == JCS_CMYK) {
        const size_t bytes = (size_t)j->image.width * 4;
        j->inks = fl_alloc(j->src->env, bytes);
        FL_NEED(j->inks, bytes, "a row of CMYK", err);
    }
    jpeg_start_decompress(&j->info);
    if (j->info.output_components != (j->inks ? 4 : channels))
        fail(j, FLOE_ERR_UNSUPPORTED, "JPEG: libjpeg does not give the channels asked for");
    read_rows(j);
    jpeg_finish_decompress(&j->info);
done:
    return st;
}

/* Only the pointer is local here, and it does not change: what a longjmp finds is well defined. */
static floe_status read_guarded(job *j, floe_error *err)
{
    if (setjmp(j->escape) != 0)
        return fl_fail(err, j->status, "%s", j->text);
    return read_picture(j, err);
}

floe_status fl_img_jpeg_decode(floe_image *out, const fl_img_source *src, floe_error *err)
{
    job j;
    memset(&j, 0, sizeof j);
    j.src = src;
    const floe_status st = read_guarded(&j, err);
    jpeg_destroy_decompress(&j.info);
    fl_free(src->env, j.inks);
    if (st != FLOE_OK) {
        floe_image_free(&j.image);
        return st;
    }
    if (j.errors.num_warnings > 0)
        fl_log(src->env, FLOE_SEVERITY_WARNING, "%s: damaged JPEG, parts of the picture are guessed: %s (%ld warnings)",
               src->name, j.warning, j.errors.num_warnings);
    *out = j.image;
    return FLOE_OK;
}
