/* test_cuda_simt.c - the CUDA tactics of convolutions and matrix products without tensor cores against the references: every
 * tactic that takes a problem runs it, on random problems and on those that sit at borders of tiles.
 *
 * The reference runs on f32 whatever is stored. Sums here have up to 4700 terms of both signs in float: some 1e-6 of the
 * largest, where 1e-5 is promised. Half precision may be off by its rounding besides. Each run is repeated for the same bits,
 * and done over the residual's memory where there is one.
 *
 * FLOE_TEST_SEED repeats a run, FLOE_TEST_PROBLEMS sets the number of random problems.
 */
#include "cuda_step.h"

#include "backend/cuda/cuda_simt.h"
#include "base/half.h"

#include <math.h>

#define TOLERANCE 1e-5
#define SLOTS     4

static cuda_rig rig;
static uint64_t seed, state;

static uint32_t next_random(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}
static int64_t pick(int64_t low, int64_t high) { return low + (int64_t)(next_random() % (uint64_t)(high - low + 1)); }
static bool    chance(int percent) { return pick(0, 99) < percent; }
static float   random_value(void) { return (float)(int32_t)(next_random() << 1) / 2147483648.0f; }
#define PICK(...) ((const int64_t[]){__VA_ARGS__})[pick(0, (int64_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)) - 1)]

static int problems(int usual)
{
    const char *text = getenv("FLOE_TEST_PROBLEMS");
    return text ? atoi(text) : usual;
}

static int open_rig(void **unused)
{
    const char *text = getenv("FLOE_TEST_SEED");

    (void)unused;
    seed = text ? strtoull(text, NULL, 10) : 20261124;
    cuda_rig_open(&rig);
    return 0;
}
static int close_rig(void **unused)
{
    (void)unused;
    cuda_rig_close(&rig);
    return 0;
}
static int seed_test(void **unused)
{
    (void)unused;
    state = seed;
    return 0;
}

/* ---- a problem: inputs in their types and as f32 */

typedef struct problem {
    fl_op_desc      d;
    fl_tensor_desc  in[SLOTS], out[1];
    fl_tensor_desc *in_at[SLOTS], *out_at[1];
    void           *data[SLOTS];
    float          *wide[SLOTS], *want;
} problem;

static void begin(problem *p, fl_op_kind op)
{
    memset(p, 0, sizeof *p);
    p->d = (fl_op_desc){.op = op, .n_in = SLOTS, .n_out = 1, .in = p->in_at, .out = p->out_at};
    p->out_at[0] = p->out;
}

static void put_value(fl_dtype dtype, void *data, float *wide, int64_t i, float v)
{
    if (dtype == FL_F32) {
        ((float *)data)[i] = wide[i] = v;
        return;
    }
    const uint16_t bits = dtype == FL_F16 ? fl_half_from_float(v) : fl_bfloat_from_float(v);
    ((uint16_t *)data)[i] = bits;
    wide[i] = dtype == FL_F16 ? fl_half_to_float(bits) : fl_bfloat_to_float(bits);
}

static void add(problem *p, int slot, fl_dtype dtype, bool constant, int rank, const int64_t *dim, float scale)
{
    fl_tensor_desc *t = &p->in[slot];

    *t = fl_tensor_make(dtype, rank, dim);
    t->constant = constant;
    p->in_at[slot] = t;
    const int64_t n = fl_tensor_elements_at(t, 1);
    p->data[slot] = malloc((size_t)n * 4 + 4);
    p->wide[slot] = malloc((size_t)n * 4 + 4);
    assert_true(p->data[slot] && p->wide[slot]);
    for (int64_t i = 0; i < n; i++)
        put_value(dtype, p->data[slot], p->wide[slot], i, scale * random_value());
}

static void end(problem *p)
{
    for (int i = 0; i < SLOTS; i++) {
        free(p->data[i]);
        free(p->wide[i]);
    }
    free(p->want);
}

