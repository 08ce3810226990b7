/* test_cpu_depthwise.c - every kernel of depthwise.def against the sum written as plain C: one chain of fused
 * multiply-adds in the order of taps, starting with the bias. The vector kernels must give exactly that; the scalar
 * one, which does not fuse, within the rounding of each product.
 */
#include "kernel_case.h"

#include "backend/cpu/kernel/depthwise.h"

static const fl_depthwise_any *const any_kernels[] = {
#define FL_DEPTHWISE_PATCH(dtype, size, stride, ISA, isa)
#define FL_DEPTHWISE_ANY(dtype, ISA, isa) &fl_##dtype##_depthwise__##isa,
#include "backend/cpu/kernel/depthwise.def"
#undef FL_DEPTHWISE_PATCH
#undef FL_DEPTHWISE_ANY
};

static const fl_depthwise_patch *const patch_kernels[] = {
#define FL_DEPTHWISE_PATCH(dtype, size, stride, ISA, isa) &fl_##dtype##_depthwise_##size##x##size##s##stride##__##isa,
#define FL_DEPTHWISE_ANY(dtype, ISA, isa)
#include "backend/cpu/kernel/depthwise.def"
#undef FL_DEPTHWISE_PATCH
#undef FL_DEPTHWISE_ANY
    NULL,
};

#define MOST_POINTERS 80

typedef struct depthwise_case {
    fl_depthwise_tile tile;
    const float      *x[MOST_POINTERS];
    uint32_t          tap[MOST_POINTERS];
    float            *x_data[MOST_POINTERS], *w, *bias, *residual, *y;
    size_t            pointers, lanes, y_floats;
    float (*value)(void);
} depthwise_case;

/* Pointers into rows of their own, so that a read past a row's end is seen by the address sanitizer. */
static void add_pointer(depthwise_case *d, size_t channels)
{
    float *row = malloc(channels * sizeof *row);

    assert_non_null(row);
    for (size_t i = 0; i < channels; i++)
        row[i] = d->value();
    d->x_data[d->pointers] = row;
    d->x[d->pointers++] = row;
}

static void make_case(depthwise_case *d, size_t lanes, size_t places, size_t channels, size_t y_floats, bool extreme)
{
    fl_depthwise_tile *t = &d->tile;
    const size_t padded = (channels + lanes - 1) / lanes * lanes;

    memset(d, 0, sizeof *d);
    d->value = extreme ? extreme_value : random_value;
    d->lanes = lanes;
    d->w = malloc(padded * places * sizeof(float));
    d->bias = malloc(padded * sizeof(float));
    assert_true(d->w && d->bias);
    for (size_t i = 0; i < padded * places; i++)
        d->w[i] = d->value();
    for (size_t i = 0; i < padded; i++)
        d->bias[i] = d->value();
    d->y_floats = y_floats;
    d->y = make_buffer(y_floats);
    d->residual = make_buffer(y_floats);
    for (size_t i = 0; i < y_floats; i++)
        d->residual[i] = d->value();
    *t = (fl_depthwise_tile){.x = d->x, .tap = d->tap, .places = places, .w = d->w, .bias = d->bias,
                             .residual = pick(0, 1) ? d->residual : NULL, .y = d->y, .channels = channels,
                             .multiplier = 1, .low = pick(0, 1) ? 0.0f : -INFINITY,
                             .high = pick(0, 1) ? 6.0f : INFINITY};
}

static void free_case(depthwise_case *d)
{
    for (size_t i = 0; i < d->pointers; i++)
        free(d->x_data[i]);
    free(d->w);
    free(d->bias);
    free_buffer(d->y);
    free_buffer(d->residual);
}

/* Adds tap `place` seen through pointer p to the chain of channel c. */
static float step(const depthwise_case *d, float sum, size_t pointer, size_t place, size_t c, bool fused)
{
    const fl_depthwise_tile *t = &d->tile;
    const float x = d->x[pointer][c / t->multiplier];
    const float w = t->w[(c / d->lanes * t->places + place) * d->lanes + c % d->lanes];

    return fused ? fmaf(x, w, sum) : sum + x * w;
}

