/* tf_bundle.c - a checkpoint as a list of variables, and reading one of them, put together from its parts.
 *
 * The two formats (tf_bundle_v2.c, tf_bundle_v1.c) fill the same list: a variable has a name, a dtype, a shape, and one
 * or more parts, boxes inside it whose values stand somewhere. Most variables have one part, all of it, and reading
 * such a one copies nothing where the bytes in the file are the values.
 *
 * Otherwise the region asked for is put together by copying the overlap of each part with it. The overlaps must not
 * overlap each other and their volumes must sum up to the region's: together that means each element is written once.
 * Volumes are compared before memory is asked for.
 */
#include "tf_bundle.h"

#include <stdio.h>
#include <string.h>

#define PARTS_MAX 8192 /* parts are compared in pairs; a sharded save of a huge variable has hundreds */

/* ---- filling */

floe_status fl_tf_bundle_add(fl_tf_bundle *bundle, fl_tf_var **out, fl_bytes name, bool *is_new, floe_error *err)
{
    floe_status st = FLOE_OK;

    if (name.size == 0 || memchr(name.data, 0, name.size))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: damaged: a variable without a name", bundle->prefix);
    const uint32_t known = fl_names_find_n(&bundle->by_name, (const char *)name.data, name.size);
    *is_new = known == FL_NAMES_NONE;
    if (!*is_new) {
        *out = &bundle->var[known];
        goto done;
    }
    fl_tf_var *vars = fl_arena_grow(&bundle->arena, bundle->var, bundle->n_var, &bundle->cap_var, sizeof *vars);
    FL_NEED(vars, sizeof *vars, "variables", err);
    bundle->var = vars;
    fl_tf_var *var = &bundle->var[bundle->n_var];
    var->name = fl_arena_strndup(&bundle->arena, (const char *)name.data, name.size);
    FL_NEED(var->name, name.size, "a name", err);
    FL_TRY(fl_names_add(&bundle->by_name, var->name, (uint32_t)bundle->n_var, err));
    bundle->n_var++;
    *out = var;
done:
    return st;
}

floe_status fl_tf_bundle_describe(fl_tf_bundle *bundle, fl_tf_var *var, int dtype, fl_bytes shape, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_shape s;
    bool fits = true;

    st = fl_tf_shape_parse(&bundle->arena, shape, &s, err);
    if (st != FLOE_OK) {
        fl_error_prefix(err, "%s: variable '%s'", bundle->prefix, var->name);
        goto done;
    }
    var->dtype = dtype;
    var->rank = s.rank;
    var->dim = s.dim;
    var->count = 1;
    for (int i = 0; i < s.rank; i++)
        fits = fits && s.dim[i] >= 0 && !__builtin_mul_overflow(var->count, s.dim[i], &var->count);
    if (s.unknown_rank || !fits)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: variable '%s': damaged: its shape is unknown or impossible",
                bundle->prefix, var->name);
done:
    return st;
}

floe_status fl_tf_bundle_add_whole(fl_tf_bundle *bundle, fl_tf_var *var, fl_tf_part **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t rank = (size_t)var->rank;

    if (var->n_parts == PARTS_MAX)
        FL_FAIL(err, FLOE_ERR_LIMIT, "%s: variable '%s': more than %d slices", bundle->prefix, var->name, PARTS_MAX);
    fl_tf_part *part = fl_arena_alloc(&bundle->arena, sizeof *part);
    int64_t *numbers = fl_arena_calloc(&bundle->arena, 2 * rank, sizeof *numbers);
    FL_NEED(part && numbers ? part : NULL, sizeof *part + 2 * rank * sizeof *numbers, "a slice", err);
    part->region = (fl_tf_region){var->rank, numbers, numbers + rank};
    if (rank > 0)
        memcpy(part->region.length, var->dim, rank * sizeof *var->dim);
    part->next = var->parts;
    var->parts = part;
    var->n_parts++;
    *out = part;
done:
    return st;
}

/* ---- opening and finding */

static bool has_index(const char *prefix)
{
    char path[4096];
    return snprintf(path, sizeof path, "%s.index", prefix) < (int)sizeof path && fl_path_exists(path);
}