/* The reference on the same values as f32. */
static void solve_wide(problem *p)
{
    fl_tensor_desc in[SLOTS], out = p->out[0], *in_at[SLOTS], *out_at = &out;
    fl_op_desc d = p->d;
    floe_error err = {0};

    for (int i = 0; i < SLOTS; i++) {
        in[i] = p->in[i];
        in[i].dtype = FL_F32;
        in_at[i] = p->in_at[i] ? &in[i] : NULL;
    }
    out.dtype = FL_F32;
    d.in = in_at;
    d.out = &out_at;
    p->want = malloc(fl_tensor_bytes_at(&out, 1) + 4);
    void *const to = p->want;
    cuda_need(fl_op_def_of(d.op)->ref(&d, (const void *const *)p->wide, &to, &err), &err);
}

/* False where random parameters do not fit each other. */
static bool solve(problem *p, bool residual)
{
    floe_error err = {0};

    if (fl_op_infer(&p->d, &err) != FLOE_OK)
        return false;
    if (residual) {
        add(p, FL_SLOT_RESIDUAL, p->out[0].dtype, false, p->out[0].rank, p->out[0].dim, 1);
        cuda_need(fl_op_infer(&p->d, &err), &err);
    }
    solve_wide(p);
    return true;
}

static void compare(const problem *p, const fl_tactic *tactic, const void *got)
{
    const fl_dtype dtype = p->out[0].dtype;
    const int64_t n = fl_tensor_elements_at(p->out, 1);
    const double rounding = dtype == FL_F16 ? 0x1p-10 : dtype == FL_BF16 ? 0x1p-7 : 0;
    double largest = 0.1;

    for (int64_t i = 0; i < n; i++)
        largest = fabs((double)p->want[i]) > largest ? fabs((double)p->want[i]) : largest;
    for (int64_t i = 0; i < n; i++) {
        const uint16_t bits = dtype == FL_F32 ? 0 : ((const uint16_t *)got)[i];
        const double want = (double)p->want[i];
        const double is = dtype == FL_F32   ? (double)((const float *)got)[i]
                          : dtype == FL_F16 ? (double)fl_half_to_float(bits)
                                            : (double)fl_bfloat_to_float(bits);
        if (fabs(is - want) <= TOLERANCE * largest + rounding * fabs(want))
            continue;
        fl_buf text = fl_buf_make(NULL);
        fl_op_desc_text(&text, &p->d, 1);
        print_error("seed %llu, %s: %.*s\n", (unsigned long long)seed, tactic->name, (int)text.size, (const char *)text.data);
        fl_buf_free(&text);
        fail_msg("element %lld: got %.9g, want %.9g", (long long)i, is, want);
    }
}

static void run_tactic(const problem *p, const fl_tactic *tactic)
{
    const size_t bytes = fl_tensor_bytes_at(p->out, 1);
    void *first = malloc(bytes + 1), *again = malloc(bytes + 1);

    assert_true(first && again && tactic->cost && tactic->cost(&p->d, &rig.info, 1) > 0);
    cuda_step_run(&rig, tactic, &p->d, (const void *const *)p->data, &first, -1);
    compare(p, tactic, first);
    const bool in_place = p->in_at[FL_SLOT_RESIDUAL] && (tactic->in_place >> FL_SLOT_RESIDUAL & 1);
    cuda_step_run(&rig, tactic, &p->d, (const void *const *)p->data, &again, in_place ? FL_SLOT_RESIDUAL : -1);
    if (memcmp(first, again, bytes) != 0)
        fail_msg("%s: other bits the second time%s", tactic->name, in_place ? ", in place" : "");
    free(first);
    free(again);
}

/* Runs what takes it; gives its bits and frees. */
static unsigned check(problem *p, const fl_tactic *const *tactics, size_t count)
{
    unsigned ran = 0;

    for (size_t i = 0; i < count; i++) {
        const char *why_not = NULL;
        if (tactics[i]->supports(&p->d, &rig.info, &why_not)) {
            run_tactic(p, tactics[i]);
            ran |= 1u << i;
        } else {
            assert_non_null(why_not);
        }
    }
    assert_int_not_equal(ran, 0);
    end(p);
    return ran;
}

