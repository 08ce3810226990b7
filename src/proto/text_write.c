/* text_write.c - writing protobuf's text format: the one part that is easy to get subtly wrong, its escapes.
 *
 * Always three octal digits, because a digit that follows in the data would otherwise be read as part of the escape
 * ("\1" before "2" is one byte, "\0012" is two). Bytes above 0x7f are escaped too, so the result is ASCII whatever
 * went in: that is what protobuf's printer does by default for strings and for bytes.
 */
#include "text.h"

/* The letter after the backslash, or 0 when the byte has no escape of its own. */
static char short_escape(uint8_t byte)
{
    switch (byte) {
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '"':  return '"';
    case '\'': return '\'';
    case '\\': return '\\';
    default:   return 0;
    }
}

void fl_pbtext_put_escaped(fl_buf *b, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = bytes[i];
        const char letter = short_escape(byte);
        if (letter) {
            fl_put_u8(b, '\\');
            fl_put_u8(b, (uint8_t)letter);
        } else if (byte >= 0x20 && byte < 0x7f) {
            fl_put_u8(b, byte);
        } else {
            const uint8_t octal[4] = {'\\', (uint8_t)('0' + (byte >> 6)), (uint8_t)('0' + (byte >> 3 & 7)),
                                      (uint8_t)('0' + (byte & 7))};
            fl_put_bytes(b, octal, sizeof octal);
        }
    }
}
