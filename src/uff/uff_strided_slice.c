/* uff_strided_slice.c - TensorFlow's StridedSlice: sparse positions with five masks become one range per axis.
 *
 * The rules are in TensorFlow's ValidateStridedSliceOp: an implicit ellipsis at the end, precedence ellipsis, new axis,
 * shrink; begin and end clamped after negative ones are counted from the end; shrink ignores begin_mask and end. The
 * range is taken by a slice layer, new and shrunk axes by a reshape behind it.
 */
#include "uff/uff_importer.h"

#include <string.h>

typedef struct plan {
    fl_slice_params slice;             /* per input axis */
    int             in_rank, out_rank; /* out: after new and shrunk axes */
    int64_t         out[FL_MAX_RANK * 2];
} plan;

typedef struct spec { /* begin, end, strides and masks, per sparse position */
    int64_t begin[32], end[32], stride[32];
    int     n;
    int64_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_mask;
} spec;

static bool bit(int64_t mask, int i) { return (mask >> i) & 1; }

/* One position that takes a range of axis `a`. */
static floe_status take(const spec *s, int i, const fl_tensor_desc *x, int a, plan *p, floe_error *err)
{
    const int64_t d = x->dim[a], stride = s->stride[i];
    const bool shrink = bit(s->shrink_mask, i);
    int64_t begin = s->begin[i], end = s->end[i], size = 0;
    if (stride == 0)
        return fl_fail(err, FLOE_ERR_FORMAT, "a stride of 0");
    if (d < 0) { /* the batch: whole, or cut at constant places counted from its start */
        const bool from_start = bit(s->begin_mask, i) || begin == 0;
        if (!shrink && stride == 1 && from_start && bit(s->end_mask, i)) {
            p->slice.size[a] = d;
            p->out[p->out_rank++] = d;
            return FLOE_OK;
        }
        begin = bit(s->begin_mask, i) && !shrink ? 0 : begin;
        if (stride < 0 || begin < 0 || (!shrink && (bit(s->end_mask, i) || end < begin)))
            return fl_fail(err, FLOE_ERR_UNSUPPORTED, "a slice of the batch axis that counts from its end");
        size = shrink ? 1 : (end - begin + stride - 1) / stride;
    } else if (shrink) {
        begin += begin < 0 ? d : 0;
        if (begin < 0 || begin >= d || stride < 0)
            return fl_fail(err, FLOE_ERR_SHAPE, "index %lld of an axis of %lld", (long long)s->begin[i], (long long)d);
        size = 1;
    } else {
        const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? d : d - 1;
        begin = bit(s->begin_mask, i) ? (stride > 0 ? low : high) : begin + (begin < 0 ? d : 0);
        end = bit(s->end_mask, i) ? (stride > 0 ? high : low) : end + (end < 0 ? d : 0);
        begin = begin < low ? low : begin > high ? high : begin;
        end = end < low ? low : end > high ? high : end;
        if ((end > begin) == (stride > 0) && end != begin)
            size = (end - begin + stride - (stride > 0 ? 1 : -1)) / stride;
    }
    p->slice.begin[a] = size ? begin : 0;
    p->slice.stride[a] = stride;
    p->slice.size[a] = size;
    if (!shrink)
        p->out[p->out_rank++] = size;
    return FLOE_OK;
}

static floe_status make_plan(const spec *s, const fl_tensor_desc *x, plan *p, floe_error *err)
{
    floe_status st = FLOE_OK;
    int later_consuming = 0, axis = 0, ellipsis = -1;
    memset(p, 0, sizeof *p);
    p->in_rank = x->rank;
    for (int i = 0; i < x->rank; i++) {
        p->slice.stride[i] = 1;
        p->slice.size[i] = x->dim[i];
    }
    for (int i = 0; i < s->n; i++) {
        if (!bit(s->ellipsis_mask, i))
            continue;
        if (ellipsis >= 0)
            FL_FAIL(err, FLOE_ERR_FORMAT, "two ellipses");
        ellipsis = i;
    }
    for (int i = ellipsis < 0 ? s->n : ellipsis + 1; i < s->n; i++)
        later_consuming += !bit(s->new_axis_mask, i);
    for (int i = 0; i <= s->n; i++) {
        if (p->out_rank > FL_MAX_RANK)
            FL_FAIL(err, FLOE_ERR_LIMIT, "a result of rank above %d", FL_MAX_RANK);
        if (i == ellipsis || (i == s->n && ellipsis < 0)) {
            for (const int to = x->rank - later_consuming; axis < to; axis++)
                p->out[p->out_rank++] = x->dim[axis];
        } else if (i == s->n) {
            break;
        } else if (bit(s->new_axis_mask, i)) {
            p->out[p->out_rank++] = 1;
        } else if (axis >= x->rank) {
            FL_FAIL(err, FLOE_ERR_SHAPE, "%d positions for a tensor of rank %d", s->n, x->rank);
        } else {
            FL_TRY(take(s, i, x, axis++, p, err));
        }
    }
    if (p->out_rank > FL_MAX_RANK)
        FL_FAIL(err, FLOE_ERR_LIMIT, "a result of rank above %d", FL_MAX_RANK);
done:
    return st;
}

/* The same plan applied to symbolic elements of rank 0 or 1. */
static void slice_symbolic(fl_uff_importer *m, fl_uff_value *out, const fl_uff_value *x, const plan *p)
{
    if (!x->symbolic || x->rank > 1 || !fl_uff_make_symbolic(m, out, p->out_rank, p->out))
        return;
    const int64_t begin = x->rank ? p->slice.begin[0] : 0, stride = x->rank ? p->slice.stride[0] : 1;
    for (int64_t i = 0; i < out->count; i++)
        out->element[i] = x->element[begin + i * stride];
}

floe_status fl_uff_strided_slice(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_uff_graph *g = m->graph;
    fl_tensor *x;
    spec s = {.begin_mask = fl_uff_int(g, node, "begin_mask", 0),
              .end_mask = fl_uff_int(g, node, "end_mask", 0),
              .ellipsis_mask = fl_uff_int(g, node, "ellipsis_mask", 0),
              .new_axis_mask = fl_uff_int(g, node, "new_axis_mask", 0),
              .shrink_mask = fl_uff_int(g, node, "shrink_axis_mask", 0)};
    int n_begin, n_end, n_stride;
    plan p;
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(fl_uff_integers_of(m, node, 1, "begin", s.begin, 32, &n_begin, err));
    FL_TRY(fl_uff_integers_of(m, node, 2, "end", s.end, 32, &n_end, err));
    FL_TRY(fl_uff_integers_of(m, node, 3, "strides", s.stride, 32, &n_stride, err));
    if (n_begin != n_end || n_begin != n_stride)
        FL_FAIL(err, FLOE_ERR_FORMAT, "begin, end and strides have %d, %d and %d entries", n_begin, n_end, n_stride);
    s.n = n_begin;
    FL_TRY(make_plan(&s, &x->desc, &p, err));
    const fl_op_params params = {.slice = p.slice};
    fl_tensor *cut = x;
    FL_TRY(fl_uff_layer(m, node, FL_OP_SLICE, &params, &x, 1, &cut, err));
    FL_TRY(fl_uff_reshape(m, node, cut, p.out_rank, p.out, &out->tensor[0], err));
    slice_symbolic(m, out, fl_uff_value_of(m, node, 0), &p);
done:
    return st;
}
