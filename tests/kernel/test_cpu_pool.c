/* test_cpu_pool.c - the kernels of pool.h against the scalar ones: random windows, strides and pads, all counts of
 * channels around the vector length, gaps between pixels' channels, NaN and infinities, frames around the result.
 *
 * Maxima are exact. An average of n numbers below 1 is off by n roundings of partial sums at most; 1e-6 is ample for the
 * windows here, which have up to 200 cells of magnitude 1 and partial sums below their square root.
 */
#include "kernel_ulp.h"

#include "backend/cpu/kernel/pool.h"

#define SCALAR (&fl_f32_pool__scalar)

typedef struct row {
    const char            *name;
    fl_cpu_isa             isa;
    const fl_pool_kernels *kernels;
} row;

static const row rows[] = {
#define FL_SIMD(ISA, suffix) {#suffix, FL_CPU_##ISA, &fl_f32_pool__##suffix},
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
};
#define ROWS (sizeof rows / sizeof rows[0])

/* A row of windows that fits: every window has a cell. */
static fl_pool_row random_row(size_t channels, size_t gap)
{
    fl_pool_row p = {.rows = pick(1, 5), .channels = channels, .pixel = channels + gap};
    size_t after;

    do {
        p.kernel = pick(0, 2) ? pick(2, 3) : pick(1, 12);
        p.stride = pick(0, 2) ? pick(1, 2) : pick(1, 5);
        p.pad = pick(0, p.kernel - 1);
        after = pick(0, p.kernel - 1);
        p.width = pick(1, 40);
    } while (p.pad + p.width + after < p.kernel);
    p.out_width = (p.pad + p.width + after - p.kernel) / p.stride + 1;
    p.row_step = p.width * p.pixel + pick(0, 3);
    return p;
}

static float pool_value(void)
{
    return pick(0, 99) ? random_value() : extreme_value();
}

static void check(const row *r, const fl_pool_row *shape, bool is_max, bool is_plane)
{
    const size_t in = (shape->rows - 1) * shape->row_step + (shape->width - 1) * shape->pixel + shape->channels;
    const size_t out = (shape->out_width - 1) * shape->pixel + shape->channels;
    float *x = make_buffer(in), *y = make_buffer(out), *want = make_buffer(out);
    const size_t room_size = is_plane ? fl_pool_room(shape) : fl_pool_pixels_room(shape);
    float *room = make_buffer(room_size), *given = is_plane || pick(0, 3) ? room : NULL;
    fl_pool_row p = *shape, q = *shape;

    for (size_t i = 0; i < in; i++)
        x[i] = is_max ? pool_value() : random_value();
    p.x = q.x = x;
    p.y = y;
    q.y = want;
    if (is_plane) {
        (is_max ? r->kernels->max_plane : r->kernels->avg_plane)(&p, room);
        (is_max ? SCALAR->max_plane : SCALAR->avg_plane)(&q, room);
    } else {
        (is_max ? r->kernels->max_pixels : r->kernels->avg_pixels)(&p, given);
        (is_max ? SCALAR->max_pixels : SCALAR->avg_pixels)(&q, given);
    }
    for (size_t i = 0; i < out; i++) {
        const bool good = is_max || want[i] == PATTERN ? y[i] == want[i] : fabsf(y[i] - want[i]) <= 1e-6f;
        if (!good) {
            print_error("seed %llu, %s %s %s, kernel %zu, stride %zu, pad %zu, width %zu, channels %zu, element %zu: got "
                        "%.9g, want %.9g\n", (unsigned long long)kernel_seed, r->name, is_max ? "max" : "avg",
                        is_plane ? "plane" : "pixels", p.kernel, p.stride, p.pad, p.width, p.channels, i, (double)y[i],
                        (double)want[i]);
            fail();
        }
    }
    check_frame(y, out);
    check_frame(room, room_size);
    free_buffer(x);
    free_buffer(y);
    free_buffer(want);
    free_buffer(room);
}

static void pixels_equal_scalar(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t channels = 1; runs_here(rows[i].isa) && channels <= 150; channels++) {
            for (int round = 0; round < 6; round++) {
                const fl_pool_row p = random_row(channels, round % 2 ? pick(1, 9) : 0);
                check(&rows[i], &p, round % 3 != 0, false);
            }
        }
    }
}

static void planes_equal_scalar(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ROWS; i++) {
        for (int round = 0; runs_here(rows[i].isa) && round < 1500; round++) {
            const fl_pool_row p = random_row(1, 0);
            check(&rows[i], &p, round % 2, true);
        }
    }
}

static void a_maximum_passes_nan_by_and_starts_from_the_lowest_float(void **unused)
{
    const float x[6] = {NAN, -INFINITY, NAN, 1, NAN, 2};
    float y[2], room[256];
    const fl_pool_row p = {.x = x, .y = y, .rows = 1, .row_step = 6, .pixel = 1, .channels = 1, .width = 6,
                           .out_width = 2, .kernel = 3, .stride = 3};

    (void)unused;
    for (size_t i = 0; i < ROWS; i++) {
        if (!runs_here(rows[i].isa))
            continue;
        rows[i].kernels->max_pixels(&p, NULL);
        assert_true(y[0] == -3.40282347e38f && y[1] == 2);
        rows[i].kernels->max_plane(&p, room);
        assert_true(y[0] == -3.40282347e38f && y[1] == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_equal_scalar),
        cmocka_unit_test(planes_equal_scalar),
        cmocka_unit_test(a_maximum_passes_nan_by_and_starts_from_the_lowest_float),
    };
    return cmocka_run_group_tests(tests, kernel_setup, NULL);
}
