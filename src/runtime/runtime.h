/* runtime.h - engines and contexts: a plan is walked step by step, and nothing else happens.
 *
 * An engine (immutable, shared) is a plan, its backend's device and the weights made known to it. A context (mutable, one
 * per thread) is a stream, one arena and the steps resolved for the current batch. After fl_context_create a run
 * allocates, opens and formats nothing; a change of batch rewrites dims in place.
 */
#ifndef FL_RUNTIME_H
#define FL_RUNTIME_H

#include "backend/backend.h"
#include "plan/plan.h"

typedef struct fl_engine  fl_engine;
typedef struct fl_context fl_context;

/* Takes the plan over (freed with the engine, also when this fails). device: "cpu" or NULL for the plan's first engine. */
floe_status fl_engine_create(fl_engine **out, const floe_env *env, fl_plan *plan, const char *device, floe_error *err);
void        fl_engine_free(fl_engine *engine); /* after its contexts */
const fl_plan        *fl_engine_plan(const fl_engine *engine);
const fl_plan_engine *fl_engine_plan_engine(const fl_engine *engine);

floe_status fl_context_create(fl_context **out, const fl_engine *engine, int threads, floe_error *err); /* threads 0: all */
void        fl_context_free(fl_context *context);
/* bindings[i]: host buffer of binding i, dense, at least its bytes at this batch, aligned to its element. */
floe_status fl_context_run(fl_context *context, int64_t batch, void *const *bindings, floe_error *err);
/* The same, with the nanoseconds of each step; times has one entry per plan step. */
floe_status fl_context_profile(fl_context *context, int64_t batch, void *const *bindings, uint64_t *times, floe_error *err);
size_t      fl_context_bytes(const fl_context *context); /* device memory it holds */

#endif
