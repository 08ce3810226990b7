/* test_plan.c - the PLAN file: what is written comes back, byte for byte; committed files still load and are still what
 * is written; a second reader, written from the document, sees the same; damage of any kind is found.
 *
 * FLOE_WRITE_GOLDEN=1 in the environment writes tests/golden/plan anew instead of comparing: for a new version of the
 * format, which gets files of its own beside the old ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger.h"
#include "plan_checksums.h"
#include "plan_maker.h"

#define TARGET "x86-64"

static const struct {
    const char *name;
    fl_plan *(*make)(const floe_env *env, const char *target);
} samples[] = {{"tiny", plan_maker_tiny}, {"net", plan_maker_net}, {"cut", plan_maker_cut}, {"all", plan_maker_all}};
enum { SAMPLES = sizeof samples / sizeof samples[0] };

static fl_buf sample_bytes(int i) { return plan_maker_bytes(samples[i].make(NULL, TARGET)); }

static const char *source_path(char *path, size_t size, const char *rest)
{
    const char *root = getenv("FLOE_SOURCE_DIR");
    snprintf(path, size, "%s/%s", root ? root : ".", rest);
    return path;
}

static fl_buf printed(const fl_plan *plan)
{
    fl_buf text = fl_buf_make(NULL);

    fl_plan_print(&text, plan);
    fl_put_u8(&text, 0);
    assert_false(text.failed);
    return text;
}

static fl_plan *parsed(const void *data, size_t size)
{
    fl_plan *plan = NULL;
    floe_error err = {0};

    if (fl_plan_parse(&plan, NULL, data, size, "memory", &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return plan;
}

static void assert_refused(const void *data, size_t size, floe_status status, const char *words)
{
    fl_plan *plan = NULL;
    floe_error err = {0};

    assert_int_equal(fl_plan_parse(&plan, NULL, data, size, "memory.plan", &err), status);
    assert_null(plan);
    assert_int_equal(err.status, status);
    assert_int_equal(strncmp(err.message, "memory.plan: ", 13), 0);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

/* ---- there and back */

static void a_plan_survives_the_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        fl_plan *made = samples[i].make(NULL, TARGET);
        fl_buf text = printed(made), bytes = plan_maker_bytes(made);
        fl_plan *read = parsed(bytes.data, bytes.size);
        fl_buf again_text = printed(read);
        assert_string_equal((const char *)text.data, (const char *)again_text.data);
        fl_buf again = plan_maker_bytes(read);
        assert_int_equal(again.size, bytes.size);
        assert_memory_equal(again.data, bytes.data, bytes.size);
        fl_buf_free(&text);
        fl_buf_free(&again_text);
        fl_buf_free(&bytes);
        fl_buf_free(&again);
    }
}

static void equal_plans_are_equal_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        fl_buf a = sample_bytes(i), b = sample_bytes(i);
        assert_int_equal(a.size, b.size);
        assert_memory_equal(a.data, b.data, a.size);
        fl_buf_free(&a);
        fl_buf_free(&b);
    }
}

static void preprocessing_and_engines_come_back(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_all(NULL, TARGET));
    fl_plan *plan = parsed(bytes.data, bytes.size);
    (void)state;

    assert_int_equal(plan->n_engines, 2);
    assert_string_equal(plan->producer, "floe by hand");
    assert_string_equal(plan->engines[0].target, TARGET);
    assert_string_equal(plan->engines[1].target, "no-such-machine");
    assert_int_equal(plan->engines[0].max_batch, 3);
    assert_true(plan->engines[0].batched);
    assert_false(plan->engines[1].batched);
    assert_true(plan->preprocess.present);
    assert_int_equal(plan->preprocess.channels, FL_CHANNELS_BGR);
    assert_int_equal(plan->preprocess.resize, FLOE_RESIZE_CROP);
    assert_true(plan->preprocess.mean[1] == 116.779f && plan->preprocess.scale[2] == 1.0f / 255);
    assert_string_equal(plan->engines[0].bindings[1].name, "v\twith a tab");
    fl_plan_free(plan);
    fl_buf_free(&bytes);
}

