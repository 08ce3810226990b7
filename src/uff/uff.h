/* uff.h - NVIDIA's Universal Framework Format: the graph in memory, its file, its way into a network.
 *
 * A UFF file is one protobuf message MetaGraph (docs/uff.md has the schema). In memory it is a list of nodes with named
 * fields, plus referenced data (weights, layout orders) by key. Blobs are borrowed from the source (mapped file or
 * TensorFlow graph); all else lives in the arena.
 *
 * Core UFF gives a node one output and has numbers for six element types. What TensorFlow knows beyond that (which
 * output of a node is read, types such as bool or double) is kept in the node too, and travels in the file in the
 * node's map `extra_fields`, which the schema has and nobody uses: docs/uff.md, "What we keep in extra_fields".
 */
#ifndef FL_UFF_H
#define FL_UFF_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/names.h"

/* Data's oneof: the values are the field numbers of the format. */
typedef enum fl_uff_kind {
    FL_UFF_EMPTY = 0, FL_UFF_S = 1, FL_UFF_S_LIST = 2, FL_UFF_D = 3, FL_UFF_D_LIST = 4, FL_UFF_B = 5, FL_UFF_B_LIST = 6,
    FL_UFF_I = 7, FL_UFF_I_LIST = 8, FL_UFF_BLOB = 9, FL_UFF_REF = 100, FL_UFF_DTYPE = 101, FL_UFF_DTYPE_LIST = 102,
    FL_UFF_ORDERS = 103, FL_UFF_ORDERS_LIST = 104
} fl_uff_kind;

/* DataType = kind * 65536 + bits. FL_UFF_OTHER stands for every type without a number of its own (bool, double, ...). */
typedef enum fl_uff_dtype {
    FL_UFF_OTHER = 7, FL_UFF_INT8 = 0x10008, FL_UFF_INT16 = 0x10010, FL_UFF_INT32 = 0x10020, FL_UFF_INT64 = 0x10040,
    FL_UFF_FLOAT16 = 0x20010, FL_UFF_FLOAT32 = 0x20020
} fl_uff_dtype;

#define FL_UFF_INCREMENT 2147483647
#define FL_UFF_DECREMENT (-2147483647 - 1)

typedef struct fl_uff_orders { /* one DimensionOrders: key -1 -> list */
    int64_t *order;
    size_t   count;
} fl_uff_orders;

typedef struct fl_uff_data {
    fl_uff_kind kind;
    size_t      count; /* lists: entries; S, REF: bytes of s without NUL; BLOB: bytes */
    union {
        const char    *s; /* NUL-terminated copy; S, REF */
        double         d;
        bool           b;
        int64_t        i; /* I, DTYPE */
        const uint8_t *blob;
        const char   **s_list;
        double        *d_list;
        bool          *b_list;
        int64_t       *i_list; /* I_LIST, DTYPE_LIST */
        fl_uff_orders *orders; /* ORDERS (one), ORDERS_LIST */
    } u;
} fl_uff_data;

typedef struct fl_uff_field {
    const char *key;
    fl_uff_data value;
} fl_uff_field;

typedef struct fl_uff_node {
    const char   *id;
    const char   *operation;
    const char  **input; /* ids */
    int          *port;  /* which output of input[i]; NULL: all 0. In a file: extra_fields "tf_ports" */
    size_t        n_input, cap_input;
    fl_uff_field *field; /* any order */
    size_t        n_field, cap_field;
    fl_uff_field *extra; /* extra_fields other than those with a member here; mostly none */
    size_t        n_extra, cap_extra;
    int           tf_dtype; /* Const, Input: TensorFlow's dtype number where known, else 0. In a file: "tf_dtype" */
} fl_uff_node;

typedef struct fl_uff_descriptor {
    const char *id;
    int64_t     version;
} fl_uff_descriptor;

