/* cmd_deploy.c - floe deploy: frozen graph to PLAN in one step, with the flags, short forms and defaults of the script
 * deploy-to-tensorrt.py that it stands in for. `floe build` does the same with defaults taken from the model.
 */
#include "cli_build.h"
#include "cli_paths.h"

#include <stdio.h>

#define DEFAULT_INPUT      "x"
#define DEFAULT_DIMENSIONS "3,224,224"
#define DEFAULT_OUTPUTS                                                                                                \
    {                                                                                                                  \
        "y", "z"                                                                                                       \
    }
#define DEFAULT_FILE "/tmp/trt_output/model.PLAN"

typedef struct flags {
    fl_cli_build_flags build;
    fl_cli_picture_flags pictures;
    const char *frozen_file, *file_path;
} flags;

#define AT(member) offsetof(flags, member)

static const fl_cli_option rows[] = {
    {"frozen_file", "", FL_CLI_TEXT, AT(frozen_file), .value = "FILE", .help = "the frozen graph (.pb); a .uff will do",
     .required = true},
    {"input_placeholder", "i", FL_CLI_ITEMS, AT(build.inputs), .value = "NAME",
     .help = "the input (default x); may be repeated, each with its --dimensions"},
    {"dimensions", "d", FL_CLI_ITEMS, AT(build.dimensions), .value = "C,H,W",
     .help = "its shape without the batch, as the graph has it, or as C,H,W for an input of H,W,C "
             "(default " DEFAULT_DIMENSIONS ")"},
    {"output_placeholders|output-node", "o", FL_CLI_WORDS, AT(build.outputs), .value = "NAME,...",
     .help = "the outputs (default y,z)"},
    {"file_path", "f", FL_CLI_TEXT, AT(file_path), .value = "FILE",
     .help = "where the PLAN goes (default " DEFAULT_FILE ")"},
};

/* The script's defaults; they are said in the sentence of a failure, for nobody typed them. */
static floe_status fill_defaults(fl_cli *cli, flags *f, bool *input, bool *shape, bool *outputs, floe_error *err)
{
    static const char *const names[] = DEFAULT_OUTPUTS;
    floe_status st = FLOE_OK;
    *input = f->build.inputs.count == 0;
    *shape = f->build.dimensions.count == 0 && f->build.inputs.count < 2;
    *outputs = f->build.outputs.count == 0;
    if (*input)
        FL_TRY(fl_cli_append(cli, &f->build.inputs, DEFAULT_INPUT, err));
    if (*shape)
        FL_TRY(fl_cli_append(cli, &f->build.dimensions, DEFAULT_DIMENSIONS, err));
    for (size_t i = 0; *outputs && i < sizeof names / sizeof *names; i++)
        FL_TRY(fl_cli_append(cli, &f->build.outputs, names[i], err));
    if (!f->file_path)
        f->file_path = DEFAULT_FILE;
done:
    return st;
}

static void add_defaults(floe_error *err, bool input, bool shape, bool outputs)
{
    const char *before = " (not given: ";
    if (input) {
        fl_cli_add(err, "%s--input_placeholder, so " DEFAULT_INPUT, before);
        before = "; ";
    }
    if (shape) {
        fl_cli_add(err, "%s--dimensions, so " DEFAULT_DIMENSIONS, before);
        before = "; ";
    }
    if (outputs) {
        fl_cli_add(err, "%s--output_placeholders, so y,z", before);
        before = "; ";
    }
    if (before[0] == ';')
        fl_cli_add(err, ")");
}

int fl_cmd_deploy(fl_cli *cli, int argc, char **argv)
{
    flags f = {.build = FL_CLI_BUILD_DEFAULTS};
    const fl_cli_group groups[] = {{NULL, FL_CLI_ROWS(rows), &f},
                                   {"how the engine is built", fl_cli_build_rows, fl_cli_build_row_count, &f.build},
                                   {"how pictures become its input (kept in the PLAN)", fl_cli_picture_rows,
                                    fl_cli_picture_row_count, &f.pictures}};
    const fl_cli_syntax syntax = {
        .usage =
            "floe deploy --frozen_file=FILE --input_placeholder=NAME --dimensions=C,H,W --output_placeholders=NAME,... "
            "--file_path=FILE [flags]",
        .about = "Optimizes a frozen graph for this machine and writes the engine as a PLAN. floe build does the same, "
                 "but takes "
                 "what is not given from the model.",
        .example = "    floe deploy --frozen_file=model/frozen_model.pb --input_placeholder=images_placeholder \\\n"
                   "        --dimensions=3,224,224 --output_placeholders=softmax_tensor \\\n"
                   "        --file_path=model/model.PLAN --max_batch_size=1 --max_workspace_size=20",
        FL_CLI_GROUPS(groups)};
    floe_status st = FLOE_OK;
    floe_error err = {0};
    floe_blob *plan = NULL;
    bool input, shape, outputs;
    FL_TRY(fl_cli_build_parse(cli, &syntax, argc, argv, &f.build, &err));
    if (cli->answered)
        goto done;
    FL_TRY(fill_defaults(cli, &f, &input, &shape, &outputs, &err));
    if ((st = fl_cli_build_plan(cli, &plan, f.frozen_file, &f.build, &f.pictures, &err)) != FLOE_OK) {
        if (!cli->misused && st != FLOE_ERR_IO && st != FLOE_ERR_FORMAT && st != FLOE_ERR_MEMORY)
            add_defaults(&err, input, shape, outputs);
        goto done;
    }
    FL_TRY(fl_cli_save_plan(cli, plan, f.frozen_file, f.file_path, f.build.quiet, &err));
done:
    floe_blob_free(plan);
    return fl_cli_exit(cli, st, &err);
}
