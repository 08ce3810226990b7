/* cpu_backend.c - the CPU as a backend: device memory is host memory, a stream is a thread pool with scratch, a program
 * is the step array itself.
 *
 * Large blocks ask for 2 MiB pages: activations and weights are walked from end to end in every run, and fewer page
 * walks are worth several percent of a network.
 *
 * time() imitates a step inside an engine: input hot (the step before wrote it), packed weights cold (all the other
 * steps' weights went through the caches since), workers awake. Noise only adds, so the least of several is taken.
 */
#include "backend/cpu/cpu.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* ---- device */

static floe_status cpu_open(fl_device **out, const floe_env *env, const char *spec, const fl_device_options *options,
                            floe_error *err)
{
    static const fl_device_options defaults;
    floe_status st = FLOE_OK;
    fl_device *device = NULL;
    fl_cpu_isa isa = fl_cpu_isa_detect();

    options = options ? options : &defaults;
    if (strcmp(spec, "cpu") != 0)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "device '%s': there is one CPU, and it is named cpu", spec);
    if (options->threads < 0)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "%d threads; 0 means all processors, 1 or more are possible", options->threads);
    if (options->target)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "target '%s' is for device cuda; what the CPU may use is capped by its ISA level",
                options->target);
    if (options->isa && options->isa[0])
        FL_TRY(fl_cpu_isa_from_name(&isa, options->isa, err));
    device = fl_calloc(env, 1, sizeof *device);
    FL_NEED(device, sizeof *device, "a device", err);
    if (env)
        device->env = *env;
    fl_device_info *info = &device->info;
    info->threads = options->threads ? options->threads : (int)fl_processor_count();
    info->isa = (int)isa;
    snprintf(info->target, sizeof info->target, "%s", fl_cpu_target(isa));
    fl_cpu_name(info->name, sizeof info->name);
    fl_cpu_caches(&info->l1_bytes, &info->l2_bytes, &info->l3_bytes);
    *out = device;
done:
    return st;
}

static void cpu_close(fl_device *device)
{
    if (!device)
        return;
    const floe_env env = device->env;
    fl_free(&env, device);
}

static void cpu_describe(const fl_device *device, fl_device_info *out)
{
    *out = device->info;
}

static floe_status cpu_accepts(const fl_device *device, const char *target, floe_error *err)
{
    return fl_cpu_target_accepts((fl_cpu_isa)device->info.isa, target, err);
}

static fl_tactic_list cpu_tactics(const fl_device *device, fl_op_kind op)
{
    (void)device;
    return fl_cpu_tactics(op);
}

/* ---- memory */

/* A wish, not a need: the answer is of no interest. */
static void ask_for_huge_pages(void *memory, size_t bytes)
{
    const uintptr_t begin = fl_round_up((uintptr_t)memory, HUGE_PAGE);
    const uintptr_t end = ((uintptr_t)memory + bytes) / HUGE_PAGE * HUGE_PAGE;

    if (end > begin)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

static floe_status cpu_alloc(fl_device *device, void **out, size_t bytes, floe_error *err)
{
    void *memory = fl_alloc(&device->env, bytes);

    if (!memory)
        return fl_fail_memory(err, bytes, "device memory");
    ask_for_huge_pages(memory, bytes);
    *out = memory;
    return FLOE_OK;
}

static void cpu_free(fl_device *device, void *memory)
{
    fl_free(&device->env, memory);
}

static floe_status cpu_import_weights(fl_device *device, const void **out, const void *host, size_t bytes,
                                      floe_error *err)
{
    (void)device;
    (void)bytes;
    (void)err;
    *out = host;
    return FLOE_OK;
}

static void cpu_release_weights(fl_device *device, const void *weights)
{
    (void)device;
    (void)weights;
}

/* ---- streams */

static void cpu_stream_close(fl_stream *stream)
{
    if (!stream)
        return;
    const floe_env *env = &stream->device->env;
    fl_pool_free(stream->pool);
    fl_free(env, stream->scratch);
    fl_free(env, stream);
}

static floe_status cpu_stream_open(fl_stream **out, fl_device *device, int threads, floe_error *err)
{
    floe_status st = FLOE_OK;
    const floe_env *env = &device->env;
    fl_stream *stream = fl_calloc(env, 1, sizeof *stream);

    FL_NEED(stream, sizeof *stream, "a stream", err);
    stream->device = device;
    if (threads < 0)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "%d threads; 0 means as many as the device has, 1 or more are possible",
                threads);
    FL_TRY(fl_pool_create(&stream->pool, env, (size_t)(threads ? threads : device->info.threads), err));
    stream->threads = fl_pool_threads(stream->pool);
    stream->scratch = fl_alloc(env, stream->threads * FL_CPU_SCRATCH);
    FL_NEED(stream->scratch, stream->threads * FL_CPU_SCRATCH, "the scratch of a stream", err);
    *out = stream;
    stream = NULL;
done:
    cpu_stream_close(stream);
    return st;
}

static floe_status cpu_copy(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err)
{
    (void)stream;
    (void)err;
    if (bytes && dst != src)
        memcpy(dst, src, bytes);
    return FLOE_OK;
}

