/* tf_convert_custom.c - inputs, constants, and custom operations: the nodes whose content is TensorFlow's own.
 *
 * A custom operation "_Op" carries every attribute of TensorFlow's node as a field of the same name:
 *
 *     i -> i   f -> d   b -> b   s -> s   type -> dtype   shape -> i_list   func -> s (the function's name)
 *     list(i, f, b, s, type) -> i_list, d_list, b_list, s_list, dtype_list; an empty list gives no field
 *
 * A type without a UFF number (bool, double, ...) is an empty Data, as NVIDIA writes it, plus TensorFlow's number under
 * the attribute's name in extra_fields. A tensor, or a list of shapes, tensors or functions, has no form in UFF: the
 * field is left out (NVIDIA's converter stops there; the operations that have such attributes are not ones that floe
 * or TensorRT run, and the importer names all of those at once).
 *
 * Two shapes of stripped defaults matter to readers: an attribute that is absent here has TensorFlow's default.
 */
#include "tf_convert_internal.h"

#include "proto/wire.h"

#include <string.h>

/* ---- inputs */

static floe_status add_input_node(fl_tfc *c, const fl_tf_node *n, int dtype, const int64_t *dim, int rank,
                                  floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    FL_TRY(fl_tfc_add(c, &u, n, "Input", err));
    u->tf_dtype = dtype;
    FL_TRY(fl_tfc_set_dtype(c, u, "dtype", dtype, err));
    FL_TRY(fl_tfc_set_ints(c, u, "shape", dim, (size_t)rank, err));
done:
    return st;
}

/* Reference types (base + 100) are their base to us. */
static int base_type(int dtype)
{
    return dtype > 100 ? dtype - 100 : dtype;
}

floe_status fl_tfc_input(fl_tfc *c, const fl_tf_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_input_override *override = fl_tfc_info_of(c, n)->override;
    fl_tf_shape shape;

    if (override) {
        const int given = override->dtype ? override->dtype : FL_TF_FLOAT;
        st = add_input_node(c, n, given, override->dim, override->rank, err);
        goto done;
    }
    FL_TRY(fl_tf_attr_shape(c->tf, n, "shape", &shape, err));
    for (int i = 0; i < shape.rank; i++)
        if (shape.dim[i] < 0)
            shape.dim[i] = -1;
    const int dtype = base_type(fl_tf_attr_type(n, "dtype", FL_TF_FLOAT));
    FL_TRY(add_input_node(c, n, dtype, shape.dim, shape.unknown_rank ? 0 : shape.rank, err));
done:
    return st;
}

/* ---- constants */

floe_status fl_tfc_value(fl_tfc *c, const fl_tf_node *n, const fl_tf_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tfc_info *info = fl_tfc_info_of(c, n);

    if (!info->value) {
        fl_tf_tensor *value = fl_arena_alloc(&c->scratch, sizeof *value);
        FL_NEED(value, sizeof *value, "a constant", err);
        FL_TRY(fl_tf_const_value(c->tf, n, value, err));
        info->value = value;
    }
    *out = info->value;
done:
    return st;
}

/* Strings have no bytes that a blob could hold; the node stays, so that who needs it can say so. */
static floe_status add_string_const(fl_tfc *c, const fl_tf_node *n, const fl_tf_tensor *value, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    fl_tfc_log(c, "Warning: Leaving out the strings of %s: UFF has no place for them.", n->name);
    FL_TRY(fl_tfc_mark_custom(c, err));
    FL_TRY(fl_tfc_add(c, &u, n, "_Const", err));
    u->tf_dtype = value->dtype;
    FL_TRY(fl_uff_set_field(c->uff, u, "dtype", (fl_uff_data){.kind = FL_UFF_EMPTY}, err));
    FL_TRY(fl_tfc_set_ints(c, u, "shape", value->dim, (size_t)value->rank, err));
done:
    return st;
}

