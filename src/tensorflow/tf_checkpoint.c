/* tf_checkpoint.c - which checkpoint is meant.
 *
 * A folder usually holds a text file `checkpoint` that names the latest one. What it says is often stale: an absolute
 * path of the machine that trained the model, or a file that was left behind. So, in this order:
 *
 *     1  the prefix that the caller named, in the folder or as it stands
 *     2  what the state file names; its last component inside the folder, when the path itself is not there
 *     3  the checkpoints that are in the folder: the only one, or the one with the largest step (said aloud)
 *
 * A user may also give any file of a checkpoint; prefix and folder follow from its name. The graph that belongs to it
 * is <prefix>.meta, without the shard suffix a V1 path may carry.
 */
#include "tf_checkpoint.h"
#include "proto/wire.h"
#include "tf_bundle.h"
#include "tf_source.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define STATE_NAME "checkpoint"

/* ---- names */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static size_t trailing_digits(const char *text, size_t length)
{
    size_t n = 0;

    while (n < length && ((text[length - 1 - n] >= '0' && text[length - 1 - n] <= '9')))
        n++;
    return n;
}

/* Length of the prefix in the name of one of a checkpoint's files. */
static size_t prefix_length(const char *path)
{
    int64_t shards;
    const size_t length = strlen(path), bare = fl_tf_without_shard(path, &shards);

    if (ends_with(path, ".index"))
        return length - strlen(".index");
    if (ends_with(path, ".meta"))
        return length - strlen(".meta");
    if (bare < length && bare > 5 && memcmp(path + bare - 5, ".data", 5) == 0)
        return bare - 5;
    return length;
}

static const char *join(fl_arena *arena, const char *folder, const char *name)
{
    if (*name == '/' || strcmp(folder, ".") == 0)
        return fl_arena_strdup(arena, name);
    return fl_arena_printf(arena, "%s%s%s", folder, ends_with(folder, "/") ? "" : "/", name);
}

