/* builder.h - an optimized network becomes a plan: tactics chosen by timing, weights packed, memory planned. */
#ifndef FL_BUILDER_H
#define FL_BUILDER_H

#include "backend/backend.h"
#include "network/network.h"
#include "plan/plan.h"

typedef struct fl_timing_cache fl_timing_cache;

/* A text file: a header line (format, floe version, backend, target, device name, threads) and one line per problem:
 * "<op desc text at max batch>\t<tactic>\t<ns>" for each timed candidate. Another device's cache is ignored with a warning,
 * not an error. */
floe_status fl_timing_cache_create(fl_timing_cache **out, const floe_env *env, floe_error *err);
floe_status fl_timing_cache_load(fl_timing_cache *cache, const char *path, floe_error *err); /* a missing file is empty */
floe_status fl_timing_cache_save(const fl_timing_cache *cache, const char *path, floe_error *err);
void        fl_timing_cache_free(fl_timing_cache *cache);

typedef struct fl_build_options {
    int64_t          max_batch;       /* 0: 1 */
    uint64_t         workspace_bytes; /* most a tactic may ask for; 0: 1 MiB (2^20) */
    int              threads;         /* 0: all processors */
    const char      *isa;             /* cap; NULL: the machine's best */
    const char      *device;          /* "cpu", "cuda", "cuda:1"; NULL: cpu */
    const char      *target;          /* GPU to build for without it, "sm_90": by the cost model; NULL: the device that is there */
    bool             tf32;            /* see fl_device_options; likewise sources */
    uint32_t         sources;
    bool             no_timing;       /* least cost of those with a cost model, else first in the list: deterministic without a cache */
    const char *const *only_tactics;  /* substrings: keep candidates whose name contains one (ref is always kept); for tests */
    size_t           n_only;
    fl_timing_cache *cache;           /* read and extended; NULL: a private one */
    fl_plan_preprocess preprocess;
    void (*progress)(void *user, size_t done, size_t total, const char *layer);
    void            *progress_user;
} fl_build_options;

/* Logs each candidate at VERBOSE with its time or its reason, one line at the end at INFO when a larger workspace would
 * have made the engine faster. A layer without any tactic: FLOE_ERR_UNSUPPORTED naming all such layers. */
floe_status fl_build(fl_plan **out, const floe_env *env, fl_network *net, const fl_build_options *options, floe_error *err);

/* ---- the memory planner (builder_memory.c): intervals to offsets, greedy by size, best fit */
typedef struct fl_interval {
    uint32_t first, last; /* steps during which the bytes are alive, inclusive */
    uint64_t bytes;
    uint64_t offset;      /* out; a multiple of FL_ALIGN */
} fl_interval;
/* Offsets such that intervals that overlap in time do not overlap in memory; returns the arena size. */
floe_status fl_plan_memory(const floe_env *env, fl_interval *items, size_t count, uint64_t *arena_bytes, floe_error *err);

#endif
