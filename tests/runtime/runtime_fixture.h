/* runtime_fixture.h - engines, contexts and buffers for the tests of the runtime; failures assert. */
#ifndef TESTS_RUNTIME_FIXTURE_H
#define TESTS_RUNTIME_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "plan_maker.h"
#include "runtime/runtime.h"

static inline const char *this_machine(void)
{
    static fl_device_info info;
    fl_device *device = NULL;

    if (!info.target[0]) {
        assert_int_equal(fl_cpu_backend.open(&device, NULL, "cpu", NULL, NULL), FLOE_OK);
        fl_cpu_backend.describe(device, &info);
        fl_cpu_backend.close(device);
    }
    return info.target;
}

static inline fl_engine *engine_of(fl_plan *plan)
{
    fl_engine *engine = NULL;
    floe_error err = {0};

    if (fl_engine_create(&engine, NULL, plan, NULL, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return engine;
}

static inline fl_context *context_of(const fl_engine *engine, int threads)
{
    fl_context *context = NULL;
    floe_error err = {0};

    if (fl_context_create(&context, engine, threads, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return context;
}

typedef struct buffers {
    void  *at[PLAN_MAKER_BINDINGS];
    size_t bytes[PLAN_MAKER_BINDINGS];
    size_t n;
} buffers;

/* Inputs filled from the seed, outputs with a pattern that must go. */
static inline buffers buffers_of(const fl_plan_engine *e, int64_t batch, uint32_t seed)
{
    buffers b = {.n = e->n_bindings};

    for (size_t i = 0; i < b.n; i++) {
        const fl_tensor_desc *t = &e->tensors[e->bindings[i].tensor].desc;
        b.bytes[i] = fl_tensor_bytes_at(t, batch);
        b.at[i] = malloc(b.bytes[i] + 1);
        memset(b.at[i], 0x5a, b.bytes[i]);
        for (size_t k = 0; e->bindings[i].is_input && t->dtype == FL_F32 && k < b.bytes[i] / 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            ((float *)b.at[i])[k] = (float)(int32_t)seed / 2147483648.0f;
        }
    }
    return b;
}

static inline void free_buffers(buffers *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->at[i]);
}

#endif