static const char *folder_of(fl_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return ".";
    return slash == path ? "/" : fl_arena_strndup(arena, path, (size_t)(slash - path));
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- the state file */

floe_status fl_tf_checkpoint_state(const char **out, fl_arena *arena, const floe_env *env, const void *data,
                                   size_t size, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_source source = {0};
    fl_tf_kind kind = FL_TF_KIND_CHECKPOINT_STATE;
    fl_pb_field f;

    *out = "";
    FL_TRY(fl_tf_source_parse(&source, env, data, size, path, &kind, err));
    fl_reader r = fl_reader_make(source.bytes.data, source.bytes.size);
    while (fl_pb_next(&r, &f)) {
        if (f.number != 1 || f.wire != FL_PB_BYTES)
            continue;
        if (memchr(f.bytes, 0, f.size))
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: a path with a NUL byte", path);
        *out = fl_arena_strndup(arena, (const char *)f.bytes, f.size);
        FL_NEED(*out, f.size, "a path", err);
    }
done:
    fl_tf_source_close(&source);
    return st;
}

/* The prefix that the folder's state file names and that is there; NULL when there is none. */
static floe_status follow_state(const char **out, fl_arena *arena, const floe_env *env, const char *folder,
                                floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_file file = {0};
    floe_error why = {0};
    const char *named;

    *out = NULL;
    const char *path = join(arena, folder, STATE_NAME);
    FL_NEED(path, strlen(folder), "a path", err);
    if (!fl_path_exists(path) || fl_path_is_folder(path))
        goto done;
    FL_TRY(fl_file_map(&file, path, err));
    if (fl_tf_checkpoint_state(&named, arena, env, file.data, file.size, path, &why) != FLOE_OK) {
        fl_log(env, FLOE_SEVERITY_WARNING, "%s; looking for checkpoints in the folder", why.message);
        goto done;
    }
    const char *as_named = join(arena, folder, named), *moved = join(arena, folder, base_of(named));
    FL_NEED(as_named && moved ? moved : NULL, strlen(named), "a path", err);
    if (*named && fl_tf_bundle_exists(as_named)) {
        *out = as_named;
    } else if (*base_of(named) && fl_tf_bundle_exists(moved)) {
        *out = moved;
        fl_log(env, FLOE_SEVERITY_INFO, "%s names %s, which is not there; taking %s", path, named, moved);
    } else {
        fl_log(env, FLOE_SEVERITY_WARNING, "%s names '%s', which is not there", path, named);
    }
done:
    fl_file_unmap(&file);
    return st;
}

/* ---- what is in the folder */

typedef struct listing {
    const char **name; /* prefixes, in order of their names */
    size_t       count, capacity;
} listing;

static floe_status list_add(listing *list, fl_arena *arena, const char *name, size_t length, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? list->capacity * 2 : 16;
        const char **names = fl_arena_calloc(arena, capacity, sizeof *names);
        FL_NEED(names, capacity * sizeof *names, "names", err);
        if (list->count > 0)
            memcpy(names, list->name, list->count * sizeof *names);
        list->name = names;
        list->capacity = capacity;
    }
    list->name[list->count] = fl_arena_strndup(arena, name, length);
    FL_NEED(list->name[list->count], length, "a name", err);
    list->count++;
done:
    return st;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A V1 checkpoint has no extension of its own: a table by its content. */
static bool is_table(const char *path)
{
    fl_file file = {0};
    bool table = false;

    if (fl_file_map(&file, path, NULL) == FLOE_OK)
        table = fl_tf_sniff(file.data, file.size).kind == FL_TF_KIND_TABLE;
    fl_file_unmap(&file);
    return table;
}

typedef enum wanted_files { WANTED_INDEX, WANTED_V1, WANTED_META } wanted_files;

/* Length of the name to be listed, 0 for files of another kind. */
static size_t listed_length(fl_arena *arena, const char *folder, const char *name, wanted_files wanted)
{
    int64_t shards;

    if (strstr(name, ".tempstate")) /* left behind by a save that was cut short */
        return 0;
    if (wanted == WANTED_INDEX)
        return ends_with(name, ".index") ? strlen(name) - strlen(".index") : 0;
    if (wanted == WANTED_META)
        return ends_with(name, ".meta") ? strlen(name) : 0;
    const char *path = join(arena, folder, name);
    return path && !ends_with(name, ".index") && is_table(path) ? fl_tf_without_shard(name, &shards) : 0;
}

static floe_status list_folder(listing *list, fl_arena *arena, const char *folder, wanted_files wanted,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    size_t kept = 0;
    DIR *dir = opendir(folder);

    if (!dir)
        FL_FAIL(err, FLOE_ERR_IO, "%s: cannot be read as a folder", folder);
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        const size_t length = listed_length(arena, folder, e->d_name, wanted);
        if (length > 0)
            FL_TRY(list_add(list, arena, e->d_name, length, err));
    }
    if (list->count > 1)
        qsort(list->name, list->count, sizeof *list->name, compare_names);
    for (size_t i = 0; i < list->count; i++) /* the shards of one checkpoint are one */
        if (kept == 0 || strcmp(list->name[kept - 1], list->name[i]) != 0)
            list->name[kept++] = list->name[i];
    list->count = kept;
done:
    if (dir)
        closedir(dir);
    return st;
}

static long long step_of(const char *name)
{
    const size_t length = strlen(name), digits = trailing_digits(name, length);

    if (digits == 0 || digits > 18 || digits == length || name[length - digits - 1] != '-')
        return -1;
    return atoll(name + length - digits);
}

