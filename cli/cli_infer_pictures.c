/* cli_infer_pictures.c - infer on pictures: the list, batches of them, one answer a picture.
 *
 * A batch is filled with pictures that could be read; the others are reported at once and left out. Each output is cut
 * back into pictures along its first dimension. Outputs that mix the items of a batch in another way cannot be cut:
 * then pictures are run one by one.
 */
#include "cli_infer.h"
#include "cli_npy.h"
#include "cli_output.h"
#include "cli_paths.h"

#include "base/file.h"
#include "base/names.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct batch {
    fl_cli_picture_input shape;
    floe_preprocess recipe;
    fl_cli_words pictures;
    const char **in_run; /* paths of the pictures in this run */
    int64_t room;        /* pictures of one run */
    bool fixed;          /* the engine takes exactly `room`; free places hold zeros */
    uint8_t *input;
    size_t picture_bytes;
    const char **labels;
    size_t n_labels;
    int judge; /* the wanted output that classes are taken from; -1: none */
} batch;

/* ---- what the user gave */

static floe_status list_pictures(fl_cli *cli, const fl_cli_infer *in, batch *b, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_names names;
    fl_names_init(&names, &cli->arena);
    for (size_t i = 0; i < in->pictures.count; i++)
        FL_TRY(fl_cli_expand(cli, &b->pictures, in->pictures.item[i], err));
    for (size_t i = 0; in->output_folder && i < b->pictures.count; i++) {
        const char *name = fl_cli_base_name(b->pictures.item[i]);
        const uint32_t other = fl_names_find(&names, name);
        if (other != FL_NAMES_NONE)
            FL_FAIL(err, FLOE_ERR_ARGUMENT, "%s and %s have one name, so their outputs in %s would too",
                    b->pictures.item[other], b->pictures.item[i], in->output_folder);
        FL_TRY(fl_names_add(&names, name, (uint32_t)i, err));
    }
done:
    return st;
}

/* One class a line; a line of blanks at the end is none. */
static floe_status load_labels(fl_cli *cli, const char *path, batch *b, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_file file = {0};
    FL_TRY(fl_file_map(&file, path, err));
    const char *at = (const char *)file.data, *end = at + file.size;
    if (memchr(at, 0, file.size))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: is no text file of labels", path);
    size_t lines = 1;
    for (const char *p = at; p < end; p++)
        lines += *p == '\n';
    b->labels = fl_arena_calloc(&cli->arena, lines, sizeof *b->labels);
    FL_NEED(b->labels, lines, path, err);
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((line_end ? line_end : end) - at);
        const char *next = line_end ? line_end + 1 : end;
        while (n > 0 && (at[n - 1] == '\r' || at[n - 1] == ' ' || at[n - 1] == '\t'))
            n--;
        b->labels[b->n_labels] = fl_arena_strndup(&cli->arena, at, n);
        FL_NEED(b->labels[b->n_labels], n, path, err);
        b->n_labels++;
        at = next;
    }
    while (b->n_labels && !b->labels[b->n_labels - 1][0])
        b->n_labels--;
done:
    fl_file_unmap(&file);
    return st;
}

/* ---- the engine's input */

/* The only input's name when the file leaves its height, width or channels open, else NULL: --desired_size is
 * registered there, and compared in all other cases. */
static floe_status open_input(fl_cli *cli, const char *path, const char **name, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_file_info *info = NULL;
    bool open = false;
    *name = NULL;
    FL_TRY(floe_file_inspect(&info, &cli->env, path, err));
    if (info->n_inputs != 1)
        goto done;
    open = !info->inputs[0].known;
    for (int i = 1; i < info->inputs[0].dims.rank; i++)
        open = open || info->inputs[0].dims.d[i] < 0;
    if (open) {
        *name = fl_arena_strdup(&cli->arena, info->inputs[0].name);
        FL_NEED(*name, 1, "the input", err);
    }
done:
    floe_file_info_free(info);
    return st;
}

