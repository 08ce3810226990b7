/* transpose_avx2.c - matrices in tiles that fit into registers: 8 x 8 elements of 1 and 2 bytes, 16 x 4 of 4, 4 x 4 of 8.
 *
 * Four bytes: quarter rows i and i + 4 are loaded into the two lanes of one register, so that what is left is a transpose
 * of 4 x 4 within the lanes: 16 shuffles for 64 elements. 16 rows make 64 bytes of y, a cache line: it is written at once,
 * which matters where rows of y are a power of two apart and push each other out of the cache. Tiles at the edge are 8 x 8
 * with masked loads and stores; elements of 1 and 2 bytes go one by one there.
 *
 * Pixels of three channels of four bytes, every network's input, have loops of their own: of 24 consecutive elements the 8
 * of one channel all lie at different places modulo 8, so two blends of the three registers gather them and one
 * permutation puts them in order; the way back is the same in reverse.
 */
#include <stddef.h>
#if defined(__x86_64__)
#include "backend/cpu/kernel/transpose.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* All tiles of a matrix: whole ones of `side`, and those at the edges. */
#define TILES(bytes, side)                                                                                            \
    static void transpose_##bytes(const void *from, size_t x_step, void *to, size_t y_step, size_t rows,              \
                                  size_t columns)                                                                     \
    {                                                                                                                 \
        const uint8_t *x = from;                                                                                      \
        uint8_t *y = to;                                                                                              \
        for (size_t i = 0; i < rows; i += side) {                                                                     \
            for (size_t j = 0; j < columns; j += side) {                                                              \
                const uint8_t *x_tile = x + (i * x_step + j) * (bytes);                                               \
                uint8_t *y_tile = y + (j * y_step + i) * (bytes);                                                     \
                if (i + side <= rows && j + side <= columns)                                                          \
                    tile_##bytes(x_tile, x_step * (bytes), y_tile, y_step * (bytes));                                 \
                else                                                                                                  \
                    edge_##bytes(x_tile, x_step * (bytes), y_tile, y_step * (bytes),                                  \
                                 rows - i < side ? rows - i : side, columns - j < side ? columns - j : side);         \
            }                                                                                                         \
        }                                                                                                             \
    }

/* ---- 1 and 2 bytes */

#define EDGE(bytes)                                                                                                   \
    static void edge_##bytes(const uint8_t *x, size_t xs, uint8_t *y, size_t ys, size_t rows, size_t columns)         \
    {                                                                                                                 \
        for (size_t j = 0; j < columns; j++)                                                                          \
            for (size_t i = 0; i < rows; i++)                                                                         \
                memcpy(y + j * ys + i * (bytes), x + i * xs + j * (bytes), bytes);                                    \
    }
EDGE(1)
EDGE(2)

static inline void tile_1(const uint8_t *x, size_t xs, uint8_t *y, size_t ys)
{
    __m128i r[4], p[4];

    for (size_t k = 0; k < 4; k++) /* rows 2k, 2k+1, byte by byte */
        r[k] = _mm_unpacklo_epi8(_mm_loadl_epi64((const void *)(x + 2 * k * xs)),
                                 _mm_loadl_epi64((const void *)(x + (2 * k + 1) * xs)));
    p[0] = _mm_unpacklo_epi16(r[0], r[1]); /* rows 0-3, columns 0-3 */
    p[1] = _mm_unpackhi_epi16(r[0], r[1]);
    p[2] = _mm_unpacklo_epi16(r[2], r[3]);
    p[3] = _mm_unpackhi_epi16(r[2], r[3]);
    r[0] = _mm_unpacklo_epi32(p[0], p[2]); /* columns 0, 1 */
    r[1] = _mm_unpackhi_epi32(p[0], p[2]);
    r[2] = _mm_unpacklo_epi32(p[1], p[3]);
    r[3] = _mm_unpackhi_epi32(p[1], p[3]);
    for (size_t k = 0; k < 4; k++) {
        _mm_storel_epi64((void *)(y + 2 * k * ys), r[k]);
        _mm_storel_epi64((void *)(y + (2 * k + 1) * ys), _mm_unpackhi_epi64(r[k], r[k]));
    }
}

