/* test_op_infer.c - shape inference of every operator: with a symbolic batch, with what does not fit, and with the
 * out-of-range numbers a damaged file may hold. A refusal must name what was found. */
#include "op_case.h"

static const fl_conv_params conv1 = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};

static void conv_begin(op_case *c, fl_op_kind op, const char *inputs)
{
    op_begin(c, op, inputs);
    c->d.p.conv = conv1;
}

static void conv2d_keeps_the_batch_and_counts_windows(void **state)
{
    op_case c;
    (void)state;
    conv_begin(&c, FL_OP_CONV2D, "f32[N,56,56,64] f32[3,3,64,128]c f32[128]c -");
    op_gives(&c, "f32[N,54,54,128]");
    memcpy(c.d.p.conv.pad, (int32_t[]){0, 1, 0, 1}, sizeof c.d.p.conv.pad);
    c.d.p.conv.stride[0] = c.d.p.conv.stride[1] = 2;
    op_gives(&c, "f32[N,28,28,128]");
    conv_begin(&c, FL_OP_CONV2D, "f32[2N,64,9,8] f32[3,2,64,5]");
    c.d.p.conv.format = FL_NCHW;
    c.d.p.conv.dilation[0] = 3;
    op_gives(&c, "f32[2N,5,3,7]");
    conv_begin(&c, FL_OP_CONV2D, "f32[N,8,8,12] f32[1,1,3,20]");
    c.d.p.conv.groups = 4;
    c.d.p.conv.act = FL_UNARY_RELU6;
    op_gives(&c, "f32[N,8,8,20]");
    conv_begin(&c, FL_OP_CONV2D, "f32[N,8,8,3] f32[1,1,3,16] - f32[N,8,8,16]");
    op_gives(&c, "f32[N,8,8,16]");
}

static void conv2d_of_an_empty_image_with_same_pads_is_empty(void **state)
{
    op_case c;
    (void)state;
    for (int32_t stride = 1; stride <= 4; stride++) {
        conv_begin(&c, FL_OP_CONV2D, "f32[N,0,4,1] f32[3,3,1,2]");
        c.d.p.conv.stride[0] = stride;
        fl_same_padding(0, 3, stride, 1, &c.d.p.conv.pad[0], &c.d.p.conv.pad[1]);
        op_gives(&c, "f32[N,0,2,2]");
    }
    conv_begin(&c, FL_OP_CONV2D, "f32[N,0,4,1] f32[3,3,1,2]");
    op_refuses(&c, FLOE_ERR_SHAPE, "does not fit");
    memcpy(c.d.p.conv.pad, (int32_t[]){2, 1, 0, 0}, sizeof c.d.p.conv.pad);
    op_gives(&c, "f32[N,1,2,2]"); /* explicit pads alone hold a window */
}

