/* op_convert.h - element types into each other, by TensorFlow's Cast. Private to src/op. */
#ifndef FL_OP_CONVERT_H
#define FL_OP_CONVERT_H

#include "op/dtype.h"

/* dst[i] = src[i] for n elements; dst and src may not overlap. truncate: a float to a narrower float goes toward
 * zero. */
void fl_convert(void *dst, fl_dtype to, const void *src, fl_dtype from, int64_t n, bool truncate);

#endif
