/* test_optimizer_scale.c - factors and terms go into the weights behind them: what is folded, what stays, and that random
 * networks compute the same before and after.
 *
 * FLOE_TEST_SEED repeats a run of the random networks.
 */
#include "net_case.h"

#define PICTURE     4, ((const int64_t[]){-1, 7, 6, 4})
#define CHANNELS(n) 1, ((const int64_t[]){n})

static fl_tensor *picture(fl_network *n) { return nc_input(n, "x", PICTURE); }

typedef struct shape {
    fl_op_kind op;
    fl_format  format;
    int        pad, groups, size, stride;
} shape;

/* A convolution of so many outputs; pad on all sides. */
static fl_tensor *conv(fl_network *n, fl_tensor *x, const shape *s, int64_t outputs, bool bias)
{
    const int h = s->format == FL_NHWC ? 1 : 2;
    const int64_t c = x->desc.dim[s->format == FL_NHWC ? 3 : 1];
    fl_op_params p = {.conv = {.stride = {s->stride, s->stride}, .dilation = {1, 1}, .groups = s->groups,
                               .pad = {s->pad, s->pad, s->pad, s->pad}, .format = s->format}};
    int64_t filter[4] = {s->size, s->size, c / s->groups, outputs}, channels = outputs;
    if (s->op == FL_OP_DEPTHWISE_CONV2D)
        channels = outputs * c;
    if (s->op == FL_OP_CONV2D_TRANSPOSE) {
        filter[2] = outputs;
        filter[3] = c;
        for (int i = 0; i < 2; i++)
            p.conv.output[i] = (x->desc.dim[h + i] - 1) * s->stride + s->size - 2 * s->pad;
    }
    fl_tensor *in[3] = {x, nc_values(n, 4, filter), bias ? nc_values(n, 1, &channels) : NULL};
    return nc_layer(n, s->op, &p, 3, in);
}

static void with_conv(fl_network *n, fl_tensor *x, fl_op_kind op, int pad)
{
    nc_output(n, conv(n, x, &(shape){op, FL_NHWC, pad, 1, 3, 1}, 2, false), "y");
}

static fl_tensor *normalized(fl_network *n, fl_tensor *x)
{
    x = nc_binary(n, x, nc_scalar(n, 127.5f), FL_BINARY_DIV);
    return nc_binary(n, x, nc_scalar(n, 1), FL_BINARY_SUB);
}

