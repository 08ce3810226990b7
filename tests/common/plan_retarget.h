/* plan_retarget.h - moves a plan's first engine from the reference tactics to those of the CPU backend, as the builder
 * would: packs constants, states workspaces. For hand-made plans, and for fuzzed ones that were verified. */
#ifndef TESTS_COMMON_PLAN_RETARGET_H
#define TESTS_COMMON_PLAN_RETARGET_H

#include <string.h>

#include "backend/backend.h"
#include "plan/plan.h"

enum { PLAN_RETARGET_SLOTS = 64, PLAN_RETARGET_TACTICS = 64 };

static inline const fl_tactic *plan_retarget_pick(fl_device *device, const fl_op_desc *desc, size_t rank)
{
    const fl_tactic_list list = fl_cpu_backend.tactics(device, desc->op);
    const fl_tactic *fits[PLAN_RETARGET_TACTICS];
    const char *why;
    fl_device_info info;
    size_t n = 0;

    fl_cpu_backend.describe(device, &info);
    for (size_t i = 0; i < list.count && n < PLAN_RETARGET_TACTICS; i++)
        if (list.items[i]->supports(desc, &info, &why))
            fits[n++] = list.items[i];
    return n ? fits[rank % n] : NULL;
}

/* Packs into plan->storage; constants are read at plan->weights, which stays where it is. */
static inline floe_status plan_retarget_step(fl_plan *plan, fl_plan_engine *e, fl_plan_step *s, fl_device *device,
                                             size_t rank)
{
    floe_status st = FLOE_OK;
    fl_tensor_desc *in[PLAN_RETARGET_SLOTS], *out[FL_MAX_OUTPUTS];
    const void *consts[PLAN_RETARGET_SLOTS] = {NULL};
    fl_buf packed = fl_buf_make(NULL);
    fl_device_info info;
    fl_op_desc desc;

    if (s->n_in > PLAN_RETARGET_SLOTS || s->taken)
        return FLOE_OK; /* stays as it is */
    fl_plan_step_desc(e, s, in, out, &desc);
    fl_cpu_backend.describe(device, &info);
    const fl_tactic *t = plan_retarget_pick(device, &desc, rank);
    if (!t)
        return FLOE_OK;
    s->tactic = t->name;
    s->workspace_bytes = t->workspace_bytes(&desc, &info, e->max_batch);
    s->packed_offset = s->packed_bytes = 0;
    for (uint32_t i = 0; t->pack && i < s->n_in && i < 32; i++)
        if ((t->packs >> i & 1) && in[i] && in[i]->constant) {
            consts[i] = plan->weights + e->tensors[s->in[i]].offset;
            s->taken |= 1u << i;
        }
    if (t->pack)
        FL_TRY(t->pack(&desc, consts, &packed, NULL));
    if (packed.size) {
        fl_put_zeros_to(&plan->storage, FL_ALIGN);
        s->packed_offset = plan->storage.size;
        s->packed_bytes = packed.size;
        fl_put_bytes(&plan->storage, packed.data, packed.size);
    }
    st = packed.failed || plan->storage.failed ? FLOE_ERR_MEMORY : FLOE_OK;
done:
    fl_buf_free(&packed);
    return st;
}

/* Of the tactics that support a step the one of this rank, counted round and round. */
static inline floe_status plan_retarget(fl_plan *plan, const char *isa, size_t rank)
{
    floe_status st = FLOE_OK;
    const fl_device_options options = {.threads = 1, .isa = isa};
    fl_plan_engine *e = &plan->engines[0];
    fl_buf before = plan->storage; /* may be where the weights are: freed when all is packed */
    fl_device *device = NULL;
    fl_device_info info;

    plan->storage = fl_buf_make(NULL);
    fl_put_bytes(&plan->storage, plan->weights, plan->weights_bytes);
    FL_TRY(fl_cpu_backend.open(&device, NULL, "cpu", &options, NULL));
    fl_cpu_backend.describe(device, &info);
    memcpy(e->target, info.target, sizeof e->target);
    e->workspace_bytes = 0;
    for (uint32_t i = 0; i < e->n_steps; i++) {
        fl_plan_step *s = &e->steps[i];
        FL_TRY(plan_retarget_step(plan, e, s, device, rank));
        e->workspace_bytes = s->workspace_bytes > e->workspace_bytes ? s->workspace_bytes : e->workspace_bytes;
    }
done:
    fl_cpu_backend.close(device);
    fl_buf_free(&before);
    plan->weights = plan->storage.data;
    plan->weights_bytes = plan->storage.size;
    return st;
}

#endif
