/* cpu_conv2d.c - conv2d as an implicit matrix product: cpu.conv2d.f32.igemm_<rows>x<columns>.<isa>
 *
 * Rows are output pixels, columns output channels, and the sum runs over filter taps and input channels. Row pointers
 * take the place of an im2col matrix, see kernel/gemm.h and cpu_gemm.h; padding is a row of zeros. A 1x1 convolution of
 * stride 1 is one tap and a plain matrix. Groups are products of their own that share the image.
 */
#include "backend/cpu/cpu_conv.h"
#include "backend/cpu/cpu_gemm.h"

static fl_gemm_shape shape_of(const fl_gemm_kernel *kernel, const fl_op_desc *d)
{
    const int64_t *f = d->in[FL_CONV_FILTER]->dim;

    return (fl_gemm_shape){kernel, d->p.conv.groups, f[0] * f[1], f[2], f[3] / d->p.conv.groups};
}

/* HWIO; a group's columns are contiguous in O. */
static fl_gemm_source source_of(const fl_op_desc *d)
{
    const int64_t *f = d->in[FL_CONV_FILTER]->dim;

    return (fl_gemm_source){NULL, f[3] / d->p.conv.groups, f[2] * f[3], f[3], 1};
}

static bool igemm_supports(const fl_gemm_kernel *kernel, const fl_op_desc *d, const char **why_not)
{
    const fl_gemm_shape shape = shape_of(kernel, d);

    if (!fl_conv_is_plain_f32(d, why_not))
        return false;
    if (!fl_gemm_fits(&shape, FL_CPU_SCRATCH))
        return fl_cpu_refuse(why_not, "the filter has too many taps or channels");
    return true;
}

static size_t igemm_workspace(const fl_gemm_kernel *kernel, const fl_op_desc *d, int64_t batch)
{
    const fl_gemm_shape shape = shape_of(kernel, d);
    const fl_gemm_parts parts = fl_gemm_parts_of(&shape, d, FL_CONV_FILTER, FL_CONV_BIAS_SLOT);

    (void)batch;
    return fl_gemm_workspace_bytes(&parts);
}

static size_t igemm_packed(const fl_gemm_kernel *kernel, const fl_op_desc *d)
{
    const fl_gemm_shape shape = shape_of(kernel, d);
    const fl_gemm_parts parts = fl_gemm_parts_of(&shape, d, FL_CONV_FILTER, FL_CONV_BIAS_SLOT);

    return fl_gemm_packed_bytes(&parts);
}

static floe_status igemm_pack(const fl_gemm_kernel *kernel, const fl_op_desc *d, const void *const *consts, fl_buf *out,
                              floe_error *err)
{
    const fl_gemm_shape shape = shape_of(kernel, d);
    const fl_gemm_source source = source_of(d);

    return fl_gemm_pack(&shape, &source, d, FL_CONV_FILTER, FL_CONV_BIAS_SLOT, consts, out, err);
}

static fl_gemm_axis axis_of(const fl_conv_axis *a)
{
    return (fl_gemm_axis){a->out, a->in, a->stride, -a->before, a->kernel, a->dilation, 0, 1};
}

static void igemm_run(const fl_gemm_kernel *kernel, const fl_step *step, fl_stream *stream)
{
    const fl_conv c = fl_conv_of(step->desc);
    const fl_gemm_source source = source_of(step->desc);
    fl_gemm_job job = {
        .shape = shape_of(kernel, step->desc),
        .h = axis_of(&c.h),
        .w = axis_of(&c.w),
        .images = c.images,
        .filter_width = c.w.kernel,
        .x = step->in[FL_CONV_X],
        .x_image = c.h.in * c.w.in * c.cin,
        .x_row = c.w.in * c.cin,
        .x_pixel = c.cin,
        .residual = fl_cpu_data(step, FL_CONV_RESIDUAL_SLOT),
        .y = step->out[0],
        .y_image = c.h.out * c.w.out * c.cout,
        .y_row = c.w.out * c.cout,
        .y_pixel = c.cout,
        .act = c.act,
        .alpha = c.alpha,
    };

    fl_gemm_weights(&job, &source, step, stream, FL_CONV_FILTER, FL_CONV_BIAS_SLOT);
    fl_gemm_run(&job, stream);
}

#define TAKEN (1u << FL_CONV_FILTER | 1u << FL_CONV_BIAS_SLOT)
#define FL_GEMM(dtype, mr, nr, ISA, isa) \
    FL_GEMM_TACTIC(conv2d, CONV2D, igemm, dtype, mr, nr, ISA, isa, TAKEN, 1u << FL_CONV_RESIDUAL_SLOT)
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
