/* gemm_pack.cu - rows of k for the matrix product kernels, made on the device from a tensor that is not constant:
 * weights of a filter, b of a product (plain or transposed), a transposed a. What pack() does on the host where they
 * are constant.
 *
 * A block moves 32 rows by 32 places of k through shared memory, so that both sides are read and written along their
 * own innermost dimension.
 */
#include "device.cuh"
#include "gemm_args.h"

FL_DEVICE float pack_read(const void *from, int type, i64 at)
{
    if (type == FL_GEMM_F16)
        return fl_float(((const f16 *)from)[at]);
    if (type == FL_GEMM_BF16)
        return fl_float(((const bf16 *)from)[at]);
    return ((const float *)from)[at];
}

FL_DEVICE void pack_write(void *to, int type, i64 at, float x)
{
    if (type == FL_GEMM_F16)
        fl_from_float((f16 *)to + at, x);
    else if (type == FL_GEMM_BF16)
        fl_from_float((bf16 *)to + at, x);
    else
        ((float *)to)[at] = x;
}

/* Where place k of a row lies in the tensor, in k_steps; -1 for a zero. */
FL_DEVICE int pack_place(const fl_gemm_pack_args &a, int k)
{
    u32 in_row, c;
    const int r = (int)fl_split((u32)k, a.by_k_row, &in_row), s = (int)fl_split(in_row, a.by_k_pixel, &c);

    return r < a.taps_h && s < a.taps_w && (int)c < a.c ? (r * a.taps_w + s) * a.c + (int)c : -1;
}

FL_KERNEL(256, gemm_pack, fl_gemm_pack_args)
{
    __shared__ float tile[32][33];
    const int k_tiles = (a.k + 31) / 32, k0 = (int)(blockIdx.x % k_tiles) * 32, row0 = (int)(blockIdx.x / k_tiles) * 32;
    const int across = threadIdx.x % 32, down = threadIdx.x / 32;

    fl_wait_previous();
    fl_let_next_start();
    for (int i = down; i < 32; i += 8) {
        const int row = row0 + (a.row_step == 1 ? across : i), k = k0 + (a.row_step == 1 ? i : across);
        const int place = row < a.rows && k < a.k ? pack_place(a, k) : -1;
        float x = 0;
        if (place >= 0)
            x = pack_read(a.from, a.from_type, (i64)row * a.row_step + (i64)place * a.k_step);
        tile[row - row0][k - k0] = a.round_tf32 ? __uint_as_float(fl_tf32(x)) : x;
    }
    __syncthreads();
    for (int i = down; i < 32; i += 8)
        if (row0 + i < a.rows && k0 + across < a.k)
            pack_write(a.to, a.to_type, (i64)(row0 + i) * a.k + k0 + across, tile[i][across]);
}
