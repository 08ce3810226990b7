/* cpu_matmul.c - matmul with packed columns: cpu.matmul.f32.gemm_<rows>x<columns>.<isa>
 *
 * b is packed at build time where it is constant, into the workspace where not; either way b may be transposed. a is
 * read in place, its rows being what the kernels want; a transposed a is copied to the workspace row by row first. With
 * few rows the product is as fast as b comes from memory: tiles of 1 to 3 rows read it once and ask for it ahead.
 */
#include "backend/cpu/cpu_gemm.h"

enum { A = FL_SLOT_X, B = FL_SLOT_WEIGHTS };

static fl_gemm_shape gemm_shape(const fl_gemm_kernel *kernel, const fl_op_desc *d, int64_t batch)
{
    const int64_t rows = fl_dim_at(d->in[B]->dim[0], batch), columns = fl_dim_at(d->in[B]->dim[1], batch);

    return d->p.matmul.transpose_b ? (fl_gemm_shape){kernel, 1, 1, columns, rows, 0, 0, 1, columns}
                                   : (fl_gemm_shape){kernel, 1, 1, rows, columns, 0, 0, columns, 1};
}

static bool gemm_supports(const fl_gemm_kernel *kernel, const fl_op_desc *d, const char **why_not)
{
    const fl_gemm_shape shape = gemm_shape(kernel, d, 1);

    if (!fl_cpu_all_of(d, FL_F32))
        return fl_cpu_refuse(why_not, "other types than f32");
    if (!fl_cpu_all_plain(d))
        return fl_cpu_refuse(why_not, "blocked layouts");
    if (fl_dim_is_dynamic(d->in[B]->dim[d->p.matmul.transpose_b ? 1 : 0]))
        return fl_cpu_refuse(why_not, "a sum whose length depends on the batch");
    if (!fl_gemm_fits(&shape, FL_CPU_SCRATCH))
        return fl_cpu_refuse(why_not, "the sum is too long for the scratch");
    return true;
}

static size_t a_bytes(const fl_op_desc *d, int64_t batch)
{
    return d->p.matmul.transpose_a ? fl_round_up(fl_tensor_bytes_at(d->in[A], batch), FL_ALIGN) : 0;
}

/* ---- a transposed */

#define SQUARE 16 /* a line of each side */

typedef struct transposition {
    const float *from;
    float       *to;
    int64_t      rows, columns; /* of `from` */
} transposition;

/* One task is SQUARE columns of `from`, which are rows of `to`. */
static void transpose_columns(void *arg, size_t task, size_t worker)
{
    const transposition *t = arg;
    const int64_t begin = (int64_t)task * SQUARE;
    const int64_t end = begin + SQUARE < t->columns ? begin + SQUARE : t->columns;

    (void)worker;
    for (int64_t r = 0; r < t->rows; r += SQUARE) {
        const int64_t last = r + SQUARE < t->rows ? r + SQUARE : t->rows;
        for (int64_t c = begin; c < end; c++)
            for (int64_t i = r; i < last; i++)
                t->to[c * t->rows + i] = t->from[i * t->columns + c];
    }
}

static void gemm_run(const fl_gemm_kernel *kernel, const fl_step *step, fl_stream *stream)
{
    const fl_op_desc *d = step->desc;
    const int64_t m = d->out[0]->dim[0], n = d->out[0]->dim[1];
    fl_gemm_job job = {
        .shape = gemm_shape(kernel, d, 1),
        .h = fl_gemm_axis_plain(1),
        .w = fl_gemm_axis_plain(m),
        .images = 1,
        .filter_width = 1,
        .x = step->in[A],
        .residual = fl_cpu_data(step, FL_SLOT_RESIDUAL),
        .y = step->out[0],
        .y_image = m * n,
        .y_row = m * n,
        .y_pixel = n,
        .act = d->p.matmul.act,
        .alpha = d->p.matmul.alpha,
    };
    const int64_t k = job.shape.depth;

    job.x_pixel = k;
    fl_gemm_weights(&job, step, stream);
    if (d->p.matmul.transpose_a) {
        float *to = (float *)(void *)((uint8_t *)step->workspace + fl_gemm_workspace_bytes(job.shape, d));
        transposition t = {step->in[A], to, k, m};
        fl_pool_run(m * k < 10000 ? NULL : stream->pool, transpose_columns, &t, (size_t)((m + SQUARE - 1) / SQUARE));
        job.x = to;
    }
    fl_gemm_run(&job, stream);
}

#define FL_GEMM(dtype, mr, nr, ISA, isa) \
    FL_GEMM_TACTIC(matmul, MATMUL, gemm, dtype, mr, nr, ISA, isa, a_bytes(d, batch))
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
