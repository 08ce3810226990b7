/* test_optimizer_layout.c - NCHW networks become NHWC ones with few transposes; every operator that a transpose moves
 * past. */
#include "net_case.h"

#define NCHW 4, ((const int64_t[]){-1, 3, 4, 6})
#define NHWC 4, ((const int64_t[]){-1, 4, 6, 3})

static fl_tensor *nchw(fl_network *n) { return nc_input(n, "x", NCHW); }
/* Seen as NCHW through a transpose, as the layout pass leaves it. */
static fl_tensor *turned(fl_network *n, const char *name)
{
    return nc_transpose(n, nc_input(n, name, NHWC), 0, 3, 1, 2);
}
static fl_tensor *back(fl_network *n, fl_tensor *x) { return nc_transpose(n, x, 0, 2, 3, 1); }

/* ---- layout */

static void one_conv(fl_network *n) { nc_output(n, nc_conv(n, nchw(n), FL_OP_CONV2D, FL_NCHW, 2), "y"); }
static void nhwc_conv(fl_network *n)
{
    nc_output(n, nc_conv(n, nc_input(n, "x", NHWC), FL_OP_CONV2D, FL_NHWC, 2), "y");
}

static void all_windows(fl_network *n)
{
    fl_tensor *x = nchw(n);
    x = nc_conv(n, x, FL_OP_DEPTHWISE_CONV2D, FL_NCHW, 2);
    x = nc_conv(n, x, FL_OP_CONV2D_TRANSPOSE, FL_NCHW, 3);
    nc_output(n, nc_pool(n, x, FL_NCHW), "y");
}

/* A classifier as the walkthrough's: conv, bias, norm, relu, a residual block, pool, mean, dense, softmax. */
static void classifier(fl_network *n)
{
    fl_tensor *x = nc_conv(n, nchw(n), FL_OP_CONV2D, FL_NCHW, 8);
    x = nc_binary(n, x, nc_values(n, 3, (int64_t[]){8, 1, 1}), FL_BINARY_ADD);
    x = nc_unary(n, nc_norm(n, x, 1, false), FL_UNARY_RELU);
    fl_tensor *y = nc_unary(n, nc_norm(n, nc_conv(n, x, FL_OP_CONV2D, FL_NCHW, 8), 1, false), FL_UNARY_RELU);
    y = nc_norm(n, nc_conv(n, y, FL_OP_CONV2D, FL_NCHW, 8), 1, false);
    x = nc_unary(n, nc_binary(n, x, y, FL_BINARY_ADD), FL_UNARY_RELU);
    x = nc_pool(n, x, FL_NCHW);
    x = nc_one(n, FL_OP_REDUCE, x, &(fl_op_params){.reduce = {.func = FL_REDUCE_MEAN, .axes = 1 << 2 | 1 << 3}});
    x = nc_binary(n, nc_matmul(n, x, false, 5), nc_values(n, 1, (int64_t[]){5}), FL_BINARY_ADD);
    nc_output(n, nc_one(n, FL_OP_SOFTMAX, x, &(fl_op_params){.axis = {.axis = 1}}), "y");
}

/* Everything a transpose can meet between two convolutions. */
static void obstacles(fl_network *n)
{
    fl_tensor *a = nc_conv(n, nchw(n), FL_OP_CONV2D, FL_NCHW, 4), *b;
    a = nc_binary(n, a, nc_values(n, 3, (int64_t[]){4, 1, 1}), FL_BINARY_MUL);    /* per channel */
    a = nc_binary(n, nc_values(n, 4, (int64_t[]){1, 4, 4, 6}), a, FL_BINARY_MAX); /* per cell */
    a = nc_binary(n, a, nc_values(n, 1, (int64_t[]){6}), FL_BINARY_SUB);          /* along the width */
    a = nc_norm(n, nc_unary(n, a, FL_UNARY_EXP), 1, true);
    b = nc_pad(n, nc_unary(n, a, FL_UNARY_NEG), FL_NCHW, 0.5f); /* 7 x 7 */
    b = nc_one(n, FL_OP_SLICE, b,
               &(fl_op_params){.slice = {.begin = {0, 0, 2, 0}, .stride = {1, 1, 1, 1}, .size = {-1, 4, 4, 6}}});
    b = nc_layer(n, FL_OP_CONCAT, &(fl_op_params){.axis = {.axis = 1}}, 2, (fl_tensor *[]){a, b});
    b = nc_one(n, FL_OP_SOFTMAX, b, &(fl_op_params){.axis = {.axis = 1}});
    a = nc_one(n, FL_OP_REDUCE, b,
               &(fl_op_params){.reduce = {.func = FL_REDUCE_MAX, .axes = 1 << 2 | 1 << 3, .keep_dims = 1}});
    a = nc_binary(n, b, nc_unary(n, a, FL_UNARY_SIGMOID), FL_BINARY_MUL); /* a gate a channel */
    nc_output(n, nc_conv(n, a, FL_OP_CONV2D, FL_NCHW, 2), "y");
}

/* ---- transposes by themselves */

