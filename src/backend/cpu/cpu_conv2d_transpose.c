/* cpu_conv2d_transpose.c - transposed convolution by phases: cpu.conv2d_transpose.f32.phases_<rows>x<columns>.<isa>
 *
 * Output row h takes x[i] through tap u wherever i*S = h + top - u*D. So rows of the same phase h mod S see the same
 * taps, and along such rows i grows by one: each of the S_h * S_w phases is an ordinary implicit product of stride 1
 * that writes every S-th pixel of every S-th row. Nothing is added to y twice and no multiplication is by a zero that
 * stride put there, which is what scattering (col2im) and a dilated input cost.
 *
 * The taps of a phase p: u with (p + top - u*D) divisible by S; if u is one, the next is u + S / gcd(D, S), and the
 * place in x goes back by D / gcd(D, S).
 */
#include "backend/cpu/cpu_conv.h"
#include "backend/cpu/cpu_gemm.h"

/* The filter is [kh,kw,cout,cin]. */
static fl_gemm_shape phases_shape(const fl_gemm_kernel *kernel, const fl_op_desc *d, int64_t batch)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;

    (void)batch;
    return (fl_gemm_shape){kernel, 1, f[0] * f[1], f[3], f[2], 0, f[2] * f[3], 1, f[3]};
}

static bool phases_supports(const fl_gemm_kernel *kernel, const fl_op_desc *d, const char **why_not)
{
    const fl_gemm_shape shape = phases_shape(kernel, d, 1);

    if (!fl_conv_is_plain_f32(d, why_not))
        return false;
    if (!fl_gemm_fits(&shape, FL_CPU_SCRATCH))
        return fl_cpu_refuse(why_not, "the filter has too many taps or channels");
    return true;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        const int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* The axis of output rows `phase`, phase + stride, ... */
static fl_gemm_axis axis_of_phase(const fl_conv_axis *a, int64_t phase)
{
    const int64_t common = gcd(a->dilation, a->stride), every = a->stride / common;
    fl_gemm_axis g = {.count = (a->out - phase + a->stride - 1) / a->stride, .size = a->in, .step = 1,
                      .tap_step = -(a->dilation / common), .place_step = every};

    for (int64_t u = 0; u < a->kernel && u < every; u++) {
        const int64_t at = phase + a->before - u * a->dilation;
        if (at % a->stride != 0)
            continue;
        g.first = at / a->stride;
        g.place = u;
        g.taps = (a->kernel - u + every - 1) / every;
        break;
    }
    return g;
}

static void phases_run(const fl_gemm_kernel *kernel, const fl_step *step, fl_stream *stream)
{
    const fl_conv c = fl_conv_of(step->desc);
    const float *residual = fl_cpu_data(step, FL_SLOT_RESIDUAL);
    float *y = step->out[0];
    fl_gemm_job job = {
        .shape = phases_shape(kernel, step->desc, 1),
        .images = c.images,
        .filter_width = c.w.kernel,
        .x = step->in[FL_SLOT_X],
        .x_image = c.h.in * c.w.in * c.cin,
        .x_row = c.w.in * c.cin,
        .x_pixel = c.cin,
        .y_image = c.h.out * c.w.out * c.cout,
        .y_row = c.h.stride * c.w.out * c.cout,
        .y_pixel = c.w.stride * c.cout,
        .act = c.act,
        .alpha = c.alpha,
    };

    fl_gemm_weights(&job, step, stream);
    for (int64_t i = 0; i < c.h.stride && i < c.h.out; i++) {
        job.h = axis_of_phase(&c.h, i);
        for (int64_t j = 0; j < c.w.stride && j < c.w.out; j++) {
            const int64_t at = (i * c.w.out + j) * c.cout;
            job.w = axis_of_phase(&c.w, j);
            job.y = y + at;
            job.residual = residual ? residual + at : NULL;
            fl_gemm_run(&job, stream);
        }
    }
}

#define FL_GEMM(dtype, mr, nr, ISA, isa) \
    FL_GEMM_TACTIC(conv2d_transpose, CONV2D_TRANSPOSE, phases, dtype, mr, nr, ISA, isa, 0)
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
