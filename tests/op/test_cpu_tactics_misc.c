/* test_cpu_tactics_misc.c - the CPU tactics of all operators but convolutions and matrix products, on random problems
 * (tactic_case.h): ranks 0 to 6, sizes of 0 and 1, broadcast, all element types where data is moved, all functions and
 * activations. Tolerances, where results are not exact: see the problems.
 */
#define PROBLEMS 300
#include "tactic_case.h"

/* ---- random shapes */

static const fl_dtype all_types[] = {FL_F32, FL_F16, FL_BF16, FL_F64, FL_I8, FL_U8, FL_I16, FL_U16, FL_I32, FL_U32, FL_I64,
                                     FL_U64, FL_BOOL};

static fl_dtype any_type(void)
{
    return chance(40) ? FL_F32 : all_types[pick(0, sizeof all_types / sizeof all_types[0] - 1)];
}

/* A shape of at most about 4000 elements; sometimes one of up to 200000, for which more than one thread is used. */
static int random_shape(int64_t *dim, int least_rank, int most_rank)
{
    const int rank = (int)pick(least_rank, most_rank);
    int64_t room = chance(15) ? 200000 : 4000;

    for (int i = 0; i < rank; i++) {
        const int64_t most = room < 2 ? 1 : chance(30) ? room : room < 20 ? room : 20;
        dim[i] = chance(15) ? 1 : chance(1) ? 0 : pick(1, most);
        room /= dim[i] ? dim[i] : 1;
    }
    for (int i = rank - 1; i > 0; i--) { /* the long axis anywhere */
        const int64_t k = pick(0, i), t = dim[i];
        dim[i] = dim[k];
        dim[k] = t;
    }
    return rank;
}

/* A shape that broadcasts to y's. */
static int smaller_shape(int64_t *dim, int rank, const int64_t *y)
{
    const int kind = (int)pick(0, 5), skip = kind == 0 ? rank : kind == 1 ? (int)pick(0, rank) : 0;

    for (int i = skip; i < rank; i++)
        dim[i - skip] = kind >= 3 && chance(40) ? 1 : y[i];
    return rank - skip;
}

static void pick_act(int32_t *act, float *alpha)
{
    *act = chance(40) ? FL_UNARY_NONE : chance(50) ? (int32_t)pick(FL_UNARY_RELU, FL_UNARY_RELU6)
                                                  : (int32_t)pick(FL_UNARY_NONE, FL_UNARY_SOFTSIGN);
    *alpha = *act == FL_UNARY_LEAKY_RELU ? 0.25f : 0;
}

/* Some values that break kernels. */
static void add_extremes(problem *p, int slot)
{
    static const float values[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 1e-40f, 6.0f, 1.0f};

    for (size_t i = 0; i < count(p, slot); i++)
        if (chance(5))
            floats(p, slot)[i] = values[pick(0, 9)];
}

/* ---- unary: the kernels promise 3 ulp, of 6e-8 each; half of one more is the reference's rounding */

static bool random_unary(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 0, 6);

    begin(p, FL_OP_UNARY, 1);
    p->c.d.p.unary = (fl_unary_params){(int32_t)pick(0, FL_UNARY_COUNT - 1), 0.25f};
    add_input(p, 0, FL_F32, rank, dim);
    for (size_t i = 0; i < count(p, 0); i++)
        floats(p, 0)[i] *= 8;
    add_extremes(p, 0);
    p->relative = 5e-7;
    p->absolute = 1e-44; /* denormal results are coarse */
    return finish(p);
}

static void unary_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_UNARY, random_unary, 100);
}

/* ---- binary: arithmetic is exact; pow is good to 1 ulp, which an activation may enlarge; activations to 3 */

