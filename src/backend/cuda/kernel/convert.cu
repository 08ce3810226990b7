/* convert.cu - cast, select, broadcast, shape, and the plain copy.
 *
 * cast has two kernels: `vector` for types that a float holds exactly (and i32, u32 into floats, which it rounds
 * once), four elements a load, and `each` for all other pairs, by way of double, i64 or u64 as src/op/op_convert.c
 * does it. Which types is a run-time switch: memory is what is waited for. The rules, where C leaves them undefined,
 * are that file's:
 *
 *   real to i32, i64       toward zero; NaN and what does not fit give the lowest number
 *   real to u32            the low bits of the i64; real to i8, u8, i16, u16: the low bits of the i32
 *   real to u64            the i64 below 2^63, x - 2^63 above; NaN and what does not fit: 2^63
 *   integer to integer     wraps
 *   anything to bool       is not zero (NaN is true)
 *
 * select and broadcast move elements by their bytes, whatever they mean.
 */
#include "elementwise.cuh"

#define LOWEST_I32 (-2147483647 - 1)
#define LOWEST_I64 (-9223372036854775807ll - 1)
#define TWO_31     2147483648.0
#define TWO_63     9223372036854775808.0

/* ---- cast by way of float */

template <typename T> FL_DEVICE float widened(T x) { return (float)x; }
FL_DEVICE float widened(f16 x) { return fl_float(x); }
FL_DEVICE float widened(bf16 x) { return fl_float(x); }

template <typename T> FL_DEVICE void load_4(float (&v)[4], const void *p, u32 i, u32 n)
{
    const fl_vec<T, 4> raw = fl_load_part<T, 4>(p, i, n);
#pragma unroll
    for (int e = 0; e < 4; e++)
        v[e] = widened(raw.at[e]);
}

FL_DEVICE void load_4_of(int type, float (&v)[4], const void *p, u32 i, u32 n)
{
    switch (type) {
    case FL_ELEMENT_F32:  load_4<float>(v, p, i, n); break;
    case FL_ELEMENT_F16:  load_4<f16>(v, p, i, n); break;
    case FL_ELEMENT_BF16: load_4<bf16>(v, p, i, n); break;
    case FL_ELEMENT_I8:   load_4<signed char>(v, p, i, n); break;
    case FL_ELEMENT_I16:  load_4<short>(v, p, i, n); break;
    case FL_ELEMENT_U16:  load_4<u16>(v, p, i, n); break;
    case FL_ELEMENT_I32:  load_4<int>(v, p, i, n); break;
    case FL_ELEMENT_U32:  load_4<u32>(v, p, i, n); break;
    default:              load_4<u8>(v, p, i, n); break; /* U8, BOOL */
    }
    if (type == FL_ELEMENT_BOOL) {
#pragma unroll
        for (int e = 0; e < 4; e++)
            v[e] = v[e] != 0;
    }
}

template <typename T> FL_DEVICE void narrow(T *y, float x)
{
    *y = (T)(x >= -(float)TWO_31 && x < (float)TWO_31 ? (int)x : LOWEST_I32);
}
FL_DEVICE void narrow(float *y, float x) { *y = x; }
FL_DEVICE void narrow(f16 *y, float x) { fl_from_float(y, x); }
FL_DEVICE void narrow(bf16 *y, float x) { fl_from_float(y, x); }
FL_DEVICE void narrow(bool *y, float x) { *y = x != 0; }

template <typename T> FL_DEVICE void store_4(void *p, u32 i, u32 n, const float (&v)[4])
{
    fl_vec<T, 4> raw;
#pragma unroll
    for (int e = 0; e < 4; e++)
        narrow(&raw.at[e], v[e]);
    fl_store_part<T, 4>(p, i, n, raw);
}

FL_DEVICE void store_4_of(int type, void *p, u32 i, u32 n, const float (&v)[4])
{
    switch (type) {
    case FL_ELEMENT_F32:  store_4<float>(p, i, n, v); break;
    case FL_ELEMENT_F16:  store_4<f16>(p, i, n, v); break;
    case FL_ELEMENT_BF16: store_4<bf16>(p, i, n, v); break;
    case FL_ELEMENT_I8:
    case FL_ELEMENT_U8:   store_4<u8>(p, i, n, v); break;
    case FL_ELEMENT_I16:
    case FL_ELEMENT_U16:  store_4<u16>(p, i, n, v); break;
    case FL_ELEMENT_I32:  store_4<int>(p, i, n, v); break;
    default:              store_4<bool>(p, i, n, v); break;
    }
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, cast_vector, fl_cast_args)
{
    constexpr int V = FL_EACH_THREAD / 4;
    const u32 first = fl_first_of(V, 4), step = fl_step_of(4);
    float v[V][4];

    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int i = 0; i < V; i++)
        load_4_of(a.from, v[i], a.x, first + i * step, a.n);
