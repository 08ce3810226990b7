/* tf_model.c - MetaGraphDef and SavedModel: a graph and what was saved with it.
 *
 * Only what freezing needs is read: the saver's restore operation, the chosen signature, the collections of variables,
 * the object graph, the list of ops. Each is found when it is asked for, as bytes; nothing is copied but names.
 *
 * A SavedModel holds several meta graphs over the same variables, told apart by their tags. The tag set must be equal
 * to the one asked for: a subset is another model (training, TPU).
 */
#include "tf_model.h"
#include "proto/wire.h"
#include "tf_source.h"

#include <stdlib.h>
#include <string.h>

enum { META_INFO = 1, META_GRAPH = 2, META_SAVER = 3, META_COLLECTIONS = 4, META_SIGNATURES = 5, META_OBJECTS = 7 };
enum { INFO_OPS = 2, INFO_TAGS = 4 };

#define TAGS_MAX 16

/* ---- pieces of messages */

bool fl_tf_map_entry(const uint8_t *data, size_t size, fl_bytes *key, fl_bytes *value)
{
    fl_reader r = fl_reader_make(data, size);
    fl_pb_field f;

    *key = *value = (fl_bytes){data, 0};
    while (fl_pb_next(&r, &f)) {
        if (f.wire != FL_PB_BYTES)
            continue;
        if (f.number == 1)
            *key = (fl_bytes){f.bytes, f.size};
        else if (f.number == 2)
            *value = (fl_bytes){f.bytes, f.size};
    }
    return !r.failed;
}

fl_bytes fl_tf_field(fl_bytes message, uint32_t number)
{
    fl_reader r = fl_reader_make(message.data, message.size);
    fl_bytes found = {NULL, 0};
    fl_pb_field f;

    while (fl_pb_next(&r, &f))
        if (f.number == number && f.wire == FL_PB_BYTES)
            found = (fl_bytes){f.bytes, f.size};
    return found;
}

static const char *as_string(fl_arena *arena, fl_bytes bytes)
{
    const bool text = bytes.size > 0 && !memchr(bytes.data, 0, bytes.size);
    return fl_arena_strndup(arena, text ? (const char *)bytes.data : "", text ? bytes.size : 0);
}

const char *fl_tf_field_string(fl_arena *arena, fl_bytes message, uint32_t number)
{
    return as_string(arena, fl_tf_field(message, number));
}

/* ---- a graph and its meta data */

/* The model takes the source over, also on failure. meta is empty for a bare graph. */
static floe_status take_graph(fl_tf_model *m, const floe_env *env, fl_tf_source *source, fl_bytes meta,
                              const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_bytes graph_def = meta.size > 0 ? fl_tf_field(meta, META_GRAPH) : source->bytes;

    FL_TRY(fl_tf_graph_read(&m->graph, env, graph_def, path, err));
    m->graph->file = source->file;
    m->graph->text = source->text;
    *source = (fl_tf_source){0};
    fl_arena *arena = &m->graph->arena;
    m->meta = meta;
    m->restore_op = fl_tf_field_string(arena, fl_tf_field(meta, META_SAVER), 3);
    FL_NEED(m->restore_op, 0, "a name", err);
    m->op_list = fl_tf_field(fl_tf_field(meta, META_INFO), INFO_OPS);
    m->object_graph = fl_tf_field(meta, META_OBJECTS);
done:
    fl_tf_source_close(source);
    return st;
}

floe_status fl_tf_model_load(fl_tf_model *out, const floe_env *env, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_model m = {0};
    fl_tf_source source = {0};
    fl_tf_kind kind = FL_TF_KIND_UNKNOWN;

    FL_TRY(fl_file_map(&source.file, path, err));
    FL_TRY(fl_tf_source_parse(&source, env, source.file.data, source.file.size, path, &kind, err));
    const fl_bytes meta = kind == FL_TF_KIND_META_GRAPH ? source.bytes : (fl_bytes){NULL, 0};
    FL_TRY(take_graph(&m, env, &source, meta, path, err));
    *out = m;
    m = (fl_tf_model){0};
done:
    fl_tf_source_close(&source);
    fl_tf_model_free(&m);
    return st;
}

void fl_tf_model_free(fl_tf_model *model)
{
    fl_tf_graph_free(model->graph);
    *model = (fl_tf_model){0};
}

/* ---- tags */

typedef struct tag_set {
    fl_bytes tag[TAGS_MAX];
    size_t   count;
} tag_set;

