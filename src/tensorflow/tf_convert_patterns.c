/* tf_convert_patterns.c - several TensorFlow nodes that are one UFF node.
 *
 * Each pattern starts at its last node, which gives the UFF node its name, so whatever read the pattern's result still
 * finds it, and nodes inside that others read too are simply converted for them as well: nothing has to be removed
 * from the graph, and no pattern depends on who else reads what.
 *
 * That the nodes around are shape arithmetic with the right result is not matched node by node, since exporters write
 * it in many ways; it is tried: evaluated under assumed shapes of the input (tf_convert_eval.c), twice with different
 * large primes for the sizes that are not known, and for every rank where the rank is not known. A result that equals
 * "the batch, all the rest" for such numbers does so because it is computed that way.
 *
 *   flatten   Reshape(x, target) with target = [batch, rest]
 *   softmax   Reshape(Softmax(Reshape(x, [rest, last])), shape of x), as TensorFlow 1 writes softmax above rank 2
 *   dilation  BatchToSpaceND(Conv(SpaceToBatchND(x, r, P)), r, C), as convolutions with dilation r are still written.
 *             It is one convolution with dilation r and padding P - C before and after. For inputs of unknown height
 * and width P and C are computed; P - C is the same for all sizes, and again that is tried, for every remainder modulo
 * r. In one dimension an ExpandDims and a Squeeze stand inside, around the convolution.
 */
#include "tf_convert_internal.h"

#include <string.h>

#define PROBES 2

static const int64_t probe_sizes[PROBES][FL_TFC_RANK_MAX] = {
    {10007, 101, 103, 107, 109, 113, 127, 131},
    {20011, 53, 59, 61, 67, 71, 73, 79},
};

static fl_tfc_source strip_identity(const fl_tfc *c, fl_tfc_source source)
{
    fl_tfc_source inner;
    return fl_tfc_is(c, source.node, "Identity") && fl_tfc_peek(c, source.node, 0, &inner) ? inner : source;
}

/* What a pattern says of one assumed shape. */
typedef enum verdict { CANNOT_TELL, HOLDS, FAILS } verdict;
typedef verdict (*trial)(fl_tfc *c, const void *pattern, const fl_tfc_binding *x);

/* True when the trial holds for all assumed shapes of x about which it can tell, and there are some. */
static bool holds_for_all(fl_tfc *c, fl_tfc_source x, trial fn, const void *pattern)
{
    const fl_tfc_shape known = *fl_tfc_shape_of(c, x);
    const int first = known.rank >= 0 ? known.rank : 1, last = known.rank >= 0 ? known.rank : 6;
    bool any = false;

    for (int rank = first; rank <= last; rank++) {
        for (int probe = 0; probe < PROBES; probe++) {
            fl_tfc_binding binding = {strip_identity(c, x), {.rank = rank}};
            for (int i = 0; i < rank; i++)
                binding.shape.dim[i] = known.rank >= 0 && known.dim[i] >= 0 ? known.dim[i] : probe_sizes[probe][i];
            const verdict v = fn(c, pattern, &binding);
            if (v == FAILS)
                return false;
            any |= v == HOLDS;
        }
    }
    return any;
}

static bool product(const int64_t *dim, int count, int64_t *out)
{
    *out = 1;
    for (int i = 0; i < count; i++)
        if (__builtin_mul_overflow(*out, dim[i], out))
            return false;
    return true;
}

/* ---- flatten */

static verdict try_flatten(fl_tfc *c, const void *pattern, const fl_tfc_binding *x)
{
    const fl_tfc_source *in = pattern;
    const fl_tfc_shape *s = &x->shape;
    fl_tfc_ints target;
    int64_t rest;

    if (!fl_tfc_eval(c, in[1], x, &target) || s->rank < 1)
        return CANNOT_TELL;
    if (target.count != 2 || !product(s->dim + 1, s->rank - 1, &rest))
        return FAILS;
    const bool keeps_batch = target.v[0] == s->dim[0], takes_rest = target.v[1] == rest;
    return (keeps_batch && (takes_rest || target.v[1] == -1)) || (target.v[0] == -1 && takes_rest && rest > 0) ? HOLDS
                                                                                                               : FAILS;
}

bool fl_tfc_is_flatten(fl_tfc *c, const fl_tfc_source *in)
{
    return holds_for_all(c, in[0], try_flatten, in);
}

/* ---- softmax */

typedef struct softmax_pattern {
    fl_tfc_source rows, shape; /* targets of the two reshapes */
} softmax_pattern;

