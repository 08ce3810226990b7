/* uff_importer.h - what the files of the importer share; private to src/uff.
 *
 * Each UFF node becomes a `fl_uff_value`: the tensors it yields (one per port) and, for small integer tensors, its
 * elements as linear functions of the batch. The latter carry shape arithmetic: [?*2, 7, 7] as targets of a Reshape are
 * known before any engine exists, with the batch left open.
 */
#ifndef FL_UFF_IMPORTER_H
#define FL_UFF_IMPORTER_H

#include "uff/uff_import.h"

/* n * batch + c. Doubles hold every integer up to 2^53 exactly, and shape arithmetic that goes through floats. */
typedef struct fl_linear {
    double n, c;
} fl_linear;

#define FL_LINEAR_MAX 256 /* elements of a tensor that is followed symbolically */
#define FL_UFF_PORTS  16  /* outputs of one node that can be told apart */

#define FL_UFF_TF_STRING 7 /* a node's tf_dtype when its elements are strings */

typedef struct fl_uff_value {
    fl_tensor *tensor[FL_UFF_PORTS]; /* NULL where the node has no such output */
    bool       symbolic;             /* the elements of output 0 are known: */
    int        rank;
    int64_t    dim[FL_MAX_RANK];
    int64_t    count;
    fl_linear *element;
} fl_uff_value;

typedef struct fl_uff_importer {
    fl_network                  *net;
    const fl_uff_graph          *graph;
    const fl_uff_import_options *options;
    fl_uff_value                *value; /* one per node of the graph */
    bool                        *wanted; /* reached from the outputs */
} fl_uff_importer;

typedef floe_status (*fl_uff_handler)(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err);

typedef struct fl_uff_rule {
    const char    *operation;
    fl_uff_handler handler;
    int            min_input, max_input;
} fl_uff_rule;

/* The two tables, each ended by a NULL operation. */
extern const fl_uff_rule fl_uff_core_rules[];   /* uff_import_core.c */
extern const fl_uff_rule fl_uff_custom_rules[]; /* uff_import_custom.c: "_X" with TensorFlow's attributes */

/* ---- inputs of a node */
fl_uff_value *fl_uff_value_of(fl_uff_importer *m, const fl_uff_node *node, size_t input);
/* The tensor of input i at its port; fails naming both nodes when there is none. */
floe_status fl_uff_tensor_of(fl_uff_importer *m, const fl_uff_node *node, size_t input, fl_tensor **out, floe_error *err);
/* The symbolic elements of input i; fails when they are not known, saying what they were wanted for. */
floe_status fl_uff_elements_of(fl_uff_importer *m, const fl_uff_node *node, size_t input, const char *what,
                               const fl_uff_value **out, floe_error *err);
/* The same as plain integers (no batch in them), at most max of them. */
floe_status fl_uff_integers_of(fl_uff_importer *m, const fl_uff_node *node, size_t input, const char *what,
                               int64_t *out, int max, int *count, floe_error *err);

/* ---- results */
/* Adds a layer named after the node and returns its first output. Half precision is calculated in float32 between
 * casts. */
floe_status fl_uff_layer(fl_uff_importer *m, const fl_uff_node *node, fl_op_kind op, const fl_op_params *p,
                         fl_tensor *const *in, int n_in, fl_tensor **out, floe_error *err);
floe_status fl_uff_cast(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, fl_dtype to, fl_tensor **out,
                        floe_error *err);
bool        fl_uff_is_half(fl_dtype dtype); /* f16, bf16 */
/* Reshape to known dims; nothing is added when they are the tensor's already. */
floe_status fl_uff_reshape(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, int rank, const int64_t *dim,
                           fl_tensor **out, floe_error *err);
/* Room for `count` symbolic elements of this shape in out; false when out of memory or too many (then not symbolic). */
bool fl_uff_make_symbolic(fl_uff_importer *m, fl_uff_value *out, int rank, const int64_t *dim);

