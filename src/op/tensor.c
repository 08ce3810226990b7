/* tensor.c - arithmetic on dimensions and the texts of shapes.
 *
 * A negative dimension is linear in the batch, so every function here has two cases at most: both sides constant, or
 * exactly one of them a multiple of the batch. A product of two multiples would be quadratic; fl_dim_mul and
 * fl_tensor_elements refuse it, and with it every tensor that no later code could count.
 *
 * Descriptors may come from a damaged file. fl_tensor_elements is the gate: behind it all dims, and all products of
 * them, are below 2^48 in size, so sums and products of a few fit int64 without checks. Zero dims do not excuse the
 * others: [0, 2^60] is refused too, because strides are products that skip the zero.
 */
#include "op/tensor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_ELEMENTS ((int64_t)1 << 48)

static const int layout_block[FL_LAYOUT_COUNT] = {[FL_LAYOUT_C8] = 8, [FL_LAYOUT_C16] = 16};
static const char *const layout_suffix[FL_LAYOUT_COUNT] = {"", ":c8", ":c16"};

/* ---- dimensions */

bool fl_dim_mul(int64_t a, int64_t b, int64_t *out)
{
    int64_t product;

    if ((a < 0 && b < 0) || __builtin_mul_overflow(a, b, &product) || product == INT64_MIN)
        return false;
    *out = product;
    return true;
}

bool fl_dim_div(int64_t a, int64_t b, int64_t *out)
{
    if (b == 0 || a == INT64_MIN || b == INT64_MIN || (b < 0 && a > 0) || a % b != 0)
        return false;
    *out = a / b; /* 6N / 2N = 3, 6N / 2 = 3N, 6 / 2 = 3: the signs come out right */
    return true;
}

floe_status fl_tensor_elements(const fl_tensor_desc *t, int64_t *out, floe_error *err)
{
    char text[FL_TENSOR_TEXT];
    int64_t product = 1;
    bool dynamic = false, empty = false;

    if (t->rank < 0 || t->rank > FL_MAX_RANK)
        return fl_fail(err, FLOE_ERR_SHAPE, "a tensor of rank %d: ranks 0 to %d are possible", t->rank, FL_MAX_RANK);
    for (int i = 0; i < t->rank; i++) {
        const int64_t d = t->dim[i];
        if (d < 0 && dynamic)
            return fl_fail(err, FLOE_ERR_SHAPE, "shape %s grows with the square of the batch; one dimension of a "
                           "tensor may depend on it", fl_dims_text(t->dim, t->rank, text, sizeof text));
        dynamic |= d < 0;
        empty |= d == 0;
        if (d < -MAX_ELEMENTS || d > MAX_ELEMENTS ||
            (d != 0 && __builtin_mul_overflow(product, d < 0 ? -d : d, &product)) || product > MAX_ELEMENTS)
            return fl_fail(err, FLOE_ERR_SHAPE, "shape %s has more than 2^48 elements",
                           fl_dims_text(t->dim, t->rank, text, sizeof text));
    }
    *out = empty ? 0 : dynamic ? -product : product;
    return FLOE_OK;
}

/* Products of verified dims with any batch may still be too large: then INT64_MAX. */
static int64_t mul_saturating(int64_t a, int64_t b)
{
    int64_t product;

    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

static int64_t dim_at_saturating(int64_t dim, int64_t batch)
{
    return dim < 0 ? mul_saturating(-dim, batch) : dim;
}

int64_t fl_tensor_elements_at(const fl_tensor_desc *t, int64_t batch)
{
    int64_t elements = 1;

    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] == 0)
            return 0;
    for (int i = 0; i < t->rank; i++)
        elements = mul_saturating(elements, dim_at_saturating(t->dim[i], batch));
    return elements;
}

