/* cuda_launch.c - kernels by name, and putting them into a stream.
 *
 * The fatbins of cuda_modules.def are loaded as libraries when the device is opened. A kernel is looked for in each of them
 * when it is first asked for, then kept in a hash table (open addressing, at most half full), together with the most
 * dynamic shared memory it was ever allowed: beyond 48 KiB the driver wants to be told first.
 *
 * From sm_90 on every launch carries the programmatic-serialization attribute: the kernel may begin while the one before it
 * ends, and waits itself (fl_wait_previous in device.cuh). A captured graph keeps that as a kind of edge.
 */
#include "backend/cuda/cuda_core.h"

#include <string.h>

#define NAME_BYTES     64 /* of a kernel, NUL included */
#define ARGS_BYTES     4096
#define SHARED_FREE    (48u << 10) /* what a kernel may use unasked */
#define LARGEST_GRID_X 2147483647u
#define LARGEST_GRID   65535u

struct fl_cuda_kernel_slot {
    char      name[NAME_BYTES]; /* empty: a free slot */
    CUkernel  kernel;
    uint32_t  shared;           /* dynamic shared memory that the driver knows of */
    bool      loaded;
};

/* ---- modules */

#define FL_CUDA_MODULE(name) extern const uint8_t fl_fatbin_##name[];
#include "backend/cuda/cuda_modules.def"
#undef FL_CUDA_MODULE

typedef struct module {
    const char    *name;
    const uint8_t *fatbin;
} module;

static const module modules[] = {
#define FL_CUDA_MODULE(name) {#name, fl_fatbin_##name},
#include "backend/cuda/cuda_modules.def"
#undef FL_CUDA_MODULE
};

#define N_MODULES (sizeof modules / sizeof modules[0])

size_t fl_cuda_module_count(void) { return N_MODULES; }

floe_status fl_cuda_load_modules(fl_device *device, floe_error *err)
{
    floe_status st = FLOE_OK;

    device->modules = fl_calloc(&device->env, N_MODULES, sizeof *device->modules);
    FL_NEED(device->modules, N_MODULES * sizeof *device->modules, "a device", err);
    for (size_t i = 0; i < N_MODULES; i++) {
        st = fl_cuda_result(device, device->driver->cuLibraryLoadData(&device->modules[i], modules[i].fatbin, NULL, NULL, 0,
                                                                      NULL, NULL, 0),
                            "loading kernels onto the GPU", err);
        if (st != FLOE_OK) {
            fl_error_prefix(err, "%s, kernels '%s'", device->info.name, modules[i].name);
            goto done;
        }
    }
done:
    return st;
}

void fl_cuda_unload_modules(fl_device *device)
{
    for (size_t i = 0; device->modules && i < N_MODULES; i++)
        if (device->modules[i])
            (void)device->driver->cuLibraryUnload(device->modules[i]);
}

/* ---- the table, under the lock */

static uint32_t hash_of(const char *name)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return h;
}

