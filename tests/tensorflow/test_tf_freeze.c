/* test_tf_freeze.c - checkpoints and SavedModels are frozen; TensorFlow's own results are the judge.
 *
 * tests/golden/ckpt has a folder for each kind of checkpoint, with every variable as .npy and, where TensorFlow can do
 * it, its own frozen graph. Graphs frozen here are written to TEST_TMPDIR when that is set, so that
 * tools/oracle/check_frozen.py can run them.
 */
#include "tf_fixture.h"

#include "npy.h"
#include "tensorflow/tf_bundle.h"
#include "tensorflow/tf_checkpoint.h"
#include "tensorflow/tf_freeze.h"

#define GOLDEN    "tests/golden/ckpt"
#define NAMES_MAX 64

/* ---- cases */

typedef struct freeze_case {
    char                 folder[PATH_MAX], prefix[PATH_MAX], graph[PATH_MAX], signature[256], names[2048];
    const char          *outputs[NAMES_MAX];
    fl_tf_freeze_options options;
} freeze_case;

/* "a,b" into pointers to its parts. */
static size_t split_names(char *text, const char **out)
{
    size_t n = 0;
    for (char *part = strtok(text, ","); part && n < NAMES_MAX; part = strtok(NULL, ","))
        out[n++] = part;
    return n;
}

static void load_case(freeze_case *c, const char *name, const char *expected)
{
    char path[PATH_MAX], line[2048], key[64], value[1900];

    *c = (freeze_case){.options = {0}};
    put_text(path, sizeof path, GOLDEN "/%s/%s/freeze.txt", name, expected);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: not there", path);
    put_text(c->folder, sizeof c->folder, GOLDEN "/%s", name);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%63s %1899s", key, value) != 2)
            continue;
        if (strcmp(key, "folder") == 0 && strcmp(value, ".") != 0) {
            put_text(c->folder, sizeof c->folder, GOLDEN "/%s/%s", name, value);
        } else if (strcmp(key, "prefix") == 0) {
            put_text(c->prefix, sizeof c->prefix, "%s", value);
            c->options.prefix = c->prefix;
        } else if (strcmp(key, "graph") == 0) {
            put_text(c->graph, sizeof c->graph, GOLDEN "/%s/%s", name, value);
            c->options.graph_file = c->graph;
        } else if (strcmp(key, "outputs") == 0) {
            put_text(c->names, sizeof c->names, "%s", value);
            c->options.n_outputs = split_names(c->names, c->outputs);
        } else if (strcmp(key, "signature") == 0) {
            put_text(c->signature, sizeof c->signature, "%s", value);
            c->options.signature = c->signature;
        } else if (strcmp(key, "prefer_ema") == 0) {
            c->options.prefer_ema = value[0] == '1';
        }
    }
    fclose(f);
    c->options.folder = c->folder;
    c->options.outputs = c->outputs;
}

static void keep_frozen(const fl_tf_graph *g, const char *name)
{
    const char *dir = getenv("TEST_TMPDIR");
    char path[PATH_MAX];
    floe_error err = {0};
    fl_buf b = fl_buf_make(NULL);

    assert_ok(fl_tf_graph_write(&b, g, &err), &err);
    if (dir && *dir) {
        put_text(path, sizeof path, "%s/%s.pb", dir, name);
        assert_ok(fl_file_write(path, b.data, b.size, &err), &err);
    }
    fl_buf_free(&b);
}

static fl_tf_graph *freeze_ok(const char *name, const char *expected)
{
    freeze_case *c = malloc(sizeof *c);
    char kept[300];
    fl_tf_graph *g = NULL;
    floe_error err = {0};

    load_case(c, name, expected);
    if (fl_tf_freeze(&g, NULL, &c->options, &err) != FLOE_OK)
        fail_msg("%s: %s", name, err.message);
    put_text(kept, sizeof kept, "%s%s", name, strcmp(expected, "expected") ? "_ema" : "");
    keep_frozen(g, kept);
    free(c);
    return g;
}

/* ---- what a frozen graph must be */

static void check_well_formed(const fl_tf_graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_node; i++) {
        const fl_tf_node *n = &g->node[i];
        if (n->removed)
            continue;
        if (strstr(n->op, "Variable") || strstr(n->op, "VarHandle") || strncmp(n->op, "Assign", 6) == 0 ||
            strncmp(n->op, "Ref", 3) == 0 || strstr(n->op, "Restore") || strstr(n->op, "PartitionedCall"))
            fail_msg("%s: '%s' is a %s", name, n->name, n->op);
        if (strcmp(n->op, "Const") == 0 && (n->n_attr != 2 && !fl_tf_attr_type(n, "dtype", 0)))
            fail_msg("%s: constant '%s' without a type", name, n->name);
        for (size_t k = 0; k < n->n_input; k++) {
            if (n->input[k][0] == '^')
                fail_msg("%s: '%s' has a control input", name, n->name);
            if (!fl_tf_graph_input(g, n->input[k], NULL))
                fail_msg("%s: '%s' reads '%s'", name, n->name, n->input[k]);
        }
    }
    assert_int_equal(g->library.size, 0);
}

