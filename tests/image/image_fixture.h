/* image_fixture.h - the golden pictures and their cases, for the tests of the picture library.
 *
 * tests/image/golden/cases.txt says what TensorFlow made of each picture; tools/oracle/make_image_goldens.py wrote it
 * and explains its lines. Each test takes the lines of its kinds.
 */
#ifndef TESTS_IMAGE_FIXTURE_H
#define TESTS_IMAGE_FIXTURE_H

#include "floe_image.h"
#include "golden.h"
#include "ledger.h"
#include "npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "tests/image/golden/"

typedef struct image_case {
    char kind[16], file[160], method[32], oracle[16];
    int channels, accurate;
    int h, w, c;
    size_t offset;
    char crc[16]; /* of "shared": eight hex digits, or "error" */
} image_case;

typedef struct image_cases {
    image_case *at;
    size_t count;
    npy_array pixels, floats;
} image_cases;

static inline bool parse_case(image_case *c, const char *line)
{
    memset(c, 0, sizeof *c);
    if (sscanf(line, "%15s", c->kind) != 1)
        return false;
    if (!strcmp(c->kind, "decode"))
        return sscanf(line, "%*s %159s %d %d %15s %d %d %d %zu", c->file, &c->channels, &c->accurate, c->oracle, &c->h,
                      &c->w, &c->c, &c->offset) == 8;
    if (!strcmp(c->kind, "palette"))
        return sscanf(line, "%*s %159s %d %d %d %zu", c->file, &c->h, &c->w, &c->c, &c->offset) == 5;
    if (!strcmp(c->kind, "resize") || !strcmp(c->kind, "sresize"))
        return sscanf(line, "%*s %159s %31s %d %d %d %zu", c->file, c->method, &c->h, &c->w, &c->c, &c->offset) == 6;
    if (!strcmp(c->kind, "shared"))
        return sscanf(line, "%*s %159s %d %d %d %d %15s", c->file, &c->channels, &c->h, &c->w, &c->c, c->crc) == 6;
    return false;
}

/* Group setup: *state is an image_cases. */
static inline int image_cases_load(void **state)
{
    char path[512], line[512], why[256] = "";
    image_cases *all = calloc(1, sizeof *all);
    FILE *f = fopen(golden_path(path, sizeof path, GOLDEN "cases.txt"), "r");
    if (!all || !f) {
        print_error("%s cannot be read\n", path);
        return -1;
    }
    while (fgets(line, sizeof line, f)) {
        all->at = realloc(all->at, (all->count + 1) * sizeof *all->at);
        if (!all->at || !parse_case(&all->at[all->count++], line)) {
            print_error("%s: not understood: %s", path, line);
            return -1;
        }
    }
    fclose(f);
    if (!npy_load(&all->pixels, golden_path(path, sizeof path, GOLDEN "pixels.npy"), why, sizeof why) ||
        !npy_load(&all->floats, golden_path(path, sizeof path, GOLDEN "floats.npy"), why, sizeof why)) {
        print_error("%s\n", why);
        return -1;
    }
    *state = all;
    return 0;
}

static inline int image_cases_free(void **state)
{
    image_cases *all = *state;
    npy_free(&all->pixels);
    npy_free(&all->floats);
    free(all->at);
    free(all);
    return 0;
}

/* The whole file; the caller frees. */
static inline uint8_t *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    *size = 0;
    if (f && fseek(f, 0, SEEK_END) == 0) {
        *size = (size_t)ftell(f);
        data = malloc(*size + 1);
        rewind(f);
        if (fread(data, 1, *size, f) != *size)
            *size = 0;
    }
    if (f)
        fclose(f);
    return data;
}

static inline uint8_t *read_golden(const char *name, size_t *size)
{
    char path[512], rest[256];
    snprintf(rest, sizeof rest, GOLDEN "%s", name);
    uint8_t *data = read_whole(golden_path(path, sizeof path, rest), size);
    if (!data)
        fail_msg("%s cannot be read", path);
    return data;
}

/* The CRC of zip and PNG, four bits at a time. */
static inline uint32_t crc32_of(const uint8_t *data, size_t size)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

#endif
