/* timing_cache.h - the timing cache from inside the builder; builder.h has its public face. */
#ifndef FL_TIMING_CACHE_H
#define FL_TIMING_CACHE_H

#include "base/names.h"
#include "builder/builder.h"

typedef struct fl_timing {
    const char *key; /* "<problem>\t<tactic>" */
    uint64_t    ns;
} fl_timing;

struct fl_timing_cache {
    const floe_env *env;
    fl_arena        arena;
    fl_names        index; /* key -> entry */
    fl_timing      *entry;
    size_t          count, capacity;
    const char     *device; /* NULL: none said yet */
};

/* Names the device that timings are for; what was loaded for another one is dropped with a warning. */
floe_status fl_timing_cache_set_device(fl_timing_cache *cache, const char *device, floe_error *err);
bool        fl_timing_cache_find(fl_timing_cache *cache, const char *problem, const char *tactic, uint64_t *ns);
floe_status fl_timing_cache_add(fl_timing_cache *cache, const char *problem, const char *tactic, uint64_t ns, floe_error *err);

#endif
