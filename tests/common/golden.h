/* golden.h - runs a graph with stored inputs through the public API and compares with stored outputs.
 *
 * Tolerance: |found - expected| <= tolerance * scale, scale = the largest finite |expected| of the tensor but at least 0.1.
 * float32 sums of the few hundred terms these cases have are off by some 1e-6 of their largest term in any order; an
 * element-wise bound would fail on values near zero, where terms cancel. The floor keeps TensorFlow's own absolute error
 * (3e-8 near zero in elu, selu, softplus) out of the verdict. NaN must meet NaN, infinities and integers must be equal.
 */
#ifndef TESTS_COMMON_GOLDEN_H
#define TESTS_COMMON_GOLDEN_H

#include "floe.h"
#include "npy.h"

#define GOLDEN_MAX 8

typedef struct golden_case {
    const char *graph;               /* path of the .pb or .uff */
    int         n_in, n_out;
    char        in_name[GOLDEN_MAX][256], out_name[GOLDEN_MAX][256];
    npy_array   in[GOLDEN_MAX], out[GOLDEN_MAX];
    bool        batched;             /* register inputs without their first dimension */
    double      tolerance;
} golden_case;

/* Builds with `builder` (NULL: defaults), runs, compares. 0: equal; 1: different; 2: could not be built or run (status in
 * *status). `why` gets a sentence unless equal. tactics, when not NULL, gets the names of the tactics of the engine,
 * separated by spaces. */
int golden_run(const golden_case *c, const floe_builder *builder, int threads, floe_status *status, char *why, size_t why_size,
               char *tactics, size_t tactics_size);

/* Case k of operator `op` below tests/golden/op (tools/oracle/README.md); false when there is none. graph keeps the path and
 * kase gets its name, "c07". */
bool golden_load_op(golden_case *c, const char *op, int k, char *graph, size_t graph_size, char kase[16]);

/* Runs as golden_run does, and puts what comes out in the place of what is expected. */
floe_status golden_answer(golden_case *c, const floe_builder *builder, int threads, floe_error *err);

/* True when found equals expected as described; else a sentence. */
bool golden_equal(const void *found, floe_dtype dtype, const floe_dims *dims, int64_t batch, const npy_array *expected,
                  double tolerance, char *why, size_t why_size);

void golden_free(golden_case *c);

/* "<root>/<rest>" with root from FLOE_SOURCE_DIR or "." */
const char *golden_path(char *buffer, size_t size, const char *rest);
/* The folder with models made by others; NULL (and one line printed) when it is not there. */
const char *golden_shared_models(void);

#endif
