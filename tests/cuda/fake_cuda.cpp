/* fake_cuda.cpp - a libcuda.so.1 without a GPU: every entry of cuda_driver.def, running floe's own kernels on the CPU.
 *
 * The library holds the kernels themselves, compiled by the host's compiler (emulate_unit.cpp); a fatbin that the host
 * code loads is not read, and a kernel is found by its name. The rest is as strict as the real driver or stricter:
 *   - what is put into a stream happens when the host waits for it (cuStreamSynchronize and its kin), so host code that
 *     touches memory too early is wrong here too. CUDA_LAUNCH_BLOCKING=1 does everything at once.
 *   - device memory cannot be touched by host code at all; each allocation begins as poison (0xff..) and ends where a
 *     page that faults begins, as nearly as its alignment of 256 allows (the rest is checked after each kernel);
 *   - launches are checked against launch bound, grid, and shared memory that was asked for;
 *   - calls need a current context and live handles; a capture forbids what a real one forbids.
 * One lock guards it all: calls from several threads are taken one after another.
 *
 * Environment: FAKE_CUDA_MEMORY (bytes, default 1 GiB), FAKE_CUDA_SM (90: compute capability 9.0), FAKE_CUDA_DEVICES
 * (1), FAKE_CUDA_VERSION (13000), FAKE_CUDA_REVERSE=1 (blocks and threads in descending order), FAKE_CUDA_TRACE=1 (a
 * line on stderr for each kernel that ran).
 */
#include "fake_cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

char the_context;

const struct error_name {
    CUresult    error;
    const char *name, *text;
} error_names[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {FL_CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {FL_CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {FL_CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "attempt to terminate a thread-local capture sequence from another thread"},
};

int shared_limit()
{
    switch (setting("FAKE_CUDA_SM", 90)) {
    case 75: return 65536;
    case 80: case 87: return 166912;
    case 86: case 89: case 120: return 101376;
    default: return 232448;
    }
}

/* The text of what is wrong with a launch, or NULL. */
const char *launch_fault(const CUlaunchConfig *c, const kernel_handle *k, CUresult *error)
{
    const unsigned long long threads = (unsigned long long)c->block_x * c->block_y * c->block_z;
    *error = INVALID_VALUE;
    if (!c->grid_x || !c->grid_y || !c->grid_z || !threads)
        return "an empty grid or block";
    if (c->grid_x > 0x7fffffffu || c->grid_y > 65535 || c->grid_z > 65535)
        return "grid beyond (2147483647, 65535, 65535)";
    if (c->block_x > 1024 || c->block_y > 1024 || c->block_z > 64 || threads > 1024)
        return "block beyond 1024 threads, (1024, 1024, 64)";
    if (c->shared_bytes > (unsigned)k->dynamic_shared)
        return "more dynamic shared memory than the kernel's attribute allows";
    *error = LAUNCH_OUT_OF_RESOURCES;
    if (threads > k->kernel->threads)
        return "more threads than the kernel's launch bound";
    return nullptr;
}

/* The argument struct, from either way of passing it. */
const void *launch_args(void **parameters, void **extra, size_t bytes)
{
    const void *args = parameters ? parameters[0] : nullptr;
    size_t given = bytes;
    for (; extra && *extra; extra += 2) {
        if (*extra == (void *)1)
            args = extra[1];
        else if (*extra == (void *)2)
            given = *(const size_t *)extra[1];
    }
    return given == bytes ? args : nullptr;
}

} // namespace

/* ---- the entry points. Weak: one that is not written below is one that this driver does not have. */

#define FL_CUDA_ENTRY(need, name, version, parameters) __attribute__((weak)) CUresult name parameters;
#include "backend/cuda/cuda_driver.def"
#undef FL_CUDA_ENTRY

CUresult cuInit(unsigned)
{
    guard g(f().lock);
    if (setting("FAKE_CUDA_DEVICES", 1) < 1)
        return FL_CUDA_ERROR_NO_DEVICE;
    f().initialized = true;
    return 0;
}

CUresult cuDriverGetVersion(int *version)
{
    *version = (int)setting("FAKE_CUDA_VERSION", 13000);
    return 0;
}

CUresult cuGetErrorName(CUresult error, const char **text)
{
    for (const error_name &e : error_names)
        if (e.error == error) {
            *text = e.name;
            return 0;
        }
    *text = nullptr;
    return INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult error, const char **text)
{
    for (const error_name &e : error_names)
        if (e.error == error) {
            *text = e.text;
            return 0;
        }
    *text = nullptr;
    return INVALID_VALUE;
}

CUresult cuDeviceGetCount(int *count)
{
    *count = (int)setting("FAKE_CUDA_DEVICES", 1);
    return f().initialized ? 0 : NOT_INITIALIZED;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
    if (ordinal < 0 || ordinal >= setting("FAKE_CUDA_DEVICES", 1))
        return INVALID_DEVICE;
    *device = ordinal;
    return f().initialized ? 0 : NOT_INITIALIZED;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice)
{
    snprintf(name, (size_t)size, "CUDA emulator");
    return 0;
}

CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice)
{
    const int sm = (int)setting("FAKE_CUDA_SM", 90);
    switch (attribute) {
    case FL_CUDA_ATTRIBUTE_MULTIPROCESSORS:  *value = 132; return 0;
    case FL_CUDA_ATTRIBUTE_L2_BYTES:         *value = 4 << 20; return 0; /* small: emptying it takes the host's time */
    case FL_CUDA_ATTRIBUTE_MAJOR:            *value = sm / 10; return 0;
    case FL_CUDA_ATTRIBUTE_MINOR:            *value = sm % 10; return 0;
    case FL_CUDA_ATTRIBUTE_SHARED_PER_BLOCK: *value = shared_limit(); return 0;
    default: return refuse(INVALID_VALUE, "cuDeviceGetAttribute: attribute %d is not known here", attribute);
    }
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice)
{
    guard g(f().lock);
    if (!f().initialized)
        return NOT_INITIALIZED;
    f().retained++;
    *context = (CUcontext)(void *)&the_context;
    return 0;
}

