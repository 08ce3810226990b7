/* winograd_scalar.c - the transforms of winograd.h as the matrices they are, and the filter's in double. */
#include "backend/cpu/kernel/winograd.h"

#define MOST FL_WINOGRAD_MOST

typedef struct matrices {
    float  b[MOST][MOST]; /* B', (m+2) x (m+2) */
    float  a[MOST][MOST]; /* A', m x (m+2) */
    double g[MOST][3];    /* (m+2) x 3 */
} matrices;

/* N(0) = a^2 b^2 = 81/64, N(+-3/4) = 2 a^2 (a^2 - b^2) = -243/128, N(+-3/2) = 2 b^2 (b^2 - a^2) = 243/32 */
static const matrices matrices4 = {
    .b = {{1.265625f, 0, -2.8125f, 0, 1, 0},
          {0, -1.6875f, -2.25f, 0.75f, 1, 0},
          {0, 1.6875f, -2.25f, -0.75f, 1, 0},
          {0, -0.84375f, -0.5625f, 1.5f, 1, 0},
          {0, 0.84375f, -0.5625f, -1.5f, 1, 0},
          {0, 1.265625f, 0, -2.8125f, 0, 1}},
    .a = {{1, 1, 1, 1, 1, 0},
          {0, 0.75f, -0.75f, 1.5f, -1.5f, 0},
          {0, 0.5625f, 0.5625f, 2.25f, 2.25f, 0},
          {0, 0.421875f, -0.421875f, 3.375f, -3.375f, 1}},
    .g = {{64.0 / 81, 0, 0},
          {-128.0 / 243, -96.0 / 243, -72.0 / 243},
          {-128.0 / 243, 96.0 / 243, -72.0 / 243},
          {32.0 / 243, 48.0 / 243, 72.0 / 243},
          {32.0 / 243, -48.0 / 243, 72.0 / 243},
          {0, 0, 1}},
};

static const matrices matrices2 = {
    .b = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
    .a = {{1, 1, 1, 0}, {0, 1, -1, 1}},
    .g = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
};

static const matrices *matrices_of(int m)
{
    return m == 4 ? &matrices4 : &matrices2;
}

void fl_winograd_filter(int m, const double *g, double *u)
{
    const matrices *w = matrices_of(m);
    const int n = m + 2;
    double t[MOST][3];

    for (int i = 0; i < n; i++)
        for (int j = 0; j < 3; j++)
            t[i][j] = w->g[i][0] * g[j] + w->g[i][1] * g[3 + j] + w->g[i][2] * g[6 + j];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            u[i * n + j] = t[i][0] * w->g[j][0] + t[i][1] * w->g[j][1] + t[i][2] * w->g[j][2];
}

/* y = L x L', x is n x n, y is rows x rows */
static void both_sides(const float (*l)[MOST], int rows, int n, const float *x, float *y)
{
    float t[MOST][MOST];

    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < n; j++) {
            t[i][j] = 0;
            for (int k = 0; k < n; k++)
                t[i][j] += l[i][k] * x[k * n + j];
        }
    }
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < rows; j++) {
            y[i * rows + j] = 0;
            for (int k = 0; k < n; k++)
                y[i * rows + j] += t[i][k] * l[j][k];
        }
    }
}

static void input(int m, const float *const *x, size_t channels, float *v, size_t stride)
{
    const int n = m + 2;
    float d[MOST * MOST], to[MOST * MOST];

    for (size_t c = 0; c < channels; c++) {
        for (int i = 0; i < n * n; i++)
            d[i] = x[i][c];
        both_sides(matrices_of(m)->b, n, n, d, to);
        for (int i = 0; i < n * n; i++)
            v[(size_t)i * stride + c] = to[i];
    }
}

static void output(int m, const fl_winograd_result *r)
{
    const int n = m + 2;
    float from[MOST * MOST], to[MOST * MOST];

    for (size_t c = 0; c < r->columns; c++) {
        for (int i = 0; i < n * n; i++)
            from[i] = r->m[(size_t)i * r->stride + c];
        both_sides(matrices_of(m)->a, m, n, from, to);
        for (int i = 0; i < m * m; i++) {
            if (!r->y[i])
                continue;
            float x = to[i] + r->bias[c];
            if (r->residual)
                x += r->residual[i][c];
            x = x < r->low ? r->low : x; /* NaN stays */
            r->y[i][c] = x > r->high ? r->high : x;
        }
    }
}

#define KERNEL(m_)                                                                                   \
    static void input##m_(const float *const *x, size_t channels, float *v, size_t stride)           \
    {                                                                                                \
        input(m_, x, channels, v, stride);                                                           \
    }                                                                                                \
    static void output##m_(const fl_winograd_result *r)                                              \
    {                                                                                                \
        output(m_, r);                                                                               \
    }                                                                                                \
    const fl_winograd_kernel fl_f32_winograd##m_##__scalar = {                                       \
        .isa = FL_CPU_SCALAR, .m = m_, .input = input##m_, .output = output##m_};
KERNEL(4)
KERNEL(2)
