/* gemm_patch.cuh - convolution of few channels, such as the three of a picture: the first layer of most networks.
 *
 * A block makes tiles of 8 x 16 output pixels by BN channels. What a tile sees of x, its patch, goes to shared memory
 * element by element, padding as zeros; all weights of the BN channels lie there for the block's life. Rows of A are
 * never put together: in dense order (gemm_args.h) a tap row's places in k are neighbours in a row of the patch, so a
 * word of a fragment (two halves, or a float) is a word of the patch,
 *
 *     at  pixel's corner + words[k].offset     & words[k].mask where k's last place belongs to nobody
 *
 * provided that words are aligned: fl_gemm_patch_of (cuda_gemm.c) gives a pixel an element more where its corners would
 * be odd. The mask keeps an infinity of a pixel that is not seen out of the sum.
 */
#ifndef FL_CUDA_GEMM_PATCH_CUH
#define FL_CUDA_GEMM_PATCH_CUH

#include "gemm.cuh"

template <typename T_, int BN_> struct gemm_patch_tile {
    typedef T_ T;
    static constexpr int P = 8, Q = 16, BN = BN_, WM = 32, WN = BN, THREADS = 128;
    static constexpr int PER = 16 / sizeof(T), MT = WM / 16, NT = WN / 8, LINE = WN + 8;
    static constexpr int ROOM_BYTES = THREADS / 32 * 16 * LINE * 4;
};

struct gemm_patch_rows {
    int image, p, q; /* of the tile's corner; image: its first output pixel */
    int end_p, end_q;
};
FL_DEVICE int gemm_row_place(const gemm_patch_rows &rows, int row)
{
    const int p = rows.p + row / 16, q = rows.q + row % 16;
    return p < rows.end_p && q < rows.end_q ? rows.image + p * rows.end_q + q : -1;
}

/* Places of words in the patch, in bytes from a pixel's corner, and their masks. */
template <typename T> FL_DEVICE void gemm_patch_words(const fl_gemm_args &a, uint2 *words, int count)
{
    constexpr int EACH = 4 / sizeof(T);

    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        u32 mask = 0, offset = 0, in_row;
        const int r = (int)fl_split((u32)(i * EACH), a.by_tap_row, &in_row);
        for (int j = 0; j < EACH; j++)
            if (r < a.taps_h && (int)in_row + j < a.taps_w * a.k_pixel)
                mask |= (EACH == 1 ? ~0u : 0xffffu) << 16 * j;
        if (mask)
            offset = (u32)((r * a.dilation_h * a.pitch + (int)in_row) * (int)sizeof(T));
        words[i] = make_uint2(offset, mask);
    }
}

/* The patch whose corner is pixel (h0, w0) of an image. Each thread asks for several elements before it stores them. */
template <typename T> FL_DEVICE void gemm_patch_bring(const fl_gemm_args &a, T *patch, const T *image, int h0, int w0)
{
    constexpr int MANY = 8;
    const int row = a.patch_w * a.c, count = a.patch_h * row;

    for (int first = threadIdx.x; first < count; first += MANY * 128) {
        T value[MANY];
        int to[MANY];
#pragma unroll
        for (int j = 0; j < MANY; j++) {
            u32 in_row, c;
            const int i = first + j * 128;
            const int y = (int)fl_split((u32)i, a.by_patch_row, &in_row), x = (int)fl_split(in_row, a.by_c, &c);
            const int h = h0 + y, w = w0 + x;
            to[j] = i < count ? y * a.pitch + x * a.pixel + (int)c : -1;
            fl_from_float(&value[j], 0.0f);
            if (i < count && (u32)h < (u32)a.h && (u32)w < (u32)a.w)
                value[j] = image[(h * a.w + w) * a.c + (int)c];
        }
#pragma unroll
        for (int j = 0; j < MANY; j++)
            if (to[j] >= 0)
                patch[to[j]] = value[j];
    }
}

