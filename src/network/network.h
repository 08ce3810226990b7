/* network.h - the IR: layers and tensors in single-assignment form, in topological order.
 *
 * A tensor is an input, a constant (data != NULL) or the output of one layer. Layers stand in an array in an order
 * in which every layer follows the producers of its inputs; passes keep it so (fl_net_sort restores it). A layer's
 * fl_op_desc points straight at its tensors' descriptors, so nothing is stored twice. Everything lives in the
 * network's arena and dies with it; removed layers and tensors are unlinked, not freed.
 *
 * Weight bytes of constants are borrowed (they stay in the mapped model file) unless a pass makes new ones in the arena.
 */
#ifndef FL_NETWORK_H
#define FL_NETWORK_H

#include "base/arena.h"
#include "base/names.h"
#include "op/op.h"

typedef struct fl_layer  fl_layer;
typedef struct fl_tensor fl_tensor;

struct fl_tensor {
    const char    *name;
    fl_tensor_desc desc;     /* desc.constant == (data != NULL) */
    fl_layer      *producer; /* NULL: input or constant */
    const void    *data;     /* constants: the values, dense, aligned to the element at least */
    bool           is_input;
    int            uses;     /* consuming slots plus network outputs; valid after fl_net_count_uses */
    uint32_t       id;       /* scratch of the module at work */
};

struct fl_layer {
    const char *name; /* unique, from the source graph where possible */
    fl_op_desc  desc; /* desc.in[i] == &in[i]->desc, desc.out[i] == &out[i]->desc */
    fl_tensor **in;   /* desc.n_in; NULL: absent optional input */
    fl_tensor **out;  /* desc.n_out */
    int         index; /* place in layers[]; valid after fl_net_sort */
    bool        removed;
};

typedef struct fl_net_output {
    const char *name; /* binding name */
    fl_tensor  *tensor;
} fl_net_output;

typedef struct fl_network {
    const floe_env *env; /* borrowed */
    fl_arena        arena;
    fl_layer      **layers;
    size_t          n_layers, cap_layers;
    fl_tensor     **inputs; /* binding order */
    size_t          n_inputs, cap_inputs;
    fl_net_output  *outputs;
    size_t          n_outputs, cap_outputs;
    fl_names        names; /* layer and input names in use */
} fl_network;

floe_status fl_net_create(fl_network **out, const floe_env *env, floe_error *err);
void        fl_net_free(fl_network *net);

/* ---- building. Names are copied; a taken or NULL name gets a suffix "_<n>". Results belong to the network. */

/* A network input: a binding. dims may be dynamic. FLOE_ERR_ARGUMENT when the name is taken. */
floe_status fl_net_add_input(fl_network *net, fl_tensor **out, const char *name, const fl_tensor_desc *desc,
                             floe_error *err);
/* A constant. data is borrowed for the network's life (copy: it is copied into the arena). */
floe_status fl_net_add_constant(fl_network *net, fl_tensor **out, const char *name, const fl_tensor_desc *desc,
                                const void *data, bool copy, floe_error *err);
/* Appends a layer and infers its outputs; the sentence starts with "layer '<name>' (<op>): ". `out` may be NULL; the
 * tensors are layer->out[]. in[] entries may be NULL for absent optional inputs. */
floe_status fl_net_add_layer(fl_network *net, fl_layer **out, const char *name, fl_op_kind op, const fl_op_params *p,
                             fl_tensor *const *in, int n_in, floe_error *err);
floe_status fl_net_mark_output(fl_network *net, const char *name, fl_tensor *tensor, floe_error *err);

/* ---- editing, for passes */

/* New layers are made with fl_net_add_layer, wired with fl_net_replace_uses and put where they belong by fl_net_sort. */

/* Every slot and network output that reads `from` reads `to` instead, except slots of `except` (may be NULL). Shapes
 * and types must agree up to layout. */
void fl_net_replace_uses(fl_network *net, fl_tensor *from, fl_tensor *to, const fl_layer *except);
/* Points one slot at another tensor (NULL to drop an optional input); grows n_in up to the op's max_in if needed. */
floe_status fl_layer_set_input(fl_network *net, fl_layer *layer, int slot, fl_tensor *tensor, floe_error *err);
/* Marks a layer removed; its outputs must have no uses left. fl_net_sort drops it from the array. */
void fl_layer_remove(fl_layer *layer);
/* Drops removed layers, restores topological order (stable), renumbers. FLOE_ERR_FORMAT on a cycle. */
floe_status fl_net_sort(fl_network *net, floe_error *err);
/* Recomputes tensor->uses for all tensors. */
void fl_net_count_uses(fl_network *net);
/* Infers the layer's outputs again after its parameters or inputs changed. */
floe_status fl_layer_infer(fl_layer *layer, floe_error *err);
/* The single consumer of a tensor that has exactly one use and is no network output; else NULL. O(layers). */
fl_layer *fl_net_only_consumer(const fl_network *net, const fl_tensor *tensor, int *slot);
bool      fl_net_is_output(const fl_network *net, const fl_tensor *tensor);

/* ---- looking */

/* Order, arity, linkage, re-inferred shapes equal to the stored ones, unique names, outputs present. Debug builds run
 * it after each pass. */
floe_status fl_net_verify(const fl_network *net, floe_error *err);
/* One line per input, layer (fl_op_desc_text with tensor names) and output. */
void fl_net_print(fl_buf *out, const fl_network *net);

#endif
