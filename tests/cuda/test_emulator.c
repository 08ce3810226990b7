/* test_emulator.c - the emulator that runs floe's CUDA kernels on the CPU (emulate.h, emulate_run.cpp, fake_cuda.cpp):
 * does each word of device.cuh mean there what it means on a GPU, and are broken kernels and broken host code reported?
 *
 * The kernels are in emulator_kernels.cu. What must end the process is run in a child whose last words are read.
 */
#include "backend/cuda/cuda_driver.h"
#include "emulator_args.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static fl_cuda_driver cu;
static CUstream       stream;
static CUlibrary      library;
static size_t (*living)(void);

#define OK(call) assert_int_equal((call), 0)

static int open_driver(void **state)
{
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    CUresult (*get)(const char *, void **, int, uint64_t, int *);
    (void)state;
    if (n < 0)
        return -1;
    path[n] = 0;
    strcpy(strrchr(path, '/') + 1, "libcuda_emulated.so");
    cu.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!cu.library) {
        fprintf(stderr, "%s\n", dlerror());
        return -1;
    }
    *(void **)&get = dlsym(cu.library, "cuGetProcAddress_v2");
    *(void **)&living = dlsym(cu.library, "fake_cuda_living");
#define FL_CUDA_ENTRY(need, name, version, parameters)       \
    if (get(#name, (void **)&cu.name, 13000, 0, NULL) != 0)  \
        fprintf(stderr, "the emulated driver has no " #name "\n");
#include "backend/cuda/cuda_driver.def"
#undef FL_CUDA_ENTRY
    CUcontext context;
    return cu.cuInit(0) || cu.cuDevicePrimaryCtxRetain(&context, 0) || cu.cuCtxPushCurrent(context) ||
           cu.cuStreamCreateWithPriority(&stream, 0, 0) ||
           cu.cuLibraryLoadData(&library, "", NULL, NULL, 0, NULL, NULL, 0);
}

static int close_driver(void **state)
{
    CUcontext context;
    (void)state;
    return cu.cuLibraryUnload(library) || cu.cuStreamDestroy(stream) || cu.cuCtxPopCurrent(&context) || living() != 0 ||
           cu.cuDevicePrimaryCtxRelease(0);
}

static void *device(size_t bytes)
{
    CUdeviceptr p = 0;
    OK(cu.cuMemAlloc(&p, bytes));
    return (void *)(uintptr_t)p;
}

static void *device_copy(const void *host, size_t bytes)
{
    void *p = device(bytes);
    OK(cu.cuMemcpyHtoDAsync((uintptr_t)p, host, bytes, stream));
    return p;
}

static void drop(const void *p) { OK(cu.cuMemFree((uintptr_t)p)); }

static void read_back(void *host, const void *p, size_t bytes)
{
    OK(cu.cuMemcpyDtoHAsync(host, (uintptr_t)p, bytes, stream));
    OK(cu.cuStreamSynchronize(stream));
}

static CUkernel kernel_named(const char *name)
{
    CUkernel k = NULL;
    OK(cu.cuLibraryGetKernel(&k, library, name));
    return k;
}

static CUresult launch_with(const char *name, unsigned blocks, unsigned threads, unsigned shared, emulator_args *a,
                            bool dependent)
{
    CUlaunchAttribute order = {.id = FL_CUDA_LAUNCH_PROGRAMMATIC_SERIALIZATION, .value.programmatic_serialization = 1};
    const CUlaunchConfig config = {blocks, 1, 1, threads, 1, 1, shared, stream, &order, dependent};
    void *parameters[] = {a};
    return cu.cuLaunchKernelEx(&config, (CUfunction)(void *)kernel_named(name), parameters, NULL);
}

static void launch(const char *name, unsigned blocks, unsigned threads, unsigned shared, emulator_args a)
{
    OK(launch_with(name, blocks, threads, shared, &a, true));
}

/* ---- blocks and warps */

static void barrier_lets_threads_read_each_other(void **state)
{
    float in[1000], out[1000];
    (void)state;
    for (int i = 0; i < 1000; i++)
        in[i] = (float)i;
    for (int reverse = 0; reverse < 2; reverse++) {
        setenv("FAKE_CUDA_REVERSE", reverse ? "1" : "0", 1);
        const emulator_args a = {.in = device_copy(in, sizeof in), .out = device(sizeof out)};
        launch("emulator_reverse", 5, 200, 0, a);
        read_back(out, a.out, sizeof out);
        for (int i = 0; i < 1000; i++)
            assert_true(out[i] == (float)(i / 200 * 200 + 199 - i % 200));
        drop(a.in);
        drop(a.out);
    }
    unsetenv("FAKE_CUDA_REVERSE");
}

static void missing_barrier_shows_poison_in_either_order(void **state)
{
    float in[256], out[256];
    (void)state;
    for (int i = 0; i < 256; i++)
        in[i] = (float)i;
    for (int reverse = 0; reverse < 2; reverse++) {
        setenv("FAKE_CUDA_REVERSE", reverse ? "1" : "0", 1);
        const emulator_args a = {.in = device_copy(in, sizeof in), .out = device(sizeof out)};
        launch("emulator_reverse_wrong", 1, 256, 0, a);
        read_back(out, a.out, sizeof out);
        int poisoned = 0;
        for (int i = 0; i < 256; i++)
            poisoned += isnan(out[i]);
        assert_int_equal(poisoned, 128);
        assert_true(isnan(out[reverse ? 255 : 0]));
        drop(a.in);
        drop(a.out);
    }
    unsetenv("FAKE_CUDA_REVERSE");
}

static void votes_count_over_block_and_warp(void **state)
{
    int in[128], out[128][6];
    (void)state;
    for (int i = 0; i < 128; i++)
        in[i] = i % 5 == 0 ? 0 : 1;
    in[70] = 7;
    in[100] = -1;
    const emulator_args a = {.in = device_copy(in, sizeof in), .out = device(sizeof out)};
    launch("emulator_votes", 1, 128, 0, a);
    read_back(out, a.out, sizeof out);
    for (int i = 0; i < 128; i++) {
        int count = 0;
        unsigned ballot = 0;
        for (int k = 0; k < 128; k++)
            count += in[k] != 0;
        for (int k = 0; k < 32; k++)
            ballot |= (unsigned)(in[i / 32 * 32 + k] & 1) << k;
        assert_int_equal(out[i][0], count);
        assert_int_equal(out[i][1], 1);
        assert_int_equal(out[i][2], 0);
        assert_int_equal((unsigned)out[i][3], ballot);
        assert_int_equal(out[i][4], i / 32 == 2);
        assert_int_equal(out[i][5], i / 32 != 3);
    }
    drop(a.in);
    drop(a.out);
}

static void shuffles_move_values_between_lanes(void **state)
{
    unsigned out[64][8];
    (void)state;
    const emulator_args a = {.out = device(sizeof out)};
    launch("emulator_shuffles", 1, 64, 0, a);
    read_back(out, a.out, sizeof out);
    for (unsigned t = 0; t < 64; t++) {
        const unsigned warp = t & 32, lane = t & 31;
        assert_int_equal(out[t][0], warp + 5);
        assert_int_equal(out[t][1], lane < 3 ? t : t - 3);
        assert_int_equal(out[t][2], lane % 8 + 3 < 8 ? t + 3 : t);
        assert_int_equal(out[t][3], t ^ 16);
        assert_int_equal(out[t][4], t ^ 1);
        assert_int_equal(out[t][5], (t & ~3u) + (t + 1) % 4);
        assert_int_equal(out[t][6], lane < 8 ? t ^ 7 : 0xffffffffu);
        assert_int_equal(out[t][7], lane < 31 ? t + 1 : t);
    }
    drop(a.out);
}

static void atomics_add_up(void **state)
{
    unsigned out[7] = {0};
    float sum;
    (void)state;
    const emulator_args a = {.out = device_copy(out, sizeof out)};
    launch("emulator_atomics", 6, 64, 0, a);
    read_back(out, a.out, sizeof out);
    memcpy(&sum, &out[4], sizeof sum);
    assert_int_equal(out[0], 6 * 63 * 64 / 2);
    assert_int_equal(out[1], 0); /* wrapped at the last block */
    assert_int_equal(out[2], 6 * 64 - 1);
    assert_int_equal(out[3], 64); /* each claim in turn */
    assert_true(sum == 6 * 64 * 0.5f);
    assert_in_range(out[5], 0, 5);
    assert_int_equal(out[6], out[0]);
    drop(a.out);
}

static void ticket_taken_too_early_is_noticed(void **state)
{
    unsigned out[2];
    (void)state;
    for (unsigned right = 0; right < 2; right++) {
        const emulator_args a = {.out = device(sizeof out + 3 * 64 * sizeof(unsigned)), .n = right};
        OK(cu.cuMemsetD8Async((uintptr_t)a.out, 0, sizeof out + 3 * 64 * sizeof(unsigned), stream));
        launch("emulator_ticket", 3, 64, 0, a);
        read_back(out, a.out, sizeof out);
        assert_int_equal(out[0], 3);
        assert_int_equal(out[1],
                         right ? 3 * 64 : 2 * 64 + 1); /* of the first block one thread came before the ticket */
        drop(a.out);
    }
}

/* ---- numbers */

/* Nearest even by comparing with the neighbours: a second way to round, in double. */
static double round_to(double x, int mantissa, int min_exponent, double max)
{
    int e;
    if (isnan(x) || isinf(x) || x == 0)
        return x;
    frexp(x, &e);
    e = e - 1 < min_exponent ? min_exponent : e - 1;
    const double step = ldexp(1.0, e - mantissa), y = rint(x / step) * step;
    return fabs(y) > max ? copysign(INFINITY, x) : y;
}

static void fill_floats(float *x, size_t n)
{
    static const float edges[] = {
        0.0f,           -0.0f,           1.0f,      65504.0f,  65519.99f,       65520.0f,        65536.0f,
        -70000.0f,      0x1p-14f,        0x1p-24f,  0x1p-25f,  0x1.000002p-25f, 0x1.8p-24f,      0x1p-26f,
        0x1.ffep-15f,   0x1.ffffp-15f,   0x1p-126f, 0x1p-149f, 3.4e38f,         0x1.fffffep127f, 1.0009765625f,
        1.00048828125f, 1.001464843750f, 0x1.01p0f, 0x1.03p0f};
    unsigned seed = 12345;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        const float v = ldexpf((float)(int)(seed >> 8) / 0x1p23f - 1.0f, (int)(seed % 47) - 30);
        x[i] = i < sizeof edges / sizeof *edges ? edges[i] : v;
    }
    x[n - 3] = INFINITY;
    x[n - 2] = -INFINITY;
    x[n - 1] = NAN;
}

static void floats_round_to_nearest(void **state)
{
    static float in[4096], out[4096];
    (void)state;
    fill_floats(in, 4096);
    for (unsigned type = 0; type < 2; type++) {
        const emulator_args a = {.in = device_copy(in, sizeof in), .out = device(sizeof out), .n = type};
        launch("emulator_round", 3, 256, 0, a);
        read_back(out, a.out, sizeof out);
        for (int i = 0; i < 4096; i++) {
            const double e = type == 0 ? round_to(in[i], 10, -14, 65504) : round_to(in[i], 7, -126, 0x1.fep127);
            if (!(isnan(e) ? isnan(out[i]) : e == (double)out[i] && !signbit(e) == !signbit(out[i])))
                fail_msg("type %u: %a gives %a, expected %a", type, (double)in[i], (double)out[i], e);
        }
        drop(a.in);
        drop(a.out);
    }
}

static void tf32_rounds_ties_away(void **state)
{
    static float in[4096], out[4096];
    (void)state;
    fill_floats(in, 4096);
    in[0] = 0x1.002p0f; /* a tie: even would be 1 */
    const emulator_args a = {.in = device_copy(in, sizeof in), .out = device(sizeof out), .n = 2};
    launch("emulator_round", 1, 256, 0, a);
    read_back(out, a.out, sizeof out);
    assert_true(out[0] == 0x1.004p0f);
    for (int i = 0; i < 4096; i++) {
        unsigned bits;
        memcpy(&bits, &out[i], 4);
        if (isnan(in[i])) {
            assert_true(isnan(out[i]));
            continue;
        }
        assert_int_equal(bits & 0x1fff, 0);
        if (isfinite(out[i]))
            assert_true(fabs((double)out[i] - in[i]) <= fabs((double)in[i]) * 0x1p-11 + 0x1p-138);
    }
    drop(a.in);
    drop(a.out);
}

static void every_half_becomes_its_float(void **state)
{
    static float out[65536];
    (void)state;
    for (unsigned type = 0; type < 2; type++) {
        const emulator_args a = {.out = device(sizeof out), .n = type};
        const int mantissa = type ? 7 : 10, bias = type ? 127 : 15, top = type ? 255 : 31;
        launch("emulator_halves", 256, 256, 0, a);
        read_back(out, a.out, sizeof out);
        for (int i = 0; i < 65536; i++) {
            const int e = i >> mantissa & top, m = i & ((1 << mantissa) - 1);
            double v = e ? ldexp(1.0 + ldexp(m, -mantissa), e - bias) : ldexp(m, 1 - bias - mantissa);
            if (e == top)
                v = m ? NAN : INFINITY;
            v = i & 0x8000 ? -v : v;
            assert_true(isnan(v) ? isnan(out[i]) : v == (double)out[i]);
        }
        drop(a.out);
    }
}

/* ---- tensor cores. Small integers, so that every type and order gives the same sums. */

static unsigned short small_bits(int v, bool bf16)
{
    static const unsigned short half[] = {0x0000, 0x3c00, 0x4000, 0x4200, 0x4400},
                                brain[] = {0x0000, 0x3f80, 0x4000, 0x4040, 0x4080};
    return (unsigned short)((bf16 ? brain : half)[abs(v)] | (v < 0 ? 0x8000 : 0));
}

/* a [16, k], b [8, k] with values -4 to 4 */
static void product(const int *a, const int *b, int k, float *c)
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 8; j++) {
            int sum = 0;
            for (int p = 0; p < k; p++)
                sum += a[i * k + p] * b[j * k + p];
            c[i * 8 + j] = (float)sum;
        }
}

