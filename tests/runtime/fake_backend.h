/* fake_backend.h - a backend made for the tests of the runtime.
 *
 * "fake" is the CPU under another name, with memory that is said not to be the host's, tactics of its own and books of
 * every call. So the path of a GPU is walked (staging, upload, download, imported weights) where there is none, and tactics
 * that pack, want a workspace or work in place are there whatever the CPU backend has. With books.lazy it does nothing
 * before it is waited for, as a GPU may.
 */
#ifndef TESTS_RUNTIME_FAKE_BACKEND_H
#define TESTS_RUNTIME_FAKE_BACKEND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "ledger.h"
#include "plan_maker.h"
#include "runtime/runtime_internal.h"

/* ---- the books; tests of cmocka run one after another */

static struct books {
    int    imports, releases, prepares, waits, uploads, downloads, marks;
    int    pinned; /* blocks of host memory given and not taken back */
    size_t uploaded, downloaded;
    bool   lazy;   /* nothing is done before wait, as far as anyone can see */
    /* countdowns; 0: never */
    int    fail_upload, fail_download, fail_run, fail_prepare, fail_wait, fail_mark, fail_elapsed, fail_alloc, fail_alloc_host;
} books;

static inline bool counts_down(int *countdown) { return *countdown && --*countdown == 0; }

/* What a lazy device still has to do. */
static struct work {
    void       *dst; /* NULL: run the program */
    const void *src;
    size_t      bytes;
    fl_program *program;
} queue[64];
static size_t n_queue;

/* ---- tactics */

static inline bool supports_all(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)
{
    (void)desc;
    (void)device;
    (void)why_not;
    return true;
}

static inline size_t no_workspace(const fl_op_desc *desc, const fl_device_info *device, int64_t batch)
{
    (void)desc;
    (void)device;
    (void)batch;
    return 0;
}

static inline floe_status run_ref(const fl_step *step, fl_stream *stream, floe_error *err)
{
    (void)stream;
    if (counts_down(&books.fail_run))
        return fl_fail(err, FLOE_ERR_DEVICE, "the device caught fire");
    return fl_op_def_of(step->desc->op)->ref(step->desc, step->in, step->out, err);
}

static const fl_tactic refs[FL_OP_COUNT] = {
#define FL_OP(kind, text)                                                                                              \
    [FL_OP_##kind] = {.name = "fake." #text ".any.ref", .op = FL_OP_##kind, .supports = supports_all,                  \
                      .workspace_bytes = no_workspace, .run = run_ref},
#include "op/op.def"
#undef FL_OP
};

/* matmul with b transposed and packed in doubles; rows are gathered in the workspace. */
static inline size_t packed_bytes(const fl_op_desc *desc)
{
    return sizeof(double) * (size_t)fl_tensor_elements_at(desc->in[1], 1);
}

static inline floe_status pack(const fl_op_desc *desc, const void *const *consts, fl_buf *out, floe_error *err)
{
    const int64_t k = desc->in[1]->dim[0], n = desc->in[1]->dim[1];

    (void)err;
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < k; i++) {
            const double v = (double)((const float *)consts[1])[i * n + j];
            fl_put_bytes(out, &v, sizeof v);
        }
    return FLOE_OK;
}

static inline size_t packed_workspace(const fl_op_desc *desc, const fl_device_info *device, int64_t batch)
{
    (void)device;
    return sizeof(double) * (size_t)fl_tensor_elements_at(desc->in[0], batch);
}

static inline floe_status run_packed(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_tensor_desc *a = step->desc->in[0];
    const int64_t m = a->dim[0], k = a->dim[1], n = step->desc->out[0]->dim[1];
    const double *b = step->packed;
    double *rows = step->workspace;

    (void)stream;
    if (step->in[1] || (uintptr_t)b % FL_ALIGN != 0)
        return fl_fail(err, FLOE_ERR_DEVICE, "the taken input has data, or the packed weights are not aligned");
    for (int64_t i = 0; i < m * k; i++)
        rows[i] = (double)((const float *)step->in[0])[i];
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t t = 0; t < k; t++)
                sum += rows[i * k + t] * b[j * k + t];
            ((float *)step->out[0])[i * n + j] = (float)sum;
        }
    return FLOE_OK;
}

static const fl_tactic packed = {.name = "fake.matmul.f32.packed", .op = FL_OP_MATMUL, .supports = supports_all,
                                 .workspace_bytes = packed_workspace, .packs = 2, .pack = pack, .run = run_packed,
                                 .packed_bytes = packed_bytes};
static const fl_tactic silent = {.name = "fake.matmul.f32.silent", .op = FL_OP_MATMUL, .supports = supports_all,
                                 .workspace_bytes = no_workspace, .packs = 2, .pack = pack, .run = run_packed};
