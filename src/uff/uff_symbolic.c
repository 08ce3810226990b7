/* uff_symbolic.c - small tensors whose elements are linear in the batch.
 *
 * Exported graphs compute shapes at run time (Shape, StridedSlice, Pack, Reshape). With the batch as the one unknown each
 * element of such a tensor is n * batch + c, and everything those chains do (take, join, add, multiply by a constant,
 * multiply all up) stays of that form or is not a shape. An operation that leaves it simply makes its result not symbolic.
 */
#include "uff/uff_importer.h"

#include <math.h>
#include <string.h>

bool fl_uff_make_symbolic(fl_uff_importer *m, fl_uff_value *out, int rank, const int64_t *dim)
{
    int64_t count = 1;
    out->symbolic = false;
    if (rank > FL_MAX_RANK)
        return false;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0 || dim[i] > FL_LINEAR_MAX)
            return false;
        count *= dim[i];
        if (count > FL_LINEAR_MAX)
            return false;
    }
    out->element = fl_arena_calloc(&m->net->arena, (size_t)count + 1, sizeof *out->element);
    if (!out->element)
        return false;
    out->rank = rank;
    if (rank)
        memcpy(out->dim, dim, (size_t)rank * sizeof *dim);
    out->count = count;
    out->symbolic = true;
    return true;
}

/* Exact as an integer. */
static bool is_whole(double v) { return v == trunc(v) && fabs(v) < 9007199254740992.0; }

bool fl_linear_to_dim(fl_linear v, int64_t *dim)
{
    if (!is_whole(v.n) || !is_whole(v.c) || (v.n != 0 && v.c != 0) || v.n < 0)
        return false;
    *dim = v.n != 0 ? -(int64_t)v.n : (int64_t)v.c;
    return true;
}

static double element_of(const fl_tensor *t, int64_t i)
{
    switch (t->desc.dtype) {
    case FL_I32:
        return ((const int32_t *)t->data)[i];
    case FL_I64:
        return (double)((const int64_t *)t->data)[i];
    case FL_F32:
        return (double)((const float *)t->data)[i];
    default:
        return ((const uint8_t *)t->data)[i] != 0;
    }
}

/* Floats only in handfuls: shape arithmetic uses single factors, weights are not followed. */
void fl_uff_symbolic_constant(fl_uff_importer *m, fl_uff_value *out, const fl_tensor *constant)
{
    const fl_tensor_desc *d = &constant->desc;
    const bool followed = d->dtype == FL_I32 || d->dtype == FL_I64 || d->dtype == FL_BOOL ||
                          (d->dtype == FL_F32 && fl_tensor_elements_at(d, 1) <= FL_MAX_RANK);
    if (!followed || !fl_uff_make_symbolic(m, out, d->rank, d->dim))
        return;
    for (int64_t i = 0; i < out->count; i++) {
        out->element[i].c = element_of(constant, i);
        if (!is_whole(out->element[i].c) && d->dtype != FL_F32)
            out->symbolic = false;
    }
}

void fl_uff_symbolic_shape(fl_uff_importer *m, fl_uff_value *out, const fl_tensor_desc *of)
{
    const int64_t dim = of->rank;
    if (!fl_uff_make_symbolic(m, out, 1, &dim))
        return;
    for (int i = 0; i < of->rank; i++)
        out->element[i] = of->dim[i] < 0 ? (fl_linear){(double)-of->dim[i], 0} : (fl_linear){0, (double)of->dim[i]};
}

void fl_uff_symbolic_copy(fl_uff_importer *m, fl_uff_value *out, const fl_uff_value *from, int rank, const int64_t *dim)
{
    if (!from->symbolic || !fl_uff_make_symbolic(m, out, rank, dim))
        return;
    if (out->count != from->count)
        out->symbolic = false;
    else if (out->count)
        memcpy(out->element, from->element, (size_t)out->count * sizeof *out->element);
}

/* One element; false when the result is not linear. real: the tensor is float32, rounds like one and divides like one. */
static bool combine(int func, fl_linear a, fl_linear b, bool real, fl_linear *out)
{
    const bool plain = a.n == 0 && b.n == 0;
    switch (func) {
    case FL_BINARY_ADD:
        *out = (fl_linear){a.n + b.n, a.c + b.c};
        break;
    case FL_BINARY_SUB:
        *out = (fl_linear){a.n - b.n, a.c - b.c};
        break;
    case FL_BINARY_MUL:
        if (a.n != 0 && b.n != 0)
            return false;
        *out = (fl_linear){a.n * b.c + b.n * a.c, a.c * b.c};
        break;
    case FL_BINARY_DIV:
    case FL_BINARY_FLOOR_DIV:
        if (b.n != 0 || b.c == 0)
            return false;
        *out = (fl_linear){a.n / b.c, a.c / b.c};
        if (!plain && !(is_whole(out->n) && is_whole(out->c)))
            return false;
        if (func == FL_BINARY_FLOOR_DIV)
            out->c = floor(out->c);
        else if (!real)
            out->c = trunc(out->c);
        break;
    case FL_BINARY_FLOOR_MOD:
        if (!plain || b.c == 0)
            return false;
        *out = (fl_linear){0, a.c - floor(a.c / b.c) * b.c};
        break;
    case FL_BINARY_MIN:
    case FL_BINARY_MAX:
        if (a.n != b.n)
            return false;
        *out = (fl_linear){a.n, (a.c < b.c) == (func == FL_BINARY_MIN) ? a.c : b.c};
        break;
    default:
        return false;
    }
    if (real)
        *out = (fl_linear){(float)out->n, (float)out->c};
    return fabs(out->n) < 9007199254740992.0 && fabs(out->c) < 9007199254740992.0;
}