static floe_status open_engine(fl_cli *cli, fl_cli_infer *in, const floe_dims *size, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_cli_shapes shapes = {0};
    const char *name = NULL;
    FL_TRY(fl_cli_shapes_of(cli, &in->build, in->plan, &shapes, err));
    if (size && !shapes.count)
        FL_TRY(open_input(cli, in->plan, &name, err));
    if (name) {
        shapes = (fl_cli_shapes){fl_arena_memdup(&cli->arena, &name, sizeof name),
                                 fl_arena_memdup(&cli->arena, size, sizeof *size), 1};
        FL_NEED(shapes.names && shapes.dims, 1, "the input", err);
    }
    FL_TRY(fl_cli_open(cli, &in->lite, in->plan, &in->build, &shapes, false, err));
    FL_TRY(fl_cli_infer_ready(cli, in, err));
done:
    return st;
}

/* --desired_size is C,H,W, or the graph's own H,W,C. */
static floe_status check_size(const fl_cli_infer *in, const floe_binding *b, const fl_cli_picture_input *s,
                              const floe_dims *size, floe_error *err)
{
    char shape[FL_CLI_DIMS_TEXT];
    const bool chw = size->d[0] == s->channels && size->d[1] == s->height && size->d[2] == s->width;
    const bool hwc =
        size->d[2] == s->channels && size->d[0] == s->height && size->d[1] == s->width && s->format == FLOE_NHWC;
    if (chw || hwc)
        return FLOE_OK;
    return fl_fail(err, FLOE_ERR_SHAPE,
                   "%s: --desired_size=%s differs from the engine's input '%s' %s, which takes %d,%d,%d", in->plan,
                   in->desired_size, b->name, fl_cli_dims_text(&b->dims, shape), s->channels, s->height, s->width);
}

static floe_status settle_input(fl_cli *cli, const fl_cli_infer *in, batch *b, const floe_dims *size, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int inputs = fl_cli_input_count(in->engine);
    const floe_input_preprocess *stored = floe_engine_preprocess(in->engine);
    if (inputs != 1) {
        st = fl_fail(err, FLOE_ERR_ARGUMENT, "%s: pictures feed one input, this engine has %d:", in->plan, inputs);
        for (int i = 0; i < inputs; i++)
            fl_cli_add(err, "%s '%s'", i ? "," : "", floe_engine_binding(in->engine, i)->name);
        fl_cli_add(err, "; give each with --input=NAME=FILE.npy");
        goto done;
    }
    const floe_binding *input = floe_engine_binding(in->engine, 0);
    FL_TRY(fl_cli_picture_shape(&b->shape, input->name, input->dtype, &input->dims,
                                stored->present ? &stored->format : NULL, size, err));
    if (size)
        FL_TRY(check_size(in, input, &b->shape, size, err));
    if (stored->present)
        b->recipe = stored->recipe;
    FL_TRY(fl_cli_picture_recipe(cli, &b->recipe, &in->preprocess, b->shape.channels, err));
    b->fixed = input->dims.d[0] >= 0;
    b->room = b->fixed                              ? input->dims.d[0]
              : floe_engine_mixes_items(in->engine) ? 1
                                                    : floe_engine_max_batch_size(in->engine);
    if ((uint64_t)b->room > b->pictures.count && !b->fixed)
        b->room = (int64_t)b->pictures.count;
    if (b->room < 1 || input->dims.d[0] < -1)
        FL_FAIL(err, FLOE_ERR_SHAPE, "%s: input '%s' takes no single pictures", in->plan, input->name);
    b->picture_bytes = (size_t)b->shape.count * floe_dtype_bytes(b->shape.dtype);
    b->input = fl_calloc(NULL, (size_t)b->room, b->picture_bytes);
    b->in_run = fl_arena_calloc(&cli->arena, (size_t)b->room, sizeof *b->in_run);
    FL_NEED(b->input && b->in_run, (size_t)b->room * b->picture_bytes, "a batch of pictures", err);
done:
    return st;
}

/* ---- one picture's part of an output */

