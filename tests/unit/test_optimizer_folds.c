/* test_optimizer_folds.c - the passes that compute, fold and fuse: what each rewrites, and what it must leave alone. */
#include "net_case.h"

#define PICTURE     4, ((const int64_t[]){-1, 5, 6, 3})
#define CHANNELS(n) 1, ((const int64_t[]){n})

static fl_tensor *picture(fl_network *n) { return nc_input(n, "x", PICTURE); }

/* ---- fold-constants */

static void constants_only(fl_network *n)
{
    fl_tensor *a = nc_unary(n, nc_values(n, CHANNELS(3)), FL_UNARY_RSQRT);
    fl_tensor *s = nc_binary(n, a, nc_values(n, CHANNELS(3)), FL_BINARY_MUL);
    nc_output(n, nc_binary(n, picture(n), s, FL_BINARY_MUL), "y");
}

static void shape_of_static(fl_network *n)
{
    fl_tensor *x = nc_input(n, "x", 2, (int64_t[]){3, 4});
    nc_output(n, nc_one(n, FL_OP_SHAPE, x, &(fl_op_params){.dtype = {.dtype = FL_I32}}), "y");
}

static void shape_of_dynamic(fl_network *n)
{
    nc_output(n, nc_one(n, FL_OP_SHAPE, picture(n), &(fl_op_params){.dtype = {.dtype = FL_I32}}), "y");
}

/* 2 MiB out of a scalar. */
static void wide_broadcast(fl_network *n)
{
    fl_tensor *wide =
        nc_one(n, FL_OP_BROADCAST, nc_scalar(n, 2), &(fl_op_params){.dims = {.rank = 2, .dim = {1024, 512}}});
    nc_output(n, nc_binary(n, nc_input(n, "x", 1, (int64_t[]){512}), wide, FL_BINARY_MUL), "y");
}

/* ---- identities */

static void what_changes_nothing(fl_network *n)
{
    fl_tensor *x = nc_one(n, FL_OP_IDENTITY, picture(n), NULL);
    x = nc_one(n, FL_OP_CAST, x, &(fl_op_params){.dtype = {.dtype = FL_F32}});
    x = nc_reshape(n, x, PICTURE);
    x = nc_transpose(n, x, 0, 1, 2, 3);
    x = nc_one(n, FL_OP_PAD, x, &(fl_op_params){0});
    x = nc_one(n, FL_OP_SLICE, x, &(fl_op_params){.slice = {.stride = {1, 1, 1, 1}, .size = {-1, 5, 6, 3}}});
    x = nc_one(n, FL_OP_CONCAT, x, &(fl_op_params){.axis = {.axis = 1}});
    x = nc_one(n, FL_OP_REDUCE, x, &(fl_op_params){.reduce = {.func = FL_REDUCE_SUM}});
    x = nc_one(n, FL_OP_BROADCAST, x, &(fl_op_params){.dims = {.rank = 4, .dim = {-1, 5, 6, 3}}});
    x = nc_binary(n, x, nc_scalar(n, 1), FL_BINARY_MUL);
    x = nc_binary(n, nc_scalar(n, 0), x, FL_BINARY_ADD);
    x = nc_binary(n, x, nc_scalar(n, 1), FL_BINARY_DIV);
    x = nc_binary(n, x, nc_scalar(n, 0), FL_BINARY_SUB);
    nc_output(n, nc_unary(n, x, FL_UNARY_EXP), "y");
}

static void what_looks_like_nothing(fl_network *n)
{
    fl_tensor *x = nc_input(n, "x", 1, (int64_t[]){4});
    nc_output(n, nc_binary(n, nc_scalar(n, 0), x, FL_BINARY_SUB), "negated");
    nc_output(n, nc_binary(n, nc_scalar(n, 1), x, FL_BINARY_DIV), "inverse");
    nc_output(n, nc_one(n, FL_OP_SLICE, x, &(fl_op_params){.slice = {.begin = {3}, .stride = {-1}, .size = {4}}}),
              "reversed");
    nc_output(
        n,
        nc_binary(n, x,
                  nc_one(n, FL_OP_BROADCAST, nc_scalar(n, 0), &(fl_op_params){.dims = {.rank = 2, .dim = {2, 1}}}),
                  FL_BINARY_ADD),
        "stacked");
}

