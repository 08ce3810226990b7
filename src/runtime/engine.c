/* engine.c - a plan meets the machine: which of its engines runs here, and by which functions.
 *
 * The plan was verified when it was loaded: its tables make sense among themselves. What it could not know is this
 * build. So each step's tactic is looked up by name and asked again what the builder asked: does it support the step,
 * which constants does it take, how many bytes do they pack to, may the output lie where an input lies? Only when every
 * answer is the one that the plan was built on do kernels get to see it; they check nothing. A plan made with intent to
 * harm can thus choose among sound steps, and no more.
 *
 * Workspace is not taken from the plan but asked for anew: it is this build's kernels that will use it.
 *
 * An engine never changes once it is made, so any number of contexts in any number of threads may share it.
 */
#include "runtime/runtime_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- which backend, which engine */

/* "cuda:1" -> "cuda" */
static void backend_of(char *name, size_t size, const char *spec)
{
    snprintf(name, size, "%.*s", (int)strcspn(spec, ":"), spec);
}

static floe_status find_backend(const fl_plan *plan, const char *device, const fl_backend **out, const char **spec,
                                floe_error *err)
{
    char name[32];

    if (device) {
        backend_of(name, sizeof name, device);
        *out = fl_backend_find(name);
        *spec = device;
        if (!*out)
            return fl_fail(err, FLOE_ERR_ARGUMENT, "device '%s': this build of floe has no such backend; it has %s", device,
                           fl_backend_names());
        return FLOE_OK;
    }
    for (uint32_t i = 0; i < plan->n_engines; i++) {
        *out = fl_backend_find(plan->engines[i].backend);
        *spec = plan->engines[i].backend;
        if (*out)
            return FLOE_OK;
    }
    return fl_fail(err, FLOE_ERR_TARGET, "the plan was built for %s, which this build of floe does not have",
                   plan->n_engines ? plan->engines[0].backend : "nothing");
}

/* Of the device's backend the engine that was built for its very target, else the first of those built for a target it
 * accepts; else the first refusal. */
static floe_status choose_engine(fl_engine *engine, floe_error *err)
{
    const fl_plan *plan = engine->plan;
    floe_status first = FLOE_OK;
    fl_device_info info;

    engine->backend->describe(engine->device, &info);
    for (uint32_t i = 0; i < plan->n_engines && !engine->e; i++)
        if (!strcmp(plan->engines[i].backend, engine->backend->name) && !strcmp(plan->engines[i].target, info.target))
            engine->e = &plan->engines[i];
    for (uint32_t i = 0; i < plan->n_engines && !engine->e; i++) {
        const fl_plan_engine *e = &plan->engines[i];
        if (strcmp(e->backend, engine->backend->name) != 0)
            continue;
        floe_error refusal;
        const floe_status st = engine->backend->accepts(engine->device, e->target, &refusal);
        if (st == FLOE_OK) {
            engine->e = e;
            return FLOE_OK;
        }
        if (first == FLOE_OK) {
            first = st;
            if (err)
                *err = refusal;
        }
    }
    if (engine->e || first != FLOE_OK)
        return first;
    return fl_fail(err, FLOE_ERR_TARGET, "the plan holds no engine for %s; its first is for %s (%s)",
                   engine->backend->name, plan->engines[0].backend, plan->engines[0].target);
}

/* ---- does the tactic agree with the step */

/* What the builder lets pack() take: constant slots in the tactic's mask. */
static uint32_t slots_to_take(const fl_tactic *tactic, const fl_op_desc *desc)
{
    uint32_t taken = 0;

    for (int k = 0; tactic->pack && k < desc->n_in && k < 32; k++)
        if ((tactic->packs >> k & 1) && desc->in[k] && desc->in[k]->constant)
            taken |= 1u << k;
    return taken;
}

static floe_status check_packed(const fl_plan_step *step, const fl_tactic *tactic, const fl_op_desc *desc,
                                floe_error *err)
{
    floe_status st = FLOE_OK;
    const uint32_t taken = slots_to_take(tactic, desc);

    if (step->taken != taken)
        FL_FAIL(err, FLOE_ERR_FORMAT, "inputs 0x%x are packed; tactic '%s' packs 0x%x", (unsigned)step->taken,
                tactic->name, (unsigned)taken);
    if (tactic->pack && !tactic->packed_bytes)
        FL_FAIL(err, FLOE_ERR_VERSION, "tactic '%s' does not tell the size of its packed weights", tactic->name);
    const size_t bytes = tactic->pack ? tactic->packed_bytes(desc) : 0;
    if (step->packed_bytes != bytes)
        FL_FAIL(err, FLOE_ERR_VERSION, "%llu bytes of packed weights; this build's tactic '%s' has %zu: build the plan "
                "again", (unsigned long long)step->packed_bytes, tactic->name, bytes);
done:
    return st;
}

static bool same_place(const fl_plan_engine *e, uint32_t a, uint32_t b)
{
    const fl_plan_tensor *x = &e->tensors[a], *y = &e->tensors[b];
    return x->place == y->place && x->offset == y->offset && fl_tensor_bytes_at(&x->desc, e->max_batch) > 0;
}

