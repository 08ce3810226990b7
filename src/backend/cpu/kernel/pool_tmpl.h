/* pool_tmpl.h - the kernels of pool.h in the words of vec_ and vbits_<isa>.h.
 *
 * Pixels: a window is folded column by column, a column over its rows. Between neighbouring windows most columns are the
 * same, so for the usual 3 wide windows the folded columns stay in registers and slide:
 *
 *     stride 1:  window j = c0 c1 c2, window j+1 = c1 c2 c3    one new column a window
 *     stride 2:  window j = c0 c1 c2, window j+1 = c2 c3 c4    two
 *
 * Larger windows that overlap are folded in two steps: all columns of the row into `room`, then windows from there, which
 * is 2k instead of k^2 steps. A block of channels goes along the whole row before the next block starts. Averages multiply
 * by the reciprocal of the count. Summing columns first and windows second keeps the rounding error of large windows at
 * their circumference.
 */
#include "backend/cpu/kernel/pool.h"

#include <float.h>

#define INLINE static inline __attribute__((always_inline))

enum { WIDE = VN == 16 ? 4 : 2 }; /* vectors of a block: 64 or 16 channels; 3 columns of them fit in registers */

INLINE vf start(bool is_max) { return is_max ? v_set1(-FLT_MAX) : v_zero(); }
INLINE vf fold(bool is_max, vf value, vf acc) { return is_max ? v_max(value, acc) : v_add(acc, value); }

/* ---- pixels. A block is `count` vectors, or (count 1) the first `part` channels of one. */

INLINE void load_column(bool is_max, size_t count, size_t part, const fl_pool_row *p, const float *x, vf *column)
{
    for (size_t k = 0; k < count; k++)
        column[k] = start(is_max);
    for (size_t r = 0; r < p->rows; r++, x += p->row_step)
        for (size_t k = 0; k < count; k++)
            column[k] = fold(is_max, part ? v_load_part(x, part) : v_load(x + k * VN), column[k]);
}

INLINE void store_window(bool is_max, size_t count, size_t part, float *y, const vf *acc, vf scale)
{
    for (size_t k = 0; k < count; k++) {
        const vf value = is_max ? acc[k] : v_mul(acc[k], scale);
        if (part)
            v_store_part(y, value, part);
        else
            v_store(y + k * VN, value);
    }
}

/* Any window. */
INLINE void one_window(bool is_max, size_t count, size_t part, const fl_pool_row *p, const float *x, float *y, size_t j)
{
    size_t first, end;
    vf acc[WIDE], column[WIDE];

    fl_pool_columns(p, j, &first, &end);
    for (size_t k = 0; k < count; k++)
        acc[k] = start(is_max);
    for (size_t v = first; v < end; v++) {
        load_column(is_max, count, part, p, x + v * p->pixel, column);
        for (size_t k = 0; k < count; k++)
            acc[k] = fold(is_max, column[k], acc[k]);
    }
    store_window(is_max, count, part, y + j * p->pixel, acc, v_set1(1.0f / (float)(p->rows * (end - first))));
}

/* Windows [j, end) of 3 columns, whole ones, at this stride (1 or 2). */
INLINE void slide_3(bool is_max, size_t count, size_t part, size_t stride, const fl_pool_row *p, const float *x, float *y,
                    size_t j, size_t end)
{
    const vf scale = v_set1(1.0f / (float)(p->rows * 3));
    const size_t pixel = p->pixel;
    vf a[WIDE], b[WIDE], c[WIDE], acc[WIDE];

    if (j >= end)
        return;
    x += (j * stride - p->pad) * pixel;
    load_column(is_max, count, part, p, x, a);
    if (stride == 1)
        load_column(is_max, count, part, p, x + pixel, b);
    for (; j < end; j++, x += stride * pixel) {
        if (stride == 2)
            load_column(is_max, count, part, p, x + pixel, b);
        load_column(is_max, count, part, p, x + 2 * pixel, c);
        for (size_t k = 0; k < count; k++) {
            acc[k] = fold(is_max, c[k], fold(is_max, b[k], a[k]));
            a[k] = stride == 1 ? b[k] : c[k];
            b[k] = c[k];
        }
        store_window(is_max, count, part, y + j * pixel, acc, scale);
    }
}

/* All windows by way of the folded columns in `room`. */
INLINE void folded_windows(bool is_max, size_t count, size_t part, const fl_pool_row *p, const float *x, float *y,
                           float *room)
{
    size_t first, end;
    vf acc[WIDE];

    for (size_t v = 0; v < p->width; v++) {
        load_column(is_max, count, part, p, x + v * p->pixel, acc);
        for (size_t k = 0; k < count; k++)
            v_store(room + (v * count + k) * VN, acc[k]);
    }
    for (size_t j = 0; j < p->out_width; j++) {
        fl_pool_columns(p, j, &first, &end);
        for (size_t k = 0; k < count; k++)
            acc[k] = start(is_max);
        for (size_t v = first; v < end; v++)
            for (size_t k = 0; k < count; k++)
                acc[k] = fold(is_max, v_load(room + (v * count + k) * VN), acc[k]);
        store_window(is_max, count, part, y + j * p->pixel, acc, v_set1(1.0f / (float)(p->rows * (end - first))));
    }
}