static inline void tile_2(const uint8_t *x, size_t xs, uint8_t *y, size_t ys)
{
    __m128i r[8], p[8];

    for (size_t k = 0; k < 8; k++)
        r[k] = _mm_loadu_si128((const void *)(x + k * xs));
    for (size_t k = 0; k < 4; k++) { /* pairs of rows */
        p[k] = _mm_unpacklo_epi16(r[2 * k], r[2 * k + 1]);
        p[k + 4] = _mm_unpackhi_epi16(r[2 * k], r[2 * k + 1]);
    }
    for (size_t k = 0; k < 8; k += 4) { /* columns 0-3, then 4-7: quadruples of rows, two columns a register */
        r[k] = _mm_unpacklo_epi32(p[k], p[k + 1]);
        r[k + 1] = _mm_unpackhi_epi32(p[k], p[k + 1]);
        r[k + 2] = _mm_unpacklo_epi32(p[k + 2], p[k + 3]);
        r[k + 3] = _mm_unpackhi_epi32(p[k + 2], p[k + 3]);
    }
    for (size_t k = 0; k < 8; k += 4) {
        _mm_storeu_si128((void *)(y + k * ys), _mm_unpacklo_epi64(r[k], r[k + 2]));
        _mm_storeu_si128((void *)(y + (k + 1) * ys), _mm_unpackhi_epi64(r[k], r[k + 2]));
        _mm_storeu_si128((void *)(y + (k + 2) * ys), _mm_unpacklo_epi64(r[k + 1], r[k + 3]));
        _mm_storeu_si128((void *)(y + (k + 3) * ys), _mm_unpackhi_epi64(r[k + 1], r[k + 3]));
    }
}

/* ---- 4 bytes */

/* h[k]: columns 0-3 of rows k and k + 4; turned into columns k of all eight. */
static inline void turn_4(__m256 h[4])
{
    const __m256 a = _mm256_unpacklo_ps(h[0], h[1]), b = _mm256_unpackhi_ps(h[0], h[1]);
    const __m256 c = _mm256_unpacklo_ps(h[2], h[3]), d = _mm256_unpackhi_ps(h[2], h[3]);

    h[0] = _mm256_shuffle_ps(a, c, 0x44);
    h[1] = _mm256_shuffle_ps(a, c, 0xee);
    h[2] = _mm256_shuffle_ps(b, d, 0x44);
    h[3] = _mm256_shuffle_ps(b, d, 0xee);
}

static inline void tile_4(const uint8_t *x, size_t xs, uint8_t *y, size_t ys)
{
    __m256 left[4], right[4]; /* of y: rows 0-7 of x, and 8-15 */

    for (size_t k = 0; k < 4; k++) {
        const uint8_t *at = x + k * xs;
        left[k] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((const void *)at)),
                                       _mm_loadu_ps((const void *)(at + 4 * xs)), 1);
        right[k] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((const void *)(at + 8 * xs))),
                                        _mm_loadu_ps((const void *)(at + 12 * xs)), 1);
    }
    turn_4(left);
    turn_4(right);
    for (size_t k = 0; k < 4; k++) {
        _mm256_storeu_ps((void *)(y + k * ys), left[k]);
        _mm256_storeu_ps((void *)(y + k * ys + 32), right[k]);
    }
}

static inline __m256i mask_4(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static void edge_4(const uint8_t *x, size_t xs, uint8_t *y, size_t ys, size_t rows, size_t columns)
{
    const __m256i in = mask_4(columns), out = mask_4(rows);
    __m256 r[8], low[4], high[4];

    for (size_t k = 0; k < 8; k++)
        r[k] = k < rows ? _mm256_maskload_ps((const void *)(x + k * xs), in) : _mm256_setzero_ps();
    for (size_t k = 0; k < 4; k++) {
        low[k] = _mm256_permute2f128_ps(r[k], r[k + 4], 0x20);
        high[k] = _mm256_permute2f128_ps(r[k], r[k + 4], 0x31);
    }
    turn_4(low);
    turn_4(high);
    for (size_t k = 0; k < columns; k++)
        _mm256_maskstore_ps((void *)(y + k * ys), out, k < 4 ? low[k] : high[k - 4]);
}

static void edges_4(const uint8_t *x, size_t xs, uint8_t *y, size_t ys, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i += 8)
        for (size_t j = 0; j < columns; j += 8)
            edge_4(x + i * xs + j * 4, xs, y + j * ys + i * 4, ys, rows - i < 8 ? rows - i : 8,
                   columns - j < 8 ? columns - j : 8);
}

static void transpose_4(const void *from, size_t x_step, void *to, size_t y_step, size_t rows, size_t columns)
{
    const uint8_t *x = from;
    uint8_t *y = to;
    const size_t xs = x_step * 4, ys = y_step * 4, whole_rows = rows / 16 * 16, whole_columns = columns / 4 * 4;

    for (size_t i = 0; i < whole_rows; i += 16)
        for (size_t j = 0; j < whole_columns; j += 4)
            tile_4(x + i * xs + j * 4, xs, y + j * ys + i * 4, ys);
    edges_4(x + whole_columns * 4, xs, y + whole_columns * ys, ys, whole_rows, columns - whole_columns);
    edges_4(x + whole_rows * xs, xs, y + whole_rows * 4, ys, rows - whole_rows, columns);
}

/* ---- 8 bytes */

