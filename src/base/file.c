/* file.c - files are read by mapping, and written so that a reader sees the old file or the new one, never a half.
 *
 * Reading: a private read-only mapping. Weights stay in the page cache, shared by all processes that map the same
 * PLAN. Such a file must not be shortened while it is mapped (reading past its new end raises SIGBUS); our own writer
 * never does that, it puts a new file in the old one's place and mapped readers keep the old one.
 *
 * Writing: a file without a name (O_TMPFILE), fsync, and only then a name: killed at any moment, the process leaves
 * nothing half-written. Where nothing stands yet the name is the wanted one. A link cannot take another file's place,
 * so over an old file it is first "<name>.tmp-<pid>-<n>", renamed in the next call; killed between the two, the process
 * leaves a whole file of that name. Not every file system knows files without names (FAT and many network disks do
 * not), and giving a name goes through /proc: elsewhere the temporary name comes first, and a killed process leaves a
 * part of a file under it. Either way the folder is the same, as rename works within one file system only, and the
 * temporary name must be new, so writers in other threads or on other machines move on to the next n.
 *
 * A symbolic link is followed by hand first: rename would replace the link, not the file it stands for. That also
 * works for links to files that do not exist yet, for which realpath() has no answer.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PATH_BYTES  4096 /* Linux takes no longer path */
#define MAX_LINKS   40   /* as Linux itself */
#define MAX_TRIES   1000
#define KEPT_NAME   200 /* of a long file name this much goes into the temporary one: names end at 255 bytes */
#define CHUNK_BYTES ((size_t)1 << 30)

/* ---- reading */

static floe_status fail_errno(floe_error *err, const char *path, const char *what)
{
    return fl_fail(err, FLOE_ERR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

static floe_status check_regular(const struct stat *info, const char *path, floe_error *err)
{
    if (S_ISDIR(info->st_mode))
        return fl_fail(err, FLOE_ERR_IO, "%s: is a folder, a file was expected", path);
    if (!S_ISREG(info->st_mode))
        return fl_fail(err, FLOE_ERR_IO, "%s: is a device, pipe or socket, a regular file was expected", path);
    if ((uintmax_t)info->st_size > PTRDIFF_MAX)
        return fl_fail(err, FLOE_ERR_IO, "%s: %ju bytes are too many to map", path, (uintmax_t)info->st_size);
    return FLOE_OK;
}

floe_status fl_file_map(fl_file *out, const char *path, floe_error *err)
{
    static const uint8_t nothing[1] = {0};
    floe_status st = FLOE_OK;
    fl_file file = {nothing, 0, NULL};
    struct stat info;

    /* O_NONBLOCK: opening a pipe that has no writer must not wait for one. It means nothing to regular files. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info) < 0) {
        st = fail_errno(err, path, "open");
        goto done;
    }
    FL_TRY(check_regular(&info, path, err));
    if (info.st_size > 0) { /* an empty mapping is an error to mmap */
        file.size = (size_t)info.st_size;
        file.map = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file.map == MAP_FAILED) {
            st = fail_errno(err, path, "map");
            goto done;
        }
        file.data = file.map;
    }
    *out = file;
done:
    if (fd >= 0)
        close(fd);
    return st;
}

void fl_file_unmap(fl_file *file)
{
    if (file->map)
        munmap(file->map, file->size);
    *file = (fl_file){NULL, 0, NULL};
}

/* ---- writing; static functions return 0, or the errno that says why not */

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const ssize_t n = write(fd, data, size < CHUNK_BYTES ? size : CHUNK_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Length of the folder part of a path, with its last slash. */
static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (int)(slash - path) + 1 : 0;
}

/* Does the path's last part lie in /proc, by whatever name? Links there (what /dev/stdout leads to) stand for open
 * files; what they read as is at best a name that file once had. */