#pragma unroll
    for (int i = 0; i < V; i++)
        store_4_of(a.to, a.y, first + i * step, a.n, v[i]);
}

/* ---- cast by way of the widest types */

FL_DEVICE double load_real(int type, const void *p, u32 i)
{
    return type == FL_ELEMENT_F64 ? ((const double *)p)[i] : (double)fl_load_float(type, p, i);
}

/* u64 as the i64 of the same bits. */
FL_DEVICE i64 load_integer(int type, const void *p, u32 i)
{
    switch (type) {
    case FL_ELEMENT_I8:   return ((const signed char *)p)[i];
    case FL_ELEMENT_U8:   return ((const u8 *)p)[i];
    case FL_ELEMENT_I16:  return ((const short *)p)[i];
    case FL_ELEMENT_U16:  return ((const u16 *)p)[i];
    case FL_ELEMENT_I32:  return ((const int *)p)[i];
    case FL_ELEMENT_U32:  return ((const u32 *)p)[i];
    case FL_ELEMENT_BOOL: return ((const u8 *)p)[i] != 0;
    default:              return ((const i64 *)p)[i];
    }
}

FL_DEVICE i64 real_to_i64(double x) { return x >= -TWO_63 && x < TWO_63 ? (i64)x : LOWEST_I64; }
FL_DEVICE int real_to_i32(double x) { return x > -TWO_31 - 1 && x < TWO_31 ? (int)x : LOWEST_I32; }
FL_DEVICE i64 real_to_u64(double x)
{
    return x >= TWO_63 && x < 2 * TWO_63 ? (i64)((u64)(i64)(x - TWO_63) + (1ull << 63)) : real_to_i64(x);
}

/* Infinities and NaN stay. */
FL_DEVICE double clear_mantissa(double x, int low_bits)
{
    const u64 bits = (u64)__double_as_longlong(x);
    if ((bits >> 52 & 0x7ff) == 0x7ff)
        return x;
    return __longlong_as_double((i64)(bits & ~((1ull << low_bits) - 1)));
}

FL_DEVICE void store_integer(int type, void *p, u32 i, i64 v)
{
    switch (type) {
    case FL_ELEMENT_I8:
    case FL_ELEMENT_U8:   ((u8 *)p)[i] = (u8)v; break;
    case FL_ELEMENT_I16:
    case FL_ELEMENT_U16:  ((u16 *)p)[i] = (u16)v; break;
    case FL_ELEMENT_I32:
    case FL_ELEMENT_U32:  ((u32 *)p)[i] = (u32)v; break;
    default:              ((i64 *)p)[i] = v; break;
    }
}

FL_DEVICE void store_real(int type, void *p, u32 i, double x)
{
    switch (type) {
    case FL_ELEMENT_F64:  ((double *)p)[i] = x; break;
    case FL_ELEMENT_F32:
    case FL_ELEMENT_F16:
    case FL_ELEMENT_BF16: fl_store_float(type, p, i, (float)x); break;
    case FL_ELEMENT_BOOL: ((u8 *)p)[i] = x != 0; break;
    case FL_ELEMENT_U32:
    case FL_ELEMENT_I64:  store_integer(type, p, i, real_to_i64(x)); break;
    case FL_ELEMENT_U64:  store_integer(type, p, i, real_to_u64(x)); break;
    default:              store_integer(type, p, i, real_to_i32(x)); break;
    }
}

