/* test_cuda_gemm.c - convolution and matrix product on tensor cores: every tactic of cuda_gemm.def against sums in
 * double of the inputs as the tensor cores see them (rounded to f16, bf16 or TF32).
 *
 * A result may be off by the rounding of its type and by float sums: a part in 2^21 of the sum of magnitudes. Tactics
 * are also run where supports() only finds them wasteful, so small problems reach every tile and every split.
 * FLOE_TEST_SEED repeats a run, FLOE_TEST_PROBLEMS sets the number of random ones.
 */
#include "cuda_step.h"

#include "backend/cuda/cuda.h"
#include "base/half.h"

#include <math.h>

static cuda_rig rig;
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
#define PICK(...) ((const int64_t[]){__VA_ARGS__}[next_random() % (sizeof((const int64_t[]){__VA_ARGS__}) / 8)])

static int open_rig(void **unused)
{
    const char *text = getenv("FLOE_TEST_SEED");

    (void)unused;
    seed = text ? strtoull(text, NULL, 10) : 20261124;
    state = seed;
    cuda_rig_open(&rig);
    rig.info.tf32 = true; /* supports() sees it */
    return 0;
}
static int close_rig(void **unused)
{
    (void)unused;
    cuda_rig_close(&rig);
    return 0;
}
static int problems(int usual)
{
    return getenv("FLOE_TEST_PROBLEMS") ? atoi(getenv("FLOE_TEST_PROBLEMS")) : usual;
}

/* ---- types */

static const fl_dtype types[] = {FL_F16, FL_BF16, FL_F32};

static void put(fl_dtype t, void *data, int64_t i, float v)
{
    if (t == FL_F32)
        ((float *)data)[i] = v;
    else
        ((uint16_t *)data)[i] = t == FL_F16 ? fl_half_from_float(v) : fl_bfloat_from_float(v);
}
static float get(fl_dtype t, const void *data, int64_t i)
{
    if (t == FL_F32)
        return ((const float *)data)[i];
    const uint16_t bits = ((const uint16_t *)data)[i];
    return t == FL_F16 ? fl_half_to_float(bits) : fl_bfloat_to_float(bits);
}
/* As an operand of a product with storage t. */
static float operand(fl_dtype t, float v)
{
    uint32_t bits;

    if (t != FL_F32) {
        uint16_t half;
        put(t, &half, 0, v);
        return get(t, &half, 0);
    }
    memcpy(&bits, &v, 4);
    if ((bits & 0x7f800000u) != 0x7f800000u)
        bits = (bits + 0x1000u) & ~0x1fffu;
    memcpy(&v, &bits, 4);
    return v;
}

/* ---- problems */

typedef struct problem {
    fl_op_desc d;
    fl_tensor_desc in[4], out;
    fl_tensor_desc *in_at[4], *out_at;
    void *data[4];
    double *want, *size; /* size: of the terms */
} problem;

static void begin(problem *p, fl_op_kind op)
{
    memset(p, 0, sizeof *p);
    p->out_at = &p->out;
    p->d = (fl_op_desc){.op = op, .n_in = 4, .n_out = 1, .in = p->in_at, .out = &p->out_at};
}

static void add(problem *p, int slot, fl_dtype dtype, bool constant, int rank, const int64_t *dim, float scale)
{
    p->in[slot] = fl_tensor_make(dtype, rank, dim);
    p->in[slot].constant = constant;
    p->in_at[slot] = &p->in[slot];
    const int64_t n = fl_tensor_elements_at(&p->in[slot], 1);
    p->data[slot] = malloc((size_t)n * fl_dtype_bytes(dtype) + 1);
    assert_non_null(p->data[slot]);
    for (int64_t i = 0; i < n; i++)
        put(dtype, p->data[slot], i, scale * random_value());
}

/* Weights and biases are f32, or as x; seldom not constant. */
static void add_weights(problem *p, fl_dtype t, int rank, const int64_t *dim, int64_t channels, int64_t terms)
{
    add(p, FL_SLOT_WEIGHTS, chance(50) ? t : FL_F32, chance(75), rank, dim, 2 / sqrtf((float)terms));
    if (chance(70))
        add(p, FL_SLOT_BIAS, chance(50) ? t : FL_F32, chance(75), 1, &channels, 1);
}

static void end(problem *p)
{
    for (int i = 0; i < 4; i++)
        free(p->data[i]);
    free(p->want);
    free(p->size);
}

