/* tf_inline.c - calls are replaced by what they call.
 *
 * A walk starts at the outputs and follows inputs. Where it meets a call, the function's nodes are copied into the
 * graph under "<call>/<name>", the call's outputs become aliases of what the function returns, and the walk goes on in
 * the copy. So only what is needed is ever inlined: a SavedModel's library is mostly training and gradients.
 *
 *     "arg", "arg:i"              the call's i-th input of that argument
 *     "node:output:i"             "<call>/node:port", port by the op's output arguments
 *     "node:output"               all of that output (a list stands for as many inputs)
 *     "^node"                     "^<call>/node"
 *
 * The call itself stays as a NoOp that waits for the body, so control edges from it keep their meaning; control edges
 * into it are passed to those nodes of the body that start it. An If (or Case) whose predicate is known is a call of
 * the branch taken. Recursion is found by the chain of calls a node came through; the number of nodes is bounded,
 * because functions that call each other twice make 2^n nodes out of n functions.
 */
#include "proto/wire.h"
#include "tf_function.h"

#include <string.h>

#define PREFIXES_MAX 1000

/* What a node calls. */
typedef struct callee {
    fl_tf_function  *function;
    fl_tf_call_attrs attrs;
    size_t           first_input; /* of the call that is an argument */
} callee;

/* One inlining under way. */
typedef struct inliner {
    fl_tf_freezer  *f;
    fl_tf_function *fn;
    callee          target;
    const char     *prefix;
    const char    **input; /* of the call */
    size_t          n_data, n_input;
    size_t         *arg_base;
    int64_t        *arg_count;
    size_t          first_node; /* index of the body's first node in the graph */
} inliner;

/* ---- which function */

static fl_bytes func_of(fl_bytes attr)
{
    return fl_tf_attr_kind_of(attr) == FL_TF_ATTR_FUNC ? fl_tf_field(attr, FL_TF_ATTR_FUNC) : (fl_bytes){NULL, 0};
}

const char *fl_tf_function_attr(fl_tf_freezer *f, const fl_tf_node *n, const char *attr)
{
    fl_bytes value;
    const char *name =
        fl_tf_attr_find(n, attr, &value) ? fl_tf_field_string(&f->arena, func_of(value), 1) : "";
    return name ? name : "";
}

/* Branch `index` of a list of functions. */
static fl_bytes branch_of(fl_bytes attr, double index)
{
    const fl_bytes list = fl_tf_field(attr, FL_TF_ATTR_LIST);
    fl_reader r = fl_reader_make(list.data, list.size);
    fl_bytes found = {NULL, 0};
    double i = 0;
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        if (f.number != 9 || f.wire != FL_PB_BYTES)
            continue;
        found = (fl_bytes){f.bytes, f.size};
        if (i++ == index)
            break; /* an index outside the list means the last branch */
    }
    return found;
}

static bool is_any(const char *op, const char *const *ops)
{
    for (; *ops; ops++)
        if (strcmp(op, *ops) == 0)
            return true;
    return false;
}

/* The NameAttrList that the node calls; false when it calls nothing, or it cannot be known what. */
static bool called_function(fl_tf_freezer *f, const fl_tf_node *n, fl_bytes *func, size_t *first_input)
{
    static const char *const calls[] = {"PartitionedCall", "StatefulPartitionedCall", NULL};
    static const char *const ifs[] = {"If", "StatelessIf", NULL};
    static const char *const cases[] = {"Case", "StatelessCase", NULL};
    const bool is_if = is_any(n->op, ifs), is_case = is_any(n->op, cases);
    fl_bytes attr;
    double chosen;

    *first_input = is_if || is_case;
    if (is_any(n->op, calls) && fl_tf_attr_find(n, "f", &attr)) {
        *func = func_of(attr);
    } else if ((is_if || is_case) && n->n_input > 0 && fl_tf_scalar_value(f, n->input[0], &chosen)) {
        if (!fl_tf_attr_find(n, is_case ? "branches" : chosen != 0 ? "then_branch" : "else_branch", &attr))
            return false;
        *func = is_case ? branch_of(attr, chosen) : func_of(attr);
    } else {
        return false;
    }
    return func->size > 0;
}

