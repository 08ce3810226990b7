/* floe.h - TensorFlow in, fast predictions out.
 *
 * The stages, in the words TensorRT taught:
 *
 *     checkpoint --floe_freeze--> frozen .pb --floe_convert--> .uff --floe_uff_parser--> network
 *     network --floe_builder--> PLAN bytes --floe_engine--> engine --floe_context--> outputs
 *
 * A complete program (examples/ has more):
 *
 *     #include <floe.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         floe_error err;
 *         floe_lite *lite = NULL;
 *         const void *outputs[1];
 *         static float picture[3 * 224 * 224];                      // CHW, filled by you
 *         const void *inputs[1] = {picture};
 *
 *         if (floe_lite_open(&lite, NULL, "model.PLAN", NULL, &err) != FLOE_OK ||
 *             floe_lite_infer(lite, 1, inputs, outputs, &err) != FLOE_OK) {
 *             fprintf(stderr, "%s\n", err.message);
 *             return 1;
 *         }
 *         printf("probability of class 1: %f\n", ((const float *)outputs[0])[1]);
 *         floe_lite_free(lite);
 *         return 0;
 *     }
 *
 * Rules that hold everywhere:
 *   - `out` comes first, is written only on success and is then yours to free; `const T *` is borrowed for the call.
 *     Every _free accepts NULL.
 *   - Options are plain structs; all zero means the defaults, and a NULL pointer does too.
 *   - The library never exits, aborts or prints. floe_env carries your allocator and your logger.
 *   - Engines are immutable and may be shared between threads. A context, a network, a parser and a lite engine belong to
 *     one thread at a time; make one context per thread.
 *   - Shapes: a dimension >= 0 is a count; -1 is the batch; -k is k times the batch.
 */
#ifndef FLOE_H
#define FLOE_H

#include "floe_base.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" */
FLOE_API const char *floe_version(void);

/* ---- types and shapes ------------------------------------------------------------------------------------------ */

#define FLOE_MAX_RANK 8

typedef enum floe_dtype {
    FLOE_FLOAT32 = 1,
    FLOE_FLOAT16,
    FLOE_BFLOAT16,
    FLOE_FLOAT64,
    FLOE_INT8,
    FLOE_UINT8,
    FLOE_INT16,
    FLOE_UINT16,
    FLOE_INT32,
    FLOE_UINT32,
    FLOE_INT64,
    FLOE_UINT64,
    FLOE_BOOL
} floe_dtype;

/* Bytes of one element, 0 for an unknown type; "f32" and so on, "none" for an unknown type. */
FLOE_API size_t      floe_dtype_bytes(floe_dtype dtype);
FLOE_API const char *floe_dtype_name(floe_dtype dtype);

typedef struct floe_dims {
    int     rank;
    int64_t d[FLOE_MAX_RANK];
} floe_dims;

/* Elements at this batch size. */
FLOE_API int64_t floe_dims_count(const floe_dims *dims, int64_t batch);

typedef enum floe_format { FLOE_NHWC, FLOE_NCHW } floe_format;

/* ---- memory that a call returns (TensorRT's IHostMemory) --------------------------------------------------------- */

typedef struct floe_blob floe_blob;
FLOE_API const void *floe_blob_data(const floe_blob *blob);
FLOE_API size_t      floe_blob_size(const floe_blob *blob);
/* Writes under a temporary name and renames: never a half-written file. */
FLOE_API floe_status floe_blob_save(const floe_blob *blob, const char *path, floe_error *err);
FLOE_API void        floe_blob_free(floe_blob *blob);

/* ---- 1. freeze --------------------------------------------------------------------------------------------------- */

typedef struct floe_freeze_options {
    const char        *prefix;     /* another checkpoint than the one the `checkpoint` state file names */
    const char        *graph;      /* GraphDef or MetaGraphDef file, where there is no .meta */
    const char *const *outputs;    /* names of output nodes */
    size_t             n_outputs;
    bool               prefer_ema; /* take <variable>/ExponentialMovingAverage where the checkpoint has it */
    const char        *signature;  /* SavedModel: signature key; NULL: serving_default or the only one */
    const char        *tags;       /* SavedModel: comma-separated tag set; NULL: serve */
} floe_freeze_options;

