/* env.h - memory and log through the caller's floe_env. Nothing else in src/ calls malloc or prints. */
#ifndef FL_BASE_ENV_H
#define FL_BASE_ENV_H

#include "error.h"

#define FL_ALIGN 64 /* a cache line, and the widest vector */

/* bytes (0 gives a valid pointer) aligned to FL_ALIGN, or NULL. Not cleared. env may be NULL. */
void *fl_alloc(const floe_env *env, size_t bytes);
/* The same, cleared; count * size is checked for overflow (NULL). */
void *fl_calloc(const floe_env *env, size_t count, size_t size);
/* Accepts NULL. */
void fl_free(const floe_env *env, void *ptr);

/* True when a line of this severity would be heard; guards costly formatting. */
bool fl_log_wants(const floe_env *env, floe_severity severity);
void fl_log(const floe_env *env, floe_severity severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* a * b and a + b into *out; false on overflow. */
static inline bool fl_mul_size(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool fl_add_size(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline size_t fl_round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

#endif
