/* tf_freeze.c - from a checkpoint or SavedModel to a frozen graph: the steps, in order.
 *
 *     load            graph and checkpoint that belong together
 *     keys            which variable is which tensor of the checkpoint, read from the graph's own restore operations
 *     prune           only what the outputs need, control edges included
 *     inputs          training flags set for inference, pipelines and defaults settled
 *     calls, branches inlined and folded in turn: a function may hold a branch, a branch may hold a call
 *     dropout         taken out
 *     state           refuse models whose variables change before they are read
 *     cleanup         control edges and what hung on them
 *     variables       become constants
 *     outputs         keep their names
 *
 * Each step leaves a graph that the next could find in a file; tf_freezer.h has the two tools that all of them use.
 * Nodes that no step touches are written as they were read.
 */
#include "tf_freeze.h"
#include "tf_checkpoint.h"
#include "tf_freezer.h"
#include "tf_source.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS_MAX     100    /* of inlining and folding; each needs a condition inside the last one */
#define NODES_AT_LEAST 100000 /* inlining may make that many nodes, */
#define NODES_FACTOR   20     /* and that many times what the file holds */

/* ---- loading */

static const char *in_folder(fl_arena *arena, const char *folder, const char *name)
{
    return fl_arena_printf(arena, "%s%s%s", folder, *folder && folder[strlen(folder) - 1] == '/' ? "" : "/", name);
}

/* The SavedModel file that the path means; NULL when it means none. */
static floe_status find_saved_model(fl_tf_freezer *f, const char **out, floe_error *err)
{
    static const char *const names[] = {"saved_model.pb", "saved_model.pbtxt"};
    floe_status st = FLOE_OK;
    const char *path = f->options->folder;

    *out = NULL;
    if (!fl_path_is_folder(path)) {
        fl_file file = {0};
        if (fl_path_exists(path) && fl_file_map(&file, path, NULL) == FLOE_OK &&
            fl_tf_sniff(file.data, file.size).kind == FL_TF_KIND_SAVED_MODEL)
            *out = path;
        fl_file_unmap(&file);
        goto done;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *file = in_folder(&f->arena, path, names[i]);
        FL_NEED(file, strlen(path), "a path", err);
        if (!*out && fl_path_exists(file))
            *out = file;
    }
    const char *chunked = in_folder(&f->arena, path, "saved_model.cpb");
    FL_NEED(chunked, strlen(path), "a path", err);
    if (!*out && fl_path_exists(chunked))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED,
                "%s: a chunked SavedModel is not supported; save it without chunking (saved_model.pb)", chunked);
done:
    return st;
}

static floe_status load_saved_model(fl_tf_freezer *f, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_freeze_options *o = f->options;
    const char *slash = strrchr(path, '/');

    f->saved_model = true;
    FL_TRY(fl_tf_model_load_saved(&f->model, f->env, path, o->tags, o->signature, err));
    const char *prefix = fl_arena_printf(&f->arena, "%.*svariables/variables", slash ? (int)(slash - path + 1) : 0,
                                         path);
    FL_NEED(prefix, strlen(path), "a path", err);
    if (fl_tf_bundle_exists(prefix)) /* else the model has no variables, which is legal */
        FL_TRY(fl_tf_bundle_open(&f->bundle, f->env, prefix, err));
done:
    return st;
}

/* The graph for a checkpoint: its own .meta, the caller's, or any .meta of the folder. */
static floe_status find_graph(fl_tf_freezer *f, const fl_tf_checkpoint *c, const char **out, floe_error *err)
{
    floe_status st = FLOE_OK;

    *out = c->meta ? c->meta : f->options->graph_file;
    if (*out && **out)
        goto done;
    FL_TRY(fl_tf_checkpoint_any_meta(out, &f->arena, c->folder, err));
    if (*out) {
        fl_log(f->env, FLOE_SEVERITY_INFO, "%s has no .meta of its own; taking the graph from %s", c->prefix, *out);
        goto done;
    }
    if (fl_tf_bundle_find(f->bundle, "_CHECKPOINTABLE_OBJECT_GRAPH"))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED,
                "%s: a TensorFlow 2 checkpoint holds variables but no graph; save the model as a SavedModel "
                "(tf.saved_model.save, or model.export in Keras) and freeze that folder, or give a graph file",
                c->prefix);
    FL_FAIL(err, FLOE_ERR_NOT_FOUND,
            "%s: a checkpoint without its graph: there is no .meta file in %s; give a graph file", c->prefix,
            c->folder);
