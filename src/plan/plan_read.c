/* plan_read.c - the bytes of a PLAN file become a plan.
 *
 * From the outside in, and nothing inside is looked at before what is around it was found whole:
 *
 *     1. magic, version     another version is not damage and gets its own status
 *     2. header checksum    now counts, offsets and sizes are what the writer wrote
 *     3. section table      every section is where the rules put it, so there is one way to lay out a file; the bytes
 *                           between sections are zero
 *     4. section checksums  weights included: any flipped bit in the file is found here at the latest
 *     5. records            read with bounds, every count held against the bytes that are left for it
 *     6. fl_plan_verify     does it make sense
 *
 * Checksums find accidents. A file made with intent has right ones, so 5 and 6 trust nothing. Memory is bounded by the
 * file: a table is allocated only if the rest of its section could hold the smallest records of that number. Weights
 * are used where they lie.
 */
#include "plan/plan_format.h"

#include "base/crc32c.h"

#include <string.h>

typedef struct section {
    uint32_t       kind, crc;
    uint64_t       offset, size;
    const uint8_t *data;
} section;

typedef struct parser {
    const uint8_t *data;
    size_t         size;
    fl_plan       *plan;
    section       *sections;
    uint32_t       n_sections;
} parser;

/* ---- 1 to 4: the container */

static floe_status check_preamble(parser *p, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(p->data, p->size);
    const uint8_t *magic = fl_read_bytes(&r, FL_PLAN_MAGIC_BYTES);

    if (!magic || memcmp(magic, FL_PLAN_MAGIC, FL_PLAN_MAGIC_BYTES) != 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "not a PLAN: it does not begin with " FL_PLAN_MAGIC);
    const uint32_t version = fl_read_u32(&r);
    if (!r.failed && version != FL_PLAN_VERSION)
        FL_FAIL(err, FLOE_ERR_VERSION, "a PLAN of version %u; this floe reads version %d: build it again",
                (unsigned)version, FL_PLAN_VERSION);
    if (p->size < FL_PLAN_PREAMBLE_BYTES)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%zu bytes, too short for a PLAN header", p->size);
    p->n_sections = fl_read_u32(&r);
    const uint64_t file_bytes = fl_read_u64(&r);
    const uint32_t crc = fl_read_u32(&r), zero = fl_read_u32(&r);
    if (file_bytes != p->size)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%zu bytes, but its header says %llu: it was cut, extended or damaged", p->size,
                (unsigned long long)file_bytes);
    if (p->n_sections > fl_reader_left(&r) / FL_PLAN_ENTRY_BYTES)
        FL_FAIL(err, FLOE_ERR_FORMAT, "a table of %u sections in a file of %zu bytes", (unsigned)p->n_sections,
                p->size);
    const size_t rest = FL_PLAN_CRC_AT + 4;
    const size_t header_bytes = FL_PLAN_PREAMBLE_BYTES + (size_t)p->n_sections * FL_PLAN_ENTRY_BYTES;
    if (crc != fl_crc32c(fl_crc32c(0, p->data, FL_PLAN_CRC_AT), p->data + rest, header_bytes - rest) || zero != 0)
        FL_FAIL(err, FLOE_ERR_FORMAT, "damaged: the checksum of its header is wrong");
    if (p->n_sections < 3)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%u sections; general facts, one engine and weights are the least",
                (unsigned)p->n_sections);
done:
    return st;
}

static uint32_t expected_kind(const parser *p, uint32_t index)
{
    return index == 0 ? FL_PLAN_META : index == p->n_sections - 1 ? FL_PLAN_WEIGHTS : FL_PLAN_ENGINE;
}

static bool is_zero(const uint8_t *at, const uint8_t *end)
{
    while (at < end)
        if (*at++ != 0)
            return false;
    return true;
}

