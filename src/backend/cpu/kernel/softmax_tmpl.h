/* softmax_tmpl.h - the kernels of softmax.h in the words of vec_, vbits_<isa>.h and vmath.h.
 *
 * Three passes: maximum; exponentials, stored and summed; scaling. The sum of a long row is closed every BLOCK elements
 * and goes on in double, that of long columns every COLUMN_BLOCK and goes on compensated. Places past the end of a row
 * hold -inf, whose exponential is 0.
 */
#include "backend/cpu/kernel/softmax.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))

enum { BLOCK = 4096, COLUMN_BLOCK = 128, SHORT = 6 };

INLINE vf load(const float *x, size_t n)
{
    return n >= VN ? v_load(x) : v_load_part_or(x, n, v_set1(-INFINITY));
}

INLINE void store(float *y, vf value, size_t n)
{
    if (n >= VN)
        v_store(y, value);
    else
        v_store_part(y, value, n);
}

/* e^x for x <= 0, with 0 for what would be a denormal or nearly: making one takes the processor a hundred times as long,
 * and masked attention is full of them, as is the end of a short row. */
INLINE vf exponential(vf x)
{
    const vf least = v_set1(-87.0f); /* e^-87.33 is the smallest normal float */
    return v_if_lt(x, least, v_zero(), vm_exp(v_max(least, x)));
}

/* ---- rows. Neighbouring vectors go to accumulators of their own, so that they need not wait for each other. */

static vf highest_of(const float *x, size_t n)
{
    vf a = v_set1(-INFINITY), b = a;
    size_t i = 0;

    for (; i + 2 * VN <= n; i += 2 * VN) {
        a = v_max(v_load(x + i), a);
        b = v_max(v_load(x + i + VN), b);
    }
    for (; i < n; i += VN)
        a = v_max(load(x + i, n - i), a);
    return v_set1(v_across_max(v_max(a, b)));
}

static float exponentials(const float *x, float *y, size_t n, vf highest)
{
    vf a = v_zero(), b = a;
    size_t i = 0;

    for (; i + 2 * VN <= n; i += 2 * VN) {
        const vf e = exponential(v_sub(v_load(x + i), highest)), f = exponential(v_sub(v_load(x + i + VN), highest));
        v_store(y + i, e);
        v_store(y + i + VN, f);
        a = v_add(a, e);
        b = v_add(b, f);
    }
    for (; i < n; i += VN) {
        const vf e = exponential(v_sub(load(x + i, n - i), highest));
        store(y + i, e, n - i);
        a = v_add(a, e);
    }
    return v_across_add(v_add(a, b));
}

static void long_row(const float *x, float *y, size_t n)
{
    const vf highest = highest_of(x, n);
    double sum = 0;

    for (size_t i = 0; i < n; i += BLOCK)
        sum += (double)exponentials(x + i, y + i, n - i < BLOCK ? n - i : BLOCK, highest);
    const vf scale = v_set1((float)(1 / sum));
    for (size_t i = 0; i < n; i += VN)
        store(y + i, v_mul(load(y + i, n - i), scale), n - i);
}

/* A row of at most SHORT vectors stays in registers: what a masked store wrote cannot be loaded again at once. */
INLINE void short_row(const float *x, float *y, size_t n, size_t count)
{
    const size_t last = n - (count - 1) * VN;
    vf e[SHORT], highest = v_set1(-INFINITY), sum = v_zero();

    for (size_t k = 0; k < count; k++) {
        e[k] = load(x + k * VN, k + 1 < count ? VN : last);
        highest = v_max(e[k], highest);
    }
    highest = v_set1(v_across_max(highest));
    for (size_t k = 0; k < count; k++) {
        e[k] = exponential(v_sub(e[k], highest));
        sum = v_add(sum, e[k]);
    }
    const vf scale = v_set1(1.0f / v_across_add(sum));
    for (size_t k = 0; k < count; k++)
        store(y + k * VN, v_mul(e[k], scale), k + 1 < count ? VN : last);
}

#define SHORT_ROWS(count)                             \
    case count:                                       \
        for (size_t i = 0; i < lines; i++)            \
            short_row(x + i * n, y + i * n, n, count); \
        break;

static void rows(const float *x, float *y, size_t lines, size_t n)
{
    switch ((n + VN - 1) / VN) {
    case 0:
        break;
    SHORT_ROWS(1)
    SHORT_ROWS(2)
    SHORT_ROWS(3)
    SHORT_ROWS(4)
    SHORT_ROWS(5)
    SHORT_ROWS(6)
    default:
        for (size_t i = 0; i < lines; i++)
            long_row(x + i * n, y + i * n, n);
    }
}

/* ---- columns: a vector of them at a time */

/* Exponentials of n elements of each column, and their sum. */
INLINE vf column_exponentials(const float *x, float *y, size_t n, size_t step, size_t width, vf highest)
{
    vf sum = v_zero();

    for (size_t i = 0; i < n; i++) {
        const vf e = exponential(v_sub(load(x + i * step, width), highest));
        store(y + i * step, e, width);
        sum = v_add(sum, e);
    }
    return sum;
}

static void column(const float *x, float *y, size_t n, size_t step, size_t width)
{
    vf highest = v_set1(-INFINITY), sum = v_zero(), lost = v_zero();

    for (size_t i = 0; i < n; i++)
        highest = v_max(load(x + i * step, width), highest);
    for (size_t i = 0; i < n; i += COLUMN_BLOCK) { /* Kahan's sum of short sums */
        const size_t rows = n - i < COLUMN_BLOCK ? n - i : COLUMN_BLOCK;
        const vf part = v_sub(column_exponentials(x + i * step, y + i * step, rows, step, width, highest), lost);
        const vf next = v_add(sum, part);
        lost = v_sub(v_sub(next, sum), part);
        sum = next;
    }
    const vf scale = v_div(v_set1(1.0f), sum);
    for (size_t i = 0; i < n; i++)
        store(y + i * step, v_mul(load(y + i * step, width), scale), width);
}

static void columns(const float *x, float *y, size_t n, size_t step, size_t width)
{
    for (size_t j = 0; j < width; j += VN)
        column(x + j, y + j, n, step, width - j);
}

#define TABLE_OF(isa) fl_f32_softmax__##isa
#define TABLE(isa) TABLE_OF(isa)
const fl_softmax_kernels TABLE(V_ISA) = {rows, columns};
