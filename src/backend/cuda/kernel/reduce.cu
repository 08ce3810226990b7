/* reduce.cu - sums, products, extremes and means over any set of axes.
 *
 * What matters is the kind of x's innermost axis:
 *
 *   columns   kept. Lanes lie across outputs, 16 bytes each, so that a warp reads whole lines; a block has several rows
 *             of lanes, each of which folds every such-and-such place, and shared memory joins them:
 *
 *                       outputs of a tile ->
 *               lane     0   1   2 ..      places 0, 4, 8, ..
 *             (places)   *   *   *         places 1, 5, 9, ..        joined in a tree: 4 rows, 2 rows, 1 row
 *
 *   rows      reduced. A group of lanes (a part of a warp, or a block) folds the places of one output and joins by
 *             shuffles.
 *
 * Few outputs of many places would leave the GPU idle: these are cut into chunks, a block each. A block leaves its part
 * in memory and counts itself; the one that comes last folds the parts, in their order. So every order is fixed by the
 * shapes alone: the same bits on every run.
 *
 * Sums are float. Products, whose range is the trouble, and all other types take reduce_any: double or 64-bit whole
 * numbers, a group of lanes per output, no vectors.
 */
#include "reduce_args.h"
#include "device.cuh"

#define EACH 4 /* loads before the first is used */

/* Minima are maxima of what is negated on the way in and out. */
template <bool SUM> FL_DEVICE float fold(const fl_reduce_args &a, float acc, float v)
{
    if (SUM)
        return acc + v;
    return (v > acc) | ((v != v) & (a.keep_nan != 0)) ? v : acc;
}

/* Elements from x to place i. */
FL_DEVICE u32 place_at(const fl_reduce_view &v, u32 i)
{
    u32 at = 0, rest = i, place;

#pragma unroll 1
    for (int k = 0; k + 1 < v.rank; k++) {
        rest = fl_split(rest, v.dim[k], &place);
        at += place * (u32)v.stride[k];
    }
    return v.rank ? at + rest * (u32)v.stride[v.rank - 1] : 0;
}

/* Whether this block is the last of its tile's to come here; then it sees what the others wrote. */
FL_DEVICE bool is_last(const fl_reduce_args &a, u32 tile, u32 *ticket)
{
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        *ticket = atomicAdd(a.counters + tile, 1u);
        if (*ticket + 1 == a.chunks.d)
            a.counters[tile] = 0;
    }
    __syncthreads();
    __threadfence();
    return *ticket + 1 == a.chunks.d;
}

/* ---- columns */

/* Joins the rows of lanes; row 0 has the result. A row is `lanes` long. */
template <int V, bool SUM> FL_DEVICE void join_rows(const fl_reduce_args &a, float (&acc)[V], float *room, u32 lanes)
{
    const u32 row = threadIdx.x / lanes, rows = FL_REDUCE_THREADS / lanes;

    for (u32 half = rows / 2; half > 0; half /= 2) {
        if (row >= half && row < 2 * half)
#pragma unroll
            for (int k = 0; k < V; k++)
                room[k * FL_REDUCE_THREADS + threadIdx.x] = acc[k];
        __syncthreads();
        if (row < half)
#pragma unroll
            for (int k = 0; k < V; k++)
                acc[k] = fold<SUM>(a, acc[k], room[k * FL_REDUCE_THREADS + threadIdx.x + half * lanes]);
    }
    __syncthreads(); /* room may be written again */
}

