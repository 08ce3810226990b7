/* test_cuda_driver.c - what can go wrong between floe and NVIDIA's driver: nothing there, too old, an entry point missing,
 * any call failing at any time. Each gets a sentence; nothing crashes, nothing is lost, and the context that was current in
 * the caller's thread is current again. The driver is tests/cuda/fail_cuda.c, so no GPU is needed and no kernel runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/cuda/cuda.h"
#include "ledger.h"
#include "plan_maker.h"
#include "runtime/runtime_internal.h"

static const fl_backend *const cuda = &fl_cuda_backend;

/* ---- the failing driver */

static char driver_path[1024];
static int (*live)(void), (*depth)(void), (*hits)(void);
static void (*reset)(void);

static void *find_symbol(void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    assert_non_null(symbol);
    return symbol;
}

static int open_failing_driver(void **state)
{
    const ssize_t n = readlink("/proc/self/exe", driver_path, sizeof driver_path - 32);
    (void)state;

    assert_true(n > 0);
    driver_path[n] = '\0';
    strcpy(strrchr(driver_path, '/') + 1, "fail_cuda.so");
    void *library = dlopen(driver_path, RTLD_NOW | RTLD_NODELETE);
    if (!library)
        fail_msg("%s", dlerror());
    void *symbols[] = {find_symbol(library, "fail_cuda_live"), find_symbol(library, "fail_cuda_depth"),
                       find_symbol(library, "fail_cuda_hits"), find_symbol(library, "fail_cuda_reset")};
    memcpy(&live, &symbols[0], sizeof live);
    memcpy(&depth, &symbols[1], sizeof depth);
    memcpy(&hits, &symbols[2], sizeof hits);
    memcpy(&reset, &symbols[3], sizeof reset);
    dlclose(library);
    return 0;
}

/* Before each test: a driver without faults. */
static int all_well(void **state)
{
    static const char *const names[] = {"FAIL_CUDA_MISSING", "FAIL_CUDA_ENTRY",   "FAIL_CUDA_CALL",      "FAIL_CUDA_CODE",
                                        "FAIL_CUDA_VERSION", "FAIL_CUDA_DEVICES", "FAIL_CUDA_CAPABILITY"};
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("FLOE_CUDA_DRIVER", driver_path, 1);
    reset();
    return 0;
}

static void set_number(const char *name, int value)
{
    char text[16];

    snprintf(text, sizeof text, "%d", value);
    setenv(name, text, 1);
}

/* From now on the call-th call of that entry fails with the code. */
static void let_fail(const char *entry, int call, int code)
{
    reset();
    setenv("FAIL_CUDA_ENTRY", entry, 1);
    set_number("FAIL_CUDA_CALL", call);
    set_number("FAIL_CUDA_CODE", code);
}

static const char *const entries[] = {
#define FL_CUDA_ENTRY(need, name, version, parameters) #name,
#include "backend/cuda/cuda_driver.def"
#undef FL_CUDA_ENTRY
};
#define N_ENTRIES (sizeof entries / sizeof entries[0])

/* FL_WANTED ones */
static bool is_optional(const char *entry)
{
    enum { FL_WANTED, FL_NEEDED };
    static const bool needed[] = {
#define FL_CUDA_ENTRY(need, name, version, parameters) need,
#include "backend/cuda/cuda_driver.def"
#undef FL_CUDA_ENTRY
    };

    for (size_t i = 0; i < N_ENTRIES; i++)
        if (!strcmp(entries[i], entry))
            return !needed[i];
    return false;
}

static bool is_one_of(const char *entry, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(*list, entry))
            return true;
    return false;
}

static void assert_said(const floe_error *err, const char *words)
{
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
}

static void assert_ok(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK)
        fail_msg("%s", err->message);
}

/* ---- opening */

static void assert_refused(const char *spec, const fl_device_options *options, floe_status status, const char *words)
{
    fl_device *device = NULL;
    floe_error err = {0};

    assert_int_equal(cuda->open(&device, NULL, spec, options, &err), status);
    assert_null(device);
    assert_int_equal(err.status, status);
    assert_said(&err, words);
    assert_int_equal(live(), 0);
    assert_int_equal(depth(), 0);
}

