/* cli_args.h - flags as tables: one row per flag says its names, its type, where its value goes and its help.
 *
 *     struct flags { const char *plan; int64_t batch; bool json; };
 *     static const fl_cli_option rows[] = {
 *         {"plan_file|plan", "f", FL_CLI_TEXT, offsetof(struct flags, plan), "FILE", "the engine", .required = true},
 *         {"batch", "", FL_CLI_INT, offsetof(struct flags, batch), "B", "pictures at once", .max = 64, .min = 1},
 *         {"json", "", FL_CLI_FLAG, offsetof(struct flags, json), NULL, "one object a line"},
 *     };
 *
 * Spellings: --flag=v, --flag v, -f v, -fv, -f=v, and -qt for -q -t. Dashes and underscores are the same in long names.
 * "--" ends the flags. A value that starts with '-' and a letter wants the form with '='.
 */
#ifndef FL_CLI_ARGS_H
#define FL_CLI_ARGS_H

#include "cli.h"

typedef enum fl_cli_kind {
    FL_CLI_FLAG,   /* bool */
    FL_CLI_ASK,    /* bool; an answer is all that is wanted, so required flags are not */
    FL_CLI_TEXT,   /* const char * */
    FL_CLI_CHOICE, /* const char *, one of `choices` */
    FL_CLI_INT,    /* int64_t, min to max */
    FL_CLI_REAL,   /* double, min to max */
    FL_CLI_WORDS,  /* fl_cli_words: may be repeated, commas separate */
    FL_CLI_ITEMS   /* fl_cli_words: may be repeated, taken whole */
} fl_cli_kind;

typedef struct fl_cli_words {
    const char **item;
    size_t count;
} fl_cli_words;

typedef struct fl_cli_option {
    const char *names;   /* "output_placeholders|output_node": the first is shown, all are taken */
    const char *letters; /* one-letter forms; "" for none */
    fl_cli_kind kind;
    size_t offset;     /* of the value in the group's struct */
    const char *value; /* what the help calls it */
    const char *help;
    int64_t min, max;
    const char *choices; /* "rgb|bgr" */
    bool required;
} fl_cli_option;

typedef struct fl_cli_group {
    const char *title; /* heading in the help; NULL for the first */
    const fl_cli_option *rows;
    size_t count;
    void *values;
} fl_cli_group;

typedef struct fl_cli_syntax {
    const char *usage; /* "floe deploy --frozen_file=FILE [flags]" */
    const char *about;
    const char *example;
    const fl_cli_group *groups;
    size_t n_groups;
    fl_cli_words *positional; /* NULL: none are taken */
    size_t max_positional;
} fl_cli_syntax;

#define FL_CLI_ROWS(table)   (table), sizeof(table) / sizeof *(table)
#define FL_CLI_GROUPS(table) .groups = (table), .n_groups = sizeof(table) / sizeof *(table)

/* Fills the groups' structs, which hold the defaults before. --help and -h print the help and set cli->answered; then
 * nothing else was checked. Failures are wrong usage. */
floe_status fl_cli_parse(fl_cli *cli, const fl_cli_syntax *syntax, int argc, char **argv, floe_error *err);

/* Puts one more word at the end. */
floe_status fl_cli_append(fl_cli *cli, fl_cli_words *words, const char *word, floe_error *err);
/* "3,224,224" into dims, all at least 0; "" is rank 0. `flag` is named in the sentence. */
floe_status fl_cli_parse_dims(fl_cli *cli, const char *flag, const char *text, floe_dims *out, floe_error *err);
/* "name:0" is TensorFlow's name of a node's only output: "name". */
const char *fl_cli_node_name(fl_cli *cli, const char *text);

#endif
