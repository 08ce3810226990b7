/* cpu_copy.h - moving elements between places with strides: the engine behind transpose, slice, broadcast and reorder. */
#ifndef FL_CPU_COPY_H
#define FL_CPU_COPY_H

#include "backend/cpu/cpu_vector.h"
#include "backend/cpu/kernel/transpose.h"

/* dst[...] = src[...] over dims, elements of 1, 2, 4 or 8 bytes, by the stream's threads. Strides in elements, one an
 * axis; those of src may be 0 and negative. Axes in the order of dst, outermost first. dst and src may not overlap. */
void fl_cpu_copy(const fl_stream *stream, const fl_transpose_kernels *kernels, int64_t bytes, int rank,
                 const int64_t *dim, void *dst, const int64_t *dst_stride, const void *src, const int64_t *src_stride);

/* n bytes of contiguous memory; nothing to do where dst is src. */
void fl_cpu_copy_flat(const fl_stream *stream, void *dst, const void *src, int64_t bytes);

/* n elements of the value at `value`, of 1, 2, 4, 8 or any larger number of bytes. */
void fl_cpu_fill(void *dst, int64_t n, const void *value, int64_t bytes);

/* memcpy without the call for a few bytes. */
void fl_cpu_copy_few(uint8_t *dst, const uint8_t *src, int64_t bytes);

#endif