static void conv2d_says_what_does_not_fit(void **state)
{
    op_case c;
    (void)state;
    conv_begin(&c, FL_OP_CONV2D, "f32[N,56,56,32] f32[3,3,64,128]");
    op_refuses(&c, FLOE_ERR_SHAPE, "filter [3,3,64,128] with groups 1 wants 64 input channels, x [N,56,56,32] (NHWC) "
                                   "has 32");
    c.d.p.conv.format = FL_NCHW;
    op_refuses(&c, FLOE_ERR_SHAPE, "(NCHW) has 56");
    conv_begin(&c, FL_OP_CONV2D, "f32[N,56,56,64] f32[3,3,32,33]");
    c.d.p.conv.groups = 2;
    op_refuses(&c, FLOE_ERR_SHAPE, "33 output channels cannot be cut into 2 groups");
    conv_begin(&c, FL_OP_CONV2D, "f32[N,2,9,4] f32[3,3,4,4]");
    op_refuses(&c, FLOE_ERR_SHAPE, "height: a window of 3 (kernel 3, dilation 1) does not fit into 2 (size 2");
    op_inputs(&c, "f32[N,9,9,4] f32[3,3,4,4] f32[5]");
    op_refuses(&c, FLOE_ERR_SHAPE, "bias has shape [5]; [4] would fit");
    op_inputs(&c, "f32[N,9,9,4] f32[3,3,4,4] - f32[N,9,9,4]");
    op_refuses(&c, FLOE_ERR_SHAPE, "residual has shape [N,9,9,4]; the result, to which it is added, has [N,7,7,4]");
    op_inputs(&c, "f32[N,9,9] f32[3,3,4,4]");
    op_refuses(&c, FLOE_ERR_SHAPE, "rank 3; rank 4 is needed");
    op_inputs(&c, "f32[4,N,9,4] f32[3,3,4,4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "must not depend on the batch");
    op_inputs(&c, "f32[N,9,9,4] f32[3,3,4,N]");
    op_refuses(&c, FLOE_ERR_SHAPE, "known and 1 or more");
    op_inputs(&c, "f32[N,9,9,0] f32[3,3,0,4]");
    op_refuses(&c, FLOE_ERR_SHAPE, "known and 1 or more");
    op_inputs(&c, "f16[N,9,9,4] f32[3,3,4,4]");
    op_gives(&c, "f16[N,7,7,4]"); /* weights of half precision's networks may stay f32 */
    op_inputs(&c, "f32[N,9,9,4] f16[3,3,4,4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "filter has type f16");
    op_inputs(&c, "f64[N,9,9,4] f64[3,3,4,4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "x has type f64; f32, f16 and bf16 are supported");
    op_inputs(&c, "f32[N,9,9,4] f32[3,3,4,4] i32[4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "bias has type i32");
    op_inputs(&c, "f32[N,9,9,4]");
    op_refuses(&c, FLOE_ERR_ARGUMENT, "conv2d has 1 inputs; it takes 2 to 4");
    op_inputs(&c, "f32[N,9,9,4] -");
    op_refuses(&c, FLOE_ERR_ARGUMENT, "misses input 1");
}

static void conv2d_refuses_parameters_out_of_range(void **state)
{
    static const struct {
        fl_conv_params p;
        const char *part;
    } bad[] = {
        {{.stride = {0, 1}, .dilation = {1, 1}, .groups = 1}, "stride 0,1"},
        {{.stride = {1, INT32_MIN}, .dilation = {1, 1}, .groups = 1}, "stride"},
        {{.stride = {1, 1}, .dilation = {1, -1}, .groups = 1}, "dilation 1,-1"},
        {{.stride = {1, 1}, .dilation = {INT32_MAX, 1}, .groups = 1}, "does not fit"},
        {{.stride = {1, 1}, .dilation = {1, 1}, .pad = {0, 0, -1, 0}, .groups = 1}, "none may be negative"},
        {{.stride = {1, 1}, .dilation = {1, 1}, .groups = 0}, "groups is 0"},
        {{.stride = {1, 1}, .dilation = {1, 1}, .groups = INT32_MAX}, "wants"},
        {{.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .format = 2}, "format is 2; 0 to 1 are known"},
        {{.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .act = FL_UNARY_COUNT}, "act is"},
        {{.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .act = -1}, "act is -1"},
        {{.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .act = FL_UNARY_EXP}, "exp, which is not an activation"},
        {{.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .output = {7, 7}}, "only conv2d_transpose has one"},
    };
    op_case c;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        op_begin(&c, FL_OP_CONV2D, "f32[N,9,9,4] f32[3,3,4,4]");
        c.d.p.conv = bad[i].p;
        op_refuses(&c, strstr(bad[i].part, "fit") || strstr(bad[i].part, "wants") ? FLOE_ERR_SHAPE : FLOE_ERR_ARGUMENT,
                   bad[i].part);
    }
    op_begin(&c, FL_OP_CONV2D, "f32[N,9,9,4] f32[3,3,4,4]");
    c.d.p.conv = conv1;
    for (int i = 0; i < 4; i++)
        c.d.p.conv.pad[i] = INT32_MAX; /* y would have 2^64 pixels */
    op_refuses(&c, FLOE_ERR_SHAPE, "output 0: shape [N,4294967301,4294967301,4] has more than 2^48 elements");
}

static void blocked_images_pass_through_where_the_rule_allows(void **state)
{
    op_case c;
    (void)state;
    conv_begin(&c, FL_OP_CONV2D, "f32:c16[N,9,9,4] f32[1,1,4,20] f32[20] f32:c16[N,9,9,20]");
    op_gives(&c, "f32:c16[N,9,9,20]");
    op_inputs(&c, "f32:c16[N,9,9,4] f32[1,1,4,20] f32[20] f32[N,9,9,20]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "input 3, f32[N,9,9,20], has another layout");
    op_inputs(&c, "f32[N,9,9,4] f32:c8[1,1,4,20]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "input 1, f32:c8[1,1,4,20], is blocked; a plain layout is needed");
    op_inputs(&c, "f32:c8[N,9,9,4] f32[1,1,9,20]");
    c.d.p.conv.format = FL_NCHW;
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "channels in the last axis");
    conv_begin(&c, FL_OP_DEPTHWISE_CONV2D, "f32:c8[N,9,9,4] f32[3,3,4,2]");
    op_gives(&c, "f32:c8[N,7,7,8]");
    conv_begin(&c, FL_OP_CONV2D_TRANSPOSE, "f32:c8[N,7,7,4] f32[3,3,2,4]");
    c.d.p.conv.output[0] = c.d.p.conv.output[1] = 9;
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "is blocked");
    op_begin(&c, FL_OP_POOL2D, "f32:c8[N,8,8,4]");
    c.d.p.pool = (fl_pool_params){.kernel = {2, 2}, .stride = {2, 2}};
    op_gives(&c, "f32:c8[N,4,4,4]");
    op_begin(&c, FL_OP_UNARY, "f32:c16[N,8,8,4]");
    op_gives(&c, "f32:c16[N,8,8,4]");
    op_begin(&c, FL_OP_IDENTITY, "u8:c16[N,8,8,4]");
    op_gives(&c, "u8:c16[N,8,8,4]");
    op_begin(&c, FL_OP_BATCH_NORM, "f32:c16[N,8,8,4] f32[4] f32[4] f32[4] f32[4]");
    c.d.p.batch_norm.axis = 3;
    op_gives(&c, "f32:c16[N,8,8,4] f32[4] f32[4]");
    op_begin(&c, FL_OP_SOFTMAX, "f32:c16[N,8,8,4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "is blocked");
}

static void binary_mixes_blocked_images_only_with_their_like_or_small_ones(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_BINARY, "f32:c8[N,8,8,4] f32:c8[N,8,8,4]");
    op_gives(&c, "f32:c8[N,8,8,4]");
    op_inputs(&c, "f32:c8[N,8,8,4] f32[4]");
    op_gives(&c, "f32:c8[N,8,8,4]");
    op_inputs(&c, "f32[] f32:c8[N,8,8,4]");
    op_gives(&c, "f32:c8[N,8,8,4]");
    op_inputs(&c, "f32:c8[N,8,8,4] f32[1,1,1,1]");
    op_gives(&c, "f32:c8[N,8,8,4]");
    op_inputs(&c, "f32:c8[N,8,8,4] f32:c16[N,8,8,4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "has another layout");
    op_inputs(&c, "f32[N,8,8,4] f32:c16[N,8,8,4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "has another layout");
    op_inputs(&c, "f32:c8[N,8,8,4] f32:c8[N,1,1,4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "would be repeated");
    op_inputs(&c, "f32:c8[N,8,8,1] f32[4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "would be repeated");
}

static void depthwise_multiplies_channels(void **state)
{
    op_case c;
    (void)state;
    conv_begin(&c, FL_OP_DEPTHWISE_CONV2D, "f32[N,9,9,4] f32[3,3,4,2] f32[8]");
    op_gives(&c, "f32[N,7,7,8]");
    op_inputs(&c, "f32[N,9,9,5] f32[3,3,4,2]");
    op_refuses(&c, FLOE_ERR_SHAPE, "filter [3,3,4,2] wants 4 input channels, x [N,9,9,5] (NHWC) has 5");
    op_inputs(&c, "f32[N,9,9,4] f32[3,3,4,2]");
    c.d.p.conv.groups = 4;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "only conv2d has groups");
}

static void conv2d_transpose_checks_the_forward_convolution(void **state)
{
    op_case c;
    (void)state;
    conv_begin(&c, FL_OP_CONV2D_TRANSPOSE, "f32[N,2,2,8] f32[3,3,5,8] f32[5]");
    c.d.p.conv.stride[0] = c.d.p.conv.stride[1] = 2;
    memcpy(c.d.p.conv.pad, (int32_t[]){0, 1, 0, 1}, sizeof c.d.p.conv.pad);
    c.d.p.conv.output[0] = c.d.p.conv.output[1] = 4;
    op_gives(&c, "f32[N,4,4,5]");
    c.d.p.conv.output[1] = 5;
    op_gives(&c, "f32[N,4,5,5]"); /* two sizes, same count of windows */
    c.d.p.conv.output[1] = 6;
    op_refuses(&c, FLOE_ERR_SHAPE, "width: a convolution of the output size 6");
    c.d.p.conv.output[1] = -4;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "the output width is -4");
    c.d.p.conv.output[1] = INT64_MAX;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "the output width is");
    c.d.p.conv.output[1] = 4;
    op_inputs(&c, "f32[N,2,2,5] f32[3,3,5,8]");
    op_refuses(&c, FLOE_ERR_SHAPE, "wants 8 input channels (its last dimension)");
}

static void same_padding_is_tensorflows(void **state)
{
    static const struct {
        int64_t in, k, s, d;
        int32_t before, after;
    } rows[] = {{4, 3, 2, 1, 0, 1}, {5, 3, 2, 1, 1, 1}, {224, 7, 2, 1, 2, 3}, {4, 3, 1, 2, 2, 2}, {7, 1, 2, 1, 0, 0},
                {2, 5, 1, 1, 2, 2}, {6, 2, 1, 1, 0, 1}, {0, 3, 1, 1, 1, 1},   {0, 3, 2, 1, 0, 1}, {0, 1, 3, 1, 0, 0}};
    int32_t before, after;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fl_same_padding(rows[i].in, rows[i].k, rows[i].s, rows[i].d, &before, &after);
        assert_int_equal(before, rows[i].before);
        assert_int_equal(after, rows[i].after);
    }
    fl_same_padding(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, &before, &after);
    assert_true(before >= 0 && after >= 0);
    fl_same_padding(5, 3, 0, 1, &before, &after);
    assert_true(before == 0 && after == 0);
}

static void pool2d_checks_windows(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_POOL2D, "f32[N,112,112,64]");
    c.d.p.pool = (fl_pool_params){FL_POOL_MAX, {3, 3}, {2, 2}, {0, 1, 0, 1}, FL_NHWC};
    op_gives(&c, "f32[N,56,56,64]");
    c.d.p.pool.format = FL_NCHW;
    op_gives(&c, "f32[N,112,56,32]");
    c.d.p.pool.pad[1] = 3;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "less than the kernel");
    c.d.p.pool = (fl_pool_params){2, {3, 3}, {2, 2}, {0}, FL_NHWC};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "func is 2");
    c.d.p.pool = (fl_pool_params){FL_POOL_AVG, {3, 0}, {2, 2}, {0}, FL_NHWC};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "1 or more");
    c.d.p.pool = (fl_pool_params){FL_POOL_AVG, {113, 3}, {1, 1}, {0}, FL_NHWC};
    op_refuses(&c, FLOE_ERR_SHAPE, "height: a window of 113");
    c.d.p.pool = (fl_pool_params){FL_POOL_AVG, {3, 3}, {1, 1}, {0}, -7};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "format is -7");
}

