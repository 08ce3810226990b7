/* graphdef.h - TensorFlow's GraphDef as floe sees it: nodes with inputs and raw attributes.
 *
 * Attributes keep their AttrValue bytes and are decoded when asked for, so a node that nobody changes is written back
 * byte for byte. A text-format file is first transcoded to binary. All strings and bytes point into the file (which
 * the graph keeps mapped) or into the graph's arena.
 */
#ifndef FL_TF_GRAPHDEF_H
#define FL_TF_GRAPHDEF_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/names.h"

/* TensorFlow's DataType numbers (tensorflow-formats: DataType). Reference types are base + 100. */
typedef enum fl_tf_dtype {
    FL_TF_INVALID = 0, FL_TF_FLOAT = 1, FL_TF_DOUBLE = 2, FL_TF_INT32 = 3, FL_TF_UINT8 = 4, FL_TF_INT16 = 5,
    FL_TF_INT8 = 6, FL_TF_STRING = 7, FL_TF_COMPLEX64 = 8, FL_TF_INT64 = 9, FL_TF_BOOL = 10, FL_TF_QINT8 = 11,
    FL_TF_QUINT8 = 12, FL_TF_QINT32 = 13, FL_TF_BFLOAT16 = 14, FL_TF_QINT16 = 15, FL_TF_QUINT16 = 16,
    FL_TF_UINT16 = 17, FL_TF_COMPLEX128 = 18, FL_TF_HALF = 19, FL_TF_RESOURCE = 20, FL_TF_VARIANT = 21,
    FL_TF_UINT32 = 22, FL_TF_UINT64 = 23
} fl_tf_dtype;

#define FL_TF_TENSOR_BYTES_MAX ((size_t)1 << 31) /* TensorFlow refuses larger constants, so do we */
#define FL_TF_RANK_MAX         254               /* TensorFlow's own limit */

size_t      fl_tf_dtype_bytes(int dtype); /* 0: strings, resources, variants, unknown */
const char *fl_tf_dtype_name(int dtype);  /* "DT_FLOAT" */
int         fl_tf_dtype_from_name(const char *name); /* "DT_FLOAT" or "float32" or "float"; FL_TF_INVALID if unknown */

typedef struct fl_bytes {
    const uint8_t *data;
    size_t         size;
} fl_bytes;

typedef struct fl_tf_attr {
    const char *name;
    fl_bytes    value; /* AttrValue, encoded */
} fl_tf_attr;

typedef struct fl_tf_node {
    const char  *name;
    const char  *op;
    const char **input; /* "node", "node:k" or "^node" as written; n_input of them, control inputs last */
    size_t       n_input;
    fl_tf_attr  *attr; /* sorted by name, unique */
    size_t       n_attr;
    const char  *device;
    bool         removed;
} fl_tf_node;

typedef struct fl_tf_graph {
    const floe_env *env;
    fl_arena        arena;
    fl_file         file;  /* mapped, or empty */
    fl_buf          text;  /* what a text-format file was transcoded to, or empty */
    const char     *path;  /* for messages */
    size_t          expanded_bytes; /* by constants whose values were expanded so far; bounded */
    fl_tf_node     *node;  /* in file order */
    size_t          n_node, cap_node;
    fl_names        by_name; /* node name -> index */
    int64_t         producer; /* versions.producer; 0 when the graph carries none */
    fl_bytes        versions; /* encoded VersionDef, empty when absent */
    fl_bytes        library;  /* encoded FunctionDefLibrary, empty when absent */
} fl_tf_graph;

/* Reads a GraphDef: binary, or text (by content, not by name); also the GraphDef inside a MetaGraphDef (.meta). Says
 * what a file of another kind is. */
floe_status fl_tf_graph_load(fl_tf_graph **out, const floe_env *env, const char *path, floe_error *err);
/* From memory, which must outlive the graph; `name` stands for the path in messages. */
floe_status fl_tf_graph_parse(fl_tf_graph **out, const floe_env *env, const void *data, size_t size, const char *name,
                              floe_error *err);
floe_status fl_tf_graph_create(fl_tf_graph **out, const floe_env *env, floe_error *err); /* empty */
/* An encoded GraphDef, known to be one (part of a MetaGraphDef, say): nothing is guessed, and it may be empty. */
floe_status fl_tf_graph_read(fl_tf_graph **out, const floe_env *env, fl_bytes graph_def, const char *name,
                             floe_error *err);
void        fl_tf_graph_free(fl_tf_graph *graph);
/* Binary GraphDef: nodes in order without the removed ones, attrs sorted by name, versions, library. FLOE_ERR_LIMIT above 2 GiB. */
floe_status fl_tf_graph_write(fl_buf *out, const fl_tf_graph *graph, floe_error *err);

/* Appends a node (strings copied) and returns it; pointers to older nodes become invalid. */
floe_status fl_tf_graph_add(fl_tf_graph *graph, fl_tf_node **out, const char *name, const char *op, floe_error *err);
/* Reads an encoded NodeDef into *out, which is not added to the graph (a function's body). */
floe_status fl_tf_node_read(fl_tf_graph *graph, fl_tf_node *out, fl_bytes encoded, floe_error *err);
fl_tf_node *fl_tf_graph_find(const fl_tf_graph *graph, const char *name);
/* The producer of an input string: strips "^", splits "name:k"; *port may be NULL, control inputs give port -1. NULL when
 * there is no such node. */
