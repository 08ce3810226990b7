/* uff_text.c - a graph as protobuf text, the way NVIDIA's converter writes "<name>.pbtxt" beside its file.
 *
 * The text is for reading, not for loading: a blob of more than 32 bytes is replaced by "(...N bytes skipped...)".
 * Layout is Python's text format: two spaces a level, members in the order of their numbers, map entries sorted by
 * key, enums by name where they have one, an empty list as "i_list {" and "}" on two lines, doubles as Python prints
 * them (the shortest digits that read back as the same number).
 */
#include "proto/text.h"
#include "uff_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_SHOWN_MAX 32

typedef struct printer {
    fl_buf *b;
    int     depth;
} printer;

/* ---- lines */

static void indent(printer *p)
{
    for (int i = 0; i < p->depth; i++)
        fl_put_text(p->b, "  ");
}

static void open_block(printer *p, const char *name)
{
    indent(p);
    fl_put_format(p->b, "%s {\n", name);
    p->depth++;
}

static void close_block(printer *p)
{
    p->depth--;
    indent(p);
    fl_put_text(p->b, "}\n");
}

static void line_quoted(printer *p, const char *name, const void *bytes, size_t size)
{
    indent(p);
    fl_put_format(p->b, "%s: \"", name);
    fl_pbtext_put_escaped(p->b, bytes, size);
    fl_put_text(p->b, "\"\n");
}

static void line_int(printer *p, const char *name, int64_t value)
{
    indent(p);
    fl_put_format(p->b, "%s: %" PRId64 "\n", name, value);
}

static void line_bool(printer *p, const char *name, bool value)
{
    indent(p);
    fl_put_format(p->b, "%s: %s\n", name, value ? "true" : "false");
}

/* Python's repr: the fewest digits that give the number back, an exponent below 1e-4 and from 1e16 on, and ".0" where
 * it would look like an integer. */