static void matmul_needs_one_common_dimension(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_MATMUL, "f32[N,2048] f32[2048,1000]c f32[1000]c");
    op_gives(&c, "f32[N,1000]");
    c.d.p.matmul.transpose_b = 1;
    op_refuses(&c, FLOE_ERR_SHAPE, "a [N,2048] has [2048] columns, b [2048,1000] (transposed) has [1000] rows");
    op_inputs(&c, "f32[N,7] f32[N,5]");
    c.d.p.matmul = (fl_matmul_params){.transpose_a = 1};
    op_gives(&c, "f32[7,5]"); /* a sum over the batch */
    op_inputs(&c, "f32[7,N] f32[7,N]");
    op_refuses(&c, FLOE_ERR_SHAPE, "grows with the square of the batch");
    op_inputs(&c, "f32[2,3,4] f32[4,5]");
    op_refuses(&c, FLOE_ERR_SHAPE, "a [2,3,4] has rank 3; rank 2 is needed");
    op_inputs(&c, "i8[2,3] i8[3,5]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "a has type i8");
    c.d.p.matmul = (fl_matmul_params){0};
    op_inputs(&c, "i32[2,3] i32[3,5]");
    op_gives(&c, "i32[2,5]");
    c.d.p.matmul.act = FL_UNARY_RELU;
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "products of i32 take no bias, residual or activation");
    c.d.p.matmul = (fl_matmul_params){.transpose_a = 2};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "transpose_a is 2; it is 0 or 1");
}

