/* test_uff_format.c - UFF files are read, written and printed: known bytes, files that NVIDIA wrote, broken ones. */
#include "uff_case.h"

#include <math.h>

static fl_uff_graph *new_graph(void)
{
    fl_uff_graph *g = NULL;
    floe_error err = {0};
    assert_ok(fl_uff_create(&g, NULL, &err), &err);
    return g;
}

static fl_buf write_ok(const fl_uff_graph *g)
{
    fl_buf b = fl_buf_make(NULL);
    floe_error err = {0};
    assert_ok(fl_uff_write(&b, g, &err), &err);
    return b;
}

static fl_uff_graph *parse_ok(const void *data, size_t size)
{
    fl_uff_graph *g = NULL;
    floe_error err = {0};
    assert_ok(fl_uff_parse(&g, NULL, data, size, "test.uff", &err), &err);
    return g;
}

static fl_uff_node *add(fl_uff_graph *g, const char *id, const char *operation)
{
    fl_uff_node *n = NULL;
    floe_error err = {0};
    assert_ok(fl_uff_add_node(g, &n, id, operation, &err), &err);
    return n;
}

static void set(fl_uff_graph *g, fl_uff_node *n, const char *key, fl_uff_data value)
{
    floe_error err = {0};
    assert_ok(fl_uff_set_field(g, n, key, value, &err), &err);
}

static void assert_contains(const fl_buf *b, const char *hex, const char *what)
{
    uint8_t wanted[128];
    size_t n = 0;

    for (; *hex; hex++) {
        unsigned byte;
        if (*hex == ' ')
            continue;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        wanted[n++] = (uint8_t)byte;
        hex++;
    }
    if (!memmem(b->data, b->size, wanted, n))
        fail_msg("the bytes of %s are not there", what);
}

/* ---- writing */

static int64_t order_nc[] = {0, 1}, order_ck[] = {1, 0}, order_nhwc[] = {0, 2, FL_UFF_INCREMENT, 1};

static void the_documented_bytes_are_written(void **state)
{
    fl_uff_graph *g = new_graph();
    floe_error err = {0};
    int64_t shape[] = {-1, 28, 28, 1};
    fl_uff_orders both[] = {{order_nc, 2}, {order_ck, 2}}, one[] = {{order_nhwc, 4}};

    assert_ok(fl_uff_add_descriptor(g, "tensorflow_extension", 1, &err), &err);
    assert_ok(fl_uff_add_descriptor(g, "tensorflow_extension", 1, &err), &err);
    fl_uff_node *n = add(g, "a", "Input");
    set(g, n, "dtype", (fl_uff_data){.kind = FL_UFF_DTYPE, .u.i = FL_UFF_FLOAT32});
    set(g, n, "shape", (fl_uff_data){.kind = FL_UFF_I_LIST, .count = 4, .u.i_list = shape});
    set(g, n, "none", (fl_uff_data){.kind = FL_UFF_I_LIST});
    set(g, n, "axis", (fl_uff_data){.kind = FL_UFF_I, .u.i = 0});
    set(g, n, "keepdims", (fl_uff_data){.kind = FL_UFF_B, .u.b = false});
    assert_ok(fl_uff_set_data(g, "orders_NC_CK", (fl_uff_data){.kind = FL_UFF_ORDERS_LIST, .count = 2, .u.orders = both}, &err),
              &err);
    assert_ok(fl_uff_set_data(g, "orders_N+C", (fl_uff_data){.kind = FL_UFF_ORDERS_LIST, .count = 1, .u.orders = one}, &err),
              &err);
    fl_buf b = write_ok(g);
    static const uint8_t start[] = "\x08\x01\x10\x01\x1a\x18\x0a\x14tensorflow_extension\x10\x01\x22";
    assert_memory_equal(b.data, start, sizeof start - 1);
    assert_contains(&b, "a8 06 a0 80 08", "DT_FLOAT32");
    assert_contains(&b, "42 0f 0a 0d ff ff ff ff ff ff ff ff ff 01 1c 1c 01", "the shape [-1,28,28,1]");
    assert_contains(&b, "12 02 42 00", "the empty list");
    assert_contains(&b, "12 02 38 00", "axis 0");
    assert_contains(&b, "12 02 28 00", "keepdims false");
    assert_contains(&b,
                    "12 2d c2 06 2a 0a 13 0a 11 08 ff ff ff ff ff ff ff ff ff 01 12 04 0a 02 00 01"
                    "0a 13 0a 11 08 ff ff ff ff ff ff ff ff ff 01 12 04 0a 02 01 00",
                    "orders_NC_CK");
    assert_contains(&b, "0a 08 00 02 ff ff ff ff 07 01", "the order N+C");
    fl_buf_free(&b);
    fl_uff_free(g);
    (void)state;
}