/* Constants of the same name in TensorFlow's frozen graph have the same bits; returns how many there are. */
static size_t check_against_tf(fl_tf_graph *g, const char *path)
{
    fl_tf_graph *tf = NULL;
    floe_error err = {0};
    size_t same = 0;

    assert_ok(fl_tf_graph_load(&tf, NULL, path, &err), &err);
    for (size_t i = 0; i < tf->n_node; i++) {
        fl_tf_tensor ours, theirs;
        const fl_tf_node *n = fl_tf_graph_find(g, tf->node[i].name);
        if (strcmp(tf->node[i].op, "Const") || !n || strcmp(n->op, "Const"))
            continue;
        assert_ok(fl_tf_const_value(tf, &tf->node[i], &theirs, &err), &err);
        assert_ok(fl_tf_const_value(g, n, &ours, &err), &err);
        if (ours.dtype != theirs.dtype || ours.rank != theirs.rank || ours.bytes != theirs.bytes ||
            memcmp(ours.dim, theirs.dim, (size_t)ours.rank * sizeof *ours.dim) != 0 ||
            (ours.data && memcmp(ours.data, theirs.data, ours.bytes) != 0))
            fail_msg("%s: constant '%s' differs", path, n->name);
        same++;
    }
    fl_tf_graph_free(tf);
    return same;
}

/* Every numeric constant of TensorFlow's frozen graph with more than one element is in ours, by whatever name:
 * functions are inlined under other names there. Returns how many. */
static size_t check_values_against_tf(fl_tf_graph *g, const char *path)
{
    fl_tf_graph *tf = NULL;
    floe_error err = {0};
    size_t found = 0;

    assert_ok(fl_tf_graph_load(&tf, NULL, path, &err), &err);
    for (size_t i = 0; i < tf->n_node; i++) {
        fl_tf_tensor ours, theirs;
        bool same = false;
        if (strcmp(tf->node[i].op, "Const"))
            continue;
        assert_ok(fl_tf_const_value(tf, &tf->node[i], &theirs, &err), &err);
        if (!theirs.data || theirs.count < 2)
            continue;
        for (size_t k = 0; k < g->n_node && !same; k++) {
            if (g->node[k].removed || strcmp(g->node[k].op, "Const"))
                continue;
            assert_ok(fl_tf_const_value(g, &g->node[k], &ours, &err), &err);
            same = ours.dtype == theirs.dtype && ours.rank == theirs.rank && ours.bytes == theirs.bytes &&
                   memcmp(ours.dim, theirs.dim, (size_t)ours.rank * sizeof *ours.dim) == 0 &&
                   memcmp(ours.data, theirs.data, ours.bytes) == 0;
        }
        if (!same)
            fail_msg("%s: the value of '%s' is in no constant of ours", path, tf->node[i].name);
        found++;
    }
    fl_tf_graph_free(tf);
    return found;
}

/* ---- variables */

static bool same_as_npy(const fl_tf_tensor *t, const npy_array *a)
{
    if (t->rank != a->rank || (size_t)t->count != a->count || t->bytes != a->count * (size_t)a->item_bytes)
        return false;
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] != a->dim[i])
            return false;
    return memcmp(t->data, a->data, t->bytes) == 0;
}

/* Each .npy of a case is a variable of its checkpoint: "net/conv" is written "net__conv". */
static size_t check_values(const char *name)
{
    char dir[PATH_MAX], path[2 * PATH_MAX], why[300];
    freeze_case *c = malloc(sizeof *c);
    fl_tf_checkpoint found;
    fl_tf_bundle *b = NULL;
    fl_arena arena;
    floe_error err = {0};
    size_t checked = 0;

    load_case(c, name, "expected");
    fl_arena_init(&arena, NULL);
    put_text(dir, sizeof dir, "%s/variables", c->folder);
    const bool saved = fl_path_is_folder(dir);
    assert_ok(fl_tf_checkpoint_find(&found, &arena, NULL, saved ? dir : c->folder, c->options.prefix, &err), &err);
    assert_ok(fl_tf_bundle_open(&b, NULL, found.prefix, &err), &err);
    put_text(dir, sizeof dir, GOLDEN "/%s/expected/values", name);
    for (size_t i = 0; i < b->n_var; i++) {
        char file[PATH_MAX];
        size_t n = 0;
        for (const char *s = b->var[i].name; *s && n < sizeof file - 3; s++) {
            if (*s == '/')
                file[n++] = '_';
            file[n++] = *s == '/' ? '_' : *s;
        }
        file[n] = 0;
        put_text(path, sizeof path, "%s/%s.npy", dir, file);
        fl_tf_tensor t;
        npy_array a;
        assert_ok(fl_tf_bundle_read(b, &b->var[i], NULL, &arena, &t, &err), &err);
        if (t.dtype == FL_TF_STRING)
            continue;
        if (!npy_load(&a, path, why, sizeof why))
            fail_msg("%s: %s", name, why);
        if (!same_as_npy(&t, &a))
            fail_msg("%s: variable '%s' differs from %s", name, b->var[i].name, path);
        npy_free(&a);
        checked++;
    }
    fl_tf_bundle_free(b);
    fl_arena_free(&arena);
    free(c);
    return checked;
}

/* ---- the golden cases */

