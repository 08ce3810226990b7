/* op_list.h - which TensorFlow operations the walkthrough promises, for tests over graphs that others made.
 *
 * A foreign graph made of these alone must run and give the right answer. One with others may be refused, as long as
 * the refusal names them: such graphs are listed and counted by the tests, not failed.
 */
#ifndef TESTS_COMMON_OP_LIST_H
#define TESTS_COMMON_OP_LIST_H

#include <stdbool.h>
#include <stddef.h>

bool op_list_has(const char *op);

/* The operations of a graph file that are not on the list, as "A, B"; an empty text when it has none. False, with a
 * sentence instead, when the file cannot be read. */
bool op_list_missing(const char *path, char *text, size_t size);

#endif