static void without_a_driver_the_sentence_says_what_to_install(void **state)
{
    (void)state;
    setenv("FLOE_CUDA_DRIVER", "/nowhere/libcuda.so.1", 1);
    assert_refused("cuda", NULL, FLOE_ERR_DEVICE, "no NVIDIA driver on this machine: /nowhere/libcuda.so.1");
    assert_refused("cuda", NULL, FLOE_ERR_DEVICE, "install the driver, release 5");
    assert_refused("cuda", NULL, FLOE_ERR_DEVICE, "with a target such as sm_90");
    setenv("FLOE_CUDA_DRIVER", "libm.so.6", 1); /* a library, but not the driver */
    assert_refused("cuda", NULL, FLOE_ERR_DEVICE, "libm.so.6 has no cuGetProcAddress_v2, so it is of a driver older than CUDA 12.0");
}

static void an_old_driver_is_refused_with_both_versions(void **state)
{
    (void)state;
    set_number("FAIL_CUDA_VERSION", 11080);
    assert_refused("cuda", NULL, FLOE_ERR_DEVICE, "the NVIDIA driver is for CUDA 11.8; floe needs one for CUDA 12.0 or newer");
    setenv("FAIL_CUDA_MISSING", "cuLibraryLoadData", 1); /* which such a driver does not have: the reason goes first */
    assert_refused("cuda", NULL, FLOE_ERR_DEVICE, "the NVIDIA driver is for CUDA 11.8");
}

static void kernels_that_are_too_new_for_the_driver_are_told_from_other_failures(void **state)
{
    static const int codes[] = {200, 209, 218, 222};
    (void)state;
    set_number("FAIL_CUDA_VERSION", 12000); /* new enough for floe, not for kernels of CUDA 13 */
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        let_fail("cuLibraryLoadData", 2, codes[i]);
        assert_refused("cuda", NULL, FLOE_ERR_DEVICE, "(as the test wished); this floe");
        assert_int_equal(hits(), 1);
    }
    let_fail("cuLibraryLoadData", 1, 209);
    set_number("FAIL_CUDA_VERSION", 99000);
    assert_refused("cuda", NULL, FLOE_ERR_DEVICE, "this floe has no kernels that this GPU can run");
}

static void a_missing_entry_point_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ENTRIES; i++) {
        setenv("FAIL_CUDA_MISSING", entries[i], 1);
        if (is_optional(entries[i])) {
            fl_device *device = NULL;
            floe_error err = {0};
            assert_ok(cuda->open(&device, NULL, "cuda", NULL, &err), &err);
            cuda->close(device);
        } else {
            char words[100];
            snprintf(words, sizeof words, " has no %s of CUDA ", entries[i]);
            assert_refused("cuda", NULL, FLOE_ERR_DEVICE, words);
        }
    }
}

