/* test_image_resize.c - resized pictures equal TensorFlow's.
 *
 * Tolerance 1e-4 on values of 0 to 255. The kernels are written with TensorFlow's arithmetic and on the machine where
 * the expected values were made they agree in every bit; the allowance is for a TensorFlow, or a compiler, that fuses
 * multiplications and additions: a handful of roundings of values up to 255, each off by at most 2^-17. A filter sums
 * up as many pixels as its spans hold along both axes, so it is allowed 2^-17 more for each; sinf's last bit in its
 * weights is within the 1e-4.
 */
#include "image_fixture.h"

#define TOLERANCE      1e-4
#define LANCZOS_RADIUS 3

static floe_resize_method method_of(const char *name)
{
    floe_resize_method method = FLOE_RESIZE_NEAREST;
    assert_int_equal(floe_resize_find(&method, name, NULL), FLOE_OK);
    return method;
}

/* The pixels that one value is made of, along one axis. */
static double span_of(int in, int out)
{
    return 2 * LANCZOS_RADIUS * fmax((double)in / out, 1) + 1;
}

static double tolerance_of(const image_case *c, const floe_image *image)
{
    const bool filter = method_of(c->method) == FLOE_RESIZE_LANCZOS3;
    return TOLERANCE + (filter ? span_of(image->width, c->w) + span_of(image->height, c->h) : 0) * 0x1p-17;
}

static bool same_floats(const image_case *c, double tolerance, const float *found, const float *expected)
{
    const size_t count = (size_t)c->h * (size_t)c->w * (size_t)c->c;
    double most = 0;
    size_t where = 0;
    for (size_t i = 0; i < count; i++) {
        const double off = fabs((double)found[i] - (double)expected[i]);
        if (!(off <= most)) { /* a NaN counts as a difference */
            most = off;
            where = i;
        }
    }
    if (most <= tolerance)
        return true;
    print_error("%s %s to %d x %d: off by %g at %zu: %.9g, expected %.9g\n", c->file, c->method, c->h, c->w, most,
                where, (double)found[where], (double)expected[where]);
    return false;
}

static bool resizes_as_expected(const image_cases *all, const image_case *c, const floe_image *image)
{
    const size_t count = (size_t)c->h * (size_t)c->w * (size_t)c->c;
    float *found = malloc(count * sizeof *found);
    floe_error err = {0};
    bool ok = image->channels == c->c;
    if (ok && floe_image_resize(found, count, image, method_of(c->method), c->h, c->w, &err) != FLOE_OK) {
        print_error("%s %s: %s\n", c->file, c->method, err.message);
        ok = false;
    }
    ok = ok && same_floats(c, tolerance_of(c, image), found, (const float *)all->floats.data + c->offset);
    free(found);
    return ok;
}

static void every_method_equals_tensorflow(void **state)
{
    const image_cases *all = *state;
    int bad = 0, seen[16] = {0};
    for (size_t i = 0; i < all->count; i++) {
        const image_case *c = &all->at[i];
        size_t size;
        floe_image image = {0};
        if (strcmp(c->kind, "resize") != 0)
            continue;
        uint8_t *data = read_golden(c->file, &size);
        assert_int_equal(floe_image_decode(&image, NULL, data, size, NULL, NULL), FLOE_OK);
        bad += !resizes_as_expected(all, c, &image);
        seen[method_of(c->method)]++;
        floe_image_free(&image);
        free(data);
    }
    assert_int_equal(bad, 0);
    for (int m = 0; floe_resize_name(m); m++)
        assert_true(seen[m] >= 20);
}

