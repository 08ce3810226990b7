/* tf_source.h - a TensorFlow file opened: what it is, and its content as wire bytes whatever it was written in. */
#ifndef FL_TF_SOURCE_H
#define FL_TF_SOURCE_H

#include "tensorflow/graphdef.h"

typedef enum fl_tf_kind {
    FL_TF_KIND_UNKNOWN,
    FL_TF_KIND_GRAPH,
    FL_TF_KIND_META_GRAPH,
    FL_TF_KIND_SAVED_MODEL,
    FL_TF_KIND_CHECKPOINT_STATE,
    FL_TF_KIND_TABLE, /* a V2 index or a V1 checkpoint */
    FL_TF_KIND_OTHER  /* known, and no TensorFlow message */
} fl_tf_kind;

typedef struct fl_tf_sniffed {
    fl_tf_kind  kind;
    bool        text; /* text format */
    const char *is;   /* "a TFLite model": completes the sentence "this is ..." */
    const char *hint; /* what would have worked; "" when there is nothing to say */
} fl_tf_sniffed;

/* By content alone; never fails. Damaged files are given the kind that their beginning has. */
fl_tf_sniffed fl_tf_sniff(const void *data, size_t size);

typedef struct fl_tf_source {
    fl_file  file;
    fl_buf   text;  /* wire bytes that a text file was transcoded to */
    fl_bytes bytes; /* the message: in the file or in text */
} fl_tf_source;

/* Opens path if it is of this kind, else says what it is. `wanted` names the kind in that sentence. */
floe_status fl_tf_source_open(fl_tf_source *out, const floe_env *env, const char *path, fl_tf_kind wanted,
                              floe_error *err);
/* The same from memory, which must outlive the source; *kind goes in as FL_TF_KIND_UNKNOWN (a graph or a meta graph
 * will do) or as the kind wanted, and comes out as the kind found. `name` stands for the path. */
floe_status fl_tf_source_parse(fl_tf_source *out, const floe_env *env, const void *data, size_t size, const char *name,
                               fl_tf_kind *kind, floe_error *err);
void fl_tf_source_close(fl_tf_source *source); /* accepts a cleared struct */

#endif