/* A PLAN keeps the methods of the public list by their numbers. */
static void every_resize_method_comes_back(void **state)
{
#define METHOD_NAME(id, name, call) name,
    static const char *const names[] = {FLOE_RESIZE_LIST(METHOD_NAME)};
#undef METHOD_NAME
    (void)state;
    for (int m = 0; m < FL_RESIZE_COUNT; m++) {
        char words[64];
        fl_plan *made = plan_maker_tiny(NULL, TARGET);
        made->preprocess = (fl_plan_preprocess){.present = true, .resize = m};
        fl_buf bytes = plan_maker_bytes(made);
        fl_plan *plan = parsed(bytes.data, bytes.size);
        fl_buf text = printed(plan);
        assert_int_equal(plan->preprocess.resize, m);
        snprintf(words, sizeof words, " resize=%s ", names[m]);
        assert_non_null(strstr((const char *)text.data, words));
        fl_plan_free(plan);
        fl_buf_free(&text);
        fl_buf_free(&bytes);
    }
}

static void a_step_tells_its_descriptor(void **state)
{
    fl_plan *plan = plan_maker_net(NULL, TARGET);
    const fl_plan_engine *e = &plan->engines[0];
    fl_tensor_desc *in[4], *out[1];
    fl_op_desc desc;
    (void)state;

    fl_plan_step_desc(e, &e->steps[1], in, out, &desc);
    assert_int_equal(desc.op, FL_OP_CONV2D);
    assert_int_equal(desc.n_in, 4);
    assert_ptr_equal(desc.in[0], &e->tensors[e->steps[0].out[0]].desc);
    assert_true(desc.in[1]->constant);
    assert_null(desc.in[2]);
    assert_ptr_equal(desc.in[3], desc.in[0]);
    assert_int_equal(desc.out[0]->dim[0], -1);
    assert_int_equal(desc.p.conv.act, FL_UNARY_RELU);
    fl_plan_free(plan);
}

static void names_are_shown_without_control_characters(void **state)
{
    fl_plan *plan = plan_maker_all(NULL, TARGET);
    fl_buf text = printed(plan);
    (void)state;

    assert_non_null(strstr((const char *)text.data, "  input 1 v?with a tab: f32[3N,5] tensor=1\n"));
    fl_buf_free(&text);
    fl_plan_free(plan);
}

/* ---- weights */

static void temporary_path(char *path, size_t size)
{
    const char *folder = getenv("TMPDIR");

    snprintf(path, size, "%s/floe-test-plan-XXXXXX", folder ? folder : "/tmp");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static void a_mapped_file_holds_its_weights_in_place(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_net(NULL, TARGET));
    fl_plan *plan = NULL;
    char path[256];
    (void)state;

    temporary_path(path, sizeof path);
    assert_int_equal(fl_file_write(path, bytes.data, bytes.size, NULL), FLOE_OK);
    assert_int_equal(fl_plan_load(&plan, NULL, path, NULL), FLOE_OK);
    assert_true(plan->weights >= plan->file.data);
    assert_ptr_equal(plan->weights + plan->weights_bytes, plan->file.data + plan->file.size);
    assert_int_equal((uintptr_t)plan->weights % 4096, 0);
    assert_null(plan->storage.data);
    fl_plan_free(plan);
    unlink(path);
    fl_buf_free(&bytes);
}

