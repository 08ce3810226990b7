/* test_cpu_transpose.c - the kernels of transpose.h and convert.h: every element must arrive at its place, and nothing
 * else may be touched. Transposes of all small sizes and of blocks, elements of 1 to 8 bytes, steps beyond the sizes,
 * buffers aligned to a byte only; conversions and choices against C written out here.
 */
#include "kernel_case.h"

#include "backend/cpu/kernel/convert.h"
#include "backend/cpu/kernel/transpose.h"
#include "base/half.h"

typedef struct transpose_row {
    const char                 *name;
    fl_cpu_isa                  isa;
    const fl_transpose_kernels *kernels;
} transpose_row;

static const transpose_row transposes[] = {
#define FL_TRANSPOSE(ISA, suffix) {#suffix, FL_CPU_##ISA, &fl_any_transpose__##suffix},
#include "backend/cpu/kernel/transpose.def"
#undef FL_TRANSPOSE
};

typedef struct convert_row {
    const char               *name;
    fl_cpu_isa                isa;
    const fl_convert_kernels *kernels;
} convert_row;

static const convert_row converts[] = {
#define FL_SIMD(ISA, suffix) {#suffix, FL_CPU_##ISA, &fl_any_convert__##suffix},
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
};
#define TRANSPOSES (sizeof transposes / sizeof transposes[0])
#define CONVERTS   (sizeof converts / sizeof converts[0])

enum { EDGE = 33 }; /* bytes around byte buffers, odd so that they are aligned to nothing */

static uint8_t *make_bytes(size_t n)
{
    uint8_t *p = malloc(n + 2 * EDGE);

    assert_non_null(p);
    memset(p, 0xa5, n + 2 * EDGE);
    return p + EDGE;
}

static void fill_bytes(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)next_random();
}

static void free_bytes(uint8_t *p)
{
    free(p - EDGE);
}

/* ---- transpose */

static void check_transpose(const transpose_row *r, size_t bytes, size_t rows, size_t columns)
{
    const size_t x_step = columns + (pick(0, 2) ? pick(0, 3) : 0), y_step = rows + (pick(0, 2) ? pick(0, 3) : 0);
    const size_t x_bytes = rows * x_step * bytes, y_bytes = columns * y_step * bytes;
    uint8_t *x = make_bytes(x_bytes), *y = make_bytes(y_bytes), *want = make_bytes(y_bytes);

    fill_bytes(x, x_bytes);
    r->kernels->by_bytes[bytes](x, x_step, y, y_step, rows, columns);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            memcpy(want + (j * y_step + i) * bytes, x + (i * x_step + j) * bytes, bytes);
    if (memcmp(y - EDGE, want - EDGE, y_bytes + 2 * EDGE) != 0) {
        print_error("seed %llu, %s, %zu x %zu elements of %zu bytes\n", (unsigned long long)kernel_seed, r->name, rows,
                    columns, bytes);
        fail();
    }
    free_bytes(x);
    free_bytes(y);
    free_bytes(want);
}

static void transposes_move_every_element_and_nothing_else(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < TRANSPOSES; k++) {
        for (size_t bytes = 1; runs_here(transposes[k].isa) && bytes <= 8; bytes *= 2) {
            for (size_t rows = 0; rows < 20; rows++)
                for (size_t columns = 0; columns < 20; columns++)
                    check_transpose(&transposes[k], bytes, rows, columns);
            for (int round = 0; round < 20; round++)
                check_transpose(&transposes[k], bytes, pick(1, 150), pick(1, 150));
            for (int round = 0; round < 40; round++) { /* pixels, both ways */
                check_transpose(&transposes[k], bytes, pick(1, 100), 3);
                check_transpose(&transposes[k], bytes, 3, pick(1, 100));
            }
        }
    }
}

/* ---- convert */

static int32_t to_i32(float x)
{
    return x >= -2147483648.0f && x < 2147483648.0f ? (int32_t)x : INT32_MIN;
}

/* One element of `from` to `to`. */
static void convert_one(fl_dtype from, fl_dtype to, const uint8_t *x, uint8_t *y)
{
    double value = 0;
    int64_t whole = 0;
    float f;

    switch (from) {
    case FL_I8: whole = *(const int8_t *)x; break;
    case FL_U8: whole = *x; break;
    case FL_BOOL: whole = *x != 0; break;
    case FL_I16: { int16_t v; memcpy(&v, x, 2); whole = v; } break;
    case FL_U16: { uint16_t v; memcpy(&v, x, 2); whole = v; } break;
    case FL_I32: { int32_t v; memcpy(&v, x, 4); whole = v; } break;
    case FL_I64: memcpy(&whole, x, 8); break;
    case FL_BF16: { uint16_t v; memcpy(&v, x, 2); value = (double)fl_bfloat_to_float(v); } break;
    default: memcpy(&f, x, 4); value = (double)f; break;
    }
    const bool real = from == FL_F32 || from == FL_BF16;
    switch (to) {
    case FL_F32: f = real ? (float)value : (float)whole; memcpy(y, &f, 4); break;
    case FL_BF16: { const uint16_t v = fl_bfloat_from_float((float)value); memcpy(y, &v, 2); } break;
    case FL_I32: { const int32_t v = real ? to_i32((float)value) : (int32_t)(uint64_t)whole; memcpy(y, &v, 4); } break;
    case FL_U8: *y = (uint8_t)to_i32((float)value); break;
    case FL_BOOL: *y = value != 0; break;
    case FL_I64: memcpy(y, &whole, 8); break;
    default: fail_msg("a pair of types that this test does not know: %s to %s", fl_dtype_name(from), fl_dtype_name(to));
    }
}

