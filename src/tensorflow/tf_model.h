/* tf_model.h - what a graph comes with: saver, signatures, collections, object graph (MetaGraphDef, SavedModel). */
#ifndef FL_TF_MODEL_H
#define FL_TF_MODEL_H

#include "tensorflow/graphdef.h"

typedef struct fl_tf_signature_arg {
    const char *key, *tensor; /* "scores", "StatefulPartitionedCall:1" */
    fl_bytes    info;         /* TensorInfo */
} fl_tf_signature_arg;

typedef struct fl_tf_signature {
    const char          *key;
    fl_tf_signature_arg *input, *output; /* by key */
    size_t               n_input, n_output;
} fl_tf_signature;

typedef struct fl_tf_model {
    fl_tf_graph    *graph; /* owns the file that everything here points into; where strings live, too */
    fl_bytes        meta;  /* the MetaGraphDef; empty for a bare GraphDef */
    const char     *restore_op; /* saver_def.restore_op_name, "" when there is none */
    fl_bytes        op_list;    /* OpList: ops that the file declares itself */
    fl_bytes        object_graph; /* SavedObjectGraph */
    fl_tf_signature signature;  /* the chosen one; key NULL when there is none */
} fl_tf_model;

/* A GraphDef or MetaGraphDef file. */
floe_status fl_tf_model_load(fl_tf_model *out, const floe_env *env, const char *path, floe_error *err);
/* The meta graph of a SavedModel file with exactly these tags (comma-separated; NULL: "serve"), with the signature of
 * that key (NULL: "serving_default", or the only one). No signature is an error only if one was named. */
floe_status fl_tf_model_load_saved(fl_tf_model *out, const floe_env *env, const char *path, const char *tags,
                                   const char *signature, floe_error *err);
void        fl_tf_model_free(fl_tf_model *model); /* accepts a cleared struct */

/* Calls visit for each serialized VariableDef of the "variables" and similar collections, until it fails. */
floe_status fl_tf_model_each_variable(const fl_tf_model *model,
                                      floe_status (*visit)(void *arg, fl_bytes variable_def, floe_error *err),
                                      void *arg, floe_error *err);

/* key and value of a map entry; missing ones are empty. False on damage. */
bool fl_tf_map_entry(const uint8_t *data, size_t size, fl_bytes *key, fl_bytes *value);
/* The last occurrence of a length-delimited field; empty when absent or damaged. */
fl_bytes fl_tf_field(fl_bytes message, uint32_t number);
/* The same as a C string in the arena ("" when absent or when it holds a NUL); NULL when out of memory. */
const char *fl_tf_field_string(fl_arena *arena, fl_bytes message, uint32_t number);

#endif