static bool random_binary(problem *p)
{
    int64_t y[6], a[6], b[6];
    const int rank = random_shape(y, 0, 6);
    const bool a_whole = chance(60), b_whole = !a_whole && chance(70);
    const int a_rank = a_whole ? rank : smaller_shape(a, rank, y), b_rank = b_whole ? rank : smaller_shape(b, rank, y);
    fl_binary_params *q = &p->c.d.p.binary;

    begin(p, FL_OP_BINARY, 2);
    q->func = (int32_t)pick(0, FL_BINARY_COUNT - 1);
    if (!fl_binary_is_comparison(q->func))
        pick_act(&q->act, &q->alpha);
    add_input(p, 0, FL_F32, a_rank, a_whole ? y : a);
    add_input(p, 1, FL_F32, b_rank, b_whole ? y : b);
    if (q->func != FL_BINARY_POW) {
        add_extremes(p, 0);
        add_extremes(p, 1);
    }
    p->relative = q->func == FL_BINARY_POW ? 2e-6 : q->act > FL_UNARY_LEAKY_RELU ? 5e-7 : 0;
    p->absolute = p->relative > 0 ? 1e-7 : 0;
    return finish(p);
}

static void binary_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_BINARY, random_binary, 20);
}

/* Rows of so few elements that they are gathered; sides that stand still, repeat, or do neither. */
static bool random_narrow_binary(problem *p)
{
    const int64_t y[4] = {pick(1, 3), pick(1, 90), pick(1, 90), pick(2, 70)};
    int64_t b[4];

    begin(p, FL_OP_BINARY, 2);
    p->c.d.p.binary.func = (int32_t)pick(FL_BINARY_ADD, FL_BINARY_DIV);
    for (int i = 0; i < 4; i++)
        b[i] = chance(50) ? 1 : y[i];
    add_input(p, 0, FL_F32, 4, chance(50) ? y : b);
    add_input(p, 1, FL_F32, 4, p->c.in[0].dim[0] == y[0] && chance(70) ? b : y);
    return finish(p);
}

static void binary_tactics_equal_the_reference_on_narrow_rows(void **unused)
{
    (void)unused;
    check_op(FL_OP_BINARY, random_narrow_binary, 0);
}

/* ---- batch_norm: three roundings of numbers of magnitude |x - mean| * s, here up to 8, and |offset| <= 1 */

static bool random_batch_norm(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 1, 5);
    const int axis = chance(50) ? rank - 1 : (int)pick(0, rank - 1);
    const bool constant = chance(70);
    fl_batch_norm_params *q = &p->c.d.p.batch_norm;

    begin(p, FL_OP_BATCH_NORM, 5);
    *q = (fl_batch_norm_params){.epsilon = 1e-3f, .axis = axis, .factor = 1};
    pick_act(&q->act, &q->alpha);
    add_input(p, 0, FL_F32, rank, dim);
    for (int slot = 1; slot < 5; slot++) {
        add_input(p, slot, FL_F32, 1, &dim[axis]);
        p->c.in[slot].constant = constant;
    }
    for (size_t i = 0; i < count(p, 4); i++)
        floats(p, 4)[i] = 0.1f + fabsf(floats(p, 4)[i]);
    p->absolute = 3e-6;
    return finish(p);
}

static void batch_norm_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_BATCH_NORM, random_batch_norm, 100);
}

/* (x - mean) * s must not lose digits that x * s + (offset - mean * s) would. */
static void batch_norm_keeps_digits_beside_a_large_mean(void **unused)
{
    const int64_t dim[2] = {50, 20};
    size_t times[64] = {0};
    problem p;

    (void)unused;
    begin(&p, FL_OP_BATCH_NORM, 5);
    p.c.d.p.batch_norm = (fl_batch_norm_params){.epsilon = 1e-6f, .axis = 1, .factor = 1};
    add_input(&p, 0, FL_F32, 2, dim);
    for (int slot = 1; slot < 5; slot++)
        add_input(&p, slot, FL_F32, 1, &dim[1]);
    for (size_t i = 0; i < 1000; i++)
        floats(&p, 0)[i] = 1000 + floats(&p, 0)[i] * 0.5f;
    for (size_t i = 0; i < 20; i++) {
        floats(&p, 3)[i] = 1000;
        floats(&p, 4)[i] = 0.01f;
    }
    p.absolute = 3e-6;
    assert_true(finish(&p));
    check_all(&p, times);
    end(&p);
}

