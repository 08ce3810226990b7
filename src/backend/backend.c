/* backend.c - the backends of this build. To add one: a folder, its struct, a row here. */
#include "backend/backend.h"

#include <string.h>

static const fl_backend *const backends[] = {
    &fl_cpu_backend,
#ifdef FLOE_CUDA
    &fl_cuda_backend,
#endif
};

const char *fl_backend_names(void)
{
#ifdef FLOE_CUDA
    return "cpu, cuda";
#else
    return "cpu";
#endif
}

const fl_backend *fl_backend_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof backends / sizeof backends[0]; i++)
        if (!strcmp(backends[i]->name, name))
            return backends[i];
    return NULL;
}

const fl_tactic *fl_tactic_find(const fl_backend *backend, const fl_device *device, fl_op_kind op, const char *name)
{
    const fl_tactic_list list = backend->tactics(device, op);

    for (size_t i = 0; i < list.count; i++)
        if (!strcmp(list.items[i]->name, name))
            return list.items[i];
    return NULL;
}
