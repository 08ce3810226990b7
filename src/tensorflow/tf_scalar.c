/* tf_scalar.c - the value of a constant scalar expression: what a predicate is known to be.
 *
 * Predicates are short: a constant, a flag that was set for inference, a negation or comparison of those. Values are
 * doubles: bools and the small integers that flags and branch numbers are fit exactly, and the rates of dropouts well
 * enough. Each node is evaluated once and
 * remembered, so an expression that shares its parts costs what it has nodes; a circle finds itself busy and is
 * unknown.
 */
#include "tf_freezer.h"

#include <string.h>

#define DEPTH_MAX 200 /* of recursion; a longer expression is no predicate of a model */

typedef enum scalar_op {
    SCALAR_SAME, /* the first input */
    SCALAR_NOT,
    SCALAR_AND,
    SCALAR_OR,
    SCALAR_EQUAL,
    SCALAR_NOT_EQUAL,
    SCALAR_GREATER,
    SCALAR_GREATER_EQUAL,
    SCALAR_LESS,
    SCALAR_LESS_EQUAL,
    SCALAR_ADD,
    SCALAR_SUB,
    SCALAR_MUL,
    SCALAR_DIV,
    SCALAR_TRUE
} scalar_op;

static const struct {
    const char *op;
    scalar_op   meaning;
    size_t      inputs;
} rows[] = {
    {"Identity", SCALAR_SAME, 1},
    {"Cast", SCALAR_SAME, 1},
    {"Squeeze", SCALAR_SAME, 1},
    {"Reshape", SCALAR_SAME, 1}, /* of one number */
    {"StopGradient", SCALAR_SAME, 1},
    {"Switch", SCALAR_SAME, 1},
    {"RefSwitch", SCALAR_SAME, 1},
    {"LogicalNot", SCALAR_NOT, 1},
    {"LogicalAnd", SCALAR_AND, 2},
    {"LogicalOr", SCALAR_OR, 2},
    {"Equal", SCALAR_EQUAL, 2},
    {"NotEqual", SCALAR_NOT_EQUAL, 2},
    {"Greater", SCALAR_GREATER, 2},
    {"GreaterEqual", SCALAR_GREATER_EQUAL, 2},
    {"Less", SCALAR_LESS, 2},
    {"LessEqual", SCALAR_LESS_EQUAL, 2},
    {"Add", SCALAR_ADD, 2},
    {"AddV2", SCALAR_ADD, 2},
    {"Sub", SCALAR_SUB, 2},
    {"Mul", SCALAR_MUL, 2},
    {"RealDiv", SCALAR_DIV, 2},
    {"IsVariableInitialized", SCALAR_TRUE, 0}, /* a restored one is */
    {"VarIsInitializedOp", SCALAR_TRUE, 0},
};

static bool number_of(const fl_tf_tensor *t, double *value)
{
    uint64_t bits = 0;

    if (t->count != 1 || t->bytes > sizeof bits || t->bytes == 0)
        return false;
    memcpy(&bits, t->data, t->bytes);
    const unsigned shift = (unsigned)(64 - 8 * t->bytes);
    switch (t->dtype) {
    case FL_TF_BOOL:
    case FL_TF_UINT8:
    case FL_TF_UINT16:
    case FL_TF_UINT32:
    case FL_TF_UINT64:
        *value = (double)bits;
        return true;
    case FL_TF_INT8:
    case FL_TF_INT16:
    case FL_TF_INT32:
    case FL_TF_INT64:
        *value = (double)((int64_t)(bits << shift) >> shift);
        return true;
    case FL_TF_FLOAT: {
        float v;
        memcpy(&v, t->data, sizeof v);
        *value = v;
        return true;
    }
    case FL_TF_DOUBLE:
        memcpy(value, t->data, sizeof *value);
        return true;
    default:
        return false;
    }
}

static bool constant_number(fl_tf_freezer *f, const fl_tf_node *n, double *value)
{
    fl_tf_tensor t;
    fl_bytes attr;

    /* A large constant is no number, and is not expanded to find that out. */
    if (!fl_tf_attr_find(n, "value", &attr) || attr.size > 256)
        return false;
    fl_tf_shape shape;
    const fl_bytes tensor = fl_tf_field(attr, FL_TF_ATTR_TENSOR);
    if (fl_tf_shape_parse(&f->arena, fl_tf_field(tensor, 2), &shape, NULL) != FLOE_OK)
        return false;
    for (int i = 0; i < shape.rank; i++)
        if (shape.dim[i] != 1)
            return false;
    return fl_tf_tensor_parse(&f->arena, tensor, &t, n->name, NULL) == FLOE_OK && number_of(&t, value);
}

static bool evaluate(fl_tf_freezer *f, const char *input, double *value, int depth);

static bool apply(fl_tf_freezer *f, const fl_tf_node *n, scalar_op op, double *value, int depth)
{
    double a = 0, b = 0;

    if (op == SCALAR_TRUE) {
        *value = 1;
        return true;
    }
    const bool has_a = evaluate(f, n->input[0], &a, depth);
    if (op == SCALAR_SAME || op == SCALAR_NOT) {
        *value = op == SCALAR_NOT ? a == 0 : a;
        return has_a;
    }
    const bool has_b = evaluate(f, n->input[1], &b, depth);
    if (op == SCALAR_AND || op == SCALAR_OR) { /* one side may decide */
        const double decides = op == SCALAR_OR;
        *value = (has_a && (a != 0) == decides) || (has_b && (b != 0) == decides) ? decides : !decides;
        return (has_a && has_b) || *value == decides;
    }
    *value = op == SCALAR_ADD             ? a + b
             : op == SCALAR_SUB           ? a - b
             : op == SCALAR_MUL           ? a * b
             : op == SCALAR_DIV           ? (b != 0 ? a / b : 0)
             : op == SCALAR_EQUAL         ? a == b
             : op == SCALAR_NOT_EQUAL     ? a != b
             : op == SCALAR_GREATER       ? a > b
             : op == SCALAR_GREATER_EQUAL ? a >= b
             : op == SCALAR_LESS          ? a < b
                                          : a <= b;
    return has_a && has_b && !(op == SCALAR_DIV && b == 0);
}

static bool evaluate_node(fl_tf_freezer *f, const fl_tf_node *n, double *value, int depth)
{
    if (strcmp(n->op, "Const") == 0)
        return constant_number(f, n, value);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(n->op, rows[i].op) == 0 && n->n_input >= rows[i].inputs)
            return apply(f, n, rows[i].meaning, value, depth);
    return false;
}

static bool evaluate(fl_tf_freezer *f, const char *input, double *value, int depth)
{
    const size_t i = fl_tf_node_index(f, fl_tf_alias_resolve(f, input), NULL);

    if (*input == '^' || depth == DEPTH_MAX || i == SIZE_MAX || i >= f->cap_info || f->graph->node[i].removed)
        return false;
    fl_tf_info *info = &f->info[i];
    if (info->scalar == FL_TF_SCALAR_NEW) {
        info->scalar = FL_TF_SCALAR_BUSY;
        const bool known = evaluate_node(f, &f->graph->node[i], &info->value, depth + 1);
        info->scalar = known ? FL_TF_SCALAR_KNOWN : FL_TF_SCALAR_UNKNOWN;
    }
    *value = info->value;
    return info->scalar == FL_TF_SCALAR_KNOWN;
}

bool fl_tf_scalar_value(fl_tf_freezer *f, const char *input, double *value)
{
    return evaluate(f, input, value, 0);
}
