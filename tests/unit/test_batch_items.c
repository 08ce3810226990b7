/* test_batch_items.c - which networks keep the items of a batch apart, and that the Lite engine runs those, and only
 * those, in pieces.
 *
 * Networks by hand are rows: what the engine must say of them. Random networks are run as a whole by an engine for the
 * whole batch, and in pieces by engines for less; what is not refused must be equal.
 *
 * FLOE_TEST_SEED repeats a run of the random networks.
 */
#include "floe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 4

#define DIMS(...) ((floe_dims){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), {__VA_ARGS__}})
#define INTS(...) ((const int64_t[]){__VA_ARGS__})

static float weights[4096];

static uint32_t state;

static int pick(int low, int high)
{
    state = state * 1664525u + 1013904223u;
    return low + (int)((state >> 8) % (uint32_t)(high - low + 1));
}

static floe_tensor *reshape(floe_network *n, floe_tensor *x, floe_dims dims)
{
    return floe_network_add_reshape(n, x, &dims);
}
static floe_tensor *constant(floe_network *n, floe_dims dims, size_t count)
{
    return floe_network_add_constant(n, FLOE_FLOAT32, &dims, (floe_weights){weights, count});
}
static floe_tensor *transpose(floe_network *n, floe_tensor *x, int a, int b, int c)
{
    return floe_network_add_transpose(n, x, (const int[]){a, b, c});
}
static floe_tensor *softmax(floe_network *n, floe_tensor *x, int axis) { return floe_network_add_softmax(n, x, axis); }
static floe_tensor *mean(floe_network *n, floe_tensor *x, int axis)
{
    return floe_network_add_reduce(n, x, "mean", &axis, 1, false);
}
static floe_tensor *concat(floe_network *n, floe_tensor *a, floe_tensor *b, int axis)
{
    return floe_network_add_concatenation(n, (floe_tensor *[]){a, b}, 2, axis);
}
static floe_tensor *pool(floe_network *n, floe_tensor *x)
{
    const floe_pooling p = {.kernel = {2, 2}, .stride = {1, 1}, .format = FLOE_NHWC};
    return floe_network_add_pooling(n, x, &p);
}

/* ---- by hand, over x [N,4,6] */

typedef floe_tensor *(*make_fn)(floe_network *n, floe_tensor *x);

