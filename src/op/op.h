/* op.h - operators: parameters, descriptors, definitions.
 *
 * One struct travels the whole way: fl_op_desc (operator, parameters, tensor descriptors) is what a layer holds, a
 * tactic accepts, a PLAN step stores, the timing cache hashes and a benchmark line describes.
 *
 * Each operator has one fl_op_def in op_<name>.c: arity, a field table for its parameters, shape inference, cost and a
 * plain-C reference. The field table is written once and drives PLAN bytes, `floe info` and the timing-cache key; the
 * reference is constant folding, test oracle and last-resort CPU tactic.
 *
 * Inputs sit in fixed slots; an optional one that is absent is a NULL descriptor (and a NULL pointer at run time).
 */
#ifndef FL_OP_H
#define FL_OP_H

#include "base/bytes.h"
#include "op/op_functions.h"
#include "op/tensor.h"

typedef enum fl_op_kind {
#define FL_OP(kind, name) FL_OP_##kind,
#include "op/op.def"
#undef FL_OP
    FL_OP_COUNT
} fl_op_kind;

typedef enum fl_format { FL_NHWC, FL_NCHW } fl_format;

static inline bool fl_unary_is_activation(int f) { return f <= FL_UNARY_SOFTSIGN || f == FL_UNARY_SILU; }
static inline bool fl_binary_is_comparison(int f) { return f >= FL_BINARY_EQUAL; }

const char *fl_unary_name(int func);  /* NULL for an unknown one; likewise the next two */
const char *fl_binary_name(int func);
const char *fl_reduce_name(int func);
int fl_unary_from_name(const char *name); /* -1 when unknown; likewise the next two */
int fl_binary_from_name(const char *name);
int fl_reduce_from_name(const char *name);

/* ---- parameters. All integers are int32_t or int64_t and all reals float, so that a field table can describe them. */

/* Slots of the convolutions and of matmul. */
enum { FL_SLOT_X, FL_SLOT_WEIGHTS, FL_SLOT_BIAS, FL_SLOT_RESIDUAL };

/* conv2d:            slots x, filter [kh,kw,cin/groups,cout] (HWIO in either format), bias [cout]?, residual (as y)?
 * depthwise_conv2d:  slots x, filter [kh,kw,c,m], bias [c*m]?, residual?; output channel c*m + j; groups unused (1)
 * conv2d_transpose:  slots x, filter [kh,kw,cout,cin], bias [cout]?, residual?; output = spatial size of y; pad is that
 *                    of the forward convolution from y to x
 * y = act(conv + bias + residual). pad = top, bottom, left, right; SAME and VALID are resolved before. */
typedef struct fl_conv_params {
    int32_t stride[2], dilation[2], pad[4];
    int32_t groups;
    int32_t format; /* fl_format */
    int64_t output[2]; /* conv2d_transpose only, else 0 */
    int32_t act;    /* fl_unary_func */
    float   alpha;
} fl_conv_params;

/* slots a, b, bias [n]?, residual (as y)?: y = act(op(a) op(b) + bias + residual), rank 2 */
typedef struct fl_matmul_params {
    int32_t transpose_a, transpose_b;
    int32_t act;
    float   alpha;
} fl_matmul_params;

/* slot x. The average counts only cells inside the input. pad as above. */
typedef struct fl_pool_params {
    int32_t func; /* fl_pool_func */
    int32_t kernel[2], stride[2], pad[4];
    int32_t format;
} fl_pool_params;

typedef struct fl_unary_params {
    int32_t func;
    float   alpha;
} fl_unary_params;

/* slots a, b (numpy broadcast): y = act(a func b) */
typedef struct fl_binary_params {
    int32_t func;
    int32_t act;
    float   alpha;
} fl_binary_params;

/* slots x, scale [c], offset [c], mean [c]?, variance [c]?; outputs y, batch mean, batch variance (the latter two as
 * TensorFlow's FusedBatchNorm gives them; training: variance times n/(n-1)). y = act(...). axis: of the channels.
 * training: mean and variance come from x; old ones are blended in when factor != 1. */
typedef struct fl_batch_norm_params {
    float   epsilon;
    int32_t axis;
    int32_t training;
    float   factor; /* exponential_avg_factor */
    int32_t act;
    float   alpha;
} fl_batch_norm_params;

typedef struct fl_axis_params { /* softmax, concat */
    int32_t axis; /* 0 <= axis < rank */
} fl_axis_params;

typedef struct fl_reduce_params {
    int32_t func;
    int32_t axes; /* bit i: axis i is reduced; 0 reduces nothing */
    int32_t keep_dims;
} fl_reduce_params;

typedef struct fl_dims_params { /* reshape, broadcast, random_uniform (dtype f32): the shape of y, no -1 wildcards */
    int32_t rank;
    int64_t dim[FL_MAX_RANK]; /* as in fl_tensor_desc: negative = times the batch */
} fl_dims_params;

typedef struct fl_transpose_params {
    int32_t perm[FL_MAX_RANK]; /* y.dim[i] = x.dim[perm[i]] */
} fl_transpose_params;