template <typename T, int V, bool SUM> FL_DEVICE void columns(const fl_reduce_args &a, float *room)
{
    const u32 lanes = 1u << a.log_group, lane = threadIdx.x & (lanes - 1), row = threadIdx.x >> a.log_group;
    const u32 rows = FL_REDUCE_THREADS >> a.log_group;
    u32 chunk;
    const u32 tile = fl_split(blockIdx.x, a.chunks, &chunk), output = tile * lanes + lane;
    const u32 end = min(a.folded, (chunk + 1) * a.chunk);
    const bool valid = output < a.outputs;
    const T *const x = (const T *)a.x + (valid ? place_at(a.kept, output) : 0);
    float acc[V];

#pragma unroll
    for (int k = 0; k < V; k++)
        acc[k] = a.start;
    if (valid) {
        for (u32 i = chunk * a.chunk + row; i < end; i += EACH * rows) {
            fl_vec<T, V> v[EACH];
#pragma unroll
            for (u32 m = 0; m < EACH; m++)
                if (i + m * rows < end)
                    v[m] = fl_load<T, V>(x + place_at(a.reduced, i + m * rows));
#pragma unroll
            for (u32 m = 0; m < EACH; m++)
                if (i + m * rows < end)
#pragma unroll
                    for (int k = 0; k < V; k++)
                        acc[k] = fold<SUM>(a, acc[k], a.sign * fl_float(v[m].at[k]));
        }
    }
    join_rows<V, SUM>(a, acc, room, lanes);
    if (a.chunks.d > 1) {
        volatile float *const partial = a.partial + (tile * a.chunks.d * lanes + lane) * V;
        if (row == 0)
#pragma unroll
            for (int k = 0; k < V; k++)
                partial[chunk * lanes * V + k] = acc[k];
        if (!is_last(a, tile, (u32 *)room))
            return;
#pragma unroll
        for (int k = 0; k < V; k++)
            acc[k] = a.start;
        for (u32 i = row; i < a.chunks.d; i += rows)
#pragma unroll
            for (int k = 0; k < V; k++)
                acc[k] = fold<SUM>(a, acc[k], partial[i * lanes * V + k]);
        __syncthreads(); /* room held the ticket */
        join_rows<V, SUM>(a, acc, room, lanes);
    }
    if (row == 0 && valid) {
        fl_vec<T, V> v;
#pragma unroll
        for (int k = 0; k < V; k++)
            v.at[k] = fl_to<T>(a.sign * acc[k] / a.divisor);
        fl_store<T, V>((T *)a.y + output * V, v);
    }
}

template <typename T, bool SUM> FL_DEVICE void reduce_columns(const fl_reduce_args &a)
{
    FL_DYNAMIC_SHARED(shared);

    fl_wait_previous();
    fl_let_next_start();
    if (a.vector)
        columns<T, 16 / sizeof(T), SUM>(a, (float *)shared);
    else
        columns<T, 1, SUM>(a, (float *)shared);
}

/* ---- rows */

/* Joins the lanes of a group; all have the result, of a group that is the block only thread 0. */
template <bool SUM> FL_DEVICE float join_group(const fl_reduce_args &a, float acc, u32 group, float *room)
{
    for (u32 with = min(group, 32u) / 2; with > 0; with /= 2)
        acc = fold<SUM>(a, acc, __shfl_xor_sync(0xffffffffu, acc, (int)with));
    if (group > 32) {
        if (threadIdx.x % 32 == 0)
            room[threadIdx.x / 32] = acc;
        __syncthreads();
        if (threadIdx.x < 32) {
            acc = threadIdx.x < FL_REDUCE_THREADS / 32 ? room[threadIdx.x] : a.start;
            for (int with = FL_REDUCE_THREADS / 64; with > 0; with /= 2)
                acc = fold<SUM>(a, acc, __shfl_xor_sync(0xffffffffu, acc, with));
        }
        __syncthreads(); /* room may be written again */
    }
    return acc;
}

