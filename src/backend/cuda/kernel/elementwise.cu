/* elementwise.cu - unary and binary.
 *
 * vector: f32, f16 and bf16. A thread makes eight elements of y in vectors of 16 bytes, a block's width apart, so that
 * a warp always touches 512 bytes in a row; the function is a run-time switch around the loop over the eight. Memory
 * is what is waited for, whatever the function.
 *
 * each: one element a thread, every type and every function, for what is rare. Integers are widened to 64 bits and
 * wrap as the references do. What fails there cannot fail here: an integer divided by zero gives -1 (all bits set) and
 * the remainder is the dividend, an integer to a negative power gives 0.
 */
#include "elementwise.cuh"

/* ---- unary */

template <typename T> FL_DEVICE void unary_vector(const fl_unary_args &a)
{
    constexpr int W = 16 / sizeof(T), V = FL_EACH_THREAD / W;
    const u32 first = fl_first_of(V, W), step = fl_step_of(W);
    float v[FL_EACH_THREAD];

    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int i = 0; i < V; i++)
        fl_to_floats<T, W>(v + i * W, fl_load_part<T, W>(a.x, first + i * step, a.n));
    fl_unary_all(a.func, a.alpha, v);
#pragma unroll
    for (int i = 0; i < V; i++)
        fl_store_part<T, W>(a.y, first + i * step, a.n, fl_from_floats<T, W>(v + i * W));
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, unary_vector_f32, fl_unary_args) { unary_vector<float>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, unary_vector_f16, fl_unary_args) { unary_vector<f16>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, unary_vector_bf16, fl_unary_args) { unary_vector<bf16>(a); }

FL_KERNEL(FL_ELEMENTWISE_THREADS, unary_each_float, fl_unary_args)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;

    fl_wait_previous();
    fl_let_next_start();
    if (i < a.n)
        fl_store_float(a.type, a.y, i, fl_unary(a.func, a.alpha, fl_load_float(a.type, a.x, i)));
}

FL_DEVICE double unary_f64(int func, double alpha, double x)
{
    switch (func) {
    case FL_UNARY_RELU:       return x < 0 ? 0 : x;
    case FL_UNARY_RELU6:      return x < 0 ? 0 : x > 6 ? 6 : x;
    case FL_UNARY_LEAKY_RELU: return x > 0 ? x : alpha * x;
    case FL_UNARY_ELU:        return x < 0 ? expm1(x) : x;
    case FL_UNARY_SELU:       return x < 0 ? 1.7580993408473768600 * expm1(x) : 1.0507009873554804935 * x;
    case FL_UNARY_SIGMOID:    return 1 / (1 + exp(-x));
    case FL_UNARY_TANH:       return tanh(x);
    case FL_UNARY_SOFTPLUS:   return x > 40 ? x : log1p(exp(x));
    case FL_UNARY_SOFTSIGN:   return x / (1 + fabs(x));
    case FL_UNARY_NEG:        return -x;
    case FL_UNARY_ABS:        return fabs(x);
    case FL_UNARY_SQRT:       return sqrt(x);
    case FL_UNARY_RSQRT:      return 1 / sqrt(x);
    case FL_UNARY_SQUARE:     return x * x;
    case FL_UNARY_EXP:        return exp(x);
    case FL_UNARY_LOG:        return log(x);
    case FL_UNARY_FLOOR:      return floor(x);
    case FL_UNARY_CEIL:       return ceil(x);
    case FL_UNARY_RECIPROCAL: return 1 / x;
    case FL_UNARY_SIN:        return sin(x);
    case FL_UNARY_COS:        return cos(x);
    case FL_UNARY_TAN:        return tan(x);
    case FL_UNARY_SINH:       return sinh(x);
    case FL_UNARY_COSH:       return cosh(x);
    case FL_UNARY_ASIN:       return asin(x);
    case FL_UNARY_ACOS:       return acos(x);
    case FL_UNARY_ATAN:       return atan(x);
    case FL_UNARY_ASINH:      return asinh(x);
    case FL_UNARY_ACOSH:      return acosh(x);
    case FL_UNARY_ATANH:      return atanh(x);
    case FL_UNARY_SILU:       return x / (1 + exp(-x));
    default:                  return x;
    }
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, unary_each_f64, fl_unary_args)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;

    fl_wait_previous();
    fl_let_next_start();
    if (i < a.n)
        ((double *)a.y)[i] = unary_f64(a.func, a.alpha, ((const double *)a.x)[i]);
}

