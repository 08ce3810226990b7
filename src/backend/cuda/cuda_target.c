/* cuda_target.c - a table of GPUs, one for each compute capability that floe has machine code for.
 *
 * A build with a target and without that GPU takes units, cache and shared memory from here, and the cost model takes
 * rates. Rates are of dense products as data sheets state them, sm_90's as held in practice: the ratios between
 * arithmetic, memory and a launch decide among tactics, not the last ten percent. f16 is with f32 sums on tensor cores.
 */
#include "backend/cuda/cuda_core.h"

#include <stdio.h>
#include <string.h>

static const fl_cuda_gpu gpus[] = {
    /*   name               units  L2 MiB  shared KiB  f16    f32   memory   L2 */
    {75, "Tesla T4",          40,    4,      64,        65,   8.1,   0.32,   1.3},
    {80, "A100",             108,   40,     163,       312,  19.5,   2.0,    5.1},
    {86, "A10",               72,    6,      99,       125,  31.2,   0.6,    2.4},
    {87, "Orin",              16,    4,     163,        42,   5.3,   0.2,    0.8},
    {89, "L40S",             142,   96,      99,       362,  91.6,   0.86,   4.8},
    {90, "H100",             132,   50,     227,       790,    55,   3.0,    7.4},
    {100, "B200",            148,  126,     227,      2250,    75,   7.0,   14.0},
    {110, "Thor",             20,   32,     227,       258,   8.0,   0.27,   1.6},
    {120, "RTX PRO 6000",    188,  128,      99,       500,   125,   1.8,    8.0},
};

#define N_GPUS (sizeof gpus / sizeof gpus[0])

const fl_cuda_gpu *fl_cuda_gpu_near(int capability)
{
    const fl_cuda_gpu *near = &gpus[0];

    for (size_t i = 0; i < N_GPUS; i++)
        if (gpus[i].capability <= capability)
            near = &gpus[i];
    return near;
}

const fl_cuda_gpu *fl_cuda_gpu_find(int capability)
{
    const fl_cuda_gpu *near = fl_cuda_gpu_near(capability);
    return near->capability == capability ? near : NULL;
}

void fl_cuda_gpu_list(char *text, size_t size)
{
    size_t used = 0;

    text[0] = 0;
    for (size_t i = 0; i < N_GPUS && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%ssm_%d", i ? ", " : "", gpus[i].capability);
}

int fl_cuda_capability_of(const char *target)
{
    int capability = 0;

    if (strncmp(target, "sm_", 3) != 0 || target[3] == '0')
        return 0;
    const char *digits = target + 3;
    const size_t n = strspn(digits, "0123456789");
    if (n < 2 || n > 3 || digits[n])
        return 0;
    for (size_t i = 0; i < n; i++)
        capability = 10 * capability + (digits[i] - '0');
    return capability;
}
