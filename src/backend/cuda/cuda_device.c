/* cuda_device.c - a GPU as a device: opened by number, or a target opened without one.
 *
 * One fl_device holds a reference to the GPU's primary context, which the process shares, and the fatbins loaded as
 * libraries. Opened with a target it has none of that (driver is NULL): it describes itself by the table of GPUs, lists
 * tactics, and refuses everything that would need memory.
 *
 * Some errors (an illegal address in a kernel, an uncorrectable memory error) take the context away from the whole process.
 * The device then is `dead`: every later call fails with a sentence that says so, instead of with whatever the driver makes
 * of a lost context.
 */
#include "backend/cuda/cuda_core.h"
#include "backend/cuda/cuda_sources.h"

#include <stdio.h>
#include <string.h>

#define LEAST_CAPABILITY 75

typedef struct gpu_device {
    fl_device      device; /* first: a pointer to it is one to the whole */
    fl_cuda_driver driver;
} gpu_device;

/* ---- errors and the scope */

static bool is_final(CUresult result)
{
    static const CUresult codes[] = {
        214, /* ECC_UNCORRECTABLE */ 220, /* NVLINK_UNCORRECTABLE */ 226, /* CONTAINED */
        700, /* ILLEGAL_ADDRESS */   702, /* LAUNCH_TIMEOUT */       709, /* CONTEXT_IS_DESTROYED */
        710, /* ASSERT */            714, /* HARDWARE_STACK_ERROR */ 715, /* ILLEGAL_INSTRUCTION */
        716, /* MISALIGNED_ADDRESS */ 717, /* INVALID_ADDRESS_SPACE */ 718, /* INVALID_PC */
        719, /* LAUNCH_FAILED */     721, /* TENSOR_MEMORY_LEAK */
    };

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] == result)
            return true;
    return false;
}

floe_status fl_cuda_result(fl_device *device, CUresult result, const char *what, floe_error *err)
{
    if (result == 0)
        return FLOE_OK;
    if (is_final(result))
        atomic_store(&device->dead, true);
    return fl_cuda_check(device->driver, result, what, err);
}

floe_status fl_cuda_enter(fl_device *device, floe_error *err)
{
    if (!device->driver)
        return fl_fail(err, FLOE_ERR_DEVICE, "this device stands for a GPU of %s that need not be here: engines can be built "
                       "for it, and nothing runs on it", device->info.target);
    if (atomic_load(&device->dead))
        return fl_fail(err, FLOE_ERR_DEVICE, "%s met an error that ends its use by this process; restart the process",
                       device->info.name);
    return fl_cuda_result(device, device->driver->cuCtxPushCurrent(device->context), "making the GPU's context current", err);
}

bool fl_cuda_enter_to_free(fl_device *device)
{
    return device->driver && device->driver->cuCtxPushCurrent(device->context) == 0;
}

void fl_cuda_leave(fl_device *device)
{
    CUcontext left;
    (void)device->driver->cuCtxPopCurrent(&left);
}

/* ---- opening */

/* "cuda" is the first GPU. */
static floe_status ordinal_of(const char *spec, int *out, floe_error *err)
{
    const char *digits = spec + 5; /* behind "cuda:" */

    *out = 0;
    if (!strcmp(spec, "cuda"))
        return FLOE_OK;
    const size_t n = strncmp(spec, "cuda:", 5) ? 0 : strspn(digits, "0123456789");
    if (n == 0 || n > 4 || digits[n])
        return fl_fail(err, FLOE_ERR_ARGUMENT, "device '%s': a GPU is named cuda, or cuda:1 by its number", spec);
    for (size_t i = 0; i < n; i++)
        *out = 10 * *out + (digits[i] - '0');
    return FLOE_OK;
}

static floe_status read_attribute(fl_device *device, int attribute, int *value, floe_error *err)
{
    return fl_cuda_result(device, device->driver->cuDeviceGetAttribute(value, attribute, device->handle),
                          "asking for the GPU's properties", err);
}

static floe_status read_properties(fl_device *device, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_device_info *info = &device->info;
    char name[64] = "";
    int major, minor, l2, shared;

    FL_CUDA(device, "asking for the GPU's name", cuDeviceGetName(name, (int)sizeof name, device->handle), err);
    name[sizeof name - 1] = 0;
    FL_TRY(read_attribute(device, FL_CUDA_ATTRIBUTE_MAJOR, &major, err));
    FL_TRY(read_attribute(device, FL_CUDA_ATTRIBUTE_MINOR, &minor, err));
    FL_TRY(read_attribute(device, FL_CUDA_ATTRIBUTE_MULTIPROCESSORS, &info->units, err));
    FL_TRY(read_attribute(device, FL_CUDA_ATTRIBUTE_L2_BYTES, &l2, err));
    FL_TRY(read_attribute(device, FL_CUDA_ATTRIBUTE_SHARED_PER_BLOCK, &shared, err));
    info->isa = 10 * major + minor;
    if (info->isa < LEAST_CAPABILITY)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "GPU %d, %s, has compute capability %d.%d; floe has kernels for %d.%d and higher "
                "(Turing and what came after)", device->ordinal, name, major, minor, LEAST_CAPABILITY / 10,
                LEAST_CAPABILITY % 10);
    info->l2_bytes = l2 > 0 ? (size_t)l2 : 0;
    info->shared_bytes = shared > 0 ? (size_t)shared : 0;
    snprintf(info->target, sizeof info->target, "sm_%d", info->isa);
    snprintf(info->name, sizeof info->name, "%s, driver %d", name, device->driver->version);