static void weights_at_an_odd_address_are_copied(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_net(NULL, TARGET));
    fl_plan *in_place = parsed(bytes.data, bytes.size);
    uint8_t *odd = malloc(bytes.size + 1);
    (void)state;

    memcpy(odd + 1, bytes.data, bytes.size);
    fl_plan *copied = parsed(odd + 1, bytes.size);
    assert_in_range((uintptr_t)in_place->weights, (uintptr_t)bytes.data, (uintptr_t)bytes.data + bytes.size);
    assert_ptr_equal(copied->weights, copied->storage.data);
    assert_int_equal((uintptr_t)copied->weights % FL_ALIGN, 0);
    assert_int_equal(copied->weights_bytes, in_place->weights_bytes);
    assert_memory_equal(copied->weights, in_place->weights, in_place->weights_bytes);
    fl_plan_free(copied);
    fl_plan_free(in_place);
    free(odd);
    fl_buf_free(&bytes);
}

/* ---- files of another kind, version or size */

static void what_is_no_plan_is_said_to_be_none(void **state)
{
    (void)state;
    assert_refused("", 0, FLOE_ERR_FORMAT, "not a PLAN");
    assert_refused("FLOE", 4, FLOE_ERR_FORMAT, "not a PLAN");
    assert_refused("a text file of some length, which is not a plan", 47, FLOE_ERR_FORMAT, "not a PLAN");
    assert_refused("FLOEPLAN", 8, FLOE_ERR_FORMAT, "too short");
    assert_refused("FLOEPLAN\1\0\0\0\3\0\0\0", 16, FLOE_ERR_FORMAT, "too short");
}

static void a_missing_file_is_named(void **state)
{
    fl_plan *plan = NULL;
    floe_error err = {0};
    (void)state;

    assert_int_equal(fl_plan_load(&plan, NULL, "no/such/file.plan", &err), FLOE_ERR_IO);
    assert_null(plan);
    assert_non_null(strstr(err.message, "no/such/file.plan"));
}

static void another_version_is_told_from_damage(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_tiny(NULL, TARGET));
    (void)state;

    bytes.data[8] = 9;
    assert_refused(bytes.data, bytes.size, FLOE_ERR_VERSION, "version 9; this floe reads version 1");
    assert_refused(bytes.data, 12, FLOE_ERR_VERSION, "version 9"); /* its header may be anything */
    fl_buf_free(&bytes);
}

static void a_file_that_was_cut_is_refused_wherever(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        fl_buf bytes = sample_bytes(i);
        for (size_t size = 0; size < bytes.size; size += size < 128 ? 1 : 64) {
            /* A copy of just that size: reading past its end shows under AddressSanitizer. */
            uint8_t *cut = malloc(size ? size : 1);
            memcpy(cut, bytes.data, size);
            assert_refused(cut, size, FLOE_ERR_FORMAT, "");
            free(cut);
        }
        fl_buf_free(&bytes);
    }
}

static void a_file_that_was_extended_is_refused(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_net(NULL, TARGET));
    (void)state;

    fl_put_u8(&bytes, 0);
    assert_refused(bytes.data, bytes.size, FLOE_ERR_FORMAT, "extended");
    fl_buf_free(&bytes);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void assert_flip_is_found(fl_buf *bytes, size_t bit)
{
    fl_plan *plan = NULL;
    floe_error err = {0};

    bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    const floe_status st = fl_plan_parse(&plan, NULL, bytes->data, bytes->size, "memory.plan", &err);
    if (st != FLOE_ERR_FORMAT && !(st == FLOE_ERR_VERSION && bit / 8 >= 8 && bit / 8 < 12))
        fail_msg("bit %zu flipped: status %d, %s", bit, (int)st, err.message);
    assert_null(plan);
    assert_true(strlen(err.message) > 20);
    bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void any_flipped_bit_is_found(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        fl_buf bytes = sample_bytes(i);
        uint32_t random = 1;
        for (size_t bit = 0; bit < 8 * 512 && bit < 8 * bytes.size; bit++) /* header, table, META, first padding */
            assert_flip_is_found(&bytes, bit);
        for (int k = 0; k < 2000; k++)
            assert_flip_is_found(&bytes, next_random(&random) % (8 * bytes.size));
        fl_plan_free(parsed(bytes.data, bytes.size)); /* and whole again it loads */
        fl_buf_free(&bytes);
    }
}

