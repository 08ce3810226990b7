/* plan_maker.c - see plan_maker.h. */
#include "plan_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "plan_retarget.h"

static void *room(plan_maker *m, size_t count, size_t size)
{
    void *p = fl_arena_calloc(&m->plan->arena, count, size);
    assert_non_null(p);
    return p;
}

void plan_maker_engine(plan_maker *m, const char *backend, const char *target, int64_t max_batch)
{
    fl_plan_engine *e = &m->plan->engines[m->plan->n_engines++];

    assert_true(m->plan->n_engines <= PLAN_MAKER_ENGINES);
    snprintf(e->backend, sizeof e->backend, "%s", backend);
    snprintf(e->target, sizeof e->target, "%s", target);
    e->max_batch = max_batch;
    e->tensors = room(m, PLAN_MAKER_TENSORS, sizeof *e->tensors);
    e->steps = room(m, PLAN_MAKER_STEPS, sizeof *e->steps);
    e->bindings = room(m, PLAN_MAKER_BINDINGS, sizeof *e->bindings);
    m->e = e;
}

plan_maker plan_maker_begin(const floe_env *env, const char *backend, const char *target, int64_t max_batch)
{
    plan_maker m = {NULL, NULL};

    assert_int_equal(fl_plan_create(&m.plan, env, NULL), FLOE_OK);
    m.plan->producer = "floe by hand";
    m.plan->engines = room(&m, PLAN_MAKER_ENGINES, sizeof *m.plan->engines);
    plan_maker_engine(&m, backend, target, max_batch);
    return m;
}

static uint32_t add_tensor(plan_maker *m, const char *name, const fl_tensor_desc *desc, fl_plan_place place,
                           uint64_t offset)
{
    fl_plan_engine *e = m->e;

    assert_true(e->n_tensors < PLAN_MAKER_TENSORS);
    e->tensors[e->n_tensors] = (fl_plan_tensor){fl_arena_strdup(&m->plan->arena, name), *desc, place, offset};
    for (int i = 0; i < desc->rank; i++)
        e->batched = e->batched || desc->dim[i] < 0;
    return e->n_tensors++;
}

static uint32_t add_binding(plan_maker *m, const char *name, uint32_t tensor, bool is_input)
{
    fl_plan_engine *e = m->e;

    assert_true(e->n_bindings < PLAN_MAKER_BINDINGS);
    e->bindings[e->n_bindings] = (fl_plan_binding){fl_arena_strdup(&m->plan->arena, name), tensor, is_input};
    return e->n_bindings++;
}

uint32_t plan_maker_input(plan_maker *m, const char *name, fl_dtype dtype, int rank, const int64_t *dim)
{
    const fl_tensor_desc desc = fl_tensor_make(dtype, rank, dim);
    const uint32_t t = add_tensor(m, name, &desc, FL_PLACE_BINDING, m->e->n_bindings);

    add_binding(m, name, t, true);
    return t;
}

/* Small values of both signs, exact in every type. */
static void make_up(uint8_t *at, fl_dtype dtype, size_t bytes)
{
    if (dtype != FL_F32) {
        for (size_t i = 0; i < bytes; i++)
            at[i] = (uint8_t)(i % 2);
        return;
    }
    for (size_t i = 0; i < bytes / 4; i++) {
        const float v = (float)((int)(i * 7 % 11) - 5) / 8;
        memcpy(at + 4 * i, &v, 4);
    }
}

uint32_t plan_maker_constant(plan_maker *m, const char *name, fl_dtype dtype, int rank, const int64_t *dim,
                             const void *values)
{
    fl_tensor_desc desc = fl_tensor_make(dtype, rank, dim);
    const size_t bytes = fl_tensor_bytes_at(&desc, 1);
    fl_buf *weights = &m->plan->storage;

    desc.constant = true;
    fl_put_zeros_to(weights, FL_ALIGN);
    const uint64_t offset = weights->size;
    uint8_t *at = fl_buf_extend(weights, bytes);
    assert_non_null(at);
    if (values)
        memcpy(at, values, bytes);
    else
        make_up(at, dtype, bytes);
    return add_tensor(m, name, &desc, FL_PLACE_WEIGHTS, offset);
}

