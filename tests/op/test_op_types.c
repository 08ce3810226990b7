/* test_op_types.c - references on other types than f32: integer arithmetic that wraps, conversions at the edges of
 * every type, and the operators that move elements of any size without looking at them. */
#include "op_case.h"

/* ---- integers */

#define I32(...) ((const int32_t[]){__VA_ARGS__})
#define I64(...) ((const int64_t[]){__VA_ARGS__})

static void integer_arithmetic_wraps(void **state)
{
    op_case c;
    int32_t y[4];
    int64_t wide[3];
    uint8_t small[3];
    (void)state;
    op_begin(&c, FL_OP_BINARY, "i32[3] i32[3]");
    c.d.p.binary.func = FL_BINARY_ADD;
    op_run(&c, y, I32(INT32_MAX, -5, 7), I32(1, 3, 0));
    op_same(y, int32_t, INT32_MIN, -2, 7);
    c.d.p.binary.func = FL_BINARY_SUB;
    op_run(&c, y, I32(INT32_MIN, -5, 7), I32(1, 3, 0));
    op_same(y, int32_t, INT32_MAX, -8, 7);
    c.d.p.binary.func = FL_BINARY_MUL;
    op_run(&c, y, I32(1 << 30, -5, 65536), I32(4, 3, 65537));
    op_same(y, int32_t, 0, -15, 65536);
    c.d.p.binary.func = FL_BINARY_SQUARED_DIFFERENCE;
    op_run(&c, y, I32(INT32_MAX, 3, -2), I32(INT32_MIN, 5, 2));
    op_same(y, int32_t, 1, 4, 16);
    c.d.p.binary.func = FL_BINARY_MIN;
    op_run(&c, y, I32(1, -3, INT32_MIN), I32(0, 5, INT32_MAX));
    op_same(y, int32_t, 0, -3, INT32_MIN);
    op_begin(&c, FL_OP_BINARY, "i64[3] i64[3]");
    c.d.p.binary.func = FL_BINARY_MUL;
    op_run(&c, wide, I64(INT64_MIN, INT64_MAX, -3), I64(-1, 2, 5));
    op_same(wide, int64_t, INT64_MIN, -2, -15);
    op_begin(&c, FL_OP_BINARY, "u8[3] u8[]");
    c.d.p.binary.func = FL_BINARY_SUB;
    op_run(&c, small, ((const uint8_t[]){0, 200, 5}), ((const uint8_t[]){6}));
    op_same(small, uint8_t, 250, 194, 255);
}

static void integer_division_truncates_or_floors(void **state)
{
    op_case c;
    int32_t y[5];
    int64_t wide[2];
    uint32_t natural[2];
    const int32_t x[5] = {-7, 7, -7, INT32_MIN, -6}, z[5] = {2, -2, -2, -1, 3};
    (void)state;
    op_begin(&c, FL_OP_BINARY, "i32[5] i32[5]");
    c.d.p.binary.func = FL_BINARY_DIV;
    op_run(&c, y, x, z);
    op_same(y, int32_t, -3, -3, 3, INT32_MIN, -2);
    c.d.p.binary.func = FL_BINARY_FLOOR_DIV;
    op_run(&c, y, x, z);
    op_same(y, int32_t, -4, -4, 3, INT32_MIN, -2);
    c.d.p.binary.func = FL_BINARY_FLOOR_MOD;
    op_run(&c, y, x, z);
    op_same(y, int32_t, 1, -1, -1, 0, 0);
    op_begin(&c, FL_OP_BINARY, "i64[2] i64[2]");
    for (int func = 0; func < 2; func++) {
        c.d.p.binary.func = func ? FL_BINARY_FLOOR_DIV : FL_BINARY_DIV;
        op_run(&c, wide, I64(INT64_MIN, -7), I64(-1, 2));
        op_same(wide, int64_t, INT64_MIN, func ? -4 : -3);
    }
    c.d.p.binary.func = FL_BINARY_FLOOR_MOD;
    op_run(&c, wide, I64(INT64_MIN, -7), I64(-1, 2));
    op_same(wide, int64_t, 0, 1);
    op_begin(&c, FL_OP_BINARY, "u32[2] u32[2]");
    c.d.p.binary.func = FL_BINARY_DIV;
    op_run(&c, natural, ((const uint32_t[]){UINT32_MAX, 9}), ((const uint32_t[]){2, UINT32_MAX}));
    op_same(natural, uint32_t, INT32_MAX, 0);
}

