/* tf_freezer.h - the state of one freeze, and the steps that work on it (tf_freeze.c runs them in order).
 *
 * All steps rewrite one graph in place. Two tools serve all of them: aliases ("whoever reads this tensor, read that
 * one instead") and pruning, which applies them.
 */
#ifndef FL_TF_FREEZER_H
#define FL_TF_FREEZER_H

#include "tensorflow/tf_bundle.h"
#include "tensorflow/tf_freeze.h"
#include "tensorflow/tf_model.h"

typedef struct fl_tf_alias {
    struct fl_tf_alias *next;
    int                 port;
    const char         *to;
} fl_tf_alias;

typedef enum fl_tf_scalar_state {
    FL_TF_SCALAR_NEW,
    FL_TF_SCALAR_BUSY,
    FL_TF_SCALAR_UNKNOWN,
    FL_TF_SCALAR_KNOWN
} fl_tf_scalar_state;

/* What the steps remember about a node; by its index in the graph. */
typedef struct fl_tf_info {
    fl_tf_alias *alias;
    uint32_t     call;    /* the call that it was inlined by; 0: none */
    bool         visited; /* by the walk under way */
    uint8_t      scalar;  /* fl_tf_scalar_state */
    double       value;   /* its value, where that is known to be one number */
} fl_tf_info;

/* A chain of calls, innermost first: finds recursion. */
typedef struct fl_tf_call {
    uint32_t function, parent;
} fl_tf_call;

/* An output that must stay alive under its name. */
typedef struct fl_tf_output {
    const char *tensor; /* where its value is now */
    const char *name;   /* the name of the node that must give it */
    int         dtype;  /* where the graph said it; FL_TF_INVALID where the node itself will */
} fl_tf_output;

/* Where a variable's value is in the checkpoint. */
typedef struct fl_tf_key {
    const char  *variable; /* node */
    const char  *key;
    fl_tf_region region;   /* rank -1: all of it */
    int64_t     *full_dim; /* of the whole that the region is cut from, or NULL */
    bool         reshaped; /* the graph restores it through a Reshape: counts must match, shapes need not */
} fl_tf_key;

typedef struct fl_tf_library fl_tf_library;
typedef struct fl_tf_objects fl_tf_objects;

typedef struct fl_tf_freezer {
    const floe_env             *env;
    const fl_tf_freeze_options *options;
    fl_arena                    arena;
    fl_tf_model                 model;
    fl_tf_graph                *graph; /* the model's */
    bool                        saved_model;
    fl_tf_bundle               *bundle; /* NULL: the model has no variables */
    fl_tf_info                 *info;
    size_t                      cap_info;
    fl_tf_call                 *call;
    uint32_t                    n_call;
    size_t                      cap_call;
    size_t                      nodes_max; /* inlining must not blow up */
    fl_tf_library              *library;
    fl_tf_objects              *objects;
    fl_tf_output               *output;
    size_t                      n_output;
    fl_tf_key                  *key; /* what the restore operations say */
    size_t                      n_key, cap_key;
    fl_names                    key_of; /* variable node -> key */
} fl_tf_freezer;

/* ---- tf_rewire.c: aliases and pruning */

/* Room for info of all nodes; call it after adding nodes. Pointers into info become invalid. */
floe_status fl_tf_info_grow(fl_tf_freezer *f, floe_error *err);
/* Readers of that output of the node shall read `to` (a data input string). */
floe_status fl_tf_alias_set(fl_tf_freezer *f, size_t node, int port, const char *to, floe_error *err);
/* The input with aliases followed; itself when there are none. */
const char *fl_tf_alias_resolve(const fl_tf_freezer *f, const char *input);
/* Index of the node of that name, removed or not; SIZE_MAX when there never was one. */
size_t fl_tf_node_index(const fl_tf_freezer *f, const char *input, int *port);
/* Follows all aliases, then keeps what the outputs need. */
floe_status fl_tf_freezer_prune(fl_tf_freezer *f, floe_error *err);
/* "node" or "node:port", in the arena of the graph. */
const char *fl_tf_tensor_name(fl_tf_freezer *f, const char *node, int port);
/* A name that no node has: the name itself, or with _1, _2 ... behind it. NULL when out of memory. */
const char *fl_tf_free_name(fl_tf_freezer *f, const char *name);
/* Makes the node an Identity of `input`; dtype FL_TF_INVALID keeps a T it has. */
floe_status fl_tf_make_identity(fl_tf_freezer *f, size_t node, const char *input, int dtype, floe_error *err);

