/* cpu.h - what the files of the CPU backend share: the device, the stream, scratch, the lists of tactics.
 *
 * A tactic's run() cuts its work into tasks and gives them to the stream's pool. How it cuts may depend on the number
 * of threads, but what is computed for an element, and in which order, may not. Memory for a run comes from two places:
 *
 *   workspace   step->workspace, of workspace_bytes(): one block for the step, independent of the threads
 *   scratch     fl_cpu_scratch(stream, worker): FL_CPU_SCRATCH bytes for each thread, for stripes and blocks
 *
 * Buffers of the caller are aligned to their element only; packed weights, workspace and scratch to FL_ALIGN.
 */
#ifndef FL_CPU_H
#define FL_CPU_H

#include "backend/backend.h"
#include "backend/cpu/cpu_isa.h"
#include "base/thread_pool.h"

#define FL_CPU_SCRATCH ((size_t)1 << 20)

struct fl_device {
    floe_env       env;
    fl_device_info info;
};

struct fl_stream {
    fl_device *device;
    fl_pool   *pool;
    size_t     threads;
    uint8_t   *scratch;  /* threads * FL_CPU_SCRATCH */
    uint64_t   marks[FL_MARKS];
};

static inline void *fl_cpu_scratch(const fl_stream *stream, size_t worker)
{
    return stream->scratch + worker * FL_CPU_SCRATCH;
}

/* The tactics of one operator, best guess first, reference last; see cpu_tactics.c. */
fl_tactic_list fl_cpu_tactics(fl_op_kind op);
/* cpu_ref.c: "cpu.<op>.any.ref" */
extern const fl_tactic fl_cpu_ref[FL_OP_COUNT];

/* ---- small things that every tactic needs */

/* For supports(): records why not and gives false. */
static inline bool fl_cpu_refuse(const char **why_not, const char *text)
{
    *why_not = text;
    return false;
}
/* Every input and output present is plain. */
bool fl_cpu_all_plain(const fl_op_desc *desc);
/* Every input and output present is of this type. */
bool fl_cpu_all_of(const fl_op_desc *desc, fl_dtype dtype);
/* A workspace_bytes() of nothing. */
size_t fl_cpu_no_workspace(const fl_op_desc *desc, const fl_device_info *device, int64_t batch);

static inline const fl_tensor_desc *fl_cpu_in(const fl_op_desc *desc, int slot)
{
    return slot < desc->n_in ? desc->in[slot] : NULL;
}
/* Whether a packed form can hold an input: it is constant, or absent. */
static inline bool fl_cpu_is_known(const fl_op_desc *desc, int slot)
{
    const fl_tensor_desc *t = fl_cpu_in(desc, slot);

    return !t || t->constant;
}
/* The data of an input that may be absent. */
static inline const void *fl_cpu_data(const fl_step *step, int slot)
{
    return fl_cpu_in(step->desc, slot) ? step->in[slot] : NULL;
}

/* Nanoseconds of a clock that only goes forward. */
uint64_t fl_cpu_now(void);

#endif
