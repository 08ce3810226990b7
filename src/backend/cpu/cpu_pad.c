/* cpu_pad.c - tactic of pad: elements of any type, any rank.
 *
 * An axis without pads is joined to the one before it: the channels of NHWC make wider columns, and what remains are
 * few axes. y is then walked in rows: a row outside x on any axis but the last is all value; one inside is value, a
 * contiguous run of x, value.
 */
#include "backend/cpu/cpu_copy.h"

#include <string.h>

typedef struct job {
    int      rank;
    int64_t  dim[FL_MAX_RANK], before[FL_MAX_RANK], x_dim[FL_MAX_RANK]; /* of y; pads; of x */
    int64_t  x_stride[FL_MAX_RANK];
    int64_t  bytes;
    uint64_t value; /* an element in its first bytes */
    const uint8_t *x;
    uint8_t *y;
} job;

static bool supports(const fl_op_desc *desc, const fl_device_info *device, const char **why_not)
{
    (void)device;
    return fl_cpu_all_plain(desc) || fl_cpu_refuse(why_not, "blocked layouts");
}

/* The value as an element: what the reference puts around nothing. */
static void value_of(const fl_op_desc *d, uint64_t *value)
{
    fl_tensor_desc x = {.dtype = d->in[0]->dtype, .rank = 1}, y = {.dtype = x.dtype, .rank = 1, .dim = {1}};
    fl_tensor_desc *in = &x, *out = &y;
    const fl_op_desc one = {.op = FL_OP_PAD, .p.pad = {.before = {1}, .value = d->p.pad.value}, .n_in = 1, .n_out = 1,
                            .in = &in, .out = &out};
    const void *const nothing = value;
    void *const to = value;

    fl_op_def_of(FL_OP_PAD)->ref(&one, &nothing, &to, NULL);
}

/* Rows of y, one after the other. */
static void pad_rows(void *arg, int64_t begin, int64_t end, size_t worker)
{
    const job *j = arg;
    const int last = j->rank - 1;
    const int64_t row = j->dim[last], before = j->before[last], run = j->x_dim[last];

    (void)worker;
    for (int64_t r = begin; r < end; r++) {
        uint8_t *to = j->y + r * row * j->bytes;
        int64_t from = 0, rest = r;
        bool inside = run > 0;
        for (int i = last - 1; i >= 0; i--) {
            const int64_t place = rest % j->dim[i] - j->before[i];
            inside = inside && place >= 0 && place < j->x_dim[i];
            from += place * j->x_stride[i];
            rest /= j->dim[i];
        }
        if (!inside) {
            fl_cpu_fill(to, row, &j->value, j->bytes);
            continue;
        }
        fl_cpu_fill(to, before, &j->value, j->bytes);
        fl_cpu_copy_few(to + before * j->bytes, j->x + from * j->bytes, run * j->bytes);
        fl_cpu_fill(to + (before + run) * j->bytes, row - before - run, &j->value, j->bytes);
    }
}

static floe_status run(const fl_step *step, fl_stream *stream, floe_error *err)
{
    const fl_pad_params *p = &step->desc->p.pad;
    const fl_tensor_desc *x = step->desc->in[0], *y = step->desc->out[0];
    job j = {.bytes = (int64_t)fl_dtype_bytes(x->dtype), .x = step->in[0], .y = step->out[0]};
    int64_t rows = 1;

    (void)err;
    if (fl_tensor_elements_at(y, 1) == 0)
        return FLOE_OK;
    value_of(step->desc, &j.value);
    for (int i = 0; i < x->rank; i++) {
        if (j.rank > 0 && p->before[i] == 0 && p->after[i] == 0) {
            j.dim[j.rank - 1] *= y->dim[i];
            j.before[j.rank - 1] *= y->dim[i];
            j.x_dim[j.rank - 1] *= x->dim[i];
        } else {
            j.dim[j.rank] = y->dim[i];
            j.before[j.rank] = p->before[i];
            j.x_dim[j.rank++] = x->dim[i];
        }
    }
    if (j.rank == 0) { /* a scalar */
        j.dim[0] = j.x_dim[0] = 1;
        j.rank = 1;
    }
    fl_dense_strides(j.rank, j.x_dim, j.x_stride);
    for (int i = 0; i + 1 < j.rank; i++)
        rows *= j.dim[i];
    fl_cpu_for(stream, rows, 1, fl_cpu_grain(j.dim[j.rank - 1] * j.bytes), pad_rows, &j);
    return FLOE_OK;
}

const fl_tactic fl_cpu_pad_copy = {.name = "cpu.pad.any.copy", .op = FL_OP_PAD, .supports = supports, .run = run,
                                   FL_CPU_NO_WORKSPACE};