static void reshapes_in_a_row(fl_network *n)
{
    fl_tensor *x = nc_reshape(n, picture(n), 3, (int64_t[]){-1, 30, 3});
    nc_output(n, nc_reshape(n, x, 2, (int64_t[]){-1, 90}), "y");
}

static void input_as_output(fl_network *n) { nc_output(n, nc_one(n, FL_OP_IDENTITY, picture(n), NULL), "y"); }

/* ---- activations */

static void max_zero(fl_network *n) { nc_output(n, nc_binary(n, nc_scalar(n, 0), picture(n), FL_BINARY_MAX), "y"); }
static void max_one(fl_network *n) { nc_output(n, nc_binary(n, picture(n), nc_scalar(n, 1), FL_BINARY_MAX), "y"); }

static void min_of_relu(fl_network *n)
{
    nc_output(n,
              nc_binary(n, nc_unary(n, nc_binary(n, picture(n), nc_scalar(n, 5), FL_BINARY_MUL), FL_UNARY_RELU),
                        nc_scalar(n, 6), FL_BINARY_MIN),
              "y");
}

static void max_of_min(fl_network *n)
{
    fl_tensor *x = nc_binary(n, picture(n), nc_scalar(n, 5), FL_BINARY_MUL);
    nc_output(n, nc_binary(n, nc_binary(n, x, nc_scalar(n, 6), FL_BINARY_MIN), nc_scalar(n, 0), FL_BINARY_MAX), "y");
}

static void min_of_max(fl_network *n)
{
    fl_tensor *x = nc_binary(n, picture(n), nc_scalar(n, 5), FL_BINARY_MUL);
    nc_output(n, nc_binary(n, nc_binary(n, x, nc_scalar(n, 0), FL_BINARY_MAX), nc_scalar(n, 6), FL_BINARY_MIN), "y");
}

static void min_five_of_relu(fl_network *n)
{
    nc_output(n, nc_binary(n, nc_unary(n, picture(n), FL_UNARY_RELU), nc_scalar(n, 5), FL_BINARY_MIN), "y");
}

static void slope(fl_network *n, float alpha, bool first)
{
    fl_tensor *x = picture(n), *scaled = nc_binary(n, nc_scalar(n, alpha), x, FL_BINARY_MUL);
    nc_output(n, first ? nc_binary(n, scaled, x, FL_BINARY_MAX) : nc_binary(n, x, scaled, FL_BINARY_MAX), "y");
}
static void slope_first(fl_network *n) { slope(n, 0.2f, true); }
static void slope_second(fl_network *n) { slope(n, 0.2f, false); }
static void slope_above_one(fl_network *n) { slope(n, 1.5f, false); }
static void slope_below_zero(fl_network *n) { slope(n, -0.5f, false); }

static void gate(fl_network *n)
{
    fl_tensor *x = nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 2);
    nc_output(n, nc_binary(n, nc_unary(n, x, FL_UNARY_SIGMOID), x, FL_BINARY_MUL), "y");
}
static void gate_of_another(fl_network *n)
{
    fl_tensor *x = picture(n);
    nc_output(n, nc_binary(n, nc_unary(n, nc_unary(n, x, FL_UNARY_NEG), FL_UNARY_SIGMOID), x, FL_BINARY_MUL), "y");
}

/* ---- fold-pad */

