/* runtime_internal.h - what engine.c, context.c and context_run.c share. */
#ifndef FL_RUNTIME_INTERNAL_H
#define FL_RUNTIME_INTERNAL_H

#include "runtime/runtime.h"

struct fl_engine {
    const floe_env        *env;
    fl_plan               *plan;
    const fl_plan_engine  *e;       /* the one of the plan's engines that is run */
    const fl_backend      *backend;
    fl_device             *device;
    const fl_tactic      **tactics; /* by step */
    const void            *weights; /* on the device; never NULL */
    bool                   imported;
    size_t                 workspace_bytes; /* the largest step's, by the tactics of this build */
};

/* A slot of a step that points into the caller's buffers: filled in for each run. */
typedef struct fl_patch {
    const void **in;  /* the slot: one of the two */
    void       **out;
    uint32_t     binding;
} fl_patch;

/* Where device memory is not host memory: a binding on the device, and in pinned memory on the way there. */
typedef struct fl_staging {
    void *device, *host;
} fl_staging;

struct fl_context {
    const fl_engine *engine;
    fl_arena         tables; /* host memory of everything below but device memory */
    fl_stream       *stream;
    fl_program      *program;
    fl_tensor_desc  *descs;  /* by plan tensor, at the current batch */
    fl_op_desc      *ops;    /* by step */
    fl_step         *steps;
    fl_patch        *patches;
    size_t           n_patches;
    fl_staging      *staging; /* by binding; NULL where device memory is host memory */
    uint8_t         *arena;
    void            *workspace;
    size_t           bytes;   /* of device memory */
    int64_t          batch;   /* that descs and program are made for; 0: none */
    void           **outputs; /* by binding: where the enqueued run's outputs go; NULL: nowhere */
    bool             busy;    /* enqueued, not waited for */
    bool             timed;   /* the marks are those of a whole run */
};

static inline bool fl_context_uses_staging(const fl_context *c) { return !c->engine->backend->host_memory; }
static inline size_t fl_context_binding_bytes(const fl_context *c, uint32_t index, int64_t batch)
{
    const fl_plan_engine *e = c->engine->e;
    return fl_tensor_bytes_at(&e->tensors[e->bindings[index].tensor].desc, batch);
}
/* Writes the dims and has the backend prepare for them. */
floe_status fl_context_write_batch(fl_context *c, int64_t batch, floe_error *err);

/* fl_engine_create on a backend at hand; `spec` is the device to open. */
floe_status fl_engine_create_on(fl_engine **out, const floe_env *env, fl_plan *plan, const fl_backend *backend,
                                const char *spec, floe_error *err);

#endif
