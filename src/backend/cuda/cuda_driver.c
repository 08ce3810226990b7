/* cuda_driver.c - the driver library, opened and asked for what cuda_driver.def lists.
 *
 * Two names are looked up with dlsym, in truth one: cuGetProcAddress_v2 gives all the others, each in the version whose
 * signature floe was written for. The library stays loaded until the process ends (it has threads and exit handlers of its
 * own), so closing only gives the reference back.
 *
 * What can be missing has its own sentence: the library, a recent enough version of it, an entry point, a GPU. The
 * kernels set a second limit, which shows only when they are loaded: machine code of CUDA 13 wants a driver of CUDA 13
 * (release 580). Then the driver says no with one of a few codes, and fl_cuda_check adds both versions.
 */
#include "backend/cuda/cuda_driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The toolkit that compiled the kernels, "13.0"; the Makefile knows it. */
#ifndef FLOE_CUDA_TOOLKIT
#define FLOE_CUDA_TOOLKIT "12.0"
#endif

typedef CUresult (*get_proc_address)(const char *symbol, void **out, int version, uint64_t flags, int *found);

typedef struct entry {
    const char *name;
    int         version;
    bool        needed;
    size_t      offset; /* in fl_cuda_driver */
} entry;

enum { FL_WANTED, FL_NEEDED };

static const entry entries[] = {
#define FL_CUDA_ENTRY(need, name, version, parameters) {#name, version, need, offsetof(fl_cuda_driver, name)},
#include "backend/cuda/cuda_driver.def"
#undef FL_CUDA_ENTRY
};

/* ---- errors */

/* What people can do about an error, where the driver's own text does not say it. */
typedef struct hint {
    CUresult    code;
    const char *text;
} hint;

static const hint hints[] = {
    {FL_CUDA_ERROR_STUB_LIBRARY, "this libcuda.so.1 is the toolkit's stub for linking; the driver brings the real one"},
    {FL_CUDA_ERROR_DEVICE_UNAVAILABLE, "another process may hold the GPU in exclusive mode"},
    {FL_CUDA_ERROR_NO_DEVICE, "the driver shows this process no GPU: see nvidia-smi, CUDA_VISIBLE_DEVICES, and the "
                              "container's permission to use GPUs"},
    {FL_CUDA_ERROR_UNKNOWN, "at the start this often means that /dev/nvidia-uvm is missing or may not be opened"},
    {FL_CUDA_ERROR_SYSTEM_NOT_READY, "on machines with NVSwitch the fabric manager has to be running"},
    {FL_CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "libcuda.so.1 and the kernel module are of different releases: restart the "
                                           "machine after an update of the driver"},
    {FL_CUDA_ERROR_COMPAT_NOT_SUPPORTED, "the forward-compatibility libcuda.so.1 works on data center GPUs only"},
};

static const char *hint_for(CUresult result)
{
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (hints[i].code == result)
            return hints[i].text;
    return NULL;
}

/* Codes by which a driver refuses machine code that it is too old for, or that is for other GPUs. */
static bool is_about_code(CUresult result)
{
    return result == FL_CUDA_ERROR_INVALID_IMAGE || result == FL_CUDA_ERROR_NO_BINARY_FOR_GPU ||
           result == FL_CUDA_ERROR_INVALID_PTX || result == FL_CUDA_ERROR_UNSUPPORTED_PTX_VERSION ||
           result == FL_CUDA_ERROR_JIT_COMPILER_NOT_FOUND;
}

static int major_of_toolkit(void) { return atoi(FLOE_CUDA_TOOLKIT); }

/* The first driver release of a major version of CUDA. */
static int release_of(int major)
{
    static const struct {
        int major, release;
    } rows[] = {{12, 525}, {13, 580}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].major == major)
            return rows[i].release;
    return 0;
}

/* "; floe's kernels were compiled by CUDA 13.0 and need ...", or nothing. */
static void add_code_hint(char *text, size_t size, const fl_cuda_driver *driver)
{
    const int major = major_of_toolkit(), release = release_of(major);
    char from[40] = "";

    if (release)
        snprintf(from, sizeof from, " (release %d or newer)", release);
    if (driver->version < 1000 * major)
        snprintf(text, size, "; this floe's kernels were compiled by CUDA " FLOE_CUDA_TOOLKIT " and need a driver for CUDA "
                 "%d.0 or newer%s, this one is for CUDA %d.%d", major, from, driver->version / 1000,
                 driver->version % 1000 / 10);
    else
        snprintf(text, size, "; this floe has no kernels that this GPU can run");
}