static void fill_elements(fl_dtype type, uint8_t *x, size_t n)
{
    static const float values[] = {0.0f, -0.0f, 0.5f, -0.5f, 255.9f, 256.0f, 2147483520.0f, 2147483648.0f, -2147483648.0f,
                                   -2147483904.0f, 1e20f, INFINITY, -INFINITY, NAN, 1.00390625f, 1.01171875f};

    fill_bytes(x, n * fl_dtype_bytes(type));
    for (size_t i = 0; type == FL_F32 && i < n; i++) {
        const float v = pick(0, 1) ? values[pick(0, 15)] : random_value() * 300;
        memcpy(x + i * 4, &v, 4);
    }
}

/* NaNs of bfloats may differ in their quiet bit. */
static bool same_element(fl_dtype from, fl_dtype to, const uint8_t *a, const uint8_t *b)
{
    float f, g;

    if (!memcmp(a, b, fl_dtype_bytes(to)))
        return true;
    if (from != FL_BF16 || to != FL_F32)
        return false;
    memcpy(&f, a, 4);
    memcpy(&g, b, 4);
    return isnan(f) && isnan(g);
}

static void check_convert(const convert_row *r, fl_dtype from, fl_dtype to)
{
    for (size_t n = 0; n < 600; n += n < 70 ? 1 : 97) {
        const size_t xb = fl_dtype_bytes(from), yb = fl_dtype_bytes(to);
        /* aligned to the element, no more */
        uint8_t *x = make_bytes(n * xb + 8), *y = make_bytes(n * yb + 8), want[8];
        uint8_t *at = x + (8 - (uintptr_t)x % 8), *to_at = y + (8 - (uintptr_t)y % 8);
        fill_elements(from, at, n);
        r->kernels->convert[from][to](at, to_at, n);
        for (size_t i = 0; i < n; i++) {
            convert_one(from, to, at + i * xb, want);
            if (!same_element(from, to, to_at + i * yb, want)) {
                print_error("seed %llu, %s, %s to %s, element %zu of %zu\n", (unsigned long long)kernel_seed, r->name,
                            fl_dtype_name(from), fl_dtype_name(to), i, n);
                fail();
            }
        }
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(to_at[n * yb + i], 0xa5);
        free_bytes(x);
        free_bytes(y);
    }
}

static void conversions_follow_the_rules_of_cast(void **unused)
{
    size_t pairs = 0;

    (void)unused;
    for (size_t k = 0; k < CONVERTS; k++)
        for (int from = 1; runs_here(converts[k].isa) && from < FL_DTYPE_COUNT; from++)
            for (int to = 1; to < FL_DTYPE_COUNT; to++) {
                assert_true(!converts[k].kernels->convert[from][to] == !fl_any_convert__scalar.convert[from][to]);
                if (converts[k].kernels->convert[from][to]) {
                    check_convert(&converts[k], (fl_dtype)from, (fl_dtype)to);
                    pairs++;
                }
            }
    assert_true(pairs >= 12);
}

/* ---- select */

static void check_select(const convert_row *r, size_t bytes, size_t n, size_t cs, size_t as, size_t bs)
{
    uint64_t *a = malloc((n + 1) * 8), *b = malloc((n + 1) * 8), *y = malloc((n + 2) * 8);
    uint8_t *c = make_bytes(n + 1);

    assert_true(a && b && y);
    fill_bytes((uint8_t *)a, (n + 1) * 8);
    fill_bytes((uint8_t *)b, (n + 1) * 8);
    memset(y, 0xa5, (n + 2) * 8);
    for (size_t i = 0; i <= n; i++)
        c[i] = (uint8_t)(pick(0, 1) ? 0 : pick(1, 255));
    r->kernels->select[bytes](c, cs, a, as, b, bs, y, n);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *side = c[i * cs] ? (uint8_t *)a + i * as * bytes : (uint8_t *)b + i * bs * bytes;
        assert_memory_equal((uint8_t *)y + i * bytes, side, bytes);
    }
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(((uint8_t *)y)[n * bytes + i], 0xa5);
    if (as) {
        uint64_t *copy = malloc((n + 2) * 8);
        assert_non_null(copy);
        memcpy(copy, y, (n + 2) * 8);
        r->kernels->select[bytes](c, cs, a, 1, b, bs, a, n);
        assert_memory_equal(a, copy, n * bytes);
        free(copy);
    }
    free(a);
    free(b);
    free(y);
    free_bytes(c);
}

static void choices_take_the_right_side_in_place_too(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < CONVERTS; k++)
        for (size_t bytes = 1; runs_here(converts[k].isa) && bytes <= 8; bytes *= 2)
            for (size_t steps = 0; steps < 8; steps++)
                for (size_t n = 0; n < 130; n += 1 + n / 20)
                    check_select(&converts[k], bytes, n, steps & 1, steps >> 1 & 1, steps >> 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transposes_move_every_element_and_nothing_else),
        cmocka_unit_test(conversions_follow_the_rules_of_cast),
        cmocka_unit_test(choices_take_the_right_side_in_place_too),
    };
    return cmocka_run_group_tests(tests, kernel_setup, NULL);
}
