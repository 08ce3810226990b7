/* opt_dropout.c - dropout left in a graph gives its input back.
 *
 * TensorFlow wrote it in three ways over the years (k: what is kept, U: uniform random numbers, r = 1 - k):
 *
 *   until 1.12   mul(div(x, k), floor(add(k, U)))
 *   1.13 to 2.x  mul(mul(x, 1/k), cast(greater_equal(U, r)))
 *   later        select(greater_equal(U, r), mul(x, 1/k), 0)
 *
 * The pass follows what depends on random numbers; where such a mask meets data in one of these forms, and factor and mask
 * agree (their product is 1, or they read the same k), the data's x takes the result's place. What does not agree is not
 * dropout and stays, to be refused when it is run.
 *
 * Graphs that floe froze have none left (tf_dropout.c); this pass is for those that others froze.
 */
#include "optimizer/optimizer_util.h"

#include <math.h>

#define DEPTH 16 /* of scalar expressions such as 1 / (1 - rate) */

static fl_tensor *through(fl_tensor *t)
{
    while (t && t->producer && t->producer->desc.op == FL_OP_IDENTITY)
        t = t->producer->in[0];
    return t;
}

/* The value of a scalar expression of constants. */
static bool evaluate(fl_tensor *t, int depth, double *out)
{
    float v;
    t = through(t);
    if (!t || depth == 0)
        return false;
    if (fl_opt_scalar(t, &v)) {
        *out = v;
        return true;
    }
    const fl_layer *layer = t->producer;
    double a, b;
    if (!layer || layer->desc.op != FL_OP_BINARY || !evaluate(layer->in[0], depth - 1, &a) ||
        !evaluate(layer->in[1], depth - 1, &b))
        return false;
    switch (layer->desc.p.binary.func) {
    case FL_BINARY_ADD: *out = a + b; return true;
    case FL_BINARY_SUB: *out = a - b; return true;
    case FL_BINARY_MUL: *out = a * b; return true;
    case FL_BINARY_DIV: *out = a / b; return true;
    default: return false;
    }
}

static bool is_random(const fl_tensor *t) { return t && t->id; }

/* What share of the mask is kept: a value, or the tensor that says it. */
typedef struct share {
    bool       known;
    double     value;
    fl_tensor *tensor;
} share;

static bool kept_by(fl_tensor *mask, share *k)
{
    mask = through(mask);
    fl_layer *layer = mask ? mask->producer : NULL;
    if (layer && layer->desc.op == FL_OP_CAST) {
        mask = through(layer->in[0]);
        layer = mask ? mask->producer : NULL;
    }
    if (layer && layer->desc.op == FL_OP_BINARY && layer->desc.p.binary.func == FL_BINARY_GREATER_EQUAL &&
        is_random(layer->in[0]) && !is_random(layer->in[1])) {
        k->tensor = NULL;
        k->known = evaluate(layer->in[1], DEPTH, &k->value);
        k->value = 1 - k->value;
        return k->known;
    }
    if (!layer || layer->desc.op != FL_OP_UNARY || layer->desc.p.unary.func != FL_UNARY_FLOOR)
        return false;
    const fl_tensor *sum = through(layer->in[0]);
    const fl_layer *add = sum ? sum->producer : NULL;
    if (!add || add->desc.op != FL_OP_BINARY || add->desc.p.binary.func != FL_BINARY_ADD ||
        is_random(add->in[0]) == is_random(add->in[1]))
        return false;
    k->tensor = through(add->in[is_random(add->in[0]) ? 1 : 0]);
    k->known = evaluate(k->tensor, DEPTH, &k->value);
    return true;
}

/* x when data is x scaled by 1/k, or data itself when all is kept; NULL when they do not agree. */
static fl_tensor *unscaled(fl_tensor *data, const share *k)
{
    fl_tensor *d = through(data);
    const fl_layer *layer = d->producer;
    const int func = layer && layer->desc.op == FL_OP_BINARY ? layer->desc.p.binary.func : -1;
    for (int slot = 0; (func == FL_BINARY_MUL || func == FL_BINARY_DIV) && slot < 2; slot++) {
        double scale;
        fl_tensor *s = through(layer->in[1 - slot]);
        if (func == FL_BINARY_DIV && slot == 1)
            break;
        if (func == FL_BINARY_DIV && s == k->tensor)
            return layer->in[slot];
        if (k->known && evaluate(s, DEPTH, &scale)) {
            scale = func == FL_BINARY_DIV ? 1 / scale : scale;
            if (fabs(scale * k->value - 1) < 1e-3 && fl_tensor_same_shape(layer->desc.in[slot], &d->desc))
                return layer->in[slot];
        }
    }
    return k->known && fabs(k->value - 1) < 1e-6 ? data : NULL;
}

static fl_tensor *dropout_input(const fl_layer *layer)
{
    share k = {0};
    if (layer->desc.op == FL_OP_BINARY && layer->desc.p.binary.func == FL_BINARY_MUL) {
        const int mask = is_random(layer->in[0]) ? 0 : 1;
        if (is_random(layer->in[0]) == is_random(layer->in[1]) || !kept_by(layer->in[mask], &k))
            return NULL;
        fl_tensor *x = unscaled(layer->in[1 - mask], &k);
        return x && fl_tensor_same_shape(&x->desc, layer->desc.out[0]) ? x : NULL;
    }
    if (layer->desc.op == FL_OP_SELECT && is_random(layer->in[0]) && kept_by(layer->in[0], &k)) {
        double zero;
        fl_tensor *x = evaluate(layer->in[2], DEPTH, &zero) && zero == 0 ? unscaled(layer->in[1], &k) : NULL;
        return x && fl_tensor_same_shape(&x->desc, layer->desc.out[0]) ? x : NULL;
    }
    return NULL;
}

/* Clears the marks (tensor->id: 1 = depends on random numbers) and says whether there is anything to do. */
static bool clear_marks(fl_network *net)
{
    bool any = false;
    for (size_t i = 0; i < net->n_inputs; i++)
        net->inputs[i]->id = 0;
    for (size_t i = 0; i < net->n_layers; i++) {
        any = any || net->layers[i]->desc.op == FL_OP_RANDOM_UNIFORM;
        for (int k = 0; k < net->layers[i]->desc.n_in; k++)
            if (net->layers[i]->in[k])
                net->layers[i]->in[k]->id = 0;
        for (int k = 0; k < net->layers[i]->desc.n_out; k++)
            net->layers[i]->out[k]->id = 0;
    }
    return any;
}

floe_status fl_opt_dropout(fl_opt_context *ctx, floe_error *err)
{
    fl_network *net = ctx->net;
    (void)err;
    if (!clear_marks(net))
        return FLOE_OK;
    for (size_t i = 0; i < net->n_layers; i++) {
        fl_layer *layer = net->layers[i];
        bool random = layer->desc.op == FL_OP_RANDOM_UNIFORM;
        for (int k = 0; k < layer->desc.n_in; k++)
            random = random || is_random(layer->in[k]);
        if (layer->desc.op == FL_OP_SHAPE)
            random = false; /* of a mask: no randomness in it */
        fl_tensor *x = random ? dropout_input(layer) : NULL;
        if (x)
            fl_opt_bypass(ctx, layer, x);
        for (int k = 0; k < layer->desc.n_out; k++)
            layer->out[k]->id = random && !x;
    }
    return FLOE_OK;
}
