/* cuda_program.c - the steps of a context as CUDA graphs, one for each batch size it has met.
 *
 *     prepare(batch)   a graph of that batch is there: it becomes the current one
 *                      none: the tactics' run() is recorded, with dims and pointers of the moment
 *     run              one launch of the current graph, however many steps there are
 *
 * The oldest graph makes room when there are too many. Pointers in a graph are for good, which is why a context's buffers
 * on the device never move.
 *
 * profile() measures each step alone: repeated in a graph of its own, long enough for the clock, so that what comes out is
 * what the step costs in the middle of a graph, its launch included. Repeating changes what steps that work in place
 * leave behind, so the whole program runs once more at the end.
 */
#include "backend/cuda/cuda_core.h"

#define MOST_GRAPHS 64

typedef struct batch_graph {
    int64_t     batch;
    CUgraphExec exec;
    uint64_t    used; /* the program's clock when it last became current */
} batch_graph;

struct fl_program {
    fl_stream     *stream;
    const fl_step *steps;
    size_t         count;
    batch_graph    graphs[MOST_GRAPHS];
    size_t         n_graphs;
    batch_graph   *current; /* NULL: nothing to run */
    uint64_t       clock;
};

/* ---- recording */

typedef struct step_range {
    const fl_step *steps;
    size_t         count;
    int            repeats;
} step_range;

static floe_status run_steps(fl_stream *stream, const void *arg, floe_error *err)
{
    const step_range *range = arg;

    for (int k = 0; k < range->repeats; k++)
        for (size_t i = 0; i < range->count; i++) {
            const fl_step *step = &range->steps[i];
            const floe_status st = step->tactic->run(step, stream, err);
            if (st != FLOE_OK) {
                fl_error_prefix(err, "tactic '%s'", step->tactic->name);
                return st;
            }
        }
    return FLOE_OK;
}

static void drop_graphs(fl_program *program)
{
    for (size_t i = 0; i < program->n_graphs; i++)
        fl_cuda_graph_free(program->stream->device, program->graphs[i].exec);
    program->n_graphs = 0;
    program->current = NULL;
}

static batch_graph *find_graph(fl_program *program, int64_t batch)
{
    for (size_t i = 0; i < program->n_graphs; i++)
        if (program->graphs[i].batch == batch)
            return &program->graphs[i];
    return NULL;
}

/* A place for one more graph: a new one, or that of the one not used for longest. */
static batch_graph *make_room(fl_program *program)
{
    batch_graph *oldest = &program->graphs[0];

    if (program->n_graphs < MOST_GRAPHS) {
        batch_graph *fresh = &program->graphs[program->n_graphs++];
        *fresh = (batch_graph){0};
        return fresh;
    }
    for (size_t i = 1; i < program->n_graphs; i++)
        if (program->graphs[i].used < oldest->used)
            oldest = &program->graphs[i];
    fl_cuda_graph_free(program->stream->device, oldest->exec);
    *oldest = (batch_graph){0};
    return oldest;
}

static floe_status make_current(fl_program *program, int64_t batch, floe_error *err)
{
    floe_status st = FLOE_OK;
    const step_range all = {program->steps, program->count, 1};
    CUgraphExec exec = NULL;

    program->current = NULL;
    batch_graph *graph = find_graph(program, batch);
    if (!graph) {
        FL_TRY(fl_cuda_record(&exec, program->stream, run_steps, &all, err));
        graph = make_room(program);
        *graph = (batch_graph){.batch = batch, .exec = exec};
    }
    graph->used = ++program->clock;
    program->current = graph;
done:
    return st;
}

static void free_inside(fl_program *program)
{
    drop_graphs(program);
    fl_free(&program->stream->device->env, program);
}

floe_status fl_cuda_prepare(fl_program **out, fl_stream *stream, const fl_step *steps, size_t count, int64_t batch,
                            floe_error *err)
{
    fl_device *device = stream->device;
    floe_status st = fl_cuda_enter(device, err);
    fl_program *program = *out;

    if (st != FLOE_OK)
        return st;
    if (!program)
        program = fl_calloc(&device->env, 1, sizeof *program);
    FL_NEED(program, sizeof *program, "a program", err);
    if (program->stream && (program->steps != steps || program->count != count))
        drop_graphs(program);
    program->stream = stream;
    program->steps = steps;
    program->count = count;
    st = make_current(program, batch, err);
    if (st != FLOE_OK && !*out)
        free_inside(program);
    else
        *out = program;
done:
    fl_cuda_leave(device);
    return st;
}

void fl_cuda_program_free(fl_program *program)
{
    if (!program)
        return;
    fl_device *device = program->stream->device;
    const bool inside = fl_cuda_enter_to_free(device);

    if (!inside)
        program->n_graphs = 0;
    free_inside(program);
    if (inside)
        fl_cuda_leave(device);
}

/* ---- running */

static floe_status launch_current(fl_program *program, floe_error *err)
{
    fl_device *device = program->stream->device;
    floe_status st = FLOE_OK;

    if (!program->current)
        FL_FAIL(err, FLOE_ERR_DEVICE, "the program was not prepared for its batch");
    FL_CUDA(device, "running a graph", cuGraphLaunch(program->current->exec, program->stream->stream), err);
done:
    return st;
}

floe_status fl_cuda_run(fl_program *program, floe_error *err)
{
    fl_device *device = program->stream->device;
    floe_status st = fl_cuda_enter(device, err);

    if (st != FLOE_OK)
        return st;
    st = launch_current(program, err);
    fl_cuda_leave(device);
    return st;
}

/* ---- profiling */

#define PROFILE_REPEATS 20
#define PROFILE_LONG    1000000u /* ns: what takes so long needs no repeating */
#define PROFILE_ENOUGH  500000u  /* ns that are measured for each step, if 20 launches of the graph make them */

static floe_status profile_step(fl_stream *stream, const fl_step *step, uint64_t *ns, floe_error *err)
{
    floe_status st = FLOE_OK;
    const step_range once = {step, 1, 1}, often = {step, 1, PROFILE_REPEATS};
    CUgraphExec graph = NULL;
    uint64_t sum = 0, replays = 0;

    FL_TRY(fl_cuda_clock_body(stream, run_steps, &once, ns, err));
    if (*ns > PROFILE_LONG)
        goto done;
    FL_TRY(fl_cuda_record(&graph, stream, run_steps, &often, err));
    FL_TRY(fl_cuda_clock_graph(stream, graph, ns, err)); /* to warm up */
    while (replays < 20 && sum < PROFILE_ENOUGH) {
        FL_TRY(fl_cuda_clock_graph(stream, graph, ns, err));
        sum += *ns;
        replays++;
    }
    *ns = sum / (replays * PROFILE_REPEATS);
done:
    fl_cuda_graph_free(stream->device, graph);
    return st;
}

floe_status fl_cuda_profile(fl_program *program, uint64_t *times, floe_error *err)
{
    fl_device *device = program->stream->device;
    floe_status st = fl_cuda_enter(device, err);

    if (st != FLOE_OK)
        return st;
    for (size_t i = 0; i < program->count; i++)
        FL_TRY(profile_step(program->stream, &program->steps[i], &times[i], err));
    FL_TRY(launch_current(program, err));
done:
    fl_cuda_leave(device);
    return st;
}
