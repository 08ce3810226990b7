/* cli_paths.h - names of files: what a user means by a picture, where output goes. */
#ifndef FL_CLI_PATHS_H
#define FL_CLI_PATHS_H

#include "cli_args.h"

/* Adds to `out` what one --image_path means: a file as it is, a folder's pictures by name (.png .jpg .jpeg .webp .bmp
 * .ppm .pgm, not in its subfolders), the files that a pattern with * ? [ fits. A path that is none of them is added
 * too: opening it tells why. */
floe_status fl_cli_expand(fl_cli *cli, fl_cli_words *out, const char *path, floe_error *err);

/* mkdir -p of the folder that will hold path, or of path itself. */
floe_status fl_cli_make_parents(const char *path, floe_error *err);
floe_status fl_cli_make_folder(const char *path, floe_error *err);

/* Before writing: makes the parents, and refuses to replace the file that was read. `input` may be NULL. */
floe_status fl_cli_prepare_output(const char *path, const char *input, floe_error *err);

/* In the arena; NULL without memory. "a/b.pb", ".uff" -> "a/b.uff"; a name without an extension gets it. */
char *fl_cli_with_extension(fl_cli *cli, const char *path, const char *extension);
/* Every character outside [A-Za-z0-9._-] as "_". */
char *fl_cli_safe_name(fl_cli *cli, const char *name);
/* What follows the last slash. */
const char *fl_cli_base_name(const char *path);

/* Whether a regular file stands there: summaries are printed of those only, not of pipes that carry the output itself.
 */
bool fl_cli_is_regular(const char *path);

#endif
