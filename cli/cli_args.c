/* cli_args.c - see cli_args.h: a walk over argv that looks each flag up in the tables and stores by the row's type.
 *
 * Long names are compared with every '-' read as '_', so that --frozen-file and --frozen_file are one flag. Nothing is
 * guessed: a shortened or misspelt name fails, and the nearest right one is named.
 */
#include "cli_args.h"

#include "base/names.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_INDENT  4
#define HELP_COLUMN  30
#define HELP_COLUMNS 112

typedef struct found {
    const fl_cli_option *row;
    void *value; /* where it goes */
} found;

/* ---- looking up */

/* Whether the first n bytes of text are this name, '-' and '_' alike. */
static bool same_name(const char *name, size_t length, const char *text, size_t n)
{
    if (length != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((name[i] == '-' ? '_' : name[i]) != (text[i] == '-' ? '_' : text[i]))
            return false;
    return true;
}

static bool has_name(const fl_cli_option *row, const char *text, size_t n)
{
    for (const char *at = row->names; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (same_name(at, strcspn(at, "|"), text, n))
            return true;
    return false;
}

static found find(const fl_cli_syntax *s, const char *text, size_t n, bool letter)
{
    for (size_t g = 0; g < s->n_groups; g++)
        for (size_t i = 0; i < s->groups[g].count; i++) {
            const fl_cli_option *row = &s->groups[g].rows[i];
            if (letter ? n == 1 && row->letters && strchr(row->letters, text[0]) : has_name(row, text, n))
                return (found){row, (char *)s->groups[g].values + row->offset};
        }
    return (found){NULL, NULL};
}

/* The long name nearest to the text, NULL for none. */
static const char *nearest(fl_cli *cli, const fl_cli_syntax *s, const char *text, size_t n)
{
    const char **names = NULL, *given = fl_arena_strndup(&cli->arena, text, n);
    size_t count = 0, room = 1;
    for (size_t g = 0; g < s->n_groups; g++)
        for (size_t i = 0; i < s->groups[g].count; i++)
            for (const char *p = s->groups[g].rows[i].names; p; p = strchr(p + 1, '|'))
                room++;
    names = fl_arena_calloc(&cli->arena, room, sizeof *names);
    if (!names || !given)
        return NULL;
    names[count++] = "help";
    for (size_t g = 0; g < s->n_groups; g++)
        for (size_t i = 0; i < s->groups[g].count; i++)
            for (const char *at = s->groups[g].rows[i].names; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
                char *copy = fl_arena_strndup(&cli->arena, at, strcspn(at, "|"));
                if (copy && count < room)
                    names[count++] = copy;
            }
    return fl_nearest_name(given, names, count);
}

static bool takes_value(const fl_cli_option *row)
{
    return row->kind != FL_CLI_FLAG && row->kind != FL_CLI_ASK;
}

static floe_status unknown(fl_cli *cli, const fl_cli_syntax *s, const char *arg, floe_error *err)
{
    const char *text = arg + strspn(arg, "-");
    const char *guess = nearest(cli, s, text, strcspn(text, "="));
    const int shown = (int)strcspn(arg, "=");
    if (guess)
        return fl_cli_misuse(cli, err, "unknown flag '%.*s'; did you mean '--%s'?", shown, arg, guess);
    return fl_cli_misuse(cli, err, "unknown flag '%.*s'", shown, arg);
}

/* ---- storing */

floe_status fl_cli_append(fl_cli *cli, fl_cli_words *words, const char *word, floe_error *err)
{
    const char **item = fl_arena_calloc(&cli->arena, words->count + 1, sizeof *item);
    if (!item)
        return fl_fail_memory(err, words->count + 1, "the command line");
    if (words->count)
        memcpy(item, words->item, words->count * sizeof *item);
    item[words->count++] = word;
    words->item = item;
    return FLOE_OK;
}

static floe_status append_words(fl_cli *cli, fl_cli_words *words, const char *flag, const char *text, floe_error *err)
{
    floe_status st = FLOE_OK;
    for (const char *at = text;; at++) {
        const size_t n = strcspn(at, ",");
        const char *word = fl_arena_strndup(&cli->arena, at, n);
        FL_NEED(word, n, "the command line", err);
        if (n == 0)
            return fl_cli_misuse(cli, err, "%s: '%s' has an empty name in it", flag, text);
        FL_TRY(fl_cli_append(cli, words, word, err));
        at += n;
        if (!*at)
            break;
    }
done:
    return st;
}

static floe_status store_int(fl_cli *cli, const fl_cli_option *row, int64_t *out, const char *flag, const char *text,
                             floe_error *err)
{
    char *end;
    errno = 0;
    const long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return fl_cli_misuse(cli, err, "%s: '%s' is not a whole number", flag, text);
    if (v < row->min || v > row->max)
        return fl_cli_misuse(cli, err, "%s: %s is not between %lld and %lld", flag, text, (long long)row->min,
                             (long long)row->max);
    *out = v;
    return FLOE_OK;
}

static floe_status store_real(fl_cli *cli, const fl_cli_option *row, double *out, const char *flag, const char *text,
                              floe_error *err)
{
    char *end;
    const double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v))
        return fl_cli_misuse(cli, err, "%s: '%s' is not a number", flag, text);
    if (v < (double)row->min || v > (double)row->max)
        return fl_cli_misuse(cli, err, "%s: %s is not between %lld and %lld", flag, text, (long long)row->min,
                             (long long)row->max);
    *out = v;
    return FLOE_OK;
}