/* Its shape with the batch as 1, and where its values are. */
static const uint8_t *part_of(const fl_cli_infer *in, const batch *b, int output, int64_t place, floe_dims *dims)
{
    const floe_binding *binding = floe_engine_binding(in->engine, in->outputs[output]);
    const uint8_t *values = fl_cli_infer_values(in, output);
    const size_t item = floe_dtype_bytes(binding->dtype);
    *dims = fl_cli_dims_at(&binding->dims, 1);
    if (binding->dims.rank == 0)
        return values;
    if (b->fixed && b->room > 1 && dims->d[0] == b->room)
        dims->d[0] = 1;
    else if (binding->dims.d[0] >= 0)
        return values;
    return values + (size_t)place * (size_t)floe_dims_count(dims, 1) * item;
}

/* Without the batch dimension of 1: what is printed. */
static floe_dims without_batch(const floe_dims *dims)
{
    floe_dims out = *dims;
    if (out.rank > 0 && out.d[0] == 1) {
        memmove(out.d, out.d + 1, (size_t)--out.rank * sizeof *out.d);
        out.d[out.rank] = 0;
    }
    if (out.rank == 0) {
        out.rank = 1;
        out.d[0] = 1;
    }
    return out;
}

/* ---- classes */

static const char *label_of(const batch *b, int64_t class)
{
    return class >= 0 && (size_t) class < b->n_labels ? b->labels[class] : NULL;
}

/* The largest value's index not yet in `taken`; the first of equals; -1 when none is left. NaN is no value. */
static int64_t best_class(floe_dtype dtype, const void *values, int64_t count, const int64_t *taken, int64_t n_taken)
{
    int64_t best = -1;
    double most = 0, last = n_taken ? fl_cli_value(dtype, values, taken[n_taken - 1]) : 0;
    for (int64_t i = 0; i < count; i++) {
        const double v = fl_cli_value(dtype, values, i);
        /* Taken are all larger values, and of those equal to the last one the earlier. */
        const bool open = !n_taken || v < last || (v == last && i > taken[n_taken - 1]);
        if (!isnan(v) && open && (best < 0 || v > most)) {
            best = i;
            most = v;
        }
    }
    return best;
}

typedef struct ranking {
    int64_t *class; /* the likeliest first */
    int64_t count;
    floe_dtype dtype;
    const uint8_t *values;
} ranking;

/* At least the best one, at most --top-k. */
static floe_status rank_classes(fl_cli *cli, const fl_cli_infer *in, const batch *b, int64_t place, ranking *out,
                                floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_dims dims;
    *out = (ranking){0};
    if (b->judge < 0)
        return FLOE_OK;
    out->values = part_of(in, b, b->judge, place, &dims);
    out->dtype = floe_engine_binding(in->engine, in->outputs[b->judge])->dtype;
    const int64_t count = floe_dims_count(&dims, 1), wanted = in->top_k ? in->top_k : 1;
    out->class = fl_arena_calloc(&cli->arena, (size_t)(wanted < count ? wanted : count) + 1, sizeof *out->class);
    FL_NEED(out->class, (size_t)wanted, "the classes", err);
    while (out->count < wanted && out->count < count) {
        const int64_t class = best_class(out->dtype, out->values, count, out->class, out->count);
        if (class < 0)
            break;
        out->class[out->count++] = class;
    }
done:
    return st;
}

static int find_judge(const fl_cli_infer *in)
{
    for (int i = 0; i < in->n_outputs; i++) {
        const floe_dtype d = floe_engine_binding(in->engine, in->outputs[i])->dtype;
        if (d == FLOE_FLOAT32 || d == FLOE_FLOAT64 || d == FLOE_FLOAT16 || d == FLOE_BFLOAT16)
            return i;
    }
    return in->n_outputs ? 0 : -1;
}

static void check_labels(fl_cli *cli, const fl_cli_infer *in, const batch *b)
{
    char line[256];
    if (!b->labels || b->judge < 0 || in->build.quiet)
        return;
    const floe_binding *judge = floe_engine_binding(in->engine, in->outputs[b->judge]);
    const floe_dims dims = fl_cli_dims_at(&judge->dims, 1);
    const int64_t classes =
        floe_dims_count(&dims, 1) / (b->fixed && dims.rank > 0 && dims.d[0] == b->room ? b->room : 1);
    if ((size_t)classes == b->n_labels)
        return;
    snprintf(line, sizeof line, "%.100s names %zu classes, output '%.60s' has %lld", in->labels_file, b->n_labels,
             judge->name, (long long)classes);
    fl_cli_complain(cli, "warning", line);
}