bool fl_tf_is_call(const fl_tf_freezer *f, const fl_tf_node *n)
{
    static const char *const ops[] = {"PartitionedCall", "StatefulPartitionedCall", "If", "StatelessIf", "Case",
                                      "StatelessCase", "While", "StatelessWhile", NULL};
    return is_any(n->op, ops) || fl_tf_function_find(f, n->op);
}

/* Element `index` of a list(type). */
static int type_at(fl_bytes attr, int index)
{
    const fl_bytes list = fl_tf_field(attr, FL_TF_ATTR_LIST);
    fl_reader r = fl_reader_make(list.data, list.size);
    fl_pb_field f;

    while (fl_pb_next(&r, &f)) {
        if (f.number != 6)
            continue;
        if (f.wire == FL_PB_VARINT && index-- == 0)
            return (int)f.value;
        fl_reader packed = fl_reader_make(f.bytes, f.size);
        while (f.wire == FL_PB_BYTES && fl_reader_left(&packed) > 0) {
            const uint64_t type = fl_read_varint(&packed);
            if (index-- == 0)
                return (int)type;
        }
    }
    return FL_TF_INVALID;
}

int fl_tf_call_dtype(fl_tf_freezer *f, const fl_tf_node *n, int port)
{
    const fl_tf_function *fn = fl_tf_function_find(f, n->op);
    fl_bytes attr;

    if (!fl_tf_is_call(f, n) || port < 0)
        return FL_TF_INVALID;
    if (!fn)
        return fl_tf_attr_find(n, strstr(n->op, "While") ? "T" : "Tout", &attr) ? type_at(attr, port) : FL_TF_INVALID;
    fl_reader r = fl_reader_make(fn->signature.data, fn->signature.size); /* output_arg: type, or type_attr */
    fl_pb_field field, inner;
    while (fl_pb_next(&r, &field)) {
        if (field.number != 3 || field.wire != FL_PB_BYTES || port-- != 0)
            continue;
        fl_reader arg = fl_reader_make(field.bytes, field.size);
        while (fl_pb_next(&arg, &inner))
            if (inner.number == 3 && inner.wire == FL_PB_VARINT)
                return (int)inner.value;
        const char *type_attr = fl_tf_field_string(&f->arena, (fl_bytes){field.bytes, field.size}, 4);
        return type_attr ? fl_tf_attr_type(n, type_attr, FL_TF_INVALID) : FL_TF_INVALID;
    }
    return FL_TF_INVALID;
}

static bool find_callee(fl_tf_freezer *f, const fl_tf_node *n, callee *out)
{
    fl_bytes func;
    size_t first;

    *out = (callee){fl_tf_function_find(f, n->op), {n, {NULL, 0}, {NULL, 0}}, 0};
    if (!out->function && called_function(f, n, &func, &first)) {
        const char *name = fl_tf_field_string(&f->arena, func, 1);
        out->function = name ? fl_tf_function_find(f, name) : NULL;
        out->attrs = (fl_tf_call_attrs){NULL, func, {NULL, 0}};
        out->first_input = first;
    }
    if (out->function)
        out->attrs.signature = out->function->signature;
    return out->function != NULL;
}

/* ---- names inside the body */

static floe_status bad_reference(const inliner *in, const char *reference, floe_error *err)
{
    return fl_fail(err, FLOE_ERR_FORMAT, "%s: function '%s': '%s' names no tensor", in->f->graph->path, in->fn->name,
                   reference);
}

/* A growing list of inputs. */
typedef struct input_list {
    const char **input;
    size_t       count, capacity;
} input_list;

static floe_status list_add(input_list *list, fl_arena *arena, const char *input, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_NEED(input, 0, "a name", err);
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? list->capacity * 2 : 4;
        const char **grown = fl_arena_calloc(arena, capacity, sizeof *grown);
        FL_NEED(grown, capacity * sizeof *grown, "inputs", err);
        if (list->count > 0)
            memcpy(grown, list->input, list->count * sizeof *grown);
        list->input = grown;
        list->capacity = capacity;
    }
    list->input[list->count++] = input;
done:
    return st;
}

