/* floe_inspect.c - what is in a file: any kind of ours, told by its content.
 *
 * Everything is copied into one arena, so the report outlives the file. Operations are counted through a name table and
 * listed most frequent first.
 */
#include "floe_internal.h"

#include "tensorflow/tf_bundle.h"
#include "tensorflow/tf_checkpoint.h"
#include "tensorflow/tf_model.h"
#include "tensorflow/tf_source.h"

#include <stdlib.h>
#include <string.h>

typedef struct report {
    floe_file_info    info; /* first: a pointer to it is a pointer to the report */
    floe_env          env;
    fl_arena          arena;
    floe_node_info   *nodes;
    floe_op_count    *ops;
    floe_tensor_info *inputs, *outputs, *tensors;
    const char      **lines;
    size_t            cap_lines;
} report;

/* ---- filling the report */

static floe_status reserve(report *r, size_t nodes, size_t inputs, size_t outputs, size_t tensors, floe_error *err)
{
    floe_status st = FLOE_OK;
    r->info.nodes = r->nodes = fl_arena_calloc(&r->arena, nodes + 1, sizeof *r->nodes);
    r->info.inputs = r->inputs = fl_arena_calloc(&r->arena, inputs + 1, sizeof *r->inputs);
    r->info.outputs = r->outputs = fl_arena_calloc(&r->arena, outputs + 1, sizeof *r->outputs);
    r->info.tensors = r->tensors = fl_arena_calloc(&r->arena, tensors + 1, sizeof *r->tensors);
    FL_NEED(r->nodes && r->inputs && r->outputs && r->tensors, nodes * sizeof *r->nodes, "the report", err);
done:
    return st;
}

static floe_status add_node(report *r, const char *name, const char *op, floe_error *err)
{
    floe_status st = FLOE_OK;
    floe_node_info *n = &r->nodes[r->info.n_nodes];
    n->name = fl_arena_strdup(&r->arena, name);
    n->op = fl_arena_strdup(&r->arena, op);
    FL_NEED(n->name && n->op, 1, "the report", err);
    r->info.n_nodes++;
done:
    return st;
}

static floe_status name_tensor(report *r, floe_tensor_info *t, const char *name, floe_error *err)
{
    floe_status st = FLOE_OK;
    t->name = fl_arena_strdup(&r->arena, name);
    FL_NEED(t->name, 1, "the report", err);
done:
    return st;
}

static void set_dims(floe_tensor_info *t, const int64_t *dim, size_t rank)
{
    t->known = rank <= FLOE_MAX_RANK;
    t->dims.rank = t->known ? (int)rank : 0;
    for (int i = 0; i < t->dims.rank; i++)
        t->dims.d[i] = dim[i];
}

static floe_status add_line(report *r, char *line, floe_error *err)
{
    floe_status st = FLOE_OK;
    FL_NEED(line, 1, "the report", err);
    const char **lines = fl_arena_grow(&r->arena, r->lines, r->info.n_lines, &r->cap_lines, sizeof *lines);
    FL_NEED(lines, sizeof *lines, "the report", err);
    r->info.lines = r->lines = lines;
    r->lines[r->info.n_lines++] = line;
done:
    return st;
}

static int by_count(const void *pa, const void *pb)
{
    const floe_op_count *a = pa, *b = pb;
    return a->count != b->count ? (a->count < b->count ? 1 : -1) : strcmp(a->op, b->op);
}

static floe_status count_ops(report *r, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_names names;
    fl_names_init(&names, &r->arena);
    r->info.ops = r->ops = fl_arena_calloc(&r->arena, r->info.n_nodes + 1, sizeof *r->ops);
    FL_NEED(r->ops, r->info.n_nodes * sizeof *r->ops, "the report", err);
    for (size_t i = 0; i < r->info.n_nodes; i++) {
        uint32_t at = fl_names_find(&names, r->nodes[i].op);
        if (at == FL_NAMES_NONE) {
            at = (uint32_t)r->info.n_ops++;
            r->ops[at].op = r->nodes[i].op;
            FL_TRY(fl_names_add(&names, r->nodes[i].op, at, err));
        }
        r->ops[at].count++;
    }
    qsort(r->ops, r->info.n_ops, sizeof *r->ops, by_count);
done:
    return st;
}