floe_status fl_tfc_const(fl_tfc *c, const fl_tf_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_tensor *value;
    fl_uff_node *u;

    FL_TRY(fl_tfc_value(c, n, &value, err));
    if (value->dtype == FL_TF_STRING) {
        st = add_string_const(c, n, value, err);
        goto done;
    }
    FL_TRY(fl_tfc_add(c, &u, n, "Const", err));
    u->tf_dtype = base_type(value->dtype);
    FL_TRY(fl_tfc_set_dtype(c, u, "dtype", u->tf_dtype, err));
    FL_TRY(fl_tfc_set_ints(c, u, "shape", value->dim, (size_t)value->rank, err));
    const char *key = fl_arena_printf(&c->scratch, "weights_%s", u->id);
    FL_NEED(key, strlen(u->id), "a key", err);
    FL_TRY(fl_uff_set_field(c->uff, u, "values", (fl_uff_data){.kind = FL_UFF_REF, .u.s = key}, err));
    const fl_uff_data blob = {.kind = FL_UFF_BLOB, .count = value->bytes, .u.blob = value->data};
    FL_TRY(fl_uff_set_data(c->uff, key, blob, err));
done:
    return st;
}

/* ---- attributes */

static floe_status set_type(fl_tfc *c, fl_uff_node *u, const char *key, uint64_t number, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int dtype = number <= INT16_MAX ? base_type((int)number) : 0;

    if (fl_uff_dtype_of_tf(dtype) != FL_UFF_OTHER) {
        st = fl_tfc_set_dtype(c, u, key, dtype, err);
        goto done;
    }
    FL_TRY(fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_EMPTY}, err));
    FL_TRY(fl_uff_set_extra(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_I, .u.i = dtype}, err));
done:
    return st;
}

static floe_status set_shape(fl_tfc *c, fl_uff_node *u, const char *key, const fl_pb_field *f, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_shape shape;

    FL_TRY(fl_tf_shape_parse(&c->scratch, (fl_bytes){f->bytes, f->size}, &shape, err));
    FL_TRY(fl_tfc_set_ints(c, u, key, shape.dim, shape.unknown_rank ? 0 : (size_t)shape.rank, err));
done:
    return st;
}

/* A text; bytes with a NUL in them are none, and leave an empty field. */
static floe_status set_text(fl_tfc *c, fl_uff_node *u, const char *key, const fl_pb_field *f, floe_error *err)
{
    const char *text = "";

    if (f->size > 0 && memchr(f->bytes, 0, f->size))
        return fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_EMPTY}, err);
    if (f->size > 0)
        text = fl_arena_strndup(&c->scratch, (const char *)f->bytes, f->size);
    return text ? fl_tfc_set_text(c, u, key, text, err) : fl_fail_memory(err, f->size, "an attribute");
}

static floe_status set_function(fl_tfc *c, fl_uff_node *u, const char *key, const fl_pb_field *f, floe_error *err)
{
    fl_reader in = fl_reader_make(f->bytes, f->size);
    fl_pb_field part, name = {.wire = FL_PB_BYTES};

    while (fl_pb_next(&in, &part))
        if (part.number == 1 && part.wire == FL_PB_BYTES)
            name = part;
    return set_text(c, u, key, &name, err);
}

/* ---- list attributes. ListValue has one repeated member for each kind; the one that is there decides. */

enum { LIST_S = 2, LIST_I = 3, LIST_F = 4, LIST_B = 5, LIST_TYPE = 6 };

typedef struct list_scan {
    uint32_t number; /* 0: nothing that UFF can hold */
    size_t   count;
} list_scan;

static fl_pb_wire list_wire(uint32_t number)
{
    return number == LIST_S ? FL_PB_BYTES : number == LIST_F ? FL_PB_FIXED32 : FL_PB_VARINT;
}

static list_scan scan_list(const fl_pb_field *list)
{
    list_scan scan = {0, 0};
    fl_reader in = fl_reader_make(list->bytes, list->size);
    fl_pb_field f;

    while (fl_pb_next(&in, &f)) {
        if (f.number < LIST_S || f.number > LIST_TYPE || (scan.number != 0 && f.number != scan.number))
            continue;
        scan.number = f.number;
        scan.count += f.number == LIST_S ? 1 : fl_pb_scalar_count(&f, list_wire(f.number));
    }
    return scan;
}

static floe_status set_strings(fl_tfc *c, fl_uff_node *u, const char *key, const fl_pb_field *list, size_t count,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_reader_make(list->bytes, list->size);
    fl_pb_field f;
    size_t at = 0;

    const char **text = fl_arena_calloc(&c->uff->arena, count, sizeof *text);
    FL_NEED(text, count * sizeof *text, "an attribute", err);
    while (fl_pb_next(&in, &f)) {
        if (f.number != LIST_S || f.wire != FL_PB_BYTES)
            continue;
        text[at] = f.size > 0 ? fl_arena_strndup(&c->uff->arena, (const char *)f.bytes, f.size) : "";
        FL_NEED(text[at], f.size, "an attribute", err);
        at++;
    }
    FL_TRY(fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_S_LIST, .count = at, .u.s_list = text}, err));
