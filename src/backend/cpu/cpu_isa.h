/* cpu_isa.h - what the processor can do: a few instruction set levels, each a fixed bundle of compiler flags.
 *
 * A level is compared with < within one architecture only. Every architecture has level SCALAR; a level without kernels
 * of its own uses the scalar ones, which the compiler vectorises for the architecture's baseline.
 */
#ifndef FL_CPU_ISA_H
#define FL_CPU_ISA_H

#include "base/error.h"

/* Ordered: a processor runs the levels of its architecture up to its own. */
typedef enum fl_cpu_isa {
    FL_CPU_SCALAR,
    FL_CPU_NEON,   /* aarch64 */
    FL_CPU_AVX2,   /* x86-64: avx2, fma */
    FL_CPU_AVX512, /* x86-64: and avx512 f, bw, vl, dq */
    FL_CPU_ISA_COUNT
} fl_cpu_isa;

/* The best level of this processor and operating system. */
fl_cpu_isa fl_cpu_isa_detect(void);
const char *fl_cpu_isa_name(fl_cpu_isa isa); /* "avx2" */
/* A level by name; FLOE_ERR_ARGUMENT if unknown, FLOE_ERR_UNSUPPORTED if this processor does not reach it. */
floe_status fl_cpu_isa_from_name(fl_cpu_isa *out, const char *name, floe_error *err);

/* "x86-64-avx512": what a PLAN built with this level is for. */
const char *fl_cpu_target(fl_cpu_isa isa);
/* Whether a PLAN for `target` runs on this architecture with this level. */
floe_status fl_cpu_target_accepts(fl_cpu_isa isa, const char *target, floe_error *err);

/* Marketing name with family, model and stepping where the processor tells them. */
void fl_cpu_name(char *text, size_t size);
/* Bytes of the data caches one thread sees; plausible defaults where unknown. */
void fl_cpu_caches(size_t *l1, size_t *l2, size_t *l3);

#endif
