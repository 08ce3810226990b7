/* fuzz_plan.c - PLAN files with right checksums and anything else: refused with a sentence, or run without harm.
 *
 * Checksums and padding would stop almost every input at the door, so the target recomputes the sums first. What is
 * loaded and small is bound to the CPU backend and run at its largest batch and at 1; buffers have exactly the size of
 * their binding, so a step that reads or writes past it is seen. By the input's checksum
 * the steps keep the tactics that the plan names, or are moved to others, so that all of them meet shapes that no network
 * has. The corpus was built for x86-64 without extensions, which every such machine runs; elsewhere half of this is lost.
 *
 *     clang -fsanitize=fuzzer,address,undefined ... fuzz/fuzz_plan.c libfloe_runtime.a
 *     ./fuzz_plan fuzz/corpus/plan
 */
#include "../tests/common/plan_checksums.h"
#include "../tests/common/plan_runner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No file of this length may make the loader ask for more. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    budget b = {((size_t)1 << 20) + 64 * size};
    const floe_env env = {.alloc = budget_alloc, .free = budget_free, .alloc_user = &b};
    const size_t room = fl_round_up(size ? size : 1, FL_ALIGN);
    uint8_t *copy = aligned_alloc(FL_ALIGN, room);
    const int rank = (int)(fl_crc32c(0, data, size) % 12) - 1;
    floe_error err = {0};

    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    plan_checksums_fix(copy, size);
    const plan_runner_end end = plan_runner(&env, copy, size, rank, &err);
    if (end == PLAN_RUNNER_REFUSED && (err.status == FLOE_OK || !err.message[0]))
        abort(); /* refused, but without saying why */
    free(copy);
    return 0;
}
