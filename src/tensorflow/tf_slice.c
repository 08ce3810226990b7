/* tf_slice.c - slices of tensors: their keys in a checkpoint, their textual form, their encoded form.
 *
 * The bytes of a slice stand under a key in "ordered code", which sorts as its parts would:
 *
 *     NUM(0) STR(name) NUM(rank) { SGN(start) SGN(length) } for each dimension
 *
 *     NUM   one byte with the count of significant bytes, then those bytes, high first
 *     STR   00 becomes 00 ff, ff becomes ff 00, the end is 00 01
 *     SGN   a sign-extended big-endian number whose first bits say how many bytes it has
 *
 * "The whole dimension" is start 0, length -1 there, and differs from the same extent written out: a key must be made
 * from the slice exactly as the checkpoint's own list of slices gives it.
 */
#include "proto/wire.h"
#include "tf_bundle.h"

#include <string.h>

/* ---- ordered code */

static void put_num(fl_buf *out, uint64_t v)
{
    uint8_t n = 0;

    for (uint64_t rest = v; rest; rest >>= 8)
        n++;
    fl_put_u8(out, n);
    while (n-- > 0)
        fl_put_u8(out, (uint8_t)(v >> (8 * n)));
}

static void put_str(fl_buf *out, fl_bytes s)
{
    for (size_t i = 0; i < s.size; i++) {
        fl_put_u8(out, s.data[i]);
        if (s.data[i] == 0x00)
            fl_put_u8(out, 0xff);
        else if (s.data[i] == 0xff)
            fl_put_u8(out, 0x00);
    }
    fl_put_u8(out, 0x00);
    fl_put_u8(out, 0x01);
}

static void put_sgn(fl_buf *out, int64_t v)
{
    static const uint8_t header[][2] = {{0, 0},    {0x80, 0}, {0xc0, 0}, {0xe0, 0},    {0xf0, 0},   {0xf8, 0},
                                        {0xfc, 0}, {0xfe, 0}, {0xff, 0}, {0xff, 0x80}, {0xff, 0xc0}};
    const uint64_t magnitude = (uint64_t)(v >= 0 ? v : ~v);
    int bits = 0;

    while (bits < 64 && magnitude >> bits)
        bits++;
    const int n = bits / 7 + 1;
    for (int i = 0; i < n; i++) {
        const int shift = 8 * (n - 1 - i);
        uint8_t byte = shift < 64 ? (uint8_t)((uint64_t)v >> shift) : (uint8_t)(v < 0 ? 0xff : 0);
        if (i < 2)
            byte ^= header[n][i];
        fl_put_u8(out, byte);
    }
}

void fl_tf_slice_key(fl_buf *out, fl_bytes name, const int64_t (*extents)[2], size_t rank)
{
    put_num(out, 0);
    put_str(out, name);
    put_num(out, rank);
    for (size_t i = 0; i < rank; i++) {
        put_sgn(out, extents[i][0]);
        put_sgn(out, extents[i][1]);
    }
}

/* ---- the encoded form */

static floe_status bad_slice(const fl_tf_bundle *b, const fl_tf_var *var, floe_error *err)
{
    return fl_fail(err, FLOE_ERR_FORMAT, "%s: variable '%s': a slice that does not fit its shape", b->prefix,
                   var->name);
}

/* Extent i of a TensorSliceProto as it is written: a missing length is -1. */
static bool read_extent(const fl_pb_field *f, int64_t extent[2])
{
    fl_reader r = fl_reader_make(f->bytes, f->size);
    fl_pb_field inner;

    extent[0] = 0;
    extent[1] = -1;
    while (fl_pb_next(&r, &inner)) {
        if (inner.wire != FL_PB_VARINT)
            continue;
        if (inner.number == 1)
            extent[0] = (int64_t)inner.value;
        else if (inner.number == 2)
            extent[1] = (int64_t)inner.value;
    }
    return !r.failed && extent[0] >= 0 && extent[1] >= -1;
}

