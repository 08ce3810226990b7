/* tf_fixture.h - what the TensorFlow tests share: finding models, walking folders, damaging bytes.
 *
 * Models made by others stand outside the repository: FLOE_SHARED_MODELS names their folder, ../shared/models is the
 * default. A test that needs them says so in one line and is skipped where they are absent.
 */
#ifndef TESTS_TF_FIXTURE_H
#define TESTS_TF_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"

static inline bool fixture_models(char *out, size_t size)
{
    const char *dir = getenv("FLOE_SHARED_MODELS");
    snprintf(out, size, "%s", dir && *dir ? dir : "../shared/models");
    if (fl_path_is_folder(out))
        return true;
    print_message("skipped: no shared models at %s (FLOE_SHARED_MODELS)\n", out);
    return false;
}

/* $TEST_TMPDIR, $TMPDIR or /tmp; every file made there is removed by its test. */
static inline const char *fixture_tmp(void)
{
    const char *dir = getenv("TEST_TMPDIR");
    if (!dir || !*dir)
        dir = getenv("TMPDIR");
    return dir && *dir ? dir : "/tmp";
}

/* snprintf that fails the test when the text does not fit. */
static inline void put_text(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(out, size, format, args);
    va_end(args);
    assert_true(length >= 0 && (size_t)length < size);
}

static inline bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Calls visit for every regular file below dir, folders in sorted order. */
static inline void walk_files(const char *dir, void (*visit)(const char *path, void *arg), void *arg)
{
    struct dirent **entries = NULL;
    const int n = scandir(dir, &entries, NULL, alphasort);

    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        struct stat info;
        const int length = snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && length < (int)sizeof path && stat(path, &info) == 0) {
            if (S_ISDIR(info.st_mode))
                walk_files(path, visit, arg);
            else if (S_ISREG(info.st_mode))
                visit(path, arg);
        }
        free(entries[i]);
    }
    free(entries);
}

/* A file's bytes in memory of exactly its size, so that a sanitizer sees every read past its end. */
static inline uint8_t *read_whole(const char *path, size_t *size)
{
    fl_file file;
    floe_error err = {0};

    if (fl_file_map(&file, path, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    uint8_t *data = malloc(file.size ? file.size : 1);
    memcpy(data, file.data, file.size);
    *size = file.size;
    fl_file_unmap(&file);
    return data;
}

/* The bytes copied to memory of exactly that size. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    return copy;
}

static inline void assert_ok(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK)
        fail_msg("status %d: %s", (int)st, err->message);
}

/* A refusal says something: a status, and a sentence. */
static inline void assert_ok_or_sentence(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK && err->message[0] == 0)
        fail_msg("status %d without a sentence", (int)st);
}

/* An environment whose allocator refuses large requests: what a damaged length must not get. */
static inline void *limited_alloc(void *user, size_t bytes, size_t align)
{
    void *ptr = NULL;
    if (bytes > *(const size_t *)user)
        return NULL;
    return posix_memalign(&ptr, align, bytes ? bytes : 1) == 0 ? ptr : NULL;
}

static inline void limited_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static inline floe_env limited_env(size_t *limit)
{
    return (floe_env){.alloc = limited_alloc, .free = limited_free, .alloc_user = limit};
}

/* A small reproducible generator. */
static inline uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Runs `read` on every truncation (each byte of small data, else each 64th) and on `flips` single-bit flips. */
static inline void damage(const uint8_t *data, size_t size, int flips, void (*read)(const uint8_t *, size_t, void *),
                          void *arg)
{
    const size_t step = size <= 1024 ? 1 : 64;
    uint64_t seed = 1;

    for (size_t n = 0; n < size; n += step) {
        uint8_t *cut = exact_copy(data, n);
        read(cut, n, arg);
        free(cut);
    }
    uint8_t *copy = exact_copy(data, size);
    for (int i = 0; size > 0 && i < flips; i++) {
        const size_t at = next_random(&seed) % size;
        const uint8_t bit = (uint8_t)(1u << next_random(&seed) % 8);
        copy[at] ^= bit;
        read(copy, size, arg);
        copy[at] ^= bit;
    }
    free(copy);
}

#endif
