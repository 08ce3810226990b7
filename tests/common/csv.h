/* csv.h - arrays as text, one number a line, as the dl4j test graphs store their inputs and expected outputs.
 *
 * <base>.csv holds the values in C order, <base>.shape the dimensions, one a line. A scalar and an empty vector have
 * the same shape file, a single 0; the number of values tells them apart. The element type stands elsewhere and is the
 * caller's to say. Never trusts a count: broken files are test data too.
 */
#ifndef TESTS_COMMON_CSV_H
#define TESTS_COMMON_CSV_H

#include "npy.h"

/* The type by its NumPy name ("float32", "bool", ...); false for one that npy_array does not have. */
bool csv_type(const char *name, char *kind, int *item_bytes);

/* False on failure, with a sentence in `why`; *out is then cleared. Free with npy_free. */
bool csv_load(npy_array *out, const char *base, char kind, int item_bytes, char *why, size_t why_size);

#endif
