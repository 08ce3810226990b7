/* device.cuh - what every CUDA kernel of floe is written with: element types, vectors, activations, fast division, and
 * one thin function for each PTX instruction that C++ has no word for.
 *
 * Header-free CUDA C++: the same text goes through nvcc into the fatbins and through NVRTC for generated kernels. Where
 * FL_EMULATE is defined the host compiler reads it instead, and tests/cuda/emulate.h stands in for the GPU: whatever is
 * written in PTX below has a twin there. So kernels keep to this file's vocabulary.
 *
 *   - A kernel is FL_KERNEL(threads, name, args_type): one struct of arguments `a` by value, plain C types only, shared
 *     with the host code that fills it. Names are unique over all files: "<op>_<what>_<dtype>".
 *   - It begins with fl_wait_previous(): before that it may only compute from its arguments and touch weights, after it
 *     the kernels before it are complete. fl_let_next_start(), anywhere in it, lets the next kernel begin its own
 *     prologue early. Every kernel calls the first, or the order of the kernels after it is lost.
 *   - Dynamic shared memory is FL_DYNAMIC_SHARED(name): bytes, aligned to 128.
 *   - Sums are float, whatever the storage type.
 */
#ifndef FL_CUDA_DEVICE_CUH
#define FL_CUDA_DEVICE_CUH

#include "args.h"

typedef unsigned char      u8;
typedef unsigned short     u16;
typedef unsigned int       u32;
typedef unsigned long long u64;
typedef long long          i64;

/* Half precision is storage only: load, compute in float, store. */
struct f16  { u16 bits; };
struct bf16 { u16 bits; };

#ifdef FL_EMULATE
#include "emulate.h" /* FL_DEVICE, FL_DEVICE_CALL, FL_KERNEL, FL_KERNEL_BLOCKS, FL_DYNAMIC_SHARED and all that has PTX below */
#define FL_ARCH 900
#else

#define FL_DEVICE static __device__ __forceinline__
#define FL_DEVICE_CALL static __device__ __noinline__
#define FL_KERNEL(threads, name, args_type) \
    extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ args_type a)
/* The same, promising the compiler that `blocks` of them are to fit on one multiprocessor. */
#define FL_KERNEL_BLOCKS(threads, blocks, name, args_type) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ args_type a)
#define FL_DYNAMIC_SHARED(name) extern __shared__ __align__(128) u8 name[]
#define FL_ARCH __CUDA_ARCH__ /* 750, 800, .. */

FL_DEVICE float fl_float(float x) { return x; }
FL_DEVICE float fl_float(f16 x)
{
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
}
FL_DEVICE float fl_float(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

/* Rounds to nearest even. */
FL_DEVICE void fl_from_float(float *y, float x) { *y = x; }
FL_DEVICE void fl_from_float(f16 *y, float x) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y->bits) : "f"(x)); }
FL_DEVICE void fl_from_float(bf16 *y, float x)
{
#if FL_ARCH >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y->bits) : "f"(x));
#else
    const u32 b = __float_as_uint(x);
    y->bits = (b & 0x7fffffffu) > 0x7f800000u ? 0x7fff : (u16)((b + 0x7fffu + (b >> 16 & 1)) >> 16);
#endif
}

/* ---- the order of kernels (programmatic dependent launch; nothing before sm_90, where kernels never overlap) */

FL_DEVICE void fl_wait_previous()
{
#if FL_ARCH >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
FL_DEVICE void fl_let_next_start()
{
#if FL_ARCH >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* ---- asynchronous copies from global to shared memory. Zeros are written where !valid; src is not read then. Before
 * sm_80 the copy is done at once. */

FL_DEVICE u32 fl_shared_address(const void *p) { return (u32)__cvta_generic_to_shared(p); }

/* 16 bytes, both addresses multiples of 16, past the L1. */
FL_DEVICE void fl_copy_async_16(void *dst, const void *src, bool valid)
{
#if FL_ARCH >= 800
    const u32 bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(fl_shared_address(dst)), "l"(src), "r"(bytes) : "memory");
#else
    *(uint4 *)dst = valid ? *(const uint4 *)src : make_uint4(0, 0, 0, 0);
#endif
}
/* The same through the L1, for what this multiprocessor soon reads again. */
FL_DEVICE void fl_copy_async_16_near(void *dst, const void *src, bool valid)
{
#if FL_ARCH >= 800
    const u32 bytes = valid ? 16 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(fl_shared_address(dst)), "l"(src), "r"(bytes) : "memory");
#else
    *(uint4 *)dst = valid ? *(const uint4 *)src : make_uint4(0, 0, 0, 0);
#endif
}
/* 4 bytes, both addresses multiples of 4. */
FL_DEVICE void fl_copy_async_4(void *dst, const void *src, bool valid)
{
#if FL_ARCH >= 800
    const u32 bytes = valid ? 4 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(fl_shared_address(dst)), "l"(src), "r"(bytes) : "memory");
#else
    *(u32 *)dst = valid ? *(const u32 *)src : 0;
#endif
}
FL_DEVICE void fl_copy_async_commit()
{
#if FL_ARCH >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/* Until at most N of this thread's groups are still under way. */
template <int N> FL_DEVICE void fl_copy_async_wait()
{
#if FL_ARCH >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

/* ---- tensor cores. Fragments as in the PTX manual; a warp works together, all lanes call. */

/* Four 8x8 matrices of 16-bit elements: lane l gives the address of row l%8 of matrix l/8; lane l gets of matrix i the
 * elements 2*(l%4), +1 of row l/4 in r[i]. trans: of the transposed matrices. */
FL_DEVICE void fl_load_matrix_x4(u32 r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(fl_shared_address(row)) : "memory");
}
FL_DEVICE void fl_load_matrix_x4_trans(u32 r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(fl_shared_address(row)) : "memory");
}

