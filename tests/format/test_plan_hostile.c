/* test_plan_hostile.c - PLANs that were made to do harm: their checksums are right and their tables are not.
 *
 * Two ways: lies, each a change to a good plan with the words that must refuse it; and thousands of random changes to the
 * bytes, which must be refused or run harmlessly (AddressSanitizer and UBSan watch).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "plan_checksums.h"
#include "plan_maker.h"
#include "plan_runner.h"

#define TARGET "x86-64"

/* ---- lies
 *
 * plan_maker_net: tensors 0 picture (binding 0), 1 conv1/filter, 2 conv1/bias, 3 conv2/filter, 4 fc/weights, 5 conv1 (arena
 * 0), 6 conv2 (arena 4096), 7 pool and 8 flat (binding 1), 9 fc (arena 9216), 10 probabilities (binding 2); steps 0
 * conv1, 1 conv2, 2 pool, 3 fc, 4 probabilities. plan_maker_all: step 4 is a batch norm with tensors 11, 12, 13.
 */
typedef struct lie {
    void (*tell)(fl_plan *plan, fl_plan_engine *e);
    const char *words;
} lie;

#define LIE(name, change)                                     \
    static void name(fl_plan *plan, fl_plan_engine *e)        \
    {                                                         \
        (void)plan;                                           \
        (void)e;                                              \
        change;                                               \
    }

LIE(no_engine, plan->n_engines = 0)
LIE(no_backend, e->backend[0] = 0)
LIE(spaced_target, strcpy(e->target, "a b"))
LIE(endless_target, memset(e->target, 'x', sizeof e->target))
LIE(batch_zero, e->max_batch = 0)
LIE(batch_huge, e->max_batch = (int64_t)1 << 31)
LIE(not_batched, e->batched = false)
LIE(arena_short, e->arena_bytes -= 64)
LIE(arena_long, e->arena_bytes += 64)
LIE(arena_huge, e->arena_bytes = (uint64_t)1 << 45)
LIE(workspace_huge, e->workspace_bytes = UINT64_MAX)
LIE(workspace_idle, e->workspace_bytes = 64)
LIE(channels, (plan->preprocess = (fl_plan_preprocess){.present = true, .channels = 7}))
LIE(resize_beyond, (plan->preprocess = (fl_plan_preprocess){.present = true, .resize = FLOE_RESIZE_LANCZOS3 + 1}))
LIE(resize_below, (plan->preprocess = (fl_plan_preprocess){.present = true, .resize = -1}))
LIE(mean_nan, (plan->preprocess = (fl_plan_preprocess){.present = true, .mean = {NAN}}))

LIE(type_none, e->tensors[5].desc.dtype = FL_DTYPE_NONE)
LIE(type_beyond, e->tensors[5].desc.dtype = FL_DTYPE_COUNT)
LIE(layout_beyond, e->tensors[5].desc.layout = FL_LAYOUT_COUNT)
LIE(layout_flat, e->tensors[9].desc.layout = FL_LAYOUT_C8)
LIE(layout_grows, (e->tensors[9].desc = (fl_tensor_desc){FL_F32, FL_LAYOUT_C8, false, 4, {1, 1, 1, -5}}))
LIE(dims_huge, e->tensors[9].desc.dim[1] = (int64_t)1 << 50)
LIE(dims_huge_at_batch, e->tensors[9].desc.dim[1] = (int64_t)1 << 47)
LIE(dims_least, e->tensors[9].desc.dim[1] = INT64_MIN)
LIE(dims_squared, e->tensors[9].desc.dim[1] = -5)
LIE(place_beyond, e->tensors[9].place = 3)
LIE(offset_odd, e->tensors[9].offset = 32)
LIE(offset_behind, e->tensors[9].offset = 9216 + 128)
LIE(offset_wraps, e->tensors[9].offset = UINT64_MAX - 63)
LIE(weights_offset, e->tensors[4].offset = 1 << 20)
LIE(weights_reach, e->tensors[4].offset = plan->weights_bytes / 64 * 64)
LIE(constant_moves, (e->tensors[4].place = FL_PLACE_ARENA, e->tensors[4].offset = 0))
LIE(binding_beyond, e->tensors[7].offset = 3)
LIE(binding_small, e->tensors[8].desc.dim[1] = 65)

LIE(binding_tensor, e->bindings[1].tensor = 11)
LIE(binding_elsewhere, e->bindings[1].tensor = 9)
LIE(binding_swapped, e->bindings[1].tensor = 10)
LIE(binding_nameless, e->bindings[1].name = "")
LIE(binding_twin, e->bindings[1].name = e->bindings[2].name)
LIE(binding_order, e->bindings[2].is_input = true)
LIE(binding_blocked, e->tensors[0].desc.layout = FL_LAYOUT_C8)

