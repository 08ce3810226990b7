/* test_uff_import.c - UFF nodes become layers: small graphs made in memory, imported, run by the references.
 *
 * The operations themselves are tested against TensorFlow from file to answer (tests/op/test_op_goldens.c); here stands
 * what no TensorFlow graph shows: refusals and their sentences, inputs in place of constants, half precision, odd
 * shapes.
 */
#include "../unit/net_case.h"

#include "uff/uff_import.h"

/* ---- graphs in memory */

static fl_uff_graph *new_graph(void)
{
    fl_uff_graph *g = NULL;
    floe_error err;
    nc_ok(fl_uff_create(&g, NULL, &err), &err);
    g->path = "test.uff";
    return g;
}

static void set(fl_uff_graph *g, const char *id, const char *key, fl_uff_data value)
{
    floe_error err;
    nc_ok(fl_uff_set_field(g, (fl_uff_node *)fl_uff_find(g, id), key, value, &err), &err);
}
static void set_int(fl_uff_graph *g, const char *id, const char *key, int64_t v)
{
    set(g, id, key, (fl_uff_data){.kind = FL_UFF_I, .u.i = v});
}
static void set_text(fl_uff_graph *g, const char *id, const char *key, const char *s)
{
    set(g, id, key, (fl_uff_data){.kind = FL_UFF_S, .count = strlen(s), .u.s = s});
}

/* inputs: names with blanks between them. */
static void add(fl_uff_graph *g, const char *id, const char *operation, const char *inputs)
{
    fl_uff_node *node;
    char copy[256];
    floe_error err;
    nc_ok(fl_uff_add_node(g, &node, id, operation, &err), &err);
    snprintf(copy, sizeof copy, "%s", inputs);
    for (char *save, *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save))
        nc_ok(fl_uff_add_input(g, node, name, 0, &err), &err);
}

static void add_typed(fl_uff_graph *g, const char *id, const char *operation, int64_t dtype, int rank, int64_t *dim)
{
    add(g, id, operation, "");
    set(g, id, "dtype", (fl_uff_data){.kind = FL_UFF_DTYPE, .u.i = dtype});
    set(g, id, "shape", (fl_uff_data){.kind = FL_UFF_I_LIST, .count = (size_t)rank, .u.i_list = dim});
}
static void add_const(fl_uff_graph *g, const char *id, int64_t dtype, int rank, int64_t *dim, const void *data,
                      size_t bytes)
{
    add_typed(g, id, "Const", dtype, rank, dim);
    set(g, id, "values", (fl_uff_data){.kind = FL_UFF_BLOB, .count = bytes, .u.blob = data});
}
static void add_ints(fl_uff_graph *g, const char *id, const int32_t *values, int64_t *count)
{
    add_const(g, id, FL_UFF_INT32, 1, count, values, (size_t)*count * sizeof *values);
}

static floe_status import(fl_network **n, const fl_uff_graph *g, const char *output, const fl_uff_input *inputs,
                          size_t n_inputs, int64_t max_batch, floe_error *err)
{
    const fl_uff_import_options options = {
        .inputs = inputs, .n_inputs = n_inputs, .outputs = &output, .n_outputs = 1, .max_batch = max_batch};
    return fl_uff_import(n, g, &options, err);
}

static fl_network *must_import(const fl_uff_graph *g, const char *output, const fl_uff_input *inputs, size_t n_inputs)
{
    fl_network *n = NULL;
    floe_error err;
    nc_ok(import(&n, g, output, inputs, n_inputs, 1, &err), &err);
    nc_ok(fl_net_verify(n, &err), &err);
    return n;
}

static void refused(const fl_uff_graph *g, const char *output, floe_status status, const char *sentence)
{
    fl_network *n = NULL;
    floe_error err;
    assert_int_equal(import(&n, g, output, NULL, 0, 1, &err), status);
    if (!strstr(err.message, sentence))
        fail_msg("'%s' is not in: %s", sentence, err.message);
    assert_null(n);
}

