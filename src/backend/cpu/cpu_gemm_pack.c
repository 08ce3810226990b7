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
    const fl_gemm_shape  *shape;
    const fl_gemm_source *from;
    float                *to;
} packing;

static void pack_sliver(void *arg, size_t task, size_t worker)
{
    const packing *p = arg;
    const fl_gemm_shape *s = p->shape;
    const fl_gemm_source *f = p->from;
    const int64_t slivers = fl_gemm_slivers(s), wide = s->kernel->columns;
    const int64_t group = (int64_t)task / slivers, column = (int64_t)task % slivers * wide;
    const int64_t n = s->columns - column < wide ? s->columns - column : wide;
    float *to = p->to + (int64_t)task * fl_gemm_sliver_floats(s);

    (void)worker;
    for (int64_t t = 0; t < s->taps; t++) {
        for (int64_t k = 0; k < s->depth; k++, to += wide) {
            const float *from = f->data + group * f->group + t * f->tap + k * f->depth + column * f->column;
            for (int64_t j = 0; j < n; j++)
                to[j] = from[j * f->column];
            for (int64_t j = n; j < wide; j++)
                to[j] = 0;
        }
    }
}

static void pack_b(const fl_gemm_shape *shape, const fl_gemm_source *from, float *to, fl_stream *stream)
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

static bool is_known(const fl_op_desc *desc, int slot)
{
    const fl_tensor_desc *t = fl_cpu_in(desc, slot);

    return !t || t->constant;
}

fl_gemm_parts fl_gemm_parts_of(const fl_gemm_shape *shape, const fl_op_desc *desc, int b_slot, int bias_slot)
{
    const size_t b = fl_gemm_b_floats(shape) * sizeof(float), bias = fl_gemm_bias_floats(shape) * sizeof(float);
    const bool b_known = is_known(desc, b_slot), bias_known = is_known(desc, bias_slot);

    return (fl_gemm_parts){b_known ? b : 0, bias_known ? bias : 0, b_known ? 0 : b, bias_known ? 0 : bias};
}

floe_status fl_gemm_pack(const fl_gemm_shape *shape, const fl_gemm_source *from, const fl_op_desc *desc, int b_slot,
                         int bias_slot, const void *const *consts, fl_buf *out, floe_error *err)
{
    const fl_gemm_parts parts = fl_gemm_parts_of(shape, desc, b_slot, bias_slot);
    fl_gemm_source source = *from;
    uint8_t *to = fl_buf_extend(out, fl_gemm_packed_bytes(&parts));

    if (!to)
        return fl_fail_memory(err, fl_gemm_packed_bytes(&parts), "packed weights");
    source.data = consts[b_slot];
    if (parts.packed_b)
        pack_b(shape, &source, (float *)(void *)to, NULL);
    if (parts.packed_bias)
        pack_bias(shape, fl_cpu_in(desc, bias_slot) ? consts[bias_slot] : NULL, (float *)(void *)(to + parts.packed_b));
    return FLOE_OK;
}

void fl_gemm_weights(fl_gemm_job *job, const fl_gemm_source *from, const fl_step *step, fl_stream *stream, int b_slot,
                     int bias_slot)
{
    const fl_gemm_parts parts = fl_gemm_parts_of(&job->shape, step->desc, b_slot, bias_slot);
    const uint8_t *packed = step->packed;
    uint8_t *workspace = step->workspace;
    fl_gemm_source source = *from;

    job->b = (const float *)(const void *)packed;
    job->bias = (const float *)(const void *)(packed + parts.packed_b);
    if (parts.workspace_b) {
        source.data = step->in[b_slot];
        pack_b(&job->shape, &source, (float *)(void *)workspace, stream);
        job->b = (const float *)(const void *)workspace;
    }
    if (parts.workspace_bias) {
        pack_bias(&job->shape, step->in[bias_slot], (float *)(void *)(workspace + parts.workspace_b));
        job->bias = (const float *)(const void *)(workspace + parts.workspace_b);
    }
}
