/* cli_paths.c - see cli_paths.h. Lists are sorted by bytes, so that a folder gives the same order on every machine. */
#include "cli_paths.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* ---- pictures */

static bool is_picture_name(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".pgm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (!strcasecmp(dot, endings[i]))
            return true;
    return false;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static floe_status expand_folder(fl_cli *cli, fl_cli_words *out, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t before = out->count;
    const bool slash = path[strlen(path) - 1] == '/';
    DIR *folder = opendir(path);
    if (!folder)
        FL_FAIL(err, FLOE_ERR_IO, "%s: cannot list the folder: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!is_picture_name(entry->d_name) || entry->d_name[0] == '.')
            continue;
        const char *full = fl_arena_printf(&cli->arena, "%s%s%s", path, slash ? "" : "/", entry->d_name);
        FL_NEED(full, strlen(path), "a list of pictures", err);
        if (!fl_path_is_folder(full))
            FL_TRY(fl_cli_append(cli, out, full, err));
    }
    if (out->count == before)
        FL_FAIL(err, FLOE_ERR_NOT_FOUND,
                "%s: no picture in this folder; names end in .png .jpg .jpeg .webp .bmp .ppm .pgm", path);
    qsort(out->item + before, out->count - before, sizeof *out->item, by_bytes);
done:
    if (folder)
        closedir(folder);
    return st;
}

static floe_status expand_pattern(fl_cli *cli, fl_cli_words *out, const char *pattern, floe_error *err)
{
    floe_status st = FLOE_OK;
    glob_t found = {0};
    const int rc = glob(pattern, 0, NULL, &found);
    if (rc == GLOB_NOMATCH)
        FL_FAIL(err, FLOE_ERR_NOT_FOUND, "%s: no file fits this pattern", pattern);
    if (rc)
        FL_FAIL(err, rc == GLOB_NOSPACE ? FLOE_ERR_MEMORY : FLOE_ERR_IO, "%s: cannot list the files", pattern);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = fl_arena_strdup(&cli->arena, found.gl_pathv[i]);
        FL_NEED(path, 1, "a list of pictures", err);
        FL_TRY(fl_cli_append(cli, out, path, err));
    }
done:
    globfree(&found);
    return st;
}

floe_status fl_cli_expand(fl_cli *cli, fl_cli_words *out, const char *path, floe_error *err)
{
    if (fl_path_is_folder(path))
        return expand_folder(cli, out, path, err);
    if (!fl_path_exists(path) && strpbrk(path, "*?["))
        return expand_pattern(cli, out, path, err);
    return fl_cli_append(cli, out, path, err);
}

/* ---- folders */

/* Every prefix of `path` that ends before a slash, then, with `whole`, the path. */
static floe_status make_folders(const char *path, bool whole, floe_error *err)
{
    char part[4096];
    const size_t length = strlen(path);
    if (length >= sizeof part)
        return fl_fail(err, FLOE_ERR_IO, "%.64s...: a path of %zu bytes is too long", path, length);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && !(whole && i == length))
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0777) < 0 && !fl_path_is_folder(part))
            return fl_fail(err, FLOE_ERR_IO, "%s: cannot make the folder: %s", part, strerror(errno));
    }
    return FLOE_OK;
}

floe_status fl_cli_make_parents(const char *path, floe_error *err)
{
    return make_folders(path, false, err);
}
floe_status fl_cli_make_folder(const char *path, floe_error *err)
{
    return make_folders(path, true, err);
}

floe_status fl_cli_prepare_output(const char *path, const char *input, floe_error *err)
{
    struct stat a, b;
    if (!path[0])
        return fl_fail(err, FLOE_ERR_IO, "the name of the output file is empty");
    if (input && stat(path, &a) == 0 && stat(input, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return fl_fail(err, FLOE_ERR_IO, "%s: is the input; the output needs another name", path);
    return fl_cli_make_parents(path, err);
}

/* ---- names */

const char *fl_cli_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *fl_cli_with_extension(fl_cli *cli, const char *path, const char *extension)
{
    const char *base = fl_cli_base_name(path), *dot = strrchr(base, '.');
    const size_t kept = dot && dot > base ? (size_t)(dot - path) : strlen(path);
    return fl_arena_printf(&cli->arena, "%.*s%s", (int)kept, path, extension);
}

char *fl_cli_safe_name(fl_cli *cli, const char *name)
{
    static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    char *copy = fl_arena_strdup(&cli->arena, name);
    for (char *p = copy; p && *p; p++)
        if (!strchr(kept, *p))
            *p = '_';
    return copy;
}

bool fl_cli_is_regular(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}
