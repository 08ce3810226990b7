/* net_case.h - networks by hand through the internal API, run by the references, rewritten by optimizer passes.
 *
 * A network is described by a function that fills an empty one:
 *
 *     static void conv_and_bias(fl_network *n)
 *     {
 *         fl_tensor *x = nc_input(n, "x", 4, (int64_t[]){-1, 5, 6, 3});
 *         fl_tensor *y = nc_conv(n, x, FL_OP_CONV2D, FL_NHWC, 4);
 *         nc_output(n, nc_binary(n, y, nc_values(n, 1, (int64_t[]){4}), FL_BINARY_ADD), "y");
 *     }
 *
 * so that it can be made twice: once left as it is, once optimized. Constants are random but the same each time. A
 * rewrite is a row: the network, the pass, the operators before and after it. nc_check_rewrite also checks that
 * bindings stay, that the outputs are equal (each output's largest difference against its largest value: what is folded
 * into weights rounds in another order, 1e-6 per operation), and that they are with the pass left out of a full run.
 */
#ifndef TESTS_UNIT_NET_CASE_H
#define TESTS_UNIT_NET_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/optimizer.h"

#define NC_BATCH     2
#define NC_TOLERANCE 1e-5

typedef void (*nc_make)(fl_network *n);

static inline void nc_ok(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK)
        fail_msg("%s", err->message);
}

/* ---- building */

static inline fl_tensor *nc_typed_input(fl_network *n, const char *name, fl_dtype dtype, int rank, const int64_t *dim)
{
    const fl_tensor_desc desc = fl_tensor_make(dtype, rank, dim);
    fl_tensor *t = NULL;
    floe_error err;
    nc_ok(fl_net_add_input(n, &t, name, &desc, &err), &err);
    return t;
}

static inline fl_tensor *nc_input(fl_network *n, const char *name, int rank, const int64_t *dim)
{
    return nc_typed_input(n, name, FL_F32, rank, dim);
}

/* Values in 0.25..1.75, so that they can be factors, divisors and variances. */
static inline fl_tensor *nc_values(fl_network *n, int rank, const int64_t *dim)
{
    const fl_tensor_desc desc = fl_tensor_make(FL_F32, rank, dim);
    const size_t count = (size_t)fl_tensor_elements_at(&desc, 1);
    float *values = calloc(count + 1, sizeof *values);
    uint32_t state = (uint32_t)count * 77u + (uint32_t)n->n_layers;
    fl_tensor *t = NULL;
    floe_error err;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = 0.25f + 1.5f * (float)(state >> 8) / (float)(1 << 24);
    }
    nc_ok(fl_net_add_constant(n, &t, "values", &desc, values, true, &err), &err);
    free(values);
    return t;
}

static inline fl_tensor *nc_scalar(fl_network *n, float v)
{
    const fl_tensor_desc desc = fl_tensor_make(FL_F32, 0, NULL);
    fl_tensor *t = NULL;
    floe_error err;
    nc_ok(fl_net_add_constant(n, &t, "scalar", &desc, &v, true, &err), &err);
    return t;
}

static inline fl_tensor *nc_layer(fl_network *n, fl_op_kind op, const fl_op_params *p, int n_in, fl_tensor *const *in)
{
    fl_layer *layer = NULL;
    floe_error err;
    nc_ok(fl_net_add_layer(n, &layer, fl_op_def_of(op)->name, op, p, in, n_in, &err), &err);
    return layer->out[0];
}

static inline fl_tensor *nc_one(fl_network *n, fl_op_kind op, fl_tensor *x, const fl_op_params *p)
{
    return nc_layer(n, op, p, 1, &x);
}

static inline fl_tensor *nc_unary(fl_network *n, fl_tensor *x, int func)
{
    return nc_one(n, FL_OP_UNARY, x, &(fl_op_params){.unary = {.func = func, .alpha = 0.3f}});
}

static inline fl_tensor *nc_binary(fl_network *n, fl_tensor *a, fl_tensor *b, int func)
{
    return nc_layer(n, FL_OP_BINARY, &(fl_op_params){.binary = {.func = func}}, 2, (fl_tensor *[]){a, b});
}

