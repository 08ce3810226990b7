/* cli_npy.c - see cli_npy.h. The file is
 *
 *     "\x93NUMPY"  major  minor  length (2 bytes; 4 from version 2 on)  header  data
 *
 * and the header is the text of a Python dict with exactly the keys 'descr' (a type such as '<f4'), 'fortran_order' and
 * 'shape'. A cursor over the bounded text reads it, one function per kind of value; nothing is ever evaluated. All
 * numbers of the header are checked against the file's size before memory is taken. Data in another byte or index order
 * is put right while it is copied.
 */
#include "cli_npy.h"

#include "base/bytes.h"
#include "base/env.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define PREFIX_BYTES     8 /* magic and version */
#define MAX_HEADER_BYTES 65536

static const char magic[] = "\x93NUMPY";

typedef struct cursor {
    const char *at, *end;
} cursor;

typedef struct header {
    char kind;  /* 'f', 'i', 'u', 'b', 'V'; anything else is refused */
    char order; /* '<', '>', '|', '=' */
    int item_bytes;
    char descr[24]; /* for the sentence */
    bool fortran;
    floe_dims dims;
    bool has_descr, has_order, has_shape;
} header;

static const struct type {
    char kind;
    int bytes;
    floe_dtype dtype;
    const char *descr;
} types[] = {{'f', 4, FLOE_FLOAT32, "<f4"}, {'f', 2, FLOE_FLOAT16, "<f2"}, {'V', 2, FLOE_BFLOAT16, "<u2"},
             {'f', 8, FLOE_FLOAT64, "<f8"}, {'i', 1, FLOE_INT8, "|i1"},    {'u', 1, FLOE_UINT8, "|u1"},
             {'i', 2, FLOE_INT16, "<i2"},   {'u', 2, FLOE_UINT16, "<u2"},  {'i', 4, FLOE_INT32, "<i4"},
             {'u', 4, FLOE_UINT32, "<u4"},  {'i', 8, FLOE_INT64, "<i8"},   {'u', 8, FLOE_UINT64, "<u8"},
             {'b', 1, FLOE_BOOL, "|b1"}};

/* ---- the dict */

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
        c->at++;
}

static bool take(cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* 'text' or "text", without escapes, into out. */
static bool take_string(cursor *c, char *out, size_t room)
{
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    const char quote = *c->at++;
    const char *close = memchr(c->at, quote, (size_t)(c->end - c->at));
    if (!close || (size_t)(close - c->at) >= room)
        return false;
    memcpy(out, c->at, (size_t)(close - c->at));
    out[close - c->at] = 0;
    c->at = close + 1;
    return true;
}

static bool take_bool(cursor *c, bool *out)
{
    skip_blanks(c);
    const size_t left = (size_t)(c->end - c->at);
    *out = left >= 4 && !memcmp(c->at, "True", 4);
    if (!*out && (left < 5 || memcmp(c->at, "False", 5)))
        return false;
    c->at += *out ? 4 : 5;
    return true;
}

/* Digits, perhaps with Python 2's "L" behind. */
static bool take_count(cursor *c, int64_t *out)
{
    int64_t v = 0;
    skip_blanks(c);
    const char *start = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *c->at - '0', &v))
            return false;
    *out = v;
    if (c->at == start)
        return false;
    if (c->at < c->end && *c->at == 'L')
        c->at++;
    return true;
}

/* (), (3,), (2, 3), (2, 3,) */
static bool take_shape(cursor *c, floe_dims *dims)
{
    dims->rank = 0;
    if (!take(c, '('))
        return false;
    while (!take(c, ')')) {
        if (dims->rank == FLOE_MAX_RANK || !take_count(c, &dims->d[dims->rank++]))
            return false;
        if (!take(c, ','))
            return dims->rank > 1 && take(c, ')'); /* (3) is a number, not a tuple */
    }
    return true;
}

/* "<f4" */
static bool read_descr(header *h)
{
    const char *d = h->descr;
    int bytes = 0;
    if (!strchr("<>|=", d[0]) || !d[0] || !d[1])
        return false;
    for (const char *p = d + 2; *p; p++) {
        if (*p < '0' || *p > '9' || bytes > 1000)
            return false;
        bytes = bytes * 10 + (*p - '0');
    }
    h->order = d[0];
    h->kind = d[1];
    h->item_bytes = bytes;
    return true;
}

