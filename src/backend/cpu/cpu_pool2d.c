/* cpu_pool2d.c - tactics of pool2d: rows of windows, any kernel, stride and pads, NHWC, NCHW and channel blocks.
 *
 *     pixels   NHWC; a blocked image [N][C/b][H][W][b] is N * C/b NHWC images of b channels. The channels are cut into
 *              pieces where there are few rows of windows (a global average has one an image), for the threads, and where
 *              windows overlap in rows that do not fit into the L1 cache together: there all rows of a piece are done
 *              before the next piece.
 *     planes   NCHW: N * C images of one channel
 */
#include "backend/cpu/cpu_vector.h"
#include "backend/cpu/kernel/pool.h"

#define CHANNELS_A_PIECE 64
#define FEW_ROWS         32    /* fewer rows of windows than this are cut by channels */
#define CACHED_BYTES     24576 /* rows of a window that stay in the L1 cache */

typedef struct job {
    const fl_pool_params *p;
    const float          *x;
    float                *y;
    int64_t               height, width, out_height, out_width, channels; /* of one image */
    int64_t               pieces, piece;                                  /* channels are cut into `pieces` of `piece` */
    void (*fn)(const fl_pool_row *row, float *room);
    bool             roomy; /* the scratch is large enough for fn */
    const fl_stream *stream;
} job;

static bool is_pixels(const fl_op_desc *desc) { return desc->p.pool.format == FL_NHWC; }

static bool supports_pixels(const fl_op_desc *desc, const char **why_not)
{
    return is_pixels(desc) || fl_cpu_refuse(why_not, "NHWC only");
}

static bool supports_planes(const fl_op_desc *desc, const char **why_not)
{
    const int64_t longest = desc->in[0]->dim[3] + desc->p.pool.pad[2] + desc->p.pool.pad[3] + 64;

    if (is_pixels(desc))
        return fl_cpu_refuse(why_not, "NCHW only");
    return longest <= (int64_t)(FL_CPU_SCRATCH / sizeof(float)) || fl_cpu_refuse(why_not, "a row is too long");
}

/* Row `i` of windows of an image. */
static fl_pool_row row_of(const job *j, int64_t image, int64_t i)
{
    const fl_pool_params *p = j->p;
    const int64_t first = i * p->stride[0] - p->pad[0], last = first + p->kernel[0];
    const int64_t begin = first < 0 ? 0 : first, end = last < j->height ? last : j->height;
    const int64_t line = j->width * j->channels, out_line = j->out_width * j->channels;

    return (fl_pool_row){.x = j->x + (image * j->height + begin) * line,
                         .y = j->y + (image * j->out_height + i) * out_line,
                         .rows = (size_t)(end - begin),
                         .row_step = (size_t)line,
                         .pixel = (size_t)j->channels,
                         .channels = (size_t)j->channels,
                         .width = (size_t)j->width,
                         .out_width = (size_t)j->out_width,
                         .kernel = (size_t)p->kernel[1],
                         .stride = (size_t)p->stride[1],
                         .pad = (size_t)p->pad[2]};
}

/* Items: images, times pieces of channels, times rows of windows. */
static void do_rows(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;

    for (int64_t item = begin; item < end; item++) {
        const int64_t image = item / j->out_height / j->pieces, c = item / j->out_height % j->pieces * j->piece;
        fl_pool_row r = row_of(j, image, item % j->out_height);
        r.x += c;
        r.y += c;
        r.channels = (size_t)(j->channels - c < j->piece ? j->channels - c : j->piece);
        j->fn(&r, j->roomy ? fl_cpu_scratch(j->stream, worker) : NULL);
    }
}

static void run_images(job *j, int64_t images)
{
    const int64_t rows = images * j->out_height, line = j->width * j->channels;
    const int64_t in_rows = j->p->kernel[0] < j->height ? j->p->kernel[0] : j->height;
    const bool rows_return = j->p->kernel[0] > j->p->stride[0] && in_rows * line * 4 > CACHED_BYTES;

    if (rows == 0 || j->out_width == 0 || j->channels == 0)
        return;
    j->pieces = rows < FEW_ROWS || rows_return ? (j->channels + CHANNELS_A_PIECE - 1) / CHANNELS_A_PIECE : 1;
    j->piece = j->pieces > 1 ? CHANNELS_A_PIECE : j->channels;
    fl_cpu_for(j->stream, rows * j->pieces, 1, fl_cpu_grain(in_rows * j->width * j->piece * 4), do_rows, j);
}

static floe_status run_pixels(const fl_pool_kernels *kernels, const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_tensor_desc *x = step->desc->in[0], *y = step->desc->out[0];
    const int64_t b = fl_cpu_block(x), blocks = b == 1 ? 1 : (x->dim[3] + b - 1) / b;
    job j = {.p = &step->desc->p.pool, .x = step->in[0], .y = step->out[0], .stream = stream, .height = x->dim[1],
             .width = x->dim[2], .out_height = y->dim[1], .out_width = y->dim[2], .channels = b == 1 ? x->dim[3] : b};

    (void)err;
    j.fn = j.p->func == FL_POOL_MAX ? kernels->max_pixels : kernels->avg_pixels;
    j.roomy = fl_pool_pixels_room(&(fl_pool_row){.width = (size_t)j.width}) * sizeof(float) <= FL_CPU_SCRATCH;
    run_images(&j, x->dim[0] * blocks);
    return FLOE_OK;
}

static floe_status run_planes(const fl_pool_kernels *kernels, const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_tensor_desc *x = step->desc->in[0], *y = step->desc->out[0];
    job j = {.p = &step->desc->p.pool, .x = step->in[0], .y = step->out[0], .stream = stream, .height = x->dim[2],
             .width = x->dim[3], .out_height = y->dim[2], .out_width = y->dim[3], .channels = 1, .roomy = true};

    (void)err;
    j.fn = j.p->func == FL_POOL_MAX ? kernels->max_plane : kernels->avg_plane;
    run_images(&j, x->dim[0] * x->dim[1]);
    return FLOE_OK;
}

#define FL_SIMD(ISA, isa)                                                                                             \
    FL_CPU_SIMD_TACTIC(POOL2D, pool2d, "cpu.pool2d.f32.pixels", ISA, isa, supports_pixels, run_pixels, fl_f32_pool,   \
                       FL_CPU_NO_WORKSPACE)                                                                           \
    FL_CPU_SIMD_TACTIC(POOL2D, pool2d_nchw, "cpu.pool2d.f32.planes", ISA, isa, supports_planes, run_planes,           \
                       fl_f32_pool, FL_CPU_NO_WORKSPACE)
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
