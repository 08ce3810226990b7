/* plan_runner.h - loads a PLAN of unknown intent and, if it is let in, runs it: for mutation tests and the fuzzer. Nothing
 * here asserts; what goes wrong shows as a sanitizer's report or a crash. */
#ifndef TESTS_COMMON_PLAN_RUNNER_H
#define TESTS_COMMON_PLAN_RUNNER_H

#include <stdlib.h>
#include <string.h>

#include "plan_retarget.h"
#include "runtime/runtime.h"

enum {
    PLAN_RUNNER_BINDING_BYTES = 1 << 20, /* what a caller would give at most */
    PLAN_RUNNER_ARENA_BYTES = 1 << 22,
    PLAN_RUNNER_BINDINGS = 64
};
#define PLAN_RUNNER_FLOPS 3e6

typedef enum plan_runner_end {
    PLAN_RUNNER_REFUSED,
    PLAN_RUNNER_TOO_LARGE,
    PLAN_RUNNER_NO_ENGINE,
    PLAN_RUNNER_RAN
} plan_runner_end;

/* Work of a run, a sum over steps: operations and elements touched. */
static inline double plan_runner_work(const fl_plan_engine *e)
{
    double work = 0;

    for (uint32_t i = 0; i < e->n_steps && work <= PLAN_RUNNER_FLOPS; i++) {
        const fl_plan_step *s = &e->steps[i];
        fl_tensor_desc *in[PLAN_RUNNER_BINDINGS], *out[FL_MAX_OUTPUTS];
        fl_op_desc desc;
        if (s->n_in > PLAN_RUNNER_BINDINGS)
            return 2 * PLAN_RUNNER_FLOPS;
        fl_plan_step_desc(e, s, in, out, &desc);
        work += fl_op_def_of(s->op)->flops(&desc, e->max_batch);
        for (uint32_t k = 0; k < s->n_in; k++)
            work += in[k] ? (double)fl_tensor_elements_at(in[k], e->max_batch) : 0;
        for (uint32_t k = 0; k < s->n_out; k++)
            work += (double)fl_tensor_elements_at(out[k], e->max_batch);
    }
    return work;
}

static inline bool plan_runner_fits(const fl_plan *plan)
{
    for (uint32_t k = 0; k < plan->n_engines; k++) {
        const fl_plan_engine *e = &plan->engines[k];
        if (e->arena_bytes > PLAN_RUNNER_ARENA_BYTES || e->n_bindings > PLAN_RUNNER_BINDINGS ||
            plan_runner_work(e) > PLAN_RUNNER_FLOPS)
            return false;
        for (uint32_t i = 0; i < e->n_bindings; i++)
            if (fl_tensor_bytes_at(&e->tensors[e->bindings[i].tensor].desc, e->max_batch) > PLAN_RUNNER_BINDING_BYTES)
                return false;
    }
    return true;
}

/* Runs at batch 1 and at the largest, each binding in a buffer of exactly its size. */
static inline bool plan_runner_run(const fl_engine *engine, int threads)
{
    const fl_plan_engine *e = fl_engine_plan_engine(engine);
    const int64_t batches[] = {e->max_batch, 1};
    void *bindings[PLAN_RUNNER_BINDINGS] = {NULL};
    fl_context *context = NULL;
    bool ran = false;

    if (fl_context_create(&context, engine, threads, NULL) != FLOE_OK)
        return false;
    for (int b = 0; b < 2; b++) {
        for (uint32_t i = 0; i < e->n_bindings; i++) {
            const size_t bytes = fl_tensor_bytes_at(&e->tensors[e->bindings[i].tensor].desc, batches[b]);
            bindings[i] = malloc(bytes ? bytes : 1);
            if (bindings[i])
                memset(bindings[i], 1, bytes ? bytes : 1);
        }
        ran |= fl_context_run(context, batches[b], bindings, NULL) == FLOE_OK;
        for (uint32_t i = 0; i < e->n_bindings; i++)
            free(bindings[i]);
    }
    fl_context_free(context);
    return ran;
}

/* rank < 0: with the tactics that the plan names; else first moved to those of this rank (plan_retarget.h). */
static inline plan_runner_end plan_runner(const floe_env *env, const void *data, size_t size, int rank, floe_error *err)
{
    fl_plan *plan = NULL;
    fl_engine *engine = NULL;
    fl_buf text = fl_buf_make(NULL);
    plan_runner_end end = PLAN_RUNNER_NO_ENGINE;

    if (fl_plan_parse(&plan, env, data, size, "memory", err) != FLOE_OK)
        return PLAN_RUNNER_REFUSED;
    fl_plan_print(&text, plan); /* what is let in can be listed */
    fl_buf_free(&text);
    if (!plan_runner_fits(plan)) {
        fl_plan_free(plan);
        return PLAN_RUNNER_TOO_LARGE;
    }
    if (rank >= 0 && plan_retarget(plan, NULL, (size_t)rank) != FLOE_OK) {
        fl_plan_free(plan);
        return PLAN_RUNNER_NO_ENGINE;
    }
    if (fl_engine_create(&engine, NULL, plan, NULL, err) == FLOE_OK && plan_runner_run(engine, 1))
        end = PLAN_RUNNER_RAN;
    fl_engine_free(engine);
    return end;
}

#endif
