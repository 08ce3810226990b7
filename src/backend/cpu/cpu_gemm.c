/* cpu_gemm.c - tiling and threads of the matrix product; cpu_gemm_pack.c packs.
 *
 *             slivers of b: as many columns as a tile has
 *             +-----+-----+-----+--
 *     tiles   |     |     |     |         A task is a block of tiles times some slivers. It first writes down, for each
 *     of      +-----+-----+-----+--       of its tiles, the row pointers of each tap that is not wholly outside; then
 *     output  |     |     |     |         it walks  sliver by sliver, and in each  tile by tile: a sliver is read from
 *     pixels  +-----+-----+-----+--       memory once a block and from the cache for the tiles that follow.
 *
 * Tiles either follow the pixels through the whole grid, cut as evenly as can be (rows of a matrix; 1x1 convolutions),
 * or stay within a row of pixels: then the tiles at the upper and lower edge drop the taps that lie outside, which is
 * 18 % of the work of a 3x3 convolution of 7x7 pixels.
 *
 * The sum of an element is the kernel's chain over (tap, depth) whatever the tile, block or task it falls into. Tiles
 * are cut without looking at the threads; blocks do look, but decide about order only. So the bits are the same for any
 * number of threads. Nothing is ever split along the sum.
 *
 * Scratch of a worker: [zero row: depth floats] [tiles of the block] [for each tile: pointers, tap numbers].
 */
#include "backend/cpu/cpu_gemm.h"

#include <math.h>
#include <string.h>

#define TASKS_PER_THREAD 4
#define SMALL_JOB        100000.0 /* multiply-adds: a few microseconds, not worth waking anybody */

/* ---- the plan of a job: how it is cut */

typedef struct plan {
    const fl_gemm_job *job;
    size_t    scratch_bytes;
    fl_act_fn act; /* behind the kernel, or NULL */
    fl_clamp  clamp;
    bool      by_row; /* tiles stay within a row of pixels */
    bool      inside; /* no tap of any pixel is outside */
    int64_t   tiles;  /* in all */
    int64_t   tiles_per_row; /* by_row */
    int64_t   block, blocks; /* tiles a block; blocks */
    int64_t   slivers, part, parts; /* slivers of a group; slivers a part; parts of a group */
    bool      tiles_first; /* in a task: tile by tile, and in each all slivers */
    bool      parts_first; /* consecutive tasks share slivers, not tiles */
} plan;