/* c[16x8] += a[16x16] b[16x8], a row-major, b column-major (m16n8k16). The tag picks the type. */
FL_DEVICE void fl_mma(float c[4], const u32 a[4], const u32 b[2], f16)
{
#if FL_ARCH >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else /* two halves of k */
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(b[0]));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[2]), "r"(a[3]), "r"(b[1]));
#endif
}
/* From sm_80; a trap before, where no tactic asks for it. */
FL_DEVICE void fl_mma(float c[4], const u32 a[4], const u32 b[2], bf16)
{
#if FL_ARCH >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}
/* c[16x8] += a[16x8] b[8x8] in TF32 (m16n8k8): operands are floats rounded by fl_tf32. From sm_80. */
FL_DEVICE void fl_mma(float c[4], const u32 a[4], const u32 b[2], float)
{
#if FL_ARCH >= 800
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}
/* A float's bits rounded to TF32's 10 bits of mantissa. */
FL_DEVICE u32 fl_tf32(float x)
{
    u32 y = __float_as_uint(x);
#if FL_ARCH >= 800
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
#endif
    return y;
}

#endif /* FL_EMULATE */

/* ---- conversions and vectors */

template <typename T> FL_DEVICE T fl_to(float x)
{
    T y;
    fl_from_float(&y, x);
    return y;
}

/* N elements that move as one: N * sizeof(T) is a power of two up to 16, and the address a multiple of it. */
template <typename T, int N> struct alignas(sizeof(T) * N) fl_vec {
    T at[N];
};
template <typename T, int N> FL_DEVICE fl_vec<T, N> fl_load(const T *p) { return *reinterpret_cast<const fl_vec<T, N> *>(p); }
template <typename T, int N> FL_DEVICE void fl_store(T *p, const fl_vec<T, N> &v) { *reinterpret_cast<fl_vec<T, N> *>(p) = v; }

/* ---- division by what is constant over a launch */

FL_DEVICE u32 fl_quotient(u32 n, const fl_divisor &v) { return ((u32)((u64)n * v.magic >> 32) + n) >> v.shift; }
FL_DEVICE u32 fl_split(u32 n, const fl_divisor &v, u32 *remainder)
{
    const u32 q = fl_quotient(n, v);
    *remainder = n - q * v.d;
    return q;
}

/* ---- activations: FL_UNARY_NONE to FL_UNARY_SOFTSIGN, FL_UNARY_SILU, with TensorFlow's edge cases. The other functions of one argument
 * are in elementwise.cuh. */

/* For an act that is a literal: the switch folds away. */
FL_DEVICE float fl_activation(int act, float alpha, float x)
{
    switch (act) {
    case FL_UNARY_RELU:       return x < 0 ? 0.0f : x;
    case FL_UNARY_RELU6:      return x < 0 ? 0.0f : x > 6 ? 6.0f : x;
    case FL_UNARY_LEAKY_RELU: return x > 0 || x != x ? x : alpha * x;
    case FL_UNARY_ELU:        return x < 0 ? expm1f(x) : x;
    case FL_UNARY_SELU:       return 1.0507009873554805f * (x < 0 ? 1.6732632423543772f * expm1f(x) : x);
    case FL_UNARY_SIGMOID:    return 1.0f / (1.0f + expf(-x));
    case FL_UNARY_TANH:       return tanhf(x);
    case FL_UNARY_SOFTPLUS:   return x > 15.0f ? x : x < -15.0f ? expf(x) : log1pf(expf(x));
    case FL_UNARY_SOFTSIGN:   return x / (1.0f + fabsf(x));
    case FL_UNARY_SILU:       return x * (1.0f / (1.0f + expf(-x)));
    default:                  return x;
    }
}

/* Out of line: the rare ones would be copied into every kernel's epilogue otherwise. */
FL_DEVICE_CALL float fl_activate_rare(int act, float alpha, float x) { return fl_activation(act, alpha, x); }

/* All N values; one branch for all of them. NaN stays NaN. */
template <int N> FL_DEVICE void fl_activate_all(int act, float alpha, float (&x)[N])
{
    switch (act) {
    case FL_UNARY_NONE:
        break;
    case FL_UNARY_RELU:
#pragma unroll
        for (int i = 0; i < N; i++)
            x[i] = fl_activation(FL_UNARY_RELU, alpha, x[i]);
        break;
    case FL_UNARY_RELU6:
#pragma unroll
        for (int i = 0; i < N; i++)
            x[i] = fl_activation(FL_UNARY_RELU6, alpha, x[i]);
        break;
    case FL_UNARY_SILU:
#pragma unroll
        for (int i = 0; i < N; i++)
            x[i] = fl_activation(FL_UNARY_SILU, alpha, x[i]);
        break;
    default:
#pragma unroll
        for (int i = 0; i < N; i++)
            x[i] = fl_activate_rare(act, alpha, x[i]);
    }
}

FL_DEVICE float fl_activate(int act, float alpha, float x)
{
    float one[1] = {x};

    fl_activate_all(act, alpha, one);
    return one[0];
}

#endif