done:
    return st;
}

static floe_status read_numbers(fl_tfc *c, const fl_pb_field *list, list_scan scan, uint64_t **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader in = fl_reader_make(list->bytes, list->size);
    fl_pb_field f;
    size_t at = 0;

    uint64_t *value = fl_arena_calloc(&c->uff->arena, scan.count, sizeof *value);
    FL_NEED(value, scan.count * sizeof *value, "an attribute", err);
    while (fl_pb_next(&in, &f)) {
        if (f.number != scan.number)
            continue;
        const size_t here = fl_pb_scalar_count(&f, list_wire(scan.number));
        if (here > 0 && !fl_pb_scalars(&f, list_wire(scan.number), value + at))
            FL_FAIL(err, FLOE_ERR_FORMAT, "a damaged list");
        at += here;
    }
    *out = value;
done:
    return st;
}

static floe_status set_types(fl_tfc *c, fl_uff_node *u, const char *key, int64_t *value, size_t count, floe_error *err)
{
    floe_status st = FLOE_OK;
    bool hidden = false;

    int64_t *numbers = fl_arena_calloc(&c->uff->arena, count, sizeof *numbers);
    FL_NEED(numbers, count * sizeof *numbers, "an attribute", err);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = value[i] > 0 && value[i] <= INT16_MAX ? base_type((int)value[i]) : 0;
        value[i] = fl_uff_dtype_of_tf((int)numbers[i]);
        hidden |= value[i] == FL_UFF_OTHER;
    }
    FL_TRY(fl_uff_set_field(c->uff, u, key, (fl_uff_data){.kind = FL_UFF_DTYPE_LIST, .count = count, .u.i_list = value},
                            err));
    if (hidden)
        FL_TRY(fl_uff_set_extra(c->uff, u, key,
                                (fl_uff_data){.kind = FL_UFF_I_LIST, .count = count, .u.i_list = numbers}, err));
done:
    return st;
}

static floe_status set_list(fl_tfc *c, fl_uff_node *u, const char *key, const fl_pb_field *list, floe_error *err)
{
    floe_status st = FLOE_OK;
    const list_scan scan = scan_list(list);
    uint64_t *value = NULL;
    fl_uff_data data = {.count = scan.count};

    if (scan.number == 0 || scan.count == 0)
        goto done;
    if (scan.number == LIST_S) {
        st = set_strings(c, u, key, list, scan.count, err);
        goto done;
    }
    FL_TRY(read_numbers(c, list, scan, &value, err));
    if (scan.number == LIST_TYPE) {
        st = set_types(c, u, key, (int64_t *)value, scan.count, err);
        goto done;
    }
    data.kind = scan.number == LIST_I ? FL_UFF_I_LIST : scan.number == LIST_F ? FL_UFF_D_LIST : FL_UFF_B_LIST;
    if (data.kind == FL_UFF_I_LIST) {
        data.u.i_list = (int64_t *)value;
    } else if (data.kind == FL_UFF_D_LIST) {
        data.u.d_list = fl_arena_calloc(&c->uff->arena, scan.count, sizeof *data.u.d_list);
        FL_NEED(data.u.d_list, scan.count * sizeof *data.u.d_list, "an attribute", err);
        for (size_t i = 0; i < scan.count; i++)
            data.u.d_list[i] = (double)fl_pb_float(value[i]);
    } else {
        data.u.b_list = fl_arena_calloc(&c->uff->arena, scan.count, sizeof *data.u.b_list);
        FL_NEED(data.u.b_list, scan.count, "an attribute", err);
        for (size_t i = 0; i < scan.count; i++)
            data.u.b_list[i] = value[i] != 0;
    }
    FL_TRY(fl_uff_set_field(c->uff, u, key, data, err));
done:
    return st;
}

/* AttrValue: the last member that is set. */
static fl_pb_field member_of(fl_bytes value)
{
    const uint32_t kind = (uint32_t)fl_tf_attr_kind_of(value);
    fl_reader in = fl_reader_make(value.data, value.size);
    fl_pb_field f, member = {0};

    while (fl_pb_next(&in, &f))
        if (f.number == kind)
            member = f;
    return member;
}