static floe_status read_table(parser *p, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t header_bytes = FL_PLAN_PREAMBLE_BYTES + (size_t)p->n_sections * FL_PLAN_ENTRY_BYTES;
    fl_reader r = fl_reader_make(p->data + FL_PLAN_PREAMBLE_BYTES, header_bytes - FL_PLAN_PREAMBLE_BYTES);
    uint64_t end = header_bytes;

    p->sections = fl_calloc(p->plan->env, p->n_sections, sizeof *p->sections);
    FL_NEED(p->sections, p->n_sections * sizeof *p->sections, "the section table", err);
    for (uint32_t i = 0; i < p->n_sections; i++) {
        section *s = &p->sections[i];
        s->kind = fl_read_u32(&r);
        s->crc = fl_read_u32(&r);
        s->offset = fl_read_u64(&r);
        s->size = fl_read_u64(&r);
        if (s->kind != expected_kind(p, i) || s->offset != fl_plan_section_start(s->kind, end) ||
            s->offset > p->size || s->size > p->size - s->offset)
            FL_FAIL(err, FLOE_ERR_FORMAT, "section %u: kind 0x%08x at %llu with %llu bytes is not what belongs there",
                    (unsigned)i, (unsigned)s->kind, (unsigned long long)s->offset, (unsigned long long)s->size);
        if (!is_zero(p->data + end, p->data + s->offset))
            FL_FAIL(err, FLOE_ERR_FORMAT, "damaged: the bytes before section %u are not zero", (unsigned)i);
        s->data = p->data + s->offset;
        end = s->offset + s->size;
    }
    if (end != p->size)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%llu bytes follow the last section", (unsigned long long)(p->size - end));
    for (uint32_t i = 0; i < p->n_sections; i++)
        if (fl_crc32c(0, p->sections[i].data, p->sections[i].size) != p->sections[i].crc)
            FL_FAIL(err, FLOE_ERR_FORMAT, "damaged: the checksum of section %u (of %u) is wrong", (unsigned)i,
                    (unsigned)p->n_sections);
done:
    return st;
}

/* ---- 5: records */

/* Bytes of the shortest record of each table: strings empty, no dims, no slots. */
enum { LEAST_TENSOR_BYTES = 20, LEAST_STEP_BYTES = 52, LEAST_BINDING_BYTES = 12 };

static floe_status fail_short(const char *what, floe_error *err)
{
    return fl_fail(err, FLOE_ERR_FORMAT, "the section ends within %s", what);
}

/* A string; NUL-terminated bytes without a NUL inside. */
static floe_status read_string(parser *p, fl_reader *r, const char **out, const char *what, floe_error *err)
{
    floe_status st = FLOE_OK;
    const uint32_t length = fl_read_u32(r);
    const uint8_t *bytes = fl_read_bytes(r, length);

    if (!bytes)
        FL_FAIL(err, FLOE_ERR_FORMAT, "the section ends within %s", what);
    if (memchr(bytes, 0, length))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s holds a zero byte", what);
    *out = fl_arena_strndup(&p->plan->arena, (const char *)bytes, length);
    FL_NEED(*out, (size_t)length + 1, what, err);
done:
    return st;
}

/* A string of bounded length into an array that is already zero. */
static floe_status read_word(fl_reader *r, char *out, size_t capacity, const char *what, floe_error *err)
{
    const uint32_t length = fl_read_u32(r);
    const uint8_t *bytes = fl_read_bytes(r, length);

    if (!bytes)
        return fail_short(what, err);
    if (length >= capacity || memchr(bytes, 0, length))
        return fl_fail(err, FLOE_ERR_FORMAT, "%s has %u bytes or a zero among them; %zu are possible", what,
                       (unsigned)length, capacity - 1);
    memcpy(out, bytes, length);
    return FLOE_OK;
}

static floe_status read_flag(fl_reader *r, bool *out, const char *what, floe_error *err)
{
    const uint32_t v = fl_read_u32(r);

    if (r->failed)
        return fail_short(what, err);
    if (v > 1)
        return fl_fail(err, FLOE_ERR_FORMAT, "%s is %u; it is 0 or 1", what, (unsigned)v);
    *out = v != 0;
    return FLOE_OK;
}

/* A count of records, each of `least` bytes or more, and a table for them. */
static floe_status read_table_of(parser *p, fl_reader *r, uint32_t *count, void **table, size_t item, size_t least,
                                 const char *what, floe_error *err)
{
    floe_status st = FLOE_OK;
    const uint32_t n = fl_read_u32(r);

    if (r->failed || n > fl_reader_left(r) / least)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%u %s in the %zu bytes that are left", (unsigned)n, what, fl_reader_left(r));
    *table = fl_arena_calloc(&p->plan->arena, n, item);
    FL_NEED(*table, n * item, what, err);
    *count = n;
done:
    return st;
}

