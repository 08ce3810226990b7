/* tf_tensor.c - TensorProto: from its many encodings to dense values, and back.
 *
 * A TensorProto says the same constant in several ways, and all of them occur in shipped models:
 *
 *     tensor_content       raw little-endian bytes, exactly count x size of them: used in place, nothing is copied
 *     <type>_val           a list of values, packed or not, in a field that depends on the dtype
 *       fewer than count   the last value fills the rest (one value for a whole bias is common)
 *       none               all zeros
 *       more than count    the surplus is ignored
 *
 * Two passes over the message: the first finds the content and counts the values, the second stores them. The shape
 * product is checked against FL_TF_TENSOR_BYTES_MAX before anything is allocated, because a splat lets a file of
 * twenty bytes ask for any amount of memory.
 */
#include "tf_dtype.h"

#include <string.h>

/* TensorProto's fields that do not depend on the dtype. */
enum { TENSOR_DTYPE = 1, TENSOR_SHAPE = 2, TENSOR_CONTENT = 4 };

/* ---- shape */

floe_status fl_tf_shape_parse(fl_arena *arena, fl_bytes encoded, fl_tf_shape *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_shape shape = {false, 0, NULL};
    fl_reader r = fl_reader_make(encoded.data, encoded.size);
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        if (f.number == 2 && f.wire == FL_PB_BYTES)
            shape.rank += shape.rank <= FL_TF_RANK_MAX;
        else if (f.number == 3 && f.wire == FL_PB_VARINT)
            shape.unknown_rank = f.value != 0;
    }
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "a damaged shape");
    if (shape.rank > FL_TF_RANK_MAX)
        FL_FAIL(err, FLOE_ERR_LIMIT, "a shape of more than %d dimensions", FL_TF_RANK_MAX);
    shape.dim = fl_arena_calloc(arena, (size_t)shape.rank, sizeof *shape.dim);
    FL_NEED(shape.dim, (size_t)shape.rank * sizeof *shape.dim, "a shape", err);

    int64_t *dim = shape.dim;
    r = fl_reader_make(encoded.data, encoded.size);
    while (fl_pb_next(&r, &f)) {
        if (f.number != 2 || f.wire != FL_PB_BYTES)
            continue;
        fl_reader inner = fl_reader_make(f.bytes, f.size);
        while (fl_pb_next(&inner, &f)) /* a dimension whose size is not written is 0, not unknown */
            if (f.number == 1 && f.wire == FL_PB_VARINT)
                *dim = (int64_t)f.value;
        if (inner.failed || *dim < -1)
            FL_FAIL(err, FLOE_ERR_FORMAT, "a damaged shape: dimension %d", (int)(dim - shape.dim));
        dim++;
    }
    if (shape.unknown_rank)
        shape.rank = 0;
    *out = shape;
done:
    return st;
}

/* count = product of the dims, all known; fails above the limit. Strings count as one fl_bytes each. */
static floe_status count_elements(fl_tf_tensor *t, const char *where, floe_error *err)
{
    const size_t element = t->dtype == FL_TF_STRING ? sizeof(fl_bytes) : fl_tf_dtype_bytes(t->dtype);
    size_t count = 1;
    bool empty = false, fits = true;

    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i] < 0)
            return fl_fail(err, FLOE_ERR_FORMAT, "%s: dimension %d of a constant is unknown", where, i);
        if (t->dim[i] == 0)
            empty = true;
        else
            fits = fits && fl_mul_size(count, (size_t)t->dim[i], &count);
    }
    if (empty)
        count = 0;
    else if (!fits || !fl_mul_size(count, element, &t->bytes) || t->bytes >= FL_TF_TENSOR_BYTES_MAX)
        return fl_fail(err, FLOE_ERR_LIMIT, "%s: a tensor of 2 GiB or more", where);
    t->count = (int64_t)count;
    t->bytes = t->dtype == FL_TF_STRING ? 0 : count * element;
    return FLOE_OK;
}