static const char *const cases[] = {
    "v2_ref", "v2_resource", "v2_two_shards", "v2_three_shards", "v2_partitioned_rows", "v2_partitioned_columns",
    "v2_partitioned_shards", "v2_snappy", "v2_blocks", "v2_blocks_snappy", "v2_aligned", "v2_big_endian",
    "v1_single", "v1_sharded", "v1_partitioned", "v2_types", "v1_types", "v2_ema_saver", "v2_ema_extra", "several",
    "stale_path", "graph_pb", "graph_pbtxt", "training_ref", "training_resource", "training_if", "object_based",
    "savedmodel_tf1", "savedmodel_tf2", "savedmodel_tf2_blocks", "savedmodel_tf2_same_names",
    "savedmodel_keras3_export", "savedmodel_keras3_save",
};

static void every_variable_of_the_golden_checkpoints_has_its_bits(void **state)
{
    size_t checked = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        checked += check_values(cases[i]);
    checked += check_values("savedmodel_tf2_while");
    print_message("%zu variables\n", checked);
    assert_true(checked > 100);
    (void)state;
}

static void every_golden_case_freezes_with_tensorflows_constants(void **state)
{
    size_t same = 0, values = 0, graphs = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[PATH_MAX];
        fl_tf_graph *g = freeze_ok(cases[i], "expected");
        check_well_formed(g, cases[i]);
        put_text(path, sizeof path, GOLDEN "/%s/expected/frozen_by_tf.pb", cases[i]);
        if (fl_path_exists(path)) {
            const size_t by_value = check_values_against_tf(g, path);
            if (by_value == 0)
                fail_msg("%s: nothing to compare", path);
            same += check_against_tf(g, path);
            values += by_value;
            graphs++;
        }
        fl_tf_graph_free(g);
    }
    print_message("%zu constants by name and %zu by value equal those of %zu graphs that TensorFlow froze\n", same,
                  values, graphs);
    assert_int_equal(graphs, 30);
    (void)state;
}

static void moving_averages_are_taken_on_request(void **state)
{
    char path[PATH_MAX];
    fl_tf_graph *g = freeze_ok("v2_ema_extra", "expected_ema");

    put_text(path, sizeof path, GOLDEN "/v2_ema_extra/expected_ema/frozen_by_tf.pb");
    check_well_formed(g, "v2_ema_extra");
    if (fl_path_exists(path))
        assert_true(check_against_tf(g, path) > 0);
    fl_tf_graph_free(g);
    (void)state;
}

static void functional_loops_are_refused_by_name(void **state)
{
    freeze_case *c = malloc(sizeof *c);
    fl_tf_graph *g = NULL;
    floe_error err = {0};

    load_case(c, "savedmodel_tf2_while", "expected");
    assert_int_equal(fl_tf_freeze(&g, NULL, &c->options, &err), FLOE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "While"));
    free(c);
    (void)state;
}

/* ---- sentences */

static void freeze_fails(const fl_tf_freeze_options *o, floe_status expected, const char *part)
{
    fl_tf_graph *g = NULL;
    floe_error err = {0};
    const floe_status st = fl_tf_freeze(&g, NULL, o, &err);

    if (st != expected || !strstr(err.message, part))
        fail_msg("status %d: %s\nexpected status %d and '%s'", (int)st, err.message, (int)expected, part);
}

static void failures_say_what_would_have_worked(void **state)
{
    const char *const output[] = {"output"}, *const misspelt[] = {"outptu:0"};

    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN "/v2_ref", .outputs = misspelt, .n_outputs = 1},
                 FLOE_ERR_NOT_FOUND, "did you mean 'output'");
    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN "/v2_ref"}, FLOE_ERR_ARGUMENT, "no outputs");
    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN "/nowhere", .outputs = output, .n_outputs = 1},
                 FLOE_ERR_NOT_FOUND, "nowhere");
    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN, .outputs = output, .n_outputs = 1}, FLOE_ERR_NOT_FOUND,
                 "no checkpoint in this folder");
    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN "/object_based", .outputs = output, .n_outputs = 1},
                 FLOE_ERR_UNSUPPORTED, "SavedModel");
    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN "/graph_pb", .outputs = output, .n_outputs = 1},
                 FLOE_ERR_NOT_FOUND, "give a graph file");
    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN "/several", .prefix = "model.ckpt-11", .outputs = output,
                                         .n_outputs = 1},
                 FLOE_ERR_NOT_FOUND, "model.ckpt-10");
    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN "/savedmodel_tf2", .tags = "serve,gpu"}, FLOE_ERR_NOT_FOUND,
                 "{serve}");
    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN "/savedmodel_tf2", .signature = "nothing"},
                 FLOE_ERR_NOT_FOUND, "'serving_default'");
    (void)state;
}

/* ---- graphs written here, over the variables of a golden checkpoint: net/conv/bias is float [?], and so on */

#define DTYPE(type)          "attr { key: 'dtype' value { type: " type " } } "
#define VARIABLE(name, type) "node { name: '" name "' op: 'VariableV2' " DTYPE(type) "}\n"
#define NODE(name, op, inputs) "node { name: '" name "' op: '" op "' " inputs " }\n"
#define IN(a)            "input: '" a "' "
#define T_FLOAT          "attr { key: 'T' value { type: DT_FLOAT } } "
#define FLOAT_CONST(name, value) \
    "node { name: '" name "' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'value' value { " \
    "tensor { dtype: DT_FLOAT tensor_shape { } float_val: " value " } } } }\n"
