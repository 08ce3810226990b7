/* cli_infer.h - what the two ways of `floe infer` share: its flags, the engine, which outputs are wanted. */
#ifndef FL_CLI_INFER_H
#define FL_CLI_INFER_H

#include "cli_build.h"

typedef struct fl_cli_infer {
    /* flags */
    const char *plan, *desired_size, *labels_file, *output_folder;
    fl_cli_words pictures, tensors; /* --image_path and the arguments; --input */
    int64_t top_k;
    bool json;
    fl_cli_build_flags build;
    fl_cli_picture_flags preprocess;
    /* from here on made by the command */
    floe_lite *lite;
    const floe_engine *engine;
    const int *outputs; /* indices of bindings */
    int n_outputs;
    const void **values; /* floe_lite_infer's outputs */
    const char **files;  /* parallel to outputs: "<output>.npy", safe; NULL without --output_folder */
} fl_cli_infer;

/* Pictures: decoded, batched, one result a picture. */
floe_status fl_cli_infer_pictures(fl_cli *cli, fl_cli_infer *in, floe_error *err);
/* NAME=FILE.npy: one run over all items. */
floe_status fl_cli_infer_tensors(fl_cli *cli, fl_cli_infer *in, floe_error *err);

/* For both: the engine is open now; chooses the outputs, names their files, makes the folder. */
floe_status fl_cli_infer_ready(fl_cli *cli, fl_cli_infer *in, floe_error *err);
/* The values of the i-th wanted output after a run. */
const void *fl_cli_infer_values(const fl_cli_infer *in, int i);
int fl_cli_input_count(const floe_engine *engine);
/* Digits for JSON: 17 as soon as one output is f64. */
int fl_cli_infer_digits(const fl_cli_infer *in);

#endif
