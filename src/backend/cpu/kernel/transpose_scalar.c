/* transpose_scalar.c - the plain truth of transpose.h. Elements are copied as bytes: they may be pairs or quadruples of
 * smaller ones and aligned to those only. */
#include "backend/cpu/kernel/transpose.h"

#include <stdint.h>
#include <string.h>

#define TRANSPOSE(bytes)                                                                                              \
    static void transpose_##bytes(const void *from, size_t x_step, void *to, size_t y_step, size_t rows,              \
                                  size_t columns)                                                                     \
    {                                                                                                                 \
        const uint8_t *x = from;                                                                                      \
        uint8_t *y = to;                                                                                              \
        for (size_t j = 0; j < columns; j++)                                                                          \
            for (size_t i = 0; i < rows; i++)                                                                         \
                memcpy(y + (j * y_step + i) * (bytes), x + (i * x_step + j) * (bytes), bytes);                        \
    }
TRANSPOSE(1)
TRANSPOSE(2)
TRANSPOSE(4)
TRANSPOSE(8)

const fl_transpose_kernels fl_any_transpose__scalar = {
    .by_bytes = {[1] = transpose_1, [2] = transpose_2, [4] = transpose_4, [8] = transpose_8}};
