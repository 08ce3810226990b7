/* tf_source.c - what a file is, by its content, and its content as wire bytes.
 *
 * Extensions lie: text graphs are shipped as .pb, meta graphs as .pb, Keras files as .model. So a file is known by its
 * bytes. Most foreign formats have a magic; protobuf has none, and a GraphDef and a MetaGraphDef both begin with 0x0a.
 * They are told apart one level down: field 1 of a GraphDef is a node, with a printable name and a printable op; field
 * 1 of a MetaGraphDef is a MetaInfoDef, which never looks like that, and its field 2 is a graph made of nodes.
 * The beginning decides, so that a damaged file is still called by its name and the parser can say where it broke.
 */
#include "tf_source.h"
#include "proto/wire.h"
#include "tf_schema.h"

#include <string.h>

/* ---- magics */

typedef struct magic {
    size_t        offset, size;
    const char   *bytes;
    fl_tf_sniffed found;
} magic;

#define FOREIGN(is, hint) {FL_TF_KIND_OTHER, false, is, hint}
#define FREEZE_HINT       "freeze its folder first"

static const magic magics[] = {
    {0, 8, "\x89HDF\r\n\x1a\n",
     FOREIGN("an HDF5 file (Keras .h5)", "load it with Keras and save it as a SavedModel or a frozen graph")},
    {0, 4, "PK\x03\x04",
     FOREIGN("a zip archive (Keras .keras?)", "load it with Keras and call model.export() to get a SavedModel")},
    {4, 4, "TFL3", FOREIGN("a TFLite model", "use the graph it was converted from")},
    {0, 2, "\x1f\x8b", FOREIGN("gzip-compressed data", "unpack it first")},
    {0, 4, "\x7f" "ELF", FOREIGN("a program or library", "")},
    {0, 4, "\x89PNG", FOREIGN("a PNG picture", "")},
    {0, 3, "\xff\xd8\xff", FOREIGN("a JPEG picture", "")},
    {0, 8, "FLOEPLAN", FOREIGN("a floe PLAN", "it is compiled already: run it")},
    {0, 4, "\x93NUM", FOREIGN("a NumPy array", "")},
    {0, 3, "\x08\x01\x12", {FL_TF_KIND_SAVED_MODEL, false, "a SavedModel", FREEZE_HINT}},
    {0, 3, "\x08\x01\x10", FOREIGN("a UFF file", "it is converted already")},
};

static const uint8_t table_magic[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};

/* ---- text */

typedef struct text_word {
    const char   *word;
    fl_tf_sniffed found;
} text_word;

#define TEXT_GRAPH {FL_TF_KIND_GRAPH, true, "a text GraphDef", ""}
#define TEXT_META  {FL_TF_KIND_META_GRAPH, true, "a text MetaGraphDef", ""}
#define TEXT_SAVED {FL_TF_KIND_SAVED_MODEL, true, "a text SavedModel", FREEZE_HINT}
#define TEXT_STATE {FL_TF_KIND_CHECKPOINT_STATE, true, "a checkpoint state file", "give the folder it stands in"}

static const text_word text_words[] = {
    {"node", TEXT_GRAPH},
    {"library", TEXT_GRAPH},
    {"versions", TEXT_GRAPH},
    {"version", TEXT_GRAPH},
    {"meta_info_def", TEXT_META},
    {"graph_def", TEXT_META},
    {"saver_def", TEXT_META},
    {"collection_def", TEXT_META},
    {"signature_def", TEXT_META},
    {"asset_file_def", TEXT_META},
    {"object_graph_def", TEXT_META},
    {"saved_model_schema_version", TEXT_SAVED},
    {"meta_graphs", TEXT_SAVED},
    {"model_checkpoint_path", TEXT_STATE},
    {"all_model_checkpoint_paths", TEXT_STATE},
    {"all_model_checkpoint_timestamps", TEXT_STATE},
    {"last_preserved_timestamp", TEXT_STATE},
};

static bool sniff_text(const void *data, size_t size, fl_tf_sniffed *out)
{
    char word[40];

    if (!fl_pbtext_first_word(data, size, word, sizeof word))
        return false;
    for (size_t i = 0; i < sizeof text_words / sizeof text_words[0]; i++)
        if (strcmp(text_words[i].word, word) == 0) {
            *out = text_words[i].found;
            return true;
        }
    return false;
}

/* ---- binary protobuf */

static bool is_printable(const fl_pb_field *f)
{
    if (f->wire != FL_PB_BYTES || f->size == 0)
        return false;
    for (size_t i = 0; i < f->size; i++)
        if (f->bytes[i] <= ' ' || f->bytes[i] >= 0x7f)
            return false;
    return true;
}

/* A NodeDef: a name and an op, both without spaces or control bytes. A cut one counts by what is left of it. */
static bool looks_like_node(const uint8_t *bytes, size_t size)
{
    fl_reader r = fl_reader_make(bytes, size);
    fl_pb_field f;
    bool name = false, op = false;

    while (!(name && op) && fl_pb_next(&r, &f)) {
        if (f.number > 2)
            continue;
        if (!is_printable(&f))
            return false;
        if (f.number == 1)
            name = true;
        else
            op = true;
    }
    return name && op;
}

