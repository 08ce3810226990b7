/* test_base_file.c - mapping what is and is not a file; writing that leaves the old file or the new one, never half.
 *
 * Every test works in a folder of its own, made fresh and removed afterwards; the teardown fails the test when
 * anything unexpected (a forgotten temporary file) is left in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static char folder[512];

static const char *in_folder(const char *name)
{
    static char paths[8][1024]; /* a few at a time */
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/floe-file-XXXXXX", base && *base ? base : P_tmpdir);
    umask(022);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    int forgotten = 0;
    DIR *dir = opendir(folder);
    (void)state;

    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' && (!entry->d_name[1] || entry->d_name[1] == '.'))
            continue;
        if (strstr(entry->d_name, ".tmp-")) {
            print_error("left behind: %s\n", entry->d_name);
            forgotten = -1;
        }
        const char *path = in_folder(entry->d_name);
        if (unlink(path) < 0)
            rmdir(path);
    }
    if (dir)
        closedir(dir);
    return rmdir(folder) < 0 ? -1 : forgotten;
}

static void put_file(const char *path, const char *text, mode_t mode)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_content(const char *path, const char *text)
{
    fl_file file = {0};
    floe_error err;
    if (fl_file_map(&file, path, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(file.size, strlen(text));
    assert_memory_equal(file.data, text, file.size);
    fl_file_unmap(&file);
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode;
}

/* ---- reading */

static void map_gives_the_bytes(void **state)
{
    fl_file file = {0};
    (void)state;

    put_file(in_folder("a"), "hello", 0600);
    assert_int_equal(fl_file_map(&file, in_folder("a"), NULL), FLOE_OK);
    assert_int_equal(file.size, 5);
    assert_memory_equal(file.data, "hello", 5);
    unlink(in_folder("a")); /* mapped bytes outlive the name */
    assert_memory_equal(file.data, "hello", 5);
    fl_file_unmap(&file);
    assert_null(file.map);
    assert_int_equal(file.size, 0);
    fl_file_unmap(&file);
}

static void map_of_an_empty_file_has_data(void **state)
{
    fl_file file = {0};
    (void)state;

    put_file(in_folder("empty"), "", 0600);
    assert_int_equal(fl_file_map(&file, in_folder("empty"), NULL), FLOE_OK);
    assert_int_equal(file.size, 0);
    assert_non_null(file.data);
    fl_file_unmap(&file);
}

static void map_says_why_it_refuses(void **state)
{
    floe_error err;
    fl_file file = {NULL, 77, NULL};
    (void)state;

    assert_int_equal(fl_file_map(&file, in_folder("missing.pb"), &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, "missing.pb"));
    assert_non_null(strstr(err.message, strerror(ENOENT)));
    assert_int_equal(fl_file_map(&file, folder, &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, "folder"));
    assert_int_equal(fl_file_map(&file, "/dev/null", &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, "device"));
    assert_int_equal(fl_file_map(&file, "", NULL), FLOE_ERR_IO);
    assert_int_equal(file.size, 77); /* written only on success */
}

static void map_of_a_pipe_does_not_wait_for_a_writer(void **state)
{
    floe_error err;
    fl_file file;
    (void)state;

    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    alarm(20); /* a hang ends the test program */
    assert_int_equal(fl_file_map(&file, in_folder("pipe"), &err), FLOE_ERR_IO);
    alarm(0);
    assert_non_null(strstr(err.message, "pipe"));
}

static void failing_opens_leak_no_descriptor(void **state)
{
    fl_file file;
    (void)state;

    const int before = dup(0);
    close(before);
    for (int i = 0; i < 100; i++) {
        fl_file_map(&file, folder, NULL);
        fl_file_map(&file, "/dev/null", NULL);
        fl_file_map(&file, in_folder("missing"), NULL);
        fl_file_write(in_folder("missing/x"), "x", 1, NULL);
        fl_file_write(folder, "x", 1, NULL);
        assert_int_equal(fl_file_write(in_folder("made"), "x", 1, NULL), FLOE_OK);
        assert_int_equal(fl_file_map(&file, in_folder("made"), NULL), FLOE_OK);
        fl_file_unmap(&file);
    }
    const int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

static void paths_are_told_apart(void **state)
{
    (void)state;
    put_file(in_folder("a"), "x", 0600);
    assert_true(fl_path_exists(folder));
    assert_true(fl_path_is_folder(folder));
    assert_true(fl_path_exists(in_folder("a")));
    assert_false(fl_path_is_folder(in_folder("a")));
    assert_false(fl_path_exists(in_folder("b")));
    assert_false(fl_path_is_folder(in_folder("b")));
}

/* ---- writing */

static void write_makes_a_file_with_the_usual_permissions(void **state)
{
    (void)state;
    assert_int_equal(fl_file_write(in_folder("x.plan"), "plan", 4, NULL), FLOE_OK);
    assert_content(in_folder("x.plan"), "plan");
    assert_int_equal(mode_of(in_folder("x.plan")), S_IFREG | 0644);
    umask(077);
    assert_int_equal(fl_file_write(in_folder("y.plan"), NULL, 0, NULL), FLOE_OK);
    umask(022);
    assert_content(in_folder("y.plan"), "");
    assert_int_equal(mode_of(in_folder("y.plan")), S_IFREG | 0600);
}

static void write_over_a_file_keeps_its_permissions(void **state)
{
    static const mode_t modes[] = {0600, 0666, 0755, 0640};
    (void)state;

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        put_file(in_folder("x"), "old and longer", modes[i]);
        assert_int_equal(fl_file_write(in_folder("x"), "new", 3, NULL), FLOE_OK);
        assert_content(in_folder("x"), "new");
        assert_int_equal(mode_of(in_folder("x")), S_IFREG | modes[i]);
    }
}

static void mapped_readers_keep_the_old_file(void **state)
{
    fl_file file = {0};
    (void)state;

    put_file(in_folder("x"), "old", 0600);
    assert_int_equal(fl_file_map(&file, in_folder("x"), NULL), FLOE_OK);
    assert_int_equal(fl_file_write(in_folder("x"), "n", 1, NULL), FLOE_OK);
    assert_memory_equal(file.data, "old", 3);
    fl_file_unmap(&file);
    assert_content(in_folder("x"), "n");
}

static void write_works_in_the_current_folder(void **state)
{
    char *const before = getcwd(NULL, 0);
    (void)state;

    assert_int_equal(chdir(folder), 0);
    assert_int_equal(fl_file_write("bare.plan", "1", 1, NULL), FLOE_OK);
    assert_int_equal(fl_file_write("./bare.plan", "22", 2, NULL), FLOE_OK);
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_content(in_folder("bare.plan"), "22");
}

static void links_stay_links(void **state)
{
    (void)state;
    put_file(in_folder("file"), "old", 0600);
    assert_int_equal(mkdir(in_folder("sub"), 0700), 0);
    assert_int_equal(symlink("file", in_folder("link")), 0);
    assert_int_equal(symlink(in_folder("link"), in_folder("sub/link2")), 0); /* absolute, then relative */
    assert_int_equal(fl_file_write(in_folder("sub/link2"), "new", 3, NULL), FLOE_OK);
    assert_true(S_ISLNK(mode_of(in_folder("link"))));
    assert_true(S_ISLNK(mode_of(in_folder("sub/link2"))));
    assert_true(S_ISREG(mode_of(in_folder("file"))));
    assert_content(in_folder("file"), "new");

    assert_int_equal(symlink("../made", in_folder("sub/link3")), 0); /* to a file that is not there yet */
    assert_int_equal(fl_file_write(in_folder("sub/link3"), "made", 4, NULL), FLOE_OK);
    assert_true(S_ISLNK(mode_of(in_folder("sub/link3"))));
    assert_content(in_folder("made"), "made");
    unlink(in_folder("sub/link2"));
    unlink(in_folder("sub/link3"));
}

static void links_in_a_circle_are_an_error(void **state)
{
    floe_error err;
    (void)state;

    assert_int_equal(symlink("b", in_folder("a")), 0);
    assert_int_equal(symlink("a", in_folder("b")), 0);
    assert_int_equal(fl_file_write(in_folder("a"), "x", 1, &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, strerror(ELOOP)));
    assert_true(S_ISLNK(mode_of(in_folder("a"))));
}

static void long_names_can_be_written(void **state)
{
    char name[256];
    (void)state;

    memset(name, 'n', 255); /* as long as a name may be: the temporary one cannot be longer */
    name[255] = '\0';
    assert_int_equal(fl_file_write(in_folder(name), "x", 1, NULL), FLOE_OK);
    assert_content(in_folder(name), "x");
}

static void impossible_places_are_named(void **state)
{
    static char endless[5000];
    floe_error err;
    (void)state;

    assert_int_equal(fl_file_write(in_folder("no/such/x.plan"), "x", 1, &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, "no/such/x.plan: cannot write: "));
    assert_non_null(strstr(err.message, strerror(ENOENT)));
    assert_int_equal(fl_file_write(folder, "x", 1, &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, strerror(EISDIR)));
    assert_int_equal(fl_file_write("", "x", 1, &err), FLOE_ERR_IO);
    put_file(in_folder("file"), "x", 0600);
    assert_int_equal(fl_file_write(in_folder("file/x"), "x", 1, &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, strerror(ENOTDIR)));
    memset(endless, '/', sizeof endless - 1);
    assert_int_equal(fl_file_write(endless, "x", 1, &err), FLOE_ERR_IO);
}

static void a_full_disk_keeps_the_old_file(void **state)
{
    static char big[200000];
    const struct rlimit small = {65536, RLIM_INFINITY};
    struct rlimit before;
    floe_error err;
    (void)state;

    put_file(in_folder("x.plan"), "old", 0600);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const floe_status over = fl_file_write(in_folder("x.plan"), big, sizeof big, &err);
    const floe_status fresh = fl_file_write(in_folder("y.plan"), big, sizeof big, NULL);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);

    assert_int_equal(over, FLOE_ERR_IO);
    assert_non_null(strstr(err.message, strerror(EFBIG)));
    assert_content(in_folder("x.plan"), "old");
    assert_int_equal(fresh, FLOE_ERR_IO);
    assert_false(fl_path_exists(in_folder("y.plan"))); /* the teardown looks for temporary files */
}

static void devices_and_pipes_are_written_directly(void **state)
{
    floe_error err;
    char got[8] = {0};
    (void)state;

    assert_int_equal(fl_file_write("/dev/null", "x", 1, NULL), FLOE_OK);
    assert_true(S_ISCHR(mode_of("/dev/null")));
    if (fl_path_exists("/dev/full")) {
        assert_int_equal(fl_file_write("/dev/full", "x", 1, &err), FLOE_ERR_IO);
        assert_string_equal(err.message, "/dev/full: cannot write: No space left on device");
    }
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    const int fd = open(in_folder("pipe"), O_RDWR);
    assert_int_equal(fl_file_write(in_folder("pipe"), "piped", 5, NULL), FLOE_OK);
    assert_int_equal(read(fd, got, sizeof got), 5);
    assert_string_equal(got, "piped");
    close(fd);
    assert_true(S_ISFIFO(mode_of(in_folder("pipe"))));
}

static void a_link_below_proc_is_written_where_it_leads(void **state)
{
    char path[64], got[16] = {0};
    (void)state;

    int fd = open(in_folder("out"), O_RDWR | O_CREAT, 0600);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_int_equal(fl_file_write(path, "named", 5, NULL), FLOE_OK);
    assert_content(in_folder("out"), "named");
    close(fd);

    fd = open(in_folder("out"), O_RDWR);
    unlink(in_folder("out")); /* now the link reads "... (deleted)" */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_int_equal(fl_file_write(path, "gone", 4, NULL), FLOE_OK);
    assert_int_equal(pread(fd, got, sizeof got, 0), 4);
    assert_string_equal(got, "gone");
    close(fd);
}

static void read_only_files_and_folders_are_respected(void **state)
{
    floe_error err;
    (void)state;

    if (geteuid() == 0) /* root may write everywhere: as root, become nobody in a child */
        assert_int_equal(chown(folder, 65534, 65534), 0);
    const pid_t child = fork();
    if (child == 0) {
        int wrong = 0;
        if (geteuid() == 0 && setuid(65534) < 0)
            _exit(100);
        put_file(in_folder("file"), "old", 0444);
        wrong |= fl_file_write(in_folder("file"), "new", 3, &err) != FLOE_ERR_IO ? 1 : 0;
        wrong |= strstr(err.message, strerror(EACCES)) ? 0 : 2;
        chmod(in_folder("file"), 0644);
        chmod(folder, 0555);
        wrong |= fl_file_write(in_folder("file"), "new", 3, NULL) != FLOE_ERR_IO ? 4 : 0;
        wrong |= fl_file_write(in_folder("other"), "new", 3, NULL) != FLOE_ERR_IO ? 8 : 0;
        chmod(folder, 0755);
        wrong |= fl_file_write(in_folder("other"), "new", 3, NULL) != FLOE_OK ? 16 : 0;
        _exit(wrong);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_content(in_folder("file"), "old");
}

/* ---- the promise itself */

static char *filled(char letter, size_t size)
{
    char *data = malloc(size);
    assert_non_null(data);
    return memset(data, letter, size);
}

/* Whole means: of one writer only, and of its length. */
static void assert_whole(const char *path, size_t sizes_by_letter[26])
{
    fl_file file = {0};
    assert_int_equal(fl_file_map(&file, path, NULL), FLOE_OK);
    assert_in_range(file.data[0], 'a', 'z');
    assert_int_equal(file.size, sizes_by_letter[file.data[0] - 'a']);
    for (size_t i = 0; i < file.size; i++)
        if (file.data[i] != file.data[0])
            fail_msg("byte %zu is '%c', the file began with '%c'", i, file.data[i], file.data[0]);
    fl_file_unmap(&file);
}

typedef struct writer {
    const char *path;
    char letter;
    size_t size;
    int failures;
} writer;

static void *write_often(void *arg)
{
    writer *w = arg;
    char *data = malloc(w->size);
    memset(data, w->letter, w->size);
    for (int i = 0; i < 30; i++)
        w->failures += fl_file_write(w->path, data, w->size, NULL) != FLOE_OK;
    free(data);
    return NULL;
}

static void writers_at_once_leave_one_whole_file(void **state)
{
    enum { WRITERS = 4 };
    const char *const path = in_folder("shared");
    writer writers[WRITERS];
    pthread_t threads[WRITERS];
    size_t sizes[26] = {0};
    (void)state;

    put_file(path, "a", 0600);
    sizes[0] = 1;
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){path, (char)('b' + i), 10000u * (unsigned)(i + 1), 0};
        sizes[i + 1] = writers[i].size;
    }
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_often, &writers[i]), 0);
    for (int i = 0; i < 100; i++)
        assert_whole(path, sizes);
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].failures, 0);
    }
    assert_whole(path, sizes);
}