/* ---- TensorFlow graphs */

static bool is_placeholder(const char *op) { return !strcmp(op, "Placeholder") || !strcmp(op, "PlaceholderWithDefault"); }

static floe_status describe_placeholder(report *r, fl_tf_graph *g, const fl_tf_node *n, floe_tensor_info *t, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_shape shape = {.unknown_rank = true};
    FL_TRY(name_tensor(r, t, n->name, err));
    t->dtype = (floe_dtype)fl_uff_tf_to_dtype(fl_tf_attr_type(n, "dtype", 0));
    FL_TRY(fl_tf_attr_shape(g, n, "shape", &shape, err));
    if (!shape.unknown_rank)
        set_dims(t, shape.dim, (size_t)shape.rank);
done:
    return st;
}

/* consumed[i]: some node reads node i. */
static void find_consumed(const fl_tf_graph *g, bool *consumed)
{
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i].n_input; k++) {
            const fl_tf_node *from = fl_tf_graph_input(g, g->node[i].input[k], NULL);
            if (from)
                consumed[from - g->node] = true;
        }
}

static floe_status describe_graph(report *r, fl_tf_graph *g, floe_error *err)
{
    floe_status st = FLOE_OK;
    bool *consumed = fl_arena_calloc(&r->arena, g->n_node + 1, sizeof *consumed);
    FL_NEED(consumed, g->n_node, "the report", err);
    FL_TRY(reserve(r, g->n_node, g->n_node, g->n_node, 0, err));
    find_consumed(g, consumed);
    for (size_t i = 0; i < g->n_node; i++) {
        const fl_tf_node *n = &g->node[i];
        fl_tf_tensor value;
        FL_TRY(add_node(r, n->name, n->op, err));
        if (is_placeholder(n->op))
            FL_TRY(describe_placeholder(r, g, n, &r->inputs[r->info.n_inputs++], err));
        else if (!consumed[i] && strcmp(n->op, "NoOp") && strcmp(n->op, "Const") && strcmp(n->op, "Assert"))
            FL_TRY(name_tensor(r, &r->outputs[r->info.n_outputs++], n->name, err));
        if (!strcmp(n->op, "Const") && fl_tf_const_value(g, n, &value, NULL) == FLOE_OK)
            r->info.weight_bytes += value.bytes;
    }
    if (g->producer)
        FL_TRY(add_line(r, fl_arena_printf(&r->arena, "GraphDef producer %lld", (long long)g->producer), err));
    FL_TRY(count_ops(r, err));
done:
    return st;
}

static floe_status inspect_graph(report *r, const char *path, bool meta, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_graph *g = NULL;
    r->info.kind = meta ? "MetaGraphDef" : "GraphDef";
    FL_TRY(fl_tf_graph_load(&g, &r->env, path, err));
    FL_TRY(describe_graph(r, g, err));
done:
    fl_tf_graph_free(g);
    return st;
}

static floe_status signature_line(report *r, const char *what, const fl_tf_signature_arg *arg, floe_error *err)
{
    return add_line(r, fl_arena_printf(&r->arena, "signature %s %s = %s", what, arg->key, arg->tensor), err);
}

static floe_status inspect_saved_model(report *r, const char *file, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_model model = {0};
    r->info.kind = "SavedModel";
    FL_TRY(fl_tf_model_load_saved(&model, &r->env, file, NULL, NULL, err));
    FL_TRY(describe_graph(r, model.graph, err));
    if (model.signature.key)
        FL_TRY(add_line(r, fl_arena_printf(&r->arena, "signature %s", model.signature.key), err));
    for (size_t i = 0; i < model.signature.n_input; i++)
        FL_TRY(signature_line(r, "input", &model.signature.input[i], err));
    for (size_t i = 0; i < model.signature.n_output; i++)
        FL_TRY(signature_line(r, "output", &model.signature.output[i], err));
done:
    fl_tf_model_free(&model);
    return st;
}

