/* cli_pictures.h - flags that say how pictures become a tensor, and the becoming. */
#ifndef FL_CLI_PICTURES_H
#define FL_CLI_PICTURES_H

#include "cli_args.h"

typedef struct fl_cli_picture_flags {
    const char *preprocess, *mean, *scale, *channels, *resize;
} fl_cli_picture_flags;

extern const fl_cli_option fl_cli_picture_rows[];
extern const size_t fl_cli_picture_row_count;

/* Whether any of them was given. */
bool fl_cli_has_picture_flags(const fl_cli_picture_flags *flags);

/* Where in the input the pixels go. */
typedef struct fl_cli_picture_input {
    floe_dtype dtype;
    floe_format format;
    int height, width, channels;
    int64_t count; /* values of one picture */
} fl_cli_picture_input;

/* From an input's dims with the batch; hint: the engine's own word on the format, NULL for none. size (C,H,W) may be
 * NULL; it is needed for an input that is one flat row. FLOE_ERR_SHAPE when the input is no picture. */
floe_status fl_cli_picture_shape(fl_cli_picture_input *out, const char *name, floe_dtype dtype, const floe_dims *dims,
                                 const floe_format *hint, const floe_dims *size, floe_error *err);

/* The flags on top of what *recipe says already. Wrong words and counts of values are wrong usage. */
floe_status fl_cli_picture_recipe(fl_cli *cli, floe_preprocess *recipe, const fl_cli_picture_flags *flags, int channels,
                                  floe_error *err);

/* Decodes, resizes, normalises into dst (in->count values of in->dtype). */
floe_status fl_cli_picture_load(fl_cli *cli, void *dst, const char *path, const fl_cli_picture_input *in,
                                const floe_preprocess *recipe, floe_error *err);

#endif
