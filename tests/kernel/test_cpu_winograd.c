/* test_cpu_winograd.c - the transforms of winograd.def.
 *
 * The scalar ones, which are matrices written out, must give a 3x3 convolution when put together: checked against the
 * convolution itself. The others must equal the scalar ones: they use the same matrices in another order of operations,
 * so their difference is a few roundings of the magnitudes that were added. Frames around V and y must stay as they are.
 */
#include "kernel_case.h"

#include "backend/cpu/kernel/winograd.h"

static const fl_winograd_kernel *const kernels[] = {
#define FL_WINOGRAD_KERNEL(dtype, m, ISA, isa) &fl_##dtype##_winograd##m##__##isa,
#include "backend/cpu/kernel/winograd.def"
#undef FL_WINOGRAD_KERNEL
};
#define KERNELS (sizeof kernels / sizeof kernels[0])

#define MOST (FL_WINOGRAD_MOST * FL_WINOGRAD_MOST)

static const fl_winograd_kernel *scalar_of(int m)
{
    return m == 4 ? &fl_f32_winograd4__scalar : &fl_f32_winograd2__scalar;
}

static void check_near(const fl_winograd_kernel *k, float got, float want, float magnitude)
{
    if (!(fabsf(got - want) <= 2e-6f * magnitude)) {
        print_error("seed %llu, m %d, level %s: %.9g, wanted %.9g\n", (unsigned long long)kernel_seed, k->m,
                    fl_cpu_isa_name(k->isa), (double)got, (double)want);
        fail();
    }
}

/* ---- the method: filter, input, product and output together are a convolution */

static void check_convolution(const fl_winograd_kernel *k)
{
    const int m = k->m, n = m + 2;
    float d[MOST], v[MOST], product[MOST], y[MOST];
    double g[9], u[MOST];
    const float *x[MOST], bias[16] = {0};
    float *to[MOST], row[MOST][16] = {{0}};

    for (int i = 0; i < 9; i++)
        g[i] = (double)random_value();
    for (int i = 0; i < n * n; i++) {
        d[i] = random_value();
        x[i] = &d[i];
    }
    fl_winograd_filter(m, g, u);
    k->input(x, 1, v, 1);
    for (int i = 0; i < n * n; i++) {
        product[i] = (float)((double)v[i] * u[i]);
        row[i][0] = product[i];
    }
    for (int i = 0; i < m * m; i++)
        to[i] = &y[i];
    k->output(&(fl_winograd_result){.m = row[0], .stride = 16, .bias = bias, .y = to, .columns = 1, .low = -INFINITY,
                                    .high = INFINITY});
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < m; j++) {
            double want = 0;
            for (int t = 0; t < 9; t++)
                want += (double)d[(i + t / 3) * n + j + t % 3] * g[t];
            check_near(k, y[i * m + j], (float)want, 9);
        }
    }
}

static void filter_input_and_output_make_a_convolution(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < KERNELS; i++)
        for (int times = 0; runs_here(kernels[i]->isa) && times < 100; times++)
            check_convolution(kernels[i]);
}

/* ---- each transform against the scalar one */

static void check_input(const fl_winograd_kernel *k, size_t channels)
{
    const size_t places = (size_t)((k->m + 2) * (k->m + 2)), stride = channels + pick(0, 20);
    const size_t floats = (places - 1) * stride + channels;
    float *data[MOST], *got = make_buffer(floats), *want = make_buffer(floats);
    const float *x[MOST];

    for (size_t i = 0; i < places; i++) { /* rows of their own: reading past one is seen by the address sanitizer */
        data[i] = malloc(channels * sizeof(float));
        assert_non_null(data[i]);
        for (size_t c = 0; c < channels; c++)
            data[i][c] = random_value();
        x[i] = data[i];
    }
    k->input(x, channels, got, stride);
    scalar_of(k->m)->input(x, channels, want, stride);
    for (size_t i = 0; i < floats; i++) {
        if (i % stride < channels)
            check_near(k, got[i], want[i], 40);
        else
            assert_true(got[i] == PATTERN);
    }
    check_frame(got, floats);
    for (size_t i = 0; i < places; i++)
        free(data[i]);
    free_buffer(got);
    free_buffer(want);
}

static void inputs_equal_the_scalar_ones(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < KERNELS; i++)
        for (size_t channels = 1; runs_here(kernels[i]->isa) && channels < 60; channels++)
            check_input(kernels[i], channels);
}

/* m*m buffers of `columns` floats for the results of a kernel. */
typedef struct results {
    float *y[MOST];
} results;

static void make_results(results *r, size_t pixels, size_t columns)
{
    for (size_t i = 0; i < pixels; i++)
        r->y[i] = make_buffer(columns);
}

static void check_output(const fl_winograd_kernel *k, size_t columns)
{
    const size_t pixels = (size_t)(k->m * k->m), places = (size_t)((k->m + 2) * (k->m + 2));
    const size_t padded = (columns + 15) / 16 * 16, stride = padded + pick(0, 20);
    float *m = malloc((places * stride + padded) * sizeof *m), *bias = malloc(padded * sizeof *bias);
    results got, want, residual;
    float *to[MOST];
    const float *added[MOST];

    assert_true(m && bias);
    for (size_t i = 0; i < places * stride + padded; i++)
        m[i] = random_value();
    for (size_t i = 0; i < padded; i++)
        bias[i] = random_value();
    make_results(&got, pixels, columns);
    make_results(&want, pixels, columns);
    make_results(&residual, pixels, columns);
    fl_winograd_result r = {.m = m, .stride = stride, .bias = bias, .residual = pick(0, 1) ? added : NULL, .y = to,
                            .columns = columns, .low = pick(0, 1) ? 0.0f : -INFINITY,
                            .high = pick(0, 1) ? 6.0f : INFINITY};
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < columns; c++)
            residual.y[i][c] = random_value();
        added[i] = residual.y[i];
        to[i] = want.y[i];
    }
    scalar_of(k->m)->output(&r);
    for (size_t i = 0; i < pixels; i++)
        to[i] = pick(0, 5) ? got.y[i] : NULL; /* some pixels are outside the image */
    k->output(&r);
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < columns; c++) {
            if (to[i])
                check_near(k, got.y[i][c], want.y[i][c], 200);
            else
                assert_true(got.y[i][c] == PATTERN);
        }
        check_frame(got.y[i], columns);
        free_buffer(got.y[i]);
        free_buffer(want.y[i]);
        free_buffer(residual.y[i]);
    }
    free(m);
    free(bias);
}

static void outputs_equal_the_scalar_ones(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < KERNELS; i++)
        for (size_t columns = 1; runs_here(kernels[i]->isa) && columns < 60; columns++)
            check_output(kernels[i], columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_input_and_output_make_a_convolution),
        cmocka_unit_test(inputs_equal_the_scalar_ones),
        cmocka_unit_test(outputs_equal_the_scalar_ones),
    };
    return cmocka_run_group_tests(tests, kernel_setup, NULL);
}
