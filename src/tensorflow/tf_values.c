/* tf_values.c - finds a variable's value: in the checkpoint, by the most reliable way there is, or its initial one.
 *
 *     1  the key that the graph's own restore operation gives it            (route A, tf_restore.c)
 *     2  the key of the object that the signature captures                  (route D, tf_objects.c)
 *     3  the partition that the variables' collection describes             (route B)
 *     4  a key equal to the node's name; "w/part_1": the second slice of w  (route B)
 *     5  the key of the object with that full name, if only one has it      (route C)
 *     6  the initializer, where it is a constant: a variable that was added after training, or is never trained
 *
 * 3 to 5 go by names, and a TensorFlow 2 SavedModel must not be read by names: two variables may have the same one.
 * There 1 and 2 are complete. On request the moving average of a variable is taken in its place, where the checkpoint
 * has one.
 */
#include "tf_values.h"
#include "proto/wire.h"

#include <stdlib.h>
#include <string.h>

#define EMA_SUFFIX     "/ExponentialMovingAverage"
#define PART_INFIX     "/part_"
#define DEPTH_MAX      50

/* ---- keys */

floe_status fl_tf_key_add(fl_tf_freezer *f, fl_tf_key key, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (fl_names_find(&f->key_of, key.variable) != FL_NAMES_NONE)
        goto done;
    fl_tf_key *keys = fl_arena_grow(&f->arena, f->key, f->n_key, &f->cap_key, sizeof *keys);
    FL_NEED(keys, sizeof *keys, "keys", err);
    f->key = keys;
    FL_TRY(fl_names_add(&f->key_of, key.variable, (uint32_t)f->n_key, err));
    f->key[f->n_key++] = key;
done:
    return st;
}

/* VariableDef { 1 variable_name ("w/part_0:0"), 4 save_slice_info_def { 1 full_name, 2 full_shape, 3 var_offset,
 * 4 var_shape } }: a partition, as a key with a region. */
typedef struct slice_numbers {
    int64_t *value;
    size_t   count;
} slice_numbers;

static bool read_numbers(fl_arena *arena, fl_bytes message, uint32_t number, slice_numbers *out)
{
    fl_reader r = fl_reader_make(message.data, message.size);
    fl_pb_field f;

    *out = (slice_numbers){NULL, 0};
    while (fl_pb_next(&r, &f))
        out->count += f.number == number ? fl_pb_scalar_count(&f, FL_PB_VARINT) : 0;
    uint64_t *values = out->count <= FL_TF_RANK_MAX ? fl_arena_calloc(arena, out->count, sizeof *values) : NULL;
    out->value = (int64_t *)values;
    r = fl_reader_make(message.data, message.size);
    while (values && fl_pb_next(&r, &f)) {
        if (f.number != number)
            continue;
        if (!fl_pb_scalars(&f, FL_PB_VARINT, values))
            return false;
        values += fl_pb_scalar_count(&f, FL_PB_VARINT);
    }
    return values != NULL;
}

static floe_status add_partition(void *arg, fl_bytes variable_def, floe_error *err)
{
    fl_tf_freezer *f = arg;
    const fl_bytes slice = fl_tf_field(variable_def, 4);
    slice_numbers full, offset, shape;

    if (slice.size == 0 || !read_numbers(&f->arena, slice, 2, &full) || !read_numbers(&f->arena, slice, 3, &offset) ||
        !read_numbers(&f->arena, slice, 4, &shape) || full.count != offset.count || full.count != shape.count)
        return FLOE_OK; /* no partition, or no VariableDef at all: collections hold what users put there */
    for (size_t i = 0; i < full.count; i++)
        if (offset.value[i] < 0 || shape.value[i] < 0 || full.value[i] < shape.value[i] ||
            offset.value[i] > full.value[i] - shape.value[i])
            return FLOE_OK;
    const char *tensor = fl_tf_field_string(&f->arena, variable_def, 1);
    const char *key = fl_tf_field_string(&f->arena, slice, 1);
    const fl_tf_node *n = tensor && *tensor ? fl_tf_graph_input(f->graph, tensor, NULL) : NULL;
    if (!tensor || !key)
        return fl_fail_memory(err, slice.size, "a partition");
    if (!n || !fl_tf_is_variable(n->op) || !*key)
        return FLOE_OK;
    return fl_tf_key_add(f, (fl_tf_key){n->name, key, {(int)full.count, offset.value, shape.value}, full.value, false},
                         err);
}

