/* tf_table.c - LevelDB's table format, read whole.
 *
 *     data blocks | metaindex block | index block | footer: two handles, padding, magic (48 bytes)
 *
 *     block    contents | type, 1 byte: 0 raw, 1 Snappy | masked crc32c of contents and type
 *     contents entries | restart offsets, u32 each | their number, u32
 *     entry    varints shared, non_shared, value length | key from `shared` on | value
 *
 * The index block's entries hold handles of the data blocks; their keys only separate blocks and are no real keys. The
 * restart offsets serve bisection inside a block. We read everything in order instead (a checkpoint's index is small,
 * and all of it is checked), into one sorted array, and bisect that.
 *
 * What a hostile file can ask for is bounded: blocks must follow each other without overlap, so no block counts twice;
 * keys must increase strictly; prefix compression lets n entries spell n^2 / 2 bytes of keys, so the sum of key
 * lengths is capped.
 */
#include "tf_table.h"
#include "base/crc32c.h"

#include <string.h>

#define FOOTER_BYTES  48
#define TRAILER_BYTES 5
#define KEY_RATIO_MAX 64 /* bytes of keys for a byte of blocks; about 5 in real checkpoints */
#define KEY_BYTES_MIN ((size_t)1 << 20)

enum { BLOCK_RAW = 0, BLOCK_SNAPPY = 1 };

typedef struct table_reader {
    fl_arena      *arena;
    const uint8_t *data;
    size_t         size;
    const char    *name;
    size_t         block_bytes; /* decompressed, of all data blocks */
    size_t         key_bytes;   /* spelled so far */
} table_reader;

typedef struct handle {
    uint64_t offset, size;
} handle;

/* An entry as it stands in a block. */
typedef struct raw_entry {
    uint64_t shared;
    fl_bytes delta, value;
} raw_entry;

uint32_t fl_tf_crc_mask(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* ---- blocks */

static bool read_handle(fl_reader *r, handle *out)
{
    out->offset = fl_read_varint(r);
    out->size = fl_read_varint(r);
    return !r->failed;
}

/* The contents of the block that h stands for, decompressed. */
static floe_status read_block(table_reader *t, handle h, fl_bytes *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t body = t->size - FOOTER_BYTES;

    if (h.offset > body || h.size > body - h.offset || body - h.offset - h.size < TRAILER_BYTES)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: a block of %llu bytes at %llu lies outside the file", t->name,
                (unsigned long long)h.size, (unsigned long long)h.offset);
    const fl_bytes stored = {t->data + h.offset, (size_t)h.size};
    fl_reader trailer = fl_reader_make(stored.data + stored.size, TRAILER_BYTES);
    const uint8_t type = fl_read_u8(&trailer);
    if (fl_read_u32(&trailer) != fl_tf_crc_mask(fl_crc32c(0, stored.data, stored.size + 1)))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: the checksum of the block at %llu does not match", t->name,
                (unsigned long long)h.offset);
    if (type == BLOCK_RAW) {
        *out = stored;
        goto done;
    }
    size_t length = 0;
    if (type != BLOCK_SNAPPY)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: the block at %llu is compressed by method %u, only Snappy (1) is known",
                t->name, (unsigned long long)h.offset, type);
    const bool plausible = fl_tf_snappy_length(stored, &length);
    uint8_t *contents = fl_arena_alloc_data(t->arena, length);
    FL_NEED(contents, length, "a decompressed block", err);
    if (!plausible || !fl_tf_snappy_decode(contents, length, stored))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: the block at %llu does not decompress", t->name,
                (unsigned long long)h.offset);
    *out = (fl_bytes){contents, length};
done:
    return st;
}

/* A reader over the entries of a block. */
static floe_status open_block(const table_reader *t, fl_bytes block, fl_reader *entries, floe_error *err)
{
    uint64_t restarts = UINT64_MAX / 8;

    if (block.size >= 4) {
        fl_reader last = fl_reader_make(block.data + block.size - 4, 4);
        restarts = fl_read_u32(&last);
    }
    if (block.size < 4 || (restarts + 1) * 4 > block.size)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s: damaged: a block of %zu bytes cannot hold its restart offsets",
                       t->name, block.size);
    *entries = fl_reader_make(block.data, block.size - (size_t)(restarts + 1) * 4);
    return FLOE_OK;
}

/* The next entry; false at the end and on damage (then r->failed). */
static bool next_entry(fl_reader *r, raw_entry *out)
{
    if (r->failed || fl_reader_left(r) == 0)
        return false;
    out->shared = fl_read_varint(r);
    const uint64_t non_shared = fl_read_varint(r), value = fl_read_varint(r);
    if (non_shared > fl_reader_left(r) || value > fl_reader_left(r) - non_shared)
        r->failed = true;
    out->delta = (fl_bytes){fl_read_bytes(r, (size_t)non_shared), (size_t)non_shared};
    out->value = (fl_bytes){fl_read_bytes(r, (size_t)value), (size_t)value};
    return !r->failed;
}

static floe_status count_entries(const table_reader *t, fl_bytes block, size_t *count, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r;
    raw_entry e;

    FL_TRY(open_block(t, block, &r, err));
    while (next_entry(&r, &e))
        ++*count;
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: an entry runs over the end of its block", t->name);
done:
    return st;
}

/* ---- keys */

