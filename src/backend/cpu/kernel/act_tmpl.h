/* act_tmpl.h - activations on rows in the words of vec_<isa>.h: one loop an activation, chosen by a table. */
#include "backend/cpu/kernel/act.h"
#include "backend/cpu/kernel/vmath.h"

#define ACT_ROW(name, expression)                                                           \
    static void act_##name(float alpha, size_t n, const float *from, float *to)             \
    {                                                                                       \
        const vf a = v_set1(alpha);                                                         \
        size_t i = 0;                                                                       \
        (void)a;                                                                            \
        for (; i + VN <= n; i += VN) {                                                      \
            const vf x = v_load(from + i);                                                  \
            v_store(to + i, expression);                                                    \
        }                                                                                   \
        if (i < n) {                                                                        \
            const vf x = v_load_part(from + i, n - i);                                      \
            v_store_part(to + i, expression, n - i);                                        \
        }                                                                                   \
    }
ACT_ROW(none, x)
ACT_ROW(relu, vm_relu(x))
ACT_ROW(relu6, vm_relu6(x))
ACT_ROW(leaky_relu, vm_leaky_relu(x, a))
ACT_ROW(elu, vm_elu(x))
ACT_ROW(selu, vm_selu(x))
ACT_ROW(sigmoid, vm_sigmoid(x))
ACT_ROW(tanh, vm_tanh(x))
ACT_ROW(softplus, vm_softplus(x))
ACT_ROW(softsign, vm_softsign(x))

static void (*const act_rows[])(float alpha, size_t n, const float *from, float *to) = {
    [FL_UNARY_NONE] = act_none,         [FL_UNARY_RELU] = act_relu,         [FL_UNARY_RELU6] = act_relu6,
    [FL_UNARY_LEAKY_RELU] = act_leaky_relu, [FL_UNARY_ELU] = act_elu,       [FL_UNARY_SELU] = act_selu,
    [FL_UNARY_SIGMOID] = act_sigmoid,   [FL_UNARY_TANH] = act_tanh,         [FL_UNARY_SOFTPLUS] = act_softplus,
    [FL_UNARY_SOFTSIGN] = act_softsign,
};

#define ACT_NAME2(isa) fl_f32_act__##isa
#define ACT_NAME(isa) ACT_NAME2(isa)
void ACT_NAME(V_ISA)(int act, float alpha, size_t n, const float *x, float *y)
{
    act_rows[act](alpha, n, x, y);
}
