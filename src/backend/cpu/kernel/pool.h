/* pool.h - kernels: one row of windows, maximum or average, over images with the channels inside or outside.
 *
 * pixels: channels are neighbours (NHWC, or a channel block); a vector is 16 or 8 channels of one pixel. `room` of
 *         fl_pool_pixels_room() floats, or NULL, in which case large windows that overlap take longer.
 * plane:  columns are neighbours (one channel of NCHW); a vector is 16 or 8 columns. `room` of fl_pool_room() floats.
 *
 * Cells outside the image do not count: rows are those inside, columns are cut here. The maximum starts from the lowest
 * float and passes NaN by, as the reference does.
 */
#ifndef FL_KERNEL_POOL_H
#define FL_KERNEL_POOL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fl_pool_row {
    const float *x;        /* first row inside the image, column 0, first channel */
    float       *y;
    size_t       rows;     /* of the windows, inside the image; at least 1 */
    size_t       row_step; /* floats between rows of x */
    size_t       pixel;    /* floats between pixels of x and of y; plane: 1 */
    size_t       channels; /* to be done; plane: 1 */
    size_t       width, out_width;
    size_t       kernel, stride, pad; /* along the row; no window is without a cell */
} fl_pool_row;

static inline size_t fl_pool_room(const fl_pool_row *p)
{
    return p->out_width ? (p->out_width - 1) * p->stride + p->kernel + 64 : 0;
}

static inline size_t fl_pool_pixels_room(const fl_pool_row *p)
{
    return p->width * 64;
}

typedef struct fl_pool_kernels {
    void (*max_pixels)(const fl_pool_row *p, float *room);
    void (*avg_pixels)(const fl_pool_row *p, float *room);
    void (*max_plane)(const fl_pool_row *p, float *room);
    void (*avg_plane)(const fl_pool_row *p, float *room);
} fl_pool_kernels;

/* The columns [*first, *end) of x that window j covers. */
static inline void fl_pool_columns(const fl_pool_row *p, size_t j, size_t *first, size_t *end)
{
    const size_t at = j * p->stride; /* p->pad to the right of its place in x */

    *first = at > p->pad ? at - p->pad : 0;
    *end = at + p->kernel < p->pad + p->width ? at + p->kernel - p->pad : p->width;
}

/* The windows [*first, *end) that lie inside the row with all columns. */
static inline void fl_pool_whole(const fl_pool_row *p, size_t *first, size_t *end)
{
    *end = p->width + p->pad >= p->kernel ? (p->width + p->pad - p->kernel) / p->stride + 1 : 0;
    *end = *end < p->out_width ? *end : p->out_width;
    *first = (p->pad + p->stride - 1) / p->stride;
    *first = *first < *end ? *first : *end;
}

#define FL_SIMD(ISA, isa) extern const fl_pool_kernels fl_f32_pool__##isa;
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD

#endif
