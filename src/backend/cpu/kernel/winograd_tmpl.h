/* winograd_tmpl.h - the transforms of winograd.h in the words of vec_<isa>.h, a vector of channels at a time.
 *
 * Each side is a handful of fused multiply-adds, shared between the rows of +p and -p: their even and odd parts are the
 * same up to sign. Results agree with the matrices within rounding.
 */
#include "backend/cpu/kernel/winograd.h"

/* ---- one side: n values in, n (input) or m (output) out */

static inline void input_side_4(const vf *d, vf *o)
{
    const vf even_a = v_fma(v_set1(-2.25f), d[2], d[4]), odd_a = v_fma(v_set1(-2.25f), d[1], d[3]);
    const vf even_b = v_fma(v_set1(-0.5625f), d[2], d[4]), odd_b = v_fma(v_set1(-0.5625f), d[1], d[3]);

    o[0] = v_fma(v_set1(1.265625f), d[0], v_fma(v_set1(-2.8125f), d[2], d[4]));
    o[1] = v_fma(v_set1(0.75f), odd_a, even_a);
    o[2] = v_fma(v_set1(-0.75f), odd_a, even_a);
    o[3] = v_fma(v_set1(1.5f), odd_b, even_b);
    o[4] = v_fma(v_set1(-1.5f), odd_b, even_b);
    o[5] = v_fma(v_set1(1.265625f), d[1], v_fma(v_set1(-2.8125f), d[3], d[5]));
}

static inline void output_side_4(const vf *m, vf *o)
{
    const vf even_a = v_add(m[1], m[2]), odd_a = v_sub(m[1], m[2]);
    const vf even_b = v_add(m[3], m[4]), odd_b = v_sub(m[3], m[4]);

    o[0] = v_add(m[0], v_add(even_a, even_b));
    o[1] = v_fma(v_set1(0.75f), odd_a, v_mul(v_set1(1.5f), odd_b));
    o[2] = v_fma(v_set1(0.5625f), even_a, v_mul(v_set1(2.25f), even_b));
    o[3] = v_fma(v_set1(0.421875f), odd_a, v_fma(v_set1(3.375f), odd_b, m[5]));
}

static inline void input_side_2(const vf *d, vf *o)
{
    o[0] = v_sub(d[0], d[2]);
    o[1] = v_add(d[1], d[2]);
    o[2] = v_sub(d[2], d[1]);
    o[3] = v_sub(d[3], d[1]);
}

static inline void output_side_2(const vf *m, vf *o)
{
    o[0] = v_add(m[0], v_add(m[1], m[2]));
    o[1] = v_add(v_sub(m[1], m[2]), m[3]);
}

/* ---- both sides. M is a constant wherever these are inlined. */

static inline __attribute__((always_inline)) void input_side(const int M, const vf *d, vf *o)
{
    if (M == 4)
        input_side_4(d, o);
    else
        input_side_2(d, o);
}

static inline __attribute__((always_inline)) void output_side(const int M, const vf *m, vf *o)
{
    if (M == 4)
        output_side_4(m, o);
    else
        output_side_2(m, o);
}

static inline __attribute__((always_inline)) void input_vector(const int M, const float *const *x, size_t c, size_t n,
                                                               float *v, size_t stride)
{
    enum { MOST = FL_WINOGRAD_MOST };
    const int N = M + 2;
    vf t[MOST][MOST];

#pragma GCC unroll 6
    for (int j = 0; j < N; j++) { /* columns of d; t is B'd */
        vf d[MOST], o[MOST];
#pragma GCC unroll 6
        for (int i = 0; i < N; i++)
            d[i] = n == VN ? v_load(x[i * N + j] + c) : v_load_part(x[i * N + j] + c, n);
        input_side(M, d, o);
#pragma GCC unroll 6
        for (int i = 0; i < N; i++)
            t[i][j] = o[i];
    }
#pragma GCC unroll 6
    for (int i = 0; i < N; i++) {
        vf o[MOST];
        input_side(M, t[i], o);
#pragma GCC unroll 6
        for (int j = 0; j < N; j++) {
            if (n == VN)
                v_store(v + (size_t)(i * N + j) * stride + c, o[j]);
            else
                v_store_part(v + (size_t)(i * N + j) * stride + c, o[j], n);
        }
    }
}

static inline __attribute__((always_inline)) void winograd_input(const int M, const float *const *x, size_t channels,
                                                                 float *v, size_t stride)
{
    size_t c = 0;

    for (; c + VN <= channels; c += VN)
        input_vector(M, x, c, VN, v, stride);
    if (c < channels)
        input_vector(M, x, c, channels - c, v, stride);
}

static inline __attribute__((always_inline)) void output_vector(const int M, const fl_winograd_result *r, size_t c,
                                                                size_t n)
{
    enum { MOST = FL_WINOGRAD_MOST };
    const int N = M + 2;
    const vf bias = v_load(r->bias + c), low = v_set1(r->low), high = v_set1(r->high);
    vf t[MOST][MOST];

#pragma GCC unroll 6
    for (int j = 0; j < N; j++) {
        vf m[MOST], o[MOST];
#pragma GCC unroll 6
        for (int i = 0; i < N; i++)
            m[i] = v_load(r->m + (size_t)(i * N + j) * r->stride + c);
        output_side(M, m, o);
#pragma GCC unroll 4
        for (int i = 0; i < M; i++)
            t[i][j] = o[i];
    }
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) {
        vf o[MOST];
        output_side(M, t[i], o);
#pragma GCC unroll 4
        for (int j = 0; j < M; j++) {
            float *y = r->y[i * M + j];
            if (!y)
                continue;
            vf x = v_add(o[j], bias);
            if (r->residual)
                x = v_add(x, n == VN ? v_load(r->residual[i * M + j] + c) : v_load_part(r->residual[i * M + j] + c, n));
            x = v_min(high, v_max(low, x));
            if (n == VN)
                v_store(y + c, x);
            else
                v_store_part(y + c, x, n);
        }
    }
}

static inline __attribute__((always_inline)) void winograd_output(const int M, const fl_winograd_result *r)
{
    size_t c = 0;

    for (; c + VN <= r->columns; c += VN)
        output_vector(M, r, c, VN);
    if (c < r->columns)
        output_vector(M, r, c, r->columns - c);
}

#define WINOGRAD_KERNEL(m_, LEVEL, suffix)                                                                \
    static void winograd_input_##m_(const float *const *x, size_t channels, float *v, size_t stride)      \
    {                                                                                                     \
        winograd_input(m_, x, channels, v, stride);                                                       \
    }                                                                                                     \
    static void winograd_output_##m_(const fl_winograd_result *r)                                         \
    {                                                                                                     \
        winograd_output(m_, r);                                                                           \
    }                                                                                                     \
    const fl_winograd_kernel fl_f32_winograd##m_##__##suffix = {                                          \
        .isa = FL_CPU_##LEVEL, .m = m_, .input = winograd_input_##m_, .output = winograd_output_##m_};