/* ---- checkpoints */

static floe_status inspect_checkpoint(report *r, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_checkpoint found = {0};
    fl_tf_bundle *bundle = NULL;
    FL_TRY(fl_tf_checkpoint_find(&found, &r->arena, &r->env, path, NULL, err));
    FL_TRY(fl_tf_bundle_open(&bundle, &r->env, found.prefix, err));
    r->info.kind = bundle->v1 ? "checkpoint V1" : "checkpoint V2";
    FL_TRY(reserve(r, 0, 0, 0, bundle->n_var, err));
    for (size_t i = 0; i < bundle->n_var; i++) {
        const fl_tf_var *v = &bundle->var[i];
        floe_tensor_info *t = &r->tensors[r->info.n_tensors++];
        FL_TRY(name_tensor(r, t, v->name, err));
        t->dtype = (floe_dtype)fl_uff_tf_to_dtype(v->dtype);
        set_dims(t, v->dim, (size_t)v->rank);
        r->info.weight_bytes += (uint64_t)v->count * fl_tf_dtype_bytes(v->dtype);
    }
    FL_TRY(add_line(r, fl_arena_printf(&r->arena, "prefix %s, %lld shards", found.prefix, (long long)bundle->n_shards), err));
done:
    fl_tf_bundle_free(bundle);
    return st;
}

/* ---- UFF */

static floe_status inspect_uff(report *r, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_graph *g = NULL;
    r->info.kind = "UFF";
    FL_TRY(fl_uff_load(&g, &r->env, path, err));
    size_t slots = 0;
    for (size_t i = 0; i < g->n_node; i++)
        slots += g->node[i].n_input;
    FL_TRY(reserve(r, g->n_node, g->n_node, slots, 0, err));
    for (size_t i = 0; i < g->n_node; i++) {
        const fl_uff_node *n = &g->node[i];
        FL_TRY(add_node(r, n->id, n->operation, err));
        if (!strcmp(n->operation, "Input")) {
            floe_tensor_info *t = &r->inputs[r->info.n_inputs++];
            const fl_uff_data *dtype = fl_uff_field_of(g, n, "dtype"), *shape = fl_uff_field_of(g, n, "shape");
            FL_TRY(name_tensor(r, t, n->id, err));
            t->dtype = (floe_dtype)(dtype && dtype->kind == FL_UFF_DTYPE ? fl_uff_to_dtype(dtype->u.i) : FL_DTYPE_NONE);
            if (shape && shape->kind == FL_UFF_I_LIST && shape->count)
                set_dims(t, shape->u.i_list, shape->count);
        }
        for (size_t k = 0; !strcmp(n->operation, "MarkOutput") && k < n->n_input; k++)
            FL_TRY(name_tensor(r, &r->outputs[r->info.n_outputs++], n->input[k], err));
    }
    for (size_t i = 0; i < g->n_data; i++)
        if (g->data[i].value.kind == FL_UFF_BLOB)
            r->info.weight_bytes += g->data[i].value.count;
    FL_TRY(add_line(r, fl_arena_printf(&r->arena, "UFF version %lld, core %lld", (long long)g->version,
                                       (long long)g->core_version), err));
    for (size_t i = 0; i < g->n_descriptor; i++)
        FL_TRY(add_line(r, fl_arena_printf(&r->arena, "descriptor %s %lld", g->descriptor[i].id,
                                           (long long)g->descriptor[i].version), err));
    FL_TRY(count_ops(r, err));
done:
    fl_uff_free(g);
    return st;
}

/* ---- PLAN */

static floe_status describe_engine(report *r, const fl_plan_engine *e, floe_error *err)
{
    floe_status st = FLOE_OK;
    FL_TRY(reserve(r, e->n_steps, e->n_bindings, e->n_bindings, 0, err));
    for (uint32_t i = 0; i < e->n_steps; i++)
        FL_TRY(add_node(r, e->steps[i].name, fl_op_def_of(e->steps[i].op)->name, err));
    for (uint32_t i = 0; i < e->n_bindings; i++) {
        const fl_plan_binding *b = &e->bindings[i];
        const fl_tensor_desc *d = &e->tensors[b->tensor].desc;
        floe_tensor_info *t = b->is_input ? &r->inputs[r->info.n_inputs++] : &r->outputs[r->info.n_outputs++];
        FL_TRY(name_tensor(r, t, b->name, err));
        t->dtype = (floe_dtype)d->dtype;
        set_dims(t, d->dim, (size_t)d->rank);
    }
    FL_TRY(count_ops(r, err));
done:
    return st;
}

