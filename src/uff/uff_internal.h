/* uff_internal.h - what the files of this folder share beyond uff.h. */
#ifndef FL_UFF_INTERNAL_H
#define FL_UFF_INTERNAL_H

#include "proto/wire.h"
#include "uff/uff.h"

/* Keys of Node.extra_fields that have a member in fl_uff_node. */
#define FL_UFF_EXTRA_PORTS "tf_ports" /* i_list, one entry an input */
#define FL_UFF_EXTRA_DTYPE "tf_dtype" /* i */

/* size bytes (which may hold NULs) with a NUL behind; Python's b'..' form gets a second, stripped copy behind that NUL
 * (see fl_uff_string). NULL when out of memory. */
char *fl_uff_copy_text(fl_arena *arena, const void *bytes, size_t size);

/* Appends a node without an id; ids and the name table are the caller's business. */
fl_uff_node *fl_uff_new_node(fl_uff_graph *g, floe_error *err);
/* Adds or replaces the entry of a map; key and value are borrowed. */
floe_status fl_uff_put_field(fl_arena *arena, fl_uff_field **field, size_t *count, size_t *capacity, const char *key,
                             const fl_uff_data *value, floe_error *err);
floe_status fl_uff_put_data(fl_uff_graph *g, const char *key, const fl_uff_data *value, floe_error *err);

/* ---- reading: uff_read.c reads the messages around Data, uff_read_data.c reads Data */
typedef struct fl_uff_reader {
    fl_uff_graph *g;
    const char   *node; /* being read, for messages; NULL outside of nodes */
    floe_error   *err;
} fl_uff_reader;

/* The failures, naming file and node. */
floe_status fl_uff_damaged(const fl_uff_reader *r, const char *what);
floe_status fl_uff_no_memory(const fl_uff_reader *r, size_t bytes);
static inline fl_reader fl_uff_open(const fl_pb_field *f) { return fl_reader_make(f->bytes, f->size); }
/* A name: text without a NUL in it. */
floe_status fl_uff_read_name(const fl_uff_reader *r, const fl_pb_field *f, const char *what, const char **out);
floe_status fl_uff_read_data(const fl_uff_reader *r, const fl_pb_field *data, fl_uff_data *out);

/* ---- writing */
/* Entries sorted by key, in one block to fl_free; NULL when out of memory. */
const fl_uff_field **fl_uff_sorted(const floe_env *env, const fl_uff_field *field, size_t count);

/* Everything that goes into Node.extra_fields: the node's own entries and those that stand for members. Sorted. */
typedef struct fl_uff_extras {
    const fl_uff_field **field; /* count entries */
    size_t               count;
    fl_uff_field        *all; /* what they point at */
    int64_t             *ports;
} fl_uff_extras;
floe_status fl_uff_extras_make(fl_uff_extras *out, const floe_env *env, const fl_uff_graph *g, const fl_uff_node *n,
                               floe_error *err);
void        fl_uff_extras_free(fl_uff_extras *extras, const floe_env *env);

#endif
