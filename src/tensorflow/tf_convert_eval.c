/* tf_convert_eval.c - small integer tensors whose values can be told without running the network.
 *
 * Axes, permutations, paddings and targets of reshapes are inputs in TensorFlow, mostly constants, but exporters also
 * leave the arithmetic that makes them: Pack of a StridedSlice of Shape, Range, ConcatV2, FloorMod. This is an
 * interpreter for those operations on tensors of at most two axes and FL_TFC_INTS_MAX elements; everything else "is
 * not known". An element may be unknown by itself (the batch in Shape(x)), and arithmetic carries that on.
 *
 * The caller may bind one tensor to an assumed shape. Evaluating twice under different assumptions tells how a result
 * depends on the shape without any algebra: that is how patterns are proven (tf_convert_patterns.c).
 *
 * Recursion is bounded in depth, and in total steps too, because a graph in which every node reads its predecessor
 * twice has paths without number.
 */
#include "tf_convert_internal.h"

#include <string.h>

#define DEPTH_MAX 40
#define STEPS_MAX 4000

typedef struct eval {
    fl_tfc               *c;
    const fl_tfc_binding *binding;
    int                   depth, steps;
} eval;

typedef fl_tfc_ints ints;
typedef bool (*evaluator)(eval *e, const fl_tf_node *n, ints *out);

static bool eval_source(eval *e, fl_tfc_source source, ints *out);

static bool eval_input(eval *e, const fl_tf_node *n, size_t i, ints *out)
{
    fl_tfc_source source;
    return fl_tfc_peek(e->c, n, i, &source) && eval_source(e, source, out);
}

static bool all_known(const ints *a)
{
    for (int i = 0; i < a->count; i++)
        if (a->v[i] == FL_TFC_UNKNOWN)
            return false;
    return true;
}

/* One known number. */
static bool eval_scalar(eval *e, const fl_tf_node *n, size_t i, int64_t *out)
{
    ints a;

    if (!eval_input(e, n, i, &a) || a.count != 1 || a.v[0] == FL_TFC_UNKNOWN)
        return false;
    *out = a.v[0];
    return true;
}

/* Gives a shape of at most two axes to out; false when it is too large. */
static bool shape_ints(ints *out, int rank, int64_t d0, int64_t d1)
{
    if (rank > 2 || d0 < 0 || d0 > FL_TFC_INTS_MAX || d1 < 0 || d1 > FL_TFC_INTS_MAX)
        return false;
    out->rank = rank;
    out->dim[0] = rank > 0 ? (int)d0 : 1;
    out->dim[1] = rank > 1 ? (int)d1 : 1;
    out->count = out->dim[0] * out->dim[1];
    return out->count <= FL_TFC_INTS_MAX;
}

/* ---- sources */

static bool eval_const(eval *e, const fl_tf_node *n, ints *out)
{
    const fl_tfc_shape *shape = &fl_tfc_info_of(e->c, n)->shape;
    const fl_tf_tensor *value;

    if (shape->rank < 0 ||
        !shape_ints(out, shape->rank, shape->rank > 0 ? shape->dim[0] : 1, shape->rank > 1 ? shape->dim[1] : 1))
        return false;
    if (fl_tfc_value(e->c, n, &value, NULL) != FLOE_OK || value->count != out->count)
        return false;
    for (int i = 0; i < out->count; i++) {
        if (value->dtype == FL_TF_INT32) {
            int32_t narrow;
            memcpy(&narrow, (const char *)value->data + (size_t)i * 4, 4);
            out->v[i] = narrow;
        } else if (value->dtype == FL_TF_INT64) {
            memcpy(&out->v[i], (const char *)value->data + (size_t)i * 8, 8);
        } else {
            return false;
        }
    }
    return true;
}

static const fl_tfc_shape *assumed_shape(const eval *e, fl_tfc_source source)
{
    if (e->binding && e->binding->source.node == source.node && e->binding->source.port == source.port)
        return &e->binding->shape;
    return fl_tfc_shape_of(e->c, source);
}

static bool eval_shape(eval *e, const fl_tf_node *n, ints *out)
{
    fl_tfc_source source;

    if (!fl_tfc_peek(e->c, n, 0, &source))
        return false;
    const fl_tfc_shape *shape = assumed_shape(e, source);
    if (shape->rank < 0 || !shape_ints(out, 1, shape->rank, 1))
        return false;
    for (int i = 0; i < shape->rank; i++)
        out->v[i] = shape->dim[i] < 0 ? FL_TFC_UNKNOWN : shape->dim[i];
    return true;
}