static const fl_dtype storage[] = {FL_F32, FL_F16, FL_BF16};
/* NONE, RELU and RELU6 more often than the rest. */
static int32_t random_act(void) { return chance(60) ? (int32_t)pick(0, FL_UNARY_RELU6) : chance(20) ? FL_UNARY_SILU : (int32_t)pick(0, FL_UNARY_SOFTSIGN); }

/* Weights are mostly constant, and f32 or as x. */
static void add_weights(problem *p, fl_dtype x, int rank, const int64_t *dim, int64_t channels, int64_t terms)
{
    const fl_dtype dtype = chance(50) ? x : FL_F32, bias = chance(50) ? x : FL_F32;

    add(p, FL_SLOT_WEIGHTS, dtype, chance(70), rank, dim, 2 / sqrtf((float)(terms > 0 ? terms : 1)));
    if (chance(60))
        add(p, FL_SLOT_BIAS, bias, chance(70), 1, &channels, 1);
}

/* ---- convolutions */

typedef struct conv {
    int64_t n, h, w, cin, cout, kh, kw;
    int32_t groups, stride[2], dilation[2], pad[4], format;
} conv;

static void picture_dims(int64_t *dim, int32_t format, int64_t n, int64_t h, int64_t w, int64_t c)
{
    const int64_t nhwc[4] = {n, h, w, c}, nchw[4] = {n, c, h, w};
    memcpy(dim, format == FL_NHWC ? nhwc : nchw, sizeof nhwc);
}

static fl_conv_params params_of(const conv *c)
{
    fl_conv_params p = {.groups = c->groups, .format = c->format, .act = random_act(), .alpha = 0.2f};

    memcpy(p.stride, c->stride, sizeof p.stride);
    memcpy(p.dilation, c->dilation, sizeof p.dilation);
    memcpy(p.pad, c->pad, sizeof p.pad);
    return p;
}

static unsigned conv2d(const conv *c, fl_dtype dtype)
{
    problem p;
    int64_t x[4];
    const int64_t f[4] = {c->kh, c->kw, c->cin / c->groups, c->cout};

    begin(&p, FL_OP_CONV2D);
    picture_dims(x, c->format, c->n, c->h, c->w, c->cin);
    add(&p, FL_SLOT_X, dtype, false, 4, x, 1);
    add_weights(&p, dtype, 4, f, c->cout, f[0] * f[1] * f[2]);
    p.d.p.conv = params_of(c);
    if (!solve(&p, chance(50))) {
        end(&p);
        return 0;
    }
    return check(&p, fl_cuda_conv2d_simt_tactics, fl_cuda_conv2d_simt_count);
}

static conv random_conv(void)
{
    const int32_t groups = chance(70) ? 1 : (int32_t)pick(2, 4);
    conv c = {.n = pick(1, 2), .h = pick(1, 12), .w = pick(1, 12), .cin = groups * PICK(1, 3, 4, 5, 8, 12, 16, 20),
              .cout = groups * PICK(1, 3, 4, 8, 12, 33, 36, 68), .kh = pick(1, 4), .kw = pick(1, 4), .groups = groups,
              .format = chance(25) ? FL_NCHW : FL_NHWC};

    for (int i = 0; i < 2; i++) {
        c.stride[i] = (int32_t)pick(1, 3);
        c.dilation[i] = chance(70) ? 1 : 2;
    }
    for (int i = 0; i < 4; i++)
        c.pad[i] = (int32_t)pick(0, 2);
    if (chance(20)) {
        c.h = c.w = c.kh = c.kw = c.stride[0] = c.stride[1] = 1;
        memset(c.pad, 0, sizeof c.pad);
    }
    return c;
}

static void every_bit(unsigned ran, size_t count) { assert_int_equal(ran, (1u << count) - 1); }