static floe_tensor *per_item(floe_network *n, floe_tensor *x)
{
    floe_tensor *y = floe_network_add_fully_connected(n, x, 5, (floe_weights){weights, 24 * 5}, (floe_weights){NULL, 0});
    return softmax(n, y, 1);
}
static floe_tensor *softmax_over_items(floe_network *n, floe_tensor *x) { return softmax(n, x, 0); }
static floe_tensor *mean_over_items(floe_network *n, floe_tensor *x) { return mean(n, x, 0); }
static floe_tensor *less_the_mean(floe_network *n, floe_tensor *x)
{
    return floe_network_add_elementwise(n, x, mean(n, x, 0), "sub");
}
static floe_tensor *rows_of_items(floe_network *n, floe_tensor *x)
{
    return softmax(n, reshape(n, x, DIMS(-4, 6)), 1);
}
/* Items lie next to one another in a row: still one range each, but not along the first axis of rows. */
static floe_tensor *all_in_one_row(floe_network *n, floe_tensor *x)
{
    return softmax(n, reshape(n, x, DIMS(1, -24)), 1);
}
static floe_tensor *turned(floe_network *n, floe_tensor *x) { return transpose(n, x, 1, 0, 2); }
static floe_tensor *turned_and_flat(floe_network *n, floe_tensor *x) { return reshape(n, turned(n, x), DIMS(-4, 6)); }
static floe_tensor *there_and_back(floe_network *n, floe_tensor *x)
{
    return transpose(n, softmax(n, transpose(n, x, 2, 0, 1), 0), 1, 2, 0);
}
/* [4N,6] once item by item, and once row by row. */
static floe_tensor *two_orders(floe_network *n, floe_tensor *x)
{
    return floe_network_add_elementwise(n, turned_and_flat(n, x), reshape(n, x, DIMS(-4, 6)), "add");
}
/* [4,N,6] read as [3N,8]: rows begin in one item and end in the next. */
static floe_tensor *across_items(floe_network *n, floe_tensor *x)
{
    floe_tensor *y = softmax(n, reshape(n, turned(n, x), DIMS(-3, 8)), 1);
    return transpose(n, reshape(n, y, DIMS(4, -1, 6)), 1, 0, 2);
}
/* [N,4,6] read as [2,12N]: the second half of the batch stands beside the first. */
static floe_tensor *halves(floe_network *n, floe_tensor *x)
{
    floe_tensor *y = reshape(n, x, DIMS(2, -12));
    return reshape(n, floe_network_add_elementwise(n, y, mean(n, y, 0), "sub"), DIMS(-1, 24));
}
/* As a dilated convolution is written: rows go into the batch, block by block, and come back. */
static floe_tensor *space_to_batch(floe_network *n, floe_tensor *x)
{
    floe_tensor *y = reshape(n, reshape(n, x, DIMS(-1, 2, 2, 6)), DIMS(-1, 2, 2, 6));
    y = reshape(n, floe_network_add_transpose(n, y, (const int[]){2, 0, 1, 3}), DIMS(-2, 2, 6, 1));
    y = reshape(n, pool(n, y), DIMS(2, -1, 1, 5));
    return floe_network_add_transpose(n, y, (const int[]){1, 2, 0, 3});
}
static floe_tensor *stacked(floe_network *n, floe_tensor *x) { return concat(n, x, x, 0); }
static floe_tensor *side_by_side(floe_network *n, floe_tensor *x) { return concat(n, x, x, 2); }
static floe_tensor *first_item(floe_network *n, floe_tensor *x)
{
    return floe_network_add_slice(n, x, INTS(0, 0, 0), INTS(1, 4, 6), INTS(1, 1, 1));
}
static floe_tensor *first_row(floe_network *n, floe_tensor *x)
{
    return floe_network_add_slice(n, x, INTS(0, 0, 0), INTS(-1, 1, 6), INTS(1, 1, 1));
}
static floe_tensor *products_of_items(floe_network *n, floe_tensor *x)
{
    floe_tensor *flat = reshape(n, x, DIMS(-1, 24));
    return floe_network_add_matrix_multiply(n, flat, true, flat, false);
}
static floe_tensor *turned_product(floe_network *n, floe_tensor *x)
{
    floe_tensor *w = constant(n, DIMS(24, 3), 72), *flat = reshape(n, x, DIMS(-1, 24));
    floe_tensor *y = floe_network_add_matrix_multiply(n, w, true, flat, true); /* [3,N] */
    return floe_network_add_transpose(n, y, (const int[]){1, 0});
}
static floe_tensor *not_of_the_batch(floe_network *n, floe_tensor *x)
{
    floe_tensor *y = constant(n, DIMS(4, 6), 24);
    floe_network_mark_output(n, softmax(n, x, 2), "other");
    return floe_network_add_unary(n, floe_network_add_elementwise(n, y, floe_network_input(n, 1), "add"), "tanh", 0);
}

static const struct {
    const char *name;
    make_fn     make;
    const char *mixes; /* part of the name; NULL: items are apart */
} rows[] = {
    {"items by themselves", per_item, NULL},
    {"softmax over the batch", softmax_over_items, "softmax"},
    {"mean over the batch", mean_over_items, "mean"},
    {"x less its mean over the batch", less_the_mean, "mean"},
    {"rows become items", rows_of_items, NULL},
    {"items become one row", all_in_one_row, "softmax"},
    {"the batch as second axis", turned, "y"},
    {"the batch within the first axis", turned_and_flat, "y"},
    {"rows in two orders", two_orders, "add"},
    {"rows across items", across_items, "softmax"},
    {"halves of the batch", halves, "mean"},
    {"turned and turned back", there_and_back, NULL},
    {"space to batch and back", space_to_batch, NULL},
    {"concatenated along the batch", stacked, "concat"},
    {"concatenated along another axis", side_by_side, NULL},
    {"the first item", first_item, "slice"},
    {"the first row of each item", first_row, NULL},
    {"products over the batch", products_of_items, "matrix_multiply"},
    {"a product with the batch as columns", turned_product, NULL},
    {"an output without a batch", not_of_the_batch, NULL},
};

/* ---- running */

