/* error.c - statuses, and the sentences that go with them.
 *
 * A floe_error is a plain struct on the caller's stack, so failing allocates nothing, locks nothing and cannot fail
 * itself. Sentences quote names found in files, and files are hostile: control bytes (terminal escapes among them)
 * are shown as '?'. Newlines stay, because a list of unsupported nodes is a sentence of several lines. A sentence
 * too long for its buffer ends in "...", never in half a UTF-8 character.
 *
 * The sentence is made in a buffer of its own before err is touched: arguments may point into err->message, as in
 * fl_fail(err, st, "%s: %s", path, err->message).
 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES sizeof(((floe_error *)0)->message)

const char *floe_status_text(floe_status status)
{
    static const char *const texts[] = {
#define STATUS_TEXT(name, text) [name] = text,
        FLOE_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    };
    const size_t i = (size_t)status;
    return i < sizeof texts / sizeof texts[0] ? texts[i] : "unknown status";
}

/* Puts "..." over the end of a text that was cut at capacity, in front of any character it would split. */
static void mark_cut(char *text, size_t capacity)
{
    size_t at = capacity - sizeof "...";

    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80) /* a continuation byte of UTF-8 */
        at--;
    memcpy(text + at, "...", sizeof "...");
}

/* vsnprintf whose result is fit to be shown; returns the length. */
static size_t format_sentence(char *text, size_t capacity, const char *format, va_list args)
{
    const int length = vsnprintf(text, capacity, format, args);

    if (length < 0)
        text[0] = '\0';
    else if ((size_t)length >= capacity)
        mark_cut(text, capacity);
    char *c = text;
    for (; *c; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (byte < 0x20 || byte == 0x7f) /* names in damaged files hold anything; a sentence is one line */
            *c = '?';
    }
    return (size_t)(c - text);
}

floe_status fl_fail(floe_error *err, floe_status status, const char *format, ...)
{
    char sentence[MESSAGE_BYTES];
    va_list args;

    if (!err)
        return status;
    va_start(args, format);
    const size_t length = format_sentence(sentence, sizeof sentence, format, args);
    va_end(args);
    memcpy(err->message, sentence, length + 1);
    err->status = status;
    return status;
}

void fl_error_prefix(floe_error *err, const char *format, ...)
{
    char sentence[MESSAGE_BYTES];
    va_list args;

    if (!err)
        return;
    va_start(args, format);
    size_t length = format_sentence(sentence, sizeof sentence, format, args);
    va_end(args);

    const int rest = snprintf(sentence + length, sizeof sentence - length, ": %s", err->message);
    if (rest > 0 && length + (size_t)rest >= sizeof sentence)
        mark_cut(sentence, sizeof sentence);
    length = strlen(sentence);
    memcpy(err->message, sentence, length + 1);
}

floe_status fl_fail_memory(floe_error *err, size_t bytes, const char *what)
{
    return fl_fail(err, FLOE_ERR_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
}
