/* fail_cuda.c - a libcuda.so.1 that computes nothing and fails on demand, for test_cuda_driver.c.
 *
 * Memory is the host's, copies are done at once, kernels do nothing. It is strict where the real one is: calls that need a
 * current context get an error without one, a stream that is being captured may not be waited for, nothing is allocated
 * during a capture. Objects are counted, and whatever is left is given back by fail_cuda_reset.
 *
 * The environment says what goes wrong, at any time:
 *
 *   FAIL_CUDA_MISSING=cuGraphUpload    cuGetProcAddress does not know this entry
 *   FAIL_CUDA_ENTRY=cuMemAlloc         this entry fails,
 *   FAIL_CUDA_CALL=3                   at its third call since fail_cuda_reset (1 if not said),
 *   FAIL_CUDA_CODE=2                   with this code
 *   FAIL_CUDA_VERSION=11080 FAIL_CUDA_DEVICES=0 FAIL_CUDA_CAPABILITY=70
 */
#include "backend/cuda/cuda_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- what the test asks for; its program finds these by dlsym */

typedef struct object {
    struct object *next, **where;
    bool           capturing;
    int            ordinal;
} object;

static object *objects;
static int     live, depth, calls, hits, captures;

EXPORT int  fail_cuda_live(void);  /* objects that exist */
EXPORT int  fail_cuda_depth(void); /* contexts pushed and not popped */
EXPORT int  fail_cuda_hits(void);  /* calls that failed on demand */
EXPORT void fail_cuda_reset(void);

static void *make(void)
{
    object *o = calloc(1, sizeof *o);

    o->next = objects;
    o->where = &objects;
    if (objects)
        objects->where = &o->next;
    objects = o;
    live++;
    return o;
}

static void unmake(void *p)
{
    object *o = p;

    *o->where = o->next;
    if (o->next)
        o->next->where = o->where;
    live--;
    free(o);
}

/* Device and pinned memory: an object in front. */
static void *make_memory(size_t bytes)
{
    char *block = aligned_alloc(256, (256 + bytes + 255) / 256 * 256);
    object *o = (object *)(void *)block;

    memset(o, 0, sizeof *o);
    o->next = objects;
    o->where = &objects;
    if (objects)
        objects->where = &o->next;
    objects = o;
    live++;
    return block + 256;
}

int fail_cuda_live(void) { return live; }
int fail_cuda_depth(void) { return depth; }
int fail_cuda_hits(void) { return hits; }

void fail_cuda_reset(void)
{
    while (objects)
        unmake(objects);
    depth = calls = hits = captures = 0;
}

static int number(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text && *text ? atoi(text) : otherwise;
}

static int failure(const char *name)
{
    const char *entry = getenv("FAIL_CUDA_ENTRY");

    if (!entry || strcmp(entry, name) != 0 || ++calls != number("FAIL_CUDA_CALL", 1))
        return 0;
    hits++;
    return number("FAIL_CUDA_CODE", 999);
}

