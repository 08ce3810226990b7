/* softmax.cu - e^(x - max) / sum along any axis, in float.
 *
 *   rows      the axis is the last: a group of lanes takes a slice, lane i the values i, i + group, i + 2 * group, ..
 *   columns   lanes lie across neighbouring slices, rows of lanes along the axis; shared memory joins the rows
 *
 * As long as a slice is at most FL_SOFTMAX_EACH values a thread they are read once and stay in registers; longer ones
 * are read three times (for the maximum, the sum, the result), the later times mostly from the L2 cache.
 *
 * A NaN, or an infinite maximum, makes the whole slice NaN as the operator demands: x - max is NaN there and spreads by
 * the sum.
 */
#include "softmax_args.h"
#include "device.cuh"

#define EACH FL_SOFTMAX_EACH

FL_DEVICE float lowest() { return __uint_as_float(0xff800000u); } /* -inf */
FL_DEVICE float larger(float a, float b) { return b > a ? b : a; }

/* This thread's values of a slice: of `n`, those at part, part + parts, .. */
template <typename T> struct values {
    const T *x;
    u32      n, part, parts, step; /* step: elements from value to value */
    bool     kept;
    float    at[EACH];
};

template <typename T> FL_DEVICE void take(values<T> &v)
{
    v.kept = v.n <= EACH * v.parts;
    if (v.kept)
#pragma unroll
        for (u32 k = 0; k < EACH; k++)
            v.at[k] = v.part + k * v.parts < v.n ? fl_float(v.x[(v.part + k * v.parts) * v.step]) : lowest();
}

template <typename T> FL_DEVICE float highest_of(const values<T> &v)
{
    float highest = lowest();

    if (v.kept)
#pragma unroll
        for (int k = 0; k < EACH; k++)
            highest = larger(highest, v.at[k]);
    else
#pragma unroll 4
        for (u32 i = v.part; i < v.n; i += v.parts)
            highest = larger(highest, fl_float(v.x[i * v.step]));
    return highest;
}

/* Of e^(x - highest), which the kept values become. */
template <typename T> FL_DEVICE float sum_of(values<T> &v, float highest)
{
    float sum = 0;

    if (v.kept) {
#pragma unroll
        for (u32 k = 0; k < EACH; k++)
            if (v.part + k * v.parts < v.n) {
                v.at[k] = expf(v.at[k] - highest);
                sum += v.at[k];
            }
    } else {
#pragma unroll 4
        for (u32 i = v.part; i < v.n; i += v.parts)
            sum += expf(fl_float(v.x[i * v.step]) - highest);
    }
    return sum;
}

template <typename T> FL_DEVICE void give(const values<T> &v, T *y, float highest, float sum)
{
    if (v.kept) {
#pragma unroll
        for (u32 k = 0; k < EACH; k++)
            if (v.part + k * v.parts < v.n)
                y[(v.part + k * v.parts) * v.step] = fl_to<T>(v.at[k] / sum);
    } else {
#pragma unroll 4
        for (u32 i = v.part; i < v.n; i += v.parts)
            y[i * v.step] = fl_to<T>(expf(fl_float(v.x[i * v.step]) - highest) / sum);
    }
}

/* ---- rows */

template <bool SUM> FL_DEVICE float join_group(float value, u32 group, float *room)
{
    for (u32 with = min(group, 32u) / 2; with > 0; with /= 2) {
        const float other = __shfl_xor_sync(0xffffffffu, value, (int)with);
        value = SUM ? value + other : larger(value, other);
    }
    if (group > 32) {
        if (threadIdx.x % 32 == 0)
            room[threadIdx.x / 32] = value;
        __syncthreads();
        value = threadIdx.x % 32 < group / 32 ? room[threadIdx.x % 32] : SUM ? 0.0f : lowest();
        for (int with = 16; with > 0; with /= 2) {
            const float other = __shfl_xor_sync(0xffffffffu, value, with);
            value = SUM ? value + other : larger(value, other);
        }
    }
    return value;
}

template <typename T> FL_DEVICE void rows(const fl_softmax_args &a)
{
    FL_DYNAMIC_SHARED(shared); /* 32 floats for the maxima, 32 for the sums */
    const u32 group = 1u << a.log_group;
    const u32 slice = blockIdx.x * (blockDim.x >> a.log_group) + (threadIdx.x >> a.log_group);
    const bool valid = slice < a.slices;
    const u32 first = valid ? slice * a.n : 0;
    values<T> v;

    v.x = (const T *)a.x + first;
    v.n = valid ? a.n : 0;
    v.part = threadIdx.x & (group - 1);
    v.parts = group;
    v.step = 1;
    fl_wait_previous();
    fl_let_next_start();
    take(v);
    const float highest = join_group<false>(highest_of(v), group, (float *)shared);
    const float sum = join_group<true>(sum_of(v, highest), group, (float *)shared + 32);
    give(v, (T *)a.y + first, highest, sum);
}

FL_KERNEL(FL_SOFTMAX_THREADS, softmax_rows_f32, fl_softmax_args) { rows<float>(a); }
FL_KERNEL(FL_SOFTMAX_THREADS, softmax_rows_f16, fl_softmax_args) { rows<f16>(a); }
FL_KERNEL(FL_SOFTMAX_THREADS, softmax_rows_bf16, fl_softmax_args) { rows<bf16>(a); }

/* ---- columns */

template <bool SUM> FL_DEVICE float join_rows(float value, u32 lanes, float *room)
{
    room[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = FL_SOFTMAX_COLUMNS / 2; half >= lanes; half /= 2) {
        if (threadIdx.x < half) {
            const float a = room[threadIdx.x], b = room[threadIdx.x + half];
            room[threadIdx.x] = SUM ? a + b : larger(a, b);
        }
        __syncthreads();
    }
    return room[threadIdx.x & (lanes - 1)];
}

template <typename T> FL_DEVICE void columns(const fl_softmax_args &a)
{
    FL_DYNAMIC_SHARED(shared); /* FL_SOFTMAX_COLUMNS floats for the maxima, as many for the sums */
    const u32 lanes = 1u << a.log_group, slice = blockIdx.x * lanes + (threadIdx.x & (lanes - 1));
    const bool valid = slice < a.slices;
    u32 inside;
    const u32 outer = fl_split(valid ? slice : 0, a.inner, &inside), first = outer * a.n * a.inner.d + inside;
    values<T> v;

    v.x = (const T *)a.x + first;
    v.n = valid ? a.n : 0;
    v.part = threadIdx.x >> a.log_group;
    v.parts = FL_SOFTMAX_COLUMNS >> a.log_group;
    v.step = a.inner.d;
    fl_wait_previous();
    fl_let_next_start();
    take(v);
    const float highest = join_rows<false>(highest_of(v), lanes, (float *)shared);
    const float sum = join_rows<true>(sum_of(v, highest), lanes, (float *)shared + FL_SOFTMAX_COLUMNS);
    give(v, (T *)a.y + first, highest, sum);
}

FL_KERNEL(FL_SOFTMAX_COLUMNS, softmax_columns_f32, fl_softmax_args) { columns<float>(a); }
FL_KERNEL(FL_SOFTMAX_COLUMNS, softmax_columns_f16, fl_softmax_args) { columns<f16>(a); }
FL_KERNEL(FL_SOFTMAX_COLUMNS, softmax_columns_bf16, fl_softmax_args) { columns<bf16>(a); }
