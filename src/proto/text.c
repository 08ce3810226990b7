/* text.c - protobuf's text format, read by recursive descent and written as wire bytes.
 *
 *     message := { field [","|";"] }
 *     field   := name ":" scalar | name ":" "[" scalar, ... "]" | name [":"] ("{" message "}" | "<" message ">")
 *              | name [":"] "[" {"{" message "}"}, ... "]"
 *
 * The schema tables say which of these a field must be; the parser keeps no tree and no state but its place in the
 * text, and every value is written as soon as it is read. A list of scalars becomes that many single values, which
 * every wire reader takes as well as a packed list. Depth is the only thing that could run away, so it is capped.
 *
 * Kept from protobuf's own reader: an unknown field is an error (a misspelt name must not vanish), adjacent strings
 * join, integers may be decimal, hexadecimal or octal, a float is read as a double and then rounded. The expanded
 * form of an Any, "[type.url/Name] { ... }", needs tables of foreign types: it is skipped, and the Any stays empty.
 */
#include "text.h"
#include "wire.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX       100
#define NUMBER_TEXT_MAX 400 /* protobuf prints at most 24 characters; a double written in full has about 330 */

typedef struct parser {
    const char *begin, *at, *end;
    const char *where;
    fl_buf     *out;
    floe_error *err;
    locale_t    c_locale; /* the decimal point is a point, whatever the process has set */
    int         depth;
} parser;

/* ---- tokens */

static floe_status fail_at(const parser *p, const char *at, const char *what)
{
    size_t line = 1;
    const char *line_start = p->begin;

    for (const char *c = p->begin; c < at; c++)
        if (*c == '\n') {
            line++;
            line_start = c + 1;
        }
    return fl_fail(p->err, FLOE_ERR_FORMAT, "%s: line %zu, column %zu: %s", p->where, line,
                   (size_t)(at - line_start) + 1, what);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end) {
        if (*at == '#') {
            while (at < end && *at != '\n')
                at++;
        } else if (is_space(*at)) {
            at++;
        } else {
            break;
        }
    }
    return at;
}

static const char *word_end(const char *at, const char *end)
{
    if (at < end && is_digit(*at))
        return at;
    while (at < end && is_word(*at))
        at++;
    return at;
}

/* The next character that is not space, or 0 at the end. */
static char peek(parser *p)
{
    p->at = skip_space(p->at, p->end);
    return p->at < p->end ? *p->at : 0;
}

static bool accept(parser *p, char c)
{
    if (peek(p) != c || p->at == p->end)
        return false;
    p->at++;
    return true;
}

/* ---- strings */

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Up to `most` digits of the base; false when there are fewer than `least`. */
static bool read_digits(parser *p, int base, int least, int most, uint32_t *value)
{
    int n = 0;

    *value = 0;
    while (n < most && p->at < p->end && digit_value(*p->at) < base) {
        *value = *value * (uint32_t)base + (uint32_t)digit_value(*p->at++);
        n++;
    }
    return n >= least;
}

static bool put_utf8(fl_buf *out, uint32_t c)
{
    if (c > 0x10ffff)
        return false;
    if (c < 0x80) {
        fl_put_u8(out, (uint8_t)c);
    } else if (c < 0x800) {
        fl_put_u8(out, (uint8_t)(0xc0 | c >> 6));
        fl_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        if (c < 0x10000) {
            fl_put_u8(out, (uint8_t)(0xe0 | c >> 12));
        } else {
            fl_put_u8(out, (uint8_t)(0xf0 | c >> 18));
            fl_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        }
        fl_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        fl_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
    }
    return true;
}

/* Behind the backslash. */
static bool read_escape(parser *p)
{
    static const char letters[] = "abfnrtv\\?'\"", bytes[] = "\a\b\f\n\r\t\v\\?'\"";
    uint32_t value;

    if (p->at == p->end)
        return false;
    const char c = *p->at;
    const char *known = c ? strchr(letters, c) : NULL;
    if (known) {
        p->at++;
        fl_put_u8(p->out, (uint8_t)bytes[known - letters]);
        return true;
    }
    if (digit_value(c) < 8) {
        if (!read_digits(p, 8, 1, 3, &value) || value > 0xff)
            return false;
        fl_put_u8(p->out, (uint8_t)value);
        return true;
    }
    p->at++;
    switch (c) {
    case 'x':
    case 'X':
        if (!read_digits(p, 16, 1, 2, &value))
            return false;
        fl_put_u8(p->out, (uint8_t)value);
        return true;
    case 'u':
        return read_digits(p, 16, 4, 4, &value) && put_utf8(p->out, value);
    case 'U':
        return read_digits(p, 16, 8, 8, &value) && put_utf8(p->out, value);
    default:
        return false;
    }
}

