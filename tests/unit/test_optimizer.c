/* test_optimizer.c - the driver of the passes, and dropout, which is the one pass that runs even when the rest is off.
 */
#include "net_case.h"

#define SHAPE 2, ((const int64_t[]){-1, 40})

/* ---- dropout, as TensorFlow wrote it over the years. Between an exp and a neg, so that what is left is "exp neg". */

static fl_tensor *before(fl_network *n) { return nc_unary(n, nc_input(n, "x", SHAPE), FL_UNARY_EXP); }
static void behind(fl_network *n, fl_tensor *x) { nc_output(n, nc_unary(n, x, FL_UNARY_NEG), "y"); }
static void no_dropout(fl_network *n) { behind(n, before(n)); }

/* U(0, 1), drawn as low + U * (high - low) like all of TensorFlow's. */
static fl_tensor *uniform(fl_network *n)
{
    fl_tensor *u = nc_layer(n, FL_OP_RANDOM_UNIFORM, &(fl_op_params){.dims = {.rank = 2, .dim = {-1, 40}}}, 0, NULL);
    u = nc_binary(n, u, nc_binary(n, nc_scalar(n, 1), nc_scalar(n, 0), FL_BINARY_SUB), FL_BINARY_MUL);
    return nc_binary(n, u, nc_scalar(n, 0), FL_BINARY_ADD);
}
static fl_tensor *floor_mask(fl_network *n, fl_tensor *keep)
{
    return nc_unary(n, nc_binary(n, keep, uniform(n), FL_BINARY_ADD), FL_UNARY_FLOOR);
}
static fl_tensor *compared(fl_network *n, fl_tensor *rate)
{
    return nc_binary(n, uniform(n), rate, FL_BINARY_GREATER_EQUAL);
}
static fl_tensor *as_float(fl_network *n, fl_tensor *x)
{
    return nc_one(n, FL_OP_CAST, x, &(fl_op_params){.dtype = {.dtype = FL_F32}});
}

static void until_1_12(fl_network *n)
{
    fl_tensor *x = before(n), *keep = nc_scalar(n, 0.7f);
    x = nc_binary(n, x, keep, FL_BINARY_DIV);
    behind(n, nc_binary(n, x, floor_mask(n, keep), FL_BINARY_MUL));
}
/* keep_prob is fed: division and mask read the same tensor. */
static void with_keep_fed(fl_network *n)
{
    fl_tensor *x = before(n), *keep = nc_one(n, FL_OP_IDENTITY, nc_input(n, "keep_prob", 0, NULL), NULL);
    x = nc_binary(n, x, keep, FL_BINARY_DIV);
    behind(n, nc_binary(n, x, floor_mask(n, keep), FL_BINARY_MUL));
}
/* 1 / (1 - rate) is computed in the graph. */
static void from_1_13(fl_network *n)
{
    fl_tensor *x = before(n), *rate = nc_scalar(n, 0.4f);
    fl_tensor *scale = nc_binary(n, nc_scalar(n, 1), nc_binary(n, nc_scalar(n, 1), rate, FL_BINARY_SUB), FL_BINARY_DIV);
    x = nc_binary(n, x, scale, FL_BINARY_MUL);
    behind(n, nc_binary(n, x, as_float(n, compared(n, rate)), FL_BINARY_MUL));
}
static void mask_first(fl_network *n)
{
    fl_tensor *x = nc_binary(n, nc_scalar(n, 1.25f), before(n), FL_BINARY_MUL);
    behind(n, nc_binary(n, as_float(n, compared(n, nc_scalar(n, 0.2f))), x, FL_BINARY_MUL));
}
static void with_select(fl_network *n)
{
    fl_tensor *x = nc_binary(n, before(n), nc_scalar(n, 2), FL_BINARY_MUL), *mask = compared(n, nc_scalar(n, 0.5f));
    behind(n, nc_layer(n, FL_OP_SELECT, NULL, 3, (fl_tensor *[]){mask, x, nc_scalar(n, 0)}));
}
static void that_drops_nothing(fl_network *n)
{
    behind(n, nc_binary(n, before(n), floor_mask(n, nc_scalar(n, 1)), FL_BINARY_MUL));
}

