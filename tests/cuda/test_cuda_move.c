/* test_cuda_move.c - the CUDA tactics of transpose, slice, pad, concat and reorder against the references: elements of
 * 1, 2, 4 and 8 bytes, sizes around the borders of tiles and vectors, more units than a thread moves at once, any
 * number of inputs.
 */
#include "cuda_case.h"

static const fl_dtype sizes[] = {FL_U8, FL_F16, FL_F32, FL_I64};
#define SIZES (sizeof sizes / sizeof *sizes)

/* ---- transpose */

static void transpose(fl_dtype dtype, int rank, const int64_t *dim, const int32_t *perm)
{
    cuda_case c;

    begin(&c, FL_OP_TRANSPOSE);
    add_input(&c, dtype, rank, dim);
    memcpy(c.d.p.transpose.perm, perm, (size_t)rank * sizeof *perm);
    assert_true(solve(&c));
    check(&c, 0);
}

static void transpose_is_right_around_the_borders_of_tiles(void **unused)
{
    static const int64_t sides[] = {1, 2, 7, 8, 9, 12, 31, 32, 33, 60, 64, 66, 129};

    (void)unused;
    for (size_t s = 0; s < SIZES; s++)
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
            for (size_t k = 0; k < sizeof sides / sizeof *sides; k++)
                transpose(sizes[s], 2, (const int64_t[]){sides[i], sides[k]}, (const int32_t[]){1, 0});
}

static void transpose_takes_pictures_between_nhwc_and_nchw(void **unused)
{
    static const int64_t channels[] = {1, 3, 4, 8, 16, 20, 64, 65};

    (void)unused;
    for (size_t s = 0; s < SIZES; s++) {
        for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
            const int64_t c = channels[i];
            transpose(sizes[s], 4, (const int64_t[]){2, 9, 10, c}, (const int32_t[]){0, 3, 1, 2});
            transpose(sizes[s], 4, (const int64_t[]){2, c, 9, 10}, (const int32_t[]){0, 2, 3, 1});
        }
    }
}

static void transpose_takes_every_order_of_many_axes(void **unused)
{
    (void)unused;
    for (int round = 0; round < 150; round++) {
        const int rank = (int)pick(0, 8);
        int64_t dim[8], elements = 1;
        int32_t perm[8];
        for (int i = 0; i < rank; i++) {
            dim[i] = elements > 2000 ? pick(1, 2) : chance(20) ? pick(8, 40) : pick(1, 6);
            elements *= dim[i];
            perm[i] = (int32_t)i;
        }
        for (int i = rank - 1; i > 0; i--) {
            const int k = (int)pick(0, i);
            const int32_t other = perm[k];
            perm[k] = perm[i];
            perm[i] = other;
        }
        transpose(sizes[pick(0, SIZES - 1)], rank, dim, perm);
    }
}

static void transpose_of_nothing_and_of_very_much_is_right(void **unused)
{
    (void)unused;
    transpose(FL_F32, 3, (const int64_t[]){4, 0, 5}, (const int32_t[]){2, 0, 1});
    transpose(FL_U8, 3, (const int64_t[]){3, 70000, 3}, (const int32_t[]){0, 2, 1}); /* strided, several units each */
    transpose(FL_U8, 3, (const int64_t[]){3, 310, 301}, (const int32_t[]){2, 0, 1}); /* tiles and pictures */
}

/* ---- slice */

static void slice_takes_any_begin_and_stride(void **unused)
{
    (void)unused;
    for (int round = 0; round < 200; round++) {
        const int rank = (int)pick(0, 6);
        cuda_case c;
        int64_t dim[FL_MAX_RANK];
        for (int i = 0; i < rank; i++)
            dim[i] = i == rank - 1 && chance(50) ? 16 * pick(1, 4) : pick(1, 7);
        begin(&c, FL_OP_SLICE);
        add_input(&c, sizes[pick(0, SIZES - 1)], rank, dim);
        fl_slice_params *s = &c.d.p.slice;
        for (int i = 0; i < rank; i++) {
            s->stride[i] = chance(60) ? 1 : chance(50) ? pick(2, 3) : -pick(1, 3);
            s->begin[i] = chance(40) ? (s->stride[i] > 0 ? 0 : dim[i] - 1) : pick(0, dim[i] - 1);
            const int64_t room = s->stride[i] > 0 ? dim[i] - 1 - s->begin[i] : s->begin[i];
            const int64_t most = room / llabs(s->stride[i]) + 1;
            s->size[i] = chance(3) ? 0 : chance(60) ? most : pick(1, most);
        }
        assert_true(solve(&c));
        check(&c, 0);
    }
}