/* ---- answering */

static void print_picture(const fl_cli_infer *in, const batch *b, int64_t place, const ranking *r)
{
    char text[40];
    if (b->pictures.count > 1)
        printf("%s\n", b->in_run[place]);
    for (int i = 0; i < in->n_outputs; i++) {
        floe_dims dims;
        const floe_binding *binding = floe_engine_binding(in->engine, in->outputs[i]);
        const uint8_t *values = part_of(in, b, i, place, &dims);
        dims = without_batch(&dims);
        fputs("Result", stdout);
        if (in->n_outputs > 1)
            fputs(" of ", stdout);
        if (in->n_outputs > 1)
            fl_cli_print_text(binding->name);
        fputs(": ", stdout);
        fl_cli_print_array(binding->dtype, &dims, values);
        putchar('\n');
    }
    for (int64_t k = 0; in->top_k && k < r->count; k++) {
        const char *label = label_of(b, r->class[k]);
        fl_cli_float_text(fl_cli_value(r->dtype, r->values, r->class[k]), r->dtype, text, sizeof text);
        printf("%4lld. %-12s class %lld%s%s\n", (long long)k + 1, text, (long long)r->class[k], label ? " " : "",
               label ? label : "");
    }
    if (r->count == 0) {
        printf("Decision: none\n");
        return;
    }
    fl_cli_float_text(fl_cli_value(r->dtype, r->values, r->class[0]), r->dtype, text, sizeof text);
    if (label_of(b, r->class[0]))
        printf("Decision: %s (class %lld), %s\n", label_of(b, r->class[0]), (long long)r->class[0], text);
    else
        printf("Decision: class %lld, %s\n", (long long)r->class[0], text);
}

static json_t *json_top(const batch *b, const ranking *r)
{
    json_t *list = json_array();
    for (int64_t k = 0; list && k < r->count; k++) {
        json_t *one = json_object();
        const double v = fl_cli_value(r->dtype, r->values, r->class[k]);
        const bool ok = one && fl_cli_json_put(one, "class", json_integer(r->class[k])) &&
                        fl_cli_json_put(one, "label", fl_cli_json_text(label_of(b, r->class[k]))) &&
                        fl_cli_json_put(one, "value", isfinite(v) ? json_real(v) : json_null());
        if (ok && json_array_append(list, one) == 0) {
            json_decref(one);
            continue;
        }
        json_decref(one);
        json_decref(list);
        list = NULL;
    }
    return list;
}

static json_t *json_outputs(const fl_cli_infer *in, const batch *b, int64_t place)
{
    json_t *outputs = json_object();
    for (int i = 0; outputs && i < in->n_outputs; i++) {
        floe_dims dims;
        const floe_binding *binding = floe_engine_binding(in->engine, in->outputs[i]);
        const uint8_t *values = part_of(in, b, i, place, &dims);
        dims = without_batch(&dims);
        if (fl_cli_json_put(outputs, binding->name, fl_cli_json_array(binding->dtype, &dims, values)))
            continue;
        json_decref(outputs);
        outputs = NULL;
    }
    return outputs;
}

static floe_status print_json(const fl_cli_infer *in, const batch *b, int64_t place, const ranking *r, floe_error *err)
{
    json_t *line = json_object();
    bool ok = line && fl_cli_json_put(line, "image", fl_cli_json_text(b->in_run[place])) &&
              fl_cli_json_put(line, "outputs", json_outputs(in, b, place)) &&
              fl_cli_json_put(line, "class", r->count ? json_integer(r->class[0]) : json_null()) &&
              fl_cli_json_put(line, "label", fl_cli_json_text(r->count ? label_of(b, r->class[0]) : NULL));
    if (ok && in->top_k)
        ok = fl_cli_json_put(line, "top", json_top(b, r));
    if (!ok) {
        json_decref(line);
        line = NULL;
    }
    return fl_cli_json_print(line, fl_cli_infer_digits(in), err);
}

