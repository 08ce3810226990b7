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

/* Takes the plan over (freed with the engine, also when this fails). device: "cpu", "cuda", "cuda:1", or NULL for the
 * first of the plan's engines whose backend this build has. */
floe_status fl_engine_create(fl_engine **out, const floe_env *env, fl_plan *plan, const char *device, floe_error *err);
void        fl_engine_free(fl_engine *engine); /* after its contexts */
const fl_plan        *fl_engine_plan(const fl_engine *engine);
const fl_plan_engine *fl_engine_plan_engine(const fl_engine *engine);

floe_status fl_context_create(fl_context **out, const fl_engine *engine, int threads, floe_error *err); /* threads 0: all */
void        fl_context_free(fl_context *context);
/* bindings[i]: host buffer of binding i, dense, at least its bytes at this batch, aligned to its element. Where device memory
 * is not host memory NULL stands for the context's own device buffer, and nothing is copied. */
floe_status fl_context_run(fl_context *context, int64_t batch, void *const *bindings, floe_error *err);
/* The same in two halves. In between the buffers belong to the context, and a second enqueue is refused. */
floe_status fl_context_enqueue(fl_context *context, int64_t batch, void *const *bindings, floe_error *err);
floe_status fl_context_wait(fl_context *context, floe_error *err); /* nothing enqueued: nothing to do */
/* A run with the nanoseconds of each step; times has one entry per plan step. */
floe_status fl_context_profile(fl_context *context, int64_t batch, void *const *bindings, uint64_t *times, floe_error *err);
/* Nanoseconds of the last run's parts: inputs to the device, steps, outputs back. */
floe_status fl_context_times(const fl_context *context, uint64_t ns[3], floe_error *err);
void       *fl_context_device_buffer(const fl_context *context, uint32_t binding); /* NULL where memory is the host's */
size_t      fl_context_bytes(const fl_context *context); /* device memory it holds */

#endif
