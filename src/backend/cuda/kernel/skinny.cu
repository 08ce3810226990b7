/* skinny.cu - f32 products of one to eight rows with a matrix of weights: the last layers at batch 1, squeeze-and-excitation.
 * (Half precision has gemm_skinny.cuh.)
 *
 * All there is to do is to read b once at the memory's speed. A warp's lanes take 16 bytes each of a row of b, the eight
 * warps of a block every eighth row, eight rows at a time; the first eight are asked for before the kernel in front has
 * ended, since weights do not depend on it. Values of a wait in shared memory, where reading one is a broadcast.
 *
 *     grid.x  blocks of 32 vectors of columns     grid.y  ranges of k     grid.z  groups of MR rows
 *
 * The sums of the warps meet in shared memory. Where k is cut the blocks of a column store their sums, and the last one to
 * arrive adds them in the order of the ranges: the same bits every time.
 */
#include "skinny_args.h"
#include "device.cuh"

enum { WARPS = FL_SKINNY_THREADS / 32, AHEAD = 8, V = 4, COLUMNS = 32 * V };
typedef fl_vec<float, V> vector;

/* The rows of b that this warp takes from k on. */
FL_DEVICE void load_rows(const fl_skinny_args &a, u32 k, u32 end, u32 column, vector (&rows)[AHEAD])
{
#pragma unroll
    for (int i = 0; i < AHEAD; i++) {
        const u32 at = k + i * WARPS;
        if (at < end && column < a.pitch)
            rows[i] = fl_load<float, V>(a.b + (at * a.pitch + column));
        else
            rows[i] = {};
    }
}

/* a[first row .., k0 .. end) as [k][MR]; zeros where there is no such row or the chunk goes past the end. */
template <int MR> FL_DEVICE void load_chunk(const fl_skinny_args &a, u32 k0, u32 end, float (*chunk)[MR])
{
    const u32 row0 = blockIdx.z * MR, k = k0 + threadIdx.x;

#pragma unroll
    for (u32 i = 0; i < (u32)MR; i++)
        chunk[threadIdx.x][i] = row0 + i < a.m && k < end ? a.a[(row0 + i) * a.k + k] : 0;
}

template <int MR>
FL_DEVICE void multiply(const float (*chunk)[MR], u32 k, const vector (&rows)[AHEAD], float (&sum)[MR][V])
{
#pragma unroll
    for (int i = 0; i < AHEAD; i++)
#pragma unroll
        for (int r = 0; r < MR; r++) {
            const float x = chunk[k + i * WARPS][r];
#pragma unroll
            for (int v = 0; v < V; v++)
                sum[r][v] += x * rows[i].at[v];
        }
}

/* The sums of all warps: thread t gets those of column t of the block. */
template <int MR> FL_DEVICE void add_warps(float (*shared)[COLUMNS], const float (&sum)[MR][V], float (&total)[MR])
{
    const u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;

#pragma unroll
    for (int r = 0; r < MR; r++) {
        __syncthreads();
#pragma unroll
        for (int v = 0; v < V; v++)
            shared[warp][lane * V + v] = sum[r][v];
        __syncthreads();
        total[r] = 0;
        if (threadIdx.x < COLUMNS)
#pragma unroll
            for (int w = 0; w < WARPS; w++)
                total[r] += shared[w][threadIdx.x];
    }
}

/* Stores this block's totals; in the last block of the columns, gives those of all ranges, added in order. */
template <int MR> FL_DEVICE bool add_ranges(const fl_skinny_args &a, float (&total)[MR], u32 *is_last)
{
    constexpr u32 PART = MR * COLUMNS;
    const u32 place = blockIdx.z * gridDim.x + blockIdx.x, t = threadIdx.x;
    float *first = a.partials + (u64)place * a.splits * PART + t;

    if (t < COLUMNS)
#pragma unroll
        for (int r = 0; r < MR; r++)
            first[blockIdx.y * PART + r * COLUMNS] = total[r];
    __threadfence();
    __syncthreads();
    if (t == 0)
        *is_last = atomicAdd(&a.counters[place], 1u) == a.splits - 1;
    __syncthreads();
    if (!*is_last)
        return false;
    __threadfence();
    if (t == 0)
        a.counters[place] = 0;
#pragma unroll
    for (int r = 0; r < MR; r++)
        total[r] = 0;
    if (t < COLUMNS)
#pragma unroll 4
        for (u32 s = 0; s < a.splits; s++)
#pragma unroll
            for (int r = 0; r < MR; r++)
                total[r] += __ldcg(first + (s * PART + r * COLUMNS));
    return true;
}

template <int MR> FL_DEVICE void finish(const fl_skinny_args &a, u32 n, const float (&total)[MR])
{
    const float bias = a.tail.bias ? a.tail.bias[n] : 0;

#pragma unroll
    for (u32 r = 0; r < (u32)MR; r++) {
        const u32 row = blockIdx.z * MR + r, at = row * a.n + n;
        if (row >= a.m)
            break;
        float y = total[r] + bias;
        if (a.tail.residual)
            y += ((const float *)a.tail.residual)[at];
        a.y[at] = fl_activate(a.tail.act, a.tail.alpha, y);
    }
}

template <int MR> FL_DEVICE void skinny(const fl_skinny_args &a)
{
    __shared__ float chunk[FL_SKINNY_CHUNK][MR];
    __shared__ float meeting[WARPS][COLUMNS];
    __shared__ u32 is_last;
    const u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32, column = (blockIdx.x * 32 + lane) * V;
    const u32 begin = min(blockIdx.y * a.depth, a.k), end = min(begin + a.depth, a.k), n = blockIdx.x * COLUMNS + threadIdx.x;
    vector rows[AHEAD];
    float sum[MR][V], total[MR];

    load_rows(a, begin + warp, end, column, rows);
    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int r = 0; r < MR; r++)
#pragma unroll
        for (int v = 0; v < V; v++)
            sum[r][v] = 0;
    for (u32 k0 = begin; k0 < end; k0 += FL_SKINNY_CHUNK) {
        __syncthreads();
        load_chunk<MR>(a, k0, end, chunk);
        __syncthreads();
        for (u32 k = warp; k < FL_SKINNY_CHUNK; k += WARPS * AHEAD) {
            multiply<MR>(chunk, k, rows, sum);
            load_rows(a, k0 + k + WARPS * AHEAD, end, column, rows);
        }
    }
    add_warps<MR>(meeting, sum, total);
    if (a.splits > 1 && !add_ranges<MR>(a, total, &is_last))
        return;
    if (threadIdx.x < COLUMNS && n < a.n)
        finish<MR>(a, n, total);
}

FL_KERNEL(FL_SKINNY_THREADS, skinny_1_f32, fl_skinny_args) { skinny<1>(a); }
FL_KERNEL(FL_SKINNY_THREADS, skinny_4_f32, fl_skinny_args) { skinny<4>(a); }
FL_KERNEL(FL_SKINNY_THREADS, skinny_8_f32, fl_skinny_args) { skinny<8>(a); }
