/* arena.c - bump allocation out of a list of blocks; see arena.h.
 *
 *     arena.last -> [ header | used ......| free ]     the block that small requests bump
 *                      |
 *                      v previous
 *                   [ header | used .............. ]   full blocks, and blocks made for one large request
 *
 * A block is one allocation: a header of FL_ALIGN bytes, then `capacity` bytes. As the block itself is aligned to
 * FL_ALIGN, an aligned offset is an aligned address. A request of more than a quarter block gets a block of its own,
 * hung in *behind* the last one, so that the space still free in the last block is not lost.
 */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 * 1024)
#define LARGE_BYTES (BLOCK_BYTES / 4)
#define NODE_ALIGN  16

struct fl_arena_block {
    _Alignas(FL_ALIGN) fl_arena_block *previous;
    size_t used, capacity; /* bytes after the header */
};

static uint8_t *block_data(fl_arena_block *block)
{
    return (uint8_t *)(block + 1);
}

void fl_arena_init(fl_arena *arena, const floe_env *env)
{
    *arena = (fl_arena){env, NULL};
}

void fl_arena_free(fl_arena *arena)
{
    while (arena->last) {
        fl_arena_block *previous = arena->last->previous;
        fl_free(arena->env, arena->last);
        arena->last = previous;
    }
}

static fl_arena_block *make_block(fl_arena *arena, size_t capacity)
{
    size_t bytes;

    if (!fl_add_size(capacity, sizeof(fl_arena_block), &bytes))
        return NULL;
    fl_arena_block *block = fl_alloc(arena->env, bytes);
    if (block)
        *block = (fl_arena_block){NULL, 0, capacity};
    return block;
}

static void *alloc_large(fl_arena *arena, size_t bytes)
{
    fl_arena_block *block = make_block(arena, bytes);

    if (!block)
        return NULL;
    block->used = bytes;
    if (arena->last) {
        block->previous = arena->last->previous;
        arena->last->previous = block;
    } else {
        arena->last = block;
    }
    return block_data(block);
}

static void *bump(fl_arena *arena, size_t bytes, size_t align)
{
    fl_arena_block *block = arena->last;
    size_t at = block ? fl_round_up(block->used, align) : 0;

    if (bytes == 0)
        bytes = 1; /* two allocations are never at one address */
    if (bytes > LARGE_BYTES)
        return alloc_large(arena, bytes);
    if (!block || at > block->capacity || bytes > block->capacity - at) {
        block = make_block(arena, BLOCK_BYTES - sizeof(fl_arena_block));
        if (!block)
            return NULL;
        block->previous = arena->last;
        arena->last = block;
        at = 0;
    }
    block->used = at + bytes;
    return block_data(block) + at;
}

void *fl_arena_alloc(fl_arena *arena, size_t bytes)
{
    void *ptr = bump(arena, bytes, NODE_ALIGN);
    return ptr ? memset(ptr, 0, bytes) : NULL;
}

void *fl_arena_alloc_data(fl_arena *arena, size_t bytes)
{
    return bump(arena, bytes, FL_ALIGN);
}

void *fl_arena_calloc(fl_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return fl_mul_size(count, size, &bytes) ? fl_arena_alloc(arena, bytes) : NULL;
}

void *fl_arena_grow(fl_arena *arena, void *array, size_t count, size_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return array;
    const size_t wanted = *capacity ? *capacity * 2 : 4;
    void *grown = fl_arena_calloc(arena, wanted, item_bytes);
    if (!grown)
        return NULL;
    if (count > 0)
        memcpy(grown, array, count * item_bytes);
    *capacity = wanted;
    return grown;
}

char *fl_arena_strdup(fl_arena *arena, const char *text)
{
    return fl_arena_strndup(arena, text, strlen(text));
}

/* The copy always has length + 1 readable bytes, also where text holds a NUL early, and text is never read past its
 * first NUL: callers may think of text as bytes or as a string. */
char *fl_arena_strndup(fl_arena *arena, const char *text, size_t length)
{
    size_t bytes;

    if (!fl_add_size(length, 1, &bytes))
        return NULL;
    char *copy = fl_arena_alloc(arena, bytes);
    if (copy && length > 0)
        memcpy(copy, text, strnlen(text, length));
    return copy;
}

char *fl_arena_printf(fl_arena *arena, const char *format, ...)
{
    va_list args, again;
    char *text = NULL;

    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    if (length >= 0)
        text = bump(arena, (size_t)length + 1, 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

void *fl_arena_memdup(fl_arena *arena, const void *data, size_t bytes)
{
    void *copy = fl_arena_alloc_data(arena, bytes);
    if (copy && bytes > 0)
        memcpy(copy, data, bytes);
    return copy;
}
