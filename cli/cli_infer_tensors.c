/* cli_infer_tensors.c - infer on .npy files.
 *
 * With a PLAN the arrays must fit its bindings. A .pb or .uff is built for the arrays at hand: their shapes, batch and
 * all, are registered whole (floe_lite_options.whole_shapes), so unknown ranks, batches of any size and scalars need
 * nothing from the user. With --max_batch_size they are run in batches instead.
 */
#include "cli_infer.h"
#include "cli_npy.h"
#include "cli_output.h"
#include "cli_paths.h"

#include "base/file.h"
#include "base/names.h"

#include <stdio.h>
#include <string.h>

typedef struct tensor {
    const char *name; /* NULL: the only input */
    const char *path;
    fl_npy npy;
} tensor;

typedef struct tensors {
    tensor *item;
    size_t count;
} tensors;

/* ---- reading */

/* NAME=FILE, or FILE; a file that exists under the whole text is that file. */
static floe_status split(fl_cli *cli, tensor *t, const char *text, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *equals = strchr(text, '=');
    t->path = text;
    if (equals && !fl_path_exists(text)) {
        char *name = fl_arena_strndup(&cli->arena, text, (size_t)(equals - text));
        FL_NEED(name, 1, "the inputs", err);
        if (!name[0] || !equals[1])
            return fl_cli_misuse(cli, err, "--input: '%s' is not of the form NAME=FILE.npy", text);
        t->name = fl_cli_node_name(cli, name);
        t->path = equals + 1;
    }
done:
    return st;
}

static floe_status load(fl_cli *cli, const fl_cli_infer *in, tensors *t, floe_error *err)
{
    floe_status st = FLOE_OK;
    t->item = fl_arena_calloc(&cli->arena, in->tensors.count + 1, sizeof *t->item);
    FL_NEED(t->item, 1, "the inputs", err);
    for (size_t i = 0; i < in->tensors.count; i++) {
        FL_TRY(split(cli, &t->item[i], in->tensors.item[i], err));
        if (!t->item[i].name && in->tensors.count > 1)
            return fl_cli_misuse(cli, err, "--input: of several inputs each needs its name: NAME=%s", t->item[i].path);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(t->item[i].name, t->item[k].name))
                return fl_cli_misuse(cli, err, "--input: '%s' was given twice", t->item[i].name);
        FL_TRY(fl_npy_load(&t->item[i].npy, t->item[i].path, err));
        t->count++;
    }
done:
    return st;
}

/* ---- opening */

/* What a graph is built for. In batches: the shapes without their first dimension. */
static floe_status shapes_of(fl_cli *cli, const fl_cli_infer *in, tensors *t, fl_cli_shapes *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const bool batches = in->build.max_batch > 0;
    *out = (fl_cli_shapes){.names = fl_arena_calloc(&cli->arena, t->count + 1, sizeof *out->names),
                           .dims = fl_arena_calloc(&cli->arena, t->count + 1, sizeof *out->dims)};
    FL_NEED(out->names && out->dims, 1, "the inputs", err);
    for (size_t i = 0; i < t->count; i++) {
        floe_dims dims = t->item[i].npy.dims;
        if (!t->item[i].name)
            FL_TRY(fl_cli_only_input(cli, in->plan, "--input", &t->item[i].name, err));
        if (batches && dims.rank == 0)
            return fl_cli_misuse(cli, err, "--max_batch_size: %s is a scalar and has no batch", t->item[i].path);
        if (batches)
            memmove(dims.d, dims.d + 1, (size_t)--dims.rank * sizeof *dims.d);
        out->names[out->count] = t->item[i].name;
        out->dims[out->count++] = dims;
    }
done:
    return st;
}

/* ---- fitting */

static floe_status misfit(const tensor *t, const floe_binding *b, const char *more, floe_error *err)
{
    char given[FL_CLI_DIMS_TEXT], wanted[FL_CLI_DIMS_TEXT];
    return fl_fail(err, FLOE_ERR_SHAPE, "%s: %s %s does not fit input '%s', %s %s%s", t->path,
                   floe_dtype_name(t->npy.dtype), fl_cli_dims_text(&t->npy.dims, given), b->name,
                   floe_dtype_name(b->dtype), fl_cli_dims_text(&b->dims, wanted), more);
}

/* *batch is 0 until a dynamic dimension has said it. */
static floe_status fit(const tensor *t, const floe_binding *b, int64_t *batch, floe_error *err)
{
    const bool same_type = t->npy.dtype == b->dtype || (t->npy.dtype == FLOE_UINT16 && b->dtype == FLOE_BFLOAT16);
    if (!same_type || t->npy.dims.rank != b->dims.rank)
        return misfit(t, b, "", err);
    for (int i = 0; i < b->dims.rank; i++) {
        const int64_t have = t->npy.dims.d[i], want = b->dims.d[i];
        if (want >= 0 ? have != want : have % -want != 0)
            return misfit(t, b, "", err);
        if (want >= 0)
            continue;
        if (have == 0)
            return misfit(t, b, ": there is nothing in it", err);
        if (*batch && have / -want != *batch)
            return misfit(t, b, ": the inputs disagree about the batch N", err);
        *batch = have / -want;
    }
    return FLOE_OK;
}

