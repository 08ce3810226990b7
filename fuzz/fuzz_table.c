/* fuzz_table.c - any bytes as a checkpoint: a table, Snappy data, an index (V2) or a whole V1 checkpoint.
 *
 * The first byte chooses. Checksums would stop nearly every mutation at the door, so tables are sealed first: the
 * blocks that the footer and the index lead to get the checksums they should have, wherever that is possible.
 * Checkpoints need files, so those are written to a folder; the data shard of an index is a fixed pattern.
 */
#include "base/crc32c.h"
#include "tensorflow/tf_bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOOTER 48

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct budget {
    size_t left;
} budget;

static void *budget_alloc(void *user, size_t bytes, size_t align)
{
    budget *b = user;
    void *ptr = NULL;

    if (bytes > b->left)
        return NULL;
    b->left -= bytes;
    return posix_memalign(&ptr, align, bytes ? bytes : 1) == 0 ? ptr : NULL;
}

static void budget_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static floe_status said(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK && (err->status != st || !err->message[0]))
        abort();
    return st;
}

/* ---- sealing */

static bool seal_block(uint8_t *file, size_t size, uint64_t offset, uint64_t n)
{
    if (size < FOOTER || offset > size - FOOTER || n > size - FOOTER - offset || size - FOOTER - offset - n < 5)
        return false;
    const uint32_t crc = fl_tf_crc_mask(fl_crc32c(0, file + offset, (size_t)n + 1));
    for (int i = 0; i < 4; i++)
        file[offset + n + 1 + (uint64_t)i] = (uint8_t)(crc >> (8 * i));
    return true;
}

/* Data blocks first: sealing one may change bytes of the index, if they overlap. */
static void seal_table(uint8_t *file, size_t size)
{
    static const uint8_t magic[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};

    if (size < FOOTER)
        return;
    memcpy(file + size - 8, magic, 8);
    fl_reader footer = fl_reader_make(file + size - FOOTER, FOOTER - 8);
    uint64_t at[4];
    for (int i = 0; i < 4; i++)
        at[i] = fl_read_varint(&footer);
    if (footer.failed || at[2] > size - FOOTER || at[3] > size - FOOTER - at[2])
        return;
    fl_reader index = fl_reader_make(file + at[2], (size_t)at[3]);
    for (int blocks = 0; blocks < 64 && fl_reader_left(&index) > 0; blocks++) {
        fl_read_varint(&index);
        const uint64_t key = fl_read_varint(&index), value = fl_read_varint(&index);
        if (key > fl_reader_left(&index) || value > fl_reader_left(&index) - key)
            break;
        fl_read_bytes(&index, (size_t)key);
        const uint8_t *bytes = fl_read_bytes(&index, (size_t)value);
        fl_reader handle = fl_reader_make(bytes, (size_t)value);
        const uint64_t offset = fl_read_varint(&handle), n = fl_read_varint(&handle);
        if (!handle.failed)
            seal_block(file, size, offset, n);
    }
    seal_block(file, size, at[0], at[1]);
    seal_block(file, size, at[2], at[3]);
}

/* ---- reading */

static void read_table(const uint8_t *data, size_t size, const floe_env *env)
{
    fl_arena arena;
    fl_tf_table table;
    floe_error err = {0};

    fl_arena_init(&arena, env);
    if (said(fl_tf_table_read(&table, &arena, data, size, "fuzz", &err), &err) == FLOE_OK)
        for (size_t i = 0; i < table.n_entry; i++)
            if (fl_tf_table_find(&table, table.entry[i].key) != &table.entry[i])
                abort();
    fl_arena_free(&arena);
}

static void read_snappy(const uint8_t *data, size_t size)
{
    const fl_bytes compressed = {data, size};
    size_t length;

    if (!fl_tf_snappy_length(compressed, &length))
        return;
    uint8_t *out = malloc(length ? length : 1);
    fl_tf_snappy_decode(out, length, compressed);
    free(out);
}

static void put_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(data, 1, size, f) != size)
        abort();
    fclose(f);
}

static void read_bundle(const char *prefix, const floe_env *env)
{
    fl_tf_bundle *bundle = NULL;
    fl_arena arena;
    floe_error err = {0};

    if (said(fl_tf_bundle_open(&bundle, env, prefix, &err), &err) != FLOE_OK)
        return;
    fl_arena_init(&arena, env);
    for (size_t i = 0; i < bundle->n_var; i++) {
        fl_tf_tensor t;
        if (said(fl_tf_bundle_read(bundle, &bundle->var[i], NULL, &arena, &t, &err), &err) == FLOE_OK && t.bytes > 0) {
            volatile uint8_t last = ((const uint8_t *)t.data)[t.bytes - 1];
            (void)last;
        }
    }
    fl_arena_free(&arena);
    fl_tf_bundle_free(bundle);
}

/* A folder of this process for the files of an index: made once, taken away at exit. */
static char folder[64];

static void remove_folder(void)
{
    static const char *const names[] = {"m.index", "m.data-00000-of-00001", "v1"};
    char path[160];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static const char *scratch(void)
{
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/fuzz-table-XXXXXX");
        if (!mkdtemp(folder) || atexit(remove_folder) != 0)
            abort();
    }
    return folder;
}

static void read_v2(const uint8_t *data, size_t size, const floe_env *env)
{
    char prefix[100], path[160];
    uint8_t pattern[256];

    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i % 5);
    snprintf(prefix, sizeof prefix, "%s/m", scratch());
    snprintf(path, sizeof path, "%s.data-00000-of-00001", prefix);
    if (access(path, F_OK) != 0)
        put_file(path, pattern, sizeof pattern);
    snprintf(path, sizeof path, "%s.index", prefix);
    put_file(path, data, size);
    read_bundle(prefix, env);
}

static void read_v1(const uint8_t *data, size_t size, const floe_env *env)
{
    char path[100];

    snprintf(path, sizeof path, "%s/v1", scratch());
    put_file(path, data, size);
    read_bundle(path, env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    budget b = {(size_t)64 << 20};
    const floe_env env = {.alloc = budget_alloc, .free = budget_free, .alloc_user = &b};

    if (size < 2)
        return 0;
    uint8_t *copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    if (data[0] % 4 != 1)
        seal_table(copy, size - 1);
    if (data[0] % 4 == 0)
        read_table(copy, size - 1, &env);
    else if (data[0] % 4 == 1)
        read_snappy(copy, size - 1);
    else if (data[0] % 4 == 2)
        read_v2(copy, size - 1, &env);
    else
        read_v1(copy, size - 1, &env);
    free(copy);
    return 0;
}
