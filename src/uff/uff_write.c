/* uff_write.c - a graph becomes a UFF file.
 *
 * The same graph always gives the same bytes: member numbers ascend, a oneof member is written even at its default
 * value (axis = 0 is "38 00"), numeric lists are packed, and map entries, which NVIDIA's converter leaves in whatever
 * order a hash table has them, are sorted by key. Sorting is a heap sort of pointers: no recursion, no libc qsort,
 * which allocates behind our back.
 */
#include "proto/wire.h"
#include "uff_internal.h"

#include <string.h>

/* ---- sorting */

static void sift(const fl_uff_field **field, size_t at, size_t count)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && strcmp(field[child]->key, field[child + 1]->key) < 0)
            child++;
        if (strcmp(field[at]->key, field[child]->key) >= 0)
            return;
        const fl_uff_field *moved = field[at];
        field[at] = field[child];
        field[child] = moved;
    }
}

const fl_uff_field **fl_uff_sorted(const floe_env *env, const fl_uff_field *field, size_t count)
{
    const fl_uff_field **sorted = fl_calloc(env, count + 1, sizeof *sorted);

    if (!sorted)
        return NULL;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &field[i];
    for (size_t i = count / 2; i-- > 0;)
        sift(sorted, i, count);
    for (size_t last = count; last-- > 1;) {
        const fl_uff_field *largest = sorted[0];
        sorted[0] = sorted[last];
        sorted[last] = largest;
        sift(sorted, 0, last);
    }
    return sorted;
}

/* ---- extra_fields */

static bool has_ports(const fl_uff_node *n)
{
    for (size_t i = 0; i < n->n_input; i++)
        if (fl_uff_port(n, i) != 0)
            return true;
    return false;
}

/* Whether core UFF loses the node's type. NVIDIA's files hold bool constants as type 7 with one byte an element, and so
 * do ours: nothing is lost there. */
static bool has_hidden_dtype(const fl_uff_graph *g, const fl_uff_node *n)
{
    enum { TF_BOOL = 10 };
    const bool is_const = strcmp(n->operation, "Const") == 0;

    if (n->tf_dtype == 0 || (is_const && n->tf_dtype == TF_BOOL))
        return false;
    if (is_const || strcmp(n->operation, "Input") == 0)
        return fl_uff_int(g, n, "dtype", FL_UFF_OTHER) == FL_UFF_OTHER;
    return true;
}

floe_status fl_uff_extras_make(fl_uff_extras *out, const floe_env *env, const fl_uff_graph *g, const fl_uff_node *n,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    const bool ports = has_ports(n), dtype = has_hidden_dtype(g, n);

    *out = (fl_uff_extras){0};
    if (!ports && !dtype && n->n_extra == 0)
        goto done;
    out->all = fl_calloc(env, n->n_extra + 2, sizeof *out->all);
    FL_NEED(out->all, (n->n_extra + 2) * sizeof *out->all, "extra fields", err);
    for (; out->count < n->n_extra; out->count++)
        out->all[out->count] = n->extra[out->count];
    if (dtype)
        out->all[out->count++] = (fl_uff_field){FL_UFF_EXTRA_DTYPE, {.kind = FL_UFF_I, .u.i = n->tf_dtype}};
    if (ports) {
        out->ports = fl_calloc(env, n->n_input, sizeof *out->ports);
        FL_NEED(out->ports, n->n_input * sizeof *out->ports, "ports", err);
        for (size_t i = 0; i < n->n_input; i++)
            out->ports[i] = fl_uff_port(n, i);
        out->all[out->count++] =
            (fl_uff_field){FL_UFF_EXTRA_PORTS, {.kind = FL_UFF_I_LIST, .count = n->n_input, .u.i_list = out->ports}};
    }
    out->field = fl_uff_sorted(env, out->all, out->count);
    FL_NEED(out->field, out->count * sizeof *out->field, "extra fields", err);
done:
    return st;
}

void fl_uff_extras_free(fl_uff_extras *extras, const floe_env *env)
{
    fl_free(env, extras->field);
    fl_free(env, extras->all);
    fl_free(env, extras->ports);
}

/* ---- values */

/* The packed member 1 of a list message. An empty list is an empty message. */
static void put_ints(fl_buf *b, uint32_t number, const int64_t *values, size_t count)
{
    const size_t list = fl_pb_begin(b, number);
    if (count > 0) {
        const size_t packed = fl_pb_begin(b, 1);
        for (size_t i = 0; i < count; i++)
            fl_put_varint(b, (uint64_t)values[i]);
        fl_pb_end(b, packed);
    }
    fl_pb_end(b, list);
}

static void put_bools(fl_buf *b, uint32_t number, const bool *values, size_t count)
{
    const size_t list = fl_pb_begin(b, number);
    if (count > 0) {
        const size_t packed = fl_pb_begin(b, 1);
        for (size_t i = 0; i < count; i++)
            fl_put_u8(b, values[i]);
        fl_pb_end(b, packed);
    }
    fl_pb_end(b, list);
}

