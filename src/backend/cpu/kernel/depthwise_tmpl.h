/* depthwise_tmpl.h - depthwise kernels in the words of vec_<isa>.h; see depthwise.h.
 *
 * Patch kernels go through the patch row by row, pixel by pixel: each pixel is loaded once and meets every output that
 * sees it, the filter rows of the moment being in registers. All loops over rows, columns and taps have constant bounds
 * and unroll; the loop over channels is the only one left.
 */
#include "backend/cpu/kernel/depthwise.h"

static inline vf clamp(const fl_depthwise_tile *t, vf x)
{
    return v_min(v_set1(t->high), v_max(v_set1(t->low), x));
}

/* ---- one pixel, any filter */

static inline vf any_vector(const fl_depthwise_tile *t, size_t c, size_t n)
{
    const float *w = t->w + c * t->places;
    vf sum = v_load(t->bias + c);

    for (size_t q = 0; q < t->taps; q++) {
        const vf x = n == VN ? v_load(t->x[q] + c) : v_load_part(t->x[q] + c, n);
        sum = v_fma(x, v_load(w + t->tap[q] * VN), sum);
    }
    return sum;
}

/* Four vectors at a time: a chain of fmas alone would wait for itself. */
static inline void any_vectors(const fl_depthwise_tile *t, size_t c, vf *sum)
{
    const float *w = t->w + c * t->places;
    const size_t next = VN * t->places;

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        sum[i] = v_load(t->bias + c + VN * (size_t)i);
    for (size_t q = 0; q < t->taps; q++) {
        const float *x = t->x[q] + c, *wq = w + t->tap[q] * VN;
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            sum[i] = v_fma(v_load(x + VN * i), v_load(wq + (size_t)i * next), sum[i]);
    }
}

static inline vf any_spread(const fl_depthwise_tile *t, size_t c)
{
    const float *w = t->w + c * t->places;
    const size_t m = t->multiplier, first = c / m, left = (t->channels + m - 1) / m - first;
    vf sum = v_load(t->bias + c);

    for (size_t q = 0; q < t->taps; q++)
        sum = v_fma(v_spread(t->x[q] + first, left, c % m, m), v_load(w + t->tap[q] * VN), sum);
    return sum;
}

static inline void any_store(const fl_depthwise_tile *t, size_t c, size_t n, vf sum)
{
    if (t->residual)
        sum = v_add(sum, n == VN ? v_load(t->residual + c) : v_load_part(t->residual + c, n));
    if (n == VN)
        v_store(t->y + c, clamp(t, sum));
    else
        v_store_part(t->y + c, clamp(t, sum), n);
}

static void depthwise_any(const fl_depthwise_tile *t)
{
    size_t c = 0;

    if (t->multiplier == 1) {
        for (; c + 4 * VN <= t->channels; c += 4 * VN) {
            vf sum[4];
            any_vectors(t, c, sum);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++)
                any_store(t, c + VN * (size_t)i, VN, sum[i]);
        }
    }
    for (; c < t->channels; c += VN) {
        const size_t n = t->channels - c < VN ? t->channels - c : VN;
        any_store(t, c, n, t->multiplier == 1 ? any_vector(t, c, n) : any_spread(t, c));
    }
}

/* ---- patches */

/* Adds row r of the patch to the sums of all outputs that see it. */
static inline __attribute__((always_inline)) void patch_row(const float *const *x, size_t c, const float *w,
                                                            vf (*sum)[FL_DEPTHWISE_COLUMNS], const int r, const int K,
                                                            const int S, const int ROWS, const int COLUMNS)
{
    const int width = (COLUMNS - 1) * S + K;

#pragma GCC unroll 11
    for (int i = 0; i < width; i++) {
        const vf v = v_load(x[r * width + i] + c);
#pragma GCC unroll 2
        for (int o = 0; o < ROWS; o++) {
            const int u = r - o * S;
            if (u < 0 || u >= K)
                continue;
#pragma GCC unroll 4
            for (int p = 0; p < COLUMNS; p++) {
                const int tap = i - p * S;
                if (tap >= 0 && tap < K)
                    sum[o][p] = v_fma(v, v_load(w + (u * K + tap) * VN), sum[o][p]);
            }
        }
    }
}

static inline __attribute__((always_inline)) void depthwise_patch(const fl_depthwise_tile *t, const int K, const int S,
                                                                  const int ROWS, const int COLUMNS)
{
    const vf low = v_set1(t->low), high = v_set1(t->high);

    for (size_t c = 0; c < t->channels; c += VN) {
        const float *w = t->w + c * (size_t)(K * K);
        const vf bias = v_load(t->bias + c);
        vf sum[FL_DEPTHWISE_ROWS][FL_DEPTHWISE_COLUMNS];
#pragma GCC unroll 2
        for (int o = 0; o < ROWS; o++) {
#pragma GCC unroll 4
            for (int p = 0; p < COLUMNS; p++)
                sum[o][p] = bias;
        }
#pragma GCC unroll 7
        for (int r = 0; r < (ROWS - 1) * S + K; r++)
            patch_row(t->x, c, w, sum, r, K, S, ROWS, COLUMNS);
#pragma GCC unroll 2
        for (int o = 0; o < ROWS; o++) {
#pragma GCC unroll 4
            for (int p = 0; p < COLUMNS; p++) {
                const size_t at = (size_t)o * t->y_row + (size_t)p * t->y_pixel + c;
                vf v = sum[o][p];
                if (t->residual)
                    v = v_add(v, v_load(t->residual + at));
                v_store(t->y + at, v_min(high, v_max(low, v)));
            }
        }
    }
}

#define PATCH_FN(k, s, rows, columns)                                              \
    static void patch_##k##_##s##_##rows##_##columns(const fl_depthwise_tile *t)   \
    {                                                                              \
        depthwise_patch(t, k, s, rows, columns);                                   \
    }

#define PATCH_KERNEL(k, st, suffix)                                                                            \
    PATCH_FN(k, st, 1, 1) PATCH_FN(k, st, 1, 2) PATCH_FN(k, st, 1, 3) PATCH_FN(k, st, 1, 4)                        \
    PATCH_FN(k, st, 2, 1) PATCH_FN(k, st, 2, 2) PATCH_FN(k, st, 2, 3) PATCH_FN(k, st, 2, 4)                        \
    const fl_depthwise_patch fl_f32_depthwise_##k##x##k##s##st##__##suffix = {                                  \
        .size = k, .stride = st, .any = &fl_f32_depthwise__##suffix,                                            \
        .fn = {[1] = {NULL, patch_##k##_##st##_1_1, patch_##k##_##st##_1_2, patch_##k##_##st##_1_3,               \
                      patch_##k##_##st##_1_4},                                                                  \
               [2] = {NULL, patch_##k##_##st##_2_1, patch_##k##_##st##_2_2, patch_##k##_##st##_2_3,               \
                      patch_##k##_##st##_2_4}}};

#define ANY_KERNEL(LEVEL, suffix) \
    const fl_depthwise_any fl_f32_depthwise__##suffix = {.isa = FL_CPU_##LEVEL, .lanes = VN, .fn = depthwise_any};