static void padding_must_be_zero_even_with_right_checksums(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_net(NULL, TARGET));
    (void)state;

    bytes.data[4095] = 1; /* before the weights */
    plan_checksums_fix(bytes.data, bytes.size);
    assert_refused(bytes.data, bytes.size, FLOE_ERR_FORMAT, "are not zero");
    fl_buf_free(&bytes);
}

/* ---- the k-th allocation fails */

static void loading_survives_every_failed_allocation(void **state)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_all(NULL, TARGET));
    uint8_t *odd = malloc(bytes.size + 1);
    floe_status st = FLOE_ERR_MEMORY;
    long k;
    (void)state;

    memcpy(odd + 1, bytes.data, bytes.size); /* odd: the copy of the weights is allocated too */
    for (k = 0; st != FLOE_OK; k++) {
        ledger l;
        const floe_env env = ledger_env(&l, k);
        fl_plan *plan = NULL;
        floe_error err = {0};
        st = fl_plan_parse(&plan, &env, odd + 1, bytes.size, "memory", &err);
        if (st != FLOE_OK) {
            assert_int_equal(st, FLOE_ERR_MEMORY);
            assert_non_null(strstr(err.message, "out of memory"));
            assert_null(plan);
        }
        fl_plan_free(plan);
        assert_int_equal(atomic_load(&l.live), 0);
    }
    assert_true(k > 4);
    free(odd);
    fl_buf_free(&bytes);
}

static void writing_survives_every_failed_allocation(void **state)
{
    fl_plan *plan = plan_maker_all(NULL, TARGET);
    floe_status st = FLOE_ERR_MEMORY;
    long k;
    (void)state;

    for (k = 0; st != FLOE_OK; k++) {
        ledger l;
        const floe_env env = ledger_env(&l, k);
        fl_buf bytes = fl_buf_make(&env);
        st = fl_plan_write(&bytes, plan, NULL);
        assert_true(st == FLOE_OK || (st == FLOE_ERR_MEMORY && bytes.size == 0));
        fl_buf_free(&bytes);
        assert_int_equal(atomic_load(&l.live), 0);
    }
    assert_true(k > 4);
    fl_plan_free(plan);
}

/* ---- files in the repository */

static void committed_files_load_and_are_what_is_written(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        char rest[128], path[512];
        fl_buf bytes = sample_bytes(i);
        fl_plan *plan = NULL;
        floe_error err = {0};
        snprintf(rest, sizeof rest, "tests/golden/plan/v1_%s.plan", samples[i].name);
        source_path(path, sizeof path, rest);
        if (getenv("FLOE_WRITE_GOLDEN"))
            assert_int_equal(fl_file_write(path, bytes.data, bytes.size, NULL), FLOE_OK);
        if (fl_plan_load(&plan, NULL, path, &err) != FLOE_OK)
            fail_msg("%s", err.message);
        assert_int_equal(plan->file.size, bytes.size);
        assert_memory_equal(plan->file.data, bytes.data, bytes.size);
        fl_plan_free(plan);
        fl_buf_free(&bytes);
    }
}

/* Where a pattern first stands. */
static size_t find(const fl_buf *bytes, const char *pattern, size_t length)
{
    for (size_t i = 0; i + length <= bytes->size; i++)
        if (!memcmp(bytes->data + i, pattern, length))
            return i;
    fail_msg("pattern not found");
    return 0;
}

