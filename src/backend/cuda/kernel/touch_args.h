/* touch_args.h - arguments of touch_bytes. */
#ifndef FL_CUDA_TOUCH_ARGS_H
#define FL_CUDA_TOUCH_ARGS_H

#include "args.h"

#define FL_TOUCH_THREADS 256

typedef struct fl_touch_args {
    const void *data; /* aligned to 16 */
    fl_u32     *sink; /* written when the sum of data is `never`, which nobody expects */
    fl_u32      n;    /* pieces of 16 bytes */
    fl_u32      never;
} fl_touch_args;

#endif
