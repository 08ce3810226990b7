/* op_convert.c - conversion between all element types through three wide ones.
 *
 * Every type widens without loss to one of double (floats), int64 (signed) or uint64 (unsigned, bool); every type can
 * be made from each of the three. So 13 loads and 3 x 13 stores make all 169 conversions, a block of elements at a
 * time, and int64 to f32 is rounded once, not by way of double.
 *
 * What C leaves undefined is defined here as TensorFlow's x86 kernels do it:
 *   real to i32, i64       toward zero; NaN and what does not fit give the lowest number
 *   real to u32            the low bits of the i64; real to i8, u8, i16, u16: the low bits of the i32
 *   real to u64            the i64 below 2^63, x - 2^63 above; NaN and what does not fit: 2^63
 *   integer to integer     wraps
 *   anything to bool       is not zero (NaN is true)
 * Truncation clears the low bits of the mantissa before rounding, so f64 to f16 gives inf from 65536 on. f64 to bf16
 * has no truncating kernel there: it rounds.
 */
#include "op/op_convert.h"

#include "base/half.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 256 };

typedef enum wide_kind { REAL, SIGNED, UNSIGNED, WIDE_COUNT } wide_kind;

typedef union wide {
    double   real[BLOCK];
    int64_t  whole[BLOCK];
    uint64_t natural[BLOCK];
} wide;

/* ---- loads */

#define LOAD(id, type, member, expression)                              \
    static void load_##id(wide *to, const void *src, int64_t n)         \
    {                                                                   \
        const type *from = src;                                         \
        for (int64_t i = 0; i < n; i++) {                               \
            const type v = from[i];                                     \
            to->member[i] = expression;                                 \
        }                                                               \
    }
LOAD(f32, float, real, (double)v)
LOAD(f16, uint16_t, real, (double)fl_half_to_float(v))
LOAD(bf16, uint16_t, real, (double)fl_bfloat_to_float(v))
LOAD(f64, double, real, v)
LOAD(i8, int8_t, whole, v)
LOAD(u8, uint8_t, natural, v)
LOAD(i16, int16_t, whole, v)
LOAD(u16, uint16_t, natural, v)
LOAD(i32, int32_t, whole, v)
LOAD(u32, uint32_t, natural, v)
LOAD(i64, int64_t, whole, v)
LOAD(u64, uint64_t, natural, v)
LOAD(truth, uint8_t, natural, v != 0)

static const struct {
    wide_kind kind;
    void (*load)(wide *to, const void *src, int64_t n);
} loads[FL_DTYPE_COUNT] = {
    [FL_F32] = {REAL, load_f32},    [FL_F16] = {REAL, load_f16},     [FL_BF16] = {REAL, load_bf16},
    [FL_F64] = {REAL, load_f64},    [FL_I8] = {SIGNED, load_i8},     [FL_U8] = {UNSIGNED, load_u8},
    [FL_I16] = {SIGNED, load_i16},  [FL_U16] = {UNSIGNED, load_u16}, [FL_I32] = {SIGNED, load_i32},
    [FL_U32] = {UNSIGNED, load_u32}, [FL_I64] = {SIGNED, load_i64},  [FL_U64] = {UNSIGNED, load_u64},
    [FL_BOOL] = {UNSIGNED, load_truth}};

/* ---- out of a real number */

#define TWO_31 2147483648.0
#define TWO_63 9223372036854775808.0

static int64_t real_to_i64(double x)
{
    return x >= -TWO_63 && x < TWO_63 ? (int64_t)x : INT64_MIN;
}

static int32_t real_to_i32(double x)
{
    return x > -TWO_31 - 1 && x < TWO_31 ? (int32_t)x : INT32_MIN;
}

static uint64_t real_to_u64(double x)
{
    if (x >= TWO_63 && x < 2 * TWO_63)
        return (uint64_t)(x - TWO_63) + ((uint64_t)1 << 63);
    return (uint64_t)real_to_i64(x);
}