static void photos_of_others_shrink_as_in_tensorflow(void **state)
{
    const image_cases *all = *state;
    const char *root = golden_shared_models();
    const floe_image_options options = {.channels = 3};
    int bad = 0, seen = 0;
    if (!root)
        skip();
    for (size_t i = 0; i < all->count; i++) {
        const image_case *c = &all->at[i];
        char path[1200];
        floe_image image = {0};
        if (strcmp(c->kind, "sresize") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", root, c->file);
        assert_int_equal(floe_image_load(&image, NULL, path, &options, NULL), FLOE_OK);
        bad += !resizes_as_expected(all, c, &image);
        seen++;
        floe_image_free(&image);
    }
    assert_int_equal(bad, 0);
    assert_true(seen >= 48);
}

/* The same along rows and along columns: a picture of one row or one column. */
static void check_line(floe_resize_method method, const float *expected, int out)
{
    uint8_t pixels[3] = {0, 10, 40};
    float across[8], down[8];
    for (int axis = 0; axis < 2; axis++) {
        const floe_image line = {.width = axis ? 1 : 3, .height = axis ? 3 : 1, .channels = 1, .data = pixels};
        float *found = axis ? down : across;
        assert_int_equal(floe_image_resize(found, 8, &line, method, axis ? out : 1, axis ? 1 : out, NULL), FLOE_OK);
        for (int i = 0; i < out; i++)
            if (fabsf(found[i] - expected[i]) > 1e-4f)
                fail_msg("%s axis %d, %d: %g, expected %g", floe_resize_name((int)method), axis, i, (double)found[i],
                         (double)expected[i]);
    }
}

static void three_pixels_become_the_published_six(void **state)
{
    static const float linear[] = {0, 2.5f, 7.5f, 17.5f, 32.5f, 40};
    static const float legacy[] = {0, 5, 10, 25, 40, 40};
    static const float aligned[] = {0, 4, 8, 16, 28, 40};
    static const float cubic[] = {-0.882353f, 1.24088f, 5.72519f, 17.3282f, 34.5255f, 42.6471f};
    static const float nearest[] = {0, 0, 10, 10, 40, 40};
    static const float area[] = {3.33333f, 30};
    static const float lanczos_up[] = {-0.162429f, -0.00892830f, 3.49024f, 19.1829f, 35.0625f, 43.5381f};
    static const float lanczos_down[] = {1.29532f, 30.3373f};
    (void)state;
    check_line(FLOE_RESIZE_BILINEAR, linear, 6);
    check_line(FLOE_RESIZE_BILINEAR_LEGACY, legacy, 6);
    check_line(FLOE_RESIZE_BILINEAR_ALIGNED, aligned, 6);
    check_line(FLOE_RESIZE_BICUBIC, cubic, 6);
    check_line(FLOE_RESIZE_NEAREST, nearest, 6);
    check_line(FLOE_RESIZE_AREA, area, 2);
    check_line(FLOE_RESIZE_LANCZOS3, lanczos_up, 6);
    check_line(FLOE_RESIZE_LANCZOS3, lanczos_down, 2);
}

/* 7 x 2 to 1 : 1 keeps columns 2 and 3 (the odd column is left at the end); 2 x 7 the rows 2 and 3. */
static void crop_keeps_the_centre(void **state)
{
    uint8_t pixels[14];
    float out[4];
    (void)state;
    for (int i = 0; i < 14; i++)
        pixels[i] = (uint8_t)i;
    const floe_image wide = {.width = 7, .height = 2, .channels = 1, .data = pixels};
    const floe_image high = {.width = 2, .height = 7, .channels = 1, .data = pixels};
    static const float from_wide[] = {2, 3, 9, 10}, from_high[] = {4, 5, 6, 7};
    assert_int_equal(floe_image_resize(out, 4, &wide, FLOE_RESIZE_CROP, 2, 2, NULL), FLOE_OK);
    assert_memory_equal(out, from_wide, sizeof out);
    assert_int_equal(floe_image_resize(out, 4, &high, FLOE_RESIZE_CROP, 2, 2, NULL), FLOE_OK);
    assert_memory_equal(out, from_high, sizeof out);
}

/* What a plain picture of 200 may deviate by. An area's width is the difference of two float coordinates below `side`,
 * divided by side / target: the rounding of the coordinates counts target times. (TensorFlow's does too.) */
static float plain_tolerance(int method, int target)
{
    return method == FLOE_RESIZE_AREA ? 200.0f * (float)target * 0x1p-22f + 1e-3f : 1e-3f;
}

/* Extreme ratios must stay inside the picture: a pixel from elsewhere is not 200, and the sanitizers see it too. */
static void extreme_sizes_stay_inside_the_picture(void **state)
{
    static const int sides[] = {1, 2, 3, 7, 250};
    static const int targets[] = {1, 2, 5, 251, 4099};
    float *out = malloc(4099 * 3 * sizeof *out);
    (void)state;
    for (int m = 0; floe_resize_name(m); m++)
        for (size_t s = 0; s < 5; s++)
            for (size_t t = 0; t < 5; t++)
                for (int axis = 0; axis < 2; axis++) {
                    const int side = sides[s], target = targets[t];
                    uint8_t *pixels = malloc((size_t)side * 3);
                    floe_image line = {
                        .width = axis ? side : 1, .height = axis ? 1 : side, .channels = 3, .data = pixels};
                    memset(pixels, 200, (size_t)side * 3);
                    assert_int_equal(floe_image_resize(out, 4099 * 3, &line, (floe_resize_method)m, axis ? 1 : target,
                                                       axis ? target : 1, NULL),
                                     FLOE_OK);
                    for (int i = 0; i < target * 3; i++)
                        if (!(fabsf(out[i] - 200) < plain_tolerance(m, target)))
                            fail_msg("%s %d to %d: %g at %d of a plain picture", floe_resize_name(m), side, target,
                                     (double)out[i], i);
                    free(pixels);
                }
    free(out);
}

static void a_full_side_can_be_resized(void **state)
{
    uint8_t *pixels = malloc(FLOE_IMAGE_MAX_SIDE);
    float *out = malloc(FLOE_IMAGE_MAX_SIDE * sizeof *out);
    floe_image line = {.width = FLOE_IMAGE_MAX_SIDE, .height = 1, .channels = 1, .data = pixels};
    (void)state;
    memset(pixels, 9, FLOE_IMAGE_MAX_SIDE);
    for (int m = 0; floe_resize_name(m); m++) {
        if (m == FLOE_RESIZE_CROP)
            continue; /* to one row of the same ratio, which is the next test's */
        assert_int_equal(
            floe_image_resize(out, FLOE_IMAGE_MAX_SIDE, &line, (floe_resize_method)m, 1, FLOE_IMAGE_MAX_SIDE - 1, NULL),
            FLOE_OK);
        assert_true(fabsf(out[FLOE_IMAGE_MAX_SIDE - 2] - 9) < 0.1f);
        assert_int_equal(floe_image_resize(out, 1, &line, (floe_resize_method)m, 1, 1, NULL), FLOE_OK);
        assert_true(fabsf(out[0] - 9) < 0.1f);
    }
    free(pixels);
    free(out);
}

static void crop_to_another_extreme_keeps_one_pixel(void **state)
{
    uint8_t pixels[100];
    float out[100];
    const floe_image line = {.width = 100, .height = 1, .channels = 1, .data = pixels};
    (void)state;
    for (int i = 0; i < 100; i++)
        pixels[i] = (uint8_t)i;
    assert_int_equal(floe_image_resize(out, 100, &line, FLOE_RESIZE_CROP, 100, 1, NULL), FLOE_OK);
    for (int i = 0; i < 100; i++)
        assert_true(out[i] == 49);
}

static void names_and_methods_agree(void **state)
{
    floe_resize_method method;
    floe_error err;
    int count = 0;
    (void)state;
    for (; floe_resize_name(count); count++) {
        assert_int_equal(floe_resize_find(&method, floe_resize_name(count), &err), FLOE_OK);
        assert_int_equal(method, count);
    }
    assert_int_equal(count, 8);
    assert_null(floe_resize_name(-1));
    assert_int_equal(floe_resize_find(&method, "lanczos", &err), FLOE_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "lanczos"));
    assert_non_null(strstr(err.message, "bilinear-aligned"));
    assert_non_null(strstr(err.message, "lanczos3"));
    assert_int_equal(floe_resize_find(&method, NULL, &err), FLOE_ERR_NOT_FOUND);
}