floe_status fl_tf_bundle_open(fl_tf_bundle **out, const floe_env *env, const char *prefix, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_tf_bundle *b = fl_calloc(env, 1, sizeof *b);

    FL_NEED(b, sizeof *b, "a checkpoint", err);
    b->env = env;
    fl_arena_init(&b->arena, env);
    fl_names_init(&b->by_name, &b->arena);
    b->prefix = fl_arena_strdup(&b->arena, prefix);
    FL_NEED(b->prefix, strlen(prefix), "a path", err);
    b->v1 = !has_index(prefix);
    FL_TRY(b->v1 ? fl_tf_bundle_open_v1(b, err) : fl_tf_bundle_open_v2(b, err));
    *out = b;
    b = NULL;
done:
    fl_tf_bundle_free(b);
    return st;
}

void fl_tf_bundle_free(fl_tf_bundle *bundle)
{
    if (!bundle)
        return;
    for (fl_tf_shard *shard = bundle->shards; shard; shard = shard->next)
        fl_file_unmap(&shard->file);
    fl_file_unmap(&bundle->index);
    fl_arena_free(&bundle->arena);
    fl_free(bundle->env, bundle);
}

const fl_tf_var *fl_tf_bundle_find(const fl_tf_bundle *bundle, const char *name)
{
    const uint32_t i = fl_names_find(&bundle->by_name, name);
    return i == FL_NAMES_NONE ? NULL : &bundle->var[i];
}

const char *fl_tf_bundle_nearest(const fl_tf_bundle *bundle, const char *name)
{
    const char **names = fl_calloc(bundle->env, bundle->n_var, sizeof *names);

    if (!names)
        return NULL;
    for (size_t i = 0; i < bundle->n_var; i++)
        names[i] = bundle->var[i].name;
    const char *near = fl_nearest_name(name, names, bundle->n_var);
    fl_free(bundle->env, names);
    return near;
}

/* ---- reading */

static floe_status read_part(fl_tf_bundle *b, const fl_tf_var *var, const fl_tf_part *part, fl_arena *arena,
                             fl_tf_tensor *out, floe_error *err)
{
    *out = (fl_tf_tensor){.dtype = var->dtype, .rank = var->rank, .dim = part->region.length};
    return b->v1 ? fl_tf_bundle_part_v1(b, var, part, arena, out, err)
                 : fl_tf_bundle_part_v2(b, var, part, arena, out, err);
}

static bool same_region(const fl_tf_region *a, const fl_tf_region *b)
{
    for (int i = 0; i < a->rank; i++)
        if (a->start[i] != b->start[i] || a->length[i] != b->length[i])
            return false;
    return true;
}

/* The overlap's start and length in one dimension. */
static int64_t overlap_1d(const fl_tf_region *a, const fl_tf_region *b, int i, int64_t *start)
{
    const int64_t a_end = a->start[i] + a->length[i], b_end = b->start[i] + b->length[i];
    const int64_t end = a_end < b_end ? a_end : b_end;

    *start = a->start[i] > b->start[i] ? a->start[i] : b->start[i];
    return end > *start ? end - *start : 0;
}

static bool overlap(const fl_tf_region *a, const fl_tf_region *b)
{
    int64_t start;

    for (int i = 0; i < a->rank; i++)
        if (overlap_1d(a, b, i, &start) == 0)
            return false;
    return true;
}

/* The product of the lengths, or -1 when it is too large for a tensor. */
static int64_t volume(const fl_tf_region *r)
{
    int64_t v = 1;
    bool empty = false;

    for (int i = 0; i < r->rank; i++)
        empty = empty || r->length[i] == 0;
    for (int i = 0; i < r->rank && !empty; i++)
        if (__builtin_mul_overflow(v, r->length[i], &v) || v > (int64_t)FL_TF_TENSOR_BYTES_MAX)
            return -1;
    return empty ? 0 : v;
}

/* Elements of the region that the parts hold; -1 when two parts hold the same one. */
static int64_t covered(const fl_tf_var *var, const fl_tf_region *region)
{
    int64_t sum = 0, start;

    for (const fl_tf_part *p = var->parts; p; p = p->next) {
        if (!overlap(&p->region, region))
            continue;
        for (const fl_tf_part *q = p->next; q; q = q->next)
            if (overlap(&p->region, &q->region))
                return -1;
        int64_t v = 1;
        for (int i = 0; i < region->rank; i++)
            v *= overlap_1d(&p->region, region, i, &start); /* within the region's volume, which is checked */
        sum += v;
    }
    return sum;
}

