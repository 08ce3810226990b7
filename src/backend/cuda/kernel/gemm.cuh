/* gemm.cuh - convolution and matrix product on tensor cores: y [m, n] = act(A [m, k] B [n, k]^T + bias + residual).
 *
 * A block makes a tile of BM x BN, its warps WM x WN each. k goes by in stages of ROW bytes (64 or 128) per row of A
 * and B, which cp.async brings to a ring of STAGES in shared memory; a stage is cut into steps of 32 bytes, one mma
 * deep. Bytes, not elements, are the unit all the way to the mma, so f16, bf16 and TF32 are one text.
 *
 *     stage = [A: BM rows][B: BN rows], a row = ROW / 16 chunks of 16 bytes, chunk i at place i ^ swizzle(row):
 *             the 8 rows that one phase of ldmatrix reads lie in 8 different groups of 4 banks, and so do the chunks
 *             that neighbouring threads write
 *
 *     time:   read fragments of step 1 | ask for stage t + STAGES - 1 | mma of step 0 | ... | wait, barrier |
 *             read fragments of step 0 of stage t + 1 | mma of the last step
 *
 * Each thread brings the same chunk column of several rows. A row of A is an output pixel; what it needs is known at
 * the start: the place of its first tap in x, and a bit per tap row and column that lies inside the image. Where the
 * thread's chunk is in (tap row, tap column, channel) is the same for all its rows and moves on by constant steps. So
 * padding, stride and dilation cost one test a chunk. Weights do not depend on the kernel before: the first stages of B
 * are asked for ahead of fl_wait_previous().
 *
 * There are three ways to bring A:
 *   WHOLE    stages follow k as it is packed: all channels of a tap, then the next tap
 *   NEAR     stages go over all taps of some channels before the next channels, and x comes through the L1:
 * neighbouring taps read nearly the same pixels, so most of them are still there, and the L2, which bounds tiles of few
 *            channels, is asked less often
 *   GATHER   where a pixel of x is no multiple of 16 bytes: from single elements, through registers
 *
 * splits > 1: block (tile, split) sums a part of k and leaves it in `partial`; whichever of a tile's blocks comes last
 * adds all parts in order, so the bits do not depend on who that was, and leaves its counter zero.
 */
#ifndef FL_CUDA_GEMM_CUH
#define FL_CUDA_GEMM_CUH

#include "device.cuh"
#include "gemm_args.h"

#if defined(FL_EMULATE) || !defined(__CUDA_ARCH__)
constexpr int gemm_arch = 900;
#else
constexpr int gemm_arch = __CUDA_ARCH__;
#endif

enum gemm_way { GEMM_WHOLE, GEMM_NEAR, GEMM_GATHER };

template <typename T_, int BM_, int BN_, int ROW_, int WM_, int WN_, int STAGES_> struct gemm_tile {
    typedef T_ T;
    static constexpr int BM = BM_, BN = BN_, ROW = ROW_, WM = WM_, WN = WN_, STAGES = STAGES_;
    static constexpr int PER = 16 / sizeof(T); /* elements of a chunk */
    static constexpr int BK = ROW / sizeof(T);
    static constexpr int CHUNKS = ROW / 16, STEPS = ROW / 32;
    static constexpr int WARPS_N = BN / WN, WARPS = BM / WM * WARPS_N, THREADS = 32 * WARPS;
    static constexpr int MT = WM / 16, NT = WN / 8; /* fragments of a warp */
    static constexpr int PASS = THREADS / CHUNKS;   /* rows that the block brings at once */
    static constexpr int A_PASSES = (BM + PASS - 1) / PASS, B_PASSES = (BN + PASS - 1) / PASS;
    static constexpr int A_BYTES = BM * ROW, STAGE_BYTES = (BM + BN) * ROW;
    static constexpr int LINE = WN + 8; /* floats of a row while accumulators change places: conflict free */
    static_assert(STEPS % 2 == 0 && WM % 16 == 0 && WN % 16 == 0 && BM % WM == 0 && BN % WN == 0,
                  "a tile of whole fragments");
    static_assert(PASS % 8 == 0, "a thread's rows have the same swizzle");
    static_assert(WARPS * 16 * LINE * 4 + 16 <= STAGES * STAGE_BYTES, "the end fits where the stages were");
};

