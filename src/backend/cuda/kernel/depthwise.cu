/* depthwise.cu - depthwise convolution.
 *
 * Memory bound everywhere, so the work is to read each input pixel as seldom as possible and 16 bytes at a time: a thread
 * makes a strip of STRIP neighbouring outputs of one row for the channels of one 16-byte vector. Per filter row it reads
 * the STRIP * S + K - S columns that the strip sees once, and slides over them. Neighbouring threads have neighbouring
 * channels, so a warp reads and writes whole lines. Strips of 1 are for small pictures, where threads are scarce.
 *
 * Other windows take a vector of channels of one output a thread, and what has another shape (channel multiplier, NCHW, odd
 * channels) one output a thread.
 */
#include "depthwise_args.h"
#include "device.cuh"

template <typename T> struct vector_of {
    static const int n = 16 / sizeof(T);
};

template <int N> FL_DEVICE void load_floats(float *to, const float *from)
{
#pragma unroll
    for (int i = 0; i < N; i += 4) {
        const fl_vec<float, 4> v = fl_load<float, 4>(from + i);
#pragma unroll
        for (int k = 0; k < 4; k++)
            to[i + k] = v.at[k];
    }
}

template <int N> FL_DEVICE void load_bias(float *to, const fl_depthwise_args &a, int c)
{
    if (a.tail.bias) {
        load_floats<N>(to, a.tail.bias + c);
        return;
    }
#pragma unroll
    for (int i = 0; i < N; i++)
        to[i] = 0;
}

/* The vector of y at `at`. */
template <typename T, int V> FL_DEVICE void finish(const fl_depthwise_args &a, i64 at, float (&sum)[V], const float *bias)
{
    fl_vec<T, V> out;

#pragma unroll
    for (int v = 0; v < V; v++)
        sum[v] += bias[v];
    if (a.tail.residual) {
        const fl_vec<T, V> residual = fl_load<T, V>((const T *)a.tail.residual + at);
#pragma unroll
        for (int v = 0; v < V; v++)
            sum[v] += fl_float(residual.at[v]);
    }
    fl_activate_all(a.tail.act, a.tail.alpha, sum);
#pragma unroll
    for (int v = 0; v < V; v++)
        out.at[v] = fl_to<T>(sum[v]);
    fl_store<T, V>((T *)a.y + at, out);
}

template <typename T, int K, int S, int STRIP> FL_DEVICE void strip(const fl_depthwise_args &a)
{
    const int V = vector_of<T>::n, COLUMNS = STRIP * S + K - S;
    const u32 index = blockIdx.x * blockDim.x + threadIdx.x;
    u32 vector, column, row;

    fl_wait_previous();
    fl_let_next_start();
    if (index >= a.threads)
        return;
    const u32 picture = fl_split(fl_split(fl_split(index, a.by_vectors, &vector), a.by_columns, &column), a.by_rows, &row);
    const int c = (int)vector * V, ox = (int)column * STRIP, oy = (int)row;
    const int y0 = oy * S - a.pad[0], x0 = ox * S - a.pad[1];
    const T *x = (const T *)a.x + (i64)picture * a.x_n + c;
    const float *filter = (const float *)a.filter + c;
    float sum[STRIP][V];

#pragma unroll
    for (int i = 0; i < STRIP; i++)
#pragma unroll
        for (int v = 0; v < V; v++)
            sum[i][v] = 0;
#pragma unroll
    for (int r = 0; r < K; r++) {
        const int y = y0 + r;
        if (y < 0 || y >= a.h)
            continue;
        fl_vec<T, V> in[COLUMNS];
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            const int xx = x0 + j;
            if (xx >= 0 && xx < a.w)
                in[j] = fl_load<T, V>(x + (i64)y * a.x_h + (i64)xx * a.x_w);
            else
#pragma unroll
                for (int v = 0; v < V; v++)
                    in[j].at[v] = T{};
        }
#pragma unroll
        for (int s = 0; s < K; s++) {
            float w[V];
            load_floats<V>(w, filter + (r * K + s) * a.out_channels);
#pragma unroll
            for (int i = 0; i < STRIP; i++)
#pragma unroll
                for (int v = 0; v < V; v++)
                    sum[i][v] += fl_float(in[i * S + s].at[v]) * w[v];
        }
    }

    float bias[V];
    load_bias<V>(bias, a, c);
#pragma unroll
    for (int i = 0; i < STRIP; i++) {
        if (ox + i >= a.out_w)
            break;
        finish<T, V>(a, (i64)picture * a.y_n + (i64)oy * a.y_h + (i64)(ox + i) * a.y_w + c, sum[i], bias);
    }
}