/* x with the low bits of its double's mantissa cleared; infinities and NaN stay. */
static double clear_mantissa(double x, int low_bits)
{
    uint64_t bits;

    if (!isfinite(x))
        return x;
    memcpy(&bits, &x, sizeof bits);
    bits &= ~(((uint64_t)1 << low_bits) - 1);
    memcpy(&x, &bits, sizeof bits);
    return x;
}

/* ---- stores: from each wide type */

#define STORE(id, kind, type, member, wide_type, expression)            \
    static void store_##id##_##kind(void *dst, const wide *from, int64_t n) \
    {                                                                   \
        type *to = dst;                                                 \
        for (int64_t i = 0; i < n; i++) {                               \
            const wide_type v = from->member[i];                        \
            to[i] = (type)(expression);                                 \
        }                                                               \
    }
#define STORES(id, type, real_expression, whole_expression)                     \
    STORE(id, real, type, real, double, real_expression)                        \
    STORE(id, signed, type, whole, int64_t, whole_expression)                   \
    STORE(id, unsigned, type, natural, uint64_t, whole_expression)

STORES(f32, float, v, v)
STORES(f16, uint16_t, fl_half_from_float((float)v), fl_half_from_float((float)v))
STORES(bf16, uint16_t, fl_bfloat_from_float((float)v), fl_bfloat_from_float((float)v))
STORES(f64, double, v, v)
STORES(i8, int8_t, real_to_i32(v), v)
STORES(u8, uint8_t, real_to_i32(v), v)
STORES(i16, int16_t, real_to_i32(v), v)
STORES(u16, uint16_t, real_to_i32(v), v)
STORES(i32, int32_t, real_to_i32(v), v)
STORES(u32, uint32_t, real_to_i64(v), v)
STORES(i64, int64_t, real_to_i64(v), v)
STORES(u64, uint64_t, real_to_u64(v), v)
STORES(truth, uint8_t, v != 0, v != 0)

typedef void (*store_fn)(void *dst, const wide *from, int64_t n);

#define STORE_ROW(id) {[REAL] = store_##id##_real, [SIGNED] = store_##id##_signed, [UNSIGNED] = store_##id##_unsigned}
static const store_fn stores[FL_DTYPE_COUNT][WIDE_COUNT] = {
    [FL_F32] = STORE_ROW(f32), [FL_F16] = STORE_ROW(f16), [FL_BF16] = STORE_ROW(bf16), [FL_F64] = STORE_ROW(f64),
    [FL_I8] = STORE_ROW(i8),   [FL_U8] = STORE_ROW(u8),   [FL_I16] = STORE_ROW(i16),   [FL_U16] = STORE_ROW(u16),
    [FL_I32] = STORE_ROW(i32), [FL_U32] = STORE_ROW(u32), [FL_I64] = STORE_ROW(i64),   [FL_U64] = STORE_ROW(u64),
    [FL_BOOL] = STORE_ROW(truth)};

/* Mantissa bits of a double (52 of them) that the narrower type does not have; 0: nothing to truncate. */
static int truncated_bits(fl_dtype to, fl_dtype from)
{
    if (to == FL_F16 && from != FL_F16)
        return 52 - 10;
    if (to == FL_BF16 && from == FL_F32)
        return 52 - 7;
    if (to == FL_F32 && from == FL_F64)
        return 52 - 23;
    return 0;
}

void fl_convert(void *dst, fl_dtype to, const void *src, fl_dtype from, int64_t n, bool truncate)
{
    const int64_t to_bytes = (int64_t)fl_dtype_bytes(to), from_bytes = (int64_t)fl_dtype_bytes(from);
    const int low_bits = truncate && loads[from].kind == REAL ? truncated_bits(to, from) : 0;
    wide block;

    for (int64_t done = 0, count; done < n; done += count) {
        count = n - done < BLOCK ? n - done : BLOCK;
        loads[from].load(&block, (const uint8_t *)src + done * from_bytes, count);
        for (int64_t i = 0; low_bits && i < count; i++)
            block.real[i] = clear_mantissa(block.real[i], low_bits);
        stores[to][loads[from].kind]((uint8_t *)dst + done * to_bytes, &block, count);
    }
}