#define PLACEHOLDER(name, type) "node { name: '" name "' op: 'Placeholder' " DTYPE(type) "}\n"

static floe_status freeze_text(fl_tf_graph **out, const char *text, const char *outputs, floe_error *err)
{
    char path[PATH_MAX], names[256];
    const char *list[8];

    put_text(path, sizeof path, "%s/floe-test-graph-%d.pbtxt", fixture_tmp(), (int)getpid());
    put_text(names, sizeof names, "%s", outputs);
    assert_ok(fl_file_write(path, text, strlen(text), err), err);
    const fl_tf_freeze_options o = {.folder = GOLDEN "/graph_pb", .graph_file = path, .outputs = list,
                                    .n_outputs = split_names(names, list)};
    const floe_status st = fl_tf_freeze(out, NULL, &o, err);
    unlink(path);
    return st;
}

static fl_tf_graph *freeze_text_ok(const char *text, const char *outputs)
{
    fl_tf_graph *g = NULL;
    floe_error err = {0};
    assert_ok(freeze_text(&g, text, outputs, &err), &err);
    check_well_formed(g, "text");
    return g;
}

static void freeze_text_fails(const char *text, const char *outputs, floe_status expected, const char *part)
{
    fl_tf_graph *g = NULL;
    floe_error err = {0};
    const floe_status st = freeze_text(&g, text, outputs, &err);
    if (st != expected || !strstr(err.message, part))
        fail_msg("status %d: %s\nexpected status %d and '%s'", (int)st, err.message, (int)expected, part);
}

static size_t live_nodes(const fl_tf_graph *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_node; i++)
        n += !g->node[i].removed;
    return n;
}

static void node_is(const fl_tf_graph *g, const char *name, const char *op, const char *first_input)
{
    const fl_tf_node *n = fl_tf_graph_find(g, name);
    if (!n || strcmp(n->op, op) != 0 || (first_input && (n->n_input < 1 || strcmp(n->input[0], first_input) != 0)))
        fail_msg("'%s' is %s of '%s', expected %s of '%s'", name, n ? n->op : "absent",
                 n && n->n_input ? n->input[0] : "", op, first_input ? first_input : "");
}

static void missing_variables_are_named_with_the_nearest_key(void **state)
{
    freeze_text_fails(VARIABLE("net/dense/kernal", "DT_FLOAT") NODE("output", "Identity", IN("net/dense/kernal")),
                      "output", FLOE_ERR_NOT_FOUND, "'net/dense/kernal' has no value");
    freeze_text_fails(VARIABLE("net/dense/kernal", "DT_FLOAT") NODE("output", "Identity", IN("net/dense/kernal")),
                      "output", FLOE_ERR_NOT_FOUND, "the nearest is 'net/dense/kernel'");
    freeze_text_fails(VARIABLE("net/dense/kernel", "DT_INT32") NODE("output", "Identity", IN("net/dense/kernel")),
                      "output", FLOE_ERR_SHAPE, "DT_INT32");
    /* what the outputs do not need may be missing */
    fl_tf_graph_free(freeze_text_ok(VARIABLE("nothing", "DT_FLOAT") VARIABLE("net/dense/kernel", "DT_FLOAT")
                                        NODE("output", "Identity", IN("net/dense/kernel")), "output"));
    (void)state;
}

static void a_constant_initializer_stands_in_for_a_missing_value(void **state)
{
    static const char text[] =
        VARIABLE("step", "DT_FLOAT") FLOAT_CONST("init", "2.5") NODE("step/Assign", "Assign", IN("step") IN("init"))
        NODE("output", "Identity", IN("step") T_FLOAT);
    fl_tf_graph *g = freeze_text_ok(text, "output");
    fl_tf_tensor t;
    floe_error err = {0};
    const float expected = 2.5f;

    node_is(g, "step", "Const", NULL);
    assert_ok(fl_tf_const_value(g, fl_tf_graph_find(g, "step"), &t, &err), &err);
    assert_memory_equal(t.data, &expected, sizeof expected);
    assert_int_equal(live_nodes(g), 2);
    fl_tf_graph_free(g);
    (void)state;
}

/* x goes through a Switch on a training flag; each branch adds something, a Merge joins them. */
#define BRANCHES(flag) \
    PLACEHOLDER("x", "DT_FLOAT") PLACEHOLDER(flag, "DT_BOOL") \
    NODE("sw", "Switch", IN("x") IN(flag) T_FLOAT) NODE("f", "Identity", IN("sw:0") T_FLOAT) \
    NODE("t", "Identity", IN("sw:1") T_FLOAT) \
    "node { name: 'ct' op: 'Const' input: '^t' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'value' " \
    "value { tensor { dtype: DT_FLOAT tensor_shape { } } } } }\n" \
    NODE("train", "Add", IN("t") IN("ct") T_FLOAT) NODE("infer", "Neg", IN("f") T_FLOAT) \
    NODE("merge", "Merge", IN("infer") IN("train") T_FLOAT "attr { key: 'N' value { i: 2 } } ")

