/* cpu_conv2d_rows.c - conv2d of few channels, typically the first layer: cpu.conv2d.f32.rows_<rows>x<columns>.<isa>
 *
 * With three channels a tap is a sum of three: far too short for a loop. But in NHWC a row of the filter meets kw * C
 * contiguous floats, so the filter is kh taps of depth kw * C. For that the borders must be there: each task copies the
 * input rows of a stripe of output rows into its scratch, with zeros around them, and multiplies from the copy while it
 * is in the L2 cache.
 *
 *     scratch:  | 0 0 | row i*S - top         | 0 0 |      copied rows of the stripe, rows outside the image zero
 *               | 0 0 | ...                   | 0 0 |
 *               [ scratch of the product ]
 */
#include "backend/cpu/cpu_conv.h"
#include "backend/cpu/cpu_gemm.h"

#include <string.h>

#define MOST_CHANNELS 8
#define GEMM_SCRATCH  ((size_t)256 << 10)
#define COPY_SCRATCH  (FL_CPU_SCRATCH - GEMM_SCRATCH)
#define GOOD_STRIPE   ((int64_t)256 << 10) /* bytes of copied rows */

/* The filter is HWIO; a tap is one of its rows. */
static fl_gemm_shape rows_shape(const fl_gemm_kernel *kernel, const fl_op_desc *d, int64_t batch)
{
    const int64_t *f = d->in[FL_SLOT_WEIGHTS]->dim;

    (void)batch;
    return (fl_gemm_shape){kernel, 1, f[0], f[1] * f[2], f[3], 0, f[1] * f[2] * f[3], f[3], 1};
}

/* Floats of a copied row: all that the first to the last window see. */
static int64_t copied_width(const fl_conv_axis *w, int64_t channels)
{
    return ((w->out - 1) * w->stride + w->kernel) * channels;
}

static int64_t copied_rows(const fl_conv_axis *h, int64_t out_rows)
{
    return (out_rows - 1) * h->stride + (h->kernel - 1) * h->dilation + 1;
}

static bool rows_supports(const fl_gemm_kernel *kernel, const fl_op_desc *d, const char **why_not)
{
    const fl_gemm_shape shape = rows_shape(kernel, d, 1);
    const fl_conv_axis h = fl_conv_axis_of(d, 0), w = fl_conv_axis_of(d, 1);
    const int64_t channels = d->in[FL_SLOT_WEIGHTS]->dim[2];
    const int64_t most = (int64_t)(COPY_SCRATCH / sizeof(float));

    if (!fl_conv_is_plain_f32(d, why_not))
        return false;
    if (d->p.conv.groups != 1)
        return fl_cpu_refuse(why_not, "groups");
    if (channels > MOST_CHANNELS)
        return fl_cpu_refuse(why_not, "more than 8 channels");
    if (w.dilation != 1)
        return fl_cpu_refuse(why_not, "dilation");
    if (!fl_gemm_fits(&shape, GEMM_SCRATCH) || copied_rows(&h, 1) > most || w.out > most || w.kernel > most ||
        w.stride > most || copied_rows(&h, 1) * copied_width(&w, channels) > most)
        return fl_cpu_refuse(why_not, "the rows of a window are too long for the scratch");
    return true;
}

typedef struct stripes {
    const fl_conv     *conv;
    const fl_gemm_job *job; /* of one whole image; a task makes its stripe's from it */
    fl_stream         *stream;
    int64_t            rows, per_image; /* output rows a stripe; stripes an image */
} stripes;

/* One input row with its borders; row outside the image: zeros. */
static void copy_row(const fl_conv *c, const float *image, int64_t row, float *to, int64_t width)
{
    const int64_t before = c->w.before * c->cin, floats = c->w.in * c->cin;
    const int64_t begin = before < width ? before : width;
    const int64_t n = floats < width - begin ? floats : width - begin;

    if (row < 0 || row >= c->h.in) {
        memset(to, 0, (size_t)width * sizeof *to);
        return;
    }
    memset(to, 0, (size_t)begin * sizeof *to);
    memcpy(to + begin, image + row * floats, (size_t)n * sizeof *to);
    memset(to + begin + n, 0, (size_t)(width - begin - n) * sizeof *to);
}

static void run_stripe(void *arg, size_t task, size_t worker)
{
    const stripes *s = arg;
    const fl_conv *c = s->conv;
    const int64_t image = (int64_t)task / s->per_image, first = (int64_t)task % s->per_image * s->rows;
    const int64_t rows = c->h.out - first < s->rows ? c->h.out - first : s->rows;
    const int64_t width = copied_width(&c->w, c->cin), copied = copied_rows(&c->h, rows);
    const int64_t y = image * s->job->y_image + first * s->job->y_row;
    uint8_t *scratch = fl_cpu_scratch(s->stream, worker);
    float *copy = (float *)(void *)(scratch + GEMM_SCRATCH);
    fl_gemm_job job = *s->job;

    for (int64_t r = 0; r < copied; r++)
        copy_row(c, job.x + image * job.x_image, first * c->h.stride - c->h.before + r, copy + r * width, width);
    /* A pixel of the copy is a step of the window: kw * C floats from there are a tap. */
    job.h = (fl_gemm_axis){rows, copied, c->h.stride, 0, c->h.kernel, c->h.dilation, 0, 1};
    job.w = fl_gemm_axis_plain(c->w.out);
    job.images = 1;
    job.filter_width = 1;
    job.x = copy;
    job.x_row = width;
    job.x_pixel = c->w.stride * c->cin;
    job.y += y;
    job.residual = job.residual ? job.residual + y : NULL;
    fl_gemm_run_alone(&job, s->stream, scratch, GEMM_SCRATCH);
}

static void rows_run(const fl_gemm_kernel *kernel, const fl_step *step, fl_stream *stream)
{
    const fl_conv c = fl_conv_of(step->desc);
    fl_gemm_job job = {
        .shape = rows_shape(kernel, step->desc, 1),
        .x = step->in[FL_SLOT_X],
        .x_image = c.h.in * c.w.in * c.cin,
        .residual = fl_cpu_data(step, FL_SLOT_RESIDUAL),
        .y = step->out[0],
        .y_image = c.h.out * c.w.out * c.cout,
        .y_row = c.w.out * c.cout,
        .y_pixel = c.cout,
        .act = c.act,
        .alpha = c.alpha,
    };
    stripes s = {&c, &job, stream, 1, 0};

    if (c.images < 1 || c.h.out < 1 || c.w.out < 1)
        return;
    fl_gemm_weights(&job, step, stream);
    /* As many rows as stay in the cache, but several stripes for each thread. */
    const int64_t row_bytes = copied_width(&c.w, c.cin) * (int64_t)sizeof(float);
    while (s.rows < c.h.out && copied_rows(&c.h, s.rows + 1) * row_bytes <= GOOD_STRIPE)
        s.rows++;
    if (stream->threads > 1) {
        const int64_t fair = 1 + c.h.out * c.images / (4 * (int64_t)stream->threads);
        s.rows = fair < s.rows ? fair : s.rows;
    }
    s.per_image = (c.h.out + s.rows - 1) / s.rows;
    fl_pool_run(stream->pool, run_stripe, &s, (size_t)(c.images * s.per_image));
}

#define FL_GEMM(dtype, mr, nr, ISA, isa) FL_GEMM_TACTIC(conv2d, CONV2D, rows, dtype, mr, nr, ISA, isa, 0)
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