static void wrong_arguments_are_refused(void **state)
{
    uint8_t pixels[12] = {0};
    float out[12];
    floe_error err;
    const floe_image good = {.width = 2, .height = 2, .channels = 3, .data = pixels};
    floe_image bad = good;
    (void)state;
    assert_int_equal(floe_image_resize(out, 11, &good, FLOE_RESIZE_BILINEAR, 2, 2, &err), FLOE_ERR_SHAPE);
    assert_non_null(strstr(err.message, "11"));
    assert_int_equal(floe_image_resize(NULL, 12, &good, FLOE_RESIZE_BILINEAR, 2, 2, &err), FLOE_ERR_SHAPE);
    assert_int_equal(floe_image_resize(out, 12, &good, FLOE_RESIZE_BILINEAR, 0, 2, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_resize(out, 12, &good, FLOE_RESIZE_BILINEAR, 2, 65501, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_resize(out, 12, &good, (floe_resize_method)8, 2, 2, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_resize(out, 12, NULL, FLOE_RESIZE_BILINEAR, 2, 2, &err), FLOE_ERR_ARGUMENT);
    bad.channels = 5;
    assert_int_equal(floe_image_resize(out, 12, &bad, FLOE_RESIZE_BILINEAR, 2, 2, &err), FLOE_ERR_ARGUMENT);
    bad = good;
    bad.width = -2;
    assert_int_equal(floe_image_resize(out, 12, &bad, FLOE_RESIZE_BILINEAR, 2, 2, &err), FLOE_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_equals_tensorflow),
        cmocka_unit_test(photos_of_others_shrink_as_in_tensorflow),
        cmocka_unit_test(three_pixels_become_the_published_six),
        cmocka_unit_test(crop_keeps_the_centre),
        cmocka_unit_test(extreme_sizes_stay_inside_the_picture),
        cmocka_unit_test(a_full_side_can_be_resized),
        cmocka_unit_test(crop_to_another_extreme_keeps_one_pixel),
        cmocka_unit_test(names_and_methods_agree),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, image_cases_load, image_cases_free);
}
