/* fuzz_convert.c - any bytes as a GraphDef, converted to UFF: refused with a sentence, or a UFF file that reads back.
 *
 * The outputs are deduced, so all of the graph is walked. The corpus holds small graphs for the patterns whose
 * recognition computes with what the file says: dilated convolutions, flattening, absorbed padding, types of all kinds.
 *
 *     clang -fsanitize=fuzzer,address,undefined ... fuzz/fuzz_convert.c libfloe.a
 *     ./fuzz_convert fuzz/corpus/convert
 */
#include "tensorflow/tf_convert.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Constants may expand ("64 values, all 1"): a limit keeps the fuzzer from spending its time on clearing memory. */
typedef struct limit {
    size_t left;
} limit;

static void *limit_alloc(void *user, size_t bytes, size_t align)
{
    limit *l = user;
    void *ptr = NULL;

    if (bytes > l->left)
        return NULL;
    l->left -= bytes;
    return posix_memalign(&ptr, align, bytes) == 0 ? ptr : NULL;
}

static void limit_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static void check_sentence(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK && (err->status != st || !err->message[0]))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    limit l = {(size_t)1 << 24};
    const floe_env env = {.alloc = limit_alloc, .free = limit_free, .alloc_user = &l};
    fl_tf_graph *tf = NULL;
    fl_uff_graph *uff = NULL, *again = NULL;
    fl_buf file = fl_buf_make(NULL);
    floe_error err = {0};

    floe_status st = fl_tf_graph_parse(&tf, &env, data, size, "fuzz.pb", &err);
    check_sentence(st, &err);
    if (st != FLOE_OK)
        goto done;
    st = fl_tf_to_uff(&uff, tf, NULL, &err);
    check_sentence(st, &err);
    if (st != FLOE_OK)
        goto done;
    l.left = SIZE_MAX;
    if (fl_uff_write(&file, uff, &err) != FLOE_OK)
        abort();
    if (fl_uff_parse(&again, NULL, file.data, file.size, "again.uff", &err) != FLOE_OK)
        abort(); /* what we write, we read */
done:
    fl_uff_free(again);
    fl_uff_free(uff);
    fl_tf_graph_free(tf);
    fl_buf_free(&file);
    return 0;
}
