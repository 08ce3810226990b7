/* args.h - plain C types that host code and kernels share. Each family of kernels adds its own <family>_args.h. Only
 * fixed-size members in an order without padding, so that both compilers agree.
 */
#ifndef FL_CUDA_ARGS_H
#define FL_CUDA_ARGS_H

#include "op/op_functions.h"

#ifdef __cplusplus
typedef unsigned int fl_u32;
typedef int          fl_i32;
typedef long long    fl_i64;
#else
#include <stdint.h>
typedef uint32_t fl_u32;
typedef int32_t  fl_i32;
typedef int64_t  fl_i64;
#endif

/* n / d for 0 <= n < 2^31 as ((mulhi(n, magic) + n) >> shift) (Granlund and Montgomery 1994, "Division by Invariant
 * Integers using Multiplication"). Made by fl_cuda_divisor() of cuda.h. */
typedef struct fl_divisor {
    fl_u32 d, magic, shift;
} fl_divisor;

/* The tail of y = act(sum + bias + residual); act is an fl_unary_func. */
typedef struct fl_tail_args {
    const float *bias;     /* per channel, or NULL */
    const void  *residual; /* as y, in y's type, or NULL */
    fl_i32       act;
    float        alpha;
} fl_tail_args;

#endif
