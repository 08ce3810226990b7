/* fuzz_saved_model.c - any bytes as a SavedModel (without variables), frozen: meta graphs, signatures, functions.
 *
 * The bytes are put into a memory file, which has a path like any other. Allocations are limited, so lengths that lie
 * meet "out of memory" early. What freezes must be written and read back.
 */
#include "tensorflow/tf_freeze.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *limited_alloc(void *user, size_t bytes, size_t align)
{
    size_t *left = user;
    void *ptr = NULL;

    if (bytes > *left)
        return NULL;
    *left -= bytes;
    return posix_memalign(&ptr, align, bytes ? bytes : 1) == 0 ? ptr : NULL;
}

static void limited_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t head[3] = {0x08, 0x01, 0x12};
    size_t left = (size_t)64 << 20;
    const floe_env env = {.alloc = limited_alloc, .free = limited_free, .alloc_user = &left};
    char path[64];
    fl_tf_graph *g = NULL, *back = NULL;
    floe_error err = {0};
    fl_buf b = fl_buf_make(NULL);

    if (size < sizeof head || memcmp(data, head, sizeof head) != 0)
        return 0; /* known by its first bytes; anything else would be looked for as a checkpoint */
    const int fd = memfd_create("saved_model.pb", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const fl_tf_freeze_options options = {.folder = path};
    if (fl_tf_freeze(&g, &env, &options, &err) != FLOE_OK) {
        if (!err.message[0])
            abort();
    } else if (fl_tf_graph_write(&b, g, &err) != FLOE_OK ||
               fl_tf_graph_read(&back, NULL, (fl_bytes){b.data, b.size}, "back", &err) != FLOE_OK) {
        abort();
    }
    fl_tf_graph_free(g);
    fl_tf_graph_free(back);
    fl_buf_free(&b);
    close(fd);
    return 0;
}
