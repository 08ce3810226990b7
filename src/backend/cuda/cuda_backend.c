/* cuda_backend.c - the CUDA backend's table of slots; cuda_core.h says which file has which.
 *
 *     device    a GPU's primary context and the kernels of this library (cuda_device.c, cuda_memory.c, cuda_launch.c)
 *     stream    a CUDA stream with events (cuda_stream.c)
 *     program   CUDA graphs of a context's steps (cuda_graph.c, cuda_program.c, cuda_time.c)
 *     tactics   one list per operator (cuda_tactics.c)
 */
#include "backend/cuda/cuda_core.h"

const fl_backend fl_cuda_backend = {
    .name = "cuda",
    .host_memory = false,
    .open = fl_cuda_open,
    .close = fl_cuda_close,
    .describe = fl_cuda_describe,
    .accepts = fl_cuda_accepts,
    .tactics = fl_cuda_tactics,
    .alloc = fl_cuda_alloc,
    .free = fl_cuda_free,
    .import_weights = fl_cuda_import_weights,
    .release_weights = fl_cuda_release_weights,
    .stream_open = fl_cuda_stream_open,
    .stream_close = fl_cuda_stream_close,
    .upload = fl_cuda_upload,
    .download = fl_cuda_download,
    .alloc_host = fl_cuda_alloc_host,
    .free_host = fl_cuda_free_host,
    .mark = fl_cuda_mark,
    .elapsed = fl_cuda_elapsed,
    .prepare = fl_cuda_prepare,
    .program_free = fl_cuda_program_free,
    .run = fl_cuda_run,
    .wait = fl_cuda_wait,
    .profile = fl_cuda_profile,
    .time = fl_cuda_time,
};