static void branches_of_training_are_cut_off(void **state)
{
    fl_tf_graph *g = freeze_text_ok(BRANCHES("net/is_training") NODE("output", "Relu", IN("merge") T_FLOAT), "output");

    node_is(g, "output", "Relu", "infer");
    node_is(g, "infer", "Neg", "f");
    node_is(g, "f", "Identity", "x");
    assert_int_equal(live_nodes(g), 4);
    fl_tf_graph_free(g);

    /* the Merge itself is an output: it keeps its name and place. So does a question for its index. */
    g = freeze_text_ok(BRANCHES("is_training") NODE("which", "Identity", IN("merge:1")), "merge,which");
    node_is(g, "merge", "Identity", "infer");
    fl_tf_tensor t;
    floe_error err = {0};
    int32_t index = -1;
    const fl_tf_node *which = fl_tf_graph_find(g, "which");
    assert_ok(fl_tf_const_value(g, fl_tf_graph_input(g, which->input[0], NULL), &t, &err), &err);
    assert_int_equal(t.bytes, sizeof index);
    memcpy(&index, t.data, sizeof index);
    assert_int_equal(index, 0);
    fl_tf_graph_free(g);

    /* a predicate that is no flag stays a question of run time */
    g = freeze_text_ok(BRANCHES("is_eval") NODE("output", "Relu", IN("merge") T_FLOAT), "output");
    node_is(g, "output", "Relu", "merge");
    node_is(g, "merge", "Merge", "infer");
    fl_tf_graph_free(g);

    freeze_text_fails(BRANCHES("is_training"), "train", FLOE_ERR_UNSUPPORTED, "does not take");
    (void)state;
}

static void state_that_is_assigned_before_it_is_read_is_refused(void **state)
{
    static const char text[] =
        VARIABLE("net/dense/bias", "DT_FLOAT") FLOAT_CONST("one", "1")
        NODE("add", "AssignAdd", IN("net/dense/bias") IN("one") T_FLOAT)
        NODE("output", "Identity", IN("net/dense/bias") IN("^add") T_FLOAT)
        NODE("before", "Identity", IN("net/dense/bias") T_FLOAT)
        NODE("after", "Relu", IN("before") IN("^add") T_FLOAT);

    freeze_text_fails(text, "output", FLOE_ERR_UNSUPPORTED, "keeps state");
    fl_tf_graph *g = freeze_text_ok(text, "after"); /* read before, and only waiting for the assignment */
    assert_int_equal(live_nodes(g), 3);
    fl_tf_graph_free(g);
    g = freeze_text_ok(text, "add"); /* asked for, it is the sum */
    node_is(g, "add", "Add", "net/dense/bias");
    fl_tf_graph_free(g);
    (void)state;
}

#define UNIFORM NODE("u", "RandomUniform", IN("shape")) FLOAT_CONST("shape", "1")

static void dropouts_of_all_eras_pass_their_input_on(void **state)
{
    static const char *const eras[] = {
        PLACEHOLDER("x", "DT_FLOAT") PLACEHOLDER("keep_prob", "DT_FLOAT") UNIFORM
            NODE("sum", "Add", IN("keep_prob") IN("u")) NODE("floor", "Floor", IN("sum"))
            NODE("div", "RealDiv", IN("x") IN("keep_prob")) NODE("drop", "Mul", IN("div") IN("floor") T_FLOAT),
        PLACEHOLDER("x", "DT_FLOAT") FLOAT_CONST("rate", "0.2") FLOAT_CONST("scale", "1.25") UNIFORM
            NODE("ge", "GreaterEqual", IN("u") IN("rate")) NODE("cast", "Cast", IN("ge"))
            NODE("mul", "Mul", IN("x") IN("scale")) NODE("drop", "Mul", IN("mul") IN("cast") T_FLOAT),
        PLACEHOLDER("x", "DT_FLOAT") FLOAT_CONST("rate", "0.2") FLOAT_CONST("one", "1") FLOAT_CONST("zero", "0") UNIFORM
            NODE("ge", "GreaterEqual", IN("u") IN("rate")) NODE("keep", "Sub", IN("one") IN("rate"))
            NODE("div", "RealDiv", IN("x") IN("keep"))
            NODE("drop", "SelectV2", IN("ge") IN("div") IN("zero") T_FLOAT),
    };

    for (size_t i = 0; i < sizeof eras / sizeof eras[0]; i++) {
        char text[4096];
        put_text(text, sizeof text, "%s%s", eras[i], NODE("output", "Relu", IN("drop") T_FLOAT));
        fl_tf_graph *g = freeze_text_ok(text, "output");
        node_is(g, "output", "Relu", "x");
        assert_int_equal(live_nodes(g), 2);
        fl_tf_graph_free(g);
    }
    /* a scale that does not belong to the mask: no dropout, so it stays */
    fl_tf_graph *g = freeze_text_ok(
        PLACEHOLDER("x", "DT_FLOAT") FLOAT_CONST("rate", "0.2") FLOAT_CONST("scale", "3") UNIFORM
            NODE("ge", "GreaterEqual", IN("u") IN("rate")) NODE("cast", "Cast", IN("ge"))
            NODE("mul", "Mul", IN("x") IN("scale")) NODE("output", "Mul", IN("mul") IN("cast") T_FLOAT), "output");
    node_is(g, "output", "Mul", "mul");
    fl_tf_graph_free(g);
    (void)state;
}

