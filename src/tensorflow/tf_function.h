/* tf_function.h - a function library, parsed as far as it is called. Between tf_function.c and tf_inline.c. */
#ifndef FL_TF_FUNCTION_H
#define FL_TF_FUNCTION_H

#include "tensorflow/tf_freezer.h"

/* An OpDef.ArgDef: one tensor, or a list whose length an attribute of the call says. */
typedef struct fl_tf_arg {
    const char *name;
    const char *number_attr, *type_list_attr; /* "" when it is no list */
} fl_tf_arg;

typedef struct fl_tf_function {
    const char  *name;
    fl_bytes     encoded;
    bool         parsed;
    fl_bytes     signature; /* OpDef */
    fl_tf_arg   *in, *out;
    size_t       n_in, n_out;
    const char **ret; /* by output argument */
    const char **control_ret;
    size_t       n_control_ret;
    fl_tf_node  *node;
    size_t       n_node;
    fl_names     by_name; /* arguments first: index below n_in; nodes: n_in + index */
} fl_tf_function;

struct fl_tf_library {
    fl_tf_function *function;
    size_t          n_function;
    size_t          nodes; /* in all bodies */
    fl_names        by_name;
};

/* NULL when there is no such function. */
fl_tf_function *fl_tf_function_find(const fl_tf_freezer *f, const char *name);
/* Reads signature and body; once. */
floe_status fl_tf_function_parse(fl_tf_freezer *f, fl_tf_function *function, floe_error *err);

/* What a call passes beside tensors: the attributes of the node, or of the function attribute it calls. */
typedef struct fl_tf_call_attrs {
    const fl_tf_node *node;      /* used when list is empty */
    fl_bytes          list;      /* NameAttrList */
    fl_bytes          signature; /* OpDef: defaults */
} fl_tf_call_attrs;

bool fl_tf_call_attr(const fl_tf_call_attrs *attrs, const char *name, fl_bytes *value);
/* Tensors that an argument stands for, up to 2^20; -1 when its attribute is missing or impossible. */
int64_t fl_tf_arg_size(const fl_tf_arg *arg, const fl_tf_call_attrs *attrs);

/* Port of output `name` of a node, and how many tensors that output is (-1: not known, at least one). `ops` is the
 * file's own OpList. */
floe_status fl_tf_output_port(fl_tf_freezer *f, const fl_tf_node *n, const char *name, size_t name_size, int64_t *port,
                              int64_t *count, floe_error *err);

#endif
