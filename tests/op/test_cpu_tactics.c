/* test_cpu_tactics.c - every tactic of the CPU backend for convolutions and matrix products against the operator's
 * reference, on random problems: odd sizes, strides, dilation, groups, pads, batches, absent and present, constant and
 * computed bias, filter and residual, all activations, unaligned buffers.
 *
 * Tolerance: the reference sums in double and rounds once. A float chain of K terms is off by about sqrt(K) * 2^-24 of
 * the sum of magnitudes; with K < 2000 here and inputs of both signs that is below 3e-6 of the largest result, and 1e-5
 * leaves room for activations. Results must have the same bits with 1, 2 and 3 threads, and in place of the residual
 * where the tactic allows that. A frame around every output must stay as it was.
 *
 * FLOE_TEST_SEED repeats a run; FLOE_TEST_PROBLEMS sets the number of problems an operator.
 */
#include "op_case.h"

#include "backend/backend.h"

#define FRAME 64 /* floats before and after a buffer */

static uint64_t seed, state;

static uint32_t next_random(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static int64_t pick(int64_t low, int64_t high)
{
    return low + (int64_t)(next_random() % (uint64_t)(high - low + 1));
}

static bool chance(int percent)
{
    return pick(0, 99) < percent;
}

static float random_value(void)
{
    return (float)(int32_t)(next_random() << 1) / 2147483648.0f;
}

/* ---- one problem */

typedef struct problem {
    op_case c;
    float  *data[4]; /* of inputs */
    float  *want;
    size_t  outputs;
} problem;

static size_t elements(const fl_tensor_desc *t)
{
    return (size_t)fl_tensor_elements_at(t, 1);
}

/* Not aligned to more than a float, with a frame around it. */
static float *make_buffer(size_t n)
{
    float *p = malloc((n + 2 * FRAME + 1) * sizeof *p);

    assert_non_null(p);
    for (size_t i = 0; i < n + 2 * FRAME + 1; i++)
        p[i] = 12345.0f;
    return p + FRAME + 1;
}

static void free_buffer(float *p)
{
    if (p)
        free(p - FRAME - 1);
}

static void check_frame(const float *p, size_t n)
{
    for (size_t i = 1; i <= FRAME; i++) {
        assert_true(p[-(ptrdiff_t)i] == 12345.0f);
        assert_true(p[n + i - 1] == 12345.0f);
    }
}

static void add_input(problem *p, int slot, bool present, bool constant, int rank, const int64_t *dim)
{
    p->c.in_at[slot] = NULL;
    if (!present)
        return;
    p->c.in[slot] = fl_tensor_make(FL_F32, rank, dim);
    p->c.in[slot].constant = constant;
    p->c.in_at[slot] = &p->c.in[slot];
    const size_t n = elements(&p->c.in[slot]);
    p->data[slot] = make_buffer(n);
    for (size_t i = 0; i < n; i++)
        p->data[slot][i] = random_value();
}

/* The filter as trained ones are: sums stay around 1 however long they are, and activations do not saturate (behind a
 * tanh an error that was small against the sum is not small against 1). */
static void scale_filter(problem *p, int64_t terms)
{
    const size_t n = elements(&p->c.in[1]);

    for (size_t i = 0; i < n; i++)
        p->data[1][i] *= 2 / sqrtf((float)terms);
}

static void begin(problem *p, fl_op_kind op)
{
    memset(p, 0, sizeof *p);
    p->c.d.op = op;
    p->c.d.in = p->c.in_at;
    p->c.d.out = p->c.out_at;
    p->c.d.n_in = 4;
    p->c.d.n_out = 1;
    p->c.out_at[0] = &p->c.out[0];
}

/* False where the random parameters do not fit each other. */
static bool finish(problem *p, bool residual)
{
    if (fl_op_infer(&p->c.d, &p->c.err) != FLOE_OK)
        return false;
    if (residual) {
        add_input(p, 3, true, chance(10), p->c.out[0].rank, p->c.out[0].dim);
        assert_int_equal(fl_op_infer(&p->c.d, &p->c.err), FLOE_OK);
    }
    p->outputs = elements(&p->c.out[0]);
    p->want = make_buffer(p->outputs);
    const void *ins[4] = {p->data[0], p->data[1], p->data[2], p->data[3]};
    void *outs[1] = {p->want};
    assert_int_equal(fl_op_def_of(p->c.d.op)->ref(&p->c.d, ins, outs, &p->c.err), FLOE_OK);
    return true;
}

static void end(problem *p)
{
    for (int i = 0; i < 4; i++)
        free_buffer(p->data[i]);
    free_buffer(p->want);
}

static void print_problem(const problem *p, const char *tactic)
{
    fl_buf text = fl_buf_make(NULL);

    fl_op_desc_text(&text, &p->c.d, 1);
    print_error("seed %llu, %s: %.*s\n", (unsigned long long)seed, tactic, (int)text.size, (const char *)text.data);
    fl_buf_free(&text);
}

/* ---- running a tactic */

static fl_device *device;
static fl_device_info info;
static fl_stream *streams[3]; /* of 1, 2, 3 threads */

static int open_device(void **unused)
{
    (void)unused;
    if (fl_cpu_backend.open(&device, NULL, "cpu", NULL, NULL) != FLOE_OK)
        return -1;
    fl_cpu_backend.describe(device, &info);
    for (int i = 0; i < 3; i++)
        if (fl_cpu_backend.stream_open(&streams[i], device, i + 1, NULL) != FLOE_OK)
            return -1;
    const char *text = getenv("FLOE_TEST_SEED");
    seed = text ? strtoull(text, NULL, 10) : 20261124;
    print_message("seed %llu\n", (unsigned long long)seed);
    return 0;
}

static int close_device(void **unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++)
        fl_cpu_backend.stream_close(streams[i]);
    fl_cpu_backend.close(device);
    return 0;
}

