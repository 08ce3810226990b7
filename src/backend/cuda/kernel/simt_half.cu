/* simt_half.cu - matrix products of half precision on CUDA cores, for what tensor cores do not take; see simt.cuh. */
#include "simt.cuh"

SIMT_KERNEL(128, 4, simt_64x64_v4_f16) { simt<simt_tile<f16, 4, false, 64, 64, 8, 4, 2>>(a); }
SIMT_KERNEL(128, 4, simt_64x64_v1_f16) { simt<simt_tile<f16, 1, false, 64, 64, 8, 4, 2>>(a); }
SIMT_KERNEL(128, 4, simt_phases_v4_f16) { simt<simt_tile<f16, 4, true, 64, 64, 8, 4, 2>>(a); }
SIMT_KERNEL(128, 4, simt_64x64_v4_bf16) { simt<simt_tile<bf16, 4, false, 64, 64, 8, 4, 2>>(a); }
SIMT_KERNEL(128, 4, simt_64x64_v1_bf16) { simt<simt_tile<bf16, 1, false, 64, 64, 8, 4, 2>>(a); }
SIMT_KERNEL(128, 4, simt_phases_v4_bf16) { simt<simt_tile<bf16, 4, true, 64, 64, 8, 4, 2>>(a); }
FL_KERNEL(128, simt_sum_f16, fl_simt_sum_args) { simt_sum<f16>(a); }
FL_KERNEL(128, simt_sum_bf16, fl_simt_sum_args) { simt_sum<bf16>(a); }
