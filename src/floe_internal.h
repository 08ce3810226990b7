/* floe_internal.h - what the public entry points share: the structs behind the opaque types. */
#ifndef FLOE_INTERNAL_H
#define FLOE_INTERNAL_H

#include "floe.h"

#include "network/network.h"
#include "runtime/runtime.h"
#include "tensorflow/graphdef.h"
#include "uff/uff_import.h"

struct floe_blob {
    floe_env env;
    fl_buf   buf;
};

struct floe_network {
    floe_env      env;
    fl_network   *net; /* NULL until the first layer or a parse */
    fl_tf_graph  *tf;  /* the weights of a parsed network live in these */
    fl_uff_graph *uff;
    floe_error    first; /* first failure of a hand-made network; status FLOE_OK when none */
};

struct floe_engine {
    floe_env        env;
    fl_engine      *engine;
    floe_binding   *bindings;
    int             n_bindings;
    floe_input_preprocess preprocess;
};

struct floe_context {
    fl_context        *context;
    const floe_engine *engine;
};

/* A blob that takes the buffer over; frees it on failure. */
floe_status fl_blob_make(floe_blob **out, const floe_env *env, fl_buf *buf, floe_error *err);
/* *env, or all zero for NULL. */
floe_env fl_env_copy(const floe_env *env);
/* The converter's options from the public ones; arrays in the arena. Outputs given as indices become names. */
floe_status fl_convert_graph(fl_uff_graph **out, fl_tf_graph *graph, const floe_convert_options *options, fl_arena *arena, floe_error *err);
/* By its first bytes: version and core version; the magic. */
bool      fl_looks_like_uff(const uint8_t *data, size_t size);
bool      fl_looks_like_plan(const uint8_t *data, size_t size);
floe_dims fl_public_dims(const fl_tensor_desc *desc);

#endif