static void add_term(problem *p, int64_t at, int64_t x, int64_t w)
{
    const fl_dtype t = p->in[0].dtype;
    const double v = (double)operand(t, get(t, p->data[0], x)) * (double)operand(t, get(p->in[1].dtype, p->data[1], w));

    p->want[at] += v;
    p->size[at] += fabs(v);
}

static void sum_product(problem *p)
{
    const bool ta = p->d.p.matmul.transpose_a, tb = p->d.p.matmul.transpose_b;
    const int64_t m = p->out.dim[0], n = p->out.dim[1], depth = p->in[0].dim[ta ? 0 : 1];

    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t k = 0; k < depth; k++)
                add_term(p, i * n + j, ta ? k * m + i : i * depth + k, tb ? j * depth + k : k * n + j);
}

static void sum_pixel(problem *p, const int64_t at[3], int64_t to)
{
    const fl_conv_params *o = &p->d.p.conv;
    const int64_t *x = p->in[0].dim, *f = p->in[1].dim;

    for (int64_t r = 0; r < f[0]; r++)
        for (int64_t s = 0; s < f[1]; s++) {
            const int64_t h = at[1] * o->stride[0] + r * o->dilation[0] - o->pad[0];
            const int64_t w = at[2] * o->stride[1] + s * o->dilation[1] - o->pad[2];
            for (int64_t c = 0; c < f[2] && h >= 0 && w >= 0 && h < x[1] && w < x[2]; c++)
                for (int64_t k = 0; k < f[3]; k++)
                    add_term(p, to * f[3] + k, ((at[0] * x[1] + h) * x[2] + w) * x[3] + c,
                             ((r * f[1] + s) * f[2] + c) * f[3] + k);
        }
}

/* Infers and sums; false where shapes do not fit. A residual has the shape of y. */
static bool solve(problem *p, bool residual)
{
    floe_error err = {0};

    if (fl_op_infer(&p->d, &err) != FLOE_OK)
        return false;
    const int64_t n = fl_tensor_elements_at(&p->out, 1), channels = p->out.dim[p->out.rank - 1];
    if (residual)
        add(p, FL_SLOT_RESIDUAL, p->in[0].dtype, false, p->out.rank, p->out.dim, 1);
    p->want = calloc((size_t)n + 1, sizeof(double));
    p->size = calloc((size_t)n + 1, sizeof(double));
    assert_true(p->want && p->size);
    if (p->d.op == FL_OP_MATMUL)
        sum_product(p);
    else
        for (int64_t i = 0; i < n / channels; i++)
            sum_pixel(p,
                      (const int64_t[]){i / p->out.dim[2] / p->out.dim[1], i / p->out.dim[2] % p->out.dim[1],
                                        i % p->out.dim[2]},
                      i);
    const int act = p->d.op == FL_OP_MATMUL ? p->d.p.matmul.act : p->d.p.conv.act;
    const float alpha = p->d.op == FL_OP_MATMUL ? p->d.p.matmul.alpha : p->d.p.conv.alpha;
    for (int64_t i = 0; i < n; i++) {
        const double bias = p->in_at[FL_SLOT_BIAS] ? (double)get(p->in[2].dtype, p->data[2], i % channels) : 0;
        const double more = residual ? (double)get(p->in[3].dtype, p->data[3], i) : 0;
        p->want[i] += bias + more;
        p->size[i] += fabs(bias) + fabs(more);
        p->want[i] = act == FL_UNARY_NONE ? p->want[i] : (double)fl_unary_f32(act, alpha, (float)p->want[i]);
    }
    return true;
}

static void compare(const problem *p, const fl_tactic *tactic, const void *got)
{
    const fl_dtype t = p->out.dtype;
    const double rounding = t == FL_F16 ? 0x1p-11 : t == FL_BF16 ? 0x1p-8 : 0x1p-23, least = t == FL_F16 ? 0x1p-24 : 0;

    for (int64_t i = 0; i < fl_tensor_elements_at(&p->out, 1); i++) {
        const double want = p->want[i], is = (double)get(t, got, i);
        const double off = rounding * fabs(want) + p->size[i] * 0x1p-21 + least;
        if (isnan(want) ? isnan(is) : isinf(want) ? is == want : fabs(is - want) <= off)
            continue;
        fl_buf text = fl_buf_make(NULL);
        fl_op_desc_text(&text, &p->d, 1);
        print_error("seed %llu, %s: %.*s\n", (unsigned long long)seed, tactic->name, (int)text.size,
                    (const char *)text.data);
        fl_buf_free(&text);
        fail_msg("element %lld: got %.9g, want %.9g +- %.3g", (long long)i, is, want, off);
    }
}