static void pad_and(fl_network *n, fl_op_kind op, fl_format format, float value)
{
    fl_tensor *x = format == FL_NHWC ? picture(n) : nc_input(n, "x", 4, (int64_t[]){-1, 3, 5, 6});
    nc_output(n, nc_conv(n, nc_pad(n, x, format, value), op, format, 2), "y");
}
static void pad_conv(fl_network *n) { pad_and(n, FL_OP_CONV2D, FL_NHWC, 0); }
static void pad_conv_nchw(fl_network *n) { pad_and(n, FL_OP_CONV2D, FL_NCHW, 0); }
static void pad_depthwise(fl_network *n) { pad_and(n, FL_OP_DEPTHWISE_CONV2D, FL_NHWC, 0); }
static void pad_of_ones(fl_network *n) { pad_and(n, FL_OP_CONV2D, FL_NHWC, 1); }
static void pad_pool(fl_network *n) { nc_output(n, nc_pool(n, nc_pad(n, picture(n), FL_NHWC, 0), FL_NHWC), "y"); }

/* A 3x3 window of stride 2 over the padded x. */
static void pad_and_pool(fl_network *n, fl_tensor *x, fl_format format, int func, float value)
{
    const fl_op_params p = {.pool = {.func = func, .kernel = {3, 3}, .stride = {2, 2}, .format = format}};
    nc_output(n, nc_one(n, FL_OP_POOL2D, nc_pad(n, x, format, value), &p), "y");
}
static void pad_max(fl_network *n) { pad_and_pool(n, picture(n), FL_NHWC, FL_POOL_MAX, 0); }
static void pad_max_of_relu(fl_network *n)
{
    pad_and_pool(n, nc_unary(n, picture(n), FL_UNARY_RELU), FL_NHWC, FL_POOL_MAX, 0);
}
static void pad_max_nchw(fl_network *n)
{
    fl_tensor *x = nc_input(n, "x", 4, (int64_t[]){-1, 3, 5, 6});
    pad_and_pool(n, nc_unary(n, x, FL_UNARY_ABS), FL_NCHW, FL_POOL_MAX, 0);
}
static void pad_max_of_parts(fl_network *n)
{
    fl_tensor *a = nc_unary(n, picture(n), FL_UNARY_RELU6);
    fl_tensor *b = nc_one(n, FL_OP_SOFTMAX, a, &(fl_op_params){.axis = {.axis = 3}});
    a = nc_layer(n, FL_OP_CONCAT, &(fl_op_params){.axis = {.axis = 3}}, 2, (fl_tensor *[]){a, b});
    pad_and_pool(n, a, FL_NHWC, FL_POOL_MAX, 0);
}
static void pad_max_of_a_negative_part(fl_network *n)
{
    fl_tensor *a = nc_unary(n, picture(n), FL_UNARY_RELU), *b = nc_unary(n, a, FL_UNARY_NEG);
    a = nc_layer(n, FL_OP_CONCAT, &(fl_op_params){.axis = {.axis = 3}}, 2, (fl_tensor *[]){a, b});
    pad_and_pool(n, a, FL_NHWC, FL_POOL_MAX, 0);
}
static void pad_average(fl_network *n)
{
    pad_and_pool(n, nc_unary(n, picture(n), FL_UNARY_RELU), FL_NHWC, FL_POOL_AVG, 0);
}
static void pad_max_of_ones(fl_network *n)
{
    pad_and_pool(n, nc_unary(n, picture(n), FL_UNARY_RELU), FL_NHWC, FL_POOL_MAX, 1);
}
/* Of 2 behind a window of 2, which may see nothing else. */
static void pad_wide(fl_network *n)
{
    nc_output(n, nc_pool(n, nc_pad(n, nc_unary(n, picture(n), FL_UNARY_RELU), FL_NHWC, 0), FL_NHWC), "y");
}

static void pad_of_channels(fl_network *n)
{
    fl_tensor *x = nc_one(n, FL_OP_PAD, picture(n), &(fl_op_params){.pad = {.after = {0, 0, 0, 1}}});
    nc_output(n, nc_conv(n, x, FL_OP_CONV2D, FL_NHWC, 2), "y");
}

static void pad_read_twice(fl_network *n)
{
    fl_tensor *p = nc_pad(n, picture(n), FL_NHWC, 0);
    nc_output(n, nc_conv(n, p, FL_OP_CONV2D, FL_NHWC, 2), "y");
    nc_output(n, nc_unary(n, p, FL_UNARY_EXP), "z");
}