static uint64_t arena_place(plan_maker *m, const fl_tensor_desc *desc)
{
    const uint64_t offset = m->e->arena_bytes;
    const size_t bytes = fl_tensor_bytes_at(desc, m->e->max_batch);

    m->e->arena_bytes += fl_round_up(bytes ? bytes : 1, FL_ALIGN);
    return offset;
}

uint32_t plan_maker_step(plan_maker *m, const char *name, fl_op_kind op, const fl_op_params *p, uint32_t n_in,
                         const uint32_t *in)
{
    fl_plan_engine *e = m->e;
    fl_plan_step *s = &e->steps[e->n_steps];
    const fl_op_def *def = fl_op_def_of(op);
    fl_tensor_desc made[FL_MAX_OUTPUTS], *out[FL_MAX_OUTPUTS], *slots[16], *unused[FL_MAX_OUTPUTS];
    char text[128];
    floe_error err = {0};
    fl_op_desc desc;

    assert_true(e->n_steps < PLAN_MAKER_STEPS && n_in <= 16);
    snprintf(text, sizeof text, "%s.%s.any.ref", e->backend, def->name);
    s->name = fl_arena_strdup(&m->plan->arena, name);
    s->tactic = fl_arena_strdup(&m->plan->arena, text);
    s->op = op;
    if (p)
        s->p = *p;
    s->n_in = n_in;
    s->n_out = (uint32_t)def->n_out;
    s->in = room(m, n_in, sizeof *s->in);
    s->out = room(m, s->n_out, sizeof *s->out);
    for (uint32_t i = 0; i < n_in; i++)
        s->in[i] = in[i];
    memset(made, 0, sizeof made);
    fl_plan_step_desc(e, s, slots, unused, &desc);
    for (int i = 0; i < FL_MAX_OUTPUTS; i++)
        out[i] = &made[i];
    desc.out = out;
    if (fl_op_infer(&desc, &err) != FLOE_OK)
        fail_msg("%s: %s", name, err.message);
    for (uint32_t i = 0; i < s->n_out; i++) {
        snprintf(text, sizeof text, i ? "%s:%u" : "%s", name, (unsigned)i);
        s->out[i] = add_tensor(m, text, &made[i], FL_PLACE_ARENA, arena_place(m, &made[i]));
    }
    e->n_steps++;
    return s->out[0];
}

void plan_maker_tactic(plan_maker *m, const char *tactic, uint32_t taken, const void *bytes, size_t n,
                       uint64_t workspace_bytes)
{
    fl_plan_step *s = &m->e->steps[m->e->n_steps - 1];
    fl_buf *weights = &m->plan->storage;

    s->tactic = fl_arena_strdup(&m->plan->arena, tactic);
    s->taken = taken;
    s->workspace_bytes = workspace_bytes;
    if (workspace_bytes > m->e->workspace_bytes)
        m->e->workspace_bytes = workspace_bytes;
    if (!bytes)
        return;
    fl_put_zeros_to(weights, FL_ALIGN);
    s->packed_offset = weights->size;
    s->packed_bytes = n;
    fl_put_bytes(weights, bytes, n);
}

uint32_t plan_maker_alias(plan_maker *m, const char *name, uint32_t of, int rank, const int64_t *dim)
{
    const fl_plan_tensor *t = &m->e->tensors[of];
    const fl_tensor_desc desc = fl_tensor_make(t->desc.dtype, rank, dim);

    return add_tensor(m, name, &desc, t->place, t->offset);
}