void fl_uff_symbolic_binary(fl_uff_importer *m, fl_uff_value *out, int func, const fl_uff_value *a, const fl_uff_value *b,
                            bool real)
{
    /* Shapes meet as scalars and vectors; a general broadcast is left to the layers. */
    const bool scalar_a = a->count == 1, scalar_b = b->count == 1;
    if (!a->symbolic || !b->symbolic || (a->count != b->count && !scalar_a && !scalar_b) || a->rank > 1 || b->rank > 1)
        return;
    const fl_uff_value *shape = a->rank > b->rank || (a->rank == b->rank && a->count >= b->count) ? a : b;
    fl_uff_value result = {0};
    if (!fl_uff_make_symbolic(m, &result, shape->rank, shape->dim))
        return;
    for (int64_t i = 0; i < result.count; i++)
        if (!combine(func, a->element[scalar_a ? 0 : i], b->element[scalar_b ? 0 : i], real, &result.element[i]))
            return;
    memcpy(result.tensor, out->tensor, sizeof result.tensor);
    *out = result;
}

void fl_uff_symbolic_unary(fl_uff_importer *m, fl_uff_value *out, int func, const fl_uff_value *x)
{
    const bool rounds = func == FL_UNARY_FLOOR || func == FL_UNARY_CEIL;
    if (!x->symbolic || (!rounds && func != FL_UNARY_NEG))
        return;
    fl_uff_symbolic_copy(m, out, x, x->rank, x->dim);
    for (int64_t i = 0; out->symbolic && i < out->count; i++) {
        fl_linear *v = &out->element[i];
        if (func == FL_UNARY_NEG)
            *v = (fl_linear){-v->n, -v->c};
        else if (is_whole(v->n))
            v->c = func == FL_UNARY_FLOOR ? floor(v->c) : ceil(v->c);
        else
            out->symbolic = false;
    }
}

/* To an integer: toward zero, which is only linear where nothing is cut off or the batch is not in it. */
void fl_uff_symbolic_cast(fl_uff_importer *m, fl_uff_value *out, const fl_uff_value *x, const fl_tensor_desc *from, fl_dtype to)
{
    if (!x->symbolic || (to != FL_I32 && to != FL_I64 && to != FL_F32))
        return;
    fl_uff_symbolic_copy(m, out, x, x->rank, x->dim);
    for (int64_t i = 0; out->symbolic && to != FL_F32 && fl_dtype_is_float(from->dtype) && i < out->count; i++) {
        fl_linear *v = &out->element[i];
        if (v->n == 0)
            v->c = trunc(v->c);
        else if (!is_whole(v->n) || !is_whole(v->c))
            out->symbolic = false;
    }
}

/* Over all elements of a vector, as shape arithmetic does (Prod of a shape). */
void fl_uff_symbolic_reduce(fl_uff_importer *m, fl_uff_value *out, int func, const fl_uff_value *x)
{
    static const int step[] = {[FL_REDUCE_SUM] = FL_BINARY_ADD, [FL_REDUCE_PROD] = FL_BINARY_MUL,
                               [FL_REDUCE_MAX] = FL_BINARY_MAX, [FL_REDUCE_MIN] = FL_BINARY_MIN};
    if (!x->symbolic || x->rank != 1 || func == FL_REDUCE_MEAN)
        return;
    if (x->count == 0 && func != FL_REDUCE_SUM && func != FL_REDUCE_PROD)
        return;
    fl_linear total = x->count ? x->element[0] : (fl_linear){0, func == FL_REDUCE_PROD};
    for (int64_t i = 1; i < x->count; i++)
        if (!combine(step[func], total, x->element[i], false, &total))
            return;
    if (fl_uff_make_symbolic(m, out, 0, NULL))
        out->element[0] = total;
}

/* Concatenation of vectors, or stacking of scalars. */
void fl_uff_symbolic_join(fl_uff_importer *m, fl_uff_value *out, fl_uff_value *const *parts, size_t count, bool stack)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (!parts[i]->symbolic || parts[i]->rank != (stack ? 0 : 1))
            return;
        total += parts[i]->count;
        if (total > FL_LINEAR_MAX)
            return;
    }
    if (!fl_uff_make_symbolic(m, out, 1, &total))
        return;
    int64_t at = 0;
    for (size_t i = 0; i < count; i++)
        for (int64_t k = 0; k < parts[i]->count; k++)
            out->element[at++] = parts[i]->element[k];
}
