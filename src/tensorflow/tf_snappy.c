/* tf_snappy.c - Snappy's raw block format: literals, and copies from what was produced before.
 *
 * A varint says the decompressed length; then come tags, whose low two bits say what follows:
 *
 *     00  literal   length - 1 in the upper six bits, or in the next 1 to 4 bytes (60 to 63)
 *     01  copy      length - 4 in three bits, offset in 3 + 8 bits
 *     10  copy      length - 1 in six bits, offset in the next 2 bytes
 *     11  copy      length - 1 in six bits, offset in the next 4 bytes
 *
 * A copy may overlap what it produces (offset 1 repeats a byte), so it goes byte by byte. The best a tag can do is a
 * copy of 64 bytes in 3, so a declared length above 22 times the data is a lie, and is found out before memory is
 * asked for.
 */
#include "tf_table.h"

#define BEST_RATIO 22

bool fl_tf_snappy_length(fl_bytes compressed, size_t *length)
{
    fl_reader r = fl_reader_make(compressed.data, compressed.size);
    const uint64_t n = fl_read_varint(&r);

    if (r.failed || n > UINT32_MAX || n / BEST_RATIO > compressed.size)
        return false;
    *length = (size_t)n;
    return true;
}

static size_t read_little(fl_reader *r, size_t bytes)
{
    size_t v = 0;

    for (size_t i = 0; i < bytes; i++)
        v |= (size_t)fl_read_u8(r) << (8 * i);
    return v;
}

bool fl_tf_snappy_decode(uint8_t *dst, size_t length, fl_bytes compressed)
{
    fl_reader r = fl_reader_make(compressed.data, compressed.size);
    size_t made = 0;

    fl_read_varint(&r);
    while (!r.failed && fl_reader_left(&r) > 0) {
        const uint8_t tag = fl_read_u8(&r);
        const size_t upper = tag >> 2;
        size_t n, offset = 0;
        switch (tag & 3) {
        case 0:
            n = (upper < 60 ? upper : read_little(&r, upper - 59)) + 1;
            break;
        case 1:
            n = (upper & 7) + 4;
            offset = (size_t)(tag >> 5) << 8 | fl_read_u8(&r);
            break;
        default:
            n = upper + 1;
            offset = read_little(&r, (tag & 3) == 2 ? 2 : 4);
            break;
        }
        if (r.failed || n > length - made)
            return false;
        if ((tag & 3) == 0) {
            const uint8_t *literal = fl_read_bytes(&r, n);
            for (size_t i = 0; literal && i < n; i++)
                dst[made + i] = literal[i];
        } else {
            if (offset == 0 || offset > made)
                return false;
            for (size_t i = 0; i < n; i++)
                dst[made + i] = dst[made + i - offset];
        }
        made += n;
    }
    return !r.failed && made == length;
}
