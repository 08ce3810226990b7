/* test_cuda_goldens.c - every operator on a GPU against what real TensorFlow computed, from graph file to answer.
 *
 * The cases are those of tests/op/test_op_goldens.c. Each runs on the CUDA backend in FP32, TF32 (where there are
 * products), FP16 and BF16: the default choice, and each tactic of every operator of that engine, alone among its
 * operator's. Half precision is compared with the CPU's answer to the same rounded inputs, so that what is measured is
 * the storage and not the steepness of the operator at a rounded input.
 *
 * On the emulated GPU every other run has blocks and threads in descending order, and what the hardware leaves open is
 * poison (emulate.h). FLOE_CUDA_DRIVER=libcuda.so.1 runs the same on a real GPU. FLOE_GOLDENS=part takes one of eight
 * of the runs of single tactics, =all all; part is what happens under a sanitizer.
 *
 * Usage: test_cuda_goldens [OP [cKK]]: all, one operator, or one case with its failures spelled out.
 */
#include "golden.h"

#include "cuda_test.h"

#include "backend/backend.h"
#include "base/half.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <math.h>

#define NAMES 64

static char op_name[64];
static char only_case[16];
static bool part; /* of the runs of single tactics */

typedef struct tally {
    int  cases, absent, beyond, run, failed, turn; /* beyond: values that half precision cannot hold */
    char first[1200], refusal[1100];
} tally;

/* Which tactics ran, over all operators: the rest is told at the end. */
static const char *ran[1024];
static size_t      n_ran;

static void remember(const char *tactic)
{
    for (size_t i = 0; i < n_ran; i++)
        if (!strcmp(ran[i], tactic))
            return;
    if (n_ran < sizeof ran / sizeof *ran)
        ran[n_ran++] = tactic;
}

static void note(tally *t, const char *kase, const char *variant, const char *why)
{
    t->failed++;
    if (t->failed == 1)
        snprintf(t->first, sizeof t->first, "%s %s %s: %s", op_name, kase, variant, why);
    if (*only_case || getenv("FLOE_VERBOSE"))
        printf("  %s %s %s: %s\n", op_name, kase, variant, why);
}

static int run_once(tally *t, const golden_case *c, const floe_builder *b, floe_status *st, char *why, size_t why_size,
                    char *tactics, size_t size)
{
    setenv("FAKE_CUDA_REVERSE", t->run % 2 ? "1" : "0", 1);
    tactics[0] = '\0';
    return golden_run(c, b, 2, st, why, why_size, tactics, size);
}

/* Whether the list, words with blanks between, has this one. */
static bool has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

/* "cuda.<op>." of each operator in `used`. */
static int operators_in(const char *used, char words[NAMES][64], fl_op_kind kinds[NAMES])
{
    int n = 0;
    for (int op = 0; op < FL_OP_COUNT && n < NAMES; op++) {
        snprintf(words[n], sizeof words[n], "cuda.%s.", fl_op_def_of((fl_op_kind)op)->name);
        kinds[n] = (fl_op_kind)op;
        n += strstr(used, words[n]) != NULL;
    }
    return n;
}

typedef struct precision {
    floe_precision value;
    const char    *name;
    double         tolerance;
} precision;

/* Half precision: a few roundings to 11 or 8 bits. TF32: sums of products of factors with 11. */
static const precision precisions[] = {{FLOE_PRECISION_FP32, "fp32", 1e-5},
                                       {FLOE_PRECISION_TF32, "tf32", 3e-3},
                                       {FLOE_PRECISION_FP16, "fp16", 3e-3},
                                       {FLOE_PRECISION_BF16, "bf16", 2.4e-2}};

/* Each tactic of the operators in `used`, with all tactics of the other operators. */
static void each_tactic(tally *t, const golden_case *c, const char *kase, const char *used, const precision *p,
                        const fl_device *device)
{
    char words[NAMES][64], taken[8192], why[1100], label[128];
    fl_op_kind kinds[NAMES];
    const int n = operators_in(used, words, kinds);
    for (int k = 0; k < n; k++) {
        const fl_tactic_list list = fl_cuda_backend.tactics(device, kinds[k]);
        for (size_t i = 0; i < list.count; i++) {
            const char *name = list.items[i]->name, *only[NAMES];
            size_t n_only = 0;
            floe_status st;
            if (part && t->turn++ % 8)
                continue;
            only[n_only++] = name;
            for (int other = 0; other < n; other++)
                if (other != k)
                    only[n_only++] = words[other];
            const floe_builder b = {.device = "cuda",
                                    .precision = p->value,
                                    .only_tactics = only,
                                    .n_only_tactics = n_only,
                                    .no_timing = true,
                                    .max_workspace_size = 1 << 26};
            const int result = run_once(t, c, &b, &st, why, sizeof why, taken, sizeof taken);
            if (result == 2 && st == FLOE_ERR_UNSUPPORTED)
                continue; /* refused for this shape or type: the default choice was tested already */
            t->run++;
            if (has_word(taken, name))
                remember(name);
            snprintf(label, sizeof label, "%s %s", p->name, name);
            if (result)
                note(t, kase, label, why);
        }
    }
}

static bool is_half(floe_precision p) { return p == FLOE_PRECISION_FP16 || p == FLOE_PRECISION_BF16; }

static float rounded(float x, floe_precision p)
{
    return p == FLOE_PRECISION_FP16 ? fl_half_to_float(fl_half_from_float(x))
                                    : fl_bfloat_to_float(fl_bfloat_from_float(x));
}