/* ---- integers, by way of 64 bits */

FL_DEVICE i64 load_whole(int type, const void *p, u32 i)
{
    switch (type) {
    case FL_ELEMENT_I8:   return ((const signed char *)p)[i];
    case FL_ELEMENT_U8:
    case FL_ELEMENT_BOOL: return ((const u8 *)p)[i];
    case FL_ELEMENT_I16:  return ((const short *)p)[i];
    case FL_ELEMENT_U16:  return ((const u16 *)p)[i];
    case FL_ELEMENT_I32:  return ((const int *)p)[i];
    case FL_ELEMENT_U32:  return ((const u32 *)p)[i];
    default:              return ((const i64 *)p)[i];
    }
}

FL_DEVICE void store_whole(int type, void *p, u32 i, i64 v)
{
    switch (type) {
    case FL_ELEMENT_I8:
    case FL_ELEMENT_U8:
    case FL_ELEMENT_BOOL: ((u8 *)p)[i] = (u8)v; break;
    case FL_ELEMENT_I16:
    case FL_ELEMENT_U16:  ((u16 *)p)[i] = (u16)v; break;
    case FL_ELEMENT_I32:
    case FL_ELEMENT_U32:  ((u32 *)p)[i] = (u32)v; break;
    default:              ((i64 *)p)[i] = v; break;
    }
}

FL_DEVICE i64 unary_whole(int func, i64 x)
{
    switch (func) {
    case FL_UNARY_RELU:   return x < 0 ? 0 : x;
    case FL_UNARY_RELU6:  return x < 0 ? 0 : x > 6 ? 6 : x;
    case FL_UNARY_NEG:    return (i64)(0 - (u64)x);
    case FL_UNARY_ABS:    return x < 0 ? (i64)(0 - (u64)x) : x;
    case FL_UNARY_SQUARE: return (i64)((u64)x * (u64)x);
    default:              return x;
    }
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, unary_each_whole, fl_unary_args)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;

    fl_wait_previous();
    fl_let_next_start();
    if (i < a.n)
        store_whole(a.type, a.y, i, unary_whole(a.func, load_whole(a.type, a.x, i)));
}

/* ---- binary */

template <typename T> FL_DEVICE void binary_vector(const fl_binary_args &a)
{
    constexpr int W = 16 / sizeof(T), V = FL_EACH_THREAD / W;
    const u32 first = fl_first_of(V, W), step = fl_step_of(W);
    fl_vec<T, W> x_raw[V], y_raw[V];
    float x[FL_EACH_THREAD], y[FL_EACH_THREAD];

    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int i = 0; i < V; i++) {
        x_raw[i] = fl_walk_load<T, W>(a.walk, 0, a.a, first + i * step);
        y_raw[i] = fl_walk_load<T, W>(a.walk, 1, a.b, first + i * step);
    }
#pragma unroll
    for (int i = 0; i < V; i++) {
        fl_to_floats<T, W>(x + i * W, x_raw[i]);
        fl_to_floats<T, W>(y + i * W, y_raw[i]);
    }
    fl_binary_all(a.func, x, y);
    if (a.func >= FL_BINARY_EQUAL) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            fl_vec<u8, W> truth;
#pragma unroll
            for (int e = 0; e < W; e++)
                truth.at[e] = x[i * W + e] != 0;
            fl_store_part<u8, W>(a.y, first + i * step, a.walk.n, truth);
        }
        return;
    }
    fl_activate_all(a.act, a.alpha, x);
#pragma unroll
    for (int i = 0; i < V; i++)
        fl_store_part<T, W>(a.y, first + i * step, a.walk.n, fl_from_floats<T, W>(x + i * W));
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, binary_vector_f32, fl_binary_args) { binary_vector<float>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, binary_vector_f16, fl_binary_args) { binary_vector<f16>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, binary_vector_bf16, fl_binary_args) { binary_vector<bf16>(a); }