static bool parse_index(const char *text, int64_t *value)
{
    *value = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || *value > INT32_MAX / 10 - 1)
            return false;
        *value = *value * 10 + (*text - '0');
    }
    return true;
}

/* "arg" is all of it, "arg:i" one element. */
static floe_status add_argument(const inliner *in, input_list *list, uint32_t arg, const char *rest,
                                const char *reference, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t first = 0, count = in->arg_count[arg];

    if (*rest) {
        if (!parse_index(rest, &first) || first >= count) {
            st = bad_reference(in, reference, err);
            goto done;
        }
        count = 1;
    }
    for (int64_t i = 0; i < count; i++)
        FL_TRY(list_add(list, &in->f->graph->arena,
                        in->input[in->target.first_input + in->arg_base[arg] + (size_t)(first + i)], err));
done:
    return st;
}

/* "output:i", "output", or nothing (the first). */
static floe_status add_node_output(const inliner *in, input_list *list, size_t node, const char *rest,
                                   const char *reference, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_graph *g = in->f->graph;
    const char *name = g->node[in->first_node + node].name;
    const size_t output = strcspn(rest, ":");
    int64_t port = 0, count = 1, index = 0;

    if (*rest)
        FL_TRY(fl_tf_output_port(in->f, &in->fn->node[node], rest, output, &port, &count, err));
    const bool indexed = rest[output] == ':';
    if (indexed && (!parse_index(rest + output + 1, &index) || (count >= 0 && index >= count))) {
        st = bad_reference(in, reference, err);
        goto done;
    }
    if (indexed || count < 0)
        count = 1;
    for (int64_t i = 0; i < count; i++)
        FL_TRY(list_add(list, &g->arena, fl_tf_tensor_name(in->f, name, (int)(port + index + i)), err));
done:
    return st;
}

/* Translates one reference of the body, which may stand for several inputs. */
static floe_status add_reference(const inliner *in, input_list *list, const char *reference, floe_error *err)
{
    floe_status st = FLOE_OK;
    const bool control = *reference == '^';
    const char *text = reference + control;
    const size_t name = strcspn(text, ":");
    const uint32_t i = fl_names_find_n(&in->fn->by_name, text, name);
    const char *rest = text + name + (text[name] == ':');

    if (i == FL_NAMES_NONE) {
        st = bad_reference(in, reference, err);
        goto done;
    }
    const bool is_arg = i < in->fn->n_in;
    if (!control) {
        if (is_arg)
            FL_TRY(add_argument(in, list, i, rest, reference, err));
        else
            FL_TRY(add_node_output(in, list, i - in->fn->n_in, rest, reference, err));
    } else if (!is_arg) { /* an argument is there when the body starts */
        const char *node = in->f->graph->node[in->first_node + (i - in->fn->n_in)].name;
        FL_TRY(list_add(list, &in->f->graph->arena, fl_arena_printf(&in->f->graph->arena, "^%s", node), err));
    }
done:
    return st;
}

/* ---- copying the body */

/* Inputs of a copied node; one that the body does not hold back is held back as the call was. */
static floe_status copy_inputs(const inliner *in, size_t node, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_tf_node *from = &in->fn->node[node];
    input_list list = {NULL, 0, 0};
    bool starts = true;

    for (size_t i = 0; i < from->n_input; i++) {
        const char *text = from->input[i] + (*from->input[i] == '^');
        const uint32_t at = fl_names_find_n(&in->fn->by_name, text, strcspn(text, ":"));
        starts = starts && at != FL_NAMES_NONE && at < in->fn->n_in;
        FL_TRY(add_reference(in, &list, from->input[i], err));
    }
    for (size_t i = in->n_data; starts && i < in->n_input; i++)
        FL_TRY(list_add(&list, &in->f->graph->arena, in->input[i], err));
    fl_tf_node *to = &in->f->graph->node[in->first_node + node];
    to->input = list.input;
    to->n_input = list.count;
done:
    return st;
}

