/* uff_read_data.c - the message Data: one value out of fourteen kinds.
 *
 * A table says which wire type each member has and which function reads it. Data is a oneof: the last member that is there
 * counts. Numeric lists are accepted packed and unpacked. Texts and lists are copied to the arena, blobs point into
 * the file.
 */
#include "uff_internal.h"

#include <string.h>

/* ---- failing */

floe_status fl_uff_damaged(const fl_uff_reader *r, const char *what)
{
    if (r->node)
        return fl_fail(r->err, FLOE_ERR_FORMAT, "%s: node '%.200s': damaged %s", r->g->path, r->node, what);
    return fl_fail(r->err, FLOE_ERR_FORMAT, "%s: damaged %s: this is no UFF file, or not a whole one", r->g->path,
                   what);
}

floe_status fl_uff_no_memory(const fl_uff_reader *r, size_t bytes)
{
    return fl_fail_memory(r->err, bytes, r->g->path);
}

/* A name: text without a NUL in it. */
floe_status fl_uff_read_name(const fl_uff_reader *r, const fl_pb_field *f, const char *what, const char **out)
{
    if (f->wire != FL_PB_BYTES || (f->size > 0 && memchr(f->bytes, 0, f->size)))
        return fl_uff_damaged(r, what);
    *out = fl_uff_copy_text(&r->g->arena, f->bytes, f->size);
    return *out ? FLOE_OK : fl_uff_no_memory(r, f->size);
}

/* ---- lists: messages with one repeated member, number 1 */

/* Counts the scalars of a list message; false on damage. */
static bool count_scalars(const fl_pb_field *list, fl_pb_wire wire, size_t *count)
{
    fl_reader in = fl_uff_open(list);
    fl_pb_field f;

    for (*count = 0; fl_pb_next(&in, &f);) {
        if (f.number != 1)
            continue;
        if (f.wire != wire && f.wire != FL_PB_BYTES)
            return false;
        if (f.wire == FL_PB_BYTES && wire == FL_PB_FIXED64 && f.size % 8 != 0)
            return false;
        *count += fl_pb_scalar_count(&f, wire);
    }
    return !in.failed;
}

/* The scalars as raw 64-bit values, packed or not. */
static floe_status read_scalars(const fl_uff_reader *r, const fl_pb_field *list, fl_pb_wire wire, uint64_t **out,
                                size_t *count)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(list);
    fl_pb_field f;
    size_t at = 0;

    if (list->wire != FL_PB_BYTES || !count_scalars(list, wire, count))
        return fl_uff_damaged(r, "list");
    uint64_t *values = fl_arena_calloc(&r->g->arena, *count, sizeof *values);
    FL_NEED(values, *count * sizeof *values, r->g->path, r->err);
    while (fl_pb_next(&in, &f)) {
        const size_t here = f.number == 1 ? fl_pb_scalar_count(&f, wire) : 0;
        if (here > 0 && !fl_pb_scalars(&f, wire, values + at))
            return fl_uff_damaged(r, "list");
        at += here;
    }
    *out = values;
done:
    return st;
}

static floe_status read_bools(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    floe_status st = FLOE_OK;
    uint64_t *values;

    FL_TRY(read_scalars(r, f, FL_PB_VARINT, &values, &out->count));
    out->u.b_list = fl_arena_calloc(&r->g->arena, out->count, sizeof *out->u.b_list);
    FL_NEED(out->u.b_list, out->count, r->g->path, r->err);
    for (size_t i = 0; i < out->count; i++)
        out->u.b_list[i] = values[i] != 0;
done:
    return st;
}

static floe_status read_doubles(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    uint64_t *values;
    const floe_status st = read_scalars(r, f, FL_PB_FIXED64, &values, &out->count);

    if (st != FLOE_OK)
        return st;
    out->u.d_list = fl_arena_calloc(&r->g->arena, out->count, sizeof *out->u.d_list);
    if (!out->u.d_list)
        return fl_uff_no_memory(r, out->count * sizeof *out->u.d_list);
    for (size_t i = 0; i < out->count; i++)
        out->u.d_list[i] = fl_pb_double(values[i]);
    return FLOE_OK;
}

static floe_status read_ints(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    uint64_t *values = NULL;
    const floe_status st = read_scalars(r, f, FL_PB_VARINT, &values, &out->count);
    out->u.i_list = (int64_t *)values;
    return st;
}

/* Counts the sub-messages or strings of a list message. */
static bool count_items(const fl_pb_field *list, size_t *count)
{
    fl_reader in = fl_uff_open(list);
    fl_pb_field f;

    for (*count = 0; fl_pb_next(&in, &f);) {
        if (f.number == 1 && f.wire != FL_PB_BYTES)
            return false;
        *count += f.number == 1;
    }
    return !in.failed;
}

static floe_status read_strings(const fl_uff_reader *r, const fl_pb_field *list, fl_uff_data *out)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(list);
    fl_pb_field f;
    size_t at = 0;

    if (list->wire != FL_PB_BYTES || !count_items(list, &out->count))
        return fl_uff_damaged(r, "list of strings");
    out->u.s_list = fl_arena_calloc(&r->g->arena, out->count, sizeof *out->u.s_list);
    FL_NEED(out->u.s_list, out->count * sizeof *out->u.s_list, r->g->path, r->err);
    while (fl_pb_next(&in, &f))
        if (f.number == 1)
            FL_TRY(fl_uff_read_name(r, &f, "string", &out->u.s_list[at++]));
done:
    return st;
}

/* ---- orders: map int32 -> list of int64, of which only the key -1 occurs */

