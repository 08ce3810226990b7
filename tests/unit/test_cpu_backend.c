/* test_cpu_backend.c - the CPU backend's slots: opening with options, targets, tactic lists and names, programs, profile,
 * timing. What tactics compute is checked in tests/op.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/cpu/cpu_isa.h"
#include "op/op.h"

static fl_device *open_device(const char *isa, int threads)
{
    const fl_device_options options = {.threads = threads, .isa = isa};
    fl_device *device = NULL;
    floe_error err = {0};

    if (fl_cpu_backend.open(&device, NULL, "cpu", &options, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return device;
}

/* ---- devices */

static void the_backend_is_found_by_its_name(void **unused)
{
    (void)unused;
    assert_ptr_equal(fl_backend_find("cpu"), &fl_cpu_backend);
    assert_null(fl_backend_find("cpus"));
    assert_null(fl_backend_find(NULL));
}

static void a_device_describes_itself(void **unused)
{
    (void)unused;
    fl_device *device = open_device(NULL, 0);
    fl_device_info info;

    fl_cpu_backend.describe(device, &info);
    assert_string_equal(info.target, fl_cpu_target(fl_cpu_isa_detect()));
    assert_int_equal(info.isa, fl_cpu_isa_detect());
    assert_true(info.name[0] != '\0');
    assert_true(info.threads >= 1);
    assert_in_range(info.l1_bytes, 4 << 10, 1 << 20);
    assert_in_range(info.l2_bytes, 64 << 10, 256 << 20);
    fl_cpu_backend.close(device);
}

static void wrong_options_are_refused_in_a_sentence(void **unused)
{
    const struct {
        const char *spec, *isa, *part;
        int         threads;
        floe_status status;
    } rows[] = {
        {"cpu:1", NULL, "there is one CPU", 1, FLOE_ERR_ARGUMENT},
        {"cpu", NULL, "-1 threads", -1, FLOE_ERR_ARGUMENT},
        {"cpu", "sse9", "'sse9' is unknown", 1, FLOE_ERR_ARGUMENT},
        {"cpu", fl_cpu_isa_detect() == FL_CPU_NEON ? "avx2" : "neon", "processor reaches", 1, FLOE_ERR_UNSUPPORTED},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const fl_device_options options = {.threads = rows[i].threads, .isa = rows[i].isa};
        fl_device *device = NULL;
        floe_error err = {0};
        assert_int_equal(fl_cpu_backend.open(&device, NULL, rows[i].spec, &options, &err), rows[i].status);
        assert_non_null(strstr(err.message, rows[i].part));
        assert_null(device);
    }
}

static void a_capped_device_refuses_plans_for_more(void **unused)
{
    (void)unused;
    fl_device *low = open_device("scalar", 1), *high = open_device(NULL, 1);
    fl_device_info low_info, high_info;
    floe_error err = {0};

    fl_cpu_backend.describe(low, &low_info);
    fl_cpu_backend.describe(high, &high_info);
    assert_int_equal(fl_cpu_backend.accepts(low, low_info.target, &err), FLOE_OK);
    assert_int_equal(fl_cpu_backend.accepts(high, low_info.target, &err), FLOE_OK);
    assert_int_equal(fl_cpu_backend.accepts(high, high_info.target, &err), FLOE_OK);
    if (high_info.isa != low_info.isa) {
        assert_int_equal(fl_cpu_backend.accepts(low, high_info.target, &err), FLOE_ERR_TARGET);
        assert_non_null(strstr(err.message, low_info.target));
        assert_non_null(strstr(err.message, high_info.target));
    }
    assert_int_equal(fl_cpu_backend.accepts(high, "sm_90", &err), FLOE_ERR_TARGET);
    assert_int_equal(fl_cpu_backend.accepts(high, "", &err), FLOE_ERR_TARGET);
    fl_cpu_backend.close(low);
    fl_cpu_backend.close(high);
}

/* ---- tactics */

