/* cli_output.c - see cli_output.h. */
#include "cli_output.h"

#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_UP_TO 1000 /* elements, as in NumPy */
#define EDGE        3

/* ---- shapes */

char *fl_cli_dims_text(const floe_dims *dims, char buf[FL_CLI_DIMS_TEXT])
{
    int at = 0;
    at += snprintf(buf, FL_CLI_DIMS_TEXT, "[");
    for (int i = 0; i < dims->rank && at < FL_CLI_DIMS_TEXT - 24; i++) {
        const long long d = (long long)dims->d[i];
        const char *comma = i ? "," : "";
        if (d >= 0)
            at += snprintf(buf + at, (size_t)(FL_CLI_DIMS_TEXT - at), "%s%lld", comma, d);
        else if (d == -1)
            at += snprintf(buf + at, (size_t)(FL_CLI_DIMS_TEXT - at), "%sN", comma);
        else
            at += snprintf(buf + at, (size_t)(FL_CLI_DIMS_TEXT - at), "%s%lldN", comma, -d);
    }
    snprintf(buf + at, (size_t)(FL_CLI_DIMS_TEXT - at), "]");
    return buf;
}

floe_dims fl_cli_dims_at(const floe_dims *dims, int64_t batch)
{
    floe_dims out = *dims;
    for (int i = 0; i < out.rank; i++)
        if (out.d[i] < 0)
            out.d[i] *= -batch;
    return out;
}

void fl_cli_print_text(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

/* ---- elements */

double fl_cli_value(floe_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case FLOE_FLOAT32:
        return (double)((const float *)data)[i];
    case FLOE_FLOAT64:
        return ((const double *)data)[i];
    case FLOE_FLOAT16:
        return (double)fl_half_to_float(((const uint16_t *)data)[i]);
    case FLOE_BFLOAT16:
        return (double)fl_bfloat_to_float(((const uint16_t *)data)[i]);
    case FLOE_INT8:
        return ((const int8_t *)data)[i];
    case FLOE_UINT8:
    case FLOE_BOOL:
        return ((const uint8_t *)data)[i];
    case FLOE_INT16:
        return ((const int16_t *)data)[i];
    case FLOE_UINT16:
        return ((const uint16_t *)data)[i];
    case FLOE_INT32:
        return ((const int32_t *)data)[i];
    case FLOE_UINT32:
        return ((const uint32_t *)data)[i];
    case FLOE_INT64:
        return (double)((const int64_t *)data)[i];
    case FLOE_UINT64:
        return (double)((const uint64_t *)data)[i];
    }
    return NAN;
}

static bool is_float(floe_dtype d)
{
    return d == FLOE_FLOAT32 || d == FLOE_FLOAT64 || d == FLOE_FLOAT16 || d == FLOE_BFLOAT16;
}

void fl_cli_float_text(double value, floe_dtype dtype, char *out, size_t room)
{
    const int most = dtype == FLOE_FLOAT64 ? 17 : 9;
    for (int digits = 1; digits <= most; digits++) {
        snprintf(out, room, "%.*g", digits, value);
        if (dtype == FLOE_FLOAT64 ? strtod(out, NULL) == value : strtof(out, NULL) == (float)value)
            return;
    }
}

static void print_value(floe_dtype dtype, const void *data, int64_t i)
{
    char text[40];
    if (is_float(dtype)) {
        fl_cli_float_text(fl_cli_value(dtype, data, i), dtype, text, sizeof text);
        fputs(text, stdout);
    } else if (dtype == FLOE_BOOL) {
        fputs(((const uint8_t *)data)[i] ? "True" : "False", stdout);
    } else if (dtype == FLOE_UINT64) {
        printf("%llu", (unsigned long long)((const uint64_t *)data)[i]);
    } else if (dtype == FLOE_INT64) {
        printf("%lld", (long long)((const int64_t *)data)[i]);
    } else {
        printf("%.0f", fl_cli_value(dtype, data, i));
    }
}