/* ---- pool2d: maxima are exact; averages of numbers up to 1 over up to 400 cells */

static bool random_pool(problem *p)
{
    const bool nchw = chance(30);
    const int64_t n = pick(1, 3), h = pick(1, 24), w = pick(1, 40), c = chance(30) ? pick(1, 200) : pick(1, 40);
    const int64_t nhwc[4] = {n, h, w, c}, nchw_dim[4] = {n, c, h, w};
    fl_pool_params *q = &p->c.d.p.pool;

    begin(p, FL_OP_POOL2D, 1);
    q->func = (int32_t)pick(0, 1);
    q->format = nchw ? FL_NCHW : FL_NHWC;
    for (int i = 0; i < 2; i++) {
        const int64_t size = i ? w : h;
        const bool global = chance(10);
        q->kernel[i] = (int32_t)(global ? size : chance(60) ? pick(2, 3) : pick(1, 9));
        q->stride[i] = (int32_t)(chance(70) ? pick(1, 2) : pick(1, 5));
        if (chance(50))
            fl_same_padding(size, q->kernel[i], q->stride[i], 1, &q->pad[2 * i], &q->pad[2 * i + 1]);
        else if (chance(50))
            q->pad[2 * i] = (int32_t)pick(0, q->kernel[i] - 1);
    }
    add_input(p, 0, FL_F32, 4, nchw ? nchw_dim : nhwc);
    if (q->func == FL_POOL_MAX)
        add_extremes(p, 0);
    else
        p->absolute = 1e-6;
    return finish(p);
}

static void pool2d_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_POOL2D, random_pool, 20);
}

/* ---- softmax: the exponential is good to 1 ulp and x - max to half an ulp of up to 16; sum and scaling add two. What
 * would be denormal or nearly may be 0. */

static bool random_softmax(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 1, 5);

    begin(p, FL_OP_SOFTMAX, 1);
    p->c.d.p.axis.axis = chance(50) ? rank - 1 : (int32_t)pick(0, rank - 1);
    add_input(p, 0, FL_F32, rank, dim);
    for (size_t i = 0; i < count(p, 0); i++)
        floats(p, 0)[i] *= 8;
    if (chance(10))
        add_extremes(p, 0);
    p->relative = 2e-6;
    p->absolute = 1.7e-38;
    return finish(p);
}

static void softmax_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_SOFTMAX, random_softmax, 100);
}

/* ---- reduce: of numbers up to 1; a mean is off by less than 1e-6, a sum by that times the count */

static bool random_reduce(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 0, 6);
    int64_t reduced = 1;
    fl_reduce_params *q = &p->c.d.p.reduce;

    begin(p, FL_OP_REDUCE, 1);
    q->func = (int32_t)pick(0, FL_REDUCE_COUNT - 1);
    q->axes = chance(20) ? (1 << rank) - 1 : (int32_t)pick(0, (1 << rank) - 1);
    q->keep_dims = (int32_t)pick(0, 1);
    add_input(p, 0, FL_F32, rank, dim);
    if (q->func == FL_REDUCE_MAX || q->func == FL_REDUCE_MIN)
        add_extremes(p, 0);
    for (int i = 0; i < rank; i++)
        reduced *= q->axes >> i & 1 ? dim[i] : 1;
    if (q->func == FL_REDUCE_SUM || q->func == FL_REDUCE_MEAN)
        p->absolute = q->func == FL_REDUCE_MEAN ? 1e-6 : 1e-6 * (double)reduced;
    return finish(p);
}

