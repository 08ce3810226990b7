/* cli_pictures.c - see cli_pictures.h: floe_image.h does the work, this file decides what it is asked for.
 *
 * An input of rank 4 is a picture when 1, 3 or 4 stand where channels can stand: [N,C,H,W] or [N,H,W,C]; when both fit
 * the engine's hint decides, then the former. Rank 3 is [N,H,W], grey. Rank 2 is a grey picture's pixels in a row, if
 * --desired_size says how they lie.
 */
#include "cli_pictures.h"

#include "floe_image.h"

#include "base/half.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEAN_AT(member)         offsetof(fl_cli_picture_flags, member)
#define OR_NAME(id, name, call) "|" name

const fl_cli_option fl_cli_picture_rows[] = {
    {"preprocess", "", FL_CLI_TEXT, MEAN_AT(preprocess), .value = "HOW",
     .help = "none, 0..1, -1..1, caffe or imagenet"},
    {"mean", "", FL_CLI_TEXT, MEAN_AT(mean), .value = "M,...",
     .help = "subtracted from pixels of 0 to 255: one value, or one a channel"},
    {"scale", "", FL_CLI_TEXT, MEAN_AT(scale), .value = "S,...",
     .help = "then multiplied with: value = (pixel - mean) * scale"},
    {"channels", "", FL_CLI_CHOICE, MEAN_AT(channels), .help = "their order in the network", .choices = "rgb|bgr"},
    {"resize", "", FL_CLI_CHOICE, MEAN_AT(resize),
     .help = "how pictures of another size are made to fit: bilinear if not said, crop keeps their shape, lanczos3 is "
             "antialiased",
     .choices = &(FLOE_RESIZE_LIST(OR_NAME))[1]},
};
const size_t fl_cli_picture_row_count = sizeof fl_cli_picture_rows / sizeof *fl_cli_picture_rows;

bool fl_cli_has_picture_flags(const fl_cli_picture_flags *f)
{
    return f->preprocess || f->mean || f->scale || f->channels || f->resize;
}

/* ---- the input */

static bool can_be_channels(int64_t d)
{
    return d == 1 || d == 3 || d == 4;
}

static floe_status no_picture(const char *name, const floe_dims *dims, const char *why, floe_error *err)
{
    floe_status st = fl_fail(err, FLOE_ERR_SHAPE, "input '%s' of shape [N", name);
    for (int i = 1; i < dims->rank; i++)
        fl_cli_add(err, ",%lld", (long long)dims->d[i]);
    fl_cli_add(err, "] %s", why);
    return st;
}

floe_status fl_cli_picture_shape(fl_cli_picture_input *out, const char *name, floe_dtype dtype, const floe_dims *dims,
                                 const floe_format *hint, const floe_dims *size, floe_error *err)
{
    int64_t h = 0, w = 0, c = 1;
    floe_format format = FLOE_NHWC;
    const int64_t *d = dims->d;
    if (dims->rank == 4 && (can_be_channels(d[1]) || can_be_channels(d[3]))) {
        format =
            !can_be_channels(d[3]) || (can_be_channels(d[1]) && !(hint && *hint == FLOE_NHWC)) ? FLOE_NCHW : FLOE_NHWC;
        c = format == FLOE_NCHW ? d[1] : d[3];
        h = format == FLOE_NCHW ? d[2] : d[1];
        w = format == FLOE_NCHW ? d[3] : d[2];
    } else if (dims->rank == 3) {
        h = d[1];
        w = d[2];
    } else if (dims->rank == 2 && size && size->rank == 3 && size->d[0] == 1 && floe_dims_count(size, 1) == d[1]) {
        h = size->d[1];
        w = size->d[2];
    } else {
        return no_picture(name, dims,
                          dims->rank == 2 ? "takes no pictures; if it is a grey one's pixels, say how they lie: "
                                            "--desired_size=1,28,28"
                                          : "takes no pictures: 1, 3 or 4 channels were looked for",
                          err);
    }
    if (h < 1 || w < 1 || h > 65500 || w > 65500)
        return no_picture(name, dims, "takes no pictures of a size that exists", err);
    if (dtype != FLOE_FLOAT32 && dtype != FLOE_FLOAT16 && dtype != FLOE_UINT8 && dtype != FLOE_INT32)
        return no_picture(name, dims, "is of a type that pictures are not made into; f32, f16, u8 and i32 are", err);
    *out = (fl_cli_picture_input){dtype, format, (int)h, (int)w, (int)c, h * w * c};
    return FLOE_OK;
}