static void what_cuInit_says_is_told_with_an_advice(void **state)
{
    static const struct {
        int         code;
        const char *words;
    } rows[] = {
        {100, "CUDA_VISIBLE_DEVICES"},       {803, "restart the machine"},  {34, "stub"},
        {802, "fabric manager"},             {804, "data center GPUs only"}, {999, "/dev/nvidia-uvm"},
        {3, "cuInit): CUDA_ERROR_ON_DEMAND, 3 (as the test wished)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        let_fail("cuInit", 1, rows[i].code);
        assert_refused("cuda", NULL, FLOE_ERR_DEVICE, rows[i].words);
    }
}

static void a_gpu_that_is_not_there_is_refused_with_the_number_there_are(void **state)
{
    (void)state;
    assert_refused("cuda:2", NULL, FLOE_ERR_ARGUMENT, "device 'cuda:2': there are 2 GPUs, cuda:0 and following");
    set_number("FAIL_CUDA_DEVICES", 1);
    assert_refused("cuda:1", NULL, FLOE_ERR_ARGUMENT, "device 'cuda:1': there is 1 GPU, cuda:0");
    set_number("FAIL_CUDA_DEVICES", 0);
    assert_refused("cuda", NULL, FLOE_ERR_DEVICE, "shows this process no GPU");
    static const char *const names[] = {"cuda:", "cuda:-1", "cuda:x", "cuda:1x", "cuda: 1", "cuda:99999", "cuda:1:1", "cudas"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_refused(names[i], NULL, FLOE_ERR_ARGUMENT, "a GPU is named cuda, or cuda:1 by its number");
}

static void gpus_before_turing_are_refused(void **state)
{
    (void)state;
    set_number("FAIL_CUDA_CAPABILITY", 70);
    assert_refused("cuda", NULL, FLOE_ERR_UNSUPPORTED, "Paper GPU 0, has compute capability 7.0; floe has kernels for 7.5");
    set_number("FAIL_CUDA_CAPABILITY", 75);
    fl_device *device = NULL;
    floe_error err = {0};
    assert_ok(cuda->open(&device, NULL, "cuda", NULL, &err), &err);
    cuda->close(device);
}

static void a_gpu_describes_itself(void **state)
{
    fl_device *device = NULL;
    fl_device_info info;
    floe_error err = {0};
    (void)state;

    assert_ok(cuda->open(&device, NULL, "cuda:1", NULL, &err), &err);
    cuda->describe(device, &info);
    assert_string_equal(info.target, "sm_90");
    assert_string_equal(info.name, "Paper GPU 1, driver 13000");
    assert_int_equal(info.isa, 90);
    assert_int_equal(info.units, 4);
    assert_int_equal(info.l2_bytes, 1 << 20);
    assert_int_equal(info.shared_bytes, 227 << 10);
    assert_true(info.tf32); /* at load whatever a plan names is allowed */
    assert_int_equal(info.sources, (1 << FL_SOURCE_COUNT) - 1);
    cuda->close(device);
    const fl_device_options options = {.sources = 1u << FL_SOURCE_OWN};
    assert_ok(cuda->open(&device, NULL, "cuda:0", &options, &err), &err);
    cuda->describe(device, &info);
    assert_string_equal(info.name, "Paper GPU 0, driver 13000");
    assert_false(info.tf32);
    assert_int_equal(info.sources, 1 << FL_SOURCE_OWN);
    cuda->close(device);
    assert_int_equal(live(), 0);
    const fl_device_options isa = {.isa = "avx2"};
    assert_refused("cuda", &isa, FLOE_ERR_ARGUMENT, "an ISA level ('avx2') is for the CPU");
}

/* ---- targets without a GPU */

static void a_target_needs_neither_gpu_nor_driver(void **state)
{
    static const int known[] = {75, 80, 86, 87, 89, 90, 100, 110, 120};
    (void)state;

    setenv("FLOE_CUDA_DRIVER", "/nowhere/libcuda.so.1", 1);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char target[16];
        snprintf(target, sizeof target, "sm_%d", known[i]);
        const fl_device_options options = {.target = target};
        fl_device *device = NULL;
        fl_stream *stream = NULL;
        fl_device_info info;
        floe_error err = {0};
        const void *weights = NULL;
        void *memory = NULL;
        assert_ok(cuda->open(&device, NULL, "cuda", &options, &err), &err);
        cuda->describe(device, &info);
        assert_string_equal(info.target, target);
        assert_int_equal(info.isa, known[i]);
        assert_true(info.units > 0 && info.shared_bytes >= 64 << 10 && info.l2_bytes >= 1 << 20 && info.name[0]);
        assert_true(cuda->tactics(device, FL_OP_UNARY).count > 0);
        assert_int_equal(cuda->alloc(device, &memory, 1, &err), FLOE_ERR_DEVICE);
        assert_said(&err, "engines can be built for it, and nothing runs on it");
        assert_int_equal(cuda->alloc_host(device, &memory, 1, &err), FLOE_ERR_DEVICE);
        assert_int_equal(cuda->import_weights(device, &weights, target, 1, &err), FLOE_ERR_DEVICE);
        assert_int_equal(cuda->stream_open(&stream, device, 0, &err), FLOE_ERR_DEVICE);
        assert_null(memory);
        assert_null(weights);
        assert_null(stream);
        cuda->close(device);
    }
    static const char *const unknown[] = {"sm_70", "sm_99", "sm_9", "sm_0900", "sm_90a", "sm_", "90", "", "SM_90", "sm_4294967386"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        const fl_device_options options = {.target = unknown[i]};
        assert_refused("cuda", &options, FLOE_ERR_ARGUMENT,
                       "engines can be built for sm_75, sm_80, sm_86, sm_87, sm_89, sm_90, sm_100, sm_110, sm_120");
    }
}

/* ---- which plans */

static char warned[512];

static void remember(void *user, floe_severity severity, const char *line)
{
    (void)user;
    if (severity == FLOE_SEVERITY_WARNING)
        snprintf(warned, sizeof warned, "%s", line);
}

static void plans_of_other_gpus_run_with_a_warning_and_of_no_gpu_not(void **state)
{
    const floe_env env = {.log = remember, .log_severity = FLOE_SEVERITY_WARNING};
    static const char *const wrong[] = {"x86-64-avx2", "sm_", "sm_9x", "sm_70", ""};
    fl_device *device = NULL;
    floe_error err = {0};
    (void)state;

    assert_ok(cuda->open(&device, &env, "cuda", NULL, &err), &err);
    warned[0] = 0;
    assert_ok(cuda->accepts(device, "sm_90", &err), &err);
    assert_string_equal(warned, "");
    assert_ok(cuda->accepts(device, "sm_80", &err), &err);
    assert_non_null(strstr(warned, "Built for sm_80, this is sm_90 (Paper GPU 0"));
    assert_non_null(strstr(warned, "floe retune"));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(cuda->accepts(device, wrong[i], &err), FLOE_ERR_TARGET);
        assert_said(&err, "which is no GPU that floe knows; this is sm_90");
    }
    cuda->close(device);
}

