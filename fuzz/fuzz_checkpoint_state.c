/* fuzz_checkpoint_state.c - any bytes as a checkpoint state file: a path without NUL, or a sentence. */
#include "tensorflow/tf_checkpoint.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fl_arena arena;
    const char *path = NULL;
    floe_error err = {0};

    fl_arena_init(&arena, NULL);
    const floe_status st = fl_tf_checkpoint_state(&path, &arena, NULL, data, size, "checkpoint", &err);
    if (st == FLOE_OK ? strlen(path) > size : !err.message[0])
        abort();
    fl_arena_free(&arena);
    return 0;
}
