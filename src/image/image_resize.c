/* image_resize.c - TensorFlow's resizing kernels for one picture of bytes, row by row.
 *
 * All methods work alike. For each row and each column of the output a "tap" says once where along that axis the value
 * comes from: indices into the input and weights. Then a row of the output is made from one row tap and all column
 * taps. A table holds, per method, how an axis is scaled, how a tap is filled and how a row is made:
 *
 *     nearest   at[0]                           the pixel
 *     bilinear  at[0..1], weight[0]             two pixels and how far to go from the first to the second
 *     bicubic   at[0..3], weight[0..3]          four pixels and their weights
 *     area      at[0]..at[1]-1, weight[0..1]    a run of pixels; weights of its first and its last, 1 between
 *     lanczos3  at[0..2]                        a run of pixels and where its weights are: image_filter.c
 *
 * Rounding is part of the semantics. Expressions keep the shape, the order and the types (float here, double there)
 * of the kernels in TensorFlow, and the library is compiled without contraction to fused multiply-add, so that results
 * are equal in every bit on the machines we tried; the tests allow a little for others.
 */
#include "image.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- axes: the scale, then one tap */

static float scale_plain(int in, int out)
{
    return (float)in / (float)out;
}

static float scale_aligned(int in, int out)
{
    return out > 1 ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
}

/* Pixel centres at .5. Nearest rounds down, so it leaves out the half that the others subtract. */
static void tap_nearest(fl_img_tap *tap, int i, int in, float scale)
{
    tap->at[0] = fl_img_clamp((int)floorf(((float)i + 0.5f) * scale), in);
}

static void tap_linear_at(fl_img_tap *tap, float f, int in)
{
    const float low = floorf(f);
    tap->at[0] = fl_img_clamp((int)low, in);
    tap->at[1] = fl_img_clamp((int)ceilf(f), in);
    tap->weight[0] = f - low; /* of the coordinate before clamping: both ends are the same pixel where it matters */
}

static void tap_linear(fl_img_tap *tap, int i, int in, float scale)
{
    tap_linear_at(tap, ((float)i + 0.5f) * scale - 0.5f, in);
}

static void tap_linear_legacy(fl_img_tap *tap, int i, int in, float scale)
{
    tap_linear_at(tap, (float)i * scale, in);
}

/* Keys' kernel with A = -0.5 at the distances 0..1 and 1..2, in steps of 1/1024. TensorFlow keeps a table of it that
 * was computed so: products in double, of a float argument, rounded to float at the end. */
static float cubic_near(int step)
{
    const double a = -0.5;
    const float x = (float)(step / 1024.0);
    return (float)(((a + 2) * x - (a + 3)) * x * x + 1);
}