static const fl_tactic in_place = {.name = "fake.unary.any.in_place", .op = FL_OP_UNARY, .supports = supports_all,
                                   .workspace_bytes = no_workspace, .in_place = 1, .run = run_ref};

static inline fl_tactic_list fake_tactics(const fl_device *device, fl_op_kind op)
{
    static const fl_tactic *const matmul[] = {&packed, &silent, &refs[FL_OP_MATMUL]};
    static const fl_tactic *const unary[] = {&in_place, &refs[FL_OP_UNARY]};
    static const fl_tactic *const others[FL_OP_COUNT] = {
#define FL_OP(kind, text) [FL_OP_##kind] = &refs[FL_OP_##kind],
#include "op/op.def"
#undef FL_OP
    };

    (void)device;
    if (op == FL_OP_MATMUL)
        return (fl_tactic_list){matmul, 3};
    if (op == FL_OP_UNARY)
        return (fl_tactic_list){unary, 2};
    return (fl_tactic_list){&others[op], 1};
}

/* ---- the backend */

static inline floe_status fake_open(fl_device **out, const floe_env *env, const char *spec, const fl_device_options *options,
                             floe_error *err)
{
    (void)spec;
    return fl_cpu_backend.open(out, env, "cpu", options, err);
}

static inline floe_status fake_accepts(const fl_device *device, const char *target, floe_error *err)
{
    (void)device;
    return strcmp(target, "fake-1") ? fl_fail(err, FLOE_ERR_TARGET, "built for %s, this is fake-1", target) : FLOE_OK;
}

static inline floe_status fake_import(fl_device *device, const void **out, const void *host, size_t bytes, floe_error *err)
{
    void *copy;
    const floe_status st = fl_cpu_backend.alloc(device, &copy, bytes, err);

    if (st != FLOE_OK)
        return st;
    memcpy(copy, host, bytes);
    books.imports++;
    *out = copy;
    return FLOE_OK;
}

static inline void fake_release(fl_device *device, const void *weights)
{
    books.releases++;
    fl_cpu_backend.free(device, (void *)(uintptr_t)weights);
}

static inline void copy_or_queue(void *dst, const void *src, size_t bytes)
{
    if (!books.lazy) {
        memcpy(dst, src, bytes);
        return;
    }
    assert_true(n_queue < sizeof queue / sizeof queue[0]);
    queue[n_queue++] = (struct work){dst, src, bytes, NULL};
}

static inline floe_status fake_upload(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err)
{
    (void)stream;
    books.uploads++;
    books.uploaded += bytes;
    if (counts_down(&books.fail_upload))
        return fl_fail(err, FLOE_ERR_DEVICE, "the cable is loose");
    copy_or_queue(dst, src, bytes);
    return FLOE_OK;
}

static inline floe_status fake_download(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err)
{
    (void)stream;
    books.downloads++;
    books.downloaded += bytes;
    if (counts_down(&books.fail_download))
        return fl_fail(err, FLOE_ERR_DEVICE, "the way back is blocked");
    copy_or_queue(dst, src, bytes);
    return FLOE_OK;
}

static inline floe_status fake_alloc(fl_device *device, void **out, size_t bytes, floe_error *err)
{
    if (counts_down(&books.fail_alloc))
        return fl_fail(err, FLOE_ERR_MEMORY, "out of device memory");
    return fl_cpu_backend.alloc(device, out, bytes, err);
}

static inline floe_status fake_alloc_host(fl_device *device, void **out, size_t bytes, floe_error *err)
{
    if (counts_down(&books.fail_alloc_host))
        return fl_fail(err, FLOE_ERR_MEMORY, "out of pins");
    const floe_status st = fl_cpu_backend.alloc_host(device, out, bytes, err);
    books.pinned += st == FLOE_OK;
    return st;
}

static inline void fake_free_host(fl_device *device, void *memory)
{
    books.pinned--;
    fl_cpu_backend.free_host(device, memory);
}

static inline floe_status fake_mark(fl_stream *stream, int i, floe_error *err)
{
    books.marks++;
    if (counts_down(&books.fail_mark))
        return fl_fail(err, FLOE_ERR_DEVICE, "the pencil is broken");
    return fl_cpu_backend.mark(stream, i, err);
}

static inline floe_status fake_elapsed(fl_stream *stream, int from, int to, uint64_t *ns, floe_error *err)
{
    if (counts_down(&books.fail_elapsed))
        return fl_fail(err, FLOE_ERR_DEVICE, "the clock has stopped");
    return fl_cpu_backend.elapsed(stream, from, to, ns, err);
}

static inline floe_status fake_prepare(fl_program **out, fl_stream *stream, const fl_step *steps, size_t count, int64_t batch,
                                floe_error *err)
{
    books.prepares++;
    if (counts_down(&books.fail_prepare))
        return fl_fail(err, FLOE_ERR_DEVICE, "the device is not in the mood");
    return fl_cpu_backend.prepare(out, stream, steps, count, batch, err);
}

