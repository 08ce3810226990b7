/* cli_build.h - flags of everything that builds an engine: build and deploy into a file; infer, bench and info in
 * memory. */
#ifndef FL_CLI_BUILD_H
#define FL_CLI_BUILD_H

#include "cli_pictures.h"

typedef struct fl_cli_build_flags {
    fl_cli_words inputs;     /* names */
    fl_cli_words dimensions; /* "3,224,224", one an input */
    fl_cli_words outputs;
    int64_t max_batch; /* 0: not given */
    int64_t workspace; /* a power of two's exponent */
    int64_t threads;
    int64_t opt_level;
    const char *isa, *device, *target, *precision, *timing_cache;
    bool no_passes, list_passes, verbose, quiet;
    fl_cli_words skip_passes, dump_after, tactics;
} fl_cli_build_flags;

#define FL_CLI_BUILD_DEFAULTS                                                                                          \
    {                                                                                                                  \
        .workspace = 20, .opt_level = 1                                                                                \
    }

/* The rows that mean the same everywhere; what is named differently (inputs, shapes, outputs) each command has itself.
 */
extern const fl_cli_option fl_cli_build_rows[];
extern const size_t fl_cli_build_row_count;
/* The graph's side for commands that build in memory. */
extern const fl_cli_option fl_cli_graph_rows[];
extern const size_t fl_cli_graph_row_count;

/* Parses a command line with these flags in it and does what they ask first: verbosity, --list-passes (which is an
 * answer), names of passes. */
floe_status fl_cli_build_parse(fl_cli *cli, const fl_cli_syntax *syntax, int argc, char **argv,
                               const fl_cli_build_flags *flags, floe_error *err);

/* Names and shapes of the inputs that were given shapes; a shape without a name belongs to the file's only input. */
typedef struct fl_cli_shapes {
    const char **names;
    floe_dims *dims;
    size_t count;
} fl_cli_shapes;
floe_status fl_cli_shapes_of(fl_cli *cli, const fl_cli_build_flags *flags, const char *model, fl_cli_shapes *out,
                             floe_error *err);

/* The library's struct; pointers into the flags and the arena. */
floe_status fl_cli_builder(fl_cli *cli, const fl_cli_build_flags *flags, floe_builder *out, floe_error *err);

/* model.pb or model.uff to a PLAN. */
floe_status fl_cli_build_plan(fl_cli *cli, floe_blob **plan, const char *model, const fl_cli_build_flags *flags,
                              const fl_cli_picture_flags *pictures, floe_error *err);
/* Writes the PLAN and says so on stdout. */
floe_status fl_cli_save_plan(fl_cli *cli, const floe_blob *plan, const char *model, const char *path, bool quiet,
                             floe_error *err);

/* A PLAN as it is, or a graph built in memory. shapes may be empty. */
floe_status fl_cli_open(fl_cli *cli, floe_lite **out, const char *path, const fl_cli_build_flags *flags,
                        const fl_cli_shapes *shapes, bool whole_shapes, floe_error *err);

/* Which outputs a command reports: the named ones, or all. *out gets indices of bindings in the arena. */
floe_status fl_cli_select_outputs(fl_cli *cli, const floe_engine *engine, const fl_cli_words *names, const int **out,
                                  int *count, floe_error *err);

/* The only input's name of a .pb or .uff; fails when there are several. */
floe_status fl_cli_only_input(fl_cli *cli, const char *model, const char *flag, const char **out, floe_error *err);

#endif