static verdict try_softmax(fl_tfc *c, const void *pattern, const fl_tfc_binding *x)
{
    const softmax_pattern *p = pattern;
    const fl_tfc_shape *s = &x->shape;
    fl_tfc_ints rows, shape;
    int64_t outer;
    int wildcards = 0;

    if (s->rank < 1 || !fl_tfc_eval(c, p->rows, x, &rows) || !fl_tfc_eval(c, p->shape, x, &shape))
        return CANNOT_TELL;
    if (rows.count != 2 || !product(s->dim, s->rank - 1, &outer) || rows.v[1] != s->dim[s->rank - 1] ||
        (rows.v[0] != -1 && rows.v[0] != outer) || shape.count != s->rank)
        return FAILS;
    for (int i = 0; i < s->rank; i++) {
        wildcards += shape.v[i] == -1;
        if (shape.v[i] != s->dim[i] && shape.v[i] != -1)
            return FAILS;
    }
    return wildcards <= 1 ? HOLDS : FAILS;
}

floe_status fl_tfc_softmax(fl_tfc *c, const fl_tf_node *reshape, const fl_tfc_source *in, bool *done, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tfc_source inner, x;
    softmax_pattern p = {.shape = in[1]};

    *done = false;
    const fl_tfc_source softmax = strip_identity(c, in[0]);
    if (softmax.port != 0 || !fl_tfc_is(c, softmax.node, "Softmax") || !fl_tfc_peek(c, softmax.node, 0, &inner) ||
        inner.port != 0 || !fl_tfc_is(c, inner.node, "Reshape") || !fl_tfc_peek(c, inner.node, 1, &p.rows))
        goto done;
    FL_TRY(fl_tfc_source_of(c, inner.node, 0, &x, err));
    if (!holds_for_all(c, x, try_softmax, &p))
        goto done;
    FL_TRY(fl_tfc_softmax_node(c, reshape, x, err));
    *done = true;
done:
    return st;
}

/* ---- dilated convolution */

#define RATE_MAX 64

typedef struct dilated {
    const fl_tf_node *to_batch, *conv, *expand, *squeeze; /* the last two: in one dimension, else NULL */
    int               axis; /* that expand inserts */
    fl_tfc_source     block, pads, crops, x, kernel;
    int64_t           rate[4], before[4], after[4]; /* by axis of the convolution's data */
} dilated;

static bool match_one_dimension(fl_tfc *c, dilated *d, fl_tfc_source *at)
{
    int64_t *dims;
    size_t count;
    fl_tfc_source source;
    fl_tfc_ints axis;

    if (fl_tf_attr_ints(c->tf, d->squeeze, "squeeze_dims", &dims, &count, NULL) != FLOE_OK || count != 1)
        return false;
    if (at->port != 0 || !fl_tfc_is(c, at->node, "ExpandDims") || !fl_tfc_peek(c, at->node, 1, &source) ||
        !fl_tfc_constants(c, source, &axis) || axis.count != 1)
        return false;
    d->expand = at->node;
    d->axis = (int)(axis.v[0] < 0 ? axis.v[0] + 4 : axis.v[0]);
    if (d->axis < 1 || d->axis > 3 || (dims[0] < 0 ? dims[0] + 4 : dims[0]) != d->axis)
        return false;
    return fl_tfc_peek(c, d->expand, 0, at);
}

/* Finds the nodes; block, pads and crops are looked at later. */
static bool match_dilated(fl_tfc *c, const fl_tfc_source *in, size_t n_in, dilated *d)
{
    fl_tfc_source at;

    *d = (dilated){0};
    if (n_in < 3)
        return false;
    at = strip_identity(c, in[0]);
    if (fl_tfc_is(c, at.node, "Squeeze")) {
        d->squeeze = at.node;
        if (!fl_tfc_peek(c, d->squeeze, 0, &at))
            return false;
    }
    if (at.port != 0 || (!fl_tfc_is(c, at.node, "Conv2D") && !fl_tfc_is(c, at.node, "DepthwiseConv2dNative")))
        return false;
    d->conv = at.node;
    if (fl_tfc_source_of(c, d->conv, 1, &d->kernel, NULL) != FLOE_OK || !fl_tfc_peek(c, d->conv, 0, &at))
        return false;
    if (d->squeeze && !match_one_dimension(c, d, &at))
        return false;
    if (at.port != 0 || !fl_tfc_is(c, at.node, "SpaceToBatchND"))
        return false;
    d->to_batch = at.node;
    d->block = in[1];
    d->crops = in[2];
    return fl_tfc_source_of(c, d->to_batch, 0, &d->x, NULL) == FLOE_OK && fl_tfc_peek(c, d->to_batch, 2, &d->pads);
}

