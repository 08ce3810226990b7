/* cli_output.h - arrays, shapes and JSON on stdout. */
#ifndef FL_CLI_OUTPUT_H
#define FL_CLI_OUTPUT_H

#include "cli_args.h"

#include <jansson.h>

#define FL_CLI_DIMS_TEXT 160

/* "[N,3,224,224]"; a batch is "N", k times the batch "kN". Gives buf back. */
char *fl_cli_dims_text(const floe_dims *dims, char buf[FL_CLI_DIMS_TEXT]);
/* dims with the batch put in. */
floe_dims fl_cli_dims_at(const floe_dims *dims, int64_t batch);

/* A text out of a file: control characters, which a terminal would obey, become '?'. */
void fl_cli_print_text(const char *text);
/* The i-th element; 64-bit integers lose what a double cannot hold. */
double fl_cli_value(floe_dtype dtype, const void *data, int64_t i);
/* As NumPy prints: nested brackets, the shortest digits that give the value back, "..." in arrays of more than 1000.
 * dims hold no batch any more. */
void fl_cli_print_array(floe_dtype dtype, const floe_dims *dims, const void *data);
/* The shortest decimal text of a float. */
void fl_cli_float_text(double value, floe_dtype dtype, char *out, size_t room);

/* Nested lists, as dims say; rank 0 is a list of one. NaN and infinities, which JSON lacks, become null. NULL: no
 * memory. */
json_t *fl_cli_json_array(floe_dtype dtype, const floe_dims *dims, const void *data);
/* A shape as a list, unknown and batch as -1. */
json_t *fl_cli_json_dims(const floe_dims *dims);
/* A string; bytes that are no UTF-8 become U+FFFD. "null" for NULL. */
json_t *fl_cli_json_text(const char *text);
/* Puts value into object and gives it up; false without memory (also when value is NULL). */
bool fl_cli_json_put(json_t *object, const char *key, json_t *value);
/* Prints one line and frees it. digits: 9 give every float32 back, 17 every float64. */
floe_status fl_cli_json_print(json_t *value, int digits, floe_error *err);

#endif
