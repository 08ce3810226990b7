/* tf_freeze.h - checkpoint (or TF1/TF2 SavedModel) to frozen GraphDef. */
#ifndef FL_TF_FREEZE_H
#define FL_TF_FREEZE_H

#include "tensorflow/graphdef.h"

typedef struct fl_tf_freeze_options {
    const char        *folder;      /* checkpoint folder, prefix, prefix.index/.meta/.data-*, or SavedModel folder */
    const char        *prefix;      /* names another checkpoint than the state file's; NULL: the state file's */
    const char        *graph_file;  /* GraphDef/MetaGraphDef to use when there is no .meta; NULL */
    const char *const *outputs;     /* node names, ports allowed ("a:0") */
    size_t             n_outputs;
    bool               prefer_ema;  /* use X/ExponentialMovingAverage where present */
    const char        *signature;   /* SavedModel signature key; NULL: serving_default, or the only one */
    const char        *tags;        /* SavedModel tag set, comma-separated; NULL: "serve" */
} fl_tf_freeze_options;

/* The frozen graph: variables are constants, training-only nodes are gone, only what the outputs need is left. Outputs
 * keep their names. A SavedModel needs none: its signature's are taken, called by their node, or by their key where they
 * come out of a function; inputs that TensorFlow 2 calls "<signature>_<key>" are called by their key. */
floe_status fl_tf_freeze(fl_tf_graph **out, const floe_env *env, const fl_tf_freeze_options *options, floe_error *err);

#endif