/* Every kind of value, ports, types without a number, free extra fields, descriptors. */
static fl_uff_graph *graph_with_everything(void)
{
    static bool bools[] = {true, false, true};
    static double doubles[] = {0.5, -1e300, 0};
    static int64_t ints[] = {INT64_MIN, -1, 0, INT64_MAX}, types[] = {FL_UFF_INT8, FL_UFF_OTHER};
    static const char *strings[] = {"", "b'x'", "y"};
    static fl_uff_orders orders[] = {{order_nhwc, 4}, {NULL, 0}};
    static const uint8_t blob[] = {0, 1, 255};
    fl_uff_graph *g = new_graph();
    floe_error err = {0};

    assert_ok(fl_uff_add_descriptor(g, "custom", 1, &err), &err);
    fl_uff_node *n = add(g, "zig", "_Zag");
    assert_ok(fl_uff_add_input(g, n, "in", 0, &err), &err);
    assert_ok(fl_uff_add_input(g, n, "zig", 3, &err), &err);
    set(g, n, "s", (fl_uff_data){.kind = FL_UFF_S, .u.s = "b'SAME'"});
    set(g, n, "sl", (fl_uff_data){.kind = FL_UFF_S_LIST, .count = 3, .u.s_list = strings});
    set(g, n, "d", (fl_uff_data){.kind = FL_UFF_D, .u.d = 0.1});
    set(g, n, "dl", (fl_uff_data){.kind = FL_UFF_D_LIST, .count = 3, .u.d_list = doubles});
    set(g, n, "b", (fl_uff_data){.kind = FL_UFF_B, .u.b = true});
    set(g, n, "bl", (fl_uff_data){.kind = FL_UFF_B_LIST, .count = 3, .u.b_list = bools});
    set(g, n, "i", (fl_uff_data){.kind = FL_UFF_I, .u.i = INT64_MIN});
    set(g, n, "il", (fl_uff_data){.kind = FL_UFF_I_LIST, .count = 4, .u.i_list = ints});
    set(g, n, "blob", (fl_uff_data){.kind = FL_UFF_BLOB, .count = 3, .u.blob = blob});
    set(g, n, "ref", (fl_uff_data){.kind = FL_UFF_REF, .u.s = "one"});
    set(g, n, "t", (fl_uff_data){.kind = FL_UFF_DTYPE, .u.i = FL_UFF_INT16});
    set(g, n, "tl", (fl_uff_data){.kind = FL_UFF_DTYPE_LIST, .count = 2, .u.i_list = types});
    set(g, n, "o", (fl_uff_data){.kind = FL_UFF_ORDERS, .count = 1, .u.orders = orders});
    set(g, n, "ol", (fl_uff_data){.kind = FL_UFF_ORDERS_LIST, .count = 2, .u.orders = orders});
    set(g, n, "DstT", (fl_uff_data){.kind = FL_UFF_EMPTY});
    assert_ok(fl_uff_set_extra(g, n, "DstT", (fl_uff_data){.kind = FL_UFF_I, .u.i = 10}, &err), &err);
    n = add(g, "in", "Input");
    n->tf_dtype = 2;
    set(g, n, "dtype", (fl_uff_data){.kind = FL_UFF_DTYPE, .u.i = FL_UFF_OTHER});
    assert_ok(fl_uff_set_data(g, "one", (fl_uff_data){.kind = FL_UFF_REF, .u.s = "two"}, &err), &err);
    assert_ok(fl_uff_set_data(g, "two", (fl_uff_data){.kind = FL_UFF_I, .u.i = 2}, &err), &err);
    assert_ok(fl_uff_set_data(g, "round", (fl_uff_data){.kind = FL_UFF_REF, .u.s = "round"}, &err), &err);
    return g;
}