floe_status fl_tf_bundle_add_slice(fl_tf_bundle *bundle, fl_tf_var *var, fl_bytes slice, fl_tf_part **out, fl_buf *key,
                                   floe_error *err)
{
    floe_status st = FLOE_OK;
    int64_t extents[FL_TF_RANK_MAX][2];
    fl_reader r = fl_reader_make(slice.data, slice.size);
    fl_pb_field f;
    int rank = 0;

    FL_TRY(fl_tf_bundle_add_whole(bundle, var, out, err));
    fl_tf_region *region = &(*out)->region;
    while (fl_pb_next(&r, &f)) {
        if (f.number != 1 || f.wire != FL_PB_BYTES)
            continue;
        if (rank == var->rank || !read_extent(&f, extents[rank])) {
            st = bad_slice(bundle, var, err);
            goto done;
        }
        const int64_t start = extents[rank][0], length = extents[rank][1];
        if (length >= 0) {
            region->start[rank] = start;
            region->length[rank] = length;
        }
        if (length >= 0 ? start > var->dim[rank] || length > var->dim[rank] - start : start != 0) {
            st = bad_slice(bundle, var, err);
            goto done;
        }
        rank++;
    }
    if (r.failed || rank != var->rank) {
        st = bad_slice(bundle, var, err);
        goto done;
    }
    key->size = 0;
    fl_tf_slice_key(key, (fl_bytes){(const uint8_t *)var->name, strlen(var->name)}, (const int64_t(*)[2])extents,
                    (size_t)rank);
    FL_NEED(key->failed ? NULL : key->data, key->size, "a slice key", err);
done:
    return st;
}

/* ---- the textual form */

typedef struct spec_reader {
    const uint8_t *at, *end;
} spec_reader;

static bool read_number(spec_reader *r, int64_t *v)
{
    const uint8_t *start = r->at;

    *v = 0;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        if (*v > (INT64_MAX - 9) / 10)
            return false;
        *v = *v * 10 + (*r->at++ - '0');
    }
    return r->at > start;
}

static bool accept(spec_reader *r, char c)
{
    if (r->at == r->end || *r->at != (uint8_t)c)
        return false;
    r->at++;
    return true;
}

/* "d0 d1 e0:e1": dimensions that each end in a space, then an extent for each of them. */
static bool read_spec(spec_reader *r, fl_tf_region *region, int64_t *dim)
{
    for (int i = 0; i < region->rank; i++)
        if (!read_number(r, &dim[i]) || !accept(r, ' '))
            return false;
    for (int i = 0; i < region->rank; i++) {
        if (i > 0 && !accept(r, ':'))
            return false;
        region->length[i] = dim[i];
        if (accept(r, '-'))
            continue;
        if (!read_number(r, &region->start[i]) || !accept(r, ',') || !read_number(r, &region->length[i]) ||
            region->start[i] > dim[i] || region->length[i] > dim[i] - region->start[i])
            return false;
    }
    return r->at == r->end;
}

floe_status fl_tf_region_parse(fl_arena *arena, fl_bytes spec, fl_tf_region *out, int64_t **full_dim, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_region region = {0, NULL, NULL};

    *full_dim = NULL;
    *out = (fl_tf_region){-1, NULL, NULL};
    if (spec.size == 0) /* data may be NULL */
        goto done;
    spec_reader r = {spec.data, spec.data + spec.size};
    for (size_t i = 0; i < spec.size; i++)
        region.rank += spec.data[i] == ' ' && region.rank <= FL_TF_RANK_MAX;
    const size_t rank = (size_t)region.rank;
    region.start = fl_arena_calloc(arena, rank, sizeof *region.start);
    region.length = fl_arena_calloc(arena, rank, sizeof *region.length);
    int64_t *dim = fl_arena_calloc(arena, rank, sizeof *dim);
    FL_NEED(region.start && region.length && dim ? dim : NULL, 3 * rank * sizeof *dim, "a slice", err);
    if (region.rank > FL_TF_RANK_MAX || !read_spec(&r, &region, dim))
        FL_FAIL(err, FLOE_ERR_FORMAT, "'%.*s' is no slice specification (\"4 16 0,2:-\")",
                (int)(spec.size < 100 ? spec.size : 100), (const char *)spec.data);
    *out = region;
    *full_dim = dim;
done:
    return st;
}
