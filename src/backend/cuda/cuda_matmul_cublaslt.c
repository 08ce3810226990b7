/* cuda_matmul_cublaslt.c - cuBLASLt's algorithms for a matrix product, and for a convolution that is one (1x1, stride 1, no
 * padding), as tactics. They are taken only where --tactic-sources names cublaslt.
 *
 * Packed: the weights as [n, k] in the type of x, then the bias in that type, zeros where there is none.
 */
#include "backend/cuda/cuda_cublaslt.h"
#include "backend/cuda/cuda_sources.h"

#include <string.h>

/* The product that a layer is: [k, n] weights with steps between neighbours, the tail. */
typedef struct product {
    int64_t m, n, k, k_step, n_step;
    int32_t act;
} product;

static bool product_of(const fl_op_desc *d, product *out)
{
    const fl_tensor_desc *w = d->in[1];

    if (d->op == FL_OP_MATMUL) {
        const fl_matmul_params *p = &d->p.matmul;
        *out = (product){d->out[0]->dim[0], d->out[0]->dim[1], w->dim[p->transpose_b ? 1 : 0], p->transpose_b ? 1 : w->dim[1],
                         p->transpose_b ? w->dim[1] : 1, p->act};
        return !p->transpose_a;
    }
    const fl_conv_params *p = &d->p.conv;
    const int64_t *y = d->out[0]->dim;
    *out = (product){y[0] * y[1] * y[2], w->dim[3], w->dim[2], w->dim[3], 1, p->act}; /* m is of use where dims are resolved */
    return p->format == FL_NHWC && p->groups == 1 && w->dim[0] == 1 && w->dim[1] == 1 && p->stride[0] == 1 && p->stride[1] == 1 &&
           !p->pad[0] && !p->pad[1] && !p->pad[2] && !p->pad[3];
}

static bool supports(const fl_op_desc *d, const fl_device_info *device, const char **why_not)
{
    const fl_tensor_desc *x = d->in[0], *bias = fl_cuda_in(d, 2);
    const int64_t whole = 16 / (int64_t)fl_dtype_bytes(x->dtype);
    product p;

    if (!(device->sources >> FL_SOURCE_CUBLASLT & 1))
        return fl_cuda_refuse(why_not, "cublaslt is not among the tactic sources");
    if (x->dtype != FL_F16 && !(x->dtype == FL_BF16 && device->isa >= 80) &&
        !(x->dtype == FL_F32 && device->tf32 && device->isa >= 80))
        return fl_cuda_refuse(why_not, "another type than f16, bf16 and tf32");
    if (!fl_cuda_all_plain(d) || !product_of(d, &p))
        return fl_cuda_refuse(why_not, "more than one product of rows and weights");
    if (!d->in[1]->constant || d->in[1]->dtype != FL_F32 || (bias && (!bias->constant || bias->dtype != FL_F32)))
        return fl_cuda_refuse(why_not, "weights that are not constants in f32");
    if (p.act != FL_UNARY_NONE && p.act != FL_UNARY_RELU)
        return fl_cuda_refuse(why_not, "another activation than relu");
    if (p.n % whole != 0 || p.k % whole != 0)
        return fl_cuda_refuse(why_not, "channels that are not whole vectors of 16 bytes");
    return fl_cuda_source_there(device, FL_SOURCE_CUBLASLT, why_not);
}

static size_t workspace_bytes(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    (void)d;
    (void)device;
    (void)batch;
    return FL_CUBLASLT_WORKSPACE;
}

static size_t weight_bytes(const fl_op_desc *d)
{
    return fl_round_up((size_t)fl_tensor_elements_at(d->in[1], 1) * fl_dtype_bytes(d->in[0]->dtype), FL_ALIGN);
}

static size_t packed_bytes(const fl_op_desc *d)
{
    product p;

    product_of(d, &p);
    return weight_bytes(d) + (size_t)p.n * fl_dtype_bytes(d->in[0]->dtype);
}

static floe_status pack(const fl_op_desc *d, const void *const *consts, fl_buf *out, floe_error *err)
{
    const fl_dtype dtype = d->in[0]->dtype;
    const float *w = consts[1], *bias = fl_cuda_in(d, 2) ? consts[2] : NULL, zero = 0;
    product p;

    product_of(d, &p);
    for (int64_t n = 0; n < p.n; n++)
        for (int64_t k = 0; k < p.k; k++)
            fl_cuda_put_floats(out, dtype, &w[k * p.k_step + n * p.n_step], 1);
    fl_put_zeros_to(out, FL_ALIGN);
    for (int64_t n = 0; n < p.n; n++)
        fl_cuda_put_floats(out, dtype, bias ? &bias[n] : &zero, 1);
    return out->failed ? fl_fail_memory(err, packed_bytes(d), "packed weights") : FLOE_OK;
}

static floe_status run_algorithm(const fl_step *step, fl_stream *stream, int index, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_cublaslt_problem problem;
    fl_cublaslt *lt;
    product p;
    int count;

    product_of(step->desc, &p);
    if (p.m == 0)
        goto done;
    memset(&problem, 0, sizeof problem); /* compared by bytes */
    problem.dtype = step->desc->in[0]->dtype;
    problem.m = p.m, problem.n = p.n, problem.k = p.k;
    problem.residual = fl_cuda_in(step->desc, 3) != NULL;
    problem.relu = p.act == FL_UNARY_RELU;
    FL_TRY(fl_cuda_open_cublaslt(&lt, stream->device, err));
    if (stream->loading)
        FL_TRY(fl_cublaslt_prepare(lt, &problem, &count, err));
    else
        FL_TRY(fl_cublaslt_run(lt, stream->stream, &problem, index, step->in[0], step->packed,
                               (const uint8_t *)step->packed + weight_bytes(step->desc), fl_cuda_data(step, 3), step->out[0],
                               step->workspace, err));
done:
    return st;
}

static uint64_t cost(const fl_op_desc *d, const fl_device_info *device, int64_t batch)
{
    return fl_cuda_cost(d, device, batch, 1.5, 1.5); /* without the GPU, ours */
}

#define ALGORITHM(i)                                                                                                    \
    static floe_status run_##i(const fl_step *step, fl_stream *stream, floe_error *err)                                   \
    {                                                                                                                   \
        return run_algorithm(step, stream, i, err);                                                                       \
    }                                                                                                                   \
    ROW(matmul, MATMUL, i)                                                                                              \
    ROW(conv2d, CONV2D, i)
#define ROW(text, kind, i)                                                                                               \
    static const fl_tactic text##_##i = {.name = "cuda." #text ".any.cublaslt_" #i, .op = FL_OP_##kind, .supports = supports, \
                                         .workspace_bytes = workspace_bytes, .packs = 1u << 1 | 1u << 2, .pack = pack,      \
                                         .run = run_##i, .packed_bytes = packed_bytes, .cost = cost};
ALGORITHM(0)
ALGORITHM(1)
ALGORITHM(2)
ALGORITHM(3)

const fl_tactic *const fl_cuda_matmul_cublaslt[FL_CUDA_CUBLASLT_PLANS] = {&matmul_0, &matmul_1, &matmul_2, &matmul_3};
const fl_tactic *const fl_cuda_conv2d_cublaslt[FL_CUDA_CUBLASLT_PLANS] = {&conv2d_0, &conv2d_1, &conv2d_2, &conv2d_3};
