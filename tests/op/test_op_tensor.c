/* test_op_tensor.c - dimensions that depend on the batch, element and byte counts, texts, broadcasting, dtypes. */
#include "op_case.h"

static fl_tensor_desc tensor(const char *text)
{
    fl_tensor_desc t;
    op_parse_tensor(&t, text);
    return t;
}

static void every_dtype_has_a_name_and_a_size(void **state)
{
    (void)state;
    for (int i = 1; i < FL_DTYPE_COUNT; i++) {
        assert_int_not_equal(fl_dtype_bytes((fl_dtype)i), 0);
        assert_int_equal(fl_dtype_from_name(fl_dtype_name((fl_dtype)i)), i);
    }
    assert_int_equal(fl_dtype_bytes(FL_F32), 4);
    assert_int_equal(fl_dtype_bytes(FL_BF16), 2);
    assert_int_equal(fl_dtype_bytes(FL_U64), 8);
    assert_int_equal(fl_dtype_bytes(FL_BOOL), 1);
    assert_int_equal(fl_dtype_bytes(FL_DTYPE_NONE), 0);
    assert_int_equal(fl_dtype_bytes((fl_dtype)99), 0);
    assert_int_equal(fl_dtype_bytes((fl_dtype)-1), 0);
    assert_string_equal(fl_dtype_name((fl_dtype)99), "none");
    assert_int_equal(fl_dtype_from_name("f33"), FL_DTYPE_NONE);
    assert_int_equal(fl_dtype_from_name("none"), FL_DTYPE_NONE);
    assert_int_equal(fl_dtype_from_name(NULL), FL_DTYPE_NONE);
}

static void products_of_dims_stay_linear_in_the_batch(void **state)
{
    int64_t out = 77;
    (void)state;
    assert_true(fl_dim_mul(3, 4, &out) && out == 12);
    assert_true(fl_dim_mul(-1, 224, &out) && out == -224);
    assert_true(fl_dim_mul(224, -2, &out) && out == -448);
    assert_true(fl_dim_mul(-5, 0, &out) && out == 0);
    out = 77;
    assert_false(fl_dim_mul(-1, -1, &out));
    assert_false(fl_dim_mul(INT64_MAX, 2, &out));
    assert_false(fl_dim_mul(INT64_MIN, 2, &out));
    assert_false(fl_dim_mul(INT64_MIN, 1, &out));
    assert_int_equal(out, 77);
}

static void quotients_of_dims_hold_for_every_batch(void **state)
{
    int64_t out = 77;
    (void)state;
    assert_true(fl_dim_div(12, 4, &out) && out == 3);
    assert_true(fl_dim_div(-50176, 224, &out) && out == -224);
    assert_true(fl_dim_div(-6, -2, &out) && out == 3);
    assert_true(fl_dim_div(0, -2, &out) && out == 0);
    assert_true(fl_dim_div(0, 5, &out) && out == 0);
    out = 77;
    assert_false(fl_dim_div(6, -2, &out));
    assert_false(fl_dim_div(-7, 2, &out));
    assert_false(fl_dim_div(7, 2, &out));
    assert_false(fl_dim_div(7, 0, &out));
    assert_false(fl_dim_div(INT64_MIN, -1, &out));
    assert_int_equal(out, 77);
}

static void element_counts_are_dims_too(void **state)
{
    int64_t n = 0;
    fl_tensor_desc t = tensor("f32[N,224,224,3]");
    (void)state;
    assert_int_equal(fl_tensor_elements(&t, &n, NULL), FLOE_OK);
    assert_int_equal(n, -150528);
    t = tensor("f32[]");
    assert_int_equal(fl_tensor_elements(&t, &n, NULL), FLOE_OK);
    assert_int_equal(n, 1);
    t = tensor("f32[N,0,3]");
    assert_int_equal(fl_tensor_elements(&t, &n, NULL), FLOE_OK);
    assert_int_equal(n, 0);
    t = tensor("f32[16777216,16777216]");
    assert_int_equal(fl_tensor_elements(&t, &n, NULL), FLOE_OK);
    assert_int_equal(n, (int64_t)1 << 48);
}

static void hostile_shapes_are_refused_with_a_sentence(void **state)
{
    static const int64_t bad[][3] = {
        {-1, -1, 3}, {-1, 0, -2}, {1 << 24, 1 << 24, 2}, {INT64_MAX, 1, 1}, {INT64_MIN, 1, 1}, {0, INT64_MAX, 1},
        {INT64_MAX, INT64_MAX, INT64_MAX}, {0, INT64_MIN, 4}};
    int64_t n;
    floe_error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const fl_tensor_desc t = fl_tensor_make(FL_F32, 3, bad[i]);
        err.message[0] = '\0';
        assert_int_equal(fl_tensor_elements(&t, &n, &err), FLOE_ERR_SHAPE);
        assert_int_not_equal(err.message[0], '\0');
    }
    const int ranks[] = {-1, 9, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        const fl_tensor_desc t = {.dtype = FL_F32, .rank = ranks[i]};
        assert_int_equal(fl_tensor_elements(&t, &n, &err), FLOE_ERR_SHAPE);
    }
}

