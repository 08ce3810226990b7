/* elementwise.cuh - functions of one and two floats, and loading what a broadcast needs, for every kernel that works
 * element by element. Header-free like device.cuh: generated kernels use the same text.
 *
 * fl_unary() and fl_binary() are for a function that is a literal, where the switch folds away. Kernels that learn it
 * at run time call the _all forms, which decide once and then loop over their elements.
 */
#ifndef FL_CUDA_ELEMENTWISE_CUH
#define FL_CUDA_ELEMENTWISE_CUH

#include "device.cuh"
#include "elementwise_args.h"

/* ---- functions of one argument */

/* Any fl_unary_func. */
FL_DEVICE float fl_unary(int func, float alpha, float x)
{
    switch (func) {
    case FL_UNARY_NEG:        return -x;
    case FL_UNARY_ABS:        return fabsf(x);
    case FL_UNARY_SQRT:       return sqrtf(x);
    case FL_UNARY_RSQRT:      return 1.0f / sqrtf(x);
    case FL_UNARY_SQUARE:     return x * x;
    case FL_UNARY_EXP:        return expf(x);
    case FL_UNARY_LOG:        return logf(x);
    case FL_UNARY_FLOOR:      return floorf(x);
    case FL_UNARY_CEIL:       return ceilf(x);
    case FL_UNARY_RECIPROCAL: return 1.0f / x;
    case FL_UNARY_SIN:        return sinf(x);
    case FL_UNARY_COS:        return cosf(x);
    case FL_UNARY_TAN:        return tanf(x);
    case FL_UNARY_SINH:       return sinhf(x);
    case FL_UNARY_COSH:       return coshf(x);
    case FL_UNARY_ASIN:       return asinf(x);
    case FL_UNARY_ACOS:       return acosf(x);
    case FL_UNARY_ATAN:       return atanf(x);
    case FL_UNARY_ASINH:      return asinhf(x);
    case FL_UNARY_ACOSH:      return acoshf(x);
    case FL_UNARY_ATANH:      return atanhf(x);
    default:                  return fl_activation(func, alpha, x);
    }
}