static void inside(fl_network *n) { with_conv(n, normalized(n, picture(n)), FL_OP_CONV2D, 0); }
static void at_borders(fl_network *n) { with_conv(n, normalized(n, picture(n)), FL_OP_CONV2D, 1); }
static void term_at_borders(fl_network *n)
{
    with_conv(n, nc_binary(n, picture(n), nc_scalar(n, 2), FL_BINARY_ADD), FL_OP_CONV2D, 1);
}
static void term_before_transposed(fl_network *n)
{
    with_conv(n, nc_binary(n, picture(n), nc_scalar(n, 2), FL_BINARY_ADD), FL_OP_CONV2D_TRANSPOSE, 0);
}
static void zero_factor(fl_network *n)
{
    fl_tensor *x = nc_binary(n, picture(n), nc_scalar(n, 0), FL_BINARY_MUL);
    with_conv(n, nc_binary(n, x, nc_scalar(n, 1), FL_BINARY_ADD), FL_OP_CONV2D, 1);
}
static void long_chain(fl_network *n)
{
    fl_tensor *x = nc_binary(n, nc_values(n, CHANNELS(4)), picture(n), FL_BINARY_MUL);
    x = normalized(n, nc_binary(n, x, nc_values(n, 3, (int64_t[]){1, 1, 4}), FL_BINARY_ADD));
    with_conv(n, nc_binary(n, x, nc_values(n, CHANNELS(4)), FL_BINARY_DIV), FL_OP_DEPTHWISE_CONV2D, 0);
}
/* NCHW x with a factor by channel, then NHWC. */
static void through_a_transpose(fl_network *n)
{
    fl_tensor *x = nc_input(n, "x", 4, (int64_t[]){-1, 4, 7, 6});
    x = nc_binary(n, x, nc_values(n, 3, (int64_t[]){4, 1, 1}), FL_BINARY_MUL);
    with_conv(n, nc_transpose(n, x, 0, 2, 3, 1), FL_OP_CONV2D, 1);
}
static void along_width(fl_network *n)
{
    with_conv(n, nc_binary(n, picture(n), nc_values(n, 2, (int64_t[]){6, 1}), FL_BINARY_MUL), FL_OP_CONV2D, 0);
}
static void constant_less_x(fl_network *n)
{
    with_conv(n, nc_binary(n, nc_scalar(n, 1), picture(n), FL_BINARY_SUB), FL_OP_CONV2D, 0);
}
static void read_twice(fl_network *n)
{
    fl_tensor *x = nc_binary(n, picture(n), nc_scalar(n, 3), FL_BINARY_MUL);
    with_conv(n, x, FL_OP_CONV2D, 0);
    nc_output(n, x, "z");
}
static void computed_filter(fl_network *n)
{
    fl_tensor *x = nc_binary(n, picture(n), nc_scalar(n, 3), FL_BINARY_MUL);
    fl_tensor *filter = nc_input(n, "filter", 4, (int64_t[]){3, 3, 4, 2});
    const fl_op_params p = {.conv = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1}};
    nc_output(n, nc_layer(n, FL_OP_CONV2D, &p, 2, (fl_tensor *[]){x, filter}), "y");
}
static void behind_an_activation(fl_network *n)
{
    fl_tensor *x = nc_unary(n, nc_binary(n, picture(n), nc_scalar(n, 3), FL_BINARY_MUL), FL_UNARY_TANH);
    with_conv(n, x, FL_OP_CONV2D, 0);
}
static void turned_product(fl_network *n)
{
    fl_tensor *x = nc_binary(n, nc_input(n, "x", 2, (int64_t[]){5, 3}), nc_values(n, CHANNELS(3)), FL_BINARY_MUL);
    nc_output(n,
              nc_layer(n, FL_OP_MATMUL, &(fl_op_params){.matmul = {.transpose_a = 1}}, 2,
                       (fl_tensor *[]){x, nc_values(n, 2, (int64_t[]){5, 2})}),
              "y");
}

static const nc_rewrite rewrites[] = {
    {"scale_and_shift_go_into_conv", inside, "fold-scale", "div sub conv2d", "conv2d"},
    {"before_padding_the_shift_stays", at_borders, "fold-scale", "div sub conv2d", "add conv2d"},
    {"a_shift_before_padding_stays", term_at_borders, "fold-scale", "add conv2d", "add conv2d"},
    {"a_shift_before_a_transposed_conv_stays", term_before_transposed, "fold-scale", "add conv2d_transpose",
     "add conv2d_transpose"},
    {"no_shift_is_divided_by_zero", zero_factor, "fold-scale", "mul add conv2d", "mul add conv2d"},
    {"a_long_chain_goes_into_depthwise", long_chain, "fold-scale", "mul add div sub div depthwise_conv2d",
     "depthwise_conv2d"},
    {"a_scale_goes_through_a_transpose", through_a_transpose, "fold-scale", "mul transpose conv2d",
     "transpose conv2d"},
    {"a_factor_along_width_stays", along_width, "fold-scale", "mul conv2d", "mul conv2d"},
    {"a_constant_less_x_stays", constant_less_x, "fold-scale", "sub conv2d", "sub conv2d"},
    {"a_scale_with_another_reader_stays", read_twice, "fold-scale", "mul conv2d", "mul conv2d"},
    {"a_filter_from_data_stays", computed_filter, "fold-scale", "mul conv2d", "mul conv2d"},
    {"an_activation_stops_it", behind_an_activation, "fold-scale", "mul tanh conv2d", "mul tanh conv2d"},
    {"a_product_along_the_rows_stays", turned_product, "fold-scale", "mul matmul", "mul matmul"},
};

