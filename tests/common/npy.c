/* npy.c - see npy.h.
 *
 * A .npy file is
 *
 *     "\x93NUMPY" major minor length header data
 *
 * where length is 2 (version 1) or 4 bytes, little-endian, and header is the text of a Python dict with exactly three
 * keys: 'descr' (a type such as '<f4'), 'fortran_order' (True or False) and 'shape' (a tuple of integers). A tiny
 * tokenizer reads that dict: a cursor over the bounded text, one function per kind of value, each skipping the blanks
 * in front of it. Nothing is evaluated.
 */
#include "npy.h"

#include "base/half.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER_BYTES 65536
#define MAX_FILE_BYTES   ((size_t)1 << 31)

typedef struct cursor {
    const char *at, *end;
} cursor;

typedef struct header {
    char kind, order; /* order: '<', '>', '|' or '=' */
    int item_bytes;
    bool fortran;
    int rank;
    int64_t dim[NPY_MAX_RANK];
    bool has_descr, has_order, has_shape;
} header;

static bool complain(char *why, size_t why_size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool complain(char *why, size_t why_size, const char *format, ...)
{
    if (why && why_size > 0) {
        va_list args;
        va_start(args, format);
        vsnprintf(why, why_size, format, args);
        va_end(args);
    }
    return false;
}

/* ---- the dict */

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
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

static bool take_word(cursor *c, const char *word)
{
    const size_t n = strlen(word);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return false;
    c->at += n;
    return true;
}

/* A quoted string without escapes into out. */
static bool take_string(cursor *c, char *out, size_t out_size)
{
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    const char quote = *c->at++;
    size_t n = 0;
    while (c->at < c->end && *c->at != quote) {
        if (n + 1 >= out_size || *c->at == '\\')
            return false;
        out[n++] = *c->at++;
    }
    if (c->at == c->end)
        return false;
    c->at++;
    out[n] = 0;
    return true;
}

static bool take_integer(cursor *c, int64_t *out)
{
    skip_blanks(c);
    const char *start = c->at;
    int64_t value = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(*c->at - '0'), &value))
            return false;
    if (c->at == start)
        return false;
    if (c->at < c->end && *c->at == 'L') /* Python 2 wrote long integers so */
        c->at++;
    *out = value;
    return true;
}

static bool take_shape(cursor *c, header *h)
{
    if (!take(c, '('))
        return false;
    while (!take(c, ')')) {
        if (h->rank == NPY_MAX_RANK || !take_integer(c, &h->dim[h->rank]))
            return false;
        h->rank++;
        if (!take(c, ',')) {
            if (!take(c, ')'))
                return false;
            break;
        }
    }
    return true;
}

static bool take_descr(cursor *c, header *h)
{
    char text[16];
    if (!take_string(c, text, sizeof text) || strlen(text) != 3)
        return false;
    h->order = text[0];
    h->kind = text[1];
    h->item_bytes = text[2] - '0';
    const char *sizes = h->kind == 'f' ? "248" : h->kind == 'b' ? "1" : strchr("iu", h->kind) ? "1248" : "";
    return strchr("<>|=", h->order) && strchr(sizes, text[2]);
}

static bool take_entry(cursor *c, header *h)
{
    char key[32];
    if (!take_string(c, key, sizeof key) || !take(c, ':'))
        return false;
    if (!strcmp(key, "descr") && !h->has_descr)
        return h->has_descr = take_descr(c, h);
    if (!strcmp(key, "shape") && !h->has_shape)
        return h->has_shape = take_shape(c, h);
    if (!strcmp(key, "fortran_order") && !h->has_order) {
        h->fortran = take_word(c, "True");
        return h->has_order = h->fortran || take_word(c, "False");
    }
    return false;
}

static bool parse_dict(cursor c, header *h)
{
    if (!take(&c, '{'))
        return false;
    while (!take(&c, '}')) {
        if (!take_entry(&c, h))
            return false;
        if (!take(&c, ',')) {
            if (!take(&c, '}'))
                return false;
            break;
        }
    }
    skip_blanks(&c);
    return c.at == c.end && h->has_descr && h->has_order && h->has_shape;
}

/* ---- the data */

static bool machine_is_little(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

static void swap_bytes(uint8_t *data, size_t count, size_t item)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < item / 2; k++) {
            const uint8_t t = data[i * item + k];
            data[i * item + k] = data[i * item + item - 1 - k];
            data[i * item + item - 1 - k] = t;
        }
}

/* First index fastest -> last index fastest: walk the destination in order, an odometer gives the source. */
static void from_fortran(uint8_t *dst, const uint8_t *src, const npy_array *a)
{
    size_t stride[NPY_MAX_RANK];
    size_t step = 1;
    for (int d = 0; d < a->rank; d++) {
        stride[d] = step;
        step *= (size_t)a->dim[d];
    }
    int64_t index[NPY_MAX_RANK] = {0};
    for (size_t i = 0; i < a->count; i++) {
        size_t at = 0;
        for (int d = 0; d < a->rank; d++)
            at += (size_t)index[d] * stride[d];
        memcpy(dst + i * (size_t)a->item_bytes, src + at * (size_t)a->item_bytes, (size_t)a->item_bytes);
        for (int d = a->rank - 1; d >= 0 && ++index[d] == a->dim[d]; d--)
            index[d] = 0;
    }
}

/* Product of the dims into *count, count * item into *bytes. */
static bool count_elements(const header *h, size_t *count, size_t *bytes)
{
    *count = 1;
    for (int d = 0; d < h->rank; d++)
        if (__builtin_mul_overflow(*count, (size_t)h->dim[d], count))
            return false;
    return !__builtin_mul_overflow(*count, (size_t)h->item_bytes, bytes);
}

