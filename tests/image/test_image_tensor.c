/* test_image_tensor.c - presets, layouts and channel orders; from a picture to a tensor in one call. */
#include "image_fixture.h"

static floe_preprocess preset(const char *name)
{
    floe_preprocess p;
    floe_error err;
    if (floe_preprocess_find(&p, name, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return p;
}

/* Each preset by the formula that Keras documents, in double. */
static double formula(const char *name, const double rgb[3], int c)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    static const double caffe[3] = {103.939, 116.779, 123.68}; /* blue first */
    if (!strcmp(name, "0..1"))
        return rgb[c] / 255;
    if (!strcmp(name, "-1..1"))
        return rgb[c] / 127.5 - 1;
    if (!strcmp(name, "caffe"))
        return rgb[2 - c] - caffe[c];
    if (!strcmp(name, "imagenet"))
        return (rgb[c] / 255 - mean[c]) / deviation[c];
    return rgb[c];
}

/* Float32 constants and two float32 operations: a few units in the last place of the largest term, 255 times the scale.
 */
static void presets_follow_their_formulas(void **state)
{
    static const float pixels[6] = {0, 1, 2.5f, 255, 127.25f, 63};
    int count = 0;
    (void)state;
    for (; floe_preprocess_name(count); count++) {
        const char *name = floe_preprocess_name(count);
        const floe_preprocess p = preset(name);
        float out[6];
        assert_int_equal(floe_image_normalize(out, 6, pixels, 1, 2, 3, &p, FLOE_IMAGE_NHWC, NULL), FLOE_OK);
        for (int x = 0; x < 2; x++)
            for (int c = 0; c < 3; c++) {
                const double rgb[3] = {pixels[x * 3], pixels[x * 3 + 1], pixels[x * 3 + 2]};
                const double expected = formula(name, rgb, c);
                const double scale = p.scale[c] == 0 ? 1 : p.scale[c];
                if (fabs((double)out[x * 3 + c] - expected) > 255 * scale * 3e-7)
                    fail_msg("%s pixel %d channel %d: %.9g, expected %.9g", name, x, c, (double)out[x * 3 + c],
                             expected);
            }
    }
    assert_int_equal(count, 5);
    assert_null(floe_preprocess_name(-1));
}

static void unknown_presets_are_answered_with_the_known_ones(void **state)
{
    floe_preprocess p;
    floe_error err;
    (void)state;
    assert_int_equal(floe_preprocess_find(&p, "vgg", &err), FLOE_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "vgg"));
    assert_non_null(strstr(err.message, "none, 0..1, -1..1, caffe, imagenet"));
    assert_int_equal(floe_preprocess_find(&p, NULL, &err), FLOE_ERR_NOT_FOUND);
}

static void layouts_and_orders_place_every_value(void **state)
{
    /* pixels 10 11 12 | 20 21 22 over 30 31 32 | 40 41 42, one mean per channel of the tensor */
    static const float pixels[12] = {10, 11, 12, 20, 21, 22, 30, 31, 32, 40, 41, 42};
    static const float rgb_nchw[12] = {9, 19, 29, 39, 18, 38, 58, 78, 36, 76, 116, 156};
    static const float bgr_nhwc[12] = {11, 18, 28, 21, 38, 68, 31, 58, 108, 41, 78, 148};
    const floe_preprocess rgb = {.mean = {1, 2, 3}, .scale = {0, 2, 4}};
    const floe_preprocess bgr = {.mean = {1, 2, 3}, .scale = {0, 2, 4}, .bgr = 1};
    float out[12];
    (void)state;
    assert_int_equal(floe_image_normalize(out, 12, pixels, 2, 2, 3, &rgb, FLOE_IMAGE_NCHW, NULL), FLOE_OK);
    assert_memory_equal(out, rgb_nchw, sizeof out);
    assert_int_equal(floe_image_normalize(out, 12, pixels, 2, 2, 3, &bgr, FLOE_IMAGE_NHWC, NULL), FLOE_OK);
    assert_memory_equal(out, bgr_nhwc, sizeof out);
}

