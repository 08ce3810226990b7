/* cmd_info.c - floe info: what is in a file of any kind that floe knows.
 *
 * Files are described without running or building anything, unless --output-node or --dimensions ask what engine a .pb
 * or .uff would become: then it is built in memory and its layers are listed.
 */
#include "cli_build.h"
#include "cli_output.h"

#include <stdio.h>
#include <string.h>

typedef struct flags {
    fl_cli_build_flags build;
    bool json, nodes;
} flags;

#define AT(member) offsetof(flags, member)

static const fl_cli_option rows[] = {
    {"nodes", "l", FL_CLI_FLAG, AT(nodes), .help = "list the nodes one by one; of a PLAN also the steps and tensors"},
    {"json", "", FL_CLI_FLAG, AT(json), .help = "everything as one JSON object"},
};

/* ---- for people */

/* Open dimensions are '?' in graphs; in a PLAN they are the batch. */
static void print_tensor(const floe_tensor_info *t, bool plan)
{
    char shape[FL_CLI_DIMS_TEXT];
    fputs("    ", stdout);
    fl_cli_print_text(t->name);
    fl_cli_dims_text(&t->dims, shape);
    for (char *p = shape; *p && !plan; p++)
        if (*p == 'N')
            *p = '?';
    if (t->dtype || t->known)
        printf("  %s %s", t->dtype ? floe_dtype_name(t->dtype) : "(no type of floe's)",
               t->known ? shape : "of unknown rank");
    putchar('\n');
}

static void print_tensors(const char *title, const floe_tensor_info *t, size_t count, bool plan)
{
    if (count)
        printf("%s:\n", title);
    for (size_t i = 0; i < count; i++)
        print_tensor(&t[i], plan);
}

static void print_nodes(const floe_file_info *info)
{
    for (size_t i = 0; i < info->n_nodes; i++) {
        printf("    %zu ", i + 1);
        fl_cli_print_text(info->nodes[i].op);
        fputs(": ", stdout);
        fl_cli_print_text(info->nodes[i].name);
        putchar('\n');
    }
}

static void print_info(const char *path, const floe_file_info *info, bool nodes)
{
    const bool plan = !strcmp(info->kind, "PLAN");
    printf("%s: %s, %llu bytes", path, info->kind, (unsigned long long)info->file_bytes);
    if (info->weight_bytes)
        printf(", of them %llu of weights", (unsigned long long)info->weight_bytes);
    putchar('\n');
    print_tensors("inputs", info->inputs, info->n_inputs, plan);
    print_tensors("outputs", info->outputs, info->n_outputs, plan);
    if (info->n_tensors)
        printf("variables: %zu\n", info->n_tensors);
    for (size_t i = 0; i < info->n_tensors; i++)
        print_tensor(&info->tensors[i], plan);
    if (info->n_nodes)
        printf("%s: %zu\n", plan ? "steps" : "nodes", info->n_nodes);
    if (nodes)
        print_nodes(info);
    if (info->n_ops)
        printf("operations:\n");
    for (size_t i = 0; i < info->n_ops; i++) {
        printf("%8zu  ", info->ops[i].count);
        fl_cli_print_text(info->ops[i].op);
        putchar('\n');
    }
    for (size_t i = 0; i < info->n_lines; i++) {
        if (info->lines[i][0] == ' ' && !nodes) /* a detail of the line before */
            continue;
        fl_cli_print_text(info->lines[i]);
        putchar('\n');
    }
}

static void print_engine(const floe_engine *e)
{
    printf("engine: %d layers, batches up to %lld\n", floe_engine_step_count(e),
           (long long)floe_engine_max_batch_size(e));
    for (int i = 0; i < floe_engine_binding_count(e); i++) {
        const floe_binding *b = floe_engine_binding(e, i);
        const floe_tensor_info t = {b->name, b->dtype, true, b->dims};
        printf("    %s", b->is_input ? "input " : "output");
        print_tensor(&t, true);
    }
    for (int i = 0; i < floe_engine_step_count(e); i++) {
        printf("    %-44s ", floe_engine_step_tactic(e, i));
        fl_cli_print_text(floe_engine_step_name(e, i));
        putchar('\n');
    }
}

/* ---- for programs; each gives NULL without memory */

static bool append(json_t *list, json_t *item, bool ok)
{
    if (ok && json_array_append(list, item) == 0) {
        json_decref(item);
        return true;
    }
    json_decref(item);
    return false;
}

static json_t *checked(json_t *value, bool ok)
{
    if (ok)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *json_tensors(const floe_tensor_info *t, size_t count)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        json_t *one = json_object();
        ok = one && fl_cli_json_put(one, "name", fl_cli_json_text(t[i].name)) &&
             fl_cli_json_put(one, "dtype", t[i].dtype ? fl_cli_json_text(floe_dtype_name(t[i].dtype)) : json_null()) &&
             fl_cli_json_put(one, "shape", t[i].known ? fl_cli_json_dims(&t[i].dims) : json_null());
        ok = append(list, one, ok);
    }
    return checked(list, ok);
}

static json_t *json_nodes(const floe_file_info *info)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < info->n_nodes; i++) {
        json_t *one = json_object();
        ok = one && fl_cli_json_put(one, "name", fl_cli_json_text(info->nodes[i].name)) &&
             fl_cli_json_put(one, "op", fl_cli_json_text(info->nodes[i].op));
        ok = append(list, one, ok);
    }
    return checked(list, ok);
}

static json_t *json_ops(const floe_file_info *info)
{
    json_t *ops = json_object();
    bool ok = ops != NULL;
    for (size_t i = 0; ok && i < info->n_ops; i++)
        ok = fl_cli_json_put(ops, info->ops[i].op, json_integer((json_int_t)info->ops[i].count));
    return checked(ops, ok);
}

