/* plan_format.h - the numbers of the PLAN file that writer and reader share. docs/plan-format.md says what they mean.
 *
 *     0      8        12          16           24          28     32
 *     | magic | version | sections | file bytes | header crc | zero | table: kind, crc, offset, size per section |
 *     ...zeros to 64...  META  ...zeros to 64...  ENGN (one per engine)  ...zeros to 4096...  WGHT
 *
 * Private to src/plan.
 */
#ifndef FL_PLAN_FORMAT_H
#define FL_PLAN_FORMAT_H

#include "plan/plan.h"

#define FL_PLAN_MAGIC "FLOEPLAN"

enum {
    FL_PLAN_MAGIC_BYTES = 8,
    FL_PLAN_CRC_AT = 24,         /* the header's checksum covers what is before it and what is behind it */
    FL_PLAN_PREAMBLE_BYTES = 32, /* before the section table */
    FL_PLAN_ENTRY_BYTES = 24,    /* of the section table */
    FL_PLAN_SECTION_ALIGN = 64,
    FL_PLAN_WEIGHTS_ALIGN = 4096 /* a page, so that a mapping serves large pages and direct reads alike */
};

/* Four letters as the file has them. */
#define FL_PLAN_KIND(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define FL_PLAN_META    FL_PLAN_KIND('M', 'E', 'T', 'A')
#define FL_PLAN_ENGINE  FL_PLAN_KIND('E', 'N', 'G', 'N')
#define FL_PLAN_WEIGHTS FL_PLAN_KIND('W', 'G', 'H', 'T')

enum { FL_PLAN_TENSOR_CONSTANT = 1 }; /* flags of a tensor record */

/* Where a section of this kind starts, given where the one before it ends. */
static inline uint64_t fl_plan_section_start(uint32_t kind, uint64_t end)
{
    const uint64_t align = kind == FL_PLAN_WEIGHTS ? FL_PLAN_WEIGHTS_ALIGN : FL_PLAN_SECTION_ALIGN;
    return (end + align - 1) / align * align;
}

/* Everything plan.h promises of a plan beyond its encoding; the sentence names engine and step. */
floe_status fl_plan_verify(const fl_plan *plan, floe_error *err);

#endif
