/* test_op_ref.c - references of the operators on floats against vectors worked out by hand or taken from TensorFlow:
 * windows, matrices, normalisation, activations, reductions, and their edge cases (NaN, zeros, nothing). */
#include "op_case.h"

static const float x4[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}; /* [1,4,4,1] */
static const float k3[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};                               /* [3,3,1,1] */

static void set_same(fl_conv_params *p, int64_t h, int64_t w, int64_t k, int32_t stride, int32_t dilation)
{
    *p = (fl_conv_params){.stride = {stride, stride}, .dilation = {dilation, dilation}, .groups = 1};
    fl_same_padding(h, k, stride, dilation, &p->pad[0], &p->pad[1]);
    fl_same_padding(w, k, stride, dilation, &p->pad[2], &p->pad[3]);
}

/* ---- windows */

static void conv2d_same_with_stride_and_with_dilation(void **state)
{
    op_case c;
    float y[16];
    (void)state;
    op_begin(&c, FL_OP_CONV2D, "f32[1,4,4,1] f32[3,3,1,1]");
    set_same(&c.d.p.conv, 4, 4, 3, 2, 1);
    op_run(&c, y, x4, k3);
    op_expect(y, 348, 252, 274, 175);
    set_same(&c.d.p.conv, 4, 4, 3, 1, 2);
    op_run(&c, y, x4, k3);
    op_expect(y, 194, 222, 170, 194); /* the first row */
}

static void conv2d_adds_bias_and_residual_before_the_activation(void **state)
{
    op_case c;
    float y[4];
    (void)state;
    op_begin(&c, FL_OP_CONV2D, "f32[1,1,2,2] f32[1,1,2,2] f32[2] f32[1,1,2,2]");
    c.d.p.conv = (fl_conv_params){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .act = FL_UNARY_RELU};
    /* pixels (1,2) and (3,-4); y0 = x0 + 10 x1, y1 = x0 - x1 */
    op_run(&c, y, FLOATS(1, 2, 3, -4), FLOATS(1, 1, 10, -1), FLOATS(0.5f, -1), FLOATS(1, 2, 100, -20));
    op_expect(y, 22.5f, 0, 63.5f, 0);
    c.d.p.conv.act = FL_UNARY_LEAKY_RELU;
    c.d.p.conv.alpha = 0.5f;
    op_inputs(&c, "f32[1,1,2,2] f32[1,1,2,2] - f32[1,1,2,2]");
    op_run(&c, y, FLOATS(1, 2, 3, -4), FLOATS(1, 1, 10, -1), NULL, FLOATS(1, 2, 100, -20));
    op_expect(y, 22, 1, 63, -6.5f);
}

static void conv2d_in_groups_sees_only_its_channels(void **state)
{
    op_case c;
    float y[4];
    (void)state;
    op_begin(&c, FL_OP_CONV2D, "f32[1,1,1,4] f32[1,1,2,4]");
    c.d.p.conv = (fl_conv_params){.stride = {1, 1}, .dilation = {1, 1}, .groups = 2};
    /* filter [ci][o]: outputs 0,1 see inputs 0,1; outputs 2,3 see inputs 2,3 */
    op_run(&c, y, FLOATS(1, 2, 3, 4), FLOATS(1, 2, 3, 4, 10, 20, 30, 40));
    op_expect(y, 21, 42, 3 * 3 + 4 * 30, 3 * 4 + 4 * 40);
}

