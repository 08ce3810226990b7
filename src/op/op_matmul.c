/* op_matmul.c - matrix product of rank 2 with bias, residual and activation.
 *
 *     y[i,j] = act(sum over k of a[i,k] * b[k,j] + bias[j] + residual[i,j])
 *
 * transpose_a reads a as [k,m], transpose_b reads b as [n,k]. Any one dimension of y may depend on the batch, and k
 * may, if it does so in both. Integer products wrap, as TensorFlow's do; they take no bias, residual or activation.
 */
#include "op/op_check.h"

static const fl_field fields[] = {
    FL_FIELD(fl_matmul_params, I32, transpose_a), FL_FIELD(fl_matmul_params, I32, transpose_b),
    FL_FIELD(fl_matmul_params, I32, act), FL_FIELD(fl_matmul_params, F32, alpha), FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_matmul_params *p = &d->p.matmul;
    const fl_tensor_desc *a = d->in[0], *b = d->in[1];
    char a_text[FL_TENSOR_TEXT], b_text[FL_TENSOR_TEXT], ak_text[FL_TENSOR_TEXT], bk_text[FL_TENSOR_TEXT];

    FL_TRY(fl_check_flag("transpose_a", p->transpose_a, err));
    FL_TRY(fl_check_flag("transpose_b", p->transpose_b, err));
    FL_TRY(fl_check_act(p->act, FL_F32, err));
    if (a->dtype != FL_I32 && a->dtype != FL_I64)
        FL_TRY(fl_check_storage("a", a, err));
    FL_TRY(fl_check_weight("b", b, a->dtype, err));
    if (fl_dtype_arithmetic(a->dtype) != FL_F32 &&
        (p->act != FL_UNARY_NONE || fl_op_in(d, FL_SLOT_BIAS) || fl_op_in(d, FL_SLOT_RESIDUAL)))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "products of %s take no bias, residual or activation", fl_dtype_name(a->dtype));
    FL_TRY(fl_check_rank("a", a, 2, err));
    FL_TRY(fl_check_rank("b", b, 2, err));
    FL_TRY(fl_check_plain(d, err));
    const int64_t *const ak = &a->dim[p->transpose_a ? 0 : 1], *const bk = &b->dim[p->transpose_b ? 1 : 0];
    if (*ak != *bk)
        FL_FAIL(err, FLOE_ERR_SHAPE, "a %s%s has %s columns, b %s%s has %s rows; they must be equal",
                fl_dims_text(a->dim, 2, a_text, sizeof a_text), p->transpose_a ? " (transposed)" : "",
                fl_dims_text(ak, 1, ak_text, sizeof ak_text), fl_dims_text(b->dim, 2, b_text, sizeof b_text),
                p->transpose_b ? " (transposed)" : "", fl_dims_text(bk, 1, bk_text, sizeof bk_text));
    const int64_t dim[2] = {a->dim[p->transpose_a ? 1 : 0], b->dim[p->transpose_b ? 0 : 1]};
    *d->out[0] = fl_tensor_make(a->dtype, 2, dim);
    FL_TRY(fl_check_tail(d, dim[1], err));
done:
    return st;
}

static double flops(const fl_op_desc *d, int64_t batch)
{
    const double k = (double)fl_dim_at(d->in[0]->dim[d->p.matmul.transpose_a ? 0 : 1], batch);

    return 2 * k * fl_flops_per_output(d, batch) + fl_flops_of_tail(d, d->p.matmul.act, batch);
}

/* Unsigned arithmetic wraps without undefined behaviour. */
#define INTEGER_PRODUCT(type)                                                        \
    do {                                                                             \
        const type *const a = in[0], *const b = in[1];                               \
        type *const y = out[0];                                                      \
        for (int64_t i = 0; i < m; i++)                                              \
            for (int64_t j = 0; j < n; j++) {                                        \
                type sum = 0;                                                        \
                for (int64_t l = 0; l < k; l++)                                      \
                    sum += a[i * a_row + l * a_step] * b[j * b_column + l * b_step]; \
                y[i * n + j] = sum;                                                  \
            }                                                                        \
        return FLOE_OK;                                                              \
    } while (0)

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_matmul_params *p = &d->p.matmul;
    const int64_t m = d->out[0]->dim[0], n = d->out[0]->dim[1], k = d->in[0]->dim[p->transpose_a ? 0 : 1];
    const int64_t a_row = p->transpose_a ? 1 : k, a_step = p->transpose_a ? m : 1;
    const int64_t b_column = p->transpose_b ? k : 1, b_step = p->transpose_b ? 1 : n;
    if (d->in[0]->dtype == FL_I32)
        INTEGER_PRODUCT(uint32_t);
    if (d->in[0]->dtype == FL_I64)
        INTEGER_PRODUCT(uint64_t);
    const fl_tail tail = {fl_op_data(d, in, FL_SLOT_BIAS), fl_op_data(d, in, FL_SLOT_RESIDUAL), p->act, p->alpha};
    const float *const a = in[0], *const b = in[1];
    float *const y = out[0];

    (void)err;
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += (double)a[i * a_row + l * a_step] * (double)b[j * b_column + l * b_step];
            y[i * n + j] = fl_tail_apply(&tail, sum, j, i * n + j);
        }
    }
    return FLOE_OK;
}

const fl_op_def fl_op_matmul = {"matmul", 2, 4, 1, fields, infer, flops, ref, false};