static void line_double(printer *p, const char *name, double value)
{
    const double magnitude = fabs(value);
    char text[40];
    int digits = 0;

    indent(p);
    if (isnan(value) || isinf(value)) {
        fl_put_format(p->b, "%s: %s\n", name, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    do {
        snprintf(text, sizeof text, "%.*g", ++digits, value);
    } while (digits < 17 && strtod(text, NULL) != value);
    if (magnitude >= 1e-4 && magnitude < 1e16 && strchr(text, 'e'))
        snprintf(text, sizeof text, "%.0f", value);
    else if (magnitude >= 1e16 && !strchr(text, 'e'))
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
    for (char *at = text; *at; at++) /* the user's locale may say otherwise */
        if (*at == ',')
            *at = '.';
    fl_put_format(p->b, "%s: %s%s\n", name, text, strpbrk(text, ".e") ? "" : ".0");
}

static void line_dtype(printer *p, const char *name, int64_t value)
{
    static const struct {
        fl_uff_dtype value;
        const char  *name;
    } names[] = {
        {0, "DT_INVALID"},
        {FL_UFF_INT8, "DT_INT8"},
        {FL_UFF_INT16, "DT_INT16"},
        {FL_UFF_INT32, "DT_INT32"},
        {FL_UFF_INT64, "DT_INT64"},
        {FL_UFF_FLOAT16, "DT_FLOAT16"},
        {FL_UFF_FLOAT32, "DT_FLOAT32"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((int64_t)names[i].value == value) {
            indent(p);
            fl_put_format(p->b, "%s: %s\n", name, names[i].name);
            return;
        }
    }
    line_int(p, name, value);
}

static void line_blob(printer *p, const char *name, const uint8_t *bytes, size_t size)
{
    if (size <= BLOB_SHOWN_MAX) {
        line_quoted(p, name, bytes, size);
        return;
    }
    indent(p);
    fl_put_format(p->b, "%s: \"(...%zu bytes skipped...)\"\n", name, size);
}

/* ---- values */

static void put_orders(printer *p, const char *name, const fl_uff_orders *orders)
{
    open_block(p, name);
    open_block(p, "orders");
    line_int(p, "key", -1);
    open_block(p, "value");
    for (size_t i = 0; i < orders->count; i++)
        line_int(p, "val", orders->order[i]);
    close_block(p);
    close_block(p);
    close_block(p);
}

static void put_list(printer *p, const char *name, const fl_uff_data *d)
{
    open_block(p, name);
    for (size_t i = 0; i < d->count; i++) {
        switch (d->kind) {
        case FL_UFF_S_LIST:      line_quoted(p, "val", d->u.s_list[i], strlen(d->u.s_list[i])); break;
        case FL_UFF_D_LIST:      line_double(p, "val", d->u.d_list[i]); break;
        case FL_UFF_B_LIST:      line_bool(p, "val", d->u.b_list[i]); break;
        case FL_UFF_I_LIST:      line_int(p, "val", d->u.i_list[i]); break;
        case FL_UFF_DTYPE_LIST:  line_dtype(p, "val", d->u.i_list[i]); break;
        case FL_UFF_ORDERS_LIST: put_orders(p, "val", &d->u.orders[i]); break;
        default:                 break;
        }
    }
    close_block(p);
}

static void put_data(printer *p, const fl_uff_data *d)
{
    switch (d->kind) {
    case FL_UFF_EMPTY:       break;
    case FL_UFF_S:           line_quoted(p, "s", d->u.s, d->count); break;
    case FL_UFF_S_LIST:      put_list(p, "s_list", d); break;
    case FL_UFF_D:           line_double(p, "d", d->u.d); break;
    case FL_UFF_D_LIST:      put_list(p, "d_list", d); break;
    case FL_UFF_B:           line_bool(p, "b", d->u.b); break;
    case FL_UFF_B_LIST:      put_list(p, "b_list", d); break;
    case FL_UFF_I:           line_int(p, "i", d->u.i); break;
    case FL_UFF_I_LIST:      put_list(p, "i_list", d); break;
    case FL_UFF_BLOB:        line_blob(p, "blob", d->u.blob, d->count); break;
    case FL_UFF_REF:         line_quoted(p, "ref", d->u.s, d->count); break;
    case FL_UFF_DTYPE:       line_dtype(p, "dtype", d->u.i); break;
    case FL_UFF_DTYPE_LIST:  put_list(p, "dtype_list", d); break;
    case FL_UFF_ORDERS:      put_orders(p, "dim_orders", d->u.orders); break;
    case FL_UFF_ORDERS_LIST: put_list(p, "dim_orders_list", d); break;
    }
}

static void put_map(printer *p, const char *name, const fl_uff_field *const *field, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        open_block(p, name);
        line_quoted(p, "key", field[i]->key, strlen(field[i]->key));
        open_block(p, "value");
        put_data(p, &field[i]->value);
        close_block(p);
        close_block(p);
    }
}

/* ---- messages */

static floe_status put_sorted(printer *p, const char *name, const floe_env *env, const fl_uff_field *field,
                              size_t count, floe_error *err)
{
    const fl_uff_field **sorted = fl_uff_sorted(env, field, count);

    if (!sorted)
        return fl_fail_memory(err, count * sizeof *sorted, "sorting keys");
    put_map(p, name, sorted, count);
    fl_free(env, sorted);
    return FLOE_OK;
}

static floe_status put_node(printer *p, const fl_uff_graph *g, const fl_uff_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_extras extras = {0};

    open_block(p, "nodes");
    line_quoted(p, "id", n->id, strlen(n->id));
    for (size_t i = 0; i < n->n_input; i++)
        line_quoted(p, "inputs", n->input[i], strlen(n->input[i]));
    line_quoted(p, "operation", n->operation, strlen(n->operation));
    FL_TRY(put_sorted(p, "fields", g->env, n->field, n->n_field, err));
    FL_TRY(fl_uff_extras_make(&extras, g->env, g, n, err));
    put_map(p, "extra_fields", extras.field, extras.count);
    close_block(p);
done:
    fl_uff_extras_free(&extras, g->env);
    return st;
}

static void put_descriptor(printer *p, const fl_uff_descriptor *d)
{
    open_block(p, "descriptors");
    line_quoted(p, "id", d->id, strlen(d->id));
    if (d->version != 0)
        line_int(p, "version", d->version);
    close_block(p);
}

floe_status fl_uff_write_text(fl_buf *out, const fl_uff_graph *graph, floe_error *err)
{
    floe_status st = FLOE_OK;
    printer p = {out, 0};

    if (graph->version != 0)
        line_int(&p, "version", graph->version);
    if (graph->core_version != 0)
        line_int(&p, "descriptor_core_version", graph->core_version);
    for (size_t i = 0; i < graph->n_descriptor; i++)
        put_descriptor(&p, &graph->descriptor[i]);
    open_block(&p, "graphs");
    line_quoted(&p, "id", graph->id, strlen(graph->id));
    for (size_t i = 0; i < graph->n_node; i++)
        FL_TRY(put_node(&p, graph, &graph->node[i], err));
    close_block(&p);
    FL_TRY(put_sorted(&p, "referenced_data", graph->env, graph->data, graph->n_data, err));
    FL_NEED(out->failed ? NULL : out, out->capacity * 2, "the text of a UFF file", err);
done:
    return st;
}
