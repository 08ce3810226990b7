/* test_image_errors.c - damaged, truncated, oversized and unknown pictures; failing memory; silence.
 *
 * Whatever the bytes are, decoding ends with pixels or with a sentence: no crash, no leak, nothing printed, no memory
 * taken for what a header merely claims. Inputs are copied into blocks of their exact size, so that the address
 * sanitizer sees a read of one byte too many.
 */
#include "image_fixture.h"

#include <fcntl.h>
#include <unistd.h>

static const char *const pictures[] = {
    "rgb.png",
    "rgb_icc.png",
    "rgba_interlaced.png",
    "palette_4_alpha.png",
    "grey_1.png",
    "grey_alpha_16.png",
    "s420.jpg",
    "progressive.jpg",
    "restart.jpg",
    "grey.jpg",
    "cmyk.jpg",
    "lossless.webp",
    "lossy.webp",
    "lossy_alpha.webp",
    "b24.bmp",
    "b32_masks.bmp",
    "b8_short.bmp",
    "p6.ppm",
    "p3.ppm",
    "p5_1000.pgm",
    "p2_7.pgm",
};

#define PICTURES (sizeof pictures / sizeof pictures[0])

/* Decodes a copy of exactly `size` bytes and frees the picture. */
static floe_status decode_copy(const uint8_t *data, size_t size, const floe_env *env, const floe_image_options *options,
                               floe_error *err)
{
    uint8_t *copy = malloc(size ? size : 1);
    floe_image image = {0};
    memset(err, 0, sizeof *err);
    memcpy(copy, data, size);
    const floe_status st = floe_image_decode(&image, env, copy, size, options, err);
    if (st == FLOE_OK)
        assert_non_null(image.data);
    else
        assert_null(image.data);
    floe_image_free(&image);
    free(copy);
    return st;
}

static bool is_sentence(const floe_error *err, floe_status st, const char *name)
{
    const size_t n = strlen(name);
    return err->status == st && strncmp(err->message, name, n) == 0 && strncmp(err->message + n, ": ", 2) == 0 &&
           strlen(err->message) > n + 12;
}

static bool may_end_early(const char *name)
{
    return strstr(name, ".webp") || strstr(name, "p2") ||
           strstr(name, "p3"); /* padding; two digits and a line end less */
}

static void every_truncated_picture_fails_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < PICTURES; i++) {
        size_t size;
        uint8_t *data = read_golden(pictures[i], &size);
        const floe_image_options options = {.name = pictures[i]};
        for (size_t length = 0; length < size; length++) {
            floe_error err;
            const floe_status st = decode_copy(data, length, NULL, &options, &err);
            if (st == FLOE_OK && !(may_end_early(pictures[i]) && length + 3 >= size))
                fail_msg("%s decodes from %zu of its %zu bytes", pictures[i], length, size);
            if (st != FLOE_OK && !is_sentence(&err, st, pictures[i]))
                fail_msg("%s, %zu bytes: status %d with: %s", pictures[i], length, (int)st, err.message);
            if (st != FLOE_OK && st != FLOE_ERR_FORMAT)
                fail_msg("%s, %zu bytes: not called damaged: %s", pictures[i], length, err.message);
        }
        free(data);
    }
}

