/* cuda_cudnn.c - see cuda_cudnn.h. Types, numbers and the order of calls: cuDNN 9's backend (graph) API reference.
 *
 * A problem becomes an operation graph, the graph goes to heuristic A, whose answers are made into execution plans. Of the
 * patterns that cuDNN has precompiled kernels for only one has residual, bias and relu, and only in this order, with the
 * bias in the type of the tensors; any other order would be compiled at run time, a second a plan.
 *
 * Everything is kept by problem, so that a capture only executes.
 */
#include "backend/cuda/cuda_cudnn.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *descriptor;
typedef void *handle;

#define CUDNN_LIST(X)                                                                                                    \
    X(size_t, cudnnGetVersion, (void))                                                                                   \
    X(void, cudnnGetLastErrorString, (char *text, size_t size))                                                          \
    X(int, cudnnCreate, (handle * out))                                                                                  \
    X(int, cudnnDestroy, (handle h))                                                                                     \
    X(int, cudnnSetStream, (handle h, CUstream stream))                                                                  \
    X(int, cudnnBackendCreateDescriptor, (int type, descriptor *out))                                                    \
    X(int, cudnnBackendDestroyDescriptor, (descriptor d))                                                                \
    X(int, cudnnBackendFinalize, (descriptor d))                                                                         \
    X(int, cudnnBackendSetAttribute, (descriptor d, int name, int type, int64_t count, const void *values))              \
    X(int, cudnnBackendGetAttribute, (descriptor d, int name, int type, int64_t count, int64_t *got, void *values))      \
    X(int, cudnnBackendExecute, (handle h, descriptor plan, descriptor pack))

enum { MOST_PLANS = 8, ASKED = 16, OLDEST = 90100 };

typedef struct entry {
    struct entry    *next;
    fl_cudnn_problem problem;
    descriptor       plans[MOST_PLANS];
    int              count;
} entry;

struct fl_cudnn {
    fl_device *device;
    void      *library;
    handle     handle;
    entry     *entries;
    pthread_mutex_t lock; /* of entries, and of the handle between setting its stream and executing */
#define CUDNN_MEMBER(result, name, parameters) result(*name) parameters;
    CUDNN_LIST(CUDNN_MEMBER)
#undef CUDNN_MEMBER
};

/* Descriptor types, attribute types and attributes, by the names of cudnn_graph_v9.h. */
enum { POINTWISE = 0, CONVOLUTION = 1, ENGINECFG = 3, ENGINEHEUR = 4, EXECUTION_PLAN = 5, OPERATION_CONVOLUTION_FORWARD = 10,
       OPERATION_POINTWISE = 13, OPERATIONGRAPH = 15, VARIANT_PACK = 16, TENSOR = 17 };
enum { TYPE_HANDLE = 0, TYPE_DATA_TYPE = 1, TYPE_BOOLEAN = 2, TYPE_INT64 = 3, TYPE_FLOAT = 4, TYPE_VOID_PTR = 6,
       TYPE_CONVOLUTION_MODE = 7, TYPE_HEUR_MODE = 8, TYPE_POINTWISE_MODE = 14, TYPE_DESCRIPTOR = 15 };
enum { DATA_FLOAT = 0, DATA_HALF = 2, DATA_BFLOAT16 = 9, CROSS_CORRELATION = 1, POINTWISE_ADD = 0, POINTWISE_RELU = 100,
       HEURISTIC_A = 3 };

/* ---- opening */

floe_status fl_cudnn_open(fl_cudnn **out, fl_device *device, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *name = secure_getenv("FLOE_CUDNN");
    fl_cudnn *c = fl_calloc(&device->env, 1, sizeof *c);

    FL_NEED(c, sizeof *c, "cuDNN", err);
    c->device = device;
    pthread_mutex_init(&c->lock, NULL);
    name = name && *name ? name : "libcudnn.so.9";
    c->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!c->library)
        FL_FAIL(err, FLOE_ERR_DEVICE, "cuDNN: %s cannot be opened (%s); install cuDNN 9 for CUDA, or name the library in "
                "FLOE_CUDNN", name, dlerror());
