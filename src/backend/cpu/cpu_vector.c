/* cpu_vector.c - work into tasks and views with strides; see cpu_vector.h. */
#include "backend/cpu/cpu_vector.h"

#include <string.h>

/* ---- work into tasks */

#define TASKS_PER_THREAD 4 /* so that a thread whose core was stolen holds up the others by a quarter share only */

typedef struct cut {
    int64_t     n, each;
    fl_range_fn fn;
    void       *arg;
} cut;

static void run_range(void *arg, size_t task, size_t worker)
{
    const cut *c = arg;
    const int64_t begin = (int64_t)task * c->each;

    c->fn(c->arg, begin, c->n - begin < c->each ? c->n : begin + c->each, worker);
}

void fl_cpu_for(const fl_stream *stream, int64_t n, int64_t unit, int64_t grain, fl_range_fn fn, void *arg)
{
    const int64_t most = stream->threads > 1 ? (int64_t)stream->threads * TASKS_PER_THREAD : 1;
    int64_t tasks = n / (grain > 0 ? grain : 1);

    if (n <= 0)
        return;
    tasks = tasks < 1 ? 1 : tasks > most ? most : tasks;
    int64_t each = (n + tasks - 1) / tasks;
    each = (each + unit - 1) / unit * unit;
    cut c = {n, each, fn, arg};
    fl_pool_run(stream->pool, run_range, &c, (size_t)((n + each - 1) / each));
}

/* ---- views */

void fl_dense(int rank, const int64_t *dim, int64_t *stride)
{
    int64_t elements = 1;

    for (int i = rank - 1; i >= 0; i--) {
        stride[i] = elements;
        elements *= dim[i];
    }
}

void fl_view_init(fl_view *v, int rank, const int64_t *dim)
{
    memset(v, 0, sizeof *v);
    v->rank = rank;
    for (int i = 0; i < rank; i++) {
        v->dim[i] = dim[i];
        v->empty |= dim[i] == 0;
    }
}

void fl_view_operand(fl_view *v, const int64_t *stride)
{
    for (int i = 0; i < v->rank; i++)
        v->stride[v->operands][i] = stride[i];
    v->operands++;
}

void fl_view_broadcast(fl_view *v, const fl_tensor_desc *t)
{
    int64_t dense[FL_MAX_RANK], stride[FL_MAX_RANK] = {0};
    const int skip = v->rank - t->rank;

    fl_dense(t->rank, t->dim, dense);
    for (int i = 0; i < t->rank; i++)
        stride[i + skip] = t->dim[i] == 1 ? 0 : dense[i];
    fl_view_operand(v, stride);
}

static bool joins(const fl_view *v, int outer, int inner)
{
    for (int k = 0; k < v->operands; k++)
        if (v->stride[k][outer] != v->stride[k][inner] * v->dim[inner])
            return false;
    return true;
}

static void move_axis(fl_view *v, int to, int from)
{
    v->dim[to] = v->dim[from];
    for (int k = 0; k < v->operands; k++)
        v->stride[k][to] = v->stride[k][from];
}

void fl_view_merge(fl_view *v)
{
    int kept = 0;

    if (v->empty)
        return;
    for (int i = 0; i < v->rank; i++) {
        if (v->dim[i] == 1)
            continue;
        if (kept > 0 && joins(v, kept - 1, i)) {
            const int64_t joined = v->dim[kept - 1] * v->dim[i];
            move_axis(v, kept - 1, i);
            v->dim[kept - 1] = joined;
        } else {
            move_axis(v, kept++, i);
        }
    }
    if (kept == 0) {
        v->dim[0] = 1;
        for (int k = 0; k < v->operands; k++)
            v->stride[k][0] = 1;
        kept = 1;
    }
    v->rank = kept;
}

int64_t fl_view_rows(const fl_view *v)
{
    int64_t rows = v->empty ? 0 : 1;

    for (int i = 0; i + 1 < v->rank && rows; i++)
        rows *= v->dim[i];
    return rows;
}

void fl_view_seek(const fl_view *v, int64_t row, fl_place *place)
{
    memset(place, 0, sizeof *place);
    for (int i = v->rank - 2; i >= 0; i--) {
        place->index[i] = row % v->dim[i];
        row /= v->dim[i];
        for (int k = 0; k < v->operands; k++)
            place->at[k] += place->index[i] * v->stride[k][i];
    }
}

void fl_view_next(const fl_view *v, fl_place *place)
{
    for (int i = v->rank - 2; i >= 0; i--) {
        if (++place->index[i] < v->dim[i]) {
            for (int k = 0; k < v->operands; k++)
                place->at[k] += v->stride[k][i];
            return;
        }
        for (int k = 0; k < v->operands; k++)
            place->at[k] -= v->stride[k][i] * (v->dim[i] - 1);
        place->index[i] = 0;
    }
}

/* ---- tactics */

bool fl_cpu_reaches(const fl_device_info *device, fl_cpu_isa isa, const char **why_not)
{
    return device->isa >= (int)isa || fl_cpu_refuse(why_not, "the device lacks the instructions");
}
