/* cli_build.c - see cli_build.h: from flags to the library's structs, and the calls in order.
 *
 * parse (shapes and outputs registered) -> what the pictures need is known from the parsed input -> build -> bytes.
 */
#include "cli_build.h"

#include "cli_output.h"
#include "cli_paths.h"

#include "base/file.h"
#include "base/names.h"

#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(fl_cli_build_flags, member)

const fl_cli_option fl_cli_build_rows[] = {
    {"max_batch_size", "", FL_CLI_INT, AT(max_batch), .value = "N",
     .help = "most pictures or items of one run (default 1)", .min = 1, .max = 1 << 20},
    {"max_workspace_size", "", FL_CLI_INT, AT(workspace), .value = "E",
     .help = "2^E bytes of scratch memory that a layer may use (default 20)", .min = 0, .max = 62},
    {"threads", "", FL_CLI_INT, AT(threads), .value = "N", .help = "0, the default: all processors", .min = 0,
     .max = 1024},
    {"device", "", FL_CLI_TEXT, AT(device), .value = "NAME", .help = "cpu, the default, cuda, or cuda:1 for the second GPU"},
    {"target", "", FL_CLI_TEXT, AT(target), .value = "SM",
     .help = "with --device=cuda: the kind of GPU to build for where there is none, such as sm_90"},
    {"precision", "", FL_CLI_CHOICE, AT(precision), .choices = "fp32|tf32|fp16|bf16",
     .help = "of a GPU's activations and products; default fp32"},
    {"isa", "", FL_CLI_TEXT, AT(isa), .value = "LEVEL",
     .help = "scalar, avx2 or avx512: at most this; default: the machine's best"},
    {"timing-cache", "", FL_CLI_TEXT, AT(timing_cache), .value = "FILE",
     .help = "measured times are kept here from build to build"},
    {"tactics", "", FL_CLI_WORDS, AT(tactics), .value = "TEXT,...",
     .help = "only tactics with such a text in their names"},
    {"opt-level", "", FL_CLI_INT, AT(opt_level), .value = "0|1",
     .help = "1, the default: tactics are measured; 0: chosen by rule, which needs no GPU", .min = 0, .max = 1},
    {"no-passes", "", FL_CLI_FLAG, AT(no_passes), .help = "only the optimizer's passes without which nothing runs"},
    {"skip-pass", "", FL_CLI_WORDS, AT(skip_passes), .value = "PASS,...",
     .help = "leave out these passes of the optimizer"},
    {"dump-after", "", FL_CLI_WORDS, AT(dump_after), .value = "PASS,...",
     .help = "print the network after these passes, or after all"},
    {"list-passes", "", FL_CLI_ASK, AT(list_passes), .help = "the passes in their order, and nothing else"},
    {"verbose", "v", FL_CLI_FLAG, AT(verbose),
     .help = "every candidate with its time, or why it was refused (on stderr)"},
    {"quiet", "q", FL_CLI_FLAG, AT(quiet), .help = "warnings and errors only"},
};
const size_t fl_cli_build_row_count = sizeof fl_cli_build_rows / sizeof *fl_cli_build_rows;

const fl_cli_option fl_cli_graph_rows[] = {
    {"output-node|output_placeholders", "O", FL_CLI_WORDS, AT(outputs), .value = "NAME,...",
     .help = "the outputs; default: a PLAN's, what a UFF file marks, what no other node of a .pb uses"},
    {"input_placeholder", "", FL_CLI_ITEMS, AT(inputs), .value = "NAME",
     .help = "the input that --dimensions speaks of; both may be repeated"},
    {"dimensions", "", FL_CLI_ITEMS, AT(dimensions), .value = "C,H,W",
     .help = "its shape without the batch, where the graph leaves it open"},
};
const size_t fl_cli_graph_row_count = sizeof fl_cli_graph_rows / sizeof *fl_cli_graph_rows;

/* ---- passes */

static void list_passes(void)
{
    for (size_t i = 0; floe_pass_name(i); i++)
        printf("%-20s %s\n", floe_pass_name(i), floe_pass_help(i));
}

