/* names.h - a hash table from strings to indices, for name tables of graphs. Memory comes from an arena. */
#ifndef FL_BASE_NAMES_H
#define FL_BASE_NAMES_H

#include "arena.h"

typedef struct fl_names {
    fl_arena *arena;
    struct fl_names_slot {
        const char *key; /* borrowed */
        size_t      length;
        uint32_t    value;
    } * slots;
    uint32_t count, capacity; /* capacity: 0 or a power of two */
} fl_names;

#define FL_NAMES_NONE UINT32_MAX

void fl_names_init(fl_names *names, fl_arena *arena);
/* Adds key -> value (key is borrowed and must live as long as the table). FLOE_ERR_ARGUMENT if it is there already
 * (the sentence names the key), FLOE_ERR_MEMORY. */
floe_status fl_names_add(fl_names *names, const char *key, uint32_t value, floe_error *err);
/* Adds or overwrites. */
floe_status fl_names_set(fl_names *names, const char *key, uint32_t value, floe_error *err);
/* The value, or FL_NAMES_NONE. */
uint32_t fl_names_find(const fl_names *names, const char *key);
uint32_t fl_names_find_n(const fl_names *names, const char *key, size_t length);

/* The candidate nearest to `text` by edit distance, for "did you mean"; NULL if none is near (distance above a
 * third of the length). */
const char *fl_nearest_name(const char *text, const char *const *candidates, size_t count);

#endif