static floe_status store_choice(fl_cli *cli, const fl_cli_option *row, const char **out, const char *flag,
                                const char *text, floe_error *err)
{
    const char *choices[16];
    size_t count = 0;
    for (const char *at = row->choices; at && count < 16; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        const size_t n = strcspn(at, "|");
        choices[count] = fl_arena_strndup(&cli->arena, at, n);
        if (!choices[count])
            return fl_fail_memory(err, n, "the command line");
        if (!strcmp(choices[count++], text)) {
            *out = text;
            return FLOE_OK;
        }
    }
    const char *guess = fl_nearest_name(text, choices, count);
    if (guess)
        return fl_cli_misuse(cli, err, "%s: '%s' is not known; did you mean '%s'?", flag, text, guess);
    return fl_cli_misuse(cli, err, "%s: '%s' is not one of %s", flag, text, row->choices);
}

static floe_status store(fl_cli *cli, found f, const char *flag, const char *text, floe_error *err)
{
    switch (f.row->kind) {
    case FL_CLI_FLAG:
    case FL_CLI_ASK:
        *(bool *)f.value = true;
        return FLOE_OK;
    case FL_CLI_TEXT:
        *(const char **)f.value = text;
        return FLOE_OK;
    case FL_CLI_CHOICE:
        return store_choice(cli, f.row, f.value, flag, text, err);
    case FL_CLI_INT:
        return store_int(cli, f.row, f.value, flag, text, err);
    case FL_CLI_REAL:
        return store_real(cli, f.row, f.value, flag, text, err);
    case FL_CLI_WORDS:
        return append_words(cli, f.value, flag, text, err);
    case FL_CLI_ITEMS:
        return fl_cli_append(cli, f.value, text, err);
    }
    return FLOE_OK;
}

/* ---- walking argv */

typedef struct walk {
    fl_cli *cli;
    const fl_cli_syntax *syntax;
    char **at, **end;
    bool flags_over; /* "--" was met */
} walk;

/* "-x" and "--xyz" are flags; "-1" and "-" are values. */
static bool looks_like_flag(const char *text)
{
    return text[0] == '-' && text[1] && (text[1] == '-' || !strchr("0123456789.", text[1]));
}

/* The value that stands in the next argument. */
static floe_status next_value(walk *w, const char *flag, const fl_cli_option *row, const char **out, floe_error *err)
{
    if (w->at == w->end || looks_like_flag(*w->at))
        return fl_cli_misuse(w->cli, err, "%s needs a value: %s=%s", flag, flag, row->value ? row->value : "VALUE");
    *out = *w->at++;
    return FLOE_OK;
}

