/* test_shared_opencv.c - the TensorFlow nets of OpenCV's test data: X_net.pb, X_in.npy, X_out.npy.
 *
 * OpenCV computes in NCHW, so four-dimensional arrays are stored that way although the graphs are NHWC; the test turns
 * them round, except those of conv_pool_nchw, the one graph in NCHW. Every pair runs with its batch fixed and, where
 * the graph allows it, with the batch left open.
 *
 * Tolerance: 1e-4 of the largest value; the arrays come from TensorFlow 1.x, whose convolutions sum in an order of
 * their own. The fp16_ nets store their weights in half precision, most under float32 inputs (which TensorFlow would
 * refuse), while the expected values were computed before that: each weight is off by up to 2^-11, a sum of them by
 * about 1e-3 and, after several layers, by less than 1e-2.
 *
 * Usage: test_shared_opencv [PART]: all nets, or those whose name contains PART, each with its outcome.
 */
#include "golden.h"
#include "op_list.h"

#include "base/half.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE      1e-4
#define TOLERANCE_FP16 1e-2

static const char *only_part;

/* [a,b,c,d] in the order perm; float32 as all arrays of the suite. */
static void permute(npy_array *a, const int perm[4])
{
    int64_t dim[4], step[4] = {a->dim[1] * a->dim[2] * a->dim[3], a->dim[2] * a->dim[3], a->dim[3], 1};
    float *to = malloc((a->count + 1) * sizeof *to), *from = a->data;
    size_t at = 0;
    assert_true(a->kind == 'f' && a->item_bytes == 4 && to);
    for (int i = 0; i < 4; i++)
        dim[i] = a->dim[perm[i]];
    for (int64_t i = 0; i < dim[0]; i++)
        for (int64_t j = 0; j < dim[1]; j++)
            for (int64_t k = 0; k < dim[2]; k++)
                for (int64_t l = 0; l < dim[3]; l++)
                    to[at++] = from[i * step[perm[0]] + j * step[perm[1]] + k * step[perm[2]] + l * step[perm[3]]];
    free(a->data);
    a->data = to;
    memcpy(a->dim, dim, sizeof dim);
}

static bool load_array(npy_array *a, const char *folder, const char *net, const char *what, char *why, size_t size)
{
    static const int to_nhwc[4] = {0, 2, 3, 1};
    char path[1400];
    snprintf(path, sizeof path, "%s/%s_%s.npy", folder, net, what);
    if (!npy_load(a, path, why, size))
        return false;
    if (a->rank == 4 && strcmp(net, "conv_pool_nchw"))
        permute(a, to_nhwc);
    return true;
}

/* float32 to half precision: what a graph with a half input is fed and gives. */
static void to_half(npy_array *a)
{
    uint16_t *to = calloc(a->count + 1, sizeof *to);
    assert_true(a->kind == 'f' && a->item_bytes == 4 && to);
    for (size_t i = 0; i < a->count; i++)
        to[i] = fl_half_from_float(((const float *)a->data)[i]);
    free(a->data);
    a->data = to;
    a->item_bytes = 2;
}

static bool is_data(const floe_tensor_info *t) { return t->dtype == FLOE_FLOAT32 || t->dtype == FLOE_FLOAT16; }

/* The graph's first placeholder of floats (some have a training flag too), and the last node that nothing reads. */
static bool load_names(golden_case *c, char *why, size_t size)
{
    floe_file_info *info = NULL;
    floe_error err = {0};
    const floe_status st = floe_file_inspect(&info, NULL, c->graph, &err);
    size_t i = 0;
    while (st == FLOE_OK && i < info->n_inputs && !is_data(&info->inputs[i]))
        i++;
    const bool ok = st == FLOE_OK && i < info->n_inputs && info->n_outputs >= 1;
    if (ok) {
        snprintf(c->in_name[0], sizeof c->in_name[0], "%s", info->inputs[i].name);
        snprintf(c->out_name[0], sizeof c->out_name[0], "%s", info->outputs[info->n_outputs - 1].name);
        if (info->inputs[i].dtype == FLOE_FLOAT16) {
            to_half(&c->in[0]);
            to_half(&c->out[0]);
        }
    } else {
        snprintf(why, size, "%s", st == FLOE_OK ? "no input of floats or no output" : err.message);
    }
    floe_file_info_free(info);
    return ok;
}

