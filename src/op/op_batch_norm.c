/* op_batch_norm.c - batch normalisation along one axis, as TensorFlow's FusedBatchNorm.
 *
 *     inference:  y = act((x - mean) * scale / sqrt(variance + epsilon) + offset)
 *     training:   the same with the mean and the biased variance of x itself
 *
 * Outputs 1 and 2 are mean and variance: copies at inference; in training those of x, the variance times n/(n-1), and
 * with factor a != 1 blended as (1-a) * old + a * new. Without elements there are no statistics: TensorFlow gives NaN,
 * at inference too. A runtime that needs only y passes NULL for the other outputs.
 */
#include "op/op_check.h"

#include <math.h>

enum { SCALE = 1, OFFSET = 2, MEAN = 3, VARIANCE = 4 };

static const fl_field fields[] = {
    FL_FIELD(fl_batch_norm_params, F32, epsilon), FL_FIELD(fl_batch_norm_params, I32, axis),
    FL_FIELD(fl_batch_norm_params, I32, training), FL_FIELD(fl_batch_norm_params, F32, factor),
    FL_FIELD(fl_batch_norm_params, I32, act), FL_FIELD(fl_batch_norm_params, F32, alpha), FL_FIELD_END};

static const char *const slot_names[] = {"x", "scale", "offset", "mean", "variance"};

/* Whether the old statistics in slot MEAN or VARIANCE are read. */
static bool needs_statistics(const fl_batch_norm_params *p)
{
    return !p->training || p->factor != 1.0f;
}

static floe_status check_vectors(const fl_op_desc *d, int64_t channels, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (int slot = SCALE; slot <= VARIANCE; slot++) {
        const fl_tensor_desc *t = fl_op_in(d, slot);
        const bool needed = slot <= OFFSET || needs_statistics(&d->p.batch_norm);
        if (!t && needed)
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "%s is missing; only training with factor 1 goes without",
                    slot_names[slot]);
        if (!t)
            continue;
        FL_TRY(fl_check_weight(slot_names[slot], t, d->in[0]->dtype, err));
        if (needed || t->rank != 1 || t->dim[0] != 0)
            FL_TRY(fl_check_vector(slot_names[slot], t, channels, err));
    }
done:
    return st;
}

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_batch_norm_params *p = &d->p.batch_norm;
    const fl_tensor_desc *x = d->in[0];
    char text[FL_TENSOR_TEXT];
    fl_layout layout;

    FL_TRY(fl_check_flag("training", p->training, err));
    FL_TRY(fl_check_act(p->act, FL_F32, err));
    FL_TRY(fl_check_storage("x", x, err));
    FL_TRY(fl_check_axis("x", x, p->axis, err));
    const int64_t channels = x->dim[p->axis];
    if (channels < 0)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "x %s: the channels (axis %d) must not depend on the batch",
                fl_dims_text(x->dim, x->rank, text, sizeof text), (int)p->axis);
    FL_TRY(check_vectors(d, channels, err));
    FL_TRY(fl_check_layouts(d, FL_SLOT(0), p->axis == 3, &layout, err));
    *d->out[0] = fl_tensor_make(x->dtype, x->rank, x->dim);
    d->out[0]->layout = layout;
    *d->out[1] = *d->out[2] = fl_tensor_make(FL_F32, 1, &channels);
done:
    return st;
}

static double flops(const fl_op_desc *d, int64_t batch)
{
    const fl_batch_norm_params *p = &d->p.batch_norm;

    return (2 + (p->act != FL_UNARY_NONE) + (p->training ? 4 : 0)) * fl_flops_per_output(d, batch);
}

/* x seen as [outer, channels, inner]. */
typedef struct view {
    const float *x;
    int64_t      outer, channels, inner;
} view;

static view view_of(const fl_op_desc *d, const float *data)
{
    const fl_tensor_desc *x = d->in[0];
    view v = {data, 1, x->dim[d->p.batch_norm.axis], 1};

    for (int i = 0; i < d->p.batch_norm.axis; i++)
        v.outer *= x->dim[i];
    for (int i = d->p.batch_norm.axis + 1; i < x->rank; i++)
        v.inner *= x->dim[i];
    return v;
}

static void measure(const view *v, int64_t c, double *mean, double *variance)
{
    const double n = (double)(v->outer * v->inner);
    double sum = 0, squares = 0;

    for (int64_t i = 0; i < v->outer; i++)
        for (int64_t j = 0; j < v->inner; j++)
            sum += (double)v->x[(i * v->channels + c) * v->inner + j];
    *mean = sum / n; /* 0/0 is the NaN we want */
    for (int64_t i = 0; i < v->outer; i++) {
        for (int64_t j = 0; j < v->inner; j++) {
            const double difference = (double)v->x[(i * v->channels + c) * v->inner + j] - *mean;
            squares += difference * difference;
        }
    }
    *variance = squares / n;
}

static double blend(float factor, const float *old, int64_t c, double fresh)
{
    return factor == 1.0f ? fresh : (1 - (double)factor) * (double)old[c] + (double)factor * fresh;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_batch_norm_params *p = &d->p.batch_norm;
    const view v = view_of(d, in[0]);
    const int64_t n = v.outer * v.inner;
    const double bessel = (double)n / (double)(n > 1 ? n - 1 : 1);
    const float *const scale = in[SCALE], *const offset = in[OFFSET];
    const float *const old_mean = fl_op_data(d, in, MEAN), *const old_variance = fl_op_data(d, in, VARIANCE);
    float *const y = out[0], *const mean_out = out[1], *const variance_out = out[2];

    (void)err;
    for (int64_t c = 0; c < v.channels; c++) {
        double mean = (double)NAN, variance = (double)NAN;
        if (p->training) {
            measure(&v, c, &mean, &variance);
        } else if (n > 0) {
            mean = (double)old_mean[c];
            variance = (double)old_variance[c];
        }
        const double factor = (double)scale[c] / sqrt(variance + (double)p->epsilon);
        for (int64_t i = 0; i < v.outer; i++) {
            for (int64_t j = 0; j < v.inner; j++) {
                const int64_t at = (i * v.channels + c) * v.inner + j;
                const double value = ((double)v.x[at] - mean) * factor + (double)offset[c];
                y[at] = fl_unary_f32(p->act, p->alpha, (float)value);
            }
        }
        if (mean_out)
            mean_out[c] = (float)(p->training ? blend(p->factor, old_mean, c, mean) : mean);
        if (variance_out)
            variance_out[c] = (float)(p->training ? blend(p->factor, old_variance, c, variance * bessel) : variance);
    }
    return FLOE_OK;
}

const fl_op_def fl_op_batch_norm = {"batch_norm", 3, 5, 3, fields, infer, flops, ref, false};
