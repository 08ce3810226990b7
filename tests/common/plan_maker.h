/* plan_maker.h - plans written by hand, for the tests of the run half: no network, no builder.
 *
 * Tensors are placed one after another, nothing shares memory unless a test says so; steps run on the reference tactics.
 * Failures assert (cmocka), so a plan is written straight down:
 *
 *     plan_maker m = plan_maker_begin(NULL, "cpu", "x86-64", 4);
 *     const uint32_t x = plan_maker_input(&m, "x", FL_F32, 2, (int64_t[]){-1, 8});
 *     const uint32_t y = plan_maker_step(&m, "act", FL_OP_UNARY, &(fl_op_params){.unary = {FL_UNARY_RELU}}, 1, &x);
 *     plan_maker_output(&m, "y", y);
 *     fl_plan *plan = plan_maker_end(&m);
 */
#ifndef TESTS_COMMON_PLAN_MAKER_H
#define TESTS_COMMON_PLAN_MAKER_H

#include "plan/plan.h"

enum { PLAN_MAKER_TENSORS = 64, PLAN_MAKER_STEPS = 48, PLAN_MAKER_BINDINGS = 16, PLAN_MAKER_ENGINES = 2 };

typedef struct plan_maker {
    fl_plan        *plan;
    fl_plan_engine *e; /* the engine at work */
} plan_maker;

plan_maker plan_maker_begin(const floe_env *env, const char *backend, const char *target, int64_t max_batch);
/* Another engine in the same plan. */
void plan_maker_engine(plan_maker *m, const char *backend, const char *target, int64_t max_batch);
/* Inputs before outputs. */
uint32_t plan_maker_input(plan_maker *m, const char *name, fl_dtype dtype, int rank, const int64_t *dim);
/* values NULL: made up from a counter. */
uint32_t plan_maker_constant(plan_maker *m, const char *name, fl_dtype dtype, int rank, const int64_t *dim,
                             const void *values);
/* The first output; others follow it. p NULL: all zero. */
uint32_t plan_maker_step(plan_maker *m, const char *name, fl_op_kind op, const fl_op_params *p, uint32_t n_in,
                         const uint32_t *in);
/* Gives the last step another tactic, packed weights (bytes NULL: none) and a workspace. */
void plan_maker_tactic(plan_maker *m, const char *tactic, uint32_t taken, const void *bytes, size_t n,
                       uint64_t workspace_bytes);
/* What an elided reshape leaves behind: the bytes of `of` in another shape. */
uint32_t plan_maker_alias(plan_maker *m, const char *name, uint32_t of, int rank, const int64_t *dim);
void     plan_maker_output(plan_maker *m, const char *name, uint32_t tensor);
/* The plan, which is the caller's; its weights are in its storage. */
fl_plan *plan_maker_end(plan_maker *m);

/* Ready-made ones. */
fl_plan *plan_maker_tiny(const floe_env *env, const char *target);  /* relu of [N,8] */
fl_plan *plan_maker_net(const floe_env *env, const char *target);   /* a small picture classifier, batch 1 to 4 */
fl_plan *plan_maker_cut(const floe_env *env, const char *target);   /* places 1 and 3 of the batch axis */
fl_plan *plan_maker_all(const floe_env *env, const char *target);   /* every operator once; two engines; preprocessing */

/* Moves the first engine's steps from the reference to tactics of the CPU backend: of those that support a step the one of
 * this rank (0: the best guess; further ones, round and round). isa caps the instruction set; NULL: the machine's best.
 * Also makes the engine's target the one of that device. */
void plan_maker_retarget(fl_plan *plan, const char *isa, size_t rank);

/* The bytes of its file; frees the plan. */
fl_buf plan_maker_bytes(fl_plan *plan);

#endif
