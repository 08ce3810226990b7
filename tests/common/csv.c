/* csv.c - see csv.h. */
#include "csv.h"

#include "base/half.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct type {
    const char *name;
    char kind;
    int bytes;
} types[] = {{"float32", 'f', 4}, {"float64", 'f', 8}, {"float16", 'f', 2}, {"int8", 'i', 1},
             {"int16", 'i', 2},   {"int32", 'i', 4},   {"int64", 'i', 8},   {"uint8", 'u', 1},
             {"uint16", 'u', 2},  {"uint32", 'u', 4},  {"uint64", 'u', 8},  {"bool", 'b', 1}};

bool csv_type(const char *name, char *kind, int *item_bytes)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, name)) {
            *kind = types[i].kind;
            *item_bytes = types[i].bytes;
            return true;
        }
    return false;
}

/* All numbers of a file, malloc'ed; NULL and a sentence when it cannot be read or holds something else. */
static double *read_numbers(const char *path, size_t *count, char *why, size_t why_size)
{
    FILE *file = fopen(path, "r");
    size_t cap = 64;
    double *values = file ? malloc(cap * sizeof *values) : NULL;
    char word[64];
    *count = 0;
    while (values && fscanf(file, "%63s", word) == 1) {
        char *end;
        if (*count == cap) {
            double *bigger = realloc(values, (cap *= 2) * sizeof *values);
            if (!bigger) {
                free(values);
                values = NULL;
                break;
            }
            values = bigger;
        }
        values[(*count)++] = strtod(word, &end);
        if (*end) {
            snprintf(why, why_size, "%s: '%s' is no number", path, word);
            free(values);
            fclose(file);
            return NULL;
        }
    }
    if (!values)
        snprintf(why, why_size, "%s: cannot be read", path);
    if (file)
        fclose(file);
    return values;
}

static void store(const npy_array *a, size_t i, double v)
{
    uint8_t *to = (uint8_t *)a->data + i * (size_t)a->item_bytes;
    const float f = (float)v;
    const int64_t whole = (int64_t)v; /* little-endian: its first bytes are the narrower integers */
    const uint16_t half = fl_half_from_float(f);
    const uint8_t yes = v != 0;
    const void *from = a->kind == 'b'       ? (const void *)&yes
                       : a->kind != 'f'     ? (const void *)&whole
                       : a->item_bytes == 8 ? (const void *)&v
                       : a->item_bytes == 4 ? (const void *)&f
                                            : (const void *)&half;
    memcpy(to, from, (size_t)a->item_bytes);
}

bool csv_load(npy_array *out, const char *base, char kind, int item_bytes, char *why, size_t why_size)
{
    char path[1024];
    size_t n = 0, rank = 0, product = 1;
    memset(out, 0, sizeof *out);
    snprintf(path, sizeof path, "%s.csv", base);
    double *values = read_numbers(path, &n, why, why_size), *dims = NULL;
    if (!values)
        return false;
    snprintf(path, sizeof path, "%s.shape", base);
    dims = read_numbers(path, &rank, why, why_size);
    if (!dims)
        goto done;
    if (rank == 1 && dims[0] == 0 && n == 1)
        rank = 0;
    for (size_t i = 0; i < rank && i < NPY_MAX_RANK; i++) {
        out->dim[i] = (int64_t)dims[i];
        product *= (size_t)dims[i];
    }
    if (rank > NPY_MAX_RANK || product != n) {
        snprintf(why, why_size, "%s: %zu values for a shape of rank %zu and %zu elements", base, n, rank, product);
        goto done;
    }
    out->kind = kind;
    out->item_bytes = item_bytes;
    out->rank = (int)rank;
    out->count = n;
    out->data = calloc(n + 1, (size_t)item_bytes);
    for (size_t i = 0; out->data && i < n; i++)
        store(out, i, values[i]);
done:
    free(values);
    free(dims);
    return out->data != NULL;
}
