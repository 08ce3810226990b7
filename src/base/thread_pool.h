/* thread_pool.h - a persistent pool for fork-join steps of a few microseconds.
 *
 * A step is `tasks` calls fn(arg, task, worker) with worker in [0, threads). The caller is worker 0. Tasks are cut
 * into contiguous shares, one a worker, so that a worker meets the same rows again in the next layer; a worker that
 * finishes early steals from the others, one task at a time, so a stolen core costs one task and not a share.
 * Workers wait by spinning for a bounded time, then sleep on a futex-backed condition.
 * Running a step allocates nothing. One step at a time per pool: contexts own their pools.
 */
#ifndef FL_BASE_THREAD_POOL_H
#define FL_BASE_THREAD_POOL_H

#include "env.h"

typedef struct fl_pool fl_pool;
typedef void (*fl_task)(void *arg, size_t task, size_t worker);

/* threads >= 1; 0 means the number of processors this process may run on. With 1 no thread is made. */
floe_status fl_pool_create(fl_pool **out, const floe_env *env, size_t threads, floe_error *err);
void        fl_pool_free(fl_pool *pool);
size_t      fl_pool_threads(const fl_pool *pool); /* NULL counts as 1 */
/* Runs all tasks and returns when they are done. pool NULL: in the caller alone. */
void fl_pool_run(fl_pool *pool, fl_task fn, void *arg, size_t tasks);
/* Processors this process may run on, at least 1. */
size_t fl_processor_count(void);

#endif
