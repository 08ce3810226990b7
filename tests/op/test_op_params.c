/* test_op_params.c - what the field tables drive: parameters to bytes and back for every operator, names, and the text
 * of a descriptor, which is also the key of the timing cache. */
#include "op_case.h"

/* All bytes of the parameters that fields cover get a value of their own. */
static void fill_params(const fl_op_def *def, fl_op_params *p, uint32_t seed)
{
    memset(p, 0, sizeof *p);
    for (const fl_field *f = def->fields; f->name; f++) {
        const size_t bytes = f->count * (f->type == FL_FIELD_I64 ? 8u : 4u);
        assert_true(f->offset + bytes <= sizeof *p);
        for (size_t i = 0; i < bytes; i++)
            ((uint8_t *)p)[f->offset + i] = (uint8_t)(seed = seed * 1664525u + 1013904223u) >> 3;
    }
}

static void parameters_of_every_operator_survive_the_round_trip(void **state)
{
    (void)state;
    for (int op = 0; op < FL_OP_COUNT; op++) {
        const fl_op_def *def = fl_op_def_of((fl_op_kind)op);
        fl_op_params p, back;
        fl_buf buf = fl_buf_make(NULL);
        floe_error err;

        fill_params(def, &p, (uint32_t)op);
        fl_op_params_write(&buf, (fl_op_kind)op, &p);
        assert_false(buf.failed);
        fl_reader in = fl_reader_make(buf.data, buf.size);
        memset(&back, 0xff, sizeof back);
        assert_int_equal(fl_op_params_read(&in, (fl_op_kind)op, &back, &err), FLOE_OK);
        assert_int_equal(fl_reader_left(&in), 0);
        assert_memory_equal(&p, &back, sizeof p);
        for (size_t cut = 0; cut < buf.size; cut++) { /* every shorter file is damaged */
            in = fl_reader_make(buf.data, cut);
            assert_int_equal(fl_op_params_read(&in, (fl_op_kind)op, &back, &err), FLOE_ERR_FORMAT);
            assert_non_null(strstr(err.message, def->name));
        }
        fl_buf_free(&buf);
    }
}

static void field_tables_cover_the_parameters(void **state)
{
    static const struct {
        fl_op_kind op;
        size_t     bytes;
    } sizes[] = {{FL_OP_CONV2D, sizeof(fl_conv_params)},       {FL_OP_MATMUL, sizeof(fl_matmul_params)},
                 {FL_OP_POOL2D, sizeof(fl_pool_params)},       {FL_OP_UNARY, sizeof(fl_unary_params)},
                 {FL_OP_BINARY, sizeof(fl_binary_params)},     {FL_OP_BATCH_NORM, sizeof(fl_batch_norm_params)},
                 {FL_OP_SOFTMAX, sizeof(fl_axis_params)},      {FL_OP_REDUCE, sizeof(fl_reduce_params)},
                 {FL_OP_TRANSPOSE, sizeof(fl_transpose_params)}, {FL_OP_SLICE, sizeof(fl_slice_params)},
                 {FL_OP_CAST, sizeof(fl_dtype_params)},        {FL_OP_REORDER, sizeof(fl_layout_params)}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) { /* structs without gaps: a forgotten field shows */
        size_t covered = 0;
        for (const fl_field *f = fl_op_def_of(sizes[i].op)->fields; f->name; f++)
            covered += f->count * (f->type == FL_FIELD_I64 ? 8u : 4u);
        assert_int_equal(covered, sizes[i].bytes);
    }
}

static void bytes_are_little_endian_in_table_order(void **state)
{
    fl_op_params p = {.unary = {FL_UNARY_LEAKY_RELU, 0.5f}};
    fl_buf buf = fl_buf_make(NULL);
    (void)state;
    fl_op_params_write(&buf, FL_OP_UNARY, &p);
    assert_int_equal(buf.size, 8);
    op_same(buf.data, uint8_t, FL_UNARY_LEAKY_RELU, 0, 0, 0, 0, 0, 0, 0x3f);
    fl_buf_free(&buf);
    p = (fl_op_params){.dims = {.rank = 2, .dim = {-1, 258}}};
    fl_op_params_write(&buf, FL_OP_RESHAPE, &p);
    assert_int_equal(buf.size, 4 + 8 * FL_MAX_RANK);
    op_same(buf.data, uint8_t, 2, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 2, 1, 0, 0, 0, 0, 0, 0);
    fl_buf_free(&buf);
}

