/* test_cuda_elementwise.c - the CUDA tactics of unary, binary and batch norm against the operators' references, for
 * what the golden tests cannot show: sizes around the width of vectors, f16 and bf16, every way to broadcast, in
 * place, and what is written beside a buffer.
 */
#include "cuda_problem.h"

/* ---- unary */

static void make_unary(problem *p, int func, fl_dtype type, int rank, const int64_t *dim)
{
    problem_begin(p, FL_OP_UNARY, 1);
    p->c.d.p.unary = (fl_unary_params){func, 0.25f};
    problem_input(p, 0, type, rank, dim);
    p->relative = type == FL_F64 ? 1e-14 : 1e-6;
    p->absolute = type == FL_F64 ? 1e-300 : 1e-40;
}

static void unary_functions_equal_the_reference_in_all_float_types(void **unused)
{
    static const fl_dtype types[] = {FL_F32, FL_F16, FL_BF16, FL_F64};

    (void)unused;
    state = seed;
    for (int func = 0; func < FL_UNARY_COUNT; func++)
        for (int k = 0; k < 4; k++) {
            const int64_t n = 523;
            problem p;
            make_unary(&p, func, types[k] == FL_F64 ? FL_F64 : FL_F32, 1, &n);
            for (size_t i = 0; types[k] != FL_F64 && i < count(&p, 0); i++)
                floats(&p, 0)[i] *= chance(20) ? 80 : 8;
            if (types[k] != FL_F64)
                add_extremes(&p, 0);
            problem_check(&p, types[k]);
        }
    every_tactic_ran(FL_OP_UNARY);
}

static void unary_functions_of_integers_equal_the_reference(void **unused)
{
    static const int funcs[] = {FL_UNARY_NONE, FL_UNARY_RELU, FL_UNARY_RELU6,
                                FL_UNARY_NEG,  FL_UNARY_ABS,  FL_UNARY_SQUARE};

    (void)unused;
    for (fl_dtype type = FL_I8; type <= FL_I64; type++)
        for (int k = 0; k < 6; k++) {
            const int64_t n = 300;
            problem p;
            make_unary(&p, funcs[k], type, 1, &n);
            problem_check(&p, type);
        }
}

static void unary_is_right_at_all_sizes_around_a_vector_and_a_block(void **unused)
{
    (void)unused;
    for (int k = 0; k < 3; k++)
        for (int64_t n = 0; n <= 2100; n += n < 40 ? 1 : n < 500 ? 67 : n < 2030 ? 203 : 7) {
            problem p;
            make_unary(&p, FL_UNARY_RELU, FL_F32, 1, &n);
            problem_check(&p, storages[k]);
        }
}

/* ---- binary */

static void make_binary(problem *p, int func, fl_dtype type, int a_rank, const int64_t *a, int b_rank, const int64_t *b)
{
    problem_begin(p, FL_OP_BINARY, 2);
    p->c.d.p.binary.func = func;
    problem_input(p, 0, type, a_rank, a);
    problem_input(p, 1, type, b_rank, b);
}

static void binary_broadcasts_as_the_reference_in_all_float_types(void **unused)
{
    (void)unused;
    state = seed;
    for (int i = 0; i < 2 * problems(); i++) {
        int64_t y[8], a[8], b[8];
        const int rank = random_shape(y, 0, 8), a_rank = chance(60) ? -1 : smaller_shape(a, rank, y);
        const int b_rank = a_rank >= 0 && chance(50) ? -1 : smaller_shape(b, rank, y);
        const int func = (int)pick(0, FL_BINARY_COUNT - 1);
        problem p;
        make_binary(&p, func, FL_F32, a_rank < 0 ? rank : a_rank, a_rank < 0 ? y : a, b_rank < 0 ? rank : b_rank,
                    b_rank < 0 ? y : b);
        if (!fl_binary_is_comparison(func) && chance(50)) {
            p.c.d.p.binary.act = random_act();
            p.c.d.p.binary.alpha = 0.25f;
        }
        if (func != FL_BINARY_POW) {
            add_extremes(&p, 0);
            add_extremes(&p, 1);
        }
        p.relative = func == FL_BINARY_POW || p.c.d.p.binary.act > FL_UNARY_RELU6 ? 2e-6 : 0;
        p.absolute = p.relative > 0 ? 1e-7 : 0;
        problem_check(&p, storages[i % 3]);
    }
    every_tactic_ran(FL_OP_BINARY);
}

static void make_positive(problem *p, int slot)
{
    const fl_tensor_desc *t = &p->c.in[slot];
    const size_t bytes = fl_dtype_bytes(t->dtype);

    for (size_t i = 0; i < count(p, slot); i++) {
        memset(p->data[slot] + i * bytes, 0, bytes);
        p->data[slot][i * bytes] = (uint8_t)pick(1, 9);
    }
}

static void binary_functions_of_other_types_equal_the_reference(void **unused)
{
    (void)unused;
    state = seed;
    for (fl_dtype type = FL_F64; type <= FL_BOOL; type++)
        for (int func = 0; func < FL_BINARY_COUNT; func++) {
            const int64_t a[3] = {3, 5, 17}, b[2] = {5, 1};
            const bool by = func == FL_BINARY_DIV || func == FL_BINARY_FLOOR_DIV || func == FL_BINARY_FLOOR_MOD;
            problem p;
            make_binary(&p, func, type, 3, a, 2, b);
            p.relative = 1e-14;
            if (type != FL_F64 && type != FL_BOOL && (by || func == FL_BINARY_POW))
                make_positive(&p, 1);
            if (fl_op_infer(&p.c.d, NULL) == FLOE_OK)
                problem_check(&p, type);
            else
                problem_end(&p);
        }
}