static void reduce_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_REDUCE, random_reduce, 60);
}

/* Long enough to be cut into chunks: all axes, few kept ones at the front, few at the end. */
static bool random_long_reduce(problem *p)
{
    const int64_t few = pick(1, 12), many = pick(30000, 120000) / few, rows[2] = {few, many}, columns[2] = {many, few};
    const bool by_rows = chance(50);

    begin(p, FL_OP_REDUCE, 1);
    p->c.d.p.reduce = (fl_reduce_params){.func = (int32_t[]){FL_REDUCE_SUM, FL_REDUCE_MAX, FL_REDUCE_MIN,
                                                             FL_REDUCE_MEAN}[pick(0, 3)],
                                         .axes = by_rows ? 2 : 1};
    add_input(p, 0, FL_F32, 2, by_rows ? rows : columns);
    if (p->c.d.p.reduce.func == FL_REDUCE_MAX && chance(20))
        floats(p, 0)[pick(0, (int64_t)count(p, 0) - 1)] = NAN;
    p->absolute = p->c.d.p.reduce.func == FL_REDUCE_SUM ? 1e-6 * (double)many : 1e-6;
    return finish(p);
}

static void reduce_tactics_equal_the_reference_on_long_axes(void **unused)
{
    const int64_t dim[1] = {70000};
    size_t times[64] = {0};
    problem p;

    (void)unused;
    state = seed;
    for (int i = 0; i < 30; i++) {
        assert_true(random_long_reduce(&p));
        check_all(&p, times);
        end(&p);
    }
    begin(&p, FL_OP_REDUCE, 1);
    p.c.d.p.reduce = (fl_reduce_params){.func = FL_REDUCE_MEAN, .axes = 1};
    add_input(&p, 0, FL_F32, 1, dim);
    p.absolute = 1e-6;
    assert_true(finish(&p));
    check_all(&p, times);
    end(&p);
}

/* ---- operators that move: exact, any type */

static bool random_transpose(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 0, 6);
    int32_t *perm = p->c.d.p.transpose.perm;

    begin(p, FL_OP_TRANSPOSE, 1);
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    for (int i = rank - 1; i > 0; i--) {
        const int64_t k = pick(0, i);
        const int32_t t = perm[i];
        perm[i] = perm[k];
        perm[k] = t;
    }
    add_input(p, 0, any_type(), rank, dim);
    return finish(p);
}

static void transpose_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_TRANSPOSE, random_transpose, 100);
}

static bool random_slice(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 0, 6);
    fl_slice_params *q = &p->c.d.p.slice;

    begin(p, FL_OP_SLICE, 1);
    for (int i = 0; i < rank; i++) {
        q->begin[i] = dim[i] > 0 ? pick(0, dim[i] - 1) : 0;
        q->stride[i] = chance(60) ? 1 : pick(-3, 3);
        q->stride[i] += q->stride[i] == 0;
        const int64_t s = q->stride[i];
        const int64_t most = dim[i] == 0 ? 0 : s > 0 ? (dim[i] - 1 - q->begin[i]) / s + 1 : q->begin[i] / -s + 1;
        q->size[i] = chance(2) ? 0 : most > 0 ? pick(1, most) : 0;
        if (chance(30)) {
            q->begin[i] = 0;
            q->stride[i] = 1;
            q->size[i] = dim[i];
        }
    }
    add_input(p, 0, any_type(), rank, dim);
    return finish(p);
}

static void slice_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_SLICE, random_slice, 100);
}

