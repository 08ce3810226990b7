/* emulator_kernels.cu - tiny kernels that use each word of the emulator's vocabulary (test_emulator.c says what is
 * right). Built for the emulator only, but written as for the GPU.
 */
#include "device.cuh"
#include "emulator_args.h"

/* A barrier: each thread reads what another one wrote. */
FL_KERNEL(256, emulator_reverse, emulator_args)
{
    __shared__ float tile[256];
    fl_wait_previous();
    const u32 t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    tile[t] = ((const float *)a.in)[i];
    __syncthreads();
    ((float *)a.out)[i] = tile[blockDim.x - 1 - t];
}

/* The same without the barrier: poison must show. */
FL_KERNEL(256, emulator_reverse_wrong, emulator_args)
{
    __shared__ float tile[256];
    fl_wait_previous();
    const u32 t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    tile[t] = ((const float *)a.in)[i];
    ((float *)a.out)[i] = tile[blockDim.x - 1 - t];
}

FL_KERNEL(128, emulator_votes, emulator_args)
{
    int *out = (int *)a.out + threadIdx.x * 6;
    fl_wait_previous();
    const int p = ((const int *)a.in)[threadIdx.x];
    out[0] = __syncthreads_count(p);
    out[1] = __syncthreads_or(p == 7);
    out[2] = __syncthreads_and(p >= 0);
    out[3] = (int)__ballot_sync(0xffffffffu, p & 1);
    out[4] = __any_sync(0xffffffffu, p == 7);
    out[5] = __all_sync(0xffffffffu, p >= 0);
}

FL_KERNEL(64, emulator_shuffles, emulator_args)
{
    u32 *out = (u32 *)a.out + threadIdx.x * 8;
    fl_wait_previous();
    const u32 t = threadIdx.x;
    out[0] = __shfl_sync(0xffffffffu, t, 5);
    out[1] = __shfl_up_sync(0xffffffffu, t, 3);
    out[2] = __shfl_down_sync(0xffffffffu, t, 3, 8);
    out[3] = __shfl_xor_sync(0xffffffffu, t, 16);
    out[4] = (u32)(__shfl_xor_sync(0xffffffffu, (u64)t << 40, 1) >> 40);
    out[5] = (u32)__shfl_sync(0xffffffffu, (float)t, (int)t + 1, 4);
    if (t % 32 < 8) /* a part of the warp on its own */
        out[6] = __shfl_xor_sync(0xffu, t, 7);
    __syncwarp();
    out[7] = (u32)__shfl_down_sync(0xffffffffu, (int)t, 1);
}