static void checks_prints_and_reference_ops_become_plain(void **state)
{
    fl_tf_graph *g = freeze_text_ok(
        VARIABLE("net/dense/bias", "DT_FLOAT") NODE("ref", "RefIdentity", IN("net/dense/bias") T_FLOAT)
            NODE("check", "CheckNumerics", IN("ref") T_FLOAT) NODE("print", "Print", IN("check") IN("ref") T_FLOAT)
            "node { name: 'output' op: 'Relu' input: 'print' device: '/gpu:0' attr { key: 'T' value { type: DT_FLOAT } "
            "} attr { key: '_class' value { list { s: 'loc:@net/dense/bias' } } } }\n", "output,check");

    node_is(g, "output", "Relu", "ref");
    node_is(g, "ref", "Identity", "net/dense/bias");
    node_is(g, "check", "Identity", "ref"); /* asked for by name */
    assert_null(fl_tf_graph_find(g, "print"));
    fl_bytes value;
    assert_false(fl_tf_attr_find(fl_tf_graph_find(g, "output"), "_class", &value));
    assert_string_equal(fl_tf_graph_find(g, "output")->device, "");
    fl_tf_graph_free(g);
    (void)state;
}

static void functions_are_inlined_and_recursion_is_refused(void **state)
{
    static const char call[] = PLACEHOLDER("x", "DT_FLOAT") NODE("call", "f", IN("x"))
        NODE("output", "Relu", IN("call") T_FLOAT);
    static const char head[] = "library { function { signature { name: 'f' input_arg { name: 'a' type: DT_FLOAT } "
                               "output_arg { name: 'r' type: DT_FLOAT } } ";
    char text[4096];

    put_text(text, sizeof text, "%s%s%s", call, head,
             "node_def { name: 's' op: 'Switch' input: 'a' input: 'a' } "
             "node_def { name: 'n' op: 'Neg' input: 's:output_true:0' } ret { key: 'r' value: 'n:y:0' } } }");
    fl_tf_graph *g = freeze_text_ok(text, "output");
    node_is(g, "output", "Relu", "call/n");
    node_is(g, "call/n", "Neg", "call/s:1"); /* the second output argument */
    fl_tf_graph_free(g);

    put_text(text, sizeof text, "%s%s%s", call, head,
             "node_def { name: 'n' op: 'f' input: 'a' } ret { key: 'r' value: 'n:r:0' } } }");
    freeze_text_fails(text, "output", FLOE_ERR_UNSUPPORTED, "calls itself");
    put_text(text, sizeof text, "%s%s%s", call, head, "ret { key: 'r' value: 'nothing:y:0' } } }");
    freeze_text_fails(text, "output", FLOE_ERR_FORMAT, "'nothing:y:0' names no tensor");
    put_text(text, sizeof text, "%s%s%s", call, head,
             "node_def { name: 'n' op: 'TopKV2' input: 'a' } ret { key: 'r' value: 'n:no_such:0' } } }");
    freeze_text_fails(text, "output", FLOE_ERR_FORMAT, "no output 'no_such'");
    (void)state;
}

/* f0 calls f1 twice, f1 calls f2 twice, ...: 2^40 nodes out of a small file. */
static void functions_that_explode_are_refused(void **state)
{
    fl_buf b = fl_buf_make(NULL);

    fl_put_text(&b, PLACEHOLDER("x", "DT_FLOAT") NODE("output", "f0", IN("x")) "library {\n");
    for (int i = 0; i < 40; i++)
        fl_put_format(&b, "function { signature { name: 'f%d' input_arg { name: 'a' type: DT_FLOAT } output_arg { "
                          "name: 'r' type: DT_FLOAT } } node_def { name: 'p' op: '%s%d' input: 'a' } node_def { name: 'q' "
                          "op: '%s%d' input: 'p:r:0' } ret { key: 'r' value: 'q:r:0' } }\n",
                      i, i < 39 ? "f" : "Neg", i + 1, i < 39 ? "f" : "Neg", i + 1);
    fl_put_text(&b, "}");
    fl_put_u8(&b, 0);
    freeze_text_fails((const char *)b.data, "output", FLOE_ERR_LIMIT, "expand to more than");
    fl_buf_free(&b);
    (void)state;
}

/* ---- real models: checkpoints, some with the graph that somebody froze from them */

typedef struct real_case {
    const char *folder, *frozen, *output;
    size_t      variables, constants; /* at least: constants that are variables, and that frozen has too */
} real_case;

/* Constants that are called like a variable of the checkpoint have its bits; returns how many. */
static size_t check_against_checkpoint(fl_tf_graph *g, const char *folder)
{
    fl_tf_checkpoint found;
    fl_tf_bundle *b = NULL;
    fl_arena arena;
    floe_error err = {0};
    size_t same = 0;

    fl_arena_init(&arena, NULL);
    assert_ok(fl_tf_checkpoint_find(&found, &arena, NULL, folder, NULL, &err), &err);
    assert_ok(fl_tf_bundle_open(&b, NULL, found.prefix, &err), &err);
    for (size_t i = 0; i < b->n_var; i++) {
        fl_tf_tensor value, constant;
        const fl_tf_node *n = fl_tf_graph_find(g, b->var[i].name);
        if (!n)
            continue;
        assert_ok(fl_tf_bundle_read(b, &b->var[i], NULL, &arena, &value, &err), &err);
        assert_ok(fl_tf_const_value(g, n, &constant, &err), &err);
        assert_int_equal(constant.dtype, value.dtype);
        assert_int_equal(constant.bytes, value.bytes);
        assert_memory_equal(constant.data, value.data, value.bytes);
        same++;
    }
    fl_tf_bundle_free(b);
    fl_arena_free(&arena);
    return same;
}

