/* names.c - strings to indices by open addressing, and the nearest name for "did you mean".
 *
 * Slots lie in one array whose size is a power of two, at most two thirds full; a search starts at the hash of the
 * key and walks on until it meets the key or an empty slot. Nothing is ever removed, so no tombstones.
 *
 * Names come from files, and files are hostile: names chosen to collide under a known hash would make a table of n
 * names cost n^2. So the hash is SipHash-1-3, keyed with the address of the slot array (address space layout
 * randomisation makes that a number a file cannot know, and growing changes it). Order of slots is never
 * visible, so results stay reproducible.
 */
#include "names.h"

#include <string.h>

#define FIRST_CAPACITY 64u
#define LAST_CAPACITY  (1u << 31)
#define NEAREST_CHARS  128 /* longer names are compared by their first 128 characters */

/* ---- hash */

typedef struct sip {
    uint64_t a, b, c, d;
} sip;

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(sip *s)
{
    s->a += s->b, s->b = rotate(s->b, 13) ^ s->a, s->a = rotate(s->a, 32);
    s->c += s->d, s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d, s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b, s->b = rotate(s->b, 17) ^ s->c, s->c = rotate(s->c, 32);
}

static void sip_word(sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

static uint64_t hash(const void *key_address, const char *text, size_t length)
{
    const uint64_t k0 = (uint64_t)(uintptr_t)key_address, k1 = rotate(k0, 29) ^ 0x9e3779b97f4a7c15u;
    sip s = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
    uint64_t word, last = (uint64_t)length << 56;
    size_t i = 0;

    for (; length - i >= 8; i += 8) {
        memcpy(&word, text + i, 8);
        sip_word(&s, word);
    }
    for (unsigned shift = 0; i < length; i++, shift += 8)
        last |= (uint64_t)(unsigned char)text[i] << shift;
    sip_word(&s, last);
    s.c ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

/* ---- table */

/* The slot that holds the key, or the empty one where it belongs. Needs capacity > count. */
static struct fl_names_slot *find_slot(const fl_names *names, const char *key, size_t length)
{
    const uint32_t mask = names->capacity - 1;
    uint32_t i = (uint32_t)hash(names->slots, key, length) & mask;

    for (;; i = (i + 1) & mask) {
        struct fl_names_slot *slot = &names->slots[i];
        if (!slot->key || (slot->length == length && memcmp(slot->key, key, length) == 0))
            return slot;
    }
}

static floe_status grow(fl_names *names, floe_error *err)
{
    const fl_names old = *names;

    if (old.capacity >= LAST_CAPACITY)
        return fl_fail(err, FLOE_ERR_LIMIT, "a name table holds at most %u names", LAST_CAPACITY / 3 * 2);
    const uint32_t capacity = old.capacity ? old.capacity * 2 : FIRST_CAPACITY;
    struct fl_names_slot *slots = fl_arena_calloc(old.arena, capacity, sizeof *slots);
    if (!slots)
        return fl_fail_memory(err, (size_t)capacity * sizeof *slots, "a table of names");
    names->slots = slots;
    names->capacity = capacity;
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.slots[i].key)
            *find_slot(names, old.slots[i].key, old.slots[i].length) = old.slots[i];
    return FLOE_OK;
}

static floe_status put(fl_names *names, const char *key, uint32_t value, bool may_exist, floe_error *err)
{
    const size_t length = strlen(key);
    floe_status st = FLOE_OK;

    if (names->count >= names->capacity / 3 * 2)
        FL_TRY(grow(names, err));
    struct fl_names_slot *slot = find_slot(names, key, length);
    if (slot->key && !may_exist)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "the name '%.200s' is there twice", key);
    if (!slot->key) {
        slot->key = key;
        slot->length = length;
        names->count++;
    }
    slot->value = value;
done:
    return st;
}

void fl_names_init(fl_names *names, fl_arena *arena)
{
    *names = (fl_names){arena, NULL, 0, 0};
}

floe_status fl_names_add(fl_names *names, const char *key, uint32_t value, floe_error *err)
{
    return put(names, key, value, false, err);
}

floe_status fl_names_set(fl_names *names, const char *key, uint32_t value, floe_error *err)
{
    return put(names, key, value, true, err);
}

uint32_t fl_names_find(const fl_names *names, const char *key)
{
    return fl_names_find_n(names, key, strlen(key));
}

uint32_t fl_names_find_n(const fl_names *names, const char *key, size_t length)
{
    if (names->count == 0)
        return FL_NAMES_NONE;
    const struct fl_names_slot *slot = find_slot(names, key, length);
    return slot->key ? slot->value : FL_NAMES_NONE;
}

/* ---- nearest name */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The fewest characters inserted, left out, replaced or swapped with their neighbour, each part edited once: the
 * errors that fingers make. row[j] is the distance of the a's seen so far to the first j characters of b; swaps look
 * back two rows. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NEAREST_CHARS + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *const reused = before;
        before = last, last = row, row = reused;
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]), least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[b_length];
}

const char *fl_nearest_name(const char *text, const char *const *candidates, size_t count)
{
    const size_t length = strnlen(text, NEAREST_CHARS);
    size_t nearest = length / 3 + 1; /* only less than this is near */
    const char *found = NULL;

    for (size_t i = 0; i < count && nearest > 0; i++) {
        if (!candidates[i])
            continue;
        const size_t other = strnlen(candidates[i], NEAREST_CHARS);
        const size_t apart = other > length ? other - length : length - other;
        if (apart >= nearest) /* the distance is at least that: do not compute it */
            continue;
        const size_t distance = edit_distance(text, length, candidates[i], other);
        if (distance < nearest) {
            nearest = distance;
            found = candidates[i];
        }
    }
    return found;
}
