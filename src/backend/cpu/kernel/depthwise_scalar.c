/* depthwise_scalar.c - the ANY kernel of depthwise.h in plain C: what the others must equal. */
#include "backend/cpu/kernel/depthwise.h"

#define LANES 8

/* One tap more for `n` channels from c. */
static void add_tap(const fl_depthwise_tile *t, size_t q, size_t c, size_t n, float *sum)
{
    const float *x = t->x[q], *w = t->w + c * t->places + t->tap[q] * LANES;

    if (t->multiplier > 1) {
        for (size_t i = 0; i < n; i++)
            sum[i] += x[(c + i) / t->multiplier] * w[i];
    } else if (n == LANES) {
        for (size_t i = 0; i < LANES; i++) /* a constant: compilers make vectors of it */
            sum[i] += x[c + i] * w[i];
    } else {
        for (size_t i = 0; i < n; i++)
            sum[i] += x[c + i] * w[i];
    }
}

static void depthwise(const fl_depthwise_tile *t)
{
    for (size_t c = 0; c < t->channels; c += LANES) {
        const size_t n = t->channels - c < LANES ? t->channels - c : LANES;
        float sum[LANES];

        for (size_t i = 0; i < n; i++)
            sum[i] = t->bias[c + i];
        for (size_t q = 0; q < t->taps; q++)
            add_tap(t, q, c, n, sum);
        for (size_t i = 0; i < n; i++) {
            float x = t->residual ? sum[i] + t->residual[c + i] : sum[i];
            x = x < t->low ? t->low : x; /* NaN stays */
            t->y[c + i] = x > t->high ? t->high : x;
        }
    }
}

const fl_depthwise_any fl_f32_depthwise__scalar = {.isa = FL_CPU_SCALAR, .lanes = LANES, .fn = depthwise};
