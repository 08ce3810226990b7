/* ledger.c - see ledger.h. A header in front of each block remembers its size and where the block really begins. New
 * memory is filled with a pattern, so that what is not cleared shows. */
#include "ledger.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct header {
    void *block;
    long  bytes;
} header;

static void *ledger_alloc(void *user, size_t bytes, size_t align)
{
    ledger *l = user;
    void *block = NULL;

    if (align < sizeof(header))
        align = sizeof(header);
    if (atomic_fetch_sub(&l->left, 1) <= 0 || bytes > SIZE_MAX / 2)
        return NULL;
    if (atomic_fetch_add(&l->live_bytes, (long)bytes) + (long)bytes > l->most_bytes && l->most_bytes) {
        atomic_fetch_sub(&l->live_bytes, (long)bytes);
        return NULL;
    }
    if (posix_memalign(&block, align, bytes + align) != 0) {
        atomic_fetch_sub(&l->live_bytes, (long)bytes);
        return NULL;
    }
    uint8_t *at = (uint8_t *)block + align;
    const header h = {block, (long)bytes};
    memcpy(at - sizeof h, &h, sizeof h);
    memset(at, 0xa5, bytes);
    atomic_fetch_add(&l->taken, 1);
    atomic_fetch_add(&l->live, 1);
    return at;
}

static void ledger_free(void *user, void *ptr)
{
    ledger *l = user;
    header h;

    if (!ptr)
        return;
    memcpy(&h, (uint8_t *)ptr - sizeof h, sizeof h);
    atomic_fetch_sub(&l->live, 1);
    atomic_fetch_sub(&l->live_bytes, h.bytes);
    free(h.block);
}

floe_env ledger_env(ledger *l, long left)
{
    atomic_init(&l->left, left);
    atomic_init(&l->taken, 0);
    atomic_init(&l->live, 0);
    atomic_init(&l->live_bytes, 0);
    l->most_bytes = 0;
    return (floe_env){.alloc = ledger_alloc, .free = ledger_free, .alloc_user = l};
}
