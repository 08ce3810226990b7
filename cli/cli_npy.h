/* cli_npy.h - NumPy's .npy files: one array of numbers each. */
#ifndef FL_CLI_NPY_H
#define FL_CLI_NPY_H

#include "floe.h"

typedef struct fl_npy {
    floe_dtype dtype;
    floe_dims dims;
    void *data; /* row-major, this machine's byte order; fl_npy_free frees it */
    size_t bytes;
} fl_npy;

/* Versions 1 to 3, both byte orders, both index orders, rank 0 to 8, every type of floe_dtype; two bytes without a type
 * ('<V2') are bfloat16, which NumPy lacks. Records, texts, complex numbers and pickled objects are refused. */
floe_status fl_npy_load(fl_npy *out, const char *path, floe_error *err);
void fl_npy_free(fl_npy *npy);
/* bfloat16 is written as '<u2', its bits. Never half-written. */
floe_status fl_npy_save(const char *path, floe_dtype dtype, const floe_dims *dims, const void *data, floe_error *err);

#endif
