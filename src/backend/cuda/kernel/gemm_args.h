/* gemm_args.h - arguments of the matrix product kernels (gemm.cuh, gemm_patch.cuh, gemm_rows.cuh) and of the one that
 * packs on the device (gemm_pack.cu).
 *
 * A convolution is the product of A [m, k] and B [n, k], both with k contiguous: a row of A is what one output pixel
 * sees of x, a row of B one output channel's weights. Rows of A are never made; the kernels walk over filter taps.
 * A place in k is (r, s, c): tap row, tap column, channel, c fastest. In packed rows of B
 *
 *   - where a pixel of x is a multiple of 16 bytes, k = (r * taps_w + s) * c_count + c: no padding at all;
 *   - elsewhere ("dense") k = r * k_row + s * k_pixel + c with zeros where no c or s belongs, then zeros up to whole
 *     16 bytes. k_row is even, so that two neighbours of half precision can move as one word.
 *
 * A matrix product is a convolution with one tap over an image of one row.
 */
#ifndef FL_CUDA_GEMM_ARGS_H
#define FL_CUDA_GEMM_ARGS_H

#include "args.h"

typedef struct fl_gemm_args {
    const void  *x, *b;      /* activations; packed weights [n][k] */
    void        *y;          /* [m][n] */
    fl_tail_args tail;       /* its bias has n rounded up to 8 floats, or is NULL */
    float       *partial;    /* splits > 1: [tile][split][tile elements] */
    fl_u32      *counters;   /* splits > 1: a zero per tile, left so */
    fl_i32       m, n, k;    /* k of packed rows, padding included */
    fl_i32       h, w, c;    /* of x */
    fl_i32       taps_h, taps_w, stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;
    fl_i32       row_step, column_step; /* elements of x from one tap to the next: down, right */
    fl_i32       k_row, k_pixel;        /* see above */
    fl_i32       step_r, step_s, step_c; /* from one stage to the next as taps and channels; not where dense */
    fl_i32       step_over;  /* NEAR: in k, from the last tap of some channels to the first tap of the next */
    fl_divisor   by_image, by_row;      /* output pixels of an image, of a row of it */
    fl_divisor   by_tap_row, by_pixel;  /* places in k of a row of taps, of a tap */
    fl_i32       tiles_m, tiles_n, tiles_k, splits;
    fl_i32       band;       /* tiles of m that are walked together, see fl_gemm_place */
    /* The patch kernel only: output pixels down and across, tiles of them, shared memory */
    fl_i32       p, q, tiles_p, tiles_q;
    fl_i32       patch_h, patch_w; /* pixels of x that a tile sees */
    fl_i32       pixel;            /* elements that a pixel of the patch takes */
    fl_i32       pitch;            /* elements from one row of the patch to the next */
    fl_i32       images;
    fl_divisor   by_tiles_q, by_tiles, by_patch_row, by_c; /* by_tiles: of an image */
} fl_gemm_args;

/* Packs rows of B, or a transposed A, from a tensor on the device. */
typedef struct fl_gemm_pack_args {
    const void *from;
    void       *to;        /* [rows][k] */
    fl_i32      rows, k;
    fl_i32      row_step, k_step; /* elements of `from` from one row to the next, from one place in k to the next */
    fl_i32      taps_w, c, k_row, k_pixel;
    fl_divisor  by_k_row, by_k_pixel;
    fl_i32      taps_h;
    fl_i32      from_type, to_type; /* fl_gemm_type */
    fl_i32      round_tf32;
} fl_gemm_pack_args;

enum { FL_GEMM_F32, FL_GEMM_F16, FL_GEMM_BF16 };

#endif