/* Copies the overlap of src (at src_region) into dst (at dst_region), both dense, in runs of the last dimension. */
static void copy_overlap(uint8_t *dst, const fl_tf_region *dst_region, const uint8_t *src,
                         const fl_tf_region *src_region, size_t element)
{
    const int rank = dst_region->rank, last = rank - 1;
    int64_t start[FL_TF_RANK_MAX], length[FL_TF_RANK_MAX], at[FL_TF_RANK_MAX] = {0};

    for (int i = 0; i < rank; i++)
        length[i] = overlap_1d(dst_region, src_region, i, &start[i]);
    for (;;) {
        size_t to = 0, from = 0;
        for (int i = 0; i < rank; i++) {
            const int64_t index = start[i] + at[i];
            to = to * (size_t)dst_region->length[i] + (size_t)(index - dst_region->start[i]);
            from = from * (size_t)src_region->length[i] + (size_t)(index - src_region->start[i]);
        }
        memcpy(dst + to * element, src + from * element, (size_t)(rank > 0 ? length[last] : 1) * element);
        int i = last - 1;
        while (i >= 0 && ++at[i] == length[i])
            at[i--] = 0;
        if (i < 0)
            return;
    }
}

static floe_status assemble(fl_tf_bundle *b, const fl_tf_var *var, const fl_tf_region *region, fl_arena *arena,
                            fl_tf_tensor *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const bool strings = var->dtype == FL_TF_STRING;
    const size_t element = strings ? sizeof(fl_bytes) : fl_tf_dtype_bytes(var->dtype);
    const int64_t count = volume(region);
    fl_tf_tensor part;

    if (element == 0)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%s: variable '%s': values of type %s", b->prefix, var->name,
                fl_tf_dtype_name(var->dtype));
    if (count < 0 || (uint64_t)count * element >= FL_TF_TENSOR_BYTES_MAX)
        FL_FAIL(err, FLOE_ERR_LIMIT, "%s: variable '%s': 2 GiB or more", b->prefix, var->name);
    const int64_t stored = count == 0 ? 0 : covered(var, region);
    if (stored != count)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: variable '%s': damaged: its slices %s", b->prefix, var->name,
                stored < 0 ? "overlap" : "leave a gap");
    uint8_t *data = fl_arena_alloc_data(arena, (size_t)count * element);
    FL_NEED(data, (size_t)count * element, var->name, err);
    for (const fl_tf_part *p = var->parts; p && count > 0; p = p->next) {
        if (!overlap(&p->region, region))
            continue;
        FL_TRY(read_part(b, var, p, arena, &part, err));
        copy_overlap(data, region, strings ? (const uint8_t *)part.strings : part.data, &p->region, element);
    }
    *out = (fl_tf_tensor){.dtype = var->dtype, .rank = region->rank, .dim = region->length, .count = count};
    if (strings) {
        out->strings = (fl_bytes *)(void *)data;
    } else {
        out->data = data;
        out->bytes = (size_t)count * element;
    }
done:
    return st;
}

floe_status fl_tf_bundle_read(fl_tf_bundle *bundle, const fl_tf_var *var, const fl_tf_region *region, fl_arena *arena,
                              fl_tf_tensor *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    const size_t rank = (size_t)var->rank;
    fl_tf_region whole = {var->rank, fl_arena_calloc(arena, rank, sizeof(int64_t)), var->dim};

    FL_NEED(whole.start, rank * sizeof(int64_t), "a region", err);
    if (!region || region->rank < 0)
        region = &whole;
    if (region->rank != var->rank)
        FL_FAIL(err, FLOE_ERR_SHAPE, "%s: variable '%s': a slice of rank %d, but it has rank %d", bundle->prefix,
                var->name, region->rank, var->rank);
    if (var->n_parts == 1 && same_region(region, &var->parts->region))
        FL_TRY(read_part(bundle, var, var->parts, arena, out, err));
    else
        FL_TRY(assemble(bundle, var, region, arena, out, err));
done:
    return st;
}
