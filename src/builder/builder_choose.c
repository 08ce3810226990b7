/* builder_choose.c - the fastest tactic for each step.
 *
 * A step's candidates are its operator's tactics in list order, less those that do not support it or that the caller
 * filtered out. The reference, last in every list, stands in only where nothing else does: timing it would take longer than
 * everything else together. Candidates are timed at the maximum batch with their weights packed and cold; equal problems are
 * timed once. Among candidates within 2 % of the best the first in the list wins, so noise does not reshuffle engines.
 * Where nothing may be timed, or the device to build for is not here, the tactics' own cost models decide, and without one
 * the order of the list.
 * Candidates that want more workspace than allowed are timed too, so that the build can say what a larger one would
 * bring.
 */
#include "builder/builder_internal.h"

#include "base/half.h"

#include <string.h>

typedef struct candidate {
    const fl_tactic *tactic;
    size_t           workspace;
    uint64_t         ns;
    bool             over; /* wants more workspace than allowed */
} candidate;

#define MAX_CANDIDATES 64

static bool is_reference(const fl_tactic *t)
{
    const size_t n = strlen(t->name);
    return n > 4 && !strcmp(t->name + n - 4, ".ref");
}

static bool kept_by_user(const fl_build_state *b, const fl_tactic *t)
{
    for (size_t i = 0; i < b->options->n_only; i++)
        if (strstr(t->name, b->options->only_tactics[i]))
            return true;
    return b->options->n_only == 0 || is_reference(t);
}

/* Those of lower instruction sets are not worth the time it takes to time them. */
static size_t drop_lower_levels(candidate *c, size_t n)
{
    int level = 0;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!c[i].over && c[i].tactic->level > level)
            level = c[i].tactic->level;
    for (size_t i = 0; i < n; i++)
        if (c[i].tactic->level >= level)
            c[kept++] = c[i];
    return kept;
}

/* Of the words of "cuda.conv2d.f16.cudnn_12" the fourth says whose kernel it is. */
static fl_tactic_source source_of(const fl_tactic *t)
{
    static const char *const words[FL_SOURCE_COUNT] = {[FL_SOURCE_CUDNN] = "cudnn", [FL_SOURCE_CUBLASLT] = "cublaslt"};
    const char *word = t->name;

    for (int dots = 0; dots < 3 && word; dots++) {
        word = strchr(word, '.');
        word = word ? word + 1 : NULL;
    }
    for (int s = 0; s < FL_SOURCE_COUNT && word; s++)
        if (words[s] && !strncmp(word, words[s], strlen(words[s])))
            return (fl_tactic_source)s;
    return FL_SOURCE_OWN;
}

/* A device without sources, the CPU, has nothing to choose there. */
static bool source_allowed(const fl_build_state *b, const fl_tactic *t)
{
    return b->info.sources == 0 || (b->info.sources >> source_of(t) & 1);
}

static size_t candidates_of(fl_build_state *b, const fl_layer *layer, candidate *out)
{
    const fl_tactic_list list = b->backend->tactics(b->device, layer->desc.op);
    size_t n = 0;
    for (size_t i = 0; i < list.count && n < MAX_CANDIDATES; i++) {
        const fl_tactic *t = list.items[i];
        const char *why = "";
        if (!kept_by_user(b, t) || !source_allowed(b, t) || (is_reference(t) && n > 0))
            continue;
        if (!t->supports(&layer->desc, &b->info, &why)) {
            fl_log(b->env, FLOE_SEVERITY_VERBOSE, "  %-44s refused: %s", t->name, why);
            continue;
        }
        const size_t workspace = t->workspace_bytes(&layer->desc, &b->info, b->batch);
        out[n++] = (candidate){t, workspace, 0, workspace > b->workspace_limit};
    }
    n = drop_lower_levels(out, n);
    /* All want too much workspace: the reference, if there is one, still runs. */
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || !out[i].over;
    if (!any && list.count && n && n < MAX_CANDIDATES && is_reference(list.items[list.count - 1])) {
        const fl_tactic *ref = list.items[list.count - 1];
        const char *why;
        if (ref->supports(&layer->desc, &b->info, &why))
            out[n++] = (candidate){ref, 0, 0, false};
    }
    return n;
}

/* ---- a step set up for timing */

typedef struct trial {
    fl_op_desc       desc;
    fl_tensor_desc  *descs;
    void           **device; /* blocks to give back */
    size_t           n_device;
    const void     **in;
    void           **out;
} trial;

/* Numbers between -1 and 1 without denormals (zeros would flatter a GPU, which they keep cool); integers, which may be
 * indices, are zero. */