static bool take_entry(cursor *c, header *h)
{
    char key[24];
    bool *seen;
    if (!take_string(c, key, sizeof key) || !take(c, ':'))
        return false;
    if (!strcmp(key, "descr")) {
        seen = &h->has_descr;
        if (!take_string(c, h->descr, sizeof h->descr) || !read_descr(h))
            return false;
    } else if (!strcmp(key, "fortran_order")) {
        seen = &h->has_order;
        if (!take_bool(c, &h->fortran))
            return false;
    } else if (!strcmp(key, "shape")) {
        seen = &h->has_shape;
        if (!take_shape(c, &h->dims))
            return false;
    } else {
        return false;
    }
    const bool first = !*seen;
    *seen = true;
    return first;
}

static bool take_dict(cursor *c, header *h)
{
    if (!take(c, '{'))
        return false;
    while (!take(c, '}')) {
        if (!take_entry(c, h))
            return false;
        if (!take(c, ',')) {
            if (!take(c, '}'))
                return false;
            break;
        }
    }
    skip_blanks(c);
    return c->at == c->end && h->has_descr && h->has_order && h->has_shape;
}

/* ---- the data */

static const struct type *type_of(const header *h)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].kind == h->kind && types[i].bytes == h->item_bytes)
            return &types[i];
    return NULL;
}

static void copy_item(uint8_t *dst, const uint8_t *src, size_t n, bool swap)
{
    if (!swap) {
        memcpy(dst, src, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        dst[i] = src[n - 1 - i];
}

/* Row-major from the file's order: the counter `at` runs through the indices, `from` follows in the file. */
static void copy_data(uint8_t *dst, const uint8_t *src, const header *h, size_t count)
{
    const size_t item = (size_t)h->item_bytes;
    const bool swap = h->order == '>' && item > 1;
    size_t stride[FLOE_MAX_RANK], at[FLOE_MAX_RANK] = {0}, step = 1, from = 0;
    if (!h->fortran && !swap) {
        memcpy(dst, src, count * item);
        return;
    }
    for (int i = 0; i < h->dims.rank; i++) {
        const int d = h->fortran ? i : h->dims.rank - 1 - i;
        stride[d] = step;
        step *= (size_t)h->dims.d[d];
    }
    for (size_t i = 0; i < count; i++) {
        copy_item(dst + i * item, src + from * item, item, swap);
        for (int d = h->dims.rank - 1; d >= 0; d--) {
            from += stride[d];
            if (++at[d] < (size_t)h->dims.d[d])
                break;
            from -= at[d] * stride[d];
            at[d] = 0;
        }
    }
}

/* ---- reading */

static floe_status find_header(const fl_file *file, const char *path, cursor *out, floe_error *err)
{
    fl_reader r = fl_reader_make(file->data, file->size);
    const uint8_t *start = fl_read_bytes(&r, PREFIX_BYTES);
    if (!start || memcmp(start, magic, sizeof magic - 1))
        return fl_fail(err, FLOE_ERR_FORMAT, "%s: is no .npy file: it does not start with \\x93NUMPY", path);
    if (start[6] < 1 || start[6] > 3)
        return fl_fail(err, FLOE_ERR_VERSION, "%s: .npy version %d.%d; 1, 2 and 3 are known", path, start[6], start[7]);
    const size_t length = start[6] == 1 ? fl_read_u16(&r) : fl_read_u32(&r);
    if (length > MAX_HEADER_BYTES)
        return fl_fail(err, FLOE_ERR_LIMIT, "%s: a header of %zu bytes; at most %d are read", path, length,
                       MAX_HEADER_BYTES);
    const uint8_t *text = fl_read_bytes(&r, length);
    if (r.failed)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s: the file ends within its header", path);
    *out = (cursor){(const char *)text, (const char *)text + length};
    return FLOE_OK;
}

static floe_status check_size(const header *h, const char *path, size_t there, size_t *count, floe_error *err)
{
    size_t n = 1, bytes;
    bool ok = true;
    for (int i = 0; i < h->dims.rank; i++) /* zeros first: (0, 2^62, 2^62) is a valid, empty array */
        if (h->dims.d[i] == 0)
            n = 0;
    for (int i = 0; i < h->dims.rank && n > 0; i++)
        ok = ok && fl_mul_size(n, (size_t)h->dims.d[i], &n);
    if (!ok || !fl_mul_size(n, (size_t)h->item_bytes, &bytes) || bytes > there)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s: the header promises more data than the %zu bytes that follow it",
                       path, there);
    *count = n;
    return FLOE_OK;
}

floe_status fl_npy_load(fl_npy *out, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_file file = {0};
    cursor c = {0};
    header h = {0};
    size_t count = 0;
    uint8_t *data = NULL;

    FL_TRY(fl_file_map(&file, path, err));
    FL_TRY(find_header(&file, path, &c, err));
    const uint8_t *values = (const uint8_t *)c.end;
    if (!take_dict(&c, &h))
        FL_FAIL(err, FLOE_ERR_FORMAT,
                "%s: the header is not that of one plain array: {'descr': '<f4', 'fortran_order': "
                "False, 'shape': (2, 3)} is one",
                path);
    const struct type *type = type_of(&h);
    if (!type)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: elements of type '%s' are not supported; numbers and bools are", path,
                h.descr);
    FL_TRY(check_size(&h, path, (size_t)(file.data + file.size - values), &count, err));
    data = fl_alloc(NULL, count * (size_t)h.item_bytes);
    FL_NEED(data, count * (size_t)h.item_bytes, path, err);
    copy_data(data, values, &h, count);
    for (size_t i = 0; type->dtype == FLOE_BOOL && i < count; i++)
        data[i] = data[i] != 0;
    *out = (fl_npy){type->dtype, h.dims, data, count * (size_t)h.item_bytes};
done:
    fl_file_unmap(&file);
    return st;
}

