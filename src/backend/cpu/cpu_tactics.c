/* cpu_tactics.c - the lists of tactics, one an operator: best guess first, reference last.
 *
 * The order decides only where nothing is timed, or where times are within 2 % of each other. Rows for instruction sets
 * that a machine lacks are refused there by their supports().
 */
#include "backend/cpu/cpu.h"

/* ---- declarations */

#define FL_GEMM(dtype, mr, nr, ISA, isa) extern const fl_tactic fl_cpu_conv2d_rows_##mr##x##nr##_##isa;
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
#define FL_GEMM(dtype, mr, nr, ISA, isa) extern const fl_tactic fl_cpu_conv2d_igemm_##mr##x##nr##_##isa;
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
#define FL_GEMM(dtype, mr, nr, ISA, isa) extern const fl_tactic fl_cpu_conv2d_transpose_phases_##mr##x##nr##_##isa;
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
#define FL_GEMM(dtype, mr, nr, ISA, isa) extern const fl_tactic fl_cpu_matmul_gemm_##mr##x##nr##_##isa;
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
#define FL_DEPTHWISE_PATCH(dtype, size, stride, ISA, isa) extern const fl_tactic fl_cpu_depthwise_patch_##size##s##stride##_##isa;
#define FL_DEPTHWISE_ANY(dtype, ISA, isa) extern const fl_tactic fl_cpu_depthwise_any_##isa;
#include "backend/cpu/kernel/depthwise.def"
#undef FL_DEPTHWISE_PATCH
#undef FL_DEPTHWISE_ANY

/* ---- lists */

#define REF(kind) &fl_cpu_ref[FL_OP_##kind]

static const fl_tactic *const conv2d[] = {
#define FL_GEMM(dtype, mr, nr, ISA, isa) &fl_cpu_conv2d_rows_##mr##x##nr##_##isa,
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
#define FL_GEMM(dtype, mr, nr, ISA, isa) &fl_cpu_conv2d_igemm_##mr##x##nr##_##isa,
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
    REF(CONV2D),
};

static const fl_tactic *const depthwise_conv2d[] = {
#define FL_DEPTHWISE_PATCH(dtype, size, stride, ISA, isa) &fl_cpu_depthwise_patch_##size##s##stride##_##isa,
#define FL_DEPTHWISE_ANY(dtype, ISA, isa) &fl_cpu_depthwise_any_##isa,
#include "backend/cpu/kernel/depthwise.def"
#undef FL_DEPTHWISE_PATCH
#undef FL_DEPTHWISE_ANY
    REF(DEPTHWISE_CONV2D),
};

static const fl_tactic *const conv2d_transpose[] = {
#define FL_GEMM(dtype, mr, nr, ISA, isa) &fl_cpu_conv2d_transpose_phases_##mr##x##nr##_##isa,
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
    REF(CONV2D_TRANSPOSE),
};

static const fl_tactic *const matmul[] = {
#define FL_GEMM(dtype, mr, nr, ISA, isa) &fl_cpu_matmul_gemm_##mr##x##nr##_##isa,
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
    REF(MATMUL),
};

static const fl_tactic *const pool2d[] = {
    REF(POOL2D),
};

static const fl_tactic *const unary[] = {
    REF(UNARY),
};

static const fl_tactic *const binary[] = {
    REF(BINARY),
};

static const fl_tactic *const batch_norm[] = {
    REF(BATCH_NORM),
};

static const fl_tactic *const softmax[] = {
    REF(SOFTMAX),
};

static const fl_tactic *const reduce[] = {
    REF(REDUCE),
};

static const fl_tactic *const concat[] = {
    REF(CONCAT),
};

static const fl_tactic *const reshape[] = {
    REF(RESHAPE),
};

static const fl_tactic *const transpose[] = {
    REF(TRANSPOSE),
};

static const fl_tactic *const pad[] = {
    REF(PAD),
};

static const fl_tactic *const slice[] = {
    REF(SLICE),
};

static const fl_tactic *const broadcast[] = {
    REF(BROADCAST),
};

static const fl_tactic *const shape[] = {
    REF(SHAPE),
};

static const fl_tactic *const cast[] = {
    REF(CAST),
};

static const fl_tactic *const select[] = {
    REF(SELECT),
};

static const fl_tactic *const identity[] = {
    REF(IDENTITY),
};

static const fl_tactic *const random_uniform[] = {
    REF(RANDOM_UNIFORM),
};

static const fl_tactic *const reorder[] = {
    REF(REORDER),
};

static const fl_tactic_list lists[FL_OP_COUNT] = {
#define FL_OP(kind, name) [FL_OP_##kind] = {name, sizeof name / sizeof name[0]},
#include "op/op.def"
#undef FL_OP
};

fl_tactic_list fl_cpu_tactics(fl_op_kind op)
{
    return (unsigned)op < FL_OP_COUNT ? lists[op] : (fl_tactic_list){NULL, 0};
}