/* P - C under one assumption (or none), [M,2]. */
static bool net_pads(fl_tfc *c, const dilated *d, const fl_tfc_binding *binding, int axes, int64_t *out)
{
    fl_tfc_ints pads, crops;

    if (!fl_tfc_eval(c, d->pads, binding, &pads) || !fl_tfc_eval(c, d->crops, binding, &crops))
        return false;
    if (pads.rank != 2 || pads.dim[0] != axes || pads.dim[1] != 2 || crops.rank != 2 || crops.count != pads.count)
        return false;
    for (int i = 0; i < 2 * axes; i++) {
        if (pads.v[i] < 0 || pads.v[i] > INT32_MAX || crops.v[i] < 0 || crops.v[i] > INT32_MAX)
            return false; /* also what is unknown */
        out[i] = pads.v[i] - crops.v[i];
    }
    return true;
}

/* The same for all sizes, one probe for each remainder and one to close the circle. */
static bool net_pads_for_all(fl_tfc *c, const dilated *d, const fl_tfc_ints *block, int64_t *out)
{
    int64_t again[6];
    int64_t largest = 1;

    if (net_pads(c, d, NULL, block->count, out))
        return true;
    for (int i = 0; i < block->count; i++)
        largest = block->v[i] > largest ? block->v[i] : largest;
    for (int64_t probe = 0; probe <= largest; probe++) {
        fl_tfc_binding binding = {strip_identity(c, d->x), {.rank = d->expand ? 3 : 4}};
        for (int i = 0; i < binding.shape.rank; i++)
            binding.shape.dim[i] = probe_sizes[0][i];
        for (int i = 0; i < block->count && i + 1 < binding.shape.rank; i++)
            binding.shape.dim[i + 1] = 1000 * block->v[i] + probe;
        if (!net_pads(c, d, &binding, block->count, probe == 0 ? out : again) ||
            (probe > 0 && memcmp(out, again, 2 * (size_t)block->count * sizeof *out) != 0))
            return false;
    }
    return true;
}

/* Fills rate, before and after. */
static bool read_dilation(fl_tfc *c, dilated *d, bool nchw)
{
    fl_tfc_ints block, same_block;
    fl_tfc_source source;
    int64_t pads[6];
    const int h = nchw ? 2 : 1;

    if (!fl_tfc_constants(c, d->block, &block) || !fl_tfc_peek(c, d->to_batch, 1, &source) ||
        !fl_tfc_constants(c, source, &same_block) || block.rank != 1 || block.count < 1 || block.count > 3 ||
        same_block.count != block.count || memcmp(block.v, same_block.v, (size_t)block.count * sizeof *block.v) != 0)
        return false;
    for (int i = 0; i < block.count; i++)
        if (block.v[i] < 1 || block.v[i] > RATE_MAX)
            return false;
    if (!net_pads_for_all(c, d, &block, pads))
        return false;
    for (int i = 0; i < 4; i++)
        d->rate[i] = 1;
    for (int i = 0; i < block.count; i++) {
        const int axis = d->expand && i + 1 >= d->axis ? i + 2 : i + 1;
        if (axis > 3 || pads[2 * i] < 0 || pads[2 * i + 1] < 0)
            return false;
        d->rate[axis] = block.v[i];
        d->before[axis] = pads[2 * i];
        d->after[axis] = pads[2 * i + 1];
    }
    for (int i = 0; i < 4; i++)
        if (i != h && i != h + 1 && (d->rate[i] != 1 || d->before[i] != 0 || d->after[i] != 0))
            return false;
    return true;
}

/* TensorFlow's SAME for stride 1 pads by the kernel alone. */
static bool is_same_padding(const fl_tfc *c, const dilated *d, const fl_tfc_conv *conv)
{
    const fl_tfc_shape *kernel = fl_tfc_shape_of(c, d->kernel);

    for (int i = 0; i < 2; i++) {
        const int64_t size = kernel->rank == 4 ? kernel->dim[i] : -1;
        if (size < 1 || size > INT32_MAX)
            return false;
        const int64_t total = (size - 1) * conv->dilation[i];
        if (conv->pad[2 * i] != total / 2 || conv->pad[2 * i + 1] != total - total / 2)
            return false;
    }
    return true;
}