fl_tf_node *fl_tf_graph_input(const fl_tf_graph *graph, const char *input, int *port);
/* Length of the node name in "node" or "node:k" (no "^"), and the port. */
size_t fl_tf_input_split(const char *input, int *port);
/* The failure for a name that is not there, with the nearest one that is; `what` says what it was wanted for, or "". */
floe_status fl_tf_graph_missing(const fl_tf_graph *graph, const char *name, const char *what, floe_error *err);
/* Keeps what the outputs reach through data and control inputs, marks the rest removed. */
floe_status fl_tf_graph_prune(fl_tf_graph *graph, const char *const *outputs, size_t n_outputs, floe_error *err);

/* ---- attributes. Absent: false (get) or the default. A malformed value is FLOE_ERR_FORMAT naming node and attribute
 * in the fallible ones; the simple ones give the default. */
bool        fl_tf_attr_find(const fl_tf_node *n, const char *name, fl_bytes *value);
int64_t     fl_tf_attr_int(const fl_tf_node *n, const char *name, int64_t absent);
float       fl_tf_attr_float(const fl_tf_node *n, const char *name, float absent);
bool        fl_tf_attr_bool(const fl_tf_node *n, const char *name, bool absent);
int         fl_tf_attr_type(const fl_tf_node *n, const char *name, int absent);
/* s: text without NUL inside; copied to the arena. NULL when absent. */
const char *fl_tf_attr_string(fl_tf_graph *g, const fl_tf_node *n, const char *name);
/* list(int): values in the arena; *count 0 when absent. */
floe_status fl_tf_attr_ints(fl_tf_graph *g, const fl_tf_node *n, const char *name, int64_t **out, size_t *count, floe_error *err);

/* The AttrValue oneof and list members, for code that passes attributes on (UFF custom operations). */
typedef enum fl_tf_attr_kind {
    FL_TF_ATTR_NONE = 0, FL_TF_ATTR_LIST = 1, FL_TF_ATTR_S = 2, FL_TF_ATTR_I = 3, FL_TF_ATTR_F = 4, FL_TF_ATTR_B = 5,
    FL_TF_ATTR_TYPE = 6, FL_TF_ATTR_SHAPE = 7, FL_TF_ATTR_TENSOR = 8, FL_TF_ATTR_PLACEHOLDER = 9, FL_TF_ATTR_FUNC = 10
} fl_tf_attr_kind;
fl_tf_attr_kind fl_tf_attr_kind_of(fl_bytes value);

typedef struct fl_tf_shape {
    bool     unknown_rank;
    int      rank;
    int64_t *dim; /* -1: unknown */
} fl_tf_shape;
/* attr of type shape; absent gives unknown rank. */
floe_status fl_tf_attr_shape(fl_tf_graph *g, const fl_tf_node *n, const char *name, fl_tf_shape *out, floe_error *err);
floe_status fl_tf_shape_parse(fl_arena *arena, fl_bytes encoded, fl_tf_shape *out, floe_error *err);

/* A constant, decoded: dense little-endian values (TensorProto's splat and zero rules applied). */
typedef struct fl_tf_tensor {
    int       dtype;
    int       rank;
    int64_t  *dim;
    int64_t   count;
    const void *data;    /* count elements, in the arena or straight in the file; NULL for strings */
    size_t    bytes;
    fl_bytes *strings;   /* DT_STRING: count of them */
} fl_tf_tensor;
/* TensorProto bytes. `where` ("model.pb: node 'w'") starts the sentence. */
floe_status fl_tf_tensor_parse(fl_arena *arena, fl_bytes encoded, fl_tf_tensor *out, const char *where, floe_error *err);
/* The same for a TensorProto that carries values only (V1 checkpoints): dtype, rank and dim stand in *out already, and
 * there must be exactly as many values as they say. */
floe_status fl_tf_tensor_values(fl_arena *arena, fl_bytes encoded, fl_tf_tensor *out, const char *where,
                                floe_error *err);
/* The "value" of a Const node. */
floe_status fl_tf_const_value(fl_tf_graph *g, const fl_tf_node *n, fl_tf_tensor *out, floe_error *err);

/* ---- writing attributes: replace or add */
floe_status fl_tf_attr_set(fl_tf_graph *g, fl_tf_node *n, const char *name, fl_bytes encoded, floe_error *err);
floe_status fl_tf_attr_set_type(fl_tf_graph *g, fl_tf_node *n, const char *name, int dtype, floe_error *err);
void        fl_tf_attr_remove(fl_tf_node *n, const char *name);
/* dtype and value, everything else and all inputs dropped: the node becomes this Const. data is copied into its
 * encoding. */
floe_status fl_tf_make_const(fl_tf_graph *g, fl_tf_node *n, const fl_tf_tensor *value, floe_error *err);

#endif
