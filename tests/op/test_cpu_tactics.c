/* test_cpu_tactics.c - the CPU tactics of convolutions and matrix products on random problems (tactic_case.h): odd sizes,
 * strides, dilation, groups, pads, batches, absent and present, constant and computed bias, filter and residual, all
 * activations.
 *
 * Tolerance: the reference sums in double and rounds once. A float chain of K terms is off by about sqrt(K) * 2^-24 of
 * the sum of magnitudes; with K < 2000 here and inputs of both signs that is below 3e-6 of the largest result, and 1e-5
 * leaves room for activations.
 */
#define PROBLEMS 150
#include "tactic_case.h"

/* ---- one problem */

static void add_part(problem *p, int slot, bool present, bool constant, int rank, const int64_t *dim)
{
    if (!present)
        return;
    add_input(p, slot, FL_F32, rank, dim);
    p->c.in[slot].constant = constant;
}

/* The filter as trained ones are: sums stay around 1 however long they are, and activations do not saturate (behind a
 * tanh an error that was small against the sum is not small against 1). */
static void add_filter(problem *p, int percent_constant, int rank, const int64_t *dim, int64_t terms)
{
    add_part(p, FL_SLOT_WEIGHTS, true, chance(percent_constant), rank, dim);
    for (size_t i = 0; i < count(p, FL_SLOT_WEIGHTS); i++)
        floats(p, FL_SLOT_WEIGHTS)[i] *= 2 / sqrtf((float)terms);
}

/* With a bias and a residual, or without. */
static bool finish_linear(problem *p, int64_t channels)
{
    add_part(p, FL_SLOT_BIAS, chance(70), chance(80), 1, &channels);
    if (fl_op_infer(&p->c.d, &p->c.err) != FLOE_OK)
        return false;
    add_part(p, FL_SLOT_RESIDUAL, chance(40), chance(10), p->c.out[0].rank, p->c.out[0].dim);
    if (!finish(p))
        return false;
    for (size_t i = 0; i < bytes_of(&p->c.out[0]) / sizeof(float); i++)
        p->absolute = fmax(p->absolute, 1e-5 * fabs((double)((float *)(void *)p->want[0])[i]));
    return true;
}

/* ---- random problems */

static void pick_act(int32_t *act, float *alpha)
{
    *act = chance(40) ? FL_UNARY_NONE : chance(10) ? FL_UNARY_SILU : (int32_t)pick(FL_UNARY_NONE, FL_UNARY_SOFTSIGN);
    *alpha = 0.1f;
}

static void pick_window(fl_conv_params *p, const int64_t *x, const int64_t *filter)
{
    for (int i = 0; i < 2; i++) {
        p->stride[i] = (int32_t)(chance(50) ? 1 : pick(1, 3));
        p->dilation[i] = (int32_t)(chance(70) ? 1 : pick(1, 3));
        const int64_t reach = (filter[i] - 1) * p->dilation[i];
        const bool same = chance(50);
        if (same)
            fl_same_padding(x[1 + i], filter[i], p->stride[i], p->dilation[i], &p->pad[2 * i], &p->pad[2 * i + 1]);
        else
            for (int k = 0; k < 2; k++)
                p->pad[2 * i + k] = (int32_t)(chance(50) ? 0 : pick(0, reach + 1));
    }
}

/* Sizes that straddle the tiles' edges. */
static int64_t pick_channels(void)
{
    static const int64_t edges[] = {1, 2, 3, 4, 8, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 130};

    return chance(60) ? edges[pick(0, (int64_t)(sizeof edges / sizeof edges[0]) - 1)] : pick(1, 70);
}

static bool random_conv2d(problem *p)
{
    const bool winograd = chance(20), groups = !winograd && chance(20);
    const int64_t g = groups ? pick(2, 4) : 1;
    const int64_t cin = groups ? pick(1, 20) : winograd ? pick(16, 140) : chance(25) ? pick(1, 4) : pick_channels();
    const int64_t cout = groups ? pick(1, 20) : winograd ? pick(16, 140) : pick_channels();
    const int64_t size = winograd || chance(70) ? 3 : 1;
    const int64_t filter[4] = {winograd || chance(60) ? size : pick(1, 7), winograd || chance(60) ? size : pick(1, 7),
                               cin, cout * g};
    const int64_t x[4] = {pick(1, 3), pick(1, 24), pick(1, 24), cin * g};
    fl_conv_params *c = &p->c.d.p.conv;

    begin(p, FL_OP_CONV2D, 4);
    pick_window(c, x, filter);
    for (int i = 0; i < 2 && winograd; i++)
        c->stride[i] = c->dilation[i] = 1;
    pick_act(&c->act, &c->alpha);
    c->groups = (int32_t)g;
    add_part(p, FL_SLOT_X, true, false, 4, x);
    add_filter(p, 85, 4, filter, filter[0] * filter[1] * filter[2]);
    return finish_linear(p, filter[3]);
}