/* The same convolution in NCHW: transposing in and out gives the same numbers. More channels than one strip. */
static void conv2d_in_nchw_is_the_transposed_one(void **state)
{
    enum { H = 5, W = 4, CIN = 3, COUT = 19 };
    float x[H * W * CIN], x_nchw[H * W * CIN], f[3 * 2 * CIN * COUT], y[H * W * COUT], y_nchw[H * W * COUT];
    op_case c;
    (void)state;
    for (int i = 0; i < H * W * CIN; i++)
        x[i] = (float)((i * 37 + 11) % 23) - 11;
    for (int i = 0; i < 3 * 2 * CIN * COUT; i++)
        f[i] = (float)((i * 53 + 5) % 17) - 8;
    for (int p = 0; p < H * W; p++)
        for (int k = 0; k < CIN; k++)
            x_nchw[k * H * W + p] = x[p * CIN + k];
    op_begin(&c, FL_OP_CONV2D, "f32[1,5,4,3] f32[3,2,3,19]");
    c.d.p.conv = (fl_conv_params){.stride = {2, 1}, .dilation = {1, 2}, .pad = {1, 1, 0, 1}, .groups = 1};
    op_run(&c, y, x, f);
    assert_int_equal(c.out[0].dim[1], 3);
    assert_int_equal(c.out[0].dim[2], 3);
    op_inputs(&c, "f32[1,3,5,4] f32[3,2,3,19]");
    c.d.p.conv.format = FL_NCHW;
    op_run(&c, y_nchw, x_nchw, f);
    for (int p = 0; p < 9; p++)
        for (int k = 0; k < COUT; k++)
            assert_true(y[p * COUT + k] == y_nchw[k * 9 + p]);
    double sum = 0; /* y[1,2,18] the long way: rows 1..3, columns 2 (v 0) and 4 (v 1, outside) */
    for (int u = 0; u < 3; u++)
        for (int k = 0; k < CIN; k++)
            sum += (double)x[((1 + u) * W + 2) * CIN + k] * (double)f[((u * 2) * CIN + k) * COUT + 18];
    assert_true(y[(1 * 3 + 2) * COUT + 18] == (float)sum);
}