/* checkpoint: a folder, a prefix, one of a checkpoint's files, or a SavedModel folder. The blob is a binary GraphDef. */
FLOE_API floe_status floe_freeze(floe_blob **out, const floe_env *env, const char *checkpoint,
                                 const floe_freeze_options *options, floe_error *err);

/* ---- 2. convert to UFF ------------------------------------------------------------------------------------------- */

typedef struct floe_convert_options {
    const char *const *outputs; /* node names, or 1-based indices of the node list ("-1" the last); none: deduced */
    size_t             n_outputs;
    const char *const *inputs;  /* "name,new_name,dtype,dim1,dim2,...", as convert-to-uff -I */
    size_t             n_inputs;
    bool               quiet;   /* nothing at INFO */
    bool               debug;   /* trace at VERBOSE */
} floe_convert_options;

/* pb: a frozen GraphDef file. text may be NULL; else it gets the protobuf text form. */
FLOE_API floe_status floe_convert(floe_blob **uff, floe_blob **text, const floe_env *env, const char *pb,
                                  const floe_convert_options *options, floe_error *err);

/* ---- what is in a file ------------------------------------------------------------------------------------------- */

typedef struct floe_node_info {
    const char *name, *op;
} floe_node_info;
typedef struct floe_op_count {
    const char *op;
    size_t      count;
} floe_op_count;
typedef struct floe_tensor_info {
    const char *name;
    floe_dtype  dtype; /* 0: none of ours */
    bool        known; /* false: the rank is unknown */
    floe_dims   dims;  /* -1: unknown or batch */
} floe_tensor_info;
typedef struct floe_file_info {
    const char             *kind; /* "GraphDef", "MetaGraphDef", "UFF", "PLAN", "checkpoint V2", "checkpoint V1", "SavedModel" */
    uint64_t                file_bytes, weight_bytes;
    size_t                  n_nodes, n_ops, n_inputs, n_outputs, n_tensors, n_lines;
    const floe_node_info   *nodes;   /* graph nodes, UFF nodes, PLAN steps; file order */
    const floe_op_count    *ops;     /* most frequent first */
    const floe_tensor_info *inputs, *outputs;
    const floe_tensor_info *tensors; /* checkpoints: the variables */
    const char *const      *lines;   /* more, for people: versions, targets, steps with their tactics */
} floe_file_info;

/* Any file kind of ours, told by its content (a checkpoint also by its prefix or folder). */
FLOE_API floe_status floe_file_inspect(floe_file_info **out, const floe_env *env, const char *path, floe_error *err);
FLOE_API void        floe_file_info_free(floe_file_info *info);

/* ---- 3. a network ------------------------------------------------------------------------------------------------ */

typedef struct floe_network floe_network;
typedef struct floe_tensor  floe_tensor; /* belongs to its network */

FLOE_API floe_status floe_network_create(floe_network **out, const floe_env *env, floe_error *err);
FLOE_API void        floe_network_free(floe_network *network);

/* ---- 3a. from a UFF file or a frozen graph */

typedef enum floe_input_order { /* how the caller's buffer lies */
    FLOE_ORDER_GRAPH,           /* as the graph has it */
    FLOE_ORDER_NCHW,
    FLOE_ORDER_NHWC,
    FLOE_ORDER_NC
} floe_input_order;

typedef struct floe_uff_parser floe_uff_parser;
FLOE_API floe_status floe_uff_parser_create(floe_uff_parser **out, const floe_env *env, floe_error *err);
FLOE_API void        floe_uff_parser_free(floe_uff_parser *parser);
/* dims without the batch. With order NCHW an NHWC graph runs on CHW buffers, as TensorRT's parser does; with GRAPH, dims
 * given as C,H,W for an NHWC graph are taken for its H,W,C. An input never registered takes the graph's own shape. */