/* How an entry begins: with its own failure, then with that of a missing context, then with that of a capture. */
#define FAIL_ON_DEMAND(name)                 \
    do {                                     \
        const int on_demand = failure(#name); \
        if (on_demand)                       \
            return on_demand;                \
    } while (0)
#define IN_CONTEXT(name)      \
    do {                      \
        FAIL_ON_DEMAND(name); \
        if (depth < 1)        \
            return 201;       \
    } while (0)
#define OUTSIDE_CAPTURE(name) \
    do {                      \
        IN_CONTEXT(name);     \
        if (captures)         \
            return 900;       \
    } while (0)

/* ---- the driver */

static CUresult fake_cuInit(unsigned flags)
{
    FAIL_ON_DEMAND(cuInit);
    (void)flags;
    return 0;
}

static CUresult fake_cuDriverGetVersion(int *version)
{
    FAIL_ON_DEMAND(cuDriverGetVersion);
    *version = number("FAIL_CUDA_VERSION", 13000);
    return 0;
}

static CUresult fake_cuGetErrorName(CUresult error, const char **text)
{
    FAIL_ON_DEMAND(cuGetErrorName);
    (void)error;
    *text = "CUDA_ERROR_ON_DEMAND";
    return 0;
}

static CUresult fake_cuGetErrorString(CUresult error, const char **text)
{
    FAIL_ON_DEMAND(cuGetErrorString);
    (void)error;
    *text = "as the test wished";
    return 0;
}

static CUresult fake_cuDeviceGetCount(int *count)
{
    FAIL_ON_DEMAND(cuDeviceGetCount);
    *count = number("FAIL_CUDA_DEVICES", 2);
    return 0;
}

static CUresult fake_cuDeviceGet(CUdevice *device, int ordinal)
{
    FAIL_ON_DEMAND(cuDeviceGet);
    *device = ordinal;
    return 0;
}

static CUresult fake_cuDeviceGetName(char *name, int size, CUdevice device)
{
    FAIL_ON_DEMAND(cuDeviceGetName);
    snprintf(name, (size_t)size, "Paper GPU %d", device);
    return 0;
}

static CUresult fake_cuDeviceGetAttribute(int *value, int attribute, CUdevice device)
{
    FAIL_ON_DEMAND(cuDeviceGetAttribute);
    const int capability = number("FAIL_CUDA_CAPABILITY", 90);
    (void)device;
    *value = attribute == FL_CUDA_ATTRIBUTE_MAJOR             ? capability / 10
             : attribute == FL_CUDA_ATTRIBUTE_MINOR           ? capability % 10
             : attribute == FL_CUDA_ATTRIBUTE_MULTIPROCESSORS ? 4
             : attribute == FL_CUDA_ATTRIBUTE_L2_BYTES        ? 1 << 20
                                                              : 227 << 10;
    return 0;
}

static CUresult fake_cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    FAIL_ON_DEMAND(cuDevicePrimaryCtxRetain);
    object *o = make();
    o->ordinal = device;
    *context = (CUcontext)(void *)o;
    return 0;
}

static CUresult fake_cuDevicePrimaryCtxRelease(CUdevice device)
{
    FAIL_ON_DEMAND(cuDevicePrimaryCtxRelease);
    for (object *o = objects; o; o = o->next)
        if (o->ordinal == device && !o->next) {
            unmake(o); /* contexts are made first, so they are last in the list */
            break;
        }
    return 0;
}

static CUresult fake_cuCtxPushCurrent(CUcontext context)
{
    FAIL_ON_DEMAND(cuCtxPushCurrent);
    if (!context)
        return 201;
    depth++;
    return 0;
}

static CUresult fake_cuCtxPopCurrent(CUcontext *context)
{
    FAIL_ON_DEMAND(cuCtxPopCurrent);
    if (depth < 1)
        return 201;
    *context = NULL;
    depth--;
    return 0;
}

/* ---- code */

static CUresult fake_cuLibraryLoadData(CUlibrary *library, const void *image, void *jit_options, void **jit_values,
                                       unsigned n_jit, void *options, void **values, unsigned n)
{
    OUTSIDE_CAPTURE(cuLibraryLoadData);
    (void)jit_options;
    (void)jit_values;
    (void)n_jit;
    (void)options;
    (void)values;
    (void)n;
    if (!image)
        return 200;
    *library = make();
    return 0;
}

static CUresult fake_cuLibraryUnload(CUlibrary library)
{
    FAIL_ON_DEMAND(cuLibraryUnload);
    unmake(library);
    return 0;
}

static CUresult fake_cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name)
{
    FAIL_ON_DEMAND(cuLibraryGetKernel);
    if (!strncmp(name, "missing_", 8))
        return FL_CUDA_ERROR_NOT_FOUND;
    *kernel = (CUkernel)(void *)library;
    return 0;
}