/* ---- tactics */

static bool is_ours(const char *name)
{
    return strstr(name, ".mma_") || strstr(name, ".near_") || strstr(name, ".gather_") || strstr(name, ".patch_") ||
           strstr(name, ".rows_");
}

/* Refused, but only because something else is faster. */
static bool is_wasteful(const char *why_not)
{
    static const char *const reasons[] = {"a tile twice as large as the problem",
                                          "a small tile for a large problem",
                                          "a sum too short to be cut so often",
                                          "enough tiles without cutting the sum",
                                          "too many rows",
                                          "fewer rows than half a tile",
                                          "outputs smaller than half a tile"};

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (!strcmp(why_not, reasons[i]))
            return true;
    return false;
}

static bool can_run(const fl_tactic *t, const fl_op_desc *d)
{
    const char *why_not = NULL;

    if (!is_ours(t->name))
        return false;
    if (t->supports(d, &rig.info, &why_not))
        return true;
    assert_non_null(why_not);
    return is_wasteful(why_not);
}

/* Twice for the same bits, and with the output where the residual was. */
static void run_tactic(const problem *p, const fl_tactic *tactic)
{
    const size_t bytes = fl_tensor_bytes_at(&p->out, 1);
    void *first = malloc(bytes + 1), *again = malloc(bytes + 1);

    assert_true(first && again);
    cuda_step_run(&rig, tactic, &p->d, (const void *const *)p->data, &first, -1);
    compare(p, tactic, first);
    cuda_step_run(&rig, tactic, &p->d, (const void *const *)p->data, &again,
                  p->in_at[FL_SLOT_RESIDUAL] ? FL_SLOT_RESIDUAL : -1);
    if (memcmp(first, again, bytes) != 0)
        fail_msg("%s: other bits the second time", tactic->name);
    free(first);
    free(again);
}

/* Runs at most `most` of the tactics that can, from a random one on, and frees. 0: all of them. Gives how many ran. */
static size_t check(problem *p, size_t most)
{
    const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, p->d.op);
    const size_t from = next_random() % list.count;
    size_t ran = 0;

    for (size_t i = 0; i < list.count && (most == 0 || ran < most); i++) {
        const fl_tactic *t = list.items[(from + i * 7) % list.count];
        if (!can_run(t, &p->d))
            continue;
        run_tactic(p, t);
        ran++;
    }
    end(p);
    return ran;
}

/* ---- convolutions */

typedef struct conv {
    int64_t n, h, w, cin, cout, kh, kw;
    int32_t stride[2], dilation[2], pad[4], act;
    bool residual;
} conv;

static bool make_conv(problem *p, const conv *c, fl_dtype t, bool plain)
{
    const int64_t x[4] = {c->n, c->h, c->w, c->cin}, f[4] = {c->kh, c->kw, c->cin, c->cout};

    begin(p, FL_OP_CONV2D);
    add(p, FL_SLOT_X, t, false, 4, x, 1);
    if (plain) {
        add(p, FL_SLOT_WEIGHTS, FL_F32, true, 4, f, 1);
        add(p, FL_SLOT_BIAS, FL_F32, true, 1, &c->cout, 1);
    } else {
        add_weights(p, t, 4, f, c->cout, c->kh * c->kw * c->cin);
    }
    p->d.p.conv = (fl_conv_params){.groups = 1, .act = c->act, .alpha = 0.25f};
    memcpy(p->d.p.conv.stride, c->stride, sizeof c->stride);
    memcpy(p->d.p.conv.dilation, c->dilation, sizeof c->dilation);
    memcpy(p->d.p.conv.pad, c->pad, sizeof c->pad);
    if (solve(p, c->residual))
        return true;
    end(p);
    return false;
}

static conv random_conv(int64_t cin)
{
    conv c = {.n = pick(1, 3),
              .h = pick(1, 9),
              .w = pick(1, 9),
              .cin = cin,
              .kh = pick(1, 4),
              .kw = pick(1, 4),
              .cout = PICK(1, 3, 7, 8, 16, 31, 33, 40, 64, 72, 130),
              .residual = chance(40)};

    c.act = chance(60) ? (int32_t)pick(0, FL_UNARY_RELU6) : (int32_t)pick(0, FL_UNARY_SOFTSIGN);
    for (int i = 0; i < 2; i++) {
        c.stride[i] = (int32_t)pick(1, 3);
        c.dilation[i] = chance(70) ? 1 : (int32_t)pick(2, 3);
    }
    for (int i = 0; i < 4; i++)
        c.pad[i] = (int32_t)pick(0, 3);
    return c;
}

