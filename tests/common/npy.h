/* npy.h - NumPy's .npy files for the tests: expected results come in as arrays, odd results go out as arrays.
 *
 * Reads versions 1.0, 2.0 and 3.0; bool, signed and unsigned integers of 1 to 8 bytes, float16, float32, float64;
 * either byte order; C and Fortran order. What is in memory afterwards is always C order (last index fastest) in the
 * machine's byte order. Refuses, with a sentence, object and record arrays, strings, ranks above 8, and files whose
 * size does not match their shape. Never trusts a length: broken files are test data too.
 */
#ifndef TESTS_COMMON_NPY_H
#define TESTS_COMMON_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NPY_MAX_RANK 8

typedef struct npy_array {
    char kind;      /* 'f' float, 'i' signed, 'u' unsigned, 'b' bool */
    int item_bytes; /* 1, 2, 4 or 8 */
    int rank;       /* 0 for a scalar, which has one element */
    int64_t dim[NPY_MAX_RANK];
    size_t count; /* product of the dims */
    void *data;   /* malloc'ed; never NULL after a successful load */
} npy_array;

/* False on failure, with a sentence naming the file in `why` (which may be NULL when why_size is 0). On failure *out
 * is cleared; npy_free accepts that. */
bool npy_load(npy_array *out, const char *path, char *why, size_t why_size);
/* The same from memory; `name` is used in the sentence. */
bool npy_parse(npy_array *out, const void *bytes, size_t size, const char *name, char *why, size_t why_size);

/* Writes version 1.0, little-endian, C order. Uses kind, item_bytes, rank, dim and data. */
bool npy_save(const char *path, const npy_array *a);

void npy_free(npy_array *a);

/* Element i as a double, whatever the kind; i must be below count. */
double npy_value(const npy_array *a, size_t i);

/* True when the array has this kind, item size and shape. */
bool npy_is(const npy_array *a, char kind, int item_bytes, int rank, const int64_t *dim);

#endif
