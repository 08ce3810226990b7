/* cpu_vector.h - what the tactics that stream through tensors share: cutting work into tasks, and one tactic for each
 * instruction set out of one piece of code. They walk with the views of op/op_loops.h.
 *
 * A family of kernels is a table of functions, one table for each row of kernel/simd.def. A tactic file writes its
 * supports and run once, with the table as an argument, and expands FL_SIMD to tactics named after the rows:
 *
 *     #define FL_SIMD(ISA, isa) FL_CPU_SIMD_TACTIC(UNARY, unary, "cpu.unary.f32.vector", ISA, isa, supports, run, ...)
 *     #include "backend/cpu/kernel/simd.def"
 */
#ifndef FL_CPU_VECTOR_H
#define FL_CPU_VECTOR_H

#include "backend/cpu/cpu.h"
#include "op/op_loops.h"

/* ---- work into tasks */

typedef void (*fl_range_fn)(void *arg, int64_t begin, int64_t end, size_t worker);

/* Runs fn over [0, n), cut into ranges of at least about `grain` items for the stream's threads; ranges begin at
 * multiples of `unit`. Small work is one range, run by the caller. What is computed for an item must not depend on the
 * range it is in. */
void fl_cpu_for(const fl_stream *stream, int64_t n, int64_t unit, int64_t grain, fl_range_fn fn, void *arg);

/* Items that move so many bytes each are worth a task from here on (a few microseconds of memory traffic). */
#define FL_CPU_TASK_BYTES 65536
static inline int64_t fl_cpu_grain(int64_t item_bytes)
{
    return item_bytes >= FL_CPU_TASK_BYTES ? 1 : FL_CPU_TASK_BYTES / (item_bytes > 0 ? item_bytes : 1);
}

/* ---- tactics, one for each row of simd.def */

/* Channels of the block in a blocked layout; 1 for plain. */
static inline int64_t fl_cpu_block(const fl_tensor_desc *t)
{
    return t->layout == FL_LAYOUT_C8 ? 8 : t->layout == FL_LAYOUT_C16 ? 16 : 1;
}
/* Whether the last block of a blocked tensor has channels past C, which must stay zero. */
static inline bool fl_cpu_has_padding(const fl_tensor_desc *t)
{
    return t->layout != FL_LAYOUT_PLAIN && t->dim[3] % fl_cpu_block(t) != 0;
}
/* Elements in memory, those of the padding included; dims resolved. */
static inline int64_t fl_cpu_stored(const fl_tensor_desc *t)
{
    return (int64_t)(fl_tensor_bytes_at(t, 1) / fl_dtype_bytes(t->dtype));
}

/* For supports(): whether the device has the instructions. */
bool fl_cpu_reaches(const fl_device_info *device, fl_cpu_isa isa, const char **why_not);

/* A tactic of one level: `supports_fn(desc, why_not)` and `run_fn(table, step, stream, err)` are common to all. */
#define FL_CPU_SIMD_TACTIC(kind, tactic, method, ISA, isa, supports_fn, run_fn, table, ...)                           \
    static bool tactic##_supports_##isa(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)   \
    {                                                                                                                 \
        return fl_cpu_reaches(device, FL_CPU_##ISA, why_not) && supports_fn(desc, why_not);                           \
    }                                                                                                                 \
    static floe_status tactic##_run_##isa(const fl_step *step, fl_stream *stream, floe_error *err)                    \
    {                                                                                                                 \
        return run_fn(&table##__##isa, step, stream, err);                                                            \
    }                                                                                                                 \
    const fl_tactic fl_cpu_##tactic##_##isa = {.name = method "." #isa,                                               \
                                               .op = FL_OP_##kind,                                                    \
                                               .level = FL_CPU_##ISA,                                                 \
                                               .supports = tactic##_supports_##isa,                                   \
                                               .run = tactic##_run_##isa,                                             \
                                               __VA_ARGS__};

#define FL_CPU_NO_WORKSPACE .workspace_bytes = fl_cpu_no_workspace

/* Elements in a row of work that stays in the L1 cache between two passes over it. */
#define FL_CPU_CHUNK 2048
/* Rows shorter than this are gathered, so many elements at a time, before a kernel is called. */
#define FL_CPU_SHORT_ROW 64
#define FL_CPU_GATHERED  1024

#endif
