/* optimizer.h - network to better network: an ordered table of passes, each switchable and dumpable.
 *
 * A pass keeps the network's meaning (up to float rounding), its bindings and its names. After each pass the network
 * is sorted and, in debug builds, verified.
 */
#ifndef FL_OPTIMIZER_H
#define FL_OPTIMIZER_H

#include "network/network.h"

typedef struct fl_opt_context {
    fl_network *net;
    int changes; /* a pass counts what it changed; the driver logs it */
    fl_dtype storage;       /* of fl_opt_options */
    bool     half_bindings;
} fl_opt_context;

typedef floe_status (*fl_opt_run)(fl_opt_context *ctx, floe_error *err);

typedef struct fl_opt_pass {
    const char *name; /* "fold-batchnorm" */
    const char *help; /* one line for --list-passes */
    fl_opt_run  run;
    bool        required; /* runs even with the optimizer off: without it some networks cannot run (dropout) */
} fl_opt_pass;

typedef struct fl_opt_options {
    int                level;       /* 0: required passes only; 1: all */
    const char *const *skip;        /* pass names not to run; an unknown name is an error naming the nearest */
    size_t             n_skip;
    const char *const *dump_after;  /* pass names after which `dump` is called; "all" */
    size_t             n_dump;
    void (*dump)(void *user, const char *pass, const char *text);
    void              *dump_user;
    fl_dtype           storage;     /* of activations: f16, bf16; none or f32: as the graph has them */
    bool               half_bindings; /* inputs and outputs are stored so too, not f32 */
} fl_opt_options;

/* The table, in running order. */
const fl_opt_pass *fl_opt_passes(size_t *count);
floe_status        fl_opt_run_all(fl_network *net, const fl_opt_options *options, floe_error *err);

#endif
