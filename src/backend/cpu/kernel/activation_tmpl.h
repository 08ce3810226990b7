/* activation_tmpl.h - the activations on rows in the words of vec_<isa>.h and vmath.h, one loop each, for act_tmpl.h
 * and elementwise_tmpl.h: static unary_<name>(from, to, n, slope), their rows in a table by fl_unary_func, and UNARY to
 * write more of their kind.
 *
 * Whole vectors, then one partial vector through the same expression.
 */
#include "backend/cpu/kernel/vmath.h"

#define UNARY(name, expression)                                                     \
    static void unary_##name(const float *from, float *to, size_t n, float slope)   \
    {                                                                               \
        const vf alpha = v_set1(slope);                                             \
        size_t i = 0;                                                               \
        (void)alpha;                                                                \
        for (; i + VN <= n; i += VN) {                                              \
            const vf x = v_load(from + i);                                          \
            v_store(to + i, expression);                                            \
        }                                                                           \
        if (i < n) {                                                                \
            const vf x = v_load_part(from + i, n - i);                              \
            v_store_part(to + i, expression, n - i);                                \
        }                                                                           \
    }

UNARY(none, x)
UNARY(relu, vm_relu(x))
UNARY(relu6, vm_relu6(x))
UNARY(leaky_relu, vm_leaky_relu(x, alpha))
UNARY(elu, vm_elu(x))
UNARY(selu, vm_selu(x))
UNARY(sigmoid, vm_sigmoid(x))
UNARY(tanh, vm_tanh(x))
UNARY(softplus, vm_softplus(x))
UNARY(softsign, vm_softsign(x))
UNARY(silu, vm_silu(x))

#define ACTIVATION_ROWS                                                                                               \
    [FL_UNARY_NONE] = unary_none, [FL_UNARY_RELU] = unary_relu, [FL_UNARY_RELU6] = unary_relu6,                       \
    [FL_UNARY_LEAKY_RELU] = unary_leaky_relu, [FL_UNARY_ELU] = unary_elu, [FL_UNARY_SELU] = unary_selu,               \
    [FL_UNARY_SIGMOID] = unary_sigmoid, [FL_UNARY_TANH] = unary_tanh, [FL_UNARY_SOFTPLUS] = unary_softplus,           \
    [FL_UNARY_SOFTSIGN] = unary_softsign, [FL_UNARY_SILU] = unary_silu
