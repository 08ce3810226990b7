/* simt.cuh - implicit matrix product on CUDA cores: exact f32 sums for convolutions and matrix products, and whatever tensor
 * cores do not take.
 *
 * A block makes a tile of BM x BN of y, a thread TM x TN of it in registers: rows ty + i * TY, columns in chunks of 4. Tiles
 * of x and b, 16 deep, go through a ring of STAGES pieces of shared memory; cp.async fills the one that was read last while
 * the others are computed on:
 *
 *     x  [BM][16]   a row's four 16-byte chunks are exchanged by (row / 2) % 4: then 8 neighbouring rows of one chunk lie in
 *                   different banks, and so do the 8 chunks of two rows that 8 threads write
 *     b  [16][BN]
 *
 * Four steps of k at a time a thread reads TM chunks of x along k and 4 * TN values of b: as many 16-byte reads as with a
 * transposed x, which cp.async could not write. In a warp, 4 x 8 threads, lanes 2i and 2i+1 share rows and lanes i and i ^ 2
 * share columns, which lets the hardware serve half a warp at once.
 *
 * Where x is half precision, or before sm_80, there is no copy behind the program's back: the next tile waits in registers
 * during the sums (two pieces of shared memory then).
 *
 * Rows are pixels found by a table in shared memory, so windows, strides, groups and NCHW cost the inner loop nothing.
 * V is what is read of x at a time: 4 channels, or 1 (3 channels, odd sums, transposed and NCHW x).
 *
 * Small grids cut k into ranges (grid.y): blocks store their sums as f32, and simt_sum_* adds them in order and ends the
 * work. A last block of each tile could do that without a second launch (as in skinny.cu), but it would read up to 32 tiles
 * alone, which takes longer than a launch.
 *
 * PHASES is the transposed convolution. Output pixels of the same (h mod stride, w mod stride) see the same taps, so each
 * phase (grid.z) is an ordinary convolution of stride 1: from one such pixel to the next the place in x grows by one, from
 * one tap to the next it falls by dilation / gcd(dilation, stride), and the tap's number grows by stride / gcd.
 */
#ifndef FL_CUDA_SIMT_CUH
#define FL_CUDA_SIMT_CUH

#include "device.cuh"
#include "simt_args.h"

/* SIMT_KERNEL(threads, blocks, name): so many blocks are to fit on a multiprocessor. Before sm_80 shared memory has room for
 * fewer. */
#if FL_ARCH >= 800
#define FL_SIMT_ASYNC 1
#define SIMT_KERNEL(threads, blocks, name) FL_KERNEL_BLOCKS(threads, blocks, name, fl_simt_args)
#else
#define FL_SIMT_ASYNC 0
#define SIMT_KERNEL(threads, blocks, name) FL_KERNEL_BLOCKS(threads, (blocks) / 2, name, fl_simt_args)
#endif

template <typename T_, int V_, bool PHASES_, int BM_, int BN_, int TM_, int TN_, int STAGES_> struct simt_tile {
    typedef T_ T;
    static constexpr bool PHASES = PHASES_, ASYNC = FL_SIMT_ASYNC && sizeof(T_) == 4;
    static constexpr int V = V_, BM = BM_, BN = BN_, TM = TM_, TN = TN_, BK = FL_SIMT_K;
    static constexpr int TY = BM / TM, TX = BN / TN, THREADS = TX * TY, STAGES = ASYNC ? STAGES_ : 2;
    static constexpr int STAGE = (BM + BN) * BK;                 /* floats of shared memory */
    static constexpr int EACH_X = BM * BK / (V * THREADS);       /* reads of x and b by a thread for each tile */
    static constexpr int EACH_B = BN * BK / (4 * THREADS);
    static_assert(TX % 8 == 0 && TY % 8 == 0 && TN % 4 == 0 && THREADS % BK == 0, "a warp is 4 x 8 threads");
    static_assert(STAGES * STAGE >= TN * THREADS, "the end takes room for a row");
    static_assert(EACH_X * V * THREADS == BM * BK && EACH_B * 4 * THREADS == BN * BK, "every thread reads as much");
};