/* Who reads whom: the readers of node i are reader[first[i] .. first[i + 1]), one entry for each input, the entries of
 * one reader together. Of the nodes that are left, whose inputs must resolve (after pruning they do). */
typedef struct fl_tf_edges {
    uint32_t *first, *reader;
} fl_tf_edges;

floe_status fl_tf_edges_build(fl_tf_edges *out, const fl_tf_graph *graph, floe_error *err);
void        fl_tf_edges_free(fl_tf_edges *edges, const fl_tf_graph *graph); /* accepts a cleared struct */

/* ---- tf_function.c: calls */

floe_status fl_tf_library_open(fl_tf_freezer *f, floe_error *err);
/* Inlines every call that the outputs reach. */
floe_status fl_tf_inline_calls(fl_tf_freezer *f, bool *changed, floe_error *err);
/* The same from one node; all of what is called, not only what that node reaches. */
floe_status fl_tf_inline_from(fl_tf_freezer *f, const char *node, floe_error *err);
/* The dtype of output `port` of a call, functional conditional or loop; FL_TF_INVALID when the node is none. */
int fl_tf_call_dtype(fl_tf_freezer *f, const fl_tf_node *n, int port);
bool fl_tf_is_call(const fl_tf_freezer *f, const fl_tf_node *n);
/* The name of the function that an attribute holds; "" when there is none. */
const char *fl_tf_function_attr(fl_tf_freezer *f, const fl_tf_node *n, const char *attr);

/* ---- tf_inputs.c, tf_scalar.c, tf_branches.c: what inference decides at once */

/* A signature may take its inputs anywhere in the graph: placeholders are put there. */
floe_status fl_tf_cut_at_signature(fl_tf_freezer *f, floe_error *err);
/* Placeholders that tell training from inference become constants. */
floe_status fl_tf_default_flags(fl_tf_freezer *f, floe_error *err);
/* Feeding pipelines (iterators, queues) become placeholders; placeholders with a default one or the other. */
floe_status fl_tf_settle_inputs(fl_tf_freezer *f, floe_error *err);
/* The tensor's one number, if it is a constant expression of scalars. */
bool fl_tf_scalar_value(fl_tf_freezer *f, const char *input, double *value);
/* Folds Switch and Merge whose predicate is known, and removes what is never run. */
floe_status fl_tf_fold_branches(fl_tf_freezer *f, bool *changed, floe_error *err);

/* Dropouts pass their input on. */
floe_status fl_tf_remove_dropout(fl_tf_freezer *f, floe_error *err);

/* ---- tf_restore.c, tf_objects.c, tf_variables.c: values */

/* Route A: interprets the graph's own restore operations. */
floe_status fl_tf_restore_read(fl_tf_freezer *f, floe_error *err);
/* Adds a key for a variable; the first one stays. */
floe_status fl_tf_key_add(fl_tf_freezer *f, fl_tf_key key, floe_error *err);
/* Routes C and D: reads the object graphs. */
floe_status fl_tf_objects_read(fl_tf_freezer *f, floe_error *err);
/* Route D: the key of the variable that a signature captures; NULL when it captures none of that name. */
const char *fl_tf_objects_captured(const fl_tf_freezer *f, const char *variable);
/* Route C: the key by graph-style name; NULL when there is none. *twice is set when the name is not unique. */
const char *fl_tf_objects_by_name(const fl_tf_freezer *f, const char *name, bool *twice);
/* Route B needs the partitions that the variables' collection tells of. */
floe_status fl_tf_partitions_read(fl_tf_freezer *f, floe_error *err);
/* All variables become constants, reads become identities. */
floe_status fl_tf_replace_variables(fl_tf_freezer *f, floe_error *err);
bool fl_tf_is_variable(const char *op);

/* ---- tf_cleanup.c, tf_outputs.c: what is left over */

/* A variable that is assigned before it is read has no one value: fails for such. */
floe_status fl_tf_check_assignments(fl_tf_freezer *f, floe_error *err);
/* Control inputs go, Ref operations lose their Ref, checks and prints are passed by. */
floe_status fl_tf_cleanup(fl_tf_freezer *f, floe_error *err);
/* Which outputs are wanted and what they will be called: the caller's, or the signature's. */
floe_status fl_tf_choose_outputs(fl_tf_freezer *f, floe_error *err);
/* Every output gets a node of its name, and a signature's inputs the names it has for them. */
floe_status fl_tf_name_outputs(fl_tf_freezer *f, floe_error *err);
/* Nothing may be left that only a session could run. */
floe_status fl_tf_check_frozen(fl_tf_freezer *f, floe_error *err);

#endif