floe_status fl_tf_partitions_read(fl_tf_freezer *f, floe_error *err)
{
    return fl_tf_model_each_variable(&f->model, add_partition, f, err);
}

/* ---- by name */

static int compare_parts(const void *a, const void *b)
{
    const fl_tf_region *left = &(*(fl_tf_part *const *)a)->region, *right = &(*(fl_tf_part *const *)b)->region;

    for (int i = 0; i < left->rank; i++)
        if (left->start[i] != right->start[i])
            return left->start[i] < right->start[i] ? -1 : 1;
    return 0;
}

/* "w/part_3" is the fourth slice of "w", in the order of their places. */
static floe_status key_of_part(fl_tf_freezer *f, const char *name, fl_tf_key *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *infix = NULL;

    for (const char *at = strstr(name, PART_INFIX); at; at = strstr(at + 1, PART_INFIX))
        infix = at;
    const char *digits = infix ? infix + strlen(PART_INFIX) : "";
    if (!*digits || strlen(digits) > 6 || digits[strspn(digits, "0123456789")] != 0)
        goto done;
    const char *whole = fl_arena_strndup(&f->arena, name, (size_t)(infix - name));
    FL_NEED(whole, strlen(name), "a name", err);
    const fl_tf_var *var = fl_tf_bundle_find(f->bundle, whole);
    const size_t number = (size_t)atoi(digits);
    if (!var || number >= var->n_parts)
        goto done;
    fl_tf_part **parts = fl_arena_calloc(&f->arena, var->n_parts, sizeof *parts);
    FL_NEED(parts, var->n_parts * sizeof *parts, "slices", err);
    size_t n = 0;
    for (fl_tf_part *p = var->parts; p; p = p->next)
        parts[n++] = p;
    qsort(parts, n, sizeof *parts, compare_parts);
    *out = (fl_tf_key){name, whole, parts[number]->region, NULL, false};
done:
    return st;
}

static bool in_checkpoint(const fl_tf_freezer *f, const char *key)
{
    return f->bundle && key && fl_tf_bundle_find(f->bundle, key);
}

/* Steps 3 to 5 of the essay; out->key stays NULL when none of them knows. */
static floe_status key_by_name(fl_tf_freezer *f, const fl_tf_node *n, fl_tf_key *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_region whole = {-1, NULL, NULL};
    bool twice = false, twice_shared = false;

    if (in_checkpoint(f, n->name)) {
        *out = (fl_tf_key){n->name, n->name, whole, NULL, false};
        goto done;
    }
    FL_TRY(key_of_part(f, n->name, out, err));
    if (out->key)
        goto done;
    const char *shared = fl_tf_attr_string(f->graph, n, "shared_name");
    const char *key = shared && *shared ? fl_tf_objects_by_name(f, shared, &twice_shared) : NULL;
    if (!key)
        key = fl_tf_objects_by_name(f, n->name, &twice);
    if (!key && (twice || twice_shared))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED,
                "%s: variable '%s': several objects of the checkpoint have that name, and the graph does not say which "
                "is meant; save a SavedModel or a graph with its saver",
                f->graph->path, n->name);
    if (in_checkpoint(f, key))
        *out = (fl_tf_key){n->name, key, whole, NULL, false};
done:
    return st;
}

static floe_status find_key(fl_tf_freezer *f, const fl_tf_node *n, fl_tf_key *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const uint32_t restored = fl_names_find(&f->key_of, n->name);
    const char *captured = fl_tf_objects_captured(f, n->name);
    const bool by_objects = f->saved_model && f->model.object_graph.size > 0;

    *out = (fl_tf_key){.variable = n->name};
    if (!f->bundle)
        goto done;
    if (restored != FL_NAMES_NONE && in_checkpoint(f, f->key[restored].key))
        *out = f->key[restored];
    else if (in_checkpoint(f, captured))
        *out = (fl_tf_key){n->name, captured, {-1, NULL, NULL}, NULL, false};
    else if (!by_objects)
        FL_TRY(key_by_name(f, n, out, err));
    if (out->key && f->options->prefer_ema) {
        const char *average = fl_arena_printf(&f->arena, "%s%s", out->key, EMA_SUFFIX);
        FL_NEED(average, 0, "a name", err);
        if (in_checkpoint(f, average))
            out->key = average;
    }
done:
    return st;
}

