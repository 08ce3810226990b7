/* cuda_cublaslt.c - see cuda_cublaslt.h. Types, numbers and the order of calls: the cuBLAS 13 library reference.
 *
 * cuBLASLt thinks in columns. Row-major y [m, n] is its column-major n x m, so it is asked for y' = w' a': its A is w,
 * transposed, its B is a, and the bias runs along the rows of its result, as its epilogues want it. With beta = 1 the
 * residual enters before bias and relu.
 */
#include "backend/cuda/cuda_cublaslt.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *handle;
typedef struct algorithm { uint64_t data[8]; } algorithm;
typedef struct answer { /* cublasLtMatmulHeuristicResult_t */
    algorithm algo;
    size_t    workspace;
    int       state;
    float     waves;
    int       reserved[4];
} answer;

#define CUBLASLT_LIST(X)                                                                                                 \
    X(int, cublasLtCreate, (handle * out))                                                                               \
    X(int, cublasLtDestroy, (handle h))                                                                                  \
    X(int, cublasLtMatmulDescCreate, (handle * out, int compute, int scale))                                             \
    X(int, cublasLtMatmulDescDestroy, (handle d))                                                                        \
    X(int, cublasLtMatmulDescSetAttribute, (handle d, int name, const void *value, size_t size))                         \
    X(int, cublasLtMatrixLayoutCreate, (handle * out, int type, uint64_t rows, uint64_t columns, int64_t ld))            \
    X(int, cublasLtMatrixLayoutDestroy, (handle d))                                                                      \
    X(int, cublasLtMatmulPreferenceCreate, (handle * out))                                                               \
    X(int, cublasLtMatmulPreferenceDestroy, (handle d))                                                                  \
    X(int, cublasLtMatmulPreferenceSetAttribute, (handle d, int name, const void *value, size_t size))                   \
    X(int, cublasLtMatmulAlgoGetHeuristic, (handle h, handle desc, handle a, handle b, handle c, handle d, handle preference, \
                                            int asked, answer *answers, int *got))                                       \
    X(int, cublasLtMatmul, (handle h, handle desc, const void *alpha, const void *a, handle a_layout, const void *b,      \
                            handle b_layout, const void *beta, const void *c, handle c_layout, void *d, handle d_layout, \
                            const algorithm *algo, void *workspace, size_t workspace_bytes, CUstream stream))

enum { MOST = 8 };
enum { COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77, R_32F = 0, R_16F = 2, R_16BF = 14 };
enum { DESC_TRANSA = 3, DESC_EPILOGUE = 7, DESC_BIAS_POINTER = 8, DESC_BIAS_DATA_TYPE = 26, PREFERENCE_WORKSPACE = 1 };
enum { EPILOGUE_BIAS = 4, EPILOGUE_RELU_BIAS = 6, OP_T = 1 };

typedef struct entry {
    struct entry       *next;
    fl_cublaslt_problem problem;
    handle              desc, a, b, d;
    algorithm           algorithms[MOST];
    int                 count;
} entry;

struct fl_cublaslt {
    fl_device      *device;
    void           *library;
    handle          handle;
    entry          *entries;
    pthread_mutex_t lock; /* of entries, and of a desc between setting its bias and running */
#define CUBLASLT_MEMBER(result, name, parameters) result(*name) parameters;
    CUBLASLT_LIST(CUBLASLT_MEMBER)
#undef CUBLASLT_MEMBER
};

/* ---- opening */