/* What a block works on: fields of the arguments, or those of its phase. */
struct simt_window {
    u32 m, k, out_h, out_w, kernel_w;
    u32 first[2], step[2]; /* place in x of pixel 0's first tap; from pixel to pixel */
    u32 tap[2];            /* place in x from tap to tap */
    u32 number[2], every[2]; /* phases: number of the first tap, and from tap to tap */
};

/* A row of the tile: the element of x at its first tap and channel 0, that tap's place, and the row of y. */
typedef fl_vec<u32, 4> simt_row;
enum { ROW_X, ROW_H, ROW_W, ROW_Y };

FL_DEVICE u32 simt_swizzle(u32 row, u32 k) { return row * FL_SIMT_K + ((k / 4 ^ (row / 2 & 3)) * 4 | k % 4); }

/* ---- which part of the problem */

FL_DEVICE u32 simt_common(u32 a, u32 b)
{
    while (b) {
        const u32 r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Axis i of the phase whose first output is at `phase`. Gives the number of taps. */
FL_DEVICE u32 simt_phase_axis(const fl_simt_args &a, int i, u32 phase, simt_window *g)
{
    const u32 s = a.stride[i], common = simt_common(a.dilation[i], s);

    g->every[i] = s / common;
    g->tap[i] = 0u - a.dilation[i] / common;
    g->step[i] = 1;
    for (u32 u = 0; u < g->every[i] && u < a.kernel[i]; u++) {
        const int at = (int)(phase + a.pad[i] - u * a.dilation[i]);
        if (at % (int)s)
            continue;
        g->number[i] = u;
        g->first[i] = (u32)(at / (int)s);
        return (a.kernel[i] - u + g->every[i] - 1) / g->every[i];
    }
    g->number[i] = g->first[i] = 0;
    return 0;
}

template <typename C> FL_DEVICE simt_window simt_window_of(const fl_simt_args &a)
{
    simt_window g;

    if (C::PHASES) {
        const u32 ph = blockIdx.z / a.stride[1], pw = blockIdx.z % a.stride[1];
        const u32 taps_h = simt_phase_axis(a, 0, ph, &g), taps_w = simt_phase_axis(a, 1, pw, &g);
        g.out_h = ph < a.out_h ? (a.out_h - ph + a.stride[0] - 1) / a.stride[0] : 0;
        g.out_w = pw < a.out_w ? (a.out_w - pw + a.stride[1] - 1) / a.stride[1] : 0;
        g.kernel_w = taps_w ? taps_w : 1;
        g.m = a.m * g.out_h * g.out_w;
        g.k = taps_h * taps_w * a.k;
    } else {
        g.out_h = a.out_h;
        g.out_w = a.out_w;
        g.kernel_w = a.kernel[1];
        g.m = a.m;
        g.k = a.k;
        for (int i = 0; i < 2; i++) {
            g.first[i] = 0u - a.pad[i];
            g.step[i] = a.stride[i];
            g.tap[i] = a.dilation[i];
        }
    }
    return g;
}

/* The table of rows. Those past the end lie outside x whatever the tap. */
template <typename C> FL_DEVICE void simt_make_rows(const fl_simt_args &a, const simt_window &g, simt_row *rows, u32 m0)
{
    for (u32 i = threadIdx.x; i < (u32)C::BM; i += C::THREADS) {
        const u32 m = m0 + i;
        simt_row row;
        u32 picture, oh, ow;
        if (C::PHASES) {
            ow = m % g.out_w;
            oh = m / g.out_w % g.out_h;
            picture = m / g.out_w / g.out_h;
            row.at[ROW_Y] = picture * a.y_n + (blockIdx.z / a.stride[1] + oh * a.stride[0]) * a.y_h +
                            (blockIdx.z % a.stride[1] + ow * a.stride[1]) * a.y_w;
        } else {
            picture = fl_split(fl_split(m, a.by_out_w, &ow), a.by_out_h, &oh);
            row.at[ROW_Y] = picture * a.y_n + oh * a.y_h + ow * a.y_w + blockIdx.z * a.y_group;
        }
        row.at[ROW_H] = g.first[0] + oh * g.step[0];
        row.at[ROW_W] = g.first[1] + ow * g.step[1];
        if (m >= g.m) {
            row.at[ROW_H] = 0x80000000u;
            picture = 0;
        }
        row.at[ROW_X] = picture * a.x_n + row.at[ROW_H] * a.x_h + row.at[ROW_W] * a.x_w;
        if (!C::PHASES)
            row.at[ROW_X] += blockIdx.z * a.x_group;
        rows[i] = row;
    }
}

/* ---- reading tiles: f(i, place in the tile, element of the tensor, whether it is there) */

struct simt_step {
    u32 h, w, at; /* of a tap and channel, to be added to a row's */
};

FL_DEVICE simt_step simt_step_of(const fl_simt_args &a, const simt_window &g, u32 k, bool phases)
{
    u32 channel, column, row;
    const u32 tap = fl_split(k, a.by_channels, &channel);

    if (phases) {
        row = tap / g.kernel_w;
        column = tap - row * g.kernel_w;
    } else {
        row = fl_split(tap, a.by_kernel_w, &column);
    }
    const u32 h = row * g.tap[0], w = column * g.tap[1];
    return {h, w, h * a.x_h + w * a.x_w + channel * a.x_c};
}

template <typename F>
FL_DEVICE void simt_one_of_x(const fl_simt_args &a, const simt_row &row, const simt_step &s, bool there, int i, u32 place, F f)
{
    f(i, place, row.at[ROW_X] + s.at, there && row.at[ROW_H] + s.h < a.h && row.at[ROW_W] + s.w < a.w);
}

template <typename C, typename F>
FL_DEVICE void simt_each_of_x(const fl_simt_args &a, const simt_window &g, const simt_row *rows, u32 k0, F f)
{
    if (C::V == 1 && a.x_by_rows) {
#pragma unroll
        for (int i = 0; i < C::EACH_X; i++) {
            const u32 e = threadIdx.x + i * C::THREADS, row = e % C::BM, k = e / C::BM;
            const simt_step s = simt_step_of(a, g, k0 + k, C::PHASES);
            simt_one_of_x(a, rows[row], s, k0 + k < g.k, i, simt_swizzle(row, k), f);
        }
        return;
    }
    constexpr u32 ACROSS = C::BK / C::V;
    const u32 k = threadIdx.x % ACROSS * C::V;
    const simt_step s = simt_step_of(a, g, k0 + k, C::PHASES);
#pragma unroll
    for (int i = 0; i < C::EACH_X; i++) {
        const u32 row = threadIdx.x / ACROSS + i * (C::THREADS / ACROSS);
        simt_one_of_x(a, rows[row], s, k0 + k < g.k, i, simt_swizzle(row, k), f);
    }
}

/* The element of b in row k of the product. */
template <typename C> FL_DEVICE u32 simt_row_of_b(const fl_simt_args &a, const simt_window &g, u32 k)
{
    u32 channel;

    if (!C::PHASES)
        return k * a.b_row;
    const u32 tap = fl_split(k, a.by_channels, &channel), row = tap / g.kernel_w, column = tap - row * g.kernel_w;
    const u32 number = (g.number[0] + row * g.every[0]) * a.kernel[1] + g.number[1] + column * g.every[1];
    return number * a.b_tap + channel * a.b_row;
}

template <typename C, typename F>
FL_DEVICE void simt_vectors_of_b(const fl_simt_args &a, const simt_window &g, u32 k0, u32 n0, F f)
{
    constexpr u32 ACROSS = C::BN / 4;
#pragma unroll
    for (int i = 0; i < C::EACH_B; i++) {
        const u32 e = threadIdx.x + i * C::THREADS, k = e / ACROSS, n = e % ACROSS * 4;
        f(i, k * C::BN + n, simt_row_of_b<C>(a, g, k0 + k) + n0 + n, k0 + k < g.k && n0 + n < a.n);
    }
}

template <typename C, typename F>
FL_DEVICE void simt_elements_of_b(const fl_simt_args &a, const simt_window &g, u32 k0, u32 n0, F f)
{
#pragma unroll
    for (int i = 0; i < C::EACH_B * 4; i++) {
        const u32 e = threadIdx.x + i * C::THREADS;
        const u32 k = a.b_column == 1 ? e / C::BN : e % C::BK, n = a.b_column == 1 ? e % C::BN : e / C::BK;
        f(i, k * C::BN + n, simt_row_of_b<C>(a, g, k0 + k) + (n0 + n) * a.b_column, k0 + k < g.k && n0 + n < a.n);
    }
}

/* ---- with cp.async */

template <typename C>
FL_DEVICE void simt_copy(const fl_simt_args &a, const simt_window &g, const simt_row *rows, const float *b, float *to, u32 k0,
                         u32 n0)
{
    const float *x = (const float *)a.x;
    float *to_b = to + C::BM * C::BK;

    simt_each_of_x<C>(a, g, rows, k0, [&](int, u32 place, u32 from, bool there) {
        if (C::V == 4)
            fl_copy_async_16(to + place, x + from, there);
        else
            fl_copy_async_4(to + place, x + from, there);
    });
    if (a.b_vector)
        simt_vectors_of_b<C>(a, g, k0, n0, [&](int, u32 place, u32 from, bool there) {
            fl_copy_async_16(to_b + place, b + from, there);
        });
    else
        simt_elements_of_b<C>(a, g, k0, n0, [&](int, u32 place, u32 from, bool there) {
            fl_copy_async_4(to_b + place, b + from, there);
        });
}

/* ---- by way of registers */

template <typename C> struct simt_staged {
    fl_vec<typename C::T, C::V> x[C::EACH_X];
    float b[C::EACH_B * 4];
};

template <typename C>
FL_DEVICE void simt_read(const fl_simt_args &a, const simt_window &g, const simt_row *rows, u32 k0, u32 n0, simt_staged<C> *s)
{
    typedef typename C::T T;
    const u32 group = C::PHASES ? 0 : blockIdx.z * a.b_group;

    simt_each_of_x<C>(a, g, rows, k0, [&](int i, u32, u32 from, bool there) {
        if (there)
            s->x[i] = fl_load<T, C::V>((const T *)a.x + from);
        else
            s->x[i] = {};
    });
    if (a.b_vector && !a.b_half)
        simt_vectors_of_b<C>(a, g, k0, n0, [&](int i, u32, u32 from, bool there) {
            const fl_vec<float, 4> v = there ? fl_load<float, 4>((const float *)a.b + (group + from)) : fl_vec<float, 4>{};
#pragma unroll
            for (int j = 0; j < 4; j++)
                s->b[4 * i + j] = v.at[j];
        });
    else
        simt_elements_of_b<C>(a, g, k0, n0, [&](int i, u32, u32 from, bool there) {
            s->b[i] = !there ? 0 : a.b_half ? fl_float(((const T *)a.b)[group + from]) : ((const float *)a.b)[group + from];
        });
}

template <typename C>
FL_DEVICE void simt_write(const fl_simt_args &a, const simt_window &g, const simt_row *rows, const simt_staged<C> &s, float *to)
{
    float *to_b = to + C::BM * C::BK;

    simt_each_of_x<C>(a, g, rows, 0, [&](int i, u32 place, u32, bool) {
        fl_vec<float, C::V> v;
#pragma unroll
        for (int j = 0; j < C::V; j++)
            v.at[j] = fl_float(s.x[i].at[j]);
        fl_store<float, C::V>(to + place, v);
    });
    if (a.b_vector && !a.b_half)
        simt_vectors_of_b<C>(a, g, 0, 0, [&](int i, u32 place, u32, bool) {
            fl_store<float, 4>(to_b + place, {{s.b[4 * i], s.b[4 * i + 1], s.b[4 * i + 2], s.b[4 * i + 3]}});
        });
    else
        simt_elements_of_b<C>(a, g, 0, 0, [&](int i, u32 place, u32, bool) { to_b[place] = s.b[i]; });
}

/* ---- sums */

template <typename C> FL_DEVICE void simt_multiply(const float *tile, u32 ty, u32 tx, float (&sum)[C::TM][C::TN])
{
    const float *x = tile + ty * C::BK, *b = tile + C::BM * C::BK + tx * 4;
    const u32 swizzle = ty / 2 & 3; /* of all its rows: TY is a multiple of 8 */

#pragma unroll
    for (int k4 = 0; k4 < C::BK / 4; k4++) {
        fl_vec<float, 4> xs[C::TM];
#pragma unroll
        for (int i = 0; i < C::TM; i++)
            xs[i] = fl_load<float, 4>(x + i * C::TY * C::BK + (k4 ^ swizzle) * 4);
#pragma unroll
        for (int kk = 0; kk < 4; kk++) {
            fl_vec<float, 4> bs[C::TN / 4];
#pragma unroll
            for (int j = 0; j < C::TN / 4; j++)
                bs[j] = fl_load<float, 4>(b + (k4 * 4 + kk) * C::BN + j * C::TX * 4);
#pragma unroll
            for (int i = 0; i < C::TM; i++)
#pragma unroll
                for (int j = 0; j < C::TN; j++)
                    sum[i][j] += xs[i].at[kk] * bs[j / 4].at[j % 4];
        }
    }
}

/* The tiles of k from `begin` to `end`. */
template <typename C>
FL_DEVICE void simt_sum_async(const fl_simt_args &a, const simt_window &g, const simt_row *rows, float *shared, u32 begin,
                              u32 end, u32 n0, u32 ty, u32 tx, float (&sum)[C::TM][C::TN])
{
    const float *b = (const float *)a.b + (C::PHASES ? 0 : blockIdx.z * a.b_group);
    u32 fill = 0, use = 0; /* pieces of the ring */

#pragma unroll
    for (int i = 0; i < C::STAGES - 1; i++) {
        if (begin + i < end)
            simt_copy<C>(a, g, rows, b, shared + i * C::STAGE, (begin + i) * C::BK, n0);
        fl_copy_async_commit();
    }
    fill = C::STAGES - 1;
    for (u32 t = begin; t < end; t++) {
        fl_copy_async_wait<C::STAGES - 2>();
        __syncthreads(); /* everyone's part of tile t is there, and tile t-1, which is filled next, was read */
        if (t + C::STAGES - 1 < end)
            simt_copy<C>(a, g, rows, b, shared + fill * C::STAGE, (t + C::STAGES - 1) * C::BK, n0);
        fl_copy_async_commit();
        simt_multiply<C>(shared + use * C::STAGE, ty, tx, sum);
        fill = fill + 1 == C::STAGES ? 0 : fill + 1;
        use = use + 1 == C::STAGES ? 0 : use + 1;
    }
}

template <typename C>
FL_DEVICE void simt_sum_staged(const fl_simt_args &a, const simt_window &g, const simt_row *rows, float *shared, u32 begin,
                               u32 end, u32 n0, u32 ty, u32 tx, float (&sum)[C::TM][C::TN])
{
    simt_staged<C> next;
    u32 use = 0;

    if (begin >= end)
        return;
    simt_read<C>(a, g, rows, begin * C::BK, n0, &next);
    simt_write<C>(a, g, rows, next, shared);
    for (u32 t = begin; t < end; t++) {
        __syncthreads();
        if (t + 1 < end)
            simt_read<C>(a, g, rows, (t + 1) * C::BK, n0, &next);
        simt_multiply<C>(shared + use * C::STAGE, ty, tx, sum);
        use ^= 1;
        if (t + 1 < end)
            simt_write<C>(a, g, rows, next, shared + use * C::STAGE);
    }
}

/* ---- the end: bias, residual, activation, y */

/* 4 columns of y from `at` on in vectors, or those that there are one by one. */
template <typename C>
FL_DEVICE void simt_add_residual(const fl_simt_args &a, u32 at, u32 n, float *sum)
{
    const typename C::T *residual = (const typename C::T *)a.tail.residual;

    if (a.y_vector) {
        if (n < a.n) {
            const fl_vec<typename C::T, 4> v = fl_load<typename C::T, 4>(residual + (at + n));
#pragma unroll
            for (int i = 0; i < 4; i++)
                sum[i] += fl_float(v.at[i]);
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (n + i < a.n)
            sum[i] += fl_float(residual[at + (n + i) * a.y_c]);
}

template <typename C, typename T> FL_DEVICE void simt_store(const fl_simt_args &a, T *y, u32 at, u32 n, const float *sum)
{
    fl_vec<T, 4> v;

#pragma unroll
    for (int i = 0; i < 4; i++)
        fl_from_float(&v.at[i], sum[i]);
    if (a.y_vector) {
        if (n < a.n)
            fl_store<T, 4>(y + (at + n), v);
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (n + i < a.n)
            y[at + (n + i) * a.y_c] = v.at[i];
}

/* One of several ranges of k: the sums as they are. */
template <typename C>
FL_DEVICE void simt_finish_part(const fl_simt_args &a, const simt_window &g, const simt_row *rows, u32 m0, u32 n0, u32 ty,
                                u32 tx, const float (&sum)[C::TM][C::TN])
{
    float *part = a.partials + (u64)blockIdx.y * a.part;

#pragma unroll
    for (int i = 0; i < C::TM; i++) {
        const u32 row = ty + i * C::TY;
        if (m0 + row >= g.m)
            break;
#pragma unroll
        for (int j = 0; j < C::TN; j += 4)
            simt_store<C>(a, part, rows[row].at[ROW_Y], n0 + j * C::TX + tx * 4, &sum[i][j]);
    }
}

/* fl_activate_all; what takes more than a comparison goes by way of shared memory, where an index may be run-time: then its
 * code is there once for a row, not TN times. slots: this thread's, THREADS apart. */
template <typename C> FL_DEVICE void simt_activate(const fl_simt_args &a, float (&x)[C::TN], float *slots)
{
    const int act = a.tail.act;

    if (act == FL_UNARY_NONE)
        return;
    if (act == FL_UNARY_RELU || act == FL_UNARY_RELU6) {
        const float most = act == FL_UNARY_RELU ? INFINITY : 6;
#pragma unroll
        for (int j = 0; j < C::TN; j++)
            x[j] = x[j] < 0 ? 0 : x[j] > most ? most : x[j];
        return;
    }
#pragma unroll
    for (int j = 0; j < C::TN; j++)
        slots[j * C::THREADS] = x[j];
    if (act == FL_UNARY_SILU) {
#pragma unroll 2
        for (int j = 0; j < C::TN; j++)
            slots[j * C::THREADS] = fl_activation(FL_UNARY_SILU, 0, slots[j * C::THREADS]);
    } else {
#pragma unroll 1
        for (int j = 0; j < C::TN; j++)
            slots[j * C::THREADS] = fl_activate_rare(act, a.tail.alpha, slots[j * C::THREADS]);
    }
#pragma unroll
    for (int j = 0; j < C::TN; j++)
        x[j] = slots[j * C::THREADS];
}

/* shared: TN floats a thread. */
template <typename C>
FL_DEVICE void simt_finish(const fl_simt_args &a, const simt_window &g, const simt_row *rows, float *shared, u32 m0, u32 n0,
                           u32 ty, u32 tx, float (&sum)[C::TM][C::TN])
{
    const u32 group = C::PHASES ? 0 : blockIdx.z * a.n;
    float bias[C::TN];

    __syncthreads(); /* tiles were read */
#pragma unroll
    for (int j = 0; j < C::TN; j++) {
        const u32 n = n0 + j / 4 * (C::TX * 4) + tx * 4 + j % 4, at = group + n;
        bias[j] = !a.tail.bias || n >= a.n ? 0
                  : a.bias_half            ? fl_float(((const typename C::T *)(const void *)a.tail.bias)[at])
                                           : a.tail.bias[at];
    }
#pragma unroll
    for (int i = 0; i < C::TM; i++) {
        const u32 row = ty + i * C::TY, at = rows[row].at[ROW_Y];
        if (m0 + row >= g.m)
            break;
#pragma unroll
        for (int j = 0; j < C::TN; j++)
            sum[i][j] += bias[j];
        if (a.tail.residual) {
#pragma unroll
            for (int j = 0; j < C::TN; j += 4)
                simt_add_residual<C>(a, at, n0 + j * C::TX + tx * 4, &sum[i][j]);
        }
        simt_activate<C>(a, sum[i], shared + threadIdx.x);
#pragma unroll
        for (int j = 0; j < C::TN; j += 4)
            simt_store<C>(a, (typename C::T *)a.y, at, n0 + j * C::TX + tx * 4, &sum[i][j]);
    }
}

template <typename C> FL_DEVICE void simt(const fl_simt_args &a)
{
    FL_DYNAMIC_SHARED(bytes);
    float *shared = (float *)bytes;
    simt_row *rows = (simt_row *)(shared + C::STAGES * C::STAGE);
    u32 tile_n;
    const u32 tile_m = fl_split(blockIdx.x, a.by_tiles_n, &tile_n), m0 = tile_m * C::BM, n0 = tile_n * C::BN;
    const simt_window g = simt_window_of<C>(a);
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const u32 tx = warp % (C::TX / 8) * 8 + (lane & 1) + (lane >> 1 & 6);
    const u32 ty = warp / (C::TX / 8) * 4 + (lane >> 1 & 1) + (lane >> 3 & 2);
    const u32 tiles = (g.k + C::BK - 1) / C::BK, begin = min(blockIdx.y * a.steps, tiles), end = min(begin + a.steps, tiles);
    float sum[C::TM][C::TN];

    if (m0 < g.m)
        simt_make_rows<C>(a, g, rows, m0);
    fl_wait_previous();
    fl_let_next_start();
    if (m0 >= g.m) /* phases have different sizes */
        return;
#pragma unroll
    for (int i = 0; i < C::TM; i++)
#pragma unroll
        for (int j = 0; j < C::TN; j++)
            sum[i][j] = 0;
    __syncthreads();
    if (C::ASYNC)
        simt_sum_async<C>(a, g, rows, shared, begin, end, n0, ty, tx, sum);
    else
        simt_sum_staged<C>(a, g, rows, shared, begin, end, n0, ty, tx, sum);
    if (a.partials)
        simt_finish_part<C>(a, g, rows, m0, n0, ty, tx, sum);
    else
        simt_finish<C>(a, g, rows, shared, m0, n0, ty, tx, sum);
}

/* ---- the end of what was cut: a thread takes 4 elements of y */

template <typename T> FL_DEVICE void simt_sum(const fl_simt_sum_args &a)
{
    const u32 i = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
    float sum[4] = {0, 0, 0, 0};

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.n)
        return;
    const float *part = a.partials + i;
#pragma unroll 8
    for (u32 s = 0; s < a.splits; s++, part += a.part) {
        const fl_vec<float, 4> v = fl_load<float, 4>(part);
#pragma unroll
        for (int j = 0; j < 4; j++)
            sum[j] += v.at[j];
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
        u32 channel;
        if (i + j >= a.n)
            break;
        fl_split(fl_quotient(i + j, a.by_inner), a.by_channels, &channel);
        if (a.tail.bias)
            sum[j] += a.bias_half ? fl_float(((const T *)(const void *)a.tail.bias)[channel]) : a.tail.bias[channel];
        if (a.tail.residual)
            sum[j] += fl_float(((const T *)a.tail.residual)[i + j]);
    }
    fl_activate_all(a.tail.act, a.tail.alpha, sum);
    if (i + 4 <= a.n) {
        fl_store<T, 4>((T *)a.y + i, {{fl_to<T>(sum[0]), fl_to<T>(sum[1]), fl_to<T>(sum[2]), fl_to<T>(sum[3])}});
        return;
    }
    for (int j = 0; i + j < a.n; j++)
        ((T *)a.y)[i + j] = fl_to<T>(sum[j]);
}

#endif
