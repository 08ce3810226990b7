/* tf_convert_internal.h - what the files of the TensorFlow -> UFF converter share; private to src/tensorflow.
 *
 *   tf_convert.c           the walk from the outputs, and what it needs before it starts
 *   tf_convert_ops.c       one rule for each TensorFlow operation that core UFF has a word for
 *   tf_convert_conv.c      the same for convolutions and pools
 *   tf_convert_custom.c    constants, and custom operations with their attributes for everything else
 *   tf_convert_patterns.c  several TensorFlow nodes that are one UFF node: dilated convolution, softmax, flatten
 *   tf_convert_shapes.c    static shapes, as far as they are known
 *   tf_convert_eval.c      small integer tensors that can be computed: axes, permutations, targets of reshapes
 */
#ifndef FL_TF_CONVERT_INTERNAL_H
#define FL_TF_CONVERT_INTERNAL_H

#include "tensorflow/tf_convert.h"

#define FL_TFC_RANK_MAX 8
#define FL_TFC_INTS_MAX 64
#define FL_TFC_UNKNOWN  INT64_MIN /* an element that is not known */

typedef struct fl_tfc_shape {
    int     rank; /* -1: unknown */
    int64_t dim[FL_TFC_RANK_MAX]; /* -1: unknown */
} fl_tfc_shape;

/* A small integer tensor of rank 0 to 2. */
typedef struct fl_tfc_ints {
    int     rank;
    int     dim[2];
    int     count;
    int64_t v[FL_TFC_INTS_MAX];
} fl_tfc_ints;

/* What is known of one TensorFlow node. */
typedef struct fl_tfc_info {
    bool         seen;          /* found on the way from the outputs */
    bool         converted;     /* in the UFF graph, or absorbed into a node there */
    bool         other_outputs; /* one past the first is read */
    bool         asserted;      /* an Assert, or read by nothing else */
    uint32_t     uses, nchw_bias_uses; /* slots that read it; those that are the bias of a rank 4 NCHW BiasAdd */
    fl_tfc_shape shape;         /* of output 0 */
    const fl_tf_input_override *override;
    fl_tf_tensor *value;        /* Const, once decoded */
} fl_tfc_info;

typedef struct fl_tfc {
    fl_tf_graph                 *tf;
    fl_uff_graph                *uff;
    const fl_tf_convert_options *options;
    fl_arena                     scratch;
    fl_tfc_info                 *info; /* one per node of tf */
    uint32_t                    *stack; /* nodes to convert */
    size_t                       n_stack, cap_stack;
} fl_tfc;

/* Where a data input comes from, Identity skipped. */
typedef struct fl_tfc_source {
    fl_tf_node *node;
    int         port;
} fl_tfc_source;

/* ---- walking (tf_convert.c) */
static inline uint32_t fl_tfc_index(const fl_tfc *c, const fl_tf_node *n) { return (uint32_t)(n - c->tf->node); }
static inline fl_tfc_info *fl_tfc_info_of(const fl_tfc *c, const fl_tf_node *n) { return &c->info[fl_tfc_index(c, n)]; }
/* The node's op, or "" where the caller replaces the node by an input: then it is none of the ops rules look for. */
const char *fl_tfc_op(const fl_tfc *c, const fl_tf_node *n);
bool        fl_tfc_is(const fl_tfc *c, const fl_tf_node *n, const char *op);
size_t      fl_tfc_data_inputs(const fl_tf_node *n); /* without control inputs */
/* Data input i with one Identity skipped, as NVIDIA's converter does. FLOE_ERR_FORMAT when it is not in the graph. */
floe_status fl_tfc_source_of(const fl_tfc *c, const fl_tf_node *n, size_t i, fl_tfc_source *out, floe_error *err);
/* The same with all Identities skipped; false when it is not there. For looking at patterns. */
bool        fl_tfc_peek(const fl_tfc *c, const fl_tf_node *n, size_t i, fl_tfc_source *out);
const char *fl_tfc_id(const fl_tfc *c, const fl_tf_node *n); /* its id in the UFF graph */

/* ---- emitting (tf_convert.c) */
floe_status fl_tfc_add(fl_tfc *c, fl_uff_node **out, const fl_tf_node *n, const char *operation, floe_error *err);
/* A node that TensorFlow's graph does not have: "<name of n>/<suffix>", made unique. */
floe_status fl_tfc_add_helper(fl_tfc *c, fl_uff_node **out, const fl_tf_node *n, const char *suffix,
                              const char *operation, floe_error *err);
/* An input, whose node will be converted too. */
floe_status fl_tfc_read(fl_tfc *c, fl_uff_node *u, fl_tfc_source source, floe_error *err);
floe_status fl_tfc_set_int(fl_tfc *c, fl_uff_node *u, const char *key, int64_t value, floe_error *err);
floe_status fl_tfc_set_double(fl_tfc *c, fl_uff_node *u, const char *key, double value, floe_error *err);
floe_status fl_tfc_set_bool(fl_tfc *c, fl_uff_node *u, const char *key, bool value, floe_error *err);
floe_status fl_tfc_set_text(fl_tfc *c, fl_uff_node *u, const char *key, const char *value, floe_error *err);
floe_status fl_tfc_set_ints(fl_tfc *c, fl_uff_node *u, const char *key, const int64_t *value, size_t count,
                            floe_error *err);
