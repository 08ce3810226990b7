/* backend.h - all that other folders know of a backend: a table of about a dozen function pointers and, per operator,
 * an ordered list of tactics. No slot is optional, so no caller tests for NULL.
 *
 * A tactic is one way to run one operator. The builder keeps those whose `supports` agrees, times them on the device,
 * and stores the winner's name in the PLAN; the runtime finds it again by name (a reordered list breaks no file).
 *
 * Life of a step:   build: supports -> workspace_bytes -> pack (weights, once) -> time
 *                   load:  import_weights (once per engine)
 *                   run:   prepare (once per context) -> run (steps resolved for the batch) -> wait
 */
#ifndef FL_BACKEND_H
#define FL_BACKEND_H

#include "op/op.h"

typedef struct fl_device  fl_device;  /* one per engine and GPU, or the CPU; shared, immutable after open */
typedef struct fl_stream  fl_stream;  /* one per context: threads and scratch, or a CUDA stream */
typedef struct fl_program fl_program; /* a prepared step array */

typedef struct fl_device_info {
    char   target[32];  /* "x86-64-avx512", "sm_90": what a PLAN is built for */
    char   name[96];    /* processor or GPU name, for people and the timing cache */
    int    threads;     /* threads the engine was opened with (CPU) */
    size_t l1_bytes, l2_bytes, l3_bytes;
    int    isa;         /* backend's own level, higher is more: see cpu_isa.h; CUDA: compute capability, 90 for 9.0 */
    /* GPUs only, else 0 */
    int    units;       /* multiprocessors */
    size_t shared_bytes; /* shared memory that one block may have */
    bool   tf32;        /* f32 products may be rounded to TF32 */
    uint32_t sources;   /* bit per fl_tactic_source that may be used */
    fl_device *device;  /* the one described, for tactics that need more of it; NULL: nothing more is known */
} fl_device_info;

/* Where a tactic's kernels come from; the word behind the dtype in its name. */
typedef enum fl_tactic_source { FL_SOURCE_OWN, FL_SOURCE_CUDNN, FL_SOURCE_CUBLASLT, FL_SOURCE_COUNT } fl_tactic_source;

typedef struct fl_device_options {
    int threads;      /* 0: all processors */
    const char *isa;  /* CPU: cap on the ISA level ("scalar", "avx2", "avx512"), NULL for the best */
    /* GPUs. At load, where there are no options, whatever a PLAN names is allowed. */
    const char *target; /* "sm_90": build for it by the cost model, GPU or no GPU; NULL: the GPU that is there */
    bool     tf32;
    uint32_t sources; /* bit per fl_tactic_source; 0: our own */
} fl_device_options;

struct fl_tactic;

/* One step with everything resolved: dims at the current batch, pointers on the device. */
typedef struct fl_step {
    const fl_op_desc       *desc;
    const struct fl_tactic *tactic;
    const void *const      *in;     /* NULL where absent, or where pack() took it */
    void *const            *out;
    const void             *packed; /* what pack() made; NULL if nothing */
    void                   *workspace;
} fl_step;

typedef struct fl_tactic {
    const char *name; /* "cpu.conv2d.f32.igemm_8x32.avx512": backend.op.dtype.method[.isa] */
    fl_op_kind  op;
    /* Whether this tactic can run desc on the device; if not, *why_not is a static text. */
    bool (*supports)(const fl_op_desc *desc, const fl_device_info *device, const char **why_not);
    /* Scratch at this batch, in bytes; never NULL. */
    size_t (*workspace_bytes)(const fl_op_desc *desc, const fl_device_info *device, int64_t batch);
    /* Bit i: input slot i, when constant, is consumed by pack and not needed at run time. */
    uint32_t packs;
    /* Bit i: out[0] may be the very memory of slot i when both have as many bytes and no slot without its bit is there. */
    uint32_t in_place;
    /* Appends the packed form to out (host bytes, aligned start). consts[i]: data of constant slots in `packs`, else NULL.
     * NULL when packs is 0. Deterministic. */
    floe_status (*pack)(const fl_op_desc *desc, const void *const *consts, fl_buf *out, floe_error *err);
    /* No allocation, no decisions that depend on time or threads: the same bits for any thread count. */
    floe_status (*run)(const fl_step *step, fl_stream *stream, floe_error *err);
    /* Bytes that pack appends for desc; they follow from the shapes and from which slots are constant. The runtime
     * compares a PLAN's packed range with it before `run` reads that range, so a damaged or hostile PLAN cannot make a
     * kernel read past it. NULL when pack is NULL (a tactic with pack but without it is refused at load). */
    size_t (*packed_bytes)(const fl_op_desc *desc);
    /* The fl_device_info.isa its kernels are written for; 0: any. A device runs those of lower levels too (a PLAN may
     * name them), but the builder has no use for them where one of a higher level does the same. */
    int level;
    /* Nanoseconds that a cost model expects, for building without the device; NULL: the place in the list decides. */
    uint64_t (*cost)(const fl_op_desc *desc, const fl_device_info *device, int64_t batch);
} fl_tactic;