static void an_engine_is_loaded_on_the_gpu_that_is_named(void **state)
{
    plan_maker m = plan_maker_begin(NULL, "cuda", "sm_90", 2);
    const uint32_t x = plan_maker_input(&m, "x", FL_F32, 2, (int64_t[]){-1, 8});
    const fl_op_params relu = {.unary = {.func = FL_UNARY_RELU}};
    fl_engine *engine = NULL;
    fl_context *context = NULL;
    fl_device *offline = NULL;
    fl_device_info info;
    floe_error err = {0};
    (void)state;

    plan_maker_output(&m, "y", plan_maker_step(&m, "relu", FL_OP_UNARY, &relu, 1, &x));
    const fl_device_options options = {.target = "sm_90"};
    assert_ok(cuda->open(&offline, NULL, "cuda", &options, &err), &err);
    plan_maker_tactic(&m, cuda->tactics(offline, FL_OP_UNARY).items[0]->name, 0, NULL, 0, 0);
    cuda->close(offline);
    fl_plan *plan = plan_maker_end(&m);
    assert_ok(fl_engine_create(&engine, NULL, plan, "cuda:1", &err), &err);
    cuda->describe(engine->device, &info);
    assert_string_equal(info.name, "Paper GPU 1, driver 13000");
    assert_ok(fl_context_create(&context, engine, 0, &err), &err);
    float in[16] = {0}, out[16];
    void *bindings[] = {in, out};
    for (int64_t batch = 1; batch <= 2; batch++)
        assert_ok(fl_context_run(context, batch, bindings, &err), &err);
    fl_context_free(context);
    fl_engine_free(engine);
    assert_int_equal(live(), 0);
    assert_int_equal(depth(), 0);
}

/* ---- every call may fail */

/* A tactic with all that a tactic may do: copies, clears, and two kernels, one with much shared memory. */
static floe_status run_all_kinds(const fl_step *step, fl_stream *stream, floe_error *err)
{
    floe_status st = FLOE_OK;
    const struct { const void *x; } args = {step->in[0]};
    const fl_cuda_grid small = {1, 1, 1, 32, 0}, large = {3, 1, 1, 256, 100 << 10}, empty = {0, 1, 1, 32, 0};
    const CUdeviceptr in = (CUdeviceptr)(uintptr_t)step->in[0], out = (CUdeviceptr)(uintptr_t)step->out[0];

    FL_TRY(FL_CUDA_LAUNCH(stream, "missing_but_empty", &empty, &args, err));
    FL_TRY(FL_CUDA_LAUNCH(stream, "some_kernel", &small, &args, err));
    FL_CUDA(stream->device, "copying", cuMemcpyDtoDAsync(out, in, 4, stream->stream), err);
    FL_CUDA(stream->device, "clearing", cuMemsetD8Async(out, 0, 4, stream->stream), err);
    FL_TRY(FL_CUDA_LAUNCH(stream, "some_other_kernel", &large, &args, err));
done:
    return st;
}

static const fl_tactic all_kinds = {.name = "cuda.unary.any.test", .op = FL_OP_UNARY, .run = run_all_kinds};

typedef struct world {
    fl_device  *device;
    fl_stream  *stream;
    fl_program *program;
    void       *x, *y, *host;
    const void *weights;
    fl_tensor_desc desc;
    fl_tensor_desc *slots[1];
    fl_op_desc  op;
    const void *in[1];
    void       *out[1];
    fl_step     steps[2];
} world;