static void conv2d_of_random_shapes(void **unused)
{
    unsigned ran = 0;

    (void)unused;
    for (int i = 0; i < problems(90); i++) {
        const conv c = random_conv();
        ran |= conv2d(&c, storage[i % 3]);
    }
    if (problems(90) > 80)
        every_bit(ran, fl_cuda_conv2d_simt_count);
}

#define ONES .groups = 1, .stride = {1, 1}, .dilation = {1, 1}
static void conv2d_at_borders_of_tiles(void **unused)
{
    static const conv shapes[] = {
        {1, 1, 127, 16, 127, 1, 1, ONES},                        /* a row and a column short */
        {1, 1, 128, 16, 128, 1, 1, ONES},                        /* one of each tile */
        {1, 3, 43, 20, 132, 1, 1, ONES},                         /* 129 rows, 4 columns more, k of 20 */
        {1, 5, 13, 64, 65, 3, 3, ONES, .pad = {1, 1, 1, 1}},     /* 65 x 65, k = 576 */
        {2, 9, 9, 3, 32, 7, 7, .groups = 1, .stride = {2, 2}, .dilation = {1, 1}, .pad = {3, 3, 3, 3}}, /* a first layer */
        {1, 3, 5, 520, 40, 3, 3, ONES, .pad = {1, 1, 1, 1}},     /* k of 4680 */
        {1, 2, 9, 515, 8, 1, 3, ONES, .pad = {0, 0, 1, 1}},
        {1, 6, 7, 96, 96, 3, 3, .groups = 24, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}}, /* ResNeXt */
        {1, 1, 1, 1280, 10, 1, 1, ONES},                         /* squeeze-and-excitation */
        {4, 1, 1, 48, 1152, 1, 1, ONES},
        {1, 9, 9, 24, 48, 3, 3, ONES, .pad = {1, 1, 1, 1}, .format = FL_NCHW},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int t = 0; t < 3; t++)
            assert_int_not_equal(conv2d(&shapes[i], storage[t]), 0);
}

/* ---- matrix products */

static unsigned matmul(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b, fl_dtype dtype, bool constant)
{
    problem p;
    const int64_t a[2] = {transpose_a ? k : m, transpose_a ? m : k}, b[2] = {transpose_b ? n : k, transpose_b ? k : n};

    begin(&p, FL_OP_MATMUL);
    add(&p, FL_SLOT_X, dtype, false, 2, a, 1);
    add_weights(&p, dtype, 2, b, n, k);
    p.in[FL_SLOT_WEIGHTS].constant = constant;
    p.d.p.matmul = (fl_matmul_params){transpose_a, transpose_b, random_act(), 0.2f};
    assert_true(solve(&p, chance(50)));
    return check(&p, fl_cuda_matmul_simt_tactics, fl_cuda_matmul_simt_count);
}

static void matmul_of_random_shapes(void **unused)
{
    unsigned ran = 0;

    (void)unused;
    for (int i = 0; i < problems(75); i++)
        ran |= matmul(PICK(1, 2, 4, 5, 8, 9, 16, 31, 65, 130), PICK(1, 3, 4, 10, 33, 64, 129, 200),
                      PICK(1, 3, 8, 16, 17, 64, 100, 300, 700), chance(25), chance(40), storage[i % 3], chance(60));
    if (problems(75) >= 75)
        every_bit(ran | 1u << (fl_cuda_matmul_simt_count - 1), fl_cuda_matmul_simt_count); /* all but integers */
}

static void matmul_of_few_rows_and_many_terms(void **unused)
{
    (void)unused;
    for (int64_t m = 1; m <= 9; m++)
        for (int transpose_b = 0; transpose_b < 2; transpose_b++)
            matmul(m, 1001, 2048 + m, false, transpose_b, FL_F32, true);
    matmul(1, 5, 4099, false, false, FL_F32, true);
    matmul(16, 300, 70, false, false, FL_F32, true);
}

static void matmul_of_nothing(void **unused)
{
    (void)unused;
    for (int t = 0; t < 3; t++) {
        matmul(5, 7, 0, false, false, storage[t], true);  /* bias and activation remain */
        matmul(0, 7, 5, false, false, storage[t], true);
        matmul(5, 0, 5, false, true, storage[t], false);
    }
}