static void matrix_loads_and_products_agree_with_plain_ones(void **state)
{
    static const char *const names[] = {"emulator_product_f16", "emulator_product_bf16", "emulator_product_trans"};
    int a[256], b[128];
    float expected[128], found[128];
    unsigned short ah[256], bh[128];
    (void)state;
    for (int i = 0; i < 256; i++)
        a[i] = (i * 7 + i / 16 * 3) % 9 - 4;
    for (int i = 0; i < 128; i++)
        b[i] = (i * 5 + i / 16) % 9 - 4;
    product(a, b, 16, expected);
    for (int v = 0; v < 3; v++) {
        for (int i = 0; i < 256; i++)
            ah[i] = small_bits(a[i], v == 1);
        for (int i = 0; i < 128; i++) /* [8, 16], or [16, 8] for the transposing load */
            bh[v == 2 ? i % 16 * 8 + i / 16 : i] = small_bits(b[i], v == 1);
        const emulator_args g = {
            .in = device_copy(ah, sizeof ah), .in2 = device_copy(bh, sizeof bh), .out = device(sizeof found)};
        launch(names[v], 1, 32, v == 2 ? 0 : sizeof ah + sizeof bh, g);
        read_back(found, g.out, sizeof found);
        assert_memory_equal(found, expected, sizeof found);
        drop(g.in);
        drop(g.in2);
        drop(g.out);
    }
}

