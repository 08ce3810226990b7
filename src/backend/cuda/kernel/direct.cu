/* direct.cu - convolutions, transposed convolutions and integer products that take any shape: one output a thread, and what
 * is read twice comes from the caches. Slow and complete.
 *
 * grouped: convolutions in groups, NHWC, channels of a group in vectors of 4. A thread makes 4 output channels of 4
 * neighbouring pixels: 64 multiplications for 8 reads of 16 bytes. Neighbouring threads have neighbouring channels, of the
 * same group or of the next, so a warp reads x and filter in whole lines.
 */
#include "direct_args.h"
#include "device.cuh"

struct place {
    u32 picture, row, column, channel;
};

FL_DEVICE place place_of(const fl_direct_args &a, u32 i)
{
    u32 inner, middle, outer;
    const u32 picture = fl_split(fl_split(fl_split(i, a.by_inner, &inner), a.by_middle, &middle), a.by_outer, &outer);

    if (a.nchw)
        return {picture, middle, inner, outer};
    return {picture, outer, middle, inner};
}

template <typename T> FL_DEVICE float filter_at(const fl_direct_args &a, u32 i)
{
    return a.filter_half ? fl_float(((const T *)a.filter)[i]) : ((const float *)a.filter)[i];
}

/* Taps of the same place in x: the channels' sum. */
template <typename T> FL_DEVICE float sum_channels(const fl_direct_args &a, u32 x, u32 filter)
{
    float sum = 0;

    for (u32 c = 0; c < a.group_in; c++)
        sum += fl_float(((const T *)a.x)[x + c * a.x_c]) * filter_at<T>(a, filter + c * a.f_in);
    return sum;
}

template <typename T> FL_DEVICE void finish(const fl_direct_args &a, u32 i, u32 channel, float sum)
{
    if (a.tail.bias)
        sum += a.bias_half ? fl_float(((const T *)(const void *)a.tail.bias)[channel]) : a.tail.bias[channel];
    if (a.tail.residual)
        sum += fl_float(((const T *)a.tail.residual)[i]);
    ((T *)a.y)[i] = fl_to<T>(fl_activate(a.tail.act, a.tail.alpha, sum));
}

template <typename T> FL_DEVICE void direct(const fl_direct_args &a)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    u32 out;
    float sum = 0;

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.threads)
        return;
    const place p = place_of(a, i);
    const u32 x0 = p.picture * a.x_n + fl_split(p.channel, a.by_group, &out) * a.group_in * a.x_c;
    for (int r = 0; r < a.kernel[0]; r++) {
        const u32 y = p.row * a.stride[0] - a.pad[0] + r * a.dilation[0];
        if (y >= a.h)
            continue;
        for (int s = 0; s < a.kernel[1]; s++) {
            const u32 x = p.column * a.stride[1] - a.pad[1] + s * a.dilation[1];
            if (x < a.w)
                sum += sum_channels<T>(a, x0 + y * a.x_h + x * a.x_w, (r * a.kernel[1] + s) * a.f_tap + p.channel * a.f_out);
        }
    }
    finish<T>(a, i, p.channel, sum);
}

/* The place in x whose tap reaches `at` of y, as a number >= size if there is none. */
FL_DEVICE u32 source_of(int at, int stride)
{
    return at < 0 || at % stride ? 0xffffffffu : (u32)(at / stride);
}

template <typename T> FL_DEVICE void direct_transpose(const fl_direct_args &a)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.threads)
        return;
    const place p = place_of(a, i);
    for (int r = 0; r < a.kernel[0]; r++) {
        const u32 y = source_of((int)p.row + a.pad[0] - r * a.dilation[0], a.stride[0]);
        if (y >= a.h)
            continue;
        for (int s = 0; s < a.kernel[1]; s++) {
            const u32 x = source_of((int)p.column + a.pad[1] - s * a.dilation[1], a.stride[1]);
            if (x < a.w)
                sum += sum_channels<T>(a, p.picture * a.x_n + y * a.x_h + x * a.x_w,
                                       (r * a.kernel[1] + s) * a.f_tap + p.channel * a.f_out);
        }
    }
    finish<T>(a, i, p.channel, sum);
}

/* ---- grouped */

template <typename T> FL_DEVICE fl_vec<float, 4> load_floats(const T *p, bool there)
{
    fl_vec<float, 4> out = {};

    if (there) {
        const fl_vec<T, 4> v = fl_load<T, 4>(p);
#pragma unroll
        for (int i = 0; i < 4; i++)
            out.at[i] = fl_float(v.at[i]);
    }
    return out;
}

