/* tf_bundle_v1.c - the first checkpoint format: tables whose values are the tensors.
 *
 *     model.ckpt-1000                    or shards model.ckpt-1000-00000-of-00002
 *     ""                                 SavedTensorSlices.meta: names, shapes, dtypes, and the slices in this shard
 *     ordered code of name and slice     SavedTensorSlices.data: a TensorProto with values, but no dtype and no shape
 *
 * Every shard has its own "" entry; a variable's slices may be spread over shards, so the shards are read one after
 * the other into one list.
 */
#include "proto/wire.h"
#include "tf_bundle.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define SHARDS_MAX 100000 /* "-00000-of-00002" has five digits */

/* ---- one table */

/* The slice's values: SavedTensorSlices { 2 data: SavedSlice { 3 data: TensorProto } }. */
static bool find_values(fl_bytes encoded, fl_bytes *out)
{
    fl_reader r = fl_reader_make(encoded.data, encoded.size);
    fl_pb_field f, inner;
    bool found = false;

    while (fl_pb_next(&r, &f)) {
        if (f.number != 2 || f.wire != FL_PB_BYTES)
            continue;
        fl_reader slice = fl_reader_make(f.bytes, f.size);
        while (fl_pb_next(&slice, &inner))
            if (inner.number == 3 && inner.wire == FL_PB_BYTES) {
                *out = (fl_bytes){inner.bytes, inner.size};
                found = true;
            }
        r.failed = r.failed || slice.failed;
    }
    return found && !r.failed;
}

static floe_status add_slice(fl_tf_bundle *b, const fl_tf_table *table, fl_tf_var *var, const fl_pb_field *slice,
                             fl_buf *key, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_part *part;

    FL_TRY(fl_tf_bundle_add_slice(b, var, (fl_bytes){slice->bytes, slice->size}, &part, key, err));
    const fl_tf_entry *entry = fl_tf_table_find(table, (fl_bytes){key->data, key->size});
    if (!entry || !find_values(entry->value, &part->values))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: variable '%s': damaged: its values are missing", path, var->name);
done:
    return st;
}

/* SavedSliceMeta: 1 name, 2 shape, 3 type, 4 slices. */
static floe_status add_variable(fl_tf_bundle *b, const fl_tf_table *table, fl_bytes encoded, fl_buf *key,
                                const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(encoded.data, encoded.size);
    fl_bytes name = {NULL, 0}, shape = {NULL, 0};
    fl_tf_var *var, seen;
    fl_pb_field f;
    bool is_new;
    int dtype = 0;

    while (fl_pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == FL_PB_BYTES)
            name = (fl_bytes){f.bytes, f.size};
        else if (f.number == 2 && f.wire == FL_PB_BYTES)
            shape = (fl_bytes){f.bytes, f.size};
        else if (f.number == 3 && f.wire == FL_PB_VARINT)
            dtype = f.value > INT32_MAX ? -1 : (int)f.value;
    }
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: the list of variables", path);
    FL_TRY(fl_tf_bundle_add(b, &var, name, &is_new, err));
    seen = *var;
    FL_TRY(fl_tf_bundle_describe(b, var, dtype, shape, err));
    if (!is_new && (seen.dtype != dtype || seen.rank != var->rank ||
                    memcmp(seen.dim, var->dim, (size_t)var->rank * sizeof *var->dim) != 0))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: variable '%s': its shards disagree about dtype or shape", path, var->name);
    r = fl_reader_make(encoded.data, encoded.size);
    while (fl_pb_next(&r, &f))
        if (f.number == 4 && f.wire == FL_PB_BYTES)
            FL_TRY(add_slice(b, table, var, &f, key, path, err));
done:
    return st;
}