/* Any window. */
template <typename T> FL_DEVICE void vector(const fl_depthwise_args &a)
{
    const int V = vector_of<T>::n;
    const u32 index = blockIdx.x * blockDim.x + threadIdx.x;
    u32 place, column, row;
    float sum[V] = {}, w[V];

    fl_wait_previous();
    fl_let_next_start();
    if (index >= a.threads)
        return;
    const u32 picture = fl_split(fl_split(fl_split(index, a.by_vectors, &place), a.by_columns, &column), a.by_rows, &row);
    const int c = (int)place * V;
    const T *x = (const T *)a.x + (i64)picture * a.x_n + c;
    const float *filter = (const float *)a.filter + c;
    for (int r = 0; r < a.kernel[0]; r++) {
        const int y = (int)row * a.stride[0] - a.pad[0] + r * a.dilation[0];
        if (y < 0 || y >= a.h)
            continue;
        for (int s = 0; s < a.kernel[1]; s++) {
            const int xx = (int)column * a.stride[1] - a.pad[1] + s * a.dilation[1];
            if (xx < 0 || xx >= a.w)
                continue;
            const fl_vec<T, V> in = fl_load<T, V>(x + (i64)y * a.x_h + (i64)xx * a.x_w);
            load_floats<V>(w, filter + (r * a.kernel[1] + s) * a.out_channels);
#pragma unroll
            for (int v = 0; v < V; v++)
                sum[v] += fl_float(in.at[v]) * w[v];
        }
    }
    float bias[V];
    load_bias<V>(bias, a, c);
    finish<T, V>(a, (i64)picture * a.y_n + (i64)row * a.y_h + (i64)column * a.y_w + c, sum, bias);
}

template <typename T> FL_DEVICE void any(const fl_depthwise_args &a)
{
    const u32 index = blockIdx.x * blockDim.x + threadIdx.x;
    u32 channel, column, row;

    fl_wait_previous();
    fl_let_next_start();
    if (index >= a.threads)
        return;
    const u32 picture = fl_split(fl_split(fl_split(index, a.by_vectors, &channel), a.by_columns, &column), a.by_rows, &row);
    const T *x = (const T *)a.x + (i64)picture * a.x_n + (i64)((int)channel / a.multiplier) * a.x_c;
    float sum = 0;
    for (int r = 0; r < a.kernel[0]; r++) {
        const int y = (int)row * a.stride[0] - a.pad[0] + r * a.dilation[0];
        if (y < 0 || y >= a.h)
            continue;
        for (int s = 0; s < a.kernel[1]; s++) {
            const int xx = (int)column * a.stride[1] - a.pad[1] + s * a.dilation[1];
            if (xx < 0 || xx >= a.w)
                continue;
            const i64 f = (i64)(r * a.kernel[1] + s) * a.out_channels + channel;
            const float w = a.filter_half ? fl_float(((const T *)a.filter)[f]) : ((const float *)a.filter)[f];
            sum += fl_float(x[(i64)y * a.x_h + (i64)xx * a.x_w]) * w;
        }
    }
    const i64 at = (i64)picture * a.y_n + (i64)row * a.y_h + (i64)column * a.y_w + (i64)channel * a.y_c;
    if (a.tail.bias)
        sum += a.bias_half ? fl_float(((const T *)(const void *)a.tail.bias)[channel]) : a.tail.bias[channel];
    if (a.tail.residual)
        sum += fl_float(((const T *)a.tail.residual)[at]);
    ((T *)a.y)[at] = fl_to<T>(fl_activate(a.tail.act, a.tail.alpha, sum));
}

#define STRIPS(type, text, k, st)                                                                                 \
    FL_KERNEL(128, depthwise_k##k##s##st##_strip1_##text, fl_depthwise_args) { strip<type, k, st, 1>(a); }          \
    FL_KERNEL(128, depthwise_k##k##s##st##_strip4_##text, fl_depthwise_args) { strip<type, k, st, 4>(a); }
#define KERNELS(type, text)                                                            \
    STRIPS(type, text, 3, 1)                                                           \
    STRIPS(type, text, 3, 2)                                                           \
    STRIPS(type, text, 5, 1)                                                           \
    STRIPS(type, text, 5, 2)                                                           \
    FL_KERNEL(128, depthwise_vector_##text, fl_depthwise_args) { vector<type>(a); }   \
    FL_KERNEL(128, depthwise_any_##text, fl_depthwise_args) { any<type>(a); }

KERNELS(float, f32)
KERNELS(f16, f16)
KERNELS(bf16, bf16)
