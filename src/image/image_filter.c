/* image_filter.c - resizing with a filter: every value of the output is a weighted sum of the pixels around its place.
 *
 * This is TensorFlow's ScaleAndTranslate, which tf.image.resize runs for its filters, with antialias=True. Along one
 * axis, with pixel centres at .5 and one step of the output being step = in / out pixels wide:
 *
 *     place     (i + .5) * step
 *     stretch   max(step, 1): where a picture shrinks, the filter widens, and no pixel is left out
 *     span      the pixels j with |j + .5 - place| <= radius * stretch, as far as there are any
 *     weights   filter(|j + .5 - place| / stretch), divided by their sum: what is beyond an edge does not count
 *
 *                    radius * stretch
 *                   |<------------->|
 *         in    | | | | | | | | | | | | | | | | |      span: first .. first + count - 1
 *         out   |       |     place     |       |
 *
 * Both axes' spans and weights are found once, in two passes: the spans tell how many weights there are, then they are
 * computed. There are few, for a span is as wide as the picture shrinks: out * count < 2 * radius * (in + out) + out,
 * below 10^6 on an axis for any picture and a radius of 3.
 *
 * A row of the output is made in two steps: the input rows of its span are summed up, weighted, into one row of
 * floats, then spans of that are summed along it. Each input row takes part in about 2 * radius rows, so a picture
 * costs that many multiplications per pixel however much it shrinks.
 *
 * As in image_resize.c the order and the types of TensorFlow's arithmetic are kept, for the same last bits. A further
 * filter is a function, an fl_img_filter, a row in image_resize.c and one in FLOE_RESIZE_LIST.
 */
#include "image.h"

#include <math.h>
#include <string.h>

/* ---- filters: of the distance to the place, 0 to the radius */

static float lanczos3(float x)
{
    const float pi = 3.14159265359f, radius = 3;
    if (x > radius)
        return 0;
    if ((double)x <= 1e-3) /* sin(x) / x where it is 1 */
        return 1;
    return radius * sinf(pi * x) * sinf(pi * x / radius) / (pi * pi * x * x);
}

const fl_img_filter fl_img_lanczos3 = {3, lanczos3};

/* ---- spans and weights. A tap's at[0] is the first pixel, at[1] how many, at[2] the index of their first weight. */

typedef struct axis {
    float step, stretch;
} axis;

static axis make_axis(int in, int out)
{
    const float scale = (float)out / (float)in; /* rounded here, as TensorFlow hands it on */
    const float step = 1.0f / scale;
    return (axis){step, step > 1 ? step : 1.0f};
}

static float place_of(int i, axis a)
{
    return ((float)i + 0.5f) * a.step;
}

/* Fills the spans, whose weights begin at `weights`; returns where the next ones begin. */
static int find_spans(fl_img_tap *taps, int out, int in, const fl_img_filter *filter, int weights)
{
    const axis a = make_axis(in, out);
    const float reach = filter->radius * a.stretch;
    for (int i = 0; i < out; i++) {
        const float place = place_of(i, a);
        const int first = (int)ceilf(place - reach - 0.5f);
        const int last = (int)floorf(place + reach - 0.5f);
        taps[i].at[0] = fl_img_clamp(first, in);
        taps[i].at[1] = fl_img_clamp(last, in) - taps[i].at[0] + 1;
        taps[i].at[2] = weights;
        weights += taps[i].at[1];
    }
    return weights;
}

/* The sum is never near 0: a place is inside the picture, so that some pixel is at most half a stretch away, and the
 * lobes below 0 are small beside those above. */
static void find_weights(float *weights, const fl_img_tap *taps, int out, int in, const fl_img_filter *filter)
{
    const axis a = make_axis(in, out);
    const float shrink = 1.0f / a.stretch;
    for (int i = 0; i < out; i++) {
        const float place = place_of(i, a);
        float *weight = weights + taps[i].at[2];
        float sum = 0;
        for (int k = 0; k < taps[i].at[1]; k++) {
            const float distance = (float)(taps[i].at[0] + k) + 0.5f - place;
            weight[k] = filter->weight(fabsf(distance * shrink));
            sum += weight[k];
        }
        const float scale_up = 1.0f / sum;
        for (int k = 0; k < taps[i].at[1]; k++)
            weight[k] *= scale_up;
    }
}

floe_status fl_img_filter_open(fl_img_resizer *r, const fl_img_filter *filter, int height, floe_error *err)
{
    const int of_x = find_spans(r->x, r->width, r->in_width, filter, 0);
    const size_t count = (size_t)find_spans(r->y, height, r->in_height, filter, of_x);
    const size_t row = (size_t)r->in_width * (size_t)r->channels;
    r->weights = fl_calloc(r->env, count + row, sizeof *r->weights);
    if (!r->weights)
        return fl_fail_memory(err, (count + row) * sizeof *r->weights, "the weights of a resize");
    r->summed = r->weights + count;
    find_weights(r->weights, r->x, r->width, r->in_width, filter);
    find_weights(r->weights, r->y, height, r->in_height, filter);
    return FLOE_OK;
}

/* ---- rows */

static void sum_rows(const fl_img_resizer *r, const fl_img_tap *ty)
{
    const size_t count = (size_t)r->in_width * (size_t)r->channels;
    const uint8_t *row = r->data + (size_t)ty->at[0] * r->stride;
    const float *weight = r->weights + ty->at[2];
    float *restrict sum = r->summed;
    memset(sum, 0, count * sizeof *sum);
    for (int k = 0; k < ty->at[1]; k++, row += r->stride)
        for (size_t i = 0; i < count; i++)
            sum[i] += weight[k] * (float)row[i];
}

/* Inlined with the number of channels known, which keeps the sums in registers. */
static inline void sum_columns(const fl_img_resizer *r, float *restrict out, int channels)
{
    for (int x = 0; x < r->width; x++, out += channels) {
        const fl_img_tap *tx = &r->x[x];
        const float *weight = r->weights + tx->at[2];
        const float *pixel = r->summed + (size_t)tx->at[0] * (size_t)channels;
        float sum[4] = {0};
        for (int k = 0; k < tx->at[1]; k++, pixel += channels)
            for (int c = 0; c < channels; c++)
                sum[c] += weight[k] * pixel[c];
        memcpy(out, sum, (size_t)channels * sizeof *out);
    }
}

void fl_img_filter_row(const fl_img_resizer *r, const fl_img_tap *ty, float *out)
{
    sum_rows(r, ty);
    if (r->channels == 3)
        sum_columns(r, out, 3);
    else if (r->channels == 1)
        sum_columns(r, out, 1);
    else
        sum_columns(r, out, r->channels);
}