/* Removes what a killed writer may leave. Where files can be without a name that is a whole file under the promised name,
 * which the writer was about to put in the old one's place. */
static void remove_stale(pid_t pid, size_t sizes_by_letter[26])
{
    char stale[64];
    snprintf(stale, sizeof stale, "x.plan.tmp-%ld-0", (long)pid);
    const int fd = open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        if (fl_path_exists(in_folder(stale)))
            assert_whole(in_folder(stale), sizes_by_letter);
    }
    unlink(in_folder(stale));
}

static void a_killed_writer_leaves_a_whole_file(void **state)
{
    enum { SIZE = 2 * 1024 * 1024 };
    char path[1024];
    size_t sizes[26] = {SIZE, SIZE};
    char *const a = filled('a', SIZE), *const b = filled('b', SIZE);
    (void)state;

    snprintf(path, sizeof path, "%s/x.plan", folder);
    assert_int_equal(fl_file_write(path, a, SIZE, NULL), FLOE_OK);
    for (unsigned round = 0; round < 25; round++) {
        const pid_t child = fork();
        if (child == 0)
            for (;;) {
                fl_file_write(path, b, SIZE, NULL);
                fl_file_write(path, a, SIZE, NULL);
            }
        usleep(500 + round * 397);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_whole(path, sizes);
        remove_stale(child, sizes);
    }
    free(a);
    free(b);
}