static void check_value(const depthwise_case *d, const char *name, size_t at, float sum, bool fused)
{
    const fl_depthwise_tile *t = &d->tile;

    if (t->residual)
        sum += t->residual[at];
    sum = sum < t->low ? t->low : sum;
    sum = sum > t->high ? t->high : sum;
    if (!same_value(t->y[at], sum) && (fused || !(fabsf(t->y[at] - sum) <= 1e-4f))) {
        print_error("seed %llu, %s: element %zu is %.9g, wanted %.9g\n", (unsigned long long)kernel_seed, name, at,
                    (double)t->y[at], (double)sum);
        fail();
    }
}

static void check_any(const fl_depthwise_any *k, bool extreme)
{
    const bool fused = k->isa != FL_CPU_SCALAR;
    depthwise_case d;

    const size_t places = pick(1, 30), channels = pick(1, 150), multiplier = pick(0, 1) ? 1 : pick(2, 20);
    make_case(&d, (size_t)k->lanes, places, channels, channels, extreme);
    d.tile.multiplier = multiplier;
    d.tile.taps = pick(0, places);
    for (size_t q = 0; q < d.tile.taps; q++) {
        d.tap[q] = (uint32_t)pick(0, places - 1);
        add_pointer(&d, (channels + multiplier - 1) / multiplier);
    }
    k->fn(&d.tile);
    for (size_t c = 0; c < channels; c++) {
        float sum = d.bias[c];
        for (size_t q = 0; q < d.tile.taps; q++)
            sum = step(&d, sum, q, d.tap[q], c, fused);
        check_value(&d, "any", c, sum, fused);
    }
    check_frame(d.y, channels);
    free_case(&d);
}

static void check_patch(const fl_depthwise_patch *k, size_t rows, size_t columns, bool extreme)
{
    const size_t size = (size_t)k->size, stride = (size_t)k->stride, lanes = (size_t)k->any->lanes;
    const size_t channels = lanes * pick(1, 5), pixel = channels + pick(0, 3), row = columns * pixel + pick(0, 9);
    const size_t width = (columns - 1) * stride + size, height = (rows - 1) * stride + size;
    depthwise_case d;

    make_case(&d, lanes, size * size, channels, (rows - 1) * row + (columns - 1) * pixel + channels, extreme);
    d.tile.y_row = row;
    d.tile.y_pixel = pixel;
    for (size_t i = 0; i < width * height; i++)
        add_pointer(&d, channels);
    k->fn[rows][columns](&d.tile);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            for (size_t c = 0; c < channels; c++) {
                float sum = d.bias[c];
                for (size_t q = 0; q < size * size; q++)
                    sum = step(&d, sum, (i * stride + q / size) * width + j * stride + q % size, q, c, true);
                check_value(&d, "patch", i * row + j * pixel + c, sum, true);
            }
            for (size_t c = channels; c < pixel && j + 1 < columns; c++)
                assert_true(d.y[i * row + j * pixel + c] == PATTERN);
        }
    }
    check_frame(d.y, d.y_floats);
    free_case(&d);
}

static void check_any_kernels(bool extreme)
{
    for (size_t n = 0; n < sizeof any_kernels / sizeof any_kernels[0]; n++)
        for (int i = 0; runs_here(any_kernels[n]->isa) && i < 200; i++)
            check_any(any_kernels[n], extreme);
}

static void any_filter_any_channels(void **unused)
{
    (void)unused;
    check_any_kernels(false);
    check_any_kernels(true);
}

static void every_shape_of_patch(void **unused)
{
    (void)unused;
    for (size_t n = 0; patch_kernels[n]; n++)
        for (size_t rows = 1; runs_here(patch_kernels[n]->any->isa) && rows <= FL_DEPTHWISE_ROWS; rows++)
            for (size_t columns = 1; columns <= FL_DEPTHWISE_COLUMNS; columns++)
                for (int i = 0; i < 10; i++)
                    check_patch(patch_kernels[n], rows, columns, i % 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_filter_any_channels),
        cmocka_unit_test(every_shape_of_patch),
    };
    return cmocka_run_group_tests(tests, kernel_setup, NULL);
}
