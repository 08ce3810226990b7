/* cpu_kernels.c - kernels that tactics do not name: the best one at a level, from the .def of its family. */
#include "backend/cpu/kernel/act.h"

fl_act_fn fl_act_kernel(fl_cpu_isa isa)
{
    static const struct {
        fl_cpu_isa isa;
        fl_act_fn  fn;
    } rows[] = {
#define FL_ACT(dtype, ISA, suffix) {FL_CPU_##ISA, fl_##dtype##_act__##suffix},
#include "backend/cpu/kernel/act.def"
#undef FL_ACT
    };
    size_t i = 0;

    while (rows[i].isa > isa)
        i++; /* the last is SCALAR */
    return rows[i].fn;
}