/* One or more adjacent literals, straight into the output. */
static floe_status read_strings(parser *p)
{
    char quote = peek(p);

    if (quote != '"' && quote != '\'')
        return fail_at(p, p->at, "expected a string");
    while (quote == '"' || quote == '\'') {
        const char *start = p->at++;
        for (;;) {
            const char *run = p->at;
            while (p->at < p->end && *p->at != quote && *p->at != '\\' && *p->at != '\n')
                p->at++;
            fl_put_bytes(p->out, run, (size_t)(p->at - run));
            if (p->at == p->end || *p->at == '\n')
                return fail_at(p, start, "a string that does not end");
            if (*p->at++ == quote)
                break;
            if (!read_escape(p))
                return fail_at(p, p->at, "an unknown escape in a string");
        }
        quote = peek(p);
    }
    return FLOE_OK;
}

/* ---- numbers */

/* An integer of any base: its sign and magnitude. */
static floe_status read_integer(parser *p, bool *negative, uint64_t *magnitude)
{
    *negative = accept(p, '-');
    peek(p);
    const char *start = p->at;
    int base = 10;

    if (p->end - p->at > 1 && *p->at == '0') {
        const bool hex = p->at[1] == 'x' || p->at[1] == 'X';
        if (hex || is_digit(p->at[1])) {
            base = hex ? 16 : 8;
            p->at += hex ? 2 : 1;
        }
    }
    const char *digits = p->at;
    uint64_t v = 0;
    for (; p->at < p->end && digit_value(*p->at) < base; p->at++)
        if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
            __builtin_add_overflow(v, (uint64_t)digit_value(*p->at), &v))
            return fail_at(p, start, "an integer that does not fit in 64 bits");
    if (p->at == digits || (p->at < p->end && (is_word(*p->at) || *p->at == '.')))
        return fail_at(p, start, "expected an integer");
    *magnitude = v;
    return FLOE_OK;
}

/* The wire value of an integer within [-lowest, highest]. */
static floe_status read_ranged(parser *p, uint64_t lowest, uint64_t highest, uint64_t *value)
{
    bool negative;
    uint64_t magnitude = 0;
    peek(p);
    const char *start = p->at;
    const floe_status st = read_integer(p, &negative, &magnitude);

    if (st != FLOE_OK)
        return st;
    if (magnitude > (negative ? lowest : highest))
        return fail_at(p, start, "an integer that does not fit in its field");
    *value = negative ? 0 - magnitude : magnitude;
    return FLOE_OK;
}

static floe_status read_bool(parser *p, uint64_t *value)
{
    static const struct {
        const char *word;
        bool        value;
    } words[] = {{"true", true}, {"True", true}, {"t", true}, {"1", true},
                 {"false", false}, {"False", false}, {"f", false}, {"0", false}};
    peek(p);
    const char *end = p->at;

    while (end < p->end && is_word(*end))
        end++;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t n = strlen(words[i].word);
        if ((size_t)(end - p->at) == n && memcmp(p->at, words[i].word, n) == 0) {
            p->at = end;
            *value = words[i].value;
            return FLOE_OK;
        }
    }
    return fail_at(p, p->at, "expected true or false");
}

static floe_status read_enum(parser *p, const fl_pbtext_enum *names, uint64_t *value)
{
    const char c = peek(p);
    const char *end = word_end(p->at, p->end);
    const size_t n = (size_t)(end - p->at);

    if (is_digit(c) || c == '-')
        return read_ranged(p, (uint64_t)1 << 31, INT32_MAX, value);
    for (; n > 0 && names->name; names++)
        if (strlen(names->name) == n && memcmp(names->name, p->at, n) == 0) {
            p->at = end;
            *value = (uint64_t)(int64_t)names->number;
            return FLOE_OK;
        }
    return fail_at(p, p->at, "an unknown enum name");
}

/* "inf", "nan" and their long forms; true when the word is one of them. */
static bool special_number(const char *word, size_t n, double *value)
{
    static const struct {
        const char *word;
        double      value;
    } specials[] = {{"inf", (double)INFINITY}, {"infinity", (double)INFINITY}, {"nan", (double)NAN}};

    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++)
        if (strlen(specials[i].word) == n && strncasecmp(specials[i].word, word, n) == 0) {
            *value = specials[i].value;
            return true;
        }
    return false;
}