static void integer_power_squares_and_wraps(void **state)
{
    op_case c;
    int32_t y[6];
    (void)state;
    op_begin(&c, FL_OP_BINARY, "i32[6] i32[6]");
    c.d.p.binary.func = FL_BINARY_POW;
    op_run(&c, y, I32(2, -3, 0, 2, 7, -1), I32(10, 3, 0, 31, 40, INT32_MAX));
    op_same(y, int32_t, 1024, -27, 1, INT32_MIN, -142118463, -1);
}

static void integer_faults_are_errors_with_a_sentence(void **state)
{
    static const int by_zero[] = {FL_BINARY_DIV, FL_BINARY_FLOOR_DIV, FL_BINARY_FLOOR_MOD};
    op_case c;
    int32_t y[2];
    void *outs[FL_MAX_OUTPUTS] = {y};
    const void *const ins[2] = {I32(1, 1), I32(1, 0)}, *const powers[2] = {I32(1, 1), I32(2, -1)};
    (void)state;
    for (int i = 0; i < 3; i++) {
        op_begin(&c, FL_OP_BINARY, "i32[2] i32[2]");
        c.d.p.binary.func = by_zero[i];
        assert_int_equal(op_try(&c, outs, ins), FLOE_ERR_ARGUMENT);
        assert_non_null(strstr(c.err.message, "integer division by zero"));
    }
    c.d.p.binary.func = FL_BINARY_POW;
    assert_int_equal(op_try(&c, outs, powers), FLOE_ERR_ARGUMENT);
    assert_non_null(strstr(c.err.message, "negative integer power"));
}

static void integer_functions_of_one_argument(void **state)
{
    op_case c;
    int32_t y[4];
    uint8_t small[3];
    int64_t wide[2];
    (void)state;
    op_begin(&c, FL_OP_UNARY, "i32[4]");
    c.d.p.unary.func = FL_UNARY_RELU6;
    op_run(&c, y, I32(-3, 5, 9, 0));
    op_same(y, int32_t, 0, 5, 6, 0);
    c.d.p.unary.func = FL_UNARY_ABS;
    op_run(&c, y, I32(-3, 5, INT32_MIN, 0));
    op_same(y, int32_t, 3, 5, INT32_MIN, 0);
    c.d.p.unary.func = FL_UNARY_NEG;
    op_run(&c, y, I32(-3, 5, INT32_MIN, 0));
    op_same(y, int32_t, 3, -5, INT32_MIN, 0);
    c.d.p.unary.func = FL_UNARY_SQUARE;
    op_run(&c, y, I32(-3, 65536, 46341, 0));
    op_same(y, int32_t, 9, 0, -2147479015, 0);
    op_begin(&c, FL_OP_UNARY, "u8[3]");
    c.d.p.unary.func = FL_UNARY_RELU;
    op_run(&c, small, ((const uint8_t[]){0, 7, 255}));
    op_same(small, uint8_t, 0, 7, 255);
    op_begin(&c, FL_OP_UNARY, "i64[2]");
    c.d.p.unary.func = FL_UNARY_NEG;
    op_run(&c, wide, I64(INT64_MIN, 4));
    op_same(wide, int64_t, INT64_MIN, -4);
}