/* A frame's name must differ between two copies of a loop. */
static floe_status rename_frame(const inliner *in, fl_tf_node *n, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf b = fl_buf_make(in->f->env);
    const char *frame = fl_tf_attr_string(in->f->graph, n, "frame_name");

    if (!frame)
        goto done;
    const size_t size = strlen(in->prefix) + 1 + strlen(frame);
    fl_put_varint(&b, FL_TF_ATTR_S << 3 | FL_PB_BYTES);
    fl_put_varint(&b, size);
    fl_put_format(&b, "%s/%s", in->prefix, frame);
    FL_NEED(b.failed ? NULL : b.data, size, "a frame name", err);
    FL_TRY(fl_tf_attr_set(in->f->graph, n, "frame_name", (fl_bytes){b.data, b.size}, err));
done:
    fl_buf_free(&b);
    return st;
}

/* Attributes, with placeholders filled in from the call. */
static floe_status copy_attrs(const inliner *in, size_t node, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_graph *g = in->f->graph;
    const fl_tf_node *from = &in->fn->node[node];
    fl_tf_node *to = &g->node[in->first_node + node];

    to->attr = fl_arena_calloc(&g->arena, from->n_attr, sizeof *to->attr);
    FL_NEED(to->attr, from->n_attr * sizeof *to->attr, "attributes", err);
    for (size_t i = 0; i < from->n_attr; i++) {
        fl_bytes value = from->attr[i].value;
        if (fl_tf_attr_kind_of(value) == FL_TF_ATTR_PLACEHOLDER) {
            const char *name = fl_tf_field_string(&in->f->arena, value, FL_TF_ATTR_PLACEHOLDER);
            FL_NEED(name, 0, "a name", err);
            if (!fl_tf_call_attr(&in->target.attrs, name, &value))
                FL_FAIL(err, FLOE_ERR_FORMAT, "%s: '%s' does not say what '%s' is in function '%s'", g->path,
                        in->prefix, name, in->fn->name);
        }
        to->attr[to->n_attr++] = (fl_tf_attr){from->attr[i].name, value};
    }
    if (strcmp(to->op, "Enter") == 0 || strcmp(to->op, "RefEnter") == 0)
        FL_TRY(rename_frame(in, to, err));
done:
    return st;
}

/* A prefix under which none of the body's names is taken. */
static floe_status choose_prefix(inliner *in, const char *call, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_graph *g = in->f->graph;

    in->prefix = call;
    for (int n = 1; n < PREFIXES_MAX; n++) {
        bool taken = false;
        for (size_t i = 0; i < in->fn->n_node && !taken; i++) {
            const char *name = fl_arena_printf(&in->f->arena, "%s/%s", in->prefix, in->fn->node[i].name);
            FL_NEED(name, 0, "a name", err);
            taken = fl_names_find(&g->by_name, name) != FL_NAMES_NONE;
        }
        if (!taken)
            goto done;
        in->prefix = fl_arena_printf(&in->f->arena, "%s_%d", call, n);
        FL_NEED(in->prefix, 0, "a name", err);
    }
    FL_FAIL(err, FLOE_ERR_LIMIT, "%s: no free name for the nodes of '%s'", g->path, call);
done:
    return st;
}

static floe_status copy_nodes(inliner *in, uint32_t chain, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_freezer *f = in->f;
    fl_tf_node *n;

    if (f->graph->n_node + in->fn->n_node > f->nodes_max)
        FL_FAIL(err, FLOE_ERR_LIMIT, "%s: its functions expand to more than %zu nodes", f->graph->path, f->nodes_max);
    in->first_node = f->graph->n_node;
    for (size_t i = 0; i < in->fn->n_node; i++) {
        const char *name = fl_arena_printf(&f->arena, "%s/%s", in->prefix, in->fn->node[i].name);
        FL_NEED(name, 0, "a name", err);
        FL_TRY(fl_tf_graph_add(f->graph, &n, name, in->fn->node[i].op, err));
    }
    FL_TRY(fl_tf_info_grow(f, err));
    for (size_t i = 0; i < in->fn->n_node; i++) {
        f->info[in->first_node + i].call = chain;
        FL_TRY(copy_attrs(in, i, err));
        FL_TRY(copy_inputs(in, i, err));
    }
done:
    return st;
}

/* ---- the call */