/* All work is done when a call returns, so a mark is the time of day. */
static floe_status cpu_mark(fl_stream *stream, int i, floe_error *err)
{
    (void)err;
    stream->marks[i] = fl_cpu_now();
    return FLOE_OK;
}

static floe_status cpu_elapsed(fl_stream *stream, int from, int to, uint64_t *ns, floe_error *err)
{
    (void)err;
    *ns = stream->marks[to] - stream->marks[from];
    return FLOE_OK;
}

/* ---- programs */

struct fl_program {
    fl_stream     *stream;
    const fl_step *steps;
    size_t         count;
};

static floe_status cpu_prepare(fl_program **out, fl_stream *stream, const fl_step *steps, size_t count, int64_t batch,
                               floe_error *err)
{
    fl_program *program = *out;

    (void)batch;
    if (!program)
        program = fl_alloc(&stream->device->env, sizeof *program);
    if (!program)
        return fl_fail_memory(err, sizeof *program, "a program");
    *program = (fl_program){stream, steps, count};
    *out = program;
    return FLOE_OK;
}

static void cpu_program_free(fl_program *program)
{
    if (program)
        fl_free(&program->stream->device->env, program);
}

static floe_status cpu_run(fl_program *program, floe_error *err)
{
    for (size_t i = 0; i < program->count; i++) {
        const fl_step *step = &program->steps[i];
        const floe_status st = step->tactic->run(step, program->stream, err);
        if (st != FLOE_OK)
            return st;
    }
    return FLOE_OK;
}

static floe_status cpu_wait(fl_stream *stream, floe_error *err)
{
    (void)stream;
    (void)err;
    return FLOE_OK;
}

static floe_status cpu_profile(fl_program *program, uint64_t *times, floe_error *err)
{
    uint64_t last = fl_cpu_now();

    for (size_t i = 0; i < program->count; i++) {
        const fl_step *step = &program->steps[i];
        const floe_status st = step->tactic->run(step, program->stream, err);
        if (st != FLOE_OK)
            return st;
        const uint64_t now = fl_cpu_now();
        times[i] = now - last;
        last = now;
    }
    return FLOE_OK;
}

/* ---- timing */

#define TIME_RUNS   15
#define TIME_LONG   30000000u /* ns: a run this long is not repeated */
#define TIME_BUDGET 60000000u /* ns for all runs of one candidate, cache eviction included */

#if defined(__x86_64__)
static void evict(fl_stream *stream, const void *data, size_t bytes)
{
    (void)stream;
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_ia32_clflush((const uint8_t *)data + i);
    __builtin_ia32_mfence();
}
#else
/* No instruction for it: walking over the scratch, and over the weights' other end, has to do. */
static void evict(fl_stream *stream, const void *data, size_t bytes)
{
    (void)data;
    for (size_t i = 0; bytes && i < stream->threads * FL_CPU_SCRATCH; i += 64)
        ((volatile uint8_t *)stream->scratch)[i] += 1;
}
#endif

static void awake(void *arg, size_t task, size_t worker)
{
    (void)task;
    (void)worker;
    const uint64_t until = *(const uint64_t *)arg;
    while (fl_cpu_now() < until)
        continue;
}

/* Workers that slept while weights were evicted would be woken on the step's time. */
static void wake_workers(fl_stream *stream)
{
    uint64_t until = fl_cpu_now() + 100000;

    if (stream->threads > 1)
        fl_pool_run(stream->pool, awake, &until, 2 * stream->threads);
}

static floe_status cpu_time(fl_stream *stream, const fl_step *step, uint64_t *ns, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tactic *tactic = step->tactic;
    const size_t packed = step->packed && tactic->packed_bytes ? tactic->packed_bytes(step->desc) : 0;
    const uint64_t begin = fl_cpu_now();
    uint64_t best, now;

    wake_workers(stream);
    uint64_t start = fl_cpu_now();
    FL_TRY(tactic->run(step, stream, err));
    best = fl_cpu_now() - start;
    for (int i = 0; i < TIME_RUNS && best < TIME_LONG; i++) {
        evict(stream, step->packed, packed);
        wake_workers(stream);
        start = fl_cpu_now();
        FL_TRY(tactic->run(step, stream, err));
        now = fl_cpu_now();
        best = now - start < best ? now - start : best;
        if (now - begin > TIME_BUDGET)
            break;
    }
    *ns = best;
done:
    return st;
}

const fl_backend fl_cpu_backend = {
    .name = "cpu",
    .host_memory = true,
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .accepts = cpu_accepts,
    .tactics = cpu_tactics,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .import_weights = cpu_import_weights,
    .release_weights = cpu_release_weights,
    .stream_open = cpu_stream_open,
    .stream_close = cpu_stream_close,
    .upload = cpu_copy,
    .download = cpu_copy,
    .alloc_host = cpu_alloc,
    .free_host = cpu_free,
    .mark = cpu_mark,
    .elapsed = cpu_elapsed,
    .prepare = cpu_prepare,
    .program_free = cpu_program_free,
    .run = cpu_run,
    .wait = cpu_wait,
    .profile = cpu_profile,
    .time = cpu_time,
};