static json_t *json_lines(const floe_file_info *info)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < info->n_lines; i++)
        ok = append(list, fl_cli_json_text(info->lines[i]), true);
    return checked(list, ok);
}

static json_t *json_engine(const floe_engine *e)
{
    json_t *out = json_object(), *layers = json_array();
    bool ok = out && layers && fl_cli_json_put(out, "max_batch_size", json_integer(floe_engine_max_batch_size(e)));
    for (int input = 1; ok && input >= 0; input--) {
        json_t *list = json_array();
        ok = list != NULL;
        for (int i = 0; ok && i < floe_engine_binding_count(e); i++) {
            const floe_binding *b = floe_engine_binding(e, i);
            const floe_tensor_info t = {b->name, b->dtype, true, b->dims};
            json_t *one = b->is_input == (input == 1) ? json_tensors(&t, 1) : NULL;
            ok = b->is_input != (input == 1) || (one && json_array_extend(list, one) == 0);
            json_decref(one);
        }
        ok = fl_cli_json_put(out, input ? "inputs" : "outputs", checked(list, ok)) && ok;
    }
    for (int i = 0; ok && i < floe_engine_step_count(e); i++) {
        json_t *one = json_object();
        ok = one && fl_cli_json_put(one, "name", fl_cli_json_text(floe_engine_step_name(e, i))) &&
             fl_cli_json_put(one, "tactic", fl_cli_json_text(floe_engine_step_tactic(e, i))) &&
             fl_cli_json_put(one, "flops", json_real(floe_engine_step_flops(e, i, 1)));
        ok = append(layers, one, ok);
    }
    layers = checked(layers, ok);
    ok = out && fl_cli_json_put(out, "layers", layers) && ok;
    return checked(out, ok);
}

static floe_status print_json(const char *path, const floe_file_info *info, const floe_engine *engine, floe_error *err)
{
    json_t *out = json_object();
    bool ok = out && fl_cli_json_put(out, "file", fl_cli_json_text(path)) &&
              fl_cli_json_put(out, "kind", fl_cli_json_text(info->kind)) &&
              fl_cli_json_put(out, "file_bytes", json_integer((json_int_t)info->file_bytes)) &&
              fl_cli_json_put(out, "weight_bytes", json_integer((json_int_t)info->weight_bytes)) &&
              fl_cli_json_put(out, "inputs", json_tensors(info->inputs, info->n_inputs)) &&
              fl_cli_json_put(out, "outputs", json_tensors(info->outputs, info->n_outputs)) &&
              fl_cli_json_put(out, "tensors", json_tensors(info->tensors, info->n_tensors)) &&
              fl_cli_json_put(out, "ops", json_ops(info)) && fl_cli_json_put(out, "nodes", json_nodes(info)) &&
              fl_cli_json_put(out, "lines", json_lines(info));
    if (ok && engine)
        ok = fl_cli_json_put(out, "engine", json_engine(engine));
    return fl_cli_json_print(checked(out, ok), 9, err);
}

/* ---- the command */

static floe_status show(fl_cli *cli, flags *f, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_file_info *info = NULL;
    floe_lite *lite = NULL;
    fl_cli_shapes shapes;
    FL_TRY(floe_file_inspect(&info, &cli->env, path, err));
    if (f->build.outputs.count || f->build.dimensions.count) {
        FL_TRY(fl_cli_shapes_of(cli, &f->build, path, &shapes, err));
        f->build.opt_level = f->build.timing_cache ? f->build.opt_level : 0;
        FL_TRY(fl_cli_open(cli, &lite, path, &f->build, &shapes, false, err));
    }
    if (f->json) {
        FL_TRY(print_json(path, info, lite ? floe_lite_engine(lite) : NULL, err));
        goto done;
    }
    print_info(path, info, f->nodes);
    if (lite)
        print_engine(floe_lite_engine(lite));
done:
    floe_lite_free(lite);
    floe_file_info_free(info);
    return st;
}

int fl_cmd_info(fl_cli *cli, int argc, char **argv)
{
    flags f = {.build = FL_CLI_BUILD_DEFAULTS};
    fl_cli_words files = {0};
    const fl_cli_group groups[] = {{NULL, FL_CLI_ROWS(rows), &f},
                                   {"of a .pb or .uff, show the engine that is built with these outputs and shapes",
                                    fl_cli_graph_rows, fl_cli_graph_row_count, &f.build},
                                   {"how it is built in memory (not timed, unless there is a --timing-cache)",
                                    fl_cli_build_rows, fl_cli_build_row_count, &f.build}};
    const fl_cli_syntax syntax = {.usage = "floe info FILE [flags]",
                                  .about = "Tells what is in a file: a frozen graph, a .meta, a UFF file, a PLAN, a "
                                           "checkpoint (its folder, prefix or one of "
                                           "its files) or a SavedModel's folder.",
                                  .example = "    floe info model/model.PLAN\n    floe info sample/checkpoint --json",
                                  FL_CLI_GROUPS(groups),
                                  .positional = &files,
                                  .max_positional = 1};
    floe_status st = FLOE_OK;
    floe_error err = {0};
    FL_TRY(fl_cli_build_parse(cli, &syntax, argc, argv, &f.build, &err));
    if (!cli->answered)
        st = files.count ? show(cli, &f, files.item[0], &err)
                         : fl_cli_misuse(cli, &err, "a file is needed: floe info FILE");
done:
    return fl_cli_exit(cli, st, &err);
}