/* One tap: `pixel` are the places in x, of the group's first channel. */
template <typename T>
FL_DEVICE void grouped_tap(const fl_direct_args &a, const u32 (&pixel)[FL_DIRECT_PIXELS], const bool (&there)[FL_DIRECT_PIXELS],
                           u32 filter, float (&sum)[FL_DIRECT_PIXELS][4])
{
    for (u32 c = 0; c < a.group_in; c += 4) {
        fl_vec<float, 4> x[FL_DIRECT_PIXELS], f[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            f[i] = fl_load<float, 4>((const float *)a.filter + (filter + (c + i) * a.f_in));
#pragma unroll
        for (int p = 0; p < FL_DIRECT_PIXELS; p++)
            x[p] = load_floats<T>((const T *)a.x + (pixel[p] + c), there[p]);
#pragma unroll
        for (int p = 0; p < FL_DIRECT_PIXELS; p++)
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sum[p][j] += x[p].at[i] * f[i].at[j];
    }
}

template <typename T>
FL_DEVICE void grouped_finish(const fl_direct_args &a, const place &p, u32 rows, const float (&sum)[FL_DIRECT_PIXELS][4])
{
#pragma unroll
    for (u32 i = 0; i < FL_DIRECT_PIXELS; i++) {
        const u32 at = ((p.picture * rows + p.row) * a.out_w + p.column + i) * a.y_channels + p.channel;
        float y[4];
        fl_vec<T, 4> out;
        if (p.column + i >= a.out_w)
            break;
#pragma unroll
        for (int j = 0; j < 4; j++)
            y[j] = sum[i][j] + (a.tail.bias ? a.tail.bias[p.channel + j] : 0);
        if (a.tail.residual) {
            const fl_vec<float, 4> residual = load_floats<T>((const T *)a.tail.residual + at, true);
#pragma unroll
            for (int j = 0; j < 4; j++)
                y[j] += residual.at[j];
        }
        fl_activate_all(a.tail.act, a.tail.alpha, y);
#pragma unroll
        for (int j = 0; j < 4; j++)
            out.at[j] = fl_to<T>(y[j]);
        fl_store<T, 4>((T *)a.y + at, out);
    }
}

/* by_inner: vectors of output channels, by_middle: strips of columns. */
template <typename T> FL_DEVICE void grouped(const fl_direct_args &a)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    float sum[FL_DIRECT_PIXELS][4] = {};
    u32 out;

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.threads)
        return;
    place p = place_of(a, i);
    p.column *= FL_DIRECT_PIXELS;
    p.channel *= 4;
    const u32 x0 = p.picture * a.x_n + fl_split(p.channel, a.by_group, &out) * a.group_in;
    for (int r = 0; r < a.kernel[0]; r++) {
        const u32 y = p.row * a.stride[0] - a.pad[0] + r * a.dilation[0];
        if (y >= a.h)
            continue;
        for (int s = 0; s < a.kernel[1]; s++) {
            u32 pixel[FL_DIRECT_PIXELS];
            bool there[FL_DIRECT_PIXELS];
#pragma unroll
            for (int k = 0; k < FL_DIRECT_PIXELS; k++) {
                const u32 x = (p.column + k) * a.stride[1] - a.pad[1] + s * a.dilation[1];
                pixel[k] = x0 + y * a.x_h + x * a.x_w;
                there[k] = x < a.w;
            }
            grouped_tap<T>(a, pixel, there, (r * a.kernel[1] + s) * a.f_tap + p.channel, sum);
        }
    }
    grouped_finish<T>(a, p, a.by_outer.d, sum);
}

#define KERNELS(type, text)                                                                               \
    FL_KERNEL(FL_DIRECT_THREADS, direct_conv_##text, fl_direct_args) { direct<type>(a); }                 \
    FL_KERNEL(FL_DIRECT_THREADS, direct_transpose_##text, fl_direct_args) { direct_transpose<type>(a); }  \
    FL_KERNEL(FL_DIRECT_THREADS, direct_grouped_##text, fl_direct_args) { grouped<type>(a); }
KERNELS(float, f32)
KERNELS(f16, f16)
KERNELS(bf16, bf16)

/* ---- integers */

template <typename T> FL_DEVICE void product(const fl_direct_product_args &a)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    const T *x = (const T *)a.a, *b = (const T *)a.b;
    u32 column;
    T sum = 0;

    fl_wait_previous();
    fl_let_next_start();
    if (i >= a.m * a.n)
        return;
    const u32 row = fl_split(i, a.by_n, &column);
    for (u32 l = 0; l < a.k; l++)
        sum += x[row * a.a_row + l * a.a_step] * b[column * a.b_column + l * a.b_step];
    ((T *)a.y)[i] = sum;
}

FL_KERNEL(FL_DIRECT_THREADS, direct_product_i32, fl_direct_product_args) { product<u32>(a); }
FL_KERNEL(FL_DIRECT_THREADS, direct_product_i64, fl_direct_product_args) { product<u64>(a); }
