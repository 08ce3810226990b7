/* touch.cu - reads memory to have it in the L2, as the kernel before would have left it there (see cuda_time.c). The sum and
 * the store that never happens keep the compiler from leaving the reads out.
 */
#include "device.cuh"
#include "touch_args.h"

FL_KERNEL(FL_TOUCH_THREADS, touch_bytes, fl_touch_args)
{
    u32 sum = 0;

    fl_wait_previous();
    for (u32 i = blockIdx.x * FL_TOUCH_THREADS + threadIdx.x; i < a.n; i += gridDim.x * FL_TOUCH_THREADS) {
        const fl_vec<u32, 4> v = fl_load<u32, 4>((const u32 *)a.data + 4 * (u64)i);
        sum += v.at[0] ^ v.at[1] ^ v.at[2] ^ v.at[3];
    }
    if (sum == a.never)
        *a.sink = sum;
}
