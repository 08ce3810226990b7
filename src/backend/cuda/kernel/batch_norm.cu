/* batch_norm.cu - y = act((x - mean) * factor + offset), and where mean and factor = scale / sqrt(variance + epsilon)
 * come from when they are not packed constants.
 *
 *     sums    (training)  x -> partial sums of x and of its square, one pair a channel and piece of x
 *     finish              sums or tensors -> factor, offset, mean; outputs 1 and 2
 *     apply               x -> y
 *
 * x - mean is kept as it is, though x * factor + (offset - mean * factor) would save an operation: with a large mean
 * and a small variance that form loses digits. The sums are double for the same reason: then the variance is exact
 * enough as the difference of mean square and squared mean, in one pass over x. Their order is fixed by the shape
 * alone.
 */
#include "elementwise.cuh"

/* ---- apply */

/* x: elements [i, i + W) of x, which become those of y but for the activation. */
template <int W> FL_DEVICE void normalize(float *x, const fl_batch_norm_args &a, u32 i)
{
    switch (i + W <= a.walk.n ? a.walk.mode[0] : FL_SIDE_GATHER) {
    case FL_SIDE_DENSE:
    case FL_SIDE_ROW: {
        const u32 at = fl_walk_at(a.walk, 0, i);
#pragma unroll
        for (int q = 0; q < W; q += 4) {
            const fl_vec<float, 4> mean = fl_load<float, 4>(a.mean + at + q);
            const fl_vec<float, 4> factor = fl_load<float, 4>(a.factor + at + q);
            const fl_vec<float, 4> offset = fl_load<float, 4>(a.offset + at + q);
#pragma unroll
            for (int e = 0; e < 4; e++)
                x[q + e] = (x[q + e] - mean.at[e]) * factor.at[e] + offset.at[e];
        }
        return;
    }
    case FL_SIDE_ONE:
    case FL_SIDE_STILL: {
        const u32 at = a.walk.mode[0] == FL_SIDE_ONE ? 0 : fl_walk_at(a.walk, 0, i);
        const float mean = a.mean[at], factor = a.factor[at], offset = a.offset[at];
#pragma unroll
        for (int e = 0; e < W; e++)
            x[e] = (x[e] - mean) * factor + offset;
        return;
    }
    default:
#pragma unroll
        for (int e = 0; e < W; e++) {
            const u32 at = fl_walk_at(a.walk, 0, i + e < a.walk.n ? i + e : a.walk.n - 1);
            x[e] = (x[e] - a.mean[at]) * a.factor[at] + a.offset[at];
        }
    }
}

template <typename T> FL_DEVICE void apply(const fl_batch_norm_args &a)
{
    constexpr int W = 16 / sizeof(T), V = FL_EACH_THREAD / W;
    const u32 first = fl_first_of(V, W), step = fl_step_of(W);
    float x[FL_EACH_THREAD];

    fl_wait_previous();
    fl_let_next_start();
#pragma unroll
    for (int i = 0; i < V; i++)
        fl_to_floats<T, W>(x + i * W, fl_load_part<T, W>(a.x, first + i * step, a.walk.n));
#pragma unroll
    for (int i = 0; i < V; i++)
        normalize<W>(x + i * W, a, first + i * step);
    fl_activate_all(a.act, a.alpha, x);
#pragma unroll
    for (int i = 0; i < V; i++)
        fl_store_part<T, W>(a.y, first + i * step, a.walk.n, fl_from_floats<T, W>(x + i * W));
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, batch_norm_apply_f32, fl_batch_norm_args) { apply<float>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, batch_norm_apply_f16, fl_batch_norm_args) { apply<f16>(a); }
FL_KERNEL(FL_ELEMENTWISE_THREADS, batch_norm_apply_bf16, fl_batch_norm_args) { apply<bf16>(a); }

/* ---- finish: a thread a channel */

FL_DEVICE double mix(float blend, const fl_channel_vector &old, u32 c, double fresh)
{
    if (blend == 1.0f)
        return fresh;
    return (1 - (double)blend) * (double)fl_load_float(old.type, old.data, c) + (double)blend * fresh;
}