static bool eval_rank(eval *e, const fl_tf_node *n, ints *out)
{
    fl_tfc_source source;

    if (!fl_tfc_peek(e->c, n, 0, &source))
        return false;
    const fl_tfc_shape *shape = assumed_shape(e, source);
    out->v[0] = shape->rank;
    return shape->rank >= 0 && shape_ints(out, 0, 1, 1);
}

static bool eval_range(eval *e, const fl_tf_node *n, ints *out)
{
    int64_t start, limit, delta, count = 0;

    if (!eval_scalar(e, n, 0, &start) || !eval_scalar(e, n, 1, &limit) || !eval_scalar(e, n, 2, &delta) || delta == 0 ||
        start > INT32_MAX || start < INT32_MIN || delta > INT32_MAX || delta < INT32_MIN)
        return false;
    for (int64_t at = start; delta > 0 ? at < limit : at > limit; at += delta) {
        if (count == FL_TFC_INTS_MAX)
            return false;
        out->v[count++] = at;
    }
    return shape_ints(out, 1, count, 1);
}

/* ---- the same elements in another shape */

static bool eval_same(eval *e, const fl_tf_node *n, ints *out)
{
    return eval_input(e, n, 0, out);
}

static bool eval_cast(eval *e, const fl_tf_node *n, ints *out)
{
    const int from = fl_tf_attr_type(n, "SrcT", 0), to = fl_tf_attr_type(n, "DstT", 0);

    if ((from != FL_TF_INT32 && from != FL_TF_INT64) || (to != FL_TF_INT32 && to != FL_TF_INT64))
        return false;
    if (!eval_input(e, n, 0, out))
        return false;
    for (int i = 0; i < out->count; i++)
        if (to == FL_TF_INT32 && out->v[i] != FL_TFC_UNKNOWN && out->v[i] != (int32_t)out->v[i])
            return false;
    return true;
}

static bool eval_expand_dims(eval *e, const fl_tf_node *n, ints *out)
{
    int64_t axis;

    if (!eval_input(e, n, 0, out) || !eval_scalar(e, n, 1, &axis))
        return false;
    if (axis < 0)
        axis += out->rank + 1;
    if (axis < 0 || axis > out->rank)
        return false;
    const int old = out->dim[0];
    if (out->rank == 0)
        return shape_ints(out, 1, 1, 1);
    return out->rank == 1 && shape_ints(out, 2, axis == 0 ? 1 : old, axis == 0 ? old : 1);
}

static bool eval_squeeze(eval *e, const fl_tf_node *n, ints *out)
{
    int64_t *dims;
    size_t count;

    if (!eval_input(e, n, 0, out) || fl_tf_attr_ints(e->c->tf, n, "squeeze_dims", &dims, &count, NULL) != FLOE_OK)
        return false;
    return out->count == 1 && (count == 0 || count == (size_t)out->rank) && shape_ints(out, 0, 1, 1);
}

static bool eval_reshape(eval *e, const fl_tf_node *n, ints *out)
{
    ints target;
    int64_t known = 1;
    int wildcard = -1;

    if (!eval_input(e, n, 0, out) || !eval_input(e, n, 1, &target) || target.rank > 1 || target.count > 2 ||
        !all_known(&target))
        return false;
    for (int i = 0; i < target.count; i++) {
        if (target.v[i] == -1)
            wildcard = i;
        else if (target.v[i] < 0 || target.v[i] > FL_TFC_INTS_MAX)
            return false;
        else
            known *= target.v[i];
    }
    if (wildcard >= 0)
        target.v[wildcard] = known > 0 ? out->count / known : 0;
    const int count = out->count;
    return shape_ints(out, target.count, target.count > 0 ? target.v[0] : 1, target.count > 1 ? target.v[1] : 1) &&
           out->count == count;
}

/* ---- arithmetic */

typedef bool (*arithmetic)(int64_t a, int64_t b, int64_t *out);