/* ---- random networks: a chain of factors and terms, then a layer with weights */

static uint32_t state;

static int pick(int low, int high)
{
    state = state * 1664525u + 1013904223u;
    return low + (int)((state >> 8) % (uint32_t)(high - low + 1));
}

static fl_tensor *random_chain(fl_network *n, fl_tensor *x, int axis)
{
    static const int funcs[] = {FL_BINARY_ADD, FL_BINARY_SUB, FL_BINARY_MUL, FL_BINARY_DIV};
    for (int left = pick(1, 4); left > 0; left--) {
        const int func = funcs[pick(0, 3)], rank = x->desc.rank - axis;
        int64_t dim[FL_MAX_RANK] = {x->desc.dim[axis], 1, 1, 1};
        fl_tensor *c = pick(0, 1) ? nc_values(n, rank, dim) : nc_scalar(n, (float)pick(1, 9) / 4);
        const bool first = (func == FL_BINARY_ADD || func == FL_BINARY_MUL) && pick(0, 1);
        x = first ? nc_binary(n, c, x, func) : nc_binary(n, x, c, func);
    }
    return x;
}

static void random_network(fl_network *n)
{
    static const fl_op_kind ops[] = {FL_OP_CONV2D, FL_OP_DEPTHWISE_CONV2D, FL_OP_CONV2D_TRANSPOSE, FL_OP_MATMUL};
    const fl_op_kind op = ops[pick(0, 3)];
    if (op == FL_OP_MATMUL) {
        fl_tensor *x = random_chain(n, nc_input(n, "x", 2, (int64_t[]){-1, pick(1, 20)}), 1);
        nc_output(n, nc_matmul(n, x, pick(0, 1), pick(1, 9)), "y");
        return;
    }
    const fl_format format = pick(0, 1) ? FL_NHWC : FL_NCHW;
    const int groups = op == FL_OP_CONV2D ? pick(1, 3) : 1, size = pick(1, 3);
    const int64_t c = groups * pick(1, 4), h = pick(4, 7), w = pick(4, 7);
    const shape s = {op, format, size > 1 && pick(0, 1), groups, size, pick(1, 2)};
    fl_tensor *x = format == FL_NHWC ? nc_input(n, "x", 4, (int64_t[]){-1, h, w, c})
                                     : nc_input(n, "x", 4, (int64_t[]){-1, c, h, w});
    x = random_chain(n, x, format == FL_NHWC ? 3 : 1);
    nc_output(n, conv(n, x, &s, groups * pick(1, 3), pick(0, 1)), "y");
}

static void random_networks_compute_the_same(void **unused)
{
    const char *text = getenv("FLOE_TEST_SEED");
    const uint32_t seed = text ? (uint32_t)strtoul(text, NULL, 10) : 20261124u;
    size_t gone = 0;
    (void)unused;
    print_message("seed %u\n", seed);
    for (uint32_t i = 0; i < 400; i++) {
        state = seed + i * 2654435761u;
        fl_network *plain = nc_new(random_network);
        state = seed + i * 2654435761u;
        fl_network *done = nc_new(random_network);
        const size_t before = done->n_layers;
        nc_optimize(done, i % 2 ? "fold-scale" : NULL, NULL);
        gone += before > done->n_layers;
        nc_same(done, plain);
        fl_net_free(plain);
        fl_net_free(done);
    }
    assert_true(gone > 200);
}

int main(void)
{
    const struct CMUnitTest random[] = {cmocka_unit_test(random_networks_compute_the_same)};
    return nc_run_rewrites("test_optimizer_scale", rewrites, sizeof rewrites / sizeof *rewrites) +
           cmocka_run_group_tests(random, NULL, NULL);
}