/* A custom convolution: TensorFlow's own node with the pattern's dilations and explicit paddings. */
static floe_status set_custom_fields(fl_tfc *c, fl_uff_node *u, const dilated *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t pads[8];

    for (int i = 0; i < 4; i++) {
        pads[2 * i] = d->before[i];
        pads[2 * i + 1] = d->after[i];
    }
    FL_TRY(fl_tfc_mark_custom(c, err));
    FL_TRY(fl_tfc_set_attrs(c, u, d->conv, err));
    FL_TRY(fl_tfc_set_text(c, u, "padding", "EXPLICIT", err));
    FL_TRY(fl_tfc_set_ints(c, u, "explicit_paddings", pads, 8, err));
    FL_TRY(fl_tfc_set_ints(c, u, "dilations", d->rate, 4, err));
done:
    return st;
}

static floe_status set_conv_fields(fl_tfc *c, fl_uff_node *u, const dilated *d, const fl_tfc_conv *conv,
                                   floe_error *err)
{
    return conv->why_not ? set_custom_fields(c, u, d, err) : fl_tfc_conv_fields(c, u, conv, d->kernel, err);
}

static const char *conv_operation(const fl_tfc_conv *conv)
{
    if (!conv->why_not)
        return "Conv";
    return conv->depthwise ? "_DepthwiseConv2dNative" : "_Conv2D";
}

/* Squeeze (by the name of the BatchToSpaceND), convolution, ExpandDims: readers first, as everywhere in the file. */
static floe_status emit_one_dimension(fl_tfc *c, const fl_tf_node *n, const dilated *d, const fl_tfc_conv *conv,
                                      floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_node *squeeze, *product_node, *expand;
    const int64_t axis = d->axis;

    FL_TRY(fl_tfc_add(c, &squeeze, n, "Squeeze", err));
    FL_TRY(fl_tfc_set_ints(c, squeeze, "axes", &axis, 1, err));
    const size_t squeeze_at = c->uff->n_node - 1;
    FL_TRY(fl_tfc_add_helper(c, &product_node, n, "Conv2D", conv_operation(conv), err));
    FL_TRY(fl_uff_add_input(c->uff, &c->uff->node[squeeze_at], product_node->id, 0, err));
    FL_TRY(set_conv_fields(c, product_node, d, conv, err));
    FL_TRY(fl_tfc_add_helper(c, &expand, n, "ExpandDims", "ExpandDims", err));
    FL_TRY(fl_tfc_set_int(c, expand, "axis", axis, err));
    FL_TRY(fl_tfc_read(c, expand, d->x, err));
    product_node = &c->uff->node[squeeze_at + 1]; /* adding a node moved it */
    FL_TRY(fl_uff_add_input(c->uff, product_node, expand->id, 0, err));
    FL_TRY(fl_tfc_read(c, product_node, d->kernel, err));
done:
    return st;
}

floe_status fl_tfc_dilated(fl_tfc *c, const fl_tf_node *batch_to_space, const fl_tfc_source *in, size_t n_in,
                           bool *done, floe_error *err)
{
    floe_status st = FLOE_OK;
    dilated d;
    fl_tfc_conv conv;
    fl_uff_node *u;

    *done = false;
    if (!match_dilated(c, in, n_in, &d))
        goto done;
    FL_TRY(fl_tfc_conv_read(c, d.conv, &conv, err));
    if (conv.why_not || conv.same || conv.has_pad || conv.stride[0] != 1 || conv.stride[1] != 1 ||
        conv.dilation[0] != 1 || conv.dilation[1] != 1 || !read_dilation(c, &d, conv.nchw))
        goto done;
    const int h = conv.nchw ? 2 : 1;
    conv.has_dilation = true;
    for (int i = 0; i < 2; i++) {
        conv.dilation[i] = d.rate[h + i];
        conv.pad[2 * i] = d.before[h + i];
        conv.pad[2 * i + 1] = d.after[h + i];
    }
    fl_tfc_conv_check_kernel(c, &conv, d.x, d.kernel);
    conv.has_pad = fl_tfc_conv_is_symmetric(&conv);
    conv.same = !conv.has_pad && is_same_padding(c, &d, &conv);
    if (!conv.has_pad && !conv.same)
        conv.why_not = "asymmetric padding";
    fl_tfc_log(c, "Folding dilated convolution %s into %s%s%s", d.conv->name, batch_to_space->name,
               conv.why_not ? " as custom op: " : "", conv.why_not ? conv.why_not : "");
    *done = true;
    if (d.expand) {
        st = emit_one_dimension(c, batch_to_space, &d, &conv, err);
        goto done;
    }
    FL_TRY(fl_tfc_add(c, &u, batch_to_space, conv_operation(&conv), err));
    FL_TRY(set_conv_fields(c, u, &d, &conv, err));
    FL_TRY(fl_tfc_read(c, u, d.x, err));
    FL_TRY(fl_tfc_read(c, u, d.kernel, err));
done:
    return st;
}