typedef struct fl_pad_params {
    int64_t before[FL_MAX_RANK], after[FL_MAX_RANK];
    float   value; /* cast to the element type */
} fl_pad_params;

/* y.dim[i] = size[i], y[.. j ..] = x[.. begin[i] + j * stride[i] ..]; a dynamic axis is taken whole (begin 0, stride 1,
 * size = x.dim) or cut at constant places (constant begin and size, checked at run time against the batch). */
typedef struct fl_slice_params {
    int64_t begin[FL_MAX_RANK], stride[FL_MAX_RANK], size[FL_MAX_RANK];
} fl_slice_params;

typedef struct fl_dtype_params { /* cast (y's type), shape (i32 or i64) */
    int32_t dtype;
    int32_t truncate; /* cast to a narrower float rounds toward zero */
} fl_dtype_params;

typedef struct fl_layout_params { /* reorder */
    int32_t layout;
} fl_layout_params;

typedef union fl_op_params {
    fl_conv_params       conv;
    fl_matmul_params     matmul;
    fl_pool_params       pool;
    fl_unary_params      unary;
    fl_binary_params     binary;
    fl_batch_norm_params batch_norm;
    fl_axis_params       axis;
    fl_reduce_params     reduce;
    fl_dims_params       dims;
    fl_transpose_params  transpose;
    fl_pad_params        pad;
    fl_slice_params      slice;
    fl_dtype_params      dtype;
    fl_layout_params     layout;
} fl_op_params;

#define FL_MAX_OUTPUTS 3

typedef struct fl_op_desc {
    fl_op_kind       op;
    fl_op_params     p; /* unused bytes are zero */
    int              n_in, n_out;
    fl_tensor_desc **in;  /* n_in pointers; NULL: absent optional input */
    fl_tensor_desc **out; /* n_out pointers */
} fl_op_desc;

typedef enum fl_field_type { FL_FIELD_I32, FL_FIELD_I64, FL_FIELD_F32 } fl_field_type;

typedef struct fl_field {
    const char   *name;
    fl_field_type type;
    uint16_t      offset; /* in fl_op_params */
    uint16_t      count;
} fl_field;

typedef struct fl_op_def {
    const char     *name;
    int             min_in, max_in; /* slots, optional ones included in max_in; concat: 1..INT_MAX */
    int             n_out;
    const fl_field *fields; /* ends with a NULL name */
    /* Checks parameters and inputs and writes dtype, layout, rank and dims of every out[]. Input dims may be dynamic.
     * Never asserts: the sentence says what does not fit (the caller puts the layer's name in front). */
    floe_status (*infer)(fl_op_desc *d, floe_error *err);
    /* Floating point operations at the given batch (a multiply-add counts 2); for reports and cost models. */
    double (*flops)(const fl_op_desc *d, int64_t batch);
    /* Plain C, all dims resolved (none dynamic), plain layouts. No allocation. Fails only for what TensorFlow fails for
     * at run time (integer division by zero). */
    floe_status (*ref)(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err);
    bool moves; /* moves or converts elements and computes nothing: the reference takes half precision too */
} fl_op_def;

/* The definition of an operator; never NULL for a valid kind. */
const fl_op_def *fl_op_def_of(fl_op_kind kind);
/* Kind by name, or -1. */
int fl_op_from_name(const char *name);

/* Whether the reference runs d: it computes on f32, not on half precision. */
bool fl_op_ref_takes(const fl_op_desc *d);

/* infer with arity checks around it. */
floe_status fl_op_infer(fl_op_desc *d, floe_error *err);

/* Whether item i of a batch of outputs depends on item i of the inputs and on nothing of the others. outer[slot]: memory of
 * that input is [outer][batch][rest], 0 where no dim depends on the batch; *outer_of_y: so is that of the first output. */
bool fl_op_keeps_items(const fl_op_desc *d, const int64_t *outer, int64_t *outer_of_y);

/* Parameters to and from bytes, field by field in table order (I32, F32: 4 bytes, I64: 8, little-endian). */
void        fl_op_params_write(fl_buf *out, fl_op_kind kind, const fl_op_params *p);
floe_status fl_op_params_read(fl_reader *in, fl_op_kind kind, fl_op_params *p, floe_error *err);

/* One line: "conv2d f32[N,56,56,64] f32[3,3,64,64]c f32[64]c - -> f32[N,56,56,64] stride=1,1 dilation=1,1 pad=1,1,1,1
 * groups=1 act=relu", fields at their zero value left out (func is always there), constants marked c, absent inputs
 * "-", blocked layouts as "f32:c8[...]". The same text is the timing-cache key (with batch > 0 the dims are resolved),
 * the `floe info` line and the dump. */
void fl_op_desc_text(fl_buf *out, const fl_op_desc *d, int64_t batch);

/* Activation on one value; shared by the references. */
float fl_unary_f32(int func, float alpha, float x);

/* Geometry of TensorFlow's SAME padding for one axis: pads for input size in, kernel k, stride s, dilation d. */
void fl_same_padding(int64_t in, int64_t k, int64_t s, int64_t d, int32_t *before, int32_t *after);

#endif
