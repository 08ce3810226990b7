/* gemm_rows.cuh - products of few rows (a dense layer at small batch): as fast as the weights come from memory.
 *
 * The weights take the place of the mma's 16 rows and the activations that of its 8 columns, so a block makes 16
 * channels of 8 or 16 rows of y, and reads each weight once, from global memory straight into fragments. Which places
 * of k stand where in a fragment does not matter as long as both operands agree; so a lane loads 16 bytes (8 places) of
 * weights rows g and g + 8 and of activations row g, and feeds its halves to two mma:
 *
 *     lane 4 g + t holds places 8 t .. 8 t + 7 of 32;  mma 1 takes 0-3 as (2t, 2t+1, 2t+8, 2t+9), mma 2 takes 4-7
 *
 * A unit is 64 places: 128 bytes of 16 rows. Warps of a block take units in turn, the next ones' weights being on their
 * way while these multiply; then warps are added up in order, then splits (as in gemm.cuh).
 */
#ifndef FL_CUDA_GEMM_ROWS_CUH
#define FL_CUDA_GEMM_ROWS_CUH

#include "gemm.cuh"

constexpr int ROWS_WARPS = 8, ROWS_UNIT = 64;

struct rows_weights {
    uint4 at[2][2]; /* half of the unit, row g or g + 8 */
};

template <typename T> FL_DEVICE uint4 rows_load(const T *p, bool is)
{
    return is ? *(const uint4 *)p : make_uint4(0, 0, 0, 0);
}

template <typename T> FL_DEVICE void rows_load_weights(rows_weights &w, const T *first, const T *second, int k, int end)
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        w.at[half][0] = rows_load<T>(first + k + half * 32, k + half * 32 < end);
        w.at[half][1] = rows_load<T>(second + k + half * 32, k + half * 32 < end);
    }
}

template <typename T, int NT>
FL_DEVICE void rows_multiply(float (*sum)[4], const rows_weights &w, const T *const *x, const bool *is, int k, int end)
{
    uint4 rows[2][NT];
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int j = 0; j < NT; j++)
            rows[half][j] = rows_load<T>(x[j] + k + half * 32, is[j] && k + half * 32 < end);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const uint4 u = w.at[half][0], v = w.at[half][1];
        const u32 low[4] = {u.x, v.x, u.y, v.y}, high[4] = {u.z, v.z, u.w, v.w};
#pragma unroll
        for (int j = 0; j < NT; j++) {
            const u32 x_low[2] = {rows[half][j].x, rows[half][j].y}, x_high[2] = {rows[half][j].z, rows[half][j].w};
            fl_mma(sum[j], low, x_low, T());
            fl_mma(sum[j], high, x_high, T());
        }
    }
}

/* A tile's sum over the splits, thread by thread; true in the block that came last. */
FL_DEVICE bool rows_combine(const fl_gemm_args &a, float *sum, u32 tile, u32 split, u32 each, bool is, u32 *flag)
{
    float *parts = a.partial + (u64)tile * a.splits * each + threadIdx.x;

    if (is)
        __stcg(parts + split * each, *sum);
    if (!gemm_is_last(a, tile, flag))
        return false;
    *sum = 0;
    for (int s = 0; is && s < a.splits; s++)
        *sum += __ldcg(parts + s * each);
    return true;
}

template <typename T, int NT> FL_DEVICE void rows_run(const fl_gemm_args &a, float *shared)
{
    constexpr int EACH = 128 * NT; /* elements of a tile */
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
    const u32 tiles = (u32)a.tiles_m * a.tiles_n, split = blockIdx.x / tiles, tile = blockIdx.x - split * tiles;
    const int tile_m = (int)(tile / (u32)a.tiles_n), tile_n = (int)tile - tile_m * a.tiles_n;
    const int begin = (int)((u64)a.tiles_k * split / a.splits) * ROWS_UNIT;
    const int end = min((int)((u64)a.tiles_k * (split + 1) / a.splits) * ROWS_UNIT, a.k);
    const T *const b = (const T *)a.b;
    const T *const first = b + (u64)min(tile_n * 16 + g, a.n - 1) * a.k, *const second =
                                                                             b +
                                                                             (u64)min(tile_n * 16 + g + 8, a.n - 1) *
                                                                                 a.k;
    const int step = ROWS_WARPS * ROWS_UNIT;
    const int mine = t * 8; /* of a half unit */
    const T *x[NT];
    bool is_row[NT];
    float sum[NT][4] = {};
    rows_weights now, later;

#pragma unroll
    for (int j = 0; j < NT; j++) {
        const int m = (tile_m * NT + j) * 8 + g;
        is_row[j] = m < a.m;
        x[j] = (const T *)a.x + (u64)(is_row[j] ? m : 0) * a.k;
    }
    int unit = begin + warp * ROWS_UNIT;
    rows_load_weights<T>(now, first, second, unit + mine, end);
    rows_load_weights<T>(later, first, second, unit + step + mine, end);
    fl_wait_previous();
    fl_let_next_start();
#pragma unroll 1
    for (; unit < end; unit += 2 * step) {
        const int k = unit + mine;
        rows_multiply<T, NT>(sum, now, x, is_row, k, end);
        rows_load_weights<T>(now, first, second, k + 2 * step, end);
        rows_multiply<T, NT>(sum, later, x, is_row, k + step, end);
        rows_load_weights<T>(later, first, second, k + 3 * step, end);
    }

#pragma unroll
    for (int j = 0; j < NT; j++)
#pragma unroll
        for (int i = 0; i < 4; i++)
            shared[(warp * NT + j) * 128 + i * 32 + lane] = sum[j][i];
    __syncthreads();
    const int n = threadIdx.x % 16, m = threadIdx.x / 16, row = tile_m * NT * 8 + m, column = tile_n * 16 + n;
    const bool is = threadIdx.x < EACH;
    float v = 0;
    if (is)
        for (int w = 0; w < ROWS_WARPS; w++)
            v += shared[(w * NT + m / 8) * 128 + (n / 8 * 2 + m % 2) * 32 + n % 8 * 4 + m % 8 / 2];
    if (a.splits > 1 && !rows_combine(a, &v, tile, split, EACH, is, (u32 *)(shared + ROWS_WARPS * EACH)))
        return;
    if (is && row < a.m && column < a.n)
        gemm_store_one<T>(a, row * a.n + column, column, v);
}

#define FL_GEMM_ROWS_INSTANCE(type, T, floor, nt, rows)                                                                \
    FL_KERNEL_BLOCKS(256, 2, gemm_rows_##type##_##rows, fl_gemm_args)                                                  \
    {                                                                                                                  \
        FL_DYNAMIC_SHARED(shared);                                                                                     \
        if constexpr (gemm_arch >= floor)                                                                              \
            rows_run<T, nt>(a, (float *)shared);                                                                       \
    }

#endif
