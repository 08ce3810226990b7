/* tf_convert_shapes.c - static shapes, as far as the graph alone tells them.
 *
 * A few rules must know something of shapes to stay exact: a bias along axis 1 broadcasts right only when the rank is
 * known, a convolution has groups when the kernel is thinner than the data, a Reshape is a flattening when the sizes
 * say so. Nodes come here inputs first (tf_convert.c), each is looked at once, and not knowing is always allowed: a
 * rule that does not know keeps TensorFlow's own form. So only common operations are listed, and only output 0. The
 * attribute _output_shapes is not believed: graph editing leaves it stale.
 */
#include "tf_convert_internal.h"

#include "proto/wire.h"

#include <string.h>

typedef fl_tfc_shape shape;
typedef void (*inference)(fl_tfc *c, const fl_tf_node *n, shape *out);

static const shape unknown = {.rank = -1};

const fl_tfc_shape *fl_tfc_shape_of(const fl_tfc *c, fl_tfc_source source)
{
    return source.port == 0 ? &fl_tfc_info_of(c, source.node)->shape : &unknown;
}

static const shape *input_shape(fl_tfc *c, const fl_tf_node *n, size_t i)
{
    fl_tfc_source source;
    return fl_tfc_source_of(c, n, i, &source, NULL) == FLOE_OK ? fl_tfc_shape_of(c, source) : &unknown;
}

static bool input_constants(fl_tfc *c, const fl_tf_node *n, size_t i, fl_tfc_ints *out)
{
    fl_tfc_source source;
    return fl_tfc_source_of(c, n, i, &source, NULL) == FLOE_OK && fl_tfc_constants(c, source, out);
}

static shape of_rank(int rank)
{
    shape s = {.rank = rank};

    for (int i = 0; i < rank; i++)
        s.dim[i] = -1;
    return s;
}

static void from_tf(const fl_tf_shape *from, shape *out)
{
    *out = unknown;
    if (from->unknown_rank || from->rank > FL_TFC_RANK_MAX)
        return;
    out->rank = from->rank;
    for (int i = 0; i < from->rank; i++)
        out->dim[i] = from->dim[i] < 0 ? -1 : from->dim[i];
}

/* ---- sources */

/* Before graph version 22 "shape {}" on a placeholder meant "unknown", and files frozen by TensorFlow 1 mostly carry no
 * version at all. */
static void infer_placeholder(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    fl_tf_shape s;

    if (fl_tf_attr_shape(c->tf, n, "shape", &s, NULL) == FLOE_OK)
        from_tf(&s, out);
    if (out->rank == 0 && c->tf->producer <= 21)
        *out = unknown;
}

static void infer_shape_attr(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    fl_tf_shape s;

    if (fl_tf_attr_shape(c->tf, n, "shape", &s, NULL) == FLOE_OK)
        from_tf(&s, out);
}

static bool last_message(fl_bytes in, uint32_t number, fl_bytes *out)
{
    fl_reader r = fl_reader_make(in.data, in.size);
    fl_pb_field f;

    *out = (fl_bytes){NULL, 0};
    while (fl_pb_next(&r, &f))
        if (f.number == number && f.wire == FL_PB_BYTES)
            *out = (fl_bytes){f.bytes, f.size};
    return !r.failed;
}

/* The shape alone: decoding values can cost memory. */
static void infer_const(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    enum { TENSOR_SHAPE = 2 };
    fl_bytes value, tensor, encoded;
    fl_tf_shape s;

    if (fl_tf_attr_find(n, "value", &value) && last_message(value, FL_TF_ATTR_TENSOR, &tensor) &&
        last_message(tensor, TENSOR_SHAPE, &encoded) && fl_tf_shape_parse(&c->scratch, encoded, &s, NULL) == FLOE_OK)
        from_tf(&s, out);
}

/* ---- element-wise */

static void infer_same(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    *out = *input_shape(c, n, 0);
}

static void infer_broadcast(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *a = input_shape(c, n, 0), *b = input_shape(c, n, 1);

    if (a->rank < 0 || b->rank < 0)
        return;
    const int rank = a->rank > b->rank ? a->rank : b->rank;
    *out = of_rank(rank);
    for (int i = 0; i < rank; i++) {
        const int ai = i - (rank - a->rank), bi = i - (rank - b->rank);
        const int64_t da = ai < 0 ? 1 : a->dim[ai], db = bi < 0 ? 1 : b->dim[bi];
        /* An unknown dimension could be 1, so the other decides only when it is not. */
        out->dim[i] = da == 1 ? db : db == 1 ? da : da >= 0 ? da : db;
    }
}

/* ---- windows */

