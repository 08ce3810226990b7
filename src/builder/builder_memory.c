/* builder_memory.c - intervals in time become offsets in one arena.
 *
 * Greedy by size: the largest tensor is placed first; each further one goes into the smallest gap that is free for its
 * whole life among those placed before (best fit), or behind them. For chains and the usual branches this meets the lower
 * bound (the most bytes alive at once); exact packing is NP-hard and gains little. Buffers start at multiples of FL_ALIGN.
 */
#include "builder/builder.h"

#include <stdlib.h>

typedef struct placed {
    uint64_t begin, end;
} placed;

/* Larger first; then earlier first; then by index, so that the result does not depend on the sort's whims. */
static int by_size(const void *pa, const void *pb)
{
    const fl_interval *a = *(fl_interval *const *)pa, *b = *(fl_interval *const *)pb;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return a < b ? -1 : a > b;
}

static int by_begin(const void *pa, const void *pb)
{
    const placed *a = pa, *b = pb;
    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

/* The best gap of `bytes` among the sorted busy ranges. */
static uint64_t best_fit(const placed *busy, size_t n, uint64_t bytes)
{
    uint64_t at = 0, best = UINT64_MAX, best_room = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        if (busy[i].begin >= at) {
            const uint64_t room = busy[i].begin - at;
            if (room >= bytes && room < best_room) {
                best = at;
                best_room = room;
            }
        }
        if (busy[i].end > at)
            at = busy[i].end;
    }
    return best == UINT64_MAX ? at : best;
}

floe_status fl_plan_memory(const floe_env *env, fl_interval *items, size_t count, uint64_t *arena_bytes, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_interval **order = fl_calloc(env, count + 1, sizeof *order);
    placed *busy = fl_calloc(env, count + 1, sizeof *busy);
    uint64_t total = 0;
    FL_NEED(order && busy, count * sizeof *order, "the memory plan", err);
    for (size_t i = 0; i < count; i++)
        order[i] = &items[i];
    qsort(order, count, sizeof *order, by_size);
    for (size_t i = 0; i < count; i++) {
        fl_interval *item = order[i];
        const uint64_t bytes = fl_round_up(item->bytes ? item->bytes : 1, FL_ALIGN);
        size_t n = 0;
        for (size_t k = 0; k < i; k++)
            if (order[k]->first <= item->last && item->first <= order[k]->last)
                busy[n++] = (placed){order[k]->offset,
                                     order[k]->offset + fl_round_up(order[k]->bytes ? order[k]->bytes : 1, FL_ALIGN)};
        qsort(busy, n, sizeof *busy, by_begin);
        item->offset = best_fit(busy, n, bytes);
        if (item->offset + bytes > total)
            total = item->offset + bytes;
    }
    *arena_bytes = total;
done:
    fl_free(env, order);
    fl_free(env, busy);
    return st;
}
