/* plan_checksums.h - right checksums for wrong PLANs: damage made with intent gets past them. For tests and the fuzzer.
 * Follows docs/plan-format.md and shares no code with src/plan. */
#ifndef TESTS_COMMON_PLAN_CHECKSUMS_H
#define TESTS_COMMON_PLAN_CHECKSUMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/crc32c.h"

static inline uint64_t plan_checksums_get(const uint8_t *at, int bytes)
{
    uint64_t v = 0;

    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)at[i] << (8 * i);
    return v;
}

static inline void plan_checksums_put(uint8_t *at, uint32_t crc)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(crc >> (8 * i));
}

/* Recomputes all checksums of a PLAN file in place. Any bytes may be given. */
static inline void plan_checksums_fix(uint8_t *data, size_t size)
{
    if (size < 32)
        return;
    const uint64_t count = plan_checksums_get(data + 12, 4);
    if (count > (size - 32) / 24 || count > 64) /* rows may all claim the whole file: bounded work */
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *row = data + 32 + 24 * i;
        const uint64_t offset = plan_checksums_get(row + 8, 8), bytes = plan_checksums_get(row + 16, 8);
        if (offset <= size && bytes <= size - offset)
            plan_checksums_put(row + 4, fl_crc32c(0, data + offset, bytes));
    }
    plan_checksums_put(data + 24, fl_crc32c(fl_crc32c(0, data, 24), data + 28, 4 + 24 * count));
}

#endif