/* The plan's own listing, line by line. */
static floe_status listing(report *r, const fl_plan *plan, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf text = fl_buf_make(&r->env);
    fl_plan_print(&text, plan);
    fl_put_u8(&text, 0);
    FL_NEED(!text.failed, text.size, "the report", err);
    for (const char *at = (const char *)text.data; *at;) {
        const size_t n = strcspn(at, "\n");
        FL_TRY(add_line(r, fl_arena_strndup(&r->arena, at, n), err));
        at += n + (at[n] == '\n');
    }
done:
    fl_buf_free(&text);
    return st;
}

static floe_status inspect_plan(report *r, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_plan *plan = NULL;
    r->info.kind = "PLAN";
    FL_TRY(fl_plan_load(&plan, &r->env, path, err));
    r->info.weight_bytes = plan->weights_bytes;
    if (plan->n_engines)
        FL_TRY(describe_engine(r, &plan->engines[0], err));
    FL_TRY(listing(r, plan, err));
done:
    fl_plan_free(plan);
    return st;
}

/* ---- which kind */

static floe_status inspect_folder(report *r, const char *path, floe_error *err)
{
    static const char *const names[] = {"saved_model.pb", "saved_model.pbtxt"};
    for (size_t i = 0; i < 2; i++) {
        const char *file = fl_arena_printf(&r->arena, "%s/%s", path, names[i]);
        if (!file)
            return fl_fail_memory(err, 1, "the report");
        if (fl_path_exists(file))
            return inspect_saved_model(r, file, err);
    }
    return inspect_checkpoint(r, path, err);
}

static floe_status inspect_file(report *r, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_file file = {0};
    FL_TRY(fl_file_map(&file, path, err));
    r->info.file_bytes = file.size;
    const bool plan = fl_looks_like_plan(file.data, file.size);
    const bool uff = fl_looks_like_uff(file.data, file.size);
    const fl_tf_sniffed kind = fl_tf_sniff(file.data, file.size);
    fl_file_unmap(&file);
    if (plan)
        return inspect_plan(r, path, err);
    if (uff)
        return inspect_uff(r, path, err);
    switch (kind.kind) {
    case FL_TF_KIND_SAVED_MODEL:
        return inspect_saved_model(r, path, err);
    case FL_TF_KIND_TABLE:
    case FL_TF_KIND_CHECKPOINT_STATE:
        return inspect_checkpoint(r, path, err);
    default:
        return inspect_graph(r, path, kind.kind == FL_TF_KIND_META_GRAPH, err);
    }
done:
    return st;
}

floe_status floe_file_inspect(floe_file_info **out, const floe_env *env, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    report *r = NULL;
    if (!out || !path)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "floe_file_inspect: an output and a path are needed");
    r = fl_calloc(env, 1, sizeof *r);
    FL_NEED(r, sizeof *r, "the report", err);
    r->env = fl_env_copy(env);
    fl_arena_init(&r->arena, &r->env);
    if (fl_path_is_folder(path))
        FL_TRY(inspect_folder(r, path, err));
    else if (!fl_path_exists(path) && fl_tf_bundle_exists(path))
        FL_TRY(inspect_checkpoint(r, path, err));
    else
        FL_TRY(inspect_file(r, path, err));
    *out = &r->info;
    r = NULL;
done:
    if (r)
        floe_file_info_free(&r->info);
    return st;
}

void floe_file_info_free(floe_file_info *info)
{
    report *r = (report *)info;
    if (!r)
        return;
    const floe_env env = r->env;
    fl_arena_free(&r->arena);
    fl_free(&env, r);
}