template <int ROW> FL_DEVICE int gemm_swizzle(int row)
{
    return ROW == 64 ? row >> 1 & 3 : row & 7;
}

/* ---- which tile a block makes. Blocks that run at the same time should share rows of A and B in the L2: `band` tiles
 * down, then the next column. */
struct gemm_place {
    int m, n, split;
    u32 tile;
};

FL_DEVICE gemm_place gemm_find_place(const fl_gemm_args &a)
{
    const u32 tiles = (u32)a.tiles_m * a.tiles_n, split = blockIdx.x / tiles, tile = blockIdx.x - split * tiles;
    const u32 band_tiles = (u32)a.band * a.tiles_n, band = tile / band_tiles, in_band = tile - band * band_tiles;
    const u32 first = band * a.band, down = min((u32)a.band, a.tiles_m - first);
    const u32 column = in_band / down;
    return {(int)(first + in_band - column * down), (int)column, (int)split, tile};
}

/* ---- rows of A */

/* Where output pixel m's first tap lies in x (it may lie before x), and which taps are inside: bit r for tap row r, bit
 * 16 + s for tap column s. Tap rows and columns are at most 15 (FL_GEMM_MAX_TAPS), so bits 15 and 31 are never there.
 */
FL_DEVICE void gemm_find_pixel(const fl_gemm_args &a, int m, int *offset, u32 *mask)
{
    u32 rest, q, inside = 0;
    const u32 n = fl_split((u32)m, a.by_image, &rest), p = fl_split(rest, a.by_row, &q);
    const int h0 = (int)p * a.stride_h - a.pad_h, w0 = (int)q * a.stride_w - a.pad_w;

    for (int r = 0; r < a.taps_h; r++)
        inside |= (u32)((u32)(h0 + r * a.dilation_h) < (u32)a.h) << r;
    for (int s = 0; s < a.taps_w; s++)
        inside |= (u32)((u32)(w0 + s * a.dilation_w) < (u32)a.w) << (16 + s);
    const bool is = m < a.m;
    *mask = is ? inside : 0;
    *offset = is ? (((int)n * a.h + h0) * a.w + w0) * a.c : 0;
}

FL_DEVICE u32 gemm_need(int r, int s)
{
    return 1u << r | 0x10000u << s;
}

/* What a thread knows about the chunks it brings. */
template <typename G> struct gemm_source {
    int a_offset[G::A_PASSES];
    u32 a_mask[G::A_PASSES];
    u32 b_offset;
    int b_passes;    /* of those, how many are rows of B */
    int row;         /* of the first pass */
    u32 place;       /* bytes into A's or B's part of a stage */
    int at, r, s, c; /* place in k, and the same as a tap and a channel */
};

/* Where stage t begins in k. */
template <typename G, gemm_way WAY> FL_DEVICE int gemm_stage_place(const fl_gemm_args &a, int t)
{
    if constexpr (WAY == GEMM_NEAR) {
        const int taps = a.taps_h * a.taps_w, turn = (int)((u32)t / (u32)taps);
        return (t - turn * taps) * a.c + turn * G::BK;
    }
    return t * G::BK;
}

/* A value that the compiler may not compute again where it is used: it would rather do that than keep it. */
template <typename V> FL_DEVICE void gemm_keep(V &x)
{
#ifndef FL_EMULATE
    asm volatile("" : "+r"(x));
#endif
}

template <typename G, gemm_way WAY>
FL_DEVICE void gemm_start(gemm_source<G> &g, const fl_gemm_args &a, const gemm_place &tile, int k)
{
    const int chunk = threadIdx.x % G::CHUNKS;
    u32 rest;

    g.row = threadIdx.x / G::CHUNKS;
    g.place = g.row * G::ROW + (chunk ^ gemm_swizzle<G::ROW>(g.row)) * 16;
    g.at = k + chunk * G::PER;
    const int n = tile.n * G::BN + g.row, rows = min(a.n, (tile.n + 1) * G::BN) - n;
    g.b_offset = (u32)n * a.k;
    g.b_passes = (rows + G::PASS - 1) / G::PASS; /* division rounds towards zero: none where rows < 0, too */
#pragma unroll
    for (int i = 0; i < G::A_PASSES; i++) {
        gemm_find_pixel(a, tile.m * G::BM + g.row + i * G::PASS, &g.a_offset[i], &g.a_mask[i]);
        gemm_keep(g.a_offset[i]);
        gemm_keep(g.a_mask[i]);
    }
    if (WAY != GEMM_GATHER) {
        const u32 tap = fl_split((u32)g.at, a.by_pixel, &rest);
        g.c = (int)rest;
        g.r = (int)fl_split(tap, a.by_tap_row, &rest);
        g.s = (int)rest;
    }
}