static void fill(void *data, size_t bytes, fl_dtype dtype)
{
    const bool half = dtype == FL_F16 || dtype == FL_BF16;
    const size_t n = dtype == FL_F32 ? bytes / 4 : half ? bytes / 2 : 0;
    uint32_t state = 12345;
    memset(data, 0, bytes);
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        const float v = (float)(int32_t)state / 2147483648.0f;
        if (dtype == FL_F32)
            ((float *)data)[i] = v;
        else
            ((uint16_t *)data)[i] = dtype == FL_F16 ? fl_half_from_float(v) : fl_bfloat_from_float(v);
    }
}

static floe_status device_copy(fl_build_state *b, trial *t, const void *host, size_t bytes, void **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    FL_TRY(b->backend->alloc(b->device, out, bytes ? bytes : 1, err));
    t->device[t->n_device++] = *out;
    if (host) {
        FL_TRY(b->backend->upload(b->stream, *out, host, bytes, err));
        FL_TRY(b->backend->wait(b->stream, err)); /* host may go after this */
    }
done:
    return st;
}

static void trial_free(fl_build_state *b, trial *t)
{
    for (size_t i = 0; i < t->n_device; i++)
        b->backend->free(b->device, t->device[i]);
    t->n_device = 0;
}

/* Device buffers for every slot. Constants carry their values, other inputs made-up ones. */
static floe_status trial_make(fl_build_state *b, const fl_layer *layer, trial *t, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n_in = (size_t)layer->desc.n_in, n_out = (size_t)layer->desc.n_out;
    memset(t, 0, sizeof *t);
    t->desc = layer->desc;
    t->descs = fl_arena_calloc(&b->arena, n_in + n_out, sizeof *t->descs);
    t->device = fl_arena_calloc(&b->arena, n_in + n_out + 1, sizeof *t->device);
    t->in = fl_arena_calloc(&b->arena, n_in, sizeof *t->in);
    t->out = fl_arena_calloc(&b->arena, n_out, sizeof *t->out);
    t->desc.in = fl_arena_calloc(&b->arena, n_in, sizeof *t->desc.in);
    t->desc.out = fl_arena_calloc(&b->arena, n_out, sizeof *t->desc.out);
    FL_NEED(t->descs && t->device && t->in && t->out && t->desc.in && t->desc.out, n_in, "a timing", err);
    for (size_t k = 0; k < n_in + n_out; k++) {
        const fl_tensor *x = k < n_in ? layer->in[k] : layer->out[k - n_in];
        if (!x)
            continue;
        t->descs[k] = fl_tensor_at(&x->desc, b->batch);
        const size_t bytes = fl_tensor_bytes_at(&x->desc, b->batch);
        void *block, *made = NULL;
        if (k < n_in && !x->data) {
            made = fl_alloc(b->env, bytes);
            FL_NEED(made, bytes, "a timing", err);
            fill(made, bytes, x->desc.dtype);
        }
        st = device_copy(b, t, k < n_in ? (x->data ? x->data : made) : NULL, bytes, &block, err);
        fl_free(b->env, made);
        if (st != FLOE_OK)
            goto done;
        if (k < n_in) {
            t->in[k] = block;
            t->desc.in[k] = &t->descs[k];
        } else {
            t->out[k - n_in] = block;
            t->desc.out[k - n_in] = &t->descs[k];
        }
    }
done:
    if (st != FLOE_OK)
        trial_free(b, t);
    return st;
}

static floe_status time_candidate(fl_build_state *b, const fl_layer *layer, trial *t, candidate *c, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf packed = fl_buf_make(b->env);
    const void *consts[8] = {NULL};
    const void *weights = NULL;
    void *workspace = NULL;
    for (int k = 0; k < layer->desc.n_in && k < 8; k++)
        consts[k] = layer->in[k] && (c->tactic->packs >> k & 1) ? layer->in[k]->data : NULL;
    if (c->tactic->pack) {
        FL_TRY(c->tactic->pack(&t->desc, consts, &packed, err));
        FL_NEED(!packed.failed, packed.size, "packed weights", err);
    }
    if (packed.size)
        FL_TRY(b->backend->import_weights(b->device, &weights, packed.data, packed.size, err));
    if (c->workspace)
        FL_TRY(b->backend->alloc(b->device, &workspace, c->workspace, err));
    const fl_step step = {&t->desc, c->tactic, t->in, t->out, weights, workspace};
    FL_TRY(b->backend->time(b->stream, &step, &c->ns, err));
done:
    if (workspace)
        b->backend->free(b->device, workspace);
    if (weights)
        b->backend->release_weights(b->device, weights);
    fl_buf_free(&packed);
    return st;
}

/* ---- the choice */

