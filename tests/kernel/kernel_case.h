/* kernel_case.h - what the kernel tests share: random numbers with a printed seed, buffers with a frame around them,
 * comparison by value with NaN equal to NaN, and whether this machine can run a kernel.
 *
 * FLOE_TEST_SEED repeats a run.
 */
#ifndef TESTS_KERNEL_CASE_H
#define TESTS_KERNEL_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu_isa.h"

#define FRAME   64
#define PATTERN 12345.0f

static uint64_t kernel_seed, kernel_state;

static inline int kernel_setup(void **unused)
{
    const char *text = getenv("FLOE_TEST_SEED");

    (void)unused;
    kernel_seed = text ? strtoull(text, NULL, 10) : 20261124;
    kernel_state = kernel_seed;
    print_message("seed %llu\n", (unsigned long long)kernel_seed);
    return 0;
}

static inline uint32_t next_random(void)
{
    kernel_state = kernel_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(kernel_state >> 33);
}

static inline size_t pick(size_t low, size_t high)
{
    return low + next_random() % (high - low + 1);
}

static inline float random_value(void)
{
    return (float)(int32_t)(next_random() << 1) / 2147483648.0f;
}

/* Mostly ordinary; sometimes what breaks kernels. */
static inline float extreme_value(void)
{
    static const float values[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e38f, -1e38f, 1e-38f, 1e-45f, 1.0f, 6.0f};

    return pick(0, 19) ? random_value() : values[pick(0, sizeof values / sizeof values[0] - 1)];
}

/* n floats that are aligned to a float only, FRAME floats of PATTERN before and after. */
static inline float *make_buffer(size_t n)
{
    float *p = malloc((n + 2 * FRAME + 1) * sizeof *p);

    assert_non_null(p);
    for (size_t i = 0; i < n + 2 * FRAME + 1; i++)
        p[i] = PATTERN;
    return p + FRAME + 1;
}

static inline void free_buffer(float *p)
{
    free(p - FRAME - 1);
}

static inline void check_frame(const float *p, size_t n)
{
    for (size_t i = 0; i < FRAME; i++) {
        assert_true(p[-(ptrdiff_t)i - 1] == PATTERN);
        assert_true(p[n + i] == PATTERN);
    }
}

static inline bool same_value(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

static inline bool runs_here(fl_cpu_isa isa)
{
    return isa <= fl_cpu_isa_detect();
}

#endif