static void leave_world(world *w)
{
    cuda->program_free(w->program);
    cuda->stream_close(w->stream);
    if (w->device) {
        cuda->release_weights(w->device, w->weights);
        cuda->free(w->device, w->x);
        cuda->free(w->device, w->y);
        cuda->free_host(w->device, w->host);
    }
    cuda->close(w->device);
}

static floe_status open_world(world *w, const floe_env *env, floe_error *err)
{
    floe_status st = FLOE_OK;
    const int64_t dim[1] = {1000};

    *w = (world){0};
    FL_TRY(cuda->open(&w->device, env, "cuda", NULL, err));
    FL_TRY(cuda->alloc(w->device, &w->x, 4000, err));
    FL_TRY(cuda->alloc(w->device, &w->y, 4000, err));
    FL_TRY(cuda->alloc_host(w->device, &w->host, 4000, err));
    FL_TRY(cuda->import_weights(w->device, &w->weights, driver_path, sizeof driver_path, err));
    FL_TRY(cuda->stream_open(&w->stream, w->device, 0, err));
    w->desc = fl_tensor_make(FL_F32, 1, dim);
    w->slots[0] = &w->desc;
    w->op = (fl_op_desc){.op = FL_OP_UNARY, .n_in = 1, .n_out = 1, .in = w->slots, .out = w->slots};
    w->in[0] = w->x;
    w->out[0] = w->y;
    w->steps[0] = w->steps[1] = (fl_step){.desc = &w->op, .tactic = &all_kinds, .in = w->in, .out = w->out};
done:
    return st;
}

static floe_status live_in_it(world *w, floe_error *err)
{
    floe_status st = FLOE_OK;
    uint64_t ns, times[2];

    memset(w->host, 1, 4000);
    FL_TRY(cuda->mark(w->stream, 0, err));
    FL_TRY(cuda->upload(w->stream, w->x, w->host, 4000, err));
    FL_TRY(cuda->prepare(&w->program, w->stream, w->steps, 2, 1, err));
    FL_TRY(cuda->prepare(&w->program, w->stream, w->steps, 2, 2, err));
    FL_TRY(cuda->run(w->program, err));
    FL_TRY(cuda->download(w->stream, w->host, w->y, 4000, err));
    FL_TRY(cuda->mark(w->stream, 3, err));
    FL_TRY(cuda->wait(w->stream, err));
    FL_TRY(cuda->elapsed(w->stream, 0, 3, &ns, err));
    assert_int_equal(ns, 250000);
    FL_TRY(cuda->profile(w->program, times, err));
    FL_TRY(cuda->time(w->stream, &w->steps[0], &ns, err));
    assert_true(ns > 0);
done:
    return st;
}

static floe_status whole_life(const floe_env *env, floe_error *err)
{
    world w;
    floe_status st = open_world(&w, env, err);

    if (st == FLOE_OK)
        st = live_in_it(&w, err);
    leave_world(&w);
    return st;
}

/* What gives back: a failure there is nobody's business. */
static const char *const giving_back[] = {
    "cuDevicePrimaryCtxRelease", "cuCtxPopCurrent",    "cuLibraryUnload", "cuMemFree", "cuMemFreeHost", "cuStreamDestroy",
    "cuEventDestroy",            "cuGraphExecDestroy", "cuGraphDestroy",  NULL,
};
/* Asked only after something else has failed. */
static const char *const after_failures[] = {"cuGetErrorName", "cuGetErrorString", "cuMemGetInfo", NULL};
/* Also called on the way out, where their failures do not count, but may leave something behind. */
static const char *const on_the_way_out[] = {"cuCtxPushCurrent", "cuStreamSynchronize", NULL};

static void a_whole_life_leaves_nothing_behind(void **state)
{
    ledger l;
    const floe_env env = ledger_env(&l, 1000000);
    floe_error err = {0};
    (void)state;

    assert_ok(whole_life(&env, &err), &err);
    assert_int_equal(live(), 0);
    assert_int_equal(depth(), 0);
    assert_int_equal(atomic_load(&l.live), 0);
}