static bool has_tag(const tag_set *set, fl_bytes tag)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->tag[i].size == tag.size && memcmp(set->tag[i].data, tag.data, tag.size) == 0)
            return true;
    return false;
}

static void add_tag(tag_set *set, const void *data, size_t size)
{
    const fl_bytes tag = {data, size};

    if (size > 0 && set->count < TAGS_MAX && !has_tag(set, tag))
        set->tag[set->count++] = tag;
}

static bool same_tags(const tag_set *a, const tag_set *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (!has_tag(b, a->tag[i]))
            return false;
    return a->count == b->count;
}

static tag_set tags_of_text(const char *text)
{
    tag_set set = {.count = 0};

    while (*text) {
        const size_t n = strcspn(text, ",");
        add_tag(&set, text, n);
        text += n + (text[n] == ',');
    }
    return set;
}

static tag_set tags_of_meta(fl_bytes meta)
{
    tag_set set = {.count = 0};
    const fl_bytes info = fl_tf_field(meta, META_INFO);
    fl_reader r = fl_reader_make(info.data, info.size);
    fl_pb_field f;

    while (fl_pb_next(&r, &f))
        if (f.number == INFO_TAGS && f.wire == FL_PB_BYTES)
            add_tag(&set, f.bytes, f.size);
    return set;
}

static void describe_tags(fl_buf *out, const tag_set *set)
{
    fl_put_text(out, out->size ? ", {" : "{");
    for (size_t i = 0; i < set->count; i++)
        fl_put_format(out, "%s%.*s", i ? "," : "", (int)(set->tag[i].size < 60 ? set->tag[i].size : 60),
                      (const char *)set->tag[i].data);
    fl_put_text(out, "}");
}

static floe_status find_meta(fl_bytes saved_model, const floe_env *env, const char *path, const char *tags,
                             fl_bytes *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const tag_set wanted = tags_of_text(tags && *tags ? tags : "serve");
    fl_buf there = fl_buf_make(env);
    fl_reader r = fl_reader_make(saved_model.data, saved_model.size);
    fl_pb_field f;
    bool found = false;

    while (fl_pb_next(&r, &f)) {
        if (f.number != 2 || f.wire != FL_PB_BYTES)
            continue;
        const tag_set set = tags_of_meta((fl_bytes){f.bytes, f.size});
        if (there.size < 400)
            describe_tags(&there, &set);
        if (!found && same_tags(&set, &wanted)) {
            *out = (fl_bytes){f.bytes, f.size};
            found = true;
        }
    }
    fl_put_u8(&there, 0);
    FL_NEED(there.failed ? NULL : there.data, there.size, "a sentence", err);
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: the SavedModel is damaged or cut", path);
    if (!found)
        FL_FAIL(err, FLOE_ERR_NOT_FOUND, "%s: no meta graph has exactly the tags {%s}; there is %s", path,
                tags && *tags ? tags : "serve", there.size > 1 ? (const char *)there.data : "none");
done:
    fl_buf_free(&there);
    return st;
}

/* ---- signatures */

static int compare_args(const void *a, const void *b)
{
    return strcmp(((const fl_tf_signature_arg *)a)->key, ((const fl_tf_signature_arg *)b)->key);
}

/* The map in field `number` of a SignatureDef: key -> TensorInfo.name, sorted by key. */
static floe_status read_args(fl_arena *arena, fl_bytes signature, uint32_t number, fl_tf_signature_arg **out,
                             size_t *count, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(signature.data, signature.size);
    fl_pb_field f;
    size_t n = 0;

    while (fl_pb_next(&r, &f))
        n += f.number == number && f.wire == FL_PB_BYTES;
    fl_tf_signature_arg *arg = fl_arena_calloc(arena, n, sizeof *arg);
    FL_NEED(arg, n * sizeof *arg, "a signature", err);
    n = 0;
    r = fl_reader_make(signature.data, signature.size);
    while (fl_pb_next(&r, &f)) {
        fl_bytes key, info;
        if (f.number != number || f.wire != FL_PB_BYTES || !fl_tf_map_entry(f.bytes, f.size, &key, &info))
            continue;
        arg[n].key = as_string(arena, key);
        arg[n].info = info;
        arg[n].tensor = fl_tf_field_string(arena, info, 1);
        FL_NEED(arg[n].key && arg[n].tensor ? arg : NULL, key.size, "a signature", err);
        n += *arg[n].tensor != 0; /* sparse and composite tensors have no name of their own */
    }
    if (n > 1)
        qsort(arg, n, sizeof *arg, compare_args);
    *out = arg;
    *count = n;
done:
    return st;
}