static void bgr_leaves_alpha_and_grey_in_place(void **state)
{
    static const float rgba[4] = {1, 2, 3, 4}, bgra[4] = {3, 2, 1, 4};
    const floe_preprocess p = {.bgr = 1};
    float out[4];
    (void)state;
    assert_int_equal(floe_image_normalize(out, 4, rgba, 1, 1, 4, &p, FLOE_IMAGE_NHWC, NULL), FLOE_OK);
    assert_memory_equal(out, bgra, sizeof out);
    assert_int_equal(floe_image_normalize(out, 4, rgba, 2, 2, 1, &p, FLOE_IMAGE_NCHW, NULL), FLOE_OK);
    assert_memory_equal(out, rgba, sizeof out);
    assert_int_equal(floe_image_normalize(out, 4, rgba, 1, 2, 2, &p, FLOE_IMAGE_NHWC, NULL), FLOE_OK);
    assert_memory_equal(out, rgba, sizeof out);
}

static void normalizing_in_place_works_where_it_is_promised(void **state)
{
    float values[6] = {10, 20, 30, 40, 50, 60};
    static const float expected[6] = {30, 20, 10, 60, 50, 40};
    const floe_preprocess p = {.bgr = 1};
    (void)state;
    assert_int_equal(floe_image_normalize(values, 6, values, 1, 2, 3, &p, FLOE_IMAGE_NHWC, NULL), FLOE_OK);
    assert_memory_equal(values, expected, sizeof values);
    assert_int_equal(floe_image_normalize(values, 6, values, 1, 2, 3, &p, FLOE_IMAGE_NCHW, NULL), FLOE_ERR_ARGUMENT);
}

static void null_preprocess_means_pixels_as_they_are(void **state)
{
    uint8_t pixels[4] = {0, 100, 200, 255};
    const floe_image image = {.width = 2, .height = 2, .channels = 1, .data = pixels};
    float out[4];
    (void)state;
    assert_int_equal(floe_image_to_tensor(out, 4, &image, NULL, 2, 2, 0, FLOE_IMAGE_NCHW, NULL), FLOE_OK);
    for (int i = 0; i < 4; i++)
        assert_true(out[i] == (float)pixels[i]);
}

/* The one call must equal the three steps it stands for, for every method, layout and number of channels. */
static void one_call_equals_its_three_steps(void **state)
{
    static const char *const files[] = {"rgb.png", "rgba.png", "grey.png", "grey_alpha.png", "s420.jpg"};
    static const int channels[] = {1, 3, 4};
    (void)state;
    for (size_t f = 0; f < 5; f++) {
        size_t size;
        floe_image image = {0};
        uint8_t *data = read_golden(files[f], &size);
        assert_int_equal(floe_image_decode(&image, NULL, data, size, NULL, NULL), FLOE_OK);
        for (int m = 0; floe_resize_name(m); m++)
            for (int k = 0; k < 3; k++)
                for (int layout = 0; layout < 2; layout++) {
                    floe_preprocess p = preset("caffe");
                    floe_image converted = {0};
                    float direct[6 * 5 * 4], resized[6 * 5 * 4], stepwise[6 * 5 * 4];
                    const size_t count = (size_t)(6 * 5 * channels[k]);
                    p.resize = (floe_resize_method)m;
                    assert_int_equal(floe_image_to_tensor(direct, count, &image, &p, 6, 5, channels[k],
                                                          (floe_image_layout)layout, NULL),
                                     FLOE_OK);
                    assert_int_equal(floe_image_convert(&converted, &image, channels[k], NULL), FLOE_OK);
                    assert_int_equal(floe_image_resize(resized, count, &converted, p.resize, 6, 5, NULL), FLOE_OK);
                    assert_int_equal(floe_image_normalize(stepwise, count, resized, 6, 5, channels[k], &p,
                                                          (floe_image_layout)layout, NULL),
                                     FLOE_OK);
                    assert_memory_equal(direct, stepwise, count * sizeof(float));
                    floe_image_free(&converted);
                }
        floe_image_free(&image);
        free(data);
    }
}