/* The tensor moves from the arena into the binding, and every tensor of its bytes with it. */
void plan_maker_output(plan_maker *m, const char *name, uint32_t tensor)
{
    fl_plan_engine *e = m->e;
    const fl_plan_tensor was = e->tensors[tensor];
    const uint32_t binding = add_binding(m, name, tensor, false);

    assert_int_equal(was.place, FL_PLACE_ARENA);
    for (uint32_t i = 0; i < e->n_tensors; i++)
        if (e->tensors[i].place == FL_PLACE_ARENA && e->tensors[i].offset == was.offset) {
            e->tensors[i].place = FL_PLACE_BINDING;
            e->tensors[i].offset = binding;
        }
}

fl_plan *plan_maker_end(plan_maker *m)
{
    for (uint32_t k = 0; k < m->plan->n_engines; k++) { /* outputs have left the arena */
        fl_plan_engine *e = &m->plan->engines[k];
        e->arena_bytes = 0;
        for (uint32_t i = 0; i < e->n_tensors; i++) {
            const fl_plan_tensor *t = &e->tensors[i];
            const size_t bytes = fl_tensor_bytes_at(&t->desc, e->max_batch);
            const uint64_t end = t->offset + fl_round_up(bytes ? bytes : 1, FL_ALIGN);
            if (t->place == FL_PLACE_ARENA && end > e->arena_bytes)
                e->arena_bytes = end;
        }
    }
    m->plan->weights = m->plan->storage.data;
    m->plan->weights_bytes = m->plan->storage.size;
    return m->plan;
}

void plan_maker_retarget(fl_plan *plan, const char *isa, size_t rank)
{
    assert_int_equal(plan_retarget(plan, isa, rank), FLOE_OK);
}