done:
    return st;
}

static floe_status load_checkpoint(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_checkpoint found;
    const char *graph;

    FL_TRY(fl_tf_checkpoint_find(&found, &f->arena, f->env, f->options->folder, f->options->prefix, err));
    FL_TRY(fl_tf_bundle_open(&f->bundle, f->env, found.prefix, err));
    FL_TRY(find_graph(f, &found, &graph, err));
    FL_TRY(fl_tf_model_load(&f->model, f->env, graph, err));
done:
    return st;
}

static floe_status load(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *saved_model;

    FL_TRY(find_saved_model(f, &saved_model, err));
    if (saved_model)
        FL_TRY(load_saved_model(f, saved_model, err));
    else
        FL_TRY(load_checkpoint(f, err));
done:
    return st;
}

/* Before the first step, with the graph there. */
static floe_status begin(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;

    f->graph = f->model.graph;
    f->nodes_max = NODES_AT_LEAST + NODES_FACTOR * (f->graph->n_node + f->graph->library.size / 16);
    FL_TRY(fl_tf_library_open(f, err));
    FL_TRY(fl_tf_info_grow(f, err));
    FL_TRY(fl_tf_choose_outputs(f, err));
done:
    return st;
}

/* ---- the steps */

static void forget_scalars(fl_tf_freezer *f)
{
    for (size_t i = 0; i < f->graph->n_node; i++)
        f->info[i].scalar = FL_TF_SCALAR_NEW;
}

static floe_status inline_and_fold(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    bool changed = true;

    for (int round = 0; changed && round < ROUNDS_MAX; round++) {
        changed = false;
        forget_scalars(f);
        FL_TRY(fl_tf_inline_calls(f, &changed, err));
        FL_TRY(fl_tf_freezer_prune(f, err));
        FL_TRY(fl_tf_fold_branches(f, &changed, err));
        FL_TRY(fl_tf_freezer_prune(f, err));
    }
done:
    return st;
}

/* Which variable is which tensor of the checkpoint. */
static floe_status find_keys(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(fl_tf_objects_read(f, err));
    FL_TRY(fl_tf_restore_read(f, err));
    FL_TRY(fl_tf_partitions_read(f, err));
done:
    return st;
}

/* Everything up to the variables. */
static floe_status to_inference(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(fl_tf_cut_at_signature(f, err));
    FL_TRY(fl_tf_freezer_prune(f, err));
    FL_TRY(fl_tf_default_flags(f, err));
    forget_scalars(f);
    FL_TRY(fl_tf_settle_inputs(f, err));
    FL_TRY(fl_tf_freezer_prune(f, err));
    FL_TRY(inline_and_fold(f, err));
    forget_scalars(f);
    FL_TRY(fl_tf_remove_dropout(f, err));
    FL_TRY(fl_tf_check_assignments(f, err));
    FL_TRY(fl_tf_cleanup(f, err));
done:
    return st;
}

static floe_status run_steps(fl_tf_freezer *f, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(begin(f, err));
    FL_TRY(find_keys(f, err));
    FL_TRY(to_inference(f, err));
    FL_TRY(fl_tf_replace_variables(f, err));
    FL_TRY(fl_tf_name_outputs(f, err));
    FL_TRY(fl_tf_check_frozen(f, err));
    f->graph->library = (fl_bytes){NULL, 0}; /* no call is left */
done:
    return st;
}

floe_status fl_tf_freeze(fl_tf_graph **out, const floe_env *env, const fl_tf_freeze_options *options, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_freezer f = {.env = env, .options = options};

    fl_arena_init(&f.arena, env);
    fl_names_init(&f.key_of, &f.arena);
    if (!options->folder || !*options->folder)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "no checkpoint folder was named");
    FL_TRY(load(&f, err));
    FL_TRY(run_steps(&f, err));
    *out = f.graph;
    f.model.graph = NULL;
done:
    fl_tf_bundle_free(f.bundle);
    fl_tf_model_free(&f.model);
    fl_arena_free(&f.arena);
    return st;
}