done:
    return st;
}

static floe_status find_gpu(fl_device *device, const char *spec, floe_error *err)
{
    floe_status st = FLOE_OK;
    int count = 0;

    FL_CUDA(device, "counting GPUs", cuDeviceGetCount(&count), err);
    if (device->ordinal >= count)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "device '%s': there %s %d GPU%s, cuda:0%s", spec, count == 1 ? "is" : "are", count,
                count == 1 ? "" : "s", count == 1 ? "" : " and following");
    FL_CUDA(device, "choosing the GPU", cuDeviceGet(&device->handle, device->ordinal), err);
    FL_TRY(read_properties(device, err));
done:
    return st;
}

static floe_status open_gpu(gpu_device *gpu, const char *spec, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_device *device = &gpu->device;

    FL_TRY(ordinal_of(spec, &device->ordinal, err));
    FL_TRY(fl_cuda_driver_open(&gpu->driver, err));
    device->driver = &gpu->driver;
    FL_TRY(find_gpu(device, spec, err));
    FL_CUDA(device, "opening the GPU's context", cuDevicePrimaryCtxRetain(&device->context, device->handle), err);
    FL_TRY(fl_cuda_enter(device, err));
    st = fl_cuda_load_modules(device, err);
    fl_cuda_leave(device);
done:
    return st;
}

static floe_status open_target(fl_device *device, const char *target, floe_error *err)
{
    fl_device_info *info = &device->info;
    const fl_cuda_gpu *gpu = fl_cuda_gpu_find(fl_cuda_capability_of(target));

    if (!gpu) {
        char list[128];
        fl_cuda_gpu_list(list, sizeof list);
        return fl_fail(err, FLOE_ERR_ARGUMENT, "target '%s': engines can be built for %s", target, list);
    }
    info->isa = gpu->capability;
    info->units = gpu->units;
    info->l2_bytes = (size_t)(gpu->l2_mib * 1024 * 1024);
    info->shared_bytes = (size_t)(gpu->shared_kib * 1024);
    snprintf(info->target, sizeof info->target, "sm_%d", info->isa);
    snprintf(info->name, sizeof info->name, "%s by the cost model", gpu->name);
    return FLOE_OK;
}

floe_status fl_cuda_open(fl_device **out, const floe_env *env, const char *spec, const fl_device_options *options,
                         floe_error *err)
{
    static const uint32_t all_sources = (1u << FL_SOURCE_COUNT) - 1;
    floe_status st = FLOE_OK;
    gpu_device *gpu = fl_calloc(env, 1, sizeof *gpu);

    FL_NEED(gpu, sizeof *gpu, "a device", err);
    fl_device *device = &gpu->device;
    if (env)
        device->env = *env;
    pthread_mutex_init(&device->lock, NULL);
    pthread_mutex_init(&device->source_lock, NULL);
    atomic_init(&device->dead, false);
    device->info.tf32 = !options || options->tf32;
    device->info.sources = !options ? all_sources : options->sources ? options->sources & all_sources : 1u << FL_SOURCE_OWN;
    device->info.device = device;
    if (options && options->isa && options->isa[0])
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "an ISA level ('%s') is for the CPU; a GPU to build for is a target such as sm_90",
                options->isa);
    FL_TRY(options && options->target ? open_target(device, options->target, err) : open_gpu(gpu, spec, err));
    *out = device;
    gpu = NULL;
done:
    fl_cuda_close(gpu ? &gpu->device : NULL);
    return st;
}

void fl_cuda_close(fl_device *device)
{
    if (!device)
        return;
    gpu_device *gpu = (gpu_device *)(void *)device;
    const floe_env env = device->env;

    if (device->context) {
        const bool inside = fl_cuda_enter_to_free(device);
        fl_cuda_close_sources(device);
        if (inside) {
            fl_cuda_unload_modules(device);
            fl_cuda_leave(device);
        }
        (void)device->driver->cuDevicePrimaryCtxRelease(device->handle);
    }
    fl_free(&env, device->modules);
    fl_free(&env, device->kernels);
    fl_cuda_driver_close(&gpu->driver);
    pthread_mutex_destroy(&device->lock);
    pthread_mutex_destroy(&device->source_lock);
    fl_free(&env, gpu);
}

/* ---- what it says of itself */

void fl_cuda_describe(const fl_device *device, fl_device_info *out)
{
    *out = device->info;
}

/* Kernels are there for every GPU from sm_75 on, so any plan's steps can run; its tactics were chosen for another GPU. */
floe_status fl_cuda_accepts(const fl_device *device, const char *target, floe_error *err)
{
    const int capability = fl_cuda_capability_of(target);

    if (capability < LEAST_CAPABILITY)
        return fl_fail(err, FLOE_ERR_TARGET, "built for '%s', which is no GPU that floe knows; this is %s", target,
                       device->info.target);
    if (capability != device->info.isa)
        fl_log(&device->env, FLOE_SEVERITY_WARNING, "Built for %s, this is %s (%s): it runs with the tactics chosen there; "
               "`floe retune PLAN` would choose anew", target, device->info.target, device->info.name);
    return FLOE_OK;
}
