/* emulator_args.h - what the kernels of emulator_kernels.cu take. */
#ifndef TESTS_CUDA_EMULATOR_ARGS_H
#define TESTS_CUDA_EMULATOR_ARGS_H

typedef struct emulator_args {
    const void  *in, *in2;
    void        *out;
    unsigned     n, unused;
} emulator_args;

#endif