static void tf32_product_ignores_low_bits(void **state)
{
    int a[128], b[64];
    float expected[128], found[128], af[128], bf[64];
    (void)state;
    for (int i = 0; i < 128; i++)
        a[i] = (i * 7 + i / 8 * 3) % 9 - 4;
    for (int i = 0; i < 64; i++)
        b[i] = (i * 5 + i / 8) % 9 - 4;
    product(a, b, 8, expected);
    for (unsigned rounded = 0; rounded < 2; rounded++) {
        for (int i = 0; i < 128; i++) {
            af[i] = (float)a[i];
            unsigned bits;
            memcpy(&bits, &af[i], 4);
            bits |= a[i] && !rounded ? 0x1fff : 0; /* what the hardware does not look at */
            memcpy(&af[i], &bits, 4);
        }
        for (int i = 0; i < 64; i++)
            bf[i] = (float)b[i];
        const emulator_args g = {.in = device_copy(af, sizeof af),
                                 .in2 = device_copy(bf, sizeof bf),
                                 .out = device(sizeof found),
                                 .n = rounded};
        launch("emulator_product_tf32", 1, 32, 0, g);
        read_back(found, g.out, sizeof found);
        assert_memory_equal(found, expected, sizeof found);
        drop(g.in);
        drop(g.in2);
        drop(g.out);
    }
}