static floe_status bind_arguments(inliner *in, const char *call, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t given = in->n_data - (in->target.first_input < in->n_data ? in->target.first_input : in->n_data);
    size_t base = 0;

    in->arg_base = fl_arena_calloc(&in->f->arena, in->fn->n_in, sizeof *in->arg_base);
    in->arg_count = fl_arena_calloc(&in->f->arena, in->fn->n_in, sizeof *in->arg_count);
    FL_NEED(in->arg_base && in->arg_count ? in->arg_base : NULL, in->fn->n_in * 16, "arguments", err);
    for (size_t i = 0; i < in->fn->n_in; i++) {
        in->arg_base[i] = base;
        in->arg_count[i] = fl_tf_arg_size(&in->fn->in[i], &in->target.attrs);
        if (in->arg_count[i] < 0 || (size_t)in->arg_count[i] > given - base)
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: '%s' gives %zu inputs to function '%s', which takes more",
                    in->f->graph->path, call, given, in->fn->name);
        base += (size_t)in->arg_count[i];
    }
    if (base != given)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: '%s' gives %zu inputs to function '%s', which takes %zu",
                in->f->graph->path, call, given, in->fn->name, base);
done:
    return st;
}

/* Aliases from the call's outputs to what is returned; the NoOp that the call becomes. */
static floe_status bind_returns(inliner *in, size_t call, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_freezer *f = in->f;
    input_list list = {NULL, 0, 0}, waits = {NULL, 0, 0};

    for (size_t i = 0; i < in->fn->n_out; i++)
        FL_TRY(add_reference(in, &list, in->fn->ret[i], err));
    for (size_t i = 0; i < list.count; i++) {
        FL_TRY(fl_tf_alias_set(f, call, (int)i, list.input[i], err));
        int port;
        const size_t length = fl_tf_input_split(list.input[i], &port);
        FL_TRY(list_add(&waits, &f->graph->arena,
                        fl_arena_printf(&f->graph->arena, "^%.*s", (int)length, list.input[i]), err));
    }
    for (size_t i = 0; i < in->fn->n_control_ret; i++) {
        const char *reference = fl_arena_printf(&f->arena, "^%s", in->fn->control_ret[i]);
        FL_NEED(reference, 0, "a name", err);
        FL_TRY(add_reference(in, &waits, reference, err));
    }
    for (size_t i = in->n_data; i < in->n_input; i++)
        FL_TRY(list_add(&waits, &f->graph->arena, in->input[i], err));
    fl_tf_node *n = &f->graph->node[call];
    n->op = "NoOp";
    n->input = waits.input;
    n->n_input = waits.count;
done:
    return st;
}

/* The chain of calls with one more; an error when the function is in it already. */
static floe_status push_call(fl_tf_freezer *f, uint32_t parent, const fl_tf_function *fn, uint32_t *out,
                             floe_error *err)
{
    floe_status st = FLOE_OK;
    const uint32_t function = (uint32_t)(fn - f->library->function);

    for (uint32_t at = parent; at != 0; at = f->call[at].parent)
        if (f->call[at].function == function)
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: function '%s' calls itself", f->graph->path, fn->name);
    fl_tf_call *calls = fl_arena_grow(&f->arena, f->call, f->n_call, &f->cap_call, sizeof *calls);
    FL_NEED(calls, sizeof *calls, "calls", err);
    f->call = calls;
    f->n_call += f->n_call == 0; /* 0 means no call */
    *out = f->n_call++;
    f->call[*out] = (fl_tf_call){function, parent};
done:
    return st;
}

static floe_status inline_call(fl_tf_freezer *f, size_t call, const callee *target, floe_error *err)
{
    floe_status st = FLOE_OK;
    inliner in = {.f = f, .fn = target->function, .target = *target};
    const fl_tf_node copy = f->graph->node[call]; /* adding nodes moves the array */
    uint32_t chain;

    if (in.target.attrs.node)
        in.target.attrs.node = &copy;
    FL_TRY(fl_tf_function_parse(f, in.fn, err));
    FL_TRY(push_call(f, f->info[call].call, in.fn, &chain, err));
    in.input = copy.input;
    in.n_input = copy.n_input;
    while (in.n_data < in.n_input && in.input[in.n_data][0] != '^')
        in.n_data++;
    FL_TRY(bind_arguments(&in, copy.name, err));
    FL_TRY(choose_prefix(&in, copy.name, err));
    FL_TRY(copy_nodes(&in, chain, err));
    FL_TRY(bind_returns(&in, call, err));
done:
    return st;
}