static void unknown_operators_are_refused(void **state)
{
    fl_op_params p;
    fl_buf buf = fl_buf_make(NULL);
    fl_reader in = fl_reader_make("0123", 4);
    (void)state;
    assert_null(fl_op_def_of(FL_OP_COUNT));
    assert_null(fl_op_def_of((fl_op_kind)-1));
    fl_op_params_write(&buf, FL_OP_COUNT, &p);
    assert_int_equal(buf.size, 0);
    assert_int_equal(fl_op_params_read(&in, FL_OP_COUNT, &p, NULL), FLOE_ERR_FORMAT);
    fl_buf_free(&buf);
}

static void names_are_found_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < FL_OP_COUNT; i++) {
        const fl_op_def *def = fl_op_def_of((fl_op_kind)i);
        assert_int_equal(fl_op_from_name(def->name), i);
        assert_non_null(def->infer);
        assert_non_null(def->flops);
        assert_non_null(def->ref);
        assert_true(def->min_in <= def->max_in && def->n_out >= 1 && def->n_out <= FL_MAX_OUTPUTS);
    }
    for (int i = 0; i < FL_UNARY_COUNT; i++)
        assert_int_equal(fl_unary_from_name(fl_unary_name(i)), i);
    for (int i = 0; i < FL_BINARY_COUNT; i++)
        assert_int_equal(fl_binary_from_name(fl_binary_name(i)), i);
    for (int i = 0; i < FL_REDUCE_COUNT; i++)
        assert_int_equal(fl_reduce_from_name(fl_reduce_name(i)), i);
    assert_string_equal(fl_op_def_of(FL_OP_CONV2D)->name, "conv2d");
    assert_int_equal(fl_op_from_name("conv3d"), -1);
    assert_int_equal(fl_op_from_name(NULL), -1);
    assert_null(fl_unary_name(-1));
    assert_null(fl_unary_name(FL_UNARY_COUNT));
    assert_null(fl_binary_name(FL_BINARY_COUNT));
    assert_null(fl_reduce_name(99));
    assert_int_equal(fl_unary_from_name("gelu"), -1);
    assert_int_equal(fl_binary_from_name(NULL), -1);
    assert_int_equal(fl_reduce_from_name(""), -1);
}

static void text_is(op_case *c, int64_t batch, const char *want)
{
    fl_buf buf = fl_buf_make(NULL);

    assert_int_equal(fl_op_infer(&c->d, &c->err), FLOE_OK);
    fl_op_desc_text(&buf, &c->d, batch);
    fl_put_u8(&buf, 0);
    assert_false(buf.failed);
    assert_string_equal((const char *)buf.data, want);
    fl_buf_free(&buf);
}

static void texts_show_tensors_and_fields_that_are_not_zero(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_CONV2D, "f32[N,56,56,64] f32[3,3,64,64]c f32[64]c -");
    c.d.p.conv = (fl_conv_params){{1, 1}, {1, 1}, {1, 1, 1, 1}, 1, FL_NHWC, {0, 0}, FL_UNARY_RELU, 0};
    text_is(&c, 0, "conv2d f32[N,56,56,64] f32[3,3,64,64]c f32[64]c - -> f32[N,56,56,64] stride=1,1 dilation=1,1 "
                   "pad=1,1,1,1 groups=1 act=relu");
    text_is(&c, 8, "conv2d f32[8,56,56,64] f32[3,3,64,64]c f32[64]c - -> f32[8,56,56,64] stride=1,1 dilation=1,1 "
                   "pad=1,1,1,1 groups=1 act=relu");
    op_begin(&c, FL_OP_CONV2D, "f32:c16[N,1,1,4] f32[1,1,4,3]");
    c.d.p.conv = (fl_conv_params){{1, 2}, {1, 1}, {0}, 1, FL_NHWC, {0, 0}, FL_UNARY_LEAKY_RELU, 0.1f};
    text_is(&c, 0, "conv2d f32:c16[N,1,1,4] f32[1,1,4,3] -> f32:c16[N,1,1,3] stride=1,2 dilation=1,1 groups=1 "
                   "act=leaky_relu alpha=0.100000001");
    op_begin(&c, FL_OP_POOL2D, "f32[N,4,8,8]");
    c.d.p.pool = (fl_pool_params){FL_POOL_AVG, {2, 2}, {2, 2}, {0}, FL_NCHW};
    text_is(&c, 0, "pool2d f32[N,4,8,8] -> f32[N,4,4,4] func=avg kernel=2,2 stride=2,2 format=nchw");
}