LIE(op_beyond, e->steps[3].op = FL_OP_COUNT)
LIE(outputs_two, e->steps[3].n_out = 2)
LIE(outputs_none, e->steps[3].n_out = 0)
LIE(inputs_none, e->steps[3].n_in = 0)
LIE(input_beyond, e->steps[3].in[0] = 11)
LIE(input_absent, e->steps[3].in[1] = FL_PLAN_NONE)
LIE(output_beyond, e->steps[3].out[0] = 11)
LIE(output_absent, e->steps[3].out[0] = FL_PLAN_NONE)
LIE(params_stride, e->steps[0].p.conv.stride[0] = 0)
LIE(params_act, e->steps[0].p.conv.act = 1000)
LIE(params_pad, e->steps[0].p.conv.pad[0] = INT32_MAX)
LIE(params_axis, e->steps[4].p.axis.axis = -1)
LIE(shape_other, e->tensors[9].desc.dim[1] = 4)
LIE(shape_constant, (e->tensors[9].desc.constant = true, e->tensors[9].place = FL_PLACE_WEIGHTS);
    e->tensors[9].offset = 0)
LIE(tactic_foreign, e->steps[3].tactic = "cuda.matmul.f32.naive")
LIE(tactic_bare, e->steps[3].tactic = "cpu")
LIE(taken_variable, e->steps[3].taken = 1)
LIE(taken_beyond, e->steps[3].taken = 1u << 31)
LIE(packed_odd, (e->steps[3].packed_offset = 32, e->steps[3].packed_bytes = 8))
LIE(packed_beyond, (e->steps[3].packed_offset = 64, e->steps[3].packed_bytes = plan->weights_bytes))
LIE(packed_wraps, (e->steps[3].packed_offset = 64, e->steps[3].packed_bytes = UINT64_MAX - 63))
LIE(packed_empty, e->steps[3].packed_offset = 64)
LIE(workspace_more, e->steps[3].workspace_bytes = 64)

LIE(read_early, e->steps[0].in[0] = 6; e->steps[0].in[1] = 3)
LIE(read_self, e->steps[4].in[0] = 10)
LIE(write_weights, (e->tensors[9].place = FL_PLACE_WEIGHTS, e->tensors[9].offset = 0))
LIE(write_twice, e->steps[1].out[0] = 5)
LIE(write_torn, e->tensors[6].offset = 64)
LIE(write_never, e->n_steps--)
LIE(outputs_torn, e->tensors[12].offset = e->tensors[11].offset + 64)
LIE(outputs_same, e->tensors[13].offset = e->tensors[12].offset)

static const lie lies_about_net[] = {
    {no_engine, "holds no engine"},
    {no_backend, "not a word"},
    {spaced_target, "not a word"},
    {endless_target, "not a word"},
    {batch_zero, "maximum batch 0"},
    {batch_huge, "maximum batch 2147483648"},
    {not_batched, "no dimension depends on the batch"},
    {arena_short, "of an arena of 9280"},
    {arena_long, "its tensors need 9344"},
    {arena_huge, "2^44"},
    {workspace_huge, "2^44"},
    {workspace_idle, "workspace of 64 bytes"},
    {channels, "channels 7"},
    {resize_beyond, "resize 8"},
    {resize_below, "resize -1"},
    {mean_nan, "not a finite number"},
    {type_none, "element type 0"},
    {type_beyond, "element type 14"},
    {layout_beyond, "layout 3"},
    {layout_flat, "layout 1 with rank 2"},
    {layout_grows, "blocked, but dimension 3"},
    {dims_huge, "2^48"},
    {dims_huge_at_batch, "2^48"},
    {dims_least, "square of the batch"},
    {dims_squared, "square of the batch"},
    {place_beyond, "place 3"},
    {offset_odd, "not a multiple of 64"},
    {offset_behind, "of an arena of"},
    {offset_wraps, "of an arena of"},
    {weights_offset, "in weights of"},
    {weights_reach, "of weights of"},
    {constant_moves, "a constant, but not among the weights"},
    {binding_beyond, "the engine has 3"},
    {binding_small, "is not as large as binding 1"},
    {binding_tensor, "tensor 11; the engine has 11"},
    {binding_elsewhere, "its tensor 'fc' lies elsewhere"},
    {binding_swapped, "lies elsewhere"},
    {binding_nameless, "has no name"},
    {binding_twin, "another output has this name"},
    {binding_order, "an input behind an output"},
    {binding_blocked, "blocked"},
    {op_beyond, "operator number"},
    {outputs_two, "2 outputs; matmul gives 1"},
    {outputs_none, "0 outputs; matmul gives 1"},
    {inputs_none, "matmul has 0 inputs"},
    {input_beyond, "input 0 is tensor 11; the engine has 11"},
    {input_absent, "matmul misses input 1"},
    {output_beyond, "output 0 is tensor 11; the engine has 11"},
    {output_absent, "output 0 is tensor 4294967295"},
    {params_stride, "stride"},
    {params_act, "act is 1000"},
    {params_pad, "is stored as"},
    {params_axis, "axis is -1"},
    {shape_other, "is stored as f32[N,4], but matmul gives f32[N,5]"},
    {shape_constant, "(constant), but matmul gives"},
    {tactic_foreign, "is not one of backend cpu"},
    {tactic_bare, "is not one of backend cpu"},
    {taken_variable, "input 0 is said to be packed, but is no constant"},
    {taken_beyond, "input 31 is said to be packed"},
    {packed_odd, "packed weights at 32"},
    {packed_beyond, "packed weights at 64"},
    {packed_wraps, "packed weights at 64"},
    {packed_empty, "packed weights at 64"},
    {workspace_more, "64 bytes of workspace; the engine has 0"},
    {read_early, "input 0, 'conv2', was not written by any step before"},
    {read_self, "input 0, 'probabilities', was not written by any step before"},
    {write_weights, "lies among the weights"},
    {write_twice, "was written by an earlier step"},
    {write_torn, "output 0 overlaps input 0 in part"},
    {write_never, "output 'probabilities' is not written by any step"},
};