static void gives(const fl_network *n, const char *desc)
{
    char text[FL_TENSOR_TEXT];
    assert_string_equal(fl_tensor_text(&n->outputs[0].tensor->desc, text, sizeof text), desc);
}

static void done(fl_network *n, fl_uff_graph *g)
{
    fl_net_free(n);
    fl_uff_free(g);
}

/* ---- reshape */

static void reshaped(int rank, int64_t *dim, const int32_t *target, int64_t count, const char *desc)
{
    fl_uff_graph *g = new_graph();
    add_typed(g, "x", "Input", FL_UFF_FLOAT32, rank, dim);
    add_ints(g, "shape", target, &count);
    add(g, "y", "Reshape", "x shape");
    fl_network *n = must_import(g, "y", NULL, 0);
    gives(n, desc);
    done(n, g);
}

static void reshape_finds_the_open_dimension(void **state)
{
    (void)state;
    reshaped(3, (int64_t[]){2, 3, 4}, (int32_t[]){-1, 6}, 2, "f32[4,6]");
    reshaped(3, (int64_t[]){-1, 3, 4}, (int32_t[]){-1, 6}, 2, "f32[2N,6]");
    /* frozen for one item, run for many */
    reshaped(3, (int64_t[]){-1, 3, 4}, (int32_t[]){1, 12}, 2, "f32[N,12]");
    reshaped(3, (int64_t[]){-1, 3, 4}, (int32_t[]){1, -1}, 2, "f32[N,12]");
}

static void reshape_of_nothing_leaves_zeros_out_of_the_count(void **state)
{
    (void)state;
    reshaped(3, (int64_t[]){1, 2, 0}, (int32_t[]){2, 0, -1}, 3, "f32[2,0,1]");
    reshaped(3, (int64_t[]){0, 1, 20}, (int32_t[]){0, -1, 5}, 3, "f32[0,4,5]");
    reshaped(2, (int64_t[]){0, 3}, (int32_t[]){-1, 3}, 2, "f32[0,3]");
}

static void reshape_refuses_what_does_not_fit(void **state)
{
    int64_t dim[] = {2, 3}, count = 2;
    static const int32_t seven[] = {-1, 7}, open[] = {-1, -1}, nothing[] = {0, -1};
    static const struct {
        const int32_t *target;
        floe_status status;
        const char *sentence;
    } cases[] = {{seven, FLOE_ERR_SHAPE, "pieces of 7"},
                 {open, FLOE_ERR_FORMAT, "-1 more than once"},
                 {nothing, FLOE_ERR_SHAPE, "pieces of 0"}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        fl_uff_graph *g = new_graph();
        add_typed(g, "x", "Input", FL_UFF_FLOAT32, 2, dim);
        add_ints(g, "shape", cases[i].target, &count);
        add(g, "y", "Reshape", "x shape");
        refused(g, "y", cases[i].status, cases[i].sentence);
        fl_uff_free(g);
    }
}

/* ---- constants and inputs */

static fl_uff_graph *sum_of_constants(void)
{
    static const float a[] = {1, 2, 3}, b[] = {10, 20, 30};
    static int64_t three[] = {3};
    fl_uff_graph *g = new_graph();
    add_const(g, "a", FL_UFF_FLOAT32, 1, three, a, sizeof a);
    add_const(g, "b", FL_UFF_FLOAT32, 1, three, b, sizeof b);
    add(g, "result", "Binary", "a b");
    set_text(g, "result", "func", "add");
    return g;
}

static void a_graph_without_inputs_is_a_network(void **state)
{
    (void)state;
    fl_uff_graph *g = sum_of_constants();
    fl_network *n = must_import(g, "result", NULL, 0);
    assert_int_equal(n->n_inputs, 0);
    nc_store s = nc_run(n);
    const float *y = nc_result(n, &s, 0);
    assert_true(y[0] == 11 && y[1] == 22 && y[2] == 33);
    nc_store_free(&s);
    nc_optimize(n, NULL, NULL);
    assert_int_equal(n->n_layers, 0);
    done(n, g);
}