static void a_stale_temporary_file_is_stepped_over(void **state)
{
    char stale[64];
    (void)state;

    snprintf(stale, sizeof stale, "x.plan.tmp-%ld-0", (long)getpid());
    put_file(in_folder(stale), "another's", 0600);
    put_file(in_folder("x.plan"), "old", 0600);
    assert_int_equal(fl_file_write(in_folder("x.plan"), "mine", 4, NULL), FLOE_OK);
    assert_content(in_folder("x.plan"), "mine");
    assert_content(in_folder(stale), "another's");
    unlink(in_folder(stale));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(map_gives_the_bytes),
        IN_FOLDER(map_of_an_empty_file_has_data),
        IN_FOLDER(map_says_why_it_refuses),
        IN_FOLDER(map_of_a_pipe_does_not_wait_for_a_writer),
        IN_FOLDER(failing_opens_leak_no_descriptor),
        IN_FOLDER(paths_are_told_apart),
        IN_FOLDER(write_makes_a_file_with_the_usual_permissions),
        IN_FOLDER(write_over_a_file_keeps_its_permissions),
        IN_FOLDER(mapped_readers_keep_the_old_file),
        IN_FOLDER(write_works_in_the_current_folder),
        IN_FOLDER(links_stay_links),
        IN_FOLDER(links_in_a_circle_are_an_error),
        IN_FOLDER(long_names_can_be_written),
        IN_FOLDER(impossible_places_are_named),
        IN_FOLDER(a_full_disk_keeps_the_old_file),
        IN_FOLDER(devices_and_pipes_are_written_directly),
        IN_FOLDER(a_link_below_proc_is_written_where_it_leads),
        IN_FOLDER(read_only_files_and_folders_are_respected),
        IN_FOLDER(writers_at_once_leave_one_whole_file),
        IN_FOLDER(a_killed_writer_leaves_a_whole_file),
        IN_FOLDER(a_stale_temporary_file_is_stepped_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