static inline floe_status fake_run(fl_program *program, floe_error *err)
{
    if (!books.lazy)
        return fl_cpu_backend.run(program, err);
    queue[n_queue++] = (struct work){NULL, NULL, 0, program};
    return FLOE_OK;
}

static inline floe_status fake_wait(fl_stream *stream, floe_error *err)
{
    floe_status st = fl_cpu_backend.wait(stream, err);

    books.waits++;
    for (size_t i = 0; i < n_queue && st == FLOE_OK; i++) {
        const struct work *w = &queue[i];
        if (w->dst)
            memcpy(w->dst, w->src, w->bytes);
        else
            st = fl_cpu_backend.run(w->program, err);
    }
    n_queue = 0;
    if (counts_down(&books.fail_wait))
        st = fl_fail(err, FLOE_ERR_DEVICE, "the device never came back");
    return st;
}

static inline fl_backend fake_backend(void)
{
    fl_backend b = fl_cpu_backend;

    b.name = "fake";
    b.host_memory = false;
    b.open = fake_open;
    b.accepts = fake_accepts;
    b.tactics = fake_tactics;
    b.import_weights = fake_import;
    b.release_weights = fake_release;
    b.upload = fake_upload;
    b.download = fake_download;
    b.alloc = fake_alloc;
    b.alloc_host = fake_alloc_host;
    b.free_host = fake_free_host;
    b.mark = fake_mark;
    b.elapsed = fake_elapsed;
    b.prepare = fake_prepare;
    b.run = fake_run;
    b.wait = fake_wait;
    return b;
}

/* ---- plans for it */

#define DIMS(...) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define SLOTS(...) (sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)), (const uint32_t[]){__VA_ARGS__}

static const float weights[6] = {1, 2, 3, 4, 5, 6}; /* [3,2] */
static const double packed_weights[6] = {1, 3, 5, 2, 4, 6};

/* x [N,3] times weights [3,2], then relu, as outputs "product" and "y"; batch 1 to 4. */
static inline fl_plan *product_plan(void)
{
    plan_maker m = plan_maker_begin(NULL, "fake", "fake-1", 4);
    const uint32_t x = plan_maker_input(&m, "x", FL_F32, DIMS(-1, 3));
    const uint32_t w = plan_maker_constant(&m, "w", FL_F32, DIMS(3, 2), weights);
    const uint32_t product = plan_maker_step(&m, "product", FL_OP_MATMUL, NULL, SLOTS(x, w));
    const fl_op_params relu = {.unary = {.func = FL_UNARY_RELU}};

    plan_maker_output(&m, "y", plan_maker_step(&m, "relu", FL_OP_UNARY, &relu, SLOTS(product)));
    return plan_maker_end(&m);
}

/* The same with packed weights. */
static inline fl_plan *packed_plan(void)
{
    fl_plan *plan = product_plan();
    fl_plan_step *s = &plan->engines[0].steps[0];

    s->tactic = packed.name;
    s->taken = 2;
    fl_put_zeros_to(&plan->storage, FL_ALIGN);
    s->packed_offset = plan->storage.size;
    s->packed_bytes = sizeof packed_weights;
    fl_put_bytes(&plan->storage, packed_weights, sizeof packed_weights);
    plan->weights = plan->storage.data;
    plan->weights_bytes = plan->storage.size;
    s->workspace_bytes = plan->engines[0].workspace_bytes = 4 * 3 * sizeof(double);
    return plan;
}

static inline fl_engine *engine_on(const fl_backend *backend, fl_plan *plan)
{
    fl_engine *engine = NULL;
    floe_error err = {0};

    if (fl_engine_create_on(&engine, NULL, plan, backend, "fake", &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return engine;
}

static inline void assert_refused_on(const fl_backend *backend, fl_plan *plan, floe_status status, const char *words)
{
    fl_engine *engine = NULL;
    floe_error err = {0};

    assert_int_equal(fl_engine_create_on(&engine, NULL, plan, backend, "fake", &err), status);
    assert_null(engine);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static const float x4[12] = {1, 0, 0, 0, 1, 0, 0, 0, 1, -1, -1, -1};
static const float y4[8] = {1, 2, 3, 4, 5, 6, 0, 0};

static inline void assert_right(fl_context *context, int64_t batch)
{
    float y[8] = {7, 7, 7, 7, 7, 7, 7, 7};
    void *const bindings[] = {(void *)(uintptr_t)x4, y};
    floe_error err = {0};

    if (fl_context_run(context, batch, bindings, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    for (int64_t i = 0; i < 8; i++)
        assert_true(y[i] == (i < 2 * batch ? y4[i] : 7));
}

#endif