static float read_f32(fl_reader *r)
{
    const uint32_t bits = fl_read_u32(r);
    float v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

static floe_status read_meta(parser *p, const section *s, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(s->data, s->size);
    fl_plan_preprocess *pre = &p->plan->preprocess;

    FL_TRY(read_string(p, &r, &p->plan->producer, "the producer's name", err));
    FL_TRY(read_flag(&r, &pre->present, "the presence of preprocessing", err));
    if (pre->present) {
        pre->channels = (int32_t)fl_read_u32(&r);
        pre->resize = (int32_t)fl_read_u32(&r);
        pre->format = (int32_t)fl_read_u32(&r);
        for (int i = 0; i < 4; i++)
            pre->mean[i] = read_f32(&r);
        for (int i = 0; i < 4; i++)
            pre->scale[i] = read_f32(&r);
    }
    if (r.failed || fl_reader_left(&r))
        FL_FAIL(err, FLOE_ERR_FORMAT, "the general section does not end where it should");
done:
    return st;
}

static floe_status read_tensor(parser *p, fl_reader *r, fl_plan_tensor *t, floe_error *err)
{
    floe_status st = FLOE_OK;

    FL_TRY(read_string(p, r, &t->name, "a tensor's name", err));
    t->desc.dtype = (fl_dtype)fl_read_u8(r);
    t->desc.layout = (fl_layout)fl_read_u8(r);
    const uint8_t flags = fl_read_u8(r), rank = fl_read_u8(r);
    t->place = (fl_plan_place)fl_read_u32(r);
    t->offset = fl_read_u64(r);
    if (rank > FL_MAX_RANK || (flags & ~FL_PLAN_TENSOR_CONSTANT))
        FL_FAIL(err, FLOE_ERR_FORMAT, "'%s': rank %u or flags 0x%x are unknown", t->name, (unsigned)rank,
                (unsigned)flags);
    t->desc.constant = (flags & FL_PLAN_TENSOR_CONSTANT) != 0;
    t->desc.rank = rank;
    for (int i = 0; i < rank; i++)
        t->desc.dim[i] = (int64_t)fl_read_u64(r);
    if (r->failed)
        st = fail_short("a tensor", err);
done:
    return st;
}

static floe_status read_params(fl_reader *r, fl_plan_step *s, floe_error *err)
{
    floe_status st = FLOE_OK;
    const uint32_t length = fl_read_u32(r);
    const uint8_t *bytes = fl_read_bytes(r, length);

    if (!bytes)
        FL_FAIL(err, FLOE_ERR_FORMAT, "the section ends within its parameters");
    fl_reader params = fl_reader_make(bytes, length);
    FL_TRY(fl_op_params_read(&params, s->op, &s->p, err));
    if (fl_reader_left(&params))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%u bytes of parameters, %zu more than %s has", (unsigned)length,
                fl_reader_left(&params), fl_op_def_of(s->op)->name);
done:
    return st;
}

static floe_status read_indices(parser *p, fl_reader *r, uint32_t *count, uint32_t **out, const char *what,
                                floe_error *err)
{
    floe_status st = FLOE_OK;
    void *table = NULL;

    FL_TRY(read_table_of(p, r, count, &table, sizeof **out, 4, what, err));
    *out = table;
    for (uint32_t i = 0; i < *count; i++)
        (*out)[i] = fl_read_u32(r);
done:
    return st;
}

static floe_status read_step_body(parser *p, fl_reader *r, fl_plan_step *s, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *op = NULL;

    FL_TRY(read_string(p, r, &op, "an operator's name", err));
    FL_TRY(read_string(p, r, &s->tactic, "a tactic's name", err));
    const int kind = fl_op_from_name(op);
    if (kind < 0)
        FL_FAIL(err, FLOE_ERR_VERSION, "operator '%s' is unknown to this floe: build the PLAN again", op);
    s->op = (fl_op_kind)kind;
    FL_TRY(read_params(r, s, err));
    FL_TRY(read_indices(p, r, &s->n_in, &s->in, "inputs", err));
    FL_TRY(read_indices(p, r, &s->n_out, &s->out, "outputs", err));
    s->taken = fl_read_u32(r);
    s->packed_offset = fl_read_u64(r);
    s->packed_bytes = fl_read_u64(r);
    s->workspace_bytes = fl_read_u64(r);
    if (r->failed)
        st = fail_short("a step", err);
done:
    return st;
}

static floe_status read_steps(parser *p, fl_reader *r, fl_plan_engine *e, floe_error *err)
{
    floe_status st = FLOE_OK;
    void *table = NULL;

    FL_TRY(read_table_of(p, r, &e->n_steps, &table, sizeof *e->steps, LEAST_STEP_BYTES, "steps", err));
    e->steps = table;
    for (uint32_t i = 0; i < e->n_steps; i++) {
        fl_plan_step *s = &e->steps[i];
        FL_TRY(read_string(p, r, &s->name, "a step's name", err));
        st = read_step_body(p, r, s, err);
        if (st != FLOE_OK) {
            fl_error_prefix(err, "step %u '%s'", (unsigned)i, s->name);
            goto done;
        }
    }
done:
    return st;
}