static void unary_and_binary_know_their_types(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_UNARY, "f64[3N]");
    c.d.p.unary.func = FL_UNARY_ATANH;
    op_gives(&c, "f64[3N]");
    op_inputs(&c, "i32[4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "atanh of i32");
    c.d.p.unary.func = FL_UNARY_RELU;
    op_gives(&c, "i32[4]");
    op_inputs(&c, "f16[4]");
    op_gives(&c, "f16[4]");
    op_inputs(&c, "bool[4]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "relu of bool");
    c.d.p.unary.func = FL_UNARY_COUNT;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "func is 32");

    op_begin(&c, FL_OP_BINARY, "i32[N,1] i32[3]");
    c.d.p.binary.func = FL_BINARY_LESS;
    op_gives(&c, "bool[N,3]");
    c.d.p.binary.act = FL_UNARY_RELU;
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "a fused relu after a result of bool");
    op_inputs(&c, "i32[3] i64[3]");
    op_refuses(&c, FLOE_ERR_SHAPE, "less of i32 and i64; both sides must have the same type");
    op_inputs(&c, "bool[3] bool[3]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "less of bool");
    c.d.p.binary = (fl_binary_params){.func = FL_BINARY_NOT_EQUAL};
    op_gives(&c, "bool[3]");
    op_inputs(&c, "f32[N] f32[4]");
    op_refuses(&c, FLOE_ERR_SHAPE, "shapes [N] and [4] do not broadcast");
    c.d.p.binary.func = -1;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "func is -1");
}