/* ---- numbers */

typedef struct value_source {
    fl_bytes encoded; /* the TensorProto */
    fl_bytes content; /* tensor_content */
    size_t   values;  /* typed values */
} value_source;

static floe_status scan_values(value_source *out, fl_bytes encoded, const fl_tf_dtype_row *row, const char *where,
                               floe_error *err)
{
    fl_reader r = fl_reader_make(encoded.data, encoded.size);
    fl_pb_field f;

    *out = (value_source){encoded, {NULL, 0}, 0};
    while (fl_pb_next(&r, &f)) {
        if (f.number == TENSOR_CONTENT && f.wire == FL_PB_BYTES)
            out->content = (fl_bytes){f.bytes, f.size};
        else if (f.number == row->field && row->wire == FL_PB_BYTES && f.wire == FL_PB_BYTES)
            out->values = row->bytes ? f.size : out->values + 1; /* float8_val is one byte string, string_val repeats */
        else if (f.number == row->field)
            out->values += fl_pb_scalar_count(&f, row->wire);
    }
    return r.failed ? fl_fail(err, FLOE_ERR_FORMAT, "%s: a damaged tensor", where) : FLOE_OK;
}

/* The low `size` bytes of v. Integers wider than the dtype are cut, as TensorFlow does. */
static void store_value(uint8_t *at, uint64_t v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* One occurrence of the typed field into dst; at most `room` values. Returns the values stored, or SIZE_MAX. */
static size_t store_field(uint8_t *dst, size_t room, const fl_pb_field *f, const fl_tf_dtype_row *row, bool is_bool)
{
    const size_t size = row->bytes / row->per_element;
    size_t n = 0;

    if (f->wire == row->wire && f->wire != FL_PB_BYTES) {
        if (room > 0)
            store_value(dst, is_bool ? f->value != 0 : f->value, size);
        return room > 0;
    }
    if (f->wire != FL_PB_BYTES)
        return 0;
    fl_reader r = fl_reader_make(f->bytes, f->size);
    while (n < room && fl_reader_left(&r) > 0) {
        const uint64_t v = row->wire == FL_PB_VARINT    ? fl_read_varint(&r)
                           : row->wire == FL_PB_FIXED32 ? fl_read_u32(&r)
                           : row->wire == FL_PB_FIXED64 ? fl_read_u64(&r)
                                                        : fl_read_u8(&r);
        if (r.failed)
            return SIZE_MAX;
        store_value(dst + n++ * size, is_bool ? v != 0 : v, size);
    }
    return n;
}

static floe_status expand_numbers(fl_arena *arena, fl_tf_tensor *t, const value_source *source,
                                  const fl_tf_dtype_row *row, const char *where, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t size = row->bytes / row->per_element, room = (size_t)t->count * row->per_element;
    size_t stored = 0;
    fl_reader r = fl_reader_make(source->encoded.data, source->encoded.size);
    fl_pb_field f;

    uint8_t *data = fl_arena_alloc_data(arena, t->bytes);
    FL_NEED(data, t->bytes, where, err);
    while (fl_pb_next(&r, &f)) {
        if (f.number != row->field)
            continue;
        if (row->wire == FL_PB_BYTES)
            stored = 0; /* float8_val does not repeat: the last one counts */
        const size_t n = store_field(data + stored * size, room - stored, &f, row, t->dtype == FL_TF_BOOL);
        if (n == SIZE_MAX)
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged values", where);
        stored += n;
    }
    size_t filled = stored / row->per_element * row->bytes;
    if (filled == 0) {
        memset(data, 0, t->bytes);
    } else { /* the last value repeats; copying what is there doubles it each time */
        const size_t last = filled - row->bytes;
        while (filled < t->bytes) {
            const size_t n = filled - last < t->bytes - filled ? filled - last : t->bytes - filled;
            memcpy(data + filled, data + last, n);
            filled += n;
        }
    }
    t->data = data;
done:
    return st;
}

/* ---- strings */

/* tensor_content of strings: count varint lengths, then all bytes. */
static bool split_string_content(fl_tf_tensor *t, fl_bytes content)
{
    fl_reader lengths = fl_reader_make(content.data, content.size);
    fl_reader bytes = lengths;

    for (int64_t i = 0; i < t->count; i++)
        fl_read_varint(&bytes);
    for (int64_t i = 0; i < t->count && !bytes.failed; i++) {
        const uint64_t n = fl_read_varint(&lengths);
        if (n > fl_reader_left(&bytes))
            return false;
        t->strings[i] = (fl_bytes){fl_read_bytes(&bytes, (size_t)n), (size_t)n};
    }
    return !bytes.failed && fl_reader_left(&bytes) == 0;
}

static floe_status expand_strings(fl_arena *arena, fl_tf_tensor *t, const value_source *source, const char *where,
                                  floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_dtype_row *row = fl_tf_dtype_find(FL_TF_STRING);
    fl_bytes last = {(const uint8_t *)"", 0};
    int64_t n = 0;

    if (source->content.size > 0 && (uint64_t)t->count > source->content.size)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: %lld strings in %zu bytes", where, (long long)t->count,
                source->content.size);
    t->strings = fl_arena_calloc(arena, (size_t)t->count, sizeof *t->strings);
    FL_NEED(t->strings, (size_t)t->count * sizeof *t->strings, where, err);
    if (source->content.size > 0) {
        if (!split_string_content(t, source->content))
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged strings", where);
        goto done;
    }
    fl_reader r = fl_reader_make(source->encoded.data, source->encoded.size);
    fl_pb_field f;
    while (n < t->count && fl_pb_next(&r, &f))
        if (f.number == row->field && f.wire == FL_PB_BYTES)
            last = t->strings[n++] = (fl_bytes){f.bytes, f.size};
    for (; n < t->count; n++)
        t->strings[n] = last;
done:
    return st;
}

