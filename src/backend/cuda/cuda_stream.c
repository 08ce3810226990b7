/* cuda_stream.c - a stream: one per context. Work in it is done in order, beside that of other streams.
 *
 * It owns four events for marks and a block of counters, zeros to begin with: kernels that split one sum over several
 * blocks count arrivals there and put the zeros back.
 */
#include "backend/cuda/cuda_core.h"

static floe_status open_inside(fl_stream *stream, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_device *device = stream->device;
    const size_t bytes = FL_CUDA_COUNTERS * sizeof *stream->counters;
    CUdeviceptr counters = 0;

    FL_CUDA(device, "opening a stream", cuStreamCreateWithPriority(&stream->stream, FL_CUDA_STREAM_NON_BLOCKING, 0), err);
    for (int i = 0; i < FL_MARKS; i++)
        FL_CUDA(device, "making an event", cuEventCreate(&stream->marks[i], 0), err);
    FL_CUDA(device, "allocating a stream's counters", cuMemAlloc(&counters, bytes), err);
    stream->counters = (uint32_t *)(uintptr_t)counters;
    FL_CUDA(device, "clearing a stream's counters", cuMemsetD8Async(counters, 0, bytes, stream->stream), err);
    FL_CUDA(device, "clearing a stream's counters", cuStreamSynchronize(stream->stream), err);
done:
    return st;
}

static void close_inside(fl_stream *stream)
{
    const fl_cuda_driver *driver = stream->device->driver;

    if (stream->stream)
        (void)driver->cuStreamSynchronize(stream->stream);
    if (stream->flush)
        (void)driver->cuMemFree(fl_cuda_address(stream->flush));
    if (stream->counters)
        (void)driver->cuMemFree(fl_cuda_address(stream->counters));
    for (int i = 0; i < FL_MARKS; i++)
        if (stream->marks[i])
            (void)driver->cuEventDestroy(stream->marks[i]);
    if (stream->stream)
        (void)driver->cuStreamDestroy(stream->stream);
}

floe_status fl_cuda_stream_open(fl_stream **out, fl_device *device, int threads, floe_error *err)
{
    floe_status st = fl_cuda_enter(device, err);
    fl_stream *stream = NULL;

    (void)threads; /* the GPU has its own */
    if (st != FLOE_OK)
        return st;
    stream = fl_calloc(&device->env, 1, sizeof *stream);
    FL_NEED(stream, sizeof *stream, "a stream", err);
    stream->device = device;
    FL_TRY(open_inside(stream, err));
    *out = stream;
    stream = NULL;
done:
    if (stream)
        close_inside(stream);
    fl_cuda_leave(device);
    fl_free(&device->env, stream);
    return st;
}

void fl_cuda_stream_close(fl_stream *stream)
{
    if (!stream)
        return;
    if (fl_cuda_enter_to_free(stream->device)) {
        close_inside(stream);
        fl_cuda_leave(stream->device);
    }
    fl_free(&stream->device->env, stream);
}

/* ---- copies */

floe_status fl_cuda_upload(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = bytes ? fl_cuda_enter(device, err) : FLOE_OK;

    if (st != FLOE_OK || !bytes)
        return st;
    FL_CUDA(device, "copying to the GPU", cuMemcpyHtoDAsync(fl_cuda_address(dst), src, bytes, stream->stream), err);
done:
    fl_cuda_leave(device);
    return st;
}

floe_status fl_cuda_download(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = bytes ? fl_cuda_enter(device, err) : FLOE_OK;

    if (st != FLOE_OK || !bytes)
        return st;
    FL_CUDA(device, "copying from the GPU", cuMemcpyDtoHAsync(dst, fl_cuda_address(src), bytes, stream->stream), err);
done:
    fl_cuda_leave(device);
    return st;
}

/* ---- waiting and marks */

floe_status fl_cuda_wait(fl_stream *stream, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = fl_cuda_enter(device, err);

    if (st != FLOE_OK)
        return st;
    FL_CUDA(device, "waiting for the GPU", cuStreamSynchronize(stream->stream), err);
done:
    fl_cuda_leave(device);
    return st;
}

floe_status fl_cuda_mark(fl_stream *stream, int i, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = fl_cuda_enter(device, err);

    if (st != FLOE_OK)
        return st;
    FL_CUDA(device, "recording an event", cuEventRecord(stream->marks[i], stream->stream), err);
done:
    fl_cuda_leave(device);
    return st;
}

floe_status fl_cuda_elapsed(fl_stream *stream, int from, int to, uint64_t *ns, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = fl_cuda_enter(device, err);
    float ms = 0;

    if (st != FLOE_OK)
        return st;
    FL_CUDA(device, "reading the time between two events", cuEventElapsedTime(&ms, stream->marks[from], stream->marks[to]),
            err);
    *ns = ms > 0 ? (uint64_t)((double)ms * 1e6) : 0;
done:
    fl_cuda_leave(device);
    return st;
}