/* ---- fold-batchnorm */

static void conv_norm(fl_network *n, fl_op_kind op, fl_format format, int64_t outputs)
{
    fl_tensor *x = format == FL_NHWC ? picture(n) : nc_input(n, "x", 4, (int64_t[]){-1, 3, 5, 6});
    nc_output(n, nc_norm(n, nc_conv(n, x, op, format, outputs), format == FL_NHWC ? 3 : 1, false), "y");
}
static void norm_behind_conv(fl_network *n) { conv_norm(n, FL_OP_CONV2D, FL_NHWC, 4); }
static void norm_behind_conv_nchw(fl_network *n) { conv_norm(n, FL_OP_CONV2D, FL_NCHW, 4); }
static void norm_behind_depthwise(fl_network *n) { conv_norm(n, FL_OP_DEPTHWISE_CONV2D, FL_NHWC, 2); }
static void norm_behind_transposed(fl_network *n) { conv_norm(n, FL_OP_CONV2D_TRANSPOSE, FL_NHWC, 4); }

static void norm_behind_matmul(fl_network *n)
{
    fl_tensor *x = nc_input(n, "x", 2, (int64_t[]){-1, 7});
    nc_output(n, nc_norm(n, nc_matmul(n, x, false, 4), 1, false), "y");
}
static void norm_behind_turned_matmul(fl_network *n)
{
    fl_tensor *x = nc_input(n, "x", 2, (int64_t[]){-1, 7});
    nc_output(n, nc_norm(n, nc_matmul(n, x, true, 4), 1, false), "y");
}

/* A bias, a norm, and a norm as frameworks write it out: four constants behind one another. */
static void whole_chain(fl_network *n)
{
    fl_tensor *y = nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 4);
    y = nc_binary(n, y, nc_values(n, CHANNELS(4)), FL_BINARY_ADD);
    y = nc_norm(n, y, 3, false);
    y = nc_binary(n, y, nc_values(n, CHANNELS(4)), FL_BINARY_SUB);
    y = nc_binary(n, nc_scalar(n, 3), y, FL_BINARY_MUL);
    y = nc_binary(n, y, nc_values(n, 3, (int64_t[]){1, 1, 4}), FL_BINARY_DIV);
    nc_output(n, nc_binary(n, nc_values(n, CHANNELS(4)), y, FL_BINARY_ADD), "y");
}

static void constant_over_conv(fl_network *n)
{
    fl_tensor *y = nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 4);
    nc_output(n, nc_binary(n, nc_values(n, CHANNELS(4)), y, FL_BINARY_DIV), "y");
}
static void constant_less_conv(fl_network *n)
{
    fl_tensor *y = nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 4);
    nc_output(n, nc_binary(n, nc_values(n, CHANNELS(4)), y, FL_BINARY_SUB), "y");
}
static void factor_along_width(fl_network *n)
{
    fl_tensor *y = nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 4);
    nc_output(n, nc_binary(n, y, nc_values(n, 2, (int64_t[]){6, 1}), FL_BINARY_MUL), "y");
}
static void training_norm(fl_network *n)
{
    nc_output(n, nc_norm(n, nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 4), 3, true), "y");
}
static void conv_read_twice(fl_network *n)
{
    fl_tensor *y = nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 4);
    nc_output(n, y, "raw");
    nc_output(n, nc_norm(n, y, 3, false), "y");
}
static void filter_from_data(fl_network *n)
{
    fl_tensor *w = nc_input(n, "w", 4, (int64_t[]){3, 3, 3, 4});
    const fl_op_params p = {.conv = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1}};
    nc_output(n, nc_norm(n, nc_layer(n, FL_OP_CONV2D, &p, 2, (fl_tensor *[]){picture(n), w}), 3, false), "y");
}
static void shared_filter(fl_network *n)
{
    fl_tensor *x = picture(n), *w = nc_values(n, 4, (int64_t[]){3, 3, 3, 4});
    const fl_op_params p = {.conv = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1}};
    nc_output(n, nc_norm(n, nc_layer(n, FL_OP_CONV2D, &p, 2, (fl_tensor *[]){x, w}), 3, false), "y");
    nc_output(n, nc_layer(n, FL_OP_CONV2D, &p, 2, (fl_tensor *[]){x, w}), "z");
}