static void a_registered_constant_is_an_input(void **state)
{
    (void)state;
    fl_uff_graph *g = sum_of_constants();
    const fl_uff_input input = {.name = "a", .rank = 1, .dim = {3}};
    fl_network *n = must_import(g, "result", &input, 1);
    assert_int_equal(n->n_inputs, 1);
    assert_string_equal(n->inputs[0]->name, "a");
    assert_false(n->outputs[0].tensor->data);
    gives(n, "f32[3]");
    done(n, g);
}

static void a_registered_constant_keeps_its_shape(void **state)
{
    fl_network *n = NULL;
    floe_error err;
    (void)state;
    fl_uff_graph *g = sum_of_constants();
    const fl_uff_input input = {.name = "a", .rank = 1, .dim = {4}};
    assert_int_equal(import(&n, g, "result", &input, 1, 1, &err), FLOE_ERR_SHAPE);
    assert_non_null(strstr(err.message, "[4] does not fit the graph's [3]"));
    fl_uff_free(g);
}

/* ---- flags that were left in */

static void training_flags_get_their_inference_value(void **state)
{
    static const struct {
        const char *id;
        float value;
    } flags[] = {{"isTraining", 0},
                 {"is_training", 0},
                 {"net/keras_learning_phase", 0},
                 {"keep_prob", 1},
                 {"scope/dropout_rate", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        fl_uff_graph *g = new_graph();
        add_typed(g, flags[i].id, "Input", FL_UFF_FLOAT32, 0, NULL);
        add(g, "y", "Identity", flags[i].id);
        fl_network *n = must_import(g, "y", NULL, 0);
        assert_int_equal(n->n_inputs, 0);
        nc_store s = nc_run(n);
        assert_true(*(const float *)nc_result(n, &s, 0) == flags[i].value);
        nc_store_free(&s);
        done(n, g);
    }
}

/* ---- half precision */

static void half_weights_under_float_data_calculate_in_float(void **state)
{
    static const uint16_t w[] = {0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600}; /* 1 to 6 */
    int64_t shape[] = {3, 2}, x_shape[] = {-1, 3};
    (void)state;
    fl_uff_graph *g = new_graph();
    add_typed(g, "x", "Input", FL_UFF_FLOAT32, 2, x_shape);
    add_const(g, "w", FL_UFF_FLOAT16, 2, shape, w, sizeof w);
    add(g, "y", "FullyConnected", "x w");
    fl_network *n = must_import(g, "y", NULL, 0);
    gives(n, "f32[N,2]");
    nc_store s = nc_run(n);
    const float *x = s.block[n->inputs[0]->id], *y = nc_result(n, &s, 0);
    assert_float_equal(y[0], x[0] + 3 * x[1] + 5 * x[2], 1e-5f);
    assert_float_equal(y[1], 2 * x[0] + 4 * x[1] + 6 * x[2], 1e-5f);
    nc_store_free(&s);
    done(n, g);
}

static void half_stays_half_from_layer_to_layer(void **state)
{
    int64_t shape[] = {-1, 3};
    (void)state;
    fl_uff_graph *g = new_graph();
    add_typed(g, "x", "Input", FL_UFF_FLOAT16, 2, shape);
    add(g, "t", "Activation", "x");
    set_text(g, "t", "func", "tanh");
    add(g, "y", "Binary", "t x");
    set_text(g, "y", "func", "mul");
    fl_network *n = must_import(g, "y", NULL, 0);
    char text[256];
    gives(n, "f16[N,3]");
    assert_string_equal(nc_ops(n, text, sizeof text), "cast tanh cast cast cast mul cast");
    done(n, g);
}

/* A batch norm's statistics are float32 beside half data; its result is half. */
static void half_batch_norm_has_float_statistics(void **state)
{
    static const float one[] = {1, 1, 1};
    int64_t shape[] = {-1, 3}, c[] = {3};
    (void)state;
    fl_uff_graph *g = new_graph();
    add_typed(g, "x", "Input", FL_UFF_FLOAT16, 2, shape);
    add_const(g, "c", FL_UFF_FLOAT32, 1, c, one, sizeof one);
    add(g, "y", "BatchNorm", "x c c c c");
    fl_network *n = must_import(g, "y", NULL, 0);
    gives(n, "f16[N,3]");
    done(n, g);
}

/* ---- DepthToSpace and SpaceToDepth */

/* Element (n, c, h, w) by format. */
static float at(const float *v, const fl_tensor_desc *d, bool nhwc, int64_t i, int64_t c, int64_t h, int64_t w)
{
    const int64_t *s = d->dim;
    return nhwc ? v[((i * s[1] + h) * s[2] + w) * s[3] + c] : v[((i * s[1] + c) * s[2] + h) * s[3] + w];
}

static void depth_and_space_change_places(void **state)
{
    int64_t shapes[2][4] = {{-1, 6, 4, 8}, {-1, 8, 6, 4}}; /* NHWC, NCHW */
    static const char *const operations[] = {"_DepthToSpace", "_SpaceToDepth"};
    (void)state;
    for (int k = 0; k < 4; k++) {
        const bool nhwc = k & 1, to_space = k & 2;
        fl_uff_graph *g = new_graph();
        add_typed(g, "x", "Input", FL_UFF_FLOAT32, 4, shapes[!nhwc]);
        add(g, "y", operations[!to_space], "x");
        set_int(g, "y", "block_size", 2);
        set_text(g, "y", "data_format", nhwc ? "NHWC" : "NCHW");
        fl_network *n = must_import(g, "y", NULL, 0);
        gives(n,
              nhwc ? (to_space ? "f32[N,12,8,2]" : "f32[N,3,2,32]") : (to_space ? "f32[N,2,12,8]" : "f32[N,32,3,2]"));
        nc_store s = nc_run(n);
        const float *x = s.block[n->inputs[0]->id], *y = nc_result(n, &s, 0);
        const float *deep = to_space ? x : y, *wide = to_space ? y : x;
        const fl_tensor_desc *in = &n->inputs[0]->desc, *out = &n->outputs[0].tensor->desc;
        const fl_tensor_desc *deep_d = to_space ? in : out, *wide_d = to_space ? out : in;
        const int64_t channels = wide_d->dim[nhwc ? 3 : 1], height = wide_d->dim[nhwc ? 1 : 2],
                      width = wide_d->dim[nhwc ? 2 : 3];
        for (int64_t i = 0; i < NC_BATCH; i++)
            for (int64_t c = 0; c < channels; c++)
                for (int64_t h = 0; h < height; h++)
                    for (int64_t w = 0; w < width; w++)
                        assert_true(at(wide, wide_d, nhwc, i, c, h, w) ==
                                    at(deep, deep_d, nhwc, i, ((h % 2) * 2 + w % 2) * channels + c, h / 2, w / 2));
        nc_store_free(&s);
        done(n, g);
    }
}

static void blocks_that_do_not_fit_are_refused(void **state)
{
    int64_t shape[] = {-1, 5, 4, 6};
    static const struct {
        const char *operation;
        int64_t block;
        floe_status status;
        const char *sentence;
    } cases[] = {{"_DepthToSpace", 2, FLOE_ERR_SHAPE, "6 channels are no multiple of a block of 2x2"},
                 {"_SpaceToDepth", 2, FLOE_ERR_SHAPE, "5x4 pixels cannot be cut into blocks of 2x2"},
                 {"_DepthToSpace", 0, FLOE_ERR_LIMIT, "block_size"},
                 {"_SpaceToDepth", INT64_MAX, FLOE_ERR_LIMIT, "block_size"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fl_uff_graph *g = new_graph();
        add_typed(g, "x", "Input", FL_UFF_FLOAT32, 4, shape);
        add(g, "y", cases[i].operation, "x");
        set_int(g, "y", "block_size", cases[i].block);
        refused(g, "y", cases[i].status, cases[i].sentence);
        fl_uff_free(g);
    }
}

/* ---- graphs that cannot be */

static void unknown_operations_are_told_all_at_once(void **state)
{
    int64_t shape[] = {-1, 3};
    (void)state;
    fl_uff_graph *g = new_graph();
    add_typed(g, "x", "Input", FL_UFF_FLOAT32, 2, shape);
    add(g, "a", "_Bucketize", "x");
    add(g, "b", "_Erf", "a");
    add(g, "c", "_Bucketize", "b");
    add(g, "unused", "_Betainc", "x");
    refused(g, "c", FLOE_ERR_UNSUPPORTED, "Bucketize (2), Erf (1)");
    fl_uff_free(g);
}

static void a_loop_is_refused(void **state)
{
    (void)state;
    fl_uff_graph *g = new_graph();
    add(g, "a", "Identity", "b");
    add(g, "b", "Identity", "a");
    refused(g, "a", FLOE_ERR_UNSUPPORTED, "depends on itself");
    fl_uff_free(g);
}

static void names_that_are_not_there_are_told(void **state)
{
    fl_network *n = NULL;
    floe_error err;
    (void)state;
    fl_uff_graph *g = sum_of_constants();
    const fl_uff_input input = {.name = "z", .rank = 1, .dim = {3}};
    assert_int_equal(import(&n, g, "result", &input, 1, 1, &err), FLOE_ERR_NOT_FOUND);
    refused(g, "resul", FLOE_ERR_NOT_FOUND, "the nearest is 'result'");
    refused(g, "result:1", FLOE_ERR_UNSUPPORTED, "no output 1");
    add(g, "w", "Identity", "nobody");
    refused(g, "w", FLOE_ERR_FORMAT, "'nobody'");
    fl_uff_free(g);
}

/* A chain as long as a hostile file likes must not grow our stack. */
static void a_long_chain_is_no_recursion(void **state)
{
    enum { LENGTH = 20000 };
    char id[32], before[32];
    int64_t shape[] = {2};
    (void)state;
    fl_uff_graph *g = new_graph();
    add_typed(g, "n0", "Input", FL_UFF_FLOAT32, 1, shape);
    for (int i = 1; i <= LENGTH; i++) {
        snprintf(id, sizeof id, "n%d", i);
        snprintf(before, sizeof before, "n%d", i - 1);
        add(g, id, "Identity", before);
    }
    fl_network *n = must_import(g, id, NULL, 0);
    assert_int_equal(n->n_layers, LENGTH);
    done(n, g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reshape_finds_the_open_dimension),
        cmocka_unit_test(reshape_of_nothing_leaves_zeros_out_of_the_count),
        cmocka_unit_test(reshape_refuses_what_does_not_fit),
        cmocka_unit_test(a_graph_without_inputs_is_a_network),
        cmocka_unit_test(a_registered_constant_is_an_input),
        cmocka_unit_test(a_registered_constant_keeps_its_shape),
        cmocka_unit_test(training_flags_get_their_inference_value),
        cmocka_unit_test(half_weights_under_float_data_calculate_in_float),
        cmocka_unit_test(half_stays_half_from_layer_to_layer),
        cmocka_unit_test(half_batch_norm_has_float_statistics),
        cmocka_unit_test(depth_and_space_change_places),
        cmocka_unit_test(blocks_that_do_not_fit_are_refused),
        cmocka_unit_test(unknown_operations_are_told_all_at_once),
        cmocka_unit_test(a_loop_is_refused),
        cmocka_unit_test(names_that_are_not_there_are_told),
        cmocka_unit_test(a_long_chain_is_no_recursion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
