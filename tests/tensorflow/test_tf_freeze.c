/* test_tf_freeze.c - checkpoints and SavedModels are frozen; TensorFlow's own results are the judge.
 *
 * tests/golden/ckpt has a folder for each kind of checkpoint, with every variable as .npy and, where TensorFlow can do
 * it, its own frozen graph. Graphs frozen here are written to TEST_TMPDIR when that is set, so that
 * tools/oracle/check_frozen.py can run them.
 */
#include "tf_fixture.h"

#include "common/npy.h"
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
    size_t same = 0, graphs = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[PATH_MAX];
        fl_tf_graph *g = freeze_ok(cases[i], "expected");
        check_well_formed(g, cases[i]);
        put_text(path, sizeof path, GOLDEN "/%s/expected/frozen_by_tf.pb", cases[i]);
        if (fl_path_exists(path)) {
            same += check_against_tf(g, path);
            graphs++;
        }
        fl_tf_graph_free(g);
    }
    print_message("%zu constants equal those of %zu graphs that TensorFlow froze\n", same, graphs);
    assert_true(same > 200);
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
    freeze_fails(&(fl_tf_freeze_options){.folder = GOLDEN "/graph_pb", .graph_file = GOLDEN "/v2_ref/model.ckpt.meta",
                                         .outputs = output, .n_outputs = 1},
                 FLOE_ERR_NOT_FOUND, "has no value");
    (void)state;
}

/* ---- real models: pairs of a checkpoint and the graph that somebody froze from it */

typedef struct pair_case {
    const char *folder, *frozen, *output;
    size_t      at_least; /* constants that both have */
} pair_case;

static void real_checkpoints_freeze_to_what_their_authors_froze(void **state)
{
    static const pair_case pairs[] = {
        {"fsrcnn/CKPT_dir/x2", "fsrcnn/models/FSRCNN_x2.pb", "NCHW_output", 20},
        {"tf2onnx/tests/models/regression/checkpoint", "tf2onnx/tests/models/regression/graphdef/frozen.pb", "pred", 1},
    };
    char models[PATH_MAX], folder[2 * PATH_MAX], frozen[2 * PATH_MAX];

    if (!fixture_models(models, sizeof models))
        skip();
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        fl_tf_graph *g = NULL;
        floe_error err = {0};
        put_text(folder, sizeof folder, "%s/%s", models, pairs[i].folder);
        put_text(frozen, sizeof frozen, "%s/%s", models, pairs[i].frozen);
        const fl_tf_freeze_options o = {.folder = folder, .outputs = &pairs[i].output, .n_outputs = 1};
        assert_ok(fl_tf_freeze(&g, NULL, &o, &err), &err);
        check_well_formed(g, folder);
        const size_t same = check_against_tf(g, frozen);
        print_message("%s: %zu constants equal\n", pairs[i].frozen, same);
        assert_true(same >= pairs[i].at_least);
        fl_tf_graph_free(g);
    }
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
        cmocka_unit_test(real_checkpoints_freeze_to_what_their_authors_froze),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