static void conv2d_over_pads_alone_gives_the_bias(void **state)
{
    op_case c;
    float y[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    (void)state;
    op_begin(&c, FL_OP_CONV2D, "f32[1,0,2,1] f32[3,1,1,2] f32[2]");
    c.d.p.conv = (fl_conv_params){.stride = {1, 1}, .dilation = {1, 1}, .pad = {2, 2, 0, 0}, .groups = 1};
    op_run(&c, y, NULL, FLOATS(1, 2, 3, 4, 5, 6), FLOATS(7, 8));
    op_expect(y, 7, 8, 7, 8, 7, 8, 7, 8);
}

static void depthwise_orders_output_channels_by_input_channel(void **state)
{
    op_case c;
    float y[8];
    (void)state;
    op_begin(&c, FL_OP_DEPTHWISE_CONV2D, "f32[1,2,1,2] f32[2,1,2,2] f32[4]");
    c.d.p.conv = (fl_conv_params){.stride = {1, 1}, .dilation = {1, 1}, .pad = {0, 1, 0, 0}, .groups = 1};
    /* y[c*2+m] = x[0,c] f[0,c,m] + x[1,c] f[1,c,m] */
    op_run(&c, y, FLOATS(1, 2, 3, 4), FLOATS(1, 2, 3, 4, 10, 20, 30, 40), FLOATS(0, 0, 0, 1));
    op_expect(y, 31, 62, 126, 169, 3, 6, 12, 17);
    op_inputs(&c, "f32[1,2,2,1] f32[2,1,2,2]");
    c.d.p.conv.format = FL_NCHW;
    op_run(&c, y, FLOATS(1, 3, 2, 4), FLOATS(1, 2, 3, 4, 10, 20, 30, 40));
    op_expect(y, 31, 3, 62, 6, 126, 12, 168, 16);
}

static void conv2d_transpose_scatters_into_the_requested_size(void **state)
{
    op_case c;
    float y[32];
    (void)state;
    op_begin(&c, FL_OP_CONV2D_TRANSPOSE, "f32[1,2,2,1] f32[3,3,1,1]");
    set_same(&c.d.p.conv, 4, 4, 3, 2, 1);
    c.d.p.conv.output[0] = c.d.p.conv.output[1] = 4;
    op_run(&c, y, FLOATS(1, 2, 3, 4), k3);
    op_expect(y, 1, 2, 5, 4, 4, 5, 14, 10, 10, 14, 36, 24, 12, 15, 34, 20);
    set_same(&c.d.p.conv, 3, 3, 3, 2, 1); /* the same x, an odd size: pads on both sides */
    c.d.p.conv.output[0] = c.d.p.conv.output[1] = 3;
    op_run(&c, y, FLOATS(1, 2, 3, 4), k3);
    op_expect(y, 5, 14, 10, 14, 36, 24, 15, 34, 20);
}

/* <conv(a), b> = <a, transposed(b)>: the transposed convolution is the adjoint, whatever the parameters. */
static void conv2d_transpose_is_the_adjoint_of_conv2d(void **state)
{
    enum { A = 2 * 7 * 6 * 3, B = 2 * 4 * 2 * 5, F = 3 * 2 * 3 * 5 };
    float a[A], b[B], f[F], forward[B], backward[A];
    double left = 0, right = 0;
    op_case c;
    (void)state;
    for (int i = 0; i < A; i++)
        a[i] = (float)((i * 31 + 7) % 19) - 9;
    for (int i = 0; i < B; i++)
        b[i] = (float)((i * 41 + 3) % 13) - 6;
    for (int i = 0; i < F; i++)
        f[i] = (float)((i * 29 + 1) % 11) - 5;
    const fl_conv_params p = {.stride = {2, 3}, .dilation = {1, 2}, .pad = {1, 2, 1, 1}, .groups = 1};
    op_begin(&c, FL_OP_CONV2D, "f32[2,7,6,3] f32[3,2,3,5]");
    c.d.p.conv = p;
    op_run(&c, forward, a, f);
    assert_int_equal(fl_tensor_elements_at(&c.out[0], 1), B);
    op_begin(&c, FL_OP_CONV2D_TRANSPOSE, "f32[2,4,2,5] f32[3,2,3,5]");
    c.d.p.conv = p;
    c.d.p.conv.output[0] = 7;
    c.d.p.conv.output[1] = 6;
    op_run(&c, backward, b, f);
    for (int i = 0; i < B; i++)
        left += (double)forward[i] * (double)b[i];
    for (int i = 0; i < A; i++)
        right += (double)backward[i] * (double)a[i];
    assert_true(left == right && left != 0); /* all products are whole numbers */
}

static void pool2d_averages_only_cells_inside(void **state)
{
    op_case c;
    float y[16];
    (void)state;
    op_begin(&c, FL_OP_POOL2D, "f32[1,4,4,1]");
    c.d.p.pool = (fl_pool_params){FL_POOL_AVG, {3, 3}, {2, 2}, {0, 1, 0, 1}, FL_NHWC};
    op_run(&c, y, x4);
    op_expect(y, 6, 7.5f, 12, 13.5f);
    c.d.p.pool = (fl_pool_params){FL_POOL_AVG, {3, 3}, {1, 1}, {1, 1, 1, 1}, FL_NHWC};
    op_run(&c, y, x4);
    op_expect(y, 3.5f, 4, 5, 5.5f);
    c.d.p.pool = (fl_pool_params){FL_POOL_MAX, {3, 3}, {2, 2}, {0, 1, 0, 1}, FL_NHWC};
    op_run(&c, y, x4);
    op_expect(y, 11, 12, 15, 16);
    op_inputs(&c, "f32[1,2,2,4]"); /* two channels of 2 x 4 */
    c.d.p.pool = (fl_pool_params){FL_POOL_MAX, {2, 2}, {1, 2}, {0}, FL_NCHW};
    op_run(&c, y, x4);
    op_expect(y, 6, 8, 14, 16);
}

static void pool2d_maximum_starts_from_the_lowest_float(void **state)
{
    op_case c;
    float y[3];
    (void)state;
    op_begin(&c, FL_OP_POOL2D, "f32[1,1,6,1]");
    c.d.p.pool = (fl_pool_params){FL_POOL_MAX, {1, 2}, {1, 2}, {0}, FL_NHWC};
    op_run(&c, y, FLOATS(-INFINITY, -INFINITY, -INFINITY, NAN, 1, NAN));
    op_expect(y, -3.402823466e38f, -3.402823466e38f, 1);
    op_run(&c, y, FLOATS(-5, -3, INFINITY, 2, -0.5f, -0.25f));
    op_expect(y, -3, INFINITY, -0.25f);
}

/* ---- matrices and normalisation */

static void matmul_transposes_either_side(void **state)
{
    static const float a[6] = {1, 2, 3, 4, 5, 6}, at[6] = {1, 4, 2, 5, 3, 6};
    static const float b[6] = {7, 8, 9, 10, 11, 12}, bt[6] = {7, 9, 11, 8, 10, 12};
    op_case c;
    float y[4];
    (void)state;
    for (int32_t ta = 0; ta < 2; ta++) {
        for (int32_t tb = 0; tb < 2; tb++) {
            char inputs[64];
            snprintf(inputs, sizeof inputs, "%s %s", ta ? "f32[3,2]" : "f32[2,3]", tb ? "f32[2,3]" : "f32[3,2]");
            op_begin(&c, FL_OP_MATMUL, inputs);
            c.d.p.matmul = (fl_matmul_params){.transpose_a = ta, .transpose_b = tb};
            op_run(&c, y, ta ? at : a, tb ? bt : b);
            op_expect(y, 58, 64, 139, 154);
        }
    }
    op_begin(&c, FL_OP_MATMUL, "f32[2,3] f32[3,2] f32[2] f32[2,2]");
    c.d.p.matmul.act = FL_UNARY_RELU6;
    op_run(&c, y, a, b, FLOATS(-58, -60), FLOATS(1, 0, -90, -89));
    op_expect(y, 1, 4, 0, 5);
}

static void matmul_over_nothing_is_zero(void **state)
{
    op_case c;
    float y[6] = {9, 9, 9, 9, 9, 9};
    (void)state;
    op_begin(&c, FL_OP_MATMUL, "f32[2,0] f32[0,3]");
    op_run(&c, y, NULL, NULL);
    op_expect(y, 0, 0, 0, 0, 0, 0);
}

static void run_batch_norm(op_case *c, float *y, float *mean, float *variance, const float *const in[5])
{
    void *outs[3] = {y, mean, variance};

    assert_int_equal(op_try(c, outs, (const void *const *)in), FLOE_OK);
}

static void batch_norm_training_measures_the_batch(void **state)
{
    op_case c;
    float y[4], mean, variance;
    const float *const in[5] = {FLOATS(1, 2, 3, 6), FLOATS(2), FLOATS(1), NULL, NULL};
    (void)state;
    op_begin(&c, FL_OP_BATCH_NORM, "f32[1,2,2,1] f32[1] f32[1]");
    c.d.p.batch_norm = (fl_batch_norm_params){.epsilon = 0.001f, .axis = 3, .training = 1, .factor = 1};
    run_batch_norm(&c, y, &mean, &variance, in);
    op_expect(y, -1.13778f, -0.0688924f, 1, 4.20668f);
    op_expect(&mean, 3);
    op_expect(&variance, 4.66667f);
    run_batch_norm(&c, y, NULL, NULL, in); /* statistics not wanted */
}

static void batch_norm_training_blends_with_a_factor(void **state)
{
    op_case c;
    float y[2], mean[2], variance[2];
    const float *const in[5] = {FLOATS(3, 3), FLOATS(2, 2), FLOATS(1, 1), FLOATS(1, 1), FLOATS(5, 5)};
    (void)state;
    op_begin(&c, FL_OP_BATCH_NORM, "f32[1,1,1,2] f32[2] f32[2] f32[2] f32[2]");
    c.d.p.batch_norm = (fl_batch_norm_params){.epsilon = 0.0001f, .axis = 3, .training = 1, .factor = 0.25f};
    run_batch_norm(&c, y, mean, variance, in);
    op_expect(y, 1, 1);
    op_expect(mean, 1.5f, 1.5f);
    op_expect(variance, 3.75f, 3.75f); /* one element: no division by n - 1 = 0 */
}

static void batch_norm_inference_uses_and_copies_the_statistics(void **state)
{
    op_case c;
    float y[4], mean[2], variance[2];
    const float *const in[5] = {FLOATS(3, -3, 3, 1), FLOATS(2, 1), FLOATS(1, 0), FLOATS(1, 1), FLOATS(5, 3)};
    const float s0 = 2 / sqrtf(5.0001f), s1 = 1 / sqrtf(3.0001f);
    (void)state;
    op_begin(&c, FL_OP_BATCH_NORM, "f32[1,2,1,2] f32[2] f32[2] f32[2] f32[2]"); /* channels in axis 1 */
    c.d.p.batch_norm = (fl_batch_norm_params){.epsilon = 0.0001f, .axis = 1, .act = FL_UNARY_RELU};
    run_batch_norm(&c, y, mean, variance, in);
    op_expect(y, 2 * s0 + 1, 0, 2 * s1, 0);
    op_expect(mean, 1, 1);
    op_expect(variance, 5, 3);
    op_inputs(&c, "f32[0,2,1,2] f32[2] f32[2] f32[2] f32[2]");
    run_batch_norm(&c, y, mean, variance, in); /* as TensorFlow: no elements, no statistics */
    op_expect(mean, NAN, NAN);
    op_expect(variance, NAN, NAN);
}

static void softmax_works_along_any_axis(void **state)
{
    op_case c;
    float y[6];
    (void)state;
    op_begin(&c, FL_OP_SOFTMAX, "f32[2,3]");
    c.d.p.axis.axis = 1;
    op_run(&c, y, FLOATS(1, 2, 3, 1000, 1000, -1000));
    op_expect(y, 0.09003057f, 0.24472847f, 0.66524096f, 0.5f, 0.5f, 0);
    c.d.p.axis.axis = 0;
    op_run(&c, y, FLOATS(0, 5, 1, 0, 5, 2));
    op_expect(y, 0.5f, 0.5f, 0.26894142f, 0.5f, 0.5f, 0.73105858f);
    c.d.p.axis.axis = 1;
    op_run(&c, y, FLOATS(-INFINITY, -INFINITY, -INFINITY, 0, -INFINITY, 0));
    op_expect(y, NAN, NAN, NAN, 0.5f, 0, 0.5f);
    op_inputs(&c, "f32[2,0]");
    op_run(&c, NULL, NULL);
}

/* ---- element-wise */

static void unary_edge_cases_are_tensorflows(void **state)
{
    static const struct {
        int   func;
        float alpha;
        float y[8]; /* of NaN, inf, -inf, 0, 1, -1, 100, -20 */
    } rows[] = {
        {FL_UNARY_NONE, 0, {NAN, INFINITY, -INFINITY, 0, 1, -1, 100, -20}},
        {FL_UNARY_RELU, 0, {NAN, INFINITY, 0, 0, 1, 0, 100, 0}},
        {FL_UNARY_RELU6, 0, {NAN, 6, 0, 0, 1, 0, 6, 0}},
        {FL_UNARY_LEAKY_RELU, 2, {NAN, INFINITY, -INFINITY, 0, 1, -2, 100, -40}},
        {FL_UNARY_ELU, 0, {NAN, INFINITY, -1, 0, 1, -0.63212056f, 100, -1}},
        {FL_UNARY_SELU, 0, {NAN, INFINITY, -1.7580993f, 0, 1.0507010f, -1.1113307f, 105.070099f, -1.7580993f}},
        {FL_UNARY_SIGMOID, 0, {NAN, 1, 0, 0.5f, 0.73105858f, 0.26894142f, 1, 2.0611537e-9f}},
        {FL_UNARY_TANH, 0, {NAN, 1, -1, 0, 0.76159418f, -0.76159418f, 1, -1}},
        {FL_UNARY_SOFTPLUS, 0, {NAN, INFINITY, 0, 0.69314718f, 1.3132617f, 0.31326169f, 100, 2.0611537e-9f}},
        {FL_UNARY_SOFTSIGN, 0, {NAN, NAN, NAN, 0, 0.5f, -0.5f, 0.99009901f, -0.95238096f}},
        {FL_UNARY_SILU, 0, {NAN, INFINITY, NAN, 0, 0.73105858f, -0.26894142f, 100, -4.1223074e-8f}},
        {FL_UNARY_NEG, 0, {NAN, -INFINITY, INFINITY, 0, -1, 1, -100, 20}},
        {FL_UNARY_ABS, 0, {NAN, INFINITY, INFINITY, 0, 1, 1, 100, 20}},
        {FL_UNARY_SQRT, 0, {NAN, INFINITY, NAN, 0, 1, NAN, 10, NAN}},
        {FL_UNARY_RSQRT, 0, {NAN, 0, NAN, INFINITY, 1, NAN, 0.1f, NAN}},
        {FL_UNARY_SQUARE, 0, {NAN, INFINITY, INFINITY, 0, 1, 1, 10000, 400}},
        {FL_UNARY_EXP, 0, {NAN, INFINITY, 0, 1, 2.7182818f, 0.36787944f, INFINITY, 2.0611537e-9f}},
        {FL_UNARY_LOG, 0, {NAN, INFINITY, NAN, -INFINITY, 0, NAN, 4.6051702f, NAN}},
        {FL_UNARY_RECIPROCAL, 0, {NAN, 0, 0, INFINITY, 1, -1, 0.01f, -0.05f}},
        {FL_UNARY_SIN, 0, {NAN, NAN, NAN, 0, 0.84147098f, -0.84147098f, -0.50636564f, -0.91294525f}},
        {FL_UNARY_COS, 0, {NAN, NAN, NAN, 1, 0.54030231f, 0.54030231f, 0.86231887f, 0.40808206f}},
        {FL_UNARY_TAN, 0, {NAN, NAN, NAN, 0, 1.5574077f, -1.5574077f, -0.58721392f, -2.2371609f}},
        {FL_UNARY_SINH, 0, {NAN, INFINITY, -INFINITY, 0, 1.1752012f, -1.1752012f, INFINITY, -242582598.0f}},
        {FL_UNARY_COSH, 0, {NAN, INFINITY, INFINITY, 1, 1.5430806f, 1.5430806f, INFINITY, 242582598.0f}},
        {FL_UNARY_ASIN, 0, {NAN, NAN, NAN, 0, 1.5707963f, -1.5707963f, NAN, NAN}},
        {FL_UNARY_ACOS, 0, {NAN, NAN, NAN, 1.5707963f, 0, 3.1415927f, NAN, NAN}},
        {FL_UNARY_ATAN, 0, {NAN, 1.5707963f, -1.5707963f, 0, 0.78539816f, -0.78539816f, 1.5607967f, -1.5208379f}},
        {FL_UNARY_ASINH, 0, {NAN, INFINITY, -INFINITY, 0, 0.88137359f, -0.88137359f, 5.2983424f, -3.6895039f}},
        {FL_UNARY_ACOSH, 0, {NAN, INFINITY, NAN, NAN, 0, NAN, 5.2982924f, NAN}},
        {FL_UNARY_ATANH, 0, {NAN, NAN, NAN, 0, INFINITY, -INFINITY, NAN, NAN}},
    };
    static const float x[8] = {NAN, INFINITY, -INFINITY, 0, 1, -1, 100, -20};
    static const double x64[8] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 0, 1, -1, 100, -20};
    op_case c;
    float y[8];
    double y64[8];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        op_begin(&c, FL_OP_UNARY, "f32[2,4]");
        c.d.p.unary = (fl_unary_params){rows[i].func, rows[i].alpha};
        op_run(&c, y, x);
        op_near(y, rows[i].y, 8);
        op_inputs(&c, "f64[8]"); /* the same table; exp(100) and its like do not overflow here */
        op_run(&c, y64, x64);
        for (int k = 0; k < 8; k++)
            y[k] = (float)y64[k];
        op_near(y, rows[i].y, 8);
    }
    op_begin(&c, FL_OP_UNARY, "f32[4]");
    c.d.p.unary.func = FL_UNARY_FLOOR;
    op_run(&c, y, FLOATS(1.5f, -1.5f, 2, -0.5f));
    op_expect(y, 1, -2, 2, -1);
    c.d.p.unary.func = FL_UNARY_CEIL;
    op_run(&c, y, FLOATS(1.5f, -1.5f, 2, -0.5f));
    op_expect(y, 2, -1, 2, 0);
    c.d.p.unary.func = FL_UNARY_RSQRT;
    op_run(&c, y, FLOATS(-0.0f, 0, 4, 1e-30f));
    op_expect(y, -INFINITY, INFINITY, 0.5f, 1e15f);
}