static bool add(int64_t a, int64_t b, int64_t *out) { return !__builtin_add_overflow(a, b, out); }
static bool subtract(int64_t a, int64_t b, int64_t *out) { return !__builtin_sub_overflow(a, b, out); }
static bool multiply(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out); }
static bool larger(int64_t a, int64_t b, int64_t *out) { return (*out = a > b ? a : b), true; }
static bool smaller(int64_t a, int64_t b, int64_t *out) { return (*out = a < b ? a : b), true; }

static bool floor_divide(int64_t a, int64_t b, int64_t *out)
{
    if (b == 0 || (a == INT64_MIN && b == -1))
        return false;
    *out = a / b - (a % b != 0 && (a % b < 0) != (b < 0));
    return true;
}

static bool floor_modulo(int64_t a, int64_t b, int64_t *out)
{
    if (b == 0 || b == -1) {
        *out = 0;
        return b != 0;
    }
    *out = a % b;
    if (*out != 0 && (*out < 0) != (b < 0))
        *out += b;
    return true;
}

static bool apply(arithmetic fn, int64_t a, int64_t b, int64_t *out)
{
    if (a == FL_TFC_UNKNOWN || b == FL_TFC_UNKNOWN) {
        *out = FL_TFC_UNKNOWN;
        return true;
    }
    return fn(a, b, out) && *out != FL_TFC_UNKNOWN;
}

/* Equal shapes, or one side a single element. */
static bool eval_elementwise(eval *e, const fl_tf_node *n, arithmetic fn, ints *out)
{
    ints a, b;

    if (!eval_input(e, n, 0, &a) || !eval_input(e, n, 1, &b))
        return false;
    const bool same = a.rank == b.rank && a.dim[0] == b.dim[0] && a.dim[1] == b.dim[1];
    const bool a_wide = same || (b.count == 1 && b.rank <= a.rank), b_wide = a.count == 1 && a.rank <= b.rank;
    if (!a_wide && !b_wide)
        return false;
    const ints *wide = a_wide ? &a : &b;
    if (!shape_ints(out, wide->rank, wide->dim[0], wide->dim[1]))
        return false;
    for (int i = 0; i < out->count; i++)
        if (!apply(fn, a.v[a.count == 1 ? 0 : i], b.v[b.count == 1 ? 0 : i], &out->v[i]))
            return false;
    return true;
}

static bool eval_add(eval *e, const fl_tf_node *n, ints *out) { return eval_elementwise(e, n, add, out); }
static bool eval_sub(eval *e, const fl_tf_node *n, ints *out) { return eval_elementwise(e, n, subtract, out); }
static bool eval_mul(eval *e, const fl_tf_node *n, ints *out) { return eval_elementwise(e, n, multiply, out); }
static bool eval_max(eval *e, const fl_tf_node *n, ints *out) { return eval_elementwise(e, n, larger, out); }
static bool eval_min(eval *e, const fl_tf_node *n, ints *out) { return eval_elementwise(e, n, smaller, out); }
static bool eval_floor_div(eval *e, const fl_tf_node *n, ints *out)
{
    return eval_elementwise(e, n, floor_divide, out);
}
static bool eval_floor_mod(eval *e, const fl_tf_node *n, ints *out)
{
    return eval_elementwise(e, n, floor_modulo, out);
}

/* A vector over its one axis. */
static bool eval_reduction(eval *e, const fl_tf_node *n, arithmetic fn, int64_t start, ints *out)
{
    ints a;
    int64_t axis, total = start;

    if (!eval_input(e, n, 0, &a) || !eval_scalar(e, n, 1, &axis) || a.rank != 1 || (axis != 0 && axis != -1))
        return false;
    for (int i = 0; i < a.count; i++)
        if (!apply(fn, total, a.v[i], &total))
            return false;
    out->v[0] = total;
    return shape_ints(out, fl_tf_attr_bool(n, "keep_dims", false) ? 1 : 0, 1, 1);
}

static bool eval_prod(eval *e, const fl_tf_node *n, ints *out) { return eval_reduction(e, n, multiply, 1, out); }
static bool eval_sum(eval *e, const fl_tf_node *n, ints *out) { return eval_reduction(e, n, add, 0, out); }

/* ---- joining and cutting */