#define CUDNN_FIND(result, symbol, parameters)                                                                     \
    *(void **)&c->symbol = dlsym(c->library, #symbol);                                                             \
    if (!c->symbol)                                                                                                \
        FL_FAIL(err, FLOE_ERR_DEVICE, "cuDNN: %s has no " #symbol "; cuDNN 9.1 or newer is needed", name);
    CUDNN_LIST(CUDNN_FIND)
#undef CUDNN_FIND
    if (c->cudnnGetVersion() < OLDEST)
        FL_FAIL(err, FLOE_ERR_DEVICE, "cuDNN: %s is version %zu; 9.1 (90100) or newer is needed", name, c->cudnnGetVersion());
    const int result = c->cudnnCreate(&c->handle);
    if (result != 0)
        FL_FAIL(err, FLOE_ERR_DEVICE, "cuDNN: no handle could be made (status %d)", result);
    *out = c;
    c = NULL;
done:
    fl_cudnn_close(c);
    return st;
}

static void forget(fl_cudnn *c, entry *e)
{
    for (int i = 0; i < e->count; i++)
        c->cudnnBackendDestroyDescriptor(e->plans[i]);
    fl_free(&c->device->env, e);
}

void fl_cudnn_close(fl_cudnn *c)
{
    if (!c)
        return;
    while (c->entries) {
        entry *e = c->entries;
        c->entries = e->next;
        forget(c, e);
    }
    if (c->handle)
        c->cudnnDestroy(c->handle);
    if (c->library)
        dlclose(c->library);
    pthread_mutex_destroy(&c->lock);
    fl_free(&c->device->env, c);
}

/* ---- building a graph: descriptors are collected and destroyed together; the first failure is kept */

typedef struct graph {
    fl_cudnn  *c;
    descriptor made[64];
    int        count;
    int        failed; /* status of cuDNN */
} graph;

static descriptor create(graph *g, int type)
{
    descriptor d = NULL;

    if (!g->failed)
        g->failed = g->c->cudnnBackendCreateDescriptor(type, &d);
    if (!g->failed)
        g->made[g->count++] = d;
    return d;
}

static void set(graph *g, descriptor d, int name, int type, int64_t count, const void *values)
{
    if (!g->failed)
        g->failed = g->c->cudnnBackendSetAttribute(d, name, type, count, values);
}

static descriptor finish(graph *g, descriptor d)
{
    if (!g->failed)
        g->failed = g->c->cudnnBackendFinalize(d);
    return d;
}

static void destroy_all(graph *g)
{
    while (g->count > 0)
        g->c->cudnnBackendDestroyDescriptor(g->made[--g->count]);
}

static int data_type(fl_dtype dtype)
{
    return dtype == FL_F16 ? DATA_HALF : dtype == FL_BF16 ? DATA_BFLOAT16 : DATA_FLOAT;
}

/* dims in cuDNN's order N, C, H, W; memory is NHWC. A virtual tensor is a sum in float that never reaches memory. */
static descriptor tensor(graph *g, const fl_cudnn_problem *p, int64_t id, bool is_virtual, const int64_t dim[4])
{
    const int64_t stride[4] = {dim[1] * dim[2] * dim[3], 1, dim[3] * dim[1], dim[1]}, alignment = 16;
    const int type = is_virtual ? DATA_FLOAT : data_type(p->dtype);
    const char yes = 1;
    const descriptor d = create(g, TENSOR);

    set(g, d, 901, TYPE_DATA_TYPE, 1, &type);
    set(g, d, 902, TYPE_INT64, 4, dim);
    set(g, d, 903, TYPE_INT64, 4, stride);
    set(g, d, 906, TYPE_INT64, 1, &id);
    set(g, d, 900, TYPE_INT64, 1, &alignment);
    if (is_virtual)
        set(g, d, 907, TYPE_BOOLEAN, 1, &yes);
    return finish(g, d);
}

static descriptor convolution(graph *g, const fl_cudnn_problem *p, descriptor x, descriptor w, descriptor y)
{
    const int64_t two = 2, before[2] = {p->pad_top, p->pad_left}, after[2] = {p->pad_bottom, p->pad_right},
                  dilation[2] = {p->dilation_h, p->dilation_w}, stride[2] = {p->stride_h, p->stride_w};
    const int type = DATA_FLOAT, mode = CROSS_CORRELATION;
    const float one = 1, zero = 0;
    const descriptor d = create(g, CONVOLUTION);

    set(g, d, 106, TYPE_INT64, 1, &two);
    set(g, d, 100, TYPE_DATA_TYPE, 1, &type);
    set(g, d, 101, TYPE_CONVOLUTION_MODE, 1, &mode);
    set(g, d, 105, TYPE_INT64, 2, before);
    set(g, d, 104, TYPE_INT64, 2, after);
    set(g, d, 102, TYPE_INT64, 2, dilation);
    set(g, d, 103, TYPE_INT64, 2, stride);
    finish(g, d);
    const descriptor op = create(g, OPERATION_CONVOLUTION_FORWARD);
    set(g, op, 704, TYPE_DESCRIPTOR, 1, &x);
    set(g, op, 703, TYPE_DESCRIPTOR, 1, &w);
    set(g, op, 705, TYPE_DESCRIPTOR, 1, &y);
    set(g, op, 702, TYPE_DESCRIPTOR, 1, &d);
    set(g, op, 700, TYPE_FLOAT, 1, &one);
    set(g, op, 701, TYPE_FLOAT, 1, &zero);
    return finish(g, op);
}

/* y = x + b, or relu(x) where b is NULL. */
static descriptor pointwise(graph *g, descriptor x, descriptor b, descriptor y)
{
    const int mode = b ? POINTWISE_ADD : POINTWISE_RELU, type = DATA_FLOAT;
    const descriptor d = create(g, POINTWISE);

    set(g, d, 0, TYPE_POINTWISE_MODE, 1, &mode);
    set(g, d, 1, TYPE_DATA_TYPE, 1, &type);
    finish(g, d);
    const descriptor op = create(g, OPERATION_POINTWISE);
    set(g, op, 750, TYPE_DESCRIPTOR, 1, &d);
    set(g, op, 751, TYPE_DESCRIPTOR, 1, &x);
    if (b)
        set(g, op, 752, TYPE_DESCRIPTOR, 1, &b);
    set(g, op, 753, TYPE_DESCRIPTOR, 1, &y);
    return finish(g, op);
}

enum { ID_X = 1, ID_W, ID_BIAS, ID_RESIDUAL, ID_Y, ID_SUM };

static descriptor operation_graph(graph *g, const fl_cudnn_problem *p)
{
    const int64_t x_dim[4] = {p->n, p->c, p->h, p->w}, w_dim[4] = {p->k, p->c, p->r, p->s},
                  y_dim[4] = {p->n, p->k, p->p, p->q}, b_dim[4] = {1, p->k, 1, 1};
    const descriptor x = tensor(g, p, ID_X, false, x_dim), w = tensor(g, p, ID_W, false, w_dim),
                     bias = tensor(g, p, ID_BIAS, false, b_dim), y = tensor(g, p, ID_Y, false, y_dim);
    descriptor ops[4], at = tensor(g, p, ID_SUM, true, y_dim);
    int64_t n = 0;

    ops[n++] = convolution(g, p, x, w, at);
    if (p->residual) {
        const descriptor sum = tensor(g, p, ID_SUM + 1, true, y_dim);
        ops[n++] = pointwise(g, at, tensor(g, p, ID_RESIDUAL, false, y_dim), sum);
        at = sum;
    }
    const descriptor biased = p->relu ? tensor(g, p, ID_SUM + 2, true, y_dim) : y;
    ops[n++] = pointwise(g, at, bias, biased);
    if (p->relu)
        ops[n++] = pointwise(g, biased, NULL, y);
    const descriptor d = create(g, OPERATIONGRAPH);
    set(g, d, 801, TYPE_DESCRIPTOR, n, ops);
    set(g, d, 800, TYPE_HANDLE, 1, &g->c->handle);
    return finish(g, d);
}

/* The plan of a configuration, or NULL where cuDNN cannot make it or it wants too much. */
static descriptor make_plan(fl_cudnn *c, descriptor config)
{
    descriptor plan = NULL;
    int64_t workspace = 0, got;

    if (c->cudnnBackendCreateDescriptor(EXECUTION_PLAN, &plan) != 0)
        return NULL;
    if (c->cudnnBackendSetAttribute(plan, 400, TYPE_HANDLE, 1, &c->handle) != 0 ||
        c->cudnnBackendSetAttribute(plan, 401, TYPE_DESCRIPTOR, 1, &config) != 0 || c->cudnnBackendFinalize(plan) != 0 ||
        c->cudnnBackendGetAttribute(plan, 402, TYPE_INT64, 1, &got, &workspace) != 0 ||
        workspace > (int64_t)FL_CUDNN_WORKSPACE) {
        c->cudnnBackendDestroyDescriptor(plan);
        return NULL;
    }
    return plan;
}

static floe_status make_entry(fl_cudnn *c, const fl_cudnn_problem *p, entry *e, floe_error *err)
{
    graph g = {.c = c};
    descriptor configs[ASKED];
    int64_t got = 0;
    const int mode = HEURISTIC_A;
    const descriptor ops = operation_graph(&g, p), heuristic = create(&g, ENGINEHEUR);

    set(&g, heuristic, 201, TYPE_DESCRIPTOR, 1, &ops);
    set(&g, heuristic, 200, TYPE_HEUR_MODE, 1, &mode);
    finish(&g, heuristic);
    for (int i = 0; i < ASKED; i++)
        configs[i] = create(&g, ENGINECFG);
    if (!g.failed)
        g.failed = c->cudnnBackendGetAttribute(heuristic, 202, TYPE_DESCRIPTOR, ASKED, &got, configs);
    for (int64_t i = 0; i < got && !g.failed && e->count < MOST_PLANS; i++) {
        const descriptor plan = make_plan(c, configs[i]);
        if (plan)
            e->plans[e->count++] = plan;
    }
    destroy_all(&g);
    if (g.failed) {
        char text[256] = "";
        c->cudnnGetLastErrorString(text, sizeof text);
        return fl_fail(err, FLOE_ERR_UNSUPPORTED, "cuDNN refuses the convolution: %.200s (status %d)", text, g.failed);
    }
    return FLOE_OK;
}

/* ---- plans by problem */

static floe_status find(fl_cudnn *c, const fl_cudnn_problem *p, entry **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    entry *e;

    for (e = c->entries; e; e = e->next)
        if (!memcmp(&e->problem, p, sizeof *p))
            break;
    if (!e) {
        e = fl_calloc(&c->device->env, 1, sizeof *e);
        FL_NEED(e, sizeof *e, "cuDNN's plans", err);
        e->problem = *p;
        if ((st = make_entry(c, p, e, err)) != FLOE_OK) {
            forget(c, e);
            goto done;
        }
        e->next = c->entries;
        c->entries = e;
    }
    *out = e;
done:
    return st;
}

floe_status fl_cudnn_prepare(fl_cudnn *c, const fl_cudnn_problem *problem, int *count, floe_error *err)
{
    entry *e;

    pthread_mutex_lock(&c->lock);
    const floe_status st = find(c, problem, &e, err);
    pthread_mutex_unlock(&c->lock);
    if (st == FLOE_OK)
        *count = e->count;
    return st;
}

floe_status fl_cudnn_run(fl_cudnn *c, CUstream stream, const fl_cudnn_problem *problem, int index, const void *x,
                         const void *filter, const void *bias, const void *residual, void *y, void *workspace,
                         floe_error *err)
{
    floe_status st = FLOE_OK;
    entry *e;
    graph g = {.c = c};
    const int64_t ids[] = {ID_X, ID_W, ID_BIAS, ID_Y, ID_RESIDUAL};
    const void *data[] = {x, filter, bias, y, residual};

    pthread_mutex_lock(&c->lock);
    FL_TRY(find(c, problem, &e, err));
    if (e->count == 0)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "cuDNN offers no plan for a convolution of this batch; build without it "
                "(--tactic-sources=own)");
    const descriptor plan = e->plans[index < e->count ? index : e->count - 1], pack = create(&g, VARIANT_PACK);
    set(&g, pack, 1000, TYPE_INT64, residual ? 5 : 4, ids);
    set(&g, pack, 1001, TYPE_VOID_PTR, residual ? 5 : 4, data);
    set(&g, pack, 1003, TYPE_VOID_PTR, 1, &workspace);
    finish(&g, pack);
    if (!g.failed)
        g.failed = c->cudnnSetStream(c->handle, stream);
    if (!g.failed)
        g.failed = c->cudnnBackendExecute(c->handle, plan, pack);
    destroy_all(&g);
    if (g.failed) {
        char text[256] = "";
        c->cudnnGetLastErrorString(text, sizeof text);
        FL_FAIL(err, FLOE_ERR_DEVICE, "cuDNN fails to run a convolution: %.200s (status %d)", text, g.failed);
    }
done:
    pthread_mutex_unlock(&c->lock);
    return st;
}