/* ---- fields */
/* i_list field into out (int32), exactly `count` entries; absent fills with `absent`. */
floe_status fl_uff_int_pair(fl_uff_importer *m, const fl_uff_node *node, const char *key, int32_t absent,
                            int32_t out[2], floe_error *err);
/* Integers of an i_list field; NULL and 0 when absent. */
const int64_t *fl_uff_int_list(const fl_uff_importer *m, const fl_uff_node *node, const char *key, size_t *count);
floe_status fl_uff_axis(const fl_uff_node *node, int64_t axis, int rank, int *out, floe_error *err);

/* ---- shared by core and custom forms of the same operation */
typedef enum fl_uff_padding { FL_UFF_VALID, FL_UFF_SAME, FL_UFF_EXPLICIT } fl_uff_padding;
typedef struct fl_uff_window { /* convolutions and pools */
    fl_format      format;
    int32_t        stride[2], dilation[2], pad[4]; /* pad used when EXPLICIT */
    fl_uff_padding padding;
} fl_uff_window;
/* filter is [kh,kw,in/groups,out] or, depthwise, [kh,kw,in,multiplier]. */
floe_status fl_uff_convolution(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, fl_tensor *filter,
                               const fl_uff_window *w, bool depthwise, fl_tensor **out, floe_error *err);
/* filter [kh,kw,out,in]; target: spatial size of the result. */
floe_status fl_uff_transposed(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, fl_tensor *filter,
                              const fl_uff_window *w, const int64_t target[2], fl_tensor **out, floe_error *err);
floe_status fl_uff_pooling(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, fl_pool_func func,
                           const int32_t kernel[2], const fl_uff_window *w, fl_tensor **out, floe_error *err);
floe_status fl_uff_reduction(fl_uff_importer *m, const fl_uff_node *node, int func, const int64_t *axes, size_t n_axes,
                             bool keep_dims, fl_uff_value *out, floe_error *err);
floe_status fl_uff_binary(fl_uff_importer *m, const fl_uff_node *node, int func, fl_uff_value *out, floe_error *err);
floe_status fl_uff_unary(fl_uff_importer *m, const fl_uff_node *node, int func, float alpha, fl_uff_value *out, floe_error *err);
floe_status fl_uff_strided_slice(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err);
floe_status fl_uff_space_to_batch(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err);
floe_status fl_uff_batch_to_space(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err);
floe_status fl_uff_depth_to_space(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err);
floe_status fl_uff_space_to_depth(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err);
floe_status fl_uff_pass(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err); /* identity */
floe_status fl_uff_input_node(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err);
floe_status fl_uff_const_node(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err);
const fl_uff_input *fl_uff_registered(const fl_uff_importer *m, const char *name);

/* ---- symbolic arithmetic (uff_symbolic.c). Each sets out->symbolic only when every element stays linear. */
void fl_uff_symbolic_constant(fl_uff_importer *m, fl_uff_value *out, const fl_tensor *constant);
void fl_uff_symbolic_shape(fl_uff_importer *m, fl_uff_value *out, const fl_tensor_desc *of);
void fl_uff_symbolic_copy(fl_uff_importer *m, fl_uff_value *out, const fl_uff_value *from, int rank, const int64_t *dim);
void fl_uff_symbolic_binary(fl_uff_importer *m, fl_uff_value *out, int func, const fl_uff_value *a, const fl_uff_value *b,
                            bool real);
void fl_uff_symbolic_unary(fl_uff_importer *m, fl_uff_value *out, int func, const fl_uff_value *x);
void fl_uff_symbolic_cast(fl_uff_importer *m, fl_uff_value *out, const fl_uff_value *x, const fl_tensor_desc *from, fl_dtype to);
void fl_uff_symbolic_reduce(fl_uff_importer *m, fl_uff_value *out, int func, const fl_uff_value *x);
void fl_uff_symbolic_join(fl_uff_importer *m, fl_uff_value *out, fl_uff_value *const *parts, size_t count, bool stack);
/* A linear value as a dimension (negative: per batch); false when it is neither constant nor a pure multiple. */
bool fl_linear_to_dim(fl_linear v, int64_t *dim);

#endif