static void every_kind_of_value_comes_back(void **state)
{
    fl_uff_graph *g = graph_with_everything();
    fl_buf first = write_ok(g);
    fl_uff_graph *again = parse_ok(first.data, first.size);
    fl_buf second = write_ok(again);

    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    char *a = show_graph(g), *b = show_graph(again);
    assert_string_equal(a, b);
    const fl_uff_node *n = fl_uff_find(again, "zig");
    assert_non_null(n);
    assert_int_equal(fl_uff_port(n, 0), 0);
    assert_int_equal(fl_uff_port(n, 1), 3);
    assert_string_equal(fl_uff_string(again, n, "s"), "SAME");
    assert_int_equal(fl_uff_int(again, n, "ref", 0), 2);
    assert_true(fl_uff_double(again, n, "d", 0) == 0.1);
    assert_true(fl_uff_bool(again, n, "b", false));
    assert_int_equal(fl_uff_int(again, n, "not there", -7), -7);
    assert_null(fl_uff_field_of(again, n, "DstT"));
    assert_int_equal(fl_uff_tf_type(again, n, "DstT", -1), 10);
    assert_int_equal(fl_uff_tf_type(again, n, "t", -1), 5);
    assert_int_equal(fl_uff_tf_type(again, fl_uff_find(again, "in"), "dtype", -1), 2);
    assert_int_equal(fl_uff_find(again, "in")->tf_dtype, 2);
    assert_null(fl_uff_find(again, "zi"));
    free(a);
    free(b);
    fl_buf_free(&first);
    fl_buf_free(&second);
    fl_uff_free(g);
    fl_uff_free(again);
    (void)state;
}

static void references_in_circles_read_as_absent(void **state)
{
    fl_uff_graph *g = graph_with_everything();
    fl_uff_node *n = (fl_uff_node *)fl_uff_find(g, "zig");

    set(g, n, "ref", (fl_uff_data){.kind = FL_UFF_REF, .u.s = "round"});
    assert_null(fl_uff_field_of(g, n, "ref"));
    set(g, n, "ref", (fl_uff_data){.kind = FL_UFF_REF, .u.s = "nowhere"});
    assert_null(fl_uff_field_of(g, n, "ref"));
    fl_uff_free(g);
    (void)state;
}

static void the_same_graph_gives_the_same_bytes_in_any_order_of_building(void **state)
{
    fl_uff_graph *g[2] = {new_graph(), new_graph()};
    static const char *const keys[] = {"b", "a", "aa", "B", "ab"};
    floe_error err = {0};
    fl_buf b[2];

    for (int k = 0; k < 2; k++) {
        fl_uff_node *n = add(g[k], "n", "_X");
        for (size_t i = 0; i < 5; i++) {
            const size_t at = k ? 4 - i : i;
            set(g[k], n, keys[at], (fl_uff_data){.kind = FL_UFF_I, .u.i = (int64_t)at});
            assert_ok(fl_uff_set_data(g[k], keys[at], (fl_uff_data){.kind = FL_UFF_I, .u.i = (int64_t)at}, &err), &err);
        }
        b[k] = write_ok(g[k]);
    }
    assert_int_equal(b[0].size, b[1].size);
    assert_memory_equal(b[0].data, b[1].data, b[0].size);
    for (int k = 0; k < 2; k++) {
        fl_buf_free(&b[k]);
        fl_uff_free(g[k]);
    }
    (void)state;
}

static void two_nodes_of_one_id_are_refused(void **state)
{
    fl_uff_graph *g = new_graph();
    fl_uff_node *n;
    floe_error err = {0};

    add(g, "twin", "Identity");
    assert_int_equal(fl_uff_add_node(g, &n, "twin", "Identity", &err), FLOE_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "twin"));
    fl_uff_free(g);
    (void)state;
}

/* ---- text; the expected text was printed by Python's protobuf from the same message */