fl_buf plan_maker_bytes(fl_plan *plan)
{
    fl_buf bytes = fl_buf_make(NULL);
    floe_error err = {0};

    if (fl_plan_write(&bytes, plan, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    fl_plan_free(plan);
    return bytes;
}

/* ---- ready-made plans */

#define DIMS(...) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define SLOTS(...) (sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)), (const uint32_t[]){__VA_ARGS__}
#define PARAMS(...) (&(const fl_op_params){__VA_ARGS__})

fl_plan *plan_maker_tiny(const floe_env *env, const char *target)
{
    plan_maker m = plan_maker_begin(env, "cpu", target, 4);
    const uint32_t x = plan_maker_input(&m, "x", FL_F32, DIMS(-1, 8));

    plan_maker_output(&m, "y",
                      plan_maker_step(&m, "act", FL_OP_UNARY, PARAMS(.unary = {.func = FL_UNARY_RELU}), SLOTS(x)));
    return plan_maker_end(&m);
}

static const fl_conv_params same3 = {
    .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}, .groups = 1, .act = FL_UNARY_RELU};

fl_plan *plan_maker_net(const floe_env *env, const char *target)
{
    plan_maker m = plan_maker_begin(env, "cpu", target, 4);
    const uint32_t x = plan_maker_input(&m, "picture", FL_F32, DIMS(-1, 8, 8, 3));
    const uint32_t f1 = plan_maker_constant(&m, "conv1/filter", FL_F32, DIMS(3, 3, 3, 4), NULL);
    const uint32_t b1 = plan_maker_constant(&m, "conv1/bias", FL_F32, DIMS(4), NULL);
    const uint32_t f2 = plan_maker_constant(&m, "conv2/filter", FL_F32, DIMS(3, 3, 4, 4), NULL);
    const uint32_t w = plan_maker_constant(&m, "fc/weights", FL_F32, DIMS(64, 5), NULL);
    const uint32_t c1 = plan_maker_step(&m, "conv1", FL_OP_CONV2D, PARAMS(.conv = same3), SLOTS(x, f1, b1));
    const uint32_t c2 = plan_maker_step(&m, "conv2", FL_OP_CONV2D, PARAMS(.conv = same3),
                                        SLOTS(c1, f2, FL_PLAN_NONE, c1));
    const uint32_t p = plan_maker_step(&m, "pool", FL_OP_POOL2D,
                                       PARAMS(.pool = {.func = FL_POOL_MAX, .kernel = {2, 2}, .stride = {2, 2}}),
                                       SLOTS(c2));
    const uint32_t flat = plan_maker_alias(&m, "flat", p, DIMS(-1, 64));
    const uint32_t fc = plan_maker_step(&m, "fc", FL_OP_MATMUL, NULL, SLOTS(flat, w));
    const uint32_t y = plan_maker_step(&m, "probabilities", FL_OP_SOFTMAX, PARAMS(.axis = {1}), SLOTS(fc));

    plan_maker_output(&m, "features", p);
    plan_maker_output(&m, "probabilities", y);
    return plan_maker_end(&m);
}

fl_plan *plan_maker_cut(const floe_env *env, const char *target)
{
    plan_maker m = plan_maker_begin(env, "cpu", target, 6);
    const uint32_t x = plan_maker_input(&m, "x", FL_F32, DIMS(-1, 2));
    const uint32_t y = plan_maker_step(&m, "cut", FL_OP_SLICE,
                                       PARAMS(.slice = {.begin = {1}, .stride = {2, 1}, .size = {2, 2}}), SLOTS(x));

    plan_maker_output(&m, "y", y);
    return plan_maker_end(&m);
}

/* One step of every operator but random_uniform, which cannot be run; what nobody reads stays in the arena. */
static void add_every_operator(plan_maker *m)
{
    const uint32_t none = FL_PLAN_NONE;
    fl_conv_params grown = same3;
    grown.stride[0] = grown.stride[1] = 2;
    grown.output[0] = grown.output[1] = 7;
    grown.act = FL_UNARY_LEAKY_RELU;
    grown.alpha = 0.2f;
    const uint32_t x = plan_maker_input(m, "x", FL_F32, DIMS(-1, 4, 4, 8));
    const uint32_t v = plan_maker_input(m, "v\twith a tab", FL_F32, DIMS(-3, 5));
    const uint32_t f = plan_maker_constant(m, "f", FL_F32, DIMS(3, 3, 8, 8), NULL);
    const uint32_t d = plan_maker_constant(m, "d", FL_F32, DIMS(3, 3, 8, 1), NULL);
    const uint32_t b = plan_maker_constant(m, "b", FL_F32, DIMS(8), NULL);
    const uint32_t k = plan_maker_constant(m, "k", FL_F32, DIMS(5, 2), NULL);
    const uint32_t yes = plan_maker_constant(m, "yes", FL_BOOL, DIMS(5), NULL);
    const uint32_t conv = plan_maker_step(m, "conv", FL_OP_CONV2D, PARAMS(.conv = same3), SLOTS(x, f, b, x));
    plan_maker_step(m, "depthwise", FL_OP_DEPTHWISE_CONV2D, PARAMS(.conv = same3), SLOTS(conv, d, none));
    plan_maker_step(m, "grow", FL_OP_CONV2D_TRANSPOSE, PARAMS(.conv = grown), SLOTS(x, f));
    plan_maker_step(m, "pool", FL_OP_POOL2D,
                    PARAMS(.pool = {.func = FL_POOL_AVG, .kernel = {3, 2}, .stride = {1, 2}, .pad = {1, 1, 0, 0}}),
                    SLOTS(x));
    plan_maker_step(m, "norm", FL_OP_BATCH_NORM,
                    PARAMS(.batch_norm = {.epsilon = 1e-3f, .axis = 3, .factor = 1, .act = FL_UNARY_RELU6}),
                    SLOTS(x, b, b, b, b));
    plan_maker_step(m, "blocked", FL_OP_REORDER, PARAMS(.layout = {FL_LAYOUT_C8}), SLOTS(x));
    plan_maker_step(m, "padded", FL_OP_PAD, PARAMS(.pad = {.before = {0, 1}, .after = {0, 0, 2}, .value = -1.5f}),
                    SLOTS(x));
    plan_maker_step(m, "turned", FL_OP_TRANSPOSE, PARAMS(.transpose = {{0, 3, 1, 2}}), SLOTS(x));
    plan_maker_step(m, "shape", FL_OP_SHAPE, PARAMS(.dtype = {.dtype = FL_I64}), SLOTS(x));
    plan_maker_step(m, "cut", FL_OP_SLICE, PARAMS(.slice = {.stride = {1, 2, 1, 1}, .size = {-1, 2, 4, 8}}), SLOTS(x));
    plan_maker_step(m, "product", FL_OP_MATMUL, PARAMS(.matmul = {.act = FL_UNARY_TANH}), SLOTS(v, k));
    plan_maker_step(m, "soft", FL_OP_SOFTMAX, PARAMS(.axis = {1}), SLOTS(v));
    plan_maker_step(m, "sum", FL_OP_REDUCE, PARAMS(.reduce = {.func = FL_REDUCE_MEAN, .axes = 2, .keep_dims = 1}),
                    SLOTS(v));
    plan_maker_step(m, "joined", FL_OP_CONCAT, PARAMS(.axis = {1}), SLOTS(v, v, v));
    plan_maker_step(m, "reshaped", FL_OP_RESHAPE, PARAMS(.dims = {3, {-1, 3, 5}}), SLOTS(v));
    plan_maker_step(m, "repeated", FL_OP_BROADCAST, PARAMS(.dims = {3, {2, -3, 5}}), SLOTS(v));
    plan_maker_step(m, "cast", FL_OP_CAST, PARAMS(.dtype = {.dtype = FL_I32}), SLOTS(v));
    plan_maker_step(m, "same", FL_OP_IDENTITY, NULL, SLOTS(v));
    const uint32_t less = plan_maker_step(m, "less", FL_OP_BINARY, PARAMS(.binary = {.func = FL_BINARY_MUL}),
                                          SLOTS(v, v));
    const uint32_t act = plan_maker_step(m, "act", FL_OP_UNARY,
                                         PARAMS(.unary = {.func = FL_UNARY_LEAKY_RELU, .alpha = 0.1f}), SLOTS(less));
    plan_maker_output(m, "y", plan_maker_step(m, "select", FL_OP_SELECT, NULL, SLOTS(yes, v, act)));
}

fl_plan *plan_maker_all(const floe_env *env, const char *target)
{
    plan_maker m = plan_maker_begin(env, "cpu", target, 3);

    add_every_operator(&m);
    plan_maker_engine(&m, "cpu", "no-such-machine", 1);
    const uint32_t x = plan_maker_input(&m, "x", FL_F32, DIMS(2, 2));
    const uint32_t w = plan_maker_constant(&m, "w", FL_F32, DIMS(2, 2), NULL);
    plan_maker_step(&m, "random", FL_OP_RANDOM_UNIFORM, PARAMS(.dims = {2, {3, 4}}), 0, &x);
    const uint32_t exp = plan_maker_step(&m, "exp", FL_OP_UNARY, PARAMS(.unary = {.func = FL_UNARY_EXP}), SLOTS(x));
    plan_maker_output(&m, "y", plan_maker_step(&m, "fc", FL_OP_MATMUL, NULL, SLOTS(exp, w)));
    plan_maker_tactic(&m, "cpu.matmul.f32.of_another_time", 2, "made of w", 9, 128);
    m.plan->preprocess = (fl_plan_preprocess){.present = true, .channels = FL_CHANNELS_BGR, .resize = FLOE_RESIZE_CROP,
                                              .format = FL_NHWC, .mean = {123.68f, 116.779f, 103.939f},
                                              .scale = {1, 1, 1.0f / 255, 1}};
    return plan_maker_end(&m);
}