static void slice_of_a_batch_that_is_too_small_fails_at_run_time(void **unused)
{
    cuda_case c;
    floe_error err = {0};
    const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, FL_OP_SLICE);

    (void)unused;
    begin(&c, FL_OP_SLICE);
    add_input(&c, FL_F32, 1, (const int64_t[]){4});
    c.d.p.slice = (fl_slice_params){.begin = {2}, .stride = {1}, .size = {3}};
    c.out[0] = fl_tensor_make(FL_F32, 1, (const int64_t[]){3});
    const fl_step step = {&c.d, list.items[0], (const void *const *)c.data, &c.data[0], NULL, NULL};
    assert_int_equal(list.items[0]->run(&step, rig.stream, &err), FLOE_ERR_SHAPE);
    assert_non_null(strstr(err.message, "axis 0 is cut at 2"));
    end(&c);
}

/* ---- pad */

static void pad_puts_the_value_around_any_type(void **unused)
{
    static const fl_dtype types[] = {FL_F32, FL_F16, FL_BF16, FL_F64, FL_I8, FL_U8, FL_I16, FL_I32, FL_I64, FL_BOOL};

    (void)unused;
    for (int round = 0; round < 200; round++) {
        const int rank = (int)pick(0, 6);
        cuda_case c;
        int64_t dim[FL_MAX_RANK];
        for (int i = 0; i < rank; i++)
            dim[i] = chance(3) ? 0 : i == rank - 1 && chance(50) ? 16 * pick(1, 3) : pick(1, 6);
        begin(&c, FL_OP_PAD);
        add_input(&c, types[pick(0, sizeof types / sizeof *types - 1)], rank, dim);
        for (int i = 0; i < rank; i++) {
            c.d.p.pad.before[i] = chance(50) ? 0 : i == rank - 1 && chance(50) ? 16 : pick(0, 3);
            c.d.p.pad.after[i] = chance(50) ? 0 : i == rank - 1 && chance(50) ? 16 : pick(0, 3);
        }
        c.d.p.pad.value = chance(50) ? 0.0f : 1.25f * (float)pick(0, 50);
        assert_true(solve(&c));
        check(&c, 0);
    }
}

static void pad_moves_several_units_a_thread(void **unused)
{
    cuda_case c;

    (void)unused;
    begin(&c, FL_OP_PAD);
    add_input(&c, FL_U8, 4, (const int64_t[]){2, 250, 251, 3});
    c.d.p.pad = (fl_pad_params){.before = {0, 3, 2, 0}, .after = {0, 3, 1, 0}, .value = 7};
    assert_true(solve(&c));
    check(&c, 0);
}

/* ---- concat */

/* Each input has `times` * (least to most) along the axis. */
static void join(fl_dtype dtype, int n, int rank, const int64_t *dim, int axis, int64_t least, int64_t most,
                 int64_t times)
{
    cuda_case c;

    begin(&c, FL_OP_CONCAT);
    for (int k = 0; k < n; k++) {
        int64_t one[FL_MAX_RANK];
        memcpy(one, dim, (size_t)rank * sizeof *dim);
        one[axis] = times * pick(least, most);
        add_input(&c, dtype, rank, one);
    }
    c.d.p.axis.axis = axis;
    assert_true(solve(&c));
    check(&c, 0);
}

static void concat_joins_any_number_of_inputs(void **unused)
{
    static const int counts[] = {1, 2, 3, 15, 16, 17, 32, 33, 50};

    (void)unused;
    for (size_t s = 0; s < SIZES; s++) {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            join(sizes[s], counts[i], 3, (const int64_t[]){3, 0, 2}, 1, 0, 3, 1);   /* some are empty */
            join(sizes[s], counts[i], 2, (const int64_t[]){5, 0}, 1, 1, 3, 16);     /* in vectors */
            join(sizes[s], counts[i], 2, (const int64_t[]){0, 3}, 0, 0, 3, 1);
        }
    }
}

static void concat_of_nothing_and_of_very_much_is_right(void **unused)
{
    (void)unused;
    join(FL_F32, 20, 2, (const int64_t[]){3, 0}, 1, 0, 0, 1);
    join(FL_F32, 2, 3, (const int64_t[]){0, 2, 3}, 1, 1, 2, 1);
    join(FL_U8, 3, 2, (const int64_t[]){1000, 0}, 1, 101, 101, 1);
}

