/* emulate.h - CUDA C++ on the CPU: what src/backend/cuda/kernel/device.cuh needs instead of nvcc and PTX when
 * FL_EMULATE is defined, so that kernels are tested where there is no GPU.
 *
 * Blocks run one after another; the threads of a block are fibers (emulate_run.cpp) that run in turn, each until it
 * waits at a barrier or for its warp. So shared memory is static storage, atomics are plain code, and a missing barrier
 * shows: the thread that runs first meets poison (0xff..: NaN) or old data. What the hardware leaves to the program is
 * made hard:
 *   - shared memory is poison at the start of each block;
 *   - a cp.async is done only at the wait for its group, and leaves poison until then;
 *   - a shuffle from a lane that ended or is not in the mask gives poison;
 *   - the first block of a grid stops at its first atomic on global memory until all others have ended;
 *   - 16-byte copies and matrix rows that are not aligned, or not shared memory, end the program with a sentence.
 * A block cannot wait for another block: kernels that spin on global memory hang here.
 *
 * FL_EMULATE's value is a word of its own for each file (its name): static shared memory goes to a section of that
 * name, so that it can be poisoned.
 */
#ifndef TESTS_CUDA_EMULATE_H
#define TESTS_CUDA_EMULATE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "emulate_run.h"

#define FL_EMU_TEXT_(x)    #x
#define FL_EMU_TEXT(x)     FL_EMU_TEXT_(x)
#define FL_EMU_CAT_(a, b)  a##b
#define FL_EMU_CAT(a, b)   FL_EMU_CAT_(a, b)
#define FL_EMU_SECTION     FL_EMU_TEXT(FL_EMU_CAT(fl_shared_, FL_EMULATE))

/* The linker makes these two; they are missing when the file has no static shared memory. */
extern "C" unsigned char FL_EMU_CAT(__start_fl_shared_, FL_EMULATE)[] __attribute__((weak, visibility("hidden")));
extern "C" unsigned char FL_EMU_CAT(__stop_fl_shared_, FL_EMULATE)[] __attribute__((weak, visibility("hidden")));

/* ---- words of the language */

#define __device__
#define __host__
#define __global__ static
#define __constant__ static
#define __shared__ static __attribute__((section(FL_EMU_SECTION)))
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_assume(x) ((void)0)

#define FL_DEVICE static inline __attribute__((unused))
#define FL_DEVICE_CALL static __attribute__((noinline, unused))
#define FL_KERNEL(threads, name, args_type) FL_EMU_KERNEL(threads, name, args_type)
#define FL_KERNEL_BLOCKS(threads, blocks, name, args_type) FL_EMU_KERNEL(threads, name, args_type)
#define FL_EMU_KERNEL(threads, name, args_type)                                                                      \
    static void name(const args_type &a);                                                                            \
    static void name##_call(const void *args) { name(*(const args_type *)args); }                                    \
    static fl_emu_unit_kernel name##_kernel(#name, name##_call, sizeof(args_type), threads);                         \
    static void name(const args_type &a)
#define FL_DYNAMIC_SHARED(name) u8 *const name = fl_emu_dynamic_shared()

struct fl_emu_unit_kernel {
    fl_emu_kernel kernel;
    fl_emu_unit_kernel(const char *name, void (*call)(const void *), size_t bytes, unsigned threads)
        : kernel{name, call, bytes, threads, FL_EMU_CAT(__start_fl_shared_, FL_EMULATE),
                 FL_EMU_CAT(__stop_fl_shared_, FL_EMULATE), nullptr}
    {
        fl_emu_register(&kernel);
    }
};

