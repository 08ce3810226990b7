/* cuda_step.h - one step of one tactic on the CUDA backend, from host memory to host memory.
 *
 * Runs on the emulated GPU beside the test program, or on whatever FLOE_CUDA_DRIVER names ("libcuda.so.1": a real one).
 *
 *     cuda_rig rig;
 *     cuda_rig_open(&rig);
 *     if (tactic->supports(&d, &rig.info, &why))
 *         cuda_step_run(&rig, tactic, &d, in, out, -1);     -1: outputs lie apart from the inputs; k: output 0 on input k
 *     cuda_rig_close(&rig);
 *
 * Each buffer has a frame that must stay as it was, the workspace is poison, and inputs must stay what they are.
 * Failures are cmocka's.
 */
#ifndef TESTS_CUDA_STEP_H
#define TESTS_CUDA_STEP_H

#include "backend/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CUDA_FRAME 256 /* bytes before and after a buffer: alignment stays what arenas have */
#define CUDA_SLOTS 64

typedef struct cuda_rig {
    fl_device     *device;
    fl_device_info info;
    fl_stream     *stream;
} cuda_rig;

static inline void cuda_need(floe_status st, const floe_error *err)
{
    if (st != FLOE_OK)
        fail_msg("%s", err->message);
}

static inline void cuda_rig_open(cuda_rig *rig)
{
    floe_error err = {0};

    if (!getenv("FLOE_CUDA_DRIVER")) {
        char path[1024];
        const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);
        assert_true(n > 0);
        path[n] = '\0';
        strcpy(strrchr(path, '/') + 1, "libcuda_emulated.so");
        setenv("FLOE_CUDA_DRIVER", path, 1);
    }
    const fl_device_options options = {0};
    cuda_need(fl_cuda_backend.open(&rig->device, NULL, "cuda", &options, &err), &err);
    fl_cuda_backend.describe(rig->device, &rig->info);
    cuda_need(fl_cuda_backend.stream_open(&rig->stream, rig->device, 1, &err), &err);
}

static inline void cuda_rig_close(cuda_rig *rig)
{
    fl_cuda_backend.stream_close(rig->stream);
    fl_cuda_backend.close(rig->device);
}

/* ---- framed buffers on the device */

static inline void *cuda_buffer_make(cuda_rig *rig, size_t bytes, const void *data, int fill)
{
    floe_error err = {0};
    void *memory = NULL;
    uint8_t *host = malloc(bytes + 2 * CUDA_FRAME);

    assert_non_null(host);
    memset(host, 0x5a, bytes + 2 * CUDA_FRAME);
    memset(host + CUDA_FRAME, fill, bytes);
    if (data && bytes)
        memcpy(host + CUDA_FRAME, data, bytes);
    cuda_need(fl_cuda_backend.alloc(rig->device, &memory, bytes + 2 * CUDA_FRAME, &err), &err);
    cuda_need(fl_cuda_backend.upload(rig->stream, memory, host, bytes + 2 * CUDA_FRAME, &err), &err);
    cuda_need(fl_cuda_backend.wait(rig->stream, &err), &err);
    free(host);
    return (uint8_t *)memory + CUDA_FRAME;
}

/* What is in it to `data` (may be NULL); looks at the frame; frees. unchanged: must still be that. */
static inline void cuda_buffer_end(cuda_rig *rig, void *buffer, size_t bytes, void *data, const void *unchanged,
                                   const char *what)
{
    floe_error err = {0};
    uint8_t *host = malloc(bytes + 2 * CUDA_FRAME), *memory = (uint8_t *)buffer - CUDA_FRAME;

    assert_non_null(host);
    cuda_need(fl_cuda_backend.download(rig->stream, host, memory, bytes + 2 * CUDA_FRAME, &err), &err);
    cuda_need(fl_cuda_backend.wait(rig->stream, &err), &err);
    for (size_t i = 0; i < CUDA_FRAME; i++)
        if (host[i] != 0x5a || host[CUDA_FRAME + bytes + i] != 0x5a)
            fail_msg("%s: wrote outside of its memory", what);
    if (unchanged && bytes && memcmp(host + CUDA_FRAME, unchanged, bytes) != 0)
        fail_msg("%s: changed an input", what);
    if (data && bytes)
        memcpy(data, host + CUDA_FRAME, bytes);
    free(host);
    fl_cuda_backend.free(rig->device, memory);
}

