/* cli.h - what the commands of the program `floe` share: one struct for the run, exit codes, how failures are told.
 *
 * A command is a row in main.c's table and a file cmd_<name>.c. It describes its flags in tables (cli_args.h), has them
 * parsed into a struct, calls the library (include/floe.h, nothing below it) and returns fl_cli_exit(). Helpers return
 * floe_status with a sentence, like the library; fl_cli_misuse marks a failure as the user's, for the exit code 2.
 */
#ifndef FL_CLI_H
#define FL_CLI_H

#include "floe.h"

#include "base/arena.h"

enum { FL_CLI_DONE = 0, FL_CLI_FAILED = 1, FL_CLI_USAGE = 2 };

typedef struct fl_cli {
    const char *command; /* its name; NULL before there is one */
    fl_arena arena;      /* what lives until the command ends */
    floe_env env;        /* for the library: its log goes to stderr */
    bool terminal;       /* stderr is one, and nobody asked for silence: progress lines are shown */
    bool on_line;        /* a progress line is standing */
    int64_t shown_ms;    /* when it was last written */
    bool answered;       /* --help or another question was answered: nothing else to do */
    bool misused;        /* the failure is wrong usage */
    size_t failures;     /* told already, while the work went on; the exit code is 1 */
    size_t dumps;        /* networks printed for --dump-after */
} fl_cli;

typedef struct fl_cli_command {
    const char *name, *summary;
    int (*run)(fl_cli *cli, int argc, char **argv); /* argv without the command's name; returns the exit code */
} fl_cli_command;

int fl_cmd_freeze(fl_cli *cli, int argc, char **argv);
int fl_cmd_convert(fl_cli *cli, int argc, char **argv);
int fl_cmd_build(fl_cli *cli, int argc, char **argv);
int fl_cmd_deploy(fl_cli *cli, int argc, char **argv);
int fl_cmd_infer(fl_cli *cli, int argc, char **argv);
int fl_cmd_info(fl_cli *cli, int argc, char **argv);
int fl_cmd_bench(fl_cli *cli, int argc, char **argv);

/* ---- failures (cli_report.c) */

/* A failure that is wrong usage; ends the program with 2. */
floe_status fl_cli_misuse(fl_cli *cli, floe_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Adds to the end of the sentence already there. */
void fl_cli_add(floe_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Tells the failure, if it is one, on stderr in one line, and gives the exit code. */
int fl_cli_exit(fl_cli *cli, floe_status st, const floe_error *err);
/* One line "floe: error: ..." or "floe: warning: ..."; control characters, which names in files may hold, become '?'.
 */
void fl_cli_complain(fl_cli *cli, const char *kind, const char *message);

/* What was printed so far goes out now; fails when it cannot. */
floe_status fl_cli_flush(floe_error *err);

/* ---- what is shown meanwhile (cli_report.c) */

/* Warnings always, notes unless quiet, everything when verbose. */
void fl_cli_set_verbosity(fl_cli *cli, bool quiet, bool verbose);
/* One line on a terminal, overwritten by the next; nothing in a pipe. */
void fl_cli_progress(fl_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fl_cli_progress_end(fl_cli *cli);
int64_t fl_cli_now_ns(void);

#endif