static CUresult fake_cuKernelGetFunction(CUfunction *function, CUkernel kernel)
{
    OUTSIDE_CAPTURE(cuKernelGetFunction);
    *function = (CUfunction)(void *)kernel;
    return 0;
}

static CUresult fake_cuFuncLoad(CUfunction function)
{
    OUTSIDE_CAPTURE(cuFuncLoad);
    (void)function;
    return 0;
}

static CUresult fake_cuKernelSetAttribute(int attribute, int value, CUkernel kernel, CUdevice device)
{
    FAIL_ON_DEMAND(cuKernelSetAttribute);
    (void)kernel;
    (void)device;
    if (attribute != FL_CUDA_FUNC_DYNAMIC_SHARED || value > 227 << 10)
        return 1;
    return 0;
}

static CUresult fake_cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters,
                                      void **extra)
{
    IN_CONTEXT(cuLaunchKernelEx);
    (void)extra;
    if (!function || !parameters[0] || config->grid_x < 1 || config->grid_y > 65535 || config->block_x > 1024)
        return 1;
    return 0;
}

/* ---- memory */

static CUresult fake_cuMemAlloc(CUdeviceptr *out, size_t bytes)
{
    OUTSIDE_CAPTURE(cuMemAlloc);
    if (bytes == 0)
        return 1;
    *out = (CUdeviceptr)(uintptr_t)make_memory(bytes);
    return 0;
}

static CUresult fake_cuMemFree(CUdeviceptr memory)
{
    OUTSIDE_CAPTURE(cuMemFree);
    unmake((char *)(uintptr_t)memory - 256);
    return 0;
}

static CUresult fake_cuMemGetInfo(size_t *free_bytes, size_t *total)
{
    IN_CONTEXT(cuMemGetInfo);
    *free_bytes = 12345678;
    *total = 87654321;
    return 0;
}

static CUresult fake_cuMemHostAlloc(void **out, size_t bytes, unsigned flags)
{
    OUTSIDE_CAPTURE(cuMemHostAlloc);
    (void)flags;
    if (bytes == 0)
        return 1;
    *out = make_memory(bytes);
    return 0;
}

static CUresult fake_cuMemFreeHost(void *memory)
{
    OUTSIDE_CAPTURE(cuMemFreeHost);
    unmake((char *)memory - 256);
    return 0;
}

static CUresult fake_cuMemcpyHtoDAsync(CUdeviceptr dst, const void *src, size_t bytes, CUstream stream)
{
    IN_CONTEXT(cuMemcpyHtoDAsync);
    (void)stream;
    memcpy((void *)(uintptr_t)dst, src, bytes);
    return 0;
}

static CUresult fake_cuMemcpyDtoHAsync(void *dst, CUdeviceptr src, size_t bytes, CUstream stream)
{
    IN_CONTEXT(cuMemcpyDtoHAsync);
    (void)stream;
    memcpy(dst, (const void *)(uintptr_t)src, bytes);
    return 0;
}

