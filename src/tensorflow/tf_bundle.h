/* tf_bundle.h - the variables of a checkpoint, whatever its format: V2 (index and data shards) or V1 (tables).
 *
 *     fl_tf_bundle *b;
 *     fl_tf_bundle_open(&b, env, "model.ckpt-1000", err);
 *     const fl_tf_var *w = fl_tf_bundle_find(b, "conv1/weights");
 *     fl_tf_bundle_read(b, w, NULL, &arena, &tensor, err);
 *
 * A variable may be stored in parts (partitioned variables, sharded saves); reading puts them together.
 */
#ifndef FL_TF_BUNDLE_H
#define FL_TF_BUNDLE_H

#include "tensorflow/graphdef.h"
#include "tensorflow/tf_table.h"

/* A box inside a tensor: start[i] <= index < start[i] + length[i]. */
typedef struct fl_tf_region {
    int      rank;
    int64_t *start, *length;
} fl_tf_region;

/* Where a part of a variable stands. */
typedef struct fl_tf_part {
    struct fl_tf_part *next;
    fl_tf_region       region;
    int64_t            shard, offset, size; /* V2 */
    uint32_t           crc;                 /* V2: masked */
    fl_bytes           values;              /* V1: a TensorProto without dtype and shape */
} fl_tf_part;

typedef struct fl_tf_var {
    const char *name;
    int         dtype;
    int         rank;
    int64_t    *dim;
    int64_t     count;
    fl_tf_part *parts;
    size_t      n_parts;
} fl_tf_var;

typedef struct fl_tf_shard {
    struct fl_tf_shard *next;
    int64_t             number;
    fl_file             file;
} fl_tf_shard;

typedef struct fl_tf_bundle {
    const floe_env *env;
    fl_arena        arena;
    const char     *prefix; /* for messages and shard names */
    bool            v1, big_endian;
    int64_t         n_shards;
    fl_tf_shard    *shards; /* open files: V2 data as needed, V1 tables all */
    fl_file         index;  /* V2 */
    fl_tf_var      *var;    /* in order of their names (V1: of the tables) */
    size_t          n_var, cap_var;
    fl_names        by_name;
} fl_tf_bundle;

/* `prefix` is the checkpoint's name without ".index"; for V1 the file itself, or the name that "-00000-of-00002"
 * follows. Files that hold data are opened when they are needed. */
floe_status fl_tf_bundle_open(fl_tf_bundle **out, const floe_env *env, const char *prefix, floe_error *err);
void        fl_tf_bundle_free(fl_tf_bundle *bundle);
/* Whether there is a checkpoint of either format by that name. */
bool fl_tf_bundle_exists(const char *prefix);
/* Length of a name without a trailing "-00000-of-00002" ('?' stands for a digit in state files), and the number behind
 * it; the whole length and 0 when there is no such suffix. */
size_t fl_tf_without_shard(const char *name, int64_t *shards);

const fl_tf_var *fl_tf_bundle_find(const fl_tf_bundle *bundle, const char *name);
/* The name nearest to one that is not there; NULL when none is near. */
const char *fl_tf_bundle_nearest(const fl_tf_bundle *bundle, const char *name);

/* A variable, or a region of it (NULL: all of it), checksums verified. Values may lie in the mapped data: they live as
 * long as the bundle and the arena do. */
floe_status fl_tf_bundle_read(fl_tf_bundle *bundle, const fl_tf_var *var, const fl_tf_region *region, fl_arena *arena,
                              fl_tf_tensor *out, floe_error *err);

/* The slice specification of restore operations, "4 16 0,2:-": region and the full shape it speaks of. "" gives rank
 * -1: all of the tensor. */
floe_status fl_tf_region_parse(fl_arena *arena, fl_bytes spec, fl_tf_region *out, int64_t **full_dim, floe_error *err);

/* The ordered-code key under which a slice is stored. extents: start and length pairs, length -1 for a whole
 * dimension. */
void fl_tf_slice_key(fl_buf *out, fl_bytes name, const int64_t (*extents)[2], size_t rank);

/* ---- between the files that fill a bundle */
floe_status fl_tf_bundle_open_v2(fl_tf_bundle *bundle, floe_error *err);
floe_status fl_tf_bundle_open_v1(fl_tf_bundle *bundle, floe_error *err);
/* Appends, or finds by name; *is_new says which. The name is copied and checked. */
floe_status fl_tf_bundle_add(fl_tf_bundle *bundle, fl_tf_var **out, fl_bytes name, bool *is_new, floe_error *err);
/* dtype and TensorShapeProto of a variable. */
floe_status fl_tf_bundle_describe(fl_tf_bundle *bundle, fl_tf_var *var, int dtype, fl_bytes shape, floe_error *err);
/* Adds a part for an encoded TensorSliceProto; key is where its entry stands (in a buffer of the caller's). */
floe_status fl_tf_bundle_add_slice(fl_tf_bundle *bundle, fl_tf_var *var, fl_bytes slice, fl_tf_part **out, fl_buf *key,
                                   floe_error *err);
/* A part that is all of the variable. */
floe_status fl_tf_bundle_add_whole(fl_tf_bundle *bundle, fl_tf_var *var, fl_tf_part **out, floe_error *err);
/* The values of a part: of V2 and of V1. */
floe_status fl_tf_bundle_part_v2(fl_tf_bundle *bundle, const fl_tf_var *var, const fl_tf_part *part, fl_arena *arena,
                                 fl_tf_tensor *out, floe_error *err);
floe_status fl_tf_bundle_part_v1(fl_tf_bundle *bundle, const fl_tf_var *var, const fl_tf_part *part, fl_arena *arena,
                                 fl_tf_tensor *out, floe_error *err);

#endif