/* ---- constant initializers */

static floe_status constant_value(fl_tf_freezer *f, const char *input, fl_arena *arena, fl_tf_tensor *out, bool *known,
                                  int depth, floe_error *err);

/* Fill(dims, value): a value in every place. */
static floe_status fill_value(fl_tf_freezer *f, const fl_tf_node *n, fl_arena *arena, fl_tf_tensor *out, bool *known,
                              int depth, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_tensor dims, value;
    bool has_dims = false, has_value = false;

    FL_TRY(constant_value(f, n->input[0], arena, &dims, &has_dims, depth, err));
    FL_TRY(constant_value(f, n->input[1], arena, &value, &has_value, depth, err));
    if (!has_dims || !has_value || value.count != 1 || value.bytes == 0 || dims.count > FL_TF_RANK_MAX ||
        (dims.dtype != FL_TF_INT32 && dims.dtype != FL_TF_INT64))
        goto done;
    *out = (fl_tf_tensor){.dtype = value.dtype, .rank = (int)dims.count, .count = 1};
    out->dim = fl_arena_calloc(arena, (size_t)dims.count, sizeof *out->dim);
    FL_NEED(out->dim, (size_t)dims.count * sizeof *out->dim, "a shape", err);
    for (int64_t i = 0; i < dims.count; i++) {
        const size_t size = fl_tf_dtype_bytes(dims.dtype);
        int32_t narrow;
        memcpy(size == 4 ? (void *)&narrow : (void *)&out->dim[i], (const char *)dims.data + (size_t)i * size, size);
        if (size == 4)
            out->dim[i] = narrow;
        if (out->dim[i] < 0 || __builtin_mul_overflow(out->count, out->dim[i], &out->count))
            goto done;
    }
    if (!fl_mul_size((size_t)out->count, value.bytes, &out->bytes) || out->bytes >= FL_TF_TENSOR_BYTES_MAX)
        goto done;
    char *data = fl_arena_alloc_data(arena, out->bytes);
    FL_NEED(data, out->bytes, "an initial value", err);
    for (int64_t i = 0; i < out->count; i++)
        memcpy(data + (size_t)i * value.bytes, value.data, value.bytes);
    out->data = data;
    *known = true;
done:
    return st;
}

static floe_status constant_value(fl_tf_freezer *f, const char *input, fl_arena *arena, fl_tf_tensor *out, bool *known,
                                  int depth, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t i = fl_tf_node_index(f, input, NULL); /* initializers are pruned by now; their nodes still stand */
    const fl_tf_node *n = i == SIZE_MAX ? NULL : &f->graph->node[i];

    *known = false;
    if (!n || depth == DEPTH_MAX)
        goto done;
    if (strcmp(n->op, "Const") == 0) {
        FL_TRY(fl_tf_const_value(f->graph, n, out, err));
        *known = true;
    } else if (strcmp(n->op, "Identity") == 0 && n->n_input > 0) {
        FL_TRY(constant_value(f, n->input[0], arena, out, known, depth + 1, err));
    } else if (strcmp(n->op, "Fill") == 0 && n->n_input > 1) {
        FL_TRY(fill_value(f, n, arena, out, known, depth + 1, err));
    }
done:
    return st;
}

/* "w/Assign" is what TensorFlow calls the operation that initializes w. */
static floe_status initial_value(fl_tf_freezer *f, const fl_tf_node *n, fl_arena *arena, fl_tf_tensor *out,
                                 bool *known, floe_error *err)
{
    floe_status st = FLOE_OK;

    *known = false;
    const char *name = fl_arena_printf(&f->arena, "%s/Assign", n->name);
    FL_NEED(name, 0, "a name", err);
    const size_t i = fl_tf_node_index(f, name, NULL);
    const fl_tf_node *assign = i == SIZE_MAX ? NULL : &f->graph->node[i];
    if (!assign || strncmp(assign->op, "Assign", 6) != 0 || assign->n_input < 2)
        goto done;
    const size_t assigned = fl_tf_node_index(f, assign->input[0], NULL);
    if (assigned != (size_t)(n - f->graph->node))
        goto done;
    FL_TRY(constant_value(f, assign->input[1], arena, out, known, 0, err));
    if (*known)
        fl_log(f->env, FLOE_SEVERITY_WARNING, "%s: variable '%s' is not in the checkpoint; its initial value is taken",
               f->graph->path, n->name);
done:
    return st;
}