static floe_status check_passes(fl_cli *cli, const char *flag, const fl_cli_words *given, bool all, floe_error *err)
{
    const char *names[64];
    size_t count = 0;
    for (; count < 63 && floe_pass_name(count); count++)
        names[count] = floe_pass_name(count);
    if (all)
        names[count++] = "all";
    for (size_t i = 0; i < given->count; i++) {
        bool known = false;
        for (size_t k = 0; k < count; k++)
            known = known || !strcmp(given->item[i], names[k]);
        if (known)
            continue;
        const char *guess = fl_nearest_name(given->item[i], names, count);
        return fl_cli_misuse(cli, err, "%s: there is no pass '%s'; %s%s%s", flag, given->item[i],
                             guess ? "did you mean '" : "--list-passes lists them", guess ? guess : "",
                             guess ? "'?" : "");
    }
    return FLOE_OK;
}

floe_status fl_cli_build_parse(fl_cli *cli, const fl_cli_syntax *syntax, int argc, char **argv,
                               const fl_cli_build_flags *flags, floe_error *err)
{
    floe_status st = FLOE_OK;
    FL_TRY(fl_cli_parse(cli, syntax, argc, argv, err));
    if (cli->answered)
        goto done;
    fl_cli_set_verbosity(cli, flags->quiet, flags->verbose);
    if (flags->list_passes) {
        list_passes();
        cli->answered = true;
        goto done;
    }
    FL_TRY(check_passes(cli, "--skip-pass", &flags->skip_passes, false, err));
    FL_TRY(check_passes(cli, "--dump-after", &flags->dump_after, true, err));
done:
    return st;
}

/* ---- shapes of inputs */

floe_status fl_cli_only_input(fl_cli *cli, const char *model, const char *flag, const char **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_file_info *info = NULL;
    FL_TRY(floe_file_inspect(&info, &cli->env, model, err));
    if (info->n_inputs != 1) {
        st = fl_cli_misuse(cli, err, "%s needs the name of an input: %s has %zu", flag, model, info->n_inputs);
        for (size_t i = 0; i < info->n_inputs && i < 8; i++)
            fl_cli_add(err, "%s '%s'", i ? "," : ":", info->inputs[i].name);
        goto done;
    }
    *out = fl_arena_strdup(&cli->arena, info->inputs[0].name);
    FL_NEED(*out, 1, "a name", err);
done:
    floe_file_info_free(info);
    return st;
}

floe_status fl_cli_shapes_of(fl_cli *cli, const fl_cli_build_flags *flags, const char *model, fl_cli_shapes *out,
                             floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t n = flags->dimensions.count, names = flags->inputs.count;
    *out = (fl_cli_shapes){0};
    if (n == 0)
        return FLOE_OK;
    if (n != names && !(names == 0 && n == 1))
        return fl_cli_misuse(
            cli, err, "--input_placeholder was given %zu times and --dimensions %zu times: one for one", names, n);
    out->names = fl_arena_calloc(&cli->arena, n, sizeof *out->names);
    out->dims = fl_arena_calloc(&cli->arena, n, sizeof *out->dims);
    FL_NEED(out->names && out->dims, n, "the inputs", err);
    for (size_t i = 0; i < n; i++) {
        FL_TRY(fl_cli_parse_dims(cli, "--dimensions", flags->dimensions.item[i], &out->dims[i], err));
        if (names)
            out->names[i] = fl_cli_node_name(cli, flags->inputs.item[i]);
        else
            FL_TRY(fl_cli_only_input(cli, model, "--dimensions", &out->names[i], err));
    }
    out->count = n;
done:
    return st;
}

/* ---- the library's structs */

static void print_dump(void *user, const char *pass, const char *text)
{
    ((fl_cli *)user)->dumps++;
    fl_cli_progress_end(user);
    printf("== after %s\n", pass);
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = strchrnul(text, '\n');
        for (; text < end; text++)
            fl_cli_print_text((const char[]){*text, 0});
        putchar('\n');
    }
}

static void show_progress(void *user, size_t done, size_t total, const char *layer)
{
    fl_cli_progress(user, "building: %zu of %zu, %s", done, total, layer ? layer : "");
}

