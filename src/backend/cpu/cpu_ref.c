/* cpu_ref.c - every operator's reference as its tactic of last resort, and small helpers of the tactics.
 *
 * One thread, plain C, double sums: slow, but there is no operator, type or shape that it cannot run. It knows plain
 * layouts only; reorder, whose business layouts are, knows all.
 */
#include "backend/cpu/cpu.h"

#include <time.h>

static bool is_plain(const fl_tensor_desc *t)
{
    return !t || t->layout == FL_LAYOUT_PLAIN;
}

bool fl_cpu_all_plain(const fl_op_desc *desc)
{
    for (int i = 0; i < desc->n_in; i++)
        if (!is_plain(desc->in[i]))
            return false;
    for (int i = 0; i < desc->n_out; i++)
        if (!is_plain(desc->out[i]))
            return false;
    return true;
}

bool fl_cpu_all_of(const fl_op_desc *desc, fl_dtype dtype)
{
    for (int i = 0; i < desc->n_in; i++)
        if (desc->in[i] && desc->in[i]->dtype != dtype)
            return false;
    for (int i = 0; i < desc->n_out; i++)
        if (desc->out[i] && desc->out[i]->dtype != dtype)
            return false;
    return true;
}

size_t fl_cpu_no_workspace(const fl_op_desc *desc, const fl_device_info *device, int64_t batch)
{
    (void)desc;
    (void)device;
    (void)batch;
    return 0;
}

uint64_t fl_cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool supports(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (desc->op != FL_OP_REORDER && !fl_cpu_all_plain(desc))
        return fl_cpu_refuse(why_not, "blocked layouts");
    if (!fl_op_ref_takes(desc))
        return fl_cpu_refuse(why_not, "half precision");
    return true;
}

static floe_status run(const fl_step *step, fl_stream *stream, floe_error *err)
{
    (void)stream;
    return fl_op_def_of(step->desc->op)->ref(step->desc, step->in, step->out, err);
}

const fl_tactic fl_cpu_ref[FL_OP_COUNT] = {
#define FL_OP(kind, text)                                   \
    [FL_OP_##kind] = {.name = "cpu." #text ".any.ref",      \
                      .op = FL_OP_##kind,                   \
                      .supports = supports,                 \
                      .workspace_bytes = fl_cpu_no_workspace, \
                      .run = run},
#include "op/op.def"
#undef FL_OP
};
