/* test_op_goldens.c - every operator against what real TensorFlow computed, from graph file to answer.
 *
 * tests/golden/op/<op>.pb holds all cases of an operator as independent subgraphs cKK/..., with inputs and expected outputs
 * beside it (tools/oracle/README.md). Each case runs: references only without and with the optimizer; the default choice; and
 * each optimized tactic of every operator in the case's engine, alone, for the ISA levels that this machine has.
 *
 * Usage: test_op_goldens [OP [cKK]]: all, one operator, or one case with its failures spelled out.
 */
#include "golden.h"

#include "backend/backend.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char op_name[64];
static char only_case[16];

typedef struct tally {
    int  run, failed;
    char first[1200];
} tally;

static void note(tally *t, const char *kase, const char *variant, const char *why)
{
    t->failed++;
    if (t->failed == 1)
        snprintf(t->first, sizeof t->first, "%s %s %s: %s", op_name, kase, variant, why);
    if (*only_case || getenv("FLOE_VERBOSE"))
        printf("  %s %s %s: %s\n", op_name, kase, variant, why);
}

static void variant(tally *t, const golden_case *c, const char *kase, const char *name, const floe_builder *b, int threads,
                    char *tactics, size_t size)
{
    floe_status st;
    char why[1100];
    t->run++;
    if (golden_run(c, b, threads, &st, why, sizeof why, tactics, size))
        note(t, kase, name, why);
}

/* Each tactic of the operators that the case's engine uses. */
static void each_tactic(tally *t, const golden_case *c, const char *kase, const char *used, const fl_device *device)
{
    for (int op = 0; op < FL_OP_COUNT; op++) {
        char word[64];
        snprintf(word, sizeof word, "cpu.%s.", fl_op_def_of((fl_op_kind)op)->name);
        if (!strstr(used, word))
            continue;
        const fl_tactic_list list = fl_cpu_backend.tactics(device, (fl_op_kind)op);
        for (size_t i = 0; i + 1 < list.count; i++) {
            const char *only[] = {list.items[i]->name};
            const floe_builder b = {.only_tactics = only, .n_only_tactics = 1, .no_timing = true, .max_workspace_size = 1 << 26};
            char taken[4096];
            floe_status st;
            char why[1100];
            /* Refused for this shape: the references ran, which was tested already. */
            const int result = golden_run(c, &b, 2, &st, why, sizeof why, taken, sizeof taken);
            if (!strstr(taken, list.items[i]->name) && result == 0)
                continue;
            t->run++;
            if (result)
                note(t, kase, list.items[i]->name, why);
        }
    }
}

static void run_case(tally *t, const golden_case *c, const char *kase, const fl_device *device)
{
    static const char *ref[] = {".ref"};
    char used[8192], plain[8192];
    const floe_builder unoptimized = {.opt_level = -1, .only_tactics = ref, .n_only_tactics = 1, .no_timing = true};
    const floe_builder reference = {.only_tactics = ref, .n_only_tactics = 1, .no_timing = true};
    const floe_builder fast = {.no_timing = true, .max_workspace_size = 1 << 26};
    const int before = t->failed;
    variant(t, c, kase, "reference, unoptimized", &unoptimized, 1, plain, sizeof plain);
    if (t->failed > before)
        return;
    variant(t, c, kase, "reference", &reference, 1, used, sizeof used);
    variant(t, c, kase, "default", &fast, 2, used, sizeof used);
    each_tactic(t, c, kase, used, device);
}

static void run_op(void **state)
{
    tally t = {0};
    fl_device *device = NULL;
    char graph[1024], kase[16];
    int cases = 0;
    (void)state;
    const fl_device_options options = {.threads = 2};
    assert_int_equal(fl_cpu_backend.open(&device, NULL, "cpu", &options, NULL), FLOE_OK);
    for (int k = 0; k < 1000; k++) {
        golden_case c;
        if (!golden_load_op(&c, op_name, k, graph, sizeof graph, kase))
            break;
        cases++;
        if (!*only_case || !strcmp(only_case, kase))
            run_case(&t, &c, kase, device);
        golden_free(&c);
    }
    fl_cpu_backend.close(device);
    printf("%s: %d cases, %d runs, %d failed\n", op_name, cases, t.run, t.failed);
    if (t.failed)
        fail_msg("%s", t.first);
    assert_true(cases >= 12);
}

int main(int argc, char **argv)
{
    char path[1024], line[128];
    int failures = 0;
    FILE *ops = fopen(golden_path(path, sizeof path, "tests/golden/op/ops.txt"), "r");
    if (!ops) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    if (argc > 2)
        snprintf(only_case, sizeof only_case, "%s", argv[2]);
    while (fgets(line, sizeof line, ops)) {
        if (sscanf(line, "%63s", op_name) != 1 || (argc > 1 && strcmp(argv[1], op_name)))
            continue;
        const struct CMUnitTest tests[] = {{op_name, run_op, NULL, NULL, NULL}};
        failures += cmocka_run_group_tests_name(op_name, tests, NULL, NULL);
    }
    fclose(ops);
    return failures > 0;
}