static void convolutions_of_whole_chunks(void **unused)
{
    size_t ran = 0;

    (void)unused;
    for (int i = 0; i < problems(90); i++) {
        const conv c = random_conv(PICK(8, 16, 24, 32, 40, 96));
        problem p;
        if (make_conv(&p, &c, types[i % 3], false))
            ran += check(&p, 4);
    }
    assert_true(ran >= (size_t)problems(90));
}

static void convolutions_of_odd_channels(void **unused)
{
    size_t ran = 0;

    (void)unused;
    for (int i = 0; i < problems(90); i++) {
        const conv c = random_conv(PICK(1, 2, 3, 4, 5, 6, 7, 9, 12, 20, 33));
        problem p;
        if (make_conv(&p, &c, types[i % 3], false))
            ran += check(&p, 4);
    }
    assert_true(ran >= (size_t)problems(90));
}

#define STRIDE(s) .stride = {s, s}, .dilation = {1, 1}

static void first_layers(void **unused)
{
    static const conv shapes[] = {
        {1, 37, 39, 3, 64, 7, 7, STRIDE(2), .pad = {3, 3, 3, 3}, .act = FL_UNARY_RELU},
        {1, 38, 38, 3, 64, 7, 7, STRIDE(2), .pad = {2, 3, 2, 3}},
        {2, 35, 37, 3, 32, 3, 3, STRIDE(2)},
        {2, 20, 36, 3, 40, 3, 3, STRIDE(2), .pad = {0, 1, 0, 1}, .act = FL_UNARY_RELU6},
        {1, 19, 21, 3, 64, 3, 3, STRIDE(1), .pad = {1, 1, 1, 1}, .act = FL_UNARY_RELU, .residual = true},
        {1, 18, 22, 1, 20, 5, 5, STRIDE(1), .pad = {2, 2, 2, 2}, .act = FL_UNARY_TANH},
        {1, 17, 33, 4, 100, 3, 5, STRIDE(1), .pad = {0, 2, 1, 0}},
        {1, 17, 18, 5, 33, 3, 3, .stride = {2, 1}, .dilation = {2, 1}, .pad = {2, 2, 1, 1}},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t t = 0; t < 3; t++) {
            problem p;
            assert_true(make_conv(&p, &shapes[i], types[t], true));
            size_t patches = 0;
            const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, FL_OP_CONV2D);
            for (size_t k = 0; k < list.count; k++)
                if (strstr(list.items[k]->name, ".patch_") && can_run(list.items[k], &p.d)) {
                    run_tactic(&p, list.items[k]);
                    patches++;
                }
            assert_int_equal(patches, shapes[i].cin * (int64_t)fl_dtype_bytes(types[t]) % 16 ? 2 : 0);
            check(&p, 2);
        }
}

/* Each of our tactics that the device can have runs on one of three problems: whole chunks, odd channels, few rows. */
static void every_tactic_runs(fl_op_kind op)
{
    const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, op);
    size_t ours = 0, ran = 0;

    for (size_t t = 0; t < 3; t++)
        for (int shape = 0; shape < 2; shape++) {
            const conv c = {1, 13, 21, shape ? 6 : 32, 136, 3, 3, STRIDE(1), .pad = {1, 1, 1, 1}, .residual = true};
            const int64_t a[2] = {shape ? 270 : 19, shape ? 27 : 1032}, b[2] = {a[1], 135}, n = b[1];
            problem p;
            if (op == FL_OP_CONV2D) {
                assert_true(make_conv(&p, &c, types[t], true));
            } else {
                begin(&p, op);
                add(&p, FL_SLOT_X, types[t], false, 2, a, 1);
                add(&p, FL_SLOT_WEIGHTS, FL_F32, true, 2, b, 1);
                add(&p, FL_SLOT_BIAS, FL_F32, true, 1, &n, 1);
                p.d.p.matmul.act = FL_UNARY_RELU;
                assert_true(solve(&p, true));
            }
            ran += check(&p, 0);
        }
    for (size_t i = 0; i < list.count; i++) {
        const char *name = list.items[i]->name;
        const bool other = strstr(name, ".patch_") || strstr(name, ".near_"); /* for convolutions only */
        ours += is_ours(name) && !(op == FL_OP_CONV2D ? strstr(name, ".rows_") != NULL : other);
    }
    assert_int_equal(ran, ours);
}
static void every_tactic_of_conv2d(void **unused)
{
    (void)unused;
    every_tactic_runs(FL_OP_CONV2D);
}
static void every_tactic_of_matmul(void **unused)
{
    (void)unused;
    every_tactic_runs(FL_OP_MATMUL);
}