FLOE_API floe_status floe_uff_parser_register_input(floe_uff_parser *parser, const char *name, const floe_dims *dims,
                                                    floe_input_order order, floe_error *err);
/* The whole shape, batch included: nothing is dynamic. */
FLOE_API floe_status floe_uff_parser_register_input_shape(floe_uff_parser *parser, const char *name,
                                                          const floe_dims *dims, floe_error *err);
/* In addition to the outputs that a UFF file marks; for a frozen graph, instead of the nodes that nothing consumes. */
FLOE_API floe_status floe_uff_parser_register_output(floe_uff_parser *parser, const char *name, floe_error *err);
/* Above 1, a batch that the graph fixes at 1 is made dynamic. */
FLOE_API void        floe_uff_parser_set_max_batch_size(floe_uff_parser *parser, int64_t max_batch_size);
/* Each fills an empty network. parse tells UFF from frozen GraphDef by content. */
FLOE_API floe_status floe_uff_parser_parse(floe_uff_parser *parser, const char *path, floe_network *network,
                                           floe_error *err);
FLOE_API floe_status floe_uff_parser_parse_buffer(floe_uff_parser *parser, const void *data, size_t size,
                                                  floe_network *network, floe_error *err);

/* ---- 3b. by hand, layer by layer. Each call returns the new layer's output, or NULL after a failure; a NULL input passes
 * through as NULL, and floe_network_check (or the builder) tells the first failure. So a network is written straight
 * down. Weights are borrowed until the network is freed. */

typedef struct floe_weights {
    const void *values; /* NULL: absent */
    size_t      count;  /* elements of float32 (add_constant: of its dtype) */
} floe_weights;

typedef enum floe_padding { FLOE_PADDING_VALID, FLOE_PADDING_SAME, FLOE_PADDING_EXPLICIT } floe_padding;

typedef struct floe_convolution {
    int          outputs;      /* output channels; depthwise: channel multiplier (0: 1) */
    int          kernel[2];    /* height, width */
    int          stride[2];    /* 0: 1 */
    int          dilation[2];  /* 0: 1 */
    floe_padding padding;      /* TensorFlow's SAME: the odd pixel at the bottom and right */
    int          pad[4];       /* EXPLICIT: top, bottom, left, right */
    int          groups;       /* 0: 1 */
    floe_format  format;
    floe_weights filter;       /* [kh,kw,in/groups,out]; depthwise [kh,kw,in,multiplier]; transposed [kh,kw,out,in] */
    floe_weights bias;         /* [out], or absent */
    int          output[2];    /* transposed only: height, width of the result; 0: in*stride (SAME) or the least VALID one */
} floe_convolution;

typedef struct floe_pooling {
    bool         average;   /* else maximum; averages count only cells inside the picture */
    int          kernel[2];
    int          stride[2]; /* 0: as kernel */
    floe_padding padding;
    int          pad[4];
    floe_format  format;
} floe_pooling;

FLOE_API floe_tensor *floe_network_add_input(floe_network *n, const char *name, floe_dtype dtype, const floe_dims *dims);
FLOE_API floe_tensor *floe_network_add_constant(floe_network *n, floe_dtype dtype, const floe_dims *dims, floe_weights values);
FLOE_API floe_tensor *floe_network_add_convolution(floe_network *n, floe_tensor *x, const floe_convolution *c);
FLOE_API floe_tensor *floe_network_add_depthwise_convolution(floe_network *n, floe_tensor *x, const floe_convolution *c);
FLOE_API floe_tensor *floe_network_add_transposed_convolution(floe_network *n, floe_tensor *x, const floe_convolution *c);
/* Flattens all but the batch, then x * weights [in, outputs] + bias. */
FLOE_API floe_tensor *floe_network_add_fully_connected(floe_network *n, floe_tensor *x, int outputs, floe_weights weights, floe_weights bias);
FLOE_API floe_tensor *floe_network_add_matrix_multiply(floe_network *n, floe_tensor *a, bool transpose_a, floe_tensor *b, bool transpose_b);
FLOE_API floe_tensor *floe_network_add_pooling(floe_network *n, floe_tensor *x, const floe_pooling *p);
/* function: relu relu6 leaky_relu elu selu sigmoid tanh softplus softsign neg abs sqrt rsqrt square exp log floor ceil
 * reciprocal sin cos tan sinh cosh asin acos atan asinh acosh atanh silu; alpha: slope of leaky_relu. */