static floe_status set_attr(fl_tfc *c, fl_uff_node *u, const fl_tf_attr *attr, floe_error *err)
{
    const fl_pb_field f = member_of(attr->value);

    switch ((fl_tf_attr_kind)f.number) {
    case FL_TF_ATTR_S:
    case FL_TF_ATTR_PLACEHOLDER: return set_text(c, u, attr->name, &f, err);
    case FL_TF_ATTR_I:           return fl_tfc_set_int(c, u, attr->name, (int64_t)f.value, err);
    case FL_TF_ATTR_F:           return fl_tfc_set_double(c, u, attr->name, (double)fl_pb_float(f.value), err);
    case FL_TF_ATTR_B:           return fl_tfc_set_bool(c, u, attr->name, f.value != 0, err);
    case FL_TF_ATTR_TYPE:        return set_type(c, u, attr->name, f.value, err);
    case FL_TF_ATTR_SHAPE:       return set_shape(c, u, attr->name, &f, err);
    case FL_TF_ATTR_FUNC:        return set_function(c, u, attr->name, &f, err);
    case FL_TF_ATTR_LIST:        return set_list(c, u, attr->name, &f, err);
    case FL_TF_ATTR_TENSOR:
    case FL_TF_ATTR_NONE:        break;
    }
    return FLOE_OK;
}

/* The type of the node's result where an attribute of its own names it and readers cannot take it from the fields: a
 * type without a UFF number, or the 64-bit choice of ops whose core form gives 32 bits. */
static int result_type(const fl_tf_node *n)
{
    static const struct {
        const char *op, *attr;
        bool        wide; /* INT64 too */
    } rows[] = {
        {"Cast", "DstT", false},       {"Shape", "out_type", true},        {"ShapeN", "out_type", true},
        {"Size", "out_type", true},    {"ArgMax", "output_type", true},    {"ArgMin", "output_type", true},
        {"Bitcast", "type", false},    {"RandomUniform", "dtype", false},  {"PlaceholderWithDefault", "dtype", false},
        {"Dequantize", "dtype", false}, {"DecodePng", "dtype", false},     {"DecodeImage", "dtype", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].op, n->op) != 0)
            continue;
        const int dtype = base_type(fl_tf_attr_type(n, rows[i].attr, 0));
        if (dtype == FL_TF_INT64)
            return rows[i].wide ? dtype : 0;
        return fl_uff_dtype_of_tf(dtype) == FL_UFF_OTHER ? dtype : 0;
    }
    return 0;
}

floe_status fl_tfc_set_attrs(fl_tfc *c, fl_uff_node *u, const fl_tf_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;

    for (size_t i = 0; i < n->n_attr; i++) {
        st = set_attr(c, u, &n->attr[i], err);
        if (st != FLOE_OK) {
            fl_error_prefix(err, "%s: node '%.200s': attribute '%.100s'", c->tf->path, n->name, n->attr[i].name);
            goto done;
        }
    }
    u->tf_dtype = result_type(n);
done:
    return st;
}

/* ---- custom operations */

floe_status fl_tfc_mark_custom(fl_tfc *c, floe_error *err)
{
    return fl_uff_add_descriptor(c->uff, "custom", 1, err);
}

floe_status fl_tfc_custom(fl_tfc *c, const fl_tf_node *n, const fl_tfc_source *in, size_t n_in, const char *why,
                          floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_uff_node *u;

    if (!why)
        fl_tfc_log(c, "Warning: No conversion function registered for layer: %s yet.", n->op);
    fl_tfc_log(c, "Converting %s as custom op: %s%s%s%s", n->name, n->op, why ? " (" : "", why ? why : "",
               why ? ")" : "");
    const char *operation = fl_arena_printf(&c->scratch, "_%s", n->op);
    FL_NEED(operation, strlen(n->op), "an operation", err);
    FL_TRY(fl_tfc_mark_custom(c, err));
    FL_TRY(fl_tfc_add(c, &u, n, operation, err));
    FL_TRY(fl_tfc_set_attrs(c, u, n, err));
    for (size_t i = 0; i < n_in; i++)
        FL_TRY(fl_tfc_read(c, u, in[i], err));
done:
    return st;
}