void fl_npy_free(fl_npy *npy)
{
    fl_free(NULL, npy->data);
    *npy = (fl_npy){0};
}

/* ---- writing */

static const char *descr_of(floe_dtype dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == dtype)
            return types[i].descr;
    return NULL;
}

/* Version 1.0: the header is padded so that the data starts at a multiple of 64. */
static void put_header(fl_buf *buf, const char *descr, const floe_dims *dims)
{
    fl_buf text = fl_buf_make(NULL);
    fl_put_format(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < dims->rank; i++)
        fl_put_format(&text, "%s%lld", i ? ", " : "", (long long)dims->d[i]);
    fl_put_text(&text, dims->rank == 1 ? ",), }" : "), }");
    const size_t all = fl_round_up(PREFIX_BYTES + 2 + text.size + 1, 64);
    fl_put_bytes(buf, magic, sizeof magic - 1);
    fl_put_u8(buf, 1);
    fl_put_u8(buf, 0);
    fl_put_u16(buf, (uint16_t)(all - PREFIX_BYTES - 2));
    fl_put_bytes(buf, text.data, text.size);
    while (buf->size + 1 < all && !buf->failed)
        fl_put_u8(buf, ' ');
    fl_put_u8(buf, '\n');
    buf->failed |= text.failed;
    fl_buf_free(&text);
}

floe_status fl_npy_save(const char *path, floe_dtype dtype, const floe_dims *dims, const void *data, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf buf = fl_buf_make(NULL);
    const char *descr = descr_of(dtype);
    const size_t bytes = (size_t)floe_dims_count(dims, 1) * floe_dtype_bytes(dtype);
    if (!descr)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: .npy has no elements of type %s", path, floe_dtype_name(dtype));
    put_header(&buf, descr, dims);
    fl_put_bytes(&buf, data, bytes);
    if (buf.failed)
        FL_FAIL(err, FLOE_ERR_MEMORY, "%s: out of memory for %zu bytes", path, bytes);
    FL_TRY(fl_file_write(path, buf.data, buf.size, err));
done:
    fl_buf_free(&buf);
    return st;
}