/* Where the CPU gives an error. */
static void integers_by_zero_give_minus_one_and_the_dividend(void **unused)
{
    static const struct {
        int     func;
        int32_t b, want;
    } rows[] = {{FL_BINARY_DIV, 0, -1},        {FL_BINARY_FLOOR_DIV, 0, -1}, {FL_BINARY_FLOOR_MOD, 0, -7},
                {FL_BINARY_POW, -2, 0},        {FL_BINARY_DIV, -2, 3},       {FL_BINARY_FLOOR_DIV, -2, 3},
                {FL_BINARY_FLOOR_MOD, -2, -1}, {FL_BINARY_FLOOR_DIV, 2, -4}, {FL_BINARY_FLOOR_MOD, 2, 1}};
    const fl_tactic *tactic = fl_tactic_find(&fl_cuda_backend, rig.device, FL_OP_BINARY, "cuda.binary.any.each");

    (void)unused;
    assert_non_null(tactic);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int64_t one = 1;
        const int32_t a = -7;
        const void *in[2] = {&a, &rows[i].b};
        int32_t y = 99;
        void *out[1] = {&y};
        problem p;
        make_binary(&p, rows[i].func, FL_I32, 1, &one, 1, &one);
        assert_int_equal(fl_op_infer(&p.c.d, NULL), FLOE_OK);
        cuda_step_run(&rig, tactic, &p.c.d, in, out, -1);
        assert_int_equal(y, rows[i].want);
        problem_end(&p);
    }
}

/* ---- batch norm */

static void make_batch_norm(problem *p, int rank, const int64_t *dim, int axis, bool training)
{
    problem_begin(p, FL_OP_BATCH_NORM, 5);
    p->c.d.p.batch_norm = (fl_batch_norm_params){.epsilon = 1e-3f, .axis = axis, .training = training, .factor = 1};
    problem_input(p, 0, FL_F32, rank, dim);
    for (int slot = 1; slot < 5; slot++)
        problem_input(p, slot, FL_F32, 1, &dim[axis]);
    for (size_t i = 0; i < count(p, 4); i++)
        floats(p, 4)[i] = 0.1f + fabsf(floats(p, 4)[i]);
    p->absolute = 4e-6;
}

static void batch_norm_equals_the_reference_for_any_channel_axis_and_type(void **unused)
{
    (void)unused;
    state = seed;
    for (int i = 0; i < 2 * problems(); i++) {
        int64_t dim[5];
        const int rank = random_shape(dim, 1, 5);
        problem p;
        make_batch_norm(&p, rank, dim, chance(50) ? rank - 1 : (int)pick(0, rank - 1), chance(30));
        p.c.d.p.batch_norm.act = chance(50) ? random_act() : FL_UNARY_NONE;
        p.c.d.p.batch_norm.alpha = 0.25f;
        p.c.d.p.batch_norm.factor = chance(30) ? 0.75f : 1;
        p.kept = chance(70) ? 0x1e : 0;
        for (int slot = 1; slot < 5; slot++)
            p.c.in[slot].constant = p.kept && chance(90);
        problem_check(&p, storages[i % 3]);
    }
    every_tactic_ran(FL_OP_BATCH_NORM);
}

/* Enough places for several chunks and pieces, few and many channels, channels last and first. */
static void batch_norm_sums_long_channels_in_chunks(void **unused)
{
    static const struct {
        int64_t dim[3];
        int     axis;
    } cases[] = {{{2, 700, 3}, 2},  {{1, 300, 40}, 2}, {{5, 1000, 1}, 2},
                 {{3, 2, 5000}, 1}, {{3, 4, 37}, 1},   {{40000, 1, 1}, 1}};

    (void)unused;
    state = seed;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        problem p;
        make_batch_norm(&p, 3, cases[i].dim, cases[i].axis, true);
        for (size_t k = 0; k < count(&p, 0); k++)
            floats(&p, 0)[k] = 30 + floats(&p, 0)[k];
        p.relative = 1e-6;
        p.absolute = 2e-5; /* the mean as f32 is off by up to 1e-6, times 1 / 0.58 and scale */
        problem_check(&p, FL_F32);
    }
}

static void batch_norm_of_nothing_gives_nan_statistics(void **unused)
{
    (void)unused;
    for (int training = 0; training < 2; training++) {
        const int64_t dim[2] = {0, 5};
        problem p;
        make_batch_norm(&p, 2, dim, 1, training);
        problem_check(&p, FL_F32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary_functions_equal_the_reference_in_all_float_types),
        cmocka_unit_test(unary_functions_of_integers_equal_the_reference),
        cmocka_unit_test(unary_is_right_at_all_sizes_around_a_vector_and_a_block),
        cmocka_unit_test(binary_broadcasts_as_the_reference_in_all_float_types),
        cmocka_unit_test(binary_functions_of_other_types_equal_the_reference),
        cmocka_unit_test(integers_by_zero_give_minus_one_and_the_dividend),
        cmocka_unit_test(batch_norm_equals_the_reference_for_any_channel_axis_and_type),
        cmocka_unit_test(batch_norm_sums_long_channels_in_chunks),
        cmocka_unit_test(batch_norm_of_nothing_gives_nan_statistics),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