static const char expected_text[] =
    "version: 1\n"
    "descriptor_core_version: 1\n"
    "descriptors {\n"
    "  id: \"custom\"\n"
    "  version: 1\n"
    "}\n"
    "graphs {\n"
    "  id: \"main\"\n"
    "  nodes {\n"
    "    id: \"q\\\"\\'\\n\\177\"\n"
    "    inputs: \"c\"\n"
    "    operation: \"_X\"\n"
    "    fields {\n"
    "      key: \"d\"\n"
    "      value {\n"
    "        d_list {\n"
    "          val: 1.0\n"
    "          val: 0.2\n"
    "          val: 0.20000000298023224\n"
    "          val: 1e-05\n"
    "          val: 123456789012345.0\n"
    "          val: 1e+16\n"
    "          val: -4.7541245560526296e+16\n"
    "          val: inf\n"
    "          val: nan\n"
    "        }\n"
    "      }\n"
    "    }\n"
    "    fields {\n"
    "      key: \"e\"\n"
    "      value {\n"
    "      }\n"
    "    }\n"
    "    fields {\n"
    "      key: \"i\"\n"
    "      value {\n"
    "        i_list {\n"
    "        }\n"
    "      }\n"
    "    }\n"
    "    fields {\n"
    "      key: \"o\"\n"
    "      value {\n"
    "        dim_orders_list {\n"
    "          val {\n"
    "            orders {\n"
    "              key: -1\n"
    "              value {\n"
    "                val: 0\n"
    "                val: 1\n"
    "              }\n"
    "            }\n"
    "          }\n"
    "        }\n"
    "      }\n"
    "    }\n"
    "    fields {\n"
    "      key: \"t\"\n"
    "      value {\n"
    "        dtype_list {\n"
    "          val: DT_INT64\n"
    "          val: 7\n"
    "        }\n"
    "      }\n"
    "    }\n"
    "  }\n"
    "  nodes {\n"
    "    id: \"c\"\n"
    "    operation: \"Const\"\n"
    "    fields {\n"
    "      key: \"dtype\"\n"
    "      value {\n"
    "        dtype: DT_FLOAT32\n"
    "      }\n"
    "    }\n"
    "    fields {\n"
    "      key: \"values\"\n"
    "      value {\n"
    "        ref: \"weights_c\"\n"
    "      }\n"
    "    }\n"
    "  }\n"
    "}\n"
    "referenced_data {\n"
    "  key: \"short\"\n"
    "  value {\n"
    "    blob: \"\\000\\001abcdefghijklmnopqrstuvwxyz\\200\\377\\\\\\t\"\n"
    "  }\n"
    "}\n"
    "referenced_data {\n"
    "  key: \"weights_c\"\n"
    "  value {\n"
    "    blob: \"(...33 bytes skipped...)\"\n"
    "  }\n"
    "}\n";

static void the_text_form_is_protobufs(void **state)
{
    static double doubles[] = {1, 0.2, (double)0.2f, 1e-5, 123456789012345.0, 1e16, -4.7541245560526296e16,
                               (double)INFINITY, (double)NAN};
    static int64_t types[] = {FL_UFF_INT64, 7};
    static fl_uff_orders orders[] = {{order_nc, 2}};
    static const uint8_t short_blob[] = "\000\001abcdefghijklmnopqrstuvwxyz\200\377\\\t", long_blob[33] = {0};
    fl_uff_graph *g = new_graph();
    floe_error err = {0};
    fl_buf b = fl_buf_make(NULL);

    assert_int_equal(sizeof short_blob - 1, 32);
    assert_ok(fl_uff_add_descriptor(g, "custom", 1, &err), &err);
    fl_uff_node *n = add(g, "q\"'\n\x7f", "_X");
    assert_ok(fl_uff_add_input(g, n, "c", 0, &err), &err);
    set(g, n, "t", (fl_uff_data){.kind = FL_UFF_DTYPE_LIST, .count = 2, .u.i_list = types});
    set(g, n, "o", (fl_uff_data){.kind = FL_UFF_ORDERS_LIST, .count = 1, .u.orders = orders});
    set(g, n, "i", (fl_uff_data){.kind = FL_UFF_I_LIST});
    set(g, n, "e", (fl_uff_data){.kind = FL_UFF_EMPTY});
    set(g, n, "d", (fl_uff_data){.kind = FL_UFF_D_LIST, .count = 9, .u.d_list = doubles});
    n = add(g, "c", "Const");
    set(g, n, "values", (fl_uff_data){.kind = FL_UFF_REF, .u.s = "weights_c"});
    set(g, n, "dtype", (fl_uff_data){.kind = FL_UFF_DTYPE, .u.i = FL_UFF_FLOAT32});
    assert_ok(fl_uff_set_data(g, "weights_c", (fl_uff_data){.kind = FL_UFF_BLOB, .count = 33, .u.blob = long_blob}, &err), &err);
    assert_ok(fl_uff_set_data(g, "short", (fl_uff_data){.kind = FL_UFF_BLOB, .count = 32, .u.blob = short_blob}, &err), &err);
    assert_ok(fl_uff_write_text(&b, g, &err), &err);
    fl_put_u8(&b, 0);
    assert_string_equal((const char *)b.data, expected_text);
    fl_buf_free(&b);
    fl_uff_free(g);
    (void)state;
}

