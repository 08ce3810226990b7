/* tools_fixture.h - the program floe in children of the test: fork, then its main(), no exec.
 *
 * That makes a run cost a millisecond, so thousands are possible, and lets the child be put into any state before it
 * starts: without permissions, with a small limit on files, about to be killed at a certain system call.
 *
 *     tool_run r = {.command = "info @/net.pb", .folder = "/tmp/x"};     '@' stands for the folder
 *     tool_finish(&r, tool_start(&r));
 *     if (tool_complaint(&r, why, sizeof why)) fail_msg("%s", why);
 *
 * What every run owes, whatever it was fed: exit code 0, 1 or 2, never a signal; on stderr only lines of its own, one
 * "floe: error: " among them if and only if the code is not 0. tool_complaint() says what of this was missed. A report
 * of a sanitizer is such a line too.
 */
#ifndef TESTS_HOSTILE_TOOLS_FIXTURE_H
#define TESTS_HOSTILE_TOOLS_FIXTURE_H

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int floe_main(int argc, char **argv);
#define main floe_main
#include "../../cli/main.c"
#undef main

#define TOOL_SECONDS 60 /* then a run counts as hung */
#define TOOL_MEMORY  ((rlim_t)2 << 30) /* a damaged file may ask for any amount: that is to end in a sentence */
#define TOOL_WORDS   48

/* Built with a sanitizer that makes a run cost twenty times as much. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer)
#define TOOL_HEAVY true
#else
#define TOOL_HEAVY false
#endif

/* ---- files */

typedef struct tool_bytes {
    uint8_t *data;
    size_t size;
} tool_bytes;

static __attribute__((noinline)) char *tool_path(char *out, size_t size, const char *folder, const char *name)
{
    if ((size_t)snprintf(out, size, "%s/%s", folder, name) >= size)
        abort();
    return out;
}

/* data NULL when there is no such file. */
static inline tool_bytes tool_read(const char *path)
{
    tool_bytes b = {NULL, 0};
    struct stat info;
    FILE *f = fopen(path, "rb");
    if (!f)
        return b;
    b.size = fstat(fileno(f), &info) == 0 ? (size_t)info.st_size : 0;
    b.data = malloc(b.size + 1);
    if (!b.data || fread(b.data, 1, b.size, f) != b.size)
        abort();
    fclose(f);
    return b;
}

/* A new file in any case: file systems flush one that is cut and written again, which takes most of the time. */
static inline void tool_write(const char *path, const void *data, size_t size)
{
    unlink(path);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) {
        perror(path);
        abort();
    }
}

static inline void tool_copy(const char *from, const char *to)
{
    tool_bytes b = tool_read(from);
    if (!b.data)
        fail_msg("%s is not there", from);
    tool_write(to, b.data, b.size);
    free(b.data);
}

static inline void tool_remove(const char *folder)
{
    char command[1100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* A new folder; in memory, where the machine has such a file system and `quick` is wanted. */
static inline void tool_folder(char *out, size_t size, bool quick)
{
    const char *base = getenv("TMPDIR");
    if (!base || !*base)
        base = quick && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    assert_non_null(mkdtemp(tool_path(out, size, base, "floe-tools-XXXXXX")));
    chmod(out, 0755);
}

/* ---- a run */

typedef struct tool_run {
    const char *command; /* words separated by blanks; '@' is the folder */
    const char *folder;
    void (*before)(const void *arg); /* in the child; leaves with _exit(TOOL_SKIPPED) what cannot be had here */
    const void *arg;
    int stderr_fd; /* 0: none yet */
    int status;    /* as of waitpid */
    char text[8192]; /* of stderr, as much as fits */
} tool_run;

enum { TOOL_SKIPPED = 99 };

static inline int tool_words(const tool_run *r, char *text, size_t room, char **argv)
{
    static char name[] = "floe";
    int argc = 0;
    size_t used = 0;
    argv[argc++] = name;
    for (const char *at = r->command; *at;) {
        argv[argc++] = text + used;
        for (; *at && *at != ' '; at++)
            used += *at == '@' ? (size_t)snprintf(text + used, room - used, "%s", r->folder)
                               : (size_t)snprintf(text + used, room - used, "%c", *at);
        at += *at == ' ';
        if (++used >= room || argc == TOOL_WORDS)
            abort();
    }
    argv[argc] = NULL;
    return argc;
}

/* The address and thread sanitizers reserve terabytes; there the Makefile gives their allocators a limit. */
static inline void limit_memory(void)
{
    if (!TOOL_HEAVY)
        setrlimit(RLIMIT_AS, &(const struct rlimit){TOOL_MEMORY, TOOL_MEMORY});
}

static inline _Noreturn void tool_child(const tool_run *r)
{
    static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT}; /* cmocka handles some of them */
    const struct rlimit no_core = {0, 0};
    static char text[8192];
    char *argv[TOOL_WORDS + 1];
    const int argc = tool_words(r, text, sizeof text, argv), nothing = open("/dev/null", O_RDWR);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        signal(caught[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &no_core);
    limit_memory();
    fflush(stdout);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    dup2(r->stderr_fd, STDERR_FILENO);
    alarm(TOOL_SECONDS);
    if (r->before)
        r->before(r->arg);
    exit(floe_main(argc, argv));
}

static inline pid_t tool_start(tool_run *r)
{
    if (!r->stderr_fd)
        r->stderr_fd = memfd_create("stderr", MFD_CLOEXEC);
    if (r->stderr_fd < 0 || ftruncate(r->stderr_fd, 0) < 0 || lseek(r->stderr_fd, 0, SEEK_SET) < 0)
        fail_msg("no file for stderr: %s", strerror(errno));
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        tool_child(r);
    assert_true(child > 0);
    return child;
}

/* What was waited for already goes into the struct. */
static inline void tool_note(tool_run *r, int status)
{
    const ssize_t n = pread(r->stderr_fd, r->text, sizeof r->text - 1, 0);
    r->text[n > 0 ? n : 0] = '\0';
    r->status = status;
}

static inline void tool_finish(tool_run *r, pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) != child)
        if (errno != EINTR)
            fail_msg("waitpid: %s", strerror(errno));
    tool_note(r, status);
}