static void fail_each_call_of(const char *entry, int code)
{
    for (int call = 1; call < 2000; call += call < 40 ? 1 : 37) {
        ledger l;
        const floe_env env = ledger_env(&l, 1000000);
        floe_error err = {0};
        let_fail(entry, call, code);
        const floe_status st = whole_life(&env, &err);
        assert_int_equal(atomic_load(&l.live), 0);
        if (hits() == 0) {
            assert_ok(st, &err);
            assert_true(call > 1 || is_one_of(entry, after_failures));
            break;
        }
        if (is_one_of(entry, giving_back)) {
            assert_ok(st, &err);
            continue;
        }
        if (st == FLOE_OK && is_one_of(entry, on_the_way_out))
            continue;
        if (st == FLOE_OK)
            fail_msg("call %d of %s failed, and nobody noticed", call, entry);
        assert_true(st == FLOE_ERR_DEVICE);
        if (strcmp(entry, "cuDriverGetVersion") != 0) /* its sentence is its own */
            assert_said(&err, "CUDA_ERROR_ON_DEMAND");
        assert_int_equal(depth(), 0);
        if (!is_one_of(entry, on_the_way_out))
            assert_int_equal(live(), 0);
    }
    reset();
}

static void every_call_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ENTRIES; i++)
        fail_each_call_of(entries[i], 999);
}

static void every_call_may_find_the_context_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ENTRIES; i++)
        fail_each_call_of(entries[i], 719);
}

static void every_allocation_of_the_host_may_fail(void **state)
{
    (void)state;
    for (long k = 0;; k++) {
        ledger l;
        const floe_env env = ledger_env(&l, k);
        floe_error err = {0};
        reset();
        const floe_status st = whole_life(&env, &err);
        assert_int_equal(atomic_load(&l.live), 0);
        assert_int_equal(live(), 0);
        assert_int_equal(depth(), 0);
        if (st == FLOE_OK) {
            assert_true(k > 3);
            break;
        }
        assert_int_equal(st, FLOE_ERR_MEMORY);
        assert_said(&err, "out of memory");
    }
}

/* ---- single failures worth a look */

static void out_of_memory_says_how_much_there_is_and_is_survived(void **state)
{
    world w;
    floe_error err = {0};
    void *memory = NULL;
    const void *weights = NULL;
    (void)state;

    assert_ok(open_world(&w, NULL, &err), &err);
    setenv("FAIL_CUDA_CODE", "2", 1);
    setenv("FAIL_CUDA_CALL", "1", 1);
    setenv("FAIL_CUDA_ENTRY", "cuMemAlloc", 1);
    assert_int_equal(cuda->alloc(w.device, &memory, 5555, &err), FLOE_ERR_MEMORY);
    assert_null(memory);
    assert_said(&err, "out of memory on Paper GPU 0, driver 13000: 5555 bytes wanted, 12345678 of 87654321 are free");
    assert_ok(cuda->alloc(w.device, &memory, 5555, &err), &err); /* the second call */
    cuda->free(w.device, memory);
    setenv("FAIL_CUDA_CALL", "3", 1);
    assert_int_equal(cuda->import_weights(w.device, &weights, driver_path, 100, &err), FLOE_ERR_MEMORY);
    assert_said(&err, "100 bytes of weights: out of memory on Paper GPU 0");
    assert_null(weights);
    assert_ok(live_in_it(&w, &err), &err);
    leave_world(&w);
    let_fail("cuMemHostAlloc", 1, 2);
    assert_int_equal(whole_life(NULL, &err), FLOE_ERR_MEMORY);
    assert_said(&err, "4000 bytes of pinned host memory wanted");
    assert_int_equal(live(), 0);
}

static void a_lost_context_is_told_from_then_on(void **state)
{
    static const int lost[] = {214, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719}, kept[] = {1, 2, 201, 701, 999};
    (void)state;

    for (size_t i = 0; i < sizeof lost / sizeof lost[0] + sizeof kept / sizeof kept[0]; i++) {
        const bool is_lost = i < sizeof lost / sizeof lost[0];
        world w;
        floe_error err = {0};
        void *memory = NULL;
        all_well(NULL);
        assert_ok(open_world(&w, NULL, &err), &err);
        set_number("FAIL_CUDA_CODE", is_lost ? lost[i] : kept[i - sizeof lost / sizeof lost[0]]);
        setenv("FAIL_CUDA_ENTRY", "cuStreamSynchronize", 1);
        assert_int_not_equal(cuda->wait(w.stream, &err), FLOE_OK);
        assert_said(&err, "waiting for the GPU: CUDA_ERROR_ON_DEMAND");
        unsetenv("FAIL_CUDA_ENTRY");
        if (is_lost) {
            assert_int_equal(cuda->alloc(w.device, &memory, 100, &err), FLOE_ERR_DEVICE);
            assert_said(&err, "met an error that ends its use by this process; restart the process");
        } else {
            assert_ok(live_in_it(&w, &err), &err);
        }
        leave_world(&w);
        assert_int_equal(live(), 0);
        assert_int_equal(depth(), 0);
    }
}