static void binary(op_case *c, int func, float *y, const float *a, const float *b)
{
    c->d.p.binary = (fl_binary_params){.func = func};
    op_run(c, y, a, b);
}

static void binary_edge_cases_are_tensorflows(void **state)
{
    op_case c;
    float y[8];
    (void)state;
    op_begin(&c, FL_OP_BINARY, "f32[4] f32[4]");
    for (int func = FL_BINARY_MIN; func <= FL_BINARY_MAX; func++) {
        binary(&c, func, y, FLOATS(0.0f, -0.0f, NAN, 1), FLOATS(-0.0f, 0.0f, 1, NAN));
        op_expect(y, 0, 0, NAN, NAN);
        assert_false(signbit(y[0])); /* of equal zeros the first */
        assert_true(signbit(y[1]));
    }
    binary(&c, FL_BINARY_SQUARED_DIFFERENCE, y, FLOATS(1, -2, NAN, 1e30f), FLOATS(4, 3, 1, -1e30f));
    op_expect(y, 9, 25, NAN, INFINITY);
    op_inputs(&c, "f32[8] f32[8]");
    binary(&c, FL_BINARY_FLOOR_DIV, y, FLOATS(1, -7, 5, INFINITY, -0.0f, 1, NAN, -1),
           FLOATS(0.1f, 2, INFINITY, 2, 3, 0, 1, INFINITY));
    op_expect(y, 10, -4, 0, INFINITY, 0, INFINITY, NAN, 0);
    binary(&c, FL_BINARY_FLOOR_MOD, y, FLOATS(1, -5, -4, INFINITY, 1, 5, -5, 5),
           FLOATS(0.1f, INFINITY, 2, 2, 0, -3, 3, -INFINITY));
    op_expect(y, 0.09999999f, INFINITY, 0, NAN, NAN, -1, 1, -INFINITY);
    binary(&c, FL_BINARY_POW, y, FLOATS(0, -8, 2, -1, 1, NAN, 0, 2), FLOATS(0, 1 / 3.0f, -1, INFINITY, NAN, 0, -1, 10));
    op_expect(y, 1, NAN, 0.5f, 1, 1, 1, INFINITY, 1024);
    binary(&c, FL_BINARY_DIV, y, FLOATS(1, -1, 0, 6, 1, 1, NAN, 0), FLOATS(0, 0, 0, 4, INFINITY, -0.0f, 1, 5));
    op_expect(y, INFINITY, -INFINITY, NAN, 1.5f, 0, -INFINITY, NAN, 0);
}

