/* file.c - files are read by mapping, and written so that a reader sees the old file or the new one, never a half.
 *
 * Reading: a private read-only mapping. Weights stay in the page cache, shared by all processes that map the same
 * PLAN. Such a file must not be shortened while it is mapped (reading past its new end raises SIGBUS); our own writer
 * never does that, it puts a new file in the old one's place and mapped readers keep the old one.
 *
 * Writing: a temporary name in the same folder (rename works within one file system only), fsync, rename. Killed at
 * any moment, the process leaves at most "<name>.tmp-<pid>-<n>" behind. The name is taken with O_EXCL, so writers
 * in other threads or on other machines move on to the next n.
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

/* Opens a new file beside path, with at most the given permissions, and stores its name. */
static int open_temporary(int *fd, char name[PATH_BYTES], const char *path, mode_t mode)
{
    const int folder = folder_length(path);

    for (int n = 0; n < MAX_TRIES; n++) {
        const int length = snprintf(name, PATH_BYTES, "%.*s%.*s.tmp-%ld-%d", folder, path, KEPT_NAME, path + folder,
                                    (long)getpid(), n);
        if (length < 0 || length >= PATH_BYTES)
            return ENAMETOOLONG;
        *fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode);
        if (*fd >= 0)
            return 0;
        if (errno != EEXIST)
            return errno;
    }
    return EEXIST;
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

/* `old` is what stands at path, NULL for nothing; its permission bits go over to the new file. Where that is not
 * possible the new file has fewer: open() masks them, nothing ever adds to them. */
static int replace_file(const char *path, const struct stat *old, const void *data, size_t size)
{
    char name[PATH_BYTES];
    int fd = -1;
    const mode_t mode = old ? old->st_mode & 0777 : 0666;

    int error = open_temporary(&fd, name, path, mode);
    if (error)
        return error;
    if (old && fchmod(fd, mode) < 0)
        errno = 0;
    error = write_all(fd, data, size);
    if (!error && fsync(fd) < 0 && errno != EINVAL && errno != ENOSYS) /* those two: nothing to sync here */
        error = errno;
    error = close_checked(fd, error);
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