static void batch_norm_needs_statistics_unless_it_makes_them(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_BATCH_NORM, "f32[N,7,7,8] f32[8] f32[8]");
    c.d.p.batch_norm = (fl_batch_norm_params){.epsilon = 1e-3f, .axis = 3, .factor = 1};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "mean is missing");
    c.d.p.batch_norm.training = 1;
    op_gives(&c, "f32[N,7,7,8] f32[8] f32[8]");
    op_inputs(&c, "f32[N,7,7,8] f32[8] f32[8] f32[0] f32[0]");
    op_gives(&c, "f32[N,7,7,8] f32[8] f32[8]");
    c.d.p.batch_norm.factor = 0.5f;
    op_refuses(&c, FLOE_ERR_SHAPE, "mean has shape [0]; [8] would fit");
    op_inputs(&c, "f32[N,8,7,7] f32[8] f32[8] f32[8] f32[7]");
    c.d.p.batch_norm = (fl_batch_norm_params){.axis = 1};
    op_refuses(&c, FLOE_ERR_SHAPE, "variance has shape [7]");
    c.d.p.batch_norm.axis = 0;
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "must not depend on the batch");
    c.d.p.batch_norm.axis = 4;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "axis is 4; x [N,8,7,7] has axes 0 to 3");
    c.d.p.batch_norm.training = 7;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "training is 7");
}

static void softmax_and_concat_check_their_axis(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_SOFTMAX, "f32[N,1000]");
    c.d.p.axis.axis = 1;
    op_gives(&c, "f32[N,1000]");
    c.d.p.axis.axis = 0;
    op_gives(&c, "f32[N,1000]");
    c.d.p.axis.axis = -1;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "axis is -1");
    op_inputs(&c, "f32[]");
    op_refuses(&c, FLOE_ERR_SHAPE, "scalar");

    op_begin(&c, FL_OP_CONCAT, "f32[N,4] f32[N,5] f32[N,0]");
    c.d.p.axis.axis = 1;
    op_gives(&c, "f32[N,9]");
    op_inputs(&c, "i64[N,4] i64[2N,4] i64[0,4]");
    c.d.p.axis.axis = 0;
    op_gives(&c, "i64[3N,4]");
    op_inputs(&c, "f32[N,4] f32[1,4]");
    op_refuses(&c, FLOE_ERR_SHAPE, "input 1, f32[1,4], cannot be joined to [N]");
    op_inputs(&c, "f32[N,4] f32[N,5]");
    op_refuses(&c, FLOE_ERR_SHAPE, "input 1, f32[N,5], cannot be joined to f32[N,4] along axis 0");
    op_inputs(&c, "f32[4] i32[5]");
    op_refuses(&c, FLOE_ERR_SHAPE, "type and all other axes must be equal");
    op_inputs(&c, "f32[4] -");
    op_refuses(&c, FLOE_ERR_ARGUMENT, "misses input 1");
    op_inputs(&c, "");
    op_refuses(&c, FLOE_ERR_ARGUMENT, "it takes 1 to any number");
    op_inputs(&c, "f32[281474976710656] f32[1]");
    op_refuses(&c, FLOE_ERR_SHAPE, "2^48");
}