/* ---- memory */

static void copies_land_when_their_group_is_waited_for(void **state)
{
    unsigned in[256], out[256];
    (void)state;
    for (unsigned i = 0; i < 256; i++)
        in[i] = 1000 + i;
    for (unsigned under_way = 0; under_way < 3; under_way++) {
        const emulator_args a = {.in = device_copy(in, sizeof in), .out = device(sizeof out), .n = under_way};
        launch("emulator_copies", 1, 32, 0, a);
        read_back(out, a.out, sizeof out);
        for (unsigned i = 0; i < 128; i++)
            assert_int_equal(out[i], under_way < 2 ? 1000 + i : 0xffffffffu);
        for (unsigned i = 0; i < 128; i++) /* words 1 to 3 of each 4 were not copied to */
            assert_int_equal(out[128 + i], i % 4 ? 5u : under_way ? 0xffffffffu : i == 124 ? 0 : 1128 + i);
        drop(a.in);
        drop(a.out);
    }
}

static void dynamic_shared_memory_needs_its_attribute(void **state)
{
    unsigned sum = 0;
    emulator_args a = {.out = device(sizeof sum), .n = 13000};
    (void)state;
    assert_int_equal(launch_with("emulator_dynamic", 1, 256, 52000, &a, true), 1);
    OK(cu.cuKernelSetAttribute(FL_CUDA_FUNC_DYNAMIC_SHARED, 52000, kernel_named("emulator_dynamic"), 0));
    launch("emulator_dynamic", 1, 256, 52000, a);
    read_back(&sum, a.out, sizeof sum);
    assert_int_equal(sum, 12999u * 13000 / 2);
    assert_int_equal(cu.cuKernelSetAttribute(FL_CUDA_FUNC_DYNAMIC_SHARED, 232449, kernel_named("emulator_dynamic"), 0),
                     1);
    OK(cu.cuKernelSetAttribute(FL_CUDA_FUNC_DYNAMIC_SHARED, 49152, kernel_named("emulator_dynamic"), 0));
    drop(a.out);
}