/* 3x3, stride 1, SAME. outputs: channels; of a depthwise convolution their multiplier. */
static inline fl_tensor *nc_conv(fl_network *n, fl_tensor *x, fl_op_kind op, fl_format format, int64_t outputs)
{
    fl_op_params p = {
        .conv = {.stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}, .groups = 1, .format = format}};
    const int64_t c = x->desc.dim[format == FL_NHWC ? 3 : 1];
    int64_t filter[4] = {3, 3, c, outputs};
    if (op == FL_OP_CONV2D_TRANSPOSE) {
        filter[2] = outputs;
        filter[3] = c;
        p.conv.output[0] = x->desc.dim[format == FL_NHWC ? 1 : 2];
        p.conv.output[1] = x->desc.dim[format == FL_NHWC ? 2 : 3];
    }
    return nc_layer(n, op, &p, 2, (fl_tensor *[]){x, nc_values(n, 4, filter)});
}

static inline fl_tensor *nc_matmul(fl_network *n, fl_tensor *x, bool transpose_b, int64_t outputs)
{
    const int64_t k = x->desc.dim[1], straight[2] = {k, outputs}, turned[2] = {outputs, k};
    return nc_layer(n, FL_OP_MATMUL, &(fl_op_params){.matmul = {.transpose_b = transpose_b}}, 2,
                    (fl_tensor *[]){x, nc_values(n, 2, transpose_b ? turned : straight)});
}

/* 2x2, stride 2. */
static inline fl_tensor *nc_pool(fl_network *n, fl_tensor *x, fl_format format)
{
    return nc_one(n, FL_OP_POOL2D, x,
                  &(fl_op_params){.pool = {.func = FL_POOL_MAX, .kernel = {2, 2}, .stride = {2, 2}, .format = format}});
}

static inline fl_tensor *nc_norm(fl_network *n, fl_tensor *x, int axis, bool training)
{
    const int64_t c = x->desc.dim[axis];
    fl_tensor *in[5] = {x};
    for (int i = 1; i < (training ? 3 : 5); i++)
        in[i] = nc_values(n, 1, &c);
    return nc_layer(n, FL_OP_BATCH_NORM,
                    &(fl_op_params){.batch_norm = {.epsilon = 1e-3f, .axis = axis, .training = training, .factor = 1}},
                    5, in);
}

static inline fl_tensor *nc_transpose(fl_network *n, fl_tensor *x, int a, int b, int c, int d)
{
    return nc_one(n, FL_OP_TRANSPOSE, x, &(fl_op_params){.transpose = {.perm = {a, b, c, d}}});
}

static inline fl_tensor *nc_reshape(fl_network *n, fl_tensor *x, int rank, const int64_t *dim)
{
    fl_op_params p = {.dims = {.rank = rank}};
    memcpy(p.dims.dim, dim, (size_t)rank * sizeof *dim);
    return nc_one(n, FL_OP_RESHAPE, x, &p);
}

/* Height and width of a tensor of rank 4, by 1, 2 and 0, 1. */
static inline fl_tensor *nc_pad(fl_network *n, fl_tensor *x, fl_format format, float value)
{
    const int h = format == FL_NHWC ? 1 : 2;
    fl_op_params p = {.pad = {.value = value}};
    p.pad.before[h] = 1;
    p.pad.after[h] = 2;
    p.pad.after[h + 1] = 1;
    return nc_one(n, FL_OP_PAD, x, &p);
}

static inline void nc_output(fl_network *n, fl_tensor *t, const char *name)
{
    floe_error err;
    nc_ok(fl_net_mark_output(n, name, t, &err), &err);
}

static inline fl_network *nc_new(nc_make make)
{
    fl_network *n = NULL;
    floe_error err;
    nc_ok(fl_net_create(&n, NULL, &err), &err);
    make(n);
    nc_ok(fl_net_sort(n, &err), &err);
    nc_ok(fl_net_verify(n, &err), &err);
    return n;
}

/* ---- running: by the references, layer by layer, at a batch of NC_BATCH */

typedef struct nc_store {
    void **block;
    size_t count;
} nc_store;

static inline void *nc_take(nc_store *s, fl_tensor *t)
{
    const size_t bytes = fl_tensor_bytes_at(&t->desc, NC_BATCH);
    s->block = realloc(s->block, (s->count + 1) * sizeof *s->block);
    s->block[s->count] = calloc(bytes + 64, 1);
    t->id = (uint32_t)s->count;
    return s->block[s->count++];
}

