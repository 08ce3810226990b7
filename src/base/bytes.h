/* bytes.h - bounded reading and growing writing of little-endian bytes.
 *
 * Both sides are sticky: a read past the end, or an allocation that fails, sets a flag and later calls do nothing,
 * so straight-line parsers and writers check once at the end.
 */
#ifndef FL_BASE_BYTES_H
#define FL_BASE_BYTES_H

#include "env.h"

/* ---- reading */
typedef struct fl_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool           failed; /* a read went past the end; all later reads return 0 */
} fl_reader;

static inline fl_reader fl_reader_make(const void *data, size_t size)
{
    const uint8_t *p = (const uint8_t *)data;
    return (fl_reader){p, p ? p + size : p, false};
}
static inline size_t fl_reader_left(const fl_reader *r) { return (size_t)(r->end - r->at); }
uint8_t        fl_read_u8(fl_reader *r);
uint16_t       fl_read_u16(fl_reader *r);
uint32_t       fl_read_u32(fl_reader *r);
uint64_t       fl_read_u64(fl_reader *r);
uint64_t       fl_read_varint(fl_reader *r); /* base-128, at most 10 bytes */
const uint8_t *fl_read_bytes(fl_reader *r, size_t n); /* points into the data; NULL past the end */

/* ---- writing */
typedef struct fl_buf {
    const floe_env *env; /* may be NULL */
    uint8_t        *data;
    size_t          size;
    size_t          capacity;
    bool            failed; /* out of memory; all later writes do nothing */
} fl_buf;

static inline fl_buf fl_buf_make(const floe_env *env) { return (fl_buf){env, NULL, 0, 0, false}; }
void  fl_buf_free(fl_buf *buf);
void *fl_buf_extend(fl_buf *buf, size_t n); /* n more bytes, not cleared; NULL when failed */
void  fl_put_u8(fl_buf *buf, uint8_t v);
void  fl_put_u16(fl_buf *buf, uint16_t v);
void  fl_put_u32(fl_buf *buf, uint32_t v);
void  fl_put_u64(fl_buf *buf, uint64_t v);
void  fl_put_varint(fl_buf *buf, uint64_t v);
void  fl_put_bytes(fl_buf *buf, const void *data, size_t n);
void  fl_put_text(fl_buf *buf, const char *text); /* without its NUL */
void  fl_put_format(fl_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void  fl_put_zeros_to(fl_buf *buf, size_t align); /* pads size to a multiple of align */

#endif