static void real_checkpoints_freeze_to_their_variables_and_what_their_authors_froze(void **state)
{
    static const real_case pairs[] = {
        {"fsrcnn/CKPT_dir/x2", "fsrcnn/models/FSRCNN_x2.pb", "NCHW_output", 23, 31},
        {"tf2onnx/tests/models/regression/checkpoint", "tf2onnx/tests/models/regression/graphdef/frozen.pb", "pred", 2,
         2},
        {"cppflow/examples/mnist/checkpoint", NULL, "dense_2/Softmax", 6, 0},
    };
    char models[PATH_MAX], folder[2 * PATH_MAX], frozen[2 * PATH_MAX];

    if (!fixture_models(models, sizeof models))
        skip();
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        fl_tf_graph *g = NULL;
        floe_error err = {0};
        put_text(folder, sizeof folder, "%s/%s", models, pairs[i].folder);
        put_text(frozen, sizeof frozen, "%s/%s", models, pairs[i].frozen ? pairs[i].frozen : "");
        const fl_tf_freeze_options o = {.folder = folder, .outputs = &pairs[i].output, .n_outputs = 1};
        assert_ok(fl_tf_freeze(&g, NULL, &o, &err), &err);
        check_well_formed(g, folder);
        const size_t variables = check_against_checkpoint(g, folder);
        const size_t constants = pairs[i].frozen ? check_against_tf(g, frozen) : 0;
        print_message("%s: %zu variables, %zu constants equal\n", pairs[i].folder, variables, constants);
        assert_true(variables >= pairs[i].variables && constants >= pairs[i].constants);
        fl_tf_graph_free(g);
    }
    (void)state;
}

typedef struct saved_totals {
    size_t frozen, refused;
} saved_totals;

/* Every SavedModel freezes, or says why not: another tag set, or several signatures. */
static void freeze_saved_model(const char *path, void *arg)
{
    saved_totals *sum = arg;
    fl_tf_graph *g = NULL;
    floe_error err = {0};
    char folder[PATH_MAX];

    if (!strstr(path, "/saved_model.pb"))
        return;
    put_text(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    const fl_tf_freeze_options o = {.folder = folder};
    const floe_status st = fl_tf_freeze(&g, NULL, &o, &err);
    if (st != FLOE_OK && !strstr(err.message, "several signatures") && !strstr(err.message, "exactly the tags"))
        fail_msg("%s", err.message);
    sum->frozen += st == FLOE_OK;
    sum->refused += st != FLOE_OK;
    if (st == FLOE_OK)
        check_well_formed(g, path);
    if (st == FLOE_OK && strstr(path, "half_plus_two")) {
        size_t inputs = 0; /* the signature's x, not the tf.Example in front of it */
        for (size_t i = 0; i < g->n_node; i++)
            inputs += !g->node[i].removed && strcmp(g->node[i].op, "Placeholder") == 0;
        assert_int_equal(inputs, 1);
        node_is(g, "x", "Placeholder", NULL);
    }
    fl_tf_graph_free(g);
}

static void every_shared_saved_model_freezes(void **state)
{
    char models[PATH_MAX];
    saved_totals sum = {0, 0};

    if (!fixture_models(models, sizeof models))
        skip();
    walk_files(models, freeze_saved_model, &sum);
    print_message("%zu SavedModels frozen, %zu refused\n", sum.frozen, sum.refused);
    assert_true(sum.frozen >= 19);
    (void)state;
}

/* ---- memory */

typedef struct failing {
    size_t left; /* allocations that still succeed */
    size_t live; /* and were not freed */
} failing;

static void *failing_alloc(void *user, size_t bytes, size_t align)
{
    failing *m = user;
    void *ptr = NULL;
    if (m->left == 0)
        return NULL;
    m->left--;
    m->live++;
    return posix_memalign(&ptr, align, bytes ? bytes : 1) == 0 ? ptr : NULL;
}

static void failing_free(void *user, void *ptr)
{
    failing *m = user;
    m->live -= ptr != NULL;
    free(ptr);
}

static void every_allocation_may_fail(void **state)
{
    static const char *const some[] = {"v2_partitioned_shards", "v1_sharded", "training_if", "object_based",
                                       "graph_pbtxt", "savedmodel_keras3_save", "savedmodel_tf2_blocks"};

    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        freeze_case *c = malloc(sizeof *c);
        floe_status st = FLOE_ERR_MEMORY;
        size_t k = 0;
        load_case(c, some[i], "expected");
        for (; st != FLOE_OK; k++) {
            failing memory = {k, 0};
            const floe_env env = {.alloc = failing_alloc, .free = failing_free, .alloc_user = &memory};
            fl_tf_graph *g = NULL;
            floe_error err = {0};
            st = fl_tf_freeze(&g, &env, &c->options, &err);
            if (st != FLOE_OK && st != FLOE_ERR_MEMORY)
                fail_msg("%s: allocation %zu: status %d: %s", some[i], k, (int)st, err.message);
            assert_ok_or_sentence(st, &err);
            fl_tf_graph_free(g);
            if (memory.live != 0)
                fail_msg("%s: allocation %zu: %zu blocks were not freed", some[i], k, memory.live);
            assert_true(k < 10000);
        }
        assert_true(k > 20);
        free(c);
    }
    (void)state;
}

