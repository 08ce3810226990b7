/* test_shared_dl4j.c - the operator and layer tests that the dl4j project froze with TensorFlow, file to answer.
 *
 * Each folder under dl4j/src/main/resources/tf_graphs/examples is one graph: frozen_model.pb, what TensorFlow computed
 * for it (<node>.prediction.csv, <node>.<port>.prediction.csv; a node's slashes are folders), its inputs
 * (<node>.placeholder.csv) and element types (dtypes). Most have no placeholder but constants in_0, in_1, ... whose
 * values are stored beside them (in_N.0.prediction_inbw.csv). So every graph runs twice: as it stands, where constant
 * folding computes all of it and the network has no input, and with those constants turned into inputs, where the
 * engine does.
 *
 * Tolerance: 1e-3 of the largest value. The values are printed with 8 decimals, but they were computed by TensorFlow
 * builds of 2018 to 2020 on unknown machines, whose exp, tanh and sums over several hundred terms we cannot repeat, and
 * some outputs (variances, cosine distances) are small differences of sums a hundred times larger than themselves.
 *
 * Usage: test_shared_dl4j [PART]: all graphs, or those whose folder contains PART, each with its outcome.
 */
#include "csv.h"
#include "golden.h"
#include "op_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE  1e-3
#define MAX_GRAPHS 1024

static const char *only_part;
static char *folders[MAX_GRAPHS]; /* sorted */
static size_t n_folders;

/* ---- what a folder holds */

static int collect_folder(const char *path, const struct stat *s, int type, struct FTW *where)
{
    (void)s;
    if (type == FTW_F && !strcmp(path + where->base, "frozen_model.pb") && n_folders < MAX_GRAPHS)
        folders[n_folders++] = strndup(path, (size_t)where->base - 1);
    return 0;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static char files[64][1024]; /* of the folder being read: paths without their last extension, relative to it */
static size_t n_files, folder_length;

static int collect_file(const char *path, const struct stat *s, int type, struct FTW *where)
{
    const size_t length = strlen(path);
    (void)s;
    (void)where;
    if (type == FTW_F && length > folder_length + 4 && !strcmp(path + length - 4, ".csv") && n_files < 64)
        snprintf(files[n_files++], sizeof files[0], "%.*s", (int)(length - folder_length - 4), path + folder_length);
    return 0;
}

static void list_files(const char *folder)
{
    n_files = 0;
    folder_length = strlen(folder) + 1;
    nftw(folder, collect_file, 8, FTW_PHYS);
    qsort(files, n_files, sizeof files[0], (int (*)(const void *, const void *))strcmp);
}

/* The element type of tensor `name`:`port` by the file "dtypes"; float32, which the folders without that file have. */
static void type_of(const char *folder, const char *name, int port, char *kind, int *bytes)
{
    char path[1200], key[600] = "", line[700], found[600], type[64];
    size_t at = 0;
    for (const char *p = name; *p && at < sizeof key - 16; p++)
        at += (size_t)snprintf(key + at, sizeof key - at, "%s", *p == '/' ? "____" : (const char[]){*p, 0});
    snprintf(key + at, sizeof key - at, ".%d", port);
    snprintf(path, sizeof path, "%s/dtypes", folder);
    FILE *file = fopen(path, "r");
    csv_type("float32", kind, bytes);
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%599s %63s", found, type) == 2 && (!strcmp(found, key) || !strcmp(found, name)))
            csv_type(type, kind, bytes);
    if (file)
        fclose(file);
}

/* "scope/split.1.prediction" -> "scope/split", 1. False when the name does not end so. */
static bool split_name(const char *file, const char *ending, char *name, size_t size, int *port)
{
    const size_t length = strlen(file), tail = strlen(ending);
    if (length <= tail || strcmp(file + length - tail, ending))
        return false;
    snprintf(name, size, "%.*s", (int)(length - tail), file);
    char *dot = strrchr(name, '.'), *end;
    *port = 0;
    if (dot) {
        const long p = strtol(dot + 1, &end, 10);
        if (end > dot + 1 && !*end) {
            *dot = 0;
            *port = (int)p;
        }
    }
    return true;
}

typedef enum input_mode { AS_IT_STANDS, INPUTS, FLOAT_INPUTS } input_mode;

static bool load(golden_case *c, const char *folder, input_mode mode, char *why, size_t size)
{
    char base[2200], name[512];
    int port, bytes;
    char kind;
    for (size_t i = 0; i < n_files; i++) {
        const bool output = split_name(files[i], ".prediction", name, sizeof name, &port);
        const bool placeholder = !output && split_name(files[i], ".placeholder", name, sizeof name, &port);
        const bool constant =
            !output && !placeholder && split_name(files[i], ".prediction_inbw", name, sizeof name, &port);
        if (!output && !placeholder && !constant)
            continue;
        type_of(folder, name, port, &kind, &bytes);
        if (constant && (mode == AS_IT_STANDS || (mode == FLOAT_INPUTS && kind != 'f')))
            continue;
        int *n = output ? &c->n_out : &c->n_in;
        if (*n == GOLDEN_MAX) {
            snprintf(why, size, "more than %d inputs or outputs", GOLDEN_MAX);
            return false;
        }
        snprintf(base, sizeof base, "%s/%s", folder, files[i]);
        if (!csv_load(output ? &c->out[*n] : &c->in[*n], base, kind, bytes, why, size))
            return false;
        char *to = output ? c->out_name[*n] : c->in_name[*n];
        snprintf(to, sizeof c->in_name[0], port ? "%.240s:%d" : "%.240s", name, port);
        ++*n;
    }
    return true;
}

/* Dropout frozen in training mode: what is stored is one random draw. At inference it gives its input back. */
static bool is_training(const char *name) { return strstr(name, "layers_dropout/") && strstr(name, "_train"); }

static bool expect_input(golden_case *c, const char *folder, char *why, size_t size)
{
    char base[1400];
    npy_free(&c->out[0]);
    snprintf(base, sizeof base, "%s/in_0.0.prediction_inbw", folder);
    return csv_load(&c->out[0], base, 'f', 4, why, size);
}

/* ---- one graph */

typedef struct tally {
    int graphs, passed, refused, failed, inputs;
    char first[1600];
} tally;

static void note(tally *t, const char *name, const char *variant, const char *why)
{
    t->failed++;
    printf("  FAILED %s (%s): %s\n", name, variant, why);
    if (t->failed == 1)
        snprintf(t->first, sizeof t->first, "%s (%s): %.1200s", name, variant, why);
}

/* Three ways of building; 0 when all gave the right answer. */
static int run_variants(const golden_case *c, const char **variant, floe_status *st, char *why, size_t size)
{
    static const char *ref[] = {".ref"};
    static const struct {
        const char *name;
        int threads;
        floe_builder builder;
    } variants[] = {
        {"references, unoptimized", 1, {.opt_level = -1, .only_tactics = ref, .n_only_tactics = 1, .no_timing = true}},
        {"references", 1, {.only_tactics = ref, .n_only_tactics = 1, .no_timing = true}},
        {"default", 2, {.no_timing = true, .max_workspace_size = 1 << 26}},
    };
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        *variant = variants[i].name;
        const int result = golden_run(c, &variants[i].builder, variants[i].threads, st, why, size, NULL, 0);
        if (result)
            return result;
    }
    return 0;
}

