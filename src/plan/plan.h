/* plan.h - the PLAN: what the compile half hands to the run half, in memory and as a file.
 *
 * A plan is flat: tensors with a place each, steps in running order, bindings, and one block of packed weights. All
 * cleverness is in the builder; a plan is data only. docs/plan-format.md describes the bytes: versioned, checksummed,
 * mappable (weights aligned to 64), deterministic.
 *
 * Several engines (targets) may share one file and its weights: a plan is a list of fl_plan_engine.
 */
#ifndef FL_PLAN_H
#define FL_PLAN_H

#include "base/arena.h"
#include "base/file.h"
#include "op/op.h"

#define FL_PLAN_MAGIC   "FLOEPLAN" /* the first 8 bytes of the file */
#define FL_PLAN_VERSION 1

/* Where a tensor's bytes are while the engine runs. */
typedef enum fl_plan_place {
    FL_PLACE_ARENA,   /* offset into the context's arena */
    FL_PLACE_BINDING, /* offset = binding index: the caller's buffer */
    FL_PLACE_WEIGHTS  /* offset into the weights section: a constant used as it is; one that every reader has taken into
                       * its packed weights has an offset (0, say) but no bytes there */
} fl_plan_place;

typedef struct fl_plan_tensor {
    const char    *name;
    fl_tensor_desc desc; /* dims may be dynamic */
    fl_plan_place  place;
    uint64_t       offset;
} fl_plan_tensor;

#define FL_PLAN_NONE UINT32_MAX

typedef struct fl_plan_step {
    const char  *name; /* layer name */
    fl_op_kind   op;
    fl_op_params p;
    const char  *tactic; /* full name; its first word is the backend */
    uint32_t     n_in, n_out;
    uint32_t    *in;  /* tensor indices; FL_PLAN_NONE: absent */
    uint32_t    *out;
    uint32_t     taken;         /* bit i: input slot i was consumed by pack; its values are not in the file */
    uint64_t     packed_offset; /* into the weights section */
    uint64_t     packed_bytes;  /* 0: nothing packed */
    uint64_t     workspace_bytes; /* at max_batch */
} fl_plan_step;

typedef struct fl_plan_binding {
    const char *name;
    uint32_t    tensor;
    bool        is_input;
} fl_plan_binding;

typedef struct fl_plan_engine {
    char             target[32];  /* what it was built for; see fl_device_info */
    char             backend[16]; /* "cpu" */
    int64_t          max_batch;
    bool             batched;     /* some dim depends on the batch */
    const char      *mixes;       /* once verified: the step or binding where items of a batch meet; NULL: none does */
    uint64_t         arena_bytes; /* at max_batch */
    uint64_t         workspace_bytes; /* the largest step's */
    fl_plan_tensor  *tensors;
    uint32_t         n_tensors;
    fl_plan_step    *steps;
    uint32_t         n_steps;
    fl_plan_binding *bindings; /* inputs first */
    uint32_t         n_bindings;
} fl_plan_engine;

/* How pictures become the input tensor; stored for `infer`. */
typedef enum fl_plan_channels { FL_CHANNELS_RGB, FL_CHANNELS_BGR } fl_plan_channels;
/* How many methods floe_resize_method has; its numbers are the PLAN's. */
#define FL_RESIZE_ONE(id, name, call) +1
enum { FL_RESIZE_COUNT = 0 FLOE_RESIZE_LIST(FL_RESIZE_ONE) };
#undef FL_RESIZE_ONE
typedef struct fl_plan_preprocess {
    bool    present;
    int32_t channels; /* fl_plan_channels */
    int32_t resize;   /* floe_resize_method */
    int32_t format;   /* fl_format of the input binding */
    float   mean[4], scale[4]; /* value = (pixel - mean) * scale */
} fl_plan_preprocess;

typedef struct fl_plan {
    const floe_env    *env;
    fl_arena           arena; /* everything below */
    fl_file            file;  /* mapped, or empty */
    fl_plan_engine    *engines;
    uint32_t           n_engines;
    fl_plan_preprocess preprocess;
    const char        *producer; /* "floe 0.1.0" */
    const uint8_t     *weights;  /* the weights section: in the mapping, or in `storage` */
    uint64_t           weights_bytes;
    fl_buf             storage;  /* the builder's weights, or an aligned copy; freed with the plan */
} fl_plan;

/* The bytes of the file; weights are appended from plan->weights. Deterministic. */
floe_status fl_plan_write(fl_buf *out, const fl_plan *plan, floe_error *err);
/* Maps and verifies: magic, version, sizes, section bounds, checksums (weights included), every index, offset and enum, every
 * step re-inferred through its op definition and compared with the stored shapes, every arena extent inside arena_bytes
 * at max_batch, every packed range inside the weights. What is loaded can be run without further checks (tactics are
 * looked up by the runtime). The sentence starts with the path. */
floe_status fl_plan_load(fl_plan **out, const floe_env *env, const char *path, floe_error *err);
/* From memory (FL_ALIGN-aligned for in-place use, else the weights are copied); data must outlive the plan. */
floe_status fl_plan_parse(fl_plan **out, const floe_env *env, const void *data, size_t size, const char *name, floe_error *err);
floe_status fl_plan_create(fl_plan **out, const floe_env *env, floe_error *err); /* empty, for the builder */
void        fl_plan_free(fl_plan *plan);
/* One line per engine, binding, step (op text, tactic, bytes) and tensor; for `floe info` and dumps. */
void fl_plan_print(fl_buf *out, const fl_plan *plan);

/* Builds the fl_op_desc of a step over the engine's tensor descs; in/out arrays of n_in/n_out pointers are the caller's. */
void fl_plan_step_desc(const fl_plan_engine *e, const fl_plan_step *s, fl_tensor_desc **in, fl_tensor_desc **out, fl_op_desc *desc);

#endif
