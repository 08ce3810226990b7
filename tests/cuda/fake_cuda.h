/* fake_cuda.h - the state of the fake driver and what its two files share: fake_cuda.cpp has the entry points and
 * checks what it is given, fake_work.cpp has memory and the work of streams.
 */
#ifndef TESTS_CUDA_FAKE_CUDA_H
#define TESTS_CUDA_FAKE_CUDA_H

#include "emulate_run.h"

#include "backend/cuda/cuda_driver.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

enum { /* CUresult, as far as it is not in cuda_driver.h */
    INVALID_VALUE = 1,
    NOT_INITIALIZED = 3,
    INVALID_DEVICE = 101,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_READY = 600,
    LAUNCH_OUT_OF_RESOURCES = 701,
    NOT_SUPPORTED = 801,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_WRONG_THREAD = 908
};

/* ---- objects. Handles are their addresses; objects[] knows the live ones. */

enum kind { STREAM, EVENT, GRAPH, GRAPH_EXEC, LIBRARY, KERNEL, KINDS };
extern const char *const kind_names[KINDS];

struct object {
    kind what;
    explicit object(kind k) : what(k) {}
    virtual ~object() {}
};

struct event : object {
    bool   recorded = false, pending = false, captured = false;
    double ms = 0;
    event() : object(EVENT) {}
};

struct kernel_handle : object {
    fl_emu_kernel *kernel;
    int            dynamic_shared = 49152;
    explicit kernel_handle(fl_emu_kernel *k) : object(KERNEL), kernel(k) {}
};

/* One thing for a stream to do. */
struct work {
    enum { RUN, COPY, SET, RECORD } what;
    fl_emu_launch     launch;
    std::vector<char> args;
    void             *dst;
    const void       *src;
    size_t            bytes;
    unsigned char     value;
    event            *mark;
};

struct graph : object {
    std::vector<work> list;
    explicit graph(kind k) : object(k) {}
};

struct stream : object {
    std::vector<work> todo;
    graph            *capture = nullptr;
    bool              broken = false;  /* the capture */
    const void       *owner = nullptr; /* the thread that captures */
    stream() : object(STREAM) {}
};

struct library : object {
    std::map<std::string, kernel_handle *> kernels;
    library() : object(LIBRARY) {}
};

struct allocation {
    char  *map, *data;
    size_t map_bytes, bytes;
    bool   device; /* else pinned host memory */
};

struct fake {
    std::recursive_mutex          lock;
    bool                          initialized = false;
    int                           retained = 0; /* of the primary context */
    std::map<void *, std::unique_ptr<object>> objects;
    std::map<uintptr_t, allocation> memory;
    size_t                        used = 0;
    std::string                   about;
};
fake &f();
typedef std::lock_guard<std::recursive_mutex> guard;

extern thread_local std::vector<CUcontext> contexts; /* pushed */
extern thread_local int                    captures; /* that this thread has under way */
extern thread_local char                   self;     /* its address tells threads apart */

/* An environment variable's number. */
long setting(const char *name, long otherwise);

/* Says why on stderr, since a CUresult does not, and gives the error. */
CUresult refuse(CUresult error, const char *format, ...) __attribute__((format(printf, 2, 3)));
CUresult need_context(const char *what);
/* What waits or allocates breaks this thread's captures. */
CUresult need_no_capture(const char *what);

template <typename T> T *live(void *handle, kind what, const char *call)
{
    auto it = f().objects.find(handle);
    if (it != f().objects.end() && it->second->what == what)
        return (T *)it->second.get();
    refuse(INVALID_HANDLE, "%s: %p is no %s that lives", call, handle, kind_names[what]);
    return nullptr;
}

template <typename T> T *keep(T *made)
{
    f().objects[made].reset(made);
    return made;
}

CUresult need_device_range(const char *what, const void *p, size_t bytes);
CUresult allocate(void **out, size_t bytes, bool device);
CUresult release(void *data, bool device);

/* Into the stream, or the graph being captured. */
CUresult put(CUstream handle, const char *call, work w);
CUresult put_copy(CUstream s, const char *call, void *dst, const void *src, size_t bytes);
/* Does what is in it. */
void finish(stream *s);
void finish_all();

#endif
