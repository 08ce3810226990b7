/* builder_internal.h - what the builder's files share: the state of one build. */
#ifndef FL_BUILDER_INTERNAL_H
#define FL_BUILDER_INTERNAL_H

#include "builder/builder.h"
#include "builder/timing_cache.h"

/* One future step: a layer, or a copy that a binding needs (then `layer` was made for it). */
typedef struct fl_build_step {
    fl_layer        *layer;
    const fl_tactic *tactic; /* NULL: the layer is elided, its output shares its input's bytes */
    size_t           workspace;
} fl_build_step;

typedef struct fl_build_state {
    const floe_env         *env;
    fl_arena                arena; /* of the build; the plan has its own */
    fl_network             *net;
    const fl_build_options *options;
    int64_t                 batch; /* max_batch */
    uint64_t                workspace_limit;
    const fl_backend       *backend;
    fl_device              *device;
    fl_device_info          info;
    fl_stream              *stream; /* NULL when the build is for a target that is not here */
    fl_timing_cache        *cache;
    fl_tensor             **tensors; /* by fl_tensor.id */
    uint32_t                n_tensors;
    fl_build_step          *steps;
    size_t                  n_steps;
    double                  total_ns, gain_ns; /* of the chosen; what a larger workspace would have saved */
    size_t                  gain_workspace;
} fl_build_state;

/* Chooses step->tactic and step->workspace for every step (builder_choose.c). */
floe_status fl_build_choose(fl_build_state *b, floe_error *err);
/* Storage, weights and everything else of the plan (builder_emit.c). */
floe_status fl_build_emit(fl_build_state *b, fl_plan *plan, floe_error *err);
/* Whether the layer only gives its input another shape or name. */
bool fl_build_is_copy(const fl_layer *layer);

#endif
