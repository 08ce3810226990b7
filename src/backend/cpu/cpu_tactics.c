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
#define FL_WINOGRAD(dtype, m, mr, nr, ISA, isa) extern const fl_tactic fl_cpu_conv2d_winograd##m##_##mr##x##nr##_##isa;
#include "backend/cpu/kernel/winograd.def"
#undef FL_WINOGRAD
#define FL_DEPTHWISE_PATCH(dtype, size, stride, ISA, isa) \
    extern const fl_tactic fl_cpu_depthwise_patch_##size##s##stride##_##isa;
#define FL_DEPTHWISE_ANY(dtype, ISA, isa) extern const fl_tactic fl_cpu_depthwise_any_##isa;
#include "backend/cpu/kernel/depthwise.def"
#undef FL_DEPTHWISE_PATCH
#undef FL_DEPTHWISE_ANY

#define FL_SIMD(ISA, isa)                                                                                             \
    extern const fl_tactic fl_cpu_unary_##isa, fl_cpu_binary_##isa, fl_cpu_compare_##isa, fl_cpu_batch_norm_##isa,    \
        fl_cpu_pool2d_##isa, fl_cpu_pool2d_nchw_##isa, fl_cpu_softmax_##isa, fl_cpu_reduce_##isa, fl_cpu_cast_##isa,  \
        fl_cpu_select_##isa;
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
#define FL_TRANSPOSE(ISA, isa) extern const fl_tactic fl_cpu_transpose_##isa;
#include "backend/cpu/kernel/transpose.def"
#undef FL_TRANSPOSE
extern const fl_tactic fl_cpu_concat_copy, fl_cpu_slice_copy, fl_cpu_pad_copy, fl_cpu_broadcast_copy, fl_cpu_reshape_copy,
    fl_cpu_identity_copy, fl_cpu_reorder_blocks, fl_cpu_cast_pieces;

/* ---- lists */

#define REF(kind) &fl_cpu_ref[FL_OP_##kind]

static const fl_tactic *const conv2d[] = {
#define FL_WINOGRAD(dtype, m, mr, nr, ISA, isa) &fl_cpu_conv2d_winograd##m##_##mr##x##nr##_##isa,
#include "backend/cpu/kernel/winograd.def"
#undef FL_WINOGRAD
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
#define FL_SIMD(ISA, isa) &fl_cpu_pool2d_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
#define FL_SIMD(ISA, isa) &fl_cpu_pool2d_nchw_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
    REF(POOL2D),
};

static const fl_tactic *const unary[] = {
#define FL_SIMD(ISA, isa) &fl_cpu_unary_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
    REF(UNARY),
};

static const fl_tactic *const binary[] = {
#define FL_SIMD(ISA, isa) &fl_cpu_binary_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
#define FL_SIMD(ISA, isa) &fl_cpu_compare_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
    REF(BINARY),
};

static const fl_tactic *const batch_norm[] = {
#define FL_SIMD(ISA, isa) &fl_cpu_batch_norm_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
    REF(BATCH_NORM),
};

static const fl_tactic *const softmax[] = {
#define FL_SIMD(ISA, isa) &fl_cpu_softmax_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
    REF(SOFTMAX),
};

static const fl_tactic *const reduce[] = {
#define FL_SIMD(ISA, isa) &fl_cpu_reduce_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
    REF(REDUCE),
};

static const fl_tactic *const concat[] = {
    &fl_cpu_concat_copy,
    REF(CONCAT),
};

static const fl_tactic *const reshape[] = {
    &fl_cpu_reshape_copy,
    REF(RESHAPE),
};

static const fl_tactic *const transpose[] = {
#define FL_TRANSPOSE(ISA, isa) &fl_cpu_transpose_##isa,
#include "backend/cpu/kernel/transpose.def"
#undef FL_TRANSPOSE
    REF(TRANSPOSE),
};

static const fl_tactic *const pad[] = {
    &fl_cpu_pad_copy,
    REF(PAD),
};

static const fl_tactic *const slice[] = {
    &fl_cpu_slice_copy,
    REF(SLICE),
};

static const fl_tactic *const broadcast[] = {
    &fl_cpu_broadcast_copy,
    REF(BROADCAST),
};

static const fl_tactic *const shape[] = {
    REF(SHAPE),
};

static const fl_tactic *const cast[] = {
#define FL_SIMD(ISA, isa) &fl_cpu_cast_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
    &fl_cpu_cast_pieces,
    REF(CAST),
};

static const fl_tactic *const select[] = {
#define FL_SIMD(ISA, isa) &fl_cpu_select_##isa,
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
    REF(SELECT),
};

static const fl_tactic *const identity[] = {
    &fl_cpu_identity_copy,
    REF(IDENTITY),
};

static const fl_tactic *const random_uniform[] = {
    REF(RANDOM_UNIFORM),
};

static const fl_tactic *const reorder[] = {
    &fl_cpu_reorder_blocks,
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