static void binary_broadcasts_and_activates(void **state)
{
    op_case c;
    float y[12];
    (void)state;
    op_begin(&c, FL_OP_BINARY, "f32[2,1,3] f32[2,1]");
    c.d.p.binary = (fl_binary_params){FL_BINARY_SUB, FL_UNARY_RELU, 0};
    op_run(&c, y, FLOATS(1, 2, 3, 10, 20, 30), FLOATS(2, -1));
    op_expect(y, 0, 0, 1, 2, 3, 4, 8, 18, 28, 11, 21, 31);
    op_inputs(&c, "f32[] f32[2,2]");
    c.d.p.binary = (fl_binary_params){FL_BINARY_MUL, 0, 0};
    op_run(&c, y, FLOATS(3), FLOATS(1, 2, 3, 4));
    op_expect(y, 3, 6, 9, 12);
    op_inputs(&c, "f32[0,3] f32[3]");
    op_run(&c, NULL, NULL, FLOATS(1, 2, 3));
    op_inputs(&c, "f32[1] f32[2,0]");
    op_run(&c, NULL, FLOATS(1), NULL);
}

static void comparisons_with_nan_are_false(void **state)
{
    static const struct {
        int     func;
        uint8_t y[4];
    } rows[] = {{FL_BINARY_EQUAL, {0, 1, 0, 0}}, {FL_BINARY_NOT_EQUAL, {1, 0, 1, 1}}, {FL_BINARY_LESS, {1, 0, 0, 0}},
                {FL_BINARY_LESS_EQUAL, {1, 1, 0, 0}}, {FL_BINARY_GREATER, {0, 0, 1, 0}},
                {FL_BINARY_GREATER_EQUAL, {0, 1, 1, 0}}};
    op_case c;
    uint8_t y[4];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        op_begin(&c, FL_OP_BINARY, "f32[4] f32[4]");
        c.d.p.binary.func = rows[i].func;
        op_run(&c, y, FLOATS(1, 2, 3, NAN), FLOATS(2, 2, 2, NAN));
        assert_memory_equal(y, rows[i].y, 4);
    }
}

