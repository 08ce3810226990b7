/* cpu_isa.c - detection of the processor: once per device, from cpuid on x86 and from the system elsewhere.
 *
 * A PLAN's target is "<architecture>" or "<architecture>-<level>". It runs wherever the architecture is the same and
 * the level is reached: kernels are found by name, and a machine that knows a level knows those below.
 */
#include "backend/cpu/cpu_isa.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#define ARCH "x86-64"
#elif defined(__aarch64__)
#define ARCH "aarch64"
#else
#define ARCH "generic"
#endif

typedef struct isa_row {
    const char *name, *target; /* target NULL: not of this architecture */
} isa_row;

static const isa_row rows[FL_CPU_ISA_COUNT] = {
    [FL_CPU_SCALAR] = {"scalar", ARCH},
#if defined(__x86_64__)
    [FL_CPU_NEON] = {"neon", NULL},
    [FL_CPU_AVX2] = {"avx2", ARCH "-avx2"},
    [FL_CPU_AVX512] = {"avx512", ARCH "-avx512"},
#elif defined(__aarch64__)
    [FL_CPU_NEON] = {"neon", ARCH "-neon"},
    [FL_CPU_AVX2] = {"avx2", NULL},
    [FL_CPU_AVX512] = {"avx512", NULL},
#else
    [FL_CPU_NEON] = {"neon", NULL},
    [FL_CPU_AVX2] = {"avx2", NULL},
    [FL_CPU_AVX512] = {"avx512", NULL},
#endif
};

/* ---- levels */

#if defined(__x86_64__)
fl_cpu_isa fl_cpu_isa_detect(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return FL_CPU_SCALAR;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
        return FL_CPU_AVX2;
    return FL_CPU_AVX512;
}
#elif defined(__aarch64__)
fl_cpu_isa fl_cpu_isa_detect(void)
{
    return FL_CPU_NEON; /* part of the architecture */
}
#else
fl_cpu_isa fl_cpu_isa_detect(void)
{
    return FL_CPU_SCALAR;
}
#endif

const char *fl_cpu_isa_name(fl_cpu_isa isa)
{
    return rows[isa].name;
}

floe_status fl_cpu_isa_from_name(fl_cpu_isa *out, const char *name, floe_error *err)
{
    const fl_cpu_isa best = fl_cpu_isa_detect();

    for (int i = 0; i < FL_CPU_ISA_COUNT; i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (!rows[i].target || i > (int)best)
            return fl_fail(err, FLOE_ERR_UNSUPPORTED, "instruction set '%s': this %s processor reaches '%s'", name,
                           ARCH, rows[best].name);
        *out = (fl_cpu_isa)i;
        return FLOE_OK;
    }
    return fl_fail(err, FLOE_ERR_ARGUMENT, "instruction set '%s' is unknown; scalar, avx2, avx512 and neon are known",
                   name);
}

const char *fl_cpu_target(fl_cpu_isa isa)
{
    return rows[isa].target;
}

floe_status fl_cpu_target_accepts(fl_cpu_isa isa, const char *target, floe_error *err)
{
    for (int i = 0; i <= (int)isa; i++)
        if (rows[i].target && !strcmp(rows[i].target, target))
            return FLOE_OK;
    return fl_fail(err, FLOE_ERR_TARGET, "the plan was built for '%s', this processor is '%s'; build it here, or with "
                   "that instruction set or a lower one", target, rows[isa].target);
}

/* ---- name */

/* The first line of a small system file, without its end; false if there is none. */
static bool read_line(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    const ssize_t n = read(fd, text, size - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

#if defined(__x86_64__)
void fl_cpu_name(char *text, size_t size)
{
    unsigned words[13] = {0}, a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d)) {
        snprintf(text, size, "%s processor", ARCH);
        return;
    }
    unsigned family = a >> 8 & 15, model = a >> 4 & 15;
    if (family == 6 || family == 15)
        model += (a >> 16 & 15) << 4;
    if (family == 15)
        family += a >> 20 & 255;
    for (unsigned i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]))
            break;
    const char *brand = (const char *)words;
    brand += strspn(brand, " ");
    snprintf(text, size, "%s (%u-%u-%u)", brand[0] ? brand : ARCH " processor", family, model, a & 15);
}
#else
void fl_cpu_name(char *text, size_t size)
{
    char midr[64] = "";

    if (read_line("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1", midr, sizeof midr))
        snprintf(text, size, "%s processor (%s)", ARCH, midr);
    else
        snprintf(text, size, "%s processor", ARCH);
}
#endif

/* ---- caches */

/* Size of the data or unified cache of that level as Linux tells it, 0 if it does not. */
static size_t cache_from_sysfs(int level)
{
    char path[96], text[64];

    for (int i = 0; i < 8; i++) {
        const int n = snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/", i);
        snprintf(path + n, sizeof path - (size_t)n, "level");
        if (!read_line(path, text, sizeof text))
            return 0;
        if (atoi(text) != level)
            continue;
        snprintf(path + n, sizeof path - (size_t)n, "type");
        if (!read_line(path, text, sizeof text) || !strcmp(text, "Instruction"))
            continue;
        snprintf(path + n, sizeof path - (size_t)n, "size");
        if (!read_line(path, text, sizeof text))
            continue;
        char *end;
        const unsigned long v = strtoul(text, &end, 10);
        return *end == 'K' ? v << 10 : *end == 'M' ? v << 20 : v;
    }
    return 0;
}

static size_t cache_of(int level, int query, size_t otherwise)
{
    const size_t bytes = cache_from_sysfs(level);
    const long known = bytes ? 0 : sysconf(query);

    return bytes ? bytes : known > 0 ? (size_t)known : otherwise;
}

void fl_cpu_caches(size_t *l1, size_t *l2, size_t *l3)
{
    *l1 = cache_of(1, _SC_LEVEL1_DCACHE_SIZE, (size_t)32 << 10);
    *l2 = cache_of(2, _SC_LEVEL2_CACHE_SIZE, (size_t)512 << 10);
    *l3 = cache_of(3, _SC_LEVEL3_CACHE_SIZE, 0);
}