static bool is_nchw(fl_tfc *c, const fl_tf_node *n)
{
    const char *format = fl_tf_attr_string(c->tf, n, "data_format");
    return format && strcmp(format, "NCHW") == 0;
}

static int64_t list_entry(fl_tfc *c, const fl_tf_node *n, const char *attr, int i, int64_t absent)
{
    int64_t *list;
    size_t count;

    if (fl_tf_attr_ints(c->tf, n, attr, &list, &count, NULL) != FLOE_OK || count != 4)
        return absent;
    return list[i];
}

/* The size of one axis after a window has run over it; -1 where anything is unknown. */
static int64_t window_size(fl_tfc *c, const fl_tf_node *n, int64_t in, int64_t kernel, int axis)
{
    const char *padding = fl_tf_attr_string(c->tf, n, "padding");
    const int64_t stride = list_entry(c, n, "strides", axis, 0), dilation = list_entry(c, n, "dilations", axis, 1);

    if (in < 0 || in > INT32_MAX || stride < 1 || stride > INT32_MAX || !padding)
        return -1;
    if (strcmp(padding, "SAME") == 0)
        return (in + stride - 1) / stride;
    if (strcmp(padding, "VALID") != 0 || kernel < 1 || kernel > INT32_MAX || dilation < 1 || dilation > INT32_MAX)
        return -1;
    const int64_t reach = (kernel - 1) * dilation + 1;
    return in >= reach ? (in - reach) / stride + 1 : -1;
}

static void infer_conv(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0), *kernel = input_shape(c, n, 1);
    const int h = is_nchw(c, n) ? 2 : 1, channel = is_nchw(c, n) ? 1 : 3;
    int64_t channels;

    *out = of_rank(4);
    if (x->rank == 4)
        out->dim[0] = x->dim[0];
    if (kernel->rank != 4)
        return;
    for (int i = 0; x->rank == 4 && i < 2; i++)
        out->dim[h + i] = window_size(c, n, x->dim[h + i], kernel->dim[i], h + i);
    if (strcmp(n->op, "Conv2D") == 0)
        out->dim[channel] = kernel->dim[3];
    else if (kernel->dim[2] >= 0 && kernel->dim[3] >= 0 &&
             !__builtin_mul_overflow(kernel->dim[2], kernel->dim[3], &channels))
        out->dim[channel] = channels;
}

static void infer_pool(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);
    const int h = is_nchw(c, n) ? 2 : 1, channel = is_nchw(c, n) ? 1 : 3;

    *out = of_rank(4);
    if (x->rank != 4)
        return;
    out->dim[0] = x->dim[0];
    if (list_entry(c, n, "ksize", channel, 0) == 1)
        out->dim[channel] = x->dim[channel];
    for (int i = h; i < h + 2; i++)
        out->dim[i] = window_size(c, n, x->dim[i], list_entry(c, n, "ksize", i, 0), i);
}

static void infer_conv_transpose(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *kernel = input_shape(c, n, 1);
    fl_tfc_source sizes;
    fl_tfc_ints v;

    *out = of_rank(4);
    if (kernel->rank == 4)
        out->dim[is_nchw(c, n) ? 1 : 3] = kernel->dim[2];
    if (fl_tfc_source_of(c, n, 0, &sizes, NULL) != FLOE_OK || !fl_tfc_eval(c, sizes, NULL, &v) || v.count != 4)
        return;
    for (int i = 0; i < 4; i++)
        if (v.v[i] >= 0)
            out->dim[i] = v.v[i];
}

static void infer_batch_norm(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const char *format = fl_tf_attr_string(c->tf, n, "data_format");

    *out = *input_shape(c, n, 0);
    if (out->rank < 0 && (!format || strlen(format) == 4))
        *out = of_rank(4);
}

static void infer_matmul(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *a = input_shape(c, n, 0), *b = input_shape(c, n, 1);

    *out = of_rank(2);
    if (a->rank == 2)
        out->dim[0] = a->dim[fl_tf_attr_bool(n, "transpose_a", false)];
    if (b->rank == 2)
        out->dim[1] = b->dim[!fl_tf_attr_bool(n, "transpose_b", false)];
}

/* ---- movers */

static void infer_reshape(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);
    fl_tfc_source source;
    fl_tfc_ints target;
    int64_t total = 1, known = 1;
    int open = -1, n_open = 0;

    if (fl_tfc_source_of(c, n, 1, &source, NULL) != FLOE_OK || !fl_tfc_eval(c, source, NULL, &target) ||
        target.rank > 1 || target.count > FL_TFC_RANK_MAX)
        return;
    *out = of_rank(target.count);
    for (int i = 0; i < target.count; i++) {
        out->dim[i] = target.v[i] < 0 ? -1 : target.v[i];
        if (target.v[i] < 0)
            open = i, n_open++;
        else if (__builtin_mul_overflow(known, target.v[i], &known))
            n_open = 2;
    }
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] < 0 || __builtin_mul_overflow(total, x->dim[i], &total))
            return;
    if (x->rank >= 0 && n_open == 1 && known > 0 && total % known == 0)
        out->dim[open] = total / known;
}