/* 1x1 on one pixel of few images: a dense layer. */
static void convolutions_of_one_pixel(void **unused)
{
    (void)unused;
    for (int i = 0; i < 6; i++) {
        const conv c = {pick(1, 20), 1, 1,         PICK(8, 72, 1032),      PICK(5, 16, 40),
                        1,           1, STRIDE(1), .act = FL_UNARY_SIGMOID};
        problem p;
        assert_true(make_conv(&p, &c, types[i % 2], false));
        check(&p, 6);
    }
}

static void every_activation(void **unused)
{
    (void)unused;
    for (int act = 0; act < FL_UNARY_COUNT; act++)
        if (fl_unary_is_activation(act))
            for (int shape = 0; shape < 2; shape++) {
                conv c = {1, 5, 9, shape ? 3 : 16, shape ? 13 : 24, 3, 3, STRIDE(1), .pad = {1, 1, 1, 1}, .act = act};
                problem p;
                c.residual = act % 2;
                assert_true(make_conv(&p, &c, types[(act + shape) % 3], true));
                check(&p, 3);
            }
}

/* Padding, rows past the last and neighbours that are not seen must not bring an infinity or a NaN into a sum. */
static void infinities_stay_where_they_are_seen(void **unused)
{
    (void)unused;
    for (int64_t cin = 1; cin <= 8; cin++)
        for (size_t t = 0; t < 6; t++) {
            const int64_t size = 2 + (int64_t)t / 3, step = size + 1; /* a window leaves a row and a column out */
            const conv c = {1, 12, 20, cin, 8, size, size, STRIDE((int32_t)step), .act = FL_UNARY_RELU};
            problem p;
            assert_true(make_conv(&p, &c, types[t % 3], true));
            for (int64_t i = 0; i < 12 * 20 * cin; i++) {
                const int64_t h = i / cin / 20, w = i / cin % 20;
                if (h % step == size || w % step == size)
                    put(types[t % 3], p.data[0], i, i % 2 ? INFINITY : NAN);
            }
            check(&p, 6);
        }
}

static void a_nan_that_is_seen_stays_one(void **unused)
{
    (void)unused;
    for (size_t t = 0; t < 3; t++)
        for (int64_t cin = 3; cin <= 8; cin += 5) {
            const conv c = {1, 9, 17, cin, 8, 3, 3, STRIDE(1), .act = FL_UNARY_RELU};
            problem p;
            assert_true(make_conv(&p, &c, types[t], true));
            put(types[t], p.data[0], 4 * 17 * cin + 5 * cin, NAN);
            free(p.want);
            free(p.size);
            assert_true(solve(&p, false));
            check(&p, 4);
        }
}

/* ---- products */

static void products(void **unused)
{
    size_t ran = 0;

    (void)unused;
    for (int i = 0; i < problems(90); i++) {
        const fl_dtype t = types[i % 3];
        const bool ta = chance(25), tb = chance(40);
        const int64_t m = PICK(1, 2, 7, 8, 9, 16, 17, 65, 130), n = PICK(1, 5, 8, 17, 40, 72, 131),
                      k = PICK(1, 3, 8, 24, 40, 77, 200);
        const int64_t a[2] = {ta ? k : m, ta ? m : k}, b[2] = {tb ? n : k, tb ? k : n};
        problem p;
        begin(&p, FL_OP_MATMUL);
        add(&p, FL_SLOT_X, t, false, 2, a, 1);
        add_weights(&p, t, 2, b, n, k);
        p.d.p.matmul =
            (fl_matmul_params){ta, tb, chance(50) ? FL_UNARY_NONE : (int32_t)pick(0, FL_UNARY_SOFTSIGN), 0.25f};
        assert_true(solve(&p, chance(40)));
        ran += check(&p, 4);
    }
    assert_true(ran >= (size_t)problems(90));
}

/* ---- what is promised about sizes */