static inline void turn_8(__m256d r[4])
{
    const __m256d a = _mm256_unpacklo_pd(r[0], r[1]), b = _mm256_unpackhi_pd(r[0], r[1]);
    const __m256d c = _mm256_unpacklo_pd(r[2], r[3]), d = _mm256_unpackhi_pd(r[2], r[3]);

    r[0] = _mm256_permute2f128_pd(a, c, 0x20);
    r[1] = _mm256_permute2f128_pd(b, d, 0x20);
    r[2] = _mm256_permute2f128_pd(a, c, 0x31);
    r[3] = _mm256_permute2f128_pd(b, d, 0x31);
}

static inline void tile_8(const uint8_t *x, size_t xs, uint8_t *y, size_t ys)
{
    __m256d r[4];

    for (size_t k = 0; k < 4; k++)
        r[k] = _mm256_loadu_pd((const void *)(x + k * xs));
    turn_8(r);
    for (size_t k = 0; k < 4; k++)
        _mm256_storeu_pd((void *)(y + k * ys), r[k]);
}

static void edge_8(const uint8_t *x, size_t xs, uint8_t *y, size_t ys, size_t rows, size_t columns)
{
    const __m256i places = _mm256_setr_epi64x(0, 1, 2, 3);
    const __m256i in = _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)columns), places);
    const __m256i out = _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)rows), places);
    __m256d r[4];

    for (size_t k = 0; k < 4; k++)
        r[k] = k < rows ? _mm256_maskload_pd((const void *)(x + k * xs), in) : _mm256_setzero_pd();
    turn_8(r);
    for (size_t k = 0; k < columns; k++)
        _mm256_maskstore_pd((void *)(y + k * ys), out, r[k]);
}

TILES(1, 8)
TILES(2, 8)
TILES(8, 4)

/* ---- pixels of three */

/* a, b, c by the lanes 0 3 6, 1 4 7 and 2 5, in the order of the arguments */
#define BLEND_3(a, b, c) _mm256_blend_ps(_mm256_blend_ps(a, b, 0x92), c, 0x24)

/* x [8n][3] to three rows of y. */
static void split_3(const float *x, float *y, size_t y_step, size_t pixels)
{
    const __m256i from0 = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5), from1 = _mm256_setr_epi32(1, 4, 7, 2, 5, 0, 3, 6);
    const __m256i from2 = _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7);

    for (size_t i = 0; i < pixels; i += 8, x += 24) {
        const __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8), c = _mm256_loadu_ps(x + 16);
        _mm256_storeu_ps(y + i, _mm256_permutevar8x32_ps(BLEND_3(a, b, c), from0));
        _mm256_storeu_ps(y + y_step + i, _mm256_permutevar8x32_ps(BLEND_3(c, a, b), from1));
        _mm256_storeu_ps(y + 2 * y_step + i, _mm256_permutevar8x32_ps(BLEND_3(b, c, a), from2));
    }
}

/* Three rows of x to y [8n][3]. */
static void join_3(const float *x, size_t x_step, float *y, size_t pixels)
{
    const __m256i to0 = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5), to1 = _mm256_setr_epi32(5, 0, 3, 6, 1, 4, 7, 2);
    const __m256i to2 = _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7);

    for (size_t i = 0; i < pixels; i += 8, y += 24) {
        const __m256 r = _mm256_permutevar8x32_ps(_mm256_loadu_ps(x + i), to0);
        const __m256 g = _mm256_permutevar8x32_ps(_mm256_loadu_ps(x + x_step + i), to1);
        const __m256 b = _mm256_permutevar8x32_ps(_mm256_loadu_ps(x + 2 * x_step + i), to2);
        _mm256_storeu_ps(y, BLEND_3(r, g, b));
        _mm256_storeu_ps(y + 8, BLEND_3(b, r, g));
        _mm256_storeu_ps(y + 16, BLEND_3(g, b, r));
    }
}

static void transpose_4_or_pixels(const void *x, size_t x_step, void *y, size_t y_step, size_t rows, size_t columns)
{
    size_t done = 0;

    if (columns == 3 && x_step == 3) {
        done = rows / 8 * 8;
        split_3(x, y, y_step, done);
        transpose_4((const float *)x + 3 * done, 3, (float *)y + done, y_step, rows - done, 3);
    } else if (rows == 3 && y_step == 3) {
        done = columns / 8 * 8;
        join_3(x, x_step, y, done);
        transpose_4((const float *)x + done, x_step, (float *)y + 3 * done, 3, 3, columns - done);
    } else {
        transpose_4(x, x_step, y, y_step, rows, columns);
    }
}

const fl_transpose_kernels fl_any_transpose__avx2 = {
    .by_bytes = {[1] = transpose_1, [2] = transpose_2, [4] = transpose_4_or_pixels, [8] = transpose_8}};
#endif
typedef int transpose_avx2_is_not_empty;
