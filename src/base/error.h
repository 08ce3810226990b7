/* error.h - how a fallible function fails: one exit, a status to branch on, a sentence to read.
 *
 *     floe_status fl_thing_load(fl_thing **out, ..., floe_error *err)
 *     {
 *         floe_status st = FLOE_OK;
 *         ...
 *         FL_TRY(fl_file_map(&file, env, path, err));
 *         if (bad) FL_FAIL(err, FLOE_ERR_FORMAT, "%s: found %d, expected %d", path, a, b);
 *     done:
 *         fl_file_unmap(&file);
 *         return st;
 *     }
 */
#ifndef FL_BASE_ERROR_H
#define FL_BASE_ERROR_H

#include "floe_base.h"

#include <stdbool.h>

/* Stores status and sentence (err may be NULL) and returns the status. */
floe_status fl_fail(floe_error *err, floe_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<prefix>: " in front of the sentence already there; for callers that know the place better. */
void fl_error_prefix(floe_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The out-of-memory failure, naming what was wanted. */
floe_status fl_fail_memory(floe_error *err, size_t bytes, const char *what);

#define FL_TRY(call)                         \
    do {                                     \
        if ((st = (call)) != FLOE_OK)        \
            goto done;                       \
    } while (0)

#define FL_FAIL(err, status, ...)                    \
    do {                                             \
        st = fl_fail((err), (status), __VA_ARGS__);  \
        goto done;                                   \
    } while (0)

/* Fails with FLOE_ERR_MEMORY when ptr is NULL. */
#define FL_NEED(ptr, bytes, what, err)                       \
    do {                                                     \
        if (!(ptr)) {                                        \
            st = fl_fail_memory((err), (bytes), (what));     \
            goto done;                                       \
        }                                                    \
    } while (0)

#endif
