/* tf_bundle_v2.c - the second checkpoint format ("tensor bundle"): an index and raw data in shards.
 *
 *     model.ckpt-1000.index                  a table: "" -> BundleHeaderProto, name -> BundleEntryProto
 *     model.ckpt-1000.data-00000-of-00002    tensors, one behind the other
 *
 * An entry says where in which shard its bytes are and what their checksum is. An entry with slices says only what the
 * whole looks like; each slice has an entry of its own under a key made by fl_tf_slice_key. The index is checked when
 * it is opened, a shard is opened when a tensor in it is wanted, and a tensor's checksum is verified whenever it is
 * read: nothing wrong gets past, and nothing that is not needed is read.
 */
#include "base/crc32c.h"
#include "proto/wire.h"
#include "tf_bundle.h"
#include "tf_dtype.h"

#include <string.h>

#define MIN_CONSUMER_KNOWN 1 /* the version of the format this reader was written from */

typedef struct entry {
    int      dtype;
    fl_bytes shape;
    int64_t  shard, offset, size;
    uint32_t crc;
    size_t   slices;
} entry;

/* ---- the index */

static bool read_entry(entry *out, fl_bytes encoded)
{
    fl_reader r = fl_reader_make(encoded.data, encoded.size);
    fl_pb_field f;

    *out = (entry){0};
    while (fl_pb_next(&r, &f)) {
        if (f.wire == FL_PB_VARINT && f.number == 1)
            out->dtype = f.value > INT32_MAX ? -1 : (int)f.value;
        else if (f.wire == FL_PB_BYTES && f.number == 2)
            out->shape = (fl_bytes){f.bytes, f.size};
        else if (f.wire == FL_PB_VARINT && f.number == 3)
            out->shard = (int32_t)f.value;
        else if (f.wire == FL_PB_VARINT && f.number == 4)
            out->offset = (int64_t)f.value;
        else if (f.wire == FL_PB_VARINT && f.number == 5)
            out->size = (int64_t)f.value;
        else if (f.wire == FL_PB_FIXED32 && f.number == 6)
            out->crc = (uint32_t)f.value;
        else if (f.wire == FL_PB_BYTES && f.number == 7)
            out->slices++;
    }
    return !r.failed;
}

static floe_status read_header(fl_tf_bundle *b, fl_bytes encoded, floe_error *err)
{
    enum { BIG = 1 };
    fl_reader r = fl_reader_make(encoded.data, encoded.size);
    fl_pb_field f, inner;
    int64_t min_consumer = 0;
    uint64_t endianness = 0;

    while (fl_pb_next(&r, &f)) {
        if (f.wire == FL_PB_VARINT && f.number == 1)
            b->n_shards = (int32_t)f.value;
        else if (f.wire == FL_PB_VARINT && f.number == 2)
            endianness = f.value;
        else if (f.wire == FL_PB_BYTES && f.number == 3)
            for (fl_reader v = fl_reader_make(f.bytes, f.size); fl_pb_next(&v, &inner);)
                if (inner.number == 2)
                    min_consumer = (int32_t)inner.value;
    }
    if (r.failed || b->n_shards < 1 || endianness > BIG)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s.index: damaged: the header", b->prefix);
    if (min_consumer > MIN_CONSUMER_KNOWN)
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "%s.index: written for readers of version %lld, this is version %d",
                       b->prefix, (long long)min_consumer, MIN_CONSUMER_KNOWN);
    b->big_endian = endianness == BIG;
    return FLOE_OK;
}

static floe_status locate(const fl_tf_bundle *b, const fl_tf_var *var, fl_tf_part *part, const entry *e,
                          floe_error *err)
{
    if (e->shard < 0 || e->shard >= b->n_shards || e->offset < 0 || e->size < 0)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s.index: variable '%s': damaged: %lld bytes at %lld of shard %lld",
                       b->prefix, var->name, (long long)e->size, (long long)e->offset, (long long)e->shard);
    part->shard = e->shard;
    part->offset = e->offset;
    part->size = e->size;
    part->crc = e->crc;
    return FLOE_OK;
}