static CUresult fake_cuMemcpyDtoDAsync(CUdeviceptr dst, CUdeviceptr src, size_t bytes, CUstream stream)
{
    IN_CONTEXT(cuMemcpyDtoDAsync);
    (void)stream;
    memmove((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, bytes);
    return 0;
}

static CUresult fake_cuMemsetD8Async(CUdeviceptr dst, unsigned char value, size_t bytes, CUstream stream)
{
    IN_CONTEXT(cuMemsetD8Async);
    (void)stream;
    memset((void *)(uintptr_t)dst, value, bytes);
    return 0;
}

/* ---- streams, events, graphs */

static CUresult fake_cuStreamCreateWithPriority(CUstream *out, unsigned flags, int priority)
{
    OUTSIDE_CAPTURE(cuStreamCreateWithPriority);
    (void)flags;
    (void)priority;
    *out = make();
    return 0;
}

static CUresult fake_cuStreamDestroy(CUstream stream)
{
    IN_CONTEXT(cuStreamDestroy);
    unmake(stream);
    return 0;
}

static CUresult fake_cuStreamSynchronize(CUstream stream)
{
    OUTSIDE_CAPTURE(cuStreamSynchronize);
    (void)stream;
    return 0;
}

static CUresult fake_cuEventCreate(CUevent *out, unsigned flags)
{
    IN_CONTEXT(cuEventCreate);
    (void)flags;
    *out = make();
    return 0;
}

static CUresult fake_cuEventDestroy(CUevent event)
{
    IN_CONTEXT(cuEventDestroy);
    unmake(event);
    return 0;
}

static CUresult fake_cuEventRecord(CUevent event, CUstream stream)
{
    IN_CONTEXT(cuEventRecord);
    if (!event || !stream)
        return 400;
    return 0;
}

static CUresult fake_cuEventSynchronize(CUevent event)
{
    OUTSIDE_CAPTURE(cuEventSynchronize);
    (void)event;
    return 0;
}

static CUresult fake_cuEventElapsedTime(float *milliseconds, CUevent begin, CUevent end)
{
    IN_CONTEXT(cuEventElapsedTime);
    (void)begin;
    (void)end;
    *milliseconds = 0.25f;
    return 0;
}

static CUresult fake_cuStreamBeginCapture(CUstream stream, int mode)
{
    IN_CONTEXT(cuStreamBeginCapture);
    object *o = (object *)(void *)stream;
    if (mode != FL_CUDA_CAPTURE_THREAD_LOCAL || o->capturing)
        return 1;
    o->capturing = true;
    captures++;
    return 0;
}

/* Ends it even when it is to fail: an invalid capture has no graph. */
static CUresult fake_cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
    object *o = (object *)(void *)stream;
    const int code = failure("cuStreamEndCapture");

    *graph = NULL;
    if (!o->capturing)
        return 1;
    o->capturing = false;
    captures--;
    if (!code)
        *graph = make();
    return code;
}

static CUresult fake_cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph graph, unsigned long long flags)
{
    OUTSIDE_CAPTURE(cuGraphInstantiateWithFlags);
    (void)graph;
    (void)flags;
    *out = make();
    return 0;
}

static CUresult fake_cuGraphUpload(CUgraphExec graph, CUstream stream)
{
    OUTSIDE_CAPTURE(cuGraphUpload);
    (void)graph;
    (void)stream;
    return 0;
}

static CUresult fake_cuGraphLaunch(CUgraphExec graph, CUstream stream)
{
    OUTSIDE_CAPTURE(cuGraphLaunch);
    (void)graph;
    (void)stream;
    return 0;
}

static CUresult fake_cuGraphExecDestroy(CUgraphExec graph)
{
    IN_CONTEXT(cuGraphExecDestroy);
    unmake(graph);
    return 0;
}

static CUresult fake_cuGraphDestroy(CUgraph graph)
{
    IN_CONTEXT(cuGraphDestroy);
    unmake(graph);
    return 0;
}

/* ---- the way in */

typedef void (*function)(void);
typedef struct row {
    const char *name;
    function    f;
} row;

static const row rows[] = {
#define FL_CUDA_ENTRY(need, name, version, parameters) {#name, (function)fake_##name},
#include "backend/cuda/cuda_driver.def"
#undef FL_CUDA_ENTRY
};

EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *found);

CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags, int *found)
{
    const char *missing = getenv("FAIL_CUDA_MISSING");

    (void)version;
    (void)flags;
    *out = NULL;
    *found = 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!strcmp(rows[i].name, symbol) && !(missing && !strcmp(missing, symbol))) {
            memcpy(out, &rows[i].f, sizeof rows[i].f);
            *found = 0;
        }
    return 0;
}