static bool is_reference(const fl_tactic *t)
{
    const size_t n = strlen(t->name);

    return n > 4 && !strcmp(t->name + n - 4, ".ref");
}

static void check_list(const fl_device *device, fl_op_kind op)
{
    const fl_tactic_list list = fl_cpu_backend.tactics(device, op);
    char prefix[64];

    snprintf(prefix, sizeof prefix, "cpu.%s.", fl_op_def_of(op)->name);
    assert_true(list.count >= 1 && list.count <= 64); /* the builder looks at 64 */
    for (size_t i = 0; i < list.count; i++) {
        const fl_tactic *t = list.items[i];
        assert_int_equal(t->op, op);
        assert_int_equal(strncmp(t->name, prefix, strlen(prefix)), 0);
        assert_true(t->supports && t->workspace_bytes && t->run);
        assert_true((t->packs == 0) == (t->pack == NULL) && (t->pack == NULL) == (t->packed_bytes == NULL));
        assert_int_equal(is_reference(t), i + 1 == list.count);
        assert_ptr_equal(fl_tactic_find(&fl_cpu_backend, device, op, t->name), t); /* names are unique */
    }
    assert_null(fl_tactic_find(&fl_cpu_backend, device, op, prefix));
}

static void every_operator_has_a_list_that_ends_in_its_reference(void **unused)
{
    (void)unused;
    fl_device *device = open_device(NULL, 1);

    for (int op = 0; op < FL_OP_COUNT; op++)
        check_list(device, (fl_op_kind)op);
    assert_int_equal(fl_cpu_backend.tactics(device, FL_OP_COUNT).count, 0);
    fl_cpu_backend.close(device);
}

/* ---- one step: a matrix product of 3 x 4 with 4 x 5 */

typedef struct fixture {
    fl_device     *device;
    fl_stream     *stream;
    fl_tensor_desc a, b, y;
    fl_tensor_desc *in_at[2], *out_at[1];
    fl_op_desc     d;
    float          a_data[12], b_data[20], y_data[15];
    const void    *in[2];
    void          *out[1];
    fl_step        step;
} fixture;

static void make_fixture(fixture *f)
{
    const int64_t a[2] = {3, 4}, b[2] = {4, 5};
    floe_error err = {0};

    memset(f, 0, sizeof *f);
    f->device = open_device(NULL, 2);
    assert_int_equal(fl_cpu_backend.stream_open(&f->stream, f->device, 2, &err), FLOE_OK);
    f->a = fl_tensor_make(FL_F32, 2, a);
    f->b = fl_tensor_make(FL_F32, 2, b);
    f->in_at[0] = &f->a;
    f->in_at[1] = &f->b;
    f->out_at[0] = &f->y;
    f->d = (fl_op_desc){.op = FL_OP_MATMUL, .n_in = 2, .n_out = 1, .in = f->in_at, .out = f->out_at};
    assert_int_equal(fl_op_infer(&f->d, &err), FLOE_OK);
    for (int i = 0; i < 12; i++)
        f->a_data[i] = (float)i;
    for (int i = 0; i < 4; i++)
        f->b_data[i * 5 + i] = 2; /* y = 2 a, and a column of zeros */
    f->in[0] = f->a_data;
    f->in[1] = f->b_data;
    f->out[0] = f->y_data;
    const fl_tactic *t = fl_tactic_find(&fl_cpu_backend, f->device, FL_OP_MATMUL, "cpu.matmul.any.ref");
    assert_non_null(t);
    f->step = (fl_step){&f->d, t, f->in, f->out, NULL, NULL};
}

static void free_fixture(fixture *f)
{
    fl_cpu_backend.stream_close(f->stream);
    fl_cpu_backend.close(f->device);
}

static void check_product(fixture *f)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 5; j++)
            assert_true(f->y_data[i * 5 + j] == (j < 4 ? 2 * f->a_data[i * 4 + j] : 0));
    memset(f->y_data, 0xff, sizeof f->y_data);
}

