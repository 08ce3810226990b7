/* test_tools_outputs.c - what stands where a tool writes, when writing goes wrong: the old file, the new one or
 * nothing, never a part of one.
 *
 *     disks        /dev/full, a tmpfs of 64 KiB with a page left, a limit on the size of files, a folder without
 *                  permission: exit code 1, a sentence that begins with the path, the old file untouched, nothing
 *                  beside it
 *     kills        at each step of writing (some bytes written, all written, about to be named, about to be renamed),
 *                  by a filter on system calls; and SIGKILL at 200 moments spread over the whole run
 *
 * The steps are those of base/file.c. Writing a file without a name, a killed tool leaves nothing; only between naming
 * and renaming over an old file it leaves the whole new file under the temporary name. Where the file system has no
 * files without a name a part may be left under the temporary name: the same kills are tried there too, the filter
 * refusing O_TMPFILE.
 */
#include "tools_fixture.h"

#include "base/bytes.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <time.h>

#define KILLS      200
#define DISK_BYTES (64 * 1024)
#define PAGE_BYTES 4096
#define FILES      2 /* of one tool, at most */

typedef struct output {
    const char *command;
    const char *name[FILES]; /* in @/out, in the order of writing */
    bool is_read;            /* too: what is written depends on what was there, so there must be something */
} output;

static const output outputs[] = {
    {"freeze --checkpoint_folder=@/ck --output_node_names=softmax_tensor --output_graph=@/out/o.pb -q",
     {"o.pb"},
     false},
    {"convert @/net.pb -o @/out/o.uff -q", {"o.uff"}, false},
    {"convert @/net.pb -o @/out/o.uff -t -q", {"o.pbtxt", "o.uff"}, false},
    {"build @/net.uff -i images_placeholder -d 3,224,224 -o @/out/o.PLAN --opt-level=0 --threads=1 -q",
     {"o.PLAN"},
     false},
    {"deploy --frozen_file=@/net.pb -i images_placeholder -d 3,224,224 -o softmax_tensor -f @/out/o.PLAN --opt-level=0 "
     "--threads=1 -q",
     {"o.PLAN"},
     false},
    {"infer --plan_file=@/wide.pbtxt --input=@/x.npy --output_folder=@/out --threads=1", {"y.npy"}, false},
    {"build @/wide.pbtxt -o @/side.PLAN --timing-cache=@/out/cache.txt --threads=1 -q", {"cache.txt"}, true},
};
#define N_OUTPUTS (sizeof outputs / sizeof *outputs)

static char root[512], out[600];
static tool_bytes fresh[N_OUTPUTS][FILES]; /* what an undisturbed run writes */
static tool_bytes stale;                   /* what stood there before; a timing cache, as that is read too */
static size_t problems;

static void complain(const output *o, const char *when, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void complain(const output *o, const char *when, const char *format, ...)
{
    va_list args;
    problems++;
    print_error("floe %s\n    %s: ", o->command, when);
    va_start(args, format);
    vprint_error(format, args);
    va_end(args);
    print_error("\n");
}

/* ---- the output folder */

static void empty_out(void)
{
    char path[1000];
    DIR *dir = opendir(out);
    for (struct dirent *e; dir && (e = readdir(dir));)
        unlink(tool_path(path, sizeof path, out, e->d_name));
    if (dir)
        closedir(dir);
}

static void start_over(const output *o, bool old)
{
    char path[1000];
    empty_out();
    for (size_t k = 0; old && k < FILES && o->name[k]; k++)
        tool_write(tool_path(path, sizeof path, out, o->name[k]), stale.data, stale.size);
}

static bool equals(const char *name, const tool_bytes *expected)
{
    char path[1000];
    tool_bytes b = tool_read(tool_path(path, sizeof path, out, name));
    const bool same = b.data && b.size == expected->size && !memcmp(b.data, expected->data, b.size);
    free(b.data);
    return same;
}

/* How many temporary files are there; what is no output and not temporary is complained about. whole, when not NULL,
 * says whether all of them are the first output's new content. */
static size_t count_temporary(const output *o, const char *when, bool *whole)
{
    size_t count = 0;
    DIR *dir = opendir(out);
    if (whole)
        *whole = true;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        const size_t n = strlen(o->name[0]);
        bool known = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strcmp(e->d_name, "filler");
        for (size_t k = 0; k < FILES && o->name[k]; k++)
            known = known || !strcmp(e->d_name, o->name[k]);
        if (known)
            continue;
        if (!strstr(e->d_name, ".tmp-"))
            complain(o, when, "%s was left", e->d_name);
        else if (whole && (strncmp(e->d_name, o->name[0], n) != 0 || !equals(e->d_name, &fresh[o - outputs][0])))
            *whole = false;
        count += strstr(e->d_name, ".tmp-") != NULL;
    }
    if (dir)
        closedir(dir);
    return count;
}