/* With the last one goes everything that was made in the context. */
CUresult cuDevicePrimaryCtxRelease(CUdevice)
{
    guard g(f().lock);
    if (!f().retained)
        return INVALID_CONTEXT;
    if (--f().retained)
        return 0;
    finish_all();
    int counts[KINDS] = {};
    for (auto &o : f().objects)
        counts[o.second->what]++;
    for (int k = 0; k < KINDS; k++)
        if (counts[k] && k != KERNEL && k != LIBRARY)
            fprintf(stderr, "emulator: context released with %d %s left\n", counts[k], kind_names[k]);
    if (!f().memory.empty())
        fprintf(stderr, "emulator: context released with %zu allocations left\n", f().memory.size());
    return 0;
}

CUresult cuCtxPushCurrent(CUcontext context)
{
    if (context && !f().retained)
        return INVALID_CONTEXT;
    contexts.push_back(context);
    return 0;
}

CUresult cuCtxPopCurrent(CUcontext *context)
{
    if (contexts.empty())
        return INVALID_CONTEXT;
    if (context)
        *context = contexts.back();
    contexts.pop_back();
    return 0;
}

CUresult cuLibraryLoadData(CUlibrary *out, const void *code, void *, void **, unsigned, void *, void **, unsigned)
{
    guard g(f().lock);
    if (!f().initialized)
        return NOT_INITIALIZED;
    if (!code)
        return INVALID_VALUE;
    *out = (CUlibrary)(void *)keep(new library);
    return 0;
}

CUresult cuLibraryUnload(CUlibrary handle)
{
    guard g(f().lock);
    library *l = live<library>(handle, LIBRARY, "cuLibraryUnload");
    if (!l)
        return INVALID_HANDLE;
    finish_all();
    for (auto &k : l->kernels)
        f().objects.erase(k.second);
    f().objects.erase(l);
    return 0;
}

CUresult cuLibraryGetKernel(CUkernel *out, CUlibrary handle, const char *name)
{
    guard g(f().lock);
    library *l = live<library>(handle, LIBRARY, "cuLibraryGetKernel");
    if (!l)
        return INVALID_HANDLE;
    kernel_handle *&k = l->kernels[name];
    if (!k) {
        fl_emu_kernel *found = fl_emu_find(name);
        if (!found) {
            l->kernels.erase(name);
            return FL_CUDA_ERROR_NOT_FOUND;
        }
        k = keep(new kernel_handle(found));
    }
    *out = (CUkernel)(void *)k;
    return 0;
}

CUresult cuKernelGetFunction(CUfunction *out, CUkernel handle)
{
    guard g(f().lock);
    *out = (CUfunction)(void *)live<kernel_handle>(handle, KERNEL, "cuKernelGetFunction");
    return *out ? 0 : INVALID_HANDLE;
}

