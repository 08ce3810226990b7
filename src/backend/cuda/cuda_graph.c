/* cuda_graph.c - recording work as a graph, and the GPU's clock.
 *
 * Recording is the driver's stream capture in thread-local mode: what this thread puts into the stream goes into the graph
 * instead of to the GPU, and other threads go on with theirs. Whatever fails in between, the capture is ended, or the stream
 * would stay unusable.
 */
#include "backend/cuda/cuda_core.h"

floe_status fl_cuda_load_kernels(fl_stream *stream, fl_cuda_body body, const void *arg, floe_error *err)
{
    stream->loading = true;
    const floe_status st = body(stream, arg, err);
    stream->loading = false;
    return st;
}

/* The captured graph, also when body fails: then it is a broken one or NULL. */
static floe_status capture(CUgraph *out, fl_stream *stream, fl_cuda_body body, const void *arg, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = FLOE_OK;

    FL_CUDA(device, "beginning a capture", cuStreamBeginCapture(stream->stream, FL_CUDA_CAPTURE_THREAD_LOCAL), err);
    st = body(stream, arg, err);
    const floe_status ended = fl_cuda_result(device, device->driver->cuStreamEndCapture(stream->stream, out),
                                             "ending a capture", st == FLOE_OK ? err : NULL);
    st = st == FLOE_OK ? ended : st;
done:
    return st;
}

floe_status fl_cuda_record(CUgraphExec *out, fl_stream *stream, fl_cuda_body body, const void *arg, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = FLOE_OK;
    CUgraph graph = NULL;
    CUgraphExec exec = NULL;

    FL_TRY(fl_cuda_load_kernels(stream, body, arg, err));
    FL_TRY(capture(&graph, stream, body, arg, err));
    FL_CUDA(device, "making a graph runnable", cuGraphInstantiateWithFlags(&exec, graph, 0), err);
    FL_CUDA(device, "uploading a graph", cuGraphUpload(exec, stream->stream), err);
    *out = exec;
    exec = NULL;
done:
    if (graph)
        (void)device->driver->cuGraphDestroy(graph);
    fl_cuda_graph_free(device, exec);
    return st;
}

void fl_cuda_graph_free(fl_device *device, CUgraphExec graph)
{
    if (graph)
        (void)device->driver->cuGraphExecDestroy(graph);
}

/* ---- the clock: two events around the work */

static floe_status begin(fl_stream *stream, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = FLOE_OK;

    FL_CUDA(device, "recording an event", cuEventRecord(stream->marks[0], stream->stream), err);
done:
    return st;
}

static floe_status end(fl_stream *stream, uint64_t *ns, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = FLOE_OK;
    float ms = 0;

    FL_CUDA(device, "recording an event", cuEventRecord(stream->marks[1], stream->stream), err);
    FL_CUDA(device, "waiting for the GPU", cuEventSynchronize(stream->marks[1]), err);
    FL_CUDA(device, "reading the time between two events", cuEventElapsedTime(&ms, stream->marks[0], stream->marks[1]), err);
    *ns = ms > 0 ? (uint64_t)((double)ms * 1e6) : 0;
done:
    return st;
}

floe_status fl_cuda_clock_graph(fl_stream *stream, CUgraphExec graph, uint64_t *ns, floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = FLOE_OK;

    FL_TRY(begin(stream, err));
    FL_CUDA(device, "running a graph", cuGraphLaunch(graph, stream->stream), err);
    FL_TRY(end(stream, ns, err));
done:
    return st;
}

floe_status fl_cuda_clock_body(fl_stream *stream, fl_cuda_body body, const void *arg, uint64_t *ns, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(begin(stream, err));
    FL_TRY(body(stream, arg, err));
    FL_TRY(end(stream, ns, err));
done:
    return st;
}
