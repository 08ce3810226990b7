/* cpu_gemm_pack.c - filters and biases in the form the kernels of the matrix product read, at build time where they are
 * constant and into the workspace of each run where not.
 */
#include "backend/cpu/cpu_gemm.h"

#include <string.h>

int64_t fl_gemm_slivers(const fl_gemm_shape *s)
{
    return (s->columns + s->kernel->columns - 1) / s->kernel->columns;
}

int64_t fl_gemm_sliver_floats(const fl_gemm_shape *s)
{
    return s->taps * s->depth * s->kernel->columns;
}

size_t fl_gemm_b_floats(const fl_gemm_shape *s)
{
    return fl_round_up((size_t)(s->groups * fl_gemm_slivers(s) * fl_gemm_sliver_floats(s)), FL_ALIGN / sizeof(float));
}

size_t fl_gemm_bias_floats(const fl_gemm_shape *s)
{
    return fl_round_up((size_t)(s->groups * fl_gemm_slivers(s) * s->kernel->columns), FL_ALIGN / sizeof(float));
}

typedef struct packing {
    const fl_gemm_shape *shape;
    const float         *from;
    float               *to;
} packing;

static void pack_sliver(void *arg, size_t task, size_t worker)
{
    const packing *p = arg;
    const fl_gemm_shape *s = p->shape;
    const int64_t slivers = fl_gemm_slivers(s), wide = s->kernel->columns;
    const int64_t group = (int64_t)task / slivers, column = (int64_t)task % slivers * wide;
    const int64_t n = s->columns - column < wide ? s->columns - column : wide;
    float *to = p->to + (int64_t)task * fl_gemm_sliver_floats(s);

    (void)worker;
    for (int64_t t = 0; t < s->taps; t++) {
        for (int64_t k = 0; k < s->depth; k++, to += wide) {
            const float *from =
                p->from + group * s->group_step + t * s->tap_step + k * s->depth_step + column * s->column_step;
            for (int64_t j = 0; j < n; j++)
                to[j] = from[j * s->column_step];
            for (int64_t j = n; j < wide; j++)
                to[j] = 0;
        }
    }
}

static void pack_b(const fl_gemm_shape *shape, const float *from, float *to, fl_stream *stream)
{
    packing p = {shape, from, to};
    const size_t used = (size_t)(shape->groups * fl_gemm_slivers(shape) * fl_gemm_sliver_floats(shape));

    fl_pool_run(stream ? stream->pool : NULL, pack_sliver, &p, (size_t)(shape->groups * fl_gemm_slivers(shape)));
    for (size_t i = used; i < fl_gemm_b_floats(shape); i++)
        to[i] = 0;
}

static void pack_bias(const fl_gemm_shape *s, const float *bias, float *to)
{
    const int64_t wide = fl_gemm_slivers(s) * s->kernel->columns;

    memset(to, 0, fl_gemm_bias_floats(s) * sizeof *to);
    for (int64_t g = 0; bias && g < s->groups; g++)
        memcpy(to + g * wide, bias + g * s->columns, (size_t)s->columns * sizeof *to);
}

/* ---- of a step */

typedef struct parts {
    size_t packed_b, packed_bias, workspace_b, workspace_bias; /* bytes; one of each pair is 0 */
} parts;

static parts parts_of(const fl_gemm_shape *shape, const fl_op_desc *desc)
{
    const size_t b = fl_gemm_b_floats(shape) * sizeof(float), bias = fl_gemm_bias_floats(shape) * sizeof(float);
    const bool b_known = fl_cpu_is_known(desc, FL_SLOT_WEIGHTS), bias_known = fl_cpu_is_known(desc, FL_SLOT_BIAS);

    return (parts){b_known ? b : 0, bias_known ? bias : 0, b_known ? 0 : b, bias_known ? 0 : bias};
}

size_t fl_gemm_packed_bytes(fl_gemm_shape shape, const fl_op_desc *desc)
{
    const parts p = parts_of(&shape, desc);

    return p.packed_b + p.packed_bias;
}

size_t fl_gemm_workspace_bytes(fl_gemm_shape shape, const fl_op_desc *desc)
{
    const parts p = parts_of(&shape, desc);

    return p.workspace_b + p.workspace_bias;
}

floe_status fl_gemm_pack(fl_gemm_shape shape, const fl_op_desc *desc, const void *const *consts, fl_buf *out,
                         floe_error *err)
{
    const parts p = parts_of(&shape, desc);
    uint8_t *to = fl_buf_extend(out, p.packed_b + p.packed_bias);

    if (!to)
        return fl_fail_memory(err, p.packed_b + p.packed_bias, "packed weights");
    if (p.packed_b)
        pack_b(&shape, consts[FL_SLOT_WEIGHTS], (float *)(void *)to, NULL);
    if (p.packed_bias)
        pack_bias(&shape, fl_cpu_in(desc, FL_SLOT_BIAS) ? consts[FL_SLOT_BIAS] : NULL,
                  (float *)(void *)(to + p.packed_b));
    return FLOE_OK;
}

void fl_gemm_weights(fl_gemm_job *job, const fl_step *step, fl_stream *stream)
{
    const parts p = parts_of(&job->shape, step->desc);
    const uint8_t *packed = step->packed;
    uint8_t *workspace = step->workspace;

    job->b = (const float *)(const void *)packed;
    job->bias = (const float *)(const void *)(packed + p.packed_b);
    if (p.workspace_b) {
        pack_b(&job->shape, step->in[FL_SLOT_WEIGHTS], (float *)(void *)workspace, stream);
        job->b = (const float *)(const void *)workspace;
    }
    if (p.workspace_bias) {
        pack_bias(&job->shape, step->in[FL_SLOT_BIAS], (float *)(void *)(workspace + p.workspace_b));
        job->bias = (const float *)(const void *)(workspace + p.workspace_b);
    }
}