CUresult cuFuncLoad(CUfunction function)
{
    guard g(f().lock);
    return live<kernel_handle>(function, KERNEL, "cuFuncLoad") ? 0 : INVALID_HANDLE;
}

CUresult cuKernelSetAttribute(int attribute, int value, CUkernel handle, CUdevice)
{
    guard g(f().lock);
    kernel_handle *k = live<kernel_handle>(handle, KERNEL, "cuKernelSetAttribute");
    if (!k)
        return INVALID_HANDLE;
    if (attribute != FL_CUDA_FUNC_DYNAMIC_SHARED)
        return refuse(INVALID_VALUE, "cuKernelSetAttribute: attribute %d is not known here", attribute);
    if (value < 0 || value > shared_limit())
        return refuse(INVALID_VALUE, "%s: %d bytes of dynamic shared memory; the device has %d", k->kernel->name, value,
                      shared_limit());
    k->dynamic_shared = value;
    return 0;
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction function, void **parameters, void **extra)
{
    guard g(f().lock);
    kernel_handle *k = live<kernel_handle>(function, KERNEL, "cuLaunchKernelEx");
    CUresult error = k ? 0 : INVALID_HANDLE;
    if (error)
        return error;
    const char *fault = launch_fault(c, k, &error);
    if (fault)
        return refuse(error,
                      "launch of %s: grid (%u,%u,%u), block (%u,%u,%u), %u bytes of shared memory (bound: %u threads, "
                      "%d bytes): %s",
                      k->kernel->name, c->grid_x, c->grid_y, c->grid_z, c->block_x, c->block_y, c->block_z,
                      c->shared_bytes, k->kernel->threads, k->dynamic_shared, fault);
    work w = {};
    w.what = work::RUN;
    w.launch.kernel = k->kernel;
    w.launch.grid = {c->grid_x, c->grid_y, c->grid_z};
    w.launch.block = {c->block_x, c->block_y, c->block_z};
    w.launch.dynamic_shared = c->shared_bytes;
    for (unsigned i = 0; i < c->n_attributes; i++) {
        if (c->attributes[i].id != FL_CUDA_LAUNCH_PROGRAMMATIC_SERIALIZATION)
            return refuse(NOT_SUPPORTED, "launch of %s: attribute %d is not known here", k->kernel->name,
                          c->attributes[i].id);
        if (setting("FAKE_CUDA_SM", 90) < 90)
            return refuse(NOT_SUPPORTED, "launch of %s: programmatic serialization needs sm_90", k->kernel->name);
        w.launch.must_wait = c->attributes[i].value.programmatic_serialization != 0;
    }
    const void *args = launch_args(parameters, extra, k->kernel->args_bytes);
    if (!args)
        return refuse(INVALID_VALUE, "launch of %s: its arguments have %zu bytes, not what was given", k->kernel->name,
                      k->kernel->args_bytes);
    w.args.assign((const char *)args, (const char *)args + k->kernel->args_bytes);
    return put(c->stream, "cuLaunchKernelEx", std::move(w));
}

CUresult cuMemAlloc(CUdeviceptr *out, size_t bytes)
{
    guard g(f().lock);
    void *p = nullptr;
    CUresult error = need_context("cuMemAlloc");
    if (!error)
        error = need_no_capture("cuMemAlloc");
    if (!error)
        error = allocate(&p, bytes, true);
    if (!error)
        *out = (CUdeviceptr)(uintptr_t)p;
    return error;
}

CUresult cuMemFree(CUdeviceptr memory)
{
    guard g(f().lock);
    CUresult error = need_context("cuMemFree");
    if (!error && memory)
        error = need_no_capture("cuMemFree");
    if (error || !memory)
        return error;
    finish_all();
    return release((void *)(uintptr_t)memory, true);
}

CUresult cuMemGetInfo(size_t *free, size_t *total)
{
    guard g(f().lock);
    const CUresult error = need_context("cuMemGetInfo");
    *total = (size_t)setting("FAKE_CUDA_MEMORY", 1l << 30);
    *free = *total > f().used ? *total - f().used : 0;
    return error;
}

CUresult cuMemHostAlloc(void **out, size_t bytes, unsigned)
{
    guard g(f().lock);
    CUresult error = need_context("cuMemHostAlloc");
    if (!error)
        error = need_no_capture("cuMemHostAlloc");
    return error ? error : allocate(out, bytes, false);
}

