/* cpu_matmul.c - matmul with packed columns: cpu.matmul.f32.gemm_<rows>x<columns>.<isa>
 *
 * b is packed at build time where it is constant, into the workspace where not; either way b may be transposed. a is
 * read in place, its rows being what the kernels want; a transposed a is copied to the workspace row by row first. With
 * few rows the product is as fast as b comes from memory: tiles of 1 to 3 rows read it once and ask for it ahead.
 */
#include "backend/cpu/cpu_gemm.h"

enum { A, B, BIAS, RESIDUAL };

static fl_gemm_shape shape_of(const fl_gemm_kernel *kernel, const fl_op_desc *d, int64_t batch)
{
    const int64_t *b = d->in[B]->dim;
    const int64_t rows = fl_dim_at(b[0], batch), columns = fl_dim_at(b[1], batch);
    const bool t = d->p.matmul.transpose_b;

    return (fl_gemm_shape){kernel, 1, 1, t ? columns : rows, t ? rows : columns};
}

static fl_gemm_source source_of(const fl_op_desc *d, int64_t batch)
{
    const int64_t wide = fl_dim_at(d->in[B]->dim[1], batch);

    return d->p.matmul.transpose_b ? (fl_gemm_source){NULL, 0, 0, 1, wide} : (fl_gemm_source){NULL, 0, 0, wide, 1};
}

static bool gemm_supports(const fl_gemm_kernel *kernel, const fl_op_desc *d, const char **why_not)
{
    const fl_gemm_shape shape = shape_of(kernel, d, 1);

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

static size_t gemm_workspace(const fl_gemm_kernel *kernel, const fl_op_desc *d, int64_t batch)
{
    const fl_gemm_shape shape = shape_of(kernel, d, batch);
    const fl_gemm_parts parts = fl_gemm_parts_of(&shape, d, B, BIAS);

    return fl_gemm_workspace_bytes(&parts) + a_bytes(d, batch);
}

static size_t gemm_packed(const fl_gemm_kernel *kernel, const fl_op_desc *d)
{
    const fl_gemm_shape shape = shape_of(kernel, d, 1);
    const fl_gemm_parts parts = fl_gemm_parts_of(&shape, d, B, BIAS);

    return fl_gemm_packed_bytes(&parts);
}

static floe_status gemm_pack(const fl_gemm_kernel *kernel, const fl_op_desc *d, const void *const *consts, fl_buf *out,
                             floe_error *err)
{
    const fl_gemm_shape shape = shape_of(kernel, d, 1);
    const fl_gemm_source source = source_of(d, 1);

    return fl_gemm_pack(&shape, &source, d, B, BIAS, consts, out, err);
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
    const fl_gemm_source source = source_of(d, 1);
    const int64_t m = d->out[0]->dim[0], n = d->out[0]->dim[1];
    fl_gemm_job job = {
        .shape = shape_of(kernel, d, 1),
        .h = fl_gemm_axis_plain(1),
        .w = fl_gemm_axis_plain(m),
        .images = 1,
        .filter_width = 1,
        .x = step->in[A],
        .residual = fl_cpu_data(step, RESIDUAL),
        .y = step->out[0],
        .y_image = m * n,
        .y_row = m * n,
        .y_pixel = n,
        .act = d->p.matmul.act,
        .alpha = d->p.matmul.alpha,
    };
    const int64_t k = job.shape.depth;

    job.x_pixel = k;
    fl_gemm_weights(&job, &source, step, stream, B, BIAS);
    if (d->p.matmul.transpose_a) {
        const fl_gemm_parts parts = fl_gemm_parts_of(&job.shape, d, B, BIAS);
        float *to = (float *)(void *)((uint8_t *)step->workspace + fl_gemm_workspace_bytes(&parts));
        transposition t = {step->in[A], to, k, m};
        fl_pool_run(m * k < 10000 ? NULL : stream->pool, transpose_columns, &t, (size_t)((m + SQUARE - 1) / SQUARE));
        job.x = to;
    }
    fl_gemm_run(&job, stream);
}

#define TAKEN (1u << B | 1u << BIAS)
#define FL_GEMM(dtype, mr, nr, ISA, isa) \
    FL_GEMM_TACTIC(matmul, MATMUL, gemm, dtype, mr, nr, ISA, isa, TAKEN, 1u << RESIDUAL)
#include "backend/cpu/kernel/gemm.def"
#undef FL_GEMM