/* The signature of that key, or with NULL "serving_default", or the only real one. */
static floe_status find_signature(const fl_tf_model *m, const char *wanted, fl_bytes *key, fl_bytes *value,
                                  floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(m->meta.data, m->meta.size);
    fl_buf there = fl_buf_make(m->graph->env);
    const char *name = wanted ? wanted : "serving_default";
    fl_bytes only_key = {NULL, 0}, only_value = {NULL, 0}, k, v;
    size_t real = 0;
    fl_pb_field f;

    *key = *value = (fl_bytes){NULL, 0};
    while (fl_pb_next(&r, &f)) {
        if (f.number != META_SIGNATURES || f.wire != FL_PB_BYTES || !fl_tf_map_entry(f.bytes, f.size, &k, &v))
            continue;
        if (k.size >= 2 && memcmp(k.data, "__", 2) == 0) /* __saved_model_init_op, __saved_model_train_op */
            continue;
        if (k.size == strlen(name) && memcmp(k.data, name, k.size) == 0) {
            *key = k;
            *value = v;
        }
        only_key = k;
        only_value = v;
        if (real++ < 8)
            fl_put_format(&there, "%s'%.*s'", there.size ? ", " : "", (int)(k.size < 60 ? k.size : 60),
                          (const char *)k.data);
    }
    fl_put_u8(&there, 0);
    FL_NEED(there.failed ? NULL : there.data, there.size, "a sentence", err);
    if (key->data)
        goto done;
    if (wanted)
        FL_FAIL(err, FLOE_ERR_NOT_FOUND, "%s: no signature '%s'; there is %s", m->graph->path, wanted,
                real ? (const char *)there.data : "none");
    if (real > 1)
        FL_FAIL(err, FLOE_ERR_NOT_FOUND,
                "%s: several signatures and none is called 'serving_default': choose one of %s", m->graph->path,
                (const char *)there.data);
    *key = only_key;
    *value = only_value;
done:
    fl_buf_free(&there);
    return st;
}

static floe_status choose_signature(fl_tf_model *m, const char *wanted, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_bytes key, value;

    FL_TRY(find_signature(m, wanted, &key, &value, err));
    if (!key.data)
        goto done;
    fl_arena *arena = &m->graph->arena;
    m->signature.key = as_string(arena, key);
    FL_NEED(m->signature.key, key.size, "a name", err);
    FL_TRY(read_args(arena, value, 1, &m->signature.input, &m->signature.n_input, err));
    FL_TRY(read_args(arena, value, 2, &m->signature.output, &m->signature.n_output, err));
done:
    return st;
}

floe_status fl_tf_model_load_saved(fl_tf_model *out, const floe_env *env, const char *path, const char *tags,
                                   const char *signature, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_model m = {0};
    fl_tf_source source = {0};
    fl_bytes meta;

    FL_TRY(fl_tf_source_open(&source, env, path, FL_TF_KIND_SAVED_MODEL, err));
    FL_TRY(find_meta(source.bytes, env, path, tags, &meta, err));
    FL_TRY(take_graph(&m, env, &source, meta, path, err));
    FL_TRY(choose_signature(&m, signature, err));
    *out = m;
    m = (fl_tf_model){0};
done:
    fl_tf_source_close(&source);
    fl_tf_model_free(&m);
    return st;
}

/* ---- collections */

/* Every bytes_list collection is tried: variables stand in "variables", "trainable_variables", "model_variables" and
 * in collections of the user's own, and what is no VariableDef names no variable. */
floe_status fl_tf_model_each_variable(const fl_tf_model *model,
                                      floe_status (*visit)(void *arg, fl_bytes variable_def, floe_error *err),
                                      void *arg, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(model->meta.data, model->meta.size);
    fl_bytes key, collection;
    fl_pb_field f, item;

    while (fl_pb_next(&r, &f)) {
        if (f.number != META_COLLECTIONS || f.wire != FL_PB_BYTES ||
            !fl_tf_map_entry(f.bytes, f.size, &key, &collection))
            continue;
        const fl_bytes list = fl_tf_field(collection, 2);
        fl_reader items = fl_reader_make(list.data, list.size);
        while (fl_pb_next(&items, &item))
            if (item.number == 1 && item.wire == FL_PB_BYTES)
                FL_TRY(visit(arg, (fl_bytes){item.bytes, item.size}, err));
    }
done:
    return st;
}
