/* cli_report.c - everything the commands say on stderr: errors, the library's log, the progress line.
 *
 * A progress line stands at the bottom until something else is written: every writer of stderr clears it first. It is
 * padded with spaces rather than cleared with an escape sequence, so any terminal will do.
 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_COLUMNS  78
#define PROGRESS_EVERY_MS 50

int64_t fl_cli_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* In place: what a terminal would obey becomes '?', and several lines one. */
static void make_plain(char *line)
{
    for (; *line; line++)
        if ((unsigned char)*line < ' ' || *line == 0x7f)
            *line = *line == '\n' ? ' ' : '?';
}

/* ---- the progress line */

void fl_cli_progress_end(fl_cli *cli)
{
    if (cli->on_line)
        fprintf(stderr, "\r%*s\r", PROGRESS_COLUMNS, "");
    cli->on_line = false;
    cli->shown_ms = 0;
}

void fl_cli_progress(fl_cli *cli, const char *format, ...)
{
    char line[256];
    const int64_t now = fl_cli_now_ns() / 1000000;
    va_list args;
    if (!cli->terminal || now - cli->shown_ms < PROGRESS_EVERY_MS)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    make_plain(line);
    fprintf(stderr, "\r%-*.*s", PROGRESS_COLUMNS, PROGRESS_COLUMNS, line);
    cli->on_line = true;
    cli->shown_ms = now;
}

/* ---- lines */

void fl_cli_complain(fl_cli *cli, const char *kind, const char *message)
{
    char line[sizeof((floe_error *)NULL)->message + 64];
    snprintf(line, sizeof line, "floe: %s: %s", kind, message);
    make_plain(line);
    fl_cli_progress_end(cli);
    fprintf(stderr, "%s\n", line);
}

static void log_line(void *user, floe_severity severity, const char *line)
{
    fl_cli *cli = user;
    if (severity <= FLOE_SEVERITY_INFO) {
        fl_cli_complain(cli,
                        severity == FLOE_SEVERITY_ERROR     ? "error"
                        : severity == FLOE_SEVERITY_WARNING ? "warning"
                                                            : "note",
                        line);
        return;
    }
    char copy[1024];
    snprintf(copy, sizeof copy, "%s", line);
    make_plain(copy);
    fl_cli_progress_end(cli);
    fprintf(stderr, "%s\n", copy);
}

void fl_cli_set_verbosity(fl_cli *cli, bool quiet, bool verbose)
{
    cli->env.log = log_line;
    cli->env.log_user = cli;
    cli->env.log_severity = quiet ? FLOE_SEVERITY_WARNING : verbose ? FLOE_SEVERITY_VERBOSE : FLOE_SEVERITY_INFO;
    cli->terminal = !quiet && isatty(STDERR_FILENO);
}

/* ---- failures */

floe_status fl_cli_misuse(fl_cli *cli, floe_error *err, const char *format, ...)
{
    va_list args;
    cli->misused = true;
    err->status = FLOE_ERR_ARGUMENT;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return FLOE_ERR_ARGUMENT;
}

floe_status fl_cli_flush(floe_error *err)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return FLOE_OK;
    return fl_fail(err, FLOE_ERR_IO, "standard output: cannot write: %s", strerror(errno ? errno : EIO));
}

void fl_cli_add(floe_error *err, const char *format, ...)
{
    const size_t used = strlen(err->message);
    va_list args;
    va_start(args, format);
    vsnprintf(err->message + used, sizeof err->message - used, format, args);
    va_end(args);
}

int fl_cli_exit(fl_cli *cli, floe_status st, const floe_error *err)
{
    char line[sizeof err->message + 64];
    fl_cli_progress_end(cli);
    if (st == FLOE_OK)
        return cli->failures ? FL_CLI_FAILED : FL_CLI_DONE;
    if (!cli->misused) {
        fl_cli_complain(cli, "error", err->message);
        return FL_CLI_FAILED;
    }
    if (cli->command)
        snprintf(line, sizeof line, "%s: %s; see 'floe %s --help'", cli->command, err->message, cli->command);
    else
        snprintf(line, sizeof line, "%s; see 'floe --help'", err->message);
    fl_cli_complain(cli, "error", line);
    return FL_CLI_USAGE;
}
