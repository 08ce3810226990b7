/* tf_attr.c - a node's attributes: found by name, decoded when asked for, set by encoding anew.
 *
 * An attribute is kept as the bytes of its AttrValue, a message of one member. Attributes of a node are sorted by
 * name, so finding is a bisection and writing gives the same bytes for the same graph. The simple getters take the
 * default for a value of another kind too: what an attribute means is known to the caller, and a node with a
 * malformed "padding" fails where padding is needed, with a better sentence than this file could give.
 */
#include "tf_dtype.h"

#include <string.h>

/* ---- finding */

/* Index of the attribute, or where it would stand. */
static size_t attr_position(const fl_tf_node *n, const char *name, bool *found)
{
    size_t low = 0, high = n->n_attr;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(n->attr[middle].name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

bool fl_tf_attr_find(const fl_tf_node *n, const char *name, fl_bytes *value)
{
    bool found;
    const size_t i = attr_position(n, name, &found);

    if (found)
        *value = n->attr[i].value;
    return found;
}

/* The member that is set (the last one written) in *out; FL_TF_ATTR_NONE when there is none or it is damaged. */
static fl_tf_attr_kind last_member(fl_bytes value, fl_pb_field *out)
{
    static const fl_pb_wire wires[] = {
        [FL_TF_ATTR_LIST] = FL_PB_BYTES,   [FL_TF_ATTR_S] = FL_PB_BYTES,      [FL_TF_ATTR_I] = FL_PB_VARINT,
        [FL_TF_ATTR_F] = FL_PB_FIXED32,    [FL_TF_ATTR_B] = FL_PB_VARINT,     [FL_TF_ATTR_TYPE] = FL_PB_VARINT,
        [FL_TF_ATTR_SHAPE] = FL_PB_BYTES,  [FL_TF_ATTR_TENSOR] = FL_PB_BYTES, [FL_TF_ATTR_PLACEHOLDER] = FL_PB_BYTES,
        [FL_TF_ATTR_FUNC] = FL_PB_BYTES,
    };
    fl_tf_attr_kind kind = FL_TF_ATTR_NONE;
    fl_reader r = fl_reader_make(value.data, value.size);
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        if (f.number > FL_TF_ATTR_FUNC || f.wire != wires[f.number])
            continue;
        kind = (fl_tf_attr_kind)f.number;
        *out = f;
    }
    return r.failed ? FL_TF_ATTR_NONE : kind;
}

fl_tf_attr_kind fl_tf_attr_kind_of(fl_bytes value)
{
    fl_pb_field f;
    return last_member(value, &f);
}

/* True when the attribute is there and of this kind. */
static bool find_member(const fl_tf_node *n, const char *name, fl_tf_attr_kind kind, fl_pb_field *out)
{
    fl_bytes value;
    return fl_tf_attr_find(n, name, &value) && last_member(value, out) == kind;
}

/* ---- the simple getters */

int64_t fl_tf_attr_int(const fl_tf_node *n, const char *name, int64_t absent)
{
    fl_pb_field f;
    return find_member(n, name, FL_TF_ATTR_I, &f) ? (int64_t)f.value : absent;
}

float fl_tf_attr_float(const fl_tf_node *n, const char *name, float absent)
{
    fl_pb_field f;
    return find_member(n, name, FL_TF_ATTR_F, &f) ? fl_pb_float(f.value) : absent;
}

bool fl_tf_attr_bool(const fl_tf_node *n, const char *name, bool absent)
{
    fl_pb_field f;
    return find_member(n, name, FL_TF_ATTR_B, &f) ? f.value != 0 : absent;
}

int fl_tf_attr_type(const fl_tf_node *n, const char *name, int absent)
{
    fl_pb_field f;
    return find_member(n, name, FL_TF_ATTR_TYPE, &f) && f.value <= INT32_MAX ? (int)f.value : absent;
}

const char *fl_tf_attr_string(fl_tf_graph *g, const fl_tf_node *n, const char *name)
{
    fl_pb_field f;

    if (!find_member(n, name, FL_TF_ATTR_S, &f) || memchr(f.bytes, 0, f.size))
        return NULL;
    return fl_arena_strndup(&g->arena, (const char *)f.bytes, f.size);
}

/* ---- lists and shapes */

static floe_status malformed(const fl_tf_graph *g, const fl_tf_node *n, const char *name, const char *expected,
                             floe_error *err)
{
    return fl_fail(err, FLOE_ERR_FORMAT, "%s: node '%s': attribute '%s' is no %s", g->path, n->name, name, expected);
}

floe_status fl_tf_attr_ints(fl_tf_graph *g, const fl_tf_node *n, const char *name, int64_t **out, size_t *count,
                            floe_error *err)
{
    enum { LIST_I = 3 };
    floe_status st = FLOE_OK;
    fl_bytes value;
    fl_pb_field list, f;
    size_t total = 0;

    *out = NULL;
    *count = 0;
    if (!fl_tf_attr_find(n, name, &value))
        goto done;
    if (last_member(value, &list) != FL_TF_ATTR_LIST) {
        st = malformed(g, n, name, "list of integers", err);
        goto done;
    }
    fl_reader r = fl_reader_make(list.bytes, list.size);
    while (fl_pb_next(&r, &f))
        if (f.number == LIST_I)
            total += fl_pb_scalar_count(&f, FL_PB_VARINT);
    if (r.failed) {
        st = malformed(g, n, name, "list of integers", err);
        goto done;
    }
    uint64_t *values = fl_arena_calloc(&g->arena, total, sizeof *values);
    FL_NEED(values, total * sizeof *values, "a list", err);
    size_t done_count = 0;
    r = fl_reader_make(list.bytes, list.size);
    while (fl_pb_next(&r, &f)) {
        const size_t here = f.number == LIST_I ? fl_pb_scalar_count(&f, FL_PB_VARINT) : 0;
        if (here > 0 && !fl_pb_scalars(&f, FL_PB_VARINT, values + done_count)) {
            st = malformed(g, n, name, "list of integers", err);
            goto done;
        }
        done_count += here;
    }
    *out = (int64_t *)values;
    *count = total;
done:
    return st;
}

floe_status fl_tf_attr_shape(fl_tf_graph *g, const fl_tf_node *n, const char *name, fl_tf_shape *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_bytes value;
    fl_pb_field f;

    *out = (fl_tf_shape){true, 0, NULL};
    if (!fl_tf_attr_find(n, name, &value))
        goto done;
    if (last_member(value, &f) != FL_TF_ATTR_SHAPE) {
        st = malformed(g, n, name, "shape", err);
        goto done;
    }
    st = fl_tf_shape_parse(&g->arena, (fl_bytes){f.bytes, f.size}, out, err);
    if (st != FLOE_OK)
        fl_error_prefix(err, "%s: node '%s': attribute '%s'", g->path, n->name, name);
done:
    return st;
}

/* ---- setting */

floe_status fl_tf_attr_set(fl_tf_graph *g, fl_tf_node *n, const char *name, fl_bytes encoded, floe_error *err)
{
    floe_status st = FLOE_OK;
    bool found;
    const size_t at = attr_position(n, name, &found);

    uint8_t *copy = fl_arena_memdup(&g->arena, encoded.data, encoded.size);
    FL_NEED(copy, encoded.size, "an attribute", err);
    if (!found) { /* an array of its own: the old one may be shared with a node this one was copied from */
        fl_tf_attr *attr = fl_arena_calloc(&g->arena, n->n_attr + 1, sizeof *attr);
        char *key = fl_arena_strdup(&g->arena, name);
        FL_NEED(attr && key ? attr : NULL, (n->n_attr + 1) * sizeof *attr, "attributes", err);
        for (size_t i = 0; i < n->n_attr; i++)
            attr[i + (i >= at)] = n->attr[i];
        attr[at].name = key;
        n->attr = attr;
        n->n_attr++;
    }
    n->attr[at].value = (fl_bytes){copy, encoded.size};
done:
    return st;
}

floe_status fl_tf_attr_set_type(fl_tf_graph *g, fl_tf_node *n, const char *name, int dtype, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf b = fl_buf_make(g->env);

    fl_pb_put_varint(&b, FL_TF_ATTR_TYPE, (uint64_t)dtype);
    FL_NEED(b.failed ? NULL : b.data, 16, "an attribute", err);
    FL_TRY(fl_tf_attr_set(g, n, name, (fl_bytes){b.data, b.size}, err));
done:
    fl_buf_free(&b);
    return st;
}

void fl_tf_attr_remove(fl_tf_node *n, const char *name)
{
    bool found;
    const size_t at = attr_position(n, name, &found);

    if (!found)
        return;
    memmove(n->attr + at, n->attr + at + 1, (n->n_attr - at - 1) * sizeof *n->attr);
    n->n_attr--;
}