static floe_status take_long(walk *w, const char *arg, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *name = arg + 2, *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
    const found f = find(w->syntax, name, strcspn(name, "="), false);
    if (!f.row)
        return unknown(w->cli, w->syntax, arg, err);
    const char *flag = fl_arena_strndup(&w->cli->arena, arg, strcspn(arg, "="));
    FL_NEED(flag, 1, "the command line", err);
    if (!takes_value(f.row) && value)
        return fl_cli_misuse(w->cli, err, "%s takes no value, found '%s'", flag, value);
    if (takes_value(f.row) && !value)
        FL_TRY(next_value(w, flag, f.row, &value, err));
    st = store(w->cli, f, flag, value, err);
done:
    return st;
}

/* "-q", "-qt", "-o v", "-ov", "-o=v" */
static floe_status take_letters(walk *w, const char *arg, floe_error *err)
{
    floe_status st = FLOE_OK;
    if (find(w->syntax, arg + 1, strcspn(arg + 1, "="), false).row && arg[2] && arg[2] != '=')
        return fl_cli_misuse(w->cli, err, "unknown flag '%.*s'; did you mean '-%.*s'?", (int)strcspn(arg, "="), arg,
                             (int)strcspn(arg, "="), arg);
    for (const char *letter = arg + 1; *letter; letter++) {
        const found f = find(w->syntax, letter, 1, true);
        const char flag[] = {'-', *letter, 0};
        const char *value = letter[1] == '=' ? letter + 2 : letter + 1;
        if (!f.row && letter == arg + 1)
            return unknown(w->cli, w->syntax, arg, err);
        if (!f.row)
            return fl_cli_misuse(w->cli, err, "unknown flag '%s' in '%s'", flag, arg);
        if (!takes_value(f.row)) {
            if (letter[1] == '=')
                return fl_cli_misuse(w->cli, err, "%s takes no value, found '%s'", flag, letter + 2);
            FL_TRY(store(w->cli, f, flag, NULL, err));
            continue;
        }
        if (!letter[1])
            FL_TRY(next_value(w, flag, f.row, &value, err));
        st = store(w->cli, f, flag, value, err);
        break;
    }
done:
    return st;
}

static floe_status take_positional(walk *w, const char *arg, floe_error *err)
{
    const fl_cli_syntax *s = w->syntax;
    if (s->positional && s->positional->count < s->max_positional)
        return fl_cli_append(w->cli, s->positional, arg, err);
    return fl_cli_misuse(w->cli, err, "'%s' is one argument too many", arg);
}

/* Required rows hold texts. */
static floe_status check_required(fl_cli *cli, const fl_cli_syntax *s, floe_error *err)
{
    for (size_t g = 0; g < s->n_groups; g++)
        for (size_t i = 0; i < s->groups[g].count; i++) {
            const fl_cli_option *row = &s->groups[g].rows[i];
            const char *value = (char *)s->groups[g].values + row->offset;
            if (row->kind == FL_CLI_ASK && *(const bool *)value)
                return FLOE_OK;
        }
    for (size_t g = 0; g < s->n_groups; g++)
        for (size_t i = 0; i < s->groups[g].count; i++) {
            const fl_cli_option *row = &s->groups[g].rows[i];
            const char *value = (char *)s->groups[g].values + row->offset;
            if (row->required && !*(const char *const *)value)
                return fl_cli_misuse(cli, err, "--%.*s=%s is needed", (int)strcspn(row->names, "|"), row->names,
                                     row->value);
        }
    return FLOE_OK;
}

/* ---- help */