static void a_slice_past_the_end_of_a_small_batch_is_an_error(void **unused)
{
    const int64_t dim[2] = {-1, 3};
    const fl_tactic *tactic = fl_tactic_find(&fl_cpu_backend, device, FL_OP_SLICE, "cpu.slice.any.copy");
    problem p;
    float y[6] = {0};

    (void)unused;
    assert_non_null(tactic);
    begin(&p, FL_OP_SLICE, 1);
    p.c.d.p.slice = (fl_slice_params){.begin = {2, 0}, .stride = {1, 1}, .size = {2, 3}};
    p.c.in[0] = fl_tensor_make(FL_F32, 2, dim);
    p.c.in_at[0] = &p.c.in[0];
    assert_int_equal(fl_op_infer(&p.c.d, NULL), FLOE_OK);
    for (int64_t batch = 3; batch <= 4; batch++) {
        const float x[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        const void *in[1] = {x};
        void *out[1] = {y};
        floe_error err = {0};
        p.c.in[0].dim[0] = batch;
        const fl_step step = {&p.c.d, tactic, in, out, NULL, NULL};
        assert_int_equal(tactic->run(&step, streams[0], &err), batch == 4 ? FLOE_OK : FLOE_ERR_SHAPE);
        assert_true(batch == 4 || strstr(err.message, "has only 3"));
    }
    assert_true(y[0] == 6 && y[5] == 11);
}

static bool random_pad(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 0, 5);
    fl_pad_params *q = &p->c.d.p.pad;

    begin(p, FL_OP_PAD, 1);
    for (int i = 0; i < rank; i++) {
        q->before[i] = chance(50) ? 0 : pick(0, 3);
        q->after[i] = chance(50) ? 0 : pick(0, 3);
    }
    q->value = chance(50) ? 0 : 3.75f;
    add_input(p, 0, any_type(), rank, dim);
    return finish(p);
}

static void pad_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_PAD, random_pad, 100);
}

static bool random_concat(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 1, 5), n = (int)pick(1, OP_CASE_INPUTS);
    const fl_dtype type = any_type();

    begin(p, FL_OP_CONCAT, n);
    p->c.d.p.axis.axis = (int32_t)pick(0, rank - 1);
    for (int i = 0; i < n; i++) {
        dim[p->c.d.p.axis.axis] = chance(10) ? 0 : pick(1, 40);
        add_input(p, i, type, rank, dim);
    }
    return finish(p);
}

static void concat_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_CONCAT, random_concat, 100);
}

static bool random_broadcast(problem *p)
{
    int64_t y[6], x[6];
    const int rank = random_shape(y, 0, 6), x_rank = smaller_shape(x, rank, y);

    begin(p, FL_OP_BROADCAST, 1);
    p->c.d.p.dims.rank = rank;
    for (int i = 0; i < rank; i++)
        p->c.d.p.dims.dim[i] = y[i];
    add_input(p, 0, any_type(), x_rank, x);
    return finish(p);
}

static void broadcast_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_BROADCAST, random_broadcast, 100);
}

static bool random_reshape(problem *p)
{
    int64_t dim[6], elements = 1;
    const int rank = random_shape(dim, 0, 6);

    begin(p, FL_OP_RESHAPE, 1);
    for (int i = 0; i < rank; i++)
        elements *= dim[i];
    p->c.d.p.dims.rank = 1;
    p->c.d.p.dims.dim[0] = elements;
    add_input(p, 0, any_type(), rank, dim);
    return finish(p);
}

static bool random_identity(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 0, 6);

    begin(p, FL_OP_IDENTITY, 1);
    add_input(p, 0, any_type(), rank, dim);
    return finish(p);
}

static void copying_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_RESHAPE, random_reshape, 100);
    check_op(FL_OP_IDENTITY, random_identity, 100);
}

static bool random_select(problem *p)
{
    int64_t y[6], dim[6];
    const int rank = random_shape(y, 0, 6), whole = (int)pick(0, 2);
    const fl_dtype type = any_type();

    begin(p, FL_OP_SELECT, 3);
    for (int i = 0; i < 3; i++) {
        const int r = i == whole || chance(40) ? rank : smaller_shape(dim, rank, y);
        const bool same = i == whole || r == rank;
        add_input(p, i, i == 0 ? FL_BOOL : type, r, same ? y : dim);
    }
    return finish(p);
}