/* ---- both */

/* t has dtype and shape; count_elements has run. */
static floe_status read_values(fl_arena *arena, fl_bytes encoded, fl_tf_tensor *t, bool exact, const char *where,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_dtype_row *row = fl_tf_dtype_find(t->dtype);
    static const uint8_t nothing[1] = {0};
    value_source source;

    FL_TRY(scan_values(&source, encoded, row, where, err));
    if (exact && source.content.size == 0 && source.values != (size_t)t->count * row->per_element)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: %zu values, expected %lld", where, source.values / row->per_element,
                (long long)t->count);
    if (t->dtype == FL_TF_STRING)
        FL_TRY(expand_strings(arena, t, &source, where, err));
    else if (t->count == 0)
        t->data = nothing;
    else if (source.content.size == 0)
        FL_TRY(expand_numbers(arena, t, &source, row, where, err));
    else if (source.content.size != t->bytes)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: tensor_content of %zu bytes, %lld elements of %s need %zu", where,
                source.content.size, (long long)t->count, row->name, t->bytes);
    else
        t->data = source.content.data;
done:
    return st;
}

/* True, or a failure in *st: only types with values that mean something outside a running session. */
static bool has_plain_values(int dtype, const char *where, floe_status *st, floe_error *err)
{
    if (dtype == FL_TF_STRING || (fl_tf_dtype_find(dtype) && fl_tf_dtype_bytes(dtype) > 0))
        return true;
    if (fl_tf_dtype_find(dtype))
        *st = fl_fail(err, FLOE_ERR_UNSUPPORTED, "%s: a constant of type %s", where, fl_tf_dtype_name(dtype));
    else
        *st = fl_fail(err, FLOE_ERR_FORMAT, "%s: a constant of unknown dtype %d", where, dtype);
    return false;
}

