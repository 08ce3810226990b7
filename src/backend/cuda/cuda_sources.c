/* cuda_sources.c - see cuda_sources.h. Libraries are opened under the device's context: they use the primary one. */
#include "backend/cuda/cuda_sources.h"

#include "backend/cuda/cuda_core.h"
#include "backend/cuda/cuda_cublaslt.h"
#include "backend/cuda/cuda_cudnn.h"

/* Opens both kinds alike: once, and a failure is kept. */
#define OPEN(name, member)                                                                              \
    floe_status fl_cuda_open_##name(fl_##name **out, fl_device *device, floe_error *err)                 \
    {                                                                                                   \
        pthread_mutex_lock(&device->source_lock);                                                       \
        fl_cuda_source *source = &device->member;                                                       \
        if (!source->tried) {                                                                           \
            fl_##name *opened = NULL;                                                                   \
            source->tried = true;                                                                       \
            source->status = fl_##name##_open(&opened, device, &source->error);                         \
            source->library = opened;                                                                   \
        }                                                                                               \
        *out = source->library;                                                                         \
        const floe_status st = source->status;                                                          \
        if (st != FLOE_OK && err)                                                                       \
            *err = source->error;                                                                       \
        pthread_mutex_unlock(&device->source_lock);                                                     \
        return st;                                                                                      \
    }
OPEN(cudnn, cudnn)
OPEN(cublaslt, cublaslt)

void fl_cuda_close_sources(fl_device *device)
{
    fl_cudnn_close(device->cudnn.library);
    fl_cublaslt_close(device->cublaslt.library);
}

bool fl_cuda_source_there(const fl_device_info *info, fl_tactic_source source, const char **why_not)
{
    fl_device *device = info->device;
    fl_cudnn *cudnn;
    fl_cublaslt *lt;
    bool there = false;

    if (!device || !device->driver)
        return true; /* built for elsewhere */
    if (fl_cuda_enter(device, NULL) != FLOE_OK)
        return fl_cuda_refuse(why_not, "the GPU is lost");
    there = source == FL_SOURCE_CUDNN ? fl_cuda_open_cudnn(&cudnn, device, NULL) == FLOE_OK
                                      : fl_cuda_open_cublaslt(&lt, device, NULL) == FLOE_OK;
    fl_cuda_leave(device);
    if (!there)
        *why_not = source == FL_SOURCE_CUDNN ? "cuDNN 9 (libcudnn.so.9, or FLOE_CUDNN) cannot be opened"
                                             : "cuBLASLt (libcublasLt.so.13, or FLOE_CUBLASLT) cannot be opened";
    return there;
}
