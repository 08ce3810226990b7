/* op_select.c - y = condition ? a : b with numpy broadcasting of all three, elements of any type. */
#include "op/op_check.h"
#include "op/op_loops.h"

#include <string.h>

static const fl_field fields[] = {FL_FIELD_END};

static floe_status infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tensor_desc *condition = d->in[0], *a = d->in[1], *b = d->in[2];
    fl_tensor_desc y = {.dtype = a->dtype};

    FL_TRY(fl_check_dtype("the condition", condition, FL_BOOL, err));
    if (a->dtype != b->dtype)
        FL_FAIL(err, FLOE_ERR_SHAPE, "a choice between %s and %s; both sides must have the same type",
                fl_dtype_name(a->dtype), fl_dtype_name(b->dtype));
    FL_TRY(fl_check_plain(d, err));
    FL_TRY(fl_tensor_broadcast(&y, a, b, err));
    FL_TRY(fl_tensor_broadcast(&y, condition, &y, err));
    *d->out[0] = y;
done:
    return st;
}

static floe_status ref(const fl_op_desc *d, const void *const *in, void *const *out, floe_error *err)
{
    const fl_tensor_desc *y = d->out[0];
    const size_t bytes = fl_dtype_bytes(y->dtype);
    const uint8_t *const condition = in[0];
    uint8_t *to = out[0];
    fl_place place = {{0}, {0}};
    fl_view v;

    (void)err;
    fl_view_init(&v, y->rank, y->dim);
    for (int i = 0; i < 3; i++)
        fl_view_broadcast(&v, d->in[i]);
    fl_view_merge(&v);
    for (int64_t rows = fl_view_rows(&v); rows > 0; rows--, fl_view_next(&v, &place)) {
        for (int64_t i = 0; i < fl_view_row(&v); i++, to += bytes) {
            const int side = condition[place.at[0] + i * fl_view_step(&v, 0)] ? 1 : 2;
            const int64_t at = place.at[side] + i * fl_view_step(&v, side);
            memcpy(to, (const uint8_t *)in[side] + at * (int64_t)bytes, bytes);
        }
    }
    return FLOE_OK;
}

const fl_op_def fl_op_select = {"select", 3, 3, 1, fields, infer, fl_flops_per_output, ref, true};
