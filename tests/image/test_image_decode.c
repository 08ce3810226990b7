/* test_image_decode.c - pictures decode to the bytes that TensorFlow gives.
 *
 * No tolerance is needed, not even for JPEG and lossy WebP: both formats define the inverse transforms that all
 * versions of libjpeg-turbo (fast and accurate integer DCT, smooth upsampling) and libwebp compute in integers, with
 * and without SIMD, to the same bits. TensorFlow 2.21 brings its own copies of these libraries, other versions than the
 * system's, and every one of the pictures, up to photos of a megapixel, came out equal.
 */
#include "image_fixture.h"

#include <pthread.h>

static const image_cases *cases_of(void **state)
{
    return *state;
}

/* True if equal; else says where. */
static bool same_pixels(const image_case *c, const floe_image *image, const uint8_t *expected)
{
    if (image->height != c->h || image->width != c->w || image->channels != c->c) {
        print_error("%s channels %d: %d x %d x %d, expected %d x %d x %d\n", c->file, c->channels, image->height,
                    image->width, image->channels, c->h, c->w, c->c);
        return false;
    }
    const size_t count = (size_t)c->h * (size_t)c->w * (size_t)c->c;
    size_t wrong = 0, first = 0;
    int most = 0;
    for (size_t i = count; i-- > 0;) {
        const int off = abs((int)image->data[i] - (int)expected[i]);
        wrong += off != 0;
        first = off ? i : first;
        most = off > most ? off : most;
    }
    if (wrong)
        print_error("%s channels %d accurate %d: %zu of %zu values differ by up to %d, the first at %zu: %d, not %d\n",
                    c->file, c->channels, c->accurate, wrong, count, most, first, image->data[first], expected[first]);
    return wrong == 0;
}

