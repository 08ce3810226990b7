/* cuda_core.h - what the host core of the CUDA backend shares and tactics do not see: the scope of the context, capturing,
 * and the table of GPUs.
 *
 * The driver's calls work on the context that is current in the calling thread. The thread is the caller's, who may use CUDA
 * for purposes of his own; so each slot of the backend makes the device's context current for its own time only:
 *
 *     floe_status st = fl_cuda_enter(device, err);
 *     if (st != FLOE_OK)
 *         return st;
 *     FL_CUDA(...);
 *     done:
 *         fl_cuda_leave(device);
 *         return st;
 */
#ifndef FL_CUDA_CORE_H
#define FL_CUDA_CORE_H

#include "backend/cuda/cuda.h"

static inline CUdeviceptr fl_cuda_address(const void *device_memory) { return (CUdeviceptr)(uintptr_t)device_memory; }

/* Refuses a device without a GPU, and one whose context is lost. */
floe_status fl_cuda_enter(fl_device *device, floe_error *err);
/* For what is given back: works, as far as it can, on a lost context too. */
bool fl_cuda_enter_to_free(fl_device *device);
void fl_cuda_leave(fl_device *device);

/* ---- slots, by file */

/* cuda_device.c */
floe_status fl_cuda_open(fl_device **out, const floe_env *env, const char *spec, const fl_device_options *options,
                         floe_error *err);
void        fl_cuda_close(fl_device *device);
void        fl_cuda_describe(const fl_device *device, fl_device_info *out);
floe_status fl_cuda_accepts(const fl_device *device, const char *target, floe_error *err);
/* cuda_memory.c */
floe_status fl_cuda_alloc(fl_device *device, void **out, size_t bytes, floe_error *err);
void        fl_cuda_free(fl_device *device, void *memory);
floe_status fl_cuda_import_weights(fl_device *device, const void **out, const void *host, size_t bytes, floe_error *err);
void        fl_cuda_release_weights(fl_device *device, const void *weights);
floe_status fl_cuda_alloc_host(fl_device *device, void **out, size_t bytes, floe_error *err);
void        fl_cuda_free_host(fl_device *device, void *memory);
/* cuda_stream.c */
floe_status fl_cuda_stream_open(fl_stream **out, fl_device *device, int threads, floe_error *err);
void        fl_cuda_stream_close(fl_stream *stream);
floe_status fl_cuda_upload(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err);
floe_status fl_cuda_download(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err);
floe_status fl_cuda_mark(fl_stream *stream, int i, floe_error *err);
floe_status fl_cuda_elapsed(fl_stream *stream, int from, int to, uint64_t *ns, floe_error *err);
floe_status fl_cuda_wait(fl_stream *stream, floe_error *err);
/* cuda_program.c */
floe_status fl_cuda_prepare(fl_program **out, fl_stream *stream, const fl_step *steps, size_t count, int64_t batch,
                            floe_error *err);
void        fl_cuda_program_free(fl_program *program);
floe_status fl_cuda_run(fl_program *program, floe_error *err);
floe_status fl_cuda_profile(fl_program *program, uint64_t *times, floe_error *err);
/* cuda_time.c */
floe_status fl_cuda_time(fl_stream *stream, const fl_step *step, uint64_t *ns, floe_error *err);
/* cuda_tactics.c */
fl_tactic_list fl_cuda_tactics(const fl_device *device, fl_op_kind op);

/* ---- graphs and clocks (cuda_graph.c); all inside the scope */

/* What is recorded: called once, puts work into the stream. */
typedef floe_status (*fl_cuda_body)(fl_stream *stream, const void *arg, floe_error *err);

/* Makes sure that all kernels body launches are loaded, without running them: loading is not allowed in a capture. */
floe_status fl_cuda_load_kernels(fl_stream *stream, fl_cuda_body body, const void *arg, floe_error *err);
/* body as a graph that can be launched. After a failure the stream is as before. */
floe_status fl_cuda_record(CUgraphExec *out, fl_stream *stream, fl_cuda_body body, const void *arg, floe_error *err);
void        fl_cuda_graph_free(fl_device *device, CUgraphExec graph);
/* Nanoseconds on the GPU of one launch of the graph, or of body put into the stream. Uses marks 0 and 1; waits. */
floe_status fl_cuda_clock_graph(fl_stream *stream, CUgraphExec graph, uint64_t *ns, floe_error *err);
floe_status fl_cuda_clock_body(fl_stream *stream, fl_cuda_body body, const void *arg, uint64_t *ns, floe_error *err);

/* ---- GPUs by target (cuda_target.c): what the cost model goes by, and what a build without the GPU takes for it */

typedef struct fl_cuda_gpu {
    int         capability; /* 90 for sm_90 */
    const char *name;       /* the GPU of that capability that the numbers are of */
    int         units;
    double      l2_mib, shared_kib;
    double      f16_rate, f32_rate; /* 10^12 operations per second; f16 with f32 sums on tensor cores, f32 on CUDA cores */
    double      memory_rate, l2_rate; /* 10^12 bytes per second */
} fl_cuda_gpu;

/* The row of this capability, or of the highest below it (never NULL: the first row then). */
const fl_cuda_gpu *fl_cuda_gpu_near(int capability);
/* The row of exactly this one, or NULL. */
const fl_cuda_gpu *fl_cuda_gpu_find(int capability);
/* "sm_75, sm_80, ..." for sentences. */
void fl_cuda_gpu_list(char *text, size_t size);
/* 90 from "sm_90", 0 from anything else. */
int fl_cuda_capability_of(const char *target);

/* ---- kernels (cuda_launch.c) */

/* The fatbins of this build. */
size_t      fl_cuda_module_count(void);
floe_status fl_cuda_load_modules(fl_device *device, floe_error *err);
void        fl_cuda_unload_modules(fl_device *device);

#endif