static void run(const problem *p, const fl_tactic *tactic, fl_stream *stream, const fl_buf *packed, float *y, bool over)
{
    const void *in[4];
    void *out[1] = {y};
    fl_op_desc d = p->c.d;
    floe_error err = {0};
    const size_t bytes = tactic->workspace_bytes(&d, &info, 1);
    void *workspace = fl_alloc(NULL, bytes ? bytes : 1);

    memset(workspace, 0xff, bytes); /* not a number */
    for (int i = 0; i < 4; i++) {
        const bool taken = p->c.in_at[i] && (tactic->packs >> i & 1) && p->c.in[i].constant;
        in[i] = taken ? NULL : p->data[i];
    }
    if (over)
        in[3] = y;
    const fl_step step = {&d, tactic, in, out, packed->data, workspace};
    const floe_status st = tactic->run(&step, stream, &err);
    if (st != FLOE_OK)
        print_error("%s\n", err.message);
    assert_int_equal(st, FLOE_OK);
    fl_free(NULL, workspace);
}

static bool is_near(const problem *p, const float *got)
{
    float largest = 0;

    for (size_t i = 0; i < p->outputs; i++)
        largest = fmaxf(largest, fabsf(p->want[i]));
    for (size_t i = 0; i < p->outputs; i++) {
        if (!(fabsf(got[i] - p->want[i]) <= 1e-5f * largest)) {
            print_error("element %zu of %zu: got %.9g, want %.9g, largest %.9g\n", i, p->outputs, (double)got[i],
                        (double)p->want[i], (double)largest);
            return false;
        }
    }
    return true;
}

static void check_tactic(const problem *p, const fl_tactic *tactic)
{
    fl_buf packed = fl_buf_make(NULL);
    floe_error err = {0};
    float *y[3];

    if (tactic->pack) {
        const void *consts[4] = {NULL};
        for (int i = 0; i < 4; i++)
            if (p->c.in_at[i] && (tactic->packs >> i & 1) && p->c.in[i].constant)
                consts[i] = p->data[i];
        assert_int_equal(tactic->pack(&p->c.d, consts, &packed, &err), FLOE_OK);
        assert_int_equal(packed.size, tactic->packed_bytes(&p->c.d));
    }
    for (int i = 0; i < 3; i++) {
        y[i] = make_buffer(p->outputs);
        run(p, tactic, streams[i], &packed, y[i], false);
        check_frame(y[i], p->outputs);
        if (i > 0 && memcmp(y[0], y[i], p->outputs * sizeof(float)) != 0) {
            print_problem(p, tactic->name);
            fail_msg("1 and %d threads give different bits", i + 1);
        }
    }
    if (!is_near(p, y[0])) {
        print_problem(p, tactic->name);
        fail_msg("differs from the reference");
    }
    if (p->data[3] && (tactic->in_place >> 3 & 1)) {
        memcpy(y[1], p->data[3], p->outputs * sizeof(float));
        run(p, tactic, streams[1], &packed, y[1], true);
        assert_memory_equal(y[0], y[1], p->outputs * sizeof(float));
    }
    for (int i = 0; i < 3; i++)
        free_buffer(y[i]);
    fl_buf_free(&packed);
}