/* In plan_maker_tiny: 'x' is tensor 0, 'act' tensor 1; the only step reads 0 and writes 1. */
static void break_magic(fl_buf *b) { b->data[0] = 'f'; }
static void break_version(fl_buf *b) { b->data[8] = 2; }
static void break_size(fl_buf *b) { b->size -= 64; }
static void break_checksum(fl_buf *b) { b->data[find(b, "floe by hand", 12)] = 'F'; }
static void break_operator(fl_buf *b) { b->data[find(b, "unary\21\0\0\0cpu.", 13)] = 'U'; }
static void break_shape(fl_buf *b) { b->data[find(b, "\3\0\0\0act\1", 8) + 31] = 9; }
static void break_input(fl_buf *b) { b->data[find(b, "\1\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0", 16) + 4] = 1; }
static void break_output(fl_buf *b) { b->data[find(b, "\1\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0", 16) + 12] = 0; }
static void break_tensor(fl_buf *b) { b->data[find(b, "\1\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0", 16) + 4] = 77; }
static void break_rank(fl_buf *b) { b->data[find(b, "\3\0\0\0act\1", 8) + 10] = 200; }
static void break_type(fl_buf *b) { b->data[find(b, "\3\0\0\0act\1", 8) + 7] = 99; }
static void break_batch(fl_buf *b) { b->data[find(b, TARGET, sizeof TARGET - 1) + sizeof TARGET - 1] = 0; }

static const struct {
    const char *name;
    void (*change)(fl_buf *bytes);
    bool        fix_checksums;
    floe_status status;
    const char *words;
} broken[] = {
    {"magic", break_magic, false, FLOE_ERR_FORMAT, "not a PLAN"},
    {"version", break_version, false, FLOE_ERR_VERSION, "version 2; this floe reads version 1"},
    {"size", break_size, false, FLOE_ERR_FORMAT, "cut"},
    {"checksum", break_checksum, false, FLOE_ERR_FORMAT, "the checksum of section 0"},
    {"operator", break_operator, true, FLOE_ERR_VERSION, "operator 'Unary' is unknown"},
    {"shape", break_shape, true, FLOE_ERR_FORMAT, "stored as f32[N,9], but unary gives f32[N,8]"},
    {"input", break_input, true, FLOE_ERR_FORMAT, "was not written by any step before"},
    {"output", break_output, true, FLOE_ERR_FORMAT, "lies in input binding 'x'"},
    {"tensor", break_tensor, true, FLOE_ERR_FORMAT, "input 0 is tensor 77"},
    {"rank", break_rank, true, FLOE_ERR_FORMAT, "rank 200"},
    {"type", break_type, true, FLOE_ERR_FORMAT, "element type 99"},
    {"batch", break_batch, true, FLOE_ERR_FORMAT, "maximum batch 0"},
};

static void write_broken(size_t i, const char *path)
{
    fl_buf bytes = plan_maker_bytes(plan_maker_tiny(NULL, TARGET));

    broken[i].change(&bytes);
    if (broken[i].fix_checksums)
        plan_checksums_fix(bytes.data, bytes.size);
    assert_int_equal(fl_file_write(path, bytes.data, bytes.size, NULL), FLOE_OK);
    fl_buf_free(&bytes);
}

static void committed_broken_files_are_refused_with_the_right_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char rest[128], path[512];
        fl_plan *plan = NULL;
        floe_error err = {0};
        snprintf(rest, sizeof rest, "tests/golden/plan/broken_%s.plan", broken[i].name);
        source_path(path, sizeof path, rest);
        if (getenv("FLOE_WRITE_GOLDEN"))
            write_broken(i, path);
        assert_int_equal(fl_plan_load(&plan, NULL, path, &err), broken[i].status);
        assert_null(plan);
        if (!strstr(err.message, broken[i].words) || strncmp(err.message, path, strlen(path)) != 0)
            fail_msg("'%s' does not say '%s'", err.message, broken[i].words);
    }
}

/* ---- the second reader */

/* What a command prints, and whether it succeeded. */
static bool output_of(const char *command, fl_buf *out)
{
    char chunk[4096];
    size_t n;
    FILE *pipe = popen(command, "r");

    assert_non_null(pipe);
    while ((n = fread(chunk, 1, sizeof chunk, pipe)) > 0)
        fl_put_bytes(out, chunk, n);
    fl_put_u8(out, 0);
    return pclose(pipe) == 0;
}