static void integer_reductions(void **state)
{
    op_case c;
    int32_t y;
    int64_t wide;
    uint8_t small;
    (void)state;
    op_begin(&c, FL_OP_REDUCE, "i32[3]");
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_MEAN, 1, 0};
    op_run(&c, &y, I32(INT32_MAX, INT32_MAX, -7)); /* the sum needs 64 bits */
    assert_int_equal(y, 1431655762);
    op_run(&c, &y, I32(-7, 0, -4));
    assert_int_equal(y, -3);
    c.d.p.reduce.func = FL_REDUCE_SUM;
    op_run(&c, &y, I32(INT32_MAX, 1, 1));
    assert_int_equal(y, INT32_MIN + 1);
    c.d.p.reduce.func = FL_REDUCE_PROD;
    op_run(&c, &y, I32(-3, 5, 7));
    assert_int_equal(y, -105);
    c.d.p.reduce.func = FL_REDUCE_MAX;
    op_run(&c, &y, I32(-3, -5, -7));
    assert_int_equal(y, -3);
    op_begin(&c, FL_OP_REDUCE, "i64[3]");
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_MEAN, 1, 0};
    op_run(&c, &wide, I64((int64_t)1 << 62, (int64_t)1 << 62, (int64_t)1 << 62));
    assert_true(wide == -1537228672809129301);
    op_begin(&c, FL_OP_REDUCE, "u8[3]");
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_MEAN, 1, 0};
    op_run(&c, &small, ((const uint8_t[]){255, 255, 254}));
    assert_int_equal(small, 254);
    op_begin(&c, FL_OP_REDUCE, "i32[0]");
    static const int32_t empty[FL_REDUCE_COUNT] = {0, 1, INT32_MIN, INT32_MAX, 0};
    for (int func = 0; func < FL_REDUCE_COUNT; func++) {
        c.d.p.reduce = (fl_reduce_params){func, 1, 0};
        op_run(&c, &y, NULL);
        assert_int_equal(y, empty[func]);
    }
}

static void booleans_know_and_or_any_all(void **state)
{
    op_case c;
    uint8_t y[4];
    const uint8_t a[4] = {0, 0, 1, 1}, b[4] = {0, 1, 0, 1};
    (void)state;
    op_begin(&c, FL_OP_BINARY, "bool[4] bool[4]");
    c.d.p.binary.func = FL_BINARY_MIN;
    op_run(&c, y, a, b);
    op_same(y, uint8_t, 0, 0, 0, 1);
    c.d.p.binary.func = FL_BINARY_MAX;
    op_run(&c, y, a, b);
    op_same(y, uint8_t, 0, 1, 1, 1);
    c.d.p.binary.func = FL_BINARY_NOT_EQUAL;
    op_run(&c, y, a, b);
    op_same(y, uint8_t, 0, 1, 1, 0);
    op_begin(&c, FL_OP_REDUCE, "bool[2,2]");
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_MAX, 2, 0};
    op_run(&c, y, a);
    op_same(y, uint8_t, 0, 1);
    c.d.p.reduce = (fl_reduce_params){FL_REDUCE_MIN, 1, 0};
    op_run(&c, y, b);
    op_same(y, uint8_t, 0, 1);
    op_inputs(&c, "bool[0,1]");
    op_run(&c, y, NULL);
    assert_int_equal(y[0], 1); /* all of nothing */
}

/* ---- cast */

static void cast_run(fl_dtype to, fl_dtype from, int n, void *y, const void *x, bool truncate)
{
    op_case c;
    char inputs[32];

    snprintf(inputs, sizeof inputs, "%s[%d]", fl_dtype_name(from), n);
    op_begin(&c, FL_OP_CAST, inputs);
    c.d.p.dtype = (fl_dtype_params){(int32_t)to, truncate};
    op_run(&c, y, x);
}

static const float edges[15] = {1.9f, -1.9f, 300, -300, 70000, -70000, 3e9f, -3e9f, 5e9f, 1e19f, -1e19f, 3e19f,
                                INFINITY, -INFINITY, NAN};

/* What TensorFlow 2.21 gives on x86, also where C says nothing. (There, -3e9 as u32 depends on whether a vector or a
 * scalar instruction meets it; ours is the scalar one.) */
