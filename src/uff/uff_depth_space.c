/* uff_depth_space.c - DepthToSpace and SpaceToDepth: blocks of b x b pixels and channels trade places.
 *
 * Both are a reshape that gives the block axes of their own, a transpose, and a reshape that joins them elsewhere. With
 * a block (i, j) and C channels of the picture, the deep side's channel is (i * b + j) * C + c:
 *
 *             deep                     split                  swapped                  wide
 *   NHWC   N, H, W, b*b*C   <->   N, H, W, b, b, C   <->   N, H, b, W, b, C   <->   N, H*b, W*b, C
 *   NCHW   N, b*b*C, H, W   <->   N, b, b, C, H, W   <->   N, C, H, b, W, b   <->   N, C, H*b, W*b
 *
 * Super-resolution nets end in the way from left to right.
 */
#include "uff/uff_importer.h"

#include <string.h>

#define LARGEST_BLOCK                                                                                                  \
    128 /* its square times a dimension, below 2^48 each, fits 64 bits also where the tensor is empty */

static floe_status permute(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, const int64_t split[6],
                           const int32_t perm[6], const int64_t result[4], fl_tensor **out, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_op_params p = {0};
    memcpy(p.transpose.perm, perm, 6 * sizeof *perm);
    FL_TRY(fl_uff_reshape(m, node, x, 6, split, &x, err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_TRANSPOSE, &p, &x, 1, &x, err));
    FL_TRY(fl_uff_reshape(m, node, x, 4, result, out, err));
done:
    return st;
}

/* What both read: x, the block, and whether channels stand last. */
typedef struct input {
    fl_tensor *x;
    int64_t    b;
    bool       last;
} input;

static floe_status read_input(fl_uff_importer *m, const fl_uff_node *node, input *in, floe_error *err)
{
    floe_status st = FLOE_OK;
    char text[FL_TENSOR_TEXT];
    const char *format = fl_uff_string(m->graph, node, "data_format");
    FL_TRY(fl_uff_tensor_of(m, node, 0, &in->x, err));
    in->b = fl_uff_int(m->graph, node, "block_size", 0);
    in->last = !format || !strcmp(format, "NHWC");
    const fl_tensor_desc *x = &in->x->desc;
    if (!in->last && strcmp(format, "NCHW"))
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "data_format %s; NHWC and NCHW are supported", format);
    if (x->rank != 4)
        FL_FAIL(err, FLOE_ERR_SHAPE, "needs an input of rank 4, found %s", fl_tensor_text(x, text, sizeof text));
    if (in->b < 2 || in->b > LARGEST_BLOCK)
        FL_FAIL(err, FLOE_ERR_LIMIT, "a block_size of %lld; 2 to %d are possible", (long long)in->b, LARGEST_BLOCK);
    for (int i = 1; i < 4; i++)
        if (x->dim[i] < 0)
            FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "dimension %d of %s depends on the batch", i,
                    fl_tensor_text(x, text, sizeof text));
done:
    return st;
}

floe_status fl_uff_depth_to_space(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    static const int32_t nhwc[6] = {0, 1, 3, 2, 4, 5}, nchw[6] = {0, 3, 4, 1, 5, 2};
    floe_status st = FLOE_OK;
    input in;
    FL_TRY(read_input(m, node, &in, err));
    const int64_t *d = in.x->desc.dim, b = in.b, deep = d[in.last ? 3 : 1], c = deep / b / b;
    if (deep % b || deep / b % b)
        FL_FAIL(err, FLOE_ERR_SHAPE, "%lld channels are no multiple of a block of %lldx%lld", (long long)deep,
                (long long)b, (long long)b);
    const int64_t h = d[in.last ? 1 : 2], w = d[in.last ? 2 : 3];
    if (in.last)
        FL_TRY(permute(m, node, in.x, (const int64_t[]){d[0], h, w, b, b, c}, nhwc,
                       (const int64_t[]){d[0], h * b, w * b, c}, &out->tensor[0], err));
    else
        FL_TRY(permute(m, node, in.x, (const int64_t[]){d[0], b, b, c, h, w}, nchw,
                       (const int64_t[]){d[0], c, h * b, w * b}, &out->tensor[0], err));
done:
    return st;
}

floe_status fl_uff_space_to_depth(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    static const int32_t nhwc[6] = {0, 1, 3, 2, 4, 5}, nchw[6] = {0, 3, 5, 1, 2, 4};
    floe_status st = FLOE_OK;
    input in;
    FL_TRY(read_input(m, node, &in, err));
    const int64_t *d = in.x->desc.dim, b = in.b;
    const int64_t wide_h = d[in.last ? 1 : 2], wide_w = d[in.last ? 2 : 3], c = d[in.last ? 3 : 1];
    if (wide_h % b || wide_w % b)
        FL_FAIL(err, FLOE_ERR_SHAPE, "%lldx%lld pixels cannot be cut into blocks of %lldx%lld", (long long)wide_h,
                (long long)wide_w, (long long)b, (long long)b);
    const int64_t h = wide_h / b, w = wide_w / b;
    if (in.last)
        FL_TRY(permute(m, node, in.x, (const int64_t[]){d[0], h, b, w, b, c}, nhwc,
                       (const int64_t[]){d[0], h, w, b * b * c}, &out->tensor[0], err));
    else
        FL_TRY(permute(m, node, in.x, (const int64_t[]){d[0], c, h, b, w, b}, nchw,
                       (const int64_t[]){d[0], b * b * c, h, w}, &out->tensor[0], err));
done:
    return st;
}