static floe_status read_orders_entry(const fl_uff_reader *r, const fl_pb_field *entry, fl_uff_orders *out)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(entry);
    fl_pb_field f, list = {0};
    int32_t key = 0;

    if (entry->wire != FL_PB_BYTES)
        return fl_uff_damaged(r, "dimension orders");
    while (fl_pb_next(&in, &f)) {
        if (f.number == 1 && f.wire == FL_PB_VARINT)
            key = (int32_t)f.value;
        else if (f.number == 2 && f.wire == FL_PB_BYTES)
            list = f;
        else if (f.number <= 2)
            return fl_uff_damaged(r, "dimension orders");
    }
    if (in.failed)
        return fl_uff_damaged(r, "dimension orders");
    if (key != -1)
        FL_FAIL(r->err, FLOE_ERR_UNSUPPORTED, "%s: dimension orders of key %d: only -1 has a meaning", r->g->path,
                (int)key);
    list.wire = FL_PB_BYTES; /* also where the value is missing: then it is empty */
    uint64_t *values;
    FL_TRY(read_scalars(r, &list, FL_PB_VARINT, &values, &out->count));
    out->order = (int64_t *)values;
done:
    return st;
}

static floe_status read_orders(const fl_uff_reader *r, const fl_pb_field *orders, fl_uff_orders *out)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(orders);
    fl_pb_field f;

    if (orders->wire != FL_PB_BYTES)
        return fl_uff_damaged(r, "dimension orders");
    while (fl_pb_next(&in, &f))
        if (f.number == 1)
            FL_TRY(read_orders_entry(r, &f, out));
    if (in.failed)
        return fl_uff_damaged(r, "dimension orders");
done:
    return st;
}

static floe_status read_orders_list(const fl_uff_reader *r, const fl_pb_field *list, fl_uff_data *out)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_uff_open(list);
    fl_pb_field f;
    size_t at = 0;

    if (list->wire != FL_PB_BYTES || !count_items(list, &out->count))
        return fl_uff_damaged(r, "dimension orders");
    out->u.orders = fl_arena_calloc(&r->g->arena, out->count, sizeof *out->u.orders);
    FL_NEED(out->u.orders, out->count * sizeof *out->u.orders, r->g->path, r->err);
    while (fl_pb_next(&in, &f))
        if (f.number == 1)
            FL_TRY(read_orders(r, &f, &out->u.orders[at++]));
done:
    return st;
}

static floe_status read_one_orders(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    out->count = 1;
    out->u.orders = fl_arena_calloc(&r->g->arena, 1, sizeof *out->u.orders);
    return out->u.orders ? read_orders(r, f, out->u.orders) : fl_uff_no_memory(r, sizeof *out->u.orders);
}

/* ---- Data: a oneof */

static floe_status read_text(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    out->count = f->size;
    out->u.s = fl_uff_copy_text(&r->g->arena, f->bytes, f->size);
    return out->u.s ? FLOE_OK : fl_uff_no_memory(r, f->size);
}

static floe_status read_reference(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    out->count = f->size;
    return fl_uff_read_name(r, f, "reference", &out->u.s);
}

static floe_status read_double(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    (void)r;
    out->u.d = fl_pb_double(f->value);
    return FLOE_OK;
}

static floe_status read_bool(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    (void)r;
    out->u.b = f->value != 0;
    return FLOE_OK;
}

static floe_status read_int(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    (void)r;
    out->u.i = (int64_t)f->value;
    return FLOE_OK;
}

static floe_status read_blob(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out)
{
    (void)r;
    out->count = f->size;
    out->u.blob = f->bytes;
    return FLOE_OK;
}

typedef struct member {
    fl_uff_kind kind; /* the field number */
    fl_pb_wire  wire;
    floe_status (*read)(const fl_uff_reader *r, const fl_pb_field *f, fl_uff_data *out);
} member;

static const member members[] = {
    {FL_UFF_S, FL_PB_BYTES, read_text},
    {FL_UFF_S_LIST, FL_PB_BYTES, read_strings},
    {FL_UFF_D, FL_PB_FIXED64, read_double},
    {FL_UFF_D_LIST, FL_PB_BYTES, read_doubles},
    {FL_UFF_B, FL_PB_VARINT, read_bool},
    {FL_UFF_B_LIST, FL_PB_BYTES, read_bools},
    {FL_UFF_I, FL_PB_VARINT, read_int},
    {FL_UFF_I_LIST, FL_PB_BYTES, read_ints},
    {FL_UFF_BLOB, FL_PB_BYTES, read_blob},
    {FL_UFF_REF, FL_PB_BYTES, read_reference},
    {FL_UFF_DTYPE, FL_PB_VARINT, read_int},
    {FL_UFF_DTYPE_LIST, FL_PB_BYTES, read_ints},
    {FL_UFF_ORDERS, FL_PB_BYTES, read_one_orders},
    {FL_UFF_ORDERS_LIST, FL_PB_BYTES, read_orders_list},
};

static const member *find_member(uint32_t number)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if ((uint32_t)members[i].kind == number)
            return &members[i];
    return NULL;
}

floe_status fl_uff_read_data(const fl_uff_reader *r, const fl_pb_field *data, fl_uff_data *out)
{
    fl_reader in = fl_uff_open(data);
    fl_pb_field f, last = {0};
    const member *m = NULL;

    *out = (fl_uff_data){0};
    while (fl_pb_next(&in, &f)) {
        const member *known = find_member(f.number);
        if (known) { /* the last member of a oneof counts */
            m = known;
            last = f;
        }
    }
    if (in.failed || (m && last.wire != m->wire))
        return fl_uff_damaged(r, "value");
    if (!m)
        return FLOE_OK;
    out->kind = m->kind;
    return m->read(r, &last, out);
}