static floe_status add_table(fl_tf_bundle *b, const fl_tf_table *table, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf key = fl_buf_make(b->env);
    fl_pb_field f, inner;

    if (table->n_entry == 0 || table->entry[0].key.size != 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: no checkpoint: a table without a list of variables", path);
    fl_reader r = fl_reader_make(table->entry[0].value.data, table->entry[0].value.size);
    while (fl_pb_next(&r, &f)) {
        if (f.number != 1 || f.wire != FL_PB_BYTES)
            continue;
        fl_reader meta = fl_reader_make(f.bytes, f.size);
        while (fl_pb_next(&meta, &inner))
            if (inner.number == 1 && inner.wire == FL_PB_BYTES)
                FL_TRY(add_variable(b, table, (fl_bytes){inner.bytes, inner.size}, &key, path, err));
        r.failed = r.failed || meta.failed;
    }
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: the list of variables", path);
done:
    fl_buf_free(&key);
    return st;
}

static floe_status open_table(fl_tf_bundle *b, const char *path, int64_t number, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_table table;
    fl_tf_shard *shard = fl_arena_alloc(&b->arena, sizeof *shard);

    FL_NEED(shard, sizeof *shard, "a shard", err);
    FL_TRY(fl_file_map(&shard->file, path, err));
    shard->number = number;
    shard->next = b->shards;
    b->shards = shard;
    FL_TRY(fl_tf_table_read(&table, &b->arena, shard->file.data, shard->file.size, path, err));
    FL_TRY(add_table(b, &table, path, err));
done:
    return st;
}

/* ---- the shards' names */

size_t fl_tf_without_shard(const char *name, int64_t *shards)
{
    size_t end = strlen(name), at = end;

    *shards = 0;
    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    if (at == end || end - at > 6 || at < 4 || memcmp(name + at - 4, "-of-", 4) != 0)
        return end;
    size_t first = at - 4;
    while (first > 0 && (name[first - 1] == '?' || (name[first - 1] >= '0' && name[first - 1] <= '9')))
        first--;
    if (first == at - 4 || first == 0 || name[first - 1] != '-')
        return end;
    for (; at < end; at++)
        *shards = *shards * 10 + (name[at] - '0');
    return first - 1;
}

/* The number of shards of a prefix that is followed by "-00000-of-N" in its folder; 0 when there is none. */
static int64_t count_shards(const char *prefix)
{
    char folder[4096];
    const char *slash = strrchr(prefix, '/');
    const char *base = slash ? slash + 1 : prefix;
    const size_t length = strlen(base);
    int64_t found = 0, shards;

    if (snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - prefix + 1) : 1, slash ? prefix : ".") >=
        (int)sizeof folder)
        return 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
        if (strncmp(e->d_name, base, length) == 0 && strncmp(e->d_name + length, "-00000-of-", 10) == 0 &&
            fl_tf_without_shard(e->d_name, &shards) == length)
            found = shards;
    if (dir)
        closedir(dir);
    return found;
}

/* What the prefix stands for: its length without a shard suffix and the number of shards, 0 for a single file. */
static size_t resolve(const char *prefix, int64_t *shards)
{
    const size_t length = fl_tf_without_shard(prefix, shards);

    if (*shards == 0 && !(fl_path_exists(prefix) && !fl_path_is_folder(prefix)))
        *shards = count_shards(prefix);
    return length;
}

static void shard_path(char *out, size_t size, const char *prefix, size_t length, int64_t i, int64_t n)
{
    if (snprintf(out, size, "%.*s-%05lld-of-%05lld", (int)length, prefix, (long long)i, (long long)n) >= (int)size)
        out[0] = 0;
}

bool fl_tf_bundle_exists(const char *prefix)
{
    char path[4096];
    int64_t shards;

    if (snprintf(path, sizeof path, "%s.index", prefix) < (int)sizeof path && fl_path_exists(path))
        return true;
    const size_t length = resolve(prefix, &shards);
    if (shards == 0)
        return fl_path_exists(prefix) && !fl_path_is_folder(prefix);
    shard_path(path, sizeof path, prefix, length, 0, shards);
    return fl_path_exists(path);
}

floe_status fl_tf_bundle_open_v1(fl_tf_bundle *bundle, floe_error *err)
{
    floe_status st = FLOE_OK;
    char path[4096];
    const size_t length = resolve(bundle->prefix, &bundle->n_shards);

    if (bundle->n_shards > SHARDS_MAX)
        FL_FAIL(err, FLOE_ERR_LIMIT, "%s: %lld shards", bundle->prefix, (long long)bundle->n_shards);
    if (bundle->n_shards == 0 && !fl_path_exists(bundle->prefix))
        FL_FAIL(err, FLOE_ERR_NOT_FOUND, "%s: no checkpoint: there is neither %s.index nor a file of that name",
                bundle->prefix, bundle->prefix);
    if (bundle->n_shards == 0)
        FL_TRY(open_table(bundle, bundle->prefix, 0, err));
    for (int64_t i = 0; i < bundle->n_shards; i++) {
        shard_path(path, sizeof path, bundle->prefix, length, i, bundle->n_shards);
        FL_TRY(open_table(bundle, path, i, err));
    }
done:
    return st;
}

/* ---- values */

floe_status fl_tf_bundle_part_v1(fl_tf_bundle *bundle, const fl_tf_var *var, const fl_tf_part *part, fl_arena *arena,
                                 fl_tf_tensor *out, floe_error *err)
{
    floe_status st = FLOE_OK;

    const char *where = fl_arena_printf(arena, "%s: variable '%s'", bundle->prefix, var->name);
    FL_NEED(where, 0, "a name", err);
    FL_TRY(fl_tf_tensor_values(arena, part->values, out, where, err));
done:
    return st;
}
