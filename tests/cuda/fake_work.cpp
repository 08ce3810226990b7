/* fake_work.cpp - the fake driver's memory, and the work that its streams do: fake_cuda.h. */
#include "fake_cuda.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

const char *const kind_names[KINDS] = {"stream", "event", "graph", "executable graph", "library", "kernel"};

thread_local std::vector<CUcontext> contexts;
thread_local int                    captures;
thread_local char                   self;

static constexpr size_t PAGE = 4096;

/* Never destroyed: other threads and exit handlers may still call. */
fake &f()
{
    static fake *const it = new fake;
    return *it;
}

long setting(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? atol(text) : otherwise;
}

CUresult refuse(CUresult error, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "emulator: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    return error;
}

CUresult need_context(const char *what)
{
    if (!f().initialized)
        return refuse(NOT_INITIALIZED, "%s before cuInit", what);
    if (contexts.empty() || !contexts.back() || !f().retained)
        return refuse(INVALID_CONTEXT, "%s without a current context", what);
    return 0;
}

CUresult need_no_capture(const char *what)
{
    if (!captures)
        return 0;
    for (auto &o : f().objects)
        if (o.second->what == STREAM) {
            stream *s = (stream *)o.second.get();
            s->broken |= s->capture && s->owner == &self;
        }
    return refuse(CAPTURE_UNSUPPORTED, "%s while a stream is being captured", what);
}

/* ---- memory */

static const allocation *find_memory(const void *p)
{
    auto it = f().memory.upper_bound((uintptr_t)p);
    if (it == f().memory.begin())
        return nullptr;
    const allocation &a = (--it)->second;
    return (const char *)p < a.map + a.map_bytes ? &a : nullptr;
}

CUresult need_device_range(const char *what, const void *p, size_t bytes)
{
    const allocation *a = find_memory(p);
    if (!a || !a->device)
        return refuse(INVALID_VALUE, "%s: %p is not in device memory", what, p);
    if ((const char *)p < a->data || bytes > (size_t)(a->data + a->bytes - (const char *)p))
        return refuse(INVALID_VALUE, "%s: %zu bytes at offset %td of an allocation of %zu", what, bytes,
                      (const char *)p - a->data, a->bytes);
    return 0;
}

static void protect_device(int protection)
{
    for (auto &entry : f().memory) {
        const allocation &a = entry.second;
        if (a.device && mprotect(a.map + PAGE, a.map_bytes - 2 * PAGE, protection))
            fl_emu_fail("mprotect failed");
    }
}

/* The bytes between an allocation's end and the page that faults still hold poison. */
static void check_ends(const char *after)
{
    for (auto &entry : f().memory) {
        const allocation &a = entry.second;
        const unsigned char *end = (const unsigned char *)a.map + a.map_bytes - PAGE;
        for (const unsigned char *p = (const unsigned char *)a.data + a.bytes; a.device && p < end; p++)
            if (*p != FL_EMU_POISON)
                fl_emu_fail("%s wrote at offset %td of an allocation of %zu bytes", after, (const char *)p - a.data,
                            a.bytes);
    }
}