static bool eval_pack(eval *e, const fl_tf_node *n, ints *out)
{
    const size_t parts = fl_tfc_data_inputs(n);
    ints part, first;
    int at = 0;

    if (fl_tf_attr_int(n, "axis", 0) != 0 || parts == 0 || parts > FL_TFC_INTS_MAX)
        return false;
    for (size_t i = 0; i < parts; i++) {
        if (!eval_input(e, n, i, &part) || part.rank > 1)
            return false;
        if (i == 0)
            first = part;
        if (part.rank != first.rank || part.count != first.count || at + part.count > FL_TFC_INTS_MAX)
            return false;
        memcpy(out->v + at, part.v, (size_t)part.count * sizeof *part.v);
        at += part.count;
    }
    return shape_ints(out, first.rank + 1, (int64_t)parts, first.rank == 1 ? first.count : 1);
}

static bool eval_concat(eval *e, const fl_tf_node *n, ints *out)
{
    const size_t inputs = fl_tfc_data_inputs(n);
    int64_t axis;
    ints part, first;
    int at = 0;

    if (inputs < 2 || !eval_scalar(e, n, inputs - 1, &axis))
        return false;
    for (size_t i = 0; i + 1 < inputs; i++) {
        if (!eval_input(e, n, i, &part) || part.rank == 0)
            return false;
        if (i == 0)
            first = part;
        if (part.rank != first.rank || part.dim[1] != first.dim[1] || at + part.count > FL_TFC_INTS_MAX)
            return false;
        memcpy(out->v + at, part.v, (size_t)part.count * sizeof *part.v);
        at += part.count;
    }
    return (axis == 0 || axis == -first.rank) &&
           shape_ints(out, first.rank, first.dim[1] ? at / first.dim[1] : 0, first.dim[1]);
}

typedef struct cut { /* of one axis */
    int64_t first, step;
    int     count;
    bool    drop;
} cut;

