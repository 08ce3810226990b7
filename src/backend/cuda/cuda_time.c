/* cuda_time.c - how long a step takes as it would inside an engine: its inputs in the L2, where the step before left them,
 * its weights not, since all the other steps' weights went through since.
 *
 * A kernel of a few microseconds is below the clock's resolution, so two graphs are timed, and the step is the difference:
 *
 *     A   k times: overwrite twice the L2 - read the inputs - the step
 *     B   k times: overwrite twice the L2 - read the inputs
 *
 * A and B take turns, after three rounds to warm up, and the medians of five are taken: the GPU's clock rate moves, and moves
 * for both. A step longer than a millisecond needs no difference: events around it, once the caches are as they should be.
 */
#include "backend/cuda/cuda_core.h"
#include "backend/cuda/kernel/touch_args.h"

#define WARM_UPS    3
#define ROUNDS      5
#define GRAPH_NS    1000000.0  /* what one launch of A lasts at least, */
#define MOST_COPIES 64         /* if so many do it */
#define LONG_NS     1000000u   /* longer steps are timed one by one, */
#define HUGE_NS     50000000u  /* and these only once */
#define FLUSH_RATE  2e12       /* bytes per second; a guess, for the number of copies */

typedef struct trial {
    const fl_step *step;
    size_t         flush_bytes;
    int            copies;
    bool           with_step;
} trial;

static floe_status touch(fl_stream *stream, const void *data, size_t bytes, floe_error *err)
{
    const fl_touch_args args = {.data = data, .sink = stream->flush, .n = (uint32_t)(bytes / 16), .never = 0x9e3779b9u};
    const int64_t most = 4 * (int64_t)stream->device->info.units;
    const int64_t blocks = fl_cuda_blocks(args.n, FL_TOUCH_THREADS);
    const fl_cuda_grid grid = {(uint32_t)(blocks < most ? blocks : most), 1, 1, FL_TOUCH_THREADS, 0};

    return FL_CUDA_LAUNCH(stream, "touch_bytes", &grid, &args, err);
}

/* Inputs that are activations, as far as they fit into half of the L2. */
static floe_status touch_inputs(fl_stream *stream, const fl_step *step, floe_error *err)
{
    floe_status st = FLOE_OK;
    size_t room = stream->device->info.l2_bytes / 2;

    for (int i = 0; i < step->desc->n_in; i++) {
        const fl_tensor_desc *x = step->desc->in[i];
        if (!x || x->constant || !step->in[i])
            continue;
        const size_t bytes = fl_tensor_bytes_at(x, 1), part = bytes < room ? bytes : room;
        FL_TRY(touch(stream, step->in[i], part, err));
        room -= part;
    }
done:
    return st;
}

static floe_status set_caches(fl_stream *stream, const trial *t, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = FLOE_OK;

    FL_CUDA(device, "emptying the L2 cache", cuMemsetD8Async(fl_cuda_address(stream->flush), 0, t->flush_bytes, stream->stream),
            err);
    FL_TRY(touch_inputs(stream, t->step, err));
done:
    return st;
}

static floe_status run_copies(fl_stream *stream, const void *arg, floe_error *err)
{
    floe_status st = FLOE_OK;
    const trial *t = arg;

    for (int i = 0; i < t->copies; i++) {
        FL_TRY(set_caches(stream, t, err));
        if (t->with_step)
            FL_TRY(t->step->tactic->run(t->step, stream, err));
    }
done:
    return st;
}

static floe_status run_step(fl_stream *stream, const void *arg, floe_error *err)
{
    const trial *t = arg;
    return t->step->tactic->run(t->step, stream, err);
}

static uint64_t median(uint64_t *values, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && values[k] < values[k - 1]; k--) {
            const uint64_t v = values[k];
            values[k] = values[k - 1];
            values[k - 1] = v;
        }
    return values[n / 2];
}

/* One by one; *ns holds what the first run took. */
static floe_status time_long(fl_stream *stream, const trial *t, uint64_t *ns, floe_error *err)
{
    floe_status st = FLOE_OK;
    uint64_t times[ROUNDS];

    if (*ns > HUGE_NS)
        goto done;
    for (int i = 0; i < ROUNDS; i++) {
        FL_TRY(set_caches(stream, t, err));
        FL_TRY(fl_cuda_clock_body(stream, run_step, t, &times[i], err));
    }
    *ns = median(times, ROUNDS);
done:
    return st;
}

static floe_status time_difference(fl_stream *stream, const trial *t, uint64_t *ns, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_device *device = stream->device;
    trial without = *t;
    CUgraphExec a = NULL, b = NULL;
    uint64_t times_a[ROUNDS], times_b[ROUNDS];

    without.with_step = false;
    FL_TRY(fl_cuda_record(&a, stream, run_copies, t, err));
    FL_TRY(fl_cuda_record(&b, stream, run_copies, &without, err));
    for (int i = -WARM_UPS; i < ROUNDS; i++) {
        const int at = i < 0 ? 0 : i;
        FL_TRY(fl_cuda_clock_graph(stream, a, &times_a[at], err));
        FL_TRY(fl_cuda_clock_graph(stream, b, &times_b[at], err));
    }
    const uint64_t with = median(times_a, ROUNDS), bare = median(times_b, ROUNDS);
    *ns = with > bare ? (with - bare) / (uint64_t)t->copies : 0;
    *ns = *ns ? *ns : 1; /* a step that launches nothing */
done:
    fl_cuda_graph_free(device, a);
    fl_cuda_graph_free(device, b);
    return st;
}

static floe_status make_flush(fl_stream *stream, size_t bytes, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = FLOE_OK;
    CUdeviceptr memory = 0;

    if (stream->flush)
        goto done;
    FL_CUDA(device, "allocating memory to empty the L2 cache with", cuMemAlloc(&memory, bytes), err);
    stream->flush = (void *)(uintptr_t)memory;
done:
    return st;
}

static floe_status time_inside(fl_stream *stream, const fl_step *step, uint64_t *ns, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t flush_bytes = fl_round_up(2 * stream->device->info.l2_bytes + 16, 256);
    trial t = {.step = step, .flush_bytes = flush_bytes, .copies = 1, .with_step = true};
    uint64_t first;

    FL_TRY(make_flush(stream, flush_bytes, err));
    FL_TRY(fl_cuda_load_kernels(stream, run_copies, &t, err));
    FL_TRY(fl_cuda_clock_body(stream, run_step, &t, &first, err));
    *ns = first;
    if (first > LONG_NS) {
        FL_TRY(time_long(stream, &t, ns, err));
        goto done;
    }
    const double copies = GRAPH_NS / ((double)first + 1e9 * (double)flush_bytes / FLUSH_RATE + 1);
    t.copies = copies < 1 ? 1 : copies > MOST_COPIES ? MOST_COPIES : (int)copies + 1;
    FL_TRY(time_difference(stream, &t, ns, err));
done:
    return st;
}

floe_status fl_cuda_time(fl_stream *stream, const fl_step *step, uint64_t *ns, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = fl_cuda_enter(device, err);

    if (st != FLOE_OK)
        return st;
    st = time_inside(stream, step, ns, err);
    if (st != FLOE_OK)
        fl_error_prefix(err, "timing '%s'", step->tactic->name);
    fl_cuda_leave(device);
    return st;
}
