/* plan_write.c - a plan in memory becomes the bytes of a PLAN file.
 *
 * The file is written front to back into one growing buffer. Header and section table come first but are known last, so
 * their room is left zero and filled at the end, when each section's place, size and checksum are known. Nothing in the
 * file depends on time, addresses or hash order: equal plans are equal bytes.
 *
 * A plan that the reader would refuse is refused here already: a mistake of the builder shows where it was made.
 */
#include "plan/plan_format.h"

#include "base/crc32c.h"

#include <string.h>

typedef struct section {
    uint32_t kind, crc;
    uint64_t offset, size;
} section;

/* ---- records */

static void put_string(fl_buf *out, const char *text)
{
    const size_t length = strlen(text);

    if (length > UINT32_MAX) /* no name is that long; a cut one would be another name */
        out->failed = true;
    fl_put_u32(out, (uint32_t)length);
    fl_put_bytes(out, text, length);
}

static void put_f32(fl_buf *out, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    fl_put_u32(out, bits);
}

static void put_meta(fl_buf *out, const fl_plan *plan)
{
    const fl_plan_preprocess *p = &plan->preprocess;

    put_string(out, plan->producer);
    fl_put_u32(out, p->present);
    if (!p->present)
        return;
    fl_put_u32(out, (uint32_t)p->channels);
    fl_put_u32(out, (uint32_t)p->resize);
    fl_put_u32(out, (uint32_t)p->format);
    for (int i = 0; i < 4; i++)
        put_f32(out, p->mean[i]);
    for (int i = 0; i < 4; i++)
        put_f32(out, p->scale[i]);
}

static void put_tensor(fl_buf *out, const fl_plan_tensor *t)
{
    put_string(out, t->name);
    fl_put_u8(out, (uint8_t)t->desc.dtype);
    fl_put_u8(out, (uint8_t)t->desc.layout);
    fl_put_u8(out, t->desc.constant ? FL_PLAN_TENSOR_CONSTANT : 0);
    fl_put_u8(out, (uint8_t)t->desc.rank);
    fl_put_u32(out, (uint32_t)t->place);
    fl_put_u64(out, t->offset);
    for (int i = 0; i < t->desc.rank; i++)
        fl_put_u64(out, (uint64_t)t->desc.dim[i]);
}

static void put_indices(fl_buf *out, const uint32_t *index, uint32_t n)
{
    fl_put_u32(out, n);
    for (uint32_t i = 0; i < n; i++)
        fl_put_u32(out, index[i]);
}

/* The parameters carry their size, so that a reader that does not know the operator can step over them. */
static void put_params(fl_buf *out, const fl_plan_step *s)
{
    const size_t size_at = out->size;

    fl_put_u32(out, 0);
    fl_op_params_write(out, s->op, &s->p);
    if (out->failed)
        return;
    const uint32_t bytes = (uint32_t)(out->size - size_at - 4);
    for (int i = 0; i < 4; i++)
        out->data[size_at + (size_t)i] = (uint8_t)(bytes >> (8 * i));
}

static void put_step(fl_buf *out, const fl_plan_step *s)
{
    put_string(out, s->name);
    put_string(out, fl_op_def_of(s->op)->name);
    put_string(out, s->tactic);
    put_params(out, s);
    put_indices(out, s->in, s->n_in);
    put_indices(out, s->out, s->n_out);
    fl_put_u32(out, s->taken);
    fl_put_u64(out, s->packed_offset);
    fl_put_u64(out, s->packed_bytes);
    fl_put_u64(out, s->workspace_bytes);
}

static void put_engine(fl_buf *out, const fl_plan_engine *e)
{
    put_string(out, e->backend);
    put_string(out, e->target);
    fl_put_u64(out, (uint64_t)e->max_batch);
    fl_put_u32(out, e->batched);
    fl_put_u64(out, e->arena_bytes);
    fl_put_u64(out, e->workspace_bytes);
    fl_put_u32(out, e->n_tensors);
    for (uint32_t i = 0; i < e->n_tensors; i++)
        put_tensor(out, &e->tensors[i]);
    fl_put_u32(out, e->n_steps);
    for (uint32_t i = 0; i < e->n_steps; i++)
        put_step(out, &e->steps[i]);
    fl_put_u32(out, e->n_bindings);
    for (uint32_t i = 0; i < e->n_bindings; i++) {
        put_string(out, e->bindings[i].name);
        fl_put_u32(out, e->bindings[i].tensor);
        fl_put_u32(out, e->bindings[i].is_input);
    }
}