/* Rows of B that are past the last one are zeros. at: this thread's place in k. */
template <typename G> FL_DEVICE void gemm_bring_b(const gemm_source<G> &g, const fl_gemm_args &a, u8 *stage, int at)
{
    const typename G::T *b = (const typename G::T *)a.b;
    const int passes = at < a.k ? g.b_passes : 0;
    const u32 offset = g.b_offset + at, step = (u32)G::PASS * a.k;

#pragma unroll
    for (int i = 0; i < G::B_PASSES; i++)
        if (G::BN % G::PASS == 0 || g.row + i * G::PASS < G::BN)
            fl_copy_async_16(stage + G::A_BYTES + g.place + i * (G::PASS * G::ROW), b + (offset + i * step),
                             i < passes);
}

/* Then the thread's place moves on to the next stage: WHOLE by BK in k, which is (step_r, step_s, step_c) as taps and
 * channels; NEAR by a tap, and BK channels when all taps were there. */
template <typename G, gemm_way WAY> FL_DEVICE void gemm_bring_a(gemm_source<G> &g, const fl_gemm_args &a, u8 *stage)
{
    const typename G::T *x = (const typename G::T *)a.x;
    const int offset = g.r * a.row_step + g.s * a.column_step + g.c;
    const u32 need = g.at < a.k ? gemm_need(g.r, g.s) : ~0u;

#pragma unroll
    for (int i = 0; i < G::A_PASSES; i++)
        if (G::BM % G::PASS == 0 || g.row + i * G::PASS < G::BM) {
            u8 *to = stage + g.place + i * (G::PASS * G::ROW);
            const typename G::T *from = x + (g.a_offset[i] + offset);
            const bool inside = (g.a_mask[i] & need) == need;
            if constexpr (WAY == GEMM_NEAR)
                fl_copy_async_16_near(to, from, inside);
            else
                fl_copy_async_16(to, from, inside);
        }
    if constexpr (WAY == GEMM_NEAR) {
        const int down = ++g.s >= a.taps_w;
        g.s = down ? 0 : g.s;
        g.r += down;
        const bool over = g.r >= a.taps_h;
        g.r = over ? 0 : g.r;
        g.c += over ? G::BK : 0;
        g.at += over ? a.step_over : a.c;
    } else {
        g.c += a.step_c;
        const int carry = g.c >= a.c;
        g.c -= carry ? a.c : 0;
        g.s += a.step_s + carry;
        const int down = g.s >= a.taps_w;
        g.s -= down ? a.taps_w : 0;
        g.r += a.step_r + down;
        g.at += G::BK;
    }
}

/* ---- rows of A from single elements */

FL_DEVICE u32 gemm_bits(f16 x)
{
    return x.bits;
}
FL_DEVICE u32 gemm_bits(bf16 x)
{
    return x.bits;
}
FL_DEVICE u32 gemm_bits(float x)
{
    return __float_as_uint(x);
}

template <typename G> struct gemm_gathered {
    uint4 chunk[G::A_PASSES];
};

