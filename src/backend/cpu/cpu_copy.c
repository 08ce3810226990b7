/* cpu_copy.c - copies with strides; see cpu_copy.h.
 *
 * After neighbouring axes are joined, what the innermost axis of dst is in src decides:
 *
 *     contiguous too      rows             memcpy of each
 *     repeated            fills            one value over a row
 *     anything else, and  tiles            matrix transposes of blocks that fit the L1 cache, over that axis and the
 *     another axis is                      innermost one
 *     contiguous in src
 *     none is             single elements
 *
 * A short contiguous run at the end (pairs of floats) is made one wider element first, so that it, too, can be part of
 * tiles; so is a run that is repeated, which then is a fill. Work for the threads is a range of dst elements (rows, fills,
 * singles) or of blocks (tiles).
 */
#include "backend/cpu/cpu_copy.h"

#include <string.h>

enum { DST = 0, SRC = 1 };

/* A block of a matrix has so many bytes: it and its transpose fit into any L1 cache, even one where strides that are
 * powers of two leave few places. */
#define BLOCK_BYTES 4096

typedef struct job {
    fl_view  v; /* tiles: without the two axes of the matrix, and with a last axis of one element */
    int64_t  bytes;
    uint8_t *dst;
    const uint8_t *src;
    /* tiles: y[j * y_step + i] = x[i * x_step + j], i < rows, j < columns, in blocks */
    fl_transpose_fn transpose;
    int64_t  rows, columns, x_step, y_step;
    int64_t  block_rows, block_columns, row_blocks, column_blocks;
} job;

/* ---- small pieces */

void fl_cpu_copy_few(uint8_t *dst, const uint8_t *src, int64_t bytes)
{
    if (bytes > 32) {
        memcpy(dst, src, (size_t)bytes);
    } else if (bytes >= 16) { /* two copies that meet in the middle */
        uint8_t first[16], last[16];
        memcpy(first, src, 16);
        memcpy(last, src + bytes - 16, 16);
        memcpy(dst, first, 16);
        memcpy(dst + bytes - 16, last, 16);
    } else if (bytes >= 8) {
        memcpy(dst, src, 8);
        memcpy(dst + bytes - 8, src + bytes - 8, 8);
    } else if (bytes >= 4) {
        memcpy(dst, src, 4);
        memcpy(dst + bytes - 4, src + bytes - 4, 4);
    } else {
        for (int64_t i = 0; i < bytes; i++)
            dst[i] = src[i];
    }
}

/* A value of 1, 2, 4 or 8 bytes, eight bytes at a time. */
static void fill_small(uint8_t *to, int64_t total, const void *value, int64_t bytes)
{
    uint8_t block[64];
    int64_t at = 0;

    for (int64_t i = 0; i < 8; i += bytes)
        memcpy(block + i, value, (size_t)bytes);
    for (int64_t i = 8; i < 64; i += 8)
        memcpy(block + i, block, 8);
    for (; at + 64 <= total; at += 64)
        memcpy(to + at, block, 64);
    fl_cpu_copy_few(to + at, block, total - at);
}

void fl_cpu_fill(void *dst, int64_t n, const void *value, int64_t bytes)
{
    uint8_t *to = dst;
    const int64_t total = n * bytes;
    int64_t done = bytes;

    if (n <= 0)
        return;
    if (bytes <= 8 && 8 % bytes == 0) {
        fill_small(to, total, value, bytes);
        return;
    }
    memcpy(to, value, (size_t)bytes);
    for (int64_t step; done < total; done += step) { /* doubling, up to what stays in the L1 cache */
        step = done < 4096 ? done : 4096 / bytes * bytes;
        step = step < total - done ? step : total - done;
        fl_cpu_copy_few(to + done, to, step);
    }
}

/* ---- ranges of elements of dst, in its order */

static void copy_range(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;
    const fl_view *v = &j->v;
    const int64_t row = fl_view_row(v), ds = fl_view_step(v, DST), ss = fl_view_step(v, SRC);
    fl_place place;

    (void)worker;
    fl_view_seek(v, begin / row, &place);
    for (int64_t at = begin, skip = begin % row; at < end; fl_view_next(v, &place), skip = 0) {
        const int64_t n = end - at < row - skip ? end - at : row - skip;
        uint8_t *to = j->dst + (place.at[DST] + skip * ds) * j->bytes;
        const uint8_t *from = j->src + (place.at[SRC] + skip * ss) * j->bytes;
        if (ds == 1 && ss == 1)
            fl_cpu_copy_few(to, from, n * j->bytes);
        else if (ds == 1 && ss == 0)
            fl_cpu_fill(to, n, from, j->bytes);
        else
            fl_copy_row[j->bytes](n, to, ds, from, ss);
        at += n;
    }
}

/* ---- tiles */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void transpose_blocks(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;
    const int64_t blocks = j->row_blocks * j->column_blocks;

    (void)worker;
    for (int64_t k = begin; k < end; k++) {
        const int64_t column = k % blocks / j->row_blocks * j->block_columns, row = k % j->row_blocks * j->block_rows;
        fl_place place;
        fl_view_seek(&j->v, k / blocks, &place);
        j->transpose(j->src + (place.at[SRC] + row * j->x_step + column) * j->bytes, (size_t)j->x_step,
                     j->dst + (place.at[DST] + column * j->y_step + row) * j->bytes, (size_t)j->y_step,
                     (size_t)least(j->block_rows, j->rows - row), (size_t)least(j->block_columns, j->columns - column));
    }
}