CUresult cuMemFreeHost(void *memory)
{
    guard g(f().lock);
    CUresult error = need_context("cuMemFreeHost");
    if (!error)
        error = need_no_capture("cuMemFreeHost");
    if (error)
        return error;
    finish_all();
    return release(memory, false);
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr dst, const void *src, size_t bytes, CUstream s)
{
    guard g(f().lock);
    const CUresult error = need_device_range("cuMemcpyHtoDAsync", (void *)(uintptr_t)dst, bytes);
    return error ? error : put_copy(s, "cuMemcpyHtoDAsync", (void *)(uintptr_t)dst, src, bytes);
}

CUresult cuMemcpyDtoHAsync(void *dst, CUdeviceptr src, size_t bytes, CUstream s)
{
    guard g(f().lock);
    const CUresult error = need_device_range("cuMemcpyDtoHAsync", (void *)(uintptr_t)src, bytes);
    return error ? error : put_copy(s, "cuMemcpyDtoHAsync", dst, (void *)(uintptr_t)src, bytes);
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr dst, CUdeviceptr src, size_t bytes, CUstream s)
{
    guard g(f().lock);
    CUresult error = need_device_range("cuMemcpyDtoDAsync", (void *)(uintptr_t)dst, bytes);
    if (!error)
        error = need_device_range("cuMemcpyDtoDAsync", (void *)(uintptr_t)src, bytes);
    return error ? error : put_copy(s, "cuMemcpyDtoDAsync", (void *)(uintptr_t)dst, (void *)(uintptr_t)src, bytes);
}

CUresult cuMemsetD8Async(CUdeviceptr dst, unsigned char value, size_t bytes, CUstream s)
{
    guard g(f().lock);
    const CUresult error = need_device_range("cuMemsetD8Async", (void *)(uintptr_t)dst, bytes);
    work w = {};
    w.what = work::SET;
    w.dst = (void *)(uintptr_t)dst;
    w.value = value;
    w.bytes = bytes;
    return error ? error : put(s, "cuMemsetD8Async", std::move(w));
}

CUresult cuStreamCreateWithPriority(CUstream *out, unsigned, int)
{
    guard g(f().lock);
    const CUresult error = need_context("cuStreamCreateWithPriority");
    if (!error)
        *out = (CUstream)(void *)keep(new stream);
    return error;
}

CUresult cuStreamDestroy(CUstream handle)
{
    guard g(f().lock);
    stream *s = live<stream>(handle, STREAM, "cuStreamDestroy");
    if (!s)
        return INVALID_HANDLE;
    finish(s);
    if (s->capture) {
        captures -= s->owner == &self;
        delete s->capture;
    }
    f().objects.erase(s);
    return 0;
}

CUresult cuStreamSynchronize(CUstream handle)
{
    guard g(f().lock);
    CUresult error = need_context("cuStreamSynchronize");
    stream *s = error ? nullptr : live<stream>(handle, STREAM, "cuStreamSynchronize");
    if (!s)
        return error ? error : INVALID_HANDLE;
    error = need_no_capture("cuStreamSynchronize");
    if (!error)
        finish(s);
    return error;
}

CUresult cuEventCreate(CUevent *out, unsigned)
{
    guard g(f().lock);
    const CUresult error = need_context("cuEventCreate");
    if (!error)
        *out = (CUevent)(void *)keep(new event);
    return error;
}

CUresult cuEventDestroy(CUevent handle)
{
    guard g(f().lock);
    event *e = live<event>(handle, EVENT, "cuEventDestroy");
    if (!e)
        return INVALID_HANDLE;
    if (e->pending)
        finish_all();
    f().objects.erase(e);
    return 0;
}

CUresult cuEventRecord(CUevent handle, CUstream s)
{
    guard g(f().lock);
    event *e = live<event>(handle, EVENT, "cuEventRecord");
    work w = {};
    w.what = work::RECORD;
    w.mark = e;
    return e ? put(s, "cuEventRecord", std::move(w)) : INVALID_HANDLE;
}

CUresult cuEventSynchronize(CUevent handle)
{
    guard g(f().lock);
    event *e = live<event>(handle, EVENT, "cuEventSynchronize");
    CUresult error = e ? need_no_capture("cuEventSynchronize") : INVALID_HANDLE;
    if (!error && e->captured)
        error = refuse(CAPTURE_UNSUPPORTED, "cuEventSynchronize: the event was recorded in a capture");
    if (!error && e->pending)
        finish_all();
    return error;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent begin, CUevent end)
{
    guard g(f().lock);
    const event *a = live<event>(begin, EVENT, "cuEventElapsedTime"),
                *b = live<event>(end, EVENT, "cuEventElapsedTime");
    if (!a || !b || !a->recorded || !b->recorded || a->captured || b->captured)
        return INVALID_HANDLE;
    if (a->pending || b->pending)
        return NOT_READY;
    *milliseconds = (float)(b->ms - a->ms);
    return 0;
}