static void memory_runs_out_and_comes_back(void **state)
{
    size_t before, total, now;
    CUdeviceptr p, q = 0;
    (void)state;
    setenv("FAKE_CUDA_MEMORY", "1000000", 1);
    OK(cu.cuMemGetInfo(&before, &total));
    assert_int_equal(total, 1000000);
    OK(cu.cuMemAlloc(&p, 600000));
    assert_int_equal(cu.cuMemAlloc(&q, 600000), FL_CUDA_ERROR_OUT_OF_MEMORY);
    OK(cu.cuMemFree(p));
    OK(cu.cuMemAlloc(&q, 600000));
    OK(cu.cuMemFree(q));
    OK(cu.cuMemGetInfo(&now, &total));
    assert_int_equal(now, before);
    unsetenv("FAKE_CUDA_MEMORY");
}

static void fresh_memory_is_poison_and_set_memory_is_not(void **state)
{
    unsigned out[4];
    void *p = device(16);
    (void)state;
    OK(cu.cuMemsetD8Async((uintptr_t)p + 8, 0x11, 4, stream));
    read_back(out, p, 16);
    assert_int_equal(out[0], 0xffffffffu);
    assert_int_equal(out[2], 0x11111111u);
    assert_int_equal(out[3], 0xffffffffu);
    assert_int_equal(cu.cuMemsetD8Async((uintptr_t)p + 8, 0, 9, stream), 1); /* past the end */
    drop(p);
}

/* ---- streams, graphs, events */

static void work_happens_in_order_and_not_before_the_wait(void **state)
{
    unsigned host = 77, zero = 3;
    const emulator_args a = {.out = device_copy(&zero, sizeof zero), .n = 1}, b = {.out = a.out, .n = 0};
    (void)state;
    launch("emulator_step", 1, 32, 0, a);
    launch("emulator_step", 1, 32, 0, b);
    OK(cu.cuMemcpyDtoHAsync(&host, (uintptr_t)a.out, sizeof host, stream));
    assert_int_equal(host, 77);
    OK(cu.cuStreamSynchronize(stream));
    assert_int_equal(host, 14);
    drop(a.out);
}