static inline void tool_close(tool_run *r)
{
    if (r->stderr_fd > 0)
        close(r->stderr_fd);
    r->stderr_fd = 0;
}

/* -1: by a signal */
static inline int tool_code(const tool_run *r)
{
    return WIFEXITED(r->status) ? WEXITSTATUS(r->status) : -1;
}

/* The only "floe: error: " line without these words; "" when there is none. */
static inline const char *tool_sentence(const tool_run *r, char *out, size_t size)
{
    static const char start[] = "floe: error: ";
    const char *at = strstr(r->text, start);
    snprintf(out, size, "%.*s", at ? (int)strcspn(at + sizeof start - 1, "\n") : 0, at ? at + sizeof start - 1 : "");
    return out;
}

/* False when the run did what every run owes. */
static inline bool tool_complaint(const tool_run *r, char *why, size_t size)
{
    static const char *const starts[] = {"floe: error: ", "floe: warning: ", "floe: note: "};
    const int code = tool_code(r);
    int errors = 0;
    why[0] = '\0';
    if (code < 0)
        snprintf(why, size, "killed by signal %d (%s)", WTERMSIG(r->status), strsignal(WTERMSIG(r->status)));
    else if (code > FL_CLI_USAGE)
        snprintf(why, size, "exit code %d", code);
    for (const char *line = r->text; *line && !why[0]; line = strchrnul(line, '\n'), line += *line == '\n') {
        size_t kind = 0;
        while (kind < 3 && strncmp(line, starts[kind], strlen(starts[kind])) != 0)
            kind++;
        errors += kind == 0;
        if (kind == 3 || line[strcspn(line, "\n")] != '\n')
            snprintf(why, size, "this is on stderr: %.300s", line);
    }
    if (!why[0] && errors != (code == FL_CLI_DONE ? 0 : 1))
        snprintf(why, size, "exit code %d with %d errors told", code, errors);
    return why[0] != '\0';
}

/* A run that must succeed. */
static inline void tool_must(const char *folder, const char *command)
{
    char why[400];
    tool_run r = {.command = command, .folder = folder};
    tool_finish(&r, tool_start(&r));
    if (tool_complaint(&r, why, sizeof why) || tool_code(&r) != FL_CLI_DONE)
        fail_msg("floe %s: exit code %d, %s\n%s", command, tool_code(&r), why, r.text);
    tool_close(&r);
}

/* ---- states of the child */

/* For root: without the right to read and write everything. Other users lack it. */
static inline void tool_drop_rights(const void *arg)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    const uint32_t rights = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;
    (void)arg;
    if (syscall(SYS_capget, &header, sets) < 0)
        _exit(TOOL_SKIPPED);
    sets[0].effective &= ~rights;
    if (syscall(SYS_capset, &header, sets) < 0)
        _exit(TOOL_SKIPPED);
}

#endif