template <typename T, int V, bool SUM> FL_DEVICE void rows(const fl_reduce_args &a, float *room)
{
    const u32 group = 1u << a.log_group, lane = threadIdx.x & (group - 1);
    u32 chunk;
    const u32 tile = fl_split(blockIdx.x, a.chunks, &chunk);
    const u32 output = tile * (FL_REDUCE_THREADS >> a.log_group) + (threadIdx.x >> a.log_group);
    const u32 end = min(a.folded, (chunk + 1) * a.chunk);
    const bool valid = output < a.outputs;
    const T *const x = (const T *)a.x + (valid ? place_at(a.kept, output) : 0);
    float acc = a.start;

    if (valid) {
        for (u32 i = chunk * a.chunk + lane; i < end; i += EACH * group) {
            fl_vec<T, V> v[EACH];
#pragma unroll
            for (u32 m = 0; m < EACH; m++)
                if (i + m * group < end)
                    v[m] = fl_load<T, V>(x + place_at(a.reduced, i + m * group));
#pragma unroll
            for (u32 m = 0; m < EACH; m++)
                if (i + m * group < end)
#pragma unroll
                    for (int k = 0; k < V; k++)
                        acc = fold<SUM>(a, acc, a.sign * fl_float(v[m].at[k]));
        }
    }
    acc = join_group<SUM>(a, acc, group, room);
    if (a.chunks.d > 1) { /* the group is the block */
        volatile float *const partial = a.partial + tile * a.chunks.d;
        if (threadIdx.x == 0)
            partial[chunk] = acc;
        if (!is_last(a, tile, (u32 *)room))
            return;
        acc = a.start;
        for (u32 i = threadIdx.x; i < a.chunks.d; i += FL_REDUCE_THREADS)
            acc = fold<SUM>(a, acc, partial[i]);
        __syncthreads(); /* room held the ticket */
        acc = join_group<SUM>(a, acc, group, room);
    }
    if (valid && lane == 0)
        ((T *)a.y)[output] = fl_to<T>(a.sign * acc / a.divisor);
}

template <typename T, bool SUM> FL_DEVICE void reduce_rows(const fl_reduce_args &a)
{
    FL_DYNAMIC_SHARED(shared);

    fl_wait_previous();
    fl_let_next_start();
    if (a.vector)
        rows<T, 16 / sizeof(T), SUM>(a, (float *)shared);
    else
        rows<T, 1, SUM>(a, (float *)shared);
}