static void two_that_cancel(fl_network *n)
{
    nc_output(n, nc_unary(n, back(n, nc_transpose(n, nc_input(n, "x", NHWC), 0, 3, 1, 2)), FL_UNARY_EXP), "y");
}
static void two_that_do_not(fl_network *n)
{
    fl_tensor *x = nc_transpose(n, nc_input(n, "x", NHWC), 0, 3, 1, 2);
    nc_output(n, nc_transpose(n, x, 1, 0, 2, 3), "y");
}
static void of_ones(fl_network *n)
{
    nc_output(n, nc_transpose(n, nc_input(n, "x", 4, (int64_t[]){-1, 1, 1, 5}), 0, 3, 1, 2), "y");
}
static void past_unary(fl_network *n) { nc_output(n, back(n, nc_unary(n, turned(n, "x"), FL_UNARY_EXP)), "y"); }
static void past_sum(fl_network *n)
{
    nc_output(n, back(n, nc_binary(n, turned(n, "a"), turned(n, "b"), FL_BINARY_ADD)), "y");
}
static void past_comparison(fl_network *n)
{
    fl_tensor *a = turned(n, "a"), *b = turned(n, "b"), *less = nc_binary(n, a, b, FL_BINARY_LESS);
    nc_output(n, back(n, nc_layer(n, FL_OP_SELECT, NULL, 3, (fl_tensor *[]){less, a, b})), "y");
}
static void past_cast(fl_network *n)
{
    nc_output(n, back(n, nc_one(n, FL_OP_CAST, turned(n, "x"), &(fl_op_params){.dtype = {.dtype = FL_I32}})), "y");
}
static void past_concat(fl_network *n)
{
    nc_output(n,
              back(n, nc_layer(n, FL_OP_CONCAT, &(fl_op_params){.axis = {.axis = 1}}, 2,
                               (fl_tensor *[]){turned(n, "a"), turned(n, "b")})),
              "y");
}
static void past_reduce(fl_network *n)
{
    nc_output(n,
              nc_one(n, FL_OP_REDUCE, turned(n, "x"),
                     &(fl_op_params){.reduce = {.func = FL_REDUCE_SUM, .axes = 1 << 2 | 1 << 3}}),
              "y");
}
static void past_partial_reduce(fl_network *n)
{
    fl_tensor *x =
        nc_one(n, FL_OP_REDUCE, turned(n, "x"), &(fl_op_params){.reduce = {.func = FL_REDUCE_MEAN, .axes = 1 << 1}});
    nc_output(n, x, "y"); /* channels gone: height and width lie as before */
}
static void stopped_by_reshape(fl_network *n)
{
    nc_output(n, nc_reshape(n, turned(n, "x"), 2, (int64_t[]){-1, 72}), "y");
}
static void stopped_by_other_order(fl_network *n)
{
    fl_tensor *a = turned(n, "a"), *b = nc_transpose(n, nc_input(n, "b", 4, (int64_t[]){-1, 3, 6, 4}), 0, 1, 3, 2);
    nc_output(n, nc_binary(n, a, b, FL_BINARY_ADD), "y");
}
static void stopped_by_plain_data(fl_network *n)
{
    nc_output(n, nc_binary(n, turned(n, "a"), nchw(n), FL_BINARY_ADD), "y");
}

static void read_as_it_is_too(fl_network *n)
{
    fl_tensor *t = turned(n, "x");
    nc_output(n, back(n, nc_unary(n, t, FL_UNARY_EXP)), "y");
    nc_output(n, t, "z");
}

static const nc_rewrite rewrites[] = {
    {"a_conv_is_put_between_transposes", one_conv, "layout", "conv2d", "transpose conv2d transpose"},
    {"an_nhwc_conv_stays", nhwc_conv, "layout", "conv2d", "conv2d"},
    {"windows_share_their_transposes", all_windows, NULL, "depthwise_conv2d conv2d_transpose pool2d",
     "transpose depthwise_conv2d conv2d_transpose pool2d transpose"},
    {"a_classifier_keeps_one_transpose", classifier, NULL,
     "conv2d add batch_norm relu conv2d batch_norm relu conv2d batch_norm add relu pool2d reduce matmul add softmax",
     "transpose conv2d+relu conv2d+relu conv2d+relu pool2d reduce matmul softmax"},
    {"transposes_move_past_everything_between", obstacles, NULL,
     "conv2d mul max sub exp batch_norm neg pad slice concat softmax reduce sigmoid mul conv2d",
     "transpose conv2d max sub exp batch_norm neg pad slice concat softmax reduce sigmoid mul conv2d transpose"},
    {"two_transposes_cancel", two_that_cancel, "transposes", "transpose transpose exp", "exp"},
    {"two_transposes_are_one", two_that_do_not, "transposes", "transpose transpose", "transpose"},
    {"a_transpose_of_ones_is_a_reshape", of_ones, "transposes", "transpose", "reshape"},
    {"past_unary", past_unary, "transposes", "transpose exp transpose", "exp"},
    {"past_sum", past_sum, "transposes", "transpose transpose add transpose", "add"},
    {"past_comparison_and_select", past_comparison, "transposes", "transpose transpose less select transpose",
     "less select"},
    {"past_cast", past_cast, "transposes", "transpose cast transpose", "cast"},
    {"past_concat", past_concat, "transposes", "transpose transpose concat transpose", "concat"},
    {"past_a_full_reduce", past_reduce, "transposes", "transpose reduce", "reduce"},
    {"past_a_partial_reduce", past_partial_reduce, "transposes", "transpose reduce", "reduce"},
    {"a_reshape_stops_it", stopped_by_reshape, "transposes", "transpose reshape", "transpose reshape"},
    {"another_order_stops_it", stopped_by_other_order, "transposes", "transpose transpose add",
     "transpose transpose add"},
    {"data_without_one_stops_it", stopped_by_plain_data, "transposes", "transpose add", "transpose add"},
    {"another_reader_keeps_it", read_as_it_is_too, "transposes", "transpose exp transpose", "transpose exp"},
};

int main(void) { return nc_run_rewrites("test_optimizer_layout", rewrites, sizeof rewrites / sizeof *rewrites); }