floe_status fl_tf_tensor_parse(fl_arena *arena, fl_bytes encoded, fl_tf_tensor *out, const char *where,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_tensor t = {0};
    fl_bytes shape_bytes = {NULL, 0};
    fl_tf_shape shape;
    fl_reader r = fl_reader_make(encoded.data, encoded.size);
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        if (f.number == TENSOR_DTYPE && f.wire == FL_PB_VARINT)
            t.dtype = fl_tf_dtype_base(f.value > INT32_MAX ? -1 : (int)f.value);
        else if (f.number == TENSOR_SHAPE && f.wire == FL_PB_BYTES)
            shape_bytes = (fl_bytes){f.bytes, f.size};
    }
    if (r.failed)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: a damaged tensor", where);
    if (!has_plain_values(t.dtype, where, &st, err))
        goto done;
    st = fl_tf_shape_parse(arena, shape_bytes, &shape, err);
    if (st != FLOE_OK) {
        fl_error_prefix(err, "%s", where);
        goto done;
    }
    if (shape.unknown_rank)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: a constant of unknown rank", where);
    t.rank = shape.rank;
    t.dim = shape.dim;
    FL_TRY(count_elements(&t, where, err));
    FL_TRY(read_values(arena, encoded, &t, false, where, err));
    *out = t;
done:
    return st;
}

floe_status fl_tf_tensor_values(fl_arena *arena, fl_bytes encoded, fl_tf_tensor *out, const char *where,
                                floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_tensor t = *out;

    if (!has_plain_values(t.dtype, where, &st, err))
        goto done;
    FL_TRY(count_elements(&t, where, err));
    FL_TRY(read_values(arena, encoded, &t, true, where, err));
    *out = t;
done:
    return st;
}

floe_status fl_tf_const_value(fl_tf_graph *g, const fl_tf_node *n, fl_tf_tensor *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_bytes value, tensor = {NULL, 0};
    fl_pb_field f;
    fl_tf_tensor t;

    const char *where = fl_arena_printf(&g->arena, "%s: node '%s'", g->path, n->name);
    FL_NEED(where, 0, "a name", err);
    if (!fl_tf_attr_find(n, "value", &value) || fl_tf_attr_kind_of(value) != FL_TF_ATTR_TENSOR)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: %s without a value", where, n->op);
    fl_reader r = fl_reader_make(value.data, value.size);
    while (fl_pb_next(&r, &f))
        if (f.number == FL_TF_ATTR_TENSOR && f.wire == FL_PB_BYTES)
            tensor = (fl_bytes){f.bytes, f.size};
    FL_TRY(fl_tf_tensor_parse(&g->arena, tensor, &t, where, err));

    /* One splat is bounded; a thousand of them must be too. Values in the file cost nothing and do not count. */
    const uint8_t *at = t.data;
    if (t.dtype != FL_TF_STRING && !(at >= tensor.data && at < tensor.data + tensor.size) &&
        (!fl_add_size(g->expanded_bytes, t.bytes, &g->expanded_bytes) || g->expanded_bytes >= FL_TF_TENSOR_BYTES_MAX))
        FL_FAIL(err, FLOE_ERR_LIMIT, "%s: the graph's constants expand to more than 2 GiB", where);
    *out = t;
done:
    return st;
}

/* ---- writing */

static void put_header(fl_buf *b, const fl_tf_tensor *t)
{
    fl_pb_put_varint(b, TENSOR_DTYPE, (uint64_t)t->dtype);
    const size_t shape = fl_pb_begin(b, TENSOR_SHAPE);
    for (int i = 0; i < t->rank; i++) {
        const size_t dim = fl_pb_begin(b, 2);
        if (t->dim[i] != 0)
            fl_pb_put_varint(b, 1, (uint64_t)t->dim[i]);
        fl_pb_end(b, dim);
    }
    fl_pb_end(b, shape);
}

static uint64_t load_value(const uint8_t *at, size_t size)
{
    uint64_t v = 0;

    for (size_t i = 0; i < size; i++)
        v |= (uint64_t)at[i] << (8 * i);
    return v;
}