static void infer_squeeze(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);
    bool drop[FL_TFC_RANK_MAX] = {false};
    int64_t *dims;
    size_t count;

    if (x->rank < 0 || fl_tf_attr_ints(c->tf, n, "squeeze_dims", &dims, &count, NULL) != FLOE_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        const int64_t axis = dims[i] < 0 ? dims[i] + x->rank : dims[i];
        if (axis < 0 || axis >= x->rank)
            return;
        drop[axis] = true;
    }
    for (int i = 0; count == 0 && i < x->rank; i++) {
        if (x->dim[i] < 0) /* may be 1 or not */
            return;
        drop[i] = x->dim[i] == 1;
    }
    out->rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (!drop[i])
            out->dim[out->rank++] = x->dim[i];
}

static void infer_expand_dims(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);
    fl_tfc_ints axis;

    if (x->rank < 0 || x->rank >= FL_TFC_RANK_MAX || !input_constants(c, n, 1, &axis) || axis.count != 1)
        return;
    const int64_t at = axis.v[0] < 0 ? axis.v[0] + x->rank + 1 : axis.v[0];
    if (at < 0 || at > x->rank)
        return;
    out->rank = x->rank + 1;
    for (int i = 0; i < out->rank; i++)
        out->dim[i] = i < at ? x->dim[i] : i == at ? 1 : x->dim[i - 1];
}

static void infer_transpose(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);
    fl_tfc_ints perm;

    if (x->rank < 0 || !input_constants(c, n, 1, &perm) || perm.count != x->rank)
        return;
    for (int i = 0; i < x->rank; i++) {
        const int64_t from = perm.v[i] < 0 ? perm.v[i] + x->rank : perm.v[i];
        if (from < 0 || from >= x->rank)
            return;
        out->dim[i] = x->dim[from];
    }
    out->rank = x->rank;
}

static void infer_concat(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const size_t inputs = fl_tfc_data_inputs(n);
    fl_tfc_ints axis;

    if (inputs < 2 || !input_constants(c, n, inputs - 1, &axis) || axis.count != 1)
        return;
    shape joined = *input_shape(c, n, 0);
    const int64_t at = axis.v[0] < 0 ? axis.v[0] + joined.rank : axis.v[0];
    if (joined.rank < 0 || at < 0 || at >= joined.rank)
        return;
    for (size_t i = 1; i + 1 < inputs; i++) {
        const shape *part = input_shape(c, n, i);
        if (part->rank != joined.rank)
            return;
        for (int k = 0; k < joined.rank; k++)
            if (k != at && joined.dim[k] < 0)
                joined.dim[k] = part->dim[k];
        if (part->dim[at] < 0 || joined.dim[at] < 0 ||
            __builtin_add_overflow(joined.dim[at], part->dim[at], &joined.dim[at]))
            joined.dim[at] = -1;
    }
    *out = joined;
}

static void infer_pad(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);
    fl_tfc_ints pads;

    if (x->rank < 0 || !input_constants(c, n, 1, &pads) || pads.count != 2 * x->rank)
        return;
    *out = *x;
    for (int i = 0; i < x->rank; i++) {
        const int64_t before = pads.v[2 * i], after = pads.v[2 * i + 1];
        if (x->dim[i] >= 0 && (before < 0 || after < 0 || __builtin_add_overflow(x->dim[i], before, &out->dim[i]) ||
                               __builtin_add_overflow(out->dim[i], after, &out->dim[i])))
            out->dim[i] = -1;
    }
}

static void infer_reduce(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);
    const bool keep = fl_tf_attr_bool(n, "keep_dims", false);
    bool reduced[FL_TFC_RANK_MAX] = {false};
    fl_tfc_ints axes;

    if (x->rank < 0 || !input_constants(c, n, 1, &axes))
        return;
    for (int i = 0; i < axes.count; i++) {
        const int64_t axis = axes.v[i] < 0 ? axes.v[i] + x->rank : axes.v[i];
        if (axis < 0 || axis >= x->rank)
            return;
        reduced[axis] = true;
    }
    out->rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (!reduced[i] || keep)
            out->dim[out->rank++] = reduced[i] ? 1 : x->dim[i];
}