static bool take_data(npy_array *out, const header *h, const uint8_t *data, size_t size, const char *name, char *why,
                      size_t why_size)
{
    npy_array a = {.kind = h->kind, .item_bytes = h->item_bytes, .rank = h->rank};
    size_t bytes;
    memcpy(a.dim, h->dim, sizeof a.dim);
    if (!count_elements(h, &a.count, &bytes) || bytes != size)
        return complain(why, why_size, "%s: %zu bytes of data do not fit the shape in the header", name, size);
    a.data = malloc(bytes + 1);
    if (!a.data)
        return complain(why, why_size, "%s: out of memory for %zu bytes", name, bytes);
    if (h->fortran)
        from_fortran(a.data, data, &a);
    else
        memcpy(a.data, data, bytes);
    if (h->order == (machine_is_little() ? '>' : '<'))
        swap_bytes(a.data, a.count, (size_t)a.item_bytes);
    *out = a;
    return true;
}

bool npy_parse(npy_array *out, const void *bytes, size_t size, const char *name, char *why, size_t why_size)
{
    const uint8_t *p = bytes;
    memset(out, 0, sizeof *out);
    if (size < 10 || memcmp(p, "\x93NUMPY", 6) != 0)
        return complain(why, why_size, "%s: not a .npy file", name);
    if (p[6] < 1 || p[6] > 3)
        return complain(why, why_size, "%s: .npy version %d.%d; 1.0 to 3.0 are known", name, p[6], p[7]);
    const size_t fixed = p[6] == 1 ? 10 : 12;
    if (size < fixed)
        return complain(why, why_size, "%s: the file ends inside its header", name);
    size_t length = (size_t)p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > MAX_HEADER_BYTES || length > size - fixed)
        return complain(why, why_size, "%s: a header of %zu bytes in a file of %zu", name, length, size);

    header h = {0};
    const char *text = (const char *)p + fixed;
    if (!parse_dict((cursor){text, text + length}, &h))
        return complain(why, why_size, "%s: cannot use the header %.*s", name, length > 200 ? 200 : (int)length, text);
    return take_data(out, &h, p + fixed + length, size - fixed - length, name, why, why_size);
}

bool npy_load(npy_array *out, const char *path, char *why, size_t why_size)
{
    memset(out, 0, sizeof *out);
    FILE *f = fopen(path, "rb");
    if (!f)
        return complain(why, why_size, "%s: cannot be opened", path);
    bool ok = false;
    uint8_t *bytes = NULL;
    long size = -1;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && (size_t)size <= MAX_FILE_BYTES &&
        fseek(f, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)size + 1);
    if (!bytes || fread(bytes, 1, (size_t)size, f) != (size_t)size)
        complain(why, why_size, "%s: cannot be read", path);
    else
        ok = npy_parse(out, bytes, (size_t)size, path, why, why_size);
    free(bytes);
    fclose(f);
    return ok;
}

bool npy_save(const char *path, const npy_array *a)
{
    char text[512];
    size_t bytes = (size_t)a->item_bytes;
    int n = snprintf(text, sizeof text, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (",
                     a->item_bytes == 1    ? '|'
                     : machine_is_little() ? '<'
                                           : '>',
                     a->kind, a->item_bytes);
    for (int d = 0; d < a->rank; d++) {
        bytes *= (size_t)a->dim[d];
        n += snprintf(text + n, sizeof text - (size_t)n,
                      d + 1 < a->rank ? "%lld, "
                      : a->rank == 1  ? "%lld,"
                                      : "%lld",
                      (long long)a->dim[d]);
    }
    n += snprintf(text + n, sizeof text - (size_t)n, "), }");
    while ((10 + n + 1) % 64)
        text[n++] = ' ';
    text[n++] = '\n';

    const uint8_t prefix[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)n, (uint8_t)(n >> 8)};
    FILE *f = fopen(path, "wb");
    if (!f)
        return false;
    bool ok = fwrite(prefix, 1, sizeof prefix, f) == sizeof prefix;
    ok = ok && fwrite(text, 1, (size_t)n, f) == (size_t)n;
    ok = ok && fwrite(a->data, 1, bytes, f) == bytes;
    return fclose(f) == 0 && ok;
}

void npy_free(npy_array *a)
{
    if (a) {
        free(a->data);
        memset(a, 0, sizeof *a);
    }
}

#define AS(type) ((double)((const type *)a->data)[i])

double npy_value(const npy_array *a, size_t i)
{
    switch (a->kind * 16 + a->item_bytes) {
    case 'f' * 16 + 2:
        return (double)fl_half_to_float(((const uint16_t *)a->data)[i]);
    case 'f' * 16 + 4:
        return AS(float);
    case 'f' * 16 + 8:
        return AS(double);
    case 'i' * 16 + 1:
        return AS(int8_t);
    case 'i' * 16 + 2:
        return AS(int16_t);
    case 'i' * 16 + 4:
        return AS(int32_t);
    case 'i' * 16 + 8:
        return AS(int64_t);
    case 'u' * 16 + 2:
        return AS(uint16_t);
    case 'u' * 16 + 4:
        return AS(uint32_t);
    case 'u' * 16 + 8:
        return AS(uint64_t);
    default:
        return AS(uint8_t);
    }
}

bool npy_is(const npy_array *a, char kind, int item_bytes, int rank, const int64_t *dim)
{
    if (a->kind != kind || a->item_bytes != item_bytes || a->rank != rank)
        return false;
    for (int d = 0; d < rank; d++)
        if (a->dim[d] != dim[d])
            return false;
    return true;
}
