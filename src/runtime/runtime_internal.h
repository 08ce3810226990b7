/* runtime_internal.h - what engine.c and context.c share. */
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

/* fl_engine_create on a backend at hand; `spec` is the device to open. */
floe_status fl_engine_create_on(fl_engine **out, const floe_env *env, fl_plan *plan, const fl_backend *backend,
                                const char *spec, floe_error *err);

#endif
