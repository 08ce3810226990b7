/* cpu_concat.c - tactic of concat: any number of inputs of any type along any axis.
 *
 * Seen from y, a concat is `outer` rows, each the inputs' runs one after the other:
 *
 *     y:  | in0 run | in1 run | in2 | in0 run | in1 run | in2 | ...        outer = product of the axes before
 *
 * The threads take ranges of y's bytes, wherever those begin and end; a range finds its first row by division and its first
 * run by walking the inputs. Nothing is stored about the inputs, so there may be any number of them.
 */
#include "backend/cpu/cpu_copy.h"

typedef struct job {
    const fl_step *step;
    int64_t        row; /* bytes of a row of y */
    uint8_t       *y;
    int64_t        inner; /* bytes of one place along the axis */
    int            axis;
} job;

static bool supports(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return fl_cpu_all_plain(desc) || fl_cpu_refuse(why_not, "blocked layouts");
}

static int64_t run_bytes(const job *j, int slot)
{
    return j->step->desc->in[slot]->dim[j->axis] * j->inner;
}

static void join(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;
    int64_t outer = begin / j->row, skip = begin % j->row; /* skip: from the start of the current run */
    int slot = 0;

    (void)worker;
    for (int64_t at = begin; at < end;) {
        const int64_t run = run_bytes(j, slot);
        if (skip < run) {
            const int64_t n = end - at < run - skip ? end - at : run - skip;
            fl_cpu_copy_few(j->y + at, (const uint8_t *)j->step->in[slot] + outer * run + skip, n);
            at += n;
            skip += n;
        }
        skip -= run;
        if (++slot == j->step->desc->n_in) {
            slot = 0;
            outer++;
        }
    }
}

static floe_status run(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_tensor_desc *y = step->desc->out[0];
    job j = {step, 0, step->out[0], (int64_t)fl_dtype_bytes(y->dtype), step->desc->p.axis.axis};
    const int64_t total = (int64_t)fl_tensor_bytes_at(y, 1);

    (void)err;
    if (total == 0)
        return FLOE_OK;
    for (int i = j.axis + 1; i < y->rank; i++)
        j.inner *= y->dim[i];
    j.row = j.inner * y->dim[j.axis];
    fl_cpu_for(stream, total, 64, FL_CPU_TASK_BYTES, join, &j);
    return FLOE_OK;
}

const fl_tactic fl_cpu_concat_copy = {.name = "cpu.concat.any.copy", .op = FL_OP_CONCAT, .supports = supports, .run = run,
                                      FL_CPU_NO_WORKSPACE};