template <typename G> FL_DEVICE void gemm_patch_run(const fl_gemm_args &a, u8 *shared)
{
    typedef typename G::T T;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, n0 = blockIdx.y * G::BN;
    const int row_bytes = a.k * (int)sizeof(T), steps = (row_bytes + 31) / 32, b_pitch = steps * 32 + 16;
    u8 *const weights = shared;
    uint2 *const words = (uint2 *)(weights + G::BN * b_pitch);
    float *const room = (float *)(words + steps * 8);
    T *const patch = (T *)((u8 *)room + G::ROOM_BYTES);

    for (int i = threadIdx.x; i < G::BN * steps * 2; i += G::THREADS) {
        const int n = i / (steps * 2), chunk = i - n * steps * 2;
        const T *from = (const T *)a.b + (u64)min(n0 + n, a.n - 1) * a.k + chunk * G::PER;
        fl_copy_async_16(weights + n * b_pitch + chunk * 16, from, chunk * 16 < row_bytes);
    }
    fl_copy_async_commit();
    gemm_patch_words<T>(a, words, steps * 8);
    for (int i = threadIdx.x; i < a.patch_h * a.pitch; i += G::THREADS)
        fl_from_float(&patch[i], 0.0f);
    fl_wait_previous();
    fl_let_next_start();
    fl_copy_async_wait<0>();

    const int b_row = lane % 8 + lane / 16 * 8;
    const u8 *const b_lane = weights + b_row * b_pitch + lane / 8 % 2 * 16;
    const int down = 8 * a.stride_w * a.pixel * (int)sizeof(T); /* from row g of a fragment to row g + 8 */
    const u8 *corner[G::MT];
#pragma unroll
    for (int i = 0; i < G::MT; i++)
        corner[i] = (const u8 *)(patch + (warp * 2 + i) * a.stride_h * a.pitch + lane / 4 * a.stride_w * a.pixel);

    const u32 count = (u32)a.tiles_p * a.tiles_q * a.images;
    for (u32 tile = blockIdx.x; tile < count; tile += gridDim.x) {
        u32 in_image, tq;
        const u32 image = fl_split(tile, a.by_tiles, &in_image), tp = fl_split(in_image, a.by_tiles_q, &tq);
        const int p0 = (int)tp * G::P, q0 = (int)tq * G::Q;
        float sum[G::MT][G::NT][4] = {};
        __syncthreads(); /* the patch before has been read */
        gemm_patch_bring<T>(a, patch, (const T *)a.x + (u64)image * a.h * a.w * a.c, p0 * a.stride_h - a.pad_h,
                            q0 * a.stride_w - a.pad_w);
        __syncthreads();
#pragma unroll 2
        for (int step = 0; step < steps; step++) {
            const uint2 first = words[step * 8 + lane % 4], second = words[step * 8 + lane % 4 + 4];
            u32 fa[G::MT][4], fb[G::NT / 2][4];
#pragma unroll
            for (int i = 0; i < G::MT; i++) {
                fa[i][0] = *(const u32 *)(corner[i] + first.x) & first.y;
                fa[i][1] = *(const u32 *)(corner[i] + first.x + down) & first.y;
                fa[i][2] = *(const u32 *)(corner[i] + second.x) & second.y;
                fa[i][3] = *(const u32 *)(corner[i] + second.x + down) & second.y;
#pragma unroll
                for (int j = 0; j < 4; j++)
                    gemm_round(&fa[i][j], T());
            }
#pragma unroll
            for (int j = 0; j < G::NT / 2; j++)
                fl_load_matrix_x4(fb[j], b_lane + j * 16 * b_pitch + step * 32);
#pragma unroll
            for (int i = 0; i < G::MT; i++)
#pragma unroll
                for (int j = 0; j < G::NT; j++)
                    fl_mma(sum[i][j], fa[i], &fb[j / 2][j % 2 * 2], T());
        }
        const gemm_patch_rows rows = {(int)image * a.p * a.q, p0, q0, a.p, a.q};
        gemm_store<G>(a, sum, room + warp * 16 * G::LINE, rows, warp * G::WM, n0);
    }
}

#define FL_GEMM_PATCH_INSTANCE(type, T, floor, bn)                                                                     \
    FL_KERNEL(128, gemm_patch_##type##_8x16x##bn, fl_gemm_args)                                                        \
    {                                                                                                                  \
        FL_DYNAMIC_SHARED(shared);                                                                                     \
        if constexpr (gemm_arch >= floor)                                                                              \
            gemm_patch_run<gemm_patch_tile<T, bn>>(a, shared);                                                         \
    }

#endif
