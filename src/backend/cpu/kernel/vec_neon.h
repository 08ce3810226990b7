/* vec_neon.h - vectors of 4 floats; see vec_avx2.h for the vocabulary. Included by *_neon.c only. NEON is part of aarch64,
 * so those files need no compiler flags. Tested under emulation, never timed on a real machine.
 */
#ifndef FL_VEC_NEON_H
#define FL_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

typedef float32x4_t vf;
#define VN 4
#define V_ISA neon

static inline vf v_zero(void) { return vdupq_n_f32(0.0f); }
static inline vf v_set1(float x) { return vdupq_n_f32(x); }
static inline vf v_load(const float *p) { return vld1q_f32(p); }
static inline void v_store(float *p, vf x) { vst1q_f32(p, x); }

/* There are no masked accesses: lane by lane. */
static inline vf v_load_part(const float *p, size_t n)
{
    vf x = vdupq_n_f32(0.0f);
    if (n > 0)
        x = vld1q_lane_f32(p, x, 0);
    if (n > 1)
        x = vld1q_lane_f32(p + 1, x, 1);
    if (n > 2)
        x = vld1q_lane_f32(p + 2, x, 2);
    if (n > 3)
        x = vld1q_lane_f32(p + 3, x, 3);
    return x;
}
static inline void v_store_part(float *p, vf x, size_t n)
{
    if (n > 0)
        vst1q_lane_f32(p, x, 0);
    if (n > 1)
        vst1q_lane_f32(p + 1, x, 1);
    if (n > 2)
        vst1q_lane_f32(p + 2, x, 2);
    if (n > 3)
        vst1q_lane_f32(p + 3, x, 3);
}

static inline vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static inline vf v_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
static inline vf v_sqrt(vf a) { return vsqrtq_f32(a); }
/* fmin and fmax of the architecture give NaN for either operand; a comparison is what x86 does. */
static inline vf v_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline vf v_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline vf v_abs(vf a) { return vabsq_f32(a); }
static inline vf v_copysign(vf a, vf sign) { return vbslq_f32(vdupq_n_u32(0x80000000u), sign, a); }
static inline vf v_round(vf a) { return vrndnq_f32(a); }
static inline vf v_floor(vf a) { return vrndmq_f32(a); }
static inline vf v_ceil(vf a) { return vrndpq_f32(a); }

/* In two steps, because 2^n itself may be out of range while a * 2^n is not. The first step is exact. */
static inline vf v_scale2(vf a, vf n)
{
    const int32x4_t i = vcvtnq_s32_f32(n), half = vshrq_n_s32(i, 1), bias = vdupq_n_s32(127);
    const int32x4_t one = vaddq_s32(half, bias), two = vaddq_s32(vsubq_s32(i, half), bias);
    const vf a1 = vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(one, 23)));
    return vmulq_f32(a1, vreinterpretq_f32_s32(vshlq_n_s32(two, 23)));
}
static inline vf v_if_lt(vf a, vf b, vf yes, vf no) { return vbslq_f32(vcltq_f32(a, b), yes, no); }
static inline vf v_if_nan(vf a, vf yes, vf no) { return vbslq_f32(vceqq_f32(a, a), no, yes); }

static inline vf v_spread(const float *p, size_t n, size_t first, size_t every)
{
    float lanes[4];
    for (size_t i = 0; i < 4; i++) {
        const size_t at = (first + i) / every;
        lanes[i] = at < n ? p[at] : 0.0f;
    }
    return vld1q_f32(lanes);
}

/* Keeps the compiler from reading b again for every fma that uses it. */
#define V_KEEP(b) __asm__("" : "+w"(b))

#endif