/* Rounds the inputs and puts the CPU's answers to them in the place of TensorFlow's. */
static floe_status round_case(golden_case *c, floe_precision p, floe_error *err)
{
    const floe_builder cpu = {.no_timing = true, .max_workspace_size = 1 << 26};
    for (int i = 0; i < c->n_in; i++)
        for (size_t k = 0; c->in[i].kind == 'f' && c->in[i].item_bytes == 4 && k < c->in[i].count; k++)
            ((float *)c->in[i].data)[k] = rounded(((float *)c->in[i].data)[k], p);
    return golden_answer(c, &cpu, 2, err);
}

/* Whether all that comes out is in the type's range. */
static bool can_hold(const golden_case *c, floe_precision p)
{
    for (int i = 0; i < c->n_out; i++)
        for (size_t k = 0; c->out[i].kind == 'f' && k < c->out[i].count; k++) {
            const double v = npy_value(&c->out[i], k);
            if (isfinite(v) && isinf(rounded((float)v, p)))
                return false;
        }
    return true;
}

static void run_case(tally *t, golden_case *c, const char *kase, const precision *p, const fl_device *device)
{
    const floe_builder b = {.device = "cuda", .precision = p->value, .no_timing = true, .max_workspace_size = 1 << 26};
    char used[8192], why[1100], label[64];
    floe_error err = {0};
    floe_status st;
    c->tolerance = p->tolerance;
    if (is_half(p->value) && round_case(c, p->value, &err) != FLOE_OK) {
        note(t, kase, "the CPU's answer", err.message);
        return;
    }
    if (is_half(p->value) && !can_hold(c, p->value)) {
        t->beyond++;
        return;
    }
    const int result = run_once(t, c, &b, &st, why, sizeof why, used, sizeof used);
    if (result == 2 && st == FLOE_ERR_UNSUPPORTED) {
        t->absent++;
        snprintf(t->refusal, sizeof t->refusal, "%s", why);
        return;
    }
    t->run++;
    snprintf(label, sizeof label, "%s default", p->name);
    if (result)
        note(t, kase, label, why);
    if (p->value != FLOE_PRECISION_TF32 || strstr(used, "cuda.conv2d") || strstr(used, "cuda.matmul"))
        each_tactic(t, c, kase, used, p, device);
}

static void run_op(void **state)
{
    tally t = {0};
    bool more = true;
    for (int k = 0; more; k++)
        for (size_t p = 0; p < sizeof precisions / sizeof *precisions && more; p++) {
            golden_case c;
            char graph[1024], kase[16];
            more = golden_load_op(&c, op_name, k, graph, sizeof graph, kase);
            t.cases += more && p == 0;
            if (more && (!*only_case || !strcmp(only_case, kase)))
                run_case(&t, &c, kase, &precisions[p], *state);
            golden_free(&c);
        }
    printf("%s: %d cases, %d runs, %d failed; %d beyond half precision, %d not on the GPU%s%s\n", op_name, t.cases,
           t.run, t.failed, t.beyond, t.absent, t.absent ? ": " : "", t.absent ? t.refusal : "");
    if (t.absent)
        fail_msg("an operator has no tactic on the GPU: %s", t.refusal);
    if (t.failed)
        fail_msg("%s", t.first);
    assert_true(t.cases >= 12);
}

/* Tactics made for large or odd shapes find none among the cases; tests of their own families run them. */
static void list_the_rest(const fl_device *device)
{
    printf("tactics that ran and all, by operator:");
    for (int op = 0; op < FL_OP_COUNT; op++) {
        const fl_tactic_list list = fl_cuda_backend.tactics(device, (fl_op_kind)op);
        size_t found = 0;
        for (size_t i = 0; i < list.count; i++)
            for (size_t k = 0; k < n_ran; k++)
                found += !strcmp(ran[k], list.items[i]->name);
        if (list.count)
            printf(" %s %zu/%zu", fl_op_def_of((fl_op_kind)op)->name, found, list.count);
    }
    printf("\n");
}

/* What the emulated driver still has after all is closed; 0 on a real one, which cannot say. */
static size_t left_over(void)
{
    void *driver = dlopen(getenv("FLOE_CUDA_DRIVER"), RTLD_NOW | RTLD_NOLOAD);
    size_t (*living)(void) = NULL;
    if (driver)
        *(void **)&living = dlsym(driver, "fake_cuda_living");
    return living ? living() : 0;
}

int main(int argc, char **argv)
{
    char path[1024], line[128];
    int failures = 0;
    floe_error err = {0};
    fl_device *device = NULL; /* open throughout: a context is slow to make */
    const fl_device_options options = {0};
    FILE *ops = fopen(golden_path(path, sizeof path, "tests/golden/op/ops.txt"), "r");
    if (!ops) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    cuda_test_begin();
    if (fl_cuda_backend.open(&device, NULL, "cuda", &options, &err) != FLOE_OK) {
        fprintf(stderr, "%s\n", err.message);
        fclose(ops);
        return 1;
    }
    const char *how_much = getenv("FLOE_GOLDENS") ? getenv("FLOE_GOLDENS") : getenv("FLOE_SANITIZED") ? "part" : "all";
    part = !strcmp(how_much, "part");
    if (argc > 2)
        snprintf(only_case, sizeof only_case, "%s", argv[2]);
    while (fgets(line, sizeof line, ops)) {
        if (sscanf(line, "%63s", op_name) != 1 || (argc > 1 && strcmp(argv[1], op_name)))
            continue;
        const struct CMUnitTest tests[] = {{op_name, run_op, NULL, NULL, device}};
        failures += cmocka_run_group_tests_name(op_name, tests, NULL, NULL);
    }
    fclose(ops);
    if (argc == 1)
        list_the_rest(device);
    fl_cuda_backend.close(device);
    if (left_over()) {
        fprintf(stderr, "error: %zu allocations, streams, events and graphs were left on the device\n", left_over());
        failures++;
    }
    return failures > 0;
}