/* One part for each slice that the entry lists. */
static floe_status add_slices(fl_tf_bundle *b, const fl_tf_table *table, fl_tf_var *var, fl_bytes encoded,
                              floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf key = fl_buf_make(b->env);
    fl_reader r = fl_reader_make(encoded.data, encoded.size);
    fl_tf_part *part;
    fl_pb_field f;
    entry e;

    while (fl_pb_next(&r, &f)) {
        if (f.number != 7 || f.wire != FL_PB_BYTES)
            continue;
        FL_TRY(fl_tf_bundle_add_slice(b, var, (fl_bytes){f.bytes, f.size}, &part, &key, err));
        const fl_tf_entry *found = fl_tf_table_find(table, (fl_bytes){key.data, key.size});
        if (!found || !read_entry(&e, found->value) || e.dtype != var->dtype || e.slices > 0)
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s.index: variable '%s': damaged: slice %zu of it is missing", b->prefix,
                    var->name, var->n_parts - 1);
        FL_TRY(locate(b, var, part, &e, err));
    }
done:
    fl_buf_free(&key);
    return st;
}

static floe_status add_entry(fl_tf_bundle *b, const fl_tf_table *table, const fl_tf_entry *row, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_part *part;
    fl_tf_var *var;
    bool is_new;
    entry e;

    FL_TRY(fl_tf_bundle_add(b, &var, row->key, &is_new, err));
    if (!read_entry(&e, row->value))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s.index: variable '%s': damaged", b->prefix, var->name);
    FL_TRY(fl_tf_bundle_describe(b, var, e.dtype, e.shape, err));
    if (e.slices > 0) {
        FL_TRY(add_slices(b, table, var, row->value, err));
    } else {
        FL_TRY(fl_tf_bundle_add_whole(b, var, &part, err));
        FL_TRY(locate(b, var, part, &e, err));
    }
done:
    return st;
}

floe_status fl_tf_bundle_open_v2(fl_tf_bundle *bundle, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_table table;

    const char *path = fl_arena_printf(&bundle->arena, "%s.index", bundle->prefix);
    FL_NEED(path, 0, "a path", err);
    FL_TRY(fl_file_map(&bundle->index, path, err));
    FL_TRY(fl_tf_table_read(&table, &bundle->arena, bundle->index.data, bundle->index.size, path, err));
    if (table.n_entry == 0 || table.entry[0].key.size != 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: no header", path);
    FL_TRY(read_header(bundle, table.entry[0].value, err));
    for (size_t i = 1; i < table.n_entry; i++)
        if (table.entry[i].key.data[0] != 0) /* keys of slices begin with NUM(0) */
            FL_TRY(add_entry(bundle, &table, &table.entry[i], err));
done:
    return st;
}

/* ---- values */

static floe_status open_shard(fl_tf_bundle *b, int64_t number, const fl_file **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_shard *shard = b->shards;

    while (shard && shard->number != number)
        shard = shard->next;
    if (!shard) {
        shard = fl_arena_alloc(&b->arena, sizeof *shard);
        const char *path = fl_arena_printf(&b->arena, "%s.data-%05lld-of-%05lld", b->prefix, (long long)number,
                                           (long long)b->n_shards);
        FL_NEED(shard && path ? shard : NULL, sizeof *shard, "a shard", err);
        FL_TRY(fl_file_map(&shard->file, path, err));
        shard->number = number;
        shard->next = b->shards;
        b->shards = shard;
    }
    *out = &shard->file;
done:
    return st;
}

static floe_status bad_checksum(const fl_tf_bundle *b, const fl_tf_var *var, floe_error *err)
{
    return fl_fail(err, FLOE_ERR_FORMAT, "%s: variable '%s': damaged: the checksum of its values does not match",
                   b->prefix, var->name);
}

static void swap_bytes(uint8_t *dst, const uint8_t *src, size_t bytes, size_t component)
{
    for (size_t i = 0; i < bytes; i += component)
        for (size_t k = 0; k < component; k++)
            dst[i + k] = src[i + component - 1 - k];
}

static floe_status read_numbers(const fl_tf_bundle *b, const fl_tf_var *var, const fl_tf_part *part, fl_bytes stored,
                                fl_arena *arena, fl_tf_tensor *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_dtype_row *row = fl_tf_dtype_find(var->dtype);
    size_t bytes;

    if (!row || row->bytes == 0)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: variable '%s': values of type %s", b->prefix, var->name,
                fl_tf_dtype_name(var->dtype));
    if (!fl_mul_size((size_t)out->count, row->bytes, &bytes) || bytes != stored.size)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: variable '%s': damaged: %zu bytes for %lld elements of %s", b->prefix,
                var->name, stored.size, (long long)out->count, row->name);
    if (bytes >= FL_TF_TENSOR_BYTES_MAX)
        FL_FAIL(err, FLOE_ERR_LIMIT, "%s: variable '%s': 2 GiB or more", b->prefix, var->name);
    if (fl_tf_crc_mask(fl_crc32c(0, stored.data, stored.size)) != part->crc) {
        st = bad_checksum(b, var, err);
        goto done;
    }
    out->data = stored.data;
    out->bytes = bytes;
    if (b->big_endian) {
        uint8_t *swapped = fl_arena_alloc_data(arena, bytes);
        FL_NEED(swapped, bytes, var->name, err);
        swap_bytes(swapped, stored.data, bytes, row->bytes / row->per_element);
        out->data = swapped;
    }