#define KERNEL(name) FL_KERNEL_BLOCKS(FL_REDUCE_THREADS, 4, name, fl_reduce_args) /* 64 registers: no spills */
#define KERNELS(T, dtype)                                              \
    KERNEL(reduce_sum_columns_##dtype) { reduce_columns<T, true>(a); }  \
    KERNEL(reduce_max_columns_##dtype) { reduce_columns<T, false>(a); } \
    KERNEL(reduce_sum_rows_##dtype) { reduce_rows<T, true>(a); }        \
    KERNEL(reduce_max_rows_##dtype) { reduce_rows<T, false>(a); }
KERNELS(float, f32)
KERNELS(f16, f16)
KERNELS(bf16, bf16)

/* ---- any */

/* One value, as the kernel's type says. */
struct number {
    double f;
    i64    i;
};

FL_DEVICE bool is_float(int type) { return type <= FL_ANY_F64; }

FL_DEVICE number load_number(int type, const void *x, u32 at)
{
    number v = {0, 0};

    switch (type) {
    case FL_ANY_F32:  v.f = ((const float *)x)[at]; break;
    case FL_ANY_F16:  v.f = fl_float(((const f16 *)x)[at]); break;
    case FL_ANY_BF16: v.f = fl_float(((const bf16 *)x)[at]); break;
    case FL_ANY_F64:  v.f = ((const double *)x)[at]; break;
    case FL_ANY_I8:   v.i = ((const signed char *)x)[at]; break;
    case FL_ANY_U8:   v.i = ((const u8 *)x)[at]; break;
    case FL_ANY_I16:  v.i = ((const short *)x)[at]; break;
    case FL_ANY_U16:  v.i = ((const u16 *)x)[at]; break;
    case FL_ANY_I32:  v.i = ((const int *)x)[at]; break;
    case FL_ANY_U32:  v.i = ((const u32 *)x)[at]; break;
    default:          v.i = ((const i64 *)x)[at]; break;
    }
    return v;
}

FL_DEVICE void store_number(int type, void *y, u32 at, const number &v)
{
    switch (type) {
    case FL_ANY_F32:  ((float *)y)[at] = (float)v.f; break;
    case FL_ANY_F16:  ((f16 *)y)[at] = fl_to<f16>((float)v.f); break;
    case FL_ANY_BF16: ((bf16 *)y)[at] = fl_to<bf16>((float)v.f); break;
    case FL_ANY_F64:  ((double *)y)[at] = v.f; break;
    case FL_ANY_I8:
    case FL_ANY_U8:   ((u8 *)y)[at] = (u8)v.i; break;
    case FL_ANY_I16:
    case FL_ANY_U16:  ((u16 *)y)[at] = (u16)v.i; break;
    case FL_ANY_I32:
    case FL_ANY_U32:  ((u32 *)y)[at] = (u32)v.i; break;
    default:          ((i64 *)y)[at] = v.i; break;
    }
}

/* Whole sums and products wrap. */
FL_DEVICE number fold_numbers(int type, int how, const number &a, const number &b)
{
    number v = a;

    if (is_float(type)) {
        switch (how) {
        case FL_FOLD_SUM:  v.f = a.f + b.f; break;
        case FL_FOLD_PROD: v.f = a.f * b.f; break;
        case FL_FOLD_MAX:  v.f = b.f > a.f || b.f != b.f ? b.f : a.f; break;
        default:           v.f = b.f < a.f || b.f != b.f ? b.f : a.f; break;
        }
    } else {
        switch (how) {
        case FL_FOLD_SUM:  v.i = (i64)((u64)a.i + (u64)b.i); break;
        case FL_FOLD_PROD: v.i = (i64)((u64)a.i * (u64)b.i); break;
        case FL_FOLD_MAX:  v.i = b.i > a.i ? b.i : a.i; break;
        default:           v.i = b.i < a.i ? b.i : a.i; break;
        }
    }
    return v;
}

FL_DEVICE void any(const fl_reduce_any_args &a)
{
    FL_DYNAMIC_SHARED(shared);
    number *const room = (number *)shared; /* one a warp */
    const u32 group = 1u << a.log_group, lane = threadIdx.x & (group - 1);
    const u32 output = blockIdx.x * (FL_REDUCE_THREADS >> a.log_group) + (threadIdx.x >> a.log_group);
    const bool valid = output < a.outputs;
    number acc = {a.f_start, a.i_start};

    fl_wait_previous();
    fl_let_next_start();
    if (valid) {
        const u32 from = place_at(a.kept, output);
        for (u32 i = lane; i < a.folded; i += group)
            acc = fold_numbers(a.type, a.fold, acc, load_number(a.type, a.x, from + place_at(a.reduced, i)));
    }
    for (u32 with = min(group, 32u) / 2; with > 0; with /= 2) {
        const number other = {__shfl_xor_sync(0xffffffffu, acc.f, (int)with),
                              __shfl_xor_sync(0xffffffffu, acc.i, (int)with)};
        acc = fold_numbers(a.type, a.fold, acc, other);
    }
    if (group > 32) {
        if (threadIdx.x % 32 == 0)
            room[threadIdx.x / 32] = acc;
        __syncthreads();
        for (int i = 1; threadIdx.x == 0 && i < FL_REDUCE_THREADS / 32; i++)
            acc = fold_numbers(a.type, a.fold, acc, room[i]);
    }
    if (valid && lane == 0) {
        if (a.mean) {
            acc.f /= (double)a.folded;
            acc.i = a.folded ? acc.i / (i64)a.folded : 0;
        }
        store_number(a.type, a.y, output, acc);
    }
}

FL_KERNEL(FL_REDUCE_THREADS, reduce_any, fl_reduce_any_args) { any(a); }
