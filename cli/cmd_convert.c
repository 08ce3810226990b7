/* cmd_convert.c - floe convert: what NVIDIA's convert-to-uff does, with its options.
 *
 * Old scripts say `convert-to-uff tensorflow --input-file model.pb ...`: the leading word and the flag are taken too.
 */
#include "cli_args.h"
#include "cli_output.h"
#include "cli_paths.h"

#include <stdio.h>
#include <string.h>

typedef struct flags {
    const char *input, *output, *preprocessor;
    fl_cli_words outputs, inputs;
    bool list, text, write_preprocessed, quiet, debug;
} flags;

#define AT(member) offsetof(flags, member)

static const fl_cli_option rows[] = {
    {"output", "o", FL_CLI_TEXT, AT(output), .value = "FILE",
     .help = "its extension is always replaced by .uff; default: the input's name with .uff"},
    {"output-node", "O", FL_CLI_WORDS, AT(outputs), .value = "NAME,...",
     .help = "outputs, by name or by the number that -l shows; -1 is the last; default: what nothing else uses"},
    {"input-node", "I", FL_CLI_ITEMS, AT(inputs), .value = "SPEC",
     .help = "makes a node an input: name,new_name,dtype,dim1,dim2,...; may be repeated"},
    {"list-nodes", "l", FL_CLI_FLAG, AT(list), .help = "list the nodes with their numbers, and nothing else"},
    {"text", "t", FL_CLI_FLAG, AT(text), .help = "also the text form, with the extension .pbtxt"},
    {"quiet", "q", FL_CLI_FLAG, AT(quiet), .help = "warnings and errors only"},
    {"debug", "d", FL_CLI_FLAG, AT(debug), .help = "trace the conversion of every node (on stderr)"},
    {"input-file", "", FL_CLI_TEXT, AT(input), .value = "FILE", .help = "the frozen graph, as TensorRT 3 wanted it"},
    {"preprocessor", "p", FL_CLI_TEXT, AT(preprocessor), .value = "FILE.py", .help = "refused: floe runs no Python"},
    {"write_preprocessed", "", FL_CLI_FLAG, AT(write_preprocessed), .help = "refused: there is no preprocessor"},
};

static floe_status check(fl_cli *cli, flags *f, const fl_cli_words *files, floe_error *err)
{
    if (f->preprocessor)
        return fl_cli_misuse(cli, err,
                             "--preprocessor: floe runs no Python, so '%s' cannot change the graph; nodes that have "
                             "no meaning to TensorRT are converted as they are, without one",
                             f->preprocessor);
    if (f->write_preprocessed)
        return fl_cli_misuse(cli, err,
                             "--write_preprocessed: no preprocessor runs, the graph stays as it is in the file");
    if (f->input && files->count)
        return fl_cli_misuse(cli, err, "two input files: --input-file=%s and '%s'", f->input, files->item[0]);
    if (files->count)
        f->input = files->item[0];
    if (!f->input)
        return fl_cli_misuse(cli, err, "an input file is needed: floe convert model.pb");
    return FLOE_OK;
}

static floe_status list_nodes(fl_cli *cli, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_file_info *info = NULL;
    FL_TRY(floe_file_inspect(&info, &cli->env, path, err));
    for (size_t i = 0; i < info->n_nodes; i++) {
        printf("%zu ", i + 1);
        fl_cli_print_text(info->nodes[i].op);
        fputs(": \"", stdout);
        fl_cli_print_text(info->nodes[i].name);
        puts("\"");
    }
done:
    floe_file_info_free(info);
    return st;
}

/* Both files or none: the text is written first, the .uff that others wait for last. */
static floe_status convert(fl_cli *cli, const flags *f, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_blob *uff = NULL, *text = NULL;
    const char *text_path = fl_cli_with_extension(cli, path, ".pbtxt");
    const floe_convert_options options = {.outputs = f->outputs.item,
                                          .n_outputs = f->outputs.count,
                                          .inputs = f->inputs.item,
                                          .n_inputs = f->inputs.count,
                                          .quiet = f->quiet,
                                          .debug = f->debug};
    FL_NEED(text_path, 1, "a name", err);
    fl_cli_progress(cli, "converting %s", f->input);
    FL_TRY(floe_convert(&uff, f->text ? &text : NULL, &cli->env, f->input, &options, err));
    fl_cli_progress_end(cli);
    FL_TRY(fl_cli_prepare_output(path, f->input, err));
    if (text)
        FL_TRY(fl_cli_prepare_output(text_path, f->input, err));
    if (text)
        FL_TRY(floe_blob_save(text, text_path, err));
    FL_TRY(floe_blob_save(uff, path, err));
    if (!f->quiet && text)
        printf("%s: %zu bytes\n", text_path, floe_blob_size(text));
    if (!f->quiet && fl_cli_is_regular(path))
        printf("%s: %zu bytes\n", path, floe_blob_size(uff));
done:
    floe_blob_free(uff);
    floe_blob_free(text);
    return st;
}

int fl_cmd_convert(fl_cli *cli, int argc, char **argv)
{
    flags f = {0};
    fl_cli_words files = {0};
    const fl_cli_group groups[] = {{NULL, FL_CLI_ROWS(rows), &f}};
    const fl_cli_syntax syntax = {
        .usage = "floe convert FILE.pb [-o FILE.uff] [flags]",
        .about = "Converts a frozen TensorFlow graph to NVIDIA's UFF format, as convert-to-uff does.",
        .example = "    floe convert model/frozen_model.pb -o model/model.uff -O softmax_tensor",
        FL_CLI_GROUPS(groups),
        .positional = &files,
        .max_positional = 1};
    floe_status st = FLOE_OK;
    floe_error err = {0};
    if (argc > 0 && !strcmp(argv[0], "tensorflow")) {
        argc--;
        argv++;
    }
    FL_TRY(fl_cli_parse(cli, &syntax, argc, argv, &err));
    if (cli->answered)
        goto done;
    FL_TRY(check(cli, &f, &files, &err));
    fl_cli_set_verbosity(cli, f.quiet, f.debug);
    if (!f.quiet && !f.list)
        printf("Loading %s\n", f.input);
    if (f.list) {
        FL_TRY(list_nodes(cli, f.input, &err));
        goto done;
    }
    /* A device or pipe keeps its name. */
    const char *path = f.output && strncmp(f.output, "/dev/", 5) == 0
                           ? f.output
                           : fl_cli_with_extension(cli, f.output ? f.output : f.input, ".uff");
    FL_NEED(path, 1, "a name", &err);
    FL_TRY(convert(cli, &f, path, &err));
done:
    return fl_cli_exit(cli, st, &err);
}