CUresult allocate(void **out, size_t bytes, bool device)
{
    const size_t need = (bytes + 255) / 256 * 256, pages = (need + PAGE - 1) / PAGE * PAGE;
    const size_t total = (size_t)setting("FAKE_CUDA_MEMORY", 1l << 30);
    allocation a = {nullptr, nullptr, pages + 2 * PAGE, bytes, device};
    if (!bytes)
        return refuse(INVALID_VALUE, "an allocation of 0 bytes");
    if (bytes > (size_t)1 << 46 || (device && (need > total || f().used > total - need)))
        return FL_CUDA_ERROR_OUT_OF_MEMORY;
    a.map =
        (char *)mmap(nullptr, a.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (a.map == MAP_FAILED)
        return FL_CUDA_ERROR_OUT_OF_MEMORY;
    a.data = a.map + PAGE + pages - need;
    memset(a.map + PAGE, FL_EMU_POISON, pages);
    mprotect(a.map, PAGE, PROT_NONE);
    mprotect(a.map + PAGE + pages, PAGE, PROT_NONE);
    if (device)
        mprotect(a.map + PAGE, pages, PROT_NONE);
    f().used += device ? need : 0;
    f().memory[(uintptr_t)a.map] = a;
    *out = a.data;
    return 0;
}

CUresult release(void *data, bool device)
{
    const allocation *a = find_memory(data);
    if (!a || a->data != data || a->device != device)
        return refuse(INVALID_VALUE, "%p was freed before or is no allocation", data);
    f().used -= device ? (a->bytes + 255) / 256 * 256 : 0;
    munmap(a->map, a->map_bytes);
    f().memory.erase((uintptr_t)a->map);
    return 0;
}

/* ---- doing the work of streams */

static double now_ms()
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void do_work(work &w)
{
    switch (w.what) {
    case work::RUN: {
        w.launch.args = w.args.data();
        w.launch.reverse = setting("FAKE_CUDA_REVERSE", 0) != 0;
        const double begin = now_ms();
        fl_emu_run(&w.launch);
        if (setting("FAKE_CUDA_TRACE", 0))
            fprintf(stderr, "emulator: %s (%u,%u,%u) x (%u,%u,%u), %zu bytes of shared memory: %.3f ms\n",
                    w.launch.kernel->name, w.launch.grid.x, w.launch.grid.y, w.launch.grid.z, w.launch.block.x,
                    w.launch.block.y, w.launch.block.z, w.launch.dynamic_shared, now_ms() - begin);
        check_ends(w.launch.kernel->name);
        break;
    }
    case work::COPY: memmove(w.dst, w.src, w.bytes); break;
    case work::SET:  memset(w.dst, w.value, w.bytes); break;
    case work::RECORD:
        w.mark->ms = now_ms();
        w.mark->pending = false;
        break;
    }
}

void finish(stream *s)
{
    if (s->todo.empty())
        return;
    std::vector<work> list;
    list.swap(s->todo);
    protect_device(PROT_READ | PROT_WRITE);
    for (work &w : list)
        do_work(w);
    protect_device(PROT_NONE);
}

void finish_all()
{
    for (auto &o : f().objects)
        if (o.second->what == STREAM)
            finish((stream *)o.second.get());
}

CUresult put(CUstream handle, const char *call, work w)
{
    CUresult error = need_context(call);
    stream *s = error ? nullptr : live<stream>(handle, STREAM, call);
    if (!s)
        return error ? error : INVALID_HANDLE;
    if (s->broken)
        return CAPTURE_INVALIDATED;
    if (s->capture) {
        if (w.what == work::RECORD)
            w.mark->captured = true;
        else
            s->capture->list.push_back(std::move(w));
        return 0;
    }
    if (w.what == work::RECORD) {
        w.mark->captured = false;
        w.mark->recorded = w.mark->pending = true;
    }
    s->todo.push_back(std::move(w));
    if (setting("CUDA_LAUNCH_BLOCKING", 0))
        finish(s);
    return 0;
}

CUresult put_copy(CUstream s, const char *call, void *dst, const void *src, size_t bytes)
{
    work w = {};
    w.what = work::COPY;
    w.dst = dst;
    w.src = src;
    w.bytes = bytes;
    return put(s, call, std::move(w));
}

const char *fl_emu_about_address(const void *p)
{
    const allocation *a = find_memory(p);
    char text[160];
    if (!a)
        return "in no allocation";
    const ptrdiff_t offset = (const char *)p - a->data;
    snprintf(text, sizeof text, "offset %td of %s of %zu bytes", offset, a->device ? "device memory" : "pinned memory",
             a->bytes);
    f().about = text;
    return f().about.c_str();
}