/* ---- the walk */

typedef struct walk {
    fl_tf_freezer *f;
    uint32_t      *stack;
    size_t         depth, capacity;
    bool           whole;   /* visit all of a body, not only what its returns reach */
    bool          *changed; /* set when something was inlined; may be NULL */
} walk;

static floe_status push_node(walk *w, size_t node, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (w->f->info[node].visited)
        goto done;
    if (w->depth == w->capacity) {
        const size_t capacity = w->capacity ? w->capacity * 2 : 256;
        uint32_t *grown = fl_arena_calloc(&w->f->arena, capacity, sizeof *grown);
        FL_NEED(grown, capacity * sizeof *grown, "a walk", err);
        if (w->depth > 0)
            memcpy(grown, w->stack, w->depth * sizeof *grown);
        w->stack = grown;
        w->capacity = capacity;
    }
    w->f->info[node].visited = true;
    w->stack[w->depth++] = (uint32_t)node;
done:
    return st;
}

static floe_status replace_call(walk *w, size_t call, const callee *target, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t before = w->f->graph->n_node;

    FL_TRY(inline_call(w->f, call, target, err));
    if (w->changed)
        *w->changed = true;
    for (size_t i = before; w->whole && i < w->f->graph->n_node; i++)
        FL_TRY(push_node(w, i, err));
done:
    return st;
}

/* Inlines while the input's producer is a call; then visits the producer. */
static floe_status visit_input(walk *w, const char *input, const char *reader, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_freezer *f = w->f;
    callee target;

    for (;;) {
        const size_t i = fl_tf_node_index(f, fl_tf_alias_resolve(f, input), NULL);
        if (i == SIZE_MAX || f->graph->node[i].removed)
            FL_FAIL(err, FLOE_ERR_FORMAT, "%s: node '%s': input '%s' names no node", f->graph->path, reader, input);
        if (f->info[i].visited || !find_callee(f, &f->graph->node[i], &target)) {
            FL_TRY(push_node(w, i, err));
            goto done;
        }
        FL_TRY(replace_call(w, i, &target, err));
    }
done:
    return st;
}

static floe_status walk_all(walk *w, floe_error *err)
{
    floe_status st = FLOE_OK;
    callee target;

    while (w->depth > 0) {
        const size_t i = w->stack[--w->depth];
        if (w->whole && find_callee(w->f, &w->f->graph->node[i], &target)) /* pushed unseen, as part of a body */
            FL_TRY(replace_call(w, i, &target, err));
        for (size_t k = 0; k < w->f->graph->node[i].n_input; k++)
            FL_TRY(visit_input(w, w->f->graph->node[i].input[k], w->f->graph->node[i].name, err));
    }
done:
    return st;
}

static floe_status start_walk(fl_tf_freezer *f, floe_error *err)
{
    const floe_status st = fl_tf_info_grow(f, err);

    for (size_t i = 0; st == FLOE_OK && i < f->graph->n_node; i++)
        f->info[i].visited = false;
    return st;
}

floe_status fl_tf_inline_calls(fl_tf_freezer *f, bool *changed, floe_error *err)
{
    floe_status st = FLOE_OK;
    walk w = {.f = f, .changed = changed};

    FL_TRY(start_walk(f, err));
    for (size_t i = 0; i < f->n_output; i++)
        FL_TRY(visit_input(&w, f->output[i].tensor, f->output[i].name, err));
    FL_TRY(walk_all(&w, err));
done:
    return st;
}

floe_status fl_tf_inline_from(fl_tf_freezer *f, const char *node, floe_error *err)
{
    floe_status st = FLOE_OK;
    walk w = {.f = f, .whole = true};

    FL_TRY(start_walk(f, err));
    FL_TRY(visit_input(&w, node, node, err));
    FL_TRY(walk_all(&w, err));
done:
    return st;
}
