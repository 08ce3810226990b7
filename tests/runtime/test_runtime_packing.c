/* test_runtime_packing.c - what a CPU tactic packs is as large as it says: the runtime refuses a PLAN whose packed range is
 * not, so a wrong answer would refuse good PLANs, or let a kernel read past bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "backend/backend.h"

#define DIMS(...) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}

typedef struct shape {
    int64_t   cin, cout, kernel;
    bool      has_bias;
    fl_layout layout;
} shape;

static fl_tensor_desc constant(int rank, const int64_t *dim)
{
    fl_tensor_desc t = fl_tensor_make(FL_F32, rank, dim);

    t.constant = true;
    return t;
}

/* Compares and returns 1, or 0 where the tactic packs nothing or refuses. */
static size_t compare(const fl_tactic *t, const fl_op_desc *desc, const fl_device_info *info)
{
    const void *consts[4] = {NULL};
    const char *why = NULL;
    fl_buf made = fl_buf_make(NULL);

    if (!t->pack || !t->supports(desc, info, &why))
        return 0;
    for (int k = 0; k < desc->n_in && k < 4; k++)
        if ((t->packs >> k & 1) && desc->in[k] && desc->in[k]->constant)
            consts[k] = calloc(1, fl_tensor_bytes_at(desc->in[k], 1));
    assert_int_equal(t->pack(desc, consts, &made, NULL), FLOE_OK);
    if (!t->packed_bytes || t->packed_bytes(desc) != made.size)
        fail_msg("%s packs %zu bytes and says %zu", t->name, made.size, t->packed_bytes ? t->packed_bytes(desc) : 0);
    for (int k = 0; k < 4; k++)
        free((void *)(uintptr_t)consts[k]);
    fl_buf_free(&made);
    return 1;
}

/* All tactics on one operator; a combination that the operator refuses is none. */
static size_t compare_all(fl_device *device, fl_op_kind op, const fl_op_params *p, fl_tensor_desc *x, fl_tensor_desc *w,
                          fl_tensor_desc *bias)
{
    fl_tensor_desc y = {0}, *out[1] = {&y}, *in[3] = {x, w, bias};
    fl_op_desc desc = {op, *p, 3, 1, in, out};
    fl_device_info info;
    size_t seen = 0;

    if (fl_op_infer(&desc, NULL) != FLOE_OK)
        return 0;
    fl_cpu_backend.describe(device, &info);
    const fl_tactic_list list = fl_cpu_backend.tactics(device, op);
    for (size_t t = 0; t < list.count; t++)
        seen += compare(list.items[t], &desc, &info);
    return seen;
}

static size_t compare_shape(fl_device *device, const shape *s)
{
    fl_tensor_desc x = fl_tensor_make(FL_F32, DIMS(-1, 7, 9, s->cin)), rows = fl_tensor_make(FL_F32, DIMS(-1, s->cin));
    fl_tensor_desc full = constant(DIMS(s->kernel, s->kernel, s->cin, s->cout));
    fl_tensor_desc deep = constant(DIMS(s->kernel, s->kernel, s->cin, 1));
    fl_tensor_desc back = constant(DIMS(s->kernel, s->kernel, s->cout, s->cin));
    fl_tensor_desc w = constant(DIMS(s->cin, s->cout));
    fl_tensor_desc b_out = constant(DIMS(s->cout)), b_in = constant(DIMS(s->cin));
    fl_tensor_desc *bias_out = s->has_bias ? &b_out : NULL, *bias_in = s->has_bias ? &b_in : NULL;
    fl_op_params conv = {.conv = {.stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}, .groups = 1}};
    size_t seen = 0;

    x.layout = s->layout;
    seen += compare_all(device, FL_OP_CONV2D, &conv, &x, &full, bias_out);
    seen += compare_all(device, FL_OP_DEPTHWISE_CONV2D, &conv, &x, &deep, bias_in);
    conv.conv.output[0] = 7 + s->kernel - 3;
    conv.conv.output[1] = 9 + s->kernel - 3;
    seen += compare_all(device, FL_OP_CONV2D_TRANSPOSE, &conv, &x, &back, bias_out);
    const fl_op_params product = {.matmul = {.act = FL_UNARY_NONE}};
    seen += compare_all(device, FL_OP_MATMUL, &product, &rows, &w, bias_out);
    const fl_op_params transposed = {.matmul = {.transpose_b = 1}};
    fl_tensor_desc wt = constant(DIMS(s->cout, s->cin));
    seen += compare_all(device, FL_OP_MATMUL, &transposed, &rows, &wt, bias_out);
    return seen;
}

static void every_cpu_tactic_packs_what_it_says(void **state)
{
    static const int64_t channels[] = {1, 3, 8, 16, 20, 33};
    static const char *const isas[] = {NULL, "scalar"};
    size_t seen = 0;
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        const fl_device_options options = {.isa = isas[i]};
        fl_device *device = NULL;
        assert_int_equal(fl_cpu_backend.open(&device, NULL, "cpu", &options, NULL), FLOE_OK);
        for (size_t k = 0; k < 6 * 6 * 2 * 2 * FL_LAYOUT_COUNT; k++) {
            const shape s = {channels[k % 6], channels[k / 6 % 6], k / 36 % 2 ? 3 : 1, k / 72 % 2, (fl_layout)(k / 144)};
            seen += compare_shape(device, &s);
        }
        fl_cpu_backend.close(device);
    }
    print_message("%zu packings compared\n", seen);
    assert_true(seen > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cpu_tactic_packs_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