static void reduce_takes_any_set_of_axes(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_REDUCE, "f32[N,7,7,64]");
    c.d.p.reduce = (fl_reduce_params){.func = FL_REDUCE_MEAN, .axes = 6};
    op_gives(&c, "f32[N,64]");
    c.d.p.reduce.keep_dims = 1;
    op_gives(&c, "f32[N,1,1,64]");
    c.d.p.reduce.axes = 1;
    op_gives(&c, "f32[1,7,7,64]");
    c.d.p.reduce = (fl_reduce_params){.axes = 15};
    op_gives(&c, "f32[]");
    c.d.p.reduce.axes = 0;
    op_gives(&c, "f32[N,7,7,64]");
    c.d.p.reduce.axes = 16;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "the set of axes 0x10");
    c.d.p.reduce.axes = -1;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "the set of axes 0xffffffff");
    c.d.p.reduce = (fl_reduce_params){.func = 5};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "func is 5");
    c.d.p.reduce = (fl_reduce_params){.keep_dims = 3};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "keep_dims is 3");
    op_inputs(&c, "bool[4]");
    c.d.p.reduce = (fl_reduce_params){.func = FL_REDUCE_SUM, .axes = 1};
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "sum of bool");
}

static void set_dims(op_case *c, int rank, const int64_t *dim)
{
    memset(&c->d.p, 0, sizeof c->d.p);
    c->d.p.dims.rank = rank;
    for (int i = 0; i < rank && i < FL_MAX_RANK; i++)
        c->d.p.dims.dim[i] = dim[i];
}

static void reshape_and_broadcast_compare_dims_at_every_batch(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_RESHAPE, "u8[N,7,7,64]");
    set_dims(&c, 2, (int64_t[]){-49, 64});
    op_gives(&c, "u8[49N,64]");
    set_dims(&c, 2, (int64_t[]){-1, 3136});
    op_gives(&c, "u8[N,3136]");
    set_dims(&c, 2, (int64_t[]){49, 64});
    op_refuses(&c, FLOE_ERR_SHAPE, "x [N,7,7,64] cannot become [49,64]: [3136N] elements against [3136]");
    set_dims(&c, 3, (int64_t[]){-1, -1, 3136});
    op_refuses(&c, FLOE_ERR_SHAPE, "square of the batch");
    set_dims(&c, 9, (int64_t[9]){1, 1, 1, 1, 1, 1, 1, 1, 1});
    op_refuses(&c, FLOE_ERR_ARGUMENT, "rank 9");
    set_dims(&c, 0, NULL);
    op_refuses(&c, FLOE_ERR_SHAPE, "against [1]");
    op_inputs(&c, "u8[N,0]");
    set_dims(&c, 2, (int64_t[]){0, 9});
    op_gives(&c, "u8[0,9]");

    op_begin(&c, FL_OP_BROADCAST, "i64[1,4]");
    set_dims(&c, 3, (int64_t[]){2, -1, 4});
    op_gives(&c, "i64[2,N,4]");
    set_dims(&c, 2, (int64_t[]){0, 4});
    op_gives(&c, "i64[0,4]");
    set_dims(&c, 1, (int64_t[]){4});
    op_refuses(&c, FLOE_ERR_SHAPE, "x [1,4] cannot be repeated to [4]");
    set_dims(&c, 2, (int64_t[]){4, 1});
    op_refuses(&c, FLOE_ERR_SHAPE, "cannot be repeated");
    set_dims(&c, 2, (int64_t[]){4, 5});
    op_refuses(&c, FLOE_ERR_SHAPE, "do not broadcast");

    op_begin(&c, FL_OP_RANDOM_UNIFORM, "");
    set_dims(&c, 2, (int64_t[]){-1, 128});
    op_gives(&c, "f32[N,128]");
    set_dims(&c, 1, (int64_t[]){INT64_MIN});
    op_refuses(&c, FLOE_ERR_SHAPE, "2^48");
    set_dims(&c, -1, NULL);
    op_refuses(&c, FLOE_ERR_ARGUMENT, "rank -1");
}