size_t fl_tensor_bytes_at(const fl_tensor_desc *t, int64_t batch)
{
    int64_t elements = fl_tensor_elements_at(t, batch);
    size_t bytes;

    if (elements > 0 && t->rank == 4 && t->layout != FL_LAYOUT_PLAIN) {
        const int64_t block = layout_block[t->layout];
        const int64_t c = dim_at_saturating(t->dim[3], batch);
        const int64_t blocks = c / block + (c % block != 0);
        elements = blocks * block; /* below c + 16: c is far from the end of int64 in a verified tensor */
        for (int i = 0; i < 3; i++)
            elements = mul_saturating(elements, dim_at_saturating(t->dim[i], batch));
    }
    if (elements == INT64_MAX || __builtin_mul_overflow((size_t)elements, fl_dtype_bytes(t->dtype), &bytes))
        return SIZE_MAX;
    return bytes;
}

/* ---- descriptors */

bool fl_tensor_same_shape(const fl_tensor_desc *a, const fl_tensor_desc *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

fl_tensor_desc fl_tensor_make(fl_dtype dtype, int rank, const int64_t *dim)
{
    fl_tensor_desc t = {.dtype = dtype, .layout = FL_LAYOUT_PLAIN, .rank = rank};

    for (int i = 0; i < rank && i < FL_MAX_RANK; i++)
        t.dim[i] = dim[i];
    return t;
}

fl_tensor_desc fl_tensor_at(const fl_tensor_desc *t, int64_t batch)
{
    fl_tensor_desc at = *t;

    for (int i = 0; i < at.rank; i++)
        at.dim[i] = dim_at_saturating(at.dim[i], batch);
    return at;
}

floe_status fl_tensor_broadcast(fl_tensor_desc *out, const fl_tensor_desc *a, const fl_tensor_desc *b, floe_error *err)
{
    char a_text[FL_TENSOR_TEXT], b_text[FL_TENSOR_TEXT];
    const int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t dim[FL_MAX_RANK] = {0};

    for (int i = 0; i < rank; i++) {
        const int ai = i - (rank - a->rank), bi = i - (rank - b->rank);
        const int64_t ad = ai < 0 ? 1 : a->dim[ai], bd = bi < 0 ? 1 : b->dim[bi];
        if (ad != bd && ad != 1 && bd != 1)
            return fl_fail(err, FLOE_ERR_SHAPE, "shapes %s and %s do not broadcast: aligned from the right, two "
                           "dimensions must be equal or one of them 1",
                           fl_dims_text(a->dim, a->rank, a_text, sizeof a_text),
                           fl_dims_text(b->dim, b->rank, b_text, sizeof b_text));
        dim[i] = ad == 1 ? bd : ad;
    }
    out->rank = rank;
    memcpy(out->dim, dim, sizeof dim);
    return FLOE_OK;
}

/* ---- texts */

static size_t append(char *text, size_t size, size_t used, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Appends what fits and returns the new length, always below size. */
static size_t append(char *text, size_t size, size_t used, const char *format, ...)
{
    va_list args;

    if (used + 1 >= size)
        return used;
    va_start(args, format);
    const int n = vsnprintf(text + used, size - used, format, args);
    va_end(args);
    if (n < 0)
        return used;
    return (size_t)n < size - used ? used + (size_t)n : size - 1;
}

static size_t append_dims(char *text, size_t size, size_t used, const int64_t *dim, int rank)
{
    used = append(text, size, used, "[");
    for (int i = 0; i < rank && i < FL_MAX_RANK; i++) {
        const char *comma = i ? "," : "";
        if (dim[i] == -1)
            used = append(text, size, used, "%sN", comma);
        else if (dim[i] < 0)
            used = append(text, size, used, "%s%" PRIu64 "N", comma, 0 - (uint64_t)dim[i]);
        else
            used = append(text, size, used, "%s%" PRId64, comma, dim[i]);
    }
    return append(text, size, used, "]");
}

const char *fl_dims_text(const int64_t *dim, int rank, char *text, size_t size)
{
    if (size)
        text[0] = '\0';
    append_dims(text, size, 0, dim, rank);
    return text;
}

const char *fl_tensor_text(const fl_tensor_desc *t, char *text, size_t size)
{
    const char *suffix = (unsigned)t->layout < FL_LAYOUT_COUNT ? layout_suffix[t->layout] : ":unknown-layout";

    if (size)
        text[0] = '\0';
    const size_t used = append(text, size, 0, "%s%s", fl_dtype_name(t->dtype), suffix);
    append_dims(text, size, used, t->dim, t->rank);
    return text;
}