/* ---- files that NVIDIA's converter wrote */

typedef struct real_files {
    size_t count;
} real_files;

static void check_real_file(const char *path, void *arg)
{
    fl_uff_graph *g = NULL;
    floe_error err = {0};
    size_t size;

    if (!ends_with(path, ".uff"))
        return;
    uint8_t *data = read_whole(path, &size);
    assert_ok(fl_uff_load(&g, NULL, path, &err), &err);
    fl_buf b = write_ok(g);
    assert_int_equal(b.size, size);
    assert_same_uff(b.data, b.size, data, size, false, path);
    fl_uff_graph *again = parse_ok(b.data, b.size);
    fl_buf c = write_ok(again);
    assert_int_equal(c.size, b.size);
    assert_memory_equal(c.data, b.data, b.size);
    fl_buf_free(&b);
    fl_buf_free(&c);
    fl_uff_free(g);
    fl_uff_free(again);
    free(data);
    ((real_files *)arg)->count++;
}

static void real_files_come_back_byte_for_byte_but_for_map_order(void **state)
{
    const char *models = golden_shared_models();
    real_files files = {0};

    if (!models)
        skip();
    walk_files(models, check_real_file, &files);
    print_message("%zu UFF files\n", files.count);
    assert_true(files.count >= 4);
    (void)state;
}

static void a_real_file_reads_as_documented(void **state)
{
    const char *models = golden_shared_models();
    char path[PATH_MAX];
    fl_uff_graph *g = NULL;
    floe_error err = {0};

    if (!models)
        skip();
    snprintf(path, sizeof path, "%s/uff-lenet/models/model.uff", models);
    assert_ok(fl_uff_load(&g, NULL, path, &err), &err);
    assert_int_equal(g->n_node, 13);
    assert_string_equal(g->id, "main");
    assert_int_equal(g->n_descriptor, 1);
    assert_string_equal(g->descriptor[0].id, "tensorflow_extension");
    const fl_uff_node *softmax = fl_uff_find(g, "dense_1/Softmax");
    const fl_uff_data *orders = fl_uff_field_of(g, softmax, "inputs_orders");
    assert_int_equal(orders->kind, FL_UFF_ORDERS_LIST);
    assert_int_equal(orders->count, 1);
    assert_int_equal(orders->u.orders[0].count, 4);
    assert_int_equal(orders->u.orders[0].order[2], FL_UFF_INCREMENT);
    assert_int_equal(fl_uff_int(g, softmax, "axis", -1), 0);
    const fl_uff_data *kernel = fl_uff_field_of(g, fl_uff_find(g, "dense/kernel"), "values");
    assert_int_equal(kernel->kind, FL_UFF_BLOB);
    assert_int_equal(kernel->count, 784 * 512 * 4);
    fl_uff_free(g);
    (void)state;
}

/* ---- broken files */

static void assert_refused(const fl_buf *b, floe_status expected, const char *part)
{
    fl_uff_graph *g = NULL;
    floe_error err = {0};
    uint8_t *exact = exact_copy(b->data, b->size);

    assert_int_equal(fl_uff_parse(&g, NULL, exact, b->size, "bad.uff", &err), expected);
    assert_null(g);
    if (!strstr(err.message, part) || !strstr(err.message, "bad.uff"))
        fail_msg("expected '%s' in: %s", part, err.message);
    free(exact);
}