#define FL_CASE_UNARY(func)                                \
    case FL_UNARY_##func:                                  \
        _Pragma("unroll") for (int e = 0; e < N; e++)      \
            v[e] = fl_unary(FL_UNARY_##func, alpha, v[e]); \
        break;

/* Over N values: FL_UNARY_HAS_VECTOR. */
template <int N> FL_DEVICE void fl_unary_all(int func, float alpha, float (&v)[N])
{
    switch (func) {
        FL_CASE_UNARY(RELU)
        FL_CASE_UNARY(RELU6)
        FL_CASE_UNARY(LEAKY_RELU)
        FL_CASE_UNARY(ELU)
        FL_CASE_UNARY(SELU)
        FL_CASE_UNARY(SIGMOID)
        FL_CASE_UNARY(TANH)
        FL_CASE_UNARY(SOFTPLUS)
        FL_CASE_UNARY(SOFTSIGN)
        FL_CASE_UNARY(NEG)
        FL_CASE_UNARY(ABS)
        FL_CASE_UNARY(SQRT)
        FL_CASE_UNARY(RSQRT)
        FL_CASE_UNARY(SQUARE)
        FL_CASE_UNARY(EXP)
        FL_CASE_UNARY(LOG)
        FL_CASE_UNARY(FLOOR)
        FL_CASE_UNARY(CEIL)
        FL_CASE_UNARY(RECIPROCAL)
        FL_CASE_UNARY(SILU)
    default:
        break;
    }
}

/* ---- functions of two arguments */

/* The remainder with the divisor's sign. */
FL_DEVICE float fl_floor_mod(float x, float y)
{
    const float r = fmodf(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

/* An fl_binary_func that is no comparison. min and max are NaN if either side is, and the first of two equal zeros. */
FL_DEVICE float fl_binary(int func, float x, float y)
{
    switch (func) {
    case FL_BINARY_ADD:                return x + y;
    case FL_BINARY_SUB:                return x - y;
    case FL_BINARY_MUL:                return x * y;
    case FL_BINARY_DIV:                return x / y;
    case FL_BINARY_MIN:                return y < x || y != y ? y : x;
    case FL_BINARY_MAX:                return y > x || y != y ? y : x;
    case FL_BINARY_POW:                return powf(x, y);
    case FL_BINARY_SQUARED_DIFFERENCE: return (x - y) * (x - y);
    case FL_BINARY_FLOOR_DIV:          return floorf(x / y);
    default:                           return fl_floor_mod(x, y);
    }
}

template <typename T> FL_DEVICE bool fl_compare(int func, T x, T y)
{
    switch (func) {
    case FL_BINARY_EQUAL:      return x == y;
    case FL_BINARY_NOT_EQUAL:  return x != y;
    case FL_BINARY_LESS:       return x < y;
    case FL_BINARY_LESS_EQUAL: return x <= y;
    case FL_BINARY_GREATER:    return x > y;
    default:                   return x >= y;
    }
}

#define FL_CASE_BINARY(func)                                 \
    case FL_BINARY_##func:                                   \
        _Pragma("unroll") for (int e = 0; e < N; e++)        \
            x[e] = fl_binary(FL_BINARY_##func, x[e], y[e]);  \
        break;
#define FL_CASE_COMPARE(func)                                        \
    case FL_BINARY_##func:                                           \
        _Pragma("unroll") for (int e = 0; e < N; e++)                \
            x[e] = fl_compare(FL_BINARY_##func, x[e], y[e]) ? 1 : 0; \
        break;

/* x = x func y; comparisons give 0 and 1. FL_BINARY_HAS_VECTOR. */
template <int N> FL_DEVICE void fl_binary_all(int func, float (&x)[N], const float (&y)[N])
{
    switch (func) {
        FL_CASE_BINARY(ADD)
        FL_CASE_BINARY(SUB)
        FL_CASE_BINARY(MUL)
        FL_CASE_BINARY(DIV)
        FL_CASE_BINARY(MIN)
        FL_CASE_BINARY(MAX)
        FL_CASE_BINARY(SQUARED_DIFFERENCE)
        FL_CASE_BINARY(FLOOR_DIV)
        FL_CASE_COMPARE(EQUAL)
        FL_CASE_COMPARE(NOT_EQUAL)
        FL_CASE_COMPARE(LESS)
        FL_CASE_COMPARE(LESS_EQUAL)
        FL_CASE_COMPARE(GREATER)
        FL_CASE_COMPARE(GREATER_EQUAL)
    default:
        break;
    }
}

/* ---- walking: elements [i, i + W) of y, i a multiple of W. They may lie partly or all past the end: then the last
 * element is loaded instead of those that are not there, and they are not stored. */

/* Where side k's element for element i of y is. */
FL_DEVICE u32 fl_walk_at(const fl_walk &w, int k, u32 i)
{
    u32 at = 0;
#pragma unroll 1 /* few axes are left, and this is inlined often */
    for (int axis = w.rank - 1; axis > 0; axis--) {
        u32 index;
        i = fl_split(i, w.dim[axis], &index);
        at += index * w.stride[k][axis];
    }
    return at + i * w.stride[k][0];
}

template <typename T, int W> FL_DEVICE fl_vec<T, W> fl_walk_load(const fl_walk &w, int k, const void *side, u32 i)
{
    const T *p = (const T *)side;
    fl_vec<T, W> v;
    switch (i + W <= w.n ? w.mode[k] : FL_SIDE_GATHER) {
    case FL_SIDE_DENSE:
        return fl_load<T, W>(p + i);
    case FL_SIDE_ROW:
        return fl_load<T, W>(p + fl_walk_at(w, k, i));
    case FL_SIDE_ONE:
    case FL_SIDE_STILL: {
        const T x = p[w.mode[k] == FL_SIDE_ONE ? 0 : fl_walk_at(w, k, i)];
#pragma unroll
        for (int e = 0; e < W; e++)
            v.at[e] = x;
        return v;
    }
    default:
#pragma unroll
        for (int e = 0; e < W; e++)
            v.at[e] = p[fl_walk_at(w, k, i + e < w.n ? i + e : w.n - 1)];
        return v;
    }
}

/* The same from a dense array of n. */
template <typename T, int W> FL_DEVICE fl_vec<T, W> fl_load_part(const void *from, u32 i, u32 n)
{
    const T *p = (const T *)from;
    fl_vec<T, W> v;
    if (i + W <= n)
        return fl_load<T, W>(p + i);
#pragma unroll
    for (int e = 0; e < W; e++)
        v.at[e] = p[i + e < n ? i + e : n - 1];
    return v;
}

template <typename T, int W> FL_DEVICE void fl_store_part(void *to, u32 i, u32 n, const fl_vec<T, W> &v)
{
    T *p = (T *)to;
    if (i + W <= n) {
        fl_store<T, W>(p + i, v);
        return;
    }
#pragma unroll
    for (int e = 0; e < W; e++)
        if (i + e < n)
            p[i + e] = v.at[e];
}

template <typename T, int W> FL_DEVICE void fl_to_floats(float *to, const fl_vec<T, W> &v)
{
#pragma unroll
    for (int e = 0; e < W; e++)
        to[e] = fl_float(v.at[e]);
}

template <typename T, int W> FL_DEVICE fl_vec<T, W> fl_from_floats(const float *from)
{
    fl_vec<T, W> v;
#pragma unroll
    for (int e = 0; e < W; e++)
        fl_from_float(&v.at[e], from[e]);
    return v;
}

/* The first of this thread's vectors of W; the others follow a block's width apart, `vectors` of them. */
FL_DEVICE u32 fl_first_of(int vectors, int w) { return (blockIdx.x * vectors * blockDim.x + threadIdx.x) * w; }
FL_DEVICE u32 fl_step_of(int w) { return blockDim.x * w; }

/* One element of a float type that is known at run time. */
FL_DEVICE float fl_load_float(int type, const void *p, u32 i)
{
    switch (type) {
    case FL_ELEMENT_F16:  return fl_float(((const f16 *)p)[i]);
    case FL_ELEMENT_BF16: return fl_float(((const bf16 *)p)[i]);
    default:              return ((const float *)p)[i];
    }
}
FL_DEVICE void fl_store_float(int type, void *p, u32 i, float v)
{
    switch (type) {
    case FL_ELEMENT_F16:  fl_from_float((f16 *)p + i, v); break;
    case FL_ELEMENT_BF16: fl_from_float((bf16 *)p + i, v); break;
    default:              ((float *)p)[i] = v; break;
    }
}

#endif