template <typename G> FL_DEVICE void gemm_gather(gemm_gathered<G> &to, gemm_source<G> &g, const fl_gemm_args &a)
{
    typedef typename G::T T;
    constexpr int WORD = 4 / sizeof(T);
    int offset[G::PER];
    u32 need[G::PER], in_row, c;
    int r = (int)fl_split((u32)g.at, a.by_tap_row, &in_row), s = (int)fl_split(in_row, a.by_pixel, &c);

#pragma unroll
    for (int j = 0; j < G::PER; j++) {
        const bool is = g.at + j < a.k && r < a.taps_h && s < a.taps_w && (int)c < a.c;
        offset[j] = is ? r * a.row_step + s * a.column_step + (int)c : 0;
        need[j] = is ? gemm_need(r, s) : ~0u;
        in_row++;
        c++;
        if ((int)c == a.k_pixel) {
            c = 0;
            s++;
        }
        if ((int)in_row == a.k_row) {
            in_row = c = 0;
            s = 0;
            r++;
        }
    }
#pragma unroll
    for (int i = 0; i < G::A_PASSES; i++) {
        const T *x = (const T *)a.x + g.a_offset[i];
        u32 word[4];
#pragma unroll
        for (int w = 0; w < 4; w++) {
            word[w] = 0;
#pragma unroll
            for (int j = 0; j < WORD; j++) {
                const int at = w * WORD + j;
                if ((g.a_mask[i] & need[at]) == need[at])
                    word[w] |= gemm_bits(x[offset[at]]) << (16 * j);
            }
        }
        to.chunk[i] = make_uint4(word[0], word[1], word[2], word[3]);
    }
    g.at += G::BK;
}

template <typename G> FL_DEVICE void gemm_put_gathered(const gemm_gathered<G> &from, const gemm_source<G> &g, u8 *stage)
{
#pragma unroll
    for (int i = 0; i < G::A_PASSES; i++)
        if (G::BM % G::PASS == 0 || g.row + i * G::PASS < G::BM)
            *(uint4 *)(stage + g.place + i * (G::PASS * G::ROW)) = from.chunk[i];
}

/* ---- fragments and products */

FL_DEVICE void gemm_round(u32 *, f16) {}
FL_DEVICE void gemm_round(u32 *, bf16) {}
FL_DEVICE void gemm_round(u32 *x, float)
{
    *x = fl_tf32(__uint_as_float(*x));
} /* weights were rounded when packed */

template <typename G> struct gemm_fragments {
    u32 a[G::MT][4], b[G::NT / 2][4]; /* b: two fragments each */
};

/* a, b: this lane's row and chunk of step 0 in the stage. */
template <typename G> FL_DEVICE void gemm_read(gemm_fragments<G> &f, const u8 *stage, u32 a, u32 b, int step)
{
#pragma unroll
    for (int i = 0; i < G::MT; i++) {
        fl_load_matrix_x4(f.a[i], stage + (a ^ (u32)(step * 32)) + i * (16 * G::ROW));
#pragma unroll
        for (int j = 0; j < 4; j++)
            gemm_round(&f.a[i][j], typename G::T());
    }
#pragma unroll
    for (int i = 0; i < G::NT / 2; i++)
        fl_load_matrix_x4(f.b[i], stage + G::A_BYTES + (b ^ (u32)(step * 32)) + i * (16 * G::ROW));
}

template <typename G> FL_DEVICE void gemm_multiply(float (*sum)[G::NT][4], const gemm_fragments<G> &f)
{
#pragma unroll
    for (int i = 0; i < G::MT; i++)
#pragma unroll
        for (int j = 0; j < G::NT; j++)
            fl_mma(sum[i][j], f.a[i], &f.b[j / 2][j % 2 * 2], typename G::T());
}

/* ---- the end: bias, residual, activation */

/* Rows of a tile that are output pixels one after the other. */
struct gemm_line_rows {
    int first, end;
};
FL_DEVICE int gemm_row_place(const gemm_line_rows &rows, int row)
{
    return rows.first + row < rows.end ? rows.first + row : -1;
}

/* A line of the room in which sums change places has its columns in vectors of what one thread stores: 16 bytes of y.
 * Of half precision that are 8 columns; their first halves lie together, and HALF floats further their second halves:
 * so neighbouring threads read neighbouring 16 bytes, and writers of two columns still meet no bank twice. */
template <typename G> FL_DEVICE constexpr int gemm_half()
{
    return G::PER == 8 ? G::WN / 2 + 4 : 0;
}
template <typename G> FL_DEVICE constexpr int gemm_line_place(int column)
{
    return G::PER == 8 ? column / 8 * 4 + column % 4 + column % 8 / 4 * gemm_half<G>() : column;
}