static void texts_show_functions_even_when_their_number_is_zero(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_BINARY, "f32[N,4] f32[4]c");
    text_is(&c, 0, "binary f32[N,4] f32[4]c -> f32[N,4] func=add");
    op_begin(&c, FL_OP_REDUCE, "f32[N,4]");
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_SUM, 2, 1};
    text_is(&c, 0, "reduce f32[N,4] -> f32[N,1] func=sum axes=2 keep_dims=1");
    op_begin(&c, FL_OP_UNARY, "f32[]");
    text_is(&c, 0, "unary f32[] -> f32[] func=none");
}

static void texts_resolve_dims_in_parameters_with_the_batch(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_RESHAPE, "f32[N,7,7,64]");
    c.d.p.dims = (fl_dims_params){2, {-49, 64}};
    text_is(&c, 0, "reshape f32[N,7,7,64] -> f32[49N,64] rank=2 dim=-49,64");
    text_is(&c, 2, "reshape f32[2,7,7,64] -> f32[98,64] rank=2 dim=98,64");
    op_begin(&c, FL_OP_SLICE, "f32[N,7]");
    c.d.p.slice = (fl_slice_params){{0, 6}, {1, -2}, {-1, 3}};
    text_is(&c, 4, "slice f32[4,7] -> f32[4,3] begin=0,6 stride=1,-2 size=4,3");
    op_begin(&c, FL_OP_TRANSPOSE, "f32[2,3]");
    c.d.p.transpose = (fl_transpose_params){{1, 0}};
    text_is(&c, 0, "transpose f32[2,3] -> f32[3,2] perm=1,0");
    op_begin(&c, FL_OP_CAST, "u8[2]");
    c.d.p.dtype = (fl_dtype_params){FL_F32, 0};
    text_is(&c, 0, "cast u8[2] -> f32[2] dtype=f32");
    op_begin(&c, FL_OP_REORDER, "f32[1,1,1,3]");
    c.d.p.layout = (fl_layout_params){FL_LAYOUT_C8};
    text_is(&c, 0, "reorder f32[1,1,1,3] -> f32:c8[1,1,1,3] layout=c8");
    op_begin(&c, FL_OP_RANDOM_UNIFORM, "");
    c.d.p.dims = (fl_dims_params){1, {-3}};
    text_is(&c, 5, "random_uniform -> f32[15] rank=1 dim=15");
}