static void matmul_of_integers_wraps(void **unused)
{
    (void)unused;
    for (int round = 0; round < 24; round++) {
        const fl_dtype dtype = round % 2 ? FL_I64 : FL_I32;
        const int32_t ta = round >> 1 & 1, tb = round >> 2 & 1;
        const int64_t m = pick(1, 20), n = pick(1, 40), k = pick(0, 30);
        fl_tensor_desc a = fl_tensor_make(dtype, 2, (int64_t[]){ta ? k : m, ta ? m : k});
        fl_tensor_desc b = fl_tensor_make(dtype, 2, (int64_t[]){tb ? n : k, tb ? k : n}), y, *in[] = {&a, &b}, *out[] = {&y};
        fl_op_desc d = {.op = FL_OP_MATMUL, .n_in = 2, .n_out = 1, .in = in, .out = out};
        uint64_t values[2][1200], want[800], got[800];
        floe_error err = {0};
        d.p.matmul = (fl_matmul_params){ta, tb, FL_UNARY_NONE, 0};
        b.constant = round % 3 == 0;
        cuda_need(fl_op_infer(&d, &err), &err);
        for (int i = 0; i < 2400; i++)
            values[i / 1200][i % 1200] = (uint64_t)next_random() << 40 ^ (uint64_t)next_random() << 20 ^ next_random();
        const void *const from[] = {values[0], values[1]};
        void *to_want = want, *to_got = got;
        cuda_need(fl_op_def_of(FL_OP_MATMUL)->ref(&d, from, &to_want, &err), &err);
        int ran = 0;
        for (size_t i = 0; i < fl_cuda_matmul_simt_count; i++) {
            const char *why_not = NULL;
            if (!fl_cuda_matmul_simt_tactics[i]->supports(&d, &rig.info, &why_not))
                continue;
            cuda_step_run(&rig, fl_cuda_matmul_simt_tactics[i], &d, from, &to_got, -1);
            assert_memory_equal(got, want, fl_tensor_bytes_at(&y, 1));
            ran++;
        }
        assert_int_equal(ran, 1);
    }
}

/* ---- transposed convolutions: x is what a convolution of y gives */

static unsigned conv2d_transpose(const conv *c, fl_dtype dtype)
{
    problem p;
    int64_t x[4], windows[2];
    const int64_t size[2] = {c->h, c->w}, kernel[2] = {c->kh, c->kw}, f[4] = {c->kh, c->kw, c->cout, c->cin};

    for (int i = 0; i < 2; i++) {
        windows[i] = size[i] + c->pad[2 * i] + c->pad[2 * i + 1] - (kernel[i] - 1) * c->dilation[i] - 1;
        if (windows[i] < 0)
            return 0;
        windows[i] = windows[i] / c->stride[i] + 1;
    }
    begin(&p, FL_OP_CONV2D_TRANSPOSE);
    picture_dims(x, c->format, c->n, windows[0], windows[1], c->cin);
    add(&p, FL_SLOT_X, dtype, false, 4, x, 1);
    add_weights(&p, dtype, 4, f, c->cout, f[0] * f[1] * f[3] / (c->stride[0] * c->stride[1]));
    p.d.p.conv = params_of(c);
    p.d.p.conv.output[0] = c->h;
    p.d.p.conv.output[1] = c->w;
    assert_true(solve(&p, chance(50)));
    return check(&p, fl_cuda_conv2d_transpose.items, fl_cuda_conv2d_transpose.count);
}

static void conv2d_transpose_of_random_shapes(void **unused)
{
    unsigned ran = 0;

    (void)unused;
    for (int i = 0; i < problems(75); i++) {
        conv c = random_conv();
        c.groups = 1;
        for (int k = 0; k < 2; k++)
            c.dilation[k] = (int32_t)PICK(1, 1, 1, 2, 3, 4);
        ran |= conv2d_transpose(&c, storage[i % 3]);
    }
    if (problems(75) >= 75)
        every_bit(ran, fl_cuda_conv2d_transpose.count);
}