FLOE_API floe_tensor *floe_network_add_unary(floe_network *n, floe_tensor *x, const char *function, float alpha);
/* function: add sub mul div min max pow squared_difference; numpy broadcasting. */
FLOE_API floe_tensor *floe_network_add_elementwise(floe_network *n, floe_tensor *a, floe_tensor *b, const char *function);
/* Four weights of one value a channel; axis: the channels' (negative from the end). */
FLOE_API floe_tensor *floe_network_add_batch_norm(floe_network *n, floe_tensor *x, floe_weights scale, floe_weights offset,
                                                  floe_weights mean, floe_weights variance, float epsilon, int axis);
FLOE_API floe_tensor *floe_network_add_softmax(floe_network *n, floe_tensor *x, int axis);
/* function: sum prod max min mean. */
FLOE_API floe_tensor *floe_network_add_reduce(floe_network *n, floe_tensor *x, const char *function, const int *axes, int n_axes, bool keep_dims);
FLOE_API floe_tensor *floe_network_add_concatenation(floe_network *n, floe_tensor *const *x, int count, int axis);
FLOE_API floe_tensor *floe_network_add_reshape(floe_network *n, floe_tensor *x, const floe_dims *dims);
FLOE_API floe_tensor *floe_network_add_transpose(floe_network *n, floe_tensor *x, const int *perm);
/* rank values each */
FLOE_API floe_tensor *floe_network_add_padding(floe_network *n, floe_tensor *x, const int64_t *before, const int64_t *after, float value);
FLOE_API floe_tensor *floe_network_add_slice(floe_network *n, floe_tensor *x, const int64_t *begin, const int64_t *size, const int64_t *stride);
FLOE_API floe_tensor *floe_network_add_cast(floe_network *n, floe_tensor *x, floe_dtype dtype);
FLOE_API void         floe_network_mark_output(floe_network *n, floe_tensor *x, const char *name);
FLOE_API floe_dims    floe_tensor_dims(const floe_tensor *x);
FLOE_API const char  *floe_tensor_name(const floe_tensor *x); /* may be NULL */
/* The index-th input, of a hand-made or a parsed network; NULL past the last. */
FLOE_API floe_tensor *floe_network_input(const floe_network *n, int index);

/* The first failure since the network was made; FLOE_OK when there was none and an output is marked. */
FLOE_API floe_status floe_network_check(const floe_network *network, floe_error *err);
/* The network as text, one line per layer. */
FLOE_API floe_status floe_network_print(floe_blob **out, const floe_network *network, floe_error *err);

/* ---- 4. build ---------------------------------------------------------------------------------------------------- */

/* How a picture becomes the input tensor; travels in the PLAN. */
typedef struct floe_input_preprocess {
    bool            present;
    floe_format     format; /* of the input binding */
    floe_preprocess recipe; /* for floe_image_to_tensor (floe_image.h) */
} floe_input_preprocess;

/* What activations are stored in and products are computed with. Sums are float32 always. */
typedef enum floe_precision {
    FLOE_PRECISION_FP32,
    FLOE_PRECISION_TF32, /* GPUs from sm_80: products of float32 rounded to TF32's 10 bits of mantissa */
    FLOE_PRECISION_FP16, /* GPUs */
    FLOE_PRECISION_BF16  /* GPUs from sm_80 */
} floe_precision;

