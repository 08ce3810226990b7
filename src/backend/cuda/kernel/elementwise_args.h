/* elementwise_args.h - what the host gives the kernels of unary, binary, batch norm, cast, select and the copies.
 *
 * Broadcasting is a walk: y is dense and has its axes merged on the host as far as all sides allow (op/op_loops.h),
 * each side has a stride for every axis that is left, 0 where it is repeated. The mode of a side says how a thread,
 * which makes W neighbouring elements of y at a time, gets those of that side.
 */
#ifndef FL_CUDA_ELEMENTWISE_ARGS_H
#define FL_CUDA_ELEMENTWISE_ARGS_H

#include "args.h"

#define FL_WALK_AXES  8
#define FL_WALK_SIDES 3

typedef enum fl_side_mode {
    FL_SIDE_DENSE,  /* lies in memory as y does */
    FL_SIDE_ONE,    /* one value for all of y */
    FL_SIDE_ROW,    /* rows are multiples of W long, and the side advances along them */
    FL_SIDE_STILL,  /* rows are multiples of W long, and the side stands still along them */
    FL_SIDE_GATHER  /* anything else: each element is looked up */
} fl_side_mode;

typedef struct fl_walk {
    fl_u32     n; /* elements of y, 1 to 2^31 - 1 */
    fl_i32     rank;
    fl_divisor dim[FL_WALK_AXES]; /* outermost first */
    fl_u32     stride[FL_WALK_SIDES][FL_WALK_AXES]; /* elements */
    fl_i32     mode[FL_WALK_SIDES]; /* fl_side_mode */
    fl_i32     unused;
} fl_walk;

/* Element types by the numbers of fl_dtype. */
typedef enum fl_element {
    FL_ELEMENT_F32 = 1, FL_ELEMENT_F16, FL_ELEMENT_BF16, FL_ELEMENT_F64, FL_ELEMENT_I8, FL_ELEMENT_U8, FL_ELEMENT_I16,
    FL_ELEMENT_U16, FL_ELEMENT_I32, FL_ELEMENT_U32, FL_ELEMENT_I64, FL_ELEMENT_U64, FL_ELEMENT_BOOL
} fl_element;

/* Elements that a thread of the vector kernels makes: one 16-byte vector of a half, two of f32. */
#define FL_EACH_THREAD 8
/* Kernels that move elements of so many bytes: neighbours that move as one, 16 bytes at most, and how many of those a
 * thread moves. Not more neighbours, though they would fit: looking them up one by one is the larger part of the code.
 */
#define FL_MOVED_WIDTH(bytes) ((bytes) == 8 ? 2 : 4)
#define FL_MOVED_VECTORS      2
/* Threads of a block, at most. */
#define FL_ELEMENTWISE_THREADS 256

/* ---- unary. These functions have a vector kernel; the others are rare, and cost more than their memory traffic. */
#define FL_UNARY_HAS_VECTOR(func) ((func) <= FL_UNARY_RECIPROCAL || (func) == FL_UNARY_SILU)

typedef struct fl_unary_args {
    const void *x;
    void       *y;
    fl_u32      n;
    fl_i32      func; /* fl_unary_func */
    float       alpha;
    fl_i32      type; /* fl_element */
} fl_unary_args;

/* ---- binary: sides a, b. act only where y is f32, f16 or bf16. */
#define FL_BINARY_HAS_VECTOR(func) ((func) != FL_BINARY_POW && (func) != FL_BINARY_FLOOR_MOD)

typedef struct fl_binary_args {
    const void *a, *b;
    void       *y;
    fl_walk     walk;
    fl_i32      func; /* fl_binary_func */
    fl_i32      act;  /* fl_unary_func */
    float       alpha;
    fl_i32      type; /* of a and b */
} fl_binary_args;

/* ---- select: sides condition, yes, no. broadcast: side x. */
typedef struct fl_select_args {
    const void *condition, *yes, *no;
    void       *y;
    fl_walk     walk;
} fl_select_args;

typedef struct fl_broadcast_args {
    const void *x;
    void       *y;
    fl_walk     walk;
} fl_broadcast_args;

/* ---- copies and casts */
typedef struct fl_copy_args {
    const void *x;
    void       *y;
    fl_i64      bytes;
} fl_copy_args;

typedef struct fl_cast_args {
    const void *x;
    void       *y;
    fl_u32      n;
    fl_i32      from, to; /* fl_element */
    fl_i32      low_bits; /* of a double's mantissa, cleared before rounding */
} fl_cast_args;

typedef struct fl_shape_args {
    void  *y;
    fl_i64 dim[FL_WALK_AXES];
    fl_i32 rank;
    fl_i32 type; /* FL_ELEMENT_I32 or _I64 */
} fl_shape_args;

/* ---- batch norm. x is [outer, channels, inner]. */

/* Floats from one vector of channels to the next, so that all are aligned to 16 bytes. */
#define FL_CHANNEL_STRIDE(channels) (((fl_u32)(channels) + 3) & ~(fl_u32)3)

/* y = act((x - mean) * factor + offset); side 0 of the walk is a vector of channels. */
typedef struct fl_batch_norm_args {
    const void  *x;
    void        *y;
    const float *factor, *offset, *mean;
    fl_walk      walk;
    fl_i32       act;
    float        alpha;
} fl_batch_norm_args;

/* A vector of channels in f32, f16 or bf16; data may be NULL. */
typedef struct fl_channel_vector {
    void  *data;
    fl_i32 type;
    fl_i32 unused;
} fl_channel_vector;

/* From scale, offset and statistics to what fl_batch_norm_args wants, and the outputs 1 and 2. Statistics come from the
 * tensors mean and variance or, where there are chunks, from sums: [chunks][2][channels] of x and of its square. */
typedef struct fl_batch_norm_finish_args {
    fl_channel_vector scale, offset, mean, variance;
    fl_channel_vector mean_out, variance_out; /* NULL: not wanted */
    float            *vectors; /* factor, offset, mean, FL_CHANNEL_STRIDE apart; NULL: only the outputs are wanted */
    const double     *sums;
    fl_i64            count; /* elements a channel; 0: statistics are NaN */
    fl_i32            channels, chunks;
    float             epsilon, blend; /* blend: exponential_avg_factor */
} fl_batch_norm_finish_args;

/* Block (g, k): channels [g * lanes, ...) over the k-th piece of `piece` places, a place being an (outer, inner). */
typedef struct fl_batch_norm_sums_args {
    const void *x;
    double     *sums;
    fl_divisor  inner;
    fl_u32      places, piece;
    fl_i32      channels;
    fl_i32      lanes; /* threads side by side along the channels: a power of two, 1 to 32 */
    fl_i32      type;
} fl_batch_norm_sums_args;

#endif