/* ---- merge-scale-shift */

static void scale_shift(fl_network *n, int64_t c_first)
{
    const int64_t c[3] = {c_first, 1, 1};
    fl_tensor *x = c_first ? nc_input(n, "x", 4, (int64_t[]){-1, 3, 5, 6}) : picture(n);
    fl_tensor *s = c_first ? nc_values(n, 3, c) : nc_values(n, CHANNELS(3)),
              *t = c_first ? nc_values(n, 3, c) : nc_values(n, CHANNELS(3));
    nc_output(n, nc_binary(n, t, nc_binary(n, x, s, FL_BINARY_MUL), FL_BINARY_ADD), "y");
}
static void scale_shift_last(fl_network *n) { scale_shift(n, 0); }
static void scale_shift_second(fl_network *n) { scale_shift(n, 3); }
static void scalar_scale_shift(fl_network *n)
{
    nc_output(n, nc_binary(n, nc_binary(n, picture(n), nc_scalar(n, 2), FL_BINARY_MUL), nc_scalar(n, 3), FL_BINARY_ADD),
              "y");
}
static void scale_read_twice(fl_network *n)
{
    fl_tensor *s = nc_binary(n, picture(n), nc_values(n, CHANNELS(3)), FL_BINARY_MUL);
    nc_output(n, nc_binary(n, s, nc_values(n, CHANNELS(3)), FL_BINARY_ADD), "y");
    nc_output(n, s, "z");
}

/* ---- fuse-residual, fuse-activation */

static void sum_of_convs(fl_network *n)
{
    fl_tensor *x = picture(n);
    nc_output(
        n,
        nc_binary(n, nc_conv(n, x, FL_OP_CONV2D, FL_NHWC, 4), nc_conv(n, x, FL_OP_CONV2D, FL_NHWC, 4), FL_BINARY_ADD),
        "y");
}
static void sum_with_input(fl_network *n)
{
    fl_tensor *x = picture(n);
    nc_output(n, nc_binary(n, x, nc_conv(n, x, FL_OP_CONV2D, FL_NHWC, 3), FL_BINARY_ADD), "y");
}
static void sum_with_itself(fl_network *n)
{
    fl_tensor *y = nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 3);
    nc_output(n, nc_binary(n, y, y, FL_BINARY_ADD), "y");
}
static void sum_that_broadcasts(fl_network *n)
{
    fl_tensor *row = nc_input(n, "row", 4, (int64_t[]){-1, 1, 6, 3});
    nc_output(n, nc_binary(n, nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 3), row, FL_BINARY_ADD), "y");
}
static void sum_behind_relu(fl_network *n)
{
    fl_tensor *x = picture(n);
    nc_output(n, nc_binary(n, x, nc_unary(n, nc_conv(n, x, FL_OP_CONV2D, FL_NHWC, 3), FL_UNARY_RELU), FL_BINARY_ADD),
              "y");
}
static void sum_of_products(fl_network *n)
{
    fl_tensor *x = nc_input(n, "x", 2, (int64_t[]){-1, 7}), *h = nc_input(n, "h", 2, (int64_t[]){-1, 3});
    nc_output(n, nc_binary(n, nc_matmul(n, x, false, 4), nc_matmul(n, h, false, 4), FL_BINARY_ADD), "y");
}