FL_KERNEL(FL_ELEMENTWISE_THREADS, binary_each_float, fl_binary_args)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.walk.n)
        return;
    const float x = fl_load_float(a.type, a.a, fl_walk_at(a.walk, 0, i));
    const float y = fl_load_float(a.type, a.b, fl_walk_at(a.walk, 1, i));
    if (a.func >= FL_BINARY_EQUAL)
        ((u8 *)a.y)[i] = fl_compare(a.func, x, y);
    else
        fl_store_float(a.type, a.y, i, fl_activate(a.act, a.alpha, fl_binary(a.func, x, y)));
}

FL_DEVICE double binary_f64(int func, double x, double y)
{
    switch (func) {
    case FL_BINARY_ADD:                return x + y;
    case FL_BINARY_SUB:                return x - y;
    case FL_BINARY_MUL:                return x * y;
    case FL_BINARY_DIV:                return x / y;
    case FL_BINARY_MIN:                return y < x || y != y ? y : x;
    case FL_BINARY_MAX:                return y > x || y != y ? y : x;
    case FL_BINARY_POW:                return pow(x, y);
    case FL_BINARY_SQUARED_DIFFERENCE: return (x - y) * (x - y);
    case FL_BINARY_FLOOR_DIV:          return floor(x / y);
    default: {
        const double r = fmod(x, y);
        return r != 0 && (r < 0) != (y < 0) ? r + y : r;
    }
    }
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, binary_each_f64, fl_binary_args)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.walk.n)
        return;
    const double x = ((const double *)a.a)[fl_walk_at(a.walk, 0, i)];
    const double y = ((const double *)a.b)[fl_walk_at(a.walk, 1, i)];
    if (a.func >= FL_BINARY_EQUAL)
        ((u8 *)a.y)[i] = fl_compare(a.func, x, y);
    else
        ((double *)a.y)[i] = binary_f64(a.func, x, y);
}

/* x / y toward zero and what is left; the lowest number by -1 is itself. */
FL_DEVICE i64 divide(i64 x, i64 y, i64 *rest)
{
    const i64 q = y == 0 ? -1 : y == -1 ? (i64)(0 - (u64)x) : x / y;
    *rest = y == 0 ? x : y == -1 ? 0 : x % y;
    return q;
}

FL_DEVICE i64 power(i64 x, i64 exponent)
{
    u64 result = exponent < 0 ? 0 : 1, square = (u64)x;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result *= square;
        square *= square;
    }
    return (i64)result;
}

FL_DEVICE i64 binary_whole(int func, i64 x, i64 y)
{
    i64 rest;
    switch (func) {
    case FL_BINARY_ADD: return (i64)((u64)x + (u64)y);
    case FL_BINARY_SUB: return (i64)((u64)x - (u64)y);
    case FL_BINARY_MUL: return (i64)((u64)x * (u64)y);
    case FL_BINARY_DIV: return divide(x, y, &rest);
    case FL_BINARY_MIN: return y < x ? y : x;
    case FL_BINARY_MAX: return y > x ? y : x;
    case FL_BINARY_POW: return power(x, y);
    case FL_BINARY_SQUARED_DIFFERENCE: return (i64)(((u64)x - (u64)y) * ((u64)x - (u64)y));
    case FL_BINARY_FLOOR_DIV: {
        const i64 q = divide(x, y, &rest);
        return y != 0 && rest != 0 && (x < 0) != (y < 0) ? q - 1 : q;
    }
    default:
        divide(x, y, &rest);
        return y != 0 && rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
    }
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, binary_each_whole, fl_binary_args)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.walk.n)
        return;
    const i64 x = load_whole(a.type, a.a, fl_walk_at(a.walk, 0, i));
    const i64 y = load_whole(a.type, a.b, fl_walk_at(a.walk, 1, i));
    if (a.func >= FL_BINARY_EQUAL)
        ((u8 *)a.y)[i] = fl_compare(a.func, x, y);
    else
        store_whole(a.type, a.y, i, binary_whole(a.func, x, y));
}