static bool random_depthwise(problem *p)
{
    const bool mobile = chance(60); /* the shapes of networks, which have kernels of their own */
    const int64_t size = mobile || chance(50) ? 3 + 2 * pick(0, 1) : pick(1, 7);
    const int64_t filter[4] = {size, mobile || chance(50) ? size : pick(1, 7), pick_channels(),
                               mobile ? 1 : pick(1, 4)};
    const int64_t x[4] = {pick(1, 3), pick(1, 24), pick(1, 24), filter[2]};
    fl_conv_params *c = &p->c.d.p.conv;

    begin(p, FL_OP_DEPTHWISE_CONV2D, 4);
    pick_window(c, x, filter);
    if (mobile) {
        c->dilation[0] = c->dilation[1] = 1;
        c->stride[0] = c->stride[1] = (int32_t)pick(1, 2);
    }
    pick_act(&c->act, &c->alpha);
    c->groups = 1;
    add_part(p, FL_SLOT_X, true, false, 4, x);
    add_filter(p, 85, 4, filter, filter[0] * filter[1]);
    return finish_linear(p, filter[2] * filter[3]);
}

static bool random_conv2d_transpose(problem *p)
{
    const int64_t filter[4] = {pick(1, 5), pick(1, 5), pick_channels(), pick_channels()};
    const int64_t y[4] = {pick(1, 2), pick(1, 20), pick(1, 20), filter[2]};
    int64_t x[4] = {y[0], 0, 0, filter[3]};
    fl_conv_params *c = &p->c.d.p.conv;

    begin(p, FL_OP_CONV2D_TRANSPOSE, 4);
    pick_window(c, y, filter);
    if (chance(10))
        c->stride[pick(0, 1)] = 7; /* phases without taps */
    pick_act(&c->act, &c->alpha);
    c->groups = 1;
    for (int i = 0; i < 2; i++) {
        const int64_t room = y[1 + i] + c->pad[2 * i] + c->pad[2 * i + 1] - (filter[i] - 1) * c->dilation[i] - 1;
        if (room < 0)
            return false;
        x[1 + i] = room / c->stride[i] + 1;
        c->output[i] = y[1 + i];
    }
    add_part(p, FL_SLOT_X, true, false, 4, x);
    add_filter(p, 85, 4, filter, filter[0] * filter[1] * filter[3]);
    return finish_linear(p, filter[2]);
}

static bool random_matmul(problem *p)
{
    const int64_t m = chance(40) ? pick(1, 4) : pick(1, 150), k = chance(20) ? pick(1, 2000) : pick(1, 200);
    const int64_t n = chance(80) ? pick_channels() : pick(1, 300);
    fl_matmul_params *q = &p->c.d.p.matmul;

    begin(p, FL_OP_MATMUL, 4);
    q->transpose_a = chance(30);
    q->transpose_b = chance(40);
    pick_act(&q->act, &q->alpha);
    const int64_t a[2] = {q->transpose_a ? k : m, q->transpose_a ? m : k};
    const int64_t b[2] = {q->transpose_b ? n : k, q->transpose_b ? k : n};
    add_part(p, FL_SLOT_X, true, false, 2, a);
    add_filter(p, 70, 2, b, k);
    return finish_linear(p, n);
}

static void conv2d_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_CONV2D, random_conv2d, 5);
}

static void depthwise_conv2d_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_DEPTHWISE_CONV2D, random_depthwise, 5);
}

static void conv2d_transpose_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_CONV2D_TRANSPOSE, random_conv2d_transpose, 5);
}

static void matmul_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_MATMUL, random_matmul, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_tactics_equal_the_reference),
        cmocka_unit_test(depthwise_conv2d_tactics_equal_the_reference),
        cmocka_unit_test(conv2d_transpose_tactics_equal_the_reference),
        cmocka_unit_test(matmul_tactics_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