constexpr int warpSize = 32;
struct alignas(8) float2 { float x, y; };
struct float3 { float x, y, z; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct int3 { int x, y, z; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { u32 x, y; };
struct uint3 { u32 x, y, z; };
struct alignas(16) uint4 { u32 x, y, z, w; };
FL_DEVICE float2 make_float2(float x, float y) { return {x, y}; }
FL_DEVICE float3 make_float3(float x, float y, float z) { return {x, y, z}; }
FL_DEVICE float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
FL_DEVICE int2 make_int2(int x, int y) { return {x, y}; }
FL_DEVICE int3 make_int3(int x, int y, int z) { return {x, y, z}; }
FL_DEVICE int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
FL_DEVICE uint2 make_uint2(u32 x, u32 y) { return {x, y}; }
FL_DEVICE uint3 make_uint3(u32 x, u32 y, u32 z) { return {x, y, z}; }
FL_DEVICE uint4 make_uint4(u32 x, u32 y, u32 z, u32 w) { return {x, y, z, w}; }

/* ---- arithmetic */

template <typename To, typename From> FL_DEVICE To fl_emu_bits(From x)
{
    static_assert(sizeof(To) == sizeof(From), "bits of another size");
    To y;
    memcpy(&y, &x, sizeof y);
    return y;
}
FL_DEVICE u32 __float_as_uint(float x) { return fl_emu_bits<u32>(x); }
FL_DEVICE int __float_as_int(float x) { return fl_emu_bits<int>(x); }
FL_DEVICE float __uint_as_float(u32 x) { return fl_emu_bits<float>(x); }
FL_DEVICE float __int_as_float(int x) { return fl_emu_bits<float>(x); }
FL_DEVICE i64 __double_as_longlong(double x) { return fl_emu_bits<i64>(x); }
FL_DEVICE double __longlong_as_double(i64 x) { return fl_emu_bits<double>(x); }

FL_DEVICE int min(int a, int b) { return a < b ? a : b; }
FL_DEVICE u32 min(u32 a, u32 b) { return a < b ? a : b; }
FL_DEVICE u32 min(int a, u32 b) { return min((u32)a, b); }
FL_DEVICE u32 min(u32 a, int b) { return min(a, (u32)b); }
FL_DEVICE i64 min(i64 a, i64 b) { return a < b ? a : b; }
FL_DEVICE u64 min(u64 a, u64 b) { return a < b ? a : b; }
FL_DEVICE float min(float a, float b) { return fminf(a, b); }
FL_DEVICE int max(int a, int b) { return a > b ? a : b; }
FL_DEVICE u32 max(u32 a, u32 b) { return a > b ? a : b; }
FL_DEVICE u32 max(int a, u32 b) { return max((u32)a, b); }
FL_DEVICE u32 max(u32 a, int b) { return max(a, (u32)b); }
FL_DEVICE i64 max(i64 a, i64 b) { return a > b ? a : b; }
FL_DEVICE u64 max(u64 a, u64 b) { return a > b ? a : b; }
FL_DEVICE float max(float a, float b) { return fmaxf(a, b); }

FL_DEVICE float rsqrtf(float x) { return (float)(1.0 / sqrt((double)x)); }
FL_DEVICE float __expf(float x) { return expf(x); }
FL_DEVICE float __logf(float x) { return logf(x); }
FL_DEVICE float __powf(float x, float y) { return powf(x, y); }
FL_DEVICE float __fdividef(float a, float b) { return a / b; }
FL_DEVICE float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
FL_DEVICE float __fadd_rn(float a, float b) { return a + b; }
FL_DEVICE float __fsub_rn(float a, float b) { return a - b; }
FL_DEVICE float __fmul_rn(float a, float b) { return a * b; }
FL_DEVICE float __fdiv_rn(float a, float b) { return a / b; }
FL_DEVICE float __frcp_rn(float x) { return 1.0f / x; }
FL_DEVICE float __fsqrt_rn(float x) { return sqrtf(x); }
FL_DEVICE float __frsqrt_rn(float x) { return rsqrtf(x); }
FL_DEVICE float __saturatef(float x) { return x > 0 ? fminf(x, 1.0f) : 0.0f; }
/* The GPU's conversions saturate and take NaN to 0; a cast of C++ out of range is undefined. */
FL_DEVICE int __float2int_rz(float x)
{
    return x != x ? 0 : x >= 2147483648.0f ? 2147483647 : x <= -2147483648.0f ? -2147483647 - 1 : (int)x;
}
FL_DEVICE int __float2int_rn(float x) { return __float2int_rz(nearbyintf(x)); }
FL_DEVICE u32 __float2uint_rz(float x) { return !(x > 0) ? 0 : x >= 4294967296.0f ? 0xffffffffu : (u32)x; }
FL_DEVICE i64 __float2ll_rz(float x)
{
    const float edge = 9223372036854775808.0f;
    return x != x       ? fl_emu_bits<i64>(1ull << 63)
           : x >= edge  ? 9223372036854775807ll
           : x <= -edge ? fl_emu_bits<i64>(1ull << 63)
                        : (i64)x;
}
FL_DEVICE float __int2float_rn(int x) { return (float)x; }
FL_DEVICE float __uint2float_rn(u32 x) { return (float)x; }
FL_DEVICE u32 __umulhi(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }
FL_DEVICE int __mulhi(int a, int b) { return (int)((i64)a * b >> 32); }
FL_DEVICE u64 __umul64hi(u64 a, u64 b) { return (u64)((unsigned __int128)a * b >> 64); }
FL_DEVICE int __popc(u32 x) { return __builtin_popcount(x); }
FL_DEVICE int __clz(int x) { return x ? __builtin_clz((u32)x) : 32; }
FL_DEVICE int __ffs(int x) { return __builtin_ffs(x); }
FL_DEVICE u32 __byte_perm(u32 x, u32 y, u32 s)
{
    const u64 both = (u64)y << 32 | x;
    u32 r = 0;
    for (int i = 0; i < 4; i++) {
        const u32 sel = s >> 4 * i & 15, byte = (u32)(both >> 8 * (sel & 7)) & 255;
        r |= (sel & 8 ? (byte & 128 ? 255u : 0u) : byte) << 8 * i;
    }
    return r;
}

/* ---- half precision: storage types, rounded to nearest even; a NaN becomes the canonical one */

FL_DEVICE float fl_float(float x) { return x; }
FL_DEVICE float fl_float(f16 x)
{
    const u32 sign = (u32)(x.bits & 0x8000) << 16, rest = x.bits & 0x7fff;
    if (rest >= 0x7c00)
        return __uint_as_float(rest > 0x7c00 ? 0x7fffffff : sign | 0x7f800000);
    /* The exponent is 112 too small, that of a denormal too. */
    return __uint_as_float(sign | __float_as_uint(__uint_as_float(rest << 13) * 0x1p112f));
}
FL_DEVICE float fl_float(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

FL_DEVICE void fl_from_float(float *y, float x) { *y = x; }
FL_DEVICE void fl_from_float(f16 *y, float x)
{
    const u32 bits = __float_as_uint(x), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000)
        y->bits = 0x7fff;
    else if (rest >= 0x47800000) /* 65536 */
        y->bits = (u16)(sign | 0x7c00);
    else if (rest < 0x38800000) /* 2^-14: adding 0.5 rounds to multiples of 2^-24 */
        y->bits = (u16)(sign | (__float_as_uint(__uint_as_float(rest) + 0.5f) - 0x3f000000));
    else
        y->bits = (u16)(sign | ((rest - (112u << 23) + 0xfff + (rest >> 13 & 1)) >> 13));
}
FL_DEVICE void fl_from_float(bf16 *y, float x)
{
    const u32 b = __float_as_uint(x);
    y->bits = (b & 0x7fffffffu) > 0x7f800000u ? 0x7fff : (u16)((b + 0x7fffu + (b >> 16 & 1)) >> 16);
}
FL_DEVICE u32 fl_tf32(float x) /* to nearest, ties away from zero */
{
    const u32 b = __float_as_uint(x);
    return (b & 0x7fffffffu) > 0x7f800000u    ? 0x7fffffffu
           : (b & 0x7f800000u) == 0x7f800000u ? b
                                              : (b + 0x1000u) & ~0x1fffu;
}

/* ---- barriers and memory. The place of the call tells one barrier from another. */

#define FL_EMU_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

FL_DEVICE void __syncthreads(FL_EMU_HERE) { fl_emu_barrier(0, nullptr, "__syncthreads", file, line); }
FL_DEVICE int __syncthreads_count(int p, FL_EMU_HERE)
{
    return fl_emu_barrier(p, nullptr, "__syncthreads_count", file, line);
}
FL_DEVICE int __syncthreads_or(int p, FL_EMU_HERE)
{
    return fl_emu_barrier(p, nullptr, "__syncthreads_or", file, line) > 0;
}
FL_DEVICE int __syncthreads_and(int p, FL_EMU_HERE)
{
    int alive;
    const int n = fl_emu_barrier(p, &alive, "__syncthreads_and", file, line);
    return n == alive;
}
FL_DEVICE void __threadfence() {}
FL_DEVICE void __threadfence_block() {}
FL_DEVICE void __threadfence_system() {}
FL_DEVICE void __nanosleep(u32) {}
[[noreturn]] FL_DEVICE void __trap() { fl_emu_fail("__trap()"); }

template <typename T> FL_DEVICE T __ldg(const T *p) { return *p; }
template <typename T> FL_DEVICE T __ldcs(const T *p) { return *p; }
template <typename T> FL_DEVICE T __ldcg(const T *p) { return *p; }
template <typename T> FL_DEVICE void __stcs(T *p, T x) { *p = x; }
template <typename T> FL_DEVICE void __stcg(T *p, T x) { *p = x; }

/* No other thread runs between a read and a write. Integers wrap. */
#define FL_EMU_ATOMIC(name, type, result)                                                                            \
    FL_DEVICE type name(type *p, type x)                                                                             \
    {                                                                                                                \
        const type old = *p;                                                                                         \
        *p = result;                                                                                                 \
        fl_emu_atomic(p);                                                                                            \
        return old;                                                                                                  \
    }
FL_EMU_ATOMIC(atomicAdd, u32, old + x)
FL_EMU_ATOMIC(atomicAdd, int, (int)((u32)old + (u32)x))
FL_EMU_ATOMIC(atomicAdd, u64, old + x)
FL_EMU_ATOMIC(atomicAdd, float, old + x)
FL_EMU_ATOMIC(atomicSub, u32, old - x)
FL_EMU_ATOMIC(atomicInc, u32, old >= x ? 0 : old + 1)
FL_EMU_ATOMIC(atomicDec, u32, old == 0 || old > x ? x : old - 1)
FL_EMU_ATOMIC(atomicExch, u32, x)
FL_EMU_ATOMIC(atomicExch, int, x)
FL_EMU_ATOMIC(atomicExch, float, x)
FL_EMU_ATOMIC(atomicMax, u32, old > x ? old : x)
FL_EMU_ATOMIC(atomicMax, int, old > x ? old : x)
FL_EMU_ATOMIC(atomicMin, u32, old < x ? old : x)
FL_EMU_ATOMIC(atomicMin, int, old < x ? old : x)
FL_EMU_ATOMIC(atomicOr, u32, old | x)
FL_EMU_ATOMIC(atomicAnd, u32, old & x)
#undef FL_EMU_ATOMIC
template <typename T> FL_DEVICE T atomicCAS(T *p, T compare, T x)
{
    const T old = *p;
    if (old == compare)
        *p = x;
    fl_emu_atomic(p);
    return old;
}

FL_DEVICE void fl_wait_previous() { fl_emu_wait_previous(); }
FL_DEVICE void fl_let_next_start() {}
FL_DEVICE u32 fl_shared_address(const void *p) { return fl_emu_shared_address(p); }
FL_DEVICE void fl_copy_async_16(void *dst, const void *src, bool valid) { fl_emu_copy_async(dst, src, 16, valid); }
FL_DEVICE void fl_copy_async_16_near(void *dst, const void *src, bool valid) { fl_emu_copy_async(dst, src, 16, valid); }
FL_DEVICE void fl_copy_async_4(void *dst, const void *src, bool valid) { fl_emu_copy_async(dst, src, 4, valid); }
FL_DEVICE void fl_copy_async_commit() { fl_emu_copy_commit(); }
template <int N> FL_DEVICE void fl_copy_async_wait() { fl_emu_copy_wait(N); }

/* ---- warps */

struct fl_emu_shuffle_slot {
    u64 value, result;
    int mode; /* 'i'ndex, 'u'p, 'd'own, 'x'or */
    u32 operand, width;
};
FL_DEVICE void fl_emu_perform_shuffle(void *const slots[32])
{
    for (u32 lane = 0; lane < 32; lane++) {
        fl_emu_shuffle_slot *s = (fl_emu_shuffle_slot *)slots[lane];
        if (!s)
            continue;
        const u32 begin = lane & ~(s->width - 1), last = begin + s->width - 1, d = s->operand;
        u32 from = lane;
        switch (s->mode) {
        case 'i': from = begin | (d & (s->width - 1)); break;
        case 'u': from = lane >= begin + d ? lane - d : lane; break;
        case 'd': from = lane + d <= last ? lane + d : lane; break;
        default:  from = (lane ^ d) <= last ? lane ^ d : lane; break;
        }
        s->result = slots[from & 31] ? ((fl_emu_shuffle_slot *)slots[from & 31])->value : ~0ull;
    }
}
template <typename T>
FL_DEVICE T fl_emu_shuffle(u32 mask, T x, int mode, u32 operand, int width, const char *what, const char *file,
                           int line)
{
    fl_emu_shuffle_slot s = {0, 0, mode, operand, (u32)width};
    T y;
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 4 or 8 bytes");
    if (width < 1 || width > 32 || (width & (width - 1)))
        fl_emu_fail("%s: width %d (%s:%d)", what, width, file, line);
    memcpy(&s.value, &x, sizeof x);
    fl_emu_warp(mask, fl_emu_perform_shuffle, &s, what, file, line);
    memcpy(&y, &s.result, sizeof y);
    return y;
}
template <typename T> FL_DEVICE T __shfl_sync(u32 mask, T x, int from, int width = 32, FL_EMU_HERE)
{
    return fl_emu_shuffle(mask, x, 'i', (u32)from, width, "__shfl_sync", file, line);
}
template <typename T> FL_DEVICE T __shfl_up_sync(u32 mask, T x, u32 by, int width = 32, FL_EMU_HERE)
{
    return fl_emu_shuffle(mask, x, 'u', by, width, "__shfl_up_sync", file, line);
}
template <typename T> FL_DEVICE T __shfl_down_sync(u32 mask, T x, u32 by, int width = 32, FL_EMU_HERE)
{
    return fl_emu_shuffle(mask, x, 'd', by, width, "__shfl_down_sync", file, line);
}
template <typename T> FL_DEVICE T __shfl_xor_sync(u32 mask, T x, int with, int width = 32, FL_EMU_HERE)
{
    return fl_emu_shuffle(mask, x, 'x', (u32)with, width, "__shfl_xor_sync", file, line);
}

struct fl_emu_ballot_slot {
    int predicate;
    u32 ballot, present;
};
FL_DEVICE void fl_emu_perform_ballot(void *const slots[32])
{
    u32 ballot = 0, present = 0;
    for (u32 lane = 0; lane < 32; lane++)
        if (slots[lane]) {
            present |= 1u << lane;
            ballot |= (((fl_emu_ballot_slot *)slots[lane])->predicate ? 1u : 0u) << lane;
        }
    for (u32 lane = 0; lane < 32; lane++)
        if (slots[lane]) {
            ((fl_emu_ballot_slot *)slots[lane])->ballot = ballot;
            ((fl_emu_ballot_slot *)slots[lane])->present = present;
        }
}
FL_DEVICE fl_emu_ballot_slot fl_emu_ballot(u32 mask, int p, const char *what, const char *file, int line)
{
    fl_emu_ballot_slot s = {p, 0, 0};
    fl_emu_warp(mask, fl_emu_perform_ballot, &s, what, file, line);
    return s;
}
FL_DEVICE u32 __ballot_sync(u32 mask, int p, FL_EMU_HERE)
{
    return fl_emu_ballot(mask, p, "__ballot_sync", file, line).ballot;
}
FL_DEVICE int __any_sync(u32 mask, int p, FL_EMU_HERE)
{
    return fl_emu_ballot(mask, p, "__any_sync", file, line).ballot != 0;
}
FL_DEVICE int __all_sync(u32 mask, int p, FL_EMU_HERE)
{
    const fl_emu_ballot_slot s = fl_emu_ballot(mask, p, "__all_sync", file, line);
    return s.ballot == s.present;
}
FL_DEVICE void __syncwarp(u32 mask = 0xffffffffu, FL_EMU_HERE) { fl_emu_ballot(mask, 0, "__syncwarp", file, line); }

/* ---- tensor cores: all 32 lanes, fragments as in device.cuh */

FL_DEVICE void fl_emu_need_all(void *const slots[32], const char *what)
{
    for (int lane = 0; lane < 32; lane++)
        if (!slots[lane])
            fl_emu_fail("%s: lane %d has ended", what, lane);
}

struct fl_emu_matrix_slot {
    u32        *r;
    const void *row;
};
template <bool TRANS> FL_DEVICE void fl_emu_perform_matrix(void *const slots[32])
{
    u16 m[4][8][8];
    fl_emu_need_all(slots, "fl_load_matrix_x4");
    for (int lane = 0; lane < 32; lane++)
        memcpy(m[lane / 8][lane % 8], ((fl_emu_matrix_slot *)slots[lane])->row, 16);
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) {
            const int row = lane / 4, col = lane % 4 * 2;
            const u32 low = TRANS ? m[i][col][row] : m[i][row][col],
                      high = TRANS ? m[i][col + 1][row] : m[i][row][col + 1];
            ((fl_emu_matrix_slot *)slots[lane])->r[i] = low | high << 16;
        }
}
template <bool TRANS> FL_DEVICE void fl_emu_load_matrix(u32 r[4], const void *row, const char *file, int line)
{
    fl_emu_matrix_slot s = {r, row};
    if ((uintptr_t)row % 16)
        fl_emu_fail("fl_load_matrix_x4: the address of a row is not a multiple of 16 (%s:%d)", file, line);
    fl_emu_shared_address(row);
    fl_emu_warp(0xffffffffu, fl_emu_perform_matrix<TRANS>, &s, "fl_load_matrix_x4", file, line);
}
FL_DEVICE void fl_load_matrix_x4(u32 r[4], const void *row, FL_EMU_HERE)
{
    fl_emu_load_matrix<false>(r, row, file, line);
}
FL_DEVICE void fl_load_matrix_x4_trans(u32 r[4], const void *row, FL_EMU_HERE)
{
    fl_emu_load_matrix<true>(r, row, file, line);
}

struct fl_emu_mma_slot {
    float     *c;
    const u32 *a, *b;
};
/* Products are exact in float, sums are rounded one after another. This is where the emulator's time goes: 8 columns at
 * once, and no checks. */
#define FL_EMU_HOT FL_DEVICE __attribute__((no_sanitize("undefined")))
typedef float fl_emu_row __attribute__((vector_size(32)));
FL_EMU_HOT void fl_emu_mma_sum(void *const slots[32], const float (*a)[16], const float (*b)[8], int n)
{
    float c[16][8];
    for (int row = 0; row < 16; row++) {
        fl_emu_row sum = {};
        for (int k = 0; k < n; k++) {
            fl_emu_row columns;
            memcpy(&columns, b[k], sizeof columns);
            sum += a[row][k] * columns;
        }
        memcpy(c[row], &sum, sizeof sum);
    }
    for (int lane = 0; lane < 32; lane++) {
        float *out = ((fl_emu_mma_slot *)slots[lane])->c;
        for (int i = 0; i < 4; i++)
            out[i] += c[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
    }
}
template <typename T> FL_EMU_HOT void fl_emu_perform_mma(void *const slots[32])
{
    float a[16][16], b[16][8];
    fl_emu_need_all(slots, "fl_mma");
    for (int lane = 0; lane < 32; lane++) {
        const fl_emu_mma_slot *s = (const fl_emu_mma_slot *)slots[lane];
        const int g = lane / 4, t = lane % 4;
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < 4; i++)
                a[g + i % 2 * 8][t * 2 + i / 2 * 8 + half] = fl_float(T{(u16)(s->a[i] >> 16 * half)});
            for (int i = 0; i < 2; i++)
                b[t * 2 + i * 8 + half][g] = fl_float(T{(u16)(s->b[i] >> 16 * half)});
        }
    }
    fl_emu_mma_sum(slots, a, b, 16);
}
FL_EMU_HOT void fl_emu_perform_mma_tf32(void *const slots[32])
{
    const u32 seen = ~0x1fffu; /* the hardware does not look at the rest */
    float a[16][16], b[8][8];
    fl_emu_need_all(slots, "fl_mma");
    for (int lane = 0; lane < 32; lane++) {
        const fl_emu_mma_slot *s = (const fl_emu_mma_slot *)slots[lane];
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++)
            a[g + i % 2 * 8][t + i / 2 * 4] = __uint_as_float(s->a[i] & seen);
        for (int i = 0; i < 2; i++)
            b[t + i * 4][g] = __uint_as_float(s->b[i] & seen);
    }
    fl_emu_mma_sum(slots, a, b, 8);
}
FL_DEVICE fl_emu_perform fl_emu_mma_of(f16) { return fl_emu_perform_mma<f16>; }
FL_DEVICE fl_emu_perform fl_emu_mma_of(bf16) { return fl_emu_perform_mma<bf16>; }
FL_DEVICE fl_emu_perform fl_emu_mma_of(float) { return fl_emu_perform_mma_tf32; }
template <typename T> FL_DEVICE void fl_mma(float c[4], const u32 a[4], const u32 b[2], T type, FL_EMU_HERE)
{
    fl_emu_mma_slot s = {c, a, b};
    fl_emu_warp(0xffffffffu, fl_emu_mma_of(type), &s, "fl_mma", file, line);
}

#endif