/* ---- reductions */

static void reduce_over_one_some_all_and_no_axes(void **state)
{
    static const float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; /* [2,3,2] */
    op_case c;
    float y[12];
    (void)state;
    op_begin(&c, FL_OP_REDUCE, "f32[2,3,2]");
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_SUM, 2, 0};
    op_run(&c, y, x);
    op_expect(y, 9, 12, 27, 30);
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_MEAN, 5, 1};
    op_run(&c, y, x);
    op_expect(y, 4.5f, 6.5f, 8.5f);
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_PROD, 4, 0};
    op_run(&c, y, x);
    op_expect(y, 2, 12, 30, 56, 90, 132);
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_MIN, 7, 0};
    op_run(&c, y, x);
    op_expect(y, 1);
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_MEAN, 0, 0};
    op_run(&c, y, x);
    op_near(y, x, 12);
    op_inputs(&c, "f32[]");
    op_run(&c, y, x);
    op_expect(y, 1);
}

static void reduce_of_nothing_and_of_nan(void **state)
{
    static const float empty[FL_REDUCE_COUNT] = {0, 1, -INFINITY, INFINITY, NAN}; /* sum prod max min mean */
    static const float with_nan[FL_REDUCE_COUNT] = {NAN, NAN, NAN, NAN, NAN};
    op_case c;
    float y[2];
    (void)state;
    for (int func = 0; func < FL_REDUCE_COUNT; func++) {
        op_begin(&c, FL_OP_REDUCE, "f32[0,2]");
        c.d.p.reduce = (fl_reduce_params){func, 1, 0};
        op_run(&c, y, NULL);
        op_near(y, &empty[func], 1);
        op_near(y + 1, &empty[func], 1);
        op_inputs(&c, "f32[4]");
        op_run(&c, y, FLOATS(1, NAN, 3, 2));
        op_near(y, &with_nan[func], 1);
        op_inputs(&c, "f32[3,0]");
        op_run(&c, NULL, NULL); /* nothing to nothing */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_same_with_stride_and_with_dilation),
        cmocka_unit_test(conv2d_adds_bias_and_residual_before_the_activation),
        cmocka_unit_test(conv2d_in_groups_sees_only_its_channels),
        cmocka_unit_test(conv2d_in_nchw_is_the_transposed_one),
        cmocka_unit_test(conv2d_over_pads_alone_gives_the_bias),
        cmocka_unit_test(depthwise_orders_output_channels_by_input_channel),
        cmocka_unit_test(conv2d_transpose_scatters_into_the_requested_size),
        cmocka_unit_test(conv2d_transpose_is_the_adjoint_of_conv2d),
        cmocka_unit_test(pool2d_averages_only_cells_inside),
        cmocka_unit_test(pool2d_maximum_starts_from_the_lowest_float),
        cmocka_unit_test(matmul_transposes_either_side),
        cmocka_unit_test(matmul_over_nothing_is_zero),
        cmocka_unit_test(batch_norm_training_measures_the_batch),
        cmocka_unit_test(batch_norm_training_blends_with_a_factor),
        cmocka_unit_test(batch_norm_inference_uses_and_copies_the_statistics),
        cmocka_unit_test(softmax_works_along_any_axis),
        cmocka_unit_test(unary_edge_cases_are_tensorflows),
        cmocka_unit_test(binary_edge_cases_are_tensorflows),
        cmocka_unit_test(binary_broadcasts_and_activates),
        cmocka_unit_test(comparisons_with_nan_are_false),
        cmocka_unit_test(reduce_over_one_some_all_and_no_axes),
        cmocka_unit_test(reduce_of_nothing_and_of_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