typedef struct tally {
    int nets, passed, refused, failed, open_batch;
    char first[1600];
} tally;

static void note(tally *t, const char *net, const char *variant, const char *why)
{
    t->failed++;
    printf("  FAILED %s (%s): %s\n", net, variant, why);
    if (t->failed == 1)
        snprintf(t->first, sizeof t->first, "%s (%s): %.1200s", net, variant, why);
}

static int run_variants(const golden_case *c, const char **variant, floe_status *st, char *why, size_t size)
{
    static const char *ref[] = {".ref"};
    const int64_t batch = c->batched ? c->in[0].dim[0] : 1;
    const struct {
        const char *name;
        int threads;
        floe_builder builder;
    } variants[] = {
        {"references, unoptimized",
         1,
         {.max_batch_size = batch, .opt_level = -1, .only_tactics = ref, .n_only_tactics = 1, .no_timing = true}},
        {"references", 1, {.max_batch_size = batch, .only_tactics = ref, .n_only_tactics = 1, .no_timing = true}},
        {"default", 2, {.max_batch_size = batch, .no_timing = true, .max_workspace_size = 1 << 26}},
    };
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        *variant = variants[i].name;
        const int result = golden_run(c, &variants[i].builder, variants[i].threads, st, why, size, NULL, 0);
        if (result)
            return result;
    }
    return 0;
}

static void run_net(tally *t, const char *folder, const char *net)
{
    golden_case c = {.tolerance = strncmp(net, "fp16_", 5) ? TOLERANCE : TOLERANCE_FP16, .n_in = 1, .n_out = 1};
    char graph[1400], why[1400] = "", missing[512];
    const char *variant = "";
    floe_status st;
    snprintf(graph, sizeof graph, "%s/%s_net.pb", folder, net);
    c.graph = graph;
    t->nets++;
    if (!load_array(&c.in[0], folder, net, "in", why, sizeof why) ||
        !load_array(&c.out[0], folder, net, "out", why, sizeof why) || !load_names(&c, why, sizeof why) ||
        !op_list_missing(graph, missing, sizeof missing)) {
        note(t, net, "reading", why);
        goto done;
    }
    const int result = run_variants(&c, &variant, &st, why, sizeof why);
    if (result == 0) {
        t->passed++;
        if (only_part)
            printf("  passed %s\n", net);
    } else if (result == 2 && st == FLOE_ERR_UNSUPPORTED && *missing) {
        t->refused++;
        const char *reason = strstr(why, "operations that floe does not run yet: ");
        printf("  refused %s: %s\n", net, reason ? reason + 39 : why);
    } else {
        note(t, net, variant, why);
    }
    /* The batch left open: most graphs allow it, some have it in a constant shape; none may give wrong numbers. */
    c.batched = true;
    if (result == 0) {
        const int open = run_variants(&c, &variant, &st, why, sizeof why);
        t->open_batch += open == 0;
        if (open == 1)
            note(t, net, "open batch", why);
        else if (open == 2)
            printf("  no open batch %s: %s\n", net, why);
    }
done:
    golden_free(&c);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void opencv_nets(void **state)
{
    tally t = {0};
    const char *root = golden_shared_models();
    char folder[1200], *nets[256];
    size_t n = 0;
    (void)state;
    if (!root)
        skip();
    snprintf(folder, sizeof folder, "%s/opencv/testdata/dnn/tensorflow", root);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) && n < 256;) {
        const size_t length = strlen(e->d_name);
        if (length > 7 && !strcmp(e->d_name + length - 7, "_net.pb"))
            nets[n++] = strndup(e->d_name, length - 7);
    }
    closedir(dir);
    qsort(nets, n, sizeof *nets, by_text);
    for (size_t i = 0; i < n; i++) {
        if (!only_part || strstr(nets[i], only_part))
            run_net(&t, folder, nets[i]);
        free(nets[i]);
    }
    printf(
        "%d nets: %d passed (%d also with an open batch), %d refused for operations that are not promised, %d failed\n",
        t.nets, t.passed, t.open_batch, t.refused, t.failed);
    if (t.failed)
        fail_msg("%d of %d nets failed, the first: %s", t.failed, t.nets, t.first);
    assert_true(only_part || t.passed >= 57);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(opencv_nets)};
    only_part = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