static size_t check_all(const problem *p, size_t *times)
{
    const fl_tactic_list list = fl_cpu_backend.tactics(device, p->c.d.op);
    size_t checked = 0;

    assert_true(list.count < 128);
    for (size_t i = 0; i < list.count; i++) {
        const char *why = NULL;
        if (!list.items[i]->supports(&p->c.d, &info, &why)) {
            assert_non_null(why);
            continue;
        }
        check_tactic(p, list.items[i]);
        times[i]++;
        checked++;
    }
    return checked;
}

/* Each tactic that this machine has must have had its share of the problems. */
static void check_coverage(fl_op_kind op, const size_t *times, size_t at_least)
{
    const fl_tactic_list list = fl_cpu_backend.tactics(device, op);
    static const char *const levels[] = {"scalar", "avx2", "avx512"};

    for (size_t i = 0; i < list.count; i++) {
        bool here = true;
        for (int k = 0; k < 3; k++)
            if (strstr(list.items[i]->name, levels[k]))
                here = strstr(info.target, levels[k]) || k == 0 || (k == 1 && strstr(info.target, "avx512"));
        if (here && times[i] < at_least)
            fail_msg("%s was tried on %zu problems only", list.items[i]->name, times[i]);
    }
}

static int problems(void)
{
    const char *text = getenv("FLOE_TEST_PROBLEMS");

    return text ? atoi(text) : 150;
}

/* ---- random problems */

static void pick_act(int32_t *act, float *alpha)
{
    *act = chance(40) ? FL_UNARY_NONE : (int32_t)pick(FL_UNARY_NONE, FL_UNARY_SOFTSIGN);
    *alpha = 0.1f;
}

static void pick_window(fl_conv_params *p, const int64_t *x, const int64_t *filter)
{
    for (int i = 0; i < 2; i++) {
        p->stride[i] = (int32_t)(chance(50) ? 1 : pick(1, 3));
        p->dilation[i] = (int32_t)(chance(70) ? 1 : pick(1, 3));
        const int64_t reach = (filter[i] - 1) * p->dilation[i];
        const bool same = chance(50);
        if (same)
            fl_same_padding(x[1 + i], filter[i], p->stride[i], p->dilation[i], &p->pad[2 * i], &p->pad[2 * i + 1]);
        else
            for (int k = 0; k < 2; k++)
                p->pad[2 * i + k] = (int32_t)(chance(50) ? 0 : pick(0, reach + 1));
    }
}

/* Sizes that straddle the tiles' edges. */
static int64_t pick_channels(void)
{
    static const int64_t edges[] = {1, 2, 3, 4, 8, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 130};

    return chance(60) ? edges[pick(0, (int64_t)(sizeof edges / sizeof edges[0]) - 1)] : pick(1, 70);
}

static bool random_conv2d(problem *p)
{
    const bool winograd = chance(20), groups = !winograd && chance(20);
    const int64_t g = groups ? pick(2, 4) : 1;
    const int64_t cin = groups ? pick(1, 20) : winograd ? pick(16, 140) : chance(25) ? pick(1, 4) : pick_channels();
    const int64_t cout = groups ? pick(1, 20) : winograd ? pick(16, 140) : pick_channels();
    const int64_t size = winograd || chance(70) ? 3 : 1;
    const int64_t filter[4] = {winograd || chance(60) ? size : pick(1, 7), winograd || chance(60) ? size : pick(1, 7),
                               cin, cout * g};
    const int64_t x[4] = {pick(1, 3), pick(1, 24), pick(1, 24), cin * g};
    const int64_t bias[1] = {cout * g};
    fl_conv_params *c = &p->c.d.p.conv;

    begin(p, FL_OP_CONV2D);
    pick_window(c, x, filter);
    for (int i = 0; i < 2 && winograd; i++)
        c->stride[i] = c->dilation[i] = 1;
    pick_act(&c->act, &c->alpha);
    c->groups = (int32_t)g;
    add_input(p, 0, true, false, 4, x);
    add_input(p, 1, true, chance(85), 4, filter);
    scale_filter(p, filter[0] * filter[1] * filter[2]);
    add_input(p, 2, chance(70), chance(80), 1, bias);
    return finish(p, chance(40));
}

