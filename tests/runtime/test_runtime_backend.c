/* test_runtime_backend.c - what the runtime asks of a backend and of its tactics, seen from a backend made for the test.
 *
 * "fake" is the CPU under another name, with memory that is said not to be the host's, tactics of its own and books of
 * every call. So the path of a GPU is walked (staging, upload, download, imported weights) where there is none, and tactics
 * that pack, want a workspace or work in place are there whatever the CPU backend has.
 */
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
    int    imports, releases, prepares, waits, uploads, downloads;
    size_t uploaded, downloaded;
    int    fail_upload, fail_run, fail_prepare; /* countdowns; 0: never */
} books;

/* ---- tactics */

static bool supports_all(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)
{
    (void)desc;
    (void)device;
    (void)why_not;
    return true;
}

static size_t no_workspace(const fl_op_desc *desc, const fl_device_info *device, int64_t batch)
{
    (void)desc;
    (void)device;
    (void)batch;
    return 0;
}

static floe_status run_ref(const fl_step *step, fl_stream *stream, floe_error *err)
{
    (void)stream;
    if (books.fail_run && --books.fail_run == 0)
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
static size_t packed_bytes(const fl_op_desc *desc)
{
    return sizeof(double) * (size_t)fl_tensor_elements_at(desc->in[1], 1);
}

static floe_status pack(const fl_op_desc *desc, const void *const *consts, fl_buf *out, floe_error *err)
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

static size_t packed_workspace(const fl_op_desc *desc, const fl_device_info *device, int64_t batch)
{
    (void)device;
    return sizeof(double) * (size_t)fl_tensor_elements_at(desc->in[0], batch);
}

static floe_status run_packed(const fl_step *step, fl_stream *stream, floe_error *err)
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

static fl_tactic_list fake_tactics(const fl_device *device, fl_op_kind op)
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

static floe_status fake_open(fl_device **out, const floe_env *env, const char *spec, const fl_device_options *options,
                             floe_error *err)
{
    (void)spec;
    return fl_cpu_backend.open(out, env, "cpu", options, err);
}

static floe_status fake_accepts(const fl_device *device, const char *target, floe_error *err)
{
    (void)device;
    return strcmp(target, "fake-1") ? fl_fail(err, FLOE_ERR_TARGET, "built for %s, this is fake-1", target) : FLOE_OK;
}

static floe_status fake_import(fl_device *device, const void **out, const void *host, size_t bytes, floe_error *err)
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

static void fake_release(fl_device *device, const void *weights)
{
    books.releases++;
    fl_cpu_backend.free(device, (void *)(uintptr_t)weights);
}

static floe_status fake_upload(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err)
{
    (void)stream;
    books.uploads++;
    books.uploaded += bytes;
    if (books.fail_upload && --books.fail_upload == 0)
        return fl_fail(err, FLOE_ERR_DEVICE, "the cable is loose");
    memcpy(dst, src, bytes);
    return FLOE_OK;
}

static floe_status fake_download(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err)
{
    (void)stream;
    (void)err;
    books.downloads++;
    books.downloaded += bytes;
    memcpy(dst, src, bytes);
    return FLOE_OK;
}

static floe_status fake_prepare(fl_program **out, fl_stream *stream, const fl_step *steps, size_t count,
                                floe_error *err)
{
    books.prepares++;
    if (books.fail_prepare && --books.fail_prepare == 0)
        return fl_fail(err, FLOE_ERR_DEVICE, "the device is not in the mood");
    return fl_cpu_backend.prepare(out, stream, steps, count, err);
}

static floe_status fake_wait(fl_stream *stream, floe_error *err)
{
    books.waits++;
    return fl_cpu_backend.wait(stream, err);
}

static fl_backend fake_backend(void)
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
    b.prepare = fake_prepare;
    b.wait = fake_wait;
    return b;
}

/* ---- plans for it */

#define DIMS(...) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define SLOTS(...) (sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)), (const uint32_t[]){__VA_ARGS__}

static const float weights[6] = {1, 2, 3, 4, 5, 6}; /* [3,2] */
static const double packed_weights[6] = {1, 3, 5, 2, 4, 6};

/* x [N,3] times weights [3,2], then relu, as outputs "product" and "y"; batch 1 to 4. */
static fl_plan *product_plan(void)
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
static fl_plan *packed_plan(void)
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

