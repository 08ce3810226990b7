/* test_builder_in_place.c - results that take over the memory of an input.
 *
 * A tactic that says out[0] may be the memory of a slot promises nothing about other slots. y = conv(x) + x has x in two
 * slots, and only one of them may be overwritten while the step runs: pixels of x are read long after the first of y.
 * Element-wise operators name all their slots, so x + x may take over x.
 */
#include "builder/builder.h"
#include "runtime/runtime.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

enum { SIDE = 9, CHANNELS = 16, PIXELS = SIDE * SIDE, FLOATS = PIXELS * CHANNELS };

#define CHECK(call)                        \
    do {                                   \
        floe_error e_ = {0};               \
        floe_error *const err = &e_;       \
        if ((call) != FLOE_OK)             \
            fail_msg("%s", e_.message);    \
    } while (0)

static fl_layer *add(fl_network *net, fl_op_kind op, const fl_op_params *p, fl_tensor *const *in, int n_in)
{
    fl_layer *layer = NULL;

    CHECK(fl_net_add_layer(net, &layer, NULL, op, p, in, n_in, err));
    return layer;
}

/* relu(input), then `middle` makes the layer under test from it, then relu again: neither is a binding. */
static void run_between_relus(fl_layer *(*middle)(fl_network *, fl_tensor *), const float *x, float *y, uint64_t *arena)
{
    const int64_t dim[4] = {1, SIDE, SIDE, CHANNELS};
    const fl_tensor_desc desc = fl_tensor_make(FL_F32, 4, dim);
    const fl_op_params relu = {.unary = {.func = FL_UNARY_RELU}};
    const fl_build_options options = {.no_timing = true, .threads = 1};
    fl_network *net = NULL;
    fl_plan *plan = NULL;
    fl_engine *engine = NULL;
    fl_context *context = NULL;
    fl_tensor *t = NULL;

    CHECK(fl_net_create(&net, NULL, err));
    CHECK(fl_net_add_input(net, &t, "x", &desc, err));
    t = add(net, FL_OP_UNARY, &relu, &t, 1)->out[0];
    t = middle(net, t)->out[0];
    t = add(net, FL_OP_UNARY, &relu, &t, 1)->out[0];
    CHECK(fl_net_mark_output(net, "y", t, err));
    CHECK(fl_net_sort(net, err));
    CHECK(fl_build(&plan, NULL, net, &options, err));
    *arena = plan->engines[0].arena_bytes;
    CHECK(fl_engine_create(&engine, NULL, plan, NULL, err));
    CHECK(fl_context_create(&context, engine, 1, err));
    float input[FLOATS];
    memcpy(input, x, sizeof input);
    void *const bindings[2] = {input, y};
    CHECK(fl_context_run(context, 1, bindings, err));
    fl_context_free(context);
    fl_engine_free(engine);
    fl_net_free(net);
}

/* A 3x3 filter that moves the image one pixel down and right. */
static fl_layer *add_shift_plus_self(fl_network *net, fl_tensor *x)
{
    const int64_t dim[4] = {3, 3, CHANNELS, CHANNELS};
    fl_tensor_desc desc = fl_tensor_make(FL_F32, 4, dim);
    static float filter[9 * CHANNELS * CHANNELS];
    const fl_op_params p = {.conv = {.stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}, .groups = 1}};
    fl_tensor *f = NULL;

    for (int c = 0; c < CHANNELS; c++)
        filter[c * CHANNELS + c] = 1;
    desc.constant = true;
    CHECK(fl_net_add_constant(net, &f, "filter", &desc, filter, true, err));
    fl_tensor *const in[4] = {x, f, NULL, x};
    return add(net, FL_OP_CONV2D, &p, in, 4);
}

static void a_convolution_does_not_overwrite_the_image_it_adds(void **state)
{
    float x[FLOATS], y[FLOATS];
    uint64_t arena;

    (void)state;
    for (int i = 0; i < FLOATS; i++)
        x[i] = (float)(i % 97);
    run_between_relus(add_shift_plus_self, x, y, &arena);
    for (int i = 0; i < FLOATS; i++) {
        const int row = i / CHANNELS / SIDE, column = i / CHANNELS % SIDE;
        const float moved = row && column ? x[i - (SIDE + 1) * CHANNELS] : 0;
        assert_true(fabsf(y[i] - (x[i] + moved)) < 1e-3f);
    }
}

static fl_layer *add_sum(fl_network *net, fl_tensor *x)
{
    const fl_op_params p = {.binary = {.func = FL_BINARY_ADD}};
    fl_tensor *const in[2] = {x, x};

    return add(net, FL_OP_BINARY, &p, in, 2);
}

static void a_sum_with_itself_needs_one_buffer(void **state)
{
    float x[FLOATS], y[FLOATS];
    uint64_t arena;

    (void)state;
    for (int i = 0; i < FLOATS; i++)
        x[i] = (float)(i % 97);
    run_between_relus(add_sum, x, y, &arena);
    for (int i = 0; i < FLOATS; i++)
        assert_true(y[i] == 2 * x[i]);
    assert_true(arena <= fl_round_up(sizeof x, FL_ALIGN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_does_not_overwrite_the_image_it_adds),
        cmocka_unit_test(a_sum_with_itself_needs_one_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