/* Whose kernels a GPU engine may be made of. */
enum { FLOE_SOURCE_OWN = 1, FLOE_SOURCE_CUDNN = 2, FLOE_SOURCE_CUBLASLT = 4 };

typedef struct floe_builder {
    int64_t            max_batch_size;     /* 0: 1 */
    uint64_t           max_workspace_size; /* bytes of scratch a tactic may use; 0: 1 MiB */
    int                threads;            /* 0: all processors this process may run on */
    const char        *isa;                /* CPU's cap: "scalar", "avx2", "avx512"; NULL: the machine's best */
    const char        *device;             /* "cpu", "cuda", "cuda:1" (the second GPU); NULL: cpu */
    const char        *target;             /* cuda: "sm_90" builds for that GPU by a cost model, without it; NULL: for the one here */
    uint32_t           sources;            /* cuda: FLOE_SOURCE_ bits of whose kernels may be taken; 0: our own */
    floe_precision     precision;
    bool               half_bindings;      /* with FP16 or BF16: float inputs and outputs are so too, not float32 */
    int                opt_level;          /* 0: all passes (default), -1: only what is needed to run */
    bool               no_timing;          /* by the cost model, or the first tactic that fits, instead of timing */
    const char        *timing_cache;       /* file, read and written; NULL: none */
    const char *const *skip_passes;
    size_t             n_skip_passes;
    const char *const *only_tactics;       /* substrings of tactic names to keep; the reference is always kept */
    size_t             n_only_tactics;
    const char *const *dump_after;         /* pass names, or "all" */
    size_t             n_dump_after;
    void (*dump)(void *user, const char *pass, const char *text);
    void              *dump_user;
    void (*progress)(void *user, size_t done, size_t total, const char *layer);
    void              *progress_user;
    floe_input_preprocess preprocess;
} floe_builder;

/* The PLAN bytes. The network is optimized in place and is of no further use than to be freed. */
FLOE_API floe_status floe_builder_build(floe_blob **plan, const floe_builder *builder, floe_network *network, floe_error *err);
/* Name and help of the i-th optimizer pass; NULL past the last. */
FLOE_API const char *floe_pass_name(size_t i);
FLOE_API const char *floe_pass_help(size_t i);

/* ---- 5. engines and contexts --------------------------------------------------------------------------------------- */

typedef struct floe_engine  floe_engine;
typedef struct floe_context floe_context;

typedef struct floe_binding {
    const char *name;
    floe_dtype  dtype;
    floe_dims   dims;
    bool        is_input;
} floe_binding;

/* device: "cpu", "cuda", "cuda:1" (the second GPU); NULL for what the PLAN was built for. */
FLOE_API floe_status floe_engine_load(floe_engine **out, const floe_env *env, const char *path, const char *device, floe_error *err);
/* data is copied. */
FLOE_API floe_status floe_engine_deserialize(floe_engine **out, const floe_env *env, const void *data, size_t size, const char *device, floe_error *err);
FLOE_API floe_status floe_engine_serialize(floe_blob **out, const floe_engine *engine, floe_error *err);
FLOE_API void        floe_engine_free(floe_engine *engine); /* after its contexts */

FLOE_API int                 floe_engine_binding_count(const floe_engine *engine);
FLOE_API const floe_binding *floe_engine_binding(const floe_engine *engine, int index); /* NULL out of range; inputs first */
FLOE_API int                 floe_engine_find_binding(const floe_engine *engine, const char *name); /* -1: none */
FLOE_API int64_t             floe_engine_max_batch_size(const floe_engine *engine);
/* The layer, input or output where items of a batch meet (a softmax over the batch, say), so that a batch cannot be run in
 * pieces; NULL when every item is computed by itself. */