static floe_precision precision_of(const char *name)
{
    static const char *const names[] = {[FLOE_PRECISION_TF32] = "tf32", [FLOE_PRECISION_FP16] = "fp16",
                                        [FLOE_PRECISION_BF16] = "bf16"};
    for (int i = FLOE_PRECISION_TF32; name && i <= FLOE_PRECISION_BF16; i++)
        if (!strcmp(names[i], name))
            return (floe_precision)i;
    return FLOE_PRECISION_FP32;
}

floe_status fl_cli_builder(fl_cli *cli, const fl_cli_build_flags *f, floe_builder *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    *out = (floe_builder){
        .max_batch_size = f->max_batch ? f->max_batch : 1,
        .max_workspace_size = (uint64_t)1 << f->workspace,
        .threads = (int)f->threads,
        .isa = f->isa,
        .device = f->device,
        .target = f->target,
        .precision = precision_of(f->precision),
        .opt_level = f->no_passes ? -1 : 0,
        .no_timing = f->opt_level == 0,
        .timing_cache = f->timing_cache,
        .skip_passes = f->skip_passes.item,
        .n_skip_passes = f->skip_passes.count,
        .only_tactics = f->tactics.item,
        .n_only_tactics = f->tactics.count,
        .dump_after = f->dump_after.item,
        .n_dump_after = f->dump_after.count,
        .dump = print_dump,
        .dump_user = cli,
        .progress = show_progress,
        .progress_user = cli,
    };
    if (f->timing_cache)
        FL_TRY(fl_cli_make_parents(f->timing_cache, err));
done:
    return st;
}

/* The library speaks of dimensions, the user has flags. */
static void add_hint(floe_status st, const fl_cli_shapes *shapes, floe_error *err)
{
    if (st == FLOE_ERR_SHAPE && shapes->count == 0 && strstr(err->message, "give its dimensions"))
        fl_cli_add(err, ": --dimensions=C,H,W");
}

static void check_dumps(fl_cli *cli, const fl_cli_build_flags *f)
{
    if (f->dump_after.count && !cli->dumps)
        fl_cli_complain(cli, "warning", "nothing was dumped: no pass of --dump-after did run");
}

/* ---- a PLAN */

/* With any picture flag the PLAN carries a recipe; then the first input must be a picture. */
static floe_status fill_preprocess(fl_cli *cli, floe_input_preprocess *out, const floe_network *network,
                                   const fl_cli_picture_flags *flags, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_cli_picture_input shape;
    if (!flags || !fl_cli_has_picture_flags(flags))
        return FLOE_OK;
    const floe_tensor *input = floe_network_input(network, 0);
    if (!input)
        FL_FAIL(err, FLOE_ERR_SHAPE, "--preprocess: the network has no input");
    const floe_dims dims = floe_tensor_dims(input);
    /* Its type matters when a picture is fed, not here. */
    FL_TRY(fl_cli_picture_shape(&shape, floe_tensor_name(input), FLOE_FLOAT32, &dims, NULL, NULL, err));
    FL_TRY(fl_cli_picture_recipe(cli, &out->recipe, flags, shape.channels, err));
    out->format = shape.format;
    out->present = true;
done:
    return st;
}

floe_status fl_cli_build_plan(fl_cli *cli, floe_blob **plan, const char *model, const fl_cli_build_flags *flags,
                              const fl_cli_picture_flags *pictures, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_uff_parser *parser = NULL;
    floe_network *network = NULL;
    floe_builder builder;
    fl_cli_shapes shapes;
    FL_TRY(fl_cli_shapes_of(cli, flags, model, &shapes, err));
    FL_TRY(floe_uff_parser_create(&parser, &cli->env, err));
    FL_TRY(floe_network_create(&network, &cli->env, err));
    for (size_t i = 0; i < shapes.count; i++)
        FL_TRY(floe_uff_parser_register_input(parser, shapes.names[i], &shapes.dims[i], FLOE_ORDER_GRAPH, err));
    for (size_t i = 0; i < flags->outputs.count; i++)
        FL_TRY(floe_uff_parser_register_output(parser, fl_cli_node_name(cli, flags->outputs.item[i]), err));
    FL_TRY(fl_cli_builder(cli, flags, &builder, err));
    floe_uff_parser_set_max_batch_size(parser, builder.max_batch_size);
    st = floe_uff_parser_parse(parser, model, network, err);
    add_hint(st, &shapes, err);
    FL_TRY(st);
    FL_TRY(fill_preprocess(cli, &builder.preprocess, network, pictures, err));
    FL_TRY(floe_builder_build(plan, &builder, network, err));
    check_dumps(cli, flags);
done:
    fl_cli_progress_end(cli);
    floe_network_free(network);
    floe_uff_parser_free(parser);
    return st;
}

