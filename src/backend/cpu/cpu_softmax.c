/* cpu_softmax.c - tactics of softmax along any axis of f32: x is [outer, n, inner]; slices are rows where inner is 1, else
 * columns, some at a time. */
#include "backend/cpu/cpu_vector.h"
#include "backend/cpu/kernel/softmax.h"

#define COLUMNS_A_PIECE 64
#define GRAIN           2048 /* elements a task */

typedef struct job {
    const fl_softmax_kernels *kernels;
    const float              *x;
    float                    *y;
    int64_t                   n, inner, pieces;
} job;

static bool supports(const fl_op_desc *desc, const char **why_not)
{
    return fl_cpu_all_plain(desc) || fl_cpu_refuse(why_not, "blocked layouts");
}

static void rows(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;

    (void)worker;
    j->kernels->rows(j->x + begin * j->n, j->y + begin * j->n, (size_t)(end - begin), (size_t)j->n);
}

static void columns(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;

    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const int64_t column = i % j->pieces * COLUMNS_A_PIECE, at = i / j->pieces * j->n * j->inner + column;
        const int64_t width = j->inner - column < COLUMNS_A_PIECE ? j->inner - column : COLUMNS_A_PIECE;
        j->kernels->columns(j->x + at, j->y + at, (size_t)j->n, (size_t)j->inner, (size_t)width);
    }
}

static floe_status run(const fl_softmax_kernels *kernels, const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_tensor_desc *x = step->desc->in[0];
    const int axis = step->desc->p.axis.axis;
    job j = {kernels, step->in[0], step->out[0], x->dim[axis], 1, 0};
    int64_t outer = 1;

    (void)err;
    if (fl_tensor_elements_at(x, 1) == 0)
        return FLOE_OK;
    for (int i = 0; i < axis; i++)
        outer *= x->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        j.inner *= x->dim[i];
    j.pieces = (j.inner + COLUMNS_A_PIECE - 1) / COLUMNS_A_PIECE;
    if (j.inner == 1)
        fl_cpu_for(stream, outer, 1, GRAIN / j.n, rows, &j);
    else
        fl_cpu_for(stream, outer * j.pieces, 1, GRAIN / COLUMNS_A_PIECE / j.n, columns, &j);
    return FLOE_OK;
}

#define FL_SIMD(ISA, isa)                                                                                             \
    FL_CPU_SIMD_TACTIC(SOFTMAX, softmax, "cpu.softmax.f32.vector", ISA, isa, supports, run, fl_f32_softmax,           \
                       FL_CPU_NO_WORKSPACE, .in_place = 1)
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