static void channels_convert_by_the_rules(void **state)
{
    static const struct {
        int from, to;
        uint8_t in[4], out[4];
    } rules[] = {
        {1, 1, {7}, {7}},
        {1, 3, {7}, {7, 7, 7}},
        {1, 4, {7}, {7, 7, 7, 255}},
        {2, 1, {7, 9}, {7}},
        {2, 3, {7, 9}, {7, 7, 7}},
        {2, 4, {7, 9}, {7, 7, 7, 9}},
        {3, 1, {255, 255, 255}, {255}},
        {3, 1, {200, 100, 50}, {124}}, /* (9797*200 + 19234*100 + 3737*50) >> 15 = 124.19 */
        {3, 3, {1, 2, 3}, {1, 2, 3}},
        {3, 4, {1, 2, 3}, {1, 2, 3, 255}},
        {4, 1, {200, 100, 50, 0}, {124}},
        {4, 3, {1, 2, 3, 0}, {1, 2, 3}},
        {4, 4, {1, 2, 3, 4}, {1, 2, 3, 4}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        uint8_t in[4];
        floe_image out = {0};
        const floe_image image = {.width = 1, .height = 1, .channels = rules[i].from, .data = in};
        memcpy(in, rules[i].in, 4);
        assert_int_equal(floe_image_convert(&out, &image, rules[i].to, NULL), FLOE_OK);
        assert_int_equal(out.channels, rules[i].to);
        assert_memory_equal(out.data, rules[i].out, (size_t)rules[i].to);
        floe_image_free(&out);
    }
}

static void pixels_of_the_caller_are_left_alone(void **state)
{
    uint8_t pixels[3] = {1, 2, 3};
    floe_image image = {.width = 1, .height = 1, .channels = 3, .data = pixels};
    (void)state;
    floe_image_free(&image); /* would abort if it freed an array on the stack */
    assert_null(image.data);
    assert_int_equal(pixels[2], 3);
    floe_image_free(&image);
    floe_image_free(NULL);
}

static void wrong_arguments_are_refused(void **state)
{
    uint8_t pixels[12] = {0};
    float out[12] = {0};
    floe_error err;
    floe_image made;
    const floe_image image = {.width = 2, .height = 2, .channels = 3, .data = pixels};
    (void)state;
    assert_int_equal(floe_image_to_tensor(out, 11, &image, NULL, 2, 2, 3, FLOE_IMAGE_NHWC, &err), FLOE_ERR_SHAPE);
    assert_int_equal(floe_image_to_tensor(NULL, 12, &image, NULL, 2, 2, 3, FLOE_IMAGE_NHWC, &err), FLOE_ERR_SHAPE);
    assert_int_equal(floe_image_to_tensor(out, 12, &image, NULL, 2, 2, 2, FLOE_IMAGE_NHWC, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_to_tensor(out, 12, &image, NULL, 2, 2, 3, (floe_image_layout)2, &err),
                     FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_to_tensor(out, 12, NULL, NULL, 2, 2, 3, FLOE_IMAGE_NHWC, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_to_tensor(out, 12, &image, NULL, -2, -2, 3, FLOE_IMAGE_NHWC, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_normalize(out, 12, NULL, 2, 2, 3, NULL, FLOE_IMAGE_NHWC, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_normalize(out, 12, out, 2, 2, 5, NULL, FLOE_IMAGE_NHWC, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_normalize(out, 11, out, 2, 2, 3, NULL, FLOE_IMAGE_NHWC, &err), FLOE_ERR_SHAPE);
    assert_int_equal(floe_image_convert(&made, &image, 2, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_convert(&made, NULL, 3, &err), FLOE_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_follow_their_formulas),
        cmocka_unit_test(unknown_presets_are_answered_with_the_known_ones),
        cmocka_unit_test(layouts_and_orders_place_every_value),
        cmocka_unit_test(bgr_leaves_alpha_and_grey_in_place),
        cmocka_unit_test(normalizing_in_place_works_where_it_is_promised),
        cmocka_unit_test(null_preprocess_means_pixels_as_they_are),
        cmocka_unit_test(one_call_equals_its_three_steps),
        cmocka_unit_test(channels_convert_by_the_rules),
        cmocka_unit_test(pixels_of_the_caller_are_left_alone),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
