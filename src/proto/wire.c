/* wire.c - the protobuf wire format, read field by field and written to a growing buffer.
 *
 * A field is a varint tag (number << 3 | wire type) and a value. Reading copies nothing: bytes point into the data.
 * Groups (wire types 3 and 4, gone from the language since 2008) are skipped with all they hold; they are the only
 * construct that nests at this level, so their depth is capped.
 *
 * A sub-message is preceded by its length, which its writer does not know yet. fl_pb_begin leaves room for a length
 * of five bytes and fl_pb_end moves the body down by what was not needed. That costs one memmove for each level of
 * nesting and gives the same minimal bytes that protobuf's two-pass writer gives.
 */
#include "wire.h"

#include <string.h>

#define LENGTH_ROOM     5
#define GROUP_DEPTH_MAX 64

enum { WIRE_GROUP_BEGIN = 3, WIRE_GROUP_END = 4 };

/* ---- reading */

static bool damaged(fl_reader *r)
{
    r->failed = true;
    r->at = r->end;
    return false;
}

static bool read_tag(fl_reader *r, uint32_t *number, unsigned *wire)
{
    const uint64_t tag = fl_read_varint(r);

    if (r->failed || tag > UINT32_MAX || (tag >> 3) == 0)
        return damaged(r);
    *number = (uint32_t)tag >> 3;
    *wire = (unsigned)tag & 7;
    return true;
}

static bool read_value(fl_reader *r, unsigned wire, fl_pb_field *f)
{
    f->value = 0;
    f->bytes = NULL;
    f->size = 0;
    switch (wire) {
    case FL_PB_VARINT:
        f->value = fl_read_varint(r);
        break;
    case FL_PB_FIXED64:
        f->value = fl_read_u64(r);
        break;
    case FL_PB_FIXED32:
        f->value = fl_read_u32(r);
        break;
    case FL_PB_BYTES: {
        const uint64_t size = fl_read_varint(r);
        if (r->failed || size > fl_reader_left(r))
            return damaged(r);
        f->size = (size_t)size;
        f->bytes = fl_read_bytes(r, f->size);
        break;
    }
    default:
        return damaged(r);
    }
    return !r->failed;
}

/* Skips to behind the end of the group that has just begun. */
static bool skip_group(fl_reader *r, uint32_t number)
{
    uint32_t open[GROUP_DEPTH_MAX];
    size_t depth = 0;

    open[depth++] = number;
    while (depth > 0) {
        fl_pb_field f;
        unsigned wire;
        if (!read_tag(r, &f.number, &wire))
            return false;
        if (wire == WIRE_GROUP_BEGIN) {
            if (depth == GROUP_DEPTH_MAX)
                return damaged(r);
            open[depth++] = f.number;
        } else if (wire == WIRE_GROUP_END) {
            if (open[--depth] != f.number)
                return damaged(r);
        } else if (!read_value(r, wire, &f)) {
            return false;
        }
    }
    return true;
}

bool fl_pb_next(fl_reader *r, fl_pb_field *f)
{
    while (!r->failed && fl_reader_left(r) > 0) {
        unsigned wire;
        if (!read_tag(r, &f->number, &wire))
            return false;
        if (wire != WIRE_GROUP_BEGIN) {
            f->wire = (fl_pb_wire)wire;
            return read_value(r, wire, f);
        }
        if (!skip_group(r, f->number))
            return false;
    }
    return false;
}

/* ---- repeated scalars */

static size_t varint_count(const uint8_t *bytes, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += bytes[i] < 0x80; /* a varint ends at its first byte without the top bit */
    return count;
}

size_t fl_pb_scalar_count(const fl_pb_field *f, fl_pb_wire element)
{
    if (f->wire == element)
        return 1;
    if (f->wire != FL_PB_BYTES)
        return 0;
    switch (element) {
    case FL_PB_VARINT:  return varint_count(f->bytes, f->size);
    case FL_PB_FIXED32: return f->size / 4;
    case FL_PB_FIXED64: return f->size / 8;
    default:            return 0;
    }
}

bool fl_pb_scalars(const fl_pb_field *f, fl_pb_wire element, uint64_t *out)
{
    if (f->wire == element && element != FL_PB_BYTES) {
        *out = f->value;
        return true;
    }
    if (f->wire != FL_PB_BYTES || element == FL_PB_BYTES)
        return false;
    fl_reader r = fl_reader_make(f->bytes, f->size);
    while (!r.failed && fl_reader_left(&r) > 0) {
        const uint64_t value = element == FL_PB_VARINT    ? fl_read_varint(&r)
                               : element == FL_PB_FIXED32 ? fl_read_u32(&r)
                                                          : fl_read_u64(&r);
        if (!r.failed) /* a cut last value was not counted, so there is no room for it */
            *out++ = value;
    }
    return !r.failed;
}

/* ---- writing */

static void put_tag(fl_buf *b, uint32_t number, fl_pb_wire wire)
{
    fl_put_varint(b, (uint64_t)number << 3 | wire);
}

void fl_pb_put_varint(fl_buf *b, uint32_t number, uint64_t value)
{
    put_tag(b, number, FL_PB_VARINT);
    fl_put_varint(b, value);
}

void fl_pb_put_fixed32(fl_buf *b, uint32_t number, uint32_t value)
{
    put_tag(b, number, FL_PB_FIXED32);
    fl_put_u32(b, value);
}

void fl_pb_put_fixed64(fl_buf *b, uint32_t number, uint64_t value)
{
    put_tag(b, number, FL_PB_FIXED64);
    fl_put_u64(b, value);
}

void fl_pb_put_bytes(fl_buf *b, uint32_t number, const void *data, size_t size)
{
    put_tag(b, number, FL_PB_BYTES);
    fl_put_varint(b, size);
    fl_put_bytes(b, data, size);
}

void fl_pb_put_string(fl_buf *b, uint32_t number, const char *text)
{
    fl_pb_put_bytes(b, number, text, strlen(text));
}

size_t fl_pb_begin(fl_buf *b, uint32_t number)
{
    put_tag(b, number, FL_PB_BYTES);
    fl_buf_extend(b, LENGTH_ROOM);
    return b->size;
}

void fl_pb_end(fl_buf *b, size_t mark)
{
    uint8_t length[LENGTH_ROOM];
    size_t n = 0;

    if (b->failed)
        return;
    const size_t size = b->size - mark;
    uint64_t v = size;
    for (; v >= 0x80 && n < LENGTH_ROOM - 1; v >>= 7)
        length[n++] = (uint8_t)(v | 0x80);
    if (v >= 0x80) { /* 2^35 bytes: no reader takes such a message */
        b->failed = true;
        return;
    }
    length[n++] = (uint8_t)v;
    uint8_t *at = b->data + mark - LENGTH_ROOM;
    memcpy(at, length, n);
    memmove(at + n, b->data + mark, size);
    b->size = mark - LENGTH_ROOM + n + size;
}