static floe_status no_input(const floe_engine *engine, const char *name, floe_error *err)
{
    const char *names[256];
    const int n = fl_cli_input_count(engine) < 256 ? fl_cli_input_count(engine) : 256;
    for (int i = 0; i < n; i++)
        names[i] = floe_engine_binding(engine, i)->name;
    const char *guess = fl_nearest_name(name, names, (size_t)n);
    const floe_status st = fl_fail(err, FLOE_ERR_NOT_FOUND, "--input: the engine has no input '%s'; %s", name,
                                   guess ? "did you mean" : "it has");
    for (int i = 0; i < n && !guess; i++)
        fl_cli_add(err, "%s '%s'", i ? "," : "", names[i]);
    if (guess)
        fl_cli_add(err, " '%s'?", guess);
    else if (n == 0)
        fl_cli_add(err, " none");
    return st;
}

/* Every input its array, in binding order; the batch they agree on. */
static floe_status match(fl_cli *cli, const fl_cli_infer *in, const tensors *t, const void ***out, int64_t *batch,
                         floe_error *err)
{
    floe_status st = FLOE_OK;
    const int n = fl_cli_input_count(in->engine);
    const void **data = fl_arena_calloc(&cli->arena, (size_t)n + 1, sizeof *data);
    FL_NEED(data, 1, "the inputs", err);
    *batch = 0;
    for (size_t i = 0; i < t->count; i++) {
        const tensor *one = &t->item[i];
        const int index = one->name ? floe_engine_find_binding(in->engine, one->name) : n == 1 ? 0 : n;
        if (index < 0 || (index >= n && one->name))
            return no_input(in->engine, one->name, err);
        if (index >= n)
            return fl_cli_misuse(cli, err, "--input: the engine has %d inputs: say which one, NAME=%s", n, one->path);
        const floe_binding *b = floe_engine_binding(in->engine, index);
        FL_TRY(fit(one, b, batch, err));
        data[index] = one->npy.data;
    }
    for (int i = 0; i < n; i++)
        if (!data[i])
            return fl_cli_misuse(cli, err,
                                 "input '%s' is missing: --input=%s=FILE.npy (or pictures: --image_path=PATH)",
                                 floe_engine_binding(in->engine, i)->name, floe_engine_binding(in->engine, i)->name);
    *batch = *batch ? *batch : 1;
    *out = data;
done:
    return st;
}

/* ---- answering */

static floe_status save(fl_cli *cli, const fl_cli_infer *in, int64_t batch, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (int i = 0; i < in->n_outputs; i++) {
        const floe_binding *b = floe_engine_binding(in->engine, in->outputs[i]);
        const floe_dims dims = fl_cli_dims_at(&b->dims, batch);
        const char *path = fl_arena_printf(&cli->arena, "%s/%s", in->output_folder, in->files[i]);
        char shape[FL_CLI_DIMS_TEXT];
        FL_NEED(path, 1, "the outputs", err);
        if (b->dtype == FLOE_BFLOAT16 && !in->build.quiet)
            fl_cli_complain(cli, "warning", "NumPy has no bfloat16: the bits are written as uint16");
        FL_TRY(fl_npy_save(path, b->dtype, &dims, fl_cli_infer_values(in, i), err));
        if (!in->build.quiet && !in->json)
            printf("%s: %s %s\n", path, floe_dtype_name(b->dtype), fl_cli_dims_text(&dims, shape));
    }
done:
    return st;
}

static void print(const fl_cli_infer *in, int64_t batch)
{
    for (int i = 0; i < in->n_outputs; i++) {
        const floe_binding *b = floe_engine_binding(in->engine, in->outputs[i]);
        const floe_dims dims = fl_cli_dims_at(&b->dims, batch);
        char shape[FL_CLI_DIMS_TEXT];
        fl_cli_print_text(b->name);
        printf(": %s %s\n", floe_dtype_name(b->dtype), fl_cli_dims_text(&dims, shape));
        fl_cli_print_array(b->dtype, &dims, fl_cli_infer_values(in, i));
        putchar('\n');
    }
}

static floe_status print_json(const fl_cli_infer *in, int64_t batch, floe_error *err)
{
    json_t *line = json_object(), *outputs = json_object();
    bool ok = line && outputs;
    for (int i = 0; ok && i < in->n_outputs; i++) {
        const floe_binding *b = floe_engine_binding(in->engine, in->outputs[i]);
        const floe_dims dims = fl_cli_dims_at(&b->dims, batch);
        ok = fl_cli_json_put(outputs, b->name, fl_cli_json_array(b->dtype, &dims, fl_cli_infer_values(in, i)));
    }
    if (!ok) {
        json_decref(outputs);
        json_decref(line);
        return fl_fail_memory(err, 1, "a line of JSON");
    }
    if (!fl_cli_json_put(line, "outputs", outputs)) {
        json_decref(line);
        line = NULL;
    }
    return fl_cli_json_print(line, fl_cli_infer_digits(in), err);
}

floe_status fl_cli_infer_tensors(fl_cli *cli, fl_cli_infer *in, floe_error *err)
{
    floe_status st = FLOE_OK;
    tensors t = {0};
    fl_cli_shapes shapes;
    const void **inputs = NULL;
    int64_t batch = 1;
    FL_TRY(load(cli, in, &t, err));
    FL_TRY(shapes_of(cli, in, &t, &shapes, err));
    FL_TRY(fl_cli_open(cli, &in->lite, in->plan, &in->build, &shapes, in->build.max_batch == 0, err));
    FL_TRY(fl_cli_infer_ready(cli, in, err));
    FL_TRY(match(cli, in, &t, &inputs, &batch, err));
    FL_TRY(floe_lite_infer(in->lite, batch, inputs, in->values, err));
    if (in->output_folder)
        FL_TRY(save(cli, in, batch, err));
    if (in->json)
        FL_TRY(print_json(in, batch, err));
    else if (!in->output_folder)
        print(in, batch);
done:
    for (size_t i = 0; i < t.count; i++)
        fl_npy_free(&t.item[i].npy);
    return st;
}
