/* ledger.h - an allocator for tests that keeps books: how many allocations were made, how many and how much live, and
 * from when on none succeeds. Counts are exact with several threads too. */
#ifndef TESTS_COMMON_LEDGER_H
#define TESTS_COMMON_LEDGER_H

#include "floe_base.h"

#include <stdatomic.h>

typedef struct ledger {
    atomic_long left;       /* allocations that still succeed; below 0: no more */
    atomic_long taken;      /* that succeeded */
    atomic_long live;       /* of those, not yet freed */
    atomic_long live_bytes;
    long        most_bytes; /* live_bytes never exceeds this: larger requests fail; 0: no limit */
} ledger;

/* An env on this ledger, which is made empty: `left` allocations succeed. */
floe_env ledger_env(ledger *l, long left);

#endif
