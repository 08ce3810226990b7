/* plan.c - the life of a plan in memory, and its listing for people.
 *
 * A plan owns one arena (tables, names), perhaps a mapped file and perhaps a buffer of weights. `weights` points into
 * one of the latter two, or into memory that the caller of fl_plan_parse keeps.
 *
 * The listing has one fact a line and is stable: tests/format/read_plan.py prints the same from the bytes alone. Names
 * come from files, so control characters in them are shown as '?', one line stays one line.
 */
#include "plan/plan_format.h"

#include <inttypes.h>
#include <string.h>

floe_status fl_plan_create(fl_plan **out, const floe_env *env, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_plan *plan = fl_calloc(env, 1, sizeof *plan);

    FL_NEED(plan, sizeof *plan, "a plan", err);
    plan->env = env;
    fl_arena_init(&plan->arena, env);
    plan->storage = fl_buf_make(env);
    plan->producer = "";
    *out = plan;
done:
    return st;
}

void fl_plan_free(fl_plan *plan)
{
    if (!plan)
        return;
    fl_file_unmap(&plan->file);
    fl_buf_free(&plan->storage);
    fl_arena_free(&plan->arena);
    fl_free(plan->env, plan);
}

void fl_plan_step_desc(const fl_plan_engine *e, const fl_plan_step *s, fl_tensor_desc **in, fl_tensor_desc **out,
                       fl_op_desc *desc)
{
    for (uint32_t i = 0; i < s->n_in; i++)
        in[i] = s->in[i] == FL_PLAN_NONE ? NULL : &e->tensors[s->in[i]].desc;
    for (uint32_t i = 0; i < s->n_out; i++)
        out[i] = &e->tensors[s->out[i]].desc;
    *desc = (fl_op_desc){.op = s->op, .p = s->p, .n_in = (int)s->n_in, .n_out = (int)s->n_out, .in = in, .out = out};
}

/* ---- listing */

static void put_name(fl_buf *out, const char *name)
{
    for (const char *c = name; *c; c++)
        fl_put_u8(out, (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : (uint8_t)*c);
}

static void put_indices(fl_buf *out, const char *what, const uint32_t *index, uint32_t n)
{
    fl_put_format(out, " %s=", what);
    for (uint32_t i = 0; i < n; i++) {
        fl_put_text(out, i ? "," : "");
        if (index[i] == FL_PLAN_NONE)
            fl_put_text(out, "-");
        else
            fl_put_format(out, "%" PRIu32, index[i]);
    }
}

static void put_floats(fl_buf *out, const char *what, const float *v, size_t n)
{
    fl_put_format(out, " %s=", what);
    for (size_t i = 0; i < n; i++)
        fl_put_format(out, "%s%.9g", i ? "," : "", (double)v[i]);
}

static void put_preprocess(fl_buf *out, const fl_plan_preprocess *p)
{
    static const char *const channels[] = {[FL_CHANNELS_RGB] = "rgb", [FL_CHANNELS_BGR] = "bgr"};
#define RESIZE_NAME(id, name, call) [id] = name,
    static const char *const resize[] = {FLOE_RESIZE_LIST(RESIZE_NAME)};
#undef RESIZE_NAME
    static const char *const format[] = {[FL_NHWC] = "nhwc", [FL_NCHW] = "nchw"};

    if (!p->present)
        return;
    fl_put_format(out, "preprocess channels=%s resize=%s format=%s", channels[p->channels], resize[p->resize],
                  format[p->format]);
    put_floats(out, "mean", p->mean, 4);
    put_floats(out, "scale", p->scale, 4);
    fl_put_text(out, "\n");
}

static void put_binding(fl_buf *out, const fl_plan_engine *e, uint32_t index)
{
    char text[FL_TENSOR_TEXT];
    const fl_plan_binding *b = &e->bindings[index];

    fl_put_format(out, "  %s %" PRIu32 " ", b->is_input ? "input" : "output", index);
    put_name(out, b->name);
    fl_put_format(out, ": %s tensor=%" PRIu32 "\n", fl_tensor_text(&e->tensors[b->tensor].desc, text, sizeof text),
                  b->tensor);
}

/* in, out: room for the step's slots. */
static void put_step(fl_buf *out, const fl_plan_engine *e, uint32_t index, fl_tensor_desc **in, fl_tensor_desc **outs)
{
    const fl_plan_step *s = &e->steps[index];
    fl_op_desc desc;

    fl_plan_step_desc(e, s, in, outs, &desc);
    fl_put_format(out, "  step %" PRIu32 " ", index);
    put_name(out, s->name);
    fl_put_text(out, ": ");
    fl_op_desc_text(out, &desc, 0);
    fl_put_text(out, " | ");
    put_name(out, s->tactic);
    put_indices(out, "in", s->in, s->n_in);
    put_indices(out, "out", s->out, s->n_out);
    fl_put_format(out, " taken=%" PRIx32 " packed=%" PRIu64 "@%" PRIu64 " workspace=%" PRIu64 "\n", s->taken,
                  s->packed_bytes, s->packed_offset, s->workspace_bytes);
}

static void put_tensor(fl_buf *out, const fl_plan_engine *e, uint32_t index)
{
    static const char *const place[] = {
        [FL_PLACE_ARENA] = "arena", [FL_PLACE_BINDING] = "binding", [FL_PLACE_WEIGHTS] = "weights"};
    char text[FL_TENSOR_TEXT];
    const fl_plan_tensor *t = &e->tensors[index];

    fl_put_format(out, "  tensor %" PRIu32 " ", index);
    put_name(out, t->name);
    fl_put_format(out, ": %s%s %s=%" PRIu64 "\n", fl_tensor_text(&t->desc, text, sizeof text),
                  t->desc.constant ? "c" : "", place[t->place], t->offset);
}

static void put_engine(fl_buf *out, const fl_plan *plan, uint32_t index)
{
    const fl_plan_engine *e = &plan->engines[index];
    uint32_t most = FL_MAX_OUTPUTS;

    fl_put_format(out, "engine %" PRIu32 " backend=%s target=%s max_batch=%" PRId64 " batched=%s arena=%" PRIu64
                  " workspace=%" PRIu64 "\n", index, e->backend, e->target, e->max_batch, e->batched ? "yes" : "no",
                  e->arena_bytes, e->workspace_bytes);
    for (uint32_t i = 0; i < e->n_bindings; i++)
        put_binding(out, e, i);
    for (uint32_t i = 0; i < e->n_steps; i++)
        most = e->steps[i].n_in > most ? e->steps[i].n_in : most;
    fl_tensor_desc **in = fl_calloc(plan->env, (size_t)most + FL_MAX_OUTPUTS, sizeof *in);
    if (in)
        for (uint32_t i = 0; i < e->n_steps; i++)
            put_step(out, e, i, in, in + most);
    else
        out->failed = true;
    fl_free(plan->env, in);
    for (uint32_t i = 0; i < e->n_tensors; i++)
        put_tensor(out, e, i);
}

void fl_plan_print(fl_buf *out, const fl_plan *plan)
{
    fl_put_format(out, "plan version=%d engines=%" PRIu32 " weights=%" PRIu64 " producer=", FL_PLAN_VERSION,
                  plan->n_engines, plan->weights_bytes);
    put_name(out, plan->producer);
    fl_put_text(out, "\n");
    put_preprocess(out, &plan->preprocess);
    for (uint32_t i = 0; i < plan->n_engines; i++)
        put_engine(out, plan, i);
}