/* x is a u64 where is_unsigned. */
FL_DEVICE void store_from_integer(int type, void *p, u32 i, i64 x, bool is_unsigned)
{
    switch (type) {
    case FL_ELEMENT_F64:  ((double *)p)[i] = is_unsigned ? (double)(u64)x : (double)x; break;
    case FL_ELEMENT_F32:
    case FL_ELEMENT_F16:
    case FL_ELEMENT_BF16: fl_store_float(type, p, i, is_unsigned ? (float)(u64)x : (float)x); break;
    case FL_ELEMENT_BOOL: ((u8 *)p)[i] = x != 0; break;
    default:              store_integer(type, p, i, x); break;
    }
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, cast_each, fl_cast_args)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    const bool is_real = a.from <= FL_ELEMENT_F64;

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.n)
        return;
    if (is_real) {
        const double x = load_real(a.from, a.x, i);
        store_real(a.to, a.y, i, a.low_bits ? clear_mantissa(x, a.low_bits) : x);
    } else {
        store_from_integer(a.to, a.y, i, load_integer(a.from, a.x, i), a.from == FL_ELEMENT_U64);
    }
}

/* ---- select, broadcast */

template <typename T> FL_DEVICE void select(const fl_select_args &a)
{
    constexpr int W = FL_MOVED_WIDTH(sizeof(T)), V = FL_MOVED_VECTORS;
    const u32 first = fl_first_of(V, W), step = fl_step_of(W);
    fl_vec<u8, W> condition[V];
    fl_vec<T, W> yes[V], no[V];

    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int i = 0; i < V; i++) {
        condition[i] = fl_walk_load<u8, W>(a.walk, 0, a.condition, first + i * step);
        yes[i] = fl_walk_load<T, W>(a.walk, 1, a.yes, first + i * step);
        no[i] = fl_walk_load<T, W>(a.walk, 2, a.no, first + i * step);
    }
#pragma unroll
    for (int i = 0; i < V; i++) {
#pragma unroll
        for (int e = 0; e < W; e++)
            yes[i].at[e] = condition[i].at[e] ? yes[i].at[e] : no[i].at[e];
        fl_store_part<T, W>(a.y, first + i * step, a.walk.n, yes[i]);
    }
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, select_b1, fl_select_args) { select<u8>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, select_b2, fl_select_args) { select<u16>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, select_b4, fl_select_args) { select<u32>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, select_b8, fl_select_args) { select<u64>(a); }

template <typename T> FL_DEVICE void broadcast(const fl_broadcast_args &a)
{
    constexpr int W = FL_MOVED_WIDTH(sizeof(T)), V = FL_MOVED_VECTORS;
    const u32 first = fl_first_of(V, W), step = fl_step_of(W);
    fl_vec<T, W> v[V];

    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int i = 0; i < V; i++)
        v[i] = fl_walk_load<T, W>(a.walk, 0, a.x, first + i * step);
#pragma unroll
    for (int i = 0; i < V; i++)
        fl_store_part<T, W>(a.y, first + i * step, a.walk.n, v[i]);
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, broadcast_b1, fl_broadcast_args) { broadcast<u8>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, broadcast_b2, fl_broadcast_args) { broadcast<u16>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, broadcast_b4, fl_broadcast_args) { broadcast<u32>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, broadcast_b8, fl_broadcast_args) { broadcast<u64>(a); }

/* ---- copy, shape */

/* Two pieces of 16 bytes a thread; the first block does the last few bytes as well, one a thread. */
FL_KERNEL(FL_ELEMENTWISE_THREADS, copy_bytes, fl_copy_args)
{
    const u64 first = (u64)blockIdx.x * 2 * blockDim.x + threadIdx.x, second = first + blockDim.x;
    const u64 whole = (u64)a.bytes / 16, tail = (u64)a.bytes % 16;
    const u8 *x = (const u8 *)a.x;
    u8 *y = (u8 *)a.y;
    fl_vec<u32, 4> v, w;

    fl_wait_previous();
    fl_let_next_start();
    if (first < whole)
        v = fl_load<u32, 4>((const u32 *)x + 4 * first);
    if (second < whole)
        w = fl_load<u32, 4>((const u32 *)x + 4 * second);
    if (first < whole)
        fl_store<u32, 4>((u32 *)y + 4 * first, v);
    if (second < whole)
        fl_store<u32, 4>((u32 *)y + 4 * second, w);
    if (blockIdx.x == 0 && threadIdx.x < tail)
        y[whole * 16 + threadIdx.x] = x[whole * 16 + threadIdx.x];
}

FL_KERNEL(32, shape_dims, fl_shape_args)
{
    const int i = threadIdx.x;

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.rank)
        return;
    if (a.type == FL_ELEMENT_I64)
        ((i64 *)a.y)[i] = a.dim[i];
    else
        ((int *)a.y)[i] = (int)a.dim[i];
}