static void cast_of_floats_out_of_range_is_tensorflows(void **state)
{
    int8_t i8[15];
    uint8_t u8[15], truth[15];
    int16_t i16[15];
    uint16_t u16[15];
    int32_t i32[15];
    uint32_t u32[15];
    int64_t i64[15];
    uint64_t u64[15];
    const int32_t low = INT32_MIN;
    const int64_t lowest = INT64_MIN;
    const uint64_t half = (uint64_t)1 << 63;
    (void)state;
    cast_run(FL_I8, FL_F32, 15, i8, edges, false);
    op_same(i8, int8_t, 1, -1, 44, -44, 112, -112, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    cast_run(FL_U8, FL_F32, 15, u8, edges, false);
    op_same(u8, uint8_t, 1, 255, 44, 212, 112, 144, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    cast_run(FL_I16, FL_F32, 15, i16, edges, false);
    op_same(i16, int16_t, 1, -1, 300, -300, 4464, -4464, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    cast_run(FL_U16, FL_F32, 15, u16, edges, false);
    op_same(u16, uint16_t, 1, 65535, 300, 65236, 4464, 61072, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    cast_run(FL_I32, FL_F32, 15, i32, edges, false);
    op_same(i32, int32_t, 1, -1, 300, -300, 70000, -70000, low, low, low, low, low, low, low, low, low);
    cast_run(FL_U32, FL_F32, 15, u32, edges, false);
    op_same(u32, uint32_t, 1, 4294967295u, 300, 4294966996u, 70000, 4294897296u, 3000000000u, 1294967296u, 705032704u,
            0, 0, 0, 0, 0, 0);
    cast_run(FL_I64, FL_F32, 15, i64, edges, false);
    op_same(i64, int64_t, 1, -1, 300, -300, 70000, -70000, 3000000000, -3000000000, 5000000000, lowest, lowest, lowest,
            lowest, lowest, lowest);
    cast_run(FL_U64, FL_F32, 15, u64, edges, false);
    op_same(u64, uint64_t, 1, 18446744073709551615u, 300, 18446744073709551316u, 70000, 18446744073709481616u,
            3000000000u, 18446744070709551616u, 5000000000u, 9999999980506447872u, half, half, half, half, half);
    cast_run(FL_BOOL, FL_F32, 15, truth, edges, false);
    op_same(truth, uint8_t, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
}

static void cast_between_floats_rounds_or_truncates(void **state)
{
    const double x[12] = {1.00048828125 * 1.0003, -1.00071, 65519, 65520, 1e6, 1e40, -1e300, (double)INFINITY,
                          -(double)INFINITY, (double)NAN, 6e-8, 1 / 3.0};
    float x32[12], y[12];
    uint16_t half[12];
    (void)state;
    cast_run(FL_F32, FL_F64, 12, y, x, false);
    op_near(y, FLOATS(1.0007884f, -1.00071f, 65519, 65520, 1e6f, INFINITY, -INFINITY, INFINITY, -INFINITY, NAN, 6e-8f,
                      0.33333334f), 12);
    assert_true(y[11] == 0.3333333432674408f);
    cast_run(FL_F32, FL_F64, 12, y, x, true);
    assert_true(y[11] == 0.3333333134651184f && y[0] == 1.0007883310317993f && y[1] == -1.000709891319275f);
    for (int i = 0; i < 12; i++)
        x32[i] = (float)x[i];
    for (int from = 0; from < 2; from++) {
        cast_run(FL_F16, from ? FL_F64 : FL_F32, 12, half, from ? (const void *)x : x32, false);
        op_same(half, uint16_t, 0x3c01, 0xbc01, 0x7bff, 0x7c00, 0x7c00, 0x7c00, 0xfc00, 0x7c00, 0xfc00);
        assert_int_equal(half[11], 0x3555);
        cast_run(FL_F16, from ? FL_F64 : FL_F32, 12, half, from ? (const void *)x : x32, true);
        op_same(half, uint16_t, 0x3c00, 0xbc00, 0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00, 0x7c00, 0xfc00);
    }
    cast_run(FL_BF16, FL_F32, 12, half, x32, false);
    op_same(half, uint16_t, 0x3f80, 0xbf80, 0x4780, 0x4780, 0x4974);
    assert_int_equal(half[11], 0x3eab);
    cast_run(FL_BF16, FL_F32, 12, half, x32, true);
    op_same(half, uint16_t, 0x3f80, 0xbf80, 0x477f, 0x477f, 0x4974);
    assert_int_equal(half[11], 0x3eaa);
    cast_run(FL_F32, FL_BF16, 1, y, ((const uint16_t[]){0x3eab}), false);
    assert_true(y[0] == 0.333984375f);
    cast_run(FL_F32, FL_F16, 1, y, ((const uint16_t[]){0x3555}), false);
    assert_true(y[0] == 0.333251953125f);
}

static void cast_of_integers_wraps_and_rounds_once(void **state)
{
    float f[2];
    double d[2];
    uint16_t half[4];
    int8_t i8[3];
    uint64_t u64[2];
    uint8_t truth[3];
    (void)state;
    cast_run(FL_F32, FL_I64, 2, f, I64(((int64_t)1 << 62) + ((int64_t)1 << 38) + 1, (1 << 24) + 1), false);
    assert_true(f[0] == 4611686568183201792.0f && f[1] == 16777216.0f); /* by way of double the first is 2^62 */
    cast_run(FL_F16, FL_I64, 4, half, I64(2049, 2051, 65520, 1000000000000), false);
    op_same(half, uint16_t, 0x6800, 0x6802, 0x7c00, 0x7c00);
    cast_run(FL_I8, FL_I32, 3, i8, I32(300, -129, INT32_MIN), false);
    op_same(i8, int8_t, 44, 127, 0);
    cast_run(FL_U64, FL_I32, 2, u64, I32(-1, 5), false);
    op_same(u64, uint64_t, UINT64_MAX, 5);
    cast_run(FL_F64, FL_U64, 2, d, ((const uint64_t[]){UINT64_MAX, 3}), false);
    assert_true(d[0] == 18446744073709551616.0 && d[1] == 3);
    cast_run(FL_BOOL, FL_U8, 3, truth, ((const uint8_t[]){0, 1, 200}), false);
    op_same(truth, uint8_t, 0, 1, 1);
    cast_run(FL_F32, FL_BOOL, 2, f, ((const uint8_t[]){0, 1}), false);
    assert_true(f[0] == 0 && f[1] == 1);
}

static void cast_between_all_types_keeps_small_numbers(void **state)
{
    enum { N = 600 }; /* more than two blocks */
    static const uint8_t source[N] = {0, 1, 1, 0, 1};
    (void)state;
    for (int from = 1; from < FL_DTYPE_COUNT; from++) {
        for (int to = 1; to < FL_DTYPE_COUNT; to++) {
            uint64_t a[N], b[N];
            uint8_t back[N];
            cast_run((fl_dtype)from, FL_BOOL, N, a, source, false);
            cast_run((fl_dtype)to, (fl_dtype)from, N, b, a, to % 2);
            cast_run(FL_U8, (fl_dtype)to, N, back, b, false);
            assert_memory_equal(back, source, N);
        }
    }
}

/* ---- moving */

/* Elements whose bytes all differ from each other's, of any size. */
static void fill(uint8_t *data, size_t elements, size_t bytes)
{
    for (size_t i = 0; i < elements; i++)
        for (size_t k = 0; k < bytes; k++)
            data[i * bytes + k] = (uint8_t)(i + 1 + 64 * k);
}

/* y holds the elements of x with these numbers (-1: not of x, not checked). */
static void assert_moved(const uint8_t *y, const uint8_t *x, size_t bytes, const int *from, int n)
{
    for (int i = 0; i < n; i++)
        if (from[i] >= 0)
            assert_memory_equal(y + (size_t)i * bytes, x + (size_t)from[i] * bytes, bytes);
}

static const char *const sized[] = {"u8", "f16", "f32", "i64"};
static const size_t sizes[] = {1, 2, 4, 8};

static void movers_move_elements_of_any_size(void **state)
{
    uint8_t x[24 * 8], y[64 * 8];
    char in[64];
    op_case c;
    (void)state;
    for (int s = 0; s < 4; s++) {
        fill(x, 24, sizes[s]);
        snprintf(in, sizeof in, "%s[2,3,2]", sized[s]);

        op_begin(&c, FL_OP_TRANSPOSE, in);
        c.d.p.transpose = (fl_transpose_params){{2, 0, 1}};
        op_run(&c, y, x);
        assert_moved(y, x, sizes[s], (const int[]){0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11}, 12);

        op_begin(&c, FL_OP_SLICE, in);
        c.d.p.slice = (fl_slice_params){{1, 2, 0}, {1, -2, 1}, {1, 2, 2}};
        op_run(&c, y, x);
        assert_moved(y, x, sizes[s], (const int[]){10, 11, 6, 7}, 4);

        op_begin(&c, FL_OP_RESHAPE, in);
        c.d.p.dims = (fl_dims_params){2, {4, 3}};
        op_run(&c, y, x);
        assert_memory_equal(y, x, 12 * sizes[s]);

        op_begin(&c, FL_OP_IDENTITY, in);
        op_run(&c, y, x);
        assert_memory_equal(y, x, 12 * sizes[s]);

        snprintf(in, sizeof in, "%s[2,1]", sized[s]);
        op_begin(&c, FL_OP_BROADCAST, in);
        c.d.p.dims = (fl_dims_params){3, {2, 2, 3}};
        op_run(&c, y, x);
        assert_moved(y, x, sizes[s], (const int[]){0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1}, 12);

        snprintf(in, sizeof in, "%s[2,2] %s[2,0] %s[2,1]", sized[s], sized[s], sized[s]);
        op_begin(&c, FL_OP_CONCAT, in);
        c.d.p.axis.axis = 1;
        op_run(&c, y, x, NULL, x + 4 * sizes[s]);
        assert_moved(y, x, sizes[s], (const int[]){0, 1, 4, 2, 3, 5}, 6);

        snprintf(in, sizeof in, "bool[2,1] %s[2,2] %s[2]", sized[s], sized[s]);
        op_begin(&c, FL_OP_SELECT, in);
        op_run(&c, y, ((const uint8_t[]){0, 1}), x, x + 4 * sizes[s]);
        assert_moved(y, x, sizes[s], (const int[]){4, 5, 2, 3}, 4);

        snprintf(in, sizeof in, "%s[1,2]", sized[s]);
        op_begin(&c, FL_OP_PAD, in);
        c.d.p.pad = (fl_pad_params){{1, 0}, {0, 1}, 0};
        op_run(&c, y, x);
        assert_moved(y, x, sizes[s], (const int[]){-1, -1, -1, 0, 1, -1}, 6);
        for (size_t k = 0; k < 3 * sizes[s]; k++)
            assert_int_equal(y[k], 0);
    }
}

static void pad_converts_its_value(void **state)
{
    op_case c;
    int64_t y[4];
    uint16_t half[4];
    float real[6];
    (void)state;
    op_begin(&c, FL_OP_PAD, "i64[2]");
    c.d.p.pad = (fl_pad_params){{1}, {1}, -3.7f};
    op_run(&c, y, I64(5, 6));
    op_same(y, int64_t, -3, 5, 6, -3);
    op_begin(&c, FL_OP_PAD, "f16[2]");
    c.d.p.pad = (fl_pad_params){{0}, {2}, 1};
    op_run(&c, half, ((const uint16_t[]){1, 2}));
    op_same(half, uint16_t, 1, 2, 0x3c00, 0x3c00);
    op_begin(&c, FL_OP_PAD, "f32[0,2]");
    c.d.p.pad = (fl_pad_params){{1, 0}, {1, 1}, -INFINITY};
    op_run(&c, real, NULL);
    for (int i = 0; i < 6; i++)
        assert_true(real[i] == -INFINITY);
}

static void slice_of_the_batch_checks_the_batch(void **state)
{
    op_case c;
    uint8_t y[3];
    const uint8_t x[4] = {1, 2, 3, 4};
    (void)state;
    op_begin(&c, FL_OP_SLICE, "u8[N]");
    c.d.p.slice = (fl_slice_params){{1}, {1}, {3}};
    op_gives(&c, "u8[3]");
    c.in[0] = fl_tensor_at(&c.in[0], 4);
    const fl_op_def *def = fl_op_def_of(FL_OP_SLICE);
    assert_int_equal(def->ref(&c.d, (const void *const[]){x}, (void *const[]){y}, &c.err), FLOE_OK);
    op_same(y, uint8_t, 2, 3, 4);
    c.in[0].dim[0] = 3;
    assert_int_equal(def->ref(&c.d, (const void *const[]){x}, (void *const[]){y}, &c.err), FLOE_ERR_SHAPE);
    assert_non_null(strstr(c.err.message, "at this batch it has only 3"));
}

static void shape_writes_either_integer(void **state)
{
    op_case c;
    int32_t narrow[3];
    int64_t wide[3];
    (void)state;
    op_begin(&c, FL_OP_SHAPE, "f32[7,0,3]");
    c.d.p.dtype.dtype = FL_I32;
    op_run(&c, narrow, NULL);
    op_same(narrow, int32_t, 7, 0, 3);
    c.d.p.dtype.dtype = FL_I64;
    op_run(&c, wide, NULL);
    op_same(wide, int64_t, 7, 0, 3);
    op_inputs(&c, "u8[0,4294967296]");
    c.d.p.dtype.dtype = FL_I32;
    void *outs[FL_MAX_OUTPUTS] = {narrow};
    assert_int_equal(op_try(&c, outs, (const void *const[]){NULL}), FLOE_ERR_SHAPE);
    assert_non_null(strstr(c.err.message, "i64 would hold it"));
}

static void random_numbers_are_refused_at_run_time(void **state)
{
    op_case c;
    float y[2];
    void *outs[FL_MAX_OUTPUTS] = {y};
    (void)state;
    op_begin(&c, FL_OP_RANDOM_UNIFORM, "");
    c.d.p.dims = (fl_dims_params){1, {2}};
    assert_int_equal(op_try(&c, outs, NULL), FLOE_ERR_UNSUPPORTED);
    assert_non_null(strstr(c.err.message, "randomness is not inference"));
}

/* ---- layouts */

static void reorder_writes_blocks_with_zero_tails(void **state)
{
    op_case c;
    float x[2 * 3], y[2 * 8];
    (void)state;
    for (int i = 0; i < 6; i++)
        x[i] = (float)(i + 1);
    op_begin(&c, FL_OP_REORDER, "f32[1,2,1,3]");
    c.d.p.layout.layout = FL_LAYOUT_C8;
    memset(y, 0xff, sizeof y);
    op_run(&c, y, x);
    op_same(y, float, 1, 2, 3, 0, 0, 0, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0);
}

static void reorder_goes_between_all_layouts_and_back(void **state)
{
    enum { C = 20, PIXELS = 6, N = 2, BLOCKED = N * 32 * PIXELS };
    static const char *const names[FL_LAYOUT_COUNT] = {"", ":c8", ":c16"};
    uint16_t x[N * PIXELS * C], there[FL_LAYOUT_COUNT][BLOCKED], again[BLOCKED];
    op_case c;
    (void)state;
    for (int i = 0; i < N * PIXELS * C; i++)
        x[i] = (uint16_t)(i + 1);
    for (int to = 0; to < FL_LAYOUT_COUNT; to++) {
        op_begin(&c, FL_OP_REORDER, "i16[2,2,3,20]");
        c.d.p.layout.layout = to;
        op_run(&c, there[to], x);
    }
    /* channel 17 of pixel 4 of image 1: block 2 of 3 at place 1; block 1 of 2 at place 1 */
    assert_int_equal(there[FL_LAYOUT_C8][((1 * 3 + 2) * PIXELS + 4) * 8 + 1], (1 * PIXELS + 4) * C + 17 + 1);
    assert_int_equal(there[FL_LAYOUT_C16][((1 * 2 + 1) * PIXELS + 4) * 16 + 1], (1 * PIXELS + 4) * C + 17 + 1);
    for (int from = 0; from < FL_LAYOUT_COUNT; from++) {
        for (int to = 0; to < FL_LAYOUT_COUNT; to++) {
            char in[32];
            snprintf(in, sizeof in, "i16%s[2,2,3,20]", names[from]);
            op_begin(&c, FL_OP_REORDER, in);
            c.d.p.layout.layout = to;
            memset(again, 0xff, sizeof again);
            op_run(&c, again, there[from]);
            assert_memory_equal(again, there[to], fl_tensor_bytes_at(&c.out[0], 1));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_arithmetic_wraps),
        cmocka_unit_test(integer_division_truncates_or_floors),
        cmocka_unit_test(integer_power_squares_and_wraps),
        cmocka_unit_test(integer_faults_are_errors_with_a_sentence),
        cmocka_unit_test(integer_functions_of_one_argument),
        cmocka_unit_test(integer_reductions),
        cmocka_unit_test(booleans_know_and_or_any_all),
        cmocka_unit_test(cast_of_floats_out_of_range_is_tensorflows),
        cmocka_unit_test(cast_between_floats_rounds_or_truncates),
        cmocka_unit_test(cast_of_integers_wraps_and_rounds_once),
        cmocka_unit_test(cast_between_all_types_keeps_small_numbers),
        cmocka_unit_test(movers_move_elements_of_any_size),
        cmocka_unit_test(pad_converts_its_value),
        cmocka_unit_test(slice_of_the_batch_checks_the_batch),
        cmocka_unit_test(shape_writes_either_integer),
        cmocka_unit_test(random_numbers_are_refused_at_run_time),
        cmocka_unit_test(reorder_writes_blocks_with_zero_tails),
        cmocka_unit_test(reorder_goes_between_all_layouts_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