static void a_program_runs_its_steps_and_can_be_prepared_again(void **unused)
{
    fixture f;
    floe_error err = {0};
    fl_program *program = NULL;
    uint64_t times[2] = {UINT64_MAX, UINT64_MAX};

    (void)unused;
    make_fixture(&f);
    const fl_step steps[2] = {f.step, f.step};
    assert_int_equal(fl_cpu_backend.prepare(&program, f.stream, steps, 2, 1, &err), FLOE_OK);
    fl_program *first = program;
    assert_int_equal(fl_cpu_backend.run(program, &err), FLOE_OK);
    assert_int_equal(fl_cpu_backend.wait(f.stream, &err), FLOE_OK);
    check_product(&f);
    assert_int_equal(fl_cpu_backend.prepare(&program, f.stream, steps, 1, 1, &err), FLOE_OK);
    assert_ptr_equal(program, first);
    assert_int_equal(fl_cpu_backend.profile(program, times, &err), FLOE_OK);
    check_product(&f);
    assert_true(times[0] < 1000000000u); /* less than a second */
    assert_true(times[1] == UINT64_MAX); /* one step was prepared */
    fl_cpu_backend.program_free(program);
    fl_cpu_backend.program_free(NULL);
    free_fixture(&f);
}

static void timing_gives_nanoseconds_of_every_tactic(void **unused)
{
    fixture f;
    floe_error err = {0};
    fl_device_info info;

    (void)unused;
    make_fixture(&f);
    fl_cpu_backend.describe(f.device, &info);
    const fl_tactic_list list = fl_cpu_backend.tactics(f.device, FL_OP_MATMUL);
    for (size_t i = 0; i < list.count; i++) {
        const fl_tactic *t = list.items[i];
        const void *const none[2] = {NULL, NULL};
        const char *why;
        fl_buf packed = fl_buf_make(NULL);
        uint64_t ns = 0;
        if (!t->supports(&f.d, &info, &why))
            continue;
        void *workspace = fl_alloc(NULL, t->workspace_bytes(&f.d, &info, 1));
        assert_true(!t->pack || t->pack(&f.d, none, &packed, &err) == FLOE_OK);
        const fl_step step = {&f.d, t, f.in, f.out, packed.data, workspace};
        assert_int_equal(fl_cpu_backend.time(f.stream, &step, &ns, &err), FLOE_OK);
        assert_in_range(ns, 1, 1000000000);
        check_product(&f);
        fl_buf_free(&packed);
        fl_free(NULL, workspace);
    }
    free_fixture(&f);
}

static floe_status fail_run(const fl_step *step, fl_stream *stream, floe_error *err)
{
    (void)step;
    (void)stream;
    return fl_fail(err, FLOE_ERR_LIMIT, "this step fails");
}

static void a_failing_step_ends_the_run(void **unused)
{
    static const fl_tactic failing = {.name = "cpu.matmul.test", .op = FL_OP_MATMUL, .run = fail_run};
    fixture f;
    floe_error err = {0};
    fl_program *program = NULL;
    uint64_t times[2], ns;

    (void)unused;
    make_fixture(&f);
    fl_step steps[2] = {f.step, f.step};
    steps[0].tactic = &failing;
    assert_int_equal(fl_cpu_backend.prepare(&program, f.stream, steps, 2, 1, &err), FLOE_OK);
    memset(f.y_data, 0x11, sizeof f.y_data);
    const float before = f.y_data[0];
    assert_int_equal(fl_cpu_backend.run(program, &err), FLOE_ERR_LIMIT);
    assert_string_equal(err.message, "this step fails");
    assert_int_equal(fl_cpu_backend.profile(program, times, &err), FLOE_ERR_LIMIT);
    assert_int_equal(fl_cpu_backend.time(f.stream, &steps[0], &ns, &err), FLOE_ERR_LIMIT);
    assert_true(f.y_data[0] == before);
    fl_cpu_backend.program_free(program);
    free_fixture(&f);
}