/* act on N values. own: this thread's vector in its line, so that rare functions are a loop and not N copies. */
template <int N, int HALF> FL_DEVICE void gemm_activate(const fl_tail_args &tail, float *v, float *own)
{
    if (tail.act == FL_UNARY_NONE)
        return;
    if (tail.act == FL_UNARY_RELU) {
#pragma unroll
        for (int i = 0; i < N; i++)
            v[i] = fl_activation(FL_UNARY_RELU, 0, v[i]);
    } else if (tail.act == FL_UNARY_RELU6) {
#pragma unroll
        for (int i = 0; i < N; i++)
            v[i] = fl_activation(FL_UNARY_RELU6, 0, v[i]);
    } else if (tail.act == FL_UNARY_SILU) {
#pragma unroll
        for (int i = 0; i < N; i++)
            v[i] = __fdividef(v[i], 1.0f + __expf(-v[i])); /* good to what products of 11 bits are */
    } else {
#pragma unroll
        for (int i = 0; i < N; i++)
            own[i % 4 + i / 4 * HALF] = v[i];
#pragma unroll 1
        for (int i = 0; i < N; i++) {
            float *x = own + i % 4 + i / 4 * HALF;
            *x = fl_activate_rare(tail.act, tail.alpha, *x);
        }
#pragma unroll
        for (int i = 0; i < N; i++)
            v[i] = own[i % 4 + i / 4 * HALF];
    }
}

/* y[m, n..] for as many columns as a 16-byte store takes, all inside. */
template <typename T, int N, int HALF>
FL_DEVICE void gemm_store_vector(const fl_gemm_args &a, int at, int n, float *line, const fl_vec<T, N> &residual)
{
    float v[N];
    fl_vec<T, N> y;

#pragma unroll
    for (int i = 0; i < N; i += 4) {
        const float4 x = *(const float4 *)(line + i / 4 * HALF);
        v[i] = x.x, v[i + 1] = x.y, v[i + 2] = x.z, v[i + 3] = x.w;
    }
    if (a.tail.bias) {
#pragma unroll
        for (int i = 0; i < N; i += 4) {
            const float4 x = *(const float4 *)(a.tail.bias + n + i);
            v[i] += x.x, v[i + 1] += x.y, v[i + 2] += x.z, v[i + 3] += x.w;
        }
    }
    if (a.tail.residual) {
#pragma unroll
        for (int i = 0; i < N; i++)
            v[i] += fl_float(residual.at[i]);
    }
    gemm_activate<N, HALF>(a.tail, v, line);
#pragma unroll
    for (int i = 0; i < N; i++)
        fl_from_float(&y.at[i], v[i]);
    fl_store<T, N>((T *)a.y + at, y);
}

template <typename T> FL_DEVICE void gemm_store_one(const fl_gemm_args &a, int at, int n, float v)
{
    if (a.tail.bias)
        v += a.tail.bias[n];
    if (a.tail.residual)
        v += fl_float(((const T *)a.tail.residual)[at]);
    fl_from_float((T *)a.y + at, fl_activate(a.tail.act, a.tail.alpha, v));
}

/* A warp's sums, from row `row` and column `n` on. They change places in shared memory, 16 rows at a time, so that a
 * lane has neighbouring columns. Residuals are asked for before that. room: 16 lines of this warp's own. */
