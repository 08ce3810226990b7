/* bench_problem.h - one layer from one line of text, as bench/problems/ has them:
 *
 *     conv2d n1 h56 w56 c64 k64 r3 s1 act=relu x3       x3: the network has three of them (for the total)
 *     conv2d n1 h147 w147 c32 k64 r3 s1 valid           r3x1: another height than width; d2: dilation; g4: groups
 *     depthwise_conv2d n1 h112 w112 c32 r3 s2
 *     matmul m1 k2048 n1001
 *
 * Padding is SAME unless "valid"; bias is always there; "residual" adds one. Only descriptors are made here; `batch`
 * multiplies n, and m of a product.
 */
#ifndef BENCH_PROBLEM_H
#define BENCH_PROBLEM_H

#include "backend/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench_problem {
    fl_op_desc d;
    fl_tensor_desc in[4], out[1];
    fl_tensor_desc *in_at[4], *out_at[1];
    int count;
} bench_problem;

typedef struct bench_numbers {
    int64_t n, h, w, c, k, r[2], s, d, g, m;
    bool valid, residual;
    int act;
} bench_numbers;

static void bench_fail(const char *line, const char *what)
{
    fprintf(stderr, "'%s': %s\n", line, what);
    exit(1);
}

static void bench_add(bench_problem *p, int slot, fl_dtype dtype, bool constant, int rank, const int64_t *dim)
{
    p->in[slot] = fl_tensor_make(dtype, rank, dim);
    p->in[slot].constant = constant;
    p->in_at[slot] = &p->in[slot];
}

static void bench_read_word(bench_numbers *v, bench_problem *p, const char *word, const char *line)
{
    const int64_t value = strtoll(word + 1, NULL, 10);
    int64_t *const at = word[0] == 'n'   ? &v->n
                        : word[0] == 'h' ? &v->h
                        : word[0] == 'w' ? &v->w
                        : word[0] == 'c' ? &v->c
                        : word[0] == 'k' ? &v->k
                        : word[0] == 'm' ? &v->m
                        : word[0] == 's' ? &v->s
                        : word[0] == 'd' ? &v->d
                        : word[0] == 'g' ? &v->g
                                         : NULL;

    if (!strcmp(word, "valid")) {
        v->valid = true;
    } else if (!strcmp(word, "residual")) {
        v->residual = true;
    } else if (!strncmp(word, "act=", 4)) {
        v->act = fl_unary_from_name(word + 4);
        if (v->act < 0)
            bench_fail(line, "unknown activation");
    } else if (word[0] == 'x') {
        p->count = (int)value;
    } else if (word[0] == 'r') {
        const char *x = strchr(word, 'x');
        v->r[0] = value;
        v->r[1] = x ? strtoll(x + 1, NULL, 10) : value;
    } else if (at) {
        *at = value;
    } else {
        bench_fail(line, "a word that is not known");
    }
}

static void bench_make_conv(bench_problem *p, const bench_numbers *v, fl_dtype dtype)
{
    const bool depthwise = p->d.op == FL_OP_DEPTHWISE_CONV2D;
    fl_conv_params *c = &p->d.p.conv;
    const int64_t size[2] = {v->h, v->w}, x[4] = {v->n, v->h, v->w, v->c};
    const int64_t filter[4] = {v->r[0], v->r[1], v->c / v->g, depthwise ? 1 : v->k},
                  bias[1] = {depthwise ? v->c : v->k};

    c->groups = (int32_t)v->g;
    c->act = v->act;
    for (int i = 0; i < 2; i++) {
        c->stride[i] = (int32_t)v->s;
        c->dilation[i] = (int32_t)v->d;
        if (!v->valid)
            fl_same_padding(size[i], v->r[i], v->s, v->d, &c->pad[2 * i], &c->pad[2 * i + 1]);
    }
    bench_add(p, FL_SLOT_X, dtype, false, 4, x);
    bench_add(p, FL_SLOT_WEIGHTS, FL_F32, true, 4, filter);
    bench_add(p, FL_SLOT_BIAS, FL_F32, true, 1, bias);
}

static void bench_make_matmul(bench_problem *p, const bench_numbers *v, fl_dtype dtype)
{
    const int64_t a[2] = {v->m, v->k}, b[2] = {v->k, v->n}, bias[1] = {v->n};

    p->d.p.matmul.act = v->act;
    bench_add(p, FL_SLOT_X, dtype, false, 2, a);
    bench_add(p, FL_SLOT_WEIGHTS, FL_F32, true, 2, b);
    bench_add(p, FL_SLOT_BIAS, FL_F32, true, 1, bias);
}

/* Ends the program where the line makes no sense. */
static void bench_parse(bench_problem *p, const char *line, fl_dtype dtype, int64_t batch)
{
    char words[256];
    bench_numbers v = {.n = 1, .r = {1, 1}, .s = 1, .d = 1, .g = 1, .m = 1};
    floe_error err = {0};

    memset(p, 0, sizeof *p);
    p->count = 1;
    snprintf(words, sizeof words, "%s", line);
    char *save = NULL, *word = strtok_r(words, " \t", &save);
    const int op = fl_op_from_name(word ? word : "");
    if (op != FL_OP_CONV2D && op != FL_OP_DEPTHWISE_CONV2D && op != FL_OP_MATMUL)
        bench_fail(line, "conv2d, depthwise_conv2d or matmul is wanted");
    p->d = (fl_op_desc){.op = (fl_op_kind)op, .n_in = 4, .n_out = 1, .in = p->in_at, .out = p->out_at};
    p->out_at[0] = &p->out[0];
    while ((word = strtok_r(NULL, " \t", &save)) != NULL)
        bench_read_word(&v, p, word, line);
    if (op == FL_OP_MATMUL) {
        v.m *= batch;
        bench_make_matmul(p, &v, dtype);
    } else {
        v.n *= batch;
        bench_make_conv(p, &v, dtype);
    }
    if (fl_op_infer(&p->d, &err) != FLOE_OK)
        bench_fail(line, err.message);
    if (v.residual)
        bench_add(p, FL_SLOT_RESIDUAL, dtype, false, p->out[0].rank, p->out[0].dim);
}

#endif