static uint64_t bits_of(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static void put_doubles(fl_buf *b, uint32_t number, const double *values, size_t count)
{
    const size_t list = fl_pb_begin(b, number);
    if (count > 0) {
        const size_t packed = fl_pb_begin(b, 1);
        for (size_t i = 0; i < count; i++)
            fl_put_u64(b, bits_of(values[i]));
        fl_pb_end(b, packed);
    }
    fl_pb_end(b, list);
}

static void put_strings(fl_buf *b, uint32_t number, const char *const *values, size_t count)
{
    const size_t list = fl_pb_begin(b, number);
    for (size_t i = 0; i < count; i++)
        fl_pb_put_string(b, 1, values[i]);
    fl_pb_end(b, list);
}

/* DimensionOrders: one entry -1 -> list. */
static void put_orders(fl_buf *b, uint32_t number, const fl_uff_orders *orders)
{
    const size_t message = fl_pb_begin(b, number);
    const size_t entry = fl_pb_begin(b, 1);
    fl_pb_put_varint(b, 1, (uint64_t)-1);
    put_ints(b, 2, orders->order, orders->count);
    fl_pb_end(b, entry);
    fl_pb_end(b, message);
}

static void put_orders_list(fl_buf *b, uint32_t number, const fl_uff_orders *orders, size_t count)
{
    const size_t list = fl_pb_begin(b, number);
    for (size_t i = 0; i < count; i++)
        put_orders(b, 1, &orders[i]);
    fl_pb_end(b, list);
}

static void put_data(fl_buf *b, uint32_t number, const fl_uff_data *d)
{
    const size_t message = fl_pb_begin(b, number);
    const uint32_t member = (uint32_t)d->kind;

    switch (d->kind) {
    case FL_UFF_EMPTY:       break;
    case FL_UFF_S:           /* as a reference */
    case FL_UFF_REF:         fl_pb_put_bytes(b, member, d->u.s, d->count); break;
    case FL_UFF_S_LIST:      put_strings(b, member, d->u.s_list, d->count); break;
    case FL_UFF_D:           fl_pb_put_fixed64(b, member, bits_of(d->u.d)); break;
    case FL_UFF_D_LIST:      put_doubles(b, member, d->u.d_list, d->count); break;
    case FL_UFF_B:           fl_pb_put_varint(b, member, d->u.b); break;
    case FL_UFF_B_LIST:      put_bools(b, member, d->u.b_list, d->count); break;
    case FL_UFF_I:           /* as a type */
    case FL_UFF_DTYPE:       fl_pb_put_varint(b, member, (uint64_t)d->u.i); break;
    case FL_UFF_I_LIST:      /* as a list of types */
    case FL_UFF_DTYPE_LIST:  put_ints(b, member, d->u.i_list, d->count); break;
    case FL_UFF_BLOB:        fl_pb_put_bytes(b, member, d->u.blob, d->count); break;
    case FL_UFF_ORDERS:      put_orders(b, member, d->u.orders); break;
    case FL_UFF_ORDERS_LIST: put_orders_list(b, member, d->u.orders, d->count); break;
    }
    fl_pb_end(b, message);
}

static void put_map(fl_buf *b, uint32_t number, const fl_uff_field *const *field, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const size_t entry = fl_pb_begin(b, number);
        fl_pb_put_string(b, 1, field[i]->key);
        put_data(b, 2, &field[i]->value);
        fl_pb_end(b, entry);
    }
}

/* ---- messages */

static floe_status put_sorted(fl_buf *b, uint32_t number, const floe_env *env, const fl_uff_field *field, size_t count,
                              floe_error *err)
{
    const fl_uff_field **sorted = fl_uff_sorted(env, field, count);

    if (!sorted)
        return fl_fail_memory(err, count * sizeof *sorted, "sorting keys");
    put_map(b, number, sorted, count);
    fl_free(env, sorted);
    return FLOE_OK;
}

static floe_status put_node(fl_buf *b, const fl_uff_graph *g, const fl_uff_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_extras extras = {0};

    const size_t message = fl_pb_begin(b, 2);
    fl_pb_put_string(b, 1, n->id);
    for (size_t i = 0; i < n->n_input; i++)
        fl_pb_put_string(b, 2, n->input[i]);
    fl_pb_put_string(b, 3, n->operation);
    FL_TRY(put_sorted(b, 4, g->env, n->field, n->n_field, err));
    FL_TRY(fl_uff_extras_make(&extras, g->env, g, n, err));
    put_map(b, 100, extras.field, extras.count);
    fl_pb_end(b, message);
done:
    fl_uff_extras_free(&extras, g->env);
    return st;
}

static void put_descriptors(fl_buf *b, const fl_uff_graph *g)
{
    for (size_t i = 0; i < g->n_descriptor; i++) {
        const size_t message = fl_pb_begin(b, 3);
        fl_pb_put_string(b, 1, g->descriptor[i].id);
        if (g->descriptor[i].version != 0)
            fl_pb_put_varint(b, 2, (uint64_t)g->descriptor[i].version);
        fl_pb_end(b, message);
    }
}

floe_status fl_uff_write(fl_buf *out, const fl_uff_graph *graph, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (graph->version != 0)
        fl_pb_put_varint(out, 1, (uint64_t)graph->version);
    if (graph->core_version != 0)
        fl_pb_put_varint(out, 2, (uint64_t)graph->core_version);
    put_descriptors(out, graph);
    const size_t message = fl_pb_begin(out, 4);
    fl_pb_put_string(out, 1, graph->id);
    for (size_t i = 0; i < graph->n_node; i++)
        FL_TRY(put_node(out, graph, &graph->node[i], err));
    fl_pb_end(out, message);
    FL_TRY(put_sorted(out, 5, graph->env, graph->data, graph->n_data, err));
    FL_NEED(out->failed ? NULL : out, out->capacity * 2, "a UFF file", err);
done:
    return st;
}
