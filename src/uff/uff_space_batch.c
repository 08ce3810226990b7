/* uff_space_batch.c - SpaceToBatchND and BatchToSpaceND as pads, reshapes and transposes.
 *
 * TensorFlow 1 wrote dilated convolutions as SpaceToBatchND, convolution, BatchToSpaceND. The converter folds the usual
 * triple into one dilated convolution; where something stands between (a bias, an activation, another block shape) the
 * two ends come here:
 *
 *   space to batch   x [N, H, W, C] -> pad -> [N, H/b, b, W/b, b, C] -> [b, b, N, H/b, W/b, C] -> [b*b*N, H/b, W/b, C]
 *   batch to space   the same backwards, then a slice for the crops
 *
 * for any number of block dimensions that fits FL_MAX_RANK.
 */
#include "uff/uff_importer.h"

#include <string.h>

typedef struct blocks {
    int     n; /* block dimensions: axes 1..n of the tensor */
    int64_t size[FL_MAX_RANK], pads[2 * FL_MAX_RANK];
    int64_t product;
} blocks;

static floe_status read_blocks(fl_uff_importer *m, const fl_uff_node *node, const fl_tensor *x, const char *what, blocks *b,
                               floe_error *err)
{
    floe_status st = FLOE_OK;
    int n_pads;
    FL_TRY(fl_uff_integers_of(m, node, 1, "the block shape", b->size, FL_MAX_RANK, &b->n, err));
    FL_TRY(fl_uff_integers_of(m, node, 2, what, b->pads, 2 * FL_MAX_RANK, &n_pads, err));
    if (n_pads != 2 * b->n || b->n >= x->desc.rank || x->desc.rank + b->n > FL_MAX_RANK)
        FL_FAIL(err, FLOE_ERR_UNSUPPORTED, "%d block dimensions with %d %s for a tensor of rank %d", b->n, n_pads, what,
                x->desc.rank);
    b->product = 1;
    for (int i = 0; i < b->n; i++) {
        if (b->size[i] < 1 || b->size[i] > 1 << 20 || b->pads[2 * i] < 0 || b->pads[2 * i + 1] < 0 || x->desc.dim[i + 1] < 0)
            FL_FAIL(err, FLOE_ERR_FORMAT, "a block of %lld, %s %lld and %lld", (long long)b->size[i], what,
                    (long long)b->pads[2 * i], (long long)b->pads[2 * i + 1]);
        b->product *= b->size[i];
    }
done:
    return st;
}

static floe_status transpose(fl_uff_importer *m, const fl_uff_node *node, fl_tensor *x, const int32_t *perm, fl_tensor **out,
                             floe_error *err)
{
    fl_op_params p = {0};
    memcpy(p.transpose.perm, perm, sizeof p.transpose.perm);
    return fl_uff_layer(m, node, FL_OP_TRANSPOSE, &p, &x, 1, out, err);
}

floe_status fl_uff_space_to_batch(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    blocks b;
    fl_tensor *x;
    fl_op_params pad = {0};
    int64_t split[FL_MAX_RANK], joined[FL_MAX_RANK];
    int32_t perm[FL_MAX_RANK] = {0};
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(read_blocks(m, node, x, "paddings", &b, err));
    for (int i = 0; i < b.n; i++) {
        pad.pad.before[i + 1] = b.pads[2 * i];
        pad.pad.after[i + 1] = b.pads[2 * i + 1];
    }
    FL_TRY(fl_uff_layer(m, node, FL_OP_PAD, &pad, &x, 1, &x, err));
    const int rank = x->desc.rank;
    split[0] = x->desc.dim[0];
    perm[b.n] = 0;
    if (!fl_dim_mul(x->desc.dim[0], b.product, &joined[0]))
        FL_FAIL(err, FLOE_ERR_LIMIT, "the batch grows too large");
    for (int i = 0; i < b.n; i++) {
        if (x->desc.dim[i + 1] % b.size[i])
            FL_FAIL(err, FLOE_ERR_SHAPE, "a padded size of %lld is no multiple of the block %lld",
                    (long long)x->desc.dim[i + 1], (long long)b.size[i]);
        joined[i + 1] = split[1 + 2 * i] = x->desc.dim[i + 1] / b.size[i];
        split[2 + 2 * i] = b.size[i];
        perm[i] = 2 + 2 * i;
        perm[b.n + 1 + i] = 1 + 2 * i;
    }
    for (int i = b.n + 1; i < rank; i++) {
        joined[i] = split[i + b.n] = x->desc.dim[i];
        perm[i + b.n] = i + b.n;
    }
    FL_TRY(fl_uff_reshape(m, node, x, rank + b.n, split, &x, err));
    FL_TRY(transpose(m, node, x, perm, &x, err));
    FL_TRY(fl_uff_reshape(m, node, x, rank, joined, &out->tensor[0], err));
done:
    return st;
}

floe_status fl_uff_batch_to_space(fl_uff_importer *m, const fl_uff_node *node, fl_uff_value *out, floe_error *err)
{
    floe_status st = FLOE_OK;
    blocks b;
    fl_tensor *x;
    fl_op_params cut = {0};
    int64_t split[FL_MAX_RANK], joined[FL_MAX_RANK];
    int32_t perm[FL_MAX_RANK] = {0};
    FL_TRY(fl_uff_tensor_of(m, node, 0, &x, err));
    FL_TRY(read_blocks(m, node, x, "crops", &b, err));
    const int rank = x->desc.rank;
    if (!fl_dim_div(x->desc.dim[0], b.product, &joined[0]))
        FL_FAIL(err, FLOE_ERR_SHAPE, "the batch is no multiple of the blocks' product %lld", (long long)b.product);
    split[b.n] = joined[0];
    perm[0] = b.n;
    cut.slice.size[0] = joined[0];
    cut.slice.stride[0] = 1;
    for (int i = 0; i < b.n; i++) {
        split[i] = b.size[i];
        split[b.n + 1 + i] = x->desc.dim[i + 1];
        perm[1 + 2 * i] = b.n + 1 + i;
        perm[2 + 2 * i] = i;
        joined[i + 1] = x->desc.dim[i + 1] * b.size[i];
        cut.slice.begin[i + 1] = b.pads[2 * i];
        cut.slice.stride[i + 1] = 1;
        cut.slice.size[i + 1] = joined[i + 1] - b.pads[2 * i] - b.pads[2 * i + 1];
        if (cut.slice.size[i + 1] < 0)
            FL_FAIL(err, FLOE_ERR_SHAPE, "crops of %lld and %lld from a size of %lld", (long long)b.pads[2 * i],
                    (long long)b.pads[2 * i + 1], (long long)joined[i + 1]);
    }
    for (int i = b.n + 1; i < rank; i++) {
        joined[i] = split[i + b.n] = cut.slice.size[i] = x->desc.dim[i];
        cut.slice.stride[i] = 1;
        perm[i + b.n] = i + b.n;
    }
    FL_TRY(fl_uff_reshape(m, node, x, rank + b.n, split, &x, err));
    FL_TRY(transpose(m, node, x, perm, &x, err));
    FL_TRY(fl_uff_reshape(m, node, x, rank, joined, &x, err));
    FL_TRY(fl_uff_layer(m, node, FL_OP_SLICE, &cut, &x, 1, &out->tensor[0], err));
done:
    return st;
}