static floe_status run_unknown_kernel(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const struct { const void *x; } args = {step->in[0]};
    const fl_cuda_grid grid = {1, 1, 1, 32, 0};

    return FL_CUDA_LAUNCH(stream, "missing_kernel", &grid, &args, err);
}

static floe_status run_large_grid(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const struct { const void *x; } args = {step->in[0]};
    const fl_cuda_grid grid = {1, 65536, 1, 32, 0};

    return FL_CUDA_LAUNCH(stream, "some_kernel", &grid, &args, err);
}

static void a_failing_tactic_leaves_the_stream_usable(void **state)
{
    static const fl_tactic unknown = {.name = "cuda.unary.any.unknown", .op = FL_OP_UNARY, .run = run_unknown_kernel};
    static const fl_tactic large = {.name = "cuda.unary.any.large", .op = FL_OP_UNARY, .run = run_large_grid};
    world w;
    floe_error err = {0};
    uint64_t ns;
    (void)state;

    assert_ok(open_world(&w, NULL, &err), &err);
    w.steps[1].tactic = &unknown;
    assert_int_equal(cuda->prepare(&w.program, w.stream, w.steps, 2, 1, &err), FLOE_ERR_NOT_FOUND);
    assert_null(w.program);
    assert_said(&err, "tactic 'cuda.unary.any.unknown': kernel 'missing_kernel': none of the ");
    w.steps[1].tactic = &large;
    assert_int_equal(cuda->prepare(&w.program, w.stream, w.steps, 2, 1, &err), FLOE_ERR_LIMIT);
    assert_said(&err, "a grid of 1 x 65536 x 1 blocks of 32 threads");
    assert_int_equal(cuda->time(w.stream, &w.steps[1], &ns, &err), FLOE_ERR_LIMIT);
    assert_said(&err, "timing 'cuda.unary.any.large'");
    w.steps[1].tactic = &all_kinds;
    assert_ok(live_in_it(&w, &err), &err);
    /* A batch that cannot be prepared does not run, and those before it do again. */
    w.steps[1].tactic = &unknown;
    assert_int_equal(cuda->prepare(&w.program, w.stream, w.steps, 2, 3, &err), FLOE_ERR_NOT_FOUND);
    assert_int_equal(cuda->run(w.program, &err), FLOE_ERR_DEVICE);
    assert_said(&err, "not prepared");
    assert_ok(cuda->prepare(&w.program, w.stream, w.steps, 2, 2, &err), &err);
    assert_ok(cuda->run(w.program, &err), &err);
    leave_world(&w);
    assert_int_equal(live(), 0);
}

static void one_graph_is_kept_for_each_batch_up_to_a_limit(void **state)
{
    world w;
    floe_error err = {0};
    (void)state;

    assert_ok(open_world(&w, NULL, &err), &err);
    const int before = live();
    for (int round = 0; round < 3; round++)
        for (int64_t batch = 1; batch <= 3; batch++) {
            assert_ok(cuda->prepare(&w.program, w.stream, w.steps, 2, batch, &err), &err);
            assert_ok(cuda->run(w.program, &err), &err);
        }
    assert_int_equal(live(), before + 3);
    for (int64_t batch = 1; batch <= 200; batch++)
        assert_ok(cuda->prepare(&w.program, w.stream, w.steps, 2, batch, &err), &err);
    assert_int_equal(live(), before + 64);
    assert_ok(cuda->prepare(&w.program, w.stream, w.steps, 1, 200, &err), &err); /* other steps: none of them serves */
    assert_int_equal(live(), before + 1);
    leave_world(&w);
    assert_int_equal(live(), 0);
}

/* ---- small helps that need no GPU */