/* Floats in -2..2, one of eight zero; other types byte by byte 0 or 1. */
static inline void nc_fill(fl_tensor *t, void *data)
{
    const size_t count = (size_t)fl_tensor_elements_at(&t->desc, NC_BATCH),
                 bytes = fl_tensor_bytes_at(&t->desc, NC_BATCH);
    uint32_t state = (uint32_t)strlen(t->name) * 31u + (uint32_t)count;
    for (size_t i = 0; i < (t->desc.dtype == FL_F32 ? count : bytes); i++) {
        state = state * 1664525u + 1013904223u;
        if (t->desc.dtype == FL_F32)
            ((float *)data)[i] = state >> 29 ? (float)(int32_t)state / 1073741824.0f : 0.0f;
        else
            ((uint8_t *)data)[i] = state >> 31;
    }
}

static inline void nc_run_layer(fl_layer *layer, nc_store *s)
{
    const fl_op_def *def = fl_op_def_of(layer->desc.op);
    const size_t n_in = (size_t)layer->desc.n_in, n_out = (size_t)layer->desc.n_out;
    fl_op_desc d = layer->desc;
    fl_tensor_desc *descs = calloc(n_in + n_out + 1, sizeof *descs);
    fl_tensor_desc **desc_at = calloc(n_in + n_out + 1, sizeof *desc_at);
    const void **in = calloc(n_in + 1, sizeof *in);
    void *out[FL_MAX_OUTPUTS] = {NULL};
    floe_error err;
    for (size_t i = 0; i < n_in; i++) {
        fl_tensor *t = layer->in[i];
        if (!t)
            continue;
        descs[i] = fl_tensor_at(&t->desc, NC_BATCH);
        desc_at[i] = &descs[i];
        in[i] = t->data ? t->data : s->block[t->id];
    }
    for (size_t i = 0; i < n_out; i++) {
        descs[n_in + i] = fl_tensor_at(&layer->out[i]->desc, NC_BATCH);
        desc_at[n_in + i] = &descs[n_in + i];
        out[i] = nc_take(s, layer->out[i]);
    }
    d.in = desc_at;
    d.out = desc_at + n_in;
    fl_op_desc resolved = d; /* shapes that are parameters know the batch too */
    for (int i = 0; i < FL_MAX_RANK; i++) {
        if (d.op == FL_OP_RESHAPE || d.op == FL_OP_BROADCAST)
            resolved.p.dims.dim[i] = fl_dim_at(d.p.dims.dim[i], NC_BATCH);
        if (d.op == FL_OP_SLICE)
            resolved.p.slice.size[i] = fl_dim_at(d.p.slice.size[i], NC_BATCH);
    }
    nc_ok(def->ref(&resolved, in, out, &err), &err);
    free(descs);
    free(desc_at);
    free(in);
}

/* Everything computed; values of output k afterwards: nc_result. */
static inline nc_store nc_run(fl_network *n)
{
    nc_store s = {0};
    for (size_t i = 0; i < n->n_inputs; i++)
        nc_fill(n->inputs[i], nc_take(&s, n->inputs[i]));
    for (size_t i = 0; i < n->n_layers; i++)
        nc_run_layer(n->layers[i], &s);
    return s;
}

static inline const void *nc_result(const fl_network *n, const nc_store *s, size_t k)
{
    const fl_tensor *t = n->outputs[k].tensor;
    return t->data ? t->data : s->block[t->id];
}

static inline void nc_store_free(nc_store *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->block[i]);
    free(s->block);
}

/* ---- comparing */

static inline void nc_same_floats(const char *name, const float *a, const float *b, size_t count)
{
    double scale = 0.1, worst = 0;
    for (size_t i = 0; i < count; i++)
        scale = isfinite(b[i]) && fabs((double)b[i]) > scale ? fabs((double)b[i]) : scale;
    for (size_t i = 0; i < count; i++) {
        const double d = a[i] == b[i] || (isnan(a[i]) && isnan(b[i])) ? 0 : fabs((double)a[i] - (double)b[i]) / scale;
        worst = d <= worst ? worst : d; /* NaN stays */
    }
    if (!(worst <= NC_TOLERANCE))
        fail_msg("%s: off by %g of the largest value", name, worst);
}

