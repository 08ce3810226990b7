/* cmd_build.c - floe build: a frozen graph or a UFF file becomes a PLAN. */
#include "cli_build.h"
#include "cli_paths.h"

#include <stdio.h>

typedef struct flags {
    fl_cli_build_flags build;
    fl_cli_picture_flags pictures;
    const char *output;
} flags;

#define AT(member) offsetof(flags, member)

static const fl_cli_option rows[] = {
    {"file_path|output", "of", FL_CLI_TEXT, AT(output), .value = "FILE",
     .help = "default: the model's name with .PLAN"},
    {"input_placeholder", "i", FL_CLI_ITEMS, AT(build.inputs), .value = "NAME",
     .help = "the input that --dimensions speaks of; both may be repeated"},
    {"dimensions", "d", FL_CLI_ITEMS, AT(build.dimensions), .value = "C,H,W",
     .help = "its shape without the batch, as the graph has it or as C,H,W; default: the graph's own"},
    {"output_placeholders|output-node", "O", FL_CLI_WORDS, AT(build.outputs), .value = "NAME,...",
     .help = "the outputs; default: what a UFF file marks, what no other node of a .pb uses"},
};

int fl_cmd_build(fl_cli *cli, int argc, char **argv)
{
    flags f = {.build = FL_CLI_BUILD_DEFAULTS};
    fl_cli_words files = {0};
    const fl_cli_group groups[] = {{NULL, FL_CLI_ROWS(rows), &f},
                                   {"how the engine is built", fl_cli_build_rows, fl_cli_build_row_count, &f.build},
                                   {"how pictures become its input (kept in the PLAN)", fl_cli_picture_rows,
                                    fl_cli_picture_row_count, &f.pictures}};
    const fl_cli_syntax syntax = {
        .usage = "floe build MODEL.{pb,uff} [-o FILE.PLAN] [flags]",
        .about = "Optimizes a frozen graph or a UFF file for this machine and writes the engine as a PLAN.",
        .example = "    floe build model/model.uff -o model/model.PLAN --max_batch_size=8 --preprocess=0..1",
        FL_CLI_GROUPS(groups),
        .positional = &files,
        .max_positional = 1};
    floe_status st = FLOE_OK;
    floe_error err = {0};
    floe_blob *plan = NULL;
    FL_TRY(fl_cli_build_parse(cli, &syntax, argc, argv, &f.build, &err));
    if (cli->answered)
        goto done;
    if (!files.count) {
        st = fl_cli_misuse(cli, &err, "a model is needed: floe build MODEL.pb");
        goto done;
    }
    const char *model = files.item[0], *path = f.output ? f.output : fl_cli_with_extension(cli, model, ".PLAN");
    FL_NEED(path, 1, "a name", &err);
    FL_TRY(fl_cli_build_plan(cli, &plan, model, &f.build, &f.pictures, &err));
    FL_TRY(fl_cli_save_plan(cli, plan, model, path, f.build.quiet, &err));
done:
    floe_blob_free(plan);
    return fl_cli_exit(cli, st, &err);
}