/* version, core version, and one graph with what `fill` puts into it. */
static fl_buf file_with(void (*fill)(fl_buf *b))
{
    fl_buf b = fl_buf_make(NULL);

    fl_pb_put_varint(&b, 1, 1);
    fl_pb_put_varint(&b, 2, 1);
    const size_t graph = fl_pb_begin(&b, 4);
    fl_pb_put_string(&b, 1, "main");
    fill(&b);
    fl_pb_end(&b, graph);
    return b;
}

static void put_node(fl_buf *b, const char *id, const char *operation, const char *input)
{
    const size_t node = fl_pb_begin(b, 2);
    if (id)
        fl_pb_put_string(b, 1, id);
    if (input)
        fl_pb_put_string(b, 2, input);
    if (operation)
        fl_pb_put_string(b, 3, operation);
    fl_pb_end(b, node);
}

/* A node with one entry of a map: key, and Data made of `number` and `value` (wire type VARINT, or BYTES for text). */
static void put_node_with(fl_buf *b, uint32_t map, const char *key, uint32_t number, const char *text, uint64_t value)
{
    const size_t node = fl_pb_begin(b, 2);
    fl_pb_put_string(b, 1, "n");
    fl_pb_put_string(b, 3, "_X");
    const size_t entry = fl_pb_begin(b, map);
    fl_pb_put_string(b, 1, key);
    const size_t data = fl_pb_begin(b, 2);
    if (text)
        fl_pb_put_string(b, number, text);
    else
        fl_pb_put_varint(b, number, value);
    fl_pb_end(b, data);
    fl_pb_end(b, entry);
    fl_pb_end(b, node);
}

static void fill_nothing(fl_buf *b) { (void)b; }
static void fill_twins(fl_buf *b) { put_node(b, "n", "Input", NULL), put_node(b, "n", "Input", NULL); }
static void fill_dangling(fl_buf *b) { put_node(b, "n", "Identity", "nowhere"); }
static void fill_no_id(fl_buf *b) { put_node(b, NULL, "Input", NULL); }
static void fill_no_operation(fl_buf *b) { put_node(b, "n", NULL, NULL); }
static void fill_nul_id(fl_buf *b)
{
    const size_t node = fl_pb_begin(b, 2);
    fl_pb_put_bytes(b, 1, "a\0b", 3);
    fl_pb_put_string(b, 3, "Input");
    fl_pb_end(b, node);
}
static void fill_text_for_int(fl_buf *b) { put_node_with(b, 4, "axis", FL_UFF_I, "x", 0); }
static void fill_int_for_list(fl_buf *b) { put_node_with(b, 4, "axes", FL_UFF_I_LIST, NULL, 1); }
static void fill_cut_list(fl_buf *b) { put_node_with(b, 4, "axes", FL_UFF_I_LIST, "\x0a\x05\x01", 0); }
static void fill_odd_doubles(fl_buf *b) { put_node_with(b, 4, "d", FL_UFF_D_LIST, "\x0a\x03\x01\x01\x01", 0); }
static void fill_ports_of_other_count(fl_buf *b) { put_node_with(b, 100, "tf_ports", FL_UFF_I_LIST, "\x0a\x01\x01", 0); }
static void fill_text_for_dtype(fl_buf *b) { put_node_with(b, 100, "tf_dtype", FL_UFF_S, "x", 0); }
static void fill_odd_orders_key(fl_buf *b) { put_node_with(b, 4, "o", FL_UFF_ORDERS, "\x0a\x06\x08\x01\x12\x02\x0a\x01", 0); }