floe_status fl_cuda_check(const fl_cuda_driver *driver, CUresult result, const char *what, floe_error *err)
{
    const char *name = NULL, *text = NULL;
    char hint_text[256] = "";

    if (result == 0)
        return FLOE_OK;
    if (driver->cuGetErrorName(result, &name) != 0 || !name)
        name = "an error that this driver has no name for";
    if (driver->cuGetErrorString(result, &text) != 0 || !text)
        text = "no description";
    if (is_about_code(result))
        add_code_hint(hint_text, sizeof hint_text, driver);
    else if (hint_for(result))
        snprintf(hint_text, sizeof hint_text, "; %s", hint_for(result));
    return fl_fail(err, result == FL_CUDA_ERROR_OUT_OF_MEMORY ? FLOE_ERR_MEMORY : FLOE_ERR_DEVICE, "%s: %s, %d (%s)%s", what,
                   name, result, text, hint_text);
}

/* ---- opening */

#define WITHOUT_A_GPU "without a GPU engines can still be built for one, with a target such as sm_90"

static floe_status open_library(fl_cuda_driver *driver, const char *name, get_proc_address *get, floe_error *err)
{
    driver->library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!driver->library) {
        const char *why = dlerror();
        return fl_fail(err, FLOE_ERR_DEVICE, "no NVIDIA driver on this machine: %s; install the driver, release %d or newer "
                       "(" WITHOUT_A_GPU ")", why ? why : name, release_of(major_of_toolkit()));
    }
    void *symbol = dlsym(driver->library, "cuGetProcAddress_v2");
    if (!symbol)
        return fl_fail(err, FLOE_ERR_DEVICE, "%s has no cuGetProcAddress_v2, so it is of a driver older than CUDA 12.0; "
                       "release %d or newer is needed", name, release_of(major_of_toolkit()));
    memcpy(get, &symbol, sizeof symbol); /* C has no cast from an object's to a function's pointer */
    return FLOE_OK;
}

/* Gives the first entry that is needed and missing, or NULL. */
static const entry *take_entries(fl_cuda_driver *driver, get_proc_address get)
{
    const entry *missing = NULL;

    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        const entry *e = &entries[i];
        void *function = NULL;
        int found = 0;
        if (get(e->name, &function, e->version, 0, &found) != 0 || found != 0)
            function = NULL;
        memcpy((char *)driver + e->offset, &function, sizeof function);
        if (!function && e->needed && !missing)
            missing = e;
    }
    return missing;
}

static floe_status check_version(fl_cuda_driver *driver, const char *name, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (!driver->cuDriverGetVersion)
        goto done; /* it will be named as missing */
    if (driver->cuDriverGetVersion(&driver->version) != 0)
        FL_FAIL(err, FLOE_ERR_DEVICE, "%s does not tell its version (cuDriverGetVersion)", name);
    if (driver->version < FL_CUDA_DRIVER_FLOOR)
        FL_FAIL(err, FLOE_ERR_DEVICE, "the NVIDIA driver is for CUDA %d.%d; floe needs one for CUDA %d.%d or newer, and its "
                "kernels, compiled by CUDA " FLOE_CUDA_TOOLKIT ", driver release %d or newer", driver->version / 1000,
                driver->version % 1000 / 10, FL_CUDA_DRIVER_FLOOR / 1000, FL_CUDA_DRIVER_FLOOR % 1000 / 10,
                release_of(major_of_toolkit()));
done:
    return st;
}

static floe_status start(const fl_cuda_driver *driver, floe_error *err)
{
    floe_status st = FLOE_OK;
    int count = 0;

    FL_TRY(fl_cuda_check(driver, driver->cuInit(0), "starting the NVIDIA driver (cuInit)", err));
    FL_TRY(fl_cuda_check(driver, driver->cuDeviceGetCount(&count), "counting GPUs", err));
    if (count < 1)
        FL_FAIL(err, FLOE_ERR_DEVICE, "the NVIDIA driver runs, and shows this process no GPU: see nvidia-smi, "
                "CUDA_VISIBLE_DEVICES, and the container's permission to use GPUs (" WITHOUT_A_GPU ")");
done:
    return st;
}

floe_status fl_cuda_driver_open(fl_cuda_driver *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_cuda_driver driver = {0};
    get_proc_address get = NULL;
    const char *name = secure_getenv("FLOE_CUDA_DRIVER");

    name = name && name[0] ? name : "libcuda.so.1";
    FL_TRY(open_library(&driver, name, &get, err));
    const entry *missing = take_entries(&driver, get);
    FL_TRY(check_version(&driver, name, err));
    if (missing)
        FL_FAIL(err, FLOE_ERR_DEVICE, "the NVIDIA driver (%s) has no %s of CUDA %d.%d; a newer one does", name, missing->name,
                missing->version / 1000, missing->version % 1000 / 10);
    FL_TRY(start(&driver, err));
    *out = driver;
    driver.library = NULL;
done:
    fl_cuda_driver_close(&driver);
    return st;
}

void fl_cuda_driver_close(fl_cuda_driver *driver)
{
    if (driver->library)
        dlclose(driver->library);
    driver->library = NULL;
}
