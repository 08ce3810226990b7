/* test_net_goldens.c - random whole networks against what real TensorFlow computed (tests/golden/net, written by
 * tools/oracle/make_net_goldens.py): residual, inception, mobile, U-shaped, transposed-convolution, dense and mixed
 * families in NHWC, NCHW and both, at batch 1 and 3, within 1e-4 of the largest value.
 *
 * Each runs with references without and with the optimizer, with the default choice of tactics, and once per ISA level.
 * Usage: test_net_goldens [net_NNN].  FLOE_NET_GOLDENS names another folder of the same make.
 */
#include "golden.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-4

static char net[64], folder[1024];

static bool load(npy_array *a, int batch, const char *what, int i)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/%s.b%d.%s%d.npy", folder, net, batch, what, i);
    return npy_load(a, path, NULL, 0);
}

static void load_net(golden_case *c, int batch, char *graph, size_t size)
{
    memset(c, 0, sizeof *c);
    snprintf(graph, size, "%s/%s.pb", folder, net);
    c->graph = graph;
    c->batched = true;
    c->tolerance = TOLERANCE;
    for (int i = 0; i < GOLDEN_MAX && load(&c->in[i], batch, "in", i); i++)
        snprintf(c->in_name[c->n_in++], sizeof c->in_name[0], i ? "input_%d" : "input", i);
    for (int i = 0; i < GOLDEN_MAX && load(&c->out[i], batch, "out", i); i++)
        snprintf(c->out_name[c->n_out++], sizeof c->out_name[0], i ? "output_%d" : "output", i);
}

static void run_net(void **state)
{
    static const char *ref[] = {".ref"};
    static const struct {
        const char  *name;
        floe_builder builder;
        int          threads;
    } variants[] = {
        {"reference, unoptimized", {.max_batch_size = 3, .opt_level = -1, .only_tactics = ref, .n_only_tactics = 1, .no_timing = true}, 1},
        {"reference", {.max_batch_size = 3, .only_tactics = ref, .n_only_tactics = 1, .no_timing = true}, 1},
        {"default, unoptimized", {.max_batch_size = 3, .opt_level = -1, .no_timing = true, .max_workspace_size = 1 << 26}, 2},
        {"default", {.max_batch_size = 3, .no_timing = true, .max_workspace_size = 1 << 26}, 2},
        {"scalar", {.max_batch_size = 3, .no_timing = true, .isa = "scalar", .max_workspace_size = 1 << 26}, 1},
        {"avx2", {.max_batch_size = 3, .no_timing = true, .isa = "avx2", .max_workspace_size = 1 << 26}, 2},
    };
    (void)state;
    for (int batch = 1; batch <= 3; batch += 2) {
        golden_case c;
        char graph[1200], why[1200] = "";
        load_net(&c, batch, graph, sizeof graph);
        assert_true(c.n_in > 0 && c.n_out > 0);
        for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
            floe_status st;
            const int result = golden_run(&c, &variants[v].builder, variants[v].threads, &st, why, sizeof why, NULL, 0);
            /* A machine without that ISA says so. */
            if (result == 2 && variants[v].builder.isa && (st == FLOE_ERR_TARGET || st == FLOE_ERR_DEVICE || st == FLOE_ERR_ARGUMENT))
                continue;
            if (result)
                fail_msg("%s, batch %d, %s: %s", net, batch, variants[v].name, why);
        }
        golden_free(&c);
    }
}

int main(int argc, char **argv)
{
    char path[1200], line[512];
    int failures = 0, nets = 0;
    const char *given = getenv("FLOE_NET_GOLDENS");
    snprintf(folder, sizeof folder, "%s", given ? given : golden_path(path, sizeof path, "tests/golden/net"));
    snprintf(path, sizeof path, "%s/index.txt", folder);
    FILE *index = fopen(path, "r");
    while (index && fgets(line, sizeof line, index)) {
        if (sscanf(line, "%63s", net) != 1 || strncmp(net, "net_", 4) || (argc > 1 && strcmp(argv[1], net)))
            continue;
        nets++;
        const struct CMUnitTest tests[] = {{net, run_net, NULL, NULL, NULL}};
        failures += cmocka_run_group_tests_name(net, tests, NULL, NULL);
    }
    if (index)
        fclose(index);
    if (!nets)
        fprintf(stderr, "%s: no networks\n", path);
    return failures > 0 || !nets;
}
