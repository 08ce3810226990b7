/* cpu_conv2d.c - conv2d as an implicit matrix product: cpu.conv2d.f32.igemm_<rows>x<columns>.<isa>
 *
 * Rows are output pixels, columns output channels, and the sum runs over filter taps and input channels. Row pointers
 * take the place of an im2col matrix, see kernel/gemm.h and cpu_gemm.h; padding is a row of zeros. A 1x1 convolution of
 * stride 1 is one tap and a plain matrix. Groups are products of their own that share the image.
 */
#include "backend/cpu/cpu_conv.h"
#include "backend/cpu/cpu_gemm.h"

/* The filter is HWIO; a group's columns are contiguous in O. */
static fl_gemm_shape igemm_shape(const fl_gemm_kernel *kernel, const fl_op_desc *d, int64_t batch)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim, columns = f[3] / d->p.conv.groups;

    (void)batch;
    return (fl_gemm_shape){kernel, d->p.conv.groups, f[0] * f[1], f[2], columns, columns, f[2] * f[3], f[3], 1};
}

static bool igemm_supports(const fl_gemm_kernel *kernel, const fl_op_desc *d, const char **why_not)
{
    const fl_gemm_shape shape = igemm_shape(kernel, d, 1);

    if (!fl_conv_is_plain_f32(d, why_not))
        return false;
    if (!fl_gemm_fits(&shape, FL_CPU_SCRATCH))
        return fl_cpu_refuse(why_not, "the filter has too many taps or channels");
    return true;
}

static fl_gemm_axis axis_of(const fl_conv_axis *a)
{
    return (fl_gemm_axis){a->out, a->in, a->stride, -a->before, a->kernel, a->dilation, 0, 1};
}

static void igemm_run(const fl_gemm_kernel *kernel, const fl_step *step, fl_stream *stream)
{
    const fl_conv c = fl_conv_of(step->desc);
    fl_gemm_job job = {
        .shape = igemm_shape(kernel, step->desc, 1),
        .h = axis_of(&c.h),
        .w = axis_of(&c.w),
        .images = c.images,
        .filter_width = c.w.kernel,
        .x = step->in[FL_SLOT_X],
        .x_image = c.h.in * c.w.in * c.cin,
        .x_row = c.w.in * c.cin,
        .x_pixel = c.cin,
        .residual = fl_cpu_data(step, FL_SLOT_RESIDUAL),
        .y = step->out[0],
        .y_image = c.h.out * c.w.out * c.cout,
        .y_row = c.w.out * c.cout,
        .y_pixel = c.cout,
        .act = c.act,
        .alpha = c.alpha,
    };

    fl_gemm_weights(&job, step, stream);
    fl_gemm_run(&job, stream);
}

#define FL_GEMM(dtype, mr, nr, ISA, isa) FL_GEMM_TACTIC(conv2d, CONV2D, igemm, dtype, mr, nr, ISA, isa, 0)
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
