/* cuda_memory.c - memory of the GPU, weights uploaded once, and pinned memory of the host.
 *
 * Device addresses travel as pointers that the host never follows. The driver aligns allocations to 256 bytes.
 */
#include "backend/cuda/cuda_core.h"

/* The driver refuses to allocate nothing; an empty tensor has an address too. */
#define LEAST_BYTES 256

/* "out of memory" with the numbers one asks for next. Other allocations still work. */
static floe_status fail_memory(fl_device *device, size_t bytes, floe_error *err)
{
    size_t free = 0, total = 0;

    if (device->driver->cuMemGetInfo(&free, &total) != 0)
        return fl_fail(err, FLOE_ERR_MEMORY, "out of memory on %s: %zu bytes wanted", device->info.name, bytes);
    return fl_fail(err, FLOE_ERR_MEMORY, "out of memory on %s: %zu bytes wanted, %zu of %zu are free", device->info.name, bytes,
                   free, total);
}

static floe_status alloc_inside(fl_device *device, void **out, size_t bytes, floe_error *err)
{
    CUdeviceptr memory = 0;
    const CUresult result = device->driver->cuMemAlloc(&memory, bytes ? bytes : LEAST_BYTES);

    if (result == FL_CUDA_ERROR_OUT_OF_MEMORY)
        return fail_memory(device, bytes, err);
    if (result == 0)
        *out = (void *)(uintptr_t)memory;
    return fl_cuda_result(device, result, "allocating GPU memory", err);
}

floe_status fl_cuda_alloc(fl_device *device, void **out, size_t bytes, floe_error *err)
{
    floe_status st = fl_cuda_enter(device, err);

    if (st != FLOE_OK)
        return st;
    st = alloc_inside(device, out, bytes, err);
    fl_cuda_leave(device);
    return st;
}

void fl_cuda_free(fl_device *device, void *memory)
{
    if (!memory || !fl_cuda_enter_to_free(device))
        return;
    (void)device->driver->cuMemFree(fl_cuda_address(memory));
    fl_cuda_leave(device);
}

/* In a stream of its own, so that no other one waits. */
static floe_status copy_and_wait(fl_device *device, CUdeviceptr dst, const void *src, size_t bytes, floe_error *err)
{
    floe_status st = FLOE_OK;
    CUstream stream = NULL;

    FL_CUDA(device, "opening a stream for the weights", cuStreamCreateWithPriority(&stream, FL_CUDA_STREAM_NON_BLOCKING, 0),
            err);
    FL_CUDA(device, "uploading the weights", cuMemcpyHtoDAsync(dst, src, bytes, stream), err);
    FL_CUDA(device, "uploading the weights", cuStreamSynchronize(stream), err);
done:
    if (stream)
        (void)device->driver->cuStreamDestroy(stream);
    return st;
}

floe_status fl_cuda_import_weights(fl_device *device, const void **out, const void *host, size_t bytes, floe_error *err)
{
    floe_status st = fl_cuda_enter(device, err);
    void *memory = NULL;

    if (st != FLOE_OK)
        return st;
    FL_TRY(alloc_inside(device, &memory, bytes, err));
    if (bytes)
        FL_TRY(copy_and_wait(device, fl_cuda_address(memory), host, bytes, err));
    *out = memory;
    memory = NULL;
done:
    if (memory)
        (void)device->driver->cuMemFree(fl_cuda_address(memory));
    fl_cuda_leave(device);
    if (st != FLOE_OK)
        fl_error_prefix(err, "%zu bytes of weights", bytes);
    return st;
}

void fl_cuda_release_weights(fl_device *device, const void *weights)
{
    fl_cuda_free(device, (void *)(uintptr_t)weights);
}

floe_status fl_cuda_alloc_host(fl_device *device, void **out, size_t bytes, floe_error *err)
{
    floe_status st = fl_cuda_enter(device, err);
    void *memory = NULL;

    if (st != FLOE_OK)
        return st;
    const CUresult result = device->driver->cuMemHostAlloc(&memory, bytes ? bytes : LEAST_BYTES, FL_CUDA_HOST_PORTABLE);
    if (result == FL_CUDA_ERROR_OUT_OF_MEMORY)
        st = fl_fail(err, FLOE_ERR_MEMORY, "out of memory: %zu bytes of pinned host memory wanted", bytes);
    else
        st = fl_cuda_result(device, result, "allocating pinned host memory", err);
    if (st == FLOE_OK)
        *out = memory;
    fl_cuda_leave(device);
    return st;
}

void fl_cuda_free_host(fl_device *device, void *memory)
{
    if (!memory || !fl_cuda_enter_to_free(device))
        return;
    (void)device->driver->cuMemFreeHost(memory);
    fl_cuda_leave(device);
}