/* out = a[cut 0][cut 1] */
static bool take(const ints *a, const cut cuts[2], ints *out)
{
    int64_t kept[2] = {1, 1};
    int rank = 0;

    for (int axis = 0; axis < a->rank; axis++)
        if (!cuts[axis].drop)
            kept[rank++] = cuts[axis].count;
    if (!shape_ints(out, rank, kept[0], kept[1]))
        return false;
    int at = 0;
    for (int i = 0; i < cuts[0].count; i++)
        for (int k = 0; k < cuts[1].count; k++)
            out->v[at++] = a->v[(cuts[0].first + i * cuts[0].step) * a->dim[1] + cuts[1].first + k * cuts[1].step];
    return true;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* TensorFlow's rules for one axis of `size` elements. */
static bool strided_cut(int64_t size, int64_t begin, int64_t end, int64_t step, bool no_begin, bool no_end, bool shrink,
                        cut *out)
{
    if (step == 0 || step > INT32_MAX || step < INT32_MIN || begin > INT32_MAX || begin < INT32_MIN)
        return false;
    if (shrink) {
        const int64_t at = begin < 0 ? begin + size : begin;
        *out = (cut){at, 1, 1, true};
        return step > 0 && at >= 0 && at < size;
    }
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    begin = no_begin ? (step > 0 ? low : high) : clamp(begin < 0 ? begin + size : begin, low, high);
    end = no_end ? (step > 0 ? high : low) : clamp(end < 0 ? end + size : end, low, high);
    const int64_t span = step > 0 ? end - begin : begin - end, stride = step > 0 ? step : -step;
    *out = (cut){begin, step, span > 0 ? (int)((span + stride - 1) / stride) : 0, false};
    return true;
}

static bool eval_strided_slice(eval *e, const fl_tf_node *n, ints *out)
{
    ints a, begin, end, step;
    cut cuts[2] = {{0, 1, 1, false}, {0, 1, 1, false}};
    const int64_t no_begin = fl_tf_attr_int(n, "begin_mask", 0), no_end = fl_tf_attr_int(n, "end_mask", 0),
                  shrink = fl_tf_attr_int(n, "shrink_axis_mask", 0);

    if (fl_tf_attr_int(n, "ellipsis_mask", 0) != 0 || fl_tf_attr_int(n, "new_axis_mask", 0) != 0)
        return false;
    if (!eval_input(e, n, 0, &a) || !eval_input(e, n, 1, &begin) || !eval_input(e, n, 2, &end) ||
        !eval_input(e, n, 3, &step))
        return false;
    if (begin.rank != 1 || begin.count > a.rank || end.count != begin.count || step.count != begin.count ||
        !all_known(&begin) || !all_known(&end) || !all_known(&step))
        return false;
    for (int i = 0; i < a.rank; i++) {
        cuts[i].count = a.dim[i];
        if (i < begin.count && !strided_cut(a.dim[i], begin.v[i], end.v[i], step.v[i], no_begin >> i & 1,
                                            no_end >> i & 1, shrink >> i & 1, &cuts[i]))
            return false;
    }
    return take(&a, cuts, out);
}

static bool eval_slice(eval *e, const fl_tf_node *n, ints *out)
{
    ints a, begin, size;
    cut cuts[2] = {{0, 1, 1, false}, {0, 1, 1, false}};

    if (!eval_input(e, n, 0, &a) || !eval_input(e, n, 1, &begin) || !eval_input(e, n, 2, &size) ||
        begin.count != a.rank || size.count != a.rank || a.rank == 0 || !all_known(&begin) || !all_known(&size))
        return false;
    for (int i = 0; i < a.rank; i++) {
        const int64_t first = begin.v[i], left = a.dim[i] - first;
        if (first < 0 || left < 0 || size.v[i] < -1 || size.v[i] > left)
            return false;
        cuts[i] = (cut){first, 1, (int)(size.v[i] == -1 ? left : size.v[i]), false};
    }
    return take(&a, cuts, out);
}

/* From a vector, along its one axis. */
static bool eval_gather(eval *e, const fl_tf_node *n, ints *out)
{
    ints a, indices;
    int64_t axis = 0;

    if (!eval_input(e, n, 0, &a) || !eval_input(e, n, 1, &indices) || a.rank != 1 ||
        fl_tf_attr_int(n, "batch_dims", 0) != 0)
        return false;
    if (fl_tfc_data_inputs(n) > 2 && (!eval_scalar(e, n, 2, &axis) || (axis != 0 && axis != -1)))
        return false;
    if (!shape_ints(out, indices.rank, indices.dim[0], indices.dim[1]))
        return false;
    for (int i = 0; i < indices.count; i++) {
        if (indices.v[i] < 0 || indices.v[i] >= a.count)
            return false;
        out->v[i] = a.v[indices.v[i]];
    }
    return true;
}

/* ---- dispatch */

static const struct {
    const char *op;
    evaluator   fn;
} evaluators[] = {
    {"Const", eval_const},           {"Shape", eval_shape},     {"Rank", eval_rank},
    {"Range", eval_range},           {"Cast", eval_cast},       {"StopGradient", eval_same},
    {"Snapshot", eval_same},         {"Pack", eval_pack},       {"ConcatV2", eval_concat},
    {"StridedSlice", eval_strided_slice}, {"Slice", eval_slice}, {"GatherV2", eval_gather},
    {"Gather", eval_gather},         {"Reshape", eval_reshape}, {"ExpandDims", eval_expand_dims},
    {"Squeeze", eval_squeeze},       {"Add", eval_add},         {"AddV2", eval_add},
    {"Sub", eval_sub},               {"Mul", eval_mul},         {"Maximum", eval_max},
    {"Minimum", eval_min},           {"FloorDiv", eval_floor_div}, {"FloorMod", eval_floor_mod},
    {"Prod", eval_prod},             {"Sum", eval_sum},
};

static bool eval_source(eval *e, fl_tfc_source source, ints *out)
{
    const char *op = fl_tfc_op(e->c, source.node);
    bool known = false;

    if (source.port != 0 || e->depth >= DEPTH_MAX || e->steps >= STEPS_MAX)
        return false;
    e->depth++;
    e->steps++;
    for (size_t i = 0; i < sizeof evaluators / sizeof evaluators[0]; i++)
        if (strcmp(evaluators[i].op, op) == 0)
            known = evaluators[i].fn(e, source.node, out);
    e->depth--;
    return known;
}

bool fl_tfc_eval(fl_tfc *c, fl_tfc_source source, const fl_tfc_binding *binding, fl_tfc_ints *out)
{
    eval e = {c, binding, 0, 0};

    if (fl_tfc_is(c, source.node, "Identity") && !fl_tfc_peek(c, source.node, 0, &source))
        return false;
    return eval_source(&e, source, out);
}

bool fl_tfc_constants(fl_tfc *c, fl_tfc_source source, fl_tfc_ints *out)
{
    return fl_tfc_eval(c, source, NULL, out) && all_known(out);
}