static void activations(fl_network *n)
{
    char name[16];
    fl_tensor *x = picture(n);
    for (int f = FL_UNARY_RELU; f < FL_UNARY_COUNT; f++) {
        if (!fl_unary_is_activation(f))
            continue;
        snprintf(name, sizeof name, "y%d", f);
        nc_output(n, nc_unary(n, nc_conv(n, x, FL_OP_CONV2D, FL_NHWC, 2), f), name);
    }
}
static void activations_elsewhere(fl_network *n)
{
    fl_tensor *x = picture(n), *v = nc_input(n, "v", 2, (int64_t[]){-1, 7});
    nc_output(n, nc_unary(n, nc_binary(n, x, x, FL_BINARY_MUL), FL_UNARY_TANH), "a");
    nc_output(n, nc_unary(n, nc_norm(n, x, 3, false), FL_UNARY_RELU6), "b");
    nc_output(n, nc_unary(n, nc_matmul(n, v, false, 3), FL_UNARY_SIGMOID), "c");
    nc_output(n, nc_unary(n, nc_conv(n, x, FL_OP_DEPTHWISE_CONV2D, FL_NHWC, 1), FL_UNARY_LEAKY_RELU), "d");
    nc_output(n, nc_unary(n, nc_conv(n, x, FL_OP_CONV2D_TRANSPOSE, FL_NHWC, 2), FL_UNARY_ELU), "e");
}
static void activation_of_two_readers(fl_network *n)
{
    fl_tensor *y = nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 2);
    nc_output(n, nc_unary(n, y, FL_UNARY_RELU), "y");
    nc_output(n, nc_unary(n, y, FL_UNARY_TANH), "z");
}
static void exp_behind_conv(fl_network *n)
{
    nc_output(n, nc_unary(n, nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 2), FL_UNARY_NEG), "y");
}
static void two_activations(fl_network *n)
{
    nc_output(n,
              nc_unary(n, nc_unary(n, nc_conv(n, picture(n), FL_OP_CONV2D, FL_NHWC, 2), FL_UNARY_RELU), FL_UNARY_TANH),
              "y");
}

/* ---- all together */

static void residual_block(fl_network *n)
{
    fl_tensor *x = picture(n);
    fl_tensor *y = nc_conv(n, x, FL_OP_CONV2D, FL_NHWC, 3);
    y = nc_norm(n, nc_binary(n, y, nc_values(n, CHANNELS(3)), FL_BINARY_ADD), 3, false);
    nc_output(n, nc_unary(n, nc_binary(n, x, y, FL_BINARY_ADD), FL_UNARY_RELU), "y");
}

static void unused_layers(fl_network *n)
{
    fl_tensor *x = picture(n);
    nc_unary(n, nc_conv(n, x, FL_OP_CONV2D, FL_NHWC, 3), FL_UNARY_RELU);
    nc_output(n, nc_unary(n, x, FL_UNARY_NEG), "y");
}