static void workspace_of_a_batch_serves_smaller_ones(void **unused)
{
    const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, FL_OP_CONV2D);
    size_t larger = 0;

    (void)unused;
    for (size_t t = 0; t < 3; t++) {
        const conv c = {1, 14, 14, 256, 64, 3, 3, STRIDE(1), .pad = {1, 1, 1, 1}};
        problem p;
        assert_true(make_conv(&p, &c, types[t], true));
        p.in[0].dim[0] = p.out.dim[0] = -1;
        for (size_t i = 0; i < list.count; i++) {
            size_t before = 0;
            for (int64_t batch = 1; batch <= 300 && is_ours(list.items[i]->name); batch++) {
                const size_t bytes = list.items[i]->workspace_bytes(&p.d, &rig.info, batch);
                assert_true(bytes >= before);
                larger += bytes > before;
                before = bytes;
            }
        }
        end(&p);
    }
    assert_true(larger > 100);
}

static bool refused(const problem *p, const fl_device_info *info, const char *reason)
{
    const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, p->d.op);

    for (size_t i = 0; i < list.count; i++) {
        const char *why_not = NULL;
        if (!is_ours(list.items[i]->name))
            continue;
        if (list.items[i]->supports(&p->d, info, &why_not))
            return false;
        assert_non_null(why_not);
        if (strcmp(why_not, "another type") && !strstr(why_not, reason)) {
            print_error("%s: %s\n", list.items[i]->name, why_not);
            return false;
        }
    }
    return true;
}

static void what_is_not_taken_is_refused(void **unused)
{
    const conv c = {1, 8, 8, 16, 16, 3, 3, STRIDE(1)};
    fl_device_info other = rig.info;
    problem p;

    (void)unused;
    assert_true(make_conv(&p, &c, FL_F32, true));
    other.tf32 = false;
    assert_true(refused(&p, &other, "TF32 is not allowed"));
    other = rig.info;
    other.isa = 75;
    assert_true(refused(&p, &other, "sm_80"));
    p.d.p.conv.groups = 2;
    assert_true(refused(&p, &rig.info, "groups"));
    p.d.p.conv.groups = 1;
    p.d.p.conv.format = FL_NCHW;
    assert_true(refused(&p, &rig.info, "NCHW"));
    p.d.p.conv.format = FL_NHWC;
    p.in[1].dim[0] = 16;
    assert_true(refused(&p, &rig.info, "more than 15"));
    end(&p);
}

/* A cost for every tactic and batch, and more work never costs less. */
static void costs_grow_with_the_batch(void **unused)
{
    const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, FL_OP_CONV2D);
    const conv c = {1, 28, 28, 128, 128, 3, 3, STRIDE(1), .pad = {1, 1, 1, 1}};
    problem p;

    (void)unused;
    assert_true(make_conv(&p, &(conv){1, 1, 1, 8, 8, 1, 1, STRIDE(1)}, FL_F16, true));
    p.in[0].dim[0] = p.out.dim[0] = -1;
    for (int i = 1; i <= 2; i++)
        p.in[0].dim[i] = p.out.dim[i] = c.h;
    p.in[0].dim[3] = p.in[1].dim[2] = c.cin;
    p.in[1].dim[0] = p.in[1].dim[1] = 3;
    p.in[1].dim[3] = p.in[2].dim[0] = p.out.dim[3] = c.cout;
    p.d.p.conv.pad[0] = p.d.p.conv.pad[1] = p.d.p.conv.pad[2] = p.d.p.conv.pad[3] = 1;
    for (size_t i = 0; i < list.count; i++)
        if (strstr(list.items[i]->name, "f16.mma_")) {
            const uint64_t one = list.items[i]->cost(&p.d, &rig.info, 1),
                           many = list.items[i]->cost(&p.d, &rig.info, 128);
            assert_true(one > 1000 && one < many && many < 1000000000);
        }
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_of_whole_chunks),
        cmocka_unit_test(convolutions_of_odd_channels),
        cmocka_unit_test(first_layers),
        cmocka_unit_test(every_tactic_of_conv2d),
        cmocka_unit_test(every_tactic_of_matmul),
        cmocka_unit_test(convolutions_of_one_pixel),
        cmocka_unit_test(every_activation),
        cmocka_unit_test(infinities_stay_where_they_are_seen),
        cmocka_unit_test(a_nan_that_is_seen_stays_one),
        cmocka_unit_test(products),
        cmocka_unit_test(workspace_of_a_batch_serves_smaller_ones),
        cmocka_unit_test(what_is_not_taken_is_refused),
        cmocka_unit_test(costs_grow_with_the_batch),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