INLINE void block(bool is_max, size_t count, size_t part, const fl_pool_row *p, size_t c, float *room)
{
    const float *x = p->x + c;
    float *y = p->y + c;
    size_t first, end;

    if (room && p->kernel > 3 && p->rows > 1 && p->out_width * p->kernel >= 2 * p->width) {
        folded_windows(is_max, count, part, p, x, y, room);
        return;
    }
    fl_pool_whole(p, &first, &end);
    for (size_t j = 0; j < first; j++)
        one_window(is_max, count, part, p, x, y, j);
    if (p->kernel == 3 && p->stride == 1)
        slide_3(is_max, count, part, 1, p, x, y, first, end);
    else if (p->kernel == 3 && p->stride == 2)
        slide_3(is_max, count, part, 2, p, x, y, first, end);
    else
        for (size_t j = first; j < end; j++)
            one_window(is_max, count, part, p, x, y, j);
    for (size_t j = end; j < p->out_width; j++)
        one_window(is_max, count, part, p, x, y, j);
}

#define PIXELS(name, is_max)                                     \
    static void name##_pixels(const fl_pool_row *p, float *room) \
    {                                                            \
        size_t c = 0;                                            \
        for (; c + WIDE * VN <= p->channels; c += WIDE * VN)     \
            block(is_max, WIDE, 0, p, c, room);                  \
        for (; c + VN <= p->channels; c += VN)                   \
            block(is_max, 1, 0, p, c, room);                     \
        if (c < p->channels)                                     \
            block(is_max, 1, p->channels - c, p, c, room);       \
    }
PIXELS(max, true)
PIXELS(avg, false)

/* ---- plane. room: the folded rows, `pad` places to the right, with what changes nothing around them */

INLINE void fold_rows(bool is_max, const fl_pool_row *p, float *room, size_t length)
{
    const float nothing = is_max ? -FLT_MAX : 0.0f;
    const size_t width = p->width < length - p->pad ? p->width : length - p->pad;
    size_t i = 0;
    vf acc;

    for (size_t k = 0; k < p->pad; k++)
        room[k] = nothing;
    for (; i + VN <= width; i += VN) {
        load_column(is_max, 1, 0, p, p->x + i, &acc);
        v_store(room + p->pad + i, acc);
    }
    if (i < width) {
        load_column(is_max, 1, width - i, p, p->x + i, &acc);
        v_store_part(room + p->pad + i, acc, width - i);
    }
    for (size_t k = p->pad + width; k < length; k++)
        room[k] = nothing;
}

/* VN windows from `room` on; stride 1 or 2. Reads up to 2 VN past the last window. */
INLINE vf fold_windows(bool is_max, size_t stride, const fl_pool_row *p, const float *room)
{
    vf acc = start(is_max);

    for (size_t v = 0; v < p->kernel; v++)
        acc = fold(is_max, stride == 1 ? v_load(room + v) : v_even(v_load(room + v), v_load(room + v + VN)), acc);
    return acc;
}

INLINE void fold_row(bool is_max, size_t stride, const fl_pool_row *p, const float *room, float scale)
{
    const vf s = v_set1(scale);
    size_t j = 0;

    for (; j < p->out_width; j += VN) {
        vf acc = fold_windows(is_max, stride, p, room + j * stride);
        acc = is_max ? acc : v_mul(acc, s);
        if (j + VN <= p->out_width)
            v_store(p->y + j, acc);
        else
            v_store_part(p->y + j, acc, p->out_width - j);
    }
}

INLINE void plane(bool is_max, const fl_pool_row *p, float *room)
{
    const float scale = 1.0f / (float)(p->rows * p->kernel);
    size_t first, end, from, to;

    if (p->out_width == 0)
        return;
    fold_rows(is_max, p, room, (p->out_width - 1) * p->stride + p->kernel);
    if (p->stride <= 2) {
        if (p->stride == 1)
            fold_row(is_max, 1, p, room, scale);
        else
            fold_row(is_max, 2, p, room, scale);
    } else {
        for (size_t j = 0; j < p->out_width; j++) {
            float acc = is_max ? -FLT_MAX : 0.0f;
            for (size_t v = 0; v < p->kernel; v++) {
                const float value = room[j * p->stride + v];
                acc = !is_max ? acc + value : value > acc ? value : acc;
            }
            p->y[j] = is_max ? acc : acc * scale;
        }
    }
    if (is_max)
        return;
    fl_pool_whole(p, &first, &end); /* windows over the border have fewer cells */
    for (size_t j = first > 0 ? 0 : end; j < p->out_width; j = j + 1 == first ? end : j + 1) {
        fl_pool_columns(p, j, &from, &to);
        p->y[j] *= (float)p->kernel / (float)(to - from);
    }
}

static void max_plane(const fl_pool_row *p, float *room)
{
    plane(true, p, room);
}

static void avg_plane(const fl_pool_row *p, float *room)
{
    plane(false, p, room);
}

#define TABLE_OF(isa) fl_f32_pool__##isa
#define TABLE(isa) TABLE_OF(isa)
const fl_pool_kernels TABLE(V_ISA) = {max_pixels, avg_pixels, max_plane, avg_plane};