static floe_status read_double(parser *p, double *value)
{
    const bool negative = accept(p, '-');
    peek(p);
    const char *start = p->at;
    char text[NUMBER_TEXT_MAX + 1];
    size_t n = 0;

    while (p->at < p->end && (is_word(*p->at) || *p->at == '.' ||
                              ((*p->at == '+' || *p->at == '-') && n > 0 && (text[n - 1] | 0x20) == 'e'))) {
        if (n == NUMBER_TEXT_MAX)
            return fail_at(p, start, "a number that is too long");
        text[n++] = *p->at++;
    }
    text[n] = 0;
    if (!special_number(text, n, value)) {
        if (n > 1 && (text[n - 1] == 'f' || text[n - 1] == 'F'))
            text[--n] = 0;
        char *end = text;
        if (n > 0 && (is_digit(text[0]) || text[0] == '.') && !memchr(text, 'x', n) && !memchr(text, 'X', n))
            *value = strtod_l(text, &end, p->c_locale);
        if (end == text || *end)
            return fail_at(p, start, "expected a number");
    }
    if (negative)
        *value = -*value;
    return FLOE_OK;
}

/* A double too large for a float becomes infinite, unless it would round down to the largest float. */
static float to_float(double v)
{
    const double limit = ldexp(1.0, 128) - ldexp(1.0, 103);

    if (v >= limit || v <= -limit)
        return v > 0 ? INFINITY : -INFINITY;
    if (v > (double)FLT_MAX || v < -(double)FLT_MAX)
        return v > 0 ? FLT_MAX : -FLT_MAX;
    return (float)v;
}

/* ---- fields */

static floe_status read_floating(parser *p, const fl_pbtext_field *field)
{
    double d;
    const floe_status st = read_double(p, &d);

    if (st != FLOE_OK)
        return st;
    if (field->type == FL_PBTEXT_FLOAT) {
        const float f = to_float(d);
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        fl_pb_put_fixed32(p->out, field->number, bits);
    } else {
        uint64_t bits;
        memcpy(&bits, &d, sizeof bits);
        fl_pb_put_fixed64(p->out, field->number, bits);
    }
    return FLOE_OK;
}

static floe_status read_whole_number(parser *p, const fl_pbtext_field *field)
{
    static const struct {
        uint64_t lowest, highest;
    } range[] = {
        [FL_PBTEXT_INT32] = {(uint64_t)1 << 31, INT32_MAX},  [FL_PBTEXT_INT64] = {(uint64_t)1 << 63, INT64_MAX},
        [FL_PBTEXT_SINT64] = {(uint64_t)1 << 63, INT64_MAX}, [FL_PBTEXT_UINT32] = {0, UINT32_MAX},
        [FL_PBTEXT_UINT64] = {0, UINT64_MAX},                [FL_PBTEXT_FIXED32] = {0, UINT32_MAX},
        [FL_PBTEXT_FIXED64] = {0, UINT64_MAX},
    };
    uint64_t v = 0;
    floe_status st;

    if (field->type == FL_PBTEXT_BOOL)
        st = read_bool(p, &v);
    else if (field->type == FL_PBTEXT_ENUM)
        st = read_enum(p, field->names, &v);
    else
        st = read_ranged(p, range[field->type].lowest, range[field->type].highest, &v);
    if (st != FLOE_OK)
        return st;
    if (field->type == FL_PBTEXT_FIXED32)
        fl_pb_put_fixed32(p->out, field->number, (uint32_t)v);
    else if (field->type == FL_PBTEXT_FIXED64)
        fl_pb_put_fixed64(p->out, field->number, v);
    else if (field->type == FL_PBTEXT_SINT64) /* zig-zag */
        fl_pb_put_varint(p->out, field->number, v << 1 ^ (0 - (v >> 63)));
    else
        fl_pb_put_varint(p->out, field->number, v);
    return FLOE_OK;
}

static floe_status read_scalar(parser *p, const fl_pbtext_field *field)
{
    if (field->type == FL_PBTEXT_FLOAT || field->type == FL_PBTEXT_DOUBLE)
        return read_floating(p, field);
    if (field->type != FL_PBTEXT_STRING)
        return read_whole_number(p, field);
    const size_t mark = fl_pb_begin(p->out, field->number);
    const floe_status st = read_strings(p);
    fl_pb_end(p->out, mark);
    return st;
}

static floe_status read_message(parser *p, const fl_pbtext_message *message, char closer);

static floe_status read_sub_message(parser *p, const fl_pbtext_field *field)
{
    const char opener = peek(p);

    if (opener != '{' && opener != '<')
        return fail_at(p, p->at, "expected '{'");
    if (p->depth == DEPTH_MAX)
        return fail_at(p, p->at, "messages nested too deep");
    p->at++;
    p->depth++;
    const size_t mark = fl_pb_begin(p->out, field->number);
    const floe_status st = read_message(p, field->message, opener == '{' ? '}' : '>');
    fl_pb_end(p->out, mark);
    p->depth--;
    return st;
}

