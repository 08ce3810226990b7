/* test_tf_graphdef.c - GraphDefs are read, changed, pruned and written; hundreds of real ones, and broken ones. */
#include "tf_fixture.h"

#include "proto/wire.h"
#include "tensorflow/graphdef.h"
#include "tensorflow/tf_source.h"

/* ---- made by hand */

static void put_node(fl_buf *b, const char *name, const char *op, const char *const *inputs)
{
    const size_t node = fl_pb_begin(b, 1);
    fl_pb_put_string(b, 1, name);
    fl_pb_put_string(b, 2, op);
    for (; inputs && *inputs; inputs++)
        fl_pb_put_string(b, 3, *inputs);
    fl_pb_end(b, node);
}

static fl_tf_graph *parse_ok(const fl_buf *b)
{
    fl_tf_graph *g = NULL;
    floe_error err = {0};
    assert_ok(fl_tf_graph_parse(&g, NULL, b->data, b->size, "test.pb", &err), &err);
    return g;
}

static void parse_fails(const void *data, size_t size, floe_status expected, const char *part)
{
    fl_tf_graph *g = NULL;
    floe_error err = {0};
    assert_int_equal(fl_tf_graph_parse(&g, NULL, data, size, "test.pb", &err), expected);
    if (!strstr(err.message, part))
        fail_msg("expected '%s' in: %s", part, err.message);
}

static void small_graph_keeps_order_inputs_and_versions(void **state)
{
    fl_buf b = fl_buf_make(NULL), again = fl_buf_make(NULL);
    floe_error err = {0};
    int port;

    put_node(&b, "x", "Placeholder", NULL);
    put_node(&b, "s", "Split", (const char *[]){"x", NULL});
    put_node(&b, "y", "Add", (const char *[]){"s:1", "s", "^x", NULL});
    const size_t versions = fl_pb_begin(&b, 4);
    fl_pb_put_varint(&b, 1, 27);
    fl_pb_end(&b, versions);
    fl_tf_graph *g = parse_ok(&b);
    assert_int_equal(g->n_node, 3);
    assert_int_equal(g->producer, 27);
    const fl_tf_node *y = fl_tf_graph_find(g, "y");
    assert_non_null(y);
    assert_int_equal(y->n_input, 3);
    assert_string_equal(fl_tf_graph_input(g, y->input[0], &port)->name, "s");
    assert_int_equal(port, 1);
    assert_string_equal(fl_tf_graph_input(g, y->input[2], &port)->name, "x");
    assert_int_equal(port, -1);
    assert_null(fl_tf_graph_input(g, "s:x", &port));
    assert_null(fl_tf_graph_input(g, "s:99999999999", &port));
    assert_ok(fl_tf_graph_write(&again, g, &err), &err);
    assert_int_equal(again.size, b.size);
    assert_memory_equal(again.data, b.data, b.size);
    fl_tf_graph_free(g);
    fl_buf_free(&b);
    fl_buf_free(&again);
    (void)state;
}

static void prune_keeps_what_outputs_reach_and_names_what_is_missing(void **state)
{
    fl_buf b = fl_buf_make(NULL);
    floe_error err = {0};

    put_node(&b, "logits", "Relu", (const char *[]){"x:0", "^init", NULL});
    put_node(&b, "x", "Placeholder", NULL);
    put_node(&b, "init", "NoOp", NULL);
    put_node(&b, "loss", "Sum", (const char *[]){"logits", NULL});
    fl_tf_graph *g = parse_ok(&b);
    assert_int_equal(fl_tf_graph_prune(g, (const char *[]){"logit:0"}, 1, &err), FLOE_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "'logit'"));
    assert_non_null(strstr(err.message, "did you mean 'logits'"));
    assert_ok(fl_tf_graph_prune(g, (const char *[]){"logits:0"}, 1, &err), &err);
    assert_null(fl_tf_graph_find(g, "loss"));
    assert_non_null(fl_tf_graph_find(g, "init"));
    assert_non_null(fl_tf_graph_find(g, "x"));

    fl_tf_node *n = NULL; /* a removed name is free again, a live one is not */
    assert_ok(fl_tf_graph_add(g, &n, "loss", "Const", &err), &err);
    assert_ptr_equal(fl_tf_graph_find(g, "loss"), n);
    assert_int_equal(fl_tf_graph_add(g, &n, "x", "Const", &err), FLOE_ERR_ARGUMENT);
    fl_tf_graph_free(g);
    fl_buf_free(&b);
    (void)state;
}