/* Mean and variance that x is normalized with, and those for the outputs. */
FL_DEVICE void statistics_of(const fl_batch_norm_finish_args &a, u32 c, double (&used)[2], double (&told)[2])
{
    if (a.chunks == 0) {
        const float nothing = __uint_as_float(0x7fc00000);
        used[0] = told[0] = (double)(a.count ? fl_load_float(a.mean.type, a.mean.data, c) : nothing);
        used[1] = told[1] = (double)(a.count ? fl_load_float(a.variance.type, a.variance.data, c) : nothing);
        return;
    }
    double sum = 0, squares = 0;
    for (int k = 0; k < a.chunks; k++) {
        sum += a.sums[(u64)(2 * k) * (u32)a.channels + c];
        squares += a.sums[(u64)(2 * k + 1) * (u32)a.channels + c];
    }
    const double n = (double)a.count, difference = squares / n - sum / n * (sum / n);
    used[0] = sum / n;
    used[1] = difference < 0 ? 0 : difference;
    told[0] = mix(a.blend, a.mean, c, used[0]);
    told[1] = mix(a.blend, a.variance, c, used[1] * (n / (n > 1 ? n - 1 : 1)));
}

FL_KERNEL(FL_ELEMENTWISE_THREADS, batch_norm_finish, fl_batch_norm_finish_args)
{
    const u32 c = blockIdx.x * blockDim.x + threadIdx.x;
    double used[2], told[2];

    fl_wait_previous();
    fl_let_next_start();
    if (c >= (u32)a.channels)
        return;
    statistics_of(a, c, used, told);
    if (a.vectors) {
        const u32 stride = FL_CHANNEL_STRIDE(a.channels);
        const double scale = (double)fl_load_float(a.scale.type, a.scale.data, c);
        a.vectors[c] = (float)(scale / sqrt(used[1] + (double)a.epsilon));
        a.vectors[stride + c] = fl_load_float(a.offset.type, a.offset.data, c);
        a.vectors[2 * stride + c] = (float)used[0];
    }
    if (a.mean_out.data)
        fl_store_float(a.mean_out.type, a.mean_out.data, c, (float)told[0]);
    if (a.variance_out.data)
        fl_store_float(a.variance_out.type, a.variance_out.data, c, (float)told[1]);
}

/* ---- sums: `lanes` threads side by side along the channels, the rows of threads along the places */

FL_KERNEL(FL_ELEMENTWISE_THREADS, batch_norm_sums, fl_batch_norm_sums_args)
{
    __shared__ double part[2][FL_ELEMENTWISE_THREADS];
    const u32 lanes = a.lanes, lane = threadIdx.x & (lanes - 1), row = threadIdx.x / lanes;
    const u32 rows = FL_ELEMENTWISE_THREADS / lanes, c = blockIdx.x * lanes + lane;
    const u32 begin = blockIdx.y * a.piece, end = a.places - begin < a.piece ? a.places : begin + a.piece;
    double sum = 0, squares = 0;

    fl_wait_previous();
    fl_let_next_start();
    if (c < (u32)a.channels) {
#pragma unroll 4
        for (u32 p = begin + row; p < end; p += rows) {
            u32 j;
            const u32 i = fl_split(p, a.inner, &j);
            const double x = (double)fl_load_float(a.type, a.x, (i * (u32)a.channels + c) * a.inner.d + j);
            sum += x;
            squares += x * x;
        }
    }
    part[0][threadIdx.x] = sum;
    part[1][threadIdx.x] = squares;
    for (u32 half = rows / 2; half > 0; half /= 2) {
        __syncthreads();
        if (row < half) {
            part[0][threadIdx.x] += part[0][threadIdx.x + half * lanes];
            part[1][threadIdx.x] += part[1][threadIdx.x + half * lanes];
        }
    }
    if (row == 0 && c < (u32)a.channels) {
        a.sums[(u64)(2 * blockIdx.y) * (u32)a.channels + c] = part[0][lane];
        a.sums[(u64)(2 * blockIdx.y + 1) * (u32)a.channels + c] = part[1][lane];
    }
}