/* The tactics of one operator, best guess first, reference last. */
typedef struct fl_tactic_list {
    const fl_tactic *const *items;
    size_t                  count;
} fl_tactic_list;

#define FL_MARKS 4

typedef struct fl_backend {
    const char *name; /* "cpu", "cuda": the first word of its tactics' names */
    bool        host_memory; /* device memory is host memory: the caller's buffers are used in place */

    /* spec: "cpu", "cuda", "cuda:1" */
    floe_status (*open)(fl_device **out, const floe_env *env, const char *spec, const fl_device_options *options,
                        floe_error *err);
    void (*close)(fl_device *device);
    void (*describe)(const fl_device *device, fl_device_info *out);
    /* Whether a PLAN built for `target` runs here; if not the sentence says both. */
    floe_status (*accepts)(const fl_device *device, const char *target, floe_error *err);
    fl_tactic_list (*tactics)(const fl_device *device, fl_op_kind op);

    /* Device memory, aligned to FL_ALIGN or better. On the CPU it is host memory. */
    floe_status (*alloc)(fl_device *device, void **out, size_t bytes, floe_error *err);
    void (*free)(fl_device *device, void *memory);
    /* Weights from a mapped PLAN: the CPU uses them in place, a GPU uploads them once. */
    floe_status (*import_weights)(fl_device *device, const void **out, const void *host, size_t bytes, floe_error *err);
    void (*release_weights)(fl_device *device, const void *weights);

    floe_status (*stream_open)(fl_stream **out, fl_device *device, int threads, floe_error *err);
    void (*stream_close)(fl_stream *stream);
    /* In the stream's order; src of an upload and dst of a download may not be touched before wait. */
    floe_status (*upload)(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err);
    floe_status (*download)(fl_stream *stream, void *dst, const void *src, size_t bytes, floe_error *err);
    /* Host memory that the device copies from and to at full speed (pinned). */
    floe_status (*alloc_host)(fl_device *device, void **out, size_t bytes, floe_error *err);
    void (*free_host)(fl_device *device, void *memory);
    /* Remembers this point of the stream as mark i (below FL_MARKS); elapsed, after wait: nanoseconds between two marks. */
    floe_status (*mark)(fl_stream *stream, int i, floe_error *err);
    floe_status (*elapsed)(fl_stream *stream, int from, int to, uint64_t *ns, floe_error *err);

    /* Steps stay valid and at their addresses for the program's life; a change of batch rewrites descs and pointers
     * and calls prepare again (which then must not allocate on the CPU; a GPU keeps one graph per batch size). *out is
     * NULL the first time, and the program of before when called again: it is prepared anew and stays the same object. */
    floe_status (*prepare)(fl_program **out, fl_stream *stream, const fl_step *steps, size_t count, int64_t batch,
                           floe_error *err);
    void (*program_free)(fl_program *program);
    floe_status (*run)(fl_program *program, floe_error *err); /* may return before the work is done: wait */
    floe_status (*wait)(fl_stream *stream, floe_error *err);
    /* Nanoseconds of each step of one run, measured step by step; for profiles. times: count entries. */
    floe_status (*profile)(fl_program *program, uint64_t *times, floe_error *err);
    /* Nanoseconds of one step as it would run inside an engine (weights cold): best of several. */
    floe_status (*time)(fl_stream *stream, const fl_step *step, uint64_t *ns, floe_error *err);
} fl_backend;

/* All backends of this build, by name; NULL when there is none ("cuda" in a build without it). */
const fl_backend *fl_backend_find(const char *name);
/* Their names, for sentences: "cpu, cuda". */
const char *fl_backend_names(void);
/* The tactic of that full name in its backend's lists, or NULL. */
const fl_tactic *fl_tactic_find(const fl_backend *backend, const fl_device *device, fl_op_kind op, const char *name);

extern const fl_backend fl_cpu_backend;
#ifdef FLOE_CUDA
extern const fl_backend fl_cuda_backend;
#endif

#endif