template <typename G, typename ROWS>
FL_DEVICE void gemm_store(const fl_gemm_args &a, float (*sum)[G::NT][4], float *room, const ROWS &rows, int row, int n)
{
    typedef typename G::T T;
    constexpr int VEC = G::PER, LANES = G::WN / VEC, DOWN = 32 / LANES, PASSES = 16 / DOWN;
    const int lane = threadIdx.x % 32, column = lane % LANES * VEC;
    const bool whole = a.n % VEC == 0, inside = n + column < a.n;

#pragma unroll 1
    for (int i = 0; i < G::MT; i++) {
        fl_vec<T, VEC> residual[PASSES];
        int at[PASSES];
#pragma unroll
        for (int p = 0; p < PASSES; p++) {
            const int m = gemm_row_place(rows, row + i * 16 + p * DOWN + lane / LANES);
            at[p] = m >= 0 && inside ? m * a.n + n + column : -1;
            if (a.tail.residual && whole && at[p] >= 0)
                residual[p] = fl_load<T, VEC>((const T *)a.tail.residual + at[p]);
        }
        __syncwarp();
#pragma unroll
        for (int j = 0; j < G::MT; j++) /* a register has no index */
            if (i == j) {
#pragma unroll
                for (int c = 0; c < G::NT; c++) {
                    float *to = room + lane / 4 * G::LINE + gemm_line_place<G>(c * 8 + lane % 4 * 2);
                    *(float2 *)to = make_float2(sum[j][c][0], sum[j][c][1]);
                    *(float2 *)(to + 8 * G::LINE) = make_float2(sum[j][c][2], sum[j][c][3]);
                }
            }
        __syncwarp();
#pragma unroll
        for (int p = 0; p < PASSES; p++) {
            float *line = room + (p * DOWN + lane / LANES) * G::LINE + gemm_line_place<G>(column);
            if (at[p] < 0)
                continue;
            if (whole)
                gemm_store_vector<T, VEC, gemm_half<G>()>(a, at[p], n + column, line, residual[p]);
            else
#pragma unroll 1
                for (int c = 0; c < VEC && n + column + c < a.n; c++)
                    gemm_store_one<T>(a, at[p] + c, n + column + c, line[c % 4 + c / 4 * gemm_half<G>()]);
        }
    }
}

/* ---- splits */

/* Counts the block; true in the tile's last one, which then sees what all of them left in `partial`. One thread's
 * fences hold for the block: barriers order the others before and after it. */
FL_DEVICE bool gemm_is_last(const fl_gemm_args &a, u32 tile, u32 *flag)
{
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        *flag = atomicAdd(a.counters + tile, 1u);
        __threadfence();
    }
    __syncthreads();
    const bool last = *flag == (u32)a.splits - 1;
    if (last && threadIdx.x == 0)
        a.counters[tile] = 0;
    return last;
}

/* Leaves this block's part; true in the block that came last, which then has the whole sum. flag: a word of shared
 * memory. A part is float4s, [fragment][thread]. */
template <typename G>
FL_DEVICE bool gemm_combine(const fl_gemm_args &a, float (*sum)[G::NT][4], const gemm_place &tile, u32 *flag)
{
    constexpr u32 PART = G::BM * G::BN / 4;
    float4 *parts = (float4 *)a.partial + (u64)tile.tile * a.splits * PART + threadIdx.x;

#pragma unroll
    for (int i = 0; i < G::MT; i++)
#pragma unroll
        for (int j = 0; j < G::NT; j++)
            __stcg(parts + (u64)tile.split * PART + (i * G::NT + j) * G::THREADS,
                   make_float4(sum[i][j][0], sum[i][j][1], sum[i][j][2], sum[i][j][3]));
    if (!gemm_is_last(a, tile.tile, flag))
        return false;
#pragma unroll
    for (int i = 0; i < G::MT; i++)
#pragma unroll
        for (int j = 0; j < G::NT; j++)
            sum[i][j][0] = sum[i][j][1] = sum[i][j][2] = sum[i][j][3] = 0;
#pragma unroll 1
    for (int s = 0; s < a.splits; s++, parts += PART)
#pragma unroll
        for (int i = 0; i < G::MT; i++)
#pragma unroll
            for (int j = 0; j < G::NT; j++) {
                const float4 x = __ldcg(parts + (i * G::NT + j) * G::THREADS);
                sum[i][j][0] += x.x, sum[i][j][1] += x.y, sum[i][j][2] += x.z, sum[i][j][3] += x.w;
            }
    return true;
}

/* ---- the kernel */