static void counts_and_bytes_follow_the_batch(void **state)
{
    fl_tensor_desc t = tensor("f32[N,7,7,20]");
    (void)state;
    assert_int_equal(fl_tensor_elements_at(&t, 3), 3 * 49 * 20);
    assert_int_equal(fl_tensor_bytes_at(&t, 3), 3 * 49 * 20 * 4);
    t.layout = FL_LAYOUT_C8;
    assert_int_equal(fl_tensor_elements_at(&t, 3), 3 * 49 * 20);
    assert_int_equal(fl_tensor_bytes_at(&t, 3), 3 * 49 * 24 * 4);
    t.layout = FL_LAYOUT_C16;
    assert_int_equal(fl_tensor_bytes_at(&t, 3), 3 * 49 * 32 * 4);
    t = tensor("u8[]");
    assert_int_equal(fl_tensor_bytes_at(&t, 9), 1);
    t = tensor("f64[0,5]");
    assert_int_equal(fl_tensor_bytes_at(&t, 9), 0);
    t = tensor("f64[N,281474976710656]");
    assert_int_equal(fl_tensor_bytes_at(&t, (int64_t)1 << 40), SIZE_MAX); /* too large, never too small */
    assert_int_equal(fl_tensor_elements_at(&t, (int64_t)1 << 40), INT64_MAX);
    t = fl_tensor_at(&t, 4);
    assert_int_equal(t.dim[0], 4);
}

static void texts_name_multiples_of_the_batch(void **state)
{
    static const char *const texts[] = {"f32[N,224,224,3]", "i64[7N]", "bool[]", "f16:c16[N,2,2,40]", "u8[0,1]"};
    char text[FL_TENSOR_TEXT], small[6];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const fl_tensor_desc t = tensor(texts[i]);
        assert_string_equal(fl_tensor_text(&t, text, sizeof text), texts[i]);
    }
    const int64_t dims[8] = {INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX};
    fl_tensor_desc t = fl_tensor_make(FL_F32, 8, dims);
    fl_tensor_text(&t, text, sizeof text);
    assert_true(strlen(text) < sizeof text);
    t.rank = 1000;
    t.layout = (fl_layout)77;
    fl_tensor_text(&t, text, sizeof text);
    assert_non_null(strstr(text, "unknown-layout"));
    assert_string_equal(fl_tensor_text(&t, small, sizeof small), "f32:u");
    assert_string_equal(fl_dims_text(dims + 1, 1, small, sizeof small), "[9223");
    text[0] = 'x';
    fl_dims_text(dims, 2, text, 0);
    assert_int_equal(text[0], 'x');
}

static void broadcast_is_numpys_with_a_symbolic_batch(void **state)
{
    static const char *const good[][3] = {
        {"f32[N,4,4,8]", "f32[8]", "f32[N,4,4,8]"}, {"f32[]", "f32[N,2]", "f32[N,2]"},
        {"f32[N,1]", "f32[N,5]", "f32[N,5]"},       {"f32[1]", "f32[0]", "f32[0]"},
        {"f32[N]", "f32[1]", "f32[N]"},             {"f32[3,1]", "f32[1,4]", "f32[3,4]"},
        {"f32[2N,3]", "f32[2N,3]", "f32[2N,3]"}};
    static const char *const bad[][2] = {
        {"f32[N]", "f32[2]"}, {"f32[N]", "f32[2N]"}, {"f32[3,4]", "f32[3]"}, {"f32[N]", "f32[0]"}};
    char text[FL_TENSOR_TEXT];
    floe_error err;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        fl_tensor_desc a = tensor(good[i][0]), b = tensor(good[i][1]), out = {.dtype = FL_F32};
        assert_int_equal(fl_tensor_broadcast(&out, &a, &b, &err), FLOE_OK);
        assert_string_equal(fl_tensor_text(&out, text, sizeof text), good[i][2]);
        assert_int_equal(fl_tensor_broadcast(&b, &a, &b, &err), FLOE_OK); /* in place */
        assert_true(fl_tensor_same_shape(&b, &out));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fl_tensor_desc a = tensor(bad[i][0]), b = tensor(bad[i][1]), out;
        assert_int_equal(fl_tensor_broadcast(&out, &a, &b, &err), FLOE_ERR_SHAPE);
        assert_non_null(strstr(err.message, "do not broadcast"));
        assert_int_equal(fl_tensor_broadcast(&out, &b, &a, &err), FLOE_ERR_SHAPE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_has_a_name_and_a_size),
        cmocka_unit_test(products_of_dims_stay_linear_in_the_batch),
        cmocka_unit_test(quotients_of_dims_hold_for_every_batch),
        cmocka_unit_test(element_counts_are_dims_too),
        cmocka_unit_test(hostile_shapes_are_refused_with_a_sentence),
        cmocka_unit_test(counts_and_bytes_follow_the_batch),
        cmocka_unit_test(texts_name_multiples_of_the_batch),
        cmocka_unit_test(broadcast_is_numpys_with_a_symbolic_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