static floe_status open_net(floe_lite **out, make_fn make, int64_t max_batch, floe_error *err)
{
    const floe_builder builder = {.max_batch_size = max_batch, .no_timing = true};
    const floe_lite_options options = {.threads = 1};
    const char *folder = getenv("TMPDIR");
    floe_network *n = NULL;
    floe_blob *plan = NULL;
    char path[512];

    floe_status st = floe_network_create(&n, NULL, err);
    assert_int_equal(st, FLOE_OK);
    floe_tensor *x = floe_network_add_input(n, "x", FLOE_FLOAT32, &DIMS(-1, 4, 6));
    floe_network_add_input(n, "shared", FLOE_FLOAT32, &DIMS(6));
    floe_network_mark_output(n, make(n, x), "y");
    st = floe_network_check(n, err);
    if (st == FLOE_OK)
        st = floe_builder_build(&plan, &builder, n, err);
    if (st == FLOE_OK) {
        snprintf(path, sizeof path, "%s/floe-items-XXXXXX", folder ? folder : "/tmp");
        const int fd = mkstemp(path);
        assert_true(fd >= 0 && close(fd) == 0);
        st = floe_blob_save(plan, path, err);
        assert_int_equal(st, FLOE_OK);
        st = floe_lite_open(out, NULL, path, &options, err);
        if (st != FLOE_OK)
            print_error("%s\n", err->message);
        assert_int_equal(st, FLOE_OK);
        unlink(path);
    }
    floe_blob_free(plan);
    floe_network_free(n);
    return st;
}

static void same_outputs(const floe_engine *e, const void *const *a, const void *const *b, const char *name)
{
    for (int i = 0, k = 0; i < floe_engine_binding_count(e); i++) {
        const floe_binding *output = floe_engine_binding(e, i);
        if (output->is_input)
            continue;
        const float *p = a[k], *q = b[k];
        const int64_t count = floe_dims_count(&output->dims, BATCH);
        for (int64_t j = 0; j < count; j++)
            if (!(fabsf(p[j] - q[j]) <= 1e-5f * (1 + fabsf(q[j]))))
                fail_msg("%s: output '%s', element %lld: %g in pieces, %g as a whole", name, output->name, (long long)j,
                         (double)p[j], (double)q[j]);
        k++;
    }
}

/* As a whole, and in pieces of `most`; returns whether that was possible. */
static bool check_pieces(make_fn make, int64_t most, const char *name, const char **mixes, floe_error *err)
{
    static char where[128];
    static float x[BATCH * 24], shared[6];
    const void *inputs[2] = {x, shared}, *from_whole[4], *from_pieces[4];
    floe_lite *whole = NULL, *pieces = NULL;

    for (int i = 0; i < BATCH * 24; i++)
        x[i] = (float)((i * 37 + 11) % 101) / 50 - 1;
    for (int i = 0; i < 6; i++)
        shared[i] = (float)i / 8;
    *mixes = NULL;
    const uint32_t start = state;
    if (open_net(&whole, make, BATCH, err) != FLOE_OK)
        return false;
    state = start;
    assert_int_equal(open_net(&pieces, make, most, err), FLOE_OK);
    assert_int_equal(floe_lite_infer(whole, BATCH, inputs, from_whole, err), FLOE_OK);
    const floe_engine *e = floe_lite_engine(pieces);
    const floe_status st = floe_lite_infer(pieces, BATCH, inputs, from_pieces, err);
    if (floe_engine_mixes_items(e)) {
        snprintf(where, sizeof where, "%s", floe_engine_mixes_items(e));
        *mixes = where;
        assert_int_equal(st, FLOE_ERR_LIMIT);
        assert_non_null(strstr(err->message, where));
        assert_int_equal(floe_lite_infer(pieces, most, inputs, from_pieces, err), FLOE_OK); /* one piece is fine */
    } else {
        assert_int_equal(st, FLOE_OK);
        same_outputs(e, from_pieces, from_whole, name);
    }
    floe_lite_free(whole);
    floe_lite_free(pieces);
    return true;
}

static void networks_by_hand(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        floe_error err = {0};
        const char *mixes;
        if (!check_pieces(rows[i].make, 3, rows[i].name, &mixes, &err))
            fail_msg("%s: %s", rows[i].name, err.message);
        if ((mixes != NULL) != (rows[i].mixes != NULL) || (mixes && !strstr(mixes, rows[i].mixes)))
            fail_msg("%s: mixed by %s, not by %s", rows[i].name, mixes ? mixes : "nothing",
                     rows[i].mixes ? rows[i].mixes : "nothing");
    }
}

static void a_refusal_says_what_would_work(void **unused)
{
    static float x[BATCH * 24], shared[6];
    const void *inputs[2] = {x, shared}, *outputs[4];
    floe_lite *lite = NULL;
    floe_error err = {0};

    (void)unused;
    assert_int_equal(open_net(&lite, softmax_over_items, 3, &err), FLOE_OK);
    assert_int_equal(floe_lite_infer(lite, BATCH, inputs, outputs, &err), FLOE_ERR_LIMIT);
    assert_string_equal(err.message, "'softmax' mixes the items of a batch: 4 cannot be run in pieces of 3, the engine's "
                                     "maximum; build it for 4");
    floe_lite_free(lite);
}