static float cubic_far(int step)
{
    const double a = -0.5;
    const float x = (float)(step / 1024.0) + 1.0f;
    return (float)(((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
}

/* Pixels beyond the edge get no weight, and the others are scaled up to a sum of 1. */
static void tap_cubic(fl_img_tap *tap, int i, int in, float scale)
{
    const float f = ((float)i + 0.5f) * scale - 0.5f;
    const int base = (int)floorf(f);
    const int step = (int)lrintf((f - (float)base) * 1024.0f);
    const float kernel[4] = {cubic_far(step), cubic_near(step), cubic_near(1024 - step), cubic_far(1024 - step)};
    float sum = 0;
    for (int k = 0; k < 4; k++) {
        tap->at[k] = fl_img_clamp(base - 1 + k, in);
        tap->weight[k] = tap->at[k] == base - 1 + k ? kernel[k] : 0.0f;
        sum += tap->weight[k];
    }
    const float scale_up = 1.0f / sum; /* one of the middle two is always inside and weighs at least half */
    for (int k = 0; k < 4; k++)
        tap->weight[k] *= scale_up;
}

/* The share of pixel i in the interval from begin to end. */
static float area_weight(int i, float begin, float end, float scale)
{
    const bool ends_later = (float)(i + 1) > end;
    if ((float)i < begin)
        return ends_later ? scale : (float)(i + 1) - begin;
    return ends_later ? end - (float)i : 1.0f;
}

static void tap_area(fl_img_tap *tap, int i, int in, float scale)
{
    (void)in; /* the run may reach one pixel beyond the edge by rounding; the row clamps */
    const float begin = (float)i * scale;
    const float end = (float)(i + 1) * scale;
    tap->at[0] = (int)floorf(begin);
    tap->at[1] = (int)ceilf(end);
    if (tap->at[1] <= tap->at[0])
        tap->at[1] = tap->at[0] + 1;
    tap->weight[0] = area_weight(tap->at[0], begin, end, scale);
    tap->weight[1] = area_weight(tap->at[1] - 1, begin, end, scale);
}

/* ---- rows. Column taps hold offsets in bytes, their pixel times the channels, except for area. */

static const uint8_t *row_at(const fl_img_resizer *r, int y)
{
    return r->data + (size_t)y * r->stride;
}

static void row_nearest(const fl_img_resizer *r, const fl_img_tap *ty, float *out)
{
    const uint8_t *row = row_at(r, ty->at[0]);
    for (int x = 0; x < r->width; x++)
        for (int c = 0; c < r->channels; c++)
            *out++ = (float)row[r->x[x].at[0] + c];
}

static inline float lerp(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* Inlined with the number of channels known, which lets the compiler unroll. */
static inline void row_linear_of(const fl_img_resizer *r, const fl_img_tap *ty, float *out, int channels)
{
    const uint8_t *top = row_at(r, ty->at[0]);
    const uint8_t *bottom = row_at(r, ty->at[1]);
    const float down = ty->weight[0];
    for (int x = 0; x < r->width; x++) {
        const int left = r->x[x].at[0], right = r->x[x].at[1];
        const float across = r->x[x].weight[0];
        for (int c = 0; c < channels; c++) {
            const float t = lerp(top[left + c], top[right + c], across);
            const float b = lerp(bottom[left + c], bottom[right + c], across);
            *out++ = lerp(t, b, down);
        }
    }
}

static void row_linear(const fl_img_resizer *r, const fl_img_tap *ty, float *out)
{
    if (r->channels == 3)
        row_linear_of(r, ty, out, 3);
    else if (r->channels == 1)
        row_linear_of(r, ty, out, 1);
    else
        row_linear_of(r, ty, out, r->channels);
}

static inline float four(const float *weight, float a, float b, float c, float d)
{
    return a * weight[0] + b * weight[1] + c * weight[2] + d * weight[3];
}

static void row_cubic(const fl_img_resizer *r, const fl_img_tap *ty, float *out)
{
    const uint8_t *row[4] = {row_at(r, ty->at[0]), row_at(r, ty->at[1]), row_at(r, ty->at[2]), row_at(r, ty->at[3])};
    for (int x = 0; x < r->width; x++) {
        const fl_img_tap *tx = &r->x[x];
        for (int c = 0; c < r->channels; c++) {
            float column[4];
            for (int k = 0; k < 4; k++) {
                const int i = tx->at[k] + c;
                column[k] = four(ty->weight, row[0][i], row[1][i], row[2][i], row[3][i]);
            }
            *out++ = four(tx->weight, column[0], column[1], column[2], column[3]);
        }
    }
}

/* The sum over one row of the run of pixels that tx describes. */
static float area_run(const fl_img_resizer *r, const uint8_t *row, const fl_img_tap *tx, int c)
{
    const int first = tx->at[0], last = tx->at[1] - 1;
    float sum = (float)row[fl_img_clamp(first, r->in_width) * r->channels + c] * tx->weight[0];
    for (int x = first + 1; x < last; x++)
        sum += (float)row[fl_img_clamp(x, r->in_width) * r->channels + c];
    if (last > first)
        sum += (float)row[fl_img_clamp(last, r->in_width) * r->channels + c] * tx->weight[1];
    return sum;
}

static void row_area(const fl_img_resizer *r, const fl_img_tap *ty, float *out)
{
    const int first = ty->at[0], last = ty->at[1] - 1;
    for (int x = 0; x < r->width; x++)
        for (int c = 0; c < r->channels; c++) {
            float sum = 0;
            for (int y = first; y <= last; y++) {
                const float weight = y == first ? ty->weight[0] : y == last ? ty->weight[1] : 1.0f;
                sum += area_run(r, row_at(r, fl_img_clamp(y, r->in_height)), &r->x[x], c) * weight;
            }
            *out++ = sum * r->area_scale;
        }
}

/* ---- methods */

typedef struct method {
    float (*scale)(int in, int out);
    void (*tap)(fl_img_tap *tap, int i, int in, float scale);
    void (*row)(const fl_img_resizer *, const fl_img_tap *, float *);
    bool crop;
    bool taps_hold_pixels;       /* the row multiplies by the channels itself */
    const fl_img_filter *filter; /* in place of scale and tap */
} method;

static const method methods[] = {
    [FLOE_RESIZE_BILINEAR] = {scale_plain, tap_linear, row_linear, false, false, NULL},
    [FLOE_RESIZE_NEAREST] = {scale_plain, tap_nearest, row_nearest, false, false, NULL},
    [FLOE_RESIZE_CROP] = {scale_plain, tap_linear, row_linear, true, false, NULL},
    [FLOE_RESIZE_BICUBIC] = {scale_plain, tap_cubic, row_cubic, false, false, NULL},
    [FLOE_RESIZE_AREA] = {scale_plain, tap_area, row_area, false, true, NULL},
    [FLOE_RESIZE_BILINEAR_LEGACY] = {scale_plain, tap_linear_legacy, row_linear, false, false, NULL},
    [FLOE_RESIZE_BILINEAR_ALIGNED] = {scale_aligned, tap_linear_legacy, row_linear, false, false, NULL},
    [FLOE_RESIZE_LANCZOS3] = {.row = fl_img_filter_row, .filter = &fl_img_lanczos3},
};

static const char *const method_names[] = {
#define METHOD_NAME(id, name, call) [id] = name,
    FLOE_RESIZE_LIST(METHOD_NAME)
#undef METHOD_NAME
};

#define METHOD_COUNT ((int)(sizeof methods / sizeof methods[0]))
_Static_assert(sizeof method_names / sizeof method_names[0] == sizeof methods / sizeof methods[0],
               "every method of FLOE_RESIZE_LIST has its row");

static int at_least_one(int64_t n)
{
    return n < 1 ? 1 : (int)n;
}

/* Narrows the input to the largest central region with the target's ratio of sides. */
static void crop_to_ratio(fl_img_resizer *r, int height, int width)
{
    const int64_t wide = (int64_t)r->in_width * height; /* compare in_width / in_height with width / height */
    const int64_t high = (int64_t)r->in_height * width;
    const int in_width = r->in_width, in_height = r->in_height;
    if (wide > high)
        r->in_width = at_least_one((high + height / 2) / height);
    else if (wide < high)
        r->in_height = at_least_one((wide + width / 2) / width);
    const int left = (in_width - r->in_width) / 2, top = (in_height - r->in_height) / 2;
    r->data += (size_t)top * r->stride + (size_t)left * (size_t)r->channels;
}

static void fill_taps(fl_img_resizer *r, const method *m, int height)
{
    const float sx = m->scale(r->in_width, r->width);
    const float sy = m->scale(r->in_height, height);
    for (int i = 0; i < r->width; i++) {
        m->tap(&r->x[i], i, r->in_width, sx);
        for (int k = 0; k < 4 && !m->taps_hold_pixels; k++)
            r->x[i].at[k] *= r->channels;
    }
    for (int i = 0; i < height; i++)
        m->tap(&r->y[i], i, r->in_height, sy);
    r->area_scale = (float)(1.0 / (double)(sy * sx));
}

floe_status fl_img_resizer_open(fl_img_resizer *out, const floe_image *image, floe_resize_method method_id, int height,
                                int width, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_img_resizer r = {0};
    FL_TRY(fl_img_check(image, err));
    if ((int)method_id < 0 || (int)method_id >= METHOD_COUNT)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "resize method %d: 0 to %d are known", (int)method_id, METHOD_COUNT - 1);
    if (height < 1 || width < 1 || height > FLOE_IMAGE_MAX_SIDE || width > FLOE_IMAGE_MAX_SIDE)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "resizing to %d x %d pixels: 1 to %d are possible", width, height,
                FLOE_IMAGE_MAX_SIDE);

    const method *m = &methods[method_id];
    r = (fl_img_resizer){
        .env = &image->env,
        .data = image->data,
        .stride = (size_t)image->width * (size_t)image->channels,
        .in_width = image->width,
        .in_height = image->height,
        .channels = image->channels,
        .width = width,
        .row = m->row,
    };
    const size_t taps = (size_t)width + (size_t)height;
    r.x = fl_calloc(r.env, taps, sizeof *r.x); /* cleared: not every method fills all of a tap */
    FL_NEED(r.x, taps * sizeof *r.x, "the tables of a resize", err);
    r.y = r.x + width;
    if (m->crop)
        crop_to_ratio(&r, height, width);
    if (m->filter)
        FL_TRY(fl_img_filter_open(&r, m->filter, height, err));
    else
        fill_taps(&r, m, height);
    *out = r;
    r = (fl_img_resizer){0};
done:
    fl_img_resizer_close(&r);
    return st;
}

void fl_img_resizer_row(const fl_img_resizer *r, int y, float *out)
{
    r->row(r, &r->y[y], out);
}

void fl_img_resizer_close(fl_img_resizer *r)
{
    fl_free(r->env, r->weights);
    fl_free(r->env, r->x);
    memset(r, 0, sizeof *r);
}

/* ---- public */

const char *floe_resize_name(int index)
{
    return index >= 0 && index < METHOD_COUNT ? method_names[index] : NULL;
}

floe_status floe_resize_find(floe_resize_method *out, const char *name, floe_error *err)
{
    char known[256] = "";
    size_t n = 0;
    for (int i = 0; i < METHOD_COUNT; i++) {
        if (name && strcmp(method_names[i], name) == 0) {
            *out = (floe_resize_method)i;
            return FLOE_OK;
        }
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", method_names[i]);
    }
    return fl_fail(err, FLOE_ERR_NOT_FOUND, "resize method '%s': there are %s", name ? name : "", known);
}

floe_status fl_img_check_room(size_t out_count, int height, int width, int channels, floe_error *err)
{
    const size_t need = (size_t)height * (size_t)width * (size_t)channels; /* each within the limits by now */
    if (out_count < need)
        return fl_fail(err, FLOE_ERR_SHAPE, "%d x %d x %d values do not fit into room for %zu", height, width, channels,
                       out_count);
    return FLOE_OK;
}

floe_status floe_image_resize(float *out, size_t out_count, const floe_image *image, floe_resize_method method_id,
                              int height, int width, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_img_resizer r = {0};
    FL_TRY(fl_img_resizer_open(&r, image, method_id, height, width, err));
    FL_TRY(fl_img_check_room(out ? out_count : 0, height, width, image->channels, err));
    for (int y = 0; y < height; y++)
        fl_img_resizer_row(&r, y, out + (size_t)y * (size_t)width * (size_t)image->channels);
done:
    fl_img_resizer_close(&r);
    return st;
}
