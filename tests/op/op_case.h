/* op_case.h - one operator under test: descriptors from texts, inference checked against texts, the reference run on
 * arrays of the test.
 *
 *     op_case c;
 *     op_begin(&c, FL_OP_CONV2D, "f32[N,4,4,1] f32[3,3,1,2]c -");    inputs; "-" is an absent one
 *     c.d.p.conv = (fl_conv_params){...};
 *     op_gives(&c, "f32[N,4,4,2]");                                  or op_refuses(&c, FLOE_ERR_SHAPE, "wants 3")
 *     op_run(&c, y, x, filter, NULL);                                static shapes only; inputs in slot order
 */
#ifndef TESTS_OP_CASE_H
#define TESTS_OP_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op/op.h"

#define OP_CASE_INPUTS 8

typedef struct op_case {
    fl_op_desc      d;
    fl_tensor_desc  in[OP_CASE_INPUTS], out[FL_MAX_OUTPUTS];
    fl_tensor_desc *in_at[OP_CASE_INPUTS], *out_at[FL_MAX_OUTPUTS];
    floe_error      err;
} op_case;

/* "f32:c8[N,2N,3]c" -> descriptor; returns what follows it. The grammar is that of fl_tensor_text. */
static inline const char *op_parse_tensor(fl_tensor_desc *t, const char *text)
{
    char type[8];
    int used = 0;

    memset(t, 0, sizeof *t);
    assert_int_equal(sscanf(text, "%7[a-z0-9]%n", type, &used), 1);
    text += used;
    t->dtype = fl_dtype_from_name(type);
    assert_int_not_equal(t->dtype, FL_DTYPE_NONE);
    if (!strncmp(text, ":c8", 3)) {
        t->layout = FL_LAYOUT_C8;
        text += 3;
    } else if (!strncmp(text, ":c16", 4)) {
        t->layout = FL_LAYOUT_C16;
        text += 4;
    }
    assert_int_equal(*text++, '[');
    while (*text != ']') {
        char *end = NULL;
        long long v = *text == 'N' ? 1 : strtoll(text, &end, 10);
        text = end ? end : text;
        if (*text == 'N') {
            v = -v;
            text++;
        }
        assert_true(t->rank < FL_MAX_RANK);
        t->dim[t->rank++] = v;
        if (*text == ',')
            text++;
    }
    text++;
    t->constant = *text == 'c';
    return t->constant ? text + 1 : text;
}

static inline void op_inputs(op_case *c, const char *inputs)
{
    c->d.n_in = 0;
    while (*inputs) {
        const int slot = c->d.n_in++;
        assert_true(slot < OP_CASE_INPUTS);
        if (*inputs == '-') {
            c->in_at[slot] = NULL;
            inputs++;
        } else {
            c->in_at[slot] = &c->in[slot];
            inputs = op_parse_tensor(&c->in[slot], inputs);
        }
        while (*inputs == ' ')
            inputs++;
    }
}

static inline void op_begin(op_case *c, fl_op_kind op, const char *inputs)
{
    memset(c, 0, sizeof *c);
    c->d.op = op;
    c->d.in = c->in_at;
    c->d.out = c->out_at;
    c->d.n_out = fl_op_def_of(op)->n_out;
    for (int i = 0; i < FL_MAX_OUTPUTS; i++)
        c->out_at[i] = &c->out[i];
    op_inputs(c, inputs);
}

/* Inference succeeds; the outputs read as given, separated by spaces. */
static inline void op_gives(op_case *c, const char *outputs)
{
    char text[FL_TENSOR_TEXT], all[FL_MAX_OUTPUTS * FL_TENSOR_TEXT] = "";

    memset(c->out, 0xa5, sizeof c->out); /* infer writes all of it */
    const floe_status st = fl_op_infer(&c->d, &c->err);
    if (st != FLOE_OK)
        print_error("%s\n", c->err.message);
    assert_int_equal(st, FLOE_OK);
    for (int i = 0; i < c->d.n_out; i++) {
        strcat(all, i ? " " : "");
        strcat(all, fl_tensor_text(&c->out[i], text, sizeof text));
        assert_false(c->out[i].constant);
        for (int k = c->out[i].rank; k < FL_MAX_RANK; k++)
            assert_int_equal(c->out[i].dim[k], 0);
    }
    assert_string_equal(all, outputs);
}

/* Inference fails with this status and a sentence that holds `part`; and without an error struct alike. */
static inline void op_refuses(op_case *c, floe_status status, const char *part)
{
    memset(&c->err, 0, sizeof c->err);
    const floe_status st = fl_op_infer(&c->d, &c->err);
    if (st != status || !strstr(c->err.message, part))
        print_error("status %d, message \"%s\", wanted \"%s\"\n", (int)st, c->err.message, part);
    assert_int_equal(st, status);
    assert_int_equal(c->err.status, status);
    assert_non_null(strstr(c->err.message, part));
    assert_true(strlen(c->err.message) > 10);
    assert_int_equal(fl_op_infer(&c->d, NULL), status);
}

/* Infers and runs the reference; further arguments are the data of the input slots. Returns its status. */
static inline floe_status op_try(op_case *c, void *const *outs, const void *const *ins)
{
    const floe_status st = fl_op_infer(&c->d, &c->err);

    if (st != FLOE_OK)
        print_error("%s\n", c->err.message);
    assert_int_equal(st, FLOE_OK);
    return fl_op_def_of(c->d.op)->ref(&c->d, ins, outs, &c->err);
}

#define op_run(c, y, ...)                                                                    \
    do {                                                                                     \
        const void *op_ins[OP_CASE_INPUTS] = {__VA_ARGS__};                                  \
        void *op_outs[FL_MAX_OUTPUTS] = {(y)};                                               \
        const floe_status op_status = op_try((c), op_outs, op_ins);                          \
        if (op_status != FLOE_OK)                                                            \
            print_error("%s\n", (c)->err.message);                                           \
        assert_int_equal(op_status, FLOE_OK);                                                \
    } while (0)

/* Equal as TensorFlow results must be: to 1e-5 of the largest, NaN and infinities in the same places. */
static inline void op_near(const float *got, const float *want, size_t n)
{
    float largest = 0;

    for (size_t i = 0; i < n; i++)
        if (isfinite(want[i]) && fabsf(want[i]) > largest)
            largest = fabsf(want[i]);
    for (size_t i = 0; i < n; i++) {
        const int same = isnan(want[i]) ? isnan(got[i])
                         : isinf(want[i]) ? got[i] == want[i]
                                          : fabsf(got[i] - want[i]) <= 1e-5f * largest;
        if (!same)
            print_error("element %zu: got %.9g, want %.9g\n", i, (double)got[i], (double)want[i]);
        assert_true(same);
    }
}

#define FLOATS(...) ((const float[]){__VA_ARGS__})
#define op_expect(got, ...) op_near((got), FLOATS(__VA_ARGS__), sizeof FLOATS(__VA_ARGS__) / sizeof(float))
#define op_same(got, type, ...) \
    assert_memory_equal((got), ((const type[]){__VA_ARGS__}), sizeof((const type[]){__VA_ARGS__}))

#endif