/* The slot of that name, or the free one where it belongs. */
static fl_cuda_kernel_slot *slot_of(fl_cuda_kernel_slot *slots, size_t capacity, const char *name)
{
    size_t i = hash_of(name) & (capacity - 1);
    while (slots[i].name[0] && strcmp(slots[i].name, name) != 0)
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static floe_status grow(fl_device *device, floe_error *err)
{
    const size_t capacity = device->kernel_capacity ? 2 * device->kernel_capacity : 64;
    fl_cuda_kernel_slot *slots = fl_calloc(&device->env, capacity, sizeof *slots);

    if (!slots)
        return fl_fail_memory(err, capacity * sizeof *slots, "the table of kernels");
    for (size_t i = 0; i < device->kernel_capacity; i++)
        if (device->kernels[i].name[0])
            *slot_of(slots, capacity, device->kernels[i].name) = device->kernels[i];
    fl_free(&device->env, device->kernels);
    device->kernels = slots;
    device->kernel_capacity = capacity;
    return FLOE_OK;
}

static floe_status ask_modules(fl_device *device, const char *name, CUkernel *out, floe_error *err)
{
    for (size_t i = 0; i < N_MODULES; i++) {
        const CUresult result = device->driver->cuLibraryGetKernel(out, device->modules[i], name);
        if (result == 0)
            return FLOE_OK;
        if (result != FL_CUDA_ERROR_NOT_FOUND)
            return fl_cuda_result(device, result, "looking for a kernel", err);
    }
    return fl_fail(err, FLOE_ERR_NOT_FOUND, "none of the %zu modules of this build has a kernel of that name", N_MODULES);
}

static floe_status find_slot(fl_device *device, const char *name, fl_cuda_kernel_slot **out, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (strlen(name) >= NAME_BYTES)
        FL_FAIL(err, FLOE_ERR_LIMIT, "a kernel's name has at most %d letters", NAME_BYTES - 1);
    if (2 * (device->n_kernels + 1) > device->kernel_capacity)
        FL_TRY(grow(device, err));
    fl_cuda_kernel_slot *slot = slot_of(device->kernels, device->kernel_capacity, name);
    if (!slot->name[0]) {
        CUkernel kernel = NULL;
        FL_TRY(ask_modules(device, name, &kernel, err));
        *slot = (fl_cuda_kernel_slot){.kernel = kernel};
        memcpy(slot->name, name, strlen(name) + 1);
        device->n_kernels++;
    }
    *out = slot;
done:
    return st;
}

/* The driver brings code onto the GPU at a kernel's first use, which must not fall into a capture. Drivers before CUDA 12.4
 * have no call for it. */
static floe_status load(fl_device *device, fl_cuda_kernel_slot *slot, floe_error *err)
{
    floe_status st = FLOE_OK;
    CUfunction function = NULL;

    if (!slot->loaded && device->driver->cuKernelGetFunction && device->driver->cuFuncLoad) {
        FL_CUDA(device, "loading the kernel", cuKernelGetFunction(&function, slot->kernel), err);
        FL_CUDA(device, "loading the kernel", cuFuncLoad(function), err);
    }
    slot->loaded = true;
done:
    return st;
}

static floe_status get_kernel(fl_device *device, const char *name, uint32_t shared, CUkernel *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_cuda_kernel_slot *slot = NULL;

    pthread_mutex_lock(&device->lock);
    FL_TRY(find_slot(device, name, &slot, err));
    FL_TRY(load(device, slot, err));
    if (shared > SHARED_FREE && shared > slot->shared) {
        FL_CUDA(device, "asking for dynamic shared memory",
                cuKernelSetAttribute(FL_CUDA_FUNC_DYNAMIC_SHARED, (int)shared, slot->kernel, device->handle), err);
        slot->shared = shared;
    }
    *out = slot->kernel;
done:
    pthread_mutex_unlock(&device->lock);
    return st;
}

/* ---- launching */

static floe_status check_grid(const fl_cuda_grid *g, size_t bytes, floe_error *err)
{
    if (g->x > LARGEST_GRID_X || g->y > LARGEST_GRID || g->z > LARGEST_GRID || g->threads < 1 || g->threads > 1024 ||
        bytes > ARGS_BYTES)
        return fl_fail(err, FLOE_ERR_LIMIT, "a grid of %u x %u x %u blocks of %u threads with %zu bytes of arguments; at most "
                       "2147483647 x 65535 x 65535 of 1024 with %d are possible", g->x, g->y, g->z, g->threads, bytes,
                       ARGS_BYTES);
    return FLOE_OK;
}

static floe_status launch(fl_stream *stream, const char *name, const fl_cuda_grid *grid, const void *args, size_t bytes,
                          floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_device *device = stream->device;
    void *parameters[1] = {(void *)(uintptr_t)args};
    CUlaunchAttribute overlap = {.id = FL_CUDA_LAUNCH_PROGRAMMATIC_SERIALIZATION, .value = {.programmatic_serialization = 1}};
    CUkernel kernel = NULL;

    FL_TRY(check_grid(grid, bytes, err));
    FL_TRY(get_kernel(device, name, grid->shared, &kernel, err));
    if (stream->loading)
        goto done;
    const CUlaunchConfig config = {.grid_x = grid->x, .grid_y = grid->y, .grid_z = grid->z, .block_x = grid->threads,
                                   .block_y = 1, .block_z = 1, .shared_bytes = grid->shared, .stream = stream->stream,
                                   .attributes = &overlap, .n_attributes = device->info.isa >= 90 ? 1 : 0};
    FL_CUDA(device, "launching", cuLaunchKernelEx(&config, (CUfunction)(void *)kernel, parameters, NULL), err);
done:
    return st;
}

floe_status fl_cuda_launch(fl_stream *stream, const char *kernel, const fl_cuda_grid *grid, const void *args, size_t bytes,
                           floe_error *err)
{
    if (grid->x == 0 || grid->y == 0 || grid->z == 0)
        return FLOE_OK;
    const floe_status st = launch(stream, kernel, grid, args, bytes, err);
    if (st != FLOE_OK)
        fl_error_prefix(err, "kernel '%s'", kernel);
    return st;
}

fl_divisor fl_cuda_divisor(int64_t d)
{
    fl_divisor out = {.d = (uint32_t)d};

    while (((uint64_t)1 << out.shift) < (uint64_t)d)
        out.shift++;
    out.magic = (uint32_t)(((((uint64_t)1 << out.shift) - (uint64_t)d) << 32) / (uint64_t)d + 1);
    return out;
}