/* Each output is what it was before or what it would have become. Returns how many became. */
static size_t check_outputs(const output *o, bool old, const char *when)
{
    size_t became = 0;
    char path[1000];
    for (size_t k = 0; k < FILES && o->name[k]; k++) {
        const bool there = access(tool_path(path, sizeof path, out, o->name[k]), F_OK) == 0;
        if (there && equals(o->name[k], &fresh[o - outputs][k]))
            became++;
        else if (there ? !old || !equals(o->name[k], &stale) : old)
            complain(o, when, "%s is %s", o->name[k], there ? "neither the old file nor the new one" : "gone");
    }
    return became;
}

/* ---- disks that take nothing */

static void run_and_expect_failure(const output *o, const char *when, const char *says, void (*before)(const void *),
                                   const void *arg)
{
    char why[400], sentence[1200];
    tool_run r = {.command = o->command, .folder = root, .before = before, .arg = arg};
    tool_finish(&r, tool_start(&r));
    tool_sentence(&r, sentence, sizeof sentence);
    if (tool_complaint(&r, why, sizeof why))
        complain(o, when, "%s", why);
    else if (tool_code(&r) != FL_CLI_FAILED)
        complain(o, when, "exit code %d", tool_code(&r));
    else if (strncmp(sentence, out, strlen(out)) != 0 || !strstr(sentence, says))
        complain(o, when, "the sentence is: %s", sentence);
    tool_close(&r);
}

static void expect_untouched(const output *o, bool old, const char *when)
{
    if (check_outputs(o, old, when))
        complain(o, when, "something was written");
    if (count_temporary(o, when, NULL))
        complain(o, when, "a temporary file was left");
}

static void a_device_that_is_full(void **state)
{
    char path[1000];
    struct stat info;
    (void)state;
    for (const output *o = outputs; o < outputs + N_OUTPUTS; o++) {
        empty_out();
        for (size_t k = 0; k < FILES && o->name[k]; k++)
            assert_int_equal(symlink("/dev/full", tool_path(path, sizeof path, out, o->name[k])), 0);
        run_and_expect_failure(o, "/dev/full", o->is_read ? "device" : "No space left", NULL, NULL);
        for (size_t k = 0; k < FILES && o->name[k]; k++)
            if (lstat(tool_path(path, sizeof path, out, o->name[k]), &info) < 0 || !S_ISLNK(info.st_mode))
                complain(o, "/dev/full", "the link is gone");
        if (count_temporary(o, "/dev/full", NULL))
            complain(o, "/dev/full", "a temporary file was left");
    }
    empty_out();
    assert_int_equal(problems, 0);
}

static void limit_files(const void *arg)
{
    const rlim_t bytes = *(const rlim_t *)arg;
    setrlimit(RLIMIT_FSIZE, &(const struct rlimit){bytes, bytes});
}

static void a_limit_on_the_size_of_files(void **state)
{
    (void)state;
    for (const output *o = outputs; o < outputs + N_OUTPUTS; o++)
        for (int old = o->is_read; old < 2; old++) {
            const rlim_t half = fresh[o - outputs][0].size / 2;
            start_over(o, old);
            run_and_expect_failure(o, "ulimit -f", "File too large", limit_files, &half);
            expect_untouched(o, old, "ulimit -f");
        }
    assert_int_equal(problems, 0);
}

static void a_folder_without_permission(void **state)
{
    (void)state;
    for (const output *o = outputs; o < outputs + N_OUTPUTS; o++)
        for (int old = o->is_read; old < 2; old++) {
            start_over(o, old);
            assert_int_equal(chmod(out, 0555), 0);
            run_and_expect_failure(o, "read-only folder", "Permission denied", tool_drop_rights, NULL);
            assert_int_equal(chmod(out, 0755), 0);
            expect_untouched(o, old, "read-only folder");
        }
    assert_int_equal(problems, 0);
}