/* One axis; `data` starts at element `from`, which the axes before it have chosen. */
static void print_axis(floe_dtype dtype, const floe_dims *dims, int axis, int64_t from, const void *data, bool all)
{
    int64_t below = 1;
    if (axis == dims->rank) {
        print_value(dtype, data, from);
        return;
    }
    for (int i = axis + 1; i < dims->rank; i++)
        below *= dims->d[i];
    const int64_t n = dims->d[axis];
    putchar('[');
    for (int64_t i = 0; i < n; i++) {
        if (i && axis == dims->rank - 1)
            putchar(' ');
        else if (i)
            printf("\n%*s", axis + 1, "");
        if (!all && n > 2 * EDGE && i == EDGE) {
            fputs("...", stdout);
            i = n - EDGE - 1;
            continue;
        }
        print_axis(dtype, dims, axis + 1, from + i * below, data, all);
    }
    putchar(']');
}

void fl_cli_print_array(floe_dtype dtype, const floe_dims *dims, const void *data)
{
    print_axis(dtype, dims, 0, 0, data, floe_dims_count(dims, 1) <= WHOLE_UP_TO);
}

/* ---- JSON */

static json_t *json_element(floe_dtype dtype, const void *data, int64_t i)
{
    if (dtype == FLOE_BOOL)
        return json_boolean(((const uint8_t *)data)[i] != 0);
    if (dtype == FLOE_INT64)
        return json_integer(((const int64_t *)data)[i]);
    const double v = fl_cli_value(dtype, data, i);
    if (is_float(dtype) || dtype == FLOE_UINT64) /* jansson's integers are signed */
        return isfinite(v) ? json_real(v) : json_null();
    return json_integer((json_int_t)v);
}

static json_t *json_axis(floe_dtype dtype, const floe_dims *dims, int axis, int64_t from, const void *data)
{
    int64_t below = 1;
    if (axis == dims->rank && axis > 0)
        return json_element(dtype, data, from);
    json_t *list = json_array();
    for (int i = axis + 1; i < dims->rank; i++)
        below *= dims->d[i];
    const int64_t n = dims->rank ? dims->d[axis] : 1;
    for (int64_t i = 0; list && i < n; i++) {
        json_t *item =
            dims->rank ? json_axis(dtype, dims, axis + 1, from + i * below, data) : json_element(dtype, data, from);
        if (json_array_append_new(list, item) == 0)
            continue;
        json_decref(list);
        list = NULL;
    }
    return list;
}

json_t *fl_cli_json_array(floe_dtype dtype, const floe_dims *dims, const void *data)
{
    return json_axis(dtype, dims, 0, 0, data);
}

json_t *fl_cli_json_dims(const floe_dims *dims)
{
    json_t *list = json_array();
    for (int i = 0; list && i < dims->rank; i++)
        if (json_array_append_new(list, json_integer(dims->d[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

/* Bytes of the UTF-8 character at p, 0 when it is none. */
static size_t utf8_length(const char *p)
{
    for (size_t n = 1; n <= 4 && p[n - 1]; n++) {
        json_t *one = json_stringn(p, n); /* the library checks what it will later accept */
        json_decref(one);
        if (one)
            return n;
    }
    return 0;
}

json_t *fl_cli_json_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *plain = json_string(text);
    if (plain)
        return plain;
    char *copy = fl_alloc(NULL, 3 * strlen(text) + 1);
    size_t used = 0;
    while (copy && *text) {
        const size_t n = utf8_length(text);
        memcpy(copy + used, n ? text : "\xef\xbf\xbd", n ? n : 3);
        used += n ? n : 3;
        text += n ? n : 1;
    }
    plain = copy ? json_stringn(copy, used) : NULL;
    fl_free(NULL, copy);
    return plain;
}

bool fl_cli_json_put(json_t *object, const char *key, json_t *value)
{
    json_t *name = fl_cli_json_text(key); /* keys are names of nodes: from a file, so any bytes */
    const int rc = name && value ? json_object_set_new(object, json_string_value(name), value) : -1;
    json_decref(name);
    if (rc != 0 && !name)
        json_decref(value);
    return rc == 0;
}

floe_status fl_cli_json_print(json_t *value, int digits, floe_error *err)
{
    const size_t how = JSON_PRESERVE_ORDER | JSON_ENCODE_ANY | JSON_REAL_PRECISION((size_t)digits);
    const int rc = value ? json_dumpf(value, stdout, how) : -1;
    const bool had_value = value != NULL;
    json_decref(value);
    if (rc != 0 && !(had_value && ferror(stdout)))
        return fl_fail_memory(err, 1, "a line of JSON");
    putchar('\n');
    return FLOE_OK;
}
