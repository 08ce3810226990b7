/* optimizer.c - the ordered table of passes and the driver that runs it.
 *
 * Order matters. Dropout goes first because its random numbers must never be folded or run. Constants are folded before
 * patterns are matched, so that written-out batch norms and shape arithmetic shrink to the forms the passes know. Pads go
 * while no transpose stands between them and their convolution. Layouts are settled before anything is fused, so that
 * fusions see one format. Scales and shifts go into the weights, then the residual, then the activation: the order in
 * which a fused layer applies them.
 */
#include "optimizer/optimizer_util.h"

#include <string.h>

static const fl_opt_pass passes[] = {
    {"dropout", "removes dropout: at inference it passes its input through", fl_opt_dropout, true},
    {"fold-constants", "computes what depends on constants only", fl_opt_fold_constants, false},
    {"identities", "removes layers that change nothing", fl_opt_identities, false},
    {"activations", "writes minima, maxima and x * sigmoid(x) as relu, relu6, leaky_relu and silu", fl_opt_activations, false},
    {"fold-pad", "puts zero padding into the convolution or maximum behind it", fl_opt_fold_pad, false},
    {"layout", "brings convolutions and pools from NCHW to NHWC between transposes", fl_opt_layout, false},
    {"transposes", "moves transposes down and lets them cancel", fl_opt_transposes, false},
    {"fold-batchnorm", "puts batch norms, fused or written out, and biases into the weights before them",
     fl_opt_fold_batchnorm, false},
    {"fold-scale", "puts factors and terms into the weights behind them", fl_opt_fold_scale, false},
    {"merge-scale-shift", "joins a per-channel factor and term without weights before them", fl_opt_merge_scale_shift, false},
    {"fuse-residual", "adds the other branch inside the convolution or product", fl_opt_fuse_residual, false},
    {"fuse-activation", "applies activations inside the layer before them", fl_opt_fuse_activation, false},
    {"precision", "stores activations in half precision where that is asked for", fl_opt_precision, true},
    {"dead-layers", "drops what no output needs", fl_opt_dead_layers, true},
};
#define N_PASSES (sizeof passes / sizeof *passes)

const fl_opt_pass *fl_opt_passes(size_t *count)
{
    *count = N_PASSES;
    return passes;
}

static bool listed(const char *const *names, size_t n, const char *name, const char *all)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], name) || (all && !strcmp(names[i], all)))
            return true;
    return false;
}

static floe_status check_names(const char *const *names, size_t n, const char *all, const char *what, floe_error *err)
{
    const char *known[N_PASSES];
    for (size_t i = 0; i < N_PASSES; i++)
        known[i] = passes[i].name;
    for (size_t i = 0; i < n; i++) {
        if (listed(known, N_PASSES, names[i], NULL) || (all && !strcmp(names[i], all)))
            continue;
        const char *near = fl_nearest_name(names[i], known, N_PASSES);
        return fl_fail(err, FLOE_ERR_ARGUMENT, "%s: no pass '%s'%s%s%s", what, names[i], near ? "; the nearest is '" : "",
                       near ? near : "", near ? "'" : "");
    }
    return FLOE_OK;
}

static floe_status dump(const fl_network *net, const fl_opt_options *o, const char *pass, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf text = fl_buf_make(net->env);
    fl_net_print(&text, net);
    fl_put_u8(&text, 0);
    FL_NEED(!text.failed, text.size, "a dump", err);
    o->dump(o->dump_user, pass, (const char *)text.data);
done:
    fl_buf_free(&text);
    return st;
}

static floe_status run_pass(fl_opt_context *ctx, const fl_opt_pass *pass, floe_error *err)
{
    floe_status st = FLOE_OK;
    ctx->changes = 0;
    fl_net_count_uses(ctx->net);
    FL_TRY(pass->run(ctx, err));
    FL_TRY(fl_net_sort(ctx->net, err));
#ifndef NDEBUG
    FL_TRY(fl_net_verify(ctx->net, err));
#endif
    fl_log(ctx->net->env, FLOE_SEVERITY_VERBOSE, "pass %s: %d changes, %zu layers", pass->name, ctx->changes,
           ctx->net->n_layers);
done:
    if (st != FLOE_OK)
        fl_error_prefix(err, "pass %s", pass->name);
    return st;
}

floe_status fl_opt_run_all(fl_network *net, const fl_opt_options *options, floe_error *err)
{
    static const fl_opt_options defaults = {.level = 1};
    floe_status st = FLOE_OK;
    const fl_opt_options *o = options ? options : &defaults;
    fl_opt_context ctx = {.net = net, .storage = o->storage, .half_bindings = o->half_bindings};
    FL_TRY(check_names(o->skip, o->n_skip, NULL, "skip-pass", err));
    FL_TRY(check_names(o->dump_after, o->n_dump, "all", "dump-after", err));
    for (size_t i = 0; i < N_PASSES; i++) {
        if (listed(o->skip, o->n_skip, passes[i].name, NULL) || (o->level < 1 && !passes[i].required))
            continue;
        FL_TRY(run_pass(&ctx, &passes[i], err));
        if (o->dump && listed(o->dump_after, o->n_dump, passes[i].name, "all"))
            FL_TRY(dump(net, o, passes[i].name, err));
    }
done:
    return st;
}
