/* move.cu - kernels that move elements of any type: strided copies, pad, concat, transposes in tiles, channel blocks.
 *
 * All are bound by memory. What differs is who touches memory in order:
 *
 *     strided, pad,     a thread per unit of y in y's order, up to four of them at a distance of the block's size, all
 *     concat, reorder   loads before the first store; where a unit of x lies follows from divisions by constants of the
 *                       launch
 *     tile              x is read and y is written in order, 4 bytes a lane, with shared memory between the two:
 *
 *         x: a ->                 tile                    y: b ->
 *         b  [b0: a0 a1 ..]       lines of a, one         a  [a0: b0 b1 ..]
 *         |  [b1: a0 a1 ..]  ->   word apart       ->     |  [a1: b0 b1 ..]
 *
 * Elements of 1 and 2 bytes go in packs of 4 and 2 where both pictures' lines are whole words.
 */
#include "move_args.h"
#include "device.cuh"

typedef fl_vec<u32, 4> u128;

/* The first unit of this thread; the others follow FL_MOVE_THREADS apart. */
FL_DEVICE u32 first_unit(int each) { return blockIdx.x * (u32)(FL_MOVE_THREADS * each) + threadIdx.x; }

/* ---- strided */

FL_DEVICE int strided_place(const fl_move_strided_args &a, u32 i)
{
    u32 at = 0, rest = i, place;

    for (int k = 0; k + 1 < a.rank; k++) {
        rest = fl_split(rest, a.dim[k], &place);
        at += place * (u32)a.stride[k];
    }
    return (int)(at + rest * (u32)a.stride[a.rank - 1]);
}

template <typename T> FL_DEVICE void strided(const fl_move_strided_args &a)
{
    const u32 first = first_unit(a.each);
    T unit[FL_MOVE_EACH];

    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int k = 0; k < FL_MOVE_EACH; k++) {
        const u32 i = first + k * FL_MOVE_THREADS;
        if (k < a.each && i < a.n)
            unit[k] = ((const T *)a.x)[strided_place(a, i)];
    }
#pragma unroll
    for (int k = 0; k < FL_MOVE_EACH; k++) {
        const u32 i = first + k * FL_MOVE_THREADS;
        if (k < a.each && i < a.n)
            ((T *)a.y)[i] = unit[k];
    }
}

FL_KERNEL(FL_MOVE_THREADS, move_strided_b1, fl_move_strided_args) { strided<u8>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_strided_b2, fl_move_strided_args) { strided<u16>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_strided_b4, fl_move_strided_args) { strided<u32>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_strided_b8, fl_move_strided_args) { strided<u64>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_strided_b16, fl_move_strided_args) { strided<u128>(a); }

/* ---- pad */

/* Whether unit i of y comes from x, and from where. */
FL_DEVICE bool pad_place(const fl_move_pad_args &a, u32 i, int *at)
{
    u32 rest = i, place;
    bool inside = true;

    *at = 0;
    for (int k = 0; k < a.rank; k++) {
        rest = fl_split(rest, a.dim[k], &place);
        place -= (u32)a.before[k];
        inside = inside && place < a.x_dim[k];
        *at += (int)(place * (u32)a.stride[k]);
    }
    return inside;
}

template <typename T> FL_DEVICE void pad(const fl_move_pad_args &a)
{
    const u32 first = first_unit(a.each);
    u128 value;
    T unit[FL_MOVE_EACH];

#pragma unroll
    for (int k = 0; k < 4; k++)
        value.at[k] = a.value[k];
    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int k = 0; k < FL_MOVE_EACH; k++) {
        const u32 i = first + k * FL_MOVE_THREADS;
        int at;
        unit[k] = *(const T *)&value;
        if (k < a.each && i < a.n && pad_place(a, i, &at))
            unit[k] = ((const T *)a.x)[at];
    }
#pragma unroll
    for (int k = 0; k < FL_MOVE_EACH; k++) {
        const u32 i = first + k * FL_MOVE_THREADS;
        if (k < a.each && i < a.n)
            ((T *)a.y)[i] = unit[k];
    }
}

FL_KERNEL(FL_MOVE_THREADS, move_pad_b1, fl_move_pad_args) { pad<u8>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_pad_b2, fl_move_pad_args) { pad<u16>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_pad_b4, fl_move_pad_args) { pad<u32>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_pad_b8, fl_move_pad_args) { pad<u64>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_pad_b16, fl_move_pad_args) { pad<u128>(a); }

/* ---- concat */

template <typename T> FL_DEVICE void concat(const fl_move_concat_args &a)
{
    const u32 first = first_unit(a.each);
    T unit[FL_MOVE_EACH];
    u32 to[FL_MOVE_EACH];

    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int k = 0; k < FL_MOVE_EACH; k++) {
        const u32 i = first + k * FL_MOVE_THREADS;
        if (k < a.each && i < a.n) {
            u32 column;
            const u32 row = fl_split(i, a.columns, &column);
            int in = 0;
            column += a.from[0];
            while (column >= a.from[in + 1])
                in++;
            unit[k] = ((const T *)a.x[in])[row * (a.from[in + 1] - a.from[in]) + (column - a.from[in])];
            to[k] = row * a.y_row + column;
        }
    }
#pragma unroll
    for (int k = 0; k < FL_MOVE_EACH; k++)
        if (k < a.each && first + k * FL_MOVE_THREADS < a.n)
            ((T *)a.y)[to[k]] = unit[k];
}