static void *open_library(const char *named, floe_error *err)
{
    static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
    void *library = NULL;

    if (named && *named)
        library = dlopen(named, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; !(named && *named) && !library && i < sizeof names / sizeof *names; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fl_fail(err, FLOE_ERR_DEVICE, "cuBLASLt: %s cannot be opened (%s); install cuBLAS for CUDA, or name the library in "
                "FLOE_CUBLASLT", named && *named ? named : "libcublasLt.so.13", dlerror());
    return library;
}

floe_status fl_cublaslt_open(fl_cublaslt **out, fl_device *device, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_cublaslt *lt = fl_calloc(&device->env, 1, sizeof *lt);

    FL_NEED(lt, sizeof *lt, "cuBLASLt", err);
    lt->device = device;
    pthread_mutex_init(&lt->lock, NULL);
    lt->library = open_library(secure_getenv("FLOE_CUBLASLT"), err);
    if (!lt->library) {
        st = FLOE_ERR_DEVICE;
        goto done;
    }
#define CUBLASLT_FIND(result, symbol, parameters)                                                           \
    *(void **)&lt->symbol = dlsym(lt->library, #symbol);                                                    \
    if (!lt->symbol)                                                                                        \
        FL_FAIL(err, FLOE_ERR_DEVICE, "cuBLASLt: the library has no " #symbol);
    CUBLASLT_LIST(CUBLASLT_FIND)
#undef CUBLASLT_FIND
    const int result = lt->cublasLtCreate(&lt->handle);
    if (result != 0)
        FL_FAIL(err, FLOE_ERR_DEVICE, "cuBLASLt: no handle could be made (status %d)", result);
    *out = lt;
    lt = NULL;
done:
    fl_cublaslt_close(lt);
    return st;
}

static void forget(fl_cublaslt *lt, entry *e)
{
    if (e->desc)
        lt->cublasLtMatmulDescDestroy(e->desc);
    if (e->a)
        lt->cublasLtMatrixLayoutDestroy(e->a);
    if (e->b)
        lt->cublasLtMatrixLayoutDestroy(e->b);
    if (e->d)
        lt->cublasLtMatrixLayoutDestroy(e->d);
    fl_free(&lt->device->env, e);
}

void fl_cublaslt_close(fl_cublaslt *lt)
{
    if (!lt)
        return;
    while (lt->entries) {
        entry *e = lt->entries;
        lt->entries = e->next;
        forget(lt, e);
    }
    if (lt->handle)
        lt->cublasLtDestroy(lt->handle);
    if (lt->library)
        dlclose(lt->library);
    pthread_mutex_destroy(&lt->lock);
    fl_free(&lt->device->env, lt);
}

/* ---- problems */

static int describe(fl_cublaslt *lt, const fl_cublaslt_problem *p, entry *e)
{
    const int type = p->dtype == FL_F16 ? R_16F : p->dtype == FL_BF16 ? R_16BF : R_32F, transposed = OP_T;
    const int epilogue = p->relu ? EPILOGUE_RELU_BIAS : EPILOGUE_BIAS;
    int failed = lt->cublasLtMatmulDescCreate(&e->desc, p->dtype == FL_F32 ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F, R_32F);

    if (!failed)
        failed = lt->cublasLtMatmulDescSetAttribute(e->desc, DESC_TRANSA, &transposed, sizeof transposed);
    if (!failed)
        failed = lt->cublasLtMatmulDescSetAttribute(e->desc, DESC_EPILOGUE, &epilogue, sizeof epilogue);
    if (!failed)
        failed = lt->cublasLtMatmulDescSetAttribute(e->desc, DESC_BIAS_DATA_TYPE, &type, sizeof type);
    if (!failed)
        failed = lt->cublasLtMatrixLayoutCreate(&e->a, type, (uint64_t)p->k, (uint64_t)p->n, p->k);
    if (!failed)
        failed = lt->cublasLtMatrixLayoutCreate(&e->b, type, (uint64_t)p->k, (uint64_t)p->m, p->k);
    if (!failed)
        failed = lt->cublasLtMatrixLayoutCreate(&e->d, type, (uint64_t)p->n, (uint64_t)p->m, p->n);
    return failed;
}

static int ask(fl_cublaslt *lt, entry *e)
{
    const uint64_t limit = FL_CUBLASLT_WORKSPACE;
    answer answers[MOST];
    handle preference = NULL;
    int got = 0, failed = lt->cublasLtMatmulPreferenceCreate(&preference);

    if (!failed)
        failed = lt->cublasLtMatmulPreferenceSetAttribute(preference, PREFERENCE_WORKSPACE, &limit, sizeof limit);
    if (!failed)
        failed = lt->cublasLtMatmulAlgoGetHeuristic(lt->handle, e->desc, e->a, e->b, e->d, e->d, preference, MOST, answers, &got);
    for (int i = 0; !failed && i < got; i++)
        if (answers[i].state == 0)
            e->algorithms[e->count++] = answers[i].algo;
    if (preference)
        lt->cublasLtMatmulPreferenceDestroy(preference);
    return failed;
}

static floe_status find(fl_cublaslt *lt, const fl_cublaslt_problem *p, entry **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    entry *e;
    int failed;

    for (e = lt->entries; e; e = e->next)
        if (!memcmp(&e->problem, p, sizeof *p))
            break;
    if (!e) {
        e = fl_calloc(&lt->device->env, 1, sizeof *e);
        FL_NEED(e, sizeof *e, "cuBLASLt's algorithms", err);
        e->problem = *p;
        failed = describe(lt, p, e);
        failed = failed ? failed : ask(lt, e);
        if (failed || e->count == 0) {
            forget(lt, e);
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "cuBLASLt offers nothing for a product of %lld x %lld x %lld (status %d)",
                    (long long)p->m, (long long)p->n, (long long)p->k, failed);
        }
        e->next = lt->entries;
        lt->entries = e;
    }
    *out = e;
done:
    return st;
}

floe_status fl_cublaslt_prepare(fl_cublaslt *lt, const fl_cublaslt_problem *problem, int *count, floe_error *err)
{
    entry *e;

    pthread_mutex_lock(&lt->lock);
    const floe_status st = find(lt, problem, &e, err);
    pthread_mutex_unlock(&lt->lock);
    if (st == FLOE_OK)
        *count = e->count;
    return st;
}

floe_status fl_cublaslt_run(fl_cublaslt *lt, CUstream stream, const fl_cublaslt_problem *problem, int index, const void *a,
                            const void *w, const void *bias, const void *residual, void *y, void *workspace,
                            floe_error *err)
{
    floe_status st = FLOE_OK;
    const float one = 1, beta = residual ? 1 : 0;
    entry *e;

    pthread_mutex_lock(&lt->lock);
    FL_TRY(find(lt, problem, &e, err));
    const algorithm *algo = &e->algorithms[index < e->count ? index : e->count - 1];
    int failed = lt->cublasLtMatmulDescSetAttribute(e->desc, DESC_BIAS_POINTER, &bias, sizeof bias);
    if (!failed)
        failed = lt->cublasLtMatmul(lt->handle, e->desc, &one, w, e->a, a, e->b, &beta, residual ? residual : y, e->d, y, e->d,
                                    algo, workspace, FL_CUBLASLT_WORKSPACE, stream);
    if (failed)
        FL_FAIL(err, FLOE_ERR_DEVICE, "cuBLASLt fails to run a product of %lld x %lld x %lld (status %d)",
                (long long)problem->m, (long long)problem->n, (long long)problem->k, failed);
done:
    pthread_mutex_unlock(&lt->lock);
    return st;
}