/* ---- memory */

static void memory_is_aligned_and_weights_are_used_in_place(void **unused)
{
    (void)unused;
    fl_device *device = open_device(NULL, 1);
    static const size_t sizes[] = {0, 1, 100, (size_t)5 << 20};
    floe_error err = {0};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *memory = NULL;
        assert_int_equal(fl_cpu_backend.alloc(device, &memory, sizes[i], &err), FLOE_OK);
        assert_int_equal((uintptr_t)memory % FL_ALIGN, 0);
        memset(memory, 1, sizes[i]);
        fl_cpu_backend.free(device, memory);
    }
    const char weights[4] = "abc";
    const void *imported = NULL;
    assert_int_equal(fl_cpu_backend.import_weights(device, &imported, weights, sizeof weights, &err), FLOE_OK);
    assert_ptr_equal(imported, weights);
    fl_cpu_backend.release_weights(device, imported);
    fl_cpu_backend.close(device);
    fl_cpu_backend.close(NULL);
    fl_cpu_backend.stream_close(NULL);
}

/* An allocator whose k-th allocation fails, and all after it. */
typedef struct limited {
    int left, living;
} limited;

static void *limited_alloc(void *user, size_t bytes, size_t align)
{
    limited *l = user;
    void *memory = NULL;

    if (l->left-- <= 0 || posix_memalign(&memory, align, bytes ? bytes : 1) != 0)
        return NULL;
    l->living++;
    return memory;
}

static void limited_free(void *user, void *memory)
{
    limited *l = user;

    l->living -= memory != NULL;
    free(memory);
}

/* Everything a context opens; true when nothing failed. */
static bool open_all(const floe_env *env)
{
    const fl_device_options options = {.threads = 2};
    fl_device *device = NULL;
    fl_stream *stream = NULL;
    fl_program *program = NULL;
    void *memory = NULL;
    floe_error err = {0};

    const bool opened = fl_cpu_backend.open(&device, env, "cpu", &options, &err) == FLOE_OK &&
                        fl_cpu_backend.stream_open(&stream, device, 2, &err) == FLOE_OK &&
                        fl_cpu_backend.prepare(&program, stream, NULL, 0, 1, &err) == FLOE_OK &&
                        fl_cpu_backend.alloc(device, &memory, 1000, &err) == FLOE_OK;
    assert_true(opened || err.status == FLOE_ERR_MEMORY);
    if (memory)
        fl_cpu_backend.free(device, memory);
    fl_cpu_backend.program_free(program);
    fl_cpu_backend.stream_close(stream);
    fl_cpu_backend.close(device);
    return opened;
}

static void every_failing_allocation_is_reported_and_nothing_is_lost(void **unused)
{
    bool opened = false;

    (void)unused;
    for (int k = 0; !opened; k++) {
        limited l = {k, 0};
        const floe_env env = {.alloc = limited_alloc, .free = limited_free, .alloc_user = &l};
        opened = open_all(&env);
        assert_int_equal(l.living, 0);
        assert_true(k < 20);
        assert_true(!opened || k >= 5); /* device, stream, pool, scratch, program, memory */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_backend_is_found_by_its_name),
        cmocka_unit_test(a_device_describes_itself),
        cmocka_unit_test(wrong_options_are_refused_in_a_sentence),
        cmocka_unit_test(a_capped_device_refuses_plans_for_more),
        cmocka_unit_test(every_operator_has_a_list_that_ends_in_its_reference),
        cmocka_unit_test(a_program_runs_its_steps_and_can_be_prepared_again),
        cmocka_unit_test(timing_gives_nanoseconds_of_every_tactic),
        cmocka_unit_test(a_failing_step_ends_the_run),
        cmocka_unit_test(memory_is_aligned_and_weights_are_used_in_place),
        cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