CUresult cuStreamBeginCapture(CUstream handle, int)
{
    guard g(f().lock);
    CUresult error = need_context("cuStreamBeginCapture");
    stream *s = error ? nullptr : live<stream>(handle, STREAM, "cuStreamBeginCapture");
    if (!s)
        return error ? error : INVALID_HANDLE;
    if (s->capture)
        return refuse(INVALID_VALUE, "cuStreamBeginCapture: the stream is being captured");
    s->capture = new graph(GRAPH);
    s->broken = false;
    s->owner = &self;
    captures++;
    return 0;
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *out)
{
    guard g(f().lock);
    stream *s = live<stream>(handle, STREAM, "cuStreamEndCapture");
    if (!s)
        return INVALID_HANDLE;
    if (!s->capture)
        return refuse(INVALID_VALUE, "cuStreamEndCapture: the stream is not being captured");
    if (s->owner != &self)
        return CAPTURE_WRONG_THREAD;
    graph *captured = s->capture;
    const bool broken = s->broken;
    s->capture = nullptr;
    s->broken = false;
    captures--;
    if (broken) {
        delete captured;
        *out = nullptr;
        return CAPTURE_INVALIDATED;
    }
    *out = (CUgraph)(void *)keep(captured);
    return 0;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph handle, unsigned long long)
{
    guard g(f().lock);
    graph *from = live<graph>(handle, GRAPH, "cuGraphInstantiateWithFlags");
    if (!from)
        return INVALID_HANDLE;
    graph *made = keep(new graph(GRAPH_EXEC));
    made->list = from->list;
    *out = (CUgraphExec)(void *)made;
    return 0;
}

CUresult cuGraphUpload(CUgraphExec handle, CUstream s)
{
    guard g(f().lock);
    const CUresult error = need_context("cuGraphUpload");
    if (error)
        return error;
    return live<graph>(handle, GRAPH_EXEC, "cuGraphUpload") && live<stream>(s, STREAM, "cuGraphUpload")
               ? 0
               : INVALID_HANDLE;
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream s)
{
    guard g(f().lock);
    graph *exec = live<graph>(handle, GRAPH_EXEC, "cuGraphLaunch");
    CUresult error = exec ? 0 : INVALID_HANDLE;
    for (size_t i = 0; !error && i < exec->list.size(); i++)
        error = put(s, "cuGraphLaunch", exec->list[i]);
    return error;
}

CUresult cuGraphExecDestroy(CUgraphExec handle)
{
    guard g(f().lock);
    if (!live<graph>(handle, GRAPH_EXEC, "cuGraphExecDestroy"))
        return INVALID_HANDLE;
    f().objects.erase(handle);
    return 0;
}

CUresult cuGraphDestroy(CUgraph handle)
{
    guard g(f().lock);
    if (!live<graph>(handle, GRAPH, "cuGraphDestroy"))
        return INVALID_HANDLE;
    f().objects.erase(handle);
    return 0;
}

/* ---- what the library exports */

static const struct entry {
    const char *name;
    int         version;
    void       *function;
} entries[] = {
#define FL_CUDA_ENTRY(need, name, version, parameters) {#name, version, (void *)name},
#include "backend/cuda/cuda_driver.def"
#undef FL_CUDA_ENTRY
};

extern "C" __attribute__((visibility("default"))) CUresult cuGetProcAddress_v2(const char *symbol, void **out,
                                                                               int version, uint64_t, int *status)
{
    *out = nullptr;
    for (const entry &e : entries)
        if (e.function && !strcmp(e.name, symbol) && version >= e.version &&
            e.version <= setting("FAKE_CUDA_VERSION", 13000)) {
            *out = e.function;
            if (status)
                *status = 0;
            return 0;
        }
    if (status)
        *status = 1; /* not found */
    return FL_CUDA_ERROR_NOT_FOUND;
}

/* For tests: allocations, streams, events and graphs that live. */
extern "C" __attribute__((visibility("default"))) size_t fake_cuda_living(void)
{
    guard g(f().lock);
    size_t n = f().memory.size();
    for (auto &o : f().objects)
        n += o.second->what != KERNEL && o.second->what != LIBRARY;
    return n;
}