static floe_status time_all(fl_build_state *b, const fl_layer *layer, const char *problem, candidate *c, size_t n, floe_error *err)
{
    floe_status st = FLOE_OK;
    trial t = {0};
    bool made = false;
    for (size_t i = 0; i < n; i++) {
        const bool known = fl_timing_cache_find(b->cache, problem, c[i].tactic->name, &c[i].ns);
        if (!known && !made) {
            FL_TRY(trial_make(b, layer, &t, err));
            made = true;
        }
        if (!known) {
            FL_TRY(time_candidate(b, layer, &t, &c[i], err));
            FL_TRY(fl_timing_cache_add(b->cache, problem, c[i].tactic->name, c[i].ns, err));
        }
        fl_log(b->env, FLOE_SEVERITY_VERBOSE, "  %-44s %10.3f us%s%s", c[i].tactic->name, (double)c[i].ns / 1e3,
               known ? " (cached)" : "", c[i].over ? " refused: wants a larger workspace" : "");
    }
done:
    if (made)
        trial_free(b, &t);
    return st;
}

/* The first of the allowed ones within 2 % of the best of them. */
static const candidate *pick(const candidate *c, size_t n, bool over)
{
    const candidate *best = NULL;
    for (size_t i = 0; i < n; i++)
        if (c[i].over <= over && (!best || c[i].ns < best->ns))
            best = &c[i];
    for (size_t i = 0; best && i < n; i++)
        if (c[i].over <= over && (double)c[i].ns <= 1.02 * (double)best->ns)
            return &c[i];
    return best;
}

/* Least expected time; of tactics without a cost model, and among equals, the first in the list. */
static const candidate *pick_untimed(const fl_build_state *b, const fl_layer *layer, const candidate *c, size_t n)
{
    const candidate *best = NULL, *first = NULL;
    uint64_t least = 0;
    for (size_t i = 0; i < n; i++) {
        if (c[i].over)
            continue;
        first = first ? first : &c[i];
        if (!c[i].tactic->cost)
            continue;
        const uint64_t ns = c[i].tactic->cost(&layer->desc, &b->info, b->batch);
        fl_log(b->env, FLOE_SEVERITY_VERBOSE, "  %-44s %10.3f us by the cost model", c[i].tactic->name, (double)ns / 1e3);
        if (!best || ns < least) {
            best = &c[i];
            least = ns;
        }
    }
    return best ? best : first;
}

static floe_status choose_step(fl_build_state *b, fl_build_step *step, bool *none, floe_error *err)
{
    floe_status st = FLOE_OK;
    candidate c[MAX_CANDIDATES];
    fl_buf problem = fl_buf_make(b->env);
    const candidate *best = NULL;
    fl_log(b->env, FLOE_SEVERITY_VERBOSE, "%s (%s)", step->layer->name, fl_op_def_of(step->layer->desc.op)->name);
    const size_t n = candidates_of(b, step->layer, c);
    size_t allowed = 0;
    for (size_t i = 0; i < n; i++)
        allowed += !c[i].over;
    *none = allowed == 0;
    if (*none)
        goto done;
    if (b->options->no_timing || b->options->target || n == 1) {
        best = pick_untimed(b, step->layer, c, n);
        fl_log(b->env, FLOE_SEVERITY_VERBOSE, "  %-44s taken untimed", best->tactic->name);
    } else {
        fl_op_desc_text(&problem, &step->layer->desc, b->batch);
        fl_put_u8(&problem, 0);
        FL_NEED(!problem.failed, problem.size, "a problem's text", err);
        FL_TRY(time_all(b, step->layer, (const char *)problem.data, c, n, err));
        best = pick(c, n, false);
        const candidate *any = pick(c, n, true);
        b->total_ns += (double)best->ns;
        if (any->over && any->ns < best->ns) {
            b->gain_ns += (double)(best->ns - any->ns);
            b->gain_workspace = any->workspace > b->gain_workspace ? any->workspace : b->gain_workspace;
        }
    }
    step->tactic = best->tactic;
    step->workspace = best->workspace;
done:
    fl_buf_free(&problem);
    return st;
}

floe_status fl_build_choose(fl_build_state *b, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf missing = fl_buf_make(b->env);
    size_t n_missing = 0;
    for (size_t i = 0; i < b->n_steps; i++) {
        bool none = false;
        const fl_layer *layer = b->steps[i].layer;
        if (b->options->progress)
            b->options->progress(b->options->progress_user, i, b->n_steps, layer->name);
        FL_TRY(choose_step(b, &b->steps[i], &none, err));
        if (none) {
            fl_put_format(&missing, "%s%s (%s)", n_missing ? ", " : "", layer->name, fl_op_def_of(layer->desc.op)->name);
            n_missing++;
        }
    }
    fl_put_u8(&missing, 0);
    if (n_missing)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%zu layers have no tactic on %s that fits: %.800s", n_missing, b->info.target,
                missing.failed ? "?" : (const char *)missing.data);
done:
    fl_buf_free(&missing);
    return st;
}