static void infer_pack(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);

    if (x->rank < 0 || x->rank >= FL_TFC_RANK_MAX)
        return;
    const int64_t axis = fl_tf_attr_int(n, "axis", 0), at = axis < 0 ? axis + x->rank + 1 : axis;
    if (at < 0 || at > x->rank)
        return;
    out->rank = x->rank + 1;
    for (int i = 0; i < out->rank; i++)
        out->dim[i] = i < at ? x->dim[i] : i == at ? (int64_t)fl_tfc_data_inputs(n) : x->dim[i - 1];
}

static void infer_shape_vector(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);

    *out = of_rank(1);
    out->dim[0] = x->rank >= 0 ? x->rank : -1;
}

static void infer_rank_4(fl_tfc *c, const fl_tf_node *n, shape *out)
{
    const shape *x = input_shape(c, n, 0);

    *out = of_rank(4);
    if (x->rank == 4) {
        out->dim[0] = x->dim[0];
        out->dim[3] = x->dim[3];
    }
}

/* ---- dispatch */

static const struct {
    const char *op;
    inference   fn;
} inferences[] = {
    {"Placeholder", infer_placeholder},
    {"Const", infer_const},
    {"PlaceholderWithDefault", infer_shape_attr},
    {"EnsureShape", infer_shape_attr},
    {"Conv2D", infer_conv},
    {"DepthwiseConv2dNative", infer_conv},
    {"Conv2DBackpropInput", infer_conv_transpose},
    {"MaxPool", infer_pool},
    {"AvgPool", infer_pool},
    {"FusedBatchNorm", infer_batch_norm},
    {"FusedBatchNormV2", infer_batch_norm},
    {"FusedBatchNormV3", infer_batch_norm},
    {"MatMul", infer_matmul},
    {"Reshape", infer_reshape},
    {"Squeeze", infer_squeeze},
    {"ExpandDims", infer_expand_dims},
    {"Transpose", infer_transpose},
    {"ConcatV2", infer_concat},
    {"Pad", infer_pad},
    {"PadV2", infer_pad},
    {"MirrorPad", infer_pad},
    {"Pack", infer_pack},
    {"Shape", infer_shape_vector},
    {"ResizeBilinear", infer_rank_4},
    {"ResizeNearestNeighbor", infer_rank_4},
    {"ResizeBicubic", infer_rank_4},
#define REDUCE(op) {op, infer_reduce}
    REDUCE("Mean"), REDUCE("Sum"), REDUCE("Max"), REDUCE("Min"), REDUCE("Prod"),
#define BROADCAST(op) {op, infer_broadcast}
    BROADCAST("Add"), BROADCAST("AddV2"), BROADCAST("Sub"), BROADCAST("Mul"), BROADCAST("Div"), BROADCAST("RealDiv"),
    BROADCAST("Minimum"), BROADCAST("Maximum"), BROADCAST("Pow"), BROADCAST("SquaredDifference"), BROADCAST("FloorDiv"),
    BROADCAST("FloorMod"), BROADCAST("Greater"), BROADCAST("GreaterEqual"), BROADCAST("Less"), BROADCAST("LessEqual"),
#define SAME(op) {op, infer_same}
    SAME("Identity"), SAME("StopGradient"), SAME("PreventGradient"), SAME("CheckNumerics"), SAME("Snapshot"),
    SAME("BiasAdd"), SAME("BiasAddV1"), SAME("Relu"), SAME("Relu6"), SAME("LeakyRelu"), SAME("Elu"), SAME("Selu"),
    SAME("Sigmoid"), SAME("Tanh"), SAME("Softplus"), SAME("Softsign"), SAME("Softmax"), SAME("LogSoftmax"), SAME("LRN"),
    SAME("Neg"), SAME("Abs"), SAME("Sqrt"), SAME("Rsqrt"), SAME("Square"), SAME("Exp"), SAME("Log"), SAME("Floor"),
    SAME("Ceil"), SAME("Round"), SAME("Reciprocal"), SAME("Erf"), SAME("Sign"), SAME("Cast"), SAME("AddN"),
    SAME("FakeQuantWithMinMaxVars"), SAME("FakeQuantWithMinMaxArgs"), SAME("ZerosLike"), SAME("OnesLike"),
    SAME("ClipByValue"),
};

void fl_tfc_infer(fl_tfc *c, const fl_tf_node *n)
{
    fl_tfc_info *info = fl_tfc_info_of(c, n);
    shape out = unknown;

    if (info->override) {
        out.rank = info->override->rank;
        for (int i = 0; i < out.rank; i++)
            out.dim[i] = info->override->dim[i] < 0 ? -1 : info->override->dim[i];
        info->shape = out;
        return;
    }
    for (size_t i = 0; i < sizeof inferences / sizeof inferences[0]; i++) {
        if (strcmp(inferences[i].op, n->op) == 0) {
            inferences[i].fn(c, n, &out);
            break;
        }
    }
    info->shape = out;
}
