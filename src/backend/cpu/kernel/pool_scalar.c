/* pool_scalar.c - the plain truth of pool.h: every window cell by cell. */
#include "backend/cpu/kernel/pool.h"

#include <float.h>

static float highest(const fl_pool_row *p, size_t j, size_t c)
{
    size_t first, end;
    float most = -FLT_MAX;

    fl_pool_columns(p, j, &first, &end);
    for (size_t r = 0; r < p->rows; r++) {
        for (size_t v = first; v < end; v++) {
            const float value = p->x[r * p->row_step + v * p->pixel + c];
            most = value > most ? value : most;
        }
    }
    return most;
}

static float average(const fl_pool_row *p, size_t j, size_t c)
{
    size_t first, end;
    double sum = 0;

    fl_pool_columns(p, j, &first, &end);
    for (size_t r = 0; r < p->rows; r++)
        for (size_t v = first; v < end; v++)
            sum += (double)p->x[r * p->row_step + v * p->pixel + c];
    return (float)(sum / (double)(p->rows * (end - first)));
}

static void max_windows(const fl_pool_row *p, float *room)
{
    (void)room;
    for (size_t j = 0; j < p->out_width; j++)
        for (size_t c = 0; c < p->channels; c++)
            p->y[j * p->pixel + c] = highest(p, j, c);
}

static void avg_windows(const fl_pool_row *p, float *room)
{
    (void)room;
    for (size_t j = 0; j < p->out_width; j++)
        for (size_t c = 0; c < p->channels; c++)
            p->y[j * p->pixel + c] = average(p, j, c);
}

const fl_pool_kernels fl_f32_pool__scalar = {max_windows, avg_windows, max_windows, avg_windows};