/* ---- random networks */

/* The dims with two neighbours joined, or one that is even cut in two. */
static floe_dims other_dims(floe_dims d)
{
    const int axis = pick(0, d.rank - 1);
    if (pick(0, 1) && axis + 1 < d.rank) {
        d.d[axis] *= d.d[axis + 1];
        memmove(&d.d[axis + 1], &d.d[axis + 2], (size_t)(d.rank - axis - 2) * sizeof d.d[0]);
        d.rank--;
    } else if (d.d[axis] % 2 == 0 && d.rank < 5) {
        memmove(&d.d[axis + 1], &d.d[axis], (size_t)(d.rank - axis) * sizeof d.d[0]);
        const bool first = pick(0, 1);
        d.d[first ? axis : axis + 1] /= 2;
        d.d[first ? axis + 1 : axis] = 2;
        d.rank++;
    }
    return d;
}

static floe_tensor *turn(floe_network *n, floe_tensor *x, int rank)
{
    int perm[FLOE_MAX_RANK];
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    for (int i = rank - 1; i > 0; i--) {
        const int k = pick(0, i), t = perm[i];
        perm[i] = perm[k];
        perm[k] = t;
    }
    return floe_network_add_transpose(n, x, perm);
}

/* One size less along an axis, or all of it where that depends on the batch. */
static floe_tensor *cut(floe_network *n, floe_tensor *x, const floe_dims *d, int axis)
{
    int64_t begin[FLOE_MAX_RANK] = {0}, stride[FLOE_MAX_RANK], size[FLOE_MAX_RANK];
    for (int i = 0; i < d->rank; i++) {
        stride[i] = 1;
        size[i] = d->d[i] - (i == axis && d->d[i] > 1);
    }
    return floe_network_add_slice(n, x, begin, size, stride);
}

static floe_tensor *random_layer(floe_network *n, floe_tensor *x)
{
    const floe_dims d = floe_tensor_dims(x);
    const int axis = pick(0, d.rank - 1);
    const int64_t zeros[FLOE_MAX_RANK] = {0};
    int64_t after[FLOE_MAX_RANK] = {0};
    switch (pick(0, 9)) {
    case 0:
        return softmax(n, x, axis);
    case 1:
        return d.rank > 1 ? floe_network_add_reduce(n, x, pick(0, 1) ? "mean" : "max", &axis, 1, pick(0, 1)) : x;
    case 2:
    case 3:
        return turn(n, x, d.rank);
    case 4:
    case 5:
        return reshape(n, x, other_dims(d));
    case 6:
        after[axis] = pick(0, 1);
        return floe_network_add_padding(n, x, zeros, after, 0.5f);
    case 7:
        return concat(n, x, floe_network_add_unary(n, x, "tanh", 0), axis);
    case 8:
        return cut(n, x, &d, axis);
    default:
        return floe_network_add_elementwise(
            n, x, d.rank > 1 ? floe_network_add_reduce(n, x, "max", &axis, 1, true) : x, "sub");
    }
}

static floe_tensor *random_layers(floe_network *n, floe_tensor *x)
{
    for (int left = pick(1, 6); left > 0 && x; left--)
        x = random_layer(n, x);
    return x ? floe_network_add_unary(n, x, "sigmoid", 0) : NULL;
}

static void random_networks(void **unused)
{
    const char *text = getenv("FLOE_TEST_SEED");
    const uint32_t seed = text ? (uint32_t)strtoul(text, NULL, 10) : 20261124u;
    int apart = 0, mixed = 0;

    (void)unused;
    print_message("seed %u\n", seed);
    for (uint32_t i = 0; i < 400; i++) {
        char name[64];
        floe_error err = {0};
        const char *mixes;
        state = seed + i * 2654435761u;
        const int64_t most = pick(1, 3);
        snprintf(name, sizeof name, "network %u", i);
        if (!check_pieces(random_layers, most, name, &mixes, &err))
            continue;
        apart += !mixes;
        mixed += mixes != NULL;
    }
    print_message("%d run in pieces, %d refused\n", apart, mixed);
    assert_true(apart > 80 && mixed > 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_by_hand),
        cmocka_unit_test(a_refusal_says_what_would_work),
        cmocka_unit_test(random_networks),
    };
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++)
        weights[i] = (float)(i * 29 % 97) / 97 - 0.5f;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