static void broken_files_are_refused_with_a_sentence(void **state)
{
    static const struct {
        void (*fill)(fl_buf *b);
        floe_status status;
        const char *part;
    } cases[] = {
        {fill_twins, FLOE_ERR_FORMAT, "two nodes have the id 'n'"},
        {fill_dangling, FLOE_ERR_FORMAT, "node 'n': its input 'nowhere' is not in the graph"},
        {fill_no_id, FLOE_ERR_FORMAT, "has no id"},
        {fill_no_operation, FLOE_ERR_FORMAT, "node 'n' has no operation"},
        {fill_nul_id, FLOE_ERR_FORMAT, "damaged node id"},
        {fill_text_for_int, FLOE_ERR_FORMAT, "node 'n': damaged value"},
        {fill_int_for_list, FLOE_ERR_FORMAT, "node 'n': damaged value"},
        {fill_cut_list, FLOE_ERR_FORMAT, "node 'n': damaged list"},
        {fill_odd_doubles, FLOE_ERR_FORMAT, "node 'n': damaged list"},
        {fill_ports_of_other_count, FLOE_ERR_FORMAT, "node 'n': damaged tf_ports"},
        {fill_text_for_dtype, FLOE_ERR_FORMAT, "node 'n': damaged tf_dtype"},
        {fill_odd_orders_key, FLOE_ERR_UNSUPPORTED, "key 1"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fl_buf b = file_with(cases[i].fill);
        assert_refused(&b, cases[i].status, cases[i].part);
        fl_buf_free(&b);
    }
    fl_buf empty_graph = file_with(fill_nothing);
    fl_uff_free(parse_ok(empty_graph.data, empty_graph.size));
    fl_put_bytes(&empty_graph, "\x22\x00", 2);
    assert_refused(&empty_graph, FLOE_ERR_UNSUPPORTED, "2 graphs");
    fl_buf_free(&empty_graph);
    (void)state;
}

static void files_of_other_kinds_are_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t      size;
        const char *part;
    } cases[] = {
        {"", 0, "it is empty"},
        {"\x0a\x03\x0a\x01x", 5, "TensorFlow graph"},
        {"\x08\x01\x12\x02\x0a\x00", 6, "SavedModel"},
        {"\x08\x01\x10\x01", 4, "0 graphs"},
        {"version: 1\n", 11, "damaged"},
        {"\x89PNG\r\n\x1a\n", 8, "damaged"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const fl_buf b = {.data = (uint8_t *)cases[i].bytes, .size = cases[i].size};
        assert_refused(&b, FLOE_ERR_FORMAT, cases[i].part);
    }
    fl_uff_graph *g = NULL;
    floe_error err = {0};
    assert_int_equal(fl_uff_load(&g, NULL, "/nowhere/model.uff", &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, "/nowhere/model.uff"));
    (void)state;
}

static void a_node_with_thousands_of_fields_is_refused(void **state)
{
    fl_buf b = fl_buf_make(NULL);
    char key[16];

    fl_pb_put_varint(&b, 1, 1);
    const size_t graph = fl_pb_begin(&b, 4), node = fl_pb_begin(&b, 2);
    fl_pb_put_string(&b, 1, "n");
    fl_pb_put_string(&b, 3, "_X");
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "%d", i);
        const size_t entry = fl_pb_begin(&b, 4);
        fl_pb_put_string(&b, 1, key);
        fl_pb_end(&b, entry);
    }
    fl_pb_end(&b, node);
    fl_pb_end(&b, graph);
    assert_refused(&b, FLOE_ERR_LIMIT, "more than 4096 fields");
    fl_buf_free(&b);
    (void)state;
}

static void unknown_members_and_unpacked_lists_are_accepted(void **state)
{
    fl_buf b = fl_buf_make(NULL);

    fl_pb_put_varint(&b, 1, 1);
    fl_pb_put_string(&b, 77, "from the future");
    const size_t graph = fl_pb_begin(&b, 4), node = fl_pb_begin(&b, 2);
    fl_pb_put_fixed64(&b, 50, 1);
    fl_pb_put_string(&b, 3, "_X");
    fl_pb_put_string(&b, 1, "n");
    for (int twice = 0; twice < 2; twice++) { /* the last entry of a key counts, and the last member of a oneof */
        const size_t entry = fl_pb_begin(&b, 4);
        const size_t data = fl_pb_begin(&b, 2);
        fl_pb_put_varint(&b, FL_UFF_I, 5);
        const size_t list = fl_pb_begin(&b, FL_UFF_I_LIST);
        fl_pb_put_varint(&b, 1, (uint64_t)-1);
        fl_pb_put_varint(&b, 1, (uint64_t)twice);
        fl_pb_end(&b, list);
        fl_pb_end(&b, data);
        fl_pb_put_string(&b, 1, "axes");
        fl_pb_end(&b, entry);
    }
    fl_pb_end(&b, node);
    fl_pb_end(&b, graph);
    fl_uff_graph *g = parse_ok(b.data, b.size);
    char *text = show_graph(g);
    assert_string_equal(text, "n _X() axes=[-1,1]\n");
    free(text);
    fl_uff_free(g);
    fl_buf_free(&b);
    (void)state;
}

