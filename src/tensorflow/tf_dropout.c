/* tf_dropout.c - dropout that was left in a graph is taken out: at inference it passes its input on.
 *
 * Dropout keeps an element with probability k = 1 - r and divides it by k. The eras wrote it as
 *
 *     Mul(x / k, Floor(k + U))                            up to TensorFlow 1.12
 *     Mul(x * 1/k, Cast(U >= r))                          up to 2.x
 *     SelectV2(U >= r, x * 1/k, 0)                        since
 *
 * with U uniform in [0, 1): RandomUniform or its stateless kin, perhaps scaled by (max - min) and shifted by min. A
 * scale may be a division, by k or by 1 - r. A pattern is taken only if mask and scale belong together: their numbers
 * agree, or they are made from the same tensor. Random noise that is not dropout stays.
 *
 * The optimizer has the same rule for networks (opt_dropout.c), since whoever froze a graph may have left dropout in it.
 * It cannot stand in for this one: a frozen graph is read by others too, UFF has no random numbers, and a keep_prob that
 * was fed would remain an input of the network, whose bindings no pass may change.
 */
#include "tf_freezer.h"

#include <math.h>
#include <string.h>

/* What a mask keeps: the probability, as a tensor (keep) or as one minus a tensor (drop). */
typedef struct mask {
    const char *keep, *drop;
} mask;

static const fl_tf_node *producer(const fl_tf_freezer *f, const char *input)
{
    return fl_tf_graph_input(f->graph, input, NULL);
}

static bool is_op(const fl_tf_node *n, const char *op, size_t inputs)
{
    return n && strcmp(n->op, op) == 0 && n->n_input >= inputs;
}

static bool is_random(const fl_tf_node *n)
{
    return n && (strcmp(n->op, "RandomUniform") == 0 || strncmp(n->op, "StatelessRandomUniform", 22) == 0);
}

/* A uniform number, perhaps through * (max - min) and + min. */
static bool is_uniform(const fl_tf_freezer *f, const char *input)
{
    const fl_tf_node *n = producer(f, input);

    if (is_op(n, "Add", 2) || is_op(n, "AddV2", 2))
        n = producer(f, n->input[0]);
    if (is_op(n, "Mul", 2))
        n = producer(f, n->input[0]);
    return is_random(n);
}

/* U >= r. */
static bool match_comparison(const fl_tf_freezer *f, const char *input, mask *out)
{
    const fl_tf_node *n = producer(f, input);

    if (!is_op(n, "GreaterEqual", 2) || !is_uniform(f, n->input[0]))
        return false;
    *out = (mask){NULL, n->input[1]};
    return true;
}

/* Cast(U >= r), or Floor(k + U). */
static bool match_mask(const fl_tf_freezer *f, const char *input, mask *out)
{
    const fl_tf_node *n = producer(f, input);

    if (is_op(n, "Cast", 1))
        return match_comparison(f, n->input[0], out);
    n = is_op(n, "Floor", 1) ? producer(f, n->input[0]) : NULL;
    if (!is_op(n, "Add", 2) && !is_op(n, "AddV2", 2))
        return false;
    for (int i = 0; i < 2; i++)
        if (is_uniform(f, n->input[i])) {
            *out = (mask){n->input[1 - i], NULL};
            return true;
        }
    return false;
}

/* True when `a` is one minus `b`, written so. */
static bool is_complement(fl_tf_freezer *f, const char *a, const char *b)
{
    const fl_tf_node *n = producer(f, a);
    double one;

    return is_op(n, "Sub", 2) && strcmp(n->input[1], b) == 0 && fl_tf_scalar_value(f, n->input[0], &one) && one == 1;
}

/* True when scaling by `factor` (or by 1 / `divisor`) is what a mask of this probability calls for. */
static bool belongs(fl_tf_freezer *f, const mask *m, const char *factor, const char *divisor)
{
    double keep, scale;

    if (divisor && m->keep && strcmp(divisor, m->keep) == 0)
        return true;
    if (divisor && m->drop && (is_complement(f, divisor, m->drop) || is_complement(f, m->drop, divisor)))
        return true;
    if (!fl_tf_scalar_value(f, m->keep ? m->keep : m->drop, &keep) ||
        !fl_tf_scalar_value(f, divisor ? divisor : factor, &scale))
        return false;
    keep = m->keep ? keep : 1 - keep;
    scale = divisor ? 1 / scale : scale;
    return keep > 0 && fabs(scale * keep - 1) < 1e-3;
}

/* x, when the tensor is x scaled as the mask calls for; NULL otherwise. */
static const char *match_scale(fl_tf_freezer *f, const char *input, const mask *m)
{
    const fl_tf_node *n = producer(f, input);

    if ((is_op(n, "RealDiv", 2) || is_op(n, "Div", 2)) && belongs(f, m, NULL, n->input[1]))
        return n->input[0];
    for (int i = 0; is_op(n, "Mul", 2) && i < 2; i++)
        if (belongs(f, m, n->input[i], NULL))
            return n->input[1 - i];
    return NULL;
}

/* What the node passes on when it is a dropout; NULL when it is none. */
static const char *match_dropout(fl_tf_freezer *f, const fl_tf_node *n)
{
    double zero;
    mask m;

    if (is_op(n, "SelectV2", 3) || is_op(n, "Select", 3))
        return match_comparison(f, n->input[0], &m) && fl_tf_scalar_value(f, n->input[2], &zero) && zero == 0
                   ? match_scale(f, n->input[1], &m)
                   : NULL;
    for (int i = 0; is_op(n, "Mul", 2) && i < 2; i++)
        if (match_mask(f, n->input[i], &m))
            return match_scale(f, n->input[1 - i], &m);
    return NULL;
}

floe_status fl_tf_remove_dropout(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    size_t removed = 0;

    for (size_t i = 0; i < f->graph->n_node; i++) {
        const char *x = f->graph->node[i].removed ? NULL : match_dropout(f, &f->graph->node[i]);
        if (!x)
            continue;
        fl_log(f->env, FLOE_SEVERITY_VERBOSE, "%s: '%s' is a dropout and passes '%s' on", f->graph->path,
               f->graph->node[i].name, x);
        FL_TRY(fl_tf_alias_set(f, i, 0, x, err));
        FL_TRY(fl_tf_make_identity(f, i, x, FL_TF_INVALID, err));
        removed++;
    }
    if (removed > 0) {
        fl_log(f->env, FLOE_SEVERITY_INFO, "%s: %zu dropout%s removed", f->graph->path, removed,
               removed == 1 ? "" : "s");
        FL_TRY(fl_tf_freezer_prune(f, err));
    }
done:
    return st;
}
