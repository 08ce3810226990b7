/* test_cuda_convert.c - the CUDA tactics of cast, select, broadcast, reshape, identity and shape against the
 * operators' references: every pair of types, every half, every way to broadcast, sizes around the width of vectors,
 * in place, and what is written beside a buffer.
 */
#include "cuda_problem.h"

/* ---- cast */

static void check_cast(fl_dtype from, fl_dtype to, bool truncate, const void *values, int64_t n)
{
    problem p;

    problem_begin(&p, FL_OP_CAST, 1);
    p.c.d.p.dtype = (fl_dtype_params){(int32_t)to, truncate};
    problem_input(&p, 0, from, 1, &n);
    if (values)
        memcpy(p.data[0], values, fl_tensor_bytes_at(&p.c.in[0], 1));
    problem_solve(&p);
    if (to == FL_F16 || to == FL_BF16) { /* bits, but any NaN will do */
        const fl_tactic_list list = fl_cuda_backend.tactics(rig.device, FL_OP_CAST);
        for (size_t i = 0; i < list.count; i++) {
            const char *why = "";
            uint16_t *got = malloc((size_t)n * 2 + 16), *want = (uint16_t *)(void *)p.want[0];
            const void *in[1] = {p.data[0]};
            void *out[1] = {got};
            if (list.items[i]->supports(&p.c.d, &rig.info, &why)) {
                times[FL_OP_CAST][i]++;
                cuda_step_run(&rig, list.items[i], &p.c.d, in, out, -1);
                for (int64_t k = 0; k < n; k++)
                    if (got[k] != want[k] && !(isnan(widen(to, got[k])) && isnan(widen(to, want[k]))))
                        fail_problem(&p, list.items[i], to, "bits", (size_t)k, got[k], want[k]);
            }
            free(got);
        }
    } else {
        problem_compare(&p, FL_F32);
    }
    problem_end(&p);
}

static void casts_between_all_types_equal_the_reference(void **unused)
{
    static const float f32s[] = {0.0f, -0.0f, 1.5f, -1.5f, 255.5f, 256, 300, -129, 65504, 65519.996f, 65520, 70000,
                                 2147483520.0f, 2147483648.0f, -2147483648.0f, 4294967296.0f, 9.2e18f, 9.3e18f, 1.8e19f,
                                 1.9e19f, 1e38f, INFINITY, -INFINITY, NAN, 1e-8f, 5.9e-8f, 6.2e-5f, 1e-40f, 0.1f};
    double f64s[sizeof f32s / sizeof f32s[0]];

    (void)unused;
    state = seed;
    for (size_t i = 0; i < sizeof f32s / sizeof f32s[0]; i++)
        f64s[i] = (double)f32s[i] * 1.0000001;
    for (fl_dtype from = FL_F32; from < FL_DTYPE_COUNT; from++)
        for (fl_dtype to = FL_F32; to < FL_DTYPE_COUNT; to++)
            for (int truncate = 0; truncate < 2; truncate++) {
                check_cast(from, to, truncate, NULL, 333);
                if (from == FL_F32)
                    check_cast(from, to, truncate, f32s, sizeof f32s / sizeof f32s[0]);
                if (from == FL_F64)
                    check_cast(from, to, truncate, f64s, sizeof f64s / sizeof f64s[0]);
            }
    every_tactic_ran(FL_OP_CAST);
}

/* All halves to f32; and back from places just below, at and above the middle between two neighbours. */
static void halves_are_rounded_as_the_cpu_rounds_them(void **unused)
{
    static uint16_t all[65536];
    static float middles[3 * 65536];

    (void)unused;
    for (int i = 0; i < 65536; i++)
        all[i] = (uint16_t)i;
    for (int k = 1; k < 3; k++) {
        check_cast(storages[k], FL_F32, false, all, 65536);
        for (int i = 0; i < 65536; i++) {
            const float low = widen(storages[k], (uint16_t)i), high = widen(storages[k], (uint16_t)(i + 1));
            middles[3 * i + 1] = low / 2 + high / 2;
            middles[3 * i] = nextafterf(middles[3 * i + 1], -INFINITY);
            middles[3 * i + 2] = nextafterf(middles[3 * i + 1], INFINITY);
        }
        check_cast(FL_F32, storages[k], false, middles, 3 * 65536);
    }
}

/* ---- select, broadcast, copies, shape: any type, the same bits */

static void selections_equal_the_reference(void **unused)
{
    (void)unused;
    state = seed;
    for (int i = 0; i < 2 * problems(); i++) {
        int64_t y[8], dim[8];
        const int rank = random_shape(y, 0, 8), whole = (int)pick(0, 2);
        const fl_dtype type = any_type();
        problem p;
        problem_begin(&p, FL_OP_SELECT, 3);
        p.exact = true;
        for (int k = 0; k < 3; k++) {
            const int r = k == whole || chance(40) ? -1 : smaller_shape(dim, rank, y);
            problem_input(&p, k, k == 0 ? FL_BOOL : type, r < 0 ? rank : r, r < 0 ? y : dim);
        }
        problem_solve(&p);
        problem_compare(&p, FL_F32);
        problem_end(&p);
    }
    every_tactic_ran(FL_OP_SELECT);
}

static void broadcasts_equal_the_reference(void **unused)
{
    (void)unused;
    state = seed;
    for (int i = 0; i < 2 * problems(); i++) {
        int64_t y[8], x[8];
        const int rank = random_shape(y, 0, 8), x_rank = smaller_shape(x, rank, y);
        problem p;
        problem_begin(&p, FL_OP_BROADCAST, 1);
        p.exact = true;
        p.c.d.p.dims.rank = rank;
        memcpy(p.c.d.p.dims.dim, y, (size_t)rank * sizeof *y);
        problem_input(&p, 0, any_type(), x_rank, x);
        problem_solve(&p);
        problem_compare(&p, FL_F32);
        problem_end(&p);
    }
    every_tactic_ran(FL_OP_BROADCAST);
}

static void copies_and_shapes_equal_the_reference(void **unused)
{
    (void)unused;
    state = seed;
    for (int i = 0; i < problems(); i++) {
        int64_t dim[8], elements = 1;
        const int rank = random_shape(dim, 0, 8);
        const fl_op_kind op = (fl_op_kind[]){FL_OP_RESHAPE, FL_OP_IDENTITY, FL_OP_SHAPE}[i % 3];
        problem p;
        problem_begin(&p, op, 1);
        p.exact = true;
        for (int k = 0; k < rank; k++)
            elements *= dim[k];
        if (op == FL_OP_RESHAPE)
            p.c.d.p.dims = (fl_dims_params){1, {elements}};
        if (op == FL_OP_SHAPE)
            p.c.d.p.dtype.dtype = chance(50) ? FL_I32 : FL_I64;
        problem_input(&p, 0, any_type(), rank, dim);
        problem_solve(&p);
        problem_compare(&p, FL_F32);
        problem_end(&p);
    }
    every_tactic_ran(FL_OP_RESHAPE);
    every_tactic_ran(FL_OP_IDENTITY);
    every_tactic_ran(FL_OP_SHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(casts_between_all_types_equal_the_reference),
        cmocka_unit_test(halves_are_rounded_as_the_cpu_rounds_them),
        cmocka_unit_test(selections_equal_the_reference),
        cmocka_unit_test(broadcasts_equal_the_reference),
        cmocka_unit_test(copies_and_shapes_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