/* ---- the recipe */

/* "1,2,3" into values[4]; one value stands for all. A factor of 0 would make every picture the same. */
static floe_status parse_values(fl_cli *cli, const char *flag, const char *text, int channels, bool factors,
                                float values[4], floe_error *err)
{
    int count = 0;
    memset(values, 0, 4 * sizeof *values);
    for (const char *at = text;; at++) {
        char *end;
        const float v = strtof(at, &end);
        if (end == at || !isfinite(v) || (*end && *end != ','))
            return fl_cli_misuse(cli, err, "%s: '%s' is not a list of numbers; 103.9,116.8,123.7 is one", flag, text);
        if (factors && v == 0)
            return fl_cli_misuse(cli, err, "%s: '%s' has a 0 in it, which leaves nothing of the picture", flag, text);
        if (count == 4)
            return fl_cli_misuse(cli, err, "%s: '%s' has more than 4 values", flag, text);
        values[count++] = v;
        at = end;
        if (!*at)
            break;
    }
    if (count != 1 && channels > 0 && count != channels)
        return fl_cli_misuse(cli, err, "%s: '%s' has %d values, the network's input %d channels", flag, text, count,
                             channels);
    for (int i = 1; count == 1 && i < 4; i++)
        values[i] = values[0];
    return FLOE_OK;
}

floe_status fl_cli_picture_recipe(fl_cli *cli, floe_preprocess *recipe, const fl_cli_picture_flags *flags, int channels,
                                  floe_error *err)
{
    floe_status st = FLOE_OK;
    if (flags->preprocess) {
        const floe_resize_method kept = recipe->resize;
        if (floe_preprocess_find(recipe, flags->preprocess, err) != FLOE_OK) {
            const floe_error why = *err;
            return fl_cli_misuse(cli, err, "--preprocess: %s", why.message);
        }
        recipe->resize = kept;
    }
    if (flags->mean)
        FL_TRY(parse_values(cli, "--mean", flags->mean, channels, false, recipe->mean, err));
    if (flags->scale)
        FL_TRY(parse_values(cli, "--scale", flags->scale, channels, true, recipe->scale, err));
    if (flags->channels)
        recipe->bgr = !strcmp(flags->channels, "bgr");
    if (flags->resize)
        FL_TRY(floe_resize_find(&recipe->resize, flags->resize, err));
done:
    return st;
}

/* ---- a picture */

/* In place of the floats, values of another type. */
static void convert_values(void *dst, floe_dtype dtype, const float *src, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const float v = roundf(src[i]);
        if (dtype == FLOE_FLOAT16)
            ((uint16_t *)dst)[i] = fl_half_from_float(src[i]);
        else if (dtype == FLOE_INT32)
            ((int32_t *)dst)[i] = (int32_t)(v < -2e9f ? -2e9f : v > 2e9f ? 2e9f : v);
        else
            ((uint8_t *)dst)[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

floe_status fl_cli_picture_load(fl_cli *cli, void *dst, const char *path, const fl_cli_picture_input *in,
                                const floe_preprocess *recipe, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_image image = {0};
    float *values = in->dtype == FLOE_FLOAT32 ? dst : NULL;
    const floe_image_options options = {.channels = in->channels};
    FL_TRY(floe_image_load(&image, &cli->env, path, &options, err));
    if (!values)
        values = fl_alloc(NULL, (size_t)in->count * sizeof *values);
    FL_NEED(values, (size_t)in->count * sizeof *values, path, err);
    FL_TRY(floe_image_to_tensor(values, (size_t)in->count, &image, recipe, in->height, in->width, in->channels,
                                in->format == FLOE_NCHW ? FLOE_IMAGE_NCHW : FLOE_IMAGE_NHWC, err));
    if (values != dst)
        convert_values(dst, in->dtype, values, in->count);
done:
    floe_image_free(&image);
    if (values != dst)
        fl_free(NULL, values);
    return st;
}
