/* arena.h - memory that dies at once. Compile-half objects live in one arena each: no per-node free, no refcounts.
 *
 * Blocks of 64 KiB (larger for larger requests) form a list; an allocation bumps a pointer and is cleared.
 */
#ifndef FL_BASE_ARENA_H
#define FL_BASE_ARENA_H

#include "env.h"

typedef struct fl_arena_block fl_arena_block;

typedef struct fl_arena {
    const floe_env *env; /* borrowed for the arena's life; may be NULL */
    fl_arena_block *last;
} fl_arena;

void fl_arena_init(fl_arena *arena, const floe_env *env);
void fl_arena_free(fl_arena *arena); /* all of it; the arena may be used again */

/* Cleared memory aligned to 16 (fl_arena_alloc_data: to FL_ALIGN, not cleared), or NULL. Lives until fl_arena_free. */
void *fl_arena_alloc(fl_arena *arena, size_t bytes);
void *fl_arena_alloc_data(fl_arena *arena, size_t bytes);
void *fl_arena_calloc(fl_arena *arena, size_t count, size_t size); /* overflow gives NULL */
/* The array with room for one more item: itself, or a cleared one of twice the capacity with its items, or NULL. The old
 * one stays in the arena until that dies: all of them together are no larger than the last. */
void *fl_arena_grow(fl_arena *arena, void *array, size_t count, size_t *capacity, size_t item_bytes);
/* A NUL-terminated copy, or NULL. */
char *fl_arena_strdup(fl_arena *arena, const char *text);
char *fl_arena_strndup(fl_arena *arena, const char *text, size_t length);
char *fl_arena_printf(fl_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A copy of the bytes, aligned to FL_ALIGN, or NULL. */
void *fl_arena_memdup(fl_arena *arena, const void *data, size_t bytes);

#endif