static bool decodes_as_expected(const image_cases *all, const image_case *c, const floe_image_options *options)
{
    size_t size;
    floe_error err = {0};
    floe_image image = {0};
    uint8_t *data = read_golden(c->file, &size);
    bool ok = false;
    if (floe_image_decode(&image, NULL, data, size, options, &err) != FLOE_OK)
        print_error("%s channels %d: %s\n", c->file, c->channels, err.message);
    else
        ok = same_pixels(c, &image, (const uint8_t *)all->pixels.data + c->offset);
    floe_image_free(&image);
    free(data);
    return ok;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void decode_all(void **state, const char *ending, int at_least)
{
    const image_cases *all = cases_of(state);
    int bad = 0, seen = 0;
    for (size_t i = 0; i < all->count; i++) {
        const image_case *c = &all->at[i];
        if (strcmp(c->kind, "decode") != 0 || !ends_with(c->file, ending))
            continue;
        const floe_image_options options = {.channels = c->channels, .accurate_dct = c->accurate, .name = c->file};
        bad += !decodes_as_expected(all, c, &options);
        seen++;
    }
    assert_int_equal(bad, 0);
    assert_true(seen >= at_least);
}

static void png_pictures_equal_tensorflow(void **state)
{
    decode_all(state, ".png", 29 * 4);
}

static void jpeg_pictures_equal_tensorflow_with_both_dcts(void **state)
{
    decode_all(state, ".jpg", 17 * 4);
}

static void webp_pictures_equal_tensorflow(void **state)
{
    decode_all(state, ".webp", 4 * 4);
}

static void bmp_pictures_equal_tensorflow(void **state)
{
    decode_all(state, ".bmp", 10 * 4);
}

static void pgm_and_ppm_pictures_equal_the_numbers_they_hold(void **state)
{
    decode_all(state, ".pgm", 4 * 4);
    decode_all(state, ".ppm", 4 * 4);
}

static void bmp_palette_is_applied_when_asked_for(void **state)
{
    const image_cases *all = cases_of(state);
    int seen = 0;
    for (size_t i = 0; i < all->count; i++)
        if (!strcmp(all->at[i].kind, "palette")) {
            const floe_image_options options = {.bmp_palette = 1};
            assert_true(decodes_as_expected(all, &all->at[i], &options));
            seen++;
        }
    assert_int_equal(seen, 1);
}

/* The accurate DCT must be another one, or the option does nothing. */
static void accurate_dct_differs_from_the_fast_one(void **state)
{
    floe_image fast = {0}, accurate = {0};
    const floe_image_options options = {.accurate_dct = 1};
    size_t size;
    uint8_t *data = read_golden("s444.jpg", &size);
    (void)state;
    assert_int_equal(floe_image_decode(&fast, NULL, data, size, NULL, NULL), FLOE_OK);
    assert_int_equal(floe_image_decode(&accurate, NULL, data, size, &options, NULL), FLOE_OK);
    const size_t count = (size_t)fast.width * (size_t)fast.height * 3;
    assert_true(memcmp(fast.data, accurate.data, count) != 0);
    for (size_t i = 0; i < count; i++)
        assert_in_range(fast.data[i] - accurate.data[i] + 8, 0, 16);
    floe_image_free(&fast);
    floe_image_free(&accurate);
    free(data);
}

static void loading_a_file_equals_decoding_its_bytes(void **state)
{
    char path[512];
    floe_error err = {0};
    floe_image loaded = {0}, decoded = {0};
    size_t size;
    uint8_t *data = read_golden("rgb.png", &size);
    (void)state;
    golden_path(path, sizeof path, GOLDEN "rgb.png");
    assert_int_equal(floe_image_load(&loaded, NULL, path, NULL, &err), FLOE_OK);
    assert_int_equal(floe_image_decode(&decoded, NULL, data, size, NULL, &err), FLOE_OK);
    assert_int_equal(loaded.width, 13);
    assert_int_equal(loaded.height, 9);
    assert_memory_equal(loaded.data, decoded.data, 13 * 9 * 3);
    floe_image_free(&loaded);
    floe_image_free(&decoded);
    assert_null(loaded.data);
    free(data);
}

static void bytes_after_the_picture_are_ignored(void **state)
{
    static const char *const files[] = {"b24.bmp", "rgb.png", "s420.jpg", "p6.ppm", "lossless.webp"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t size;
        floe_image image = {0};
        floe_error err = {0};
        uint8_t *data = read_golden(files[i], &size);
        uint8_t *longer = calloc(size + 2, 1);
        memcpy(longer, data, size);
        if (floe_image_decode(&image, NULL, longer, size + 2, NULL, &err) != FLOE_OK)
            fail_msg("%s: %s", files[i], err.message);
        floe_image_free(&image);
        free(longer);
        free(data);
    }
}

/* ---- threads */

static void *decode_png_and_jpeg_cases(void *user)
{
    const image_cases *all = user;
    size_t bad = 0;
    for (size_t i = 0; i < all->count; i++) {
        const image_case *c = &all->at[i];
        const floe_image_options options = {.channels = c->channels, .accurate_dct = c->accurate};
        if (!strcmp(c->kind, "decode") && (ends_with(c->file, ".png") || ends_with(c->file, ".jpg")))
            bad += !decodes_as_expected(all, c, &options);
    }
    return (void *)(uintptr_t)bad;
}

static void threads_do_not_disturb_each_other(void **state)
{
    pthread_t thread[4];
    for (int t = 0; t < 4; t++)
        assert_int_equal(pthread_create(&thread[t], NULL, decode_png_and_jpeg_cases, *state), 0);
    for (int t = 0; t < 4; t++) {
        void *bad = NULL;
        assert_int_equal(pthread_join(thread[t], &bad), 0);
        assert_null(bad);
    }
}

/* ---- pictures made by others */

static bool shared_as_expected(const image_case *c, const char *root)
{
    char path[1200], found[16] = "error";
    floe_error err = {0};
    floe_image image = {0};
    const floe_image_options options = {.channels = c->channels};
    snprintf(path, sizeof path, "%s/%s", root, c->file);
    const floe_status st = floe_image_load(&image, NULL, path, &options, &err);
    if (st == FLOE_OK) {
        const size_t count = (size_t)image.width * (size_t)image.height * (size_t)image.channels;
        snprintf(found, sizeof found, "%08x", crc32_of(image.data, count));
        if (image.height != c->h || image.width != c->w || image.channels != c->c)
            snprintf(found, sizeof found, "size");
    }
    floe_image_free(&image);
    /* What TensorFlow refuses in the way of channels, we convert. */
    const bool ours = !strcmp(c->crc, "error") && strstr(c->file, "cmyk") && c->channels == 1;
    const bool ok = ours ? st == FLOE_OK : !strcmp(found, c->crc);
    if (!ok)
        print_error("%s channels %d: %s, expected %s; %s\n", c->file, c->channels, found, c->crc, err.message);
    if (st != FLOE_OK && (strncmp(err.message, path, strlen(path)) != 0 || strlen(err.message) < strlen(path) + 20)) {
        print_error("%s: not a sentence that names the file: %s\n", c->file, err.message);
        return false;
    }
    return ok;
}

/* TensorFlow's own test pictures, photos, and damaged files, which either fail in both or give the same pixels. */
static void photos_and_damaged_files_of_others_equal_tensorflow(void **state)
{
    const image_cases *all = cases_of(state);
    const char *root = golden_shared_models();
    int bad = 0, seen = 0;
    if (!root)
        skip();
    for (size_t i = 0; i < all->count; i++)
        if (!strcmp(all->at[i].kind, "shared")) {
            bad += !shared_as_expected(&all->at[i], root);
            seen++;
        }
    assert_int_equal(bad, 0);
    assert_true(seen >= 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_pictures_equal_tensorflow),
        cmocka_unit_test(jpeg_pictures_equal_tensorflow_with_both_dcts),
        cmocka_unit_test(webp_pictures_equal_tensorflow),
        cmocka_unit_test(bmp_pictures_equal_tensorflow),
        cmocka_unit_test(pgm_and_ppm_pictures_equal_the_numbers_they_hold),
        cmocka_unit_test(bmp_palette_is_applied_when_asked_for),
        cmocka_unit_test(accurate_dct_differs_from_the_fast_one),
        cmocka_unit_test(loading_a_file_equals_decoding_its_bytes),
        cmocka_unit_test(bytes_after_the_picture_are_ignored),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(photos_and_damaged_files_of_others_equal_tensorflow),
    };
    return cmocka_run_group_tests(tests, image_cases_load, image_cases_free);
}