static floe_status read_tensors(parser *p, fl_reader *r, fl_plan_engine *e, floe_error *err)
{
    floe_status st = FLOE_OK;
    void *table = NULL;

    FL_TRY(read_table_of(p, r, &e->n_tensors, &table, sizeof *e->tensors, LEAST_TENSOR_BYTES, "tensors", err));
    e->tensors = table;
    for (uint32_t i = 0; i < e->n_tensors; i++)
        FL_TRY(read_tensor(p, r, &e->tensors[i], err));
done:
    return st;
}

static floe_status read_bindings(parser *p, fl_reader *r, fl_plan_engine *e, floe_error *err)
{
    floe_status st = FLOE_OK;
    void *table = NULL;

    FL_TRY(read_table_of(p, r, &e->n_bindings, &table, sizeof *e->bindings, LEAST_BINDING_BYTES, "bindings", err));
    e->bindings = table;
    for (uint32_t i = 0; i < e->n_bindings; i++) {
        FL_TRY(read_string(p, r, &e->bindings[i].name, "a binding's name", err));
        e->bindings[i].tensor = fl_read_u32(r);
        FL_TRY(read_flag(r, &e->bindings[i].is_input, "a binding's direction", err));
    }
done:
    return st;
}

static floe_status read_engine(parser *p, const section *s, fl_plan_engine *e, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_reader r = fl_reader_make(s->data, s->size);

    FL_TRY(read_word(&r, e->backend, sizeof e->backend, "the backend's name", err));
    FL_TRY(read_word(&r, e->target, sizeof e->target, "the target's name", err));
    e->max_batch = (int64_t)fl_read_u64(&r);
    FL_TRY(read_flag(&r, &e->batched, "the batch flag", err));
    e->arena_bytes = fl_read_u64(&r);
    e->workspace_bytes = fl_read_u64(&r);
    FL_TRY(read_tensors(p, &r, e, err));
    FL_TRY(read_steps(p, &r, e, err));
    FL_TRY(read_bindings(p, &r, e, err));
    if (fl_reader_left(&r))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%zu bytes follow the last binding", fl_reader_left(&r));
done:
    return st;
}

/* ---- the whole */

static floe_status read_engines(parser *p, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_plan *plan = p->plan;

    plan->n_engines = p->n_sections - 2;
    plan->engines = fl_arena_calloc(&plan->arena, plan->n_engines, sizeof *plan->engines);
    FL_NEED(plan->engines, plan->n_engines * sizeof *plan->engines, "the engines", err);
    for (uint32_t i = 0; i < plan->n_engines; i++) {
        st = read_engine(p, &p->sections[i + 1], &plan->engines[i], err);
        if (st != FLOE_OK) {
            fl_error_prefix(err, "engine %u", (unsigned)i);
            goto done;
        }
    }
done:
    return st;
}

/* Weights are used where they lie if vectors can be loaded from there, else from a copy. */
static floe_status take_weights(parser *p, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_plan *plan = p->plan;
    const section *s = &p->sections[p->n_sections - 1];

    plan->weights = s->data;
    plan->weights_bytes = s->size;
    if ((uintptr_t)s->data % FL_ALIGN == 0)
        goto done;
    fl_put_bytes(&plan->storage, s->data, s->size);
    FL_NEED(!plan->storage.failed, s->size, "an aligned copy of the weights", err);
    plan->weights = plan->storage.data;
done:
    return st;
}

/* Fills a plan that is otherwise empty. */
static floe_status parse_into(fl_plan *plan, const void *data, size_t size, const char *name, floe_error *err)
{
    floe_status st = FLOE_OK;
    parser p = {.data = data, .size = size, .plan = plan};

    FL_TRY(check_preamble(&p, err));
    FL_TRY(read_table(&p, err));
    FL_TRY(read_meta(&p, &p.sections[0], err));
    FL_TRY(read_engines(&p, err));
    FL_TRY(take_weights(&p, err));
    FL_TRY(fl_plan_verify(plan, err));
done:
    fl_free(plan->env, p.sections);
    if (st != FLOE_OK)
        fl_error_prefix(err, "%s", name);
    return st;
}

floe_status fl_plan_load(fl_plan **out, const floe_env *env, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_plan *plan = NULL;

    FL_TRY(fl_plan_create(&plan, env, err));
    FL_TRY(fl_file_map(&plan->file, path, err));
    FL_TRY(parse_into(plan, plan->file.data, plan->file.size, path, err));
    *out = plan;
    plan = NULL;
done:
    fl_plan_free(plan);
    return st;
}

floe_status fl_plan_parse(fl_plan **out, const floe_env *env, const void *data, size_t size, const char *name,
                          floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_plan *plan = NULL;

    FL_TRY(fl_plan_create(&plan, env, err));
    FL_TRY(parse_into(plan, data, size, name, err));
    *out = plan;
    plan = NULL;
done:
    fl_plan_free(plan);
    return st;
}
