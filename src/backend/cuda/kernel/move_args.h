/* move_args.h - arguments of the kernels in move.cu. Counts, places and strides are in units: runs of 1, 2, 4, 8 or 16
 * bytes that move as one, chosen by the host as wide as the shapes allow. Axes are listed innermost first.
 */
#ifndef FL_CUDA_MOVE_ARGS_H
#define FL_CUDA_MOVE_ARGS_H

#include "args.h"

#define FL_MOVE_THREADS 256
#define FL_MOVE_EACH    4  /* units a thread, at most */
#define FL_MOVE_RANK    8
#define FL_MOVE_INPUTS  16 /* of one launch of concat */
#define FL_MOVE_BATCH   6  /* axes beside the two of a tile */

/* y, dense, from x: unit (.., i1, i0) of y is x[.. + i1 * stride[1] + i0 * stride[0]]. */
typedef struct fl_move_strided_args {
    const void *x;
    void       *y;
    fl_u32      n;    /* units of y */
    fl_i32      each; /* units a thread */
    fl_i32      rank;
    fl_i32      stride[FL_MOVE_RANK]; /* any sign */
    fl_divisor  dim[FL_MOVE_RANK];
    fl_i32      unused;
} fl_move_strided_args;

/* The same with stride 1 innermost, and `value` where a place of y, less `before`, lies outside of x. */
typedef struct fl_move_pad_args {
    const void *x;
    void       *y;
    fl_u32      value[4]; /* 16 bytes of it */
    fl_u32      n;
    fl_i32      each;
    fl_i32      rank;
    fl_i32      before[FL_MOVE_RANK];
    fl_u32      x_dim[FL_MOVE_RANK];
    fl_i32      stride[FL_MOVE_RANK];
    fl_divisor  dim[FL_MOVE_RANK]; /* of y */
    fl_i32      unused;
} fl_move_pad_args;

/* Rows of y, `y_row` apart, each the rows of the inputs one after the other: input k fills the columns from[k] to
 * from[k + 1] of y. A launch does the columns from[0] to from[n_in]. */
typedef struct fl_move_concat_args {
    const void *x[FL_MOVE_INPUTS];
    void       *y;
    fl_u32      from[FL_MOVE_INPUTS + 1];
    fl_i32      n_in;
    fl_u32      n; /* units to copy */
    fl_i32      each;
    fl_u32      y_row;
    fl_divisor  columns; /* from[n_in] - from[0] */
} fl_move_concat_args;

/* The axis that is contiguous in x (a, in y with stride y_step) and the one contiguous in y (b, in x with stride
 * x_step) change places, in tiles of (1 << log_a) by (1 << log_b); all other axes count pictures of them. Units are
 * elements. */
typedef struct fl_move_tile_args {
    const void *x;
    void       *y;
    fl_u32      a, b, log_a, log_b;
    fl_i32      x_step, y_step;
    fl_divisor  tiles_a, tiles_b;
    fl_i32      rank;
    fl_i32      x_stride[FL_MOVE_BATCH], y_stride[FL_MOVE_BATCH];
    fl_divisor  dim[FL_MOVE_BATCH];
    fl_i32      unused;
} fl_move_tile_args;

#define FL_MOVE_TILE_UNITS(bytes) ((bytes) <= 2 ? 4096 : 1024) /* of a tile, by the bytes of an element */
/* Units between two lines of a tile in shared memory: one word more, so that columns meet all banks. */
#define FL_MOVE_TILE_LINE(log_a, bytes) ((1u << (log_a)) + ((bytes) < 4 ? 4u / (bytes) : 1u))

/* A picture [N, H, W, C] from one layout into another. Each stores [N][blocks][H * W][b]; plain is one block of C. */
typedef struct fl_move_reorder_args {
    const void *x;
    void       *y;
    fl_u32      n;
    fl_i32      each;
    fl_u32      pixels, channels, x_picture; /* H * W; C; units of a picture of x */
    fl_divisor  y_picture, y_block, y_b, x_b; /* units of a picture, of a block; b of y; b of x */
    fl_i32      unused;
} fl_move_reorder_args;

#endif