static void run_graph(tally *t, const char *folder, const char *name, input_mode mode)
{
    golden_case c = {.tolerance = TOLERANCE};
    char graph[1200], why[1400] = "", missing[512];
    const char *variant = "";
    floe_status st;
    snprintf(graph, sizeof graph, "%s/frozen_model.pb", folder);
    c.graph = graph;
    t->graphs++;
    if (!load(&c, folder, mode, why, sizeof why) || !op_list_missing(graph, missing, sizeof missing) || !c.n_out ||
        (is_training(name) && !expect_input(&c, folder, why, sizeof why))) {
        note(t, name, "reading", *why ? why : "nothing to compare with, or not readable");
        goto done;
    }
    t->inputs += c.n_in;
    int result = run_variants(&c, &variant, &st, why, sizeof why);
    /* An integer input that says a shape cannot be left to run time: floe plans memory when it builds. */
    if (result == 2 && mode == INPUTS && st == FLOE_ERR_UNSUPPORTED &&
        strstr(why, "must be known when the engine is built")) {
        golden_free(&c);
        if (!load(&c, folder, FLOAT_INPUTS, why, sizeof why)) {
            note(t, name, "reading", why);
            goto done;
        }
        result = run_variants(&c, &variant, &st, why, sizeof why);
    }
    if (result == 0) {
        t->passed++;
        if (only_part)
            printf("  passed %s\n", name);
    } else if (result == 2 && st == FLOE_ERR_UNSUPPORTED && (*missing || !strncmp(name, "random_uniform/", 15))) {
        t->refused++;
        const char *reason = strstr(why, "operations that floe does not run yet: ");
        printf("  refused %s: %s\n", name, reason ? reason + 39 : why);
    } else {
        note(t, name, variant, why);
    }
done:
    golden_free(&c);
}

static void run_all(input_mode mode)
{
    tally t = {0};
    const char *root = golden_shared_models();
    char top[1200];
    if (!root)
        skip();
    snprintf(top, sizeof top, "%s/dl4j/src/main/resources/tf_graphs/examples", root);
    if (!n_folders)
        nftw(top, collect_folder, 16, FTW_PHYS);
    qsort(folders, n_folders, sizeof *folders, by_text);
    for (size_t i = 0; i < n_folders; i++) {
        const char *name = folders[i] + strlen(top) + 1;
        if (only_part && !strstr(name, only_part))
            continue;
        list_files(folders[i]);
        run_graph(&t, folders[i], name, mode);
    }
    printf("%d graphs, %d inputs: %d passed, %d refused for operations that are not promised, %d failed\n", t.graphs,
           t.inputs, t.passed, t.refused, t.failed);
    if (t.failed)
        fail_msg("%d of %d graphs failed, the first: %s", t.failed, t.graphs, t.first);
    assert_true(only_part || t.passed >= 221);
}

static void graphs_as_they_stand(void **state)
{
    (void)state;
    run_all(AS_IT_STANDS);
}

static void graphs_with_constants_as_inputs(void **state)
{
    (void)state;
    run_all(INPUTS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_as_they_stand),
        cmocka_unit_test(graphs_with_constants_as_inputs),
    };
    only_part = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
