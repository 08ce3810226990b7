/* depthwise.h - kernels: depthwise convolution of NHWC images, channels innermost.
 *
 *     y[c] = clamp(bias[c] + sum over taps t of x[t][c / multiplier] * w[t][c] + residual[c])       for each pixel of y
 *
 * Weights are packed by vectors of channels, [channels / lanes][places][lanes] with zeros past the last channel.
 *
 * ANY kernels do one pixel of y: x holds a pointer for each tap that lies inside the image, tap says which it is.
 *
 * PATCH kernels (multiplier 1) do `rows` x `columns` neighbouring pixels of y, all taps of a square filter:
 *
 *        x: patch of input pixels            stride 1, size 3, 2 x 4 pixels: 24 pointers, for each vector of channels
 *        + + + + + +                         24 loads serve 72 fmas. Places outside the image point to zeros.
 *        + o o o o +
 *        + o o o o +                         pointers in rows: ((rows - 1) * stride + size) times
 *        + + + + + +                                           ((columns - 1) * stride + size)
 *
 * The sum is one chain of fused multiply-adds in the order of taps, starting with the bias.
 */
#ifndef FL_KERNEL_DEPTHWISE_H
#define FL_KERNEL_DEPTHWISE_H

#include "backend/cpu/cpu_isa.h"

#include <stddef.h>
#include <stdint.h>

typedef struct fl_depthwise_tile {
    const float *const *x;    /* first channel each */
    const uint32_t *tap;      /* ANY: [taps] */
    size_t          taps;     /* ANY */
    size_t          places;   /* taps of the whole filter */
    const float    *w;        /* at the first channel, which is a multiple of lanes */
    const float    *bias;     /* padded like w */
    const float    *residual; /* as y, or NULL */
    float          *y;
    size_t          y_row, y_pixel; /* PATCH: floats */
    size_t          channels; /* of y; PATCH: a multiple of lanes */
    size_t          multiplier; /* ANY */
    float           low, high;
} fl_depthwise_tile;

typedef void (*fl_depthwise_fn)(const fl_depthwise_tile *tile);

#define FL_DEPTHWISE_ROWS    2
#define FL_DEPTHWISE_COLUMNS 4

typedef struct fl_depthwise_any {
    fl_cpu_isa      isa;
    int             lanes;
    fl_depthwise_fn fn;
} fl_depthwise_any;

typedef struct fl_depthwise_patch {
    int             size, stride;
    const fl_depthwise_any *any; /* of the same lanes, for the channels that are left over */
    fl_depthwise_fn fn[FL_DEPTHWISE_ROWS + 1][FL_DEPTHWISE_COLUMNS + 1]; /* [rows][columns], from 1 */
} fl_depthwise_patch;

#define FL_DEPTHWISE_PATCH(dtype, size, stride, ISA, isa) \
    extern const fl_depthwise_patch fl_##dtype##_depthwise_##size##x##size##s##stride##__##isa;
#define FL_DEPTHWISE_ANY(dtype, ISA, isa) extern const fl_depthwise_any fl_##dtype##_depthwise__##isa;
#include "backend/cpu/kernel/depthwise.def"
#undef FL_DEPTHWISE_PATCH
#undef FL_DEPTHWISE_ANY

#endif