static uint32_t next_random(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

static void flipped_bytes_give_pixels_or_a_sentence(void **state)
{
    uint32_t seed = 7;
    int decoded = 0, failed = 0;
    (void)state;
    for (size_t i = 0; i < PICTURES; i++) {
        size_t size;
        uint8_t *data = read_golden(pictures[i], &size);
        for (int round = 0; round < 300; round++) {
            const size_t at = next_random(&seed) % size;
            const uint8_t old = data[at];
            floe_error err;
            const floe_image_options options = {.channels = round % 2 ? 3 : 0, .max_bytes = 1 << 20, .name = "flipped"};
            data[at] ^= (uint8_t)(next_random(&seed) >> 24 | 1);
            const floe_status st = decode_copy(data, size, NULL, &options, &err);
            if (st != FLOE_OK && !is_sentence(&err, st, "flipped"))
                fail_msg("%s with byte %zu changed: status %d with: %s", pictures[i], at, (int)st, err.message);
            decoded += st == FLOE_OK;
            failed += st != FLOE_OK;
            data[at] = old;
        }
        free(data);
    }
    assert_true(decoded > 500 && failed > 500);
}

/* ---- sizes */

static void put_big(uint8_t *at, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

static void put_little(uint8_t *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> 8 * i);
}

static void claim_png(uint8_t *data, size_t size, uint32_t side)
{
    (void)size;
    put_big(data + 16, side, 4);
    put_big(data + 20, side, 4);
    put_big(data + 29, crc32_of(data + 12, 17), 4);
}

static void claim_jpeg(uint8_t *data, size_t size, uint32_t side)
{
    for (size_t i = 2; i + 9 < size; i += 2u + ((size_t)data[i + 2] << 8 | data[i + 3]))
        if (data[i + 1] == 0xc0 || data[i + 1] == 0xc2) {
            put_big(data + i + 5, side, 2);
            put_big(data + i + 7, side, 2);
            return;
        }
    fail_msg("no frame header");
}

static void claim_bmp(uint8_t *data, size_t size, uint32_t side)
{
    (void)size;
    put_little(data + 18, side);
    put_little(data + 22, side);
}

/* VP8L: signature byte, then 14 bits of width - 1 and 14 of height - 1. */
static void claim_webp(uint8_t *data, size_t size, uint32_t side)
{
    (void)size;
    if (side > 16384)
        side = 16384;
    put_little(data + 21, (side - 1) | (side - 1) << 14 | ((uint32_t)data[24] & 0xf0) << 24);
}

/* A ledger that gives out no block larger than a megabyte proves that the claim is checked before it is believed. */
static void huge_claims_are_refused_without_memory(void **state)
{
    static const struct {
        const char *file;
        void (*claim)(uint8_t *, size_t, uint32_t);
        uint32_t side;
        floe_status status;
    } claims[] = {
        {"rgb.png", claim_png, 65500, FLOE_ERR_LIMIT},
        {"rgb.png", claim_png, 0x7fffffff, FLOE_ERR_LIMIT},
        {"rgb.png", claim_png, 9000, FLOE_ERR_FORMAT},
        {"rgba_interlaced.png", claim_png, 8000, FLOE_ERR_FORMAT},
        {"s420.jpg", claim_jpeg, 65500, FLOE_ERR_LIMIT},
        {"s420.jpg", claim_jpeg, 65535, FLOE_ERR_FORMAT},
        {"progressive.jpg", claim_jpeg, 10000, FLOE_ERR_LIMIT},
        {"b24.bmp", claim_bmp, 65500, FLOE_ERR_LIMIT},
        {"b24.bmp", claim_bmp, 0x7fffffff, FLOE_ERR_LIMIT},
        {"b24.bmp", claim_bmp, 0x80000000, FLOE_ERR_FORMAT},
        {"b24.bmp", claim_bmp, 9000, FLOE_ERR_FORMAT},
        {"lossless_alpha.webp", claim_webp, 16384, FLOE_ERR_LIMIT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        size_t size;
        ledger l;
        floe_error err;
        floe_env env = ledger_env(&l, 1000);
        uint8_t *data = read_golden(claims[i].file, &size);
        l.most_bytes = 1 << 20;
        claims[i].claim(data, size, claims[i].side);
        const floe_status st = decode_copy(data, size, &env, NULL, &err);
        if (st != claims[i].status)
            fail_msg("%s of side %u: status %d: %s", claims[i].file, claims[i].side, (int)st, err.message);
        assert_int_equal(l.live, 0);
        free(data);
    }
}

/* Hands on to a ledger, remembers the largest block asked for, and refuses one request: number `refuse`, from 1. */
typedef struct gauge {
    floe_env under;
    size_t largest;
    long asked, refuse;
} gauge;

static void *gauge_alloc(void *user, size_t bytes, size_t align)
{
    gauge *g = user;
    g->largest = bytes > g->largest ? bytes : g->largest;
    if (++g->asked == g->refuse)
        return NULL;
    return g->under.alloc(g->under.alloc_user, bytes, align);
}

static void gauge_free(void *user, void *ptr)
{
    const gauge *g = user;
    g->under.free(g->under.alloc_user, ptr);
}

/* A comment of 8 KB that inflates to 8 MB: libpng would keep any number of such, and the pixels are few. */
static void compressed_comments_of_a_png_are_not_inflated(void **state)
{
    size_t size;
    ledger l;
    floe_error err;
    gauge g = {.under = ledger_env(&l, 1000)};
    const floe_env env = {.alloc = gauge_alloc, .free = gauge_free, .alloc_user = &g};
    uint8_t *data = read_golden("text_bomb.png", &size);
    (void)state;
    assert_int_equal(decode_copy(data, size, &env, NULL, &err), FLOE_OK);
    assert_int_equal(l.live, 0);
    assert_true(g.largest > 0 && g.largest < 100000);
    free(data);
}

static void text_headers_with_wrong_numbers_are_refused(void **state)
{
    static const struct {
        const char *text;
        floe_status status;
    } headers[] = {
        {"P6 65500 65500 255\n", FLOE_ERR_LIMIT},
        {"P6 70000 1 255\n", FLOE_ERR_LIMIT},
        {"P6 9000 9000 255\n", FLOE_ERR_FORMAT},
        {"P3 9000 9000 255\n1 2", FLOE_ERR_FORMAT},
        {"P6 0 5 255\n", FLOE_ERR_FORMAT},
        {"P6 1 1 0\n...", FLOE_ERR_FORMAT},
        {"P6 1 1 65536\n......", FLOE_ERR_FORMAT},
        {"P6 1 1 99999999999999999999\n...", FLOE_ERR_FORMAT},
        {"P6 -1 1 255\n...", FLOE_ERR_FORMAT},
        {"P6 1 1", FLOE_ERR_FORMAT},
        {"P6", FLOE_ERR_FORMAT},
        {"P6 1 1 255...", FLOE_ERR_FORMAT},
        {"P2 2 1 9 4 10", FLOE_ERR_FORMAT},
        {"P2 2 1 9 4 x", FLOE_ERR_FORMAT},
        {"P5 1 1 9 \x0a", FLOE_ERR_FORMAT},
        {"P2 2 1 9 # all of it a comment 1 2", FLOE_ERR_FORMAT},
        {"P2 2 1 9 4 # a comment\n 5", FLOE_OK},
        {"P5 1 1 9 \x09", FLOE_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        floe_error err;
        const floe_status st = decode_copy((const uint8_t *)headers[i].text, strlen(headers[i].text), NULL, NULL, &err);
        if (st != headers[i].status)
            fail_msg("'%s': status %d: %s", headers[i].text, (int)st, err.message);
    }
}

static void the_limit_is_the_callers(void **state)
{
    size_t size;
    floe_error err;
    floe_image_options options = {.max_bytes = 13 * 9 * 3};
    uint8_t *data = read_golden("rgb.png", &size);
    (void)state;
    assert_int_equal(decode_copy(data, size, NULL, &options, &err), FLOE_OK);
    options.channels = 4;
    assert_int_equal(decode_copy(data, size, NULL, &options, &err), FLOE_ERR_LIMIT);
    options = (floe_image_options){.max_bytes = 13 * 9 * 3 - 1};
    assert_int_equal(decode_copy(data, size, NULL, &options, &err), FLOE_ERR_LIMIT);
    assert_non_null(strstr(err.message, "350"));
    free(data);
}

/* ---- other formats and other variants */

static void other_formats_are_named(void **state)
{
#define BYTES(text) text, sizeof(text) - 1
    static const struct {
        const char *bytes;
        size_t size;
        floe_status status;
        const char *says;
    } others[] = {
        {BYTES("GIF89a\1\0\1\0"), FLOE_ERR_UNSUPPORTED, "GIF"},
        {BYTES("II*\0\x08\0\0\0"), FLOE_ERR_UNSUPPORTED, "TIFF"},
        {BYTES("MM\0*\0\0\0\x08"), FLOE_ERR_UNSUPPORTED, "TIFF"},
        {BYTES("\0\0\0\x1c"
               "ftypavif...."),
         FLOE_ERR_UNSUPPORTED, "AVIF"},
        {BYTES("\xff\x0a......"), FLOE_ERR_UNSUPPORTED, "JPEG XL"},
        {BYTES("P4 1 1\n."), FLOE_ERR_UNSUPPORTED, "PBM"},
        {BYTES("hello, world"), FLOE_ERR_FORMAT, "68 65 6c 6c"},
        {BYTES("\x0a\x02hi"), FLOE_ERR_FORMAT, "PNG, JPEG, WebP, BMP, PPM and PGM"},
        {BYTES("P"), FLOE_ERR_FORMAT, "50"},
        {BYTES(""), FLOE_ERR_FORMAT, "empty"},
        {BYTES("RIFF\x24\0\0\0WAVEfmt "), FLOE_ERR_FORMAT, "52 49 46 46"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        floe_error err;
        const floe_status st = decode_copy((const uint8_t *)others[i].bytes, others[i].size, NULL, NULL, &err);
        if (st != others[i].status || !strstr(err.message, others[i].says))
            fail_msg("%zu: status %d: %s", i, (int)st, err.message);
    }
}

static void bmp_variants_that_are_not_read_say_so(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *says;
    } changes[] = {
        {14, 12, "OS/2"},
        {28, 4, "4 bits"},
        {28, 16, "16 bits"},
        {30, 1, "compression 1"},
        {10, 20, "inside the header"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        size_t size;
        floe_error err;
        uint8_t *data = read_golden("b24.bmp", &size);
        data[changes[i].at] = changes[i].value;
        assert_int_not_equal(decode_copy(data, size, NULL, NULL, &err), FLOE_OK);
        if (!strstr(err.message, changes[i].says))
            fail_msg("%s: %s", changes[i].says, err.message);
        free(data);
    }
}

static void bmp_with_other_colour_masks_is_refused(void **state)
{
    size_t size;
    floe_error err;
    uint8_t *data = read_golden("b32_masks.bmp", &size);
    (void)state;
    data[54] = 0xff; /* the red mask */
    assert_int_equal(decode_copy(data, size, NULL, NULL, &err), FLOE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "masks"));
    free(data);
}

/* An animation is a VP8X header with bit 1 of its flags set. */
static void animated_webp_is_refused(void **state)
{
    static const uint8_t animation[] = "RIFF\x2c\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x03\0\0\x03\0\0"
                                       "ANIM\x06\0\0\0\0\0\0\0\0\0........";
    floe_error err;
    (void)state;
    assert_int_equal(decode_copy(animation, sizeof animation - 1, NULL, NULL, &err), FLOE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "animated"));
}

/* The last scan of a progressive picture, many times over: valid, tiny, and slow without a limit. */
static void endless_progressive_scans_are_refused(void **state)
{
    size_t size, scan = 0;
    floe_error err;
    uint8_t *data = read_golden("progressive.jpg", &size);
    (void)state;
    for (size_t i = 0; i + 1 < size; i++)
        if (data[i] == 0xff && data[i + 1] == 0xda)
            scan = i;
    assert_true(scan > 0);
    const size_t length = size - 2 - scan; /* without the end marker */
    uint8_t *many = malloc(size + 400 * length);
    memcpy(many, data, size - 2);
    size_t n = size - 2;
    for (int i = 0; i < 400; i++, n += length)
        memcpy(many + n, data + scan, length);
    memcpy(many + n, "\xff\xd9", 2);
    assert_int_equal(decode_copy(many, n + 2, NULL, NULL, &err), FLOE_ERR_LIMIT);
    assert_non_null(strstr(err.message, "scans"));
    free(many);
    free(data);
}

/* ---- arguments and files */

static void wrong_arguments_and_files_are_refused(void **state)
{
    floe_error err;
    floe_image image = {0};
    char path[512];
    const floe_image_options two = {.channels = 2}, five = {.channels = 5};
    (void)state;
    assert_int_equal(floe_image_decode(&image, NULL, "BM", 2, &two, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_decode(&image, NULL, "BM", 2, &five, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_decode(&image, NULL, NULL, 2, NULL, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_decode(NULL, NULL, "BM", 2, NULL, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_decode(&image, NULL, "BM", 2, NULL, NULL), FLOE_ERR_FORMAT);
    assert_int_equal(floe_image_load(&image, NULL, NULL, NULL, &err), FLOE_ERR_ARGUMENT);
    assert_int_equal(floe_image_load(&image, NULL, "no/such/picture.png", NULL, &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, "no/such/picture.png"));
    golden_path(path, sizeof path, "tests/image");
    assert_int_equal(floe_image_load(&image, NULL, path, NULL, &err), FLOE_ERR_IO);
    golden_path(path, sizeof path, GOLDEN "cases.txt");
    assert_int_equal(floe_image_load(&image, NULL, path, NULL, &err), FLOE_ERR_FORMAT);
    assert_true(is_sentence(&err, FLOE_ERR_FORMAT, path));
    assert_null(image.data);
}

/* ---- memory */

/* Allocation k fails, for k = 0, 1, 2, ... until all succeed: each time out of memory, said so, and nothing leaked. */
static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < PICTURES; i++)
        for (int channels = 0; channels <= 4; channels += 4) {
            const floe_image_options options = {.channels = channels, .name = pictures[i]};
            size_t size;
            long k = 0;
            uint8_t *data = read_golden(pictures[i], &size);
            for (;; k++) {
                ledger l;
                floe_error err;
                floe_env env = ledger_env(&l, k);
                const floe_status st = decode_copy(data, size, &env, &options, &err);
                assert_int_equal(l.live, 0);
                if (st == FLOE_OK)
                    break;
                if (st != FLOE_ERR_MEMORY || !is_sentence(&err, st, pictures[i]))
                    fail_msg("%s, allocation %ld: status %d: %s", pictures[i], k, (int)st, err.message);
            }
            assert_true(k >= 1);
            free(data);
        }
}

/* Memory that is short only once: libpng goes on without the chunk that it was for, such as a colour profile. */
static void one_refused_allocation_is_not_passed_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < PICTURES; i++) {
        const floe_image_options options = {.channels = 1, .name = pictures[i]};
        size_t size;
        uint8_t *data = read_golden(pictures[i], &size);
        for (long k = 1;; k++) {
            ledger l;
            floe_error err;
            gauge g = {.under = ledger_env(&l, 1000), .refuse = k};
            const floe_env env = {.alloc = gauge_alloc, .free = gauge_free, .alloc_user = &g};
            const floe_status st = decode_copy(data, size, &env, &options, &err);
            assert_int_equal(l.live, 0);
            if (g.asked < k) {
                assert_int_equal(st, FLOE_OK);
                break;
            }
            if (st != FLOE_ERR_MEMORY)
                fail_msg("%s, allocation %ld refused: status %d: %s", pictures[i], k, (int)st, err.message);
        }
        free(data);
    }
}

/* How many allocations it takes, each of which has failed once. */
static long allocations_of(floe_resize_method method)
{
    uint8_t pixels[48] = {0};
    float out[27];
    const floe_preprocess prep = {.resize = method};
    for (long k = 0;; k++) {
        ledger l;
        floe_error err;
        floe_image image = {.width = 4, .height = 4, .channels = 3, .data = pixels, .env = ledger_env(&l, k)};
        const floe_status st = floe_image_to_tensor(out, 27, &image, &prep, 3, 3, 1, FLOE_IMAGE_NHWC, &err);
        assert_int_equal(l.live, 0);
        if (st == FLOE_OK)
            return k;
        assert_int_equal(st, FLOE_ERR_MEMORY);
    }
}

static void resizing_survives_failing_allocations(void **state)
{
    (void)state;
    for (int m = 0; floe_resize_name(m); m++) /* converted pixels, taps, a row; a filter's weights */
        assert_int_equal(allocations_of((floe_resize_method)m), m == FLOE_RESIZE_LANCZOS3 ? 4 : 3);
}

/* ---- log and silence */

typedef struct heard {
    int lines, warnings;
    char last[512];
} heard;

static void listen(void *user, floe_severity severity, const char *line)
{
    heard *h = user;
    h->lines++;
    h->warnings += severity == FLOE_SEVERITY_WARNING;
    snprintf(h->last, sizeof h->last, "%s", line);
}

static void damage_that_is_bridged_is_logged(void **state)
{
    heard h = {0};
    floe_error err;
    size_t size;
    const floe_env env = {.log = listen, .log_user = &h, .log_severity = FLOE_SEVERITY_WARNING};
    const floe_image_options options = {.name = "early.jpg"};
    uint8_t *data = read_golden("early_end.jpg", &size);
    (void)state;
    assert_int_equal(decode_copy(data, size, &env, &options, &err), FLOE_OK);
    assert_int_equal(h.lines, 1);
    assert_int_equal(h.warnings, 1);
    assert_non_null(strstr(h.last, "early.jpg: damaged JPEG"));
    free(data);
    data = read_golden("s420.jpg", &size);
    assert_int_equal(decode_copy(data, size, &env, &options, &err), FLOE_OK);
    assert_int_equal(h.lines, 1);
    free(data);
}

static void nothing_is_ever_printed(void **state)
{
    FILE *caught = tmpfile();
    (void)state;
    assert_non_null(caught);
    const int file = fileno(caught);
    fflush(NULL);
    const int out = dup(1), error = dup(2);
    dup2(file, 1);
    dup2(file, 2);
    for (size_t i = 0; i < PICTURES; i++) {
        size_t size;
        floe_error err;
        uint8_t *data = read_golden(pictures[i], &size);
        for (size_t at = 30; at < size; at += 11) {
            data[at] ^= 0x5a;
            decode_copy(data, size, NULL, &(floe_image_options){.max_bytes = 1 << 20}, &err);
            decode_copy(data, at, NULL, NULL, &err);
            data[at] ^= 0x5a;
        }
        free(data);
    }
    fflush(NULL);
    dup2(out, 1);
    dup2(error, 2);
    const off_t printed = lseek(file, 0, SEEK_END);
    close(out);
    close(error);
    fclose(caught);
    assert_int_equal(printed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncated_picture_fails_with_a_sentence),
        cmocka_unit_test(flipped_bytes_give_pixels_or_a_sentence),
        cmocka_unit_test(huge_claims_are_refused_without_memory),
        cmocka_unit_test(compressed_comments_of_a_png_are_not_inflated),
        cmocka_unit_test(text_headers_with_wrong_numbers_are_refused),
        cmocka_unit_test(the_limit_is_the_callers),
        cmocka_unit_test(other_formats_are_named),
        cmocka_unit_test(bmp_variants_that_are_not_read_say_so),
        cmocka_unit_test(bmp_with_other_colour_masks_is_refused),
        cmocka_unit_test(animated_webp_is_refused),
        cmocka_unit_test(endless_progressive_scans_are_refused),
        cmocka_unit_test(wrong_arguments_and_files_are_refused),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(one_refused_allocation_is_not_passed_over),
        cmocka_unit_test(resizing_survives_failing_allocations),
        cmocka_unit_test(damage_that_is_bridged_is_logged),
        cmocka_unit_test(nothing_is_ever_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
