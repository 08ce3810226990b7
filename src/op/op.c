/* op.c - the table of operators and everything that is driven by it: names, inference with arity checks, parameters to
 * and from bytes, and the one-line text of a descriptor.
 *
 * All of it walks tables: op.def gives the definitions, a definition's field table gives its parameters. What a field
 * table cannot say, that an integer is an enum with names, stands in one more table here (enum_fields), found by the
 * field's name and, where the name alone is not enough ("func"), by the operator.
 *
 * The text of a descriptor is also the key of the timing cache, so two descriptors that run differently must have
 * different texts: every field that is not zero is written, floats with nine digits, layouts as a suffix of the type.
 */
#include "op/op_check.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const fl_op_def *const defs[FL_OP_COUNT] = {
#define FL_OP(kind, name) [FL_OP_##kind] = &fl_op_##name,
#include "op/op.def"
#undef FL_OP
};

/* ---- names */

#define TEXT_ENTRY(name, text) text,
static const char *const unary_names[] = {FL_UNARY_LIST(TEXT_ENTRY)};
static const char *const binary_names[] = {FL_BINARY_LIST(TEXT_ENTRY)};
static const char *const reduce_names[] = {FL_REDUCE_LIST(TEXT_ENTRY)};
#undef TEXT_ENTRY
static const char *const pool_names[] = {"max", "avg"};
static const char *const format_names[] = {"nhwc", "nchw"};
static const char *const layout_names[] = {"plain", "c8", "c16"};

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

static const char *name_at(const char *const *names, int count, int i)
{
    return i >= 0 && i < count ? names[i] : NULL;
}