static bool random_depthwise(problem *p)
{
    const bool mobile = chance(60); /* the shapes of networks, which have kernels of their own */
    const int64_t size = mobile || chance(50) ? 3 + 2 * pick(0, 1) : pick(1, 7);
    const int64_t filter[4] = {size, mobile || chance(50) ? size : pick(1, 7), pick_channels(),
                               mobile ? 1 : pick(1, 4)};
    const int64_t x[4] = {pick(1, 3), pick(1, 24), pick(1, 24), filter[2]};
    const int64_t bias[1] = {filter[2] * filter[3]};
    fl_conv_params *c = &p->c.d.p.conv;

    begin(p, FL_OP_DEPTHWISE_CONV2D);
    pick_window(c, x, filter);
    if (mobile) {
        c->dilation[0] = c->dilation[1] = 1;
        c->stride[0] = c->stride[1] = (int32_t)pick(1, 2);
    }
    pick_act(&c->act, &c->alpha);
    c->groups = 1;
    add_input(p, 0, true, false, 4, x);
    add_input(p, 1, true, chance(85), 4, filter);
    scale_filter(p, filter[0] * filter[1]);
    add_input(p, 2, chance(70), chance(80), 1, bias);
    return finish(p, chance(40));
}

static bool random_conv2d_transpose(problem *p)
{
    const int64_t filter[4] = {pick(1, 5), pick(1, 5), pick_channels(), pick_channels()};
    const int64_t y[4] = {pick(1, 2), pick(1, 20), pick(1, 20), filter[2]};
    const int64_t bias[1] = {filter[2]};
    int64_t x[4] = {y[0], 0, 0, filter[3]};
    fl_conv_params *c = &p->c.d.p.conv;

    begin(p, FL_OP_CONV2D_TRANSPOSE);
    pick_window(c, y, filter);
    if (chance(10))
        c->stride[pick(0, 1)] = 7; /* phases without taps */
    pick_act(&c->act, &c->alpha);
    c->groups = 1;
    for (int i = 0; i < 2; i++) {
        const int64_t room = y[1 + i] + c->pad[2 * i] + c->pad[2 * i + 1] - (filter[i] - 1) * c->dilation[i] - 1;
        if (room < 0)
            return false;
        x[1 + i] = room / c->stride[i] + 1;
        c->output[i] = y[1 + i];
    }
    add_input(p, 0, true, false, 4, x);
    add_input(p, 1, true, chance(85), 4, filter);
    scale_filter(p, filter[0] * filter[1] * filter[3]);
    add_input(p, 2, chance(70), chance(80), 1, bias);
    return finish(p, chance(40));
}

static bool random_matmul(problem *p)
{
    const int64_t m = chance(40) ? pick(1, 4) : pick(1, 150), k = chance(20) ? pick(1, 2000) : pick(1, 200);
    const int64_t n = chance(80) ? pick_channels() : pick(1, 300);
    fl_matmul_params *q = &p->c.d.p.matmul;

    begin(p, FL_OP_MATMUL);
    q->transpose_a = chance(30);
    q->transpose_b = chance(40);
    pick_act(&q->act, &q->alpha);
    const int64_t a[2] = {q->transpose_a ? k : m, q->transpose_a ? m : k};
    const int64_t b[2] = {q->transpose_b ? n : k, q->transpose_b ? k : n};
    const int64_t bias[1] = {n};
    add_input(p, 0, true, false, 2, a);
    add_input(p, 1, true, chance(70), 2, b);
    scale_filter(p, k);
    add_input(p, 2, chance(70), chance(80), 1, bias);
    return finish(p, chance(40));
}

static void check_op(fl_op_kind op, bool (*random_problem)(problem *), size_t at_least)
{
    size_t times[128] = {0};
    problem p;

    state = seed + (uint64_t)op;
    for (int i = 0; i < problems();) {
        if (random_problem(&p)) {
            check_all(&p, times);
            i++;
        }
        end(&p);
    }
    check_coverage(op, times, at_least * (size_t)problems() / 100);
}

static void conv2d_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_CONV2D, random_conv2d, 5);
}

static void depthwise_conv2d_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_DEPTHWISE_CONV2D, random_depthwise, 5);
}

static void conv2d_transpose_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_CONV2D_TRANSPOSE, random_conv2d_transpose, 5);
}

static void matmul_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_MATMUL, random_matmul, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_tactics_equal_the_reference),
        cmocka_unit_test(depthwise_conv2d_tactics_equal_the_reference),
        cmocka_unit_test(conv2d_transpose_tactics_equal_the_reference),
        cmocka_unit_test(matmul_tactics_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