/* One 16x8 tile: a [16, k] row-major, b [8, k] (column-major), c [16, 8]; k = 16 (16-bit types) through ldmatrix. */
template <typename T> FL_DEVICE void product_16(const emulator_args &a)
{
    FL_DYNAMIC_SHARED(bytes);
    T *as = (T *)bytes, *bs = as + 256;
    const u32 lane = threadIdx.x;
    u32 af[4], bf[4];
    float c[4] = {0, 0, 0, 0};
    fl_wait_previous();
    for (u32 i = lane; i < 256; i += 32)
        as[i] = ((const T *)a.in)[i];
    for (u32 i = lane; i < 128; i += 32)
        bs[i] = ((const T *)a.in2)[i];
    __syncwarp();
    fl_load_matrix_x4(af, as + lane % 16 * 16 + lane / 16 * 8);
    /* two matrices are enough for b; the other addresses repeat them */
    fl_load_matrix_x4(bf, bs + lane % 8 * 16 + lane / 8 % 2 * 8);
    fl_mma(c, af, bf, T());
    for (u32 i = 0; i < 4; i++)
        ((float *)a.out)[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = c[i];
}
FL_KERNEL(32, emulator_product_f16, emulator_args) { product_16<f16>(a); }
FL_KERNEL(32, emulator_product_bf16, emulator_args) { product_16<bf16>(a); }

/* The same with b [16, 8] row-major through the transposing load. */
FL_KERNEL(32, emulator_product_trans, emulator_args)
{
    __shared__ __align__(16) f16 as[256], bs[128];
    const u32 lane = threadIdx.x;
    u32 af[4], bf[4];
    float c[4] = {0, 0, 0, 0};
    fl_wait_previous();
    for (u32 i = lane; i < 256; i += 32)
        as[i] = ((const f16 *)a.in)[i];
    for (u32 i = lane; i < 128; i += 32)
        bs[i] = ((const f16 *)a.in2)[i];
    __syncwarp();
    fl_load_matrix_x4(af, as + lane % 16 * 16 + lane / 16 * 8);
    fl_load_matrix_x4_trans(bf, bs + lane % 16 * 8);
    fl_mma(c, af, bf, f16());
    for (u32 i = 0; i < 4; i++)
        ((float *)a.out)[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = c[i];
}

/* a [16, 8], b [8, 8] column-major, TF32. n != 0: operands are rounded, else given as they are. */
FL_KERNEL(32, emulator_product_tf32, emulator_args)
{
    const float *x = (const float *)a.in, *y = (const float *)a.in2;
    const u32 lane = threadIdx.x, g = lane / 4, t = lane % 4;
    float c[4] = {0, 0, 0, 0};
    u32 af[4], bf[2];
    fl_wait_previous();
    for (u32 i = 0; i < 4; i++) {
        const float v = x[(g + i % 2 * 8) * 8 + t + i / 2 * 4];
        af[i] = a.n ? fl_tf32(v) : __float_as_uint(v);
    }
    for (u32 i = 0; i < 2; i++)
        bf[i] = a.n ? fl_tf32(y[g * 8 + t + i * 4]) : __float_as_uint(y[g * 8 + t + i * 4]);
    fl_mma(c, af, bf, 1.0f);
    for (u32 i = 0; i < 4; i++)
        ((float *)a.out)[(g + i / 2 * 8) * 8 + t * 2 + i % 2] = c[i];
}

/* Two groups of copies; waits until a.n are under way (2: none is waited for). The second group's last word is not
 * valid. */
FL_KERNEL(32, emulator_copies, emulator_args)
{
    __shared__ __align__(16) u32 tile[2][32 * 4];
    const u32 t = threadIdx.x;
    fl_wait_previous();
    for (u32 i = 0; i < 4; i++)
        tile[1][t * 4 + i] = 5;
    fl_copy_async_16(&tile[0][t * 4], (const u32 *)a.in + t * 4, true);
    fl_copy_async_commit();
    fl_copy_async_4(&tile[1][t * 4], (const u32 *)a.in + 128 + t * 4, t != 31);
    fl_copy_async_commit();
    if (a.n == 0)
        fl_copy_async_wait<0>();
    else if (a.n == 1)
        fl_copy_async_wait<1>();
    __syncthreads();
    for (u32 i = 0; i < 4; i++) {
        ((u32 *)a.out)[(t ^ 1) * 4 + i] = tile[0][(t ^ 1) * 4 + i];
        ((u32 *)a.out)[128 + (t ^ 1) * 4 + i] = tile[1][(t ^ 1) * 4 + i];
    }
}

/* out: sum, wrapped count, largest, claims, floats' sum. The last block to come sees all others' work. */
FL_KERNEL(64, emulator_atomics, emulator_args)
{
    u32 *out = (u32 *)a.out;
    __shared__ u32 in_block;
    fl_wait_previous();
    if (threadIdx.x == 0)
        in_block = 0;
    __syncthreads();
    atomicAdd(&in_block, threadIdx.x);
    atomicMax((int *)out + 2, (int)(blockIdx.x * 64 + threadIdx.x));
    atomicAdd((float *)out + 4, 0.5f);
    if (atomicCAS(out + 3, threadIdx.x, threadIdx.x + 1) == threadIdx.x)
        atomicExch(out + 5, blockIdx.x);
    __syncthreads();
    if (threadIdx.x == 0) {
        atomicAdd(out, in_block);
        __threadfence();
        if (atomicInc(out + 1, gridDim.x - 1) == gridDim.x - 1)
            out[6] = out[0];
    }
}

/* Each thread stores a part; the last block to come adds them all. Right with the barrier only (n = 1). */
FL_KERNEL(64, emulator_ticket, emulator_args)
{
    u32 *out = (u32 *)a.out, *parts = out + 2;
    __shared__ u32 ticket;
    fl_wait_previous();
    parts[blockIdx.x * 64 + threadIdx.x] = 1;
    __threadfence();
    if (a.n)
        __syncthreads();
    if (threadIdx.x == 0)
        ticket = atomicAdd(out, 1u);
    __syncthreads();
    if (ticket == gridDim.x - 1 && threadIdx.x == 0) {
        u32 sum = 0;
        __threadfence();
        for (u32 i = 0; i < gridDim.x * 64; i++)
            sum += parts[i];
        out[1] = sum;
    }
}

/* Dynamic shared memory of a.n words, all of them used; out: its sum. a.n + 1 words are asked for where in2 is not
 * NULL. */
FL_KERNEL(256, emulator_dynamic, emulator_args)
{
    FL_DYNAMIC_SHARED(bytes);
    u32 *words = (u32 *)bytes;
    fl_wait_previous();
    for (u32 i = threadIdx.x; i < a.n + (a.in2 ? 1u : 0u); i += blockDim.x)
        words[i] = i;
    __syncthreads();
    if (threadIdx.x == 0) {
        u32 sum = 0;
        for (u32 i = 0; i < a.n; i++)
            sum += words[i];
        *(u32 *)a.out = sum;
    }
}

/* y = y * 2 + a.n: the order of launches shows. */
FL_KERNEL(32, emulator_step, emulator_args)
{
    fl_wait_previous();
    if (threadIdx.x == 0)
        *(u32 *)a.out = *(u32 *)a.out * 2 + a.n;
}

/* f32 -> f16 -> f32, or bf16 where n is 1, tf32 where 2; the 16-bit words go to out2. */
FL_KERNEL(256, emulator_round, emulator_args)
{
    fl_wait_previous();
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < 4096; i += gridDim.x * blockDim.x) {
        const float x = ((const float *)a.in)[i];
        float y;
        if (a.n == 0)
            y = fl_float(fl_to<f16>(x));
        else if (a.n == 1)
            y = fl_float(fl_to<bf16>(x));
        else
            y = __uint_as_float(fl_tf32(x));
        ((float *)a.out)[i] = y;
    }
}

/* All 65536 halves as floats. */
FL_KERNEL(256, emulator_halves, emulator_args)
{
    fl_wait_previous();
    const u32 i = blockIdx.x * 256 + threadIdx.x;
    ((float *)a.out)[i] = a.n ? fl_float(bf16{(u16)i}) : fl_float(f16{(u16)i});
}

/* ---- broken ones: each must be reported */

FL_KERNEL(64, emulator_bad_barrier, emulator_args)
{
    fl_wait_previous();
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __shfl_sync(0xffffffffu, a.n, threadIdx.x == 40 ? (__syncthreads(), 0) : 0);
}

FL_KERNEL(32, emulator_bad_warp, emulator_args)
{
    fl_wait_previous();
    if (threadIdx.x < 16)
        __shfl_sync(0xffffffffu, a.n, 0);
    else
        __shfl_xor_sync(0xffffffffu, a.n, 1);
}

FL_KERNEL(32, emulator_bad_write, emulator_args) /* n bytes past the end */
{
    fl_wait_previous();
    if (threadIdx.x == 7)
        ((u8 *)a.out)[a.n] = 1;
}

FL_KERNEL(32, emulator_bad_align, emulator_args)
{
    fl_wait_previous();
    fl_store((u32 *)a.out + 1 + threadIdx.x * 4, fl_load<u32, 4>((const u32 *)a.in + threadIdx.x * 4));
}

FL_KERNEL(32, emulator_bad_order, emulator_args) { *(u32 *)a.out = 1; }
