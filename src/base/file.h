/* file.h - files read by mapping; written whole before they have a name. */
#ifndef FL_BASE_FILE_H
#define FL_BASE_FILE_H

#include "env.h"

typedef struct fl_file {
    const uint8_t *data; /* read-only; not NULL even when size is 0 */
    size_t         size;
    void          *map;
} fl_file;

/* Maps a regular file (FLOE_ERR_IO naming the path and the reason otherwise; a folder is said to be one). */
floe_status fl_file_map(fl_file *out, const char *path, floe_error *err);
void        fl_file_unmap(fl_file *file); /* accepts a cleared struct */

/* Writes data to a new file in path's folder, syncs, and puts it in the place of what stood at path. On any failure
 * (full disk, read-only folder), and when the process is killed, what stood there is untouched and nothing half-written
 * is beside it; but where the file system has no files without a name, a killed process leaves what it wrote as
 * "<path>.tmp-<pid>-<n>". A path that exists and is no regular file (a device, a pipe) is written directly. */
floe_status fl_file_write(const char *path, const void *data, size_t size, floe_error *err);

bool fl_path_is_folder(const char *path);
bool fl_path_exists(const char *path);

#endif
