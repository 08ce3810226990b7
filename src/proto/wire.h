/* wire.h - the protobuf wire format by hand: read one field at a time, write to a growing buffer.
 *
 *     fl_pb_field f;
 *     fl_reader r = fl_reader_make(data, size);
 *     while (fl_pb_next(&r, &f))
 *         switch (f.number) { case 1: name = f.bytes; ... }
 *     if (r.failed) damaged
 *
 * Unknown fields are the caller's to ignore; groups are skipped. Repeated scalars may arrive packed or not:
 * fl_pb_each_varint and friends accept both.
 */
#ifndef FL_PROTO_WIRE_H
#define FL_PROTO_WIRE_H

#include "base/bytes.h"

typedef enum fl_pb_wire { FL_PB_VARINT = 0, FL_PB_FIXED64 = 1, FL_PB_BYTES = 2, FL_PB_FIXED32 = 5 } fl_pb_wire;

typedef struct fl_pb_field {
    uint32_t       number; /* >= 1 */
    fl_pb_wire     wire;
    uint64_t       value; /* varint, fixed32, fixed64 */
    const uint8_t *bytes; /* FL_PB_BYTES */
    size_t         size;
} fl_pb_field;

/* The next field, or false at the end and on damage (then r->failed is set). */
bool fl_pb_next(fl_reader *r, fl_pb_field *f);

/* Counts, then reads, the scalars of one occurrence of a repeated field, packed or not. Each returns false on damage. */
size_t fl_pb_scalar_count(const fl_pb_field *f, fl_pb_wire element);
bool   fl_pb_scalars(const fl_pb_field *f, fl_pb_wire element, uint64_t *out); /* fl_pb_scalar_count values */

static inline double fl_pb_double(uint64_t bits) { double d; __builtin_memcpy(&d, &bits, 8); return d; }
static inline float  fl_pb_float(uint64_t bits) { uint32_t u = (uint32_t)bits; float f; __builtin_memcpy(&f, &u, 4); return f; }

/* ---- writing: tag and value. Negative int32/int64 are ten-byte varints, as protobuf writes them. */
void fl_pb_put_varint(fl_buf *b, uint32_t number, uint64_t value);
void fl_pb_put_fixed32(fl_buf *b, uint32_t number, uint32_t value);
void fl_pb_put_fixed64(fl_buf *b, uint32_t number, uint64_t value);
void fl_pb_put_bytes(fl_buf *b, uint32_t number, const void *data, size_t size);
void fl_pb_put_string(fl_buf *b, uint32_t number, const char *text);
/* Sub-messages: begin writes the tag and room for the length, end closes it (minimal varint length; moves the body). */
size_t fl_pb_begin(fl_buf *b, uint32_t number);
void   fl_pb_end(fl_buf *b, size_t mark);

#endif