static floe_status read_one(parser *p, const fl_pbtext_field *field)
{
    return field->type == FL_PBTEXT_MESSAGE ? read_sub_message(p, field) : read_scalar(p, field);
}

/* What follows a field's name. */
static floe_status read_field_value(parser *p, const fl_pbtext_field *field)
{
    floe_status st = FLOE_OK;

    if (!accept(p, ':') && field->type != FL_PBTEXT_MESSAGE)
        return fail_at(p, p->at, "expected ':'");
    if (!accept(p, '['))
        return read_one(p, field);
    if (accept(p, ']'))
        return FLOE_OK;
    do {
        FL_TRY(read_one(p, field));
    } while (accept(p, ','));
    if (!accept(p, ']'))
        st = fail_at(p, p->at, "expected ',' or ']'");
done:
    return st;
}

/* "[type.url/Name] { ... }" inside an Any: over all of it, minding strings. */
static floe_status skip_expanded_any(parser *p)
{
    const char *start = p->at;
    size_t open = 0;

    while (p->at < p->end && *p->at != ']')
        p->at++;
    p->at += p->at < p->end;
    accept(p, ':');
    while (peek(p)) {
        const char c = *p->at++;
        if (c == '"' || c == '\'') {
            while (p->at < p->end && *p->at != c)
                p->at += 1 + (*p->at == '\\' && p->end - p->at > 1);
            p->at += p->at < p->end;
        } else if (c == '{' || c == '<') {
            open++;
        } else if (c == '}' || c == '>') {
            if (open == 0)
                break;
            if (--open == 0)
                return FLOE_OK;
        } else if (open == 0) {
            break;
        }
    }
    return fail_at(p, start, "an Any that does not end");
}

static const fl_pbtext_field *find_field(const fl_pbtext_message *message, const char *name, size_t n)
{
    for (size_t i = 0; i < message->n_field; i++)
        if (strlen(message->field[i].name) == n && memcmp(message->field[i].name, name, n) == 0)
            return &message->field[i];
    return NULL;
}

static floe_status read_field(parser *p, const fl_pbtext_message *message)
{
    const char *name = p->at, *end = word_end(p->at, p->end);
    const size_t n = (size_t)(end - name);

    if (*name == '[' && strcmp(message->name, "Any") == 0)
        return skip_expanded_any(p);
    if (n == 0)
        return fail_at(p, name, "expected a field name");
    const fl_pbtext_field *field = find_field(message, name, n);
    if (!field) {
        const floe_status st = fail_at(p, name, "unknown field");
        if (p->err)
            fl_fail(p->err, st, "%s '%.*s' of %s", p->err->message, (int)(n < 60 ? n : 60), name, message->name);
        return st;
    }
    p->at = end;
    return read_field_value(p, field);
}

/* Fields up to the closer, which is eaten; closer 0 stands for the end of the text. */
static floe_status read_message(parser *p, const fl_pbtext_message *message, char closer)
{
    floe_status st = FLOE_OK;

    for (;;) {
        const char c = peek(p);
        if (p->at == p->end) {
            if (closer)
                st = fail_at(p, p->at, "the text ends inside a message");
            goto done;
        }
        if (closer && c == closer) {
            p->at++;
            goto done;
        }
        FL_TRY(read_field(p, message));
        if (!accept(p, ','))
            accept(p, ';');
        if (p->out->failed) {
            st = fl_fail_memory(p->err, p->out->size, "a transcoded text file");
            goto done;
        }
    }
done:
    return st;
}

/* ---- public */

floe_status fl_pbtext_transcode(fl_buf *out, const fl_pbtext_message *message, const void *text, size_t size,
                                const char *where, floe_error *err)
{
    const char *begin = size > 0 ? text : "";
    parser p = {begin, begin, begin + size, where, out, err, newlocale(LC_ALL_MASK, "C", (locale_t)0), 0};

    if (!p.c_locale)
        return fl_fail_memory(err, 0, "the C locale");
    const floe_status st = read_message(&p, message, 0);
    freelocale(p.c_locale);
    return st;
}

bool fl_pbtext_first_word(const void *data, size_t size, char *word, size_t word_size)
{
    const char *begin = size > 0 ? data : "", *end = begin + size;
    const char *at = skip_space(begin, end);
    const char *stop = word_end(at, end);
    const size_t n = (size_t)(stop - at);

    if (n == 0)
        return false;
    const char *next = skip_space(stop, end);
    if (next == end || (*next != ':' && *next != '{' && *next != '<'))
        return false;
    if (word && word_size > 0) {
        const size_t copy = n < word_size - 1 ? n : word_size - 1;
        memcpy(word, at, copy);
        word[copy] = 0;
    }
    return true;
}