static int compare_keys(fl_bytes a, fl_bytes b)
{
    const size_t n = a.size < b.size ? a.size : b.size;
    const int order = n > 0 ? memcmp(a.data, b.data, n) : 0;

    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

/* previous[0 .. shared) and the delta, in the arena. */
static floe_status spell_key(table_reader *t, const raw_entry *e, fl_bytes previous, fl_bytes *key, floe_error *err)
{
    if (e->shared > previous.size)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s: damaged: a key shares %llu bytes with one of %zu", t->name,
                       (unsigned long long)e->shared, previous.size);
    const size_t shared = (size_t)e->shared, size = shared + e->delta.size;
    t->key_bytes += size;
    if (t->key_bytes / KEY_RATIO_MAX > t->block_bytes && t->key_bytes > KEY_BYTES_MIN)
        return fl_fail(err, FLOE_ERR_LIMIT, "%s: keys of more than %zu bytes in all", t->name, t->key_bytes);
    uint8_t *bytes = fl_arena_alloc(t->arena, size);
    if (!bytes)
        return fl_fail_memory(err, size, "a key");
    if (shared > 0)
        memcpy(bytes, previous.data, shared);
    if (e->delta.size > 0)
        memcpy(bytes + shared, e->delta.data, e->delta.size);
    *key = (fl_bytes){bytes, size};
    return FLOE_OK;
}

/* Appends the entries of a data block to the table. */
static floe_status fill_entries(table_reader *t, fl_tf_table *table, fl_bytes block, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_bytes previous = {NULL, 0};
    fl_reader r;
    raw_entry e;

    FL_TRY(open_block(t, block, &r, err));
    while (next_entry(&r, &e)) {
        fl_tf_entry *entry = &table->entry[table->n_entry];
        FL_TRY(spell_key(t, &e, previous, &entry->key, err));
        entry->value = e.value;
        if (table->n_entry > 0 && compare_keys(entry[-1].key, entry->key) >= 0)
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: entry %zu is out of order", t->name, table->n_entry);
        previous = entry->key;
        table->n_entry++;
    }
done:
    return st;
}

/* ---- the table */

/* Contents of all data blocks, in the order of the index. */
static floe_status read_data_blocks(table_reader *t, fl_bytes index, fl_bytes **out, size_t *count, floe_error *err)
{
    floe_status st = FLOE_OK;
    uint64_t behind = 0; /* the end of the block before */
    fl_reader r;
    raw_entry e;

    FL_TRY(count_entries(t, index, count, err));
    fl_bytes *block = fl_arena_calloc(t->arena, *count, sizeof *block);
    FL_NEED(block, *count * sizeof *block, "blocks", err);
    FL_TRY(open_block(t, index, &r, err));
    for (size_t i = 0; next_entry(&r, &e); i++) {
        fl_reader value = fl_reader_make(e.value.data, e.value.size);
        handle h;
        if (!read_handle(&value, &h) || h.offset < behind)
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: entry %zu of the index", t->name, i);
        FL_TRY(read_block(t, h, &block[i], err));
        behind = h.offset + h.size + TRAILER_BYTES;
        t->block_bytes += block[i].size;
    }
    *out = block;
done:
    return st;
}

static floe_status read_footer(table_reader *t, handle *metaindex, handle *index, floe_error *err)
{
    static const uint8_t magic[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};

    if (t->size < FOOTER_BYTES || memcmp(t->data + t->size - sizeof magic, magic, sizeof magic) != 0)
        return fl_fail(err, FLOE_ERR_FORMAT,
                       "%s: not a checkpoint: %zu bytes that do not end in the magic of a table (cut off?)", t->name,
                       t->size);
    fl_reader r = fl_reader_make(t->data + t->size - FOOTER_BYTES, FOOTER_BYTES - sizeof magic);
    if (!read_handle(&r, metaindex) || !read_handle(&r, index))
        return fl_fail(err, FLOE_ERR_FORMAT, "%s: damaged: the footer", t->name);
    return FLOE_OK;
}

floe_status fl_tf_table_read(fl_tf_table *out, fl_arena *arena, const void *data, size_t size, const char *name,
                             floe_error *err)
{
    floe_status st = FLOE_OK;
    table_reader t = {arena, data, size, name, 0, 0};
    fl_tf_table table = {NULL, 0};
    fl_bytes contents, *block = NULL;
    size_t blocks = 0, entries = 0;
    handle metaindex, index;

    FL_TRY(read_footer(&t, &metaindex, &index, err));
    FL_TRY(read_block(&t, metaindex, &contents, err)); /* empty in every checkpoint; but its checksum must hold */
    FL_TRY(read_block(&t, index, &contents, err));
    FL_TRY(read_data_blocks(&t, contents, &block, &blocks, err));
    for (size_t i = 0; i < blocks; i++)
        FL_TRY(count_entries(&t, block[i], &entries, err));
    table.entry = fl_arena_calloc(arena, entries, sizeof *table.entry);
    FL_NEED(table.entry, entries * sizeof *table.entry, "the entries of a checkpoint", err);
    for (size_t i = 0; i < blocks; i++)
        FL_TRY(fill_entries(&t, &table, block[i], err));
    *out = table;
done:
    return st;
}

const fl_tf_entry *fl_tf_table_find(const fl_tf_table *table, fl_bytes key)
{
    size_t low = 0, high = table->n_entry;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_keys(table->entry[middle].key, key);
        if (order == 0)
            return &table->entry[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