/* Not dropout: the factor does not make up for the mask; the mask adds; what is not kept is not zero. */
static void wrong_scale(fl_network *n)
{
    fl_tensor *x = nc_binary(n, before(n), nc_scalar(n, 0.5f), FL_BINARY_DIV);
    behind(n, nc_binary(n, x, floor_mask(n, nc_scalar(n, 0.7f)), FL_BINARY_MUL));
}
static void added_noise(fl_network *n) { behind(n, nc_binary(n, before(n), uniform(n), FL_BINARY_ADD)); }
static void other_value(fl_network *n)
{
    fl_tensor *x = nc_binary(n, before(n), nc_scalar(n, 2), FL_BINARY_MUL), *mask = compared(n, nc_scalar(n, 0.5f));
    behind(n, nc_layer(n, FL_OP_SELECT, NULL, 3, (fl_tensor *[]){mask, x, nc_scalar(n, 3)}));
}

static const struct dropout {
    const char *name;
    nc_make make;
    bool goes;
} dropouts[] = {
    {"dropout_until_1_12_goes", until_1_12, true},
    {"dropout_with_keep_prob_fed_goes", with_keep_fed, true},
    {"dropout_from_1_13_goes", from_1_13, true},
    {"dropout_with_the_mask_first_goes", mask_first, true},
    {"dropout_with_select_goes", with_select, true},
    {"dropout_that_drops_nothing_goes", that_drops_nothing, true},
    {"a_mask_with_another_scale_stays", wrong_scale, false},
    {"added_noise_stays", added_noise, false},
    {"a_choice_with_another_value_stays", other_value, false},
};

static void dropout_case(void **state)
{
    const struct dropout *d = *state;
    char text[512];
    fl_network *n = nc_new(d->make), *without = nc_new(no_dropout);
    const fl_opt_options off = {.level = 0};
    floe_error err;
    nc_ok(fl_opt_run_all(n, &off, &err), &err);
    nc_ok(fl_net_verify(n, &err), &err);
    nc_ops(n, text, sizeof text);
    if (!d->goes) {
        assert_non_null(strstr(text, "random_uniform"));
    } else {
        assert_string_equal(text, "exp neg");
        nc_store a = nc_run(n), b = nc_run(without);
        assert_memory_equal(nc_result(n, &a, 0), nc_result(without, &b, 0), NC_BATCH * 40 * sizeof(float));
        nc_store_free(&a);
        nc_store_free(&b);
    }
    fl_net_free(n);
    fl_net_free(without);
}

/* ---- the driver */

static void mixed_network(fl_network *n)
{
    fl_tensor *x = nc_pad(n, nc_input(n, "x", 4, (int64_t[]){-1, 3, 5, 6}), FL_NCHW, 0);
    fl_tensor *y = nc_conv(n, x, FL_OP_CONV2D, FL_NCHW, 4);
    y = nc_norm(n, nc_binary(n, y, nc_values(n, 3, (int64_t[]){4, 1, 1}), FL_BINARY_ADD), 1, false);
    fl_tensor *z = nc_conv(n, x, FL_OP_CONV2D, FL_NCHW, 4);
    y = nc_binary(n, nc_binary(n, y, z, FL_BINARY_ADD), nc_scalar(n, 0), FL_BINARY_MAX);
    y = nc_binary(n, nc_pool(n, y, FL_NCHW), nc_values(n, 3, (int64_t[]){4, 1, 1}), FL_BINARY_MUL);
    y = nc_unary(n, nc_conv(n, y, FL_OP_CONV2D, FL_NCHW, 4), FL_UNARY_RELU);
    y = nc_one(n, FL_OP_IDENTITY, y, NULL);
    y = nc_binary(n, y, nc_values(n, 3, (int64_t[]){4, 1, 1}), FL_BINARY_MUL);
    y = nc_binary(n, y, nc_unary(n, nc_values(n, 3, (int64_t[]){4, 1, 1}), FL_UNARY_EXP), FL_BINARY_ADD);
    nc_unary(n, y, FL_UNARY_EXP); /* dead */
    nc_output(n, nc_unary(n, y, FL_UNARY_TANH), "y");
}