done:
    return st;
}

/* A length as the checksums see it: four bytes, or eight where four do not hold it. */
static uint32_t crc_of_length(uint32_t crc, uint64_t length)
{
    uint8_t bytes[8];
    const size_t n = length > UINT32_MAX ? 8 : 4;

    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(length >> (8 * i));
    return fl_crc32c(crc, bytes, n);
}

/* Varint lengths, the checksum of the lengths, the bytes of all strings. */
static floe_status read_strings(const fl_tf_bundle *b, const fl_tf_var *var, const fl_tf_part *part, fl_bytes stored,
                                fl_arena *arena, fl_tf_tensor *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(stored.data, stored.size);
    const size_t count = (size_t)out->count;
    uint32_t crc = 0;

    if (count > stored.size)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: variable '%s': damaged: %zu strings in %zu bytes", b->prefix, var->name,
                count, stored.size);
    fl_bytes *strings = fl_arena_calloc(arena, count, sizeof *strings);
    FL_NEED(strings, count * sizeof *strings, var->name, err);
    for (size_t i = 0; i < count; i++) {
        strings[i].size = (size_t)fl_read_varint(&r);
        crc = crc_of_length(crc, strings[i].size);
    }
    const uint8_t *stored_crc = fl_read_bytes(&r, 4);
    fl_reader crc_reader = fl_reader_make(stored_crc, stored_crc ? 4 : 0);
    const bool lengths_hold = stored_crc && fl_read_u32(&crc_reader) == fl_tf_crc_mask(crc);
    if (!lengths_hold) {
        st = bad_checksum(b, var, err);
        goto done;
    }
    crc = fl_crc32c(crc, stored_crc, 4);
    for (size_t i = 0; i < count; i++) {
        strings[i].data = fl_read_bytes(&r, strings[i].size);
        if (strings[i].data)
            crc = fl_crc32c(crc, strings[i].data, strings[i].size);
    }
    if (r.failed || fl_reader_left(&r) > 0 || fl_tf_crc_mask(crc) != part->crc) {
        st = bad_checksum(b, var, err);
        goto done;
    }
    out->strings = strings;
done:
    return st;
}

floe_status fl_tf_bundle_part_v2(fl_tf_bundle *bundle, const fl_tf_var *var, const fl_tf_part *part, fl_arena *arena,
                                 fl_tf_tensor *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_file *file;

    FL_TRY(open_shard(bundle, part->shard, &file, err));
    if ((uint64_t)part->offset > file->size || (uint64_t)part->size > file->size - (uint64_t)part->offset)
        FL_FAIL(err, FLOE_ERR_FORMAT,
                "%s: variable '%s': its %lld bytes at %lld lie outside shard %lld of %zu bytes (cut off?)",
                bundle->prefix, var->name, (long long)part->size, (long long)part->offset, (long long)part->shard,
                file->size);
    const fl_bytes stored = {file->data + part->offset, (size_t)part->size};
    out->count = 1; /* cannot overflow: a part's lengths are at most the variable's, whose product was checked */
    for (int i = 0; i < out->rank; i++)
        out->count *= out->dim[i];
    if (var->dtype == FL_TF_STRING)
        FL_TRY(read_strings(bundle, var, part, stored, arena, out, err));
    else
        FL_TRY(read_numbers(bundle, var, part, stored, arena, out, err));
done:
    return st;
}
