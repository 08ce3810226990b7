/* env.c - memory and log lines through the caller's floe_env; the only place that calls the C library's allocator.
 *
 * Every allocation is aligned to FL_ALIGN, so that any of them may hold vectors and no two share a cache line at
 * their start. An env without `alloc` means the C library; an env with `alloc` but without `free` is an allocator
 * that takes nothing back (a static region, say), so freeing does nothing. Requests that no object can have
 * (above PTRDIFF_MAX) are refused here: callers' allocators need not think about them.
 */
#include "env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINE_BYTES 1024

static bool has_allocator(const floe_env *env)
{
    return env && env->alloc;
}

void *fl_alloc(const floe_env *env, size_t bytes)
{
    void *ptr = NULL;

    if (bytes > PTRDIFF_MAX)
        return NULL;
    if (bytes == 0)
        bytes = 1;
    if (has_allocator(env))
        return env->alloc(env->alloc_user, bytes, FL_ALIGN);
    return posix_memalign(&ptr, FL_ALIGN, bytes) == 0 ? ptr : NULL;
}

void *fl_calloc(const floe_env *env, size_t count, size_t size)
{
    size_t bytes;

    if (!fl_mul_size(count, size, &bytes))
        return NULL;
    void *ptr = fl_alloc(env, bytes);
    if (ptr)
        memset(ptr, 0, bytes);
    return ptr;
}

void fl_free(const floe_env *env, void *ptr)
{
    if (!ptr)
        return;
    if (!has_allocator(env))
        free(ptr);
    else if (env->free)
        env->free(env->alloc_user, ptr);
}

bool fl_log_wants(const floe_env *env, floe_severity severity)
{
    return env && env->log && severity <= env->log_severity;
}

void fl_log(const floe_env *env, floe_severity severity, const char *format, ...)
{
    char line[LOG_LINE_BYTES];
    va_list args;

    if (!fl_log_wants(env, severity))
        return;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof line)
        memcpy(line + sizeof line - sizeof "...", "...", sizeof "...");

    /* One call is one line, whatever names out of a file were formatted into it. */
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    env->log(env->log_user, severity, line);
}