/* The checkpoint of the folder when no state file leads to one: the only one, or the one with the largest step. */
static floe_status newest_in_folder(const char **out, fl_arena *arena, const floe_env *env, const char *folder,
                                    floe_error *err)
{
    floe_status st = FLOE_OK;
    listing list = {NULL, 0, 0};
    size_t best = 0;

    FL_TRY(list_folder(&list, arena, folder, WANTED_INDEX, err));
    if (list.count == 0)
        FL_TRY(list_folder(&list, arena, folder, WANTED_V1, err));
    if (list.count == 0)
        FL_FAIL(err, FLOE_ERR_NOT_FOUND,
                "%s: no checkpoint in this folder: it has no usable '%s' file, no *.index and no V1 checkpoint", folder,
                STATE_NAME);
    for (size_t i = 1; i < list.count; i++)
        if (step_of(list.name[i]) > step_of(list.name[best]))
            best = i;
    *out = join(arena, folder, list.name[best]);
    FL_NEED(*out, 0, "a path", err);
    if (list.count > 1)
        fl_log(env, FLOE_SEVERITY_WARNING, "%s: no state file says which of %zu checkpoints is meant; taking %s",
               folder, list.count, list.name[best]);
done:
    return st;
}

floe_status fl_tf_checkpoint_any_meta(const char **out, fl_arena *arena, const char *folder, floe_error *err)
{
    floe_status st = FLOE_OK;
    listing list = {NULL, 0, 0};

    *out = NULL;
    FL_TRY(list_folder(&list, arena, folder, WANTED_META, err));
    if (list.count > 0) {
        *out = join(arena, folder, list.name[0]);
        FL_NEED(*out, 0, "a path", err);
    }
done:
    return st;
}

/* ---- all of it */

static floe_status find_named(const char **out, fl_arena *arena, const char *folder, const char *prefix,
                              floe_error *err)
{
    floe_status st = FLOE_OK;
    listing list = {NULL, 0, 0};
    const char *bare = fl_arena_strndup(arena, prefix, prefix_length(prefix));
    const char *inside = bare ? join(arena, folder, bare) : NULL;

    FL_NEED(inside, strlen(prefix), "a path", err);
    if (fl_tf_bundle_exists(inside) || fl_tf_bundle_exists(bare)) {
        *out = fl_tf_bundle_exists(inside) ? inside : bare;
        goto done;
    }
    FL_TRY(list_folder(&list, arena, folder, WANTED_INDEX, err));
    const char *near = fl_nearest_name(base_of(bare), list.name, list.count);
    if (!near && list.count > 0)
        near = list.name[list.count - 1];
    FL_FAIL(err, FLOE_ERR_NOT_FOUND, "%s: no checkpoint '%s' in this folder%s%s%s", folder, bare,
            near ? "; there is '" : "", near ? near : "", near ? "'" : "");
done:
    return st;
}

static floe_status find_in_folder(const char **out, fl_arena *arena, const floe_env *env, const char *folder,
                                  const char *prefix, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (prefix && *prefix) {
        FL_TRY(find_named(out, arena, folder, prefix, err));
    } else {
        FL_TRY(follow_state(out, arena, env, folder, err));
        if (!*out)
            FL_TRY(newest_in_folder(out, arena, env, folder, err));
    }
done:
    return st;
}

floe_status fl_tf_checkpoint_find(fl_tf_checkpoint *out, fl_arena *arena, const floe_env *env, const char *path,
                                  const char *prefix, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_checkpoint found = {path, NULL, NULL};

    if (!fl_path_is_folder(path)) {
        found.folder = folder_of(arena, path);
        FL_NEED(found.folder, strlen(path), "a path", err);
        const bool is_state = strcmp(base_of(path), STATE_NAME) == 0 && fl_path_exists(path) && !is_table(path);
        if (!is_state && !(prefix && *prefix))
            prefix = base_of(path);
        if (!fl_path_is_folder(found.folder))
            FL_FAIL(err, FLOE_ERR_NOT_FOUND, "%s: there is neither a folder nor a checkpoint of that name", path);
    }
    FL_TRY(find_in_folder(&found.prefix, arena, env, found.folder, prefix, err));
    int64_t shards;
    const char *meta =
        fl_arena_printf(arena, "%.*s.meta", (int)fl_tf_without_shard(found.prefix, &shards), found.prefix);
    FL_NEED(meta, 0, "a path", err);
    if (fl_path_exists(meta))
        found.meta = meta;
    *out = found;
done:
    return st;
}