/* ---- the step */

static inline void *cuda_pack(cuda_rig *rig, const fl_tactic *tactic, const fl_op_desc *d, const void *const *in,
                              uint32_t *taken, size_t *bytes)
{
    const void *consts[CUDA_SLOTS] = {NULL};
    fl_buf buf = fl_buf_make(NULL);
    floe_error err = {0};
    void *packed = NULL;

    *taken = 0;
    *bytes = 0;
    for (int k = 0; tactic->pack && k < d->n_in; k++)
        if ((tactic->packs >> k & 1) && d->in[k] && d->in[k]->constant) {
            consts[k] = in[k];
            *taken |= 1u << k;
        }
    if (tactic->pack) {
        cuda_need(tactic->pack(d, consts, &buf, &err), &err);
        assert_int_equal(buf.size, tactic->packed_bytes(d));
        *bytes = buf.size;
        packed = buf.size ? cuda_buffer_make(rig, buf.size, buf.data, 0) : NULL;
    }
    fl_buf_free(&buf);
    return packed;
}

/* dims resolved; in[k] NULL where absent, out[k] NULL where not wanted. */
static inline void cuda_step_run(cuda_rig *rig, const fl_tactic *tactic, const fl_op_desc *d, const void *const *in,
                                 void *const *out, int in_place)
{
    const size_t workspace_bytes = tactic->workspace_bytes(d, &rig->info, 1);
    const void *device_in[CUDA_SLOTS] = {NULL};
    void *device_out[FL_MAX_OUTPUTS] = {NULL};
    uint32_t taken;
    size_t packed_bytes;
    fl_program *program = NULL;
    floe_error err = {0};
    void *packed = cuda_pack(rig, tactic, d, in, &taken, &packed_bytes);
    void *workspace = workspace_bytes ? cuda_buffer_make(rig, workspace_bytes, NULL, 0xff) : NULL;

    assert_true(d->n_in <= CUDA_SLOTS);
    for (int k = 0; k < d->n_in; k++)
        if (d->in[k] && !(taken >> k & 1))
            device_in[k] = cuda_buffer_make(rig, fl_tensor_bytes_at(d->in[k], 1), in[k], 0);
    for (int k = 0; k < d->n_out; k++)
        if (k == 0 && in_place >= 0)
            device_out[k] = (void *)(uintptr_t)device_in[in_place];
        else if (out[k])
            device_out[k] = cuda_buffer_make(rig, fl_tensor_bytes_at(d->out[k], 1), NULL, 0xff);
    const fl_step step = {d, tactic, device_in, device_out, packed, workspace};
    cuda_need(fl_cuda_backend.prepare(&program, rig->stream, &step, 1, 1, &err), &err);
    cuda_need(fl_cuda_backend.run(program, &err), &err);
    cuda_need(fl_cuda_backend.wait(rig->stream, &err), &err);
    fl_cuda_backend.program_free(program);
    for (int k = 0; k < d->n_out; k++)
        if (device_out[k])
            cuda_buffer_end(rig, device_out[k], fl_tensor_bytes_at(d->out[k], 1), out[k], NULL, tactic->name);
    for (int k = 0; k < d->n_in; k++)
        if (device_in[k] && k != in_place)
            cuda_buffer_end(rig, (void *)(uintptr_t)device_in[k], fl_tensor_bytes_at(d->in[k], 1), NULL, in[k],
                            tactic->name);
    if (workspace)
        cuda_buffer_end(rig, workspace, workspace_bytes, NULL, NULL, tactic->name);
    if (packed)
        cuda_buffer_end(rig, packed, packed_bytes, NULL, NULL, tactic->name);
}

#endif