FL_KERNEL(FL_MOVE_THREADS, move_concat_b1, fl_move_concat_args) { concat<u8>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_concat_b2, fl_move_concat_args) { concat<u16>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_concat_b4, fl_move_concat_args) { concat<u32>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_concat_b8, fl_move_concat_args) { concat<u64>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_concat_b16, fl_move_concat_args) { concat<u128>(a); }

/* ---- tile. Pack: what a lane reads and writes of memory at once, P elements T. */

template <typename T, typename Pack, u32 LOG_P> FL_DEVICE void tile(const fl_move_tile_args &a)
{
    FL_DYNAMIC_SHARED(shared);
    const u32 P = 1u << LOG_P, EACH = (FL_MOVE_TILE_UNITS(sizeof(T)) >> LOG_P) / FL_MOVE_THREADS;
    const u32 line = FL_MOVE_TILE_LINE(a.log_a, sizeof(T));
    T *const room = (T *)shared;
    Pack from[EACH];
    u32 tile_a, tile_b, place, x_at = 0, y_at = 0;

    u32 rest = fl_split(fl_split(blockIdx.x, a.tiles_a, &tile_a), a.tiles_b, &tile_b);
    for (int k = 0; k < a.rank; k++) {
        rest = fl_split(rest, a.dim[k], &place);
        x_at += place * (u32)a.x_stride[k];
        y_at += place * (u32)a.y_stride[k];
    }
    const u32 a0 = tile_a << a.log_a, b0 = tile_b << a.log_b;
    const T *const x = (const T *)a.x + x_at + a0 + b0 * (u32)a.x_step;
    T *const y = (T *)a.y + y_at + b0 + a0 * (u32)a.y_step;

    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (u32 k = 0; k < EACH; k++) {
        const u32 i = k * FL_MOVE_THREADS + threadIdx.x;
        const u32 u = (i & ((1u << (a.log_a - LOG_P)) - 1)) << LOG_P, v = i >> (a.log_a - LOG_P);
        if (a0 + u < a.a && b0 + v < a.b)
            from[k] = *(const Pack *)(x + v * (u32)a.x_step + u);
    }
#pragma unroll
    for (u32 k = 0; k < EACH; k++) {
        const u32 i = k * FL_MOVE_THREADS + threadIdx.x;
        const u32 u = (i & ((1u << (a.log_a - LOG_P)) - 1)) << LOG_P, v = i >> (a.log_a - LOG_P);
        if (a0 + u < a.a && b0 + v < a.b)
            *(Pack *)(room + v * line + u) = from[k];
    }
    __syncthreads();
#pragma unroll
    for (u32 m = 0; m < EACH; m++) {
        const u32 i = m * FL_MOVE_THREADS + threadIdx.x;
        const u32 v = (i & ((1u << (a.log_b - LOG_P)) - 1)) << LOG_P, u = i >> (a.log_b - LOG_P);
        if (a0 + u < a.a && b0 + v < a.b) {
            fl_vec<T, 1 << LOG_P> pack;
#pragma unroll
            for (u32 k = 0; k < P; k++)
                pack.at[k] = room[(v + k) * line + u];
            fl_store<T, 1 << LOG_P>(y + u * (u32)a.y_step + v, pack);
        }
    }
}

FL_KERNEL(FL_MOVE_THREADS, move_tile_b1, fl_move_tile_args) { tile<u8, u8, 0>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_tile_b1x4, fl_move_tile_args) { tile<u8, u32, 2>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_tile_b2, fl_move_tile_args) { tile<u16, u16, 0>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_tile_b2x2, fl_move_tile_args) { tile<u16, u32, 1>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_tile_b4, fl_move_tile_args) { tile<u32, u32, 0>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_tile_b8, fl_move_tile_args) { tile<u64, u64, 0>(a); }

/* ---- reorder */

template <typename T> FL_DEVICE void reorder(const fl_move_reorder_args &a)
{
    const u32 first = first_unit(a.each);

    fl_wait_previous();
    fl_let_next_start();
    for (int k = 0; k < a.each; k++) {
        const u32 i = first + k * FL_MOVE_THREADS;
        u32 in_picture, in_block, inside_y, inside_x;
        if (i >= a.n)
            break;
        const u32 picture = fl_split(i, a.y_picture, &in_picture);
        const u32 block = fl_split(in_picture, a.y_block, &in_block);
        const u32 pixel = fl_split(in_block, a.y_b, &inside_y);
        const u32 c = block * a.y_b.d + inside_y;
        const u32 x_block = fl_split(c, a.x_b, &inside_x);
        T unit = T();
        if (c < a.channels)
            unit = ((const T *)a.x)[picture * a.x_picture + (x_block * a.pixels + pixel) * a.x_b.d + inside_x];
        ((T *)a.y)[i] = unit;
    }
}

FL_KERNEL(FL_MOVE_THREADS, move_reorder_b1, fl_move_reorder_args) { reorder<u8>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_reorder_b2, fl_move_reorder_args) { reorder<u16>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_reorder_b4, fl_move_reorder_args) { reorder<u32>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_reorder_b8, fl_move_reorder_args) { reorder<u64>(a); }
FL_KERNEL(FL_MOVE_THREADS, move_reorder_b16, fl_move_reorder_args) { reorder<u128>(a); }