/* Same bindings, same results. */
static inline void nc_same(fl_network *a, fl_network *b)
{
    nc_store sa = nc_run(a), sb = nc_run(b);
    assert_int_equal(a->n_inputs, b->n_inputs);
    for (size_t i = 0; i < a->n_inputs; i++)
        assert_string_equal(a->inputs[i]->name, b->inputs[i]->name);
    assert_int_equal(a->n_outputs, b->n_outputs);
    for (size_t i = 0; i < a->n_outputs; i++) {
        const fl_tensor_desc *x = &a->outputs[i].tensor->desc, *y = &b->outputs[i].tensor->desc;
        assert_string_equal(a->outputs[i].name, b->outputs[i].name);
        assert_true(x->dtype == y->dtype && fl_tensor_same_shape(x, y));
        if (x->dtype == FL_F32)
            nc_same_floats(a->outputs[i].name, nc_result(a, &sa, i), nc_result(b, &sb, i),
                           (size_t)fl_tensor_elements_at(x, NC_BATCH));
        else
            assert_memory_equal(nc_result(a, &sa, i), nc_result(b, &sb, i), fl_tensor_bytes_at(x, NC_BATCH));
    }
    nc_store_free(&sa);
    nc_store_free(&sb);
}

/* ---- passes */

#define NC_MAX_PASSES 32

static inline void nc_optimize(fl_network *n, const char *only, const char *without)
{
    size_t n_passes, skipped = 0;
    const fl_opt_pass *passes = fl_opt_passes(&n_passes);
    const char *skip_list[NC_MAX_PASSES];
    floe_error err;
    assert_true(n_passes <= NC_MAX_PASSES);
    for (size_t i = 0; i < n_passes; i++)
        if ((only && strcmp(passes[i].name, only)) || (without && !strcmp(passes[i].name, without)))
            skip_list[skipped++] = passes[i].name;
    const fl_opt_options options = {.level = 1, .skip = skip_list, .n_skip = skipped};
    nc_ok(fl_opt_run_all(n, &options, &err), &err);
    nc_ok(fl_net_verify(n, &err), &err);
}

/* "conv2d+relu binary.add": the operators in order, activations fused into them behind a +. */
static inline const char *nc_ops(const fl_network *n, char *text, size_t size)
{
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < n->n_layers && at < size; i++) {
        const fl_op_desc *d = &n->layers[i]->desc;
        const char *func = d->op == FL_OP_UNARY    ? fl_unary_name(d->p.unary.func)
                           : d->op == FL_OP_BINARY ? fl_binary_name(d->p.binary.func)
                                                   : NULL;
        const int act = d->op == FL_OP_CONV2D || d->op == FL_OP_DEPTHWISE_CONV2D || d->op == FL_OP_CONV2D_TRANSPOSE
                            ? d->p.conv.act
                        : d->op == FL_OP_MATMUL     ? d->p.matmul.act
                        : d->op == FL_OP_BINARY     ? d->p.binary.act
                        : d->op == FL_OP_BATCH_NORM ? d->p.batch_norm.act
                                                    : FL_UNARY_NONE;
        at += (size_t)snprintf(text + at, size - at, "%s%s%s%s", i ? " " : "", func ? func : fl_op_def_of(d->op)->name,
                               act ? "+" : "", act ? fl_unary_name(act) : "");
    }
    return text;
}

typedef struct nc_rewrite {
    const char *name;
    nc_make make;
    const char *pass; /* NULL: all passes */
    const char *before, *after;
} nc_rewrite;

static inline void nc_check_rewrite(void **state)
{
    const nc_rewrite *r = *state;
    char text[1024];
    fl_network *plain = nc_new(r->make), *done = nc_new(r->make), *without = nc_new(r->make);
    assert_string_equal(nc_ops(plain, text, sizeof text), r->before);
    nc_optimize(done, r->pass, NULL);
    assert_string_equal(nc_ops(done, text, sizeof text), r->after);
    nc_same(done, plain);
    nc_optimize(without, NULL, r->pass);
    nc_same(without, plain);
    fl_net_free(plain);
    fl_net_free(done);
    fl_net_free(without);
}

#define NC_MAX_REWRITES 128

/* Each row as a test of its own name. */
static inline int nc_run_rewrites(const char *group, const nc_rewrite *rows, size_t count)
{
    struct CMUnitTest tests[NC_MAX_REWRITES];
    assert(count <= NC_MAX_REWRITES);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, nc_check_rewrite, NULL, NULL, (void *)&rows[i]};
    return _cmocka_run_group_tests(group, tests, count, NULL, NULL);
}

#endif
