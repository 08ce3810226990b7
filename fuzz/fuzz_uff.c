/* fuzz_uff.c - any bytes as a UFF file: refused with a sentence, or a graph that can be written and read back.
 *
 * What was read is written, read again and written again: the two written files must be equal, for writing is
 * deterministic and loses nothing that reading keeps. The text form is made too, and every field of every node is asked
 * for through the typed getters. The budget catches lengths in the file that make the reader allocate out of
 * proportion: its widest structure per byte of file is a node (a tag and a length for some 150 bytes of memory).
 *
 *     clang -fsanitize=fuzzer,address,undefined ... fuzz/fuzz_uff.c libfloe.a
 *     ./fuzz_uff fuzz/corpus/uff
 */
#include "uff/uff.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct budget {
    size_t left;
} budget;

static void *budget_alloc(void *user, size_t bytes, size_t align)
{
    budget *b = user;
    void *ptr = NULL;

    if (bytes > b->left)
        abort();
    b->left -= bytes;
    return posix_memalign(&ptr, align, bytes) == 0 ? ptr : NULL;
}

static void budget_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static void must(floe_status st)
{
    if (st != FLOE_OK)
        abort();
}

static void ask_everything(const fl_uff_graph *g)
{
    volatile double sum = 0;

    for (size_t i = 0; i < g->n_node; i++) {
        const fl_uff_node *n = &g->node[i];
        for (size_t k = 0; k < n->n_field; k++) {
            const char *key = n->field[k].key, *text = fl_uff_string(g, n, key);
            sum += (double)fl_uff_int(g, n, key, 0) + fl_uff_double(g, n, key, 0) + fl_uff_bool(g, n, key, false) +
                   fl_uff_tf_type(g, n, key, 0) + (text ? (double)strlen(text) : 0);
        }
        for (size_t k = 0; k < n->n_input; k++)
            if (!fl_uff_find(g, n->input[k]))
                abort(); /* the reader promises that inputs are there */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    budget b = {((size_t)1 << 20) + 512 * size};
    const floe_env env = {.alloc = budget_alloc, .free = budget_free, .alloc_user = &b};
    fl_uff_graph *g = NULL, *again = NULL;
    fl_buf first = fl_buf_make(NULL), second = fl_buf_make(NULL), text = fl_buf_make(NULL);
    floe_error err = {0};

    if (fl_uff_parse(&g, &env, data, size, "fuzz.uff", &err) != FLOE_OK) {
        if (err.status == FLOE_OK || !err.message[0])
            abort(); /* refused, but without saying why */
        goto done;
    }
    ask_everything(g);
    g->env = NULL; /* the budget is for reading */
    must(fl_uff_write(&first, g, &err));
    must(fl_uff_write_text(&text, g, &err));
    must(fl_uff_parse(&again, NULL, first.data, first.size, "again.uff", &err));
    must(fl_uff_write(&second, again, &err));
    if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0)
        abort();
done:
    if (g)
        g->env = &env;
    fl_uff_free(g);
    fl_uff_free(again);
    fl_buf_free(&first);
    fl_buf_free(&second);
    fl_buf_free(&text);
    return 0;
}
