/* fuzz_graphdef.c - any bytes as a graph: refused with a sentence, or a graph that can be written and read back.
 *
 * What was read is written and read again; both must hold the same nodes. Every constant and shape is decoded. What
 * freezing does with a graph is for fuzz_saved_model. Reading has a budget in proportion to the file, and aborts when
 * that is overdrawn; constants may be declared larger than the file, so from then on a request beyond the budget is only
 * refused, which tests running out of memory.
 */
#include "tensorflow/graphdef.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct budget {
    size_t left;
    bool   strict;
} budget;

static void *budget_alloc(void *user, size_t bytes, size_t align)
{
    budget *b = user;
    void *ptr = NULL;

    if (bytes > b->left) {
        if (b->strict)
            abort();
        return NULL;
    }
    b->left -= bytes;
    return posix_memalign(&ptr, align, bytes ? bytes : 1) == 0 ? ptr : NULL;
}

static void budget_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static floe_status said(floe_status st, floe_error *err)
{
    if (st != FLOE_OK && (err->status != st || !err->message[0]))
        abort(); /* refused, but without saying why */
    return st;
}

static void decode_everything(fl_tf_graph *g)
{
    for (size_t i = 0; i < g->n_node; i++) {
        floe_error err = {0};
        fl_tf_tensor t;
        fl_tf_shape shape;
        int64_t *ints;
        size_t count;
        if (said(fl_tf_const_value(g, &g->node[i], &t, &err), &err) == FLOE_OK && t.bytes > 0) {
            volatile uint8_t last = ((const uint8_t *)t.data)[t.bytes - 1]; /* all of it is there */
            (void)last;
        }
        for (size_t k = 0; k < g->node[i].n_attr; k++) {
            const char *name = g->node[i].attr[k].name;
            said(fl_tf_attr_shape(g, &g->node[i], name, &shape, &err), &err);
            said(fl_tf_attr_ints(g, &g->node[i], name, &ints, &count, &err), &err);
            fl_tf_attr_string(g, &g->node[i], name);
        }
        for (size_t k = 0; k < g->node[i].n_input; k++)
            fl_tf_graph_input(g, g->node[i].input[k], NULL);
    }
}

/* The graph written and read: as many nodes as are left, of the same names. */
static void write_and_read(const fl_tf_graph *g)
{
    fl_buf b = fl_buf_make(NULL);
    fl_tf_graph *back = NULL;
    floe_error err = {0};
    size_t k = 0;

    if (fl_tf_graph_write(&b, g, &err) != FLOE_OK)
        abort();
    if (fl_tf_graph_read(&back, NULL, (fl_bytes){b.data, b.size}, "back", &err) != FLOE_OK)
        abort();
    for (size_t i = 0; i < g->n_node; i++)
        if (!g->node[i].removed && (k >= back->n_node || strcmp(g->node[i].name, back->node[k++].name) != 0))
            abort();
    if (k != back->n_node)
        abort();
    fl_tf_graph_free(back);
    fl_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    budget b = {((size_t)1 << 20) + 512 * size, true};
    const floe_env env = {.alloc = budget_alloc, .free = budget_free, .alloc_user = &b};
    fl_tf_graph *g = NULL;
    floe_error err = {0};

    if (said(fl_tf_graph_parse(&g, &env, data, size, "fuzz.pb", &err), &err) != FLOE_OK)
        return 0;
    b = (budget){(size_t)64 << 20, false};
    decode_everything(g);
    write_and_read(g);
    fl_tf_graph_free(g);
    return 0;
}