static void texts_of_damaged_descriptors_end(void **state)
{
    op_case c;
    (void)state;
    for (int op = 0; op < FL_OP_COUNT; op++) {
        for (uint32_t seed = 0; seed < 50; seed++) {
            fl_buf buf = fl_buf_make(NULL);
            op_begin(&c, (fl_op_kind)op, fl_op_def_of((fl_op_kind)op)->max_in ? "f32[2,3] -" : "");
            fill_params(fl_op_def_of((fl_op_kind)op), &c.d.p, seed);
            fl_op_desc_text(&buf, &c.d, 0);
            assert_true(buf.size > 0 && buf.size < 2000);
            fl_buf_free(&buf);
        }
    }
    fl_buf buf = fl_buf_make(NULL);
    c.d.op = FL_OP_COUNT;
    fl_op_desc_text(&buf, &c.d, 0);
    assert_memory_equal(buf.data, "unknown", 7);
    fl_buf_free(&buf);
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* One good descriptor of each operator: what the random changes below start from. */
static const struct {
    fl_op_kind   op;
    const char  *inputs;
    fl_op_params p;
} good[] = {
    {FL_OP_CONV2D, "f32[N,8,8,4] f32[3,3,2,6] f32[6] f32[N,3,3,6]", {.conv = {{2, 2}, {1, 1}, {0}, 2, 0, {0}, 1, 0}}},
    {FL_OP_DEPTHWISE_CONV2D, "f32[N,4,8,8] f32[3,3,4,2] f32[8] -",
     {.conv = {{1, 1}, {2, 1}, {1, 1, 1, 1}, 1, 1, {0}, 0, 0}}},
    {FL_OP_CONV2D_TRANSPOSE, "f32[N,3,3,4] f32[3,3,2,4] f32[2]", {.conv = {{1, 1}, {1, 1}, {0}, 1, 0, {5, 5}, 0, 0}}},
    {FL_OP_MATMUL, "f32[N,8] f32[8,3] f32[3] f32[N,3]", {.matmul = {0, 0, 1, 0}}},
    {FL_OP_POOL2D, "f32[N,8,8,4]", {.pool = {1, {2, 2}, {2, 2}, {1, 0, 0, 1}, 0}}},
    {FL_OP_UNARY, "f64[N,3]", {.unary = {7, 0}}},
    {FL_OP_BINARY, "f32[N,8,8,4] f32[4]", {.binary = {0, 1, 0}}},
    {FL_OP_BATCH_NORM, "f32[N,8,8,4] f32[4] f32[4] f32[4] f32[4]", {.batch_norm = {0, 3, 0, 1, 0, 0}}},
    {FL_OP_SOFTMAX, "f32[N,9]", {.axis = {1}}},
    {FL_OP_REDUCE, "i32[N,2,3]", {.reduce = {4, 6, 1}}},
    {FL_OP_CONCAT, "u8[N,2] u8[N,3] u8[N,0]", {.axis = {1}}},
    {FL_OP_RESHAPE, "f32[N,8]", {.dims = {2, {-2, 4}}}},
    {FL_OP_TRANSPOSE, "f32[N,2,3]", {.transpose = {{2, 0, 1}}}},
    {FL_OP_PAD, "f16[N,2]", {.pad = {{0, 1}, {0, 2}, 1}}},
    {FL_OP_SLICE, "i64[N,9]", {.slice = {{0, 1}, {1, 2}, {-1, 3}}}},
    {FL_OP_BROADCAST, "f32[N,1]", {.dims = {3, {2, -1, 3}}}},
    {FL_OP_SHAPE, "f32[N,1]", {.dtype = {FL_I32, 0}}},
    {FL_OP_CAST, "f32[N,1]", {.dtype = {FL_F16, 1}}},
    {FL_OP_SELECT, "bool[N,1] i8[3] i8[]", {.axis = {0}}},
    {FL_OP_IDENTITY, "bool[N,1]", {.axis = {0}}},
    {FL_OP_RANDOM_UNIFORM, "", {.dims = {2, {-1, 3}}}},
    {FL_OP_REORDER, "f32[N,2,3,4]", {.layout = {FL_LAYOUT_C8}}},
};

static int64_t random_number(uint32_t *random)
{
    static const int64_t numbers[] = {-3, -1, 0, 1, 2, 3, 4, 224, INT32_MAX, (int64_t)1 << 48, INT64_MAX, INT64_MIN};

    return numbers[next_random(random) % (sizeof numbers / sizeof numbers[0])];
}

static void change_parameter(op_case *c, uint32_t *random)
{
    int fields = 0;

    while (fl_op_def_of(c->d.op)->fields[fields].name)
        fields++;
    if (!fields)
        return;
    const fl_field *f = &fl_op_def_of(c->d.op)->fields[next_random(random) % (unsigned)fields];
    const int64_t wide = random_number(random);
    const int32_t narrow = (int32_t)(wide < INT32_MIN ? INT32_MIN : wide > INT32_MAX ? INT32_MAX : wide);
    const size_t bytes = f->type == FL_FIELD_I64 ? sizeof wide : sizeof narrow;
    memcpy((uint8_t *)&c->d.p + f->offset + next_random(random) % f->count * bytes,
           f->type == FL_FIELD_I64 ? (const void *)&wide : &narrow, bytes);
}

static void change_input(op_case *c, uint32_t *random)
{
    if (!c->d.n_in)
        return;
    const unsigned slot = next_random(random) % (unsigned)c->d.n_in;
    fl_tensor_desc *t = &c->in[slot];
    switch (next_random(random) % 8) {
    case 0:
        t->dtype = (fl_dtype)random_number(random);
        break;
    case 1:
        t->layout = (fl_layout)random_number(random);
        break;
    case 2:
        t->rank = (int)(next_random(random) % 10) - 1;
        break;
    case 3:
        c->in_at[slot] = NULL;
        break;
    default:
        t->dim[next_random(random) % FL_MAX_RANK] = random_number(random);
        break;
    }
}

/* Runs the reference on zeros in blocks of exactly the stored size, so that a sanitizer sees any step outside. */
static void run_at(op_case *c, int64_t batch)
{
    enum { MOST_BYTES = 1 << 16 };
    void *in[OP_CASE_INPUTS] = {NULL}, *out[FL_MAX_OUTPUTS] = {NULL};
    bool fits = true;

    for (int i = 0; i < c->d.n_in + c->d.n_out; i++) {
        fl_tensor_desc *t = i < c->d.n_in ? c->d.in[i] : c->d.out[i - c->d.n_in];
        if (!t)
            continue;
        fits &= fl_tensor_bytes_at(t, batch) <= MOST_BYTES && t->layout == FL_LAYOUT_PLAIN;
        *t = fl_tensor_at(t, batch);
    }
    for (int i = 0; fits && i < c->d.n_in + c->d.n_out; i++) {
        const fl_tensor_desc *t = i < c->d.n_in ? c->d.in[i] : c->d.out[i - c->d.n_in];
        void **at = i < c->d.n_in ? &in[i] : &out[i - c->d.n_in];
        const size_t bytes = t ? fl_tensor_bytes_at(t, 1) : 0;
        *at = bytes ? calloc(1, bytes) : NULL; /* nothing where there is nothing to read or write */
    }
    if (fits && fl_op_ref_takes(&c->d)) {
        const floe_status st = fl_op_def_of(c->d.op)->ref(&c->d, (const void *const *)in, out, &c->err);
        const bool may_fail = c->d.op == FL_OP_SLICE || c->d.op == FL_OP_SHAPE || c->d.op == FL_OP_RANDOM_UNIFORM;
        if (st != FLOE_OK && !may_fail)
            print_error("%s\n", c->err.message);
        assert_true(st == FLOE_OK || may_fail);
    }
    for (int i = 0; i < OP_CASE_INPUTS; i++)
        free(in[i]);
    for (int i = 0; i < FL_MAX_OUTPUTS; i++)
        free(out[i]);
}

/* One to four random changes: inference may refuse the result, and must then say why; it may not crash or overflow.
 * What it accepts must run, at a batch of 0 too. */
static void inference_and_references_survive_random_changes(void **state)
{
    uint32_t random = 1;
    int64_t n;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        size_t accepted = 0;
        for (int round = 0; round < 20000; round++) {
            op_case c;
            op_begin(&c, good[i].op, good[i].inputs);
            c.d.p = good[i].p;
            for (uint32_t k = round ? next_random(&random) % 4 + 1 : 0; k > 0; k--)
                (next_random(&random) % 2 ? change_parameter : change_input)(&c, &random);
            const floe_status st = fl_op_infer(&c.d, &c.err);
            if (round == 0)
                assert_int_equal(st, FLOE_OK);
            if (st != FLOE_OK) {
                assert_int_equal(c.err.status, st);
                assert_true(strlen(c.err.message) > 10);
                continue;
            }
            accepted++;
            for (int k = 0; k < c.d.n_out; k++)
                assert_int_equal(fl_tensor_elements(&c.out[k], &n, NULL), FLOE_OK);
            assert_true(fl_op_def_of(c.d.op)->flops(&c.d, 3) >= 0);
            run_at(&c, round % 3);
        }
        assert_in_range(accepted, 10, 19999); /* else the test looks at one side only */
    }
    assert_int_equal(sizeof good / sizeof good[0], FL_OP_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_of_every_operator_survive_the_round_trip),
        cmocka_unit_test(field_tables_cover_the_parameters),
        cmocka_unit_test(bytes_are_little_endian_in_table_order),
        cmocka_unit_test(unknown_operators_are_refused),
        cmocka_unit_test(names_are_found_both_ways),
        cmocka_unit_test(texts_show_tensors_and_fields_that_are_not_zero),
        cmocka_unit_test(texts_show_functions_even_when_their_number_is_zero),
        cmocka_unit_test(texts_resolve_dims_in_parameters_with_the_batch),
        cmocka_unit_test(texts_of_damaged_descriptors_end),
        cmocka_unit_test(inference_and_references_survive_random_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