/* ---- the file */

static void begin_section(fl_buf *out, section *s, uint32_t kind)
{
    s->kind = kind;
    fl_put_zeros_to(out, kind == FL_PLAN_WEIGHTS ? FL_PLAN_WEIGHTS_ALIGN : FL_PLAN_SECTION_ALIGN);
    s->offset = out->size;
}

static void end_section(const fl_buf *out, section *s)
{
    if (out->failed)
        return;
    s->size = out->size - s->offset;
    s->crc = fl_crc32c(0, out->data + s->offset, s->size);
}

static void put_sections(fl_buf *out, const fl_plan *plan, section *s)
{
    begin_section(out, s, FL_PLAN_META);
    put_meta(out, plan);
    end_section(out, s++);
    for (uint32_t i = 0; i < plan->n_engines; i++) {
        begin_section(out, s, FL_PLAN_ENGINE);
        put_engine(out, &plan->engines[i]);
        end_section(out, s++);
    }
    begin_section(out, s, FL_PLAN_WEIGHTS);
    fl_put_bytes(out, plan->weights, plan->weights_bytes);
    end_section(out, s);
}

static void put_header(fl_buf *header, const section *sections, uint32_t count, uint64_t file_bytes)
{
    fl_put_bytes(header, FL_PLAN_MAGIC, FL_PLAN_MAGIC_BYTES);
    fl_put_u32(header, FL_PLAN_VERSION);
    fl_put_u32(header, count);
    fl_put_u64(header, file_bytes);
    fl_put_u32(header, 0); /* the checksum, below */
    fl_put_u32(header, 0);
    for (uint32_t i = 0; i < count; i++) {
        fl_put_u32(header, sections[i].kind);
        fl_put_u32(header, sections[i].crc);
        fl_put_u64(header, sections[i].offset);
        fl_put_u64(header, sections[i].size);
    }
    if (header->failed)
        return;
    const size_t rest = FL_PLAN_CRC_AT + 4;
    const uint32_t before = fl_crc32c(0, header->data, FL_PLAN_CRC_AT);
    const uint32_t crc = fl_crc32c(before, header->data + rest, header->size - rest);
    for (int i = 0; i < 4; i++)
        header->data[FL_PLAN_CRC_AT + i] = (uint8_t)(crc >> (8 * i));
}

floe_status fl_plan_write(fl_buf *out, const fl_plan *plan, floe_error *err)
{
    floe_status st = FLOE_OK;
    const uint32_t count = plan->n_engines + 2;
    fl_buf file = fl_buf_make(out->env), header = fl_buf_make(out->env);
    section *sections = NULL;

    st = fl_plan_verify(plan, err);
    if (st != FLOE_OK) {
        fl_error_prefix(err, "the plan to be written");
        goto done;
    }
    sections = fl_calloc(out->env, count, sizeof *sections);
    FL_NEED(sections, count * sizeof *sections, "the section table", err);
    const size_t header_bytes = FL_PLAN_PREAMBLE_BYTES + (size_t)count * FL_PLAN_ENTRY_BYTES;
    void *room = fl_buf_extend(&file, header_bytes);
    FL_NEED(room, header_bytes, "the bytes of a plan", err);
    memset(room, 0, header_bytes);
    put_sections(&file, plan, sections);
    put_header(&header, sections, count, file.size);
    FL_NEED(!file.failed && !header.failed, file.size + plan->weights_bytes, "the bytes of a plan", err);
    memcpy(file.data, header.data, header.size);
    fl_buf_free(out);
    *out = file;
    file = fl_buf_make(out->env);
done:
    fl_buf_free(&file);
    fl_buf_free(&header);
    fl_free(out->env, sections);
    return st;
}