/* How many rows of `length` elements a block has; whole tiles where there is room for some. */
static int64_t rows_of_block(const job *j, int64_t length)
{
    const int64_t rows = BLOCK_BYTES / j->bytes / length;

    return rows < 16 ? rows : rows / 16 * 16;
}

/* Blocks about square; a matrix with few rows or columns gets long ones. */
static void choose_blocks(job *j)
{
    j->block_rows = least(j->rows, 32);
    j->block_columns = least(j->columns, rows_of_block(j, j->block_rows));
    j->block_rows = least(j->rows, rows_of_block(j, j->block_columns));
    j->row_blocks = (j->rows + j->block_rows - 1) / j->block_rows;
    j->column_blocks = (j->columns + j->block_columns - 1) / j->block_columns;
}

static void drop_axis(fl_view *v, int axis)
{
    v->rank--;
    for (int i = axis; i < v->rank; i++) {
        v->dim[i] = v->dim[i + 1];
        for (int k = 0; k < v->operands; k++)
            v->stride[k][i] = v->stride[k][i + 1];
    }
}

/* Takes the innermost axis and `other`, which is contiguous in src, out of the view as a matrix. */
static void take_matrix(job *j, int other)
{
    fl_view *v = &j->v;
    const int inner = v->rank - 1;

    j->rows = v->dim[inner];
    j->x_step = v->stride[SRC][inner];
    j->columns = v->dim[other];
    j->y_step = v->stride[DST][other];
    drop_axis(v, inner);
    drop_axis(v, other);
    v->dim[v->rank] = 1;
    v->stride[DST][v->rank] = v->stride[SRC][v->rank] = 1;
    v->rank++;
    choose_blocks(j);
}

/* ---- the problem */

/* Makes a contiguous run at the end one element where strides allow: of a size that tiles are made of, or any where the
 * run is repeated, for fills. */
static void widen(job *j)
{
    fl_view *v = &j->v;
    const int inner = v->rank - 1;
    const int64_t n = v->dim[inner], bytes = n * j->bytes;

    if (v->rank == 1 || v->stride[DST][inner] != 1 || v->stride[SRC][inner] != 1)
        return;
    const bool repeats = v->stride[SRC][inner - 1] == 0 && v->stride[DST][inner - 1] == n && bytes <= 2048;
    if (bytes != 2 && bytes != 4 && bytes != 8 && !repeats)
        return;
    for (int i = 0; i < inner; i++)
        if (v->stride[DST][i] % n != 0 || v->stride[SRC][i] % n != 0)
            return;
    for (int i = 0; i < inner; i++) {
        v->stride[DST][i] /= n;
        v->stride[SRC][i] /= n;
    }
    v->rank--;
    j->bytes = bytes;
}

/* The axis to make a matrix with, or -1. */
static int other_axis(const fl_view *v)
{
    const int inner = v->rank - 1;

    if (v->stride[DST][inner] != 1 || v->stride[SRC][inner] <= 1)
        return -1;
    for (int i = inner - 1; i >= 0; i--)
        if (v->stride[SRC][i] == 1 && v->stride[DST][i] > 0)
            return i;
    return -1;
}

void fl_cpu_copy(const fl_stream *stream, const fl_transpose_kernels *kernels, int64_t bytes, int rank,
                 const int64_t *dim, void *dst, const int64_t *dst_stride, const void *src, const int64_t *src_stride)
{
    job j = {.bytes = bytes, .dst = dst, .src = src};

    fl_view_init(&j.v, rank, dim);
    fl_view_operand(&j.v, dst_stride);
    fl_view_operand(&j.v, src_stride);
    fl_view_merge(&j.v);
    if (j.v.empty)
        return;
    widen(&j);
    const int other = other_axis(&j.v);
    if (other < 0) {
        fl_cpu_for(stream, fl_view_rows(&j.v) * fl_view_row(&j.v), 1, fl_cpu_grain(j.bytes), copy_range, &j);
        return;
    }
    take_matrix(&j, other);
    j.transpose = kernels->by_bytes[j.bytes];
    const int64_t block = j.block_rows * j.block_columns * j.bytes;
    fl_cpu_for(stream, fl_view_rows(&j.v) * j.row_blocks * j.column_blocks, 1, fl_cpu_grain(block), transpose_blocks, &j);
}

typedef struct flat {
    uint8_t       *dst;
    const uint8_t *src;
} flat;

static void copy_flat(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const flat *f = arg;

    (void)worker;
    memcpy(f->dst + begin, f->src + begin, (size_t)(end - begin));
}

void fl_cpu_copy_flat(const fl_stream *stream, void *dst, const void *src, int64_t bytes)
{
    flat f = {dst, src};

    if (dst != src)
        fl_cpu_for(stream, bytes, 64, FL_CPU_TASK_BYTES, copy_flat, &f);
}