static fl_engine *engine_on(const fl_backend *backend, fl_plan *plan)
{
    fl_engine *engine = NULL;
    floe_error err = {0};

    if (fl_engine_create_on(&engine, NULL, plan, backend, "fake", &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return engine;
}

static void assert_refused_on(const fl_backend *backend, fl_plan *plan, floe_status status, const char *words)
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

static void assert_right(fl_context *context, int64_t batch)
{
    float y[8] = {7, 7, 7, 7, 7, 7, 7, 7};
    void *const bindings[] = {(void *)(uintptr_t)x4, y};
    floe_error err = {0};

    if (fl_context_run(context, batch, bindings, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    for (int64_t i = 0; i < 8; i++)
        assert_true(y[i] == (i < 2 * batch ? y4[i] : 7));
}

/* ---- tests */

static void bindings_travel_where_memory_is_not_the_hosts(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    (void)state;

    books = (struct books){0};
    fl_engine *engine = engine_on(&backend, product_plan());
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    assert_int_equal(books.uploads + books.downloads, 0);
    assert_right(context, 3);
    assert_int_equal(books.uploads, 1);
    assert_int_equal(books.uploaded, 3 * 3 * 4);
    assert_int_equal(books.downloads, 1);
    assert_int_equal(books.downloaded, 3 * 2 * 4);
    assert_true(books.waits > 0);
    /* arena of one tensor [4,2], and both bindings at batch 4 */
    assert_int_equal(fl_context_bytes(context), 64 + 4 * 3 * 4 + 4 * 2 * 4);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void weights_are_imported_once_for_all_contexts(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *a = NULL, *b = NULL;
    (void)state;

    books = (struct books){0};
    fl_engine *engine = engine_on(&backend, product_plan());
    assert_int_equal(fl_context_create(&a, engine, 1, NULL), FLOE_OK);
    assert_int_equal(fl_context_create(&b, engine, 1, NULL), FLOE_OK);
    assert_right(a, 4);
    assert_right(b, 2);
    fl_context_free(a);
    fl_context_free(b);
    assert_int_equal(books.imports, 1);
    assert_int_equal(books.releases, 0);
    fl_engine_free(engine);
    assert_int_equal(books.releases, 1);
}

static void steps_are_prepared_when_the_batch_changes_and_only_then(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    (void)state;

    books = (struct books){0};
    fl_engine *engine = engine_on(&backend, product_plan());
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    assert_int_equal(books.prepares, 1);
    assert_right(context, 2);
    const int first = books.prepares;
    assert_right(context, 2);
    assert_right(context, 2);
    assert_int_equal(books.prepares, first);
    assert_right(context, 3);
    assert_int_equal(books.prepares, first + 1);
    assert_right(context, 2);
    assert_int_equal(books.prepares, first + 2);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void a_failure_on_the_way_is_told_and_does_not_stick(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    float y[8];
    void *const bindings[] = {(void *)(uintptr_t)x4, y};
    floe_error err = {0};
    (void)state;

    books = (struct books){0};
    fl_engine *engine = engine_on(&backend, product_plan());
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    books.fail_upload = 1;
    assert_int_equal(fl_context_run(context, 2, bindings, &err), FLOE_ERR_DEVICE);
    assert_string_equal(err.message, "the cable is loose");
    books.fail_run = 2;
    books.waits = books.downloads = 0;
    assert_int_equal(fl_context_run(context, 2, bindings, &err), FLOE_ERR_DEVICE);
    assert_string_equal(err.message, "the device caught fire");
    assert_true(books.waits > 0); /* nothing is at work any more */
    assert_int_equal(books.downloads, 0);
    assert_right(context, 2);
    assert_right(context, 4);
    books.fail_prepare = 1; /* the dims are those of batch 1 by then; batch 4 must get its own back */
    assert_int_equal(fl_context_run(context, 1, bindings, &err), FLOE_ERR_DEVICE);
    assert_string_equal(err.message, "the device is not in the mood");
    float ones[12];
    for (int i = 0; i < 12; i++)
        ones[i] = 1;
    void *const others[] = {ones, y};
    assert_int_equal(fl_context_run(context, 4, others, NULL), FLOE_OK);
    for (int i = 0; i < 8; i++)
        assert_true(y[i] == (i % 2 ? 12 : 9));
    fl_context_free(context);
    fl_engine_free(engine);
}

static void packed_weights_reach_the_tactic_that_packed_them(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    (void)state;

    fl_engine *engine = engine_on(&backend, packed_plan());
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    for (int64_t batch = 4; batch >= 1; batch--)
        assert_right(context, batch);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void workspace_is_what_the_tactic_of_this_build_wants(void **state)
{
    const fl_backend backend = fake_backend();
    fl_plan *plan = packed_plan();
    fl_context *context = NULL;
    (void)state;

    plan->engines[0].steps[0].workspace_bytes = plan->engines[0].workspace_bytes = 0; /* another build's needed none */
    fl_engine *engine = engine_on(&backend, plan);
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    assert_int_equal(fl_context_bytes(context), 64 + 4 * 3 * 4 + 4 * 2 * 4 + 4 * 3 * sizeof(double));
    assert_right(context, 4);
    fl_context_free(context);
    fl_engine_free(engine);
}

static void packed_weights_of_another_size_are_refused(void **state)
{
    const fl_backend backend = fake_backend();
    fl_plan *plan = packed_plan();
    (void)state;

    plan->engines[0].steps[0].packed_bytes -= 8;
    assert_refused_on(&backend, plan, FLOE_ERR_VERSION, "step 0 'product': 40 bytes of packed weights; this build's tactic "
                                                        "'fake.matmul.f32.packed' has 48");
    plan = packed_plan();
    plan->engines[0].steps[0].packed_bytes = 0;
    assert_refused_on(&backend, plan, FLOE_ERR_VERSION, "0 bytes of packed weights");
    plan = packed_plan();
    plan->engines[0].steps[0].tactic = refs[FL_OP_MATMUL].name; /* it packs nothing, but w is gone */
    assert_refused_on(&backend, plan, FLOE_ERR_FORMAT, "inputs 0x2 are packed; tactic 'fake.matmul.any.ref' packs 0x0");
    plan = packed_plan();
    plan->engines[0].steps[0].taken = 0; /* it would find no data where it expects its own */
    assert_refused_on(&backend, plan, FLOE_ERR_FORMAT, "inputs 0x0 are packed");
    plan = packed_plan();
    plan->engines[0].steps[0].tactic = silent.name;
    assert_refused_on(&backend, plan, FLOE_ERR_VERSION, "does not tell the size");
}

/* Puts the relu's result where its input is. */
static fl_plan *in_place_plan(const char *tactic)
{
    fl_plan *plan = product_plan();
    fl_plan_engine *e = &plan->engines[0];
    fl_plan_tensor *product = &e->tensors[e->steps[0].out[0]], *y = &e->tensors[e->steps[1].out[0]];

    product->place = y->place;
    product->offset = y->offset;
    e->arena_bytes = 0;
    e->steps[1].tactic = tactic;
    return plan;
}

static void working_in_place_is_for_tactics_that_can(void **state)
{
    const fl_backend backend = fake_backend();
    fl_context *context = NULL;
    (void)state;

    fl_engine *engine = engine_on(&backend, in_place_plan(in_place.name));
    assert_int_equal(fl_context_create(&context, engine, 1, NULL), FLOE_OK);
    assert_right(context, 4);
    fl_context_free(context);
    fl_engine_free(engine);
    assert_refused_on(&backend, in_place_plan(refs[FL_OP_UNARY].name), FLOE_ERR_FORMAT,
                      "step 1 'relu': output 0 lies where input 0 does; tactic 'fake.unary.any.ref' cannot work in place");
}

static void the_refusal_of_a_target_is_the_backends_own(void **state)
{
    const fl_backend backend = fake_backend();
    fl_plan *plan = product_plan();
    (void)state;

    strcpy(plan->engines[0].target, "fake-2");
    assert_refused_on(&backend, plan, FLOE_ERR_TARGET, "built for fake-2, this is fake-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bindings_travel_where_memory_is_not_the_hosts),
        cmocka_unit_test(weights_are_imported_once_for_all_contexts),
        cmocka_unit_test(steps_are_prepared_when_the_batch_changes_and_only_then),
        cmocka_unit_test(a_failure_on_the_way_is_told_and_does_not_stick),
        cmocka_unit_test(packed_weights_reach_the_tactic_that_packed_them),
        cmocka_unit_test(workspace_is_what_the_tactic_of_this_build_wants),
        cmocka_unit_test(packed_weights_of_another_size_are_refused),
        cmocka_unit_test(working_in_place_is_for_tactics_that_can),
        cmocka_unit_test(the_refusal_of_a_target_is_the_backends_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
