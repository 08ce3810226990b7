/* uff_case.h - what the UFF tests share: files in canonical order, graphs as one line a node, an allocator that fails.
 *
 * Two UFF files hold the same when their bytes are equal after the entries of every map were sorted. The sorting here
 * knows only which members are maps and which hold them; it goes through the bytes and not through floe's reader and
 * writer, which are what is tested.
 */
#ifndef TESTS_UFF_CASE_H
#define TESTS_UFF_CASE_H

#include "../tensorflow/tf_fixture.h"

#include "golden.h"
#include "proto/wire.h"
#include "uff/uff.h"

/* ---- canonical bytes */

typedef struct canon_part {
    uint32_t number;
    uint8_t *data;
    size_t   size;
} canon_part;

static inline int canon_order(const void *a, const void *b)
{
    const canon_part *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    const size_t common = x->size < y->size ? x->size : y->size;
    const int order = common ? memcmp(x->data, y->data, common) : 0;
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* Messages: 'M' MetaGraph, 'G' Graph, 'N' Node. Other members are kept in order. Blobs in referenced data become zeros
 * when blank is set. */
static inline void canon_blank(uint8_t *entry, size_t size)
{
    fl_reader r = fl_reader_make(entry, size);
    fl_pb_field f, d;

    while (fl_pb_next(&r, &f)) {
        if (f.number != 2)
            continue;
        fl_reader inner = fl_reader_make(f.bytes, f.size);
        while (fl_pb_next(&inner, &d))
            if (d.number == FL_UFF_BLOB)
                memset(entry + (d.bytes - entry), 0, d.size);
    }
}

static inline void canon(fl_buf *out, char message, const uint8_t *data, size_t size, bool blank)
{
    fl_reader r = fl_reader_make(data, size);
    fl_pb_field f;
    canon_part *part = calloc(size / 2 + 1, sizeof *part);
    size_t n = 0;

    while (fl_pb_next(&r, &f)) {
        const bool map = (message == 'M' && f.number == 5) || (message == 'N' && (f.number == 4 || f.number == 100));
        if (map) {
            part[n++] = (canon_part){f.number, exact_copy(f.bytes, f.size), f.size};
            if (blank && message == 'M')
                canon_blank(part[n - 1].data, f.size);
        } else if ((message == 'M' && f.number == 4) || (message == 'G' && f.number == 2)) {
            const size_t mark = fl_pb_begin(out, f.number);
            canon(out, message == 'M' ? 'G' : 'N', f.bytes, f.size, blank);
            fl_pb_end(out, mark);
        } else if (f.wire == FL_PB_VARINT) {
            fl_pb_put_varint(out, f.number, f.value);
        } else {
            fl_pb_put_bytes(out, f.number, f.bytes, f.size);
        }
    }
    assert_false(r.failed);
    if (n > 0)
        qsort(part, n, sizeof *part, canon_order);
    for (size_t i = 0; i < n; i++) {
        fl_pb_put_bytes(out, part[i].number, part[i].data, part[i].size);
        free(part[i].data);
    }
    free(part);
}

static inline void assert_same_uff(const void *found, size_t found_size, const void *expected, size_t expected_size,
                                   bool blank, const char *what)
{
    fl_buf a = fl_buf_make(NULL), b = fl_buf_make(NULL);

    canon(&a, 'M', found, found_size, blank);
    canon(&b, 'M', expected, expected_size, blank);
    size_t at = 0;
    while (at < a.size && at < b.size && a.data[at] == b.data[at])
        at++;
    if (a.size != b.size || at < a.size)
        fail_msg("%s: %zu bytes instead of %zu, the first difference at %zu", what, a.size, b.size, at);
    fl_buf_free(&a);
    fl_buf_free(&b);
}

/* ---- graphs as text: "id Operation(input, input:port) key=value ..." with keys sorted, a line a node */

static inline void show_list(fl_buf *b, const fl_uff_data *d)
{
    fl_put_text(b, "[");
    for (size_t i = 0; i < d->count; i++) {
        if (i > 0)
            fl_put_text(b, ",");
        if (d->kind == FL_UFF_S_LIST)
            fl_put_text(b, d->u.s_list[i]);
        else if (d->kind == FL_UFF_D_LIST)
            fl_put_format(b, "%g", d->u.d_list[i]);
        else if (d->kind == FL_UFF_B_LIST)
            fl_put_text(b, d->u.b_list[i] ? "true" : "false");
        else
            fl_put_format(b, "%lld", (long long)d->u.i_list[i]);
    }
    fl_put_text(b, "]");
}

static inline void show_data(fl_buf *b, const fl_uff_data *d)
{
    switch (d->kind) {
    case FL_UFF_EMPTY: fl_put_text(b, "?"); break;
    case FL_UFF_S:     fl_put_text(b, d->u.s); break;
    case FL_UFF_REF:   fl_put_format(b, "@%s", d->u.s); break;
    case FL_UFF_D:     fl_put_format(b, "%g", d->u.d); break;
    case FL_UFF_B:     fl_put_text(b, d->u.b ? "true" : "false"); break;
    case FL_UFF_I:     fl_put_format(b, "%lld", (long long)d->u.i); break;
    case FL_UFF_DTYPE: fl_put_format(b, "#%llx", (long long)d->u.i); break;
    case FL_UFF_BLOB:  fl_put_format(b, "<%zu>", d->count); break;
    case FL_UFF_ORDERS:
    case FL_UFF_ORDERS_LIST:
        for (size_t i = 0; i < d->count; i++)
            show_list(b, &(fl_uff_data){.kind = FL_UFF_I_LIST, .count = d->u.orders[i].count, .u.i_list = d->u.orders[i].order});
        break;
    default: show_list(b, d); break;
    }
}

static inline int show_order(const void *a, const void *b)
{
    return strcmp((*(const fl_uff_field *const *)a)->key, (*(const fl_uff_field *const *)b)->key);
}

static inline void show_fields(fl_buf *b, const fl_uff_field *field, size_t count, const char *mark)
{
    const fl_uff_field *sorted[64];

    for (size_t i = 0; i < count && i < 64; i++)
        sorted[i] = &field[i];
    qsort(sorted, count < 64 ? count : 64, sizeof *sorted, show_order);
    for (size_t i = 0; i < count && i < 64; i++) {
        fl_put_format(b, " %s%s=", mark, sorted[i]->key);
        show_data(b, &sorted[i]->value);
    }
}

/* `values` of Const is left out: it always is @weights_<id>. */
static inline void show_node(fl_buf *b, const fl_uff_node *n)
{
    fl_put_format(b, "%s %s(", n->id, n->operation);
    for (size_t i = 0; i < n->n_input; i++) {
        fl_put_format(b, "%s%s", i ? ", " : "", n->input[i]);
        if (fl_uff_port(n, i) != 0)
            fl_put_format(b, ":%d", fl_uff_port(n, i));
    }
    fl_put_text(b, ")");
    fl_uff_node shown = *n;
    fl_uff_field kept[64];
    shown.n_field = 0;
    for (size_t i = 0; i < n->n_field && shown.n_field < 64; i++)
        if (strcmp(n->operation, "Const") != 0 || strcmp(n->field[i].key, "values") != 0)
            kept[shown.n_field++] = n->field[i];
    show_fields(b, kept, shown.n_field, "");
    show_fields(b, n->extra, n->n_extra, "+");
    fl_put_text(b, "\n");
}

/* To be freed. */
static inline char *show_graph(const fl_uff_graph *g)
{
    fl_buf b = fl_buf_make(NULL);

    for (size_t i = 0; i < g->n_node; i++)
        if (strcmp(g->node[i].operation, "MarkOutput") != 0)
            show_node(&b, &g->node[i]);
    fl_put_u8(&b, 0);
    char *text = strdup((const char *)b.data);
    fl_buf_free(&b);
    return text;
}

/* ---- an allocator whose k-th call fails, and all after it; what is not freed is counted */

typedef struct failing {
    size_t left, live;
} failing;

static inline void *failing_alloc(void *user, size_t bytes, size_t align)
{
    failing *f = user;
    void *ptr = NULL;

    if (f->left == 0 || posix_memalign(&ptr, align, bytes) != 0)
        return NULL;
    f->left--;
    f->live++;
    return ptr;
}

static inline void failing_free(void *user, void *ptr)
{
    if (ptr)
        ((failing *)user)->live--;
    free(ptr);
}

static inline floe_env failing_env(failing *f)
{
    return (floe_env){.alloc = failing_alloc, .free = failing_free, .alloc_user = f};
}

#endif