static const nc_rewrite rewrites[] = {
    {"constants_are_computed", constants_only, "fold-constants", "rsqrt mul mul", "mul"},
    {"a_static_shape_is_a_constant", shape_of_static, "fold-constants", "shape", ""},
    {"a_dynamic_shape_is_not", shape_of_dynamic, "fold-constants", "shape", "shape"},
    {"a_broadcast_is_not_stored", wide_broadcast, "fold-constants", "broadcast mul", "broadcast mul"},
    {"identities_go", what_changes_nothing, "identities",
     "identity cast reshape transpose pad slice concat reduce broadcast mul add div sub exp", "exp"},
    {"near_identities_stay", what_looks_like_nothing, "identities", "sub div slice broadcast add",
     "sub div slice broadcast add"},
    {"of_two_reshapes_the_first_is_dead", reshapes_in_a_row, NULL, "reshape reshape", "reshape"},
    {"an_input_may_be_an_output", input_as_output, "identities", "identity", ""},
    {"max_0_is_relu", max_zero, "activations", "max", "relu"},
    {"max_1_is_not", max_one, "activations", "max", "max"},
    {"min_6_of_relu_is_relu6", min_of_relu, NULL, "mul relu min", "mul+relu6"},
    {"max_0_of_min_6_is_relu6", max_of_min, NULL, "mul min max", "mul+relu6"},
    {"min_6_of_max_0_is_relu6", min_of_max, NULL, "mul max min", "mul+relu6"},
    {"min_5_of_relu_is_not", min_five_of_relu, "activations", "relu min", "relu min"},
    {"max_of_scaled_and_x_is_leaky_relu", slope_first, NULL, "mul max", "leaky_relu"},
    {"max_of_x_and_scaled_is_leaky_relu", slope_second, NULL, "mul max", "leaky_relu"},
    {"a_slope_above_one_is_not", slope_above_one, "activations", "mul max", "mul max"},
    {"a_slope_below_zero_is_not", slope_below_zero, "activations", "mul max", "mul max"},
    {"x_times_its_sigmoid_is_silu", gate, NULL, "conv2d sigmoid mul", "conv2d+silu"},
    {"x_times_the_sigmoid_of_another_is_not", gate_of_another, "activations", "neg sigmoid mul", "neg sigmoid mul"},
    {"pad_goes_into_conv", pad_conv, NULL, "pad conv2d", "conv2d"},
    {"pad_goes_into_nchw_conv", pad_conv_nchw, NULL, "pad conv2d", "transpose conv2d transpose"},
    {"pad_goes_into_depthwise", pad_depthwise, NULL, "pad depthwise_conv2d", "depthwise_conv2d"},
    {"a_pad_of_ones_stays", pad_of_ones, NULL, "pad conv2d", "pad conv2d"},
    {"a_pad_before_a_pool_stays", pad_pool, NULL, "pad pool2d", "pad pool2d"},
    {"a_pad_of_zeros_goes_into_max_behind_relu", pad_max_of_relu, NULL, "relu pad pool2d", "relu pool2d"},
    {"a_pad_of_zeros_goes_into_nchw_max", pad_max_nchw, NULL, "abs pad pool2d",
     "abs transpose pool2d transpose"},
    {"a_pad_of_zeros_goes_into_max_of_a_concat", pad_max_of_parts, NULL, "relu6 softmax concat pad pool2d",
     "relu6 softmax concat pool2d"},
    {"a_pad_before_a_max_of_anything_stays", pad_max, NULL, "pad pool2d", "pad pool2d"},
    {"a_pad_before_a_max_of_a_negative_part_stays", pad_max_of_a_negative_part, NULL, "relu neg concat pad pool2d",
     "relu neg concat pad pool2d"},
    {"a_pad_before_an_average_stays", pad_average, NULL, "relu pad pool2d", "relu pad pool2d"},
    {"a_pad_of_ones_before_a_max_stays", pad_max_of_ones, NULL, "relu pad pool2d", "relu pad pool2d"},
    {"a_pad_as_wide_as_the_window_stays", pad_wide, NULL, "relu pad pool2d", "relu pad pool2d"},
    {"a_pad_of_channels_stays", pad_of_channels, NULL, "pad conv2d", "pad conv2d"},
    {"a_pad_with_another_reader_stays_for_it", pad_read_twice, NULL, "pad conv2d exp", "pad conv2d exp"},
    {"norm_goes_into_conv", norm_behind_conv, "fold-batchnorm", "conv2d batch_norm", "conv2d"},
    {"norm_goes_into_nchw_conv", norm_behind_conv_nchw, "fold-batchnorm", "conv2d batch_norm", "conv2d"},
    {"norm_goes_into_depthwise", norm_behind_depthwise, "fold-batchnorm", "depthwise_conv2d batch_norm",
     "depthwise_conv2d"},
    {"norm_goes_into_transposed_conv", norm_behind_transposed, "fold-batchnorm", "conv2d_transpose batch_norm",
     "conv2d_transpose"},
    {"norm_goes_into_matmul", norm_behind_matmul, "fold-batchnorm", "matmul batch_norm", "matmul"},
    {"norm_goes_into_turned_matmul", norm_behind_turned_matmul, "fold-batchnorm", "matmul batch_norm", "matmul"},
    {"a_whole_chain_goes_into_conv", whole_chain, "fold-batchnorm", "conv2d add batch_norm sub mul div add", "conv2d"},
    {"c_over_conv_stays", constant_over_conv, "fold-batchnorm", "conv2d div", "conv2d div"},
    {"c_less_conv_stays", constant_less_conv, "fold-batchnorm", "conv2d sub", "conv2d sub"},
    {"a_factor_along_width_stays", factor_along_width, "fold-batchnorm", "conv2d mul", "conv2d mul"},
    {"a_training_norm_stays", training_norm, "fold-batchnorm", "conv2d batch_norm", "conv2d batch_norm"},
    {"a_conv_with_another_reader_stays", conv_read_twice, "fold-batchnorm", "conv2d batch_norm", "conv2d batch_norm"},
    {"a_filter_from_data_stays", filter_from_data, "fold-batchnorm", "conv2d batch_norm", "conv2d batch_norm"},
    {"a_shared_filter_is_copied", shared_filter, "fold-batchnorm", "conv2d batch_norm conv2d", "conv2d conv2d"},
    {"scale_and_shift_become_a_norm", scale_shift_last, "merge-scale-shift", "mul add", "batch_norm"},
    {"scale_and_shift_of_axis_1_too", scale_shift_second, "merge-scale-shift", "mul add", "batch_norm"},
    {"scalars_do_not", scalar_scale_shift, "merge-scale-shift", "mul add", "mul add"},
    {"a_scale_with_another_reader_stays", scale_read_twice, "merge-scale-shift", "mul add", "mul add"},
    {"a_sum_of_convs_is_one_of_them", sum_of_convs, "fuse-residual", "conv2d conv2d add", "conv2d conv2d"},
    {"a_sum_with_the_input_goes_into_conv", sum_with_input, "fuse-residual", "conv2d add", "conv2d"},
    {"a_sum_of_products_is_one_of_them", sum_of_products, "fuse-residual", "matmul matmul add", "matmul matmul"},
    {"a_sum_with_itself_stays", sum_with_itself, "fuse-residual", "conv2d add", "conv2d add"},
    {"a_sum_that_broadcasts_stays", sum_that_broadcasts, "fuse-residual", "conv2d add", "conv2d add"},
    {"a_sum_behind_an_activation_stays", sum_behind_relu, NULL, "conv2d relu add", "conv2d+relu add"},
    {"all_activations_are_fused", activations, "fuse-activation",
     "conv2d relu conv2d relu6 conv2d leaky_relu conv2d elu conv2d selu conv2d sigmoid conv2d tanh conv2d softplus "
     "conv2d softsign conv2d silu",
     "conv2d+relu conv2d+relu6 conv2d+leaky_relu conv2d+elu conv2d+selu conv2d+sigmoid conv2d+tanh conv2d+softplus "
     "conv2d+softsign conv2d+silu"},
    {"activations_are_fused_everywhere", activations_elsewhere, "fuse-activation",
     "mul tanh batch_norm relu6 matmul sigmoid depthwise_conv2d leaky_relu conv2d_transpose elu",
     "mul+tanh batch_norm+relu6 matmul+sigmoid depthwise_conv2d+leaky_relu conv2d_transpose+elu"},
    {"an_activation_beside_another_reader_stays", activation_of_two_readers, "fuse-activation", "conv2d relu tanh",
     "conv2d relu tanh"},
    {"what_is_no_activation_stays", exp_behind_conv, "fuse-activation", "conv2d neg", "conv2d neg"},
    {"a_second_activation_stays", two_activations, "fuse-activation", "conv2d relu tanh", "conv2d+relu tanh"},
    {"a_residual_block_is_one_layer", residual_block, NULL, "conv2d add batch_norm add relu", "conv2d+relu"},
    {"what_no_output_needs_goes", unused_layers, "dead-layers", "conv2d relu neg", "neg"},
};

int main(void) { return nc_run_rewrites("test_optimizer_folds", rewrites, sizeof rewrites / sizeof *rewrites); }