/* Prints text from `column` on, where the cursor stands, broken at spaces so that no line passes HELP_COLUMNS. */
static void print_wrapped(const char *text, int column)
{
    int at = column;
    while (*text) {
        const int n = (int)strcspn(text, " \n");
        if (at > column && at + 1 + n > HELP_COLUMNS) {
            printf("\n%*s", column, "");
            at = column;
        } else if (at > column) {
            putchar(' ');
            at++;
        }
        printf("%.*s", n, text);
        at += n;
        text += n;
        if (*text == '\n') {
            printf("\n%*s", column, "");
            at = column;
        }
        text += *text != 0;
    }
    putchar('\n');
}

static void print_option(const fl_cli_option *row)
{
    char left[160];
    int n = 0;
    for (const char *l = row->letters ? row->letters : ""; *l; l++)
        n += snprintf(left + n, sizeof left - (size_t)n, "-%c, ", *l);
    n += snprintf(left + n, sizeof left - (size_t)n, "--%.*s", (int)strcspn(row->names, "|"), row->names);
    if (takes_value(row))
        n += snprintf(left + n, sizeof left - (size_t)n, "=%s",
                      row->value     ? row->value
                      : row->choices ? row->choices
                                     : "V");
    printf("%*s%s", HELP_INDENT, "", left);
    if (n + HELP_INDENT > HELP_COLUMN - 2)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - HELP_INDENT - n, "");
    print_wrapped(row->help, HELP_COLUMN);
}

static void print_help(const fl_cli_syntax *s)
{
    printf("usage: %s\n\n", s->usage);
    print_wrapped(s->about, 0);
    for (size_t g = 0; g < s->n_groups; g++) {
        printf("\n%s:\n", s->groups[g].title ? s->groups[g].title : "flags");
        for (size_t i = 0; i < s->groups[g].count; i++)
            print_option(&s->groups[g].rows[i]);
    }
    printf("%*s-h, --help                this text\n\nexample:\n%s\n\n", HELP_INDENT, "", s->example);
    printf("Dashes and underscores are the same in flags; --flag=value and --flag value too.\n"
           "Exit codes: 0 done, 1 failed, 2 wrong usage.\n");
}

/* ---- */

floe_status fl_cli_parse(fl_cli *cli, const fl_cli_syntax *syntax, int argc, char **argv, floe_error *err)
{
    floe_status st = FLOE_OK;
    walk w = {cli, syntax, argv, argv + argc, false};
    for (char **at = argv; at < w.end && strcmp(*at, "--"); at++)
        if (!strcmp(*at, "--help") || !strcmp(*at, "-h")) {
            print_help(syntax);
            cli->answered = true;
            return FLOE_OK;
        }
    while (w.at < w.end) {
        const char *arg = *w.at++;
        if (w.flags_over || !looks_like_flag(arg))
            FL_TRY(take_positional(&w, arg, err));
        else if (!strcmp(arg, "--"))
            w.flags_over = true;
        else
            FL_TRY(arg[1] == '-' ? take_long(&w, arg, err) : take_letters(&w, arg, err));
    }
    st = check_required(cli, syntax, err);
done:
    return st;
}

floe_status fl_cli_parse_dims(fl_cli *cli, const char *flag, const char *text, floe_dims *out, floe_error *err)
{
    floe_dims dims = {0};
    const char *at = text;
    while (*at) {
        char *end;
        errno = 0;
        const long long d = strtoll(at, &end, 10);
        if (end == at || errno || d < 0 || (*end && (*end != ',' || !end[1])))
            return fl_cli_misuse(cli, err, "%s: '%s' is not a shape; 3,224,224 is one", flag, text);
        if (dims.rank == FLOE_MAX_RANK)
            return fl_cli_misuse(cli, err, "%s: '%s' has more than %d dimensions", flag, text, FLOE_MAX_RANK);
        dims.d[dims.rank++] = d;
        at = *end ? end + 1 : end;
    }
    *out = dims;
    return FLOE_OK;
}

const char *fl_cli_node_name(fl_cli *cli, const char *text)
{
    const size_t n = strlen(text);
    const char *plain = n > 2 && !strcmp(text + n - 2, ":0") ? fl_arena_strndup(&cli->arena, text, n - 2) : NULL;
    return plain ? plain : text;
}
