/* op_functions.h - the functions that an operator's parameters name, and their numbers. Includes nothing, so that GPU
 * kernels read the same text.
 */
#ifndef FL_OP_FUNCTIONS_H
#define FL_OP_FUNCTIONS_H

/* Element-wise functions of one argument; the activations among them (fl_unary_is_activation) may also be fused
 * behind a convolution, matrix product, batch norm, pool or binary op. alpha is the slope of leaky_relu. Rules and
 * edge cases are TensorFlow's; silu is x * sigmoid(x). Text names are UFF's where UFF has one. Append, never reorder. */
#define FL_UNARY_LIST(X)                                                                                            \
    X(NONE, "none") X(RELU, "relu") X(RELU6, "relu6") X(LEAKY_RELU, "leaky_relu") X(ELU, "elu") X(SELU, "selu")      \
    X(SIGMOID, "sigmoid") X(TANH, "tanh") X(SOFTPLUS, "softplus") X(SOFTSIGN, "softsign") X(NEG, "neg")              \
    X(ABS, "abs") X(SQRT, "sqrt") X(RSQRT, "rsqrt") X(SQUARE, "square") X(EXP, "exp") X(LOG, "log")                  \
    X(FLOOR, "floor") X(CEIL, "ceil") X(RECIPROCAL, "reciprocal") X(SIN, "sin") X(COS, "cos") X(TAN, "tan")          \
    X(SINH, "sinh") X(COSH, "cosh") X(ASIN, "asin") X(ACOS, "acos") X(ATAN, "atan") X(ASINH, "asinh")                \
    X(ACOSH, "acosh") X(ATANH, "atanh") X(SILU, "silu")
typedef enum fl_unary_func {
#define FL_UNARY_ENUM(name, text) FL_UNARY_##name,
    FL_UNARY_LIST(FL_UNARY_ENUM)
#undef FL_UNARY_ENUM
    FL_UNARY_COUNT
} fl_unary_func;

/* Comparisons give FL_BOOL. DIV of integers truncates (TensorFlow's Div). Append, never reorder. */
#define FL_BINARY_LIST(X)                                                                                           \
    X(ADD, "add") X(SUB, "sub") X(MUL, "mul") X(DIV, "div") X(MIN, "min") X(MAX, "max") X(POW, "pow")                \
    X(SQUARED_DIFFERENCE, "squared_difference") X(FLOOR_DIV, "floor_div") X(FLOOR_MOD, "floor_mod")                  \
    X(EQUAL, "equal") X(NOT_EQUAL, "not_equal") X(LESS, "less") X(LESS_EQUAL, "less_equal")                          \
    X(GREATER, "greater") X(GREATER_EQUAL, "greater_equal")
typedef enum fl_binary_func {
#define FL_BINARY_ENUM(name, text) FL_BINARY_##name,
    FL_BINARY_LIST(FL_BINARY_ENUM)
#undef FL_BINARY_ENUM
    FL_BINARY_COUNT
} fl_binary_func;

#define FL_REDUCE_LIST(X) X(SUM, "sum") X(PROD, "prod") X(MAX, "max") X(MIN, "min") X(MEAN, "mean")
typedef enum fl_reduce_func {
#define FL_REDUCE_ENUM(name, text) FL_REDUCE_##name,
    FL_REDUCE_LIST(FL_REDUCE_ENUM)
#undef FL_REDUCE_ENUM
    FL_REDUCE_COUNT
} fl_reduce_func;

typedef enum fl_pool_func { FL_POOL_MAX, FL_POOL_AVG } fl_pool_func;

#endif