static void broken_graphs_are_refused_with_their_reason(void **state)
{
    fl_buf b = fl_buf_make(NULL);

    put_node(&b, "a", "Const", NULL);
    put_node(&b, "a", "Const", NULL);
    parse_fails(b.data, b.size, FLOE_ERR_FORMAT, "two nodes are called 'a'");
    fl_buf_free(&b);
    put_node(&b, "a", "Add", (const char *[]){"^c", "b", NULL});
    parse_fails(b.data, b.size, FLOE_ERR_FORMAT, "behind a control input");
    fl_buf_free(&b);
    put_node(&b, "a", "Add", (const char *[]){"missing", NULL});
    fl_tf_graph *g = parse_ok(&b); /* reading does not follow inputs; pruning does */
    floe_error err = {0};
    assert_int_equal(fl_tf_graph_prune(g, (const char *[]){"a"}, 1, &err), FLOE_ERR_FORMAT);
    assert_non_null(strstr(err.message, "'missing'"));
    fl_tf_graph_free(g);
    fl_buf_free(&b);
    (void)state;
}

static void files_of_other_kinds_are_called_by_their_name(void **state)
{
    parse_fails("\x89HDF\r\n\x1a\n....", 12, FLOE_ERR_FORMAT, "HDF5");
    parse_fails("PK\x03\x04....", 8, FLOE_ERR_FORMAT, "zip");
    parse_fails("....TFL3....", 12, FLOE_ERR_FORMAT, "TFLite");
    parse_fails("\x08\x01\x12\x02\x0a\x00", 6, FLOE_ERR_FORMAT, "SavedModel");
    parse_fails("model_checkpoint_path: \"m\"", 26, FLOE_ERR_FORMAT, "checkpoint state");
    parse_fails("xxxxxxxxxx\x57\xfb\x80\x8b\x24\x75\x47\xdb", 18, FLOE_ERR_FORMAT, "checkpoint");
    parse_fails("hello world, this is prose", 26, FLOE_ERR_FORMAT, "unknown kind");
    parse_fails("", 0, FLOE_ERR_FORMAT, "empty");
    (void)state;
}

static void text_graph_reads_like_its_binary_twin(void **state)
{
    static const char text[] = "# a comment\n"
                               "node { name: 'w' op: \"Co\" \"nst\"\n"
                               "  attr { key: \"dtype\" value { type: DT_FLOAT } }\n"
                               "  attr < key: 'value' value: { tensor { dtype: 1 tensor_shape { dim { size: 0x2 } dim "
                               "{ size: 02 } } float_val: [1.5, -.5, inf] } } > }\n"
                               "node { name: \"r\\x65lu\", op: \"Relu\"; input: \"w\" }\n"
                               "versions { producer: 22 }\n";
    static const float expected[4] = {1.5f, -0.5f, __builtin_inff(), __builtin_inff()};
    fl_tf_graph *g = NULL;
    fl_tf_tensor t;
    floe_error err = {0};

    assert_ok(fl_tf_graph_parse(&g, NULL, text, sizeof text - 1, "t.pbtxt", &err), &err);
    assert_int_equal(g->producer, 22);
    assert_non_null(fl_tf_graph_find(g, "relu"));
    assert_ok(fl_tf_const_value(g, fl_tf_graph_find(g, "w"), &t, &err), &err);
    assert_int_equal(t.count, 4);
    assert_memory_equal(t.data, expected, sizeof expected);
    fl_tf_graph_free(g);
    parse_fails("node { name: 'a' ops: 'b' }", 27, FLOE_ERR_FORMAT, "line 1, column 18: unknown field 'ops'");
    parse_fails("node {\n name: 'a", 16, FLOE_ERR_FORMAT, "line 2");
    (void)state;
}

/* ---- attributes */