FLOE_API const char         *floe_engine_mixes_items(const floe_engine *engine);
FLOE_API const floe_input_preprocess *floe_engine_preprocess(const floe_engine *engine); /* never NULL; see `present` */
/* Steps, for profiles: name of the layer, text of the operation, tactic. */
FLOE_API int         floe_engine_step_count(const floe_engine *engine);
FLOE_API const char *floe_engine_step_name(const floe_engine *engine, int step);
FLOE_API const char *floe_engine_step_tactic(const floe_engine *engine, int step);
FLOE_API double      floe_engine_step_flops(const floe_engine *engine, int step, int64_t batch);

/* threads 0: all processors this process may run on. */
FLOE_API floe_status floe_context_create(floe_context **out, const floe_engine *engine, int threads, floe_error *err);
FLOE_API void        floe_context_free(floe_context *context);
/* bindings[i]: buffer of binding i, row-major, large enough for `batch` (1 to the maximum). Allocates nothing.
 *
 * On a GPU NULL stands for the context's own device buffer (floe_context_device_buffer): it is used as it is, and nothing is
 * copied for that binding. On the CPU NULL is an error. */
FLOE_API floe_status floe_context_execute(floe_context *context, int64_t batch, void *const *bindings, floe_error *err);
/* The same in two halves: enqueue may return while the GPU is at work (on the CPU it returns when all is done), wait returns
 * when the outputs are there. In between the buffers, though not the array of them, are left untouched. One run at a time:
 * until wait, another enqueue, execute or profile of this context is refused. Where nothing is enqueued wait has nothing to
 * do. */
FLOE_API floe_status floe_context_enqueue(floe_context *context, int64_t batch, void *const *bindings, floe_error *err);
FLOE_API floe_status floe_context_wait(floe_context *context, floe_error *err);
/* Device address of binding i's buffer, large enough for the maximum batch; the context's. NULL on the CPU. */
FLOE_API void *floe_context_device_buffer(const floe_context *context, int binding);
/* Milliseconds of the last run's parts on the device's clock: inputs in, steps, outputs back. Each may be NULL. */
FLOE_API floe_status floe_context_times(const floe_context *context, double *upload_ms, double *compute_ms, double *download_ms,
                                        floe_error *err);
/* The same, step by step; ns: floe_engine_step_count entries. */
FLOE_API floe_status floe_context_profile(floe_context *context, int64_t batch, void *const *bindings, uint64_t *ns, floe_error *err);
/* Memory the context holds for activations and scratch. */
FLOE_API size_t floe_context_bytes(const floe_context *context);

/* ---- Lite: open a PLAN, infer, nothing else ------------------------------------------------------------------------ */

typedef struct floe_lite floe_lite;

typedef struct floe_lite_options {
    const char *device;
    int         threads;
    /* For a .pb or .uff instead of a PLAN: built in memory with these. */
    const floe_builder *builder;
    const char *const  *input_names; /* parallel to input_dims; batch excluded; may be empty */
    const floe_dims    *input_dims;
    size_t              n_inputs;
    /* input_dims include the batch, as arrays at hand do: the engine is built for exactly these shapes and its batch is 1.
     * Where the graph fixes its batch at 1 and all inputs hold more, the first dimension becomes the batch. */
    bool                whole_shapes;
    const char *const  *outputs; /* none: what nothing consumes, or what the UFF marks */
    size_t              n_outputs;
} floe_lite_options;

FLOE_API floe_status floe_lite_open(floe_lite **out, const floe_env *env, const char *path, const floe_lite_options *options, floe_error *err);
FLOE_API void        floe_lite_free(floe_lite *lite);
FLOE_API const floe_engine *floe_lite_engine(const floe_lite *lite);
FLOE_API floe_context      *floe_lite_context(floe_lite *lite); /* for profiles; belongs to lite */
/* inputs[i]: `batch` items for the i-th input binding. outputs[i] then points at the i-th output's values, which live until
 * the next call. Any batch: what exceeds the engine's maximum is run in pieces, unless floe_engine_mixes_items. */
FLOE_API floe_status floe_lite_infer(floe_lite *lite, int64_t batch, const void *const *inputs, const void **outputs, floe_error *err);

#ifdef __cplusplus
}
#endif
#endif
