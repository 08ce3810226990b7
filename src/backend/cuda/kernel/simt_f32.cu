/* simt_f32.cu - matrix products of f32 on CUDA cores; see simt.cuh. The host knows the sizes of these by the same names
 * (cuda_simt.c). */
#include "simt.cuh"

SIMT_KERNEL(256, 2, simt_128x128_v4_f32) { simt<simt_tile<float, 4, false, 128, 128, 8, 8, 2>>(a); }
SIMT_KERNEL(128, 4, simt_128x64_v4_f32) { simt<simt_tile<float, 4, false, 128, 64, 8, 8, 2>>(a); }
SIMT_KERNEL(128, 5, simt_64x64_v4_f32) { simt<simt_tile<float, 4, false, 64, 64, 8, 4, 3>>(a); }
SIMT_KERNEL(128, 5, simt_64x64_v1_f32) { simt<simt_tile<float, 1, false, 64, 64, 8, 4, 3>>(a); }
SIMT_KERNEL(128, 5, simt_128x32_v4_f32) { simt<simt_tile<float, 4, false, 128, 32, 8, 4, 3>>(a); }
SIMT_KERNEL(128, 5, simt_128x32_v1_f32) { simt<simt_tile<float, 1, false, 128, 32, 8, 4, 3>>(a); }
SIMT_KERNEL(128, 4, simt_phases_v4_f32) { simt<simt_tile<float, 4, true, 64, 64, 8, 4, 3>>(a); }
FL_KERNEL(128, simt_sum_f32, fl_simt_sum_args) { simt_sum<float>(a); }