static void select_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_SELECT, random_select, 100);
}

static bool random_cast(problem *p)
{
    int64_t dim[6];
    const int rank = random_shape(dim, 0, 4);
    const fl_dtype from = any_type(), to = any_type();

    begin(p, FL_OP_CAST, 1);
    p->c.d.p.dtype = (fl_dtype_params){(int32_t)to, chance(20)};
    add_input(p, 0, from, rank, dim);
    for (size_t i = 0; from == FL_F32 && i < count(p, 0); i++)
        floats(p, 0)[i] *= 300;
    if (from == FL_F32)
        add_extremes(p, 0);
    return finish(p);
}

static void cast_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_CAST, random_cast, 5);
}

static bool random_reorder(problem *p)
{
    const int64_t dim[4] = {pick(1, 3), pick(1, 20), pick(1, 20), pick(1, 70)};

    begin(p, FL_OP_REORDER, 1);
    p->c.d.p.layout.layout = (int32_t)pick(0, FL_LAYOUT_COUNT - 1);
    add_input(p, 0, any_type(), 4, dim);
    if (chance(50)) {
        free_buffer(p->data[0], &p->c.in[0]);
        p->c.in[0].layout = (fl_layout)pick(0, FL_LAYOUT_COUNT - 1);
        p->data[0] = make_buffer(&p->c.in[0]);
        fill(&p->c.in[0], p->data[0]);
        if (p->c.in[0].layout == (fl_layout)p->c.d.p.layout.layout) /* a plain copy would keep what is in the padding */
            memset(p->data[0], 0, bytes_of(&p->c.in[0]));
    }
    return finish(p);
}

static void reorder_tactics_equal_the_reference(void **unused)
{
    (void)unused;
    check_op(FL_OP_REORDER, random_reorder, 50);
}

/* ---- blocked layouts: a problem is solved in plain layout by the reference; the tactics get the same problem with images
 * reordered, and their result is reordered back. */

static void reorder(uint8_t *to, const uint8_t *from, const fl_tensor_desc *t, fl_layout layout)
{
    fl_tensor_desc x = *t, y = *t;
    fl_tensor_desc *in = &x, *out = &y;
    const fl_op_desc d = {.op = FL_OP_REORDER, .n_in = 1, .n_out = 1, .in = &in, .out = &out};
    const void *ins[1] = {from};
    void *outs[1] = {to};

    y.layout = layout;
    assert_int_equal(fl_op_def_of(FL_OP_REORDER)->ref(&d, ins, outs, NULL), FLOE_OK);
}

/* The problem with its inputs of y's rank and the expected result in that layout. */
static void make_blocked(problem *p, fl_layout layout)
{
    for (int i = 0; i < p->c.d.n_in; i++) {
        fl_tensor_desc *t = &p->c.in[i];
        const size_t n = (size_t)fl_tensor_elements_at(t, 1);
        if (t->rank != 4 || n == 1)
            continue;
        fl_tensor_desc blocked = *t;
        blocked.layout = layout;
        uint8_t *data = make_buffer(&blocked);
        reorder(data, p->data[i], t, layout);
        free_buffer(p->data[i], t);
        p->data[i] = data;
        *t = blocked;
    }
    fl_tensor_desc plain = p->c.out[0];
    assert_int_equal(fl_op_infer(&p->c.d, &p->c.err), FLOE_OK);
    assert_int_equal(p->c.out[0].layout, layout);
    uint8_t *want = make_buffer(&p->c.out[0]); /* zeros in the padding: the tactic must give those, too */
    reorder(want, p->want[0], &plain, layout);
    free_buffer(p->want[0], &plain);
    p->want[0] = want;
}

