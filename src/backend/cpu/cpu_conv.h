/* cpu_conv.h - the geometry of the three convolutions, read once from a descriptor. NHWC, all dims resolved. */
#ifndef FL_CPU_CONV_H
#define FL_CPU_CONV_H

#include "backend/cpu/cpu.h"

typedef struct fl_conv_axis {
    int64_t in, out, kernel, stride, dilation, before;
} fl_conv_axis;

typedef struct fl_conv {
    int64_t      images, cin, cout, groups;
    fl_conv_axis h, w;
    int          act;
    float        alpha;
} fl_conv;

static inline fl_conv_axis fl_conv_axis_of(const fl_op_desc *d, int axis)
{
    const fl_conv_params *p = &d->p.conv;

    return (fl_conv_axis){d->in[FL_SLOT_X]->dim[1 + axis], d->out[0]->dim[1 + axis], d->in[FL_SLOT_WEIGHTS]->dim[axis],
                          p->stride[axis], p->dilation[axis], p->pad[2 * axis]};
}

static inline fl_conv fl_conv_of(const fl_op_desc *d)
{
    const fl_conv_params *p = &d->p.conv;

    return (fl_conv){d->in[FL_SLOT_X]->dim[0], d->in[FL_SLOT_X]->dim[3], d->out[0]->dim[3], p->groups,
                     fl_conv_axis_of(d, 0), fl_conv_axis_of(d, 1), p->act, p->alpha};
}

/* What all tactics of convolutions here need: f32, plain, NHWC. */
static inline bool fl_conv_is_plain_f32(const fl_op_desc *d, const char **why_not)
{
    if (!fl_cpu_all_of(d, FL_F32))
        return fl_cpu_refuse(why_not, "other types than f32");
    if (!fl_cpu_all_plain(d))
        return fl_cpu_refuse(why_not, "blocked layouts");
    if (d->p.conv.format != FL_NHWC)
        return fl_cpu_refuse(why_not, "format NCHW");
    return true;
}

#endif