static const lie lies_about_all[] = {
    {outputs_torn, "outputs 0 and 1 overlap"},
    {outputs_same, "outputs 1 and 2 overlap"},
};

/* The writer and the reader ask the same judge, so a lie that cannot be written cannot be read. */
static void assert_found_out(fl_plan *(*make)(const floe_env *, const char *), const lie *l, size_t index)
{
    fl_plan *plan = make(NULL, TARGET);
    fl_buf bytes = fl_buf_make(NULL);
    floe_error err = {0};

    l->tell(plan, &plan->engines[0]);
    const floe_status st = fl_plan_write(&bytes, plan, &err);
    if (st != FLOE_ERR_FORMAT || err.status != FLOE_ERR_FORMAT || !strstr(err.message, l->words))
        fail_msg("lie %zu ('%s'): status %d, %s", index, l->words, (int)st, err.message);
    assert_int_equal(bytes.size, 0);
    plan->n_engines = plan->n_engines ? plan->n_engines : 1;
    fl_plan_free(plan);
}

static void every_lie_is_found_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lies_about_net / sizeof lies_about_net[0]; i++)
        assert_found_out(plan_maker_net, &lies_about_net[i], i);
    for (size_t i = 0; i < sizeof lies_about_all / sizeof lies_about_all[0]; i++)
        assert_found_out(plan_maker_all, &lies_about_all[i], i);
}

static void a_refusal_names_engine_and_step(void **state)
{
    fl_plan *plan = plan_maker_net(NULL, TARGET);
    fl_buf bytes = fl_buf_make(NULL);
    floe_error err = {0};
    (void)state;

    plan->engines[0].tensors[9].desc.dim[1] = 4;
    assert_int_equal(fl_plan_write(&bytes, plan, &err), FLOE_ERR_FORMAT);
    assert_string_equal(err.message, "the plan to be written: engine 0: step 3 'fc': output 0 is stored as f32[N,4], but "
                                     "matmul gives f32[N,5]");
    fl_plan_free(plan);
}

/* ---- counts larger than the file */

static void a_count_is_held_against_the_bytes_that_are_left(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_tiny(NULL, TARGET));
    ledger l;
    const floe_env env = ledger_env(&l, 1000);
    floe_error err = {0};
    fl_plan *plan = NULL;
    (void)state;

    /* backend and target, then u64 batch, u32 flag, u64 arena, u64 workspace, and here is the count of tensors */
    for (size_t i = 0; i + 64 < bytes.size; i++) {
        if (memcmp(bytes.data + i, TARGET, sizeof TARGET - 1) != 0)
            continue;
        memset(bytes.data + i + sizeof TARGET - 1 + 28, 0xff, 4);
        break;
    }
    plan_checksums_fix(bytes.data, bytes.size);
    l.most_bytes = 1 << 20;
    assert_int_equal(fl_plan_parse(&plan, &env, bytes.data, bytes.size, "memory", &err), FLOE_ERR_FORMAT);
    assert_non_null(strstr(err.message, "4294967295 tensors in the"));
    assert_int_equal(atomic_load(&l.live), 0);
    fl_buf_free(&bytes);
}