static bool is_signed_integer(int dtype)
{
    static const int types[] = {FL_TF_INT32, FL_TF_INT16, FL_TF_INT8, FL_TF_INT64, FL_TF_QINT8, FL_TF_QINT16,
                                FL_TF_QINT32};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i] == dtype)
            return true;
    return false;
}

/* A single element goes to the typed field, packed, as TensorFlow writes it. */
static void put_single(fl_buf *b, const fl_tf_tensor *t, const fl_tf_dtype_row *row)
{
    const size_t size = row->bytes / row->per_element;
    const size_t packed = fl_pb_begin(b, row->field);

    for (size_t i = 0; i < row->per_element; i++) {
        uint64_t v = load_value((const uint8_t *)t->data + i * size, size);
        if (row->wire != FL_PB_VARINT) {
            for (size_t k = 0; k < size; k++)
                fl_put_u8(b, (uint8_t)(v >> (8 * k)));
            continue;
        }
        if (is_signed_integer(t->dtype) && size < 8 && v >> (8 * size - 1)) /* negative: ten bytes */
            v |= ~(uint64_t)0 << (8 * size);
        fl_put_varint(b, v);
    }
    fl_pb_end(b, packed);
}

static floe_status set_const_attrs(fl_tf_graph *g, fl_tf_node *n, const fl_tf_tensor *value, fl_bytes encoded,
                                   floe_error *err)
{
    floe_status st = FLOE_OK;

    n->attr = fl_arena_calloc(&g->arena, 2, sizeof *n->attr);
    FL_NEED(n->attr, 2 * sizeof *n->attr, "attributes", err);
    n->attr[0] = (fl_tf_attr){"value", encoded};
    n->n_attr = 1;
    n->n_input = 0;
    n->op = "Const";
    n->device = "";
    FL_TRY(fl_tf_attr_set_type(g, n, "dtype", value->dtype, err));
done:
    return st;
}

/* The values are copied once, from where they are to where they stay: everything around them is put together first. */
floe_status fl_tf_make_const(fl_tf_graph *g, fl_tf_node *n, const fl_tf_tensor *value, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_dtype_row *row = fl_tf_dtype_find(value->dtype);
    fl_buf proto = fl_buf_make(g->env), head = fl_buf_make(g->env);
    const bool in_content = value->dtype != FL_TF_STRING && value->count > 1;

    if (!row || (value->dtype != FL_TF_STRING && row->bytes == 0))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: node '%s': a constant of type %s", g->path, n->name,
                fl_tf_dtype_name(value->dtype));
    put_header(&proto, value);
    if (in_content) {
        fl_put_varint(&proto, TENSOR_CONTENT << 3 | FL_PB_BYTES);
        fl_put_varint(&proto, value->bytes);
    } else if (value->dtype != FL_TF_STRING && value->count == 1) {
        put_single(&proto, value, row);
    }
    for (int64_t i = 0; value->dtype == FL_TF_STRING && i < value->count; i++)
        fl_pb_put_bytes(&proto, row->field, value->strings[i].data, value->strings[i].size);
    const size_t tail = in_content ? value->bytes : 0;
    fl_put_varint(&head, FL_TF_ATTR_TENSOR << 3 | FL_PB_BYTES);
    fl_put_varint(&head, (uint64_t)proto.size + tail);

    const size_t size = head.size + proto.size + tail;
    uint8_t *encoded = proto.failed || head.failed ? NULL : fl_arena_alloc_data(&g->arena, size);
    FL_NEED(encoded, size, "a constant", err);
    memcpy(encoded, head.data, head.size);
    memcpy(encoded + head.size, proto.data, proto.size);
    if (tail > 0)
        memcpy(encoded + head.size + proto.size, value->data, tail);
    FL_TRY(set_const_attrs(g, n, value, (fl_bytes){encoded, size}, err));
done:
    fl_buf_free(&proto);
    fl_buf_free(&head);
    return st;
}
