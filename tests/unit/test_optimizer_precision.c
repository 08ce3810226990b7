/* test_optimizer_precision.c - activations in half precision: bindings stay f32, weights stay f32, all else follows. */
#include "net_case.h"

#define PICTURE 4, ((const int64_t[]){-1, 5, 6, 3})

static void convolution_and_scale(fl_network *n)
{
    fl_tensor *y = nc_conv(n, nc_input(n, "x", PICTURE), FL_OP_CONV2D, FL_NHWC, 4);
    y = nc_binary(n, nc_unary(n, y, FL_UNARY_EXP), nc_values(n, 1, (int64_t[]){4}), FL_BINARY_POW);
    nc_output(n, nc_binary(n, y, nc_scalar(n, 2), FL_BINARY_GREATER), "mask");
    nc_output(n, y, "y");
}

static void training_batch_norm(fl_network *n)
{
    fl_tensor *x = nc_input(n, "x", PICTURE), *c = nc_values(n, 1, (int64_t[]){3});
    const fl_op_params p = {.batch_norm = {.epsilon = 0.1f, .axis = 3, .training = 1, .factor = 1}};
    fl_layer *layer = NULL;
    floe_error err;
    nc_ok(fl_net_add_layer(n, &layer, "bn", FL_OP_BATCH_NORM, &p, (fl_tensor *[]){x, c, c}, 3, &err), &err);
    nc_output(n, nc_binary(n, layer->out[0], layer->out[1], FL_BINARY_SUB), "y");
    nc_output(n, layer->out[2], "variance");
}

static fl_network *optimized(nc_make make, fl_dtype storage, bool half_bindings)
{
    const fl_opt_options options = {.level = 0, .storage = storage, .half_bindings = half_bindings};
    fl_network *n = nc_new(make);
    floe_error err;
    nc_ok(fl_opt_run_all(n, &options, &err), &err);
    nc_ok(fl_net_verify(n, &err), &err);
    return n;
}

/* The network as text holds this part. */
static void holds(const fl_network *n, const char *part)
{
    fl_buf text = fl_buf_make(NULL);
    fl_net_print(&text, n);
    fl_put_u8(&text, 0);
    if (!strstr((const char *)text.data, part))
        fail_msg("no \"%s\" in\n%s", part, (const char *)text.data);
    fl_buf_free(&text);
}

static void activations_follow_and_weights_stay(void **state)
{
    (void)state;
    fl_network *n = optimized(convolution_and_scale, FL_F16, false);
    holds(n, "cast f32[N,5,6,3] -> f16[N,5,6,3]");
    holds(n, "conv2d f16[N,5,6,3] f32[3,3,3,4]c -> f16[N,5,6,4]");
    holds(n, "binary f16[N,5,6,4] f16[4]c -> f16[N,5,6,4]");
    holds(n, "binary f16[N,5,6,4] f16[]c -> bool[N,5,6,4]");
    holds(n, "cast f16[N,5,6,4] -> f32[N,5,6,4]");
    assert_int_equal(n->inputs[0]->desc.dtype, FL_F32);
    assert_int_equal(n->outputs[0].tensor->desc.dtype, FL_BOOL);
    assert_int_equal(n->outputs[1].tensor->desc.dtype, FL_F32);
    fl_net_free(n);
}

static void bindings_may_follow_too(void **state)
{
    (void)state;
    fl_network *n = optimized(convolution_and_scale, FL_BF16, true);
    assert_int_equal(n->inputs[0]->desc.dtype, FL_BF16);
    assert_int_equal(n->outputs[1].tensor->desc.dtype, FL_BF16);
    for (size_t i = 0; i < n->n_layers; i++)
        assert_int_not_equal(n->layers[i]->desc.op, FL_OP_CAST);
    fl_net_free(n);
}

static void statistics_stay_wide_and_are_rounded_for_readers(void **state)
{
    (void)state;
    fl_network *n = optimized(training_batch_norm, FL_F16, false);
    holds(n, "cast f32[3] -> f16[3]");
    assert_int_equal(n->outputs[1].tensor->desc.dtype, FL_F32);
    assert_ptr_equal(n->outputs[1].tensor->producer->out[2], n->outputs[1].tensor);
    fl_net_free(n);
}

static void nothing_happens_unasked(void **state)
{
    char text[512];
    (void)state;
    fl_network *n = optimized(convolution_and_scale, FL_DTYPE_NONE, true);
    assert_string_equal(nc_ops(n, text, sizeof text), "conv2d exp pow greater");
    fl_net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_follow_and_weights_stay),
        cmocka_unit_test(bindings_may_follow_too),
        cmocka_unit_test(statistics_stay_wide_and_are_rounded_for_readers),
        cmocka_unit_test(nothing_happens_unasked),
    };
    return cmocka_run_group_tests_name("optimizer_precision", tests, NULL, NULL);
}