static void division_by_multiplication_is_exact(void **state)
{
    static const int64_t divisors[] = {1, 2, 3, 5, 7, 10, 49, 56, 64, 112, 224, 641, 65535, 65536, 65537, 12544, 1000003,
                                       (1 << 30) - 1, 1 << 30, (1 << 30) + 1, 2147483646, 2147483647};
    (void)state;
    for (size_t i = 0; i < sizeof divisors / sizeof divisors[0]; i++) {
        const uint64_t d = (uint64_t)divisors[i];
        const fl_divisor v = fl_cuda_divisor((int64_t)d);
        uint32_t state_of_n = 1;
        for (int k = 0; k < 20000; k++) {
            state_of_n = state_of_n * 1664525u + 1013904223u;
            const uint64_t near = state_of_n / d * d; /* a multiple, and its neighbours */
            const uint64_t ns[] = {(uint64_t)k, state_of_n >> 1, 2147483647u - (uint64_t)k, near, near + d - 1, near ? near - 1 : 0};
            for (size_t j = 0; j < sizeof ns / sizeof ns[0]; j++) {
                const uint32_t n = (uint32_t)(ns[j] & 0x7fffffff);
                const uint32_t q = ((uint32_t)((uint64_t)n * v.magic >> 32) + n) >> v.shift; /* as device.cuh does */
                assert_int_equal(q, n / d);
            }
        }
    }
}

static void costs_grow_with_work_and_fall_with_better_gpus(void **state)
{
    const int64_t x[] = {-1, 56, 56, 64}, w[] = {3, 3, 64, 64};
    fl_tensor_desc xd = fl_tensor_make(FL_F16, 4, x), wd = fl_tensor_make(FL_F16, 4, w), yd = fl_tensor_make(FL_F16, 4, x);
    fl_tensor_desc *in[] = {&xd, &wd, NULL, NULL}, *out[] = {&yd};
    const fl_op_desc d = {.op = FL_OP_CONV2D, .p.conv = {.stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}, .groups = 1},
                          .n_in = 4, .n_out = 1, .in = in, .out = out};
    const fl_device_options old = {.target = "sm_75"}, new = {.target = "sm_90"};
    fl_device *a = NULL, *b = NULL;
    fl_device_info t4, h100;
    floe_error err = {0};
    (void)state;

    wd.constant = true;
    assert_ok(cuda->open(&a, NULL, "cuda", &old, &err), &err);
    assert_ok(cuda->open(&b, NULL, "cuda", &new, &err), &err);
    cuda->describe(a, &t4);
    cuda->describe(b, &h100);
    const uint64_t one = fl_cuda_cost(&d, &h100, 1, 1, 1), many = fl_cuda_cost(&d, &h100, 128, 1, 1);
    assert_in_range(one, 1000, 3000);      /* a launch and next to nothing */
    assert_in_range(many, 30000, 100000);  /* 29.6 GFLOP at 790 T/s are 37 us */
    assert_true(fl_cuda_cost(&d, &t4, 128, 1, 1) > 5 * many);
    assert_true(fl_cuda_cost(&d, &h100, 128, 2, 1) > 3 * many / 2);
    xd.dtype = yd.dtype = FL_F32;
    assert_true(fl_cuda_cost(&d, &h100, 128, 1, 1) > 5 * many); /* no tensor cores */
    cuda->close(a);
    cuda->close(b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, all_well)
    const struct CMUnitTest tests[] = {
        TEST(without_a_driver_the_sentence_says_what_to_install),
        TEST(an_old_driver_is_refused_with_both_versions),
        TEST(kernels_that_are_too_new_for_the_driver_are_told_from_other_failures),
        TEST(a_missing_entry_point_is_named),
        TEST(what_cuInit_says_is_told_with_an_advice),
        TEST(a_gpu_that_is_not_there_is_refused_with_the_number_there_are),
        TEST(gpus_before_turing_are_refused),
        TEST(a_gpu_describes_itself),
        TEST(a_target_needs_neither_gpu_nor_driver),
        TEST(plans_of_other_gpus_run_with_a_warning_and_of_no_gpu_not),
        TEST(an_engine_is_loaded_on_the_gpu_that_is_named),
        TEST(a_whole_life_leaves_nothing_behind),
        TEST(every_call_may_fail),
        TEST(every_call_may_find_the_context_lost),
        TEST(every_allocation_of_the_host_may_fail),
        TEST(out_of_memory_says_how_much_there_is_and_is_survived),
        TEST(a_lost_context_is_told_from_then_on),
        TEST(a_failing_tactic_leaves_the_stream_usable),
        TEST(one_graph_is_kept_for_each_batch_up_to_a_limit),
        TEST(division_by_multiplication_is_exact),
        TEST(costs_grow_with_work_and_fall_with_better_gpus),
    };
    return cmocka_run_group_tests(tests, open_failing_driver, NULL);
}
