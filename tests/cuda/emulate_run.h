/* emulate_run.h - what the emulated kernels (emulate.h) and the fake driver (fake_cuda.cpp) ask of the emulator's
 * machine (emulate_run.cpp): run a grid, stop a thread until others come, copy later, report.
 *
 * Plain C types and C linkage only: kernels are compiled inside an unnamed namespace (emulate_unit.cpp).
 */
#ifndef TESTS_CUDA_EMULATE_RUN_H
#define TESTS_CUDA_EMULATE_RUN_H

#include <stddef.h>

extern "C" {

struct fl_emu_index {
    unsigned x, y, z;
};
/* Of the thread that runs; CUDA's own names. */
extern fl_emu_index threadIdx, blockIdx, blockDim, gridDim;

/* ---- kernels: registered by static initializers, found by name */

struct fl_emu_kernel {
    const char    *name;
    void         (*call)(const void *args);
    size_t         args_bytes;
    unsigned       threads;                     /* launch bound */
    unsigned char *shared_begin, *shared_end;   /* the static shared memory of its file; NULL if none */
    fl_emu_kernel *next;
};
void           fl_emu_register(fl_emu_kernel *kernel);
fl_emu_kernel *fl_emu_find(const char *name);

struct fl_emu_launch {
    const fl_emu_kernel *kernel;
    fl_emu_index         grid, block;
    size_t               dynamic_shared;
    const void          *args;
    bool                 reverse;      /* blocks, warps and lanes in descending order */
    bool                 must_wait;    /* it was launched with programmatic serialization */
};
/* Runs all blocks, one after another. Aborts with a message when a kernel breaks a rule. */
void fl_emu_run(const fl_emu_launch *launch);

/* ---- for kernels */

/* Waits until every lane of mask that has not ended is at the same place; the last one calls perform with the slots of
 * the lanes (NULL where a lane ended or is not in mask). */
typedef void (*fl_emu_perform)(void *const slots[32]);
void fl_emu_warp(unsigned mask, fl_emu_perform perform, void *slot, const char *what, const char *file, int line);

/* Waits for all threads of the block that have not ended; gives how many of them had a predicate that is not 0. */
int fl_emu_barrier(int predicate, int *alive, const char *what, const char *file, int line);

unsigned char *fl_emu_dynamic_shared(void);
unsigned       fl_emu_shared_address(const void *p);

/* The copy is done when its thread waits for its group; until then dst holds poison. */
void fl_emu_copy_async(void *dst, const void *src, int bytes, bool valid);
void fl_emu_copy_commit(void);
void fl_emu_copy_wait(int groups);
void fl_emu_wait_previous(void);
/* After each atomic operation. */
void fl_emu_atomic(const void *p);

[[noreturn]] void fl_emu_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- given by the fake driver: a phrase about a bad address ("offset 12 of ..."), NULL if it knows none */
const char *fl_emu_about_address(const void *p);

} /* extern "C" */

#define FL_EMU_POISON 0xff /* every float type's NaN, every integer's -1 */

#endif