/* ---- the value */

static floe_status no_value(const fl_tf_freezer *f, const fl_tf_node *n, floe_error *err)
{
    const uint32_t restored = fl_names_find(&f->key_of, n->name);
    const char *key = restored == FL_NAMES_NONE ? n->name : f->key[restored].key;
    const char *near = f->bundle ? fl_tf_bundle_nearest(f->bundle, key) : NULL;

    if (!f->bundle)
        return fl_fail(err, FLOE_ERR_NOT_FOUND,
                       "%s: variable '%s' has no value: there is no variables/variables.index beside it",
                       f->graph->path, n->name);
    return fl_fail(err, FLOE_ERR_NOT_FOUND,
                   "%s: variable '%s' has no value: the checkpoint %s has no '%s'%s%s%s, and its initial value is no "
                   "constant",
                   f->graph->path, n->name, f->bundle->prefix, key, near ? " (the nearest is '" : "", near ? near : "",
                   near ? "')" : "");
}

static floe_status read_key(fl_tf_freezer *f, const fl_tf_key *key, fl_arena *arena, fl_tf_tensor *out,
                            floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_var *var = fl_tf_bundle_find(f->bundle, key->key);

    for (int i = 0; key->full_dim && i < key->region.rank; i++)
        if (key->region.rank != var->rank || key->full_dim[i] != var->dim[i])
            FL_FAIL(err, FLOE_ERR_SHAPE, "%s: variable '%s': a slice of '%s', whose shape is another in the checkpoint",
                    f->graph->path, key->variable, key->key);
    FL_TRY(fl_tf_bundle_read(f->bundle, var, &key->region, arena, out, err));
done:
    return st;
}

/* dtype and shape as the variable declares them. */
static floe_status check_value(fl_tf_freezer *f, const fl_tf_node *n, const fl_tf_key *key, fl_tf_tensor *t,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    const int dtype = fl_tf_attr_type(n, "dtype", t->dtype);
    fl_tf_shape shape;
    int64_t count = 1;

    if (dtype != t->dtype)
        FL_FAIL(err, FLOE_ERR_SHAPE, "%s: variable '%s' is %s, but '%s' in the checkpoint is %s", f->graph->path,
                n->name, fl_tf_dtype_name(dtype), key->key ? key->key : "its initial value",
                fl_tf_dtype_name(t->dtype));
    FL_TRY(fl_tf_attr_shape(f->graph, n, "shape", &shape, err));
    if (shape.unknown_rank)
        goto done;
    bool same = shape.rank == t->rank, known = true;
    for (int i = 0; i < shape.rank; i++) {
        known = known && shape.dim[i] >= 0 && !__builtin_mul_overflow(count, shape.dim[i], &count);
        same = same && (shape.dim[i] < 0 || shape.dim[i] == t->dim[i]);
    }
    if (!same && key->reshaped && known && count == t->count) {
        t->rank = shape.rank;
        t->dim = shape.dim;
    } else if (!same) {
        FL_FAIL(err, FLOE_ERR_SHAPE, "%s: variable '%s' has another shape than '%s' in the checkpoint: %lld elements, "
                "there are %lld", f->graph->path, n->name, key->key ? key->key : "its initial value",
                (long long)count, (long long)t->count);
    }
done:
    return st;
}

floe_status fl_tf_variable_value(fl_tf_freezer *f, const fl_tf_node *n, fl_arena *arena, fl_tf_tensor *out,
                                 floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_key key;
    bool known = true;

    FL_TRY(find_key(f, n, &key, err));
    if (key.key)
        FL_TRY(read_key(f, &key, arena, out, err));
    else if (f->bundle)
        FL_TRY(initial_value(f, n, arena, out, &known, err));
    else
        known = false; /* the whole checkpoint is gone: nobody wants an untrained model */
    if (!known) {
        st = no_value(f, n, err);
        goto done;
    }
    FL_TRY(check_value(f, n, &key, out, err));
done:
    return st;
}
