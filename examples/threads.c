/* threads.c - one engine shared by four threads, each with an execution context of its own; all get the same bits.
 *
 *     ./threads model/model.PLAN
 */
#include <floe.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct worker {
    const floe_engine *engine;
    float             *output; /* of the last run */
    floe_status        status;
    floe_error         err;
} worker;

/* Some picture, the same for every thread. */
static float *made_up_input(const floe_binding *b)
{
    const int64_t n = floe_dims_count(&b->dims, 1);
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; x && i < n; i++)
        x[i] = (float)(i * 37 % 256);
    return x;
}

static void *serve(void *arg)
{
    worker *w = arg;
    floe_context *context = NULL;
    float *input = made_up_input(floe_engine_binding(w->engine, 0));
    void *bindings[2] = {input, w->output};
    /* One thread per context: the contexts are the parallelism here. */
    w->status = input ? floe_context_create(&context, w->engine, 1, &w->err) : FLOE_ERR_MEMORY;
    for (int i = 0; w->status == FLOE_OK && i < 20; i++)
        w->status = floe_context_execute(context, 1, bindings, &w->err);
    floe_context_free(context);
    free(input);
    return NULL;
}

int main(int argc, char **argv)
{
    floe_error err = {0};
    floe_engine *engine = NULL;
    worker workers[4] = {{0}};
    pthread_t threads[4];
    int failed = 0, started = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: %s PLAN\n", argv[0]);
        return 2;
    }
    if (floe_engine_load(&engine, NULL, argv[1], NULL, &err) != FLOE_OK) {
        fprintf(stderr, "threads: %s\n", err.message);
        return 1;
    }
    const size_t bytes = (size_t)floe_dims_count(&floe_engine_binding(engine, 1)->dims, 1) * sizeof(float);
    for (; started < 4; started++) {
        workers[started] = (worker){.engine = engine, .output = malloc(bytes)};
        if (!workers[started].output || pthread_create(&threads[started], NULL, serve, &workers[started]))
            break;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        if (workers[i].status != FLOE_OK)
            fprintf(stderr, "threads: %s\n", workers[i].err.message);
        failed |= workers[i].status != FLOE_OK || memcmp(workers[i].output, workers[0].output, bytes) != 0;
    }
    printf("%d threads, %s\n", started, failed ? "different answers" : "the same bits");
    for (int i = 0; i < 4; i++)
        free(workers[i].output);
    floe_engine_free(engine);
    return failed || started != 4;
}