static void graph_replays_what_was_captured(void **state)
{
    unsigned host = 0, start = 1;
    CUgraph graph;
    CUgraphExec exec;
    const emulator_args a = {.out = device_copy(&start, sizeof start), .n = 5};
    (void)state;
    OK(cu.cuStreamBeginCapture(stream, FL_CUDA_CAPTURE_THREAD_LOCAL));
    launch("emulator_step", 1, 32, 0, a);
    launch("emulator_step", 1, 32, 0, a);
    OK(cu.cuMemcpyDtoHAsync(&host, (uintptr_t)a.out, sizeof host, stream));
    OK(cu.cuStreamEndCapture(stream, &graph));
    OK(cu.cuGraphInstantiateWithFlags(&exec, graph, 0));
    OK(cu.cuGraphDestroy(graph));
    OK(cu.cuGraphUpload(exec, stream));
    OK(cu.cuStreamSynchronize(stream));
    assert_int_equal(host, 0);
    OK(cu.cuGraphLaunch(exec, stream));
    OK(cu.cuStreamSynchronize(stream));
    assert_int_equal(host, 19); /* (1*2+5)*2+5 */
    OK(cu.cuGraphLaunch(exec, stream));
    OK(cu.cuStreamSynchronize(stream));
    assert_int_equal(host, 91);
    OK(cu.cuGraphExecDestroy(exec));
    drop(a.out);
}

static void capture_forbids_waiting_and_allocating(void **state)
{
    CUgraph graph;
    CUdeviceptr p;
    (void)state;
    OK(cu.cuStreamBeginCapture(stream, FL_CUDA_CAPTURE_THREAD_LOCAL));
    assert_int_equal(cu.cuStreamSynchronize(stream), 900);
    assert_int_equal(cu.cuStreamEndCapture(stream, &graph), 901);
    OK(cu.cuStreamBeginCapture(stream, FL_CUDA_CAPTURE_THREAD_LOCAL));
    assert_int_equal(cu.cuMemAlloc(&p, 100), 900);
    assert_int_equal(cu.cuStreamEndCapture(stream, &graph), 901);
    OK(cu.cuStreamSynchronize(stream));
}

static void events_measure_what_lies_between(void **state)
{
    CUevent a, b;
    float ms = -1;
    void *p = device(1 << 22);
    (void)state;
    OK(cu.cuEventCreate(&a, 0));
    OK(cu.cuEventCreate(&b, 0));
    assert_int_equal(cu.cuEventElapsedTime(&ms, a, b), 400);
    OK(cu.cuEventRecord(a, stream));
    OK(cu.cuMemsetD8Async((uintptr_t)p, 1, 1 << 22, stream));
    OK(cu.cuEventRecord(b, stream));
    assert_int_equal(cu.cuEventElapsedTime(&ms, a, b), 600);
    OK(cu.cuEventSynchronize(b));
    OK(cu.cuEventElapsedTime(&ms, a, b));
    assert_true(ms > 0 && ms < 10000);
    OK(cu.cuEventDestroy(a));
    OK(cu.cuEventDestroy(b));
    drop(p);
}

/* ---- refusals that are CUresults */

static void launches_are_checked(void **state)
{
    CUkernel k;
    CUcontext context;
    emulator_args a = {.out = device(4096), .n = 0};
    (void)state;
    assert_int_equal(cu.cuLibraryGetKernel(&k, library, "no_such_kernel"), FL_CUDA_ERROR_NOT_FOUND);
    assert_int_equal(launch_with("emulator_step", 1, 33, 0, &a, true), 701); /* bound 32 */
    assert_int_equal(launch_with("emulator_step", 0, 32, 0, &a, true), 1);
    OK(cu.cuCtxPopCurrent(&context));
    assert_int_equal(launch_with("emulator_step", 1, 32, 0, &a, true), 201);
    OK(cu.cuCtxPushCurrent(context));
    setenv("FAKE_CUDA_SM", "80", 1);
    assert_int_equal(launch_with("emulator_step", 1, 32, 0, &a, true), 801);
    assert_int_equal(cu.cuKernelSetAttribute(FL_CUDA_FUNC_DYNAMIC_SHARED, 166913, kernel_named("emulator_dynamic"), 0),
                     1);
    unsetenv("FAKE_CUDA_SM");
    assert_int_equal(cu.cuMemFree((uintptr_t)a.out + 4), 1);
    drop(a.out);
}

/* ---- what ends the process. The child's last words, and whether it was ended by abort() or a sanitizer. */