/* ---- reorder */

static void reorder_knows_all_layouts(void **unused)
{
    static const int64_t channels[] = {1, 3, 7, 8, 9, 16, 20, 32, 33};

    (void)unused;
    for (size_t s = 0; s < SIZES; s++)
        for (int from = 0; from < FL_LAYOUT_COUNT; from++)
            for (int to = 0; to < FL_LAYOUT_COUNT; to++)
                for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
                    cuda_case c;
                    begin(&c, FL_OP_REORDER);
                    const int64_t padded = (channels[i] + 15) / 16 * 16; /* room for blocks */
                    add_input(&c, sizes[s], 4, (const int64_t[]){2, 3, 5, padded});
                    c.in[0].dim[3] = channels[i];
                    c.in[0].layout = (fl_layout)from;
                    c.d.p.layout.layout = to;
                    assert_true(solve(&c));
                    check(&c, 0);
                }
}

static void reorder_moves_several_units_a_thread(void **unused)
{
    cuda_case c;

    (void)unused;
    begin(&c, FL_OP_REORDER);
    add_input(&c, FL_U8, 4, (const int64_t[]){3, 110, 101, 9});
    c.d.p.layout.layout = FL_LAYOUT_C8;
    assert_true(solve(&c));
    check(&c, 0);
}

/* ---- limits */

static void tensors_of_2_to_the_31_elements_are_refused(void **unused)
{
    static const fl_op_kind ops[] = {FL_OP_TRANSPOSE, FL_OP_SLICE, FL_OP_PAD, FL_OP_CONCAT, FL_OP_REORDER,
                                     FL_OP_REDUCE,    FL_OP_SOFTMAX, FL_OP_POOL2D};

    (void)unused;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, ops[i]);
        assert_true(list.count > 0);
        cuda_case c;
        begin(&c, ops[i]);
        add_input(&c, FL_F32, 4, (const int64_t[]){1, 1, 1, 1});
        const int64_t dim[] = {2, 1 << 15, 1 << 14, 2};
        c.in[0] = fl_tensor_make(FL_F32, 4, dim);
        c.d.p.pad.value = 0;
        if (ops[i] == FL_OP_TRANSPOSE)
            memcpy(c.d.p.transpose.perm, (const int32_t[]){0, 1, 2, 3}, 4 * sizeof(int32_t));
        if (ops[i] == FL_OP_SLICE)
            c.d.p.slice = (fl_slice_params){.stride = {1, 1, 1, 1}, .size = {2, 1 << 15, 1 << 14, 2}};
        if (ops[i] == FL_OP_POOL2D)
            c.d.p.pool = (fl_pool_params){.kernel = {1, 1}, .stride = {1, 1}};
        floe_error err = {0};
        cuda_need(fl_op_infer(&c.d, &err), &err);
        for (size_t k = 0; k < list.count; k++) {
            const char *why_not = NULL;
            assert_false(list.items[k]->supports(&c.d, &rig.info, &why_not));
            assert_non_null(why_not);
            const fl_step step = {&c.d, list.items[k], (const void *const *)c.data, &c.data[0], NULL, NULL};
            assert_int_equal(list.items[k]->run(&step, rig.stream, &err), FLOE_ERR_LIMIT);
            assert_non_null(strstr(err.message, "2^31 elements"));
        }
        end(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transpose_is_right_around_the_borders_of_tiles),
        cmocka_unit_test(transpose_takes_pictures_between_nhwc_and_nchw),
        cmocka_unit_test(transpose_takes_every_order_of_many_axes),
        cmocka_unit_test(transpose_of_nothing_and_of_very_much_is_right),
        cmocka_unit_test(slice_takes_any_begin_and_stride),
        cmocka_unit_test(slice_of_a_batch_that_is_too_small_fails_at_run_time),
        cmocka_unit_test(pad_puts_the_value_around_any_type),
        cmocka_unit_test(pad_moves_several_units_a_thread),
        cmocka_unit_test(concat_joins_any_number_of_inputs),
        cmocka_unit_test(concat_of_nothing_and_of_very_much_is_right),
        cmocka_unit_test(reorder_knows_all_layouts),
        cmocka_unit_test(reorder_moves_several_units_a_thread),
        cmocka_unit_test(tensors_of_2_to_the_31_elements_are_refused),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
