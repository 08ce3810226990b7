/* convert_tmpl.h - the kernels of convert.h. The including file has defined V_ISA and
 * `static void block_to_i32(const float *x, int32_t *y, size_t n)`, which is the one conversion C cannot express.
 */
#include "backend/cpu/kernel/convert.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* Whatever the elements really are. */
typedef uint8_t  any_1;
typedef uint16_t any_2 __attribute__((may_alias));
typedef uint32_t any_4 __attribute__((may_alias));
typedef uint64_t any_8 __attribute__((may_alias));

/* ---- conversions */

#define CONVERT(name, from, to, expression)                              \
    static void name(const void *src, void *dst, size_t n)               \
    {                                                                    \
        const from *x = src;                                             \
        to *y = dst;                                                     \
        for (size_t i = 0; i < n; i++)                                   \
            y[i] = (to)(expression);                                     \
    }

CONVERT(i8_to_f32, int8_t, float, x[i])
CONVERT(u8_to_f32, uint8_t, float, x[i])
CONVERT(i16_to_f32, int16_t, float, x[i])
CONVERT(u16_to_f32, uint16_t, float, x[i])
CONVERT(i32_to_f32, int32_t, float, x[i])
CONVERT(i64_to_f32, int64_t, float, x[i])
CONVERT(bool_to_f32, uint8_t, float, x[i] != 0)
CONVERT(i32_to_i64, int32_t, int64_t, x[i])
CONVERT(i64_to_i32, int64_t, int32_t, (uint64_t)x[i])
CONVERT(f32_to_bool, float, uint8_t, x[i] != 0)

static void f32_to_i32(const void *x, void *y, size_t n)
{
    block_to_i32(x, y, n);
}

static void f32_to_u8(const void *src, void *dst, size_t n)
{
    const float *x = src;
    uint8_t *y = dst;
    int32_t block[256];

    for (size_t i = 0; i < n; i += 256) {
        const size_t count = n - i < 256 ? n - i : 256;
        block_to_i32(x + i, block, count);
        for (size_t k = 0; k < count; k++)
            y[i + k] = (uint8_t)block[k];
    }
}

static void bf16_to_f32(const void *src, void *dst, size_t n)
{
    const uint16_t *x = src;
    any_4 *y = dst;

    for (size_t i = 0; i < n; i++)
        y[i] = (uint32_t)x[i] << 16;
}

/* To nearest, ties to even; a NaN stays one and becomes quiet. */
static void f32_to_bf16(const void *src, void *dst, size_t n)
{
    const any_4 *x = src;
    uint16_t *y = dst;

    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = x[i], rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 0x40;
        y[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
    }
}

/* ---- choices: the usual combinations of steps are loops of their own */

#define SELECT(bytes)                                                                                                 \
    INLINE void choose_##bytes(const uint8_t *c, size_t cs, const any_##bytes *a, size_t as, const any_##bytes *b,    \
                               size_t bs, any_##bytes *y, size_t n)                                                   \
    {                                                                                                                 \
        for (size_t i = 0; i < n; i++) {                                                                              \
            const any_##bytes yes = a[i * as], no = b[i * bs];                                                        \
            y[i] = c[i * cs] ? yes : no;                                                                              \
        }                                                                                                             \
    }                                                                                                                 \
    static void select_##bytes(const uint8_t *c, size_t cs, const void *a, size_t as, const void *b, size_t bs,       \
                               void *y, size_t n)                                                                     \
    {                                                                                                                 \
        if (cs && as && bs)                                                                                           \
            choose_##bytes(c, 1, a, 1, b, 1, y, n);                                                                   \
        else if (cs && as)                                                                                            \
            choose_##bytes(c, 1, a, 1, b, 0, y, n);                                                                   \
        else if (cs && bs)                                                                                            \
            choose_##bytes(c, 1, a, 0, b, 1, y, n);                                                                   \
        else if (cs)                                                                                                  \
            choose_##bytes(c, 1, a, 0, b, 0, y, n);                                                                   \
        else if (n && *c)                                                                                             \
            choose_##bytes(c, 0, a, as, a, as, y, n);                                                                 \
        else                                                                                                          \
            choose_##bytes(c, 0, b, bs, b, bs, y, n);                                                                 \
    }
SELECT(1)
SELECT(2)
SELECT(4)
SELECT(8)

#define TABLE_OF(isa) fl_any_convert__##isa
#define TABLE(isa) TABLE_OF(isa)
const fl_convert_kernels TABLE(V_ISA) = {
    .convert = {[FL_I8] = {[FL_F32] = i8_to_f32},
                [FL_U8] = {[FL_F32] = u8_to_f32},
                [FL_I16] = {[FL_F32] = i16_to_f32},
                [FL_U16] = {[FL_F32] = u16_to_f32},
                [FL_I32] = {[FL_F32] = i32_to_f32, [FL_I64] = i32_to_i64},
                [FL_I64] = {[FL_F32] = i64_to_f32, [FL_I32] = i64_to_i32},
                [FL_BOOL] = {[FL_F32] = bool_to_f32},
                [FL_BF16] = {[FL_F32] = bf16_to_f32},
                [FL_F32] = {[FL_I32] = f32_to_i32, [FL_U8] = f32_to_u8, [FL_BF16] = f32_to_bf16,
                            [FL_BOOL] = f32_to_bool}},
    .select = {[1] = select_1, [2] = select_2, [4] = select_4, [8] = select_8},
};
