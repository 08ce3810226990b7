/* tf_checkpoint.h - from what a user names to a checkpoint: its prefix, and the graph that was saved beside it. */
#ifndef FL_TF_CHECKPOINT_H
#define FL_TF_CHECKPOINT_H

#include "tensorflow/graphdef.h"

typedef struct fl_tf_checkpoint {
    const char *folder; /* where it stands; "." for the current one */
    const char *prefix; /* the path that fl_tf_bundle_open takes */
    const char *meta;   /* its own .meta; NULL when there is none */
} fl_tf_checkpoint;

/* `path` is a folder, a prefix, or one of the checkpoint's files (.index, .meta, .data-*, the state file); `prefix`,
 * when not NULL, names a checkpoint in that folder other than the one its state file names. Strings live in the arena.
 * What was guessed is logged. */
floe_status fl_tf_checkpoint_find(fl_tf_checkpoint *out, fl_arena *arena, const floe_env *env, const char *path,
                                  const char *prefix, floe_error *err);

/* The first .meta file of the folder by name; NULL when there is none. */
floe_status fl_tf_checkpoint_any_meta(const char **out, fl_arena *arena, const char *folder, floe_error *err);

/* A checkpoint state file's model_checkpoint_path; "" when it has none. From memory, for `path` in messages. */
floe_status fl_tf_checkpoint_state(const char **out, fl_arena *arena, const floe_env *env, const void *data,
                                   size_t size, const char *path, floe_error *err);

#endif
