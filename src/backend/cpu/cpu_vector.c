/* cpu_vector.c - work into tasks; see cpu_vector.h. */
#include "backend/cpu/cpu_vector.h"

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

/* ---- tactics */

bool fl_cpu_reaches(const fl_device_info *device, fl_cpu_isa isa, const char **why_not)
{
    return device->isa >= (int)isa || fl_cpu_refuse(why_not, "the device lacks the instructions");
}