static void last_words(void (*act)(void), char *text, size_t size)
{
    int pipes[2], status;
    size_t at = 0;
    ssize_t n;
    assert_int_equal(pipe(pipes), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE}; /* cmocka's would go on here */
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
            signal(signals[i], SIG_DFL);
        dup2(pipes[1], 2);
        act();
        _exit(0);
    }
    close(pipes[1]);
    while (at + 1 < size && (n = read(pipes[0], text + at, size - 1 - at)) > 0)
        at += (size_t)n;
    text[at] = 0;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        fail_msg("nothing was reported: %s", text);
}

static emulator_args bad;
static const char   *bad_name;
static unsigned      bad_shared;

static void run_bad(void)
{
    launch_with(bad_name, 1, 32, bad_shared, &bad, true);
    cu.cuStreamSynchronize(stream);
}
static void run_bad_64(void)
{
    launch_with(bad_name, 1, 64, 0, &bad, true);
    cu.cuStreamSynchronize(stream);
}
static void touch_device(void) { printf("%d", *(volatile char *)bad.out); }

static void expect_words(void (*act)(void), const char *name, const char *words)
{
    char text[8192];
    bad_name = name;
    last_words(act, text, sizeof text);
    if (!strstr(text, words))
        fail_msg("%s: expected \"%s\" in: %s", name, words, text);
}

static void broken_kernels_are_reported(void **state)
{
    (void)state;
    bad = (emulator_args){.in = device(1024), .out = device(1000)};
    expect_words(run_bad_64, "emulator_bad_barrier", "threads wait for one another");
    expect_words(run_bad_64, "emulator_bad_barrier", "32 threads, first 0, at __syncthreads");
    expect_words(run_bad, "emulator_bad_warp", "16 threads, first 16, at __shfl_xor_sync");
    expect_words(run_bad, "emulator_bad_order", "no thread called fl_wait_previous()");
    bad.n = 1003;
    expect_words(run_bad, "emulator_bad_write",
                 "emulator_bad_write wrote at offset 1003 of an allocation of 1000 bytes");
    bad.n = 1024;
    expect_words(run_bad, "emulator_bad_write", "offset 1024 of device memory of 1000 bytes");
    expect_words(run_bad, "emulator_bad_write",
                 "kernel emulator_bad_write, grid (1,1,1), block (0,0,0) of (32,1,1) threads, thread (7,0,0)");
    bad.n = 16;
#ifndef __SANITIZE_THREAD__ /* kernels are not checked then */
    expect_words(run_bad, "emulator_bad_align", "misaligned address");
#endif
    bad_shared = 4 * 16;
    bad.in2 = bad.in;
    expect_words(run_bad, "emulator_dynamic", "of dynamic shared memory");
    bad_shared = 0;
    expect_words(touch_device, "host code", "");
    drop(bad.in);
    drop(bad.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(barrier_lets_threads_read_each_other),
        cmocka_unit_test(missing_barrier_shows_poison_in_either_order),
        cmocka_unit_test(votes_count_over_block_and_warp),
        cmocka_unit_test(shuffles_move_values_between_lanes),
        cmocka_unit_test(atomics_add_up),
        cmocka_unit_test(ticket_taken_too_early_is_noticed),
        cmocka_unit_test(floats_round_to_nearest),
        cmocka_unit_test(tf32_rounds_ties_away),
        cmocka_unit_test(every_half_becomes_its_float),
        cmocka_unit_test(matrix_loads_and_products_agree_with_plain_ones),
        cmocka_unit_test(tf32_product_ignores_low_bits),
        cmocka_unit_test(copies_land_when_their_group_is_waited_for),
        cmocka_unit_test(dynamic_shared_memory_needs_its_attribute),
        cmocka_unit_test(memory_runs_out_and_comes_back),
        cmocka_unit_test(fresh_memory_is_poison_and_set_memory_is_not),
        cmocka_unit_test(work_happens_in_order_and_not_before_the_wait),
        cmocka_unit_test(graph_replays_what_was_captured),
        cmocka_unit_test(capture_forbids_waiting_and_allocating),
        cmocka_unit_test(events_measure_what_lies_between),
        cmocka_unit_test(launches_are_checked),
        cmocka_unit_test(broken_kernels_are_reported),
    };
    return cmocka_run_group_tests(tests, open_driver, close_driver);
}