template <typename G, gemm_way WAY> FL_DEVICE void gemm_run(const fl_gemm_args &a, u8 *shared)
{
    const gemm_place tile = gemm_find_place(a);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int begin = (int)((u64)a.tiles_k * tile.split / a.splits);
    const int count = (int)((u64)a.tiles_k * (tile.split + 1) / a.splits) - begin;
    const int row = warp / G::WARPS_N * G::WM, column = warp % G::WARPS_N * G::WN;
    const int a_row = row + lane % 16, b_row = column + lane % 8 + lane / 16 * 8;
    const u32 a_lane = a_row * G::ROW + ((lane / 16) ^ gemm_swizzle<G::ROW>(a_row)) * 16;
    const u32 b_lane = b_row * G::ROW + ((lane / 8 % 2) ^ gemm_swizzle<G::ROW>(b_row)) * 16;
    float sum[G::MT][G::NT][4] = {};
    gemm_source<G> source;
    gemm_gathered<G> gathered;

    gemm_start<G, WAY>(source, a, tile, gemm_stage_place<G, WAY>(a, begin));
#pragma unroll
    for (int i = 0; i < G::STAGES - 1; i++)
        if (i < count)
            gemm_bring_b<G>(source, a, shared + i * G::STAGE_BYTES,
                            gemm_stage_place<G, WAY>(a, begin + i) + (int)threadIdx.x % G::CHUNKS * G::PER);
    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int i = 0; i < G::STAGES - 1; i++) {
        if (i < count) {
            u8 *stage = shared + i * G::STAGE_BYTES;
            if constexpr (WAY == GEMM_GATHER) {
                gemm_gather<G>(gathered, source, a);
                gemm_put_gathered<G>(gathered, source, stage);
            } else {
                gemm_bring_a<G, WAY>(source, a, stage);
            }
        }
        fl_copy_async_commit();
    }

    gemm_fragments<G> fragments[2];
    u8 *reading = shared, *writing = shared + (G::STAGES - 1) * G::STAGE_BYTES;
    u8 *const end = shared + G::STAGES * G::STAGE_BYTES;
    fl_copy_async_wait<G::STAGES - 2>();
    __syncthreads();
    gemm_read<G>(fragments[0], reading, a_lane, b_lane, 0);
#pragma unroll 1
    for (int t = 0; t < count; t++) {
        const bool more = t + G::STAGES - 1 < count;
#pragma unroll
        for (int step = 0; step < G::STEPS; step++) {
            if (step == G::STEPS - 1) {
                if constexpr (WAY == GEMM_GATHER)
                    if (more)
                        gemm_put_gathered<G>(gathered, source, writing);
                writing = writing + G::STAGE_BYTES == end ? shared : writing + G::STAGE_BYTES;
                reading = reading + G::STAGE_BYTES == end ? shared : reading + G::STAGE_BYTES;
                fl_copy_async_wait<G::STAGES - 2>();
                __syncthreads();
            }
            gemm_read<G>(fragments[(step + 1) % 2], reading, a_lane, b_lane, (step + 1) % G::STEPS);
            if (step == 0) {
                if (more) {
                    gemm_bring_b<G>(source, a, writing, source.at);
                    if constexpr (WAY == GEMM_GATHER)
                        gemm_gather<G>(gathered, source, a);
                    else
                        gemm_bring_a<G, WAY>(source, a, writing);
                }
                fl_copy_async_commit();
            }
            gemm_multiply<G>(sum, fragments[step % 2]);
        }
    }
    fl_copy_async_wait<0>();
    __syncthreads();

    constexpr int ROOM = 16 * G::LINE;
    float *room = (float *)shared;
    if (a.splits > 1 && !gemm_combine<G>(a, sum, tile, (u32 *)(room + G::WARPS * ROOM)))
        return;
    const gemm_line_rows rows = {tile.m * G::BM, a.m};
    gemm_store<G>(a, sum, room + warp * ROOM, rows, row, tile.n * G::BN + column);
}

/* The instances of a type: kernel <method>_<type>_<bm>x<bn>x<bk>. floor: the least architecture that has the type. */
#define FL_GEMM_INSTANCE(type, T, WAY, method, floor, bm, bn, bk, row, wm, wn, stages, blocks, rows)                   \
    FL_KERNEL_BLOCKS(bm / wm * (bn / wn) * 32, blocks, method##_##type##_##bm##x##bn##x##bk, fl_gemm_args)             \
    {                                                                                                                  \
        FL_DYNAMIC_SHARED(shared);                                                                                     \
        if constexpr (gemm_arch >= floor)                                                                              \
            gemm_run<gemm_tile<T, bm, bn, row, wm, wn, stages>, GEMM_##WAY>(a, shared);                                \
    }

#endif
