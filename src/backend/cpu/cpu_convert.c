/* cpu_convert.c - tactics of cast and select.
 *
 * cast has kernels for the pairs of types that images, indices and masks need; all other pairs run the reference, cut into
 * pieces for the threads. select broadcasts three sides: rows along which each advances or stands still, as in binary.
 */
#include "backend/cpu/cpu_vector.h"
#include "backend/cpu/kernel/convert.h"

/* ---- cast */

typedef struct cast_job {
    fl_convert_fn  fn; /* NULL: the reference */
    const fl_step *step;
    int64_t        x_bytes, y_bytes;
} cast_job;

static bool has_kernel(const fl_convert_kernels *kernels, const fl_op_desc *desc)
{
    return kernels->convert[desc->in[0]->dtype][desc->out[0]->dtype] && !desc->p.dtype.truncate;
}

/* All levels have kernels for the same pairs. */
static bool supports_cast(const fl_op_desc *desc, const char **why_not)
{
    if (!fl_cpu_all_plain(desc))
        return fl_cpu_refuse(why_not, "blocked layouts");
    return has_kernel(&fl_any_convert__scalar, desc) || fl_cpu_refuse(why_not, "no kernel for this pair of types");
}

static bool supports_pieces(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)
{
    (void)device;
    if (!fl_cpu_all_plain(desc))
        return fl_cpu_refuse(why_not, "blocked layouts");
    return !has_kernel(&fl_any_convert__scalar, desc) || fl_cpu_refuse(why_not, "there is a kernel for this pair of types");
}

static void cast_range(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const cast_job *j = arg;
    const void *x = (const uint8_t *)j->step->in[0] + begin * j->x_bytes;
    void *y = (uint8_t *)j->step->out[0] + begin * j->y_bytes;

    (void)worker;
    if (j->fn) {
        j->fn(x, y, (size_t)(end - begin));
        return;
    }
    fl_tensor_desc in = {.dtype = j->step->desc->in[0]->dtype, .rank = 1, .dim = {end - begin}}, out = in;
    fl_tensor_desc *ins = &in, *outs = &out;
    fl_op_desc piece = *j->step->desc;
    out.dtype = j->step->desc->out[0]->dtype;
    piece.in = &ins;
    piece.out = &outs;
    fl_op_def_of(FL_OP_CAST)->ref(&piece, &x, &y, NULL);
}

static void cast(fl_convert_fn fn, const fl_step *step, const fl_stream *stream)
{
    cast_job j = {fn, step, (int64_t)fl_dtype_bytes(step->desc->in[0]->dtype),
                  (int64_t)fl_dtype_bytes(step->desc->out[0]->dtype)};

    fl_cpu_for(stream, fl_tensor_elements_at(step->desc->in[0], 1), 64, fn ? fl_cpu_grain(j.x_bytes + j.y_bytes) : 2048,
               cast_range, &j);
}

static floe_status run_cast(const fl_convert_kernels *kernels, const fl_step *step, fl_stream *stream, floe_error *err)
{
    (void)err;
    cast(kernels->convert[step->desc->in[0]->dtype][step->desc->out[0]->dtype], step, stream);
    return FLOE_OK;
}

static floe_status run_pieces(const fl_step *step, fl_stream *stream, floe_error *err)
{
    (void)err;
    cast(NULL, step, stream);
    return FLOE_OK;
}

const fl_tactic fl_cpu_cast_pieces = {.name = "cpu.cast.any.pieces", .op = FL_OP_CAST, .supports = supports_pieces,
                                      .run = run_pieces, FL_CPU_NO_WORKSPACE};

/* ---- select */

enum { CONDITION = 0, YES = 1, NO = 2 };

typedef struct select_job {
    fl_view        v;
    fl_select_fn   fn;
    const uint8_t *side[3];
    uint8_t       *y;
    int64_t        bytes;
} select_job;

static bool supports_select(const fl_op_desc *desc, const char **why_not)
{
    return fl_cpu_all_plain(desc) || fl_cpu_refuse(why_not, "blocked layouts");
}

static void select_range(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const select_job *j = arg;
    const fl_view *v = &j->v;
    const int64_t row = fl_view_row(v);
    int64_t step[3];
    fl_place place;

    (void)worker;
    for (int k = 0; k < 3; k++)
        step[k] = fl_view_step(v, k);
    fl_view_seek(v, begin / row, &place);
    for (int64_t at = begin, skip = begin % row; at < end; fl_view_next(v, &place), skip = 0) {
        const int64_t n = end - at < row - skip ? end - at : row - skip;
        j->fn(j->side[CONDITION] + place.at[CONDITION] + skip * step[CONDITION], (size_t)step[CONDITION],
              j->side[YES] + (place.at[YES] + skip * step[YES]) * j->bytes, (size_t)step[YES],
              j->side[NO] + (place.at[NO] + skip * step[NO]) * j->bytes, (size_t)step[NO], j->y + at * j->bytes, (size_t)n);
        at += n;
    }
}

static floe_status run_select(const fl_convert_kernels *kernels, const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_op_desc *d = step->desc;
    const fl_tensor_desc *y = d->out[0];
    select_job j = {.side = {step->in[0], step->in[1], step->in[2]}, .y = step->out[0],
                    .bytes = (int64_t)fl_dtype_bytes(y->dtype)};

    (void)err;
    j.fn = kernels->select[j.bytes];
    fl_view_init(&j.v, y->rank, y->dim);
    for (int k = 0; k < 3; k++)
        fl_view_broadcast(&j.v, d->in[k]);
    fl_view_merge(&j.v);
    if (!j.v.empty)
        fl_cpu_for(stream, fl_view_rows(&j.v) * fl_view_row(&j.v), 64, fl_cpu_grain(2 * j.bytes), select_range, &j);
    return FLOE_OK;
}

#define FL_SIMD(ISA, isa)                                                                                             \
    FL_CPU_SIMD_TACTIC(CAST, cast, "cpu.cast.any.vector", ISA, isa, supports_cast, run_cast, fl_any_convert,          \
                       FL_CPU_NO_WORKSPACE)                                                                           \
    FL_CPU_SIMD_TACTIC(SELECT, select, "cpu.select.any.vector", ISA, isa, supports_select, run_select, fl_any_convert, \
                       FL_CPU_NO_WORKSPACE, .in_place = 1u << YES | 1u << NO)
#include "backend/cpu/kernel/simd.def"
#undef FL_SIMD
