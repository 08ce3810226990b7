/* cmd_infer.c - floe infer: pictures or tensors through an engine.
 *
 * cli_infer_pictures.c and cli_infer_tensors.c have the two ways; here are the flags, and what both need.
 */
#include "cli_infer.h"
#include "cli_paths.h"

#include <string.h>

#define AT(member) offsetof(fl_cli_infer, member)

static const fl_cli_option rows[] = {
    {"plan_file", "f", FL_CLI_TEXT, AT(plan), .value = "FILE",
     .help = "the PLAN; a .pb or .uff is built in memory first", .required = true},
    {"image_path", "i", FL_CLI_ITEMS, AT(pictures), .value = "PATH",
     .help = "a picture (png, jpeg, webp, bmp, ppm, pgm), a folder of them, or a pattern like 'images/*.png'; may be "
             "repeated, and "
             "may be given without the flag"},
    {"desired_size", "d", FL_CLI_TEXT, AT(desired_size), .value = "C,H,W",
     .help = "what the engine's input must be; default: what it is"},
    {"labels", "", FL_CLI_TEXT, AT(labels_file), .value = "FILE", .help = "names of the classes, one a line"},
    {"top-k", "k", FL_CLI_INT, AT(top_k), .value = "N", .help = "the N likeliest classes too", .min = 1, .max = 100000},
    {"json", "", FL_CLI_FLAG, AT(json), .help = "one line a picture: {\"image\", \"outputs\", \"class\", \"label\"}"},
    {"input", "", FL_CLI_ITEMS, AT(tensors), .value = "NAME=FILE.npy",
     .help = "a tensor in place of pictures, the batch in front; one for each input; NAME= may be left out if there is "
             "only one"},
    {"output_folder", "o", FL_CLI_TEXT, AT(output_folder), .value = "DIR",
     .help = "outputs as .npy files there: OUTPUT.npy, with pictures PICTURE.OUTPUT.npy"},
};

/* ---- the shared part */

int fl_cli_input_count(const floe_engine *engine)
{
    int n = 0;
    while (n < floe_engine_binding_count(engine) && floe_engine_binding(engine, n)->is_input)
        n++;
    return n;
}

const void *fl_cli_infer_values(const fl_cli_infer *in, int i)
{
    return in->values[in->outputs[i] - fl_cli_input_count(in->engine)];
}

int fl_cli_infer_digits(const fl_cli_infer *in)
{
    for (int i = 0; i < in->n_outputs; i++)
        if (floe_engine_binding(in->engine, in->outputs[i])->dtype == FLOE_FLOAT64)
            return 17;
    return 9;
}

/* The files' names, which must differ though names of outputs may differ in replaced characters only. */
static floe_status name_files(fl_cli *cli, fl_cli_infer *in, floe_error *err)
{
    floe_status st = FLOE_OK;
    in->files = fl_arena_calloc(&cli->arena, (size_t)in->n_outputs + 1, sizeof *in->files);
    FL_NEED(in->files, 1, "the outputs", err);
    for (int i = 0; i < in->n_outputs; i++) {
        const char *name = floe_engine_binding(in->engine, in->outputs[i])->name;
        in->files[i] = fl_arena_printf(&cli->arena, "%s.npy", fl_cli_safe_name(cli, name));
        FL_NEED(in->files[i], 1, "the outputs", err);
        for (int k = 0; k < i; k++)
            if (!strcmp(in->files[i], in->files[k]))
                FL_FAIL(err, FLOE_ERR_ARGUMENT, "the outputs '%s' and '%s' would both be %s; choose with --output-node",
                        floe_engine_binding(in->engine, in->outputs[k])->name, name, in->files[i]);
    }
    FL_TRY(fl_cli_make_folder(in->output_folder, err));
done:
    return st;
}

floe_status fl_cli_infer_ready(fl_cli *cli, fl_cli_infer *in, floe_error *err)
{
    floe_status st = FLOE_OK;
    in->engine = floe_lite_engine(in->lite);
    FL_TRY(fl_cli_select_outputs(cli, in->engine, &in->build.outputs, &in->outputs, &in->n_outputs, err));
    in->values = fl_arena_calloc(&cli->arena, (size_t)floe_engine_binding_count(in->engine) + 1, sizeof *in->values);
    FL_NEED(in->values, 1, "the outputs", err);
    if (in->output_folder)
        FL_TRY(name_files(cli, in, err));
done:
    return st;
}

/* ---- the command */

static floe_status check(fl_cli *cli, const fl_cli_infer *in, floe_error *err)
{
    if (!in->tensors.count)
        return FLOE_OK;
    if (in->pictures.count)
        return fl_cli_misuse(cli, err,
                             "--image_path and --input cannot both be given: an engine is fed pictures or tensors");
    if (in->desired_size || fl_cli_has_picture_flags(&in->preprocess))
        return fl_cli_misuse(cli, err, "%s is for pictures; tensors from --input are taken as they are",
                             in->desired_size ? "--desired_size" : "--preprocess");
    if (in->labels_file || in->top_k)
        return fl_cli_misuse(cli, err, "%s is for pictures, not for tensors from --input",
                             in->labels_file ? "--labels" : "--top-k");
    if (in->build.dimensions.count)
        return fl_cli_misuse(cli, err, "--dimensions: with --input the arrays say their shapes");
    return FLOE_OK;
}

int fl_cmd_infer(fl_cli *cli, int argc, char **argv)
{
    fl_cli_infer in = {.build = FL_CLI_BUILD_DEFAULTS};
    const fl_cli_group groups[] = {
        {NULL, FL_CLI_ROWS(rows), &in},
        {"how pictures become the input (in place of what the PLAN says)", fl_cli_picture_rows,
         fl_cli_picture_row_count, &in.preprocess},
        {"which outputs; shapes, for a .pb or .uff", fl_cli_graph_rows, fl_cli_graph_row_count, &in.build},
        {"how a .pb or .uff is built in memory (not timed, unless there is a --timing-cache)", fl_cli_build_rows,
         fl_cli_build_row_count, &in.build}};
    const fl_cli_syntax syntax = {
        .usage = "floe infer --plan_file=FILE {--image_path=PATH | --input=NAME=FILE.npy}... [flags]",
        .about = "Runs an engine on pictures and prints the array of probabilities and the class it decides for, or on "
                 "tensors "
                 "from .npy files. Of several pictures, those that cannot be read are reported and left out, and the "
                 "exit code is 1.",
        .example = "    floe infer --plan_file=model/model.PLAN --image_path=images/Car.png --desired_size=3,224,224\n"
                   "    floe infer --plan_file=model/model.PLAN --labels=sample/labels.txt --json images\n"
                   "    floe infer --plan_file=net.pb --input=x.npy --output-node=y --output_folder=out",
        FL_CLI_GROUPS(groups),
        .positional = &in.pictures,
        .max_positional = SIZE_MAX};
    floe_status st = FLOE_OK;
    floe_error err = {0};
    FL_TRY(fl_cli_build_parse(cli, &syntax, argc, argv, &in.build, &err));
    if (cli->answered)
        goto done;
    FL_TRY(check(cli, &in, &err));
    in.build.opt_level = in.build.timing_cache ? in.build.opt_level : 0;
    FL_TRY(in.pictures.count ? fl_cli_infer_pictures(cli, &in, &err) : fl_cli_infer_tensors(cli, &in, &err));
done:
    floe_lite_free(in.lite);
    return fl_cli_exit(cli, st, &err);
}