/* A GraphDef inside: its first node decides. */
static bool looks_like_graph(const uint8_t *bytes, size_t size)
{
    fl_reader r = fl_reader_make(bytes, size);
    fl_pb_field f;

    while (fl_pb_next(&r, &f))
        if (f.number == 1)
            return f.wire == FL_PB_BYTES && looks_like_node(f.bytes, f.size);
    return false;
}

static fl_tf_kind sniff_binary(const uint8_t *data, size_t size)
{
    fl_reader r = fl_reader_make(data, size);
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        const bool bytes = f.wire == FL_PB_BYTES;
        if (f.number == 1 && bytes && looks_like_node(f.bytes, f.size))
            return FL_TF_KIND_GRAPH;
        if (f.number == 2 && bytes && looks_like_graph(f.bytes, f.size))
            return FL_TF_KIND_META_GRAPH;
    }
    /* Cut in its first field, or no evidence at all. */
    return size > 1 && data[0] == 0x0a && r.failed ? FL_TF_KIND_GRAPH : FL_TF_KIND_UNKNOWN;
}

fl_tf_sniffed fl_tf_sniff(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    fl_tf_sniffed found = {FL_TF_KIND_UNKNOWN, false, "of an unknown kind", ""};

    if (size == 0)
        return (fl_tf_sniffed){FL_TF_KIND_UNKNOWN, false, "an empty file", ""};
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (size >= magics[i].offset + magics[i].size &&
            memcmp(bytes + magics[i].offset, magics[i].bytes, magics[i].size) == 0)
            return magics[i].found;
    if (size >= sizeof table_magic && memcmp(bytes + size - sizeof table_magic, table_magic, sizeof table_magic) == 0)
        return (fl_tf_sniffed){FL_TF_KIND_TABLE, false, "a checkpoint (variables without a graph)",
                               "freeze the folder it stands in"};
    if (sniff_text(data, size, &found))
        return found;
    found.kind = sniff_binary(bytes, size);
    if (found.kind == FL_TF_KIND_GRAPH)
        found.is = "a GraphDef";
    else if (found.kind == FL_TF_KIND_META_GRAPH)
        found.is = "a MetaGraphDef";
    return found;
}

/* ---- opening */

static const struct {
    const char              *text; /* what was wanted */
    const fl_pbtext_message *schema;
} kinds[] = {
    [FL_TF_KIND_UNKNOWN] = {"a TensorFlow graph (binary or text GraphDef or MetaGraphDef)", NULL},
    [FL_TF_KIND_GRAPH] = {"a GraphDef", &fl_tf_schema_graph_def},
    [FL_TF_KIND_META_GRAPH] = {"a MetaGraphDef", &fl_tf_schema_meta_graph_def},
    [FL_TF_KIND_SAVED_MODEL] = {"a SavedModel", &fl_tf_schema_saved_model},
    [FL_TF_KIND_CHECKPOINT_STATE] = {"a checkpoint state file", &fl_tf_schema_checkpoint_state},
    [FL_TF_KIND_TABLE] = {"a checkpoint", NULL},
    [FL_TF_KIND_OTHER] = {"another file", NULL},
};

static bool fits(fl_tf_kind found, fl_tf_kind wanted)
{
    if (wanted == FL_TF_KIND_UNKNOWN)
        return found == FL_TF_KIND_GRAPH || found == FL_TF_KIND_META_GRAPH;
    return found == wanted;
}

floe_status fl_tf_source_parse(fl_tf_source *out, const floe_env *env, const void *data, size_t size, const char *name,
                               fl_tf_kind *kind, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_sniffed found = fl_tf_sniff(data, size);
    fl_buf text = fl_buf_make(env);

    if (!fits(found.kind, *kind))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: this is %s, expected %s%s%s", name, found.is, kinds[*kind].text,
                *found.hint ? ": " : "", found.hint);
    if (size > INT32_MAX)
        FL_FAIL(err, FLOE_ERR_LIMIT, "%s: %zu bytes, and no protobuf message is larger than 2 GiB", name, size);
    out->bytes = (fl_bytes){data, size};
    if (found.text) {
        FL_TRY(fl_pbtext_transcode(&text, kinds[found.kind].schema, data, size, name, err));
        out->bytes = (fl_bytes){text.data, text.size};
    }
    out->text = text;
    text = fl_buf_make(env);
    *kind = found.kind;
done:
    fl_buf_free(&text);
    return st;
}

floe_status fl_tf_source_open(fl_tf_source *out, const floe_env *env, const char *path, fl_tf_kind wanted,
                              floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_source source = {0};

    FL_TRY(fl_file_map(&source.file, path, err));
    FL_TRY(fl_tf_source_parse(&source, env, source.file.data, source.file.size, path, &wanted, err));
    *out = source;
    source = (fl_tf_source){0};
done:
    fl_tf_source_close(&source);
    return st;
}

void fl_tf_source_close(fl_tf_source *source)
{
    fl_file_unmap(&source->file);
    fl_buf_free(&source->text);
    *source = (fl_tf_source){0};
}