static void every_pass_can_be_left_out(void **state)
{
    size_t count;
    const fl_opt_pass *passes = fl_opt_passes(&count);
    char all[512], text[512];
    (void)state;
    fl_network *plain = nc_new(mixed_network), *done = nc_new(mixed_network);
    nc_optimize(done, NULL, NULL);
    nc_ops(done, all, sizeof all);
    assert_string_equal(all, "transpose conv2d conv2d+relu pool2d conv2d+relu batch_norm+tanh transpose");
    nc_same(done, plain);
    for (size_t i = 0; i < count; i++) {
        fl_network *n = nc_new(mixed_network);
        nc_optimize(n, NULL, passes[i].name);
        nc_ops(n, text, sizeof text);
        /* Each that may be left out does something here. The transposes pass tidies up behind itself with two others.
         */
        if (!passes[i].required && strcmp(passes[i].name, "identities") &&
            !strcmp(text, all))
            fail_msg("left out, %s is not missed", passes[i].name);
        nc_same(n, plain);
        fl_net_free(n);
    }
    fl_net_free(plain);
    fl_net_free(done);
}

static void level_0_leaves_the_network_alone(void **state)
{
    const fl_opt_options off = {.level = 0};
    char text[512];
    floe_error err;
    (void)state;
    fl_network *n = nc_new(mixed_network);
    nc_ok(fl_opt_run_all(n, &off, &err), &err);
    assert_string_equal(nc_ops(n, text, sizeof text),
                        "pad conv2d add batch_norm conv2d add max pool2d mul conv2d relu identity mul exp add tanh");
    fl_net_free(n);
}

static void an_unknown_pass_is_refused_with_the_nearest(void **state)
{
    const char *wrong[] = {"fold-batch-norm"};
    const fl_opt_options skip_it = {.level = 1, .skip = wrong, .n_skip = 1},
                         dump_it = {.level = 1, .dump_after = wrong, .n_dump = 1};
    floe_error err;
    (void)state;
    fl_network *n = nc_new(mixed_network);
    assert_int_equal(fl_opt_run_all(n, &skip_it, &err), FLOE_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "fold-batchnorm"));
    assert_int_equal(fl_opt_run_all(n, &dump_it, &err), FLOE_ERR_ARGUMENT);
    fl_net_free(n);
}

typedef struct dumps {
    int count;
    char last[64];
} dumps;

static void on_dump(void *user, const char *pass, const char *text)
{
    dumps *d = user;
    d->count++;
    snprintf(d->last, sizeof d->last, "%s", pass);
    assert_non_null(strstr(text, "input x f32[N,3,5,6]"));
    assert_non_null(strstr(text, "output y = "));
}

static void networks_are_dumped_after_the_passes_named(void **state)
{
    size_t count;
    const char *two[] = {"activations", "transposes"}, *all[] = {"all"};
    dumps d = {0};
    floe_error err;
    const fl_opt_options some = {.level = 1, .dump_after = two, .n_dump = 2, .dump = on_dump, .dump_user = &d};
    const fl_opt_options every = {.level = 1, .dump_after = all, .n_dump = 1, .dump = on_dump, .dump_user = &d};
    (void)state;
    fl_opt_passes(&count);
    fl_network *n = nc_new(mixed_network);
    nc_ok(fl_opt_run_all(n, &some, &err), &err);
    assert_int_equal(d.count, 2);
    assert_string_equal(d.last, "transposes");
    nc_ok(fl_opt_run_all(n, &every, &err), &err);
    assert_int_equal(d.count, 2 + (int)count);
    fl_net_free(n);
}

/* What is optimized already stays as it is. */
static void a_second_run_changes_nothing(void **state)
{
    char once[512], twice[512];
    (void)state;
    fl_network *n = nc_new(mixed_network);
    nc_optimize(n, NULL, NULL);
    nc_ops(n, once, sizeof once);
    nc_optimize(n, NULL, NULL);
    assert_string_equal(nc_ops(n, twice, sizeof twice), once);
    fl_net_free(n);
}

int main(void)
{
    enum { N_DROPOUTS = sizeof dropouts / sizeof *dropouts };
    struct CMUnitTest tests[N_DROPOUTS];
    for (size_t i = 0; i < N_DROPOUTS; i++)
        tests[i] = (struct CMUnitTest){dropouts[i].name, dropout_case, NULL, NULL, (void *)&dropouts[i]};
    const struct CMUnitTest driver[] = {
        cmocka_unit_test(every_pass_can_be_left_out),
        cmocka_unit_test(level_0_leaves_the_network_alone),
        cmocka_unit_test(an_unknown_pass_is_refused_with_the_nearest),
        cmocka_unit_test(networks_are_dumped_after_the_passes_named),
        cmocka_unit_test(a_second_run_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) + cmocka_run_group_tests(driver, NULL, NULL);
}
