/* cpu_unary.c - tactics of unary: y = f(x) over f32 in one flat sweep, whatever the shape.
 *
 * A blocked image is swept with the zeros in its last block of channels; where f would turn those into something else
 * the tactic refuses.
 */
#include "backend/cpu/cpu_vector.h"
#include "backend/cpu/kernel/elementwise.h"

/* Elements a task: functions that compute are worth a thread sooner than those that only move. */
#define GRAIN_CHEAP  (FL_CPU_TASK_BYTES / 4)
#define GRAIN_COSTLY 2048
#define FUNC(name)   (1ull << FL_UNARY_##name)

static const uint64_t cheap = FUNC(NONE) | FUNC(RELU) | FUNC(RELU6) | FUNC(LEAKY_RELU) | FUNC(NEG) |
                              FUNC(ABS) | FUNC(SQUARE) | FUNC(FLOOR) | FUNC(CEIL);

typedef struct job {
    fl_unary_fn  fn;
    const float *x;
    float       *y;
    float        alpha;
} job;

static bool supports(const fl_op_desc *desc, const char **why_not)
{
    const fl_unary_params *p = &desc->p.unary;

    if (!fl_cpu_all_of(desc, FL_F32))
        return fl_cpu_refuse(why_not, "f32 only");
    if (fl_cpu_has_padding(desc->in[0]) && fl_unary_f32(p->func, p->alpha, 0.0f) != 0.0f)
        return fl_cpu_refuse(why_not, "the padding of a blocked tensor would not stay zero");
    return true;
}

static void sweep(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;

    (void)worker;
    j->fn(j->x + begin, j->y + begin, (size_t)(end - begin), j->alpha);
}

static floe_status run(const fl_elementwise *kernels, const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_unary_params *p = &step->desc->p.unary;
    const int64_t grain = cheap >> p->func & 1 ? GRAIN_CHEAP : GRAIN_COSTLY;
    job j = {kernels->unary[p->func], step->in[0], step->out[0], p->alpha};

    (void)err;
    fl_cpu_for(stream, fl_cpu_stored(step->desc->in[0]), 16, grain, sweep, &j);
    return FLOE_OK;
}

#define FL_SIMD(ISA, isa)                                                                                             \
    FL_CPU_SIMD_TACTIC(UNARY, unary, "cpu.unary.f32.vector", ISA, isa, supports, run, fl_f32_elementwise,             \
                       FL_CPU_NO_WORKSPACE, .in_place = 1)
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