typedef struct fl_uff_graph {
    const floe_env *env;
    fl_arena        arena;
    fl_file         file; /* mapped, or empty */
    const char     *path; /* for messages */
    int64_t         version, core_version;
    fl_uff_descriptor *descriptor;
    size_t          n_descriptor, cap_descriptor;
    const char     *id; /* "main" */
    fl_uff_node    *node;
    size_t          n_node, cap_node;
    fl_names        by_id;
    fl_uff_field   *data; /* referenced_data */
    size_t          n_data, cap_data;
    fl_names        by_key;
} fl_uff_graph;

floe_status fl_uff_create(fl_uff_graph **out, const floe_env *env, floe_error *err);
void        fl_uff_free(fl_uff_graph *graph);

/* ---- the file */
floe_status fl_uff_load(fl_uff_graph **out, const floe_env *env, const char *path, floe_error *err);
/* data must outlive the graph. */
floe_status fl_uff_parse(fl_uff_graph **out, const floe_env *env, const void *data, size_t size, const char *name,
                         floe_error *err);
/* Binary, map entries sorted by key: the same graph gives the same bytes. */
floe_status fl_uff_write(fl_buf *out, const fl_uff_graph *graph, floe_error *err);
/* Protobuf text form as NVIDIA writes it: blobs above 32 bytes become "(...N bytes skipped...)". For reading only. */
floe_status fl_uff_write_text(fl_buf *out, const fl_uff_graph *graph, floe_error *err);

/* ---- building */
/* *out stays valid until the next node is added. FLOE_ERR_ARGUMENT when the id is taken. */
floe_status fl_uff_add_node(fl_uff_graph *g, fl_uff_node **out, const char *id, const char *operation, floe_error *err);
floe_status fl_uff_add_input(fl_uff_graph *g, fl_uff_node *n, const char *id, int port, floe_error *err);
/* Adds or replaces a field; keys and strings are copied, lists and blobs borrowed. */
floe_status fl_uff_set_field(fl_uff_graph *g, fl_uff_node *n, const char *key, fl_uff_data value, floe_error *err);
floe_status fl_uff_set_extra(fl_uff_graph *g, fl_uff_node *n, const char *key, fl_uff_data value, floe_error *err);
floe_status fl_uff_set_data(fl_uff_graph *g, const char *key, fl_uff_data value, floe_error *err); /* referenced data */
floe_status fl_uff_add_descriptor(fl_uff_graph *g, const char *id, int64_t version, floe_error *err); /* once per id */

/* ---- reading */
const fl_uff_node *fl_uff_find(const fl_uff_graph *g, const char *id);
static inline int fl_uff_port(const fl_uff_node *n, size_t input) { return n->port ? n->port[input] : 0; }
/* The field's value with references resolved; NULL when absent or empty. */
const fl_uff_data *fl_uff_field_of(const fl_uff_graph *g, const fl_uff_node *n, const char *key);
int64_t     fl_uff_int(const fl_uff_graph *g, const fl_uff_node *n, const char *key, int64_t absent);
double      fl_uff_double(const fl_uff_graph *g, const fl_uff_node *n, const char *key, double absent);
bool        fl_uff_bool(const fl_uff_graph *g, const fl_uff_node *n, const char *key, bool absent);
/* NULL when absent; b'..' stripped. */
const char *fl_uff_string(const fl_uff_graph *g, const fl_uff_node *n, const char *key);
/* TensorFlow's DataType number of a type field: of Const's and Input's dtype, and of the type attributes of custom
 * operations, also of types without a UFF number (bool, double, ...). `absent` where the field is missing or unknown. */
int         fl_uff_tf_type(const fl_uff_graph *g, const fl_uff_node *n, const char *key, int absent);
/* UFF's number of a TensorFlow type (FL_UFF_OTHER where it has none), and back (0 where unknown). */
fl_uff_dtype fl_uff_dtype_of_tf(int tf_dtype);
int          fl_uff_dtype_to_tf(int64_t uff_dtype);
/* An entry of extra_fields; NULL when absent. */
const fl_uff_data *fl_uff_extra(const fl_uff_node *n, const char *key);

#endif
