/* cuda_cost.c - what a step should take on a kind of GPU, for builds without it and for the order in which tactics are
 * tried.
 *
 *     launch + max(operations / rate, bytes / bandwidth)
 *
 * Weights come from memory. Activations come from the L2 and stay there if inputs and outputs together take no more than
 * half of it: then the step before wrote them there. Rates are those of the GPU in the table (cuda_target.c), in proportion
 * to the multiprocessors that this one has.
 *
 * A grid too small for all multiprocessors, tiles that do not divide the shape, and kernels that are simply slower are the
 * tactic's to know: its scales say how much longer its arithmetic and its traffic take.
 */
#include "backend/cuda/cuda_core.h"

#define LAUNCH_NS 1100.0 /* a kernel node among others in a graph, on an H100 */

typedef struct traffic {
    double activations, weights; /* bytes */
} traffic;

/* Products of half precision have tensor cores; all else runs on CUDA cores, which compute in f32 whatever is stored. */
static bool has_tensor_cores(const fl_op_desc *d)
{
    const fl_tensor_desc *x = d->n_in > 0 ? d->in[0] : NULL;
    const bool product = d->op == FL_OP_CONV2D || d->op == FL_OP_CONV2D_TRANSPOSE || d->op == FL_OP_MATMUL;

    return product && x && (x->dtype == FL_F16 || x->dtype == FL_BF16);
}

/* Constants beside half precision are f32 in the network, and half precision when they are packed. */
static double bytes_of(const fl_op_desc *d, int slot, int64_t batch)
{
    const fl_tensor_desc *t = d->in[slot];
    const bool packed_half = t->constant && t->dtype == FL_F32 && has_tensor_cores(d);

    return (double)fl_tensor_bytes_at(t, batch) * (packed_half ? 0.5 : 1);
}

static traffic traffic_of(const fl_op_desc *d, int64_t batch)
{
    traffic t = {0};

    for (int i = 0; i < d->n_in; i++)
        if (d->in[i])
            *(d->in[i]->constant ? &t.weights : &t.activations) += bytes_of(d, i, batch);
    for (int i = 0; i < d->n_out; i++)
        t.activations += (double)fl_tensor_bytes_at(d->out[i], batch);
    return t;
}

uint64_t fl_cuda_cost(const fl_op_desc *d, const fl_device_info *device, int64_t batch, double arithmetic_scale,
                      double memory_scale)
{
    const fl_cuda_gpu *gpu = fl_cuda_gpu_near(device->isa);
    const double part = device->units > 0 ? (double)device->units / gpu->units : 1;
    const fl_op_def *def = fl_op_def_of(d->op);
    const double operations = def->flops ? def->flops(d, batch) : 0;
    const double rate = (has_tensor_cores(d) ? gpu->f16_rate : gpu->f32_rate) * part;
    const traffic t = traffic_of(d, batch);
    const bool cached = t.activations <= 0.5 * (double)device->l2_bytes;
    /* 10^12 a second are 1000 a nanosecond. */
    const double arithmetic = operations / (1e3 * rate) * arithmetic_scale;
    const double memory = (t.weights / (1e3 * gpu->memory_rate) +
                           t.activations / (1e3 * (cached ? gpu->l2_rate * part : gpu->memory_rate))) * memory_scale;

    return (uint64_t)(LAUNCH_NS + (arithmetic > memory ? arithmetic : memory));
}
