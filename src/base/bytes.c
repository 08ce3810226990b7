/* bytes.c - bounded reading and growing writing; see bytes.h for the sticky flags.
 *
 * Numbers are put together byte by byte: that is right on any byte order and at any address, and compilers make one
 * load or store of it. A read that fails also moves to the end, so that loops of the form
 * `while (fl_reader_left(&r))` stop by themselves.
 */
#include "bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAPACITY   256
#define VARINT_MAX_BYTES 10

/* ---- reading */

const uint8_t *fl_read_bytes(fl_reader *r, size_t n)
{
    static const uint8_t nothing[1] = {0};

    if (r->failed || n > fl_reader_left(r)) {
        r->failed = true;
        r->at = r->end;
        return NULL;
    }
    if (!r->at) /* a reader over NULL: n is 0, and 0 bytes are not a failure */
        return nothing;
    const uint8_t *bytes = r->at;
    r->at += n;
    return bytes;
}

static uint64_t read_little_endian(fl_reader *r, size_t n)
{
    const uint8_t *bytes = fl_read_bytes(r, n);
    uint64_t v = 0;

    for (size_t i = 0; bytes && i < n; i++)
        v |= (uint64_t)bytes[i] << (8 * i);
    return v;
}

uint8_t fl_read_u8(fl_reader *r)
{
    return (uint8_t)read_little_endian(r, 1);
}

uint16_t fl_read_u16(fl_reader *r)
{
    return (uint16_t)read_little_endian(r, 2);
}

uint32_t fl_read_u32(fl_reader *r)
{
    return (uint32_t)read_little_endian(r, 4);
}

uint64_t fl_read_u64(fl_reader *r)
{
    return read_little_endian(r, 8);
}

/* Seven bits a byte, low ones first, the top bit says that more follow. Ten bytes hold 70 bits: a tenth byte above 1
 * is a number that does not fit, and is refused as damage rather than cut. */
uint64_t fl_read_varint(fl_reader *r)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < VARINT_MAX_BYTES; i++) {
        const uint8_t byte = fl_read_u8(r);
        if (r->failed || (i == VARINT_MAX_BYTES - 1 && byte > 1))
            break;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            return v;
    }
    r->failed = true;
    r->at = r->end;
    return 0;
}

/* ---- writing */

void fl_buf_free(fl_buf *buf)
{
    fl_free(buf->env, buf->data);
    *buf = fl_buf_make(buf->env);
}

/* Doubling keeps the copying linear. env has no realloc: callers' allocators stay two functions. */
static bool grow(fl_buf *buf, size_t least)
{
    size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;

    while (capacity < least)
        if (!fl_mul_size(capacity, 2, &capacity))
            return false;
    uint8_t *data = fl_alloc(buf->env, capacity);
    if (!data)
        return false;
    if (buf->size > 0)
        memcpy(data, buf->data, buf->size);
    fl_free(buf->env, buf->data);
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void *fl_buf_extend(fl_buf *buf, size_t n)
{
    size_t size;

    if (buf->failed)
        return NULL;
    if (!fl_add_size(buf->size, n, &size) || ((!buf->data || size > buf->capacity) && !grow(buf, size))) {
        buf->failed = true;
        return NULL;
    }
    uint8_t *at = buf->data + buf->size;
    buf->size = size;
    return at;
}

static void put_little_endian(fl_buf *buf, uint64_t v, size_t n)
{
    uint8_t *at = fl_buf_extend(buf, n);

    for (size_t i = 0; at && i < n; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

void fl_put_u8(fl_buf *buf, uint8_t v)
{
    put_little_endian(buf, v, 1);
}

void fl_put_u16(fl_buf *buf, uint16_t v)
{
    put_little_endian(buf, v, 2);
}

void fl_put_u32(fl_buf *buf, uint32_t v)
{
    put_little_endian(buf, v, 4);
}

void fl_put_u64(fl_buf *buf, uint64_t v)
{
    put_little_endian(buf, v, 8);
}

void fl_put_varint(fl_buf *buf, uint64_t v)
{
    uint8_t bytes[VARINT_MAX_BYTES];
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    fl_put_bytes(buf, bytes, n);
}

void fl_put_bytes(fl_buf *buf, const void *data, size_t n)
{
    void *at = fl_buf_extend(buf, n);

    if (at && n > 0)
        memcpy(at, data, n);
}

void fl_put_text(fl_buf *buf, const char *text)
{
    fl_put_bytes(buf, text, strlen(text));
}

void fl_put_format(fl_buf *buf, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    if (length < 0) {
        buf->failed = true;
    } else {
        char *at = fl_buf_extend(buf, (size_t)length + 1); /* vsnprintf wants to end in a NUL ... */
        if (at) {
            vsnprintf(at, (size_t)length + 1, format, again);
            buf->size--; /* ... which is not ours to keep */
        }
    }
    va_end(again);
    va_end(args);
}

void fl_put_zeros_to(fl_buf *buf, size_t align)
{
    const size_t over = align > 1 ? buf->size % align : 0;
    const size_t n = over ? align - over : 0;
    void *at = fl_buf_extend(buf, n);

    if (at)
        memset(at, 0, n);
}
