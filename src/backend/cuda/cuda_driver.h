/* cuda_driver.h - NVIDIA's driver library (libcuda.so.1) as a table of function pointers, opened with dlopen.
 *
 * Types, constants and layouts are declared here as far as they are used, so nothing of the CUDA toolkit is needed to
 * compile (source: the CUDA 13.0 driver API reference). Every call goes through FL_CUDA() of cuda.h, which turns a
 * CUresult into a sentence.
 */
#ifndef FL_CUDA_DRIVER_H
#define FL_CUDA_DRIVER_H

#include "base/env.h"

#include <stddef.h>
#include <stdint.h>

#define FL_CUDA_DRIVER_FLOOR 12000

typedef int                   CUresult; /* 0: success */
typedef int                   CUdevice;
typedef uint64_t              CUdeviceptr;
typedef struct CUctx_st      *CUcontext;
typedef struct CUlib_st      *CUlibrary;
typedef struct CUkern_st     *CUkernel;
typedef struct CUfunc_st     *CUfunction; /* a CUkernel may stand in for it in cuLaunchKernelEx */
typedef struct CUstream_st   *CUstream;
typedef struct CUevent_st    *CUevent;
typedef struct CUgraph_st    *CUgraph;
typedef struct CUgraphExec_st *CUgraphExec;

enum { /* CUresult */
    FL_CUDA_ERROR_OUT_OF_MEMORY = 2,
    FL_CUDA_ERROR_STUB_LIBRARY = 34,
    FL_CUDA_ERROR_DEVICE_UNAVAILABLE = 46,
    FL_CUDA_ERROR_NO_DEVICE = 100,
    FL_CUDA_ERROR_INVALID_IMAGE = 200,
    FL_CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
    FL_CUDA_ERROR_INVALID_PTX = 218,
    FL_CUDA_ERROR_JIT_COMPILER_NOT_FOUND = 221,
    FL_CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
    FL_CUDA_ERROR_NOT_FOUND = 500,
    FL_CUDA_ERROR_ILLEGAL_ADDRESS = 700,
    FL_CUDA_ERROR_LAUNCH_FAILED = 719,
    FL_CUDA_ERROR_SYSTEM_NOT_READY = 802,
    FL_CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803,
    FL_CUDA_ERROR_COMPAT_NOT_SUPPORTED = 804,
    FL_CUDA_ERROR_UNKNOWN = 999
};
enum { /* CUdevice_attribute */
    FL_CUDA_ATTRIBUTE_MULTIPROCESSORS = 16,
    FL_CUDA_ATTRIBUTE_L2_BYTES = 38,
    FL_CUDA_ATTRIBUTE_MAJOR = 75,
    FL_CUDA_ATTRIBUTE_MINOR = 76,
    FL_CUDA_ATTRIBUTE_SHARED_PER_BLOCK = 97 /* with opt-in */
};
enum { FL_CUDA_FUNC_DYNAMIC_SHARED = 8 };             /* CUfunction_attribute */
enum { FL_CUDA_LAUNCH_PROGRAMMATIC_SERIALIZATION = 6 }; /* CUlaunchAttributeID */
enum { FL_CUDA_STREAM_NON_BLOCKING = 1, FL_CUDA_CAPTURE_THREAD_LOCAL = 1, FL_CUDA_HOST_PORTABLE = 1 };

typedef struct CUlaunchAttribute {
    int32_t id;
    char    pad[4];
    union {
        char    bytes[64];
        int32_t programmatic_serialization;
    } value;
} CUlaunchAttribute;

typedef struct CUlaunchConfig {
    unsigned           grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
    CUstream           stream;
    CUlaunchAttribute *attributes;
    unsigned           n_attributes;
} CUlaunchConfig;

typedef struct fl_cuda_driver {
#define FL_CUDA_ENTRY(need, name, version, parameters) CUresult (*name) parameters;
#include "backend/cuda/cuda_driver.def"
#undef FL_CUDA_ENTRY
    void *library;
    int   version; /* 13000: CUDA 13.0 */
} fl_cuda_driver;

/* Opens the driver and initializes it; the table lives with the caller. The sentence of a failure says what is missing: no
 * driver library, a driver older than CUDA 12.0, an entry point, no GPU. The environment variable FLOE_CUDA_DRIVER names
 * another library. */
floe_status fl_cuda_driver_open(fl_cuda_driver *out, floe_error *err);
void        fl_cuda_driver_close(fl_cuda_driver *driver);

/* Fails with "<what>: <name of the error>, <number> (<its description>)" and, where there is one, an advice. Out of memory
 * gives FLOE_ERR_MEMORY. */
floe_status fl_cuda_check(const fl_cuda_driver *driver, CUresult result, const char *what, floe_error *err);

#endif