static void transpose_wants_a_permutation(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_TRANSPOSE, "f16[N,7,8,3]");
    memcpy(c.d.p.transpose.perm, (int32_t[]){0, 3, 1, 2}, 16);
    op_gives(&c, "f16[N,3,7,8]");
    memcpy(c.d.p.transpose.perm, (int32_t[]){3, 1, 2, 0}, 16);
    op_gives(&c, "f16[3,7,8,N]");
    memcpy(c.d.p.transpose.perm, (int32_t[]){0, 3, 3, 2}, 16);
    op_refuses(&c, FLOE_ERR_ARGUMENT, "perm[2] is 3");
    memcpy(c.d.p.transpose.perm, (int32_t[]){0, 4, 1, 2}, 16);
    op_refuses(&c, FLOE_ERR_ARGUMENT, "perm[1] is 4; perm must name each axis of x [N,7,8,3] once");
    memcpy(c.d.p.transpose.perm, (int32_t[]){INT32_MIN, 1, 2, 3}, 16);
    op_refuses(&c, FLOE_ERR_ARGUMENT, "perm[0]");
}

static void pad_leaves_the_batch_alone(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_PAD, "f32[N,7,7,3]");
    c.d.p.pad = (fl_pad_params){.before = {0, 1, 2, 0}, .after = {0, 3, 4, 0}};
    op_gives(&c, "f32[N,11,13,3]");
    c.d.p.pad.after[0] = 1;
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "axis 0 of x [N,7,7,3] depends on the batch and is padded by 0 and 1");
    c.d.p.pad = (fl_pad_params){.before = {0, -1}};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "axis 1 is padded by -1 and 0");
    c.d.p.pad = (fl_pad_params){.before = {0, INT64_MAX}, .after = {0, INT64_MAX}};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "pads are 0 or more");
    c.d.p.pad = (fl_pad_params){.before = {0, INT64_MAX - 7}};
    op_refuses(&c, FLOE_ERR_SHAPE, "2^48");
    c.d.p.pad = (fl_pad_params){.after = {0, 0, 0, INT64_MIN}};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "pads are 0 or more");
}

static void slice_checks_that_all_places_exist(void **state)
{
    static const struct {
        int64_t begin, stride, size;
        bool good;
    } rows[] = {{0, 1, 7, true},   {6, -1, 7, true},   {1, 3, 2, true},           {0, 1, 0, true},
                {3, 0, 0, true},   {0, 1, 8, false},   {6, -1, 8, false},         {7, 1, 1, false},
                {-1, 1, 1, false}, {0, 0, 2, false},   {0, 1, -1, false},         {0, INT64_MAX, 3, false},
                {6, 1, 1, true},   {5, 7, 1, true},    {0, 1, INT64_MAX, false},  {INT64_MAX, 1, 1, false},
                {2, INT64_MIN, 2, false}};
    op_case c;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char want[32];
        op_begin(&c, FL_OP_SLICE, "u16[N,7]");
        c.d.p.slice = (fl_slice_params){{0, rows[i].begin}, {1, rows[i].stride}, {-1, rows[i].size}};
        snprintf(want, sizeof want, "u16[N,%lld]", (long long)rows[i].size);
        if (rows[i].good)
            op_gives(&c, want);
        else
            op_refuses(&c, FLOE_ERR_SHAPE, "axis 1 of x [N,7]: begin ");
    }
    op_begin(&c, FL_OP_SLICE, "u16[N,7]");
    c.d.p.slice = (fl_slice_params){{2, 0}, {1, 1}, {3, 7}};
    op_gives(&c, "u16[3,7]"); /* cut at constant places: the batch decides at run time */
    c.d.p.slice = (fl_slice_params){{2, 0}, {1, 1}, {-1, 7}};
    op_refuses(&c, FLOE_ERR_SHAPE, "taken whole or cut at constant places");
    c.d.p.slice = (fl_slice_params){{0, 0}, {1, 1}, {-2, 7}};
    op_refuses(&c, FLOE_ERR_SHAPE, "size [2N]");
}