static void attributes_are_found_set_and_removed(void **state)
{
    fl_tf_graph *g = NULL;
    fl_tf_node *n = NULL;
    floe_error err = {0};
    fl_bytes value;
    int64_t *ints;
    size_t count;
    /* list { i: [1, -1 (packed)] i: 7 (unpacked) } */
    static const uint8_t list[] = {0x0a, 15, 0x1a, 11, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0x18, 7};

    assert_ok(fl_tf_graph_create(&g, NULL, &err), &err);
    assert_ok(fl_tf_graph_add(g, &n, "n", "Op", &err), &err);
    assert_ok(fl_tf_attr_set_type(g, n, "T", FL_TF_FLOAT, &err), &err);
    assert_ok(fl_tf_attr_set(g, n, "a", (fl_bytes){(const uint8_t *)"\x18\x05", 2}, &err), &err);
    assert_ok(fl_tf_attr_set(g, n, "list", (fl_bytes){list, sizeof list}, &err), &err);
    assert_ok(fl_tf_attr_set(g, n, "s", (fl_bytes){(const uint8_t *)"\x12\x04SAME", 6}, &err), &err);
    assert_int_equal(fl_tf_attr_type(n, "T", 0), FL_TF_FLOAT);
    assert_int_equal(fl_tf_attr_int(n, "a", 0), 5);
    assert_int_equal(fl_tf_attr_int(n, "T", 42), 42); /* of another kind */
    assert_int_equal(fl_tf_attr_int(n, "nothing", 43), 43);
    assert_string_equal(fl_tf_attr_string(g, n, "s"), "SAME");
    assert_ok(fl_tf_attr_ints(g, n, "list", &ints, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_true(ints[0] == 1 && ints[1] == -1 && ints[2] == 7);
    assert_int_equal(fl_tf_attr_ints(g, n, "a", &ints, &count, &err), FLOE_ERR_FORMAT);
    assert_non_null(strstr(err.message, "'a'"));
    for (size_t i = 1; i < n->n_attr; i++)
        assert_true(strcmp(n->attr[i - 1].name, n->attr[i].name) < 0);
    fl_tf_attr_remove(n, "list");
    assert_false(fl_tf_attr_find(n, "list", &value));
    assert_int_equal(n->n_attr, 3);
    fl_tf_graph_free(g);
    (void)state;
}

/* ---- tensors */

typedef struct tensor_case {
    const char *what;
    const char *proto;
    size_t      size;
    int         dtype;
    int64_t     count;
    const char *values;
    size_t      bytes;
} tensor_case;

#define BYTES(text) text, sizeof(text) - 1

static const tensor_case tensors[] = {
    {"scalar float", BYTES("\x08\x01\x12\x00\x2a\x04\x00\x00\x80\x3f"), FL_TF_FLOAT, 1, BYTES("\x00\x00\x80\x3f")},
    {"unpacked float splat", BYTES("\x08\x01\x12\x04\x12\x02\x08\x03\x2d\x00\x00\x80\x3f"), FL_TF_FLOAT, 3,
     BYTES("\x00\x00\x80\x3f\x00\x00\x80\x3f\x00\x00\x80\x3f")},
    {"no values are zeros", BYTES("\x08\x03\x12\x04\x12\x02\x08\x02"), FL_TF_INT32, 2, BYTES("\0\0\0\0\0\0\0\0")},
    {"last value repeats", BYTES("\x08\x04\x12\x04\x12\x02\x08\x05\x3a\x02\x07\x09"), FL_TF_UINT8, 5,
     BYTES("\x07\x09\x09\x09\x09")},
    {"surplus is ignored", BYTES("\x08\x04\x12\x04\x12\x02\x08\x01\x3a\x02\x07\x09"), FL_TF_UINT8, 1, BYTES("\x07")},
    {"a wide integer is cut", BYTES("\x08\x04\x12\x00\x3a\x02\xac\x02"), FL_TF_UINT8, 1, BYTES("\x2c")},
    {"half bits", BYTES("\x08\x13\x12\x00\x6a\x02\x80\x78"), FL_TF_HALF, 1, BYTES("\x00\x3c")},
    {"a size that is not written is 0", BYTES("\x08\x01\x12\x02\x12\x00"), FL_TF_FLOAT, 0, BYTES("")},
    {"complex counts pairs", BYTES("\x08\x08\x12\x04\x12\x02\x08\x02\x4a\x08\x00\x00\x80\x3f\x00\x00\x00\x40"),
     FL_TF_COMPLEX64, 2,
     BYTES("\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x80\x3f\x00\x00\x00\x40")},
    {"content", BYTES("\x08\x05\x12\x04\x12\x02\x08\x02\x22\x04\x01\x00\x02\x00"), FL_TF_INT16, 2,
     BYTES("\x01\x00\x02\x00")},
    {"bool of any number", BYTES("\x08\x0a\x12\x00\x58\x05"), FL_TF_BOOL, 1, BYTES("\x01")},
    {"float8", BYTES("\x08\x18\x12\x04\x12\x02\x08\x03\x92\x01\x02\x38\x40"), 24, 3, BYTES("\x38\x40\x40")},
};

static void every_encoding_of_a_tensor_gives_dense_values(void **state)
{
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        const tensor_case *c = &tensors[i];
        fl_arena arena;
        fl_tf_tensor t;
        floe_error err = {0};
        fl_arena_init(&arena, NULL);
        const floe_status st =
            fl_tf_tensor_parse(&arena, (fl_bytes){(const uint8_t *)c->proto, c->size}, &t, c->what, &err);
        assert_ok(st, &err);
        if (t.dtype != c->dtype || t.count != c->count || t.bytes != c->bytes || memcmp(t.data, c->values, c->bytes))
            fail_msg("%s: dtype %d, %lld elements, %zu bytes", c->what, t.dtype, (long long)t.count, t.bytes);
        fl_arena_free(&arena);
    }
    (void)state;
}

static void tensor_refused(const char *proto, size_t size, floe_status expected)
{
    fl_arena arena;
    fl_tf_tensor t;
    floe_error err = {0};
    size_t limit = 1 << 20;
    const floe_env env = limited_env(&limit);

    fl_arena_init(&arena, &env);
    assert_int_equal(fl_tf_tensor_parse(&arena, (fl_bytes){(const uint8_t *)proto, size}, &t, "t", &err), expected);
    assert_true(err.message[0] != 0);
    fl_arena_free(&arena);
}

static void impossible_tensors_are_refused_before_memory_is_asked_for(void **state)
{
    tensor_refused(BYTES("\x08\x04\x12\x08\x12\x06\x08\x80\x80\x80\x80\x08"), FLOE_ERR_LIMIT); /* 2^31 bytes */
    tensor_refused(BYTES("\x08\x01\x12\x10\x12\x06\x08\x80\x80\x80\x80\x10\x12\x06\x08\x80\x80\x80\x80\x10"),
                   FLOE_ERR_LIMIT); /* 2^64 elements */
    tensor_refused(BYTES("\x08\x01\x12\x0d\x12\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                   FLOE_ERR_FORMAT); /* a dimension of -1 */
    tensor_refused(BYTES("\x08\x01\x12\x02\x18\x01"), FLOE_ERR_FORMAT); /* unknown rank */
    tensor_refused(BYTES("\x08\x01\x12\x04\x12\x02\x08\x02\x22\x03\x01\x02\x03"), FLOE_ERR_FORMAT); /* 3 of 8 bytes */
    tensor_refused(BYTES("\x08\x14\x12\x00"), FLOE_ERR_UNSUPPORTED); /* a resource */
    tensor_refused(BYTES("\x08\x63\x12\x00"), FLOE_ERR_FORMAT);      /* no such dtype */
    (void)state;
}

static void string_tensors_come_from_both_forms(void **state)
{
    static const char values[] = "\x08\x07\x12\x04\x12\x02\x08\x03\x42\x01" "a" "\x42\x02" "b\0";
    static const char content[] = "\x08\x07\x12\x04\x12\x02\x08\x02\x22\x05\x01\x02xyz";
    fl_arena arena;
    fl_tf_tensor t;
    floe_error err = {0};

    fl_arena_init(&arena, NULL);
    assert_ok(fl_tf_tensor_parse(&arena, (fl_bytes){(const uint8_t *)values, sizeof values - 1}, &t, "t", &err), &err);
    assert_int_equal(t.count, 3);
    assert_int_equal(t.strings[0].size, 1);
    assert_memory_equal(t.strings[2].data, "b\0", 2);
    assert_ok(fl_tf_tensor_parse(&arena, (fl_bytes){(const uint8_t *)content, sizeof content - 1}, &t, "t", &err),
              &err);
    assert_memory_equal(t.strings[0].data, "x", 1);
    assert_memory_equal(t.strings[1].data, "yz", 2);
    fl_arena_free(&arena);
    (void)state;
}

static void a_node_made_const_reads_back(void **state)
{
    static const int32_t minus = -5;
    static const float two[2] = {1.0f, -0.0f};
    int64_t dims[2] = {1, 2};
    fl_bytes text = {(const uint8_t *)"hi", 2};
    const fl_tf_tensor cases[] = {
        {FL_TF_INT32, 0, NULL, 1, &minus, 4, NULL},
        {FL_TF_FLOAT, 2, dims, 2, two, 8, NULL},
        {FL_TF_STRING, 0, NULL, 1, NULL, 0, &text},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fl_tf_graph *g = NULL, *back = NULL;
        fl_tf_node *n = NULL;
        fl_tf_tensor t;
        floe_error err = {0};
        fl_buf b = fl_buf_make(NULL);
        assert_ok(fl_tf_graph_create(&g, NULL, &err), &err);
        assert_ok(fl_tf_graph_add(g, &n, "v", "VariableV2", &err), &err);
        assert_ok(fl_tf_attr_set_type(g, n, "container", 1, &err), &err);
        assert_ok(fl_tf_make_const(g, n, &cases[i], &err), &err);
        assert_ok(fl_tf_graph_write(&b, g, &err), &err);
        assert_ok(fl_tf_graph_parse(&back, NULL, b.data, b.size, "back", &err), &err);
        assert_string_equal(back->node[0].op, "Const");
        assert_int_equal(back->node[0].n_attr, 2);
        assert_int_equal(fl_tf_attr_type(&back->node[0], "dtype", 0), cases[i].dtype);
        assert_ok(fl_tf_const_value(back, &back->node[0], &t, &err), &err);
        assert_int_equal(t.rank, cases[i].rank);
        assert_int_equal(t.count, cases[i].count);
        if (t.dtype == FL_TF_STRING)
            assert_memory_equal(t.strings[0].data, "hi", 2);
        else
            assert_memory_equal(t.data, cases[i].data, cases[i].bytes);
        fl_tf_graph_free(g);
        fl_tf_graph_free(back);
        fl_buf_free(&b);
    }
    (void)state;
}

/* ---- real files */

typedef struct totals {
    size_t graphs, nodes, consts, others;
} totals;

static bool same_graph(const fl_tf_graph *a, const fl_tf_graph *b)
{
    if (a->n_node != b->n_node || a->producer != b->producer || a->library.size != b->library.size)
        return false;
    for (size_t i = 0; i < a->n_node; i++) {
        const fl_tf_node *x = &a->node[i], *y = &b->node[i];
        if (strcmp(x->name, y->name) || strcmp(x->op, y->op) || strcmp(x->device, y->device) ||
            x->n_input != y->n_input || x->n_attr != y->n_attr)
            return false;
        for (size_t k = 0; k < x->n_input; k++)
            if (strcmp(x->input[k], y->input[k]))
                return false;
        for (size_t k = 0; k < x->n_attr; k++)
            if (strcmp(x->attr[k].name, y->attr[k].name) || x->attr[k].value.size != y->attr[k].value.size ||
                memcmp(x->attr[k].value.data, y->attr[k].value.data, x->attr[k].value.size))
                return false;
    }
    return true;
}

static void read_write_read(const char *path, void *arg)
{
    totals *sum = arg;
    fl_tf_graph *g = NULL, *back = NULL;
    floe_error err = {0};
    fl_buf b = fl_buf_make(NULL);

    if (!ends_with(path, ".pb") && !ends_with(path, ".pbtxt") && !ends_with(path, ".meta"))
        return;
    const floe_status st = fl_tf_graph_load(&g, NULL, path, &err);
    if (st != FLOE_OK) { /* SavedModels, fingerprints, Keras metadata */
        if (!strstr(path, "saved_model") && !strstr(path, "fingerprint") && !strstr(path, "keras_metadata"))
            fail_msg("%s", err.message);
        sum->others++;
        return;
    }
    sum->graphs++;
    sum->nodes += g->n_node;
    for (size_t i = 0; i < g->n_node; i++) {
        fl_tf_tensor t;
        if (strcmp(g->node[i].op, "Const"))
            continue;
        const floe_status value = fl_tf_const_value(g, &g->node[i], &t, &err);
        if (value != FLOE_OK && value != FLOE_ERR_UNSUPPORTED) /* a variant, in one of them */
            fail_msg("%s", err.message);
        sum->consts++;
    }
    assert_ok(fl_tf_graph_write(&b, g, &err), &err);
    assert_ok(fl_tf_graph_parse(&back, NULL, b.data, b.size, path, &err), &err);
    if (!same_graph(g, back))
        fail_msg("%s: another graph after writing", path);
    fl_tf_graph_free(g);
    fl_tf_graph_free(back);
    fl_buf_free(&b);
}

static void every_shared_graph_survives_writing_and_reading(void **state)
{
    char models[PATH_MAX];
    totals sum = {0};

    if (!fixture_models(models, sizeof models))
        skip();
    walk_files(models, read_write_read, &sum);
    print_message("%zu graphs, %zu nodes, %zu constants; %zu other files\n", sum.graphs, sum.nodes, sum.consts,
                  sum.others);
    assert_true(sum.graphs > 400);
    (void)state;
}

/* ---- damage */

static void read_damaged(const uint8_t *data, size_t size, void *arg)
{
    fl_tf_graph *g = NULL;
    floe_error err = {0};
    fl_buf b = fl_buf_make(NULL);
    const floe_status st = fl_tf_graph_parse(&g, arg, data, size, "damaged.pb", &err);

    assert_ok_or_sentence(st, &err);
    for (size_t i = 0; st == FLOE_OK && i < g->n_node; i++) {
        fl_tf_tensor t;
        fl_tf_shape shape;
        err.message[0] = 0;
        assert_ok_or_sentence(fl_tf_const_value(g, &g->node[i], &t, &err), &err);
        assert_ok_or_sentence(fl_tf_attr_shape(g, &g->node[i], "shape", &shape, &err), &err);
    }
    if (st == FLOE_OK)
        assert_ok_or_sentence(fl_tf_graph_write(&b, g, &err), &err);
    fl_tf_graph_free(g);
    fl_buf_free(&b);
}

static void damaged_graphs_are_refused_or_read_without_harm(void **state)
{
    static const char *const files[] = {
        "cppflow/examples/load_model/model.pb", "tf2onnx/tests/models/regression/graphdef/frozen.pb",
        "tfrust/examples/addition/model.pb", "fsrcnn/models/FSRCNN-small_x2.pb",
        "tfsrc/tensorflow/contrib/tfprof/tools/tfprof/internal/testdata/graph.pbtxt"};
    char models[PATH_MAX], path[2 * PATH_MAX];
    size_t limit = (size_t)64 << 20;
    floe_env env = limited_env(&limit);

    if (!fixture_models(models, sizeof models))
        skip();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t size;
        put_text(path, sizeof path, "%s/%s", models, files[i]);
        uint8_t *data = read_whole(path, &size);
        damage(data, size, 2000, read_damaged, &env);
        free(data);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_graph_keeps_order_inputs_and_versions),
        cmocka_unit_test(prune_keeps_what_outputs_reach_and_names_what_is_missing),
        cmocka_unit_test(broken_graphs_are_refused_with_their_reason),
        cmocka_unit_test(files_of_other_kinds_are_called_by_their_name),
        cmocka_unit_test(text_graph_reads_like_its_binary_twin),
        cmocka_unit_test(attributes_are_found_set_and_removed),
        cmocka_unit_test(every_encoding_of_a_tensor_gives_dense_values),
        cmocka_unit_test(impossible_tensors_are_refused_before_memory_is_asked_for),
        cmocka_unit_test(string_tensors_come_from_both_forms),
        cmocka_unit_test(a_node_made_const_reads_back),
        cmocka_unit_test(every_shared_graph_survives_writing_and_reading),
        cmocka_unit_test(damaged_graphs_are_refused_or_read_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