static bool is_in_proc(const char *path)
{
    char folder[PATH_BYTES];
    struct statfs info;

    snprintf(folder, sizeof folder, "%.*s.", folder_length(path), path);
    return statfs(folder, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

/* Replaces a path that is a symbolic link by what the link says, until it is none, or one of /proc. */
static int follow_links(char path[PATH_BYTES], bool *stands_for_open_file)
{
    char target[PATH_BYTES], joined[PATH_BYTES];

    for (int i = 0; i < MAX_LINKS; i++) {
        const ssize_t n = readlink(path, target, sizeof target - 1);
        *stands_for_open_file = n >= 0 && is_in_proc(path);
        if (n < 0 || *stands_for_open_file) /* EINVAL: no link; ENOENT: nothing there; the rest comes up in open() */
            return 0;
        target[n] = '\0';
        const int kept = target[0] == '/' ? 0 : folder_length(path);
        const int length = snprintf(joined, sizeof joined, "%.*s%s", kept, path, target);
        if (length < 0 || (size_t)length >= sizeof joined)
            return ENAMETOOLONG;
        memcpy(path, joined, (size_t)length + 1);
    }
    return ELOOP;
}

/* The n-th temporary name beside path. */
static int temporary_name(char name[PATH_BYTES], const char *path, int n)
{
    const int folder = folder_length(path);
    const int length = snprintf(name, PATH_BYTES, "%.*s%.*s.tmp-%ld-%d", folder, path, KEPT_NAME, path + folder,
                                (long)getpid(), n);

    return length < 0 || length >= PATH_BYTES ? ENAMETOOLONG : 0;
}

/* Opens a new file beside path, with at most the given permissions, and stores its name. */
static int open_temporary(int *fd, char name[PATH_BYTES], const char *path, mode_t mode)
{
    int error = EEXIST;

    for (int n = 0; n < MAX_TRIES && error == EEXIST; n++) {
        if ((error = temporary_name(name, path, n)))
            return error;
        *fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode);
        error = *fd < 0 ? errno : 0;
    }
    return error;
}

/* The same without a name; -1 where that is not possible. */
static int open_nameless(const char *path, mode_t mode)
{
    char folder[PATH_BYTES];

    snprintf(folder, sizeof folder, "%.*s.", folder_length(path), path);
    return open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC | O_NOCTTY, mode);
}

/* Names a file that has none: path itself, and name becomes "", or if something is there a temporary one. */
static int give_name(int fd, char name[PATH_BYTES], const char *path)
{
    char self[64];

    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    name[0] = '\0';
    int error = linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? errno : 0;
    for (int n = 0; n < MAX_TRIES && error == EEXIST; n++) {
        if ((error = temporary_name(name, path, n)))
            return error;
        error = linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0 ? errno : 0;
    }
    return error;
}

/* close() may report what write() could not know yet (a quota, a network disk). EINTR still closes. */
static int close_checked(int fd, int error)
{
    const int closed = close(fd) == 0 || errno == EINTR ? 0 : errno;
    return error ? error : closed;
}

static int write_directly(const char *path, const void *data, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_TRUNC);

    return fd < 0 ? errno : close_checked(fd, write_all(fd, data, size));
}

/* Everything but the name. Where the permissions of `old` cannot be had the new file has fewer: open() masks them,
 * nothing ever adds to them. */
static int fill_file(int fd, const struct stat *old, const void *data, size_t size)
{
    if (old && fchmod(fd, old->st_mode & 0777) < 0)
        errno = 0;
    const int error = write_all(fd, data, size);
    if (!error && fsync(fd) < 0 && errno != EINVAL && errno != ENOSYS) /* those two: nothing to sync here */
        return errno;
    return error;
}

/* `old` is what stands at path, NULL for nothing; its permission bits go over to the new file. */
static int replace_file(const char *path, const struct stat *old, const void *data, size_t size)
{
    char name[PATH_BYTES] = "";
    const mode_t mode = old ? old->st_mode & 0777 : 0666;
    int fd = open_nameless(path, mode);
    int error = fd < 0 ? 0 : fill_file(fd, old, data, size);
    const bool named = fd >= 0 && !error && give_name(fd, name, path) == 0;

    if (fd >= 0)
        close(fd); /* all is synced: there is nothing left to fail */
    if (error || (named && !name[0]))
        return error;
    if (!named) {
        if ((error = open_temporary(&fd, name, path, mode)))
            return error;
        error = close_checked(fd, fill_file(fd, old, data, size));
    }
    if (!error && rename(name, path) < 0)
        error = errno;
    if (error)
        unlink(name);
    return error;
}

/* Finds out what path is and picks the way to write it. */
static int write_file(const char *path, const void *data, size_t size)
{
    char real[PATH_BYTES];
    struct stat old;
    bool stands_for_open_file;
    const size_t length = strlen(path);
    const bool exists = stat(path, &old) == 0;

    if (!exists && errno != ENOENT)
        return errno;
    if (exists && S_ISDIR(old.st_mode))
        return EISDIR;
    if (exists && !S_ISREG(old.st_mode))
        return write_directly(path, data, size);
    if (length >= sizeof real)
        return ENAMETOOLONG;
    if (exists && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0) /* rename alone would not ask the file */
        return errno;

    memcpy(real, path, length + 1);
    const int error = follow_links(real, &stands_for_open_file);
    if (error)
        return error;
    if (stands_for_open_file)
        return write_directly(path, data, size);
    return replace_file(real, exists ? &old : NULL, data, size);
}

floe_status fl_file_write(const char *path, const void *data, size_t size, floe_error *err)
{
    errno = write_file(path, data, size);
    return errno ? fail_errno(err, path, "write") : FLOE_OK;
}

bool fl_path_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool fl_path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}