/* ---- a small disk, mounted where nobody else sees it */

static bool write_text(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* As a user of one's own, or as root. */
static bool own_mounts(void)
{
    char user[64], group[64];
    snprintf(user, sizeof user, "0 %ld 1", (long)getuid());
    snprintf(group, sizeof group, "0 %ld 1", (long)getgid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0)
        return write_text("/proc/self/uid_map", user) && write_text("/proc/self/setgroups", "deny") &&
               write_text("/proc/self/gid_map", group);
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Leaves `left` bytes. */
static void fill_disk(off_t left)
{
    static const char zeros[PAGE_BYTES];
    char path[1000];
    const int fd = open(tool_path(path, sizeof path, out, "filler"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    off_t size = 0;
    for (ssize_t n; (n = write(fd, zeros, sizeof zeros)) > 0;)
        size += n;
    if (ftruncate(fd, size - left) < 0)
        abort();
    close(fd);
}

static _Noreturn void try_small_disk(void)
{
    char options[32];
    snprintf(options, sizeof options, "size=%d", DISK_BYTES);
    if (!own_mounts() || mount("tmpfs", out, "tmpfs", 0, options) < 0)
        _exit(TOOL_SKIPPED);
    for (const output *o = outputs; o < outputs + N_OUTPUTS; o++)
        for (int old = o->is_read; old < 2; old++)
            for (off_t left = 0; left <= PAGE_BYTES; left += PAGE_BYTES) {
                start_over(o, old);
                fill_disk(left);
                run_and_expect_failure(o, "full tmpfs", "No space left", NULL, NULL);
                expect_untouched(o, old, "full tmpfs");
            }
    fflush(NULL);
    _exit(problems ? 1 : 0);
}

static void a_disk_that_is_full(void **state)
{
    int status = 0;
    (void)state;
    empty_out();
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        try_small_disk();
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == TOOL_SKIPPED)
        print_message("SKIPPED a_disk_that_is_full: no tmpfs can be mounted here (in a container or chroot, say)\n");
    else
        assert_int_equal(status, 0);
}

/* ---- killed at a step */

typedef enum step { HALF_WRITTEN, WRITTEN, UNNAMED, NOT_RENAMED, STEPS } step;
static const char *const step_names[] = {"half written", "before fsync", "before linkat", "before rename"};

typedef struct assassin {
    step step;
    bool no_nameless;   /* the file system refuses O_TMPFILE */
    uint32_t size;      /* of the first output */
    rlim_t half;
} assassin;

typedef struct filter {
    struct sock_filter line[32];
    unsigned short count;
} filter;

static void add(filter *f, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    f->line[f->count++] = (struct sock_filter){code, yes, no, k};
}

static void add_load(filter *f, size_t offset) { add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0); }
static void add_return(filter *f, uint32_t what) { add(f, BPF_RET | BPF_K, what, 0, 0); }

/* The system call's number is loaded; it stays so. */
static void add_kill(filter *f, long call)
{
    add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
    add_return(f, SECCOMP_RET_KILL_PROCESS);
}

/* Argument 2, after the mask, equals the value: then this. */
static void add_on_argument(filter *f, long call, uint32_t mask, uint32_t value, uint32_t what)
{
    add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 5);
    add_load(f, offsetof(struct seccomp_data, args[2]));
    add(f, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    add(f, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    add_return(f, what);
    add_load(f, offsetof(struct seccomp_data, nr));
}

/* A limit on the size of files makes the first write() end in the middle: the second one, with the rest, is the sign
 * that half is written. */
static void send_assassin(const void *arg)
{
    const assassin *a = arg;
    const uint32_t nameless = O_TMPFILE & ~O_DIRECTORY;
    filter f = {.count = 0};
    add_load(&f, offsetof(struct seccomp_data, nr));
    if (a->no_nameless)
        add_on_argument(&f, SYS_openat, nameless, nameless, SECCOMP_RET_ERRNO | EOPNOTSUPP);
    if (a->step == HALF_WRITTEN) {
        limit_files(&a->half);
        add_on_argument(&f, SYS_write, UINT32_MAX, a->size - (uint32_t)a->half, SECCOMP_RET_KILL_PROCESS);
    } else if (a->step == WRITTEN) {
        add_kill(&f, SYS_fsync);
    } else if (a->step == UNNAMED) {
        add_kill(&f, SYS_linkat);
    } else {
#ifdef SYS_rename
        add_kill(&f, SYS_rename);
#endif
#ifdef SYS_renameat
        add_kill(&f, SYS_renameat);
#endif
    }
    add_return(&f, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {f.count, f.line};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        _exit(TOOL_SKIPPED);
}

static bool has_nameless_files(void)
{
    const int fd = open(out, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* False where the filter cannot be had. */
static bool kill_at(const output *o, step at, bool old, bool nameless)
{
    char when[100];
    bool whole;
    const size_t size = fresh[o - outputs][0].size;
    const assassin a = {at, !nameless, (uint32_t)size, size / 2};
    tool_run r = {.command = o->command, .folder = root, .before = send_assassin, .arg = &a};
    snprintf(when, sizeof when, "killed %s, over %s, %s", step_names[at], old ? "an old file" : "nothing",
             nameless ? "in a file without a name" : "under a temporary name");
    start_over(o, old);
    tool_finish(&r, tool_start(&r));
    tool_close(&r);
    if (tool_code(&r) == TOOL_SKIPPED)
        return false;
    /* Without a name there is a link to make, and a rename only over an old file. */
    const bool reached = at < UNNAMED || (at == UNNAMED ? nameless : !nameless || old);
    if (reached ? !WIFSIGNALED(r.status) || WTERMSIG(r.status) != SIGSYS : tool_code(&r) != FL_CLI_DONE)
        complain(o, when, "the run ended with status 0x%x: %s", (unsigned)r.status, r.text);
    const size_t became = check_outputs(o, old, when), left = count_temporary(o, when, &whole);
    if (reached ? became > 0 : became == 0)
        complain(o, when, "%zu outputs were written", became);
    if (left > (reached && (!nameless || at == NOT_RENAMED)))
        complain(o, when, "%zu temporary files were left", left);
    if (left && at > HALF_WRITTEN && !whole)
        complain(o, when, "a part was left");
    return true;
}

static void killed_at_each_step(void **state)
{
    const bool nameless = has_nameless_files();
    bool can = true;
    (void)state;
    for (const output *o = outputs; can && o < outputs + N_OUTPUTS; o++)
        for (int i = 0; can && i < STEPS * 4; i++)
            can = kill_at(o, (step)(i / 4), (i & 1) || o->is_read, (i & 2) && nameless);
    if (!can)
        print_message("SKIPPED killed_at_each_step: no filter on system calls can be had\n");
    if (can && !nameless)
        print_message("SKIPPED killed_at_each_step for files without a name: the file system has none\n");
    assert_int_equal(problems, 0);
}

/* ---- killed at any moment */

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t duration_us(const output *o)
{
    int64_t shortest = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        start_over(o, true);
        const int64_t start = now_us();
        tool_must(root, o->command);
        const int64_t here = now_us() - start;
        shortest = here < shortest ? here : shortest;
    }
    return shortest;
}

static void killed_at_any_moment(void **state)
{
    const bool nameless = has_nameless_files();
    const int kills = (TOOL_HEAVY ? KILLS / 4 : KILLS) / (int)N_OUTPUTS + 1;
    size_t killed = 0, became = 0, left = 0;
    (void)state;
    for (const output *o = outputs; o < outputs + N_OUTPUTS; o++) {
        const int64_t duration = duration_us(o);
        for (int i = 0; i < kills; i++) {
            bool whole;
            const bool old = (i & 1) || o->is_read;
            tool_run r = {.command = o->command, .folder = root};
            start_over(o, old);
            const pid_t child = tool_start(&r);
            usleep((useconds_t)(duration * i / kills));
            kill(child, SIGKILL);
            tool_finish(&r, child);
            tool_close(&r);
            killed += WIFSIGNALED(r.status);
            became += check_outputs(o, old, "SIGKILL") > 0 && WIFSIGNALED(r.status);
            const size_t here = count_temporary(o, "SIGKILL", &whole);
            if (here > 1 || (here && nameless && (!old || !whole)))
                complain(o, "SIGKILL", "%zu temporary files were left", here);
            left += here;
        }
    }
    print_message("%zu killed, %zu of them with new files, %zu with a temporary one\n", killed, became, left);
    assert_true(killed > 0);
    assert_int_equal(problems, 0);
}

/* ---- what it starts from */

static const char wide_net[] =
    "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'shape' value {\n"
    "    shape { dim { size: -1 } dim { size: 256 } } } } }\n"
    "node { name: 'y' op: 'Relu' input: 'x' attr { key: 'T' value { type: DT_FLOAT } } }\n"
    "versions { producer: 24 }\n";

/* A cache as a user may have it: what was measured for wide_net, below notes and many other entries, which a tool sorts
 * and writes without the notes. So old and new differ, and the new one is the same each time: nothing is measured. */
static void make_stale_cache(void)
{
    char path[1000];
    fl_buf text = fl_buf_make(NULL);
    tool_must(root, "build @/wide.pbtxt -o @/side.PLAN --timing-cache=@/out/cache.txt --threads=1 -q");
    tool_bytes measured = tool_read(tool_path(path, sizeof path, out, "cache.txt"));
    assert_non_null(measured.data);
    fl_put_bytes(&text, measured.data, measured.size);
    for (int i = 200; i > 0; i--)
        fl_put_format(&text, "# note %d\nmatmul f32[1,%d] f32[%d,5]c -> f32[1,5]\tcpu.matmul.f32.none\t%d\n", i, i, i,
                      i);
    assert_false(text.failed);
    stale.size = text.size;
    stale.data = malloc(text.size);
    memcpy(stale.data, text.data, text.size);
    fl_buf_free(&text);
    free(measured.data);
}

static int prepare(void **state)
{
    static const char *const parts[] = {"checkpoint", "model.ckpt-2622.index", "model.ckpt-2622.meta",
                                        "model.ckpt-2622.data-00000-of-00001"};
    static float values[256 * 256];
    char from[1024], name[100], path[1000];
    (void)state;
    tool_folder(root, sizeof root, false);
    assert_int_equal(mkdir(tool_path(out, sizeof out, root, "out"), 0755), 0);
    assert_int_equal(mkdir(tool_path(path, sizeof path, root, "ck"), 0755), 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(name, sizeof name, "sample/checkpoint/%s", parts[i]);
        golden_path(from, sizeof from, name);
        snprintf(name, sizeof name, "ck/%s", parts[i]);
        tool_copy(from, tool_path(path, sizeof path, root, name));
    }
    for (int i = 0; i < 256 * 256; i++)
        values[i] = (float)i;
    const npy_array x = {'f', 4, 2, {256, 256}, 256 * 256, values};
    assert_true(npy_save(tool_path(path, sizeof path, root, "x.npy"), &x));
    tool_write(tool_path(path, sizeof path, root, "wide.pbtxt"), wide_net, sizeof wide_net - 1);
    tool_must(root, "freeze --checkpoint_folder=@/ck --output_node_names=softmax_tensor --output_graph=@/net.pb");
    tool_must(root, "convert @/net.pb -o @/net.uff");
    make_stale_cache();
    for (size_t i = 0; i < N_OUTPUTS; i++) {
        start_over(&outputs[i], true);
        tool_must(root, outputs[i].command);
        for (size_t k = 0; k < FILES && outputs[i].name[k]; k++) {
            fresh[i][k] = tool_read(tool_path(path, sizeof path, out, outputs[i].name[k]));
            assert_true(fresh[i][k].size > 2 * PAGE_BYTES); /* more than the small disk has room for */
            assert_false(equals(outputs[i].name[k], &stale));
        }
    }
    return 0;
}

static int begin(void **state)
{
    (void)state;
    problems = 0;
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OUTPUTS; i++)
        for (size_t k = 0; k < FILES; k++)
            free(fresh[i][k].data);
    free(stale.data);
    tool_remove(root);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_device_that_is_full, begin),
        cmocka_unit_test_setup(a_limit_on_the_size_of_files, begin),
        cmocka_unit_test_setup(a_folder_without_permission, begin),
        cmocka_unit_test_setup(a_disk_that_is_full, begin),
        cmocka_unit_test_setup(killed_at_each_step, begin),
        cmocka_unit_test_setup(killed_at_any_moment, begin),
    };
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
