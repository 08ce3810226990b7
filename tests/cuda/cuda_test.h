/* cuda_test.h - which GPU the CUDA tests run on: the one that FLOE_CUDA_DRIVER names ("libcuda.so.1": a real one), or the
 * emulated one beside the test program.
 */
#ifndef TESTS_CUDA_TEST_H
#define TESTS_CUDA_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Before the first use of the backend. */
static inline void cuda_test_begin(void)
{
    char path[1024];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);

    if (getenv("FLOE_CUDA_DRIVER") || n <= 0)
        return;
    path[n] = '\0';
    strcpy(strrchr(path, '/') + 1, "libcuda_emulated.so");
    setenv("FLOE_CUDA_DRIVER", path, 1);
}

/* The emulated GPU is right, and slow. */
static inline bool cuda_emulated(void)
{
    const char *driver = getenv("FLOE_CUDA_DRIVER");

    return driver && strstr(driver, "emulated");
}

#endif
