/* crc32c.c - CRC-32C, eight bytes a step: by tables anywhere, by the crc32 instruction where x86 has it.
 *
 * The checksum is a remainder of polynomials over GF(2), so it is linear: the entry of a byte is the xor of the
 * entries of its bits. That lets the eight tables of "slicing by 8" be written as their 8 x 8 entries of single
 * bits; the preprocessor spells the other 2040 out, and nothing is made at run time. tables[k][b] is the checksum
 * register after byte b was followed by k zero bytes; the eight bytes of a step are looked up independently of
 * each other, which is where the speed comes from.
 *
 * The instruction computes the same polynomial. Which of the two runs is asked at each call: the answer is a load
 * from the compiler's own CPU record, and a cached function pointer would be one mutable global more.
 */
#include "crc32c.h"

#include <stdbool.h>
#include <string.h>

#define BIT(b, n, entry) (((b) >> (n)) & 1 ? (entry) : 0u)
#define ENTRY(b, e0, e1, e2, e3, e4, e5, e6, e7)                                                                       \
    (BIT(b, 0, e0) ^ BIT(b, 1, e1) ^ BIT(b, 2, e2) ^ BIT(b, 3, e3) ^ BIT(b, 4, e4) ^ BIT(b, 5, e5) ^ BIT(b, 6, e6) ^   \
     BIT(b, 7, e7))
#define ROW4(b, ...)                                                                                                   \
    ENTRY(b, __VA_ARGS__), ENTRY(b + 1, __VA_ARGS__), ENTRY(b + 2, __VA_ARGS__), ENTRY(b + 3, __VA_ARGS__)
#define ROW16(b, ...)                                                                                                  \
    ROW4(b, __VA_ARGS__), ROW4(b + 4, __VA_ARGS__), ROW4(b + 8, __VA_ARGS__), ROW4(b + 12, __VA_ARGS__)
#define ROW64(b, ...)                                                                                                  \
    ROW16(b, __VA_ARGS__), ROW16(b + 16, __VA_ARGS__), ROW16(b + 32, __VA_ARGS__), ROW16(b + 48, __VA_ARGS__)
#define TABLE(...)                                                                                                     \
    {                                                                                                                  \
        ROW64(0, __VA_ARGS__), ROW64(64, __VA_ARGS__), ROW64(128, __VA_ARGS__), ROW64(192, __VA_ARGS__)                \
    }

/* tables[0] of bit 7 is the polynomial itself, bits reversed: 0x82f63b78. */
/* clang-format off */
static const uint32_t tables[8][256] = {
    TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
    TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
    TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
    TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
    TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
    TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};
/* clang-format on */

static uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Both workers below take and return the bare register; fl_crc32c does the inversions at the ends. */
static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t size)
{
    for (; size >= 8; p += 8, size -= 8) {
        const uint32_t low = crc ^ load_le32(p), high = load_le32(p + 4);
        crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^ tables[4][low >> 24] ^
              tables[3][high & 255] ^ tables[2][high >> 8 & 255] ^ tables[1][high >> 16 & 255] ^ tables[0][high >> 24];
    }
    for (; size > 0; p++, size--)
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 255];
    return crc;
}

#if defined(__x86_64__)

static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p, size_t size)
{
    uint64_t wide = crc;

    for (; size >= 8; p += 8, size -= 8) {
        uint64_t eight;
        memcpy(&eight, p, 8);
        wide = __builtin_ia32_crc32di(wide, eight);
    }
    crc = (uint32_t)wide;
    for (; size > 0; p++, size--)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}

#else

static bool has_instruction(void)
{
    return false;
}

static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p, size_t size)
{
    return crc_by_table(crc, p, size);
}

#endif

uint32_t fl_crc32c(uint32_t crc, const void *data, size_t size)
{
    return ~(has_instruction() ? crc_by_instruction(~crc, data, size) : crc_by_table(~crc, data, size));
}