static void print_bindings(const char *title, const floe_tensor_info *t, size_t count)
{
    char shape[FL_CLI_DIMS_TEXT];
    for (size_t i = 0; i < count; i++) {
        printf("%s ", i ? "," : title);
        fl_cli_print_text(t[i].name);
        printf(" %s %s", floe_dtype_name(t[i].dtype), fl_cli_dims_text(&t[i].dims, shape));
    }
}

floe_status fl_cli_save_plan(fl_cli *cli, const floe_blob *plan, const char *model, const char *path, bool quiet,
                             floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_file_info *info = NULL;
    FL_TRY(fl_cli_prepare_output(path, model, err));
    FL_TRY(floe_blob_save(plan, path, err));
    if (quiet || !fl_cli_is_regular(path))
        goto done;
    FL_TRY(floe_file_inspect(&info, &cli->env, path, err));
    printf("%s: %zu bytes", path, floe_blob_size(plan));
    print_bindings(";", info->inputs, info->n_inputs);
    print_bindings(" ->", info->outputs, info->n_outputs);
    putchar('\n');
done:
    floe_file_info_free(info);
    return st;
}

/* ---- an engine */

floe_status fl_cli_open(fl_cli *cli, floe_lite **out, const char *path, const fl_cli_build_flags *flags,
                        const fl_cli_shapes *shapes, bool whole_shapes, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_builder builder;
    const char **outputs = fl_arena_calloc(&cli->arena, flags->outputs.count + 1, sizeof *outputs);
    FL_NEED(outputs, flags->outputs.count, "the outputs", err);
    for (size_t i = 0; i < flags->outputs.count; i++)
        outputs[i] = fl_cli_node_name(cli, flags->outputs.item[i]);
    FL_TRY(fl_cli_builder(cli, flags, &builder, err));
    const floe_lite_options options = {.device = flags->device,
                                       .threads = (int)flags->threads,
                                       .builder = &builder,
                                       .input_names = shapes->names,
                                       .input_dims = shapes->dims,
                                       .n_inputs = shapes->count,
                                       .whole_shapes = whole_shapes,
                                       .outputs = outputs,
                                       .n_outputs = flags->outputs.count};
    st = floe_lite_open(out, &cli->env, path, &options, err);
    add_hint(st, shapes, err);
    FL_TRY(st);
    check_dumps(cli, flags);
done:
    fl_cli_progress_end(cli);
    return st;
}

static floe_status no_output(const floe_engine *engine, const char *name, floe_error *err)
{
    const floe_status st = fl_fail(err, FLOE_ERR_NOT_FOUND, "the engine has no output '%s'; it has", name);
    for (int i = 0, shown = 0; i < floe_engine_binding_count(engine); i++)
        if (!floe_engine_binding(engine, i)->is_input)
            fl_cli_add(err, "%s '%s'", shown++ ? "," : "", floe_engine_binding(engine, i)->name);
    return st;
}

floe_status fl_cli_select_outputs(fl_cli *cli, const floe_engine *engine, const fl_cli_words *names, const int **out,
                                  int *count, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int bindings = floe_engine_binding_count(engine);
    int n = 0;
    int *selected = fl_arena_calloc(&cli->arena, (size_t)bindings + names->count + 1, sizeof *selected);
    FL_NEED(selected, (size_t)bindings, "the outputs", err);
    for (size_t i = 0; i < names->count; i++) {
        const char *name = fl_cli_node_name(cli, names->item[i]);
        const int index = floe_engine_find_binding(engine, name);
        if (index < 0 || floe_engine_binding(engine, index)->is_input)
            return no_output(engine, name, err);
        selected[n++] = index;
    }
    for (int i = 0; names->count == 0 && i < bindings; i++)
        if (!floe_engine_binding(engine, i)->is_input)
            selected[n++] = i;
    *out = selected;
    *count = n;
done:
    return st;
}