static bool random_blocked_unary(problem *p)
{
    const int64_t dim[4] = {pick(1, 2), pick(1, 9), pick(1, 9), chance(50) ? 16 * pick(1, 4) : pick(1, 70)};

    begin(p, FL_OP_UNARY, 1);
    p->c.d.p.unary = (fl_unary_params){(int32_t)pick(0, FL_UNARY_SQUARE), 0.25f};
    add_input(p, 0, FL_F32, 4, dim);
    p->relative = 5e-7;
    return finish(p);
}

static bool random_blocked_binary(problem *p)
{
    const int64_t dim[4] = {pick(1, 2), pick(1, 9), pick(2, 9), chance(70) ? 16 * pick(1, 4) : pick(1, 70)}, one[1] = {1};
    const int kind = (int)pick(0, 2);

    begin(p, FL_OP_BINARY, 2);
    p->c.d.p.binary.func = (int32_t)pick(FL_BINARY_ADD, FL_BINARY_MAX);
    pick_act(&p->c.d.p.binary.act, &p->c.d.p.binary.alpha);
    add_input(p, 0, FL_F32, 4, dim);
    add_input(p, 1, FL_F32, kind == 0 ? 4 : 1, kind == 0 ? dim : kind == 1 ? &dim[3] : one);
    p->relative = 5e-7;
    p->absolute = 1e-7;
    return finish(p);
}

static bool random_blocked_pool(problem *p)
{
    if (!random_pool(p) || p->c.d.p.pool.format == FL_NCHW)
        return false;
    const int64_t elements = fl_tensor_elements_at(&p->c.in[0], 1);
    return elements > 1;
}

static void blocked_images_give_what_plain_ones_do(void **unused)
{
    static bool (*const makers[])(problem *) = {random_blocked_unary, random_blocked_binary, random_blocked_pool};
    static const fl_op_kind ops[] = {FL_OP_UNARY, FL_OP_BINARY, FL_OP_POOL2D};

    (void)unused;
    state = seed;
    for (size_t k = 0; k < 3; k++) {
        size_t times[64] = {0}, all = 0;
        for (int i = 0; i < problems() / 2;) {
            problem p;
            if (makers[k](&p)) {
                make_blocked(&p, chance(50) ? FL_LAYOUT_C8 : FL_LAYOUT_C16);
                check_all(&p, times);
                i++;
            }
            end(&p);
        }
        for (size_t i = 0; i < 64; i++)
            all += times[i];
        if (all * 2 < (size_t)problems())
            fail_msg("%s: only %zu runs on blocked images", fl_op_def_of(ops[k])->name, all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary_tactics_equal_the_reference),
        cmocka_unit_test(binary_tactics_equal_the_reference),
        cmocka_unit_test(binary_tactics_equal_the_reference_on_narrow_rows),
        cmocka_unit_test(batch_norm_tactics_equal_the_reference),
        cmocka_unit_test(batch_norm_keeps_digits_beside_a_large_mean),
        cmocka_unit_test(pool2d_tactics_equal_the_reference),
        cmocka_unit_test(softmax_tactics_equal_the_reference),
        cmocka_unit_test(reduce_tactics_equal_the_reference),
        cmocka_unit_test(reduce_tactics_equal_the_reference_on_long_axes),
        cmocka_unit_test(transpose_tactics_equal_the_reference),
        cmocka_unit_test(slice_tactics_equal_the_reference),
        cmocka_unit_test(a_slice_past_the_end_of_a_small_batch_is_an_error),
        cmocka_unit_test(pad_tactics_equal_the_reference),
        cmocka_unit_test(concat_tactics_equal_the_reference),
        cmocka_unit_test(broadcast_tactics_equal_the_reference),
        cmocka_unit_test(copying_tactics_equal_the_reference),
        cmocka_unit_test(select_tactics_equal_the_reference),
        cmocka_unit_test(cast_tactics_equal_the_reference),
        cmocka_unit_test(reorder_tactics_equal_the_reference),
        cmocka_unit_test(blocked_images_give_what_plain_ones_do),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