/* ---- damage */

static void read_damaged(const uint8_t *data, size_t size, void *arg)
{
    size_t limit = *(const size_t *)arg;
    floe_env env = limited_env(&limit);
    fl_uff_graph *g = NULL;
    floe_error err = {0};

    const floe_status st = fl_uff_parse(&g, &env, data, size, "damaged.uff", &err);
    assert_ok_or_sentence(st, &err);
    if (st == FLOE_OK) { /* whatever was read can be written, and read again */
        fl_buf b = fl_buf_make(NULL);
        assert_ok(fl_uff_write(&b, g, &err), &err);
        fl_uff_free(parse_ok(b.data, b.size));
        fl_buf_free(&b);
    }
    fl_uff_free(g);
}

static void damaged_files_never_do_harm(void **state)
{
    const char *models = golden_shared_models();
    char path[PATH_MAX];
    size_t size, head = 4096, limit;

    fl_uff_graph *g = graph_with_everything();
    fl_buf all = write_ok(g);
    limit = 64 * all.size + 65536;
    damage(all.data, all.size, 2000, read_damaged, &limit);
    fl_buf_free(&all);
    fl_uff_free(g);
    if (!models)
        skip();
    snprintf(path, sizeof path, "%s/uff-allcnn/all_cnn.uff", models);
    uint8_t *data = read_whole(path, &size);
    limit = 16 * size;
    damage(data, size, 1000, read_damaged, &limit);
    uint64_t seed = 5;
    for (int i = 0; i < 1000; i++) { /* nearly all of the file is weights: also where its structure is */
        const size_t at = next_random(&seed) % head;
        const uint8_t bit = (uint8_t)(1u << next_random(&seed) % 8);
        data[at] ^= bit;
        read_damaged(data, size, &limit);
        data[at] ^= bit;
    }
    free(data);
    (void)state;
}

static void memory_that_runs_out_is_a_clean_error(void **state)
{
    fl_uff_graph *made = graph_with_everything();
    fl_buf file = write_ok(made);
    bool done = false;

    for (size_t k = 0; !done && k < 2000; k++) {
        failing f = {k, 0};
        floe_env env = failing_env(&f);
        fl_uff_graph *g = NULL;
        floe_error err = {0};
        fl_buf binary = fl_buf_make(&env), text = fl_buf_make(&env);
        floe_status st = fl_uff_parse(&g, &env, file.data, file.size, "oom.uff", &err);
        if (st == FLOE_OK)
            st = fl_uff_write(&binary, g, &err);
        if (st == FLOE_OK)
            st = fl_uff_write_text(&text, g, &err);
        done = st == FLOE_OK;
        if (!done)
            assert_int_equal(st, FLOE_ERR_MEMORY);
        else
            assert_memory_equal(binary.data, file.data, file.size);
        fl_buf_free(&binary);
        fl_buf_free(&text);
        fl_uff_free(g);
        assert_int_equal(f.live, 0);
    }
    assert_true(done);
    fl_buf_free(&file);
    fl_uff_free(made);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documented_bytes_are_written),
        cmocka_unit_test(every_kind_of_value_comes_back),
        cmocka_unit_test(references_in_circles_read_as_absent),
        cmocka_unit_test(the_same_graph_gives_the_same_bytes_in_any_order_of_building),
        cmocka_unit_test(two_nodes_of_one_id_are_refused),
        cmocka_unit_test(the_text_form_is_protobufs),
        cmocka_unit_test(real_files_come_back_byte_for_byte_but_for_map_order),
        cmocka_unit_test(a_real_file_reads_as_documented),
        cmocka_unit_test(broken_files_are_refused_with_a_sentence),
        cmocka_unit_test(files_of_other_kinds_are_named),
        cmocka_unit_test(a_node_with_thousands_of_fields_is_refused),
        cmocka_unit_test(unknown_members_and_unpacked_lists_are_accepted),
        cmocka_unit_test(damaged_files_never_do_harm),
        cmocka_unit_test(memory_that_runs_out_is_a_clean_error),
    };
    return cmocka_run_group_tests_name("uff format", tests, NULL, NULL);
}