static bool second_reader_reads(const char *path, fl_buf *out)
{
    char script[512], command[1200];

    *out = fl_buf_make(NULL);
    source_path(script, sizeof script, "tests/format/read_plan.py");
    snprintf(command, sizeof command, "python3 '%s' '%s' 2>/dev/null", script, path);
    return output_of(command, out);
}

/* Takes the plan. */
static void assert_second_reader_agrees(fl_plan *plan)
{
    char path[256];
    fl_buf text = printed(plan), out;
    fl_buf bytes = plan_maker_bytes(plan);

    temporary_path(path, sizeof path);
    assert_int_equal(fl_file_write(path, bytes.data, bytes.size, NULL), FLOE_OK);
    assert_true(second_reader_reads(path, &out));
    assert_string_equal((const char *)out.data, (const char *)text.data);
    unlink(path);
    fl_buf_free(&text);
    fl_buf_free(&out);
    fl_buf_free(&bytes);
}

static void a_second_reader_sees_the_same(void **state)
{
    fl_buf out = fl_buf_make(NULL);
    (void)state;

    if (!output_of("python3 -c 'print(1)' 2>/dev/null", &out)) {
        fl_buf_free(&out);
        print_message("SKIPPED a_second_reader_sees_the_same: there is no python3\n");
        skip();
    }
    fl_buf_free(&out);
    for (int i = 0; i < SAMPLES; i++) {
        char rest[128], path[512];
        snprintf(rest, sizeof rest, "tests/golden/plan/v1_%s.plan", samples[i].name);
        assert_true(second_reader_reads(source_path(path, sizeof path, rest), &out));
        fl_plan *plan = samples[i].make(NULL, TARGET);
        fl_buf text = printed(plan);
        assert_string_equal((const char *)out.data, (const char *)text.data);
        fl_plan_free(plan);
        fl_buf_free(&text);
        fl_buf_free(&out);
    }
    for (int m = 0; m < FL_RESIZE_COUNT; m++) {
        fl_plan *plan = plan_maker_tiny(NULL, TARGET);
        plan->preprocess = (fl_plan_preprocess){.present = true, .resize = m};
        assert_second_reader_agrees(plan);
    }
    static const char *const seen[] = {"magic", "version", "size", "checksum", "operator", "tensor", "rank", "type"};
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        char rest[128], path[512];
        snprintf(rest, sizeof rest, "tests/golden/plan/broken_%s.plan", seen[i]);
        assert_false(second_reader_reads(source_path(path, sizeof path, rest), &out));
        fl_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_survives_the_round_trip),
        cmocka_unit_test(equal_plans_are_equal_bytes),
        cmocka_unit_test(preprocessing_and_engines_come_back),
        cmocka_unit_test(every_resize_method_comes_back),
        cmocka_unit_test(a_step_tells_its_descriptor),
        cmocka_unit_test(names_are_shown_without_control_characters),
        cmocka_unit_test(a_mapped_file_holds_its_weights_in_place),
        cmocka_unit_test(weights_at_an_odd_address_are_copied),
        cmocka_unit_test(what_is_no_plan_is_said_to_be_none),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(another_version_is_told_from_damage),
        cmocka_unit_test(a_file_that_was_cut_is_refused_wherever),
        cmocka_unit_test(a_file_that_was_extended_is_refused),
        cmocka_unit_test(any_flipped_bit_is_found),
        cmocka_unit_test(padding_must_be_zero_even_with_right_checksums),
        cmocka_unit_test(loading_survives_every_failed_allocation),
        cmocka_unit_test(writing_survives_every_failed_allocation),
        cmocka_unit_test(committed_files_load_and_are_what_is_written),
        cmocka_unit_test(committed_broken_files_are_refused_with_the_right_words),
        cmocka_unit_test(a_second_reader_sees_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