static void conv2d_transpose_as_networks_have_it(void **unused)
{
    static const conv shapes[] = {
        {1, 16, 16, 32, 16, 2, 2, .groups = 1, .stride = {2, 2}, .dilation = {1, 1}},                         /* U-Net */
        {2, 15, 17, 64, 70, 4, 4, .groups = 1, .stride = {2, 2}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}},    /* DCGAN */
        {1, 40, 24, 4, 4, 16, 16, .groups = 1, .stride = {8, 8}, .dilation = {1, 1}, .pad = {4, 4, 4, 4}},    /* FCN */
        {1, 9, 9, 8, 8, 1, 1, .groups = 1, .stride = {3, 3}, .dilation = {1, 1}},                             /* phases without taps */
        {1, 12, 20, 140, 66, 5, 3, .groups = 1, .stride = {3, 2}, .dilation = {2, 4}, .pad = {4, 3, 2, 5}},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int t = 0; t < 3; t++)
            assert_int_not_equal(conv2d_transpose(&shapes[i], storage[t]), 0);
}

/* ---- depthwise convolutions */

static unsigned depthwise(const conv *c, int64_t multiplier, fl_dtype dtype)
{
    problem p;
    int64_t x[4];
    const int64_t f[4] = {c->kh, c->kw, c->cin, multiplier};

    begin(&p, FL_OP_DEPTHWISE_CONV2D);
    picture_dims(x, c->format, c->n, c->h, c->w, c->cin);
    add(&p, FL_SLOT_X, dtype, false, 4, x, 1);
    add_weights(&p, dtype, 4, f, c->cin * multiplier, f[0] * f[1]);
    p.d.p.conv = params_of(c);
    if (!solve(&p, chance(50))) {
        end(&p);
        return 0;
    }
    return check(&p, fl_cuda_depthwise_conv2d.items, fl_cuda_depthwise_conv2d.count);
}

static void depthwise_of_random_shapes(void **unused)
{
    unsigned ran = 0;

    (void)unused;
    for (int i = 0; i < problems(120); i++) {
        conv c = random_conv();
        c.groups = 1;
        c.cin = PICK(1, 3, 4, 8, 12, 16, 40);
        if (chance(60)) {
            c.kh = c.kw = PICK(3, 5);
            c.stride[0] = c.stride[1] = (int32_t)pick(1, 2);
            c.dilation[0] = c.dilation[1] = 1;
        }
        ran |= depthwise(&c, chance(80) ? 1 : pick(2, 3), storage[i % 3]);
    }
    if (problems(120) >= 120)
        every_bit(ran, fl_cuda_depthwise_conv2d.count);
}

static void depthwise_of_strips(void **unused)
{
    (void)unused;
    for (int64_t w = 1; w <= 9; w++)
        for (int t = 0; t < 3; t++)
            for (int k = 0; k < 4; k++) {
                const int32_t stride = k & 1 ? 2 : 1, size = k & 2 ? 5 : 3, before = stride == 1 ? size / 2 : 0;
                const conv c = {.n = 2, .h = 7, .w = w + size, .cin = 24, .kh = size, .kw = size, .groups = 1,
                                .stride = {stride, stride}, .dilation = {1, 1}, .pad = {before, size / 2, before, size / 2}};
                assert_int_equal(depthwise(&c, 1, storage[t]) & 8, 8);
            }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, seed_test)
    const struct CMUnitTest tests[] = {
        TEST(conv2d_of_random_shapes), TEST(conv2d_at_borders_of_tiles),
        TEST(matmul_of_random_shapes), TEST(matmul_of_few_rows_and_many_terms),
        TEST(matmul_of_nothing), TEST(matmul_of_integers_wraps),
        TEST(conv2d_transpose_of_random_shapes), TEST(conv2d_transpose_as_networks_have_it),
        TEST(depthwise_of_random_shapes), TEST(depthwise_of_strips),
    };

    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
