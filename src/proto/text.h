/* text.h - protobuf's text format: a reader that transcodes it to wire bytes, and helpers to write it.
 *
 * The reader knows no message by itself. It is driven by small tables, one fl_pbtext_message per message type:
 *
 *     static const fl_pbtext_field dim_fields[] = {
 *         {"size", 1, FL_PBTEXT_INT64, NULL, NULL},
 *         {"name", 2, FL_PBTEXT_STRING, NULL, NULL},
 *     };
 *     static const fl_pbtext_message dim = {"Dim", dim_fields, 2};
 *
 * Text becomes exactly what a binary file of the same message could hold, so everything behind it reads one format.
 */
#ifndef FL_PROTO_TEXT_H
#define FL_PROTO_TEXT_H

#include "base/bytes.h"

typedef enum fl_pbtext_type {
    FL_PBTEXT_INT32,
    FL_PBTEXT_INT64,
    FL_PBTEXT_SINT64,
    FL_PBTEXT_UINT32,
    FL_PBTEXT_UINT64,
    FL_PBTEXT_BOOL,
    FL_PBTEXT_ENUM, /* names come from `names`; any integer is accepted too */
    FL_PBTEXT_FLOAT,
    FL_PBTEXT_DOUBLE,
    FL_PBTEXT_FIXED32,
    FL_PBTEXT_FIXED64,
    FL_PBTEXT_STRING, /* string and bytes: both are bytes on the wire */
    FL_PBTEXT_MESSAGE /* also maps: a message with the fields key = 1 and value = 2 */
} fl_pbtext_type;

typedef struct fl_pbtext_enum {
    const char *name;
    int32_t     number;
} fl_pbtext_enum;

typedef struct fl_pbtext_message fl_pbtext_message;

typedef struct fl_pbtext_field {
    const char              *name;
    uint32_t                 number;
    fl_pbtext_type           type;
    const fl_pbtext_message *message; /* FL_PBTEXT_MESSAGE */
    const fl_pbtext_enum    *names;   /* FL_PBTEXT_ENUM: ends with a NULL name */
} fl_pbtext_field;

struct fl_pbtext_message {
    const char            *name; /* for messages */
    const fl_pbtext_field *field;
    size_t                 n_field;
};

/* Appends the wire bytes of `text` (size bytes, any content) to out. FLOE_ERR_FORMAT with line and column on a syntax
 * error, an unknown field or a value that does not fit; `where` (a path) starts the sentence. */
floe_status fl_pbtext_transcode(fl_buf *out, const fl_pbtext_message *message, const void *text, size_t size,
                                const char *where, floe_error *err);

/* True when the bytes look like text format: the first thing that is neither space nor comment is an identifier
 * followed by ":", "{" or "<". Copies that identifier (cut to fit) into word when word is not NULL. */
bool fl_pbtext_first_word(const void *data, size_t size, char *word, size_t word_size);

/* ---- writing */

/* The bytes as protobuf prints a string, without the quotes: \n \r \t \" \' \\ by name, all else outside printable
 * ASCII as three octal digits. */
void fl_pbtext_put_escaped(fl_buf *b, const void *data, size_t size);

#endif
