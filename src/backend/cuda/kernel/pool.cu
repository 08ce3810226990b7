/* pool.cu - maximum or average over sliding windows.
 *
 * A thread does the windows of one column, for the channels of one 16-byte vector and FL_POOL_ROWS rows of windows, one
 * below the other. It walks down the input rows that these windows see, folds the cells of each row once (three loads
 * on their way at a time) and the result into every window that holds the row:
 *
 *      input rows   0 1 2 3 4          3x3 by 2: rows 0 to 2 make window 0, rows 2 to 4 window 1
 *      window 0     * * *              the cells of row 2 are read and folded once
 *      window 1         * * *
 *
 * Neighbouring threads have neighbouring vectors, then neighbouring columns, so a warp reads whole lines and what
 * windows share from left to right comes from the L1 cache. NCHW and odd channel counts take the same way with one
 * element a thread.
 *
 * Cells outside count for nothing. A maximum starts at the lowest finite value of the type and does not see NaN, as
 * TensorFlow's does.
 */
#include "pool_args.h"
#include "device.cuh"

#define LOADS 3

template <bool MAX> FL_DEVICE float fold(float a, float b) { return MAX ? (b > a ? b : a) : a + b; }

/* Folds `n` cells, `step` elements apart, into row. */
template <typename T, int V, bool MAX> FL_DEVICE void fold_cells(float (&row)[V], const T *x, int n, int step)
{
    for (int i = 0; i < n; i += LOADS) {
        fl_vec<T, V> cell[LOADS];
#pragma unroll
        for (int k = 0; k < LOADS; k++)
            if (i + k < n)
                cell[k] = fl_load<T, V>(x + (i + k) * step);
#pragma unroll
        for (int k = 0; k < LOADS; k++)
            if (i + k < n)
#pragma unroll
                for (int v = 0; v < V; v++)
                    row[v] = fold<MAX>(row[v], fl_float(cell[k].at[v]));
    }
}

template <typename T, int V, bool MAX> FL_DEVICE void pool(const fl_pool_args &a)
{
    const u32 index = blockIdx.x * blockDim.x + threadIdx.x;
    u32 unit, column, group;

    fl_wait_previous();
    fl_let_next_start();
    if (index >= a.threads)
        return;
    const u32 picture = fl_split(fl_split(fl_split(index, a.units, &unit), a.out_width, &column), a.groups, &group);
    const int first = (int)group * a.rows, rows = min(a.rows, a.out_height - first);
    const int top = first * a.stride_h - a.pad_top, bottom = top + (rows - 1) * a.stride_h + a.kernel_h;
    const int left = max((int)column * a.stride_w - a.pad_left, 0);
    const int right = min((int)column * a.stride_w - a.pad_left + a.kernel_w, a.width);
    const u32 line = (u32)(a.width * a.pixel), out_line = a.out_width.d * (u32)a.pixel;
    const T *const x = (const T *)a.x + picture * (u32)a.height * line + (u32)(left * a.pixel) + unit * V;
    const float start = MAX ? a.lowest : 0.0f;
    float acc[FL_POOL_ROWS][V];

#pragma unroll
    for (int k = 0; k < FL_POOL_ROWS; k++)
#pragma unroll
        for (int v = 0; v < V; v++)
            acc[k][v] = start;
    for (int at = max(top, 0); at < min(bottom, a.height); at++) {
        float row[V];
#pragma unroll
        for (int v = 0; v < V; v++)
            row[v] = start;
        fold_cells<T, V, MAX>(row, x + (u32)at * line, right - left, a.pixel);
#pragma unroll
        for (int k = 0; k < FL_POOL_ROWS; k++)
            if (at >= top + k * a.stride_h && at < top + k * a.stride_h + a.kernel_h)
#pragma unroll
                for (int v = 0; v < V; v++)
                    acc[k][v] = fold<MAX>(acc[k][v], row[v]);
    }
    T *const y = (T *)a.y + (picture * (u32)a.out_height + (u32)first) * out_line + column * (u32)a.pixel + unit * V;
#pragma unroll
    for (int k = 0; k < FL_POOL_ROWS; k++) {
        if (k >= rows)
            break;
        const int begin = top + k * a.stride_h;
        const int cells = (min(begin + a.kernel_h, a.height) - max(begin, 0)) * (right - left);
        fl_vec<T, V> out;
#pragma unroll
        for (int v = 0; v < V; v++)
            out.at[v] = fl_to<T>(MAX ? acc[k][v] : acc[k][v] / (float)cells);
        fl_store<T, V>(y + (u32)k * out_line, out);
    }
}

#define KERNELS(T, dtype)                                                                           \
    FL_KERNEL(FL_POOL_THREADS, pool_max_vectors_##dtype, fl_pool_args) { pool<T, 16 / sizeof(T), true>(a); }  \
    FL_KERNEL(FL_POOL_THREADS, pool_avg_vectors_##dtype, fl_pool_args) { pool<T, 16 / sizeof(T), false>(a); } \
    FL_KERNEL(FL_POOL_THREADS, pool_max_elements_##dtype, fl_pool_args) { pool<T, 1, true>(a); }              \
    FL_KERNEL(FL_POOL_THREADS, pool_avg_elements_##dtype, fl_pool_args) { pool<T, 1, false>(a); }
KERNELS(float, f32)
KERNELS(f16, f16)
KERNELS(bf16, bf16)