/* ---- random changes with right checksums */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* One of: a byte, a flipped bit, a number in 4 or 8 bytes, a piece copied from elsewhere. */
static void mutate(uint8_t *data, size_t size, uint32_t *random)
{
    static const uint64_t numbers[] = {0, 1, 2, 3, 4, 5, 8, 63, 64, 65, 255, 256, 4096, 0x7fffffff, 0x80000000u,
                                       0xffffffffu, (uint64_t)1 << 40, (uint64_t)1 << 47, INT64_MAX, UINT64_MAX};
    const size_t at = next_random(random) % (size - 16);
    const uint64_t v = numbers[next_random(random) % (sizeof numbers / sizeof numbers[0])];
    const size_t width = next_random(random) % 2 ? 4 : 8;

    switch (next_random(random) % 5) {
    case 0:
        data[at] = (uint8_t)next_random(random);
        break;
    case 1:
        data[at] ^= (uint8_t)(1u << next_random(random) % 8);
        break;
    case 2: /* where numbers are small, small changes hurt most */
        data[at] = (uint8_t)(data[at] + (next_random(random) % 2 ? 1 : 255));
        break;
    case 3:
        for (size_t i = 0; i < width; i++)
            data[at + i] = (uint8_t)(v >> (8 * i));
        break;
    default:
        memmove(data + at, data + next_random(random) % (size - 16), 1 + next_random(random) % 16);
    }
}

static size_t mutations(void)
{
    const char *wanted = getenv("FLOE_TEST_MUTATIONS"); /* per plan; more of them overnight */
    return wanted ? (size_t)strtoull(wanted, NULL, 10) : 2000;
}

static void this_machine(char target[32])
{
    fl_device *device = NULL;
    fl_device_info info;

    assert_int_equal(fl_cpu_backend.open(&device, NULL, "cpu", NULL, NULL), FLOE_OK);
    fl_cpu_backend.describe(device, &info);
    fl_cpu_backend.close(device);
    memcpy(target, info.target, sizeof info.target);
}

static fl_plan *(*const makers[])(const floe_env *, const char *) = {plan_maker_tiny, plan_maker_net, plan_maker_cut,
                                                                    plan_maker_all};

/* Changes the first bytes of a good plan, where its tables are, so many times; counts how the changed ones end. */
static void attack(const fl_buf *good, size_t tables, uint32_t *random, size_t ends[4])
{
    uint8_t *data = aligned_alloc(FL_ALIGN, fl_round_up(good->size, FL_ALIGN));

    for (size_t i = 0; i < mutations(); i++) {
        ledger l;
        const floe_env env = ledger_env(&l, 100000);
        floe_error err = {0};
        memcpy(data, good->data, good->size);
        for (uint32_t k = 1 + next_random(random) % 3; k > 0; k--)
            mutate(data + 64, tables - 64, random);
        plan_checksums_fix(data, good->size);
        l.most_bytes = (long)(64 * good->size) + (1 << 18); /* loading costs memory by the file, not by its claims */
        /* Half of them with the tactics they name, half on others that packed for the changed shapes. */
        const int rank = (int)(next_random(random) % 16) - 8;
        const plan_runner_end end = plan_runner(&env, data, good->size, rank, &err);
        ends[end]++;
        if (end == PLAN_RUNNER_REFUSED)
            assert_true(err.status != FLOE_ERR_MEMORY && strlen(err.message) > 10);
        assert_int_equal(atomic_load(&l.live), 0);
    }
    free(data);
}

static void random_changes_are_refused_or_harmless(void **state)
{
    size_t ends[4] = {0};
    uint32_t random = 20240607;
    char target[32];
    (void)state;

    this_machine(target);
    for (size_t m = 0; m < sizeof makers / sizeof makers[0]; m++)
        for (size_t rank = 0; rank < 3; rank++) { /* with the references, and with packing kernels */
            fl_plan *plan = makers[m](NULL, target);
            if (rank > 0)
                plan_maker_retarget(plan, NULL, rank - 1);
            const size_t weights = plan->weights_bytes;
            fl_buf bytes = plan_maker_bytes(plan);
            attack(&bytes, bytes.size - weights, &random, ends);
            fl_buf_free(&bytes);
        }
    print_message("refused %zu, too large to run here %zu, let in but not run %zu, run %zu\n", ends[0], ends[1], ends[2],
                  ends[3]);
    assert_true(ends[PLAN_RUNNER_REFUSED] > 0 && ends[PLAN_RUNNER_RAN] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lie_is_found_out),
        cmocka_unit_test(a_refusal_names_engine_and_step),
        cmocka_unit_test(a_count_is_held_against_the_bytes_that_are_left),
        cmocka_unit_test(random_changes_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
