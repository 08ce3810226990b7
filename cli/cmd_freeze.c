/* cmd_freeze.c - floe freeze: a training checkpoint or a SavedModel becomes one file with its weights as constants. */
#include "cli_args.h"
#include "cli_paths.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

typedef struct flags {
    const char *folder, *output_graph, *prefix, *input_graph, *signature, *tags;
    fl_cli_words outputs;
    bool prefer_ema, verbose, quiet;
} flags;

#define AT(member) offsetof(flags, member)

static const fl_cli_option rows[] = {
    {"checkpoint_folder", "", FL_CLI_TEXT, AT(folder), .value = "FOLDER",
     .help = "where the checkpoint is; its prefix or one of its files will do, and a SavedModel's folder",
     .required = true},
    {"output_node_names", "", FL_CLI_WORDS, AT(outputs), .value = "NAME,...",
     .help = "the nodes that give the results"},
    {"output_graph", "", FL_CLI_TEXT, AT(output_graph), .value = "FILE",
     .help = "default: frozen_model.pb in the checkpoint folder"},
    {"checkpoint_prefix", "", FL_CLI_TEXT, AT(prefix), .value = "NAME",
     .help = "another checkpoint than the latest: model.ckpt-100"},
    {"input_graph", "", FL_CLI_TEXT, AT(input_graph), .value = "FILE",
     .help = "the graph, where the checkpoint has no .meta"},
    {"prefer-ema", "", FL_CLI_FLAG, AT(prefer_ema),
     .help = "moving averages of the weights, where the checkpoint has them"},
    {"signature", "", FL_CLI_TEXT, AT(signature), .value = "KEY",
     .help = "of a SavedModel; default: serving_default, or the only one"},
    {"tags", "", FL_CLI_TEXT, AT(tags), .value = "TAG,...", .help = "of a SavedModel; default: serve"},
    {"verbose", "v", FL_CLI_FLAG, AT(verbose), .help = "say more (on stderr)"},
    {"quiet", "q", FL_CLI_FLAG, AT(quiet), .help = "warnings and errors only"},
};

/* frozen_model.pb in the folder, or beside the file that was named instead. */
static const char *default_output(fl_cli *cli, const char *checkpoint)
{
    const size_t length = strlen(checkpoint);
    if (fl_path_is_folder(checkpoint))
        return fl_arena_printf(&cli->arena, "%s%sfrozen_model.pb", checkpoint,
                               checkpoint[length - 1] == '/' ? "" : "/");
    return fl_arena_printf(&cli->arena, "%.*sfrozen_model.pb", (int)(fl_cli_base_name(checkpoint) - checkpoint),
                           checkpoint);
}

static bool is_saved_model(fl_cli *cli, const char *path)
{
    const char *pb = fl_arena_printf(&cli->arena, "%s/saved_model.pb", path);
    const char *pbtxt = fl_arena_printf(&cli->arena, "%s/saved_model.pbtxt", path);
    return !strncmp(fl_cli_base_name(path), "saved_model.pb", 14) || (pb && fl_path_exists(pb)) ||
           (pbtxt && fl_path_exists(pbtxt));
}

static floe_status save(fl_cli *cli, const floe_blob *graph, const char *path, bool quiet, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_file_info *info = NULL;
    FL_TRY(fl_cli_prepare_output(path, NULL, err));
    FL_TRY(floe_blob_save(graph, path, err));
    if (quiet || !fl_cli_is_regular(path))
        goto done;
    FL_TRY(floe_file_inspect(&info, &cli->env, path, err));
    printf("%s: %zu ops in the final graph, %zu bytes\n", path, info->n_nodes, floe_blob_size(graph));
done:
    floe_file_info_free(info);
    return st;
}

int fl_cmd_freeze(fl_cli *cli, int argc, char **argv)
{
    flags f = {0};
    const fl_cli_group groups[] = {{NULL, FL_CLI_ROWS(rows), &f}};
    const fl_cli_syntax syntax = {
        .usage = "floe freeze --checkpoint_folder=FOLDER --output_node_names=NAME,... [flags]",
        .about = "Takes the graph and the trained values of a TensorFlow checkpoint (version 1 or 2) or SavedModel, "
                 "keeps what "
                 "the named outputs need for inference, and writes it as one frozen graph.",
        .example = "    floe freeze --checkpoint_folder=sample/checkpoint --output_node_names=softmax_tensor \\\n"
                   "        --output_graph=model/frozen_model.pb",
        FL_CLI_GROUPS(groups)};
    floe_status st = FLOE_OK;
    floe_error err = {0};
    floe_blob *graph = NULL;
    FL_TRY(fl_cli_parse(cli, &syntax, argc, argv, &err));
    if (cli->answered)
        goto done;
    fl_cli_set_verbosity(cli, f.quiet, f.verbose);
    if (!f.outputs.count && !is_saved_model(cli, f.folder)) {
        st = fl_cli_misuse(cli, &err, "--output_node_names=NAME,... is needed");
        goto done;
    }
    const floe_freeze_options options = {.prefix = f.prefix,
                                         .graph = f.input_graph,
                                         .outputs = f.outputs.item,
                                         .n_outputs = f.outputs.count,
                                         .prefer_ema = f.prefer_ema,
                                         .signature = f.signature,
                                         .tags = f.tags};
    const char *path = f.output_graph ? f.output_graph : default_output(cli, f.folder);
    FL_NEED(path, 1, "a name", &err);
    fl_cli_progress(cli, "freezing %s", f.folder);
    FL_TRY(floe_freeze(&graph, &cli->env, f.folder, &options, &err));
    FL_TRY(save(cli, graph, path, f.quiet, &err));
done:
    floe_blob_free(graph);
    return fl_cli_exit(cli, st, &err);
}