static void shape_cast_select_reorder_check_types_and_ranks(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_SHAPE, "u8[N,7]");
    c.d.p.dtype.dtype = FL_I64;
    op_gives(&c, "i64[2]");
    c.d.p.dtype.dtype = FL_F32;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "a shape of type f32");
    c.d.p.dtype.dtype = 1000;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "number 1000");

    op_begin(&c, FL_OP_CAST, "u8[N,7]");
    c.d.p.dtype.dtype = FL_BF16;
    op_gives(&c, "bf16[N,7]");
    c.d.p.dtype.dtype = 0;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "element type number 0");
    c.d.p.dtype.dtype = FL_DTYPE_COUNT;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "element type number");
    c.d.p.dtype = (fl_dtype_params){FL_F16, 2};
    op_refuses(&c, FLOE_ERR_ARGUMENT, "truncate is 2");

    op_begin(&c, FL_OP_SELECT, "bool[N,1] i8[3] i8[]");
    op_gives(&c, "i8[N,3]");
    op_inputs(&c, "i32[N,1] i8[3] i8[]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "the condition has type i32; bool is supported");
    op_inputs(&c, "bool[N,1] i8[3] u8[3]");
    op_refuses(&c, FLOE_ERR_SHAPE, "between i8 and u8");
    op_inputs(&c, "bool[2] i8[3] i8[3]");
    op_refuses(&c, FLOE_ERR_SHAPE, "do not broadcast");

    op_begin(&c, FL_OP_REORDER, "f32[N,7,7,20]");
    c.d.p.layout.layout = FL_LAYOUT_C16;
    op_gives(&c, "f32:c16[N,7,7,20]");
    op_inputs(&c, "f32:c8[N,7,7,20]");
    op_gives(&c, "f32:c16[N,7,7,20]");
    c.d.p.layout.layout = FL_LAYOUT_PLAIN;
    op_gives(&c, "f32[N,7,7,20]");
    c.d.p.layout.layout = 3;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "layout is 3");
    op_inputs(&c, "f32[N,7,7]");
    c.d.p.layout.layout = FL_LAYOUT_C8;
    op_refuses(&c, FLOE_ERR_SHAPE, "rank 4 is needed");
    op_inputs(&c, "f32[2,7,7,N]");
    op_refuses(&c, FLOE_ERR_UNSUPPORTED, "must not depend on the batch");
}

static void damaged_descriptors_are_refused(void **state)
{
    op_case c;
    (void)state;
    op_begin(&c, FL_OP_IDENTITY, "f32[4]");
    c.in[0].dtype = (fl_dtype)200;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "input 0: element type number 200");
    op_inputs(&c, "f32[4]");
    c.in[0].layout = (fl_layout)9;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "input 0: layout is 9");
    c.in[0].layout = FL_LAYOUT_C8;
    op_refuses(&c, FLOE_ERR_SHAPE, "layout c8 needs rank 4");
    op_inputs(&c, "f32[4]");
    c.in[0].rank = 100;
    op_refuses(&c, FLOE_ERR_SHAPE, "rank 100");
    op_inputs(&c, "f32[4]");
    c.d.n_out = 2;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "identity has 2 outputs; it gives 1");
    c.d.n_out = 1;
    c.out_at[0] = NULL;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "misses the descriptor of output 0");
    c.d.n_in = -1;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "has -1 inputs");
    c.d.op = FL_OP_COUNT;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "operator number 22 is unknown");
    c.d.op = (fl_op_kind)-5;
    op_refuses(&c, FLOE_ERR_ARGUMENT, "is unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_keeps_the_batch_and_counts_windows),
        cmocka_unit_test(conv2d_of_an_empty_image_with_same_pads_is_empty),
        cmocka_unit_test(conv2d_says_what_does_not_fit),
        cmocka_unit_test(conv2d_refuses_parameters_out_of_range),
        cmocka_unit_test(blocked_images_pass_through_where_the_rule_allows),
        cmocka_unit_test(binary_mixes_blocked_images_only_with_their_like_or_small_ones),
        cmocka_unit_test(depthwise_multiplies_channels),
        cmocka_unit_test(conv2d_transpose_checks_the_forward_convolution),
        cmocka_unit_test(same_padding_is_tensorflows),
        cmocka_unit_test(pool2d_checks_windows),
        cmocka_unit_test(matmul_needs_one_common_dimension),
        cmocka_unit_test(unary_and_binary_know_their_types),
        cmocka_unit_test(batch_norm_needs_statistics_unless_it_makes_them),
        cmocka_unit_test(softmax_and_concat_check_their_axis),
        cmocka_unit_test(reduce_takes_any_set_of_axes),
        cmocka_unit_test(reshape_and_broadcast_compare_dims_at_every_batch),
        cmocka_unit_test(transpose_wants_a_permutation),
        cmocka_unit_test(pad_leaves_the_batch_alone),
        cmocka_unit_test(slice_checks_that_all_places_exist),
        cmocka_unit_test(shape_cast_select_reorder_check_types_and_ranks),
        cmocka_unit_test(damaged_descriptors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