static floe_status save_picture(fl_cli *cli, const fl_cli_infer *in, const batch *b, int64_t place, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (int i = 0; i < in->n_outputs; i++) {
        floe_dims dims;
        const uint8_t *values = part_of(in, b, i, place, &dims);
        const char *path = fl_arena_printf(&cli->arena, "%s/%s.%s", in->output_folder,
                                           fl_cli_base_name(b->in_run[place]), in->files[i]);
        FL_NEED(path, 1, "the outputs", err);
        FL_TRY(fl_npy_save(path, floe_engine_binding(in->engine, in->outputs[i])->dtype, &dims, values, err));
    }
done:
    return st;
}

static floe_status answer(fl_cli *cli, const fl_cli_infer *in, const batch *b, int64_t place, floe_error *err)
{
    floe_status st = FLOE_OK;
    ranking r;
    FL_TRY(rank_classes(cli, in, b, place, &r, err));
    if (in->output_folder)
        FL_TRY(save_picture(cli, in, b, place, err));
    fl_cli_progress_end(cli);
    if (in->json)
        FL_TRY(print_json(in, b, place, &r, err));
    else
        print_picture(in, b, place, &r);
done:
    return st;
}

/* ---- running */

/* Fills the batch from picture *next on; what cannot be read is told and skipped. Of a single picture the failure is
 * the command's own. */
static floe_status fill(fl_cli *cli, batch *b, size_t *next, int64_t *count, floe_error *err)
{
    floe_error why;
    for (*count = 0; *next < b->pictures.count && *count < b->room; ++*next) {
        const char *path = b->pictures.item[*next];
        fl_cli_progress(cli, "picture %zu of %zu: %s", *next + 1, b->pictures.count, path);
        const floe_status st =
            fl_cli_picture_load(cli, b->input + (size_t)*count * b->picture_bytes, path, &b->shape, &b->recipe, &why);
        if (st == FLOE_OK) {
            b->in_run[(*count)++] = path;
            continue;
        }
        if (b->pictures.count == 1 || st == FLOE_ERR_MEMORY) {
            *err = why;
            return st;
        }
        fl_cli_complain(cli, "error", why.message);
        cli->failures++;
    }
    return FLOE_OK;
}

static floe_status run_all(fl_cli *cli, fl_cli_infer *in, batch *b, floe_error *err)
{
    floe_status st = FLOE_OK;
    const void *inputs[1] = {b->input};
    int64_t count;
    for (size_t next = 0; next < b->pictures.count;) {
        FL_TRY(fill(cli, b, &next, &count, err));
        if (count == 0)
            break;
        if (count < b->room)
            memset(b->input + (size_t)count * b->picture_bytes, 0, (size_t)(b->room - count) * b->picture_bytes);
        FL_TRY(floe_lite_infer(in->lite, b->fixed ? 1 : count, inputs, in->values, err));
        for (int64_t i = 0; i < count; i++)
            FL_TRY(answer(cli, in, b, i, err));
        FL_TRY(fl_cli_flush(err));
    }
done:
    return st;
}

floe_status fl_cli_infer_pictures(fl_cli *cli, fl_cli_infer *in, floe_error *err)
{
    floe_status st = FLOE_OK;
    batch b = {0};
    floe_dims size;
    if (in->desired_size) {
        FL_TRY(fl_cli_parse_dims(cli, "--desired_size", in->desired_size, &size, err));
        if (size.rank != 3)
            return fl_cli_misuse(cli, err, "--desired_size: '%s' is not of the form C,H,W", in->desired_size);
    }
    FL_TRY(list_pictures(cli, in, &b, err));
    if (in->labels_file)
        FL_TRY(load_labels(cli, in->labels_file, &b, err));
    FL_TRY(open_engine(cli, in, in->desired_size ? &size : NULL, err));
    FL_TRY(settle_input(cli, in, &b, in->desired_size ? &size : NULL, err));
    b.judge = find_judge(in);
    check_labels(cli, in, &b);
    FL_TRY(run_all(cli, in, &b, err));
done:
    fl_free(NULL, b.input);
    return st;
}
