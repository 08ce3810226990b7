/* act_tmpl.h - activations on rows in the words of vec_<isa>.h, chosen by a table. */
#include "backend/cpu/kernel/act.h"
#include "backend/cpu/kernel/activation_tmpl.h"

static void (*const act_rows[])(const float *from, float *to, size_t n, float slope) = {ACTIVATION_ROWS};

#define ACT_NAME2(isa) fl_f32_act__##isa
#define ACT_NAME(isa) ACT_NAME2(isa)
void ACT_NAME(V_ISA)(int act, float alpha, size_t n, const float *x, float *y)
{
    act_rows[act](x, y, n, alpha);
}