/* ---- damage */

typedef struct damage_target {
    char     dir[PATH_MAX], path[PATH_MAX];
    floe_env env;
} damage_target;

static void copy_into(const char *from, const char *to)
{
    size_t size;
    floe_error err = {0};
    uint8_t *data = read_whole(from, &size);
    assert_ok(fl_file_write(to, data, size, &err), &err);
    free(data);
}

static void freeze_damaged(const uint8_t *data, size_t size, void *arg)
{
    damage_target *t = arg;
    fl_tf_graph *g = NULL;
    floe_error err = {0};
    const char *const outputs[] = {"output"};
    FILE *f = fopen(t->path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
    const bool saved = ends_with(t->path, "saved_model.pb");
    const fl_tf_freeze_options o = {.folder = t->dir, .outputs = outputs, .n_outputs = saved ? 0 : 1};
    const floe_status st = fl_tf_freeze(&g, &t->env, &o, &err);
    assert_ok_or_sentence(st, &err);
    if (st == FLOE_OK) {
        fl_buf b = fl_buf_make(NULL);
        assert_ok_or_sentence(fl_tf_graph_write(&b, g, &err), &err);
        fl_buf_free(&b);
    }
    fl_tf_graph_free(g);
}

/* files: names inside the case's folder, the first one is damaged. */
static void damage_case(const char *name, const char *const *files, int flips)
{
    damage_target t;
    char from[2 * PATH_MAX], to[2 * PATH_MAX];
    size_t size, limit = (size_t)64 << 20;

    t.env = limited_env(&limit);
    put_text(t.dir, sizeof t.dir, "%s/floe-test-freeze-%d", fixture_tmp(), (int)getpid());
    put_text(to, sizeof to, "%s/variables", t.dir);
    mkdir(t.dir, 0700);
    mkdir(to, 0700);
    for (size_t i = 0; files[i]; i++) {
        put_text(from, sizeof from, GOLDEN "/%s/%s", name, files[i]);
        put_text(to, sizeof to, "%s/%s", t.dir, files[i]);
        copy_into(from, to);
    }
    put_text(t.path, sizeof t.path, "%s/%s", t.dir, files[0]);
    uint8_t *data = read_whole(t.path, &size);
    damage(data, size, flips, freeze_damaged, &t);
    free(data);
    for (size_t i = 0; files[i]; i++) {
        put_text(to, sizeof to, "%s/%s", t.dir, files[i]);
        unlink(to);
    }
    put_text(to, sizeof to, "%s/variables", t.dir);
    rmdir(to);
    assert_int_equal(rmdir(t.dir), 0);
}

static void damaged_models_are_refused_or_frozen_without_harm(void **state)
{
    damage_case("v2_ref", (const char *const[]){"model.ckpt.meta", "model.ckpt.index", "model.ckpt.data-00000-of-00001",
                                                "checkpoint", NULL}, 2000);
    damage_case("training_if", (const char *const[]){"model.ckpt-4.meta", "model.ckpt-4.index",
                                                     "model.ckpt-4.data-00000-of-00001", "checkpoint", NULL}, 2000);
    damage_case("v2_ref", (const char *const[]){"checkpoint", "model.ckpt.index", "model.ckpt.data-00000-of-00001",
                                                "model.ckpt.meta", NULL}, 2000);
    damage_case("savedmodel_keras3_save",
                (const char *const[]){"saved_model.pb", "variables/variables.index",
                                      "variables/variables.data-00000-of-00001", NULL}, 2000);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_variable_of_the_golden_checkpoints_has_its_bits),
        cmocka_unit_test(every_golden_case_freezes_with_tensorflows_constants),
        cmocka_unit_test(moving_averages_are_taken_on_request),
        cmocka_unit_test(functional_loops_are_refused_by_name),
        cmocka_unit_test(failures_say_what_would_have_worked),
        cmocka_unit_test(missing_variables_are_named_with_the_nearest_key),
        cmocka_unit_test(a_constant_initializer_stands_in_for_a_missing_value),
        cmocka_unit_test(branches_of_training_are_cut_off),
        cmocka_unit_test(state_that_is_assigned_before_it_is_read_is_refused),
        cmocka_unit_test(dropouts_of_all_eras_pass_their_input_on),
        cmocka_unit_test(checks_prints_and_reference_ops_become_plain),
        cmocka_unit_test(functions_are_inlined_and_recursion_is_refused),
        cmocka_unit_test(functions_that_explode_are_refused),
        cmocka_unit_test(every_shared_saved_model_freezes),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(damaged_models_are_refused_or_frozen_without_harm),
        cmocka_unit_test(real_checkpoints_freeze_to_their_variables_and_what_their_authors_froze),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