floe_status fl_tfc_set_dtype(fl_tfc *c, fl_uff_node *u, const char *key, int tf_dtype, floe_error *err);
/* inputs_orders: one or two order strings such as "N+C" and "+CK". */
floe_status fl_tfc_set_orders(fl_tfc *c, fl_uff_node *u, const char *first, const char *second, floe_error *err);
void        fl_tfc_log(const fl_tfc *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- rules. The sources are the node's data inputs. */
typedef struct fl_tfc_row fl_tfc_row;
typedef floe_status (*fl_tfc_rule)(fl_tfc *c, const fl_tfc_row *op, const fl_tf_node *n, const fl_tfc_source *in,
                                   size_t n_in, floe_error *err);
struct fl_tfc_row {
    const char *op;
    fl_tfc_rule rule;
    size_t      min_in;
    const char *uff;  /* operation */
    const char *func; /* its field func, or whatever the rule takes it for */
};

#define FL_TFC_RULE(name)                                                                                           \
    floe_status name(fl_tfc *c, const fl_tfc_row *op, const fl_tf_node *n, const fl_tfc_source *in, size_t n_in, \
                     floe_error *err)
FL_TFC_RULE(fl_tfc_rule_conv);
FL_TFC_RULE(fl_tfc_rule_conv_transpose);
FL_TFC_RULE(fl_tfc_rule_pool);

/* A node with these inputs, which will be converted too. */
floe_status fl_tfc_add_reading(fl_tfc *c, fl_uff_node **out, const fl_tf_node *n, const char *operation,
                               const fl_tfc_source *in, size_t n_in, floe_error *err);
/* data_format; false when it is neither NHWC (also when left out) nor NCHW. */
bool        fl_tfc_read_format(fl_tfc *c, const fl_tf_node *n, bool *nchw);
const char *fl_tfc_data_order(bool nchw);

const fl_tfc_row *fl_tfc_find_op(const char *op); /* NULL: always custom */
floe_status fl_tfc_input(fl_tfc *c, const fl_tf_node *n, floe_error *err); /* Placeholder or override */
floe_status fl_tfc_const(fl_tfc *c, const fl_tf_node *n, floe_error *err);
/* "_Op" with all attributes and data inputs; `why` (may be NULL) goes to the log. */
floe_status fl_tfc_custom(fl_tfc *c, const fl_tf_node *n, const fl_tfc_source *in, size_t n_in, const char *why,
                          floe_error *err);
/* The fields of a custom operation on a node made by fl_tfc_add. */
floe_status fl_tfc_set_attrs(fl_tfc *c, fl_uff_node *u, const fl_tf_node *n, floe_error *err);
floe_status fl_tfc_mark_custom(fl_tfc *c, floe_error *err); /* adds the descriptor */
/* A Const's value, decoded once. */
floe_status fl_tfc_value(fl_tfc *c, const fl_tf_node *n, const fl_tf_tensor **out, floe_error *err);

/* ---- convolutions, as the rules for Conv2D and for its dilated pattern share them */
typedef struct fl_tfc_conv {
    bool        nchw, depthwise;
    bool        has_dilation; /* write the field */
    int64_t     stride[2], dilation[2];
    bool        same;      /* implicit_padding */
    bool        has_pad;   /* explicit padding: */
    int64_t     pad[4];    /* top, bottom, left, right */
    const char *why_not;   /* core UFF cannot say it: the reason */
} fl_tfc_conv;
/* Reads the attributes; what cannot be said in core UFF sets why_not. */
floe_status fl_tfc_conv_read(fl_tfc *c, const fl_tf_node *n, fl_tfc_conv *out, floe_error *err);
/* Sets why_not where the static shapes of data and kernel tell of groups, or a depthwise kernel's is not known. */
void        fl_tfc_conv_check_kernel(const fl_tfc *c, fl_tfc_conv *conv, fl_tfc_source data, fl_tfc_source kernel);
bool        fl_tfc_conv_is_symmetric(const fl_tfc_conv *conv);
/* Fields of a core Conv; pads must be symmetric. */
floe_status fl_tfc_conv_fields(fl_tfc *c, fl_uff_node *u, const fl_tfc_conv *conv, fl_tfc_source kernel,
                               floe_error *err);

/* ---- patterns: *done tells whether one was found and emitted */
floe_status fl_tfc_dilated(fl_tfc *c, const fl_tf_node *batch_to_space, const fl_tfc_source *in, size_t n_in,
                           bool *done, floe_error *err);
floe_status fl_tfc_softmax_node(fl_tfc *c, const fl_tf_node *n, fl_tfc_source x, floe_error *err); /* the plain one */
floe_status fl_tfc_softmax(fl_tfc *c, const fl_tf_node *reshape, const fl_tfc_source *in, bool *done, floe_error *err);
/* Whether the Reshape keeps axis 0 and flattens the rest, for every input it can get. */
bool fl_tfc_is_flatten(fl_tfc *c, const fl_tfc_source *in);

/* ---- shapes */
const fl_tfc_shape *fl_tfc_shape_of(const fl_tfc *c, fl_tfc_source source); /* never NULL */
/* Computes the node's shape from those of its inputs. */
void fl_tfc_infer(fl_tfc *c, const fl_tf_node *n);

/* ---- evaluation. Shape() of the bound tensor, if any, gives these dims. */
typedef struct fl_tfc_binding {
    fl_tfc_source source;
    fl_tfc_shape  shape;
} fl_tfc_binding;
bool fl_tfc_eval(fl_tfc *c, fl_tfc_source source, const fl_tfc_binding *binding, fl_tfc_ints *out);
/* Input i of n as constants, all known. */
bool fl_tfc_constants(fl_tfc *c, fl_tfc_source source, fl_tfc_ints *out);

#endif