static int index_of(const char *const *names, int count, const char *name)
{
    for (int i = 0; name && i < count; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

const char *fl_unary_name(int func) { return name_at(unary_names, COUNT_OF(unary_names), func); }
const char *fl_binary_name(int func) { return name_at(binary_names, COUNT_OF(binary_names), func); }
const char *fl_reduce_name(int func) { return name_at(reduce_names, COUNT_OF(reduce_names), func); }
int fl_unary_from_name(const char *name) { return index_of(unary_names, COUNT_OF(unary_names), name); }
int fl_binary_from_name(const char *name) { return index_of(binary_names, COUNT_OF(binary_names), name); }
int fl_reduce_from_name(const char *name) { return index_of(reduce_names, COUNT_OF(reduce_names), name); }

static const char *pool_name(int i) { return name_at(pool_names, COUNT_OF(pool_names), i); }
static const char *format_name(int i) { return name_at(format_names, COUNT_OF(format_names), i); }
static const char *layout_name(int i) { return name_at(layout_names, COUNT_OF(layout_names), i); }
static const char *dtype_name(int i) { return fl_dtype_name((fl_dtype)i); }

const fl_op_def *fl_op_def_of(fl_op_kind kind)
{
    return (unsigned)kind < FL_OP_COUNT ? defs[kind] : NULL;
}

int fl_op_from_name(const char *name)
{
    for (int i = 0; name && i < FL_OP_COUNT; i++)
        if (!strcmp(defs[i]->name, name))
            return i;
    return -1;
}

/* ---- inference */

static floe_status check_tensor(const fl_tensor_desc *t, floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t elements;

    FL_TRY(fl_tensor_elements(t, &elements, err));
    if (fl_dtype_bytes(t->dtype) == 0)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "element type number %d is unknown", (int)t->dtype);
    FL_TRY(fl_check_enum("layout", t->layout, FL_LAYOUT_COUNT, err));
    if (t->layout != FL_LAYOUT_PLAIN && t->rank != 4)
        FL_FAIL(err, FLOE_ERR_SHAPE, "layout %s needs rank 4, not %d", layout_name((int)t->layout), t->rank);
done:
    return st;
}

static floe_status check_arity(const fl_op_desc *d, const fl_op_def *def, floe_error *err)
{
    if (d->n_in < def->min_in || d->n_in > def->max_in) {
        char most[32] = "any number";
        if (def->max_in != INT_MAX)
            snprintf(most, sizeof most, "%d", def->max_in);
        return fl_fail(err, FLOE_ERR_ARGUMENT, "%s has %d inputs; it takes %d to %s", def->name, d->n_in, def->min_in,
                       most);
    }
    if (d->n_out != def->n_out)
        return fl_fail(err, FLOE_ERR_ARGUMENT, "%s has %d outputs; it gives %d", def->name, d->n_out, def->n_out);
    for (int i = 0; i < def->min_in; i++)
        if (!d->in[i])
            return fl_fail(err, FLOE_ERR_ARGUMENT, "%s misses input %d, which is not optional", def->name, i);
    for (int i = 0; i < d->n_out; i++)
        if (!d->out[i])
            return fl_fail(err, FLOE_ERR_ARGUMENT, "%s misses the descriptor of output %d", def->name, i);
    return FLOE_OK;
}

static bool any_half(fl_tensor_desc *const *t, int n)
{
    for (int i = 0; i < n; i++)
        if (t[i] && fl_dtype_is_half(t[i]->dtype))
            return true;
    return false;
}

bool fl_op_ref_takes(const fl_op_desc *d)
{
    return fl_op_def_of(d->op)->moves || (!any_half(d->in, d->n_in) && !any_half(d->out, d->n_out));
}

floe_status fl_op_infer(fl_op_desc *d, floe_error *err)
{
    floe_status st = FLOE_OK;
    const fl_op_def *def = fl_op_def_of(d->op);

    if (!def)
        FL_FAIL(err, FLOE_ERR_ARGUMENT, "operator number %d is unknown; 0 to %d are known", (int)d->op,
                FL_OP_COUNT - 1);
    FL_TRY(check_arity(d, def, err));
    for (int i = 0; i < d->n_in; i++) {
        st = d->in[i] ? check_tensor(d->in[i], err) : FLOE_OK;
        if (st != FLOE_OK) {
            fl_error_prefix(err, "input %d", i);
            goto done;
        }
    }
    FL_TRY(def->infer(d, err));
    for (int i = 0; i < d->n_out; i++) {
        st = check_tensor(d->out[i], err);
        if (st != FLOE_OK) {
            fl_error_prefix(err, "output %d", i);
            goto done;
        }
    }
done:
    return st;
}

/* ---- parameters as bytes */

static const size_t field_bytes[] = {
    [FL_FIELD_I32] = FL_FIELD_BYTES_I32, [FL_FIELD_I64] = FL_FIELD_BYTES_I64, [FL_FIELD_F32] = FL_FIELD_BYTES_F32};

static const uint8_t *field_at(const fl_op_params *p, const fl_field *f, int i)
{
    return (const uint8_t *)p + f->offset + (size_t)i * field_bytes[f->type];
}

static int64_t field_int(const fl_op_params *p, const fl_field *f, int i)
{
    int32_t narrow;
    int64_t wide;

    if (f->type == FL_FIELD_I64) {
        memcpy(&wide, field_at(p, f, i), sizeof wide);
        return wide;
    }
    memcpy(&narrow, field_at(p, f, i), sizeof narrow);
    return narrow;
}

static float field_float(const fl_op_params *p, const fl_field *f, int i)
{
    float v;

    memcpy(&v, field_at(p, f, i), sizeof v);
    return v;
}

void fl_op_params_write(fl_buf *out, fl_op_kind kind, const fl_op_params *p)
{
    const fl_op_def *def = fl_op_def_of(kind);

    for (const fl_field *f = def ? def->fields : NULL; f && f->name; f++) {
        for (int i = 0; i < f->count; i++) {
            if (f->type == FL_FIELD_I64) {
                fl_put_u64(out, (uint64_t)field_int(p, f, i));
            } else { /* I32 and F32 alike: the bits */
                uint32_t bits;
                memcpy(&bits, field_at(p, f, i), sizeof bits);
                fl_put_u32(out, bits);
            }
        }
    }
}

floe_status fl_op_params_read(fl_reader *in, fl_op_kind kind, fl_op_params *p, floe_error *err)
{
    const fl_op_def *def = fl_op_def_of(kind);

    memset(p, 0, sizeof *p);
    if (!def)
        return fl_fail(err, FLOE_ERR_FORMAT, "operator number %d is unknown", (int)kind);
    for (const fl_field *f = def->fields; f->name; f++) {
        for (int i = 0; i < f->count; i++) {
            uint8_t *at = (uint8_t *)p + f->offset + (size_t)i * field_bytes[f->type];
            if (f->type == FL_FIELD_I64) {
                const uint64_t bits = fl_read_u64(in);
                memcpy(at, &bits, sizeof bits);
            } else {
                const uint32_t bits = fl_read_u32(in);
                memcpy(at, &bits, sizeof bits);
            }
        }
        if (in->failed)
            return fl_fail(err, FLOE_ERR_FORMAT, "the parameters of %s end within '%s'", def->name, f->name);
    }
    return FLOE_OK;
}

/* ---- the text of a descriptor */

/* Integers that are enums, by field name; op -1: of any operator. */
static const struct {
    const char *field;
    int         op;
    const char *(*name)(int);
} enum_fields[] = {
    {"act", -1, fl_unary_name},
    {"func", FL_OP_UNARY, fl_unary_name},
    {"func", FL_OP_BINARY, fl_binary_name},
    {"func", FL_OP_REDUCE, fl_reduce_name},
    {"func", FL_OP_POOL2D, pool_name},
    {"format", -1, format_name},
    {"dtype", -1, dtype_name},
    {"layout", -1, layout_name},
};

static const char *enum_text(const fl_op_desc *d, const fl_field *f)
{
    for (int i = 0; i < COUNT_OF(enum_fields); i++)
        if (!strcmp(enum_fields[i].field, f->name) && (enum_fields[i].op < 0 || enum_fields[i].op == (int)d->op))
            return enum_fields[i].name((int)field_int(&d->p, f, 0));
    return NULL;
}

/* Values of a field that mean something: of an array with one entry an axis, only those of axes that exist. */
static int shown_count(const fl_op_desc *d, const fl_field *f)
{
    int rank = FL_MAX_RANK;

    if (f->count != FL_MAX_RANK)
        return f->count;
    if (!strcmp(f->name, "dim"))
        rank = d->p.dims.rank;
    else if (d->n_in > 0 && d->in[0])
        rank = d->in[0]->rank;
    return rank < 0 ? 0 : rank < FL_MAX_RANK ? rank : FL_MAX_RANK;
}

/* "func" says what is done, so its zero (add, sum, max) is no absence. */
static bool is_shown(const fl_op_desc *d, const fl_field *f, int count)
{
    if (!strcmp(f->name, "func"))
        return true;
    for (int i = 0; i < count; i++)
        if (f->type == FL_FIELD_F32 ? field_float(&d->p, f, i) != 0 : field_int(&d->p, f, i) != 0)
            return true;
    return false;
}

/* int64 fields are dimensions or places along one: with a batch given, multiples of it are resolved. */
static void put_dim(fl_buf *out, int64_t v, int64_t batch)
{
    int64_t at;

    if (v < 0 && batch > 0 && !__builtin_mul_overflow(v, -batch, &at))
        v = at;
    fl_put_format(out, "%" PRId64, v);
}

static void put_field(fl_buf *out, const fl_op_desc *d, const fl_field *f, int64_t batch)
{
    const int count = shown_count(d, f);

    if (!is_shown(d, f, count))
        return;
    fl_put_format(out, " %s=", f->name);
    const char *text = f->type == FL_FIELD_I32 ? enum_text(d, f) : NULL;
    if (text) {
        fl_put_text(out, text);
        return;
    }
    const bool is_dims = !strcmp(f->name, "dim") || !strcmp(f->name, "size");
    for (int i = 0; i < count; i++) {
        if (i)
            fl_put_text(out, ",");
        if (f->type == FL_FIELD_F32)
            fl_put_format(out, "%.9g", (double)field_float(&d->p, f, i));
        else
            put_dim(out, field_int(&d->p, f, i), is_dims ? batch : 0);
    }
}

static void put_tensor(fl_buf *out, const fl_tensor_desc *t, int64_t batch)
{
    char text[FL_TENSOR_TEXT];

    if (!t) {
        fl_put_text(out, " -");
        return;
    }
    const fl_tensor_desc at = batch > 0 ? fl_tensor_at(t, batch) : *t;
    fl_put_format(out, " %s%s", fl_tensor_text(&at, text, sizeof text), t->constant ? "c" : "");
}

void fl_op_desc_text(fl_buf *out, const fl_op_desc *d, int64_t batch)
{
    const fl_op_def *def = fl_op_def_of(d->op);

    fl_put_text(out, def ? def->name : "unknown");
    for (int i = 0; i < d->n_in; i++)
        put_tensor(out, d->in[i], batch);
    fl_put_text(out, " ->");
    for (int i = 0; i < d->n_out; i++)
        put_tensor(out, d->out[i], batch);
    for (const fl_field *f = def ? def->fields : NULL; f && f->name; f++)
        put_field(out, d, f, batch);
}