/* Outputs lie clear of inputs (verified with the plan) or exactly on one: then the tactic must allow it. */
static floe_status check_in_place(const fl_plan_engine *e, const fl_plan_step *step, const fl_tactic *tactic,
                                  floe_error *err)
{
    for (uint32_t o = 0; o < step->n_out; o++)
        for (uint32_t k = 0; k < step->n_in; k++) {
            const bool read = step->in[k] != FL_PLAN_NONE && !(k < 32 && (step->taken >> k & 1));
            const bool allowed = o == 0 && k < 32 && (tactic->in_place >> k & 1);
            if (read && !allowed && same_place(e, step->out[o], step->in[k]))
                return fl_fail(err, FLOE_ERR_FORMAT, "output %u lies where input %u does; tactic '%s' cannot work in "
                               "place there", (unsigned)o, (unsigned)k, tactic->name);
        }
    return FLOE_OK;
}

static floe_status bind_step(fl_engine *engine, const fl_device_info *info, const fl_plan_step *step,
                             const fl_tactic **out, const fl_op_desc *desc, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *why = "no reason given";
    const fl_tactic *tactic = fl_tactic_find(engine->backend, engine->device, step->op, step->tactic);

    if (!tactic || tactic->op != step->op)
        FL_FAIL(err, FLOE_ERR_VERSION, "tactic '%s' for %s is not in this build of floe: build the plan again",
                step->tactic, fl_op_def_of(step->op)->name);
    if (!tactic->supports(desc, info, &why))
        FL_FAIL(err, FLOE_ERR_TARGET, "tactic '%s' cannot run this step on %s: %s", step->tactic, info->target, why);
    FL_TRY(check_packed(step, tactic, desc, err));
    FL_TRY(check_in_place(engine->e, step, tactic, err));
    const size_t workspace = tactic->workspace_bytes(desc, info, engine->e->max_batch);
    engine->workspace_bytes = workspace > engine->workspace_bytes ? workspace : engine->workspace_bytes;
    *out = tactic;
done:
    return st;
}

static floe_status bind_steps(fl_engine *engine, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_plan_engine *e = engine->e;
    fl_device_info info;
    fl_op_desc desc;
    fl_tensor_desc **in = NULL, *out[FL_MAX_OUTPUTS];
    size_t most = 1;

    engine->backend->describe(engine->device, &info);
    for (uint32_t i = 0; i < e->n_steps; i++)
        most = e->steps[i].n_in > most ? e->steps[i].n_in : most;
    in = fl_calloc(engine->env, most, sizeof *in);
    engine->tactics = fl_calloc(engine->env, e->n_steps, sizeof *engine->tactics);
    FL_NEED(in && engine->tactics, e->n_steps * sizeof *engine->tactics, "the tactics of an engine", err);
    for (uint32_t i = 0; i < e->n_steps; i++) {
        fl_plan_step_desc(e, &e->steps[i], in, out, &desc);
        st = bind_step(engine, &info, &e->steps[i], &engine->tactics[i], &desc, err);
        if (st != FLOE_OK) {
            fl_error_prefix(err, "step %u '%s'", (unsigned)i, e->steps[i].name);
            goto done;
        }
    }
done:
    fl_free(engine->env, in);
    return st;
}

/* ---- the whole */

static floe_status import_weights(fl_engine *engine, floe_error *err)
{
    static const _Alignas(FL_ALIGN) uint8_t nothing[FL_ALIGN]; /* empty tensors have an address too */
    floe_status st = FLOE_OK;

    engine->weights = nothing;
    if (engine->plan->weights_bytes == 0)
        goto done;
    FL_TRY(engine->backend->import_weights(engine->device, &engine->weights, engine->plan->weights,
                                           engine->plan->weights_bytes, err));
    engine->imported = true;
done:
    return st;
}

floe_status fl_engine_create_on(fl_engine **out, const floe_env *env, fl_plan *plan, const fl_backend *backend,
                                const char *spec, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_engine *engine = fl_calloc(env, 1, sizeof *engine);

    if (!engine)
        fl_plan_free(plan);
    FL_NEED(engine, sizeof *engine, "an engine", err);
    engine->env = env;
    engine->plan = plan;
    engine->backend = backend;
    FL_TRY(backend->open(&engine->device, env, spec, NULL, err));
    FL_TRY(choose_engine(engine, err));
    FL_TRY(bind_steps(engine, err));
    FL_TRY(import_weights(engine, err));
    *out = engine;
    engine = NULL;
done:
    fl_engine_free(engine);
    return st;
}

floe_status fl_engine_create(fl_engine **out, const floe_env *env, fl_plan *plan, const char *device, floe_error *err)
{
    const fl_backend *backend = NULL;
    const char *spec = NULL;
    const floe_status st = find_backend(plan, device, &backend, &spec, err);

    if (st != FLOE_OK) {
        fl_plan_free(plan);
        return st;
    }
    return fl_engine_create_on(out, env, plan, backend, spec, err);
}

void fl_engine_free(fl_engine *engine)
{
    if (!engine)
        return;
    if (engine->imported)
        engine->backend->release_weights(engine->device, engine->weights);
    if (engine->device)
        engine->backend->close(engine->device);
    fl_free(engine->env, engine->tactics);
    fl_plan_free(engine->plan);
    fl_free(engine->env, engine);
}

const fl_plan *fl_engine_plan(const fl_engine *engine) { return engine->plan; }

const fl_plan_engine *fl_engine_plan_engine(const fl_engine *engine) { return engine->e; }