static bool axis_inside(const fl_gemm_axis *a)
{
    const int64_t tap_reach = (a->taps - 1) * a->tap_step, last = a->first + (a->count - 1) * a->step;

    return a->taps > 0 && a->first + (tap_reach < 0 ? tap_reach : 0) >= 0 &&
           last + (tap_reach > 0 ? tap_reach : 0) < a->size;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static size_t tile_bytes(const fl_gemm_shape *s)
{
    return (size_t)(s->taps * s->kernel->rows) * sizeof(float *) + fl_round_up((size_t)s->taps * sizeof(uint32_t), 8);
}

typedef struct block_tile {
    fl_gemm_tile tile;
    fl_gemm_fn   fn;
    int64_t      rows, y; /* y: floats from the first pixel of the grid */
} block_tile;

static size_t zero_bytes(const fl_gemm_shape *s)
{
    return fl_round_up((size_t)s->depth * sizeof(float), FL_ALIGN);
}

bool fl_gemm_fits(const fl_gemm_shape *s, size_t scratch_bytes)
{
    const int64_t most = (int64_t)(scratch_bytes / sizeof(float));

    return s->depth <= most && s->taps <= most &&
           zero_bytes(s) + sizeof(block_tile) + tile_bytes(s) <= scratch_bytes;
}

static void cut_tiles(plan *p)
{
    const fl_gemm_job *job = p->job;
    const int64_t rows = job->shape.kernel->rows, w = job->w.count;
    const bool flat = job->y_row == w * job->y_pixel && job->y_image == job->h.count * job->y_row;

    p->inside = axis_inside(&job->h) && axis_inside(&job->w);
    p->tiles_per_row = ceil_div(w, rows);
    p->by_row = !flat || (!p->inside && 2 * w >= rows * p->tiles_per_row);
    p->tiles = p->by_row ? job->images * job->h.count * p->tiles_per_row
                         : ceil_div(job->images * job->h.count * w, rows);
}

/* A block's input should stay in a quarter of the L2 cache next to the slivers that pass by. Threads want several tasks
 * each, so that one that lost its processor can be helped. */
static void cut_blocks(plan *p, size_t threads, const fl_device_info *device)
{
    const fl_gemm_job *job = p->job;
    const fl_gemm_shape *s = &job->shape;
    const int64_t steps = (job->h.step < 4 ? job->h.step : 4) * (job->w.step < 4 ? job->w.step : 4);
    const int64_t tile_input = s->kernel->rows * steps * s->depth * (int64_t)sizeof(float) + 1;
    const int64_t room = (int64_t)((p->scratch_bytes - zero_bytes(s)) / (sizeof(block_tile) + tile_bytes(s)));
    const int64_t cache = (int64_t)device->l2_bytes / 4;
    const int64_t wanted = threads > 1 ? TASKS_PER_THREAD * (int64_t)threads : 1;
    int64_t block = cache / tile_input;

    block = block < 1 ? 1 : block > room ? room : block;
    if (ceil_div(p->tiles, block) * s->groups < wanted) {
        const int64_t fair = ceil_div(p->tiles * s->groups, wanted);
        block = fair < 4 && block > 4 ? 4 : fair < block ? fair : block;
    }
    p->block = block;
    p->blocks = ceil_div(p->tiles, block);
    p->slivers = fl_gemm_slivers(s);
    p->parts = p->blocks ? ceil_div(wanted, p->blocks * s->groups) : 1;
    p->parts = p->parts < 1 ? 1 : p->parts > p->slivers ? p->slivers : p->parts;
    p->part = ceil_div(p->slivers, p->parts);
    p->parts = ceil_div(p->slivers, p->part);
    p->tiles_first = p->part * fl_gemm_sliver_floats(s) * (int64_t)sizeof(float) <= (int64_t)device->l2_bytes / 16;
    p->parts_first = (int64_t)fl_gemm_b_floats(s) > p->tiles * tile_input / (int64_t)sizeof(float);
}

/* ---- a task */

/* The first pixel of a tile and how many it has. */
static int64_t tile_rows(const plan *p, int64_t tile, int64_t *pixel)
{
    const int64_t w = p->job->w.count;

    if (p->by_row) {
        const int64_t row = tile / p->tiles_per_row, i = tile % p->tiles_per_row;
        const int64_t begin = w * i / p->tiles_per_row, end = w * (i + 1) / p->tiles_per_row;
        *pixel = row * w + begin;
        return end - begin;
    }
    const int64_t pixels = p->job->images * p->job->h.count * w;
    const int64_t each = pixels / p->tiles, rest = pixels % p->tiles;
    *pixel = tile * each + (tile < rest ? tile : rest);
    return each + (tile < rest);
}

/* Where a pixel of the grid meets tap (0, 0). */
typedef struct pixel_at {
    const float *image;
    int64_t      row, column;
} pixel_at;

static void find_pixels(const fl_gemm_job *job, const float *x, int64_t pixel, int64_t rows, pixel_at *at)
{
    const int64_t w = job->w.count, h = job->h.count;
    int64_t j = pixel % w, i = pixel / w % h, n = pixel / w / h;

    for (int64_t r = 0; r < rows; r++) {
        at[r] = (pixel_at){x + n * job->x_image, i * job->h.step + job->h.first, j * job->w.step + job->w.first};
        if (++j == w) {
            j = 0;
            if (++i == h) {
                i = 0;
                n++;
            }
        }
    }
}

static bool is_in(int64_t place, int64_t size)
{
    return (uint64_t)place < (uint64_t)size;
}

/* The pointers of one tap; false if no row of the tile sees it. */
static bool point(const fl_gemm_job *job, const pixel_at *at, int64_t rows, int64_t u, int64_t v, const float *zeros,
                  const float **to)
{
    const int64_t du = u * job->h.tap_step, dv = v * job->w.tap_step;
    bool seen = false;

    for (int64_t r = 0; r < rows; r++) {
        const int64_t row = at[r].row + du, column = at[r].column + dv;
        const bool in = is_in(row, job->h.size) && is_in(column, job->w.size);
        to[r] = in ? at[r].image + row * job->x_row + column * job->x_pixel : zeros;
        seen |= in;
    }
    return seen;
}

/* Writes a tile's taps and pointers at `memory`. */
static void set_up_tile(const plan *p, block_tile *bt, int64_t index, const float *x, const float *zeros,
                        uint8_t *memory)
{
    const fl_gemm_job *job = p->job;
    const fl_gemm_shape *s = &job->shape;
    const float **pointers = (const float **)memory;
    uint32_t *taps = (uint32_t *)(void *)(memory + (size_t)(s->taps * s->kernel->rows) * sizeof *pointers);
    pixel_at at[FL_GEMM_MAX_ROWS];
    int64_t pixel;
    size_t n = 0;

    bt->rows = tile_rows(p, index, &pixel);
    bt->fn = s->kernel->by_rows[bt->rows];
    find_pixels(job, x, pixel, bt->rows, at);
    for (int64_t u = 0; u < job->h.taps; u++) {
        for (int64_t v = 0; v < job->w.taps; v++) {
            if (!point(job, at, bt->rows, u, v, zeros, pointers + n * (size_t)bt->rows))
                continue;
            const int64_t row = job->h.place + u * job->h.place_step, column = job->w.place + v * job->w.place_step;
            taps[n++] = (uint32_t)(row * job->filter_width + column);
        }
    }
    const int64_t w = job->w.count, h = job->h.count;
    bt->y = pixel / w / h * job->y_image + pixel / w % h * job->y_row + pixel % w * job->y_pixel;
    bt->tile = (fl_gemm_tile){.a = pointers, .tap = taps, .taps = n, .depth = (size_t)s->depth,
                              .stride = (size_t)job->y_pixel, .low = p->clamp.low, .high = p->clamp.high};
}

/* Points a tile to a sliver. */
static void aim(const plan *p, block_tile *bt, int64_t group, int64_t sliver)
{
    const fl_gemm_job *job = p->job;
    const fl_gemm_shape *s = &job->shape;
    const int64_t wide = s->kernel->columns, column = sliver * wide, number = group * p->slivers + sliver;
    const int64_t y = bt->y + group * s->columns + column;
    fl_gemm_tile *t = &bt->tile;

    t->b = job->b + number * fl_gemm_sliver_floats(s);
    t->bias = job->bias + number * wide;
    t->c = job->y + y;
    t->residual = job->residual ? job->residual + y : NULL;
    t->columns = (size_t)(s->columns - column < wide ? s->columns - column : wide);
}

static void run_tile(const plan *p, const block_tile *bt)
{
    const fl_gemm_tile *t = &bt->tile;

    bt->fn(t);
    for (int64_t r = 0; p->act && r < bt->rows; r++) {
        float *row = t->c + r * p->job->y_pixel;
        p->act(p->job->act, p->job->alpha, t->columns, row, row);
    }
}

typedef struct share { /* of one task */
    block_tile *list;
    int64_t     tiles, group, begin, end; /* begin, end: slivers */
} share;

static void walk_tiles(const plan *p, const share *t)
{
    for (int64_t i = 0; i < t->tiles; i++) {
        t->list[i].tile.ahead = p->job->b;
        for (int64_t sliver = t->begin; sliver < t->end; sliver++) {
            aim(p, &t->list[i], t->group, sliver);
            run_tile(p, &t->list[i]);
        }
    }
}

/* While a sliver meets the tiles, the next one is brought to the L2 cache, an equal part with each tile. Cold weights
 * would else be waited for by the first tile of each block, with the fma units idle, and memory be idle during the
 * others. */
static void walk_slivers(const plan *p, const share *t)
{
    const fl_gemm_shape *s = &p->job->shape;
    const int64_t step = ceil_div(s->kernel->columns, t->tiles), part = s->taps * s->depth * step;

    for (int64_t sliver = t->begin; sliver < t->end; sliver++) {
        const bool last = sliver + 1 == t->end;
        for (int64_t i = 0; i < t->tiles; i++) {
            fl_gemm_tile *tile = &t->list[i].tile;
            aim(p, &t->list[i], t->group, sliver);
            tile->ahead = tile->b + (last ? 0 : fl_gemm_sliver_floats(s) + i * part);
            tile->ahead_step = last ? 0 : (size_t)step;
            run_tile(p, &t->list[i]);
        }
    }
}

/* Task numbers count parts, groups, blocks with the one that varies fastest first, or blocks first if parts_first. */
static void run_task(const plan *p, size_t task, uint8_t *scratch)
{
    const fl_gemm_job *job = p->job;
    const fl_gemm_shape *s = &job->shape;
    const int64_t number = (int64_t)task;
    const int64_t block = p->parts_first ? number % p->blocks : number / (p->parts * s->groups);
    const int64_t rest = p->parts_first ? number / p->blocks : number % (p->parts * s->groups);
    const int64_t group = rest / p->parts, part = rest % p->parts;
    const int64_t first = block * p->block;
    const int64_t tiles = p->tiles - first < p->block ? p->tiles - first : p->block;
    const int64_t begin = part * p->part, end = begin + p->part < p->slivers ? begin + p->part : p->slivers;
    float *zeros = (float *)(void *)scratch;
    block_tile *list = (block_tile *)(void *)(scratch + zero_bytes(s));
    uint8_t *memory = (uint8_t *)(list + p->block);

    if (!p->inside)
        memset(zeros, 0, (size_t)s->depth * sizeof *zeros);
    for (int64_t i = 0; i < tiles; i++)
        set_up_tile(p, &list[i], first + i, job->x + group * s->depth, zeros, memory + (size_t)i * tile_bytes(s));
    const share t = {list, tiles, group, begin, end};
    if (p->tiles_first)
        walk_tiles(p, &t);
    else
        walk_slivers(p, &t);
}

typedef struct task_arg {
    const plan *plan;
    fl_stream  *stream;
} task_arg;

static void run_pool_task(void *arg, size_t task, size_t worker)
{
    const task_arg *a = arg;

    run_task(a->plan, task, fl_cpu_scratch(a->stream, worker));
}

static bool make_plan(plan *p, const fl_gemm_job *job, size_t threads, const fl_device_info *device,
                      size_t scratch_bytes)
{
    if (job->images < 1 || job->h.count < 1 || job->w.count < 1 || job->shape.columns < 1)
        return false;
    *p = (plan){.job = job, .scratch_bytes = scratch_bytes};
    if (!fl_act_clamp(job->act, &p->clamp)) /* clamps cost nothing in the kernel */
        p->act = fl_act_kernel(job->shape.kernel->isa);
    cut_tiles(p);
    cut_blocks(p, threads, device);
    return true;
}

void fl_gemm_run(const fl_gemm_job *job, fl_stream *stream)
{
    const fl_gemm_shape *s = &job->shape;
    plan p;
    task_arg arg = {&p, stream};

    if (!make_plan(&p, job, stream->threads, &stream->device->info, FL_CPU_SCRATCH))
        return;
    const double work = (double)(job->images * job->h.count * job->w.count) * (double)(s->groups * s->columns) *
                        (double)(job->h.taps * job->w.taps * s->depth + 1);
    fl_pool_run(work < SMALL_JOB ? NULL : stream->pool, run_pool_task, &arg,
                (size_t)(p.blocks * s->groups * p.parts));
}

void fl_gemm_run_alone(const fl_gemm_job *job, const fl_stream *stream, void *scratch, size_t scratch_bytes)
{
    plan p;

    if (!make_plan(&p, job, 1, &stream->device->info, scratch_bytes))
        return;
    for (size_t task = 0; task < (size_t)(p.blocks * job->shape.groups * p.parts); task++)
        run_task(&p, task, scratch);
}
